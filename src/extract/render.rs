//! From nodes to readable text.
//!
//! A block of the page is a line of the text: paragraphs, headings, list items, rows of tables. A
//! blank line stands between paragraphs, none between the items of a list or the rows of a table.
//! Blanks collapse as in a browser; lines of code keep theirs. Formulas are LaTeX (see
//! [`super::math`]). What a browser does not show is left out, and so are form controls, pictures
//! and the readings of ruby annotations.
//!
//! One pass, without recursion; nothing is measured or scored here.

mod code;
mod list;
mod table;
mod writer;

use self::list::Lists;
use self::table::{Kind, Tables};
use self::writer::{Break, Writer};
use super::content::Content;
use super::dom::{Attr, Dom, Edge, NodeId, Tag, Vocabulary};
use super::math::{self, Found};

/// How text is written, and what a page may cost.
#[derive(Debug, Clone)]
pub struct Options {
    /// A blank line between paragraphs; else a single line break.
    pub blank_lines: bool,
    /// Cells that `colspan` and `rowspan` may add to the tables of a page.
    pub spanned_cells: usize,
    /// Work on formulas.
    pub formulas: math::Budget,
}

impl Default for Options {
    fn default() -> Self {
        Self { blank_lines: true, spanned_cells: 10_000, formulas: math::Budget::default() }
    }
}

/// Appends the text of the chosen part of a page.
pub fn text(dom: &Dom, content: &Content, options: &Options, out: &mut String) {
    let mut render = Render {
        dom,
        content,
        writer: Writer::new(out, options.blank_lines),
        lists: Lists::default(),
        tables: Tables::new(options.spanned_cells),
        formulas: options.formulas.clone(),
        scratch: String::new(),
        root: NodeId::DOCUMENT,
    };
    for &root in &content.roots {
        render.writer.set_break(Break::Paragraph);
        render.root = root;
        render.write_root();
    }
}

struct Render<'d, 'o> {
    dom: &'d Dom,
    content: &'d Content,
    writer: Writer<'o>,
    lists: Lists,
    tables: Tables,
    formulas: math::Budget,
    scratch: String,
    /// The root being written.
    root: NodeId,
}

impl Render<'_, '_> {
    fn write_root(&mut self) {
        let mut walk = self.dom.walk(self.root);
        let mut left_out = false;
        while let Some(edge) = walk.next() {
            match edge {
                Edge::Enter(node) => match self.dom.tag(node) {
                    Tag::Text => self.writer.text(self.dom.text(node)),
                    tag => {
                        if !self.enter(node, tag) {
                            left_out = true;
                            walk.skip_children();
                        }
                    }
                },
                Edge::Leave(_) if left_out => left_out = false,
                Edge::Leave(node) => self.leave(self.dom.tag(node)),
            }
        }
    }

    /// Into an element; `false`: what is below it has been written or is left out.
    fn enter(&mut self, node: NodeId, tag: Tag) -> bool {
        let dom = self.dom;
        if self.content.skips(node) {
            match tag {
                // No choice of content sees that a script holds a formula, and sortable columns
                // have headings with the names of menus.
                Tag::Script => {}
                Tag::Th if self.tables.in_row() => {}
                Tag::Td => return self.empty_cell(node),
                _ => return false,
            }
        }
        let look = Look::new(dom, node);
        if math::is_candidate(dom, node, look.classes) {
            match math::at(dom, node, &mut self.formulas) {
                Found::Formula(formula) => {
                    self.formula(&formula);
                    return false;
                }
                Found::Nothing => return false,
                Found::NoFormula => {}
            }
        }
        // What was chosen is wanted, even if a script was to show it later.
        let wanted = node == self.root || matches!(tag, Tag::Html | Tag::Body);
        if is_unseen(dom, node, tag) || !wanted && look.is_hidden(tag) {
            return false;
        }
        if code::is_region(dom, node, look.classes) || code::is_preformatted(dom, node, look.style)
        {
            self.scratch.clear();
            code::lines(dom, node, &mut self.scratch);
            self.writer.block(&self.scratch);
            return false;
        }
        match tag {
            Tag::Br => self.writer.line_break(),
            Tag::Ul | Tag::Ol | Tag::Menu | Tag::Dir => {
                self.lists.enter(dom, node, &mut self.writer);
            }
            Tag::Li => self.lists.enter_item(dom, node, &mut self.writer),
            Tag::Table => {
                let inside = self.tables.in_cell();
                let kind = if inside { Kind::Lines } else { table::kind(dom, node, look.classes) };
                self.tables.enter(kind, &mut self.writer);
            }
            Tag::Tr => self.tables.enter_row(&mut self.writer),
            Tag::Td | Tag::Th => self.tables.enter_cell(dom, node, &mut self.writer),
            Tag::Q => self.writer.text("“"),
            Tag::Sup | Tag::Sub => return !self.raised(node, tag),
            Tag::A if is_heading_anchor(dom, node) => return false,
            _ => {
                if let Some(size) = block(tag) {
                    self.writer.set_break(size);
                }
            }
        }
        true
    }

    /// A cell that is left out still is a column of its table; nothing below it is written.
    fn empty_cell(&mut self, cell: NodeId) -> bool {
        if self.tables.in_row() {
            self.tables.enter_cell(self.dom, cell, &mut self.writer);
            self.tables.leave_cell(&mut self.writer);
        }
        false
    }

    fn leave(&mut self, tag: Tag) {
        match tag {
            Tag::Ul | Tag::Ol | Tag::Menu | Tag::Dir => self.lists.leave(&mut self.writer),
            Tag::Li => self.lists.leave_item(&mut self.writer),
            Tag::Table => self.tables.leave(&mut self.writer),
            Tag::Tr => self.tables.leave_row(&mut self.writer),
            Tag::Td | Tag::Th => self.tables.leave_cell(&mut self.writer),
            Tag::Q => self.writer.append("”"),
            _ => {
                if let Some(size) = block(tag) {
                    self.writer.set_break(size);
                }
            }
        }
    }

    fn formula(&mut self, formula: &math::Formula) {
        if formula.display && !self.tables.in_cell() {
            self.writer.set_break(Break::Line);
            self.writer.word(&formula.delimited());
            self.writer.set_break(Break::Line);
        } else {
            self.writer.word(&formula.delimited());
        }
    }

    /// Writes a short exponent or index with Unicode's raised and lowered digits, so that 10⁶ is not
    /// read as 106; `false` where it is something else.
    fn raised(&mut self, node: NodeId, tag: Tag) -> bool {
        const LONGEST: usize = 6;
        const NODES: usize = 4;
        let last = self.writer.last_char();
        if !last.is_some_and(|last| last.is_alphanumeric() || matches!(last, ')' | ']')) {
            return false;
        }
        self.scratch.clear();
        for below in self.dom.descendants(node).take(NODES + 1) {
            if self.dom.tag(below) == Tag::Img {
                return false;
            }
            self.scratch.push_str(self.dom.text(below));
        }
        let text = self.scratch.trim();
        if text.is_empty() || text.chars().count() > LONGEST {
            return false;
        }
        let shifted = if tag == Tag::Sup { superscript } else { subscript };
        let Some(text) = text.chars().map(shifted).collect::<Option<String>>() else {
            return false;
        };
        self.writer.append(&text);
        true
    }
}

fn superscript(character: char) -> Option<char> {
    Some(match character {
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '0' => '⁰',
        '4'..='9' => char::from_u32(0x2070 + character.to_digit(10)?)?,
        '+' => '⁺',
        '-' | '−' | '–' => '⁻',
        'n' => 'ⁿ',
        _ => return None,
    })
}

fn subscript(character: char) -> Option<char> {
    Some(match character {
        '0'..='9' => char::from_u32(0x2080 + character.to_digit(10)?)?,
        '+' => '₊',
        '-' | '−' | '–' => '₋',
        _ => return None,
    })
}

/// The attributes that decide whether an element is seen.
struct Look<'d> {
    classes: &'d str,
    style: &'d str,
    hidden: bool,
    aria_hidden: bool,
}

impl<'d> Look<'d> {
    fn new(dom: &'d Dom, node: NodeId) -> Self {
        let mut look = Self { classes: "", style: "", hidden: false, aria_hidden: false };
        for (name, value) in dom.attrs(node) {
            match name {
                Attr::Class => look.classes = value,
                Attr::Style => look.style = value,
                Attr::Hidden => look.hidden = value != "until-found",
                Attr::AriaHidden => look.aria_hidden = value == "true",
                _ => {}
            }
        }
        look
    }

    fn is_hidden(&self, tag: Tag) -> bool {
        if self.hidden || hidden_by(self.style) {
            return true;
        }
        // A page that shows a dialog hides its own body from screen readers, and so do sliders with
        // what one can see: the attribute is believed for small things alone.
        let container = matches!(
            tag,
            Tag::Html | Tag::Body | Tag::Main | Tag::Article | Tag::Section | Tag::Div | Tag::P
        );
        if self.aria_hidden && !container {
            return true;
        }
        self.classes.split_ascii_whitespace().any(|class| {
            matches!(
                class,
                "sr-only"
                    | "visually-hidden"
                    | "visuallyhidden"
                    | "screen-reader-text"
                    | "screen-reader-only"
                    | "mw-editsection"
                    | "headerlink"
                    | "anchorjs-link"
            )
        })
    }
}

/// Whether a `style` attribute hides its element.
fn hidden_by(style: &str) -> bool {
    let says = |property: &str, value: &str| {
        style.match_indices(property).any(|(at, _)| {
            let rest = style[at + property.len()..].trim_ascii_start();
            rest.strip_prefix(':').is_some_and(|rest| rest.trim_ascii_start().starts_with(value))
        })
    };
    !style.is_empty() && (says("display", "none") || says("visibility", "hidden"))
}

/// Elements that are never text of the page.
fn is_unseen(dom: &Dom, node: NodeId, tag: Tag) -> bool {
    match tag {
        Tag::Script
        | Tag::Style
        | Tag::Template
        | Tag::Noscript
        | Tag::Noframes
        | Tag::Svg
        | Tag::Head
        | Tag::Title
        | Tag::Iframe
        | Tag::Object
        | Tag::Embed
        | Tag::Audio
        | Tag::Video
        | Tag::Canvas
        | Tag::Map
        | Tag::Img
        | Tag::Input
        | Tag::Select
        | Tag::Textarea
        | Tag::Button
        | Tag::Datalist
        | Tag::Progress
        | Tag::Meter
        | Tag::Rt
        | Tag::Rtc
        | Tag::Rp
        | Tag::Link
        | Tag::Meta => true,
        _ => dom.vocabulary(node) == Vocabulary::Svg,
    }
}

/// Whether a link in a heading is only a handle for the heading's own address.
fn is_heading_anchor(dom: &Dom, link: NodeId) -> bool {
    const NODES: usize = 4;
    let heading = |tag| matches!(tag, Tag::H1 | Tag::H2 | Tag::H3 | Tag::H4 | Tag::H5 | Tag::H6);
    if !dom.attr(link, Attr::Href).is_some_and(|href| href.starts_with('#'))
        || !dom.parent(link).is_some_and(|parent| heading(dom.tag(parent)))
    {
        return false;
    }
    let mut texts = dom.descendants(link).take(NODES).map(|below| dom.text(below).trim());
    texts.all(|text| matches!(text, "" | "#" | "¶" | "§" | "🔗"))
}

/// How far an element stands from what is before and behind it.
fn block(tag: Tag) -> Option<Break> {
    match tag {
        Tag::P
        | Tag::H1
        | Tag::H2
        | Tag::H3
        | Tag::H4
        | Tag::H5
        | Tag::H6
        | Tag::Address
        | Tag::Article
        | Tag::Aside
        | Tag::Blockquote
        | Tag::Body
        | Tag::Caption
        | Tag::Details
        | Tag::Dl
        | Tag::Fieldset
        | Tag::Figcaption
        | Tag::Figure
        | Tag::Footer
        | Tag::Form
        | Tag::Header
        | Tag::Hr
        | Tag::Main
        | Tag::Nav
        | Tag::Section => Some(Break::Paragraph),
        Tag::Center
        | Tag::Dd
        | Tag::Dialog
        | Tag::Div
        | Tag::Dt
        | Tag::Hgroup
        | Tag::Legend
        | Tag::Marquee
        | Tag::Optgroup
        | Tag::Option
        | Tag::Search
        | Tag::Summary
        | Tag::Tbody
        | Tag::Tfoot
        | Tag::Thead => Some(Break::Line),
        _ => None,
    }
}

#[cfg(test)]
mod soup;

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::extract::dom::{self, Budget};

    pub(in crate::extract) fn text(page: &str) -> String {
        let dom = dom::parse(page, Budget::default());
        let mut out = String::new();
        let all = Content::new(vec![NodeId::DOCUMENT], Vec::new());
        super::text(&dom, &all, &Options::default(), &mut out);
        out
    }

    #[test]
    fn blocks_are_lines() {
        assert_eq!(
            text("<h1>Title</h1><p>a <b>b</b>\n c<br>d</p><div>e</div><div>f<p>g</div><hr>h"),
            "Title\n\na b c\nd\n\ne\nf\n\ng\n\nh"
        );
        assert_eq!(text("a<br><br><br>b<blockquote>c</blockquote>d"), "a\n\nb\n\nc\n\nd");
        assert_eq!(text("<dl><dt>a<dd>b<dt>c<dd>d</dl>"), "a\nb\nc\nd");
    }

    #[test]
    fn what_is_not_seen_is_left_out() {
        let page = "<title>t</title>a<script>x</script><style>x</style><noscript>x</noscript><svg><text>x</text></svg>
            <template>x</template><span hidden>x</span><p style='color:red; DISPLAY:none;display : none'>x</p>
            <span aria-hidden=true>x</span><div aria-hidden=true>b</div><img alt=x><button>x</button>
            <select><option>x</select><span style='visibility:hidden'>x</span><span class='a sr-only'>x</span>";
        assert_eq!(text(page), "a\nb");
    }

    #[test]
    fn left_out_by_the_caller() {
        let dom = dom::parse("<div><p>a</p><nav>b<p>c</p></nav><p>d</p></div>", Budget::default());
        let mut out = String::from("x:");
        let mut skip = vec![false; dom.len()];
        skip[dom.find(NodeId::DOCUMENT, Tag::Nav).unwrap().index()] = true;
        let content = Content::new(vec![dom.body().unwrap()], skip);
        super::text(&dom, &content, &Options::default(), &mut out);
        assert_eq!(out, "x:a\n\nd");
    }

    #[test]
    fn a_cell_left_out_is_empty() {
        let dom =
            dom::parse("<table><tr><td>a<td>b<td>c<tr><td>d<td>e<td>f</table>", Budget::default());
        let mut skip = vec![false; dom.len()];
        for cell in dom.descendants(NodeId::DOCUMENT).filter(|&at| dom.tag(at) == Tag::Td) {
            skip[cell.index()] = matches!(dom.text_of(cell).as_str(), "b" | "d");
        }
        let mut out = String::new();
        super::text(
            &dom,
            &Content::new(vec![NodeId::DOCUMENT], skip),
            &Options::default(),
            &mut out,
        );
        assert_eq!(out, "| a | | c |\n| | e | f |");
    }

    #[test]
    fn pages_that_a_script_shows() {
        assert_eq!(text("<body style='visibility:hidden'><p>a</p><p hidden>b"), "a");
    }

    #[test]
    fn several_roots() {
        let dom = dom::parse("<ul><li>a<li>b</ul><table><tr><td>c<td>d</table>", Budget::default());
        let all: Vec<NodeId> = dom
            .descendants(NodeId::DOCUMENT)
            .filter(|&at| matches!(dom.tag(at), Tag::Li | Tag::Td))
            .collect();
        let mut out = String::new();
        super::text(&dom, &Content::new(all, Vec::new()), &Options::default(), &mut out);
        assert_eq!(out, "a\n\nb\n\nc\n\nd");
    }

    #[test]
    fn exponents_and_indices() {
        assert_eq!(
            text(
                "10<sup>6</sup> m<sup>−2</sup> CO<sub>2</sub> 1<sup>st</sup> x<sup>n+1</sup> <sup>2</sup> a<sup>[1]</sup>"
            ),
            "10⁶ m⁻² CO₂ 1st xⁿ⁺¹ 2 a[1]"
        );
    }

    #[test]
    fn readings_of_ruby_are_left_out() {
        assert_eq!(
            text("<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp>字<rt>じ</rt></ruby>を"),
            "漢字を"
        );
    }

    #[test]
    fn quotes_and_handles_of_headings() {
        assert_eq!(
            text("<h2>One<a href='#one'>¶</a></h2><p>He said <q>no</q>."),
            "One\n\nHe said “no”."
        );
    }

    #[test]
    fn right_to_left_marks_stay() {
        assert_eq!(text("<p dir=rtl>\u{200f}שלום\u{200e} (1)</p>"), "\u{200f}שלום\u{200e} (1)");
    }

    #[test]
    fn deep_nesting_of_everything() {
        for tag in [
            "div",
            "ul><li",
            "table><tr><td",
            "b",
            "blockquote",
            "span style='white-space:pre'",
            "sup",
            "math",
            "q",
            "pre",
        ] {
            let page = format!("<{tag}>x ").repeat(10_000);
            assert!(text(&page).len() < 2_000_000, "{tag}");
        }
    }
}
