//! n-gram language models in the formats of [KenLM](https://github.com/kpu/kenlm): ARPA text, and
//! `build_binary`'s files of both data structures (*probing* and *trie*, with quantisation and
//! compressed pointers), which are mapped, not read.
//!
//! Scores are those of KenLM's own query code, to the bit for each word: 32-bit floats, added in its
//! order (K. Heafield, [KenLM: Faster and Smaller Language Model
//! Queries](https://aclanthology.org/W11-2123/), 2011). A sum over words is in 64 bits here.

mod arpa;
mod bits;
mod header;
pub(super) mod load;
mod murmur;
mod probing;
#[cfg(test)]
mod tests;
mod trie;

use std::io::BufRead;

pub use self::load::LmBytes;
use self::probing::Probing;
use self::trie::Trie;

/// The longest n-grams that are read. KenLM itself is built for 6 unless told otherwise.
pub const MAX_ORDER: usize = 12;

/// Words of context that a score can depend on.
const CONTEXT: usize = MAX_ORDER - 1;

/// Why a model file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NgramLmError {
    /// Neither a binary file nor ARPA.
    #[error(
        "neither a KenLM binary file nor ARPA: it begins with {found:?}; make one with `lmplz` or \
         `build_binary`"
    )]
    Unknown {
        /// The first line, at most forty characters of it.
        found: String,
    },
    /// A binary file of a version or machine that this cannot read.
    #[error("{0}; build it again from the ARPA file with `build_binary probing`")]
    Unsupported(String),
    /// The file is shorter than it says, or says what cannot be.
    #[error("damaged: {0}")]
    Damaged(String),
    /// A line of an ARPA file cannot be read.
    #[error("line {line}: {reason}")]
    Arpa {
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// Reading failed.
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
}

fn damaged(reason: impl Into<String>) -> NgramLmError {
    NgramLmError::Damaged(reason.into())
}

/// A language model over the bytes `B` of its file.
pub struct NgramLm<B> {
    bytes: B,
    order: usize,
    kind: Kind,
}

enum Kind {
    Probing(Probing),
    Trie(Trie),
}

/// The words before the one to be scored, latest first, and what backing off from them costs.
#[derive(Debug, Clone, Copy)]
struct State {
    words: [u32; CONTEXT],
    backoffs: [f32; CONTEXT],
    length: usize,
}

impl State {
    const EMPTY: Self = Self { words: [0; CONTEXT], backoffs: [0.0; CONTEXT], length: 0 };
}

/// The score of a sentence.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Score {
    /// log10 of the probability of the words and the end of the sentence, given its begin.
    pub log10: f64,
    /// Its words.
    pub words: u64,
    /// Those of them that the model does not know.
    pub unknown: u64,
}

impl<B: From<Vec<u8>>> NgramLm<B> {
    /// Reads an ARPA file as text; all of it is held in memory, as hash tables.
    ///
    /// # Errors
    /// When it is damaged, or of an order below 2 or above [`MAX_ORDER`].
    pub fn from_arpa(text: impl BufRead) -> Result<Self, NgramLmError> {
        let (probing, bytes) = arpa::read(text)?;
        Ok(Self { bytes: bytes.into(), order: probing.order(), kind: Kind::Probing(probing) })
    }
}

/// Whether a file that begins so is one of `build_binary`'s.
#[must_use]
pub fn is_binary(begin: &[u8]) -> bool {
    header::is_binary(begin)
}

impl<B: AsRef<[u8]>> NgramLm<B> {
    /// A binary file.
    ///
    /// # Errors
    /// When it is cut, of another version, or of an order below 2 or above [`MAX_ORDER`].
    pub fn from_binary(bytes: B) -> Result<Self, NgramLmError> {
        let header = header::Header::read(bytes.as_ref())?;
        let order = header.counts.len();
        let kind = match header.kind {
            header::Kind::Probing { rest } => {
                Kind::Probing(Probing::in_file(bytes.as_ref(), &header, rest)?)
            }
            header::Kind::Trie { quantised, array } => {
                Kind::Trie(Trie::in_file(bytes.as_ref(), &header, quantised, array)?)
            }
        };
        Ok(Self { bytes, order, kind })
    }

    /// The length of its longest n-grams.
    #[must_use]
    pub fn order(&self) -> usize {
        self.order
    }

    /// Scores a sentence of these words, without `<s>` and `</s>`.
    pub fn score<'w>(&self, words: impl IntoIterator<Item = &'w str>) -> Score {
        let bytes = self.bytes.as_ref();
        match &self.kind {
            Kind::Probing(probing) => self.sentence(&probing.view(bytes), words),
            Kind::Trie(trie) => self.sentence(&trie.view(bytes), words),
        }
    }

    fn sentence<'w>(
        &self,
        search: &impl Search,
        words: impl IntoIterator<Item = &'w str>,
    ) -> Score {
        let begin = search.word(b"<s>");
        let (_, unigram, _) = search.unigram(begin);
        let mut state = State { length: 1, ..State::EMPTY };
        state.words[0] = begin;
        state.backoffs[0] = unigram.backoff;
        let mut score = Score::default();
        for word in words {
            let word = search.word(word.as_bytes());
            score.words += 1;
            score.unknown += u64::from(word == 0);
            score.log10 += f64::from(step(search, self.order, &mut state, word));
        }
        let end = search.word(b"</s>");
        score.log10 += f64::from(step(search, self.order, &mut state, end));
        score
    }
}

/// Probability and backoff, as log10.
#[derive(Debug, Clone, Copy, Default)]
struct Weights {
    probability: f32,
    backoff: f32,
}

/// A data structure that n-grams are looked up in, each by the words before, latest first.
trait Search {
    /// Where an n-gram stands.
    type Node: Copy;

    /// The number of a word; 0 where it is not known.
    fn word(&self, word: &[u8]) -> u32;

    /// A word on its own, and whether no longer n-gram ends with it.
    fn unigram(&self, word: u32) -> (Self::Node, Weights, bool);

    /// The n-gram at `node` with one more word before it, `order` words in all, fewer than the
    /// longest have.
    fn middle(
        &self,
        order: usize,
        node: Self::Node,
        word: u32,
    ) -> Option<(Self::Node, Weights, bool)>;

    /// As [`Search::middle`] for the longest: its probability.
    fn longest(&self, node: Self::Node, word: u32) -> Option<f32>;
}

/// Whether an n-gram of this backoff may be the context of a longer one: KenLM writes -0.0 for those
/// that are not.
fn extends(backoff: f32) -> bool {
    backoff.to_bits() != (-0.0f32).to_bits()
}

/// log10 of the probability of `word` behind `state`, which then ends with the word.
#[inline]
fn step<S: Search>(search: &S, order: usize, state: &mut State, word: u32) -> f32 {
    let (mut node, weights, mut alone) = search.unigram(word);
    let mut next = State::EMPTY;
    next.words[0] = word;
    next.backoffs[0] = weights.backoff;
    next.length = usize::from(extends(weights.backoff));
    let mut probability = weights.probability;
    // Words of the longest n-gram found.
    let mut found = 1;
    for (index, &before) in state.words[..state.length].iter().enumerate() {
        if alone {
            break;
        }
        if index + 2 == order {
            if let Some(longest) = search.longest(node, before) {
                probability = longest;
                found = order;
            }
            break;
        }
        let Some((longer, weights, is_alone)) = search.middle(index + 2, node, before) else {
            break;
        };
        (node, alone) = (longer, is_alone);
        probability = weights.probability;
        found = index + 2;
        next.backoffs[index + 1] = weights.backoff;
        if extends(weights.backoff) {
            next.length = found;
        }
    }
    for backoff in state.backoffs.get(found - 1..state.length).unwrap_or_default() {
        probability += backoff;
    }
    let kept = next.length.saturating_sub(1);
    next.words[1..=kept].copy_from_slice(&state.words[..kept]);
    *state = next;
    probability
}
