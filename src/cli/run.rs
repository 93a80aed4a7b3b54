//! `tamis run`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use clap::{Args, ValueEnum};

use super::funnel::Bars;
use super::{OutputFormat, Usage, print};
use crate::cluster::Cluster;
use crate::cluster::processes::Processes;
use crate::cluster::threads::Threads;
use crate::config::Pipeline;
use crate::config::bytes::ByteSize;
use crate::exec::driver::{self, RunOptions};
use crate::exec::engine::{Engine, Resources};
use crate::exec::summary::Summary;
use crate::model::Assets;
use crate::plan::{Plan, lower};
use crate::store::Store;

/// Share of the machine's memory that a run may take where `memory_limit` does not say.
const MEMORY_SHARE: (u64, u64) = (6, 10);

#[derive(Args)]
pub(super) struct Run {
    /// The pipeline file.
    pipeline: PathBuf,
    /// The run directory, a folder or URL (s3://bucket/run) [default: runs/<name>].
    #[arg(long, value_name = "DIR|URL")]
    out: Option<PathBuf>,
    /// What runs the tasks.
    #[arg(long, value_enum, default_value = "threads")]
    on: On,
    /// Threads (or processes) at a time [default: one a core].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Take the first N records of each source only.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Stop after this part.
    #[arg(long, value_enum, default_value = "train")]
    until: Until,
    /// Forget what earlier runs in the directory committed.
    #[arg(long)]
    fresh: bool,
    /// Keep exchange files at the end.
    #[arg(long)]
    keep_work: bool,
    /// Override a value: `--set seed=18`, `--set stage.gopher-quality.min_words=80`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Form of the summary on stdout.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
    /// Bytes of text in a batch; changes no result.
    #[arg(long, hide = true)]
    batch_size: Option<ByteSize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum On {
    /// Threads of this process.
    Threads,
    /// Processes on this machine.
    Processes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Until {
    /// documents/ and ledger/.
    Documents,
    /// tokens/.
    Tokens,
    /// All of the pipeline.
    Train,
}

impl Run {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let pipeline = Pipeline::load(&self.pipeline, &self.sets)?;
        if pipeline.train.is_some() && self.until == Until::Train && !cfg!(feature = "train") {
            let message = "the pipeline has a [train] table, but this build of tamis cannot train; \
                           build with `--features train` (see `make libtorch`) or add `--until tokens`";
            return Err(Usage(message.to_owned()).into());
        }
        // Loaded once, for the checks and for the run.
        let assets = Assets::default();
        let out = self.out.clone().unwrap_or_else(|| Path::new("runs").join(&pipeline.name));
        // Of a plan that another version of tamis left there is nothing to reuse.
        let previous = Store::open_existing(&out).ok().and_then(|store| Plan::load(&store).ok());
        let lowered = lower::lower(&pipeline, &assets, self.limit, previous.as_ref())?;
        let store = Store::open(&out)?;
        lowered.plan.save(&store, &lowered.splits).map_err(crate::exec::ExecError::from)?;
        store.put("pipeline.toml", Bytes::from(pipeline.text.text.clone().into_bytes()))?;
        let resources = self.resources(&pipeline)?;
        let engine = Arc::new(Engine::new(lowered.plan, store, resources, None, &assets)?);
        let summary = self.curate(&engine)?;
        match self.format {
            OutputFormat::Text => {
                print(&format!(
                    "{}{}{}{}\n",
                    summary.funnel(),
                    summary.contamination(),
                    summary.mixture(),
                    summary.headline()
                ))?;
            }
            OutputFormat::Json => print(&format!("{}\n", serde_json::to_string_pretty(&summary)?))?,
        }
        for warning in summary.warnings() {
            eprintln!("warning: {warning}");
        }
        eprintln!("{} → {}", pipeline.name, out.display());
        #[cfg(feature = "train")]
        if self.until == Until::Train
            && let Some(train) = &pipeline.train
        {
            let how = super::training::How {
                seat: crate::train::parallel::Seat::alone(),
                threads: engine.resources.threads,
                fresh: self.fresh,
                format: self.format,
            };
            super::training::train(how, train, &engine.store, &engine.plan, &assets)?;
        }
        Ok(())
    }

    fn curate(&self, engine: &Arc<Engine>) -> anyhow::Result<Summary> {
        let bars = Bars::new(self.format == OutputFormat::Json);
        let cluster: Box<dyn Cluster> = match self.on {
            On::Threads => Box::new(Threads),
            On::Processes => Box::new(Processes {
                program: std::env::current_exe()
                    .context("cannot find the program to start workers with")?,
            }),
        };
        let options = RunOptions {
            until: match self.until {
                Until::Documents => driver::Until::Documents,
                Until::Tokens | Until::Train => driver::Until::Tokens,
            },
            fresh: self.fresh,
            keep_work: self.keep_work,
            progress: &|progress| bars.show(&progress),
        };
        let summary = driver::run(engine, cluster.as_ref(), &options);
        bars.finish();
        Ok(summary?)
    }

    fn resources(&self, pipeline: &Pipeline) -> anyhow::Result<Resources> {
        let threads = match self.threads {
            Some(0) => {
                return Err(Usage("--threads 0 runs nothing; give 1 or more".to_owned()).into());
            }
            Some(threads) => threads,
            None => super::cores(),
        };
        let batch_bytes = self.batch_size.and_then(|size| usize::try_from(size.0).ok());
        Ok(Resources { batch_bytes, ..resources(threads, pipeline.memory_limit) })
    }
}

/// So many threads, and the memory of the limit or a share of this machine's.
pub(super) fn resources(threads: usize, limit: Option<ByteSize>) -> Resources {
    let memory =
        limit.map_or_else(|| machine_memory() / MEMORY_SHARE.1 * MEMORY_SHARE.0, |limit| limit.0);
    Resources { threads, memory, batch_bytes: None }
}

/// Memory of this machine in bytes.
fn machine_memory() -> u64 {
    // SAFETY: sysconf takes a constant and returns a number.
    #[expect(unsafe_code, reason = "the standard library does not tell the size of the memory")]
    let (pages, size) =
        unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    match (u64::try_from(pages), u64::try_from(size)) {
        (Ok(pages), Ok(size)) => pages * size,
        // Unknown: a laptop's worth.
        _ => 8 << 30,
    }
}
