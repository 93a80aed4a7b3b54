//! Training of classifiers as `fasttext supervised` of the C++ tool trains them with one thread:
//! the same words, rows, starting weights, order of updates and learning rates. Floats are added
//! without FMA here, so weights differ from its in the last digits.
//!
//! Its `-thread` makes results depend on chance. Here one model is trained by one thread, so that
//! the same examples and settings give the same bytes; several models at once fill a machine.

mod file;
mod linear;
mod prune;
mod quantiser;
mod random;
#[cfg(test)]
mod tests;
mod vocabulary;

use super::dictionary::{Dictionary, Tokens};
use super::loss::{sigmoid_table, table_sigmoid};
use crate::model::classifier::Length;
pub use linear::LinearSettings;
use random::Minstd;
use vocabulary::Vocabulary;

/// Rows of all examples are kept between epochs up to this many; beyond it they are computed anew.
const CACHED_ROWS: usize = 64 << 20;

/// What the loss says of a text with several labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainLoss {
    /// One label holds; of several, one is drawn at each visit.
    Softmax,
    /// Each label holds or not, whatever the others do.
    OneVsAll,
}

/// Hyper-parameters, with the defaults of `fasttext supervised`.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainSettings {
    /// Learning rate at the start; it falls linearly to 0 (`-lr`).
    pub learning_rate: f64,
    /// Floats in a text's vector (`-dim`).
    pub dimension: u32,
    /// Visits to each example (`-epoch`).
    pub epochs: u32,
    /// How often a word must come to get a row of its own (`-minCount`).
    pub min_count: u32,
    /// Longest word n-gram, in words (`-wordNgrams`).
    pub word_ngrams: u32,
    /// Rows for n-grams, which share them by their hash (`-bucket`); not used without n-grams.
    pub buckets: u32,
    /// Shortest character n-gram (`-minn`).
    pub min_chars: u32,
    /// Longest character n-gram; 0 for none (`-maxn`).
    pub max_chars: u32,
    /// The loss (`-loss softmax` or `ova`).
    pub loss: TrainLoss,
    /// Seed of the starting weights (`-seed`).
    pub seed: u32,
    /// A logistic regression in place of fastText's network; `learning_rate`, `dimension`, `epochs`
    /// and `loss` do not count then.
    pub linear: Option<LinearSettings>,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            learning_rate: 0.1,
            dimension: 100,
            epochs: 5,
            min_count: 1,
            word_ngrams: 1,
            buckets: 2_000_000,
            min_chars: 0,
            max_chars: 0,
            loss: TrainLoss::Softmax,
            seed: 0,
            linear: None,
        }
    }
}

impl TrainSettings {
    /// Rows for n-grams; none where there are no n-grams.
    fn used_buckets(&self) -> u32 {
        if self.word_ngrams > 1 || self.max_chars > 0 { self.buckets } else { 0 }
    }

    fn check(&self) -> Result<(), TrainError> {
        let bad = |reason: &str| Err(TrainError::Settings(reason.to_owned()));
        let wanted = 1..=i32::MAX.cast_unsigned() / 4096;
        if !wanted.contains(&self.dimension) || self.epochs == 0 {
            return bad("dimension and epochs must be at least 1");
        }
        if self.max_chars > 0 && self.min_chars > self.max_chars {
            return bad("min_chars is above max_chars");
        }
        if self.max_chars > 32 || self.word_ngrams > 32 {
            return bad("n-grams longer than 32 are not trained");
        }
        if self.buckets == 0 && (self.word_ngrams > 1 || self.max_chars > 0) {
            return bad("n-grams need buckets");
        }
        if self.buckets > 1 << 28 {
            return bad("there are more than 2^28 buckets");
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return bad("the learning rate must be above 0");
        }
        Ok(())
    }
}

/// A text with its labels.
#[derive(Debug, Clone, Copy)]
pub struct Example<'a> {
    /// The text, already in the form that will be scored.
    pub text: &'a str,
    /// Indices into the list of labels; none makes a negative example of one-vs-all, and softmax
    /// passes over it.
    pub labels: &'a [u32],
}

/// Why no model came out.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TrainError {
    /// Settings that cannot be.
    #[error("{0}")]
    Settings(String),
    /// Fewer than two labels with softmax, or none.
    #[error("the examples have {0} label(s); softmax needs two, one-vs-all one")]
    Labels(usize),
    /// No word comes often enough.
    #[error("no word of the examples comes {0} times; lower min_count")]
    NoWords(u32),
    /// The weights grew beyond all bounds.
    #[error("training diverged: lower the learning rate ({0})")]
    Diverged(String),
}

/// A model that was trained, not yet written.
#[derive(Debug, Clone)]
pub struct Trained {
    settings: TrainSettings,
    vocabulary: Vocabulary,
    /// Of kept n-grams the bucket, in the order of their rows; `None` where all have one.
    kept: Option<Vec<u32>>,
    /// Row by row.
    input: Vec<f32>,
    output: Vec<f32>,
    /// Mean loss of the last epoch.
    pub final_loss: f64,
}

/// Trains a classifier. The examples are visited in their order, epoch by epoch: shuffle them
/// before. `labels` are names without `__label__` and without spaces.
///
/// # Errors
/// When settings and examples make no model.
pub fn train(
    labels: &[String],
    examples: &[Example<'_>],
    settings: &TrainSettings,
) -> Result<Trained, TrainError> {
    train_from(labels, examples, settings, random::BLOCKS)
}

/// [`train`], of whose starting weights only so many tenths are drawn, the others being 0. The C++
/// tool draws as many as it has threads: the first of ten with one thread.
fn train_from(
    labels: &[String],
    examples: &[Example<'_>],
    settings: &TrainSettings,
    blocks: u32,
) -> Result<Trained, TrainError> {
    settings.check()?;
    let vocabulary = Vocabulary::count(labels, examples, settings.min_count);
    let used = vocabulary.labels.iter().filter(|label| label.count > 0).count();
    if used < if settings.loss == TrainLoss::Softmax { 2 } else { 1 } {
        return Err(TrainError::Labels(used));
    }
    if vocabulary.words.len() <= 1 {
        return Err(TrainError::NoWords(settings.min_count));
    }
    if let Some(linear) = settings.linear {
        linear.check()?;
        let one = TrainSettings { dimension: 1, loss: TrainLoss::Softmax, ..settings.clone() };
        return linear::fit(vocabulary, examples, one, linear);
    }
    let dimension = settings.dimension as usize;
    let rows = vocabulary.words.len() + settings.used_buckets() as usize;
    let mut input = vec![0.0; rows * dimension];
    random::fill(&mut input, settings.dimension, settings.seed, blocks);
    let output = vec![0.0; vocabulary.labels.len() * dimension];
    let settings = settings.clone();
    let mut model = Trained { settings, vocabulary, kept: None, input, output, final_loss: 0.0 };
    let (rate, epochs) = (model.settings.learning_rate, model.settings.epochs);
    model.descend(examples, rate, epochs)?;
    Ok(model)
}

impl Trained {
    /// The dictionary that scoring will use, so that training sees the same rows.
    fn dictionary(&self) -> Dictionary {
        file::dictionary(&self.settings, &self.vocabulary, self.kept.as_deref())
    }

    /// How the length of a text enters its score.
    #[must_use]
    pub fn length(&self) -> Length {
        if self.settings.linear.is_some() { Length::Root } else { Length::Mean }
    }

    /// Number of words with a row.
    #[must_use]
    pub fn words(&self) -> usize {
        self.vocabulary.words.len()
    }

    /// Goes through the examples `epochs` times, the learning rate falling from `rate` to 0.
    fn descend(
        &mut self,
        examples: &[Example<'_>],
        rate: f64,
        epochs: u32,
    ) -> Result<(), TrainError> {
        let dictionary = self.dictionary();
        let mut lines = Lines::new(&dictionary, examples, epochs);
        let order = self.vocabulary.label_rows();
        let mut step = Step::new(self.settings.dimension as usize, &order, self.settings.seed);
        let total = self.vocabulary.tokens * i64::from(epochs);
        // Counted in tokens and at every hundredth only, as there (`-lrUpdateRate`).
        let (mut seen, mut unseen) = (0i64, 0i64);
        let mut mean = (0.0f64, 0u64);
        let mut at = 0;
        while seen < total {
            #[expect(clippy::cast_precision_loss, reason = "as the C++ tool computes it")]
            let progress = seen as f32 / total as f32;
            #[expect(clippy::cast_possible_truncation, reason = "as the C++ tool computes it")]
            let now = (rate * (1.0 - f64::from(progress))) as f32;
            unseen += i64::from(self.vocabulary.lengths[at]);
            let rows = lines.rows(at);
            if let Some(loss) = step.visit(
                self.settings.loss,
                rows,
                examples[at].labels,
                now,
                (&mut self.input, &mut self.output),
            ) {
                if !loss.is_finite() {
                    let epoch = seen / self.vocabulary.tokens + 1;
                    return Err(TrainError::Diverged(format!("{rate}, in epoch {epoch}")));
                }
                if seen >= total - self.vocabulary.tokens {
                    mean = (mean.0 + f64::from(loss), mean.1 + 1);
                }
            }
            if unseen > 100 {
                seen += unseen;
                unseen = 0;
            }
            at += 1;
            if at == examples.len() {
                at = 0;
                // Too few tokens for the count to move: it must all the same.
                seen += std::mem::take(&mut unseen);
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a mean for people")]
        let final_loss = mean.0 / mean.1.max(1) as f64;
        self.final_loss = final_loss;
        if self.input.iter().chain(&self.output).all(|weight| weight.is_finite()) {
            return Ok(());
        }
        Err(TrainError::Diverged(format!("{rate}")))
    }
}

/// The rows of each example, kept from epoch to epoch where they fit.
struct Lines<'a> {
    dictionary: &'a Dictionary,
    examples: &'a [Example<'a>],
    tokens: Tokens,
    cache: Option<(Vec<u32>, Vec<usize>)>,
}

impl<'a> Lines<'a> {
    fn new(dictionary: &'a Dictionary, examples: &'a [Example<'a>], epochs: u32) -> Self {
        let mut lines = Self { dictionary, examples, tokens: Tokens::default(), cache: None };
        if epochs > 1 {
            let (mut rows, mut ends) = (Vec::new(), Vec::with_capacity(examples.len()));
            for example in examples {
                dictionary.rows(example.text.as_bytes(), &mut lines.tokens);
                rows.extend_from_slice(&lines.tokens.rows);
                if rows.len() > CACHED_ROWS {
                    return lines;
                }
                ends.push(rows.len());
            }
            lines.cache = Some((rows, ends));
        }
        lines
    }

    fn rows(&mut self, at: usize) -> &[u32] {
        if let Some((rows, ends)) = &self.cache {
            let start = at.checked_sub(1).map_or(0, |before| ends[before]);
            return &rows[start..ends[at]];
        }
        self.dictionary.rows(self.examples[at].text.as_bytes(), &mut self.tokens);
        &self.tokens.rows
    }
}

/// One update of the weights, with its buffers.
struct Step<'a> {
    dimension: usize,
    /// Row of the output matrix by label of the examples.
    order: &'a [u32],
    hidden: Vec<f32>,
    gradient: Vec<f32>,
    outputs: Vec<f32>,
    targets: Vec<u32>,
    sigmoids: Vec<f32>,
    draw: Minstd,
}

impl<'a> Step<'a> {
    fn new(dimension: usize, order: &'a [u32], seed: u32) -> Self {
        Self {
            dimension,
            order,
            hidden: vec![0.0; dimension],
            gradient: vec![0.0; dimension],
            outputs: vec![0.0; order.len()],
            targets: Vec::new(),
            sigmoids: sigmoid_table(),
            draw: Minstd::new(seed),
        }
    }

    /// Learns from one example; its loss, `None` where there is nothing to learn from.
    fn visit(
        &mut self,
        loss: TrainLoss,
        rows: &[u32],
        labels: &[u32],
        rate: f32,
        (input, output): (&mut [f32], &mut [f32]),
    ) -> Option<f32> {
        if rows.is_empty() || (labels.is_empty() && loss == TrainLoss::Softmax) {
            return None;
        }
        self.targets.clear();
        self.targets.extend(labels.iter().map(|&label| self.order[label as usize]));
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
        let scale = (1.0 / rows.len() as f64) as f32;
        let value = match self.dimension {
            // Lengths known to the compiler: sums stay in registers.
            8 => self.learn::<8>(loss, rows, rate, scale, input, output),
            16 => self.learn::<16>(loss, rows, rate, scale, input, output),
            32 => self.learn::<32>(loss, rows, rate, scale, input, output),
            _ => self.learn_any(loss, rows, rate, scale, input, output),
        };
        Some(value)
    }

    fn learn<const N: usize>(
        &mut self,
        loss: TrainLoss,
        rows: &[u32],
        rate: f32,
        scale: f32,
        input: &mut [f32],
        output: &mut [f32],
    ) -> f32 {
        let (table, _) = input.as_chunks_mut::<N>();
        let mut sum = [0.0; N];
        for &row in rows {
            let row = &table[row as usize];
            for lane in 0..N {
                sum[lane] += row[lane];
            }
        }
        for (hidden, sum) in self.hidden.iter_mut().zip(sum) {
            *hidden = sum * scale;
        }
        let value = self.output_layer(loss, rate, output);
        let mut gradient = [0.0; N];
        for (to, from) in gradient.iter_mut().zip(&self.gradient) {
            *to = from * scale;
        }
        for &row in rows {
            let row = &mut table[row as usize];
            for lane in 0..N {
                row[lane] += gradient[lane];
            }
        }
        value
    }

    fn learn_any(
        &mut self,
        loss: TrainLoss,
        rows: &[u32],
        rate: f32,
        scale: f32,
        input: &mut [f32],
        output: &mut [f32],
    ) -> f32 {
        let dimension = self.dimension;
        self.hidden.fill(0.0);
        for &row in rows {
            let start = row as usize * dimension;
            let row = &input[start..start + dimension];
            self.hidden.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        self.hidden.iter_mut().for_each(|sum| *sum *= scale);
        let value = self.output_layer(loss, rate, output);
        self.gradient.iter_mut().for_each(|value| *value *= scale);
        for &row in rows {
            let start = row as usize * dimension;
            let row = &mut input[start..start + dimension];
            row.iter_mut().zip(&self.gradient).for_each(|(weight, value)| *weight += value);
        }
        value
    }

    /// Moves the output weights, and leaves what the text's vector should move by in `gradient`.
    fn output_layer(&mut self, loss: TrainLoss, rate: f32, output: &mut [f32]) -> f32 {
        self.gradient.fill(0.0);
        let dot = |row: &[f32], hidden: &[f32]| {
            row.iter().zip(hidden).fold(0.0f32, |sum, (weight, value)| sum + weight * value)
        };
        for (row, out) in output.chunks_exact(self.dimension).zip(&mut self.outputs) {
            *out = dot(row, &self.hidden);
        }
        let mut value = 0.0;
        match loss {
            TrainLoss::Softmax => {
                // One draw a visit, whatever there is to choose from.
                let target = self.targets[self.draw.below(self.targets.len())];
                super::loss::softmax(&mut self.outputs);
                let likely = self.outputs[target as usize];
                value = -ln(likely);
                for (label, out) in (0..).zip(&mut self.outputs) {
                    *out = rate * (f32::from(u8::from(label == target)) - *out);
                }
            }
            TrainLoss::OneVsAll => {
                for (label, out) in (0..).zip(&mut self.outputs) {
                    let score = table_sigmoid(&self.sigmoids, *out);
                    let holds = self.targets.contains(&label);
                    value -= ln(if holds { score } else { 1.0 - score });
                    *out = rate * (f32::from(u8::from(holds)) - score);
                }
            }
        }
        for (row, &alpha) in output.chunks_exact_mut(self.dimension).zip(&self.outputs) {
            for ((weight, gradient), hidden) in
                row.iter_mut().zip(&mut self.gradient).zip(&self.hidden)
            {
                *gradient += alpha * *weight;
                *weight += alpha * hidden;
            }
        }
        value
    }
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to single precision is meant")]
fn ln(probability: f32) -> f32 {
    // As the C++ tool takes it, so that a probability of 0 has a finite loss.
    libm::log(f64::from(probability) + 1e-5) as f32
}
