//! What the programs for scripts share: texts come in frames, and the time is the processor's.

use std::io::{self, Read};

use anyhow::Context as _;

/// Reads a frame: a length (u32, little-endian) and that many bytes; false where there is none.
pub(crate) fn frame(input: &mut impl Read, text: &mut Vec<u8>) -> anyhow::Result<bool> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    text.resize(u32::from_le_bytes(length) as usize, 0);
    input.read_exact(text).context("the last frame is cut")?;
    Ok(true)
}

/// All frames that are left, which are UTF-8.
pub(crate) fn frames(input: &mut impl Read) -> anyhow::Result<Vec<String>> {
    let (mut texts, mut bytes) = (Vec::new(), Vec::new());
    while frame(input, &mut bytes)? {
        texts.push(String::from_utf8(std::mem::take(&mut bytes))?);
    }
    Ok(texts)
}

/// Seconds that this thread has run, from `/proc`.
pub(crate) fn processor_seconds() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split(' ').next().context("no schedstat")?.parse()?;
    Ok(nanoseconds / 1e9)
}
