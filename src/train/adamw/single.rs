//! AdamW in single operations: eight passes over weights and moments.

use tch::Tensor;

use super::super::TrainError;
use super::Factors;

/// Weights that take one step together.
#[derive(Default)]
pub(in super::super) struct Group<'a> {
    weights: Vec<(&'a mut Tensor, &'a Tensor, [&'a mut Tensor; 2])>,
}

impl<'a> Group<'a> {
    /// Adds a weight with its gradient and the running means of the gradient and of its square.
    pub(in super::super) fn push(
        &mut self,
        value: &'a mut Tensor,
        gradient: &'a Tensor,
        moments: [&'a mut Tensor; 2],
    ) {
        self.weights.push((value, gradient, moments));
    }

    /// One step of all of them, in place.
    ///
    /// # Errors
    /// When libtorch fails.
    pub(in super::super) fn step(self, factors: Factors) -> Result<(), TrainError> {
        let Factors { step, learning_rate, beta1, beta2, weight_decay, epsilon } = factors;
        for (value, gradient, [first, second]) in self.weights {
            let _ = value.f_mul_scalar_(1.0 - learning_rate * weight_decay)?;
            let _ = first.f_lerp_(gradient, 1.0 - beta1)?;
            let _ = second.f_lerp_(&gradient.f_square()?, 1.0 - beta2)?;
            let mut divisor = second.f_sqrt()?;
            let _ = divisor.f_div_scalar_(libm::sqrt(1.0 - libm::pow(beta2, step)))?;
            let _ = divisor.f_add_scalar_(epsilon)?;
            let mut change = first.f_div(&divisor)?;
            let _ = change.f_mul_scalar_(-learning_rate / (1.0 - libm::pow(beta1, step)))?;
            let _ = value.f_add_(&change)?;
        }
        Ok(())
    }
}
