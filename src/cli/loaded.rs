//! A checkpoint with its tokenizer, for the commands that ask a model.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use super::Damage;
use crate::config::train::DeviceChoice;
use crate::model::Assets;
use crate::plan::Plan;
use crate::store::Store;
use crate::tokens::tokenizer::Tokenizer;
use crate::train::{Loaded, find_checkpoint};

/// Which checkpoint.
#[derive(Args)]
pub(super) struct Which {
    /// The run directory, or the folder of a checkpoint.
    target: PathBuf,
    /// The checkpoint of this step of the run [default: the newest].
    #[arg(long, value_name = "S")]
    step: Option<u64>,
    /// The model's tokenizer [default: the one in the checkpoint, or that of the run].
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// Threads of libtorch [default: one a core].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

/// A model and what its tokens mean.
pub(super) struct Speaker {
    pub(super) loaded: Loaded,
    pub(super) tokenizer: Arc<Tokenizer>,
    /// The token before a text.
    pub(super) begin: u32,
    /// The token that ends one.
    pub(super) end: u32,
}

impl Which {
    pub(super) fn open(&self) -> anyhow::Result<Speaker> {
        let threads = self.threads.filter(|&threads| threads > 0);
        let threads = threads.unwrap_or_else(super::cores);
        tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));
        let store = Store::open_existing(&self.target)?;
        let folder = find_checkpoint(&store, self.step)?;
        let loaded = Loaded::open(&store, &folder, DeviceChoice::Auto)?;
        let plan = Plan::load(&store).ok().and_then(|plan| plan.tokens);
        let assets = Assets::default();
        let tokenizer = if let Some(path) = &self.tokenizer {
            assets.tokenizer(path)?
        } else if let Some(bytes) = loaded.tokenizer(&store)? {
            let read = Tokenizer::from_bytes("tokenizer.json", &bytes);
            Arc::new(read.with_context(|| format!("{}/tokenizer.json", loaded.folder))?)
        } else if let Some(tokens) = &plan {
            assets.tokenizer(&tokens.tokenizer)?
        } else {
            return Err(Damage(format!(
                "{} has no tokenizer.json, and there is no plan of a run that names one; give \
                 --tokenizer",
                shown(&self.target, &loaded.folder)
            ))
            .into());
        };
        let rows = loaded.settings.vocab_size;
        if tokenizer.vocab_size() > rows {
            return Err(Damage(format!(
                "the tokenizer has {} tokens and the model {rows}; give the model's own with \
                 --tokenizer",
                tokenizer.vocab_size()
            ))
            .into());
        }
        let [begin, end] = loaded.token_names(&store)?.map(|name| tokenizer.token_id(&name?));
        let end = loaded.end.or(end).or(plan.map(|tokens| tokens.layout.end_of_document));
        let end = end.map_or_else(|| tokenizer.end_of_document(None), Ok)?;
        let begin = loaded.begin.or(begin).unwrap_or(end);
        Ok(Speaker { loaded, tokenizer, begin, end })
    }
}

fn shown(target: &Path, folder: &str) -> String {
    if folder.is_empty() {
        target.display().to_string()
    } else {
        target.join(folder).display().to_string()
    }
}
