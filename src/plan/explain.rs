//! Plans as people read them.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{FlowInput, FlowOutput, Phase, PhaseKind, Plan, PlanTokens, pushdown};
use crate::config::bytes::ByteSize;
use crate::config::stage::Action;
use crate::exchange::Cuts;
use crate::exec::summary::grouped;
use crate::read::Format;

/// The plan as indented text.
#[must_use]
pub fn text(plan: &Plan) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "pipeline {} (seed {})", plan.name, plan.seed);
    for source in &plan.sources {
        let _ = writeln!(
            out,
            "  source {}: {} files, {}",
            source.name,
            source.files,
            ByteSize(source.bytes)
        );
    }
    for (index, phase) in plan.phases.iter().enumerate() {
        let tasks = if phase.tasks == 1 { "task" } else { "tasks" };
        let _ = writeln!(
            out,
            "phase {}  {} {tasks}  {}",
            phase.name(index),
            phase.tasks,
            &phase.digest[..8.min(phase.digest.len())]
        );
        for line in lines(plan, phase) {
            let _ = writeln!(out, "  {line}");
        }
    }
    out
}

fn lines(plan: &Plan, phase: &Phase) -> Vec<String> {
    let mut lines = Vec::new();
    match &phase.kind {
        PhaseKind::Flow { input, stages, output } => {
            lines.push(match input {
                FlowInput::Source => format!("read {} splits", plan.splits),
                FlowInput::Spool { documents, verdicts, .. } => format!(
                    "read the documents of {} with the verdicts of {}",
                    plan.phases[*documents].name(*documents),
                    plan.phases[*verdicts].name(*verdicts)
                ),
            });
            if matches!(input, FlowInput::Source) {
                lines.extend(pushed(plan));
            }
            lines.extend(plan.order[stages.clone()].iter().map(|&index| stage(plan, index)));
            match output {
                FlowOutput::Exchange { stage: index, cuts } => {
                    lines.push(format!(
                        "put documents aside; keys of {} → hash exchange, {}",
                        plan.stages[*index].name,
                        parts(*cuts)
                    ));
                    let settings = plan.stages[*index].typed_settings();
                    lines.extend(settings.map(|settings| settings.notes()).unwrap_or_default());
                }
                FlowOutput::Final { .. } => {
                    lines.push("write documents/ and ledger/".to_owned());
                    if let Some(tokens) = &plan.tokens {
                        lines.push(format!(
                            "tokenize ({} ids, end of document {}); ids → range exchange by {}shuffled order",
                            tokens.layout.vocab_size, tokens.layout.end_of_document, cells(tokens)
                        ));
                    }
                }
            }
        }
        PhaseKind::Table { stage: index, cuts } => {
            let count = plan.stages[*index].table.as_ref().map_or(0, |table| table.pieces.len());
            let plural = if count == 1 { "piece" } else { "pieces" };
            lines.push(format!(
                "read {count} {plural} of the table of {}",
                plan.stages[*index].name
            ));
            lines.push(format!("rows → hash exchange by key, {}", parts(*cuts)));
        }
        PhaseKind::Send { stage: index, documents, answers, cuts, .. } => {
            lines.push(format!(
                "read the documents of {} with the answers of {}",
                plan.phases[*documents].name(*documents),
                plan.phases[*answers].name(*answers)
            ));
            lines.push(format!(
                "records of {} → hash exchange, {}",
                plan.stages[*index].name,
                parts(*cuts)
            ));
        }
        PhaseKind::Recall { stage: index, cuts, .. } => {
            let pieces = plan.stages[*index].index.as_ref().map_or(&[][..], |index| &index.pieces);
            let rows: u64 = pieces.iter().map(|piece| piece.rows).sum();
            let name = &plan.stages[*index].name;
            lines.push(format!("read {rows} documents from the index of {name}"));
            lines.push(format!("records of {name} → hash exchange, {}", parts(*cuts)));
        }
        PhaseKind::Meet { stage: index, from, table, recalled, cuts, .. } => {
            let table = table
                .or(*recalled)
                .map(|table| format!(" with {}", plan.phases[table].name(table)));
            lines.push(format!(
                "merge the records of {}{}",
                plan.phases[*from].name(*from),
                table.unwrap_or_default()
            ));
            let target = match cuts {
                Cuts::Splits => "answers → exchange by split",
                _ => "records → one task",
            };
            lines.push(format!("{}: {target}", stage(plan, *index)));
        }
        PhaseKind::Count { .. }
        | PhaseKind::Deal { .. }
        | PhaseKind::Rows { .. }
        | PhaseKind::Shard { .. }
        | PhaseKind::Dataset { .. } => lines.extend(token_lines(plan, &phase.kind)),
    }
    lines
}

/// What the phases behind the last flow do.
fn token_lines(plan: &Plan, kind: &PhaseKind) -> Vec<String> {
    let mut lines = Vec::new();
    match kind {
        PhaseKind::Count { from } => {
            let from = plan.phases[*from].name(*from);
            lines.push(format!("count the tokens of {from} by cell"));
        }
        PhaseKind::Deal { from, .. } => {
            let from = plan.phases[*from].name(*from);
            lines.push(format!(
                "deal out the documents of {from} to the mixture, some left out, some repeated → range exchange by place"
            ));
        }
        PhaseKind::Rows { from, .. } => {
            let from = plan.phases[*from].name(*from);
            lines.push(format!(
                "pack the documents of {from} → range exchange of rows by shuffled order"
            ));
        }
        PhaseKind::Shard { from, .. } => {
            lines.push(format!("merge the tokens of {}", plan.phases[*from].name(*from)));
            if let Some(tokens) = &plan.tokens {
                lines.push(format!(
                    "write tokens/ ({}, about {} tokens a shard) and tokens/index/",
                    tokens.layout.format.name(),
                    grouped(tokens.shard_tokens)
                ));
            }
        }
        PhaseKind::Dataset { .. } => {
            lines.push("write tokens/dataset.json, its card and the blend".to_owned());
        }
        _ => {}
    }
    lines
}

/// What documents are put together by before they are shuffled.
fn cells(tokens: &PlanTokens) -> String {
    match &tokens.config.mixture {
        Some(mixture) => format!("{}, then ", mixture.by.as_slice().join(", ")),
        None => String::new(),
    }
}

/// For each source of columns, the conditions that are asked before a text is decoded.
fn pushed(plan: &Plan) -> impl Iterator<Item = String> {
    let columns = (0u32..).zip(&plan.sources).filter(|(_, source)| {
        // The one format whose reader asks.
        source.formats.contains(&Format::Parquet)
    });
    columns.filter_map(|(index, source)| {
        let names: Vec<&str> = pushdown::stages(plan, index)
            .into_iter()
            .map(|stage| plan.stages[stage].name.as_str())
            .collect();
        (!names.is_empty()).then(|| {
            format!(
                "pushed down to the Parquet files of {}: {} (texts are decoded where it holds)",
                source.name,
                names.join(", ")
            )
        })
    })
}

fn stage(plan: &Plan, index: usize) -> String {
    let stage = &plan.stages[index];
    let mut line = stage.name.clone();
    if stage.name != stage.op {
        let _ = write!(line, " ({})", stage.op);
    }
    if let Some(only) = &stage.only {
        let names: Vec<_> =
            only.iter().map(|&source| plan.sources[source as usize].name.as_str()).collect();
        let _ = write!(line, " only {}", names.join(", "));
    }
    if let Some(when) = &stage.when {
        let _ = write!(line, " when {when}");
    }
    if stage.action == Action::Annotate {
        line.push_str(" annotate");
    }
    line
}

fn parts(cuts: Cuts) -> String {
    let plural =
        |count: u32, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    match cuts {
        Cuts::Even { parts } => plural(parts, "part"),
        Cuts::Splits => "one part a split".to_owned(),
        Cuts::Blocks => "ranges found when they are read".to_owned(),
    }
}

/// The plan as JSON, with the lines of the text form for each phase.
#[must_use]
pub fn json(plan: &Plan) -> Value {
    let phases: Vec<Value> = plan
        .phases
        .iter()
        .enumerate()
        .map(|(index, phase)| {
            json!({
                "name": phase.name(index),
                "tasks": phase.tasks,
                "digest": phase.digest,
                "kind": phase.kind,
                "does": lines(plan, phase),
            })
        })
        .collect();
    json!({
        "name": plan.name,
        "seed": plan.seed,
        "sources": plan.sources.iter().map(|source| json!({
            "name": source.name, "files": source.files, "bytes": source.bytes,
        })).collect::<Vec<_>>(),
        "splits": plan.splits,
        "stages": plan.stages,
        "phases": phases,
    })
}
