//! `tamis scale`.

#[cfg(feature = "train")]
mod findings;
mod plan;

#[cfg(feature = "train")]
use std::path::Path;
use std::path::PathBuf;

use clap::Args;

use super::{OutputFormat, Usage, print, show};
use crate::config::scale::Scale as Config;
use crate::scale::ladder;

const ABOUT: &str = "\
The file names recipes (pipelines) and model sizes; SCALING.md has one and says what comes out. Each
recipe is run, one tokenizer is fitted to all of them, every model is trained on every recipe, and
laws are fitted to the losses. What is in the folder already is not done again: the same command
goes on after a crash, or with more seeds.

On several machines that see one folder, start the command on one of them, and on the others
`tamis scale --worker --out DIR`, as many as shall train at a time.";

/// Compare recipes on a ladder of model sizes: curate, train, fit, judge.
#[derive(Args)]
#[command(after_help = ABOUT)]
pub(super) struct Scale {
    /// The TOML file with recipes and ladder.
    #[arg(required_unless_present = "worker")]
    ladder: Option<PathBuf>,
    /// The folder of the ladder [default: runs/<name>].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Tell the trainings and their cost, and train nothing.
    #[arg(long)]
    dry_run: bool,
    /// Trainings at a time on this machine, each on one thread [default: one a core]; with 0 workers
    /// elsewhere do them all.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Do trainings of the ladder in --out, until there are no more.
    #[arg(long, requires = "out", conflicts_with_all = ["ladder", "dry_run", "threads"])]
    worker: bool,
    /// Keep the checkpoints of trainings that have ended.
    #[arg(long)]
    keep_checkpoints: bool,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

impl Scale {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let Some(file) = self.ladder.clone() else {
            #[cfg(feature = "train")]
            return self.work();
            #[cfg(not(feature = "train"))]
            return Err(untrainable());
        };
        let mut config = Config::load(&file)?;
        if let Some(path) = &config.ladder.tokenizer {
            let tokenizer = crate::model::Assets::default().tokenizer(path)?;
            config.ladder.vocabulary = tokenizer.vocab_size();
        }
        let plan =
            ladder::plan(&config).map_err(|error| Usage(format!("{}: {error}", file.display())))?;
        if self.dry_run {
            return match self.format {
                OutputFormat::Json => print(&show::json(&plan)?),
                OutputFormat::Text => print(&plan::text(&config, &plan)),
            };
        }
        if self.format == OutputFormat::Text {
            eprint!("{}", plan::text(&config, &plan));
        }
        #[cfg(feature = "train")]
        {
            let out = self.out.clone();
            let out = out.unwrap_or_else(|| Path::new("runs").join(&config.head.name));
            self.train(&config, &file, out)
        }
        #[cfg(not(feature = "train"))]
        Err(untrainable())
    }

    #[cfg(feature = "train")]
    fn train(&self, config: &Config, file: &Path, out: PathBuf) -> anyhow::Result<()> {
        use crate::scale::lab::{self, Options};
        let cores = super::cores();
        let workers = self.threads.unwrap_or(cores);
        let options = Options {
            out,
            resources: super::run::resources(cores.min(workers.max(1)), None),
            workers,
            program: std::env::current_exe()?,
            date: findings::today(),
            keep_checkpoints: self.keep_checkpoints,
            tell: &|message| eprintln!("{}", show::safe(message, 400)),
        };
        let base = file.parent().unwrap_or(Path::new(""));
        let (report, analysis) = lab::run(config, base, &options).map_err(plain)?;
        match self.format {
            OutputFormat::Json => print(&show::json(&report)?),
            OutputFormat::Text => print(&findings::text(&report, analysis.as_ref(), &options.out)),
        }
    }

    #[cfg(feature = "train")]
    fn work(&self) -> anyhow::Result<()> {
        let out = self.out.as_deref().unwrap_or(Path::new(""));
        let tell = |message: &str| eprintln!("{}", show::safe(message, 400));
        crate::scale::lab::work(out, &tell).map_err(plain)
    }
}

/// What is said where there is no libtorch.
#[cfg(not(feature = "train"))]
fn untrainable() -> anyhow::Error {
    let message = "this build of tamis cannot train; build with `--features train` (see `make \
                   libtorch`), or tell the trainings by --dry-run";
    Usage(message.to_owned()).into()
}

/// An error as the other commands have it, which decides the exit code.
#[cfg(feature = "train")]
fn plain(error: crate::scale::lab::LabError) -> anyhow::Error {
    use crate::scale::lab::LabError;
    match error {
        LabError::Recipe { recipe, source } => plain(*source).context(format!("recipe `{recipe}`")),
        LabError::Setting(message) => Usage(message).into(),
        LabError::Scale(error) => Usage(error.to_string()).into(),
        LabError::Config(error) => error.into(),
        LabError::Lower(error) => (*error).into(),
        LabError::Exec(error) => (*error).into(),
        LabError::Store(error) => (*error).into(),
        LabError::Asset(error) => error.into(),
        LabError::Sample(error) => super::fit_tokenizer::plain(*error),
        LabError::Tokenizer(error) => error.into(),
        LabError::Ledger(error) => (*error).into(),
        LabError::Train(error) => (*error).into(),
        error => error.into(),
    }
}
