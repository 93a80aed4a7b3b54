//! Characters that Unicode 17 added.
//!
//! The library's grammars know them as letters, marks and digits; the reference libraries
//! (tokenizers 0.23, tiktoken 0.14, both Unicode 16) do not, and neither did whoever trained the
//! models. So words are found in a copy of the text in which characters without a meaning stand in
//! their place.

use std::ops::RangeInclusive;

/// Letters, marks and numbers of [Unicode 17](https://www.unicode.org/versions/Unicode17.0.0/); its
/// new symbols are to a grammar what unassigned characters are.
const NEW: &[RangeInclusive<char>] = &[
    '\u{88f}'..='\u{88f}',
    '\u{c5c}'..='\u{c5c}',
    '\u{cdc}'..='\u{cdc}',
    '\u{1acf}'..='\u{1add}',
    '\u{1ae0}'..='\u{1aeb}',
    '\u{a7ce}'..='\u{a7cf}',
    '\u{a7d2}'..='\u{a7d2}',
    '\u{a7d4}'..='\u{a7d4}',
    '\u{a7f1}'..='\u{a7f1}',
    '\u{10940}'..='\u{10959}',
    '\u{10ec5}'..='\u{10ec7}',
    '\u{10efa}'..='\u{10efb}',
    '\u{11b60}'..='\u{11b67}',
    '\u{11db0}'..='\u{11ddb}',
    '\u{11de0}'..='\u{11de9}',
    '\u{16ea0}'..='\u{16eb8}',
    '\u{16ebb}'..='\u{16ed3}',
    '\u{16ff2}'..='\u{16ff6}',
    '\u{187f8}'..='\u{187ff}',
    '\u{18d09}'..='\u{18d1e}',
    '\u{18d80}'..='\u{18df2}',
    '\u{1e6c0}'..='\u{1e6de}',
    '\u{1e6e0}'..='\u{1e6f5}',
    '\u{1e6fe}'..='\u{1e6ff}',
    '\u{2b73a}'..='\u{2b73f}',
    '\u{2cea2}'..='\u{2cead}',
    '\u{323b0}'..='\u{33479}',
];

/// The text with characters for private use, of as many bytes, in place of new ones; `None` where
/// there are none.
pub(super) fn masked(text: &str) -> Option<String> {
    // Almost all texts end at the first of these.
    if !may_hold(text.as_bytes()) || !text.chars().any(is_new) {
        return None;
    }
    let mask = |character| match character {
        _ if !is_new(character) => character,
        '\u{10000}'.. => '\u{f0000}',
        _ => '\u{e000}',
    };
    Some(text.chars().map(mask).collect())
}

/// Whether two bytes follow each other as in a character of [`NEW`]; without a branch, so that it
/// compiles to vector instructions: every text passes here.
fn may_hold(bytes: &[u8]) -> bool {
    let mut found = 0;
    for (&a, &b) in bytes.iter().zip(bytes.get(1..).unwrap_or_default()) {
        let indic = u8::from(b == 0xa2) | u8::from(b == 0xb1) | u8::from(b == 0xb3);
        found |= u8::from(a == 0xe0) & indic
            | u8::from(a == 0xe1) & u8::from(b == 0xab)
            | u8::from(a == 0xea) & u8::from(b == 0x9f)
            // All of four bytes.
            | u8::from(a == 0xf0);
    }
    found != 0
}

fn is_new(character: char) -> bool {
    // What texts are made of for the most part is told without a search.
    if character < '\u{88f}' || ('\u{a7f2}'..'\u{10940}').contains(&character) {
        return false;
    }
    let at = NEW.partition_point(|range| *range.end() < character);
    NEW.get(at).is_some_and(|range| range.contains(&character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_letters_are_masked_and_nothing_else() {
        let plain = "Aa1 字é\u{e000}😀\u{378}\u{1f777}";
        assert_eq!(masked(plain), None);
        assert_eq!(masked(""), None);
        for range in NEW {
            for character in [*range.start(), *range.end()] {
                let text = format!("{plain}{character}x");
                let masked = masked(&text).unwrap();
                assert_eq!(masked.len(), text.len());
                assert!(masked.starts_with(plain) && masked.ends_with('x') && masked != text);
            }
        }
    }

    /// The regex crate's tables are those of the references.
    #[test]
    fn the_masked_ones_are_unassigned_in_unicode_16() {
        let unassigned = regex::Regex::new(r"\A\p{Cn}\z").unwrap();
        for range in NEW {
            for character in range.clone() {
                let text = String::from(character);
                assert!(unassigned.is_match(&text), "U+{:04X}", u32::from(character));
            }
        }
    }
}
