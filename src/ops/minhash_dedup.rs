//! `minhash-dedup`: one of each group of near duplicates.

mod anchors;
mod bands;
mod datatrove;
mod jaccard;
mod nominate;
mod remembered;
mod signature;
mod signer;
mod verify;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::bands::Bands;
use self::jaccard::Measure;
use self::signer::Signer;
use super::dialect::DatatroveDialect;
use super::{
    BuildContext, Clusters, Concluded, Decision, ExchangeOp, IndexAction, Keep, MeetTask,
    Membership, Op, OpError, OpKind, Outbox, Participants, Ranking, Recalled, Scope, Settings,
    Step, Target,
};
use crate::document::{Reason, Signal, SignalColumn, SignalType, SignalValue};
use crate::store::resolved;

/// Drops near duplicates: documents that share most of their word 5-grams with one that is kept.
///
/// [MinHash](https://en.wikipedia.org/wiki/MinHash) signatures cut into bands *nominate* pairs (see
/// Leskovec, Rajaraman, Ullman, [Mining of Massive Datasets](http://www.mmds.org/), chapter 3), as in
/// [FineWeb](https://arxiv.org/abs/2406.17557) or [Dolma](https://arxiv.org/abs/2402.00159). What is
/// nominated is then *verified*: chance matches and long chains of ever less similar documents would
/// else take out what is no duplicate.
///
/// 1. Words ([UAX #29](https://www.unicode.org/reports/tr29/), lower case) give n-grams, these give
///    32-bit hashes, these a signature of `bands × rows` minima. Without `bands` and `rows`, the cut
///    is the one with the most rows within 128 hashes that nominates 99 % of the pairs at `threshold`
///    (16 × 6 for 0.8); `tamis explain` shows it.
/// 2. Documents with an equal band are nominated; connected components of nominations say which
///    documents have to be looked at together, and no more than that.
/// 3. In each component, in the order of survival (`keep`), a document joins the first of at most
///    `max_comparisons` *anchors* (documents that joined none) whose n-grams are alike enough, else it
///    becomes an anchor itself. Anchors that share the most bands with it are compared first, then
///    those that survive earlier. Anchors are kept, the others dropped.
///
/// So a dropped document is always like a kept one, by exact similarity of n-gram sets (of 32-bit
/// hashes: among 10,000 distinct n-grams, 0.02 are taken for others). Documents without a word are
/// not looked at. The result does not depend on the number of machines, threads or files read at a
/// time. A pair exactly at the threshold counts as alike.
///
/// With `verify = false` whole components are clusters, as in datatrove, Dolma or NeMo Curator, and
/// one document of each is kept. `dialect = "datatrove"` makes the signatures of
/// [datatrove](https://github.com/huggingface/datatrove) 0.10.1 for English, bit for bit; with
/// `verify = false` the clusters are its own. Its cut is 14 × 8 unless told otherwise.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct MinhashDedup {
    /// Whose signatures.
    pub dialect: DatatroveDialect,
    /// What datatrove's dialect hashes n-grams with; FineWeb's is `sha1-64`.
    pub hash: NgramHash,
    /// Similarity from which documents are duplicates, 0 to 1.
    pub threshold: f64,
    /// What n-grams are made of.
    pub unit: Unit,
    /// Words (or characters) of an n-gram. A shorter text is one n-gram.
    pub ngram: usize,
    /// Bands of the signature; chosen by `threshold` where neither this nor `rows` is given.
    pub bands: Option<usize>,
    /// Rows of a band.
    pub rows: Option<usize>,
    /// Whether nominated documents are compared. Without, chance and chains decide.
    pub verify: bool,
    /// What is compared with `threshold`: `jaccard`, n-grams in common as a share of those of both, or
    /// `containment`, as a share of those of the shorter document.
    pub measure: Measure,
    /// Anchors that a document is compared with, at most.
    pub max_comparisons: usize,
    /// Anchors that one component may have. Documents beyond it that are like none of them are kept,
    /// but no others are compared with them; the summary counts them as `beyond_max_cluster`. An
    /// anchor takes about 800 bytes beside `memory_limit` while its component is looked at (16 bands),
    /// its n-grams go to a file where they do not fit.
    pub max_cluster: usize,
    /// Which document of several is kept: `"first"`, `"last"`, `{ highest = "SQL" }`,
    /// `{ lowest = "SQL" }`.
    pub keep: Keep,
    /// Which documents can be duplicates of each other.
    pub scope: Scope,
    /// Sources whose documents are never dropped, whichever copy is kept beside them.
    pub exempt: Vec<String>,
    /// The share of its documents that a source or a language may lose before the summary warns: a
    /// sign of templates that are taken for duplicates.
    pub alarm: f64,
    /// A folder or URL with the bands and n-grams of what earlier runs kept, to which this run adds
    /// its own at the end, at once: a run that fails leaves it as it was. Runs with one index share
    /// what decides about signatures (`unit`, `ngram`, `bands`, `rows`, `scope`), and need `verify`. A
    /// run that is started again does not meet what it added itself. Crawl after crawl with
    /// `index_action = "drop"` and `keep = "first"` keeps what one run over all of them would keep,
    /// sources in the order of the crawls, as long as no component goes beyond `max_cluster`; `copies`
    /// counts what was seen so far (once for each earlier run). It takes about as much room as the
    /// kept texts.
    pub index: Option<String>,
    /// What happens to documents that are like one of an earlier run.
    /// ([FineWeb](https://arxiv.org/abs/2406.17557) found that dropping them does not help.)
    pub index_action: IndexAction,
}

/// What datatrove hashes n-grams with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) enum NgramHash {
    /// 64 bits of xxHash, its default.
    #[serde(rename = "xxh64")]
    Xxh64,
    /// 32 bits of xxHash.
    #[serde(rename = "xxh32")]
    Xxh32,
    /// The first 64 bits of SHA-1.
    #[serde(rename = "sha1-64")]
    Sha64,
    /// The first 32 bits of SHA-1.
    #[serde(rename = "sha1-32")]
    Sha32,
}

impl NgramHash {
    fn parts(self) -> (datatrove::Hash, datatrove::Precision) {
        match self {
            Self::Xxh64 => (datatrove::Hash::Xxhash, datatrove::Precision::Bits64),
            Self::Xxh32 => (datatrove::Hash::Xxhash, datatrove::Precision::Bits32),
            Self::Sha64 => (datatrove::Hash::Sha1, datatrove::Precision::Bits64),
            Self::Sha32 => (datatrove::Hash::Sha1, datatrove::Precision::Bits32),
        }
    }
}

/// What n-grams are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unit {
    /// Words; an ideograph is a word each.
    Word,
    /// Characters, with one space for each run of white space.
    Char,
}

impl Default for MinhashDedup {
    fn default() -> Self {
        Self {
            dialect: DatatroveDialect::Tamis,
            hash: NgramHash::Xxh64,
            threshold: 0.8,
            unit: Unit::Word,
            ngram: 5,
            bands: None,
            rows: None,
            verify: true,
            measure: Measure::Jaccard,
            max_comparisons: 16,
            max_cluster: 100_000,
            keep: Keep::First,
            scope: Scope::Run,
            exempt: Vec::new(),
            alarm: 0.5,
            index: None,
            index_action: IndexAction::Annotate,
        }
    }
}

/// The longest signature that makes sense.
const MAX_HASHES: usize = 4096;

/// The longest signature that is chosen unasked.
const CHOSEN_HASHES: usize = 128;

const NEAR_DUPLICATE: Reason = Reason::new("near-duplicate");
const KNOWN: Reason = Reason::new("known-near-duplicate");

impl MinhashDedup {
    fn cut(&self) -> Result<Bands, OpError> {
        let wrong = |key, reason: &str| Err(OpError::Setting { key, reason: reason.to_owned() });
        if !(self.threshold > 0.0 && self.threshold <= 1.0) {
            return wrong("threshold", "a similarity above 0 and up to 1 is needed, such as 0.8");
        }
        let cut = match (self.bands, self.rows, self.dialect) {
            (Some(bands), Some(rows), _) => Bands { bands, rows },
            (None, None, DatatroveDialect::Datatrove) => Bands { bands: 14, rows: 8 },
            (None, None, DatatroveDialect::Tamis) => Bands::choose(self.threshold, CHOSEN_HASHES),
            (Some(_), None, _) => return wrong("bands", "`rows` is needed too"),
            (None, Some(_), _) => return wrong("rows", "`bands` is needed too"),
        };
        let fits = |number: usize| (1..=MAX_HASHES).contains(&number);
        if !fits(cut.bands) || !fits(cut.rows) || !fits(cut.hashes()) {
            return wrong("bands", "bands × rows has to be from 1 to 4096");
        }
        Ok(cut)
    }
}

impl Settings for MinhashDedup {
    const NAME: &'static str = "minhash-dedup";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Exchange;
    const SIGNALS: &'static [Signal] = &[
        Signal {
            name: "cluster",
            kind: SignalType::Text,
            about: "xxh3-128 of the text that is kept, for each document of a cluster of several",
        },
        Signal {
            name: "copies",
            kind: SignalType::Int,
            about: "documents in the cluster, this one included; 1 where it is alone",
        },
        Signal {
            name: "similarity",
            kind: SignalType::Float,
            about: "to the document that is kept, where it is another and `verify` is on",
        },
        Signal {
            name: "known",
            kind: SignalType::Int,
            about: "1 where an earlier run has one like it, else 0; null without an index",
        },
    ];
    const REASONS: &'static [Reason] = &[NEAR_DUPLICATE, KNOWN];

    fn steps(&self) -> &'static [Step] {
        &[
            Step::Send,
            Step::Meet(Target::One),
            Step::Meet(Target::Documents),
            Step::Send,
            Step::Meet(Target::Documents),
        ]
    }

    fn conditions(&self) -> Vec<&str> {
        self.keep.sql().into_iter().collect()
    }

    fn notes(&self) -> Vec<String> {
        let Ok(cut) = self.cut() else { return Vec::new() };
        let nomination = cut.nomination(self.threshold);
        let shares = nomination.at.map(|(at, share)| format!("{share:.3} at {at}"));
        vec![format!(
            "{} bands of {} rows nominate {:.3} of the pairs at {}; {}",
            cut.bands,
            cut.rows,
            nomination.at_threshold,
            self.threshold,
            shares.join(", ")
        )]
    }

    fn index(&self) -> Option<(PathBuf, serde_json::Value)> {
        let cut = self.cut().ok()?;
        let shared = serde_json::json!({
            "dialect": self.dialect, "hash": self.hash, "unit": self.unit, "ngram": self.ngram,
            "bands": cut.bands, "rows": cut.rows, "scope": self.scope,
        });
        self.index.as_ref().map(|index| (PathBuf::from(index), shared))
    }

    fn resolve_paths(&mut self, base: &Path) {
        self.index = self.index.take().map(|index| resolved(base, index).display().to_string());
    }

    fn alarm(&self) -> Option<f64> {
        Some(self.alarm)
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        let wrong = |key, reason: &str| Err(OpError::Setting { key, reason: reason.to_owned() });
        let cut = self.cut()?;
        if !(1..=1000).contains(&self.ngram) {
            return wrong("ngram", "from 1 to 1000");
        }
        if self.dialect == DatatroveDialect::Datatrove && self.unit != Unit::Word {
            return wrong("unit", "datatrove knows words only");
        }
        if self.index.is_some() && !self.verify {
            return wrong("index", "an index needs `verify = true`");
        }
        if self.max_comparisons == 0 {
            return wrong("max_comparisons", "at least 1; `verify = false` compares none");
        }
        if !(1..=10_000_000).contains(&self.max_cluster) {
            return wrong(
                "max_cluster",
                "from 1 to 10 million: each takes some hundred bytes of memory",
            );
        }
        Ok(Op::Exchange(Box::new(Minhash {
            signer: Signer::new(self, cut),
            threshold: self.threshold,
            measure: self.measure,
            verify: self.verify,
            max_comparisons: self.max_comparisons,
            max_cluster: self.max_cluster,
            keep: self.keep.build(context)?,
            scope: self.scope,
            exempt: context.exempt(&self.exempt)?,
            index: self.index.as_ref().map(|_| self.index_action),
        })))
    }
}

/// The op.
struct Minhash {
    signer: Signer,
    threshold: f64,
    measure: Measure,
    verify: bool,
    max_comparisons: usize,
    max_cluster: usize,
    keep: Ranking,
    scope: Scope,
    exempt: Vec<u32>,
    /// What happens to known documents, where there is an index.
    index: Option<IndexAction>,
}

impl ExchangeOp for Minhash {
    fn send(
        &self,
        step: usize,
        documents: &Participants<'_>,
        out: &mut Outbox,
    ) -> Result<(), OpError> {
        match step {
            0 => nominate::send(&self.signer, self.scope, documents, out),
            _ if self.verify => verify::send(self, documents, out),
            _ => nominate::send_members(&self.keep, documents, out),
        }
    }

    fn meet(&self, step: usize, task: &mut MeetTask<'_>) -> Result<(), OpError> {
        match step {
            1 => nominate::edges(task),
            2 => nominate::components(task),
            _ if self.verify => verify::meet(self, task),
            _ => Clusters::meet(task),
        }
    }

    fn conclude(
        &self,
        documents: &Participants<'_>,
        signals: &mut [SignalColumn],
    ) -> Result<Concluded, OpError> {
        let exempt = self.exempt.contains(&documents.source);
        let decide = |member: &Membership| match self.index.unwrap_or_default() {
            _ if exempt => Decision::Keep,
            action => action.decide(member, NEAR_DUPLICATE, KNOWN),
        };
        let more = |member: Option<&Membership>| {
            // An anchor is compared with none.
            let compared = member.filter(|member| self.verify && member.extra != 0);
            let similarity = compared.map(|member| f64::from_bits(member.extra));
            let known = member.is_some_and(|member| member.known);
            let known = self.index.map(|_| SignalValue::Int(i64::from(known)));
            [similarity.map(SignalValue::Float), known]
        };
        Ok(Membership::conclude(documents, signals, None, decide, more))
    }

    fn remember(&self, documents: &Participants<'_>) -> Result<Vec<Vec<u8>>, OpError> {
        Ok(remembered::of(&self.signer, self.scope, documents))
    }

    fn recall(&self, step: usize, document: Recalled<'_>, out: &mut Outbox) -> Result<(), OpError> {
        remembered::send(step, document, out)
    }
}
