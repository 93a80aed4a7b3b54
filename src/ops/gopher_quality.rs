//! `gopher-quality`: the quality rules of the Gopher paper.

mod measure;
mod stop_words;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::measure::Measures;
use self::stop_words::{MOST, StopWords};
use super::dialect::Dialect;
use super::{
    BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings, SignalLookup,
};
use crate::document::{Reason, Signal, SignalType};
use crate::text::WordKind;

/// Drops documents that break one of the Gopher quality rules.
///
/// The rules and thresholds are those of table A1 in
/// [Rae et al. 2021](https://arxiv.org/abs/2112.11446). A value equal to a threshold passes. The
/// first rule broken, in the order of the reasons below, gives the reason.
///
/// In the dialect `tamis`, words are those of `words`, by default
/// [UAX #29](https://www.unicode.org/reports/tr29/) words, that is, without punctuation; only
/// `min_alpha_words` counts over the pieces between white space, since that rule is about pieces
/// that are no words; with `words = "dictionary"`, for scripts without spaces, it counts over those
/// words. Lines are the non-blank ones.
///
/// With `dialect = "datatrove"` decisions and reasons are those of
/// [datatrove](https://github.com/huggingface/datatrove) 0.10.1's `GopherQualityFilter` for English.
/// Its words are spaCy's tokens. Only those with a character that is no punctuation mark count for
/// the first four rules, all of them for the others. Blank lines count, bullets are `•` and `-`,
/// the case of stop words counts, and a threshold of 0 turns its rule off.
///
/// With `dialect = "dclm"` decisions are those of [DCLM](https://github.com/mlfoundations/dclm)'s
/// RefinedWeb recipe. `min_words` and `max_words` count fastText's words that start with a letter or
/// digit, the other rules the pieces between white space. `max_hash_ratio` holds for `#` and
/// ellipses (`. . .`, too) together (`too-many-symbols`), and `max_ellipsis_ratio` is not looked
/// at. Bullets are `●`, `•`, `*` and `-`. Occurrences of stop words count, not different ones.
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
    /// Least share of white-space-separated pieces (`words = "dictionary"`: of words) with at least one
    /// letter.
    pub min_alpha_words: f64,
    /// Least number of *different* `stop_words` in the text.
    pub min_stop_words: u64,
    /// Words of which some occur in any running text, at most 64; compared without regard to ASCII
    /// case (datatrove: as they are).
    pub stop_words: Vec<String>,
    /// What counts as a word; only the dialect `tamis` asks.
    pub words: WordKind,
    /// Whose arithmetic to follow: `tamis`, `datatrove` or `dclm`.
    pub dialect: Dialect,
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
            words: WordKind::Unicode,
            dialect: Dialect::Tamis,
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
const TOO_MANY_SYMBOLS: Reason = Reason::new("too-many-symbols");

/// datatrove's reasons, in the order of the rules.
const DATATROVE: [Reason; 10] = [
    Reason::new("gopher_short_doc"),
    Reason::new("gopher_long_doc"),
    Reason::new("gopher_below_avg_threshold"),
    Reason::new("gopher_above_avg_threshold"),
    Reason::new("gopher_too_many_hashes"),
    Reason::new("gopher_too_many_ellipsis"),
    Reason::new("gopher_too_many_bullets"),
    Reason::new("gopher_too_many_end_ellipsis"),
    Reason::new("gopher_below_alpha_threshold"),
    Reason::new("gopher_enough_stop_words"),
];

const fn signal(name: &'static str, kind: SignalType, about: &'static str) -> Signal {
    Signal { name, kind, about }
}

impl Settings for GopherQuality {
    const NAME: &'static str = "gopher-quality";
    const VERSION: u32 = 2;
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
        signal("line_count", SignalType::Int, "lines"),
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
        TOO_MANY_SYMBOLS,
        DATATROVE[0],
        DATATROVE[1],
        DATATROVE[2],
        DATATROVE[3],
        DATATROVE[4],
        DATATROVE[5],
        DATATROVE[6],
        DATATROVE[7],
        DATATROVE[8],
        DATATROVE[9],
    ];
    const COST: u32 = 2_400;
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
        let measures = Measures {
            words: count("word_count")?,
            mean_word_length: signals.number("mean_word_length")?,
            hash_ratio: signals.number("hash_ratio")?,
            ellipsis_ratio: signals.number("ellipsis_ratio")?,
            bullet_lines: signals.number("bullet_lines")?,
            ellipsis_lines: signals.number("ellipsis_lines")?,
            alpha_words: signals.number("alpha_words")?,
            stop_words: count("stop_words")?,
            lines: count("line_count")?,
        };
        Some(self.decide(&measures))
    }

    fn build(&self, _context: &BuildContext<'_>) -> Result<Op, OpError> {
        let setting = |key, reason: String| Err(OpError::Setting { key, reason });
        if self.stop_words.len() > MOST {
            // One bit a word: 64 is far more than any language's list of the kind.
            return setting(
                "stop_words",
                format!("{} words; give at most {MOST}", self.stop_words.len()),
            );
        }
        let occurrences = self.dialect == Dialect::Dclm && !self.stop_words.is_empty();
        if self.min_stop_words > self.stop_words.len() as u64 && !occurrences {
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
        let mut stop_words = self.stop_words.clone();
        match self.dialect {
            Dialect::Tamis => stop_words.iter_mut().for_each(|word| word.make_ascii_lowercase()),
            // As written, also where the text is put into lower case.
            Dialect::Datatrove | Dialect::Dclm => {}
        }
        let stop_words = StopWords::new(&stop_words);
        Ok(Op::Document(Box::new(Built { settings: self.clone(), stop_words })))
    }
}

/// The op, ready to run.
struct Built {
    settings: GopherQuality,
    stop_words: StopWords,
}

impl GopherQuality {
    fn decide(&self, measures: &Measures) -> Decision {
        let Measures { words, mean_word_length: mean, lines, .. } = *measures;
        let dclm = self.dialect == Dialect::Dclm;
        let datatrove = self.dialect == Dialect::Datatrove;
        // A mean over no words is no number for datatrove, and then compares with nothing.
        let mean_counts = !datatrove || words > 0;
        // DCLM compares a count with a product, which may be rounded to the other side.
        let many_lines = |share: f64, most: f64| {
            #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
            let lines = lines as f64;
            if dclm { (share * lines).round() > most * lines } else { share > most }
        };
        let too_many_hashes = if dclm { TOO_MANY_SYMBOLS } else { TOO_MANY_HASHES };
        let off = |limit: f64| datatrove && limit == 0.0;
        let (shortest, longest) = (self.min_mean_word_length, self.max_mean_word_length);
        let rules = [
            (words < self.min_words, TOO_FEW_WORDS),
            (words > self.max_words && !(datatrove && self.max_words == 0), TOO_MANY_WORDS),
            (mean < shortest && mean_counts, WORDS_TOO_SHORT),
            (mean > longest && mean_counts && !off(longest), WORDS_TOO_LONG),
            (
                measures.hash_ratio > self.max_hash_ratio && !off(self.max_hash_ratio),
                too_many_hashes,
            ),
            (
                measures.ellipsis_ratio > self.max_ellipsis_ratio
                    && !dclm
                    && !off(self.max_ellipsis_ratio),
                TOO_MANY_ELLIPSES,
            ),
            (
                many_lines(measures.bullet_lines, self.max_bullet_lines)
                    && !off(self.max_bullet_lines),
                TOO_MANY_BULLETS,
            ),
            (
                many_lines(measures.ellipsis_lines, self.max_ellipsis_lines)
                    && !off(self.max_ellipsis_lines),
                TOO_MANY_ELLIPSIS_LINES,
            ),
            (measures.alpha_words < self.min_alpha_words, TOO_FEW_ALPHA_WORDS),
            (measures.stop_words < self.min_stop_words, TOO_FEW_STOP_WORDS),
        ];
        let broken = rules.iter().zip(DATATROVE).find(|((broken, _), _)| *broken);
        broken.map_or(Decision::Keep, |((_, ours), theirs)| {
            Decision::Drop(if datatrove { theirs } else { *ours })
        })
    }
}

impl DocumentOp for Built {
    type Scratch = ();

    fn document<'a>(&'a self, document: Document<'a>, (): &mut (), row: &mut Row<'a>) -> Decision {
        let measures = match self.settings.dialect {
            Dialect::Tamis => measure::tamis(document, &self.stop_words, self.settings.words),
            Dialect::Datatrove => measure::datatrove(document, &self.stop_words),
            Dialect::Dclm => measure::dclm(document.text, &self.stop_words),
        };
        let int = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        row.int(0, int(measures.words));
        row.float(1, measures.mean_word_length);
        row.float(2, measures.hash_ratio);
        row.float(3, measures.ellipsis_ratio);
        row.float(4, measures.bullet_lines);
        row.float(5, measures.ellipsis_lines);
        row.float(6, measures.alpha_words);
        row.int(7, int(measures.stop_words));
        row.int(8, int(measures.lines));
        self.settings.decide(&measures)
    }
}
