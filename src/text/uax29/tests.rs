use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use unicode_segmentation::UnicodeSegmentation;

use super::*;

fn ours(text: &str) -> Vec<Word> {
    let mut list = Vec::new();
    words(text, |word| list.push(word));
    list
}

fn strings(text: &str) -> Vec<&str> {
    ours(text).iter().map(|word| &text[word.start as usize..word.end as usize]).collect()
}

/// Words and what is said about them equal what the crate and the standard library say.
#[track_caller]
fn agrees(text: &str) {
    let found = ours(text);
    let mut expected = text.unicode_word_indices();
    for word in &found {
        let (start, string) = expected.next().unwrap_or((usize::MAX, ""));
        assert_eq!(word.start as usize, start, "{text:?}");
        assert_eq!(word.end as usize, start + string.len(), "{text:?}");
        assert_eq!(word.chars as usize, string.chars().count(), "{text:?}");
        assert_eq!(word.has_letter(), string.chars().any(char::is_alphabetic), "{text:?}");
        assert_eq!(word.has_number(), string.chars().any(char::is_numeric), "{text:?}");
        assert_eq!(word.is_ascii(), string.is_ascii(), "{text:?}");
    }
    assert_eq!(expected.next(), None, "{text:?}");
}

/// Every class more than once, alphabetic or not where a class has both.
const NASTY: [char; 72] = [
    'a',
    'Z',
    'é',
    'я',
    'ʼ',
    '\u{2c2}',
    '\u{aa}',
    '\u{1d400}', // letters
    'א',
    'ת',
    '\u{fb1d}',
    '\u{fb4f}', // Hebrew
    '0',
    '9',
    '٣',
    '\u{600}',
    '\u{66b}',
    '\u{1d7d8}',
    '\u{ff11}', // Numeric
    'カ',
    'ー',
    '\u{3031}',
    '\u{1b000}', // Katakana
    '_',
    '\u{202f}',
    '\u{203f}', // ExtendNumLet
    '\u{300}',
    '\u{93e}',
    '\u{301}',
    '\u{1f3fb}',
    '\u{e0101}',
    '\u{200c}', // Extend
    '\u{ad}',
    '\u{200e}',
    '\u{feff}',
    '\u{e0001}', // Format
    '\u{200d}',
    '\u{200d}', // ZWJ
    '\u{1f1e6}',
    '\u{1f1ff}', // Regional_Indicator
    ':',
    '·',
    '\u{fe13}', // MidLetter
    ',',
    ';',
    '\u{37e}',
    '\u{60c}', // MidNum
    '.',
    '’',
    '\u{fe52}', // MidNumLet
    '\'',
    '\'',
    '"', // quotes
    '\r',
    '\n',
    '\u{b}',
    '\u{85}',
    '\u{2028}', // newlines
    ' ',
    ' ',
    '\u{2000}',
    '\u{3000}', // WSegSpace
    '\u{a9}',
    '😀',
    '\u{2139}',
    '\u{24c2}',
    '\u{1f170}', // pictographs, three of them letters
    '中',
    'あ',
    '½',
    '\u{0}',
    '-', // none of these
];

#[test]
fn nasty_characters_have_every_class() {
    let classes: std::collections::BTreeSet<_> = NASTY
        .iter()
        .map(|scalar| entry(scalar.to_string().as_bytes(), 0).unwrap().0 & CLASS)
        .collect();
    assert_eq!(classes.into_iter().collect::<Vec<_>>(), (0..=17).collect::<Vec<_>>());
}

#[test]
fn splits_like_the_standard_says() {
    let text = "It's 3.14, naïve café-goers — 你好! can’t a_b 1,000.5 x.y:z e.g. U.S.A.";
    assert_eq!(
        strings(text),
        [
            "It's", "3.14", "naïve", "café", "goers", "你", "好", "can’t", "a_b", "1,000.5",
            "x.y:z", "e.g", "U.S.A",
        ]
    );
    assert_eq!(strings("カタカナ と ひらがな"), ["カタカナ", "と", "ひ", "ら", "が", "な"]);
    assert_eq!(
        strings("צה\"ל ג' 'a' a''b 1.a a.1"),
        ["צה\"ל", "ג'", "a", "a", "b", "1", "a", "a", "1"]
    );
    assert_eq!(strings("👩\u{200d}👩 🇫🇷 _ __ 5€ ½"), ["5", "½"]);
    for text in ["", " ", "a", "'", "a'", "a’", "'a", "1.", "_", "a_", "  \u{93e}", ",\u{93e}x"] {
        agrees(text);
    }
}

#[test]
fn says_what_words_are_made_of() {
    let said: Vec<_> = ours("ab1 12 naïve ½_ 中")
        .iter()
        .map(|word| (word.chars, word.has_letter(), word.has_number(), word.is_ascii()))
        .collect();
    assert_eq!(
        said,
        [
            (3, true, true, true),
            (2, false, true, true),
            (5, true, false, false),
            (1, false, true, false),
            (1, true, false, false),
        ]
    );
}

#[test]
fn every_scalar_value_alone_and_between_others() {
    // Enough to tell the classes apart; a newline parts the cases.
    let frames = ["", "\na", "b\n1", "2\nカ", "\n\u{200d}", "a\nא\"", "ב"];
    let mut text = String::new();
    for scalar in '\0'..=char::MAX {
        text.clear();
        for frame in frames {
            text.push_str(frame);
            text.push(scalar);
        }
        agrees(&text);
        if scalar.is_ascii() {
            // The crate has a second implementation for texts of ASCII only.
            for (before, behind) in [("", ""), ("a", "b"), ("1", "2"), ("a'", "b"), ("1.", "2")] {
                agrees(&format!("{before}{scalar}{behind}"));
            }
        }
    }
}

/// Inputs on which looking ahead or back without care takes quadratic time.
#[test]
fn repetition_takes_linear_time() {
    for pattern in [
        "\u{200d}",
        "a'",
        "a'a",
        "a''",
        "1,",
        "\u{300}",
        "a'\u{300}",
        " ",
        "_",
        "א\"",
        "a",
        "é’",
        "🇫",
        " \u{300}",
    ] {
        for tail in ["", "a", "é", "1", "\u{300}", "😀"] {
            agrees(&(pattern.repeat(50_000) + tail));
            agrees(&("a'".to_owned() + &pattern.repeat(50_000) + tail));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn agrees_on_nasty_text(scalars in vec(select(&NASTY[..]), 0..24)) {
        agrees(&scalars.into_iter().collect::<String>());
    }

    #[test]
    fn agrees_on_nasty_ascii(scalars in vec(select(&b"aZ09_.,:;'\" \n-"[..]), 0..40), tail in "(|é|’a|\u{300})") {
        agrees(&(String::from_utf8(scalars).unwrap() + &tail));
    }

    #[test]
    fn agrees_on_any_text(text in any::<String>()) {
        agrees(&text);
    }
}
