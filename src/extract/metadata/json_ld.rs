//! JSON-LD: what schema.org's vocabulary says of the page's article.

use serde_json::{Map, Value};

use super::{Candidates, Field, title};

/// Values looked at in one script.
const VALUES: usize = 20_000;

/// Types whose title, author and date are those of the page, better ones with a higher number.
fn rank(object: &Map<String, Value>) -> u8 {
    let kind = |name: &str| match name.rsplit(['/', ':']).next().unwrap_or_default() {
        "Article"
        | "NewsArticle"
        | "BlogPosting"
        | "Report"
        | "ScholarlyArticle"
        | "TechArticle"
        | "MedicalScholarlyArticle"
        | "OpinionNewsArticle"
        | "AnalysisNewsArticle"
        | "ReportageNewsArticle"
        | "ReviewNewsArticle"
        | "BackgroundNewsArticle"
        | "LiveBlogPosting"
        | "SocialMediaPosting"
        | "DiscussionForumPosting"
        | "Recipe"
        | "HowTo" => 3,
        "WebPage" | "Review" | "VideoObject" | "QAPage" | "Book" | "CreativeWork" => 1,
        _ => 0,
    };
    match object.get("@type") {
        Some(Value::String(name)) => kind(name),
        Some(Value::Array(names)) => {
            names.iter().take(8).filter_map(Value::as_str).map(kind).max().unwrap_or(0)
        }
        _ => 0,
    }
}

/// Reads a script; what is no JSON is passed over.
pub(super) fn read(script: &str, candidates: &mut Candidates) {
    let script = script.trim();
    let script = script.strip_prefix("<!--").unwrap_or(script);
    let script = script.trim_start().strip_prefix("<![CDATA[").unwrap_or(script);
    let script = script.trim_end().trim_end_matches("]]>").trim_end_matches("-->");
    // serde_json gives up on what is nested more than 128 deep.
    let parsed = serde_json::from_str::<Value>(script)
        .or_else(|_| serde_json::from_str(&without_breaks(script)));
    let Ok(root) = parsed else { return };
    let mut names: Vec<(&str, &str)> = Vec::new();
    let mut works = Vec::new();
    let mut open = vec![&root];
    let mut seen = 0;
    while let Some(value) = open.pop() {
        seen += 1;
        if seen > VALUES {
            break;
        }
        match value {
            Value::Array(values) => open.extend(values.iter().rev()),
            Value::Object(object) => {
                if let (Some(Value::String(id)), Some(Value::String(name))) =
                    (object.get("@id"), object.get("name"))
                {
                    names.push((id, name));
                }
                let rank = rank(object);
                if rank > 0 {
                    works.push((rank, object));
                }
                open.extend(object.values().filter(|value| value.is_object() || value.is_array()));
            }
            _ => {}
        }
    }
    // Of works of one rank the first counts; sorting keeps their order.
    works.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    for (rank, work) in works {
        take(work, rank, &names, candidates);
    }
}

/// Line breaks within strings are no JSON, but common.
fn without_breaks(script: &str) -> String {
    script.replace(['\n', '\r', '\t'], " ")
}

fn take(work: &Map<String, Value>, rank: u8, names: &[(&str, &str)], candidates: &mut Candidates) {
    let text = |key: &str| work.get(key).and_then(Value::as_str);
    // Wikipedia's headline is a description. The one that the page's own title repeats is a title.
    let title = match (text("headline"), text("name")) {
        (Some(headline), Some(name)) => {
            let repeats = |text| title::repeats(&candidates.page_title, text);
            Some(if repeats(name) && !repeats(headline) { name } else { headline })
        }
        (headline, name) => headline.or(name),
    };
    let article = rank >= 3;
    if let Some(title) = title {
        candidates.offer(Field::Title, if article { 90 } else { 50 }, title);
    }
    let author = work.get("author").or_else(|| work.get("creator"));
    if let Some(author) = author.and_then(|author| people(author, names)) {
        candidates.offer(Field::Author, if article { 90 } else { 45 }, &author);
    }
    for (key, rank) in [("datePublished", 90), ("dateCreated", 60)] {
        if let Some(date) = text(key) {
            candidates.offer(Field::Date, if article { rank } else { rank - 35 }, date);
        }
    }
    if let Some(language) = text("inLanguage") {
        candidates.offer(Field::Language, 30, language);
    }
    if let Some(Value::Object(publisher)) = work.get("publisher")
        && let Some(name) = publisher.get("name").and_then(Value::as_str)
    {
        candidates.offer(Field::SiteName, 40, name);
    }
    for key in ["mainEntityOfPage", "url"] {
        let address = match work.get(key) {
            Some(Value::String(address)) => Some(address.as_str()),
            Some(Value::Object(page)) => page.get("@id").and_then(Value::as_str),
            _ => None,
        };
        if let Some(address) = address.filter(|address| article && address.starts_with("http")) {
            candidates.offer(Field::Canonical, 30, address);
        }
    }
}

/// Names of authors: texts, objects, references, lists of them.
fn people(value: &Value, names: &[(&str, &str)]) -> Option<String> {
    const MOST: usize = 32;
    let list = match value {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut out = String::new();
    for person in list.iter().take(MOST) {
        let name = match person {
            Value::String(name) => Some(name.as_str()),
            Value::Object(person) => match person.get("name") {
                Some(Value::String(name)) => Some(name.as_str()),
                Some(Value::Array(several)) => several.first().and_then(Value::as_str),
                _ => {
                    let id = person.get("@id").and_then(Value::as_str);
                    id.and_then(|id| names.iter().find(|(known, _)| *known == id))
                        .map(|(_, name)| *name)
                }
            },
            _ => None,
        };
        let Some(name) = name.map(str::trim).filter(|name| !name.is_empty()) else { continue };
        if !out.is_empty() {
            out.push_str(", ");
        }
        out.push_str(name);
    }
    (!out.is_empty()).then_some(out)
}
