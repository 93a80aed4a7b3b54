//! One conformance suite for all that can run tasks: the same bytes, whatever ran, was killed, or
//! was given.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Lab, assert_same, sample, succeed, tamis, write_scores};

/// Many small splits of every format, broken files among them, with four exchanges (one of them a
/// join, one an exact share of the corpus), texts that stages change, an audit sample, dropped texts
/// kept, and stages in order of cost.
fn pipeline(lab: &Lab) -> String {
    let scores = lab.path("scores");
    std::fs::create_dir_all(&scores).unwrap();
    // Keys of every second page, in three files, some of them twice.
    for file in 0..3 {
        let ids = (0..600).filter(|n| n % 2 == 0 && n % 3 == file || n % 100 == 0);
        let ids: Vec<String> = ids.map(|n| format!("web-{n:05}")).collect();
        let values = (0u32..).map(|n| f64::from(file) + f64::from(n) / 1000.0);
        let values = values.take(ids.len()).collect();
        write_scores(&scores.join(format!("{file}.parquet")), "id", &ids, values);
    }
    let text = format!(
        r#"
name = "conformance"
seed = 5
order = "cost"
rejected = "all"

[audit]
fraction = 0.2

[[source]]
name = "web"
path = {web:?}
split_size = "150KiB"

[[source]]
name = "books"
path = {books:?}
split_size = "200KiB"
keep_fields = ["title"]

[[source]]
name = "dirty"
path = {dirty:?}

[[source]]
name = "plain"
path = {plain:?}
split_size = "10KiB"

[[stage]]
op = "exact-dedup"
name = "same-url"
by = "url"
only = ["web"]

[[stage]]
op = "language"
keep = ["en", "de"]

[[stage]]
op = "normalize"

[[stage]]
op = "c4-quality"
min_sentences = 1
min_words_per_line = 2

[[stage]]
op = "sample"
fraction = 0.9

[[stage]]
op = "gopher-repetition"
max_top_2gram = 0.5

[[stage]]
op = "gopher-quality"
when = "language = 'en'"

[[stage]]
op = "where"
sql = "word_count IS NULL OR word_count >= 80"

[[stage]]
op = "exact-dedup"

[[stage]]
op = "pii"
action = "surrogate"

[[stage]]
op = "quality"
keep_top = 0.95

[[stage]]
op = "join"
path = {scores:?}
on = "source_id"
key = "id"

[tokens]
tokenizer = {tokenizer:?}
validation_fraction = 0.1
shard_size = "1MiB"
"#,
        scores = scores.join("*.parquet").display().to_string(),
        web = sample("web/*.jsonl*"),
        books = sample("books/*.parquet"),
        dirty = sample("dirty/*.jsonl*"),
        plain = sample("plain/*.txt"),
        tokenizer = sample("tokenizers/gpt2.json"),
    );
    lab.write("pipeline.toml", text)
}

fn run(lab: &Lab, pipeline: &str, out: &str, extra: &[&str]) -> std::path::PathBuf {
    let out = lab.path(out);
    let mut arguments = vec!["run", pipeline, "--out"];
    let text = out.display().to_string();
    arguments.push(&text);
    arguments.extend_from_slice(extra);
    succeed(&arguments);
    out
}

#[test]
fn the_same_bytes_from_every_engine_and_setting() {
    let lab = Lab::new();
    let pipeline = pipeline(&lab);
    let reference = run(&lab, &pipeline, "one-thread", &["--threads", "1"]);
    let files = crate::support::results(&reference);
    for wanted in [
        "documents/part-00020.parquet",
        "ledger/part-00000.parquet",
        "rejected/part-00000.parquet",
        "tokens/train_00003.bin",
        "tokens/validation_00000.idx",
    ] {
        assert!(files.contains_key(wanted), "{wanted} is missing from {:?}", files.keys());
    }
    let variants: [(&str, &[&str]); 6] = [
        ("two-threads", &["--threads", "2"]),
        ("five-threads", &["--threads", "5"]),
        ("processes", &["--on", "processes", "--threads", "2"]),
        ("small-batches", &["--threads", "2", "--batch-size", "3000"]),
        ("large-batches", &["--threads", "1", "--batch-size", "64MiB"]),
        ("little-memory", &["--threads", "2", "--set", "memory_limit=\"1MiB\""]),
    ];
    for (out, extra) in variants {
        assert_same(&reference, &run(&lab, &pipeline, out, extra));
    }
    // The same again in the same place does nothing, and leaves everything as it was.
    let before =
        std::fs::metadata(reference.join("ledger/part-00000.parquet")).unwrap().modified().unwrap();
    run(&lab, &pipeline, "one-thread", &["--threads", "2"]);
    let after =
        std::fs::metadata(reference.join("ledger/part-00000.parquet")).unwrap().modified().unwrap();
    assert_eq!(before, after, "a finished run was run again");
    assert!(!reference.join("work").exists(), "exchange files were left behind");
}

#[test]
fn a_change_of_the_pipeline_runs_what_it_touches() {
    let lab = Lab::new();
    let pipeline = pipeline(&lab);
    let all = run(&lab, &pipeline, "all", &[]);
    // To and fro in one directory: each time the results are those of a fresh run.
    let changed = ["--set", "stage.where.sql=\"word_count >= 200\""];
    let fresh = run(&lab, &pipeline, "fresh", &changed);
    let reused = run(&lab, &pipeline, "reused", &[]);
    assert_same(&all, &reused);
    run(&lab, &pipeline, "reused", &changed);
    assert_same(&fresh, &reused);
    run(&lab, &pipeline, "reused", &[]);
    assert_same(&all, &reused);
    // Files that were lost are made again.
    std::fs::remove_file(reused.join("ledger/part-00001.parquet")).unwrap();
    std::fs::remove_file(reused.join("tokens/train_00001.bin")).unwrap();
    run(&lab, &pipeline, "reused", &[]);
    assert_same(&all, &reused);
    // Documents first, tokens later.
    run(&lab, &pipeline, "parts", &["--until", "documents"]);
    assert!(!lab.path("parts/tokens/train_00000.bin").exists());
    let parts = run(&lab, &pipeline, "parts", &["--until", "tokens"]);
    assert_same(&all, &parts);
}

#[test]
fn a_run_killed_at_any_phase_goes_on_where_it_was() {
    let lab = Lab::new();
    let pipeline = pipeline(&lab);
    let reference = run(&lab, &pipeline, "reference", &["--threads", "2"]);
    for on in ["threads", "processes"] {
        let out = lab.path(&format!("killed-{on}"));
        let arguments =
            ["run", &pipeline, "--out", out.to_str().unwrap(), "--threads", "2", "--on", on];
        let mut kills = 0;
        for (phase, committed) in [("0-flow", 3), ("2-flow", 2), ("9-write", 4)] {
            let mut child = tamis()
                .args(arguments)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            if kill_when(&mut child, &out, phase, committed) {
                kills += 1;
            }
        }
        assert_eq!(kills, 3, "the run ended before it could be killed");
        assert!(!out.join("summary.json").exists());
        let before = manifests(&out, "");
        succeed(&arguments);
        assert!(before >= 9, "only {before} tasks were committed before the last kill");
        assert_same(&reference, &out);
        assert!(
            staged(&out).is_empty(),
            "what killed writers left was not swept: {:?}",
            staged(&out)
        );
    }
}

/// Kills the run (SIGKILL) once `committed` tasks of `phase` are committed; `false` when it ended.
pub(crate) fn kill_when(child: &mut Child, out: &Path, phase: &str, committed: usize) -> bool {
    let start = Instant::now();
    loop {
        if manifests(out, phase) >= committed {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(start.elapsed() < Duration::from_mins(5), "the run hangs");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Committed tasks of the phases whose names begin with `phase`.
pub(crate) fn manifests(out: &Path, phase: &str) -> usize {
    let Ok(phases) = std::fs::read_dir(out.join("manifests")) else { return 0 };
    phases
        .map(Result::unwrap)
        .filter(|folder| folder.file_name().to_string_lossy().starts_with(phase))
        .map(|folder| std::fs::read_dir(folder.path()).map_or(0, Iterator::count))
        .sum()
}

fn staged(out: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![out.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if name.contains('#') {
                found.push(name);
            }
        }
    }
    found
}
