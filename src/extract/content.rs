//! Which part of a page is its main text.
//!
//! The way is that of Readability (<https://github.com/mozilla/readability>), trafilatura
//! (<https://aclanthology.org/2021.acl-demo.15>) and the density methods before them
//! (<https://doi.org/10.1145/1718487.1718542>), put as three questions that are answered with
//! figures of the whole tree:
//!
//! 1. What says of itself that it is something else? ([`prune`]: names of classes, HTML's own
//!    elements, roles; unless most of the page's running text is in it.)
//! 2. Which element holds nearly all running text that is left? ([`choose`]: elements that are
//!    named as the text need less of it; teasers count little.)
//! 3. What in there is no part of the text? ([`clean`]: lists of links, captions, invitations,
//!    second copies.)
//!
//! Nothing is known of single sites.

mod choose;
mod clean;
mod marks;
mod measure;
mod phrases;
mod prune;

use self::marks::{Marks, Reader};
use self::measure::{Stat, measure};
use super::dom::{Dom, NodeId, Tag};

/// How doubtful parts are decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Left out.
    Precision,
    /// As most readers would.
    #[default]
    Balanced,
    /// Taken in.
    Recall,
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// How doubtful parts are decided.
    pub mode: Mode,
    /// Whether what readers wrote below the text belongs to it.
    pub comments: bool,
    /// Whether tables belong to the text.
    pub tables: bool,
}

impl Default for Wish {
    fn default() -> Self {
        Self { mode: Mode::default(), comments: false, tables: true }
    }
}

/// The chosen part of a page.
#[derive(Debug, Clone, Default)]
pub struct Content {
    /// Elements, in the page's order, none within another.
    pub roots: Vec<NodeId>,
    skip: Vec<bool>,
    /// Letters chosen, those of them in links, and all letters the page shows.
    pub(crate) letters: Letters,
}

/// How much text a choice is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Letters {
    /// Letters of the chosen part.
    pub chosen: u32,
    /// Those of them in links.
    pub linked: u32,
    /// Letters of the whole page.
    pub page: u32,
}

impl Content {
    /// Whether a node within a root is left out with all that is below.
    #[must_use]
    pub fn skips(&self, node: NodeId) -> bool {
        self.skip.get(node.index()).copied().unwrap_or(false)
    }

    /// A part made by hand; `skip` is indexed by [`NodeId::index`] and may be shorter.
    #[must_use]
    pub fn new(roots: Vec<NodeId>, skip: Vec<bool>) -> Self {
        Self { roots, skip, letters: Letters::default() }
    }

    /// How much text it is; zero for a part made by hand.
    #[must_use]
    pub fn letters(&self) -> Letters {
        self.letters
    }
}

/// Chosen text that short, with much more in the page, is doubted.
const SHORT: u32 = 250;

/// Chooses the main text.
#[must_use]
pub fn select(dom: &Dom, wish: Wish) -> Content {
    let body = dom.body().unwrap_or(NodeId::DOCUMENT);
    let mut page = Page {
        dom,
        wish,
        body,
        skip: vec![false; dom.len()],
        marks: vec![Marks::default(); dom.len()],
        stats: Vec::new(),
        cards: Vec::new(),
    };
    page.read();
    page.measure();
    let whole = page.stats[body.index()];
    page.cards = page.stats.iter().map(measure::is_card).collect();
    // Pruning may go wrong as a whole, where the names in a page mean something else; then less of
    // it is more.
    let unpruned = page.skip.clone();
    let mut content = page.attempt(true);
    if content.letters.chosen < SHORT && whole.text - whole.link > 2 * SHORT {
        page.skip = unpruned;
        page.measure();
        let second = page.attempt(false);
        if second.letters.chosen > 3 * content.letters.chosen {
            content = second;
        }
    }
    content.letters.page = whole.text;
    content
}

/// A page on the way to its main text. Arrays have an entry per node.
struct Page<'a> {
    dom: &'a Dom,
    wish: Wish,
    body: NodeId,
    skip: Vec<bool>,
    marks: Vec<Marks>,
    stats: Vec<Stat>,
    cards: Vec<bool>,
}

impl Page<'_> {
    /// Reads marks and leaves out what never is text.
    fn read(&mut self) {
        let mut reader = Reader::default();
        let mut below = self.dom.descendants(self.body);
        while let Some(node) = below.next() {
            let tag = self.dom.tag(node);
            if tag == Tag::Text {
                continue;
            }
            if marks::no_text(tag) {
                self.skip[node.index()] = true;
                below.skip_children(node);
                continue;
            }
            let mut marks = reader.marks(self.dom, node);
            if marks::hidden(self.dom, node) {
                marks = marks.or(Marks::HIDDEN);
            }
            self.marks[node.index()] = marks;
        }
    }

    fn measure(&mut self) {
        measure(self.dom, self.body, &self.skip, &self.cards, &mut self.stats);
    }

    fn attempt(&mut self, all: bool) -> Content {
        let core = self.core();
        self.prune(Marks::STRONG, core);
        self.measure();
        if all {
            self.prune(Marks::default(), core);
            self.measure();
        }
        let root = self.choose();
        self.clean(root);
        self.drop_copies(root);
        let mut roots = Vec::new();
        if self.wish.mode == Mode::Recall {
            roots.extend(self.lead(root));
        }
        roots.push(root);
        if self.wish.comments {
            roots = self.with_comments(&roots);
        }
        self.measure();
        let mut letters = Letters::default();
        for root in &roots {
            letters.chosen += self.stats[root.index()].text;
            letters.linked += self.stats[root.index()].link;
        }
        Content { roots, skip: self.skip.clone(), letters }
    }
}
