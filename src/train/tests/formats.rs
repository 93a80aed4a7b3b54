//! Shards of every format that is trained on, and loss masks.

use tch::Tensor;

use super::super::data::Batch;
use super::super::model::Rows;
use super::super::order::Piece;
use super::super::parallel::Group;
use super::super::shards::Tokens;
use super::super::shards::tests::{id, layout, write_as};
use super::super::step::Trainer;
use super::*;
use crate::config::tokens::{ShardCompression, ShardFormat};

/// Every third token of a document is not learnt, and one document not at all.
fn learnt(document: usize, token: usize) -> u8 {
    u8::from(document != 3 && token % 3 != 1)
}

/// Writes the same documents in a format.
fn write(store: &Store, format: ShardFormat, compression: ShardCompression, masked: bool) {
    let layout = layout(format, compression, masked);
    let mut texts = documents(&language(3, 500, u64::from(VOCAB) - 1));
    for text in &mut texts {
        for id in text.iter_mut() {
            *id += 1;
        }
        *text.last_mut().unwrap() = 0;
    }
    for (stem, range) in [
        ("train_00000", 0..6),
        ("train_00001", 6..texts.len() - 2),
        ("validation_00000", texts.len() - 2..texts.len()),
    ] {
        let ids: Vec<_> = range.clone().map(|number| id("text", number)).collect();
        write_as(store, stem, &texts[range], &ids, &layout, &learnt);
    }
}

/// A set of such shards.
fn set(store: &Store, format: ShardFormat) -> TokenSet<'_> {
    let train = ["tokens/train_00000", "tokens/train_00001"].map(str::to_owned).into();
    TokenSet { train, format, ..token_set(store) }
}

/// Trains; gives the report and the weights.
fn trained(
    format: ShardFormat,
    compression: ShardCompression,
    masked: bool,
) -> (TrainReport, bytes::Bytes) {
    let (_folder, store) = store();
    write(&store, format, compression, masked);
    let settings = small("steps = 12\nbatch_tokens = 64\nlearning_rate = 0.01");
    let report = train(&settings, &set(&store, format), &store, "digest", &mut |_| ()).unwrap();
    (report, checkpoint_files(&store, 12)[0].clone())
}

#[test]
fn the_same_tokens_in_any_format_give_the_same_weights() {
    use ShardCompression::{None, Zstd};
    let expected = trained(ShardFormat::Megatron, None, false);
    for (format, compression) in [
        (ShardFormat::Nanogpt, None),
        (ShardFormat::Llmc, None),
        (ShardFormat::Mds, None),
        (ShardFormat::Mds, Zstd),
        (ShardFormat::Parquet, Zstd),
    ] {
        let found = trained(format, compression, false);
        assert_eq!(found.0, expected.0, "{format:?} {compression:?}");
        assert!(found.1 == expected.1, "{format:?} {compression:?}: other weights");
    }
    let masked = trained(ShardFormat::Megatron, None, true);
    assert_eq!(masked.0.sample_chain, expected.0.sample_chain);
    assert!(masked.1 != expected.1, "masks change nothing");
    assert_eq!(masked.0.validation_bits_per_byte, Option::None);
    let all = expected.0.validation.iter().map(|source| source.tokens).sum::<u64>();
    let learnt = masked.0.validation.iter().map(|source| source.tokens).sum::<u64>();
    assert!(learnt < all && learnt * 2 > all, "{learnt} of {all}");
    for (format, compression) in [(ShardFormat::Mds, Zstd), (ShardFormat::Parquet, Zstd)] {
        let found = trained(format, compression, true);
        assert!(found == masked, "{format:?}: {:?} {:?}", found.0, masked.0);
    }
}

#[test]
fn a_cut_shard_is_refused_in_every_format() {
    for (format, path) in [
        (ShardFormat::Nanogpt, "tokens/train_00000.bin"),
        (ShardFormat::Llmc, "tokens/train_00000.bin"),
        (ShardFormat::Mds, "tokens/train/shard.00000.mds"),
        (ShardFormat::Parquet, "tokens/train_00000.parquet"),
    ] {
        let (_folder, store) = store();
        write(&store, format, ShardCompression::None, false);
        let whole = store.read(path).unwrap();
        store.put(path, whole.slice(..whole.len() - 2)).unwrap();
        let settings = small("steps = 2\nbatch_tokens = 64");
        let error = train(&settings, &set(&store, format), &store, "digest", &mut |_| ());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("train") && error.contains("00000"), "{format:?}: {error}");
        store.delete(path).unwrap();
        let error = train(&settings, &set(&store, format), &store, "digest", &mut |_| ());
        assert!(error.unwrap_err().to_string().contains("00000"));
    }
}

#[test]
fn masks_are_those_of_their_tokens() {
    let (_folder, store) = store();
    write(&store, ShardFormat::Parquet, ShardCompression::Zstd, true);
    let set = set(&store, ShardFormat::Parquet);
    let tokens = Tokens::of(&set, set.store, &set.train).unwrap();
    assert!(tokens.masked());
    let (mut loss, mut expected) = (Vec::new(), Vec::new());
    tokens.read_loss(0, tokens.len(), &mut loss);
    let texts = documents(&language(3, 500, u64::from(VOCAB) - 1));
    for (shard, range) in [(0, 0..6), (1, 6..texts.len() - 2)] {
        let first = range.start;
        for number in range {
            expected.extend((0..texts[number].len()).map(|token| learnt(number - first, token)));
        }
        assert_eq!(expected.len() as u64, tokens.range(shard).end);
    }
    assert_eq!(loss, expected);
    let (mut part, border) = (Vec::new(), tokens.range(0).end);
    tokens.read_loss(border - 5, 9, &mut part);
    assert_eq!(part, expected[border as usize - 5..border as usize + 4]);
}

#[test]
fn what_is_masked_has_neither_loss_nor_gradient() {
    let (_folder, _store) = store();
    for more in ["", "activation_checkpointing = true"] {
        let settings = small(&format!("steps = 1\nbatch_tokens = 64\nclip = 0.0\n{more}"));
        let mut trainer = Trainer::new(&settings, Device::Cpu, None).unwrap();
        let (rows, length) = (4_i64, LENGTH as i64);
        let ids: Vec<i64> =
            language(8, 4 * 17, u64::from(VOCAB)).into_iter().map(i64::from).collect();
        // The third row is not learnt at all.
        let loss: Vec<u8> =
            (0..4 * 17).map(|place| u8::from(place / 17 != 2 && place % 5 != 0)).collect();
        let piece = Piece { document: 0, from: 0, tokens: 17 };
        let batch = Batch { ids: ids.clone(), loss: loss.clone(), pieces: vec![vec![piece]; 4] };
        let found = trainer.gradients(&batch, &mut Group::alone(false)).unwrap();

        let windows = Tensor::from_slice(&ids).reshape([rows, length + 1]);
        let weights = Tensor::from_slice(&loss).reshape([rows, length + 1]).narrow(1, 1, length);
        let weights = weights.to_kind(tch::Kind::Float).reshape([-1]);
        let inputs = windows.narrow(1, 0, length).contiguous();
        let targets = windows.narrow(1, 1, length).reshape([-1]);
        let hidden = trainer.model.hidden(&inputs, Rows { rows, length, mask: None }).unwrap();
        let logits = hidden.reshape([rows * length, -1]).matmul(&trainer.model.head().tr());
        let chosen =
            logits.log_softmax(-1, tch::Kind::Float).gather(1, &targets.unsqueeze(1), false);
        let expected = -(chosen.reshape([-1]) * &weights).sum(None) / weights.sum(None);
        expected.backward();
        assert!((found.loss - expected.double_value(&[])).abs() < 1e-6);
        for (parameter, gradient) in trainer.model.parameters.iter().zip(&trainer.gradients) {
            let off = (parameter.tensor.grad() - gradient).abs().max().double_value(&[]);
            assert!(off < 1e-6, "{}: {off}", parameter.name);
        }
        // What the masked tokens are does not matter as a target: the last of a row is only that.
        let mut other = batch.clone();
        assert_eq!(loss[2 * 17 + 16], 0);
        other.ids[2 * 17 + 16] = (other.ids[2 * 17 + 16] + 1) % i64::from(VOCAB);
        let again = trainer.gradients(&other, &mut Group::alone(false)).unwrap();
        assert!(again.loss.to_bits() == found.loss.to_bits());
    }
}
