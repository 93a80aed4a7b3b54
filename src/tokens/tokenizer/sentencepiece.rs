//! Models of [SentencePiece](https://github.com/google/sentencepiece).
//!
//! They are recognised and refused: the engine has no part that does just what SentencePiece does
//! with white space, unknown characters and user-defined pieces, and ids that nearly agree are worse
//! than none.

use super::TokenizerError;
use super::files::File;

pub(super) fn refused(file: &File) -> TokenizerError {
    file.unsupported(
        "it is a SentencePiece model; use the `tokenizer.json` of the same model, or convert it: \
         `transformers.AutoTokenizer.from_pretrained(\"FOLDER\").save_pretrained(\"OUT\")` writes \
         OUT/tokenizer.json",
    )
}
