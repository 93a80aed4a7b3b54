//! WARC ([0.17 to 1.1](https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/))
//! and ARC: what crawlers keep of the web. WET files are WARC files of `conversion` records.
//!
//! `response`, `resource` and `conversion` records are read. All others (`warcinfo`, `request`,
//! `metadata`, which is all that WAT files have, `revisit`, `continuation`, unknown ones) are only
//! counted. The text of a document is the payload, without its HTTP header, chunks and compression,
//! decoded to UTF-8 (see [`super::charset`]); of a page it is the page, markup and all. A payload
//! that is not HTML, XML, JSON or plain text by its media type, or by its bytes where it has none,
//! fails with `not-text`; a response whose status is not 2xx with `http-error` unless the source says
//! `http_errors = true`.
//!
//! A record is whole if its Content-Length leads to the next record, to the end of its member, or to
//! the end of the file, past any number of line ends. One that is not fails, and reading goes on at
//! the next record: the next member that begins with one, or the next line `WARC/…` with a type and a
//! length below it, even within the bytes that the damaged one claimed. Damage without a header
//! has one row, however long it is.

mod arc;
mod coding;
mod digest;
mod entry;
mod head;
mod header;
mod http;
mod kind;
mod media;
mod record;
mod window;

use std::collections::BTreeMap;

use super::charset::{self, Markup};
use super::decompress::Content;
use super::{BatchBuilder, Fields, ReadError, RecordReader, reasons};
use crate::document::{Position, Reason};
use coding::Decoder;
use header::Header;
use kind::Kind;
use record::{Item, Record, Records};

pub(crate) use entry::{find_entry, is_entry};

/// What a source may ask of its WARC files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// Whether responses with a status other than 2xx are documents, too.
    pub(super) http_errors: bool,
    /// Whether records whose digests are wrong fail.
    pub(super) check_digests: bool,
}

/// Reads WARC and ARC files.
pub(super) struct WarcReader {
    records: Records,
    maker: Maker,
    rows: u64,
}

impl WarcReader {
    /// Reads the records of `content`; those of a plain file that begin before `plain_until`, see
    /// [`Records::new`].
    pub(super) fn new(
        content: Content,
        plain_until: u64,
        size: Option<u64>,
        fields: &Fields,
        options: Options,
    ) -> Self {
        Self {
            records: Records::new(content, plain_until, size),
            maker: Maker::new(fields, options),
            rows: 0,
        }
    }

    /// How many records of each type were met, by their names.
    #[cfg(test)]
    pub(super) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.records.counts().iter().map(|(kind, count)| (kind.name(), count))
    }
}

impl RecordReader for WarcReader {
    fn fill(&mut self, batch: &mut BatchBuilder) -> Result<bool, ReadError> {
        while !batch.is_full() {
            let Self { records, maker, rows } = self;
            let next = records.next(|kind, header, block| {
                Payload::find(kind, header, block, &mut maker.http, maker.options).err()
            })?;
            match next {
                None => return Ok(false),
                Some((position, Item::Failed(reason))) => batch.failed(position, reason),
                Some((position, Item::Record(record))) => {
                    if let Err(reason) = maker.add(batch, position, &record) {
                        batch.failed(position, reason);
                    }
                }
            }
            *rows += 1;
        }
        Ok(true)
    }

    fn records(&self) -> u64 {
        self.rows
    }

    fn passed_over(&self) -> BTreeMap<String, u64> {
        let counts = self.records.counts();
        let passed_over = counts.iter().filter(|(kind, count)| !kind.is_input() && *count > 0);
        passed_over.map(|(kind, count)| (kind.name().to_owned(), count)).collect()
    }
}

/// What a metadata field shows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    /// WARC-Record-ID.
    Id,
    Url,
    Date,
    ContentType,
    Status,
    Charset,
    Language,
    /// A field of the HTTP header.
    Http(String),
    /// A field of the record's header.
    Record(String),
}

impl Field {
    fn of_name(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "id" => Self::Id,
            "url" => Self::Url,
            "date" => Self::Date,
            "content_type" => Self::ContentType,
            "status" => Self::Status,
            "charset" => Self::Charset,
            "language" => Self::Language,
            _ => match name.strip_prefix("http.") {
                Some(field) => Self::Http(field.to_owned()),
                None => Self::Record(name),
            },
        }
    }
}

/// Where the payload of a record lies and what it is.
struct Payload {
    /// Whether there is an HTTP header, which is in the scratch header then.
    is_http: bool,
    status: Option<u16>,
    /// Where it begins in the block.
    start: usize,
    /// What it is made of, and its media type; `None` if only the bytes can tell.
    media: Option<(Markup, String)>,
    /// The label of its character set.
    label: Option<String>,
}

impl Payload {
    /// Looks at a block, or at its beginning.
    fn find(
        kind: Kind,
        header: &Header,
        block: &[u8],
        http: &mut Header,
        options: Options,
    ) -> Result<Self, Reason> {
        if header.get("warc-segment-number").is_some() {
            return Err(reasons::SEGMENTED);
        }
        http.clear();
        let record_type = header.filled("content-type").unwrap_or_default();
        let says_http = record_type
            .get(..16)
            .is_some_and(|start| start.eq_ignore_ascii_case("application/http"));
        let is_http = says_http || (kind == Kind::Response && block.starts_with(b"HTTP/"));
        let (mut status, mut start) = (None, 0);
        if is_http {
            let head = http::parse_head(block, http)?;
            (status, start) = (head.status, head.body);
        }
        if status.is_some_and(|status| !(200..300).contains(&status)) && !options.http_errors {
            return Err(reasons::HTTP_ERROR);
        }
        let declared = http
            .filled("content-type")
            .or(Some(record_type).filter(|_| !says_http))
            .filter(|declared| media::essence(declared).is_some())
            .or_else(|| header.filled("warc-identified-payload-type"))
            .unwrap_or_default();
        let media = match media::essence(declared) {
            Some(essence) => {
                let markup = media::markup(&essence).ok_or(reasons::NOT_TEXT)?;
                Some((markup, essence))
            }
            None => None,
        };
        let label = media::parameter(declared, "charset").map(str::to_owned);
        Ok(Self { is_http, status, start, media, label })
    }
}

/// Makes documents of records.
struct Maker {
    metadata: Vec<Field>,
    id: Field,
    options: Options,
    // The rest is kept between records for its memory only.
    http: Header,
    decoder: Decoder,
}

impl Maker {
    fn new(fields: &Fields, options: Options) -> Self {
        Self {
            metadata: fields.metadata.iter().map(|name| Field::of_name(name)).collect(),
            id: Field::of_name(&fields.id),
            options,
            http: Header::default(),
            decoder: Decoder::default(),
        }
    }

    fn add(
        &mut self,
        batch: &mut BatchBuilder,
        position: Position,
        record: &Record<'_>,
    ) -> Result<(), Reason> {
        let Record { kind, header, block } = *record;
        let payload = Payload::find(kind, header, block, &mut self.http, self.options)?;
        let stored = &block[payload.start..];
        if self.options.check_digests {
            self.check_digests(header, block, stored)?;
        }
        let body = if payload.is_http { self.decoder.decode(&self.http, stored)? } else { stored };
        let (markup, content_type) = match &payload.media {
            Some(_) if media::is_binary(body) => return Err(reasons::NOT_TEXT),
            Some((markup, essence)) => (*markup, essence.as_str()),
            None => media::sniff(body).ok_or(reasons::NOT_TEXT)?,
        };
        let url = header.filled("warc-target-uri").map(bare);
        let domain = url.and_then(domain);
        let decoded = charset::decode(body, payload.label.as_deref(), markup, domain)?;

        let status = payload.status.map(|status| status.to_string());
        let http = &self.http;
        let value = |field: &Field| match field {
            Field::Id => header.filled("warc-record-id"),
            Field::Url => url,
            Field::Date => header.filled("warc-date"),
            Field::ContentType => Some(content_type),
            Field::Status => status.as_deref(),
            Field::Charset => Some(decoded.charset),
            Field::Language => header
                .filled("warc-identified-content-language")
                .or_else(|| header.filled("content-language"))
                .or_else(|| http.filled("content-language")),
            Field::Http(name) => http.get(name),
            Field::Record(name) => header.get(name),
        };
        let row: Vec<Option<&str>> = self.metadata.iter().map(value).collect();
        batch.document(position, &decoded.text, value(&self.id), &row);
        Ok(())
    }

    /// Compares the digests of the block and of the payload, which is the body as it is stored; some
    /// crawlers take it without its chunks.
    fn check_digests(
        &mut self,
        header: &Header,
        block: &[u8],
        stored: &[u8],
    ) -> Result<(), Reason> {
        let is_wrong = |name, bytes: &[u8]| {
            header.filled(name).and_then(|digest| digest::is_right(digest, bytes)) == Some(false)
        };
        if is_wrong("warc-block-digest", block) {
            return Err(reasons::WRONG_DIGEST);
        }
        if is_wrong("warc-payload-digest", stored)
            && self
                .decoder
                .transferred(&self.http, stored)
                .map_or(true, |body| is_wrong("warc-payload-digest", body))
        {
            return Err(reasons::WRONG_DIGEST);
        }
        Ok(())
    }
}

/// A URL without the angle brackets that some crawlers put around it.
fn bare(url: &str) -> &str {
    url.strip_prefix('<').and_then(|url| url.strip_suffix('>')).unwrap_or(url)
}

/// The last label of a URL's host name.
fn domain(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?.trim_end_matches('.');
    host.rsplit('.').next()
}

#[cfg(test)]
mod tests;
