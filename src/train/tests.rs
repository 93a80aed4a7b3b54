//! The loop as a whole: `PyTorch`'s numbers, exact resume, learning.

use std::collections::BTreeMap;

use serde::Deserialize;
use tch::{Device, Tensor};

use super::optimizer::{AdamW, clip};
use super::shards::tests::write_shard;
use super::step::Trainer;
use super::*;
use crate::config::train::{Schedule, TrainConfig};

type Named = BTreeMap<String, Vec<f32>>;

#[derive(Deserialize)]
struct Shape {
    layers: u32,
    width: u32,
    heads: u32,
    kv_heads: u32,
    ffn_width: u32,
    vocab_size: u32,
    sequence_length: usize,
}

#[derive(Deserialize)]
struct Llama {
    shape: Shape,
    tied: bool,
    windows: Vec<Vec<i64>>,
    weights: Named,
    logits: Vec<f32>,
    loss: f64,
    gradients: Named,
    losses: Vec<f64>,
    gradient_norms: Vec<f64>,
}

#[derive(Deserialize)]
struct AdamWGolden {
    weights: Named,
    steps: Vec<AdamWStep>,
}

#[derive(Deserialize)]
struct AdamWStep {
    learning_rate: f64,
    gradients: Named,
    weights: Named,
}

fn golden_llamas() -> Vec<Llama> {
    serde_json::from_str(include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/train_llama.json"
    )))
    .unwrap()
}

fn golden_settings(golden: &Llama) -> TrainSettings {
    let shape = &golden.shape;
    let config = TrainConfig {
        layers: Some(shape.layers),
        width: Some(shape.width),
        heads: Some(shape.heads),
        kv_heads: Some(shape.kv_heads),
        ffn_width: Some(shape.ffn_width),
        tie_embeddings: Some(golden.tied),
        batch_tokens: Some((golden.windows.len() * shape.sequence_length) as u64),
        steps: Some(10),
        warmup_tokens: Some(0),
        learning_rate: Some(0.01),
        schedule: Some(Schedule::Constant),
        ..TrainConfig::default()
    };
    config.resolve(shape.sequence_length, shape.vocab_size).unwrap()
}

/// A trainer with the golden weights.
fn golden_trainer<'a>(golden: &Llama, settings: &'a TrainSettings) -> Trainer<'a> {
    let mut trainer = Trainer::new(settings, Device::Cpu).unwrap();
    let names = trainer.model.parameters.iter().map(|it| &it.name);
    assert_eq!(names.collect::<std::collections::BTreeSet<_>>(), golden.weights.keys().collect());
    for parameter in &mut trainer.model.parameters {
        let value = Tensor::from_slice(&golden.weights[&parameter.name]).reshape(&parameter.shape);
        tch::no_grad(|| parameter.tensor.copy_(&value));
    }
    trainer
}

fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.detach().reshape([-1])).unwrap()
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        let scale = expected.abs().max(1.0);
        assert!((found - expected).abs() <= tolerance * scale, "{what}: {found} for {expected}");
    }
}

#[test]
fn logits_loss_and_gradients_are_pytorchs() {
    tch::set_num_threads(1);
    for golden in golden_llamas() {
        let settings = golden_settings(&golden);
        let mut trainer = golden_trainer(&golden, &settings);
        let rows = golden.windows.len() as i64;
        let length = i64::from(settings.sequence_length);
        let ids = golden.windows.concat();

        let inputs = Tensor::from_slice(&ids).reshape([rows, length + 1]).narrow(1, 0, length);
        let hidden = trainer.model.hidden(&inputs, rows, length).unwrap();
        let logits = hidden.matmul(&trainer.model.head().tr());
        assert_close(&values(&logits), &golden.logits, 1e-5, "logits");

        let nats = trainer.accumulate(&ids, rows as u64).unwrap();
        assert!((nats / (rows * length) as f64 - golden.loss).abs() < 1e-5);
        for (parameter, gradient) in trainer.model.parameters.iter().zip(&trainer.gradients) {
            let name = &parameter.name;
            assert_close(&values(gradient), &golden.gradients[name], 1e-5, name);
        }
    }
}

#[test]
fn ten_steps_are_pytorchs() {
    tch::set_num_threads(1);
    for golden in golden_llamas() {
        let settings = golden_settings(&golden);
        let mut trainer = golden_trainer(&golden, &settings);
        let ids = golden.windows.concat();
        let rows = golden.windows.len() as u64;
        for (step, (loss, norm)) in (1..).zip(golden.losses.iter().zip(&golden.gradient_norms)) {
            for gradient in &mut trainer.gradients {
                let _ = gradient.zero_();
            }
            let nats = trainer.accumulate(&ids, rows).unwrap();
            assert!((nats / settings.batch_tokens() as f64 - loss).abs() < 1e-4);
            let found = clip(&mut trainer.gradients, settings.clip).unwrap();
            assert!((found / norm - 1.0).abs() < 1e-4, "{found} for {norm}");
            let rate = schedule::learning_rate(&settings, step);
            trainer
                .optimizer
                .update(&mut trainer.model.parameters, &trainer.gradients, rate, step)
                .unwrap();
        }
    }
}

#[test]
fn adamw_is_pytorchs() {
    let golden: AdamWGolden = serde_json::from_str(include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/train_adamw.json"
    )))
    .unwrap();
    let settings = golden_settings(&golden_llamas()[0]);
    let mut parameters: Vec<model::Parameter> = golden
        .weights
        .iter()
        .map(|(name, values)| {
            let shape = match &name[..] {
                "model.norm.weight" => vec![4],
                _ => vec![values.len() as i64 / 4, 4],
            };
            model::Parameter {
                name: name.clone(),
                tensor: Tensor::from_slice(values).reshape(&shape).set_requires_grad(true),
                decays: name.contains("mlp"),
                shape,
            }
        })
        .collect();
    let mut optimizer = AdamW::new(&settings, &parameters).unwrap();
    for (number, step) in (1..).zip(&golden.steps) {
        let gradients: Vec<Tensor> = parameters
            .iter()
            .map(|it| Tensor::from_slice(&step.gradients[&it.name]).reshape(&it.shape))
            .collect();
        optimizer.update(&mut parameters, &gradients, step.learning_rate, number).unwrap();
        for it in &parameters {
            assert_close(&values(&it.tensor), &step.weights[&it.name], 1e-6, &it.name);
        }
    }
}

#[test]
fn micro_batches_add_up_to_the_batch() {
    let golden = &golden_llamas()[0];
    let settings = golden_settings(golden);
    let run = |micro_batch: u64| {
        let mut trainer = golden_trainer(golden, &settings);
        trainer.micro_batch = micro_batch;
        let ids: Vec<i64> = (0..24).map(|at| at * 7 % 29).collect();
        let result = trainer.gradients(&ids).unwrap();
        let gradients: Vec<f32> = trainer.gradients.iter().flat_map(values).collect();
        (result.loss, gradients)
    };
    let (whole, single) = (run(3), run(1));
    assert!((whole.0 - single.0).abs() < 1e-6);
    assert_close(&whole.1, &single.1, 1e-6, "gradients");
}

/// An empty store, and libtorch on one thread: tests run side by side, and its threads wait for each
/// other by spinning.
fn store() -> (tempfile::TempDir, Store) {
    tch::set_num_threads(1);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().to_str().unwrap()).unwrap();
    (folder, store)
}

/// A language in which each token decides the next but for some noise.
fn language(seed: u64, tokens: u64, vocab: u64) -> Vec<u32> {
    let mut id = 0;
    (0..tokens)
        .map(|at| {
            let noise = random::stream(seed, at);
            id = if noise.is_multiple_of(8) { noise >> 8 } else { id * 5 + 3 } % vocab;
            u32::try_from(id).unwrap()
        })
        .collect()
}

/// Tokens as documents of 20 to 59.
fn documents(tokens: &[u32]) -> Vec<Vec<u32>> {
    let mut rest = tokens;
    let mut documents = Vec::new();
    while !rest.is_empty() {
        let length = 20 + usize::try_from(random::stream(5, documents.len() as u64) % 40).unwrap();
        let (document, after) = rest.split_at(length.min(rest.len()));
        documents.push(document.to_vec());
        rest = after;
    }
    documents
}

/// Writes shards of such a language.
fn write_text(store: &Store, tokens: u64, vocab: u64) {
    write_shard(store, "train_00000", &documents(&language(3, tokens, vocab)));
    write_shard(store, "validation_00000", &documents(&language(4, 1_000, vocab)));
}

const VOCAB: u32 = 61;
const LENGTH: usize = 16;

fn small(toml: &str) -> TrainSettings {
    let toml = format!("layers = 2\nwidth = 16\nheads = 2\ndevice = \"cpu\"\n{toml}");
    toml::from_str::<TrainConfig>(&toml).unwrap().resolve(LENGTH, VOCAB).unwrap()
}

fn token_set(store: &Store) -> TokenSet<'_> {
    TokenSet {
        store,
        train: vec!["tokens/train_00000".to_owned()],
        blend: Blend::default(),
        validation: vec!["tokens/validation_00000".to_owned()],
        vocab_size: VOCAB,
        sequence_length: LENGTH,
        text_bytes: Some(&|ids| Some(ids.len() as u64)),
    }
}

/// Trains and returns the report with the step it resumed from.
fn run(settings: &TrainSettings, store: &Store, digest: &str) -> (TrainReport, Option<u64>) {
    let mut from = None;
    let report = train(settings, &token_set(store), store, digest, &mut |event| {
        if let Event::Started { resumed_from, .. } = event {
            from = resumed_from;
        }
    })
    .unwrap();
    (report, from)
}

fn remove(store: &Store, folder: &str) {
    for entry in store.list(folder).unwrap() {
        store.delete(&entry.path).unwrap();
    }
}

const FILES: [&str; 4] =
    ["model.safetensors", "optimizer.safetensors", "state.json", "config.json"];

/// The files of a checkpoint.
fn checkpoint_files(store: &Store, step: u64) -> [bytes::Bytes; 4] {
    FILES.map(|file| store.read(&format!("checkpoints/step-{step:08}/{file}")).unwrap())
}

#[track_caller]
fn assert_same_files(left: &[bytes::Bytes; 4], right: &[bytes::Bytes; 4]) {
    for ((file, left), right) in FILES.iter().zip(left).zip(right) {
        assert!(left == right, "{file} differs");
    }
}

#[test]
fn a_resumed_training_ends_with_the_same_bytes() {
    // 500 tokens are 31 windows: 24 steps of 8 run through six epochs.
    let (_folder, store) = store();
    write_text(&store, 500, u64::from(VOCAB));
    let settings = small("steps = 24\nbatch_tokens = 128\ncheckpoint_every = 12");
    let (straight, from) = run(&settings, &store, "digest");
    assert_eq!(from, None);
    assert!(straight.sample_chain.len() == 32 && straight.validation_bits_per_byte.is_some());
    let last = "checkpoints/step-00000024";
    let before = checkpoint_files(&store, 24);

    remove(&store, last);
    let (resumed, from) = run(&settings, &store, "digest");
    assert_eq!(from, Some(12));
    assert_same_files(&before, &checkpoint_files(&store, 24));
    assert_eq!(resumed, straight);

    // Ended trainings report without training.
    let (again, from) = run(&settings, &store, "digest");
    assert_eq!((from, again), (Some(24), straight));
}

/// Runs a training that dies at the first event that `at` picks; whether it did.
fn die(settings: &TrainSettings, store: &Store, at: impl Fn(&Event<'_>) -> bool) -> bool {
    let dies = std::panic::AssertUnwindSafe(|| {
        train(settings, &token_set(store), store, "digest", &mut |event| {
            if at(&event) {
                std::panic::resume_unwind(Box::new("killed"));
            }
        })
        .unwrap()
    });
    std::panic::catch_unwind(dies).is_err()
}

#[test]
fn dying_at_any_step_changes_nothing_over_epochs_and_two_resumes() {
    let settings = small("steps = 20\nbatch_tokens = 128\ncheckpoint_every = 3\neval_every = 4");
    let straight = {
        let (_folder, store) = store();
        write_text(&store, 500, u64::from(VOCAB));
        let (report, _) = run(&settings, &store, "digest");
        let steps = store.read("training/metrics.jsonl").unwrap();
        assert_eq!(std::str::from_utf8(&steps).unwrap().lines().count(), 20);
        (report, checkpoint_files(&store, 20))
    };
    for first in 1..20 {
        let (_folder, store) = store();
        write_text(&store, 500, u64::from(VOCAB));
        let second = (first + 5).min(20);
        for dies in [first, second] {
            let killed =
                |event: &Event<'_>| matches!(event, Event::Step { step, .. } if *step == dies);
            assert!(die(&settings, &store, killed));
        }
        let (report, _) = run(&settings, &store, "digest");
        assert_eq!(report, straight.0, "died at {first} and {second}");
        assert_same_files(&straight.1, &checkpoint_files(&store, 20));
        let lines = store.read("training/metrics.jsonl").unwrap();
        let steps = std::str::from_utf8(&lines).unwrap().lines().map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["step"].as_u64().unwrap()
        });
        assert!(steps.eq(1..=20), "each step stands in the metrics once");
    }
}

#[test]
fn damaged_and_foreign_checkpoints_are_passed_over() {
    let (_folder, store) = store();
    write_text(&store, 500, u64::from(VOCAB));
    let settings = small("steps = 8\nbatch_tokens = 128\ncheckpoint_every = 2");
    let (straight, _) = run(&settings, &store, "ours");
    let folders = || {
        let mut folders: Vec<String> = store
            .list("checkpoints")
            .unwrap()
            .into_iter()
            .filter_map(|entry| entry.path.strip_suffix("/state.json").map(str::to_owned))
            .collect();
        folders.sort();
        folders
    };
    let kept = ["checkpoints/step-00000006", "checkpoints/step-00000008"];
    assert_eq!(folders(), kept, "the last two");

    // A byte of the newest flips: the one before it takes over.
    let path = format!("{}/model.safetensors", kept[1]);
    let whole = store.read(&path).unwrap();
    let mut damaged = whole.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    store.put(&path, damaged.into()).unwrap();
    let (repaired, from) = run(&settings, &store, "ours");
    assert_eq!((from, &repaired), (Some(6), &straight));
    assert!(store.read(&path).unwrap() == whole);

    // An unfinished one is none.
    store.delete(&format!("{}/state.json", kept[1])).unwrap();
    assert_eq!(run(&settings, &store, "ours").1, Some(6));

    // Another training starts from the beginning and leaves what is not in its way.
    let longer = small("steps = 9\nbatch_tokens = 128\ncheckpoint_every = 0");
    assert_eq!(run(&longer, &store, "theirs").1, None);
    assert_eq!(folders(), [kept[0], kept[1], "checkpoints/step-00000009"]);
}

#[test]
fn it_learns_more_than_frequencies() {
    let (_folder, store) = store();
    write_text(&store, 20_000, u64::from(VOCAB));
    let settings = small("steps = 100\nbatch_tokens = 512\nlearning_rate = 0.01");
    let (report, _) = run(&settings, &store, "digest");
    // Frequencies alone leave about ln 61 nats; a model that knows the rule about 0.9.
    assert!((report.unigram_loss - 4.1).abs() < 0.1, "{report:?}");
    assert!(report.validation_loss < 1.2, "{report:?}");
}

#[test]
fn a_diverging_training_names_its_step() {
    for (spikes, rollbacks) in [("", 3), ("[spikes]\nenabled = false", 0)] {
        let (_folder, store) = store();
        write_text(&store, 500, u64::from(VOCAB));
        let toml =
            format!("steps = 50\nbatch_tokens = 128\nclip = 0.0\nwarmup_tokens = 0\n{spikes}");
        let mut settings = small(&toml);
        settings.learning_rate = 1e30;
        let error = train(&settings, &token_set(&store), &store, "digest", &mut |_| ())
            .unwrap_err()
            .to_string();
        assert!(error.contains("diverged at step"), "{error}");
        assert!(error.contains(&format!("going back {rollbacks} times")), "{error}");
        assert!(error.contains("train.learning_rate"), "{error}");
    }
}

mod spikes;
