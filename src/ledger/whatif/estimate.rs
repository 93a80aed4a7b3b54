//! From a sample to a number of documents.

use serde::Serialize;

/// A number with its 95 % confidence interval; all three are equal where it is exact.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The best guess; `None` where nothing is known.
    pub estimate: Option<u64>,
    /// Lower bound.
    pub low: u64,
    /// Upper bound.
    pub high: u64,
}

impl Estimate {
    pub(super) fn plus(self, more: u64) -> Self {
        Self {
            estimate: self.estimate.map(|estimate| estimate + more),
            low: self.low + more,
            high: self.high + more,
        }
    }

    /// Whether it is no estimate.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.low == self.high
    }
}

/// The 97.5 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// How many of `unknown` documents pass, when `passing` of a sample of `sample` others like them do.
///
/// The interval is Wilson's, which holds for shares near 0 and 1 too. The question is about these
/// `unknown` documents and not about the share in all that might have been, so that their own chance
/// enters beside the sample's: both variances add, as if the sample had
/// `sample · unknown / (sample + unknown)` documents.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts stay far below 2^52, and results lie between 0 and one of them"
)]
pub(super) fn of(unknown: u64, sample: u64, passing: u64) -> Estimate {
    if unknown == 0 {
        return Estimate { estimate: Some(0), low: 0, high: 0 };
    }
    if sample == 0 {
        return Estimate { estimate: None, low: 0, high: unknown };
    }
    let (all, n) = (unknown as f64, sample as f64);
    let share = passing as f64 / n;
    let n = n * all / (n + all);
    let z2 = Z * Z;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    // At the ends the two terms are equal, but for their rounding.
    let low = if passing == 0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if passing == sample { 1.0 } else { (centre + half).min(1.0) };
    Estimate {
        estimate: Some((all * share).round() as u64),
        low: (all * low).floor() as u64,
        high: (all * high).ceil() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::DocumentId;

    #[test]
    fn nothing_unknown_is_exact_and_no_sample_says_nothing() {
        assert_eq!(of(0, 5, 2), Estimate { estimate: Some(0), low: 0, high: 0 });
        assert_eq!(of(7, 0, 0), Estimate { estimate: None, low: 0, high: 7 });
        assert!(of(0, 0, 0).plus(3).is_exact());
    }

    /// For a sample far smaller than the whole the interval is Wilson's: 10 of 40 give
    /// 0.1419 to 0.4019 (R: `prop.test(10, 40, correct = FALSE)`).
    #[test]
    fn a_small_sample_of_very_many() {
        let estimate = of(1_000_000_000, 40, 10);
        assert_eq!(estimate.estimate, Some(250_000_000));
        assert!((141_800_000..142_000_000).contains(&estimate.low), "{estimate:?}");
        assert!((401_800_000..402_000_000).contains(&estimate.high), "{estimate:?}");
    }

    #[test]
    fn the_ends_stay_inside() {
        let none = of(100, 20, 0);
        assert_eq!((none.estimate, none.low), (Some(0), 0));
        assert!(none.high > 5 && none.high < 40, "{none:?}");
        let all = of(100, 20, 20);
        assert_eq!((all.estimate, all.high), (Some(100), 100));
        assert!(all.low < 95 && all.low > 60, "{all:?}");
    }

    /// Over many populations the interval must hold the truth about 95 times of 100.
    #[test]
    fn the_interval_covers_the_truth_as_often_as_it_says() {
        let (mut held, mut tried) = (0, 0);
        for trial in 0..2_000u64 {
            // A population of 300 documents, of which each passes with a chance of 0.05 to 0.95, and
            // is audited with a chance of 0.2.
            let chance = 0.05 + 0.05 * f64::from(u32::try_from(trial % 19).unwrap());
            let (mut unknown, mut truth, mut sample, mut passing) = (0, 0, 0, 0);
            for document in 0..300u128 {
                let id = DocumentId(document << 64 | u128::from(trial));
                let passes = u64::from(id.chosen(1, "passes", chance));
                if id.chosen(1, "audit", 0.2) {
                    sample += 1;
                    passing += passes;
                } else {
                    unknown += 1;
                    truth += passes;
                }
            }
            let estimate = of(unknown, sample, passing);
            tried += 1;
            held += u32::from((estimate.low..=estimate.high).contains(&truth));
        }
        let share = f64::from(held) / f64::from(tried);
        assert!((0.94..0.985).contains(&share), "{share}");
    }
}
