//! Leaving out what stands in the chosen element and is no part of the text.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use super::marks::Marks;
use super::measure::{Stat, inline};
use super::{Mode, Page, phrases};
use crate::extract::dom::{Dom, Edge, NodeId, Tag};

impl Page<'_> {
    /// Leaves out what does not belong within the chosen element.
    pub(super) fn clean(&mut self, root: NodeId) {
        let h1 = |&node: &NodeId| self.dom.tag(node) == Tag::H1;
        // One is the title, which is told apart; several are headings.
        let several = self.dom.descendants(root).filter(h1).count() > 1;
        let whole = self.stats[root.index()];
        let mut walk = self.dom.walk(root);
        while let Some(edge) = walk.next() {
            let Edge::Enter(node) = edge else { continue };
            let tag = self.dom.tag(node);
            if tag == Tag::Text || node == root {
                continue;
            }
            if self.skip[node.index()] {
                walk.skip_children();
                continue;
            }
            let drop = match tag {
                Tag::H1 => !several,
                Tag::Form => self.stats[node.index()].good * 2 < whole.good.max(1),
                Tag::Table => !self.wish.tables && is_data(self.dom, node),
                _ => false,
            };
            if drop || self.is_beside(node, tag, &whole) {
                self.skip[node.index()] = true;
                walk.skip_children();
            }
        }
        if self.wish.mode == Mode::Precision {
            self.drop_cards(root, whole.raw);
        }
    }

    /// Whether an element stands beside the text: a list of links, a caption, a pointer.
    fn is_beside(&self, node: NodeId, tag: Tag, whole: &Stat) -> bool {
        let stat = &self.stats[node.index()];
        let mode = self.wish.mode;
        if stat.text == 0 {
            return false;
        }
        let most = match mode {
            Mode::Precision => 6,
            Mode::Balanced => 7,
            Mode::Recall => 9,
        };
        let lists = matches!(
            tag,
            Tag::Ul
                | Tag::Ol
                | Tag::Dl
                | Tag::Div
                | Tag::Section
                | Tag::Table
                | Tag::P
                | Tag::Center
        );
        // A page may consist of links; then they are what it is about.
        if lists
            && stat.link * 10 > stat.text * most
            && stat.good < 200
            && stat.text < whole.text / 2
        {
            return true;
        }
        if mode == Mode::Recall {
            return false;
        }
        let caption = tag == Tag::Figcaption || self.marks[node.index()].has(Marks::CAPTION);
        if caption && stat.text < 600 {
            return true;
        }
        if inline(tag) || stat.own != stat.text || stat.text > 240 {
            return false;
        }
        let text = self.dom.text_of(node);
        phrases::points_elsewhere(text.trim(), stat.link * 10 > stat.text * 3)
    }

    /// Leaves out series of teasers, where they are a small part of what was chosen.
    fn drop_cards(&mut self, root: NodeId, whole: u32) {
        let mut series: Vec<NodeId> = Vec::new();
        let mut dropped: Vec<NodeId> = Vec::new();
        let mut below = self.dom.descendants(root);
        let mut next = Some(root);
        while let Some(node) = next {
            if self.skip[node.index()] {
                below.skip_children(node);
            } else if self.dom.tag(node) != Tag::Text {
                series.clear();
                series.extend(self.dom.children(node).filter(|child| {
                    self.cards[child.index()]
                        && !self.skip[child.index()]
                        && !matches!(self.dom.tag(*child), Tag::P | Tag::Tr | Tag::Td | Tag::Dd)
                }));
                let weight: u32 = series.iter().map(|node| self.stats[node.index()].raw).sum();
                if series.len() >= 3 && weight < whole / 4 {
                    dropped.extend_from_slice(&series);
                }
            }
            next = below.next();
        }
        for node in dropped {
            self.skip[node.index()] = true;
        }
    }

    /// Leaves out paragraphs that stand in the page twice, in the same order: a second copy of much of
    /// the text, for another width of screen or for print.
    pub(super) fn drop_copies(&mut self, root: NodeId) {
        type Hasher = BuildHasherDefault<DefaultHasher>;
        let mut first: HashMap<String, usize, Hasher> = HashMap::default();
        let mut copies: Vec<(NodeId, usize, usize)> = Vec::new();
        let mut count = 0;
        let mut below = self.dom.descendants(root);
        while let Some(node) = below.next() {
            if self.skip[node.index()] {
                below.skip_children(node);
                continue;
            }
            let stat = &self.stats[node.index()];
            if stat.own >= 40 && stat.own == stat.text && !inline(self.dom.tag(node)) {
                let origin = *first.entry(self.dom.text_of(node)).or_insert(count);
                if origin < count {
                    copies.push((node, count, origin));
                }
                count += 1;
                below.skip_children(node);
            }
        }
        let mut start = 0;
        for end in 1..=copies.len() {
            let goes_on = end < copies.len()
                && copies[end].1 == copies[end - 1].1 + 1
                && copies[end].2 > copies[end - 1].2;
            if !goes_on {
                let letters: u32 =
                    copies[start..end].iter().map(|(node, ..)| self.stats[node.index()].own).sum();
                if end - start >= 3 && letters.saturating_mul(6) > self.stats[root.index()].text {
                    for (node, ..) in &copies[start..end] {
                        self.skip[node.index()] = true;
                    }
                }
                start = end;
            }
        }
    }
}

/// Whether a table holds data, and not the page's layout.
fn is_data(dom: &Dom, table: NodeId) -> bool {
    dom.find(table, Tag::Th).is_some()
        || dom.find(table, Tag::Caption).is_some()
        || (dom.find(table, Tag::Table).is_none() && dom.find(table, Tag::P).is_none())
}
