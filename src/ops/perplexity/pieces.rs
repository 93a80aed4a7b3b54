//! From a normalised line to the words that a language model counts.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokenizers::pipeline::PipelineToken;

use crate::model::ngram_lm::{LmBytes, NgramLm, Score};
use crate::tokens::tokenizer::{Context, Tokenizer};

/// What a language model's words are, without a tokenizer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::ops) enum Pieces {
    /// What stands between white space; each ideograph and each kana on its own.
    #[default]
    Auto,
    /// What stands between white space.
    Words,
    /// Each character but white space.
    Characters,
}

/// A character of a script that is written without spaces between words.
fn stands_alone(c: char) -> bool {
    matches!(c,
        '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9d}' | '\u{1b000}'..='\u{1b16f}' | '\u{20000}'..='\u{3ffff}')
}

/// The words of a line.
struct Split<'a> {
    rest: &'a str,
    pieces: Pieces,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest.trim_start();
        let first = rest.chars().next()?;
        let alone = match self.pieces {
            Pieces::Auto => stands_alone(first),
            Pieces::Words => false,
            Pieces::Characters => true,
        };
        let end = if alone {
            first.len_utf8()
        } else {
            let auto = self.pieces == Pieces::Auto;
            let ends = |c: char| c.is_whitespace() || (auto && stands_alone(c));
            rest.find(ends).unwrap_or(rest.len())
        };
        let (piece, behind) = rest.split_at(end);
        self.rest = behind;
        Some(piece)
    }
}

/// A tokenizer and the names of its ids.
pub(super) struct Named {
    tokenizer: Arc<Tokenizer>,
    /// The names one behind the other, and where each ends.
    names: String,
    ends: Vec<usize>,
}

impl Named {
    pub(super) fn new(tokenizer: Arc<Tokenizer>) -> Self {
        let mut by_id = vec![""; tokenizer.vocab_size() as usize];
        for (token, id) in tokenizer.tokens() {
            if let Some(name) = by_id.get_mut(id as usize) {
                *name = token;
            }
        }
        let mut names = String::new();
        let mut ends = Vec::with_capacity(by_id.len());
        for name in by_id {
            names.push_str(name);
            ends.push(names.len());
        }
        Self { tokenizer, names, ends }
    }

    fn name(&self, id: u32) -> &str {
        let id = id as usize;
        let start =
            id.checked_sub(1).map_or(0, |before| self.ends.get(before).map_or(0, |end| *end));
        self.ends.get(id).map_or("", |end| &self.names[start..*end])
    }
}

/// A language model and how its words are made.
pub(super) struct Scorer {
    pub(super) model: Arc<NgramLm<LmBytes>>,
    pub(super) tokenizer: Option<Arc<Named>>,
    pub(super) pieces: Pieces,
}

/// What one batch needs for one scorer.
pub(super) struct Scoring<'a> {
    scorer: &'a Scorer,
    context: Option<(&'a Named, Context<'a>)>,
    tokens: Vec<PipelineToken>,
}

impl Scorer {
    pub(super) fn start(&self) -> Scoring<'_> {
        let named = self.tokenizer.as_deref();
        let context = named.map(|named| (named, named.tokenizer.context()));
        Scoring { scorer: self, context, tokens: Vec::new() }
    }
}

impl Scoring<'_> {
    /// The score of a normalised line; `None` where the tokenizer cannot express it.
    pub(super) fn score(&mut self, line: &str) -> Option<Score> {
        let model = &self.scorer.model;
        let Some((named, context)) = &mut self.context else {
            return Some(model.score(Split { rest: line, pieces: self.scorer.pieces }));
        };
        self.tokens.clear();
        context.encode_into(line, &mut self.tokens).ok()?;
        let ids = PipelineToken::cast_slice(&self.tokens);
        Some(model.score(ids.iter().map(|&id| named.name(id))))
    }
}

#[cfg(test)]
mod tests {
    use super::{Pieces, Split};

    #[test]
    fn words_and_characters() {
        let split = |rest, pieces| Split { rest, pieces }.collect::<Vec<_>>();
        assert_eq!(split(" a bc  d ", Pieces::Auto), ["a", "bc", "d"]);
        assert_eq!(split("abc字典 x", Pieces::Auto), ["abc", "字", "典", "x"]);
        assert_eq!(split("字x字", Pieces::Auto), ["字", "x", "字"]);
        assert_eq!(split("abc字典 x", Pieces::Words), ["abc字典", "x"]);
        assert_eq!(split("ab 字", Pieces::Characters), ["a", "b", "字"]);
        assert_eq!(split(" \u{3000}\u{a0}", Pieces::Auto), Vec::<&str>::new());
        assert_eq!(split("สวัสดี カナ", Pieces::Auto), ["สวัสดี", "カ", "ナ"]);
    }
}
