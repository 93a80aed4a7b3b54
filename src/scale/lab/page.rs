//! The part of `scale.html` that a ladder adds to laws and verdicts.

use std::fmt::Write;

use super::report::Report;
use crate::report::svg::{escaped, short};
use crate::scale::as_f64;
use crate::scale::page::table;

/// Its tables.
pub(super) fn section(report: &Report) -> String {
    let mut page = String::from("<h2>The ladder</h2>\n");
    let kept = report.recipes.iter().map(|kept| {
        let counts = [kept.read, kept.documents, kept.bytes, kept.tokens].map(as_f64);
        let mut row = vec![kept.recipe.clone()];
        row.extend(counts.map(short));
        row
    });
    table(&mut page, &["recipe", "records", "documents", "bytes", "tokens"], kept);
    let sets = report.sets.iter().map(|set| {
        let counts = [set.documents, set.bytes, set.contaminated].map(as_f64);
        let mut row = vec![set.name.clone()];
        row.extend(counts.map(short));
        row
    });
    table(&mut page, &["evaluation", "texts", "bytes", "left out, in a recipe too"], sets);
    if let Some(settled) = &report.settled {
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "<p>The largest size, as predicted on {} (digest {}):</p>",
            escaped(&settled.date),
            escaped(&settled.digest)
        );
        let outcomes = settled.outcomes.iter().filter(|outcome| outcome.measured.is_some());
        let rows = outcomes.map(|outcome| {
            let expected = &outcome.expected;
            let number =
                |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.4}"));
            let interval = expected.interval.map_or(String::new(), |interval| {
                format!("{:.4} to {:.4}", interval.low, interval.high)
            });
            vec![
                expected.evaluation.clone(),
                expected.recipe.clone(),
                short(expected.params),
                short(expected.tokens),
                number(Some(expected.loss)),
                interval,
                number(outcome.measured),
            ]
        });
        let header = ["evaluation", "recipe", "params", "tokens", "predicted", "95 %", "measured"];
        table(&mut page, &header, rows);
    }
    let ablations = report.ablations.iter().map(|row| {
        let deviation =
            row.deviation.map_or(String::new(), |deviation| format!(" ± {deviation:.4}"));
        vec![
            row.stage.clone().unwrap_or_else(|| "no stage".to_owned()),
            row.way.told().to_owned(),
            row.against.clone(),
            short(as_f64(row.tokens)),
            format!("{:.4}", row.loss),
            format!("{:+.4}{deviation}", row.difference),
        ]
    });
    let header = ["stage", "is", "against", "tokens", "bits a byte", "difference"];
    if !report.ablations.is_empty() {
        table(&mut page, &header, ablations);
    }
    page
}
