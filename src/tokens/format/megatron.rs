//! `.bin` and `.idx` of [Megatron-LM](https://github.com/NVIDIA/Megatron-LM)
//! (`megatron/core/datasets/indexed_dataset.py`), also read by `DeepSpeed`, GPT-NeoX and NeMo.
//!
//! `.bin` holds the token ids back to back. `.idx`, little-endian: the nine bytes `MMIDIDX\0\0`;
//! `u64` version 1; `u8` type (1: u8, 4: i32, 8: u16); `u64` number of sequences S; `u64` number of
//! document indices S+1; S × `i32` lengths in tokens; S × `i64` byte offsets in `.bin`; S+1 × `i64`
//! document indices. One sequence is one document, or one row.
//!
//! Loss masks are a second data set beside the first, `PREFIX.loss.bin` and `.idx`, of the type u8:
//! the same sequences, 1 for each token that is learnt and 0 for each that is not.

use super::file::ShardFile;
use super::read::{Borders, Numbers, Tokens, damaged};
use super::{Closed, Sequence, SequenceWriter, ShardError, ShardLayout, ShardName, Width};
use crate::config::tokens::ShardFormat;
use crate::store::{Mapped, Store};

/// Sequences a shard may hold: document indices are 32-bit in Megatron's own index files
/// ([issue 1056](https://github.com/NVIDIA/Megatron-LM/issues/1056)).
const MAX_SEQUENCES: usize = i32::MAX as usize - 1;

/// Megatron's number for the type of the tokens in a `.bin`.
fn code(width: Width) -> u8 {
    match width {
        Width::U16 => 8,
        Width::I32 | Width::U32 => 4,
    }
}

/// Megatron's number for bytes.
const U8: u8 = 1;

/// One pair of `.bin` and `.idx`.
struct IndexedFile {
    bin: ShardFile,
    idx: ShardFile,
    code: u8,
    /// Bytes of a token.
    width: usize,
}

impl IndexedFile {
    fn create(store: &Store, prefix: &str, code: u8, width: usize) -> Result<Self, ShardError> {
        let bin = ShardFile::create(store, format!("{prefix}.bin"))?;
        let idx = ShardFile::create(store, format!("{prefix}.idx"))?;
        Ok(Self { bin, idx, code, width })
    }

    fn finish(mut self, lengths: &[i32], closed: &mut Closed) -> Result<(), ShardError> {
        let sequences = lengths.len() as u64;
        let mut head = b"MMIDIDX\0\0".to_vec();
        head.extend(1u64.to_le_bytes());
        head.push(self.code);
        head.extend(sequences.to_le_bytes());
        head.extend((sequences + 1).to_le_bytes());
        self.idx.write(&head)?;
        self.idx.write_each(lengths.iter().map(|length| length.to_le_bytes()))?;
        // 64-bit all the way: a 32-bit sum overflows beyond 2 GiB of tokens (Megatron issue 1672).
        let mut next = 0u64;
        self.idx.write_each(lengths.iter().map(|length| {
            let offset = next;
            next += u64::from(length.unsigned_abs()) * self.width as u64;
            offset.to_le_bytes()
        }))?;
        self.idx.write_each((0..=sequences).map(u64::to_le_bytes))?;
        closed.files.push(self.bin.finish()?);
        closed.files.push(self.idx.finish()?);
        Ok(())
    }
}

/// Writes `PREFIX.bin` and `PREFIX.idx`, and the same of the masks where there are masks.
pub(super) struct MegatronWriter {
    prefix: String,
    tokens: IndexedFile,
    masks: Option<IndexedFile>,
    lengths: Vec<i32>,
}

impl MegatronWriter {
    pub(super) fn create(
        store: &Store,
        name: &ShardName,
        layout: &ShardLayout,
    ) -> Result<Self, ShardError> {
        let prefix = name.stem();
        let tokens = IndexedFile::create(store, &prefix, code(layout.width), layout.width.bytes())?;
        let masks = layout
            .has_masks()
            .then(|| IndexedFile::create(store, &format!("{prefix}.loss"), U8, 1))
            .transpose()?;
        Ok(Self { prefix, tokens, masks, lengths: Vec::new() })
    }
}

impl SequenceWriter for MegatronWriter {
    fn write(&mut self, sequence: &Sequence<'_>) -> Result<(), ShardError> {
        let count = sequence.tokens.len() / self.tokens.width;
        let length = i32::try_from(count).ok().filter(|_| self.lengths.len() < MAX_SEQUENCES);
        let Some(length) = length else {
            return Err(ShardError::Full {
                path: format!("{}.bin", self.prefix),
                detail: "Megatron counts documents of a shard, and tokens of a document, with 31 \
                         bits; lower `shard_size`"
                    .to_owned(),
            });
        };
        self.lengths.push(length);
        self.tokens.bin.write(sequence.tokens)?;
        if let Some(masks) = &mut self.masks {
            masks.bin.write_mask(sequence.loss, count)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Closed, ShardError> {
        let mut closed = Closed::default();
        self.tokens.finish(&self.lengths, &mut closed)?;
        if let Some(masks) = self.masks {
            masks.finish(&self.lengths, &mut closed)?;
        }
        Ok(closed)
    }
}

/// The bytes before the lengths.
const HEADER: usize = 9 + 8 + 1 + 8 + 8;

/// An `.idx`, checked completely.
struct Index {
    bytes: Mapped,
    code: u8,
    sequences: usize,
    tokens: u64,
    /// Bytes of a token.
    width: u64,
}

impl Index {
    fn read(path: &str, bytes: Mapped) -> Result<Self, ShardError> {
        let fail = |detail: String| Err(damaged(path, &detail));
        if bytes.len() < HEADER || !bytes.starts_with(b"MMIDIDX\0\0") {
            return fail("a Megatron index begins with `MMIDIDX`".to_owned());
        }
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        let (version, code, sequences, borders) = (word(9), bytes[17], word(18), word(26));
        if version != 1 {
            return fail(format!("it has version {version}; only version 1 is known"));
        }
        let width = match code {
            U8 => 1,
            8 => 2,
            4 => 4,
            code => return fail(format!("its tokens are of the type {code}; known are 4 and 8")),
        };
        let expected = u128::from(sequences) * 12 + u128::from(borders) * 8 + HEADER as u128;
        let count = usize::try_from(sequences).ok();
        let Some(sequences) = count.filter(|_| bytes.len() as u128 == expected && borders > 0)
        else {
            return fail(format!(
                "it has {} bytes where {sequences} sequences and {borders} borders take {expected}",
                bytes.len()
            ));
        };
        let mut index = Self { bytes, code, sequences, tokens: 0, width };
        for at in 0..sequences {
            let (length, pointer) = (index.length(at), index.word(sequences * 4 + at * 8));
            let expected = index.tokens * width;
            if length < 0 || u64::try_from(pointer) != Ok(expected) {
                return fail(format!(
                    "sequence {at} has {length} tokens at byte {pointer}; expected is byte {expected}"
                ));
            }
            index.tokens += u64::from(length.unsigned_abs());
        }
        let mut last = 0;
        for at in 0..(index.bytes.len() - HEADER - sequences * 12) / 8 {
            let border = index.word(sequences * 12 + at * 8);
            if border < last || (at == 0 && border != 0) {
                return fail(format!("document border {at} is {border}: they start at 0 and rise"));
            }
            last = border;
        }
        if usize::try_from(last) != Ok(sequences) {
            return fail(format!("the last document ends at sequence {last} of {sequences}"));
        }
        Ok(index)
    }

    fn length(&self, at: usize) -> i32 {
        let mut length = [0; 4];
        length.copy_from_slice(&self.bytes[HEADER + at * 4..][..4]);
        i32::from_le_bytes(length)
    }

    /// The number at a byte behind the header.
    fn word(&self, at: usize) -> i64 {
        let mut word = [0; 8];
        word.copy_from_slice(&self.bytes[HEADER + at..][..8]);
        i64::from_le_bytes(word)
    }
}

impl Numbers for Index {
    /// The end of sequence `at`: the pointer of the next one.
    fn get(&self, at: usize) -> Option<u64> {
        if at + 1 < self.sequences {
            let pointer = self.word(self.sequences * 4 + (at + 1) * 8);
            return Some(pointer.unsigned_abs() / self.width);
        }
        (at < self.sequences).then_some(self.tokens)
    }
}

/// Opens `PREFIX.bin` with its index and, where there are any, its masks.
pub(super) fn open(store: &Store, prefix: &str) -> Result<Tokens, ShardError> {
    let idx = format!("{prefix}.idx");
    let index = Index::read(&idx, store.map(&idx)?)?;
    let width = match index.code {
        8 => Width::U16,
        4 => Width::I32,
        _ => return Err(damaged(&idx, "these are masks; name the shard that they belong to")),
    };
    let (path, sequences, tokens) = (format!("{prefix}.bin"), index.sequences, index.tokens);
    let borders = Borders::Ends(Box::new(index));
    let bytes = store.map(&path)?;
    let mut reader = Tokens::new(&path, bytes, 0, ShardFormat::Megatron, width, borders)?;
    if reader.total() as u64 != tokens {
        let detail = format!("it has {} tokens where {idx} says {tokens}", reader.total());
        return Err(damaged(&path, &detail));
    }
    let idx = format!("{prefix}.loss.idx");
    if store.exists(&idx)? {
        let index = Index::read(&idx, store.map(&idx)?)?;
        if index.code != U8 || index.sequences != sequences {
            return Err(damaged(&idx, "it is not an index of masks of the same sequences"));
        }
        let path = format!("{prefix}.loss.bin");
        reader.add_loss(&path, store.map(&path)?, 0)?;
    }
    Ok(reader)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The index of sequences of these lengths.
    fn index(width: Width, lengths: &[i32]) -> Vec<u8> {
        let store = Store::in_memory();
        let file = IndexedFile::create(&store, "a", code(width), width.bytes()).unwrap();
        file.finish(lengths, &mut Closed::default()).unwrap();
        store.read("a.idx").unwrap().to_vec()
    }

    /// The bytes that megatron-core's own `IndexedDatasetBuilder` wrote for three documents.
    #[test]
    fn the_index_is_megatrons_byte_for_byte() {
        let idx = index(Width::U16, &[4, 2, 6]);
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
    }

    #[test]
    fn offsets_do_not_overflow_beyond_two_gib() {
        let idx = index(Width::I32, &[1 << 30; 4]);
        let last = 34 + 4 * 4 + 3 * 8;
        let offset = i64::from_le_bytes(idx[last..last + 8].try_into().unwrap());
        assert_eq!(offset, 3 << 32);
    }
}
