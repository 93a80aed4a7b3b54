//! Lists: markers and indentation.

use super::writer::{Break, Writer};
use crate::extract::dom::{Attr, Dom, NodeId, Tag};

/// Deeper lists are not indented further.
const DEEPEST: usize = 16;

#[derive(Debug)]
struct List {
    /// The next item's number and its step, in a numbered list.
    number: Option<(i64, i64)>,
    style: Style,
}

/// How numbers are written (`type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Decimal,
    Alphabetic { upper: bool },
    Roman { upper: bool },
}

/// The lists that are open.
#[derive(Debug, Default)]
pub(super) struct Lists {
    open: Vec<List>,
    marker: String,
}

impl Lists {
    /// Into `ul`, `ol`, `menu`, `dir`.
    pub(super) fn enter(&mut self, dom: &Dom, list: NodeId, writer: &mut Writer<'_>) {
        writer.set_break(Break::Paragraph);
        writer.tighten();
        let number = (dom.tag(list) == Tag::Ol).then(|| {
            let given = dom.attr(list, Attr::Start).and_then(integer);
            let reversed = dom.attr(list, Attr::Reversed).is_some();
            match (given, reversed) {
                (Some(start), false) => (start, 1),
                (None, false) => (1, 1),
                (Some(start), true) => (start, -1),
                (None, true) => {
                    let items = dom.children(list).filter(|&item| dom.tag(item) == Tag::Li);
                    (i64::try_from(items.count()).unwrap_or(1), -1)
                }
            }
        });
        let style = match dom.attr(list, Attr::Type).unwrap_or_default() {
            "a" => Style::Alphabetic { upper: false },
            "A" => Style::Alphabetic { upper: true },
            "i" => Style::Roman { upper: false },
            "I" => Style::Roman { upper: true },
            _ => Style::Decimal,
        };
        self.open.push(List { number, style });
    }

    /// Out of a list.
    pub(super) fn leave(&mut self, writer: &mut Writer<'_>) {
        self.open.pop();
        writer.set_indent(self.indent());
        writer.untighten();
        writer.set_break(Break::Paragraph);
    }

    /// Into `li`.
    pub(super) fn enter_item(&mut self, dom: &Dom, item: NodeId, writer: &mut Writer<'_>) {
        writer.set_break(Break::Line);
        let depth = self.open.len().min(DEEPEST);
        let Some(list) = self.open.last_mut() else { return };
        self.marker.clear();
        match &mut list.number {
            None => self.marker.push('-'),
            Some((number, step)) => {
                if let Some(given) = dom.attr(item, Attr::Value).and_then(integer) {
                    *number = given;
                }
                push_number(*number, list.style, &mut self.marker);
                self.marker.push('.');
                *number = number.saturating_add(*step);
            }
        }
        self.marker.push(' ');
        writer.set_marker(&self.marker, 2 * (depth - 1));
        writer.set_indent(2 * depth);
    }

    /// Out of `li`.
    pub(super) fn leave_item(&self, writer: &mut Writer<'_>) {
        writer.clear_marker();
        writer.set_break(Break::Line);
        writer.set_indent(self.indent());
    }

    /// Blanks before a line that continues an item of the innermost list.
    fn indent(&self) -> usize {
        2 * self.open.len().min(DEEPEST)
    }
}

/// An integer as HTML reads it: what follows the digits does not matter.
fn integer(value: &str) -> Option<i64> {
    let value = value.trim_ascii_start();
    let sign = usize::from(value.starts_with(['-', '+']));
    let digits = value[sign..].bytes().take_while(u8::is_ascii_digit).count();
    value[..sign + digits].parse().ok()
}

fn push_number(number: i64, style: Style, out: &mut String) {
    const ROMAN: [(i64, &str); 13] = [
        (1000, "m"),
        (900, "cm"),
        (500, "d"),
        (400, "cd"),
        (100, "c"),
        (90, "xc"),
        (50, "l"),
        (40, "xl"),
        (10, "x"),
        (9, "ix"),
        (5, "v"),
        (4, "iv"),
        (1, "i"),
    ];
    let start = out.len();
    let upper = match style {
        Style::Alphabetic { upper } if number > 0 => {
            let mut rest = number;
            let mut letters = [0_u8; 14];
            let mut first = letters.len();
            while rest > 0 {
                first -= 1;
                letters[first] = b'a' + u8::try_from((rest - 1) % 26).unwrap_or(0);
                rest = (rest - 1) / 26;
            }
            out.extend(letters[first..].iter().map(|&letter| char::from(letter)));
            upper
        }
        Style::Roman { upper } if (1..4000).contains(&number) => {
            let mut rest = number;
            for (value, letters) in ROMAN {
                while rest >= value {
                    out.push_str(letters);
                    rest -= value;
                }
            }
            upper
        }
        _ => {
            out.push_str(&number.to_string());
            false
        }
    };
    if upper {
        out[start..].make_ascii_uppercase();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::render::tests::text;

    #[test]
    fn numbers_of_all_styles() {
        let write = |number, style| {
            let mut out = String::new();
            push_number(number, style, &mut out);
            out
        };
        assert_eq!(write(28, Style::Alphabetic { upper: false }), "ab");
        assert_eq!(write(i64::MAX, Style::Alphabetic { upper: true }).len(), 14);
        assert_eq!(write(1994, Style::Roman { upper: true }), "MCMXCIV");
        assert_eq!(write(-3, Style::Roman { upper: true }), "-3");
        assert_eq!(integer(" 12px"), Some(12));
        assert_eq!(integer("x"), None);
    }

    #[test]
    fn items_have_markers_and_indentation() {
        let page =
            "<p>Intro</p><ul><li>one<li><p>two</p><p>more</p><ol start=3><li>a</li><li value=9>b
            <li>c</ol></li><li><br></li><li>three<br>line</ul>end";
        assert_eq!(
            text(page),
            "Intro\n\n- one\n- two\n  more\n  3. a\n  9. b\n  10. c\n- three\n  line\n\nend"
        );
    }

    #[test]
    fn reversed_and_lettered() {
        assert_eq!(text("<ol reversed><li>x<li>y</ol>"), "2. x\n1. y");
        assert_eq!(text("<ol type=i><li>x<li>y</ol>"), "i. x\nii. y");
        assert_eq!(text("<ol type=A><li>x<li>y</ol>"), "A. x\nB. y");
    }

    #[test]
    fn an_item_outside_of_any_list_is_a_line() {
        assert_eq!(text("<div><li>x</li><li>y</li></div>"), "x\ny");
    }
}
