//! The module and its batches.

use std::io::Cursor;
use std::sync::{Arc, Mutex, PoisonError};

use tch::{CModule, Cuda, Device, IValue, Kind, TchError, Tensor};
use tokenizers::pipeline::PipelineToken;

use super::encoder::Encoder;
use super::{Activation, Torchscript, int_score};
use crate::config::train::DeviceChoice;
use crate::document::{Batch, SignalColumn, SignalValue};
use crate::model::read_asset;
use crate::ops::{BuildContext, Decision, OpError, PartitionOp};
use crate::tokens::tokenizer::Tokenizer;

/// Tokens of the shortest row.
const SHORTEST: usize = 32;

/// Bytes of a text that are looked at, for each token.
const BYTES_A_TOKEN: usize = 64;

/// The op.
pub(super) struct Network {
    settings: Torchscript,
    tokenizer: Arc<Tokenizer>,
    begin: Option<i64>,
    end: Option<i64>,
    padding: i64,
    device: Device,
    /// One batch at a time: libtorch has threads of its own.
    module: Mutex<Module>,
}

/// What gives the numbers.
enum Module {
    Script(CModule),
    Encoder(Encoder),
}

impl Module {
    fn read(settings: &Torchscript, device: Device) -> Result<Self, OpError> {
        let bytes = read_asset(&settings.model)?;
        let path = settings.model.display();
        if let Some(config) = &settings.config {
            let encoder = Encoder::read(&read_asset(config)?, &bytes, device)
                .map_err(|reason| wrong("model", format!("`{path}`: {reason}")))?;
            if i64::try_from(settings.max_length).is_ok_and(|most| most > encoder.positions()) {
                let most = encoder.positions();
                return Err(wrong("max_length", format!("the model has {most} positions")));
            }
            return Ok(Self::Encoder(encoder));
        }
        let mut module =
            CModule::load_data_on_device(&mut Cursor::new(&bytes), device).map_err(|error| {
                let error = said(&error);
                wrong("model", format!("`{path}` is no TorchScript module: {error}"))
            })?;
        module.f_set_eval().map_err(|error| wrong("model", said(&error)))?;
        Ok(Self::Script(module))
    }

    /// `None` where it gives no tensor.
    fn forward(&self, ids: Tensor, mask: Tensor) -> Result<Option<Tensor>, TchError> {
        match self {
            Self::Script(module) => {
                // A module that is optimised while it runs gives other numbers from its third batch on.
                tch::jit::f_set_graph_executor_optimize(false)?;
                Ok(tensor(module.forward_is(&[IValue::Tensor(ids), IValue::Tensor(mask)])?))
            }
            Self::Encoder(encoder) => encoder.forward(&ids, &mask).map(Some),
        }
    }
}

fn wrong(key: &'static str, reason: impl Into<String>) -> OpError {
    OpError::Setting { key, reason: reason.into() }
}

/// What libtorch says, without its stack.
fn said(error: &TchError) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.take(3).collect::<Vec<_>>().join(" ")
}

fn device(choice: DeviceChoice) -> Result<Device, OpError> {
    match choice {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Auto if !Cuda::is_available() => Ok(Device::Cpu),
        DeviceChoice::Cuda if !Cuda::is_available() => {
            Err(wrong("device", "libtorch sees no CUDA device; give \"auto\" or \"cpu\""))
        }
        DeviceChoice::Auto | DeviceChoice::Cuda => Ok(Device::Cuda(0)),
    }
}

/// The id of the token that a setting names, or of the first usual one.
fn token(
    tokenizer: &Tokenizer,
    key: &'static str,
    name: Option<&str>,
    usual: &[&str],
) -> Result<Option<i64>, OpError> {
    match name {
        Some("") => Ok(None),
        Some(name) => match tokenizer.token_id(name) {
            Some(id) => Ok(Some(i64::from(id))),
            None => Err(wrong(key, format!("the tokenizer has no token `{name}`"))),
        },
        None => Ok(usual.iter().find_map(|name| tokenizer.token_id(name)).map(i64::from)),
    }
}

/// The tensor of a module's result.
fn tensor(value: IValue) -> Option<Tensor> {
    match value {
        IValue::Tensor(tensor) => Some(tensor),
        IValue::Tuple(values) | IValue::GenericList(values) => {
            values.into_iter().next().and_then(tensor)
        }
        IValue::TensorList(values) => values.into_iter().next(),
        IValue::GenericDict(values) => {
            let named =
                |(key, _): &(IValue, IValue)| matches!(key, IValue::String(key) if key == "logits");
            values.into_iter().find(named).and_then(|(_, value)| tensor(value))
        }
        _ => None,
    }
}

impl Network {
    pub(super) fn new(settings: &Torchscript, context: &BuildContext<'_>) -> Result<Self, OpError> {
        let tokenizer = context.assets.tokenizer(&settings.tokenizer)?;
        let device = device(settings.device)?;
        let module = Module::read(settings, device)?;
        let named = |key, name: &Option<String>, usual: &[&str]| {
            token(&tokenizer, key, name.as_deref(), usual)
        };
        let begin = named("begin", &settings.begin, &["[CLS]", "<s>"])?;
        let end = named("end", &settings.end, &["[SEP]", "</s>"])?;
        let padding = named("padding", &settings.padding, &["[PAD]", "<pad>"])?.unwrap_or(0);
        let settings = settings.clone();
        let module = Mutex::new(module);
        let network = Self { settings, tokenizer, begin, end, padding, device, module };
        // Finds a module of another shape before the first document.
        network.scores(&[vec![padding]], SHORTEST.min(network.settings.max_length))?;
        Ok(network)
    }

    /// The tokens of a text; `None` where the tokenizer cannot express it.
    fn tokens(&self, text: &str, buffer: &mut Vec<PipelineToken>) -> Option<Vec<i64>> {
        let most = self.settings.max_length;
        let text = &text[..text.floor_char_boundary(most.saturating_mul(BYTES_A_TOKEN))];
        buffer.clear();
        self.tokenizer.encode_into(text, buffer).ok()?;
        let special = usize::from(self.begin.is_some()) + usize::from(self.end.is_some());
        let inside = PipelineToken::cast_slice(buffer).iter().map(|&id| i64::from(id));
        let tokens = self.begin.into_iter().chain(inside.take(most - special)).chain(self.end);
        let tokens: Vec<i64> = tokens.collect();
        // A row of padding alone has nothing to attend to.
        Some(if tokens.is_empty() { vec![self.padding] } else { tokens })
    }

    /// The length of the row for so many tokens.
    fn length(&self, tokens: usize) -> usize {
        tokens.max(SHORTEST).next_power_of_two().min(self.settings.max_length)
    }

    /// The scores of documents of at most `length` tokens, at most a batch of them; `None` for what
    /// is no number.
    fn scores(&self, rows: &[Vec<i64>], length: usize) -> Result<Vec<Option<f64>>, OpError> {
        let size = self.settings.batch_size;
        let (mut ids, mut mask) = (Vec::new(), Vec::new());
        // Missing rows repeat the last.
        let last = rows.last().into_iter().cycle();
        for row in rows.iter().chain(last).take(size) {
            ids.extend(row.iter().copied().chain(std::iter::repeat(self.padding)).take(length));
            let ones = std::iter::repeat_n(1, row.len()).chain(std::iter::repeat(0));
            mask.extend(ones.take(length));
        }
        let run = || -> Result<Option<Tensor>, TchError> {
            let _guard = tch::no_grad_guard();
            let shape = [i64::try_from(size).unwrap_or(1), i64::try_from(length).unwrap_or(1)];
            let input = |values: &[i64]| -> Result<Tensor, TchError> {
                Tensor::f_from_slice(values)?.f_reshape(shape)?.f_to_device(self.device)
            };
            let module = self.module.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(output) = module.forward(input(&ids)?, input(&mask)?)? else {
                return Ok(None);
            };
            let output = output.f_to_device(Device::Cpu)?.f_to_kind(Kind::Double)?;
            let output = if output.dim() == 1 { output.f_unsqueeze(1)? } else { output };
            Ok(Some(match self.settings.activation {
                Activation::None => output,
                Activation::Sigmoid => output.f_sigmoid()?,
                Activation::Softmax => output.f_softmax(-1, Kind::Double)?,
            }))
        };
        let failed =
            |error: TchError| wrong("model", format!("the module fails: {}", said(&error)));
        let output = run().map_err(failed)?;
        let output = output.ok_or_else(|| wrong("model", "it gives no tensor"))?;
        let shape = output.size();
        let &[documents, labels] = shape.as_slice() else {
            let reason =
                format!("it gives numbers of the shape {shape:?}, not (documents, labels)");
            return Err(wrong("model", reason));
        };
        if usize::try_from(documents) != Ok(size) {
            let reason = format!("it gives {documents} rows for {size} documents");
            return Err(wrong("model", reason));
        }
        if self.settings.output >= labels {
            let reason = format!("the module gives {labels} numbers a document, counted from 0");
            return Err(wrong("output", reason));
        }
        let column =
            output.f_select(1, self.settings.output).and_then(|column| column.f_contiguous());
        let column = column.map_err(failed)?;
        let values = Vec::<f64>::try_from(&column).map_err(failed)?;
        let rounded = |value: f64| value.is_finite().then(|| (value * 1e4).round() / 1e4 + 0.0);
        Ok(values.into_iter().take(rows.len()).map(rounded).collect())
    }
}

impl PartitionOp for Network {
    fn partition(
        &self,
        batch: &Batch,
        rows: &[usize],
        signals: &mut [SignalColumn],
    ) -> Result<Vec<Decision>, OpError> {
        let mut buffer = Vec::new();
        let texts = rows.iter().map(|&row| self.tokens(batch.text(row), &mut buffer));
        let mut texts: Vec<Option<Vec<i64>>> = texts.collect();
        let counts: Vec<Option<usize>> =
            texts.iter().map(|tokens| tokens.as_ref().map(Vec::len)).collect();
        let mut order: Vec<usize> = (0..texts.len()).filter(|&at| counts[at].is_some()).collect();
        order.sort_by_key(|&at| counts[at]);
        let length = |at: usize| self.length(counts[at].unwrap_or(0));
        let mut scores = vec![None; rows.len()];
        for alike in order.chunk_by(|&left, &right| length(left) == length(right)) {
            for chunk in alike.chunks(self.settings.batch_size) {
                let tokens: Vec<Vec<i64>> =
                    chunk.iter().filter_map(|&at| texts[at].take()).collect();
                let found = self.scores(&tokens, length(chunk[0]))?;
                for (&at, score) in chunk.iter().zip(found) {
                    scores[at] = score;
                }
            }
        }
        let mut next = rows.iter().enumerate().peekable();
        for row in 0..batch.len() {
            let at = next.next_if(|(_, wanted)| **wanted == row).map(|(at, _)| at);
            let score = at.and_then(|at| scores[at]);
            let tokens = at.and_then(|at| counts[at]);
            let tokens = tokens.map(|count| i64::try_from(count).unwrap_or(i64::MAX));
            let values = [
                score.map(SignalValue::Float),
                score.map(|score| SignalValue::Int(int_score(score))),
                tokens.map(SignalValue::Int),
            ];
            for (column, value) in signals.iter_mut().zip(values) {
                column.push(value.as_ref());
            }
        }
        Ok(scores.into_iter().map(|score| self.settings.decide(score)).collect())
    }
}
