//! Encodes texts for the scripts beside: `parity/token_ids.py` compares the ids, and
//! `peers/tokenize.py` the time.
//!
//! ```text
//! tokens ids TOKENIZER         frames from stdin, ids to stdout
//! tokens time TOKENIZER N      frames from stdin; encodes all N times, writes "tokens seconds" lines
//! tokens bare TOKENIZER N      the same by `encode_into` of the library, of a tokenizer.json
//! ```
//!
//! A frame is a length (u32, little-endian) and that many bytes of UTF-8; ids are their number and
//! themselves, u32 little-endian. The time is that of the thread's processor.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program for scripts, whose files are local"
)]

mod support;

use std::io::{self, Write};
use std::path::Path;

use anyhow::bail;
use tamis::model::Assets;
use tokenizers::pipeline::{EncodeOptions, Override, PipelineToken};

use support::{frame, frames, processor_seconds};

fn main() -> anyhow::Result<()> {
    // `cargo bench` adds `--bench`; without a command there is nothing to do.
    let arguments: Vec<_> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => Ok(()),
        ["ids", tokenizer] => ids(tokenizer),
        ["time", tokenizer, rounds] => time(tokenizer, rounds.parse()?),
        ["bare", tokenizer, rounds] => bare(tokenizer, rounds.parse()?),
        _ => bail!("ids TOKENIZER | time TOKENIZER N | bare TOKENIZER N"),
    }
}

fn ids(path: &str) -> anyhow::Result<()> {
    let tokenizer = Assets::default().tokenizer(Path::new(path))?;
    let mut context = tokenizer.context();
    let mut input = io::BufReader::with_capacity(1 << 20, io::stdin().lock());
    let mut output = io::BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let (mut text, mut ids) = (Vec::new(), Vec::new());
    while frame(&mut input, &mut text)? {
        ids.clear();
        context.encode_into(std::str::from_utf8(&text)?, &mut ids)?;
        output.write_all(&u32::try_from(ids.len())?.to_le_bytes())?;
        for id in PipelineToken::cast_slice(&ids) {
            output.write_all(&id.to_le_bytes())?;
        }
        // Whoever asks waits for the answers before it asks again.
        if input.buffer().is_empty() {
            output.flush()?;
        }
    }
    Ok(output.flush()?)
}

fn time(path: &str, rounds: u32) -> anyhow::Result<()> {
    let tokenizer = Assets::default().tokenizer(Path::new(path))?;
    let mut context = tokenizer.context();
    measure(rounds, |text, out| Ok(context.encode_into(text, out)?))
}

fn bare(path: &str, rounds: u32) -> anyhow::Result<()> {
    let error = |error: tokenizers::Error| anyhow::anyhow!("{error}");
    let canonical = tokenizers::canonicalize_file(path)?;
    let tokenizer = tokenizers::from_json(&canonical).map_err(error)?;
    let options = EncodeOptions {
        add_special_tokens: false,
        encode_special_tokens: true,
        padding: Override::Off,
        truncation: Override::Off,
    };
    measure(rounds, |text, out| tokenizer.encode_into(text, &options, out).map_err(error))
}

fn measure(
    rounds: u32,
    mut encode: impl FnMut(&str, &mut Vec<PipelineToken>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let texts = frames(&mut io::stdin().lock())?;
    let mut out = Vec::new();
    for _ in 0..rounds {
        let start = processor_seconds()?;
        let mut tokens = 0;
        for text in &texts {
            out.clear();
            encode(text, &mut out)?;
            tokens += out.len();
        }
        println!("{tokens} {:.6}", processor_seconds()? - start);
    }
    Ok(())
}
