//! Numbers at any byte or bit of a file, little-endian. What lies outside reads as zero: a damaged
//! file gives wrong scores, not a panic.

/// The eight bytes at `at`.
#[inline]
pub(super) fn u64_at(bytes: &[u8], at: u64) -> u64 {
    let start = usize::try_from(at).unwrap_or(usize::MAX);
    bytes.get(start..).and_then(<[u8]>::first_chunk).map_or(0, |word| u64::from_le_bytes(*word))
}

/// The four bytes at `at`.
#[inline]
pub(super) fn u32_at(bytes: &[u8], at: u64) -> u32 {
    let start = usize::try_from(at).unwrap_or(usize::MAX);
    bytes.get(start..).and_then(<[u8]>::first_chunk).map_or(0, |word| u32::from_le_bytes(*word))
}

/// The float at `at`.
#[inline]
pub(super) fn f32_at(bytes: &[u8], at: u64) -> f32 {
    f32::from_bits(u32_at(bytes, at))
}

/// `length` bits, at most 57, from bit `bit` behind the byte `base`.
#[inline]
pub(super) fn bits_at(bytes: &[u8], base: u64, bit: u64, length: u32) -> u64 {
    let word = u64_at(bytes, base.saturating_add(bit >> 3));
    (word >> (bit & 7)) & ((1 << length) - 1)
}

/// Bits that numbers up to `greatest` take.
pub(super) fn required_bits(greatest: u64) -> u32 {
    64 - greatest.leading_zeros()
}
