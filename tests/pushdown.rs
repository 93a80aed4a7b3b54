//! Conditions over metadata that the reader of Parquet files is asked before it decodes a text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use crate::support::{Lab, assert_same, succeed, table, texts};

const ROWS: usize = 2000;

/// Pages with a language and a score, like those of FineWeb-2; some rows have no score, some no
/// text.
fn pages(lab: &Lab) {
    let row = |column: fn(usize) -> Option<String>| -> ArrayRef {
        Arc::new((0..ROWS).map(column).collect::<StringArray>())
    };
    // 13 and 7919 only spread the values.
    let scores =
        (0..2000_u32).map(|row| (row % 13 > 0).then_some(f64::from(row * 7919 % 1000) / 1000.0));
    let columns = [
        (
            "text",
            row(|row| (row % 97 != 5).then(|| format!("Page number {row}. ").repeat(row % 40))),
        ),
        ("id", row(|row| Some(format!("urn:{row}")))),
        ("url", row(|row| Some(format!("https://example.org/{row}")))),
        ("language", row(|row| Some(["en", "de", "fr"][row % 3].to_owned()))),
        ("score", Arc::new(scores.collect::<Float64Array>())),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    );
    let batch = batch.unwrap();
    let groups = WriterProperties::builder().set_max_row_group_row_count(Some(300)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(groups)).unwrap();
    writer.write(&batch).unwrap();
    lab.write("pages.parquet", writer.into_inner().unwrap());
    let line = |row: usize| {
        format!(
            "{{\"text\": \"Line {row}\", \"language\": \"{}\", \"score\": \"0.9\"}}\n",
            ["en", "de"][row % 2]
        )
    };
    lab.write("lines.jsonl", (0..50).map(line).collect::<String>());
}

const KEEP: &str = "[[stage]]\nop = \"where\"\nname = \"good\"\n\
                    sql = \"language = 'en' AND CAST(score AS DOUBLE) >= 0.8\"\n";

/// Looks at the documents as `where` does not, keeps them all and computes nothing: behind it, no
/// condition is pushed down.
const FENCE: &str = "[[stage]]\nop = \"sample\"\nname = \"all\"\nfraction = 1.0\n";

const LONG: &str = "[[stage]]\nop = \"length\"\nmin_chars = 100\n";

fn pipeline(lab: &Lab, name: &str, head: &str, stages: &[&str]) -> String {
    let source = |name: &str, file: &str| {
        format!(
            "[[source]]\nname = \"{name}\"\npath = \"{file}\"\nkeep_fields = [\"language\", \"score\"]\n"
        )
    };
    let sources = [source("pages", "pages.parquet"), source("lines", "lines.jsonl")].concat();
    let text = format!("name = \"pushdown\"\nseed = 5\n{head}\n{sources}{}", stages.concat());
    lab.write(name, text)
}

fn run(lab: &Lab, name: &str, head: &str, stages: &[&str], more: &[&str]) -> std::path::PathBuf {
    let pipeline = pipeline(lab, &format!("{name}.toml"), head, stages);
    let out = lab.text(name);
    succeed(&[&["run", &pipeline, "--out", &out], more].concat());
    lab.path(name)
}

/// A column of the ledger as text, whatever its type.
fn column(run: &std::path::Path, name: &str) -> Vec<Option<String>> {
    let mut values = Vec::new();
    for batch in table(&run.join("ledger")) {
        let text = arrow::compute::cast(
            batch.column_by_name(name).unwrap(),
            &arrow::datatypes::DataType::Utf8,
        );
        let text = text.unwrap();
        let text = text.as_any().downcast_ref::<StringArray>().unwrap();
        values.extend(text.iter().map(|value| value.map(str::to_owned)));
    }
    values
}

#[test]
fn only_the_lengths_of_texts_that_were_not_read_are_missing() {
    let lab = Lab::new();
    pages(&lab);
    let audit = "[audit]\nfraction = 0.1";
    let pushed = run(&lab, "pushed", audit, &[KEEP, LONG], &[]);
    let all = run(&lab, "all", audit, &[FENCE, KEEP, LONG], &[]);
    for name in ["id", "source", "source_id", "text", "url", "language", "score"] {
        let documents = |run: &std::path::Path| texts(&table(&run.join("documents")), name);
        assert_eq!(documents(&pushed), documents(&all), "{name}");
    }
    let (left, right) = (column(&pushed, "verdict"), column(&all, "verdict"));
    let reasons = (column(&pushed, "reason"), column(&all, "reason"));
    let stages = column(&pushed, "stage");
    let audited = column(&pushed, "audited");
    let lengths = (column(&pushed, "chars_in"), column(&all, "chars_in"));
    let (mut unread, mut unseen) = (0, 0);
    for row in 0..ROWS + 50 {
        let dropped = stages[row].as_deref() == Some("good");
        if dropped && row < ROWS && audited[row].is_none() {
            assert_eq!(lengths.0[row], None);
            unread += 1;
            // A text that is missing is not missed.
            let text = row % 97 != 5;
            assert_eq!(right[row].as_deref(), Some(if text { "dropped" } else { "failed" }));
            unseen += usize::from(!text);
        } else {
            assert_eq!((&left[row], &reasons.0[row]), (&right[row], &reasons.1[row]), "{row}");
            assert_eq!(lengths.0[row], lengths.1[row]);
        }
    }
    assert!(unread > 1500 && unseen > 10, "{unread}, {unseen}");
    for name in [
        "id",
        "source_id",
        "source",
        "file",
        "record",
        "url",
        "chars_out",
        "hash_in",
        "hash_out",
        "modified_by",
        "tokens",
        "cluster",
        "copies",
        "length.chars",
    ] {
        let same = |(row, (left, right)): (usize, (Option<String>, Option<String>))| {
            // The rows that failed in the other run, which had no id there.
            assert!(
                left == right || column(&all, "verdict")[row].as_deref() == Some("failed"),
                "{name}, row {row}"
            );
        };
        column(&pushed, name).into_iter().zip(column(&all, name)).enumerate().for_each(same);
    }
}

#[test]
fn the_bytes_are_the_same_however_it_runs() {
    let lab = Lab::new();
    pages(&lab);
    let dedup = "[[stage]]\nop = \"exact-dedup\"\n";
    let stages = [KEEP, LONG, dedup];
    let one = run(&lab, "one", "", &stages, &["--threads", "1"]);
    assert_same(&one, &run(&lab, "two", "", &stages, &["--threads", "2"]));
    assert_same(&one, &run(&lab, "small", "memory_limit = \"64MiB\"", &stages, &[]));
    assert_same(&one, &run(&lab, "processes", "", &stages, &["--on", "processes"]));
    // `--limit` counts the records that were passed over, too.
    let limited = run(&lab, "limited", "", &stages, &["--limit", "400"]);
    let ids = column(&one, "id");
    let expected = [&ids[..400], &ids[ROWS..]].concat();
    assert_eq!(column(&limited, "id"), expected);
}

#[test]
fn what_asks_for_all_texts_gets_them() {
    let lab = Lab::new();
    pages(&lab);
    let unread = |run: &std::path::Path| {
        let good = column(run, "stage");
        let lengths = column(run, "chars_in");
        good.iter()
            .zip(&lengths)
            .filter(|(stage, length)| stage.as_deref() == Some("good") && length.is_none())
            .count()
    };
    assert!(unread(&run(&lab, "plain", "", &[KEEP], &[])) > 1000);
    assert_eq!(unread(&run(&lab, "full", "ledger = \"full\"", &[KEEP], &[])), 0);
    let rejected = run(&lab, "rejected", "rejected = \"all\"", &[KEEP], &[]);
    assert_eq!(unread(&rejected), 0);
    let sample =
        run(&lab, "sample", "rejected = \"sample\"\n[audit]\nfraction = 0.1", &[KEEP], &[]);
    let rejected = texts(&table(&sample.join("rejected")), "text");
    assert!(rejected.len() > 100, "{}", rejected.len());
    let numbered = rejected.iter().flatten().filter(|text| text.starts_with("Page number"));
    assert!(numbered.count() > 100);
}

#[test]
fn questions_about_unread_texts_are_answered() {
    let lab = Lab::new();
    pages(&lab);
    let run = run(&lab, "run", "", &[KEEP, LONG], &[]);
    let run = run.display().to_string();
    let why = succeed(&["why", &run, "https://example.org/1"]);
    assert!(why.contains("good") && why.contains("condition"), "{why}");
    // `inspect` reads the input again, as it does for every text that is not kept.
    let shown = succeed(&["inspect", &run, "--stage", "good", "-n", "5"]);
    assert!(shown.contains("Page number"), "{shown}");
    let counted = succeed(&[
        "query",
        &run,
        "SELECT COUNT(*) AS n FROM ledger WHERE stage = 'good' AND chars_in IS NULL",
        "--format",
        "json",
    ]);
    assert!(counted.contains("\"n\""), "{counted}");
    succeed(&["whatif", &run, "--set", "stage.length.min_chars=50"]);
}

#[test]
fn explain_says_what_is_pushed_down() {
    let lab = Lab::new();
    pages(&lab);
    let explain = |head: &str, stages: &[&str], more: &[&str]| {
        let pipeline = pipeline(&lab, "explain.toml", head, stages);
        let text = succeed(&[&["explain", &pipeline], more].concat());
        text.lines()
            .filter(|line| line.contains("pushed down"))
            .map(|line| line.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let only = |op: &str, source: &str| format!("{op}only = [\"{source}\"]\n");
    let line = |names: &str| {
        vec![format!(
            "pushed down to the Parquet files of pages: {names} (texts are decoded where it holds)"
        )]
    };
    let second = "[[stage]]\nop = \"where\"\nname = \"scored\"\nsql = \"score IS NOT NULL\"\nwhen = \"url LIKE 'https%'\"\n";
    let signal = "[[stage]]\nop = \"where\"\nname = \"signal\"\nsql = \"length.chars > 3\"\n";
    let none: Vec<String> = Vec::new();
    assert_eq!(explain("", &[KEEP, LONG], &[]), line("good"));
    assert_eq!(explain("", &[KEEP, second, LONG], &[]), line("good, scored"));
    assert_eq!(explain("", &[&only(LONG, "lines"), KEEP], &[]), line("good"));
    assert_eq!(explain("", &[&only(LONG, "lines"), signal, KEEP], &[]), none);
    assert_eq!(explain("", &[&only(KEEP, "lines"), LONG], &[]), none);
    assert_eq!(explain("", &[LONG, KEEP], &[]), none);
    assert_eq!(explain("order = \"cost\"", &[LONG, KEEP], &[]), line("good"));
    assert_eq!(
        explain("", &["[[stage]]\nop = \"exact-dedup\"\nonly = [\"lines\"]\n", KEEP], &[]),
        none
    );
    assert_eq!(
        explain("", &[&format!("{KEEP}action = \"annotate\"\n"), second], &[]),
        line("scored")
    );
    assert_eq!(explain("ledger = \"full\"", &[KEEP], &[]), none);
    assert_eq!(explain("rejected = \"all\"", &[KEEP], &[]), none);
}

/// A condition that fails on a value ends the run as it does elsewhere, and not before its record.
#[test]
fn a_condition_that_fails_is_reported_by_its_stage() {
    let lab = Lab::new();
    pages(&lab);
    let strict =
        "[[stage]]\nop = \"where\"\nname = \"strict\"\nsql = \"CAST(language AS INT) > 3\"\n";
    let pipeline = pipeline(&lab, "strict.toml", "", &[strict]);
    let output = crate::support::call(&["run", &pipeline, "--out", &lab.text("strict")]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && message.contains("stage `strict`"), "{message}");
    assert!(!message.contains("bug"), "{message}");
}
