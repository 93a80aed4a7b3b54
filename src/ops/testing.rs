//! For the tests of ops: an op, made from TOML as a pipeline would, over one document, or over
//! several that meet.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Float64Type, Int64Type};

use super::{
    BuildContext, Columns, Decision, MeetTask, Op, OpError, Outbox, Participants, SignalLookup,
    SignalType, SignalValue, Step, Target, find,
};
use crate::document::{Batch, Position, SignalColumn};
use crate::exchange::{Cuts, ExchangeWriter, Record, merge_part};
use crate::model::Assets;
use crate::read::BatchBuilder;
use crate::store::Store;
use crate::text::SPLITS;

/// What an op made of a document.
#[derive(Debug)]
pub(super) struct Trial {
    pub decision: Decision,
    pub signals: BTreeMap<String, SignalValue<'static>>,
    /// The new text, where the op gave one.
    pub text: Option<String>,
}

impl Trial {
    /// A numeric signal.
    pub(super) fn number(&self, name: &str) -> f64 {
        SignalLookup::number(self, name).unwrap_or_else(|| panic!("{name} in {self:?}"))
    }

    /// The reason of the drop; empty where it is kept.
    pub(super) fn reason(&self) -> &'static str {
        match self.decision {
            Decision::Keep => "",
            Decision::Drop(reason) => reason.as_str(),
        }
    }
}

impl SignalLookup for Trial {
    fn signal(&self, name: &str) -> Option<SignalValue<'_>> {
        self.signals.get(name).cloned()
    }
}

/// Runs the op `name` with the settings `toml` over a document. Where [`super::Settings::judge`]
/// says something about the signals, it must say the same.
pub(super) fn trial(name: &str, toml: &str, text: &str) -> Trial {
    trial_at(name, toml, text, None)
}

/// [`trial`] over a document with an address.
pub(super) fn trial_at(name: &str, toml: &str, text: &str, url: Option<&str>) -> Trial {
    let entry = find(name).unwrap();
    let mut settings = (entry.from_toml)(toml::de::Deserializer::parse(toml).unwrap()).unwrap();
    settings.resolve_paths(std::path::Path::new(env!("CARGO_MANIFEST_DIR")));
    let columns = Columns { metadata: vec!["url".to_owned()], signals: Vec::new() };
    let assets = Assets::default();
    let op = settings
        .build(&BuildContext { assets: &assets, columns: &columns, seed: 7, sources: &[] })
        .unwrap();
    let names = settings.signals(&columns).unwrap();
    let mut columns: Vec<SignalColumn> =
        names.iter().map(|(_, kind)| SignalColumn::new(*kind, 1)).collect();
    let batch = batch(text, url);
    let (decision, text) = match op {
        Op::Document(op) => {
            let outcome = op.run(&batch, &[0], Some(0), &mut columns);
            let text = outcome.edits.rows.first();
            let text = text.map(|(_, range)| outcome.edits.texts[range.clone()].to_owned());
            (outcome.decisions[0], text)
        }
        Op::Partition(op) => (op.partition(&batch, &[0], &mut columns).unwrap()[0], None),
        Op::Exchange(_) | Op::Join(_) => panic!("an exchange op needs an engine"),
    };
    let columns: Vec<ArrayRef> = columns.into_iter().map(SignalColumn::finish).collect();
    let trial = Trial { decision, signals: values(&names, &columns, 0), text };
    if let Some(judged) = settings.judge(&trial) {
        assert_eq!(judged, trial.decision, "judge and document differ: {trial:?}");
    }
    trial
}

/// The signals of a row.
fn values(
    names: &[(String, SignalType)],
    columns: &[ArrayRef],
    row: usize,
) -> BTreeMap<String, SignalValue<'static>> {
    let mut signals = BTreeMap::new();
    for ((name, kind), column) in names.iter().zip(columns) {
        if column.is_valid(row) {
            let value = match kind {
                SignalType::Int => SignalValue::Int(column.as_primitive::<Int64Type>().value(row)),
                SignalType::Float => {
                    SignalValue::Float(column.as_primitive::<Float64Type>().value(row))
                }
                SignalType::Text => {
                    SignalValue::OwnedText(column.as_string::<i32>().value(row).to_owned())
                }
            };
            signals.insert(name.clone(), value);
        }
    }
    signals
}

/// How an exchange of a test runs; nothing here may change what comes of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setup {
    /// Tasks of a meet step.
    pub parts: u32,
    /// Bytes that a meet task may hold.
    pub budget: usize,
}

/// Runs the exchange op `name` over splits, each a source and its documents, as the engine would.
pub(super) fn exchange(
    name: &str,
    toml: &str,
    splits: &[(&str, Vec<&str>)],
    setup: Setup,
) -> Vec<Vec<Trial>> {
    let document = |text: &&str| ((*text).to_owned(), Vec::new());
    let splits: Vec<_> = splits
        .iter()
        .map(|(source, texts)| (*source, texts.iter().map(document).collect()))
        .collect();
    exchange_of(name, toml, &Columns::default(), &splits, setup)
}

/// A split's source, and the texts and kept fields of its documents.
pub(super) type Split<'a> = (&'a str, Vec<(String, Vec<Option<String>>)>);

/// [`exchange`] over documents with the kept fields that `columns` names.
pub(super) fn exchange_of(
    name: &str,
    toml: &str,
    columns: &Columns,
    splits: &[Split<'_>],
    setup: Setup,
) -> Vec<Vec<Trial>> {
    let entry = find(name).unwrap();
    let settings = (entry.from_toml)(toml::de::Deserializer::parse(toml).unwrap()).unwrap();
    let assets = Assets::default();
    let mut sources: Vec<String> = splits.iter().map(|(source, _)| (*source).to_owned()).collect();
    sources.dedup();
    let context = BuildContext { assets: &assets, columns, seed: 7, sources: &sources };
    let Ok(Op::Exchange(op)) = settings.build(&context) else { panic!("{name} with {toml}") };
    let names = settings.signals(columns).unwrap();
    let store = Store::in_memory();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let batches: Vec<Batch> = splits
        .iter()
        .map(|(source, texts)| {
            let fields = columns.metadata.len();
            let mut builder = BatchBuilder::new(source, fields, usize::MAX, None);
            for (row, (text, fields)) in (0..).zip(texts) {
                let fields: Vec<Option<&str>> = fields.iter().map(Option::as_deref).collect();
                builder.document(Position::plain(row), text, None, &fields);
            }
            builder.take()
        })
        .collect();
    let rows: Vec<u64> = batches.iter().map(|batch| batch.len() as u64).collect();
    // What each split is told by the step before.
    let answers = |files: &[String], split: u32| {
        let mut found = Vec::new();
        merge_part(&store, files, split, "answers", |record| {
            found.push((crate::exec::join::row(record) as usize, record.clone()));
            Ok::<(), OpError>(())
        })
        .unwrap();
        found
    };
    let steps = settings.steps();
    let mut files: Vec<String> = Vec::new();
    for (step, kind) in steps.iter().enumerate() {
        let before = std::mem::take(&mut files);
        let next = match steps.get(step + 1) {
            Some(Step::Send) | None => Cuts::Splits,
            Some(Step::Meet(Target::One)) => Cuts::Even { parts: 1 },
            Some(Step::Meet(Target::Documents)) => Cuts::Even { parts: setup.parts },
        };
        if matches!(kind, Step::Send) {
            for (split, batch) in (0u32..).zip(&batches) {
                let found = answers(&before, split);
                let all: Vec<usize> = (0..batch.len()).collect();
                let documents = participants(batch, &all, split, &sources, splits, &found);
                let mut sent = Outbox::default();
                op.send(step, &documents, &mut sent).unwrap();
                let path = format!("{step}-{split}");
                let mut out = ExchangeWriter::new(&store, path.clone(), next, setup.budget);
                for (key, payload) in sent.records() {
                    out.push(*key, payload).unwrap();
                }
                out.finish().unwrap();
                files.push(path);
            }
            continue;
        }
        for part in 0..setup.parts {
            let work = format!("{step}-{part}");
            let mut task = MeetTask {
                store: &store,
                inputs: &before,
                part,
                work: &work,
                budget: setup.budget,
                rows: &rows,
                pool: &pool,
                out: ExchangeWriter::new(&store, format!("{work}.out"), next, setup.budget),
                figures: super::Figures::default(),
                sent: 0,
            };
            op.meet(step, &mut task).unwrap();
            task.out.finish().unwrap();
            files.push(format!("{work}.out"));
        }
    }
    let mut trials = Vec::new();
    for (split, batch) in (0u32..).zip(&batches) {
        let found = answers(&files, split);
        let all: Vec<usize> = (0..batch.len()).collect();
        let documents = participants(batch, &all, split, &sources, splits, &found);
        let mut columns: Vec<SignalColumn> =
            names.iter().map(|(_, kind)| SignalColumn::new(*kind, batch.len())).collect();
        let outcome = op.conclude(&documents, &mut columns).unwrap().outcome;
        let columns: Vec<ArrayRef> = columns.into_iter().map(SignalColumn::finish).collect();
        let trial = |(row, &decision): (usize, &Decision)| {
            let edit = outcome.edits.rows.iter().find(|(edited, _)| *edited == row);
            let text = edit.map(|(_, range)| outcome.edits.texts[range.clone()].to_owned());
            Trial { decision, signals: values(&names, &columns, row), text }
        };
        trials.push(outcome.decisions.iter().enumerate().map(trial).collect());
    }
    trials
}

fn participants<'a>(
    batch: &'a Batch,
    rows: &'a [usize],
    split: u32,
    sources: &[String],
    splits: &[Split<'a>],
    answers: &'a [(usize, Record)],
) -> Participants<'a> {
    let source_name = splits[split as usize].0;
    let source = sources.iter().position(|source| source == source_name).unwrap();
    let source = u32::try_from(source).unwrap();
    Participants { batch, rows, url: None, split, source, source_name, answers }
}

/// Runs the op `name` over a batch; tells how often it had words split.
pub(super) fn splits(name: &str, toml: &str, batch: &Batch) -> u64 {
    let entry = find(name).unwrap();
    let settings = (entry.from_toml)(toml::de::Deserializer::parse(toml).unwrap()).unwrap();
    let (assets, columns) = (Assets::default(), Columns::default());
    let context = BuildContext { assets: &assets, columns: &columns, seed: 7, sources: &[] };
    let Ok(Op::Document(op)) = settings.build(&context) else {
        panic!("{name} looks at no document")
    };
    let names = settings.signals(&columns).unwrap();
    let mut columns: Vec<SignalColumn> =
        names.iter().map(|(_, kind)| SignalColumn::new(*kind, 1)).collect();
    let before = SPLITS.get();
    op.run(batch, &[0], None, &mut columns);
    SPLITS.get() - before
}

/// The error of building the op `name` with the settings `toml`.
pub(super) fn refused(name: &str, toml: &str) -> OpError {
    let entry = find(name).unwrap();
    let mut settings = (entry.from_toml)(toml::de::Deserializer::parse(toml).unwrap()).unwrap();
    settings.resolve_paths(std::path::Path::new(env!("CARGO_MANIFEST_DIR")));
    let (assets, columns) = (Assets::default(), Columns::default());
    let context = BuildContext { assets: &assets, columns: &columns, seed: 7, sources: &[] };
    match settings.build(&context) {
        Ok(_) => panic!("`{toml}` should be refused"),
        Err(error) => error,
    }
}

/// A batch of one document.
pub(super) fn batch(text: &str, url: Option<&str>) -> Batch {
    let mut builder = BatchBuilder::new("web", 1, 1 << 20, None);
    builder.document(Position::plain(0), text, None, &[url]);
    builder.take()
}
