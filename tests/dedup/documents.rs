//! `exact-dedup`: every choice against a plain model of what it says.

use std::collections::{BTreeMap, BTreeSet};

use super::corpus::{Entry, Random, jsonl, word, words};
use super::{pipeline, rows};
use crate::support::{Lab, sample, succeed};

/// A few texts, addresses, titles and scores, often equal, sometimes missing.
fn documents() -> Vec<Entry> {
    let mut random = Random(11);
    let base: Vec<String> =
        (0..40).map(|_| (0..12).map(|_| word(&mut random)).collect::<Vec<_>>().join(" ")).collect();
    (0..400)
        .map(|number| {
            let mut text = random.pick(&base).clone();
            match random.below(4) {
                0 => text = text.to_uppercase(),
                1 => text = text.replacen(' ', ", ", 3) + ".",
                _ => {}
            }
            let url = format!("https://example.org/{}", random.below(150));
            let title = format!("{} {}", random.pick(&["Page", "page"]), random.below(60));
            Entry {
                id: number.to_string(),
                text,
                url: (!random.chance(200)).then_some(url),
                title: (!random.chance(300)).then_some(title),
                score: (!random.chance(150)).then(|| i64::try_from(random.below(12)).unwrap() - 6),
            }
        })
        .collect()
}

/// The sources of the documents, by their number: `a` in two files, `b`, `c`.
fn source(number: usize) -> &'static str {
    match number {
        0..180 => "a",
        180..300 => "b",
        _ => "c",
    }
}

type KeyOf = fn(&Entry) -> Option<String>;
type RankOf = fn(usize, &Entry) -> i64;

const BY: [(&str, KeyOf); 5] = [
    ("text", |text| Some(text.text.clone())),
    ("normalized-text", |text| Some(words(&text.text).join(" "))),
    ("url", |text| text.url.clone()),
    ("LOWER(title)", |text| text.title.as_ref().map(|title| title.to_lowercase())),
    ("CAST(score AS BIGINT) / 2 = 1", |text| text.score.map(|score| (score == 2).to_string())),
];

/// The least rank survives.
const KEEP: [(&str, RankOf); 4] = [
    ("\"first\"", |_, _| 0),
    ("\"last\"", |number, _| -i64::try_from(number).unwrap()),
    ("{ highest = \"CAST(score AS BIGINT)\" }", |_, text| {
        text.score.map_or(i64::MAX, |score| -score)
    }),
    ("{ lowest = \"CAST(score AS DOUBLE) / 3\" }", |_, text| text.score.unwrap_or(i64::MAX)),
];

#[test]
fn every_choice_gives_what_it_says() {
    let lab = Lab::new();
    let documents = documents();
    lab.write("a/0.jsonl", jsonl(&documents[..77]));
    lab.write("a/1.jsonl", jsonl(&documents[77..180]));
    lab.write("b.jsonl", jsonl(&documents[180..300]));
    lab.write("c.jsonl", jsonl(&documents[300..]));
    let sources = [("a", "a/*.jsonl"), ("b", "b.jsonl"), ("c", "c.jsonl")];
    for (i, (by, key)) in BY.into_iter().enumerate() {
        for (j, (keep, rank)) in KEEP.into_iter().enumerate() {
            // Every scope with every exemption, under every `by` and `keep`.
            let scope = ["run", "source"][(i + j) % 2];
            let exempt = ["[]", "[\"b\"]"][(i + j / 2) % 2];
            let stage = |action: &str| {
                format!(
                    "[[stage]]\nop = \"exact-dedup\"\nname = \"dedup\"\nby = {by:?}\nkeep = {keep}\n\
                     scope = {scope:?}\nexempt = {exempt}\naction = {action:?}\n"
                )
            };
            let what = format!("{by} {keep} {scope} {exempt}");
            let mut groups: BTreeMap<(String, &str), Vec<usize>> = BTreeMap::new();
            for (number, document) in documents.iter().enumerate() {
                let source = if scope == "run" { "" } else { source(number) };
                if let Some(key) = key(document) {
                    groups.entry((key, source)).or_default().push(number);
                }
            }
            let mut dropped = BTreeSet::new();
            for group in groups.values() {
                let best = group.iter().min_by_key(|&&at| (rank(at, &documents[at]), at)).unwrap();
                let exempt = |number: usize| exempt != "[]" && source(number) == "b";
                dropped.extend(group.iter().filter(|at| *at != best && !exempt(**at)));
            }

            let pipeline = |action: &str| pipeline(&lab, action, &sources, &stage(action));
            let (drop, annotate) = (lab.path("drop"), lab.path("annotate"));
            succeed(&["run", &pipeline("drop"), "--out", drop.to_str().unwrap()]);
            succeed(&["run", &pipeline("annotate"), "--out", annotate.to_str().unwrap()]);
            let found = rows(&drop, "dedup");
            let lost: BTreeSet<usize> =
                (0..documents.len()).filter(|at| !found[*at].kept).collect();
            assert_eq!(lost, dropped, "{what}");
            assert!(!dropped.is_empty(), "{what}");
            let mut ids = BTreeSet::new();
            let mut keyed = 0;
            for group in groups.values() {
                keyed += group.len();
                let of_group: BTreeSet<_> = group.iter().map(|at| &found[*at].cluster).collect();
                assert_eq!(of_group.len(), 1, "{what}");
                let id = found[group[0]].cluster.clone();
                assert_eq!(id.is_some(), group.len() > 1, "{what}");
                assert!(id.is_none() || ids.insert(id), "{what}: one id for two groups");
                let copies = u32::try_from(group.len()).ok().map(f64::from);
                assert!(group.iter().all(|at| found[*at].copies == copies), "{what}");
            }
            assert_eq!(found.iter().filter(|row| row.copies.is_some()).count(), keyed, "{what}");
            // With `annotate` all are kept, and the signals are the same.
            let mut all = found;
            for row in &mut all {
                row.kept = true;
            }
            assert_eq!(all, rows(&annotate, "dedup"), "{what}");
        }
    }
}

#[test]
fn copies_among_real_pages_are_found() {
    let lab = Lab::new();
    let web = sample("web/*.jsonl*");
    let stages = "[[stage]]\nop = \"minhash-dedup\"\naction = \"annotate\"\n\
                  [[stage]]\nop = \"exact-dedup\"\n";
    let pipeline = pipeline(&lab, "web", &[("web", &web)], stages);
    let out = lab.path("out");
    succeed(&["run", &pipeline, "--out", out.to_str().unwrap()]);
    let (exact, near) = (rows(&out, "exact-dedup"), rows(&out, "minhash-dedup"));
    // Of README.md: copies of pages that were put there, and six that were there before.
    assert_eq!(exact.iter().filter(|row| !row.kept).count(), 82 + 6);
    // Equal texts are near duplicates, of the same text, wherever there is a word.
    let mut near_only = 0;
    for (exact, near) in exact.iter().zip(&near) {
        assert!(near.copies >= exact.copies, "{}", exact.id);
        if !exact.kept {
            assert!(near.similarity.is_some_and(|similarity| similarity >= 0.8), "{}", exact.id);
        }
        near_only += usize::from(exact.kept && near.similarity.is_some());
    }
    // 30 pages are older revisions of others.
    assert!((30..60).contains(&near_only), "{near_only}");
}
