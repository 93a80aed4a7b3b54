//! `paragraph-dedup` and `substring-dedup`: the same result however the work is divided, and what it leaves.

use std::path::{Path, PathBuf};

use crate::support::{Lab, assert_same, numbers, sample, succeed, table, texts};

/// A pipeline over the sample pages with one stage of dedup.
fn pipeline(lab: &Lab, name: &str, split_size: &str, stage: &str) -> String {
    let text = format!(
        r#"name = "dedup"
[[source]]
name = "web"
path = {web:?}
split_size = "{split_size}"
[[source]]
name = "again"
path = {web:?}
split_size = "{split_size}"
[[stage]]
{stage}
"#,
        web = sample("web/part-2.jsonl"),
    );
    lab.write(name, text)
}

fn run(lab: &Lab, pipeline: &str, out: &str, extra: &[&str]) -> PathBuf {
    let path = lab.path(out);
    let text = path.display().to_string();
    let mut arguments = vec!["run", pipeline, "--out", &text];
    arguments.extend_from_slice(extra);
    succeed(&arguments);
    path
}

/// What a run kept, in order.
fn kept(run: &Path) -> Vec<String> {
    texts(&table(&run.join("documents")), "text").into_iter().flatten().collect()
}

/// A signal of all documents together.
fn total(run: &Path, signal: &str) -> f64 {
    numbers(&table(&run.join("ledger")), signal).into_iter().flatten().sum()
}

mod repeats {
    use super::*;

    const STAGES: [(&str, &str, &str); 4] = [
        (
            "op = \"substring-dedup\"\nmin_bytes = 100\nsnap = \"none\"",
            "substring-dedup.duplicate_bytes",
            "substring-dedup.removed_bytes",
        ),
        (
            "op = \"substring-dedup\"\nmin_bytes = 60",
            "substring-dedup.duplicate_bytes",
            "substring-dedup.removed_bytes",
        ),
        (
            "op = \"paragraph-dedup\"",
            "paragraph-dedup.duplicates",
            "paragraph-dedup.duplicate_chars",
        ),
        (
            "op = \"paragraph-dedup\"\nunit = \"paragraph\"\nnormalize = \"ccnet\"\nmin_words = 3",
            "paragraph-dedup.duplicates",
            "paragraph-dedup.duplicate_chars",
        ),
    ];

    #[test]
    fn the_same_however_the_work_is_divided() {
        for (stage, found, _) in STAGES {
            let lab = Lab::new();
            let whole = pipeline(&lab, "whole.toml", "700KiB", stage);
            let reference = run(&lab, &whole, "one-thread", &["--threads", "1"]);
            assert!(total(&reference, found) > 500.0, "{stage} finds nothing");
            let variants: [(&str, &[&str]); 3] = [
                ("two-threads", &["--threads", "2"]),
                ("small-batches", &["--threads", "2", "--batch-size", "3000"]),
                ("little-memory", &["--threads", "2", "--set", "memory_limit=\"1MiB\""]),
            ];
            for (out, extra) in variants {
                assert_same(&reference, &run(&lab, &whole, out, extra));
            }
            if stage == STAGES[0].0 {
                let processes = ["--on", "processes", "--threads", "2"];
                assert_same(&reference, &run(&lab, &whole, "processes", &processes));
            }
            // In other splits, the same documents.
            let parts = pipeline(&lab, "parts.toml", "150KiB", stage);
            let parts = run(&lab, &parts, "parts", &["--threads", "2"]);
            assert_eq!(kept(&reference), kept(&parts), "{stage}");
        }
    }

    #[test]
    fn nothing_is_left_to_be_found() {
        // Cut at sentences, what is left of a repeat remains one.
        for (stage, found, _) in [STAGES[0], STAGES[2], STAGES[3]] {
            let lab = Lab::new();
            let first = pipeline(&lab, "first.toml", "700KiB", stage);
            let first = run(&lab, &first, "first", &[]);
            let documents = first.join("documents/*.parquet").display().to_string();
            let second = format!(
                "name = \"second\"\n[[source]]\nname = \"left\"\npath = {documents:?}\n[[stage]]\n{stage}\n"
            );
            let second = run(&lab, &lab.write("second.toml", second), "second", &[]);
            let (before, after) = (total(&first, found), total(&second, found));
            // What is cut out brings together what was apart, which may make a few new ones.
            assert!(after <= before / 1000.0, "{stage}: {after} of {before}");
        }
    }

    #[test]
    fn annotation_leaves_texts_alone() {
        for (stage, found, removed) in [STAGES[1], STAGES[3]] {
            let lab = Lab::new();
            let dropping = pipeline(&lab, "drop.toml", "700KiB", stage);
            let dropping = run(&lab, &dropping, "drop", &[]);
            let stage = format!("{stage}\naction = \"annotate\"");
            let annotating = pipeline(&lab, "annotate.toml", "700KiB", &stage);
            let annotating = run(&lab, &annotating, "annotate", &[]);
            for signal in [found, removed] {
                let both = [&dropping, &annotating].map(|run| total(run, signal));
                assert_eq!(both[0].to_bits(), both[1].to_bits(), "{stage}: {signal}");
            }
            let ledger = table(&annotating.join("ledger"));
            assert!(
                texts(&ledger, "verdict").iter().all(|verdict| verdict.as_deref() == Some("kept")
                    || verdict.as_deref() == Some("failed"))
            );
            assert_eq!(texts(&ledger, "modified_by").iter().flatten().count(), 0);
        }
    }
}
