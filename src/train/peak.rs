//! How fast a device multiplies matrices: what the speed of a training is held against.
//!
//! Utilisation is usually a share of what a data sheet promises (`PaLM`, appendix B,
//! <https://arxiv.org/abs/2204.02311>). Of whatever processors and threads a training has there is no
//! such sheet, so the mark is measured: a large product in the training's number format, on its
//! device and threads.

use std::time::Instant;

use tch::{Device, Kind, Tensor};

use super::TrainError;

/// Rows and columns: as many as make a product as fast as it gets, in some hundredths of a second and
/// so little memory that a training which fits still does.
const CPU_SIZE: i64 = 512;
const GPU_SIZE: i64 = 4_096;

/// The best of so many counts; the first one prepares.
const TIMES: usize = 4;

/// Floating-point operations a second of a product of square matrices of `kind`.
///
/// # Errors
/// When libtorch fails.
pub(super) fn peak(kind: Kind, device: Device) -> Result<f64, TrainError> {
    let _guard = tch::no_grad_guard();
    let size = if device == Device::Cpu { CPU_SIZE } else { GPU_SIZE };
    let ones = Tensor::f_ones([size, size], (kind, device))?;
    let product = ones.f_zeros_like()?;
    let mut best = f64::INFINITY;
    for _ in 0..TIMES {
        let begun = Instant::now();
        let _ = ones.f_mm_out(&product, &ones)?;
        // To read a number is to wait for the device.
        let _ = product.f_double_value(&[0, 0])?;
        best = best.min(begun.elapsed().as_secs_f64());
    }
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let size = size as f64;
    Ok(2.0 * size * size * size / best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_makes_between_a_hundred_million_and_a_hundred_million_million() {
        for kind in [Kind::Float, Kind::BFloat16] {
            let peak = peak(kind, Device::Cpu).unwrap();
            assert!((1e8..1e14).contains(&peak), "{kind:?}: {peak:e}");
        }
    }
}
