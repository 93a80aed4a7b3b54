//! A hash of every window of a segment, at the price of its bytes.

/// Hashes by which windows are told apart: two polynomials modulo 2⁶¹ − 1. Two different windows of
/// N bytes share both with a chance of (N / 2⁶¹)², and only windows of one fingerprint are compared.
#[derive(Debug)]
pub(super) struct WindowHasher {
    window: usize,
    leaving: [u64; 2],
}

const PRIME: u64 = (1 << 61) - 1;
const BASES: [u64; 2] = [0x0d4a_8f1b_97c3_e265, 0x1b03_76ad_58e9_2c4f];

impl WindowHasher {
    /// For windows of `window` bytes.
    pub(super) fn new(window: usize) -> Self {
        let power = |base| (0..window).fold(1, |power, _| multiply(power, base));
        Self { window, leaving: BASES.map(power) }
    }

    /// Calls `each` with the number and the hash of each window of `segment`, in order.
    pub(super) fn hash(&self, segment: &[u8], mut each: impl FnMut(u32, u128)) {
        let Some(first) = segment.get(..self.window) else { return };
        let mut state = [0; 2];
        for byte in first {
            for (hash, base) in state.iter_mut().zip(BASES) {
                *hash = multiply_add(*hash, base, u64::from(*byte) + 1);
            }
        }
        let value = |state: [u64; 2]| u128::from(state[0]) << 64 | u128::from(state[1]);
        each(0, value(state));
        for ((number, enters), leaves) in (1..).zip(&segment[self.window..]).zip(segment) {
            for ((hash, base), power) in state.iter_mut().zip(BASES).zip(self.leaving) {
                let left = multiply(u64::from(*leaves) + 1, power);
                let entered = multiply_add(*hash, base, u64::from(*enters) + 1);
                *hash = reduce(entered + PRIME - left);
            }
            each(number, value(state));
        }
    }
}

#[inline]
fn multiply(left: u64, right: u64) -> u64 {
    multiply_add(left, right, 0)
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the low 61 bits, and what is above them")]
fn multiply_add(left: u64, right: u64, more: u64) -> u64 {
    let product = u128::from(left) * u128::from(right) + u128::from(more);
    reduce((product as u64 & PRIME) + (product >> 61) as u64)
}

#[inline]
fn reduce(value: u64) -> u64 {
    if value >= PRIME { value - PRIME } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_one_hash_wherever_it_stands() {
        let text: Vec<u8> = (0..2000u32).map(|n| (n * n % 251 % 7) as u8 + 249).collect();
        let hasher = WindowHasher::new(50);
        let mut all = Vec::new();
        hasher.hash(&text, |number, hash| {
            assert_eq!(number as usize, all.len());
            all.push(hash);
        });
        assert_eq!(all.len(), 1951);
        for (start, hash) in all.iter().enumerate() {
            let mut alone = None;
            hasher.hash(&text[start..start + 50], |_, hash| alone = Some(hash));
            assert_eq!(alone, Some(*hash));
            for (other, window) in text.windows(50).enumerate() {
                assert_eq!(window == &text[start..start + 50], all[other] == *hash);
            }
        }
        hasher.hash(&text[..49], |_, _| panic!("there is no window"));
    }
}
