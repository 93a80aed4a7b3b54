//! `[tokens.mixture]` and `[[tokens.curriculum]]`: which parts of the corpus, and how much of each.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Cells of the corpus and how much of each is wanted.
///
/// A *cell* is what has the same values in the fields `by`; each is written to shards of its own,
/// and a *blend* says in which shares a trainer reads them. Cells are named by their values, joined
/// by `/`: `web/en`. A name with `*` in place of a value (`web/*`) stands for all cells that match
/// and share its amount by their size; where several names match a cell, the one with the fewest `*`
/// counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mixture {
    /// Fields whose values make a cell: metadata, signals (`language`, or `stage.signal`), `source`.
    #[serde(default)]
    pub by: Fields,
    /// Shares of the tokens by cell; they need not sum to 1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, f64>,
    /// Tokens by cell, in place of `weights`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub budget: BTreeMap<String, Amount>,
    /// How often each cell is read, in place of `weights`: 2.5 is twice and another half.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub epochs: BTreeMap<String, f64>,
    /// Shares in proportion to (tokens of the cell)^`temperature`, in place of `weights`: 1 is as
    /// they are, 0 all alike; 0.3 is XLM-R's
    /// ([Conneau et al. 2020](https://arxiv.org/abs/1911.02116)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Repeats good documents more often, within each cell's amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<Curve>,
    /// Tokens of the whole mixture. Default: all there is without repeating anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Amount>,
    /// The most often a cell may be read; more is an error, which says how many tokens are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_epochs: Option<f64>,
    /// Writes one stream of shards that holds the mixture, documents repeated and left out as the
    /// weights say, instead of shards by cell and a blend.
    #[serde(default)]
    pub materialize: bool,
}

/// One field or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Fields {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Default for Fields {
    fn default() -> Self {
        Self::One("source".to_owned())
    }
}

impl Fields {
    /// The fields.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(field) => std::slice::from_ref(field),
            Self::Several(fields) => fields,
        }
    }
}

/// A number of tokens: `1000000`, or with a suffix `"10B"` (K, M, B, T: powers of 1,000).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Amount(
    #[schemars(schema_with = "amount_schema")]
    /// Tokens.
    pub u64,
);

fn amount_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "description": "A number of tokens, or a string such as \"10B\" (K, M, B, T).",
        "anyOf": [
            { "type": "integer", "minimum": 1 },
            { "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?[KMBT]?$" }
        ]
    })
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(tokens) => Ok(Self(tokens)),
            Written::Text(text) => parse(&text).map(Self).ok_or_else(|| {
                serde::de::Error::custom(format!(
                    "`{text}` is not a number of tokens; write 2500000 or \"2.5M\" (K, M, B, T)"
                ))
            }),
        }
    }
}

/// `2.5M` to 2,500,000.
fn parse(text: &str) -> Option<u64> {
    let (digits, unit) = match text.as_bytes().last()? {
        b'K' => (&text[..text.len() - 1], 1_000),
        b'M' => (&text[..text.len() - 1], 1_000_000),
        b'B' => (&text[..text.len() - 1], 1_000_000_000),
        b'T' => (&text[..text.len() - 1], 1_000_000_000_000_u64),
        _ => (text, 1),
    };
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    let number = |digits: &str| {
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok())?
    };
    let mut tokens = number(whole)?.checked_mul(unit)?;
    let mut place = unit;
    for digit in rest.bytes() {
        place /= 10;
        tokens =
            tokens.checked_add(u64::from(digit.is_ascii_digit().then(|| digit - b'0')?) * place)?;
    }
    Some(tokens)
}

/// An upsampling curve over quality buckets, as Dolma 3 has them
/// ([OLMo 3](https://arxiv.org/abs/2512.13961), section 3): nothing below a quantile, then a power of
/// the distance to it that ends at `max` and uses up the cell's amount.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// The field of `by` whose values are buckets: whole numbers, greater is better.
    pub bucket: String,
    /// Share of the tokens, from the bottom, that is left out.
    #[serde(default)]
    pub drop_below: f64,
    /// How often the best is read.
    #[serde(default = "default_max")]
    pub max: f64,
}

fn default_max() -> f64 {
    7.0
}

/// A stage of training with a mixture of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CurriculumStage {
    /// Its name.
    pub name: String,
    /// Its share of the mixture's `total`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Its tokens, in place of `share`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Amount>,
    /// Shares of the tokens by cell; the mixture's where not given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, f64>,
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn amounts_are_read() {
        assert_eq!(parse("10B"), Some(10_000_000_000));
        assert_eq!(parse("2.5M"), Some(2_500_000));
        assert_eq!(parse("1.5"), Some(1));
        assert_eq!(parse("17"), Some(17));
        assert_eq!(parse("18446744073709551615K"), None);
        for wrong in ["", "B", "1e9", "-1", "1.x", "１"] {
            assert_eq!(parse(wrong).filter(|_| wrong != "B"), None, "{wrong}");
        }
    }
}
