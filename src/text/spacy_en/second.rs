//! The second pass, `Tokenizer._apply_special_cases`: exceptions that hold affixes are looked for
//! again in the tokens of the first pass, where an infix or an affix may have torn them apart, as
//! in `see):` whose `):` is a smiley.
//!
//! spaCy's matcher goes by tokens and ignores the space between them. A match across a space is
//! not replaced, yet it counts when overlapping matches are sorted out, so it has to be known.

use std::cmp::Reverse;
use std::ops::Range;

use super::rules::{Rules, Table};

/// Sequences of tokens to look for.
pub(super) struct SecondPass {
    /// The tokens that occur in sequences.
    tokens: Table,
    /// A trie over their numbers; node 0 is its root.
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    next: Vec<(usize, usize)>,
    found: Option<Found>,
}

#[derive(Clone, Copy)]
struct Found {
    /// The exception that the tokens down to here make up.
    exception: u16,
    /// Whether its tokens are others than these.
    changes: bool,
}

/// Scratch space of one thread.
#[derive(Default)]
pub(super) struct Scratch {
    /// First-pass tokens, by index, of chunks in which some exception is to be replaced.
    pub(super) chunks: Vec<Range<usize>>,
    matches: Vec<Match>,
    taken: Vec<bool>,
    copy: Vec<Range<u32>>,
}

/// A match in a run of tokens.
struct Match {
    start: u32,
    length: u16,
    exception: u16,
}

impl Match {
    fn range(&self) -> Range<usize> {
        let start = self.start as usize;
        start..start + usize::from(self.length)
    }
}

impl Scratch {
    /// Gives memory back after a text that needed uncommonly much.
    pub(super) fn trim(&mut self) {
        trim(&mut self.chunks);
        trim(&mut self.matches);
        trim(&mut self.taken);
        trim(&mut self.copy);
    }
}

/// Frees a scratch vector that has grown large.
pub(super) fn trim<T>(scratch: &mut Vec<T>) {
    if scratch.capacity() > 1 << 20 {
        *scratch = Vec::new();
    }
}

impl SecondPass {
    pub(super) fn new(rules: &Rules) -> Self {
        let mut sequences = Vec::new();
        let (mut suffixes, mut tokens) = (Vec::new(), Vec::new());
        for (number, text) in (0_u16..).zip(rules.exceptions.keys()) {
            if !rules.has_affix(text) {
                continue;
            }
            tokens.clear();
            rules.split(text, 0..text.len(), false, &mut suffixes, &mut tokens);
            let lengths = &rules.exception_tokens[usize::from(number)];
            let changes = tokens.len() != lengths.len()
                || !tokens
                    .iter()
                    .zip(lengths)
                    .all(|(token, length)| token.len() == usize::from(*length));
            // A single token that stays never stands in the way of another match.
            if tokens.len() > 1 || changes {
                let words = tokens.iter().map(|token| word(text, token).to_owned());
                sequences.push((words.collect::<Vec<_>>(), Found { exception: number, changes }));
            }
        }
        let mut words: Vec<String> =
            sequences.iter().flat_map(|(words, _)| words.clone()).collect();
        words.sort_unstable();
        words.dedup();
        let mut pass = Self { tokens: Table::new(words), nodes: vec![Node::default()] };
        for (words, found) in sequences {
            let mut node = 0;
            for word in words {
                let Some(number) = pass.tokens.get(word.as_bytes()) else { continue };
                node = pass.step(node, number).unwrap_or_else(|| {
                    let new = pass.nodes.len();
                    pass.nodes.push(Node::default());
                    pass.nodes[node].next.push((number, new));
                    pass.nodes[node].next.sort_unstable();
                    new
                });
            }
            pass.nodes[node].found = Some(found);
        }
        pass
    }

    fn step(&self, node: usize, number: usize) -> Option<usize> {
        let next = &self.nodes[node].next;
        next.binary_search_by_key(&number, |(number, _)| *number).ok().map(|at| next[at].1)
    }

    fn number(&self, text: &str, token: &Range<u32>) -> Option<usize> {
        self.tokens.get(word(text, token).as_bytes())
    }

    /// Calls `each` with every match in `tokens`: its first token, its number of tokens and what
    /// was found.
    fn matches(&self, text: &str, tokens: &[Range<u32>], mut each: impl FnMut(u32, u16, Found)) {
        for (start, rest) in (0_u32..).zip((0..tokens.len()).map(|start| &tokens[start..])) {
            let mut node = 0;
            for (length, token) in (1_u16..).zip(rest) {
                let number = self.number(text, token);
                let Some(next) = number.and_then(|number| self.step(node, number)) else { break };
                node = next;
                if let Some(found) = self.nodes[node].found {
                    each(start, length, found);
                }
            }
        }
    }

    /// Whether the tokens of a chunk hold an exception that the second pass may split otherwise.
    pub(super) fn concerns(&self, text: &str, tokens: &[Range<u32>]) -> bool {
        let mut concerns = false;
        self.matches(text, tokens, |_, _, found| concerns |= found.changes);
        concerns
    }

    /// Applies the pass to all tokens of a text; `scratch.chunks` says where it may change them.
    pub(super) fn apply(
        &self,
        rules: &Rules,
        text: &str,
        scratch: &mut Scratch,
        out: &mut Vec<Range<u32>>,
    ) {
        let Some(first) = scratch.chunks.first() else { return };
        // Matches lie within a run of tokens that all occur in sequences.
        let joined = |tokens: &[Range<u32>], at: usize| {
            are_neighbours(text, &tokens[at - 1], &tokens[at])
                && tokens[at - 1..=at].iter().all(|token| self.number(text, token).is_some())
        };
        let reach_back = |tokens: &[Range<u32>], floor: usize, mut start: usize| {
            while start > floor && joined(tokens, start) {
                start -= 1;
            }
            start
        };
        let kept = reach_back(out, 0, first.start);
        let mut tokens = std::mem::take(&mut scratch.copy);
        tokens.clear();
        tokens.extend(out.drain(kept..));
        let mut done = 0;
        let chunks = std::mem::take(&mut scratch.chunks);
        for chunk in &chunks {
            let (chunk_start, mut end) = (chunk.start - kept, chunk.end - kept);
            if end <= done {
                continue;
            }
            let start = reach_back(&tokens, done, chunk_start.max(done));
            while end < tokens.len() && joined(&tokens, end) {
                end += 1;
            }
            out.extend_from_slice(&tokens[done..start]);
            self.apply_to_run(rules, text, &tokens[start..end], scratch, out);
            done = end;
        }
        out.extend_from_slice(&tokens[done..]);
        scratch.copy = tokens;
        scratch.chunks = chunks;
    }

    /// `_filter_special_spans` and `_retokenize_special_spans` for tokens that stand alone.
    fn apply_to_run(
        &self,
        rules: &Rules,
        text: &str,
        tokens: &[Range<u32>],
        scratch: &mut Scratch,
        out: &mut Vec<Range<u32>>,
    ) {
        scratch.matches.clear();
        self.matches(text, tokens, |start, length, Found { exception, .. }| {
            scratch.matches.push(Match { start, length, exception });
        });
        // Longest first, then from the left. A match that is turned down still takes its tokens.
        scratch.matches.sort_unstable_by_key(|found| (Reverse(found.length), found.start));
        scratch.taken.clear();
        scratch.taken.resize(tokens.len(), false);
        let taken = &mut scratch.taken;
        scratch.matches.retain(|found| {
            let range = found.range();
            let free = !taken[range.start] && !taken[range.end - 1];
            taken[range].fill(true);
            free
        });
        scratch.matches.sort_unstable_by_key(|found| found.start);
        let mut done = 0;
        for found in &scratch.matches {
            let range = found.range();
            out.extend_from_slice(&tokens[done..range.start]);
            let matched = &tokens[range.clone()];
            if matched.windows(2).all(|pair| pair[0].end == pair[1].start) {
                let exception = usize::from(found.exception);
                rules.push_exception(exception, matched[0].start as usize, out);
            } else {
                out.extend_from_slice(matched);
            }
            done = range.end;
        }
        out.extend_from_slice(&tokens[done..]);
    }
}

fn word<'text>(text: &'text str, token: &Range<u32>) -> &'text str {
    &text[token.start as usize..token.end as usize]
}

/// Whether spaCy has no token of white space between two tokens.
pub(super) fn are_neighbours(text: &str, left: &Range<u32>, right: &Range<u32>) -> bool {
    matches!(&text.as_bytes()[left.end as usize..right.start as usize], b"" | b" ")
}
