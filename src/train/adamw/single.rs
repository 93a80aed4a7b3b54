//! AdamW in single operations: eight passes over weights and moments.

use super::super::TrainError;
use super::{Factors, Weight};

/// One step of all of `weights`, in place.
///
/// # Errors
/// When libtorch fails.
pub(in super::super) fn step(weights: Vec<Weight<'_>>, factors: Factors) -> Result<(), TrainError> {
    let Factors { step, learning_rate, beta1, beta2, weight_decay, epsilon } = factors;
    for Weight { value, gradient, moments: [first, second] } in weights {
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
