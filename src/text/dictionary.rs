//! Words of scripts written without spaces, cut by dictionary.

use std::sync::LazyLock;

use icu_segmenter::WordSegmenter;
use icu_segmenter::WordSegmenterBorrowed;
use icu_segmenter::options::WordBreakInvariantOptions;

use super::Span;

/// The segmenter and its dictionaries, which are part of the program.
static SEGMENTER: LazyLock<WordSegmenterBorrowed<'static>> =
    LazyLock::new(|| WordSegmenter::new_dictionary(WordBreakInvariantOptions::default()));

/// Calls `word` for each segment of `text` that has a letter, a digit or an ideograph.
pub(super) fn words(text: &str, mut word: impl FnMut(Span)) {
    let mut boundaries = SEGMENTER.segment_str(text);
    let Some(mut start) = boundaries.next() else { return };
    while let Some(end) = boundaries.next() {
        if boundaries.is_word_like() {
            word(Span::new(start, end));
        }
        start = end;
    }
}

#[cfg(test)]
mod tests {

    fn split(text: &str) -> Vec<&str> {
        let mut words = Vec::new();
        super::words(text, |span| words.push(span.of(text)));
        words
    }

    #[test]
    fn chinese_japanese_and_thai_are_cut_into_words() {
        assert_eq!(split("今天天气很好。"), ["今天", "天气", "很好"]);
        assert_eq!(split("私は東京に住んでいます。")[..3], ["私", "は", "東京"]);
        assert_eq!(split("ภาษาไทย"), ["ภาษา", "ไทย"]);
        assert_eq!(split("It's fine, 3.14!"), ["It's", "fine", "3.14"]);
        assert!(split("。,!  ").is_empty());
    }
}
