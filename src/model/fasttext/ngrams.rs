//! Hashed n-grams: from characters to hash buckets, from buckets to rows of the input matrix.

use super::FastTextError;
use super::dictionary::{FNV_OFFSET, fnv_step};
use super::reader::Reader;

/// Bounds the bitmap that a corrupt file can ask for (32 MiB); fastText's own default is 2 million buckets.
const MAX_PRUNED_BUCKETS: u32 = 1 << 28;

/// How a model cuts text into n-grams.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Shortest character n-gram, in UTF-8 characters.
    pub(super) min_chars: u32,
    /// Longest character n-gram; 0 means none.
    pub(super) max_chars: u32,
    /// Longest word n-gram, in words; 0 and 1 mean none.
    pub(super) word_ngrams: u32,
    pub(super) buckets: Buckets,
}

impl Shape {
    pub(super) fn has_ngrams(&self) -> bool {
        self.max_chars > 0 || self.word_ngrams > 1
    }
}

/// The number of hash buckets, at least 1, with the constant that takes the division out of `hash % count`
/// (Lemire, Kaser and Kurz, "Faster remainder by direct computation", arXiv 1902.01961; exact for 32 bits).
#[derive(Debug, Clone, Copy)]
pub(super) struct Buckets {
    count: u32,
    inverse: u64,
}

impl Buckets {
    pub(super) fn new(count: u32) -> Self {
        let count = count.max(1);
        Self { count, inverse: (u64::MAX / u64::from(count)).wrapping_add(1) }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a remainder is below the 32-bit divisor")]
    fn of(self, hash: u32) -> u32 {
        let fraction = self.inverse.wrapping_mul(u64::from(hash));
        ((u128::from(fraction) * u128::from(self.count)) >> 64) as u32
    }

    #[expect(clippy::cast_possible_truncation, reason = "a remainder is below the 32-bit divisor")]
    fn of_wide(self, hash: u64) -> u32 {
        (hash % u64::from(self.count)) as u32
    }
}

/// Which buckets have a row.
pub(super) enum NgramRows {
    /// The model has no n-grams, or all were pruned away.
    None,
    /// Bucket `b` has row `first + b`.
    All { first: u32 },
    /// Some have one (`-cutoff` of `fasttext quantize`).
    Kept(KeptBuckets),
}

impl NgramRows {
    /// `kept` is the file's number of kept buckets, -1 if nothing was pruned.
    pub(super) fn read(
        reader: &mut Reader,
        shape: &Shape,
        words: u32,
        kept: i64,
    ) -> Result<Self, FastTextError> {
        if kept > 0 {
            KeptBuckets::read(reader, shape.buckets, words, kept).map(Self::Kept)
        } else if kept == 0 || !shape.has_ngrams() {
            Ok(Self::None)
        } else {
            Ok(Self::All { first: words })
        }
    }

    /// One more than the last row an n-gram can have.
    pub(super) fn end(&self, buckets: Buckets) -> u64 {
        match self {
            Self::None => 0,
            Self::All { first } => u64::from(*first) + u64::from(buckets.count),
            Self::Kept(kept) => kept.rows.iter().max().map_or(0, |&row| u64::from(row) + 1),
        }
    }

    /// Appends the row of a word n-gram's hash.
    pub(super) fn push(&self, hash: u64, buckets: Buckets, rows: &mut Vec<u32>) {
        let bucket = buckets.of_wide(hash);
        match self {
            Self::All { first } => rows.push(first + bucket),
            Self::Kept(kept) if kept.holds(bucket) == 1 => rows.push(kept.row(bucket)),
            Self::Kept(_) | Self::None => {}
        }
    }

    /// Appends the rows of the character n-grams of `word`, which is padded as `<word>`.
    pub(super) fn push_chars(&self, word: &[u8], shape: &Shape, rows: &mut Vec<u32>) {
        let before = rows.len();
        // Room for every n-gram at once: the loops below then write without growing the vector.
        let room = match self {
            Self::None => return,
            _ => word.len().saturating_mul(shape.max_chars as usize),
        };
        rows.resize(before + room, 0);
        let found = &mut rows[before..];
        let mut len = 0;
        match self {
            Self::None => {}
            Self::All { first } => each_ngram(word, shape, |hash| {
                found[len] = first + shape.buckets.of(hash);
                len += 1;
            }),
            Self::Kept(kept) => {
                // Whether a bucket was kept cannot be predicted, so no branch depends on it.
                each_ngram(word, shape, |hash| {
                    let bucket = shape.buckets.of(hash);
                    found[len] = bucket;
                    len += kept.holds(bucket);
                });
                for bucket in &mut found[..len] {
                    *bucket = kept.row(*bucket);
                }
            }
        }
        rows.truncate(before + len);
    }
}

/// Calls `push` with the hash of every n-gram, by start, then by length; never with a lone `<` or `>`.
#[inline]
fn each_ngram(word: &[u8], shape: &Shape, mut push: impl FnMut(u32)) {
    let (min, max) = (shape.min_chars as usize, shape.max_chars as usize);
    if word.is_ascii() {
        // One byte a character: the common case of most of the web, at half the branches.
        for start in 0..word.len() {
            let mut hash = FNV_OFFSET;
            for (chars, &byte) in (1..).zip(word[start..].iter().take(max)) {
                hash = fnv_step(hash, byte);
                let lone_mark = chars == 1 && (start == 0 || start + 1 == word.len());
                if chars >= min && !lone_mark {
                    push(hash);
                }
            }
        }
        return;
    }
    let mut start = 0;
    while start < word.len() && max > 0 {
        let (mut hash, mut end, mut next) = (FNV_OFFSET, start, word.len());
        for chars in 1..=max {
            hash = fnv_step(hash, word[end]);
            end += 1;
            while let Some(&byte) = word.get(end)
                && byte & 0xC0 == 0x80
            {
                hash = fnv_step(hash, byte);
                end += 1;
            }
            if chars == 1 {
                next = end;
            }
            let lone_mark = chars == 1 && (start == 0 || end == word.len());
            if chars >= min && !lone_mark {
                push(hash);
            }
            if end == word.len() {
                break;
            }
        }
        start = next;
    }
}

/// The buckets that survived pruning: a bitmap small enough for the L2 cache answers the many misses,
/// and the rank of a set bit indexes the rows.
pub(super) struct KeptBuckets {
    bits: Vec<u64>,
    /// Set bits before each word of `bits`.
    ranks: Vec<u32>,
    rows: Vec<u32>,
}

impl KeptBuckets {
    fn read(
        reader: &mut Reader,
        buckets: Buckets,
        words: u32,
        kept: i64,
    ) -> Result<Self, FastTextError> {
        let kept = reader.expect_items(kept, 8, "kept n-grams")?;
        if buckets.count > MAX_PRUNED_BUCKETS {
            return Err(reader.invalid("number of buckets", i64::from(buckets.count)));
        }
        let mut pairs = Vec::with_capacity(kept);
        for _ in 0..kept {
            let bucket = reader.count("kept n-gram", buckets.count - 1)?;
            let row = reader.count("row of a kept n-gram", i32::MAX.cast_unsigned() - words)?;
            pairs.push((bucket, words + row));
        }
        pairs.sort_unstable();

        let mut bits = vec![0u64; (buckets.count as usize).div_ceil(64)];
        for &(bucket, _) in &pairs {
            let bit = 1 << (bucket % 64);
            if bits[bucket as usize / 64] & bit != 0 {
                return Err(reader.invalid("kept n-gram (twice)", i64::from(bucket)));
            }
            bits[bucket as usize / 64] |= bit;
        }
        let ranks = bits
            .iter()
            .scan(0, |before, word| {
                let rank = *before;
                *before += word.count_ones();
                Some(rank)
            })
            .collect();
        let rows = pairs.into_iter().map(|(_, row)| row).collect();
        Ok(Self { bits, ranks, rows })
    }

    /// 1 if `bucket` has a row, else 0.
    #[expect(clippy::cast_possible_truncation, reason = "one bit is left")]
    fn holds(&self, bucket: u32) -> usize {
        (self.bits[bucket as usize / 64] >> (bucket % 64)) as usize & 1
    }

    /// The row of a bucket that has one.
    fn row(&self, bucket: u32) -> u32 {
        let word = bucket as usize / 64;
        let before = self.bits[word] & ((1 << (bucket % 64)) - 1);
        self.rows[(self.ranks[word] + before.count_ones()) as usize]
    }
}
