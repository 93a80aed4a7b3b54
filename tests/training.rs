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

/// Starts a run and kills it (SIGKILL) when its metrics have `lines` lines.
fn kill_behind(pipeline: &str, run: &Path, lines: usize) {
    let mut child = crate::support::tamis()
        .args(["run", pipeline, "--out", run.to_str().unwrap()])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let metrics = run.join("training/metrics.jsonl");
    loop {
        let ended = child.try_wait().unwrap().is_some();
        let found = std::fs::read_to_string(&metrics).unwrap_or_default();
        if ended || found.lines().count() >= lines {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_killed_training_ends_with_the_same_bytes_over_epochs_and_two_resumes() {
    let lab = Lab::new();
    for number in 0..30_u32 {
        let words: Vec<String> =
            (0..90).map(|word| format!("{}", (number * 90 + word) * 7919 % 1000)).collect();
        lab.write(&format!("corpus/{number}.txt"), words.join(" "));
    }
    // An epoch is some 10 steps.
    let train = "preset = \"30k\"\nsteps = 40\nbatch_tokens = 256\nlearning_rate = 0.01\n\
                 eval_every = 0\ncheckpoint_every = 4\ndevice = \"cpu\"";
    let text = std::fs::read_to_string(pipeline(&lab, train)).unwrap();
    let corpus = lab.text("corpus/*.txt");
    let pipeline = lab.write("corpus.toml", text.replace(&sample("plain/*.txt"), &corpus));
    let (whole, killed) = (lab.path("whole"), lab.path("killed"));
    succeed(&["run", &pipeline, "--out", whole.to_str().unwrap()]);
    for lines in [9, 27] {
        kill_behind(&pipeline, &killed, lines);
        assert!(!killed.join("train.json").exists(), "it was killed too late");
    }
    let output = crate::support::call(&["run", &pipeline, "--out", killed.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("going on from step"));
    assert!(checkpoint(&whole, 40) == checkpoint(&killed, 40));
    let report = |run: &Path| std::fs::read_to_string(run.join("train.json")).unwrap();
    assert_eq!(report(&whole), report(&killed));
    let report: serde_json::Value = serde_json::from_str(&report(&whole)).unwrap();
    assert_eq!(report["sample_chain"].as_str().unwrap().len(), 32);
    let metrics = std::fs::read_to_string(killed.join("training/metrics.jsonl")).unwrap();
    assert_eq!(metrics.lines().count(), 40);
}

#[test]
fn the_documents_of_a_batch_are_told() {
    let lab = Lab::new();
    let text = std::fs::read_to_string(pipeline(&lab, TINY)).unwrap();
    let stage = "[[stage]]\nname = \"words\"\nop = \"length\"\n[tokens]";
    let pipeline = lab.write("signals.toml", text.replace("[tokens]", stage));
    let run = lab.path("run");
    let out = run.to_str().unwrap();
    succeed(&["run", &pipeline, "--out", out]);
    let json = succeed(&["explain-batch", out, "--step", "3", "--format", "json"]);
    let batch: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(batch["samples"], serde_json::json!([8, 11]));
    let documents = batch["documents"].as_array().unwrap();
    // Four rows of 64 tokens and the one behind them.
    let tokens: u64 = documents.iter().map(|it| it["tokens"].as_u64().unwrap()).sum();
    assert_eq!((tokens, &batch["tokens"]), (4 * 65, &serde_json::json!(4 * 65)));
    let rows: Vec<u64> = documents.iter().map(|it| it["row"].as_u64().unwrap()).collect();
    assert!(rows.is_sorted() && rows.first() == Some(&0) && rows.last() == Some(&3));
    for document in documents {
        let ledger = &document["ledger"];
        assert_eq!((&ledger["source"], &ledger["verdict"]), (&"plain".into(), &"kept".into()));
        assert!(ledger.as_object().unwrap().keys().any(|name| name.starts_with("words.")));
        let id = document["id"].as_str().unwrap();
        let query = format!("SELECT tokens FROM ledger WHERE id = '{id}'");
        let counted = succeed(&["query", out, &query, "--format", "json"]);
        assert!(counted.contains(&document["of"].to_string()), "{counted} for {document}");
    }
    let text = succeed(&["explain-batch", out, "--step", "3"]);
    assert!(text.starts_with("step 3 of 6: samples 8 to 11") && text.contains("words."), "{text}");
    let error = fail(2, &["explain-batch", out, "--step", "7"]);
    assert!(error.contains("steps 1 to 6"), "{error}");
}

#[test]
fn wrong_training_settings_are_found_before_anything_runs() {
    let lab = Lab::new();
    for (train, words) in [
        ("preset = \"30k\"\nsteps = 5\ntokens = 1000", "tokens"),
        ("preset = \"2m\"", "unknown value"),
        ("preset = \"30k\"\nlearning_rate = -1.0", "learning_rate"),
        ("presett = \"30k\"", "did you mean `preset`"),
        ("preset = \"30k\"\n[train.spikes]\nwindow = 4", "train.spikes.window"),
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

    // Another one is refused, and says why; or begins anew where that is asked for.
    let other = ["train", &pipeline, "--out", parts_text, "--set", "train.learning_rate=0.02"];
    let said = fail(65, &other);
    assert!(said.contains("train.learning_rate: 0.01 before, 0.02 now"), "{said}");
    assert!(checkpoint(&whole, 6) == checkpoint(&parts, 6), "something was changed");
    succeed(&[&other[..], &["--fresh"]].concat());
    assert!(checkpoint(&whole, 6) != checkpoint(&parts, 6));
}

#[test]
fn a_checkpoint_has_its_tokenizer_is_scored_and_writes_on() {
    let lab = Lab::new();
    let items =
        "{\"text\": \"Now is better than never\"}\n{\"text\": \"Readability counts here\"}\n";
    lab.write("items.jsonl", items);
    let task = "path = \"items.jsonl\"\nkind = \"cloze\"\n";
    let tasks = lab.write("tasks.toml", format!("[[evaluate]]\nname = \"zen\"\n{task}"));
    let train = format!("{TINY}\n[[train.evaluate]]\nname = \"zen\"\n{task}");
    let pipeline = pipeline(&lab, &train);
    let run = lab.path("run");
    let out = run.to_str().unwrap();
    let said = succeed(&["run", &pipeline, "--out", out]);
    assert!(said.contains("zen: acc "), "{said}");
    let lines = std::fs::read_to_string(run.join("training/evaluation.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let steps: Vec<_> = lines.iter().map(|line| line["step"].as_u64().unwrap()).collect();
    assert_eq!(steps, [3, 6]);
    let report = std::fs::read_to_string(run.join("train.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["evaluation"][0]["perplexity"], lines[1]["perplexity"]);

    // The command comes to the same, from the run and from the folder alone.
    let folder = run.join("checkpoints/step-00000006");
    let config = std::fs::read_to_string(folder.join("tokenizer_config.json")).unwrap();
    assert!(config.contains("<|endoftext|>") && folder.join("tokenizer.json").exists());
    for target in [out, folder.to_str().unwrap()] {
        let said = succeed(&["evaluate", target, &tasks, "--format", "json"]);
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        let [found, expected] =
            [&said["tasks"][0], &lines[1]].map(|score| score["bits_per_byte"].as_f64().unwrap());
        assert!((found - expected).abs() < 1e-4, "{found} {expected}");
    }

    let write = |seed| {
        let more = ["--max-tokens", "12", "--samples", "2", "--seed", seed];
        succeed(&[&["generate", out, "--prompt", "The"][..], &more].concat())
    };
    let text = write("3");
    assert!(text.contains("\n----\n") && text == write("3") && text != write("4"), "{text}");
    let more = ["--temperature", "0", "--max-tokens", "5", "--format", "json"];
    let json = succeed(&[&["generate", out][..], &more].concat());
    let line: serde_json::Value = serde_json::from_str(json.trim_end()).unwrap();
    assert!(line["tokens"].as_array().unwrap().len() <= 5 && line["text"].is_string());

    let error = fail(2, &["generate", out, "--step", "99"]);
    assert!(error.contains("none of step 99") && error.contains('6'), "{error}");
    assert!(fail(2, &["generate", out, "--top-p", "0"]).contains("--top-p"));
    lab.write("items.jsonl", "{\"question\": \"a b\"}\n");
    let error = fail(65, &["evaluate", out, &tasks]);
    assert!(error.contains("line 1") && error.contains("there is no `text`"), "{error}");
    std::fs::remove_file(folder.join("tokenizer.json")).unwrap();
    let error = fail(65, &["generate", folder.to_str().unwrap()]);
    assert!(error.contains("has no tokenizer.json") && error.contains("--tokenizer"), "{error}");
}

#[test]
fn conversations_are_learnt_where_the_assistant_speaks_from_the_weights_of_another_run() {
    let lab = Lab::new();
    let text = |train: &str| {
        format!(
            "name = \"t\"\nseed = 3\n[[source]]\nname = \"s\"\npath = {:?}\n\
             conversation = \"messages\"\n[tokens]\ntokenizer = {:?}\nsequence_length = 64\n\
             validation_fraction = 0.2\n[tokens.chat]\n[train]\nbatch_tokens = 256\n\
             device = \"cpu\"\n{train}\n",
            sample("chat/conversations.jsonl"),
            sample("tokenizers/chat/tokenizer.json")
        )
    };
    let (base, tuned) = (lab.text("base"), lab.text("tuned"));
    let train = lab.write("train.toml", text("preset = \"30k\"\nsteps = 40\nlearning_rate = 0.01"));
    succeed(&["run", &train, "--out", &base]);
    // Next to nothing is learnt, so what it begins with is what it ends with.
    let tune = text("from = \"base\"\nsteps = 1\nlearning_rate = 1e-6");
    let tune = lab.write("tune.toml", tune);
    succeed(&["run", &tune, "--out", &tuned]);
    let report = |run: &str| -> serde_json::Value {
        let text = std::fs::read_to_string(lab.path(run).join("train.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let loss = |run: &str| report(run)["validation_loss"].as_f64().unwrap();
    // The shape is the checkpoint's too.
    assert_eq!(report("base")["parameters"], report("tuned")["parameters"]);
    assert!(loss("base") < f64::ln(4095.0) - 0.5, "{}", report("base"));
    assert!((loss("tuned") - loss("base")).abs() < 0.01, "{}", report("tuned"));
    let plan = succeed(&["train", &tune, "--out", &tuned, "--dry-run"]).replace(',', "");
    assert!(
        plan.contains(&format!("model     {} parameters", report("base")["parameters"])),
        "{plan}"
    );
    let part = text("from = \"base\"\nlayers = 2\nsteps = 1");
    succeed(&["check", &lab.write("part.toml", part)]);
    // Its copy of the pipeline file cannot tell where `base` is.
    let said = fail(2, &["train", &tuned]);
    assert!(said.contains("relative to the pipeline file") && said.contains("--out"), "{said}");
    // Only what the assistant says is scored: fewer tokens than there are.
    let scored = report("tuned")["validation"][0]["tokens"].as_u64().unwrap();
    let text = std::fs::read_to_string(lab.path("tuned").join("tokens/dataset.json")).unwrap();
    let dataset: serde_json::Value = serde_json::from_str(&text).unwrap();
    let all = dataset["validation"]["tokens"].as_u64().unwrap();
    assert!(scored > 0 && scored * 10 < all * 9, "{scored} of {all}");

    let other = std::fs::read_to_string(lab.path("tune.toml")).unwrap();
    let other = lab.write("other.toml", other.replace("from", "preset = \"100k\"\nfrom"));
    let said = fail(65, &["run", &other, "--out", &tuned, "--fresh"]);
    assert!(said.contains("asks for"), "{said}");
}
