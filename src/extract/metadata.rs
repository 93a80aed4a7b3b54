//! What a page says about itself: title, author, date, address, language, site.
//!
//! Pages say each of these in several ways, of which some are more to be trusted than others; the
//! best one that is filled counts, and of equals the first. JSON-LD of an article comes first, then
//! the tags made for sharing, then what stands in the text.

mod date;
mod json_ld;
mod title;
mod url;

use self::title::collapse;
use super::dom::{Attr, Dom, NodeId, Tag, Vocabulary};

/// Bytes of JSON-LD read on a page.
const JSON_LD: usize = 1 << 20;
/// Longest text of each kind, in bytes; what is longer is something else.
const LONGEST: usize = 1000;
const LONGEST_BYLINE: usize = 120;

/// What a page says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The title of the article, without the site's name where that can be told.
    pub title: Option<String>,
    /// The author or authors, as the page names them.
    pub author: Option<String>,
    /// When it was published, ISO 8601.
    pub date: Option<String>,
    /// Its own address.
    pub canonical: Option<String>,
    /// The language it declares, as BCP 47 writes it.
    pub language: Option<String>,
    /// The site's name.
    pub site_name: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Field {
    Title,
    Author,
    Date,
    Canonical,
    Language,
    SiteName,
}

/// The best text of each field yet, and how far it is trusted.
#[derive(Debug, Default)]
struct Candidates {
    best: [(u8, String); 6],
    /// The `<title>`.
    page_title: String,
}

impl Candidates {
    fn offer(&mut self, field: Field, rank: u8, text: &str) {
        let best = &mut self.best[field as usize];
        if rank <= best.0 || text.len() > LONGEST {
            return;
        }
        let text = match field {
            Field::Title | Field::SiteName => collapse(&unescaped(text)),
            Field::Author => match byline(&unescaped(text)) {
                Some(author) => author,
                None => return,
            },
            Field::Date => match date::iso(text) {
                Some(date) => date,
                None => return,
            },
            Field::Canonical => text.trim().to_owned(),
            Field::Language => match language(text) {
                Some(language) => language,
                None => return,
            },
        };
        if !text.is_empty() {
            *best = (rank, text);
        }
    }

    fn append_author(&mut self, text: &str) {
        let authors = &mut self.best[Field::Author as usize].1;
        if let Some(author) = byline(&unescaped(text))
            && authors.len() + author.len() < LONGEST
            && *authors != author
        {
            authors.push_str("; ");
            authors.push_str(&author);
        }
    }

    fn take(&mut self, field: Field) -> Option<String> {
        let (rank, text) = std::mem::take(&mut self.best[field as usize]);
        (rank > 0).then_some(text)
    }

    fn rank(&self, field: Field) -> u8 {
        self.best[field as usize].0
    }
}

/// JSON-LD often holds text that was escaped for HTML.
fn unescaped(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let mut out = text.to_owned();
    for (name, character) in [
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#039;", "'"),
        ("&#8217;", "’"),
        ("&#8211;", "–"),
        ("&nbsp;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ] {
        out = out.replace(name, character);
    }
    out
}

/// The author in a byline: without "By", without links to profiles.
fn byline(text: &str) -> Option<String> {
    const OPENINGS: [&str; 9] = [
        "by ",
        "by:",
        "written by ",
        "posted by ",
        "published by ",
        "author:",
        "von ",
        "par ",
        "por ",
    ];
    let text = collapse(text);
    let is_edge = |edge: char| edge.is_whitespace() || "|·•,–—-:".contains(edge);
    let mut author = text.trim_matches(is_edge);
    for opening in OPENINGS {
        if author.get(..opening.len()).is_some_and(|start| start.eq_ignore_ascii_case(opening)) {
            author = author[opening.len()..].trim_start();
        }
    }
    // A date or the number of comments follows.
    let number =
        author.as_bytes().windows(2).position(|pair| pair[0] == b' ' && pair[1].is_ascii_digit());
    if let Some(name) = number.and_then(|at| author.get(..at)) {
        let name = name.trim_end_matches(is_edge);
        if name.contains(' ') {
            author = name;
        }
    }
    let address =
        author.starts_with("http") || author.starts_with("www.") || author.starts_with('/');
    let letters = author.chars().any(char::is_alphabetic);
    (letters && !address && author.len() <= LONGEST_BYLINE).then(|| author.to_owned())
}

/// A language tag as BCP 47 writes it: `en`, `pt-BR`, `zh-Hant-TW`.
fn language(text: &str) -> Option<String> {
    const LONGEST_TAG: usize = 35;
    let first = text.split([',', ';', ' ', '.', '@']).map(str::trim).find(|tag| !tag.is_empty())?;
    if first.len() > LONGEST_TAG {
        return None;
    }
    let mut out = String::with_capacity(first.len());
    for (at, part) in first.split(['-', '_']).enumerate() {
        if !part.bytes().all(|byte| byte.is_ascii_alphanumeric())
            || part.is_empty()
            || part.len() > 8
        {
            return None;
        }
        if at == 0 {
            let letters = part.bytes().all(|byte| byte.is_ascii_alphabetic());
            if !letters || !(2..=3).contains(&part.len()) {
                return None;
            }
            out.push_str(&part.to_ascii_lowercase());
            continue;
        }
        out.push('-');
        match part.len() {
            2 => out.push_str(&part.to_ascii_uppercase()),
            4 if part.as_bytes()[0].is_ascii_alphabetic() => {
                out.push_str(&part[..1].to_ascii_uppercase());
                out.push_str(&part[1..].to_ascii_lowercase());
            }
            _ => out.push_str(&part.to_ascii_lowercase()),
        }
    }
    Some(out)
}

/// Reads what a page says about itself; `base` is the page's address.
#[must_use]
pub fn read(dom: &Dom, base: Option<&str>) -> Metadata {
    let mut reader = Reader::new(dom);
    let title = dom
        .descendants(NodeId::DOCUMENT)
        .find(|&node| dom.tag(node) == Tag::Title && dom.vocabulary(node) == Vocabulary::Html);
    if let Some(title) = title {
        reader.candidates.page_title = reader.short_text(title, LONGEST);
    }
    for node in dom.descendants(NodeId::DOCUMENT) {
        reader.node(node);
    }
    reader.finish(base)
}

struct Reader<'d> {
    dom: &'d Dom,
    candidates: Candidates,
    /// Bytes of JSON-LD that may still be read.
    json_ld: usize,
    /// Text of the first `h1`, and how many there are.
    heading: Option<String>,
    headings: usize,
    base: Option<&'d str>,
}

impl<'d> Reader<'d> {
    fn new(dom: &'d Dom) -> Self {
        Self {
            dom,
            candidates: Candidates::default(),
            json_ld: JSON_LD,
            heading: None,
            headings: 0,
            base: None,
        }
    }

    /// A short text below an element; empty if there is more of it.
    fn short_text(&self, node: NodeId, longest: usize) -> String {
        const NODES: usize = 64;
        let mut out = String::new();
        for below in self.dom.descendants(node).take(NODES) {
            if self.dom.tag(below) == Tag::Text {
                out.push_str(self.dom.text(below));
                out.push(' ');
                if out.len() > 4 * longest {
                    return String::new();
                }
            }
        }
        let text = collapse(&out);
        if text.len() > longest { String::new() } else { text }
    }

    fn node(&mut self, node: NodeId) {
        let dom = self.dom;
        match dom.tag(node) {
            Tag::Text => return,
            Tag::Html => {
                let lang = dom.attr(node, Attr::Lang).or_else(|| dom.attr(node, Attr::XmlLang));
                self.candidates.offer(Field::Language, 90, lang.unwrap_or_default());
            }
            Tag::Body => {
                let lang = dom.attr(node, Attr::Lang).unwrap_or_default();
                self.candidates.offer(Field::Language, 80, lang);
            }
            Tag::Meta => return self.meta(node),
            Tag::Base => self.base = self.base.or_else(|| dom.attr(node, Attr::Href)),
            Tag::Link => {
                let rel = dom.attr(node, Attr::Rel).unwrap_or_default();
                if rel.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("canonical")) {
                    let href = dom.attr(node, Attr::Href).unwrap_or_default();
                    self.candidates.offer(Field::Canonical, 90, href);
                }
            }
            Tag::Script => {
                let kind = dom.attr(node, Attr::Type).unwrap_or_default();
                if kind.trim().starts_with("application/ld+json") {
                    let script = dom.text_of(node);
                    if script.len() <= self.json_ld {
                        self.json_ld -= script.len();
                        json_ld::read(&script, &mut self.candidates);
                    }
                }
                return;
            }
            Tag::H1 => {
                self.headings += 1;
                if self.heading.is_none() {
                    self.heading = Some(self.short_text(node, LONGEST));
                }
            }
            Tag::Time => self.time(node),
            _ => {}
        }
        self.property(node);
        self.byline(node);
    }

    fn meta(&mut self, node: NodeId) {
        let dom = self.dom;
        let Some(content) =
            dom.attr(node, Attr::Content).filter(|content| !content.trim().is_empty())
        else {
            return;
        };
        let names = [Attr::Property, Attr::Name, Attr::Itemprop, Attr::HttpEquiv];
        for name in names.into_iter().filter_map(|name| dom.attr(node, name)) {
            for name in name.split_ascii_whitespace().take(4) {
                self.named(&name.to_ascii_lowercase(), content);
            }
        }
    }

    fn named(&mut self, name: &str, content: &str) {
        let (field, rank) = match name {
            "dc.title" | "dc:title" | "dcterms.title" | "dcterm:title" => (Field::Title, 85),
            "og:title" => (Field::Title, 80),
            "citation_title" | "parsely-title" | "sailthru.title" => (Field::Title, 75),
            "twitter:title" => (Field::Title, 70),
            "headline" => (Field::Title, 68),
            "dc.creator" | "dc:creator" | "dcterms.creator" | "dcterm:creator" => {
                (Field::Author, 85)
            }
            "author" => (Field::Author, 80),
            "parsely-author" | "sailthru.author" | "byl" | "citation_author" | "rbauthors" => {
                (Field::Author, 75)
            }
            "article:author" | "og:article:author" | "article:author_name" => (Field::Author, 60),
            "article:published_time"
            | "og:published_time"
            | "og:article:published_time"
            | "rnews:datepublished" => (Field::Date, 85),
            "datepublished"
            | "parsely-pub-date"
            | "sailthru.date"
            | "publishdate"
            | "publish_date"
            | "publish-date"
            | "pubdate"
            | "publication_date"
            | "citation_publication_date"
            | "citation_online_date"
            | "article.published"
            | "dc.date.issued"
            | "dcterms.created"
            | "originalpublicationdate"
            | "ptime" => (Field::Date, 80),
            "dc.date" | "dc:date" | "dcterms.date" | "date" | "created" | "og:pubdate" => {
                (Field::Date, 70)
            }
            "og:url" => (Field::Canonical, 80),
            "twitter:url" => (Field::Canonical, 60),
            "og:site_name" => (Field::SiteName, 90),
            "application-name" => (Field::SiteName, 50),
            "content-language" | "dc.language" | "dcterms.language" => (Field::Language, 70),
            "og:locale" => (Field::Language, 60),
            "inlanguage" | "language" => (Field::Language, 50),
            _ => return,
        };
        // Papers name one author a tag.
        if matches!(name, "citation_author" | "dc.creator" | "dcterms.creator")
            && self.candidates.rank(field) == rank
        {
            self.candidates.append_author(content);
            return;
        }
        self.candidates.offer(field, rank, content);
    }

    /// Microdata.
    fn property(&mut self, node: NodeId) {
        let dom = self.dom;
        let Some(names) = dom.attr(node, Attr::Itemprop) else { return };
        for name in names.split_ascii_whitespace().take(4) {
            match name {
                "headline" => {
                    let text = self.short_text(node, LONGEST);
                    self.candidates.offer(Field::Title, 40, &text);
                }
                "author" if self.candidates.rank(Field::Author) < 65 => {
                    let inner = dom.descendants(node).take(32).find(|&below| {
                        dom.attr(below, Attr::Itemprop).is_some_and(|name| name.contains("name"))
                    });
                    let place = inner.unwrap_or(node);
                    let text = match dom.attr(place, Attr::Content) {
                        Some(content) => content.to_owned(),
                        None => self.short_text(place, LONGEST_BYLINE),
                    };
                    self.candidates.offer(Field::Author, 65, &text);
                }
                "datePublished" => {
                    let given =
                        dom.attr(node, Attr::Datetime).or_else(|| dom.attr(node, Attr::Content));
                    let text = given.map_or_else(|| self.short_text(node, 64), str::to_owned);
                    self.candidates.offer(Field::Date, 75, &text);
                }
                _ => {}
            }
        }
    }

    fn time(&mut self, node: NodeId) {
        let dom = self.dom;
        let text = match dom.attr(node, Attr::Datetime) {
            Some(given) => given.to_owned(),
            None => self.short_text(node, 64),
        };
        let classes = dom.attr(node, Attr::Class).unwrap_or_default();
        let published = ["published", "entry-date", "dt-published", "post-date"];
        let says = published.iter().any(|word| classes.contains(word));
        let updated = classes.contains("updated") && !says;
        let rank = if says { 60 } else { 50 } - if updated { 15 } else { 0 };
        self.candidates.offer(Field::Date, rank, &text);
    }

    /// Links and texts that are named as the author's.
    fn byline(&mut self, node: NodeId) {
        let dom = self.dom;
        let best = self.candidates.rank(Field::Author);
        if best >= 60 {
            return;
        }
        let rel = dom.attr(node, Attr::Rel).unwrap_or_default();
        let rank = if rel.split_ascii_whitespace().any(|word| word == "author") {
            55
        } else {
            let names = [dom.attr(node, Attr::Class), dom.attr(node, Attr::Id)];
            names.into_iter().flatten().map(byline_rank).max().unwrap_or(0)
        };
        if rank > best {
            let text = self.short_text(node, LONGEST_BYLINE);
            self.candidates.offer(Field::Author, rank, &text);
        }
    }

    fn finish(mut self, base: Option<&str>) -> Metadata {
        let site_name = self.candidates.take(Field::SiteName);
        let site = site_name.as_deref();
        let heading = self.heading.as_deref().filter(|heading| !heading.is_empty());
        let only = heading.filter(|_| self.headings == 1);
        let title = match self.candidates.take(Field::Title) {
            Some(named) => Some(title::named(&named, site)),
            None if self.candidates.page_title.is_empty() => heading.map(str::to_owned),
            None => Some(title::without_site(&self.candidates.page_title, only, site)),
        };
        let base = match (self.base, base) {
            (Some(own), base) => url::resolve(base, own).or_else(|| base.map(str::to_owned)),
            (None, base) => base.map(str::to_owned),
        };
        let canonical = self.candidates.take(Field::Canonical);
        Metadata {
            title: title.filter(|title| !title.is_empty()),
            author: self.candidates.take(Field::Author),
            date: self.candidates.take(Field::Date),
            canonical: canonical.and_then(|address| url::resolve(base.as_deref(), &address)),
            language: self.candidates.take(Field::Language),
            site_name,
        }
    }
}

/// How surely a class or id names a byline.
fn byline_rank(names: &str) -> u8 {
    let mut rank = 0;
    for name in names.split_ascii_whitespace() {
        let found = match name {
            "byline" | "p-author" | "author-name" | "author_name" | "authorname"
            | "byline-name" | "article-author" | "entry-author" | "post-author"
            | "byline__name" | "writtenby" => 50,
            "author" | "authors" | "fn" => 40,
            _ if name.contains("byline") => 35,
            _ if name.contains("author") && !name.contains("bio") && !name.contains("avatar") => 25,
            _ => 0,
        };
        rank = rank.max(if name == "fn" { 0 } else { found });
    }
    rank
}

#[cfg(test)]
mod tests;
