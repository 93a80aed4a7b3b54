//! `.bin` and `.idx` of [Megatron-LM](https://github.com/NVIDIA/Megatron-LM)
//! (`megatron/core/datasets/indexed_dataset.py`), also read by `DeepSpeed`, GPT-NeoX and NeMo.
//!
//! `.bin` holds the token ids back to back. `.idx`, little-endian: the nine bytes `MMIDIDX\0\0`;
//! `u64` version 1; `u8` type (8: u16, 4: i32); `u64` number of sequences S; `u64` number of
//! document indices S+1; S × `i32` lengths in tokens; S × `i64` byte offsets in `.bin`; S+1 × `i64`
//! document indices. One sequence is one document.

use std::io::{self, Write};

use super::Width;

/// Documents a shard may hold: document indices are 32-bit in Megatron's own index files
/// ([issue 1056](https://github.com/NVIDIA/Megatron-LM/issues/1056)).
pub const MAX_DOCUMENTS: usize = i32::MAX as usize - 1;

/// Gathers the lengths of a shard's documents, for its `.idx`.
#[derive(Debug)]
pub struct MegatronIndex {
    width: Width,
    lengths: Vec<i32>,
}

impl MegatronIndex {
    /// An index of tokens of the given width.
    #[must_use]
    pub fn new(width: Width) -> Self {
        Self { width, lengths: Vec::new() }
    }

    /// Adds a document of `tokens` ids; `false` where the shard can take no more.
    #[must_use]
    pub fn push(&mut self, tokens: usize) -> bool {
        match i32::try_from(tokens) {
            Ok(tokens) if self.lengths.len() < MAX_DOCUMENTS => {
                self.lengths.push(tokens);
                true
            }
            _ => false,
        }
    }

    /// Writes the `.idx`.
    ///
    /// # Errors
    /// When `out` does.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let documents = self.lengths.len() as u64;
        out.write_all(b"MMIDIDX\0\0")?;
        out.write_all(&1u64.to_le_bytes())?;
        out.write_all(&[match self.width {
            Width::U16 => 8,
            Width::I32 => 4,
        }])?;
        out.write_all(&documents.to_le_bytes())?;
        out.write_all(&(documents + 1).to_le_bytes())?;
        let mut out = io::BufWriter::with_capacity(1 << 16, out);
        for length in &self.lengths {
            out.write_all(&length.to_le_bytes())?;
        }
        // 64-bit all the way: a 32-bit sum overflows beyond 2 GiB of tokens (Megatron issue 1672).
        let mut offset = 0u64;
        for length in &self.lengths {
            out.write_all(&offset.to_le_bytes())?;
            offset += u64::from(length.unsigned_abs()) * self.width.bytes() as u64;
        }
        for index in 0..=documents {
            out.write_all(&index.to_le_bytes())?;
        }
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that megatron-core's own `IndexedDatasetBuilder` wrote for these documents.
    #[test]
    fn the_index_is_megatrons_byte_for_byte() {
        let documents: [&[u32]; 3] =
            [&[1, 2, 3, 50_256], &[7, 50_256], &[9, 10, 11, 12, 13, 50_256]];
        let mut index = MegatronIndex::new(Width::of(50_257));
        let mut bin = Vec::new();
        for document in documents {
            Width::U16.append(document, &mut bin);
            assert!(index.push(document.len()));
        }
        let mut idx = Vec::new();
        index.write(&mut idx).unwrap();
        let mut expected = vec![0x4d, 0x4d, 0x49, 0x44, 0x49, 0x44, 0x58, 0, 0];
        expected.extend(1u64.to_le_bytes());
        expected.push(8);
        expected.extend(3u64.to_le_bytes());
        expected.extend(4u64.to_le_bytes());
        for length in [4i32, 2, 6] {
            expected.extend(length.to_le_bytes());
        }
        for number in [0i64, 8, 12, 0, 1, 2, 3] {
            expected.extend(number.to_le_bytes());
        }
        assert_eq!(idx, expected);
        assert_eq!(idx.len(), 102);
        assert_eq!(bin.len(), 24);
        assert_eq!(&bin[..8], [1, 0, 2, 0, 3, 0, 0x50, 0xc4]);
    }

    #[test]
    fn a_large_vocabulary_takes_four_bytes() {
        assert_eq!(Width::of(65_499), Width::U16);
        assert_eq!(Width::of(65_500), Width::I32);
        let mut bytes = Vec::new();
        Width::I32.append(&[151_643], &mut bytes);
        assert_eq!(bytes, 151_643u32.to_le_bytes());
    }

    #[test]
    fn offsets_do_not_overflow_beyond_two_gib() {
        let mut index = MegatronIndex::new(Width::I32);
        for _ in 0..4 {
            assert!(index.push(1 << 30));
        }
        let mut idx = Vec::new();
        index.write(&mut idx).unwrap();
        let last = 34 + 4 * 4 + 3 * 8;
        let offset = i64::from_le_bytes(idx[last..last + 8].try_into().unwrap());
        assert_eq!(offset, 3 << 32);
    }
}
