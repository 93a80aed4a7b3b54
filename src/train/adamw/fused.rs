//! libtorch's fused AdamW: weights and moments pass through the processor once a step, and not once
//! for each of eight operations.
//!
//! `tch` does not bind it; `fused.cpp` does. It is compiled where libtorch's headers are found (see
//! `build.rs`, which then sets `cfg(fused)`).
#![expect(unsafe_code, reason = "calls C++; the call says why it may")]

use tch::Tensor;

use super::super::TrainError;
use super::super::caught::Caught;
use super::{Factors, Weight};

/// `at::Tensor`.
#[repr(C)]
struct RawTensor([u8; 0]);

unsafe extern "C" {
    fn tamis_fused_adamw(
        values: *const *const RawTensor,
        gradients: *const *const RawTensor,
        first: *const *const RawTensor,
        second: *const *const RawTensor,
        count: usize,
        step: f64,
        learning_rate: f64,
        beta1: f64,
        beta2: f64,
        weight_decay: f64,
        epsilon: f64,
    ) -> Caught;
}

/// One step of all of `weights`, in place; those tensors that change lie in one piece.
///
/// # Errors
/// When libtorch fails.
pub(in super::super) fn step(weights: Vec<Weight<'_>>, factors: Factors) -> Result<(), TrainError> {
    let changed = |tensor: &mut Tensor| tensor.as_mut_ptr().cast::<RawTensor>().cast_const();
    let count = weights.len();
    let [mut values, mut gradients, mut first, mut second] =
        [(); 4].map(|()| Vec::with_capacity(count));
    for weight in weights {
        let [mean, square] = weight.moments;
        values.push(changed(weight.value));
        gradients.push(weight.gradient.as_ptr().cast::<RawTensor>());
        first.push(changed(mean));
        second.push(changed(square));
    }
    // SAFETY: the four lists have `count` entries, all of which point to tensors that the caller has
    // lent until this function returns, those that are changed exclusively; nothing is kept.
    let caught = unsafe {
        tamis_fused_adamw(
            values.as_ptr(),
            gradients.as_ptr(),
            first.as_ptr(),
            second.as_ptr(),
            count,
            factors.step,
            factors.learning_rate,
            factors.beta1,
            factors.beta2,
            factors.weight_decay,
            factors.epsilon,
        )
    };
    caught.result().map_err(|said| TrainError::from(tch::TchError::Torch(said)))
}
