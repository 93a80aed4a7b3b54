//! From a file to a model.

use std::io::BufReader;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::{NgramLm, NgramLmError, is_binary};
use crate::model::{AssetError, locate};
use crate::store::Mapped;

/// The bytes that a model stands on.
pub enum LmBytes {
    /// A binary file.
    Mapped(Mapped),
    /// What was made of text.
    Held(Vec<u8>),
}

impl AsRef<[u8]> for LmBytes {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Mapped(mapped) => mapped,
            Self::Held(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for LmBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Held(bytes)
    }
}

/// A model at a path or URL: ARPA text, gzip'd or not, or a binary file. A binary file is mapped, so
/// that it takes no memory of its own and must not be changed while tamis runs.
///
/// # Errors
/// When it cannot be read or is no model.
pub(in crate::model) fn load(path: &Path) -> Result<NgramLm<LmBytes>, AssetError> {
    let (store, name) = locate(path)?;
    let read = |source| AssetError::Read { path: path.to_owned(), source };
    let mapped = store.map(&name).map_err(read)?;
    let model = if is_binary(&mapped) {
        NgramLm::from_binary(LmBytes::Mapped(mapped))
    } else if mapped.starts_with(&[0x1f, 0x8b]) {
        from_gzip(&mapped)
    } else {
        NgramLm::from_arpa(&mapped[..])
    };
    model.map_err(|source| AssetError::NgramLm { path: path.to_owned(), source })
}

fn from_gzip(bytes: &[u8]) -> Result<NgramLm<LmBytes>, NgramLmError> {
    use std::io::BufRead;
    let mut text = BufReader::with_capacity(1 << 18, MultiGzDecoder::new(bytes));
    if is_binary(text.fill_buf()?) {
        let reason = "a compressed binary file cannot be mapped; unpack it with `gunzip`";
        return Err(NgramLmError::Damaged(reason.to_owned()));
    }
    NgramLm::from_arpa(text)
}
