//! `[[ablate]]`: what each stage of a recipe is worth.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::ConfigError;
use super::super::parse::{list, read, spans};
use super::super::stage::Located;
use super::RecipeConfig;

/// `[[ablate]]`: trainings of a recipe with one stage less, or with one stage alone.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AblateConfig {
    /// The recipe.
    pub recipe: String,
    /// Its stages that are looked at; all where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages: Option<Vec<String>>,
    /// What is compared.
    #[serde(default = "all")]
    pub ways: Vec<Way>,
    /// The size of the models, one of `ladder.params`; the largest but one where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<f64>,
}

/// How a stage is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// The recipe without the stage, beside the recipe.
    LeaveOneOut,
    /// The stage alone, beside no stage.
    AddOne,
    /// As many documents dropped by chance as the stage drops, in its place: a filter that does no
    /// better than this only makes the data smaller.
    RandomDrop,
}

impl Way {
    /// What is done to the stage, for people.
    #[must_use]
    pub fn told(self) -> &'static str {
        match self {
            Self::LeaveOneOut => "left out",
            Self::AddOne => "alone",
            Self::RandomDrop => "chance in its place",
        }
    }
}

fn all() -> Vec<Way> {
    vec![Way::LeaveOneOut, Way::AddOne, Way::RandomDrop]
}

/// Reads the tables; each must name a recipe.
pub(super) fn read_all(
    tables: Option<toml::Spanned<toml::de::DeValue<'_>>>,
    recipes: &[Located<RecipeConfig>],
    errors: &mut Vec<ConfigError>,
) -> Vec<Located<AblateConfig>> {
    let mut found: Vec<Located<AblateConfig>> = Vec::new();
    for table in list(tables, "ablate", errors) {
        let spans = spans(&table);
        let Some(value) = read::<AblateConfig>(table, "[[ablate]]: ", errors) else { continue };
        if !recipes.iter().any(|recipe| recipe.value.name == value.recipe) {
            let message = format!("no recipe is named `{}`", value.recipe);
            errors.push(ConfigError::new(message, spans.of("recipe")));
        }
        if found.iter().any(|other| other.value.recipe == value.recipe) {
            let message = format!("two tables are about the recipe `{}`", value.recipe);
            let help = "give all stages in one";
            errors.push(ConfigError::new(message, spans.of("recipe")).help(help));
        }
        found.push(Located { value, spans });
    }
    found
}
