//! `tamis fit-classifier`, and the op `quality` with what it writes.

use std::fmt::Write;

use crate::support::{Lab, fail, succeed, tamis};

/// Words of two kinds in an order that repeats only after long.
fn lines(kind: usize, number: usize) -> String {
    let words = [
        ["river", "stone", "cloud", "meadow", "harvest", "lantern", "silence"],
        ["discount", "click", "login", "cart", "coupon", "newsletter", "share"],
    ];
    let mut text = String::new();
    for line in 0..number {
        let drawn: Vec<&str> =
            (1..8).map(|at| words[kind][(line * at * at + line / 7 * at) % 7]).collect();
        writeln!(
            text,
            "{}",
            serde_json::json!({ "text": format!("{} {line}.", drawn.join(" ")), "kind": kind })
        )
        .unwrap();
    }
    text
}

fn config(lab: &Lab, source: &str) -> String {
    lab.write(
        "config.toml",
        format!(
            "name = \"demo\"\nseed = 3\nvalidation = 0.2\ntest = 0.2\npositive = \"good\"\n{source}\n\
             [model]\ntrials = 2\nepochs = 5\ndimension = 8\nbuckets = 2000\nchars = [0, 0]\n\
             max_size = \"64 KiB\"\n"
        ),
    )
}

const FIELD: &str = "[[source]]\nname = \"all\"\npath = \"*.jsonl\"\nlabel_field = \"kind\"\n\
    label_map = { \"0\" = \"good\", \"1\" = \"shop\" }\n";

#[test]
fn the_same_texts_give_the_same_files_and_quality_filters_by_them() {
    let lab = Lab::new();
    lab.write("a.jsonl", lines(0, 150));
    lab.write("b.jsonl", lines(1, 150));
    let config = config(&lab, FIELD);
    let fitted = |folder: &str, threads: &str| {
        let out = lab.text(folder);
        let mut command = tamis();
        command.args(["fit-classifier", &config, "--out", &out, "--format", "json"]);
        let output = command.env("RAYON_NUM_THREADS", threads).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let files = ["ftz", "json", "md", "svg"]
            .map(|kind| std::fs::read(lab.path(&format!("{folder}/demo.{kind}"))).unwrap());
        (files, serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap())
    };
    let (one, report) = fitted("one", "1");
    let (four, _) = fitted("four", "4");
    assert!(one == four, "the number of threads shows");
    assert!(one[0].len() <= 64 << 10);
    assert_eq!(report["trials"].as_array().unwrap().len(), 2);
    assert!(report["labels"][0]["roc_auc"].as_f64().unwrap() > 0.95, "{report}");
    assert!(String::from_utf8_lossy(&one[2]).contains("### Thresholds for `good`"));

    let pipeline = lab.write(
        "pipeline.toml",
        "name = \"p\"\n[[source]]\nname = \"s\"\npath = \"*.jsonl\"\n[[stage]]\nop = \"quality\"\n\
         model = \"one/demo.ftz\"\nlabel = \"good\"\nkeep = \">= 0.5\"\n[documents]\n",
    );
    let run = lab.text("run");
    succeed(&["run", &pipeline, "--out", &run]);
    let count = |condition: &str| {
        let sql = format!("SELECT count(*) AS n FROM ledger WHERE {condition}");
        let found = succeed(&["query", &run, &sql, "--format", "json"]);
        let found: serde_json::Value = serde_json::from_str(found.trim()).unwrap();
        found["n"].as_u64().unwrap()
    };
    let good = count("verdict = 'kept' AND file = 'a.jsonl'");
    let shop = count("verdict = 'dropped' AND file = 'b.jsonl' AND reason = 'low-quality'");
    assert!(good > 145 && shop > 145, "{good} kept, {shop} dropped");
}

#[test]
fn what_cannot_be_fitted_is_said_with_its_place() {
    let lab = Lab::new();
    lab.write("a.jsonl", lines(0, 30));
    let out = lab.text("out");
    let told = |source: &str, wanted: &str| {
        let message = fail(2, &["fit-classifier", &config(&lab, source), "--out", &out]);
        assert!(message.contains(wanted), "{wanted} not in {message}");
    };
    told(FIELD, "needs texts of two labels, the sources have `good`");
    told(&FIELD.replace("\"0\"", "\"2\""), "label_map does not list `0`");
    told(&FIELD.replace("\"kind\"", "\"kinds\""), "there is no label in `kinds`");
    told(&FIELD.replace("*.jsonl", "none/*.jsonl"), "matches no file");
    told(&FIELD.replace("label_field", "lable_field"), "did you mean `label_field`?");
    assert!(!lab.path("out/demo.ftz").exists());
}
