//! One optimiser step: micro-batches, accumulated gradients, clipping, update.

use tch::{Device, Tensor};

use crate::config::train::TrainSettings;

use super::loss::OutputLayer;
use super::model::{Model, compute_kind};
use super::optimizer::{AdamW, clip, zeros_like};
use super::validation::Validation;
use super::{SourceLoss, TrainError};

/// Bytes of activations that a micro-batch may keep for its backward pass.
const CPU_ACTIVATION_BYTES: u64 = 256 << 20;
const GPU_ACTIVATION_BYTES: u64 = 4 << 30;

/// The model, its optimiser and its gradients.
pub(crate) struct Trainer<'a> {
    pub(crate) settings: &'a TrainSettings,
    pub(crate) model: Model,
    pub(crate) optimizer: AdamW,
    /// In the order of the parameters.
    pub(crate) gradients: Vec<Tensor>,
    output: OutputLayer,
    /// Sequences in a micro-batch.
    pub(crate) micro_batch: u64,
}

/// What a step measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepResult {
    /// Mean cross-entropy of the batch before the update, nats a token.
    pub(crate) loss: f64,
    /// Global L2 norm of the gradient before clipping.
    pub(crate) gradient_norm: f64,
}

impl StepResult {
    /// Whether both are finite.
    pub(crate) fn is_finite(&self) -> bool {
        self.loss.is_finite() && self.gradient_norm.is_finite()
    }
}

impl<'a> Trainer<'a> {
    /// Initial weights and moments of zero.
    ///
    /// # Errors
    /// When libtorch cannot make the tensors.
    pub(crate) fn new(settings: &'a TrainSettings, device: Device) -> Result<Self, TrainError> {
        let model = Model::new(settings, device)?;
        let micro_batch = micro_batch(settings, device);
        let positions = micro_batch * u64::from(settings.sequence_length);
        Ok(Self {
            settings,
            optimizer: AdamW::new(settings, &model.parameters)?,
            gradients: zeros_like(&model.parameters)?,
            output: OutputLayer::new(
                settings.vocab_size.into(),
                positions.cast_signed(),
                compute_kind(settings),
                device,
            )?,
            micro_batch,
            model,
        })
    }

    /// The gradient of the batch `ids`, `[batch_sequences, sequence_length + 1]`, clipped; weights
    /// stay as they are.
    ///
    /// # Errors
    /// When libtorch fails.
    pub(crate) fn gradients(&mut self, ids: &[i64]) -> Result<StepResult, TrainError> {
        for gradient in &mut self.gradients {
            let _ = gradient.f_zero_()?;
        }
        let width = self.settings.sequence_length as usize + 1;
        let rows = usize::try_from(self.micro_batch).unwrap_or(usize::MAX);
        let mut nats = 0.0;
        for micro_batch in ids.chunks(rows.saturating_mul(width)) {
            nats += self.accumulate(micro_batch, (micro_batch.len() / width) as u64)?;
        }
        #[expect(clippy::cast_precision_loss, reason = "tokens of a batch")]
        let loss = nats / self.settings.batch_tokens() as f64;
        let gradient_norm = clip(&mut self.gradients, self.settings.clip)?;
        Ok(StepResult { loss, gradient_norm })
    }

    /// Updates the weights with the gradient that [`Trainer::gradients`] computed last, as step
    /// `step` (from 1).
    ///
    /// # Errors
    /// When libtorch fails.
    pub(crate) fn update(&mut self, step: u64, learning_rate: f64) -> Result<(), TrainError> {
        self.optimizer.update(&mut self.model.parameters, &self.gradients, learning_rate, step)
    }

    /// Adds the gradient of one micro-batch of token ids `[rows, sequence_length + 1]`; returns its
    /// cross-entropy summed over the tokens, in nats.
    pub(crate) fn accumulate(&mut self, ids: &[i64], rows: u64) -> Result<f64, TrainError> {
        let length = i64::from(self.settings.sequence_length);
        let rows = rows.cast_signed();
        let (inputs, targets) = split(ids, rows, length, self.model.device)?;
        let width = i64::from(self.settings.width);
        let hidden = self.model.hidden(&inputs, rows, length)?.f_reshape([rows * length, width])?;
        #[expect(clippy::cast_precision_loss, reason = "tokens of a batch")]
        let scale = 1.0 / self.settings.batch_tokens() as f64;
        let head = self.model.head_index();
        let (nats, gradient) = self.output.nats_and_gradients(
            self.model.head(),
            &hidden.f_detach()?,
            &targets,
            rows * length,
            scale,
            &mut self.gradients[head],
        )?;
        // The gradient of this sum with respect to `hidden` is `gradient`: autograd goes on from
        // there through the blocks.
        let surrogate = hidden.f_mul(&gradient)?.f_sum(None)?;
        let inputs: Vec<&Tensor> = self.model.body().iter().map(|it| &it.tensor).collect();
        let gradients = Tensor::f_run_backward(&[surrogate], &inputs, false, false)?;
        let _guard = tch::no_grad_guard();
        for (sum, gradient) in self.gradients.iter_mut().zip(&gradients) {
            let _ = sum.f_add_(gradient)?;
        }
        Ok(nats)
    }

    /// Cross-entropy of the validation tokens of each source.
    ///
    /// # Errors
    /// When libtorch fails.
    pub(crate) fn validate(&self, validation: &Validation) -> Result<Vec<SourceLoss>, TrainError> {
        let _guard = tch::no_grad_guard();
        let rows = usize::try_from(self.micro_batch).unwrap_or(usize::MAX);
        let mut losses = Vec::with_capacity(validation.sources.len());
        for (number, source) in validation.sources.iter().enumerate() {
            let (mut nats, mut tokens) = (0.0, 0);
            for (rows, length, ids) in validation.batches(number, rows) {
                let [rows, length] = [rows, length].map(|size| size.cast_signed() as i64);
                let (inputs, targets) = split(&ids, rows, length, self.model.device)?;
                let hidden = self
                    .model
                    .hidden(&inputs, rows, length)?
                    .f_reshape([rows * length, i64::from(self.settings.width)])?;
                nats += self.output.nats(self.model.head(), &hidden, &targets, rows * length)?;
                tokens += (rows * length).cast_unsigned();
            }
            losses.push(SourceLoss::new(source, nats, tokens));
        }
        Ok(losses)
    }
}

/// Sequences in a micro-batch: what the activations leave room for. It depends on the settings and
/// the kind of device alone, so that a resumed training adds in the same order.
fn micro_batch(settings: &TrainSettings, device: Device) -> u64 {
    let room = match device {
        Device::Cpu => CPU_ACTIVATION_BYTES,
        _ => GPU_ACTIVATION_BYTES,
    };
    (room / settings.activation_bytes()).clamp(1, settings.batch_sequences)
}

/// Windows `[rows, length + 1]` to inputs `[rows, length]` and targets `[rows × length]`.
fn split(
    ids: &[i64],
    rows: i64,
    length: i64,
    device: Device,
) -> Result<(Tensor, Tensor), TrainError> {
    let ids = Tensor::f_from_slice(ids)?.f_reshape([rows, length + 1])?.f_to_device(device)?;
    Ok((
        ids.f_narrow(1, 0, length)?.f_contiguous()?,
        ids.f_narrow(1, 1, length)?.f_reshape([rows * length])?,
    ))
}
