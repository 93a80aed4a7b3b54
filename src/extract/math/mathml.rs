//! Presentation MathML as LaTeX.
//!
//! What was LaTeX once comes back as it was written in nearly all cases, apart from blanks and
//! braces; what was not becomes LaTeX that looks the same.

use super::letters::{delimiter, escape, letters, operator_name, style_of};
use super::symbols::{self, Class, FUNCTIONS, LIMIT_FUNCTIONS, symbol};
use super::write::{Piece, braced, command, is_atom, push, push_letters, scripts, stacked};
use super::{Budget, table, tag};
use crate::extract::dom::{Attr, Dom, NodeId, Tag};

pub(super) struct Converter<'d, 'b> {
    pub(super) dom: &'d Dom,
    budget: &'b mut Budget,
    depth: usize,
}

/// The LaTeX of a `math` element.
pub(super) fn convert(dom: &Dom, math: NodeId, budget: &mut Budget) -> String {
    let mut converter = Converter { dom, budget, depth: 0 };
    modulo(converter.row(math))
}

/// `\pmod` is written out by all renderers.
fn modulo(tex: String) -> String {
    const START: &str = "\\quad(\\mathrm{mod}\\;";
    let Some(at) = tex.find(START) else { return tex };
    let inner = &tex[at + START.len()..];
    match inner.find([')', '(']) {
        Some(end) if inner[end..].starts_with(')') => {
            [&tex[..at], "\\pmod{", inner[..end].trim(), "}", &inner[end + 1..]].concat()
        }
        _ => tex,
    }
}

impl Converter<'_, '_> {
    /// Children that are elements, and text outside of any.
    pub(super) fn items(&self, node: NodeId) -> Vec<NodeId> {
        let dom = self.dom;
        let seen = |&child: &NodeId| match tag(dom, child) {
            Tag::Text => !dom.text(child).trim().is_empty(),
            Tag::Annotation | Tag::AnnotationXml | Tag::Script | Tag::Style => false,
            _ => true,
        };
        dom.children(node).filter(seen).collect()
    }

    pub(super) fn text(&self, node: NodeId) -> String {
        self.dom.text_of(node)
    }

    /// The only thing that rows within rows hold.
    pub(super) fn unwrapped(&self, node: NodeId) -> NodeId {
        let mut node = node;
        for _ in 0..8 {
            if !matches!(tag(self.dom, node), Tag::Mrow | Tag::Mstyle | Tag::Mpadded) {
                return node;
            }
            let mut children = self.dom.children(node).filter(|&child| {
                tag(self.dom, child) != Tag::Text || !self.dom.text(child).trim().is_empty()
            });
            match (children.next(), children.next()) {
                (Some(only), None) => node = only,
                _ => return node,
            }
        }
        node
    }

    /// The text of an operator, whatever rows are around it.
    pub(super) fn operator(&self, node: NodeId) -> Option<String> {
        let node = self.unwrapped(node);
        (tag(self.dom, node) == Tag::Mo).then(|| self.text(node).trim().to_owned())
    }

    /// All below an element as one row.
    pub(super) fn row(&mut self, node: NodeId) -> String {
        let items = self.items(node);
        self.row_of(&items)
    }

    pub(super) fn row_of(&mut self, items: &[NodeId]) -> String {
        self.row_piece(items).tex
    }

    /// A row; one with a single thing in it is what that thing is.
    fn row_piece(&mut self, items: &[NodeId]) -> Piece {
        let mut out = String::new();
        let mut written = 0;
        let mut previous = None;
        let mut at = 0;
        while at < items.len() {
            let (piece, taken) = match table::fenced(self, &items[at..]) {
                Some((tex, taken)) => (Piece::new(tex), taken),
                None => self.applied(&items[at..]),
            };
            at += taken;
            let Piece { tex, class } = piece;
            if tex.is_empty() {
                // Renderers write the thin blank behind a function's name themselves.
                at += usize::from(at < items.len() && self.is_applied_blank(items, at));
                continue;
            }
            let infix = match class {
                Class::Relation => previous.is_some(),
                // A sign at the start or behind another operator.
                Class::Binary => matches!(previous, Some(Class::Ordinary)) && !opens(&out),
                _ => false,
            };
            if infix {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
                out.push_str(&tex);
                out.push(' ');
            } else {
                push_letters(&mut out, &tex);
            }
            written += 1;
            previous = Some(class);
        }
        if !out.ends_with("\\ ") {
            out.truncate(out.trim_end().len());
        }
        let class = previous.filter(|_| written == 1).unwrap_or(Class::Ordinary);
        Piece { tex: out, class }
    }

    /// Whether a thin blank follows the sign that a function is applied.
    fn is_applied_blank(&self, items: &[NodeId], at: usize) -> bool {
        tag(self.dom, items[at]) == Tag::Mspace
            && self.operator(items[at - 1]).as_deref() == Some("\u{2061}")
    }

    /// A child, or a name and the sign that it is applied to what follows.
    fn applied(&mut self, items: &[NodeId]) -> (Piece, usize) {
        let first = items[0];
        let next = items.get(1).and_then(|&next| self.operator(next));
        if tag(self.dom, first) == Tag::Mi && next.as_deref() == Some("\u{2061}") {
            let name = self.text(first);
            let name: String =
                name.chars().filter(|character| !character.is_whitespace()).collect();
            if name.chars().count() > 1 && !FUNCTIONS.contains(&name.as_str()) {
                return (Piece::new(command("\\operatorname", &escape(&name))), 2);
            }
        }
        (self.element(first), 1)
    }

    /// One element.
    pub(super) fn element(&mut self, node: NodeId) -> Piece {
        if self.depth >= self.budget.depth || self.budget.nodes == 0 {
            return Piece::new("");
        }
        self.budget.nodes -= 1;
        self.depth += 1;
        let piece = self.element_within(node);
        self.depth -= 1;
        piece
    }

    fn element_within(&mut self, node: NodeId) -> Piece {
        let dom = self.dom;
        let is_element = |child| dom.tag(child) != Tag::Text;
        match tag(dom, node) {
            // KaTeX puts whole formulas into operators.
            Tag::Mi | Tag::Mo | Tag::Mn if dom.children(node).any(is_element) => self.group(node),
            Tag::Text => Piece::new(letters(dom.text(node).trim(), "")),
            Tag::Mi => self.identifier(node),
            Tag::Mn => {
                let text = self.text(node);
                let style = style_of(dom.attr(node, Attr::Mathvariant));
                Piece::new(letters(text.trim(), if style == "\\mathrm" { "" } else { style }))
            }
            Tag::Mo => self.operator_piece(node),
            Tag::Mtext => Piece::new(self.words(node)),
            Tag::Ms => Piece::new(command("\\text", &escape(&format!("\"{}\"", self.text(node))))),
            Tag::Mspace => Piece::new(self.space(node)),
            Tag::Mfrac => Piece::new(self.fraction(node)),
            Tag::Msqrt => Piece::new(command("\\sqrt", &self.row(node))),
            Tag::Mroot => {
                let [base, index] = self.parts(node);
                Piece::new(format!("\\sqrt[{}]{{{}}}", index.tex, base.tex))
            }
            Tag::Msub => {
                let [base, sub] = self.parts(node);
                scripts(base, Some(&sub), None)
            }
            Tag::Msup => {
                let [base, sup] = self.parts(node);
                scripts(base, None, Some(&sup))
            }
            Tag::Msubsup => {
                let [base, sub, sup] = self.parts(node);
                scripts(base, Some(&sub), Some(&sup))
            }
            Tag::Munder => self.limits(node, true, false),
            Tag::Mover => self.limits(node, false, true),
            Tag::Munderover => self.limits(node, true, true),
            Tag::Mmultiscripts => Piece::new(self.multiscripts(node)),
            Tag::Mtable => Piece::new(table::plain(self, node)),
            Tag::Mfenced => Piece::new(self.mfenced(node)),
            Tag::Menclose => Piece::new(self.enclosed(node)),
            Tag::Mphantom => Piece::new(command("\\phantom", &self.row(node))),
            Tag::Semantics | Tag::Maction => {
                self.items(node).first().map_or(Piece::new(""), |&first| self.element(first))
            }
            Tag::None | Tag::Mprescripts => Piece::new(""),
            _ => self.group(node),
        }
    }

    /// `mrow` and what is like it.
    fn group(&mut self, node: NodeId) -> Piece {
        let items = self.items(node);
        if let [only] = items[..] {
            return self.element(only);
        }
        if let Some((tex, taken)) = table::fenced(self, &items)
            && taken == items.len()
        {
            return Piece::new(tex);
        }
        if items.len() >= 2
            && let Some((open, close)) = self.fences(&items)
        {
            let first = usize::from(!open.is_empty());
            let inner = self.row_of(&items[first..items.len() - 1]);
            let mut out = String::from("\\left");
            push(&mut out, if open.is_empty() { "." } else { &open });
            push(&mut out, &inner);
            push(&mut out, "\\right");
            push(&mut out, &close);
            return Piece::new(out);
        }
        self.row_piece(&items)
    }

    /// The brackets around a row, if they grow with it.
    fn fences(&self, items: &[NodeId]) -> Option<(String, String)> {
        let grows = |node: NodeId| {
            let node = self.unwrapped(node);
            self.dom.attr(node, Attr::Stretchy) != Some("false")
                && self.dom.attr(node, Attr::Fence) != Some("false")
        };
        let (&first, &last) = (items.first()?, items.last()?);
        let sign = |node| self.operator(node).and_then(|sign| delimiter(&sign));
        let (open, close) = (sign(first), sign(last));
        let marked = |node: NodeId| {
            self.dom.attr(self.unwrapped(node), Attr::Fence) == Some("true") && grows(node)
        };
        match (open, close) {
            (Some(open), Some(close)) if grows(first) && grows(last) => Some((open, close)),
            // `\left.` may have left nothing behind.
            (None, Some(close)) if marked(last) => Some((String::new(), close)),
            _ => None,
        }
    }

    fn parts<const N: usize>(&mut self, node: NodeId) -> [Piece; N] {
        let items = self.items(node);
        std::array::from_fn(|at| match items.get(at) {
            Some(&item) if at > 0 => self.script(item),
            Some(&item) => self.element(item),
            None => Piece::new(""),
        })
    }

    /// What stands smaller beside something: lines over each other there are a `\substack`.
    fn script(&mut self, node: NodeId) -> Piece {
        let inner = self.unwrapped(node);
        if tag(self.dom, inner) == Tag::Mtable
            && let Some(tex) = table::substack(self, inner)
        {
            return Piece::new(tex);
        }
        self.element(node)
    }

    fn identifier(&self, node: NodeId) -> Piece {
        let text = self.text(node);
        let text = text.trim_matches(|blank: char| blank.is_whitespace() || blank == '\u{2061}');
        let name: String = text.chars().filter(|character| !character.is_whitespace()).collect();
        if FUNCTIONS.contains(&name.as_str()) {
            let tex = format!("\\{name}");
            let limits = LIMIT_FUNCTIONS.contains(&tex.as_str());
            return Piece { tex, class: if limits { Class::Large } else { Class::Ordinary } };
        }
        let style = style_of(self.dom.attr(node, Attr::Mathvariant));
        let several = name.chars().count() > 1;
        let words = several && name.chars().all(char::is_alphabetic) && style.is_empty();
        if words && name.is_ascii() {
            return Piece::new(command("\\mathrm", &name));
        }
        if words
            && !name
                .chars()
                .any(|letter| symbols::styled_letter(letter).is_some() || symbol(letter).is_some())
        {
            return Piece::new(command("\\text", &escape(text)));
        }
        if text == "∣" || text == "|" {
            return Piece::new("|");
        }
        if text == "∥" {
            return Piece::new("\\|");
        }
        Piece::new(letters(text, style))
    }

    fn operator_piece(&self, node: NodeId) -> Piece {
        let text = self.text(node);
        let text = text.trim();
        let dom = self.dom;
        let mut characters = text.chars();
        let (Some(first), None) = (characters.next(), characters.next()) else {
            return operator_name(text);
        };
        if matches!(first, '\u{2061}'..='\u{2064}' | '\u{200b}') {
            return Piece::new("");
        }
        // A bar that is a bracket or stands alone, not the relation that looks like it.
        let is_bar = dom.attr(node, Attr::Fence) == Some("true")
            || dom.attr(node, Attr::Stretchy).is_some()
            || dom.attr(node, Attr::DataMjxTexclass).is_some_and(|class| class != "REL");
        if first == '∣' {
            if is_bar {
                return Piece::new("|");
            }
            return Piece { tex: "\\mid".to_owned(), class: Class::Relation };
        }
        if first == '∥' && is_bar {
            return Piece::new("\\|");
        }
        match symbol(first) {
            Some(symbol) => {
                // MathJax says what a sign is where the source has it in braces.
                let ordinary = dom.attr(node, Attr::DataMjxTexclass) == Some("ORD");
                let class = if ordinary { Class::Ordinary } else { symbol.class };
                Piece { tex: symbol.command.to_owned(), class }
            }
            None => Piece::new(letters(text, "")),
        }
    }

    /// Text within a formula.
    fn words(&self, node: NodeId) -> String {
        let text = self.text(node);
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        if words.is_empty() {
            // KaTeX and MathJax write blanks that count as no-break spaces, but some do not.
            return if text.is_empty() { text } else { "\\ ".to_owned() };
        }
        let mut text = words.join(" ").replace('\u{a0}', " ");
        text.retain(|sign| !matches!(sign, '\u{2061}'..='\u{2064}'));
        if text.trim().is_empty() {
            return if text.is_empty() { text } else { "\\ ".to_owned() };
        }
        let name = match self.dom.attr(node, Attr::Mathvariant) {
            Some("bold") => "\\textbf",
            Some("italic") => "\\textit",
            Some("monospace") => "\\texttt",
            Some("sans-serif") => "\\textsf",
            _ => "\\text",
        };
        command(name, &escape(&text))
    }

    fn space(&self, node: NodeId) -> String {
        if self.dom.attr(node, Attr::Linebreak) == Some("newline") {
            return "\\\\ ".to_owned();
        }
        let width = self.dom.attr(node, Attr::Width).unwrap_or_default().trim();
        let ems = match width {
            "veryverythinmathspace" | "verythinmathspace" => 0.1,
            "thinmathspace" => 0.1667,
            "mediummathspace" => 0.2222,
            "thickmathspace" => 0.2778,
            _ => width
                .strip_suffix("em")
                .and_then(|number| number.parse::<f64>().ok())
                .unwrap_or(0.0),
        };
        match ems {
            1.9.. => "\\qquad",
            0.9.. => "\\quad",
            0.45.. => "\\ ",
            0.26.. => "\\;",
            0.2.. => "\\:",
            0.09.. => "\\,",
            ..=-0.09 => "\\!",
            _ => "",
        }
        .to_owned()
    }

    fn fraction(&mut self, node: NodeId) -> String {
        let [above, below] = self.parts(node);
        let line = self.dom.attr(node, Attr::Linethickness).unwrap_or_default();
        if line.starts_with('0') && !line.starts_with("0.") {
            return format!("{{{} \\atop {}}}", above.tex, below.tex);
        }
        if self.dom.attr(node, Attr::Bevelled) == Some("true") {
            let part = |tex: String| if is_atom(&tex) { tex } else { braced(&tex) };
            return [&part(above.tex), "/", &part(below.tex)].concat();
        }
        format!("\\frac{{{}}}{{{}}}", above.tex, below.tex)
    }

    fn limits(&mut self, node: NodeId, has_under: bool, has_over: bool) -> Piece {
        let items = self.items(node);
        let Some(&first) = items.first() else { return Piece::new("") };
        let base = self.element(first);
        let mut rest = items[1..].iter().copied();
        let under = if has_under { rest.next() } else { None };
        let over = if has_over { rest.next() } else { None };
        let accent = |converter: &Self, node: Option<NodeId>| {
            let text = converter.operator(node?)?;
            let mut characters = text.chars();
            characters.next().filter(|_| characters.next().is_none())
        };
        let mut base = base;
        let (mut below, mut above) = (None, None);
        if let Some(over) = over {
            let single = base.tex.chars().count() == 1
                || base.tex.starts_with('\\') && is_atom(&base.tex) && !base.tex.contains('{');
            let wide = self.dom.attr(self.unwrapped(over), Attr::Stretchy);
            let limits = base.class == Class::Large;
            match accent(self, Some(over)).and_then(symbols::over_accent) {
                Some((narrow, broad)) if !limits => {
                    let name = match wide {
                        Some("true") => broad,
                        Some("false") => narrow,
                        _ if single => narrow,
                        _ => broad,
                    };
                    base = Piece::new(command(name, &base.tex));
                }
                _ => above = Some(self.script(over)),
            }
        }
        if let Some(under) = under {
            match accent(self, Some(under)).and_then(symbols::under_accent) {
                Some(name) if base.class != Class::Large => {
                    base = Piece::new(command(name, &base.tex));
                }
                _ => below = Some(self.script(under)),
            }
        }
        stacked(base, below, above)
    }

    fn multiscripts(&mut self, node: NodeId) -> String {
        let items = self.items(node);
        let Some((&base, rest)) = items.split_first() else { return String::new() };
        let before = rest.iter().position(|&item| tag(self.dom, item) == Tag::Mprescripts);
        let (behind, before) = match before {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (rest, &[][..]),
        };
        let mut out = String::new();
        for (place, pairs) in [(None, before), (Some(base), behind)] {
            let mut written = match place {
                Some(base) => self.element(base),
                None if pairs.is_empty() => continue,
                None => Piece::new("{}"),
            };
            for pair in pairs.chunks(2) {
                let sub = self.element(pair[0]);
                let sup = pair.get(1).map(|&sup| self.element(sup));
                written = scripts(written, Some(&sub), sup.as_ref());
            }
            push(&mut out, &written.tex);
        }
        out
    }

    fn mfenced(&mut self, node: NodeId) -> String {
        let items = self.items(node);
        let open = self.dom.attr(node, Attr::Open).unwrap_or("(").trim();
        let close = self.dom.attr(node, Attr::Close).unwrap_or(")").trim();
        if let [only] = items[..]
            && let Some(tex) = table::with_fences(self, open, only, close)
        {
            return tex;
        }
        let separators = self.dom.attr(node, Attr::Separators).unwrap_or(",");
        let separators: Vec<char> =
            separators.chars().filter(|sign| !sign.is_whitespace()).collect();
        let mut inner = String::new();
        for (at, &item) in items.iter().enumerate() {
            if let Some(&sign) =
                at.checked_sub(1).and_then(|at| separators.get(at).or(separators.last()))
            {
                inner.push_str(&letters(sign.encode_utf8(&mut [0; 4]), ""));
                inner.push(' ');
            }
            let piece = self.element(item);
            push(&mut inner, &piece.tex);
        }
        let sign = |text: &str| delimiter(text).unwrap_or_else(|| letters(text, ""));
        let mut out = format!("\\left{}", sign(open));
        push(&mut out, &inner);
        push(&mut out, "\\right");
        push(&mut out, &sign(close));
        out
    }

    fn enclosed(&mut self, node: NodeId) -> String {
        let inner = self.row(node);
        let notation = self.dom.attr(node, Attr::Notation).unwrap_or("longdiv");
        let has = |wanted: &str| notation.split_ascii_whitespace().any(|word| word == wanted);
        let slash = (has("updiagonalstrike"), has("downdiagonalstrike"));
        let name = match slash {
            (true, true) => "\\xcancel",
            (true, false) => "\\cancel",
            (false, true) => "\\bcancel",
            _ if has("box") || has("roundedbox") => "\\boxed",
            _ if has("horizontalstrike") => "\\sout",
            _ if has("radical") => "\\sqrt",
            _ if has("top") => "\\overline",
            _ if has("bottom") => "\\underline",
            _ => return inner,
        };
        command(name, &inner)
    }
}

/// Whether what was written last awaits something: then a sign is no infix operator.
fn opens(tex: &str) -> bool {
    let tex = tex.trim_end();
    tex.ends_with(['(', '[', ',']) || tex.ends_with("\\{") || tex.ends_with("\\langle")
}
