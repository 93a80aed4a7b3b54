//! The end of a run: training on its shards.

use std::path::Path;

use crate::support::{Lab, fail, sample, succeed};

fn pipeline(lab: &Lab, train: &str) -> String {
    let text = format!(
        "name = \"t\"\nseed = 3\n[[source]]\nname = \"plain\"\npath = {:?}\n\
         [tokens]\ntokenizer = {:?}\nsequence_length = 64\nvalidation_fraction = 0.3\n\
         [train]\n{train}\n",
        sample("plain/*.txt"),
        sample("tokenizers/gpt2.json"),
    );
    lab.write("p.toml", text)
}

const TINY: &str = "preset = \"30k\"\nsteps = 6\nbatch_tokens = 256\nlearning_rate = 0.01\neval_every = 3\ncheckpoint_every = 2\ndevice = \"cpu\"";

fn checkpoint(run: &Path, step: u32) -> Vec<u8> {
    std::fs::read(run.join(format!("checkpoints/step-{step:08}/model.safetensors"))).unwrap()
}

#[test]
fn a_run_ends_with_a_checkpoint_and_both_losses_and_resumes_to_the_same_bytes() {
    let lab = Lab::new();
    let pipeline = pipeline(&lab, TINY);
    let (whole, parts) = (lab.path("whole"), lab.path("parts"));
    let text = succeed(&["run", &pipeline, "--out", whole.to_str().unwrap()]);
    assert!(text.contains("validation loss") && text.contains("unigram"), "{text}");
    let report = std::fs::read_to_string(whole.join("train.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["steps"], 6);
    assert!(report["validation_loss"].as_f64().unwrap() > 0.0);
    assert!(report["unigram_loss"].as_f64().unwrap() > 0.0);
    let config =
        std::fs::read_to_string(whole.join("checkpoints/step-00000006/config.json")).unwrap();
    assert!(config.contains("LlamaForCausalLM"));

    // Cut off behind step 4: the last checkpoint and its report are gone.
    succeed(&["run", &pipeline, "--out", parts.to_str().unwrap()]);
    std::fs::remove_dir_all(parts.join("checkpoints/step-00000006")).unwrap();
    std::fs::remove_file(parts.join("train.json")).unwrap();
    let output = crate::support::call(&["run", &pipeline, "--out", parts.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("going on from step 4"));
    assert!(
        checkpoint(&whole, 6) == checkpoint(&parts, 6),
        "a resumed training ends with other weights"
    );
    assert_eq!(
        std::fs::read(whole.join("train.json")).unwrap(),
        std::fs::read(parts.join("train.json")).unwrap()
    );
}

#[test]
fn wrong_training_settings_are_found_before_anything_runs() {
    let lab = Lab::new();
    for (train, words) in [
        ("preset = \"30k\"\nsteps = 5\ntokens = 1000", "tokens"),
        ("preset = \"2m\"", "unknown value"),
        ("preset = \"30k\"\nlearning_rate = -1.0", "learning_rate"),
        ("presett = \"30k\"", "did you mean `preset`"),
    ] {
        let pipeline = pipeline(&lab, train);
        let stderr = fail(2, &["check", &pipeline]);
        assert!(stderr.contains(words), "{train}:\n{stderr}");
    }
}

#[test]
fn presets_are_listed_with_what_they_take() {
    let table = succeed(&["train", "--list-presets", "--sequence-length", "256"]);
    let row = |name: &str| {
        let mut rows = table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
        rows.find(|row| row[0] == name).unwrap()
    };
    assert_eq!(row("1m")[1..6], ["5", "128", "4", "13,870,720", "1,004,928"]);
    assert_eq!(row("1b")[5], "1,008,027,648");
}

#[test]
fn train_alone_does_what_run_does_and_first_tells_what_it_takes() {
    let lab = Lab::new();
    let pipeline = pipeline(&lab, TINY);
    let (whole, parts) = (lab.path("whole"), lab.path("parts"));
    let [whole_text, parts_text] = [&whole, &parts].map(|path| path.to_str().unwrap());
    succeed(&["run", &pipeline, "--out", whole_text]);
    succeed(&["run", &pipeline, "--out", parts_text, "--until", "tokens"]);

    let told = succeed(&["train", parts_text, "--dry-run"]);
    assert!(told.contains("6 steps of 256 tokens (4 sequences of 64): 1,536 tokens"), "{told}");
    assert!(!parts.join("checkpoints").exists());
    let said = succeed(&["train", parts_text]);
    assert!(said.contains("validation loss"), "{said}");
    assert!(checkpoint(&whole, 6) == checkpoint(&parts, 6), "other weights");
    // By the pipeline file it is the same training, which has ended.
    succeed(&["train", &pipeline, "--out", parts_text]);
    assert!(fail(2, &["train", parts_text, "--set", "train.steps=7"]).contains("pipeline file"));
}
