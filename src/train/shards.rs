//! Token shards as one long sequence of tokens.
//!
//! Shards are Megatron-LM's pairs `PREFIX.bin` + `PREFIX.idx`
//! (<https://github.com/NVIDIA/Megatron-LM/blob/main/megatron/core/datasets/indexed_dataset.py>),
//! memory-mapped. An index is checked completely before anything is read through it.

use crate::store::{Mapped, Store};

use super::TrainError;

/// The nine bytes every `.idx` begins with.
const MAGIC: &[u8; 9] = b"MMIDIDX\0\0";
/// Magic, version, dtype, number of sequences, length of the document index.
const HEADER: usize = 9 + 8 + 1 + 8 + 8;

/// How a shard stores a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    /// Megatron's dtype 8.
    U16,
    /// Megatron's dtype 4.
    I32,
}

impl Width {
    fn bytes(self) -> usize {
        match self {
            Self::U16 => 2,
            Self::I32 => 4,
        }
    }
}

/// One mapped `.bin`.
struct Shard {
    path: String,
    bytes: Mapped,
    width: Width,
    /// Tokens before this shard in the whole sequence.
    start: u64,
    tokens: u64,
}

/// Tokens of several shards, one after the other.
pub(crate) struct Tokens {
    shards: Vec<Shard>,
    total: u64,
    vocab_size: u32,
}

impl Tokens {
    /// Maps the shards `prefixes` (paths in the store without `.bin` and `.idx`), in this order.
    ///
    /// # Errors
    /// When a file is missing or is not what `.idx` says; names the file and the fault.
    pub(crate) fn open(
        store: &Store,
        prefixes: &[String],
        vocab_size: u32,
    ) -> Result<Self, TrainError> {
        let mut shards = Vec::with_capacity(prefixes.len());
        let mut total = 0;
        for prefix in prefixes {
            let index = format!("{prefix}.idx");
            let (width, tokens) = parse_index(&store.map(&index)?)
                .map_err(|reason| TrainError::Shard { path: index.clone(), reason })?;
            let path = format!("{prefix}.bin");
            let bytes = store.map(&path)?;
            let expected = tokens * width.bytes() as u64;
            if bytes.len() as u64 != expected {
                return Err(TrainError::Shard {
                    reason: format!(
                        "it has {} bytes where {index} promises {expected}",
                        bytes.len()
                    ),
                    path,
                });
            }
            shards.push(Shard { path, bytes, width, start: total, tokens });
            total += tokens;
        }
        Ok(Self { shards, total, vocab_size })
    }

    /// Number of tokens in all shards.
    pub(crate) fn len(&self) -> u64 {
        self.total
    }

    /// Calls `visit` with the id of each token from `start` to `start + count`, in order.
    ///
    /// # Errors
    /// When an id lies outside the vocabulary; names the shard and the position.
    pub(crate) fn visit(
        &self,
        start: u64,
        count: u64,
        mut visit: impl FnMut(u32),
    ) -> Result<(), TrainError> {
        let end = (start + count).min(self.total);
        let mut at = start;
        let mut shard = self.shards.partition_point(|shard| shard.start + shard.tokens <= start);
        while at < end {
            let Shard { path, bytes, width, start: first, tokens } = &self.shards[shard];
            let until = end.min(first + tokens);
            let range = byte_offset(at - first, *width)..byte_offset(until - first, *width);
            let outside = |place: usize, id: i64| TrainError::Shard {
                path: path.clone(),
                reason: format!(
                    "token {} is {id}, outside the vocabulary of {}; were the shards written with \
                     another tokenizer?",
                    at - first + place as u64,
                    self.vocab_size
                ),
            };
            match width {
                Width::U16 => {
                    let (ids, _) = bytes[range].as_chunks::<2>();
                    for (place, id) in ids.iter().enumerate() {
                        let id = u32::from(u16::from_le_bytes(*id));
                        if id >= self.vocab_size {
                            return Err(outside(place, id.into()));
                        }
                        visit(id);
                    }
                }
                Width::I32 => {
                    let (ids, _) = bytes[range].as_chunks::<4>();
                    for (place, id) in ids.iter().enumerate() {
                        let id = i32::from_le_bytes(*id);
                        match u32::try_from(id) {
                            Ok(id) if id < self.vocab_size => visit(id),
                            _ => return Err(outside(place, id.into())),
                        }
                    }
                }
            }
            at = until;
            shard += 1;
        }
        Ok(())
    }

    /// Appends the ids of `count` tokens from `start` to `out`.
    ///
    /// # Errors
    /// As [`Tokens::visit`].
    pub(crate) fn read(
        &self,
        start: u64,
        count: u64,
        out: &mut Vec<i64>,
    ) -> Result<(), TrainError> {
        self.visit(start, count, |id| out.push(i64::from(id)))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "an offset inside a file that is mapped fits usize"
)]
fn byte_offset(tokens: u64, width: Width) -> usize {
    tokens as usize * width.bytes()
}

/// Checks a `.idx` completely; returns how a token is stored and how many there are.
fn parse_index(bytes: &[u8]) -> Result<(Width, u64), String> {
    if bytes.len() < HEADER || &bytes[..9] != MAGIC {
        return Err("it is not a Megatron index (it must begin with `MMIDIDX`)".to_owned());
    }
    let u64_at = |at: usize| u64::from_le_bytes(array(bytes, at));
    let version = u64_at(9);
    if version != 1 {
        return Err(format!("it has version {version}; only version 1 is known"));
    }
    let width = match bytes[17] {
        8 => Width::U16,
        4 => Width::I32,
        other => {
            return Err(format!(
                "it stores tokens as dtype {other}; only 8 (u16) and 4 (i32) are known"
            ));
        }
    };
    let (sequences, documents) = (u64_at(18), u64_at(26));
    let expected = u128::from(sequences) * 12 + u128::from(documents) * 8 + HEADER as u128;
    if bytes.len() as u128 != expected {
        return Err(format!(
            "it has {} bytes where {sequences} sequences and {documents} document entries take \
             {expected}",
            bytes.len()
        ));
    }
    let mut rest = &bytes[HEADER..];
    // The sizes fit: the file is as long as they say.
    let mut take = |entries: u64, size: usize| {
        #[expect(clippy::cast_possible_truncation, reason = "bounded by the file's length")]
        let (part, after) = rest.split_at(entries as usize * size);
        rest = after;
        part
    };
    let lengths = take(sequences, 4).as_chunks::<4>().0;
    let pointers = take(sequences, 8).as_chunks::<8>().0;
    let borders = take(documents, 8).as_chunks::<8>().0;

    let mut tokens = 0_u64;
    for (place, (length, pointer)) in lengths.iter().zip(pointers).enumerate() {
        let (length, pointer) = (i32::from_le_bytes(*length), i64::from_le_bytes(*pointer));
        let Ok(length) = u64::try_from(length) else {
            return Err(format!("sequence {place} has the length {length}"));
        };
        let expected = tokens * width.bytes() as u64;
        if u64::try_from(pointer) != Ok(expected) {
            return Err(format!(
                "sequence {place} points to byte {pointer} where the lengths before it give \
                 {expected}"
            ));
        }
        tokens += length;
    }
    let mut last = None;
    for (place, border) in borders.iter().enumerate() {
        let border = i64::from_le_bytes(*border);
        if last.map_or(border != 0, |last| border < last) {
            return Err(format!(
                "document entry {place} is {border}: they must start at 0 and never fall"
            ));
        }
        last = Some(border);
    }
    if u64::try_from(last.unwrap_or(0)) != Ok(sequences) {
        return Err(format!(
            "the last document ends at sequence {} of {sequences}",
            last.unwrap_or(0)
        ));
    }
    Ok((width, tokens))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

#[cfg(test)]
#[expect(clippy::cast_possible_wrap, reason = "small numbers")]
pub(crate) mod tests {
    use super::*;
    use bytes::Bytes;

    /// Writes a shard of u16 documents.
    pub(crate) fn write_shard(store: &Store, prefix: &str, documents: &[Vec<u16>]) {
        let (mut index, mut body) = (MAGIC.to_vec(), Vec::new());
        index.extend(1_u64.to_le_bytes());
        index.push(8);
        index.extend((documents.len() as u64).to_le_bytes());
        index.extend((documents.len() as u64 + 1).to_le_bytes());
        for document in documents {
            index.extend(i32::try_from(document.len()).unwrap().to_le_bytes());
        }
        for document in documents {
            index.extend((body.len() as i64).to_le_bytes());
            body.extend(document.iter().flat_map(|id| id.to_le_bytes()));
        }
        for border in 0..=documents.len() as i64 {
            index.extend(border.to_le_bytes());
        }
        store.put(&format!("{prefix}.idx"), Bytes::from(index)).unwrap();
        store.put(&format!("{prefix}.bin"), Bytes::from(body)).unwrap();
    }

    /// The example of Megatron-LM's own writer (documents [1,2,3,50256] [7,50256]
    /// [9,10,11,12,13,50256]).
    fn golden() -> Vec<u8> {
        let mut index = MAGIC.to_vec();
        index.extend([1, 0, 0, 0, 0, 0, 0, 0, 8]);
        for word in [3_u64, 4] {
            index.extend(word.to_le_bytes());
        }
        for length in [4_i32, 2, 6] {
            index.extend(length.to_le_bytes());
        }
        for word in [0_i64, 8, 12, 0, 1, 2, 3] {
            index.extend(word.to_le_bytes());
        }
        index
    }

    #[test]
    fn the_golden_index_is_read_and_every_fault_named() {
        let good = golden();
        assert_eq!(good.len(), 102);
        assert_eq!(parse_index(&good), Ok((Width::U16, 12)));
        for (at, value, message) in [
            (0, b'X', "not a Megatron index"),
            (9, 2, "version 2"),
            (17, 1, "dtype 1"),
            (18, 4, "102 bytes where 4 sequences"),
            (34, 5, "sequence 1 points to byte 8 where"),
            (37, 255, "sequence 0 has the length"),
            (70, 1, "document entry 0 is 1"),
            (94, 2, "the last document ends at sequence 2 of 3"),
        ] {
            let mut bad = good.clone();
            bad[at] = value;
            let error = parse_index(&bad).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        assert!(parse_index(&good[..20]).is_err());
    }

    #[test]
    fn ids_outside_the_vocabulary_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        write_shard(&store, "a", &[vec![0, 1, 2, 3, 70]]);
        let tokens = Tokens::open(&store, &["a".to_owned()], 50).unwrap();
        let error = tokens.read(0, 5, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("a.bin") && error.contains("token 4 is 70"), "{error}");
        store.put("a.bin", Bytes::from_static(b"short")).unwrap();
        let error = Tokens::open(&store, &["a".to_owned()], 50).err().unwrap();
        assert!(error.to_string().contains("5 bytes"), "{error}");
    }
}
