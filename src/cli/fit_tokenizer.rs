//! `tamis fit-tokenizer`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use tokenizers::pipeline::PipelineToken;

use super::{OutputFormat, Usage, note, print, show};
use crate::config::bytes::ByteSize;
use crate::exec::summary::grouped;
use crate::model::{Assets, shipped_in};
use crate::plan::inputs::InputError;
use crate::store::{Store, divided};
use crate::tokens::sample::{self, Sample, SampleError};
use crate::tokens::tokenizer::fit::{self, Fitted, Settings, WordPattern, Words};
use crate::tokens::tokenizer::{Tokenizer, TokenizerError};

const ABOUT: &str = "\
INPUT is the directory of a run, whose documents/ are read, or files: JSON Lines, Parquet, text
and all else that a pipeline reads; globs too.

Documents are drawn by --seed and their places in the input, so that the same input and seed give
the same tokenizer, byte for byte, on any machine and any number of threads. Two of a hundred
documents are held out: what the tokenizer makes of them is printed, beside GPT-2's.

The vocabulary: special tokens first, then the 256 bytes, then what merges make. Merges are those
of BpeTrainer of the Hugging Face library on the same words. The file is a tokenizer.json, which
that library and transformers read too.";

#[derive(Args)]
#[command(after_help = ABOUT)]
pub(super) struct FitTokenizer {
    /// The directory of a run, or files.
    #[arg(required = true)]
    input: Vec<String>,
    /// The tokenizer.json to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Number of tokens, special ones included.
    #[arg(long, default_value_t = 32_768, value_name = "N")]
    vocab_size: u32,
    /// Text to fit to; it is held in memory.
    #[arg(long, default_value = "256MiB", value_name = "BYTES")]
    sample: ByteSize,
    /// Seed of the draw.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How texts become words: gpt2, cl100k, o200k, qwen, or a regular expression for words.
    #[arg(long, default_value = "o200k")]
    pattern: String,
    /// Special tokens, in the order of their ids.
    #[arg(long, value_name = "TOKEN", default_value = "<|endoftext|>")]
    special: Vec<String>,
    /// How often a pair must come to be merged.
    #[arg(long, default_value_t = 2, value_name = "N")]
    min_frequency: u64,
    /// Field that holds the text.
    #[arg(long, default_value = "text", value_name = "FIELD")]
    text_field: String,
    /// Form of the summary on stdout.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

/// What was done.
#[derive(Serialize)]
struct Report {
    /// Documents read.
    documents: u64,
    /// Bytes of their text.
    bytes: u64,
    /// Records that could not be read.
    failed: u64,
    /// Documents fitted to.
    sampled: usize,
    /// Bytes of their text.
    sampled_bytes: u64,
    /// Different words in them.
    words: usize,
    vocab_size: usize,
    merges: usize,
    /// Documents held out.
    held_out: usize,
    held_out_bytes: u64,
    /// Bytes of held-out text a token, by tokenizer.
    bytes_per_token: Vec<(String, f64)>,
}

impl FitTokenizer {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let usage = |error: TokenizerError| Usage(error.to_string());
        let pattern = WordPattern::new(&self.pattern).map_err(usage)?;
        let settings = Settings {
            vocab_size: self.vocab_size,
            min_frequency: self.min_frequency,
            special: self.special.clone(),
        };
        // Settings that cannot be are told before anything is read.
        fit::check(&settings).map_err(usage)?;
        let (folder, name) = divided(&self.out)
            .map_err(|_| Usage(format!("--out {}: give a file", self.out.display())))?;
        let out = Store::open(folder)?;
        let sample = self.draw()?;
        if sample.texts.is_empty() {
            anyhow::bail!(Usage("there is no text in the input".to_owned()));
        }
        let words = Words::of(&sample.texts, &pattern)?;
        let fitted = fit::fit(&words, &settings)?;
        let json = fitted.to_json(&pattern);
        let tokenizer = Tokenizer::from_bytes("tokenizer.json", json.as_bytes())
            .context("what was fitted does not load")?;
        out.put(name, json.into())?;
        let report = report(&sample, &words, &fitted, &tokenizer)?;
        if fitted.vocab_size() < self.vocab_size as usize {
            note(&format!(
                "no pair comes {} times any more: {} tokens; a larger --sample, a smaller \
                 --min-frequency or --vocab-size helps",
                self.min_frequency,
                grouped(fitted.vocab_size() as u64)
            ));
        }
        match self.format {
            OutputFormat::Json => print(&show::json(&report)?),
            OutputFormat::Text => print(&text(&report, &self.out)),
        }
    }

    fn draw(&self) -> anyhow::Result<Sample> {
        let paths: Vec<String> = self
            .input
            .iter()
            .map(|path| {
                let run = Path::new(path).join("plan.json").is_file();
                if run { format!("{path}/documents/*.parquet") } else { path.clone() }
            })
            .collect();
        sample::draw_from(&paths, &self.text_field, self.seed, self.sample.0).map_err(plain)
    }
}

/// An error as the other commands have it.
pub(super) fn plain(error: SampleError) -> anyhow::Error {
    match error {
        SampleError::Input(InputError::Store(error)) => error.into(),
        SampleError::Read(error) => error.into(),
        error => Usage(error.to_string()).into(),
    }
}

fn report(
    sample: &Sample,
    words: &Words,
    fitted: &Fitted,
    tokenizer: &Tokenizer,
) -> anyhow::Result<Report> {
    let bytes = |texts: &[String]| texts.iter().map(|text| text.len() as u64).sum::<u64>();
    let held_out_bytes = bytes(&sample.held_out);
    let mut bytes_per_token = Vec::new();
    if held_out_bytes > 0 {
        let own = ratio(&sample.held_out, tokenizer)?;
        bytes_per_token.push(("this one".to_owned(), own));
        // Where tamis was installed without its samples there is nothing to compare with.
        if let Ok(path) = shipped_in("tokenizers", "gpt2.json") {
            let gpt2 = Assets::default().tokenizer(&path)?;
            bytes_per_token.push(("GPT-2".to_owned(), ratio(&sample.held_out, &gpt2)?));
        }
    }
    Ok(Report {
        documents: sample.documents,
        bytes: sample.bytes,
        failed: sample.failed,
        sampled: sample.texts.len(),
        sampled_bytes: bytes(&sample.texts),
        words: words.different(),
        vocab_size: fitted.vocab_size(),
        merges: fitted.merges(),
        held_out: sample.held_out.len(),
        held_out_bytes,
        bytes_per_token,
    })
}

/// Bytes of text a token.
#[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
fn ratio(texts: &[String], tokenizer: &Tokenizer) -> Result<f64, TokenizerError> {
    let mut context = tokenizer.context();
    let mut ids: Vec<PipelineToken> = Vec::new();
    let (mut bytes, mut tokens) = (0, 0);
    for text in texts {
        ids.clear();
        context.encode_into(text, &mut ids)?;
        bytes += text.len();
        tokens += ids.len();
    }
    Ok(bytes as f64 / tokens.max(1) as f64)
}

fn text(report: &Report, out: &Path) -> String {
    let mut text = format!(
        "read       {} documents, {} of text, {} unreadable records\n\
         fitted to  {} of them, {}; {} different words\n\
         tokens     {}, by {} merges → {}\n",
        grouped(report.documents),
        ByteSize(report.bytes),
        grouped(report.failed),
        grouped(report.sampled as u64),
        ByteSize(report.sampled_bytes),
        grouped(report.words as u64),
        grouped(report.vocab_size as u64),
        grouped(report.merges as u64),
        out.display()
    );
    if report.bytes_per_token.is_empty() {
        text.push_str("held out   nothing: there are too few documents\n");
        return text;
    }
    let ratios: Vec<String> =
        report.bytes_per_token.iter().map(|(name, ratio)| format!("{name} {ratio:.3}")).collect();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "held out   {} documents, {}; bytes a token: {}",
        grouped(report.held_out as u64),
        ByteSize(report.held_out_bytes),
        ratios.join(", ")
    );
    text
}
