//! Bytes put aside.

use std::fs::File;
use std::io::{self, Read, Seek, Write};

use super::StoreError;
use super::map::scratch;

/// Bytes held before they go to a file.
const HELD_BYTES: usize = 16 << 20;

/// Bytes that wait until it is known what stands before them: for formats whose files begin with
/// counts. Up to 16 MiB are held in memory, more lie in a file of `TAMIS_SCRATCH` (or the system's
/// folder for temporary files) that is gone with this value, even where the process is killed.
#[derive(Default)]
pub struct Scratch {
    held: Vec<u8>,
    file: Option<File>,
    bytes: u64,
}

impl Scratch {
    /// Adds bytes.
    ///
    /// # Errors
    /// When there is no room for them.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.held.extend_from_slice(bytes);
        self.bytes += bytes.len() as u64;
        if self.held.len() < HELD_BYTES {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(
                scratch().map_err(|(place, source)| failed(place.display().to_string(), source))?.0,
            ),
        };
        file.write_all(&self.held).map_err(|source| failed(place(), source))?;
        self.held.clear();
        Ok(())
    }

    /// Bytes put aside.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Gives all of it to `out`, in pieces whose cuts do not depend on the writes.
    ///
    /// # Errors
    /// When it cannot be read, or `out` fails.
    pub fn give<E: From<StoreError>>(
        mut self,
        mut out: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        const PIECE: usize = 1 << 20;
        let mut piece = Vec::with_capacity(PIECE);
        let mut rest = self.held.as_slice();
        if let Some(file) = &mut self.file {
            file.rewind().map_err(|source| failed(place(), source))?;
            loop {
                piece.clear();
                file.take(PIECE as u64)
                    .read_to_end(&mut piece)
                    .map_err(|source| failed(place(), source))?;
                if piece.len() < PIECE {
                    break;
                }
                out(&piece)?;
            }
            let (end, after) = rest.split_at(rest.len().min(PIECE - piece.len()));
            piece.extend_from_slice(end);
            out(&piece)?;
            rest = after;
        }
        rest.chunks(PIECE).try_for_each(out)
    }
}

fn place() -> String {
    "a temporary file".to_owned()
}

fn failed(path: String, source: io::Error) -> StoreError {
    StoreError::Scratch { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_in_the_same_pieces_whatever_the_writes_were() {
        let bytes: Vec<u8> = (0..=250).cycle().take(HELD_BYTES + (3 << 20) + 17).collect();
        let mut given = Vec::new();
        for size in [999_983, HELD_BYTES + 5, bytes.len()] {
            let mut scratch = Scratch::default();
            for part in bytes.chunks(size) {
                scratch.write(part).unwrap();
            }
            assert_eq!(scratch.bytes(), bytes.len() as u64);
            let (mut back, mut sizes) = (Vec::new(), Vec::new());
            scratch
                .give(|piece| {
                    back.extend_from_slice(piece);
                    sizes.push(piece.len());
                    Ok::<(), StoreError>(())
                })
                .unwrap();
            assert!(back == bytes, "writes of {size}");
            given.push(sizes);
        }
        assert_eq!(given[0], given[1]);
        assert_eq!(given[0], given[2]);
    }
}
