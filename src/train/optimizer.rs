//! AdamW and Muon in tensors of our own.
//!
//! `tch::nn::Optimizer` can neither save nor load its state, which makes an exact resume impossible;
//! so the moments live here and are saved with every checkpoint. AdamW is that of
//! `torch.optim.AdamW` (Loshchilov & Hutter, <https://arxiv.org/abs/1711.05101>), Muon that of
//! `torch.optim.Muon` with the rate of `adjust_lr_fn = "match_rms_adamw"`.

use tch::{Kind, Tensor};

use crate::config::train::{OptimizerChoice, TrainSettings};

use super::TrainError;
#[cfg(fused)]
use super::fused::Group;
use super::model::{Parameter, Role, compute_kind};
use super::muon;

/// What is remembered of a weight's gradients.
pub(crate) enum Moments {
    /// Running means of the gradient and of its square.
    AdamW {
        /// Of the gradient.
        first: Tensor,
        /// Of its square.
        second: Tensor,
    },
    /// A running mean of the gradient.
    Muon {
        /// It.
        momentum: Tensor,
    },
}

impl Moments {
    /// The tensors, each with its name in a checkpoint.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, &Tensor)> {
        let (one, other) = match self {
            Self::AdamW { first, second } => (("first", first), Some(("second", second))),
            Self::Muon { momentum } => (("momentum", momentum), None),
        };
        std::iter::once(one).chain(other)
    }

    /// As [`Moments::named`], to change them.
    pub(crate) fn named_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut Tensor)> {
        let (one, other) = match self {
            Self::AdamW { first, second } => (("first", first), Some(("second", second))),
            Self::Muon { momentum } => (("momentum", momentum), None),
        };
        std::iter::once(one).chain(other)
    }
}

/// What a step of AdamW multiplies by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Factors {
    /// Number of the step, from 1.
    pub(super) step: f64,
    pub(super) learning_rate: f64,
    pub(super) beta1: f64,
    pub(super) beta2: f64,
    pub(super) weight_decay: f64,
    pub(super) epsilon: f64,
}

/// The moments of every parameter, and how they become updates.
pub(crate) struct Optimizer {
    /// In the order of the parameters.
    pub(crate) moments: Vec<Moments>,
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    weight_decay: f64,
    /// The number format that Muon multiplies in.
    kind: Kind,
}

impl Optimizer {
    /// Moments of zero.
    ///
    /// # Errors
    /// When libtorch cannot make a tensor.
    pub(crate) fn new(
        settings: &TrainSettings,
        parameters: &[Parameter],
    ) -> Result<Self, TrainError> {
        let _guard = tch::no_grad_guard();
        let moments = parameters.iter().map(|parameter| {
            let zero = || parameter.tensor.f_zeros_like();
            Ok(match (settings.optimizer, parameter.role) {
                (OptimizerChoice::Muon, Role::Matrix) => Moments::Muon { momentum: zero()? },
                _ => Moments::AdamW { first: zero()?, second: zero()? },
            })
        });
        Ok(Self {
            moments: moments.collect::<Result<_, TrainError>>()?,
            beta1: settings.beta1,
            beta2: settings.beta2,
            epsilon: settings.epsilon,
            weight_decay: settings.weight_decay,
            kind: compute_kind(settings),
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
        let all = parameters.iter_mut().zip(gradients).zip(&mut self.moments);
        #[cfg(fused)]
        let (mut decayed, mut others) = (Group::default(), Group::default());
        let factors = Factors {
            step,
            learning_rate,
            beta1: self.beta1,
            beta2: self.beta2,
            weight_decay: 0.0,
            epsilon: self.epsilon,
        };
        for ((parameter, gradient), moments) in all {
            let decay = if parameter.role.decays() { self.weight_decay } else { 0.0 };
            let value = &mut parameter.tensor;
            match moments {
                #[cfg(fused)]
                Moments::AdamW { first, second } => {
                    let group = if decay > 0.0 { &mut decayed } else { &mut others };
                    group.push(value, gradient, [first, second]);
                }
                #[cfg(not(fused))]
                Moments::AdamW { first, second } => {
                    let factors = Factors { weight_decay: decay, ..factors };
                    adamw(value, gradient, [first, second], factors)?;
                }
                Moments::Muon { momentum } => {
                    let _ = value.f_mul_scalar_(1.0 - learning_rate * decay)?;
                    let mut change = muon::direction(momentum, gradient, self.kind)?;
                    let rate = learning_rate * muon::scale(&parameter.shape);
                    let _ = change.f_mul_scalar_(-rate)?;
                    let _ = value.f_add_(&change)?;
                }
            }
        }
        #[cfg(fused)]
        {
            decayed.step(Factors { weight_decay: self.weight_decay, ..factors })?;
            others.step(factors)?;
        }
        Ok(())
    }
}

/// A step of AdamW in single operations, for builds without the fused one.
#[cfg(any(test, not(fused)))]
pub(super) fn adamw(
    value: &mut Tensor,
    gradient: &Tensor,
    [first, second]: [&mut Tensor; 2],
    factors: Factors,
) -> Result<(), TrainError> {
    let Factors { step, learning_rate, beta1, beta2, weight_decay, epsilon } = factors;
    let _ = value.f_mul_scalar_(1.0 - learning_rate * weight_decay)?;
    let _ = first.f_lerp_(gradient, 1.0 - beta1)?;
    let _ = second.f_lerp_(&gradient.f_square()?, 1.0 - beta2)?;
    let mut divisor = second.f_sqrt()?;
    let _ = divisor.f_div_scalar_(libm::sqrt(1.0 - libm::pow(beta2, step)))?;
    let _ = divisor.f_add_scalar_(epsilon)?;
    let mut change = first.f_div(&divisor)?;
    let _ = change.f_mul_scalar_(-learning_rate / (1.0 - libm::pow(beta1, step)))?;
    let _ = value.f_add_(&change)?;
    Ok(())
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
