//! `quality`: a text classifier decides which documents are worth reading.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quantile::Behind;
use super::{
    BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings, SignalLookup,
};
use crate::config::diagnostic::nearest;
use crate::document::{Reason, Signal, SignalType};
use crate::model::classifier::{Classifier, Scratch};
use crate::model::shipped;
use crate::store::resolved;

/// Scores each document with a classifier of good texts against others, and keeps by the score.
///
/// The score is the model's probability of `label`: of a model by `tamis fit-classifier` calibrated
/// as the file beside it says, of any other fastText model (`.bin`, `.ftz`) that of the C++ tool.
/// Three ways to keep, of which one or none may be given (none only computes the score):
///
/// * `keep = ">= 0.018"`: a threshold. With [DCLM](https://arxiv.org/abs/2406.11794)'s
///   `openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train.bin`, `label = "hq"` and
///   `preprocess = "dclm"` this is DCLM-Baseline's filter.
/// * `keep_top = 0.1`: the best tenth of the corpus, exactly. That is a second stage, `quantile`, of the
///   name `<stage>-quantile`, in which all documents meet.
/// * `pareto_alpha = 9`: keep where `np.random.pareto(9) > 1 - score`, so that good documents mostly
///   stay and some of the others do, as [GPT-3](https://arxiv.org/abs/2005.14165)'s appendix A has
///   it. The draw is keyed by the document's id and the pipeline's `seed`.
///
/// The shipped models `quality-en.ftz` and `quality-zh.ftz` show how it works; their cards say what
/// they know. For real filtering fit one to your own idea of a good text.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Quality {
    /// Model file (`.bin` or `.ftz`), relative to the pipeline file. Default: the shipped
    /// `quality-en.ftz`, for English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
    /// The label of good texts, with or without `__label__`. Default: `hq`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Which scores to keep: `">= 0.018"` or `"> 0.5"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<String>,
    /// The share of documents with the best scores that is kept, above 0 and up to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_top: Option<f64>,
    /// Keep by chance, the more likely the better the score; GPT-3's is 9. A smaller one keeps more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pareto_alpha: Option<f64>,
    /// What is done to a text before it is scored; for models without a file beside them that says
    /// it. `lines` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preprocess: Option<crate::model::classifier::Preprocess>,
}

const LOW_SCORE: Reason = Reason::new("low-quality");
const UNKNOWN: Reason = Reason::new("no-score");
const SHIPPED: &str = "quality-en.ftz";

/// What to keep.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule {
    All,
    AtLeast(f64),
    Above(f64),
    /// Where the draw is above one minus the score.
    Pareto,
}

impl Quality {
    fn rule(&self) -> Result<Rule, OpError> {
        let setting = |key, reason: String| Err(OpError::Setting { key, reason });
        if self.keep_top.is_some() && (self.keep.is_some() || self.pareto_alpha.is_some()) {
            return setting(
                "keep_top",
                "`keep` or `pareto_alpha` decides already; give one of them".to_owned(),
            );
        }
        match (&self.keep, self.pareto_alpha) {
            (None, None) => Ok(Rule::All),
            (Some(_), Some(_)) => {
                setting("pareto_alpha", "`keep` decides already; give one of the two".to_owned())
            }
            (None, Some(alpha)) if alpha > 0.0 && alpha.is_finite() => Ok(Rule::Pareto),
            (None, Some(alpha)) => {
                setting("pareto_alpha", format!("{alpha} is not above 0; GPT-3's is 9"))
            }
            (Some(text), None) => {
                let text = text.trim();
                let rule = match (text.strip_prefix(">="), text.strip_prefix('>')) {
                    (Some(number), _) => number.trim().parse().map(Rule::AtLeast),
                    (None, Some(number)) => number.trim().parse().map(Rule::Above),
                    (None, None) => text.parse().map(Rule::AtLeast),
                };
                match rule {
                    Ok(rule @ (Rule::AtLeast(least) | Rule::Above(least)))
                        if (0.0..=1.0).contains(&least) =>
                    {
                        Ok(rule)
                    }
                    _ => setting(
                        "keep",
                        format!("`{text}` is no threshold; give one such as \">= 0.018\""),
                    ),
                }
            }
        }
    }
}

fn decide(rule: Rule, score: Option<f64>, draw: Option<f64>) -> Decision {
    let keep = match (rule, score) {
        (Rule::All, _) => true,
        (_, None) => return Decision::Drop(UNKNOWN),
        (Rule::AtLeast(least), Some(score)) => score >= least,
        (Rule::Above(least), Some(score)) => score > least,
        (Rule::Pareto, Some(score)) => draw.is_some_and(|draw| draw > 1.0 - score),
    };
    if keep { Decision::Keep } else { Decision::Drop(LOW_SCORE) }
}

impl Settings for Quality {
    const NAME: &'static str = "quality";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[
        Signal {
            name: "score",
            kind: SignalType::Float,
            about: "probability of the label, 0 to 1",
        },
        Signal {
            name: "draw",
            kind: SignalType::Float,
            about: "with `pareto_alpha`: the document's Pareto number, kept if above 1 - score",
        },
    ];
    const REASONS: &'static [Reason] = &[LOW_SCORE, UNKNOWN];
    const COST: u32 = 12_000;
    const THRESHOLDS: &'static [&'static str] = &["keep"];

    fn assets(&self) -> Vec<(&'static str, &Path)> {
        self.model.iter().map(|path| ("model", path.as_path())).collect()
    }

    fn resolve_paths(&mut self, base: &Path) {
        // Without a model the shipped one is meant; where there is none, `build` says so.
        self.model = match self.model.take() {
            Some(path) => Some(resolved(base, path)),
            None => shipped(SHIPPED).ok(),
        };
    }

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        Some(decide(self.rule().ok()?, signals.number("score"), signals.number("draw")))
    }

    fn behind(&self, stage: &str) -> Option<(&'static str, serde_json::Value)> {
        Behind { stage, signal: "score", keep_top: self.keep_top, ..Behind::default() }.stage()
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        let rule = self.rule()?;
        let path = match &self.model {
            Some(path) => path.clone(),
            None => shipped(SHIPPED)?,
        };
        let model = context.assets.classifier(&path)?;
        let wanted = self.label.as_deref().unwrap_or("hq");
        let Some(label) = model.label(wanted) else {
            let names: Vec<&str> = model.labels().iter().map(|label| label.name.as_str()).collect();
            let hint = match nearest(wanted, &names) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.len() <= 8 => format!("it has: {}", names.join(", ")),
                None => format!("it has {} others", names.len()),
            };
            let reason = format!("the model has no label `{wanted}`; {hint}");
            return Err(OpError::Setting { key: "label", reason });
        };
        let preprocess = match (self.preprocess, model.preprocess()) {
            (Some(wanted), own) if model.has_sidecar() && wanted != own => {
                let reason = "the file beside the model says another; take it out".to_owned();
                return Err(OpError::Setting { key: "preprocess", reason });
            }
            (wanted, own) => wanted.unwrap_or(own),
        };
        let alpha = self.pareto_alpha;
        let seed = context.seed;
        Ok(Op::Document(Box::new(Score { rule, model, label, preprocess, alpha, seed })))
    }
}

struct Score {
    rule: Rule,
    model: Arc<Classifier>,
    label: usize,
    preprocess: crate::model::classifier::Preprocess,
    alpha: Option<f64>,
    seed: u64,
}

impl DocumentOp for Score {
    type Scratch = Scratch;

    fn document<'a>(
        &'a self,
        document: Document<'a>,
        scratch: &mut Scratch,
        row: &mut Row<'a>,
    ) -> Decision {
        let scores = self.model.score_as(self.preprocess, document.text, scratch);
        let score = scores.map(|scores| scores[self.label]);
        if let Some(score) = score {
            row.float(0, score);
        }
        let draw = self.alpha.map(|alpha| pareto(document.id.draw(self.seed, "quality"), alpha));
        if let Some(draw) = draw {
            row.float(1, draw);
        }
        decide(self.rule, score, draw)
    }
}

/// `np.random.pareto`, from a uniform number of at least 0 and less than 1.
fn pareto(uniform: f64, alpha: f64) -> f64 {
    libm::pow(1.0 - uniform, -1.0 / alpha) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{refused, trial};

    const GOOD: &str = "It was the best of times, it was the worst of times, it was the age of \
        wisdom, it was the age of foolishness, and the old man walked slowly through the garden, \
        thinking of his daughter and of all that she had said to him on that evening.";
    const CRAWL: &str = "Home | About | Contact\nLog in | Sign up\nAdd to cart $19.99\n\
        Copyright 2013 All rights reserved. Powered by WordPress\nShare this: Facebook Twitter";

    #[test]
    fn prose_scores_above_page_furniture_and_the_threshold_decides() {
        let score = |text| trial("quality", "", text).number("score");
        assert!(score(GOOD) > 0.5 && score(CRAWL) < 0.5, "{} {}", score(GOOD), score(CRAWL));
        let reason =
            |keep: &str, text| trial("quality", &format!("keep = {keep:?}"), text).reason();
        assert_eq!(reason(">= 0.5", GOOD), "");
        assert_eq!(reason(">= 0.5", CRAWL), "low-quality");
        let exact = format!(">= {:?}", score(CRAWL));
        assert_eq!(reason(&exact, CRAWL), "");
        assert_eq!(reason(&exact.replace(">=", ">"), CRAWL), "low-quality");
        assert_eq!(reason("0.5", CRAWL), "low-quality");
    }

    #[test]
    fn every_text_has_a_score() {
        let long = "x".repeat(1 << 20);
        let odd = [
            "",
            " ",
            "a",
            "\0",
            "\r\n",
            "\u{200b}",
            "你好世界",
            "日本語のテキスト",
            "ภาษาไทย",
            "😀😀",
            "en\tde",
            "fn main() { println!(\"{}\", 1 << 3); }",
            "__label__hq",
            "</s>",
            &long,
        ];
        for text in odd {
            let found = trial("quality", "keep = \">= 0\"", text);
            assert_eq!(found.reason(), "", "{text:?}");
            assert!((0.0..=1.0).contains(&found.number("score")), "{text:?}");
        }
    }

    /// The distribution of numpy: P(X > x) = (1 + x)^-alpha.
    #[test]
    fn pareto_numbers_are_those_of_numpy() {
        let draws = 10_000u32;
        for x in [0.01, 0.1, 0.5] {
            let above = (0..draws)
                .filter(|&n| pareto((f64::from(n) + 0.5) / f64::from(draws), 9.0) > x)
                .count();
            let share = f64::from(u32::try_from(above).unwrap()) / f64::from(draws);
            assert!((share - libm::pow(1.0 + x, -9.0)).abs() < 1e-3, "{x}: {share}");
        }
        let trial = trial("quality", "pareto_alpha = 9.0", GOOD);
        let kept = trial.number("draw") > 1.0 - trial.number("score");
        assert_eq!(trial.reason() == "", kept);
    }

    #[test]
    fn settings_that_cannot_work_say_what_would() {
        let message = |toml: &str| refused("quality", toml).to_string();
        assert!(message("keep = \"< 3\"").contains("such as \">= 0.018\""));
        assert!(message("keep = \">= 18\"").contains("no threshold"));
        assert!(message("keep = \">= 0.1\"\npareto_alpha = 9.0").contains("one of the two"));
        assert!(message("keep_top = 0.1\npareto_alpha = 9.0").contains("one of them"));
        assert!(message("pareto_alpha = 0.0").contains("not above 0"));
        assert!(message("label = \"good\"").contains("hq"));
        assert!(message("preprocess = \"dclm\"").contains("says another"));
    }
}
