//! Commands: one file each. stdout is data, stderr is for people.
#![expect(clippy::print_stderr, reason = "this is the part of tamis that talks to people")]

mod check;
mod dedup_quality;
#[cfg(feature = "train")]
mod evaluate;
mod explain;
#[cfg(feature = "train")]
mod explain_batch;
mod export;
mod fit;
mod fit_classifier;
mod fit_tokenizer;
mod funnel;
#[cfg(feature = "train")]
mod generate;
mod inspect;
mod join;
#[cfg(feature = "train")]
mod loaded;
mod memory;
mod ops;
mod plan_compute;
mod query;
mod run;
mod scale;
mod schema;
mod shards;
mod show;
mod task;
mod test;
mod train;
#[cfg(feature = "train")]
mod training;
mod verify;
mod whatif;
mod why;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::config::ConfigErrors;
use crate::exec::ExecError;
use crate::ledger::LedgerError;
use crate::ledger::run::Run as Ledger;
use crate::model::AssetError;
use crate::plan::lower::LowerError;
use crate::read::ReadError;
use crate::store::StoreError;
use crate::tokens::format::ShardError;
use crate::tokens::tokenizer::TokenizerError;

/// From raw web text to training shards and a trained model, from one TOML file.
#[derive(Parser)]
#[command(name = "tamis", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a pipeline, or go on where an earlier run stopped.
    Run(run::Run),
    /// Check a pipeline file: keys, types, ops, models, SQL; reads no input.
    Check(check::Check),
    /// Show the plan of a pipeline: phases, exchanges, tasks.
    Explain(explain::Explain),
    /// List the documents that a step of the training read, with what the ledger knows of them.
    #[cfg(feature = "train")]
    ExplainBatch(explain_batch::ExplainBatch),
    /// Score a checkpoint by multiple choice and cloze tasks, as lm-evaluation-harness does.
    #[cfg(feature = "train")]
    Evaluate(evaluate::Evaluate),
    /// Let a checkpoint write on.
    #[cfg(feature = "train")]
    Generate(generate::Generate),
    /// Ask the ledger of a run by SQL.
    Query(query::Query),
    /// Tell all that is known of a record: its way through the stages, its signals, its verdict.
    Why(why::Why),
    /// Tell what other thresholds would change, from the ledger alone.
    Whatif(whatif::WhatIf),
    /// Show some records of a run, drawn by their ids, with the start of their texts.
    Inspect(inspect::Inspect),
    /// Judge a dedup stage by labelled pairs or clusters: precision, recall, F1, adjusted Rand index.
    DedupQuality(dedup_quality::DedupQuality),
    /// Write kept documents with columns of the ledger as one Parquet file.
    Export(export::Export),
    /// Fit scaling laws to trainings, predict a target, and say which recipe wins there.
    Fit(Box<fit::Fit>),
    /// Tell what a budget of compute is best spent on: parameters, tokens, batch, learning rate.
    PlanCompute(plan_compute::PlanCompute),
    /// Compare recipes on a ladder of model sizes: the trainings and their cost.
    Scale(scale::Scale),
    /// Fit a text classifier to labelled texts: model, calibration, thresholds, card.
    FitClassifier(fit_classifier::FitClassifier),
    /// Fit a byte-level BPE tokenizer to the documents of a run, or to files.
    FitTokenizer(fit_tokenizer::FitTokenizer),
    /// Train on the shards of a finished run, or tell what that would take.
    Train(Box<train::Train>),
    /// Run the `[[test]]` blocks of pipeline files: documents in, expected verdicts out.
    Test(test::Test),
    /// List the ops, or show one with its settings, signals and reasons.
    Ops(ops::Ops),
    /// Add columns of a Parquet file to the ledger of a finished run.
    Join(join::Join),
    /// Look into token shards of any format: counts, ids, texts.
    Shards(shards::Shards),
    /// Check that a run directory holds what its tasks committed.
    Verify(verify::Verify),
    /// Print the JSON schema of a pipeline file.
    Schema(schema::Schema),
    /// Run one task of a plan (what clusters call).
    #[command(hide = true)]
    Task(task::Task),
}

/// What a failure means to the caller, as an exit code (after `sysexits.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// 1: a bug.
    Bug,
    /// 2: the pipeline or the arguments are wrong.
    Usage,
    /// 65: the data or the files are; the same again will fail again.
    Data,
    /// 75: worth another try.
    Temporary,
}

impl Exit {
    fn of(error: &anyhow::Error) -> Self {
        for cause in error.chain() {
            if cause.is::<ConfigErrors>() || cause.is::<Usage>() {
                return Self::Usage;
            }
            if let Some(LowerError::Config(_)) = cause.downcast_ref::<LowerError>() {
                return Self::Usage;
            }
            if let Some(LowerError::Read(ReadError::Store(error))) = cause.downcast_ref() {
                return if error.retryable() { Self::Temporary } else { Self::Data };
            }
            if let Some(error) = cause.downcast_ref::<ExecError>() {
                return match error {
                    ExecError::Unbalanced { .. } => Self::Bug,
                    error if error.retryable() => Self::Temporary,
                    _ => Self::Data,
                };
            }
            if let Some(error) = cause.downcast_ref::<StoreError>() {
                return if error.retryable() { Self::Temporary } else { Self::Data };
            }
            if let Some(error) = cause.downcast_ref::<LedgerError>() {
                match error {
                    LedgerError::Question(_) => return Self::Usage,
                    LedgerError::Bug(_) => return Self::Bug,
                    LedgerError::Store(error) if error.retryable() => return Self::Temporary,
                    LedgerError::Exec(error) if error.retryable() => return Self::Temporary,
                    _ => return Self::Data,
                }
            }
            if let Some(error) = cause.downcast_ref::<ShardError>() {
                return match error {
                    ShardError::Store(error) if error.retryable() => Self::Temporary,
                    ShardError::Document { .. } => Self::Bug,
                    _ => Self::Data,
                };
            }
            if cause.is::<Damage>() || cause.is::<TokenizerError>() || cause.is::<AssetError>() {
                return Self::Data;
            }
            if cause.is::<ReadError>() {
                return Self::Data;
            }
            #[cfg(feature = "train")]
            if let Some(
                crate::train::TrainError::NoStep { .. }
                | crate::train::TrainError::NoCheckpoint { .. },
            ) = cause.downcast_ref()
            {
                return Self::Usage;
            }
            #[cfg(feature = "train")]
            if cause.is::<crate::train::EvaluationError>() {
                return Self::Data;
            }
            #[cfg(feature = "train")]
            if let Some(error) = cause.downcast_ref::<crate::train::TrainError>() {
                return if error.retryable() { Self::Temporary } else { Self::Data };
            }
            // A worker that ended: the same command goes on.
            #[cfg(feature = "train")]
            if cause.is::<crate::scale::lab::LabError>() {
                return Self::Temporary;
            }
            #[cfg(feature = "train")]
            if let Some(error) = cause.downcast_ref::<crate::train::ParallelError>() {
                return if error.retryable() { Self::Temporary } else { Self::Usage };
            }
        }
        Self::Bug
    }

    fn code(self) -> u8 {
        match self {
            Self::Bug => 1,
            Self::Usage => 2,
            Self::Data => 65,
            Self::Temporary => 75,
        }
    }
}

/// Arguments that do not fit together.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Files that are not what they were written as.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Damage(String);

/// Runs the program; never panics on bad input.
#[must_use]
pub fn main() -> ExitCode {
    memory::keep_freed();
    let filter = EnvFilter::try_from_env("TAMIS_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour())
        .without_time()
        .with_target(false)
        .init();
    crate::read::silence_caught_panics();
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Run(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Explain(command) => command.run(),
        #[cfg(feature = "train")]
        Command::ExplainBatch(command) => command.run(),
        #[cfg(feature = "train")]
        Command::Evaluate(command) => command.run(),
        #[cfg(feature = "train")]
        Command::Generate(command) => command.run(),
        Command::Query(command) => command.run(),
        Command::Why(command) => command.run(),
        Command::Whatif(command) => command.run(),
        Command::Inspect(command) => command.run(),
        Command::DedupQuality(command) => command.run(),
        Command::Export(command) => command.run(),
        Command::Fit(command) => command.run(),
        Command::PlanCompute(command) => command.run(),
        Command::Scale(command) => command.run(),
        Command::FitClassifier(command) => command.run(),
        Command::FitTokenizer(command) => command.run(),
        Command::Train(command) => command.run(),
        Command::Test(command) => command.run(),
        Command::Ops(command) => command.run(),
        Command::Join(command) => command.run(),
        Command::Shards(command) => command.run(),
        Command::Verify(command) => command.run(),
        Command::Schema(command) => command.run(),
        Command::Task(command) => command.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::from(Exit::of(&error).code())
        }
    }
}

fn report(error: &anyhow::Error) {
    let config = error.chain().find_map(|cause| {
        cause.downcast_ref::<ConfigErrors>().or_else(|| match cause.downcast_ref::<LowerError>() {
            Some(LowerError::Config(errors)) => Some(errors),
            _ => None,
        })
    });
    match config {
        Some(errors) => eprint!("{}", errors.render(colour(), 100)),
        None => eprintln!("error: {error:#}"),
    }
}

/// Whether messages may be in colour.
fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// `tamis ops | head` is no error.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

/// Prints to stdout; a closed pipe is an error to return, not a panic.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Cores that this process may use.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Says something beside the output.
fn note(text: &str) {
    eprintln!("note: {text}");
}

/// Says that a run is not at its end.
fn warn_unfinished(run: &Ledger) {
    let (done, all) = run.progress();
    if done < all {
        note(&format!(
            "the run is not at its end: {done} of {all} parts of the ledger are written"
        ));
    }
}

/// Form of a command's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum OutputFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}
