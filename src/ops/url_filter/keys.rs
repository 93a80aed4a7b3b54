//! Millions of strings to look up, in 16 bytes each.

use xxhash_rust::xxh3::xxh3_128;

/// A set of strings, kept as their 128-bit hashes: that two of a billion strings share one has a
/// chance of less than 10⁻²⁰, so an answer is as good as exact.
#[derive(Default)]
pub(super) struct Keys {
    /// Sorted.
    hashes: Vec<u128>,
    /// Where the hashes with each value of the upper bits begin; one more than there are values.
    starts: Vec<u32>,
    /// How far a hash is shifted for its upper bits.
    shift: u32,
}

impl Keys {
    pub(super) fn insert(&mut self, key: &str) {
        self.hashes.push(xxh3_128(key.as_bytes()));
    }

    /// Makes the set ready; nothing may be inserted any more.
    ///
    /// # Errors
    /// With more than 2³² entries.
    pub(super) fn seal(&mut self) -> Result<(), String> {
        self.hashes.sort_unstable();
        self.hashes.dedup();
        self.hashes.shrink_to_fit();
        if u32::try_from(self.hashes.len()).is_err() {
            return Err("more than 2^32 entries".to_owned());
        }
        // About eight hashes, two cache lines, to each value of the upper bits.
        let bits = (self.hashes.len() / 8).max(2).next_power_of_two().ilog2();
        self.shift = 128 - bits;
        self.starts = Vec::with_capacity((1 << bits) + 1);
        let mut start = 0u32;
        for value in 0..=1u128 << bits {
            while self.hashes.get(start as usize).is_some_and(|hash| hash >> self.shift < value) {
                start += 1;
            }
            self.starts.push(start);
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        if self.starts.is_empty() {
            return false;
        }
        let hash = xxh3_128(key.as_bytes());
        // At most 2^29 values.
        let value = (hash >> self.shift) as usize;
        let range = self.starts[value] as usize..self.starts[value + 1] as usize;
        self.hashes[range].contains(&hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_put_in_and_nothing_else() {
        for size in [0, 1, 2, 7, 8, 9, 100, 5000] {
            let mut keys = Keys::default();
            for number in (0..size).chain(0..size.min(3)) {
                keys.insert(&format!("host-{number}.example"));
            }
            keys.seal().unwrap();
            assert_eq!(keys.len(), size);
            for number in 0..size {
                assert!(keys.contains(&format!("host-{number}.example")), "{number} of {size}");
            }
            for number in size..size + 1000 {
                assert!(!keys.contains(&format!("host-{number}.example")), "{number} of {size}");
            }
        }
        assert!(!Keys::default().contains(""));
    }
}
