//! What every token spells, to see that ids say what the text says.
//!
//! The library looks a word up by a hash of which 32 bits are compared, so that one in some thousand
//! million words that are no tokens is taken for one, and its cache compares 64 bits of longer
//! words. (Of 3,000 million random words of seven letters its table of GPT-2's tokens took one,
//! `ylqngny`, for `atters`.) Ids that spell another text show it.
//!
//! Of a token the length is kept and 24 bits of a hash, not its bytes: the table of a usual
//! vocabulary then stays in a near cache, and fetching from it was most of the work. That a wrong
//! token is not seen asks for lengths that agree and for a chance of one in 17 million on top.

use std::collections::HashMap;

/// Length and hash of each token.
pub(super) struct Table {
    /// The hash in the upper 24 bits, the length in the lower 8: of up to [`SHORT`] bytes, or [`LONG`].
    tags: Vec<u32>,
    /// The bytes of longer tokens.
    long: HashMap<u32, Box<[u8]>>,
}

/// Bytes that are hashed at once. Of GPT-2's tokens 99.9 % are no longer, of o200k's 98 %.
const SHORT: usize = 16;

/// In place of a length beyond [`SHORT`].
const LONG: u32 = 0xff;

/// Of what is no token: nothing of no bytes has this hash.
const NONE: u32 = 0xffff_ff00;

/// Which bits of two words the first `length` bytes are.
const MASKS: [[u64; 2]; 32] = {
    let mut masks = [[0; 2]; 32];
    let mut length = 0_usize;
    while length < 32 {
        let mut at = 0;
        while at < 2 {
            let bytes = length.saturating_sub(8 * at);
            let bytes = if bytes < 8 { bytes } else { 8 };
            masks[length][at] = if bytes == 0 { 0 } else { u64::MAX >> (64 - 8 * bytes) };
            at += 1;
        }
        length += 1;
    }
    masks
};

/// 24 bits of the first `length` of 16 bytes.
#[inline]
fn hash(bytes: [u8; SHORT], length: u32) -> u32 {
    let words = u128::from_le_bytes(bytes);
    let [low, high] = MASKS[length as usize & 31];
    #[expect(clippy::cast_possible_truncation, reason = "one half, and the other")]
    let (low, high) = (words as u64 & low, (words >> 64) as u64 & high);
    // Odd factors: what differs in one byte alone differs in the product's upper bits.
    let mixed = low
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(high.wrapping_mul(0xc2b2_ae3d_27d4_eb4f));
    (mixed >> 40) as u32
}

/// The bytes from `at` on, and zeros behind the end.
fn window(text: &[u8], at: usize) -> [u8; SHORT] {
    let mut bytes = [0; SHORT];
    let rest = text.get(at..).unwrap_or_default();
    let length = rest.len().min(SHORT);
    bytes[..length].copy_from_slice(&rest[..length]);
    bytes
}

impl Table {
    /// Of pairs of an id and its bytes; `size` is one more than the greatest id.
    pub(super) fn new<'a>(size: u32, tokens: impl Iterator<Item = (u32, &'a [u8])>) -> Self {
        let mut tags = vec![NONE; size as usize];
        let mut long = HashMap::new();
        for (id, bytes) in tokens {
            // A token of no bytes would let a wrong id pass.
            tags[id as usize] = match u32::try_from(bytes.len()) {
                Ok(0) => NONE,
                Ok(length) if bytes.len() <= SHORT => hash(window(bytes, 0), length) << 8 | length,
                _ => {
                    long.insert(id, bytes.into());
                    LONG
                }
            };
        }
        Self { tags, long }
    }

    /// Whether `ids`, one after the other, spell `text`.
    pub(super) fn spells(&self, mut ids: &[u32], text: &[u8]) -> bool {
        let mut at = 0;
        let mut different = 0;
        loop {
            let run = run(&self.tags, ids, text, at);
            different |= run.different;
            at += run.bytes;
            // One that is long, or near the end of the text, or no token.
            let Some((id, rest)) = ids.get(run.tokens..).and_then(<[u32]>::split_first) else {
                return different == 0 && at == text.len();
            };
            let Some(&tag) = self.tags.get(*id as usize) else { return false };
            let length = tag & 0xff;
            if length == LONG {
                let Some(bytes) = self.long.get(id) else { return false };
                if !text.get(at..).unwrap_or_default().starts_with(bytes) {
                    return false;
                }
                at += bytes.len();
            } else {
                different |= hash(window(text, at), length) ^ (tag >> 8);
                at += length as usize;
            }
            ids = rest;
        }
    }
}

/// Tokens that follow each other.
struct Run {
    tokens: usize,
    bytes: usize,
    /// Not zero where one is not what the text says.
    different: u32,
}

/// The first of `ids` that can be told by a hash of the text from `from` on. Almost all tokens go
/// through this loop; a call in it would push what it needs out of the registers.
#[inline(never)]
fn run(tags: &[u32], ids: &[u32], text: &[u8], from: usize) -> Run {
    let (mut tokens, mut at, mut different) = (0, from, 0);
    for &id in ids {
        let Some(bytes) = text.get(at..).and_then(<[u8]>::first_chunk) else { break };
        let Some(&tag) = tags.get(id as usize) else { break };
        let length = tag & 0xff;
        if length == LONG {
            break;
        }
        different |= hash(*bytes, length) ^ (tag >> 8);
        at += length as usize;
        tokens += 1;
    }
    Run { tokens, bytes: at - from, different }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_itself_is_spelled() {
        let tokens: [&[u8]; 5] =
            [b"a", b" hello", b"fifteen letters", b"sixteen or more letters", "字".as_bytes()];
        let table = Table::new(7, (0..).zip(tokens));
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
        let (mut ids, mut text) = (vec![1; 3000], Vec::new());
        ids[1700] = 3;
        for &id in &ids {
            text.extend_from_slice(tokens[id as usize]);
        }
        assert!(table.spells(&ids, &text), "several chunks");
        for at in [0, 1699, 1700, 2999] {
            let mut wrong = ids.clone();
            wrong[at] = 4;
            assert!(!table.spells(&wrong, &text), "token {at} of several chunks");
        }
    }
}
