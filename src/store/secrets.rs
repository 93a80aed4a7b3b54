//! Keeping credentials out of messages.
//!
//! Credentials come from the environment alone. Here is what refuses them in URLs, and what takes
//! them out of texts that others wrote, before those reach a message or a log.

use std::ops::Range;

/// What stands in the place of a secret.
const HIDDEN: char = '*';

/// Shorter values of the environment are no secrets, and would be found everywhere.
const MIN_SECRET: usize = 8;

/// Parts of names of query values that are secret.
const SECRET_NAMES: [&str; 7] =
    ["sig", "token", "credential", "key", "secret", "password", "policy"];

/// Where in `text` URLs hold user names, passwords or query values whose names are `secret`.
fn places(text: &str, secret: impl Fn(&str) -> bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find("://").map(|found| at + found + 3) {
        let scheme = text[..start - 3].rsplit(|c: char| !c.is_ascii_alphanumeric()).next();
        let length = text[start..]
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | ')'))
            .unwrap_or(text.len() - start);
        let url = &text[start..start + length];
        let authority = &url[..url.find(['/', '?', '#']).unwrap_or(url.len())];
        if let Some(user) = authority.rfind('@') {
            // `abfss://container@account.…` names no user.
            let azure = matches!(scheme, Some("az" | "abfs" | "abfss"));
            if !azure || authority[..user].contains(':') {
                found.push(start..start + user);
            }
        }
        if let Some(query) = url.find('?').filter(|&at| is_query(&url[at + 1..])) {
            let mut from = start + query + 1;
            for pair in url[query + 1..].split('&') {
                if let Some((name, value)) = pair.split_once('=').filter(|(name, _)| secret(name)) {
                    let value_at = from + name.len() + 1;
                    found.push(value_at..value_at + value.len());
                }
                from += pair.len() + 1;
            }
        }
        at = start + length;
    }
    found
}

/// Whether what follows a `?` is a query (`name=value`) rather than the rest of a glob.
pub(super) fn is_query(rest: &str) -> bool {
    rest.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.%".contains(&b))
    })
}

/// The text with the secrets of its URLs blotted out; its length stays, so that places in it stay
/// what they were.
#[must_use]
pub fn masked(text: &str) -> String {
    blotted(text, |_| true)
}

fn blotted(text: &str, secret: impl Fn(&str) -> bool) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for place in places(text, secret) {
        bytes[place].fill(HIDDEN as u8);
    }
    // Whole stretches between ASCII characters were filled with ASCII.
    String::from_utf8(bytes).unwrap_or_default()
}

/// A text that a storage service wrote, without anything secret.
pub(super) fn scrubbed(text: &str) -> String {
    let mut text = blotted(text, |name| {
        let name = name.to_ascii_lowercase();
        SECRET_NAMES.iter().any(|secret| name.contains(secret))
    });
    for value in environment() {
        if text.contains(&value) {
            text = text.replace(&value, "[hidden]");
        }
    }
    text
}

/// Values of the environment that are credentials.
fn environment() -> impl Iterator<Item = String> {
    std::env::vars_os().filter_map(|(name, value)| {
        let name = name.to_str()?;
        let ours = ["AWS_", "AZURE_", "GOOGLE_"].iter().any(|start| name.starts_with(start));
        let secret = ["KEY", "SECRET", "TOKEN", "PASSWORD", "SAS", "CREDENTIAL"]
            .iter()
            .any(|part| name.contains(part));
        let elsewhere = ["_FILE", "_PATH", "_URI", "_CREDENTIALS", "_ENABLED"]
            .iter()
            .any(|end| name.ends_with(end));
        let value = value.into_string().ok()?;
        (ours && secret && !elsewhere && value.len() >= MIN_SECRET).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_urls_are_blotted_out_and_nothing_moves() {
        for (text, wanted) in [
            ("s3://me:pw@bucket/x", "s3://*****@bucket/x"),
            ("path = \"https://tok@host/a?b\" # c", "path = \"https://***@host/a?b\" # c"),
            (
                "at https://h/x?X-Amz-Signature=abc&n=1: no",
                "at https://h/x?X-Amz-Signature=***&n=** no",
            ),
            ("az://box@account.blob/x", "az://box@account.blob/x"),
            ("az://box:key@account.blob/x", "az://*******@account.blob/x"),
            ("s3://b/y=202?/m=1?/*.gz", "s3://b/y=202?/m=1?/*.gz"),
            ("mail a@b.c, 1://2", "mail a@b.c, 1://2"),
            ("https://host/?sig=ä€", "https://host/?sig=*****"),
        ] {
            assert_eq!(masked(text), wanted);
            assert_eq!(masked(text).len(), text.len());
        }
        let said = "GET http://h/b?list-type=2&X-Amz-Signature=abc&prefix=x in 2 s";
        let wanted = "GET http://h/b?list-type=2&X-Amz-Signature=***&prefix=x in 2 s";
        assert_eq!(scrubbed(said), wanted);
    }
}
