//! The end of `tamis run`, and all of `tamis train`: training on the shards.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{OutputFormat, print};
use crate::config::train::{TrainConfig, TrainSettings};
use crate::exec::summary::grouped;
use crate::model::Assets;
use crate::plan::Plan;
use crate::store::Store;
use crate::tokens::dataset::Dataset;
use crate::train::parallel::Seat;
use crate::train::{self, CheckpointTokenizer, Event, Fingerprint, Initial, TokenSet, TrainReport};

/// How a training is run, which changes nothing of it.
pub(super) struct How {
    /// The place of this process among those that train together.
    pub(super) seat: Seat,
    /// Threads of libtorch.
    pub(super) threads: usize,
    /// Whether what was trained before is forgotten.
    pub(super) fresh: bool,
    /// Form of the report.
    pub(super) format: OutputFormat,
}

/// Trains as `[train]` says on the shards of a run that is complete.
pub(super) fn train(
    how: How,
    config: &TrainConfig,
    store: &Store,
    plan: &Plan,
    assets: &Assets,
) -> anyhow::Result<()> {
    let Some(tokens) = &plan.tokens else { return Ok(()) };
    let How { seat, threads, fresh, format } = how;
    let mut config = config.clone();
    config.seed.get_or_insert(plan.seed);
    let initial = config.from.as_deref().map(Initial::open).transpose()?;
    if let Some(initial) = &initial {
        initial.give_shape(&mut config);
    }
    let mut settings =
        config.resolve(tokens.layout.sequence_length as usize, tokens.layout.vocab_size)?;
    settings.from = initial.as_ref().map(|initial| initial.hash.clone());
    // The number of threads decides the order of sums inside libtorch, so it is always said.
    let threads = if settings.ordered_sums { 1 } else { threads };
    tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));
    let first = seat.is_first();
    let dataset = Dataset::load(store)?;
    let tokenizer = assets.tokenizer(&tokens.tokenizer)?;
    let text_bytes = |ids: &[i64]| tokenizer.text_bytes(ids);
    let mut set = TokenSet::of_run(store, &dataset);
    set.text_bytes = Some(&text_bytes);
    set.initial = initial.as_ref();
    let beside = CheckpointTokenizer::of(tokens, &tokenizer, settings.sequence_length)?;
    set.tokenizer = Some(&beside);
    let length = settings.sequence_length as usize;
    let tasks = super::evaluate::load(&config.evaluate, &tokenizer, beside.begin(), length)?;
    set.tasks = &tasks;
    let fingerprint = Fingerprint::new(&settings, &set.blend, dataset.files())?;
    if first {
        fingerprint.claim(store, fresh)?;
    }
    let digest = fingerprint.digest();
    let mut shown = Shown::new(&settings, format);
    let mut show = |event: Event<'_>| shown.show(&event);
    let report = train::train_at(seat, &settings, &set, store, digest, &mut show)?;
    shown.bar.finish_and_clear();
    if !first {
        return Ok(());
    }
    store.put("train.json", serde_json::to_vec_pretty(&report)?.into())?;
    match format {
        OutputFormat::Text => print(&text(&report)),
        OutputFormat::Json => print(&format!("{}\n", serde_json::to_string_pretty(&report)?)),
    }
}

fn text(report: &TrainReport) -> String {
    let bits = report
        .validation_bits_per_byte
        .map_or(String::new(), |bits| format!(" ({bits:.3} bits a byte)"));
    let back = match report.rollbacks {
        0 => String::new(),
        times => format!(
            "went back {times} times after loss spikes and left out {} samples: \
             training/ledger.jsonl, training/quarantine.jsonl\n",
            grouped(report.skipped_samples)
        ),
    };
    let verdict = if report.validation_loss < report.unigram_loss { "below" } else { "NOT below" };
    format!(
        "trained {} parameters for {} steps on {} tokens: training loss {:.3}\n\
         {back}validation loss {:.3} nats a token{bits}, {verdict} the unigram model's {:.3}; checkpoint {}\n",
        grouped(report.parameters),
        grouped(report.steps),
        grouped(report.tokens),
        report.train_loss,
        report.validation_loss,
        report.unigram_loss,
        report.checkpoint,
    ) + &super::evaluate::table(&report.evaluation)
}

/// The progress of a training: a bar on a terminal, a line now and then elsewhere.
struct Shown {
    bar: ProgressBar,
    lines: bool,
    validation: Option<f64>,
    report_every: u64,
}

impl Shown {
    fn new(settings: &TrainSettings, format: OutputFormat) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target =
            if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(settings.steps), target);
        if let Ok(style) = ProgressStyle::with_template(
            "     train {bar:24} {pos}/{len} steps  {elapsed} (ETA {eta})  {msg}",
        ) {
            bar.set_style(style);
        }
        Self {
            bar,
            lines: !terminal && format == OutputFormat::Text,
            validation: None,
            report_every: settings.steps.div_ceil(10).max(1),
        }
    }

    fn show(&mut self, event: &Event<'_>) {
        match event {
            Event::Started {
                parameters,
                non_embedding,
                steps,
                device,
                processes,
                resumed_from,
            } => {
                let together = match processes {
                    1 => String::new(),
                    2 => " with 1 more process".to_owned(),
                    processes => format!(" with {} more processes", processes - 1),
                };
                let from = resumed_from
                    .map_or(String::new(), |step| format!(", going on from step {step}"));
                eprintln!(
                    "training {} parameters ({} without embeddings) for {steps} steps on {device}{together}{from}",
                    grouped(*parameters),
                    grouped(*non_embedding),
                );
                self.bar.set_position(resumed_from.unwrap_or(0));
            }
            Event::Step { step, loss, learning_rate, tokens_per_second, utilisation, .. } => {
                self.bar.set_position(*step);
                let validation =
                    self.validation.map_or(String::new(), |loss| format!("  validation {loss:.3}"));
                let message = format!(
                    "loss {loss:.3}{validation}  {tokens_per_second:.0} tokens/s ({:.0} % MFU)",
                    100.0 * utilisation
                );
                if self.lines && step.is_multiple_of(self.report_every) {
                    eprintln!("  step {step}  {message}  learning rate {learning_rate:.2e}");
                }
                self.bar.set_message(message);
            }
            Event::Evaluated { validation_loss, .. } => self.validation = Some(*validation_loss),
            Event::Scored { step, score } => self.bar.suspend(|| {
                eprintln!("  step {step}  {}", super::evaluate::line(score));
            }),
            Event::Skipped { step, loss, gradient_norm } => self.bar.suspend(|| {
                eprintln!(
                    "  step {step} spikes (loss {loss:.3}, gradient norm {gradient_norm:.3}): its update is left out"
                );
            }),
            Event::Recovered { to_step, skipped, attempt } => self.bar.suspend(|| {
                let rate = if *attempt > 1 { ", with half the learning rate" } else { "" };
                eprintln!(
                    "  going back behind step {to_step} and leaving out {} samples{rate}; see training/quarantine.jsonl",
                    grouped(*skipped)
                );
            }),
            Event::Checkpoint { .. } | Event::Recovering { .. } => {}
        }
    }
}
