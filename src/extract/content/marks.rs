//! What an element's `class`, `id`, `role` and the like say about its part in the page.
//!
//! Designers name things for themselves, yet they name them alike: all main-text extractors since
//! Readability (<https://github.com/mozilla/readability>) live on lists of such words.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::extract::dom::{Attr, Dom, NodeId, Tag};

/// A set of roles that words of an element's attributes point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Marks(u32);

macro_rules! marks {
    ($($name:ident $bit:literal: [$($word:literal),* $(,)?];)*) => {
        impl Marks {
            $(pub(super) const $name: Self = Self(1 << $bit);)*
        }
        /// Words and what they say. Names are brought to the form `-sidebar-left-` first; a word
        /// with a hyphen at an end meets whole words only there.
        const WORDS: &[(&str, Marks)] = &[$($(($word, Marks::$name),)*)*];
    };
}

marks! {
    // Ways to other pages.
    NAV 0: [
        "-nav-", "-navs-", "navbar", "-navigation", "navigation-", "-menu", "menu-", "breadcrumb", "-crumbs-",
        "-crumb-", "paginat", "-pager-", "-paging-", "sitemap", "-tabs-", "-tab-bar-", "-skip-",
        "skiplink", "-toc-", "-prev-", "-previous-", "-next-post", "subnav", "topnav", "-jump-",
    ];
    // Passing the page on.
    SHARE 1: [
        "-share", "share-", "-sharing-", "sharebar", "sharing-", "-social", "social-", "socialmedia", "addthis", "addtoany", "-follow-", "-follow-us",
        "-like-", "-likes-", "-tweet-this", "sharedaddy", "-shares-", "-followus-",
    ];
    // What readers wrote.
    COMMENT 2: [
        "-comment-", "-comments-", "comments-", "-commentlist", "-commentarea", "-commentsection", "-commentform", "-comment-list", "-commenting-", "disqus", "-respond-", "-reply-", "-replies-",
        "-discussion", "livefyre", "coral-talk", "-reader-comments",
        "-feedback-", "-reviews-",
    ];
    // Paid for.
    AD 3: [
        "-ad-", "-ads-", "-adv-", "advert", "-adsense", "-sponsor", "-promo", "promo-", "-promotion", "-banner-", "-outbrain",
        "taboola", "-dfp-", "-gpt-", "-adslot", "-adunit", "-ad-unit", "-adbox-", "-partner-content",
        "-affiliate", "-commercial-", "-marketing-", "-adwrapper", "-donat", "-shopping-",
    ];
    // Other pages to read.
    RELATED 4: [
        "-related", "related-", "relatedarticle", "recommend", "-recirc", "-popular", "popular-", "-trending", "-most-read", "-mostread", "-most-viewed",
        "-more-stories", "-more-articles", "-more-news", "-more-from", "-more-on-", "-read-more", "readmore", "-read-also", "-read-next", "-also-read", "-also-like",
        "-see-also-", "-teaser", "teaser-", "-similar", "-up-next", "-upnext-", "-further-reading", "-next-article", "-latest-", "-other-stories",
        "-suggest", "-recent-", "-ticker-", "-headlines-", "-editors-picks", "-storylist", "-onward", "-zergnet", "-revcontent", "-yarpp", "-jp-relatedposts", "-inline-story", "-featured-posts", "-river-",
    ];
    // Asking for an address or money.
    SIGNUP 5: [
        "newsletter", "-subscri", "-signup", "-sign-up", "-login", "-log-in-", "-signin", "-sign-in", "-register-", "-registration-",
        "-optin", "-opt-in", "-mailchimp", "-mailing-list", "-email-form", "-cta-", "-callout-subscribe", "-membership",
    ];
    // In front of the page.
    NOTICE 6: [
        "-cookie", "cookie-", "consent", "-gdpr", "-modal", "modal-", "-popup", "popup-", "-pop-up-", "-overlay-", "-lightbox", "-toast-", "-dialog-",
        "-adblock", "-ccpa-", "-onetrust", "-privacy-notice", "-snackbar", "-tooltip", "-rollover",
    ];
    // The frame around the page.
    CHROME 7: [
        "-header-", "-masthead", "-sidebar", "sidebar-", "-side-bar", "-sidebars-", "-rail-", "-right-rail", "-rightrail", "-aside-", "-toolbar", "-topbar",
        "-widget", "widget-", "-legal-", "-site-info", "-search-", "searchform",
        "-search-form", "-secondary-", "-utility-", "-print-button", "-back-to-top", "-accessibility-",
    ];
    // Below the page.
    FOOT 16: ["-footer", "footer-", "-foot-", "-colophon", "-copyright"];
    // About the text: who, when, in which drawer.
    META 8: [
        "-byline", "byline-", "-bylines-", "-author", "author-", "-dateline-", "-timestamp", "-post-meta", "-entry-meta",
        "-article-meta", "-meta-", "-metadata-", "-metas-", "-tags-", "-tag-list", "-taglist", "-tagcloud", "-post-tags", "-tag-links", "-cat-links", "-category-", "-categories-", "-published-", "-publish-date",
        "-pubdate-", "-post-date", "-posted-on", "-posted-by", "-post-info", "-postmeta", "postmetadata", "-kicker-", "-bio-", "-biography-", "-about-author", "-contributor",
        "-read-time", "-reading-time", "-time-to-read", "-topics-", "-topic-list", "-keywords-", "-source-info", "-rating", "-vcard-", "-views-",
    ];
    // About pictures.
    CAPTION 9: [
        "caption", "-credit", "credit-", "-photographer", "-photo-info", "-image-info", "-cutline",
    ];
    // Pictures and films.
    MEDIA 10: [
        "gallery", "slideshow", "-carousel", "carousel-", "-slider", "-player-", "-video-", "-videos-", "-audio-", "-media-", "-podcast", "-swiper-", "-infographic",
    ];
    // Not shown, or only to some.
    HIDDEN 11: ["-print-only", "-printonly-", "-noprint-", "-no-print-", "-noscript-"];
    // The text itself.
    BODY 12: [
        "article-body", "articlebody", "-article-text", "articletext", "-article-content", "articlecontent", "-article-copy", "-article-main", "-article-page-body", "-article-inner",
        "entry-content", "entrycontent", "-entry-body", "-entry-text", "post-content", "postcontent", "post-body", "postbody", "-post-entry", "-post-text", "-blog-content", "-blog-body", "-blog-post-content",
        "story-body", "storybody", "-story-content", "-story-text", "-storytext", "storycontent", "-news-body", "-news-content", "-news-text", "-newsbody", "-body-text", "-bodytext", "-body-copy", "-bodycopy", "-content-body", "-text-content", "-main-text",
        "-article-detail", "-page-content-", "-rich-text", "-richtext", "-article-paragraphs", "-field-name-body", "-field-body", "-mw-parser-output", "-mw-content-text", "-single-content", "-td-post-content", "-the-content-", "-detail-content", "-js-article", "-articulo", "-instapaper-body", "-e-content",
    ];
    // The text with what belongs to it.
    ARTICLE 13: [
        "-article-", "-post-", "-entry-", "-story-", "-hentry-", "-blogpost-", "-blog-post-", "-news-",
    ];
    // Perhaps the text.
    CONTENT 14: ["-content-", "-main-", "-text-", "-body-", "-maincontent", "-page-"];
    // The sentences between headline and text.
    LEAD 17: ["-standfirst", "-dek-", "-deck-", "-intro-", "-introduction-", "-lead-", "-lede-", "-perex", "-subtitle", "-sub-title", "-subhead", "-sub-head", "-summary-", "-excerpt-", "-abstract-", "-chapo", "-sapo-", "-vorspann", "-strapline", "-subheadline-", "-article-description", "-description-", "-subline-", "-catchline"];
    // A note beside the text.
    ASIDE 15: ["-pullquote", "-pull-quote", "-sidenote", "-factbox", "-fact-box", "-infobox", "-disclaimer", "-disclosure", "-editors-note", "-correction-"];
}

impl Marks {
    /// All that speaks against an element as part of the main text.
    pub(super) const AGAINST: Self = Self(0b1_0000_1001_1111_1111);

    /// What is left out first, since it may be longer than the text.
    pub(super) const STRONG: Self =
        Self::COMMENT.or(Self::NOTICE).or(Self::SIGNUP).or(Self::FOOT).or(Self::HIDDEN);

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn has(self, any: Self) -> bool {
        self.0 & any.0 != 0
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// Classes that hide an element, by themselves.
const HIDING: &[&str] = &[
    "hidden",
    "hide",
    "is-hidden",
    "d-none",
    "sr-only",
    "visually-hidden",
    "visuallyhidden",
    "screen-reader-text",
    "screen-reader-only",
    "element-invisible",
    "invisible",
    "u-hidden",
    "offscreen",
    "visible-xs",
    "visible-print",
    "visible-print-block",
    "a11y-hidden",
];

/// Ends of rules that show it again on a wide screen.
const SHOWING: &[&str] = &[":block", ":flex", ":inline", ":inline-block", ":grid", ":visible"];

static AUTOMATON: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA))
        .build(WORDS.iter().map(|(word, _)| word))
        .ok()
});

/// Reads marks off elements.
#[derive(Debug, Default)]
pub(super) struct Reader {
    name: Vec<u8>,
}

impl Reader {
    /// The marks of an element's class and id.
    pub(super) fn marks(&mut self, dom: &Dom, node: NodeId) -> Marks {
        self.name.clear();
        let (mut hidden, mut shown) = (false, false);
        for (name, value) in dom.attrs(node) {
            if !matches!(name, Attr::Class | Attr::Id | Attr::DataTestid) {
                continue;
            }
            for word in value.split_ascii_whitespace().take(32) {
                if HIDING.contains(&word) {
                    hidden = true;
                } else if word.bytes().any(|byte| b"()$#:/@[!".contains(&byte)) {
                    // Not a name, but a rule: `md:block`, `Ff(secondary)`.
                    shown |= SHOWING.iter().any(|end| word.ends_with(end));
                } else if word.starts_with("d-") && word != "d-print-none" {
                    shown = true;
                } else if !word.starts_with("category-")
                    && !word.starts_with("tag-")
                    && word.len() < 100
                {
                    // WordPress writes the drawers of an article on it: `category-comment`.
                    push_name(word.as_bytes(), &mut self.name);
                }
            }
        }
        let mut marks = if hidden && !shown { Marks::HIDDEN } else { Marks::default() };
        if let (Some(automaton), false) = (&*AUTOMATON, self.name.is_empty()) {
            self.name.push(b'-');
            for found in automaton.find_overlapping_iter(&self.name) {
                marks = marks.or(WORDS[found.pattern().as_usize()].1);
            }
        }
        marks
    }
}

/// Appends a name in lower case with a hyphen in front of each of its words.
fn push_name(value: &[u8], out: &mut Vec<u8>) {
    out.push(b'-');
    let mut before = b'-';
    for &byte in value {
        let next = match byte {
            b'a'..=b'z' | b'0'..=b'9' | 0x80.. => byte,
            b'A'..=b'Z' => {
                if before.is_ascii_lowercase() {
                    out.push(b'-');
                }
                byte.to_ascii_lowercase()
            }
            _ => b'-',
        };
        if next != b'-' || out.last() != Some(&b'-') {
            out.push(next);
        }
        before = byte;
    }
    if out.last() == Some(&b'-') {
        out.pop();
    }
}

/// Whether the page does not show the element.
pub(super) fn hidden(dom: &Dom, node: NodeId) -> bool {
    for (name, value) in dom.attrs(node) {
        let hides = match name {
            Attr::Hidden => true,
            Attr::Style => {
                let compact = |word: &str| {
                    value.find(word).is_some_and(|at| {
                        let rest = value[at + word.len()..].trim_start();
                        rest.strip_prefix(':').map(str::trim_start).is_some_and(|rest| {
                            rest.starts_with("none") || rest.starts_with("hidden")
                        })
                    })
                };
                compact("display") || compact("visibility")
            }
            _ => false,
        };
        if hides {
            return true;
        }
    }
    false
}

/// Whether the element is one that never holds main text.
pub(super) fn no_text(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::Head
            | Tag::Script
            | Tag::Style
            | Tag::Noscript
            | Tag::Template
            | Tag::Svg
            | Tag::Iframe
            | Tag::Object
            | Tag::Embed
            | Tag::Canvas
            | Tag::Audio
            | Tag::Video
            | Tag::Select
            | Tag::Option
            | Tag::Datalist
            | Tag::Button
            | Tag::Input
            | Tag::Textarea
            | Tag::Map
            | Tag::Dialog
            | Tag::Menu
            | Tag::Nav
            | Tag::Noframes
            | Tag::Progress
            | Tag::Meter
            | Tag::Title
            | Tag::Link
            | Tag::Meta
    )
}

/// Whether a `role` is one of what is around a text.
pub(super) fn not_text(role: &str) -> bool {
    matches!(
        role,
        "navigation"
            | "banner"
            | "contentinfo"
            | "search"
            | "complementary"
            | "menu"
            | "dialog"
            | "alert"
            | "alertdialog"
            | "toolbar"
            | "menubar"
            | "tablist"
    )
}
