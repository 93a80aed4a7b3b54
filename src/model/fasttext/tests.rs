//! Every answer is held against the C++ library; every damaged file must be an error.

#![expect(clippy::disallowed_methods, reason = "fixtures are local files")]

use super::*;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data-samples/models/lid.176.ftz");
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/lid176.jsonl");

fn predict(model: &FastText, text: &str, k: usize, threshold: f32) -> Vec<(String, f32)> {
    let mut out = Vec::new();
    model.predict_into(text, k, threshold, &mut Scratch::default(), &mut out);
    out.iter().map(|found| (model.labels()[found.label as usize].clone(), found.score)).collect()
}

/// A line of `lid176.jsonl`: the top 3 of `fasttext-wheel` 0.9.2 of `PyPI` for `text` repeated `repeat` times, with
/// line breaks made spaces. The texts: lingua-py test data (Apache-2.0), `ELTeC` novels and Aozora Bunko
/// (public domain), chinese-poetry (MIT), `RusDraCor` (CC0), and edge cases written for this test.
#[expect(clippy::cast_possible_truncation, reason = "the scores were floats before they were JSON")]
fn golden() -> Vec<(String, Vec<(String, f32)>)> {
    let file = std::fs::read_to_string(GOLDEN).expect("golden file");
    let lines = file.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let repeat = usize::try_from(line["repeat"].as_u64().unwrap_or(1)).expect("small");
        let text = line["text"].as_str().expect("text").repeat(repeat);
        let labels = line["labels"].as_array().expect("labels").iter();
        let scores = line["scores"].as_array().expect("scores").iter();
        let expected = labels
            .zip(scores)
            .map(|(label, score)| {
                let label = label.as_str().expect("label").to_owned();
                (label, score.as_f64().expect("score") as f32)
            })
            .collect();
        (text, expected)
    });
    lines.collect()
}

fn lid_bytes() -> Vec<u8> {
    std::fs::read(MODEL).expect("data-samples/models/lid.176.ftz")
}

fn assert_golden(model: &FastText) {
    let golden = golden();
    assert!(golden.len() >= 280, "{} texts", golden.len());
    for (text, expected) in golden {
        let found = predict(model, &text, 3, 0.0);
        let start: String = text.chars().take(60).collect();
        let labels =
            |of: &[(String, f32)]| of.iter().map(|(label, _)| label.clone()).collect::<Vec<_>>();
        assert_eq!(labels(&found), labels(&expected), "{start:?}");
        for ((label, score), (_, wanted)) in found.iter().zip(&expected) {
            assert!((score - wanted).abs() < 1e-5, "{label} {score} not {wanted}: {start:?}");
        }
    }
}

#[test]
fn agrees_with_the_cpp_library() {
    let model = FastText::from_bytes(&lid_bytes()).expect("a good model");
    assert_eq!(model.labels().len(), 176);
    assert_eq!(model.dimension(), 16);
    assert_golden(&model);
}

#[test]
fn codes_left_compressed_give_the_same() {
    assert_golden(&FastText::with_expand_limit(&lid_bytes(), 0).expect("a good model"));
}

#[test]
fn one_scratch_serves_many_calls() {
    let model = FastText::from_bytes(&lid_bytes()).expect("a good model");
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    for (text, expected) in golden() {
        model.predict_into(&text, 3, 0.0, &mut scratch, &mut out);
        assert_eq!(out.len(), expected.len());
        let fresh = predict(&model, &text, 3, 0.0);
        let scores = out.iter().map(|found| found.score);
        assert!(scores.eq(fresh.iter().map(|(_, score)| *score)));
    }
}

#[test]
fn threshold_and_k_limit_the_answer() {
    let model = FastText::from_bytes(&lid_bytes()).expect("a good model");
    let text = "Der schnelle braune Fuchs springt über den faulen Hund";
    assert_eq!(predict(&model, text, 0, 0.0), []);
    assert_eq!(predict(&model, text, 1, 0.0)[0].0, "de");
    assert_eq!(predict(&model, text, 1000, 0.5).len(), 1);
    assert_eq!(predict(&model, text, 3, 1.1), []);
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let bytes = lid_bytes();
    let later = (4096..bytes.len()).step_by(9973);
    for len in (0..4096).chain(later).chain([bytes.len() - 1]) {
        match FastText::from_bytes(&bytes[..len]) {
            Err(FastTextError::Truncated { len: told, .. }) => assert_eq!(told, len),
            Err(other) => panic!("cut at {len}: {other}"),
            Ok(_) => panic!("cut at {len} and yet read"),
        }
    }
}

#[test]
fn a_damaged_byte_never_panics() {
    let bytes = lid_bytes();
    let header = 0..96;
    let later = (96..bytes.len()).step_by(29_989);
    for at in header.chain(later) {
        for value in [0, 0x7f, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            if let Ok(model) = FastText::from_bytes(&damaged) {
                predict(&model, "hello </s> 你好 __label__en", 3, 0.0);
            }
        }
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let error = |bytes: &[u8]| FastText::from_bytes(bytes).err().expect("an error").to_string();
    assert_eq!(
        error(b"PK\x03\x04zip"),
        "not a fastText model: it starts with 0x04034b50, not 0x2f4f16ba"
    );
    assert_eq!(error(b""), "truncated: magic number needs 4 bytes at byte 0, the file has 0");
    let mut bytes = lid_bytes();
    bytes[4] = 13;
    assert_eq!(error(&bytes), "fastText file version 13 is not supported (11 and 12 are)");
    bytes[4] = 12;
    bytes[36] = 1;
    assert_eq!(
        error(&bytes),
        "the model holds word vectors, not a classifier: train it with `fasttext supervised`"
    );
}

/// An unquantised model of 3 words, 5 labels, 8 buckets and 4 dimensions. The C++ library read these bytes to
/// give the scores below.
fn tiny(loss: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let header = [MAGIC, 12, 4, 5, 1, 1, 5, 2, loss, SUPERVISED, 8, 2, 3, 100];
    bytes.extend(header.iter().flat_map(|field| field.to_le_bytes()));
    bytes.extend(1e-4f64.to_le_bytes());
    bytes.extend([8i32, 3, 5].iter().flat_map(|field| field.to_le_bytes()));
    bytes.extend([100i64, -1].iter().flat_map(|field| field.to_le_bytes()));
    let words =
        [("</s>", 9i64), ("cat", 5), ("naïve", 3)].map(|(word, count)| (word.to_owned(), count, 0));
    let labels = [("a", 9), ("b", 4), ("c", 4), ("d", 2), ("e", 1)]
        .map(|(label, count)| (format!("__label__{label}"), count, 1));
    for (word, count, kind) in words.into_iter().chain(labels) {
        bytes.extend(word.bytes().chain([0]).chain(count.to_le_bytes()).chain([kind]));
    }
    let mut matrix = |rows: i16, value: &dyn Fn(i16) -> f32| {
        bytes.push(0);
        bytes.extend([i64::from(rows), 4].iter().flat_map(|field| field.to_le_bytes()));
        bytes.extend((0..rows * 4).flat_map(|i| value(i).to_le_bytes()));
    };
    matrix(11, &|i| f32::from(i * 37 % 41 - 20) / 8.0);
    matrix(5, &|i| f32::from(i * 29 % 31 - 15) / 4.0);
    bytes
}

#[test]
fn every_loss_agrees_with_the_cpp_library() {
    let cases = [
        (1, "cat naïve zebra", ["a", "b", "c"], [0.858_593_17, 0.099_397_615, 0.021_879_137]),
        (
            1,
            "naïve __label__a __label__x \0cat",
            ["a", "b", "c"],
            [0.952_461_24, 0.037_898_68, 0.005_463_606],
        ),
        (2, "cat naïve zebra", ["a", "e", "b"], [0.966_924, 0.712_242_2, 0.515_629_95]),
        (2, "", ["a", "e", "b"], [1.000_01, 0.989_357_5, 0.592_676_6]),
        (3, "cat naïve zebra", ["a", "e", "b"], [0.875_943_3, 0.074_061, 0.032_461_748]),
        (3, "</s> cat", ["a", "e", "b"], [1.000_01, 1.000_213e-5, 1.000_003_2e-5]),
        (
            4,
            "naïve __label__a __label__x \0cat",
            ["a", "e", "b"],
            [0.996_736_94, 0.843_905_1, 0.562_186_54],
        ),
    ];
    for (loss, text, labels, scores) in cases {
        let model = FastText::from_bytes(&tiny(loss)).expect("a good model");
        let found = predict(&model, text, 3, 0.0);
        assert_eq!(found.len(), 3, "loss {loss} {text:?}");
        for (i, (label, score)) in found.into_iter().enumerate() {
            assert_eq!(label, labels[i], "loss {loss} {text:?}");
            let off = (score - scores[i]).abs();
            assert!(
                off < 1e-6 * scores[i],
                "loss {loss} {text:?} {label}: {score} not {}",
                scores[i]
            );
        }
    }
}

#[test]
fn equal_scores_come_in_the_order_of_the_cpp_library() {
    let mut bytes = tiny(2);
    let weights = bytes.len() - 80;
    bytes[weights..].fill(0);
    let model = FastText::from_bytes(&bytes).expect("a good model");
    for (k, expected) in [(1, "e"), (2, "ed"), (3, "ebd"), (4, "dbec"), (5, "dbeca")] {
        let found: String =
            predict(&model, "cat", k, 0.0).into_iter().map(|(label, _)| label).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn version_11_has_no_character_ngrams() {
    let mut bytes = tiny(3);
    bytes[4] = 11;
    let model = FastText::from_bytes(&bytes).expect("a good model");
    let found = predict(&model, "cat naïve zebra", 1, 0.0);
    assert_eq!(found[0].0, "e");
    assert!((found[0].1 - 0.426_423_8).abs() < 1e-6);
}

#[test]
fn damaged_dense_models_never_panic() {
    for loss in 1..=4 {
        let bytes = tiny(loss);
        for len in 0..bytes.len() {
            assert!(FastText::from_bytes(&bytes[..len]).is_err(), "cut at {len}");
        }
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                if let Ok(model) = FastText::from_bytes(&damaged) {
                    predict(&model, "cat naïve zebra __label__a", 9, -1.0);
                }
            }
        }
    }
}

/// The crate `fasttext` trains models (its predictions are right for unquantised ones): what it
/// trains is read here and scored alike.
#[test]
fn a_model_that_the_fasttext_crate_trained_is_scored_alike() {
    use ::fasttext::args::{Args, LossName, ModelName};
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("train.txt");
    let topics = [
        ("sea", "the ship sailed over waves and the harbour was full of sailors"),
        ("garden", "roses and tulips grow in the garden where bees look for flowers"),
        ("kitchen", "boil the water and add salt before the pasta goes into the pot"),
    ];
    let mut lines = String::new();
    for (label, text) in topics.iter().cycle().take(90) {
        lines.extend([
            "__label__",
            label,
            " ",
            text,
            "
",
        ]);
    }
    std::fs::write(&input, lines).unwrap();
    for loss in [LossName::Softmax, LossName::HierarchicalSoftmax, LossName::OneVsAll] {
        let mut args = Args::new();
        args.apply_supervised_defaults();
        args.input = input.clone();
        args.model = ModelName::Supervised;
        (args.loss, args.dim, args.epoch, args.lr) = (loss, 8, 5, 0.5);
        // Word n-grams are left at 1: the crate hashes longer ones unlike the C++ library.
        (args.thread, args.minn, args.maxn, args.bucket, args.word_ngrams) = (1, 2, 4, 2000, 1);
        let theirs = ::fasttext::FastText::train(args).unwrap();
        let mut bytes = Vec::new();
        theirs.save(&mut bytes).unwrap();
        let ours = FastText::from_bytes(&bytes).unwrap();
        let (mut scratch, mut found) = (Scratch::default(), Vec::new());
        for (_, text) in topics {
            found.clear();
            ours.predict_into(text, 3, 0.0, &mut scratch, &mut found);
            let mut ours_by_label: Vec<_> = found
                .iter()
                .map(|one| (format!("__label__{}", ours.labels()[one.label as usize]), one.score))
                .collect();
            // By label: scores of one-vs-all models come in steps, and ties in any order.
            ours_by_label.sort_by(|left, right| left.0.cmp(&right.0));
            let mut theirs_by_label = theirs.predict(text, 3, 0.0);
            theirs_by_label.sort_by(|left, right| left.label.cmp(&right.label));
            assert_eq!(ours_by_label.len(), theirs_by_label.len());
            for ((label, score), expected) in ours_by_label.iter().zip(&theirs_by_label) {
                assert_eq!(*label, expected.label, "{loss:?}");
                let difference = (score - expected.prob).abs();
                assert!(difference < 1e-4, "{loss:?} {text}: {label} {score} {expected:?}");
            }
        }
    }
}
