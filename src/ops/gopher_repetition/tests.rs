#![expect(
    clippy::float_cmp,
    clippy::format_collect,
    reason = "shares are exact quotients; tests may be slow"
)]

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::ops::testing::{Trial, refused, trial};
use crate::text::Analysis;

const TAMIS: &str = "";
const DATATROVE: &str = "dialect = \"datatrove\"";
const DCLM: &str = "dialect = \"dclm\"";

fn run(toml: &str, text: &str) -> Trial {
    trial("gopher-repetition", toml, text)
}

fn close(left: f64, right: f64) -> bool {
    (left - right).abs() < 1e-12
}

/// Different words: a00, a01, …
fn different(from: usize, number: usize) -> String {
    let words: Vec<String> = (from..from + number).map(|word| format!("w{word:03}")).collect();
    words.join(" ")
}

#[test]
fn lines_and_paragraphs_count_from_the_second_on() {
    // Ten lines, three of them seen before: at the threshold.
    let text = format!("{}\n{}", "aa\nbb\ncc\ndd\nee\nff\ngg", "aa\ncc\nff");
    let found = run("max_duplicate_line_chars = 1", &text);
    assert!(close(found.number("duplicate_lines"), 0.3), "{found:?}");
    assert!(close(found.number("duplicate_line_chars"), 0.3), "{found:?}");
    assert_eq!(found.number("duplicate_paragraphs"), 0.0);
    assert_eq!(found.reason(), "");
    assert_eq!(run(TAMIS, &text).reason(), "duplicate-line-chars");
    assert_eq!(run(TAMIS, &format!("{text}\n bb \r\n\n")).reason(), "duplicate-lines");
    // Both of each.
    let found = run(DCLM, &format!("{text}\n"));
    assert!(close(found.number("duplicate_lines"), 0.6), "{found:?}");
    assert_eq!(found.reason(), "duplicate-lines");

    let blocks = |blocks: &[&str]| blocks.join("\n \n");
    let text = blocks(&["one a", "two b", "one a\ntwo b", "one a", "six g", "ten h"]);
    let found = run("max_duplicate_lines = 1\nmax_duplicate_line_chars = 1", &text);
    assert!(close(found.number("duplicate_paragraphs"), 1.0 / 6.0), "{found:?}");
    assert_eq!(found.number("duplicate_paragraph_chars"), 5.0 / 36.0);
}

#[test]
fn top_ngrams_count_twice_or_not_at_all() {
    assert_eq!(run(TAMIS, "Hello world").reason(), "");
    assert_eq!(run(TAMIS, "").reason(), "");
    // datatrove drops any text so short; DCLM one without a line.
    let found = run(DATATROVE, "Hello world");
    assert_eq!((found.reason(), found.number("top_2gram")), ("top_2_gram", 1.0));
    assert_eq!(run(DATATROVE, "").reason(), "empty");
    assert_eq!(run(DCLM, " \n").reason(), "no-lines");
    assert_eq!(run(DATATROVE, "\na\n").reason(), "dup_line_frac");
    assert_eq!(run(DATATROVE, " ").reason(), "");

    // 24 words of four characters, two of them "w000 w001" twice: 16 of 96 characters.
    let text = format!("w000 w001 {} w000 w001", different(2, 20));
    let found = run(TAMIS, &text);
    assert!(close(found.number("top_2gram"), 16.0 / 96.0), "{found:?}");
    assert_eq!(found.number("top_3gram"), 0.0);
    // With the spaces and of the whole text.
    let found = run(DATATROVE, &text);
    assert!(close(found.number("top_2gram"), 18.0 / 119.0), "{found:?}");
    assert!(close(found.number("top_3gram"), 14.0 / 119.0), "{found:?}");

    // Overlaps: four times "ha", three pairs.
    let text = format!("ha ha ha ha {}", different(0, 23));
    assert!(close(run(TAMIS, &text).number("top_2gram"), 0.08));
    assert!(close(run(DCLM, &text).number("top_2gram"), 0.12));
}

#[test]
fn a_value_at_the_threshold_passes() {
    // 20 words, the last two like the first two.
    let text = format!("w000 w001 {} w000 w001", different(2, 16));
    assert_eq!(run(TAMIS, &text).number("top_2gram"), 0.2);
    assert_eq!(run(TAMIS, &text).reason(), "");
    let text = format!("w000 w001 {} w000 w001", different(2, 15));
    assert_eq!(run(TAMIS, &text).reason(), "top-2gram");
    // Five of 50 words stood before: at every threshold from five on, but not over 0.1.
    let text = format!("{} {}", different(0, 90), different(3, 10));
    let found = run(TAMIS, &text);
    assert!(close(found.number("duplicate_10gram"), 0.1), "{found:?}");
    assert_eq!(found.reason(), "");
    let text = format!("{} {}", different(0, 89), different(3, 10));
    assert_eq!(run(TAMIS, &text).reason(), "duplicate-10gram");
    assert_eq!(run("max_duplicate_10gram = 0.2", &text).reason(), "");
}

#[test]
fn datatrove_joins_words_before_it_compares() {
    // "ab c" is "a bc"; the words are as many.
    let filler = different(0, 40);
    let found = run(DATATROVE, &format!("ab c d e f {filler} a bc d e f"));
    assert!(close(found.number("duplicate_5gram"), 6.0 / 221.0), "{found:?}");
    let other = run(DATATROVE, &format!("ab c d e f {filler} a bd d e f"));
    assert_eq!(other.number("duplicate_5gram"), 0.0);
}

#[test]
fn thresholds_are_shares() {
    for value in ["-0.1", "nan"] {
        let error = refused("gopher-repetition", &format!("max_top_2gram = {value}"));
        assert!(error.to_string().starts_with("max_top_2gram: "), "{error}");
    }
}

#[test]
fn bad_texts_take_linear_time() {
    let every: String = (0u32..0x11_0000).step_by(7).filter_map(char::from_u32).collect();
    let texts = [
        "a ".repeat(300_000),
        "\n".repeat(300_000),
        "\u{200b}".repeat(100_000),
        "ab".repeat(300_000),
        ".".repeat(300_000),
        "a\r\n\0".repeat(100_000),
        (0..100_000).map(|number| format!("{} ", number % 317)).collect(),
        every,
    ];
    for text in texts {
        for toml in [TAMIS, DATATROVE, DCLM] {
            run(toml, &text);
        }
    }
}

/// The rules once more, as one would write them down.
mod naive {
    use super::*;

    fn later(list: &[&str]) -> (usize, usize) {
        let mut seen = HashSet::new();
        let again = list.iter().filter(|item| !seen.insert(**item));
        again.fold((0, 0), |(number, chars), item| (number + 1, chars + item.chars().count()))
    }

    fn words(text: &str, kind: WordKind) -> Vec<&str> {
        Analysis::default().words(text, kind).iter().map(|word| word.of(text)).collect()
    }

    fn chars(words: &[&str]) -> usize {
        words.iter().map(|word| word.chars().count()).sum()
    }

    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn share(part: usize, whole: usize) -> f64 {
        if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
    }

    pub(super) fn datatrove(text: &str) -> Vec<f64> {
        let all = text.chars().count();
        let lines: Vec<&str> = regex::Regex::new("\n+").unwrap().split(text).collect();
        let blocks = regex::Regex::new("\n{2,}").unwrap();
        let blocks: Vec<&str> = blocks.split(python::strip(text)).collect();
        let ((line, line_chars), (block, block_chars)) = (later(&lines), later(&blocks));
        let mut found = vec![share(line, lines.len()), share(block, blocks.len())];
        found.extend([share(line_chars, all), share(block_chars, all)]);
        let words = words(text, WordKind::SpacyEn);
        for n in 2..=4 {
            let mut counts: HashMap<&[&str], usize> = HashMap::new();
            words.windows(n).for_each(|gram| *counts.entry(gram).or_default() += 1);
            let most = words.windows(n).map(|gram| counts[gram]).max().unwrap_or(0);
            let top = words.windows(n).find(|gram| counts[*gram] == most);
            found.push(share(top.map_or(0, |top| (chars(top) + n - 1) * most), all));
        }
        for n in 5..=10 {
            let (mut seen, mut at, mut sum) = (HashSet::new(), 0, 0);
            while at + n <= words.len() {
                let gram = &words[at..at + n];
                if seen.insert(gram.concat()) {
                    at += 1;
                } else {
                    sum += chars(gram);
                    at += n;
                }
            }
            found.push(share(sum, all));
        }
        found
    }

    /// Shares of n-grams in our dialect, or DCLM's.
    pub(super) fn grams(text: &str, dclm: bool) -> Vec<f64> {
        let mut words = words(text, WordKind::Unicode);
        if dclm {
            words.retain(|word| word.starts_with(|c| IS_ALNUM.has(c)));
        }
        let all = chars(&words);
        let mut found = Vec::new();
        for n in 2..=10 {
            let mut counts: HashMap<&[&str], usize> = HashMap::new();
            words.windows(n).for_each(|gram| *counts.entry(gram).or_default() += 1);
            let most = words.windows(n).map(|gram| counts[gram]).max().unwrap_or(0);
            let tops = words.windows(n).filter(|gram| counts[*gram] == most && most > 1);
            let longest = tops.clone().map(chars).max().unwrap_or(0);
            let top = tops.clone().find(|gram| chars(gram) == longest);
            let mut covered = vec![false; words.len()];
            let mut seen = HashSet::new();
            for (at, gram) in words.windows(n).enumerate() {
                let again = !seen.insert(gram) || dclm && counts[gram] > 1;
                if if n < 5 { Some(gram) == top } else { again } {
                    covered[at..at + n].fill(true);
                }
            }
            let covered = words.iter().zip(covered).filter(|(_, is)| *is);
            let covered = covered.map(|(word, _)| word.chars().count()).sum();
            found.push(share(if dclm && n < 5 { most * longest } else { covered }, all));
        }
        found
    }
}

fn signals(toml: &str, text: &str) -> Vec<f64> {
    let found = run(toml, text);
    MEASURES.iter().map(|measure| found.number(measure.signal)).collect()
}

proptest! {
    #[test]
    fn shares_equal_those_of_the_rules_written_down(
        text in "(([ab] |[abc]{1,3} |aé |[ab]\\.\\.|can't ){1,40}|\n{1,3}|[abc ]{1,9}){1,30}"
    ) {
        prop_assert_eq!(signals(DATATROVE, &text), naive::datatrove(&text), "datatrove");
        prop_assert_eq!(&signals(TAMIS, &text)[4..], naive::grams(&text, false));
        if !python::strip(&text).is_empty() {
            prop_assert_eq!(&signals(DCLM, &text)[4..], naive::grams(&text, true));
        }
    }
}
