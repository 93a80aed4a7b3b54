use std::ops::Range;

use proptest::prelude::*;

use super::snap::merge;
use crate::ops::testing::{Setup, Trial, exchange, refused};

const SETUP: Setup = Setup { parts: 3, budget: 1 << 16 };

/// The definition, word for word: ranges of bytes that lie in a window that occurs earlier.
fn definition(documents: &[&[u8]], window: usize) -> Vec<Vec<Range<usize>>> {
    let starts = |text: &[u8]| 0..(text.len() + 1).saturating_sub(window);
    let mut found = Vec::new();
    for (at, text) in documents.iter().enumerate() {
        let occurs_earlier = |start: &usize| {
            let sought = &text[*start..*start + window];
            (0..*start).any(|other| &text[other..other + window] == sought)
                || documents[..at]
                    .iter()
                    .any(|other| starts(other).any(|start| &other[start..start + window] == sought))
        };
        let windows = starts(text).filter(occurs_earlier).map(|start| start..start + window);
        found.push(merge(windows, 0));
    }
    found
}

fn run(toml: &str, splits: &[(&str, Vec<&str>)], setup: Setup) -> Vec<Trial> {
    exchange("substring-dedup", toml, splits, setup).into_iter().flatten().collect()
}

/// Runs the op over documents, a split each; what is left of each, or the reason of its drop.
fn left(toml: &str, texts: &[&str]) -> Vec<String> {
    let splits: Vec<_> = texts.iter().map(|text| ("web", vec![*text])).collect();
    let trials = run(toml, &splits, SETUP);
    let left = trials.iter().zip(texts).map(|(trial, text)| match trial.reason() {
        "" => trial.text.clone().unwrap_or_else(|| (*text).to_owned()),
        reason => reason.to_owned(),
    });
    left.collect()
}

/// Compares with the definition.
fn check(documents: &[String], window: usize, size: usize, setup: Setup) {
    let splits: Vec<_> = documents
        .chunks(size)
        .map(|texts| ("web", texts.iter().map(String::as_str).collect()))
        .collect();
    let toml = format!("min_bytes = {window}\nsnap = \"none\"\nmin_chars_left = 0");
    let trials = run(&toml, &splits, setup);
    let bytes: Vec<&[u8]> = documents.iter().map(String::as_bytes).collect();
    let expected = definition(&bytes, window);
    for ((trial, text), ranges) in trials.iter().zip(documents).zip(expected) {
        let total: usize = ranges.iter().map(Range::len).sum();
        let found = trial.number("duplicate_bytes").to_string();
        assert_eq!(found, total.to_string(), "{documents:?}: {text:?} {ranges:?}");
        let mut left = text.clone();
        for range in ranges.into_iter().rev() {
            let start = text.ceil_char_boundary(range.start);
            let end = text.floor_char_boundary(range.end);
            if start < end {
                left.replace_range(start..end, "");
            }
        }
        match trial.reason() {
            "" => assert_eq!(trial.text.as_ref().unwrap_or(text), &left, "{text:?}"),
            "all-duplicate" => assert!(left.trim().is_empty()),
            other => panic!("{other}"),
        }
    }
}

/// Documents that share passages: pieces of a few letters, put together in several ways.
fn documents() -> impl Strategy<Value = Vec<String>> {
    let piece = prop_oneof![
        "[ab]{1,30}",
        "[a-c ]{1,20}",
        "[aéß中]{1,12}",
        ("[ab]{1,4}", 1usize..30).prop_map(|(unit, times)| unit.repeat(times)),
    ];
    prop::collection::vec(piece, 1..6).prop_flat_map(|pieces| {
        let document = prop::collection::vec(prop::sample::select(pieces), 0..5);
        prop::collection::vec(document.prop_map(|pieces| pieces.concat()), 1..7)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// However documents are split and whatever the memory, the definition holds.
    #[test]
    fn the_definition_holds(
        documents in documents(),
        window in 4usize..21,
        size in 1usize..5,
        parts in 1u32..4,
        budget in prop_oneof![Just(0usize), Just(500), Just(1 << 20)],
    ) {
        check(&documents, window, size, Setup { parts, budget });
    }
}

#[test]
fn runs_of_one_character_and_short_periods() {
    let long = "ab".repeat(300);
    for window in [4, 8, 13, 64] {
        for texts in [
            vec!["a".repeat(500), "a".repeat(window), "a".repeat(window - 1), "b".repeat(100)],
            vec![long.clone(), format!("x{long}y"), format!("b{long}"), "abc".repeat(60)],
            vec![format!("{0}{0}x{0}", "=".repeat(70)), format!("y{}\n", "=".repeat(71))],
        ] {
            check(&texts, window, 1, SETUP);
            check(&texts, window, 4, Setup { parts: 1, budget: 0 });
        }
    }
}

#[test]
fn a_large_page_of_one_character_is_one_repeat() {
    let text = "a".repeat(2_000_000);
    let trials = run("min_bytes = 500\nsnap = \"none\"", &[("web", vec![&text])], SETUP);
    // All but the byte that no window but the first has.
    assert_eq!(trials[0].number("duplicate_bytes").to_string(), "1999999");
    assert_eq!(trials[0].reason(), "too-short");
}

#[test]
fn empty_and_short_documents_stay() {
    let toml = "min_bytes = 16\nsnap = \"none\"\nmin_chars_left = 5";
    let text = "0123456789abcdef";
    let texts = ["", "a", "0123456789abcde", text, text, "", "0123456789abcde"];
    let mut expected = texts.map(str::to_owned);
    expected[4] = "all-duplicate".to_owned();
    assert_eq!(left(toml, &texts), expected);
    let texts = [text, &format!("{text}1234"), &format!("12345{text}"), "1234"];
    assert_eq!(left(toml, &texts), [text, "too-short", "12345", "1234"]);
}

#[test]
fn cuts_are_where_the_settings_allow() {
    let first = "The sky is blue today. It is warm.\nWe walk along the river. Nobody is there.";
    let second =
        "Tomorrow the sky is blue today. It is warm.\nWe walk along the river. Nobody cares.";
    let left = |toml: &str| left(&format!("min_bytes = 20\n{toml}"), &[first, second])[1].clone();
    assert_eq!(left("snap = \"none\"\nmin_chars_left = 14"), "Tomorrow tcares.");
    assert_eq!(left(""), "Tomorrow the sky is blue today. Nobody cares.");
    assert_eq!(left("snap = \"line\""), second);
    assert_eq!(left("min_chars_left = 46"), "too-short");
    assert_eq!(left("min_chars_left = 45"), "Tomorrow the sky is blue today. Nobody cares.");
}

#[test]
fn near_cuts_merge() {
    let text = "abcdefghijklmnopqrstuvwxyz0123456789";
    let other = "abcdefghijklmnopqr-*-stuvwxyz0123456789 and more";
    let left = |gap: u32| {
        let toml =
            format!("min_bytes = 16\nsnap = \"none\"\nmerge_gap = {gap}\nmin_chars_left = 0");
        left(&toml, &[text, other])[1].clone()
    };
    assert_eq!(left(0), "-*- and more");
    assert_eq!(left(2), "-*- and more");
    assert_eq!(left(3), " and more");
}

#[test]
fn sources_can_be_apart_or_exempt() {
    let text = "0123456789abcdefghijk";
    let splits = [("a", vec![text]), ("b", vec![text, text]), ("c", vec![text])];
    let dropped = |toml: &str| -> Vec<bool> {
        let trials = run(&format!("min_bytes = 16\nsnap = \"none\"\n{toml}"), &splits, SETUP);
        trials.iter().map(|trial| !trial.reason().is_empty()).collect()
    };
    assert_eq!(dropped(""), [false, true, true, true]);
    assert_eq!(dropped("scope = \"source\""), [false, false, true, false]);
    assert_eq!(dropped("exempt = [\"b\"]"), [false, false, false, true]);
    refused("substring-dedup", "exempt = [\"none\"]");
    refused("substring-dedup", "min_bytes = 2");
}
