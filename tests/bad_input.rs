//! Bad input is data: a clear error or a `failed` row, never a panic, never a shorter output.

use std::collections::BTreeMap;

use crate::support::{Lab, fail, ledger, root, sample, succeed};

fn pipeline(lab: &Lab, path: &str, more: &str) -> String {
    lab.write(
        "pipeline.toml",
        format!("name = \"dirty\"\n[[source]]\nname = \"dirty\"\npath = {path:?}\nkeep_fields = []\n{more}"),
    )
}

/// Runs over one file or glob; gives the ledger.
fn read(path: &str) -> Vec<[String; 5]> {
    let lab = Lab::new();
    let pipeline = pipeline(&lab, path, "");
    let out = lab.text("out");
    succeed(&["run", &pipeline, "--out", &out]);
    ledger(&lab.path("out"))
}

fn expected() -> serde_json::Value {
    let text = std::fs::read_to_string(sample("dirty/EXPECTED.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_record_of_every_dirty_file_is_accounted_for() {
    let expected = expected();
    let files = expected["files"].as_object().unwrap_or_else(|| expected.as_object().unwrap());
    let mut checked = 0;
    for (name, facts) in files {
        let Some(good) = facts["good"].as_u64() else { continue };
        let rows = read(&sample(&format!("dirty/{name}")));
        let kept = rows.iter().filter(|[_, _, verdict, ..]| verdict == "kept").count() as u64;
        assert_eq!(kept, good, "{name}: kept documents; rows {rows:?}");
        let failed: Vec<_> =
            rows.iter().filter(|[_, _, verdict, ..]| verdict == "failed").collect();
        for [file, record, _, _, reason] in &failed {
            assert!(
                !file.is_empty() && !record.is_empty() && !reason.is_empty(),
                "{name}: {failed:?}"
            );
        }
        if let Some(bad) = facts["bad"].as_u64() {
            let damaged = !facts["file_error"].is_null() || !facts["stream_error"].is_null();
            let wanted = bad.max(u64::from(damaged));
            assert_eq!(failed.len() as u64, wanted, "{name}: failed records {failed:?}");
        }
        checked += 1;
    }
    assert!(checked >= 12, "only {checked} dirty files were checked");
}

#[test]
fn each_kind_of_damage_has_its_reason() {
    let reasons = |file: &str| {
        let mut counts = BTreeMap::new();
        for [_, _, verdict, _, reason] in read(&sample(&format!("dirty/{file}"))) {
            if verdict == "failed" {
                *counts.entry(reason).or_insert(0) += 1;
            }
        }
        counts.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(reasons("truncated.jsonl.gz"), ["truncated"]);
    assert_eq!(reasons("truncated.jsonl.zst"), ["truncated"]);
    assert_eq!(reasons("trailing-garbage.jsonl.gz"), ["corrupt"]);
    assert_eq!(reasons("not-parquet.parquet"), ["corrupt"]);
    assert_eq!(reasons("truncated.parquet"), ["corrupt"]);
    assert_eq!(reasons("nulls.parquet"), ["missing-text"]);
    assert_eq!(reasons("invalid-utf8.txt"), ["invalid-utf8"]);
    assert_eq!(reasons("malformed.jsonl"), ["malformed-json", "missing-text", "text-not-a-string"]);
    assert!(reasons("invalid-utf8.jsonl").contains(&"invalid-utf8".to_owned()));
    assert!(reasons("empty.jsonl").is_empty());
    assert!(reasons("empty.jsonl.gz").is_empty());
}

#[test]
fn a_failed_row_says_where_the_record_is() {
    let lab = Lab::new();
    let lines = "{\"text\": \"one\"}\n{\"text\": oops}\n\n{\"text\": \"three\"}\n";
    let data = lab.write("in/data.jsonl", lines);
    let pipeline = pipeline(&lab, &data, "");
    succeed(&["run", &pipeline, "--out", &lab.text("out")]);
    let rows = ledger(&lab.path("out"));
    let short: Vec<_> = rows
        .iter()
        .map(|[file, record, verdict, _, reason]| [file.as_str(), record, verdict, reason])
        .collect();
    assert_eq!(
        short,
        [
            ["data.jsonl", "0", "kept", ""],
            ["data.jsonl", "16", "failed", "malformed-json"],
            ["data.jsonl", "32", "kept", ""],
        ]
    );
}

#[test]
fn one_line_split_at_any_byte_is_read_once() {
    let lab = Lab::new();
    let line = |n: usize| ["{\"text\": \"", &"x".repeat(n), "\"}\n"].concat();
    let lines = (0..40).map(line).collect::<Vec<_>>().concat();
    let data = lab.write("in/data.jsonl", &lines);
    for split in ["3", "7", "64", "1000", "1MiB"] {
        let pipeline = pipeline(&lab, &data, &format!("split_size = \"{split}\"\n"));
        succeed(&["run", &pipeline, "--out", &lab.text("out")]);
        let rows = ledger(&lab.path("out"));
        assert_eq!(rows.len(), 40, "split_size = {split}");
        assert!(rows.iter().all(|[_, _, verdict, ..]| verdict == "kept"));
        let offsets: Vec<u64> = rows.iter().map(|row| row[1].parse().unwrap()).collect();
        assert!(offsets.is_sorted(), "document order");
    }
}

#[test]
fn missing_input_is_exit_2_and_names_the_path() {
    let lab = Lab::new();
    for path in ["nowhere.jsonl", "nothing/*.jsonl", "in/*.parquet"] {
        lab.write("in/data.jsonl", "");
        let pipeline = pipeline(&lab, path, "");
        let stderr = fail(2, &["run", &pipeline, "--out", &lab.text("out")]);
        assert!(stderr.contains(path), "{stderr}");
        assert!(stderr.contains("matches no file"), "{stderr}");
        assert!(stderr.contains("pipeline.toml:4:8"), "{stderr}");
    }
    let stderr = fail(2, &["run", "no/such/pipeline.toml"]);
    assert!(stderr.contains("no/such/pipeline.toml"), "{stderr}");
}

#[test]
fn a_file_that_changes_under_a_run_is_noticed() {
    let lab = Lab::new();
    let data = lab.write("in/data.jsonl", "{\"text\": \"one\"}\n");
    let pipeline = pipeline(&lab, &data, "");
    let out = lab.text("out");
    succeed(&["run", &pipeline, "--out", &out]);
    // Another content is another plan: run again, read again.
    lab.write("in/data.jsonl", "{\"text\": \"one\"}\n{\"text\": \"two\"}\n");
    succeed(&["run", &pipeline, "--out", &out]);
    assert_eq!(ledger(&lab.path("out")).len(), 2);
    // A task whose plan is older than the file.
    lab.write("in/data.jsonl", "{\"text\": \"one\"}\n{\"text\": \"two\"}\n{\"text\": \"three\"}\n");
    std::fs::remove_dir_all(lab.path("out/manifests")).unwrap();
    let task = [
        "task",
        "--plan",
        &out,
        "--phase",
        "0",
        "--index",
        "0",
        "--threads",
        "1",
        "--memory-limit",
        "100MiB",
    ];
    let stderr = fail(65, &task);
    assert!(stderr.contains("changed while it was read"), "{stderr}");
}

#[test]
fn broken_models_and_tokenizers_are_config_errors() {
    let lab = Lab::new();
    let data = lab.write("in/data.jsonl", "{\"text\": \"one\"}\n");
    let not_a_model = lab.write("model.ftz", "this is no model");
    let with = |more: String| {
        let pipeline = pipeline(&lab, &data, &more);
        fail(2, &["run", &pipeline, "--out", &lab.text("out")])
    };
    let stderr = with(format!("[[stage]]\nop = \"language\"\nmodel = {not_a_model:?}\n"));
    assert!(stderr.contains("cannot be loaded as a fastText model"), "{stderr}");
    let stderr = with("[[stage]]\nop = \"language\"\nmodel = \"gone.ftz\"\n".to_owned());
    assert!(stderr.contains("gone.ftz"), "{stderr}");
    let stderr = with("[[stage]]\nop = \"language\"\nkeep = [\"english\"]\n".to_owned());
    assert!(stderr.contains("no label `english`"), "{stderr}");
    let stderr = with(format!("[tokens]\ntokenizer = {not_a_model:?}\n"));
    assert!(stderr.contains("cannot be loaded as a tokenizer"), "{stderr}");
}

#[test]
fn lone_surrogates_fail_their_record_and_no_other() {
    let lab = Lab::new();
    let lines = [
        r#"{"text": "one \ud83d\ude00", "url": "https://a.example/"}"#,
        r#"{"text": "high alone \ud800 here"}"#,
        r#"{"text": "low alone \udc00"}"#,
        r#"{"text": "wrong order \ude00\ud83d"}"#,
        r#"{"text": "at the end \ud83d"}"#,
        r#"{"text": "half of a pair \ud83dx\ude00"}"#,
        r#"{"text": "six"}"#,
    ];
    let data = lab.write("in/data.jsonl", lines.map(|line| format!("{line}\n")).concat());
    let pipeline = pipeline(&lab, &data, "[[stage]]\nop = \"length\"\n");
    succeed(&["run", &pipeline, "--out", &lab.text("out")]);
    let rows = ledger(&lab.path("out"));
    let verdicts: Vec<_> = rows.iter().map(|row| (row[2].as_str(), row[4].as_str())).collect();
    let failed = ("failed", "malformed-json");
    let kept = ("kept", "");
    assert_eq!(verdicts, [kept, failed, failed, failed, failed, failed, kept]);
}

#[test]
fn lists_that_cannot_be_used_are_config_errors_at_their_key() {
    let lab = Lab::new();
    let data = lab.write("in/data.jsonl", "{\"text\": \"one\"}\n");
    lab.write("lists/prose", "This is a letter,\nnot a list of domains.\n");
    lab.write("lists/tar", "adult/domains\0\0\0\0ustar");
    lab.write("lists/empty", "# nothing yet\n");
    lab.write("lists/cut.gz", [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b]);
    lab.write("lists/rules", "! all of them\n@@||a.example^\nb.example##.banner\n");
    lab.write("lists/words", "слово\n");
    let with = |stage: &str| {
        let pipeline = pipeline(&lab, &data, &format!("[[stage]]\nop = {stage}\n"));
        fail(2, &["check", &pipeline])
    };
    let cases = [
        ("\"url-filter\"\ndomains = [\"lists/gone\"]", "gone"),
        ("\"url-filter\"\ndomains = [\"lists\"]", "domains"),
        ("\"url-filter\"\ndomains = [\"lists/prose\"]", "line 1"),
        ("\"url-filter\"\nhosts = [\"lists/prose\"]", "line 1"),
        ("\"url-filter\"\nurls = [\"lists/prose\"]", "no addresses"),
        ("\"url-filter\"\ndomains = [\"lists/tar\"]", "unpacked"),
        ("\"url-filter\"\ndomains = [\"lists/empty\"]", "no domains"),
        ("\"url-filter\"\ndomains = [\"lists/cut.gz\"]", "whole"),
        ("\"url-filter\"\ndomains = [\"lists/rules\"]", "an exception"),
        ("\"url-filter\"\nwords = [\"lists/words\"]", "no ASCII letter"),
        ("\"stop-words\"\nfile = \"lists/gone\"", "gone"),
        ("\"stop-words\"\nfile = \"lists/tar\"", "NUL"),
        ("\"stop-words\"\nfile = \"lists/prose\"", "never"),
    ];
    for (stage, wanted) in cases {
        // Messages are wrapped to the width of the terminal.
        let stderr = with(stage);
        let words = stderr.split_whitespace().filter(|word| *word != "│");
        let stderr = words.collect::<Vec<_>>().join(" ");
        assert!(stderr.contains(wanted), "{stage}: {stderr}");
        assert!(stderr.contains("pipeline.toml:8:"), "at the key: {stage}: {stderr}");
    }
}

#[test]
fn a_model_that_is_gone_when_a_task_runs_is_named() {
    let lab = Lab::new();
    let data = lab.write("in/data.jsonl", "{\"text\": \"one\"}\n");
    std::fs::copy(sample("models/lid.176.ftz"), lab.path("model.ftz")).unwrap();
    let stage = "[[stage]]\nop = \"language\"\nmodel = \"model.ftz\"\n";
    let pipeline = pipeline(&lab, &data, stage);
    let out = lab.text("out");
    succeed(&["run", &pipeline, "--out", &out]);
    std::fs::remove_file(lab.path("model.ftz")).unwrap();
    let stderr = fail(2, &["run", &pipeline, "--out", &out]);
    assert!(stderr.contains("model.ftz"), "{stderr}");
    std::fs::remove_dir_all(lab.path("out/manifests")).unwrap();
    let task = ["task", "--plan", &out, "--phase", "0", "--index", "0", "--threads", "1"];
    let task = [&task[..], &["--memory-limit", "100MiB"]].concat();
    let output = crate::support::call(&task);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && stderr.contains("model.ftz"), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}

#[test]
fn lists_enter_the_digest_by_content_not_by_path() {
    let lab = Lab::new();
    let data = lab.write("in/data.jsonl", "{\"text\": \"one\"}\n");
    let digest = |lists: &str| -> String {
        let stage = format!("[[stage]]\nop = \"url-filter\"\ndomains = {lists}\n");
        let plan = succeed(&["explain", &pipeline(&lab, &data, &stage), "--format", "json"]);
        let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
        plan["phases"][0]["digest"].as_str().unwrap().to_owned()
    };
    lab.write("a", "a.example\n");
    lab.write("b", "b.example\n");
    lab.write("copy", "a.example\n");
    let first = digest("[\"a\", \"b\"]");
    assert_eq!(first, digest("[\"copy\", \"b\"]"));
    assert_ne!(first, digest("[\"a\"]"));
    assert_ne!(first, digest("[\"a\", \"copy\"]"));
    lab.write("b", "c.example\n");
    assert_ne!(first, digest("[\"a\", \"b\"]"));
}

/// Texts that nobody meant for a filter: each ends in the ledger, and none takes for ever.
#[test]
fn odd_texts_pass_through_every_op() {
    let lab = Lab::new();
    let megabytes = 8 << 20;
    let texts = [
        String::new(),
        " \n\t\r\n ".to_owned(),
        "…!?—「」".repeat(1000),
        "\0".repeat(1000),
        "\u{200b}".repeat(100_000),
        "a\u{301}\u{200d}".repeat(100_000),
        "\u{10ffff}\u{e000}\u{feff}".repeat(1000),
        // One line of many megabytes, of several kinds.
        "word ".repeat(megabytes / 5),
        "x".repeat(megabytes),
        "字".repeat(megabytes / 3),
        "a.".repeat(megabytes / 2),
        "\n".repeat(megabytes),
    ];
    let lines: Vec<String> =
        texts.iter().map(|text| serde_json::json!({ "text": text }).to_string()).collect();
    lab.write("odd.jsonl", lines.join("\n"));
    let settings = |op: &str| match op {
        "stop-words" => "list = [\"word\", \"other\"]\n",
        "sample" => "fraction = 0.5\n",
        "url-filter" => "words = [\"words.txt\"]\n",
        "where" => "sql = \"length.chars > 3\"\n",
        "quantile" => "value = \"length.chars\"\n",
        "perplexity" => "model = \"kenlm-en.bin\"\n",
        "decontaminate" => "benchmarks = [\"items.jsonl\"]\n",
        "set" => "columns = { twice = \"length.chars * 2\" }\n",
        _ => "",
    };
    lab.write("words.txt", "casino\n");
    lab.write(
        "items.jsonl",
        "{\"question\": \"Which of the two words is it?\", \"answer\": \"word\"}\n",
    );
    let model = root().join("data-samples/models/kenlm-en.bin");
    lab.write("kenlm-en.bin", std::fs::read(model).unwrap());
    let annotate = ["length"].into_iter().chain(
        tamis::ops::OPS
            .iter()
            .map(|op| op.name)
            .filter(|name| !["length", "join", "exact-dedup", "torchscript"].contains(name)),
    );
    let stages: Vec<String> = annotate
        .map(|op| format!("[[stage]]\nop = \"{op}\"\naction = \"annotate\"\n{}", settings(op)))
        .collect();
    let other: Vec<String> = ["datatrove", "dclm"]
        .iter()
        .flat_map(|dialect| {
            ["gopher-quality", "gopher-repetition", "c4-quality"].map(|op| {
                format!(
                    "[[stage]]\nop = \"{op}\"\nname = \"{op}-{dialect}\"\ndialect = \"{dialect}\"\naction = \"annotate\"\n"
                )
            })
        })
        .collect();
    let pipeline = pipeline(&lab, &lab.text("odd.jsonl"), &(stages.concat() + &other.concat()));
    succeed(&["run", &pipeline, "--out", &lab.text("out")]);
    let rows = ledger(&lab.path("out"));
    assert_eq!(rows.len(), texts.len());
    assert!(rows.iter().all(|[_, _, verdict, ..]| verdict == "kept"));
    // And where they may drop, nothing is left of it.
    let dropping = std::fs::read_to_string(lab.path("pipeline.toml"))
        .unwrap()
        .replace("action = \"annotate\"\n", "");
    let dropping = lab.write("dropping.toml", dropping);
    succeed(&["run", &dropping, "--out", &lab.text("dropped")]);
    assert!(ledger(&lab.path("dropped")).iter().all(|[_, _, verdict, ..]| verdict == "dropped"));
}

#[test]
fn ids_that_are_kept_have_to_be_ids() {
    let lab = Lab::new();
    let good = "00112233445566778899aabbccddeeff";
    let lines = format!(
        "{{\"id\": \"{good}\", \"text\": \"one\"}}\n{{\"id\": \"7\", \"text\": \"two\"}}\n\
         {{\"text\": \"three\"}}\n{{\"id\": \"+{}\", \"text\": \"four\"}}\n",
        &good[1..]
    );
    let path = lab.write("ids.jsonl", lines);
    let text =
        format!("name = \"ids\"\n[[source]]\nname = \"ids\"\npath = {path:?}\nkeep_ids = true\n");
    let pipeline = lab.write("ids.toml", text);
    let out = lab.text("out");
    succeed(&["run", &pipeline, "--out", &out]);
    let rows =
        succeed(&["query", &out, "SELECT id, verdict, reason FROM ledger", "--format", "csv"]);
    assert!(rows.contains(&format!("{good},kept")), "{rows}");
    assert_eq!(rows.matches("no-id").count(), 3, "{rows}");
}
