//! What a budget should be spent on, by published laws and by one's own.

use serde::{Deserialize, Serialize};

use super::ScaleError;
use super::law::{FLOPS_PER_PARAM_TOKEN, Law, Repetition};

/// Repetitions of a text up to which it is nearly as good as fresh text
/// (<https://arxiv.org/abs/2305.16264>).
pub const GOOD_EPOCHS: f64 = 4.0;

const PAPER: Repetition = Repetition { tokens: 15.387_756, params: 5.309_743, fitted: false };

/// Approach 3 of Hoffmann et al., unrounded, as the sources of <https://arxiv.org/abs/2203.15556>
/// have it.
pub const HOFFMANN: Law =
    Law { e: 1.69, a: 406.4, b: 410.7, alpha: 0.339_17, beta: 0.284_91, repetition: PAPER };
/// Epoch's fit to the same trainings (<https://arxiv.org/abs/2404.10102>).
pub const EPOCH: Law =
    Law { e: 1.8172, a: 482.01, b: 2_085.43, alpha: 0.3478, beta: 0.3658, repetition: PAPER };

/// Dense operations a second of an accelerator in 16 bits, as its maker states them.
pub const ACCELERATORS: [(&str, f64); 6] = [
    ("v100", 1.25e14),
    ("a100", 3.12e14),
    ("h100", 9.89e14),
    ("h200", 9.89e14),
    ("mi300x", 1.307e15),
    ("b200", 2.25e15),
];

/// One law's answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Advice {
    /// Whose law.
    pub law: String,
    /// N.
    pub params: f64,
    /// D, repetitions counted.
    pub tokens: f64,
    /// The loss it expects; of Kaplan's and of a mere ratio, none.
    pub loss: Option<f64>,
    /// How often the text that there is would be read.
    pub epochs: Option<f64>,
    /// Tokens a step and peak learning rate.
    pub settings: Vec<Settings>,
}

/// Batch and learning rate by one rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Settings {
    /// Whose rule.
    pub rule: &'static str,
    /// Tokens a step.
    pub batch_tokens: f64,
    /// Peak learning rate.
    pub learning_rate: f64,
}

/// A law that the user gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// Recipe and evaluation.
    pub name: String,
    /// The law.
    pub law: Law,
    /// The largest N it was fitted to, where that is known.
    pub largest: Option<f64>,
}

/// Operations of `gpus` accelerators over `days` days at a share of what they could do.
#[must_use]
pub fn budget(peak: f64, gpus: f64, days: f64, utilisation: f64) -> f64 {
    peak * gpus * days * 86_400.0 * utilisation
}

/// What each law spends `flops` on, where `available` different tokens are there.
#[must_use]
pub fn advise(flops: f64, available: Option<f64>, own: &[Given]) -> Vec<Advice> {
    let product = flops / FLOPS_PER_PARAM_TOKEN;
    let advice = |name: &str, params: f64, tokens: f64, loss: Option<f64>| Advice {
        law: name.to_owned(),
        params,
        tokens,
        loss,
        epochs: available.map(|available| tokens / available),
        settings: settings(flops, params, tokens),
    };
    // Kaplan et al., table 6 of <https://arxiv.org/abs/2001.08361>: N = 1.3e9 · C^0.73 with C in
    // petaflop/s-days. N is without embeddings. What is left of the budget are tokens.
    let kaplan = 1.3e9 * libm::pow(flops / 8.64e19, 0.73);
    let ratio = libm::sqrt(product / 20.0);
    let mut all = vec![
        advice("Kaplan et al. 2020", kaplan, product / kaplan, None),
        advice("20 tokens a parameter", ratio, 20.0 * ratio, None),
    ];
    let published =
        [("Hoffmann et al. 2022, approach 3", HOFFMANN), ("Epoch AI 2024, re-fit", EPOCH)];
    let published = published.map(|(name, law)| (name.to_owned(), law));
    let own = own.iter().map(|given| (given.name.clone(), given.law));
    for (name, law) in published.into_iter().chain(own) {
        let best = law.optimum(flops, available);
        all.push(advice(&name, best.params, best.tokens, Some(best.loss)));
    }
    all
}

/// Batch and learning rate by published rules.
fn settings(flops: f64, params: f64, tokens: f64) -> Vec<Settings> {
    let of_ladder = params / 108e6;
    vec![
        // OLMo's ladder (<https://arxiv.org/abs/2412.04403>), as `[train]` has it.
        Settings {
            rule: "OLMo's ladder",
            batch_tokens: 327_680.0 * libm::pow(of_ladder, 2.0 / 3.0),
            learning_rate: 0.002_35 * libm::pow(of_ladder, -1.0 / 3.0),
        },
        // DeepSeek LLM (<https://arxiv.org/abs/2401.02954>), equation 1.
        Settings {
            rule: "DeepSeek LLM",
            batch_tokens: 0.292 * libm::pow(flops, 0.3271),
            learning_rate: 0.3118 * libm::pow(flops, -0.125),
        },
        // Step Law (<https://arxiv.org/abs/2503.04715>).
        Settings {
            rule: "Step Law",
            batch_tokens: 0.58 * libm::pow(tokens, 0.571),
            learning_rate: 1.79 * libm::pow(params, -0.713) * libm::pow(tokens, 0.307),
        },
    ]
}

/// The part of `scale.json` that is read.
#[derive(Deserialize)]
struct File {
    evaluations: Vec<OfEvaluation>,
}

#[derive(Deserialize)]
struct OfEvaluation {
    evaluation: String,
    recipes: Vec<OfRecipe>,
}

#[derive(Deserialize)]
struct OfRecipe {
    recipe: String,
    fit: OfFit,
    #[serde(default)]
    runs: Vec<OfRun>,
}

#[derive(Deserialize)]
struct OfFit {
    law: Law,
}

#[derive(Deserialize)]
struct OfRun {
    params: f64,
}

/// The laws in a `scale.json`, or the one of a file `{"E": …, "A": …, "B": …, "alpha": …,
/// "beta": …}`.
///
/// # Errors
/// When it is neither.
pub fn laws(text: &str) -> Result<Vec<Given>, ScaleError> {
    if let Ok(law) = serde_json::from_str::<Law>(text) {
        return sound(vec![Given { name: "own law".to_owned(), law, largest: None }]);
    }
    let file: File = serde_json::from_str(text).map_err(|error| {
        ScaleError::Setting(format!(
            "neither a scale.json of `tamis fit` nor an object of E, A, B, alpha and beta: {error}"
        ))
    })?;
    let mut laws = Vec::new();
    for OfEvaluation { evaluation, recipes } in file.evaluations {
        for OfRecipe { recipe, fit, runs } in recipes {
            let parts: Vec<&str> = [recipe.as_str(), evaluation.as_str()]
                .into_iter()
                .filter(|p| !p.is_empty())
                .collect();
            let name = if parts.is_empty() { "own fit".to_owned() } else { parts.join(" on ") };
            let largest = runs.iter().map(|run| run.params).fold(0.0, f64::max);
            let largest = (largest > 0.0).then_some(largest);
            laws.push(Given { name, law: fit.law, largest });
        }
    }
    sound(laws)
}

fn sound(laws: Vec<Given>) -> Result<Vec<Given>, ScaleError> {
    match laws.iter().find(|given| !given.law.is_sound()) {
        Some(given) => Err(ScaleError::Setting(format!(
            "{}: alpha {} and beta {} must be above 0",
            given.name, given.law.alpha, given.law.beta
        ))),
        None if laws.is_empty() => {
            Err(ScaleError::Setting("the file of laws holds none".to_owned()))
        }
        None => Ok(laws),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_laws_give_their_published_answers() {
        let advice = advise(5.76e23, Some(2e11), &[]);
        let [kaplan, ratio, hoffmann, epoch] = advice.as_slice() else { panic!("{advice:?}") };
        // 6,667 petaflop/s-days: Kaplan has models grow much faster than data.
        assert!((kaplan.params / 8.04e11 - 1.0).abs() < 0.01, "{kaplan:?}");
        // Chinchilla itself: 70 billion parameters, 1.4 trillion tokens.
        assert!((ratio.params / 70e9 - 1.0).abs() < 0.02, "{ratio:?}");
        assert!(epoch.params > hoffmann.params && epoch.params < kaplan.params);
        assert!((hoffmann.epochs.unwrap() * 2e11 / hoffmann.tokens - 1.0).abs() < 1e-9);
        let ladder = &hoffmann.settings[0];
        assert!(ladder.learning_rate < 1e-3 && ladder.batch_tokens > 1e6);
    }

    #[test]
    fn budgets_of_accelerators() {
        // 64 H100 for a week at 40 %.
        assert!((budget(9.89e14, 64.0, 7.0, 0.4) / 1.5313e22 - 1.0).abs() < 1e-3);
    }

    #[test]
    fn laws_are_read_alone_and_refused_when_they_are_none() {
        let own = laws(r#"{"E": 1.8, "A": 400, "B": 2000, "alpha": 0.34, "beta": 0.36}"#).unwrap();
        assert!((own[0].law.beta - 0.36).abs() < 1e-12);
        let advice = advise(1e21, None, &own);
        assert_eq!(advice.last().unwrap().law, "own law");
        let said = |text: &str| laws(text).unwrap_err().to_string();
        assert!(said("{}").contains("neither a scale.json"));
        assert!(said(r#"{"evaluations": []}"#).contains("holds none"));
        let zero = r#"{"E": 1.8, "A": 400, "B": 2000, "alpha": 0, "beta": 0.36}"#;
        assert!(said(zero).contains("above 0"));
    }
}
