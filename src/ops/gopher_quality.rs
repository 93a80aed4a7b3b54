//! `gopher-quality`: the quality rules of the Gopher paper.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings, SignalLookup,
};
use crate::document::{Reason, Signal, SignalType};
use crate::text::WordKind;

/// Drops documents that break one of the Gopher quality rules.
///
/// The rules and thresholds are those of table A1 in
/// [Rae et al. 2021](https://arxiv.org/abs/2112.11446). Words are
/// [UAX #29](https://www.unicode.org/reports/tr29/) words, that is, without punctuation; only
/// `min_alpha_words` counts over the pieces between white space, since that rule is about pieces
/// that are no words. Lines are the non-blank ones. A value equal to a threshold passes. The first
/// rule broken, in the order of the keys below, gives the reason.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GopherQuality {
    /// Least number of words.
    pub min_words: u64,
    /// Greatest number of words.
    pub max_words: u64,
    /// Least mean word length, in characters.
    pub min_mean_word_length: f64,
    /// Greatest mean word length, in characters.
    pub max_mean_word_length: f64,
    /// Greatest number of `#` per word.
    pub max_hash_ratio: f64,
    /// Greatest number of ellipses (`...` or `…`) per word.
    pub max_ellipsis_ratio: f64,
    /// Greatest share of lines that start with a bullet (`•`, `●`, `‣`, `▪`, `◦`, `-`, `*`).
    pub max_bullet_lines: f64,
    /// Greatest share of lines that end with an ellipsis.
    pub max_ellipsis_lines: f64,
    /// Least share of white-space-separated pieces with at least one letter.
    pub min_alpha_words: f64,
    /// Least number of *different* `stop_words` in the text.
    pub min_stop_words: u64,
    /// Words of which some occur in any running text; compared without regard to ASCII case.
    pub stop_words: Vec<String>,
}

impl Default for GopherQuality {
    fn default() -> Self {
        let stop_words = ["the", "be", "to", "of", "and", "that", "have", "with"];
        Self {
            min_words: 50,
            max_words: 100_000,
            min_mean_word_length: 3.0,
            max_mean_word_length: 10.0,
            max_hash_ratio: 0.1,
            max_ellipsis_ratio: 0.1,
            max_bullet_lines: 0.9,
            max_ellipsis_lines: 0.3,
            min_alpha_words: 0.8,
            min_stop_words: 2,
            stop_words: stop_words.map(str::to_owned).to_vec(),
        }
    }
}

const TOO_FEW_WORDS: Reason = Reason::new("too-few-words");
const TOO_MANY_WORDS: Reason = Reason::new("too-many-words");
const WORDS_TOO_SHORT: Reason = Reason::new("words-too-short");
const WORDS_TOO_LONG: Reason = Reason::new("words-too-long");
const TOO_MANY_HASHES: Reason = Reason::new("too-many-hashes");
const TOO_MANY_ELLIPSES: Reason = Reason::new("too-many-ellipses");
const TOO_MANY_BULLETS: Reason = Reason::new("too-many-bullet-lines");
const TOO_MANY_ELLIPSIS_LINES: Reason = Reason::new("too-many-ellipsis-lines");
const TOO_FEW_ALPHA_WORDS: Reason = Reason::new("too-few-alpha-words");
const TOO_FEW_STOP_WORDS: Reason = Reason::new("too-few-stop-words");

const fn signal(name: &'static str, kind: SignalType, about: &'static str) -> Signal {
    Signal { name, kind, about }
}

impl Settings for GopherQuality {
    const NAME: &'static str = "gopher-quality";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[
        signal("word_count", SignalType::Int, "words"),
        signal("mean_word_length", SignalType::Float, "characters per word"),
        signal("hash_ratio", SignalType::Float, "`#` per word"),
        signal("ellipsis_ratio", SignalType::Float, "ellipses per word"),
        signal("bullet_lines", SignalType::Float, "share of lines that start with a bullet"),
        signal("ellipsis_lines", SignalType::Float, "share of lines that end with an ellipsis"),
        signal("alpha_words", SignalType::Float, "share of pieces with a letter"),
        signal("stop_words", SignalType::Int, "different stop words"),
    ];
    const REASONS: &'static [Reason] = &[
        TOO_FEW_WORDS,
        TOO_MANY_WORDS,
        WORDS_TOO_SHORT,
        WORDS_TOO_LONG,
        TOO_MANY_HASHES,
        TOO_MANY_ELLIPSES,
        TOO_MANY_BULLETS,
        TOO_MANY_ELLIPSIS_LINES,
        TOO_FEW_ALPHA_WORDS,
        TOO_FEW_STOP_WORDS,
    ];
    const THRESHOLDS: &'static [&'static str] = &[
        "min_words",
        "max_words",
        "min_mean_word_length",
        "max_mean_word_length",
        "max_hash_ratio",
        "max_ellipsis_ratio",
        "max_bullet_lines",
        "max_ellipsis_lines",
        "min_alpha_words",
        "min_stop_words",
    ];

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        let count = |name| u64::try_from(signals.int(name)?).ok();
        Some(self.decide(&Measures {
            words: count("word_count")?,
            mean_word_length: signals.number("mean_word_length")?,
            hash_ratio: signals.number("hash_ratio")?,
            ellipsis_ratio: signals.number("ellipsis_ratio")?,
            bullet_lines: signals.number("bullet_lines")?,
            ellipsis_lines: signals.number("ellipsis_lines")?,
            alpha_words: signals.number("alpha_words")?,
            stop_words: count("stop_words")?,
        }))
    }

    fn build(&self, _context: &BuildContext<'_>) -> Result<Op, OpError> {
        let setting = |key, reason: String| Err(OpError::Setting { key, reason });
        if self.stop_words.len() > 64 {
            // One bit a word: 64 is far more than any language's list of the kind.
            return setting(
                "stop_words",
                format!("{} words; give at most 64", self.stop_words.len()),
            );
        }
        if self.min_stop_words > self.stop_words.len() as u64 {
            return setting(
                "min_stop_words",
                format!(
                    "{} of {} words can never occur",
                    self.min_stop_words,
                    self.stop_words.len()
                ),
            );
        }
        if self.min_words > self.max_words {
            return setting(
                "min_words",
                format!("{} is over max_words = {}", self.min_words, self.max_words),
            );
        }
        let mut rules = self.clone();
        rules.stop_words.iter_mut().for_each(|word| word.make_ascii_lowercase());
        Ok(Op::Document(Box::new(rules)))
    }
}

/// The numbers that the rules are about.
#[derive(Debug, Clone, PartialEq)]
struct Measures {
    words: u64,
    mean_word_length: f64,
    hash_ratio: f64,
    ellipsis_ratio: f64,
    bullet_lines: f64,
    ellipsis_lines: f64,
    alpha_words: f64,
    stop_words: u64,
}

/// `part / whole`, and 0 where there is nothing to have a share of.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl GopherQuality {
    fn measure(&self, document: Document<'_>) -> Measures {
        let text = document.text;
        let spans = document.analysis.words(text, WordKind::Unicode);
        let words = spans.len() as u64;
        let mut letters = 0;
        let mut seen = 0u64;
        for span in spans {
            let word = span.of(text);
            letters += if word.is_ascii() { word.len() } else { word.chars().count() } as u64;
            for (bit, stop_word) in self.stop_words.iter().enumerate() {
                if word.eq_ignore_ascii_case(stop_word) {
                    seen |= 1 << bit;
                }
            }
        }
        let hashes = memchr::memchr_iter(b'#', text.as_bytes()).count() as u64;
        let dots = memchr::memmem::find_iter(text.as_bytes(), b"...").count();
        let ellipses = memchr::memmem::find_iter(text.as_bytes(), "…".as_bytes()).count();
        let (mut lines, mut bullets, mut trailing) = (0, 0, 0);
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            lines += 1;
            bullets += u64::from(line.starts_with(['•', '●', '‣', '▪', '◦', '-', '*']));
            trailing += u64::from(line.ends_with("...") || line.ends_with('…'));
        }
        let (mut pieces, mut alpha) = (0, 0);
        for piece in text.split_whitespace() {
            pieces += 1;
            alpha += u64::from(piece.chars().any(char::is_alphabetic));
        }
        Measures {
            words,
            mean_word_length: ratio(letters, words),
            hash_ratio: ratio(hashes, words),
            ellipsis_ratio: ratio((dots + ellipses) as u64, words),
            bullet_lines: ratio(bullets, lines),
            ellipsis_lines: ratio(trailing, lines),
            alpha_words: ratio(alpha, pieces),
            stop_words: u64::from(seen.count_ones()),
        }
    }

    fn decide(&self, measures: &Measures) -> Decision {
        let rules = [
            (measures.words < self.min_words, TOO_FEW_WORDS),
            (measures.words > self.max_words, TOO_MANY_WORDS),
            (measures.mean_word_length < self.min_mean_word_length, WORDS_TOO_SHORT),
            (measures.mean_word_length > self.max_mean_word_length, WORDS_TOO_LONG),
            (measures.hash_ratio > self.max_hash_ratio, TOO_MANY_HASHES),
            (measures.ellipsis_ratio > self.max_ellipsis_ratio, TOO_MANY_ELLIPSES),
            (measures.bullet_lines > self.max_bullet_lines, TOO_MANY_BULLETS),
            (measures.ellipsis_lines > self.max_ellipsis_lines, TOO_MANY_ELLIPSIS_LINES),
            (measures.alpha_words < self.min_alpha_words, TOO_FEW_ALPHA_WORDS),
            (measures.stop_words < self.min_stop_words, TOO_FEW_STOP_WORDS),
        ];
        rules
            .iter()
            .find(|(broken, _)| *broken)
            .map_or(Decision::Keep, |(_, reason)| Decision::Drop(*reason))
    }
}

impl DocumentOp for GopherQuality {
    type Scratch = ();

    fn document<'a>(
        &'a self,
        document: Document<'a>,
        (): &mut (),
        row: &mut Row<'a>,
    ) -> Decision {
        let measures = self.measure(document);
        let int = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        row.int(0, int(measures.words));
        row.float(1, measures.mean_word_length);
        row.float(2, measures.hash_ratio);
        row.float(3, measures.ellipsis_ratio);
        row.float(4, measures.bullet_lines);
        row.float(5, measures.ellipsis_lines);
        row.float(6, measures.alpha_words);
        row.int(7, int(measures.stop_words));
        self.decide(&measures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Analysis;

    fn decide(text: &str) -> (Measures, Decision) {
        let analysis = Analysis::default();
        let rules = GopherQuality::default();
        let document = Document { text, analysis: &analysis, url: None, id: crate::document::DocumentId(0) };
        let measures = rules.measure(document);
        let decision = rules.decide(&measures);
        (measures, decision)
    }

    const SENTENCE: &str = "The quick brown fox and the lazy dog have to walk with care. ";

    #[test]
    fn running_text_passes() {
        let (measures, decision) = decide(&SENTENCE.repeat(5));
        assert_eq!(decision, Decision::Keep);
        assert_eq!(measures.words, 65);
        // the, and, have, to, with
        assert_eq!(measures.stop_words, 5);
        assert!((measures.mean_word_length - 47.0 / 13.0).abs() < 1e-12);
        assert!((measures.alpha_words - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn each_rule_gives_its_reason() {
        let long = SENTENCE.repeat(5);
        let cases = [
            ("Too short.".to_owned(), TOO_FEW_WORDS),
            ("the be ".repeat(50_001), TOO_MANY_WORDS),
            ("a b the be ".repeat(30), WORDS_TOO_SHORT),
            (format!("{}the be", "incomprehensibilities ".repeat(60)), WORDS_TOO_LONG),
            (format!("{long}{}", "# ".repeat(7)), TOO_MANY_HASHES),
            (format!("{long}{}", "… ".repeat(7)), TOO_MANY_ELLIPSES),
            (format!("- {SENTENCE}\n").repeat(5), TOO_MANY_BULLETS),
            (format!("{SENTENCE}...\n").repeat(5), TOO_MANY_ELLIPSIS_LINES),
            (format!("{long}{}", "12 | ".repeat(20)), TOO_FEW_ALPHA_WORDS),
            ("lorem ipsum dolor sit amet ".repeat(20), TOO_FEW_STOP_WORDS),
        ];
        for (text, reason) in cases {
            assert_eq!(decide(&text).1, Decision::Drop(reason), "{text:.60}");
        }
    }

    #[test]
    fn a_value_at_the_threshold_passes() {
        let fifty = "the be ".repeat(25);
        let rules = GopherQuality { min_mean_word_length: 2.5, ..GopherQuality::default() };
        let analysis = Analysis::default();
        let measures = rules.measure(Document { text: &fifty, analysis: &analysis, url: None, id: crate::document::DocumentId(0) });
        assert_eq!(measures.words, 50);
        assert_eq!(rules.decide(&measures), Decision::Keep);
    }

    #[test]
    fn an_empty_text_is_too_short_not_a_division_by_zero() {
        let (measures, decision) = decide("");
        assert_eq!(decision, Decision::Drop(TOO_FEW_WORDS));
        assert!(measures.mean_word_length.abs() < f64::EPSILON);
    }
}
