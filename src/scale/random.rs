//! Random numbers of a named draw: a pure function of seed, purpose and number.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A sequence of random numbers.
pub(crate) struct Draws {
    key: u64,
    next: u64,
}

impl Draws {
    /// The sequence number `index` of those that `seed` has for `purpose`.
    pub(crate) fn new(seed: u64, purpose: &str, index: u64) -> Self {
        let key = xxh3_64_with_seed(purpose.as_bytes(), seed);
        Self { key: xxh3_64_with_seed(&index.to_le_bytes(), key), next: 0 }
    }

    fn bits(&mut self) -> u64 {
        self.next += 1;
        xxh3_64_with_seed(&self.next.to_le_bytes(), self.key)
    }

    /// A whole number below `count`, which is at least 1.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        // The high half of the product: biased by less than `count` in 2^64.
        let product = u128::from(self.bits()) * count as u128;
        usize::try_from(product >> 64).unwrap_or(0)
    }

    /// A number above 0 and at most 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact in a float")]
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// A number from the standard normal distribution (Box–Muller; the second one is not used).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(self.unit()));
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// A number from Student's distribution with four degrees of freedom.
    pub(crate) fn student4(&mut self) -> f64 {
        // The sum of four squared normals is twice the sum of two exponentials.
        let chi = -2.0 * (libm::log(self.unit()) + libm::log(self.unit()));
        self.normal() / libm::sqrt(chi / 4.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_moments_of_their_distributions() {
        let mut draws = Draws::new(3, "test", 0);
        let normals: Vec<f64> = (0..40_000).map(|_| draws.normal()).collect();
        let mean = normals.iter().sum::<f64>() / 40_000.0;
        let variance = normals.iter().map(|x| x * x).sum::<f64>() / 40_000.0;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
        // 97.5 % of Student's distribution with four degrees of freedom lie below 2.776.
        let below = (0..40_000).filter(|_| draws.student4() < 2.776).count();
        assert!((38_800..39_200).contains(&below), "{below}");
        let mut counts = [0; 7];
        (0..70_000).for_each(|_| counts[draws.below(7)] += 1);
        assert!(counts.iter().all(|count| (9_600..10_400).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_draw_is_named_by_seed_purpose_and_number() {
        let first = |seed, purpose, index| Draws::new(seed, purpose, index).below(1 << 40);
        assert_eq!(first(1, "a", 2), first(1, "a", 2));
        let others = [first(2, "a", 2), first(1, "b", 2), first(1, "a", 3)];
        assert!(!others.contains(&first(1, "a", 2)));
    }
}
