//! What goes of a text in which some bytes are repeats.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

/// Where a text may be cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::ops) enum Snap {
    /// Between any two characters.
    None,
    /// Only whole lines go, with the line feed behind.
    Line,
    /// Only whole sentences go, with the white space behind. They end as
    /// [UAX #29](https://www.unicode.org/reports/tr29/) has it for any script, and at line feeds.
    #[default]
    Sentence,
}

/// Ranges in order and apart from each other, from ranges in order of their starts; those with at most
/// `gap` bytes between become one.
pub(super) fn merge(ranges: impl Iterator<Item = Range<usize>>, gap: usize) -> Vec<Range<usize>> {
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(gap) => {
                last.end = last.end.max(range.end);
            }
            _ => merged.push(range),
        }
    }
    merged
}

impl Snap {
    /// What goes of `ranges`, which are in order and apart.
    pub(super) fn apply(self, text: &str, ranges: &[Range<usize>]) -> Vec<Range<usize>> {
        if self == Self::None {
            let inward = ranges.iter().map(|range| {
                text.ceil_char_boundary(range.start)..text.floor_char_boundary(range.end)
            });
            return inward.filter(|range| !range.is_empty()).collect();
        }
        let mut removed: Vec<Range<usize>> = Vec::new();
        for range in ranges {
            // From the line in which the range begins to the one in which it ends.
            let bytes = text.as_bytes();
            let mut start = memchr::memrchr(b'\n', &bytes[..range.start]).map_or(0, |at| at + 1);
            while start < range.end {
                let feed = memchr::memchr(b'\n', &bytes[start..]);
                let end = feed.map_or(text.len(), |at| start + at + 1);
                self.units(&text[start..end], start, |unit, core| {
                    // A blank line has no core that could be inside.
                    let inside = if core > unit.start { core } else { unit.end };
                    if range.start <= unit.start && inside <= range.end {
                        match removed.last_mut() {
                            Some(last) if last.end >= unit.start => last.end = unit.end,
                            _ => removed.push(unit),
                        }
                    }
                });
                start = end;
            }
        }
        removed
    }

    /// The lines or sentences of a line that stands at `base`, and where their white space begins.
    fn units(self, line: &str, base: usize, mut each: impl FnMut(Range<usize>, usize)) {
        if self != Self::Sentence {
            each(base..base + line.len(), base + line.trim_end().len());
            return;
        }
        for (start, unit) in line.split_sentence_bound_indices() {
            let start = base + start;
            each(start..start + unit.len(), start + unit.trim_end().len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(snap: Snap, text: &str, ranges: &[Range<usize>]) -> String {
        let mut left = text.to_owned();
        for range in snap.apply(text, ranges).into_iter().rev() {
            left.replace_range(range, "");
        }
        left
    }

    #[test]
    fn near_ranges_merge() {
        let ranges = [0..5, 3..4, 5..6, 8..9, 12..20];
        assert_eq!(merge(ranges.clone().into_iter(), 0), [0..6, 8..9, 12..20]);
        assert_eq!(merge(ranges.clone().into_iter(), 2), [0..9, 12..20]);
        assert_eq!(merge(ranges.into_iter(), 3), vec![0..20; 1]);
    }

    #[test]
    fn characters_stay_whole() {
        for (range, expected) in
            [(0..6, ""), (1..6, "é"), (0..5, "é"), (1..5, "éé"), (3..4, "ééé"), (2..4, "éé")]
        {
            assert_eq!(
                left(Snap::None, "ééé", std::slice::from_ref(&range)),
                expected,
                "{range:?}"
            );
        }
    }

    #[test]
    fn only_whole_lines_go() {
        let text = "one\n two \r\n\n\nthree\nfour";
        let all = text.len();
        for (range, expected) in [
            (0..all, ""),
            (1..all, "one\n"),
            (0..all - 1, "four"),
            (0..3, " two \r\n\n\nthree\nfour"),
            (0..2, text),
            (4..8, "one\n\n\nthree\nfour"),
            (5..20, "one\n two \r\nfour"),
            (4..12, "one\n\nthree\nfour"),
            (11..18, "one\n two \r\nfour"),
            (13..13, text),
        ] {
            assert_eq!(left(Snap::Line, text, std::slice::from_ref(&range)), expected, "{range:?}");
        }
        assert_eq!(left(Snap::Line, text, &[0..3, 13..18]), " two \r\n\n\nfour");
    }

    #[test]
    fn only_whole_sentences_go() {
        let text =
            "A title\n  It rains today. We stay at home.  Read on.\n这是第一句。这是第二句。";
        let find = |needle: &str| text.find(needle).unwrap();
        for (range, expected) in [
            (0..text.len(), ""),
            (0..find("We") + 3, "We stay at home.  Read on.\n这是第一句。这是第二句。"),
            (find(" It") - 1..find("  Read"), "A title\nRead on.\n这是第一句。这是第二句。"),
            (
                find("It") + 1..find("  Read"),
                "A title\n  It rains today. Read on.\n这是第一句。这是第二句。",
            ),
            (
                find("Read")..find("这是第二"),
                "A title\n  It rains today. We stay at home.  这是第二句。",
            ),
        ] {
            assert_eq!(
                left(Snap::Sentence, text, std::slice::from_ref(&range)),
                expected,
                "{range:?}"
            );
        }
    }
}
