//! Small models: rows that matter little are left out, those left are quantised
//! ([arXiv 1612.03651](https://arxiv.org/abs/1612.03651), `fasttext quantize`).

use super::super::dictionary::END_OF_LINE;
use super::file::{ENTRY_BYTES, HEADER_BYTES};
use super::quantiser::{CENTROIDS, Coded};
use super::{TrainError, Trained};

impl Trained {
    /// The model as a `.ftz` file of at most `bytes`: the rows with the largest norms, two floats a
    /// byte, norms apart. (Training those rows once more, `-retrain` of the tool, made scores worse
    /// on every set tried.)
    ///
    /// `None` where it has too few rows to quantise (256).
    ///
    /// # Errors
    /// When fewer than 256 rows fit.
    pub fn into_quantised(mut self, bytes: usize) -> Result<Option<Vec<u8>>, TrainError> {
        if self.settings.linear.is_some() {
            return self.numbers_quantised(bytes);
        }
        let kept = self.rows_for(bytes);
        if kept < CENTROIDS {
            if self.rows() < CENTROIDS {
                return Ok(None);
            }
            return Err(TrainError::Settings(format!(
                "{bytes} bytes are too few: only {kept} words and n-grams would have a row"
            )));
        }
        if kept < self.rows() {
            self.prune(kept);
        }
        let coded = Coded::new(&self.input, self.settings.dimension as usize, 2);
        Ok(Some(self.to_coded_bytes(&coded)))
    }

    /// The same of one float a row: a byte each. No row is left out, since the number of a text's
    /// parts counts.
    fn numbers_quantised(&self, bytes: usize) -> Result<Option<Vec<u8>>, TrainError> {
        if self.rows() < CENTROIDS {
            return Ok(None);
        }
        let file = self.to_coded_bytes(&Coded::of_numbers(&self.input));
        if file.len() > bytes {
            let words: usize =
                self.vocabulary.words.iter().map(|word| word.text.len() + ENTRY_BYTES + 1).sum();
            return Err(TrainError::Settings(format!(
                "the model takes {} bytes, {words} of them for words: lower `buckets` ({}), raise \
                 `min_count` ({}) or `max_size` ({bytes})",
                file.len(),
                self.settings.buckets,
                self.settings.min_count
            )));
        }
        Ok(Some(file))
    }

    /// Rows of the input matrix.
    fn rows(&self) -> usize {
        self.input.len() / self.settings.dimension as usize
    }

    /// Rows by what they weigh: the end of line first, as the C++ tool has it.
    fn by_norm(&self) -> Vec<u32> {
        let rows = self.input.chunks_exact(self.settings.dimension as usize);
        let norms: Vec<f32> =
            rows.map(|row| row.iter().fold(0.0, |sum, value| sum + value * value)).collect();
        let end = self.vocabulary.words.iter().position(|word| word.text == END_OF_LINE);
        let end = end.and_then(|end| u32::try_from(end).ok());
        // Rows are fewer than 2^31.
        let mut order: Vec<u32> = (0..u32::try_from(norms.len()).unwrap_or(u32::MAX)).collect();
        order.sort_by(|&left, &right| {
            let last = |row| Some(row) != end;
            let norm = |row: u32| norms[row as usize];
            last(left).cmp(&last(right)).then(norm(right).total_cmp(&norm(left)))
        });
        order
    }

    /// How many rows fit in a file of so many bytes.
    fn rows_for(&self, bytes: usize) -> usize {
        let dimension = self.settings.dimension as usize;
        let labels: usize =
            self.vocabulary.labels.iter().map(|label| label.text.len() + ENTRY_BYTES).sum();
        // Sizes of the dictionary, flags, shapes, two quantisers with their centroids, the output.
        let fixed = HEADER_BYTES
            + (3 * 4 + 2 * 8)
            + (3 + 2 * 16 + 4)
            + (2 * 16 + (dimension + 1) * CENTROIDS * 4)
            + self.output.len() * 4;
        let mut left = bytes.saturating_sub(fixed + labels);
        let codes = dimension.div_ceil(2) + 1;
        for (number, row) in self.by_norm().into_iter().enumerate() {
            let cost = match self.vocabulary.words.get(row as usize) {
                Some(word) => word.text.len() + ENTRY_BYTES + codes,
                None => 8 + codes,
            };
            match left.checked_sub(cost) {
                Some(rest) => left = rest,
                None => return number,
            }
        }
        self.rows()
    }

    /// Leaves out all but the `keep` rows that weigh most.
    fn prune(&mut self, keep: usize) {
        let mut order = self.by_norm();
        order.truncate(keep);
        let words = self.vocabulary.words.len();
        let (mut own, ngrams): (Vec<u32>, Vec<u32>) =
            order.into_iter().partition(|&row| (row as usize) < words);
        own.sort_unstable();
        let dimension = self.settings.dimension as usize;
        let row = |&row: &u32| {
            let start = row as usize * dimension;
            self.input[start..start + dimension].iter().copied()
        };
        let input = own.iter().chain(&ngrams).flat_map(row).collect();
        let kept_words =
            own.iter().map(|&row| self.vocabulary.words[row as usize].clone()).collect();
        // Rows of n-grams follow those of words.
        let first = u32::try_from(words).unwrap_or(u32::MAX);
        self.kept = Some(ngrams.iter().map(|row| row - first).collect());
        self.input = input;
        self.vocabulary.words = kept_words;
    }
}
