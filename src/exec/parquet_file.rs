//! Parquet files whose bytes depend on their rows alone.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::ExecError;
use crate::config::source;
use crate::store::{Store, StoreWriter, Written};

/// Page compression.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Codec(pub source::Compression);

/// Columns of random digits: there is nothing to find for a compressor but that they are digits.
const RANDOM: &[&str] = &["id", "hash_in", "hash_out"];

/// A Parquet file being written. Parquet encodes what it is given a batch at a time and gives other
/// bytes for other batches, so callers must cut their rows by a rule of their own.
pub(crate) struct ParquetFile {
    writer: ArrowWriter<StoreWriter>,
    rows: u64,
}

impl ParquetFile {
    /// Starts a file. Columns in `prefixed` hold sorted or similar strings and are stored as
    /// differences to the value before; those in `unique` get no dictionary, which could only grow.
    pub(crate) fn create(
        store: &Store,
        path: &str,
        schema: &SchemaRef,
        Codec(codec): Codec,
        prefixed: &[&str],
        unique: &[&str],
    ) -> Result<Self, ExecError> {
        let codec = match codec {
            source::Compression::Zstd => Compression::ZSTD(ZstdLevel::try_new(3)?),
            source::Compression::Snappy => Compression::SNAPPY,
            source::Compression::None => Compression::UNCOMPRESSED,
        };
        let mut properties = WriterProperties::builder()
            .set_compression(codec)
            // Neither version nor host may enter the bytes.
            .set_created_by("tamis".to_owned())
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_max_row_group_row_count(None);
        for column in prefixed.iter().chain(unique) {
            properties = properties
                .set_column_dictionary_enabled(ColumnPath::from(*column), false)
                .set_column_statistics_enabled(ColumnPath::from(*column), EnabledStatistics::None);
        }
        if matches!(codec, Compression::ZSTD(_)) {
            for column in RANDOM {
                properties = properties.set_column_compression(
                    ColumnPath::from(*column),
                    Compression::ZSTD(ZstdLevel::try_new(1)?),
                );
            }
        }
        for column in prefixed {
            properties = properties
                .set_column_encoding(ColumnPath::from(*column), Encoding::DELTA_BYTE_ARRAY);
        }
        let out = store.writer(path)?;
        let writer = ArrowWriter::try_new(out, Arc::clone(schema), Some(properties.build()))?;
        Ok(Self { writer, rows: 0 })
    }

    /// Adds rows.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), ExecError> {
        self.rows += batch.num_rows() as u64;
        Ok(self.writer.write(batch)?)
    }

    /// Ends the row group.
    pub(crate) fn end_group(&mut self) -> Result<(), ExecError> {
        Ok(self.writer.flush()?)
    }

    /// Makes the file visible; gives what was written and how many rows.
    pub(crate) fn finish(self) -> Result<(Written, u64), ExecError> {
        let rows = self.rows;
        Ok((self.writer.into_inner()?.finish()?, rows))
    }
}
