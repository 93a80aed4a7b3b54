//! Leaving out what says that it is something else than the text.

use super::Page;
use super::marks::{self, Marks};
use crate::extract::dom::{Attr, NodeId, Tag};
use crate::extract::math;

impl Page<'_> {
    /// Leaves out what is marked as something else than text, unless most of the page's text is in:
    /// with `strong`, only what is marked so, else all the rest.
    pub(super) fn prune(&mut self, strong: Marks, core: Option<NodeId>) {
        let whole = self.stats[self.body.index()].good;
        let mut around = vec![false; if core.is_some() { self.dom.len() } else { 0 }];
        if let Some(core) = core {
            around[core.index()] = true;
            for above in self.dom.ancestors(core) {
                around[above.index()] = true;
            }
        }
        let behind = core.and_then(|core| self.dom.behind(core));
        let mut inside = false;
        let mut below = self.dom.descendants(self.body);
        while let Some(node) = below.next() {
            inside = (inside && behind != Some(node)) || core == Some(node);
            let tag = self.dom.tag(node);
            let index = node.index();
            if tag == Tag::Text {
                continue;
            }
            if self.skip[index] {
                below.skip_children(node);
                continue;
            }
            if around.get(index) == Some(&true) || tag == Tag::Main {
                continue;
            }
            let good = self.stats[index].good;
            let marks = self.marks[index];
            let (against, most) = if strong == Marks::default() {
                // Beside a text that is named as such, little has to be kept for lack of a better.
                let share = if core.is_some() && !inside { 9 } else { 4 };
                (self.against(node, marks), good * 10 >= whole * share && good > 0)
            } else {
                let rest = whole - good.min(whole);
                let foot = strong.has(Marks::FOOT) && tag == Tag::Footer;
                let comment = self.wish.comments && marks.has(Marks::COMMENT);
                (
                    foot || marks.has(strong) && !comment,
                    good * 10 > whole * 9 || rest < 200 && good * 2 > whole,
                )
            };
            if against && !marks.has(Marks::BODY) && !most && !self.formula(node) {
                self.skip[index] = true;
                below.skip_children(node);
            }
        }
    }

    /// Whether something says that the element is none of the text.
    fn against(&self, node: NodeId, marks: Marks) -> bool {
        let role = self.dom.attr(node, Attr::Role).unwrap_or_default();
        if matches!(self.dom.tag(node), Tag::Footer | Tag::Aside | Tag::Header | Tag::Nav)
            || marks::not_text(role)
        {
            return true;
        }
        let wanted = if self.wish.comments { Marks::COMMENT } else { Marks::default() };
        // Posts of other places, shown within the text, come in a box made for passing pages on,
        // and listings in one with a toolbar.
        let boxes = Marks::CHROME.or(Marks::SHARE);
        let shown = |tag| self.dom.find(node, tag).is_some();
        marks.without(wanted).has(Marks::AGAINST)
            && !(marks.has(boxes) && (shown(Tag::Blockquote) || shown(Tag::Pre)))
    }

    /// Whether the element is there for a formula: those come twice, for eyes and for readers
    /// aloud, and the second one is hidden.
    fn formula(&self, node: NodeId) -> bool {
        self.stats[node.index()].text < 2_000
            && (math::is_formula(self.dom, node) || self.dom.find(node, Tag::Math).is_some())
    }
}
