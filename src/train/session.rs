//! A training under way: steps, what comes between them, and going back.

use std::collections::BTreeSet;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tch::Device;

use crate::config::train::TrainSettings;
use crate::store::Store;

use super::chain::Chain;
use super::data::{Batch, Loader};
use super::evaluation::{self, TaskScore};
use super::interventions::{Entry, Interventions};
use super::metrics::{self, Metrics, finite};
use super::optimizer::Moments;
use super::parallel::Group;
use super::saver::Saver;
use super::spike::{Detector, Scores};
use super::step::{StepResult, Trainer};
use super::validation::Validation;
use super::{
    Event, RECENT, SourceLoss, TokenSet, TrainError, checkpoint, quarantine, schedule, total,
};

/// How far a training has come: what a checkpoint holds beside tensors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Optimiser steps done, those without an update counted.
    pub(crate) step: u64,
    /// Global index of the next training sample: the whole state of the loader. It follows from
    /// `step` and the interventions.
    pub(crate) samples: u64,
    /// Losses of the last steps, for the report alone; 32 bits, whose few digits JSON gives back
    /// exactly.
    pub(crate) recent_losses: Vec<f32>,
    /// Hash over the documents of all samples so far.
    pub(crate) sample_chain: Chain,
    /// What losses are held against.
    pub(crate) detector: Detector,
    /// How often the training had gone back.
    pub(crate) rollbacks: usize,
}

/// A training under way.
pub(super) struct Session<'a> {
    pub(super) settings: &'a TrainSettings,
    pub(super) set: &'a TokenSet<'a>,
    pub(super) run: &'a Store,
    pub(super) digest: &'a str,
    pub(super) device: Device,
    pub(super) loader: Loader,
    pub(super) validation: Validation,
    pub(super) trainer: Trainer<'a>,
    pub(super) interventions: Interventions,
    pub(super) progress: Progress,
    /// Folder of the checkpoint saved or loaded last.
    pub(super) saved: String,
    pub(super) saver: Saver,
    /// In the process that writes.
    pub(super) metrics: Option<Metrics<'a>>,
    /// Operations a second that all devices together could do; known in that process.
    pub(super) peak: f64,
    pub(super) group: Group,
    /// What the tasks came to at the end.
    pub(super) scores: Option<Vec<TaskScore>>,
}

/// What is done with a step that was computed.
enum Answer {
    /// The update.
    Update,
    /// No update.
    Skip,
    /// Going back, for the spikes that began at this step.
    Back(u64),
}

impl Session<'_> {
    /// Runs all steps that are left; gives the last validation, where one was due behind them.
    pub(super) fn go(
        &mut self,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Option<Vec<SourceLoss>>, TrainError> {
        let mut validated = None;
        while self.progress.step < self.settings.steps {
            validated = None;
            if self.step(&mut validated, on_event)? {
                let done = self.progress.step;
                if is_due(done, self.settings.checkpoint_every, self.settings.steps)
                    || checkpoint::is_kept(self.settings, done)
                {
                    let Some(metrics) = &self.metrics else { continue };
                    metrics.flush()?;
                    self.wait_for_checkpoint(on_event)?;
                    let packed = checkpoint::Packed::new(
                        &self.trainer,
                        self.digest,
                        &self.progress,
                        &self.interventions,
                    )?
                    .with_tokenizer(self.set.tokenizer)?;
                    self.saver.start(self.run, packed);
                }
            }
        }
        self.wait_for_checkpoint(on_event)?;
        Ok(validated)
    }

    /// Waits until the checkpoint that is being written is committed.
    fn wait_for_checkpoint(
        &mut self,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), TrainError> {
        if let Some((step, folder)) = self.saver.finish()? {
            self.saved = folder;
            on_event(Event::Checkpoint { step, path: &self.saved });
        }
        Ok(())
    }

    /// Runs a step; false where the training went back instead.
    fn step(
        &mut self,
        validated: &mut Option<Vec<SourceLoss>>,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<bool, TrainError> {
        let begun = Instant::now();
        let step = self.progress.step + 1;
        let samples = self.samples(step);
        let batch = self.loader.batch(samples.iter().copied())?;
        let loading_seconds = begun.elapsed().as_secs_f64();
        let stage = samples.first().map_or(0, |&sample| self.loader.stage(sample));
        let horizon = schedule::horizons_passed(self.settings, step);
        self.progress.detector.enter(stage * (self.settings.horizons.len() + 1) + horizon);
        let rate =
            schedule::learning_rate(self.settings, step) * self.interventions.rate_factor(step);
        let result = self.trainer.gradients(&batch, &mut self.group)?;
        let answer = self.answer(step, &samples, &result, on_event)?;
        if let Answer::Back(first) = answer {
            self.go_back(first, step, &result, on_event)?;
            return Ok(false);
        }
        let skipped = matches!(answer, Answer::Skip);
        if !skipped {
            self.trainer.update(step, rate)?;
        }
        self.count(step, &batch, (!skipped).then_some(&result));
        #[expect(clippy::cast_precision_loss, reason = "for people to read")]
        let [tokens, flops] = [self.settings.batch_tokens(), self.settings.flops_per_token()]
            .map(|count| count as f64);
        let tokens_per_second = tokens / begun.elapsed().as_secs_f64();
        let utilisation = tokens_per_second * flops / self.peak;
        on_event(Event::Step {
            step,
            loss: result.loss,
            learning_rate: rate,
            gradient_norm: result.gradient_norm,
            tokens_per_second,
            utilisation,
        });
        if is_due(step, self.settings.eval_every, self.settings.steps)
            || schedule::is_horizon(self.settings, step)
        {
            let sources = self.trainer.validate(&self.validation, &mut self.group)?;
            let (validation_loss, bits_per_byte) = total(&sources);
            on_event(Event::Evaluated { step, validation_loss, bits_per_byte });
            *validated = Some(sources);
        }
        self.evaluate(step, on_event)?;
        let (validation_loss, bits) = match validated.as_deref().map(total) {
            Some((loss, bits)) => (finite(loss), bits),
            None => (None, None),
        };
        let Some(metrics) = &mut self.metrics else { return Ok(true) };
        metrics.push(&metrics::Line {
            step,
            time: now(),
            tokens: step * self.settings.batch_tokens(),
            loss: finite(result.loss),
            learning_rate: rate,
            gradient_norm: finite(result.gradient_norm),
            tokens_per_second,
            utilisation,
            loading_seconds,
            skipped,
            validation_loss,
            validation_bits_per_byte: bits,
            validation: validated.clone().unwrap_or_default(),
        })?;
        Ok(true)
    }

    /// Scores the tasks that are due behind step `step`.
    pub(super) fn evaluate(
        &mut self,
        step: u64,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), TrainError> {
        let (steps, every) = (self.settings.steps, self.settings.eval_every);
        let mut scores = Vec::new();
        // The others of a group wait.
        if !self.group.is_first() {
            return Ok(());
        }
        for task in self.set.tasks.iter().filter(|task| task.is_due(step, steps, every)) {
            let (score, _) = task.score(&self.trainer.model)?;
            on_event(Event::Scored { step, score: &score });
            scores.push(score);
        }
        evaluation::append(self.run, step, &scores)?;
        if step == steps {
            self.scores = Some(scores);
        }
        Ok(())
    }

    /// Global indices of the samples that step `step` reads.
    fn samples(&self, step: u64) -> Vec<u64> {
        let size = self.settings.batch_sequences;
        let first = (step - 1) * size;
        (first..first + size).map(|nth| self.interventions.sample(nth)).collect()
    }

    /// Decides what is done with a step, before its update; that no update follows is written down
    /// first.
    fn answer(
        &mut self,
        step: u64,
        samples: &[u64],
        result: &StepResult,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Answer, TrainError> {
        let settings = &self.settings.spikes;
        if !settings.enabled {
            return if result.is_finite() {
                Ok(Answer::Update)
            } else {
                Err(self.diverged(step, result))
            };
        }
        let scores = self.progress.detector.judge(settings, result);
        let known = self.interventions.is_skipped(step);
        if !known && !scores.spikes {
            self.progress.detector.accept(settings, result);
            return Ok(Answer::Update);
        }
        if !known {
            self.commit(skipped_step(step, samples, result, scores))?;
        }
        on_event(Event::Skipped { step, loss: result.loss, gradient_norm: result.gradient_norm });
        Ok(match self.progress.detector.spiked(settings, step) {
            Some(first) => Answer::Back(first),
            None => Answer::Skip,
        })
    }

    /// Takes over what a step did; `result` of one that had its update.
    fn count(&mut self, step: u64, batch: &Batch, result: Option<&StepResult>) {
        let progress = &mut self.progress;
        progress.step = step;
        progress.samples = self.interventions.sample(step * self.settings.batch_sequences);
        progress.rollbacks = self.interventions.rollbacks();
        for sample in &batch.pieces {
            progress.sample_chain.push(self.loader.documents(), sample);
        }
        if let Some(result) = result {
            #[expect(clippy::cast_possible_truncation, reason = "see `Progress::recent_losses`")]
            progress.recent_losses.push(result.loss as f32);
            let surplus = progress.recent_losses.len().saturating_sub(RECENT);
            progress.recent_losses.drain(..surplus);
        }
    }

    /// Goes back before the step `first`, whose spike lasts until `step`, and on behind the samples
    /// around it.
    fn go_back(
        &mut self,
        first: u64,
        step: u64,
        result: &StepResult,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), TrainError> {
        // What it goes back to may still be under way.
        self.wait_for_checkpoint(on_event)?;
        let settings = &self.settings.spikes;
        let attempt = self.interventions.attempt(first, settings.window.into());
        if attempt > settings.max_rollbacks {
            return Err(self.diverged(step, result));
        }
        let to_step = first.saturating_sub(1 + settings.rollback_steps);
        let until = step.max(to_step + settings.skip_steps);
        let size = self.settings.batch_sequences;
        let skipped = [to_step, until].map(|step| self.interventions.sample(step * size));
        let spiked: BTreeSet<u64> =
            self.progress.detector.spikes().flat_map(|step| self.samples(step)).collect();
        if self.group.is_first() {
            quarantine::report(
                self.set,
                &mut self.loader,
                self.digest,
                (self.run, self.interventions.rollbacks() + 1),
                skipped[0]..skipped[1],
                &spiked,
            )?;
        }
        on_event(Event::Recovering { step, to_step });
        let entry = Entry::Rollback {
            to_step,
            first_spike: first,
            at_step: step,
            skipped,
            rate_factor: if attempt > 1 { 0.5 } else { 1.0 },
            attempt,
        };
        // From here on a resume does the same as what follows.
        self.commit(entry)?;
        on_event(Event::Recovered { to_step, skipped: skipped[1] - skipped[0], attempt });
        if !self.restore()? {
            self.trainer = Trainer::new(self.settings, self.device, self.set.initial)?;
        }
        Ok(())
    }

    /// Begins: with what an earlier process of this training has left, or from the start.
    pub(super) fn begin(&mut self) -> Result<(), TrainError> {
        let first = self.group.is_first();
        let found = first.then(|| Interventions::load(self.run, self.digest)).transpose()?;
        let entries = found.as_ref().map_or(Vec::new(), |found| found.entries().to_vec());
        self.interventions = Interventions::of(self.digest, self.group.share(entries)?);
        self.restore().map(drop)
    }

    /// Goes on from the newest checkpoint on the way that the interventions leave, which the first
    /// process finds and hands to the others; false where there is none.
    fn restore(&mut self) -> Result<bool, TrainError> {
        let Self { run, trainer, group, .. } = self;
        let mut found = None;
        if group.is_first() {
            found = checkpoint::resume(run, trainer, self.digest, &self.interventions)?;
        }
        let found = group.share(found)?;
        if found.is_some() {
            let weights = trainer.model.parameters.iter_mut().map(|it| &mut it.tensor);
            let moments = trainer.optimizer.moments.iter_mut().flat_map(Moments::named_mut);
            group.share_tensors(weights.chain(moments.map(|(_, moment)| moment)))?;
        }
        let is_found = found.is_some();
        (self.progress, self.saved) = found.unwrap_or_default();
        let first = group.is_first();
        self.metrics = first.then(|| Metrics::open(run, self.progress.step)).transpose()?;
        Ok(is_found)
    }

    /// Takes over an entry of the ledger, which the first process has written before.
    fn commit(&mut self, entry: Entry) -> Result<(), TrainError> {
        if self.group.is_first() {
            self.interventions.commit(self.run, entry)
        } else {
            self.interventions.adopt(entry);
            Ok(())
        }
    }

    fn diverged(&self, step: u64, result: &StepResult) -> TrainError {
        TrainError::Diverged {
            step,
            loss: result.loss,
            gradient_norm: result.gradient_norm,
            rollbacks: self.interventions.rollbacks(),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "for people to read")]
fn skipped_step(step: u64, samples: &[u64], result: &StepResult, scores: Scores) -> Entry {
    let narrow = |value: f64| finite(value).map(|value| value as f32);
    let end = |sample: Option<&u64>| sample.copied().unwrap_or_default();
    Entry::SkippedStep {
        step,
        samples: [end(samples.first()), end(samples.last())],
        loss: narrow(result.loss),
        gradient_norm: narrow(result.gradient_norm),
        loss_score: scores.loss.and_then(narrow),
        gradient_norm_score: scores.gradient_norm.and_then(narrow),
    }
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "metrics say when; no result depends on it")]
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Whether something is due after step `done` of `steps`: `every` so many, and at the end.
fn is_due(done: u64, every: u64, steps: u64) -> bool {
    done == steps || (every > 0 && done.is_multiple_of(every))
}
