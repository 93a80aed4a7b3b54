//! The formats that lists come in, told line by line.

use std::net::IpAddr;
use std::path::Path;

use super::address::{Address, Host};
use super::keys::Keys;
use crate::model::AssetError;
use crate::model::list::{entries, for_each_line};

/// Domains and hosts.
pub(super) struct Domains(pub Keys);

/// Whole addresses.
pub(super) struct Urls(pub Keys);

/// Words and parts of words, in lower-case ASCII letters and digits.
pub(super) struct Words(pub Vec<String>);

/// Why a line gives no entry.
#[derive(Debug, PartialEq, Eq)]
enum Unusable {
    /// It says something that a list of domains or addresses cannot.
    Rule(&'static str),
    /// It is not what the list should hold.
    Wrong(&'static str),
}

const NO_DOMAIN: Unusable = Unusable::Wrong("no domain");
const ADDRESS: Unusable = Unusable::Wrong("an address; name the file under `urls`");
const NO_ADDRESS: Unusable = Unusable::Wrong("no address with a host");
const EXCEPTION: Unusable = Unusable::Rule("an exception");
const PAGE_PARTS: Unusable = Unusable::Rule("about parts of pages");
const PATTERN: Unusable = Unusable::Rule("a pattern");
const OPTIONS: Unusable = Unusable::Rule("for some requests only");

/// Options of a filter rule that leave it one about whole pages.
const WHOLE_PAGE: [&str; 5] = ["all", "document", "doc", "popup", "important"];

/// Names that hosts files give to the machine itself.
const LOCAL: [&str; 5] =
    ["localhost", "localhost.localdomain", "local", "broadcasthost", "0.0.0.0"];

impl Domains {
    /// Loads a list of domains: a domain a line, a hosts file or filter rules.
    pub(super) fn load(path: &Path) -> Result<Self, AssetError> {
        let mut keys = Keys::default();
        load(path, "domains", &mut keys, |line, keys| {
            domains(line, &mut |domain| keys.insert(domain))
        })?;
        Ok(Self(keys))
    }
}

impl Urls {
    /// Loads a list of addresses, one a line.
    pub(super) fn load(path: &Path) -> Result<Self, AssetError> {
        let mut keys = Keys::default();
        let mut key = String::new();
        load(path, "addresses", &mut keys, |line, keys| {
            if line.starts_with("@@") {
                return Err(EXCEPTION);
            }
            if line.starts_with('|') || line.contains(['*', '^', ' ']) {
                return Err(PATTERN);
            }
            let address = Address::parse(line);
            let dotted = address.host.as_ref().is_some_and(|host| host.name.contains(['.', ':']));
            if !dotted || !address.key(&mut key) {
                return Err(NO_ADDRESS);
            }
            keys.insert(&key);
            Ok(())
        })?;
        Ok(Self(keys))
    }
}

impl Words {
    /// Loads a list of words, one a line; of each only the ASCII letters and digits count.
    pub(super) fn load(path: &Path) -> Result<Self, AssetError> {
        let mut words = entries(path)?;
        for word in &mut words {
            let bare: String = word.chars().filter(char::is_ascii_alphanumeric).collect();
            if bare.is_empty() {
                let reason = format!(
                    "`{}` has no ASCII letter or digit, so no address can hold it",
                    word.escape_debug()
                );
                return Err(AssetError::List { path: path.to_owned(), reason });
            }
            *word = bare.to_ascii_lowercase();
        }
        Ok(Self(words))
    }
}

/// Reads a list line by line. Lines that say what no list can express are counted, told of and left
/// out; so are wrong ones if they are few, since lists of millions of lines have some. A list with
/// many of them is another kind of file.
fn load(
    path: &Path,
    what: &str,
    keys: &mut Keys,
    mut read: impl FnMut(&str, &mut Keys) -> Result<(), Unusable>,
) -> Result<(), AssetError> {
    let (mut lines, mut rules, mut wrong) = (0u64, 0u64, 0u64);
    let mut filters = false;
    let mut first: Option<String> = None;
    for_each_line(path, |number, line| {
        if line.is_empty() || line.starts_with(b"#") {
            return Ok(());
        }
        if line.starts_with(b"!") || line.starts_with(b"[Adblock") {
            filters = true;
            return Ok(());
        }
        filters |= line.starts_with(b"||");
        lines += 1;
        let text = std::str::from_utf8(line);
        let result = text.map_err(|_| Unusable::Wrong("not UTF-8")).and_then(|l| read(l, keys));
        if let Err(unusable) = result {
            let (count, why) = match unusable {
                Unusable::Rule(why) => (&mut rules, why),
                Unusable::Wrong(why) => (&mut wrong, why),
            };
            *count += 1;
            first.get_or_insert_with(|| {
                let start: String = String::from_utf8_lossy(line).chars().take(60).collect();
                format!("line {number} `{}` is {why}", start.escape_debug())
            });
        }
        Ok(())
    })?;
    let refused = |reason: String| AssetError::List { path: path.to_owned(), reason };
    keys.seal().map_err(refused)?;
    let first = first.unwrap_or_default();
    if keys.len() == 0 {
        let reason = if first.is_empty() {
            format!("it holds no {what}; leave it out or fill it")
        } else {
            format!("it holds no {what}: {first}")
        };
        return Err(refused(reason));
    }
    // In a file of filter rules everything that is no domain is some other rule.
    if !filters && wrong * 100 > lines {
        return Err(refused(format!(
            "{first}; with {wrong} of {lines} lines like that it is no list of {what}"
        )));
    }
    if rules + wrong > 0 {
        tracing::warn!(
            "`{}`: {} of {lines} lines cannot be used as {what} and are left out, the first: {first}",
            path.display(),
            rules + wrong,
        );
    }
    Ok(())
}

/// Gives the domains of a line to `entry`.
fn domains(line: &str, entry: &mut dyn FnMut(&str)) -> Result<(), Unusable> {
    if line.starts_with("@@") {
        return Err(EXCEPTION);
    }
    if ["##", "#@#", "#?#", "#$#"].iter().any(|mark| line.contains(mark)) {
        return Err(PAGE_PARTS);
    }
    if let Some(rule) = line.strip_prefix("||") {
        let (pattern, options) = rule.split_once('$').unwrap_or((rule, ""));
        if !options.is_empty() && !options.split(',').all(|option| WHOLE_PAGE.contains(&option)) {
            return Err(OPTIONS);
        }
        let pattern = pattern.strip_suffix('|').unwrap_or(pattern);
        let domain = pattern.strip_suffix('^').ok_or(PATTERN)?;
        return if domain.contains(['*', '/', '^']) { Err(PATTERN) } else { host(domain, entry) };
    }
    if line.starts_with(['|', '/']) {
        return Err(PATTERN);
    }
    let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
    let first = words.next().ok_or(NO_DOMAIN)?;
    let Some(second) = words.next() else {
        return host(first.strip_prefix("*.").or(first.strip_prefix('.')).unwrap_or(first), entry);
    };
    if first.parse::<IpAddr>().is_err() {
        return Err(NO_DOMAIN);
    }
    for name in std::iter::once(second).chain(words) {
        if !LOCAL.contains(&name) && !name.starts_with("ip6-") {
            host(name, entry)?;
        }
    }
    Ok(())
}

fn host(name: &str, entry: &mut dyn FnMut(&str)) -> Result<(), Unusable> {
    if name.contains('/') {
        return Err(ADDRESS);
    }
    let host = Host::parse(name).ok_or(NO_DOMAIN)?;
    // A word by itself is a top-level domain or a machine of some local net.
    if !host.name.contains(['.', ':']) {
        return Err(NO_DOMAIN);
    }
    entry(&host.name);
    Ok(())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests write their own files")]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Vec<String>, Unusable> {
        let mut found = Vec::new();
        domains(line, &mut |domain| found.push(domain.to_owned()))?;
        Ok(found)
    }

    #[test]
    fn lines_of_all_formats() {
        let cases: [(&str, &[&str]); 14] = [
            ("example.com", &["example.com"]),
            ("Example.COM.", &["example.com"]),
            (".example.com", &["example.com"]),
            ("*.example.com", &["example.com"]),
            ("example.com # why", &["example.com"]),
            ("192.0.2.7", &["192.0.2.7"]),
            ("bücher.example", &["xn--bcher-kva.example"]),
            ("0.0.0.0 example.com", &["example.com"]),
            ("127.0.0.1\ta.example  b.example # two", &["a.example", "b.example"]),
            (":: example.com", &["example.com"]),
            ("127.0.0.1 localhost", &[]),
            ("||example.com^", &["example.com"]),
            ("||example.com^$all", &["example.com"]),
            ("||sub.example.com^|$document,important", &["sub.example.com"]),
        ];
        for (line, wanted) in cases {
            assert_eq!(read(line).unwrap(), wanted, "{line}");
        }
        let unusable = [
            ("@@||example.com^", EXCEPTION),
            ("example.com##.banner", PAGE_PARTS),
            ("##.banner", PAGE_PARTS),
            ("||example.com^$third-party", OPTIONS),
            ("||example.com/ads/", PATTERN),
            ("||example.com/ads^", PATTERN),
            ("||ads.*.example^", PATTERN),
            ("||example.co", PATTERN),
            ("|https://example.com|", PATTERN),
            ("/banner[0-9]+/", PATTERN),
            ("https://example.com/x", ADDRESS),
            ("example.com/x", ADDRESS),
            ("word", NO_DOMAIN),
            ("some words here", NO_DOMAIN),
            ("-banner-ads?", NO_DOMAIN),
            ("{\"a\": 1}", NO_DOMAIN),
        ];
        for (line, wanted) in unusable {
            assert_eq!(read(line), Err(wanted), "{line}");
        }
    }

    fn load_text(text: &str) -> Result<usize, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        std::fs::write(&path, text).unwrap();
        Domains::load(&path).map(|list| list.0.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_few_wrong_lines_are_left_out_and_many_refuse_the_list() {
        let sound = (0..200).map(|n| format!("host-{n}.example\n")).collect::<Vec<_>>().concat();
        assert_eq!(load_text(&sound), Ok(200));
        assert_eq!(load_text(&format!("{sound}a b c\nword\n")), Ok(200));
        let message = load_text(&format!("{sound}a b c\nword\nword\n")).unwrap_err();
        assert!(message.contains("line 201 `a b c` is no domain; with 3 of 203"), "{message}");
        let rules = "! Title: some\n||a.example^\n@@||b.example^\nc.example##.x\n/banner/\n-ad-\n";
        assert_eq!(load_text(rules), Ok(1));
        let message = load_text("! only\n@@||b.example^\n").unwrap_err();
        assert!(
            message.contains("no domains: line 2 `@@||b.example^` is an exception"),
            "{message}"
        );
        let json = load_text("{\"text\": \"one\"}\n").unwrap_err();
        assert!(json.contains("line 1"), "{json}");
        assert!(load_text("# nothing\n").unwrap_err().contains("leave it out"));
    }
}
