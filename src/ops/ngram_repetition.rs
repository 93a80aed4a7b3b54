//! `ngram-repetition`: the same words again and again without a pause.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings, SignalLookup,
};
use crate::document::{Reason, Signal, SignalType};
use crate::text::WordKind;

/// Drops documents in which some words follow themselves again and again.
///
/// OLMo 2 removes every document in which a span of 1 to 13 tokens stands 32 times or more in a row,
/// since such sequences make the training loss spike
/// ([OLMo et al. 2025](https://arxiv.org/abs/2501.00656)). Here words take the place of tokens. `a b a b a b` has the 2-gram `a b` three times in a row; words
/// are compared exactly. Takes linear time. For repetitions with other text between there is
/// `gopher-repetition`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NgramRepetition {
    /// Longest n-gram looked for, in words; 1 to 64.
    pub max_n: u32,
    /// Greatest number of times in a row.
    pub max_repeats: u64,
    /// What is a word. `whitespace` also sees repeated punctuation marks.
    pub words: WordKind,
}

impl Default for NgramRepetition {
    fn default() -> Self {
        Self { max_n: 13, max_repeats: 31, words: WordKind::default() }
    }
}

const REPEATED: Reason = Reason::new("repeated-n-gram");

impl Settings for NgramRepetition {
    const NAME: &'static str = "ngram-repetition";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[
        Signal {
            name: "repeats",
            kind: SignalType::Int,
            about: "most times that an n-gram stands in a row; 0 without words",
        },
        Signal { name: "n", kind: SignalType::Int, about: "words of that n-gram, the shortest" },
    ];
    const REASONS: &'static [Reason] = &[REPEATED];
    const COST: u32 = 3_000;
    const THRESHOLDS: &'static [&'static str] = &["max_repeats"];

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        let repeats = u64::try_from(signals.int("repeats")?).ok()?;
        Some(self.decide(repeats))
    }

    fn build(&self, _context: &BuildContext<'_>) -> Result<Op, OpError> {
        if !(1..=64).contains(&self.max_n) {
            let reason = format!("{} words; give 1 to 64", self.max_n);
            return Err(OpError::Setting { key: "max_n", reason });
        }
        Ok(Op::Document(Box::new(self.clone())))
    }
}

impl NgramRepetition {
    fn decide(&self, repeats: u64) -> Decision {
        if repeats > self.max_repeats { Decision::Drop(REPEATED) } else { Decision::Keep }
    }
}

/// The longest run of places where a word equals the one `n` before it.
fn longest_match(hashes: &[u64], n: usize) -> usize {
    let (mut longest, mut run) = (0, 0);
    let Some(later) = hashes.get(n..) else { return 0 };
    let pairs = hashes.iter().zip(later);
    for (before, here) in pairs {
        run = if before == here { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

impl DocumentOp for NgramRepetition {
    type Scratch = ();

    fn document<'a>(&'a self, document: Document<'a>, (): &mut (), row: &mut Row<'a>) -> Decision {
        let hashes = document.analysis.word_hashes(document.text, self.words);
        let (mut repeats, mut size) = (usize::from(!hashes.is_empty()), 1);
        for n in 1..=self.max_n as usize {
            // Where `n` words repeat k times, (k - 1) n words equal the one n before.
            let times = longest_match(hashes, n) / n + 1;
            if times > repeats && hashes.len() >= n {
                (repeats, size) = (times, n);
            }
        }
        row.count(0, repeats);
        if repeats > 0 {
            row.count(1, size);
        }
        self.decide(repeats as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{refused, trial};

    fn found(text: &str) -> (f64, f64) {
        let trial = trial("ngram-repetition", "", text);
        (trial.number("repeats"), trial.number("n"))
    }

    fn is(text: &str, repeats: u32, n: u32) {
        let (found_repeats, found_n) = found(text);
        assert!(
            (found_repeats - f64::from(repeats)).abs() + (found_n - f64::from(n)).abs() < 0.1,
            "{text}: {found_repeats} times {found_n}"
        );
    }

    #[test]
    fn runs_of_n_grams_are_counted_whole() {
        is("one two three", 1, 1);
        is("ha ha ha", 3, 1);
        is("x a b a b a b a y", 3, 2);
        is("a b c d e f g h i j k l m a b c d e f g h i j k l m", 2, 13);
        // One word more than the longest n-gram.
        is("a b c d e f g h i j k l m n a b c d e f g h i j k l m n", 1, 1);
        is("天天天天", 4, 1);
        is("Ha ha", 1, 1);
        is("a a b b b c", 3, 1);
    }

    #[test]
    fn the_threshold_is_the_papers() {
        assert_eq!(trial("ngram-repetition", "", &"go on ".repeat(31)).reason(), "");
        assert_eq!(trial("ngram-repetition", "", &"go on ".repeat(32)).reason(), "repeated-n-gram");
        let marks = "! ".repeat(40);
        assert_eq!(trial("ngram-repetition", "", &marks).reason(), "");
        let toml = "words = \"whitespace\"";
        assert_eq!(trial("ngram-repetition", toml, &marks).reason(), "repeated-n-gram");
        assert_eq!(trial("ngram-repetition", "max_repeats = 0", "").reason(), "");
        assert_eq!(trial("ngram-repetition", "max_repeats = 0", "a").reason(), "repeated-n-gram");
        assert!(refused("ngram-repetition", "max_n = 0").to_string().contains("1 to 64"));
    }

    #[test]
    fn the_fast_way_agrees_with_the_plain_one() {
        // All texts of up to nine words out of two.
        for length in 0..10u32 {
            for bits in 0..1u32 << length {
                let words: Vec<u64> = (0..length).map(|at| u64::from(bits >> at & 1)).collect();
                for n in 1..=words.len() {
                    let plain = (0..words.len() - n + 1)
                        .map(|start| {
                            let gram = &words[start..start + n];
                            words[start..]
                                .chunks_exact(n)
                                .take_while(|chunk| *chunk == gram)
                                .count()
                        })
                        .max();
                    assert_eq!(Some(longest_match(&words, n) / n + 1), plain, "{words:?} {n}");
                }
            }
        }
    }
}
