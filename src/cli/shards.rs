//! `tamis shards`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{OutputFormat, Usage, print, show};
use crate::model::Assets;
use crate::plan::Plan;
use crate::store::{Store, is_url};
use crate::tokens::format::{self, Hints, ReadSequence, ShardReader, Width};
use crate::tokens::tokenizer::Tokenizer;

/// Look into token shards of any format.
#[derive(Args)]
pub(super) struct Shards {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Count: format, width of a token, documents, tokens, rows, padding.
    Stat(Stat),
    /// Show ids, a line a document or row.
    Cat(Cat),
    /// Show texts, a line a document or piece of one.
    Decode(Decode),
}

#[derive(Args)]
struct Given {
    /// Shards, folders of shards or run directories, as paths or URLs.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Bytes of a token, where the format does not say (nanogpt, npy without a header) [default: the
    /// run's, else u16].
    #[arg(long, value_enum)]
    width: Option<WidthName>,
    /// The token behind each document, by which those of nanogpt shards are told apart [default: the
    /// run's].
    #[arg(long, value_name = "ID")]
    end_of_document: Option<u32>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum WidthName {
    /// Two bytes.
    U16,
    /// Four bytes.
    U32,
}

#[derive(Args)]
struct Stat {
    #[command(flatten)]
    given: Given,
}

#[derive(Args)]
struct Cat {
    #[command(flatten)]
    given: Given,
    /// Documents or rows to show of each shard.
    #[arg(short, value_name = "N", default_value_t = 10)]
    n: u64,
}

#[derive(Args)]
struct Decode {
    #[command(flatten)]
    given: Given,
    /// The tokenizer [default: the run's].
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// Documents or rows to show of each shard.
    #[arg(short, value_name = "N", default_value_t = 10)]
    n: u64,
}

/// Shards of one place.
struct Place {
    store: Store,
    /// What a path in the store is shown behind.
    shown: String,
    shards: Vec<String>,
    hints: Hints,
    tokenizer: Option<PathBuf>,
}

impl Given {
    fn places(&self) -> anyhow::Result<Vec<Place>> {
        self.paths.iter().map(|path| self.place(path)).collect()
    }

    fn place(&self, path: &Path) -> anyhow::Result<Place> {
        let (store, file) = opened(path)?;
        let plan = run_of(path);
        let tokens = plan.as_ref().and_then(|plan| plan.tokens.as_ref());
        let width = match self.width {
            Some(WidthName::U16) => Some(Width::U16),
            Some(WidthName::U32) => Some(Width::U32),
            None => tokens.map(|tokens| tokens.layout.width),
        };
        let end_of_document =
            self.end_of_document.or_else(|| tokens.map(|tokens| tokens.layout.end_of_document));
        let shards = match file {
            Some(file) => vec![file],
            None if store.exists("plan.json")? => format::shards_below(&store, "tokens")?,
            None => format::shards_below(&store, "")?,
        };
        if shards.is_empty() {
            return Err(Usage(format!("there are no shards in {}", path.display())).into());
        }
        let shown = store.root().to_string();
        let tokenizer = tokens.map(|tokens| tokens.tokenizer.clone());
        Ok(Place { store, shown, shards, hints: Hints { width, end_of_document }, tokenizer })
    }
}

impl Place {
    /// Calls `look` with each shard's path and reader.
    fn each(
        &self,
        mut look: impl FnMut(&str, Box<dyn ShardReader>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for path in &self.shards {
            let reader = format::open_with(&self.store, path, &self.hints)?;
            look(&format!("{}/{path}", self.shown.trim_end_matches('/')), reader)?;
        }
        Ok(())
    }
}

/// The store of a path, and the file in it where the path is one: a shard, or the prefix of two files.
fn opened(path: &Path) -> anyhow::Result<(Store, Option<String>)> {
    let text = path.to_string_lossy().into_owned();
    let parts = if is_url(&text) {
        text.trim_end_matches('/')
            .rsplit_once('/')
            .map(|(parent, file)| (PathBuf::from(parent), file.to_owned()))
    } else {
        let parent = path
            .parent()
            .map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
        parent
            .map(Path::to_owned)
            .zip(path.file_name().map(|file| file.to_string_lossy().into_owned()))
    };
    if let Some((parent, file)) = parts
        && let Ok(store) = Store::open_existing(&parent)
    {
        for file in [file.clone(), format!("{file}.bin")] {
            if store.exists(&file).unwrap_or(false) {
                return Ok((store, Some(file)));
            }
        }
    }
    Ok((Store::open_existing(path)?, None))
}

/// The plan of the run that a path lies in.
fn run_of(path: &Path) -> Option<Plan> {
    path.ancestors()
        .filter(|folder| !folder.as_os_str().is_empty())
        .take(5)
        .filter_map(|folder| Store::open_existing(folder).ok())
        .find_map(|store| Plan::load(&store).ok())
}

impl Shards {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.what {
            What::Stat(stat) => stat.run(),
            What::Cat(cat) => cat.run(),
            What::Decode(decode) => decode.run(),
        }
    }
}

impl Stat {
    fn run(self) -> anyhow::Result<()> {
        const COLUMNS: [&str; 9] = [
            "shard",
            "format",
            "dtype",
            "documents",
            "tokens",
            "rows",
            "row_length",
            "padding",
            "learnt",
        ];
        let mut rows = Vec::new();
        for place in self.given.places()? {
            place.each(|path, mut reader| {
                let facts = reader.facts().clone();
                let mut sequence = ReadSequence::default();
                let (mut documents, mut tokens, mut padding, mut count) = (0, 0, 0, 0);
                let (mut learnt, mut known, mut rest) = (0, false, false);
                while reader.next(&mut sequence)? {
                    count += 1;
                    documents += sequence.ends.len();
                    known |= !sequence.ends.is_empty();
                    padding += u64::from(sequence.padding);
                    tokens += sequence.tokens.len() as u64 - u64::from(sequence.padding);
                    let last = sequence.ends.last().map_or(0, |&end| end as usize);
                    rest = last + (sequence.padding as usize) < sequence.tokens.len();
                    if let Some(loss) = &sequence.loss {
                        learnt += loss.iter().map(|&bit| u64::from(bit)).sum::<u64>();
                    }
                }
                let documents = documents + usize::from(known && rest);
                let is_rows = facts.row_length.is_some();
                rows.push(vec![
                    json!(path),
                    json!(facts.format.name()),
                    json!(facts.width.name()),
                    if known { json!(documents) } else { Value::Null },
                    json!(tokens),
                    if is_rows { json!(count) } else { Value::Null },
                    json!(facts.row_length),
                    json!(padding),
                    if facts.masked { json!(learnt) } else { Value::Null },
                ]);
                Ok(())
            })?;
        }
        let header = COLUMNS.map(str::to_owned);
        match self.given.format {
            OutputFormat::Text => print(&show::table(&header, &rows)),
            OutputFormat::Json => lines(
                rows.into_iter()
                    .map(|row| Value::Object(header.iter().cloned().zip(row).collect())),
            ),
        }
    }
}

/// One JSON object a line.
fn lines(objects: impl Iterator<Item = Value>) -> anyhow::Result<()> {
    for object in objects {
        print(&show::safe_json(&format!("{object}\n")))?;
    }
    Ok(())
}

impl Cat {
    fn run(self) -> anyhow::Result<()> {
        for place in self.given.places()? {
            place.each(|path, mut reader| {
                let mut sequence = ReadSequence::default();
                for number in 0..self.n {
                    if !reader.next(&mut sequence)? {
                        break;
                    }
                    if self.given.format == OutputFormat::Json {
                        lines(std::iter::once(json!({
                            "shard": path, "sequence": number, "tokens": sequence.tokens,
                            "ends": sequence.ends, "padding": sequence.padding,
                            "loss": sequence.loss,
                        })))?;
                        continue;
                    }
                    let ids: Vec<String> = sequence.tokens.iter().map(u32::to_string).collect();
                    print(&format!("{}\n", ids.join(" ")))?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

impl Decode {
    fn run(self) -> anyhow::Result<()> {
        let assets = Assets::default();
        for place in self.given.places()? {
            let Some(path) = self.tokenizer.as_ref().or(place.tokenizer.as_ref()) else {
                let message =
                    "the shards do not lie in a run; name their tokenizer with --tokenizer";
                return Err(Usage(message.to_owned()).into());
            };
            let tokenizer: Arc<Tokenizer> = assets.tokenizer(path)?;
            place.each(|path, mut reader| {
                let mut sequence = ReadSequence::default();
                for number in 0..self.n {
                    if !reader.next(&mut sequence)? {
                        break;
                    }
                    for (piece, range) in sequence.pieces().enumerate() {
                        let text = tokenizer.decode(&sequence.tokens[range])?;
                        if self.given.format == OutputFormat::Json {
                            lines(std::iter::once(json!({
                                "shard": path, "sequence": number, "piece": piece, "text": text,
                            })))?;
                        } else {
                            print(&format!("{}\n", show::safe(&text, usize::MAX / 8)))?;
                        }
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}
