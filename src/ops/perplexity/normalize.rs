//! Text as CCNet gives it to its language models (`cc_net/text_normalizer.py`).

use icu_normalizer::DecomposingNormalizerBorrowed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::code_points::NONSPACING;
use crate::text::python::is_decimal;

/// What becomes of punctuation outside of ASCII.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::ops) enum Punctuation {
    /// It becomes its ASCII neighbour: `。` `.`, `“` `"`, `…` `...`.
    #[default]
    Replace,
    /// It is taken out.
    Remove,
    /// It stays.
    Keep,
}

/// What is done to a line; in this order.
#[derive(Debug, Clone, Copy)]
pub(in crate::ops) struct Normalizer {
    pub lower_case: bool,
    pub strip_accents: bool,
    pub zero_digits: bool,
    pub punctuation: Punctuation,
}

/// CCNet's table, but for a digit in it.
fn replacement(c: char) -> Option<&'static str> {
    Some(match c {
        '，' | '、' => ",",
        '。' => ".",
        '„' | '”' | '“' | '«' | '»' | '」' | '「' | '《' | '》' => "\"",
        '´' | '’' => "'",
        '∶' | '：' => ":",
        '？' => "?",
        '！' => "!",
        '（' => "(",
        '）' => ")",
        '；' => ";",
        '–' | '━' | '►' => "-",
        '—' => " - ",
        '．' => ". ",
        '～' => "~",
        '…' => "...",
        '〈' => "<",
        '〉' => ">",
        '【' => "[",
        '】' => "]",
        '％' => "%",
        _ => return None,
    })
}

fn is_control(c: char) -> bool {
    matches!(c, '\0'..='\x1f' | '\x7f'..='\u{9f}')
}

/// Without white space at its ends, as Python strips it.
pub(super) fn stripped(line: &str) -> &str {
    line.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\x1c'..='\x1f'))
}

impl Normalizer {
    /// Writes the normal form of a line into `out`, in place of what is there. Control characters
    /// are taken out, line breaks and tabs among them.
    pub(super) fn apply(self, line: &str, out: &mut String) {
        out.clear();
        let line = stripped(line);
        if line.is_ascii() {
            out.extend(line.bytes().filter(|byte| !byte.is_ascii_control()).map(|byte| {
                char::from(match byte {
                    b'0'..=b'9' if self.zero_digits => b'0',
                    byte if self.lower_case => byte.to_ascii_lowercase(),
                    byte => byte,
                })
            }));
            return;
        }
        let lower;
        let line = if self.lower_case {
            lower = line.to_lowercase();
            lower.as_str()
        } else {
            line
        };
        if self.strip_accents {
            let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize_iter(line.chars());
            self.map(decomposed.filter(|c| c.is_ascii() || !NONSPACING.has(*c)), out);
        } else {
            self.map(line.chars(), out);
        }
    }

    fn map(self, chars: impl Iterator<Item = char>, out: &mut String) {
        for c in chars {
            if self.zero_digits && is_decimal(c) {
                out.push('0');
            } else if c.is_ascii() {
                if !is_control(c) {
                    out.push(c);
                }
            } else {
                match (self.punctuation, replacement(c)) {
                    (Punctuation::Replace, Some(ascii)) => out.push_str(ascii),
                    (Punctuation::Remove, Some(_)) => {}
                    _ if is_control(c) => {}
                    _ => out.push(c),
                }
            }
        }
    }
}
