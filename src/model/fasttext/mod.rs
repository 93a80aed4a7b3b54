//! fastText text classifiers (`.bin` and `.ftz`): language, quality, toxicity.
//!
//! A document is the mean of the vectors of its words, character n-grams and word n-grams; a linear layer
//! turns it into label probabilities (Joulin et al. 2016, [arXiv 1607.01759](https://arxiv.org/abs/1607.01759);
//! compressed models: [arXiv 1612.03651](https://arxiv.org/abs/1612.03651)). Labels and scores are those of the
//! C++ library, which adds floats in this same order; a fixture of 300 texts holds us to it.

mod dictionary;
mod loss;
mod matrix;
mod ngrams;
mod reader;
#[cfg(test)]
mod tests;
mod top;
pub mod train;
mod tree;

use dictionary::{Dictionary, Tokens};
use loss::{Loss, Output, OutputScratch};
use matrix::{EXPAND_BYTES, Matrix};
use ngrams::{Buckets, Shape};
use reader::Reader;

const MAGIC: i32 = 793_712_314;
const SUPERVISED: i32 = 3;
/// The longest n-grams taken for real, in characters or words. Trained models use up to about 6; a corrupt
/// length would make the work quadratic.
const MAX_NGRAM: u32 = 256;

/// Why a model file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FastTextError {
    /// The file does not start as fastText files do.
    #[error("not a fastText model: it starts with {found:#010x}, not 0x2f4f16ba")]
    BadMagic {
        /// The first four bytes, little-endian.
        found: u32,
    },
    /// Written by a version whose files are not known here.
    #[error("fastText file version {found} is not supported (11 and 12 are)")]
    UnsupportedVersion {
        /// The version the file gives.
        found: i32,
    },
    /// Word vectors (`cbow`, `skipgram`) have no labels to predict.
    #[error("the model holds word vectors, not a classifier: train it with `fasttext supervised`")]
    NotSupervised,
    /// Pruned rows without quantisation: files of an early fastText, which it refuses as well (its issue 332).
    #[error(
        "the model was pruned but not quantised: download it again, old files of this kind are broken"
    )]
    PrunedUnquantised,
    /// The file ends too early.
    #[error("truncated: {field} needs {wanted} bytes at byte {at}, the file has {len}")]
    Truncated {
        /// What was being read.
        field: &'static str,
        /// The bytes it takes, at least.
        wanted: usize,
        /// Where it starts, in bytes from the start of the file.
        at: usize,
        /// The size of the file in bytes.
        len: usize,
    },
    /// A field holds a value that no trained model has.
    #[error("corrupt: {field} is {value} before byte {at}")]
    Invalid {
        /// What was read.
        field: &'static str,
        /// The value found.
        value: i64,
        /// Where the reader stood after it, in bytes from the start of the file.
        at: usize,
    },
}

/// A trained classifier. Immutable: share one among all threads, with one [`Scratch`] for each.
pub struct FastText {
    dictionary: Dictionary,
    input: Matrix,
    output: Output,
    dimension: usize,
}

/// Buffers that [`FastText::predict_into`] reuses, so that a call allocates nothing once they have grown.
/// One scratch may serve several models in turn.
#[derive(Debug, Default)]
pub struct Scratch {
    tokens: Tokens,
    hidden: Vec<f32>,
    output: OutputScratch,
}

impl Scratch {
    /// How many words and n-grams of the last text the model knew, each counted as often as it came.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.tokens.rows.len()
    }
}

/// A label and how likely it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Index into [`FastText::labels`].
    pub label: u32,
    /// The probability plus about 1e-5, as fastText reports it: up to 1.00001.
    pub score: f32,
}

impl FastText {
    /// Reads a whole `.bin` or `.ftz` file. A damaged file is an error that names the damaged field.
    ///
    /// Quantised input matrices are expanded to floats up to 256 MiB, for speed; beyond that they stay
    /// compressed, with the same results.
    ///
    /// # Errors
    /// If the bytes are not a supervised fastText model of file version 11 or 12.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FastTextError> {
        Self::with_expand_limit(bytes, EXPAND_BYTES)
    }

    fn with_expand_limit(bytes: &[u8], expand_bytes: usize) -> Result<Self, FastTextError> {
        let mut reader = Reader::new(bytes);
        let magic = reader.i32("magic number")?;
        if magic != MAGIC {
            let found = magic.cast_unsigned();
            return Err(FastTextError::BadMagic { found });
        }
        let version = reader.i32("version")?;
        if !(11..=12).contains(&version) {
            return Err(FastTextError::UnsupportedVersion { found: version });
        }

        let limit = i32::MAX.cast_unsigned();
        let dimension = reader.count("dimension", limit)? as usize;
        if dimension == 0 {
            return Err(reader.invalid("dimension", 0));
        }
        // Window size, epochs, smallest count, negatives: of training only.
        reader.take(4 * 4, "training settings")?;
        let word_ngrams = reader.count("longest word n-gram", MAX_NGRAM)?;
        let loss = Loss::read(&mut reader)?;
        if reader.i32("model kind")? != SUPERVISED {
            return Err(FastTextError::NotSupervised);
        }
        let buckets = reader.count("number of buckets", limit)?;
        let min_chars = reader.count("shortest character n-gram", limit)?;
        let max_chars = reader.count("longest character n-gram", MAX_NGRAM)?;
        // Update rate and sampling threshold: of training only.
        reader.take(4 + 8, "training settings")?;
        let shape = Shape {
            min_chars,
            // Classifiers of version 11 were trained without character n-grams, whatever the file says.
            max_chars: if version == 11 { 0 } else { max_chars },
            word_ngrams,
            buckets: Buckets::new(buckets),
        };

        let dictionary = Dictionary::read(&mut reader, shape)?;
        let quantised = reader.flag("whether the input matrix is quantised")?;
        let input = Matrix::read(&mut reader, quantised, dimension)?.expanded(expand_bytes);
        if (input.rows() as u64) < dictionary.rows_needed() {
            let rows = i64::try_from(input.rows()).unwrap_or(i64::MAX);
            return Err(reader.invalid("rows of the input matrix", rows));
        }
        if dictionary.pruned && !quantised {
            return Err(FastTextError::PrunedUnquantised);
        }
        let quantised_output = reader.flag("whether the output matrix is quantised")?;
        let matrix = Matrix::read(&mut reader, quantised && quantised_output, dimension)?;
        if matrix.rows() != dictionary.labels.len() {
            let rows = i64::try_from(matrix.rows()).unwrap_or(i64::MAX);
            return Err(reader.invalid("rows of the output matrix", rows));
        }
        let output = Output::new(loss, matrix, &dictionary.label_counts, &reader)?;
        Ok(Self { dictionary, input, output, dimension })
    }

    /// The labels without the prefix `__label__`, in the model's order: from frequent to rare in training.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.dictionary.labels
    }

    /// The number of floats in a document's vector.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Puts the at most `k` labels with a score of at least `threshold` into `out` (cleared first), the best
    /// first: what C++ `fasttext predict-prob` says of `text` as one line. Line breaks count as spaces.
    ///
    /// As there, words that start with `__label__` are skipped, the word `</s>` ends the text, and a text none
    /// of whose parts the model knows gets no label. A model with weights that are not numbers gives none.
    pub fn predict_into(
        &self,
        text: &str,
        k: usize,
        threshold: f32,
        scratch: &mut Scratch,
        out: &mut Vec<Prediction>,
    ) {
        out.clear();
        self.dictionary.rows(text.as_bytes(), &mut scratch.tokens);
        let rows = &scratch.tokens.rows;
        if rows.is_empty() || k == 0 {
            return;
        }
        self.input.mean(rows, &mut scratch.hidden);
        self.output.best(&scratch.hidden, k, threshold, &mut scratch.output);
        let found = scratch.output.top.iter().filter(|(score, _)| !score.is_nan());
        out.extend(found.map(|(score, label)| Prediction { label, score: loss::exp(score) }));
    }

    /// Puts the scores of all labels into `out`, in the order of [`FastText::labels`]: those of
    /// [`FastText::predict_into`]. False, and `out` empty, where that gives none, or not all.
    pub fn scores_into(&self, text: &str, scratch: &mut Scratch, out: &mut Vec<f32>) -> bool {
        out.clear();
        self.dictionary.rows(text.as_bytes(), &mut scratch.tokens);
        let rows = &scratch.tokens.rows;
        if rows.is_empty() {
            return false;
        }
        self.input.mean(rows, &mut scratch.hidden);
        self.output.all(&scratch.hidden, &mut scratch.output, out);
        for score in out.iter_mut() {
            *score = loss::exp(*score);
        }
        if out.len() != self.labels().len() || out.iter().any(|score| score.is_nan()) {
            out.clear();
        }
        !out.is_empty()
    }
}
