//! The trainings of a ladder and their cost, for people.

use std::fmt::Write;

use serde_json::{Value, json};

use super::super::show;
use crate::config::scale::Scale as Config;
use crate::exec::summary::grouped;
use crate::report::svg::short;
use crate::scale::ladder::Ladder;

/// Operations a second and core that a training on a CPU comes to, in 32 bits.
const CPU_CORE: f64 = 55e9;

/// The table and the sum.
pub(super) fn text(config: &Config, plan: &Ladder) -> String {
    let ladder = &config.ladder;
    let mut text = format!(
        "{}: {} recipes × {} sizes; {} learning rates with the first seed, {} seeds; vocabulary of \
         {}, sequences of {}\n",
        show::safe(&config.head.name, 80),
        config.recipes.len(),
        plan.rungs.len(),
        ladder.learning_rates.len(),
        ladder.seeds,
        grouped(ladder.vocabulary.into()),
        ladder.sequence_length
    );
    let header = [
        "params",
        "all",
        "layers",
        "width",
        "heads",
        "tokens",
        "batch",
        "rate",
        "operations",
        "head",
        "trainings",
    ];
    let rows: Vec<Vec<Value>> = plan
        .rungs
        .iter()
        .enumerate()
        .map(|(index, rung)| {
            let settings = &rung.settings;
            let tokens: Vec<String> = rung.tokens.iter().map(|tokens| grouped(*tokens)).collect();
            vec![
                json!(grouped(rung.params)),
                json!(grouped(rung.parameters)),
                json!(settings.layers),
                json!(settings.width),
                json!(settings.heads),
                json!(tokens.join(" / ")),
                json!(grouped(settings.batch_tokens())),
                json!(format!("{:.2e}", settings.learning_rate)),
                json!(short(rung.flops)),
                json!(format!("{:.0} %", 100.0 * rung.head_share)),
                json!(plan.trainings.iter().filter(|training| training.rung == index).count()),
            ]
        })
        .collect();
    text.push_str(&show::table(&header.map(str::to_owned), &rows));
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{} trainings, {} operations ({:.1} core-hours at {CPU_CORE:.0e} a second), {:.0} % of them \
         for the largest size; target {} operations",
        plan.trainings.len(),
        short(plan.flops),
        plan.flops / CPU_CORE / 3_600.0,
        100.0 * plan.largest_flops / plan.flops,
        short(config.target.flops)
    );
    text.push_str(
        "Each training decays at each of its token counts and goes on (WSD-S). The head is the output \
         matrix.\n",
    );
    text
}
