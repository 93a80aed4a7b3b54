//! The file of `tamis scale`: recipes, and the ladder of model sizes they are compared on.

mod ablate;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bytes::ByteSize;
use super::parse::{list, read, single, spans};
use super::stage::Located;
use super::{ConfigError, ConfigErrors, sole};
use crate::store::resolved;

pub use self::ablate::{AblateConfig, Way};

/// A comparison as the user wants it.
#[derive(Debug)]
pub struct Scale {
    /// The keys at the top.
    pub head: Head,
    /// `[[recipe]]`, in the order of the file.
    pub recipes: Vec<Located<RecipeConfig>>,
    /// `[ladder]`.
    pub ladder: LadderConfig,
    /// `[target]`.
    pub target: TargetConfig,
    /// `[evaluation]`.
    pub evaluation: EvaluationConfig,
    /// `[[ablate]]`, in the order of the file.
    pub ablations: Vec<Located<AblateConfig>>,
}

/// The keys at the top of the file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Name of the comparison and of its folder.
    pub name: String,
    /// Seed of initial weights, of the order of the data, and of the bootstrap.
    #[serde(default)]
    pub seed: u64,
}

/// `[[recipe]]`: a pipeline that is compared with others.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecipeConfig {
    /// What it is called in tables.
    pub name: String,
    /// Its pipeline file, relative to this file. Its `[tokens]` is taken over, but for the tokenizer and
    /// the form of the shards; `[train]` is not.
    pub pipeline: PathBuf,
    /// Added to the seeds of its trainings: a copy of a recipe with another number here shows what
    /// seeds alone make of it (an A/A test).
    #[serde(default)]
    pub seed: u64,
}

/// `[ladder]`: the trainings of each recipe.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LadderConfig {
    /// Sizes of the models, in parameters without embeddings; four or more, so that the largest can be
    /// held out.
    pub params: Vec<f64>,
    /// Transformer blocks of every model, so that sizes differ in width alone. Chosen by size where not
    /// given; among the smallest models a block more can be worse than none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<u32>,
    /// Tokens by parameter. One training gives a point for each: it decays there and goes on.
    /// Default: 5, 10 and 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_param: Option<Vec<f64>>,
    /// Tokens of the points in place of that, the same for all sizes. Very small models with small
    /// batches learn nothing at all of their first hundred thousand tokens: no law holds there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Vec<f64>>,
    /// What the size's usual learning rate is multiplied by; the usual one is of a formula for models
    /// of 100M parameters and more, and some ten times too high below 100k. With several, each recipe
    /// gets its own best one, found with the first seed: a rate that suits one recipe can turn an order
    /// around (<https://arxiv.org/abs/2512.24503>).
    #[serde(default = "one")]
    pub learning_rates: Vec<f64>,
    /// Trainings of each configuration that differ in their seed alone.
    #[serde(default = "three")]
    pub seeds: u32,
    /// A tokenizer file for all recipes, relative to this file. Without it one of `vocabulary` tokens is
    /// fitted to what the recipes keep, the same number of bytes of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<PathBuf>,
    /// Tokens of the vocabulary that all recipes share. The output matrix of a small model outweighs
    /// its body with a vocabulary of usual size.
    #[serde(default = "vocabulary")]
    pub vocabulary: u32,
    /// Tokens of a sequence.
    #[serde(default = "sequence")]
    pub sequence_length: u32,
    /// Tokens of a step, for all sizes: a multiple of `sequence_length`. The smallest size's usual number
    /// where not given. Batches that grow with the model would leave larger ones fewer steps for the
    /// same tokens, and no law of parameters and tokens holds then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_tokens: Option<u64>,
}

impl LadderConfig {
    /// Tokens at which a model of `params` parameters gives its points.
    #[must_use]
    pub fn points(&self, params: f64) -> Vec<f64> {
        match (&self.tokens, &self.tokens_per_param) {
            (Some(tokens), _) => tokens.clone(),
            (None, Some(ratios)) => ratios.iter().map(|ratio| ratio * params).collect(),
            (None, None) => [5.0, 10.0, 20.0].map(|ratio| ratio * params).to_vec(),
        }
    }
}

/// `[target]`: what the recipes are compared at.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetConfig {
    /// Operations of the training that the comparison is for.
    pub flops: f64,
    /// Different tokens that there are for it: `"pool"` for what each recipe keeps of its input,
    /// `"unlimited"`, or a number. How much text there is decides whether filtering pays
    /// (<https://arxiv.org/abs/2605.19407>).
    #[serde(default)]
    pub unique_tokens: UniqueTokens,
}

/// `unique_tokens`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum UniqueTokens {
    /// So many, for every recipe.
    Count(f64),
    /// By name.
    Named(Pool),
}

/// `unique_tokens` by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Pool {
    /// What each recipe keeps.
    Pool,
    /// More than the target reads.
    Unlimited,
}

impl Default for UniqueTokens {
    fn default() -> Self {
        Self::Named(Pool::Pool)
    }
}

/// `[evaluation]`: what the losses are measured on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluationConfig {
    /// Files of any format that a pipeline reads, with their text in the field `text`, or globs of them,
    /// relative to this file: domains that are in none of the sources. Each file is an evaluation,
    /// named like it. Documents that stand in what a recipe keeps are left out.
    pub sets: Vec<String>,
    /// Text that is scored of each file, drawn by the documents' ids.
    #[serde(default = "scored")]
    pub bytes: ByteSize,
}

fn one() -> Vec<f64> {
    vec![1.0]
}

fn three() -> u32 {
    3
}

fn vocabulary() -> u32 {
    2_048
}

fn sequence() -> u32 {
    256
}

fn scored() -> ByteSize {
    ByteSize(256 << 10)
}

const TABLES: &[&str] = &["recipe", "ladder", "target", "evaluation", "ablate"];

impl Scale {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// Every mistake in the file at once, each at its place.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        Self::parse(
            path,
            &sole::text(path, "give the path of a file for scale, as SCALING.md has")?,
        )
    }

    /// Reads and checks a text; `path` is what messages show.
    ///
    /// # Errors
    /// As [`Scale::load`].
    pub fn parse(path: &Path, file: &str) -> Result<Self, ConfigErrors> {
        let mut errors = Vec::new();
        let sole::Sole { text, head, mut tables } = sole::parse(path, file, TABLES, &mut errors)?;
        let head: Option<Head> = read(head, "", &mut errors);
        for (table, help) in [
            ("recipe", "add [[recipe]] with `name` and `pipeline`, twice or more"),
            ("ladder", "add [ladder] with `params`, such as [3e4, 6e4, 1.2e5, 2.4e5]"),
            ("target", "add [target] with `flops`"),
            ("evaluation", "add [evaluation] with `sets`"),
        ] {
            if !tables.contains_key(table) {
                let message = format!("there is no `{table}`");
                errors.push(ConfigError::new(message, 0..0).help(help));
            }
        }
        let recipes: Vec<Located<RecipeConfig>> =
            list(tables.remove("recipe"), "recipe", &mut errors)
                .into_iter()
                .filter_map(|table| {
                    let spans = spans(&table);
                    let value = read(table, "[[recipe]]: ", &mut errors)?;
                    Some(Located { value, spans })
                })
                .collect();
        for (index, recipe) in recipes.iter().enumerate() {
            let name = &recipe.value.name;
            if recipes[..index].iter().any(|other| other.value.name == *name) {
                let message = format!("two recipes are named `{name}`");
                errors.push(ConfigError::new(message, recipe.spans.of("name")));
            }
        }
        let ladder = single::<LadderConfig>(tables.remove("ladder"), "ladder", &mut errors);
        let target = single::<TargetConfig>(tables.remove("target"), "target", &mut errors);
        let evaluation =
            single::<EvaluationConfig>(tables.remove("evaluation"), "evaluation", &mut errors);
        if let Some(ladder) = &ladder {
            check_ladder(ladder, &mut errors);
        }
        let ablations = ablate::read_all(tables.remove("ablate"), &recipes, &mut errors);
        if let Some(Located { value, spans }) = &target {
            let count = match value.unique_tokens {
                UniqueTokens::Count(count) => count,
                UniqueTokens::Named(_) => 1.0,
            };
            for (key, number) in [("flops", value.flops), ("unique_tokens", count)] {
                if !(number.is_finite() && number > 0.0) {
                    let message = format!("{key} = {number} is no positive number");
                    errors.push(ConfigError::new(message, spans.of(key)));
                }
            }
        }
        match (head, ladder, target, evaluation) {
            (Some(head), Some(ladder), Some(target), Some(evaluation)) if errors.is_empty() => {
                Ok(Self {
                    head,
                    recipes,
                    ladder: ladder.value,
                    target: target.value,
                    evaluation: evaluation.value,
                    ablations,
                }
                .in_folder(path.parent().unwrap_or(Path::new(""))))
            }
            _ => Err(text.errors(errors)),
        }
    }
}

impl Scale {
    /// With paths relative to the file's folder as ones from here.
    fn in_folder(mut self, base: &Path) -> Self {
        for recipe in &mut self.recipes {
            recipe.value.pipeline = resolved(base, &recipe.value.pipeline);
        }
        if let Some(tokenizer) = &mut self.ladder.tokenizer {
            *tokenizer = resolved(base, &tokenizer);
        }
        self
    }
}

fn check_ladder(ladder: &Located<LadderConfig>, errors: &mut Vec<ConfigError>) {
    let Located { value, spans } = ladder;
    let mut wrong = |key: &str, message: String, help: &str| {
        errors.push(ConfigError::new(message, spans.of(key)).help(help));
    };
    let lists = [
        ("params", Some(&value.params), 1e3, 1e11),
        ("tokens_per_param", value.tokens_per_param.as_ref(), 0.1, 1e5),
        ("tokens", value.tokens.as_ref(), 1e3, 1e14),
        ("learning_rates", Some(&value.learning_rates), 1e-3, 1e3),
    ];
    for (key, list, least, most) in lists {
        let Some(list) = list else { continue };
        let rising = list.windows(2).all(|pair| pair[0] < pair[1]);
        if list.is_empty() || !rising || !list.iter().all(|x| (least..=most).contains(x)) {
            wrong(
                key,
                format!("`{key}` is no rising list of numbers from {least} to {most}"),
                "write each value once, the smallest first",
            );
        }
        if key.starts_with("tokens") && list.windows(2).any(|pair| pair[1] < 1.25 * pair[0]) {
            wrong(
                key,
                "two values lie closer than 5 to 4".to_owned(),
                "the decay takes the last fifth of each, so leave room",
            );
        }
    }
    if value.tokens.is_some() && value.tokens_per_param.is_some() {
        wrong(
            "tokens",
            "`tokens` and `tokens_per_param` are both given".to_owned(),
            "give the points by one of them",
        );
    }
    if value.params.len() < 4 {
        wrong(
            "params",
            format!("{} sizes are too few", value.params.len()),
            "give four or more: a law needs three, and the largest is held out",
        );
    }
    if !(1..=100).contains(&value.seeds) {
        wrong("seeds", format!("seeds = {}", value.seeds), "give 1 to 100; 3 is usual");
    }
    if !(256..=1 << 20).contains(&value.vocabulary) {
        wrong("vocabulary", format!("vocabulary = {}", value.vocabulary), "give 256 to 1048576");
    }
    if !(8..=1 << 16).contains(&value.sequence_length) {
        let message = format!("sequence_length = {}", value.sequence_length);
        wrong("sequence_length", message, "give 8 to 65536");
    }
    if value.layers.is_some_and(|layers| !(1..=200).contains(&layers)) {
        wrong("layers", "`layers` is out of range".to_owned(), "give 1 to 200, or leave it out");
    }
    let length = u64::from(value.sequence_length.max(1));
    if value.batch_tokens.is_some_and(|tokens| tokens == 0 || !tokens.is_multiple_of(length)) {
        let message = "`batch_tokens` is no multiple of `sequence_length`".to_owned();
        wrong("batch_tokens", message, "give so many sequences times their length");
    }
}

#[cfg(test)]
mod tests;
