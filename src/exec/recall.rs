//! Documents of earlier runs, which an index remembers: they send records as if they were here, and
//! what this run adds to the index at its end.

use super::ExecError;
use super::answers::Answers;
use super::engine::Engine;
use super::manifest::{Manifest, Output, Role};
use super::task::Inputs;
use crate::exchange::{Cuts, ExchangeWriter, Piece, Record, Segment, Version};
use crate::ops::{Op, Outbox, Recalled, place};
use crate::plan::{FlowInput, PhaseKind, Plan};
use crate::store::Store;

/// Which remembered documents send what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recalling {
    pub stage: usize,
    pub step: usize,
    /// Number of the piece of the index, and of the task.
    pub piece: u32,
    pub cuts: Cuts,
}

/// Lets the documents of one piece send their records.
pub(super) fn run(
    engine: &Engine,
    recalling: Recalling,
    answers: Option<&Inputs>,
    work: &str,
) -> Result<Vec<Output>, ExecError> {
    let Recalling { stage, step, piece, cuts } = recalling;
    let index = engine.plan.stages[stage].index.as_ref();
    let found = index.and_then(|index| Some((index, index.pieces.get(piece as usize)?)));
    let (Some((index, file)), Some(built)) = (found, &engine.stages[stage]) else {
        return Ok(Vec::new());
    };
    let Op::Exchange(op) = &built.op else { return Ok(Vec::new()) };
    let split = engine.plan.splits + piece;
    let store = Store::open_existing(&index.root)?;
    let scratch = format!("{work}.in");
    let mut answers = match answers {
        Some(inputs) => Some(Answers::open(&engine.store, inputs, split, &scratch)?),
        None => None,
    };
    let budget = engine.resources.exchange_bytes();
    let mut out = ExchangeWriter::new(&engine.store, format!("{work}.records"), cuts, budget);
    let mut sent = 0;
    let mut record = Record::default();
    let mut row = 0;
    if let Some(mut reader) = crate::exchange::PartReader::one(&store, &file.path, 0)? {
        while reader.next_into(&mut record)? {
            let told = match &mut answers {
                Some(answers) => answers.of_row(row)?,
                None => Vec::new(),
            };
            let place = place(split, row).map_err(|error| engine.stage_error(stage, error))?;
            let recalled = Recalled { place, bytes: &record.payload, answers: &told };
            let mut outbox = Outbox::default();
            op.recall(step, recalled, &mut outbox)
                .map_err(|error| engine.stage_error(stage, error))?;
            sent += outbox.deliver(&mut out)?;
            row += 1;
        }
    }
    if let Some(answers) = answers {
        answers.close()?;
    }
    Ok(vec![Output { role: Role::Exchange, written: out.finish()?, rows: sent }])
}

/// Adds what the run remembered to the indexes of its stages, each at once.
pub(super) fn publish(store: &Store, plan: &Plan) -> Result<(), ExecError> {
    for (number, phase) in plan.phases.iter().enumerate() {
        let PhaseKind::Flow { input: FlowInput::Spool { stage, .. }, .. } = &phase.kind else {
            continue;
        };
        let stage = &plan.stages[*stage];
        let Some(index) = &stage.index else { continue };
        let there = Store::open(&index.root)?;
        let (latest, mut version) = Version::latest(&there, &stage.op, &index.settings)?;
        if version.segments.iter().any(|segment| segment.name == index.segment) {
            // Added by this very run before.
            continue;
        }
        if latest != index.version {
            let path = index.root.to_string();
            return Err(crate::exchange::IndexError::Overtaken { path }.into());
        }
        let mut pieces = Vec::new();
        for task in 0..phase.tasks {
            let Some(manifest) = Manifest::load(store, phase, number, task)? else { continue };
            let remembered =
                manifest.outputs.into_iter().filter(|output| output.role == Role::Remembered);
            for output in remembered.filter(|output| output.rows > 0) {
                let path = format!("segments/{}/{task:06}", index.segment);
                there.put(&path, store.read(&output.written.path)?)?;
                let xxh3 = output.written.xxh3.clone();
                pieces.push(Piece { path, rows: output.rows, xxh3 });
            }
        }
        version.segments.push(Segment { name: index.segment.clone(), pieces });
        version.publish(&there, latest + 1)?;
    }
    Ok(())
}
