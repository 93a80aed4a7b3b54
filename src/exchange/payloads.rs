//! Payloads that wait to be written.

/// Bytes of a chunk. One buffer that grows takes fresh memory all the time, which the system maps and
/// clears page by page: that costs more than copying into it. Chunks are used again.
const CHUNK: usize = 1 << 20;

/// Payloads in memory, in chunks.
#[derive(Default)]
pub(super) struct Payloads {
    chunks: Vec<Vec<u8>>,
    /// Empty ones.
    idle: Vec<Vec<u8>>,
    /// Of payloads, and of ends of chunks that the next one did not fit in.
    taken: usize,
}

/// Where a payload lies.
#[derive(Clone, Copy)]
pub(super) struct At {
    chunk: u32,
    start: u32,
    length: u32,
}

impl Payloads {
    /// Bytes that are taken.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// Adds the payload that `parts` are, one behind the other; `None` where it is of 4 GiB or more.
    pub(super) fn push(&mut self, parts: &[&[u8]]) -> Option<At> {
        let bytes = parts.iter().map(|part| part.len()).sum();
        let length = u32::try_from(bytes).ok()?;
        let room = self.chunks.last().map_or(0, |chunk| chunk.capacity() - chunk.len());
        if room < bytes || self.chunks.is_empty() {
            self.taken += room;
            let idle = if bytes <= CHUNK { self.idle.pop() } else { None };
            self.chunks.push(idle.unwrap_or_else(|| Vec::with_capacity(bytes.max(CHUNK))));
        }
        let chunk = u32::try_from(self.chunks.len() - 1).ok()?;
        let last = self.chunks.last_mut()?;
        let start = u32::try_from(last.len()).ok()?;
        for part in parts {
            last.extend_from_slice(part);
        }
        self.taken += bytes;
        Some(At { chunk, start, length })
    }

    /// A payload.
    pub(super) fn get(&self, at: At) -> &[u8] {
        let start = at.start as usize;
        &self.chunks[at.chunk as usize][start..start + at.length as usize]
    }

    /// Forgets all payloads.
    pub(super) fn clear(&mut self) {
        for mut chunk in self.chunks.drain(..) {
            if chunk.capacity() == CHUNK {
                chunk.clear();
                self.idle.push(chunk);
            }
        }
        self.taken = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_come_back_from_chunks_old_and_new() {
        let mut payloads = Payloads::default();
        for round in 0..3_u8 {
            let sizes = [0, 1, CHUNK - 1, CHUNK / 2, CHUNK, CHUNK + 1, 3, 2 * CHUNK, 0];
            let bytes = sizes.map(|size| vec![round; size]);
            let places = bytes.each_ref().map(|bytes| {
                let (left, right) = bytes.split_at(bytes.len() / 3);
                payloads.push(&[left, right]).unwrap()
            });
            let held: usize = payloads.chunks.iter().map(Vec::capacity).sum();
            let sum: usize = sizes.iter().sum();
            assert!(payloads.taken() > sum && payloads.taken() <= held);
            for (bytes, at) in bytes.iter().zip(places) {
                assert!(payloads.get(at) == bytes);
            }
            payloads.clear();
            assert_eq!(payloads.taken(), 0);
        }
        assert!(
            payloads.idle.len() < 6 && payloads.idle.iter().all(|idle| idle.capacity() == CHUNK)
        );
    }
}
