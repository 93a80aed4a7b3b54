//! A task as tokens, and what its likelihoods come to.

use serde::{Deserialize, Serialize};

use super::EvaluationError;
use super::item::{self, Item};
use super::score::{self, Answer, Request};
use crate::config::train::{EvaluateConfig, TaskKind};
use crate::tokens::tokenizer::{Context, Tokenizer};
use crate::train::TrainError;
use crate::train::model::Model;

/// A task ready to be scored.
#[derive(Debug)]
pub struct Task {
    name: String,
    kind: TaskKind,
    items: Vec<Item>,
    /// Of all items, a request for each choice.
    requests: Vec<Request>,
    /// Steps between two evaluations.
    every: Option<u64>,
}

/// What a task came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskScore {
    /// The task.
    pub task: String,
    /// Items scored.
    pub items: u64,
    /// Share of items with the right choice, or with all tokens of the answer the likeliest ones.
    pub acc: f64,
    /// Standard error of `acc`.
    pub acc_stderr: f64,
    /// Share of right choices by likelihood a character; of multiple choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acc_norm: Option<f64>,
    /// Share of right choices by likelihood a byte; of multiple choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acc_bytes: Option<f64>,
    /// Bits a byte of the right answers' text, the delimiter not counted: the mean over items.
    pub bits_per_byte: f64,
    /// e to the mean negative log-likelihood of an answer; of cloze.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perplexity: Option<f64>,
}

/// What an item came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ItemScore {
    /// The task.
    pub task: String,
    /// Its line in the file, from 1.
    pub line: usize,
    /// The log-likelihood of each choice, nats.
    pub log_likelihoods: Vec<f64>,
    /// Whether all tokens of a choice are the likeliest ones.
    pub greedy: Vec<bool>,
    /// The right choice.
    pub answer: usize,
}

impl Task {
    /// Reads and encodes a task for a model that sees `length` tokens. `begin` is the token before a
    /// text, where an item has no context.
    ///
    /// # Errors
    /// When a file cannot be read, or an item is not what `config` says.
    pub fn load(
        config: &EvaluateConfig,
        tokenizer: &Tokenizer,
        begin: u32,
        length: usize,
    ) -> Result<Self, EvaluationError> {
        let items = item::read(config)?;
        let delimiter = config.delimiter.as_deref().unwrap_or(" ");
        let encoder = Encoder { context: tokenizer.context().into(), task: &config.name, begin };
        let mut requests = Vec::new();
        for item in &items {
            let context = encoder.context(&item.context)?;
            for choice in &item.choices {
                let continuation = format!("{delimiter}{choice}");
                let (ids, scored) = encoder.pair(&item.context, &context, &continuation)?;
                let request = Request::new(&ids, scored, length).map_err(|reason| {
                    let (task, path) = (config.name.clone(), config.path.clone());
                    EvaluationError::Item { task, path, line: item.line, reason }
                })?;
                requests.push(request);
            }
        }
        Ok(Self {
            name: config.name.clone(),
            kind: config.kind,
            items,
            requests,
            every: config.every,
        })
    }

    #[cfg(test)]
    pub(super) fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// Whether it is scored behind step `step` of `steps`, where validation is due every so many.
    pub(crate) fn is_due(&self, step: u64, steps: u64, eval_every: u64) -> bool {
        let every = self.every.unwrap_or(eval_every);
        step == steps || every > 0 && step.is_multiple_of(every)
    }

    /// Scores it.
    ///
    /// # Errors
    /// When libtorch fails.
    pub(crate) fn score(&self, model: &Model) -> Result<(TaskScore, Vec<ItemScore>), TrainError> {
        let answers = score::score(model, &self.requests, score::BATCH_TOKENS)?;
        let mut rest = &answers[..];
        let mut scores = Vec::with_capacity(self.items.len());
        for item in &self.items {
            let (mine, after) = rest.split_at(item.choices.len());
            rest = after;
            scores.push(ItemScore {
                task: self.name.clone(),
                line: item.line,
                log_likelihoods: mine.iter().map(|it| it.log_likelihood).collect(),
                greedy: mine.iter().map(|it| it.greedy).collect(),
                answer: item.answer,
            });
        }
        Ok((self.total(&answers), scores))
    }

    #[expect(clippy::cast_precision_loss, reason = "lengths of texts")]
    fn total(&self, answers: &[Answer]) -> TaskScore {
        let mut rest = answers;
        let (mut right, mut right_norm, mut right_bytes) = (0_u64, 0_u64, 0_u64);
        let (mut bits, mut nats) = (0.0, 0.0);
        for item in &self.items {
            let (mine, after) = rest.split_at(item.choices.len());
            rest = after;
            let likelihoods = || mine.iter().map(|it| it.log_likelihood);
            let by = |size: fn(&str) -> usize| {
                let sizes = item.choices.iter().map(|choice| size(choice) as f64);
                first_greatest(likelihoods().zip(sizes).map(|(nats, size)| nats / size))
            };
            let won = match self.kind {
                TaskKind::MultipleChoice => first_greatest(likelihoods()) == item.answer,
                TaskKind::Cloze => mine[item.answer].greedy,
            };
            right += u64::from(won);
            right_norm += u64::from(by(|choice| choice.chars().count()) == item.answer);
            right_bytes += u64::from(by(str::len) == item.answer);
            let of_answer = -mine[item.answer].log_likelihood;
            nats += of_answer;
            bits += of_answer / std::f64::consts::LN_2 / item.choices[item.answer].len() as f64;
        }
        let items = self.items.len() as f64;
        let share = |right: u64| right as f64 / items;
        let acc = share(right);
        let choice = self.kind == TaskKind::MultipleChoice;
        TaskScore {
            task: self.name.clone(),
            items: self.items.len() as u64,
            acc,
            acc_stderr: libm::sqrt(acc * (1.0 - acc) / (items - 1.0).max(1.0)),
            acc_norm: choice.then(|| share(right_norm)),
            acc_bytes: choice.then(|| share(right_bytes)),
            bits_per_byte: bits / items,
            perplexity: (!choice).then(|| libm::exp(nats / items)),
        }
    }
}

/// Where the greatest value stands, the first one of equals.
fn first_greatest(values: impl Iterator<Item = f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (place, value) in values.enumerate() {
        if value > best.1 {
            best = (place, value);
        }
    }
    best.0
}

/// Encodes pairs of context and continuation as lm-evaluation-harness does (`_encode_pair`).
struct Encoder<'a> {
    context: std::cell::RefCell<Context<'a>>,
    task: &'a str,
    begin: u32,
}

impl Encoder<'_> {
    fn ids(&self, text: &str) -> Result<Vec<i64>, EvaluationError> {
        let mut ids = Vec::new();
        self.context
            .borrow_mut()
            .encode_into(text, &mut ids)
            .map_err(|source| EvaluationError::Encode { task: self.task.to_owned(), source })?;
        Ok(ids.into_iter().map(|id| i64::from(u32::from(id))).collect())
    }

    /// The tokens of a context without the white space at its end.
    fn context(&self, context: &str) -> Result<Vec<i64>, EvaluationError> {
        self.ids(stripped(context))
    }

    /// The tokens of both, and how many at the end are the continuation's: those behind as many as
    /// the context alone has.
    fn pair(
        &self,
        context: &str,
        context_ids: &[i64],
        continuation: &str,
    ) -> Result<(Vec<i64>, usize), EvaluationError> {
        let mut ids = self.ids(&format!("{context}{continuation}"))?;
        if context_ids.is_empty() {
            if ids.first() != Some(&self.begin.into()) {
                ids.insert(0, self.begin.into());
            }
            let scored = ids.len() - 1;
            return Ok((ids, scored));
        }
        let scored = ids.len().saturating_sub(context_ids.len());
        // Where a token spans the border, the tokens before it are the context's own.
        let mut whole = context_ids.to_vec();
        whole.extend_from_slice(&ids[ids.len() - scored..]);
        Ok((whole, scored))
    }
}

/// A text without white space at its end, as Python's `rstrip` sees it.
fn stripped(text: &str) -> &str {
    text.trim_end_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c))
}
