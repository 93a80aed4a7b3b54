//! Pictures of formulas: their source stands in `alt`, in another attribute or in the address.

use super::{Budget, Found, parsed, source};
use crate::extract::dom::{Attr, Dom, NodeId, Tag};

/// Classes of pictures whose `alt` is LaTeX.
const CLASSES: [&str; 13] = [
    "latex",
    "tex",
    "math",
    "mathtex",
    "equation_image",
    "latex_img",
    "latexrender",
    "mwe-math-fallback-image-inline",
    "mwe-math-fallback-image-display",
    "mwe-math-fallback-png-inline",
    "mwe-math-fallback-png-display",
    "ql-img-inline-formula",
    "ql-img-displayed-equation",
];

/// Parts of addresses whose rest is the source in percent-encoding.
const ADDRESSES: [&str; 9] = [
    "latex.php?latex=",
    "latex.codecogs.com/",
    "mathtex.cgi?",
    "mimetex.cgi?",
    "mathtex/?",
    "cht=tx&chl=",
    "zhihu.com/equation?tex=",
    "/latexrender/",
    "math.vercel.app/?from=",
];

fn address(dom: &Dom, image: NodeId) -> Option<&str> {
    let sources = [Attr::Src, Attr::DataSrc, Attr::DataOriginal];
    let mut sources = sources.into_iter().filter_map(|name| dom.attr(image, name));
    sources.find_map(|src| {
        ADDRESSES.iter().find_map(|known| {
            // Addresses of data are long, and no formulas.
            let start = src.get(..src.floor_char_boundary(200))?.find(known)?;
            Some(&src[start + known.len()..])
        })
    })
}

/// Whether a picture shows a formula whose source the page has.
pub(super) fn has_source(dom: &Dom, image: NodeId) -> bool {
    let classes = dom.attr(image, Attr::Class).unwrap_or_default();
    classes.split_ascii_whitespace().any(|class| CLASSES.contains(&class))
        || dom.attr(image, Attr::Eeimg).is_some()
        || dom.attr(image, Attr::DataEquationContent).is_some()
        || dom.attr(image, Attr::DataMathml).is_some()
        || address(dom, image).is_some()
}

pub(super) fn at(dom: &Dom, image: NodeId, budget: &mut Budget) -> Found {
    if !has_source(dom, image) {
        return Found::NoFormula;
    }
    let classes = dom.attr(image, Attr::Class).unwrap_or_default();
    let display = classes.contains("display")
        || classes.contains("block")
        || dom.attr(image, Attr::Eeimg) == Some("2")
        || stands_alone(dom, image);
    if let Some(markup) = dom.attr(image, Attr::DataMathml) {
        // WIRIS writes guillemets and a diaeresis for the signs of markup.
        let markup =
            markup.replace('«', "<").replace('»', ">").replace('¨', "\"").replace('§', "&");
        return parsed(&markup, display, budget);
    }
    let given = [Attr::DataEquationContent, Attr::DataTex, Attr::Alt, Attr::Title];
    let given = given.into_iter().filter_map(|name| dom.attr(image, name));
    let mut given = given.map(|text| text.trim().trim_start_matches("LaTeX:").trim());
    if let Some(tex) = given.find(|text| !text.is_empty()) {
        let spoken = !super::tex::looks_like(tex);
        if !spoken || address(dom, image).is_none() {
            return if spoken && tex.len() > 40 {
                Found::NoFormula
            } else {
                source(tex, display, budget)
            };
        }
    }
    match address(dom, image) {
        Some(rest) => source(&from_address(rest), display, budget),
        None => Found::NoFormula,
    }
}

/// The source in an address: up to the next parameter, decoded.
fn from_address(rest: &str) -> String {
    // codecogs: `gif.latex?…`, `svg.image?…`
    let rest =
        rest.split_once('?').filter(|(path, _)| path.len() < 20).map_or(rest, |(_, rest)| rest);
    let rest = rest.split('&').next().unwrap_or_default();
    let encoded = rest.as_bytes();
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut at = 0;
    while at < encoded.len() {
        let hex = rest.get(at + 1..at + 3).filter(|_| encoded[at] == b'%');
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                at += 2;
            }
            None if encoded[at] == b'+' => bytes.push(b' '),
            None => bytes.push(encoded[at]),
        }
        at += 1;
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // codecogs lets its settings stand before the source: `\dpi{150} \bg_white x`.
    let mut tex = text.trim();
    for setting in ["\\dpi{", "\\bg_", "\\inline", "\\large", "\\fn_"] {
        if let Some(after) = tex.strip_prefix(setting) {
            let end = after.find([' ', '}', '\\']).unwrap_or(after.len());
            tex = after[end..].trim_start_matches(['}', ' ']);
        }
    }
    tex.to_owned()
}

/// Whether a picture is all that its paragraph holds.
fn stands_alone(dom: &Dom, image: NodeId) -> bool {
    const SIBLINGS: usize = 4;
    let Some(parent) = dom.parent(image) else { return false };
    matches!(dom.tag(parent), Tag::P | Tag::Div | Tag::Center)
        && dom.children(parent).nth(SIBLINGS).is_none()
        && dom.children(parent).all(|child| {
            child == image || dom.tag(child) == Tag::Text && dom.text(child).trim().is_empty()
        })
}
