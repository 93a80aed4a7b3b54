//! Whether a chunk is a URL to spaCy, without backtracking.
//!
//! Mirrors [`URL_PATTERN`](https://github.com/explosion/spaCy/blob/master/spacy/lang/tokenizer_exceptions.py)
//! for text without white space; the generator of the rules file asserts that the package still
//! has exactly this pattern:
//!
//! ```text
//! ^ (scheme{2,}://)? (\S+@)? ( address | (label\.)+ tld{2,63} ) (:\d{2,5})? ([/?#]\S*)? $
//! ```
//!
//! Only the answer counts, not the match. A host can start at the front, behind the scheme or
//! behind any `@` that has something before it. From each such place labels, top level domain and
//! port are read in one way only, as none of their characters is a delimiter, and the reading
//! stops at the next `@` at the latest: the time is linear.

use super::rules::Rules;

/// Whether `url_match` of spaCy's English tokenizer matches `chunk`.
pub(super) fn is_url(rules: &Rules, chunk: &str) -> bool {
    // Both kinds of host hold a full stop.
    if memchr::memchr(b'.', chunk.as_bytes()).is_none() {
        return false;
    }
    let scheme = scheme_len(rules, chunk);
    let users = memchr::memchr_iter(b'@', chunk.as_bytes()).filter(|at| *at > 0);
    [0, scheme].into_iter().chain(users.map(|at| at + 1)).any(|at| is_host(rules, &chunk[at..]))
}

/// Length of the scheme with its `://`, or 0.
fn scheme_len(rules: &Rules, chunk: &str) -> usize {
    let Some(colon) = memchr::memchr(b':', chunk.as_bytes()) else { return 0 };
    let marker = "://";
    let fits = chunk[colon..].starts_with(marker)
        && chunk[..colon].chars().nth(rules.url.scheme_min - 1).is_some()
        && chunk[..colon].chars().all(|ch| rules.classes.has(ch, rules.url.scheme));
    if fits { colon + marker.len() } else { 0 }
}

/// Whether `text` is a host with an optional port and path.
fn is_host(rules: &Rules, text: &str) -> bool {
    is_domain(rules, text) || is_address(rules, text)
}

fn is_address(rules: &Rules, text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_digit())
        && rules.url.address.is_match(text)
        && !rules.url.private.iter().any(|private| private.is_match(text))
}

fn is_domain(rules: &Rules, text: &str) -> bool {
    let url = &rules.url;
    let mut rest = text;
    loop {
        // A label: at most `label_max` characters, plain ones at both ends.
        let mut last = None;
        let mut end = None;
        for (count, (at, ch)) in rest.char_indices().enumerate() {
            if ch == '.' {
                end = Some(at);
                break;
            }
            let class = if count == 0 { url.host } else { url.inner };
            if count == url.label_max || !rules.classes.has(ch, class) {
                return false;
            }
            last = Some(ch);
        }
        let (Some(end), Some(last)) = (end, last) else { return false };
        if !rules.classes.has(last, url.host) {
            return false;
        }
        rest = &rest[end + 1..];
        let tld = rest.char_indices().take(url.tld_max + 1);
        let tld = tld.take_while(|(_, ch)| rules.classes.has(*ch, url.tld));
        let (count, length) = tld.fold((0, 0), |(n, _), (at, ch)| (n + 1, at + ch.len_utf8()));
        if (url.tld_min..=url.tld_max).contains(&count) && is_port_and_path(rules, &rest[length..])
        {
            return true;
        }
    }
}

fn is_port_and_path(rules: &Rules, text: &str) -> bool {
    let is_path =
        |text: &str| text.bytes().next().is_none_or(|byte| rules.url.path.contains(&byte));
    let Some(port) = text.strip_prefix(':') else { return is_path(text) };
    let digits = port.char_indices().take(rules.url.port_max + 1);
    let digits = digits.take_while(|(_, ch)| rules.classes.has(*ch, rules.url.digit));
    let (count, length) = digits.fold((0, 0), |(n, _), (at, ch)| (n + 1, at + ch.len_utf8()));
    (rules.url.port_min..=rules.url.port_max).contains(&count) && is_path(&port[length..])
}
