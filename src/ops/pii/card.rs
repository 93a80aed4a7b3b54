//! Payment cards and identity numbers with a check digit.

use super::context::{self, Window};
use super::kind::{Kind, Kinds, Span};
use super::number::{Gap, Group, Place, Sequence, label_colon};

/// How far before a card its name may stand.
const REACH: usize = 72;

/// The card, social security number or Chinese identity number that begins with the group `from` of a
/// sequence.
pub(super) fn find(bytes: &[u8], sequence: &Sequence, from: usize, kinds: Kinds) -> Option<Span> {
    let groups = &sequence.groups()[from..];
    let head = groups.first()?;
    if sequence.plus && from == 0 {
        return None;
    }
    if kinds.has(Kind::UsSsn)
        && let [a, b, c, ..] = groups
        && let Some(span) = ssn(bytes, sequence, [a, b, c], groups.get(3))
    {
        return Some(span);
    }
    if kinds.has(Kind::CnId)
        && (17..=18).contains(&head.length)
        && let Some(end) = cn_id(bytes, sequence, head)
    {
        let span = Span { start: head.start, end, kind: Kind::CnId };
        return Some(span);
    }
    if kinds.has(Kind::CreditCard) {
        let taken = card_groups(groups)?;
        let digits = sequence.digits(&groups[..taken]);
        let last = &groups[taken - 1];
        if is_card(digits) && card_place(bytes, head, last, groups.get(taken), from, digits) {
            let span = Span { start: head.start, end: last.end, kind: Kind::CreditCard };
            return Some(span);
        }
    }
    None
}

/// How many of the groups make a card number: one of 12 to 19 digits, or as printed on cards.
fn card_groups(groups: &[Group]) -> Option<usize> {
    let lengths: Vec<usize> = groups.iter().take(5).map(|group| group.length).collect();
    let taken = match lengths[..] {
        [12..=19, ..] => 1,
        [4, 4, 4, 4, 3] => 5,
        [4, 4, 4, 4, ..] => 4,
        [4, 6, 4 | 5, ..] => 3,
        _ => return None,
    };
    let gap = groups.get(1).map(|group| group.gap);
    let even = groups[1..taken].iter().all(|group| Some(group.gap) == gap);
    let known = taken == 1 || matches!(gap, Some(Gap::Space | Gap::Hyphen | Gap::Dot));
    (even && known).then_some(taken)
}

/// Whether text around the number allows for a card.
fn card_place(
    bytes: &[u8],
    head: &Group,
    last: &Group,
    next: Option<&Group>,
    from: usize,
    digits: &[u8],
) -> bool {
    let place = Place::of(bytes, head.start, last.end);
    if from > 0 && head.gap != Gap::Space || !place.free_behind && next.is_none() {
        return false;
    }
    // More groups behind: a table, unless it is the expiry date `12/25` or a check code.
    if next.is_some_and(|next| next.gap != Gap::Space || next.length > 3) {
        return false;
    }
    if Window::within(bytes, head.start, REACH).has(&context::CARD) {
        return place.free_before || from > 0 || !is_joined(bytes, head.start);
    }
    let sure = match digits.len() {
        16 => true,
        14 | 15 => last.start > head.start || digits[0] == 3 && matches!(digits[1], 4 | 7),
        _ => false,
    };
    let free = from == 0 && (place.free_before || label_colon(bytes, head.start));
    // Coordinates in rows of four are round.
    let round = digits.chunks(4).filter(|group| group.last() == Some(&0)).count();
    let row = last.start > head.start && last.gap == Gap::Space && round >= 3;
    sure && free && !row && next.is_none()
}

/// Whether a letter, a digit or a sign of a longer number stands right before.
fn is_joined(bytes: &[u8], start: usize) -> bool {
    start > 0 && (bytes[start - 1].is_ascii_alphanumeric() || b"._-+".contains(&bytes[start - 1]))
}

/// Whether the digits are those of a card: a known issuer, a length it has, and the last digit right
/// ([ISO/IEC 7812](https://en.wikipedia.org/wiki/Payment_card_number)).
pub(super) fn is_card(digits: &[u8]) -> bool {
    let lead = |count: usize| {
        digits.iter().take(count).fold(0u32, |value, digit| value * 10 + u32::from(*digit))
    };
    let (two, three, four) = (lead(2), lead(3), lead(4));
    let length = digits.len();
    let long = (16..=19).contains(&length);
    let fits = match two {
        // Visa.
        40..=49 => matches!(length, 13 | 16 | 19),
        // Mastercard; RuPay.
        51..=55 | 81 => length == 16,
        // Mastercard, MIR.
        22..=27 => length == 16 && matches!(four, 2221..=2720 | 2200..=2204),
        // American Express; JCB of old.
        34 | 37 => length == 15,
        18 | 21 if four == 1800 || four == 2131 => length == 15,
        // Diners Club.
        36 | 38 | 39 => (14..=19).contains(&length),
        30 => matches!(three, 300..=305 | 309) && (14..=19).contains(&length),
        // JCB, UnionPay, Discover.
        35 | 62 | 64 | 65 => long,
        // Maestro and what came of it.
        50 | 56..=58 | 60 | 61 | 63 | 66..=69 => (12..=19).contains(&length),
        _ => false,
    };
    let same = digits.iter().all(|digit| *digit == digits[0]);
    fits && !same && luhn(digits)
}

/// The check of [Luhn](https://en.wikipedia.org/wiki/Luhn_algorithm).
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| match u32::from(*digit) << (index % 2) {
            doubled @ 10.. => doubled - 9,
            plain => plain,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// `078-05-1120`: of numbers that can have been given out
/// (<https://www.ssa.gov/employer/randomization.html>). With spaces only where its name stands before.
fn ssn(
    bytes: &[u8],
    sequence: &Sequence,
    parts: [&Group; 3],
    next: Option<&Group>,
) -> Option<Span> {
    let [a, b, c] = parts;
    if [a.length, b.length, c.length] != [3, 2, 4] || b.gap != c.gap || next.is_some() {
        return None;
    }
    let digits = sequence.digits(&[*a, *b, *c]);
    if digits.len() != 9 {
        return None;
    }
    let value = |range: std::ops::Range<usize>| {
        digits[range].iter().fold(0u32, |value, digit| value * 10 + u32::from(*digit))
    };
    let area = value(0..3);
    let given = !matches!(area, 0 | 666 | 900..) && value(3..5) > 0 && value(5..9) > 0;
    if !given || a.gap != Gap::None || sequence.bracket {
        return None;
    }
    let place = Place::of(bytes, a.start, c.end);
    let named = || Window::within(bytes, a.start, REACH).has(&context::SSN);
    let found = match b.gap {
        // `219-05-2006` may be the number of a paper and its date.
        Gap::Hyphen if value(3..5) <= 12 && (1980..2060).contains(&value(5..9)) => {
            place.free_behind && named()
        }
        Gap::Hyphen => place.free() || place.free_behind && named(),
        Gap::Space => place.free_behind && named(),
        _ => false,
    };
    found.then_some(Span { start: a.start, end: c.end, kind: Kind::UsSsn })
}

/// Where a [resident identity number](https://en.wikipedia.org/wiki/Resident_Identity_Card) ends:
/// place, birthday, serial number, and a check digit that may be `X`.
fn cn_id(bytes: &[u8], sequence: &Sequence, group: &Group) -> Option<usize> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const CHECKS: &[u8; 11] = b"10X98765432";
    let digits = sequence.digits(&[*group]);
    let value = |range: std::ops::Range<usize>| {
        digits[range].iter().fold(0u32, |value, digit| value * 10 + u32::from(*digit))
    };
    let (last, end) = match (digits.len(), bytes.get(group.end)) {
        (18, _) => (b'0' + digits[17], group.end),
        (17, Some(b'X' | b'x')) => (b'X', group.end + 1),
        _ => return None,
    };
    let region = matches!(value(0..2), 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83);
    let born = (1900..2100).contains(&value(6..10))
        && (1..=12).contains(&value(10..12))
        && (1..=31).contains(&value(12..14));
    let sum: u32 =
        digits.iter().zip(WEIGHTS).map(|(digit, weight)| u32::from(*digit) * weight).sum();
    let free = Place::of(bytes, group.start, end);
    let placed = free.free_behind && (free.free_before || label_colon(bytes, group.start));
    (region && born && CHECKS[sum as usize % 11] == last && placed && group.gap == Gap::None)
        .then_some(end)
}
