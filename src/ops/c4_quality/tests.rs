use crate::ops::testing::{Trial, trial};

const LINE: &str = "This is a line of text.";

fn run(toml: &str, text: &str) -> Trial {
    trial("c4-quality", toml, text)
}

fn datatrove(text: &str) -> Trial {
    run("dialect = \"datatrove\"\nmin_sentences = 1", text)
}

#[test]
fn each_rule_takes_its_lines_out() {
    let long = format!("{} is too long.", "x".repeat(1001));
    for (line, signal) in [
        (long.as_str(), "lines_long_word"),
        ("This line has no end", "lines_no_terminal_punctuation"),
        ("This line goes on...", "lines_no_terminal_punctuation"),
        ("Two words.", "lines_too_few_words"),
        ("Please turn JavaScript on.", "lines_javascript"),
        ("Read our Privacy Policy first.", "lines_policy"),
        ("We use coo\u{212a}ies on this page.", "lines_policy"),
    ] {
        for dialect in ["tamis", "datatrove", "dclm"] {
            let toml = format!("dialect = \"{dialect}\"\nmin_sentences = 1");
            let trial = run(&toml, &format!("{LINE}\n{line}\n{LINE}"));
            assert_eq!(trial.reason(), "", "{dialect} {line}");
            assert!((trial.number(signal) - 1.0).abs() < 0.1, "{dialect} {line} {trial:?}");
            assert_eq!(trial.text.as_deref(), Some(&*format!("{LINE}\n{LINE}")), "{dialect}");
        }
    }
    // At the threshold.
    let at = format!("{} is not long.", "x".repeat(1000));
    assert_eq!(run("min_sentences = 1", &at).text, None);
    assert_eq!(run("min_sentences = 1", "Just three words.").reason(), "");
}

#[test]
fn pages_go_at_once() {
    for (line, reasons) in [
        ("A Lorem Ipsum dolor sit.", ["lorem-ipsum", "lorem_ipsum"]),
        ("if (a) { b; } is code.", ["curly-bracket", "curly_bracket"]),
    ] {
        let text = format!("{LINE}\n{line}\n{LINE}");
        assert_eq!(run("", &text).reason(), reasons[0]);
        assert_eq!(run("dialect = \"dclm\"", &text).reason(), reasons[0]);
        assert_eq!(datatrove(&text).reason(), reasons[1]);
    }
    // Words that a citation stood between.
    let text = format!("{LINE}\nA lorem[1] ipsum dolor.");
    assert_eq!(run("", &text).reason(), "lorem-ipsum");
    assert_eq!(run("dialect = \"dclm\"", &text).reason(), "lorem-ipsum");
    assert_eq!(datatrove(&text).reason(), "lorem_ipsum");
    // Lines that are out already are not looked at.
    let text = format!("{LINE}\nlorem ipsum {{ without end\n{LINE}");
    assert_eq!(run("min_sentences = 2", &text).reason(), "");
    assert_eq!(run("lorem_ipsum = false\nmin_sentences = 1", "A lorem ipsum here.").reason(), "");
}

#[test]
fn every_phrase_is_found_wherever_it_stands() {
    for phrase in super::POLICY.into_iter().chain(["lorem ipsum", "javascript"]) {
        for spelling in [phrase.to_owned(), phrase.to_uppercase(), phrase.replace('k', "\u{212a}")]
        {
            for text in [spelling.clone(), format!("é {spelling}"), format!("{spelling}!")] {
                assert!(super::may_have(&text), "{text}");
            }
        }
    }
    for text in ["", "k", "v", "cook the book of private jav", "lips up, terms of us"] {
        assert!(!super::may_have(text), "{text}");
    }
}

#[test]
fn sentences_are_counted_in_what_is_left() {
    for (count, reason) in [(4, "too-few-sentences"), (5, ""), (6, "")] {
        let text = format!("no sentence\n{}", format!("{LINE} ").repeat(count).trim_end());
        let trial = run("", &text);
        assert_eq!(trial.reason(), reason);
        assert!((trial.number("sentences") - f64::from(u32::try_from(count).unwrap())).abs() < 0.1);
        assert_eq!(trial.text.is_some(), reason.is_empty(), "a dropped document keeps its text");
        let reason = reason.replace('-', "_");
        assert_eq!(run("dialect = \"datatrove\"", &text).reason(), reason);
    }
    assert_eq!(run("", "").reason(), "too-few-sentences");
    assert_eq!(run("dialect = \"dclm\"", "").reason(), "nothing-left");
}

#[test]
fn citations_go_and_words_are_counted() {
    let trial = run("min_sentences = 1", "He left[1] in[ 2] May[citation needed] 1990[edit].[12]");
    assert_eq!(trial.text.as_deref(), Some("He left in[ 2] May 1990."));
    assert!((trial.number("words_before") - 11.0).abs() < 0.1, "{trial:?}");
    assert!((trial.number("words_after") - 6.0).abs() < 0.1, "{trial:?}");
    // In datatrove a line is not trimmed again.
    assert_eq!(datatrove("It is a line. [1]").reason(), "too_few_sentences");
    assert_eq!(datatrove("It is a line.[] [1]\"").text.as_deref(), Some("It is a line. \""));
    assert_eq!(
        run("min_sentences = 1", "It is a line. [1]").text.as_deref(),
        Some("It is a line.")
    );
}

#[test]
fn texts_without_a_fault_are_not_copied() {
    let text = format!("{LINE}\n{LINE}\n{LINE}\n{LINE}\n{LINE}");
    for dialect in ["tamis", "datatrove", "dclm"] {
        let trial = run(&format!("dialect = \"{dialect}\""), &text);
        assert_eq!((trial.reason(), trial.text), ("", None), "{dialect}");
    }
}

#[test]
fn other_scripts_have_lines_and_sentences_too() {
    let text = "今天天气很好。我们去公园吧！你来吗？当然来。再见。\n没有句号的一行";
    let trial = run("", text);
    assert_eq!(trial.text.as_deref(), text.lines().next());
    assert!((trial.number("sentences") - 5.0).abs() < 0.1);
}

#[test]
fn odd_texts_do_no_harm() {
    let planes: String = (0..=0x10_ffff).step_by(37).filter_map(char::from_u32).collect();
    let texts = [
        "\r\n\r\n".to_owned(),
        "\0\0\0.".to_owned(),
        "[".repeat(10_000),
        "[1".repeat(10_000),
        "...!!!???".repeat(1000),
        "\u{200b}".repeat(10_000),
        "a ".repeat(100_000),
        planes,
    ];
    for text in &texts {
        for dialect in ["tamis", "datatrove", "dclm"] {
            for rest in
                ["", "terminal_punctuation = false\nmin_sentences = 0\ncurly_bracket = false"]
            {
                let trial = run(&format!("dialect = \"{dialect}\"\n{rest}"), text);
                if let Some(new) = trial.text {
                    assert!(new.len() < text.len());
                }
            }
        }
    }
}
