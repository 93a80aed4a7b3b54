//! The bytes of every token, to see that ids say what the text says.
//!
//! The library looks a word up by a hash of which 32 bits are compared, so that one in some thousand
//! million words that are no tokens is taken for one, and its cache compares 64 bits of longer
//! words. (Of 3,000 million random words of seven letters its table of GPT-2's tokens took one,
//! `ylqngny`, for `atters`.) Ids whose bytes are not the text's show it.

/// What is known of the bytes of each token: by id their number (8 bits) and a hash (24 bits). Four
/// bytes a token stay in the processor's cache where their text would not; a wrong token passes
/// where it is as long as the right one and 24 bits agree, on top of the library's 32.
pub(super) struct Table(Vec<u32>);

/// Tokens of this many bytes or more are not checked for more than that.
const LONGEST: usize = 0xff;

impl Table {
    /// Of pairs of an id and its bytes; `size` is one more than the greatest id. `None` where a
    /// token is too long to check.
    pub(super) fn new<'a>(
        size: u32,
        tokens: impl Iterator<Item = (u32, &'a [u8])>,
    ) -> Option<Self> {
        let mut table = vec![0; size as usize];
        for (id, bytes) in tokens {
            let length = u8::try_from(bytes.len()).ok().filter(|_| bytes.len() < LONGEST)?;
            table[id as usize] = hash(bytes) << 8 | u32::from(length);
        }
        Some(Self(table))
    }

    /// Whether the bytes of `ids`, one after the other, are `text`.
    pub(super) fn spells(&self, ids: &[u32], text: &[u8]) -> bool {
        let mut at = 0;
        // Differences are gathered, not asked for one by one: they hardly ever come.
        let mut differs = 0;
        for &id in ids {
            let Some(&entry) = self.0.get(id as usize) else { return false };
            let length = (entry & 0xff) as usize;
            let hash = match text.get(at..at + length + 8) {
                Some(next) => hash_of(next, length),
                None => match text.get(at..at + length) {
                    Some(next) => hash(next),
                    None => return false,
                },
            };
            // A token of no bytes would let a wrong id pass.
            differs |= (hash ^ entry >> 8) | u32::from(length == 0);
            at += length;
        }
        differs == 0 && at == text.len()
    }
}

/// 24 bits of a token.
fn hash(bytes: &[u8]) -> u32 {
    let mut padded = [0; LONGEST + 8];
    let length = bytes.len().min(LONGEST);
    padded[..length].copy_from_slice(&bytes[..length]);
    hash_of(&padded[..length + 8], length)
}

/// The same of the first `length` bytes of `bytes`, of which there are eight more. Of more than
/// sixteen the first eight and the last eight count.
#[inline]
fn hash_of(bytes: &[u8], length: usize) -> u32 {
    let eight = |at: usize| match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => 0,
    };
    let mask = u64::MAX >> (64 - 8 * length.clamp(1, 8));
    let first = eight(0) & mask;
    let last = eight(length.saturating_sub(8)) & mask;
    let mixed = (first ^ last.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // The high half of a product depends on all of the factor.
    ((mixed ^ mixed >> 31).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 40) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_itself_is_spelled() {
        let tokens: [&[u8]; 5] =
            [b"a", b" hello", b"fifteen letters", b"sixteen or more letters", "字".as_bytes()];
        let table = Table::new(7, (0..).zip(tokens)).unwrap();
        let spells = |ids: &[u32], text: &str| table.spells(ids, text.as_bytes());
        assert!(spells(&[], ""));
        assert!(spells(
            &[0, 1, 2, 3, 4, 3, 0],
            "a hellofifteen letterssixteen or more letters字sixteen or more lettersa"
        ));
        assert!(!spells(&[0], "a hello"), "too short");
        assert!(!spells(&[0, 0], "a"), "too long");
        assert!(!spells(&[2, 3], "fifteen letterssixteen or more letterz"), "end of a long one");
        assert!(!spells(&[1, 3], " hellasixteen or more letters"), "end of a short one");
        assert!(!spells(&[2, 3], "fifteen letterzsixteen or more letters"), "end of fifteen");
        assert!(!spells(&[5], "a"), "an id without a token");
        assert!(!spells(&[5], "abcdefghijklmnopqrstuvw"), "an id without a token");
        assert!(!spells(&[900], "a"), "an id beyond");
    }
}
