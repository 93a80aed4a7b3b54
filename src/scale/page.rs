//! `scale.html`: an analysis as one page that needs nothing else.

use std::fmt::Write;

use super::analysis::{Analysis, Evaluation, Recipe};
use super::compare::Decision;
use super::pictures::{pictures, target};
use super::statistics::Interval;
use crate::report::svg::{escaped, short};

const STYLE: &str = "body{font:14px/1.45 sans-serif;margin:2em auto;max-width:70em;padding:0 1em}\
table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #ccc;padding:.25em .6em;\
text-align:left}td.n{text-align:right;font-variant-numeric:tabular-nums}\
.pictures{display:flex;flex-wrap:wrap;gap:1em}";

/// The page; `more` is HTML behind laws and verdicts.
#[must_use]
pub fn page(title: &str, analysis: &Analysis, more: &str) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>\
         <style>{STYLE}</style></head><body>\n<h1>{0}</h1>\n",
        escaped(title)
    );
    for evaluation in &analysis.evaluations {
        one(&mut page, evaluation);
    }
    if !analysis.excluded.is_empty() {
        page.push_str("<h2>Left out</h2>\n<table><tr><th>line</th><th>reason</th></tr>\n");
        for row in &analysis.excluded {
            // Writing to a string cannot fail, here and below.
            let _ = writeln!(
                page,
                "<tr><td class=n>{}</td><td>{}</td></tr>",
                row.line,
                escaped(&row.reason)
            );
        }
        page.push_str("</table>\n");
    }
    page.push_str(more);
    page.push_str("</body></html>\n");
    page
}

fn one(page: &mut String, evaluation: &Evaluation) {
    if !evaluation.evaluation.is_empty() {
        let _ = writeln!(page, "<h2>{}</h2>", escaped(&evaluation.evaluation));
    }
    table(
        page,
        &[
            "recipe",
            "runs",
            "E",
            "A",
            "B",
            "alpha",
            "beta",
            "N grows with C^",
            "mean error",
            "starts that agree",
            "held-out rung",
        ],
        evaluation.recipes.iter().map(law),
    );
    if evaluation.recipes.iter().any(|recipe| !recipe.predictions.is_empty()) {
        table(
            page,
            &["recipe", "at", "parameters", "tokens", "loss", "95 %", "N / largest N"],
            evaluation.recipes.iter().flat_map(predictions),
        );
    }
    if !evaluation.verdicts.is_empty() {
        table(
            page,
            &[
                "pair",
                "at",
                "verdict",
                "P(first is better)",
                "gap",
                "95 %",
                "detectable gap",
                "gap at the largest runs",
                "crossover",
                "remarks",
            ],
            verdicts(evaluation),
        );
    }
    page.push_str("<div class=pictures>\n");
    for picture in pictures(evaluation) {
        page.push_str(&picture.svg);
    }
    page.push_str("</div>\n");
}

/// Adds a table; a cell that begins with a digit or a sign is a number.
pub(super) fn table(page: &mut String, header: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    page.push_str("<table><tr>");
    for name in header {
        let _ = write!(page, "<th>{}</th>", escaped(name));
    }
    page.push_str("</tr>\n");
    for row in rows {
        page.push_str("<tr>");
        for cell in row {
            let number = cell.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+');
            let class = if number { " class=n" } else { "" };
            let _ = write!(page, "<td{class}>{}</td>", escaped(&cell));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table>\n");
}

fn interval(interval: Option<Interval>) -> String {
    interval.map_or_else(
        || "not known".to_owned(),
        |Interval { low, high }| format!("{} to {}", short(low), short(high)),
    )
}

fn law(recipe: &Recipe) -> Vec<String> {
    let fit = &recipe.fit;
    let law = &fit.law;
    let with = |value: f64, of: Option<Interval>| match of {
        Some(Interval { low, high }) => {
            format!("{} [{}, {}]", short(value), short(low), short(high))
        }
        None => short(value),
    };
    let of = recipe.intervals.as_ref();
    vec![
        recipe.recipe.clone(),
        fit.runs.to_string(),
        with(law.e, of.map(|of| of.e)),
        with(law.a, of.map(|of| of.a)),
        with(law.b, of.map(|of| of.b)),
        with(law.alpha, of.map(|of| of.alpha)),
        with(law.beta, of.map(|of| of.beta)),
        with(law.params_exponent(), of.map(|of| of.params_exponent)),
        format!("{:.3} %", 100.0 * fit.error),
        format!("{} of {}", fit.agreeing, fit.starts),
        recipe.held_out.as_ref().map_or_else(
            || "too few rungs".to_owned(),
            |held| format!("{:+.2} % at {:.1}×", 100.0 * held.error, held.ratio),
        ),
    ]
}

fn predictions(recipe: &Recipe) -> Vec<Vec<String>> {
    let each = recipe.predictions.iter().map(|prediction| {
        vec![
            recipe.recipe.clone(),
            target(&prediction.target),
            short(prediction.params),
            short(prediction.tokens),
            format!("{:.4}", prediction.loss),
            interval(prediction.interval),
            format!("{:.1}{}", prediction.ratio, if prediction.far { " (far)" } else { "" }),
        ]
    });
    each.collect()
}

fn verdicts(evaluation: &Evaluation) -> impl Iterator<Item = Vec<String>> + '_ {
    evaluation.verdicts.iter().map(|verdict| {
        let decision = match verdict.decision {
            Decision::Win => format!("{} wins", verdict.a),
            Decision::Lose => format!("{} wins", verdict.b),
            Decision::Undecided => "undecided".to_owned(),
        };
        let crossover = verdict.crossover.flops.map_or_else(
            || "none".to_owned(),
            |flops| format!("{} ({})", short(flops), interval(verdict.crossover.interval)),
        );
        vec![
            format!("{} and {}", verdict.a, verdict.b),
            target(&verdict.target),
            decision,
            format!("{:.3}", verdict.probability),
            format!("{:+.4}", verdict.gap),
            interval(verdict.gap_interval),
            format!("{:.4}", verdict.detectable),
            verdict.gap_at_largest.map_or_else(String::new, |gap| format!("{gap:+.4}")),
            crossover,
            verdict.warnings.join("; "),
        ]
    })
}
