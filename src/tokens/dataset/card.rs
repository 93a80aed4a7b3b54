//! The data card: a README in the form of Hugging Face's
//! [dataset cards](https://huggingface.co/docs/hub/datasets-cards).

use std::fmt::Write;

use super::{Dataset, Stage, Total};
use crate::config::tokens::{Packing, ShardFormat};
use crate::exec::summary::grouped;
use crate::plan::Plan;

/// The card. It is read by people and rendered by browsers, and names of cells are data: they stand
/// in code spans, without what would end one.
pub(super) fn write(plan: &Plan, dataset: &Dataset) -> String {
    let mut text = front_matter(dataset);
    let layout = &dataset.layout;
    let _ = write!(
        text,
        "# {}\n\nToken shards made by tamis {}. \
         `dataset.json` holds the same for machines.\n\n",
        dataset.name, dataset.tamis
    );
    let packing = match layout.packing {
        Packing::Documents => "documents one behind the other".to_owned(),
        Packing::Concatenate => {
            format!("rows of {} tokens, cut where full", layout.sequence_length)
        }
        Packing::BestFit => format!("rows of {} tokens, best fit", layout.sequence_length),
    };
    let _ = write!(
        text,
        "| | |\n|--|--|\n| format | `{}`, {} bytes a token, {packing} |\n\
         | tokenizer | {} ids, end of document {}, xxh3 `{}` |\n| training | {} |\n\
         | validation | {} |\n| seed | {} |\n| recipe | `{}` |\n\n",
        layout.format.name(),
        layout.width.bytes(),
        grouped(u64::from(layout.vocab_size)),
        layout.end_of_document,
        dataset.tokenizer,
        total(&dataset.train),
        total(&dataset.validation),
        dataset.seed,
        dataset.recipe,
    );
    let _ = writeln!(text, "## Mixture\n");
    if !dataset.by.is_empty() {
        let by: Vec<String> = dataset.by.iter().map(|field| code(field)).collect();
        let how = if dataset.materialized {
            "The shards are one stream that holds the mixture."
        } else {
            "Each cell has its own shards; `blend/` says in which shares to read them."
        };
        let _ = writeln!(text, "Cells by {}. {how}\n", by.join(", "));
    }
    for stage in &dataset.stages {
        mixture(stage, &mut text);
    }
    let _ = writeln!(text, "## Curation\n\nSources: {}.\n", sources(plan));
    for stage in &plan.stages {
        let settings = serde_json::to_string(&scrubbed(&stage.settings)).unwrap_or_default();
        let _ = writeln!(text, "* `{}` ({}): {}", stage.name, stage.op, code(&settings));
    }
    text
}

fn front_matter(dataset: &Dataset) -> String {
    let size = match dataset.train.count.documents {
        0..1_000 => "n<1K",
        1_000..10_000 => "1K<n<10K",
        10_000..100_000 => "10K<n<100K",
        100_000..1_000_000 => "100K<n<1M",
        1_000_000..10_000_000 => "1M<n<10M",
        10_000_000..100_000_000 => "10M<n<100M",
        100_000_000..1_000_000_000 => "100M<n<1B",
        _ => "n>1B",
    };
    let name = serde_json::to_string(&dataset.name).unwrap_or_default();
    let mut text = format!(
        "---\npretty_name: {name}\ntask_categories:\n- text-generation\nsize_categories:\n- {size}\n\
         tags:\n- tamis\n- pretraining\n"
    );
    if dataset.layout.format == ShardFormat::Parquet {
        text.push_str("configs:\n- config_name: default\n  data_files:\n");
        for (split, validation) in [("train", false), ("validation", true)] {
            let mut files = dataset
                .shards
                .iter()
                .filter(|shard| shard.place.validation == validation)
                .flat_map(|shard| &shard.shard.files)
                .filter_map(|file| file.path.strip_prefix("tokens/"))
                .peekable();
            if files.peek().is_some() {
                let _ = write!(text, "  - split: {split}\n    path:\n");
            }
            for file in files {
                let _ = writeln!(text, "    - {file}");
            }
        }
    }
    text.push_str("---\n\n");
    text
}

fn total(total: &Total) -> String {
    let mut text = format!(
        "{} tokens of {} documents in {} shards",
        grouped(total.count.tokens),
        grouped(total.count.documents),
        grouped(total.shards)
    );
    if total.rows > 0 {
        let _ = write!(
            text,
            ", {} rows with {} tokens of padding; {} documents cut",
            grouped(total.rows),
            grouped(total.padding),
            grouped(total.cut)
        );
    }
    text
}

fn mixture(stage: &Stage, text: &mut String) {
    if !stage.name.is_empty() {
        let _ = writeln!(text, "### {}: {} tokens\n", stage.name, grouped(stage.tokens));
    }
    text.push_str(
        "| cell | documents | tokens | asked for | obtained | read |\n|--|--:|--:|--:|--:|--:|\n",
    );
    for cell in &stage.cells {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.4} % | {:.4} % | {:.3} × |",
            code(&cell.cell),
            grouped(cell.available.documents),
            grouped(cell.available.tokens),
            cell.asked_share * 100.0,
            cell.obtained_share * 100.0,
            cell.epochs
        );
    }
    text.push('\n');
}

fn sources(plan: &Plan) -> String {
    let names: Vec<String> = plan.sources.iter().map(|source| code(&source.name)).collect();
    names.join(", ")
}

/// Settings without folders: where files lie is nobody else's business, and differs from machine to
/// machine.
fn scrubbed(settings: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match settings {
        Value::String(text) if text.starts_with('/') || text.contains("://") => {
            Value::String(text.rsplit('/').next().unwrap_or_default().to_owned())
        }
        Value::Array(values) => Value::Array(values.iter().map(scrubbed).collect()),
        Value::Object(values) => Value::Object(
            values.iter().map(|(key, value)| (key.clone(), scrubbed(value))).collect(),
        ),
        other => other.clone(),
    }
}

/// A code span that its content cannot end.
fn code(content: &str) -> String {
    let safe: String = content
        .chars()
        .map(|c| if matches!(c, '`' | '|') || c.is_control() { '_' } else { c })
        .collect();
    format!("`{safe}`")
}
