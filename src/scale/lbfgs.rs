//! Limited-memory BFGS (<https://doi.org/10.1007/BF01589116>) with the bisecting weak-Wolfe line
//! search of Lewis and Overton (<https://doi.org/10.1007/s10107-012-0514-2>), which holds up where a
//! function has kinks: Huber's loss with δ = 1e-3 is nearly an absolute value.

/// Pairs of steps and gradient changes that are kept.
const MEMORY: usize = 10;
/// Share of the predicted decrease that a step must bring.
const ARMIJO: f64 = 1e-4;
/// Share of the slope that may be left after a step.
const CURVATURE: f64 = 0.9;
/// Halvings and doublings of one line search.
const TRIALS: usize = 50;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stop {
    /// Iterations at most.
    pub(crate) iterations: usize,
    /// Relative decrease of three iterations together below which nothing more is expected.
    pub(crate) decrease: f64,
    /// Largest entry of the gradient at which a point counts as a minimum.
    pub(crate) gradient: f64,
}

/// Where a search ended.
#[derive(Debug, Clone)]
pub(crate) struct Minimum {
    pub(crate) point: Vec<f64>,
    pub(crate) value: f64,
}

/// Searches a minimum of `function`, which writes its gradient to its second argument, from `start`.
///
/// A point where the function is not finite is never accepted, so it may overflow.
pub(crate) fn minimise(
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
    start: &[f64],
    limits: Stop,
) -> Minimum {
    let size = start.len();
    let mut at = Place::new(start.to_vec());
    at.value = function(&at.point, &mut at.gradient);
    if !at.value.is_finite() {
        return Minimum { point: at.point, value: f64::INFINITY };
    }
    let mut history = History::default();
    let mut direction = vec![0.0; size];
    let (mut good, mut trial) = (Place::new(vec![0.0; size]), Place::new(vec![0.0; size]));
    let mut earlier = [f64::INFINITY; 3];
    for iteration in 0..limits.iterations {
        if at.gradient.iter().all(|slope| slope.abs() <= limits.gradient) {
            break;
        }
        history.direction(&at.gradient, &mut direction);
        let mut slope = dot(&direction, &at.gradient);
        if slope.is_nan() || slope >= 0.0 {
            history.pairs.clear();
            history.direction(&at.gradient, &mut direction);
            slope = dot(&direction, &at.gradient);
        }
        // A first step is no longer than 1: nothing is known of the curvature yet.
        let mut step =
            if history.pairs.is_empty() { 1.0 / libm::sqrt(-slope).max(1.0) } else { 1.0 };
        let (mut low, mut high) = (0.0, f64::INFINITY);
        for _ in 0..TRIALS {
            for ((trial, point), direction) in trial.point.iter_mut().zip(&at.point).zip(&direction)
            {
                *trial = point + step * direction;
            }
            trial.value = function(&trial.point, &mut trial.gradient);
            if trial.value <= at.value + ARMIJO * step * slope {
                low = step;
                std::mem::swap(&mut good, &mut trial);
                if dot(&good.gradient, &direction) >= CURVATURE * slope {
                    break;
                }
            } else {
                high = step;
            }
            step = if high.is_finite() { f64::midpoint(low, high) } else { 2.0 * low };
            if high - low <= 1e-15 * high {
                break;
            }
        }
        if low == 0.0 {
            if history.pairs.is_empty() {
                break;
            }
            // The curvature that is remembered leads nowhere: once more along the gradient.
            history.pairs.clear();
            continue;
        }
        history.push(&at, &good);
        std::mem::swap(&mut at, &mut good);
        let before = std::mem::replace(&mut earlier[iteration % 3], at.value);
        if before - at.value <= limits.decrease * at.value.abs() {
            break;
        }
    }
    Minimum { point: at.point, value: at.value }
}

/// A point with what the function is there.
struct Place {
    point: Vec<f64>,
    gradient: Vec<f64>,
    value: f64,
}

impl Place {
    fn new(point: Vec<f64>) -> Self {
        let gradient = vec![0.0; point.len()];
        Self { point, gradient, value: f64::INFINITY }
    }
}

/// A step, the change of the gradient over it, and 1 / their product.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    inverse: f64,
}

/// What is remembered of the curvature, oldest first.
#[derive(Default)]
struct History {
    pairs: Vec<Pair>,
}

impl History {
    fn push(&mut self, from: &Place, to: &Place) {
        let mut pair = if self.pairs.len() == MEMORY {
            self.pairs.remove(0)
        } else {
            let size = from.point.len();
            Pair { step: vec![0.0; size], change: vec![0.0; size], inverse: 0.0 }
        };
        let difference = |out: &mut [f64], to: &[f64], from: &[f64]| {
            for ((out, to), from) in out.iter_mut().zip(to).zip(from) {
                *out = to - from;
            }
        };
        difference(&mut pair.step, &to.point, &from.point);
        difference(&mut pair.change, &to.gradient, &from.gradient);
        let product = dot(&pair.step, &pair.change);
        // The line search sees to a positive product; what rounding made of it is left out.
        if product > 1e-300 {
            pair.inverse = 1.0 / product;
            self.pairs.push(pair);
        }
    }

    /// The two loops of L-BFGS: minus the gradient, through the remembered curvature.
    fn direction(&self, gradient: &[f64], out: &mut [f64]) {
        for (out, slope) in out.iter_mut().zip(gradient) {
            *out = -slope;
        }
        let mut shares = [0.0; MEMORY];
        for (pair, share) in self.pairs.iter().zip(&mut shares).rev() {
            *share = pair.inverse * dot(&pair.step, out);
            add(out, -*share, &pair.change);
        }
        if let Some(last) = self.pairs.last() {
            let scale = 1.0 / (last.inverse * dot(&last.change, &last.change));
            for out in &mut *out {
                *out *= scale;
            }
        }
        for (pair, share) in self.pairs.iter().zip(&shares) {
            let back = pair.inverse * dot(&pair.change, out);
            add(out, share - back, &pair.step);
        }
    }
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

fn add(out: &mut [f64], factor: f64, what: &[f64]) {
    for (out, what) in out.iter_mut().zip(what) {
        *out += factor * what;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOP: Stop = Stop { iterations: 1_000, decrease: 1e-15, gradient: 1e-10 };

    #[test]
    fn rosenbrock_has_its_minimum_at_one() {
        let rosenbrock = |x: &[f64], slope: &mut [f64]| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            slope[0] = -2.0 * a - 400.0 * x[0] * b;
            slope[1] = 200.0 * b;
            a * a + 100.0 * b * b
        };
        let found = minimise(rosenbrock, &[-1.2, 1.0], STOP);
        assert!(found.value < 1e-18, "{found:?}");
        assert!(found.point.iter().all(|x| (x - 1.0).abs() < 1e-8), "{found:?}");
    }

    #[test]
    fn kinks_and_overflow_do_not_stop_it() {
        // Nearly |x − 2| + |y + 1|, and infinite beyond 5.
        let function = |x: &[f64], slope: &mut [f64]| {
            if x[0] > 5.0 {
                return f64::INFINITY;
            }
            let huber = |r: f64| {
                if r.abs() < 1e-3 { (r * r / 2e-3, r / 1e-3) } else { (r.abs() - 5e-4, r.signum()) }
            };
            let (one, two) = (huber(x[0] - 2.0), huber(x[1] + 1.0));
            (slope[0], slope[1]) = (one.1, two.1);
            one.0 + two.0
        };
        let found = minimise(function, &[-40.0, 33.0], STOP);
        assert!(found.value < 1e-12, "{found:?}");
        let nowhere = minimise(function, &[9.0, 0.0], STOP);
        assert_eq!(nowhere.point, [9.0, 0.0]);
        assert!(nowhere.value.is_infinite());
    }
}
