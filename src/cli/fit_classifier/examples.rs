//! Reading labelled texts.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use arrow::array::{Array, StringArray};
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_128;

use super::super::Usage;
use crate::config::classifier::{Classifier, LabelledSource, Labels, PartChoice};
use crate::document::DocumentId;
use crate::model::classifier::Preprocess;
use crate::model::fit::{Labelled, Part};
use crate::plan::inputs;
use crate::read::split::{Split, SplitPlanner};
use crate::read::{self, BatchBuilder, Fields, Format, ReadError};
use crate::store::StoreError;

/// Stored bytes that one thread reads at a time, about.
const PIECE_BYTES: u64 = 32 << 20;

/// Text of one batch.
const BATCH_BYTES: usize = 4 << 20;

/// All texts of the sources.
pub(super) struct Read {
    /// Every label there is, sorted.
    pub(super) labels: Vec<String>,
    /// The texts, with what their sources say they are for.
    pub(super) texts: Vec<(Labelled, Option<Part>)>,
    /// Records without a text.
    pub(super) empty: u64,
    /// Records that cannot be read.
    pub(super) failed: u64,
    /// Records whose label is missing, left out as wanted.
    pub(super) unlabelled: u64,
}

/// A text as its record has it.
struct Record {
    id: DocumentId,
    text: String,
    labels: Vec<String>,
    group: u128,
}

#[derive(Default)]
struct Found {
    records: Vec<Record>,
    empty: u64,
    failed: u64,
    unlabelled: u64,
}

/// Reads what the configuration names; relative paths start at `base`.
pub(super) fn read(config: &Classifier, base: &Path) -> anyhow::Result<Read> {
    let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
    let (mut all, mut read) = (
        Vec::new(),
        Read { labels: Vec::new(), texts: Vec::new(), empty: 0, failed: 0, unlabelled: 0 },
    );
    for (index, source) in config.sources.iter().enumerate() {
        let source = &source.value;
        let mut found = of_source(source, config, base)?;
        if let Some(limit) = source.labels.limit {
            let seed = config.head.seed;
            found
                .records
                .sort_by_key(|record| (record.id.random(seed, "fit-classifier-limit"), record.id));
            found.records.truncate(limit);
        }
        found.records.sort_by_key(|record| record.id);
        for record in &found.records {
            for label in &record.labels {
                numbers.entry(label.clone()).or_default();
            }
        }
        read.empty += found.empty;
        read.failed += found.failed;
        read.unlabelled += found.unlabelled;
        all.push((index, source, found.records));
    }
    for (number, index) in (0..).zip(numbers.values_mut()) {
        *index = number;
    }
    read.labels = numbers.keys().cloned().collect();
    for (index, source, records) in all {
        let part = source.labels.part.map(|part| match part {
            PartChoice::Train => Part::Train,
            PartChoice::Validation => Part::Validation,
            PartChoice::Test => Part::Test,
        });
        for record in records {
            let mut labels: Vec<u32> = record.labels.iter().map(|label| numbers[label]).collect();
            labels.sort_unstable();
            labels.dedup();
            // It stands in the order of the labels' names; drawn again by `split`.
            let Record { text, group, .. } = record;
            let labelled = Labelled { text, labels, source: index, group, part: Part::Train };
            read.texts.push((labelled, part));
        }
    }
    Ok(read)
}

fn of_source(source: &LabelledSource, config: &Classifier, base: &Path) -> anyhow::Result<Found> {
    let LabelledSource { source, labels } = source;
    let found = inputs::find(base, source.path.as_slice()).map_err(|error| match error {
        inputs::InputError::Store(error) => anyhow::Error::new(error),
        error => anyhow::Error::new(Usage(format!("source `{}`: {error}", source.name))),
    })?;
    let mut columns: Vec<String> = Vec::new();
    columns.extend(labels.label_field.clone());
    columns.extend(labels.flag_fields.iter().flatten().cloned());
    columns.extend(labels.group_field.clone());
    let fields = source.fields(&columns);
    let mut planner = SplitPlanner::new(&found.store, 0, PIECE_BYTES, None);
    for file in &found.files {
        let named = source.format_of(&file.path);
        let format = Format::or_of_content(named, &found.store, file)?;
        let format = format.ok_or_else(|| {
            Usage(format!(
                "the format of `{}` can be told neither from its name nor from its content; give \
                 `format`",
                file.path
            ))
        })?;
        planner.add(file, format)?;
    }
    let all = Mutex::new(Found::default());
    let reading = Reading {
        store: &found.store,
        fields: &fields,
        source: &source.name,
        labels,
        preprocess: config.head.preprocess,
        skip: config.head.skip_unlabelled,
    };
    planner.finish().par_iter().try_for_each(|split| -> anyhow::Result<()> {
        let own = reading.split(split)?;
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        all.records.extend(own.records);
        all.empty += own.empty;
        all.failed += own.failed;
        all.unlabelled += own.unlabelled;
        Ok(())
    })?;
    Ok(all.into_inner().unwrap_or_else(PoisonError::into_inner))
}

struct Reading<'a> {
    store: &'a crate::store::Store,
    fields: &'a Fields,
    source: &'a str,
    labels: &'a Labels,
    preprocess: Preprocess,
    skip: bool,
}

impl Reading<'_> {
    fn split(&self, split: &Split) -> anyhow::Result<Found> {
        let mut found = Found::default();
        let mut buffer = String::new();
        let mut builder =
            BatchBuilder::new(self.source, self.fields.metadata.len(), BATCH_BYTES, None);
        for (number, piece) in (0..).zip(&split.pieces) {
            builder.start_file(number, &piece.file);
            let mut reader = read::open(self.store, split.format, self.fields, piece)
                .map_err(|error| self.failed(error))?;
            loop {
                let more = reader.fill(&mut builder).map_err(|error| self.failed(error))?;
                let batch = builder.take();
                for row in 0..batch.len() {
                    if !batch.verdicts[row].is_kept() {
                        found.failed += 1;
                        continue;
                    }
                    let text = cut(batch.text(row), self.labels.max_chars);
                    let text = self.preprocess.apply(text, &mut buffer);
                    if text.trim().is_empty() {
                        found.empty += 1;
                        continue;
                    }
                    let columns = &batch.metadata;
                    match self.labels_of(columns, row) {
                        Ok(labels) => found.records.push(Record {
                            id: batch.ids[row],
                            group: self.group_of(columns, row, text),
                            text: text.to_owned(),
                            labels,
                        }),
                        Err(_) if self.skip => found.unlabelled += 1,
                        Err(reason) => {
                            let place = batch.positions[row].offset;
                            anyhow::bail!(Usage(format!(
                                "source `{}`, `{}`, record at {place}: {reason}",
                                self.source, piece.file
                            )));
                        }
                    }
                }
                if !more {
                    break;
                }
            }
        }
        Ok(found)
    }

    fn failed(&self, error: ReadError) -> anyhow::Error {
        match error {
            ReadError::Store(StoreError::NotFound { .. } | _) => error.into(),
            error => anyhow::Error::new(error).context(format!("source `{}`", self.source)),
        }
    }

    fn group_of(&self, columns: &[StringArray], row: usize, text: &str) -> u128 {
        let given = self.labels.group_field.as_ref().and_then(|_| columns.last());
        match given.filter(|column| column.is_valid(row)) {
            Some(column) => xxh3_128(format!("{}\0{}", self.source, column.value(row)).as_bytes()),
            None => Labelled::group_of(text),
        }
    }

    /// The labels of a record, or what is wrong with it.
    fn labels_of(&self, columns: &[StringArray], row: usize) -> Result<Vec<String>, String> {
        let value = |column: usize| -> Option<&str> {
            columns
                .get(column)
                .filter(|column| column.is_valid(row))
                .map(|column| column.value(row))
        };
        let Labels { label, label_field, label_map, flag_fields, .. } = self.labels;
        if let Some(label) = label {
            return Ok(vec![label.clone()]);
        }
        if let Some(field) = label_field {
            let found = value(0).ok_or_else(|| {
                format!("there is no label in `{field}`; skip_unlabelled = true leaves it out")
            })?;
            let values = match serde_json::from_str::<Vec<serde_json::Value>>(found) {
                Ok(list) if found.starts_with('[') => list
                    .iter()
                    .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                    .collect(),
                _ => vec![found.to_owned()],
            };
            let mapped = values.into_iter().map(|value| match label_map {
                None if value.is_empty() || value.contains(char::is_whitespace) => {
                    Err(format!("`{value}` in `{field}` cannot be a label; add a label_map"))
                }
                None => Ok(value),
                Some(map) => map.get(&value).cloned().ok_or_else(|| {
                    format!("label_map does not list `{value}`, which stands in `{field}`")
                }),
            });
            let labels: Result<Vec<String>, String> = mapped.collect();
            return Ok(labels?.into_iter().filter(|label| !label.is_empty()).collect());
        }
        let mut labels = Vec::new();
        for (number, field) in flag_fields.iter().flatten().enumerate() {
            let found = value(number).ok_or_else(|| format!("there is no field `{field}`"))?;
            let holds = match found {
                "true" | "True" => true,
                "false" | "False" => false,
                other => other.parse::<f64>().map_or_else(
                    |_| {
                        Err(format!("`{other}` in `{field}` is neither a number nor true or false"))
                    },
                    |number| Ok(number >= 0.5),
                )?,
            };
            if holds {
                labels.push(field.rsplit('.').next().unwrap_or(field).to_owned());
            }
        }
        Ok(labels)
    }
}

/// The first `most` characters, up to the last line's end among them where there is one.
fn cut(text: &str, most: Option<usize>) -> &str {
    let Some((end, _)) = most.and_then(|most| text.char_indices().nth(most)) else { return text };
    match text[..end].rfind('\n') {
        Some(line) if line > end / 2 => &text[..line],
        _ => &text[..end],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_a_line() {
        assert_eq!(cut("abc", Some(5)), "abc");
        assert_eq!(cut("abc\nde", Some(5)), "abc");
        assert_eq!(cut("a\nbcdefg", Some(5)), "a\nbcd");
        assert_eq!(cut("你好世界", Some(2)), "你好");
        assert_eq!(cut("abc", None), "abc");
    }
}
