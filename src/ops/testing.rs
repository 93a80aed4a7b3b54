//! For the tests of ops: an op, made from TOML as a pipeline would, over one document.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int64Type};

use super::{
    BuildContext, Columns, Decision, Op, OpError, SignalLookup, SignalType, SignalValue, find,
};
use crate::document::{Batch, Position, SignalColumn};
use crate::model::Assets;
use crate::read::BatchBuilder;
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
    let mut signals = BTreeMap::new();
    for ((name, kind), column) in names.into_iter().zip(columns) {
        let column = column.finish();
        if column.is_valid(0) {
            let value = match kind {
                SignalType::Int => SignalValue::Int(column.as_primitive::<Int64Type>().value(0)),
                SignalType::Float => {
                    SignalValue::Float(column.as_primitive::<Float64Type>().value(0))
                }
                SignalType::Text => {
                    SignalValue::OwnedText(column.as_string::<i32>().value(0).to_owned())
                }
            };
            signals.insert(name, value);
        }
    }
    let trial = Trial { decision, signals, text };
    if let Some(judged) = settings.judge(&trial) {
        assert_eq!(judged, trial.decision, "judge and document differ: {trial:?}");
    }
    trial
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
