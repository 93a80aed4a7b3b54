//! The random numbers of the C++ tool, so that a model starts from the same weights.

/// A matrix is filled in blocks of a tenth, each with a seed of its own; the last is what is left.
pub(super) const BLOCKS: u32 = 11;

/// `std::minstd_rand`.
pub(super) struct Minstd(u64);

impl Minstd {
    const MODULUS: u64 = 2_147_483_647;

    pub(super) fn new(seed: u32) -> Self {
        Self((u64::from(seed) % Self::MODULUS).max(1))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0 * 48_271 % Self::MODULUS;
        self.0
    }

    /// `std::uniform_int_distribution` over `0..count` of GNU's library.
    pub(super) fn below(&mut self, count: usize) -> usize {
        let range = Self::MODULUS - 2;
        let scaling = range / count as u64;
        let past = count as u64 * scaling;
        loop {
            let drawn = self.next() - 1;
            if drawn < past {
                #[expect(clippy::cast_possible_truncation, reason = "below count")]
                return (drawn / scaling) as usize;
            }
        }
    }

    /// `std::uniform_real_distribution<double>` over 0..1 of GNU's library: two draws.
    #[expect(clippy::cast_precision_loss, reason = "below 2^31")]
    pub(super) fn unit(&mut self) -> f64 {
        let range = (Self::MODULUS - 1) as f64;
        let low = (self.next() - 1) as f64;
        let high = (self.next() - 1) as f64;
        let unit = (low + high * range) / (range * range);
        if unit >= 1.0 { 1.0f64.next_down() } else { unit }
    }
}

/// Fills the first of the [`BLOCKS`] blocks with numbers between -1/dimension and 1/dimension.
#[expect(clippy::cast_possible_truncation, reason = "as the C++ tool rounds")]
pub(super) fn fill(weights: &mut [f32], dimension: u32, seed: u32, blocks: u32) {
    let bound = f64::from((1.0 / f64::from(dimension)) as f32);
    let block = weights.len() / 10;
    for (number, part) in (0..blocks).zip(weights.chunks_mut(block.max(1))) {
        let mut draw = Minstd::new(seed.wrapping_add(number));
        for weight in part {
            *weight = (draw.unit() * (bound - -bound) - bound) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_those_of_the_cpp_library() {
        let mut draw = Minstd::new(1);
        // The 10,000th is in the C++ standard.
        assert_eq!((0..10_000).map(|_| draw.next()).last(), Some(399_268_537));
        let mut draw = Minstd::new(0);
        assert_eq!([draw.next(), draw.next()], [48_271, 182_605_794]);
        let mut draw = Minstd::new(7);
        let drawn: Vec<usize> = (0..200).map(|_| draw.below(3)).collect();
        assert!((0..3).all(|number| drawn.iter().filter(|&&other| other == number).count() > 40));
        assert!((0..200).all(|_| (0.0..1.0).contains(&draw.unit())));
    }
}
