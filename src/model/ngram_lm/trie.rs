//! Sorted arrays: each n-gram points at those with one more word before it. Words, numbers and
//! pointers are packed to the bit.

use super::bits::{bits_at, f32_at, required_bits, u64_at};
use super::header::Header;
use super::{NgramLmError, Search, Weights, damaged, murmur};

/// Bytes of a word's entry: probability, backoff, pointer.
const UNIGRAM_BYTES: u64 = 16;
/// A probability without its sign, and a backoff.
const PLAIN_MIDDLE_BITS: u32 = 63;
const PLAIN_LONGEST_BITS: u32 = 31;
const QUANTISATION_VERSION: u8 = 2;
const ARRAY_VERSION: u8 = 0;

/// Where the arrays lie.
#[derive(Debug, Clone)]
pub(super) struct Trie {
    /// The sorted hashes of the words, from the word 1.
    words: u64,
    /// Number of words but for the unknown one.
    known: u64,
    unigrams: u64,
    middle: Vec<Middle>,
    longest: Packed,
    longest_bins: Option<Bins>,
}

/// An array of entries that begin with a word.
#[derive(Debug, Clone, Copy)]
struct Packed {
    start: u64,
    entries: u64,
    word_bits: u32,
    total_bits: u32,
    /// What no word is above.
    most: u64,
}

#[derive(Debug, Clone)]
struct Middle {
    packed: Packed,
    /// Bits before the pointer: word and numbers.
    head_bits: u32,
    next_bits: u32,
    /// The high bits of pointers, as the first entries that have them: start and length of the array.
    high: Option<(u64, u64)>,
    /// Of probabilities and backoffs.
    bins: Option<(Bins, Bins)>,
}

/// A table of floats that stand for numbers of `bits` bits.
#[derive(Debug, Clone, Copy)]
struct Bins {
    start: u64,
    bits: u32,
}

impl Bins {
    #[inline]
    fn value(self, bytes: &[u8], packed: Packed, bit: u64) -> f32 {
        f32_at(bytes, self.start + 4 * bits_at(bytes, packed.start, bit, self.bits))
    }
}

impl Packed {
    /// An array at `at`, which is moved behind it.
    fn place(at: &mut u64, entries: u64, most: u64, other_bits: u32) -> Option<Self> {
        let word_bits = required_bits(most);
        let total_bits = word_bits + other_bits;
        let packed = Self { start: *at, entries, word_bits, total_bits, most };
        let bits = entries.checked_add(1)?.checked_mul(u64::from(total_bits))?;
        *at = at.checked_add(bits.checked_add(7)? / 8)?.checked_add(8)?;
        Some(packed)
    }

    #[inline]
    fn word(self, bytes: &[u8], index: u64) -> u64 {
        bits_at(bytes, self.start, index * u64::from(self.total_bits), self.word_bits)
    }

    /// The entry of `word` among those of a range, which are sorted: by interpolation.
    #[inline]
    fn find(self, bytes: &[u8], range: (u64, u64), word: u64) -> Option<u64> {
        let (mut start, mut end) = (range.0, range.1.min(self.entries));
        let (mut low, mut high) = (0, self.most);
        while start < end && (low..=high).contains(&word) {
            let share = (word - low) * (end - start) / (high - low + 1);
            let middle = start + share.min(end - start - 1);
            let found = self.word(bytes, middle);
            match found.cmp(&word) {
                std::cmp::Ordering::Less => (start, low) = (middle + 1, found),
                std::cmp::Ordering::Greater => (end, high) = (middle, found),
                std::cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }
}

impl Middle {
    /// The range of longer n-grams that entry `index` points at.
    #[inline]
    fn next(&self, bytes: &[u8], index: u64) -> (u64, u64) {
        let total = u64::from(self.packed.total_bits);
        let bit = index * total + u64::from(self.head_bits);
        let low = |bit| bits_at(bytes, self.packed.start, bit, self.next_bits);
        let (begin, end) = (low(bit), low(bit + total));
        let Some((start, length)) = self.high else { return (begin, end) };
        // The last high part whose first entry is not behind the index.
        let (mut from, mut to) = (0, length);
        while from < to {
            let middle = from.midpoint(to);
            if u64_at(bytes, start + 8 * middle) <= index {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        let first = from.saturating_sub(1);
        let mut last = first;
        while last + 1 < length && u64_at(bytes, start + 8 * (last + 1)) <= index + 1 {
            last += 1;
        }
        (first << self.next_bits | begin, last << self.next_bits | end)
    }

    #[inline]
    fn weights(&self, bytes: &[u8], index: u64) -> Weights {
        let packed = self.packed;
        let bit = index * u64::from(packed.total_bits) + u64::from(packed.word_bits);
        match self.bins {
            None => Weights {
                probability: negative(bits_at(bytes, packed.start, bit, 31)),
                backoff: float(bits_at(bytes, packed.start, bit + 31, 32)),
            },
            Some((probabilities, backoffs)) => Weights {
                backoff: backoffs.value(bytes, packed, bit),
                probability: probabilities.value(bytes, packed, bit + u64::from(backoffs.bits)),
            },
        }
    }
}

#[inline]
fn float(bits: u64) -> f32 {
    f32::from_bits(u32::try_from(bits).unwrap_or(0))
}

/// A probability, whose sign is not stored.
#[inline]
fn negative(bits: u64) -> f32 {
    float(bits | 1 << 31)
}

/// The bits that the array of high parts takes off each pointer: those that make the whole smallest.
fn chopped(entries: u64, most: u64, allowed: u32) -> u32 {
    let required = required_bits(most);
    let cost = |chop: u32| {
        let table = i128::from(most.checked_shr(required - chop).unwrap_or(0)) * 64;
        table - i128::from(entries) * i128::from(chop)
    };
    // The first of the cheapest.
    (0..=required.min(allowed)).min_by_key(|&chop| cost(chop)).unwrap_or(0)
}

impl Trie {
    pub(super) fn in_file(
        bytes: &[u8],
        header: &Header,
        quantised: bool,
        array: bool,
    ) -> Result<Self, NgramLmError> {
        let Some((trie, end)) = Self::layout(bytes, header, quantised, array)? else {
            return Err(damaged("its arrays are too large"));
        };
        if end > bytes.len() as u64 {
            return Err(damaged(format!("it needs {end} bytes and has {}", bytes.len())));
        }
        if trie.known >= header.counts[0] + 1 {
            return Err(damaged(format!("{} words where {} fit", trie.known, header.counts[0])));
        }
        Ok(trie)
    }

    fn layout(
        bytes: &[u8],
        header: &Header,
        quantised: bool,
        array: bool,
    ) -> Result<Option<(Self, u64)>, NgramLmError> {
        let unsupported = |reason: String| NgramLmError::Unsupported(reason);
        let byte = |at: u64| u64_at(bytes, at).to_le_bytes()[0];
        let counts = &header.counts;
        let order = counts.len();
        // Counts are below 2^32 and eight times the size of the file: none of this overflows.
        let mut at = header.end + 8 + 8 * counts[0];
        let (mut tables, mut longest_bins) = (Vec::new(), None);
        if quantised {
            let (version, probability, backoff) = (byte(at), byte(at + 1), byte(at + 2));
            if version != QUANTISATION_VERSION {
                return Err(unsupported(format!("version {version} of quantisation")));
            }
            if !(1..=25).contains(&probability) || !(1..=25).contains(&backoff) {
                let reason = format!("bins of {probability} and {backoff} bits");
                return Err(damaged(reason));
            }
            at += 8;
            let mut bins = |bits: u8| {
                let bins = Bins { start: at, bits: u32::from(bits) };
                at += 4 << bits;
                bins
            };
            tables = (2..order).map(|_| (bins(probability), bins(backoff))).collect();
            longest_bins = Some(bins(probability));
        }
        let unigrams = at;
        at += (counts[0] + 2) * UNIGRAM_BYTES;
        // The same for all orders; it stands before each array.
        let allowed = u32::from(byte(at + 1));
        if array && order > 2 && byte(at) != ARRAY_VERSION {
            return Err(unsupported(format!("version {} of compressed pointers", byte(at))));
        }
        let mut middle = Vec::new();
        for index in 1..order - 1 {
            let (entries, most) = (counts[index], counts[index + 1]);
            let (mut next_bits, mut high) = (required_bits(most), None);
            if array {
                let chop = chopped(entries + 1, most, allowed);
                next_bits -= chop;
                let length = most.checked_shr(next_bits).unwrap_or(0) + 1;
                high = Some((at.next_multiple_of(8) + 8, length));
                at += 8 * (1 + length) + 7;
            }
            let bins = tables.get(index - 1).copied();
            let value_bits =
                bins.map_or(PLAIN_MIDDLE_BITS, |(one, two): (Bins, Bins)| one.bits + two.bits);
            let other_bits = value_bits + next_bits;
            let Some(packed) = Packed::place(&mut at, entries, counts[0], other_bits) else {
                return Ok(None);
            };
            let head_bits = packed.word_bits + value_bits;
            middle.push(Middle { packed, head_bits, next_bits, high, bins });
        }
        let value_bits = longest_bins.map_or(PLAIN_LONGEST_BITS, |bins: Bins| bins.bits);
        let Some(longest) = Packed::place(&mut at, counts[order - 1], counts[0], value_bits) else {
            return Ok(None);
        };
        let words = header.end + 8;
        let known = u64_at(bytes, header.end);
        Ok(Some((Self { words, known, unigrams, middle, longest, longest_bins }, at)))
    }

    pub(super) fn view<'a>(&'a self, bytes: &'a [u8]) -> TrieView<'a> {
        TrieView { layout: self, bytes }
    }
}

/// The arrays and their bytes.
pub(super) struct TrieView<'a> {
    layout: &'a Trie,
    bytes: &'a [u8],
}

impl Search for TrieView<'_> {
    type Node = (u64, u64);

    #[inline]
    fn word(&self, word: &[u8]) -> u32 {
        let hash = murmur::hash(word);
        let (mut start, mut end) = (0, self.layout.known);
        let (mut low, mut high) = (0, u64::MAX);
        // Hashes are even, so that interpolation finds them in a few steps.
        while start < end && (low..=high).contains(&hash) {
            let width = u128::from(end - start);
            let share = u128::from(hash - low) * width / (u128::from(high - low) + 1);
            let middle = start + u64::try_from(share).unwrap_or(0).min(end - start - 1);
            let found = u64_at(self.bytes, self.layout.words + 8 * middle);
            match found.cmp(&hash) {
                std::cmp::Ordering::Less => (start, low) = (middle + 1, found),
                std::cmp::Ordering::Greater => (end, high) = (middle, found),
                // Their number fits, or the file was refused.
                std::cmp::Ordering::Equal => return u32::try_from(middle + 1).unwrap_or(0),
            }
        }
        0
    }

    #[inline]
    fn unigram(&self, word: u32) -> ((u64, u64), Weights, bool) {
        let at = self.layout.unigrams + u64::from(word) * UNIGRAM_BYTES;
        let weights =
            Weights { probability: f32_at(self.bytes, at), backoff: f32_at(self.bytes, at + 4) };
        let next = (u64_at(self.bytes, at + 8), u64_at(self.bytes, at + 8 + UNIGRAM_BYTES));
        (next, weights, next.0 >= next.1)
    }

    #[inline]
    fn middle(
        &self,
        order: usize,
        node: (u64, u64),
        word: u32,
    ) -> Option<((u64, u64), Weights, bool)> {
        let middle = self.layout.middle.get(order - 2)?;
        let index = middle.packed.find(self.bytes, node, u64::from(word))?;
        let next = middle.next(self.bytes, index);
        Some((next, middle.weights(self.bytes, index), next.0 >= next.1))
    }

    #[inline]
    fn longest(&self, node: (u64, u64), word: u32) -> Option<f32> {
        let packed = self.layout.longest;
        let index = packed.find(self.bytes, node, u64::from(word))?;
        let bit = index * u64::from(packed.total_bits) + u64::from(packed.word_bits);
        Some(match self.layout.longest_bins {
            None => negative(bits_at(self.bytes, packed.start, bit, 31)),
            Some(bins) => bins.value(self.bytes, packed, bit),
        })
    }
}
