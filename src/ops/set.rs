//! `set`: new signals from metadata and signals, by SQL.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BuildContext, Columns, Decision, Expression, Op, OpError, OpKind, PartitionOp, Settings,
};
use crate::document::{Batch, Reason, Signal, SignalColumn, SignalType};

/// Computes new signals out of metadata and earlier signals, by SQL.
///
/// Each entry of `columns` becomes a signal of the stage, for the ledger and for `where`, `when` and
/// `set` further on: `columns = { ratio = "word_count / chars" }`. The SQL is that of `where`:
/// expressions over one document. Numbers become integer or float signals, true and false become 1
/// and 0, text becomes a text signal; other types are refused (`CAST` them). `/` divides as numbers
/// do (`7 / 2` is 3.5). What is missing, divided by zero or otherwise no number is null. An entry
/// cannot read another entry of its own stage; a second stage can. Nothing is dropped.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Set {
    /// SQL by signal name; names have ASCII letters, digits and `_`.
    pub columns: BTreeMap<String, String>,
}

impl Set {
    fn compile(&self, columns: &Columns) -> Result<Vec<(String, Expression)>, OpError> {
        let wrong = |name: &str, reason: &str| OpError::Setting {
            key: "columns",
            reason: format!("`{name}`: {reason}"),
        };
        if self.columns.is_empty() {
            let reason = "no columns; give some, such as { ratio = \"word_count / chars\" }";
            return Err(OpError::Setting { key: "columns", reason: reason.to_owned() });
        }
        let mut compiled = Vec::new();
        for (name, sql) in &self.columns {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                || !name.chars().all(plain)
            {
                return Err(wrong(
                    name,
                    "a name has ASCII letters, digits and `_`, no digit first",
                ));
            }
            let expression = Expression::compile(sql, columns).and_then(|expression| {
                expression.signal_type()?;
                Ok(expression)
            });
            let expression = expression.map_err(|error| match error {
                OpError::Setting { reason, .. } => wrong(name, &reason),
                other => other,
            })?;
            compiled.push((name.clone(), expression));
        }
        Ok(compiled)
    }
}

impl Settings for Set {
    const NAME: &'static str = "set";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Partition;
    const SIGNALS: &'static [Signal] = &[];
    const REASONS: &'static [Reason] = &[];
    const COST: u32 = 300;

    fn signals(&self, columns: &Columns) -> Result<Vec<(String, SignalType)>, OpError> {
        let typed =
            |(name, expression): (String, Expression)| Ok((name, expression.signal_type()?));
        self.compile(columns)?.into_iter().map(typed).collect()
    }

    fn conditions(&self) -> Vec<&str> {
        self.columns.values().map(String::as_str).collect()
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        let compiled = self.compile(context.columns)?;
        let expressions = compiled.into_iter().map(|(_, expression)| expression).collect();
        Ok(Op::Partition(Box::new(Derived(expressions))))
    }
}

/// The expressions, in the order of the stage's signals.
struct Derived(Vec<Expression>);

impl PartitionOp for Derived {
    fn partition(
        &self,
        batch: &Batch,
        rows: &[usize],
        signals: &mut [SignalColumn],
    ) -> Result<Vec<Decision>, OpError> {
        for (expression, column) in self.0.iter().zip(signals) {
            expression.fill(batch, rows, column)?;
        }
        Ok(vec![Decision::Keep; rows.len()])
    }
}

#[cfg(test)]
mod tests {
    use crate::document::SignalValue;
    use crate::ops::SignalLookup;
    use crate::ops::testing::{refused, trial_at};

    #[test]
    fn columns_become_signals_of_their_type() {
        let toml = r#"columns = { path = "SUBSTR(url, 18)", secure = "url LIKE 'https:%'", third = "LENGTH(url) / 3" }"#;
        let trial = trial_at("set", toml, "text", Some("https://a.example/b"));
        assert_eq!(trial.signal("path"), Some(SignalValue::OwnedText("/b".to_owned())));
        assert_eq!(trial.signal("secure"), Some(SignalValue::Int(1)));
        assert!((trial.number("third") - 19.0 / 3.0).abs() < 1e-15);
        assert_eq!(trial.reason(), "");
        let trial = trial_at("set", toml, "text", None);
        assert_eq!(trial.signal("path"), None);
    }

    #[test]
    fn what_cannot_work_names_the_column() {
        let message = |toml: &str| refused("set", toml).to_string();
        assert!(message("columns = {}").contains("no columns"));
        assert!(message("columns = { \"a b\" = \"1\" }").contains("`a b`: a name has"));
        assert!(message("columns = { \"\" = \"1\" }").contains("a name has"));
        assert!(message("columns = { \"7\" = \"1\" }").contains("a name has"));
        assert!(message("columns = { a = \"wordcount / 2\" }").contains("`a`: there is no column"));
        // Another entry of the same stage is not there yet.
        assert!(message("columns = { a = \"1\", b = \"a + 1\" }").contains("`b`: there is no"));
        assert!(message("columns = { a = \"DATE('2020-01-01')\" }").contains("CAST it"));
        assert!(message("columns = { a = \"SUM(1)\" }").contains("SUM"));
    }
}
