use super::*;

#[derive(serde::Deserialize)]
struct Golden {
    text: String,
    words: Vec<String>,
    sentences: Vec<String>,
}

fn slices<'text>(text: &'text str, ranges: &[Range<u32>]) -> Vec<&'text str> {
    ranges.iter().map(|range| &text[range.start as usize..range.end as usize]).collect()
}

fn words(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    SpacyEn::shared().words(text, &mut SpacyCache::default(), &mut out);
    slices(text, &out)
}

#[test]
fn words_and_sentences_are_those_of_the_original() {
    let (spacy, mut cache, mut out) = (SpacyEn::shared(), SpacyCache::default(), Vec::new());
    // The second round finds the chunks in the cache.
    for round in 0..2 {
        for line in include_str!("../../../tests/golden/spacy_en.jsonl").lines() {
            let golden: Golden = serde_json::from_str(line).unwrap();
            spacy.words(&golden.text, &mut cache, &mut out);
            let words = slices(&golden.text, &out);
            assert_eq!(words, golden.words, "words of {:?}, round {round}", golden.text);
            spacy.sentences(&golden.text, &mut cache, &mut out);
            let sentences = slices(&golden.text, &out);
            assert_eq!(sentences, golden.sentences, "of {:?}, round {round}", golden.text);
        }
    }
}

#[test]
fn exceptions_torn_apart_are_found_again() {
    assert_eq!(words("(see below): no"), ["(", "see", "below", "):", "no"]);
    assert_eq!(words("at 90°C. Then"), ["at", "90", "°", "C", ".", "Then"]);
    assert_eq!(words("a )  : b"), ["a", ")", ":", "b"]);
}

#[test]
fn letters_take_the_fast_path() {
    assert!(SpacyEn::shared().rules.letters_stay_whole());
    assert_eq!(
        words("Plain words, cannot. US$ X."),
        ["Plain", "words", ",", "can", "not", ".", "US$", "X."]
    );
}

#[test]
fn hostile_lines_take_linear_time() {
    let mut out = Vec::new();
    for unit in ["a", "(", ")", "x@", "a.b.", "\u{200b}", "'s", "):", "( ", "a-", "1.1.1.", "://"] {
        let text = unit.repeat(1_000_000 / unit.len());
        SpacyEn::shared().sentences(&text, &mut SpacyCache::default(), &mut out);
        assert!(!out.is_empty(), "{unit:?}");
    }
}
