//! `tamis generate`.

use std::io::{IsTerminal, Write};

use clap::Args;
use serde::Serialize;

use super::loaded::{Speaker, Which};
use super::{OutputFormat, Usage};
use crate::train::generate::{Sampling, TextStream, generate};

#[derive(Args)]
pub(super) struct Generate {
    #[command(flatten)]
    which: Which,
    /// What the text begins with; it is not written again.
    #[arg(long, default_value = "")]
    prompt: String,
    /// Tokens of a text at most.
    #[arg(long, value_name = "N", default_value_t = 256)]
    max_tokens: usize,
    /// Draw from the softmax of the logits divided by T; 0 takes the likeliest token.
    #[arg(long, value_name = "T", default_value_t = 1.0)]
    temperature: f64,
    /// Draw from the K likeliest tokens; 0 from all.
    #[arg(long, value_name = "K", default_value_t = 0)]
    top_k: usize,
    /// Draw from the fewest tokens that together have the probability P.
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    top_p: f64,
    /// The same seed gives the same texts.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,
    /// Texts to write.
    #[arg(long, value_name = "N", default_value_t = 1)]
    samples: u64,
    /// Form of the output: texts as they are written, a line `----` between them; or a line of JSON
    /// each.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the keys of the JSON")]
struct Sample<'a> {
    sample: u64,
    prompt: &'a str,
    text: &'a str,
    tokens: &'a [u32],
    /// Whether the model ended the text.
    ended: bool,
}

impl Generate {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if !(self.temperature >= 0.0 && self.temperature.is_finite()) {
            return Err(Usage("--temperature is 0 or more".to_owned()).into());
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return Err(Usage("--top-p is above 0 and at most 1".to_owned()).into());
        }
        let speaker = self.which.open()?;
        let mut prompt = Vec::new();
        speaker.tokenizer.encode_into(&self.prompt, &mut prompt)?;
        let mut prompt: Vec<u32> = prompt.into_iter().map(u32::from).collect();
        if prompt.is_empty() {
            prompt.push(speaker.begin);
        }
        for sample in 0..self.samples {
            self.write(&speaker, &prompt, sample)?;
        }
        Ok(())
    }

    fn write(&self, speaker: &Speaker, prompt: &[u32], sample: u64) -> anyhow::Result<()> {
        let Self { temperature, top_k, top_p, seed, .. } = *self;
        let sampling = Sampling { temperature, top_k, top_p, seed };
        let decode = |ids: &[u32]| speaker.tokenizer.decode(ids);
        let mut out = std::io::stdout().lock();
        let terminal = out.is_terminal();
        let stream_out = self.format == OutputFormat::Text;
        if stream_out && sample > 0 {
            out.write_all(b"----\n")?;
        }
        let mut text = String::new();
        let mut tokens = Vec::new();
        let mut stream = TextStream::behind(prompt);
        let mut give = |piece: &str| -> anyhow::Result<()> {
            text.push_str(piece);
            if stream_out {
                let shown = if terminal { harmless(piece) } else { piece.to_owned() };
                out.write_all(shown.as_bytes())?;
                out.flush()?;
            }
            Ok(())
        };
        // Ids that the model has and the tokenizer has not are written by no text.
        let known = speaker.tokenizer.vocab_size();
        let ended = generate::<anyhow::Error>(
            &speaker.loaded,
            prompt,
            &sampling,
            sample,
            self.max_tokens,
            Some(speaker.end),
            &mut |token| {
                tokens.push(token);
                if token < known { give(&stream.push(token, decode)?) } else { Ok(()) }
            },
        )?;
        give(&stream.finish(decode)?)?;
        if stream_out {
            out.write_all(b"\n")?;
        } else {
            let prompt = &self.prompt;
            let line = Sample { sample, prompt, text: &text, tokens: &tokens, ended };
            writeln!(out, "{}", serde_json::to_string(&line)?)?;
        }
        Ok(out.flush()?)
    }
}

/// What a terminal would obey is replaced.
fn harmless(text: &str) -> String {
    let obeyed = |c: char| c.is_control() && c != '\n' && c != '\t';
    text.chars().map(|c| if obeyed(c) { '\u{fffd}' } else { c }).collect()
}
