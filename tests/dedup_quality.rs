//! `tamis dedup-quality` on a run small enough to count by hand.

use std::fmt::Write;
use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use serde_json::Value;

use crate::support::{Lab, fail, succeed, table, texts};

/// Clusters {0, 1, 2} and {3, 4}; 1, 2 and 4 are removed; 7 is gone before.
fn run(lab: &Lab) -> String {
    let said = ["alpha", "alpha", "alpha", "beta", "beta", "gamma", "delta", "void"];
    let line = |(number, text): (usize, &&str)| {
        format!(
            "{{\"id\": \"d{number}\", \"url\": \"https://example.org/{number}\", \"text\": {text:?}}}\n"
        )
    };
    let lines: String = said.iter().enumerate().map(line).collect();
    let file = lab.write("in.jsonl", lines);
    let pipeline = lab.write(
        "p.toml",
        format!(
            r#"
name = "small"

[[source]]
name = "a"
path = {file:?}
id_field = "id"

[[stage]]
op = "where"
sql = "url <> 'https://example.org/7'"

[[stage]]
op = "exact-dedup"

[[stage]]
op = "exact-dedup"
name = "by-url"
by = "url"
"#
        ),
    );
    let out = lab.text("out");
    succeed(&["run", &pipeline, "--out", &out]);
    out
}

fn ask(run: &str, rest: &[&str]) -> Value {
    let start = ["dedup-quality", run, "--stage", "exact-dedup", "--format", "json", "--truth"];
    serde_json::from_str(&succeed(&[&start, rest].concat())).unwrap()
}

#[track_caller]
fn about(value: &Value, expected: f64) {
    let found = value.as_f64().unwrap_or_else(|| panic!("{value} is no number"));
    assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
}

#[test]
fn clusters_are_counted_as_by_hand() {
    let lab = Lab::new();
    let run = run(&lab);
    let clusters = [("d0", "x"), ("d1", "x"), ("d2", "y"), ("d3", "y"), ("d4", "y"), ("d5", "z")];
    let mut lines = String::new();
    for (id, cluster) in &clusters {
        writeln!(lines, "{{\"id\": {id:?}, \"cluster\": {cluster:?}}}").unwrap();
    }
    // Alone; the same under another name; not seen by the stage; in no run.
    lines.push_str("\n{\"id\": \"https://example.org/6\", \"cluster\": null}\n");
    lines.push_str("{\"id\": \"https://example.org/0\", \"cluster\": \"x\"}\n");
    lines.push_str("{\"id\": \"d7\", \"cluster\": \"x\"}\n{\"id\": 8, \"cluster\": 3}\n");
    let truth = lab.write("clusters.jsonl", lines);
    let found = ask(&run, &[&truth]);

    assert_eq!(found["run"]["documents"], 7);
    assert_eq!(found["run"]["clusters"], 2);
    assert_eq!(found["run"]["in_clusters"], 5);
    assert_eq!(found["run"]["removed"], 3);
    assert_eq!(found["labels"]["ids"], 10);
    assert_eq!(found["labels"]["not_in_run"], 1);
    assert_eq!(found["labels"]["not_seen"], 1);
    assert_eq!(found["labels"]["pairs"], 21);
    // Of 3 + 1 predicted and 1 + 3 positive pairs, {0, 1} and {3, 4} are in both.
    let pairs = &found["pairs"];
    assert_eq!(pairs["true_positive"], 2);
    assert_eq!(pairs["false_positive"], 2);
    assert_eq!(pairs["false_negative"], 2);
    assert_eq!(pairs["unlabelled"], 0);
    about(&pairs["f1"], 0.5);
    // (2 − 16/21) / (4 − 16/21)
    about(&found["adjusted_rand"], 26.0 / 68.0);
    // 1 and 4 are like the kept ones, 2 is not; 1, 3 and 4 have an earlier partner.
    let removals = &found["removals"];
    assert_eq!(removals["negative"], 1);
    about(&removals["precision"], 2.0 / 3.0);
    assert_eq!(removals["with_earlier_partner"], 3);
    about(&removals["recall"], 2.0 / 3.0);
}

const PAIRS: &str = r#"{"a": "d0", "b": "d1", "label": 1, "sim": 0.9, "other": 1}
{"a": "d2", "b": "d0", "label": 0, "sim": 0.4, "other": 0}
{"a": "d3", "b": "d4", "label": true, "sim": 0.8, "other": 1}
{"a": "d4", "b": "d5", "label": 1, "sim": 0.85, "other": 0}
{"a": "d1", "b": "d0", "label": 1, "sim": 0.9, "other": 1}
{"a": "d5", "b": "d6", "label": 1, "sim": 0.9, "other": 1}
{"a": "d6", "b": "d5", "label": 0, "sim": 0.1, "other": 1}
{"a": "gone", "b": "d1", "label": 1, "sim": 0.9, "other": 1}
"#;

#[test]
fn listed_pairs_count_and_others_only_when_told_so() {
    let lab = Lab::new();
    let run = run(&lab);
    let truth = lab.write("pairs.jsonl", PAIRS);
    let found = ask(&run, &[&truth]);
    assert_eq!(found["labels"]["rows"], 8);
    assert_eq!(found["labels"]["pairs"], 4);
    assert_eq!(found["labels"]["positive"], 3);
    assert_eq!(found["labels"]["contradictory"], 1);
    assert_eq!(found["labels"]["not_in_run"], 1);
    let pairs = &found["pairs"];
    about(&pairs["precision"], 2.0 / 3.0);
    about(&pairs["recall"], 2.0 / 3.0);
    // 1 and 2.
    assert_eq!(pairs["unlabelled"], 1);
    assert_eq!(found["adjusted_rand"], Value::Null);
    about(&found["removals"]["precision"], 2.0 / 3.0);
    // 1, 4 and 5 have an earlier partner.
    about(&found["removals"]["recall"], 2.0 / 3.0);

    let by_similarity = ask(&run, &[&truth, "--threshold", "0.8", "--by", "sim"]);
    assert_eq!(by_similarity["labels"]["positive"], 3);
    assert_eq!(by_similarity["labels"]["contradictory"], 1);
    assert_eq!(by_similarity["pairs"], found["pairs"]);

    let complete = ask(&run, &[&truth, "--complete"]);
    assert_eq!(complete["labels"]["pairs"], 21);
    about(&complete["pairs"]["precision"], 0.5);
    about(&complete["pairs"]["recall"], 2.0 / 3.0);
    assert_eq!(complete["pairs"]["unlabelled"], 0);
    // Components {0, 1} and {3, 4, 5}: as many pairs as in the test above.
    about(&complete["adjusted_rand"], 26.0 / 68.0);
    let text = succeed(&[
        "dedup-quality",
        &run,
        "--truth",
        &truth,
        "--stage",
        "exact-dedup",
        "--complete",
    ]);
    assert!(
        text.contains("pairs         0.5000  0.6667  0.5714  2 right, 2 wrong, 1 missed"),
        "{text}"
    );
    assert!(text.contains("adjusted Rand index  0.3824"), "{text}");
}

#[test]
fn parquet_and_the_ids_of_the_ledger_serve_as_well() {
    let lab = Lab::new();
    let run = run(&lab);
    let ids: Vec<String> =
        texts(&table(&lab.path("out/ledger")), "id").into_iter().map(Option::unwrap).collect();
    let column = |rows: &[usize]| {
        Arc::new(rows.iter().map(|row| Some(ids[*row].clone())).collect::<StringArray>())
            as ArrayRef
    };
    let batch = RecordBatch::try_from_iter([
        ("a", column(&[0, 0, 3])),
        ("b", column(&[1, 2, 4])),
        ("jaccard", Arc::new(Float64Array::from(vec![0.8, 0.79, 1.0])) as ArrayRef),
    ])
    .unwrap();
    let path = lab.path("pairs.parquet");
    let mut writer =
        ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let truth = path.display().to_string();
    let found = ask(&run, &[&truth, "--threshold", "0.8"]);
    assert_eq!(found["labels"]["by"], "jaccard");
    assert_eq!(found["labels"]["not_in_run"], 0);
    about(&found["pairs"]["precision"], 2.0 / 3.0);
    about(&found["pairs"]["recall"], 1.0);

    let said = fail(65, &["dedup-quality", &run, "--stage", "by-url", "--truth", &truth]);
    assert!(said.contains("no column `label` (there are: a, b, jaccard)"), "{said}");
    // Nothing has the same address.
    let text = succeed(&[
        "dedup-quality",
        &run,
        "--stage",
        "by-url",
        "--threshold",
        "0.5",
        "--truth",
        &truth,
    ]);
    assert!(text.contains("the stage dropped nothing"), "{text}");
}

#[test]
fn what_does_not_fit_is_said_with_the_next_step() {
    let lab = Lab::new();
    let run = run(&lab);
    let truth = |text: &str| lab.write("truth.jsonl", text);
    let ask = |code, text: &str, rest: &[&str]| {
        let truth = truth(text);
        fail(code, &[&["dedup-quality", &run, "--truth", &truth], rest].concat())
    };
    let stage = ["--stage", "exact-dedup"];
    for (code, text, rest, said) in [
        (
            2,
            PAIRS,
            &[][..],
            "several stages make clusters: `exact-dedup`, `by-url`; name one by --stage",
        ),
        (2, PAIRS, &["--stage", "where"], "the stage `where` makes no clusters; those that do"),
        (2, PAIRS, &["--stage", "minhash"], "no stage `minhash`; its dedup stages: `exact-dedup`"),
        (2, PAIRS, &["--stage", "exact-dedup", "--by", "sim"], "needs --threshold"),
        (
            65,
            PAIRS,
            &["--stage", "exact-dedup", "--threshold", "1"],
            "several columns of numbers: ",
        ),
        (
            65,
            PAIRS,
            &["--stage", "exact-dedup", "--threshold", "1", "--by", "x"],
            "truth.jsonl`: line 1: no column `x`",
        ),
        (65, "{\"a\": 1, \"b\": 2}", &stage, "line 1: no column `label`"),
        (65, "{\"x\": 1}", &stage, "labels are pairs with `a`, `b` and `label`, or clusters"),
        (65, "{\"a\": 1, \"b\": 2, \"label\": 1}\n\n{\"a\": 1}", &stage, "line 3: no `b`"),
        (
            65,
            "{\"a\": 1, \"b\": 2, \"label\": 0.5}",
            &stage,
            "line 1: the label is 0.5, not 0 or 1",
        ),
        (65, "{\"a\": 1,", &stage, "line 1: no JSON object"),
        (
            65,
            "{\"id\": 1, \"cluster\": 1}\n{\"id\": 1, \"cluster\": 2}",
            &stage,
            "line 2: `1` has another cluster further up",
        ),
        (
            2,
            "{\"a\": \"x1\", \"b\": \"x2\", \"label\": 1}",
            &stage,
            "looked for `x1` and 1 others; where the ids are the input's own, set `id_field`",
        ),
        (2, "", &stage, "holds no label"),
        (
            2,
            "{\"id\": \"d1\", \"cluster\": 1}",
            &["--stage", "exact-dedup", "--complete"],
            "--complete is about pairs",
        ),
    ] {
        let found = ask(code, text, rest);
        assert!(found.contains(said), "{text} {rest:?}: {found}");
    }
    let csv = lab.write("truth.csv", "a,b,label\n");
    let found = fail(2, &["dedup-quality", &run, "--truth", &csv, "--stage", "exact-dedup"]);
    assert!(found.contains("is neither JSON Lines"), "{found}");
    let found = fail(2, &["dedup-quality", &run, "--truth", "nowhere.jsonl", "--stage", "by-url"]);
    assert!(found.contains("matches no file"), "{found}");
}
