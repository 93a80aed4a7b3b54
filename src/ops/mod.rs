//! Ops: what a stage of a pipeline can run.
//!
//! There are three kinds. A [`DocumentOp`] looks at one document at a time; a [`PartitionOp`] at
//! the columns of many; an [`ExchangeOp`] needs documents of all tasks to meet. Adding an op is one
//! file (settings with their documentation, code, tests) and one line in [`OPS`]: the checks, the
//! JSON schema, `tamis ops` and the planner all read that table.

mod boilerplate_lines;
mod c4_badwords;
mod c4_paragraph;
mod c4_quality;
mod compression_ratio;
pub(crate) mod decontaminate;
mod dialect;
mod exact_dedup;
mod exchange;
mod expression;
mod extract_html;
mod fineweb_quality;
mod fix_text;
mod gopher_quality;
mod gopher_repetition;
mod join;
mod language;
mod length;
mod line_filter;
mod line_modify;
mod lines;
mod minhash_dedup;
mod ngram_repetition;
mod normalize;
mod paragraph_dedup;
mod perplexity;
mod phrase;
mod pii;
mod quality;
mod quantile;
mod sample;
mod set;
mod settings;
mod spread;
mod stop_words;
mod substring_dedup;
mod symbol_ratio;
#[cfg(test)]
mod testing;
mod torchscript;
mod toxicity;
mod url_filter;
mod r#where;
mod word_list;
mod word_removal_ratio;

use crate::document::{Batch, DocumentId, Reason, SignalColumn, SignalType, SignalValue};
use crate::exchange::ExchangeError;
use crate::model::AssetError;
use crate::text::Analysis;

pub use self::exchange::{
    Clusters, Concluded, Entry, ExchangeOp, Figures, IndexAction, Keep, MeetTask, Membership,
    Outbox, PLACE_BYTES, Participants, Place, Ranking, Recalled, Scope, Step, Target, key_place,
    place,
};
pub use self::expression::{Condition, Expression, Source as ColumnSource};
pub(crate) use self::expression::{resolve as resolve_column, rewrite as rewrite_sql};
pub use self::join::{JoinOn, JoinOp, key_hash};
pub use self::settings::{
    AnySettings, BuildContext, Columns, OpEntry, OpKind, Settings, SignalLookup,
};

/// Every op there is, in the order `tamis ops` lists them.
pub static OPS: &[OpEntry] = &[
    OpEntry::of::<extract_html::ExtractHtml>(),
    OpEntry::of::<url_filter::UrlFilter>(),
    OpEntry::of::<language::Language>(),
    OpEntry::of::<gopher_quality::GopherQuality>(),
    OpEntry::of::<gopher_repetition::GopherRepetition>(),
    OpEntry::of::<c4_quality::C4Quality>(),
    OpEntry::of::<c4_paragraph::C4Paragraph>(),
    OpEntry::of::<c4_badwords::C4Badwords>(),
    OpEntry::of::<fineweb_quality::FinewebQuality>(),
    OpEntry::of::<boilerplate_lines::BoilerplateLines>(),
    OpEntry::of::<line_filter::LineFilter>(),
    OpEntry::of::<line_modify::LineModify>(),
    OpEntry::of::<word_removal_ratio::WordRemovalRatio>(),
    OpEntry::of::<ngram_repetition::NgramRepetition>(),
    OpEntry::of::<length::Length>(),
    OpEntry::of::<stop_words::StopWords>(),
    OpEntry::of::<symbol_ratio::SymbolRatio>(),
    OpEntry::of::<compression_ratio::CompressionRatio>(),
    OpEntry::of::<quality::Quality>(),
    OpEntry::of::<toxicity::Toxicity>(),
    OpEntry::of::<fix_text::FixText>(),
    OpEntry::of::<normalize::Normalize>(),
    OpEntry::of::<pii::Pii>(),
    OpEntry::of::<sample::Sample>(),
    OpEntry::of::<set::Set>(),
    OpEntry::of::<r#where::Where>(),
    OpEntry::of::<exact_dedup::ExactDedup>(),
    OpEntry::of::<minhash_dedup::MinhashDedup>(),
    OpEntry::of::<paragraph_dedup::ParagraphDedup>(),
    OpEntry::of::<substring_dedup::SubstringDedup>(),
    OpEntry::of::<decontaminate::Decontaminate>(),
    OpEntry::of::<perplexity::Perplexity>(),
    OpEntry::of::<torchscript::Torchscript>(),
    OpEntry::of::<quantile::Quantile>(),
    OpEntry::of::<join::Join>(),
];

/// Finds an op by the name used in `op = "…"`.
#[must_use]
pub fn find(name: &str) -> Option<&'static OpEntry> {
    OPS.iter().find(|entry| entry.name == name)
}

/// Why an op could not be built or run.
#[derive(Debug, thiserror::Error)]
pub enum OpError {
    /// A setting has a value that cannot work.
    #[error("{key}: {reason}")]
    Setting {
        /// The setting's key.
        key: &'static str,
        /// What is wrong and what to write instead.
        reason: String,
    },
    /// A model or list could not be loaded.
    #[error(transparent)]
    Asset(#[from] AssetError),
    /// Records of an exchange could not be read or written.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// SQL failed while it ran.
    #[error("the SQL `{sql}` failed: {reason}")]
    Sql {
        /// The SQL as written.
        sql: String,
        /// What the SQL engine said.
        reason: String,
    },
}

impl OpError {
    /// Records of an exchange are not what the op wrote.
    #[must_use]
    pub fn damaged(detail: &'static str) -> Self {
        Self::Exchange(ExchangeError::Damaged { path: "records".to_owned(), detail })
    }
}

/// What one op decides about one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Let it pass.
    Keep,
    /// Take it out.
    Drop(Reason),
}

/// One document as an op sees it.
#[derive(Clone, Copy)]
pub struct Document<'a> {
    /// The text.
    pub text: &'a str,
    /// Words, lines, … of the text, computed once and shared by all ops.
    pub analysis: &'a Analysis,
    /// The record's address, where the input has one.
    pub url: Option<&'a str>,
    /// Identity, which keys all randomness.
    pub id: DocumentId,
}

/// What an op says of one document beside its decision: signals, by their index in the op's list
/// of signals, and a new text where it edits.
#[derive(Default)]
pub struct Row<'a> {
    values: Vec<Option<SignalValue<'a>>>,
    /// New texts of all rows of the batch, one behind the other.
    texts: String,
    /// Where this row's new text begins, once it has one.
    start: Option<usize>,
}

impl<'a> Row<'a> {
    /// A row with room for `signals` signals.
    #[must_use]
    pub fn new(signals: usize) -> Self {
        Self { values: vec![None; signals], texts: String::new(), start: None }
    }

    /// Sets an integer signal.
    pub fn int(&mut self, index: usize, value: i64) {
        self.values[index] = Some(SignalValue::Int(value));
    }

    /// Sets an integer signal from a count.
    pub fn count(&mut self, index: usize, value: usize) {
        self.int(index, i64::try_from(value).unwrap_or(i64::MAX));
    }

    /// Sets a float signal.
    pub fn float(&mut self, index: usize, value: f64) {
        self.values[index] = Some(SignalValue::Float(value));
    }

    /// Sets a text signal to a part of the document or of the op.
    pub fn text(&mut self, index: usize, value: &'a str) {
        self.values[index] = Some(SignalValue::Text(value));
    }

    /// Sets a text signal to a text made for this document.
    pub fn owned_text(&mut self, index: usize, value: String) {
        self.values[index] = Some(SignalValue::OwnedText(value));
    }

    /// Appends to the document's new text, which replaces the text for the stages behind. An op
    /// that calls this once for a document has to append all of the new text.
    pub fn push_text(&mut self, piece: &str) {
        self.begin_text();
        self.texts.push_str(piece);
    }

    /// Makes the new text empty so far; for an op that may have nothing to append.
    pub fn begin_text(&mut self) {
        self.start.get_or_insert(self.texts.len());
    }

    /// The values set so far, by index.
    #[must_use]
    pub fn values(&self) -> &[Option<SignalValue<'a>>] {
        &self.values
    }

    /// The document's new text, where the op gave one.
    #[must_use]
    pub fn new_text(&self) -> Option<&str> {
        self.start.map(|start| &self.texts[start..])
    }

    fn clear(&mut self) {
        self.values.fill(None);
        self.start = None;
    }
}

/// New texts for some rows of a batch.
#[derive(Debug, Default)]
pub struct Edits {
    /// The texts, one behind the other.
    pub texts: String,
    /// Rows, in order, with their range of `texts`.
    pub rows: Vec<(usize, std::ops::Range<usize>)>,
}

/// What an op did to the rows it was shown.
#[derive(Debug, Default)]
pub struct Outcome {
    /// One decision per row shown.
    pub decisions: Vec<Decision>,
    /// New texts.
    pub edits: Edits,
}

/// An op that looks at one document at a time.
pub trait DocumentOp: Send + Sync + 'static {
    /// Buffers kept from document to document, one set per batch.
    type Scratch: Default;

    /// Decides about one document, sets its signals and, for an op with [`Settings::EDITS`], its
    /// new text.
    fn document<'a>(
        &'a self,
        document: Document<'a>,
        scratch: &mut Self::Scratch,
        row: &mut Row<'a>,
    ) -> Decision;
}

/// An op that looks at the columns of a batch at once.
pub trait PartitionOp: Send + Sync + 'static {
    /// Decides about the rows of `rows` (the ones still kept and in the stage's scope), in order.
    ///
    /// # Errors
    /// When it cannot decide; the task fails, no document is lost.
    fn partition(
        &self,
        batch: &Batch,
        rows: &[usize],
        signals: &mut [SignalColumn],
    ) -> Result<Vec<Decision>, OpError>;
}

/// A [`DocumentOp`] with its scratch type hidden: one virtual call per batch, static calls inside.
pub trait ErasedDocumentOp: Send + Sync {
    /// Runs over `rows`; appends one value per signal column and batch row.
    fn run(
        &self,
        batch: &Batch,
        rows: &[usize],
        url: Option<usize>,
        signals: &mut [SignalColumn],
    ) -> Outcome;
}

impl<T: DocumentOp> ErasedDocumentOp for T {
    fn run(
        &self,
        batch: &Batch,
        rows: &[usize],
        url: Option<usize>,
        signals: &mut [SignalColumn],
    ) -> Outcome {
        let mut scratch = T::Scratch::default();
        let mut row = Row::new(signals.len());
        let mut outcome = Outcome::default();
        outcome.decisions.reserve(rows.len());
        let mut filled = 0;
        for &index in rows {
            pad(signals, index - filled);
            row.clear();
            let decision = self.document(document(batch, index, url), &mut scratch, &mut row);
            outcome.decisions.push(decision);
            for (column, value) in signals.iter_mut().zip(&row.values) {
                column.push(value.as_ref());
            }
            if let Some(start) = row.start {
                outcome.edits.rows.push((index, start..row.texts.len()));
            }
            filled = index + 1;
        }
        pad(signals, batch.len() - filled);
        outcome.edits.texts = row.texts;
        outcome
    }
}

/// Appends `count` nulls to each column, for rows an op does not see.
fn pad(signals: &mut [SignalColumn], count: usize) {
    for column in signals {
        for _ in 0..count {
            column.push(None);
        }
    }
}

/// The view of one row that document and exchange ops get.
#[must_use]
pub fn document(batch: &Batch, row: usize, url: Option<usize>) -> Document<'_> {
    use arrow::array::Array;
    let url = url
        .map(|column| &batch.metadata[column])
        .filter(|column| column.is_valid(row))
        .map(|column| column.value(row));
    Document { text: batch.text(row), analysis: &batch.analyses[row], url, id: batch.ids[row] }
}

/// A built op, ready to run.
pub enum Op {
    /// Looks at one document at a time.
    Document(Box<dyn ErasedDocumentOp>),
    /// Looks at columns.
    Partition(Box<dyn PartitionOp>),
    /// Needs an exchange.
    Exchange(Box<dyn ExchangeOp>),
    /// Meets the rows of external files.
    Join(JoinOp),
}

#[cfg(test)]
mod tests {
    use schemars::SchemaGenerator;

    use super::*;

    #[test]
    fn names_are_unique_and_every_op_is_documented() {
        let mut names: Vec<&str> = OPS.iter().map(|op| op.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), OPS.len());
        for op in OPS {
            let schema = (op.schema)(&mut SchemaGenerator::default()).to_value();
            assert!(
                schema["description"].as_str().is_some_and(|text| text.len() > 60),
                "{}",
                op.name
            );
            for (key, setting) in schema["properties"].as_object().into_iter().flatten() {
                let text = setting["description"].as_str().or(setting["$ref"].as_str());
                assert!(text.is_some(), "{}.{key} has no description", op.name);
            }
            for threshold in op.thresholds {
                assert!(!schema["properties"][threshold].is_null(), "{}.{threshold}", op.name);
            }
        }
    }

    /// Words are split once a document, whatever looks at them.
    #[test]
    fn no_op_splits_words_for_itself() {
        let text = "The quick brown fox and the lazy dog have to walk with care. ".repeat(9);
        let ops = [
            ("gopher-quality", ""),
            ("gopher-repetition", ""),
            ("fineweb-quality", ""),
            ("c4-quality", "min_sentences = 0"),
            ("line-filter", ""),
            ("line-modify", ""),
            ("ngram-repetition", ""),
            ("length", ""),
            ("stop-words", "list = [\"the\", \"and\"]"),
            ("symbol-ratio", ""),
        ];
        let batch = testing::batch(&text, None);
        let splits = ops.map(|(name, toml)| testing::splits(name, toml, &batch));
        assert_eq!(splits, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0], "one document is split once");
        // Nor is there a call that would do it unseen.
        let splitters =
            ["unicode_words", "unicode_word_indices", "split_word_bound", "uax29::words"];
        for entry in walk(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/ops"))) {
            #[expect(clippy::disallowed_methods, reason = "the test reads the source")]
            let source = std::fs::read_to_string(&entry).unwrap();
            let tests = entry.ends_with("mod.rs") || entry.ends_with("tests.rs");
            for splitter in splitters {
                assert!(tests || !source.contains(splitter), "{splitter} in {}", entry.display());
            }
        }
    }

    fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
    }
}
