//! `language`: fastText language identification.

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

/// Identifies the language of each document with a fastText model and keeps the wanted ones.
///
/// The label with the highest probability is the document's language; a document is kept when it is
/// in `keep` and its probability is at least `min_score`. Labels and scores are those of the
/// fastText C++ library. The shipped model is lid.176 (176 languages, ISO 639-1 or 639-3 codes;
/// <https://fasttext.cc/docs/en/language-identification.html>, CC BY-SA 3.0;
/// [Joulin et al. 2016](https://arxiv.org/abs/1612.03651)); any other fastText model, such as
/// `GlotLID`, works by its path.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Language {
    /// Languages to keep, as the model's labels without `__label__`; empty keeps all of them and
    /// only computes the signals.
    pub keep: Vec<String>,
    /// Least probability of the label, 0 to 1 (`FineWeb` and `RefinedWeb`: 0.65). Applies only where
    /// `keep` is given.
    pub min_score: f64,
    /// Model file (`.bin` or `.ftz`), relative to the pipeline file. Default: the shipped
    /// `lid.176.ftz`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
}

impl Default for Language {
    fn default() -> Self {
        Self { keep: Vec::new(), min_score: 0.65, model: None }
    }
}

const OTHER: Reason = Reason::new("other-language");
const LOW_SCORE: Reason = Reason::new("low-score");
const UNKNOWN: Reason = Reason::new("no-language");

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
    ];
    const REASONS: &'static [Reason] = &[OTHER, LOW_SCORE, UNKNOWN];
    const THRESHOLDS: &'static [&'static str] = &["keep", "min_score"];

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        if self.keep.is_empty() {
            return Some(Decision::Keep);
        }
        let language = match signals.signal("language") {
            Some(SignalValue::Text(language)) => language.to_owned(),
            Some(SignalValue::OwnedText(language)) => language,
            _ => return Some(Decision::Drop(UNKNOWN)),
        };
        Some(if !self.keep.contains(&language) {
            Decision::Drop(OTHER)
        } else if signals.number("score")? < self.min_score {
            Decision::Drop(LOW_SCORE)
        } else {
            Decision::Keep
        })
    }

    fn assets(&self) -> Vec<(&'static str, &Path)> {
        self.model.iter().map(|path| ("model", path.as_path())).collect()
    }

    fn resolve_paths(&mut self, base: &Path) {
        // Without a model the shipped one is meant; where there is none, `build` says so.
        self.model = match self.model.take() {
            Some(path) => Some(base.join(path)),
            None => shipped("lid.176.ftz").ok(),
        };
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        if !(0.0..=1.0).contains(&self.min_score) {
            return Err(OpError::Setting {
                key: "min_score",
                reason: format!("{} is not a probability; give 0 to 1", self.min_score),
            });
        }
        let path = match &self.model {
            Some(path) => path.clone(),
            None => shipped("lid.176.ftz")?,
        };
        let model = context.assets.fasttext(&path)?;
        let mut keep = vec![self.keep.is_empty(); model.labels().len()];
        for wanted in &self.keep {
            match model.labels().iter().position(|label| label == wanted) {
                Some(index) => keep[index] = true,
                None => {
                    return Err(OpError::Setting {
                        key: "keep",
                        reason: unknown_label(wanted, model.labels()),
                    });
                }
            }
        }
        let min_score = if self.keep.is_empty() { 0.0 } else { self.min_score };
        Ok(Op::Document(Box::new(Identify {
            model,
            keep,
            keep_all: self.keep.is_empty(),
            min_score,
        })))
    }
}

fn unknown_label(wanted: &str, labels: &[String]) -> String {
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let hint = nearest(wanted, &labels)
        .map_or(String::new(), |label| format!("; did you mean `{label}`?"));
    format!("the model has no label `{wanted}`{hint}")
}

struct Identify {
    model: Arc<FastText>,
    keep: Vec<bool>,
    keep_all: bool,
    min_score: f64,
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
        buffers.predictions.clear();
        self.model.predict_into(
            document.text,
            1,
            0.0,
            &mut buffers.scratch,
            &mut buffers.predictions,
        );
        let Some(best) = buffers.predictions.first() else {
            return if self.keep_all { Decision::Keep } else { Decision::Drop(UNKNOWN) };
        };
        let label = best.label as usize;
        let score = f64::from(best.score);
        row.text(0, &self.model.labels()[label]);
        row.float(1, score);
        if !self.keep[label] {
            Decision::Drop(OTHER)
        } else if score < self.min_score {
            Decision::Drop(LOW_SCORE)
        } else {
            Decision::Keep
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::trial;

    /// `trial` compares what `judge` makes of the signals with what the op decided.
    #[test]
    fn the_signals_decide_again() {
        let english = "The quick brown fox and the lazy dog have to walk with care.";
        assert_eq!(trial("language", "keep = ['en']", english).reason(), "");
        assert_eq!(trial("language", "keep = ['de', 'fr']", english).reason(), "other-language");
        let high = "keep = ['en']\nmin_score = 1.0";
        assert_eq!(trial("language", high, english).reason(), "low-score");
        assert_eq!(trial("language", "min_score = 1.0", english).reason(), "");
        // The model has an opinion about no text at all, but is not sure of it.
        assert_eq!(trial("language", "keep = ['en']", "").reason(), "low-score");
    }
}
