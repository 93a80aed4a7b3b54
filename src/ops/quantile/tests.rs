use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::document::SignalValue;
use crate::ops::testing::{Setup, Trial, exchange_of, refused};
use crate::ops::{Columns, SignalLookup};

/// Documents: a number and a group, as kept fields.
type Documents = Vec<Vec<(Option<i32>, u8, String)>>;

fn columns() -> Columns {
    Columns {
        metadata: vec!["url".to_owned(), "score".to_owned(), "language".to_owned()],
        signals: Vec::new(),
    }
}

fn run(toml: &str, splits: &Documents, setup: Setup) -> Vec<Vec<Trial>> {
    let toml = format!("value = \"CAST(score AS DOUBLE) / 8\"\n{toml}");
    let fields = |(score, group, text): &(Option<i32>, u8, String)| {
        let score = score.map(|score| score.to_string());
        (text.clone(), vec![None, score, (*group > 0).then(|| format!("l{group}"))])
    };
    let splits: Vec<_> =
        splits.iter().map(|split| ("web", split.iter().map(fields).collect())).collect();
    exchange_of("quantile", &toml, &columns(), &splits, setup)
}

const ONE: Setup = Setup { parts: 1, budget: 1 << 20 };

/// What a sort of all documents gives: the rank of each, by split and row.
fn sorted(
    splits: &Documents,
    by: bool,
    top: bool,
    characters: bool,
) -> BTreeMap<(usize, usize), f64> {
    let mut groups: BTreeMap<u8, Vec<(i64, usize, usize, usize)>> = BTreeMap::new();
    for (split, documents) in splits.iter().enumerate() {
        for (row, (score, group, text)) in documents.iter().enumerate() {
            let Some(score) = score else { continue };
            let order = i64::from(*score) * if top { -1 } else { 1 };
            let weight = if characters { text.chars().count() } else { 1 };
            groups
                .entry(if by { *group } else { 0 })
                .or_default()
                .push((order, split, row, weight));
        }
    }
    let mut ranks = BTreeMap::new();
    for mut group in groups.into_values() {
        group.sort_unstable();
        let total: usize = group.iter().map(|(.., weight)| weight).sum();
        let mut before = 0;
        for (_, split, row, weight) in group {
            #[expect(clippy::cast_precision_loss, reason = "few documents")]
            let rank = if total == 0 { 0.0 } else { before as f64 / total as f64 };
            ranks.insert((split, row), rank);
            before += weight;
        }
    }
    ranks
}

fn documents() -> impl Strategy<Value = Documents> {
    // Few numbers, so that many are equal.
    let document = (prop::option::weighted(0.9, -6..6i32), 0..3u8, "[aé字]{0,4}");
    prop::collection::vec(prop::collection::vec(document, 0..12), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn ranks_are_those_of_a_sort_from_any_number_of_tasks(
        splits in documents(),
        by in any::<bool>(),
        top in any::<bool>(),
        characters in any::<bool>(),
        parts in 1..4u32,
    ) {
        let keep = if top { "keep_top" } else { "keep_bottom" };
        let mut toml = format!("{keep} = 0.3\nbuckets = [\"a\", \"b\", \"c\"]");
        if by {
            toml += "\nby = [\"language\"]";
        }
        if characters {
            toml += "\nweight = \"characters\"";
        }
        let expected = sorted(&splits, by, top, characters);
        let trials = run(&toml, &splits, Setup { parts, budget: 1 << 20 });
        for (split, trials) in trials.iter().enumerate() {
            for (row, trial) in trials.iter().enumerate() {
                let rank = expected.get(&(split, row)).copied();
                prop_assert_eq!(SignalLookup::number(trial, "rank"), rank);
                let kept = rank.is_none_or(|rank| rank < 0.3);
                prop_assert_eq!(trial.reason(), if kept { "" } else { "outside-share" });
                let bucket = rank.map(|rank| match rank {
                    rank if rank < 1.0 / 3.0 => "a",
                    rank if rank < 2.0 / 3.0 => "b",
                    _ => "c",
                });
                let bucket = bucket.map(|bucket| SignalValue::OwnedText(bucket.to_owned()));
                prop_assert_eq!(trial.signal("bucket"), bucket);
            }
        }
    }
}

/// ⌈f · n⌉ of n, for shares that floats do not hold exactly.
#[test]
fn a_share_of_documents_is_rounded_up() {
    for (share, n, kept) in [
        (0.1, 30, 3),
        (0.1, 31, 4),
        (0.7, 10, 7),
        (0.07, 100, 7),
        (0.29, 100, 29),
        (1.0, 7, 7),
        (0.001, 3, 1),
    ] {
        let splits = vec![(0..n).map(|score| (Some(score), 0, String::new())).collect()];
        for key in ["keep_top", "keep_bottom"] {
            let trials = run(&format!("{key} = {share:?}"), &splits, ONE).remove(0);
            let passed: Vec<usize> =
                (0..trials.len()).filter(|&row| trials[row].reason().is_empty()).collect();
            assert_eq!(passed.len(), kept, "{key} = {share} of {n}");
            let first = if key == "keep_top" { trials.len() - kept } else { 0 };
            assert_eq!(passed, (first..first + kept).collect::<Vec<_>>());
        }
    }
}

#[test]
fn equal_values_go_in_document_order() {
    let document = |score| (Some(score), 0, String::new());
    let splits = vec![vec![document(5), document(1)], vec![document(5), document(5)]];
    for (toml, kept) in [
        ("keep_top = 0.5", [true, false, true, false]),
        ("keep_bottom = 0.5", [true, true, false, false]),
    ] {
        let passed: Vec<bool> = run(toml, &splits, ONE)
            .iter()
            .flatten()
            .map(|trial| trial.reason().is_empty())
            .collect();
        assert_eq!(passed, kept, "{toml}");
    }
}

#[test]
fn documents_without_a_value() {
    let splits = vec![vec![(None, 0, String::new()), (Some(1), 0, String::new())]];
    let reasons = |toml: &str| -> Vec<&str> {
        run(toml, &splits, ONE).iter().flatten().map(Trial::reason).collect()
    };
    assert_eq!(reasons("keep_top = 0.5"), ["", ""]);
    assert_eq!(reasons("keep_top = 0.5\nmissing = \"drop\""), ["no-value", ""]);
}

#[test]
fn settings_that_cannot_work_say_what_would() {
    let message = |toml: &str| refused("quantile", toml).to_string();
    assert!(message("value = \"1\"\nkeep_top = 10.0").contains("up to 1"));
    assert!(message("value = \"1\"\nkeep_top = 0.1\nkeep_bottom = 0.1").contains("keep_top"));
    assert!(message("value = \"'x'\"").contains("CAST"));
    assert!(message("value = \"scor\"").contains("value: there is no column"));
    assert!(message("value = \"1\"\nby = [\"x y\"]").starts_with("by: "));
    assert!(message("value = \"1\"\nbuckets = [\"a\"]\ncuts = [0.5]").contains("2 buckets, not 1"));
    let twice = "value = \"1\"\nbuckets = [\"a\", \"b\", \"c\"]\ncuts = [0.5, 0.5]";
    assert!(message(twice).contains("each above"));
}
