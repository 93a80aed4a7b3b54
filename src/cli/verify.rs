//! `tamis verify`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;

use super::{Damage, OutputFormat, print, show};
use crate::exec::verify;
use crate::store::Store;

/// Check that a run directory holds what its tasks committed: lengths and hashes of all files, counts
/// of shards, and of a sample of documents the tokens.
///
/// Ends with 65 where something is damaged or missing.
#[derive(Args)]
pub(super) struct Verify {
    /// The run directory, a folder or URL.
    run: PathBuf,
    /// Documents, about, whose tokens are held against their texts.
    #[arg(long, value_name = "N", default_value_t = 100)]
    sample: u64,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

impl Verify {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let store = Store::open_existing(&self.run)?;
        let found = verify::verify(&store, self.sample)?;
        match self.format {
            OutputFormat::Json => print(&show::json(&found)?)?,
            OutputFormat::Text => {
                // Writing to a string cannot fail.
                let mut text = String::new();
                for problem in &found.problems {
                    let path = show::safe(&problem.path, 200);
                    let _ = writeln!(text, "{path}: {}", show::safe(&problem.problem, 400));
                }
                let _ = writeln!(
                    text,
                    "{} files, {} bytes; {} shards, {} tokens, {} of padding; {} documents' tokens \
                     held against their texts",
                    found.files,
                    found.bytes,
                    found.shards,
                    found.tokens,
                    found.padding,
                    found.sampled
                );
                print(&text)?;
            }
        }
        if let Some(reason) = &found.not_sampled {
            super::note(&format!("tokens were not held against texts: {reason}"));
        }
        if found.pending > 0 {
            super::note(&format!(
                "the run is not at its end: {} tasks are not committed",
                found.pending
            ));
        }
        if found.problems.is_empty() {
            return Ok(());
        }
        Err(Damage(format!(
            "{} things are wrong in {}; remove its manifests of the phase that wrote them (or use \
             --fresh) and run again",
            found.problems.len(),
            self.run.display()
        ))
        .into())
    }
}
