//! `tamis fit`, `tamis plan-compute`, `tamis scale`.

use serde_json::Value;

use crate::support::{Lab, fail, sample, succeed};

fn json(arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.extend(["--format", "json"]);
    serde_json::from_str(&succeed(&all)).unwrap()
}

#[test]
fn published_trainings_are_fitted_and_the_law_plans_a_budget() {
    let lab = Lab::new();
    let (runs, out) = (sample("scaling/chinchilla.csv"), lab.text("out"));
    let quick = ["--starts", "20", "--draws", "20"];
    let found = json(
        &[
            &["fit", &runs, "--where", "loss < 3.446995", "--flops", "5.76e23", "--out", &out],
            &quick[..],
        ]
        .concat(),
    );
    let recipe = &found["evaluations"][0]["recipes"][0];
    assert_eq!(recipe["fit"]["runs"], 240);
    let alpha = recipe["fit"]["law"]["alpha"].as_f64().unwrap();
    assert!((alpha - 0.3473).abs() < 3e-4, "{alpha}");
    let held = recipe["held_out"]["error"].as_f64().unwrap();
    assert!(held.abs() < 0.03, "{held}");
    for file in ["scale.json", "scale.html", "curves.svg", "surface.svg", "residuals.svg"] {
        let text = std::fs::read_to_string(lab.path("out").join(file)).unwrap();
        assert!(text.len() > 1_000 && !text.contains("NaN"), "{file}");
    }
    let law = lab.text("out/scale.json");
    let plan = json(&[
        "plan-compute",
        "--gpus",
        "64",
        "--days",
        "7",
        "--available",
        "1e11",
        "--fit",
        &law,
    ]);
    assert!((plan["flops"].as_f64().unwrap() / 1.5313e22 - 1.0).abs() < 1e-3);
    assert_eq!(plan["laws"][4]["law"], "own fit");
    let text = succeed(&["plan-compute", "--flops", "1e21"]);
    assert!(text.contains("Kaplan et al. 2020") && text.contains("Step Law"), "{text}");
}

#[test]
fn recipes_are_compared_and_predictions_settled() {
    let lab = Lab::new();
    let (runs, file) = (sample("scaling/mlfoundations.csv"), lab.text("predictions.json"));
    let small = "params < 1e9 AND evaluation LIKE 'c4_val%'";
    let ask = [
        "fit",
        &runs,
        "--where",
        small,
        "--at",
        "6889410560:137788211200",
        "--starts",
        "20",
        "--draws",
        "60",
        "--predict",
        &file,
        "--date",
        "2026-11-29",
    ];
    let text = succeed(&ask);
    assert!(text.contains("rpj or rw_original: undecided"), "{text}");
    assert!(text.contains("ranking at the largest common size: "), "{text}");
    assert!(text.contains("16.7 times the parameters of the largest run"), "{text}");
    assert!(fail(2, &ask).contains("predictions are not overwritten"));
    let all = "evaluation LIKE 'c4_val%'";
    let settled = json(&["fit", &runs, "--where", all, "--check", &file]);
    assert_eq!(settled["same_runs"], true);
    for outcome in settled["outcomes"].as_array().unwrap() {
        assert!(outcome["error"].as_f64().unwrap().abs() < 0.1, "{outcome}");
    }
    assert!(settled["verdicts"].as_array().unwrap().iter().all(|v| v["right"] != false));
}

#[test]
fn what_does_not_fit_is_said_with_the_next_step() {
    let lab = Lab::new();
    let runs = lab.write("runs.csv", "n,tokens,loss\n1e6,1e7,4\n1e6,2e7,nan\n");
    let good = ["fit", &runs, "--params-column", "n"];
    for (arguments, said) in [
        (vec!["fit", &runs], "no column `params` for the parameters (there are: n, tokens, loss)"),
        (good.to_vec(), "needs at least 3 sizes, 3 token counts and 6 configurations"),
        ([&good[..], &["--where", "tokns > 1"]].concat(), "tokns"),
        ([&good[..], &["--where", "tokens + 1"]].concat(), "not true or false"),
        ([&good[..], &["--where", "loss > 9"]].concat(), "check the columns and --where"),
        ([&good[..], &["--at", "13B"]].concat(), "such as 13e9:5e12"),
        ([&good[..], &["--pool", "a=5"]].concat(), "no run has the recipe `a`"),
        (vec!["plan-compute", "--flops=-1"], "--flops -1: give a number above 0"),
        (vec!["plan-compute", "--gpus", "8", "--days", "1", "--gpu", "h1000"], "known are v100"),
        (vec!["plan-compute", "--flops", "1e21", "--fit", &runs], "neither a scale.json"),
    ] {
        let found = fail(2, &arguments);
        assert!(found.contains(said), "{arguments:?}: {found}");
    }
}

#[test]
fn a_ladder_is_planned() {
    let lab = Lab::new();
    let file = lab.write(
        "ladder.toml",
        "name = \"does-cleaning-pay\"\n[[recipe]]\nname = \"all\"\npipeline = \"raw.toml\"\n\
         [[recipe]]\nname = \"curated\"\npipeline = \"curated.toml\"\n[ladder]\n\
         params = [3e4, 6e4, 1.2e5, 2.4e5]\nlearning_rates = [0.33, 1, 3]\n[target]\nflops = 1e17\n\
         [evaluation]\nsets = [\"held-out/*.jsonl\"]\n",
    );
    let plan = json(&["scale", &file, "--dry-run"]);
    assert_eq!(plan["trainings"].as_array().unwrap().len(), 40);
    let text = succeed(&["scale", &file, "--dry-run"]);
    assert!(text.contains("40 trainings") && text.contains("target 1e17 operations"), "{text}");
    let untrained = fail(2, &["scale", &file, "--out", &lab.text("out")]);
    // With libtorch it goes on to the recipes.
    let wanted = if cfg!(feature = "train") { "raw.toml" } else { "--dry-run" };
    assert!(untrained.contains(wanted), "{untrained}");
}
