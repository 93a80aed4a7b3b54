//! `tamis scale`: from pipelines to a verdict.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::support::{Lab, call, fail, sample, succeed};

const SIZES: [u32; 4] = [4_000, 8_000, 13_400, 27_800];

/// Four recipes of the sample pages (one of them a copy with other seeds) on four sizes, held against a novel and a page
/// of the pool itself.
fn ladder(lab: &Lab, more: &str) -> String {
    let source =
        format!("[[source]]\nname = \"web\"\npath = {:?}\n", sample("web/part-0.jsonl.gz"));
    let recipe = |name: &str, stages: &str| {
        lab.write(
            &format!("{name}.toml"),
            format!("name = \"{name}\"\nseed = 3\n{source}{stages}"),
        );
    };
    recipe("all", "");
    let english = "[[stage]]\nop = \"language\"\nkeep = [\"en\"]\nmin_score = 0.65\n";
    recipe("english", english);
    recipe("good", &format!("{english}[[stage]]\nop = \"gopher-quality\"\n"));
    let novel = std::fs::read_to_string(sample("plain/alice-en.txt")).unwrap();
    let mut texts: String = novel
        .split("\n\n")
        .filter(|part| part.len() > 200)
        .map(|part| serde_json::json!({ "text": part }).to_string() + "\n")
        .collect();
    // And a page that all recipes keep.
    let run = lab.text("probe");
    succeed(&["run", &lab.text("good.toml"), "--out", &run]);
    let sql = "SELECT text FROM documents ORDER BY id LIMIT 1";
    let page = succeed(&["query", &run, sql, "--format", "json"]);
    texts.push_str(&page);
    lab.write("novel.jsonl", texts);
    let recipes = [("all", "all", 0), ("english", "english", 0), ("good", "good", 0)];
    let recipes: Vec<String> = recipes
        .iter()
        .chain(&[("all again", "all", 50)])
        .map(|(name, recipe, seed)| {
            format!("[[recipe]]\nname = \"{name}\"\npipeline = \"{recipe}.toml\"\nseed = {seed}\n")
        })
        .collect();
    let recipes = recipes.concat();
    lab.write(
        "ladder.toml",
        format!(
            "name = \"lab\"\nseed = 1\n{recipes}[ladder]\nparams = {SIZES:?}\n\
             tokens_per_param = [2, 4]\nlearning_rates = [0.1]\nseeds = 2\nvocabulary = 512\nsequence_length = 32\n\
             batch_tokens = 512\n[target]\nflops = 1e10\n[evaluation]\nsets = [\"novel.jsonl\"]\n\
             {more}"
        ),
    )
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The results of the trainings below a folder, by digest.
fn results(out: &Path) -> BTreeSet<(String, Vec<u8>)> {
    std::fs::read_dir(out.join("trainings"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| {
            let mut result = json(&path.join("result.json"));
            result.as_object_mut().unwrap().remove("seconds");
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, result.to_string().into_bytes())
        })
        .collect()
}

#[test]
fn a_ladder_is_trained_once_and_judged_and_goes_on_after_a_kill() {
    let lab = Lab::new();
    let ablate = "[[ablate]]\nrecipe = \"good\"\nstages = [\"gopher-quality\"]\nparams = 8000\n";
    let file = ladder(&lab, ablate);
    let (whole, parts) = (lab.path("whole"), lab.path("parts"));
    let said = succeed(&["scale", &file, "--out", whole.to_str().unwrap(), "--threads", "2"]);
    for part in ["in the same order", "predicted", "left out", "chance in its place", "trainings"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let report = json(&whole.join("lab.json"));
    assert_eq!(report["paired"]["orders"].as_array().unwrap().len(), 3);
    let hashes: BTreeSet<String> = report["paired"]["orders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|order| order[1].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(hashes.len(), 1, "recipes visit what they share in the same order");
    // The page of the pool was found in it, and nothing of the novel.
    assert_eq!(report["sets"][0]["contaminated"], 1, "{}", report["sets"]);
    let kept: Vec<u64> =
        (0..4).map(|at| report["recipes"][at]["tokens"].as_u64().unwrap()).collect();
    assert!(kept[0] > kept[1] && kept[1] > kept[2] && kept[0] == kept[3], "{kept:?}");
    // Four recipes on four sizes with two seeds, and variants on one size: without the stage, which
    // is `english`; nothing at all, which is `all`; the stage alone; chance in its place.
    let done = results(&whole);
    assert_eq!(report["trainings"], done.len());
    assert_eq!(done.len(), 4 * 4 * 2 + 2 * 2, "equal trainings are done once");
    assert_eq!(report["ablations"].as_array().unwrap().len(), 4);
    let table = std::fs::read_to_string(whole.join("runs.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + (4 * 4 * 2 + 4 * 2) * 2);
    let predictions = json(&whole.join("predictions.json"));
    assert_eq!(predictions["runs"], 4 * 3 * 2 * 2);
    assert!(predictions["largest_params"].as_f64().unwrap() < 20_000.0);
    assert!(report["settled"]["same_runs"].as_bool().unwrap());
    let outcomes = report["settled"]["outcomes"].as_array().unwrap();
    let measured = outcomes.iter().filter(|outcome| outcome["measured"].is_number()).count();
    assert_eq!(measured, 4 * 2, "each recipe's largest size at each number of tokens");

    // `english` and `good` begin alike, so that is done once; their shards are those that each would
    // have alone.
    assert!(whole.join("shared").is_dir());
    let alone = format!(
        "{}[tokens]\ntokenizer = {:?}\nsequence_length = 32\nvalidation_fraction = 0.0\n\
         end_of_document = \"<|endoftext|>\"\n",
        std::fs::read_to_string(lab.path("good.toml")).unwrap(),
        whole.join("tokenizer.json")
    );
    let alone = lab.write("alone.toml", alone);
    succeed(&["run", &alone, "--out", &lab.text("alone")]);
    let of = |run: &Path, file: &str| std::fs::read(run.join("tokens").join(file)).unwrap();
    for file in ["train_00000.bin", "train_00000.idx"] {
        assert!(of(&whole.join("recipes/good"), file) == of(&lab.path("alone"), file), "{file}");
    }

    // Again: nothing is trained, and the files are the same.
    let again = call(&["scale", &file, "--out", whole.to_str().unwrap()]);
    assert!(again.status.success());
    assert_eq!(results(&whole), done);
    assert_eq!(std::fs::read_to_string(whole.join("runs.csv")).unwrap(), table);

    // Killed on the way, and gone on with by other workers.
    let mut child = crate::support::tamis()
        .args(["scale", &file, "--out", parts.to_str().unwrap(), "--threads", "1"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let some = |out: &Path| {
        let entries = std::fs::read_dir(out.join("trainings")).into_iter().flatten();
        entries.flatten().filter(|entry| entry.path().join("result.json").exists()).count()
    };
    while some(&parts) < 3 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(some(&parts) < done.len());
    let mut helper = crate::support::tamis()
        .args(["scale", "--worker", "--out", parts.to_str().unwrap()])
        .spawn()
        .unwrap();
    succeed(&["scale", &file, "--out", parts.to_str().unwrap(), "--threads", "1"]);
    assert!(helper.wait().unwrap().success(), "a worker ends with the ladder");
    assert_eq!(results(&parts), done, "the same losses, whoever trains");
    assert_eq!(std::fs::read_to_string(parts.join("runs.csv")).unwrap(), table);
}

#[test]
fn ladders_that_cannot_be_are_told_before_anything_is_trained() {
    let lab = Lab::new();
    let file = ladder(&lab, "");
    let text = std::fs::read_to_string(&file).unwrap();
    let said = |from: &str, to: &str| {
        let file = lab.write("bad.toml", text.replacen(from, to, 1));
        fail(2, &["scale", &file, "--out", &lab.text("bad")])
    };
    let nowhere = said("\"good.toml\"", "\"nowhere.toml\"");
    assert!(nowhere.contains("nowhere.toml"), "{nowhere}");
    let sets = said("novel.jsonl", "none.jsonl");
    assert!(sets.contains("matches no file"), "{sets}");
    let novel = std::fs::read_to_string(lab.path("novel.jsonl")).unwrap();
    lab.write("page.jsonl", novel.lines().next_back().unwrap());
    let sets = said("novel.jsonl", "page.jsonl");
    assert!(sets.contains("stand in what a recipe keeps"), "{sets}");
    let stage = said("[target]", "[[ablate]]\nrecipe = \"good\"\nstages = [\"no\"]\n[target]");
    assert!(stage.contains("has no stage `no`"), "{stage}");
    let empty = "name = \"good\"\n[[source]]\nname = \"web\"\npath = \"novel.jsonl\"\n\
                 [[stage]]\nop = \"sample\"\nfraction = 0.0\n";
    lab.write("good.toml", empty);
    let nothing = said("flops", "flops");
    assert!(nothing.contains("keeps none of"), "{nothing}");
    let worker = fail(2, &["scale", "--worker"]);
    assert!(worker.contains("--out"), "{worker}");
}
