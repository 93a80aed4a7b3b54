//! `paragraph-dedup`: one copy of each line or paragraph.

use std::collections::BTreeSet;
use std::ops::Range;

use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::exchange::{ALL_DUPLICATE, Shorten, TOO_SHORT, counted, share};
use super::{
    BuildContext, Concluded, Document, ExchangeOp, MeetTask, Op, OpError, OpKind, Outbox,
    PLACE_BYTES, Participants, Scope, Settings, Step, Target, key_place,
};
use crate::document::{Signal, SignalColumn, SignalType};
use crate::exchange::{KEY_BYTES, Record};
use crate::text::python::is_decimal;
use crate::text::{Word, WordKind};

/// Takes out every line (or paragraph) that stands somewhere before.
///
/// Menus, footers, cookie notices and licences come with thousands of pages; this leaves the first
/// copy of each in document order (source order in the file, then path, then record) and takes out
/// all others, a repeat within one document too. [CCNet](https://arxiv.org/abs/1911.00359) does so
/// by lines and with `normalize = "ccnet"`, within shards of its crawls; [Dolma](https://arxiv.org/abs/2402.00159)
/// by what it calls paragraphs, which are lines too, as they stand; here it is the whole run at once,
/// by 128-bit [xxh3](https://xxhash.com). FineWeb [tried](https://arxiv.org/abs/2406.17557) lines
/// across documents (as they stand, and of at least ten words) and found its models no better for it
/// than with `minhash-dedup` alone: refrains, braces and answers such as “Yes.” go as well. For prose
/// and code set `min_words` or `min_chars`.
///
/// Lines are the pieces between line feeds; paragraphs are lines without a blank one between. Either
/// is compared without the white space at its ends, goes with the white space behind it, and is never
/// removed when it is blank. A document of which only white space is left is dropped with reason
/// `all-duplicate`, one with less than `min_chars_left` with `too-short`; both keep their text. A
/// document that loses nothing is kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ParagraphDedup {
    /// What is compared: `line` or `paragraph`.
    pub unit: Unit,
    /// How it is made alike before: `none`, or `ccnet`.
    pub normalize: Normalize,
    /// Lines or paragraphs of fewer characters are never removed.
    pub min_chars: u64,
    /// Lines or paragraphs of fewer [UAX #29](https://www.unicode.org/reports/tr29/) words are never
    /// removed.
    pub min_words: u64,
    /// Drops a document that has lost something and has fewer characters left.
    pub min_chars_left: u64,
    /// Which documents can have lines or paragraphs of each other.
    pub scope: Scope,
    /// Sources whose documents stay as they are. What they have is taken out of others as ever.
    pub exempt: Vec<String>,
}

/// What is compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unit {
    /// A piece between line feeds: what CCNet and Dolma call a paragraph.
    #[default]
    Line,
    /// A block between blank lines.
    Paragraph,
}

/// How units are made alike before they are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Normalize {
    /// They must be equal byte for byte.
    #[default]
    None,
    /// Lower case, every decimal digit a 0, without punctuation (Unicode's categories P), runs of
    /// white space one space. What has nothing left is never removed.
    Ccnet,
}

const fn signal(name: &'static str, kind: SignalType, about: &'static str) -> Signal {
    Signal { name, kind, about }
}

impl Settings for ParagraphDedup {
    const NAME: &'static str = "paragraph-dedup";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Exchange;
    const SIGNALS: &'static [Signal] = &[
        signal("units", SignalType::Int, "lines or paragraphs that are not blank"),
        signal("duplicates", SignalType::Int, "of them found before"),
        signal("duplicate_chars", SignalType::Int, "characters of these"),
        signal("duplicate_share", SignalType::Float, "their share of the characters of the text"),
    ];
    const REASONS: &'static [crate::document::Reason] = &[ALL_DUPLICATE, TOO_SHORT];
    const EDITS: bool = true;

    fn steps(&self) -> &'static [Step] {
        &[Step::Send, Step::Meet(Target::Documents)]
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        let exempt = context.exempt(&self.exempt)?;
        Ok(Op::Exchange(Box::new(Paragraphs { settings: self.clone(), exempt })))
    }
}

struct Paragraphs {
    settings: ParagraphDedup,
    exempt: Vec<u32>,
}

/// A line or paragraph: a range of the text without the white space at its end, and its key where it
/// takes part.
struct Piece {
    range: Range<usize>,
    key: Option<u128>,
}

impl Paragraphs {
    /// The pieces of a document, in order.
    fn pieces(&self, document: Document<'_>, salt: u128) -> Vec<Piece> {
        let mut pieces = ranges(document.text, self.settings.unit);
        let words = if self.settings.min_words > 0 {
            document.analysis.words(document.text, WordKind::Unicode)
        } else {
            &[]
        };
        let mut buffer = String::new();
        for piece in &mut pieces {
            piece.key = self.key(document.text, &piece.range, words, &mut buffer);
            piece.key = piece.key.map(|key| key ^ salt);
        }
        pieces
    }

    fn key(
        &self,
        text: &str,
        range: &Range<usize>,
        words: &[Word],
        buffer: &mut String,
    ) -> Option<u128> {
        let unit = text[range.clone()].trim();
        let least = usize::try_from(self.settings.min_chars).unwrap_or(usize::MAX);
        if unit.len() < least || unit.chars().take(least).count() < least {
            return None;
        }
        let from = words.partition_point(|word| (word.start as usize) < range.start);
        let count = words[from..].partition_point(|word| (word.start as usize) < range.end);
        if (count as u64) < self.settings.min_words {
            return None;
        }
        match self.settings.normalize {
            Normalize::None => Some(xxh3_128(unit.as_bytes())),
            Normalize::Ccnet => {
                normalize(unit, buffer);
                (!buffer.is_empty()).then(|| xxh3_128(buffer.as_bytes()))
            }
        }
    }
}

/// The lines or paragraphs of a text that are not blank.
fn ranges(text: &str, unit: Unit) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut start = 0;
    let mut joins = false;
    for end in memchr::memchr_iter(b'\n', text.as_bytes()).chain([text.len()]) {
        let length = text[start..end].trim_end().len();
        match pieces.last_mut() {
            _ if length == 0 => {}
            Some(last) if joins => last.range.end = start + length,
            _ => pieces.push(Piece { range: start..start + length, key: None }),
        }
        joins = unit == Unit::Paragraph && length > 0;
        start = end + 1;
    }
    pieces
}

/// [`Normalize::Ccnet`].
fn normalize(unit: &str, buffer: &mut String) {
    buffer.clear();
    let categories = CodePointMapData::<GeneralCategory>::new();
    let mut space = false;
    for c in unit.chars() {
        let punctuation = if c.is_ascii() {
            // The rest of ASCII's punctuation are symbols to Unicode.
            c.is_ascii_punctuation() && !"$+<=>^`|~".contains(c)
        } else {
            GeneralCategoryGroup::Punctuation.contains(categories.get(c))
        };
        if c.is_whitespace() {
            space = true;
        } else if !punctuation {
            if space && !buffer.is_empty() {
                buffer.push(' ');
            }
            space = false;
            if c.is_ascii_digit() || !c.is_ascii() && is_decimal(c) {
                buffer.push('0');
            } else if c.is_ascii() {
                buffer.push(c.to_ascii_lowercase());
            } else {
                buffer.extend(c.to_lowercase());
            }
        }
    }
}

impl ExchangeOp for Paragraphs {
    fn send(
        &self,
        _step: usize,
        documents: &Participants<'_>,
        out: &mut Outbox,
    ) -> Result<(), OpError> {
        let salt = self.settings.scope.salt(documents);
        for &row in documents.rows {
            let pieces = self.pieces(documents.document(row), salt);
            let mut keys: Vec<u128> = pieces.iter().filter_map(|piece| piece.key).collect();
            // A repeat in a document needs no other document to be known for one.
            keys.sort_unstable();
            keys.dedup();
            let place = documents.place(row)?;
            for key in keys {
                let mut record = [0; KEY_BYTES];
                record[..16].copy_from_slice(&key.to_be_bytes());
                record[16..].copy_from_slice(&place);
                out.push(record, &[]);
            }
        }
        Ok(())
    }

    fn meet(&self, _step: usize, task: &mut MeetTask<'_>) -> Result<(), OpError> {
        let mut records = task.records()?;
        let mut record = Record::default();
        let mut before = None;
        let mut shared = 0;
        while records.next_into(&mut record)? {
            let mut hash = [0; 16];
            hash.copy_from_slice(&record.key[..16]);
            if before == Some(hash) {
                // The document learns the hash of what another has before it.
                let mut key = [0; KEY_BYTES];
                key[..PLACE_BYTES].copy_from_slice(&key_place(&record.key, 16));
                key[PLACE_BYTES..].copy_from_slice(&hash);
                task.push(key, &[])?;
                shared += 1;
            }
            before = Some(hash);
        }
        records.remove_scratch()?;
        task.figures.count("found_in_earlier_documents", shared);
        Ok(())
    }

    fn conclude(
        &self,
        documents: &Participants<'_>,
        signals: &mut [SignalColumn],
    ) -> Result<Concluded, OpError> {
        let salt = self.settings.scope.salt(documents);
        let shorten = Shorten {
            exempt: self.exempt.contains(&documents.source),
            min_chars_left: self.settings.min_chars_left,
        };
        Ok(shorten.conclude(documents, signals, |row, values| {
            let document = documents.document(row);
            let pieces = self.pieces(document, salt);
            let hash = |(_, record): &(usize, Record)| {
                let mut hash = [0; 16];
                hash.copy_from_slice(&record.key[PLACE_BYTES..]);
                u128::from_be_bytes(hash)
            };
            let mut seen: BTreeSet<u128> = documents.answers(row).iter().map(hash).collect();
            let mut duplicate = |piece: &Piece| piece.key.is_some_and(|key| !seen.insert(key));
            let duplicates: Vec<bool> = pieces.iter().map(&mut duplicate).collect();
            let text = document.text;
            let chars = |range: &Range<usize>| text[range.clone()].chars().count();
            let found = pieces.iter().zip(&duplicates).filter(|(_, duplicate)| **duplicate);
            let removed = found.map(|(piece, _)| chars(&piece.range)).sum();
            values[0] = Some(counted(pieces.len()));
            values[1] = Some(counted(duplicates.iter().filter(|duplicate| **duplicate).count()));
            values[2] = Some(counted(removed));
            values[3] = Some(share(removed, chars(&(0..text.len()))));
            taken(&pieces, &duplicates, text.len())
        }))
    }
}

/// What to take out: duplicates with the white space behind them; at the end of the text, where none
/// is left behind, with the white space before, so that the text ends as it did.
fn taken(pieces: &[Piece], duplicates: &[bool], end: usize) -> Vec<Range<usize>> {
    let last_kept = duplicates.iter().rposition(|duplicate| !duplicate);
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        if !duplicates[index] {
            continue;
        }
        let tail = last_kept.filter(|last| *last < index);
        let range = if let Some(last) = tail {
            pieces[last].range.end..piece.range.end
        } else {
            piece.range.start..pieces.get(index + 1).map_or(end, |next| next.range.start)
        };
        match ranges.last_mut() {
            Some(before) if before.end >= range.start => before.end = before.end.max(range.end),
            _ => ranges.push(range),
        }
    }
    ranges
}

#[cfg(test)]
mod tests;
