//! The parts of an address that lists are about.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use psl::Type;

/// An address taken apart. Its host is in the form that lists are compared in: lower case, punycode,
/// no dot at the end, IPv6 in its shortest form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address<'a> {
    /// Without scheme, user and fragment; as written.
    pub(super) bare: &'a str,
    /// `None` where the address has none that could be one.
    pub(super) host: Option<Host<'a>>,
    /// The port, where it is not that of http or https.
    port: Option<&'a str>,
    /// Path and query.
    rest: &'a str,
}

/// The host of an address.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Host<'a> {
    pub(super) name: Cow<'a, str>,
    is_ip: bool,
}

impl<'a> Address<'a> {
    /// Takes an address apart, whole or without its scheme. Nothing is refused: a broken address has
    /// no host.
    pub(super) fn parse(address: &'a str) -> Self {
        let address = address.trim_matches(|c: char| c.is_whitespace() || c.is_control());
        let address = &address[..address.find('#').unwrap_or(address.len())];
        let address = without_scheme(address);
        let end = address.find(['/', '?', '\\']).unwrap_or(address.len());
        let (authority, rest) = address.split_at(end);
        let user = authority.rfind('@').map_or(0, |at| at + 1);
        let authority = &authority[user..];
        let (host, port) = split_port(authority);
        let sound = port.is_none_or(|port| port.bytes().all(|b| b.is_ascii_digit()));
        Self {
            bare: &address[user..],
            host: if sound { Host::parse(host) } else { None },
            port: port.filter(|port| !matches!(*port, "" | "80" | "443")),
            rest,
        }
    }

    /// Puts the form in which whole addresses are compared into `buffer`: host without `www.`, port
    /// if it is an uncommon one, path and query, no slash at the end. `false` without a host.
    pub(super) fn key(&self, buffer: &mut String) -> bool {
        buffer.clear();
        let Some(host) = &self.host else { return false };
        buffer.push_str(host.name.strip_prefix("www.").unwrap_or(&host.name));
        if let Some(port) = self.port {
            buffer.push(':');
            buffer.push_str(port);
        }
        buffer.push_str(self.rest.strip_suffix('/').unwrap_or(self.rest));
        true
    }
}

/// Cuts off `scheme://` or `//`; as browsers do also with backslashes, and for http and https with any
/// number of them.
fn without_scheme(address: &str) -> &str {
    const SLASHES: [char; 2] = ['/', '\\'];
    let (scheme, behind) = address.split_once(':').unwrap_or(("", address));
    let slashes = behind.len() - behind.trim_start_matches(SLASHES).len();
    let web = ["http", "https"].iter().any(|name| scheme.eq_ignore_ascii_case(name));
    let named = scheme.is_empty()
        || scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    if web || named && slashes >= 2 { &behind[slashes..] } else { address }
}

/// Host and port of `host:port`; what is behind the colon may be no port.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    if authority.starts_with('[') {
        let end = authority.find(']').map_or(authority.len(), |at| at + 1);
        return (&authority[..end], authority[end..].strip_prefix(':'));
    }
    match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    }
}

impl<'a> Host<'a> {
    /// Reads a host as it stands in an address or a list.
    pub(super) fn parse(host: &'a str) -> Option<Self> {
        if let Some(inner) = host.strip_prefix('[') {
            let ip: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
            return Some(Self { name: Cow::Owned(ip.to_string()), is_ip: true });
        }
        let lower = !host.bytes().any(|b| b.is_ascii_uppercase() || b == b'%' || !b.is_ascii());
        let mut name = if lower { Cow::Borrowed(host) } else { Cow::Owned(ascii(host)?) };
        while name.ends_with('.') {
            name = match name {
                Cow::Borrowed(name) => Cow::Borrowed(&name[..name.len() - 1]),
                Cow::Owned(mut name) => {
                    name.pop();
                    Cow::Owned(name)
                }
            };
        }
        let sound = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        if name.len() > 253 || !name.split('.').all(sound) {
            return None;
        }
        let is_ip = name.parse::<Ipv4Addr>().is_ok();
        Some(Self { name, is_ip })
    }

    /// The part that somebody registered: the public suffix and one label more, as
    /// <https://publicsuffix.org> has it without its private domains (`a.github.io` belongs to
    /// `github.io`). An IP address, a single label and a public suffix are their own.
    pub(super) fn registered(&self) -> &str {
        let name = self.name.as_ref();
        if self.is_ip {
            return name;
        }
        let Some(mut suffix) = psl::suffix(name.as_bytes()) else { return name };
        // Without the first label of a private suffix the next longest rule is found.
        while suffix.typ() == Some(Type::Private) {
            let bytes = suffix.as_bytes();
            let Some(dot) = memchr::memchr(b'.', bytes) else { break };
            let Some(shorter) = psl::suffix(&bytes[dot + 1..]) else { break };
            suffix = shorter;
        }
        let Some(before) = name.len().checked_sub(suffix.as_bytes().len() + 1) else { return name };
        &name[name[..before].rfind('.').map_or(0, |dot| dot + 1)..]
    }

    /// The host and the domains above it, down to the registered one, the longest first.
    pub(super) fn domains(&self) -> impl Iterator<Item = &str> {
        let name = self.name.as_ref();
        let last = name.len() - self.registered().len();
        let dots = name[..last].match_indices('.').map(|(dot, _)| dot + 1);
        std::iter::once(0).chain(dots).map(move |start| &name[start..])
    }
}

/// A host with capitals, escapes or characters beyond ASCII in lower-case ASCII.
fn ascii(host: &str) -> Option<String> {
    if host.contains('%') {
        let decoded = percent_decode(host)?;
        return if decoded.contains('%') { None } else { ascii(&decoded) };
    }
    if host.is_ascii() { Some(host.to_ascii_lowercase()) } else { idna::domain_to_ascii(host).ok() }
}

fn percent_decode(host: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(host.len());
    let mut rest = host.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let digit = |at: usize| behind.get(at).and_then(|&b| char::from(b).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).ok()?);
                rest = &behind[2..];
            }
            (b'%', ..) => return None,
            _ => {
                bytes.push(byte);
                rest = behind;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(address: &str) -> String {
        Address::parse(address).host.map_or("-".to_owned(), |host| host.name.into_owned())
    }

    #[test]
    fn hosts_of_all_kinds_of_addresses() {
        let cases = [
            ("https://example.com/x", "example.com"),
            ("HTTP://EXAMPLE.COM", "example.com"),
            ("//example.com/x", "example.com"),
            ("example.com/x?y#z", "example.com"),
            ("example.com?y", "example.com"),
            ("  https://example.com:8080/x\n", "example.com"),
            ("https://user:pass@example.com:80", "example.com"),
            ("https://a@b@example.com/@c", "example.com"),
            ("https://example.com./x", "example.com"),
            ("https://example.com..", "example.com"),
            ("https://bücher.example/", "xn--bcher-kva.example"),
            ("https://BÜCHER.example/", "xn--bcher-kva.example"),
            ("https://xn--BCHER-kva.example/", "xn--bcher-kva.example"),
            ("https://例え。テスト/", "xn--r8jz45g.xn--zckzah"),
            ("https://ex%61mple.com/", "example.com"),
            ("https://192.0.2.1:81/x", "192.0.2.1"),
            ("https://[2001:DB8:0:0::1]:8080/x", "2001:db8::1"),
            ("https://under_score.example.com/", "under_score.example.com"),
            ("https:\\\\example.com\\x", "example.com"),
            ("http:/example.com/x", "example.com"),
            ("https://example.com:80a/", "-"),
            ("https://example.com\\@evil.example/", "example.com"),
            ("https:///example.com/x", "example.com"),
            ("http://localhost/", "localhost"),
            ("", "-"),
            ("https://", "-"),
            ("/only/a/path", "-"),
            ("https://exa mple.com/", "-"),
            ("https://.example.com/", "-"),
            ("https://a..b/", "-"),
            ("https://%zz.com/", "-"),
            ("https://%2525.com/", "-"),
            ("https://[::1", "-"),
            ("https://[zz]/", "-"),
            ("mailto:somebody@example.com", "example.com"),
            ("data:text/html,x", "-"),
            ("\u{fffd}\0//x", "-"),
        ];
        for (address, wanted) in cases {
            assert_eq!(host(address), wanted, "{address}");
        }
        assert_eq!(host(&format!("https://{}/", "a.".repeat(200))), "-");
        assert_eq!(host(&format!("https://{}.com/", "a".repeat(64))), "-");
    }

    #[test]
    fn registered_domains_without_private_suffixes() {
        let cases = [
            ("example.com", "example.com"),
            ("www.sub.example.com", "example.com"),
            ("a.b.example.co.uk", "example.co.uk"),
            ("a.github.io", "github.io"),
            ("a.blogspot.com", "blogspot.com"),
            ("bucket.s3.dualstack.us-east-1.amazonaws.com", "amazonaws.com"),
            ("b.c.compute.amazonaws.com.cn", "amazonaws.com.cn"),
            ("a.b.nosuchtld", "b.nosuchtld"),
            ("x.y.kobe.jp", "x.y.kobe.jp"),
            ("a.city.kobe.jp", "city.kobe.jp"),
            ("xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn"),
            ("a.xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn"),
            ("localhost", "localhost"),
            ("co.uk", "co.uk"),
            ("uk", "uk"),
            ("192.0.2.1", "192.0.2.1"),
        ];
        for (host, wanted) in cases {
            assert_eq!(Host::parse(host).unwrap().registered(), wanted, "{host}");
        }
        let host = Host::parse("a.b.example.co.uk").unwrap();
        let domains: Vec<_> = host.domains().collect();
        assert_eq!(domains, ["a.b.example.co.uk", "b.example.co.uk", "example.co.uk"]);
        assert_eq!(Host::parse("192.0.2.1").unwrap().domains().count(), 1);
    }

    #[test]
    fn whole_addresses_compare_without_what_does_not_matter() {
        let key = |address: &str| {
            let mut key = String::new();
            Address::parse(address).key(&mut key).then_some(key)
        };
        let same = [
            "https://www.Example.com/Path?q=1",
            "http://example.com:80/Path?q=1#part",
            "example.com/Path?q=1",
            "//me@example.com./Path?q=1",
        ];
        for address in same {
            assert_eq!(key(address).as_deref(), Some("example.com/Path?q=1"), "{address}");
        }
        assert_eq!(key("https://example.com/").as_deref(), Some("example.com"));
        assert_eq!(key("https://example.com/a/").as_deref(), Some("example.com/a"));
        assert_eq!(key("https://example.com:8080/a").as_deref(), Some("example.com:8080/a"));
        assert_eq!(key("/a"), None);
    }
}
