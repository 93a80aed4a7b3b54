//! Whose arithmetic a filter follows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose arithmetic a filter follows. The same thresholds mean different things to different tools,
/// which count other words and other lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Dialect {
    /// Ours, as the op's page tells.
    #[default]
    Tamis,
    /// That of [datatrove](https://github.com/huggingface/datatrove) 0.10.1 for English, decision
    /// for decision; the reasons are datatrove's, too.
    Datatrove,
    /// That of [DCLM](https://github.com/mlfoundations/dclm)'s RefinedWeb recipe, decision for
    /// decision.
    Dclm,
}

/// Whose decisions an op takes that DCLM does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DatatroveDialect {
    /// Ours, as the op's page tells.
    #[default]
    Tamis,
    /// Those of datatrove 0.10.1, with its reasons.
    Datatrove,
}

/// Whose decisions and texts an op gives that datatrove does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DclmDialect {
    /// Ours, as the op's page tells.
    #[default]
    Tamis,
    /// Those of DCLM.
    Dclm,
}

/// `part / whole`, and 0 where there is nothing to have a share of.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
