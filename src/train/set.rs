//! The token shards to train on, as a run has them.

use super::{Blend, CheckpointTokenizer, Initial, Task};
use crate::config::tokens::ShardFormat;
use crate::store::Store;
use crate::tokens::dataset::Dataset;
use crate::tokens::format::Width;
use crate::tokens::shard::ShardEntry;

/// Tells how many bytes of text tokens stand for.
pub type TextBytes<'a> = dyn Fn(&[i64]) -> Option<u64> + 'a;

/// The token shards to train on.
pub struct TokenSet<'a> {
    /// Where the shards are.
    pub store: &'a Store,
    /// Training shards in their order: paths in `store` without what the format adds.
    pub train: Vec<String>,
    /// How they are blended.
    pub blend: Blend,
    /// Validation shards, likewise, in `validation_store`.
    pub validation: Vec<String>,
    /// Where they are, with their index and ledger: `store`, where they are of the same run.
    pub validation_store: &'a Store,
    /// Their format: `megatron`, `nanogpt`, `llmc`, `mds` or `parquet`, of whole documents. Where they
    /// have loss masks, losses and gradients are those of the tokens that are learnt.
    pub format: ShardFormat,
    /// Bytes of a token.
    pub width: Width,
    /// Token ids are below this.
    pub vocab_size: u32,
    /// Tokens predicted in one sequence.
    pub sequence_length: usize,
    /// How many bytes of text tokens stand for, where the tokenizer can tell.
    pub text_bytes: Option<&'a TextBytes<'a>>,
    /// What checkpoints hold of the tokenizer.
    pub tokenizer: Option<&'a CheckpointTokenizer>,
    /// The weights it begins with; drawn by the seed where there are none.
    pub initial: Option<&'a Initial>,
    /// What the model is scored by on the way.
    pub tasks: &'a [Task],
}

impl<'a> TokenSet<'a> {
    /// The shards of a data set, to train on.
    #[must_use]
    pub fn of_run(store: &'a Store, dataset: &Dataset) -> Self {
        let stems = |validation: bool| {
            let shards = dataset.shards.iter().filter(|shard| shard.place.validation == validation);
            shards.map(|shard| shard.place.stem()).collect()
        };
        Self {
            store,
            train: stems(false),
            blend: blend(dataset),
            validation: stems(true),
            validation_store: store,
            format: dataset.layout.format,
            width: dataset.layout.width,
            vocab_size: dataset.layout.vocab_size,
            sequence_length: dataset.sequence_length as usize,
            text_bytes: None,
            tokenizer: None,
            initial: None,
            tasks: &[],
        }
    }
}

/// How the training shards are blended, in the order in which the data set lists them.
fn blend(dataset: &Dataset) -> Blend {
    let train = dataset.shards.iter().filter(|shard| !shard.place.validation);
    let sum = |mine: &dyn Fn(&ShardEntry) -> bool| {
        train.clone().filter(|shard| mine(shard)).map(|shard| shard.shard.tokens).sum::<u64>()
    };
    if dataset.materialized {
        // Shards are in the order of stages, and each stage is read as it is.
        if dataset.stages.len() < 2 {
            return Blend::default();
        }
        let stages = 0..dataset.stages.len();
        let cells: Vec<u64> =
            stages.clone().map(|stage| sum(&|shard| shard.stage == Some(stage))).collect();
        let only = |stage: usize| {
            let tokens = cells.iter().enumerate();
            tokens.map(|(cell, &tokens)| if cell == stage { tokens } else { 0 }).collect()
        };
        return Blend { stages: stages.map(only).collect(), cells };
    }
    if dataset.by.is_empty() {
        return Blend::default();
    }
    let cells = dataset.stages.first().map_or(0, |stage| stage.cells.len());
    Blend {
        cells: (0..cells).map(|cell| sum(&|shard| shard.cell == Some(cell))).collect(),
        stages: dataset
            .stages
            .iter()
            .map(|stage| stage.cells.iter().map(|cell| cell.asked).collect())
            .collect(),
    }
}
