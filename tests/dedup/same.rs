//! The same clusters and survivors from every engine, setting, order and interruption.

use std::fmt::Write;
use std::process::Stdio;

use super::corpus::{Entry, Random, jsonl, mutated};
use super::{by_id, kept, pipeline, rows};
use crate::clusters::{kill_when, manifests};
use crate::support::{Lab, assert_same, results, succeed, table, tamis, texts};

/// Stages that only say what belongs together, so that each sees all documents. `{score}` stands for
/// a number that no two documents share, or for another one.
const ANNOTATING: [&str; 16] = [
    "op = \"exact-dedup\"",
    "op = \"exact-dedup\"\nby = \"normalized-text\"\nkeep = { highest = \"{score}\" }",
    "op = \"exact-dedup\"\nby = \"url\"\nkeep = \"last\"",
    "op = \"exact-dedup\"\nby = \"LOWER(title)\"\nkeep = { lowest = \"{score}\" }\nscope = \"source\"",
    "op = \"exact-dedup\"\nexempt = [\"b\"]\nscope = \"source\"",
    "op = \"minhash-dedup\"",
    "op = \"minhash-dedup\"\nkeep = { highest = \"{score}\" }",
    "op = \"minhash-dedup\"\nverify = false\nkeep = { lowest = \"{score}\" }",
    "op = \"minhash-dedup\"\nkeep = \"last\"\nthreshold = 0.5",
    "op = \"minhash-dedup\"\ndialect = \"datatrove\"\nkeep = { highest = \"{score}\" }",
    "op = \"minhash-dedup\"\ndialect = \"datatrove\"\nverify = false\nhash = \"sha1-64\"",
    "op = \"minhash-dedup\"\nunit = \"char\"\nngram = 20\nkeep = { highest = \"{score}\" }",
    "op = \"minhash-dedup\"\nmeasure = \"containment\"\nbands = 128\nrows = 1\nkeep = { highest = \"{score}\" }",
    "op = \"minhash-dedup\"\nscope = \"source\"\nkeep = { highest = \"{score}\" }",
    "op = \"minhash-dedup\"\nexempt = [\"b\"]\nscope = \"source\"\nverify = false",
    "op = \"minhash-dedup\"\nmax_comparisons = 1\nmax_cluster = 2\nbands = 64\nrows = 1\nkeep = { highest = \"{score}\" }",
];

/// The stages that depend on nothing but the documents: not on ties, which document order breaks.
fn without_ties() -> impl Iterator<Item = usize> {
    let stages = ANNOTATING.iter().enumerate();
    stages.filter(|(_, stage)| stage.contains("{score}")).map(|(number, _)| number)
}

fn stages(score: &str) -> String {
    let mut text = String::from(
        "[[stage]]\nop = \"set\"\nname = \"rank\"\ncolumns = { score = \"CAST(score AS BIGINT)\" }\n\
         [[stage]]\nop = \"length\"\n",
    );
    for (number, stage) in ANNOTATING.iter().enumerate() {
        let stage = stage.replace("{score}", score);
        write!(text, "[[stage]]\nname = \"d{number}\"\naction = \"annotate\"\n{stage}\n").unwrap();
    }
    text
}

/// Documents with copies of every degree, scores that no two share, and some addresses and titles
/// that some do.
fn documents() -> Vec<Entry> {
    let mut random = Random(3);
    let mut scores: Vec<i64> = (-200..2000).collect();
    random.shuffle(&mut scores);
    let mut documents: Vec<Entry> = (0..)
        .zip(mutated(90, 4))
        .map(|(number, text)| {
            let mut document = Entry::new(number, text);
            document.score = Some(scores[number]);
            document.url =
                random.chance(700).then(|| format!("https://example.org/{}", random.below(200)));
            document.title = random.chance(700).then(|| format!("Title {}", random.below(100)));
            document
        })
        .collect();
    for number in (0..documents.len()).step_by(6) {
        let id = documents.len();
        let mut copy = Entry::new(id, documents[number].text.clone());
        copy.score = Some(scores[id]);
        documents.push(copy);
    }
    // Without a word, without anything, and shorter than an n-gram.
    for text in ["", "", "— …!", "— …!", "one", "One!", "one two", "\u{200b}", "\0"] {
        let number = documents.len();
        let mut document = Entry::new(number, text.to_owned());
        document.score = Some(scores[number]);
        documents.push(document);
    }
    assert!((300..600).contains(&documents.len()), "{}", documents.len());
    documents
}

#[test]
fn engines_and_settings_make_no_difference() {
    let lab = Lab::new();
    let documents = documents();
    let (a, b) = documents.split_at(150);
    lab.write("a.jsonl", jsonl(a));
    for (file, part) in b.chunks(100).enumerate() {
        lab.write(&format!("b/{file}.jsonl"), jsonl(part));
    }
    let mut stages = stages("length.chars");
    stages +=
        "[[stage]]\nop = \"exact-dedup\"\n[[stage]]\nop = \"minhash-dedup\"\nscope = \"source\"\n";
    let pipeline = pipeline(&lab, "engines", &[("a", "a.jsonl"), ("b", "b/*.jsonl")], &stages);
    let run = |out: &str, extra: &[&str]| {
        let out = lab.path(out);
        let mut arguments = vec!["run", &pipeline, "--out", out.to_str().unwrap()];
        arguments.extend_from_slice(extra);
        succeed(&arguments);
        out
    };
    let reference = run("reference", &["--threads", "1"]);
    for (number, stage) in ANNOTATING.iter().enumerate() {
        let rows = rows(&reference, &format!("d{number}"));
        let clustered = rows.iter().filter(|row| row.cluster.is_some()).count();
        assert!(clustered > 20, "{clustered} in clusters of {stage}");
    }
    let reasons = texts(&table(&reference.join("ledger")), "reason");
    for (reason, least) in [("duplicate", 20), ("near-duplicate", 100)] {
        let count = reasons.iter().filter(|found| found.as_deref() == Some(reason)).count();
        assert!(count > least, "{count} × {reason}");
    }
    let variants: [(&str, &[&str]); 4] = [
        ("two-threads", &["--threads", "2"]),
        ("processes", &["--on", "processes", "--threads", "2"]),
        ("small-batches", &["--threads", "3", "--batch-size", "3000"]),
        ("little-memory", &["--threads", "2", "--set", "memory_limit=\"1MiB\""]),
    ];
    for (out, extra) in variants {
        assert_same(&reference, &run(out, extra));
    }
    assert!(!reference.join("work").exists());
    assert!(results(&reference).contains_key("ledger/part-00000.parquet"));
}

#[test]
fn splits_make_no_difference() {
    let lab = Lab::new();
    lab.write("a.jsonl", jsonl(&documents()));
    let pipeline =
        pipeline(&lab, "splits", &[("a", "a.jsonl"), ("b", "a.jsonl")], &stages("rank.score"));
    let run = |size: &str| {
        let out = lab.path(size);
        let text = std::fs::read_to_string(&pipeline).unwrap();
        let pipeline = lab.write(&format!("{size}.toml"), text.replace("60KiB", size));
        succeed(&["run", &pipeline, "--out", out.to_str().unwrap()]);
        (0..ANNOTATING.len()).map(|number| rows(&out, &format!("d{number}"))).collect::<Vec<_>>()
    };
    let one = run("1GiB");
    for size in ["12KiB", "40KiB"] {
        for (number, (left, right)) in one.iter().zip(run(size)).enumerate() {
            assert_eq!(*left, right, "{size}: {}", ANNOTATING[number]);
        }
    }
}

#[test]
fn with_a_rank_the_order_of_documents_and_files_makes_no_difference() {
    let lab = Lab::new();
    let mut documents = documents();
    let mut random = Random(99);
    let mut stages = stages("rank.score");
    for op in ["exact-dedup", "minhash-dedup"] {
        write!(stages, "[[stage]]\nop = {op:?}\nkeep = {{ lowest = \"rank.score\" }}\n").unwrap();
    }
    let mut run = |name: &str, size: usize| {
        // Sources stay what they are: some stages go by them.
        let of = |source: usize, documents: &[Entry]| -> Vec<Entry> {
            let parity = |document: &&Entry| document.id.parse::<usize>().unwrap() % 2 == source;
            documents.iter().filter(parity).cloned().collect()
        };
        for (source, folder) in ["a", "b"].into_iter().enumerate() {
            for (file, part) in of(source, &documents).chunks(size).enumerate() {
                lab.write(&format!("{name}/{folder}/{file:03}.jsonl"), jsonl(part));
            }
        }
        let sources = [("a", format!("{name}/a/*.jsonl")), ("b", format!("{name}/b/*.jsonl"))];
        let sources: Vec<(&str, &str)> =
            sources.iter().map(|(source, path)| (*source, path.as_str())).collect();
        let pipeline = pipeline(&lab, name, &sources, &stages);
        let out = lab.path(&format!("out-{name}"));
        succeed(&["run", &pipeline, "--out", out.to_str().unwrap()]);
        random.shuffle(&mut documents);
        out
    };
    let first = run("first", 1000);
    assert!(kept(&rows(&first, "minhash-dedup")).len() > 90);
    for (name, size) in [("second", 50), ("third", 7), ("fourth", 1000)] {
        let out = run(name, size);
        let names = without_ties().map(|number| format!("d{number}"));
        for stage in names.chain(["exact-dedup".to_owned(), "minhash-dedup".to_owned()]) {
            let (left, right) = (by_id(rows(&first, &stage)), by_id(rows(&out, &stage)));
            assert_eq!(left, right, "{name}: {stage}");
        }
    }
}

#[test]
fn a_run_killed_anywhere_goes_on_to_the_same_clusters() {
    let lab = Lab::new();
    lab.write("a.jsonl", jsonl(&documents()));
    let stages = "[[stage]]\nop = \"exact-dedup\"\naction = \"annotate\"\n\
                  [[stage]]\nop = \"minhash-dedup\"\nthreshold = 0.6\n";
    let pipeline = pipeline(&lab, "killed", &[("a", "a.jsonl")], stages);
    let text = std::fs::read_to_string(&pipeline).unwrap().replace("60KiB", "4KiB");
    let pipeline = lab.write("killed.toml", text);
    let reference = lab.path("reference");
    succeed(&["run", &pipeline, "--out", reference.to_str().unwrap()]);
    for on in ["threads", "processes"] {
        let out = lab.path(on);
        let arguments = [
            "run",
            &pipeline,
            "--out",
            out.to_str().unwrap(),
            "--threads",
            "2",
            "--on",
            on,
            "--set",
            "memory_limit=\"1MiB\"",
        ];
        // Each time a bit further on: within sends, between and within meets, while writing.
        let stops = [
            ("0-flow", 3),
            ("1-meet", 1),
            ("4-meet", 1),
            ("5-send", 2),
            ("6-meet", 1),
            ("7-write", 3),
        ];
        let mut kills = 0;
        for (phase, committed) in stops {
            let mut child = tamis()
                .args(arguments)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            kills += usize::from(kill_when(&mut child, &out, phase, committed));
        }
        assert!(kills >= 5, "the run ended before it could be killed: {kills} kills");
        assert!(manifests(&out, "") > 100);
        succeed(&arguments);
        assert_same(&reference, &out);
        assert!(!out.join("work").exists(), "exchange files were left behind");
    }
}
