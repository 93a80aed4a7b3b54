//! Repeated lines and paragraphs.

use xxhash_rust::xxh3::xxh3_64;

use super::table::Table;
use crate::ops::dialect::ratio;
use crate::text::python;

/// The lines, or the paragraphs, of a text, known by their 64-bit hashes.
#[derive(Default)]
pub(in crate::ops) struct Segments {
    hashes: Vec<u64>,
    /// Characters of each. Only asked for where all are needed.
    chars: Vec<u32>,
    counts: Vec<u32>,
    table: Table,
}

/// A share of the segments, and a share of characters.
pub(in crate::ops) type Shares = [f64; 2];

impl Segments {
    /// Share of the segments that are equal to an earlier one, and of `all` characters that they
    /// hold (0 for those of the segments). Spaces around a segment count.
    pub(in crate::ops) fn later<'t>(
        &mut self,
        segments: impl Iterator<Item = &'t str>,
        all: Option<u64>,
    ) -> Shares {
        // The table has to know how many come.
        self.hashes.clear();
        self.chars.clear();
        for segment in segments {
            self.hashes.push(xxh3_64(segment.as_bytes()));
            self.chars.push(count_chars(segment));
        }
        self.table.prepare(self.hashes.len());
        let (mut number, mut chars) = (0, 0);
        for (index, hash) in (0..).zip(&self.hashes) {
            if self.table.first(*hash, index) != index {
                number += 1;
                chars += u64::from(self.chars[index as usize]);
            }
        }
        let all = all.unwrap_or_else(|| super::grams::sum_of(&self.chars));
        [ratio(number, self.hashes.len() as u64), ratio(chars, all)]
    }

    /// Share of the segments that are there more than once, all of them, and of the segments'
    /// characters that those hold; `None` where there is no segment.
    pub(super) fn all<'t>(&mut self, segments: impl Iterator<Item = &'t str>) -> Option<Shares> {
        self.hashes.clear();
        self.chars.clear();
        for segment in segments {
            self.hashes.push(xxh3_64(segment.as_bytes()));
            self.chars.push(count_chars(segment));
        }
        self.table.prepare(self.hashes.len());
        self.counts.clear();
        self.counts.resize(self.hashes.len(), 0);
        for (index, hash) in (0..).zip(&mut self.hashes) {
            let first = self.table.first(*hash, index);
            self.counts[first as usize] += 1;
            *hash = u64::from(first);
        }
        let (mut number, mut chars) = (0, 0);
        for (first, length) in self.hashes.iter().zip(&self.chars) {
            #[expect(clippy::cast_possible_truncation, reason = "an index of a vector")]
            if self.counts[*first as usize] > 1 {
                number += 1;
                chars += u64::from(*length);
            }
        }
        let total = super::grams::sum_of(&self.chars);
        let segments = self.hashes.len() as u64;
        (segments > 0).then(|| [ratio(number, segments), ratio(chars, total)])
    }
}

#[expect(clippy::cast_possible_truncation, reason = "texts have less than 2^32 characters")]
fn count_chars(text: &str) -> u32 {
    text.chars().count() as u32
}

/// Pieces of `text` between runs of at least `least` newlines, empty ones at the ends included:
/// `re.split("\n{least,}", text)`.
pub(super) fn between_newlines(text: &str, least: usize) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let mut start = Some(0);
    std::iter::from_fn(move || {
        let from = start?;
        let mut at = from;
        while let Some(found) = memchr::memchr(b'\n', &bytes[at..]) {
            let end = at + found;
            let run = bytes[end..].iter().take_while(|byte| **byte == b'\n').count();
            at = end + run;
            if run >= least {
                start = Some(at);
                return Some(&text[from..end]);
            }
        }
        start = None;
        Some(&text[from..])
    })
}

/// Pieces of `text` between occurrences of `separator`, without the white space around them and
/// without empty ones, as DCLM has them.
pub(super) fn dclm<'t>(text: &'t str, separator: &'t [u8]) -> impl Iterator<Item = &'t str> {
    let mut start = Some(0);
    let mut ends = memchr::memmem::find_iter(text.as_bytes(), separator);
    let pieces = std::iter::from_fn(move || {
        let from = start?;
        let end = ends.next();
        start = end.map(|end| end + separator.len());
        Some(&text[from..end.unwrap_or(text.len())])
    });
    pieces.map(python::strip).filter(|piece| !piece.is_empty())
}

/// The paragraphs of a text, given its lines without white space around them: what is between blank
/// lines.
pub(super) fn paragraphs<'t>(
    text: &'t str,
    lines: impl Iterator<Item = &'t str>,
) -> impl Iterator<Item = &'t str> {
    let base = text.as_ptr() as usize;
    let mut lines = lines.peekable();
    std::iter::from_fn(move || {
        while lines.next_if(|line| line.is_empty()).is_some() {}
        let mut last = lines.next()?;
        let start = last.as_ptr() as usize - base;
        while let Some(line) = lines.next_if(|line| !line.is_empty()) {
            last = line;
        }
        Some(&text[start..last.as_ptr() as usize - base + last.len()])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_as_the_original_does() {
        let split = |text: &'static str, least| between_newlines(text, least).collect::<Vec<_>>();
        // re.split in CPython.
        assert_eq!(split("\na\n", 1), ["", "a", ""]);
        assert_eq!(split("a\n\n\nb\nc", 1), ["a", "b", "c"]);
        assert_eq!(split("a\n\n\nb\nc", 2), ["a", "b\nc"]);
        assert_eq!(split("", 1), [""]);
        let split = |text: &'static str| dclm(text, b"\n\n").collect::<Vec<_>>();
        assert_eq!(split("a\n\n\nb\nc \n\n \n\n"), ["a", "b\nc"]);
        let lines = |text: &'static str| paragraphs(text, text.lines().map(str::trim));
        let blocks: Vec<_> = lines("  \n a\n b \n\t\n\nc\n").collect();
        assert_eq!(blocks, ["a\n b", "c"]);
    }

    #[test]
    fn counts_later_ones_or_all() {
        let mut segments = Segments::default();
        let list = ["aé", "b", "aé", "aé"];
        let [number, chars] = segments.later(list.into_iter(), None);
        assert_eq!((number, chars), (0.5, 4.0 / 7.0));
        assert_eq!(segments.later(list.into_iter(), Some(10)), [0.5, 0.4]);
        assert_eq!(segments.all(list.into_iter()), Some([0.75, 6.0 / 7.0]));
        assert_eq!(segments.all(list[..1].iter().copied()), Some([0.0, 0.0]));
        assert_eq!(segments.all([].into_iter()), None);
    }
}
