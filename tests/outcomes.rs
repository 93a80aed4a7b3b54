//! What is kept of dropped documents, and in which order stages run.

use std::collections::BTreeMap;

use crate::support::{Lab, fail, ledger, sample, succeed, table, texts};

fn pipeline(lab: &Lab, head: &str) -> String {
    let text = format!(
        r#"
name = "outcomes"
seed = 3
{head}

[[source]]
name = "web"
path = {web:?}
split_size = "300KiB"

[[stage]]
op = "language"
keep = ["en"]

[[stage]]
op = "gopher-quality"

[[stage]]
op = "where"
sql = "language.score > 0.8"

[[stage]]
op = "exact-dedup"

[[stage]]
op = "where"
name = "long"
sql = "gopher-quality.word_count > 200"
"#,
        web = sample("web/*.jsonl*")
    );
    lab.write("pipeline.toml", text)
}

fn run(lab: &Lab, head: &str, out: &str) {
    let pipeline = pipeline(lab, head);
    succeed(&["run", &pipeline, "--out", &lab.text(out)]);
}

#[test]
fn the_order_of_cost_keeps_the_same_documents() {
    let lab = Lab::new();
    run(&lab, "", "file");
    run(&lab, "order = \"cost\"", "cost");
    let (file, cost) = (ledger(&lab.path("file")), ledger(&lab.path("cost")));
    let kept = |rows: &[[String; 5]]| {
        rows.iter()
            .map(|[file, record, verdict, ..]| (file.clone(), record.clone(), verdict.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(kept(&file), kept(&cost));
    assert_ne!(file, cost, "the order changed no reason at all");
    let pipeline = pipeline(&lab, "order = \"cost\"");
    let plan: serde_json::Value =
        serde_json::from_slice(&std::fs::read(lab.path("cost/plan.json")).unwrap()).unwrap();
    // `where` reads what `language` computes and stays behind it; nothing crosses the exchange.
    let order: Vec<u64> =
        plan["order"].as_array().unwrap().iter().map(|index| index.as_u64().unwrap()).collect();
    assert_eq!(order[3..], [3, 4]);
    let at = |stage| order.iter().position(|&index| index == stage).unwrap();
    assert!(at(0) < at(2), "{order:?}");
    assert_ne!(order, [0, 1, 2, 3, 4]);
    // A second run reuses the order and has nothing to do.
    succeed(&["run", &pipeline, "--out", &lab.text("cost")]);
    assert_eq!(cost, ledger(&lab.path("cost")));
}

#[test]
fn a_full_ledger_names_the_first_stage_in_the_file_and_all_that_fail() {
    let lab = Lab::new();
    run(&lab, "", "first");
    run(&lab, "ledger = \"full\"\norder = \"cost\"", "full");
    // Whatever order they ran in, the ledger says what the order of the file would have said.
    assert_eq!(ledger(&lab.path("first")), ledger(&lab.path("full")));
    let rows = table(&lab.path("full/ledger"));
    let (verdicts, fails) = (texts(&rows, "verdict"), texts(&rows, "fails"));
    let (stages, reasons) = (texts(&rows, "stage"), texts(&rows, "reason"));
    let mut several = 0;
    for row in 0..verdicts.len() {
        let listed: Vec<&str> =
            fails[row].as_deref().map_or(vec![], |fails| fails.split(' ').collect());
        match verdicts[row].as_deref() {
            Some("dropped") => {
                let own =
                    format!("{}:{}", stages[row].as_ref().unwrap(), reasons[row].as_ref().unwrap());
                assert!(listed.contains(&own.as_str()), "{own} in {listed:?}");
                several += usize::from(listed.len() > 1);
            }
            _ => assert!(listed.is_empty()),
        }
    }
    assert!(several > 100, "{several}");
    let summary = |out: &str| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(lab.path(out).join("summary.json")).unwrap()).unwrap()
    };
    let (first, full) = (summary("first"), summary("full"));
    for stage in 0..5 {
        assert_eq!(first["stages"][stage]["reasons"], full["stages"][stage]["reasons"]);
    }
}

#[test]
fn rejected_texts_are_those_of_the_dropped() {
    let lab = Lab::new();
    run(&lab, "rejected = \"all\"", "all");
    run(&lab, "rejected = \"sample\"\n[audit]\nfraction = 0.1", "sample");
    run(&lab, "", "none");
    assert!(!lab.path("none/rejected").exists());
    let rows = table(&lab.path("all/ledger"));
    let dropped: BTreeMap<String, (Option<String>, Option<String>)> = texts(&rows, "id")
        .into_iter()
        .zip(texts(&rows, "verdict"))
        .zip(texts(&rows, "stage").into_iter().zip(texts(&rows, "reason")))
        .filter(|((_, verdict), _)| verdict.as_deref() == Some("dropped"))
        .map(|((id, _), why)| (id.unwrap(), why))
        .collect();
    let all = table(&lab.path("all/rejected"));
    let rejected: BTreeMap<String, (Option<String>, Option<String>)> = texts(&all, "id")
        .into_iter()
        .map(Option::unwrap)
        .zip(texts(&all, "stage").into_iter().zip(texts(&all, "reason")))
        .collect();
    assert_eq!(dropped, rejected);
    // A duplicate's text came through the exchange.
    let duplicates = texts(&all, "stage").into_iter().zip(texts(&all, "text"));
    let found = duplicates.filter(|(stage, _)| stage.as_deref() == Some("exact-dedup"));
    assert!(found.map(|(_, text)| text.unwrap()).all(|text| text.len() > 20));
    let sample = texts(&table(&lab.path("sample/rejected")), "id");
    let share = sample.len() * 100 / rejected.len();
    assert!((5..15).contains(&share), "{share} %");
    assert!(sample.iter().flatten().all(|id| rejected.contains_key(id)));
}

#[test]
fn mistakes_in_the_new_tables_are_reported_where_they_are() {
    let lab = Lab::new();
    let pipeline = pipeline(
        &lab,
        r#"
order = "costs"
[audit]
fraction = 3.0
[[test]]
text = "a"
expect = "gopher-qualty:too-few-words"
"#,
    );
    let said = fail(2, &["check", &pipeline]);
    for part in
        ["unknown value `costs`", "fraction = 3 is not a share", "did you mean `gopher-quality`"]
    {
        assert!(said.contains(part), "{part} in {said}");
    }
    let preset = lab.write("preset.toml", "[gopher-quality]\nmin_words = 7\n[gopher-qualty]\n");
    let with = |name: &str| {
        lab.write("p.toml", format!(
            "name = \"p\"\n[[source]]\nname = \"w\"\npath = {:?}\n[[stage]]\nop = \"gopher-quality\"\npreset = {name:?}\n",
            sample("web/part-2.jsonl")
        ))
    };
    assert!(fail(2, &["check", &with(&preset)]).contains("did you mean `[gopher-quality]`"));
    assert!(fail(2, &["check", &with("none.toml")]).contains("preset"));
    lab.write("preset.toml", "[gopher-quality]\nmin_words = \"many\"\n");
    assert!(fail(2, &["check", &with("preset.toml")]).contains("invalid type"));
    lab.write("preset.toml", "[gopher-quality]\nmin_words = 7\n");
    let explained = succeed(&["explain", "--format", "json", &with("preset.toml")]);
    let plan: serde_json::Value = serde_json::from_str(&explained).unwrap();
    assert_eq!(plan["stages"][0]["settings"]["min_words"], 7);
}
