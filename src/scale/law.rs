//! The parametric law of a loss, and what follows from it.

use serde::{Deserialize, Serialize};

/// Operations of a training, forward and backward, by parameter and token.
pub const FLOPS_PER_PARAM_TOKEN: f64 = 6.0;

/// `L(N, D) = E + A / N^alpha + B / D^beta`: approach 3 of Hoffmann et al.
/// (<https://arxiv.org/abs/2203.15556>), with N parameters and D tokens.
///
/// Where the tokens are repeated, D (and N, where it is more than the unique tokens want) stands for
/// what repetition leaves of it ([`Repetition`]).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Law {
    /// Loss that neither parameters nor tokens reduce.
    #[serde(rename = "E")]
    pub e: f64,
    /// Size of the parameters' term.
    #[serde(rename = "A")]
    pub a: f64,
    /// Size of the tokens' term.
    #[serde(rename = "B")]
    pub b: f64,
    /// Exponent of the parameters.
    pub alpha: f64,
    /// Exponent of the tokens.
    pub beta: f64,
    /// What repeated tokens are worth.
    #[serde(default)]
    pub repetition: Repetition,
}

/// What repetition leaves, after Muennighoff et al. (<https://arxiv.org/abs/2305.16264>): of `R`
/// repetitions of U unique tokens (D = U + R·U), `U + U·R*·(1 − exp(−R / R*))` tokens count; in the
/// same way of parameters beyond those that would be best for U tokens.
///
/// The paper takes the surplus parameters off at the first repeated token, so that the loss jumps
/// there, and a best N would be looked for at the edge. Here `1 − exp(−R)` of what it takes off is
/// taken off: nothing without repetition, 95 % at four epochs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Repetition {
    /// `R*` of tokens.
    pub tokens: f64,
    /// `R*` of parameters.
    pub params: f64,
    /// Whether they were fitted to runs with repeated tokens, or are those of the paper.
    pub fitted: bool,
}

impl Default for Repetition {
    fn default() -> Self {
        // The published fit, `R_D*` and `R_N*`.
        Self { tokens: 15.387_756, params: 5.309_743, fitted: false }
    }
}

/// Parameters and tokens that are best for a budget.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Optimum {
    /// Operations.
    pub flops: f64,
    /// N.
    pub params: f64,
    /// D, repetitions counted.
    pub tokens: f64,
    /// Loss by the law.
    pub loss: f64,
}

impl Law {
    /// The loss of `params` parameters after `tokens` tokens, of which `unique` are different ones
    /// (all of them, where it is not said).
    #[must_use]
    pub fn loss(&self, params: f64, tokens: f64, unique: Option<f64>) -> f64 {
        let (params, tokens) = self.effective(params, tokens, unique);
        self.e + self.a * libm::pow(params, -self.alpha) + self.b * libm::pow(tokens, -self.beta)
    }

    /// What repetition leaves of parameters and tokens.
    #[must_use]
    pub fn effective(&self, params: f64, tokens: f64, unique: Option<f64>) -> (f64, f64) {
        match unique {
            Some(unique) if tokens > unique => {
                let best = self.params_for(unique).min(params);
                let surplus = params - saturated(params, best, self.repetition.params);
                let repeated = -libm::expm1(1.0 - tokens / unique);
                (params - repeated * surplus, saturated(tokens, unique, self.repetition.tokens))
            }
            _ => (params, tokens),
        }
    }

    /// The exponent of N in the budget: the best N grows with `C^a`, `a = beta / (alpha + beta)`.
    #[must_use]
    pub fn params_exponent(&self) -> f64 {
        self.beta / (self.alpha + self.beta)
    }

    /// `(alpha·A / (beta·B))^(1 / (alpha + beta))`.
    fn balance(&self) -> f64 {
        let ratio = self.alpha * self.a / (self.beta * self.b);
        libm::pow(ratio, 1.0 / (self.alpha + self.beta))
    }

    /// The parameters that go with `tokens` fresh tokens in a compute-optimal training.
    #[must_use]
    pub fn params_for(&self, tokens: f64) -> f64 {
        // N = G·K^a and D = K^b / G with K = C / 6, so K = (G·D)^(1/b).
        let (a, balance) = (self.params_exponent(), self.balance());
        balance * libm::pow(balance * tokens, a / (1.0 - a))
    }

    /// The best N and D for a budget, by `C = 6·N·D`; `unique` tokens at most are different ones.
    #[must_use]
    pub fn optimum(&self, flops: f64, unique: Option<f64>) -> Optimum {
        let product = flops / FLOPS_PER_PARAM_TOKEN;
        let fresh = self.balance() * libm::pow(product, self.params_exponent());
        let loss = |params: f64| self.loss(params, product / params, unique);
        let params = match unique {
            Some(unique) if product / fresh > unique => {
                // Beyond the unique tokens there is no closed form. The loss has one valley in ln N.
                let at = |ln: f64| loss(libm::exp(ln));
                let centre = libm::log(fresh);
                libm::exp(valley(at, centre - 7.0, centre + 12.0))
            }
            _ => fresh,
        };
        Optimum { flops, params, tokens: product / params, loss: loss(params) }
    }

    /// Whether the law falls with parameters and tokens, as any use beyond its own runs needs.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let all = [self.e, self.a, self.b, self.alpha, self.beta];
        all.iter().all(|value| value.is_finite()) && self.alpha > 1e-3 && self.beta > 1e-3
    }
}

/// `base` and what counts of the repetitions that make `count` of it.
fn saturated(count: f64, base: f64, scale: f64) -> f64 {
    let repetitions = (count / base - 1.0).max(0.0);
    base + base * scale * -libm::expm1(-repetitions / scale)
}

/// Where a function with one valley is least, by golden sections.
fn valley(function: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_8;
    let (mut left, mut right) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
    let (mut at_left, mut at_right) = (function(left), function(right));
    // A loss is flat at its least: 1e-8 of the range is as near as its 16 digits can tell.
    for _ in 0..40 {
        if at_left <= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - GOLDEN * (high - low);
            at_left = function(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + GOLDEN * (high - low);
            at_right = function(right);
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOFFMANN: Law = Law {
        e: 1.69,
        a: 406.4,
        b: 410.7,
        alpha: 0.339_17,
        beta: 0.284_91,
        repetition: Repetition { tokens: 15.387_756, params: 5.309_743, fitted: false },
    };

    #[test]
    fn chinchilla_is_smaller_than_gopher_at_its_budget() {
        let best = HOFFMANN.optimum(5.76e23, None);
        // Table A3 of the paper, approach 3: 40.3 billion parameters for 5.76e23.
        assert!((best.params / 40.3e9 - 1.0).abs() < 0.25, "{best:?}");
        assert!((6.0 * best.params * best.tokens / 5.76e23 - 1.0).abs() < 1e-12);
        assert!((HOFFMANN.params_for(best.tokens) / best.params - 1.0).abs() < 1e-9);
        for factor in [0.9, 1.1] {
            let other = HOFFMANN.loss(best.params * factor, best.tokens / factor, None);
            assert!(other > best.loss);
        }
    }

    #[test]
    fn repeated_tokens_are_worth_less_and_never_more_than_their_bound() {
        let fresh = HOFFMANN.loss(1e9, 4e10, None);
        let four = HOFFMANN.loss(1e9, 4e10, Some(1e10));
        let forty = HOFFMANN.loss(1e9, 4e11, Some(1e10));
        let endless = HOFFMANN.loss(1e9, 4e15, Some(1e10));
        assert!(fresh < four && four > forty && forty > endless);
        // The paper: four epochs are nearly as good as fresh text.
        assert!(four - fresh < 0.01 * fresh, "{fresh} {four}");
        let (_, tokens) = HOFFMANN.effective(1e9, 4e15, Some(1e10));
        assert!((tokens / (1e10 * 16.387_756) - 1.0).abs() < 1e-9);
        assert_eq!(HOFFMANN.effective(1e9, 1e10, Some(1e10)), (1e9, 1e10));
    }

    #[test]
    fn the_loss_does_not_jump_at_the_first_repeated_token() {
        // Far more parameters than so few tokens want.
        let at = |tokens: f64| HOFFMANN.loss(1e11, tokens, Some(1e10));
        assert!((at(1e10 * (1.0 + 1e-9)) / at(1e10) - 1.0).abs() < 1e-8);
        let (params, _) = HOFFMANN.effective(1e11, 1e12, Some(1e10));
        let best = HOFFMANN.params_for(1e10);
        assert!((params / saturated(1e11, best, 5.309_743) - 1.0).abs() < 1e-9, "as the paper");
    }

    #[test]
    fn scarce_text_makes_models_larger_up_to_a_point() {
        let plenty = HOFFMANN.optimum(1e22, None);
        let scarce = HOFFMANN.optimum(1e22, Some(plenty.tokens / 20.0));
        assert!(scarce.loss > plenty.loss);
        let at =
            |params: f64| HOFFMANN.loss(params, 1e22 / 6.0 / params, Some(plenty.tokens / 20.0));
        let grid = (-60..=60).map(|i| at(plenty.params * libm::exp(f64::from(i) / 15.0)));
        assert!(grid.fold(f64::INFINITY, f64::min) >= scarce.loss - 1e-9);
        assert_eq!(HOFFMANN.optimum(1e22, Some(1e15)), plenty);
    }
}
