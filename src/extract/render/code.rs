//! Blocks of code: lines with their indentation, whatever a highlighter made of them.
//!
//! Highlighters wrap tokens in spans, lines in spans, divisions, list items or table rows, and put
//! line numbers and buttons beside them. Here line breaks of the text count, elements that the
//! browser shows as blocks start lines, numbers and buttons are left out.

use crate::extract::dom::{Attr, Dom, Edge, NodeId, Tag};

/// Classes of elements that hold code although they are not `pre`.
const REGIONS: [&str; 22] = [
    "CodeMirror-code",
    "CodeMirror-lines",
    "ace_text-layer",
    "blob-wrapper",
    "code-block__lines",
    "code-wrapper",
    "codehilitetable",
    "crayon-main",
    "crayon-table",
    "dp-highlighter",
    "enlighter",
    "enlighter-code",
    "highlighttable",
    "hljs-ln",
    "js-file-line-container",
    "linenodiv-table",
    "lntable",
    "rouge-table",
    "syntaxhighlighter",
    "view-lines",
    "wp_syntax",
    "wp_syntax_download",
];

/// Classes of line numbers and of what else stands beside code.
const GUTTERS: [&str; 31] = [
    "CodeMirror-gutter",
    "CodeMirror-gutters",
    "CodeMirror-linenumber",
    "ace_gutter",
    "blob-num",
    "clipboard-container",
    "code-copy",
    "copy-btn",
    "copy-button",
    "copybtn",
    "crayon-num",
    "crayon-nums",
    "enlighter-toolbar",
    "gl",
    "gutter",
    "hljs-ln-n",
    "hljs-ln-numbers",
    "line-number",
    "line-numbers",
    "line-numbers-rows",
    "line_numbers",
    "lineno",
    "linenodiv",
    "linenos",
    "linenumber",
    "linenumbers",
    "ln",
    "lnt",
    "rouge-gutter",
    "src-line-numbers",
    "toolbar",
];

/// Whether an element, by its tag and classes, is a block of code.
pub(super) fn is_region(dom: &Dom, node: NodeId, classes: &str) -> bool {
    match dom.tag(node) {
        Tag::Pre | Tag::Listing | Tag::Xmp | Tag::Plaintext => true,
        Tag::Code | Tag::Samp | Tag::Kbd => has_lines(dom, node),
        Tag::Table | Tag::Div | Tag::Ol => {
            !classes.is_empty()
                && classes.split_ascii_whitespace().any(|class| REGIONS.contains(&class))
        }
        _ => false,
    }
}

/// Whether a style makes line breaks of the source count: for a paragraph of plain lines. Editors
/// write `white-space: pre-wrap` on every run of words and around whole articles, too.
pub(super) fn is_preformatted(dom: &Dom, node: NodeId, style: &str) -> bool {
    const LOOK: usize = 64;
    let Some(at) = style.find("white-space") else { return false };
    let value = style[at + "white-space".len()..].trim_start_matches([' ', ':']);
    if !value.starts_with("pre")
        || value.starts_with("pre-line")
        || !matches!(dom.tag(node), Tag::Div | Tag::P)
    {
        return false;
    }
    let plain = |below: NodeId| {
        matches!(
            dom.tag(below),
            Tag::Text | Tag::Span | Tag::A | Tag::B | Tag::I | Tag::Em | Tag::Strong | Tag::Br
        )
    };
    let mut below = dom.descendants(node);
    below.by_ref().take(LOOK).all(plain) && below.next().is_none()
}

/// `<code>` is a block where it holds line breaks of its own: then it is `pre` in disguise.
fn has_lines(dom: &Dom, node: NodeId) -> bool {
    const LOOK: usize = 256;
    let mut lines = 0;
    for below in dom.descendants(node).take(LOOK) {
        match dom.tag(below) {
            Tag::Br | Tag::Div | Tag::Li | Tag::P => lines += 1,
            Tag::A | Tag::Img => return false,
            _ => {}
        }
    }
    lines > 1
}

fn is_gutter(dom: &Dom, node: NodeId) -> bool {
    let tag = dom.tag(node);
    if matches!(tag, Tag::Pre | Tag::Code | Tag::Table | Tag::Tbody | Tag::Tr) {
        return false;
    }
    if matches!(
        tag,
        Tag::Button
            | Tag::Script
            | Tag::Style
            | Tag::Svg
            | Tag::Template
            | Tag::Textarea
            | Tag::Select
            | Tag::Noscript
            | Tag::Iframe
            | Tag::Caption
            | Tag::Th
    ) {
        return true;
    }
    if dom.attr(node, Attr::Hidden).is_some() {
        return true;
    }
    if let Some(style) = dom.attr(node, Attr::Style)
        && (style.contains("user-select") && style.contains("none") || super::hidden_by(style))
    {
        return true;
    }
    let classes = dom.attr(node, Attr::Class).unwrap_or_default();
    classes.split_ascii_whitespace().any(|class| GUTTERS.contains(&class))
}

/// What an element does to lines.
#[derive(PartialEq, Eq)]
enum Shape {
    Inline,
    Block,
}

fn shape(dom: &Dom, node: NodeId) -> Shape {
    let block = match dom.tag(node) {
        Tag::Div
        | Tag::P
        | Tag::Li
        | Tag::Ol
        | Tag::Ul
        | Tag::Tr
        | Tag::Pre
        | Tag::Table
        | Tag::Section
        | Tag::Blockquote
        | Tag::Figure
        | Tag::Dl
        | Tag::Dd
        | Tag::Dt => true,
        Tag::Span | Tag::Code => {
            let style = dom.attr(node, Attr::Style).unwrap_or_default();
            let display =
                style.find("display").map(|at| style[at + 7..].trim_start_matches([' ', ':']));
            display.is_some_and(|value| {
                ["block", "flex", "grid", "table-row"].iter().any(|block| value.starts_with(block))
            })
        }
        _ => false,
    };
    if block { Shape::Block } else { Shape::Inline }
}

/// Appends the lines of a block of code; no empty lines at its start, no break at its end.
///
/// What a choice of content leaves out does not matter here: names such as `hljs-meta` and
/// `token comment` are not what they are elsewhere.
pub(super) fn lines(dom: &Dom, node: NodeId, out: &mut String) {
    let start = out.len();
    // What stood in `out` when each open block began.
    let mut blocks: Vec<usize> = Vec::new();
    let mut walk = dom.walk(node);
    let mut left_out = false;
    while let Some(edge) = walk.next() {
        match edge {
            Edge::Enter(at) if dom.tag(at) == Tag::Text => {
                if !is_between_blocks(dom, at) {
                    push_text(dom.text(at), out);
                }
            }
            Edge::Enter(at) => {
                if at != node && is_gutter(dom, at) {
                    left_out = true;
                    walk.skip_children();
                } else if dom.tag(at) == Tag::Br {
                    out.push('\n');
                } else if shape(dom, at) == Shape::Block {
                    if out.len() > start && !out.ends_with('\n') {
                        out.push('\n');
                    }
                    blocks.push(out.len());
                }
            }
            Edge::Leave(_) if left_out => left_out = false,
            Edge::Leave(at) if shape(dom, at) == Shape::Block => {
                let empty = blocks.pop() == Some(out.len());
                // An empty line is a block without text; a cell or wrapper without any is nothing.
                if empty && matches!(dom.tag(at), Tag::Div | Tag::Li | Tag::P | Tag::Tr | Tag::Span)
                    || out.len() > start && !out.ends_with('\n')
                {
                    out.push('\n');
                }
            }
            Edge::Leave(_) => {}
        }
    }
    let code = &out[start..];
    out.truncate(start + code.trim_end().len());
    // Empty lines at the start, but not the first line's indentation.
    let code = &out[start..];
    let indented = code.trim_start();
    let blank = code.len() - indented.len();
    if let Some(at) = code[..blank].rfind('\n') {
        out.replace_range(start..=start + at, "");
    }
}

/// Line breaks of the source between the cells of a table or the lines of a list.
fn is_between_blocks(dom: &Dom, text: NodeId) -> bool {
    let Some(parent) = dom.parent(text) else { return false };
    let between = match dom.tag(parent) {
        Tag::Table | Tag::Tbody | Tag::Thead | Tag::Tr | Tag::Ol | Tag::Ul => true,
        Tag::Div | Tag::Td => {
            let sides = [dom.previous_sibling(text), dom.next_sibling(text)];
            let mut sides = sides.into_iter().flatten().peekable();
            sides.peek().is_some() && sides.all(|side| shape(dom, side) == Shape::Block)
        }
        _ => false,
    };
    between && dom.text(text).contains('\n') && dom.text(text).trim().is_empty()
}

/// Text as it is; only line ends and blanks are made plain.
fn push_text(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(['\r', '\u{a0}', '\u{200b}', '\u{feff}']) {
        out.push_str(&rest[..at]);
        let odd = rest[at..].chars().next().unwrap_or(' ');
        rest = &rest[at + odd.len_utf8()..];
        match odd {
            '\u{a0}' => out.push(' '),
            '\r' if !rest.starts_with('\n') => out.push('\n'),
            _ => {}
        }
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use crate::extract::render::tests::text;

    #[test]
    fn lines_and_indentation_stay() {
        assert_eq!(
            text(
                "<p>See:</p><pre><code>\nfn main() {\n\tlet a\u{a0}= 1;\r\n\n    b();  \n}\n\n</code></pre><p>x"
            ),
            "See:\n\nfn main() {\n\tlet a = 1;\n\n    b();  \n}\n\nx"
        );
        assert_eq!(text("<pre>  a<br>    b</pre>"), "  a\n    b");
    }

    #[test]
    fn numbers_in_a_column_are_left_out() {
        let pygments = "<table class='highlighttable'><tr><td class='linenos'><div class='linenodiv'>
            <pre>1\n2</pre></div></td><td class='code'><div class='highlight'><pre><span></span>if a:\n    b\n</pre></div></td></tr></table>";
        assert_eq!(text(pygments), "if a:\n    b");
        let rouge = "<table class=rouge-table><tbody><tr><td class='rouge-gutter gl'><pre class=lineno>1\n2\n</pre></td>
            <td class=rouge-code><pre>x\n  y\n</pre></td></tr></tbody></table>";
        assert_eq!(text(&format!("<pre>{rouge}</pre>")).trim(), "x\n  y");
    }

    #[test]
    fn one_element_a_line() {
        assert_eq!(
            text("<pre><code><div>a {</div><div>  b</div><div></div><div>}</div></code></pre>"),
            "a {\n  b\n\n}"
        );
        assert_eq!(
            text("<pre><ol><li><span>a:</span></li><li>  <b>b</b>\n</li></ol></pre>"),
            "a:\n  b"
        );
        assert_eq!(
            text(
                "<pre><code><span style='display:flex;'><span style='user-select:none'>1</span><span>a\n</span></span><span style='display:flex;'><span style='user-select:none'>2</span><span>  b\n</span></span></code></pre>"
            ),
            "a\n  b"
        );
    }

    #[test]
    fn table_of_lines() {
        let gist = "<table class='highlight js-file-line-container'><tr><td class='blob-num' data-line-number=1></td><td class='blob-code'>a</td></tr>
            <tr><td class='blob-num' data-line-number=2></td><td class='blob-code'>  b</td></tr></table>";
        assert_eq!(text(gist), "a\n  b");
    }

    #[test]
    fn styles_of_editors_make_no_code() {
        assert_eq!(
            text(
                "<p><span style='white-space:pre-wrap'>One </span><span style='white-space: pre-wrap;'>line</span></p>"
            ),
            "One line"
        );
        assert_eq!(
            text("<div style='white-space:pre-wrap'><p>a\n b</p><p>c</p></div>"),
            "a b\n\nc"
        );
        assert_eq!(text("<div style='white-space:pre'>roses\n  are red</div>"), "roses\n  are red");
    }

    #[test]
    fn inline_code_stays_in_its_line() {
        assert_eq!(text("<p>Call <code>f( x )</code>\n now"), "Call f( x ) now");
        assert_eq!(
            text("<p>a</p><code>x = 1;<br>&nbsp; y = 2;<br>z</code>"),
            "a\n\nx = 1;\n  y = 2;\nz"
        );
    }
}
