//! Letters, signs and words of a formula as LaTeX.

use super::symbols::{self, Class, FUNCTIONS, LIMIT_FUNCTIONS, symbol};
use super::write::{Piece, command, push};

/// An operator of several characters: the name of a function, or signs one by one.
pub(super) fn operator_name(text: &str) -> Piece {
    let name: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    if FUNCTIONS.contains(&name.as_str()) {
        let tex = format!("\\{name}");
        let limits = LIMIT_FUNCTIONS.contains(&tex.as_str());
        return Piece { tex, class: if limits { Class::Large } else { Class::Ordinary } };
    }
    // A stroke through the sign before it.
    if let Some(sign) = name.strip_suffix('\u{338}')
        && let Some(known) = sign.chars().next().and_then(symbol)
    {
        let tex = match known.command {
            "\\in" => "\\notin".to_owned(),
            "=" => "\\neq".to_owned(),
            other => format!("\\not{}{other}", if other.starts_with('\\') { "" } else { " " }),
        };
        return Piece { tex, class: Class::Relation };
    }
    if name == "mod" {
        return Piece { tex: "\\bmod".to_owned(), class: Class::Binary };
    }
    if name.len() > 1 && name.chars().all(char::is_alphabetic) {
        return Piece::new(command("\\operatorname", &name));
    }
    let class = match name.as_str() {
        ":=" | "==" | "<=" | ">=" | "!=" | "->" => Class::Relation,
        _ => Class::Ordinary,
    };
    Piece { tex: letters(&name, ""), class }
}

/// A bracket as `\left` and `\right` take it; none where the text is no bracket.
pub(super) fn delimiter(text: &str) -> Option<String> {
    let mut characters = text.chars();
    let Some(sign) = characters.next() else { return Some(".".to_owned()) };
    if characters.next().is_some() {
        return None;
    }
    Some(match sign {
        '(' | ')' | '[' | ']' | '|' | '/' => sign.to_string(),
        '∣' => "|".to_owned(),
        '{' | '}' | '⟨' | '⟩' | '〈' | '〉' | '⌊' | '⌋' | '⌈' | '⌉' | '‖' | '∥' => {
            if sign == '∥' {
                "\\|".to_owned()
            } else {
                symbol(sign)?.command.to_owned()
            }
        }
        _ => return None,
    })
}

/// The command for a `mathvariant`.
pub(super) fn style_of(variant: Option<&str>) -> &'static str {
    match variant.unwrap_or_default() {
        "normal" => "\\mathrm",
        "bold" => "\\mathbf",
        "bold-italic" => "\\boldsymbol",
        "double-struck" => "\\mathbb",
        "script" | "-tex-calligraphic" | "bold-script" | "-tex-bold-calligraphic" => "\\mathcal",
        "fraktur" | "bold-fraktur" => "\\mathfrak",
        "sans-serif" | "bold-sans-serif" | "sans-serif-italic" | "sans-serif-bold-italic" => {
            "\\mathsf"
        }
        "monospace" => "\\mathtt",
        _ => "",
    }
}

/// Letters and signs one by one, letters of one alphabet within one command.
pub(super) fn letters(text: &str, style: &'static str) -> String {
    let mut out = String::new();
    let mut open = "";
    for character in text.chars() {
        let (own, plain) = symbols::styled_letter(character).unwrap_or((style, character));
        let known = symbol(plain);
        // Upright signs and Greek capitals are what they are without a command.
        let own = if own == "\\mathrm" && !plain.is_ascii_alphabetic() { "" } else { own };
        if own != open {
            if !open.is_empty() {
                out.push('}');
            }
            if !own.is_empty() {
                push(&mut out, own);
                out.push('{');
            }
            open = own;
        }
        match known {
            Some(symbol) => push(&mut out, symbol.command),
            None if plain.is_whitespace() => out.push_str("\\ "),
            None if matches!(plain, '\u{2061}'..='\u{2064}') => {}
            None => push(&mut out, plain.encode_utf8(&mut [0; 4])),
        }
    }
    if !open.is_empty() {
        out.push('}');
    }
    out
}

/// Text as `\text` takes it.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '#' | '$' | '%' | '&' | '_' | '{' | '}' => out.extend(['\\', character]),
            '\\' => out.push_str("\\textbackslash "),
            '^' => out.push_str("\\^{}"),
            '~' => out.push_str("\\~{}"),
            _ => out.push(character),
        }
    }
    out
}
