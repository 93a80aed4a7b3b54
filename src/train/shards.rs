//! Token shards as one long sequence of tokens, memory-mapped.

use crate::config::tokens::ShardFormat;
use crate::store::Store;
use crate::tokens::format::{FlatShard, Width, open_flat};

use super::{TokenSet, TrainError};

/// Tokens of several shards, one after the other.
pub(crate) struct Tokens {
    shards: Vec<FlatShard>,
    /// Tokens before each shard, and all of them at the end.
    starts: Vec<u64>,
    vocab_size: u32,
}

impl Tokens {
    /// Maps the shards `prefixes` of a set (paths in `store` without what the format adds), in this
    /// order.
    ///
    /// # Errors
    /// When a file is missing or is not what its format says; names the file and the fault.
    pub(crate) fn of(
        set: &TokenSet<'_>,
        store: &Store,
        prefixes: &[String],
    ) -> Result<Self, TrainError> {
        Self::open_as(store, prefixes, set.vocab_size, (set.format, set.width))
    }

    /// [`Tokens::of`] for shards of Megatron.
    #[cfg(test)]
    pub(crate) fn open(
        store: &Store,
        prefixes: &[String],
        vocab_size: u32,
    ) -> Result<Self, TrainError> {
        Self::open_as(store, prefixes, vocab_size, (ShardFormat::Megatron, Width::U16))
    }

    fn open_as(
        store: &Store,
        prefixes: &[String],
        vocab_size: u32,
        (format, width): (ShardFormat, Width),
    ) -> Result<Self, TrainError> {
        let mut shards = Vec::with_capacity(prefixes.len());
        let mut starts = vec![0];
        let mut total = 0;
        for prefix in prefixes {
            let shard = open_flat(store, prefix, format, width)?;
            total += shard.tokens;
            starts.push(total);
            shards.push(shard);
        }
        Ok(Self { shards, starts, vocab_size })
    }

    /// Number of tokens in all shards.
    pub(crate) fn len(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0)
    }

    /// Where the shard `number` begins and ends.
    pub(crate) fn range(&self, number: usize) -> std::ops::Range<u64> {
        self.starts[number]..self.starts[number + 1]
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
        let end = (start + count).min(self.len());
        let mut at = start;
        let mut number = self.starts.partition_point(|&first| first <= start).saturating_sub(1);
        while at < end {
            let (shard, first) = (&self.shards[number], self.starts[number]);
            let until = end.min(self.starts[number + 1]);
            // An open shard has as many tokens as it says.
            let parts = shard.bytes(at - first, until - first).unwrap_or_default();
            let outside = |place: usize, id: i64| TrainError::Shard {
                path: shard.path.clone(),
                reason: format!(
                    "token {} is {id}, outside the vocabulary of {}; were the shards written with \
                     another tokenizer?",
                    at - first + place as u64,
                    self.vocab_size
                ),
            };
            match shard.width {
                Width::U16 => {
                    let ids = parts.iter().flat_map(|bytes| bytes.as_chunks::<2>().0);
                    for (place, id) in ids.enumerate() {
                        let id = u32::from(u16::from_le_bytes(*id));
                        if id >= self.vocab_size {
                            return Err(outside(place, id.into()));
                        }
                        visit(id);
                    }
                }
                Width::I32 | Width::U32 => {
                    let ids = parts.iter().flat_map(|bytes| bytes.as_chunks::<4>().0);
                    for (place, id) in ids.enumerate() {
                        let id = u32::from_le_bytes(*id);
                        if id >= self.vocab_size {
                            return Err(outside(
                                place,
                                i32::from_le_bytes(id.to_le_bytes()).into(),
                            ));
                        }
                        visit(id);
                    }
                }
            }
            at = until;
            number += 1;
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

    /// Whether there are loss masks.
    pub(crate) fn masked(&self) -> bool {
        self.shards.iter().any(FlatShard::masked)
    }

    /// Appends the masks of `count` tokens from `start` to `out`: 1 where one is learnt, 0 where not.
    pub(crate) fn read_loss(&self, start: u64, count: u64, out: &mut Vec<u8>) {
        let end = (start + count).min(self.len());
        let mut at = start;
        let mut number = self.starts.partition_point(|&first| first <= start).saturating_sub(1);
        while at < end {
            let (shard, first) = (&self.shards[number], self.starts[number]);
            let until = end.min(self.starts[number + 1]);
            match shard.loss(at - first, until - first) {
                Some(loss) => out.extend(loss.iter().map(|&learnt| u8::from(learnt != 0))),
                // A number of tokens in memory.
                None => out.extend((at..until).map(|_| 1)),
            }
            at = until;
            number += 1;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
    use bytes::Bytes;

    use super::*;
    use crate::config::tokens::{Packing, ShardCompression};
    use crate::document::DocumentId;
    use crate::tokens::format::{ShardLayout, ShardName, TokenDocument, create};
    use crate::tokens::index;

    /// The id of document `number` of the shard `stem`.
    pub(crate) fn id(stem: &str, number: usize) -> DocumentId {
        DocumentId(xxhash_rust::xxh3::xxh3_128(format!("{stem}:{number}").as_bytes()))
    }

    /// Writes a shard of documents with its part of the index; `stem` is below `tokens`.
    pub(crate) fn write_shard(store: &Store, stem: &str, documents: &[Vec<u32>]) {
        let ids: Vec<DocumentId> = (0..documents.len()).map(|number| id(stem, number)).collect();
        write_documents(store, stem, documents, &ids);
    }

    /// [`write_shard`] with ids.
    pub(crate) fn write_documents(
        store: &Store,
        stem: &str,
        documents: &[Vec<u32>],
        ids: &[DocumentId],
    ) {
        let layout = layout(ShardFormat::Megatron, ShardCompression::None, false);
        write_as(store, stem, documents, ids, &layout, &|_, _| 1);
    }

    /// Whole documents that end with the token 0.
    pub(crate) fn layout(
        format: ShardFormat,
        compression: ShardCompression,
        masked: bool,
    ) -> ShardLayout {
        ShardLayout {
            format,
            width: Width::U16,
            vocab_size: 65_000,
            end_of_document: 0,
            sequence_length: 0,
            packing: Packing::Documents,
            compression,
            masked,
        }
    }

    /// [`write_documents`] in any format; `learnt` says of a document and a token in it whether that
    /// is learnt.
    pub(crate) fn write_as(
        store: &Store,
        stem: &str,
        documents: &[Vec<u32>],
        ids: &[DocumentId],
        layout: &ShardLayout,
        learnt: &dyn Fn(usize, usize) -> u8,
    ) {
        let (kind, number) = stem.rsplit('/').next().unwrap().split_once('_').unwrap();
        let folder =
            stem.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("/{folder}"));
        let name = ShardName {
            folder: format!("tokens{folder}"),
            validation: kind == "validation",
            number: number.parse().unwrap(),
        };
        let mut writer = create(store, &name, layout).unwrap();
        let (mut offsets, mut lengths, mut at) = (Vec::new(), Vec::new(), 0);
        for (nth, (document, id)) in documents.iter().zip(ids).enumerate() {
            let mut tokens = Vec::new();
            layout.width.append(document, &mut tokens);
            let loss: Vec<u8> = (0..document.len()).map(|token| learnt(nth, token)).collect();
            let loss = layout.masked.then_some(&loss[..]);
            writer.push(&TokenDocument { id: *id, tokens: &tokens, loss }).unwrap();
            offsets.push(at);
            lengths.push(document.len() as u64);
            at += document.len() as u64;
        }
        writer.finish().unwrap();
        let columns: [(&str, ArrayRef); 4] = [
            ("id", Arc::new(StringArray::from_iter_values(ids.iter().map(ToString::to_string)))),
            ("shard", Arc::new(StringArray::from_iter_values(ids.iter().map(|_| stem)))),
            ("offset", Arc::new(UInt64Array::from(offsets))),
            ("length", Arc::new(UInt64Array::from(lengths))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut bytes = Vec::new();
        let mut writer =
            parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let path = format!("{}/{}.parquet", index::FOLDER, stem.replace('/', "-"));
        store.put(&path, bytes.into()).unwrap();
    }

    #[test]
    fn ids_outside_the_vocabulary_are_named() {
        let store = Store::in_memory();
        write_shard(&store, "train_00000", &[vec![0, 1, 2, 3, 70]]);
        let prefixes = ["tokens/train_00000".to_owned()];
        let tokens = Tokens::open(&store, &prefixes, 50).unwrap();
        let error = tokens.read(0, 5, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("train_00000.bin") && error.contains("token 4 is 70"), "{error}");
        store.put("tokens/train_00000.bin", Bytes::from_static(b"shor")).unwrap();
        let error = Tokens::open(&store, &prefixes, 50).err().unwrap();
        assert!(error.to_string().contains("2 tokens where"), "{error}");
    }

    #[test]
    fn shards_follow_each_other() {
        let store = Store::in_memory();
        write_shard(&store, "train_00000", &[vec![0, 1, 2], vec![3]]);
        write_shard(&store, "train_00001", &[vec![4, 5, 6, 7, 8]]);
        let prefixes = [0, 1].map(|number| format!("tokens/train_0000{number}"));
        let tokens = Tokens::open(&store, &prefixes, 9).unwrap();
        assert_eq!((tokens.len(), tokens.range(1)), (9, 4..9));
        let mut read = Vec::new();
        tokens.read(2, 4, &mut read).unwrap();
        assert_eq!(read, [2, 3, 4, 5]);
    }
}
