//! Upsampling by quality: good buckets are read more often, bad ones not at all.
//!
//! With x the share of tokens of lower quality, a document is read f(x) = `max`·((x − a)/(1 − a))^p
//! times above a = `drop_below` and never below it. The integral of f is the number of readings on
//! the whole, `even`, which fixes p = `max`·(1 − a)/`even` − 1. A bucket is read the mean of f over
//! its tokens. OLMo 3 (section 3.4) uses curves of this kind with a maximum of 7 over buckets of 5 %.

use crate::config::tokens::Curve;

/// How often each bucket (its value, its tokens) is read, so that all are read `even` times on the
/// whole.
pub(super) fn factors(
    curve: &Curve,
    buckets: &[(&str, f64)],
    even: f64,
) -> Result<Vec<f64>, String> {
    let mut order: Vec<(i64, usize)> = Vec::new();
    for (index, (value, _)) in buckets.iter().enumerate() {
        let number = value.parse().map_err(|_| {
            format!("`{value}` is no whole number; make buckets with a stage `set`")
        })?;
        order.push((number, index));
    }
    order.sort_unstable();
    let (a, max) = (curve.drop_below, curve.max);
    let power = max * (1.0 - a) / even - 1.0;
    if power < 0.0 {
        return Err(format!(
            "{even:.2} readings on the whole are more than `max` = {max} above `drop_below` = {a} \
             can give ({:.2}); raise `max`, or lower `drop_below` or the amount",
            max * (1.0 - a)
        ));
    }
    let total: f64 = buckets.iter().map(|(_, tokens)| tokens).sum();
    // The integral of f up to x.
    let integral = |x: f64| {
        if x <= a { 0.0 } else { even * libm::pow((x - a) / (1.0 - a), power + 1.0) }
    };
    let mut factors = vec![0.0; buckets.len()];
    let mut below = 0.0;
    for (place, &(_, index)) in order.iter().enumerate() {
        let tokens = buckets[index].1;
        let from = below / total;
        below += tokens;
        // The last ends at 1 whatever the sums were rounded to.
        let to = if place + 1 == order.len() { 1.0 } else { below / total };
        if tokens > 0.0 {
            factors[index] = (integral(to) - integral(from)) * total / tokens;
        }
    }
    Ok(factors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(drop_below: f64, max: f64) -> Curve {
        Curve { bucket: "bucket".to_owned(), drop_below, max }
    }

    #[test]
    fn the_amount_is_used_up_and_better_is_more() {
        let buckets = [("2", 30.0), ("0", 40.0), ("10", 10.0), ("1", 20.0)];
        for (drop_below, max, even) in [(0.0, 7.0, 1.0), (0.4, 7.0, 2.0), (0.5, 3.0, 0.2)] {
            let factors = factors(&curve(drop_below, max), &buckets, even).unwrap();
            let read: f64 = factors.iter().zip(&buckets).map(|(f, (_, tokens))| f * tokens).sum();
            assert!((read - even * 100.0).abs() < 1e-9, "{factors:?}");
            assert!(
                factors[1] <= factors[3] && factors[3] <= factors[0] && factors[0] <= factors[2]
            );
            assert!(factors[2] <= max && (drop_below < 0.4 || factors[1] == 0.0));
        }
        // A flat curve where exactly `max` is asked for.
        let flat = factors(&curve(0.0, 2.0), &buckets, 2.0).unwrap();
        assert!(flat.iter().all(|factor| (factor - 2.0).abs() < 1e-9));
    }

    #[test]
    fn twenty_buckets_of_five_percent() {
        // a = 0.4, max 7, as often as there is on the whole: p = 3.2; the best 5 % are read the mean
        // of 7·((x − .4)/.6)^3.2 over .95 … 1 times.
        let names: Vec<String> = (0..20).map(|bucket| bucket.to_string()).collect();
        let buckets: Vec<(&str, f64)> = names.iter().map(|name| (name.as_str(), 5.0)).collect();
        let factors = factors(&curve(0.4, 7.0), &buckets, 1.0).unwrap();
        assert!(factors[..8].iter().all(|&factor| factor == 0.0));
        let steps = 100_000;
        let mean = (0..steps)
            .map(|step| 0.95 + 0.05 * (f64::from(step) + 0.5) / f64::from(steps))
            .map(|x| 7.0 * ((x - 0.4) / 0.6).powf(3.2))
            .sum::<f64>()
            / f64::from(steps);
        assert!((factors[19] - mean).abs() < 1e-6, "{} {mean}", factors[19]);
    }

    #[test]
    fn what_cannot_be_is_said() {
        let error = factors(&curve(0.5, 2.0), &[("0", 1.0), ("1", 1.0)], 1.5).unwrap_err();
        assert!(error.contains("raise `max`"), "{error}");
        let error = factors(&curve(0.0, 2.0), &[("high", 1.0)], 1.0).unwrap_err();
        assert!(error.contains("no whole number"), "{error}");
    }
}
