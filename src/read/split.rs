//! Splits: the pieces of input that tasks read.
//!
//! Splits follow from the files' names and sizes alone (and the footers of large Parquet and Arrow
//! files, the first bytes of large compressed ones), so they are the same on every machine. Small
//! files share a split; a large file of lines or WARC records is cut into byte ranges, a large Parquet
//! file at row groups, an Arrow file at record batches. A compressed file is entered at its members
//! (gzip) or frames (zstd, lz4); one whose first member is long, such as all that `gzip` and `zstd`
//! write in one go, is only cut into ranges of 1 GiB, since a task may find no member to begin with in
//! its range and then has looked in vain.

use serde::{Deserialize, Serialize};

use super::decompress::Content;
use super::{Format, Part, Piece, ReadError, RowGroup, record_batches, row_groups};
use crate::store::{Entry, Store};

/// The smallest range of a compressed file whose first member is long.
const COARSE_BYTES: u64 = 1 << 30;

/// What one task reads: pieces of files of one source, in document order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Index of the source.
    pub source: u32,
    /// Format of all its files.
    pub format: Format,
    /// What to read, in this order.
    pub pieces: Vec<Piece>,
    /// Records after which to stop (`--limit`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// Gathers the splits of one source.
pub struct SplitPlanner<'a> {
    /// The source's root.
    pub store: &'a Store,
    /// Index of the source.
    pub source: u32,
    /// About how many stored bytes a split holds.
    pub target: u64,
    /// Records to read of the source, all in one split.
    pub limit: Option<u64>,
    open: Option<(Split, u64)>,
    done: Vec<Split>,
}

impl<'a> SplitPlanner<'a> {
    /// A planner for the files below `store`.
    #[must_use]
    pub fn new(store: &'a Store, source: u32, target: u64, limit: Option<u64>) -> Self {
        Self { store, source, target: target.max(1), limit, open: None, done: Vec::new() }
    }

    /// Adds a file; files come in document order.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn add(&mut self, file: &Entry, format: Format) -> Result<(), ReadError> {
        let parts = if self.limit.is_some() || file.size <= self.target {
            vec![(Part::Whole, file.size)]
        } else {
            match format {
                Format::Jsonl | Format::TextLines | Format::Warc => self.byte_ranges(file)?,
                Format::Parquet => {
                    self.group_ranges(file, row_groups(self.store, &file.path, file.size)?)
                }
                Format::Arrow => self.group_ranges(file, record_batches(self.store, file)?),
                _ => vec![(Part::Whole, file.size)],
            }
        };
        for (part, bytes) in parts {
            self.piece(Piece { file: file.path.clone(), size: file.size, part }, bytes, format);
        }
        Ok(())
    }

    fn piece(&mut self, piece: Piece, bytes: u64, format: Format) {
        let fits = |split: &Split, held: u64| {
            split.format == format && (self.limit.is_some() || held + bytes <= self.target)
        };
        match &mut self.open {
            Some((split, held)) if fits(split, *held) => {
                split.pieces.push(piece);
                *held += bytes;
            }
            open => {
                let split =
                    Split { source: self.source, format, pieces: vec![piece], limit: self.limit };
                self.done.extend(open.replace((split, bytes)).map(|(split, _)| split));
            }
        }
    }

    fn byte_ranges(&self, file: &Entry) -> Result<Vec<(Part, u64)>, ReadError> {
        let piece = Piece { file: file.path.clone(), size: file.size, part: Part::Whole };
        let target = if Content::is_divisible(self.store, &piece)? {
            self.target
        } else {
            self.target.max(COARSE_BYTES)
        };
        let count = file.size.div_ceil(target);
        if count == 1 {
            return Ok(vec![(Part::Whole, file.size)]);
        }
        let cut = |index: u64| {
            u64::try_from(u128::from(file.size) * u128::from(index) / u128::from(count))
                .unwrap_or(file.size)
        };
        Ok((0..count)
            .map(|index| cut(index)..cut(index + 1))
            .map(|range| (Part::Bytes(range.clone()), range.end - range.start))
            .collect())
    }

    /// Parts of a Parquet or Arrow file; it is one where nothing is known of its row groups.
    fn group_ranges(&self, file: &Entry, groups: Option<Vec<RowGroup>>) -> Vec<(Part, u64)> {
        let Some(groups) = groups else {
            return vec![(Part::Whole, file.size)];
        };
        let mut parts = Vec::new();
        let (mut first, mut first_row, mut rows, mut bytes) = (0, 0, 0, 0);
        for (index, group) in (0u32..).zip(&groups) {
            if bytes > 0 && bytes + group.bytes > self.target {
                parts.push((Part::RowGroups { groups: first..index, first_row }, bytes));
                (first, first_row, rows, bytes) = (index, first_row + rows, 0, 0);
            }
            rows += group.rows;
            bytes += group.bytes;
        }
        let last = u32::try_from(groups.len()).unwrap_or(u32::MAX);
        parts.push((Part::RowGroups { groups: first..last, first_row }, bytes));
        parts
    }

    /// The splits, in document order.
    #[must_use]
    pub fn finish(mut self) -> Vec<Split> {
        self.done.extend(self.open.take().map(|(split, _)| split));
        self.done
    }
}
