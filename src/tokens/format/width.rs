//! How many bytes a token takes.

use serde::{Deserialize, Serialize};

use crate::config::tokens::ShardFormat;

/// Bytes of one token in a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Width {
    /// Unsigned, 2 bytes.
    U16,
    /// Signed, 4 bytes: where readers have no unsigned type of that width.
    I32,
    /// Unsigned, 4 bytes.
    U32,
}

/// The width of tokens in a format, by the rule of its readers.
///
/// Megatron-LM takes 2 bytes below 65,500 ids (`optimal_dtype`); all others up to 65,536. Of four
/// bytes, Megatron knows signed integers only, and so do older versions of PyTorch, which MDS and
/// Parquet columns end up in.
#[must_use]
pub fn width(format: ShardFormat, vocab_size: u32) -> Width {
    let narrow = match format {
        ShardFormat::Megatron => vocab_size < 65_500,
        _ => vocab_size <= 1 << 16,
    };
    match format {
        _ if narrow => Width::U16,
        ShardFormat::Megatron | ShardFormat::Mds | ShardFormat::Parquet => Width::I32,
        ShardFormat::Nanogpt | ShardFormat::Llmc | ShardFormat::Datatrove | ShardFormat::Npy => {
            Width::U32
        }
    }
}

impl Width {
    /// The width for a vocabulary, by the rule of Megatron-LM (`optimal_dtype`).
    #[must_use]
    pub fn of(vocab_size: u32) -> Self {
        width(ShardFormat::Megatron, vocab_size)
    }

    /// Its number of bytes.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::U16 => 2,
            Self::I32 | Self::U32 => 4,
        }
    }

    /// Its name in NumPy.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::U16 => "uint16",
            Self::I32 => "int32",
            Self::U32 => "uint32",
        }
    }

    /// Appends ids, little-endian.
    pub fn append(self, ids: &[u32], out: &mut Vec<u8>) {
        match self {
            // Ids are below the vocabulary's size, which `width` looked at.
            #[expect(clippy::cast_possible_truncation, reason = "see the line above")]
            Self::U16 => out.extend(ids.iter().flat_map(|&id| (id as u16).to_le_bytes())),
            Self::I32 | Self::U32 => out.extend(ids.iter().flat_map(|&id| id.to_le_bytes())),
        }
    }

    /// Where `token` stands first among the ids that `bytes` hold.
    pub(super) fn position(self, bytes: &[u8], token: u32) -> Option<usize> {
        match self {
            Self::U16 => {
                let token = u16::try_from(token).ok()?.to_le_bytes();
                bytes.as_chunks::<2>().0.iter().position(|id| *id == token)
            }
            Self::I32 | Self::U32 => {
                let token = token.to_le_bytes();
                bytes.as_chunks::<4>().0.iter().position(|id| *id == token)
            }
        }
    }

    /// Appends the ids that `bytes` hold, what is no whole token left out.
    pub fn read(self, bytes: &[u8], out: &mut Vec<u32>) {
        match self {
            Self::U16 => {
                let (ids, _) = bytes.as_chunks::<2>();
                out.extend(ids.iter().map(|id| u32::from(u16::from_le_bytes(*id))));
            }
            Self::I32 | Self::U32 => {
                let (ids, _) = bytes.as_chunks::<4>();
                out.extend(ids.iter().map(|id| u32::from_le_bytes(*id)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_vocabulary_takes_four_bytes() {
        use ShardFormat::{Datatrove, Llmc, Mds, Megatron, Nanogpt, Npy, Parquet};
        assert_eq!([65_499, 65_500].map(|size| width(Megatron, size)), [Width::U16, Width::I32]);
        for (format, wide) in [
            (Mds, Width::I32),
            (Parquet, Width::I32),
            (Datatrove, Width::U32),
            (Llmc, Width::U32),
            (Nanogpt, Width::U32),
            (Npy, Width::U32),
        ] {
            let widths = [65_536, 65_537].map(|size| width(format, size));
            assert_eq!(widths, [Width::U16, wide], "{format:?}");
        }
    }

    #[test]
    fn ids_come_back() {
        for (width, ids) in [
            (Width::U16, vec![0, 7, 50_256, 65_535]),
            (Width::I32, vec![151_643, 0]),
            (Width::U32, vec![u32::MAX, 1]),
        ] {
            let (mut bytes, mut read) = (Vec::new(), Vec::new());
            width.append(&ids, &mut bytes);
            assert_eq!(bytes.len(), ids.len() * width.bytes());
            width.read(&bytes, &mut read);
            assert_eq!(read, ids);
        }
    }
}
