//! Gathers records into a [`Batch`].

use std::sync::Arc;

use arrow::array::StringBuilder;
use xxhash_rust::xxh3::xxh3_64;

use super::{Selection, reasons};
use crate::conversation::{Given, Shape};
use crate::document::{Batch, DocumentId, MAX_DOCUMENT_BYTES, Position, Reason, Verdict};
use crate::text::Analysis;

/// The most rows of a batch, however short the texts are.
const MAX_ROWS: usize = 1 << 14;

/// Takes records from a reader and makes batches of about `target_bytes` of text.
pub struct BatchBuilder {
    source: Arc<str>,
    file: Arc<str>,
    file_index: u32,
    target_bytes: usize,
    first_row: u64,
    /// Rows after which the builder is full for good (`--limit`).
    remaining: u64,
    selection: Option<Arc<dyn Selection>>,
    keep_ids: bool,
    ids: Vec<DocumentId>,
    files: Vec<u32>,
    positions: Vec<Position>,
    source_ids: StringBuilder,
    texts: StringBuilder,
    text_bytes: usize,
    metadata: Vec<StringBuilder>,
    /// The metadata column that outlines of conversations go to.
    outlines: Option<usize>,
    verdicts: Vec<Verdict>,
    chars_in: Vec<Option<u64>>,
    hash_in: Vec<u64>,
}

impl BatchBuilder {
    /// A builder for the records of one split of `source`, with `metadata` kept fields a record.
    #[must_use]
    pub fn new(source: &str, metadata: usize, target_bytes: usize, limit: Option<u64>) -> Self {
        Self {
            source: source.into(),
            file: "".into(),
            file_index: 0,
            target_bytes,
            first_row: 0,
            remaining: limit.unwrap_or(u64::MAX),
            selection: None,
            keep_ids: false,
            ids: Vec::new(),
            files: Vec::new(),
            positions: Vec::new(),
            source_ids: StringBuilder::new(),
            texts: StringBuilder::new(),
            text_bytes: 0,
            metadata: (0..metadata).map(|_| StringBuilder::new()).collect(),
            outlines: None,
            verdicts: Vec::new(),
            chars_in: Vec::new(),
            hash_in: Vec::new(),
        }
    }

    /// Makes the records' own ids those of the documents, if `so`; a record without one fails.
    #[must_use]
    pub fn with_kept_ids(mut self, so: bool) -> Self {
        self.keep_ids = so;
        self
    }

    /// Lets readers of columns leave out the texts that `selection` does not want.
    #[must_use]
    pub fn with_selection(mut self, selection: Option<Arc<dyn Selection>>) -> Self {
        self.selection = selection;
        self
    }

    /// Which texts are wanted; all where `None`.
    #[must_use]
    pub fn selection(&self) -> Option<Arc<dyn Selection>> {
        self.selection.clone()
    }

    /// The id of the record at `position` of the file that was started last.
    #[must_use]
    pub fn id(&self, position: Position) -> DocumentId {
        DocumentId::new(&self.source, &self.file, position)
    }

    /// Says which metadata column outlines of conversations go to. Nothing that a record holds gets
    /// there.
    #[must_use]
    pub fn with_outlines(mut self, column: Option<usize>) -> Self {
        self.outlines = column;
        self
    }

    /// Says which file the next records come from: its index in the split and its path.
    pub fn start_file(&mut self, index: u32, path: &str) {
        self.file_index = index;
        self.file = path.into();
    }

    /// Whether the batch should be taken before more records are added; with `--limit` reached, for
    /// good.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.remaining == 0 || self.text_bytes >= self.target_bytes || self.ids.len() >= MAX_ROWS
    }

    /// Whether there is nothing to take.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Adds a document. `metadata` holds one value per kept field. A text over
    /// [`MAX_DOCUMENT_BYTES`] is added as failed.
    pub fn document(
        &mut self,
        position: Position,
        text: &str,
        source_id: Option<&str>,
        metadata: &[Option<&str>],
    ) {
        self.add(position, text, source_id, metadata, None);
    }

    /// Adds a conversation: `parts` are the fields of `shape`.
    ///
    /// # Errors
    /// With the reason that the record is none; nothing is added then.
    pub fn conversation(
        &mut self,
        position: Position,
        (shape, parts): (&Shape, &[Option<Given<'_>>]),
        source_id: Option<&str>,
        metadata: &[Option<&str>],
    ) -> Result<(), Reason> {
        let (transcript, outline) = shape.read(parts)?.write();
        self.add(position, &transcript, source_id, metadata, Some(&outline));
        Ok(())
    }

    fn add(
        &mut self,
        position: Position,
        text: &str,
        source_id: Option<&str>,
        metadata: &[Option<&str>],
        outline: Option<&str>,
    ) {
        if text.len() > MAX_DOCUMENT_BYTES {
            self.failed(position, reasons::TOO_LARGE);
            return;
        }
        let Some(id) = self.own_id(position, source_id) else {
            self.failed(position, reasons::NO_ID);
            return;
        };
        self.row(id, position, Verdict::Kept);
        self.texts.append_value(text);
        self.text_bytes += text.len();
        self.source_ids.append_option(source_id);
        for (index, column) in self.metadata.iter_mut().enumerate() {
            let outlines = self.outlines == Some(index);
            let value = if outlines { outline } else { metadata.get(index).copied().flatten() };
            column.append_option(value);
        }
        self.chars_in.push(Some(text.chars().count() as u64));
        self.hash_in.push(xxh3_64(text.as_bytes()));
    }

    /// Adds a document whose text the [`Selection`] does not want: some stage will drop it.
    pub fn unread(
        &mut self,
        position: Position,
        source_id: Option<&str>,
        metadata: &[Option<&str>],
    ) {
        let Some(id) = self.own_id(position, source_id) else {
            self.failed(position, reasons::NO_ID);
            return;
        };
        self.row(id, position, Verdict::Kept);
        self.texts.append_null();
        self.source_ids.append_option(source_id);
        for (index, column) in self.metadata.iter_mut().enumerate() {
            let value = metadata.get(index).copied().flatten();
            column.append_option(value);
            // Without texts, what is kept of the records is what fills the memory.
            self.text_bytes += value.map_or(0, str::len);
        }
        self.chars_in.push(None);
        self.hash_in.push(0);
    }

    /// Adds a record that could not be read as a document.
    pub fn failed(&mut self, position: Position, reason: Reason) {
        self.row(self.id(position), position, Verdict::Failed { reason });
        self.texts.append_null();
        self.source_ids.append_null();
        for column in &mut self.metadata {
            column.append_null();
        }
        self.chars_in.push(None);
        self.hash_in.push(0);
    }

    /// The id of a record that calls itself `source_id`.
    fn own_id(&self, position: Position, source_id: Option<&str>) -> Option<DocumentId> {
        if !self.keep_ids {
            return Some(self.id(position));
        }
        let text = source_id.filter(|id| id.len() == 32 && !id.starts_with('+'))?;
        u128::from_str_radix(text, 16).ok().map(DocumentId)
    }

    fn row(&mut self, id: DocumentId, position: Position, verdict: Verdict) {
        self.ids.push(id);
        self.files.push(self.file_index);
        self.positions.push(position);
        self.verdicts.push(verdict);
        self.remaining = self.remaining.saturating_sub(1);
    }

    /// The rows gathered since the last call.
    pub fn take(&mut self) -> Batch {
        let rows = self.ids.len();
        let first_row = self.first_row;
        self.first_row += rows as u64;
        self.text_bytes = 0;
        Batch {
            first_row,
            ids: std::mem::take(&mut self.ids),
            files: std::mem::take(&mut self.files),
            positions: std::mem::take(&mut self.positions),
            source_ids: self.source_ids.finish(),
            texts: self.texts.finish(),
            metadata: self.metadata.iter_mut().map(StringBuilder::finish).collect(),
            signals: Vec::new(),
            verdicts: std::mem::take(&mut self.verdicts),
            chars_in: std::mem::take(&mut self.chars_in),
            hash_in: std::mem::take(&mut self.hash_in),
            clusters: vec![None; rows],
            modified: vec![0; rows],
            audited: vec![false; rows],
            fails: vec![Vec::new(); rows],
            analyses: (0..rows).map(|_| Analysis::default()).collect(),
        }
    }
}
