//! From a web page to its main text: [`extract`].
//!
//! [`dom`] makes a tree of the page, [`content`] chooses the part of it that is the text,
//! [`render`] writes that part, with [`math`] for formulas, and [`metadata`] reads what the page
//! says about itself. Nothing here depends on time, on hash order or on other pages.

pub mod content;
pub mod dom;
pub mod math;
pub mod metadata;
pub mod render;

pub use self::content::{Letters, Mode, Wish};
pub use self::dom::{Budget, Cut};
pub use self::metadata::Metadata;

/// How pages are read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What is looked for.
    pub wish: Wish,
    /// How much a page may cost.
    pub budget: Budget,
    /// How the text is written.
    pub render: render::Options,
}

/// What a page says.
#[derive(Debug, Clone)]
pub struct Extract {
    /// What it says about itself.
    pub metadata: Metadata,
    /// How much of it was chosen.
    pub letters: Letters,
    /// Which limits it ran into.
    pub cut: Cut,
}

/// Appends the main text of a page; `url` is its address, where it is known.
pub fn extract(html: &str, url: Option<&str>, options: &Options, text: &mut String) -> Extract {
    let dom = dom::parse(html, options.budget);
    let content = content::select(&dom, options.wish);
    render::text(&dom, &content, &options.render, text);
    Extract { metadata: metadata::read(&dom, url), letters: content.letters(), cut: dom.cut() }
}

/// How far the beginning of a page is looked for.
const HEAD: usize = 4_096;

/// Whether a text is a web page or a piece of one: it begins with a tag, a comment or a
/// declaration, or has an `html`, `head` or `body` tag near its beginning.
#[must_use]
pub fn is_html(text: &str) -> bool {
    let text =
        text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\0'));
    let bytes = text.as_bytes();
    if bytes.len() > 2
        && bytes[0] == b'<'
        && matches!(bytes[1], b'!' | b'?' | b'a'..=b'z' | b'A'..=b'Z')
    {
        return true;
    }
    let head = &bytes[..bytes.len().min(HEAD)];
    memchr::memchr_iter(b'<', head).any(|at| {
        let rest = &head[at + 1..];
        ["html", "head", "body", "!doctype html"].iter().any(|tag| {
            rest.len() > tag.len()
                && rest[..tag.len()].eq_ignore_ascii_case(tag.as_bytes())
                && !rest[tag.len()].is_ascii_alphanumeric()
        })
    })
}
