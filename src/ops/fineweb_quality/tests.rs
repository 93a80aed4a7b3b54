#![expect(
    clippy::float_cmp,
    clippy::format_collect,
    reason = "shares are exact quotients; tests may be slow"
)]

use crate::ops::testing::{Trial, refused, trial};

const DATATROVE: &str = "dialect = \"datatrove\"";

fn run(toml: &str, text: &str) -> Trial {
    trial("fineweb-quality", toml, text)
}

/// `number` different lines of ten words (41 characters) that end with `end`.
fn lines(from: usize, number: usize, end: &str) -> String {
    let line = |line| (0..10).map(|word| format!("{line:02}{word} ")).collect::<String>();
    (from..from + number).map(|number| format!("{}x{end}\n", line(number))).collect()
}

#[test]
fn each_rule_below_at_and_above_its_threshold() {
    for (toml, names) in [
        ("", ["too-little-line-punctuation", "too-many-short-lines", "duplicate-line-chars"]),
        (DATATROVE, ["line_punct_ratio", "short_line_ratio", "char_dup_ratio"]),
    ] {
        let text = format!("{}{}", lines(0, 3, "."), lines(3, 22, ""));
        assert_eq!(run(toml, &text).number("line_punctuation"), 0.12);
        assert_eq!(run(toml, &text).reason(), "");
        let text = format!("{}{}", lines(0, 2, "."), lines(3, 22, ""));
        assert_eq!(run(toml, &text).reason(), names[0]);
        let excluded = format!("exclude_zero_line_punctuation = true\n{toml}");
        assert_eq!(run(&excluded, &text).reason(), names[0]);
        assert_eq!(run(&excluded, &lines(3, 22, "")).reason(), "");
        assert_eq!(run(toml, &lines(3, 22, "")).reason(), names[0]);

        // 30 characters are short, 31 are not.
        let short = |number: usize| -> String {
            (0..number).map(|line| format!("it is a short é line no {line:05}.\n")).collect()
        };
        let toml_short = format!("max_short_lines = 0.5\nmax_list_ratio = 9\n{toml}");
        let text = format!("{}{}", short(10), lines(0, 10, "."));
        assert_eq!(run(&toml_short, &text).number("short_lines"), 0.5, "{text}");
        assert_eq!(run(&toml_short, &text).reason(), "");
        let text = format!("{}{}", short(11), lines(0, 10, "."));
        assert_eq!(run(&toml_short, &text).reason(), names[1]);
        let toml_longer = format!("short_line_length = 29\n{toml_short}");
        assert_eq!(run(&toml_longer, &text).number("short_lines"), 0.0);

        let text = format!("{}{}", lines(0, 99, "."), lines(0, 1, "."));
        assert_eq!(run(toml, &text).number("duplicate_line_chars"), 0.01);
        assert_eq!(run(toml, &text).reason(), "");
        let text = format!("{}{}", lines(0, 98, "."), lines(0, 1, "."));
        assert_eq!(run(toml, &text).reason(), names[2]);
    }
}

#[test]
fn dialects_differ_where_the_page_says() {
    // A quotation mark, a space and a carriage return hide the stop from datatrove.
    for end in [".\"", ". ", ".\r", "。」", "?)"] {
        let text = lines(0, 10, end);
        assert_eq!(run("", &text).number("line_punctuation"), 1.0, "{end:?}");
        assert_eq!(run(DATATROVE, &text).number("line_punctuation"), 0.0, "{end:?}");
    }
    // Three breaks and six words; ours is one break less, and neither the dot nor blank lines count.
    let text = "one two\n\nthree.\nfour five six";
    assert_eq!(run("", text).number("list_ratio"), 2.0 / 6.0);
    assert_eq!(run(DATATROVE, text).number("list_ratio"), 3.0 / 7.0);
    let list = "min_line_punctuation = 0\nmax_short_lines = 1";
    assert_eq!(run(list, text).reason(), "too-many-lines-per-word");
    assert_eq!(run(&format!("{list}\n{DATATROVE}"), text).reason(), "list_ratio");
}

#[test]
fn bad_texts() {
    for toml in ["", DATATROVE] {
        for text in ["", "\n", " \n\t\r\n", "\u{a0}"] {
            assert_eq!(run(toml, text).reason(), "empty", "{text:?}");
        }
        let every: String = (0u32..0x11_0000).step_by(7).filter_map(char::from_u32).collect();
        for text in
            ["...", "\0\n\0", "\u{200b}\n", &"\r".repeat(9_999), &"a".repeat(99_999), &every]
        {
            run(toml, text);
        }
    }
    assert!(refused("fineweb-quality", "max_list_ratio = -1").to_string().contains("max_list"));
}
