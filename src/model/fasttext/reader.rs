//! A bounds-checked cursor over the bytes of a model file.

use super::FastTextError;

/// Reads little-endian fields and says, when bytes are missing, which field wanted how many of them where.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes not read yet.
    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Fails unless `count` items of at least `item_bytes` each can still follow: called before every
    /// allocation, so that a corrupt length costs nothing. Returns `count` as a `usize`.
    pub(super) fn expect_items(
        &self,
        count: i64,
        item_bytes: usize,
        field: &'static str,
    ) -> Result<usize, FastTextError> {
        let items = usize::try_from(count).map_err(|_| self.invalid(field, count))?;
        let wanted = items.saturating_mul(item_bytes);
        if wanted > self.remaining() {
            return Err(FastTextError::Truncated {
                field,
                wanted,
                at: self.at,
                len: self.bytes.len(),
            });
        }
        Ok(items)
    }

    pub(super) fn take(
        &mut self,
        count: usize,
        field: &'static str,
    ) -> Result<&'a [u8], FastTextError> {
        let Some(taken) = self.bytes[self.at..].get(..count) else {
            return Err(FastTextError::Truncated {
                field,
                wanted: count,
                at: self.at,
                len: self.bytes.len(),
            });
        };
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], FastTextError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, field)?);
        Ok(array)
    }

    /// One byte that must be 0 or 1.
    pub(super) fn flag(&mut self, field: &'static str) -> Result<bool, FastTextError> {
        match self.array::<1>(field)? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(self.invalid(field, i64::from(other))),
        }
    }

    pub(super) fn i32(&mut self, field: &'static str) -> Result<i32, FastTextError> {
        Ok(i32::from_le_bytes(self.array(field)?))
    }

    pub(super) fn i64(&mut self, field: &'static str) -> Result<i64, FastTextError> {
        Ok(i64::from_le_bytes(self.array(field)?))
    }

    /// An `i32` that must lie in `0..=max`.
    pub(super) fn count(&mut self, field: &'static str, max: u32) -> Result<u32, FastTextError> {
        let value = self.i32(field)?;
        match u32::try_from(value) {
            Ok(count) if count <= max => Ok(count),
            _ => Err(self.invalid(field, i64::from(value))),
        }
    }

    /// The bytes before the next NUL, which is skipped.
    pub(super) fn until_nul(&mut self, field: &'static str) -> Result<&'a [u8], FastTextError> {
        let rest = &self.bytes[self.at..];
        let Some(length) = rest.iter().position(|&byte| byte == 0) else {
            return Err(FastTextError::Truncated {
                field,
                wanted: rest.len() + 1,
                at: self.at,
                len: self.bytes.len(),
            });
        };
        self.at += length + 1;
        Ok(&rest[..length])
    }

    /// Appends `count` floats to `out`.
    pub(super) fn floats(
        &mut self,
        count: usize,
        field: &'static str,
        out: &mut Vec<f32>,
    ) -> Result<(), FastTextError> {
        let bytes = self.take(count.saturating_mul(4), field)?;
        let (values, _) = bytes.as_chunks::<4>();
        out.extend(values.iter().map(|&value| f32::from_le_bytes(value)));
        Ok(())
    }

    /// The error for a field just read whose value cannot be right.
    pub(super) fn invalid(&self, field: &'static str, value: i64) -> FastTextError {
        FastTextError::Invalid { field, value, at: self.at }
    }
}
