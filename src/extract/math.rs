//! Formulas of a page as LaTeX.
//!
//! Pages carry formulas in many ways: MathML (with or without its LaTeX source), what MathJax or
//! KaTeX made of a source, pictures with the source in `alt` or in their address, scripts that hold
//! the source. The source is taken where the page has it; else presentation MathML is converted.
//! Formulas that stand in the text with their delimiters (`$…$`, `\(…\)`, `\[…\]`) are text, and
//! nothing happens to them.

mod image;
mod letters;
mod mathml;
mod symbols;
mod table;
mod tex;
mod write;

use super::dom::{self, Attr, Dom, NodeId, Tag};

/// Work that the formulas of one page may cost; what is over it is left out.
#[derive(Debug, Clone)]
pub struct Budget {
    /// Elements of MathML.
    pub nodes: usize,
    /// Depth of MathML; what is deeper is left out.
    pub depth: usize,
    /// Bytes of LaTeX.
    pub bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { nodes: 500_000, depth: 64, bytes: 8 << 20 }
    }
}

/// A formula.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formula {
    /// Its source, in one line, without delimiters.
    pub latex: String,
    /// It stands in a line of its own.
    pub display: bool,
}

impl Formula {
    /// With delimiters: `$…$` or `$$…$$`.
    #[must_use]
    pub fn delimited(&self) -> String {
        let delimiter = if self.display { "$$" } else { "$" };
        [delimiter, &self.latex, delimiter].concat()
    }
}

/// What an element is to formulas.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// It is one, with all that is below it.
    Formula(Formula),
    /// A formula's second copy, a preview, or one without any content: to be left out.
    Nothing,
    /// It has nothing to do with formulas.
    NoFormula,
}

/// How the words of a `class` that belong to formulas begin.
const CLASSES: [&str; 8] =
    ["katex", "MathJax", "MJX", "mjx-", "mwe-math", "math", "ztext-math", "language-math"];

/// Whether [`at`] is worth asking; cheap, and right for all but a few elements.
#[must_use]
pub fn is_candidate(dom: &Dom, node: NodeId, classes: &str) -> bool {
    match dom.tag(node) {
        Tag::Math | Tag::Script | Tag::MjxContainer | Tag::Img => true,
        Tag::Other if is_odd_name(dom.name(node)) => true,
        Tag::Html | Tag::Body | Tag::Main | Tag::Article => false,
        _ => classes.split_ascii_whitespace().any(|class| {
            matches!(class.as_bytes()[0], b'k' | b'M' | b'm' | b'z' | b'l')
                && CLASSES.iter().any(|known| class.starts_with(known))
        }),
    }
}

/// Whether an element is a formula, or part of how a page shows one. For whoever counts words and
/// links: no budget is spent.
#[must_use]
pub fn is_formula(dom: &Dom, node: NodeId) -> bool {
    let classes = dom.attr(node, Attr::Class).unwrap_or_default();
    match dom.tag(node) {
        Tag::Img => image::has_source(dom, node),
        Tag::Script => is_source(dom, node),
        _ => is_candidate(dom, node, classes),
    }
}

fn is_odd_name(name: &str) -> bool {
    matches!(name, "tex-math" | "d-math" | "mjx-assistive-mml") || name.ends_with(":math")
}

/// The tag of an element whose name may have a prefix (`mml:mfrac`).
fn tag(dom: &Dom, node: NodeId) -> Tag {
    match dom.tag(node) {
        Tag::Other => {
            let name = dom.name(node).rsplit(':').next().unwrap_or_default();
            Tag::known(name).unwrap_or(Tag::Other)
        }
        tag => tag,
    }
}

/// Finds out what an element is to formulas, and converts it if it is one.
pub fn at(dom: &Dom, node: NodeId, budget: &mut Budget) -> Found {
    match tag(dom, node) {
        Tag::Math => math(dom, node, is_display(dom, node), budget),
        Tag::Script => script(dom, node, budget),
        Tag::MjxContainer => container(dom, node, budget),
        Tag::Img => image::at(dom, node, budget),
        Tag::Other => match dom.name(node) {
            "tex-math" => source(&dom.text_of(node), false, budget),
            "d-math" => source(&dom.text_of(node), dom.attr(node, Attr::Block).is_some(), budget),
            "mjx-assistive-mml" => inside(dom, node, false, budget).unwrap_or(Found::NoFormula),
            _ => Found::NoFormula,
        },
        _ => by_class(dom, node, budget),
    }
}

fn by_class(dom: &Dom, node: NodeId, budget: &mut Budget) -> Found {
    let classes = dom.attr(node, Attr::Class).unwrap_or_default();
    let has = |wanted: &str| classes.split_ascii_whitespace().any(|class| class == wanted);
    if has("katex") {
        let display = dom.parent(node).is_some_and(|parent| dom.has_class(parent, "katex-display"));
        return inside(dom, node, display, budget).unwrap_or_else(|| glyphs(dom, node));
    }
    if has("mwe-math-element") {
        let display = classes.contains("mwe-math-element-block");
        return inside(dom, node, display, budget).unwrap_or(Found::NoFormula);
    }
    if has("MathJax_Preview") {
        return if source_follows(dom, node) { Found::Nothing } else { Found::NoFormula };
    }
    if classes.contains("MathJax") || has("MJXc-display") || has("mjx-chtml") {
        return rendered(dom, node, classes, budget);
    }
    if has("ztext-math") {
        let tex = dom.attr(node, Attr::DataTex).unwrap_or_default();
        return source(tex, false, budget);
    }
    let shown = has("display");
    let bare = has("math") && (shown || has("inline")) || has("language-math") || {
        has("math") && matches!(dom.tag(node), Tag::Code | Tag::Pre)
    };
    if bare && dom.children(node).all(|child| dom.tag(child) == Tag::Text) {
        let text = dom.text_of(node);
        // With delimiters in the text it is a formula for a script of the page, and text for us.
        if tex::is_delimited(&text) {
            return Found::NoFormula;
        }
        let display = shown || dom.tag(node) == Tag::Pre;
        return source(&text, display, budget);
    }
    Found::NoFormula
}

/// The first MathML or picture of a formula below an element.
fn inside(dom: &Dom, node: NodeId, display: bool, budget: &mut Budget) -> Option<Found> {
    const NODES: usize = 2000;
    let mut picture = None;
    for below in dom.descendants(node).take(NODES.min(budget.nodes)) {
        // Elements within each other that promise a formula and have none must not cost more.
        budget.nodes -= 1;
        match tag(dom, below) {
            Tag::Math => return Some(math(dom, below, display || is_display(dom, below), budget)),
            Tag::Img => picture = picture.or(Some(below)),
            _ => {}
        }
    }
    let found = image::at(dom, picture?, budget);
    (found != Found::NoFormula).then_some(found)
}

/// KaTeX without MathML: all that is left are the glyphs in their order.
fn glyphs(dom: &Dom, node: NodeId) -> Found {
    const NODES: usize = 12;
    let texts = dom.descendants(node).take(NODES).map(|below| dom.text(below));
    let text = texts.collect::<String>().replace(['\u{200b}', '\u{2061}'], "");
    if text.chars().count() != 1 {
        return Found::NoFormula;
    }
    Found::Formula(Formula { latex: text, display: false })
}

/// What MathJax 2 shows beside the script that holds the source.
fn rendered(dom: &Dom, node: NodeId, classes: &str, budget: &mut Budget) -> Found {
    if source_follows(dom, node) {
        return Found::Nothing;
    }
    let display = classes.contains("isplay");
    if let Some(found) = inside(dom, node, display, budget) {
        return found;
    }
    let mut all = std::iter::once(node).chain(dom.descendants(node).take(8));
    match all.find_map(|below| dom.attr(below, Attr::DataMathml)) {
        Some(markup) => parsed(markup, display, budget),
        None => Found::NoFormula,
    }
}

/// Whether a script with a formula follows the element or one of the two around it.
fn source_follows(dom: &Dom, node: NodeId) -> bool {
    const SIBLINGS: usize = 4;
    let mut at = Some(node);
    for _ in 0..3 {
        let Some(place) = at else { return false };
        let mut next = dom.next_sibling(place);
        for _ in 0..SIBLINGS {
            match next {
                Some(sibling) if is_source(dom, sibling) => return true,
                // Behind other content it is another formula's.
                Some(sibling) if !dom.text(sibling).trim().is_empty() => break,
                Some(sibling) => next = dom.next_sibling(sibling),
                None => break,
            }
        }
        at = dom.parent(place).filter(|&parent| {
            dom.attr(parent, Attr::Class).is_some_and(|classes| classes.contains("MathJax"))
        });
    }
    false
}

fn is_source(dom: &Dom, node: NodeId) -> bool {
    dom.tag(node) == Tag::Script
        && dom.attr(node, Attr::Type).is_some_and(|kind| kind.trim_start().starts_with("math/"))
}

fn script(dom: &Dom, node: NodeId, budget: &mut Budget) -> Found {
    if !is_source(dom, node) {
        return Found::NoFormula;
    }
    let kind = dom.attr(node, Attr::Type).unwrap_or_default();
    let text = dom.text_of(node);
    let display = kind.contains("mode") && kind.contains("display");
    if kind.contains("mml") {
        return parsed(&text, display, budget);
    }
    source(&text, display, budget)
}

/// `mjx-container` of MathJax 3 and 4.
fn container(dom: &Dom, node: NodeId, budget: &mut Budget) -> Found {
    let display = matches!(dom.attr(node, Attr::Display), Some("true" | "block"));
    let mut all = std::iter::once(node).chain(dom.descendants(node).take(4));
    if let Some(tex) = all.find_map(|below| dom.attr(below, Attr::DataLatex)) {
        return source(tex, display, budget);
    }
    inside(dom, node, display, budget).unwrap_or(Found::NoFormula)
}

/// A formula from its source.
fn source(tex: &str, display: bool, budget: &mut Budget) -> Found {
    if tex.len() > budget.bytes {
        budget.bytes = 0;
        return Found::Nothing;
    }
    budget.bytes -= tex.len();
    let cleaned = tex::clean(tex);
    if cleaned.latex.is_empty() {
        return Found::Nothing;
    }
    Found::Formula(Formula { latex: cleaned.latex, display: display || cleaned.display })
}

/// A formula from MathML in an attribute or a script.
fn parsed(markup: &str, display: bool, budget: &mut Budget) -> Found {
    if markup.len() > budget.bytes {
        budget.bytes = 0;
        return Found::Nothing;
    }
    budget.bytes -= markup.len();
    let page = dom::parse(markup, dom::Budget { nodes: budget.nodes, ..dom::Budget::default() });
    let found = page.descendants(NodeId::DOCUMENT).find(|&node| tag(&page, node) == Tag::Math);
    match found {
        Some(node) => math(&page, node, display || is_display(&page, node), budget),
        None => Found::NoFormula,
    }
}

fn is_display(dom: &Dom, math: NodeId) -> bool {
    dom.attr(math, Attr::Display) == Some("block")
        || dom.attr(math, Attr::Mode) == Some("display")
        || dom.parent(math).is_some_and(|parent| {
            dom.has_class(parent, "katex-display")
                || dom.has_class(parent, "mwe-math-mathml-display")
        })
}

/// A `math` element: its annotation, its alternative text if that is LaTeX, or what it looks like.
fn math(dom: &Dom, node: NodeId, display: bool, budget: &mut Budget) -> Found {
    let annotation = dom.descendants(node).take(budget.nodes).find(|&below| {
        tag(dom, below) == Tag::Annotation
            && dom.attr(below, Attr::Encoding).is_some_and(tex::is_encoding)
    });
    if let Some(annotation) = annotation {
        let found = source(&dom.text_of(annotation), display, budget);
        if found != Found::Nothing {
            return found;
        }
    }
    let alternatives = [Attr::DataLatex, Attr::Alttext, Attr::Alt];
    let mut alternatives = alternatives.into_iter().filter_map(|name| dom.attr(node, name));
    if let Some(tex) = alternatives.find(|text| tex::looks_like(text)) {
        return source(tex, display, budget);
    }
    let latex = mathml::convert(dom, node, budget);
    let latex = tex::clean(&latex).latex;
    if latex.is_empty() {
        return Found::Nothing;
    }
    Found::Formula(Formula { latex, display })
}

#[cfg(test)]
mod tests;
