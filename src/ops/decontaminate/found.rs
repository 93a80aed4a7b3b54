//! Matches, and how the ledger holds all those of a document in one signal.

use serde::{Deserialize, Serialize};

use super::items::{Items, PARTS, Part};

/// An item that stands in a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Match {
    pub(super) item: u32,
    /// First byte of the first word, and the byte behind the last.
    pub(super) start: u32,
    pub(super) end: u32,
    /// 0 to 1, in steps of 0.0001.
    pub(super) score: f64,
    /// A bit for each [`Part`] of which half or more was found.
    pub(super) parts: u8,
}

/// A score in the steps it is written in.
pub(super) fn rounded(score: f64) -> f64 {
    (score * 1e4).round() / 1e4
}

/// A match as it is written down: `[benchmark, item, first character, character behind the last,
/// score, parts]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Detail(
    /// The benchmark.
    pub(crate) String,
    /// The item's id.
    pub(crate) String,
    /// The first character.
    pub(crate) u64,
    /// The character behind the last.
    pub(crate) u64,
    /// The score.
    pub(crate) f64,
    /// What of the item was found: `question answer`.
    pub(crate) String,
);

const NAMES: [(Part, &str); PARTS] = [
    (Part::Passage, "passage"),
    (Part::Question, "question"),
    (Part::Choices, "choices"),
    (Part::Answer, "answer"),
];

/// Matches, which stand in order of their start, with names and places in characters.
pub(super) fn details(text: &str, items: &Items, matches: &[Match]) -> Vec<Detail> {
    let mut ends: Vec<u32> = matches.iter().map(|found| found.end).collect();
    ends.sort_unstable();
    let starts = characters(text, matches.iter().map(|found| found.start));
    let counted = characters(text, ends.iter().copied());
    let end = |byte: u32| ends.binary_search(&byte).map_or(0, |index| counted[index]);
    let detail = |(found, start): (&Match, u64)| {
        let named = NAMES.iter().filter(|(part, _)| found.parts >> *part as u8 & 1 == 1);
        let parts = named.map(|(_, name)| *name).collect::<Vec<_>>().join(" ");
        let (benchmark, id) = (items.benchmark(found.item), items.id(found.item));
        Detail(benchmark.to_owned(), id.to_owned(), start, end(found.end), found.score, parts)
    };
    matches.iter().zip(starts).map(detail).collect()
}

/// How many characters stand before each of some bytes, which rise.
fn characters(text: &str, bytes: impl Iterator<Item = u32>) -> Vec<u64> {
    let (mut at, mut count) = (0, 0);
    bytes
        .map(|byte| {
            let byte = byte as usize;
            count += text.get(at..byte).map_or(0, |piece| piece.chars().count() as u64);
            at = byte;
            count
        })
        .collect()
}

/// The places of matches, those that touch as one: `12-80 95-130`.
pub(super) fn spans(details: &[Detail]) -> String {
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for detail in details {
        match joined.last_mut() {
            Some(last) if detail.2 <= last.1 => last.1 = last.1.max(detail.3),
            _ => joined.push((detail.2, detail.3)),
        }
    }
    let spans = joined.iter().map(|(start, end)| format!("{start}-{end}"));
    spans.collect::<Vec<_>>().join(" ")
}

/// Matches as the signal `details` holds them.
pub(super) fn write(details: &[Detail]) -> String {
    // Strings and finite numbers always serialise.
    serde_json::to_string(details).unwrap_or_default()
}

/// Matches out of the signal `details`; `None` where it is none.
pub(crate) fn read(signal: &str) -> Option<Vec<Detail>> {
    serde_json::from_str(signal).ok()
}

/// The name of the signal.
pub(crate) const SIGNAL: &str = "details";
