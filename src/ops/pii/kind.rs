//! The kinds of personal data there are.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of personal data.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// E-mail addresses.
    Email,
    /// IPv4 and IPv6 addresses.
    Ip,
    /// Telephone numbers.
    Phone,
    /// Numbers of payment cards.
    CreditCard,
    /// International bank account numbers.
    Iban,
    /// Bitcoin, Litecoin, Dogecoin, Tron and Ethereum addresses.
    Crypto,
    /// API keys, access tokens, private keys.
    Secret,
    /// User and password in an address, `https://user:password@host`.
    UrlCredentials,
    /// United States social security numbers.
    UsSsn,
    /// Chinese resident identity numbers.
    CnId,
}

/// How many kinds there are.
pub(super) const KINDS: usize = 10;

impl Kind {
    /// All kinds; the index of a kind here is `kind as usize`.
    pub(super) const ALL: [Self; KINDS] = [
        Self::Email,
        Self::Ip,
        Self::Phone,
        Self::CreditCard,
        Self::Iban,
        Self::Crypto,
        Self::Secret,
        Self::UrlCredentials,
        Self::UsSsn,
        Self::CnId,
    ];

    /// The name in settings and spans.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Ip => "ip",
            Self::Phone => "phone",
            Self::CreditCard => "credit-card",
            Self::Iban => "iban",
            Self::Crypto => "crypto",
            Self::Secret => "secret",
            Self::UrlCredentials => "url-credentials",
            Self::UsSsn => "us-ssn",
            Self::CnId => "cn-id",
        }
    }

    /// Where two spans overlap the one of the lower rank stays. What is proved by a checksum or a
    /// known form stands before what is only shaped like a number.
    const fn rank(self) -> u8 {
        match self {
            Self::UrlCredentials => 0,
            Self::Secret => 1,
            Self::Email => 2,
            Self::Crypto => 3,
            Self::Iban => 4,
            Self::CnId => 5,
            Self::CreditCard => 6,
            Self::Ip => 7,
            Self::UsSsn => 8,
            Self::Phone => 9,
        }
    }
}

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Kinds(u16);

impl Kinds {
    /// The set of these kinds.
    pub(super) fn of(kinds: &[Kind]) -> Self {
        Self(kinds.iter().fold(0, |set, kind| set | 1 << *kind as u16))
    }

    /// Whether the kind is in it.
    pub(super) fn has(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u16 != 0
    }
}

/// A piece of personal data: bytes `start..end` of the text, both on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// Its first byte.
    pub(super) start: usize,
    /// The byte behind its last.
    pub(super) end: usize,
    /// What it is.
    pub(super) kind: Kind,
}

/// Leaves spans that do not overlap, in the order of the text.
pub(super) fn settle(spans: &mut Vec<Span>) {
    spans.sort_unstable_by_key(|span| (span.start, span.end, span.kind.rank()));
    let mut kept = 0;
    for at in 0..spans.len() {
        let span = spans[at];
        // Those kept so far do not overlap, but the new one may reach over several of them.
        let mut place = kept;
        let mut stays = true;
        while place > 0 && spans[place - 1].end > span.start {
            let other = spans[place - 1];
            let longer = (other.end - other.start).cmp(&(span.end - span.start));
            if (other.kind.rank(), longer.reverse())
                <= (span.kind.rank(), std::cmp::Ordering::Equal)
            {
                stays = false;
                break;
            }
            place -= 1;
        }
        if stays {
            spans[place] = span;
            kept = place + 1;
        }
    }
    spans.truncate(kept);
}
