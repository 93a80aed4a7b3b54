//! How strange it is that two characters stand side by side, and how likely a character is at all.
//!
//! Points are small whole numbers, set by hand: three are as good as proof. Nothing is counted
//! between ASCII characters.

/// What kind a character is, as far as its neighbours care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// White space other than U+00A0, and all that is of no interest.
    Space,
    Lower(Script),
    Upper(Script),
    /// A letter without case, or a mark.
    Letter,
    Digit,
    /// ASCII punctuation.
    Plain,
    /// Stands before a word: `¿`, `‚`.
    Open,
    /// Stands before a word in some languages and behind it in others: `„`, `“`, `«`.
    Quote,
    /// Stands behind a word, never in it: `”`, `»`.
    Close,
    /// Stands behind a word and within: `’`, `…`, `™`, a dash, `·`.
    Within,
    /// Stands behind a word now and then: `©`, `²`, `º`.
    Sign,
    /// Next to a letter only by chance: `¤`, `¬`, `ƒ`, `‰`.
    Odd,
    /// A line or block for drawing boxes.
    Box,
    /// U+0080 to U+009F, which no text is meant to have.
    Control,
    /// U+FFFD.
    Lost,
    /// A no-break space or a soft hyphen.
    Soft,
}

/// Scripts that have case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    Ascii,
    Latin,
    Greek,
    Cyrillic,
    Other,
}

impl Kind {
    pub(super) fn of(c: char) -> Self {
        match c {
            'a'..='z' => Self::Lower(Script::Ascii),
            'A'..='Z' => Self::Upper(Script::Ascii),
            '0'..='9' => Self::Digit,
            '\t' | '\n' | ' ' => Self::Space,
            '\0'..='\u{7f}' => Self::Plain,
            '\u{80}'..='\u{9f}' => Self::Control,
            '\u{a0}' | '\u{ad}' => Self::Soft,
            '¡' | '¿' | '‚' => Self::Open,
            '„' | '“' | '‘' | '«' | '‹' => Self::Quote,
            '”' | '»' | '›' => Self::Close,
            '’' | '…' | '–' | '—' | '―' | '™' | '·' => Self::Within,
            '©' | '®' | '°' | '²' | '³' | '¹' | 'ª' | 'º' | '•' | '\u{384}' | '\u{385}' => {
                Self::Sign
            }
            '\u{fffd}' => Self::Lost,
            '\u{2320}' | '\u{2321}' | '\u{2500}'..='\u{259f}' | '■' => Self::Box,
            'ƒ'
            | 'ˆ'
            | '˜'
            | '×'
            | '÷'
            | '\u{f8ff}'
            | 'ﬁ'
            | 'ﬂ'
            | '\u{a1}'..='\u{bf}'
            | '\u{2c7}'..='\u{2dd}' => Self::Odd,
            '\u{2020}'..='\u{2070}' | '\u{207f}'..='\u{23ff}' | '\u{25a0}'..='\u{26ff}' => {
                Self::Odd
            }
            _ if c.is_lowercase() => Self::Lower(Script::of(c)),
            _ if c.is_uppercase() => Self::Upper(Script::of(c)),
            '\u{2000}'..='\u{206f}'
            | '\u{3000}'..='\u{303f}'
            | '\u{fe10}'..='\u{fe6f}'
            | '\u{feff}'..='\u{ff20}'
            | '\u{1f000}'.. => Self::Space,
            _ => Self::Letter,
        }
    }

    pub(super) fn is_letter(self) -> bool {
        matches!(self, Self::Lower(_) | Self::Upper(_) | Self::Letter)
    }

    fn is_ascii(self) -> bool {
        use Kind::{Digit, Lower, Plain, Space, Upper};
        matches!(self, Lower(Script::Ascii) | Upper(Script::Ascii) | Digit | Plain | Space)
    }

    fn script(self) -> Option<Script> {
        match self {
            Self::Lower(script) | Self::Upper(script) => Some(script),
            _ => None,
        }
    }
}

impl Script {
    fn of(c: char) -> Self {
        match c {
            '\0'..='\u{7f}' => Self::Ascii,
            '\u{80}'..='\u{36f}' | '\u{1e00}'..='\u{1eff}' => Self::Latin,
            '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Self::Greek,
            '\u{400}'..='\u{52f}' => Self::Cyrillic,
            _ => Self::Other,
        }
    }
}

/// Points for two neighbours.
pub(super) fn strange(left: Kind, right: Kind) -> i32 {
    use Kind::{
        Box, Close, Control, Digit, Letter, Lost, Lower, Odd, Open, Plain, Quote, Sign, Soft,
        Space, Upper, Within,
    };
    if left.is_ascii() && right.is_ascii() {
        return 0;
    }
    let cased = |kind: Kind| kind.script();
    if let (Some(one), Some(two)) = (cased(left), cased(right)) {
        let mixed = match (one, two) {
            _ if one == two => 0,
            (Script::Ascii, Script::Latin) | (Script::Latin, Script::Ascii) => 0,
            (Script::Ascii, _) | (_, Script::Ascii) => 1,
            _ => 2,
        };
        let falls = matches!((left, right), (Lower(_), Upper(_)));
        return mixed + 2 * i32::from(falls);
    }
    match (left, right) {
        (Control, _) | (_, Control) => 3,
        (Space | Soft, _) | (_, Space | Soft) | (Box, Box) => 0,
        (Box, _) if right.is_letter() => 3,
        (_, Box) if left.is_letter() => 3,
        (Box, Plain) | (Plain, Box) => 0,
        (Box, _) | (_, Box) => 2,
        (_, Odd | Open) if left.is_letter() => 2,
        (_, Quote | Sign | Lost) if left.is_letter() => 1,
        (Odd | Sign | Digit | Plain, Upper(script)) => i32::from(script != Script::Ascii),
        (Odd | Sign, Lower(_) | Letter)
        | (Odd, Odd | Open | Quote | Sign)
        | (Sign | Close | Within, Odd)
        | (Sign, Open | Quote)
        | (Open, Close)
        | (Digit, Open) => 1,
        _ => 0,
    }
}

/// Whether a character is of a block that web pages are full of.
pub(super) fn is_common(c: char) -> bool {
    matches!(
        u32::from(c),
        0x20..=0x7e | 0xa0..=0x17f | 0x192 | 0x1a0 | 0x1a1 | 0x1af | 0x1b0 | 0x1cd..=0x1dc
            | 0x1e6..=0x1ed | 0x218..=0x21b | 0x259 | 0x2bb | 0x2bc | 0x2c6 | 0x2dc
            | 0x300..=0x304 | 0x306..=0x30c | 0x323 | 0x327 | 0x328
            | 0x37e..=0x3ce | 0x400..=0x45f | 0x490..=0x4ff | 0x531..=0x58a | 0x5b0..=0x5f4
            | 0x600..=0x6ff | 0x900..=0xfff | 0x1000..=0x10ff | 0x1200..=0x137f | 0x1780..=0x17ff
            | 0x1e00..=0x1fff | 0x2000..=0x206f | 0x2070..=0x209c | 0x20a0..=0x20bf
            | 0x2100..=0x214f | 0x2150..=0x23ff | 0x2460..=0x27bf | 0x2b00..=0x2bff
            | 0x3000..=0x30ff | 0x3105..=0x312f | 0x3200..=0x33ff | 0x4e00..=0x9fff
            | 0xac00..=0xd7a3 | 0xfb00..=0xfb06 | 0xfe0e | 0xfe0f | 0xfe30..=0xfe4f | 0xfeff
            | 0xff00..=0xffef | 0x1f000..=0x1faff
    )
}

/// Signs that pages do have.
const USUAL: &str = "×÷§£€¢¥½¼¾•¶†‡µ±′″‰−≤≥≠≈√∞←→↑↓⇒●○◆★☆☎✓✔";

/// How likely a character is between the two it would stand between.
pub(super) fn likely(before: char, c: char, behind: char) -> i32 {
    let [left, kind, right] = [before, c, behind].map(Kind::of);
    if kind == Kind::Control {
        return -1;
    }
    if kind == Kind::Lost {
        return 0;
    }
    let same = |other: char| other as u32 >= 0x80 && other as u32 >> 7 == c as u32 >> 7;
    if !is_common(c) {
        return if same(before) || same(behind) { 0 } else { -3 };
    }
    if kind == Kind::Odd && !USUAL.contains(c) {
        return -1;
    }
    if !kind.is_letter() {
        return 1;
    }
    let latin = matches!(kind.script(), Some(Script::Latin));
    let is_latin = |kind: Kind| matches!(kind.script(), Some(Script::Latin | Script::Ascii));
    let foreign = |kind: Kind| kind.is_letter() && !is_latin(kind);
    if latin {
        if matches!((left, kind), (Kind::Lower(_), Kind::Upper(_))) {
            return -2;
        }
        if foreign(left) || foreign(right) {
            return -2;
        }
        return i32::from(is_latin(left) || is_latin(right));
    }
    let other = |other: Kind| other.script().is_some() && other.script() != kind.script();
    if other(left) || other(right) {
        return -2;
    }
    i32::from(same(before) || same(behind))
}
