//! The bytes of every token, to see that ids say what the text says.
//!
//! The library looks a word up by a hash of which 32 bits are compared, so about one word in three
//! thousand million that is no token is taken for one (`ylqngny` in GPT-2's vocabulary is taken
//! for `atters`), and its cache compares 64 bits. Ids whose bytes are not the text's show it.

/// Bytes of tokens by id.
pub(super) struct Table {
    /// The first seven bytes, little-endian, and in the highest byte the length where it is at most
    /// seven; else [`LONG`]. A gap is 0.
    heads: Vec<u64>,
    /// Where the bytes of each long token lie in `long`.
    places: Vec<(u32, u32)>,
    long: Vec<u8>,
}

/// In place of a length: the bytes lie in `long`.
const LONG: u64 = 0xff;

impl Table {
    /// Of pairs of an id and its bytes; `size` is one more than the greatest id.
    pub(super) fn new<'a>(size: u32, tokens: impl Iterator<Item = (u32, &'a [u8])>) -> Self {
        let mut table = Self {
            heads: vec![0; size as usize],
            places: vec![(0, 0); size as usize],
            long: Vec::new(),
        };
        for (id, bytes) in tokens {
            let head =
                bytes.iter().take(7).rev().fold(0, |head, &byte| head << 8 | u64::from(byte));
            let length = if bytes.len() <= 7 { bytes.len() as u64 } else { LONG };
            table.heads[id as usize] = length << 56 | head;
            if length == LONG {
                let start = table.long.len();
                table.long.extend_from_slice(bytes);
                // A vocabulary is far below 4 GiB, see `files::LARGEST`.
                #[expect(clippy::cast_possible_truncation, reason = "below 1 GiB")]
                let place = (start as u32, table.long.len() as u32);
                table.places[id as usize] = place;
            }
        }
        table
    }

    /// Whether the bytes of `ids`, one after the other, are `text`.
    pub(super) fn spells(&self, ids: &[u32], text: &[u8]) -> bool {
        let mut rest = text;
        for &id in ids {
            let Some(&head) = self.heads.get(id as usize) else { return false };
            let length = head >> 56;
            if length <= 7
                && let Some(&next) = rest.first_chunk::<8>()
            {
                let mask = (1 << (8 * length)) - 1;
                // A token of no bytes would let a wrong id pass.
                if length == 0 || (u64::from_le_bytes(next) ^ head) & mask != 0 {
                    return false;
                }
                rest = &rest[length as usize..];
                continue;
            }
            match self.rest_without(id, rest) {
                Some(shorter) => rest = shorter,
                None => return false,
            }
        }
        rest.is_empty()
    }

    /// `rest` behind the token `id`, where it begins with it: of long tokens and near the end.
    fn rest_without<'a>(&self, id: u32, rest: &'a [u8]) -> Option<&'a [u8]> {
        let head = self.heads[id as usize];
        let length = head >> 56;
        if length == LONG {
            let (start, end) = self.places[id as usize];
            return rest.strip_prefix(&self.long[start as usize..end as usize]);
        }
        let bytes = &head.to_le_bytes()[..usize::try_from(length).ok()?];
        if bytes.is_empty() { None } else { rest.strip_prefix(bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_itself_is_spelled() {
        let tokens: [&[u8]; 5] = [b"a", b" hello", b"seventy", b"eight or more", "字".as_bytes()];
        let table = Table::new(7, (0..).zip(tokens));
        let spells = |ids: &[u32], text: &str| table.spells(ids, text.as_bytes());
        assert!(spells(&[], ""));
        assert!(spells(&[0, 1, 2, 3, 4, 3, 0], "a helloseventyeight or more字eight or morea"));
        assert!(!spells(&[0], "a hello"), "too short");
        assert!(!spells(&[0, 0], "a"), "too long");
        assert!(!spells(&[0, 2, 3], "aseventyeight or mora"), "the end of a long one");
        assert!(!spells(&[0, 1, 3], "a hellaeight or more"), "the end of a short one");
        assert!(!spells(&[5], "a"), "an id without a token");
        assert!(!spells(&[5], "abcdefghijk"), "an id without a token");
        assert!(!spells(&[900], "a"), "an id beyond");
    }
}
