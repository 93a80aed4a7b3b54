//! Scores from outside: joined in a pipeline, and to a finished run.

use crate::support::{Lab, fail, numbers, sample, succeed, table, texts, write_scores};

fn pipeline(lab: &Lab, rest: &str) -> String {
    let text = format!(
        "name = \"join\"\n[[source]]\nname = \"web\"\npath = {:?}\nsplit_size = \"100KiB\"\n{rest}",
        sample("web/part-2.jsonl")
    );
    lab.write("pipeline.toml", text)
}

#[test]
fn joined_scores_are_signals_and_can_be_filtered_by() {
    let lab = Lab::new();
    let plain = pipeline(&lab, "");
    succeed(&["run", &plain, "--out", &lab.text("plain")]);
    let ledger = table(&lab.path("plain/ledger"));
    let ids: Vec<String> = texts(&ledger, "id").into_iter().map(Option::unwrap).collect();
    assert!(ids.len() > 500);
    // Every third record has a score; the second row of a key does not count.
    let keys: Vec<String> = ids.iter().step_by(3).chain(&ids[..1]).cloned().collect();
    let mut scores: Vec<f64> = (0u32..).map(f64::from).take(keys.len()).collect();
    *scores.last_mut().unwrap() = -1.0;
    write_scores(&lab.path("scores.parquet"), "id", &keys, scores);

    let joined = pipeline(
        &lab,
        r#"
[[stage]]
op = "join"
name = "edu"
path = "scores.parquet"

[[stage]]
op = "where"
sql = "edu.score >= 50"
"#,
    );
    succeed(&["run", &joined, "--out", &lab.text("joined")]);
    let ledger = table(&lab.path("joined/ledger"));
    let (matched, score) = (numbers(&ledger, "edu.matched"), numbers(&ledger, "edu.score"));
    for ((row, number), id) in (0..).zip(0u32..).zip(&ids) {
        let expected = number.is_multiple_of(3).then_some(f64::from(number / 3));
        assert_eq!(score[row], expected, "row {row}, {id}");
        assert_eq!(matched[row], Some(f64::from(u8::from(row % 3 == 0))));
    }
    let verdicts = texts(&ledger, "verdict");
    let kept = verdicts.iter().filter(|verdict| verdict.as_deref() == Some("kept")).count();
    assert_eq!(kept, ids.len().div_ceil(3) - 50);

    // New scores under the same name run again.
    write_scores(&lab.path("scores.parquet"), "id", &ids, vec![60.0; ids.len()]);
    succeed(&["run", &joined, "--out", &lab.text("joined")]);
    let ledger = table(&lab.path("joined/ledger"));
    assert!(texts(&ledger, "verdict").iter().all(|verdict| verdict.as_deref() == Some("kept")));

    // And documents without a row may be dropped.
    write_scores(&lab.path("scores.parquet"), "id", &ids[..7], vec![60.0; 7]);
    succeed(&["run", &joined, "--out", &lab.text("joined"), "--set", "stage.edu.missing=drop"]);
    let ledger = table(&lab.path("joined/ledger"));
    let reasons = texts(&ledger, "reason");
    assert!(reasons[..7].iter().all(Option::is_none));
    assert!(reasons[7..].iter().all(|reason| reason.as_deref() == Some("no-match")));
}

#[test]
fn a_finished_run_takes_columns_without_writing_text_again() {
    let lab = Lab::new();
    let plain = pipeline(&lab, "");
    let out = lab.text("out");
    succeed(&["run", &plain, "--out", &out]);
    let urls = texts(&table(&lab.path("out/ledger")), "url");
    let stamp = |name: &str| std::fs::metadata(lab.path(name)).unwrap().modified().unwrap();
    let before = stamp("out/documents/part-00000.parquet");
    let keys: Vec<String> = urls.iter().flatten().step_by(2).cloned().collect();
    write_scores(&lab.path("scores.parquet"), "url", &keys, vec![0.5; keys.len()]);
    let scores = lab.text("scores.parquet");
    let said = succeed(&["join", &out, &scores, "--on", "url", "--name", "edu"]);
    assert!(said.contains("edu.score"), "{said}");
    let attributes = table(&lab.path("out/attributes/edu"));
    let score = numbers(&attributes, "edu.score");
    assert_eq!(score.len(), urls.len());
    for (url, score) in urls.iter().zip(&score) {
        let known = url.as_ref().is_some_and(|url| keys.contains(url));
        assert_eq!(score.is_some(), known, "{url:?}");
    }
    assert_eq!(before, stamp("out/documents/part-00000.parquet"));
    // Queries see the columns beside those of the ledger.
    let sql = "SELECT COUNT(*) AS n FROM ledger WHERE edu.score > 0.4 AND verdict = 'kept'";
    let counted = succeed(&["query", &out, sql, "--format", "json"]);
    assert_eq!(counted.trim(), format!("{{\"n\":{}}}", keys.len()));
    assert!(!lab.path("out/work").exists());
}

#[test]
fn wrong_tables_are_named_before_anything_runs() {
    let lab = Lab::new();
    write_scores(&lab.path("scores.parquet"), "id", &["a".to_owned()], vec![1.0]);
    let stage = |rest: &str| {
        pipeline(&lab, &format!("[[stage]]\nop = \"join\"\npath = \"scores.parquet\"\n{rest}"))
    };
    let said = fail(2, &["check", &stage("columns = [\"scoer\"]")]);
    assert!(said.contains("did you mean `score`"), "{said}");
    let said = fail(2, &["check", &stage("on = \"url\"")]);
    assert!(said.contains("has no column `url`"), "{said}");
    let missing = pipeline(&lab, "[[stage]]\nop = \"join\"\npath = \"none-*.parquet\"");
    assert!(fail(2, &["check", &missing]).contains("matches no file"));
    lab.write("scores.parquet", "no parquet at all");
    let said = fail(2, &["check", &stage("")]);
    assert!(said.contains("it is no Parquet file"), "{said}");
}
