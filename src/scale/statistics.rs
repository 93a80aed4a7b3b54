//! Quantiles, and intervals of shares.

use serde::{Deserialize, Serialize};

/// What lies between two quantiles.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// The middle `share` of `values`; none of no values.
    #[must_use]
    pub(crate) fn of(values: &[f64], share: f64) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let low = quantile(&sorted, (1.0 - share) / 2.0)?;
        let high = quantile(&sorted, f64::midpoint(1.0, share))?;
        Some(Self { low, high })
    }
}

/// The quantile `at` (0 to 1) of sorted values, linear between them, as numpy has it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place within the values"
)]
pub(crate) fn quantile(sorted: &[f64], at: f64) -> Option<f64> {
    let place = at.clamp(0.0, 1.0) * super::number(sorted.len().checked_sub(1)?);
    let (below, part) = (libm::floor(place), place - libm::floor(place));
    let low = *sorted.get(below as usize)?;
    let high = sorted.get(below as usize + 1).copied().unwrap_or(low);
    Some(if part == 0.0 { low } else { low + part * (high - low) })
}

/// The median.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile(&sorted, 0.5)
}

/// The standard deviation that a normal distribution with the same middle two thirds has.
pub(crate) fn spread(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let ends = (quantile(&sorted, 0.158_655), quantile(&sorted, 0.841_345));
    if let (Some(low), Some(high)) = ends { (high - low) / 2.0 } else { f64::NAN }
}

/// Wilson's interval of a share, with 95 % (<https://doi.org/10.1080/01621459.1927.10502953>).
#[must_use]
pub fn wilson(hits: usize, of: usize) -> Interval {
    const Z: f64 = 1.959_964;
    if of == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let (n, share) = (super::number(of), super::number(hits) / super::number(of));
    let centre = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let root = libm::sqrt(share * (1.0 - share) / n + Z * Z / (4.0 * n * n));
    let half = Z / (1.0 + Z * Z / n) * root;
    Interval { low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_numpy() {
        // np.quantile([3, 1, 4, 1, 5], [.025, .5, .975]) = 1.0, 3.0, 4.9
        let interval = Interval::of(&[3.0, 1.0, 4.0, 1.0, 5.0], 0.95).unwrap();
        assert!((interval.low - 1.0).abs() < 1e-12 && (interval.high - 4.9).abs() < 1e-12);
        assert_eq!(median(&[3.0, 1.0, 4.0, 1.0, 5.0]), Some(3.0));
        assert_eq!(Interval::of(&[], 0.9), None);
    }

    #[test]
    fn wilson_is_the_textbooks() {
        // statsmodels.stats.proportion.proportion_confint(8, 10, method="wilson")
        let interval = wilson(8, 10);
        assert!((interval.low - 0.4902).abs() < 1e-4 && (interval.high - 0.9433).abs() < 1e-4);
    }
}
