//! What can be wrong with a tokenizer.

/// Why a tokenizer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// A file of no bytes.
    #[error("`{file}` is empty; copy or download it anew")]
    Empty {
        /// Name of the file.
        file: String,
    },
    /// A compressed file that does not unpack.
    #[error("`{file}` cannot be unpacked: {reason}; copy or download it anew")]
    Unpack {
        /// Name of the file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of no kind that tamis knows.
    #[error(
        "`{file}` is no tokenizer: neither a Hugging Face tokenizer.json, nor tiktoken ranks (a \
         line holds a token in base64 and its rank), nor a GPT-2 vocab.json, nor a SentencePiece \
         model"
    )]
    Kind {
        /// Name of the file.
        file: String,
    },
    /// JSON that does not parse, or has not the keys it needs.
    #[error("`{file}`, line {line}, column {column}: {reason}; if it is cut short, copy it anew")]
    Json {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A line of a text file that says nothing sensible.
    #[error("`{file}`, line {line}: {reason}")]
    Line {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong there, and what to do.
        reason: String,
    },
    /// A file as a whole that cannot be right.
    #[error("`{file}`: {reason}")]
    File {
        /// Name of the file.
        file: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A file that belongs to another one is not there.
    #[error("`{file}` needs `{missing}` beside it, which is not there")]
    Missing {
        /// Name of the file that is there.
        file: String,
        /// Name of the file that is not.
        missing: String,
    },
    /// The library does not have a part that the file asks for.
    #[error("`{file}` uses what tamis's tokenizer library (tokenizers 1.0-rc) has not: {reason}")]
    Unsupported {
        /// Name of the file.
        file: String,
        /// The part.
        reason: String,
    },
    /// The library failed on a text.
    #[error("a text could not be encoded: {0}")]
    Encode(String),
    /// An id that the tokenizer has not.
    #[error("there is no token with the id {0}")]
    NoId(u32),
    /// There is no such token.
    #[error("the tokenizer has no token `{0}`; set `end_of_document` to one that it has")]
    NoToken(String),
    /// None of the usual end tokens is there.
    #[error(
        "the tokenizer has none of {0}; set `end_of_document` to the token that ends a document"
    )]
    NoEndToken(String),
}
