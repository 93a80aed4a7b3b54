//! File formats: which there are, and how a file's name or its first bytes tell them.

use serde::{Deserialize, Serialize};

use super::decompress::{Chunk, Content, Want};
use super::{Part, Piece, ReadError};
use crate::store::{Entry, Store};

/// Bytes looked at where the name of a file does not tell its format.
const LOOK_BYTES: usize = 4 << 10;

/// A file format. Those that are plain bytes may be compressed, which their content tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
    /// Apache Arrow IPC, file or stream.
    Arrow,
    /// Comma- or otherwise separated values.
    Csv,
    /// Plain text, the whole file one document.
    Text,
    /// Plain text, each line a document.
    TextLines,
    /// Plain text, a document between one separator and the next.
    TextParts,
    /// HTML, the whole file one document.
    Html,
    /// A shard of MosaicML's MDS.
    Mds,
    /// Web archives: WARC, ARC, WET, WACZ.
    Warc,
}

impl Format {
    /// The format that a file's name tells; endings of compressed files are passed over.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let (_, extension) = stem(&name).rsplit_once('.')?;
        match extension {
            "jsonl" | "ndjson" | "json" => Some(Self::Jsonl),
            "parquet" | "pq" => Some(Self::Parquet),
            "arrow" | "arrows" | "feather" | "ipc" => Some(Self::Arrow),
            "csv" | "tsv" | "tab" => Some(Self::Csv),
            "txt" | "text" | "md" => Some(Self::Text),
            "html" | "htm" | "xhtml" => Some(Self::Html),
            "mds" => Some(Self::Mds),
            "warc" | "arc" | "wet" | "wat" | "wacz" => Some(Self::Warc),
            _ => None,
        }
    }

    /// `named` where it is known, else what the file's content tells.
    ///
    /// # Errors
    /// As [`Format::of_content`].
    pub fn or_of_content(
        named: Option<Self>,
        store: &Store,
        file: &Entry,
    ) -> Result<Option<Self>, ReadError> {
        if named.is_some() { Ok(named) } else { Self::of_content(store, file) }
    }

    /// The format that the first bytes of a file's content tell.
    ///
    /// # Errors
    /// When the file is missing or the storage fails.
    pub fn of_content(store: &Store, file: &Entry) -> Result<Option<Self>, ReadError> {
        let piece = Piece { file: file.path.clone(), size: file.size, part: Part::Whole };
        let mut content = Content::open(store, &piece, Want::whole(&piece))?;
        let mut bytes = vec![0; LOOK_BYTES];
        let mut held = 0;
        while held < bytes.len() {
            match content.read(&mut bytes[held..])? {
                Chunk::Bytes { len, .. } => held += len,
                Chunk::Boundary => {}
                _ => break,
            }
        }
        Ok(Self::of_bytes(&bytes[..held]))
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let fixed: [(&[u8], Self); 6] = [
            (b"PAR1", Self::Parquet),
            (b"ARROW1", Self::Arrow),
            // A stream: the mark of a message, then its length, which is below 16 MiB.
            (b"\xff\xff\xff\xff", Self::Arrow),
            (b"WARC/", Self::Warc),
            (b"filedesc://", Self::Warc),
            (b"PK\x03\x04", Self::Warc),
        ];
        if let Some((_, format)) = fixed.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return Some(*format);
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
        let starts = |word: &[u8]| {
            bytes.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
        };
        match bytes.first() {
            Some(b'{') => Some(Self::Jsonl),
            Some(b'<') if starts(b"<!doctype html") || starts(b"<html") => Some(Self::Html),
            _ => None,
        }
    }
}

/// A name in lower case without the ending of its compression.
pub(super) fn stem(name: &str) -> &str {
    let packed = [".gz", ".zst", ".zstd", ".lz4"];
    packed.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

/// How files of some formats are laid out, where that is not told by themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// CSV: what stands between fields; told by the file's name or its first line where `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<u8>,
    /// CSV: what fields are quoted with.
    #[serde(default, skip_serializing_if = "Quote::is_double")]
    pub quote: Quote,
    /// CSV: names of the columns, where the first record does not give them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Web archives: whether responses with a status other than 2xx are documents.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub http_errors: bool,
    /// Web archives: whether records whose digests are wrong fail.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub check_digests: bool,
    /// Text in parts: what stands between documents.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub separator: String,
}

impl Layout {
    /// Whether it is what every source has that says nothing.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What CSV fields that hold delimiters and newlines are quoted with.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Quote {
    /// `"`.
    #[default]
    Double,
    /// `'`.
    Single,
    /// Nothing: a quotation mark is a character like others.
    None,
}

impl Quote {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    fn is_double(&self) -> bool {
        *self == Self::Double
    }

    /// Whether it is this byte.
    #[must_use]
    pub fn is(self, byte: u8) -> bool {
        self.byte() == Some(byte)
    }

    /// The byte it is.
    pub(super) fn byte(self) -> Option<u8> {
        match self {
            Self::Double => Some(b'"'),
            Self::Single => Some(b'\''),
            Self::None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::decompress::testing::{file, gzip, zstd};
    use super::*;

    #[test]
    fn names_tell_formats() {
        for (names, format) in [
            (&["a.jsonl", "b/a.json.gz", "A.NDJSON.ZST", "a.jsonl.lz4"][..], Format::Jsonl),
            (&["x.parquet", "x.pq"], Format::Parquet),
            (&["cache-0.arrow", "x.feather"], Format::Arrow),
            (&["a.csv", "a.tsv.zstd", "a.tab"], Format::Csv),
            (&["README.md", "a.txt.gz"], Format::Text),
            (&["index.html", "a.htm.gz", "a.xhtml"], Format::Html),
            (&["shard.00000.mds", "shard.00000.mds.zstd"], Format::Mds),
            (&["CC.warc.gz", "a.arc", "CC.warc.wet.gz", "a.wacz", "a.wat"], Format::Warc),
        ] {
            for name in names {
                assert_eq!(Format::of_name(name), Some(format), "{name}");
            }
        }
        for name in ["README", "a.gz", "a.mds.br", ".hidden", "a.pdf"] {
            assert_eq!(Format::of_name(name), None, "{name}");
        }
    }

    #[test]
    fn content_tells_formats_where_names_do_not() {
        for (bytes, format) in [
            (&b"PAR1...."[..], Some(Format::Parquet)),
            (b"ARROW1\0\0", Some(Format::Arrow)),
            (b"\xff\xff\xff\xff\x10\x01\0\0", Some(Format::Arrow)),
            (b"WARC/1.0\r\n", Some(Format::Warc)),
            (b"filedesc://x 0.0.0.0 2008", Some(Format::Warc)),
            (b"PK\x03\x04", Some(Format::Warc)),
            (b"\xef\xbb\xbf\n {\"text\": 1}", Some(Format::Jsonl)),
            (b"<!DOCTYPE HTML>", Some(Format::Html)),
            (b"\n<html lang=en>", Some(Format::Html)),
            (b"<rss>", None),
            (b"a,b", None),
            (b"", None),
        ] {
            for packed in [bytes.to_vec(), gzip(bytes), zstd(bytes)] {
                let (_folder, store, piece) = file(&packed, Part::Whole);
                let entry = store.entry(&piece.file).unwrap();
                assert_eq!(Format::of_content(&store, &entry).unwrap(), format, "{bytes:?}");
            }
        }
    }
}
