//! `tamis explain`.

use std::path::PathBuf;

use clap::Args;

use super::{OutputFormat, print};
use crate::config::Pipeline;
use crate::model::Assets;
use crate::plan::{explain, lower};

#[derive(Args)]
pub(super) struct Explain {
    /// The pipeline file.
    pipeline: PathBuf,
    /// Override a value: `--set seed=18`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Plan for the first N records of each source only.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

impl Explain {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let pipeline = Pipeline::load(&self.pipeline, &self.sets)?;
        let plan = lower::lower(&pipeline, &Assets::default(), self.limit, None)?.plan;
        match self.format {
            OutputFormat::Text => print(&explain::text(&plan)),
            OutputFormat::Json => {
                print(&format!("{}\n", serde_json::to_string_pretty(&explain::json(&plan))?))
            }
        }
    }
}
