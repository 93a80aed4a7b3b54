//! Addresses relative to a page's own.

/// The address that `reference` means on a page at `base`; only `http` and `https`.
pub(super) fn resolve(base: Option<&str>, reference: &str) -> Option<String> {
    let reference = reference.trim();
    if reference.is_empty() || reference.contains(char::is_whitespace) {
        return None;
    }
    if let Some((scheme, _)) = split_scheme(reference) {
        let web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        return web.then(|| reference.to_owned());
    }
    let base = base?.trim();
    let (scheme, rest) = split_scheme(base)?;
    if let Some(rest) = reference.strip_prefix("//") {
        return Some(format!("{scheme}://{rest}"));
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let path = &path[..path.find(['?', '#']).unwrap_or(path.len())];
    if let Some(tail) = reference.strip_prefix(['?', '#']) {
        let sign = &reference[..1];
        return Some(format!("{scheme}://{host}{path}{sign}{tail}"));
    }
    let folder = if reference.starts_with('/') {
        ""
    } else {
        path.rfind('/').map_or("/", |at| &path[..=at])
    };
    let (own, tail) = reference.split_at(reference.find(['?', '#']).unwrap_or(reference.len()));
    let path = without_dots(&[folder, own].concat());
    Some(format!("{scheme}://{host}{path}{tail}"))
}

/// `scheme://` at the start.
fn split_scheme(address: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = address.split_once(':')?;
    let name = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !name {
        return None;
    }
    Some((scheme, rest.strip_prefix("//").unwrap_or(rest)))
}

fn without_dots(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let mut segments = path.trim_start_matches('/').split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    parts.pop();
                }
                if last {
                    parts.push("");
                }
            }
            _ => parts.push(segment),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn references_are_resolved() {
        let base = Some("https://a.example/b/c?d#e");
        let cases = [
            ("https://x.example/y", "https://x.example/y"),
            ("//x.example/y", "https://x.example/y"),
            ("/y", "https://a.example/y"),
            ("y", "https://a.example/b/y"),
            ("../y?z=/../", "https://a.example/y?z=/../"),
            ("./", "https://a.example/b/"),
            ("../../../y", "https://a.example/y"),
            ("?q", "https://a.example/b/c?q"),
        ];
        for (reference, expected) in cases {
            assert_eq!(resolve(base, reference).as_deref(), Some(expected), "{reference}");
        }
        assert_eq!(resolve(None, "/y"), None);
        assert_eq!(resolve(base, "javascript:x()"), None);
        assert_eq!(resolve(Some("https://a.example"), "y").as_deref(), Some("https://a.example/y"));
        assert_eq!(resolve(base, " "), None);
    }
}
