//! The most frequent pair, again and again.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::Settings;
use super::words::Words;

/// Two neighbours, by id.
type Pair = (u32, u32);

/// How often a pair comes, and in which words.
#[derive(Default)]
struct Seen {
    count: i64,
    /// Words by number; some twice, some that have it no more.
    words: Vec<u32>,
}

/// Words as symbols, all in one array; a word gets shorter in its place.
struct Symbols {
    ids: Vec<u32>,
    /// Start and length.
    places: Vec<(usize, u32)>,
    counts: Vec<i64>,
}

/// Merges pairs until there are enough tokens or no pair is frequent enough. `tokens` holds the
/// bytes, whose ids begin at `first`; what merges make comes behind them. Gives the merges.
pub(super) fn merges(
    words: &Words,
    settings: &Settings,
    first: u32,
    tokens: &mut Vec<Vec<u8>>,
) -> Vec<Pair> {
    let mut ids: HashMap<Vec<u8>, u32> =
        (first..).zip(tokens.iter()).map(|(id, token)| (token.clone(), id)).collect();
    let mut symbols = Symbols::new(words, &ids);
    let mut seen = symbols.pairs();
    // The greatest count first, of equal counts the smallest pair. An entry is up to date where
    // its count is the pair's.
    let mut heap: BinaryHeap<(i64, Reverse<Pair>)> =
        seen.iter().map(|(&pair, seen)| (seen.count, Reverse(pair))).collect();
    let mut merges = Vec::new();
    let mut changes: HashMap<Pair, Seen> = HashMap::new();
    while u64::from(first) + (tokens.len() as u64) < u64::from(settings.vocab_size) {
        let Some((count, Reverse(pair))) = heap.pop() else { break };
        let now = seen.get(&pair).map_or(0, |seen| seen.count);
        if now != count {
            // It has become rarer since; where it has become more frequent, another entry says so.
            if now > 0 && now < count {
                heap.push((now, Reverse(pair)));
            }
            continue;
        }
        if count < 1 || u64::try_from(count).unwrap_or(0) < settings.min_frequency {
            break;
        }
        let bytes = |id: u32| &tokens[(id - first) as usize];
        let token = [&bytes(pair.0)[..], bytes(pair.1)].concat();
        // Two pairs may make the same token, which has one id then.
        let next = first + u32::try_from(tokens.len()).unwrap_or(u32::MAX);
        let id = *ids.entry(token.clone()).or_insert(next);
        if id == next {
            tokens.push(token);
        }
        merges.push(pair);
        let mut places = seen.remove(&pair).map(|seen| seen.words).unwrap_or_default();
        places.sort_unstable();
        places.dedup();
        for word in places {
            symbols.merge(word, pair, id, &mut changes);
        }
        for (changed, change) in changes.drain() {
            if changed == pair {
                continue;
            }
            let entry = seen.entry(changed).or_default();
            entry.count += change.count;
            entry.words.extend(change.words);
            if change.count > 0 {
                heap.push((entry.count, Reverse(changed)));
            }
        }
    }
    merges
}

impl Symbols {
    fn new(words: &Words, ids: &HashMap<Vec<u8>, u32>) -> Self {
        let mut symbols = Self { ids: Vec::new(), places: Vec::new(), counts: Vec::new() };
        // By byte, so that no word is looked up byte by byte.
        let of_byte: Vec<u32> = (0..=255u8).map(|byte| ids[&[byte][..]]).collect();
        for (word, count) in words.sorted() {
            let start = symbols.ids.len();
            symbols.ids.extend(word.bytes().map(|byte| of_byte[usize::from(byte)]));
            symbols.places.push((start, u32::try_from(word.len()).unwrap_or(u32::MAX)));
            symbols.counts.push(i64::try_from(count).unwrap_or(i64::MAX));
        }
        symbols
    }

    fn word(&self, word: usize) -> &[u32] {
        let (start, length) = self.places[word];
        &self.ids[start..start + length as usize]
    }

    /// All pairs with their counts.
    fn pairs(&self) -> HashMap<Pair, Seen> {
        let mut pairs: HashMap<Pair, Seen> = HashMap::new();
        for number in 0..self.places.len() {
            for pair in self.word(number).windows(2) {
                let seen = pairs.entry((pair[0], pair[1])).or_default();
                seen.count += self.counts[number];
                let number = u32::try_from(number).unwrap_or(u32::MAX);
                if seen.words.last() != Some(&number) {
                    seen.words.push(number);
                }
            }
        }
        pairs
    }

    /// Makes `id` of each `pair` in a word, from the left, and notes which pairs there are less and
    /// more of.
    fn merge(&mut self, word: u32, pair: Pair, id: u32, changes: &mut HashMap<Pair, Seen>) {
        let number = word as usize;
        let (start, length) = self.places[number];
        let count = self.counts[number];
        let symbols = &mut self.ids[start..start + length as usize];
        let matches = |window: &[u32]| (window[0], window[1]) == pair;
        if !symbols.windows(2).any(matches) {
            return;
        }
        for window in symbols.windows(2) {
            changes.entry((window[0], window[1])).or_default().count -= count;
        }
        let (mut from, mut to) = (0, 0);
        while from < symbols.len() {
            if from + 1 < symbols.len() && matches(&symbols[from..from + 2]) {
                symbols[to] = id;
                from += 2;
            } else {
                symbols[to] = symbols[from];
                from += 1;
            }
            to += 1;
        }
        for window in symbols[..to].windows(2) {
            let seen = changes.entry((window[0], window[1])).or_default();
            seen.count += count;
            if (window[0] == id || window[1] == id) && seen.words.last() != Some(&word) {
                seen.words.push(word);
            }
        }
        // Shorter than it was.
        self.places[number].1 = u32::try_from(to).unwrap_or(length);
    }
}
