//! Cross-entropy of the next token without ever holding the logits of a batch.
//!
//! With GPT-2's 50,257 tokens the logits of 8,192 positions are 1.6 GB, their gradient as much
//! again. So the loss is computed for a few positions at a time and, since the gradient of the
//! logits is known in closed form (softmax − one-hot), the gradients of both factors of the logits
//! are formed at once and the chunk forgotten; the idea of Cut Cross-Entropy
//! (<https://arxiv.org/abs/2411.09009>) and Liger's fused linear cross-entropy
//! (<https://arxiv.org/abs/2410.10989>).

use tch::{Device, Kind, Tensor};

use super::TrainError;

/// Bytes of logits in a chunk. Measured with GPT-2's vocabulary on a CPU, a quarter of it costs a
/// tenth more time (the matrix products become thin); more gains nothing.
const CHUNK_BYTES: i64 = 64 << 20;

/// The output layer: logits are hidden states times a matrix `head` `[vocabulary, width]`.
///
/// It owns the memory of a chunk: to allocate it anew for every chunk costs as much in page faults
/// as a matrix product.
pub(crate) struct OutputLayer {
    /// `[chunk, vocabulary]`.
    logits: Tensor,
    /// `[chunk, vocabulary]`.
    probabilities: Tensor,
    /// `[chunk, vocabulary]` in 16 bits, where matrices are multiplied in them.
    rounded: Option<Tensor>,
    /// Weight of the squared logarithm of the softmax's sum in the loss; 0 for none.
    z_loss: f64,
    device: Device,
    /// Positions in a chunk.
    chunk: i64,
}

/// What a chunk of positions comes to.
struct Forward {
    /// The probabilities of the whole vocabulary, in the layer's own memory.
    probabilities: Tensor,
    /// −Σ ln of those of the targets, in double precision.
    nats: Tensor,
    /// ln Σ exp of each position's logits, `[rows, 1]`.
    log_sums: Tensor,
}

impl OutputLayer {
    /// Memory for a vocabulary of `vocab` tokens, of which at most `positions` are used at a time;
    /// matrices are multiplied in `kind`. The softmax and all sums are computed in 32 bits.
    ///
    /// Gradients are those of the cross-entropy plus `z_loss` × (ln Σ exp logits)²
    /// (<https://arxiv.org/abs/2204.02311>, section 5), which keeps logits from drifting away; what
    /// is reported is the cross-entropy alone.
    ///
    /// # Errors
    /// When libtorch cannot allocate it.
    pub(crate) fn new(
        vocab: i64,
        positions: i64,
        kind: Kind,
        z_loss: f64,
        device: Device,
    ) -> Result<Self, TrainError> {
        let chunk = (CHUNK_BYTES / (4 * vocab)).clamp(1, positions.max(1));
        Ok(Self { z_loss, ..Self::with_chunk(vocab, chunk, kind, device)? })
    }

    fn with_chunk(vocab: i64, chunk: i64, kind: Kind, device: Device) -> Result<Self, TrainError> {
        let empty = |kind| Tensor::f_empty([chunk, vocab], (kind, device));
        Ok(Self {
            logits: empty(Kind::Float)?,
            probabilities: empty(Kind::Float)?,
            rounded: if kind == Kind::Float { None } else { Some(empty(kind)?) },
            z_loss: 0.0,
            device,
            chunk,
        })
    }

    /// Sum over all positions of −ln p(target), in nats, for `hidden` `[positions, width]` and
    /// `targets` `[positions]`.
    ///
    /// # Errors
    /// When libtorch fails.
    pub(crate) fn nats(
        &self,
        head: &Tensor,
        hidden: &Tensor,
        targets: &Tensor,
        positions: i64,
    ) -> Result<f64, TrainError> {
        let _guard = tch::no_grad_guard();
        let mut total = Tensor::f_zeros([1], (Kind::Double, self.device))?;
        let (head, hidden) = (self.round(head)?, self.round(hidden)?);
        for (start, rows) in chunks(positions, self.chunk) {
            let hidden = hidden.f_narrow(0, start, rows)?;
            let targets = targets.f_narrow(0, start, rows)?.f_unsqueeze(1)?;
            let _ = total.f_add_(&self.forward(&head, &hidden, &targets, rows)?.nats)?;
        }
        Ok(total.f_double_value(&[0])?)
    }

    /// As [`OutputLayer::nats`], in a tensor on the device, and the gradients of `scale` × that sum: the
    /// gradient of `hidden` is returned, that of `head` added to `head_gradient`.
    ///
    /// # Errors
    /// When libtorch fails.
    pub(crate) fn nats_and_gradients(
        &self,
        head: &Tensor,
        hidden: &Tensor,
        targets: &Tensor,
        positions: i64,
        scale: f64,
        head_gradient: &mut Tensor,
    ) -> Result<(Tensor, Tensor), TrainError> {
        let _guard = tch::no_grad_guard();
        let mut total = Tensor::f_zeros([], (Kind::Double, self.device))?;
        let mut gradients = Vec::new();
        let (head, hidden) = (self.round(head)?, self.round(hidden)?);
        for (start, rows) in chunks(positions, self.chunk) {
            let hidden = hidden.f_narrow(0, start, rows)?;
            let targets = targets.f_narrow(0, start, rows)?.f_unsqueeze(1)?;
            let forward = self.forward(&head, &hidden, &targets, rows)?;
            let _ = total.f_add_(&forward.nats)?;
            // softmax − one-hot is the gradient of the logits.
            let mut change = forward.probabilities;
            if self.z_loss > 0.0 {
                let factor = forward.log_sums.f_mul_scalar(2.0 * self.z_loss)?;
                let _ = change.f_mul_(&factor.f_add_scalar(1.0)?)?;
            }
            let minus_one = Tensor::f_full([rows, 1], -1.0, (Kind::Float, self.device))?;
            let _ = change.f_scatter_add_(1, &targets, &minus_one)?;
            if let Some(rounded) = &self.rounded {
                let mut rounded = rounded.f_narrow(0, 0, rows)?;
                rounded.f_copy_(&change)?;
                change = rounded;
            }
            let mut gradient = change.f_mm(&head)?.f_to_kind(Kind::Float)?;
            let _ = gradient.f_mul_scalar_(scale)?;
            gradients.push(gradient);
            let scaled = hidden.f_mul_scalar(scale)?;
            if self.rounded.is_some() {
                let _ = head_gradient.f_add_(&change.f_tr()?.f_mm(&scaled)?)?;
            } else {
                let _ = head_gradient.f_addmm_(&change.f_tr()?, &scaled)?;
            }
        }
        Ok((total, Tensor::f_cat(&gradients, 0)?))
    }

    /// `matrix` in the format that matrices are multiplied in.
    fn round(&self, matrix: &Tensor) -> Result<Tensor, TrainError> {
        let kind = self.rounded.as_ref().map_or(Kind::Float, Tensor::kind);
        Ok(matrix.f_to_kind(kind)?)
    }

    /// Computes `rows` positions with `targets` `[rows, 1]`.
    fn forward(
        &self,
        head: &Tensor,
        hidden: &Tensor,
        targets: &Tensor,
        rows: i64,
    ) -> Result<Forward, TrainError> {
        let mut logits = self.logits.f_narrow(0, 0, rows)?;
        let probabilities = self.probabilities.f_narrow(0, 0, rows)?;
        if let Some(rounded) = &self.rounded {
            let rounded = rounded.f_narrow(0, 0, rows)?;
            let _ = hidden.f_mm_out(&rounded, &head.f_tr()?)?;
            logits.f_copy_(&rounded)?;
        } else {
            let _ = hidden.f_mm_out(&logits, &head.f_tr()?)?;
        }
        let _ = logits.f_internal_softmax_out(&probabilities, 1, false)?;
        // A target's probability may underflow, the largest one cannot:
        // ln Σ exp = largest logit − ln(largest p), −ln p(target) = ln Σ exp − target's logit.
        let (largest, target) = (logits.f_amax(1, true)?, logits.f_gather(1, targets, false)?);
        let log_largest = probabilities.f_amax(1, true)?.f_log()?;
        // The difference of the two logits first: it is exact where they are near.
        let nats = largest.f_sub(&target)?.f_sub(&log_largest)?.f_sum(Kind::Double)?;
        let log_sums = largest.f_sub(&log_largest)?;
        Ok(Forward { probabilities, nats, log_sums })
    }
}

/// `(start, rows)` of pieces of at most `size` of `0..total`.
fn chunks(total: i64, size: i64) -> impl Iterator<Item = (i64, i64)> {
    (0..total.div_euclid(size) + i64::from(total % size != 0))
        .map(move |chunk| (chunk * size, size.min(total - chunk * size)))
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "equal by construction")]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_everything_once() {
        assert_eq!(chunks(7, 3).collect::<Vec<_>>(), [(0, 3), (3, 3), (6, 1)]);
        assert_eq!(chunks(6, 3).count(), 2);
        assert_eq!(chunks(1, 100).collect::<Vec<_>>(), [(0, 1)]);
    }

    #[test]
    fn equals_the_cross_entropy_of_autograd() {
        let device = Device::Cpu;
        let normals = |name: &str, rows: usize, deviation: f64| {
            let values = super::super::random::normals(1, name, rows * 4, deviation);
            Tensor::from_slice(&values).reshape([-1, 4]).set_requires_grad(true)
        };
        let (hidden, head) = (normals("hidden", 7, 2.0), normals("head", 100, 1.0));
        let targets = Tensor::from_slice(&[0_i64, 1, 1, 5, 99, 7, 42]);
        let logits = hidden.matmul(&head.tr());
        let loss = logits.cross_entropy_for_logits(&targets);
        loss.backward();

        let layer = OutputLayer::with_chunk(100, 3, Kind::Float, device).unwrap();
        let mut head_gradient = Tensor::zeros([100, 4], (Kind::Float, device));
        let detached = hidden.detach();
        let (nats, gradient) = layer
            .nats_and_gradients(&head, &detached, &targets, 7, 1.0 / 7.0, &mut head_gradient)
            .unwrap();
        let nats = nats.double_value(&[]);
        assert!((nats / 7.0 - loss.double_value(&[])).abs() < 1e-6);
        assert_eq!(layer.nats(&head, &detached, &targets, 7).unwrap(), nats);
        let distance = |left: &Tensor, right: &Tensor| (left - right).abs().max().double_value(&[]);
        assert!(distance(&gradient, &hidden.grad()) < 1e-6);
        assert!(distance(&head_gradient, &head.grad()) < 1e-6);
    }

    #[test]
    fn z_loss_is_that_of_autograd() {
        let device = Device::Cpu;
        let normals = |name: &str, rows: usize| {
            let values = super::super::random::normals(1, name, rows * 4, 1.5);
            Tensor::from_slice(&values).reshape([-1, 4]).set_requires_grad(true)
        };
        let (hidden, head) = (normals("hidden", 7), normals("head", 50));
        let targets = Tensor::from_slice(&[0_i64, 1, 1, 5, 49, 7, 42]);
        let logits = hidden.matmul(&head.tr());
        let entropy = logits.cross_entropy_for_logits(&targets);
        let squares = logits.logsumexp([1], false).square().mean(Kind::Float);
        (&entropy + squares * 0.1).backward();

        let layer = OutputLayer {
            z_loss: 0.1,
            ..OutputLayer::with_chunk(50, 3, Kind::Float, device).unwrap()
        };
        let mut head_gradient = Tensor::zeros([50, 4], (Kind::Float, device));
        let (nats, gradient) = layer
            .nats_and_gradients(&head, &hidden.detach(), &targets, 7, 1.0 / 7.0, &mut head_gradient)
            .unwrap();
        let nats = nats.double_value(&[]);
        assert!((nats / 7.0 - entropy.double_value(&[])).abs() < 1e-6, "only the cross-entropy");
        let distance = |left: &Tensor, right: &Tensor| (left - right).abs().max().double_value(&[]);
        assert!(distance(&gradient, &hidden.grad()) < 1e-5);
        assert!(distance(&head_gradient, &head.grad()) < 1e-5);
    }

    #[test]
    fn an_impossible_target_has_an_exact_loss() {
        let device = Device::Cpu;
        let head = Tensor::from_slice(&[0_f32, 200.0]).reshape([2, 1]);
        let hidden = Tensor::from_slice(&[1_f32]).reshape([1, 1]);
        let targets = Tensor::from_slice(&[0_i64]);
        let layer = OutputLayer::new(2, 1, Kind::Float, 0.0, device).unwrap();
        let mut gradient = Tensor::zeros([2, 1], (Kind::Float, device));
        let (nats, _) =
            layer.nats_and_gradients(&head, &hidden, &targets, 1, 1.0, &mut gradient).unwrap();
        let nats = nats.double_value(&[]);
        assert!((nats - 200.0).abs() < 1e-9, "{nats}");
        assert_eq!(gradient.double_value(&[0, 0]), -1.0);
    }
}
