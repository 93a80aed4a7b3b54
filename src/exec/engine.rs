//! A plan made ready to run: ops built, models loaded, threads started, memory dealt out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{ExecError, pushdown};
use crate::config::stage::Action;
use crate::model::Assets;
use crate::ops::{BuildContext, Columns, Condition, Op, OpError};
use crate::plan::{Plan, PlanStage};
use crate::read::Selection;
use crate::store::Store;
use crate::tokens::tokenizer::Tokenizer;

/// How tasks run; nothing here changes a result.
#[derive(Debug, Clone, Copy)]
pub struct Resources {
    /// Threads of this process.
    pub threads: usize,
    /// Bytes this process may hold.
    pub memory: u64,
    /// Bytes of text in a batch; by `memory` where `None`.
    pub batch_bytes: Option<usize>,
}

/// The smallest and largest batch, in bytes of text.
const BATCH: (usize, usize) = (64 << 10, 2 << 20);

impl Resources {
    /// Bytes one of `tasks` tasks may hold.
    fn share(&self) -> usize {
        let share = self.memory / self.threads.max(1) as u64;
        usize::try_from(share).unwrap_or(usize::MAX)
    }

    /// Bytes of text in a batch. About four copies of a batch's size are alive for each batch in
    /// flight (text, analysis, output), and the batches get a quarter of a task's memory.
    #[must_use]
    pub fn batch_bytes(&self) -> usize {
        self.batch_bytes
            .unwrap_or_else(|| (self.share() / (16 * self.in_flight())).clamp(BATCH.0, BATCH.1))
            .max(1)
    }

    /// Batches between reader and sink of one task.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        2 * self.threads + 2
    }

    /// Bytes an exchange writer may hold: a quarter of a task's memory.
    #[must_use]
    pub fn exchange_bytes(&self) -> usize {
        self.share() / 4
    }
}

/// A stage, built.
pub(super) struct BuiltStage {
    pub name: String,
    pub op: Op,
    pub only: Option<Vec<u32>>,
    pub when: Option<Condition>,
    pub action: Action,
    /// Types of its signals.
    pub kinds: Vec<crate::document::SignalType>,
}

/// The tokenizer, loaded.
pub(super) struct BuiltTokens {
    pub tokenizer: Arc<Tokenizer>,
    pub end_of_document: u32,
}

/// A plan ready to run in this process.
pub struct Engine {
    /// The plan.
    pub plan: Plan,
    /// The run directory.
    pub store: Store,
    /// Threads and memory.
    pub resources: Resources,
    pub(super) pool: ThreadPool,
    /// `None` where no task of this process runs the stage.
    pub(super) stages: Vec<Option<BuiltStage>>,
    pub(super) tokens: Option<BuiltTokens>,
    /// For each source, what tells the texts that are wanted; `None` where all are.
    pub(super) selections: Vec<Option<Arc<dyn Selection>>>,
    /// Column of `url` among the kept fields.
    pub(super) url: Option<usize>,
    attempts: AtomicU64,
}

impl Engine {
    /// Builds what the tasks of the phase `only` need, or those of all phases.
    ///
    /// # Errors
    /// When a model cannot be loaded or a setting cannot work.
    pub fn new(
        plan: Plan,
        store: Store,
        resources: Resources,
        only: Option<usize>,
        assets: &Assets,
    ) -> Result<Self, ExecError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(resources.threads.max(1))
            .thread_name(|index| format!("tamis-worker-{index}"))
            .build()?;
        let mut columns = Columns { metadata: plan.metadata.clone(), signals: Vec::new() };
        let mut stages = Vec::new();
        for (index, stage) in plan.stages.iter().enumerate() {
            let wanted = match only {
                Some(phase) => plan.phases[phase].kind.runs_stage(index),
                None => true,
            };
            if !wanted {
                // A worker process runs one task: it need not load the models of other phases.
                stages.push(None);
                columns.signals.extend_from_slice(&plan.signals[stage.signals.clone()]);
                continue;
            }
            let built = build(stage, assets, &columns, &plan)
                .map_err(|source| ExecError::Stage { stage: stage.name.clone(), source })?;
            columns.signals.extend_from_slice(&plan.signals[stage.signals.clone()]);
            stages.push(Some(built));
        }
        let encodes = only.is_none_or(|phase| plan.phases[phase].kind.tokenizes());
        let tokens = match &plan.tokens {
            Some(tokens) if encodes => Some(BuiltTokens {
                tokenizer: assets.tokenizer(&tokens.tokenizer)?,
                end_of_document: tokens.end_of_document,
            }),
            _ => None,
        };
        let mut selections = vec![None; plan.sources.len()];
        for (source, selection) in (0u32..).zip(&mut selections) {
            *selection = pushdown::selection(&plan, source)
                .map_err(|error| ExecError::Stage { stage: "where".to_owned(), source: error })?;
        }
        let url = plan.metadata.iter().position(|field| field == "url");
        let attempts = AtomicU64::new(0);
        Ok(Self { plan, store, resources, pool, stages, tokens, selections, url, attempts })
    }

    /// A name for one attempt at a task, unlike any other's: it keeps the files of attempts apart
    /// that run at the same time, and never reaches a result.
    pub(super) fn attempt(&self) -> String {
        let number = self.attempts.fetch_add(1, Ordering::Relaxed);
        format!("{:x}-{:x}-{number}", std::process::id(), process_start())
    }
}

/// When this process started, as far as it matters for unique names.
fn process_start() -> u128 {
    use std::sync::OnceLock;
    static START: OnceLock<u128> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "a name for scratch files, not a result")]
    let now = || {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos())
    };
    *START.get_or_init(now)
}

fn build(
    stage: &PlanStage,
    assets: &Assets,
    columns: &Columns,
    plan: &Plan,
) -> Result<BuiltStage, OpError> {
    let sources: Vec<String> = plan.sources.iter().map(|source| source.name.clone()).collect();
    let context = BuildContext { assets, columns, seed: plan.seed, sources: &sources };
    let op = stage.typed_settings()?.build(&context)?;
    let when = stage.when.as_deref().map(|sql| Condition::compile(sql, columns)).transpose()?;
    Ok(BuiltStage {
        name: stage.name.clone(),
        op,
        only: stage.only.clone(),
        when,
        action: stage.action,
        kinds: plan.signals[stage.signals.clone()].iter().map(|(_, kind)| *kind).collect(),
    })
}
