//! Plans as text: what runs where, in which order.

use crate::support::{Lab, root, sample, succeed};

/// The plan with digests taken out: they hold tags of files (times of change).
fn plan(arguments: &[&str]) -> String {
    let text = succeed(arguments);
    let line = |line: &str| match line.strip_prefix("phase ") {
        Some(phase) => format!("phase {}\n", phase.rsplit_once("  ").unwrap().0),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn the_quickstart() {
    let pipeline = root().join("pipelines/quickstart.toml");
    insta::assert_snapshot!(plan(&["explain", pipeline.to_str().unwrap()]));
}

#[test]
fn without_exchanges_and_tokens_there_is_one_phase() {
    let lab = Lab::new();
    let text = format!(
        "name = \"one\"\n[[source]]\nname = \"web\"\npath = {:?}\nsplit_size = \"500KiB\"\n\
         [[stage]]\nop = \"gopher-quality\"\naction = \"annotate\"\nwhen = \"url IS NOT NULL\"\n",
        sample("web/*.jsonl*")
    );
    let pipeline = lab.write("p.toml", text);
    insta::assert_snapshot!(plan(&["explain", &pipeline]));
}

#[test]
fn a_limit_makes_one_split_a_source() {
    let pipeline = root().join("pipelines/quickstart.toml");
    insta::assert_snapshot!(plan(&["explain", pipeline.to_str().unwrap(), "--limit", "10"]));
}

#[test]
fn digests_do_not_depend_on_where_the_tree_lies() {
    let digests = |lab: &Lab| -> Vec<String> {
        // Copies with the times of change kept, as a synchronised tree on another machine has them.
        let status = std::process::Command::new("cp")
            .args(["-rp", &sample("plain"), &lab.text("in")])
            .status()
            .unwrap();
        assert!(status.success());
        let text = "name = \"x\"\n[[source]]\nname = \"a\"\npath = \"in/*.txt\"\n[[stage]]\nop = \"language\"\n[[stage]]\nop = \"exact-dedup\"\n";
        let pipeline = lab.write("p.toml", text);
        let plan = succeed(&["explain", &pipeline, "--format", "json"]);
        let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
        plan["phases"]
            .as_array()
            .unwrap()
            .iter()
            .map(|phase| phase["digest"].as_str().unwrap().to_owned())
            .collect()
    };
    let (here, there) = (Lab::new(), Lab::new());
    assert_eq!(digests(&here), digests(&there));
}
