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

    /// What the bytes say; of bytes beyond ASCII only that they are there.
    #[inline]
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(0, |classes, byte| classes | CLASSES[usize::from(*byte)]))
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
