//! Pieces of LaTeX put together: blanks, braces, scripts, what stands over and under.

use super::symbols::Class;

/// LaTeX of a part of a formula, and how it stands among its neighbours.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) tex: String,
    pub(super) class: Class,
}

impl Piece {
    pub(super) fn new(tex: impl Into<String>) -> Self {
        Self { tex: tex.into(), class: Class::Ordinary }
    }
}

/// Appends a command or text; a blank keeps a command from growing into the letters that follow.
pub(super) fn push(out: &mut String, tex: &str) {
    if tex.starts_with(|next: char| next.is_ascii_alphabetic()) && ends_with_command(out) {
        out.push(' ');
    }
    out.push_str(tex);
}

fn ends_with_command(tex: &str) -> bool {
    /// No command is longer.
    const LONGEST: usize = 24;
    let letters = tex.bytes().rev().take(LONGEST).take_while(u8::is_ascii_alphabetic).count();
    let name = &tex.as_bytes()[..tex.len() - letters];
    letters > 0 && name.iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1
}

/// Appends a part; letters of one alphabet, which renderers write one by one, stay together.
pub(super) fn push_letters(out: &mut String, tex: &str) {
    const LONGEST: usize = 64;
    for name in ["\\mathrm{", "\\mathfrak{", "\\mathsf{", "\\mathtt{"] {
        let Some(letters) = tex.strip_prefix(name) else { continue };
        // Longer names are not looked for.
        let near = out.floor_char_boundary(out.len().saturating_sub(LONGEST));
        let before = out[near..].strip_suffix('}').unwrap_or_default();
        let before = before.trim_end_matches(|last: char| last.is_ascii_alphanumeric());
        if before.ends_with(name) && letters.strip_suffix('}').is_some_and(is_letters) {
            out.pop();
            out.push_str(letters);
            return;
        }
    }
    push(out, tex);
}

fn is_letters(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether scripts can be put to a text without braces around it.
pub(super) fn is_atom(tex: &str) -> bool {
    let mut characters = tex.chars();
    let Some(first) = characters.next() else { return false };
    let rest = characters.as_str();
    if tex == "{}" {
        return true;
    }
    if first == '(' || first == '[' {
        return is_bracketed(tex);
    }
    if first != '\\' {
        return rest.is_empty() || tex.bytes().all(|byte| byte.is_ascii_digit());
    }
    if tex.starts_with("\\left") && !tex.starts_with("\\leftarrow") {
        return true;
    }
    let name = rest.trim_start_matches(|next: char| next.is_ascii_alphabetic());
    if name.len() == rest.len() {
        return rest.chars().count() == 1;
    }
    let name = name.strip_prefix('*').unwrap_or(name);
    // `\mathbf{x}`, `\frac{a}{b}`: a command and its arguments.
    let mut depth = 0_usize;
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth > 0 => depth -= 1,
            _ if depth == 0 => return false,
            _ => {}
        }
        if at + 1 == name.len() {
            return depth == 0;
        }
    }
    true
}

/// Whether the bracket at the start is closed by the one at the end.
fn is_bracketed(tex: &str) -> bool {
    let mut depth = 0_usize;
    for (at, byte) in tex.bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1 == tex.len();
                }
            }
            _ => {}
        }
    }
    tex.len() == 1
}

pub(super) fn braced(tex: &str) -> String {
    ["{", tex, "}"].concat()
}

pub(super) fn command(name: &str, argument: &str) -> String {
    [name, "{", argument, "}"].concat()
}

/// A script and its argument.
fn push_script(out: &mut String, sign: char, script: &str) {
    if script.is_empty() {
        return;
    }
    out.push(sign);
    if script.chars().count() == 1 {
        out.push_str(script);
    } else {
        out.push_str(&braced(script));
    }
}

/// Puts scripts to a base.
pub(super) fn scripts(base: Piece, below: Option<&Piece>, above: Option<&Piece>) -> Piece {
    let class = base.class;
    let mut out = if is_atom(&base.tex) { base.tex } else { braced(&base.tex) };
    let above = above.map_or("", |above| &above.tex);
    let primes = above.len() - above.trim_start_matches('\'').len();
    out.push_str(&above[..primes]);
    push_script(&mut out, '_', below.map_or("", |below| &below.tex));
    push_script(&mut out, '^', above[primes..].trim());
    // `x_i + …` goes on as `x + …` does; a large operator stays one for what is put around it.
    Piece { tex: out, class: if class == Class::Large { Class::Large } else { Class::Ordinary } }
}

/// Puts something under and over a base.
pub(super) fn stacked(base: Piece, below: Option<Piece>, above: Option<Piece>) -> Piece {
    let takes_limits = base.class == Class::Large
        || base.tex.starts_with("\\underbrace")
        || base.tex.starts_with("\\overbrace")
        || base.tex.starts_with("\\operatorname");
    if takes_limits || below.is_none() && above.is_none() {
        let mut base = base;
        if base.tex.starts_with("\\operatorname{") {
            base.tex = base.tex.replacen("\\operatorname", "\\operatorname*", 1);
        }
        return if below.is_none() && above.is_none() {
            base
        } else {
            scripts(base, below.as_ref(), above.as_ref())
        };
    }
    let arrow = match base.tex.as_str() {
        "\\to" | "\\rightarrow" | "\\longrightarrow" => Some("\\xrightarrow"),
        "\\leftarrow" | "\\longleftarrow" => Some("\\xleftarrow"),
        _ => None,
    };
    let tex = |piece: Option<Piece>| piece.map(|piece| piece.tex);
    match (arrow, tex(below), tex(above)) {
        (Some(name), Some(below), above) => {
            let tex = format!("{name}[{below}]{{{}}}", above.unwrap_or_default());
            Piece { tex, class: Class::Relation }
        }
        (Some(name), None, Some(above)) => {
            Piece { tex: command(name, &above), class: Class::Relation }
        }
        (_, below, above) => {
            let class = base.class;
            let mut out = base.tex;
            if let Some(above) = above {
                out = format!("\\overset{{{above}}}{{{out}}}");
            }
            if let Some(below) = below {
                out = format!("\\underset{{{below}}}{{{out}}}");
            }
            Piece { tex: out, class }
        }
    }
}
