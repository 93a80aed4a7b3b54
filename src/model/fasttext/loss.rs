//! From the hidden vector to the best labels, for each loss fastText trains with.

use super::FastTextError;
use super::matrix::{Dense, Matrix};
use super::reader::Reader;
use super::top::TopLabels;
use super::tree::Tree;

/// A label's output beyond this is taken as 0 or 1 by the sigmoid table.
const MAX_SIGMOID: f32 = 8.0;
const SIGMOID_STEPS: u16 = 512;

/// No output matrix comes near; bounds what a corrupt file can make us allocate.
const MAX_OUTPUT_BYTES: usize = 4 << 30;

/// The loss a model was trained with decides how predictions are read off its output matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    HierarchicalSoftmax,
    NegativeSampling,
    Softmax,
    OneVsAll,
}

impl Loss {
    pub(super) fn read(reader: &mut Reader) -> Result<Self, FastTextError> {
        match reader.i32("loss")? {
            1 => Ok(Self::HierarchicalSoftmax),
            2 => Ok(Self::NegativeSampling),
            3 => Ok(Self::Softmax),
            4 => Ok(Self::OneVsAll),
            other => Err(reader.invalid("loss", i64::from(other))),
        }
    }
}

/// The output layer.
pub(super) struct Output {
    kind: Kind,
    /// What a dot product with each row is multiplied by; empty for a matrix without norms.
    norms: Vec<f32>,
}

enum Kind {
    Hierarchical {
        tree: Tree,
        nodes: Dense,
    },
    Softmax {
        columns: Columns,
    },
    /// Negative sampling and one-vs-all: a sigmoid per label, read from the table training used.
    Sigmoid {
        columns: Columns,
        table: Vec<f32>,
    },
}

/// The matrix column by column: a product with a vector then adds whole columns, many labels in one
/// instruction, and yet sums up each label in the order of the C++ library.
struct Columns {
    values: Vec<f32>,
    labels: usize,
}

/// The buffers `Output::best` fills.
#[derive(Debug, Default)]
pub(super) struct OutputScratch {
    outputs: Vec<f32>,
    stack: Vec<(u32, f32)>,
    pub(super) top: TopLabels,
}

impl Output {
    pub(super) fn new(
        loss: Loss,
        matrix: Matrix,
        label_counts: &[i64],
        reader: &Reader,
    ) -> Result<Self, FastTextError> {
        let (rows, norms) = match matrix {
            Matrix::Dense(dense) => (dense, Vec::new()),
            Matrix::Coded(coded) if coded.expanded_bytes() > MAX_OUTPUT_BYTES => {
                let bytes = i64::try_from(coded.expanded_bytes()).unwrap_or(i64::MAX);
                return Err(reader.invalid("bytes of the output matrix", bytes));
            }
            Matrix::Coded(coded) => coded.split(),
        };
        let kind = match loss {
            Loss::HierarchicalSoftmax => Kind::Hierarchical {
                tree: Tree::new(label_counts)
                    .ok_or_else(|| reader.invalid("label counts", label_counts[0]))?,
                nodes: rows,
            },
            Loss::Softmax => Kind::Softmax { columns: Columns::new(&rows, label_counts.len()) },
            Loss::NegativeSampling | Loss::OneVsAll => Kind::Sigmoid {
                columns: Columns::new(&rows, label_counts.len()),
                table: sigmoid_table(),
            },
        };
        Ok(Self { kind, norms })
    }

    /// Appends the logarithm of the probability of each label, in order, to `out`.
    pub(super) fn all(&self, hidden: &[f32], scratch: &mut OutputScratch, out: &mut Vec<f32>) {
        match &self.kind {
            Kind::Hierarchical { .. } => {
                let labels = self.labels();
                self.best(hidden, labels, 0.0, scratch);
                out.resize(labels, f32::NAN);
                for (score, label) in scratch.top.iter() {
                    out[label as usize] = score;
                }
            }
            Kind::Softmax { .. } | Kind::Sigmoid { .. } => {
                self.probabilities(hidden, &mut scratch.outputs);
                out.extend(scratch.outputs.iter().map(|&output| log_probability(output)));
            }
        }
    }

    /// Leaves in `scratch.top` the at most `k` best labels with a probability of at least `threshold`.
    pub(super) fn best(
        &self,
        hidden: &[f32],
        k: usize,
        threshold: f32,
        scratch: &mut OutputScratch,
    ) {
        let OutputScratch { outputs, stack, top } = scratch;
        top.reset(k);
        match &self.kind {
            Kind::Hierarchical { tree, nodes } => {
                let right = |node: u32| {
                    let dot = self.scaled(dot(nodes.row(node), hidden), node as usize);
                    sigmoid(dot)
                };
                tree.search(log_probability(threshold), right, stack, top);
            }
            Kind::Softmax { .. } | Kind::Sigmoid { .. } => {
                self.probabilities(hidden, outputs);
                keep_best(outputs, threshold, top);
            }
        }
        top.sort();
    }

    fn labels(&self) -> usize {
        match &self.kind {
            Kind::Hierarchical { tree, .. } => tree.labels(),
            Kind::Softmax { columns } | Kind::Sigmoid { columns, .. } => columns.labels,
        }
    }

    /// The probability of each label, of a model without a tree.
    fn probabilities(&self, hidden: &[f32], outputs: &mut Vec<f32>) {
        match &self.kind {
            Kind::Hierarchical { .. } => outputs.clear(),
            Kind::Softmax { columns } => {
                columns.times(hidden, outputs);
                self.scale_all(outputs);
                softmax(outputs);
            }
            Kind::Sigmoid { columns, table } => {
                columns.times(hidden, outputs);
                self.scale_all(outputs);
                for output in outputs.iter_mut() {
                    *output = table_sigmoid(table, *output);
                }
            }
        }
    }

    fn scaled(&self, dot: f32, row: usize) -> f32 {
        self.norms.get(row).map_or(dot, |norm| dot * norm)
    }

    fn scale_all(&self, outputs: &mut [f32]) {
        for (output, norm) in outputs.iter_mut().zip(&self.norms) {
            *output *= norm;
        }
    }
}

impl Columns {
    fn new(rows: &Dense, labels: usize) -> Self {
        let values = rows.values();
        let dimension = values.len() / labels;
        let mut columns = Vec::with_capacity(values.len());
        for column in 0..dimension {
            columns.extend((0..labels).map(|label| values[label * dimension + column]));
        }
        Self { values: columns, labels }
    }

    fn times(&self, vector: &[f32], out: &mut Vec<f32>) {
        out.clear();
        out.resize(self.labels, 0.0);
        for (column, x) in self.values.chunks_exact(self.labels).zip(vector) {
            for (sum, value) in out.iter_mut().zip(column) {
                *sum += value * x;
            }
        }
    }
}

/// In index order, one addition after the other, as the C++ library has it.
fn dot(row: &[f32], vector: &[f32]) -> f32 {
    row.iter().zip(vector).fold(0.0, |sum, (a, b)| sum + a * b)
}

fn keep_best(probabilities: &[f32], threshold: f32, top: &mut TopLabels) {
    for (label, &probability) in (0..).zip(probabilities) {
        if probability >= threshold {
            top.offer(log_probability(probability), label);
        }
    }
}

pub(super) fn softmax(outputs: &mut [f32]) {
    let max = outputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut total = 0.0;
    for output in outputs.iter_mut() {
        *output = exp(*output - max);
        total += *output;
    }
    for output in outputs {
        *output /= total;
    }
}

/// Rounded once from double precision: the same on every machine, and all but always what glibc's `expf` gives.
#[expect(clippy::cast_possible_truncation, reason = "rounding to single precision is meant")]
pub(super) fn exp(x: f32) -> f32 {
    libm::exp(f64::from(x)) as f32
}

/// fastText ranks by `ln(p + 1e-5)`, computed in double precision.
#[expect(clippy::cast_possible_truncation, reason = "rounding to single precision is meant")]
pub(super) fn log_probability(probability: f32) -> f32 {
    libm::log(f64::from(probability) + 1e-5) as f32
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to single precision is meant")]
fn sigmoid(x: f32) -> f32 {
    (1.0 / f64::from(1.0 + exp(-x))) as f32
}

/// What C++ predicts with after negative sampling or one-vs-all: the 512 steps are visible in the scores.
pub(super) fn table_sigmoid(table: &[f32], x: f32) -> f32 {
    if x < -MAX_SIGMOID {
        return 0.0;
    }
    if x > MAX_SIGMOID {
        return 1.0;
    }
    let step = (x + MAX_SIGMOID) * f32::from(SIGMOID_STEPS) / MAX_SIGMOID / 2.0;
    // A NaN becomes index 0 here; the index of 8.0 is the last.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 <= step <= 512")]
    table.get(step as usize).copied().unwrap_or(0.0)
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to single precision is meant")]
pub(super) fn sigmoid_table() -> Vec<f32> {
    (0..=SIGMOID_STEPS)
        .map(|i| {
            let x = f32::from(i) * 2.0 * MAX_SIGMOID / f32::from(SIGMOID_STEPS) - MAX_SIGMOID;
            (1.0 / (1.0 + f64::from(exp(-x)))) as f32
        })
        .collect()
}
