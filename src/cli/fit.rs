//! `tamis fit`.

mod select;
pub(super) mod text;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{OutputFormat, Usage, note, print, show};
use crate::scale::analysis::{Question, analyse};
use crate::scale::bootstrap::{self, Method};
use crate::scale::compare::Target;
use crate::scale::fit::Starts;
use crate::scale::runs::{Columns, Runs};
use crate::scale::table::Table;
use crate::scale::{ScaleError, page, pictures, predict};
use crate::store::{Store, divided};

const ABOUT: &str = "\
RUNS.csv has a row for each training and evaluation: columns params, tokens, loss and, where there
are, recipe, evaluation, seed, flops (else 6 · params · tokens), unique_tokens (different ones among
tokens), tokenizer. Other names are given by --params-column and so on.

Fitted is L = E + A / N^alpha + B / D^beta to each recipe (Hoffmann et al., approach 3), beside it
IsoFLOP parabolas (approach 2) and a power law in the operations. Intervals are of 95 %. SCALING.md
says what each figure means. The same table and options give the same output, on any number of
threads.";

/// Fit scaling laws to trainings, predict a target, and say which recipe wins there.
#[derive(Args)]
#[command(after_help = ABOUT)]
pub(super) struct Fit {
    /// The table of trainings.
    runs: PathBuf,
    /// Predict the loss of a training, and compare recipes there: `13e9:5e12`.
    #[arg(long, value_name = "PARAMS:TOKENS")]
    at: Vec<String>,
    /// Predict the best training of a budget, and compare recipes there: `1e21`.
    #[arg(long, value_name = "OPERATIONS")]
    flops: Vec<f64>,
    /// Different tokens that a recipe's pool has; what is read beyond them counts as repeated.
    #[arg(long, value_name = "RECIPE=TOKENS")]
    pool: Vec<String>,
    /// Only rows for which a SQL condition holds: `params < 1e9 AND recipe <> 'old'`.
    #[arg(long = "where", value_name = "SQL")]
    condition: Option<String>,
    /// Leave out the N runs of highest loss of each recipe and evaluation.
    #[arg(long, value_name = "N", default_value_t = 0)]
    drop_highest: usize,
    /// Keep runs whose loss is twice what the law says.
    #[arg(long)]
    keep_diverged: bool,
    /// What the loss is by. Losses by token of different tokenizers are not compared.
    #[arg(long, value_enum, default_value = "token", value_name = "UNIT")]
    loss_per: LossPer,
    #[command(flatten)]
    columns: ColumnNames,
    /// Searches of each fit.
    #[arg(long, value_name = "N", default_value_t = 4_500)]
    starts: usize,
    /// Draws of the bootstrap.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    draws: usize,
    /// What is drawn [default: runs where each recipe has 60 configurations, errors otherwise].
    #[arg(long, value_enum)]
    bootstrap: Option<Draw>,
    /// Seed of the draws.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Write scale.json, scale.html and pictures to this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write what is predicted to a file with a date and a digest, before it is trained.
    #[arg(long, value_name = "FILE", requires = "date")]
    predict: Option<PathBuf>,
    /// The day that stands in the file of predictions, such as 2026-11-29.
    #[arg(long, value_name = "DAY")]
    date: Option<String>,
    /// Put a file of predictions beside what the runs of this table came to; nothing is fitted.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["predict", "out", "at", "flops"])]
    check: Option<PathBuf>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LossPer {
    /// Nats by token.
    Token,
    /// Bits (or nats) by byte of text.
    Byte,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Draw {
    /// Configurations with all their seeds.
    Runs,
    /// Errors of configurations, put onto the fitted losses.
    Errors,
}

#[derive(Args)]
#[expect(clippy::struct_field_names, reason = "the names of the flags")]
struct ColumnNames {
    /// Column of the parameters.
    #[arg(long, value_name = "NAME", default_value = "params")]
    params_column: String,
    /// Column of the tokens.
    #[arg(long, value_name = "NAME", default_value = "tokens")]
    tokens_column: String,
    /// Column of the loss.
    #[arg(long, value_name = "NAME", default_value = "loss")]
    loss_column: String,
    /// Column of the recipe.
    #[arg(long, value_name = "NAME", default_value = "recipe")]
    recipe_column: String,
    /// Column of the evaluation.
    #[arg(long, value_name = "NAME", default_value = "evaluation")]
    evaluation_column: String,
    /// Column of the seed.
    #[arg(long, value_name = "NAME", default_value = "seed")]
    seed_column: String,
    /// Column of the operations.
    #[arg(long, value_name = "NAME", default_value = "flops")]
    flops_column: String,
    /// Column of the different tokens.
    #[arg(long, value_name = "NAME", default_value = "unique_tokens")]
    unique_column: String,
    /// Column of the tokenizer.
    #[arg(long, value_name = "NAME", default_value = "tokenizer")]
    tokenizer_column: String,
}

impl Fit {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let shown = self.runs.display().to_string();
        let content = read(&self.runs)?;
        let wrong = |error: ScaleError| match error {
            ScaleError::Setting(message) => Usage(message),
            error => Usage(format!("{shown}: {error}")),
        };
        let table = Table::parse(&content).map_err(wrong)?;
        let mask = match &self.condition {
            Some(condition) => select::select(&table, condition)?,
            None => vec![true; table.rows.len()],
        };
        let per_token = self.loss_per == LossPer::Token;
        let columns = self.columns();
        let mut runs = Runs::read(&table, &columns, |row| mask[row], per_token).map_err(wrong)?;
        if let Some(file) = &self.check {
            return self.check(&read(file)?, &runs);
        }
        runs.drop_highest(self.drop_highest);
        let question = self.question(&runs)?;
        let analysis = analyse(&runs, &question).map_err(wrong)?;
        if let Some(path) = &self.predict {
            let date = self.date.as_deref().unwrap_or_default();
            let text = predict::write(&analysis, &runs, date).map_err(wrong)?;
            let (folder, name) = divided(path)
                .map_err(|_| Usage(format!("--predict {}: give a file", path.display())))?;
            if !Store::open(folder)?.put_if_absent(name, text.into())? {
                return Err(Usage(format!(
                    "{} is there already; predictions are not overwritten, choose another name",
                    path.display()
                ))
                .into());
            }
            note(&format!("predictions are in {}", path.display()));
        }
        let json = serde_json::to_string_pretty(&analysis)? + "\n";
        if let Some(out) = &self.out {
            let store = Store::open(out)?;
            store.put("scale.json", json.clone().into())?;
            store.put("scale.html", page::page(&shown, &analysis, "").into())?;
            for picture in analysis.evaluations.iter().flat_map(pictures::pictures) {
                store.put(&format!("{}.svg", picture.name), picture.svg.into())?;
            }
            note(&format!("scale.html, scale.json and pictures are in {}", out.display()));
        }
        match self.format {
            OutputFormat::Json => print(&show::safe_json(&json)),
            OutputFormat::Text => print(&text::analysis(&analysis)),
        }
    }

    fn columns(&self) -> Columns {
        let names = &self.columns;
        Columns {
            params: names.params_column.clone(),
            tokens: names.tokens_column.clone(),
            loss: names.loss_column.clone(),
            recipe: names.recipe_column.clone(),
            evaluation: names.evaluation_column.clone(),
            seed: names.seed_column.clone(),
            flops: names.flops_column.clone(),
            unique: names.unique_column.clone(),
            tokenizer: names.tokenizer_column.clone(),
        }
    }

    fn question(&self, runs: &Runs) -> Result<Question, Usage> {
        if self.starts == 0 {
            return Err(Usage("--starts 0 searches nothing; give 1 to 4500".to_owned()));
        }
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let mut targets = Vec::new();
        for text in &self.at {
            let parts = text.split_once(':').and_then(|(params, tokens)| {
                Some((params.trim().parse().ok()?, tokens.trim().parse().ok()?))
            });
            match parts {
                Some((params, tokens)) if positive(params) && positive(tokens) => {
                    targets.push(Target::At { params, tokens });
                }
                _ => {
                    return Err(Usage(format!(
                        "--at {text}: give parameters and tokens, such as 13e9:5e12"
                    )));
                }
            }
        }
        for flops in &self.flops {
            if !positive(*flops) {
                return Err(Usage(format!("--flops {flops}: give a number above 0, such as 1e21")));
            }
            targets.push(Target::Flops(*flops));
        }
        let mut pools = Vec::new();
        for text in &self.pool {
            let parts = text.rsplit_once('=').and_then(|(recipe, tokens)| {
                Some((recipe.to_owned(), tokens.parse::<f64>().ok().filter(|t| positive(*t))?))
            });
            let (recipe, tokens) = parts.ok_or_else(|| {
                Usage(format!("--pool {text}: give a recipe and its tokens, such as curated=5e10"))
            })?;
            if !runs.runs.iter().any(|run| run.recipe == recipe) {
                return Err(Usage(format!("--pool {text}: no run has the recipe `{recipe}`")));
            }
            pools.push((recipe, tokens));
        }
        Ok(Question {
            starts: if self.starts >= 4_500 { Starts::All } else { Starts::Some(self.starts) },
            bootstrap: bootstrap::Settings {
                draws: self.draws,
                seed: self.seed,
                method: self.bootstrap.map(|draw| match draw {
                    Draw::Runs => Method::Runs,
                    Draw::Errors => Method::Errors,
                }),
            },
            targets,
            pools,
            keep_diverged: self.keep_diverged,
        })
    }

    fn check(&self, file: &str, runs: &Runs) -> anyhow::Result<()> {
        let file = predict::read(file).map_err(|error| Usage(error.to_string()))?;
        let comparison = predict::settle(&file, runs);
        match self.format {
            OutputFormat::Json => print(&show::json(&comparison)?),
            OutputFormat::Text => print(&text::comparison(&comparison)),
        }
    }
}

/// The text of a file.
pub(super) fn read(path: &Path) -> anyhow::Result<String> {
    let (folder, name) =
        divided(path).map_err(|_| Usage(format!("{}: give a file", path.display())))?;
    let bytes = Store::open_existing(folder)?.read(name)?;
    String::from_utf8(bytes.to_vec())
        .map_err(|_| Usage(format!("{} is not UTF-8", path.display())).into())
}
