//! Words and sentences as [datatrove](https://github.com/huggingface/datatrove) has them in
//! English: the tokens of [spaCy](https://spacy.io/usage/linguistic-features#how-tokenizer-works)'s
//! rule-based tokenizer and the sentences of its
//! [sentencizer](https://spacy.io/api/sentencizer), stripped, without empty ones.
//!
//! Equal to `SpaCyTokenizer("en")` of datatrove 0.10.1 with spaCy 3.8.18 and Python 3.11, whose
//! rules are read from `spacy_en.rules`; `benches/parity/spacy_rules.py` makes that file and the
//! golden texts. Every token and every sentence is a slice of the text, and the time is linear in
//! its length. Two limits of the original are left out: it refuses texts of 2³⁰ characters or
//! more, and from the second token `IS_ALPHA` that a process sees it fails, upon which datatrove
//! deletes that string from the text; here it is a token like any other.

mod affixes;
mod cache;
mod rules;
mod second;
mod url;

use std::ops::Range;
use std::sync::LazyLock;

pub(crate) use cache::SpacyCache;
use rules::Rules;
use second::SecondPass;

/// spaCy's English tokenizer and sentencizer; the tables never change.
pub(crate) struct SpacyEn {
    rules: Rules,
    second: SecondPass,
    kinds: [Kind; 256],
    /// For each ASCII byte, whether it is a suffix behind each letter and nothing more.
    trails: [[bool; 128]; 128],
}

/// What a byte means to the search for the end of a chunk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An ASCII letter.
    Letter,
    /// Cannot start a character of white space.
    Other,
    /// ASCII white space.
    Space,
    /// May start a character of white space beyond ASCII.
    MaybeSpace,
}

impl SpacyEn {
    /// The tables, built by the first caller.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: LazyLock<SpacyEn> = LazyLock::new(SpacyEn::new);
        &SHARED
    }

    fn new() -> Self {
        let rules = Rules::load();
        let mut kinds = [Kind::Other; 256];
        if rules.letters_stay_whole() {
            for byte in (b'A'..=b'Z').chain(b'a'..=b'z') {
                kinds[usize::from(byte)] = Kind::Letter;
            }
        }
        for space in rules.classes.members(rules.space) {
            let kind = if space.is_ascii() { Kind::Space } else { Kind::MaybeSpace };
            kinds[usize::from(space.encode_utf8(&mut [0; 4]).as_bytes()[0])] = kind;
        }
        Self { second: SecondPass::new(&rules), trails: trails(&rules), kinds, rules }
    }

    /// Puts the tokens of `text` into `out`, as byte ranges: what datatrove's `word_tokenize`
    /// gives for English. A text has less than 4 GiB.
    pub(crate) fn words(&self, text: &str, cache: &mut SpacyCache, out: &mut Vec<Range<u32>>) {
        out.clear();
        cache.second.chunks.clear();
        let bytes = text.as_bytes();
        let mut start = self.skip_space(text, 0);
        while start < bytes.len() {
            let letters = self.letters(bytes, start);
            let end = letters + usize::from(letters < bytes.len());
            if letters == bytes.len() || self.kind(bytes[letters]) == Kind::Space {
                let end = letters;
                if self.rules.exceptions.may_have(&bytes[start..end]) {
                    self.chunk(text, start..end, cache, out);
                } else {
                    out.push(span(start, end));
                }
                start = end;
            } else if letters > start
                && (end == bytes.len() || self.kind(bytes[end]) == Kind::Space)
                && bytes[letters].is_ascii()
                && self.trails[usize::from(bytes[letters])][usize::from(bytes[letters - 1])]
                && !self.rules.exceptions.may_have(&bytes[start..end])
                && !self.rules.exceptions.may_have(&bytes[start..letters])
            {
                out.push(span(start, letters));
                out.push(span(letters, end));
                start = end;
            } else {
                let end = self.chunk_end(text, letters);
                self.chunk(text, start..end, cache, out);
                start = end;
            }
            start = self.skip_space(text, start);
        }
        self.second.apply(&self.rules, text, &mut cache.second, out);
        cache.trim();
    }

    /// Puts the sentences of `text` into `out`, as byte ranges: what datatrove's `sent_tokenize`
    /// gives for English.
    pub(crate) fn sentences(&self, text: &str, cache: &mut SpacyCache, out: &mut Vec<Range<u32>>) {
        out.clear();
        let mut tokens = std::mem::take(&mut cache.tokens);
        self.words(text, cache, &mut tokens);
        let mut sentence: Option<Range<u32>> = None;
        let mut ended = false;
        for token in &tokens {
            let (ends, punct) = self.sentence_role(&text[token.start as usize..token.end as usize]);
            if let Some(open) = &mut sentence {
                // A token of white space, which is no punctuation, starts the next sentence.
                let starts = !(ends || punct) || !second::are_neighbours(text, open, token);
                if ended && starts {
                    out.push(open.clone());
                    *open = token.clone();
                    ended = false;
                }
                open.end = token.end;
            } else {
                sentence = Some(token.clone());
            }
            ended |= ends;
        }
        out.extend(sentence);
        cache.tokens = tokens;
        cache.trim();
    }

    /// Whether a token ends sentences, and whether it is all punctuation.
    pub(super) fn sentence_role(&self, token: &str) -> (bool, bool) {
        if token.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            return (false, false);
        }
        let has = |ch, class| self.rules.classes.has(ch, class);
        let mut chars = token.chars();
        let ends = chars.next().is_some_and(|ch| has(ch, self.rules.sentence_end));
        (ends && chars.next().is_none(), token.chars().all(|ch| has(ch, self.rules.punct)))
    }

    /// Appends the tokens of a chunk, from the cache if it is there.
    fn chunk(
        &self,
        text: &str,
        range: Range<usize>,
        cache: &mut SpacyCache,
        out: &mut Vec<Range<u32>>,
    ) {
        let first = out.len();
        let chunk = &text.as_bytes()[range.clone()];
        let short = chunk.len() <= cache::LONGEST;
        let place =
            if short { cache.find(chunk, range.start, out).map_err(Some) } else { Err(None) };
        let concerned = place.unwrap_or_else(|place| {
            self.rules.split(text, range.clone(), true, &mut cache.suffixes, out);
            let tokens = &out[first..];
            let concerned = self.second.concerns(text, tokens);
            if let Some(place) = place {
                cache.keep(&place, chunk, range.start, tokens, concerned);
            }
            concerned
        });
        if concerned {
            cache.second.chunks.push(first..out.len());
        }
    }

    fn kind(&self, byte: u8) -> Kind {
        self.kinds[usize::from(byte)]
    }

    /// Where the letters from `at` on end.
    #[inline]
    fn letters(&self, bytes: &[u8], at: usize) -> usize {
        let rest = bytes[at..].iter();
        at + rest.take_while(|byte| self.kind(**byte) == Kind::Letter).count()
    }

    /// Where white space from `at` on ends.
    #[inline]
    fn skip_space(&self, text: &str, mut at: usize) -> usize {
        while let Some(byte) = text.as_bytes().get(at) {
            match self.kind(*byte) {
                Kind::Space => at += 1,
                Kind::MaybeSpace => match self.wide_space(text, at) {
                    Some(length) => at += length,
                    None => break,
                },
                Kind::Letter | Kind::Other => break,
            }
        }
        at
    }

    /// Where the chunk that reaches to `at` at least ends.
    fn chunk_end(&self, text: &str, mut at: usize) -> usize {
        while let Some(byte) = text.as_bytes().get(at) {
            match self.kind(*byte) {
                Kind::Space => break,
                Kind::MaybeSpace if self.wide_space(text, at).is_some() => break,
                _ => at += 1,
            }
        }
        at
    }

    /// Length of the white space character that starts at byte `at`.
    fn wide_space(&self, text: &str, at: usize) -> Option<usize> {
        let ch = text.get(at..)?.chars().next()?;
        self.rules.classes.has(ch, self.rules.space).then(|| ch.len_utf8())
    }
}

/// Finds for each ASCII byte the letters behind which it is a suffix and nothing else can be.
fn trails(rules: &Rules) -> [[bool; 128]; 128] {
    let mut trails = [[false; 128]; 128];
    for mark in (0x21..0x7f_u8).filter(u8::is_ascii_punctuation) {
        // Longer affixes out of letters and this mark, as "US$", could match instead.
        let longer = |literal: &str| {
            literal.len() > 1
                && literal.bytes().any(|byte| byte == mark)
                && literal.bytes().any(|byte| byte.is_ascii_alphabetic())
        };
        if rules.prefix.literals().chain(rules.suffix.literals()).any(longer) {
            continue;
        }
        for letter in (b'A'..=b'Z').chain(b'a'..=b'z') {
            let text = String::from_iter([char::from(letter), char::from(mark)]);
            trails[usize::from(mark)][usize::from(letter)] = rules.suffix_len(&text) == 1;
        }
    }
    trails
}

/// A range of bytes in a text.
#[inline]
fn span(start: usize, end: usize) -> Range<u32> {
    // Documents are capped at 256 MiB when they are read, so offsets fit 32 bits.
    #[expect(clippy::cast_possible_truncation, reason = "see the line above")]
    let narrow = |offset: usize| offset as u32;
    narrow(start)..narrow(end)
}

#[cfg(test)]
mod tests;
