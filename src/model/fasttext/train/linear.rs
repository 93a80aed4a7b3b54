//! Logistic regression over the same words and n-grams, as a fastText model with one float a row.
//!
//! A text is the sum of its parts over the square root of their number, and L2 regularisation keeps
//! rare parts from being learnt by heart; see `pipelines/CLASSIFIERS.md` for what it gains. The
//! weights minimise `‖w‖²/2 + cost · Σ ln(1 + exp(-y w·x))` by coordinate descent in the dual
//! ([Yu, Huang and Lin 2011](https://doi.org/10.1007/s10994-010-5221-8)).
//!
//! The file is one that the fastText tool reads; the factor of the square root stands in the sidecar
//! ([`Length::Root`](crate::model::classifier::Length)), and so does the bias, as part of the
//! calibration.

use super::random::Minstd;
use super::vocabulary::Vocabulary;
use super::{Example, TrainError, TrainSettings, Trained};
use crate::model::classifier::sigmoid;
use crate::model::fasttext::dictionary::Tokens;

/// Passes over the examples, at most.
const PASSES: u32 = 60;

/// A pass that moves no example's log-odds by more is the last.
const TOLERANCE: f64 = 0.02;

/// Steps of Newton's method for one example; three are usual.
const STEPS: u32 = 50;

/// Examples that a part must stand in to have a weight.
const LEAST_EXAMPLES: u32 = 3;

/// What the mean square of a text's length is brought to, so that `cost` means the same with any
/// settings.
const MEAN_SQUARE: f64 = 2.0;

/// How a linear model is fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearSettings {
    /// What an error costs, against the size of the weights (liblinear's `C`).
    pub cost: f64,
    /// How many times cheaper a weight of a word is than one of an n-gram, of which a text has many
    /// more.
    pub word_factor: f64,
}

impl LinearSettings {
    pub(super) fn check(self) -> Result<(), TrainError> {
        let fits = |value: f64| value > 0.0 && value.is_finite();
        if fits(self.cost) && fits(self.word_factor) {
            return Ok(());
        }
        Err(TrainError::Settings("cost and word_factor must be above 0".to_owned()))
    }
}

/// Examples as sparse rows.
struct Examples {
    columns: Vec<u32>,
    values: Vec<f32>,
    ends: Vec<usize>,
    /// Row of the model of each column.
    rows: Vec<u32>,
    /// What a weight is multiplied by in the model.
    scales: Vec<f64>,
}

/// Fits the weights of the rows. The first label of the vocabulary counts as true.
pub(super) fn fit(
    vocabulary: Vocabulary,
    examples: &[Example<'_>],
    settings: TrainSettings,
    linear: LinearSettings,
) -> Result<Trained, TrainError> {
    let rows = vocabulary.words.len() + settings.used_buckets() as usize;
    let order = vocabulary.label_rows();
    if order.len() != 2 {
        let reason = format!("a linear model tells two labels apart, there are {}", order.len());
        return Err(TrainError::Settings(reason));
    }
    let mut model = Trained {
        settings,
        vocabulary,
        kept: None,
        input: vec![0.0; rows],
        // The difference of the two scores of softmax is the weights' sum.
        output: vec![0.5, -0.5],
        final_loss: 0.0,
    };
    let usable: Vec<&Example<'_>> =
        examples.iter().filter(|example| !example.labels.is_empty()).collect();
    let sparse = Examples::new(&model, &usable, rows, linear.word_factor);
    let truths: Vec<bool> =
        usable.iter().map(|example| order[example.labels[0] as usize] == 0).collect();
    let (weights, loss) = descend(&sparse, &truths, linear.cost, model.settings.seed);
    for ((&row, weight), scale) in sparse.rows.iter().zip(weights).zip(&sparse.scales) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "rounding to single precision is meant"
        )]
        let weight = (weight * scale) as f32;
        model.input[row as usize] = weight;
    }
    model.final_loss = loss;
    Ok(model)
}

impl Examples {
    #[expect(clippy::cast_precision_loss, reason = "numbers of examples and parts")]
    #[expect(clippy::cast_possible_truncation, reason = "rounding to single precision is meant")]
    fn new(model: &Trained, examples: &[&Example<'_>], rows: usize, word_factor: f64) -> Self {
        let dictionary = model.dictionary();
        let mut tokens = Tokens::default();
        // Counts by row of the model first: which rows are common is known at the end.
        let (mut found, mut counts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        let mut frequencies = vec![0u32; rows];
        let mut lengths = Vec::with_capacity(examples.len());
        for example in examples {
            dictionary.rows(example.text.as_bytes(), &mut tokens);
            lengths.push(tokens.rows.len());
            tokens.rows.sort_unstable();
            for same in tokens.rows.chunk_by(|left, right| left == right) {
                found.push(same[0]);
                counts.push(same.len() as f32);
                frequencies[same[0] as usize] += 1;
            }
            ends.push(found.len());
        }
        let words = model.vocabulary.words.len();
        let total = examples.len() as f64;
        let mut column_of = vec![u32::MAX; rows];
        let (mut kept, mut scales) = (Vec::new(), Vec::new());
        for (row, &frequency) in frequencies.iter().enumerate() {
            if frequency >= LEAST_EXAMPLES {
                // Rows are fewer than 2^31.
                column_of[row] = kept.len() as u32;
                kept.push(row as u32);
                // Rare parts may have larger weights at the same price, as with tf-idf.
                let rarity = libm::log((1.0 + total) / (1.0 + f64::from(frequency))) + 1.0;
                scales.push(rarity * if row < words { word_factor } else { 1.0 });
            }
        }
        let mut sparse =
            Self { columns: Vec::new(), values: Vec::new(), ends: Vec::new(), rows: kept, scales };
        let (mut start, mut squares) = (0, 0.0);
        for (end, length) in ends.into_iter().zip(lengths) {
            let root = (length as f64).sqrt();
            for (row, count) in found[start..end].iter().zip(&counts[start..end]) {
                let column = column_of[*row as usize];
                if column != u32::MAX {
                    let value = f64::from(*count) / root * sparse.scales[column as usize];
                    squares += value * value;
                    sparse.columns.push(column);
                    sparse.values.push(value as f32);
                }
            }
            sparse.ends.push(sparse.columns.len());
            start = end;
        }
        let factor = if squares > 0.0 { (MEAN_SQUARE * total / squares).sqrt() } else { 1.0 };
        sparse.scales.iter_mut().for_each(|scale| *scale *= factor);
        sparse.values.iter_mut().for_each(|value| *value *= factor as f32);
        sparse
    }

    fn example(&self, number: usize) -> (&[u32], &[f32]) {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        let range = start..self.ends[number];
        (&self.columns[range.clone()], &self.values[range])
    }
}

/// Weights by column, and the mean loss with them.
#[expect(clippy::cast_precision_loss, reason = "a number of examples")]
fn descend(examples: &Examples, truths: &[bool], cost: f64, seed: u32) -> (Vec<f64>, f64) {
    let mut weights = vec![0.0f64; examples.rows.len()];
    // The bias is a part that every text has once.
    let mut bias = 0.0;
    let number = truths.len();
    // An example's share in the weights is `cost · sigmoid(u)`, above 0 and below `cost`; `u` begins
    // so low that the weights may begin at 0.
    let mut odds = vec![-40.0f64; number];
    let mut squares = vec![0.0f64; number];
    for (at, square) in squares.iter_mut().enumerate() {
        let (_, values) = examples.example(at);
        *square = values.iter().fold(1.0, |sum, &value| sum + f64::from(value) * f64::from(value));
    }
    let mut order: Vec<usize> = (0..number).collect();
    let mut draw = Minstd::new(seed);
    let mut loss = 0.0;
    for _ in 0..PASSES {
        for at in 0..number {
            let other = at + draw.below(number - at);
            order.swap(at, other);
        }
        let mut moved = 0.0f64;
        loss = 0.0;
        for &at in &order {
            let (columns, values) = examples.example(at);
            let sign = if truths[at] { 1.0 } else { -1.0 };
            let dot = columns.iter().zip(values).fold(bias, |sum, (&column, &value)| {
                sum + weights[column as usize] * f64::from(value)
            });
            let margin = sign * dot;
            loss += (-margin).max(0.0) + libm::log1p(libm::exp(-margin.abs()));
            let before = odds[at];
            let after = solve(before, margin, cost, squares[at]);
            let step = sign * cost * (sigmoid(after) - sigmoid(before));
            moved = moved.max((step * squares[at]).abs());
            odds[at] = after;
            if step != 0.0 {
                bias += step;
                for (&column, &value) in columns.iter().zip(values) {
                    weights[column as usize] += step * f64::from(value);
                }
            }
        }
        if moved < TOLERANCE {
            break;
        }
    }
    (weights, loss / number.max(1) as f64)
}

/// The share of one example that is best while those of all others stay: where
/// `u + margin + square · cost · (sigmoid(u) - sigmoid(before)) = 0`. The left side rises everywhere,
/// so that Newton's method within a bracket finds the only root.
fn solve(before: f64, margin: f64, cost: f64, square: f64) -> f64 {
    let pull = square * cost;
    let held = pull * sigmoid(before);
    let (mut low, mut high) = (held - margin - pull, held - margin);
    let mut u = before.clamp(low, high);
    for _ in 0..STEPS {
        let share = sigmoid(u);
        let off = u + margin + pull * share - held;
        if off > 0.0 {
            high = u;
        } else {
            low = u;
        }
        let next = u - off / (1.0 + pull * share * (1.0 - share));
        let next = if next > low && next < high { next } else { f64::midpoint(low, high) };
        let step = (next - u).abs();
        u = next;
        if step < 1e-9 {
            break;
        }
    }
    u
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fasttext::train::train;

    #[test]
    fn the_root_is_found_wherever_it_lies() {
        for before in [-20.0, -3.0, 0.0, 4.0] {
            for margin in [-30.0, -1.0, 0.0, 0.5, 40.0] {
                for (cost, square) in [(1.0, 2.0), (1000.0, 3.0), (1e-3, 0.1)] {
                    let u = solve(before, margin, cost, square);
                    let off = u + margin + square * cost * (sigmoid(u) - sigmoid(before));
                    assert!(off.abs() < 1e-6 * (1.0 + cost), "{before} {margin} {cost}: {off}");
                }
            }
        }
    }

    /// The gradient of the loss at what was found is nothing, part by part: the minimum, since the
    /// loss is convex.
    #[test]
    fn the_weights_are_where_the_loss_is_least() {
        let texts: Vec<String> = (0..60u32)
            .map(|n| {
                let word = |m: u32| {
                    ["oak", "elm", "ash", "sea", "bay", "tide"][(n * m + n / 7) as usize % 6]
                };
                format!("{} {} {}", word(1), word(5), word(7))
            })
            .collect();
        // Not separable, so that the minimum is a finite one.
        let truths: Vec<bool> =
            texts.iter().zip(0..).map(|(text, n)| text.contains("sea") != (n % 9 == 0)).collect();
        let examples: Vec<Example<'_>> = texts
            .iter()
            .zip(&truths)
            .map(|(text, &holds)| Example { text, labels: if holds { &[0] } else { &[1] } })
            .collect();
        let labels = ["yes".to_owned(), "no".to_owned()];
        let linear = LinearSettings { cost: 2.0, word_factor: 1.5 };
        let settings =
            TrainSettings { linear: Some(linear), word_ngrams: 1, ..TrainSettings::default() };
        let model = train(&labels, &examples, &settings).unwrap();
        let usable: Vec<&Example<'_>> = examples.iter().collect();
        let sparse = Examples::new(&model, &usable, model.vocabulary.words.len(), 1.5);
        let first: Vec<bool> = examples
            .iter()
            .map(|example| model.vocabulary.label_rows()[example.labels[0] as usize] == 0)
            .collect();
        let (weights, _) = descend(&sparse, &first, 2.0, 0);
        let mut gradient = weights.clone();
        let bias_of = |weights: &[f64]| {
            // The bias is not handed out: it is where the shares of both kinds are equal but for it.
            let (mut low, mut high) = (-10.0, 10.0);
            for _ in 0..100 {
                let bias = f64::midpoint(low, high);
                let mut sum = bias;
                for (at, &holds) in first.iter().enumerate() {
                    let (columns, values) = sparse.example(at);
                    let dot: f64 = columns
                        .iter()
                        .zip(values)
                        .map(|(&column, &value)| weights[column as usize] * f64::from(value))
                        .sum();
                    sum += 2.0 * (sigmoid(dot + bias) - f64::from(u8::from(holds)));
                }
                if sum > 0.0 { high = bias } else { low = bias }
            }
            low
        };
        let bias = bias_of(&weights);
        for (at, &holds) in first.iter().enumerate() {
            let (columns, values) = sparse.example(at);
            let dot = columns.iter().zip(values).fold(bias, |sum, (&column, &value)| {
                sum + weights[column as usize] * f64::from(value)
            });
            let off = 2.0 * (sigmoid(dot) - f64::from(u8::from(holds)));
            for (&column, &value) in columns.iter().zip(values) {
                gradient[column as usize] += off * f64::from(value);
            }
        }
        let largest = weights.iter().fold(0.0f64, |most, weight| most.max(weight.abs()));
        assert!(largest > 0.3, "{weights:?}");
        for part in gradient {
            assert!(part.abs() < 0.02 * largest, "{part} of {largest}");
        }
    }

    #[test]
    fn more_than_two_labels_are_refused() {
        let labels = ["a", "b", "c"].map(str::to_owned);
        let examples = [
            Example { text: "x", labels: &[0] },
            Example { text: "y", labels: &[1] },
            Example { text: "z", labels: &[2] },
        ];
        let linear = Some(LinearSettings { cost: 1.0, word_factor: 1.0 });
        let settings = TrainSettings { linear, ..TrainSettings::default() };
        let error = train(&labels, &examples, &settings).unwrap_err();
        assert!(error.to_string().contains("two labels"), "{error}");
    }
}
