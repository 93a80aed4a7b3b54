//! `.npy`, in two forms.
//!
//! *Rows* are arrays in NumPy's own [format](https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html),
//! for `np.load(path, mmap_mode="r")`: `train_00000.npy` of the shape (rows, `sequence_length`);
//! `doc_ends_train_00000.npy`, one dimension of `int64`, where documents end in the flat array (what
//! lies between the last end in a row and the end of the row is padding); and, where there are masks,
//! `loss_train_00000.npy` of the shape of the first, `bool`.
//!
//! *Documents* are what [OLMo-core](https://github.com/allenai/OLMo-core) and Dolma call `.npy`: the
//! ids back to back without a header; `train_00000.csv.gz` with `start,end` of each document in
//! tokens; and, where there are masks, `loss_train_00000.npy` with a byte each, for `label_mask_paths`.

use flate2::write::GzEncoder;

use super::file::{ShardFile, failed};
use super::read::{Borders, Hints, Tokens, damaged, words};
use super::{Closed, Sequence, SequenceWriter, ShardError, ShardLayout, ShardName, Width};
use crate::config::tokens::{Packing, ShardFormat};
use crate::store::{Scratch, Store};

/// What an array in NumPy's format begins with, in version 1.0.
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

/// NumPy's name of a type.
fn descr(width: Width) -> &'static str {
    match width {
        Width::U16 => "<u2",
        Width::I32 => "<i4",
        Width::U32 => "<u4",
    }
}

/// The bytes before the values of an array, as `numpy.save` writes them.
fn header(descr: &str, shape: &str) -> Vec<u8> {
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}")
        .into_bytes();
    // Values begin at a multiple of 64; a line end stands before them.
    let length = (MAGIC.len() + 2 + text.len() + 1).next_multiple_of(64);
    text.resize(length - MAGIC.len() - 3, b' ');
    text.push(b'\n');
    let mut bytes = MAGIC.to_vec();
    // Some hundred bytes.
    bytes.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes());
    bytes.extend(text);
    bytes
}

/// The path of a file that belongs to a shard: `doc_ends` gives `tokens/doc_ends_train_00003.npy`.
/// A glob for the shards, `train_*.npy`, does not find it.
fn beside(name: &ShardName, what: &str) -> String {
    format!("{}/{what}_{}_{:05}.npy", name.folder, name.kind(), name.number)
}

/// Starts a shard of documents or of rows.
pub(super) fn create(
    store: &Store,
    name: &ShardName,
    layout: &ShardLayout,
) -> Result<Box<dyn SequenceWriter>, ShardError> {
    let tokens = ShardFile::create(store, format!("{}.npy", name.stem()))?;
    let loss = layout.has_masks().then(|| ShardFile::create(store, beside(name, "loss")));
    let (loss, width) = (loss.transpose()?, layout.width);
    if layout.packing != Packing::Documents {
        let ends = Array::new(ShardFile::create(store, beside(name, "doc_ends"))?);
        let (tokens, loss) = (Array::new(tokens), loss.map(Array::new));
        let length = u64::from(layout.sequence_length);
        return Ok(Box::new(RowsWriter { tokens, loss, ends, width, length, rows: 0 }));
    }
    // Stored, not deflated: what deflating gives depends on the processor.
    let spans = ShardFile::create(store, format!("{}.csv.gz", name.stem()))?;
    let spans = GzEncoder::new(spans, flate2::Compression::none());
    Ok(Box::new(DocumentsWriter { tokens, loss, spans, width, written: 0, path: name.stem() }))
}

struct DocumentsWriter {
    path: String,
    tokens: ShardFile,
    loss: Option<ShardFile>,
    spans: GzEncoder<ShardFile>,
    width: Width,
    written: u64,
}

impl SequenceWriter for DocumentsWriter {
    fn write(&mut self, sequence: &Sequence<'_>) -> Result<(), ShardError> {
        use std::io::Write;
        let count = sequence.tokens.len() / self.width.bytes();
        self.tokens.write(sequence.tokens)?;
        if let Some(loss) = &mut self.loss {
            loss.write_mask(sequence.loss, count)?;
        }
        let start = self.written;
        self.written += count as u64;
        writeln!(self.spans, "{start},{}", self.written)
            .map_err(|source| failed(&format!("{}.csv.gz", self.path), source))
    }

    fn finish(self: Box<Self>) -> Result<Closed, ShardError> {
        let spans = self.spans.finish();
        let spans = spans.map_err(|source| failed(&format!("{}.csv.gz", self.path), source))?;
        let mut files = vec![self.tokens.finish()?, spans.finish()?];
        files.extend(self.loss.map(ShardFile::finish).transpose()?);
        Ok(Closed { files, index: None })
    }
}

/// An array whose number of rows is known at its end.
struct Array {
    file: ShardFile,
    values: Scratch,
}

impl Array {
    fn new(file: ShardFile) -> Self {
        Self { file, values: Scratch::default() }
    }

    fn finish(self, descr: &str, shape: &str, closed: &mut Closed) -> Result<(), ShardError> {
        let Self { mut file, values } = self;
        file.write(&header(descr, shape))?;
        values.give(|bytes| file.write(bytes))?;
        closed.files.push(file.finish()?);
        Ok(())
    }
}

struct RowsWriter {
    tokens: Array,
    loss: Option<Array>,
    ends: Array,
    width: Width,
    length: u64,
    rows: u64,
}

impl SequenceWriter for RowsWriter {
    fn write(&mut self, sequence: &Sequence<'_>) -> Result<(), ShardError> {
        self.tokens.values.write(sequence.tokens)?;
        if let Some(array) = &mut self.loss {
            match sequence.loss {
                Some(loss) => array.values.write(loss)?,
                None => array.values.write(&vec![1; sequence.tokens.len() / self.width.bytes()])?,
            }
        }
        let start = self.rows * self.length;
        for &end in sequence.ends {
            self.ends.values.write(&(start + u64::from(end)).to_le_bytes())?;
        }
        self.rows += 1;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Closed, ShardError> {
        let mut closed = Closed::default();
        let shape = format!("{}, {}", self.rows, self.length);
        let ends = self.ends.values.bytes() / 8;
        self.tokens.finish(descr(self.width), &shape, &mut closed)?;
        self.ends.finish("<i8", &format!("{ends},"), &mut closed)?;
        if let Some(loss) = self.loss {
            loss.finish("|b1", &shape, &mut closed)?;
        }
        Ok(closed)
    }
}

/// The type and the shape that the header of an array says, and the bytes of the header.
fn parse(bytes: &[u8]) -> Option<(&str, Vec<u64>, usize)> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_le_bytes(*length));
    let text = std::str::from_utf8(rest.get(..length)?).ok()?;
    let value = |key: &str, from: &str, to: char| {
        let (_, after) = text.split_once(key)?;
        let (value, _) = after.trim_start().strip_prefix(from)?.split_once(to)?;
        Some(value)
    };
    let descr = value("'descr':", "'", '\'')?;
    if value("'fortran_order':", "", ',')? != "False" {
        return None;
    }
    let numbers = value("'shape':", "(", ')')?.split(',').map(str::trim).filter(|n| !n.is_empty());
    let shape = numbers.map(|number| number.parse().ok()).collect::<Option<_>>()?;
    Some((descr, shape, MAGIC.len() + 2 + length))
}

/// Opens rows, or documents where there is no header.
pub(super) fn open(store: &Store, path: &str, hints: &Hints) -> Result<Tokens, ShardError> {
    let bytes = store.map(path)?;
    let (folder, file) = path.rsplit_once('/').map_or(("", path), |(folder, file)| (folder, file));
    let beside = |what: &str| {
        if folder.is_empty() { format!("{what}_{file}") } else { format!("{folder}/{what}_{file}") }
    };
    let loss = beside("loss");
    if !bytes.starts_with(b"\x93NUMPY") {
        let width = hints.width.unwrap_or(Width::U16);
        let spans = format!("{}.csv.gz", path.strip_suffix(".npy").unwrap_or(path));
        let borders = if store.exists(&spans)? {
            Borders::Ends(Box::new(super::spans::Spans::read(store, &spans)?))
        } else {
            hints.end_of_document.map_or(Borders::None, Borders::Behind)
        };
        let mut tokens = Tokens::new(path, bytes, 0, ShardFormat::Npy, width, borders)?;
        if store.exists(&loss)? {
            tokens.add_loss(&loss, store.map(&loss)?, 0)?;
        }
        return Ok(tokens);
    }
    let (width, shape, start) = match parse(&bytes) {
        Some(("<u2", shape, start)) => (Width::U16, shape, start),
        Some(("<i4", shape, start)) => (Width::I32, shape, start),
        Some(("<u4", shape, start)) => (Width::U32, shape, start),
        _ => return Err(damaged(path, "it is no array of <u2, <i4 or <u4 in NumPy's format 1.0")),
    };
    let &[rows, length] = shape.as_slice() else {
        return Err(damaged(path, "its array has not two dimensions, rows and tokens"));
    };
    if length == 0 || length > u64::from(u32::MAX) {
        return Err(damaged(path, "its rows have no length that rows have"));
    }
    let ends_path = beside("doc_ends");
    let ends = store.map(&ends_path)?;
    let ends = match parse(&ends) {
        Some(("<i8", shape, start))
            if shape.len() == 1 && {
                let count = (ends.len() - start) as u64 / 8;
                shape[0] == count
            } =>
        {
            words(&ends_path, ends, start)?
        }
        _ => return Err(damaged(&ends_path, "it is no array of <i8 with one dimension")),
    };
    let borders = Borders::Rows(length, ends);
    let mut tokens = Tokens::new(path, bytes, start, ShardFormat::Npy, width, borders)?;
    if rows.checked_mul(length) != Some(tokens.total() as u64) {
        let detail = format!("it has {} tokens, not {rows} rows of {length}", tokens.total());
        return Err(damaged(path, &detail));
    }
    if store.exists(&loss)? {
        let mask = store.map(&loss)?;
        match parse(&mask) {
            Some(("|b1", found, start)) if found == shape => tokens.add_loss(&loss, mask, start)?,
            _ => return Err(damaged(&loss, "it is no array of |b1 in the shape of the tokens")),
        }
    }
    Ok(tokens)
}
