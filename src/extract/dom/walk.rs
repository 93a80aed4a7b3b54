//! Ways through a tree, all without recursion.

use super::{Attr, Attribute, Dom, NodeId};

/// Attributes of an element.
pub struct Attributes<'a> {
    dom: &'a Dom,
    rest: std::slice::Iter<'a, Attribute>,
}

impl<'a> Attributes<'a> {
    pub(super) fn new(dom: &'a Dom, node: NodeId) -> Self {
        Self { dom, rest: dom.attribute_slice(node).iter() }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (Attr, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let attribute = self.rest.next()?;
        Some((attribute.name, self.dom.slice(attribute.start, attribute.len)))
    }
}

/// Children of a node.
pub struct Children<'a> {
    dom: &'a Dom,
    next: Option<NodeId>,
}

impl<'a> Children<'a> {
    pub(super) fn new(dom: &'a Dom, node: NodeId) -> Self {
        Self { dom, next: dom.first_child(node) }
    }
}

impl Iterator for Children<'_> {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        let node = self.next?;
        self.next = self.dom.next_sibling(node);
        Some(node)
    }
}

/// Ancestors of a node, from its parent up.
pub struct Ancestors<'a> {
    dom: &'a Dom,
    next: Option<NodeId>,
}

impl<'a> Ancestors<'a> {
    pub(super) fn new(dom: &'a Dom, node: NodeId) -> Self {
        Self { dom, next: dom.parent(node) }
    }
}

impl Iterator for Ancestors<'_> {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        let node = self.next?;
        self.next = self.dom.parent(node);
        Some(node)
    }
}

/// What lies below a node, in the page's order.
pub struct Descendants<'a> {
    dom: &'a Dom,
    root: NodeId,
    next: Option<NodeId>,
}

impl<'a> Descendants<'a> {
    pub(super) fn new(dom: &'a Dom, node: NodeId) -> Self {
        Self { dom, root: node, next: dom.first_child(node) }
    }

    /// Goes on behind `node`, which the iterator gave last, without what is below it.
    pub fn skip_children(&mut self, node: NodeId) {
        self.next = behind(self.dom, self.root, node);
    }
}

/// The node that follows `node` and all below it, within `root`.
fn behind(dom: &Dom, root: NodeId, node: NodeId) -> Option<NodeId> {
    let mut at = node;
    while at != root {
        if let Some(next) = dom.next_sibling(at) {
            return Some(next);
        }
        at = dom.parent(at)?;
    }
    None
}

impl Iterator for Descendants<'_> {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        let node = self.next?;
        self.next = self.dom.first_child(node).or_else(|| behind(self.dom, self.root, node));
        Some(node)
    }
}

/// A step of a [`Walk`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// Into a node; a text node has only this.
    Enter(NodeId),
    /// Out of an element.
    Leave(NodeId),
}

/// Enters and leaves nodes in the page's order.
pub struct Walk<'a> {
    dom: &'a Dom,
    root: NodeId,
    next: Option<Edge>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(dom: &'a Dom, root: NodeId) -> Self {
        Self { dom, root, next: Some(Edge::Enter(root)) }
    }

    /// After [`Edge::Enter`]: leaves the element at once.
    pub fn skip_children(&mut self) {
        if let Some(Edge::Enter(child)) = self.next
            && let Some(parent) = self.dom.parent(child)
            && self.dom.first_child(parent) == Some(child)
        {
            self.next = Some(Edge::Leave(parent));
        }
    }

    fn after(&self, node: NodeId) -> Option<Edge> {
        if node == self.root {
            return None;
        }
        match self.dom.next_sibling(node) {
            Some(next) => Some(Edge::Enter(next)),
            None => self.dom.parent(node).map(Edge::Leave),
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Edge;

    fn next(&mut self) -> Option<Edge> {
        let edge = self.next?;
        self.next = match edge {
            Edge::Enter(node) if self.dom.tag(node) == super::Tag::Text => self.after(node),
            Edge::Enter(node) => {
                Some(self.dom.first_child(node).map_or(Edge::Leave(node), Edge::Enter))
            }
            Edge::Leave(node) => self.after(node),
        };
        Some(edge)
    }
}
