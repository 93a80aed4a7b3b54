//! `pii`: personal data and secrets in the text.

mod anchors;
mod card;
mod context;
mod crypto;
mod email;
mod iban;
mod ip;
mod kind;
mod number;
mod phone;
mod plans;
mod redact;
mod replace;
mod scan;
mod secret;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::kind::{KINDS, Kind, Kinds, Span};
use self::redact::{Buffers, redact};
use self::replace::Placeholders;
use self::scan::{Scanner, Scratch};
use super::{
    BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings, SignalLookup,
};
use crate::document::{Reason, Signal, SignalType};

/// Finds e-mail and IP addresses, telephone, card and account numbers, keys and the like, and
/// replaces them.
///
/// One pass looks for digits, `@` and the starts of keys; what stands there is then checked by the
/// rules of its kind, so that numbers in code, tables and formulas stay:
///
/// * `email`: an address under a top-level domain that exists ([public suffix
///   list](https://publicsuffix.org)), not one kept for examples (`example.com`).
/// * `ip`: IPv4 and IPv6, public ones unless `public_ip_only = false`; not versions (`version
///   1.2.3.4`, `Chrome/114.0.0.0`), sections, addresses for documentation, public name servers.
/// * `phone`: with `+` and a calling code; behind a word such as `Tel.`, `电话`, `هاتف`; or as it is
///   written in one of `phone_regions`. The numbering plans are those of
///   [libphonenumber](https://github.com/google/libphonenumber).
/// * `credit-card`: issuer, length and check digit; fewer or other than 16 digits only beside a word
///   such as `card`.
/// * `iban`: country, its form and check digits.
/// * `crypto`: addresses of Bitcoin, Litecoin, Dogecoin and Tron by their checksums, of Ethereum by
///   their capitals (ERC-55) where they have both cases.
/// * `secret`: keys of AWS, Google, GitHub, GitLab, Slack, OpenAI, Anthropic, Hugging Face, Stripe, npm,
///   PyPI and others, JSON web tokens, private keys, and random strings that are set as `api_key`,
///   `token`, `password` and the like.
/// * `url-credentials`: `user:password` in an address.
/// * `us-ssn`: United States social security numbers, with hyphens, or behind their name.
/// * `cn-id`: Chinese resident identity numbers by place, birthday and check digit.
///
/// Digits may be full-width or Arabic; words need no spaces between. Names and postal addresses are
/// not looked for. What is replaced has a fixed form, so that a second run changes nothing. The signal
/// `spans` says where something was, never what.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Pii {
    /// What to look for; default: all kinds.
    pub kinds: Vec<Kind>,
    /// What to do with what is found.
    pub action: Action,
    /// The words that `replace` puts.
    pub placeholders: Placeholders,
    /// Own words for some kinds: `{ email = "[e-mail]" }`. They must not be personal data again.
    pub replacements: BTreeMap<Kind, String>,
    /// Leaves private addresses (`192.168.1.1`, `fe80::…`) as they are.
    pub public_ip_only: bool,
    /// Regions whose way of writing telephone numbers counts without a `+` and without a word before:
    /// ISO 3166 codes. A region more finds more of its numbers and more of what only looks like them.
    pub phone_regions: Vec<String>,
    /// Drops documents that hold more. With `action = "drop"` the default is 0 where `max_counts` is
    /// not given; else there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_total: Option<u32>,
    /// Drops documents that hold more of a kind: `{ email = 10, secret = 0 }`.
    pub max_counts: BTreeMap<Kind, u32>,
}

/// What to do with personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Action {
    /// Puts a placeholder: `<EMAIL_ADDRESS>`.
    #[default]
    Replace,
    /// Puts a made-up value of the kind, the same one for the same value wherever it stands, so that
    /// who writes to whom stays in the text: `user-5e1f09a2@example.org`. Surrogates are of ranges kept
    /// for examples (RFC 2606, 5737, 3849, `555-01…`) or never given out. They come of SHA-256 over the
    /// pipeline's `seed` and the value: who knows the seed can try values out, so keep a seed of your
    /// own to yourself.
    Surrogate,
    /// Only computes the signals.
    Annotate,
    /// Drops documents by `max_total` and `max_counts`, and leaves the others as they are.
    Drop,
}

impl Default for Pii {
    fn default() -> Self {
        Self {
            kinds: Kind::ALL.to_vec(),
            action: Action::Replace,
            placeholders: Placeholders::Typed,
            replacements: BTreeMap::new(),
            public_ip_only: true,
            phone_regions: ["US", "GB", "DE", "FR", "CN"].map(str::to_owned).to_vec(),
            max_total: None,
            max_counts: BTreeMap::new(),
        }
    }
}

/// Index of the signals behind the counts.
const TOTAL: usize = KINDS;
const SPANS: usize = KINDS + 1;

const fn count(name: &'static str, about: &'static str) -> Signal {
    Signal { name, kind: SignalType::Int, about }
}

const TOO_MUCH: Reason = Reason::new("personal-data");

/// The reason of a kind's own limit.
const fn reason(kind: Kind) -> Reason {
    Reason::new(kind.name())
}

impl Pii {
    fn decide(&self, counts: &[i64; KINDS]) -> Decision {
        if self.action == Action::Annotate {
            return Decision::Keep;
        }
        for (kind, most) in &self.max_counts {
            if counts[*kind as usize] > i64::from(*most) {
                return Decision::Drop(reason(*kind));
            }
        }
        let most = match self.max_total {
            None if self.action == Action::Drop && self.max_counts.is_empty() => Some(0),
            most => most,
        };
        match most {
            Some(most) if counts.iter().sum::<i64>() > i64::from(most) => Decision::Drop(TOO_MUCH),
            _ => Decision::Keep,
        }
    }
}

impl Settings for Pii {
    const NAME: &'static str = "pii";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[
        count("email", "e-mail addresses; null for a kind that is not looked for"),
        count("ip", "IP addresses"),
        count("phone", "telephone numbers"),
        count("credit_card", "card numbers"),
        count("iban", "account numbers"),
        count("crypto", "addresses of cryptocurrencies"),
        count("secret", "keys, tokens and passwords"),
        count("url_credentials", "users with passwords in addresses"),
        count("us_ssn", "United States social security numbers"),
        count("cn_id", "Chinese identity numbers"),
        count("total", "all of them"),
        Signal {
            name: "spans",
            kind: SignalType::Text,
            about: "where they were in the text that the stage got, in characters: \
                    `email@12+22 phone@40+12` is 22 characters from the 12th on; null for none",
        },
    ];
    const REASONS: &'static [Reason] = &[
        TOO_MUCH,
        reason(Kind::Email),
        reason(Kind::Ip),
        reason(Kind::Phone),
        reason(Kind::CreditCard),
        reason(Kind::Iban),
        reason(Kind::Crypto),
        reason(Kind::Secret),
        reason(Kind::UrlCredentials),
        reason(Kind::UsSsn),
        reason(Kind::CnId),
    ];
    const EDITS: bool = true;
    const OWN_ACTION: bool = true;
    const COST: u32 = 3_000;
    const THRESHOLDS: &'static [&'static str] = &["max_total", "max_counts"];

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        let counts =
            std::array::from_fn(|index| signals.int(Self::SIGNALS[index].name).unwrap_or(0));
        Some(self.decide(&counts))
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        let setting = |key, reason: String| OpError::Setting { key, reason };
        if self.kinds.is_empty() {
            return Err(setting(
                "kinds",
                "there is nothing to look for; give `[\"email\"]`".to_owned(),
            ));
        }
        let unknown = |region: String| {
            let reason =
                format!("no numbering plan of `{region}`; give ISO 3166 codes such as `US`");
            setting("phone_regions", reason)
        };
        let scanner = |kinds: &[Kind]| {
            Scanner::new(Kinds::of(kinds), self.public_ip_only, &self.phone_regions)
                .map_err(unknown)
        };
        if let Some(kind) = self.max_counts.keys().find(|kind| !self.kinds.contains(kind)) {
            let reason = format!("`{}` is not in `kinds`, so none of it is counted", kind.name());
            return Err(setting("max_counts", reason));
        }
        if !self.replacements.is_empty() {
            let every = scanner(&Kind::ALL)?;
            let mut scratch = Scratch::default();
            for (kind, text) in &self.replacements {
                every.find(text, &mut scratch);
                if let Some(span) = scratch.spans.first() {
                    let reason = format!(
                        "`{}`: {text:?} would be found again, as {}; give a word such as `<EMAIL>`",
                        kind.name(),
                        span.kind.name()
                    );
                    return Err(setting("replacements", reason));
                }
            }
        }
        let scanner = scanner(&self.kinds)?;
        let kinds = Kinds::of(&self.kinds);
        let seed = context.seed;
        Ok(Op::Document(Box::new(Redact { settings: self.clone(), scanner, kinds, seed })))
    }
}

struct Redact {
    settings: Pii,
    scanner: Scanner,
    kinds: Kinds,
    seed: u64,
}

impl Redact {
    /// Appends what stands for the value of a span.
    fn replacement(&self, kind: Kind, value: &str, out: &mut String) {
        if self.settings.action == Action::Surrogate {
            replace::surrogate(kind, value, self.seed, out);
        } else if let Some(own) = self.settings.replacements.get(&kind) {
            out.push_str(own);
        } else {
            replace::placeholder(self.settings.placeholders, kind, value, self.seed, out);
        }
    }
}

/// Where the spans are, in characters.
fn positions(text: &str, spans: &[Span]) -> String {
    let mut list = String::with_capacity(16 * spans.len());
    let (mut at, mut character) = (0, 0);
    for span in spans {
        character += text[at..span.start].chars().count();
        let length = text[span.start..span.end].chars().count();
        let space = if list.is_empty() { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = write!(list, "{space}{}@{character}+{length}", span.kind.name());
        at = span.end;
        character += length;
    }
    list
}

impl DocumentOp for Redact {
    type Scratch = Buffers;

    fn document<'a>(
        &'a self,
        document: Document<'a>,
        buffers: &mut Buffers,
        row: &mut Row<'a>,
    ) -> Decision {
        let replacement = |kind, value: &str, out: &mut String| self.replacement(kind, value, out);
        redact(&self.scanner, document.text, replacement, buffers);
        let spans = &buffers.spans;
        let mut counts = [0i64; KINDS];
        for span in spans {
            counts[span.kind as usize] += 1;
        }
        for kind in Kind::ALL.into_iter().filter(|kind| self.kinds.has(*kind)) {
            row.int(kind as usize, counts[kind as usize]);
        }
        row.count(TOTAL, spans.len());
        if !spans.is_empty() {
            row.owned_text(SPANS, positions(document.text, spans));
        }
        let decision = self.settings.decide(&counts);
        let edits = matches!(self.settings.action, Action::Replace | Action::Surrogate);
        if edits && !spans.is_empty() && decision == Decision::Keep {
            row.push_text(&buffers.text);
        }
        decision
    }
}
