//! A page as a tree in three flat buffers: nodes, attributes, text.
//!
//! Nodes are numbers, links between them too, so that a page of any shape is built, walked and
//! freed without recursion: 10,000 nested elements cannot overflow a stack. The tree itself is what
//! the HTML standard's parser makes of the page (html5ever, the parser of Servo).

mod guard;
mod names;
mod sink;
mod walk;

pub use self::names::{Attr, Tag};
pub use self::sink::parse;
pub use self::walk::{Ancestors, Attributes, Children, Descendants, Edge, Walk};

/// A node of a [`Dom`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(super) u32);

impl NodeId {
    /// The root.
    pub const DOCUMENT: Self = Self(0);
    /// Stands for no node.
    const NONE: Self = Self(u32::MAX);

    /// The place in arrays with one entry per node.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    const fn some(self) -> Option<Self> {
        if self.0 == u32::MAX { None } else { Some(self) }
    }
}

/// Vocabulary of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vocabulary {
    /// HTML.
    Html,
    /// SVG.
    Svg,
    /// MathML.
    MathMl,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    parent: NodeId,
    previous: NodeId,
    next: NodeId,
    first: NodeId,
    last: NodeId,
    /// Text: its bytes. Element: its attributes.
    start: u32,
    len: u32,
    depth: u16,
    tag: Tag,
    vocabulary: Vocabulary,
}

#[derive(Debug, Clone, Copy)]
struct Attribute {
    name: Attr,
    start: u32,
    len: u32,
}

/// What a page may cost. Limits count work, not time, so that a page gives the same text on every
/// machine.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Bytes of HTML looked at.
    pub bytes: usize,
    /// Nodes of the tree.
    pub nodes: usize,
    /// Depth; elements below it become children of the deepest element allowed.
    pub depth: u16,
}

impl Default for Budget {
    fn default() -> Self {
        // 512 is where Chrome and WebKit flatten a tree as well.
        Self { bytes: 32 << 20, nodes: 1 << 20, depth: 512 }
    }
}

/// Which limits of a [`Budget`] a page ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cut {
    /// What lies behind the limit was not read.
    pub bytes: bool,
    /// What lies behind the limit was not read.
    pub nodes: bool,
    /// Some elements are nested less than the page says.
    pub depth: bool,
}

/// A parsed page.
#[derive(Debug, Default)]
pub struct Dom {
    nodes: Vec<Node>,
    attributes: Vec<Attribute>,
    /// Texts and values of attributes.
    text: String,
    cut: Cut,
}

impl Dom {
    /// How many nodes there are; all [`NodeId::index`] are below.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is not even a root.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Which limits cut the page.
    #[must_use]
    pub fn cut(&self) -> Cut {
        self.cut
    }

    /// What the node is.
    #[must_use]
    pub fn tag(&self, node: NodeId) -> Tag {
        self.nodes[node.index()].tag
    }

    /// The element's vocabulary.
    #[must_use]
    pub fn vocabulary(&self, node: NodeId) -> Vocabulary {
        self.nodes[node.index()].vocabulary
    }

    /// The element's name in lower case; empty for text and the document.
    #[must_use]
    pub fn name(&self, node: NodeId) -> &str {
        match self.tag(node) {
            Tag::Other => self.attr(node, Attr::LocalName).unwrap_or_default(),
            tag => tag.name(),
        }
    }

    /// The text of a text node; empty for elements.
    #[must_use]
    pub fn text(&self, node: NodeId) -> &str {
        let Node { tag, start, len, .. } = self.nodes[node.index()];
        if tag == Tag::Text { self.slice(start, len) } else { "" }
    }

    fn slice(&self, start: u32, len: u32) -> &str {
        &self.text[start as usize..start as usize + len as usize]
    }

    /// An attribute's value.
    #[must_use]
    pub fn attr(&self, node: NodeId, name: Attr) -> Option<&str> {
        let found = self.attribute_slice(node).iter().find(|attribute| attribute.name == name)?;
        Some(self.slice(found.start, found.len))
    }

    /// All attributes that are kept, in the page's order.
    #[must_use]
    pub fn attrs(&self, node: NodeId) -> Attributes<'_> {
        Attributes::new(self, node)
    }

    fn attribute_slice(&self, node: NodeId) -> &[Attribute] {
        let Node { tag, start, len, .. } = self.nodes[node.index()];
        if tag == Tag::Text {
            return &[];
        }
        &self.attributes[start as usize..start as usize + len as usize]
    }

    /// The parent; none for the root.
    #[must_use]
    pub fn parent(&self, node: NodeId) -> Option<NodeId> {
        self.nodes[node.index()].parent.some()
    }

    /// The first child.
    #[must_use]
    pub fn first_child(&self, node: NodeId) -> Option<NodeId> {
        self.nodes[node.index()].first.some()
    }

    /// The last child.
    #[must_use]
    pub fn last_child(&self, node: NodeId) -> Option<NodeId> {
        self.nodes[node.index()].last.some()
    }

    /// The node behind, under the same parent.
    #[must_use]
    pub fn next_sibling(&self, node: NodeId) -> Option<NodeId> {
        self.nodes[node.index()].next.some()
    }

    /// The node before, under the same parent.
    #[must_use]
    pub fn previous_sibling(&self, node: NodeId) -> Option<NodeId> {
        self.nodes[node.index()].previous.some()
    }

    /// The children, in order.
    #[must_use]
    pub fn children(&self, node: NodeId) -> Children<'_> {
        Children::new(self, node)
    }

    /// The parent, its parent, and so on.
    #[must_use]
    pub fn ancestors(&self, node: NodeId) -> Ancestors<'_> {
        Ancestors::new(self, node)
    }

    /// All nodes below, in the page's order, without the node itself.
    #[must_use]
    pub fn descendants(&self, node: NodeId) -> Descendants<'_> {
        Descendants::new(self, node)
    }

    /// The node that follows a node and all that is below it.
    #[must_use]
    pub fn behind(&self, node: NodeId) -> Option<NodeId> {
        std::iter::once(node).chain(self.ancestors(node)).find_map(|node| self.next_sibling(node))
    }

    /// Enters and leaves the node and all below it; [`Walk::skip_children`] leaves out what is below.
    #[must_use]
    pub fn walk(&self, node: NodeId) -> Walk<'_> {
        Walk::new(self, node)
    }

    /// The first element of a kind below a node.
    #[must_use]
    pub fn find(&self, node: NodeId, tag: Tag) -> Option<NodeId> {
        self.descendants(node).find(|&node| self.tag(node) == tag)
    }

    /// The `body` element.
    #[must_use]
    pub fn body(&self) -> Option<NodeId> {
        let html = self.children(NodeId::DOCUMENT).find(|&node| self.tag(node) == Tag::Html)?;
        self.children(html).find(|&node| matches!(self.tag(node), Tag::Body | Tag::Frameset))
    }

    /// Appends the text of a node and of all below it as it stands.
    pub fn push_text_of(&self, node: NodeId, out: &mut String) {
        out.push_str(self.text(node));
        for node in self.descendants(node) {
            out.push_str(self.text(node));
        }
    }

    /// The text of a node and of all below it as it stands.
    #[must_use]
    pub fn text_of(&self, node: NodeId) -> String {
        let mut out = String::new();
        self.push_text_of(node, &mut out);
        out
    }

    /// Whether the element's `class` lists the word.
    #[must_use]
    pub fn has_class(&self, node: NodeId, class: &str) -> bool {
        let classes = self.attr(node, Attr::Class).unwrap_or_default();
        classes.split_ascii_whitespace().any(|word| word == class)
    }
}
