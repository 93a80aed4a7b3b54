//! What characters a word is made of.

/// At least one is alphabetic.
pub(super) const LETTER: u8 = 0x20;
/// At least one is a number.
pub(super) const NUMBER: u8 = 0x40;
/// At least one is not ASCII.
pub(super) const NON_ASCII: u8 = 0x80;

/// Which kinds of characters a word has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Classes(pub(super) u8);

impl Classes {
    /// At least one character is alphabetic ([`char::is_alphabetic`]).
    pub const LETTER: Self = Self(LETTER);
    /// At least one character is a number ([`char::is_numeric`]).
    pub const NUMBER: Self = Self(NUMBER);
    /// At least one character is not ASCII.
    pub const NON_ASCII: Self = Self(NON_ASCII);

    /// Whether all of `other`'s marks are set.
    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What the bytes from `start` to `end` say; of bytes beyond ASCII only that they are there.
    #[inline]
    pub(super) fn of_bytes(bytes: &[u8], start: usize, end: usize) -> Self {
        let length = end - start;
        // Most words fit, and then there is nothing to be guessed wrong by the processor.
        if let Some(chunk) = bytes[start..].first_chunk::<8>()
            && (1..=8).contains(&length)
        {
            return Self::of_chunk(u64::from_le_bytes(*chunk) & u64::MAX >> (64 - 8 * length));
        }
        Self(bytes[start..end].iter().fold(0, |found, byte| found | CLASSES[usize::from(*byte)]))
    }

    /// [`Classes::of_bytes`] for eight bytes at once; zero bytes say nothing.
    #[inline]
    fn of_chunk(chunk: u64) -> Self {
        const ONES: u64 = 0x0101_0101_0101_0101;
        const HIGH: u64 = 0x80 * ONES;
        // In each byte the top bit tells; the seven below it cannot carry into the next byte.
        let low = chunk & !HIGH;
        let folded = low | (0x20 * ONES);
        let letters = (folded + (0x80 - u64::from(b'a')) * ONES)
            & !(folded + (0x7f - u64::from(b'z')) * ONES);
        let digits =
            (low + (0x80 - u64::from(b'0')) * ONES) & !(low + (0x7f - u64::from(b'9')) * ONES);
        let ascii = !chunk & HIGH;
        let mark = |is: bool, mark: u8| if is { mark } else { 0 };
        Self(
            mark(letters & ascii != 0, LETTER)
                | mark(digits & ascii != 0, NUMBER)
                | mark(chunk & HIGH != 0, NON_ASCII),
        )
    }

    /// What the characters say, and how many there are.
    pub(super) fn of_chars(text: &str) -> (Self, u32) {
        let (mut classes, mut count) = (0, 0);
        for c in text.chars() {
            count += 1;
            classes |= if c.is_ascii() { 0 } else { NON_ASCII };
            classes |= if c.is_alphabetic() { LETTER } else { 0 };
            classes |= if c.is_numeric() { NUMBER } else { 0 };
        }
        (Self(classes), count)
    }
}

static CLASSES: [u8; 256] = {
    let mut classes = [NON_ASCII; 256];
    let mut byte = 0u8;
    while byte < 0x80 {
        classes[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            b'0'..=b'9' => NUMBER,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bytes_at_once_say_the_same() {
        for byte in 0..=255u8 {
            for at in 0..8 {
                let mut bytes = *b"--------";
                bytes[at] = byte;
                assert_eq!(Classes::of_bytes(&bytes, 0, 8).0, CLASSES[usize::from(byte)]);
                // What stands behind the word does not count.
                assert_eq!(Classes::of_bytes(&bytes, 0, at), Classes(0));
                assert_eq!(Classes::of_bytes(&bytes, at, 8).0, CLASSES[usize::from(byte)]);
            }
        }
    }
}
