//! `[[source]]` and `[documents]`: where records come from, and the form curated text is written in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::bytes::ByteSize;
pub use super::corpus::Corpus;
use super::stage::Spans;
use crate::conversation::{self, Shape};
use crate::read::{Fields, Format, Layout, Quote};

/// Files that records are read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Name of the source: shown in the ledger, used by `only`.
    pub name: String,
    /// Files to read: paths or globs (`*`, `?`, `[…]`, `**`), relative to the pipeline file, or URLs
    /// (`s3://`, `gs://`, `az://`; `https://` without globs). Each must match at least one file.
    pub path: Paths,
    /// File format; `auto` goes by the file's name and, where that tells nothing, by its first bytes.
    /// Compression is found by content in either case.
    #[serde(default)]
    pub format: FormatChoice,
    /// Which published corpus the files are of: tells where text, id and metadata stand. The keys
    /// below change what it says.
    pub corpus: Option<Corpus>,
    /// Field that holds the text; dots lead into nested objects. `text` where neither this nor
    /// `corpus` says otherwise.
    pub text_field: Option<String>,
    /// Field that holds the input's own id, kept as `source_id`. `id` where neither this nor `corpus`
    /// says otherwise.
    pub id_field: Option<String>,
    /// Whether the records' own ids, 32 hexadecimal digits as in `documents/` of a run, are the ids of
    /// the documents: so that a pipeline over what another one wrote samples, orders and trains as one
    /// over the first input would. By default ids are made of source, file and place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_ids: bool,
    /// Fields to keep as metadata columns (text); a record without one has null there. `["url",
    /// "date"]` where neither this nor `corpus` says otherwise. A field may get another name as a
    /// column: `{ name = "url", from = "metadata.url" }`; a name that `corpus` knows is read from
    /// where that corpus has it.
    pub keep_fields: Option<Vec<KeptField>>,
    /// JSONL, Parquet, Arrow: the records are conversations. The field that holds the list of
    /// messages, OpenAI's (`role`, `content`) or ShareGPT's (`from`, `value`), or a table that says
    /// where each part stands. Tools are read from `tools` where the table does not say otherwise.
    pub conversation: Option<Conversation>,
    /// CSV: what stands between fields, one character. A tab for files called `.tsv` or `.tab`, else
    /// that of comma, tab, semicolon and bar which stands most often in the first line.
    pub delimiter: Option<String>,
    /// CSV: what fields are quoted with.
    pub quote: Option<Quote>,
    /// CSV: names of the columns, for files whose first record does not name them.
    pub columns: Option<Vec<String>>,
    /// Text: what of a file is a document.
    pub documents: Option<TextUnit>,
    /// Web archives: whether responses with a status other than 2xx (not found, moved, …) are
    /// documents. They are `failed(http-error)` otherwise.
    pub http_errors: Option<bool>,
    /// Web archives: whether to compare digests. A record with a wrong one is `failed(wrong-digest)`.
    pub check_digests: Option<bool>,
    /// About how much of the stored input one task reads.
    #[serde(default = "default_split")]
    pub split_size: ByteSize,
}

/// One path or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a path or a list of paths")]
pub enum Paths {
    /// A single path or glob.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Paths {
    /// The paths as a slice.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::Many(paths) => paths,
        }
    }
}

/// Where a record's conversation stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a field, or a table such as { prompt = \"…\", completion = \"…\" }"
)]
pub enum Conversation {
    /// The field of the messages.
    Messages(String),
    /// The fields of its parts.
    Parts(ConversationParts),
}

/// Fields of a conversation; dots lead into nested objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConversationParts {
    /// The list of messages, or a string that holds it as JSON.
    pub messages: Option<String>,
    /// Definitions of the tools that may be called; `tools` where not given.
    pub tools: Option<String>,
    /// A system message.
    pub system: Option<String>,
    /// What is asked, in records without a list of messages: FLAN's `inputs`, Alpaca's `instruction`.
    pub prompt: Option<String>,
    /// What is put behind the prompt, where it is not empty: Alpaca's `input`.
    pub input: Option<String>,
    /// The answer: FLAN's `targets`, Alpaca's `output`.
    pub completion: Option<String>,
}

impl Conversation {
    /// Where the parts stand.
    #[must_use]
    pub fn shape(&self) -> Shape {
        let parts = match self {
            Self::Messages(field) => {
                ConversationParts { messages: Some(field.clone()), ..ConversationParts::default() }
            }
            Self::Parts(parts) => parts.clone(),
        };
        Shape {
            messages: parts.messages,
            tools: Some(parts.tools.unwrap_or_else(|| "tools".to_owned())),
            system: parts.system,
            prompt: parts.prompt,
            input: parts.input,
            completion: parts.completion,
        }
    }
}

/// A field to keep, under its own name or another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a field, or a table of `name` and `from`")]
pub enum KeptField {
    /// Under its own name.
    Same(String),
    /// Under another name.
    Renamed(Renamed),
}

/// A field and the name of the column it becomes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Renamed {
    /// Name of the column.
    pub name: String,
    /// Field of the input; dots lead into nested objects.
    pub from: String,
}

impl KeptField {
    /// Name of the column.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Same(name) => name,
            Self::Renamed(renamed) => &renamed.name,
        }
    }
}

/// What of a text file is a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "lowercase",
    expecting = "expected \"file\", \"line\" or { separator = \"…\" }"
)]
pub enum TextUnit {
    /// All of it.
    File,
    /// Each line.
    Line,
    /// What stands between two occurrences of a text.
    Separator(String),
}

/// `format` of a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FormatChoice {
    /// By the file's name, else by its content.
    #[default]
    Auto,
    /// One JSON object a line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
    /// Apache Arrow IPC, file or stream: what Hugging Face `datasets` keeps.
    Arrow,
    /// Comma-separated values and their like.
    Csv,
    /// Tab-separated values: CSV with `delimiter = "\t"`.
    Tsv,
    /// Plain text; `documents` says what of a file is a document.
    Text,
    /// HTML, a file a document.
    Html,
    /// MosaicML's MDS: shards, or the `index.json` of a folder of them.
    Mds,
    /// Web archives: WARC, ARC, WET, WACZ.
    Warc,
}

impl Source {
    /// The format of the file `name`; `None` when `auto` cannot tell.
    #[must_use]
    pub fn format_of(&self, name: &str) -> Option<Format> {
        let format = match self.format {
            FormatChoice::Auto => Format::of_name(name)?,
            FormatChoice::Jsonl => Format::Jsonl,
            FormatChoice::Parquet => Format::Parquet,
            FormatChoice::Arrow => Format::Arrow,
            FormatChoice::Csv | FormatChoice::Tsv => Format::Csv,
            FormatChoice::Text => Format::Text,
            FormatChoice::Html => Format::Html,
            FormatChoice::Mds => Format::Mds,
            FormatChoice::Warc => Format::Warc,
        };
        Some(match (format, &self.documents) {
            (Format::Text, Some(TextUnit::Line)) => Format::TextLines,
            (Format::Text, Some(TextUnit::Separator(_))) => Format::TextParts,
            (format, _) => format,
        })
    }

    /// Names of the metadata columns that the source keeps.
    #[must_use]
    pub fn kept(&self) -> Vec<&str> {
        let mut kept: Vec<&str> = match (&self.keep_fields, self.corpus) {
            (Some(fields), _) => fields.iter().map(KeptField::name).collect(),
            (None, Some(corpus)) => corpus.facts().keep.iter().map(|(name, _)| *name).collect(),
            (None, None) => vec!["url", "date"],
        };
        if self.conversation.is_some() {
            kept.push(conversation::COLUMN);
        }
        kept
    }

    /// What to take from each record, for these metadata columns.
    #[must_use]
    pub fn fields(&self, metadata: &[String]) -> Fields {
        let facts = self.corpus.map(Corpus::facts);
        let place = |column: &String| {
            let renamed = self.keep_fields.iter().flatten().find_map(|field| match field {
                KeptField::Renamed(renamed) if renamed.name == *column => {
                    Some(renamed.from.as_str())
                }
                _ => None,
            });
            let known = || {
                let keep = facts.iter().flat_map(|facts| facts.keep);
                keep.clone().find(|(name, _)| name == column).map(|(_, from)| *from)
            };
            renamed.or_else(known).unwrap_or(column).to_owned()
        };
        let own = |key: &Option<String>, fact: Option<&str>, usual: &str| {
            key.as_deref().or(fact).unwrap_or(usual).to_owned()
        };
        let tab = (self.format == FormatChoice::Tsv).then_some(b'\t');
        let shape = self.conversation.as_ref().map(Conversation::shape);
        // Of a conversation no other text is wanted, so that none is read.
        let spoken = shape.as_ref().and_then(|shape| shape.paths().into_iter().next());
        let text = own(&self.text_field, facts.map(|facts| facts.text), "text");
        Fields {
            text: spoken.unwrap_or(text),
            conversation: shape,
            id: own(&self.id_field, facts.map(|facts| facts.id), "id"),
            keep_ids: self.keep_ids,
            metadata: metadata.iter().map(place).collect(),
            layout: Layout {
                delimiter: self.delimiter.as_ref().and_then(|text| text.bytes().next()).or(tab),
                quote: self.quote.unwrap_or_default(),
                columns: self.columns.clone().unwrap_or_default(),
                http_errors: self.http_errors.unwrap_or_default(),
                check_digests: self.check_digests.unwrap_or_default(),
                separator: match &self.documents {
                    Some(TextUnit::Separator(separator)) => separator.clone(),
                    _ => String::new(),
                },
            },
        }
    }

    /// Reports keys that say nothing about files of this format, and values that no file can have.
    pub(super) fn check(&self, spans: &Spans, errors: &mut Vec<ConfigError>) {
        use FormatChoice::{Arrow, Auto, Csv, Html, Jsonl, Parquet, Text, Tsv, Warc};
        let csv = &[Auto, Csv, Tsv][..];
        let records = |format| !matches!(format, Text | Html);
        let archives = matches!(self.format, Auto | Warc);
        let keys = [
            ("delimiter", self.delimiter.is_some(), csv.contains(&self.format), "CSV"),
            ("quote", self.quote.is_some(), csv.contains(&self.format), "CSV"),
            ("columns", self.columns.is_some(), csv.contains(&self.format), "CSV"),
            ("documents", self.documents.is_some(), matches!(self.format, Auto | Text), "text"),
            ("http_errors", self.http_errors.is_some(), archives, "web archives"),
            ("check_digests", self.check_digests.is_some(), archives, "web archives"),
            ("text_field", self.text_field.is_some(), records(self.format), "records with fields"),
            ("id_field", self.id_field.is_some(), records(self.format), "records with fields"),
            (
                "conversation",
                self.conversation.is_some(),
                matches!(self.format, Auto | Jsonl | Parquet | Arrow),
                "JSONL, Parquet and Arrow",
            ),
            ("corpus", self.corpus.is_some(), records(self.format), "records with fields"),
        ];
        let name = &self.name;
        for (key, _, _, what) in keys.into_iter().filter(|(_, given, fits, _)| *given && !fits) {
            let message = format!("source `{name}`: `{key}` is for {what}, not for this format");
            errors.push(
                ConfigError::new(message, spans.of(key))
                    .help(format!("take `{key}` out, or change `format`")),
            );
        }
        let mut wrong = |key: &str, what: &str, help: &str| {
            let message = format!("source `{name}`: {what}");
            errors.push(ConfigError::new(message, spans.of(key)).help(help));
        };
        if let Some(delimiter) = &self.delimiter {
            let quote = self.quote.unwrap_or_default();
            let good = match delimiter.as_bytes() {
                [b'\n' | b'\r'] => false,
                [one] => one.is_ascii() && !quote.is(*one),
                _ => false,
            };
            if !good {
                let help = "give one ASCII character that is no quote, such as \";\" or \"\\t\"";
                wrong("delimiter", "`delimiter` is not one character", help);
            }
        }
        if self.documents == Some(TextUnit::Separator(String::new())) {
            let help = "give a text such as \"\\n\\n\" or \"<|endoftext|>\"";
            wrong("documents", "the separator is empty", help);
        }
        let columns = self.columns.as_deref();
        if columns.is_some_and(<[String]>::is_empty) {
            wrong("columns", "`columns` names none", "name every column, in order");
        }
        if let Some(conversation) = &self.conversation {
            let shape = conversation.shape();
            if self.text_field.is_some() {
                let help = "take one of them out: the text of a conversation is its transcript";
                wrong("text_field", "`text_field` and `conversation` are both given", help);
            }
            let help = "give `messages`, or `prompt` and `completion`";
            match (&shape.messages, &shape.prompt, &shape.completion) {
                (Some(_), None, None) if shape.input.is_none() => {}
                (None, Some(_), Some(_)) => {}
                (Some(_), ..) => {
                    let what = "`conversation` has `messages` and the parts of a prompt";
                    wrong("conversation", what, help);
                }
                _ => wrong("conversation", "`conversation` does not say who says what", help),
            }
        }
        let mut names: Vec<&str> = self.keep_fields.iter().flatten().map(KeptField::name).collect();
        if names.contains(&conversation::COLUMN) && self.conversation.is_some() {
            let what = "`keep_fields` keeps a field as `conversation`, which holds outlines";
            wrong("keep_fields", what, "give it another `name`");
        }
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
        if let Some([name, _]) = twice {
            let what = format!("`keep_fields` keeps two fields as `{name}`");
            wrong("keep_fields", &what, "give one of them another `name`");
        }
    }
}

fn default_split() -> ByteSize {
    ByteSize(64 << 20)
}

/// How the curated documents are written: Parquet files in document order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Documents {
    /// Compression of the Parquet pages.
    pub compression: Compression,
    /// Signals to write beside the text, by their full names (`<stage>.<signal>`), such as
    /// `minhash-dedup.copies`.
    pub signals: Vec<String>,
}

/// Page compression.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// zstd, level 3.
    #[default]
    Zstd,
    /// Snappy: larger and quicker.
    Snappy,
    /// None.
    None,
}
