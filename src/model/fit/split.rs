//! Which texts train, which choose, which test.

use std::collections::{BTreeMap, BTreeSet};

use xxhash_rust::xxh3::xxh3_128;

use crate::document::DocumentId;
use crate::model::fasttext::train::Example;

/// What a text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Models are trained on it.
    Train,
    /// It chooses, calibrates, sets thresholds.
    Validation,
    /// Only figures are taken of it.
    Test,
}

/// A text with its labels.
#[derive(Debug, Clone)]
pub struct Labelled {
    /// In the form the model will see.
    pub text: String,
    /// Indices into the list of labels; ascending.
    pub labels: Vec<u32>,
    /// Index of its source.
    pub source: usize,
    /// Texts of one group stay together; by default those that differ in letter case, spaces and
    /// marks alone are one.
    pub group: u128,
    /// What it is for; a source may have said so.
    pub part: Part,
}

impl Labelled {
    /// As training takes it.
    #[must_use]
    pub fn example(&self) -> Example<'_> {
        Example { text: &self.text, labels: &self.labels }
    }

    /// The group of a text that has no other.
    #[must_use]
    pub fn group_of(text: &str) -> u128 {
        let mut bare = String::with_capacity(text.len());
        for c in text.chars().filter(|c| c.is_alphanumeric()) {
            bare.extend(c.to_lowercase());
        }
        // Texts of marks alone differ in their marks.
        xxh3_128(if bare.is_empty() { text.as_bytes() } else { bare.as_bytes() })
    }
}

/// Shares of the texts that are held out, where their sources do not say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares {
    /// To choose with.
    pub validation: f64,
    /// To test with.
    pub test: f64,
}

/// What dividing did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Copies (same group, same labels) of which one was kept.
    pub copies: usize,
    /// Texts to train with that were left out, since the same stands among texts to test with.
    pub straddling: usize,
    /// Groups whose copies have different labels; all of them were kept.
    pub conflicting: usize,
}

/// Divides texts by their groups, drops copies, and puts all in an order drawn by `seed`. Texts with
/// `part` given keep it, and no copy of theirs stays in a part before it.
#[must_use]
pub fn split(
    texts: Vec<(Labelled, Option<Part>)>,
    shares: Shares,
    seed: u64,
) -> (Vec<Labelled>, Counts) {
    let mut given: BTreeMap<u128, Part> = BTreeMap::new();
    for (text, part) in &texts {
        if let Some(part) = part {
            given.entry(text.group).and_modify(|last| *last = (*last).max(*part)).or_insert(*part);
        }
    }
    let mut counts = Counts::default();
    let mut met: BTreeSet<(u128, Vec<u32>, u128)> = BTreeSet::new();
    let mut labels: BTreeMap<u128, (Vec<u32>, bool)> = BTreeMap::new();
    let mut kept = Vec::with_capacity(texts.len());
    // Texts that say where they go come first, so that of copies they are the one that stays.
    let (said, unsaid): (Vec<_>, Vec<_>) = texts.into_iter().partition(|(_, part)| part.is_some());
    for (mut text, part) in said.into_iter().chain(unsaid) {
        let own = Labelled::group_of(&text.text);
        let drawn = || {
            let draw = DocumentId(text.group).draw(seed, "fit-classifier");
            if draw < shares.test {
                Part::Test
            } else if draw < shares.test + shares.validation {
                Part::Validation
            } else {
                Part::Train
            }
        };
        let group = given.get(&text.group).copied();
        text.part = match (part, group) {
            (Some(part), Some(last)) if part < last => {
                counts.straddling += 1;
                continue;
            }
            (Some(part), _) => part,
            (None, Some(_)) => {
                counts.straddling += 1;
                continue;
            }
            (None, None) => drawn(),
        };
        if !met.insert((text.group, text.labels.clone(), own)) {
            counts.copies += 1;
            continue;
        }
        let (first, conflicting) =
            labels.entry(own).or_insert_with(|| (text.labels.clone(), false));
        if *first != text.labels && !*conflicting {
            *conflicting = true;
            counts.conflicting += 1;
        }
        kept.push(text);
    }
    let key = |text: &Labelled| {
        let id = DocumentId(Labelled::group_of(&text.text));
        (id.random(seed, "fit-classifier-order"), id.0)
    };
    kept.sort_by_cached_key(|text| (key(text), text.labels.clone()));
    (kept, counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str, labels: &[u32]) -> Labelled {
        Labelled {
            text: text.to_owned(),
            labels: labels.to_vec(),
            source: 0,
            group: Labelled::group_of(text),
            part: Part::Train,
        }
    }

    const SHARES: Shares = Shares { validation: 0.2, test: 0.3 };

    #[test]
    fn copies_never_straddle_and_the_order_of_the_input_does_not_matter() {
        let texts = |backwards: bool| {
            let mut texts: Vec<(Labelled, Option<Part>)> = (0..500)
                .flat_map(|n| {
                    let words = format!("text number {n}");
                    let shouted = format!("Text, NUMBER {n}!");
                    [(text(&words, &[n % 2]), None), (text(&shouted, &[n % 3 % 2]), None)]
                })
                .collect();
            if backwards {
                texts.reverse();
            }
            texts
        };
        let (kept, counts) = split(texts(false), SHARES, 7);
        let mut parts: BTreeMap<u128, BTreeSet<Part>> = BTreeMap::new();
        for text in &kept {
            parts.entry(text.group).or_default().insert(text.part);
        }
        assert_eq!(parts.len(), 500);
        assert!(parts.values().all(|parts| parts.len() == 1));
        assert_eq!(kept.len() + counts.copies, 1000);
        assert_eq!(kept.len() - 500, counts.conflicting);
        let share = |part| kept.iter().filter(|text| text.part == part).count() * 100 / kept.len();
        assert!((25..35).contains(&share(Part::Test)), "{}", share(Part::Test));
        assert!((15..25).contains(&share(Part::Validation)));
        let (other, _) = split(texts(true), SHARES, 7);
        let shown = |texts: &[Labelled]| -> Vec<(u128, Vec<u32>, Part)> {
            texts.iter().map(|text| (text.group, text.labels.clone(), text.part)).collect()
        };
        assert_eq!(shown(&kept), shown(&other));
        assert_ne!(shown(&kept), shown(&split(texts(false), SHARES, 8).0));
    }

    #[test]
    fn what_is_given_to_test_with_is_not_trained_on() {
        let texts = vec![
            (text("Seen before.", &[0]), None),
            (text("seen before", &[0]), Some(Part::Test)),
            (text("other", &[1]), Some(Part::Train)),
        ];
        let (kept, counts) = split(texts, SHARES, 1);
        assert_eq!((kept.len(), counts.straddling), (2, 1));
        let part = |words: &str| kept.iter().find(|text| text.text == words).unwrap().part;
        assert_eq!(part("seen before"), Part::Test);
        assert_eq!(part("other"), Part::Train);
        assert_ne!(Labelled::group_of("!?"), Labelled::group_of("..."));
    }
}
