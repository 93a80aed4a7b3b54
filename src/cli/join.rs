//! `tamis join`.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::{OutputFormat, Usage, print};
use crate::exec::summary::grouped;
use crate::ledger::attributes;
use crate::ops::{JoinOn, JoinOp};
use crate::store::{Store, masked};

#[derive(Args)]
pub(super) struct Join {
    /// The run directory.
    run: PathBuf,
    /// Parquet file, or a glob of them, with a key column.
    path: String,
    /// Name of the joined columns: `<name>.<column>` in queries [default: the file's name].
    #[arg(long)]
    name: Option<String>,
    /// What of a record is compared with the key.
    #[arg(long, value_enum, default_value = "id")]
    on: On,
    /// Column that holds the key [default: named like --on].
    #[arg(long, value_name = "COLUMN")]
    key: Option<String>,
    /// Columns to join, with commas between [default: all that are numbers or texts].
    #[arg(long, value_delimiter = ',')]
    columns: Vec<String>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum On {
    /// The record's id in the ledger.
    Id,
    /// The input's own id.
    SourceId,
    /// The address.
    Url,
}

impl Join {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let run = Store::open_existing(&self.run).with_context(|| {
            format!("`{}` is not a run directory", masked(&self.run.display().to_string()))
        })?;
        if run.list("ledger")?.is_empty() {
            let message = format!(
                "`{}` has no ledger; run the pipeline first (`tamis run … --out {0}`)",
                self.run.display()
            );
            return Err(Usage(message).into());
        }
        let stem = || {
            let file = self.path.rsplit('/').next().unwrap_or_default();
            file.split('.').next().unwrap_or_default().to_owned()
        };
        let name = self.name.clone().unwrap_or_else(stem);
        if !attributes::is_name(&name) {
            let message = format!(
                "`{name}` cannot name joined columns; give --name with letters, digits, `-` and `_`"
            );
            return Err(Usage(message).into());
        }
        let on = match self.on {
            On::Id => JoinOn::Id,
            On::SourceId => JoinOn::SourceId,
            On::Url => JoinOn::Url,
        };
        let op = JoinOp::open(&self.path, on, self.key, self.columns)
            .map_err(|error| Usage(error.to_string()))?;
        let matches = attributes::join(&run, &name, &self.path, &op)?;
        match self.format {
            OutputFormat::Text => print(&format!(
                "{} of {} records found a row; query {}\n",
                grouped(matches.matched),
                grouped(matches.rows),
                op.columns
                    .iter()
                    .map(|(column, _)| format!("{name}.{column}"))
                    .collect::<Vec<_>>()
                    .join(", "),
            )),
            OutputFormat::Json => print(&format!(
                "{}\n",
                json!({ "name": name, "records": matches.rows, "matched": matches.matched })
            )),
        }
    }
}
