//! The blend: in which shares a trainer reads the cells, in the words of several trainers.
//!
//! Paths in it are relative to `tokens/`. A cell's share is dealt out to its shards by their tokens,
//! where a trainer weighs shards.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{CellShare, Dataset, Stage, ratio};
use crate::config::tokens::ShardFormat;
use crate::tokens::shard::ShardEntry;

/// Path and content of each file; none where the mixture is one stream.
pub(super) fn files(dataset: &Dataset) -> Vec<(String, Vec<u8>)> {
    if dataset.materialized {
        return Vec::new();
    }
    let mut files = Vec::new();
    for (number, stage) in dataset.stages.iter().enumerate() {
        let name = if stage.name.is_empty() { "mixture" } else { &stage.name };
        let mut put = |end: &str, text: String| {
            files.push((format!("tokens/blend/{name}.{end}"), text.into_bytes()));
        };
        put("json", pretty(&plain(dataset, stage)));
        match dataset.layout.format {
            ShardFormat::Megatron => {
                let weighed = weighed(dataset, stage);
                put("megatron.txt", megatron(&weighed));
                put("megatron.json", pretty(&megatron_splits(dataset, &weighed)));
            }
            ShardFormat::Mds => put("mosaicml.yaml", mosaicml(stage)),
            ShardFormat::Datatrove => put("nanotron.yaml", nanotron(dataset, number, stage)),
            _ => {}
        }
    }
    files
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// The stage's cells and their shards, for any program.
fn plain(dataset: &Dataset, stage: &Stage) -> Value {
    let cells = stage.cells.iter().enumerate().map(|(index, cell)| {
        json!({
            "cell": cell.cell,
            "folder": cell.folder,
            "weight": cell.asked_share,
            "tokens": cell.asked,
            "epochs": cell.epochs,
            "shards": shards(dataset, index).map(|shard| &shard.name).collect::<Vec<_>>(),
        })
    });
    json!({
        "stage": stage.name,
        "tokens": stage.tokens,
        "cells": cells.collect::<Vec<_>>(),
    })
}

/// The training shards of a cell.
fn shards(dataset: &Dataset, cell: usize) -> impl Iterator<Item = &ShardEntry> {
    let train = dataset.shards.iter().filter(|shard| !shard.place.validation);
    train.filter(move |shard| shard.cell == Some(cell))
}

/// Shards and their weights; none with weight 0, which Megatron refuses.
fn weighed<'a>(dataset: &'a Dataset, stage: &Stage) -> Vec<(f64, &'a str)> {
    let cells = stage.cells.iter().enumerate().filter(|(_, cell)| cell.asked > 0);
    let weigh = |(index, cell): (usize, &CellShare)| {
        let (share, available) = (cell.asked_share, cell.available.tokens);
        shards(dataset, index)
            .map(move |shard| (share * ratio(shard.shard.tokens, available), shard.name.as_str()))
    };
    cells.flat_map(weigh).collect()
}

/// For `--data-args-path`: weight and prefix, in turn.
fn megatron(weighed: &[(f64, &str)]) -> String {
    let mut text = String::new();
    for (weight, name) in weighed {
        let _ = writeln!(text, "{weight:.9} {name}");
    }
    text
}

/// For `--per-split-data-args-path`.
fn megatron_splits(dataset: &Dataset, weighed: &[(f64, &str)]) -> Value {
    let train =
        weighed.iter().flat_map(|(weight, name)| [format!("{weight:.9}"), (*name).to_owned()]);
    let held = dataset.shards.iter().filter(|shard| shard.place.validation);
    let valid = held.flat_map(|shard| {
        let weight = ratio(shard.shard.tokens, dataset.validation.count.tokens);
        [format!("{weight:.9}"), shard.name.clone()]
    });
    json!({
        "train": train.collect::<Vec<_>>(),
        "valid": valid.collect::<Vec<_>>(),
        "test": null,
    })
}

/// Streams of MosaicML's `StreamingDataset`, as LLM Foundry's configuration has them.
fn mosaicml(stage: &Stage) -> String {
    let mut text = "streams:\n".to_owned();
    for cell in stage.cells.iter().filter(|cell| cell.asked > 0) {
        let folder = cell.folder.as_deref().unwrap_or(".");
        let name = folder.replace('/', "-");
        let _ = writeln!(
            text,
            "  {name}:\n    local: {folder}\n    split: train\n    proportion: {:.9}",
            cell.asked_share
        );
    }
    text
}

/// A stage of nanotron's `data_stages`.
fn nanotron(dataset: &Dataset, number: usize, stage: &Stage) -> String {
    let before: u64 = dataset.stages[..number].iter().map(|stage| stage.tokens).sum();
    let name = if stage.name.is_empty() { "mixture" } else { &stage.name };
    let step = before / u64::from(dataset.sequence_length.max(1));
    let mut text = format!(
        "# start_training_step counts steps: divide {step} sequences by your global batch size, add 1.\n\
         data_stages:\n- name: {name}\n  start_training_step: {}\n  data:\n    dataset:\n",
        if number == 0 { "1".to_owned() } else { format!("null # {step} / batch + 1") }
    );
    let cells: Vec<&CellShare> = stage.cells.iter().filter(|cell| cell.asked > 0).collect();
    text.push_str("      dataset_folder:\n");
    for cell in &cells {
        let folder = cell.folder.as_deref().unwrap_or(".");
        let _ = writeln!(text, "      - {folder}/train");
    }
    text.push_str("      dataset_weights:\n");
    for cell in &cells {
        let _ = writeln!(text, "      - {:.9}", cell.asked_share);
    }
    let _ = writeln!(
        text,
        "      vocab_size: {}\n      token_size_in_bytes: {}",
        dataset.layout.vocab_size,
        dataset.layout.width.bytes()
    );
    text
}
