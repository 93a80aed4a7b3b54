#![expect(clippy::float_cmp, reason = "shares are exact quotients; tests may be slow")]

use crate::ops::testing::{Trial, refused, trial};

const DATATROVE: &str = "dialect = \"datatrove\"";
const DCLM: &str = "dialect = \"dclm\"";
const SENTENCE: &str = "The quick brown fox and the lazy dog have to walk with care. ";

fn run(toml: &str, text: &str) -> Trial {
    trial("gopher-quality", toml, text)
}

#[test]
fn running_text_passes() {
    let found = run("", &SENTENCE.repeat(5));
    assert_eq!(found.reason(), "");
    assert_eq!(found.number("word_count"), 65.0);
    // the, and, have, to, with
    assert_eq!(found.number("stop_words"), 5.0);
    assert_eq!(found.number("mean_word_length"), 47.0 / 13.0);
    assert_eq!(found.number("alpha_words"), 1.0);
    // datatrove has the full stop, too, and does not know "The".
    let found = run(DATATROVE, &SENTENCE.repeat(5));
    assert_eq!(found.reason(), "");
    assert_eq!(found.number("word_count"), 65.0);
    assert_eq!(found.number("stop_words"), 5.0);
    assert_eq!(found.number("alpha_words"), 13.0 / 14.0);
    // DCLM counts occurrences, and measures "care.".
    let found = run(DCLM, &SENTENCE.repeat(5));
    assert_eq!(found.reason(), "");
    assert_eq!(found.number("stop_words"), 30.0);
    assert_eq!(found.number("mean_word_length"), 48.0 / 13.0);
}

#[test]
fn each_rule_gives_its_reason() {
    let long = SENTENCE.repeat(5);
    let cases = [
        ("Too short.".to_owned(), "too-few-words", "gopher_short_doc"),
        ("the be ".repeat(50_001), "too-many-words", "gopher_long_doc"),
        ("a b the be ".repeat(30), "words-too-short", "gopher_below_avg_threshold"),
        (
            format!("{}the be", "incomprehensibilities ".repeat(60)),
            "words-too-long",
            "gopher_above_avg_threshold",
        ),
        (format!("{long}{}", "# ".repeat(9)), "too-many-hashes", "gopher_too_many_hashes"),
        (format!("{long}{}", "… ".repeat(9)), "too-many-ellipses", "gopher_too_many_ellipsis"),
        (format!("- {SENTENCE}\n").repeat(5), "too-many-bullet-lines", "gopher_too_many_bullets"),
        (
            format!("{SENTENCE}...\n").repeat(5),
            "too-many-ellipsis-lines",
            "gopher_too_many_end_ellipsis",
        ),
        (
            format!("{long}{}", "12345 || ".repeat(20)),
            "too-few-alpha-words",
            "gopher_below_alpha_threshold",
        ),
        (
            "lorem ipsum dolor sit amet ".repeat(20),
            "too-few-stop-words",
            "gopher_enough_stop_words",
        ),
    ];
    for (text, ours, datatrove) in cases {
        assert_eq!(run("", &text).reason(), ours, "{text:.60}");
        assert_eq!(run(DATATROVE, &text).reason(), datatrove, "{text:.60}");
        let dclm = ours.replace("too-many-hashes", "too-many-symbols");
        let dclm = dclm.replace("too-many-ellipses", "too-many-symbols");
        assert_eq!(run(DCLM, &text).reason(), dclm, "{text:.60}");
    }
}

#[test]
fn a_value_at_the_threshold_passes() {
    let fifty = "the be ".repeat(25);
    for toml in ["", DATATROVE, DCLM] {
        let found = run(&format!("min_mean_word_length = 2.5\n{toml}"), &fifty);
        assert_eq!((found.number("word_count"), found.reason()), (50.0, ""));
        let found = run(&format!("min_mean_word_length = 2.6\n{toml}"), &fifty);
        assert_ne!(found.reason(), "");
    }
    // Three of ten lines.
    let text =
        format!("{}{}", format!("{SENTENCE}\n").repeat(7), format!("{SENTENCE}…\n").repeat(3));
    for toml in ["", DATATROVE, DCLM] {
        let found = run(toml, &text);
        assert_eq!((found.number("ellipsis_lines"), found.reason()), (0.3, ""));
    }
}

#[test]
fn words_are_what_the_settings_say() {
    let text = format!("{} 3.5-4 {}", SENTENCE.repeat(2), SENTENCE.repeat(2));
    let count = |words: &str| run(&format!("words = \"{words}\""), &text).number("word_count");
    assert_eq!(count("unicode"), 54.0);
    assert_eq!(count("whitespace"), 53.0);
    assert_eq!(count("spacy-en"), 59.0);
}

#[test]
fn words_of_a_dictionary_are_what_has_letters_there() {
    // Two sentences and three marks between spaces: two pieces of five have a letter.
    let text = "私は本を読む。 × × × 彼女は石を積む。";
    let words =
        "min_alpha_words = 0.9\nmin_words = 1\nmin_mean_word_length = 1.0\nmin_stop_words = 0";
    let found = run(words, text);
    assert_eq!((found.reason(), found.number("alpha_words")), ("too-few-alpha-words", 0.4));
    let found = run(&format!("{words}\nwords = \"dictionary\""), text);
    assert_eq!((found.reason(), found.number("alpha_words")), ("", 1.0));
    let numbers = format!("{text} 12 345");
    let found = run(&format!("{words}\nwords = \"dictionary\""), &numbers);
    let words = found.number("word_count");
    assert_eq!(found.number("alpha_words"), (words - 2.0) / words);
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let message = |toml| refused("gopher-quality", toml).to_string();
    assert!(message("min_stop_words = 9").contains("can never occur"));
    assert!(message("min_words = 9\nmax_words = 8").contains("max_words"));
    let many: Vec<String> = (0..65).map(|word| format!("\"w{word}\"")).collect();
    assert!(message(&format!("stop_words = [{}]", many.join(","))).contains("at most 64"));
    // Occurrences may be more than there are words.
    run("min_stop_words = 9\ndialect = \"dclm\"", "");
}

#[test]
fn a_threshold_of_zero_is_off_for_datatrove() {
    let text = format!("{}{}", "# … ".repeat(9), SENTENCE.repeat(5));
    let off = "max_hash_ratio = 0\nmax_ellipsis_ratio = 0\nmin_alpha_words = 0";
    assert_eq!(run(off, &text).reason(), "too-many-hashes");
    assert_eq!(run(&format!("{off}\n{DATATROVE}"), &text).reason(), "");
    let off = "min_words = 0\nmin_stop_words = 0\nmin_alpha_words = 0";
    assert_eq!(run(&format!("{off}\n{DATATROVE}"), "- -").reason(), "gopher_too_many_bullets");
}

#[test]
fn bad_texts() {
    let every: String = (0u32..0x11_0000).step_by(7).filter_map(char::from_u32).collect();
    for toml in ["", DATATROVE, DCLM] {
        for text in ["", " ", "...", "\0", "\r\n\r\n", "\u{200b}\u{345} \u{345}"] {
            assert!(run(toml, text).reason().contains('o'), "{text:?}");
        }
        for text in ["#".repeat(99_999), "a".repeat(99_999), "…".repeat(9_999), every.clone()] {
            run(toml, &text);
        }
    }
}
