//! MinHash signatures: of two texts, the share of places where their signatures agree estimates how
//! many of their shingles they share (Jaccard similarity), and an estimate over 112 places is about
//! as good as any of 112 random draws.
//!
//! Place i holds the least value of `aᵢ·x + bᵢ` modulo 2³² over the shingles x. The factors are odd, so
//! that each place permutes the 32-bit numbers. An index keeps what follows from signatures, so the
//! factors are fixed: `aᵢ` and `bᵢ` are the upper and the lower half of the i-th number of
//! [SplitMix64](https://prng.di.unimi.it/splitmix64.c) from [`SEED`], `aᵢ` made odd. The first k places
//! of a signature are the signature of k places.

/// Where the generator of the factors starts.
const SEED: u64 = 0x7461_6d69_7320_3031;

/// The permutations of signatures of one length.
#[derive(Debug, Clone)]
pub(super) struct Permutations {
    count: usize,
    /// The factors of 16 permutations a block; the last block may be longer than it need be.
    blocks: Vec<Block<16>>,
}

/// `N` permutations.
#[derive(Debug, Clone, Copy)]
struct Block<const N: usize> {
    factor: [u32; N],
    offset: [u32; N],
}

impl Permutations {
    /// The first `count` permutations.
    pub(super) fn new(count: usize) -> Self {
        let mut state = SEED;
        let blocks = (0..count.div_ceil(16))
            .map(|_| {
                let mut block = Block { factor: [0; 16], offset: [0; 16] };
                for (factor, offset) in block.factor.iter_mut().zip(&mut block.offset) {
                    let random = split_mix(&mut state);
                    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
                    let (upper, lower) = ((random >> 32) as u32, random as u32);
                    (*factor, *offset) = (upper | 1, lower);
                }
                block
            })
            .collect();
        Self { count, blocks }
    }

    /// Writes the signature of `shingles` in place of what `signature` held. Neither the order of the
    /// shingles nor repeats matter. Without any, all places hold the greatest number.
    pub(super) fn sign(&self, shingles: &[u32], signature: &mut Vec<u32>) {
        signature.clear();
        signature.resize(self.blocks.len() * 16, u32::MAX);
        kernel()(&self.blocks, shingles, signature);
        signature.truncate(self.count);
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

type Kernel = fn(&[Block<16>], &[u32], &mut [u32]);

/// The fastest of the kernels that this processor has. All give the same.
fn kernel() -> Kernel {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return x86::avx512;
        }
        if is_x86_feature_detected!("avx2") {
            return x86::avx2;
        }
    }
    portable
}

fn portable(blocks: &[Block<16>], shingles: &[u32], signature: &mut [u32]) {
    minima::<1>(blocks, shingles, signature);
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "calls code for processors that have the feature")]
mod x86 {
    use super::{Block, minima};

    pub(super) fn avx512(blocks: &[Block<16>], shingles: &[u32], signature: &mut [u32]) {
        #[target_feature(enable = "avx512f")]
        fn run(blocks: &[Block<16>], shingles: &[u32], signature: &mut [u32]) {
            minima::<4>(blocks, shingles, signature);
        }
        // SAFETY: handed out only where the processor has AVX-512 F.
        unsafe { run(blocks, shingles, signature) }
    }

    pub(super) fn avx2(blocks: &[Block<16>], shingles: &[u32], signature: &mut [u32]) {
        #[target_feature(enable = "avx2")]
        fn run(blocks: &[Block<16>], shingles: &[u32], signature: &mut [u32]) {
            minima::<2>(blocks, shingles, signature);
        }
        // SAFETY: handed out only where the processor has AVX2.
        unsafe { run(blocks, shingles, signature) }
    }
}

/// Takes `WIDE` blocks at a time through all shingles, so that minima stay in registers.
#[inline(always)]
#[expect(clippy::inline_always, reason = "compiled for the features of its caller")]
fn minima<const WIDE: usize>(blocks: &[Block<16>], shingles: &[u32], signature: &mut [u32]) {
    let (wide, rest) = blocks.as_chunks::<WIDE>();
    let (wide_out, rest_out) = signature.split_at_mut(wide.len() * WIDE * 16);
    for (blocks, out) in wide.iter().zip(wide_out.chunks_exact_mut(WIDE * 16)) {
        block_minima(blocks, shingles, out);
    }
    for (block, out) in rest.iter().zip(rest_out.chunks_exact_mut(16)) {
        block_minima(&[*block], shingles, out);
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "compiled for the features of its caller")]
fn block_minima<const WIDE: usize>(blocks: &[Block<16>; WIDE], shingles: &[u32], out: &mut [u32]) {
    let mut least = [[u32::MAX; 16]; WIDE];
    for &shingle in shingles {
        for (least, block) in least.iter_mut().zip(blocks) {
            let lanes = least.iter_mut().zip(&block.factor).zip(&block.offset);
            for ((least, factor), offset) in lanes {
                let value = shingle.wrapping_mul(*factor).wrapping_add(*offset);
                *least = value.min(*least);
            }
        }
    }
    for (out, least) in out.chunks_exact_mut(16).zip(&least) {
        out.copy_from_slice(least);
    }
}

#[cfg(test)]
mod tests {
    use super::super::bands::Bands;
    use super::*;

    fn sign(count: usize, shingles: &[u32]) -> Vec<u32> {
        let mut signature = vec![7];
        Permutations::new(count).sign(shingles, &mut signature);
        signature
    }

    /// Numbers without a pattern.
    fn numbers(seed: u64, many: usize) -> Vec<u32> {
        let mut state = seed << 32;
        (0..many).map(|_| u32::try_from(split_mix(&mut state) >> 32).unwrap()).collect()
    }

    #[test]
    fn all_kernels_give_the_same() {
        for count in [0, 1, 15, 16, 17, 32, 96, 112, 128, 256, 286] {
            let permutations = Permutations::new(count);
            for many in [0, 1, 2, 3, 17, 300] {
                let shingles = numbers(many as u64, many);
                let mut portable_one = vec![u32::MAX; permutations.blocks.len() * 16];
                portable(&permutations.blocks, &shingles, &mut portable_one);
                let check = |kernel: Kernel| {
                    let mut signature = vec![u32::MAX; permutations.blocks.len() * 16];
                    kernel(&permutations.blocks, &shingles, &mut signature);
                    assert_eq!(signature, portable_one);
                };
                check(kernel());
                #[cfg(target_arch = "x86_64")]
                if is_x86_feature_detected!("avx2") {
                    check(x86::avx2);
                }
                // The definition.
                let signature = sign(count, &shingles);
                assert_eq!(signature, portable_one[..count]);
                let factors = permutations
                    .blocks
                    .iter()
                    .flat_map(|block| block.factor.into_iter().zip(block.offset));
                for (value, (factor, offset)) in signature.iter().zip(factors) {
                    let least =
                        shingles.iter().map(|x| x.wrapping_mul(factor).wrapping_add(offset)).min();
                    assert_eq!(*value, least.unwrap_or(u32::MAX));
                }
            }
        }
    }

    /// Two sets with `common` elements of `union` in common.
    fn pair(seed: u64, common: usize, union: usize) -> [Vec<u32>; 2] {
        let all = numbers(seed, union);
        let (both, single) = all.split_at(common);
        let (left, right) = single.split_at(single.len() / 2);
        [[both, left].concat(), [both, right].concat()]
    }

    #[test]
    fn estimates_are_as_good_as_those_of_random_permutations() {
        let cut = Bands { bands: 16, rows: 6 };
        let permutations = Permutations::new(cut.hashes());
        let [mut left, mut right] = [Vec::new(), Vec::new()];
        // Sets of a few shingles, too: permutations that are not random show there first.
        for (common, union, trials) in
            [(1u32, 3u32, 6000u32), (4, 5, 6000), (3, 6, 6000), (16, 20, 6000), (140, 200, 1500)]
        {
            let (mut sum, mut squares, mut nominated) = (0.0, 0.0, 0.0);
            let (j, n) = (f64::from(common) / f64::from(union), f64::from(trials));
            for seed in 0..trials {
                let sets = pair(seed.into(), common as usize, union as usize);
                permutations.sign(&sets[0], &mut left);
                permutations.sign(&sets[1], &mut right);
                let same = left.iter().zip(&right).filter(|(left, right)| left == right).count();
                let error = f64::from(u32::try_from(same).unwrap()) / 96.0 - j;
                sum += error;
                squares += error * error;
                nominated += f64::from(cut.keys(&left).zip(cut.keys(&right)).any(|(l, r)| l == r));
            }
            let sigma = (j * (1.0 - j) / 96.0).sqrt();
            assert!((sum / n).abs() < 4.0 * sigma / n.sqrt(), "{common} of {union}: {}", sum / n);
            let spread = (squares / n).sqrt() / sigma;
            assert!((0.95..1.05).contains(&spread), "{common} of {union}: {spread}");
            let expected = cut.probability(j);
            let error = (expected * (1.0 - expected) / n).sqrt();
            assert!((nominated / n - expected).abs() < 4.0 * error, "{common} of {union}");
        }
    }

    #[test]
    fn version_1_stays_as_it_is() {
        assert_eq!(sign(3, &[1, 2, 3]), [60_478_643, 184_818_554, 1_401_687_830]);
    }
}
