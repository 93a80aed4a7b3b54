//! From HTML to a tree: html5ever's tokenizer and tree builder write into a [`Dom`].

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{BufferQueue, Tokenizer, TokenizerOpts};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts};
use html5ever::{Attribute as Parsed, ExpandedName, QualName, local_name, ns};

use super::guard::{Guard, LongTag};
use super::{Attr, Attribute, Budget, Cut, Dom, Node, NodeId, Tag, Vocabulary};

/// Bytes given to the tokenizer at a time; between them the number of nodes is looked at.
const STEP: usize = 16 << 10;

/// Parses a page. Never fails: HTML gives every text a tree.
#[must_use]
pub fn parse(html: &str, budget: Budget) -> Dom {
    let mut cut = Cut::default();
    // Offsets are 32 bits wide, and text can be stored twice at most (see `append_text`).
    let most = budget.bytes.min(1 << 30);
    let mut end = html.len();
    if end > most {
        cut.bytes = true;
        end = html.floor_char_boundary(most);
    }
    let html = &html[..end];
    let sink = Sink::new(html.len());
    let options = TreeBuilderOpts { scripting_enabled: false, ..Default::default() };
    let guard = Guard {
        builder: TreeBuilder::new(sink, options),
        deepest: budget.depth,
        cut: Cell::new(false),
        tokens: Cell::new(0),
    };
    let tokenizer = Tokenizer::new(guard, TokenizerOpts::default());
    let queue = BufferQueue::default();
    let mut long = LongTag::default();
    let mut start = 0;
    while start < html.len() {
        let end = html.ceil_char_boundary((start + STEP).min(html.len()));
        queue.push_back(StrTendril::from_slice(&html[start..end]));
        // The tokenizer hands back scripts and declared encodings; neither matters here.
        while !matches!(tokenizer.feed(&queue), html5ever::TokenizerResult::Done) {}
        if long.floods(&html[start..end], tokenizer.sink.tokens.get()) {
            cut.nodes = true;
            queue.push_back(StrTendril::from_slice(LongTag::END));
        }
        start = end;
        if tokenizer.sink.builder.sink.dom.borrow().nodes.len() >= budget.nodes {
            cut.nodes |= start < html.len();
            break;
        }
    }
    tokenizer.end();
    let guard = tokenizer.sink;
    cut.depth = guard.cut.get();
    let mut dom = guard.builder.sink.finish();
    dom.cut = cut;
    dom
}

/// A node as the tree builder holds it: it asks for names all the time, and they must not be
/// borrowed from a tree that it changes meanwhile.
#[derive(Clone)]
pub(super) struct Handle {
    id: NodeId,
    name: Rc<QualName>,
}

pub(super) struct Sink {
    dom: RefCell<Dom>,
    /// Depth of the node appended last.
    pub(super) depth: Cell<u16>,
    /// The name of what is no element.
    nameless: Rc<QualName>,
}

impl Sink {
    fn new(bytes: usize) -> Self {
        let mut dom = Dom {
            nodes: Vec::with_capacity(64 + bytes / 32),
            attributes: Vec::with_capacity(64 + bytes / 64),
            text: String::with_capacity(bytes / 2),
            cut: Cut::default(),
        };
        dom.push(Tag::Document, Vocabulary::Html);
        let nameless = QualName::new(None, ns!(), local_name!(""));
        Self { dom: RefCell::new(dom), depth: Cell::new(0), nameless: Rc::new(nameless) }
    }

    fn insert(&self, parent: NodeId, before: NodeId, child: NodeOrText<Handle>) {
        let dom = &mut *self.dom.borrow_mut();
        match child {
            NodeOrText::AppendText(text) => dom.append_text(parent, before, &text),
            NodeOrText::AppendNode(Handle { id, .. }) => {
                // Comments and processing instructions have no node.
                if id != NodeId::NONE {
                    dom.detach(id);
                    dom.attach(parent, before, id);
                    self.depth.set(dom.nodes[id.index()].depth);
                }
            }
        }
    }
}

impl Dom {
    fn push(&mut self, tag: Tag, vocabulary: Vocabulary) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(Node {
            parent: NodeId::NONE,
            previous: NodeId::NONE,
            next: NodeId::NONE,
            first: NodeId::NONE,
            last: NodeId::NONE,
            start: 0,
            len: 0,
            depth: 0,
            tag,
            vocabulary,
        });
        id
    }

    fn push_str(&mut self, text: &str) -> (u32, u32) {
        let start = self.text.len();
        self.text.push_str(text);
        (u32::try_from(start).unwrap_or(0), u32::try_from(text.len()).unwrap_or(0))
    }

    /// Puts `child`, which has no parent, under `parent` in front of `before`.
    fn attach(&mut self, parent: NodeId, before: NodeId, child: NodeId) {
        let previous = match before.some() {
            Some(before) => std::mem::replace(&mut self.nodes[before.index()].previous, child),
            None => std::mem::replace(&mut self.nodes[parent.index()].last, child),
        };
        match previous.some() {
            Some(previous) => self.nodes[previous.index()].next = child,
            None => self.nodes[parent.index()].first = child,
        }
        let depth = self.nodes[parent.index()].depth.saturating_add(1);
        let node = &mut self.nodes[child.index()];
        (node.parent, node.previous, node.next, node.depth) = (parent, previous, before, depth);
    }

    fn detach(&mut self, child: NodeId) {
        let node = &mut self.nodes[child.index()];
        let Some(parent) = node.parent.some() else { return };
        let (previous, next) = (node.previous, node.next);
        (node.parent, node.previous, node.next) = (NodeId::NONE, NodeId::NONE, NodeId::NONE);
        match previous.some() {
            Some(previous) => self.nodes[previous.index()].next = next,
            None => self.nodes[parent.index()].first = next,
        }
        match next.some() {
            Some(next) => self.nodes[next.index()].previous = previous,
            None => self.nodes[parent.index()].last = previous,
        }
    }

    fn append_text(&mut self, parent: NodeId, before: NodeId, text: &str) {
        if self.is_code_of_the_page(parent) {
            return;
        }
        let previous = match before.some() {
            Some(before) => self.nodes[before.index()].previous,
            None => self.nodes[parent.index()].last,
        };
        // The tokenizer gives a text in pieces. A piece behind the end of the buffer extends the
        // node; else the node is closed and a second one follows it, which walks do not notice.
        if let Some(previous) = previous.some() {
            let end = self.text.len();
            let node = &mut self.nodes[previous.index()];
            if node.tag == Tag::Text && (node.start + node.len) as usize == end {
                self.text.push_str(text);
                node.len += u32::try_from(text.len()).unwrap_or(0);
                return;
            }
        }
        let (start, len) = self.push_str(text);
        let id = self.push(Tag::Text, Vocabulary::Html);
        let node = &mut self.nodes[id.index()];
        (node.start, node.len) = (start, len);
        self.attach(parent, before, id);
    }

    /// Scripts and style sheets are not kept, except for scripts that hold data: JSON-LD and
    /// formulas.
    fn is_code_of_the_page(&self, node: NodeId) -> bool {
        match self.tag(node) {
            Tag::Style => true,
            Tag::Script => {
                let kind = self.attr(node, Attr::Type).unwrap_or_default();
                !kind.starts_with("math/") && !kind.starts_with("application/ld+json")
            }
            _ => false,
        }
    }

    fn push_attributes(&mut self, parsed: &[Parsed]) {
        for attribute in parsed {
            let name = &attribute.name;
            let known = match name.prefix {
                None => Attr::known(&name.local),
                Some(_) if name.local == local_name!("lang") => Some(Attr::XmlLang),
                Some(_) if name.local == local_name!("href") => Some(Attr::Href),
                Some(_) => None,
            };
            if let Some(name) = known {
                let (start, len) = self.push_str(&attribute.value);
                self.attributes.push(Attribute { name, start, len });
            }
        }
    }
}

impl TreeSink for Sink {
    type Handle = Handle;
    type Output = Dom;
    type ElemName<'a> = ExpandedName<'a>;

    fn finish(self) -> Dom {
        self.dom.into_inner()
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> Handle {
        Handle { id: NodeId::DOCUMENT, name: self.nameless.clone() }
    }

    fn elem_name<'a>(&'a self, target: &'a Handle) -> ExpandedName<'a> {
        target.name.expanded()
    }

    fn create_element(&self, name: QualName, attrs: Vec<Parsed>, _: ElementFlags) -> Handle {
        let dom = &mut *self.dom.borrow_mut();
        let vocabulary = match name.ns {
            ns!(svg) => Vocabulary::Svg,
            ns!(mathml) => Vocabulary::MathMl,
            _ => Vocabulary::Html,
        };
        let tag = Tag::known(&name.local);
        let id = dom.push(tag.unwrap_or(Tag::Other), vocabulary);
        let first = dom.attributes.len();
        dom.push_attributes(&attrs);
        if tag.is_none() {
            let (start, len) = dom.push_str(&name.local);
            dom.attributes.push(Attribute { name: Attr::LocalName, start, len });
        }
        let node = &mut dom.nodes[id.index()];
        node.start = u32::try_from(first).unwrap_or(0);
        node.len = u32::try_from(dom.attributes.len() - first).unwrap_or(0);
        Handle { id, name: Rc::new(name) }
    }

    fn create_comment(&self, _: StrTendril) -> Handle {
        Handle { id: NodeId::NONE, name: self.nameless.clone() }
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> Handle {
        Handle { id: NodeId::NONE, name: self.nameless.clone() }
    }

    fn append(&self, parent: &Handle, child: NodeOrText<Handle>) {
        self.insert(parent.id, NodeId::NONE, child);
    }

    fn append_based_on_parent_node(
        &self,
        element: &Handle,
        previous: &Handle,
        child: NodeOrText<Handle>,
    ) {
        let parent = self.dom.borrow().nodes[element.id.index()].parent;
        match parent.some() {
            Some(parent) => self.insert(parent, element.id, child),
            None => self.insert(previous.id, NodeId::NONE, child),
        }
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    fn pop(&self, node: &Handle) {
        let depth = self.dom.borrow().nodes[node.id.index()].depth;
        self.depth.set(depth.saturating_sub(1));
    }

    fn get_template_contents(&self, target: &Handle) -> Handle {
        target.clone()
    }

    fn same_node(&self, x: &Handle, y: &Handle) -> bool {
        x.id == y.id
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &Handle, new: NodeOrText<Handle>) {
        let parent = self.dom.borrow().nodes[sibling.id.index()].parent;
        if let Some(parent) = parent.some() {
            self.insert(parent, sibling.id, new);
        }
    }

    fn add_attrs_if_missing(&self, target: &Handle, attrs: Vec<Parsed>) {
        // Only `html` and `body` can be met again. Their attributes move to the end of the list.
        let dom = &mut *self.dom.borrow_mut();
        let index = target.id.index();
        let first = dom.attributes.len();
        let old = dom.attribute_slice(target.id).to_vec();
        dom.attributes.extend_from_slice(&old);
        dom.push_attributes(&attrs);
        let mut at = first + old.len();
        while at < dom.attributes.len() {
            let name = dom.attributes[at].name;
            if old.iter().any(|attribute| attribute.name == name) {
                dom.attributes.remove(at);
            } else {
                at += 1;
            }
        }
        let node = &mut dom.nodes[index];
        node.start = u32::try_from(first).unwrap_or(0);
        node.len = u32::try_from(dom.attributes.len() - first).unwrap_or(0);
    }

    fn remove_from_parent(&self, target: &Handle) {
        self.dom.borrow_mut().detach(target.id);
    }

    fn reparent_children(&self, node: &Handle, new_parent: &Handle) {
        let dom = &mut *self.dom.borrow_mut();
        while let Some(child) = dom.first_child(node.id) {
            dom.detach(child);
            dom.attach(new_parent.id, NodeId::NONE, child);
        }
    }
}
