//! ARPA text, made into the hash tables of [`super::probing`].
//!
//! An n-gram whose ending is not listed (pruned by tools other than KenLM) gets it: probability by
//! backing off, as KenLM does, so that the search finds the longer one.

use std::io::BufRead;

use super::probing::{Probing, combined};
use super::{MAX_ORDER, NgramLmError, murmur};

/// Buckets of a table, as a multiple of its entries.
const MULTIPLIER: f32 = 1.5;
/// What KenLM gives unknown words where the file has no `<unk>`.
const UNKNOWN: f32 = -100.0;

/// Lines with their numbers.
struct Lines<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// The next line without its end, `None` at the end of the file.
    fn next(&mut self) -> Result<Option<&[u8]>, NgramLmError> {
        self.line.clear();
        if self.input.read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        while matches!(self.line.last(), Some(b'\n' | b'\r')) {
            self.line.pop();
        }
        Ok(Some(&self.line))
    }

    /// The next line that is not empty.
    fn next_full(&mut self) -> Result<Option<&[u8]>, NgramLmError> {
        while let Some(line) = self.next()? {
            if !line.trim_ascii().is_empty() {
                return Ok(Some(&self.line));
            }
        }
        Ok(None)
    }

    fn wrong(&self, reason: impl Into<String>) -> NgramLmError {
        NgramLmError::Arpa { line: self.number, reason: reason.into() }
    }
}

fn shown(line: &[u8]) -> String {
    String::from_utf8_lossy(line).chars().take(40).collect()
}

/// An open hash table that grows.
#[derive(Default)]
struct Grams {
    slots: Vec<(u64, f32, f32)>,
    entries: usize,
}

impl Grams {
    fn slot(&self, key: u64) -> Option<usize> {
        let length = self.slots.len() as u64;
        // Below the length, so it fits.
        let mut at = usize::try_from(key.checked_rem(length)?).ok()?;
        loop {
            let found = self.slots[at].0;
            if found == key || found == 0 {
                return Some(at);
            }
            at = if at + 1 == self.slots.len() { 0 } else { at + 1 };
        }
    }

    /// Probability and backoff of a key.
    fn get(&mut self, key: u64) -> Option<(&mut f32, &mut f32)> {
        let slot = self.slot(key)?;
        let (found, probability, backoff) = &mut self.slots[slot];
        (*found == key && key != 0).then_some((probability, backoff))
    }

    fn insert(&mut self, key: u64, probability: f32, backoff: f32) {
        if self.entries * 3 >= self.slots.len() * 2 {
            let size = (self.slots.len() * 2).max(1024);
            let old = std::mem::replace(&mut self.slots, vec![(0, 0.0, 0.0); size]);
            for entry in old.into_iter().filter(|entry| entry.0 != 0) {
                if let Some(slot) = self.slot(entry.0) {
                    self.slots[slot] = entry;
                }
            }
        }
        if let Some(slot) = self.slot(key) {
            self.entries += usize::from(self.slots[slot].0 == 0);
            self.slots[slot] = (key, probability, backoff);
        }
    }
}

/// What has been read.
struct Reading {
    order: usize,
    words: Grams,
    /// Probability and backoff by word.
    unigrams: Vec<(f32, f32)>,
    /// From order 2. A positive probability says that a longer n-gram ends so, as in the files.
    grams: Vec<Grams>,
}

/// Reads a file; gives the tables and their bytes.
pub(super) fn read(input: impl BufRead) -> Result<(Probing, Vec<u8>), NgramLmError> {
    let mut lines = Lines { input, line: Vec::new(), number: 0 };
    let counts = counts(&mut lines)?;
    let order = counts.len();
    let mut reading = Reading {
        order,
        words: Grams::default(),
        unigrams: vec![(UNKNOWN, -0.0)],
        grams: (1..order).map(|_| Grams::default()).collect(),
    };
    for (index, &count) in counts.iter().enumerate() {
        let header = format!("\\{}-grams:", index + 1);
        match lines.next_full()? {
            Some(line) if line == header.as_bytes() => {}
            Some(line) => {
                let found = shown(line);
                return Err(lines.wrong(format!("`{header}` expected, not `{found}`")));
            }
            None => return Err(lines.wrong(format!("the file ends before `{header}`"))),
        }
        for _ in 0..count {
            gram(&mut lines, index + 1, &mut reading)?;
        }
    }
    match lines.next_full()? {
        Some(b"\\end\\") => {}
        _ => return Err(lines.wrong("`\\end\\` expected: the counts at the top do not fit")),
    }
    for special in ["<s>", "</s>"] {
        if reading.words.get(murmur::hash(special.as_bytes())).is_none() {
            return Err(lines.wrong(format!("there is no `{special}` among the words")));
        }
    }
    tables(&reading).ok_or_else(|| lines.wrong("the model is too large"))
}

/// The counts by order, from the top of the file.
fn counts<R: BufRead>(lines: &mut Lines<R>) -> Result<Vec<u64>, NgramLmError> {
    loop {
        match lines.next_full()? {
            Some(b"\\data\\") => break,
            Some(line) if line.starts_with(b"#") => {}
            Some(line) => return Err(NgramLmError::Unknown { found: shown(line) }),
            None => return Err(NgramLmError::Unknown { found: String::new() }),
        }
    }
    let mut counts: Vec<u64> = Vec::new();
    while let Some(line) = lines.next()?.filter(|line| !line.trim_ascii().is_empty()) {
        let text = String::from_utf8_lossy(line).into_owned();
        let parsed = text.strip_prefix("ngram ").and_then(|rest| {
            let (order, count) = rest.split_once('=')?;
            Some((order.trim().parse::<usize>().ok()?, count.trim().parse::<u64>().ok()?))
        });
        match parsed {
            Some((order, count)) if order == counts.len() + 1 => counts.push(count),
            _ => {
                let wanted = counts.len() + 1;
                let reason =
                    format!("`ngram {wanted}=…` expected, not `{}`", shown(text.as_bytes()));
                return Err(lines.wrong(reason));
            }
        }
    }
    if !(2..=MAX_ORDER).contains(&counts.len()) {
        let reason = format!("a model of order {} (2 to {MAX_ORDER} are read)", counts.len());
        return Err(lines.wrong(reason));
    }
    Ok(counts)
}

/// Reads one n-gram.
fn gram<R: BufRead>(
    lines: &mut Lines<R>,
    order: usize,
    reading: &mut Reading,
) -> Result<(), NgramLmError> {
    if lines.next()?.is_none() {
        return Err(lines.wrong("the file ends before all n-grams that it says there are"));
    }
    let line = lines.line.as_slice();
    let mut fields =
        line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|part| !part.is_empty());
    let number = |field: Option<&[u8]>| -> Option<f32> {
        let value: f32 = std::str::from_utf8(field?).ok()?.parse().ok()?;
        value.is_finite().then_some(value)
    };
    let Some(probability) = number(fields.next()).filter(|value| *value <= 0.0) else {
        return Err(lines.wrong("it does not begin with a logarithm of a probability"));
    };
    let mut ids = [0; MAX_ORDER];
    // Latest first, as they are looked up.
    for id in ids[..order].iter_mut().rev() {
        let Some(word) = fields.next() else {
            return Err(lines.wrong(format!("it has fewer than {order} words")));
        };
        *id = match word {
            b"<unk>" | b"<UNK>" => 0,
            _ if order == 1 => {
                let hash = murmur::hash(word);
                if reading.words.get(hash).is_some() {
                    return Err(lines.wrong(format!("`{}` stands twice", shown(word))));
                }
                let Ok(id) = u32::try_from(reading.unigrams.len()) else {
                    return Err(lines.wrong("more than 2^32 words"));
                };
                reading.words.insert(hash, f32::from_bits(id), 0.0);
                reading.unigrams.push((0.0, 0.0));
                id
            }
            _ => match reading.words.get(murmur::hash(word)) {
                Some((id, _)) => id.to_bits(),
                None => {
                    let reason = format!("`{}` is not among the words", shown(word));
                    return Err(lines.wrong(reason));
                }
            },
        };
    }
    let backoff = match fields.next() {
        None => 0.0,
        field => match number(field) {
            Some(backoff) if order < reading.order || backoff == 0.0 => backoff,
            _ => return Err(lines.wrong("its last field is no backoff")),
        },
    };
    if fields.next().is_some() {
        return Err(lines.wrong(format!("it has more than {order} words and a backoff")));
    }
    // -0.0 says that it is the context of no other, until one is read.
    let backoff = if backoff == 0.0 { -0.0 } else { backoff };
    let probability = -probability.abs();
    reading.add(&ids[..order], probability, backoff).map_err(|reason| lines.wrong(reason))
}

impl Reading {
    /// The numbers of an n-gram of words, latest first.
    fn find(&mut self, ids: &[u32]) -> Option<(&mut f32, &mut f32)> {
        match ids {
            [] => None,
            [word] => {
                let (probability, backoff) = self.unigrams.get_mut(*word as usize)?;
                Some((probability, backoff))
            }
            _ => self.grams[ids.len() - 2].get(key(ids)),
        }
    }

    fn add(&mut self, ids: &[u32], probability: f32, backoff: f32) -> Result<(), String> {
        let order = ids.len();
        if let [word] = ids {
            if let Some(unigram) = self.unigrams.get_mut(*word as usize) {
                *unigram = (probability, backoff);
            }
            return Ok(());
        }
        self.grams[order - 2].insert(key(ids), probability, backoff);
        // Endings that are not listed, from the shortest.
        for shorter in 2..order {
            if self.find(&ids[..shorter]).is_none() {
                let (basis, _) = self.find(&ids[..shorter - 1]).ok_or("a word is missing")?;
                let basis = -basis.abs();
                let context = self.find(&ids[1..shorter]);
                let cost = context.map_or(0.0, |(_, backoff)| {
                    mark_extends(backoff);
                    *backoff
                });
                self.grams[shorter - 2].insert(key(&ids[..shorter]), basis + cost, -0.0);
            }
        }
        for shorter in 1..order {
            if let Some((probability, _)) = self.find(&ids[..shorter]) {
                *probability = probability.abs();
            }
        }
        match self.find(&ids[1..]) {
            Some((_, backoff)) => mark_extends(backoff),
            None => return Err("its words but for the last are not listed as an n-gram".to_owned()),
        }
        Ok(())
    }
}

/// A longer n-gram begins so.
fn mark_extends(backoff: &mut f32) {
    if *backoff == 0.0 {
        *backoff = 0.0;
    }
}

fn key(ids: &[u32]) -> u64 {
    let first = ids.first().map_or(0, |word| u64::from(*word));
    ids.iter().skip(1).fold(first, |key, word| combined(key, *word))
}

/// Lays the tables out as a file has them.
fn tables(reading: &Reading) -> Option<(Probing, Vec<u8>)> {
    let counts: Vec<u64> = std::iter::once(reading.unigrams.len() as u64)
        .chain(reading.grams.iter().map(|grams| grams.entries as u64))
        .collect();
    let (probing, end) = Probing::layout(0, &counts, MULTIPLIER, false)?;
    let mut bytes = vec![0; usize::try_from(end).ok()?];
    let mut all = true;
    for (hash, id, _) in reading.words.slots.iter().filter(|slot| slot.0 != 0) {
        all &= probing.words().insert(&mut bytes, *hash, &[*id]);
    }
    for (word, (probability, backoff)) in (0u32..).zip(&reading.unigrams) {
        let at = usize::try_from(probing.unigram(word)).ok()?;
        bytes.get_mut(at..at + 4)?.copy_from_slice(&probability.to_le_bytes());
        bytes.get_mut(at + 4..at + 8)?.copy_from_slice(&backoff.to_le_bytes());
    }
    for (order, grams) in (2..).zip(&reading.grams) {
        let table = probing.table(order);
        for &(key, probability, backoff) in grams.slots.iter().filter(|slot| slot.0 != 0) {
            let values = [probability, backoff];
            let values = if order == reading.order { &values[..1] } else { &values[..] };
            all &= table.insert(&mut bytes, key, values);
        }
    }
    all.then_some((probing, bytes))
}
