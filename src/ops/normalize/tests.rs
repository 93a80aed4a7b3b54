use proptest::prelude::*;

use crate::ops::testing::{refused, trial};

fn after(toml: &str, text: &str) -> String {
    let trial = trial("normalize", toml, text);
    assert_ne!(trial.text.as_deref(), Some(text), "an edit that changes nothing: {text:?}");
    let changes: f64 = trial.signals.keys().map(|name| trial.number(name)).sum();
    assert_eq!(changes > 0.0, trial.text.is_some(), "{text:?} {trial:?}");
    trial.text.unwrap_or_else(|| text.to_owned())
}

#[test]
fn white_space_is_squeezed() {
    for (text, expected) in [
        ("", ""),
        ("clean text\n\nhere", "clean text\n\nhere"),
        ("a  b\tc \u{a0}d", "a b c d"),
        ("a\u{3000}b\u{3000}\u{3000}c\u{3000} d", "a\u{3000}b\u{3000}c d"),
        ("\n\n a\n\n\n \nb \n\n", " a\n\nb"),
        ("a\n", "a"),
        (" \n\t\n", ""),
        ("\u{3000}字  字\n\tif  x:\n", "\u{3000}字 字\n\tif x:"),
        ("a\r\nb\rc\u{2028}d\u{c}e", "a\nb\nc\nd\ne"),
    ] {
        assert_eq!(after("", text), expected, "{text:?}");
    }
    assert_eq!(after("indentation = false", "  a\n\t b  c\nd"), "a\nb c\nd");
    assert_eq!(after("white_space = false", " a  b \n\n\n"), " a  b \n\n\n");
}

#[test]
fn control_characters_go_but_not_joiners_that_matter() {
    for (text, expected) in [
        ("a\0b\u{1}c\u{7f}d\u{9b}e", "abcde"),
        ("a\u{1f}b", "a b"),
        ("\u{feff}a\u{200b}b\u{ad}c\u{2060}d", "abcd"),
        ("a\u{200d}b\u{200c}c", "abc"),
        // Persian, Sinhala, Malayalam at a word's end, Khmer words, emoji of several.
        ("می\u{200c}خواهم", "می\u{200c}خواهم"),
        ("ශ්\u{200d}රී", "ශ්\u{200d}රී"),
        ("അവന്\u{200d} വന്നു", "അവന്\u{200d} വന്നു"),
        ("ភាសា\u{200b}ខ្មែរ", "ភាសា\u{200b}ខ្មែរ"),
        ("👩\u{200d}👧 ❤\u{fe0f}\u{200d}🔥", "👩\u{200d}👧 ❤\u{fe0f}\u{200d}🔥"),
        ("می\u{200c}\u{200c}\u{200c}خ", "می\u{200c}خ"),
        ("“quoted” © «x»", "“quoted” © «x»"),
    ] {
        assert_eq!(after("", text), expected, "{text:?}");
    }
    assert_eq!(after("control_characters = false", "a\0\u{200b}b"), "a\0\u{200b}b");
    assert_eq!(after("", &"\u{200b}".repeat(10_000)), "");
}

#[test]
fn forms_are_those_of_unicode() {
    for (text, nfc, nfkc) in [
        ("cafe\u{301}", "café", "café"),
        ("ﬁ x² Ａ ㈱", "ﬁ x² Ａ ㈱", "fi x2 A (株)"),
        ("\u{1100}\u{1161}", "가", "가"),
        ("e\u{200b}\u{301}", "é", "é"),
        ("a\u{2003}\u{2003}b", "a b", "a b"),
    ] {
        assert_eq!(after("", text), nfc);
        assert_eq!(after("form = \"nfkc\"", text), nfkc);
    }
    assert_eq!(after("form = \"none\"", "cafe\u{301}"), "cafe\u{301}");
}

#[test]
fn a_stage_that_does_nothing_is_refused() {
    let toml = "form = \"none\"\nwhite_space = false\ncontrol_characters = false";
    assert!(refused("normalize", toml).to_string().contains("leave the stage out"));
}

/// Texts of the characters that the steps are about.
fn text() -> impl Strategy<Value = String> {
    let chars: Vec<char> = "ab \t\n\r\0\u{1f}\u{a0}\u{ad}\u{301}\u{3000}\u{200b}\u{200c}\u{200d}\
                            \u{627}\u{e01}👩\u{fe0f}\u{1100}\u{1161}\u{2028}ﬁ\u{a8}"
        .chars()
        .collect();
    prop::collection::vec(prop::sample::select(chars), 0..40)
        .prop_map(|chars| chars.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_in_form_stays(text in text()) {
        for toml in ["", "form = \"nfkc\"", "indentation = false"] {
            let once = after(toml, &text);
            prop_assert_eq!(after(toml, &once), once);
        }
    }

    #[test]
    fn any_text_is_taken(text in prop::collection::vec(any::<char>(), 0..60)) {
        let text: String = text.into_iter().collect();
        let once = after("", &text);
        prop_assert_eq!(after("", &once), once);
    }
}
