//! Keys, tokens and passwords of programs.
//!
//! Forms and lengths follow the rules of [gitleaks](https://github.com/gitleaks/gitleaks) and the
//! makers' own documentation. Few strings begin such keys, so one search over the text finds all of
//! them at once.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::kind::{Kind, Span};

/// What may stand behind the start of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    /// `A` to `Z` and `2` to `7`.
    Base32,
    /// Letters and digits.
    Plain,
    /// Letters, digits, `-` and `_`.
    Url,
    /// Hexadecimal digits.
    Hex,
}

/// How a key goes on behind its start.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// So many characters, at least and at most.
    Run(Alphabet, usize, usize),
    /// Three parts of base 64 with dots; the first two JSON.
    Jwt,
    /// A private key with its lines of begin and end.
    Pem,
    /// The end of a name such as `api_key`, behind which a value may be set.
    Name,
}

use Alphabet::{Base32, Hex, Plain, Url};
use Form::{Jwt, Name, Pem, Run};

/// Starts of keys. At most 64, so that they are searched for all at once.
const STARTS: &[(&str, Form)] = &[
    // AWS.
    ("AKIA", Run(Base32, 16, 16)),
    ("ASIA", Run(Base32, 16, 16)),
    ("ABIA", Run(Base32, 16, 16)),
    ("ACCA", Run(Base32, 16, 16)),
    // Google: keys, OAuth tokens and secrets.
    ("AIza", Run(Url, 35, 35)),
    ("ya29.", Run(Url, 40, 500)),
    ("GOCSPX-", Run(Url, 28, 28)),
    // GitHub, GitLab.
    ("ghp_", Run(Plain, 36, 36)),
    ("gho_", Run(Plain, 36, 36)),
    ("ghu_", Run(Plain, 36, 36)),
    ("ghs_", Run(Plain, 36, 36)),
    ("ghr_", Run(Plain, 36, 76)),
    ("github_pat_", Run(Url, 82, 82)),
    ("glpat-", Run(Url, 20, 64)),
    ("glrt-", Run(Url, 20, 64)),
    ("gldt-", Run(Url, 20, 64)),
    // Slack.
    ("xoxb-", Run(Url, 24, 120)),
    ("xoxp-", Run(Url, 24, 120)),
    ("xoxa-", Run(Url, 24, 120)),
    ("xoxr-", Run(Url, 24, 120)),
    ("xoxs-", Run(Url, 24, 120)),
    ("xoxe-", Run(Url, 24, 200)),
    ("xapp-", Run(Url, 24, 200)),
    // OpenAI, Anthropic and others of the kind.
    ("sk-", Run(Url, 32, 220)),
    ("gsk_", Run(Plain, 40, 60)),
    ("hf_", Run(Plain, 34, 40)),
    ("r8_", Run(Plain, 37, 40)),
    // Stripe.
    ("sk_live_", Run(Plain, 16, 110)),
    ("sk_test_", Run(Plain, 16, 110)),
    ("rk_live_", Run(Plain, 16, 110)),
    ("rk_test_", Run(Plain, 16, 110)),
    // Package registries and hosts.
    ("npm_", Run(Plain, 36, 36)),
    ("pypi-AgE", Run(Url, 50, 1000)),
    ("dop_v1_", Run(Hex, 64, 64)),
    ("doo_v1_", Run(Hex, 64, 64)),
    ("dapi", Run(Hex, 32, 32)),
    ("shpat_", Run(Hex, 32, 32)),
    ("shpss_", Run(Hex, 32, 32)),
    ("shppa_", Run(Hex, 32, 32)),
    ("sq0atp-", Run(Url, 22, 60)),
    ("sq0csp-", Run(Url, 40, 60)),
    ("AGE-SECRET-KEY-1", Run(Plain, 58, 58)),
    ("eyJ", Jwt),
    ("-----BEGIN ", Pem),
    // Names of values.
    ("ecret", Name),
    ("ECRET", Name),
    ("assword", Name),
    ("asswd", Name),
    ("ASSWORD", Name),
    ("ASSWD", Name),
    ("oken", Name),
    ("OKEN", Name),
    ("pi_key", Name),
    ("piKey", Name),
    ("pikey", Name),
    ("pi-key", Name),
    ("PI_KEY", Name),
    ("PIKEY", Name),
    ("ccess_key", Name),
    ("ccessKey", Name),
    ("CCESS_KEY", Name),
    ("uth_key", Name),
    ("redential", Name),
];

/// How far behind its begin the end of a private key may stand.
const PEM: usize = 16 << 10;

/// Finds keys all over the text.
pub(super) fn find(text: &str, found: &mut Vec<Span>) {
    static SEARCH: OnceLock<Option<AhoCorasick>> = OnceLock::new();
    let search = SEARCH.get_or_init(|| {
        let starts = STARTS.iter().map(|(start, _)| start);
        AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(starts).ok()
    });
    // A few constant strings always make an automaton.
    let Some(search) = search else { return };
    let bytes = text.as_bytes();
    let mut floor = 0;
    let mut from = 0;
    while let Some(hit) = search.find(aho_corasick::Input::new(bytes).range(from..)) {
        from = hit.end();
        let (start, form) = (hit.start(), STARTS[hit.pattern().as_usize()].1);
        if start < floor {
            continue;
        }
        let span = match form {
            Run(alphabet, least, most) => run(bytes, start, hit.end(), alphabet, least, most),
            Jwt => jwt(bytes, start),
            Pem => pem(text, start),
            Name => value(bytes, start, hit.end()),
        };
        if let Some((start, end)) = span
            && !is_example(&bytes[start..end])
        {
            found.push(Span { start, end, kind: Kind::Secret });
            floor = end;
            from = from.max(end);
        }
    }
}

/// Whether it says itself that it is none: AWS's documentation has `AKIAIOSFODNN7EXAMPLE`.
fn is_example(key: &[u8]) -> bool {
    [b"EXAMPLE".as_slice(), b"example", b"xxxx", b"XXXX", b"your", b"YOUR", b"12345678", b"abcdef"]
        .iter()
        .any(|mark| memchr::memmem::find(key, mark).is_some())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn starts_word(bytes: &[u8], start: usize) -> bool {
    start == 0 || !is_word(bytes[start - 1])
}

fn run(
    bytes: &[u8],
    start: usize,
    body: usize,
    alphabet: Alphabet,
    least: usize,
    most: usize,
) -> Option<(usize, usize)> {
    let within = |byte: &u8| match alphabet {
        Base32 => matches!(byte, b'A'..=b'Z' | b'2'..=b'7'),
        Plain => byte.is_ascii_alphanumeric(),
        Url => is_word(*byte),
        Hex => byte.is_ascii_hexdigit(),
    };
    if !starts_word(bytes, start) {
        return None;
    }
    let length = bytes[body..].iter().take(most + 1).take_while(|byte| within(byte)).count();
    let end = body + length;
    let closed = bytes.get(end).is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    // `sk-learn-pipeline-with-many-parts` is a name; a key has letters and digits in no order.
    let random = entropy(&bytes[body..end]) >= 3.0 && is_mixed(&bytes[body..end]);
    ((least..=most).contains(&length)
        && closed
        && (random || alphabet == Base32 && random_base32(&bytes[body..end])))
    .then_some((start, end))
}

/// One key of AWS in 28 has no digit.
fn random_base32(key: &[u8]) -> bool {
    entropy(key) >= 3.0
}

/// Digits and letters, changing at least three times.
fn is_mixed(key: &[u8]) -> bool {
    let plain = key.iter().filter(|byte| byte.is_ascii_alphanumeric());
    let kinds: Vec<bool> = plain.map(u8::is_ascii_digit).collect();
    kinds.windows(2).filter(|pair| pair[0] != pair[1]).count() >= 3
}

/// Bits of [entropy](https://en.wikipedia.org/wiki/Entropy_(information_theory)) a character.
fn entropy(key: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for byte in key {
        counts[usize::from(*byte)] += 1;
    }
    #[expect(clippy::cast_precision_loss, reason = "keys are short")]
    let total = key.len() as f64;
    let parts = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / total);
    -parts.map(|part| part * libm::log2(part)).sum::<f64>()
}

fn jwt(bytes: &[u8], start: usize) -> Option<(usize, usize)> {
    if !starts_word(bytes, start) {
        return None;
    }
    let part = |from: usize| bytes[from..].iter().take_while(|byte| is_word(**byte)).count();
    let first = start + part(start);
    if first - start < 17 || !bytes[first..].starts_with(b".eyJ") {
        return None;
    }
    let second = first + 1 + part(first + 1);
    if second - first < 17 || bytes.get(second) != Some(&b'.') {
        return None;
    }
    let third = second + 1 + part(second + 1);
    // Without a signature it proves nothing, but it still holds what it says of somebody.
    Some((start, third))
}

/// A private key, to the end of its last line, or of its last line of base 64 where that is missing.
fn pem(text: &str, start: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let head = bytes[start..bytes.len().min(start + 100)].iter().position(|byte| *byte == b'\n');
    let label_end =
        memchr::memmem::find(&bytes[start + 11..bytes.len().min(start + 90)], b"-----")?;
    let label = &bytes[start + 11..start + 11 + label_end];
    let private = label.ends_with(b"PRIVATE KEY") || label.ends_with(b"PRIVATE KEY BLOCK");
    if !private || head.is_some_and(|line| line < 11 + label_end) {
        return None;
    }
    let body = start + 11 + label_end + 5;
    let window = &bytes[body..bytes.len().min(body + PEM)];
    if let Some(end) = memchr::memmem::find(window, b"-----END ")
        && let Some(close) = memchr::memmem::find(&window[end + 9..], b"KEY")
        && close < 60
    {
        let tail = body + end + 9 + close + 3;
        let dashes = bytes[tail..].iter().take(12).take_while(|byte| b" BLOCK-".contains(byte));
        let long = window[..end].iter().filter(|byte| byte.is_ascii_alphanumeric()).count() >= 64;
        return long.then_some((start, tail + dashes.count()));
    }
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=\r\n\\".contains(byte);
    let length = window.iter().take_while(|byte| base64(byte)).count();
    let end = body + window[..length].iter().rposition(u8::is_ascii_alphanumeric)? + 1;
    (end - body >= 64).then_some((start, end))
}

/// The value set behind a name that ends at `end`: `api_key = "…"`, `"token": "…"`.
fn value(bytes: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    // A public key is none.
    let name = &bytes[start.saturating_sub(12)..end];
    if memchr::memmem::find(name, b"ublic").is_some()
        || memchr::memmem::find(name, b"UBLIC").is_some()
    {
        return None;
    }
    let rest = &bytes[end..bytes.len().min(end + 240)];
    let name = rest.iter().take(20).take_while(|byte| is_word(**byte) || **byte == b'.').count();
    let mut at = name;
    let skip = |at: &mut usize, what: &[u8], most: usize| {
        let count = rest[*at..].iter().take(most).take_while(|byte| what.contains(byte)).count();
        *at += count;
        count
    };
    skip(&mut at, b" \t\"'`]", 4);
    if skip(&mut at, b"=:>", 3) == 0 {
        return None;
    }
    skip(&mut at, b" \t", 4);
    let quoted = skip(&mut at, b"\"'`", 1) == 1;
    let body = at;
    let within = |byte: &u8| is_word(*byte) || b"+/=.~".contains(byte);
    let length = rest[body..].iter().take(151).take_while(|byte| within(byte)).count();
    let key = &rest[body..body + length];
    let behind = rest.get(body + length);
    let closed = match behind {
        None => true,
        Some(byte) if quoted => b"\"'`".contains(byte),
        Some(byte) => byte.is_ascii_whitespace() || b",;&\"'`)}]<".contains(byte),
    };
    // Paths, addresses, versions and calls are no keys.
    let path = key.contains(&b'/') && key.iter().filter(|byte| b"/.".contains(byte)).count() > 3;
    let dotted = memchr::memchr_iter(b'.', key).count() > 1;
    let good = (16..=150).contains(&length)
        && closed
        && !path
        && !dotted
        && is_mixed(key)
        && entropy(key) >= 3.5;
    good.then_some((end + body, end + body + length))
}
