//! How a text becomes words, where the library needs help.

use tokenizers::pipeline::{PipelinePreTokenizer, PipelineToken, PipelineTokenizer};
use tokenizers::pre_tokenizers::sequence::PipelineSequence;
use tokenizers::pre_tokenizers::split::{Search, Split, SplitPattern};

use super::engine::covers;
use super::exact::Exact;

/// A text longer than this, and half as much again, is cut: the library goes over a text several
/// times and keeps some twenty bytes a byte of it, which should stay in a near cache.
const CUT_BYTES: usize = 32 << 10;

/// The pre-tokenizer of a tokenizer, and where long texts may be cut.
pub(super) struct Splitter {
    own: Option<PipelinePreTokenizer>,
    covers: bool,
    cuts: bool,
    /// Whether a word may end with a contraction in either case, as o200k's do.
    endings: bool,
}

/// The pattern of such endings.
const ENDINGS: &str = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?";

impl Splitter {
    /// For a tokenizer that the library has read.
    ///
    /// # Errors
    /// When a pattern is no regular expression that `fancy-regex` takes.
    pub(super) fn new(tokenizer: &PipelineTokenizer) -> Result<Self, tokenizers::Error> {
        let theirs = tokenizer.get_pre_tokenizer();
        let own = compiled(theirs)?;
        let covers = covers(own.as_ref().unwrap_or(theirs));
        let added = tokenizer.get_added_vocabulary().get_added_tokens_decoder();
        let plain = added.values().all(|token| {
            !token.lstrip && !token.rstrip && !token.content.contains(char::is_whitespace)
        });
        let cuts = plain
            && own.is_none()
            && native(theirs)
            && tokenizer.get_normalizers().iter().all(|normalizer| {
                matches!(normalizer, tokenizers::pipeline::PipelineNormalizer::NFC(_))
            });
        let endings = own.is_none() && native(theirs) && has_endings(theirs);
        Ok(Self { own, covers, cuts, endings })
    }

    /// The text in which words are to be found, where that is another one, of as many bytes.
    ///
    /// `ſ` is a form of `s`, so `'ſ` is a contraction. The library's grammar for o200k takes it for
    /// one, but not where the next word begins with an apostrophe (`l'ſ'se`); `'ll` is as long and of the
    /// same kind, and it knows that.
    pub(super) fn shown(&self, text: &str) -> Option<String> {
        let found =
            self.endings && memchr::memmem::find(text.as_bytes(), "'ſ".as_bytes()).is_some();
        found.then(|| text.replace("'ſ", "'ll"))
    }

    /// The pre-tokenizer in place of the library's.
    pub(super) fn own(&self) -> Option<&PipelinePreTokenizer> {
        self.own.as_ref()
    }

    /// Whether the words are all of the text.
    pub(super) fn covers(&self) -> bool {
        self.covers
    }

    /// Where to cut a long text so that the parts have the words of the whole: between a letter
    /// and a space or line break. Every grammar that [`native`] lets through ends a word there,
    /// looks at nothing before a word, and behind one only at whether white space ends.
    pub(super) fn cut(&self, text: &str) -> Option<usize> {
        if !self.cuts || text.len() <= CUT_BYTES + CUT_BYTES / 2 {
            return None;
        }
        let bytes = text.as_bytes();
        let before = &bytes[..CUT_BYTES];
        let place = memchr::memrchr2_iter(b' ', b'\n', before).find(|&at| {
            at >= 3 && (bytes[at - 1].is_ascii_alphabetic() || is_ideograph(&bytes[at - 3..at]))
        });
        // Without a place in the first part, the text goes on whole.
        place.filter(|&at| at > 0)
    }
}

/// Whether three bytes are a character of U+4E00 to U+9FA5, all of them letters since Unicode 1.
fn is_ideograph(bytes: &[u8]) -> bool {
    let character = std::str::from_utf8(bytes).ok().and_then(|text| text.chars().next());
    character.is_some_and(|character| ('\u{4e00}'..='\u{9fa5}').contains(&character))
}

/// Whether a grammar written for it runs, and not a regular expression.
fn native(pre_tokenizer: &PipelinePreTokenizer) -> bool {
    match pre_tokenizer {
        PipelinePreTokenizer::Split(split) => is_grammar(split),
        PipelinePreTokenizer::Sequence(sequence) => {
            let mut members = sequence.pre_tokenizers().iter();
            sequence.is_deepseek() && members.len() == 3
                || matches!((members.next(), members.next()),
                    (Some(PipelinePreTokenizer::Split(split)), None) if is_grammar(split))
        }
        _ => false,
    }
}

fn has_endings(pre_tokenizer: &PipelinePreTokenizer) -> bool {
    match pre_tokenizer {
        PipelinePreTokenizer::Split(split) => match &split.pattern {
            SplitPattern::Regex(regex) => regex.contains(ENDINGS),
            SplitPattern::String(_) => false,
        },
        PipelinePreTokenizer::Sequence(sequence) => {
            sequence.pre_tokenizers().iter().any(has_endings)
        }
        _ => false,
    }
}

fn is_grammar(split: &Split) -> bool {
    split.grammar().is_some()
        && !split.invert
        && split.behavior == tokenizers::SplitDelimiterBehavior::Isolated
}

/// The pre-tokenizer with its patterns compiled; `None` where it has none that need it. The
/// library's reader leaves patterns that it has no grammar for uncompiled, and they fail on the
/// first text.
fn compiled(
    pre_tokenizer: &PipelinePreTokenizer,
) -> Result<Option<PipelinePreTokenizer>, tokenizers::Error> {
    Ok(match pre_tokenizer {
        PipelinePreTokenizer::Split(split)
            if !is_grammar(split) && matches!(split.search, Search::Unavailable) =>
        {
            let compiled = Split::new(split.pattern.clone(), split.behavior, split.invert)?;
            Some(PipelinePreTokenizer::Split(compiled))
        }
        PipelinePreTokenizer::Sequence(sequence) if !sequence.is_deepseek() => {
            let mut any = false;
            let mut members = Vec::new();
            for member in sequence.pre_tokenizers() {
                let own = compiled(member)?;
                any |= own.is_some();
                members.push(match own {
                    Some(own) => own,
                    // A clone compiles its pattern, which only patterns without one need not stand.
                    None => member.clone(),
                });
            }
            any.then(|| PipelinePreTokenizer::Sequence(PipelineSequence::new(members)))
        }
        _ => None,
    })
}

/// White space at the end of a text as `cl100k_base` has it since tiktoken 0.6: one word, line
/// breaks and all (`\s++$`), where the pattern of the library's grammar ends a word at each last
/// line break.
pub(super) struct Trailing {
    exact: Exact,
    /// Behind a sign, line breaks belong to its word.
    sign: regex::Regex,
}

impl Trailing {
    /// `exact` knows the tokens of white space.
    pub(super) fn new(exact: Exact) -> Result<Self, regex::Error> {
        Ok(Self { exact, sign: regex::Regex::new(r"[^\s\p{L}\p{N}]\z")? })
    }

    /// The text up to such white space, and that, where the grammar would cut it differently.
    pub(super) fn split<'a>(&self, text: &'a str) -> (&'a str, Option<&'a str>) {
        let last = text.chars().next_back();
        if !last.is_some_and(|last| last.is_whitespace() && !is_break(last)) {
            return (text, None);
        }
        let body = text.trim_end();
        let mut tail = &text[body.len()..];
        let last = body.char_indices().next_back().map_or(0, |(at, _)| at);
        if self.sign.is_match(&body[last..]) {
            tail = tail.trim_start_matches(is_break);
        }
        let differs = tail.contains(is_break);
        if differs { (&text[..text.len() - tail.len()], Some(tail)) } else { (text, None) }
    }

    pub(super) fn encode(&self, tail: &str, out: &mut Vec<PipelineToken>) {
        let mut ids = Vec::new();
        self.exact.encode(tail.as_bytes(), &mut ids);
        out.extend(ids.into_iter().map(PipelineToken::from));
    }
}

fn is_break(character: char) -> bool {
    matches!(character, '\r' | '\n')
}
