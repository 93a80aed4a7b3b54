use proptest::prelude::*;

use super::windows::windows;
use crate::ops::SignalLookup;
use crate::ops::testing::{refused, trial};

fn cut(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    windows(text, &mut found);
    found.into_iter().map(|window| &text[window]).collect()
}

#[test]
fn windows_are_sentences_short_ones_together_and_long_ones_apart() {
    assert_eq!(
        cut("One sentence of five words. Another one, of six words. Yes. No."),
        ["One sentence of five words.", " Another one, of six words. Yes. No."],
    );
    assert_eq!(
        cut("Dr. Who said \"Stop it right now!\" Then he went home at last.\n\nNew line"),
        ["Dr. Who said \"Stop it right now!\"", " Then he went home at last.\n\nNew line"],
    );
    assert_eq!(
        cut("今天的天气非常好，我们去公园吧。他对我说：“你好！”然后就走了。"),
        ["今天的天气非常好，我们去公园吧。", "他对我说：“你好！”然后就走了。"],
    );
    assert_eq!(cut("See e.g. this, which stays in one piece with 3.14 in it").len(), 1);
    assert_eq!(cut(""), [""; 0]);
    assert_eq!(cut(" ?! \n --- "), [""; 0], "nothing to score");
    let list = "word, ".repeat(200);
    let lengths: Vec<usize> =
        cut(&list).iter().map(|piece| piece.matches("word").count()).collect();
    assert_eq!(lengths, [60, 60, 60, 20]);
    assert_eq!(cut(&"x".repeat(3_500)).len(), 3, "a word without end, and the short rest of it");
    assert_eq!(cut(&"字".repeat(250)).len(), 3);
}

proptest! {
    #[test]
    fn windows_stand_in_order_and_leave_no_word_out(text in "[a-c字。！.!?,\"” \n]{0,400}") {
        let mut found = Vec::new();
        windows(&text, &mut found);
        let mut end = 0;
        for window in &found {
            prop_assert!(window.start >= end && window.end > window.start, "{window:?}");
            let between = &text[end..window.start];
            prop_assert!(!between.chars().any(char::is_alphanumeric), "{between:?}");
            end = window.end;
        }
        prop_assert!(!text[end..].chars().any(char::is_alphanumeric));
    }
}

const CLEAN: &str = "The committee met on Tuesday to talk about the new library. Members of several \
    churches and mosques came, and a gay couple brought cake for everybody.";
const INSULT: &str = "You are a stupid idiot and nobody likes you, you worthless piece of shit.";

fn english(more: &str) -> String {
    format!("default_language = \"en\"\n{more}")
}

#[test]
fn insults_score_above_plain_sentences_and_groups_are_no_insult() {
    let score = |text| trial("toxicity", &english(""), text).number("score");
    assert!(score(INSULT) > 0.9, "{}", score(INSULT));
    for plain in [
        CLEAN,
        "She is a muslim woman from Chicago.",
        "My gay friend is nice.",
        "The black dog and the white cat sleep.",
        "def main():\n    return {'die': 6, 'kill': os.kill}\n",
        "The killer is arrested in the last chapter, and the widow sells the house.",
    ] {
        assert!(score(plain) < 0.5, "{plain}: {}", score(plain));
    }
    let chinese = |text| trial("toxicity", "default_language = \"zh\"", text).number("score");
    assert!(chinese("你这个垃圾，去死吧，傻逼。") > 0.8);
    for plain in [
        "今天天气很好，我和朋友去公园散步。",
        "我的邻居是河南人，我们常常一起喝茶。",
        "春眠不觉晓，处处闻啼鸟。",
    ] {
        assert!(chinese(plain) < 0.5, "{plain}: {}", chinese(plain));
    }
}

#[test]
fn one_insult_makes_a_comment_toxic_and_not_a_chapter() {
    let chapter = format!("{} {INSULT} {}", CLEAN.repeat(8), CLEAN.repeat(8));
    let found = trial("toxicity", &english("action = \"drop\""), &chapter);
    assert_eq!(found.reason(), "");
    assert!(found.number("max") > 0.9 && found.number("score") < 0.5, "{found:?}");
    let share = found.number("toxic_share");
    let sentences = found.number("sentences");
    assert!((share * sentences - 1.0).abs() < 1e-9, "{found:?}");
    assert!(found.number("mean") < 0.2 && found.int("bad_words") == Some(1), "{found:?}");
    assert_eq!(trial("toxicity", &english("action = \"drop\""), INSULT).reason(), "toxic");
    assert_eq!(trial("toxicity", &english(""), INSULT).reason(), "", "annotated only");
}

#[test]
fn toxic_sentences_are_taken_out_and_the_rest_stays_as_it_is() {
    let remove = english("action = \"remove-sentences\"");
    let text = format!("{CLEAN} {INSULT}\n\n{CLEAN}");
    let found = trial("toxicity", &remove, &text);
    let left = found.text.unwrap();
    assert!(!left.contains("idiot") && left.matches("library").count() == 2, "{left}");
    assert_eq!(text.replacen(&format!(" {INSULT}"), "", 1), left);
    assert_eq!(trial("toxicity", &remove, CLEAN).text, None);
    let alone = trial("toxicity", &remove, INSULT);
    assert_eq!(alone.reason(), "toxic-sentences");
}

#[test]
fn other_languages_have_no_score_but_their_words_are_counted() {
    let found =
        trial("toxicity", "default_language = \"de\"\naction = \"drop\"", "Du Arschloch, geh weg.");
    assert!(!found.signals.contains_key("score"), "{found:?}");
    assert!(found.number("bad_words") >= 1.0 && found.reason() == "");
    let counted = "default_language = \"de\"\naction = \"drop\"\nmax_bad_words = 0";
    assert_eq!(trial("toxicity", counted, "Du Arschloch, geh weg.").reason(), "bad-words");
    let unknown = trial("toxicity", "default_language = \"xx\"", INSULT);
    assert!(!unknown.signals.contains_key("score") && !unknown.signals.contains_key("bad_words"));
}

#[test]
fn settings_that_cannot_work_say_what_would() {
    let message = |toml: &str| refused("toxicity", toml).to_string();
    assert!(message("").contains("default_language = \"en\""), "{}", message(""));
    assert!(message(&english("label = \"rude\"")).contains("toxic"));
    assert!(message(&english("max_score = 1.5")).contains("max_score"));
    assert!(message(&english("[models]\nen = \"no-such.ftz\"")).contains("no-such.ftz"));
}
