//! Scores documents window by window and puts the numbers together.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};

use super::windows::windows;
use super::{Action, Measured, Toxicity};
use crate::document::{Batch, SignalColumn, SignalValue};
use crate::model::classifier::{Classifier, Evidence, Scratch};
use crate::ops::word_list::{Words, joins};
use crate::ops::{ColumnSource, Decision, ErasedDocumentOp, Outcome};

/// The op: it needs the batch, since the language of a document is a column.
pub(super) struct Scan {
    pub settings: Toxicity,
    /// Where the language stands; without one `default_language` holds for all.
    pub column: Option<ColumnSource>,
    pub by_language: BTreeMap<String, Scorers>,
}

/// What there is for a language.
#[derive(Default)]
pub(super) struct Scorers {
    pub model: Option<LabelScorer>,
    pub words: Option<Words>,
}

/// A classifier and the index of its label that is scored.
pub(super) struct LabelScorer {
    pub classifier: Arc<Classifier>,
    pub toxic: usize,
}

#[derive(Default)]
struct Buffers {
    scratch: Scratch,
    windows: Vec<Range<usize>>,
    scores: Vec<f64>,
    /// Greatest probability of each label.
    most: Vec<f64>,
}

/// Words and n-grams that a document counts as at most: about those of two windows of the longest kind.
/// Far beyond the lengths it was fitted to, a model would become certain of whatever little it makes of
/// a text (it took each German novel for toxic).
const MOST_PARTS: usize = 2_000;

/// The signals about sentences.
#[derive(Debug, Clone, Copy)]
struct Summary {
    score: f64,
    max: f64,
    mean: f64,
    share: f64,
}

impl LabelScorer {
    /// Fills `windows` with the pieces of `text` that the model says something about, and `scores`
    /// with their probabilities; that of all of them together is returned.
    fn score(&self, text: &str, buffers: &mut Buffers) -> f64 {
        let Buffers { scratch, windows: pieces, scores, most } = buffers;
        let mut evidence = Evidence::default();
        windows(text, pieces);
        scores.clear();
        most.clear();
        most.resize(self.classifier.labels().len(), 0.0);
        pieces.retain(|piece| {
            let Some(found) = self.classifier.score(&text[piece.clone()], scratch) else {
                return false;
            };
            for (most, score) in most.iter_mut().zip(found) {
                *most = most.max(*score);
            }
            // The fastText tool's own scores go up to 1.00001.
            scores.push(found[self.toxic].min(1.0));
            evidence += self.classifier.evidence(self.toxic, scratch);
            true
        });
        self.classifier.together(self.toxic, evidence, MOST_PARTS).min(1.0)
    }

    /// Greatest probabilities of the other labels, `insult:0.913 threat:0.034`; of a model with two
    /// labels the other one says nothing new.
    fn others(&self, most: &[f64]) -> Option<String> {
        let labels = self.classifier.labels();
        if labels.len() < 3 {
            return None;
        }
        let mut list = String::new();
        for (index, (label, most)) in labels.iter().zip(most).enumerate() {
            if index != self.toxic {
                let space = if list.is_empty() { "" } else { " " };
                // Writing to a string cannot fail.
                let _ = write!(list, "{space}{}:{:.3}", label.name, most.min(1.0));
            }
        }
        Some(list)
    }
}

/// What the scores of windows come to; `None` where there are none.
#[expect(clippy::cast_precision_loss, reason = "windows are far fewer than 2^52")]
fn summary(score: f64, scores: &[f64], limit: f64) -> Option<Summary> {
    if scores.is_empty() {
        return None;
    }
    let toxic = scores.iter().filter(|score| **score > limit).count();
    Some(Summary {
        score,
        max: scores.iter().copied().fold(0.0, f64::max),
        mean: scores.iter().sum::<f64>() / scores.len() as f64,
        share: toxic as f64 / scores.len() as f64,
    })
}

impl Scan {
    /// The language of a row, as the column says it.
    fn language<'b>(&'b self, languages: Option<&'b ArrayRef>, row: usize) -> Option<&'b str> {
        let named = languages.filter(|values| values.is_valid(row));
        let named = named.map(|values| values.as_string::<i32>().value(row));
        named.or(self.settings.default_language.as_deref())
    }

    /// Decides about one text; appends to `edited` what is left of it where something is taken out.
    fn document<'t>(
        &self,
        text: &'t str,
        language: Option<&str>,
        buffers: &mut Buffers,
        row: &mut [Option<SignalValue<'t>>; 8],
        edited: &mut String,
    ) -> Decision {
        let mut measured = Measured::default();
        let scorers = language.and_then(|language| self.by_language.get(language));
        if let Some(model) = scorers.and_then(|scorers| scorers.model.as_ref()) {
            let score = model.score(text, buffers);
            let Buffers { windows, scores, most, .. } = buffers;
            let limit = self.settings.max_sentence_score;
            row[4] = Some(count(scores.len()));
            if let Some(found) = summary(score, scores, limit) {
                (measured.score, measured.share) = (Some(found.score), Some(found.share));
                row[0] = Some(SignalValue::Float(found.score));
                row[1] = Some(SignalValue::Float(found.max));
                row[2] = Some(SignalValue::Float(found.mean));
                row[3] = Some(SignalValue::Float(found.share));
                row[5] = model.others(most).map(SignalValue::OwnedText);
                if self.settings.action == Action::RemoveSentences && found.share > 0.0 {
                    let mut kept = 0;
                    for (window, score) in windows.iter().zip(scores) {
                        if *score > limit {
                            edited.push_str(&text[kept..window.start]);
                            kept = window.end;
                        }
                    }
                    edited.push_str(&text[kept..]);
                }
            }
        }
        if let Some(words) = scorers.and_then(|scorers| scorers.words.as_ref()) {
            let found = words.find(text, joins);
            measured.bad_words = Some(i64::try_from(found.hits).unwrap_or(i64::MAX));
            row[6] = Some(count(found.hits));
            row[7] = found.first.map(|first| match first {
                Cow::Borrowed(first) => SignalValue::Text(first),
                Cow::Owned(first) => SignalValue::OwnedText(first),
            });
        }
        self.settings.decide(measured)
    }
}

fn count<'t>(count: usize) -> SignalValue<'t> {
    SignalValue::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

impl ErasedDocumentOp for Scan {
    fn run(
        &self,
        batch: &Batch,
        rows: &[usize],
        _url: Option<usize>,
        signals: &mut [SignalColumn],
    ) -> Outcome {
        let metadata = match self.column {
            Some(ColumnSource::Metadata(index)) => {
                Some(Arc::new(batch.metadata[index].clone()) as ArrayRef)
            }
            _ => None,
        };
        let languages = match self.column {
            Some(ColumnSource::Signal(index, _)) => Some(&batch.signals[index]),
            _ => metadata.as_ref(),
        };
        let mut buffers = Buffers::default();
        let mut outcome = Outcome::default();
        let mut wanted = rows.iter().peekable();
        for row in 0..batch.len() {
            let mut values = Default::default();
            if wanted.next_if(|at| **at == row).is_some() {
                let start = outcome.edits.texts.len();
                let language = self.language(languages, row);
                let texts = &mut outcome.edits.texts;
                let text = batch.text(row);
                let decision = self.document(text, language, &mut buffers, &mut values, texts);
                outcome.decisions.push(decision);
                // What is taken out is never empty, so an edit makes the text shorter.
                let removed = matches!(values[3], Some(SignalValue::Float(share)) if share > 0.0)
                    && self.settings.action == Action::RemoveSentences;
                if removed {
                    outcome.edits.rows.push((row, start..outcome.edits.texts.len()));
                }
            }
            for (column, value) in signals.iter_mut().zip(&values) {
                column.push(value.as_ref());
            }
        }
        outcome
    }
}
