//! Items and their faults; scores against lm-evaluation-harness (`tests/golden/evaluate/make.py`).

use std::collections::BTreeMap;

use super::item::{self, Item};
use super::score;
use super::*;
use crate::config::train::{DeviceChoice, EvaluateConfig};
use crate::store::Store;
use crate::tokens::tokenizer::Tokenizer;
use crate::train::generate::{Sampling, generate};
use crate::train::{Loaded, TrainError};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/evaluate");

/// A task of a file with these lines.
fn config(lines: &str, toml: &str) -> (tempfile::TempDir, EvaluateConfig) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("items.jsonl"), lines).unwrap();
    let toml = format!("name = \"t\"\npath = \"items.jsonl\"\n{toml}");
    let mut config: EvaluateConfig = toml::from_str(&toml).unwrap();
    config.resolve_paths(folder.path());
    (folder, config)
}

fn items(lines: &str, toml: &str) -> Result<Vec<Item>, EvaluationError> {
    item::read(&config(lines, toml).1)
}

#[test]
fn the_usual_forms_become_prompts() {
    // HellaSwag: a context and its endings.
    let hellaswag = "{\"ctx\": \"He sits.\", \"endings\": [\"A\", \"B b\"], \"label\": \"1\"}";
    let toml =
        "kind = \"multiple-choice\"\ncontext = \"ctx\"\nchoices = \"endings\"\nanswer = \"label\"";
    let found = &items(hellaswag, toml).unwrap()[0];
    assert_eq!((&found.context[..], &found.choices[1][..], found.answer), ("He sits.", "B b", 1));

    // ARC: labels beside the texts.
    let arc = "{\"question\": \"Why?\", \"choices\": {\"text\": [\"x\", \"y\"], \"label\": [\"1\", \"2\"]}, \
               \"answerKey\": \"2\"}";
    let toml = "kind = \"multiple-choice\"\nprompt = \"Question: {{question}}\\nAnswer:\"\n\
                choices = \"choices.text\"\nanswer = \"answerKey\"\nanswer_labels = \"choices.label\"";
    let found = &items(arc, toml).unwrap()[0];
    assert_eq!((&found.context[..], found.answer), ("Question: Why?\nAnswer:", 1));

    // MMLU: letters, and the examples of the item's own subject.
    let mmlu = "{\"subject\": \"a\", \"question\": \" q1 \", \"choices\": [\"0\", \"4\"], \"answer\": 1}\n\
                {\"subject\": \"b\", \"question\": \"q2\", \"choices\": [\"0\", \"4\"], \"answer\": 0}\n\
                {\"subject\": \"a\", \"question\": \"q3\", \"choices\": [\"0\", \"4\"], \"answer\": \"B\"}\n\
                {\"subject\": \"b\", \"question\": \"q4\", \"choices\": [\"0\", \"4\"], \"answer\": \"A\"}";
    let toml = "kind = \"multiple-choice\"\nletters = [\"A\", \"B\", \"C\", \"D\"]\nfew_shot = 1\n\
                few_shot_by = \"subject\"\ndescription = \"About {{subject}}.\\n\\n\"\n\
                prompt = \"{{question.strip()}}\\nA. {{choices[0]}}\\nB. {{choices[1]}}\\nAnswer:\"";
    let found = items(mmlu, toml).unwrap();
    assert_eq!(
        found[0].context,
        "About a.\n\nq3\nA. 0\nB. 4\nAnswer: B\n\nq1\nA. 0\nB. 4\nAnswer:"
    );
    assert_eq!(
        found[2].context,
        "About a.\n\nq1\nA. 0\nB. 4\nAnswer: B\n\nq3\nA. 0\nB. 4\nAnswer:"
    );
    assert_eq!((found[2].choices.len(), found[2].answer), (4, 1));

    // LAMBADA: the last word.
    let found = &items("{\"text\": \"she saw the end\"}", "kind = \"cloze\"").unwrap()[0];
    assert_eq!((&found.context[..], &found.choices[0][..]), ("she saw the", "end"));
}

#[test]
fn faults_of_items_are_named_with_their_line() {
    let choice = "kind = \"multiple-choice\"";
    for (lines, toml, words) in [
        (
            "\n{\"q\": \"a\", \"choices\": [\"x\", \"y\"], \"answer\": 0}",
            choice,
            "line 2: there is no `question`; its keys are",
        ),
        (
            "{\"question\": \"a\", \"choices\": [], \"answer\": 0}",
            choice,
            "`choices` has 0 choices",
        ),
        (
            "{\"question\": \"a\", \"choices\": [\"x\", \"\"], \"answer\": 0}",
            choice,
            "choice 1 is empty",
        ),
        (
            "{\"question\": \"a\", \"choices\": [\"x\", \"y\"], \"answer\": 2}",
            choice,
            "`answer` is 2, and there are 2 choices",
        ),
        (
            "{\"question\": \"a\", \"choices\": [\"x\", \"y\"], \"answer\": \"z\"}",
            choice,
            "no number, letter or text",
        ),
        (
            "{\"question\": \"a\", \"choices\": [\"x\", \"y\"], \"answer\": -1}",
            choice,
            "no number, letter or text",
        ),
        (
            "{\"question\": \"a\", \"choices\": \"x\", \"answer\": 0}",
            choice,
            "`choices` is no list",
        ),
        (
            "{\"question\": 3, \"choices\": [\"x\", \"y\"], \"answer\": 0}",
            choice,
            "`question` is no text",
        ),
        ("{\"question\"", choice, "line 1: it is no JSON"),
        ("", choice, "has no items"),
        ("{\"text\": \"word\"}", "kind = \"cloze\"", "has one word"),
        (
            "{\"text\": \"a b\"}",
            "kind = \"cloze\"\nfew_shot = 1",
            "0 examples for it, 1 are wanted",
        ),
        ("{\"text\": \"a b\"}", "kind = \"cloze\"\nprompt = \"{{missing.part}}\"", "`prompt`: "),
        ("{\"text\": \"a b\"}", "kind = \"cloze\"\nprompt = \"{{\"", "no template"),
    ] {
        let error = items(lines, toml).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("task `t`"), "{error}");
    }
}

/// What the harness said, and `transformers`.
#[derive(Deserialize)]
struct Expected {
    tasks: BTreeMap<String, ExpectedTask>,
    /// Prompts and the ids that `generate(do_sample=False)` puts behind them.
    greedy: Vec<(Vec<u32>, Vec<u32>)>,
}

#[derive(Deserialize)]
struct ExpectedTask {
    scores: BTreeMap<String, f64>,
    items: Vec<ExpectedItem>,
}

#[derive(Deserialize)]
struct ExpectedItem {
    log_likelihoods: Vec<f64>,
    greedy: Vec<bool>,
}

#[derive(Deserialize)]
struct Tasks {
    evaluate: Vec<EvaluateConfig>,
}

fn golden() -> (Loaded, Tokenizer, Expected, Vec<Task>) {
    tch::set_num_threads(1);
    let store = Store::open_existing(format!("{GOLDEN}/model")).unwrap();
    let loaded = Loaded::open(&store, "", DeviceChoice::Cpu).unwrap();
    let tokenizer =
        Tokenizer::from_bytes("tokenizer.json", &loaded.tokenizer(&store).unwrap().unwrap())
            .unwrap();
    let expected = std::fs::read(format!("{GOLDEN}/expected.json")).unwrap();
    let expected = serde_json::from_slice(&expected).unwrap();
    let tasks = std::fs::read_to_string(format!("{GOLDEN}/tasks.toml")).unwrap();
    let mut tasks: Tasks = toml::from_str(&tasks).unwrap();
    let length = loaded.settings.sequence_length as usize;
    let begin = loaded.begin.unwrap();
    let tasks = tasks.evaluate.iter_mut().map(|config| {
        config.resolve_paths(GOLDEN.as_ref());
        Task::load(config, &tokenizer, begin, length).unwrap()
    });
    let tasks = tasks.collect();
    (loaded, tokenizer, expected, tasks)
}

#[test]
fn each_item_has_the_log_likelihood_of_lm_evaluation_harness() {
    let (loaded, _, expected, tasks) = golden();
    assert_eq!(expected.tasks.len(), tasks.len());
    for task in &tasks {
        let (score, items) = loaded.score(task).unwrap();
        let expected = &expected.tasks[&score.task];
        assert_eq!(items.len(), expected.items.len());
        for (item, expected) in items.iter().zip(&expected.items) {
            let what = format!("{} line {}", item.task, item.line);
            for (found, expected) in item.log_likelihoods.iter().zip(&expected.log_likelihoods) {
                let off = (found - expected).abs();
                assert!(off < 1e-4_f64.max(1e-5 * expected.abs()), "{what}: {found}, {expected}");
            }
            assert_eq!(item.greedy, expected.greedy, "{what}");
        }
        let found = [
            ("acc", Some(score.acc)),
            ("acc_norm", score.acc_norm),
            ("acc_bytes", score.acc_bytes),
            ("perplexity", score.perplexity),
        ];
        for (name, value) in found {
            if let Some(expected) = expected.scores.get(name) {
                let value = value.unwrap();
                let off = (value - expected).abs() / expected.max(1.0);
                assert!(off < 1e-5, "{} {name}: {value}, {expected}", score.task);
            }
        }
    }
}

#[test]
fn scores_do_not_depend_on_what_is_computed_together() {
    let (loaded, _, _, tasks) = golden();
    for task in &tasks {
        let alone = score::score(&loaded.model, task.requests(), 1).unwrap();
        let together = score::score(&loaded.model, task.requests(), 1 << 20).unwrap();
        for (alone, together) in alone.iter().zip(&together) {
            assert!((alone.log_likelihood - together.log_likelihood).abs() < 1e-4);
            assert_eq!(alone.greedy, together.greedy);
        }
        let again = score::score(&loaded.model, task.requests(), 1 << 20).unwrap();
        assert_eq!(together, again);
    }
}

fn write(
    loaded: &Loaded,
    prompt: &[u32],
    sampling: Sampling,
    sample: u64,
    most: usize,
) -> Vec<u32> {
    let mut ids = Vec::new();
    let ended =
        generate::<TrainError>(loaded, prompt, &sampling, sample, most, loaded.end, &mut |id| {
            ids.push(id);
            Ok(())
        });
    if ended.unwrap() {
        ids.extend(loaded.end);
    }
    ids
}

#[test]
fn greedy_texts_are_those_of_transformers_and_drawn_ones_follow_their_seed() {
    let (loaded, tokenizer, expected, _) = golden();
    let greedy = Sampling { temperature: 0.0, top_k: 0, top_p: 1.0, seed: 0 };
    for (prompt, expected) in &expected.greedy {
        assert_eq!(&write(&loaded, prompt, greedy, 0, expected.len()), expected);
    }
    let prompt = &expected.greedy[0].0;
    let drawn = |seed, sample| {
        write(&loaded, prompt, Sampling { temperature: 1.0, seed, ..greedy }, sample, 40)
    };
    assert_eq!(drawn(1, 0), drawn(1, 0));
    assert!(drawn(1, 0) != drawn(2, 0) && drawn(1, 0) != drawn(1, 1));
    // Longer than the model's sequence.
    let long = write(&loaded, prompt, Sampling { top_k: 5, temperature: 1.0, ..greedy }, 0, 300);
    assert!(long.len() == 300 || long.last().copied() == loaded.end);
    assert!(tokenizer.decode(&long).is_ok());
}
