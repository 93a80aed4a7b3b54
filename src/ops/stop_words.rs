//! `stop-words`: words that occur in any running text of a language.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings, SignalLookup,
};
use crate::document::{Reason, Signal, SignalType};
use crate::model::list::entries;
use crate::store::resolved;
use crate::text::word_set::{WordSet, fold};
use crate::text::{Analysis, WordKind};

/// Drops documents with too few stop words: lists, tables, keyword spam, text of another language.
///
/// The default is the rule of table A1 in [Rae et al. 2021](https://arxiv.org/abs/2112.11446): two
/// different ones of eight English words, here compared without regard to case. (datatrove counts
/// different words too but distinguishes case; DCLM and NeMo count occurrences: `min_count = 2,
/// min_distinct = 0`.) A value equal to a limit passes; limits are looked at in the order
/// `min_count`, `min_distinct`, `min_ratio`. A document without words has the ratio 0.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StopWords {
    /// The stop words; by default those of Gopher, unless `file` is given: `the`, `be`, `to`, `of`,
    /// `and`, `that`, `have`, `with`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<Vec<String>>,
    /// File with a stop word a line (`#` starts a comment; plain, gzip or zstd), relative to the
    /// pipeline file; together with those of `list`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// What counts as a word.
    pub words: WordKind,
    /// Whether capitals matter.
    pub case: Case,
    /// Least number of stop words, each occurrence counted.
    pub min_count: u64,
    /// Least number of *different* stop words.
    pub min_distinct: u64,
    /// Least share of stop words among all words, 0 to 1.
    pub min_ratio: f64,
}

/// How words are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Case {
    /// `The` and `THE` are `the`, in every script that has case.
    Ignore,
    /// `The` is not `the`.
    Exact,
}

const GOPHER: [&str; 8] = ["the", "be", "to", "of", "and", "that", "have", "with"];

impl Default for StopWords {
    fn default() -> Self {
        Self {
            list: None,
            file: None,
            words: WordKind::Unicode,
            case: Case::Ignore,
            min_count: 0,
            min_distinct: 2,
            min_ratio: 0.0,
        }
    }
}

const TOO_FEW: Reason = Reason::new("too-few-stop-words");
const TOO_FEW_DISTINCT: Reason = Reason::new("too-few-different-stop-words");
const TOO_RARE: Reason = Reason::new("stop-words-too-rare");

impl StopWords {
    fn decide(&self, count: u64, distinct: u64, ratio: f64) -> Decision {
        if count < self.min_count {
            Decision::Drop(TOO_FEW)
        } else if distinct < self.min_distinct {
            Decision::Drop(TOO_FEW_DISTINCT)
        } else if ratio < self.min_ratio {
            Decision::Drop(TOO_RARE)
        } else {
            Decision::Keep
        }
    }

    /// The words to look for, as they are compared.
    fn word_set(&self) -> Result<WordSet, OpError> {
        let mut words: Vec<(String, &'static str)> = Vec::new();
        match (&self.list, &self.file) {
            (Some(list), _) => words.extend(list.iter().map(|word| (word.clone(), "list"))),
            (None, None) => words.extend(GOPHER.map(|word| (word.to_owned(), "list"))),
            (None, Some(_)) => {}
        }
        if let Some(path) = &self.file {
            let read = entries(path)
                .map_err(|error| OpError::Setting { key: "file", reason: error.to_string() })?;
            words.extend(read.into_iter().map(|word| (word, "file")));
        }
        let mut buffer = String::new();
        for (word, key) in &mut words {
            let pieces = Analysis::default();
            let pieces = pieces.words(word, self.words);
            if !matches!(pieces, [piece] if piece.len() == word.len()) {
                let pieces: Vec<_> = pieces.iter().map(|piece| piece.of(word)).collect();
                let reason = format!(
                    "`{word}` is no single word as `words` splits texts ({pieces:?}), so it can \
                     never occur; take it out or set `words`"
                );
                return Err(OpError::Setting { key, reason });
            }
            if self.case == Case::Ignore {
                fold(word, &mut buffer);
                word.clone_from(&buffer);
            }
        }
        Ok(WordSet::new(words.into_iter().map(|(word, _)| word)))
    }
}

impl Settings for StopWords {
    const NAME: &'static str = "stop-words";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[
        Signal { name: "count", kind: SignalType::Int, about: "stop words" },
        Signal { name: "distinct", kind: SignalType::Int, about: "different stop words" },
        Signal { name: "ratio", kind: SignalType::Float, about: "share of all words" },
    ];
    const REASONS: &'static [Reason] = &[TOO_FEW, TOO_FEW_DISTINCT, TOO_RARE];
    const COST: u32 = 2_500;
    const THRESHOLDS: &'static [&'static str] = &["min_count", "min_distinct", "min_ratio"];

    fn assets(&self) -> Vec<(&'static str, &Path)> {
        self.file.iter().map(|path| ("file", path.as_path())).collect()
    }

    fn resolve_paths(&mut self, base: &Path) {
        self.file = self.file.take().map(|path| resolved(base, path));
    }

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        let count = u64::try_from(signals.int("count")?).ok()?;
        let distinct = u64::try_from(signals.int("distinct")?).ok()?;
        Some(self.decide(count, distinct, signals.number("ratio")?))
    }

    fn build(&self, _context: &BuildContext<'_>) -> Result<Op, OpError> {
        let words = self.word_set()?;
        if self.min_distinct > words.words().len() as u64 {
            return Err(OpError::Setting {
                key: "min_distinct",
                reason: format!(
                    "{} different ones of {} stop words can never occur",
                    self.min_distinct,
                    words.words().len()
                ),
            });
        }
        if !(0.0..=1.0).contains(&self.min_ratio) {
            return Err(OpError::Setting {
                key: "min_ratio",
                reason: format!("{} is not a share; give 0 to 1", self.min_ratio),
            });
        }
        Ok(Op::Document(Box::new(Count { settings: self.clone(), words })))
    }
}

struct Count {
    settings: StopWords,
    words: WordSet,
}

#[derive(Default)]
struct Buffers {
    folded: String,
    /// The stop words seen, a bit each.
    seen: Vec<u64>,
}

impl DocumentOp for Count {
    type Scratch = Buffers;

    fn document<'a>(
        &'a self,
        document: Document<'a>,
        buffers: &mut Buffers,
        row: &mut Row<'a>,
    ) -> Decision {
        let words = document.analysis.words(document.text, self.settings.words);
        buffers.seen.clear();
        buffers.seen.resize(self.words.words().len().div_ceil(64), 0);
        let mut count = 0u64;
        for word in words {
            let text = word.of(document.text);
            if !self.words.may_have(text, word.chars, self.settings.case == Case::Ignore) {
                continue;
            }
            let found = match self.settings.case {
                Case::Exact => self.words.find(text),
                Case::Ignore => {
                    fold(text, &mut buffers.folded);
                    self.words.find(&buffers.folded)
                }
            };
            if let Some(index) = found {
                count += 1;
                buffers.seen[index / 64] |= 1 << (index % 64);
            }
        }
        let distinct = buffers.seen.iter().map(|bits| u64::from(bits.count_ones())).sum();
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        let ratio = if words.is_empty() { 0.0 } else { count as f64 / words.len() as f64 };
        row.int(0, i64::try_from(count).unwrap_or(i64::MAX));
        row.int(1, i64::try_from(distinct).unwrap_or(i64::MAX));
        row.float(2, ratio);
        self.settings.decide(count, distinct, ratio)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests write their own files")]
mod tests {
    use crate::ops::testing::{Trial, refused, trial};

    fn numbers(trial: &Trial) -> (String, String) {
        (trial.number("count").to_string(), trial.number("distinct").to_string())
    }

    #[test]
    fn counts_occurrences_and_different_ones() {
        let trial =
            trial("stop-words", "", "The cat and THE dog, the bird; with_ nobody's withers");
        assert_eq!(numbers(&trial), ("4".to_owned(), "2".to_owned()));
        assert!((trial.number("ratio") - 4.0 / 10.0).abs() < 1e-15);
    }

    #[test]
    fn each_limit_lets_its_own_value_pass() {
        // 3 of 6 words, 2 different ones.
        let text = "the cat the dog and others";
        let cases = [
            ("min_count = 3\nmin_distinct = 0", ""),
            ("min_count = 4\nmin_distinct = 0", "too-few-stop-words"),
            ("min_distinct = 2", ""),
            ("min_distinct = 3", "too-few-different-stop-words"),
            ("min_ratio = 0.5", ""),
            ("min_ratio = 0.51", "stop-words-too-rare"),
            ("min_ratio = 1.0\nmin_distinct = 8\nmin_count = 9", "too-few-stop-words"),
        ];
        for (toml, reason) in cases {
            assert_eq!(trial("stop-words", toml, text).reason(), reason, "{toml}");
        }
    }

    #[test]
    fn case_in_every_script() {
        let russian = "list = [\"и\", \"На\"]\nmin_distinct = 0\n";
        let text = "И на столе. НА и";
        assert_eq!(trial("stop-words", russian, text).number("count").to_string(), "4");
        let exact = format!("{russian}case = \"exact\"");
        assert_eq!(trial("stop-words", &exact, text).number("count").to_string(), "1");
        let turkish = "list = [\"İLE\"]\nmin_distinct = 1";
        assert_eq!(trial("stop-words", turkish, "i\u{307}le").reason(), "");
    }

    #[test]
    fn words_are_those_of_the_kind() {
        let chinese = "list = [\"的\", \"在\"]\n";
        assert_eq!(trial("stop-words", chinese, "我在北京的家").reason(), "");
        let spaces = format!("{chinese}words = \"whitespace\"");
        assert_eq!(
            trial("stop-words", &spaces, "我在北京的家").reason(),
            "too-few-different-stop-words"
        );
        let message = refused("stop-words", "list = [\"of the\"]").to_string();
        assert!(message.contains("[\"of\", \"the\"]"), "{message}");
        assert!(refused("stop-words", "list = [\"l'\"]").to_string().contains("never occur"));
        assert!(refused("stop-words", "list = [\"...\"]").to_string().contains("never occur"));
    }

    #[test]
    fn more_than_64_words_and_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words.txt");
        let words: Vec<_> = (0..200).map(|number| format!("w{number}")).collect();
        std::fs::write(&path, format!("# words\n{}\n", words.join("\n"))).unwrap();
        let toml = format!("file = {path:?}\nlist = [\"extra\"]\nmin_distinct = 201");
        let text = format!("{} extra", words.join(" "));
        assert_eq!(trial("stop-words", &toml, &text).reason(), "");
        let without = text.replace("w199", "");
        assert_eq!(trial("stop-words", &toml, &without).number("distinct").to_string(), "200");
        let gone = format!("file = {:?}", folder.path().join("gone.txt"));
        assert!(refused("stop-words", &gone).to_string().contains("gone.txt"));
    }

    #[test]
    fn nothing_and_odd_things() {
        for text in ["", "\0\0", "!!! ???", &"\u{200b}".repeat(10_000), &"the".repeat(50_000)] {
            let trial = trial("stop-words", "min_ratio = 0.1", text);
            assert_eq!(numbers(&trial), ("0".to_owned(), "0".to_owned()));
            assert_eq!(trial.reason(), "too-few-different-stop-words");
        }
        assert!(refused("stop-words", "min_distinct = 9").to_string().contains("can never occur"));
        assert!(refused("stop-words", "min_ratio = 2.0").to_string().contains("give 0 to 1"));
    }
}
