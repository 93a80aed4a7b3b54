//! The numbers of `PyTorch` and `transformers`: see `tests/golden/train/make.py`.

use std::collections::{BTreeMap, BTreeSet};

use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value};
use tch::{Device, Kind, Tensor};

use super::super::adamw::{Factors, Weight, single};
use super::super::data::Batch;
use super::super::micro_batch::MicroBatch;
use super::super::model::{Parameter, Role, Rows, document_mask, documents};
use super::super::optimizer::{Optimizer, clip};
use super::super::order::Piece;
use super::super::parallel::Group;
use super::super::schedule;
use super::super::step::Trainer;
use crate::config::train::{TrainConfig, TrainSettings};

/// A file of [`make.py`](../../../tests/golden/train/make.py).
pub(super) struct Golden {
    pub(super) tensors: BTreeMap<String, Tensor>,
    /// The keys of `[train]` that describe the model.
    keys: Map<String, Value>,
}

impl Golden {
    fn read(name: &str) -> Self {
        let path = format!("{}/tests/golden/train/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).unwrap();
        let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        let keys = metadata.metadata().as_ref().and_then(|it| it.get("shape"));
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let tensors = tensors.iter().map(|(name, view)| {
            let kind = match view.dtype() {
                Dtype::F32 => Kind::Float,
                Dtype::F64 => Kind::Double,
                Dtype::I64 => Kind::Int64,
                other => panic!("{other:?}"),
            };
            let shape: Vec<i64> = view.shape().iter().map(|size| *size as i64).collect();
            (name.to_owned(), Tensor::from_data_size(view.data(), &shape, kind))
        });
        Self {
            tensors: tensors.collect(),
            keys: keys.map(|json| serde_json::from_str(json).unwrap()).unwrap_or_default(),
        }
    }

    pub(super) fn models() -> Vec<(&'static str, Self)> {
        ["llama", "qwen3", "gpt2"].map(|name| (name, Self::read(name))).into()
    }

    /// Ten steps on the windows, as make.py does them.
    pub(super) fn settings(&self, more: &str) -> TrainSettings {
        let mut keys = self.keys.clone();
        let vocab_size = keys.remove("vocab_size").unwrap().as_u64().unwrap() as u32;
        let length = keys.remove("sequence_length").unwrap().as_u64().unwrap() as usize;
        let Value::Object(steps) = serde_json::json!({
            "batch_tokens": self.tensors["windows"].size()[0] as usize * length,
            "steps": 10,
            "warmup_tokens": 0,
            "learning_rate": 0.01,
            "schedule": "constant",
        }) else {
            unreachable!()
        };
        keys.extend(steps);
        let more: Map<String, Value> = toml::from_str(more).unwrap();
        keys.extend(more);
        let config: TrainConfig = serde_json::from_value(Value::Object(keys)).unwrap();
        config.resolve(length, vocab_size).unwrap()
    }

    /// Token ids `[rows, length + 1]`, and how many rows there are.
    fn windows(&self) -> (Vec<i64>, u64) {
        let windows = &self.tensors["windows"];
        (Vec::try_from(windows.reshape([-1])).unwrap(), windows.size()[0] as u64)
    }

    /// A trainer with the weights of the file, which must be all of the model's.
    pub(super) fn trainer<'a>(&self, settings: &'a TrainSettings) -> Trainer<'a> {
        tch::set_num_threads(1);
        let mut trainer = Trainer::new(settings, Device::Cpu, None).unwrap();
        let names = trainer.model.parameters.iter().map(|it| &it.name[..]);
        let given = self.tensors.keys().filter_map(|it| it.strip_prefix("weights."));
        assert_eq!(names.collect::<BTreeSet<_>>(), given.collect());
        for Parameter { name, tensor, shape, .. } in &mut trainer.model.parameters {
            let value = &self.tensors[&format!("weights.{name}")];
            assert_eq!(&value.size(), shape, "{name}");
            tch::no_grad(|| tensor.copy_(value));
        }
        trainer
    }
}

/// Rows of one document each.
fn whole(rows: u64) -> std::vec::IntoIter<Vec<u32>> {
    vec![vec![0]; rows as usize].into_iter()
}

/// Adds the gradient of some rows; gives their nats.
fn accumulate(
    trainer: &mut Trainer<'_>,
    ids: &[i64],
    borders: impl Iterator<Item = Vec<u32>>,
) -> f64 {
    let settings = trainer.settings;
    let borders = settings.document_masking.then(|| borders.collect());
    let length = settings.sequence_length as usize;
    let part = MicroBatch::new(ids, &[], length, borders, trainer.model.device).unwrap();
    trainer.accumulate(&part).unwrap().double_value(&[])
}

/// The greatest difference, relative where the expected values are above 1.
fn distance(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.size(), expected.size());
    let (found, expected) = (found.to_kind(Kind::Double), expected.to_kind(Kind::Double));
    let scale = expected.abs().clamp_min(1.0);
    ((found - expected) / scale).abs().max().double_value(&[])
}

#[track_caller]
fn assert_close(found: &Tensor, expected: &Tensor, tolerance: f64, what: &str) {
    let distance = distance(found, expected);
    assert!(distance <= tolerance, "{what}: {distance:e}");
}

#[test]
fn logits_loss_and_gradients_are_pytorchs() {
    for (model, golden) in Golden::models() {
        let settings = golden.settings("");
        let mut trainer = golden.trainer(&settings);
        let length = i64::from(settings.sequence_length);
        let (ids, rows) = golden.windows();

        let inputs = golden.tensors["windows"].narrow(1, 0, length);
        let hidden =
            trainer.model.hidden(&inputs, Rows { rows: rows as i64, length, mask: None }).unwrap();
        let logits = hidden.matmul(&trainer.model.head().tr());
        assert_close(&logits, &golden.tensors["logits"], 1e-5, &format!("{model}: logits"));

        let nats = accumulate(&mut trainer, &ids, whole(rows));
        let loss = nats / settings.batch_tokens() as f64;
        let expected = golden.tensors["loss"].double_value(&[]);
        assert!((loss - expected).abs() < 1e-5, "{model}: {loss} for {expected}");
        for (parameter, gradient) in trainer.model.parameters.iter().zip(&trainer.gradients) {
            let name = &parameter.name;
            let expected = &golden.tensors[&format!("gradients.{name}")];
            assert_close(gradient, expected, 1e-5, &format!("{model}: {name}"));
        }
    }
}

#[test]
fn ten_steps_are_pytorchs() {
    for (model, golden) in Golden::models() {
        let settings = golden.settings("");
        let mut trainer = golden.trainer(&settings);
        let (ids, rows) = golden.windows();
        for step in 1..=10 {
            for gradient in &mut trainer.gradients {
                let _ = gradient.zero_();
            }
            let of_step = |name: &str| golden.tensors[name].double_value(&[step - 1]);
            let loss = accumulate(&mut trainer, &ids, whole(rows)) / settings.batch_tokens() as f64;
            let expected = of_step("losses");
            assert!((loss - expected).abs() < 1e-4, "{model}, {step}: {loss} for {expected}");
            let norm = clip(&mut trainer.gradients, settings.clip).unwrap().double_value(&[]);
            // Where a step overshoots, the norm changes steeply with the weights: more loosely.
            assert!((norm / of_step("norms") - 1.0).abs() < 1e-3, "{model}, step {step}: {norm}");
            let step = step as u64;
            let rate = schedule::learning_rate(&settings, step);
            let Trainer { model, optimizer, gradients, .. } = &mut trainer;
            optimizer.update(&mut model.parameters, gradients, rate, step).unwrap();
        }
    }
}

#[test]
fn adamw_is_pytorchs() {
    let golden = Golden::read("adamw");
    let settings = Golden::read("llama").settings("");
    let mut parameters = ["embed", "mlp", "norm"].map(|name| {
        let tensor = golden.tensors[&format!("weights.0.{name}")].copy().set_requires_grad(true);
        Parameter {
            name: name.to_owned(),
            shape: tensor.size(),
            tensor,
            role: if name == "mlp" { Role::Matrix } else { Role::Vector },
        }
    });
    let mut optimizer = Optimizer::new(&settings, &parameters).unwrap();
    // What builds without libtorch's fused kernel do.
    let mut single = parameters.each_ref().map(|it| {
        let zeros = || it.tensor.f_zeros_like().unwrap();
        let _guard = tch::no_grad_guard();
        [it.tensor.copy(), zeros(), zeros()]
    });
    for step in 1..=10_u32 {
        let of_step = |label: &str, name: &str| &golden.tensors[&format!("{label}.{step}.{name}")];
        let gradients = parameters.each_ref().map(|it| of_step("gradients", &it.name).copy());
        let rate = 0.02 / f64::from(step);
        optimizer.update(&mut parameters, &gradients, rate, step.into()).unwrap();
        for it in &parameters {
            let what = format!("step {step}: {}", it.name);
            assert_close(&it.tensor, of_step("weights", &it.name), 1e-6, &what);
        }
        for ((it, gradient), [value, first, second]) in
            parameters.iter().zip(&gradients).zip(&mut single)
        {
            let decay = if it.role.decays() { settings.weight_decay } else { 0.0 };
            let factors = Factors {
                step: step.into(),
                learning_rate: rate,
                beta1: settings.beta1,
                beta2: settings.beta2,
                weight_decay: decay,
                epsilon: settings.epsilon,
            };
            let _guard = tch::no_grad_guard();
            let weight = Weight { value, gradient, moments: [first, second] };
            single::step(vec![weight], factors).unwrap();
            let what = format!("step {step}, single operations: {}", it.name);
            assert_close(value, of_step("weights", &it.name), 1e-6, &what);
        }
    }
}

#[test]
fn muon_is_pytorchs() {
    let golden = Golden::read("muon");
    let settings = Golden::read("llama").settings("optimizer = \"muon\"");
    let mut parameters = ["wide", "tall", "square"].map(|name| {
        let tensor = golden.tensors[&format!("weights.0.{name}")].copy().set_requires_grad(true);
        Parameter { name: name.to_owned(), shape: tensor.size(), tensor, role: Role::Matrix }
    });
    let mut optimizer = Optimizer::new(&settings, &parameters).unwrap();
    for step in 1..=5_u32 {
        let of_step = |label: &str, name: &str| &golden.tensors[&format!("{label}.{step}.{name}")];
        let gradients = parameters.each_ref().map(|it| of_step("gradients", &it.name).copy());
        optimizer.update(&mut parameters, &gradients, 0.02 / f64::from(step), step.into()).unwrap();
        for it in &parameters {
            let what = format!("step {step}: {}", it.name);
            assert_close(&it.tensor, of_step("weights", &it.name), 1e-5, &what);
        }
    }
}

/// Both, with several micro-batches, and attention within documents or not.
#[test]
fn activations_computed_again_give_the_same_gradients() {
    for (model, golden) in Golden::models() {
        for masking in [false, true] {
            let (ids, _) = golden.windows();
            let borders = || vec![vec![0, 5], vec![3, 4], vec![]].into_iter();
            let run = |more: &str| {
                let settings = golden.settings(&format!("document_masking = {masking}\n{more}"));
                let mut trainer = golden.trainer(&settings);
                let first = accumulate(&mut trainer, &ids, borders());
                let second = accumulate(&mut trainer, &ids, borders());
                let gradients = std::mem::take(&mut trainer.gradients);
                (first.to_bits(), second.to_bits(), gradients)
            };
            let (kept, again) = (run(""), run("activation_checkpointing = true"));
            assert_eq!((kept.0, kept.1), (again.0, again.1), "{model}");
            assert!(kept.2.iter().zip(&again.2).all(|(kept, again)| kept == again), "{model}");
            assert!(kept.2.iter().all(|gradient| gradient.abs().max().double_value(&[]) > 0.0));
        }
    }
}

#[test]
fn a_masked_row_computes_its_documents_as_rows_of_their_own() {
    for (model, golden) in Golden::models() {
        let settings = golden.settings("");
        let trainer = golden.trainer(&settings);
        let ids = golden.tensors["windows"].narrow(1, 0, 12);
        let borders = [vec![0, 5], vec![7], vec![]];
        let mask = document_mask(&documents(&borders, 12, Device::Cpu).unwrap()).unwrap();
        let rows = Rows { rows: 3, length: 12, mask: Some(&mask) };
        let masked = trainer.model.hidden(&ids, rows).unwrap();
        let alone = |row: i64, from: i64, length: i64| {
            let ids = ids.narrow(0, row, 1).narrow(1, from, length);
            let found = masked.narrow(0, row, 1).narrow(1, from, length);
            let rows = Rows { rows: 1, length, mask: None };
            (found, trainer.model.hidden(&ids, rows).unwrap())
        };
        for (row, from, length) in [(0, 0, 5), (1, 0, 7), (2, 0, 12)] {
            let (found, expected) = alone(row, from, length);
            assert_close(&found, &expected, 1e-5, &format!("{model}: row {row}"));
        }
        // Rotary positions are relative, GPT-2's count from the start of the row.
        if model != "gpt2" {
            for (row, from, length) in [(0, 5, 7), (1, 7, 5)] {
                let (found, expected) = alone(row, from, length);
                assert_close(&found, &expected, 1e-5, &format!("{model}: row {row} from {from}"));
            }
        }
    }
}

/// bfloat16 keeps 8 bits: over 50 steps the losses stay near those of 32 bits (within 0.005 when
/// this was written).
#[test]
fn bf16_learns_as_fp32_does() {
    for (model, golden) in Golden::models() {
        let curve = |precision: &str| -> Vec<f64> {
            let more = format!("precision = \"{precision}\"\nlearning_rate = 0.002");
            let settings = golden.settings(&more);
            let mut trainer = golden.trainer(&settings);
            let (ids, rows) = golden.windows();
            let steps = (1..=50).map(|step| {
                for gradient in &mut trainer.gradients {
                    let _ = gradient.zero_();
                }
                let nats = accumulate(&mut trainer, &ids, whole(rows));
                let _ = clip(&mut trainer.gradients, settings.clip).unwrap();
                let Trainer { model, optimizer, gradients, .. } = &mut trainer;
                optimizer.update(&mut model.parameters, gradients, 0.002, step).unwrap();
                nats / settings.batch_tokens() as f64
            });
            steps.collect()
        };
        let (single, half) = (curve("fp32"), curve("bf16"));
        assert!(single[49] < 0.7 * single[0], "{model}: {single:?}");
        for (step, (single, half)) in single.iter().zip(&half).enumerate() {
            let difference = (single - half).abs();
            assert!(difference < 0.02 * single.max(1.0), "{model}, {step}: {half} for {single}");
        }
        assert!(single != half, "{model}: 16 bits are not used");
    }
}

#[test]
fn micro_batches_add_up_to_the_batch() {
    let golden = Golden::read("llama");
    let settings = golden.settings("");
    let run = |micro_batch: u64| {
        let mut trainer = golden.trainer(&settings);
        trainer.micro_batch = micro_batch;
        let positions = settings.batch_sequences * (u64::from(settings.sequence_length) + 1);
        let ids: Vec<i64> =
            (0..positions as i64).map(|at| at * 7 % i64::from(settings.vocab_size)).collect();
        let width = settings.sequence_length + 1;
        let piece = |row: u64| vec![Piece { document: row as u32, from: 0, tokens: width }];
        let pieces = (0..settings.batch_sequences).map(piece).collect();
        let result = trainer
            .gradients(&Batch { ids, pieces, ..Batch::default() }, &mut Group::alone(false))
            .unwrap();
        let gradients = trainer.gradients.iter().map(|it| it.reshape([-1])).collect::<Vec<_>>();
        (result.loss, Tensor::cat(&gradients, 0))
    };
    let (whole, single) = (run(3), run(1));
    assert!((whole.0 - single.0).abs() < 1e-6);
    assert_close(&whole.1, &single.1, 1e-6, "gradients");
}
