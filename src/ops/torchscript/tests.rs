use std::path::Path;

use tch::{CModule, Kind, Tensor};

use crate::document::{Batch, Position, SignalColumn, SignalType};
use crate::model::Assets;
use crate::ops::testing::{refused, trial};
use crate::ops::{BuildContext, Columns, Op, Settings, SignalLookup};
use crate::read::BatchBuilder;

use super::{Torchscript, int_score};

const TOKENIZER: &str = "data-samples/tokenizers/gpt2.json";

/// A small encoder: token vectors, one attention over those that the mask lets through, their mean,
/// two numbers. Traced, as users' modules are.
#[expect(clippy::unwrap_used, reason = "of a test")]
fn module(folder: &Path) -> std::path::PathBuf {
    tch::manual_seed(3);
    let vectors = Tensor::randn([50_257, 8], (Kind::Float, tch::Device::Cpu));
    let head = Tensor::randn([8, 2], (Kind::Float, tch::Device::Cpu)) * 4.0;
    let inputs = [
        Tensor::ones([8, 32], (Kind::Int64, tch::Device::Cpu)),
        Tensor::ones([8, 32], (Kind::Int64, tch::Device::Cpu)),
    ];
    let mut forward = |inputs: &[Tensor]| {
        let mask = inputs[1].to_kind(Kind::Float);
        let hidden = Tensor::embedding(&vectors, &inputs[0], -1, false, false);
        let scores = hidden.matmul(&hidden.transpose(1, 2)) + (mask.unsqueeze(1) - 1.0) * 1e9;
        let mixed = scores.softmax(-1, Kind::Float).matmul(&hidden) * mask.unsqueeze(-1);
        let count = mask.sum_dim_intlist([1i64].as_slice(), true, Kind::Float);
        let mean = mixed.sum_dim_intlist([1i64].as_slice(), false, Kind::Float) / count;
        vec![mean.matmul(&head)]
    };
    let traced = CModule::create_by_tracing("Small", "forward", &inputs, &mut forward).unwrap();
    let path = folder.join("small.pt");
    traced.save(&path).unwrap();
    path
}

fn toml(model: &Path, more: &str) -> String {
    let model = model.display();
    format!("model = \"{model}\"\ntokenizer = \"{TOKENIZER}\"\ndevice = \"cpu\"\n{more}")
}

fn texts() -> Vec<String> {
    let words = ["the", "sieve", "of", "text", "字典", "naïve", "🙂", "42", "\n"];
    let text = |n: usize| {
        (0..n * n % 701).map(|at| words[(at * n + at / 3) % 9]).collect::<Vec<_>>().join(" ")
    };
    (0..40).map(text).collect()
}

fn batch(texts: &[&String]) -> Batch {
    let mut builder = BatchBuilder::new("web", 0, usize::MAX, None);
    for (row, text) in (0..).zip(texts) {
        builder.document(Position::plain(row), text, None, &[]);
    }
    builder.take()
}

/// Scores of the texts, cut into batches of `size`.
#[expect(clippy::unwrap_used, reason = "of a test")]
fn scores(op: &Op, texts: &[&String], size: usize) -> Vec<Option<f64>> {
    let Op::Partition(op) = op else { panic!("no partition op") };
    let mut scores = Vec::new();
    for texts in texts.chunks(size) {
        let batch = batch(texts);
        let mut signals: Vec<SignalColumn> = [SignalType::Float, SignalType::Int, SignalType::Int]
            .map(|kind| SignalColumn::new(kind, batch.len()))
            .into();
        let rows: Vec<usize> = (0..batch.len()).collect();
        op.partition(&batch, &rows, &mut signals).unwrap();
        let SignalColumn::Float(values) = signals.swap_remove(0) else { panic!("no floats") };
        scores.extend(values);
    }
    scores
}

#[test]
fn a_score_does_not_depend_on_the_batch() {
    let folder = tempfile::tempdir().unwrap();
    let model = module(folder.path());
    let mut settings: Torchscript =
        toml::from_str(&toml(&model, "output = 1\nmax_length = 256")).unwrap();
    settings.resolve_paths(Path::new(env!("CARGO_MANIFEST_DIR")));
    let (assets, columns) = (Assets::default(), Columns::default());
    let context = BuildContext { assets: &assets, columns: &columns, seed: 7, sources: &[] };
    let op = settings.build(&context).unwrap();
    let texts = texts();
    let forward: Vec<&String> = texts.iter().collect();
    let one = scores(&op, &forward, 1);
    assert!(one.iter().all(Option::is_some));
    let distinct: std::collections::BTreeSet<u64> =
        one.iter().flatten().map(|s| s.to_bits()).collect();
    assert!(distinct.len() > 15, "{one:?}");
    for size in [3, 40] {
        assert_eq!(scores(&op, &forward, size), one, "batches of {size}");
    }
    let backward: Vec<&String> = texts.iter().rev().collect();
    let mut again = scores(&op, &backward, 40);
    again.reverse();
    assert_eq!(again, one);
    // The reference: the module itself, on one document without padding rows.
    let module = CModule::load(&model).unwrap();
    let text = &texts[7];
    let mut ids = Vec::new();
    let tokenizer = assets.tokenizer(&settings.tokenizer).unwrap();
    tokenizer.encode_into(text, &mut ids).unwrap();
    let ids: Vec<i64> = tokenizers::pipeline::PipelineToken::cast_slice(&ids)
        .iter()
        .take(256)
        .map(|&id| i64::from(id))
        .collect();
    let ids = Tensor::from_slice(&ids).unsqueeze(0);
    let expected = module.forward_ts(&[&ids, &ids.ones_like()]).unwrap().double_value(&[0, 1]);
    assert!((one[7].unwrap() - expected).abs() < 1e-3, "{:?} {expected}", one[7]);
}

#[test]
fn thresholds_and_kinds_of_scores() {
    let folder = tempfile::tempdir().unwrap();
    let model = module(folder.path());
    let run = |more: &str| trial("torchscript", &toml(&model, more), "A small text.");
    let plain = run("");
    let score = plain.number("score");
    assert_eq!(plain.int("tokens"), Some(4));
    assert_eq!(plain.int("int_score"), Some(int_score(score)));
    assert_eq!(run(&format!("min_score = {:?}", score + 0.01)).reason(), "low-score");
    assert_eq!(run(&format!("min_score = {score:?}")).reason(), "");
    assert_eq!(run(&format!("max_score = {:?}", score - 0.01)).reason(), "high-score");
    assert_eq!(run("min_int_score = 6").reason(), "low-score");
    let sigmoid = run("activation = \"sigmoid\"").number("score");
    assert!((sigmoid - 1.0 / (1.0 + (-score).exp())).abs() < 2e-4);
    let both = run("activation = \"softmax\"").number("score")
        + run("activation = \"softmax\"\noutput = 1").number("score");
    assert!((both - 1.0).abs() < 2e-4);
    for text in ["", "\0", "字", "🙂", &"x".repeat(1 << 20)] {
        let trial = trial("torchscript", &toml(&model, "max_length = 64"), text);
        assert!(trial.number("tokens") <= 64.0, "{text:.9}");
    }
}

#[test]
fn what_cannot_work_says_what_would() {
    let folder = tempfile::tempdir().unwrap();
    let model = module(folder.path());
    let message = |more: &str| refused("torchscript", &toml(&model, more)).to_string();
    assert!(message("output = 2").contains("2 numbers a document"));
    assert!(message("max_length = 1").contains("from 4"));
    assert!(message("begin = \"[CLS]\"").contains("begin: the tokenizer has no token `[CLS]`"));
    let broken = folder.path().join("broken.pt");
    let bytes = crate::model::read_asset(&model).unwrap();
    let store = crate::store::Store::open(folder.path()).unwrap();
    store.put("broken.pt", bytes.slice(..bytes.len() / 2)).unwrap();
    let error = refused("torchscript", &toml(&broken, "")).to_string();
    assert!(error.contains("is no TorchScript module"), "{error}");
}

#[test]
fn a_score_is_rounded_as_in_fineweb_edu() {
    for (score, whole) in [(-1.0, 0), (0.5, 0), (1.5, 2), (2.4999, 2), (2.5, 2), (3.5, 4), (9.0, 5)]
    {
        assert_eq!(int_score(score), whole);
    }
}

/// What `transformers` says with the same weights (`tests/golden/encoder/make.py`).
#[test]
fn encoders_of_the_bert_family_say_what_transformers_says() {
    for family in ["bert", "roberta"] {
        let folder = format!("tests/golden/encoder/{family}");
        let toml = |more: &str| {
            format!(
                "model = \"{folder}/model.safetensors\"\nmax_length = 64\ndevice = \"cpu\"\n\
                 tokenizer = \"data-samples/tokenizers/chat/tokenizer.json\"\n\
                 begin = \"<|im_start|>\"\nend = \"<|im_end|>\"\n{more}"
            )
        };
        let expected = crate::model::read_asset(Path::new(&format!("{folder}/expected.json")));
        let expected: serde_json::Value = serde_json::from_slice(&expected.unwrap()).unwrap();
        for case in expected.as_array().unwrap() {
            let text = case["text"].as_str().unwrap();
            for (output, logit) in case["logits"].as_array().unwrap().iter().enumerate() {
                let found = trial("torchscript", &toml(&format!("output = {output}")), text);
                let (score, logit) = (found.number("score"), logit.as_f64().unwrap());
                assert!((score - logit).abs() < 2e-4, "{family} {text:.20}: {score} {logit}");
                assert_eq!(found.int("tokens"), case["tokens"].as_i64(), "{text:.20}");
            }
        }
        let message = |more: &str| refused("torchscript", &toml(more)).to_string();
        assert!(message("output = 3").contains("3 numbers a document"));
        let long = toml("").replace("max_length = 64", "max_length = 65");
        assert!(refused("torchscript", &long).to_string().contains("64 positions"));
    }
}

#[test]
fn a_model_that_is_no_encoder_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let store = crate::store::Store::open(folder.path()).unwrap();
    let read = |name: &str| {
        crate::model::read_asset(Path::new(&format!("tests/golden/encoder/bert/{name}"))).unwrap()
    };
    let (config, weights) = (read("config.json"), read("model.safetensors"));
    let message = |config: &str, weights: &[u8]| {
        store.put("config.json", config.to_owned().into()).unwrap();
        store.put("model.safetensors", weights.to_vec().into()).unwrap();
        refused("torchscript", &toml(&folder.path().join("model.safetensors"), "max_length = 64"))
            .to_string()
    };
    let config = String::from_utf8(config.to_vec()).unwrap();
    assert!(message("{", &weights).contains("config.json"));
    let other = config.replace("\"bert\"", "\"deberta\"");
    assert!(message(&other, &weights).contains("torch.jit.trace"), "{}", message(&other, &weights));
    let wide = config.replace("\"hidden_size\": 16", "\"hidden_size\": 32");
    assert!(message(&wide, &weights).contains("has the shape"));
    let deep = config.replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3");
    assert!(message(&deep, &weights).contains("there is no tensor `encoder.layer.2."));
    assert!(message(&config, &weights[..weights.len() / 2]).contains("model"));
}
