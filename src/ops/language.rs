//! `language`: fastText language identification.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings, SignalLookup,
};
use crate::config::diagnostic::nearest;
use crate::document::{Reason, Signal, SignalType, SignalValue};
use crate::model::fasttext::{FastText, Prediction, Scratch};
use crate::model::shipped;
use crate::store::resolved;

/// Identifies the language of each document with a fastText model and keeps the wanted ones.
///
/// The label with the highest probability is the document's language; a document is kept when it is
/// in `keep` and its probability is at least `min_score`, or what `min_scores` says for it. Labels
/// and scores are those of the fastText C++ library; as there, line breaks count as spaces. The
/// shipped model is lid.176 (176 languages, ISO 639-1 or 639-3 codes;
/// <https://fasttext.cc/docs/en/language-identification.html>, CC BY-SA 3.0;
/// [Joulin et al. 2016](https://arxiv.org/abs/1612.03651)); any other fastText model works by its
/// path, with its own labels: [GlotLID](https://github.com/cisnlp/GlotLID)'s are `deu_Latn`,
/// `eng_Latn`. (datatrove keeps what scores above 0.65, tamis what scores 0.65 or more; a model's
/// float of 0.65 itself is a little less.)
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Language {
    /// Languages to keep, as the model's labels, with or without `__label__`; empty keeps all of them
    /// and only computes the signals.
    pub keep: Vec<String>,
    /// Least probability of the label, 0 to 1 (`FineWeb` and `RefinedWeb`: 0.65). Applies only where
    /// `keep` is given.
    pub min_score: f64,
    /// Least probabilities by label, in place of `min_score`: `{ de = 0.8, sco = 0.5 }`. With an empty
    /// `keep` documents of these languages need them and all others pass.
    pub min_scores: BTreeMap<String, f64>,
    /// How many of the best labels the signal `top` lists.
    pub top: u32,
    /// Model file (`.bin` or `.ftz`), relative to the pipeline file. Default: the shipped
    /// `lid.176.ftz`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
}

impl Default for Language {
    fn default() -> Self {
        Self { keep: Vec::new(), min_score: 0.65, min_scores: BTreeMap::new(), top: 1, model: None }
    }
}

const OTHER: Reason = Reason::new("other-language");
const LOW_SCORE: Reason = Reason::new("low-score");
const UNKNOWN: Reason = Reason::new("no-language");

/// A label as the model's own list has it.
fn bare(label: &str) -> &str {
    label.strip_prefix("__label__").unwrap_or(label)
}

impl Language {
    /// The least score of a label; `None` where it is not wanted.
    fn least(&self, label: &str) -> Option<f64> {
        let own = self.min_scores.iter().find(|(other, _)| bare(other) == label);
        let wanted = self.keep.iter().any(|wanted| bare(wanted) == label);
        match own {
            Some((_, score)) if wanted || self.keep.is_empty() => Some(*score),
            None if self.keep.is_empty() => Some(0.0),
            None if wanted => Some(self.min_score),
            _ => None,
        }
    }

    fn decide(&self, best: Option<(Option<f64>, f64)>) -> Decision {
        match best {
            None if self.keep.is_empty() => Decision::Keep,
            None => Decision::Drop(UNKNOWN),
            Some((None, _)) => Decision::Drop(OTHER),
            Some((Some(least), score)) if score < least => Decision::Drop(LOW_SCORE),
            Some(_) => Decision::Keep,
        }
    }

    fn check(&self, labels: &[String]) -> Result<(), OpError> {
        let setting = |key, reason: String| Err(OpError::Setting { key, reason });
        let scores = self.min_scores.iter().map(|(label, score)| (Some(label), *score));
        for (label, score) in std::iter::once((None, self.min_score)).chain(scores) {
            if !(0.0..=1.0).contains(&score) {
                return match label {
                    None => {
                        setting("min_score", format!("{score} is not a probability; give 0 to 1"))
                    }
                    Some(label) => setting(
                        "min_scores",
                        format!("`{label}`: {score} is not a probability; give 0 to 1"),
                    ),
                };
            }
        }
        let wanted = self.keep.iter().map(|label| ("keep", label));
        for (key, label) in wanted.chain(self.min_scores.keys().map(|label| ("min_scores", label)))
        {
            if !labels.iter().any(|known| known == bare(label)) {
                return setting(key, unknown_label(label, labels));
            }
        }
        for label in self.min_scores.keys() {
            if self.least(bare(label)).is_none() {
                let reason =
                    format!("`{label}` is not in `keep`, so none of it is kept; add it there");
                return setting("min_scores", reason);
            }
        }
        if self.top == 0 || self.top as usize > labels.len() {
            let most = labels.len();
            return setting("top", format!("{} labels; give 1 to {most}", self.top));
        }
        Ok(())
    }
}

impl Settings for Language {
    const NAME: &'static str = "language";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[
        Signal {
            name: "language",
            kind: SignalType::Text,
            about: "label with the highest probability",
        },
        Signal { name: "score", kind: SignalType::Float, about: "its probability, 0 to 1" },
        Signal {
            name: "top",
            kind: SignalType::Text,
            about: "the best labels with their probabilities, `en:0.913 de:0.034`; null for top = 1",
        },
    ];
    const REASONS: &'static [Reason] = &[OTHER, LOW_SCORE, UNKNOWN];
    const COST: u32 = 30_000;
    const THRESHOLDS: &'static [&'static str] = &["keep", "min_score", "min_scores"];

    fn assets(&self) -> Vec<(&'static str, &Path)> {
        self.model.iter().map(|path| ("model", path.as_path())).collect()
    }

    fn resolve_paths(&mut self, base: &Path) {
        // Without a model the shipped one is meant; where there is none, `build` says so.
        self.model = match self.model.take() {
            Some(path) => Some(resolved(base, path)),
            None => shipped("lid.176.ftz").ok(),
        };
    }

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        let best = match (signals.signal("language"), signals.number("score")) {
            (Some(SignalValue::Text(label)), Some(score)) => Some((self.least(label), score)),
            (Some(SignalValue::OwnedText(label)), Some(score)) => Some((self.least(&label), score)),
            _ => None,
        };
        Some(self.decide(best))
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        let path = match &self.model {
            Some(path) => path.clone(),
            None => shipped("lid.176.ftz")?,
        };
        let model = context.assets.fasttext(&path)?;
        self.check(model.labels())?;
        let least = model.labels().iter().map(|label| self.least(label)).collect();
        Ok(Op::Document(Box::new(Identify { settings: self.clone(), model, least })))
    }
}

fn unknown_label(wanted: &str, labels: &[String]) -> String {
    let bare = bare(wanted);
    // `deu` for `deu_Latn`: a language with its scripts.
    let scripts = labels
        .iter()
        .filter(|label| label.strip_prefix(bare).is_some_and(|rest| rest.starts_with('_')));
    let scripts: Vec<_> = scripts.take(5).map(|label| format!("`{label}`")).collect();
    let known: Vec<&str> = labels.iter().map(String::as_str).collect();
    let hint = if scripts.is_empty() {
        nearest(bare, &known).map_or(String::new(), |label| format!("; did you mean `{label}`?"))
    } else {
        format!("; give {}", scripts.join(" or "))
    };
    format!("the model has no label `{wanted}`{hint}")
}

struct Identify {
    settings: Language,
    model: Arc<FastText>,
    /// [`Language::least`] by label.
    least: Vec<Option<f64>>,
}

#[derive(Default)]
struct Buffers {
    scratch: Scratch,
    predictions: Vec<Prediction>,
}

impl DocumentOp for Identify {
    type Scratch = Buffers;

    fn document<'a>(
        &'a self,
        document: Document<'a>,
        buffers: &mut Buffers,
        row: &mut Row<'a>,
    ) -> Decision {
        let top = self.settings.top as usize;
        let Buffers { scratch, predictions } = buffers;
        self.model.predict_into(document.text, top, 0.0, scratch, predictions);
        let labels = self.model.labels();
        let best = predictions.first().map(|best| {
            let label = best.label as usize;
            row.text(0, &labels[label]);
            row.float(1, f64::from(best.score));
            (self.least[label], f64::from(best.score))
        });
        if top > 1 && best.is_some() {
            let mut list = String::with_capacity(16 * top);
            for Prediction { label, score } in predictions.iter() {
                let space = if list.is_empty() { "" } else { " " };
                // Writing to a string cannot fail.
                let _ = write!(list, "{space}{}:{score:.3}", labels[*label as usize]);
            }
            row.owned_text(2, list);
        }
        self.settings.decide(best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{refused, trial};

    const ENGLISH: &str = "The quick brown fox jumps over the lazy dog and runs away.";
    const GERMAN: &str = "Der schnelle braune Fuchs springt über den faulen Hund und läuft davon.";

    fn reason(toml: &str, text: &str) -> &'static str {
        trial("language", toml, text).reason()
    }

    #[test]
    fn keeps_the_wanted_languages_with_enough_score() {
        assert_eq!(reason("keep = [\"en\"]", ENGLISH), "");
        assert_eq!(reason("keep = [\"__label__en\"]", ENGLISH), "");
        assert_eq!(reason("keep = [\"en\"]", GERMAN), "other-language");
        assert_eq!(reason("keep = [\"en\", \"de\"]", GERMAN), "");
        assert_eq!(reason("", GERMAN), "");
        let score = trial("language", "", GERMAN).number("score");
        assert!((0.5..0.9999).contains(&score), "{score}");
        let at = |least: f64| format!("keep = [\"de\"]\nmin_score = {least:?}");
        assert_eq!(reason(&at(score), GERMAN), "");
        assert_eq!(reason(&at(score + 1e-9), GERMAN), "low-score");
    }

    #[test]
    fn a_language_may_have_a_score_of_its_own() {
        let both = "keep = [\"en\", \"de\"]\nmin_score = 0.1\nmin_scores = { de = 1.0 }";
        assert_eq!(reason(both, ENGLISH), "");
        assert_eq!(reason(both, GERMAN), "low-score");
        let lower = "keep = [\"de\"]\nmin_score = 1.0\nmin_scores = { __label__de = 0.1 }";
        assert_eq!(reason(lower, GERMAN), "");
        let only = "min_scores = { de = 1.0 }";
        assert_eq!(reason(only, GERMAN), "low-score");
        assert_eq!(reason(only, ENGLISH), "");
    }

    #[test]
    fn the_best_labels_in_one_signal() {
        assert!(!trial("language", "", ENGLISH).signals.contains_key("top"));
        let trial = trial("language", "top = 3", GERMAN);
        let Some(SignalValue::OwnedText(top)) = trial.signal("top") else { panic!("{trial:?}") };
        let best = format!("de:{:.3} ", trial.number("score"));
        assert!(top.starts_with(&best) && top.split(' ').count() == 3, "{top}");
    }

    #[test]
    fn what_no_model_knows() {
        // Words that begin with `__label__` are no words to fastText.
        let nothing = "__label__x __label__y";
        let shown = trial("language", "keep = [\"en\"]", nothing);
        assert!(["no-language", "other-language", "low-score"].contains(&shown.reason()));
        for text in ["", "\0", "\r\n", "…!?", "\u{200b}\u{200b}", "\u{10ffff}"] {
            let trial = trial("language", "top = 2", text);
            assert_eq!(trial.reason(), "", "{text:?}");
        }
    }

    #[test]
    fn settings_that_cannot_work_say_what_would() {
        let message = |toml: &str| refused("language", toml).to_string();
        assert!(message("keep = [\"eng\"]").contains("no label `eng`"));
        assert!(message("keep = [\"en\"]\nmin_score = 65.0").contains("give 0 to 1"));
        assert!(message("min_scores = { de = 1.5 }").contains("`de`: 1.5 is not a probability"));
        assert!(message("keep = [\"en\"]\nmin_scores = { de = 0.5 }").contains("not in `keep`"));
        assert!(message("min_scores = { xx = 0.5 }").contains("no label `xx`"));
        assert!(message("top = 0").contains("give 1 to 176"));
        assert!(message("top = 177").contains("give 1 to 176"));
        let labels = ["deu_Latn", "eng_Latn", "srp_Cyrl", "srp_Latn"].map(str::to_owned);
        assert!(unknown_label("srp", &labels).ends_with("give `srp_Cyrl` or `srp_Latn`"));
        assert!(unknown_label("deu_Latm", &labels).ends_with("did you mean `deu_Latn`?"));
    }
}
