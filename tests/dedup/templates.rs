//! Documents of one template that say different things are no copies.

use std::fmt::Write;

use super::corpus::{Random, jaccard, ngrams, word, words};
use super::{dedup, kept};
use crate::support::Lab;

const COUNT: usize = 2000;
const TEMPLATES: usize = 8;

/// Documents of eight templates, in turn: some hundred words that are always the same, and a fact
/// after every twenty or so: a name, a number, a date.
fn documents() -> Vec<String> {
    let mut random = Random(2024);
    let templates: Vec<Vec<String>> = (0..TEMPLATES)
        .map(|template| {
            (0..14 + template)
                .map(|_| {
                    let words = 17 + random.below(5);
                    (0..words).map(|_| word(&mut random)).collect::<Vec<_>>().join(" ")
                })
                .collect()
        })
        .collect();
    (0..COUNT)
        .map(|number| {
            let mut text = String::new();
            for phrase in &templates[number % TEMPLATES] {
                let fact = match random.below(3) {
                    0 => format!("{}{}", word(&mut random), random.below(1000)),
                    1 => format!("{} pounds", random.below(1_000_000)),
                    _ => format!("{}-{}", 1900 + random.below(125), 1 + random.below(366)),
                };
                write!(text, "{phrase} {fact}. ").unwrap();
            }
            text
        })
        .collect()
}

#[test]
fn templated_documents_with_other_facts_are_kept() {
    let documents = documents();
    let sets: Vec<Vec<String>> =
        documents.iter().map(|document| ngrams(&words(document), 5)).collect();
    let mut random = Random(1);
    for _ in 0..4000 {
        let left = random.below(COUNT);
        let right = left % TEMPLATES + TEMPLATES * random.below(COUNT / TEMPLATES);
        if left != right {
            let similarity = jaccard(&sets[left], &sets[right]);
            assert!((0.5..0.75).contains(&similarity), "{left}, {right}: {similarity}");
        }
    }
    let lab = Lab::new();
    let (rows, summary) = dedup(&lab, &documents, "op = \"minhash-dedup\"");
    let kept = kept(&rows).len();
    assert!(kept * 100 >= 95 * COUNT, "{kept} of {COUNT} kept");
    assert_eq!(summary["kept"], kept);
    // Without verification the same bands would have left hardly any.
    let (rows, _) = dedup(&lab, &documents, "op = \"minhash-dedup\"\nverify = false");
    let unverified = super::kept(&rows).len();
    assert!(unverified * 10 < COUNT, "{unverified} of {COUNT} kept");
}
