//! What `tamis fit` says to people.

use std::fmt::Write;

use serde_json::{Value, json};

use super::show;
use crate::report::svg::short;
use crate::scale::analysis::{Analysis, Evaluation, Recipe};
use crate::scale::bootstrap::Method;
use crate::scale::compare::Decision;
use crate::scale::pictures::target;
use crate::scale::predict::Comparison;
use crate::scale::statistics::Interval;

/// Rows that were left out of which each is shown.
const EXCLUDED: usize = 10;

pub(in crate::cli) fn analysis(analysis: &Analysis) -> String {
    let mut text = String::new();
    for evaluation in &analysis.evaluations {
        if !evaluation.evaluation.is_empty() {
            let _ = writeln!(text, "== {} ==", show::safe(&evaluation.evaluation, 80));
        }
        one(&mut text, evaluation);
    }
    if !analysis.excluded.is_empty() {
        let _ = writeln!(text, "left out: {} rows", analysis.excluded.len());
        for row in analysis.excluded.iter().take(EXCLUDED) {
            let _ = writeln!(text, "  line {}: {}", row.line, show::safe(&row.reason, 200));
        }
        if analysis.excluded.len() > EXCLUDED {
            text.push_str("  … (all of them by --format json)\n");
        }
    }
    text
}

fn one(text: &mut String, evaluation: &Evaluation) {
    table(
        text,
        &[
            "recipe",
            "runs",
            "E",
            "A",
            "B",
            "alpha",
            "beta",
            "a",
            "error",
            "objective",
            "starts agree",
        ],
        evaluation.recipes.iter().map(law),
    );
    if evaluation.draws > 0 {
        let of = match evaluation.bootstrap {
            Method::Runs => "runs",
            Method::Errors => "errors",
        };
        let _ = writeln!(text, "95 % of {} draws of {of}:", evaluation.draws);
        table(
            text,
            &["recipe", "E", "A", "B", "alpha", "beta", "a"],
            evaluation.recipes.iter().filter_map(intervals),
        );
    }
    for recipe in &evaluation.recipes {
        notes(text, recipe);
    }
    if evaluation.recipes.iter().any(|recipe| !recipe.predictions.is_empty()) {
        table(
            text,
            &["recipe", "at", "params", "tokens", "loss", "95 %", "power law", "N / largest N"],
            evaluation.recipes.iter().flat_map(predictions),
        );
    }
    if !evaluation.verdicts.is_empty() {
        table(
            text,
            &[
                "verdict",
                "P",
                "at",
                "gap",
                "95 %",
                "detectable",
                "at largest runs",
                "crossover",
                "95 %",
            ],
            verdicts(evaluation),
        );
        let mut told: Vec<&String> = Vec::new();
        for warning in evaluation.verdicts.iter().flat_map(|verdict| &verdict.warnings) {
            if !told.contains(&warning) {
                told.push(warning);
                let _ = writeln!(text, "  ! {warning}");
            }
        }
    }
    if !evaluation.ranking.is_empty() {
        let ranked: Vec<String> = evaluation
            .ranking
            .iter()
            .map(|ranked| {
                let seeds = ranked.seeds.map_or_else(String::new, |seeds| format!(" ± {seeds:.4}"));
                format!("{} {:.4}{seeds}", show::safe(&ranked.recipe, 40), ranked.loss)
            })
            .collect();
        let _ = writeln!(text, "ranking at the largest common size: {}", ranked.join(", "));
    }
    text.push('\n');
}

fn table(text: &mut String, header: &[&str], rows: impl Iterator<Item = Vec<Value>>) {
    let header: Vec<String> = header.iter().map(ToString::to_string).collect();
    text.push_str(&show::table(&header, &rows.collect::<Vec<_>>()));
}

fn named(recipe: &Recipe) -> &str {
    if recipe.recipe.is_empty() { "all" } else { &recipe.recipe }
}

fn law(recipe: &Recipe) -> Vec<Value> {
    let fit = &recipe.fit;
    let law = &fit.law;
    vec![
        json!(named(recipe)),
        json!(fit.runs),
        json!(format!("{:.4}", law.e)),
        json!(format!("{:.2}", law.a)),
        json!(format!("{:.2}", law.b)),
        json!(format!("{:.4}", law.alpha)),
        json!(format!("{:.4}", law.beta)),
        json!(format!("{:.3}", law.params_exponent())),
        json!(format!("{:.4} %", 100.0 * fit.error)),
        json!(format!("{:.6e}", fit.objective)),
        json!(format!("{} of {}", fit.agreeing, fit.starts)),
    ]
}

fn range(interval: Option<Interval>, digits: usize) -> String {
    interval.map_or_else(String::new, |Interval { low, high }| {
        if low.abs().max(high.abs()) < 1e5 {
            format!("{low:.digits$} to {high:.digits$}")
        } else {
            format!("{} to {}", short(low), short(high))
        }
    })
}

fn intervals(recipe: &Recipe) -> Option<Vec<Value>> {
    let of = recipe.intervals.as_ref()?;
    let cell = |interval, digits| json!(range(Some(interval), digits));
    Some(vec![
        json!(named(recipe)),
        cell(of.e, 4),
        cell(of.a, 1),
        cell(of.b, 1),
        cell(of.alpha, 4),
        cell(of.beta, 4),
        cell(of.params_exponent, 3),
    ])
}

fn notes(text: &mut String, recipe: &Recipe) {
    let name = show::safe(named(recipe), 40);
    if let Some(why) = &recipe.fit.shared_exponents {
        let why = show::safe(&why.to_string(), 120);
        let _ = writeln!(text, "  ! {name}: exponents are shared by all recipes, {why}");
    }
    if let Some(held) = &recipe.held_out {
        let _ = writeln!(
            text,
            "  {name}: held-out rung of {} parameters ({:.1}× the next), {} runs: predicted {:+.2} % \
             off, {:.2} % at worst",
            short(held.params),
            held.ratio,
            held.runs,
            100.0 * held.error,
            100.0 * held.worst
        );
    } else {
        let _ = writeln!(
            text,
            "  ! {name}: no rung can be held out (four sizes are needed), so extrapolations are \
             unchecked"
        );
    }
    if recipe.fit.law.repetition.fitted {
        let repetition = recipe.fit.law.repetition;
        let _ = writeln!(
            text,
            "  {name}: repeated tokens: R* {:.2}, of parameters {:.2}",
            repetition.tokens, repetition.params
        );
    }
    if let (Some(params), Some(tokens)) =
        (recipe.approach2.params_exponent, recipe.approach2.tokens_exponent)
    {
        let _ = writeln!(
            text,
            "  {name}: IsoFLOP parabolas of {} budgets: N grows with C^{params:.3}, D with \
             C^{tokens:.3}",
            recipe.approach2.budgets.len()
        );
    }
    if let Some(power) = recipe.power {
        let _ = writeln!(
            text,
            "  {name}: L = {} / C^{:.4} + {:.4} through the {} best runs, error {:.3} %",
            short(power.a),
            power.b,
            power.c,
            power.runs,
            100.0 * power.error
        );
    }
}

fn predictions(recipe: &Recipe) -> Vec<Vec<Value>> {
    let each = recipe.predictions.iter().map(|prediction| {
        let interval = range(prediction.interval, 4);
        let far = if prediction.far { " (far)" } else { "" };
        vec![
            json!(named(recipe)),
            json!(target(&prediction.target)),
            json!(short(prediction.params)),
            json!(short(prediction.tokens)),
            json!(format!("{:.4}", prediction.loss)),
            json!(if interval.is_empty() { "not known".to_owned() } else { interval }),
            json!(prediction.by_power.map_or_else(String::new, |loss| format!("{loss:.4}"))),
            json!(format!("{:.2}{far}", prediction.ratio)),
        ]
    });
    each.collect()
}

fn verdicts(evaluation: &Evaluation) -> impl Iterator<Item = Vec<Value>> + '_ {
    evaluation.verdicts.iter().map(|verdict| {
        let (a, b) = (&verdict.a, &verdict.b);
        let crossover = &verdict.crossover;
        vec![
            json!(match verdict.decision {
                Decision::Win => format!("{a} beats {b}"),
                Decision::Lose => format!("{b} beats {a}"),
                Decision::Undecided => format!("{a} or {b}: undecided"),
            }),
            json!(format!("{:.3}", verdict.probability)),
            json!(target(&verdict.target)),
            json!(format!("{:+.4}", verdict.gap)),
            json!(range(verdict.gap_interval, 4)),
            json!(format!("{:.4}", verdict.detectable)),
            json!(verdict.gap_at_largest.map_or_else(String::new, |gap| format!("{gap:+.4}"))),
            json!(crossover.flops.map_or_else(
                || "none".to_owned(),
                |flops| format!(
                "{flops:.2e}{}",
                crossover.then_leads.as_ref().map_or(String::new(), |name| format!(", then {name}"))
            )
            )),
            json!(crossover.interval.filter(|_| crossover.flops.is_some()).map_or_else(
                String::new,
                |Interval { low, high }| format!(
                    "{low:.1e} to {high:.1e} ({:.0} % cross)",
                    100.0 * crossover.share
                )
            )),
        ]
    })
}

pub(in crate::cli) fn comparison(comparison: &Comparison) -> String {
    let mut text = format!("predictions of {}, digest {}\n", comparison.date, comparison.digest);
    if !comparison.same_runs {
        text.push_str(
            "  ! the runs they rest on are not those of this table up to their largest size\n",
        );
    }
    table(
        &mut text,
        &[
            "evaluation",
            "recipe",
            "params",
            "tokens",
            "predicted",
            "95 %",
            "measured",
            "error",
            "inside",
        ],
        comparison.outcomes.iter().map(|outcome| {
            let expected = &outcome.expected;
            let yes = |inside: bool| if inside { "yes" } else { "no" };
            vec![
                json!(expected.evaluation),
                json!(expected.recipe),
                json!(short(expected.params)),
                json!(short(expected.tokens)),
                json!(format!("{:.4}", expected.loss)),
                json!(range(expected.interval, 4)),
                json!(
                    outcome
                        .measured
                        .map_or_else(|| "not trained yet".to_owned(), |loss| format!("{loss:.4}"))
                ),
                json!(outcome.error.map_or_else(String::new, |e| format!("{:+.2} %", 100.0 * e))),
                json!(outcome.inside.map_or("", yes)),
            ]
        }),
    );
    if !comparison.verdicts.is_empty() {
        table(
            &mut text,
            &["evaluation", "verdict", "P", "measured gap", "right"],
            comparison.verdicts.iter().map(|settled| {
                let verdict = &settled.claimed.verdict;
                vec![
                    json!(settled.claimed.evaluation),
                    json!(match verdict.decision {
                        Decision::Win => format!("{} beats {}", verdict.a, verdict.b),
                        Decision::Lose => format!("{} beats {}", verdict.b, verdict.a),
                        Decision::Undecided => {
                            format!("{} or {}: undecided", verdict.a, verdict.b)
                        }
                    }),
                    json!(format!("{:.3}", verdict.probability)),
                    json!(settled.gap.map_or_else(String::new, |gap| format!("{gap:+.4}"))),
                    json!(settled.right.map_or("", |right| if right { "yes" } else { "no" })),
                ]
            }),
        );
    }
    text
}
