//! What stands in place of personal data.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::anchors::digit;
use super::card::luhn;
use super::crypto::{bech32_letters, polymod};
use super::iban::remainder;
use super::kind::Kind;

/// datatrove's replacements of IP addresses.
pub(super) const DATATROVE_IPS: [[u8; 4]; 6] = [
    [22, 214, 171, 124],
    [126, 96, 36, 199],
    [188, 8, 131, 52],
    [184, 108, 40, 206],
    [220, 127, 116, 11],
    [18, 104, 22, 168],
];

/// Which words stand for personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Placeholders {
    /// `<EMAIL_ADDRESS>`, as [Presidio](https://github.com/microsoft/presidio) has them.
    #[default]
    Typed,
    /// `email@example.com` and `22.214.171.124`, as datatrove's formatter has them; of its lists that
    /// which the value itself says, so that it does not depend on what came before. The kinds it does
    /// not know are as with `typed`.
    Datatrove,
    /// `|||EMAIL_ADDRESS|||`, as [Dolma](https://github.com/allenai/dolma) has them.
    Dolma,
}

/// The placeholder of a kind between its brackets.
const fn label(kind: Kind) -> &'static str {
    match kind {
        Kind::Email => "EMAIL_ADDRESS",
        Kind::Ip => "IP_ADDRESS",
        Kind::Phone => "PHONE_NUMBER",
        Kind::CreditCard => "CREDIT_CARD",
        Kind::Iban => "IBAN_CODE",
        Kind::Crypto => "CRYPTO",
        Kind::Secret => "SECRET",
        Kind::UrlCredentials => "CREDENTIALS",
        Kind::UsSsn => "US_SSN",
        Kind::CnId => "CN_ID",
    }
}

/// Appends what stands for a value.
pub(super) fn placeholder(
    style: Placeholders,
    kind: Kind,
    value: &str,
    seed: u64,
    out: &mut String,
) {
    match (style, kind) {
        (Placeholders::Datatrove, Kind::Email) => {
            let names = ["email@example.com", "firstname.lastname@example.org"];
            out.push_str(names[usize::from(Stream::of(seed, kind, value).byte() % 2)]);
        }
        (Placeholders::Datatrove, Kind::Ip) => {
            let [a, b, c, d] = DATATROVE_IPS[usize::from(Stream::of(seed, kind, value).byte() % 6)];
            push(out, format_args!("{a}.{b}.{c}.{d}"));
        }
        (Placeholders::Dolma, _) => push(out, format_args!("|||{}|||", label(kind))),
        _ => push(out, format_args!("<{}>", label(kind))),
    }
}

/// Writing to a string cannot fail.
fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(arguments);
}

/// Bytes that depend on the seed and a value, and tell nothing of either: SHA-256 of both.
struct Stream {
    bytes: [u8; 32],
    used: usize,
}

impl Stream {
    fn of(seed: u64, kind: Kind, value: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"tamis pii surrogate 1\0");
        hash.update(seed.to_le_bytes());
        hash.update(kind.name());
        hash.update([0]);
        hash.update(plain(kind, value));
        Self { bytes: hash.finalize().into(), used: 0 }
    }

    fn byte(&mut self) -> u8 {
        if self.used == self.bytes.len() {
            self.bytes = Sha256::digest(self.bytes).into();
            self.used = 0;
        }
        self.used += 1;
        self.bytes[self.used - 1]
    }

    /// A number below `limit`, which is at most 2^24.
    fn below(&mut self, limit: u32) -> u32 {
        let bytes = std::array::from_fn(|_| self.byte());
        u32::from_le_bytes(bytes) % limit
    }

    fn digits(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte() % 10).collect()
    }
}

/// A value without what writes the same thing in another way: case, spaces, hyphens.
fn plain(kind: Kind, value: &str) -> Vec<u8> {
    let bytes = value.as_bytes();
    match kind {
        Kind::Email => value.to_lowercase().into_bytes(),
        Kind::Ip => match value.parse::<std::net::IpAddr>() {
            Ok(address) => address.to_string().into_bytes(),
            Err(_) => bytes.to_vec(),
        },
        Kind::Phone | Kind::CreditCard | Kind::UsSsn => {
            let mut digits = Vec::new();
            let mut at = 0;
            while at < bytes.len() {
                match digit(bytes, at) {
                    Some((value, behind)) => {
                        digits.push(b'0' + value);
                        at = behind;
                    }
                    None => at += 1,
                }
            }
            digits
        }
        Kind::Iban | Kind::CnId => {
            let letters = bytes.iter().filter(|byte| byte.is_ascii_alphanumeric());
            letters.map(u8::to_ascii_uppercase).collect()
        }
        Kind::Crypto | Kind::Secret | Kind::UrlCredentials => bytes.to_vec(),
    }
}

/// Appends a made-up value of the same kind: the same for the same value and seed. None of them can
/// belong to anybody: each is of a range kept for examples, or of one that is never given out.
pub(super) fn surrogate(kind: Kind, value: &str, seed: u64, out: &mut String) {
    let mut stream = Stream::of(seed, kind, value);
    match kind {
        // RFC 2606.
        Kind::Email => {
            push(out, format_args!("user-{:06x}", stream.below(1 << 24)));
            push(out, format_args!("{:02x}@example.org", stream.byte()));
        }
        // RFC 5737, RFC 3849.
        Kind::Ip if value.contains(':') => {
            let groups = std::array::from_fn::<_, 4, _>(|_| stream.below(1 << 16));
            let [a, b, c, d] = groups;
            push(out, format_args!("2001:db8:{a:x}:{b:x}::{c:x}:{d:x}"));
        }
        Kind::Ip => {
            let [a, b, c] =
                [[192, 0, 2], [198, 51, 100], [203, 0, 113]][usize::from(stream.byte() % 3)];
            push(out, format_args!("{a}.{b}.{c}.{}", 1 + stream.below(254)));
        }
        // 555-0100 to 555-0199 are kept for fiction in every area of North America.
        Kind::Phone => {
            let area = 201 + stream.below(789);
            push(out, format_args!("{area}-555-01{:02}", stream.below(100)));
        }
        // 9: for national use; no card begins with it.
        Kind::CreditCard => {
            let mut digits = vec![9, 9];
            digits.extend(stream.digits(13));
            digits.push(0);
            while !luhn(&digits) {
                digits[15] += 1;
            }
            out.extend(digits.iter().map(|digit| char::from(b'0' + digit)));
        }
        // ZZ: kept by ISO 3166 for users; no country.
        Kind::Iban => {
            let mut letters = b"ZZ00".to_vec();
            letters.extend(stream.digits(18).iter().map(|digit| b'0' + digit));
            let check = 98 - remainder(&letters);
            letters[2..4].copy_from_slice(format!("{check:02}").as_bytes());
            out.extend(letters.iter().map(|byte| char::from(*byte)));
        }
        // Of an account that is too low for a key; of Bitcoin's test network.
        Kind::Crypto if value.starts_with("0x") || value.starts_with("0X") => {
            out.push_str("0x000000000000000000000000");
            for _ in 0..8 {
                push(out, format_args!("{:02x}", stream.byte()));
            }
        }
        Kind::Crypto => {
            let mut values = vec![0u8];
            values.extend((0..32).map(|_| stream.byte() & 31));
            let data = [values.as_slice(), &[0; 6]].concat();
            let sum = polymod(b"tb", &data) ^ 1;
            values.extend((0..6).map(|index| (sum >> (5 * (5 - index))).to_le_bytes()[0] & 31));
            out.push_str("tb1");
            out.extend(bech32_letters(&values));
        }
        Kind::Secret if value.starts_with("-----BEGIN") => {
            out.push_str("-----BEGIN PRIVATE KEY-----\nEXAMPLE\n-----END PRIVATE KEY-----");
        }
        Kind::Secret => {
            let start = value.len().min(4);
            let start =
                value.get(..start).filter(|head| head.bytes().all(|b| b.is_ascii_alphabetic()));
            out.push_str(start.unwrap_or_default());
            for _ in 0..8 {
                push(out, format_args!("{:02x}", stream.byte()));
            }
            out.push_str("EXAMPLE");
        }
        Kind::UrlCredentials => {
            push(out, format_args!("user{:06x}:EXAMPLE", stream.below(1 << 24)));
        }
        // No number begins with 000.
        Kind::UsSsn => {
            let (group, serial) = (1 + stream.below(99), 1 + stream.below(9999));
            push(out, format_args!("000-{group:02}-{serial:04}"));
        }
        // No place has 00.
        Kind::CnId => {
            out.push_str("000000");
            push(out, format_args!("{}", 1900 + stream.below(200)));
            out.push_str("0101");
            out.extend(stream.digits(4).iter().map(|digit| char::from(b'0' + digit)));
        }
    }
}
