//! Inputs that are made to break what is usual: copies without end, templates, floods.

use std::fmt::Write;

use super::corpus::{self, Random, word};
use super::{Row, dedup, kept};
use crate::support::Lab;

const MINHASH: &str = "op = \"minhash-dedup\"";

/// `count` times the same words with one number in the middle.
fn numbered(count: usize, words: usize) -> Vec<String> {
    let mut random = Random(5);
    let words: Vec<String> = (0..words).map(|_| word(&mut random)).collect();
    let (before, after) = words.split_at(words.len() / 2);
    let (before, after) = (before.join(" "), after.join(" "));
    (0..count).map(|number| format!("{before} {number} {after}")).collect()
}

fn assert_one_kept(rows: &[Row], copies: u32) {
    assert_eq!(kept(rows), ["0"]);
    let first = &rows[0];
    assert_eq!(first.copies, Some(f64::from(copies)));
    assert!(first.cluster.is_some() && first.similarity.is_none());
    assert!(rows.iter().all(|row| row.copies == first.copies && row.cluster == first.cluster));
}

#[test]
fn a_hundred_thousand_copies_leave_one() {
    let lab = Lab::new();
    let copies = vec!["the same words over and over again, and no other".to_owned(); 100_000];
    for stage in [MINHASH, "op = \"minhash-dedup\"\nverify = false", "op = \"exact-dedup\""] {
        let (rows, _) = dedup(&lab, &copies, stage);
        assert_one_kept(&rows, 100_000);
    }
}

#[test]
fn long_templates_of_one_number_are_copies_and_raise_an_alarm() {
    let lab = Lab::new();
    // 55 5-grams, of which 5 hold the number: J = 50 / 60. Bands miss 13 of 10,000 such pairs.
    let (rows, summary) = dedup(&lab, &numbered(100_000, 58), MINHASH);
    let kept = kept(&rows);
    assert!(kept[0] == "0" && kept.len() <= 200, "{} kept", kept.len());
    for row in rows.iter().filter(|row| !row.kept) {
        assert_eq!(row.similarity, Some(50.0 / 60.0));
    }
    let alarms = summary["alarms"].as_array().unwrap();
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert_eq!(alarms[0]["stage"], "dedup");
    assert_eq!(alarms[0]["group"], "source s");
    assert_eq!(alarms[0]["seen"], 100_000);
    assert_eq!(alarms[0]["dropped"], 100_000 - kept.len());
    assert_eq!(alarms[0]["expected"], 0.5);
    assert!(alarms[0]["share"].as_f64().unwrap() > 0.99, "{alarms:?}");
}

#[test]
fn short_templates_of_one_number_are_all_kept() {
    let lab = Lab::new();
    // 26 5-grams, of which 5 hold the number: J = 21 / 31.
    let (rows, summary) = dedup(&lab, &numbered(100_000, 29), MINHASH);
    assert_eq!(summary["alarms"], serde_json::json!([]));
    let figures = &summary["stages"][0]["figures"];
    assert!(figures["largest_component"].as_u64().unwrap() > 90_000, "{figures}");
    assert_eq!(kept(&rows).len(), 100_000);
    assert!(rows.iter().all(|row| row.cluster.is_none() && row.copies == Some(1.0)));
    // Neither does the number of anchors let one through.
    let (rows, _) = dedup(&lab, &numbered(20_000, 29), "op = \"minhash-dedup\"\nmax_cluster = 50");
    assert_eq!(kept(&rows).len(), 20_000);
}

#[test]
fn texts_shorter_than_an_ngram_are_copies_if_they_are_equal() {
    let lab = Lab::new();
    let texts = [
        "one",
        "One!",
        "two",
        "one two",
        "two one",
        "ONE — two",
        "one two three four",
        "one two three four.",
        "one two three four five",
        "one two three",
        "日本",
        "日本。",
        "本日",
    ];
    let (rows, _) = dedup(&lab, &texts.map(str::to_owned), MINHASH);
    assert_eq!(kept(&rows), ["0", "2", "3", "4", "6", "8", "9", "10", "12"]);
    for (row, copies) in rows.iter().zip([2, 2, 1, 2, 1, 2, 2, 2, 1, 1, 2, 2, 1]) {
        assert_eq!(
            row.copies,
            Some(f64::from(copies)),
            "{}",
            texts[row.id.parse::<usize>().unwrap()]
        );
    }
    let (rows, _) = dedup(
        &lab,
        &texts.map(str::to_owned),
        "op = \"minhash-dedup\"\nunit = \"char\"\nngram = 8",
    );
    // Here punctuation counts.
    assert!(rows[1].kept && rows[5].kept);
}

#[test]
fn texts_without_a_word_are_all_kept() {
    let lab = Lab::new();
    let flood = |c: &str| c.repeat(100_000);
    let texts: Vec<String> = ["", "— … !!", " \n\t ", "😀 😀", "\0", "\r", "\r\n\r\n"]
        .map(str::to_owned)
        .into_iter()
        .chain(
            ["\u{200b}", "\u{200d}", "\u{feff}", "\0", "\r", "\r\n", "\u{301}", "\u{2028}"]
                .map(flood),
        )
        .flat_map(|text| [text.clone(), text])
        .collect();
    for stage in [
        MINHASH,
        "op = \"minhash-dedup\"\nverify = false",
        "op = \"minhash-dedup\"\ndialect = \"datatrove\"\nverify = false",
    ] {
        let (rows, _) = dedup(&lab, &texts, stage);
        assert_eq!(kept(&rows).len(), texts.len(), "{stage}");
        assert!(rows.iter().all(|row| row.cluster.is_none()), "{stage}");
    }
    // Byte for byte they are copies.
    let (rows, _) = dedup(&lab, &texts, "op = \"exact-dedup\"");
    assert_eq!(kept(&rows).len(), texts.len() / 2);
}

#[test]
fn floods_between_and_inside_words_do_no_harm() {
    let lab = Lab::new();
    let flood = |c: &str| c.repeat(50_000);
    let plain = "one two three four five six seven eight";
    let between = |c: &str| plain.replace(' ', &flood(c));
    let mut texts = vec![plain.to_owned()];
    texts.extend(["\0", "\r", "\r\n", "\u{200b}", "\u{2028}", "😀"].map(between));
    // One word of 100 kB each, twice.
    for c in ["\u{301}", "\u{200d}", "x", "9", "ア", "_"] {
        texts.extend([format!("e{}", flood(c)), format!("E{}", flood(c))]);
    }
    let (rows, _) = dedup(&lab, &texts, MINHASH);
    let expected: Vec<String> =
        std::iter::once(0).chain((7..19).step_by(2)).map(|id: usize| id.to_string()).collect();
    assert_eq!(kept(&rows), expected);
}

#[test]
fn a_document_of_fifty_megabytes() {
    let lab = Lab::new();
    let mut random = Random(8);
    let mut text = String::with_capacity(51_000_000);
    while text.len() < 50_000_000 {
        write!(text, "{} {} ", word(&mut random), random.below(100_000)).unwrap();
    }
    let texts = [text.clone(), "one two three four five six".to_owned(), text];
    let (rows, _) = dedup(&lab, &texts, MINHASH);
    assert_eq!(kept(&rows), ["0", "1"]);
    assert_eq!(rows[2].similarity, Some(1.0));
}

/// A million documents of ten words in common and four of their own: nine of ten are one component,
/// of which no two are alike, and a band is that of 380,000 documents.
///
/// Takes about half a minute: `cargo test --features train --test main -- --ignored a_band_of`.
#[test]
#[ignore = "half a minute, and 60 MB of input"]
fn a_band_of_hundreds_of_thousands_of_documents() {
    let lab = Lab::new();
    let texts: Vec<String> = (0..1_000_000usize)
        .map(|n| format!("a b c d e f g h i j {} {} {} {}", n / 1000, n % 1000, n % 997, n % 991))
        .collect();
    let (rows, summary) = dedup(&lab, &texts, MINHASH);
    assert_eq!(kept(&rows).len(), texts.len());
    eprintln!("{summary:#}");
}

#[test]
fn beyond_the_limit_of_anchors_documents_are_kept() {
    let lab = Lab::new();
    // J = 21 / 31 to each other, and each three times. The component is sure with bands of a row.
    let different = numbered(10, 29);
    let texts: Vec<String> = (0..3).flat_map(|_| different.iter().cloned()).collect();
    let stage = |most: usize| {
        format!("op = \"minhash-dedup\"\nbands = 64\nrows = 1\nmax_cluster = {most}\n")
    };
    let (rows, _) = dedup(&lab, &texts, &stage(10));
    assert_eq!(kept(&rows).len(), 10);
    let (rows, summary) = dedup(&lab, &texts, &stage(3));
    assert_eq!(summary["stages"][0]["figures"]["beyond_max_cluster"], 7 * 3);
    let expected: Vec<String> =
        (0..30).filter(|id| id % 10 >= 3 || *id < 10).map(|id: usize| id.to_string()).collect();
    assert_eq!(kept(&rows), expected);
    for row in &rows {
        let first = row.id.parse::<usize>().unwrap() % 10 < 3;
        assert_eq!(row.copies, Some(if first { 3.0 } else { 1.0 }), "{}", row.id);
    }
}

#[test]
fn chains_do_not_draw_in_what_is_unlike() {
    let lab = Lab::new();
    // Each text is like the one before, the last is unlike the first in every word.
    let mut random = Random(6);
    let mut words: Vec<String> = (0..100).map(|_| word(&mut random)).collect();
    let mut texts = Vec::new();
    for at in 0..100 {
        texts.push(words.join(" "));
        words[at] = format!("new{at}");
    }
    let (rows, _) = dedup(&lab, &texts, MINHASH);
    let sets: Vec<Vec<String>> =
        texts.iter().map(|text| corpus::ngrams(&corpus::words(text), 5)).collect();
    let survivors: Vec<usize> = kept(&rows).iter().map(|id| id.parse().unwrap()).collect();
    assert!((8..20).contains(&survivors.len()), "{survivors:?}");
    for (at, row) in rows.iter().enumerate().filter(|(_, row)| !row.kept) {
        let like = |kept: &usize| corpus::jaccard(&sets[*kept], &sets[at]) >= 0.8;
        assert!(survivors.iter().any(like), "{}", row.id);
    }
    let (rows, _) = dedup(&lab, &texts, "op = \"minhash-dedup\"\nverify = false");
    assert_one_kept(&rows, 100);
}
