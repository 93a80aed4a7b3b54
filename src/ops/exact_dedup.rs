//! `exact-dedup`: one copy of each text.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::{
    BuildContext, Clusters, Columns, Concluded, Decision, Document, Entry, ExchangeOp, Expression,
    IndexAction, Keep, MeetTask, Membership, Op, OpError, OpKind, Outbox, Participants, Ranking,
    Recalled, Scope, Settings, Step, Target,
};
use crate::document::{Reason, Signal, SignalColumn, SignalType, SignalValue};
use crate::exchange::KEY_BYTES;
use crate::store::resolved;
use crate::text::WordKind;

/// Drops every document whose text (or URL, or anything SQL can name) another document already has.
///
/// Documents meet by the 128-bit [xxh3](https://xxhash.com) of their key, over all sources and
/// files. The first in document order survives, unless `keep` says otherwise: source order in the
/// file, then path, then record. At 10¹² documents the chance that any two different keys collide is
/// about 10⁻¹⁵. With `action = "annotate"` nothing is dropped, and `cluster` and `copies` say what
/// belongs together, for keeping counts or rehydration.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExactDedup {
    /// What must be equal: `text`, byte for byte; `normalized-text`, the words of the text
    /// ([UAX #29](https://www.unicode.org/reports/tr29/)) in lower case, whatever stands between them
    /// (texts without a word are all alike);
    /// else a kept field, a signal, or SQL over them, such as `url` or `LOWER(title)`. Documents where
    /// that is null are all kept.
    pub by: String,
    /// Which document of several is kept: `"first"`, `"last"`, `{ highest = "SQL" }`,
    /// `{ lowest = "SQL" }`.
    pub keep: Keep,
    /// Which documents can be duplicates of each other.
    pub scope: Scope,
    /// Sources whose documents are never dropped, whichever copy is kept beside them.
    pub exempt: Vec<String>,
    /// The share of its documents that a source or a language may lose before the summary warns.
    pub alarm: f64,
    /// A folder or URL with the keys of earlier runs, to which this run adds its own at the end, at
    /// once: a run that fails leaves it as it was. Runs with one index share `by` and `scope`. A run
    /// that is started again does not meet what it added itself. Crawl after crawl with `index_action
    /// = "drop"` keeps what one run over all of them would keep, sources in the order of the crawls;
    /// `copies` counts what was seen so far (once for each earlier run).
    pub index: Option<String>,
    /// What happens to documents that an earlier run has, too.
    /// ([FineWeb](https://arxiv.org/abs/2406.17557) found that dropping them does not help.)
    pub index_action: IndexAction,
}

impl Default for ExactDedup {
    fn default() -> Self {
        Self {
            by: "text".to_owned(),
            keep: Keep::First,
            scope: Scope::Run,
            exempt: Vec::new(),
            alarm: 0.5,
            index: None,
            index_action: IndexAction::Annotate,
        }
    }
}

const DUPLICATE: Reason = Reason::new("duplicate");
const KNOWN: Reason = Reason::new("known-duplicate");

impl Settings for ExactDedup {
    const NAME: &'static str = "exact-dedup";
    const VERSION: u32 = 2;
    const KIND: OpKind = OpKind::Exchange;
    const SIGNALS: &'static [Signal] = &[
        Signal {
            name: "cluster",
            kind: SignalType::Text,
            about: "key that several documents share, in hexadecimal; null where it is the only one",
        },
        Signal {
            name: "copies",
            kind: SignalType::Int,
            about: "documents with the key, this one included; null where there is no key",
        },
        Signal {
            name: "known",
            kind: SignalType::Int,
            about: "1 where an earlier run has the key, else 0; null without an index",
        },
    ];
    const REASONS: &'static [Reason] = &[DUPLICATE, KNOWN];

    fn steps(&self) -> &'static [Step] {
        &[Step::Send, Step::Meet(Target::Documents)]
    }

    fn index(&self) -> Option<(PathBuf, serde_json::Value)> {
        let shared = serde_json::json!({ "by": self.by, "scope": self.scope });
        self.index.as_ref().map(|index| (PathBuf::from(index), shared))
    }

    fn resolve_paths(&mut self, base: &Path) {
        self.index = self.index.take().map(|index| resolved(base, index).display().to_string());
    }

    fn alarm(&self) -> Option<f64> {
        Some(self.alarm)
    }

    fn conditions(&self) -> Vec<&str> {
        let by = Some(self.by.as_str()).filter(|by| !matches!(*by, "text" | "normalized-text"));
        by.into_iter().chain(self.keep.sql()).collect()
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        let by = match self.by.as_str() {
            "text" => Key::Text,
            "normalized-text" => Key::Normalized,
            sql => Key::sql(sql, context.columns)?,
        };
        Ok(Op::Exchange(Box::new(Exact {
            by,
            keep: self.keep.build(context)?,
            scope: self.scope,
            exempt: context.exempt(&self.exempt)?,
            index: self.index.as_ref().map(|_| self.index_action),
        })))
    }
}

/// What is compared, ready to be hashed.
enum Key {
    Text,
    Normalized,
    Sql(Box<Expression>, SignalType),
}

impl Key {
    fn sql(sql: &str, columns: &Columns) -> Result<Self, OpError> {
        let wrong = |reason| OpError::Setting { key: "by", reason };
        if sql == "url" && !columns.metadata.iter().any(|field| field == "url") {
            return Err(wrong("no source keeps a `url`; add it to `keep_fields`".to_owned()));
        }
        let expression = Expression::compile(sql, columns).map_err(|error| {
            let error = error.to_string().replace("sql: ", "");
            wrong(format!("neither `text` nor `normalized-text` nor SQL that works: {error}"))
        })?;
        let kind = expression.signal_type()?;
        Ok(Self::Sql(Box::new(expression), kind))
    }
}

/// The op.
struct Exact {
    by: Key,
    keep: Ranking,
    scope: Scope,
    exempt: Vec<u32>,
    /// What happens to known documents, where there is an index.
    index: Option<IndexAction>,
}

impl Exact {
    /// The keys of the participants, one each.
    fn keys(&self, documents: &Participants<'_>) -> Result<Vec<Option<u128>>, OpError> {
        let mut buffer = String::new();
        Ok(match &self.by {
            Key::Text => {
                let key = |&row: &usize| Some(xxh3_128(documents.batch.text(row).as_bytes()));
                documents.rows.iter().map(key).collect()
            }
            Key::Normalized => documents
                .rows
                .iter()
                .map(|&row| {
                    normalize(documents.document(row), &mut buffer);
                    Some(xxh3_128(buffer.as_bytes()))
                })
                .collect(),
            Key::Sql(expression, kind) => {
                let mut column = SignalColumn::new(*kind, documents.batch.len());
                expression.fill(documents.batch, documents.rows, &mut column)?;
                hashes(column, documents.rows)
            }
        })
    }
}

/// Hashes of the values at `rows`.
fn hashes(column: SignalColumn, rows: &[usize]) -> Vec<Option<u128>> {
    use arrow::array::Array;
    match column {
        SignalColumn::Int(values) => rows
            .iter()
            .map(|&row| values[row].map(|value| xxh3_128(&value.to_le_bytes())))
            .collect(),
        SignalColumn::Float(values) => {
            // 0 and -0 are one number.
            let hash = |value: f64| xxh3_128(&(value + 0.0).to_bits().to_le_bytes());
            rows.iter().map(|&row| values[row].map(hash)).collect()
        }
        SignalColumn::Text(mut values) => {
            let values = values.finish();
            let hash =
                |&row: &usize| values.is_valid(row).then(|| xxh3_128(values.value(row).as_bytes()));
            rows.iter().map(hash).collect()
        }
    }
}

/// The words of a document in lower case, a space between.
fn normalize(document: Document<'_>, buffer: &mut String) {
    buffer.clear();
    for word in document.analysis.words(document.text, WordKind::Unicode) {
        if !buffer.is_empty() {
            buffer.push(' ');
        }
        let word = word.of(document.text);
        if word.is_ascii() {
            let start = buffer.len();
            buffer.push_str(word);
            buffer[start..].make_ascii_lowercase();
        } else {
            buffer.extend(word.chars().flat_map(char::to_lowercase));
        }
    }
}

impl ExchangeOp for Exact {
    fn send(
        &self,
        _step: usize,
        documents: &Participants<'_>,
        out: &mut Outbox,
    ) -> Result<(), OpError> {
        let keys = self.keys(documents)?;
        let ranks = self.keep.ranks(documents)?;
        let salt = self.scope.salt(documents);
        for ((&row, key), rank) in documents.rows.iter().zip(keys).zip(ranks) {
            let Some(hash) = key else { continue };
            let mut record = [0; KEY_BYTES];
            record[..16].copy_from_slice(&(hash ^ salt).to_be_bytes());
            record[16..].copy_from_slice(&documents.place(row)?);
            out.push(record, &Entry { rank, ..Entry::default() }.encode());
        }
        Ok(())
    }

    fn meet(&self, _step: usize, task: &mut MeetTask<'_>) -> Result<(), OpError> {
        Clusters::meet(task)
    }

    fn conclude(
        &self,
        documents: &Participants<'_>,
        signals: &mut [SignalColumn],
    ) -> Result<Concluded, OpError> {
        let exempt = self.exempt.contains(&documents.source);
        // A document without a key has no copies, not one.
        let keyed = self.keys_known(documents)?;
        let decide = |member: &Membership| match self.index.unwrap_or_default() {
            _ if exempt => Decision::Keep,
            action => action.decide(member, DUPLICATE, KNOWN),
        };
        let known = |member: Option<&Membership>| {
            let known = member.is_some_and(|member| member.known);
            [self.index.map(|_| SignalValue::Int(i64::from(known)))]
        };
        Ok(Membership::conclude(documents, signals, keyed.as_deref(), decide, known))
    }

    fn remember(&self, documents: &Participants<'_>) -> Result<Vec<Vec<u8>>, OpError> {
        let salt = self.scope.salt(documents);
        let keys = documents.rows.iter().zip(self.keys(documents)?);
        let new = |(&row, key): (&usize, Option<u128>)| {
            let member = Membership::of(documents, row);
            let new = member.is_none_or(|member| member.survives && !member.known);
            key.filter(|_| new).map(|key| (key ^ salt).to_be_bytes().to_vec())
        };
        Ok(keys.filter_map(new).collect())
    }

    fn recall(
        &self,
        _step: usize,
        document: Recalled<'_>,
        out: &mut Outbox,
    ) -> Result<(), OpError> {
        let hash = <[u8; 16]>::try_from(document.bytes)
            .map_err(|_| OpError::damaged("a key in the index of another length"))?;
        let mut record = [0; KEY_BYTES];
        record[..16].copy_from_slice(&hash);
        record[16..].copy_from_slice(&document.place);
        out.push(record, &Entry { known: true, ..Entry::default() }.encode());
        Ok(())
    }
}

impl Exact {
    /// Which participants have a key, where not all have one.
    fn keys_known(&self, documents: &Participants<'_>) -> Result<Option<Vec<bool>>, OpError> {
        let Key::Sql(..) = self.by else { return Ok(None) };
        Ok(Some(self.keys(documents)?.iter().map(Option::is_some).collect()))
    }
}
