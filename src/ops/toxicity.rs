//! `toxicity`: insults, hate and threats, found sentence by sentence.

mod scorer;
#[cfg(test)]
mod tests;
mod windows;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::scorer::{LabelScorer, Scorers};
use super::lines::check_ratio;
use super::word_list::{LANGUAGES, Words, anywhere, entries, passed_over};
use super::{BuildContext, Decision, Op, OpError, OpKind, Settings, SignalLookup, resolve_column};
use crate::document::{Reason, Signal, SignalType};
use crate::model::{shipped, shipped_in};
use crate::ops::ColumnSource;
use crate::store::resolved;

/// Scores how toxic each document is, sentence by sentence, with a classifier of its language.
///
/// The text is cut into windows: sentences, short ones together (at least 5 words or 10 characters of
/// Chinese or Japanese), long ones apart (at most 60 words or 120 characters). Each gets the
/// classifier's probability of `label`. A document's `score` is what the classifier makes of all of
/// them together, so that one insult in a novel does not make the novel toxic, while one in a comment
/// makes the comment; `max`, `mean` and the share of toxic sentences are signals beside it.
///
/// Words of [LDNOOBW](https://github.com/LDNOOBW/List-of-Dirty-Naughty-Obscene-and-Otherwise-Bad-Words)
/// are counted as a signal of their own, as `c4-badwords` does. It knows no context: `breast` counts.
///
/// Models and lists follow the document's language, the column `language` of a stage before this one.
/// The shipped models are for English and Chinese (`models/toxicity-en.md`, `toxicity-zh.md`: data,
/// figures, false alarms by group named). A document in another language has no score and passes;
/// bad words are counted there too, in the languages that have a list.
///
/// Classifiers repeat what annotators thought, above all of people who name their group or write in
/// dialect ([Dixon et al. 2018](https://doi.org/10.1145/3278721.3278729),
/// [Sap et al. 2019](https://aclanthology.org/P19-1163/)), and filters by them take voices out of a
/// corpus ([Dodge et al. 2021](https://arxiv.org/abs/2104.08758)). So the default only annotates.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Toxicity {
    /// What to do with what is found.
    pub action: Action,
    /// Greatest `score` that `action = "drop"` lets pass.
    pub max_score: f64,
    /// Greatest share of toxic sentences that it lets pass, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_toxic_share: Option<f64>,
    /// Greatest number of places with a listed word that it lets pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bad_words: Option<u64>,
    /// A sentence with a greater probability counts as toxic, and is what
    /// `action = "remove-sentences"` takes out.
    pub max_sentence_score: f64,
    /// Name of the signal or kept field that holds the document's language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Language of documents whose `language` is null; of all documents where no stage finds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_language: Option<String>,
    /// The label whose probability is scored, with or without `__label__`.
    pub label: String,
    /// Classifiers (`.ftz`, `.bin`) by language, in place of the shipped `toxicity-en.ftz` and
    /// `toxicity-zh.ftz`.
    pub models: BTreeMap<String, PathBuf>,
    /// Lists of bad words by language, a word or phrase a line, in place of the 28 shipped ones.
    pub lists: BTreeMap<String, PathBuf>,
}

/// What to do with toxic text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Action {
    /// Only computes the signals.
    #[default]
    Annotate,
    /// Drops documents by `max_score`, `max_toxic_share` and `max_bad_words`.
    Drop,
    /// Takes out the windows above `max_sentence_score` and leaves the rest byte for byte; drops a
    /// document that is nothing else.
    RemoveSentences,
}

impl Default for Toxicity {
    fn default() -> Self {
        Self {
            action: Action::default(),
            max_score: 0.5,
            max_toxic_share: None,
            max_bad_words: None,
            max_sentence_score: 0.5,
            language: None,
            default_language: None,
            label: "toxic".to_owned(),
            models: BTreeMap::new(),
            lists: BTreeMap::new(),
        }
    }
}

const TOXIC: Reason = Reason::new("toxic");
const TOXIC_SENTENCES: Reason = Reason::new("toxic-sentences");
const BAD_WORDS: Reason = Reason::new("bad-words");
const SHIPPED: [(&str, &str); 2] = [("en", "toxicity-en.ftz"), ("zh", "toxicity-zh.ftz")];

/// What the thresholds are about, of one document.
#[derive(Debug, Clone, Copy, Default)]
struct Measured {
    score: Option<f64>,
    share: Option<f64>,
    bad_words: Option<i64>,
}

impl Toxicity {
    fn decide(&self, measured: Measured) -> Decision {
        let Measured { score, share, bad_words } = measured;
        match self.action {
            Action::Annotate => Decision::Keep,
            Action::RemoveSentences => {
                // Nothing would be left.
                let all = share.is_some_and(|share| share >= 1.0);
                if all { Decision::Drop(TOXIC_SENTENCES) } else { Decision::Keep }
            }
            Action::Drop if score.is_some_and(|score| score > self.max_score) => {
                Decision::Drop(TOXIC)
            }
            Action::Drop if self.max_toxic_share.is_some_and(|most| share > Some(most)) => {
                Decision::Drop(TOXIC_SENTENCES)
            }
            Action::Drop => {
                let most = self.max_bad_words.map(|most| i64::try_from(most).unwrap_or(i64::MAX));
                if most.is_some_and(|most| bad_words > Some(most)) {
                    Decision::Drop(BAD_WORDS)
                } else {
                    Decision::Keep
                }
            }
        }
    }

    /// Where the language stands; `None` where `default_language` holds for all.
    fn language_column(&self, context: &BuildContext<'_>) -> Result<Option<ColumnSource>, OpError> {
        let wrong = |reason| OpError::Setting { key: "language", reason };
        let name = self.language.as_deref().unwrap_or("language");
        match resolve_column(name, context.columns) {
            Ok(ColumnSource::Signal(_, SignalType::Int | SignalType::Float)) => {
                Err(wrong(format!("`{name}` is a number, not the name of a language")))
            }
            Ok(source) => Ok(Some(source)),
            Err(_) if self.language.is_none() && self.default_language.is_some() => Ok(None),
            Err(reason) => Err(wrong(format!(
                "{reason}; a stage `language` before this one gives such a column, or say \
                 default_language = \"en\" where all is of one language"
            ))),
        }
    }

    fn words(path: &Path, language: &str) -> Result<Words, OpError> {
        let wrong = |reason| OpError::Setting { key: "lists", reason };
        let entries: Vec<String> = entries(path, "lists")?
            .iter()
            .filter(|entry| !passed_over(entry, Some(language)))
            .map(|entry| entry.to_lowercase())
            .collect();
        Words::new(&entries, anywhere(language))
            .map_err(|error| wrong(format!("`{}`: {error}", path.display())))
    }
}

impl Settings for Toxicity {
    const NAME: &'static str = "toxicity";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[
        Signal {
            name: "score",
            kind: SignalType::Float,
            about: "probability that the text is toxic as a whole; null without a model",
        },
        Signal { name: "max", kind: SignalType::Float, about: "probability of the worst sentence" },
        Signal { name: "mean", kind: SignalType::Float, about: "mean over all sentences" },
        Signal {
            name: "toxic_share",
            kind: SignalType::Float,
            about: "share of sentences above max_sentence_score",
        },
        Signal { name: "sentences", kind: SignalType::Int, about: "sentences scored" },
        Signal {
            name: "labels",
            kind: SignalType::Text,
            about: "greatest probability of each other label of the model, `insult:0.913 threat:0.034`",
        },
        Signal {
            name: "bad_words",
            kind: SignalType::Int,
            about: "places where a listed word stands; null without a list",
        },
        Signal { name: "bad_word", kind: SignalType::Text, about: "the first of them" },
    ];
    const REASONS: &'static [Reason] = &[TOXIC, TOXIC_SENTENCES, BAD_WORDS];
    const EDITS: bool = true;
    const OWN_ACTION: bool = true;
    const COST: u32 = 25_000;
    const THRESHOLDS: &'static [&'static str] = &["max_score", "max_toxic_share", "max_bad_words"];

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        Some(self.decide(Measured {
            score: signals.number("score"),
            share: signals.number("toxic_share"),
            bad_words: signals.int("bad_words"),
        }))
    }

    fn assets(&self) -> Vec<(&'static str, &Path)> {
        let models = self.models.values().map(|path| ("models", path.as_path()));
        models.chain(self.lists.values().map(|path| ("lists", path.as_path()))).collect()
    }

    fn resolve_paths(&mut self, base: &Path) {
        for path in self.models.values_mut().chain(self.lists.values_mut()) {
            *path = resolved(base, std::mem::take(path));
        }
        // Where none is given the shipped ones are meant; `build` says what is missing.
        if self.models.is_empty() {
            let found = SHIPPED
                .iter()
                .filter_map(|(language, name)| Some(((*language).to_owned(), shipped(name).ok()?)));
            self.models = found.collect();
        }
        if self.lists.is_empty() {
            let found = LANGUAGES
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), shipped_in("badwords", name).ok()?)));
            self.lists = found.collect();
        }
    }

    fn conditions(&self) -> Vec<&str> {
        match (&self.language, &self.default_language) {
            (Some(language), _) => vec![language],
            (None, None) => vec!["language"],
            // Whether there is such a column is not known here.
            (None, Some(_)) => Vec::new(),
        }
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        check_ratio("max_score", self.max_score)?;
        check_ratio("max_sentence_score", self.max_sentence_score)?;
        check_ratio("max_toxic_share", self.max_toxic_share.unwrap_or(0.0))?;
        if self.models.is_empty() {
            shipped(SHIPPED[0].1)?;
        }
        let column = self.language_column(context)?;
        let mut by_language: BTreeMap<String, Scorers> = BTreeMap::new();
        for (language, path) in &self.models {
            let classifier = context.assets.classifier(path)?;
            let Some(toxic) = classifier.label(&self.label) else {
                let known: Vec<_> =
                    classifier.labels().iter().map(|label| label.name.as_str()).collect();
                return Err(OpError::Setting {
                    key: "label",
                    reason: format!(
                        "`{}` has no label `{}`; there are: {}",
                        path.display(),
                        self.label,
                        known.join(", ")
                    ),
                });
            };
            let model = Some(LabelScorer { classifier, toxic });
            by_language.entry(language.clone()).or_default().model = model;
        }
        for (language, path) in &self.lists {
            let words = Self::words(path, language)?;
            by_language.entry(language.clone()).or_default().words = Some(words);
        }
        Ok(Op::Document(Box::new(scorer::Scan { settings: self.clone(), column, by_language })))
    }
}
