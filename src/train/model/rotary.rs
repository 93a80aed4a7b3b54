//! Rotary positions (<https://arxiv.org/abs/2104.09864>), in the halves of Hugging Face's Llama.

use tch::{Device, Kind, Tensor};

use super::super::TrainError;

/// Base of the frequencies (`rope_theta`).
pub(super) const THETA: f64 = 10_000.0;

/// Cosines and sines of the angles, `[length, head size / 2]` each.
pub(super) struct Rotary {
    cosine: Tensor,
    sine: Tensor,
}

impl Rotary {
    /// The tables for up to `length` positions of heads of `head` entries: position × θ^(−2i / head).
    /// Frequency and angle are rounded to 32 bits as `transformers` rounds them, so that an exported
    /// model computes the same; then cosine and sine to `kind`.
    ///
    /// # Errors
    /// When libtorch cannot make a tensor.
    pub(super) fn new(
        length: i64,
        head: i64,
        kind: Kind,
        device: Device,
    ) -> Result<Self, TrainError> {
        let mut angles = Vec::new();
        for position in 0..length {
            for pair in 0..head / 2 {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_precision_loss,
                    reason = "positions are small integers; 32 bits are what is wanted"
                )]
                angles.push(
                    position as f32 * libm::pow(THETA, -2.0 * pair as f64 / head as f64) as f32,
                );
            }
        }
        let table = |function: fn(f32) -> f32| -> Result<Tensor, TrainError> {
            let values: Vec<f32> = angles.iter().map(|angle| function(*angle)).collect();
            let table = Tensor::f_from_slice(&values)?.f_reshape([length, head / 2])?;
            Ok(table.f_to_kind(kind)?.f_to_device(device)?)
        };
        Ok(Self { cosine: table(libm::cosf)?, sine: table(libm::sinf)? })
    }

    /// The tables of `length` positions from `start` on.
    ///
    /// # Errors
    /// When libtorch fails.
    pub(super) fn range(&self, start: i64, length: i64) -> Result<Self, TrainError> {
        Ok(Self {
            cosine: self.cosine.f_narrow(0, start, length)?,
            sine: self.sine.f_narrow(0, start, length)?,
        })
    }

    /// Turns the pairs (i, i + half) of each head `[…, length, head size]` by the angle of their
    /// position.
    ///
    /// # Errors
    /// When libtorch fails.
    pub(super) fn rotate(&self, heads: &Tensor) -> Result<Tensor, TrainError> {
        let halves = heads.f_chunk(2, -1)?;
        let [first, second] = &halves[..] else {
            unreachable!("heads have an even size");
        };
        let turned = [
            first.f_mul(&self.cosine)?.f_sub(&second.f_mul(&self.sine)?)?,
            second.f_mul(&self.cosine)?.f_add(&first.f_mul(&self.sine)?)?,
        ];
        Ok(Tensor::f_cat(&turned, -1)?)
    }
}
