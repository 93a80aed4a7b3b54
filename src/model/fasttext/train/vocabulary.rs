//! The words and labels of the examples, counted.

use std::collections::HashMap;

use super::super::dictionary::{END_OF_LINE, LABEL_PREFIX, words};
use super::Example;

/// A word or label with how often it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) text: Vec<u8>,
    pub(super) count: i64,
}

/// Words and labels in the order of their rows.
#[derive(Debug, Clone)]
pub(super) struct Vocabulary {
    /// From frequent to rare, equal ones by their first place.
    pub(super) words: Vec<Counted>,
    /// From frequent to rare.
    pub(super) labels: Vec<Counted>,
    /// Index into `labels` of the labels as the examples number them.
    order: Vec<u32>,
    /// Tokens of each example as the C++ tool counts them: words, labels, end of line.
    pub(super) lengths: Vec<u32>,
    /// The sum of `lengths`.
    pub(super) tokens: i64,
}

impl Vocabulary {
    pub(super) fn count(labels: &[String], examples: &[Example<'_>], min_count: u32) -> Self {
        let mut numbers: HashMap<&[u8], usize> = HashMap::new();
        let mut found: Vec<(&[u8], i64)> = Vec::new();
        let mut label_counts = vec![0i64; labels.len()];
        let mut lengths = Vec::with_capacity(examples.len());
        for example in examples {
            let mut length = example.labels.len();
            for label in example.labels {
                label_counts[*label as usize] += 1;
            }
            let mut add = |word| {
                let number = *numbers.entry(word).or_insert_with(|| {
                    found.push((word, 0));
                    found.len() - 1
                });
                found[number].1 += 1;
                length += 1;
            };
            for word in words(example.text.as_bytes()) {
                // What scoring passes over, and where it stops.
                if word == END_OF_LINE {
                    break;
                }
                if !word.starts_with(LABEL_PREFIX) {
                    add(word);
                }
            }
            add(END_OF_LINE);
            lengths.push(u32::try_from(length).unwrap_or(u32::MAX));
        }
        found.retain(|&(word, count)| word == END_OF_LINE || count >= i64::from(min_count));
        found.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        let counted = |(text, count): (&[u8], i64)| Counted { text: text.to_vec(), count };
        let words = found.into_iter().map(counted).collect();

        let mut sorted: Vec<usize> = (0..labels.len()).collect();
        sorted.sort_by_key(|&label| std::cmp::Reverse(label_counts[label]));
        let mut order = vec![0; labels.len()];
        for (row, &label) in (0u32..).zip(&sorted) {
            order[label] = row;
        }
        let label = |&label: &usize| Counted {
            text: [LABEL_PREFIX, labels[label].as_bytes()].concat(),
            count: label_counts[label],
        };
        let labels = sorted.iter().map(label).collect();
        let tokens = lengths.iter().map(|&length| i64::from(length)).sum();
        Self { words, labels, order, lengths, tokens }
    }

    /// Row of the output matrix by label, as the examples number labels.
    pub(super) fn label_rows(&self) -> Vec<u32> {
        self.order.clone()
    }
}
