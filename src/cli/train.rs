//! `tamis train`.

#[cfg(feature = "train")]
use std::ffi::OsString;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::{OutputFormat, Usage, print};
use crate::config::Pipeline;
use crate::config::train::{Preset, TrainConfig, TrainSettings};
use crate::exec::summary::grouped;
use crate::plan::Plan;
use crate::store::Store;

/// Operations a second and core that a training on a CPU comes to, in 32 bits: 55 to 65 billion
/// were measured with AVX-512.
const CPU_CORE: f64 = 55e9;
/// Operations a second of a training on one H100 in bfloat16: 40 % of what it could do.
const H100: f64 = 4e14;

/// Train on the shards of a finished run, as its `[train]` says; or tell what that would take.
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "options of a command")]
pub(super) struct Train {
    /// The run directory, or the pipeline file.
    #[arg(required_unless_present = "list_presets")]
    target: Option<String>,
    /// The run directory of a pipeline file [default: runs/<name>].
    #[arg(long, value_name = "DIR|URL")]
    out: Option<PathBuf>,
    /// List the sizes of models and what a training of each takes by default.
    #[arg(long)]
    list_presets: bool,
    /// Tell sizes, schedule, memory and cost, and train nothing.
    #[arg(long)]
    dry_run: bool,
    /// Begin anew: remove the checkpoints of earlier trainings.
    #[arg(long)]
    fresh: bool,
    /// Tokens of the vocabulary, for --list-presets.
    #[arg(long, value_name = "N", default_value_t = 50_257)]
    vocab_size: u32,
    /// Tokens of a sequence, for --list-presets.
    #[arg(long, value_name = "N", default_value_t = 1_024)]
    sequence_length: usize,
    /// Processes that train together on this machine: one for each CUDA device, or several on its
    /// processors. Without it, torchrun's variables (RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR,
    /// MASTER_PORT) or those of `srun` count. A training may go on with another number.
    #[arg(long, value_name = "N")]
    nproc: Option<u32>,
    /// Seconds that a process waits for another one that is there but does not answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 1_800)]
    timeout: u64,
    /// Sum gradients in an order of their own, so that any number of processes comes to the same
    /// bytes: `train.ordered_sums`, which makes it another training.
    #[arg(long)]
    ordered_sums: bool,
    /// Threads of libtorch in each process [default: one a core, shared by the processes of a
    /// machine; one with ordered sums].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Override a value of the pipeline file: `--set train.steps=100`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Form of the report on stdout.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

impl Train {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if self.threads == Some(0) {
            return Err(Usage("--threads 0 runs nothing; give 1 or more".to_owned()).into());
        }
        if self.list_presets {
            return print(&presets(self.sequence_length, self.vocab_size)?);
        }
        let (mut config, store) = self.open()?;
        if self.ordered_sums {
            config.ordered_sums = Some(true);
        }
        let plan = Plan::load(&store).context("the run directory has no plan; run it first")?;
        let Some(tokens) = &plan.tokens else {
            let message = "the run has no [tokens], so there is nothing to train on".to_owned();
            return Err(Usage(message).into());
        };
        if self.dry_run {
            let mut config = config;
            config.seed.get_or_insert(plan.seed);
            if let Some(from) = config.from.clone() {
                take_shape(&mut config, &from)?;
            }
            let layout = &tokens.layout;
            let settings = config.resolve(layout.sequence_length as usize, layout.vocab_size)?;
            return print(&dry_run(&settings, self.threads(self.nproc.unwrap_or(1))));
        }
        #[cfg(feature = "train")]
        {
            let seat = self.seat()?;
            let how = super::training::How {
                threads: self.threads(seat.local_size()),
                seat,
                fresh: self.fresh,
                format: self.format,
            };
            let assets = crate::model::Assets::default();
            super::training::train(how, &config, &store, &plan, &assets)
        }
        #[cfg(not(feature = "train"))]
        Err(Usage(
            "this build of tamis cannot train; build with `--features train` (see `make libtorch`) \
             or add --dry-run"
                .to_owned(),
        )
        .into())
    }

    /// Threads of libtorch in a process that shares its processors with others.
    fn threads(&self, processes: u32) -> usize {
        self.threads.unwrap_or_else(|| (super::cores() / processes.max(1) as usize).max(1))
    }

    /// The place of this process among those that train together, which `--nproc` starts.
    #[cfg(feature = "train")]
    fn seat(&self) -> anyhow::Result<crate::train::parallel::Seat> {
        use crate::train::parallel::Seat;
        let limit = std::time::Duration::from_secs(self.timeout.max(1));
        let Some(processes) = self.nproc else { return Ok(Seat::from_environment(limit)?) };
        if processes == 0 {
            return Err(Usage("--nproc 0 trains nothing; give 1 or more".to_owned()).into());
        }
        if std::env::var_os("RANK").is_some() || std::env::var_os("WORLD_SIZE").is_some() {
            let message = "--nproc starts the processes itself, but RANK or WORLD_SIZE says that \
                           another launcher has done so; leave one of the two";
            return Err(Usage(message.to_owned()).into());
        }
        Ok(Seat::start(processes, &without_nproc(std::env::args_os().skip(1)), limit)?)
    }

    /// The `[train]` table, and the run whose shards it is for.
    fn open(&self) -> anyhow::Result<(TrainConfig, Store)> {
        let target = self.target.as_deref().unwrap_or_default();
        let missing =
            || Usage(format!("{target} has no [train] table; add one, see `tamis schema`"));
        if Path::new(target).is_file() {
            let pipeline = Pipeline::load(Path::new(target), &self.sets)?;
            let out = self.out.clone();
            let out = out.unwrap_or_else(|| Path::new("runs").join(&pipeline.name));
            let config = pipeline.train.as_ref().ok_or_else(missing)?;
            return Ok(((**config).clone(), Store::open_existing(&out)?));
        }
        if self.out.is_some() || !self.sets.is_empty() {
            let message = "--out and --set go with a pipeline file, not with a run directory";
            return Err(Usage(message.to_owned()).into());
        }
        let store = Store::open_existing(target)?;
        let text = store.read("pipeline.toml")?;
        let tables: Tables = toml::from_slice(&text).with_context(|| {
            format!("{target}/pipeline.toml cannot be read alone; give the pipeline file and --out")
        })?;
        let config = tables.train.ok_or_else(missing)?;
        let mut elsewhere = config.clone();
        elsewhere.resolve_paths(Path::new("elsewhere"));
        if config != elsewhere {
            let message = format!(
                "paths in [train] are relative to the pipeline file, of which {target}/pipeline.toml is \
                 a copy; give the pipeline file and `--out {target}`"
            );
            return Err(Usage(message).into());
        }
        Ok((config, store))
    }
}

/// Gives `config` the shape of the model in `from` that it begins with.
#[cfg(feature = "train")]
fn take_shape(config: &mut TrainConfig, from: &Path) -> anyhow::Result<()> {
    crate::train::Initial::open(from)?.give_shape(config);
    Ok(())
}

#[cfg(not(feature = "train"))]
fn take_shape(_: &mut TrainConfig, from: &Path) -> anyhow::Result<()> {
    let message = format!(
        "the shape of the model in {} can only be read by a build with `--features train`",
        from.display()
    );
    Err(Usage(message).into())
}

/// Arguments without `--nproc` and its value.
#[cfg(feature = "train")]
fn without_nproc(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        if argument == "--nproc" {
            arguments.next();
        } else if !argument.to_string_lossy().starts_with("--nproc=") {
            kept.push(argument);
        }
    }
    kept
}

/// What is read of a run's copy of its pipeline file.
#[derive(serde::Deserialize)]
struct Tables {
    train: Option<TrainConfig>,
}

/// A row for each preset with the defaults it brings.
fn presets(sequence_length: usize, vocab_size: u32) -> anyhow::Result<String> {
    let mut table = format!(
        "Vocabulary of {} tokens, sequences of {}; in 32 bits.\n\
         preset  layers  width  heads     parameters  no embeddings   FLOP/token     memory  \
         batch tokens     rate  warm-up tokens  training tokens\n",
        grouped(vocab_size.into()),
        grouped(sequence_length as u64),
    );
    for preset in Preset::ALL {
        let config = TrainConfig { preset: Some(preset), ..TrainConfig::default() };
        let settings = config.resolve(sequence_length, vocab_size)?;
        let _ = writeln!(
            table,
            "{:>6}  {:>6}  {:>5}  {:>5}  {:>13}  {:>13}  {:>11.2e}  {:>9}  {:>12}  {:>7.2e}  \
             {:>14}  {:>15}",
            preset.name(),
            settings.layers,
            grouped(settings.width.into()),
            settings.heads,
            grouped(settings.parameters()),
            grouped(settings.non_embedding()),
            as_f64(settings.flops_per_token()),
            gigabytes(settings.training_bytes(1)),
            grouped(settings.batch_tokens()),
            settings.learning_rate,
            grouped(settings.warmup_steps * settings.batch_tokens()),
            grouped(settings.tokens()),
        );
    }
    table.push_str(
        "FLOP/token: 6 N + 12 · layers · width · sequence length, the output matrix in N. Memory: \
         weights, gradients, moments, activations of one sequence.\n",
    );
    Ok(table)
}

/// What a training comes to.
fn dry_run(settings: &TrainSettings, threads: usize) -> String {
    let flops = as_f64(settings.flops_per_token()) * as_f64(settings.tokens());
    let hours = |rate: f64| format!("{:.2}", flops / rate / 3_600.0);
    let TrainSettings { layers, width, heads, kv_heads, ffn_width, .. } = settings;
    let schedule = serde_json::to_value(settings.schedule).unwrap_or_default();
    let precision = serde_json::to_value(settings.precision).unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "a number of threads")]
    let cores = threads as f64;
    format!(
        "model     {} parameters, {} without embeddings: {layers} layers, width {width}, {heads} \
         heads ({kv_heads} of keys and values), inner width {ffn_width}\n\
         training  {} steps of {} tokens ({} sequences of {}): {} tokens\n\
         schedule  {} steps of warm-up to {:.3e}, then {}; weight decay {}, clipping at {}\n\
         memory    {} for weights, gradients and moments, {} a sequence of a micro-batch; {}\n\
         cost      {flops:.2e} operations; about {} hours on {threads} CPU threads, {} on an H100\n",
        grouped(settings.parameters()),
        grouped(settings.non_embedding()),
        grouped(settings.steps),
        grouped(settings.batch_tokens()),
        grouped(settings.batch_sequences),
        grouped(settings.sequence_length.into()),
        grouped(settings.tokens()),
        grouped(settings.warmup_steps),
        settings.learning_rate,
        schedule.as_str().unwrap_or_default(),
        settings.weight_decay,
        settings.clip,
        gigabytes(settings.state_bytes()),
        gigabytes(settings.activation_bytes()),
        precision.as_str().unwrap_or_default(),
        hours(CPU_CORE * cores),
        hours(H100),
    )
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.3} GB", as_f64(bytes) / 1e9)
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn as_f64(number: u64) -> f64 {
    number as f64
}
