//! `perplexity`: how surprised a language model is by a document.

mod normalize;
mod pieces;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::normalize::{Normalizer, Punctuation, stripped};
use self::pieces::{Named, Pieces, Scorer, Scoring};
use super::quantile::Behind;
use super::{
    BuildContext, Decision, Expression, Op, OpError, OpKind, PartitionOp, Settings, SignalLookup,
};
use crate::document::{Batch, Reason, Signal, SignalColumn, SignalType, SignalValue};
use crate::model::ngram_lm::Score;
use crate::store::resolved;

/// Computes the perplexity of each document under an n-gram language model of its language.
///
/// As in [CCNet](https://arxiv.org/abs/1911.00359) (section 5): text that is like the model's own,
/// Wikipedia there, has a low perplexity; lists, boilerplate and broken text a high one, and very low
/// ones are often repetitions. Models are those of [KenLM](https://github.com/kpu/kenlm): ARPA text
/// (`.gz` too) or files of `build_binary`, of every kind, which are mapped into memory. Scores are
/// KenLM's. Each line with a word is a sentence between `<s>` and `</s>`; the perplexity of a document
/// is 10 to the power of (−log10 of the probability ÷ (words + lines)). Before, lines are normalised
/// as CCNet does: lower case, no accents, digits `0`, punctuation in ASCII. A model has to be trained
/// on text that was made alike, and cut into the same words: CCNet's into the pieces of a tokenizer.
///
/// `buckets = ["head", "middle", "tail"]`, `keep_bottom` and `keep_top` cut the corpus by the exact
/// quantiles of each model's perplexities. That is a second stage, `quantile`, of the name
/// `<stage>-quantile`, whose signals are `rank` and `bucket`. Documents without a model or without a
/// word have null signals and pass.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Perplexity {
    /// Model files by language, as the column `language` names it: `{ en = "en.bin", zh = "zh.bin" }`.
    pub models: BTreeMap<String, PathBuf>,
    /// The model of documents in no language of `models`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
    /// A signal, kept field or SQL that gives the language of a document; `language` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Tokenizers (`tokenizer.json`) by language, of which the tokens are the models' words.
    pub tokenizers: BTreeMap<String, PathBuf>,
    /// The tokenizer of languages that are not in `tokenizers`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<PathBuf>,
    /// What words are where there is no tokenizer.
    pub pieces: Pieces,
    /// What a sentence is.
    pub unit: Unit,
    /// What is done to a line before.
    pub normalize: Normalize,
    /// The least perplexity that passes.
    pub min_perplexity: Option<f64>,
    /// The greatest perplexity that passes.
    pub max_perplexity: Option<f64>,
    /// The greatest share of words that the model does not know, 0 to 1.
    pub max_unknown: Option<f64>,
    /// Names of the buckets, that of the least perplexities first.
    pub buckets: Vec<String>,
    /// The ranks at which the second and the following buckets begin; equal shares by default.
    pub cuts: Vec<f64>,
    /// The share with the least perplexities that is kept, of each model's documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_bottom: Option<f64>,
    /// The share with the greatest perplexities that is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_top: Option<f64>,
}

/// What a sentence is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unit {
    /// A line with a word in it.
    #[default]
    Line,
    /// The whole text: what CCNet's program does, whose normalisation takes the line breaks out
    /// (with nothing in their place).
    Document,
}

/// What is done to a line before it is scored; all of it as in CCNet unless told otherwise.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Normalize {
    /// Lower case.
    pub lower_case: bool,
    /// Accents are taken off (canonical decomposition without nonspacing marks).
    pub strip_accents: bool,
    /// Each digit becomes `0`.
    pub zero_digits: bool,
    /// What becomes of punctuation outside of ASCII.
    pub punctuation: Punctuation,
}

impl Default for Normalize {
    fn default() -> Self {
        Self {
            lower_case: true,
            strip_accents: true,
            zero_digits: true,
            punctuation: Punctuation::default(),
        }
    }
}

const HIGH: Reason = Reason::new("high-perplexity");
const LOW: Reason = Reason::new("low-perplexity");
const UNKNOWN: Reason = Reason::new("unknown-words");

impl Perplexity {
    fn check(&self) -> Result<(), OpError> {
        let wrong = |key, reason: String| Err(OpError::Setting { key, reason });
        if self.models.is_empty() && self.model.is_none() {
            let reason = "give KenLM models, such as models = { en = \"en.bin\" }, or one for all";
            return wrong("model", reason.to_owned());
        }
        for (key, least) in
            [("min_perplexity", self.min_perplexity), ("max_perplexity", self.max_perplexity)]
        {
            if let Some(value) = least.filter(|value| !(*value >= 1.0)) {
                return wrong(key, format!("{value}; a perplexity is 1 or more"));
            }
        }
        if let Some(share) = self.max_unknown.filter(|share| !(0.0..=1.0).contains(share)) {
            return wrong("max_unknown", format!("{share} is no share; give 0 to 1"));
        }
        let known = |language: &&String| !self.models.contains_key(*language);
        if let Some(language) = self.tokenizers.keys().find(known).filter(|_| self.model.is_none())
        {
            return wrong("tokenizers", format!("there is no model for `{language}`"));
        }
        Ok(())
    }

    fn decide(&self, perplexity: Option<f64>, unknown: Option<f64>) -> Decision {
        let Some(perplexity) = perplexity else { return Decision::Keep };
        if self.min_perplexity.is_some_and(|least| perplexity < least) {
            Decision::Drop(LOW)
        } else if self.max_perplexity.is_some_and(|most| perplexity > most) {
            Decision::Drop(HIGH)
        } else if self.max_unknown.is_some_and(|most| unknown.is_some_and(|share| share > most)) {
            Decision::Drop(UNKNOWN)
        } else {
            Decision::Keep
        }
    }

    /// The scorer of a language; of no language in particular where `None`.
    fn scorer(
        &self,
        context: &BuildContext<'_>,
        language: Option<&str>,
    ) -> Result<Option<Scorer>, OpError> {
        let named = |paths: &BTreeMap<String, PathBuf>| {
            language.and_then(|language| paths.get(language).cloned())
        };
        let Some(model) = named(&self.models).or_else(|| self.model.clone()) else {
            return Ok(None);
        };
        let tokenizer = named(&self.tokenizers).or_else(|| self.tokenizer.clone());
        let tokenizer = tokenizer.map(|path| {
            let tokenizer = context.assets.tokenizer(&path)?;
            context.assets.cached(&path, |_| Ok(Named::new(tokenizer)))
        });
        let model = context.assets.ngram_lm(&model)?;
        Ok(Some(Scorer { model, tokenizer: tokenizer.transpose()?, pieces: self.pieces }))
    }
}

impl Settings for Perplexity {
    const NAME: &'static str = "perplexity";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Partition;
    const SIGNALS: &'static [Signal] = &[
        Signal {
            name: "perplexity",
            kind: SignalType::Float,
            about: "of the document, a word or end of a line; null without a model or a word",
        },
        Signal { name: "words", kind: SignalType::Int, about: "words or tokens scored" },
        Signal {
            name: "unknown",
            kind: SignalType::Float,
            about: "share of them that the model does not know",
        },
        Signal {
            name: "model",
            kind: SignalType::Text,
            about: "language of the model, `default` for `model`",
        },
    ];
    const REASONS: &'static [Reason] = &[HIGH, LOW, UNKNOWN];
    const COST: u32 = 40_000;
    const THRESHOLDS: &'static [&'static str] =
        &["min_perplexity", "max_perplexity", "max_unknown"];

    fn assets(&self) -> Vec<(&'static str, &Path)> {
        let models = self.models.values().map(|path| ("models", path.as_path()));
        let model = self.model.iter().map(|path| ("model", path.as_path()));
        let tokenizers = self.tokenizers.values().map(|path| ("tokenizers", path.as_path()));
        let tokenizer = self.tokenizer.iter().map(|path| ("tokenizer", path.as_path()));
        models.chain(model).chain(tokenizers).chain(tokenizer).collect()
    }

    fn resolve_paths(&mut self, base: &Path) {
        let paths = self.models.values_mut().chain(self.tokenizers.values_mut());
        for path in paths.chain(&mut self.model).chain(&mut self.tokenizer) {
            *path = resolved(base, std::mem::take(path));
        }
    }

    fn conditions(&self) -> Vec<&str> {
        let language = self.language.as_deref().unwrap_or("language");
        if self.models.is_empty() && self.tokenizers.is_empty() { vec![] } else { vec![language] }
    }

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        Some(self.decide(signals.number("perplexity"), signals.number("unknown")))
    }

    fn behind(&self, stage: &str) -> Option<(&'static str, serde_json::Value)> {
        let behind = Behind {
            stage,
            signal: "perplexity",
            by: &["model"],
            keep_top: self.keep_top,
            keep_bottom: self.keep_bottom,
            buckets: &self.buckets,
            cuts: &self.cuts,
        };
        behind.stage()
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        self.check()?;
        let language = match self.conditions().first() {
            None => None,
            Some(sql) => {
                let wrong = |error: OpError| {
                    let error = error.to_string().replace("sql: ", "");
                    let reason = format!(
                        "{error}; a stage `language` before this one gives such a column, `model` \
                         needs none"
                    );
                    OpError::Setting { key: "language", reason }
                };
                let expression = Expression::compile(sql, context.columns).map_err(wrong)?;
                if expression.signal_type()? != SignalType::Text {
                    let reason = format!("`{sql}` is a number, not the name of a language");
                    return Err(OpError::Setting { key: "language", reason });
                }
                Some(expression)
            }
        };
        let mut scorers = BTreeMap::new();
        for name in self.models.keys().chain(self.tokenizers.keys()) {
            if let Some(scorer) = self.scorer(context, Some(name))? {
                scorers.insert(name.clone(), scorer);
            }
        }
        Ok(Op::Partition(Box::new(Surprise {
            settings: self.clone(),
            normalizer: Normalizer {
                lower_case: self.normalize.lower_case,
                strip_accents: self.normalize.strip_accents,
                zero_digits: self.normalize.zero_digits,
                punctuation: self.normalize.punctuation,
            },
            language,
            scorers,
            other: self.scorer(context, None)?,
        })))
    }
}

/// The op.
struct Surprise {
    settings: Perplexity,
    normalizer: Normalizer,
    language: Option<Expression>,
    /// By language.
    scorers: BTreeMap<String, Scorer>,
    /// Of all other languages.
    other: Option<Scorer>,
}

/// The name of the model of no language in particular.
const DEFAULT: &str = "default";

impl Surprise {
    /// Score and number of sentences of a text.
    fn score(
        &self,
        scoring: &mut Scoring<'_>,
        text: &str,
        line: &mut String,
    ) -> Option<(Score, u64)> {
        let (mut sum, mut sentences) = (Score::default(), 0);
        let mut add = |part: &str| {
            self.normalizer.apply(part, line);
            if stripped(line).is_empty() {
                return Some(());
            }
            let score = scoring.score(line)?;
            if score.words > 0 {
                sum.log10 += score.log10;
                sum.words += score.words;
                sum.unknown += score.unknown;
                sentences += 1;
            }
            Some(())
        };
        match self.settings.unit {
            Unit::Line => text.split('\n').try_for_each(&mut add)?,
            Unit::Document => add(text)?,
        }
        (sum.words > 0).then_some((sum, sentences))
    }
}

impl PartitionOp for Surprise {
    fn partition(
        &self,
        batch: &Batch,
        rows: &[usize],
        signals: &mut [SignalColumn],
    ) -> Result<Vec<Decision>, OpError> {
        use arrow::array::Array;
        let languages = match &self.language {
            None => None,
            Some(expression) => {
                let mut column = SignalColumn::new(SignalType::Text, batch.len());
                expression.fill(batch, rows, &mut column)?;
                let SignalColumn::Text(mut values) = column else {
                    return Err(OpError::damaged("a language that is no text"));
                };
                Some(values.finish())
            }
        };
        let mut started: BTreeMap<&str, Scoring<'_>> = BTreeMap::new();
        let mut line = String::new();
        let mut decisions = Vec::with_capacity(rows.len());
        let mut wanted = rows.iter().peekable();
        for row in 0..batch.len() {
            let takes_part = wanted.next_if(|at| **at == row).is_some();
            let named = languages.as_ref().filter(|values| values.is_valid(row));
            let named = named.and_then(|values| self.scorers.get_key_value(values.value(row)));
            let other = || self.other.as_ref().map(|scorer| (DEFAULT, scorer));
            let chosen = named.map(|(name, scorer)| (name.as_str(), scorer)).or_else(other);
            let scored = chosen.filter(|_| takes_part).and_then(|(name, scorer)| {
                let scoring = started.entry(name).or_insert_with(|| scorer.start());
                let (score, sentences) = self.score(scoring, batch.text(row), &mut line)?;
                Some((name, score, sentences))
            });
            let values = scored.map(|(name, score, sentences)| {
                #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
                let (length, words) = ((score.words + sentences) as f64, score.words as f64);
                let perplexity = libm::pow(10.0, -score.log10 / length);
                // Damaged models may give what no file can hold.
                let perplexity = if perplexity.is_finite() { perplexity } else { f64::MAX };
                #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
                let unknown = score.unknown as f64 / words;
                (perplexity, score.words, unknown, name)
            });
            let words = values.map(|(_, words, ..)| i64::try_from(words).unwrap_or(i64::MAX));
            let row = [
                values.map(|(perplexity, ..)| SignalValue::Float(perplexity)),
                words.map(SignalValue::Int),
                values.map(|(_, _, unknown, _)| SignalValue::Float(unknown)),
                values.map(|(.., name)| SignalValue::Text(name)),
            ];
            for (column, value) in signals.iter_mut().zip(row) {
                column.push(value.as_ref());
            }
            if takes_part {
                let perplexity = values.map(|(perplexity, ..)| perplexity);
                decisions.push(
                    self.settings.decide(perplexity, values.map(|(_, _, unknown, _)| unknown)),
                );
            }
        }
        Ok(decisions)
    }
}
