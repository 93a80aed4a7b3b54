//! `[tokens.fim]`: fill-in-the-middle.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Cuts documents into prefix, middle and suffix and moves the middle to the end
/// ([Bavarian et al. 2022](https://arxiv.org/abs/2207.14255)), keyed by document id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fim {
    /// Share of the documents it is done to.
    #[serde(default = "half")]
    pub rate: f64,
    /// Share of those in the order suffix, prefix, middle.
    #[serde(default = "half")]
    pub spm_rate: f64,
    /// Sources it applies to; all where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<String>>,
    /// Name of the token before the prefix. Default: the first usual one that the tokenizer has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Name of the token before the middle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub middle: Option<String>,
    /// Name of the token before the suffix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
}

fn half() -> f64 {
    0.5
}
