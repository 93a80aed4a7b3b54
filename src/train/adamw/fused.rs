//! libtorch's fused AdamW: weights and moments pass through the processor once a step, and not once
//! for each of eight operations.
//!
//! `tch` does not bind it; `fused.cpp` does. It is compiled where libtorch's headers are found (see
//! `build.rs`, which then sets `cfg(fused)`).
#![expect(unsafe_code, reason = "calls C++; the call says why it may")]

use tch::Tensor;

use super::super::TrainError;
use super::super::caught::Caught;
use super::Factors;

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

/// Weights that take one step together. All tensors have 32 bits, and those that change lie in one
/// piece.
#[derive(Default)]
pub(in super::super) struct Group<'a> {
    values: Vec<&'a mut Tensor>,
    gradients: Vec<&'a Tensor>,
    moments: Vec<[&'a mut Tensor; 2]>,
}

impl<'a> Group<'a> {
    /// Adds a weight with its gradient and the running means of the gradient and of its square.
    pub(in super::super) fn push(
        &mut self,
        value: &'a mut Tensor,
        gradient: &'a Tensor,
        moments: [&'a mut Tensor; 2],
    ) {
        self.values.push(value);
        self.gradients.push(gradient);
        self.moments.push(moments);
    }

    /// One step of all of them, in place.
    ///
    /// # Errors
    /// When libtorch fails.
    pub(in super::super) fn step(self, factors: Factors) -> Result<(), TrainError> {
        let raw = |tensor: &Tensor| tensor.as_ptr().cast::<RawTensor>();
        let changed = |tensor: &mut Tensor| tensor.as_mut_ptr().cast::<RawTensor>().cast_const();
        let gradients: Vec<_> = self.gradients.into_iter().map(raw).collect();
        let values: Vec<_> = self.values.into_iter().map(changed).collect();
        let (first, second): (Vec<_>, Vec<_>) = self
            .moments
            .into_iter()
            .map(|[first, second]| (changed(first), changed(second)))
            .unzip();
        // SAFETY: the four lists have `values.len()` entries (`push` adds one to each), all of them
        // point to tensors that are borrowed for 'a, those that are changed exclusively; nothing is kept.
        let caught = unsafe {
            tamis_fused_adamw(
                values.as_ptr(),
                gradients.as_ptr(),
                first.as_ptr(),
                second.as_ptr(),
                values.len(),
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
}
