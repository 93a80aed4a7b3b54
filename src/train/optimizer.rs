//! AdamW in tensors of our own.
//!
//! `tch::nn::Optimizer` can neither save nor load its state, which makes an exact resume impossible;
//! so the moments live here and are saved with every checkpoint. The update is that of
//! `torch.optim.AdamW` (Loshchilov & Hutter, <https://arxiv.org/abs/1711.05101>).

use tch::Tensor;

use crate::config::train::TrainSettings;

use super::TrainError;
use super::model::Parameter;

/// AdamW: the moments of every parameter.
pub(crate) struct AdamW {
    /// Running mean of the gradients, in the order of the parameters.
    pub(crate) first: Vec<Tensor>,
    /// Running mean of their squares.
    pub(crate) second: Vec<Tensor>,
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    weight_decay: f64,
}

impl AdamW {
    /// Moments of zero.
    ///
    /// # Errors
    /// When libtorch cannot make a tensor.
    pub(crate) fn new(
        settings: &TrainSettings,
        parameters: &[Parameter],
    ) -> Result<Self, TrainError> {
        Ok(Self {
            first: zeros_like(parameters)?,
            second: zeros_like(parameters)?,
            beta1: settings.beta1,
            beta2: settings.beta2,
            epsilon: settings.epsilon,
            weight_decay: settings.weight_decay,
        })
    }

    /// One update of all `parameters` in place; `step` counts from 1.
    ///
    /// # Errors
    /// When libtorch fails.
    pub(crate) fn update(
        &mut self,
        parameters: &mut [Parameter],
        gradients: &[Tensor],
        learning_rate: f64,
        step: u64,
    ) -> Result<(), TrainError> {
        let _guard = tch::no_grad_guard();
        #[expect(clippy::cast_precision_loss, reason = "steps below 2^53 are exact")]
        let step = step as f64;
        let first_bias = 1.0 - libm::pow(self.beta1, step);
        let second_bias = libm::sqrt(1.0 - libm::pow(self.beta2, step));
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((parameter, gradient), (first, second)) in
            parameters.iter_mut().zip(gradients).zip(moments)
        {
            let value = &mut parameter.tensor;
            if parameter.decays && self.weight_decay > 0.0 {
                let _ = value.f_mul_scalar_(1.0 - learning_rate * self.weight_decay)?;
            }
            let _ = first.f_lerp_(gradient, 1.0 - self.beta1)?;
            let _ = second.f_lerp_(&gradient.f_square()?, 1.0 - self.beta2)?;
            let mut divisor = second.f_sqrt()?;
            let _ = divisor.f_div_scalar_(second_bias)?;
            let _ = divisor.f_add_scalar_(self.epsilon)?;
            let mut change = first.f_div(&divisor)?;
            let _ = change.f_mul_scalar_(-learning_rate / first_bias)?;
            let _ = value.f_add_(&change)?;
        }
        Ok(())
    }
}

/// A zero for each parameter, of its shape.
///
/// # Errors
/// When libtorch cannot make a tensor.
pub(crate) fn zeros_like(parameters: &[Parameter]) -> Result<Vec<Tensor>, TrainError> {
    let _guard = tch::no_grad_guard();
    let zeros = parameters.iter().map(|parameter| parameter.tensor.f_zeros_like());
    Ok(zeros.collect::<Result<_, _>>()?)
}

/// Scales `gradients` down to the global L2 norm `limit` where they exceed it (0: never); returns
/// the norm before that. As `torch.nn.utils.clip_grad_norm_`.
///
/// # Errors
/// When libtorch fails.
pub(crate) fn clip(gradients: &mut [Tensor], limit: f64) -> Result<f64, TrainError> {
    let _guard = tch::no_grad_guard();
    let norms = gradients.iter().map(Tensor::f_norm);
    let norms: Vec<Tensor> = norms.collect::<Result<_, _>>()?;
    let norm = Tensor::f_stack(&norms, 0)?.f_norm()?.f_double_value(&[])?;
    let factor = limit / (norm + 1e-6);
    if limit > 0.0 && factor < 1.0 {
        for gradient in gradients {
            let _ = gradient.f_mul_scalar_(factor)?;
        }
    }
    Ok(norm)
}
