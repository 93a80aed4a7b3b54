//! The signatures of [datatrove](https://github.com/huggingface/datatrove) 0.10.1's
//! `MinhashDedupSignature` for English, bit for bit.
//!
//! Shingles are hashes of spaCy's words of a simplified text, n of them joined by a space; a text of
//! fewer words has none, and no signature. Place i of the signature is the least value of
//! `(aᵢ·x + bᵢ mod 2⁶⁴) mod (2⁶¹ − 1)` over the shingles x, with factors from numpy's generator.

mod random_state;
mod simplify;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use xxhash_rust::{xxh32::xxh32, xxh64::xxh64};

use self::random_state::RandomState;
use self::simplify::simplify;
use crate::text::{Analysis, WordKind};

/// 2⁶¹ − 1, a prime.
const PRIME: u64 = (1 << 61) - 1;

/// How an n-gram is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Hash {
    /// The first bytes of SHA-1, which FineWeb was made with.
    Sha1,
    /// xxh64, or xxh32 where hashes have 32 bits; datatrove's default.
    #[default]
    Xxhash,
}

/// How many bits hashes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Precision {
    /// 32 bits.
    Bits32,
    /// 64 bits.
    #[default]
    Bits64,
}

/// Makes signatures.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    n: usize,
    count: usize,
    hash: Hash,
    precision: Precision,
    /// The factors of eight places a block; the last one may be longer than it need be.
    blocks: Vec<Block>,
}

/// The factors of eight places.
#[derive(Debug, Clone, Copy)]
struct Block {
    factor: [u64; 8],
    offset: [u64; 8],
}

/// Buffers that texts share one after the other.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    buffer: String,
    simple: String,
    joined: String,
    /// Where words of `joined` begin and end.
    spans: Vec<(usize, usize)>,
    shingles: Vec<u64>,
}

impl Signer {
    /// For signatures of `count` places over runs of `n` words, at least 1.
    pub(super) fn new(n: usize, count: usize, seed: u32, hash: Hash, precision: Precision) -> Self {
        let mut random = RandomState::new(seed);
        let mut draw =
            |low| -> Vec<u64> { (0..count).map(|_| random.next_in(low, PRIME)).collect() };
        let (factors, offsets) = (draw(1), draw(0));
        let mut blocks = vec![Block { factor: [1; 8], offset: [0; 8] }; count.div_ceil(8)];
        let places =
            blocks.iter_mut().flat_map(|block| block.factor.iter_mut().zip(&mut block.offset));
        for ((factor, offset), drawn) in places.zip(factors.into_iter().zip(offsets)) {
            (*factor, *offset) = drawn;
        }
        Self { n: n.max(1), count, hash, precision, blocks }
    }

    /// Writes the signature of a text in place of what `signature` held. A text of fewer than n words
    /// has none: says whether there is one.
    pub(super) fn sign(&self, text: &str, scratch: &mut Scratch, signature: &mut Vec<u64>) -> bool {
        signature.clear();
        self.shingle(text, scratch);
        if scratch.shingles.is_empty() {
            return false;
        }
        signature.resize(self.blocks.len() * 8, u64::MAX);
        let mask = match self.precision {
            Precision::Bits32 => u64::from(u32::MAX),
            Precision::Bits64 => u64::MAX,
        };
        kernel()(&self.blocks, mask, &scratch.shingles, signature);
        signature.truncate(self.count);
        true
    }

    /// The hashes of all n-grams.
    fn shingle(&self, text: &str, scratch: &mut Scratch) {
        let Scratch { buffer, simple, joined, spans, shingles } = scratch;
        shingles.clear();
        joined.clear();
        spans.clear();
        simplify(text, buffer, simple);
        let analysis = Analysis::default();
        for word in analysis.words(simple, WordKind::SpacyEn) {
            if !joined.is_empty() {
                joined.push(' ');
            }
            let start = joined.len();
            joined.push_str(word.of(simple));
            spans.push((start, joined.len()));
        }
        let bytes = joined.as_bytes();
        shingles.extend(spans.windows(self.n).filter_map(|run| {
            let ((start, _), (_, end)) = (run.first()?, run.last()?);
            Some(self.hash(&bytes[*start..*end]))
        }));
        // One document of a whole book should not hold its memory for ever.
        buffer.shrink_to(1 << 20);
        simple.shrink_to(1 << 20);
    }

    fn hash(&self, bytes: &[u8]) -> u64 {
        match (self.hash, self.precision) {
            (Hash::Xxhash, Precision::Bits32) => xxh32(bytes, 0).into(),
            (Hash::Xxhash, Precision::Bits64) => xxh64(bytes, 0),
            (Hash::Sha1, precision) => {
                let digest = Sha1::digest(bytes);
                let first = digest.first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk));
                match precision {
                    Precision::Bits32 => first & u64::from(u32::MAX),
                    Precision::Bits64 => first,
                }
            }
        }
    }
}

type Kernel = fn(&[Block], u64, &[u64], &mut [u64]);

/// The fastest of the kernels that this processor has. All give the same.
fn kernel() -> Kernel {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
            return x86::avx512;
        }
        if is_x86_feature_detected!("avx2") {
            return x86::avx2;
        }
    }
    minima
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "calls code for processors that have the feature")]
mod x86 {
    use super::{Block, minima};

    pub(super) fn avx512(blocks: &[Block], mask: u64, shingles: &[u64], signature: &mut [u64]) {
        #[target_feature(enable = "avx512f,avx512dq")]
        fn run(blocks: &[Block], mask: u64, shingles: &[u64], signature: &mut [u64]) {
            minima(blocks, mask, shingles, signature);
        }
        // SAFETY: handed out only where the processor has both features.
        unsafe { run(blocks, mask, shingles, signature) }
    }

    pub(super) fn avx2(blocks: &[Block], mask: u64, shingles: &[u64], signature: &mut [u64]) {
        #[target_feature(enable = "avx2")]
        fn run(blocks: &[Block], mask: u64, shingles: &[u64], signature: &mut [u64]) {
            minima(blocks, mask, shingles, signature);
        }
        // SAFETY: handed out only where the processor has AVX2.
        unsafe { run(blocks, mask, shingles, signature) }
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "compiled for the features of its caller")]
fn minima(blocks: &[Block], mask: u64, shingles: &[u64], signature: &mut [u64]) {
    let (pairs, rest) = blocks.as_chunks::<2>();
    let (pairs_out, rest_out) = signature.split_at_mut(pairs.len() * 16);
    for (pair, out) in pairs.iter().zip(pairs_out.chunks_exact_mut(16)) {
        block_minima(pair, mask, shingles, out);
    }
    for (block, out) in rest.iter().zip(rest_out.chunks_exact_mut(8)) {
        block_minima(&[*block], mask, shingles, out);
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "compiled for the features of its caller")]
fn block_minima<const WIDE: usize>(
    blocks: &[Block; WIDE],
    mask: u64,
    shingles: &[u64],
    out: &mut [u64],
) {
    let mut least = [[u64::MAX; 8]; WIDE];
    for &shingle in shingles {
        for (least, block) in least.iter_mut().zip(blocks) {
            let lanes = least.iter_mut().zip(&block.factor).zip(&block.offset);
            for ((least, factor), offset) in lanes {
                let value = shingle.wrapping_mul(*factor).wrapping_add(*offset);
                // The remainder, or the prime more.
                let folded = (value & PRIME) + (value >> 61);
                let value = folded.min(folded.wrapping_sub(PRIME)) & mask;
                *least = value.min(*least);
            }
        }
    }
    for (out, least) in out.chunks_exact_mut(8).zip(&least) {
        out.copy_from_slice(least);
    }
}
