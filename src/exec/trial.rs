//! A pipeline over documents given by hand: what each would come to, up to what takes other
//! documents. For `tamis test`.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int64Type};
use serde_json::{Map, Value};

use super::ExecError;
use super::counters::Counters;
use super::engine::{Engine, Resources};
use crate::config::Pipeline;
use crate::config::outcome::LedgerDetail;
use crate::document::{Batch, Position, SignalType, Verdict};
use crate::model::Assets;
use crate::plan::lower::{self, LowerError};
use crate::read::BatchBuilder;
use crate::store::Store;

/// A pipeline ready to be tried.
pub struct Trial {
    engine: Engine,
}

/// A document to try it on.
#[derive(Debug, Clone, Copy)]
pub struct Specimen<'a> {
    /// Name of its source; the first one where `None`.
    pub source: Option<&'a str>,
    /// Its address.
    pub url: Option<&'a str>,
    /// Its text.
    pub text: &'a str,
}

/// What the pipeline made of a document.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The first stage of the file that drops it, and why; `None` where all let it pass.
    pub dropped: Option<(String, String)>,
    /// Every stage that would drop it, and why, in the order they ran.
    pub fails: Vec<(String, String)>,
    /// Its signals, `<stage>.<signal>`, without the ones that are null.
    pub signals: Map<String, Value>,
    /// Its text behind the last stage.
    pub text: String,
}

/// Why a pipeline cannot be tried.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// It cannot be planned.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// It cannot be run.
    #[error(transparent)]
    Exec(#[from] ExecError),
}

impl Trial {
    /// Makes the pipeline ready. Exchanges let every document pass.
    ///
    /// # Errors
    /// When something in the file cannot work.
    pub fn new(pipeline: &Pipeline, assets: &Assets) -> Result<Self, TrialError> {
        let mut plan = lower::without_input(pipeline, assets)?;
        // Every stage looks at every document.
        plan.ledger = LedgerDetail::Full;
        let resources = Resources { threads: 1, memory: 1 << 30, batch_bytes: None };
        Ok(Self { engine: Engine::new(plan, Store::in_memory(), resources, None, assets)? })
    }

    /// Tries it on a document.
    ///
    /// # Errors
    /// When a stage cannot run.
    pub fn run(&self, specimen: Specimen<'_>) -> Result<Finding, ExecError> {
        let plan = &self.engine.plan;
        let wanted = |source: &str| plan.sources.iter().position(|known| known.name == source);
        let source = specimen.source.and_then(wanted).unwrap_or(0);
        let name = plan.sources.get(source).map_or("", |source| source.name.as_str());
        let mut builder = BatchBuilder::new(name, plan.metadata.len(), 1, None);
        let mut metadata = vec![None; plan.metadata.len()];
        if let Some(url) = self.engine.url {
            metadata[url] = specimen.url;
        }
        builder.start_file(0, "test");
        builder.document(Position::plain(0), specimen.text, None, &metadata);
        let mut batch = builder.take();
        batch.audited = vec![true];
        let stages = 0..plan.stages.len();
        let source = u32::try_from(source).unwrap_or(u32::MAX);
        self.engine.run_stages(stages, source, &mut batch, &mut Counters::default())?;
        Ok(self.finding(&batch))
    }

    fn finding(&self, batch: &Batch) -> Finding {
        let plan = &self.engine.plan;
        let name = |stage: u16| {
            plan.stages.get(usize::from(stage)).map_or(String::new(), |stage| stage.name.clone())
        };
        let dropped = match batch.verdicts[0] {
            Verdict::Kept => None,
            Verdict::Dropped { stage, reason } => Some((name(stage), reason.to_string())),
            Verdict::Failed { reason } => Some((String::new(), reason.to_string())),
        };
        let mut signals = Map::new();
        for ((full, kind), column) in plan.signals.iter().zip(&batch.signals) {
            if column.is_valid(0) {
                let value = match kind {
                    SignalType::Int => Value::from(column.as_primitive::<Int64Type>().value(0)),
                    SignalType::Float => Value::from(column.as_primitive::<Float64Type>().value(0)),
                    SignalType::Text => Value::from(column.as_string::<i32>().value(0)),
                };
                signals.insert(full.clone(), value);
            }
        }
        Finding {
            dropped,
            fails: batch.fails[0]
                .iter()
                .map(|(s, reason)| (name(*s), reason.to_string()))
                .collect(),
            signals,
            text: batch.text(0).to_owned(),
        }
    }
}
