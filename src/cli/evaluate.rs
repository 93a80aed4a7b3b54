//! `tamis evaluate`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::{Deserialize, Serialize};

use super::loaded::Which;
use super::{OutputFormat, Usage, print, show};
use crate::config::train::EvaluateConfig;
use crate::exec::summary::grouped;
use crate::tokens::tokenizer::Tokenizer;
use crate::train::evaluation::ItemScore;
use crate::train::{EvaluationError, Task, TaskScore};

#[derive(Args)]
pub(super) struct Evaluate {
    #[command(flatten)]
    which: Which,
    /// TOML file with `[[evaluate]]` tables, whose keys are those of `[[train.evaluate]]`.
    #[arg(value_name = "TASKS.toml", index = 2)]
    tasks: PathBuf,
    /// Write a line of JSON for each item: the log-likelihood of each choice.
    #[arg(long, value_name = "FILE")]
    items: Option<PathBuf>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

/// A file of tasks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    evaluate: Vec<EvaluateConfig>,
}

#[derive(Serialize)]
struct Report<'a> {
    checkpoint: &'a str,
    tasks: &'a [TaskScore],
}

impl Evaluate {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let configs = read(&self.tasks)?;
        let speaker = self.which.open()?;
        let length = speaker.loaded.settings.sequence_length as usize;
        let tasks = load(&configs, &speaker.tokenizer, speaker.begin, length)?;
        let (mut scores, mut items) = (Vec::new(), Vec::new());
        for task in &tasks {
            let (score, mut of_items) = speaker.loaded.score(task)?;
            scores.push(score);
            items.append(&mut of_items);
        }
        if let Some(path) = &self.items {
            write_items(path, &items)?;
        }
        match self.format {
            OutputFormat::Text => print(&table(&scores)),
            OutputFormat::Json => {
                let checkpoint = &speaker.loaded.folder;
                print(&show::json(&Report { checkpoint, tasks: &scores })?)
            }
        }
    }
}

/// The tasks of a file.
#[expect(clippy::disallowed_methods, reason = "a file that the user names")]
fn read(path: &Path) -> anyhow::Result<Vec<EvaluateConfig>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Usage(format!("{} cannot be read: {error}", path.display())))?;
    let file: File = toml::from_str(&text)
        .map_err(|error| Usage(format!("{} is no file of tasks: {error}", path.display())))?;
    if file.evaluate.is_empty() {
        return Err(Usage(format!("{} has no [[evaluate]] table", path.display())).into());
    }
    let mut configs = file.evaluate;
    for config in &mut configs {
        config.resolve_paths(path.parent().unwrap_or(Path::new("")));
    }
    Ok(configs)
}

/// Reads and encodes tasks.
pub(super) fn load(
    configs: &[EvaluateConfig],
    tokenizer: &Tokenizer,
    begin: u32,
    length: usize,
) -> Result<Vec<Task>, EvaluationError> {
    let mut names = BTreeSet::new();
    if let Some(twice) = configs.iter().find(|config| !names.insert(&config.name)) {
        return Err(EvaluationError::Task {
            task: twice.name.clone(),
            reason: "two tasks have this name; give each its own".to_owned(),
        });
    }
    configs.iter().map(|config| Task::load(config, tokenizer, begin, length)).collect()
}

#[expect(clippy::disallowed_methods, reason = "a file that the user names")]
fn write_items(path: &Path, items: &[ItemScore]) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    for item in items {
        serde_json::to_writer(&mut lines, item)?;
        lines.push(b'\n');
    }
    std::fs::write(path, lines).with_context(|| format!("{} cannot be written", path.display()))
}

/// A score for people.
pub(super) fn line(score: &TaskScore) -> String {
    let mut line =
        format!("{}: acc {:.4} ± {:.4}", show::safe(&score.task, 40), score.acc, score.acc_stderr);
    // Writing to a string cannot fail.
    for (name, value) in [
        ("acc_norm", score.acc_norm),
        ("acc_bytes", score.acc_bytes),
        ("perplexity", score.perplexity),
    ] {
        if let Some(value) = value {
            let _ = write!(line, ", {name} {value:.4}");
        }
    }
    let items = grouped(score.items);
    let _ = write!(line, ", {:.4} bits a byte of the answer ({items} items)", score.bits_per_byte);
    line
}

/// A line for each task.
pub(super) fn table(scores: &[TaskScore]) -> String {
    scores.iter().map(|score| line(score) + "\n").collect()
}
