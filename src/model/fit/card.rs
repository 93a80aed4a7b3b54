//! The model card: what a classifier was made of and what it is worth, as Markdown.

use std::fmt::Write;

use super::{Counts, Fitted, Labelled, Part};
use crate::model::classifier::Length;

/// What the configuration says of a model, for its card.
pub struct About<'a> {
    /// The model's name.
    pub name: &'a str,
    /// What it is for.
    pub description: &'a str,
    /// Its licence.
    pub licence: &'a str,
    /// What it is not good for.
    pub limits: &'a [String],
    /// Name, label and origin of each source.
    pub sources: Vec<(String, String, String)>,
    /// The command that makes the same files.
    pub command: String,
    /// What dividing the texts did.
    pub counts: Counts,
}

/// The card.
#[must_use]
#[expect(clippy::too_many_lines, reason = "it reads like the card")]
pub fn card(about: &About<'_>, texts: &[Labelled], fitted: &Fitted) -> String {
    let mut card = format!("# {}\n\n", about.name);
    let report = &fitted.report;
    let best = &report.trials[report.best];
    if !about.description.is_empty() {
        let _ = writeln!(card, "{}\n", about.description.trim());
    }
    let file = if fitted.quantised { "ftz" } else { "bin" };
    let preprocess = serde_json::to_string(&fitted.sidecar.preprocess).unwrap_or_default();
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(
        card,
        "* `{name}.{file}`: a fastText classifier of {bytes} bytes, which the fastText tool reads \
         too; texts must be brought into the form {preprocess} first (`tamis` does)\n\
         * `{name}.json`: calibration and thresholds by label",
        name = about.name,
        bytes = report.bytes
    );
    if fitted.sidecar.length == Length::Root {
        card.push_str(
            "* a linear model: its log-odds must be multiplied by the square root of the number of \
             words and n-grams it knows in the text (`tamis` does)\n",
        );
    }
    if !fitted.sidecar.languages.is_empty() {
        let _ = writeln!(card, "* languages: {}", fitted.sidecar.languages.join(", "));
    }
    if !about.licence.is_empty() {
        let _ = writeln!(card, "* licence: {}", about.licence);
    }
    let _ = writeln!(card, "* made by `{}`: the same input gives the same bytes\n", about.command);
    card.push_str("## Data\n\n| source | label | train | validation | test | origin |\n");
    card.push_str("|---|---|---:|---:|---:|---|\n");
    for (number, (name, label, origin)) in about.sources.iter().enumerate() {
        let count =
            |part| texts.iter().filter(|text| text.source == number && text.part == part).count();
        let _ = writeln!(
            card,
            "| {} | {} | {} | {} | {} | {} |",
            cell(name),
            cell(label),
            count(Part::Train),
            count(Part::Validation),
            count(Part::Test),
            cell(origin)
        );
    }
    let Counts { copies, straddling, conflicting } = about.counts;
    let _ = writeln!(
        card,
        "\nLeft out: {copies} copies (the same letters and digits, the same labels) and \
         {straddling} texts that stand among those to test with. {conflicting} texts stand there \
         with different labels.\n"
    );
    let _ = writeln!(
        card,
        "## Training\n\n{} trials; the best on the validation part: `{}`.\n",
        report.trials.len(),
        best.shown
    );
    let _ = writeln!(card, "## Figures\n\nOf the test part, which chose nothing.\n");
    if let Some(accuracy) = report.accuracy {
        let _ = writeln!(card, "Accuracy of the best label: {accuracy:.4}.\n");
    }
    card.push_str(
        "| label | texts | ROC-AUC | average precision | threshold | F1 | log loss before → after \
         calibration | Brier | calibration error |\n|---|---:|---:|---:|---:|---:|---|---|---|\n",
    );
    for label in &report.labels {
        let pair = |(before, after): (f64, f64)| format!("{before:.4} → {after:.4}");
        let _ = writeln!(
            card,
            "| {} | {} | {:.4} | {:.4} | {:.2} | {:.4} | {} | {} | {} |",
            cell(&label.label),
            label.positives,
            label.roc_auc,
            label.average_precision,
            label.threshold,
            label.f1,
            pair(label.log_loss),
            pair(label.brier),
            pair(label.calibration_error)
        );
    }
    let _ =
        writeln!(card, "\n![ROC, precision-recall and calibration curves]({}.svg)\n", about.name);
    for label in &report.labels {
        let _ = writeln!(
            card,
            "### Thresholds for `{}`\n\n| probability ≥ | precision | recall | share kept |\n\
             |---:|---:|---:|---:|",
            label.label
        );
        for at in &label.thresholds {
            let _ = writeln!(
                card,
                "| {} | {:.4} | {:.4} | {:.4} |",
                at.threshold, at.precision, at.recall, at.kept
            );
        }
        card.push('\n');
    }
    if !about.limits.is_empty() {
        card.push_str("## Limits\n\n");
        for limit in about.limits {
            let _ = writeln!(card, "* {}", limit.trim());
        }
    }
    card.truncate(card.trim_end().len());
    card.push('\n');
    card
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
