//! Telephone numbers.
//!
//! A number is found by one of three things: a `+` with a calling code; a word before it that says
//! so; or, for the regions asked for, the way it is written there. The first and the last also need a
//! numbering plan that has such numbers.

use super::anchors::digit;
use super::context::{self, Window};
use super::kind::{Kind, Span};
use super::number::{Gap, Group, Place, Sequence};
use super::plans::{self, Plan};

/// Fewest digits of a number at home, and most with a calling code.
const FEWEST: usize = 7;
const MOST: usize = 15;

/// Finds telephone numbers.
pub(super) struct Phones {
    regions: Vec<&'static Plan>,
    nanp: bool,
    china: bool,
}

impl Phones {
    /// With the ways of writing of some regions (`US`).
    ///
    /// # Errors
    /// The region that there is no plan of.
    pub(super) fn new(regions: &[String]) -> Result<Self, String> {
        let plan = |region: &String| plans::of(region).ok_or_else(|| region.clone());
        Ok(Self {
            regions: regions.iter().map(plan).collect::<Result<_, _>>()?,
            nanp: regions.iter().any(|region| region == "US" || region == "CA"),
            china: regions.iter().any(|region| region == "CN"),
        })
    }

    /// The number that begins with the group `from` of a sequence.
    pub(super) fn find(&self, bytes: &[u8], sequence: &Sequence, from: usize) -> Option<Span> {
        let groups = &sequence.groups()[from..];
        let head = groups.first()?;
        if from > 0 && head.gap != Gap::Space && head.gap != Gap::Slash {
            return None;
        }
        let start = sequence.begin(head);
        let plus = from == 0 && sequence.plus;
        // The longest that fits; where it is cut, by a space or a slash.
        for taken in (1..=groups.len()).rev() {
            let digits = sequence.digits(&groups[..taken]);
            if digits.len() > MOST + 2 {
                continue;
            }
            if digits.len() < FEWEST {
                break;
            }
            let next = groups.get(taken);
            if next.is_some_and(|next| !matches!(next.gap, Gap::Space | Gap::Slash)) {
                continue;
            }
            let first = from == 0;
            let number =
                Number { bytes, groups: &groups[..taken], digits, start, next, plus, first };
            if number.is_filler() || !number.closed_behind() {
                continue;
            }
            let bracket = head.gap == Gap::Bracket || from == 0 && sequence.bracket;
            if number.international() || self.written(&number, bracket) || self.named(&number) {
                let end = extension(bytes, groups[taken - 1].end);
                return Some(Span { start, end, kind: Kind::Phone });
            }
        }
        None
    }

    /// Whether it is written as numbers are in one of the regions.
    fn written(&self, number: &Number, bracket: bool) -> bool {
        let Number { bytes, groups, digits, start, next, .. } = *number;
        let dashed = groups[1..].iter().any(|group| group.gap == Gap::Dash);
        if number.plus
            || dashed
            || !Place::of(bytes, start, number.end()).free_before
            || !number.free_behind()
        {
            return false;
        }
        let lengths: Vec<usize> = groups.iter().map(|group| group.length).collect();
        let gap = groups.get(1).map(|group| group.gap);
        let even = groups[1..].iter().all(|group| Some(group.gap) == gap);
        // `212-736-5000`, `(212) 736-5000`, `1-212-736-5000`.
        if self.nanp
            && let Some(area) = match lengths[..] {
                [3, 3, 4] | [3, 7] if bracket => Some(0),
                [3, 3, 4] if even && matches!(gap, Some(Gap::Hyphen | Gap::Dot)) => Some(0),
                [1, 3, 3, 4]
                    if digits[0] == 1
                        && (gap == Some(Gap::Bracket) || even && gap == Some(Gap::Hyphen)) =>
                {
                    Some(1)
                }
                _ => None,
            }
        {
            let (area, exchange) = (&digits[area..], digits[area + 3]);
            if exchange >= 2 && self.regions.iter().any(|plan| plan.has(area)) {
                return true;
            }
        }
        // `13812345678` in Chinese text, `138-1234-5678`.
        if self.china && digits.len() == 11 && digits[0] == 1 {
            let shaped = match lengths[..] {
                [11] => near_han(bytes, start, number.end()),
                [3, 4, 4] if gap == Some(Gap::Space) => near_han(bytes, start, number.end()),
                [3, 4, 4] => even && gap == Some(Gap::Hyphen),
                _ => false,
            };
            if shaped && self.regions.iter().any(|plan| plan.has(digits)) {
                return true;
            }
        }
        // With a trunk prefix, in groups, and nothing behind: `030 901820`, `01.84.17.61.18`.
        if groups.len() < 2 || number.is_date() || !number.first {
            return false;
        }
        // Behind a space another number may follow, unless the spaces of this one go on there.
        if next.is_some() && groups.iter().any(|group| group.gap == Gap::Space) {
            return false;
        }
        // `02110-1301` is a postal code, `03549-02811` a star; bytes of a file stand in pairs too.
        let tail = digits.get(lengths[0]);
        let pairs = lengths.iter().all(|length| *length == 2);
        let other = match lengths[..] {
            _ if number.is_postal_code() => true,
            [_, _] if !bracket => tail == Some(&0),
            _ => pairs && lengths.len() != 5,
        };
        if other {
            return false;
        }
        let tail_even = groups[2..].iter().all(|group| group.gap == groups[2].gap);
        let dots = groups[1..].iter().filter(|group| group.gap == Gap::Dot).count();
        let shaped =
            (bracket || digits[0] == 0 && lengths[0] >= 2 || digits[0] == 8 && lengths[0] == 1)
                && tail_even
                && (dots == 0 || dots == groups.len() - 1 && dots >= 3)
                && lengths[1..].iter().all(|length| *length >= 2)
                && (9..=12).contains(&digits.len());
        shaped
            && self.regions.iter().any(|plan| match plan.without_trunk(digits) {
                Some(bare) => plan.has(bare),
                None => (bracket || digits[0] == 0 && plan.no_trunk()) && plan.has(digits),
            })
    }

    /// Whether a word before or behind says that it is one.
    fn named(&self, number: &Number) -> bool {
        let Number { bytes, groups, digits, start, .. } = *number;
        let single = groups.iter().filter(|group| group.length == 1).count();
        let other = number.is_date() || number.is_postal_code();
        if digits.len() > 13 || single > 1 || other || number.is_joined() {
            return false;
        }
        let dots = groups.iter().filter(|group| group.gap == Gap::Dot).count();
        if groups.iter().any(|group| group.length > 11) || dots == 1 && groups.len() == 2 {
            return false;
        }
        let before = Window::before(bytes, start);
        if before.ends(context::OTHER_NUMBER) {
            return false;
        }
        if before.has(&context::PHONE) {
            return true;
        }
        let weak = before.has(&context::PHONE_WEAK)
            || Window::behind(bytes, number.end()).begins(context::PHONE_BEHIND);
        let given = || {
            self.regions.iter().any(|plan| {
                plan.has(digits) || plan.without_trunk(digits).is_some_and(|bare| plan.has(bare))
            })
        };
        weak && (groups.len() > 1 && (digits.len() > 7 || groups[1].length == 4)
            || digits.len() >= 10 && given())
    }
}

/// Some groups that may be a number.
#[derive(Clone, Copy)]
struct Number<'a> {
    bytes: &'a [u8],
    groups: &'a [Group],
    digits: &'a [u8],
    start: usize,
    /// The group behind.
    next: Option<&'a Group>,
    plus: bool,
    /// Whether no other group stands before.
    first: bool,
}

impl Number<'_> {
    fn end(&self) -> usize {
        self.groups.last().map_or(self.start, |last| last.end)
    }

    /// `+49 30 901820`, `0049 30 901820`.
    fn international(&self) -> bool {
        let digits = match self.digits {
            digits if self.plus => digits,
            [0, 0, rest @ ..]
                if self.first
                    && self.groups.len() > 1
                    && self.groups[0].length >= 2
                    // Bytes of a file stand in pairs.
                    && self.groups.iter().any(|group| group.length != 2) =>
            {
                rest
            }
            _ => return false,
        };
        let before = self.bytes[..self.start].last();
        let free = if self.plus {
            before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b"_)+".contains(byte))
        } else {
            Place::of(self.bytes, self.start, self.end()).free_before
        };
        let strict = self.groups.len() == 1 || !self.plus;
        digits.len() <= MOST && free && plans::is_international(digits, strict)
    }

    /// Numbers that nobody has: those kept for fiction (`555-0100` to `555-0199`) and for enquiries
    /// (`555-1212`), digits that count up or are all the same.
    fn is_filler(&self) -> bool {
        let digits = self.digits;
        let local = &digits[digits.len().saturating_sub(7)..];
        let fiction = local.len() == 7
            && (local.starts_with(&[5, 5, 5, 0, 1]) || local == [5, 5, 5, 1, 2, 1, 2]);
        let tail = &digits[digits.len().min(1)..];
        let same = tail.windows(2).all(|pair| pair[0] == pair[1]);
        let counts = digits.windows(2).all(|pair| pair[1] == (pair[0] + 1) % 10);
        fiction || same || counts || digits.starts_with(&[0, 0, 0])
    }

    /// `2019-03-04`, `04.03.2019`, `2019-2020`.
    fn is_date(&self) -> bool {
        let year = |group: &Group| {
            let digits = self.digits.get(group.first - self.groups[0].first..);
            group.length == 4
                && digits.is_some_and(|digits| matches!(digits, [1, 5..=9, ..] | [2, 0 | 1, ..]))
        };
        match self.groups {
            [a, b] => year(a) && (year(b) || b.length <= 4) && self.digits.len() <= 8,
            [a, b, c, ..] => {
                year(a) && b.length <= 2 && c.length <= 2
                    || a.length <= 2 && b.length <= 2 && year(c)
            }
            _ => false,
        }
    }

    /// `94129-0244`, of the United States.
    fn is_postal_code(&self) -> bool {
        match self.groups {
            [a, b] => (a.length, b.length, b.gap) == (5, 4, Gap::Hyphen),
            _ => false,
        }
    }

    /// Whether a letter, or what makes it part of a longer number, stands right before.
    fn is_joined(&self) -> bool {
        match self.bytes[..self.start] {
            [.., byte, b'.' | b':' | b','] => byte.is_ascii_digit(),
            [.., byte] => byte.is_ascii_alphanumeric() || b"_$#+".contains(&byte),
            [] => false,
        }
    }

    /// Whether nothing right behind makes it part of something longer.
    fn closed_behind(&self) -> bool {
        let end = self.end();
        if self.next.is_some() || extension(self.bytes, end) > end {
            return true;
        }
        match self.bytes[end..] {
            [b'.' | b':' | b',', next, ..] => !next.is_ascii_digit(),
            [next, ..] => {
                !next.is_ascii_alphanumeric()
                    && !b"_%=@".contains(&next)
                    && digit(self.bytes, end).is_none()
            }
            [] => true,
        }
    }

    fn free_behind(&self) -> bool {
        let end = self.end();
        self.next.is_some()
            || extension(self.bytes, end) > end
            || Place::of(self.bytes, self.start, end).free_behind
    }
}

/// Whether a Chinese, Japanese or Korean letter or sign stands within a few bytes.
fn near_han(bytes: &[u8], start: usize, end: usize) -> bool {
    let wide = |piece: &[u8]| piece.iter().any(|byte| matches!(byte, 0xE3..=0xE9));
    wide(&bytes[start.saturating_sub(12)..start]) || wide(&bytes[end..bytes.len().min(end + 12)])
}

/// Where the extension ends that begins at `end` (`x123`, ` ext. 12`); `end` where there is none.
fn extension(bytes: &[u8], end: usize) -> usize {
    let rest = &bytes[end..bytes.len().min(end + 24)];
    let mut at = rest.iter().take_while(|byte| **byte == b' ').count().min(2);
    let marks: [&[u8]; 8] =
        [b"extension", b"ext.", b"ext", b"Ext.", b"Ext", b"EXT", b"x", "доб.".as_bytes()];
    let Some(mark) = marks.into_iter().find(|mark| rest[at..].starts_with(mark)) else {
        return end;
    };
    at += mark.len();
    if rest.get(at) == Some(&b' ') || rest.get(at) == Some(&b'.') {
        at += 1;
    }
    let digits = rest[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let behind = rest.get(at + digits);
    let closed = behind.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    if (1..=6).contains(&digits) && closed { end + at + digits } else { end }
}
