//! Groups of digits: what telephone, card and identity numbers are written as.

use super::anchors::{digit, digit_before};

/// Most groups of one number.
const GROUPS: usize = 12;
/// Most digits of one number.
const DIGITS: usize = 40;

/// Some digits without anything between.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Group {
    /// Its bytes.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Its first digit among those of the sequence.
    pub(super) first: usize,
    /// How many digits it has.
    pub(super) length: usize,
    /// What stands before it.
    pub(super) gap: Gap,
}

/// What stands between two groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Gap {
    /// Nothing of it: the first group.
    #[default]
    None,
    Space,
    Hyphen,
    /// A hyphen between spaces.
    Dash,
    Dot,
    Slash,
    /// A bracket, with or without a space or a hyphen.
    Bracket,
}

/// Groups of digits with single signs between.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    digits: Vec<u8>,
    groups: Vec<Group>,
    /// Where a `+` or a bracket before the first group stands; else where that group does.
    pub(super) start: usize,
    /// Where the last group ends.
    pub(super) end: usize,
    /// Whether it begins with a plus.
    pub(super) plus: bool,
    /// Whether the first group, and it alone, stands in a bracket.
    pub(super) bracket: bool,
}

impl Sequence {
    /// Reads the sequence whose first digit stands at `at`.
    pub(super) fn read(&mut self, bytes: &[u8], at: usize, floor: usize) {
        self.digits.clear();
        self.groups.clear();
        (self.start, self.plus, self.bracket) = (at, false, false);
        if at > floor && bytes[at - 1] == b'(' {
            (self.start, self.bracket) = (at - 1, true);
        } else if bytes[floor..at].ends_with("（".as_bytes()) {
            (self.start, self.bracket) = (at - 3, true);
        }
        let head = &bytes[floor..self.start];
        if head.ends_with(b"+") {
            (self.start, self.plus) = (self.start - 1, true);
        } else if head.ends_with("＋".as_bytes()) {
            (self.start, self.plus) = (self.start - 3, true);
        }
        let plus = self.start;
        if self.plus && !self.bracket && bytes[floor..self.start].ends_with(b"(") {
            (self.start, self.bracket) = (self.start - 1, true);
        }
        let (mut at, mut gap) = (at, Gap::None);
        loop {
            let mut group = Group { start: at, end: at, first: self.digits.len(), length: 0, gap };
            while let Some((value, behind)) = digit(bytes, group.end) {
                group.length += 1;
                group.end = behind;
                if self.digits.len() < DIGITS {
                    self.digits.push(value);
                }
            }
            if group.first + group.length > DIGITS || self.groups.len() == GROUPS {
                // More than one number has: what stands here begins the next one.
                self.digits.truncate(group.first);
                self.end = self.groups.last().map_or(group.end, |last| last.end);
                break;
            }
            self.end = group.end;
            self.groups.push(group);
            match separator(bytes, group.end) {
                Some((sign, behind)) if digit(bytes, behind).is_some() => {
                    (gap, at) = (sign, behind);
                }
                _ => break,
            }
        }
        // `(030) 1234`, but of `(030 1234)` the bracket is no part.
        let closed = self.groups.get(1).is_some_and(|second| second.gap == Gap::Bracket);
        if self.bracket && !closed {
            self.bracket = false;
            let first = self.groups.first().map_or(self.start, |first| first.start);
            self.start = if self.plus { plus } else { first };
        }
    }

    /// The groups.
    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// How many digits all groups have.
    pub(super) fn digit_count(&self) -> usize {
        self.digits.len()
    }

    /// The digits of some groups that follow each other.
    pub(super) fn digits(&self, groups: &[Group]) -> &[u8] {
        let end = groups.last().map_or(0, |last| last.first + last.length);
        let start = groups.first().map_or(0, |first| first.first);
        self.digits.get(start..end).unwrap_or_default()
    }

    /// Where the first of some groups begins, with the sign before the sequence if it is its first.
    pub(super) fn begin(&self, group: &Group) -> usize {
        if group.gap == Gap::None { self.start } else { group.start }
    }
}

/// The sign between two groups that begins at `at`, and where it ends.
fn separator(bytes: &[u8], at: usize) -> Option<(Gap, usize)> {
    let (sign, mut end) = single(bytes, at)?;
    match sign {
        Gap::Bracket => {
            // `)`, `) `, `)-`; an opening bracket takes none behind it.
            if bytes[at] == b')' || bytes[at..end] == *"）".as_bytes() {
                if let Some((Gap::Space | Gap::Hyphen | Gap::Slash | Gap::Dot, behind)) =
                    single(bytes, end)
                {
                    end = behind;
                }
                if bytes.get(end) == Some(&b'(') {
                    end += 1;
                }
            }
            Some((sign, end))
        }
        _ => match single(bytes, end) {
            Some((Gap::Bracket, behind)) if bytes[end] == b'(' => Some((Gap::Bracket, behind)),
            // ` - `.
            Some((Gap::Hyphen, behind)) if sign == Gap::Space => match single(bytes, behind) {
                Some((Gap::Space, behind)) => Some((Gap::Dash, behind)),
                _ => None,
            },
            _ => Some((sign, end)),
        },
    }
}

fn single(bytes: &[u8], at: usize) -> Option<(Gap, usize)> {
    match bytes.get(at..)? {
        [b' ', ..] => Some((Gap::Space, at + 1)),
        [b'-', ..] => Some((Gap::Hyphen, at + 1)),
        [b'.', ..] => Some((Gap::Dot, at + 1)),
        [b'/', ..] => Some((Gap::Slash, at + 1)),
        [b'(' | b')', ..] => Some((Gap::Bracket, at + 1)),
        // No-break space; hyphens; full-width hyphen and brackets.
        [0xC2, 0xA0, ..] => Some((Gap::Space, at + 2)),
        [0xE2, 0x80, 0x90 | 0x91, ..] | [0xEF, 0xBC, 0x8D, ..] => Some((Gap::Hyphen, at + 3)),
        [0xEF, 0xBC, 0x88 | 0x89, ..] => Some((Gap::Bracket, at + 3)),
        _ => None,
    }
}

/// How a number stands in the text around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Nothing before it makes it part of something longer.
    pub(super) free_before: bool,
    /// Nothing behind it does.
    pub(super) free_behind: bool,
}

impl Place {
    /// That of the bytes `start..end`.
    pub(super) fn of(bytes: &[u8], start: usize, end: usize) -> Self {
        let free_before = match bytes[..start] {
            [] => true,
            [.., letter, b'.'] => !letter.is_ascii_digit() && letter != b'.',
            [b'.'] => false,
            [.., before] => {
                !before.is_ascii_alphanumeric()
                    && !b"_-/\\=#$%&+*^~:".contains(&before)
                    && !digit_before(bytes, start)
                    && !currency(&bytes[..start])
            }
        };
        let free_behind = match bytes[end..] {
            [b'.' | b',' | b':' | b'/' | b'-', next, ..] => {
                !next.is_ascii_digit() && (next != b'-' && bytes[end] != b'-' || next == b' ')
            }
            [next, ..] => {
                !next.is_ascii_alphanumeric()
                    && !b"_%=^\\".contains(&next)
                    && !bytes[end..].starts_with("°".as_bytes())
                    && digit(bytes, end).is_none()
            }
            [] => true,
        };
        Self { free_before, free_behind }
    }

    /// Nothing at either end.
    pub(super) fn free(self) -> bool {
        self.free_before && self.free_behind
    }
}

fn currency(before: &[u8]) -> bool {
    ["€", "£", "¥", "￥", "₹", "−"].iter().any(|sign| before.ends_with(sign.as_bytes()))
}

/// Whether a number may be meant by the whole of a text that has other numbers near: a colon before
/// it belongs to a label, not to a time or an address.
pub(super) fn label_colon(bytes: &[u8], start: usize) -> bool {
    match bytes[..start] {
        [.., before, b':'] => !before.is_ascii_digit() && before != b':',
        _ => false,
    }
}
