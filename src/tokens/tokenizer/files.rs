//! Which files a tokenizer has, and of what kind they are.

use std::io::Read;

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;

use super::TokenizerError;

/// Files of a folder, in the order they are looked for.
pub(crate) const IN_A_FOLDER: &[&str] =
    &["tokenizer.json", "tokenizer.json.gz", "vocab.json", "tokenizer.model"];

/// A tokenizer file unpacked may hold this much; the greatest known has 40 MB.
const LARGEST: u64 = 1 << 30;

/// Files that belong to the file `name`, where they are there.
pub(crate) fn companions(name: &str) -> Vec<String> {
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    if let Some(prefix) = plain.strip_suffix("vocab.json") {
        let more = ["merges.txt", "tokenizer_config.json"];
        return more.iter().map(|other| format!("{prefix}{other}")).collect();
    }
    match plain.strip_suffix(".tiktoken").or_else(|| plain.strip_suffix(".model")) {
        Some(stem) => vec![format!("{stem}.pattern.json")],
        None => Vec::new(),
    }
}

/// The first of `files`; the others are found beside it by [`named`].
///
/// # Errors
/// When there is none, or it does not unpack.
pub(super) fn first(files: &[(String, Bytes)]) -> Result<File, TokenizerError> {
    let Some((name, bytes)) = files.first() else {
        return Err(TokenizerError::Kind { file: String::new() });
    };
    File::new(name, bytes)
}

/// The one of `files` that is called `name`.
///
/// # Errors
/// When it does not unpack.
pub(super) fn named(files: &[(String, Bytes)], name: &str) -> Result<Option<File>, TokenizerError> {
    let found = files.iter().find(|(other, _)| other == name);
    found.map(|(name, bytes)| File::new(name, bytes)).transpose()
}

/// A file with its name, unpacked.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub name: String,
    pub bytes: Bytes,
}

impl File {
    /// Unpacks a file where it is gzip'd.
    pub(super) fn new(name: &str, bytes: &Bytes) -> Result<Self, TokenizerError> {
        let name = name.to_owned();
        if bytes.is_empty() {
            return Err(TokenizerError::Empty { file: name });
        }
        if !bytes.starts_with(&[0x1f, 0x8b]) {
            return Ok(Self { name, bytes: bytes.clone() });
        }
        let mut unpacked = Vec::new();
        let read = MultiGzDecoder::new(&bytes[..]).take(LARGEST + 1).read_to_end(&mut unpacked);
        let reason = match read {
            Err(error) => error.to_string(),
            Ok(_) if unpacked.is_empty() => return Err(TokenizerError::Empty { file: name }),
            Ok(_) if unpacked.len() as u64 > LARGEST => "it holds more than 1 GiB".to_owned(),
            Ok(_) => return Ok(Self { name, bytes: unpacked.into() }),
        };
        Err(TokenizerError::Unpack { file: name, reason })
    }

    /// Its content as text.
    pub(super) fn text(&self) -> Result<&str, TokenizerError> {
        std::str::from_utf8(&self.bytes).map_err(|error| {
            let before = &self.bytes[..error.valid_up_to()];
            let line = 1 + memchr::memchr_iter(b'\n', before).count();
            self.line(line, "it is not UTF-8; copy or download the file anew")
        })
    }

    /// Its content as JSON.
    pub(super) fn json(&self) -> Result<serde_json::Value, TokenizerError> {
        serde_json::from_slice(&self.bytes).map_err(|error| TokenizerError::Json {
            file: self.name.clone(),
            line: error.line(),
            column: error.column(),
            reason: error.to_string(),
        })
    }

    pub(super) fn line(&self, line: usize, reason: impl Into<String>) -> TokenizerError {
        TokenizerError::Line { file: self.name.clone(), line, reason: reason.into() }
    }

    pub(super) fn wrong(&self, reason: impl Into<String>) -> TokenizerError {
        TokenizerError::File { file: self.name.clone(), reason: reason.into() }
    }

    pub(super) fn unsupported(&self, reason: impl Into<String>) -> TokenizerError {
        TokenizerError::Unsupported { file: self.name.clone(), reason: reason.into() }
    }
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `tokenizer.json` of the Hugging Face library.
    HuggingFace,
    /// `vocab.json` beside a `merges.txt`.
    Vocabulary,
    /// Lines of base64 tokens and ranks.
    Ranks,
    /// A `ModelProto`.
    SentencePiece,
}

impl Kind {
    /// By content, and by name where the content is damaged.
    pub(super) fn of(file: &File) -> Option<Self> {
        let name = file.name.strip_suffix(".gz").unwrap_or(&file.name);
        let start = file.bytes.trim_ascii_start();
        if start.starts_with(b"{") {
            // A vocabulary names no `"model":` with an object behind it, at any cut.
            return Some(if name.ends_with("vocab.json") {
                Self::Vocabulary
            } else {
                Self::HuggingFace
            });
        }
        let first = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let mut fields = first.split(|&byte| byte == b' ');
        let base64 = |field: &[u8]| {
            let known = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
            !field.is_empty() && field.len().is_multiple_of(4) && field.iter().all(known)
        };
        let number = |field: &[u8]| {
            let field = field.trim_ascii_end();
            !field.is_empty() && field.iter().all(u8::is_ascii_digit)
        };
        if fields.next().is_some_and(base64) && fields.next().is_some_and(number) {
            return Some(Self::Ranks);
        }
        // The first field of a ModelProto is a piece: field 1, a length, and in it field 1 again.
        if file.bytes.first() == Some(&0x0a) && file.bytes.get(2) == Some(&0x0a) {
            return Some(Self::SentencePiece);
        }
        let by_name = [
            (".tiktoken", Self::Ranks),
            (".json", Self::HuggingFace),
            (".model", Self::SentencePiece),
        ];
        by_name.into_iter().find(|(end, _)| name.ends_with(end)).map(|(_, kind)| kind)
    }
}
