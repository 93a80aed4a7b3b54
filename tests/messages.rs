//! What people read when a pipeline file is wrong: the exact words, with line and column.

use crate::support::{Lab, fail, sample, succeed};

/// Checks a pipeline and gives the messages with the folder's name taken out.
fn messages(text: &str, extra: &[&str]) -> String {
    let lab = Lab::new();
    let pipeline = lab.write("p.toml", text);
    let mut arguments = vec!["check", pipeline.as_str()];
    arguments.extend_from_slice(extra);
    let stderr = fail(2, &arguments);
    stderr.replace(&lab.folder.path().display().to_string(), "")
}

#[test]
fn several_mistakes_are_reported_at_once_each_at_its_place() {
    let text = r#"name = "wrong"
seeed = 3
memory_limit = "lots"

[[source]]
name = "web"
path = 7
keep_fild = ["url"]

[[stage]]
op = "gofer-quality"

[[stage]]
op = "gopher-quality"
min_word = 50
max_words = "many"

[[stage]]
op = "where"
only = ["wbe"]

[tokens]
tokenizer = "t.json"
format = "megatrn"
"#;
    insta::assert_snapshot!(messages(text, &[]));
}

#[test]
fn toml_that_does_not_parse() {
    insta::assert_snapshot!(messages("name = \"x\"\n[[source]\nname = 3\n", &[]));
}

#[test]
fn tables_with_the_wrong_brackets_and_names() {
    let text = "name = \"x\"\n[source]\nname = \"a\"\npath = \"b\"\n[[tokens]]\ntokenizer = \"t\"\n[stages]\nop = \"where\"\n";
    insta::assert_snapshot!(messages(text, &[]));
}

#[test]
fn names_must_be_unique_and_training_needs_tokens() {
    let text = r#"name = "x"
[[source]]
name = "a"
path = "b.jsonl"
[[source]]
name = "a"
path = "c.jsonl"
[[stage]]
op = "gopher-quality"
[[stage]]
op = "gopher-quality"
[train]
preset = "1m"
"#;
    insta::assert_snapshot!(messages(text, &[]));
}

#[test]
fn sql_is_checked_before_anything_runs() {
    let text = r#"name = "x"
[[source]]
name = "a"
path = "b.jsonl"
[[stage]]
op = "gopher-quality"
[[stage]]
op = "where"
sql = "wordcount > 80"
[[stage]]
op = "where"
name = "other"
sql = "word_count > 80 AND AVG(word_count) > 3"
"#;
    insta::assert_snapshot!(messages(text, &[]));
}

#[test]
fn overrides_are_shown_where_they_are_wrong() {
    let text = "name = \"x\"\n[[source]]\nname = \"a\"\npath = \"b.jsonl\"\n[[stage]]\nop = \"gopher-quality\"\n";
    let sets = [
        "--set",
        "stage.gopher-quality.min_words=\"few\"",
        "--set",
        "stage.gopher.min_words=3",
        "--set",
        "seed",
    ];
    insta::assert_snapshot!(messages(text, &sets));
}

#[test]
fn overrides_change_the_plan() {
    let lab = Lab::new();
    let data = sample("plain/*.txt");
    let text = format!(
        "name = \"x\"\n[[source]]\nname = \"a\"\npath = {data:?}\n[[stage]]\nop = \"gopher-quality\"\n"
    );
    let pipeline = lab.write("p.toml", text);
    let plan = |extra: &[&str]| -> serde_json::Value {
        let mut arguments = vec!["explain", pipeline.as_str(), "--format", "json"];
        arguments.extend_from_slice(extra);
        serde_json::from_str(&succeed(&arguments)).unwrap()
    };
    let before = plan(&[]);
    let after = plan(&["--set", "stage.gopher-quality.min_words=80", "--set", "seed=18"]);
    assert_eq!(before["stages"][0]["settings"]["min_words"], 50);
    assert_eq!(after["stages"][0]["settings"]["min_words"], 80);
    assert_eq!(after["seed"], 18);
    assert_ne!(before["phases"][0]["digest"], after["phases"][0]["digest"]);
}

#[cfg(not(feature = "train"))]
#[test]
fn a_build_without_training_says_so() {
    let pipeline = crate::support::root().join("pipelines/quickstart.toml");
    let output = crate::support::call(&["run", pipeline.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--features train"));
}
