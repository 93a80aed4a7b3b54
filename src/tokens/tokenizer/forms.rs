//! Normal forms as the reference library has them.
//!
//! tokenizers up to 0.23 normalises by the tables of Unicode 9; the 1.0 line by those of Unicode
//! 17. Vocabularies were trained, and models are served, with the former. Characters that have been
//! assigned since do not move and do not join there; normal forms of older ones never change.

use std::borrow::Cow;

use tokenizers::pipeline::{PipelineNormalizer, normalize_all};

/// Characters assigned after Unicode 9 that move behind others or join with them: those that the
/// two libraries treat differently next to characters of every class (found by trying them all).
#[rustfmt::skip]
const NEWER: &[(u32, u32)] = &[
    (0x7fd, 0x7fd), (0x897, 0x89f), (0x8ca, 0x8d3), (0x9fe, 0x9fe), (0xc3c, 0xc3c),
    (0xd3b, 0xd3c), (0xeba, 0xeba), (0x1715, 0x1715), (0x1abf, 0x1add), (0x1ae0, 0x1aeb),
    (0x1df6, 0x1dfa), (0xa82c, 0xa82c), (0x105c9, 0x105c9), (0x105d2, 0x105d2),
    (0x105da, 0x105da), (0x105e4, 0x105e4), (0x10d24, 0x10d27), (0x10d69, 0x10d6d),
    (0x10eab, 0x10eac), (0x10efa, 0x10efb), (0x10efd, 0x10eff), (0x10f46, 0x10f50),
    (0x10f82, 0x10f85), (0x11070, 0x11070), (0x1133b, 0x1133b), (0x11382, 0x11385),
    (0x1138b, 0x1138b), (0x1138e, 0x1138e), (0x11390, 0x11391), (0x113b8, 0x113b8),
    (0x113bb, 0x113bb), (0x113c2, 0x113c2), (0x113c5, 0x113c5), (0x113c7, 0x113c9),
    (0x113ce, 0x113d0), (0x1145e, 0x1145e), (0x11839, 0x1183a), (0x11930, 0x11930),
    (0x11935, 0x11935), (0x11938, 0x11938), (0x1193d, 0x1193e), (0x11943, 0x11943),
    (0x119e0, 0x119e0), (0x11a34, 0x11a34), (0x11a47, 0x11a47), (0x11a99, 0x11a99),
    (0x11d42, 0x11d42), (0x11d44, 0x11d45), (0x11d97, 0x11d97), (0x11f41, 0x11f42),
    (0x1611e, 0x16129), (0x1612f, 0x1612f), (0x16d63, 0x16d63), (0x16d67, 0x16d6a),
    (0x16ff0, 0x16ff1), (0x1e08f, 0x1e08f), (0x1e130, 0x1e136), (0x1e2ae, 0x1e2ae),
    (0x1e2ec, 0x1e2ef), (0x1e4ec, 0x1e4ef), (0x1e5ee, 0x1e5ef), (0x1e6e3, 0x1e6e3),
    (0x1e6e6, 0x1e6e6), (0x1e6ee, 0x1e6ef), (0x1e6f5, 0x1e6f5),
];

fn is_newer(character: char) -> bool {
    let point = u32::from(character);
    let at = NEWER.partition_point(|&(_, last)| last < point);
    NEWER.get(at).is_some_and(|&(first, _)| first <= point)
}

/// Whether the normalizers are one of the forms that this is about.
pub(super) fn is_form(normalizers: &[PipelineNormalizer]) -> bool {
    matches!(normalizers, [PipelineNormalizer::NFC(_) | PipelineNormalizer::NFD(_)])
}

/// The normal form of `text`, where the normalizers are one.
pub(super) fn normal<'a>(
    normalizers: &[PipelineNormalizer],
    text: &'a str,
) -> Result<Cow<'a, str>, tokenizers::Error> {
    let normal = normalize_all(normalizers, text, 0)?;
    // A text that is normal by the newer tables is so by the older ones, too: between its newer
    // characters nothing is out of order.
    if matches!(normal, Cow::Borrowed(_)) || !text.contains(is_newer) {
        return Ok(normal);
    }
    let mut parts = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(is_newer) {
        let character = rest[at..].chars().next().map_or(0, char::len_utf8);
        parts.push_str(&normalize_all(normalizers, &rest[..at], 0)?);
        parts.push_str(&rest[at..at + character]);
        rest = &rest[at + character..];
    }
    parts.push_str(&normalize_all(normalizers, rest, 0)?);
    Ok(Cow::Owned(parts))
}
