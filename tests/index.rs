//! Deduplication across runs: crawl after crawl against one run over all of them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::support::{Lab, fail, numbers, results, succeed, table, texts};

/// The files of a folder and what is in them.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files = BTreeMap::new();
    for path in entries {
        if path.is_dir() {
            files.extend(tree(&path));
        } else {
            files.insert(path.clone(), std::fs::read(path).unwrap());
        }
    }
    files
}

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ mixed >> 31) >> 33).unwrap() % bound
    }

    fn word(&mut self) -> String {
        format!("w{}", self.below(5000))
    }
}

/// Three crawls of documents that come back, unchanged or with some words changed.
fn crawls(lab: &Lab) {
    let mut random = Random(7);
    let mut known: Vec<Vec<String>> = Vec::new();
    for crawl in ["a", "b", "c"] {
        let mut lines = String::new();
        for number in 0..150 {
            let changes = random.below(40);
            let mut words = if known.is_empty() || random.below(3) == 0 {
                (0..60 + random.below(60)).map(|_| random.word()).collect()
            } else {
                known[random.below(known.len())].clone()
            };
            if random.below(2) == 0 {
                for _ in 0..changes / 4 {
                    let at = random.below(words.len());
                    words[at] = random.word();
                }
            }
            let text = words.join(" ");
            writeln!(lines, r#"{{"id": "{crawl}{number}", "url": "x", "text": "{text}"}}"#)
                .unwrap();
            known.push(words);
        }
        lab.write(&format!("{crawl}.jsonl"), lines);
    }
}

fn pipeline(lab: &Lab, name: &str, sources: &[&str], stage: &str) -> String {
    let mut text = format!("name = \"{name}\"\n");
    for source in sources {
        write!(
            text,
            "[[source]]\nname = \"{source}\"\npath = \"{source}.jsonl\"\nsplit_size = \"16KiB\"\n"
        )
        .unwrap();
    }
    text.push_str(stage);
    lab.write(&format!("{name}.toml"), text)
}

/// Of each document its verdict and its cluster.
fn outcomes(lab: &Lab, run: &str, stage: &str) -> BTreeMap<String, (String, Option<String>)> {
    let ledger = table(&lab.path(run).join("ledger"));
    let clusters = texts(&ledger, &format!("{stage}.cluster"));
    let verdicts = texts(&ledger, "verdict").into_iter().map(Option::unwrap);
    let ids = texts(&ledger, "source_id").into_iter().map(Option::unwrap);
    ids.zip(verdicts.zip(clusters)).collect()
}

#[test]
fn crawl_after_crawl_keeps_what_one_run_keeps() {
    for (op, settings) in [
        ("exact-dedup", ""),
        ("exact-dedup", "by = \"normalized-text\""),
        ("minhash-dedup", ""),
        ("minhash-dedup", "dialect = \"datatrove\"\nthreshold = 0.6"),
    ] {
        let lab = Lab::new();
        crawls(&lab);
        let stage = format!("[[stage]]\nop = \"{op}\"\n{settings}\n");
        let whole = pipeline(&lab, "whole", &["a", "b", "c"], &stage);
        succeed(&["run", &whole, "--out", &lab.text("whole")]);
        let whole = outcomes(&lab, "whole", op);
        let dropped = whole.values().filter(|(verdict, _)| verdict == "dropped").count();
        assert!((80..400).contains(&dropped), "{op}: {dropped}");

        let indexed = format!("{stage}index = \"index\"\nindex_action = \"drop\"\n");
        for crawl in ["a", "b", "c"] {
            let one = pipeline(&lab, crawl, &[crawl], &indexed);
            succeed(&["run", &one, "--out", &lab.text(crawl)]);
            for (id, (verdict, cluster)) in outcomes(&lab, crawl, op) {
                assert_eq!(verdict, whole[&id].0, "{op} {settings} {id}");
                // What comes later may make a cluster of a document that was alone.
                if cluster.is_some() {
                    assert_eq!(cluster, whole[&id].1, "{op} {settings} {id}");
                }
            }
        }
        // Started again, a run does not meet itself, nor what came later.
        let before = results(&lab.path("b"));
        succeed(&["run", &lab.text("b.toml"), "--out", &lab.text("b"), "--fresh"]);
        assert!(before == results(&lab.path("b")));
        let versions = std::fs::read_dir(lab.path("index/versions")).unwrap().count();
        assert_eq!(versions, 3);
    }
}

#[test]
fn a_run_that_fails_leaves_the_index_as_it_was() {
    let lab = Lab::new();
    crawls(&lab);
    let stage = "[[stage]]\nop = \"minhash-dedup\"\nindex = \"index\"\n";
    succeed(&["run", &pipeline(&lab, "a", &["a"], stage), "--out", &lab.text("a")]);
    let before = tree(&lab.path("index"));
    let fails = format!("{stage}[[stage]]\nop = \"where\"\nsql = \"CAST(url AS BIGINT) > 0\"\n");
    fail(65, &["run", &pipeline(&lab, "b", &["b"], &fails), "--out", &lab.text("b")]);
    assert!(before == tree(&lab.path("index")));

    // By default duplicates of earlier crawls are kept and marked.
    succeed(&["run", &pipeline(&lab, "b", &["b"], stage), "--out", &lab.text("b")]);
    let ledger = table(&lab.path("b/ledger"));
    let known = numbers(&ledger, "minhash-dedup.known");
    let verdicts = texts(&ledger, "verdict");
    let marked = |verdict: &str| {
        let of = known.iter().zip(&verdicts).filter(|(_, found)| found.as_deref() == Some(verdict));
        of.filter(|(known, _)| **known == Some(1.0)).count()
    };
    assert!(marked("kept") > 20, "{}", marked("kept"));
    // Of several that are like one earlier document, one is kept.
    assert!(marked("dropped") > 0);
}

#[test]
fn an_index_is_for_runs_of_one_kind() {
    let lab = Lab::new();
    crawls(&lab);
    let stage = "[[stage]]\nop = \"minhash-dedup\"\nindex = \"index\"\n";
    succeed(&["run", &pipeline(&lab, "a", &["a"], stage), "--out", &lab.text("a")]);
    let other = pipeline(&lab, "b", &["b"], &format!("{stage}ngram = 7\n"));
    let message = fail(2, &["run", &other, "--out", &lab.text("b")]);
    assert!(
        message.contains("give another `index`") && message.contains("\"ngram\":5"),
        "{message}"
    );
    let unverified = pipeline(&lab, "b", &["b"], &format!("{stage}verify = false\n"));
    let message = fail(2, &["run", &unverified, "--out", &lab.text("b")]);
    assert!(message.contains("an index needs `verify = true`"), "{message}");
}
