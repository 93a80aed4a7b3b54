//! What came of a ladder, for people.

use std::fmt::Write;
use std::path::Path;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::super::{fit, show};
use crate::exec::summary::grouped;
use crate::report::svg::short;
use crate::scale::analysis::Analysis;
use crate::scale::as_f64;
use crate::scale::lab::Report;
use crate::scale::lab::report::{Ablated, Rate, Reduced};

/// This day (UTC), as `2026-11-29`.
#[expect(clippy::disallowed_methods, reason = "predictions say when they were made")]
pub(super) fn today() -> String {
    DateTime::<Utc>::from(SystemTime::now()).date_naive().to_string()
}

/// All of it.
pub(super) fn text(report: &Report, analysis: Option<&Analysis>, out: &Path) -> String {
    let mut text = String::new();
    recipes(&mut text, report);
    if let Some(analysis) = analysis {
        text.push_str(&fit::text::analysis(analysis));
    }
    // Writing to a string cannot fail, here and below.
    if let Some(why) = &report.unfit {
        let _ = writeln!(text, "no law: {}", show::safe(why, 400));
    }
    for ranking in &report.ranking {
        ranked(&mut text, "at the largest size", ranking);
    }
    rates(&mut text, &report.rates);
    for reduced in &report.reduced {
        ranked(&mut text, "at the smallest learning rate", reduced);
    }
    if let Some(settled) = &report.settled {
        text.push_str("the largest size, as it was predicted before it was trained:\n");
        text.push_str(&fit::text::comparison(settled));
    }
    ablations(&mut text, &report.ablations);
    for diverged in &report.diverged {
        let _ = writeln!(text, "left out: {}", show::safe(diverged, 400));
    }
    let _ = writeln!(
        text,
        "{} trainings, {:.2} core-hours; tables, laws and pictures are in {}",
        report.trainings,
        report.seconds / 3_600.0,
        out.display()
    );
    text
}

fn recipes(text: &mut String, report: &Report) {
    let header = ["recipe", "records", "documents", "bytes", "tokens", "core-seconds"];
    let rows: Vec<Vec<Value>> = report
        .recipes
        .iter()
        .map(|kept| {
            let mut row = vec![json!(show::safe(&kept.recipe, 40))];
            let counts = [kept.read, kept.documents, kept.bytes, kept.tokens];
            row.extend(counts.map(|count| json!(grouped(count))));
            row.push(json!(format!("{:.1}", kept.seconds)));
            row
        })
        .collect();
    text.push_str(&show::table(&header.map(str::to_owned), &rows));
    let paired = &report.paired;
    let said = match &paired.orders[..] {
        [] | [_] => return,
        _ if paired.documents == 0 => "they share no document".to_owned(),
        [(samples, hash), ..] if paired.is_paired() => {
            format!("all visit {} samples of these in the same order ({hash})", grouped(*samples))
        }
        _ => "they visit these in DIFFERENT orders: their mixtures differ".to_owned(),
    };
    let shared = grouped(paired.documents);
    let _ = writeln!(text, "the recipes share {shared} documents; {said}");
}

fn ranked(text: &mut String, place: &str, ranking: &Reduced) {
    let recipes: Vec<String> = ranking
        .recipes
        .iter()
        .map(|(recipe, loss)| format!("{} {loss:.4}", show::safe(recipe, 40)))
        .collect();
    let evaluation = show::safe(&ranking.evaluation, 40);
    let _ = writeln!(text, "{evaluation}, {place}: {}", recipes.join(", "));
}

fn rates(text: &mut String, rates: &[Rate]) {
    if rates.is_empty() {
        return;
    }
    let rows: Vec<Vec<Value>> = rates
        .iter()
        .map(|rate| {
            let tried: Vec<String> = rate
                .tried
                .iter()
                .map(|tried| match tried.loss {
                    Some(loss) => format!("×{} {loss:.4}", tried.rate),
                    None => format!("×{} diverged", tried.rate),
                })
                .collect();
            vec![
                json!(show::safe(&rate.recipe, 40)),
                json!(grouped(rate.params)),
                json!(format!("{:.2e}", rate.usual)),
                json!(tried.join("  ")),
                json!(rate.chosen.map_or(String::new(), |chosen| format!("×{chosen}"))),
            ]
        })
        .collect();
    let header = ["recipe", "params", "usual rate", "loss with the first seed", "taken"];
    text.push_str(&show::table(&header.map(str::to_owned), &rows));
}

fn ablations(text: &mut String, ablations: &[Ablated]) {
    if ablations.is_empty() {
        return;
    }
    let rows: Vec<Vec<Value>> = ablations
        .iter()
        .map(|row| {
            let deviation =
                row.deviation.map_or(String::new(), |deviation| format!(" ± {deviation:.4}"));
            vec![
                json!(show::safe(row.stage.as_deref().unwrap_or("no stage"), 40)),
                json!(row.way.told()),
                json!(show::safe(&row.against, 40)),
                json!(grouped(row.params)),
                json!(short(as_f64(row.tokens))),
                json!(format!("{:.4}", row.loss)),
                json!(format!("{:+.4}{deviation}", row.difference)),
                json!(format!("{} of {}", grouped(row.cost.dropped), grouped(row.cost.seen))),
                json!(format!("{:.2}", row.cost.seconds)),
            ]
        })
        .collect();
    let header = [
        "stage",
        "is",
        "against",
        "params",
        "tokens",
        "bits a byte",
        "difference",
        "drops",
        "core-seconds",
    ];
    text.push_str(&show::table(&header.map(str::to_owned), &rows));
}
