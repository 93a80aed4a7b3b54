//! AdamW and Muon in tensors of our own.
//!
//! `tch::nn::Optimizer` can neither save nor load its state, which makes an exact resume impossible;
//! so the moments live here and are saved with every checkpoint. AdamW is that of
//! `torch.optim.AdamW` (Loshchilov & Hutter, <https://arxiv.org/abs/1711.05101>), Muon that of
//! `torch.optim.Muon` with the rate of `adjust_lr_fn = "match_rms_adamw"`.

use tch::{Kind, Tensor};

use crate::config::train::{OptimizerChoice, TrainSettings};

use super::TrainError;
use super::adamw::{self, Factors, Weight};
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
        let (mut decayed, mut others) = (Vec::new(), Vec::new());
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
                Moments::AdamW { first, second } => {
                    let group = if decay > 0.0 { &mut decayed } else { &mut others };
                    group.push(Weight { value, gradient, moments: [first, second] });
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
        adamw::step(decayed, Factors { weight_decay: self.weight_decay, ..factors })?;
        adamw::step(others, factors)
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
/// the norm before that, in double precision and on the device: nothing waits for it here. As
/// `torch.nn.utils.clip_grad_norm_`.
///
/// # Errors
/// When libtorch fails.
pub(crate) fn clip(gradients: &mut [Tensor], limit: f64) -> Result<Tensor, TrainError> {
    let _guard = tch::no_grad_guard();
    let norms = gradients.iter().map(Tensor::f_norm);
    let norms: Vec<Tensor> = norms.collect::<Result<_, _>>()?;
    let norm = Tensor::f_stack(&norms, 0)?.f_norm()?.f_to_kind(Kind::Double)?;
    if limit > 0.0 {
        let factor = norm.f_full_like(limit)?.f_div(&norm.f_add_scalar(1e-6)?)?;
        let factor = factor.f_clamp_max(1.0)?.f_to_kind(Kind::Float)?;
        for gradient in gradients {
            let _ = gradient.f_mul_(&factor)?;
        }
    }
    Ok(norm)
}
