//! What a fit makes small: Huber's loss of the errors of ln L, summed, for the law in its form of
//! logarithms, `ln L = ln(exp(a − alpha·ln N) + exp(b − beta·ln D) + exp(e))`.
//!
//! The sum, not the mean: with the mean and usual tolerances a search stops too early, which is how
//! Epoch explains the parameters that Hoffmann et al. print (<https://arxiv.org/abs/2404.10102>).

use super::math::{exp, ln};

/// Where Huber's loss turns from a square to a line.
const DELTA: f64 = 1e-3;
/// What the objective is multiplied by while it is searched, so that tolerances near 1 serve.
pub(crate) const SCALE: f64 = 1e3;

/// One run, as the objective reads it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) ln_params: f64,
    pub(crate) ln_tokens: f64,
    pub(crate) ln_loss: f64,
    /// How often it counts.
    pub(crate) weight: f64,
}

/// Huber's loss and its slope.
pub(crate) fn huber(error: f64) -> (f64, f64) {
    if error.abs() <= DELTA {
        (0.5 * error * error, error)
    } else {
        (DELTA * (error.abs() - DELTA / 2.0), DELTA.copysign(error))
    }
}

/// Runs whose terms are computed together.
const LANES: usize = 8;

/// Value and gradient at `[a, b, e, alpha, beta]`, added to `slope`.
///
/// The terms are added as they are: in 64 bits that is the log-sum-exp to the last digits, and where
/// one would overflow it is held at e^700, from which the search turns back.
fn add(samples: &[Sample], [a, b, e, alpha, beta]: [f64; 5], slope: &mut [f64; 5]) -> f64 {
    let floor = exp(e);
    let mut sum = 0.0;
    for part in samples.chunks(LANES) {
        let (mut params, mut tokens, mut logs) = ([0.0; LANES], [0.0; LANES], [1.0; LANES]);
        for (at, sample) in part.iter().enumerate() {
            params[at] = a - alpha * sample.ln_params;
            tokens[at] = b - beta * sample.ln_tokens;
        }
        // Over all lanes, whether used or not, so that the loops have a fixed length.
        for value in &mut params {
            *value = exp(*value);
        }
        for value in &mut tokens {
            *value = exp(*value);
        }
        for at in 0..LANES {
            logs[at] = ln(params[at] + tokens[at] + floor);
        }
        for (at, sample) in part.iter().enumerate() {
            let (value, pull) = huber(logs[at] - sample.ln_loss);
            sum += sample.weight * value;
            let pull = sample.weight * pull / (params[at] + tokens[at] + floor);
            slope[0] += pull * params[at];
            slope[1] += pull * tokens[at];
            slope[2] += pull * floor;
            slope[3] -= pull * params[at] * sample.ln_params;
            slope[4] -= pull * tokens[at] * sample.ln_tokens;
        }
    }
    sum
}

/// The objective of one recipe at `[a, b, e, alpha, beta]`, times [`SCALE`].
pub(crate) fn own(samples: &[Sample]) -> impl FnMut(&[f64], &mut [f64]) -> f64 + '_ {
    |point, gradient| {
        let point = [point[0], point[1], point[2], point[3], point[4]];
        let mut slope = [0.0; 5];
        let sum = add(samples, point, &mut slope);
        for (gradient, slope) in gradient.iter_mut().zip(slope) {
            *gradient = SCALE * slope;
        }
        SCALE * sum
    }
}

/// The objective of several recipes with common exponents at `[alpha, beta, a, b, e, a, b, e, …]`,
/// times [`SCALE`].
pub(crate) fn shared(groups: &[Vec<Sample>]) -> impl FnMut(&[f64], &mut [f64]) -> f64 + '_ {
    |point, gradient| {
        gradient.fill(0.0);
        let mut sum = 0.0;
        for (group, (own, at)) in groups.iter().zip(point[2..].chunks_exact(3).zip(0..)) {
            let mut slope = [0.0; 5];
            sum += add(group, [own[0], own[1], own[2], point[0], point[1]], &mut slope);
            gradient[0] += SCALE * slope[3];
            gradient[1] += SCALE * slope[4];
            for (part, slope) in slope[..3].iter().enumerate() {
                gradient[2 + 3 * at + part] = SCALE * slope;
            }
        }
        SCALE * sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Sample> {
        (0..7_u8)
            .map(|i| Sample {
                ln_params: 14.0 + f64::from(i) * 0.7,
                ln_tokens: 19.0 + f64::from(i * 5 % 7) * 0.4,
                ln_loss: 1.2 - f64::from(i) * 0.03,
                weight: 1.0 + f64::from(i % 3),
            })
            .collect()
    }

    /// Compares the gradient with differences.
    fn check(mut function: impl FnMut(&[f64], &mut [f64]) -> f64, point: &[f64]) {
        let mut gradient = vec![0.0; point.len()];
        function(point, &mut gradient);
        for at in 0..point.len() {
            let mut moved = |by: f64| {
                let mut point = point.to_vec();
                point[at] += by;
                function(&point, &mut vec![0.0; gradient.len()])
            };
            let slope = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!((slope - gradient[at]).abs() < 1e-5 * slope.abs().max(1.0), "{at}: {slope}");
        }
    }

    #[test]
    fn gradients_are_those_of_the_differences() {
        let samples = samples();
        check(own(&samples), &[5.0, 6.0, 0.5, 0.33, 0.31]);
        let groups = [samples[..4].to_vec(), samples[3..].to_vec()];
        check(shared(&groups), &[0.33, 0.31, 5.0, 6.0, 0.5, 5.5, 5.8, 0.4]);
    }

    #[test]
    fn what_would_overflow_is_a_large_number() {
        let value = own(&samples())(&[900.0, 6.0, 0.5, 0.0, 0.3], &mut [0.0; 5]);
        assert!(value.is_finite() && value > 1_000.0, "{value}");
    }
}
