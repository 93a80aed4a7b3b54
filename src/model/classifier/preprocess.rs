//! What is done to a text before a classifier sees it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a text is brought into the form that the model was trained on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preprocess {
    /// The whole text as one line, otherwise as it is: what most models of the fastText tool want.
    #[default]
    Lines,
    /// `" ".join(text.strip().splitlines())` of Python, as in DCLM: as `lines`, only that the rare
    /// line separators of Unicode part words too.
    Dclm,
    /// Small letters; each punctuation mark, symbol and emoji a word of its own, and so each letter
    /// of scripts that do not put spaces between words (Chinese, Japanese, Thai, Lao, Khmer,
    /// Burmese). `Don't go. 你好` becomes `don ' t go . 你 好`.
    Words,
}

impl Preprocess {
    /// The text in the form wanted, in `buffer` where it differs.
    pub fn apply<'a>(self, text: &'a str, buffer: &'a mut String) -> &'a str {
        match self {
            // A line break parts words to fastText as a space does.
            Self::Lines => text,
            // ASCII texts part alike, except at these three.
            Self::Dclm if text.is_ascii() && !text.bytes().any(|byte| (28..31).contains(&byte)) => {
                text
            }
            Self::Dclm => {
                buffer.clear();
                let space = |c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c);
                let line_end = |c| matches!(c, '\n'..='\r' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}');
                let stripped = text.trim_matches(space);
                buffer.extend(stripped.chars().map(|c| if line_end(c) { ' ' } else { c }));
                buffer
            }
            Self::Words => {
                buffer.clear();
                buffer.reserve(text.len() + text.len() / 4);
                split_words(text, buffer);
                buffer
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Space,
    Word,
    Alone,
}

fn split_words(text: &str, out: &mut String) {
    let mut before = Kind::Space;
    for c in text.chars() {
        let kind = kind(c);
        if kind == Kind::Space {
            before = kind;
            continue;
        }
        if !out.is_empty() && (before != Kind::Word || kind != Kind::Word) {
            out.push(' ');
        }
        if c.is_ascii() {
            out.push(c.to_ascii_lowercase());
        } else {
            out.extend(c.to_lowercase());
        }
        before = kind;
    }
}

fn kind(c: char) -> Kind {
    match c {
        '0'..='9' | 'a'..='z' | 'A'..='Z' => Kind::Word,
        '\0'..='\x20' | '\x7f'..='\u{a0}' => Kind::Space,
        '\x21'..='\x7e' => Kind::Alone,
        _ if c.is_whitespace() => Kind::Space,
        // Latin-1's signs, but for the letters ª, µ and º among them; × and ÷.
        '\u{a1}'..='\u{bf}' if !c.is_alphabetic() => Kind::Alone,
        // Marks that join or order letters belong to their word.
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => Kind::Word,
        // × and ÷, scripts without spaces, then punctuation and symbols, and the letters and signs of
        // East Asia except Hangul.
        '\u{d7}'
        | '\u{f7}'
        | '\u{0e00}'..='\u{0eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{2000}'..='\u{2bff}'
        | '\u{2e00}'..='\u{312f}'
        | '\u{31a0}'..='\u{a4cf}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe10}'..='\u{fe1f}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff01}'..='\u{ff9f}'
        | '\u{ffe0}'..='\u{ffef}'
        | '\u{1f000}'..='\u{1faff}'
        | '\u{20000}'..='\u{3ffff}' => Kind::Alone,
        _ => Kind::Word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(form: Preprocess, text: &str) -> String {
        form.apply(text, &mut String::new()).to_owned()
    }

    #[test]
    fn words_are_parted_from_marks_and_small() {
        let words = |text: &str| applied(Preprocess::Words, text);
        assert_eq!(words("Don't go. 你好"), "don ' t go . 你 好");
        assert_eq!(words(" Straße ÉTÉ\tÜber-Nacht\r\n"), "straße été über - nacht");
        assert_eq!(words("「はい」と言った。"), "「 は い 」 と 言 っ た 。");
        assert_eq!(words("한국어 문장"), "한국어 문장");
        assert_eq!(words("हिन्दी में"), "हिन्दी में");
        assert_eq!(words("ok😀😀£5"), "ok 😀 😀 £ 5");
        assert_eq!(words("ＡＢ１"), "ａ ｂ １");
        assert_eq!(words("\u{a0}\u{3000}\0"), "");
        assert_eq!(words("en\tde"), "en de");
    }

    /// Against Python 3.11's `" ".join(text.strip().splitlines())`, spaces folded.
    #[test]
    fn dclm_parts_at_the_line_ends_of_python() {
        let parts = |text: &str| {
            let joined = applied(Preprocess::Dclm, text);
            joined.split(' ').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(parts("a\u{2028}b\u{85}c"), ["a", "b", "c"]);
        assert_eq!(parts("a\x1cb\x1dc\x1ed\x1fe"), ["a", "b", "c", "d\x1fe"]);
        assert_eq!(parts("\u{3000}é\u{a0}b\u{a0}"), ["é\u{a0}b"]);
        assert_eq!(applied(Preprocess::Dclm, "a\nb"), "a\nb");
    }
}
