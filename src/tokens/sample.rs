//! Documents drawn by their ids, up to a number of bytes: what `fit-tokenizer` fits to.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use crate::document::DocumentId;
use crate::plan::inputs::{self, InputError, Inputs};
use crate::read::split::{Split, SplitPlanner};
use crate::read::{self, BatchBuilder, Fields, Format, Layout, ReadError};
use crate::store::Entry;

/// Stored bytes that one thread reads at a time, about.
const PIECE_BYTES: u64 = 32 << 20;

/// Text of one batch.
const BATCH_BYTES: usize = 4 << 20;

/// Of every hundred documents so many are held out.
const HELD_OUT: f64 = 0.02;

/// Text that is held out at most.
const HELD_OUT_BYTES: u64 = 16 << 20;

/// Texts with the smallest of random numbers, which are drawn by id and seed: the same whatever the
/// order they come in. As many as reach `bytes`; the one that reaches it is whole.
struct Draw {
    bytes: u64,
    /// Numbers at or above this are not drawn any more; to ask without the lock.
    below: AtomicU64,
    texts: Mutex<Drawn>,
}

#[derive(Default)]
struct Drawn {
    texts: BTreeMap<(u64, u128), String>,
    bytes: u64,
}

impl Draw {
    fn new(bytes: u64) -> Self {
        Self { bytes, below: AtomicU64::new(u64::MAX), texts: Mutex::default() }
    }

    fn offer(&self, number: u64, id: DocumentId, text: &str) {
        if text.is_empty() || number > self.below.load(Ordering::Relaxed) {
            return;
        }
        let mut drawn = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let drawn = &mut *drawn;
        drawn.bytes += text.len() as u64;
        if let Some(twice) = drawn.texts.insert((number, id.0), text.to_owned()) {
            drawn.bytes -= twice.len() as u64;
        }
        // The last is needed only where those before it do not reach the number of bytes.
        while let Some(last) = drawn.texts.last_entry()
            && drawn.bytes - last.get().len() as u64 >= self.bytes
        {
            let ((number, _), text) = last.remove_entry();
            drawn.bytes -= text.len() as u64;
            self.below.fetch_min(number, Ordering::Relaxed);
        }
    }

    fn texts(self) -> Vec<String> {
        let drawn = self.texts.into_inner().unwrap_or_else(PoisonError::into_inner);
        drawn.texts.into_values().collect()
    }
}

/// Texts to fit to, and others to try what was fitted on.
pub struct Sample {
    /// In the order of the draw.
    pub texts: Vec<String>,
    /// About two of a hundred documents, not among the texts.
    pub held_out: Vec<String>,
    /// Documents read.
    pub documents: u64,
    /// Bytes of their text.
    pub bytes: u64,
    /// Records that are no documents: unreadable ones.
    pub failed: u64,
}

/// Why nothing can be drawn.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The files cannot be listed.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is of no known format.
    #[error(
        "the format of `{path}` can be told neither from its name nor from its content; rename it"
    )]
    Format {
        /// The file.
        path: String,
    },
}

/// Draws documents from the files that `paths` (globs too) stand for, up to `bytes` of text in the
/// field `text_field`.
///
/// # Errors
/// When a file cannot be found or read. A record that cannot is counted.
pub fn draw_from(
    paths: &[String],
    text_field: &str,
    seed: u64,
    bytes: u64,
) -> Result<Sample, SampleError> {
    let found = inputs::find(Path::new(""), paths)?;
    let mut files = Vec::new();
    for file in &found.files {
        let format = Format::or_of_content(Format::of_name(&file.path), &found.store, file)?;
        let format = format.ok_or_else(|| SampleError::Format { path: file.path.clone() })?;
        files.push((file.clone(), format));
    }
    let fields = Fields {
        text: text_field.to_owned(),
        id: "id".to_owned(),
        keep_ids: false,
        metadata: Vec::new(),
        conversation: None,
        layout: Layout::default(),
    };
    Ok(draw(&found, &files, &fields, seed, bytes)?)
}

/// Draws documents from files, up to `bytes` of text.
///
/// # Errors
/// When a file cannot be read. A record that cannot is counted.
fn draw(
    inputs: &Inputs,
    files: &[(Entry, Format)],
    fields: &Fields,
    seed: u64,
    bytes: u64,
) -> Result<Sample, ReadError> {
    let mut planner = SplitPlanner::new(&inputs.store, 0, PIECE_BYTES, None);
    for (file, format) in files {
        planner.add(file, *format)?;
    }
    let drawn = (Draw::new(bytes), Draw::new(HELD_OUT_BYTES));
    let [documents, read, failed] = [(); 3].map(|()| AtomicU64::new(0));
    planner.finish().par_iter().try_for_each(|split| {
        texts(inputs, split, fields, |id, text| {
            let Some(text) = text else {
                failed.fetch_add(1, Ordering::Relaxed);
                return;
            };
            documents.fetch_add(1, Ordering::Relaxed);
            read.fetch_add(text.len() as u64, Ordering::Relaxed);
            let number = id.random(seed, "fit-tokenizer");
            if id.chosen(seed, "fit-tokenizer-held-out", HELD_OUT) {
                drawn.1.offer(number, id, text);
            } else {
                drawn.0.offer(number, id, text);
            }
        })
    })?;
    Ok(Sample {
        texts: drawn.0.texts(),
        held_out: drawn.1.texts(),
        documents: documents.into_inner(),
        bytes: read.into_inner(),
        failed: failed.into_inner(),
    })
}

/// Hands over the documents of a split; no text where a record cannot be read.
fn texts(
    inputs: &Inputs,
    split: &Split,
    fields: &Fields,
    mut take: impl FnMut(DocumentId, Option<&str>),
) -> Result<(), ReadError> {
    let mut builder = BatchBuilder::new("", fields.metadata.len(), BATCH_BYTES, None);
    for (number, piece) in (0..).zip(&split.pieces) {
        builder.start_file(number, &piece.file);
        let mut reader = read::open(&inputs.store, split.format, fields, piece)?;
        loop {
            let more = reader.fill(&mut builder)?;
            let batch = builder.take();
            for row in 0..batch.len() {
                let kept = batch.verdicts[row].is_kept();
                take(batch.ids[row], kept.then(|| batch.text(row)));
            }
            if !more {
                break;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_does_not_depend_on_the_order() {
        let documents: Vec<(DocumentId, String)> =
            (0..500u128).map(|n| (DocumentId(n), "x".repeat(1 + (n as usize * 37) % 90))).collect();
        let drawn = |documents: &[(DocumentId, String)]| {
            let draw = Draw::new(1000);
            for (id, text) in documents {
                draw.offer(id.random(7, "test"), *id, text);
            }
            draw.texts()
        };
        let mut backwards = documents.clone();
        backwards.reverse();
        let texts = drawn(&documents);
        assert_eq!(texts, drawn(&backwards));
        let bytes: usize = texts.iter().map(String::len).sum();
        let last = texts.last().unwrap().len();
        assert!(bytes >= 1000 && bytes - last < 1000, "{bytes} bytes");
        // A larger draw holds the smaller one.
        let draw = Draw::new(u64::MAX);
        for (id, text) in &documents {
            draw.offer(id.random(7, "test"), *id, text);
        }
        let all = draw.texts();
        assert_eq!(all.len(), 500);
        assert_eq!(all[..texts.len()], texts);
    }
}
