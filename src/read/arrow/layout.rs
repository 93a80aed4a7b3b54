//! Where the columns of a record batch lie in its body: found from its head alone, and checked, so
//! that only what is wanted is read and a damaged length asks for no memory.

use std::ops::Range;

use arrow::datatypes::{DataType, Field, Schema, UnionMode};
use arrow::ipc::{MetadataVersion, RecordBatch};

use super::super::reasons;
use crate::document::Reason;

/// The most bytes of the wanted columns of one batch, stored or decompressed.
const MAX_BATCH_BYTES: u64 = 2 << 30;

/// A buffer of this size may come from any number of stored bytes.
const SMALL_BYTES: u64 = 64 << 20;

/// The most that any larger buffer is compressed.
const MAX_RATIO: u64 = 1000;

/// Counts nodes and buffers as fields take them.
#[derive(Default)]
struct Cursor {
    node: usize,
    buffer: usize,
    variadic: usize,
}

/// How many rows a batch has; `None` where its head contradicts itself or the schema.
pub(super) fn rows(
    batch: &RecordBatch<'_>,
    schema: &Schema,
    version: MetadataVersion,
) -> Option<u64> {
    Some(columns(batch, schema, version)?.0)
}

/// Rows of a batch, and for each column of the schema its buffers by number.
fn columns(
    batch: &RecordBatch<'_>,
    schema: &Schema,
    version: MetadataVersion,
) -> Option<(u64, Vec<Range<usize>>)> {
    let (nodes, buffers) = (batch.nodes()?, batch.buffers()?);
    let mut cursor = Cursor::default();
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let (node, first) = (cursor.node, cursor.buffer);
        cursor.pass(field, batch, version)?;
        if cursor.node > nodes.len() || cursor.buffer > buffers.len() {
            return None;
        }
        if nodes.get(node).length() != batch.length() {
            return None;
        }
        columns.push(first..cursor.buffer);
    }
    Some((u64::try_from(batch.length()).ok()?, columns))
}

impl Cursor {
    fn pass(
        &mut self,
        field: &Field,
        batch: &RecordBatch<'_>,
        version: MetadataVersion,
    ) -> Option<()> {
        self.node += 1;
        match field.data_type() {
            DataType::Null => {}
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary => {
                self.buffer += 3;
            }
            DataType::Utf8View | DataType::BinaryView => {
                let counts = batch.variadicBufferCounts()?;
                if self.variadic >= counts.len() {
                    return None;
                }
                let count = usize::try_from(counts.get(self.variadic)).ok()?;
                self.variadic += 1;
                self.buffer = self.buffer.checked_add(count)?.checked_add(2)?;
            }
            DataType::List(inner) | DataType::LargeList(inner) | DataType::Map(inner, _) => {
                self.buffer += 2;
                self.pass(inner, batch, version)?;
            }
            DataType::ListView(inner) | DataType::LargeListView(inner) => {
                self.buffer += 3;
                self.pass(inner, batch, version)?;
            }
            DataType::FixedSizeList(inner, _) => {
                self.buffer += 1;
                self.pass(inner, batch, version)?;
            }
            DataType::Struct(fields) => {
                self.buffer += 1;
                for field in fields {
                    self.pass(field, batch, version)?;
                }
            }
            DataType::RunEndEncoded(ends, values) => {
                self.pass(ends, batch, version)?;
                self.pass(values, batch, version)?;
            }
            DataType::Union(fields, mode) => {
                self.buffer += usize::from(version < MetadataVersion::V5);
                self.buffer += if *mode == UnionMode::Dense { 2 } else { 1 };
                for (_, field) in fields.iter() {
                    self.pass(field, batch, version)?;
                }
            }
            // Fixed width, or the indices into a dictionary: validity and values.
            _ => self.buffer += 2,
        }
        Some(())
    }
}

/// The parts of a batch's body that hold the columns `wanted`, in order and apart.
pub(super) fn wanted(
    batch: &RecordBatch<'_>,
    schema: &Schema,
    version: MetadataVersion,
    wanted: &[usize],
    body: u64,
) -> Result<Vec<Range<u64>>, Reason> {
    let (_, columns) = columns(batch, schema, version).ok_or(reasons::CORRUPT)?;
    let buffers = batch.buffers().ok_or(reasons::CORRUPT)?;
    let mut ranges = Vec::new();
    for column in wanted {
        for index in columns.get(*column).cloned().ok_or(reasons::CORRUPT)? {
            let buffer = buffers.get(index);
            let start = u64::try_from(buffer.offset()).map_err(|_| reasons::CORRUPT)?;
            let length = u64::try_from(buffer.length()).map_err(|_| reasons::CORRUPT)?;
            let end = start.checked_add(length).filter(|end| *end <= body);
            // Empty ones, too: the decoder wants them to lie within what is held.
            ranges.push(start..end.ok_or(reasons::CORRUPT)?);
        }
    }
    ranges.sort_unstable_by_key(|range| range.start);
    let mut apart: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match apart.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    let bytes: u64 = apart.iter().map(|range| range.end - range.start).sum();
    if bytes > MAX_BATCH_BYTES { Err(reasons::TOO_LARGE) } else { Ok(apart) }
}

/// Checks the lengths that compressed buffers claim to have: the decoder takes memory for them
/// before it has seen more than the claim.
pub(super) fn check_claims(
    batch: &RecordBatch<'_>,
    schema: &Schema,
    version: MetadataVersion,
    wanted: &[usize],
    body: &[u8],
) -> Result<(), Reason> {
    if batch.compression().is_none() {
        return Ok(());
    }
    let (_, columns) = columns(batch, schema, version).ok_or(reasons::CORRUPT)?;
    let buffers = batch.buffers().ok_or(reasons::CORRUPT)?;
    let mut total = 0_u64;
    for index in wanted.iter().filter_map(|column| columns.get(*column).cloned()).flatten() {
        let buffer = buffers.get(index);
        if buffer.length() == 0 {
            continue;
        }
        let start = usize::try_from(buffer.offset()).map_err(|_| reasons::CORRUPT)?;
        let claim = body.get(start..).and_then(<[u8]>::first_chunk).ok_or(reasons::CORRUPT)?;
        let claim = match i64::from_le_bytes(*claim) {
            // Stored as it is.
            -1 => continue,
            claim => u64::try_from(claim).map_err(|_| reasons::CORRUPT)?,
        };
        if claim > SMALL_BYTES && claim / MAX_RATIO > buffer.length().unsigned_abs() {
            return Err(reasons::CORRUPT);
        }
        total = total.saturating_add(claim);
    }
    if total > MAX_BATCH_BYTES { Err(reasons::TOO_LARGE) } else { Ok(()) }
}
