//! `quantile`: which part of the corpus a document belongs to, by any number.

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::{
    BuildContext, Columns, Concluded, Decision, ExchangeOp, Expression, MeetTask, Op, OpError,
    OpKind, Outbox, PLACE_BYTES, Participants, Place, Ranking, Settings, SignalLookup, Step,
    Target, key_place,
};
use crate::document::{Reason, Signal, SignalColumn, SignalType, SignalValue};
use crate::exchange::{KEY_BYTES, Key, Merge, Record};

/// Keeps the best or the worst share of the corpus by a number, or cuts the corpus into buckets by
/// it.
///
/// All documents meet and are put in order by `value`: from the greatest with `keep_top`, else from
/// the least; equal ones stand in document order (sources in the order of the file, then path, then
/// record). The signal `rank` says which share of its group stands before a document, from 0 to below
/// 1. `keep_top = 0.1` keeps what has a rank below 0.1: exactly ⌈0.1 · n⌉ documents of n, or with
/// `weight = "characters"` documents from the top until they hold a tenth of the characters. With
/// `buckets` the signal `bucket` names the first whose cut is above the rank:
/// [CCNet](https://arxiv.org/abs/1911.00359)'s head, middle and tail of the perplexities of each
/// language are
///
/// ```toml
/// [[stage]]
/// op = "quantile"
/// value = "perplexity"
/// by = ["language"]
/// buckets = ["head", "middle", "tail"]
/// ```
///
/// (`perplexity` does this itself where it is given `buckets`.) No sketch and no sample: the shares
/// are exact and the same from any number of tasks and machines. Records are 36 bytes a document; a
/// group is put in order by one task, as a stream in bounded memory, which reads it twice. Groups
/// meet by 64-bit hashes of their columns: among a thousand groups the chance that any two are taken
/// for one is 3·10⁻¹⁴.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Quantile {
    /// The number: a signal, or SQL over signals and kept fields, such as
    /// `CAST(metadata.score AS DOUBLE)`.
    pub value: String,
    /// Columns, or SQL, that documents of one group have in common; all are one group by default.
    #[serde(default)]
    pub by: Vec<String>,
    /// The share with the greatest values that is kept, above 0 and up to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_top: Option<f64>,
    /// The share with the least values that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_bottom: Option<f64>,
    /// Names of the buckets, the one that `rank` begins with first.
    #[serde(default)]
    pub buckets: Vec<String>,
    /// The ranks at which the second and the following buckets begin; buckets of equal shares by
    /// default.
    #[serde(default)]
    pub cuts: Vec<f64>,
    /// What shares are of.
    #[serde(default)]
    pub weight: Weight,
    /// What becomes of documents whose value is null. They count in no share.
    #[serde(default)]
    pub missing: Missing,
}

/// What shares are of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Weight {
    /// Of documents.
    #[default]
    Documents,
    /// Of characters, as the texts stand before the stage.
    Characters,
}

/// What becomes of documents without a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Missing {
    /// They pass, without signals.
    #[default]
    Keep,
    /// They are dropped.
    Drop,
}

const OUTSIDE: Reason = Reason::new("outside-share");
const NO_VALUE: Reason = Reason::new("no-value");

/// The settings of the stage that another op's `buckets`, `keep_top` or `keep_bottom` ask for.
#[derive(Debug, Default)]
pub(super) struct Behind<'a> {
    /// The other stage.
    pub stage: &'a str,
    /// Its signal with the number.
    pub signal: &'a str,
    /// Its signals that make a group.
    pub by: &'a [&'a str],
    /// As [`Quantile::keep_top`].
    pub keep_top: Option<f64>,
    /// As [`Quantile::keep_bottom`].
    pub keep_bottom: Option<f64>,
    /// As [`Quantile::buckets`].
    pub buckets: &'a [String],
    /// As [`Quantile::cuts`].
    pub cuts: &'a [f64],
}

impl Behind<'_> {
    /// Op and settings, where any of it is asked for: for [`Settings::behind`].
    pub(super) fn stage(&self) -> Option<(&'static str, serde_json::Value)> {
        let shares = [self.keep_top, self.keep_bottom];
        if shares.iter().all(Option::is_none) && self.buckets.is_empty() && self.cuts.is_empty() {
            return None;
        }
        let column = |signal: &str| format!("\"{}.{signal}\"", self.stage);
        let quantile = Quantile {
            value: column(self.signal),
            by: self.by.iter().map(|signal| column(signal)).collect(),
            keep_top: self.keep_top,
            keep_bottom: self.keep_bottom,
            buckets: self.buckets.to_vec(),
            cuts: self.cuts.to_vec(),
            weight: Weight::Documents,
            missing: Missing::Keep,
        };
        Some((Quantile::NAME, super::AnySettings::to_json(&quantile)))
    }
}

impl Quantile {
    fn check(&self) -> Result<(), OpError> {
        let wrong = |key, reason: String| Err(OpError::Setting { key, reason });
        for (key, share) in [("keep_top", self.keep_top), ("keep_bottom", self.keep_bottom)] {
            if let Some(share) = share.filter(|share| !(*share > 0.0 && *share <= 1.0)) {
                return wrong(key, format!("{share} is no share; give above 0 and up to 1"));
            }
        }
        if self.keep_top.is_some() && self.keep_bottom.is_some() {
            return wrong("keep_bottom", "`keep_top` is given too; one of them decides".to_owned());
        }
        if self.cuts.is_empty() {
            return Ok(());
        }
        if self.cuts.len() + 1 != self.buckets.len() {
            let (cuts, buckets) = (self.cuts.len(), self.buckets.len());
            return wrong("cuts", format!("{cuts} cuts make {} buckets, not {buckets}", cuts + 1));
        }
        let inside = self.cuts.iter().all(|cut| *cut > 0.0 && *cut < 1.0);
        if !inside || !self.cuts.is_sorted_by(|left, right| left < right) {
            return wrong(
                "cuts",
                "give ranks between 0 and 1, each above the one before".to_owned(),
            );
        }
        Ok(())
    }

    fn decide(&self, rank: Option<f64>) -> Decision {
        let Some(rank) = rank else {
            return match self.missing {
                Missing::Keep => Decision::Keep,
                Missing::Drop => Decision::Drop(NO_VALUE),
            };
        };
        match self.keep_top.or(self.keep_bottom) {
            Some(share) if rank >= share => Decision::Drop(OUTSIDE),
            _ => Decision::Keep,
        }
    }

    /// The bucket of a rank.
    fn bucket(&self, rank: f64) -> Option<usize> {
        let parts = self.buckets.len();
        let cut = |index: usize| match self.cuts.get(index) {
            Some(cut) => *cut,
            #[expect(clippy::cast_precision_loss, reason = "buckets are few")]
            None => (index + 1) as f64 / parts as f64,
        };
        (0..parts).find(|&index| index + 1 == parts || rank < cut(index))
    }
}

impl Settings for Quantile {
    const NAME: &'static str = "quantile";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Exchange;
    const SIGNALS: &'static [Signal] = &[
        Signal {
            name: "rank",
            kind: SignalType::Float,
            about: "share of its group before the document, 0 to below 1; null without a value",
        },
        Signal { name: "bucket", kind: SignalType::Text, about: "its bucket, with `buckets`" },
    ];
    const REASONS: &'static [Reason] = &[OUTSIDE, NO_VALUE];
    const THRESHOLDS: &'static [&'static str] = &["keep_top", "keep_bottom"];

    fn steps(&self) -> &'static [Step] {
        &[Step::Send, Step::Meet(Target::Documents)]
    }

    fn conditions(&self) -> Vec<&str> {
        std::iter::once(&self.value).chain(&self.by).map(String::as_str).collect()
    }

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        Some(self.decide(signals.number("rank")))
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        self.check()?;
        let (value, kind) = column("value", &self.value, context.columns)?;
        if kind == SignalType::Text {
            let sql = &self.value;
            let reason =
                format!("`{sql}` is a text; a number is needed, such as CAST({sql} AS DOUBLE)");
            return Err(OpError::Setting { key: "value", reason });
        }
        let by = self.by.iter().map(|sql| column("by", sql, context.columns));
        Ok(Op::Exchange(Box::new(Ranked {
            settings: self.clone(),
            ranking: Ranking::By { value: Box::new(value), kind, highest: self.keep_top.is_some() },
            by: by.collect::<Result<_, _>>()?,
        })))
    }
}

fn column(
    key: &'static str,
    sql: &str,
    columns: &Columns,
) -> Result<(Expression, SignalType), OpError> {
    let wrong =
        |error: OpError| OpError::Setting { key, reason: error.to_string().replace("sql: ", "") };
    let expression = Expression::compile(sql, columns).map_err(wrong)?;
    let kind = expression.signal_type().map_err(wrong)?;
    Ok((expression, kind))
}

/// The op. A record's key is the hash of its group, the number as bits that are ordered like it, and
/// the place of the document; its payload the weight, where it is not 1.
struct Ranked {
    settings: Quantile,
    ranking: Ranking,
    by: Vec<(Expression, SignalType)>,
}

impl Ranked {
    /// The group of each participant.
    fn groups(&self, documents: &Participants<'_>) -> Result<Vec<u64>, OpError> {
        let mut hashes = vec![Xxh3::new(); documents.rows.len()];
        for (expression, kind) in &self.by {
            let mut column = SignalColumn::new(*kind, documents.batch.len());
            expression.fill(documents.batch, documents.rows, &mut column)?;
            add(column, documents.rows, &mut hashes);
        }
        Ok(hashes.iter().map(Xxh3::digest).collect())
    }

    fn weight(&self, documents: &Participants<'_>, row: usize) -> u64 {
        match self.settings.weight {
            Weight::Documents => 1,
            Weight::Characters => documents.batch.text(row).chars().count() as u64,
        }
    }
}

/// Adds the values at `rows` to the hashes; nothing reads as another value.
fn add(column: SignalColumn, rows: &[usize], hashes: &mut [Xxh3]) {
    use arrow::array::Array;
    let mut put = |index: usize, bytes: Option<&[u8]>| {
        let hash: &mut Xxh3 = &mut hashes[index];
        hash.update(&bytes.map_or(u64::MAX, |bytes| bytes.len() as u64).to_le_bytes());
        hash.update(bytes.unwrap_or_default());
    };
    match column {
        SignalColumn::Int(values) => {
            for (index, &row) in rows.iter().enumerate() {
                put(index, values[row].map(i64::to_le_bytes).as_ref().map(|bytes| &bytes[..]));
            }
        }
        SignalColumn::Float(values) => {
            for (index, &row) in rows.iter().enumerate() {
                // 0 and -0 are one number.
                let bytes = values[row].map(|value| (value + 0.0).to_bits().to_le_bytes());
                put(index, bytes.as_ref().map(|bytes| &bytes[..]));
            }
        }
        SignalColumn::Text(mut values) => {
            let values = values.finish();
            for (index, &row) in rows.iter().enumerate() {
                put(index, values.is_valid(row).then(|| values.value(row).as_bytes()));
            }
        }
    }
}

/// The rank of a null, which no number has.
const NULL: u64 = u64::MAX;

fn group(key: &Key) -> &[u8] {
    &key[..8]
}

fn weight(record: &Record) -> Result<u64, OpError> {
    match record.payload.as_slice() {
        [] => Ok(1),
        payload => <[u8; 8]>::try_from(payload)
            .map(u64::from_le_bytes)
            .map_err(|_| OpError::damaged("a weight of another length")),
    }
}

/// Which share of `total` is `before`.
#[expect(clippy::cast_precision_loss, reason = "up to 2^53 documents or characters are exact")]
fn share(before: u64, total: u64) -> f64 {
    if total == 0 { 0.0 } else { before as f64 / total as f64 }
}

impl ExchangeOp for Ranked {
    fn send(
        &self,
        _step: usize,
        documents: &Participants<'_>,
        out: &mut Outbox,
    ) -> Result<(), OpError> {
        let ranks = self.ranking.ranks(documents)?;
        let groups = self.groups(documents)?;
        for ((&row, rank), group) in documents.rows.iter().zip(ranks).zip(groups) {
            if rank == NULL {
                continue;
            }
            let mut key = [0; KEY_BYTES];
            key[..8].copy_from_slice(&group.to_be_bytes());
            key[8..16].copy_from_slice(&rank.to_be_bytes());
            key[16..].copy_from_slice(&documents.place(row)?);
            match self.weight(documents, row) {
                1 => out.push(key, &[]),
                weight => out.push(key, &weight.to_le_bytes()),
            }
        }
        Ok(())
    }

    /// One stream over the records runs ahead to the end of a group and adds it up; a second one
    /// behind it then knows the shares. So no group has to fit in memory.
    fn meet(&self, _step: usize, task: &mut MeetTask<'_>) -> Result<(), OpError> {
        let mut ahead = task.records()?;
        let scratch = format!("{}.behind", task.work);
        let mut behind = Merge::open(task.store, task.inputs, task.part, &scratch)?;
        let (mut next, mut record) = (Record::default(), Record::default());
        let mut open = ahead.next_into(&mut next)?;
        while open {
            let key = next.key;
            let (mut documents, mut total) = (0, 0u64);
            while open && group(&next.key) == group(&key) {
                documents += 1;
                total = total.saturating_add(weight(&next)?);
                open = ahead.next_into(&mut next)?;
            }
            task.figures.count("groups", 1);
            task.figures.largest("largest_group", documents);
            let mut before = 0u64;
            for _ in 0..documents {
                if !behind.next_into(&mut record)? {
                    return Err(OpError::damaged("it has fewer records when read again"));
                }
                let place: Place = key_place(&record.key, 16);
                let mut key = [0; KEY_BYTES];
                key[..PLACE_BYTES].copy_from_slice(&place);
                task.push(key, &share(before, total).to_le_bytes())?;
                before = before.saturating_add(weight(&record)?);
            }
        }
        ahead.remove_scratch()?;
        Ok(behind.remove_scratch()?)
    }

    fn conclude(
        &self,
        documents: &Participants<'_>,
        signals: &mut [SignalColumn],
    ) -> Result<Concluded, OpError> {
        let mut concluded = Concluded::default();
        let mut rows = documents.rows.iter().peekable();
        for row in 0..documents.batch.len() {
            let takes_part = rows.next_if(|at| **at == row).is_some();
            let answer = documents.answers(row).first().filter(|_| takes_part);
            let rank = answer.and_then(|(_, record)| record.payload.first_chunk());
            let rank = rank.map(|bytes| f64::from_le_bytes(*bytes));
            let bucket = rank.and_then(|rank| self.settings.bucket(rank));
            let bucket = bucket.map(|bucket| SignalValue::Text(&self.settings.buckets[bucket]));
            for (column, value) in signals.iter_mut().zip([rank.map(SignalValue::Float), bucket]) {
                column.push(value.as_ref());
            }
            if takes_part {
                concluded.outcome.decisions.push(self.settings.decide(rank));
            }
        }
        Ok(concluded)
    }
}
