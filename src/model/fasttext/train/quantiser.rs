//! Product quantisation: each pair of floats of a row becomes the number of one of 256 centroids.

use rayon::prelude::*;

use super::random::Minstd;

/// Centroids a part: what a byte can name.
pub(super) const CENTROIDS: usize = 256;

/// Rows that centroids are fitted to, at most.
const FITTED_ROWS: usize = 256 * CENTROIDS;
const ROUNDS: usize = 25;
const SEED: u32 = 1234;
/// How far the halves of a split cluster move apart.
const APART: f32 = 1e-7;

/// The centroids of each part of a row.
pub(super) struct Quantiser {
    dimension: usize,
    width: usize,
    /// 256 of the first part, then of the next.
    pub(super) centroids: Vec<f32>,
}

/// A matrix in codes: directions, and norms apart.
pub(super) struct Coded {
    pub(super) rows: usize,
    pub(super) codes: Vec<u8>,
    pub(super) quantiser: Quantiser,
    pub(super) norms: Option<(Vec<u8>, Quantiser)>,
}

impl Coded {
    /// Quantises a matrix of at least 256 rows, `width` floats a byte.
    pub(super) fn new(values: &[f32], dimension: usize, width: usize) -> Self {
        let rows = values.len() / dimension;
        let square = |row: &[f32]| row.iter().fold(0.0, |sum: f32, value| sum + value * value);
        let norms: Vec<f32> =
            values.chunks_exact(dimension).map(|row| square(row).sqrt()).collect();
        let mut directions = values.to_vec();
        for (row, &norm) in directions.chunks_exact_mut(dimension).zip(&norms) {
            if norm != 0.0 {
                for value in row.iter_mut() {
                    *value /= norm;
                }
            }
        }
        let quantiser = Quantiser::fit(&directions, dimension, width);
        let codes = quantiser.codes(&directions);
        let of_norms = Quantiser::fit(&norms, 1, 1);
        let norm_codes = of_norms.codes(&norms);
        Self { rows, codes, quantiser, norms: Some((norm_codes, of_norms)) }
    }

    /// Quantises at least 256 numbers, a byte each. What is 0 stays so: most parts of most texts weigh
    /// nothing, and a little of each would come to much.
    pub(super) fn of_numbers(values: &[f32]) -> Self {
        let weights: Vec<f32> = values.iter().copied().filter(|value| *value != 0.0).collect();
        let mut quantiser = Quantiser::fit(&weights, 1, 1);
        let least = |best: usize, other: usize| {
            let size = |number: usize| quantiser.centroids[number].abs();
            if size(other) < size(best) { other } else { best }
        };
        let nothing = (0..CENTROIDS).fold(0, least);
        quantiser.centroids[nothing] = 0.0;
        let codes = quantiser.codes(values);
        Self { rows: values.len(), codes, quantiser, norms: None }
    }
}

impl Quantiser {
    fn fit(values: &[f32], dimension: usize, width: usize) -> Self {
        let rows = values.len() / dimension;
        let parts: Vec<usize> = (0..dimension).step_by(width).collect();
        let fitted: Vec<Vec<f32>> = parts
            .par_iter()
            .map(|&first| {
                let width = width.min(dimension - first);
                // A seed for each part, so that they can be fitted in any order.
                #[expect(clippy::cast_possible_truncation, reason = "a dimension is below 2^20")]
                let mut draw = Minstd::new(SEED + first as u32);
                let points: Vec<f32> = chosen(rows, FITTED_ROWS, &mut draw)
                    .into_iter()
                    .flat_map(|row| {
                        let start = row * dimension + first;
                        values[start..start + width].iter().copied()
                    })
                    .collect();
                cluster(&points, width, &mut draw)
            })
            .collect();
        Self { dimension, width, centroids: fitted.concat() }
    }

    /// Dimension, number of parts, width of a part, width of the last.
    pub(super) fn shape(&self) -> [usize; 4] {
        let parts = self.dimension.div_ceil(self.width);
        [self.dimension, parts, self.width, self.dimension - (parts - 1) * self.width]
    }

    fn codes(&self, values: &[f32]) -> Vec<u8> {
        let [dimension, parts, width, last] = self.shape();
        let tables: Vec<Table> = (0..parts)
            .map(|part| {
                let width = if part + 1 == parts { last } else { width };
                let start = part * self.width * CENTROIDS;
                Table::new(&self.centroids[start..start + width * CENTROIDS], width)
            })
            .collect();
        let mut codes = vec![0; values.len() / dimension * parts];
        codes.par_chunks_mut(parts * 1024).zip(values.par_chunks(dimension * 1024)).for_each(
            |(codes, values)| {
                let mut distances = [0.0; CENTROIDS];
                for (codes, row) in
                    codes.chunks_exact_mut(parts).zip(values.chunks_exact(dimension))
                {
                    for ((code, table), part) in
                        codes.iter_mut().zip(&tables).zip(row.chunks(width))
                    {
                        *code = table.nearest(part, &mut distances);
                    }
                }
            },
        );
        codes
    }
}

/// `count` different numbers below `of`, all in order where there are no more.
fn chosen(of: usize, count: usize, draw: &mut Minstd) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..of).collect();
    if of > count {
        for at in 0..count {
            let other = at + draw.below(of - at);
            numbers.swap(at, other);
        }
        numbers.truncate(count);
    }
    numbers
}

/// k-means: 256 centroids of points of `width` floats.
fn cluster(points: &[f32], width: usize, draw: &mut Minstd) -> Vec<f32> {
    let rows = points.len() / width;
    let mut first: Vec<usize> = (0..rows).collect();
    let wanted = CENTROIDS.min(rows);
    for at in 0..wanted {
        let other = at + draw.below(rows - at);
        first.swap(at, other);
    }
    let mut centroids: Vec<f32> = first[..wanted]
        .iter()
        .flat_map(|&row| points[row * width..(row + 1) * width].iter().copied())
        .collect();
    centroids.resize(CENTROIDS * width, 0.0);
    let mut distances = [0.0; CENTROIDS];
    for _ in 0..ROUNDS {
        let table = Table::new(&centroids, width);
        let mut members = [0usize; CENTROIDS];
        centroids.fill(0.0);
        for point in points.chunks_exact(width) {
            let code = usize::from(table.nearest(point, &mut distances));
            members[code] += 1;
            let sums = &mut centroids[code * width..(code + 1) * width];
            sums.iter_mut().zip(point).for_each(|(sum, value)| *sum += value);
        }
        #[expect(clippy::cast_precision_loss, reason = "at most 65,536 points")]
        for (sums, &members) in centroids.chunks_exact_mut(width).zip(&members) {
            if members > 0 {
                for sum in sums.iter_mut() {
                    *sum /= members as f32;
                }
            }
        }
        fill_empty(&mut centroids, &mut members, width);
    }
    centroids
}

/// Gives each cluster without members half of the largest one.
fn fill_empty(centroids: &mut [f32], members: &mut [usize; CENTROIDS], width: usize) {
    for empty in 0..CENTROIDS {
        if members[empty] > 0 {
            continue;
        }
        let largest = (0..CENTROIDS)
            .fold(0, |best, other| if members[other] > members[best] { other } else { best });
        for lane in 0..width {
            let apart = if lane % 2 == 1 { APART } else { -APART };
            let value = centroids[largest * width + lane];
            centroids[empty * width + lane] = value + apart;
            centroids[largest * width + lane] = value - apart;
        }
        members[empty] = members[largest] / 2;
        members[largest] -= members[empty];
    }
}

/// Centroids lane by lane, so that a point is compared with many at once.
struct Table {
    lanes: Vec<[f32; CENTROIDS]>,
}

impl Table {
    fn new(centroids: &[f32], width: usize) -> Self {
        let lane = |lane| std::array::from_fn(|number| centroids[number * width + lane]);
        Self { lanes: (0..width).map(lane).collect() }
    }

    /// The first of the nearest centroids.
    fn nearest(&self, point: &[f32], distances: &mut [f32; CENTROIDS]) -> u8 {
        distances.fill(0.0);
        for (lane, value) in self.lanes.iter().zip(point) {
            for (distance, centroid) in distances.iter_mut().zip(lane) {
                let apart = value - centroid;
                *distance += apart * apart;
            }
        }
        let least = distances.iter().copied().fold(f32::INFINITY, f32::min);
        let nearest =
            distances.iter().position(|distance| distance.total_cmp(&least).is_eq()).unwrap_or(0);
        u8::try_from(nearest).unwrap_or(0)
    }
}
