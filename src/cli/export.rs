//! `tamis export`.

use std::path::PathBuf;

use clap::Args;

use super::{OutputFormat, Usage, print, show};
use crate::exec::summary::grouped;
use crate::ledger::export;
use crate::ledger::run::Run;
use crate::store::{Store, divided};

#[derive(Args)]
pub(super) struct Export {
    /// The run directory.
    run: PathBuf,
    /// The file to write.
    #[arg(long, value_name = "FILE.parquet")]
    out: PathBuf,
    /// Columns of the ledger (`gopher-quality.word_count`, or `word_count` alone) and of the
    /// documents (`text`, kept fields), in this order.
    #[arg(long, value_delimiter = ',', default_value = "id,source,url,text", value_name = "NAMES")]
    columns: Vec<String>,
    /// Form of the summary on stdout.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

impl Export {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let run = Run::open(&self.run)?;
        let usage = |out: &dyn std::fmt::Display| {
            Usage(format!("--out {out}: give the path of a file, such as scores/input.parquet"))
        };
        if self.out.is_dir() {
            return Err(usage(&self.out.display()).into());
        }
        let (folder, name) = divided(&self.out).map_err(|error| usage(&error))?;
        let out = Store::open(folder)?;
        let done = export::export(&run, &self.columns, &out, name)?;
        match self.format {
            OutputFormat::Json => print(&show::json(&done)?),
            OutputFormat::Text => print(&format!(
                "{} documents, {} bytes → {}\n",
                grouped(done.rows),
                grouped(done.bytes),
                self.out.display()
            )),
        }
    }
}
