//! Scores texts for `peers/score.py`.
//!
//! ```text
//! score MODEL N       frames from stdin; scores all N times, writes "sum seconds" lines
//! ```
//!
//! A frame is a length (u32, little-endian) and that many bytes of UTF-8. The sum is that of the best
//! labels' scores; the time is that of the thread's processor.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program for scripts, whose files are local"
)]

mod support;

use std::io;
use std::path::Path;

use anyhow::bail;
use tamis::model::Assets;
use tamis::model::fasttext::Scratch;

use support::{frames, processor_seconds};

fn main() -> anyhow::Result<()> {
    // `cargo bench` adds `--bench`; without a command there is nothing to do.
    let arguments: Vec<_> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => Ok(()),
        [model, rounds] => time(model, rounds.parse()?),
        _ => bail!("score MODEL N"),
    }
}

fn time(path: &str, rounds: u32) -> anyhow::Result<()> {
    let model = Assets::default().fasttext(Path::new(path))?;
    let texts = frames(&mut io::stdin().lock())?;
    let (mut scratch, mut found) = (Scratch::default(), Vec::new());
    for _ in 0..rounds {
        let start = processor_seconds()?;
        let mut sum = 0.0;
        for text in &texts {
            model.predict_into(text, 1, 0.0, &mut scratch, &mut found);
            sum += found.first().map_or(0.0, |best| f64::from(best.score));
        }
        println!("{sum:.6} {:.6}", processor_seconds()? - start);
    }
    Ok(())
}
