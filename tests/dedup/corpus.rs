//! Generated documents: the same ones every time.

/// SplitMix64.
pub(super) struct Random(pub u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// True in `per_mille` of a thousand cases.
    pub(super) fn chance(&mut self, per_mille: usize) -> bool {
        self.below(1000) < per_mille
    }

    pub(super) fn shuffle<T>(&mut self, of: &mut [T]) {
        for last in (1..of.len()).rev() {
            of.swap(last, self.below(last + 1));
        }
    }
}

/// A document with all that pipelines here read of it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub id: String,
    pub text: String,
    pub url: Option<String>,
    pub title: Option<String>,
    pub score: Option<i64>,
}

impl Entry {
    pub(super) fn new(id: usize, text: String) -> Self {
        Self { id: id.to_string(), text, url: None, title: None, score: None }
    }
}

/// Documents as JSON lines.
pub(super) fn jsonl(documents: &[Entry]) -> String {
    let mut lines = String::new();
    for Entry { id, text, url, title, score } in documents {
        let line = serde_json::json!({
            "id": id, "text": text, "url": url, "title": title,
            "score": score.map(|score| score.to_string()),
        });
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    lines
}

/// A made-up word.
pub(super) fn word(random: &mut Random) -> String {
    const SYLLABLES: [&str; 20] = [
        "ba", "den", "fi", "gor", "hul", "ka", "lem", "mi", "nor", "pu", "ra", "sel", "ti", "vo",
        "wen", "xi", "yo", "zar", "qué", "жи",
    ];
    (0..=random.below(3)).map(|_| *random.pick(&SYLLABLES)).collect()
}

/// Words of a text, where a few kinds need care: marks inside, other scripts.
fn piece(random: &mut Random) -> String {
    match random.below(40) {
        0 => format!("{}'s", word(random)),
        1 => format!("{}.{}", random.below(90), random.below(90)),
        2 => "我輩は猫である".chars().take(1 + random.below(7)).collect(),
        3 => "カタカナと한국어".chars().take(1 + random.below(8)).collect(),
        _ => word(random),
    }
}

/// Joins pieces with separators that do not count.
fn joined(pieces: &[String], random: &mut Random) -> String {
    let mut text = String::new();
    for piece in pieces {
        text.push_str(piece);
        text.push_str(random.pick::<&str>(&[" ", " ", " ", " ", ", ", ".\n", " — ", "\t"]));
    }
    text
}

/// `families` texts of 10 to 150 words, each with up to seven copies that were changed at various
/// rates, copies of copies among them, all mixed up.
pub(super) fn mutated(families: usize, seed: u64) -> Vec<String> {
    let mut random = Random(seed);
    let mut texts = Vec::new();
    for _ in 0..families {
        let base: Vec<String> = (0..10 + random.below(140)).map(|_| piece(&mut random)).collect();
        let mut versions = vec![base];
        for _ in 0..random.below(8) {
            let from = versions[random.below(versions.len())].clone();
            versions.push(mutate(&from, &mut random));
        }
        texts.extend(versions.iter().map(|version| {
            let text = joined(version, &mut random);
            if random.chance(200) { text.to_uppercase() } else { text }
        }));
    }
    random.shuffle(&mut texts);
    texts
}

fn mutate(from: &[String], random: &mut Random) -> Vec<String> {
    let rate = *random.pick(&[0, 0, 3, 7, 10, 15, 20, 30, 50, 100]);
    let mut to = Vec::new();
    for old in from {
        match random.below(3) {
            _ if !random.chance(rate) => to.push(old.clone()),
            0 => to.push(piece(random)),
            1 => to.extend([old.clone(), piece(random)]),
            _ => {}
        }
    }
    if random.chance(150) {
        to.truncate(1 + to.len() * 9 / 10);
    }
    to
}

/// The words that shingles are made of, by a plain reading of their definition: letters and digits
/// in a row, ideographs, kana and Hangul one each.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        let alone = ('\u{3040}'..='\u{30ff}').contains(&c)
            || ('\u{4e00}'..='\u{9fff}').contains(&c)
            || ('\u{ac00}'..='\u{d7af}').contains(&c);
        if (alone || !c.is_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if alone {
            words.push(c.to_string());
        } else if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
    }
    words
}

/// The distinct n-grams of some units, sorted; a shorter text is one.
pub(super) fn ngrams(units: &[String], n: usize) -> Vec<String> {
    let mut ngrams: Vec<String> = if units.is_empty() {
        Vec::new()
    } else {
        units.windows(n.min(units.len())).map(|ngram| ngram.join(" ")).collect()
    };
    ngrams.sort_unstable();
    ngrams.dedup();
    ngrams
}

/// How many elements two sorted sets have in common.
pub(super) fn common(left: &[String], right: &[String]) -> usize {
    left.iter().filter(|ngram| right.binary_search(ngram).is_ok()).count()
}

/// Jaccard similarity.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
pub(super) fn jaccard(left: &[String], right: &[String]) -> f64 {
    let common = common(left, right);
    common as f64 / (left.len() + right.len() - common).max(1) as f64
}
