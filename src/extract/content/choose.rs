//! The element that holds the main text.

use super::marks::{self, Marks};
use super::measure::{inline, letters};
use super::{Mode, Page};
use crate::extract::dom::{Attr, NodeId, Tag};

impl Page<'_> {
    /// The element named as the text that holds most; what is around it is not left out, and what
    /// is beside it needs no second thought.
    pub(super) fn core(&self) -> Option<NodeId> {
        let mut best = None;
        let mut most = 100;
        let mut below = self.dom.descendants(self.body);
        while let Some(node) = below.next() {
            let index = node.index();
            let stat = self.stats[index];
            let weight = stat.good + (stat.text - stat.link) / 4;
            if self.skip[index] || weight < most || self.marks[index].has(Marks::COMMENT) {
                below.skip_children(node);
            } else if self.told(node) {
                most = weight;
                best = Some(node);
            }
        }
        best
    }

    /// The element that holds the main text.
    pub(super) fn choose(&self) -> NodeId {
        let mut at = self.body;
        loop {
            // What has the text's name holds all of it, also where a part is much longer.
            let ends = self.marks[at.index()].has(Marks::BODY);
            match self.named(at).or_else(|| if ends { None } else { self.heaviest(at) }) {
                Some(next) => at = next,
                None => return at,
            }
        }
    }

    /// The element below that is named as the text and holds most of what is there.
    fn named(&self, at: NodeId) -> Option<NodeId> {
        let whole = self.stats[at.index()].value;
        let mut told: Vec<(u32, NodeId)> = Vec::new();
        let mut below = self.dom.descendants(at);
        while let Some(node) = below.next() {
            let value = self.stats[node.index()].value;
            if self.skip[node.index()] || value.saturating_mul(32) < whole {
                below.skip_children(node);
            } else if value > 0 && self.told(node) {
                told.push((value, node));
            }
        }
        // The last of those that hold most is the innermost.
        let &(value, best) = told.iter().max_by_key(|(value, node)| (*value, *node))?;
        let class = self.dom.attr(best, Attr::Class).unwrap_or_default();
        let (mut rival, mut parts) = (0, 0);
        let holds = |a: NodeId, b: NodeId| a == b || self.dom.ancestors(b).any(|up| up == a);
        // A page can name thousands of elements so; a few tell as much.
        for &(other, node) in told.iter().take(64) {
            if !holds(node, best) && !holds(best, node) {
                rival = rival.max(other);
                // A text in pieces, each with the same name.
                if self.dom.attr(node, Attr::Class).unwrap_or_default() == class {
                    parts += other;
                }
            }
        }
        let least = if self.wish.mode == Mode::Recall { whole / 3 * 2 } else { whole / 2 };
        (value >= least && rival * 2 < value && parts * 10 < value).then_some(best)
    }

    /// The child that holds nearly all of what is there.
    fn heaviest(&self, at: NodeId) -> Option<NodeId> {
        let whole = self.stats[at.index()].value;
        let best = self
            .dom
            .children(at)
            .filter(|&node| self.dom.tag(node) != Tag::Text && !self.skip[node.index()])
            .max_by_key(|&node| (self.stats[node.index()].value, std::cmp::Reverse(node)))?;
        let value = self.stats[best.index()].value;
        let tag = self.dom.tag(best);
        let spare = if self.wish.mode == Mode::Recall { whole / 16 } else { whole / 8 };
        let fits = value > 0 && !inline(tag) && tag != Tag::P && value >= whole - spare;
        fits.then_some(best)
    }

    /// Whether the element says that it is the text.
    fn told(&self, node: NodeId) -> bool {
        let tag = self.dom.tag(node);
        tag != Tag::Text
            && (matches!(tag, Tag::Article | Tag::Main)
                || self.marks[node.index()].has(Marks::BODY)
                || self.dom.attr(node, Attr::Itemprop).is_some_and(|value| value == "articleBody"))
    }

    /// The sentences between headline and text, where they stand outside of it.
    pub(super) fn lead(&self, root: NodeId) -> Option<NodeId> {
        for above in std::iter::once(root).chain(self.dom.ancestors(root)).take(6) {
            if above == self.body {
                break;
            }
            let mut before = self.dom.previous_sibling(above);
            while let Some(node) = before {
                if let Some(found) = self.lead_in(node) {
                    return Some(found);
                }
                before = self.dom.previous_sibling(node);
            }
            if matches!(self.dom.tag(above), Tag::Article | Tag::Main) {
                break;
            }
        }
        None
    }

    fn lead_in(&self, node: NodeId) -> Option<NodeId> {
        let mut below = self.dom.descendants(node);
        let mut next = Some(node);
        while let Some(node) = next {
            let marks = self.marks[node.index()];
            let tag = self.dom.tag(node);
            let other = marks.without(Marks::CHROME.or(Marks::META)).has(Marks::AGAINST);
            if tag != Tag::Text {
                if other || marks::no_text(tag) || matches!(tag, Tag::Aside | Tag::Footer | Tag::A)
                {
                    below.skip_children(node);
                } else if !inline(tag) && marks.has(Marks::LEAD) {
                    let (letters, stops) = letters(&self.dom.text_of(node));
                    let links = self.dom.find(node, Tag::A).is_some();
                    if (50..500).contains(&letters) && stops >= 1 && !links {
                        return Some(node);
                    }
                }
            }
            next = below.next();
        }
        None
    }

    /// The roots, and what readers wrote outside of them, in the page's order.
    pub(super) fn with_comments(&self, roots: &[NodeId]) -> Vec<NodeId> {
        let mut found = Vec::new();
        let mut below = self.dom.descendants(self.body);
        let mut next = Some(self.body);
        while let Some(node) = next {
            let above = |root: &NodeId| self.dom.ancestors(*root).any(|above| above == node);
            let comments = self.marks[node.index()].has(Marks::COMMENT)
                && self.stats[node.index()].good > 0
                && !roots.iter().any(above);
            if roots.contains(&node) || comments && !self.skip[node.index()] {
                found.push(node);
                below.skip_children(node);
                if node == self.body {
                    break;
                }
            } else if self.skip[node.index()] {
                below.skip_children(node);
            }
            next = below.next();
        }
        // What holds a root may have been left out itself.
        if roots.iter().all(|root| found.contains(root)) { found } else { roots.to_vec() }
    }
}
