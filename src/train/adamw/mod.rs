//! Steps of AdamW, as `torch.optim.AdamW` takes them (Loshchilov & Hutter,
//! <https://arxiv.org/abs/1711.05101>): by libtorch's fused kernel, or where that cannot be called in
//! single operations, whose last bits are others.

#[cfg(fused)]
mod fused;
#[cfg(any(test, not(fused)))]
pub(super) mod single;

#[cfg(fused)]
pub(super) use self::fused::Group;
#[cfg(not(fused))]
pub(super) use self::single::Group;

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
