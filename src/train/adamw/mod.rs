//! Steps of AdamW, as `torch.optim.AdamW` takes them (Loshchilov & Hutter,
//! <https://arxiv.org/abs/1711.05101>): by libtorch's fused kernel, or where that cannot be called in
//! single operations, whose last bits are others.

#[cfg(fused)]
mod fused;
#[cfg(any(test, not(fused)))]
pub(super) mod single;

#[cfg(fused)]
pub(super) use self::fused::step;
#[cfg(not(fused))]
pub(super) use self::single::step;
use tch::Tensor;

/// A weight that takes a step, with what belongs to it. All tensors have 32 bits.
pub(super) struct Weight<'a> {
    pub(super) value: &'a mut Tensor,
    pub(super) gradient: &'a Tensor,
    /// The running means of the gradient and of its square.
    pub(super) moments: [&'a mut Tensor; 2],
}

/// What a step multiplies by.
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
