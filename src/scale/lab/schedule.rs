//! Which trainings there are, in which order, and the workers that do them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use bytes::Bytes;

use super::ablation::Variant;
use super::evaluation::Evaluation;
use super::job::{self, FINISHED, Job, Outcome};
use super::recipe::Recipe;
use super::report::Tried;
use super::results::mean_loss;
use super::{Lab, LabError, verdict};
use crate::cluster::processes::die_with_parent;
use crate::config::train::{Schedule as RateSchedule, TrainConfig};
use crate::exec::summary::grouped;
use crate::store::Store;
use crate::train::{Fingerprint, TokenSet};

/// Between two looks at what the workers have done.
const PAUSE: Duration = Duration::from_millis(300);

/// The trainings of a ladder.
pub(super) struct Schedule<'a> {
    pub(super) lab: &'a Lab<'a>,
    pub(super) recipes: &'a [Recipe],
    pub(super) variants: &'a [Variant],
    evaluation: &'a Evaluation,
    /// Hash of the evaluation's shards.
    measured: String,
    /// The jobs made, by folder and place: they are asked for again and again.
    made: RefCell<BTreeMap<(String, String), Job>>,
}

/// A training by its place in the ladder.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(super) struct Place {
    pub(super) rung: usize,
    /// What the size's usual learning rate is multiplied by.
    pub(super) rate: f64,
    /// Number of the seed, from 0.
    pub(super) seed: u32,
}

/// What came of the trainings, by the digests of their jobs.
pub(super) type Outcomes = BTreeMap<String, Outcome>;

impl<'a> Schedule<'a> {
    /// Plans the trainings.
    ///
    /// # Errors
    /// When the shards of a recipe cannot be read, or are less than a sequence.
    pub(super) fn new(
        lab: &'a Lab<'a>,
        recipes: &'a [Recipe],
        variants: &'a [Variant],
        evaluation: &'a Evaluation,
    ) -> Result<Self, LabError> {
        let least = u64::from(lab.config.ladder.sequence_length) + 1;
        if let Some(small) = recipes.iter().find(|recipe| recipe.tokens() < least) {
            return Err(LabError::Setting(format!(
                "the recipe `{}` keeps {} tokens, fewer than one sequence has",
                small.name,
                small.tokens()
            )));
        }
        let measured =
            evaluation.dataset.files().map(|(_, hash)| hash).collect::<Vec<_>>().join(" ");
        let made = RefCell::default();
        Ok(Self { lab, recipes, variants, evaluation, measured, made })
    }

    /// The job of a training of `recipe`.
    ///
    /// # Errors
    /// When its settings cannot be.
    pub(super) fn job(&self, recipe: &Recipe, place: Place) -> Result<Job, LabError> {
        let key = (recipe.folder.clone(), format!("{place:?} and {}", recipe.seed));
        if let Some(job) = self.made.borrow().get(&key) {
            return Ok(job.clone());
        }
        let job = self.make(recipe, place)?;
        self.made.borrow_mut().insert(key, job.clone());
        Ok(job)
    }

    fn make(&self, recipe: &Recipe, place: Place) -> Result<Job, LabError> {
        let ladder = &self.lab.config.ladder;
        let rung = &self.lab.plan.rungs[place.rung];
        let usual = &rung.settings;
        let config = TrainConfig {
            layers: Some(usual.layers),
            width: Some(usual.width),
            heads: Some(usual.heads),
            batch_tokens: Some(usual.batch_tokens()),
            horizons: Some(rung.tokens.clone()),
            schedule: Some(RateSchedule::WsdS),
            learning_rate: Some(rounded((usual.learning_rate * place.rate).min(1.0))),
            seed: Some(
                self.lab.config.head.seed.wrapping_add(recipe.seed).wrapping_add(place.seed.into()),
            ),
            // The horizons alone.
            eval_every: Some(0),
            ..TrainConfig::default()
        };
        let settings = config
            .resolve(ladder.sequence_length as usize, ladder.vocabulary)
            .map_err(|error| LabError::Setting(error.to_string()))?;
        let store = Store::open_existing(self.lab.path(&recipe.folder))?;
        let set = TokenSet::of_run(&store, &recipe.dataset);
        let training = Fingerprint::new(&settings, &set.blend, recipe.dataset.files())?;
        Ok(Job {
            digest: job::digest(training.digest(), &self.measured),
            training: training.digest().to_owned(),
            config,
            sequence_length: ladder.sequence_length,
            vocab_size: ladder.vocabulary,
            shards: recipe.folder.clone(),
            evaluation: self.evaluation.folder.clone(),
            points: rung.tokens.clone(),
            keep_checkpoints: self.lab.options.keep_checkpoints,
            flops: rung.flops,
        })
    }

    /// The learning rates that `recipe` was tried with on a rung, with the mean loss at the end of
    /// each; none until all are done.
    ///
    /// # Errors
    /// As [`Schedule::job`].
    pub(super) fn rates(
        &self,
        recipe: &Recipe,
        rung: usize,
        outcomes: &Outcomes,
    ) -> Result<Option<Vec<Tried>>, LabError> {
        let mut tried = Vec::new();
        for &rate in &self.lab.config.ladder.learning_rates {
            let job = self.job(recipe, Place { rung, rate, seed: 0 })?;
            let Some(outcome) = outcomes.get(&job.digest) else { return Ok(None) };
            tried.push(Tried { rate, loss: outcome.points.last().and_then(mean_loss) });
        }
        Ok(Some(tried))
    }

    /// The best of them, once all are done; the smallest where all diverged.
    ///
    /// # Errors
    /// As [`Schedule::job`].
    pub(super) fn best_rate(
        &self,
        recipe: &Recipe,
        rung: usize,
        outcomes: &Outcomes,
    ) -> Result<Option<f64>, LabError> {
        if let [only] = self.lab.config.ladder.learning_rates[..] {
            return Ok(Some(only));
        }
        let Some(tried) = self.rates(recipe, rung, outcomes)? else { return Ok(None) };
        let ended = tried.iter().filter_map(|tried| Some((tried.rate, tried.loss?)));
        let best = ended.min_by(|left, right| left.1.total_cmp(&right.1));
        Ok(best.map(|(rate, _)| rate).or_else(|| tried.first().map(|tried| tried.rate)))
    }

    /// The trainings of the recipes that can be known by now, below the rung `until`.
    ///
    /// # Errors
    /// As [`Schedule::job`].
    pub(super) fn places(
        &self,
        recipe: &Recipe,
        until: usize,
        outcomes: &Outcomes,
    ) -> Result<Vec<Place>, LabError> {
        let ladder = &self.lab.config.ladder;
        let mut places = Vec::new();
        for rung in 0..until {
            places.extend(ladder.learning_rates.iter().map(|&rate| Place { rung, rate, seed: 0 }));
            if let Some(rate) = self.best_rate(recipe, rung, outcomes)? {
                places.extend((1..ladder.seeds).map(|seed| Place { rung, rate, seed }));
            }
        }
        Ok(places)
    }

    /// The trainings of a variant: all seeds at the rate of the recipe it is of.
    ///
    /// # Errors
    /// As [`Schedule::job`].
    pub(super) fn variant_places(
        &self,
        variant: &Variant,
        outcomes: &Outcomes,
    ) -> Result<Vec<Place>, LabError> {
        let Some(base) = self.recipes.iter().find(|recipe| recipe.name == variant.of) else {
            return Ok(Vec::new());
        };
        let rung = variant.rung;
        let rate = self.best_rate(base, rung, outcomes)?;
        let seeds = 0..self.lab.config.ladder.seeds;
        Ok(rate.map_or(Vec::new(), |rate| seeds.map(|seed| Place { rung, rate, seed }).collect()))
    }

    /// All jobs that can be known by now, each with what it is called.
    fn jobs(&self, until: usize, outcomes: &Outcomes) -> Result<Vec<(String, Job)>, LabError> {
        let mut jobs = Vec::new();
        let mut add = |recipe: &Recipe, place: Place| {
            let params = self.lab.plan.rungs[place.rung].params;
            let name = format!(
                "{}, {} parameters, rate ×{}, seed {}",
                recipe.name,
                grouped(params),
                place.rate,
                place.seed
            );
            self.job(recipe, place).map(|job| jobs.push((name, job)))
        };
        for recipe in self.recipes {
            for place in self.places(recipe, until, outcomes)? {
                add(recipe, place)?;
            }
        }
        for variant in self.variants.iter().filter(|variant| variant.rung < until) {
            for place in self.variant_places(variant, outcomes)? {
                add(&variant.recipe, place)?;
            }
        }
        Ok(jobs)
    }

    /// Has all of them trained: the largest rung once its losses are predicted.
    ///
    /// # Errors
    /// When a worker fails, or the folder cannot be read or written.
    pub(super) fn train(&self) -> Result<Outcomes, LabError> {
        let store = &self.lab.store;
        store.delete(FINISHED)?;
        // What an earlier file of the ladder asked for may not be wanted any more.
        for job in job::open_jobs(store)? {
            job.withdraw(store)?;
        }
        let mut workers = Workers::default();
        let rungs = self.lab.plan.rungs.len();
        let mut until = rungs - 1;
        let mut outcomes = Outcomes::new();
        loop {
            let jobs = self.jobs(until, &outcomes)?;
            let mut open = 0;
            let mut news = false;
            for (name, job) in &jobs {
                if outcomes.contains_key(&job.digest) {
                    continue;
                }
                if let Some(outcome) = job.outcome(store)? {
                    news = true;
                    self.tell(name, &outcome, outcomes.len() + 1);
                    outcomes.insert(job.digest.clone(), outcome);
                } else {
                    job.save(store)?;
                    open += 1;
                }
            }
            if news {
                continue;
            }
            if open == 0 {
                if until == rungs {
                    break;
                }
                verdict::predict(self, &outcomes)?;
                until = rungs;
                continue;
            }
            workers.keep(self.lab, open)?;
            thread::sleep(PAUSE);
        }
        store.put(FINISHED, "no more\n".into())?;
        workers.end()?;
        Ok(outcomes)
    }

    fn tell(&self, name: &str, outcome: &Outcome, done: usize) {
        let seeds = self.lab.config.ladder.seeds as usize;
        let variants = self.variants.len() * seeds;
        let all = self.lab.plan.trainings.len() + variants;
        let said = match (&outcome.diverged, outcome.points.last().and_then(mean_loss)) {
            (Some(why), _) => format!("diverged: {why}"),
            (None, Some(loss)) => format!("{loss:.4} bits a byte, {:.0} s", outcome.seconds),
            (None, None) => "no loss".to_owned(),
        };
        self.lab.tell(&format!("{done} of {all}: {name}: {said}"));
    }
}

/// A rate of six digits: JSON gives these back exactly.
fn rounded(rate: f64) -> f64 {
    format!("{rate:.5e}").parse().unwrap_or(rate)
}

/// Workers on this machine.
#[derive(Default)]
struct Workers {
    running: Vec<(Child, PathBuf)>,
    started: usize,
}

impl Workers {
    /// Starts as many as there is work for; an error where one has failed.
    fn keep(&mut self, lab: &Lab<'_>, open: usize) -> Result<(), LabError> {
        self.check()?;
        while self.running.len() < lab.options.workers.min(open) {
            self.started += 1;
            let log = lab.path(format!("workers/{}.log", self.started));
            lab.store.put(&format!("workers/{}.log", self.started), Bytes::default())?;
            let file = File::options().append(true).open(&log).map_err(LabError::Start)?;
            let mut command = Command::new(&lab.options.program);
            command.arg("scale").arg("--worker").arg("--out").arg(&lab.out);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
            die_with_parent(&mut command);
            self.running.push((command.spawn().map_err(LabError::Start)?, log));
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), LabError> {
        for (child, log) in &mut self.running {
            if let Some(status) = child.try_wait().map_err(LabError::Start)?
                && !status.success()
            {
                return Err(failed(&status.to_string(), log));
            }
        }
        self.running.retain_mut(|(child, _)| !matches!(child.try_wait(), Ok(Some(_))));
        Ok(())
    }

    /// Waits for all.
    fn end(&mut self) -> Result<(), LabError> {
        for (mut child, log) in self.running.drain(..) {
            let status = child.wait().map_err(LabError::Start)?;
            if !status.success() {
                return Err(failed(&status.to_string(), &log));
            }
        }
        Ok(())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for (child, _) in &mut self.running {
            // One that has ended already cannot be ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a file that a worker of this machine wrote")]
fn failed(status: &str, log: &std::path::Path) -> LabError {
    let said = std::fs::read_to_string(log).unwrap_or_default();
    let last = said.lines().rev().find(|line| line.starts_with("error")).unwrap_or("nothing");
    LabError::Worker {
        status: status.to_owned(),
        said: last.trim_start_matches("error: ").to_owned(),
    }
}
