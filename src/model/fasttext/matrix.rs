//! The two weight matrices: dense, or compressed by product quantisation (arXiv 1612.03651).

use super::FastTextError;
use super::reader::Reader;

/// A quantised input matrix up to this size is expanded to floats on load; a larger one stays in codes.
pub(super) const EXPAND_BYTES: usize = 256 << 20;

/// A matrix as it stands in the file.
pub(super) enum Matrix {
    Dense(Dense),
    Coded(Coded),
}

/// Rows of floats, the first of them at the start of a cache line, since most reads are of one random row.
pub(super) struct Dense {
    padded: Vec<f32>,
    pad: usize,
    rows: usize,
    dimension: usize,
}

/// Each row is one byte per sub-vector, which names one of 256 centroids, times the norm of the row.
pub(super) struct Coded {
    codes: Vec<u8>,
    centroids: Vec<f32>,
    /// One per row; empty when the model was quantised without `-qnorm`.
    norms: Vec<f32>,
    rows: usize,
    dimension: usize,
    /// Floats in a sub-vector; the last one of a row may have fewer.
    width: usize,
}

impl Matrix {
    /// Reads a matrix of `dimension` columns.
    pub(super) fn read(
        reader: &mut Reader,
        quantised: bool,
        dimension: usize,
    ) -> Result<Self, FastTextError> {
        if quantised {
            Coded::read(reader, dimension).map(Self::Coded)
        } else {
            Dense::read(reader, dimension).map(Self::Dense)
        }
    }

    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.rows,
            Self::Coded(coded) => coded.rows,
        }
    }

    /// Turns codes into floats where the floats take at most `limit` bytes.
    pub(super) fn expanded(self, limit: usize) -> Self {
        match self {
            Self::Coded(coded) if coded.expanded_bytes() <= limit => Self::Dense(coded.expand()),
            other => other,
        }
    }

    /// The mean of the given rows, added up in their order. `rows` must not be empty.
    pub(super) fn mean(&self, rows: &[u32], out: &mut Vec<f32>) {
        out.clear();
        match self {
            Self::Dense(dense) if dense.dimension == 16 => {
                out.extend_from_slice(&dense.sum_of_width::<16>(rows));
            }
            Self::Dense(dense) => {
                out.resize(dense.dimension, 0.0);
                dense.add_rows(rows, out);
            }
            Self::Coded(coded) => {
                out.resize(coded.dimension, 0.0);
                for &row in rows {
                    coded.add_row(row as usize, out);
                }
            }
        }
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
        let scale = (1.0 / rows.len() as f64) as f32;
        for sum in out {
            *sum *= scale;
        }
    }
}

impl Dense {
    fn read(reader: &mut Reader, dimension: usize) -> Result<Self, FastTextError> {
        let rows = read_shape(reader, dimension, dimension.saturating_mul(4))?;
        let mut dense = Self::with_capacity(rows, dimension);
        reader.floats(rows * dimension, "matrix", &mut dense.padded)?;
        Ok(dense)
    }

    /// Room for all rows, none filled yet.
    fn with_capacity(rows: usize, dimension: usize) -> Self {
        const LINE: usize = 64;
        let mut padded: Vec<f32> = Vec::with_capacity(rows * dimension + LINE / 4);
        let pad = padded.as_ptr().align_offset(LINE).min(LINE / 4);
        padded.resize(pad, 0.0);
        Self { padded, pad, rows, dimension }
    }

    pub(super) fn values(&self) -> &[f32] {
        &self.padded[self.pad..]
    }

    pub(super) fn row(&self, row: u32) -> &[f32] {
        let start = self.pad + row as usize * self.dimension;
        &self.padded[start..start + self.dimension]
    }

    /// Adds rows to `sums`, one after the other. Four are on their way from memory at a time, since
    /// waiting for them is most of the work.
    fn add_rows(&self, rows: &[u32], sums: &mut [f32]) {
        let (fours, rest) = rows.as_chunks::<4>();
        for &four in fours {
            let [first, second, third, fourth] = four.map(|row| self.row(row));
            let next = second.iter().zip(third).zip(fourth);
            for ((sum, a), ((b, c), d)) in sums.iter_mut().zip(first).zip(next) {
                *sum = *sum + a + b + c + d;
            }
        }
        for &row in rest {
            for (sum, value) in sums.iter_mut().zip(self.row(row)) {
                *sum += value;
            }
        }
    }

    /// The sum of rows of `WIDTH` floats, held in registers.
    fn sum_of_width<const WIDTH: usize>(&self, rows: &[u32]) -> [f32; WIDTH] {
        let (table, _) = self.values().as_chunks::<WIDTH>();
        let mut sum = [0.0; WIDTH];
        for &row in rows {
            let row = &table[row as usize];
            for lane in 0..WIDTH {
                sum[lane] += row[lane];
            }
        }
        sum
    }
}

impl Coded {
    fn read(reader: &mut Reader, dimension: usize) -> Result<Self, FastTextError> {
        let has_norms = reader.flag("qnorm")?;
        let rows = read_shape(reader, dimension, 1)?;
        let written = i64::from(reader.i32("number of codes")?);
        let code_count = reader.expect_items(written, 1, "codes")?;
        let codes = reader.take(code_count, "codes")?.to_vec();
        let (parts, width, centroids) = read_quantizer(reader, dimension)?;
        if Some(code_count) != rows.checked_mul(parts) {
            return Err(reader.invalid("number of codes", written));
        }
        let mut norms = Vec::new();
        if has_norms {
            let norm_codes = reader.take(rows, "norms")?;
            let (_, _, levels) = read_quantizer(reader, 1)?;
            norms.extend(norm_codes.iter().map(|&code| levels[usize::from(code)]));
        }
        Ok(Self { codes, centroids, norms, rows, dimension, width })
    }

    /// The sub-vectors of a row, before its norm.
    fn parts(&self, row: usize) -> impl Iterator<Item = &[f32]> {
        let parts = self.dimension.div_ceil(self.width);
        let codes = &self.codes[row * parts..(row + 1) * parts];
        codes.iter().enumerate().map(move |(part, &code)| {
            let first = part * self.width;
            let width = self.width.min(self.dimension - first);
            let start = first * 256 + usize::from(code) * width;
            &self.centroids[start..start + width]
        })
    }

    fn norm(&self, row: usize) -> f32 {
        self.norms.get(row).copied().unwrap_or(1.0)
    }

    fn add_row(&self, row: usize, out: &mut [f32]) {
        let norm = self.norm(row);
        for (sums, part) in out.chunks_mut(self.width).zip(self.parts(row)) {
            for (sum, value) in sums.iter_mut().zip(part) {
                *sum += norm * value;
            }
        }
    }

    /// What the rows take as floats.
    pub(super) fn expanded_bytes(&self) -> usize {
        self.rows.saturating_mul(self.dimension).saturating_mul(4)
    }

    fn expand(&self) -> Dense {
        let mut dense = Dense::with_capacity(self.rows, self.dimension);
        for row in 0..self.rows {
            let norm = self.norm(row);
            for part in self.parts(row) {
                dense.padded.extend(part.iter().map(|value| norm * value));
            }
        }
        dense
    }

    /// The rows without their norms, and the norms: the C++ library multiplies a dot product by the norm last.
    pub(super) fn split(self) -> (Dense, Vec<f32>) {
        let mut coded = self;
        let norms = std::mem::take(&mut coded.norms);
        (coded.expand(), norms)
    }
}

/// The number of rows, each of at least `row_bytes` in the file.
fn read_shape(
    reader: &mut Reader,
    dimension: usize,
    row_bytes: usize,
) -> Result<usize, FastTextError> {
    let rows = reader.i64("matrix rows")?;
    let columns = reader.i64("matrix columns")?;
    if usize::try_from(columns) != Ok(dimension) {
        return Err(reader.invalid("matrix columns", columns));
    }
    if rows > i64::from(i32::MAX) {
        return Err(reader.invalid("matrix rows", rows));
    }
    reader.expect_items(rows, row_bytes, "matrix")
}

/// The number of sub-vectors, their width, and the centroids: 256 of the first sub-vector, then of the next.
fn read_quantizer(
    reader: &mut Reader,
    dimension: usize,
) -> Result<(usize, usize, Vec<f32>), FastTextError> {
    let limit = i32::MAX.cast_unsigned();
    let found_dimension = reader.count("quantizer dimension", limit)? as usize;
    let parts = reader.count("number of sub-vectors", limit)? as usize;
    let width = reader.count("sub-vector width", limit)? as usize;
    let last = reader.count("last sub-vector width", limit)? as usize;
    let fits = width >= 1
        && found_dimension == dimension
        && parts == dimension.div_ceil(width)
        && last == dimension - (parts - 1) * width;
    if !fits {
        return Err(reader.invalid("sub-vector width", i64::try_from(width).unwrap_or(i64::MAX)));
    }
    let mut centroids = Vec::new();
    reader.floats(dimension * 256, "centroids", &mut centroids)?;
    Ok((parts, width, centroids))
}
