//! `symbol-ratio`: what kinds of characters a document is made of.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings, SignalLookup,
};
use crate::document::{Reason, Signal, SignalType};
use crate::text::WordKind;

/// Drops documents with too many symbols, capitals, digits, punctuation, white space, or characters
/// that are neither letter nor digit.
///
/// `symbols` are counted without overlap, from the left, the longest first (`....` holds one `...`),
/// and set in relation to the words or to the characters; the default is the rule of table A1 in
/// [Rae et al. 2021](https://arxiv.org/abs/2112.11446), hashes and ellipses together. The other
/// limits are shares of all characters (Unicode scalar values) and apply where they are given.
/// Classes are those of Unicode: upper case `Uppercase`, digits `N`, punctuation `P` (so `$`, `+`,
/// `<` or `|` are none), white space `White_Space`; alphanumeric are `Alphabetic` and `N` (vowel
/// signs are, viramas and most other combining marks are not). A value equal to a limit passes; they are
/// looked at in the order of the signals. Where there is nothing to have a share of, the share is 0.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SymbolRatio {
    /// The symbols, characters or strings.
    pub symbols: Vec<String>,
    /// What symbols are counted per.
    pub per: Per,
    /// What counts as a word.
    pub words: WordKind,
    /// Greatest number of symbols per word (or character).
    pub max_symbols: f64,
    /// Greatest share of upper-case letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_uppercase: Option<f64>,
    /// Greatest share of digits and other numerals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_digits: Option<f64>,
    /// Greatest share of punctuation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_punctuation: Option<f64>,
    /// Greatest share of white space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_whitespace: Option<f64>,
    /// Greatest share of characters that are neither letter nor numeral, white space included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_non_alphanumeric: Option<f64>,
}

/// What symbols are counted per.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Per {
    /// Symbols / words.
    Words,
    /// Symbols / characters.
    Chars,
}

impl Default for SymbolRatio {
    fn default() -> Self {
        Self {
            symbols: ["#", "...", "…"].map(str::to_owned).to_vec(),
            per: Per::Words,
            words: WordKind::Unicode,
            max_symbols: 0.1,
            max_uppercase: None,
            max_digits: None,
            max_punctuation: None,
            max_whitespace: None,
            max_non_alphanumeric: None,
        }
    }
}

const SYMBOLS: Reason = Reason::new("too-many-symbols");
const UPPERCASE: Reason = Reason::new("too-many-capitals");
const DIGITS: Reason = Reason::new("too-many-digits");
const PUNCTUATION: Reason = Reason::new("too-much-punctuation");
const WHITESPACE: Reason = Reason::new("too-much-white-space");
const NON_ALPHANUMERIC: Reason = Reason::new("too-many-non-alphanumeric");

const fn signal(name: &'static str, about: &'static str) -> Signal {
    Signal { name, kind: SignalType::Float, about }
}

impl SymbolRatio {
    /// The limits, in the order of the signals.
    fn limits(&self) -> [(&'static str, Option<f64>); 6] {
        [
            ("max_symbols", Some(self.max_symbols)),
            ("max_uppercase", self.max_uppercase),
            ("max_digits", self.max_digits),
            ("max_punctuation", self.max_punctuation),
            ("max_whitespace", self.max_whitespace),
            ("max_non_alphanumeric", self.max_non_alphanumeric),
        ]
    }

    fn decide(&self, ratios: [f64; 6]) -> Decision {
        for ((ratio, (_, limit)), reason) in ratios.iter().zip(self.limits()).zip(Self::REASONS) {
            if limit.is_some_and(|limit| *ratio > limit) {
                return Decision::Drop(*reason);
            }
        }
        Decision::Keep
    }
}

impl Settings for SymbolRatio {
    const NAME: &'static str = "symbol-ratio";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[
        signal("symbols", "symbols per word (or character)"),
        signal("uppercase", "share of upper-case letters"),
        signal("digits", "share of digits and other numerals"),
        signal("punctuation", "share of punctuation"),
        signal("whitespace", "share of white space"),
        signal("non_alphanumeric", "share of neither letters nor numerals"),
    ];
    const REASONS: &'static [Reason] =
        &[SYMBOLS, UPPERCASE, DIGITS, PUNCTUATION, WHITESPACE, NON_ALPHANUMERIC];
    const COST: u32 = 1_400;
    const THRESHOLDS: &'static [&'static str] = &[
        "max_symbols",
        "max_uppercase",
        "max_digits",
        "max_punctuation",
        "max_whitespace",
        "max_non_alphanumeric",
    ];

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        let mut ratios = [0.0; 6];
        for (ratio, signal) in ratios.iter_mut().zip(Self::SIGNALS) {
            *ratio = signals.number(signal.name)?;
        }
        Some(self.decide(ratios))
    }

    fn build(&self, _context: &BuildContext<'_>) -> Result<Op, OpError> {
        for (key, limit) in self.limits() {
            if limit.is_some_and(|limit| limit.is_nan() || limit < 0.0) {
                let reason = "not a ratio; give 0 or more, such as 0.1".to_owned();
                return Err(OpError::Setting { key, reason });
            }
        }
        if self.symbols.iter().any(String::is_empty) {
            let reason = "an empty symbol is everywhere; take it out".to_owned();
            return Err(OpError::Setting { key: "symbols", reason });
        }
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&self.symbols)
            .map_err(|error| OpError::Setting { key: "symbols", reason: error.to_string() })?;
        Ok(Op::Document(Box::new(Measure { settings: self.clone(), finder })))
    }
}

struct Measure {
    settings: SymbolRatio,
    finder: AhoCorasick,
}

impl DocumentOp for Measure {
    type Scratch = ();

    fn document<'a>(&'a self, document: Document<'a>, (): &mut (), row: &mut Row<'a>) -> Decision {
        let Document { text, analysis, .. } = document;
        let counts = Counts::of(text);
        let symbols = self.finder.find_iter(text).count() as u64;
        let whole = match self.settings.per {
            Per::Words => analysis.words(text, self.settings.words).len() as u64,
            Per::Chars => counts.chars,
        };
        let [uppercase, digits, punctuation, whitespace, alphanumeric] = counts.classes;
        let mut ratios = [0.0; 6];
        ratios[0] = ratio(symbols, whole);
        let parts = [uppercase, digits, punctuation, whitespace, counts.chars - alphanumeric];
        for (slot, part) in ratios[1..].iter_mut().zip(parts) {
            *slot = ratio(part, counts.chars);
        }
        for (index, ratio) in ratios.into_iter().enumerate() {
            row.float(index, ratio);
        }
        self.settings.decide(ratios)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// How many characters of a text are of each class.
#[derive(Debug, PartialEq, Eq, Default)]
struct Counts {
    chars: u64,
    /// Upper case, digits, punctuation, white space, alphanumeric.
    classes: [u64; 5],
}

/// One in the lane of each class: eight bits, so that 255 characters can be added up.
const UPPER: u64 = 1;
const DIGIT: u64 = 1 << 8;
const PUNCT: u64 = 1 << 16;
const SPACE: u64 = 1 << 24;
const ALNUM: u64 = 1 << 32;

static ASCII: [u64; 128] = ascii_classes();

const fn ascii_classes() -> [u64; 128] {
    let mut table = [0; 128];
    let mut byte = 0u8;
    while byte < 128 {
        let mut classes = 0;
        if byte.is_ascii_uppercase() {
            classes |= UPPER;
        }
        if byte.is_ascii_digit() {
            classes |= DIGIT;
        }
        // ASCII punctuation that Unicode counts among the symbols.
        let symbol = matches!(byte, b'$' | b'+' | b'<' | b'=' | b'>' | b'^' | b'`' | b'|' | b'~');
        if byte.is_ascii_punctuation() && !symbol {
            classes |= PUNCT;
        }
        if byte == b' ' || (byte >= 9 && byte <= 13) {
            classes |= SPACE;
        }
        if byte.is_ascii_alphanumeric() {
            classes |= ALNUM;
        }
        table[byte as usize] = classes;
        byte += 1;
    }
    table
}

impl Counts {
    fn of(text: &str) -> Self {
        let mut counts = Self::default();
        let bytes = text.as_bytes();
        let plane: &[u8] = &PLANE;
        let mut at = 0;
        while at < bytes.len() {
            let block = &bytes[at..bytes.len().min(at + 255)];
            if block.is_ascii() {
                counts.add(block.iter().map(|&byte| ASCII[usize::from(byte)]).sum());
                counts.chars += block.len() as u64;
                at += block.len();
                continue;
            }
            let mut end = at + block.len();
            while !text.is_char_boundary(end) {
                end += 1;
            }
            let mut lanes = 0;
            for (number, c) in (1..).zip(text[at..end].chars()) {
                lanes += classes(plane, c);
                counts.chars += 1;
                // A block may be 258 bytes long with its last character.
                if number == 255 {
                    counts.add(lanes);
                    lanes = 0;
                }
            }
            counts.add(lanes);
            at = end;
        }
        counts
    }

    fn add(&mut self, lanes: u64) {
        for (class, lane) in self.classes.iter_mut().zip(lanes.to_le_bytes()) {
            *class += u64::from(lane);
        }
    }
}

/// The lanes of each character of the Basic Multilingual Plane, a bit each.
static PLANE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let bits = |point| char::from_u32(point).map_or(0, class_bits);
    (0..=0xffff).map(bits).collect()
});

/// Classes as bits, in the order of the lanes.
fn class_bits(c: char) -> u8 {
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    u8::from(c.is_uppercase())
        | u8::from(GeneralCategoryGroup::Number.contains(category)) << 1
        | u8::from(GeneralCategoryGroup::Punctuation.contains(category)) << 2
        | u8::from(c.is_whitespace()) << 3
        | u8::from(c.is_alphanumeric()) << 4
}

/// The lanes that bits stand for.
static LANES: [u64; 32] = {
    let mut table = [0; 32];
    let mut bits = 0;
    while bits < 32 {
        let mut lane = 0;
        while lane < 5 {
            table[bits] |= (bits as u64 >> lane & 1) << (8 * lane);
            lane += 1;
        }
        bits += 1;
    }
    table
};

fn classes(plane: &[u8], c: char) -> u64 {
    let bits = plane.get(c as usize).copied().unwrap_or_else(|| class_bits(c));
    LANES[usize::from(bits & 31)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{refused, trial};

    fn plain_count(text: &str) -> Counts {
        let category = |c| CodePointMapData::<GeneralCategory>::new().get(c);
        let count = |test: &dyn Fn(char) -> bool| text.chars().filter(|&c| test(c)).count() as u64;
        Counts {
            chars: text.chars().count() as u64,
            classes: [
                count(&char::is_uppercase),
                count(&|c| GeneralCategoryGroup::Number.contains(category(c))),
                count(&|c| GeneralCategoryGroup::Punctuation.contains(category(c))),
                count(&char::is_whitespace),
                count(&char::is_alphanumeric),
            ],
        }
    }

    #[test]
    fn one_pass_counts_what_five_would() {
        let every: String = ('\0'..=char::MAX).collect();
        assert_eq!(Counts::of(&every), plain_count(&every));
        for offset in 0..300 {
            let text = format!("{}é{}\u{1f600}!{}", "a1 ".repeat(offset), "B…", "字".repeat(90));
            assert_eq!(Counts::of(&text), plain_count(&text), "{offset}");
        }
        assert_eq!(Counts::of(""), Counts::default());
    }

    #[test]
    fn each_limit_lets_its_own_value_pass() {
        // 20 characters: 2 upper, 4 digits, 3 punctuation, 4 spaces, 12 alphanumeric, 5 words.
        let text = "Ab Cd 12, 34. efgh!+";
        let trial_of = |toml: &str| trial("symbol-ratio", toml, text);
        let all = trial_of("symbols = [\"+\"]\nmax_symbols = 1.0");
        let wanted = [0.2, 0.1, 0.2, 0.15, 0.2, 0.4];
        for (signal, wanted) in SymbolRatio::SIGNALS.iter().zip(wanted) {
            assert!((all.number(signal.name) - wanted).abs() < 1e-12, "{} {all:?}", signal.name);
        }
        let cases = [
            ("symbols = [\"+\"]\nmax_symbols = 0.19", "too-many-symbols"),
            ("symbols = [\"+\"]\nmax_symbols = 0.2", ""),
            ("symbols = [\"+\"]\nmax_symbols = 0.05\nper = \"chars\"", ""),
            ("symbols = [\"+\"]\nmax_symbols = 0.04\nper = \"chars\"", "too-many-symbols"),
            ("max_uppercase = 0.1", ""),
            ("max_uppercase = 0.09", "too-many-capitals"),
            ("max_digits = 0.2", ""),
            ("max_digits = 0.19", "too-many-digits"),
            ("max_punctuation = 0.15", ""),
            ("max_punctuation = 0.14", "too-much-punctuation"),
            ("max_whitespace = 0.2", ""),
            ("max_whitespace = 0.19", "too-much-white-space"),
            ("max_non_alphanumeric = 0.4", ""),
            ("max_non_alphanumeric = 0.39", "too-many-non-alphanumeric"),
            ("max_non_alphanumeric = 0.0\nmax_uppercase = 0.0", "too-many-capitals"),
        ];
        for (toml, reason) in cases {
            assert_eq!(trial_of(toml).reason(), reason, "{toml}");
        }
    }

    #[test]
    fn symbols_do_not_overlap_and_the_longest_wins() {
        let count = |symbols: &str, text: &str| {
            let toml = format!("symbols = {symbols}\nper = \"chars\"\nmax_symbols = 9.0");
            let trial = trial("symbol-ratio", &toml, text);
            let chars = u32::try_from(text.chars().count()).unwrap();
            (trial.number("symbols") * f64::from(chars)).round().to_string()
        };
        assert_eq!(count("[\"...\", \"…\"]", "a.... b...... c… …"), "5");
        assert_eq!(count("[\"..\", \"...\"]", "....."), "2");
        assert_eq!(count("[]", "..."), "0");
    }

    #[test]
    fn nothing_and_odd_things() {
        for text in ["", "\0\0\0", &"\u{200b}".repeat(3000), &"\u{1f600}".repeat(3000)] {
            let trial = trial("symbol-ratio", "max_uppercase = 0.0\nmax_digits = 0.0", text);
            assert_eq!(trial.reason(), "", "{text:.20}");
        }
        // Symbols without any word are symbols per nothing.
        assert_eq!(trial("symbol-ratio", "", "# # #").reason(), "");
        assert!(refused("symbol-ratio", "symbols = [\"\"]").to_string().contains("everywhere"));
        assert!(refused("symbol-ratio", "max_digits = -1.0").to_string().contains("not a ratio"));
    }
}
