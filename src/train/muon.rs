//! Muon: momentum made orthogonal (Jordan et al., <https://kellerjordan.github.io/posts/muon/>).
//!
//! The update of a matrix is its momentum with all singular values brought near 1, by five
//! Newton–Schulz steps. Scaled by 0.2 · √(larger side), its entries are as large as AdamW's, so that
//! one learning rate and weight decay serve both (Moonlight, <https://arxiv.org/abs/2502.16982>).

use tch::{Kind, Tensor};

use super::TrainError;

/// Share of the momentum that stays from step to step.
const MOMENTUM: f64 = 0.95;

/// Coefficients of x, x³ and x⁵ in a Newton–Schulz step, and how many there are: chosen by the
/// authors for a steep slope at 0, so that singular values end between about 0.7 and 1.2.
const COEFFICIENTS: [f64; 3] = [3.4445, -4.7750, 2.0315];
const STEPS: usize = 5;

/// Smallest norm that is divided by.
const EPSILON: f64 = 1e-7;

/// Takes `gradient` into `momentum`, and gives the direction of the update (Nesterov's), computed in
/// `kind`.
///
/// # Errors
/// When libtorch fails.
pub(super) fn direction(
    momentum: &mut Tensor,
    gradient: &Tensor,
    kind: Kind,
) -> Result<Tensor, TrainError> {
    let _ = momentum.f_lerp_(gradient, 1.0 - MOMENTUM)?;
    let ahead = gradient.f_lerp(momentum, MOMENTUM)?;
    Ok(orthogonal(&ahead, kind)?.f_to_kind(Kind::Float)?)
}

/// What the learning rate is multiplied by for a matrix of this shape.
pub(super) fn scale(shape: &[i64]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "the side of a matrix in memory")]
    let largest = shape.iter().max().map_or(1.0, |&side| side as f64);
    0.2 * libm::sqrt(largest)
}

/// `matrix` with its singular values brought near 1.
fn orthogonal(matrix: &Tensor, kind: Kind) -> Result<Tensor, TrainError> {
    let [a, b, c] = COEFFICIENTS;
    let mut x = matrix.f_to_kind(kind)?;
    // The product below has the smaller side.
    let tall = matches!(matrix.size()[..], [rows, columns] if rows > columns);
    if tall {
        x = x.f_tr()?;
    }
    // The largest singular value is at most the norm.
    x = x.f_div(&x.f_norm()?.f_clamp_min(EPSILON)?)?;
    for _ in 0..STEPS {
        let gram = x.f_mm(&x.f_tr()?)?;
        let square = gram.f_mm(&gram)?;
        let factor = gram.f_mul_scalar(b)?.f_add(&square.f_mul_scalar(c)?)?;
        x = x.f_mul_scalar(a)?.f_add(&factor.f_mm(&x)?)?;
    }
    if tall { Ok(x.f_tr()?.f_contiguous()?) } else { Ok(x) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn singular_values_come_near_1() {
        for [rows, columns] in [[8, 8], [20, 6], [6, 20]] {
            let values = super::super::random::normals(3, "muon", rows * columns, 1.0);
            let size = [rows, columns].map(|side| i64::try_from(side).unwrap());
            let matrix = Tensor::from_slice(&values).reshape(size);
            let found = orthogonal(&matrix, Kind::Float).unwrap();
            assert_eq!(found.size(), size);
            let (_, values, _) = found.svd(true, true);
            let (least, most) = (values.min().double_value(&[]), values.max().double_value(&[]));
            // A square matrix may have a singular value near 0, which five steps do not bring up.
            assert!(most < 1.25 && (least > 0.6 || rows == columns), "{least} to {most}");
            // The singular vectors stay: the product with the matrix is near symmetric and positive.
            let product = matrix.tr().mm(&found);
            let skew = (&product - product.tr()).abs().max().double_value(&[]);
            assert!(skew < 1e-3 && product.trace().double_value(&[]) > 0.0, "{skew}");
        }
        let zero = Tensor::zeros([3, 4], (Kind::Float, Device::Cpu));
        assert!(orthogonal(&zero, Kind::Float).unwrap().abs().max().double_value(&[]) == 0.0);
    }
}
