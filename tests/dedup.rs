//! Deduplication of whole documents: known answers, the same answers from every engine and order,
//! hostile inputs, templates, and a reference that compares all with all.

mod corpus;
mod documents;
mod floods;
mod reference;
mod same;
mod settings;
mod shortening;
mod templates;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use self::corpus::Entry;
use crate::support::{Lab, numbers, succeed, table, texts};

/// What the ledger says about a document and the stage `dedup`.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    id: String,
    kept: bool,
    cluster: Option<String>,
    copies: Option<f64>,
    similarity: Option<f64>,
}

/// The rows of a run's ledger, in document order. `stage` gives the columns of its cluster.
fn rows(run: &Path, stage: &str) -> Vec<Row> {
    let ledger = table(&run.join("ledger"));
    let verdicts = texts(&ledger, "verdict");
    let clusters = texts(&ledger, &format!("{stage}.cluster"));
    let copies = numbers(&ledger, &format!("{stage}.copies"));
    let name = format!("{stage}.similarity");
    let known = ledger.first().is_some_and(|batch| batch.column_by_name(&name).is_some());
    let similarities = if known { numbers(&ledger, &name) } else { vec![None; verdicts.len()] };
    texts(&ledger, "source_id")
        .into_iter()
        .zip(verdicts)
        .zip(clusters.into_iter().zip(copies).zip(similarities))
        .map(|((id, verdict), ((cluster, copies), similarity))| Row {
            id: id.unwrap_or_default(),
            kept: verdict.as_deref() == Some("kept"),
            cluster,
            copies,
            similarity,
        })
        .collect()
}

/// The rows by id.
fn by_id(rows: Vec<Row>) -> BTreeMap<String, Row> {
    let count = rows.len();
    let rows: BTreeMap<String, Row> = rows.into_iter().map(|row| (row.id.clone(), row)).collect();
    assert_eq!(rows.len(), count, "ids are not distinct");
    rows
}

/// The ids of what is kept, in document order.
fn kept(rows: &[Row]) -> Vec<&str> {
    rows.iter().filter(|row| row.kept).map(|row| row.id.as_str()).collect()
}

/// A pipeline over sources `(name, path)` and the stages given.
fn pipeline(lab: &Lab, name: &str, sources: &[(&str, &str)], stages: &str) -> String {
    let mut text = format!("name = {name:?}\n");
    for (source, path) in sources {
        write!(
            text,
            "[[source]]\nname = {source:?}\npath = {path:?}\nsplit_size = \"60KiB\"\n\
             keep_fields = [\"title\", \"score\"]\n"
        )
        .unwrap();
    }
    text.push_str(stages);
    lab.write(&format!("{name}.toml"), text)
}

/// Runs one stage `dedup` over texts, with ids that count from 0; gives the rows and the summary.
fn dedup(lab: &Lab, texts: &[String], stage: &str) -> (Vec<Row>, serde_json::Value) {
    let documents: Vec<Entry> =
        (0..).zip(texts).map(|(id, text): (usize, _)| Entry::new(id, text.clone())).collect();
    let path = lab.write("texts.jsonl", corpus::jsonl(&documents));
    let pipeline =
        pipeline(lab, "one", &[("s", &path)], &format!("[[stage]]\nname = \"dedup\"\n{stage}\n"));
    let out = lab.path("one");
    succeed(&["run", &pipeline, "--out", &out.display().to_string(), "--fresh"]);
    let summary = std::fs::read(out.join("summary.json")).unwrap();
    (rows(&out, "dedup"), serde_json::from_slice(&summary).unwrap())
}
