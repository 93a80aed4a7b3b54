//! What can be asked of a run: `query`, `why`, `inspect`, `whatif`, `export`; and `tamis test`.

use std::path::Path;

use serde_json::Value;

use crate::support::{Lab, fail, sample, succeed, table, texts};

/// Pages through three stages and an exchange.
fn pipeline(lab: &Lab, more: &str) -> String {
    let text = format!(
        r#"name = "asked"
seed = 3
{more}
[[source]]
name = "web"
path = {web:?}
split_size = "100KiB"
[[stage]]
op = "gopher-quality"
[[stage]]
op = "language"
keep = ["en"]
min_score = 0.65
[[stage]]
op = "where"
name = "no-novels"
sql = "word_count < 2000 AND url NOT LIKE '%/novel%'"
[[stage]]
op = "exact-dedup"
"#,
        web = sample("web/*.jsonl*"),
    );
    lab.write("p.toml", text)
}

fn run(lab: &Lab, pipeline: &str, out: &str, extra: &[&str]) -> String {
    let out = lab.text(out);
    let mut arguments = vec!["run", pipeline, "--out", &out];
    arguments.extend_from_slice(extra);
    succeed(&arguments);
    out
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&succeed(arguments)).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn summary(run: &str) -> Value {
    let text = std::fs::read_to_string(Path::new(run).join("summary.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn queries_see_the_ledger_by_the_names_of_the_pipeline() {
    let lab = Lab::new();
    let out = run(&lab, &pipeline(&lab, "rejected = \"all\""), "out", &[]);
    let ask = |sql: &str| lines(&succeed(&["query", &out, sql, "--format", "json"]));
    // The counts of the summary, by SQL.
    let summary = summary(&out);
    let dropped =
        ask("SELECT stage, COUNT(*) AS n FROM ledger WHERE verdict = 'dropped' GROUP BY stage");
    assert_eq!(dropped.len(), 4);
    for stage in summary["stages"].as_array().unwrap() {
        let row = dropped.iter().find(|row| row["stage"] == stage["stage"]).unwrap();
        assert_eq!(row["n"], stage["dropped"], "{row}");
    }
    // Full names, bare names, names of the query's own, conditions over one row and over many.
    let full = ask(
        "SELECT id FROM ledger WHERE gopher-quality.word_count-50 >= 900 AND language.score > 0.9 ORDER BY gopher-quality.word_count DESC, id LIMIT 3",
    );
    let bare = ask(
        "SELECT id, word_count FROM ledger AS l WHERE l.word_count >= 950 AND score > 0.9 ORDER BY word_count DESC, id LIMIT 3",
    );
    assert_eq!(full.len(), 3);
    for (full, bare) in full.iter().zip(&bare) {
        assert_eq!(full["id"], bare["id"]);
    }
    let own = ask("SELECT 7 AS word_count FROM ledger LIMIT 2");
    assert_eq!(own[1]["word_count"], 7);
    let all =
        ask("SELECT COUNT(*) AS n, SUM(word_count) AS words FROM ledger WHERE url LIKE '%org%'");
    let over = ask("SELECT COUNT(*) AS n FROM ledger WHERE word_count > AVG(word_count)");
    assert!(over[0]["n"].as_u64().unwrap() * 4 < all[0]["n"].as_u64().unwrap() * 3);
    assert!(over[0]["n"].as_u64().unwrap() > 100);
    // The other tables.
    let kept = ask(
        "SELECT COUNT(*) AS n FROM documents d JOIN ledger l ON d.id = l.id WHERE l.verdict = 'kept'",
    );
    assert_eq!(kept[0]["n"], summary["kept"]);
    let rejected = ask("SELECT COUNT(*) AS n FROM rejected");
    assert_eq!(rejected[0]["n"], summary["dropped"]);
    // Forms.
    let text = succeed(&[
        "query",
        &out,
        "SELECT verdict, COUNT(*) AS n FROM ledger GROUP BY verdict ORDER BY n",
    ]);
    assert!(text.starts_with("verdict     n\n"), "{text}");
    assert_eq!(succeed(&["query", &out, "SELECT id FROM ledger"]).lines().count(), 101);
    assert_eq!(
        succeed(&["query", &out, "SELECT id FROM ledger", "--limit", "7"]).lines().count(),
        8
    );
    let csv = succeed(&["query", &out, "SELECT id, url FROM ledger", "--format", "csv"]);
    assert_eq!(csv.lines().count() as u64, summary["input"].as_u64().unwrap() + 1);
}

#[test]
fn questions_that_cannot_be_answered_name_the_next_step() {
    let lab = Lab::new();
    let pipeline = pipeline(&lab, "");
    let out = run(&lab, &pipeline, "out", &["--limit", "30"]);
    let refused = |arguments: &[&str]| fail(2, arguments);
    assert!(refused(&["query", &lab.text("none"), "SELECT 1"]).contains("tamis run"));
    assert!(refused(&["query", &lab.text(""), "SELECT 1"]).contains("no plan.json"));
    assert!(refused(&["query", &pipeline, "SELECT 1"]).contains("give the directory"));
    assert!(
        refused(&["query", &out, "SELECT wordcount FROM ledger"])
            .contains("did you mean `word_count`")
    );
    assert!(refused(&["query", &out, "SELECT id FROM rejected"]).contains("rejected = \"all\""));
    assert!(refused(&["query", &out, "SELECT id FORM ledger"]).contains("cannot be answered"));
    assert!(refused(&["query", &out, "DROP TABLE ledger"]).contains("SELECT"));
    assert!(refused(&["why", &out, "nobody"]).contains("no record"));
    assert!(
        refused(&["inspect", &out, "--stage", "gofer-quality"])
            .contains("did you mean `gopher-quality`")
    );
    assert!(
        refused(&["inspect", &out, "--reason", "too-few-stop-word"])
            .contains("did you mean `too-few-stop-words`")
    );
    let whatif = |set: &str| refused(&["whatif", &out, "--set", set]);
    assert!(refused(&["whatif", &out]).contains("--set stage."));
    assert!(whatif("stage.gofer-quality.min_words=3").contains("did you mean `gopher-quality`"));
    assert!(whatif("stage.gopher-quality.min_word=3").contains("did you mean `min_words`"));
    assert!(whatif("stage.gopher-quality.min_words=few").contains("invalid type"));
    assert!(whatif("stage.gopher-quality.min_words=200000").contains("max_words"));
    assert!(whatif("stage.gopher-quality.stop_words=[]").contains("re-run reads 30 records"));
    assert!(whatif("stage.no-novels.sql=\"1 = 1\"").contains("no setting of `where` can"));
    assert!(whatif("seed=4").contains("only settings of stages"));
    let columns =
        refused(&["export", &out, "--out", &lab.text("x.parquet"), "--columns", "id,word_cout"]);
    assert!(columns.contains("did you mean `word_count`"), "{columns}");
    // A run that stopped before its ledger.
    std::fs::remove_dir_all(lab.path("out/ledger")).unwrap();
    assert!(refused(&["why", &out, "x"]).contains("no ledger yet"));
}

#[test]
fn why_tells_the_whole_way_of_a_record() {
    let lab = Lab::new();
    let out = run(&lab, &pipeline(&lab, "[audit]\nfraction = 0.3"), "out", &[]);
    let ask = |sql: &str| lines(&succeed(&["query", &out, sql, "--format", "json"]));
    // One dropped for few words, outside the audit sample.
    let one = &ask(
        "SELECT id, url, word_count FROM ledger WHERE reason = 'too-few-words' AND audited IS NULL ORDER BY id",
    )[0];
    let id = one["id"].as_str().unwrap();
    let found = json(&["why", &out, id, "--format", "json"]);
    let stages = found[0]["stages"].as_array().unwrap();
    let outcome = |stages: &[Value]| -> Vec<String> {
        stages.iter().map(|stage| stage["outcome"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(outcome(stages), ["dropped", "not-reached", "not-reached", "not-reached"]);
    let words = &stages[0]["signals"][0];
    assert_eq!((&words["name"], &words["value"]), (&"word_count".into(), &one["word_count"]));
    assert_eq!(words["bounds"][0]["key"], "min_words");
    assert_eq!(words["bounds"][0]["broken"], true);
    assert_eq!(words["bounds"][1]["broken"], false);
    // By its address and by the start of its id it is the same.
    let address = json(&["why", &out, one["url"].as_str().unwrap(), "--format", "json"]);
    assert!(address.as_array().unwrap().contains(&found[0]));
    assert_eq!(json(&["why", &out, &id[..12], "--format", "json"]), found);
    // One of the audit sample that two stages would drop.
    let two =
        &ask("SELECT id FROM ledger WHERE fails LIKE 'gopher-quality:% language:%' ORDER BY id")[0];
    let found = json(&["why", &out, two["id"].as_str().unwrap(), "--format", "json"]);
    let stages = outcome(found[0]["stages"].as_array().unwrap());
    assert_eq!(stages[..2], ["dropped", "would-drop"]);
    assert_eq!(stages[3], "not-reached", "one of the sample meets no other document");
    // A duplicate.
    let copy = &ask("SELECT id, cluster FROM ledger WHERE stage = 'exact-dedup' ORDER BY id")[0];
    let found = json(&["why", &out, copy["id"].as_str().unwrap(), "--format", "json"]);
    assert_eq!(found[0]["record"]["cluster"], copy["cluster"]);
    assert_eq!(
        outcome(found[0]["stages"].as_array().unwrap()),
        ["passed", "passed", "passed", "dropped"]
    );
    insta::assert_snapshot!(succeed(&["why", &out, id]));
}

#[test]
fn inspect_draws_by_id_and_shows_texts_that_a_terminal_can_bear() {
    let lab = Lab::new();
    let line = |number: usize, text: &str| {
        format!("{{\"text\": {}, \"url\": \"https://a.org/{number}\"}}\n", Value::from(text))
    };
    let long = "The quick brown fox and the lazy dog have to walk with care. ".repeat(6);
    let mut input = String::new();
    for number in 0..60 {
        let short = format!("short \u{1b}[31m \u{9b}2J {number}\n\u{202e}again");
        input += &line(number, if number % 2 == 0 { &short } else { &long });
    }
    lab.write("in/a.jsonl", input + "no json\n");
    let text = "name = \"i\"\n[[source]]\nname = \"a\"\npath = \"in/*.jsonl\"\nsplit_size = 1000\n[[stage]]\nop = \"gopher-quality\"\n[audit]\nfraction = 0.5\n";
    let pipeline = lab.write("p.toml", text);
    let mut draws = Vec::new();
    for (rejected, from) in [("none", "source"), ("all", "rejected"), ("sample", "")] {
        let set = format!("rejected=\"{rejected}\"");
        let out = run(&lab, &pipeline, rejected, &["--set", &set]);
        let dropped =
            json(&["inspect", &out, "--verdict", "dropped", "-n", "12", "--format", "json"]);
        assert_eq!(dropped["matching"], 30);
        let records = dropped["records"].as_array().unwrap();
        assert_eq!(records.len(), 12);
        for record in records {
            let number = record["url"].as_str().unwrap().rsplit('/').next().unwrap();
            let text = record["text"].as_str().unwrap();
            assert_eq!(text, format!("short \u{1b}[31m \u{9b}2J {number}\n\u{202e}again"));
            assert!(from.is_empty() || record["text_from"] == from, "{record}");
        }
        if from.is_empty() {
            let both: std::collections::BTreeSet<_> =
                records.iter().map(|record| record["text_from"].as_str().unwrap()).collect();
            assert_eq!(both.len(), 2, "some texts are stored, some read again");
        }
        draws.push(records.iter().map(|record| record["id"].clone()).collect::<Vec<_>>());
        let shown = succeed(&["inspect", &out]);
        assert!(
            !shown.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'),
            "{shown}"
        );
        assert!(shown.contains("\\u{1b}[31m"), "{shown}");
        let kept = json(&[
            "inspect",
            &out,
            "--verdict",
            "kept",
            "-n",
            "3",
            "--format",
            "json",
            "--chars",
            "9",
        ]);
        assert_eq!(kept["records"][2]["text_from"], "documents");
        assert_eq!(kept["records"][2]["text"], "The quick");
    }
    assert_eq!(draws[0], draws[1]);
    assert_eq!(draws[0], draws[2]);
    let out = lab.text("none");
    let other = json(&[
        "inspect",
        &out,
        "--verdict",
        "dropped",
        "-n",
        "12",
        "--format",
        "json",
        "--seed",
        "9",
    ]);
    assert_ne!(other["records"][0]["id"], draws[0][0]);
    let failed = json(&["inspect", &out, "--reason", "malformed-json", "--format", "json"]);
    assert_eq!(failed["records"][0]["verdict"], "failed");
    // Texts that are nowhere any more are said to be gone.
    std::fs::remove_dir_all(lab.path("in")).unwrap();
    assert!(succeed(&["inspect", &out, "--verdict", "dropped"]).contains("the text is gone"));
}

/// What a re-run counts where `whatif` stops: the documents that reach the exchange.
fn reaching(lab: &Lab, pipeline: &str, name: &str, sets: &[&str]) -> u64 {
    let extra: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    let out = run(lab, pipeline, name, &extra);
    summary(&out)["stages"][3]["seen"].as_u64().unwrap()
}

fn ask_whatif(out: &str, sets: &[&str]) -> Value {
    let mut arguments = vec!["whatif", out, "--format", "json"];
    arguments.extend(sets.iter().flat_map(|set| ["--set", *set]));
    json(&arguments)
}

#[test]
fn whatif_says_what_a_re_run_counts() {
    let lab = Lab::new();
    let pipeline = pipeline(&lab, "[audit]\nfraction = 0.2");
    let variants = [
        ("sample", vec![]),
        ("cost", vec!["--set", "order=\"cost\""]),
        ("full", vec!["--set", "ledger=\"full\""]),
    ];
    for (name, extra) in &variants {
        run(&lab, &pipeline, name, extra);
    }
    let tighter =
        ["stage.gopher-quality.min_words=120", "stage.gopher-quality.min_alpha_words=0.85"];
    let looser = ["stage.gopher-quality.min_stop_words=0", "stage.gopher-quality.min_words=10"];
    let joint = [
        "stage.gopher-quality.min_stop_words=0",
        "stage.gopher-quality.min_words=100",
        "stage.language.min_score=0.3",
    ];
    let languages = ["stage.language.keep=[\"en\", \"de\", \"fr\"]"];
    let cases: [(&str, &[&str], bool); 4] = [
        ("tighter", &tighter, true),
        ("looser", &looser, false),
        ("joint", &joint, false),
        ("languages", &languages, false),
    ];
    let mut before = None;
    for (case, sets, only_tighter) in cases {
        let truth = reaching(&lab, &pipeline, case, sets);
        for (name, _) in &variants {
            let answer = ask_whatif(&lab.text(name), sets);
            let number = |value: &Value| value.as_u64().unwrap();
            let context = format!("{case} of {name}: {truth}, {answer}");
            assert_eq!(answer["up_to"], "exact-dedup");
            assert_eq!(*before.get_or_insert(number(&answer["before"])), number(&answer["before"]));
            let after = &answer["after"];
            let exact = only_tighter || name.starts_with("full");
            if exact {
                assert_eq!(answer["exact"], true, "{context}");
            }
            if answer["exact"] == true {
                for key in ["low", "estimate", "high"] {
                    assert_eq!(number(&after[key]), truth, "{context}");
                }
            } else {
                assert!(number(&after["low"]) <= truth, "{context}");
                assert!(number(&after["high"]) >= truth, "{context}");
                assert!(number(&answer["gained"]["unknown"]) > 0, "{context}");
                let width = number(&after["high"]) - number(&after["low"]);
                // A sample of one document tells nothing of the others.
                assert!(width <= number(&answer["gained"]["unknown"]), "{context}");
            }
            // What is gone and what has come make the difference.
            let lost: u64 = answer["lost"].as_object().unwrap().values().map(number).sum();
            let gained = number(&answer["gained"]["number"]["estimate"]);
            assert_eq!(number(&answer["before"]) - lost + gained, number(&after["estimate"]));
        }
    }
    let unchanged = reaching(&lab, &pipeline, "unchanged", &[]);
    assert_eq!(before, Some(unchanged));
    let text = succeed(&["whatif", &lab.text("sample"), "--set", looser[0], "--set", looser[1]]);
    let text: Vec<&str> = text.lines().filter(|line| !line.contains("CPU-seconds")).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn whatif_counts_kept_documents_where_no_exchange_follows_and_knows_what_it_does_not_know() {
    let lab = Lab::new();
    let text = format!(
        "name = \"w\"\n[[source]]\nname = \"web\"\npath = {:?}\n[[stage]]\nop = \"exact-dedup\"\n[[stage]]\nop = \"gopher-quality\"\n[[stage]]\nop = \"language\"\nkeep = [\"en\"]\n[audit]\nfraction = 0.0\n",
        sample("web/part-0.jsonl.gz")
    );
    let pipeline = lab.write("p.toml", text);
    let out = run(&lab, &pipeline, "out", &[]);
    let kept = |name: &str, set: &str| {
        let out = run(&lab, &pipeline, name, &["--set", set]);
        summary(&out)["kept"].as_u64().unwrap()
    };
    // The last stage is exact both ways, with no sample at all.
    let set = "stage.language.keep=[\"en\", \"fr\", \"de\"]";
    let answer = ask_whatif(&out, &[set]);
    assert_eq!(answer["up_to"], Value::Null);
    assert_eq!(answer["exact"], true);
    assert_eq!(answer["after"]["estimate"].as_u64().unwrap(), kept("languages", set));
    assert!(answer["gained"]["certain"].as_u64().unwrap() > 0);
    // One before it is not.
    let set = "stage.gopher-quality.min_stop_words=0";
    let answer = ask_whatif(&out, &[set]);
    assert_eq!(answer["after"]["estimate"], Value::Null);
    assert_eq!(answer["after"]["low"], answer["before"]);
    let truth = kept("stop-words", set);
    assert!(answer["after"]["high"].as_u64().unwrap() > truth);
    assert!(
        succeed(&["whatif", &out, "--set", set]).contains("none like them is in the audit sample")
    );
    // Several stages of one op and an `annotate`: nothing is dropped, so nothing changes.
    let annotated =
        run(&lab, &pipeline, "annotated", &["--set", "stage.gopher-quality.action=annotate"]);
    let answer = ask_whatif(&annotated, &["stage.gopher-quality.min_words=5000"]);
    assert_eq!(answer["before"], answer["after"]["estimate"]);
}

#[test]
fn whatif_refuses_a_ledger_that_its_settings_do_not_explain() {
    let lab = Lab::new();
    let out = run(&lab, &pipeline(&lab, ""), "out", &["--limit", "200"]);
    let plan = std::fs::read_to_string(lab.path("out/plan.json")).unwrap();
    assert!(plan.contains("\"min_words\": 50"));
    lab.write("out/plan.json", plan.replace("\"min_words\": 50", "\"min_words\": 300"));
    let message = fail(1, &["whatif", &out, "--set", "stage.gopher-quality.max_words=5000"]);
    assert!(message.contains("this is a bug in tamis"), "{message}");
}

#[test]
fn test_blocks_are_run_without_input() {
    let lab = Lab::new();
    let sentence = "The quick brown fox and the lazy dog have to walk with care. ";
    let text = format!(
        r#"name = "t"
[[source]]
name = "web"
path = "nothing/*.jsonl"
[[source]]
name = "plain"
path = "nothing/*.txt"
[[stage]]
op = "gopher-quality"
only = ["web"]
[[stage]]
op = "where"
sql = "url IS NULL OR url NOT LIKE '%/login%'"
[[stage]]
op = "exact-dedup"
[[test]]
name = "short"
text = "Too short."
expect = "gopher-quality:too-few-words"
[[test]]
name = "short, of a source that is not asked"
text = "Too short."
source = "plain"
expect = "kept"
[[test]]
text = "{sentence}"
repeat = 5
url = "https://a.org/login"
expect = "where"
[[test]]
name = "long"
text = "{sentence}"
repeat = 5
expect = "kept"
expect_text = "{all}"
"#,
        all = sentence.repeat(5)
    );
    let pipeline = lab.write("p.toml", &text);
    let shown = succeed(&["test", &pipeline]);
    assert_eq!(shown.matches("ok    ").count(), 4, "{shown}");
    assert!(shown.contains("short, of a source"), "{shown}");
    // A setting that breaks two of them.
    let output =
        crate::support::call(&["test", &pipeline, "--set", "stage.gopher-quality.min_words=100"]);
    assert_eq!(output.status.code(), Some(2));
    let shown = String::from_utf8(output.stdout).unwrap();
    let shown = shown.replace(&pipeline, "p.toml");
    insta::assert_snapshot!(shown);
    assert!(String::from_utf8(output.stderr).unwrap().contains("2 of 4 tests failed"));
    let wrong = lab.write(
        "wrong.toml",
        text.replace("care. \"\n\"", "")
            .replace("expect_text = \"The quick", "expect_text = \"The slow"),
    );
    let output = crate::support::call(&["test", &wrong, &pipeline, "--format", "json"]);
    assert_eq!(output.status.code(), Some(2));
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 8);
    assert_eq!(list[3]["passed"], false);
    assert!(list[3]["faults"][0].as_str().unwrap().contains("- The slow brown"), "{}", list[3]);
    assert_eq!(list[7]["passed"], true);
    assert_eq!(list[7]["signals"]["gopher-quality.word_count"], 65);
}

#[test]
fn export_joins_documents_and_ledger_in_document_order() {
    let lab = Lab::new();
    let out = run(&lab, &pipeline(&lab, ""), "out", &[]);
    let file = lab.text("scores/input.parquet");
    let columns = "id,text,url,word_count,language.score";
    let done = json(&["export", &out, "--out", &file, "--columns", columns, "--format", "json"]);
    assert_eq!(done["rows"], summary(&out)["kept"]);
    let exported = table(&lab.path("scores"));
    let names: Vec<String> =
        exported[0].schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["id", "text", "url", "gopher-quality.word_count", "language.score"]);
    let documents = table(&lab.path("out/documents"));
    for column in ["id", "text", "url"] {
        assert_eq!(texts(&exported, column), texts(&documents, column));
    }
    let sum: i64 = exported
        .iter()
        .filter_map(|batch| {
            use arrow::array::AsArray;
            let column = batch.column_by_name("gopher-quality.word_count")?;
            arrow::compute::sum(column.as_primitive::<arrow::datatypes::Int64Type>())
        })
        .sum();
    let sql = "SELECT SUM(word_count) AS words FROM ledger WHERE verdict = 'kept'";
    assert_eq!(lines(&succeed(&["query", &out, sql, "--format", "json"]))[0]["words"], sum);
    // The same bytes again.
    let first = std::fs::read(&file).unwrap();
    succeed(&["export", &out, "--out", &file, "--columns", columns]);
    assert_eq!(first, std::fs::read(&file).unwrap());
}
