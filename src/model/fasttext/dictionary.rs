//! From text to rows of the input matrix: words, their character n-grams, and word n-grams.

use super::FastTextError;
use super::ngrams::{NgramRows, Shape};
use super::reader::Reader;

pub(super) const END_OF_LINE: &[u8] = b"</s>";
pub(super) const LABEL_PREFIX: &[u8] = b"__label__";
pub(super) const FNV_OFFSET: u32 = 2_166_136_261;
const FREE: u32 = u32::MAX;

/// The buffers `Dictionary::rows` fills.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// Rows of the input matrix, in the order in which the C++ library adds them up.
    pub(super) rows: Vec<u32>,
    word_hashes: Vec<u32>,
    word: Vec<u8>,
}

/// Words and labels of a model, with the way from any text to rows of the input matrix.
pub(super) struct Dictionary {
    /// Open addressing over the FNV hash; a power of two of slots, at most half full.
    slots: Vec<Slot>,
    /// All entries end to end: `text[ends[i - 1]..ends[i]]` is entry `i`, words first, labels after them.
    text: Vec<u8>,
    ends: Vec<u32>,
    words: u32,
    pub(super) labels: Vec<String>,
    /// How often each label stood in the training data: the Huffman tree is built from it.
    pub(super) label_counts: Vec<i64>,
    /// The rows of word `i` and of its n-grams: `subwords[subword_ends[i - 1]..subword_ends[i]]`.
    subwords: Vec<u32>,
    subword_ends: Vec<usize>,
    ngrams: NgramRows,
    /// Whether rows were pruned away; only quantised models can be.
    pub(super) pruned: bool,
    shape: Shape,
}

#[derive(Clone, Copy)]
struct Slot {
    hash: u32,
    entry: u32,
}

impl Dictionary {
    pub(super) fn read(reader: &mut Reader, shape: Shape) -> Result<Self, FastTextError> {
        let size = reader.count("dictionary size", i32::MAX.cast_unsigned())?;
        let words = reader.count("number of words", size)?;
        let labels = reader.count("number of labels", size)?;
        reader.i64("number of training tokens")?;
        let kept_ngrams = reader.i64("number of kept n-grams")?;
        if labels == 0 || words + labels != size {
            return Err(reader.invalid("number of labels", i64::from(labels)));
        }
        // The shortest entry: NUL, eight bytes of count, one of type.
        let entries = reader.expect_items(i64::from(size), 10, "dictionary entries")?;

        let mut dictionary = Self {
            slots: vec![Slot { hash: 0, entry: FREE }; (entries * 2).next_power_of_two()],
            text: Vec::new(),
            ends: Vec::with_capacity(entries),
            words,
            labels: Vec::new(),
            label_counts: Vec::new(),
            subwords: Vec::new(),
            subword_ends: Vec::new(),
            ngrams: NgramRows::None,
            pruned: kept_ngrams >= 0,
            shape,
        };
        for entry in 0..size {
            let text = reader.until_nul("dictionary entry")?;
            let count = reader.i64("entry count")?;
            let is_label = reader.flag("entry type")?;
            if is_label != (entry >= words) {
                return Err(reader.invalid("entry type", i64::from(is_label)));
            }
            dictionary.text.extend_from_slice(text);
            let end = u32::try_from(dictionary.text.len())
                .map_err(|_| reader.invalid("dictionary text beyond 4 GiB", i64::from(entry)))?;
            dictionary.ends.push(end);
            dictionary.insert(text, entry);
            if is_label {
                let name = text.strip_prefix(LABEL_PREFIX).unwrap_or(text);
                dictionary.labels.push(String::from_utf8_lossy(name).into_owned());
                dictionary.label_counts.push(count);
            }
        }
        dictionary.ngrams = NgramRows::read(reader, &shape, words, kept_ngrams)?;
        dictionary.collect_subwords();
        Ok(dictionary)
    }

    /// How many rows the input matrix must have.
    pub(super) fn rows_needed(&self) -> u64 {
        u64::from(self.words).max(self.ngrams.end(self.shape.buckets))
    }

    /// Fills `tokens.rows` with the rows of `text`, which counts as one line whatever it holds.
    pub(super) fn rows(&self, text: &[u8], tokens: &mut Tokens) {
        tokens.rows.clear();
        tokens.word_hashes.clear();
        let mut at = 0;
        while let Some(skipped) = text[at..].iter().position(|&byte| !is_space(byte)) {
            let start = at + skipped;
            let mut hash = FNV_OFFSET;
            at = start;
            while let Some(&byte) = text.get(at)
                && !is_space(byte)
            {
                hash = fnv_step(hash, byte);
                at += 1;
            }
            let word = &text[start..at];
            self.add_word(word, hash, tokens);
            if word == END_OF_LINE {
                // The text itself may hold this word; the C++ library stops reading there, and so do we.
                self.add_word_ngrams(tokens);
                return;
            }
        }
        self.add_word(END_OF_LINE, fnv(END_OF_LINE), tokens);
        self.add_word_ngrams(tokens);
    }

    fn add_word(&self, word: &[u8], hash: u32, tokens: &mut Tokens) {
        match self.find(word, hash) {
            Some(entry) if entry >= self.words => return,
            Some(entry) => match self.subword_ends.get(entry as usize) {
                Some(&end) => {
                    let start = entry.checked_sub(1).map_or(0, |i| self.subword_ends[i as usize]);
                    tokens.rows.extend_from_slice(&self.subwords[start..end]);
                }
                None => tokens.rows.push(entry),
            },
            None if word.starts_with(LABEL_PREFIX) => return,
            None if word == END_OF_LINE => {}
            None => self.add_char_ngrams(word, &mut tokens.word, &mut tokens.rows),
        }
        if self.shape.word_ngrams > 1 {
            tokens.word_hashes.push(hash);
        }
    }

    fn add_char_ngrams(&self, word: &[u8], padded: &mut Vec<u8>, rows: &mut Vec<u32>) {
        padded.clear();
        padded.push(b'<');
        padded.extend_from_slice(word);
        padded.push(b'>');
        self.ngrams.push_chars(padded, &self.shape, rows);
    }

    fn add_word_ngrams(&self, tokens: &mut Tokens) {
        if self.shape.word_ngrams <= 1 {
            return;
        }
        // Signed 32-bit hashes widened to 64 bits, as the files were trained.
        let widen = |hash: u32| i64::from(hash.cast_signed()).cast_unsigned();
        let hashes = &tokens.word_hashes;
        for (i, &first) in hashes.iter().enumerate() {
            let mut hash = widen(first);
            for &next in hashes[i + 1..].iter().take(self.shape.word_ngrams as usize - 1) {
                hash = hash.wrapping_mul(116_049_371).wrapping_add(widen(next));
                self.ngrams.push(hash, self.shape.buckets, &mut tokens.rows);
            }
        }
    }

    fn entry(&self, entry: u32) -> &[u8] {
        let start = entry.checked_sub(1).map_or(0, |i| self.ends[i as usize]);
        &self.text[start as usize..self.ends[entry as usize] as usize]
    }

    /// The slot that holds `word`, or the free one where it belongs.
    fn slot(&self, word: &[u8], hash: u32) -> usize {
        let mask = self.slots.len() - 1;
        // The low bits of FNV mix well, so they serve as they are.
        let mut slot = hash as usize & mask;
        loop {
            let Slot { hash: found, entry } = self.slots[slot];
            if entry == FREE || (found == hash && self.entry(entry) == word) {
                return slot;
            }
            slot = (slot + 1) & mask;
        }
    }

    fn find(&self, word: &[u8], hash: u32) -> Option<u32> {
        let entry = self.slots[self.slot(word, hash)].entry;
        (entry != FREE).then_some(entry)
    }

    fn insert(&mut self, word: &[u8], entry: u32) {
        let hash = fnv(word);
        let slot = self.slot(word, hash);
        self.slots[slot] = Slot { hash, entry };
    }

    /// Lists the n-grams of every known word once, so that known words cost no hashing later.
    fn collect_subwords(&mut self) {
        if self.shape.max_chars == 0 {
            return;
        }
        let (mut padded, mut rows) = (Vec::new(), Vec::new());
        for entry in 0..self.words {
            rows.push(entry);
            let word = self.entry(entry);
            if word != END_OF_LINE {
                self.add_char_ngrams(word, &mut padded, &mut rows);
            }
            self.subword_ends.push(rows.len());
        }
        rows.shrink_to_fit();
        self.subwords = rows;
    }
}

/// Space, `\t`, `\n`, `\v`, `\f`, `\r` and NUL part words; no other Unicode space does.
fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == 0 || (9..=13).contains(&byte)
}

/// The words of a text, as [`Dictionary::rows`] parts it.
pub(super) fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| is_space(byte)).filter(|word| !word.is_empty())
}

/// FNV-1a, but for the sign extension of bytes above 127: released models were trained with `signed char`.
pub(super) fn fnv_step(hash: u32, byte: u8) -> u32 {
    (hash ^ i32::from(byte.cast_signed()).cast_unsigned()).wrapping_mul(16_777_619)
}

fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(FNV_OFFSET, |hash, &byte| fnv_step(hash, byte))
}
