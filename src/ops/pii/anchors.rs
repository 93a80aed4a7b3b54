//! Where to look: the places of a text at which personal data can stand.
//!
//! All kinds but keys hold a digit or an `@`, and most of a text holds neither. So blocks of the text
//! are tested for them as a whole (which compiles to vector instructions), and only blocks that have
//! one are looked at byte by byte.

/// Bytes tested at once.
const BLOCK: usize = 32;

/// Where the digit at `at` ends and its value: of ASCII, full-width (`１`), Arabic (`١`) and Persian
/// (`۱`) digits.
#[inline]
pub(super) fn digit(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    match *bytes.get(at)? {
        byte @ b'0'..=b'9' => Some((byte - b'0', at + 1)),
        0xEF => match bytes.get(at + 1..at + 3)? {
            [0xBC, byte @ 0x90..=0x99] => Some((byte - 0x90, at + 3)),
            _ => None,
        },
        0xD9 => match bytes.get(at + 1)? {
            byte @ 0xA0..=0xA9 => Some((byte - 0xA0, at + 2)),
            _ => None,
        },
        0xDB => match bytes.get(at + 1)? {
            byte @ 0xB0..=0xB9 => Some((byte - 0xB0, at + 2)),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a digit ends at `end`.
pub(super) fn digit_before(bytes: &[u8], end: usize) -> bool {
    (1..=3).any(|length| {
        end.checked_sub(length)
            .and_then(|at| digit(bytes, at))
            .is_some_and(|(_, behind)| behind == end)
    })
}

/// What stands at an anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// A digit, at its first byte.
    Digit,
    /// `@` or `＠`, at its first byte.
    At,
}

/// The first anchor at or behind `from`.
#[inline]
pub(super) fn next(bytes: &[u8], mut from: usize) -> Option<(usize, Anchor)> {
    loop {
        // One more than the block, since some digits take two bytes to be told.
        while let Some(block) = bytes.get(from..from + BLOCK + 1) {
            if has_anchor(block) {
                break;
            }
            from += BLOCK;
        }
        let end = (from + BLOCK).min(bytes.len());
        for at in from..end {
            match bytes[at] {
                b'0'..=b'9' => return Some((at, Anchor::Digit)),
                b'@' => return Some((at, Anchor::At)),
                0xEF if bytes[at..].starts_with(&[0xEF, 0xBC, 0xA0]) => {
                    return Some((at, Anchor::At));
                }
                0xEF | 0xD9 | 0xDB if digit(bytes, at).is_some() => {
                    return Some((at, Anchor::Digit));
                }
                _ => {}
            }
        }
        if end == bytes.len() {
            return None;
        }
        from = end;
    }
}

/// Whether a block has a byte that an anchor has. The full-width ones are told by their second and
/// third byte, of which the first may stand in the block before: so also by the second alone.
#[inline]
fn has_anchor(block: &[u8]) -> bool {
    let (first, second) = (&block[..BLOCK], &block[1..=BLOCK]);
    let mut found = 0u8;
    for (&a, &b) in first.iter().zip(second) {
        let ascii = u8::from(a.wrapping_sub(b'0') < 10) | u8::from(a == b'@');
        let wide = u8::from(a == 0xEF) & u8::from(b == 0xBC);
        let arabic = u8::from(a == 0xD9) & u8::from(b.wrapping_sub(0xA0) < 10);
        let persian = u8::from(a == 0xDB) & u8::from(b.wrapping_sub(0xB0) < 10);
        found |= ascii | wide | arabic | persian;
    }
    found != 0
}
