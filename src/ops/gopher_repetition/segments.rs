//! Repeated lines and paragraphs.

use xxhash_rust::xxh3::xxh3_64;

use super::table::Table;
use crate::ops::dialect::ratio;
use crate::text::python;

/// The lines, or the paragraphs, of a text, known by their 64-bit hashes.
#[derive(Default)]
pub(in crate::ops) struct Segments {
    hashes: Vec<u64>,
    /// Index of the first segment that is equal to each.
    first: Vec<u32>,
    /// At the index of a first one: how many are equal to it.
    count: Vec<u32>,
    table: Table,
}

/// A share of the segments, and a share of characters.
pub(in crate::ops) type Shares = [f64; 2];

impl Segments {
    /// Share of the segments that are equal to an earlier one, and of `all` characters that they
    /// hold; of the characters of the segments if that is `None`.
    pub(in crate::ops) fn later<'t>(
        &mut self,
        segments: impl Iterator<Item = &'t str> + Clone,
        all: Option<u64>,
    ) -> Shares {
        self.find(segments.clone());
        self.shares(segments, all, |index, first, _| index != first)
    }

    /// Share of the segments that are there more than once, all of them, and of the segments'
    /// characters that those hold; `None` where there is no segment.
    pub(super) fn all<'t>(
        &mut self,
        segments: impl Iterator<Item = &'t str> + Clone,
    ) -> Option<Shares> {
        self.find(segments.clone());
        let shares = self.shares(segments, None, |_, _, count| count > 1);
        (!self.first.is_empty()).then_some(shares)
    }

    fn find<'t>(&mut self, segments: impl Iterator<Item = &'t str>) {
        self.hashes.clear();
        self.hashes.extend(segments.map(|segment| xxh3_64(segment.as_bytes())));
        self.table.prepare(self.hashes.len());
        self.first.clear();
        self.count.clear();
        self.count.resize(self.hashes.len(), 0);
        for (index, hash) in (0..).zip(&self.hashes) {
            let first = self.table.first(*hash, index);
            self.first.push(first);
            self.count[first as usize] += 1;
        }
    }

    /// Shares of those of `segments` that `counts` takes by index, index of the first and number.
    fn shares<'t>(
        &self,
        segments: impl Iterator<Item = &'t str>,
        all: Option<u64>,
        counts: impl Fn(u32, u32, u32) -> bool,
    ) -> Shares {
        // Most documents repeat nothing, and then characters need no counting.
        if self.count.iter().all(|count| *count == 1) {
            return [0.0; 2];
        }
        let (mut number, mut chars, mut total) = (0, 0, 0);
        for ((index, first), segment) in (0..).zip(&self.first).zip(segments) {
            let counts = counts(index, *first, self.count[*first as usize]);
            number += u64::from(counts);
            if counts || all.is_none() {
                let length = segment.chars().count() as u64;
                chars += if counts { length } else { 0 };
                total += length;
            }
        }
        [ratio(number, self.first.len() as u64), ratio(chars, all.unwrap_or(total))]
    }
}

/// Pieces of `text` between runs of at least `least` newlines, empty ones at the ends included:
/// `re.split("\n{least,}", text)`.
pub(super) fn between_newlines(text: &str, least: usize) -> impl Iterator<Item = &str> + Clone {
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
pub(super) fn dclm<'t>(
    text: &'t str,
    separator: &'t [u8],
) -> impl Iterator<Item = &'t str> + Clone {
    let mut start = Some(0);
    let pieces = std::iter::from_fn(move || {
        let from = start?;
        let end = memchr::memmem::find(&text.as_bytes()[from..], separator).map(|at| from + at);
        start = end.map(|end| end + separator.len());
        Some(&text[from..end.unwrap_or(text.len())])
    });
    pieces.map(python::strip).filter(|piece| !piece.is_empty())
}

/// The paragraphs of a text, given its lines without white space around them: what is between blank
/// lines.
pub(super) fn paragraphs<'t>(
    text: &'t str,
    lines: impl Iterator<Item = &'t str> + Clone,
) -> impl Iterator<Item = &'t str> + Clone {
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
#[expect(clippy::float_cmp, reason = "shares are exact quotients")]
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
