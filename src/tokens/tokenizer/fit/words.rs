//! Words with their counts.

use std::collections::HashMap;

use rayon::prelude::*;
use tokenizers::SplitDelimiterBehavior;
use tokenizers::pipeline::{PreTokenizer, PreTokenizerScratch, Span};
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};

use super::super::TokenizerError;
use super::super::encodings::Pattern;
use super::WordPattern;

/// A text is split by pieces of about so much, at line ends: the library keeps some twenty bytes a
/// byte.
const PIECE_BYTES: usize = 1 << 22;

/// Counts of words.
#[derive(Default)]
pub struct Words {
    counts: HashMap<Box<str>, u64>,
}

/// Splits texts and counts their words.
pub struct Counter {
    split: Split,
    scratch: PreTokenizerScratch,
    spans: Vec<Span>,
    words: Words,
}

impl Words {
    /// The words of `texts`, counted on all threads.
    ///
    /// # Errors
    /// When the pattern is no regular expression, or runs into a limit of the regex engine.
    pub fn of(texts: &[String], pattern: &WordPattern) -> Result<Self, TokenizerError> {
        // As many parts as threads: each has a table of words of its own.
        let part = texts.len().div_ceil(rayon::current_num_threads()).max(1);
        let parts = texts.par_chunks(part).map(|texts| {
            let mut counter = Self::counter(pattern)?;
            texts.iter().try_for_each(|text| counter.add(text))?;
            Ok(counter.finish())
        });
        parts.try_reduce(Self::default, |left, right| Ok(left.merge(right)))
    }

    /// What counts words of texts split by `pattern`; one a thread.
    ///
    /// # Errors
    /// When the pattern is no regular expression.
    pub fn counter(pattern: &WordPattern) -> Result<Counter, TokenizerError> {
        Ok(Counter {
            split: splitter(&pattern.0)?,
            scratch: PreTokenizerScratch::default(),
            spans: Vec::new(),
            words: Self::default(),
        })
    }

    /// Adds the counts of `other`.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let (mut more, less) =
            if self.counts.len() < other.counts.len() { (other, self) } else { (self, other) };
        #[expect(clippy::iter_over_hash_type, reason = "sums do not depend on the order")]
        for (word, count) in less.counts {
            *more.counts.entry(word).or_default() += count;
        }
        more
    }

    /// The number of different words.
    #[must_use]
    pub fn different(&self) -> usize {
        self.counts.len()
    }

    /// Words with their counts, in the order of their bytes.
    pub(super) fn sorted(&self) -> Vec<(&str, u64)> {
        let mut words: Vec<_> = self.counts.iter().map(|(word, &count)| (&**word, count)).collect();
        words.sort_unstable();
        words
    }
}

impl Counter {
    /// Counts the words of a text.
    ///
    /// # Errors
    /// When the pattern runs into a limit of the regex engine.
    pub fn add(&mut self, text: &str) -> Result<(), TokenizerError> {
        let mut rest = text;
        while rest.len() > PIECE_BYTES {
            // Where a text is cut does not depend on anything but the text.
            let cut = memchr::memrchr(b'\n', &rest.as_bytes()[..PIECE_BYTES]);
            let Some(cut) = cut.filter(|&cut| cut > 0) else { break };
            self.piece(&rest[..cut])?;
            rest = &rest[cut..];
        }
        self.piece(rest)
    }

    fn piece(&mut self, text: &str) -> Result<(), TokenizerError> {
        self.spans.clear();
        self.split
            .pre_tokenize(text, &mut self.scratch, &mut self.spans)
            .map_err(|error| TokenizerError::Encode(error.to_string()))?;
        for span in &self.spans {
            let word = &text[span.range()];
            match self.words.counts.get_mut(word) {
                Some(count) => *count += 1,
                None => {
                    self.words.counts.insert(word.into(), 1);
                }
            }
        }
        Ok(())
    }

    /// What was counted.
    #[must_use]
    pub fn finish(self) -> Words {
        self.words
    }
}

/// Words are the matches; where they leave gaps, the gaps are words too.
pub(super) fn splitter(pattern: &Pattern) -> Result<Split, TokenizerError> {
    let regex = SplitPattern::Regex(pattern.regex.clone());
    Split::new(regex, SplitDelimiterBehavior::Isolated, false).map_err(|error| {
        TokenizerError::File {
            file: "the pattern".to_owned(),
            reason: format!(
                "`{}` is none of gpt2, cl100k, o200k, qwen, and no regular expression: {error}",
                pattern.regex
            ),
        }
    })
}
