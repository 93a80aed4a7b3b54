//! SentencePiece models.
use super::files::File;
use super::{Parts, TokenizerError};

pub(super) fn load(file: &File) -> Result<Parts, TokenizerError> {
    Err(file.unsupported("a SentencePiece model"))
}
