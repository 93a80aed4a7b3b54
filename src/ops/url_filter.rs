//! `url-filter`: lists of domains, hosts, addresses and words.

mod address;
mod keys;
mod lists;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings, SignalLookup,
};
use crate::document::{Reason, Signal, SignalType, SignalValue};
use crate::model::AssetError;
use crate::store::resolved;
use crate::text::word_set::{WordSet, fold};
use address::Address;
use lists::{Domains, Urls, Words};

/// Drops documents by their address: blocked domains, hosts and addresses, and words in addresses.
///
/// The rules, their order and their reasons are those of datatrove's
/// [`URLFilter`](https://github.com/huggingface/datatrove/blob/main/src/datatrove/pipeline/filters/url_filter.py),
/// which made FineWeb: `domain` (the registered domain is in `domains`), `subdomain` (the host or a
/// domain above it is in `domains`, or the host in `hosts`), `url`, `hard_blacklisted` (one of
/// `words`), `soft_blacklisted` (`min_soft_words` different ones of `soft_words`),
/// `blacklisted_subword` (one of `substrings`). What differs: hosts, words and lists are compared in
/// lower case; Unicode hosts are their punycode; IP addresses are domains; a listed domain blocks all
/// hosts below it; whole addresses are compared without scheme, user, `www.`, common port, fragment
/// and last slash; the scheme is no part of what words are looked for in (`https://ex…` would read
/// `sex`). Registered domains follow the [public suffix list](https://publicsuffix.org) without its
/// private part, as built into tamis: `a.blogspot.com` belongs to `blogspot.com`.
///
/// tamis ships no lists. Those of [UT1](https://dsi.ut-capitole.fr/blacklists/index_en.php) (CC
/// BY-SA 4.0) are folders such as `adult/`: name the folder, of which `domains` and `urls` are read (its
/// `expressions` are not). uBlock's and AdBlock's
/// [filter lists](https://github.com/uBlockOrigin/uAssets) and hosts files
/// ([StevenBlack](https://github.com/StevenBlack/hosts)) are read as they are: `||example.com^`,
/// also with `$all`, `$document` or `$popup`, and `0.0.0.0 example.com` are domains; rules about parts
/// of pages, patterns, exceptions and single kinds of requests cannot be expressed: a message counts
/// them, and a list with nothing else is refused. A plain list has a domain a line; a list of which
/// more than one line in a hundred is no domain is refused. Every list may be plain, gzip or zstd;
/// lines that start with `#` are comments. A million domains take 17 MB of memory, once a process.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct UrlFilter {
    /// Lists of domains, relative to the pipeline file, each with all hosts below it.
    pub domains: Vec<PathBuf>,
    /// Lists of hosts, in the formats of `domains`, each without those below it.
    pub hosts: Vec<PathBuf>,
    /// Lists of whole addresses, with or without scheme.
    pub urls: Vec<PathBuf>,
    /// Lists of words of which none may occur in the address. Words of an address are its runs of
    /// ASCII letters and digits; of a list's line only ASCII letters and digits count.
    pub words: Vec<PathBuf>,
    /// Lists of words of which several together drop a document.
    pub soft_words: Vec<PathBuf>,
    /// How many *different* `soft_words` drop a document.
    pub min_soft_words: u64,
    /// Lists of strings that may not occur in the address' letters and digits, everything else taken
    /// out: also across words.
    pub substrings: Vec<PathBuf>,
    /// What happens to documents without an address.
    pub missing: Missing,
}

/// What happens to documents without an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Missing {
    /// They pass.
    Keep,
    /// They are dropped.
    Drop,
}

impl Default for UrlFilter {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            hosts: Vec::new(),
            urls: Vec::new(),
            words: Vec::new(),
            soft_words: Vec::new(),
            min_soft_words: 2,
            substrings: Vec::new(),
            missing: Missing::Keep,
        }
    }
}

const DOMAIN: Reason = Reason::new("domain");
const SUBDOMAIN: Reason = Reason::new("subdomain");
const URL: Reason = Reason::new("url");
const HARD: Reason = Reason::new("hard_blacklisted");
const SOFT: Reason = Reason::new("soft_blacklisted");
const SUBWORD: Reason = Reason::new("blacklisted_subword");
const MISSING: Reason = Reason::new("missing-url");

impl UrlFilter {
    /// The lists by their keys.
    fn lists(&self) -> [(&'static str, &[PathBuf]); 6] {
        [
            ("domains", &self.domains),
            ("hosts", &self.hosts),
            ("urls", &self.urls),
            ("words", &self.words),
            ("soft_words", &self.soft_words),
            ("substrings", &self.substrings),
        ]
    }

    /// `rule` is the first rule that applies besides the one about soft words.
    fn decide(&self, rule: Option<Reason>, soft_words: u64) -> Decision {
        match rule {
            Some(rule) if rule != SUBWORD => Decision::Drop(rule),
            _ if soft_words >= self.min_soft_words => Decision::Drop(SOFT),
            Some(rule) => Decision::Drop(rule),
            None => Decision::Keep,
        }
    }
}

impl Settings for UrlFilter {
    const NAME: &'static str = "url-filter";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[
        Signal {
            name: "domain",
            kind: SignalType::Text,
            about: "registered domain, or the whole host if it has none",
        },
        Signal {
            name: "rule",
            kind: SignalType::Text,
            about: "reason of the first rule that applies, soft words aside",
        },
        Signal { name: "entry", kind: SignalType::Text, about: "what of the list it found" },
        Signal { name: "soft_words", kind: SignalType::Int, about: "different soft words" },
    ];
    const REASONS: &'static [Reason] = &[DOMAIN, SUBDOMAIN, URL, HARD, SOFT, SUBWORD, MISSING];
    const COST: u32 = 200;
    const THRESHOLDS: &'static [&'static str] = &["min_soft_words"];

    fn assets(&self) -> Vec<(&'static str, &Path)> {
        let lists = self.lists().into_iter();
        lists.flat_map(|(key, paths)| paths.iter().map(move |path| (key, path.as_path()))).collect()
    }

    fn resolve_paths(&mut self, base: &Path) {
        let lists = [
            ("domains", &mut self.domains),
            ("", &mut self.hosts),
            ("urls", &mut self.urls),
            ("", &mut self.words),
            ("", &mut self.soft_words),
            ("", &mut self.substrings),
        ];
        for (inside, paths) in lists {
            for path in paths {
                *path = resolved(base, &*path);
                if !inside.is_empty() && path.is_dir() {
                    // A folder of UT1.
                    path.push(inside);
                    let packed = path.with_extension("gz");
                    if !path.exists() && packed.exists() {
                        *path = packed;
                    }
                }
            }
        }
    }

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        let soft_words = u64::try_from(signals.int("soft_words")?).ok()?;
        let rule = match signals.signal("rule") {
            None => None,
            Some(SignalValue::Text(rule)) => Some(named(rule)?),
            Some(SignalValue::OwnedText(rule)) => Some(named(&rule)?),
            Some(_) => return None,
        };
        Some(self.decide(rule, soft_words))
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        if self.min_soft_words == 0 {
            let reason = "0 would drop everything; give 1 or more".to_owned();
            return Err(OpError::Setting { key: "min_soft_words", reason });
        }
        let [domains, hosts, urls, words, soft_words, substrings] = self.lists();
        let assets = context.assets;
        let words_of = |(key, paths): (&'static str, &[PathBuf])| {
            let lists = load_all((key, paths), |path| assets.cached(path, Words::load))?;
            Ok::<_, OpError>(lists.iter().flat_map(|list| list.0.clone()).collect::<Vec<_>>())
        };
        let substrings = words_of(substrings)?;
        let finder = AhoCorasick::new(&substrings)
            .map_err(|error| OpError::Setting { key: "substrings", reason: error.to_string() })?;
        Ok(Op::Document(Box::new(Filter {
            settings: self.clone(),
            domains: load_all(domains, |path| assets.cached(path, Domains::load))?,
            hosts: load_all(hosts, |path| assets.cached(path, Domains::load))?,
            urls: load_all(urls, |path| assets.cached(path, Urls::load))?,
            words: WordSet::new(words_of(words)?),
            soft_words: WordSet::new(words_of(soft_words)?),
            substrings,
            finder,
        })))
    }
}

fn named(reason: &str) -> Option<Reason> {
    UrlFilter::REASONS.iter().copied().find(|known| known.as_str() == reason)
}

fn load_all<T>(
    (key, paths): (&'static str, &[PathBuf]),
    load: impl Fn(&Path) -> Result<Arc<T>, AssetError>,
) -> Result<Vec<Arc<T>>, OpError> {
    let wrong = |error: AssetError| OpError::Setting { key, reason: error.to_string() };
    paths.iter().map(|path| load(path).map_err(wrong)).collect()
}

struct Filter {
    settings: UrlFilter,
    domains: Vec<Arc<Domains>>,
    hosts: Vec<Arc<Domains>>,
    urls: Vec<Arc<Urls>>,
    words: WordSet,
    soft_words: WordSet,
    substrings: Vec<String>,
    finder: AhoCorasick,
}

#[derive(Default)]
struct Buffers {
    /// The address as whole addresses are compared.
    key: String,
    /// One word in lower case.
    word: String,
    /// Letters and digits of the address in lower case.
    squeezed: String,
    /// Soft words seen.
    soft: Vec<usize>,
}

impl Filter {
    /// The first rule that applies besides the one about soft words, and what it found.
    fn listed<'a>(
        &'a self,
        address: &'a Address<'a>,
        word: Option<usize>,
        buffers: &'a mut Buffers,
    ) -> Option<(Reason, &'a str)> {
        if let Some(host) = &address.host {
            let registered = host.registered();
            let listed = |domain: &str| self.domains.iter().any(|list| list.0.contains(domain));
            if listed(registered) {
                return Some((DOMAIN, registered));
            }
            if let Some(domain) = host.domains().find(|domain| listed(domain)) {
                return Some((SUBDOMAIN, domain));
            }
            if self.hosts.iter().any(|list| list.0.contains(&host.name)) {
                return Some((SUBDOMAIN, &host.name));
            }
        }
        if !self.urls.is_empty()
            && address.key(&mut buffers.key)
            && self.urls.iter().any(|list| list.0.contains(&buffers.key))
        {
            return Some((URL, &buffers.key));
        }
        if let Some(word) = word {
            return Some((HARD, &self.words.words()[word]));
        }
        if self.substrings.is_empty() {
            return None;
        }
        buffers.squeezed.clear();
        let alphanumeric = address.bare.chars().filter(char::is_ascii_alphanumeric);
        buffers.squeezed.extend(alphanumeric.map(|c| c.to_ascii_lowercase()));
        let found = self.finder.find(&buffers.squeezed)?;
        Some((SUBWORD, &self.substrings[found.pattern().as_usize()]))
    }

    /// The first hard word of the address; soft words go to the buffer.
    fn words(&self, bare: &str, buffers: &mut Buffers) -> Option<usize> {
        buffers.soft.clear();
        let mut hard = None;
        if self.words.words().is_empty() && self.soft_words.words().is_empty() {
            return None;
        }
        for word in bare.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty())
        {
            fold(word, &mut buffers.word);
            hard = hard.or_else(|| self.words.find(&buffers.word));
            if let Some(soft) = self.soft_words.find(&buffers.word)
                && !buffers.soft.contains(&soft)
            {
                buffers.soft.push(soft);
            }
        }
        hard
    }
}

impl DocumentOp for Filter {
    type Scratch = Buffers;

    fn document<'a>(
        &'a self,
        document: Document<'a>,
        buffers: &mut Buffers,
        row: &mut Row<'a>,
    ) -> Decision {
        let Some(url) = document.url.filter(|url| !url.trim().is_empty()) else {
            return match self.settings.missing {
                Missing::Keep => Decision::Keep,
                Missing::Drop => Decision::Drop(MISSING),
            };
        };
        let address = Address::parse(url);
        if let Some(host) = &address.host {
            row.owned_text(0, host.registered().to_owned());
        }
        let word = self.words(address.bare, buffers);
        let soft_words = buffers.soft.len();
        row.count(3, soft_words);
        let mut rule = None;
        if let Some((reason, entry)) = self.listed(&address, word, buffers) {
            row.text(1, reason.as_str());
            row.owned_text(2, entry.to_owned());
            rule = Some(reason);
        }
        self.settings.decide(rule, soft_words as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{Trial, refused, trial_at};

    const LISTS: &str = "domains = [\"data-samples/lists/ut1\", \"data-samples/lists/filters.txt\"]\n\
        hosts = [\"data-samples/lists/hosts\"]\n\
        urls = [\"data-samples/lists/ut1\"]\n\
        words = [\"data-samples/lists/words.txt\"]\n\
        soft_words = [\"data-samples/lists/soft-words.txt\"]\n\
        substrings = [\"data-samples/lists/substrings.txt\"]\n";

    fn at(url: &str) -> Trial {
        trial_at("url-filter", LISTS, "text", Some(url))
    }

    fn text(trial: &Trial, signal: &str) -> String {
        match trial.signal(signal) {
            Some(SignalValue::OwnedText(text)) => text,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn each_rule_with_its_reason_and_entry() {
        let cases = [
            ("https://blocked.example/", "domain", "blocked.example"),
            ("https://a.b.blocked.example/x", "domain", "blocked.example"),
            ("https://a.private.mixed.example/", "subdomain", "private.mixed.example"),
            ("https://mixed.example/", "", ""),
            ("http://192.0.2.66:8080/x", "domain", "192.0.2.66"),
            ("https://filtered.example/", "domain", "filtered.example"),
            ("https://partly.example/", "", ""),
            ("https://tracker.test/", "subdomain", "tracker.test"),
            ("https://below.tracker.test/", "", ""),
            ("https://fine.example/bad/page.html", "url", "fine.example/bad/page.html"),
            ("http://www.fine.example/bad/page.html#top", "url", "fine.example/bad/page.html"),
            ("https://fine.example/bad/page.htm", "", ""),
            ("https://fine.example/Wager-now", "hard_blacklisted", "wager"),
            ("https://fine.example/wagers", "", ""),
            ("https://fine.example/FreeChips.html", "blacklisted_subword", "freechips"),
            ("https://fine.example/free-chi/ps", "blacklisted_subword", "freechips"),
            // The scheme is no part: `https` + `ilver` holds a substring of the list.
            ("https://ilver.example/", "", ""),
            ("https://VERBÖTEN.example./", "domain", "xn--verbten-d1a.example"),
        ];
        for (url, reason, entry) in cases {
            let trial = at(url);
            assert_eq!(trial.reason(), reason, "{url}: {trial:?}");
            if !reason.is_empty() {
                assert_eq!(text(&trial, "entry"), entry, "{url}");
            }
        }
    }

    #[test]
    fn soft_words_only_together() {
        assert_eq!(at("https://fine.example/poker/poker").reason(), "");
        let two = at("https://fine.example/Poker_casino");
        assert_eq!(
            (two.reason(), two.number("soft_words").to_string()),
            ("soft_blacklisted", "2".into())
        );
        let one = format!("{LISTS}min_soft_words = 1");
        let trial = trial_at("url-filter", &one, "text", Some("https://poker.example/"));
        assert_eq!(trial.reason(), "soft_blacklisted");
        // Soft words come before substrings and behind all else.
        assert_eq!(at("https://fine.example/poker-casino-freechips").reason(), "soft_blacklisted");
        assert_eq!(at("https://fine.example/poker-casino-wager").reason(), "hard_blacklisted");
        assert_eq!(at("https://blocked.example/poker-casino").reason(), "domain");
    }

    #[test]
    fn documents_without_an_address_pass_unless_told_otherwise() {
        let drop = format!("{LISTS}missing = \"drop\"");
        for url in [None, Some(""), Some("  ")] {
            assert_eq!(trial_at("url-filter", LISTS, "text", url).reason(), "");
            assert_eq!(trial_at("url-filter", &drop, "text", url).reason(), "missing-url");
        }
        // A broken address is an address.
        let broken = at("https://a b/wager");
        assert_eq!((broken.reason(), text(&broken, "domain")), ("hard_blacklisted", "None".into()));
        for url in ["\0", "http://", "://", "%", &"/".repeat(100_000), "http://[::", "\u{10ffff}"] {
            assert_eq!(at(url).reason(), "", "{url:.20}");
        }
    }

    #[test]
    fn the_registered_domain_is_a_signal() {
        assert_eq!(text(&at("https://a.b.example.co.uk/x"), "domain"), "example.co.uk");
        let none = trial_at("url-filter", "", "text", Some("https://blocked.example/"));
        assert_eq!((none.reason(), text(&none, "domain")), ("", "blocked.example".into()));
    }

    #[test]
    fn lists_that_cannot_be_used_are_refused() {
        let message = |toml: &str| refused("url-filter", toml).to_string();
        assert!(message("min_soft_words = 0").contains("give 1 or more"));
        let gone = message("domains = [\"data-samples/lists/gone\"]");
        assert!(gone.starts_with("domains: ") && gone.contains("gone"), "{gone}");
        let model = message("domains = [\"data-samples/models/lid.176.ftz\"]");
        assert!(model.contains("it is no text"), "{model}");
        let novel = message("urls = [\"data-samples/plain/alice-en.txt\"]");
        assert!(novel.contains("cannot be used as a list"), "{novel}");
        let chinese = message("words = [\"data-samples/plain/xuxuan-zh.txt\"]");
        assert!(chinese.contains("no ASCII letter"), "{chinese}");
        let expressions = message("domains = [\"data-samples/lists/ut1/expressions\"]");
        assert!(expressions.contains("no domains"), "{expressions}");
    }
}
