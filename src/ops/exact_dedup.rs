//! `exact-dedup`: one copy of each text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::{BuildContext, Decision, Document, ExchangeOp, Op, OpError, OpKind, Settings};
use crate::document::{Reason, Signal};

/// Drops every document whose text (or URL) an earlier document already has.
///
/// Documents meet by the 128-bit [xxh3](https://xxhash.com) of their key, over all sources and
/// files. The first in document order survives: source order in the file, then path, then record.
/// At 10¹² documents the chance that any two different keys collide is about 10⁻¹⁵. The ledger shows
/// the cluster and its number of copies for each member.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExactDedup {
    /// What must be equal.
    pub by: Key,
}

/// What [`ExactDedup`] compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Key {
    /// The text, byte for byte.
    Text,
    /// The `url` field; documents without one are all kept.
    Url,
}

impl Default for ExactDedup {
    fn default() -> Self {
        Self { by: Key::Text }
    }
}

const DUPLICATE: Reason = Reason::new("duplicate");

impl Settings for ExactDedup {
    const NAME: &'static str = "exact-dedup";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Exchange;
    const SIGNALS: &'static [Signal] = &[];
    const REASONS: &'static [Reason] = &[DUPLICATE];

    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        if self.by == Key::Url && !context.columns.metadata.iter().any(|field| field == "url") {
            return Err(OpError::Setting {
                key: "by",
                reason: "no source keeps a `url`; add it to `keep_fields`".to_owned(),
            });
        }
        Ok(Op::Exchange(Box::new(self.clone())))
    }
}

impl ExchangeOp for ExactDedup {
    fn key(&self, document: Document<'_>) -> Option<u128> {
        match self.by {
            Key::Text => Some(xxh3_128(document.text.as_bytes())),
            Key::Url => document.url.map(|url| xxh3_128(url.as_bytes())),
        }
    }

    fn decide(&self, nth: u32, _copies: u32) -> Decision {
        if nth == 0 { Decision::Keep } else { Decision::Drop(DUPLICATE) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::DocumentId;
    use crate::text::Analysis;

    #[test]
    fn the_first_survives_and_equal_texts_share_a_key() {
        let analysis = Analysis::default();
        let op = ExactDedup::default();
        let of =
            |text| op.key(Document { text, analysis: &analysis, url: None, id: DocumentId(0) });
        assert_eq!(of("same"), of("same"));
        assert_ne!(of("same"), of("same "));
        assert_eq!(op.decide(0, 3), Decision::Keep);
        assert_eq!(op.decide(1, 3), Decision::Drop(DUPLICATE));
        // The empty text is a text like any other.
        assert!(of("").is_some());
    }

    #[test]
    fn documents_without_a_url_never_meet() {
        let analysis = Analysis::default();
        let op = ExactDedup { by: Key::Url };
        let of = |url| op.key(Document { text: "", analysis: &analysis, url, id: DocumentId(0) });
        assert_eq!(of(None), None);
        assert_eq!(of(Some("a")), of(Some("a")));
    }
}
