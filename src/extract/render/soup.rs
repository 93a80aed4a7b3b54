//! No page makes the renderer or the reader of metadata fail.

use proptest::prelude::*;

use super::*;
use crate::extract::dom::{Budget, parse};
use crate::extract::metadata;

fn soup() -> impl Strategy<Value = String> {
    let tag = prop::sample::select(vec![
        "p",
        "div",
        "ul",
        "ol start=9",
        "li",
        "table",
        "tr",
        "td rowspan=9 colspan=3",
        "th",
        "caption",
        "pre",
        "code",
        "span class=katex",
        "span class='math inline'",
        "math",
        "mi",
        "mo",
        "mrow",
        "msup",
        "mover",
        "munder",
        "mtable",
        "mtr",
        "mtd",
        "mfrac linethickness=0",
        "mfenced",
        "mroot",
        "mmultiscripts",
        "mprescripts",
        "annotation encoding=tex",
        "script type=math/tex",
        "ruby",
        "rt",
        "script type=application/ld+json",
        "img class=latex alt='x^\\'",
        "sup",
        "sub",
        "q",
        "br",
        "span class=MathJax",
        "h1",
        "title",
        "time datetime=2024-01-02",
        "meta name=author content=x",
        "mjx-container",
        "mml:math",
        "mml:mi",
        "select",
        "svg",
        "template",
        "span class=byline",
        "div class=syntaxhighlighter",
        "table class=rouge-table",
        "p style='white-space:pre'",
        "dl",
        "dd",
        "mspace width=-9em",
        "munderover",
        "mlabeledtr",
        "menclose notation=box",
        "a rel=author",
    ]);
    let text = prop::sample::select(vec![
        "x",
        " ",
        "\n",
        "a  b",
        "\u{a0}",
        "\u{ad}",
        "\u{feff}",
        "漢\n字",
        "$x$",
        "\\",
        "{",
        "}",
        "∑",
        "′",
        "(",
        ")",
        "{\"@type\":\"Article\",\"author\":[{}],\"headline\":\"x\"}",
        "‏ש",
        "𝔸",
        "\u{2061}",
        "2024-01-02",
        "%",
        "|",
    ]);
    let piece = prop_oneof![
        tag.clone().prop_map(|tag| format!("<{tag}>")),
        tag.prop_map(|tag| format!("</{}>", tag.split(' ').next().unwrap_or_default())),
        text.prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..80).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_soup_is_too_thick(page in soup()) {
        let dom = parse(&page, Budget::default());
        let mut out = String::from("kept ");
        let all = Content::new(vec![NodeId::DOCUMENT], Vec::new());
        text(&dom, &all, &Options::default(), &mut out);
        prop_assert!(out.starts_with("kept "));
        let every: Vec<NodeId> = dom.descendants(NodeId::DOCUMENT).collect();
        for node in every {
            let one = Content::new(vec![node], Vec::new());
            text(&dom, &one, &Options { blank_lines: false, ..Options::default() }, &mut String::new());
        }
        let _ = metadata::read(&dom, Some("https://a.example/"));
    }
}
