//! What ops want to know of a text, computed once a document and shared by all of them.
//!
//! An [`Analysis`] starts empty; the first op that asks for words pays for the splitting, the
//! others read the table. Offsets are byte offsets into the text that the analysis belongs to.

use std::sync::OnceLock;

use unicode_segmentation::UnicodeSegmentation;

/// A span of a text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// First byte behind it.
    pub end: u32,
}

impl Span {
    /// The bytes of `text` it covers.
    #[must_use]
    pub fn of(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }

    fn new(start: usize, end: usize) -> Self {
        // Documents are capped at 256 MiB when they are read, so offsets fit 32 bits.
        #[expect(clippy::cast_possible_truncation, reason = "see the line above")]
        let narrow = |offset: usize| offset as u32;
        Self { start: narrow(start), end: narrow(end) }
    }
}

/// Tables about one text, each filled when first asked for.
#[derive(Debug, Default)]
pub struct Analysis {
    words: OnceLock<Vec<Span>>,
}

impl Analysis {
    /// The words of the text after [UAX #29](https://www.unicode.org/reports/tr29/): the segments
    /// between word boundaries that hold at least one letter or digit.
    pub fn words(&self, text: &str) -> &[Span] {
        self.words.get_or_init(|| {
            text.unicode_word_indices()
                .map(|(start, word)| Span::new(start, start + word.len()))
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_leave_out_punctuation_and_keep_inner_marks() {
        let text = "It's 3.14, naïve café-goers — 你好!";
        let analysis = Analysis::default();
        let words: Vec<_> = analysis.words(text).iter().map(|span| span.of(text)).collect();
        assert_eq!(words, ["It's", "3.14", "naïve", "café", "goers", "你", "好"]);
    }
}
