//! Which documents can be duplicates of each other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::Participants;

/// Which documents can be duplicates of each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Those of one source.
    Source,
    /// All of the run.
    #[default]
    Run,
}

impl Scope {
    /// What to mix into keys so that only documents in scope of each other can have equal ones.
    #[must_use]
    pub fn salt(self, documents: &Participants<'_>) -> u128 {
        match self {
            Self::Source => xxh3_128(documents.source_name.as_bytes()),
            Self::Run => 0,
        }
    }
}
