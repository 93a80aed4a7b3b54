//! One pass over a text for all kinds.

use super::anchors::{self, Anchor};
use super::kind::{Kind, Kinds, Span, settle};
use super::number::Sequence;
use super::phone::Phones;
use super::{card, crypto, email, iban, ip, secret};

/// Looks for personal data.
pub(super) struct Scanner {
    kinds: Kinds,
    public_only: bool,
    phones: Phones,
}

/// Buffers kept from text to text.
#[derive(Default)]
pub(super) struct Scratch {
    sequence: Sequence,
    /// What was found, in the order of the text.
    pub(super) spans: Vec<Span>,
}

impl Scanner {
    /// For some kinds; `public_only` leaves private addresses, `regions` say how numbers are written.
    ///
    /// # Errors
    /// The region that there is no numbering plan of.
    pub(super) fn new(kinds: Kinds, public_only: bool, regions: &[String]) -> Result<Self, String> {
        Ok(Self { kinds, public_only, phones: Phones::new(regions)? })
    }

    /// Puts what there is in the text into `scratch.spans`, in order and without overlaps.
    pub(super) fn find(&self, text: &str, scratch: &mut Scratch) {
        scratch.spans.clear();
        let bytes = text.as_bytes();
        if self.kinds.has(Kind::Secret) {
            secret::find(text, &mut scratch.spans);
        }
        let (mut at, mut address) = (0, 0);
        while let Some((anchor, what)) = anchors::next(bytes, at) {
            at = match what {
                Anchor::At => {
                    address = email::find(text, anchor, address, self.kinds, &mut scratch.spans);
                    anchor + 1
                }
                Anchor::Digit => self.digits(text, anchor, at, scratch),
            };
        }
        settle(&mut scratch.spans);
    }

    /// Looks at the digit at `at`, of which nothing before `floor` is part; tells where to go on.
    fn digits(&self, text: &str, at: usize, floor: usize, scratch: &mut Scratch) -> usize {
        let bytes = text.as_bytes();
        let letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let start = at - bytes[floor..at].iter().rev().take_while(|byte| letter(byte)).count();
        let end = at + bytes[at..].iter().take_while(|byte| letter(byte)).count();
        let word = &bytes[start..end];
        let colon = bytes.get(end) == Some(&b':') || start > 0 && bytes[start - 1] == b':';
        if colon
            && self.kinds.has(Kind::Ip)
            && word.len() <= 4
            && let Some((start, end)) = ip::v6(text, at, self.public_only)
        {
            scratch.spans.push(Span { start, end, kind: Kind::Ip });
            return end;
        }
        if start < at || word.len() >= 14 && word.iter().any(u8::is_ascii_alphabetic) {
            let iban = at - start == 2 && self.kinds.has(Kind::Iban);
            if let Some(span) = iban.then(|| iban::find(bytes, start)).flatten() {
                scratch.spans.push(span);
                return span.end;
            }
            let crypto = word.len() >= 26 && self.kinds.has(Kind::Crypto);
            if let Some(span) = crypto.then(|| crypto::find(bytes, start, end)).flatten() {
                scratch.spans.push(span);
            }
            // An identity number may end in a letter.
            if !(word.len() == 18 && start == at) {
                return end;
            }
        }
        if bytes[at].is_ascii_digit()
            && let Some(quad) = ip::quad(text, at, self.public_only)
        {
            return match quad {
                ip::Quad::Address(end) => {
                    if self.kinds.has(Kind::Ip) {
                        scratch.spans.push(Span { start: at, end, kind: Kind::Ip });
                    }
                    end
                }
                ip::Quad::Other(end) => end,
            };
        }
        let Scratch { sequence, spans } = scratch;
        sequence.read(bytes, at, floor);
        let groups = sequence.groups();
        let mut from = 0;
        while from < groups.len() {
            // What is left is too short for anything.
            let first = groups[from].first;
            if sequence.digit_count() - first < 7 {
                break;
            }
            let card = card::find(bytes, sequence, from, self.kinds);
            let number = card.or_else(|| {
                let phone = self.kinds.has(Kind::Phone);
                phone.then(|| self.phones.find(bytes, sequence, from)).flatten()
            });
            if let Some(span) = number {
                // What stands behind is read anew, as if this had not been there.
                spans.push(span);
                return span.end;
            }
            from += 1;
        }
        sequence.end.max(at + 1)
    }
}
