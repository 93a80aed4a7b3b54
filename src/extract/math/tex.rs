//! LaTeX as pages hold it: delimiters, wrappers and comments go, one line remains.

/// A source without its delimiters.
pub(super) struct Cleaned {
    pub(super) latex: String,
    /// The delimiters were those of a formula in a line of its own.
    pub(super) display: bool,
}

const DELIMITERS: [(&str, &str, bool); 5] = [
    ("\\[", "\\]", true),
    ("\\(", "\\)", false),
    ("$$", "$$", true),
    ("$", "$", false),
    ("\\begin{math}", "\\end{math}", false),
];

/// Commands at the start that only say how large a formula is.
const STYLES: [&str; 4] = ["\\displaystyle", "\\textstyle", "\\scriptstyle", "\\scriptscriptstyle"];

fn strip(text: &str) -> Option<(&str, bool)> {
    DELIMITERS.into_iter().find_map(|(open, close, display)| {
        let inner = text.strip_prefix(open)?.strip_suffix(close)?;
        // `$a$ and $b$` is a text with two formulas; `\(a\\)` ends with a line break and a bracket.
        let escaped = inner.len() - inner.trim_end_matches('\\').len();
        (!inner.contains(open) && escaped.is_multiple_of(2)).then_some((inner, display))
    })
}

/// Whether a text is one formula with its delimiters, or holds such.
pub(super) fn is_delimited(text: &str) -> bool {
    let text = text.trim();
    text.starts_with('$') || text.starts_with("\\(") || text.starts_with("\\[")
}

/// Whether an annotation's `encoding` is that of LaTeX.
pub(super) fn is_encoding(encoding: &str) -> bool {
    let encoding = encoding.trim().as_bytes();
    let ends = |end: &[u8]| {
        encoding.len() >= end.len()
            && encoding[encoding.len() - end.len()..].eq_ignore_ascii_case(end)
    };
    ends(b"tex")
}

/// Whether an alternative text is LaTeX, and not a formula read aloud.
pub(super) fn looks_like(text: &str) -> bool {
    let text = text.trim();
    if text.is_empty() {
        return false;
    }
    if text.contains(['\\', '^', '_', '{']) {
        return true;
    }
    let word = |word: &str| word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    text.is_ascii() && !text.split_ascii_whitespace().any(word)
}

/// Without comments; blanks are single.
fn one_line(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    for line in source.lines() {
        let mut code = line;
        let mut escaped = false;
        for (at, byte) in line.bytes().enumerate() {
            match byte {
                b'\\' => escaped = !escaped,
                b'%' if !escaped => {
                    code = &line[..at];
                    break;
                }
                _ => escaped = false,
            }
        }
        let blank = |character: char| character.is_whitespace() && character != '\u{3000}';
        for word in code.split(blank).filter(|word| !word.is_empty()) {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(word);
        }
    }
    // `\ ` is a command: without its blank it would take the delimiter that follows.
    if out.bytes().rev().take_while(|&byte| byte == b'\\').count() % 2 == 1 {
        out.push(' ');
    }
    out
}

/// Without braces around all of it that begin with a command of size: Wikipedia's.
fn without_style(latex: &str) -> &str {
    let mut latex = latex;
    loop {
        let before = latex.len();
        if let Some(inner) = latex.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'))
            && STYLES.iter().any(|style| inner.trim_start().starts_with(style))
            && is_balanced(inner)
        {
            latex = inner.trim_start();
        }
        for style in STYLES {
            if let Some(rest) = latex.strip_prefix(style)
                && !rest.starts_with(|next: char| next.is_ascii_alphabetic())
            {
                latex = rest.trim_start();
            }
        }
        if latex.len() == before {
            return latex;
        }
    }
}

/// Whether no brace of a text closes one that stands before it.
fn is_balanced(text: &str) -> bool {
    let (mut depth, mut escaped) = (0_usize, false);
    for byte in text.bytes() {
        match byte {
            b'\\' => {
                escaped = !escaped;
                continue;
            }
            b'{' if !escaped => depth += 1,
            b'}' if !escaped => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return false,
            },
            _ => {}
        }
        escaped = false;
    }
    depth == 0
}

/// Cleans a source.
pub(super) fn clean(source: &str) -> Cleaned {
    let mut source = source.trim();
    // Wrappers against XML parsers: `% <![CDATA[` … `%]]>`.
    if let Some((before, rest)) = source.split_once("<![CDATA[")
        && before.trim_matches(['%', ' ', '/', '*']).is_empty()
    {
        source = rest;
        if let Some((inner, _)) = source.rsplit_once("]]>") {
            source = inner.trim_end().trim_end_matches(['%', '/']);
        }
    }
    let mut latex = one_line(source);
    let mut display = false;
    if let Some((inner, block)) = strip(latex.trim()) {
        display = block;
        latex = inner.trim_start().to_owned();
    }
    let styled = without_style(&latex).trim_end();
    let mut latex = styled.to_owned();
    if latex.bytes().rev().take_while(|&byte| byte == b'\\').count() % 2 == 1 {
        latex.push(' ');
    }
    Cleaned { latex, display }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_and_wrappers_go() {
        let clean = |source: &str| clean(source).latex;
        assert_eq!(clean(" $x$ "), "x");
        assert_eq!(clean("\\[ a\n  b \\]"), "a b");
        assert_eq!(clean("$a$ and $b$"), "$a$ and $b$");
        assert_eq!(clean("{\\displaystyle {\\frac {a}{b}}}"), "{\\frac {a}{b}}");
        assert_eq!(clean("{\\displaystyle a}+{b}"), "{\\displaystyle a}+{b}");
        assert_eq!(clean("\\displaystyle x"), "x");
        assert_eq!(clean("\\displaystylex"), "\\displaystylex");
        assert_eq!(clean("% <![CDATA[\na < b %]]>"), "a < b");
        assert_eq!(clean("<![CDATA[x]]>"), "x");
        assert_eq!(clean("50\\% % half\n+ \\\\% all\nb"), "50\\% + \\\\ b");
        assert_eq!(clean("a\\ "), "a\\ ");
        assert_eq!(clean("a \\\\"), "a \\\\");
        assert_eq!(clean("%"), "");
        assert_eq!(clean("$"), "$");
        assert_eq!(clean("$$"), "");
    }

    #[test]
    fn display_follows_the_delimiters() {
        assert!(clean("$$x$$").display);
        assert!(!clean("\\(x\\)").display);
    }

    #[test]
    fn spoken_formulas_are_no_latex() {
        assert!(looks_like("x^2"));
        assert!(looks_like("a = b"));
        assert!(!looks_like("x squared plus one"));
        assert!(!looks_like(""));
        assert!(is_encoding("application/x-tex") && is_encoding("LaTeX"));
        assert!(!is_encoding("MathType-MTEF"));
    }
}
