//! Benchmarks planted in documents: found, told of in the run's own table, cut out.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Lab, assert_same, sample, succeed, table, texts};

/// An item of the samples, changed in case, punctuation and one word.
const PLANTED: &str = "JANET'S DUCKS LAY SEVENTEEN EGGS PER DAY!! She eats three for breakfast every morning - and bakes muffins for her friends every day with four; she sells the remainder at the farmers market daily for $2 per fresh duck egg. How much in dollars does she make every day at the farmers market";

const PROSE: &str = "The road along the river was quiet that morning, and the fog had not yet lifted from the meadows. A boy with a red cap drove three cows towards the bridge. ";

/// Sixty clean documents of some length, every fifteenth with an item.
fn documents(planted: &str) -> String {
    let line = |number: usize| {
        let planted = if number % 15 == 4 { planted } else { "Nothing of note happened." };
        let text = format!(
            "{number}. {}\n\n{planted}\n\n{} The end of {number}.",
            PROSE.repeat(4),
            PROSE.repeat(5)
        );
        let url = format!("https://example.org/{number}");
        json!({"id": format!("d{number}"), "url": url, "text": text}).to_string()
    };
    (0..60).map(line).collect::<Vec<_>>().join("\n")
}

fn run(lab: &Lab, name: &str, settings: &str, arguments: &[&str]) -> PathBuf {
    run_with(lab, name, settings, arguments, PLANTED)
}

fn run_with(lab: &Lab, name: &str, settings: &str, arguments: &[&str], planted: &str) -> PathBuf {
    lab.write("in/documents.jsonl", documents(planted));
    let file = lab.write(
        &format!("{name}.toml"),
        format!(
            "name = \"{name}\"\n[[source]]\nname = \"web\"\npath = \"in/*.jsonl\"\nkeep_fields = [\"url\"]\nid_field = \"id\"\n\
             [[stage]]\nop = \"decontaminate\"\nbenchmarks = [{:?}]\n{settings}\n",
            sample("benchmarks/*.jsonl.gz")
        ),
    );
    let out = lab.text(name);
    let mut call = vec!["run", &file, "--out", &out, "--format", "json"];
    call.extend_from_slice(arguments);
    succeed(&call);
    lab.path(name)
}

fn query(run: &Path, sql: &str) -> Vec<Value> {
    let out = succeed(&["query", &run.display().to_string(), sql, "--format", "json"]);
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn summary(run: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(run.join("summary.json")).unwrap()).unwrap()
}

/// The texts of `documents/`.
fn kept(run: &Path) -> Vec<String> {
    texts(&table(&run.join("documents")), "text").into_iter().flatten().collect()
}

#[test]
fn items_are_dropped_and_every_match_stands_in_the_table() {
    let lab = Lab::new();
    let run = run(&lab, "drop", "", &["--threads", "1"]);
    let rows = query(&run, "SELECT * FROM contamination");
    assert_eq!(rows.len(), 4);
    for (row, number) in rows.iter().zip([4, 19, 34, 49]) {
        assert_eq!(row["source_id"], format!("d{number}"));
        assert_eq!(row["url"], format!("https://example.org/{number}"));
        assert_eq!(
            (&row["benchmark"], &row["item"]),
            (&json!("gsm8k-test"), &json!("gsm8k/test/0"))
        );
        assert_eq!((&row["stage"], &row["verdict"]), (&json!("decontaminate"), &json!("dropped")));
        assert!(row["score"].as_f64().unwrap() > 0.9, "{row}");
        assert_eq!(row["parts"], "question");
        let start = row["start_char"].as_u64().unwrap();
        let end = row["end_char"].as_u64().unwrap();
        assert_eq!(usize::try_from(end - start).unwrap(), PLANTED.chars().count());
    }
    let found = &summary(&run)["contamination"];
    let of = |index: usize, key: &str| found[index][key].as_u64().unwrap();
    assert_eq!(
        (&found[0]["benchmark"], of(0, "items"), of(0, "found")),
        (&json!("gsm8k-test"), 300, 1)
    );
    assert_eq!((of(0, "documents"), of(0, "matches")), (4, 4));
    assert_eq!((of(1, "items"), of(1, "found")), (164, 0));
    let kept = query(&run, "SELECT COUNT(*) AS n FROM ledger WHERE verdict = 'kept'");
    assert_eq!(kept[0]["n"], 56);
    let signals = query(&run, "SELECT spans, matches, score FROM ledger WHERE verdict = 'dropped'");
    let start = rows[0]["start_char"].as_u64().unwrap();
    assert!(signals[0]["spans"].as_str().unwrap().starts_with(&format!("{start}-")));
}

#[test]
fn the_same_bytes_whatever_ran_it_and_with_annotate_all_documents() {
    let lab = Lab::new();
    let one = run(&lab, "one", "", &["--threads", "1"]);
    let again = run(&lab, "again", "", &["--threads", "3", "--batch-size", "4KiB"]);
    let processes = run(&lab, "processes", "", &["--on", "processes"]);
    let file = "contamination/part-00000.parquet";
    for other in [&again, &processes] {
        assert_same(&one, other);
        let read = |run: &Path| std::fs::read(run.join(file)).unwrap();
        assert!(read(&one) == read(other));
    }
    // A run that is there already says the same again.
    let before = std::fs::read(one.join(file)).unwrap();
    let resumed = run(&lab, "one", "", &[]);
    assert!(before == std::fs::read(resumed.join(file)).unwrap());
    let annotated = run(&lab, "annotated", "action = \"annotate\"", &[]);
    assert_eq!(kept(&annotated).len(), 60);
    assert_eq!(query(&annotated, "SELECT * FROM contamination WHERE verdict = 'kept'").len(), 4);
}

#[test]
fn whatif_knows_what_another_threshold_drops() {
    let lab = Lab::new();
    // About half of the question.
    let half = &PLANTED[..PLANTED.find("; she sells").unwrap()];
    let run = run_with(&lab, "strict", "min_score = 0.95", &[], half);
    assert_eq!(query(&run, "SELECT * FROM contamination").len(), 0);
    let scores = query(&run, "SELECT score FROM ledger WHERE score > 0.0");
    assert_eq!(scores.len(), 4, "{scores:?}");
    let said = succeed(&[
        "whatif",
        &run.display().to_string(),
        "--set",
        "stage.decontaminate.min_score=0.5",
        "--format",
        "json",
    ]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["before"], &said["lost"]["kept"]), (&json!(60), &json!(4)), "{said:#}");
}

#[test]
fn gpt3_cuts_the_runs_out() {
    let lab = Lab::new();
    let run = run(&lab, "cut", "method = \"ngram\"\nremove = \"matches\"", &[]);
    let texts = kept(&run);
    assert_eq!(texts.len(), 60);
    let with = texts.iter().filter(|text| text.contains("Nothing of note happened.")).count();
    assert_eq!(with, 56);
    for text in texts.iter().filter(|text| !text.contains("Nothing of note")) {
        assert!(text.contains("red cap") && text.contains("The end of"), "{text}");
        assert!(!text.contains("muffins") && !text.contains("fresh duck egg"), "{text}");
    }
    let rows = query(&run, "SELECT DISTINCT item FROM contamination");
    assert_eq!(rows, [json!({"item": "gsm8k/test/0"})]);
    let modified = query(&run, "SELECT COUNT(*) AS n FROM ledger WHERE modified_by IS NOT NULL");
    assert_eq!(modified[0]["n"], 4);
}
