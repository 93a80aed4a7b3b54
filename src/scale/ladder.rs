//! The trainings of a ladder: which models, how many tokens, at what cost.

use serde::Serialize;

use super::{ScaleError, as_f64};
use crate::config::scale::{LadderConfig, Scale};
use crate::config::train::{TrainConfig, TrainSettings};

/// Width of a head, the smallest first; a wider one is taken once the model is wide enough.
const HEADS: [u32; 3] = [16, 32, 64];
/// Width over layers that a model comes near to.
const ASPECT: f64 = 32.0;
/// What a size that is missed weighs beside a form that is: e^(1/4) off the size is as bad as e off the
/// form. Models of one ladder should be of one form, or their losses lie on no curve.
const MATCH: f64 = 4.0;
/// Widest model that is looked at.
const WIDEST: u32 = 8_192;

/// A model of the ladder, with what its trainings have in common.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rung {
    /// The size that was asked for.
    pub asked: f64,
    /// N, without embeddings.
    pub params: u64,
    /// All parameters.
    pub parameters: u64,
    /// Its form and training; the tokens are those of the longest training.
    pub settings: TrainSettings,
    /// D of each point that a training gives, in whole steps.
    pub tokens: Vec<u64>,
    /// Operations of a training, the output matrix counted.
    pub flops: f64,
    /// Share of the output matrix in them.
    pub head_share: f64,
}

/// One training.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Training {
    /// The recipe.
    pub recipe: String,
    /// Number of the rung.
    pub rung: usize,
    /// What the size's usual learning rate is multiplied by; none where the best one of the trainings
    /// with the first seed is taken.
    pub learning_rate: Option<f64>,
    /// Number of the seed; the same for all recipes.
    pub seed: u32,
}

/// All trainings of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ladder {
    /// The models.
    pub rungs: Vec<Rung>,
    /// The trainings, the small ones first.
    pub trainings: Vec<Training>,
    /// Operations of all of them.
    pub flops: f64,
    /// Operations of the largest rung's, which wait until its losses are predicted.
    pub largest_flops: f64,
}

/// The trainings of a comparison: each recipe on each rung, every learning rate with the first seed,
/// the best one with the others.
///
/// # Errors
/// When two sizes come out as the same model.
pub fn plan(scale: &Scale) -> Result<Ladder, ScaleError> {
    let mut ladder = scale.ladder.clone();
    if ladder.batch_tokens.is_none()
        && let Some(least) = ladder.params.first()
    {
        ladder.batch_tokens = Some(rung(*least, &ladder)?.settings.batch_tokens());
    }
    let ladder = &ladder;
    let rungs: Vec<Rung> =
        ladder.params.iter().map(|params| rung(*params, ladder)).collect::<Result<_, _>>()?;
    for pair in rungs.windows(2) {
        if pair[1].params <= pair[0].params {
            return Err(ScaleError::Setting(format!(
                "`params`: {} and {} come out as models of {} and {} parameters; choose sizes that \
                 differ more",
                pair[0].asked, pair[1].asked, pair[0].params, pair[1].params
            )));
        }
    }
    let mut trainings = Vec::new();
    for index in 0..rungs.len() {
        for recipe in &scale.recipes {
            let mut add = |learning_rate, seed| {
                let recipe = recipe.value.name.clone();
                trainings.push(Training { recipe, rung: index, learning_rate, seed });
            };
            ladder.learning_rates.iter().for_each(|rate| add(Some(*rate), 0));
            // With one rate nothing is chosen.
            let chosen = (ladder.learning_rates.len() == 1).then(|| ladder.learning_rates[0]);
            (1..ladder.seeds).for_each(|seed| add(chosen, seed));
        }
    }
    let cost = |training: &Training| rungs[training.rung].flops;
    let largest = trainings.iter().filter(|training| training.rung + 1 == rungs.len());
    Ok(Ladder {
        flops: trainings.iter().map(cost).sum(),
        largest_flops: largest.map(cost).sum(),
        rungs,
        trainings,
    })
}

/// The model that comes nearest to a size and has a usual form.
fn rung(asked: f64, ladder: &LadderConfig) -> Result<Rung, ScaleError> {
    let mut best: Option<(f64, TrainSettings)> = None;
    for head in HEADS {
        for heads in 1..=WIDEST / head {
            let width = head * heads;
            // A head is narrow only where few of it fit.
            if (head > 16 && heads < 4) || (head < 64 && heads > 8) {
                continue;
            }
            let wanted = match ladder.layers {
                Some(layers) => layers..=layers,
                None => layers_near(asked, width),
            };
            for layers in wanted {
                let settings = resolve(layers, width, heads, None, ladder)?;
                let off = libm::log(as_f64(settings.non_embedding()) / asked).abs();
                let form = libm::log(f64::from(width) / f64::from(layers) / ASPECT).abs();
                // With one depth for all the form is what the size makes it.
                let score = MATCH * off + if ladder.layers.is_some() { 0.0 } else { form };
                if best.as_ref().is_none_or(|(least, _)| score < *least) {
                    best = Some((score, settings));
                }
            }
        }
    }
    let (_, found) = best.ok_or_else(|| {
        ScaleError::Setting(format!("`params`: no model of {asked} parameters is known"))
    })?;
    let params = found.non_embedding();
    let batch = found.batch_tokens();
    let tokens: Vec<u64> = ladder
        .points(as_f64(params))
        .into_iter()
        .map(|tokens| whole(tokens).div_ceil(batch).max(1) * batch)
        .collect();
    let longest = tokens.last().copied();
    let settings = resolve(found.layers, found.width, found.heads, longest, ladder)?;
    let head = 6.0 * f64::from(settings.vocab_size) * f64::from(settings.width);
    let per_token = as_f64(settings.flops_per_token());
    Ok(Rung {
        asked,
        params,
        parameters: settings.parameters(),
        flops: per_token * as_f64(settings.tokens()),
        head_share: head / per_token,
        tokens,
        settings,
    })
}

/// Numbers of layers with which a model of this width comes near to a size: a block has about
/// 12 · width² parameters.
fn layers_near(asked: f64, width: u32) -> std::ops::RangeInclusive<u32> {
    let layers = asked / (12.0 * f64::from(width) * f64::from(width));
    if !(0.4..200.0).contains(&layers) {
        // An empty range.
        return std::ops::RangeInclusive::new(1, 0);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 200")]
    let layers = libm::round(layers) as u32;
    layers.saturating_sub(1).max(1)..=layers + 1
}

fn resolve(
    layers: u32,
    width: u32,
    heads: u32,
    tokens: Option<u64>,
    ladder: &LadderConfig,
) -> Result<TrainSettings, ScaleError> {
    let config = TrainConfig {
        layers: Some(layers),
        width: Some(width),
        heads: Some(heads),
        tokens,
        batch_tokens: ladder.batch_tokens,
        ..TrainConfig::default()
    };
    config
        .resolve(ladder.sequence_length as usize, ladder.vocabulary)
        .map_err(|error| ScaleError::Setting(error.to_string()))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive number of tokens, far below 2^63"
)]
fn whole(tokens: f64) -> u64 {
    libm::round(tokens) as u64
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn scale(params: &str, seeds: u32, rates: &str) -> Scale {
        let file = format!(
            "name = \"x\"\n[[recipe]]\nname = \"a\"\npipeline = \"a.toml\"\n[[recipe]]\nname = \"b\"\n\
             pipeline = \"b.toml\"\n[ladder]\nparams = {params}\nseeds = {seeds}\n\
             learning_rates = {rates}\n[target]\nflops = 1e17\n[evaluation]\nsets = [\"x\"]\n"
        );
        Scale::parse(Path::new("l.toml"), &file).unwrap_or_else(|_| panic!("{file}"))
    }

    #[test]
    fn models_come_near_to_the_sizes_asked_for() {
        let plan = plan(&scale("[3e4, 1e5, 1e6, 1e7, 1e8, 1e9]", 3, "[0.33, 1, 3]")).unwrap();
        for rung in &plan.rungs {
            let off = as_f64(rung.params) / rung.asked;
            assert!((0.75..1.33).contains(&off), "{rung:?}");
            let aspect = f64::from(rung.settings.width) / f64::from(rung.settings.layers);
            assert!((8.0..200.0).contains(&aspect), "{rung:?}");
            assert_eq!(rung.tokens.len(), 3);
            assert_eq!(rung.tokens[2], rung.settings.tokens());
            let ratio = as_f64(rung.tokens[2]) / as_f64(rung.params);
            assert!((19.9..22.0).contains(&ratio), "{rung:?}");
        }
        // The smallest model pays most for its output matrix.
        assert!(plan.rungs[0].head_share > 0.3 && plan.rungs[5].head_share < 0.05);
    }

    #[test]
    fn all_models_can_have_one_depth_and_have_one_batch() {
        let mut scale = scale("[4e3, 1.3e4, 2.8e4, 5e4, 8e4]", 1, "[1]");
        let usual = plan(&scale).unwrap();
        assert!(usual.rungs.iter().any(|rung| rung.settings.layers > 1));
        scale.ladder.layers = Some(1);
        let plan = plan(&scale).unwrap();
        let shapes: Vec<(u32, u32)> =
            plan.rungs.iter().map(|rung| (rung.settings.layers, rung.settings.width)).collect();
        assert_eq!(shapes, [(1, 16), (1, 32), (1, 48), (1, 64), (1, 80)]);
        let batches = |plan: &Ladder| {
            plan.rungs.iter().map(|rung| rung.settings.batch_tokens()).collect::<Vec<u64>>()
        };
        assert!(batches(&plan).iter().chain(&batches(&usual)).all(|batch| *batch == 256));
    }

    #[test]
    fn all_sizes_can_have_the_same_tokens() {
        let mut scale = scale("[3e4, 6e4, 1.2e5, 2.4e5]", 1, "[1]");
        scale.ladder.tokens = Some(vec![1e5, 2e5]);
        let plan = plan(&scale).unwrap();
        for rung in &plan.rungs {
            let batch = rung.settings.batch_tokens();
            let whole = [1e5_f64, 2e5].map(|tokens| whole(tokens).div_ceil(batch) * batch);
            assert_eq!(rung.tokens, whole);
            assert_eq!(rung.settings.tokens(), whole[1]);
        }
    }

    #[test]
    fn recipes_have_the_same_trainings_and_seeds() {
        let plan = plan(&scale("[3e4, 6e4, 1.2e5, 2.4e5]", 3, "[0.33, 1, 3]")).unwrap();
        assert_eq!(plan.trainings.len(), 4 * 2 * (3 + 2));
        let of = |recipe: &str| -> Vec<(usize, Option<f64>, u32)> {
            let of = plan.trainings.iter().filter(|training| training.recipe == recipe);
            of.map(|training| (training.rung, training.learning_rate, training.seed)).collect()
        };
        assert_eq!(of("a"), of("b"));
        let sum: f64 = plan.trainings.iter().map(|t| plan.rungs[t.rung].flops).sum();
        assert!((sum - plan.flops).abs() < 1.0 && plan.largest_flops < plan.flops);
        let one = super::plan(&scale("[3e4, 6e4, 1.2e5, 2.4e5]", 2, "[1]")).unwrap();
        assert!(one.trainings.iter().all(|training| training.learning_rate == Some(1.0)));
        assert_eq!(one.trainings.len(), 4 * 2 * 2);
    }

    #[test]
    fn sizes_that_are_one_model_are_refused() {
        let error = plan(&scale("[3e4, 3.01e4, 1.2e5, 2.4e5]", 1, "[1]")).unwrap_err();
        assert!(error.to_string().contains("choose sizes that differ more"), "{error}");
    }
}
