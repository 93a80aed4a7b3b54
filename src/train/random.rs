//! Random numbers that are a pure function of their key: no state to save, none to restore.
//!
//! The mixer is `SplitMix64`'s (<https://doi.org/10.1145/2660193.2660195>); sequences are made by
//! counting, so that value *i* of a stream can be computed alone, on any machine.

/// The odd constant nearest to 2⁶⁴ / φ: consecutive counters land far apart.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// `SplitMix64`'s output function: a bijection that spreads every bit of `value` over all.
pub(crate) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// Number `index` of the stream `key`.
pub(crate) fn stream(key: u64, index: u64) -> u64 {
    mix(mix(key).wrapping_add(index.wrapping_add(1).wrapping_mul(GOLDEN)))
}

/// `count` draws from the normal distribution of standard deviation `deviation`, named by
/// `(seed, name)`: Box–Muller on pairs of the stream, with `libm` so that the bits do not depend on
/// the system's mathematics library.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "53 bits fit f64; f32 is the format asked for"
)]
pub(crate) fn normals(seed: u64, name: &str, count: usize, deviation: f64) -> Vec<f32> {
    const UNIT: f64 = 1.0 / (1_u64 << 53) as f64;
    let key = xxhash_rust::xxh3::xxh3_64_with_seed(name.as_bytes(), seed);
    let mut out = Vec::with_capacity(count + 1);
    for pair in 0..count.div_ceil(2) as u64 {
        // In (0, 1]: the logarithm needs more than 0.
        let radius = ((stream(key, 2 * pair) >> 11) + 1) as f64 * UNIT;
        let angle = (stream(key, 2 * pair + 1) >> 11) as f64 * UNIT;
        let radius = deviation * libm::sqrt(-2.0 * libm::log(radius));
        let (sine, cosine) = libm::sincos(std::f64::consts::TAU * angle);
        out.push((radius * cosine) as f32);
        out.push((radius * sine) as f32);
    }
    out.truncate(count);
    out
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
mod tests {
    use super::*;

    #[test]
    fn normals_are_normal_and_named() {
        let draws = normals(17, "model.embed_tokens.weight", 100_001, 0.02);
        assert_eq!(draws.len(), 100_001);
        let count = draws.len() as f64;
        let mean = draws.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
        let variance = draws.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / count;
        let fourth = draws.iter().map(|x| f64::from(*x).powi(4)).sum::<f64>() / count;
        assert!(mean.abs() < 3e-4, "{mean}");
        assert!((variance.sqrt() / 0.02 - 1.0).abs() < 0.01, "{variance}");
        assert!((fourth / variance.powi(2) - 3.0).abs() < 0.1, "{fourth}");
        assert_ne!(draws[..4], normals(17, "lm_head.weight", 4, 0.02)[..]);
        assert_ne!(draws[..4], normals(18, "model.embed_tokens.weight", 4, 0.02)[..]);
        // A prefix does not depend on how many are drawn.
        assert_eq!(draws[..5], normals(17, "model.embed_tokens.weight", 5, 0.02)[..]);
    }
}
