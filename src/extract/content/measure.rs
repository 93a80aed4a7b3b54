//! How much text stands where, and how much of it is links.

use crate::extract::dom::{Attr, Dom, Edge, NodeId, Tag};

/// Figures of one element.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stat {
    /// Letters below.
    pub(super) text: u32,
    /// Letters below that are in links.
    pub(super) link: u32,
    /// Letters of the element's own lines, those in blocks below left out.
    pub(super) own: u32,
    /// Letters of `own` in links.
    pub(super) own_link: u32,
    /// Ends of sentences and commas in `own`.
    pub(super) own_stops: u32,
    /// Letters below in running text.
    pub(super) good: u32,
    /// Letters below in running text that are links.
    pub(super) good_link: u32,
    /// How much speaks for what is below being the main text.
    pub(super) value: u32,
    /// `value` before teasers lost most of theirs.
    pub(super) raw: u32,
    /// Number of links below.
    pub(super) links: u32,
    /// Number of blocks of running text below.
    pub(super) paragraphs: u32,
}

/// Whether a line goes on through the element.
pub(super) fn inline(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::A
            | Tag::Abbr
            | Tag::Acronym
            | Tag::Annotation
            | Tag::B
            | Tag::Bdi
            | Tag::Bdo
            | Tag::Big
            | Tag::Br
            | Tag::Cite
            | Tag::Code
            | Tag::Data
            | Tag::Del
            | Tag::Dfn
            | Tag::Em
            | Tag::Font
            | Tag::I
            | Tag::Img
            | Tag::Ins
            | Tag::Kbd
            | Tag::Label
            | Tag::Mark
            | Tag::Math
            | Tag::Nobr
            | Tag::Q
            | Tag::Ruby
            | Tag::Rb
            | Tag::Rt
            | Tag::Rp
            | Tag::S
            | Tag::Samp
            | Tag::Small
            | Tag::Span
            | Tag::Strike
            | Tag::Strong
            | Tag::Sub
            | Tag::Sup
            | Tag::Time
            | Tag::Tt
            | Tag::U
            | Tag::Var
            | Tag::Wbr
    )
}

/// Letters of a text and its commas and ends of sentences. A character of scripts that write
/// words with one or two counts three times.
pub(super) fn letters(text: &str) -> (u32, u32) {
    let (mut letters, mut stops) = (0u32, 0u32);
    if text.is_ascii() {
        for &byte in text.as_bytes() {
            letters += u32::from(byte > b' ');
            stops += u32::from(matches!(byte, b',' | b'.' | b'!' | b'?' | b';'));
        }
        return (letters, stops);
    }
    for c in text.chars() {
        match c {
            '\0'..=' ' | '\u{a0}' | '\u{3000}' | '\u{2000}'..='\u{200f}' => {}
            ',' | '.' | '!' | '?' | ';' | '…' | '،' | '۔' | '؟' | '؛' | '।' | '։' | '။' | '።' =>
            {
                letters += 1;
                stops += 1;
            }
            '，' | '。' | '、' | '！' | '？' | '；' | '：' => {
                letters += 3;
                stops += 2;
            }
            '\u{2e80}'..='\u{a4cf}' | '\u{f900}'..='\u{faff}' | '\u{20000}'.. => letters += 3,
            '\u{ac00}'..='\u{d7af}' => letters += 2,
            _ => letters += 1,
        }
    }
    (letters, stops)
}

/// Whether an element's own lines are running text, and how much they speak for a main text.
fn value(tag: Tag, stat: &Stat) -> (u32, bool) {
    let plain = stat.own - stat.own_link;
    // More link than text: a list of ways to elsewhere.
    if stat.own_link > plain || heading(tag) {
        return (0, false);
    }
    let running = plain >= 60 && (stat.own_stops >= 2 || plain >= 200 && stat.own_stops >= 1);
    if running || tag == Tag::Pre && plain >= 20 {
        let value = (plain - stat.own_link / 2).min(4000);
        // Lists of short news are longer than the news beside them.
        return (if matches!(tag, Tag::Li | Tag::Dd) { value / 2 } else { value }, true);
    }
    if stat.own_stops >= 1 && plain >= 25 {
        return (plain / 2, false);
    }
    // Names and numbers in cells, labels: little, and yet a page may have nothing else.
    (plain / 6, false)
}

/// Whether the element is a heading.
pub(super) fn heading(tag: Tag) -> bool {
    matches!(tag, Tag::H1 | Tag::H2 | Tag::H3 | Tag::H4 | Tag::H5 | Tag::H6)
}

/// Whether the element leads elsewhere: not to a place in the same page.
fn leads_away(dom: &Dom, node: NodeId) -> bool {
    let href = dom.attr(node, Attr::Href).unwrap_or_default();
    !href.is_empty() && (href == "#" || !href.starts_with('#'))
}

/// A teaser: a sentence or two beside a link of some length.
pub(super) fn is_card(stat: &Stat) -> bool {
    let link = stat.link - stat.good_link.min(stat.link);
    stat.paragraphs <= 2 && (1..350).contains(&stat.raw) && link >= 15 && link * 12 > stat.raw
}

/// Measures all that is not skipped below `root`.
pub(super) fn measure(
    dom: &Dom,
    root: NodeId,
    skip: &[bool],
    cards: &[bool],
    stats: &mut Vec<Stat>,
) {
    stats.clear();
    stats.resize(dom.len(), Stat::default());
    let mut blocks: Vec<NodeId> = vec![root];
    let mut links = 0u32;
    let mut walk = dom.walk(root);
    while let Some(edge) = walk.next() {
        match edge {
            Edge::Enter(node) => {
                let tag = dom.tag(node);
                if tag == Tag::Text {
                    let (letters, stops) = letters(dom.text(node));
                    if letters > 0 {
                        let linked = if links > 0 { letters } else { 0 };
                        if let Some(parent) = dom.parent(node) {
                            let stat = &mut stats[parent.index()];
                            stat.text += letters;
                            stat.link += linked;
                        }
                        if let Some(block) = blocks.last() {
                            let stat = &mut stats[block.index()];
                            stat.own += letters;
                            stat.own_link += linked;
                            stat.own_stops += if links > 0 { 0 } else { stops };
                        }
                    }
                } else if skip[node.index()] && node != root {
                    walk.skip_children();
                    // Leaves at once; what the element holds is not there.
                    if tag == Tag::A && leads_away(dom, node) {
                        links += 1;
                    }
                    if !inline(tag) {
                        blocks.push(node);
                    }
                } else {
                    if tag == Tag::A && leads_away(dom, node) {
                        links += 1;
                    }
                    if !inline(tag) && node != root {
                        blocks.push(node);
                    }
                }
            }
            Edge::Leave(node) => {
                let tag = dom.tag(node);
                let mut stat = stats[node.index()];
                if tag == Tag::A && leads_away(dom, node) {
                    links = links.saturating_sub(1);
                    stat.links += 1;
                }
                if !inline(tag) {
                    blocks.pop();
                    let (value, good) = value(tag, &stat);
                    stat.value += value;
                    stat.raw += value;
                    if good {
                        stat.good += stat.own;
                        stat.good_link += stat.own_link;
                        stat.paragraphs += 1;
                    } else if node != root && cards.get(node.index()) == Some(&true) {
                        stat.value = stat.raw / 5;
                    }
                }
                stats[node.index()] = stat;
                if node != root
                    && let Some(parent) = dom.parent(node)
                {
                    let parent = &mut stats[parent.index()];
                    parent.text += stat.text;
                    parent.link += stat.link;
                    parent.good += stat.good;
                    parent.good_link += stat.good_link;
                    parent.links += stat.links;
                    parent.paragraphs += stat.paragraphs;
                    parent.value += stat.value;
                    parent.raw += stat.raw;
                }
            }
        }
    }
}
