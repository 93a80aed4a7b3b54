use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::ops::testing::{Setup, Trial, exchange, refused};

const SETUP: Setup = Setup { parts: 3, budget: 1 << 16 };

/// Runs the op over documents, a split each, of one source; `None` for a document that is dropped.
fn run(toml: &str, texts: &[&str]) -> Vec<Result<String, &'static str>> {
    let splits: Vec<_> = texts.iter().map(|text| ("web", vec![*text])).collect();
    let trials = exchange("paragraph-dedup", toml, &splits, SETUP);
    trials.iter().flatten().zip(texts).map(|(trial, text)| result(trial, text)).collect()
}

fn result(trial: &Trial, text: &str) -> Result<String, &'static str> {
    match trial.reason() {
        "" => Ok(trial.text.clone().unwrap_or_else(|| text.to_owned())),
        reason => Err(reason),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "stands beside results that differ")]
fn ok(text: &str) -> Result<String, &'static str> {
    Ok(text.to_owned())
}

#[test]
fn the_first_copy_of_a_line_stays() {
    let found =
        run("", &["Menu\n\nOne text.\nMenu\n", "Another.\nMenu\r\n\n", " Menu \n", "", " \n"]);
    assert_eq!(
        found,
        [ok("Menu\n\nOne text.\n"), ok("Another.\r\n\n"), Err("all-duplicate"), ok(""), ok(" \n")]
    );
    // White space behind goes with a line; at the end, that before it.
    let found = run("", &["a\nb\nc", "\n\nb\n\n\nx\n\nc", "x\n\na\nb\n\nnew\nc\n\nb\n"]);
    assert_eq!(found, [ok("a\nb\nc"), ok("\n\nx"), ok("new\n")]);
}

#[test]
fn paragraphs_are_blocks_between_blank_lines() {
    let text = "one\ntwo\n\n \nthree\n";
    assert_eq!(
        run("unit = \"paragraph\"", &[text, "two\n\none\ntwo\n \nend", "three"]),
        [ok(text), ok("two\n\nend"), Err("all-duplicate")]
    );
    assert_eq!(run("", &[text, "two\n\none\ntwo\n \nend"]), [ok(text), ok("end")]);
}

#[test]
fn ccnet_makes_lines_alike() {
    let texts = ["Seen 1,024 times — “today”!", "seen 7365  times today", "--", "-- !", "٣٤", "12"];
    let all: Vec<_> = texts.iter().map(|text| ok(text)).collect();
    assert_eq!(run("", &texts), all);
    let ccnet = run("normalize = \"ccnet\"", &texts);
    assert_eq!(ccnet[0], all[0]);
    assert_eq!(ccnet[1], Err("all-duplicate"));
    // Nothing is left of these to be compared.
    assert_eq!(ccnet[2..5], all[2..5]);
    assert_eq!(ccnet[5], Err("all-duplicate"));
    // Symbols are no punctuation.
    assert_eq!(run("normalize = \"ccnet\"", &["a + b", "a b"]), [ok("a + b"), ok("a b")]);
}

#[test]
fn short_units_stay() {
    let texts = ["No.\nThis was said.", "No.\nThis was said.\nx"];
    assert_eq!(run("", &texts)[1], ok("x"));
    assert_eq!(run("min_words = 2", &texts)[1], ok("No.\nx"));
    assert_eq!(run("min_words = 3", &texts)[1], ok("No.\nx"));
    assert_eq!(run("min_words = 4", &texts)[1], ok(texts[1]));
    assert_eq!(run("min_chars = 3", &texts)[1], ok("x"));
    assert_eq!(run("min_chars = 4", &texts)[1], ok("No.\nx"));
    assert_eq!(run("min_chars = 15", &texts)[1], ok(texts[1]));
    assert_eq!(run("min_chars = 3", &["ééé\ny", "ééé\nx"])[1], ok("x"));
    assert_eq!(run("min_chars = 4", &["ééé\ny", "ééé\nx"])[1], ok("ééé\nx"));
}

#[test]
fn what_is_left_must_be_long_enough() {
    let texts = ["Menu\nlong enough", "Menu\nabc \n", "xyz"];
    assert_eq!(run("min_chars_left = 3", &texts)[1..], [ok("abc \n"), ok("xyz")]);
    assert_eq!(run("min_chars_left = 4", &texts)[1..], [Err("too-short"), ok("xyz")]);
}

#[test]
fn signals_tell_how_much() {
    let trials =
        exchange("paragraph-dedup", "", &[("web", vec!["éé\n\nb\nc", "b\néé\nnew\néé\n"])], SETUP);
    let first = ["units", "duplicates", "duplicate_chars", "duplicate_share"]
        .map(|name| trials[0].iter().map(|trial| trial.number(name)).collect::<Vec<_>>());
    assert_eq!(first, [vec![3.0, 4.0], vec![0.0, 3.0], vec![0.0, 5.0], vec![0.0, 5.0 / 12.0]]);
}

#[test]
fn sources_can_be_apart_or_exempt() {
    let splits = [("a", vec!["x\n1"]), ("b", vec!["x\n2", "x\n2\n3"]), ("c", vec!["x\n4"])];
    let texts = |toml: &str| -> Vec<String> {
        let trials = exchange("paragraph-dedup", toml, &splits, SETUP);
        let texts = splits.iter().flat_map(|(_, texts)| texts);
        trials.iter().flatten().zip(texts).map(|(t, text)| result(t, text).unwrap()).collect()
    };
    assert_eq!(texts(""), ["x\n1", "2", "3", "4"]);
    assert_eq!(texts("scope = \"source\""), ["x\n1", "x\n2", "3", "x\n4"]);
    assert_eq!(texts("exempt = [\"b\"]"), ["x\n1", "x\n2", "x\n2\n3", "4"]);
    refused("paragraph-dedup", "exempt = [\"none\"]");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However documents are split and whatever the memory, the lines left are the first ones.
    #[test]
    fn all_first_lines_and_no_others(
        documents in prop::collection::vec("[abc\n ]{0,12}", 0..12),
        size in 1usize..5,
        parts in 1u32..4,
    ) {
        let splits: Vec<_> = documents
            .chunks(size)
            .map(|texts| ("web", texts.iter().map(String::as_str).collect()))
            .collect();
        let setup = Setup { parts, budget: 1 };
        let trials = exchange("paragraph-dedup", "", &splits, setup);
        let mut seen = BTreeSet::new();
        for (trial, text) in trials.iter().flatten().zip(&documents) {
            let all: Vec<&str> =
                text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            let first: Vec<&str> = all.iter().copied().filter(|line| seen.insert(*line)).collect();
            let left = match result(trial, text) {
                Ok(left) => left,
                Err(reason) => {
                    assert_eq!(reason, "all-duplicate");
                    assert!(!all.is_empty());
                    String::new()
                }
            };
            let left: Vec<&str> =
                left.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            prop_assert_eq!(left, first, "{:?}", text);
        }
    }
}
