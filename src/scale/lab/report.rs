//! What came of a ladder: `lab.json`, beside the laws and verdicts of `scale.json`.

use serde::{Deserialize, Serialize};

pub use super::ablation::StageCost;
pub use super::evaluation::Set;
pub use super::recipe::Kept;
use crate::config::scale::Way;
use crate::scale::predict::Comparison;
use crate::train::PairedOrder;

/// What came of a ladder, but for laws and verdicts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Its name.
    pub name: String,
    /// What each recipe keeps.
    pub recipes: Vec<Kept>,
    /// What losses were measured on.
    pub sets: Vec<Set>,
    /// Whether the recipes visit what they share in the same order.
    pub paired: PairedOrder,
    /// Trainings done, equal ones counted once.
    pub trainings: usize,
    /// Core-seconds of the trainings.
    pub seconds: f64,
    /// The learning rates tried, by recipe and size; empty where there is one only.
    pub rates: Vec<Rate>,
    /// The plain ranking, where no law could be fitted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ranking: Vec<Reduced>,
    /// The ranking at the smallest learning rate, which orders recipes as tuned large models do
    /// (<https://arxiv.org/abs/2512.24503>); empty where there is one rate only.
    pub reduced: Vec<Reduced>,
    /// Trainings without a loss.
    pub diverged: Vec<String>,
    /// What stages are worth.
    pub ablations: Vec<Ablated>,
    /// What was expected of the largest size, beside what came of it.
    pub settled: Option<Comparison>,
    /// Why no law could be fitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfit: Option<String>,
}

/// The learning rates that a recipe was tried with at a size, with the first seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// The recipe.
    pub recipe: String,
    /// N.
    pub params: u64,
    /// The size's usual rate.
    pub usual: f64,
    /// What it is multiplied by for the other seeds.
    pub chosen: Option<f64>,
    /// All of them.
    pub tried: Vec<Tried>,
}

/// A learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// What the size's usual rate is multiplied by.
    pub rate: f64,
    /// Mean bits a byte of all sets at the end; none where the training diverged.
    pub loss: Option<f64>,
}

/// Recipes by their losses, best first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reduced {
    /// What the losses were measured on.
    pub evaluation: String,
    /// Recipe and bits a byte.
    pub recipes: Vec<(String, f64)>,
}

/// What a stage is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ablated {
    /// The variant.
    pub variant: String,
    /// The stage; none for the recipe without any stage.
    pub stage: Option<String>,
    /// How it is looked at.
    pub way: Way,
    /// What the variant is held against.
    pub against: String,
    /// N.
    pub params: u64,
    /// Documents that the variant keeps.
    pub documents: u64,
    /// Their tokens.
    pub tokens: u64,
    /// Tokens of what it is held against.
    pub tokens_against: u64,
    /// Mean bits a byte of its trainings at their end.
    pub loss: f64,
    /// Mean of its losses minus those of what it is held against, seed by seed: below 0 it is better.
    pub difference: f64,
    /// Standard deviation of these differences; none with one seed.
    pub deviation: Option<f64>,
    /// How many.
    pub seeds: usize,
    /// What the stage sees, drops and takes in the recipe.
    pub cost: StageCost,
}
