//! Text with control tokens to ids: the tokens are found first, what lies between them is encoded.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use serde::{Deserialize, Serialize};
use tokenizers::pipeline::PipelineToken;

use crate::tokens::tokenizer::{Tokenizer, TokenizerError};

/// Breaks up what looks like a control token but stands in a message: a noncharacter of Unicode,
/// which is taken out before the text is encoded.
pub(super) const BREAK: char = '\u{fdd0}';

/// A control token of a tokenizer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Special {
    /// How it is written.
    pub content: String,
    /// Its id.
    pub id: u32,
    /// Whether white space before it belongs to it.
    #[serde(default)]
    pub lstrip: bool,
    /// Whether white space behind it belongs to it.
    #[serde(default)]
    pub rstrip: bool,
}

/// Ids of a text, and which of them are learnt.
#[derive(Default)]
pub(super) struct Ids {
    /// The ids.
    pub tokens: Vec<PipelineToken>,
    /// One byte for each.
    pub loss: Vec<u8>,
    clean: String,
}

impl Ids {
    pub(super) fn clear(&mut self) {
        self.tokens.clear();
        self.loss.clear();
    }

    pub(super) fn push(&mut self, id: u32, learnt: bool) {
        self.tokens.push(id.into());
        self.loss.push(learnt.into());
    }

    /// Appends a text without control tokens, all of it learnt or not.
    pub(super) fn text(
        &mut self,
        tokenizer: &Tokenizer,
        text: &str,
        learnt: bool,
    ) -> Result<(), TokenizerError> {
        tokenizer.encode_into(text, &mut self.tokens)?;
        self.loss.resize(self.tokens.len(), learnt.into());
        Ok(())
    }
}

/// Finds control tokens.
pub(super) struct Specials {
    list: Vec<Special>,
    finder: AhoCorasick,
}

impl Specials {
    pub(super) fn new(list: Vec<Special>) -> Result<Self, aho_corasick::BuildError> {
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(list.iter().map(|special| special.content.as_str()))?;
        Ok(Self { list, finder })
    }

    /// Whether an id is a control token's.
    pub(super) fn has(&self, id: u32) -> bool {
        self.list.iter().any(|special| special.id == id)
    }

    /// The first control token of a text.
    pub(super) fn find(&self, text: &str) -> Option<Range<usize>> {
        self.finder.find(text).map(|found| found.range())
    }

    /// The last control token of a text.
    pub(super) fn last(&self, text: &str) -> Option<Range<usize>> {
        self.finder.find_iter(text).last().map(|found| found.range())
    }

    /// Breaks up all that looks like a control token in a text of a message, behind the first
    /// character of each.
    pub(super) fn shield(&self, text: &mut String) {
        let mut shielded = String::new();
        let mut from = 0;
        let mut copied = 0;
        while let Some(found) = self.find(&text[from..]) {
            let start = from + found.start;
            from = start + text[start..].chars().next().map_or(1, char::len_utf8);
            shielded.push_str(&text[copied..from]);
            shielded.push(BREAK);
            copied = from;
        }
        if copied > 0 {
            shielded.push_str(&text[copied..]);
            *text = shielded;
        }
    }

    /// Appends the ids of a text; those that overlap one of the ranges `learn`, which are in order,
    /// are learnt.
    pub(super) fn encode(
        &self,
        tokenizer: &Tokenizer,
        text: &str,
        learn: &[Range<usize>],
        out: &mut Ids,
    ) -> Result<(), TokenizerError> {
        let mut from = 0;
        for found in self.finder.find_iter(text) {
            if found.start() < from {
                // Within white space that the token before took.
                continue;
            }
            let special = &self.list[found.pattern()];
            let before = &text[from..found.start()];
            let before = if special.lstrip { before.trim_end() } else { before };
            piece(tokenizer, before, from, learn, out)?;
            out.push(special.id, learn.iter().any(|range| overlap(range, &found.range())));
            from = found.end();
            if special.rstrip {
                from = text.len() - text[from..].trim_start().len();
            }
        }
        piece(tokenizer, &text[from..], from, learn, out)
    }
}

fn overlap(left: &Range<usize>, right: &Range<usize>) -> bool {
    left.start < right.end && right.start < left.end
}

/// Encodes what lies between control tokens; it begins at `base` of the whole text.
fn piece(
    tokenizer: &Tokenizer,
    text: &str,
    base: usize,
    learn: &[Range<usize>],
    out: &mut Ids,
) -> Result<(), TokenizerError> {
    if text.is_empty() {
        return Ok(());
    }
    let whole = base..base + text.len();
    // The parts of it that are learnt, with breaks taken out.
    let broken = |end: usize| text[..end].matches(BREAK).count() * BREAK.len_utf8();
    let inside = |at: usize| {
        let mut at = at.clamp(whole.start, whole.end) - base;
        while !text.is_char_boundary(at) {
            at += 1;
        }
        at
    };
    let mut parts: Vec<Range<usize>> = learn
        .iter()
        .filter(|range| overlap(range, &whole))
        .map(|range| inside(range.start)..inside(range.end))
        .collect();
    let mut clean = std::mem::take(&mut out.clean);
    let text = if text.contains(BREAK) {
        for part in &mut parts {
            *part = part.start - broken(part.start)..part.end - broken(part.end);
        }
        clean.clear();
        clean.extend(text.chars().filter(|&char| char != BREAK));
        clean.as_str()
    } else {
        text
    };
    let result = clean_piece(tokenizer, text, &parts, out);
    out.clean = clean;
    result
}

fn clean_piece(
    tokenizer: &Tokenizer,
    text: &str,
    learn: &[Range<usize>],
    out: &mut Ids,
) -> Result<(), TokenizerError> {
    let first = out.tokens.len();
    out.text(tokenizer, text, false)?;
    match learn {
        [] => return Ok(()),
        [all] if *all == (0..text.len()) => {
            out.loss[first..].fill(1);
            return Ok(());
        }
        _ => {}
    }
    let ids = PipelineToken::cast_slice(&out.tokens[first..]);
    let places: Option<Vec<Range<usize>>> = learn
        .iter()
        .map(|range| {
            let (start, _) = place(tokenizer, ids, text, range.start)?;
            let (end, exact) = place(tokenizer, ids, text, range.end)?;
            Some(start..end + usize::from(!exact))
        })
        .collect();
    if let Some(places) = places {
        for range in places {
            out.loss[first..][range].fill(1);
        }
        return Ok(());
    }
    // The tokens cannot be followed in the text: each part on its own.
    out.tokens.truncate(first);
    out.loss.truncate(first);
    let mut from = 0;
    for range in learn {
        out.text(tokenizer, &text[from..range.start], false)?;
        out.text(tokenizer, &text[range.clone()], true)?;
        from = range.end;
    }
    out.text(tokenizer, &text[from..], false)
}

/// How many tokens end at or before the byte `at` of the text, and whether one ends just there.
/// `None` where the ids do not lead back to the text.
fn place(tokenizer: &Tokenizer, ids: &[u32], text: &str, at: usize) -> Option<(usize, bool)> {
    if at == 0 {
        return Some((0, true));
    }
    if at == text.len() {
        return Some((ids.len(), true));
    }
    // What the first tokens say, without a character that is not complete.
    let said = |count: usize| {
        let decoded = tokenizer.decode(&ids[..count]).ok()?;
        let whole = decoded.trim_end_matches(char::REPLACEMENT_CHARACTER).len();
        Some((decoded, whole))
    };
    let (mut low, mut high) = (0, 1.min(ids.len()));
    while said(high)?.1 < at {
        if high == ids.len() {
            return None;
        }
        (low, high) = (high, (high * 2).min(ids.len()));
    }
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        if said(middle)?.1 < at { low = middle } else { high = middle }
    }
    let (decoded, whole) = said(high)?;
    if !decoded.as_bytes().starts_with(&text.as_bytes()[..at]) {
        return None;
    }
    let exact = whole == at && whole == decoded.len();
    Some((if exact { high } else { high - 1 }, exact))
}
