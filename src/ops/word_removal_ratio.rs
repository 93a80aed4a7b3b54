//! `word-removal-ratio`: how much of a document the stages before have taken out.

use arrow::array::{Array, AsArray, Int64Array};
use arrow::datatypes::Int64Type;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dialect::DclmDialect;
use super::lines::check_ratio;
use super::{
    BuildContext, Columns, Decision, Op, OpError, OpKind, PartitionOp, Settings, SignalLookup,
};
use crate::config::diagnostic::nearest;
use crate::document::{Batch, Reason, Signal, SignalColumn, SignalType, SignalValue};

/// Drops documents of which the stages before have taken out too many words.
///
/// RefinedWeb ([Penedo et al. 2023](https://arxiv.org/abs/2306.01116), appendix G.2) drops a page
/// when its line corrections remove more than 5 % of the words: such a page is mostly furniture.
/// The words are those that `line-modify`, `line-filter` and `c4-quality` counted: `words_before` of
/// the first of the stages that saw the document, `words_after` of the last. A share equal to
/// `max_removed` passes; a document that none of the stages saw passes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WordRemovalRatio {
    /// Greatest share of the words removed, 0 to 1.
    pub max_removed: f64,
    /// Names of stages that count, in their order; empty: all before this one that count words.
    pub stages: Vec<String>,
    /// `dclm` drops a document that had no words before; `tamis` lets it pass.
    pub dialect: DclmDialect,
}

impl Default for WordRemovalRatio {
    fn default() -> Self {
        Self { max_removed: 0.05, stages: Vec::new(), dialect: DclmDialect::default() }
    }
}

const TOO_MANY: Reason = Reason::new("too-many-words-removed");

impl Settings for WordRemovalRatio {
    const NAME: &'static str = "word-removal-ratio";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Partition;
    const SIGNALS: &'static [Signal] = &[Signal {
        name: "removed",
        kind: SignalType::Float,
        about: "share of the words removed; null where there were none",
    }];
    const REASONS: &'static [Reason] = &[TOO_MANY];
    const COST: u32 = 1;
    const THRESHOLDS: &'static [&'static str] = &["max_removed"];

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        // Null is a document without words or one that no stage saw.
        signals.number("removed").map(|removed| self.decide(removed))
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        check_ratio("max_removed", self.max_removed)?;
        let counts = self.columns(context.columns)?;
        Ok(Op::Partition(Box::new(Removed { settings: self.clone(), counts })))
    }
}

impl WordRemovalRatio {
    fn decide(&self, removed: f64) -> Decision {
        if removed > self.max_removed { Decision::Drop(TOO_MANY) } else { Decision::Keep }
    }

    /// Of each stage the columns of its words before and after.
    fn columns(&self, columns: &Columns) -> Result<Vec<(usize, usize)>, OpError> {
        let find = |stage: &str, signal: &str| {
            columns.signals.iter().position(|(name, kind)| {
                *kind == SignalType::Int
                    && name.strip_prefix(stage).is_some_and(|rest| {
                        rest.strip_prefix('.').is_some_and(|rest| rest == signal)
                    })
            })
        };
        let pair = |stage: &str| Some((find(stage, "words_before")?, find(stage, "words_after")?));
        let counting: Vec<&str> = columns
            .signals
            .iter()
            .filter_map(|(name, _)| name.strip_suffix(".words_before"))
            .filter(|stage| pair(stage).is_some())
            .collect();
        if self.stages.is_empty() && counting.is_empty() {
            let reason = "no stage before this one counts words; put `line-modify`, `line-filter` \
                          or `c4-quality` before it";
            return Err(OpError::Setting { key: "stages", reason: reason.to_owned() });
        }
        let named = self.stages.iter().map(String::as_str);
        let stages: Vec<&str> =
            if self.stages.is_empty() { counting.clone() } else { named.collect() };
        let known = |stage: &&str| {
            pair(stage).ok_or_else(|| {
                let hint = nearest(stage, &counting)
                    .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                let reason = format!("no stage `{stage}` before this one counts words{hint}");
                OpError::Setting { key: "stages", reason }
            })
        };
        stages.iter().map(known).collect()
    }
}

struct Removed {
    settings: WordRemovalRatio,
    counts: Vec<(usize, usize)>,
}

/// Words before the first and after the last of the stages that saw the document of a row.
fn words(columns: &[(&Int64Array, &Int64Array)], row: usize) -> Option<(i64, i64)> {
    let mut seen = columns
        .iter()
        .filter(|(before, after)| before.is_valid(row) && after.is_valid(row))
        .map(|(before, after)| (before.value(row), after.value(row)));
    let (before, after) = seen.next()?;
    Some((before, seen.next_back().map_or(after, |(_, last)| last)))
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn share(before: i64, after: i64) -> f64 {
    (before - after) as f64 / before as f64
}

impl PartitionOp for Removed {
    fn partition(
        &self,
        batch: &Batch,
        rows: &[usize],
        signals: &mut [SignalColumn],
    ) -> Result<Vec<Decision>, OpError> {
        let column = |index: usize| batch.signals[index].as_primitive::<Int64Type>();
        let columns: Vec<_> =
            self.counts.iter().map(|&(before, after)| (column(before), column(after))).collect();
        let mut shares = vec![None; batch.len()];
        let mut decisions = Vec::with_capacity(rows.len());
        for &row in rows {
            decisions.push(match words(&columns, row) {
                Some((before @ 1.., after)) => {
                    let removed = share(before, after);
                    shares[row] = Some(SignalValue::Float(removed));
                    self.settings.decide(removed)
                }
                Some(_) if self.settings.dialect == DclmDialect::Dclm => Decision::Drop(TOO_MANY),
                Some(_) | None => Decision::Keep,
            });
        }
        for column in signals {
            for share in &shares {
                column.push(share.as_ref());
            }
        }
        Ok(decisions)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::document::Position;
    use crate::model::Assets;
    use crate::read::BatchBuilder;

    fn columns() -> Columns {
        let name = |name: &str| (name.to_owned(), SignalType::Int);
        Columns {
            metadata: Vec::new(),
            signals: vec![
                name("c4.words_before"),
                name("c4.words_after"),
                name("line-modify.words_before"),
                name("line-modify.words_after"),
            ],
        }
    }

    fn build(toml: &str, columns: &Columns) -> Result<Op, OpError> {
        let settings: WordRemovalRatio = toml::from_str(toml).unwrap();
        let context = BuildContext { assets: &Assets::default(), columns, seed: 1, sources: &[] };
        Settings::build(&settings, &context)
    }

    /// Which of the rows are kept, and the signal.
    fn run(toml: &str) -> (Vec<bool>, Vec<Option<f64>>) {
        let mut builder = BatchBuilder::new("web", 0, 1 << 20, None);
        for offset in 0..6 {
            builder.document(Position::plain(offset), "text", None, &[]);
        }
        let mut batch = builder.take();
        for values in [
            [Some(100), Some(100), None, Some(0), None, Some(20)],
            [Some(100), Some(96), None, Some(0), None, Some(20)],
            [Some(100), Some(96), Some(100), None, None, Some(20)],
            [Some(95), Some(94), Some(95), None, None, Some(21)],
        ] {
            batch.signals.push(Arc::new(Int64Array::from(values.to_vec())));
        }
        let Ok(Op::Partition(op)) = build(toml, &columns()) else { panic!("it should build") };
        let mut signals = [SignalColumn::new(SignalType::Float, 6)];
        let decisions = op.partition(&batch, &[0, 1, 2, 3, 4, 5], &mut signals).unwrap();
        let kept = decisions.iter().map(|decision| *decision == Decision::Keep).collect();
        let [column] = signals;
        let column = column.finish();
        let shares = column.as_primitive::<arrow::datatypes::Float64Type>().iter().collect();
        (kept, shares)
    }

    #[test]
    fn first_before_and_last_after_count() {
        let (kept, shares) = run("");
        // 0.05 passes, 0.06 does not; no words; not seen; more words than before.
        assert_eq!(kept, [true, false, true, true, true, true]);
        let expected = [Some(0.05), Some(0.06), Some(0.05), None, None, Some(-0.05)];
        assert_eq!(shares, expected);
        assert_eq!(run("dialect = \"dclm\"").0, [true, false, true, false, true, true]);
        assert_eq!(run("stages = [\"c4\"]").0, [true; 6]);
        assert_eq!(run("max_removed = 0.06").0, [true; 6]);
    }

    #[test]
    fn stages_that_do_not_count_are_refused() {
        let refused =
            |toml: &str, columns: &Columns| build(toml, columns).err().unwrap().to_string();
        assert!(refused("", &Columns::default()).contains("put `line-modify`"));
        assert!(
            refused("stages = [\"line-modfy\"]", &columns()).contains("did you mean `line-modify`")
        );
        assert!(refused("max_removed = 5.0", &columns()).contains("0 to 1"));
    }
}
