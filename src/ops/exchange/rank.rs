//! The order in which documents survive.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Participants, Place};
use crate::document::{SignalColumn, SignalType};
use crate::ops::{BuildContext, Expression, OpError};

/// Which document of a cluster is kept. Where it leaves a tie, the first in document order is
/// (order of the sources in the file, then path, then record).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The first in document order.
    #[default]
    First,
    /// The last in document order.
    Last,
    /// `{ highest = "…" }`: the one with the greatest value of a number: a signal, or SQL over signals
    /// and kept fields. Documents where it is null come last.
    Highest(String),
    /// `{ lowest = "…" }`: the one with the least value.
    Lowest(String),
}

impl Keep {
    /// The SQL in it.
    #[must_use]
    pub fn sql(&self) -> Option<&str> {
        match self {
            Self::First | Self::Last => None,
            Self::Highest(sql) | Self::Lowest(sql) => Some(sql),
        }
    }

    /// Makes it ready.
    ///
    /// # Errors
    /// When the SQL cannot work or gives no number.
    pub fn build(&self, context: &BuildContext<'_>) -> Result<Ranking, OpError> {
        let Some(sql) = self.sql() else {
            return Ok(match self {
                Self::Last => Ranking::Last,
                _ => Ranking::First,
            });
        };
        let wrong = |reason: String| OpError::Setting { key: "keep", reason };
        let value = Expression::compile(sql, context.columns)
            .map_err(|error| wrong(error.to_string().replace("sql: ", "")))?;
        let kind = value.signal_type().map_err(|error| wrong(error.to_string()))?;
        if kind == SignalType::Text {
            return Err(wrong(format!("`{sql}` is a text; a number is needed to rank by")));
        }
        Ok(Ranking::By { value: Box::new(value), kind, highest: matches!(self, Self::Highest(_)) })
    }
}

/// [`Keep`], ready to rank.
pub enum Ranking {
    /// By document order.
    First,
    /// By document order, backwards.
    Last,
    /// By a number.
    By {
        /// The number.
        value: Box<Expression>,
        /// Its type.
        kind: SignalType,
        /// Whether the greatest survives.
        highest: bool,
    },
}

impl Ranking {
    /// The ranks of the participants: the least survives, and among equals the first.
    ///
    /// # Errors
    /// When the SQL fails.
    pub fn ranks(&self, documents: &Participants<'_>) -> Result<Vec<u64>, OpError> {
        match self {
            Self::First => Ok(vec![0; documents.rows.len()]),
            Self::Last => {
                documents.rows.iter().map(|&row| Ok(!place_number(documents.place(row)?))).collect()
            }
            Self::By { value, kind, highest } => {
                let mut column = SignalColumn::new(*kind, documents.batch.len());
                value.fill(documents.batch, documents.rows, &mut column)?;
                let rank = |number: Option<f64>| match number.filter(|number| !number.is_nan()) {
                    Some(number) if *highest => ordered(-number),
                    Some(number) => ordered(number),
                    None => u64::MAX,
                };
                Ok(match column {
                    SignalColumn::Int(values) => {
                        let whole = |value: Option<i64>| match value {
                            // The order of whole numbers, which floats would round.
                            Some(value) if *highest => (!value).cast_unsigned() ^ (1 << 63),
                            Some(value) => value.cast_unsigned() ^ (1 << 63),
                            None => u64::MAX,
                        };
                        documents.rows.iter().map(|&row| whole(values[row])).collect()
                    }
                    SignalColumn::Float(values) => {
                        documents.rows.iter().map(|&row| rank(values[row])).collect()
                    }
                    SignalColumn::Text(_) => vec![0; documents.rows.len()],
                })
            }
        }
    }
}

/// A place as a number.
fn place_number(place: Place) -> u64 {
    u64::from_be_bytes(place)
}

/// Bits that are ordered like the numbers they stand for; 0 and -0 are one number.
fn ordered(number: f64) -> u64 {
    let bits = (number + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

#[cfg(test)]
mod tests {
    use super::ordered;

    #[test]
    fn bits_are_ordered_like_numbers() {
        let numbers = [f64::NEG_INFINITY, -2.5, -1e-300, 0.0, 1e-300, 1.0, 7.5, f64::INFINITY];
        for pair in numbers.windows(2) {
            assert!(ordered(pair[0]) < ordered(pair[1]), "{pair:?}");
        }
        assert_eq!(ordered(-0.0), ordered(0.0));
        assert!(ordered(f64::INFINITY) < u64::MAX);
    }
}
