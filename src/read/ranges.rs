//! Files that are read at any place.

use std::ops::Range;

use super::ReadError;

/// A file that can be read at any place.
pub(crate) trait Ranges {
    /// Its size in bytes.
    fn size(&self) -> u64;

    /// The bytes of a range that lies within the file.
    ///
    /// # Errors
    /// When the storage fails.
    fn read_range(&mut self, range: Range<u64>) -> Result<Vec<u8>, ReadError>;
}
