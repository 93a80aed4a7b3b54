//! Checks of what documents become: conversations, prompts, fill-in-the-middle.

use super::ConfigError;
use super::source::Source;
use super::stage::{Located, Spans};
use super::tokens::Tokens;

/// What documents become must fit what the sources give.
pub(super) fn check(
    tokens: &Located<Tokens>,
    sources: &[(Option<Source>, Spans)],
    errors: &mut Vec<ConfigError>,
) {
    let known: Vec<&Source> = sources.iter().filter_map(|(source, _)| source.as_ref()).collect();
    let spoken = known.iter().find(|source| source.conversation.is_some());
    let mut wrong = |key: &str, message: String, help: &str| {
        errors.push(ConfigError::new(message, tokens.spans.of(key)).help(help));
    };
    let form = match (&tokens.chat, &tokens.prompt) {
        (Some(_), Some(_)) => {
            let help = "take one of them out: a conversation becomes the one or the other";
            wrong("prompt", "[tokens.chat] and [tokens.prompt] are both given".to_owned(), help);
            return;
        }
        (Some(_), None) => Some("chat"),
        (None, Some(_)) => Some("prompt"),
        (None, None) => None,
    };
    match (form, spoken) {
        (None, Some(source)) => {
            let message = format!(
                "source `{}` has conversations, and [tokens] does not say what becomes of them",
                source.name
            );
            wrong("tokenizer", message, "add [tokens.chat], or [tokens.prompt]");
        }
        // A source with a mistake of its own may have been one.
        (Some(key), None) if known.len() == sources.len() => {
            let message = format!("[tokens.{key}] is for conversations, and no source has any");
            wrong(key, message, "give a source `conversation = \"messages\"`");
        }
        _ => {}
    }
    let Some(fim) = &tokens.fim else { return };
    for (name, share) in [("rate", fim.rate), ("spm_rate", fim.spm_rate)] {
        if !(0.0..=1.0).contains(&share) {
            let message = format!("[tokens.fim]: {name} = {share} is not a share");
            wrong("fim", message, "give 0 to 1, such as 0.5");
        }
    }
    for name in fim.only.iter().flatten() {
        match known.iter().find(|source| source.name == *name) {
            None if known.len() == sources.len() => {
                let message = format!("[tokens.fim] only: there is no source `{name}`");
                let names: Vec<&str> = known.iter().map(|source| source.name.as_str()).collect();
                wrong("fim", message, &format!("there are: {}", names.join(", ")));
            }
            Some(source) if source.conversation.is_some() => {
                let message = format!("[tokens.fim] only: `{name}` has conversations");
                wrong("fim", message, "fill-in-the-middle is for plain documents; take it out");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Pipeline;

    #[track_caller]
    fn mistakes(source: &str, tokens: &str) -> String {
        let text = format!(
            "name = \"x\"\n[[source]]\nname = \"a\"\npath = \"*.jsonl\"\n{source}\n[tokens]\n\
             tokenizer = \"t.json\"\n{tokens}"
        );
        match Pipeline::parse(std::path::Path::new("x.toml"), &text, &[]) {
            Ok(_) => String::new(),
            Err(errors) => errors.render(false, 200),
        }
    }

    #[test]
    fn forms_fit_the_sources() {
        const CHAT: &str = "conversation = \"messages\"";
        assert_eq!(mistakes(CHAT, "[tokens.chat]"), "");
        assert_eq!(mistakes(CHAT, "[tokens.prompt]"), "");
        assert_eq!(mistakes("", "[tokens.fim]"), "");
        let cases = [
            (CHAT, "", "does not say what becomes of them"),
            ("", "[tokens.chat]", "no source has any"),
            (CHAT, "[tokens.chat]\n[tokens.prompt]", "are both given"),
            (CHAT, "[tokens.chat]\n[tokens.fim]\nonly = [\"a\"]", "has conversations"),
            ("", "[tokens.fim]\nonly = [\"b\"]", "there is no source `b`"),
            ("", "[tokens.fim]\nrate = 1.5", "is not a share"),
            ("conversation = {}", "[tokens.chat]", "who says what"),
            ("conversation = { prompt = \"q\" }", "[tokens.chat]", "who says what"),
            (
                "conversation = { messages = \"m\", prompt = \"q\" }",
                "[tokens.chat]",
                "parts of a prompt",
            ),
            ("conversation = \"m\"\ntext_field = \"t\"", "[tokens.chat]", "both given"),
            ("conversation = \"m\"\nformat = \"csv\"", "[tokens.chat]", "not for this format"),
            ("conversation = \"m\"\nkeep_fields = [\"conversation\"]", "[tokens.chat]", "outlines"),
        ];
        for (source, tokens, message) in cases {
            let found = mistakes(source, tokens);
            assert!(found.contains(message), "{source} {tokens}: {found}");
        }
    }
}
