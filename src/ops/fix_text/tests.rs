use proptest::prelude::*;

use crate::ops::testing::{Trial, refused, trial};

fn fixed(toml: &str, text: &str) -> (String, Trial) {
    let trial = trial("fix-text", toml, text);
    assert_ne!(trial.text.as_deref(), Some(text), "an edit that changes nothing: {text:?}");
    let new = trial.text.clone().unwrap_or_else(|| text.to_owned());
    if new != text {
        let changes = trial.number("fixes") + trial.number("form_changed");
        assert!(changes > 0.0, "{text:?} {trial:?}");
    }
    (new, trial)
}

#[test]
fn each_step_is_counted() {
    for (text, right, signal, count) in [
        ("Schr&ouml;der &amp;amp; S&#246;hne", "Schröder & Söhne", "html_entities", 3.0),
        ("Itâ€™s an idÃ©e fixe", "It’s an idée fixe", "mojibake", 2.0),
        ("idÃƒÂ©e", "idée", "encoding_layers", 2.0),
        ("90\u{96}95 \u{80}", "90–95 €", "c1_controls", 2.0),
        ("oﬃce", "office", "characters", 1.0),
        ("a\r\nb\u{2028}c", "a\nb\nc", "line_breaks", 2.0),
        ("\u{feff}\u{1b}[1mbold\u{1b}[0m\0", "bold", "control_characters", 4.0),
        ("e\u{301}", "é", "form_changed", 1.0),
    ] {
        let (new, trial) = fixed("", text);
        assert_eq!(new, right, "{text:?}");
        assert!((trial.number(signal) - count).abs() < 0.1, "{signal} {trial:?}");
    }
    let (_, trial) = fixed("", "Itâ€™s");
    assert!(format!("{:?}", trial.signals["encoding"]).contains("windows-1252"));
    assert!(!fixed("", "It’s").1.signals.contains_key("encoding"));
}

#[test]
fn each_switch_turns_its_step_off() {
    for (toml, text) in [
        ("unescape_html = \"never\"", "&eacute;"),
        ("", "<b>&eacute;</b>"),
        ("fix_encoding = false", "idÃ©e"),
        ("restore_byte_a0 = false", "voilÃ la"),
        ("replace_lossy_sequences = false", "fÃ\u{fffd}s"),
        ("decode_inconsistent_utf8 = false", "“right” idÃ©e"),
        ("remove_terminal_escapes = false\nremove_control_chars = false", "\u{1b}[1m"),
        ("fix_c1_controls = false", "90\u{96}95"),
        ("fix_line_breaks = false", "a\r\nb"),
        ("fix_latin_ligatures = false", "oﬃce"),
        ("remove_control_chars = false", "a\0"),
        ("", "ＡＢＣ，“quoted”"),
        ("normalization = \"none\"", "e\u{301}"),
    ] {
        assert_eq!(fixed(toml, text).0, text, "{toml}");
    }
    assert_eq!(fixed("unescape_html = \"always\"", "<b>&eacute;").0, "<b>é");
    assert_eq!(fixed("fix_character_width = true", "ＡＢＣ，ｶﾞ").0, "ABC,ガ");
    assert_eq!(fixed("uncurl_quotes = true", "“it’s”").0, "\"it's\"");
    assert_eq!(fixed("fix_c1_controls = false", "a\u{85}b").0, "a\nb");
    assert_eq!(fixed("normalization = \"nfkc\"", "x²").0, "x2");
}

/// UTF-8 through each encoding, once and twice, as a browser would read it.
#[test]
fn encodings_over_encodings_are_undone() {
    use super::encodings::ENCODINGS;
    let texts = [
        "Des œuvres d’été à Genève : « Où êtes-vous ? »",
        "Příliš žluťoučký kůň úpěl ďábelské ódy",
        "Съешь же ещё этих мягких французских булок",
        "Ξεσκεπάζω τὴν ψυχοφθόρα βδελυγμία",
        "我能吞下玻璃而不伤身体。いろはにほへと",
        "דג סקרן שט בים، نص حكيم له سر قاطع",
        "“Curly quotes” — and a dash… 😀",
    ];
    for (name, table) in ENCODINGS {
        let table: Vec<char> = table.chars().collect();
        let read = |text: &str| -> String {
            let byte = |byte: u8| match byte.checked_sub(0x80) {
                Some(place) => table[usize::from(place)],
                None => char::from(byte),
            };
            text.bytes().map(byte).collect()
        };
        for text in texts {
            let once = read(text);
            let (new, trial) = fixed("normalization = \"none\"", &once);
            assert_eq!(new, text, "{name}: {once}");
            assert!((trial.number("encoding_layers") - 1.0).abs() < 0.1, "{name} {text}");
            let twice = read(&once);
            let (new, trial) = fixed("normalization = \"none\"", &twice);
            assert_eq!(new, text, "{name}: {twice}");
            assert!((trial.number("encoding_layers") - 2.0).abs() < 0.1, "{name} {text}");
        }
    }
}

/// The document tells what its short lines alone do not.
#[test]
fn lines_of_one_document_help_each_other() {
    let line = "Itâ€™s an idÃ©e fixe, isnâ€™t it?";
    let alone = fixed("", "de Ã la").0;
    let together = fixed("", &format!("{line}\nde Ã la\n{line}")).0;
    assert_eq!(alone, "de Ã la");
    assert!(together.contains("\nde à la\n"), "{together}");
    let line = "vÅ¡echno, pÅ™Ã\u{ad}liÅ¡ Å¾luÅ¥ouÄ\u{8d}kÃ½ kÅ¯Åˆ";
    let together = fixed("", &format!("{line}\nv Å kodÄ›")).0;
    assert_eq!(together, "všechno, příliš žluťoučký kůň\nv Škodě");
}

#[test]
fn all_off_is_refused() {
    let toml = "unescape_html = \"never\"\nfix_encoding = false\nremove_terminal_escapes = false\n\
        fix_c1_controls = false\nfix_line_breaks = false\nfix_latin_ligatures = false\n\
        remove_control_chars = false\nnormalization = \"none\"";
    assert!(refused("fix-text", toml).to_string().contains("all is off"));
}

#[test]
fn odd_documents() {
    for text in ["", "\0", "\u{fffd}", "Ã", "Ã ", "â€", "â", "&", "&#", "\u{1b}", "\u{1b}["] {
        fixed("", text);
    }
    let zero_width = "\u{200b}".repeat(10_000);
    assert_eq!(fixed("", &zero_width).0, zero_width);
    let amps = "&amp;".repeat(10_000);
    assert_eq!(fixed("", &amps).0, "&".repeat(10_000));
    fixed("", &"Ãƒ".repeat(50_000));
}

proptest! {
    /// ASCII stays, whatever stands beside it, and no text makes it panic.
    #[test]
    fn any_text_is_taken(text in "[\\x00-\\xff€œžŸ‚„…†‡‰‹›‘’“”•–—™Ђѓіїґ\u{fffd}\u{feff}ἀ中😀]{0,60}") {
        let (once, _) = fixed("", &text);
        let all = "fix_character_width = true\nuncurl_quotes = true\nunescape_html = \"always\"";
        fixed(all, &once);
    }

    #[test]
    fn any_character_is_taken(text in "\\PC{0,40}") {
        fixed("", &text);
    }
}
