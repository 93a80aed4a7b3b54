//! Duplicates of documents of earlier runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Membership;
use crate::document::Reason;
use crate::ops::Decision;

/// What happens to a document that an earlier run has, too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IndexAction {
    /// It is kept, and the signal `known` is 1.
    #[default]
    Annotate,
    /// It is dropped.
    Drop,
}

impl IndexAction {
    /// What becomes of a document: `duplicate` where another of the run survives in its place,
    /// `known` where one of an earlier run does.
    #[must_use]
    pub fn decide(self, member: &Membership, duplicate: Reason, known: Reason) -> Decision {
        match self {
            Self::Drop if member.known => Decision::Drop(known),
            _ if member.survives => Decision::Keep,
            _ => Decision::Drop(duplicate),
        }
    }
}
