//! `tamis fit-tokenizer`, and tokenizers of several files.

use crate::support::{Lab, fail, root, sample, succeed, tamis};

#[test]
fn the_same_input_and_seed_give_the_same_tokenizer() {
    let lab = Lab::new();
    let input = sample("web/*");
    let fitted = |name: &str, threads: &str, seed: &str| {
        let out = lab.text(name);
        let mut command = tamis();
        command.args(["fit-tokenizer", &input, "--vocab-size", "600", "--sample", "200000"]);
        command.args(["--seed", seed, "--format", "json", "--out", &out]);
        let output = command.env("RAYON_NUM_THREADS", threads).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (std::fs::read_to_string(&out).unwrap(), report)
    };
    let (one, report) = fitted("one.json", "1", "5");
    let (four, _) = fitted("four.json", "4", "5");
    assert!(one == four, "the number of threads shows");
    let (other, _) = fitted("other.json", "2", "6");
    assert!(one != other, "another seed draws other documents");

    assert_eq!(report["vocab_size"], 600);
    assert_eq!(report["merges"], 600 - 257);
    let sampled = report["sampled_bytes"].as_u64().unwrap();
    assert!((200_000..230_000).contains(&sampled), "{report}");
    assert!(report["held_out"].as_u64().unwrap() > 10, "{report}");
    let ratio = report["bytes_per_token"][0][1].as_f64().unwrap();
    let gpt2 = report["bytes_per_token"][1][1].as_f64().unwrap();
    assert!(1.2 < ratio && ratio < gpt2 + 1.0, "{report}");

    // A run takes it; and documents of a run are taken.
    let pipeline = lab.write(
        "pipeline.toml",
        format!(
            "name = \"p\"\n[[source]]\nname = \"s\"\npath = {:?}\n[documents]\n\
             [tokens]\ntokenizer = {:?}\n",
            sample("plain/*-en.txt"),
            lab.text("one.json")
        ),
    );
    let run = lab.text("run");
    succeed(&["run", &pipeline, "--out", &run]);
    let again = lab.text("again.json");
    let text = succeed(&["fit-tokenizer", &run, "--vocab-size", "300", "--out", &again]);
    assert!(text.contains("300, by 43 merges"), "{text}");
}

#[test]
fn what_cannot_be_fitted_is_said_before_anything_is_read() {
    let lab = Lab::new();
    let out = lab.text("out.json");
    let input = sample("web/*");
    let small = fail(2, &["fit-tokenizer", &input, "--vocab-size", "200", "--out", &out]);
    assert!(small.contains("at least 257"), "{small}");
    let pattern = fail(2, &["fit-tokenizer", &input, "--pattern", "(", "--out", &out]);
    assert!(pattern.contains("none of gpt2"), "{pattern}");
    let nothing = fail(2, &["fit-tokenizer", &lab.text("none/*"), "--out", &out]);
    assert!(nothing.contains("matches no file"), "{nothing}");
    assert!(!lab.path("out.json").exists());
}

#[test]
fn a_tokenizer_of_two_files_is_named_by_its_folder_and_both_are_in_the_digest() {
    let lab = Lab::new();
    let file = root().join("data-samples/tokenizers/gpt2.json");
    let value: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let merges = value["model"]["merges"].as_array().unwrap();
    let lines: Vec<String> = merges
        .iter()
        .map(|merge| match merge.as_array() {
            Some(pair) => format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap()),
            None => merge.as_str().unwrap().to_owned(),
        })
        .collect();
    lab.write("tokenizer/vocab.json", value["model"]["vocab"].to_string());
    let pipeline = lab.write(
        "pipeline.toml",
        format!(
            "name = \"p\"\n[[source]]\nname = \"s\"\npath = {:?}\n[tokens]\ntokenizer = \"tokenizer\"\n",
            sample("plain/zen-en.txt")
        ),
    );
    let alone = fail(2, &["check", &pipeline]);
    assert!(alone.contains("merges.txt"), "{alone}");
    let explained = |merges: &[String]| {
        lab.write("tokenizer/merges.txt", merges.join("\n"));
        succeed(&["explain", &pipeline, "--format", "json"])
    };
    let all = explained(&lines);
    assert_eq!(all, explained(&lines));
    assert_ne!(all, explained(&lines[..lines.len() - 10]), "the merges are not in the digest");
    lab.write("tokenizer/vocab.json", "");
    let empty = fail(2, &["check", &pipeline]);
    assert!(empty.contains("`vocab.json` is empty"), "{empty}");
}
