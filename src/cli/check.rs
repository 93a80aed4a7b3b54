//! `tamis check`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{OutputFormat, print};
use crate::config::Pipeline;
use crate::model::Assets;
use crate::plan::lower;

#[derive(Args)]
pub(super) struct Check {
    /// The pipeline file.
    pipeline: PathBuf,
    /// Override a value: `--set seed=18`, `--set stage.gopher-quality.min_words=80`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

impl Check {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let checked = Pipeline::load(&self.pipeline, &self.sets).and_then(|pipeline| {
            lower::check(&pipeline, &Assets::default())?;
            Ok(pipeline)
        });
        let errors = match checked {
            Ok(pipeline) if self.format == OutputFormat::Text => {
                return print(&format!(
                    "{}: {} sources, {} stages, no mistakes\n",
                    self.pipeline.display(),
                    pipeline.sources.len(),
                    pipeline.stages.len()
                ));
            }
            Ok(_) => return print("[]\n"),
            Err(errors) => errors,
        };
        if self.format == OutputFormat::Json {
            let list: Vec<_> = errors
                .iter()
                .map(|error| {
                    let span = error.span();
                    json!({ "message": error.message(), "start": span.start, "end": span.end })
                })
                .collect();
            print(&format!("{}\n", serde_json::to_string_pretty(&list)?))?;
        }
        Err(errors.into())
    }
}
