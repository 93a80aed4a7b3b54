//! E-mail addresses and, since they too stand before an `@`, credentials in addresses.

use super::kind::{Kind, Kinds, Span};

/// Longest local part and host that are looked at.
const LOCAL: usize = 64;
const HOST: usize = 253;
/// How far before the `@` of an address its `://` may stand.
const CREDENTIALS: usize = 256;

/// Looks at the `@` at `at`; `floor` is where the last one ended.
pub(super) fn find(
    text: &str,
    at: usize,
    floor: usize,
    kinds: Kinds,
    found: &mut Vec<Span>,
) -> usize {
    let bytes = text.as_bytes();
    let behind = at + if bytes[at] == b'@' { 1 } else { '＠'.len_utf8() };
    if let Some(scheme) = scheme(bytes, at, floor) {
        let user = &text[scheme..at];
        if kinds.has(Kind::UrlCredentials) && is_credentials(user, bytes.get(behind)) {
            found.push(Span { start: scheme, end: at, kind: Kind::UrlCredentials });
        }
        // `ssh://git@host`: no e-mail address either way.
        return behind;
    }
    if !kinds.has(Kind::Email) {
        return behind;
    }
    let start = local(bytes, at, floor);
    let Some(end) = host(text, behind) else { return behind };
    // `git@github.com:owner/name` is where a repository lies.
    let repository = &bytes[start..at] == b"git" && bytes.get(end) == Some(&b':');
    if start < at && !repository {
        found.push(Span { start, end, kind: Kind::Email });
    }
    end
}

/// Where the user begins, if a `://` stands before the `@` and nothing between that ends it.
fn scheme(bytes: &[u8], at: usize, floor: usize) -> Option<usize> {
    let mut start = at;
    while start > floor.max(at.saturating_sub(CREDENTIALS)) {
        match bytes[start - 1] {
            b'/' => {
                let before = &bytes[..start];
                return before.ends_with(b"://").then_some(start);
            }
            byte if byte <= b' ' || b"<>\"'`@?#(){}[]|\\^".contains(&byte) => return None,
            _ => start -= 1,
        }
    }
    None
}

/// `user:password`, neither of them a name for what stands there in truth.
fn is_credentials(user: &str, host: Option<&u8>) -> bool {
    let Some((name, password)) = user.split_once(':') else { return false };
    let placeholder = |text: &str| {
        let plain = text.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_ascii_lowercase();
        matches!(
            plain.as_str(),
            "" | "password"
                | "passwd"
                | "pass"
                | "pwd"
                | "pw"
                | "secret"
                | "token"
                | "x"
                | "xxx"
                | "xxxx"
                | "foo"
                | "bar"
                | "your_password"
                | "yourpassword"
                | "your-password"
                | "mypassword"
                | "p"
        ) || text.contains('$')
            || text.contains('%') && text.ends_with(['%', 's'])
            || text.contains("EXAMPLE")
    };
    !name.is_empty()
        && name.len() <= 128
        && name != password
        && !placeholder(password)
        && host.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80 || *byte == b'[')
}

/// Whether the two bytes are a letter of Latin with a mark, U+00C0 to U+024F.
fn latin(lead: u8, next: u8) -> bool {
    (0xC3..=0xC9).contains(&lead) && (0x80..0xC0).contains(&next) && (lead < 0xC9 || next < 0x90)
}

/// Where the local part that ends at `at` begins; `at` where there is none.
fn local(bytes: &[u8], at: usize, floor: usize) -> usize {
    let floor = floor.max(at.saturating_sub(LOCAL));
    let mut start = at;
    while start > floor {
        match bytes[start - 1] {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'%' | b'+' | b'-' => {
                start -= 1;
            }
            b'\''
                if start < at
                    && bytes[start].is_ascii_alphabetic()
                    && start >= 2
                    && bytes[start - 2].is_ascii_alphabetic() =>
            {
                start -= 1;
            }
            next if start >= floor + 2 && latin(bytes[start - 2], next) => start -= 2,
            _ => break,
        }
    }
    // Of `%20name` only the name is one.
    if let Some(percent) = bytes[start..at].iter().rposition(|byte| *byte == b'%') {
        let escape = bytes[start + percent + 1..at].iter().take(2);
        let escape = escape.take_while(|byte| byte.is_ascii_hexdigit()).count();
        start += percent + 1 + escape;
    }
    while start < at && matches!(bytes[start], b'.' | b'-' | b'+' | b'_') {
        start += 1;
    }
    if start < at && bytes[at - 1] == b'.' { at } else { start }
}

/// Where the host that begins at `start` ends, if it is one under a top-level domain that exists and
/// that is not kept for examples.
fn host(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let limit = bytes.len().min(start + HOST);
    let mut end = start;
    while end < limit {
        match bytes[end] {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => end += 1,
            b'-' | b'.' if end > start && !matches!((bytes[end - 1], bytes[end]), (b'.', _)) => {
                end += 1;
            }
            lead if end + 1 < limit && latin(lead, bytes[end + 1]) => end += 2,
            _ => break,
        }
    }
    while end > start && matches!(bytes[end - 1], b'.' | b'-') {
        end -= 1;
    }
    // `name@host.org.Then` goes on with the next sentence.
    let mut labels = 0;
    loop {
        let host = &text[start..end];
        let (rest, top) = host.rsplit_once('.')?;
        if rest.rsplit('.').all(is_label) && is_top(host, top) {
            return (!reserved(host)).then_some(end);
        }
        labels += 1;
        if labels == 3 {
            return None;
        }
        end = start + rest.len();
    }
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
}

/// Whether there is such a top-level domain, and hosts right below the one that a host is in.
fn is_top(host: &str, top: &str) -> bool {
    // Mixed case is the first word of a sentence: `host.org.In` is no address under `.in`.
    let mixed = top.as_bytes().first().is_some_and(u8::is_ascii_uppercase)
        && top.bytes().skip(1).any(|byte| byte.is_ascii_lowercase());
    let ascii = top.bytes().all(|byte| byte.is_ascii_alphabetic());
    let letters = top.len() >= 2 && (ascii || top.starts_with("xn--"));
    !mixed
        && letters
        && psl::suffix(host.to_ascii_lowercase().as_bytes()).is_some_and(|suffix| suffix.is_known())
}

/// Names kept for documentation: <https://www.rfc-editor.org/rfc/rfc2606>.
fn reserved(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let within = |domain: &str| {
        host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    ["example.com", "example.net", "example.org", "example", "test", "invalid", "localhost"]
        .into_iter()
        .any(within)
}
