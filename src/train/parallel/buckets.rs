//! Gradients as a few long rows of numbers.
//!
//! Many small messages cost more than one of the same length, so tensors travel together until they
//! come to 25 MB, as in PyTorch's DDP (<https://arxiv.org/abs/2006.15704>). A tensor is never cut.

use std::ops::Range;

use tch::{Device, Kind, Tensor};

use super::super::TrainError;

/// Bytes that a bucket should come to.
const BUCKET_BYTES: usize = 25 << 20;

/// The tensors of each bucket, in order, for tensors of these numbers of values.
pub(super) fn buckets(sizes: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut buckets: Vec<Range<usize>> = Vec::new();
    let mut held = 0;
    for (number, size) in sizes.enumerate() {
        match buckets.last_mut() {
            Some(last) if held + size * 4 <= BUCKET_BYTES => {
                last.end = number + 1;
                held += size * 4;
            }
            _ => {
                buckets.push(number..number + 1);
                held = size * 4;
            }
        }
    }
    buckets
}

/// [`buckets`] of tensors.
pub(super) fn of(tensors: &[Tensor]) -> Vec<Range<usize>> {
    buckets(tensors.iter().map(Tensor::numel))
}

/// The values of tensors, one after the other, where they are.
///
/// # Errors
/// When libtorch fails.
pub(super) fn flatten(tensors: &[Tensor]) -> Result<Tensor, TrainError> {
    let rows: Vec<Tensor> =
        tensors.iter().map(|tensor| tensor.f_reshape([-1])).collect::<Result<_, _>>()?;
    Ok(Tensor::f_cat(&rows, 0)?)
}

/// Gives tensors the values of [`flatten`].
///
/// # Errors
/// When libtorch fails.
pub(super) fn unflatten(row: &Tensor, tensors: &mut [Tensor]) -> Result<(), TrainError> {
    let mut at = 0;
    for tensor in tensors {
        let count = tensor.numel().cast_signed() as i64;
        tensor.f_copy_(&row.f_narrow(0, at, count)?.f_reshape(tensor.size())?)?;
        at += count;
    }
    Ok(())
}

/// The values of a row, in the memory of the process.
///
/// # Errors
/// When libtorch fails.
pub(super) fn to_host(row: &Tensor) -> Result<Vec<f32>, TrainError> {
    let mut values = vec![0.0; row.numel()];
    let row = row.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    row.f_copy_data(&mut values, row.numel())?;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_travel_together_up_to_25_megabytes() {
        let million = 1 << 20;
        let sizes = [10, 6 * million, 20, 30 * million, 5, million, 6 * million];
        assert_eq!(buckets(sizes.into_iter()), [0..3, 3..4, 4..6, 6..7]);
        assert!(buckets(std::iter::empty()).is_empty());
    }

    #[test]
    fn values_come_back() {
        let values: Vec<f32> = (0_u8..20).map(f32::from).collect();
        let all = Tensor::from_slice(&values);
        let tensors = [all.narrow(0, 0, 12).reshape([3, 4]).tr(), all.narrow(0, 12, 8)];
        let row = flatten(&tensors).unwrap();
        let mut back = tensors.each_ref().map(Tensor::zeros_like);
        unflatten(&row, &mut back).unwrap();
        assert!(tensors.iter().zip(&back).all(|(one, other)| one == other));
        assert_eq!(to_host(&row).unwrap()[..3], [0.0, 4.0, 8.0]);
    }
}
