//! One optimiser step: micro-batches, accumulated gradients, clipping, update.

use std::ops::Range;

use tch::{Device, Kind, Tensor};

use crate::config::train::TrainSettings;

use super::data::{self, Batch};
use super::load::Initial;
use super::loss::OutputLayer;
use super::micro_batch::{MicroBatch, Targets};
use super::model::{Model, Rows, compute_kind};
use super::optimizer::{Optimizer, clip, zeros_like};
use super::parallel::{Group, Kept};
use super::validation::{Validation, Windows};
use super::{SourceLoss, TrainError};

/// Bytes of activations that a micro-batch may keep for its backward pass.
const CPU_ACTIVATION_BYTES: u64 = 256 << 20;
const GPU_ACTIVATION_BYTES: u64 = 4 << 30;

/// The model, its optimiser and its gradients.
pub(crate) struct Trainer<'a> {
    pub(crate) settings: &'a TrainSettings,
    pub(crate) model: Model,
    pub(crate) optimizer: Optimizer,
    /// In the order of the parameters.
    pub(crate) gradients: Vec<Tensor>,
    output: OutputLayer,
    /// What each token's loss counts for in the loss of the batch: one by its learnt tokens.
    scale: f64,
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
    /// Initial weights, those of `initial` where there are, and moments of zero.
    ///
    /// # Errors
    /// When libtorch cannot make the tensors, or the weights are of another shape.
    pub(crate) fn new(
        settings: &'a TrainSettings,
        device: Device,
        initial: Option<&Initial>,
    ) -> Result<Self, TrainError> {
        let model = match initial {
            Some(initial) => initial.model(settings, device)?,
            None => Model::new(settings, device)?,
        };
        let micro_batch = micro_batch(settings, device);
        let positions = micro_batch * u64::from(settings.sequence_length);
        Ok(Self {
            settings,
            optimizer: Optimizer::new(settings, &model.parameters)?,
            gradients: zeros_like(&model.parameters)?,
            output: OutputLayer::new(
                settings.vocab_size.into(),
                positions.cast_signed(),
                compute_kind(settings),
                settings.z_loss,
                device,
            )?,
            scale: mean(settings.batch_tokens()),
            micro_batch,
            model,
        })
    }

    /// The gradient of `batch`, of `batch_sequences` samples, clipped; weights stay as they are. Each
    /// process of `group` computes its part of the samples, and all come to the same result.
    ///
    /// # Errors
    /// When libtorch fails, or another process is gone.
    pub(crate) fn gradients(
        &mut self,
        batch: &Batch,
        group: &mut Group,
    ) -> Result<StepResult, TrainError> {
        let split = group.split(batch.pieces.len());
        // Of the whole batch, whichever part of it this process computes.
        self.scale = mean(batch.learnt());
        let mut sums = Vec::new();
        let mut kept = Kept::default();
        if split.mine().is_empty() {
            self.forget_gradients()?;
        }
        for part in split.mine() {
            self.forget_gradients()?;
            sums.push(self.samples(batch, split.samples(part))?);
            group.keep(&self.gradients, &mut kept)?;
        }
        group.sum(&split, &mut self.gradients, &kept)?;
        sums.push(clip(&mut self.gradients, self.settings.clip)?);
        // A process that is alone waits for the device here, and nowhere else.
        let mut numbers: Vec<f64> = Tensor::f_stack(&sums, 0)?.try_into()?;
        let gradient_norm = numbers.pop().unwrap_or(f64::NAN);
        let mut nats = vec![0.0; split.parts];
        nats[split.mine()].copy_from_slice(&numbers);
        group.add(&mut nats)?;
        #[expect(clippy::cast_precision_loss, reason = "tokens of a batch")]
        let loss = nats.iter().sum::<f64>() / batch.learnt().max(1) as f64;
        let [loss, gradient_norm] = group.agree([loss, gradient_norm])?;
        Ok(StepResult { loss, gradient_norm })
    }

    fn forget_gradients(&mut self) -> Result<(), TrainError> {
        for gradient in &mut self.gradients {
            let _ = gradient.f_zero_()?;
        }
        Ok(())
    }

    /// Adds the gradient of some samples of `batch`, a micro-batch at a time; returns their
    /// cross-entropy summed over the tokens, in nats.
    fn samples(&mut self, batch: &Batch, range: Range<usize>) -> Result<Tensor, TrainError> {
        let parts = self.micro_batches(batch, range)?;
        let mut nats = Tensor::f_zeros([], (Kind::Double, self.model.device))?;
        for part in &parts {
            let _ = nats.f_add_(&self.accumulate(part)?)?;
        }
        Ok(nats)
    }

    /// Some samples of `batch`, cut up.
    fn micro_batches(
        &self,
        batch: &Batch,
        range: Range<usize>,
    ) -> Result<Vec<MicroBatch>, TrainError> {
        let length = self.settings.sequence_length as usize;
        let width = length + 1;
        let rows = usize::try_from(self.micro_batch).unwrap_or(usize::MAX);
        let tokens = range.start * width..range.end * width;
        let ids = batch.ids[tokens.clone()].chunks(rows.saturating_mul(width));
        // No masks are masks of no rows.
        let loss = batch.loss.get(tokens).unwrap_or_default();
        let mut loss = loss.chunks(rows.saturating_mul(width));
        ids.zip(batch.pieces[range].chunks(rows))
            .map(|(ids, pieces)| {
                let borders = pieces.iter().map(|pieces| data::borders(pieces).collect());
                let borders = self.settings.document_masking.then(|| borders.collect());
                let loss = loss.next().unwrap_or_default();
                MicroBatch::new(ids, loss, length, borders, self.model.device)
            })
            .collect()
    }

    /// Updates the weights with the gradient that [`Trainer::gradients`] computed last, as step
    /// `step` (from 1).
    ///
    /// # Errors
    /// When libtorch fails.
    pub(crate) fn update(&mut self, step: u64, learning_rate: f64) -> Result<(), TrainError> {
        self.optimizer.update(&mut self.model.parameters, &self.gradients, learning_rate, step)
    }

    /// Adds the gradient of one micro-batch; returns its cross-entropy summed over the tokens that are
    /// learnt, in nats, on the device.
    pub(crate) fn accumulate(&mut self, part: &MicroBatch) -> Result<Tensor, TrainError> {
        let mask = part.mask()?;
        let rows = part.rows(mask.as_ref());
        if self.settings.activation_checkpointing {
            self.accumulate_by_block(&part.inputs, &part.targets, rows)
        } else {
            let hidden = self.model.hidden(&part.inputs, rows)?;
            let (nats, gradient) = self.loss(&hidden, &part.targets, rows)?;
            let body = 0..self.model.body().len();
            let _ = self.backward(&hidden, &gradient, body, None)?;
            Ok(nats)
        }
    }

    /// As [`Trainer::accumulate`], keeping nothing of the forward pass but the stream between
    /// blocks: each block is computed again for its backward pass
    /// (<https://arxiv.org/abs/1604.06174>). The sums are the same, in the same order.
    fn accumulate_by_block(
        &mut self,
        inputs: &Tensor,
        targets: &Targets,
        rows: Rows<'_>,
    ) -> Result<Tensor, TrainError> {
        let layers = self.model.layers;
        let mut streams = Vec::with_capacity(layers + 1);
        {
            let _guard = tch::no_grad_guard();
            let mut stream = self.model.embed(inputs, rows)?;
            for layer in 0..layers {
                let next = self.model.block(layer, &stream, rows)?;
                streams.push(std::mem::replace(&mut stream, next));
            }
            streams.push(stream);
        }
        let mut leaf = || -> Result<Tensor, TrainError> {
            // There is one stream more than blocks, and each is asked for once.
            let stream = streams.pop().unwrap_or_else(Tensor::new);
            Ok(stream.f_set_requires_grad(true)?)
        };
        let blocks = self.model.block_weights(0).start..self.model.block_weights(layers - 1).end;
        let last = leaf()?;
        let hidden = self.model.finish(&last)?;
        let (nats, gradient) = self.loss(&hidden, targets, rows)?;
        let norm = blocks.end..self.model.body().len();
        let mut gradient = self.backward(&hidden, &gradient, norm, Some(&last))?;
        for layer in (0..layers).rev() {
            let stream = leaf()?;
            let next = self.model.block(layer, &stream, rows)?;
            let weights = self.model.block_weights(layer);
            gradient = self.backward(&next, &gradient, weights, Some(&stream))?;
        }
        let stream = self.model.embed(inputs, rows)?;
        let _ = self.backward(&stream, &gradient, 0..blocks.start, None)?;
        Ok(nats)
    }

    /// The summed cross-entropy for `hidden`, and the gradient of the batch's loss with respect to it;
    /// that of the output matrix is added.
    fn loss(
        &mut self,
        hidden: &Tensor,
        targets: &Targets,
        rows: Rows<'_>,
    ) -> Result<(Tensor, Tensor), TrainError> {
        let positions = rows.rows * rows.length;
        let head = self.model.head_index();
        let flat = hidden.f_detach()?.f_reshape([positions, self.settings.width.into()])?;
        if targets.count == 0 {
            let nats = Tensor::f_zeros([], (Kind::Double, self.model.device))?;
            return Ok((nats, hidden.f_detach()?.f_zeros_like()?));
        }
        let learnt = targets.learnt(&flat)?;
        let (nats, gradient) = self.output.nats_and_gradients(
            self.model.head(),
            &learnt,
            &targets.ids,
            targets.count,
            self.scale,
            &mut self.gradients[head],
        )?;
        let gradient = match &targets.places {
            Some(places) => flat.f_zeros_like()?.f_index_copy(0, places, &gradient)?,
            None => gradient,
        };
        Ok((nats, gradient.f_reshape(hidden.size())?))
    }

    /// Goes back from `output`, whose gradient is `gradient`, to the weights `range` of the body,
    /// adding their gradients; gives that of `input` where there is one.
    fn backward(
        &mut self,
        output: &Tensor,
        gradient: &Tensor,
        range: Range<usize>,
        input: Option<&Tensor>,
    ) -> Result<Tensor, TrainError> {
        // The gradient of this sum with respect to `output` is `gradient`.
        let surrogate = output.f_mul(gradient)?.f_sum(None)?;
        let weights = self.model.body()[range.clone()].iter().map(|it| &it.tensor);
        let inputs: Vec<&Tensor> = weights.chain(input).collect();
        let mut gradients = Tensor::f_run_backward(&[surrogate], &inputs, false, false)?;
        let of_input = if input.is_some() { gradients.pop() } else { None };
        let _guard = tch::no_grad_guard();
        for (sum, gradient) in self.gradients[range].iter_mut().zip(&gradients) {
            let _ = sum.f_add_(gradient)?;
        }
        Ok(of_input.unwrap_or_else(Tensor::new))
    }

    /// Cross-entropy of the validation tokens of each source. Each process of `group` computes some of
    /// it, and all come to the same result, which does not depend on their number.
    ///
    /// # Errors
    /// When libtorch fails, or another process is gone.
    pub(crate) fn validate(
        &self,
        validation: &Validation,
        group: &mut Group,
    ) -> Result<Vec<SourceLoss>, TrainError> {
        let _guard = tch::no_grad_guard();
        let rows = usize::try_from(self.micro_batch).unwrap_or(usize::MAX);
        let batches = |number| validation.batches(number, rows);
        let mut nats = Vec::new();
        for windows in (0..validation.sources.len()).flat_map(batches) {
            let mine = group.is_mine(nats.len());
            nats.push(if mine { self.nats(windows)? } else { 0.0 });
        }
        group.add(&mut nats)?;
        let mut nats = nats.into_iter();
        let losses = validation.sources.iter().enumerate().map(|(number, source)| {
            let sizes = batches(number).map(|windows| windows.learnt());
            let (nats, tokens) = sizes
                .zip(&mut nats)
                .fold((0.0, 0), |(sum, tokens), (size, nats)| (sum + nats, tokens + size));
            SourceLoss::new(source, nats, tokens)
        });
        Ok(losses.collect())
    }

    /// Cross-entropy of all tokens that `windows` predict and that are learnt, in nats.
    fn nats(&self, windows: Windows) -> Result<f64, TrainError> {
        let Windows { ids, loss, length, borders, .. } = windows;
        let borders = self.settings.document_masking.then_some(borders);
        let part = MicroBatch::new(&ids, &loss, length, borders, self.model.device)?;
        if part.targets.count == 0 {
            return Ok(0.0);
        }
        let mask = part.mask()?;
        let hidden = self
            .model
            .hidden(&part.inputs, part.rows(mask.as_ref()))?
            .f_reshape([part.positions(), i64::from(self.settings.width)])?;
        let hidden = part.targets.learnt(&hidden)?;
        self.output.nats(self.model.head(), &hidden, &part.targets.ids, part.targets.count)
    }
}

/// Sequences in a micro-batch: what the activations leave room for. It depends on the settings and
/// the kind of device alone, so that a resumed training adds in the same order.
pub(super) fn micro_batch(settings: &TrainSettings, device: Device) -> u64 {
    let room = match device {
        Device::Cpu => CPU_ACTIVATION_BYTES,
        _ => GPU_ACTIVATION_BYTES,
    };
    (room / settings.activation_bytes()).clamp(1, settings.batch_sequences)
}

/// The share of one of `tokens` in their mean.
#[expect(clippy::cast_precision_loss, reason = "tokens of a batch")]
fn mean(tokens: u64) -> f64 {
    1.0 / tokens.max(1) as f64
}
