use crate::ops::testing::{Trial, refused, trial};

fn run(toml: &str, text: &str) -> Trial {
    trial("line-modify", toml, text)
}

/// The text after, whether it was edited or not.
fn after(toml: &str, text: &str) -> String {
    let trial = run(toml, text);
    assert_ne!(trial.text.as_deref(), Some(text), "an edit that changes nothing");
    if trial.reason().is_empty() { trial.text.unwrap_or(text.to_owned()) } else { "-".to_owned() }
}

const DCLM: &str = "dialect = \"dclm\"";

#[test]
fn each_correction_takes_its_lines() {
    for (line, signal) in [
        ("SHOUT AT us", "lines_uppercase"),
        ("12345", "lines_digits"),
        ("• 1.2k views!!!", "lines_counters"),
        ("3 likes", "lines_counters"),
        ("Menu", "lines_short"),
        ("Sign-in ", "lines_phrases"),
        ("Read more... ", "lines_phrases"),
        ("items in cart", "lines_phrases"),
    ] {
        let text = format!("Before it.\n\n{line}\nBehind it.");
        let trial = run("", &text);
        assert!((trial.number(signal) - 1.0).abs() < 0.1, "{line} {trial:?}");
        assert_eq!(trial.text.as_deref(), Some("Before it.\n\nBehind it."), "{line}");
        assert!((trial.number("words_after") - 4.0).abs() < 0.1, "{trial:?}");
    }
    // At the threshold, and what only looks like a fault.
    for line in ["AB cd", "12 34", "3 likes this", "1 comment", "_3 likes_", "likes 3", "3likes a"]
    {
        assert_eq!(after("", line), line);
        assert_eq!(after(DCLM, line), line);
    }
}

#[test]
fn phrases_go_from_short_lines() {
    for (line, native, dclm) in [
        ("You have 3 Items In Cart now", "You have 3 now", "You have 3 now"),
        ("xitems in carty here", "xy here", "xy here"),
        ("A story. Read more...", "A story.", "A story."),
        ("A story. Read more…", "A story.", "A story. Read more…"),
        ("A story. Read more!!!", "A story. Read more!!!", "A story."),
        ("A story. Read more now", "A story. Read more now", "A story. Read more now"),
        ("ſign-ın to the site", "to the site", "to the site"),
        ("Sign-in  to sign-in", "to sign-in", "to sign-in"),
        (
            "a b c d e f g h items in cart",
            "a b c d e f g h items in cart",
            "a b c d e f g h items in cart",
        ),
    ] {
        assert_eq!(after("", line), native, "{line}");
        assert_eq!(after(DCLM, line), dclm, "{line}");
    }
    let own = "remove = [{ text = \"Weiterlesen\", at = \"end\", max_words = 3 }]";
    assert_eq!(
        after(own, "Mehr davon weiterlesen\nBitte hier auf weiterlesen"),
        "Mehr davon\nBitte hier auf weiterlesen"
    );
}

#[test]
fn dclm_trims_the_page_and_ours_leaves_it() {
    let text = "  Two words \n \n";
    assert_eq!(after("", text), text);
    assert_eq!(after(DCLM, text), "Two words");
    assert_eq!(
        after(
            &format!(
                "{DCLM}\nmax_uppercase_ratio = 1.0\nmax_digit_ratio = 1.0\ncounters = false\nremove = []"
            ),
            text
        ),
        "  Two words \n"
    );
    // Only the first correction trims, after which the second finds a line of digits.
    assert_eq!(after(DCLM, " 12\nSome words"), "Some words");
}

#[test]
fn classes_are_counted_in_any_script() {
    use super::corrections::{has_fewer_capitals, has_fewer_digits};
    use crate::text::python::is_digit;
    assert!(has_fewer_capitals("ÀБΩx", 0.75) && !has_fewer_capitals("ÀБΩx", 0.74));
    assert!(
        has_fewer_digits("٣²5字", 0.75, is_digit) && !has_fewer_digits("٣²5字", 0.74, is_digit)
    );
    // Every capital and digit is found, whatever byte it starts with.
    for c in '\0'..=char::MAX {
        let line = c.to_string();
        assert_eq!(has_fewer_capitals(&line, 0.0), !c.is_uppercase(), "{c:?}");
        assert_eq!(has_fewer_digits(&line, 0.0, is_digit), !is_digit(c), "{c:?}");
    }
    assert!(
        !has_fewer_capitals(&"A".repeat(1000), 0.999)
            && has_fewer_digits(&"ab".repeat(999), 0.0, is_digit)
    );
}

#[test]
fn nothing_left_drops() {
    for text in ["", "\n\n", "MENU", "Menu\n\n12\n3 likes\n "] {
        assert_eq!(run("", text).reason(), "nothing-left", "{text:?}");
        assert_eq!(run(DCLM, text).reason(), "nothing-left", "{text:?}");
    }
}

#[test]
fn each_correction_can_be_turned_off() {
    let off = "max_uppercase_ratio = 1.0\nmax_digit_ratio = 1.0\ncounters = false\nmin_words = 0\nremove = []";
    for dialect in ["tamis", "dclm"] {
        let toml = format!("{off}\ndialect = \"{dialect}\"");
        assert_eq!(after(&toml, "MENU\n12\n3 likes\nSign-in"), "MENU\n12\n3 likes\nSign-in");
    }
}

#[test]
fn settings_that_cannot_work_are_refused() {
    assert!(refused("line-modify", "max_digit_ratio = 2.0").to_string().contains("0 to 1"));
    assert!(refused("line-modify", "remove = [{ text = \"\" }]").to_string().contains("phrase"));
    let odd = "dialect = \"dclm\"\nremove = [{ text = \"a+b\" }]";
    assert!(refused("line-modify", odd).to_string().contains("`+`"));
}

#[test]
fn odd_texts_do_no_harm() {
    let planes: String = (0..=0x10_ffff).step_by(41).filter_map(char::from_u32).collect();
    for text in ["\r\n\r\n", "\0\0", &"\u{200b}".repeat(9999), &"a ".repeat(99_999), &planes] {
        for dialect in ["", DCLM] {
            after(dialect, text);
        }
    }
}
