//! Bands: which signatures are worth comparing.
//!
//! A signature is cut into bands of a few rows each; two texts nominate each other if all rows of a
//! band agree. A row agrees with probability J, the Jaccard similarity, so that a pair is nominated
//! with probability `1 − (1 − Jʳ)ᵇ` for b bands of r rows: little below some J, nearly always above
//! (Leskovec, Rajaraman, Ullman, [Mining of Massive Datasets](http://www.mmds.org/), chapter 3.4).

use xxhash_rust::xxh3::xxh3_128;

/// How a signature is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bands {
    /// How many bands.
    pub bands: usize,
    /// Rows of each.
    pub rows: usize,
}

/// How often pairs are nominated, for people to read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Nomination {
    /// Share of the pairs exactly at the threshold.
    pub at_threshold: f64,
    /// Similarities, and the share of the pairs as similar.
    pub at: [(f64, f64); 4],
}

/// The least share of pairs at the threshold that [`Bands::choose`] lets be nominated.
pub(super) const NOMINATED: f64 = 0.99;

impl Bands {
    /// The cut with the most rows that nominates at least [`NOMINATED`] of the pairs at `threshold`,
    /// in as few bands as that takes and at most `max_hashes` hashes. If there is none, as many bands
    /// of one row as there may be.
    pub(super) fn choose(threshold: f64, max_hashes: usize) -> Self {
        let max_hashes = max_hashes.max(1);
        for rows in (1..=max_hashes).rev() {
            for bands in 1..=max_hashes / rows {
                let cut = Self { bands, rows };
                if cut.probability(threshold) >= NOMINATED {
                    return cut;
                }
            }
        }
        Self { bands: max_hashes, rows: 1 }
    }

    /// The length of the signatures.
    pub(super) fn hashes(self) -> usize {
        self.bands * self.rows
    }

    /// The probability that a pair of this similarity is nominated.
    pub(super) fn probability(self, similarity: f64) -> f64 {
        1.0 - power(1.0 - power(similarity, self.rows), self.bands)
    }

    /// What there is to say about the cut.
    pub(super) fn nomination(self, threshold: f64) -> Nomination {
        Nomination {
            at_threshold: self.probability(threshold),
            at: [0.3, 0.5, 0.7, 0.9].map(|similarity| (similarity, self.probability(similarity))),
        }
    }

    /// The key of every band of a signature: xxh3-128 of the band's number (32 bits) and of the values
    /// of its rows (as wide as they are), little endian.
    pub(super) fn keys<V: Value>(self, signature: &[V]) -> impl Iterator<Item = u128> {
        let mut bytes = Vec::with_capacity(4 + 8 * self.rows);
        (0u32..).zip(signature.chunks_exact(self.rows)).take(self.bands).map(move |(band, rows)| {
            bytes.clear();
            bytes.extend_from_slice(&band.to_le_bytes());
            for value in rows {
                value.append(&mut bytes);
            }
            xxh3_128(&bytes)
        })
    }
}

/// A value of a signature.
pub(super) trait Value: Copy {
    /// Appends its bytes, little endian.
    fn append(self, bytes: &mut Vec<u8>);
}

impl Value for u32 {
    fn append(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.to_le_bytes());
    }
}

impl Value for u64 {
    fn append(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.to_le_bytes());
    }
}

/// A power by multiplications in a fixed order: what is chosen must not depend on a machine's
/// library.
fn power(base: f64, exponent: usize) -> f64 {
    (0..exponent).fold(1.0, |product, _| product * base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cut_has_the_most_rows_that_the_hashes_allow() {
        let cut = |threshold, max_hashes| {
            let Bands { bands, rows } = Bands::choose(threshold, max_hashes);
            (bands, rows)
        };
        assert_eq!(cut(0.8, 128), (16, 6));
        assert_eq!(cut(0.8, 95), (12, 5));
        assert_eq!(cut(0.5, 128), (35, 3));
        assert_eq!(cut(1.0, 128), (1, 128));
        // Out of reach.
        assert_eq!(cut(0.01, 128), (128, 1));
        assert_eq!(cut(0.8, 1), (1, 1));
        assert_eq!(cut(0.8, 0), (1, 1));
        for percent in 5..=100 {
            let threshold = f64::from(percent) / 100.0;
            let cut = Bands::choose(threshold, 128);
            assert!(cut.hashes() <= 128 && cut.probability(threshold) >= NOMINATED);
            let more = Bands { rows: cut.rows + 1, bands: 128 / (cut.rows + 1) };
            assert!(more.bands == 0 || more.probability(threshold) < NOMINATED);
        }
    }

    #[test]
    fn the_curve_is_the_one_of_the_book() {
        // Table of example 3.11: 20 bands of 5 rows.
        let cut = Bands { bands: 20, rows: 5 };
        for (similarity, probability) in
            [(0.2, 0.006), (0.3, 0.047), (0.4, 0.186), (0.5, 0.470), (0.6, 0.802), (0.7, 0.975)]
        {
            assert!((cut.probability(similarity) - probability).abs() < 6e-4);
        }
        let nomination = cut.nomination(0.8);
        assert!((nomination.at_threshold - 0.9996).abs() < 6e-5);
        assert_eq!(nomination.at[1], (0.5, cut.probability(0.5)));
    }

    #[test]
    fn keys_tell_bands_and_rows() {
        let cut = Bands { bands: 2, rows: 3 };
        let keys: Vec<u128> = cut.keys(&[1u32, 2, 3, 1, 2, 3]).collect();
        assert_eq!(keys.len(), 2);
        assert_ne!(keys[0], keys[1]);
        let bytes: Vec<u8> = [1u32, 1, 2, 3].iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(keys[1], xxh3_128(&bytes));
        assert!(keys[1] != cut.keys(&[1u32, 2, 3, 1, 3, 2]).last().unwrap());
        assert!(keys[1] != cut.keys(&[1u64, 2, 3, 1, 2, 3]).last().unwrap());
        // What is short of a band has no key.
        assert_eq!(cut.keys(&[1u32, 2, 3, 4, 5]).count(), 1);
    }
}
