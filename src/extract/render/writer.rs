//! Text that is being written: blanks collapse as in CSS, breaks wait until something follows them.

/// How far apart two blocks stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Break {
    /// On the next line.
    Line = 1,
    /// With a blank line between them.
    Paragraph = 2,
}

/// What a byte means when blanks are collapsed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Byte {
    Plain,
    Space,
    /// Tab, line feed, carriage return, form feed.
    Blank,
    /// First byte of U+00A0 (a blank) and U+00AD (soft hyphen).
    NoBreak,
    /// First byte of U+FEFF.
    Mark,
}

const BYTES: [Byte; 256] = {
    let mut bytes = [Byte::Plain; 256];
    bytes[b' ' as usize] = Byte::Space;
    bytes[b'\t' as usize] = Byte::Blank;
    bytes[b'\n' as usize] = Byte::Blank;
    bytes[b'\r' as usize] = Byte::Blank;
    bytes[0x0C] = Byte::Blank;
    bytes[0xC2] = Byte::NoBreak;
    bytes[0xEF] = Byte::Mark;
    bytes
};

/// A scanner's find at a byte that is not plain.
enum Find {
    /// A blank of so many bytes.
    Blank(usize),
    /// A character of so many bytes that is left out.
    Nothing(usize),
    /// Goes on like plain text.
    Plain(usize),
}

fn look(bytes: &[u8], at: usize) -> Find {
    match BYTES[bytes[at] as usize] {
        Byte::Plain => Find::Plain(1),
        Byte::Space | Byte::Blank => Find::Blank(1),
        Byte::NoBreak => match bytes.get(at + 1) {
            Some(0xA0) => Find::Blank(2),
            Some(0xAD) => Find::Nothing(2),
            _ => Find::Plain(2),
        },
        Byte::Mark if bytes[at..].starts_with(b"\xEF\xBB\xBF") => Find::Nothing(3),
        Byte::Mark => Find::Plain(3),
    }
}

pub(super) struct Writer<'o> {
    out: &'o mut String,
    /// Where this text starts in `out`.
    base: usize,
    /// A blank is due before the next word.
    space: bool,
    /// That blank was a line break of the source, which vanishes between East Asian characters.
    source_break: bool,
    /// Line feeds due before the next word.
    breaks: u8,
    /// Most line feeds in a row.
    most: u8,
    /// What starts the next line instead of the indentation: a list item's marker.
    marker: String,
    /// Blanks before lines of list items that have no marker.
    indent: usize,
    /// Breaks are blanks while this is above zero (within a table's cell).
    flat: u32,
    /// Blank lines are single breaks while this is above zero (within a list).
    tight: u32,
}

impl<'o> Writer<'o> {
    pub(super) fn new(out: &'o mut String, blank_lines: bool) -> Self {
        let base = out.len();
        Self {
            out,
            base,
            space: false,
            source_break: false,
            breaks: 0,
            most: if blank_lines { 2 } else { 1 },
            marker: String::new(),
            indent: 0,
            flat: 0,
            tight: 0,
        }
    }

    /// Bytes of `out`.
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// The last character, if nothing is due after it.
    pub(super) fn last_char(&self) -> Option<char> {
        if self.space || self.breaks > 0 {
            return None;
        }
        self.out[self.base..].chars().next_back()
    }

    pub(super) fn set_break(&mut self, size: Break) {
        if self.flat > 0 {
            self.space = true;
            return;
        }
        let size = if self.tight > 0 { 1 } else { size as u8 };
        self.breaks = self.breaks.max(size).min(self.most);
    }

    /// `<br>`: two of them are a blank line.
    pub(super) fn line_break(&mut self) {
        if self.flat > 0 {
            self.space = true;
            return;
        }
        let most = if self.tight > 0 { 1 } else { self.most };
        self.breaks = (self.breaks + 1).min(most.max(self.breaks));
    }

    pub(super) fn flatten(&mut self) {
        self.flat += 1;
        self.space = false;
    }

    pub(super) fn unflatten(&mut self) {
        self.flat = self.flat.saturating_sub(1);
        self.space = false;
    }

    pub(super) fn tighten(&mut self) {
        self.tight += 1;
    }

    pub(super) fn untighten(&mut self) {
        self.tight = self.tight.saturating_sub(1);
    }

    pub(super) fn set_indent(&mut self, indent: usize) {
        self.indent = indent;
    }

    /// The marker of a list item, at the start of its first line; nothing if the item stays empty.
    pub(super) fn set_marker(&mut self, marker: &str, indent: usize) {
        if self.flat > 0 {
            return;
        }
        self.marker.clear();
        self.marker.extend(std::iter::repeat_n(' ', indent));
        self.marker.push_str(marker);
    }

    pub(super) fn clear_marker(&mut self) {
        self.marker.clear();
    }

    /// Writes what is due before a word that starts with `first`.
    fn before(&mut self, first: char) {
        let start = self.out.len() == self.base;
        if self.breaks > 0 || start || !self.marker.is_empty() {
            if !start {
                self.out.extend(std::iter::repeat_n('\n', usize::from(self.breaks.max(1))));
            }
            self.breaks = 0;
            if self.marker.is_empty() {
                self.out.extend(std::iter::repeat_n(' ', self.indent));
            } else {
                self.out.push_str(&self.marker);
                self.marker.clear();
            }
        } else if self.space {
            let joined = self.source_break
                && is_wide(first)
                && self.out.chars().next_back().is_some_and(is_wide);
            // A cell's border brings its blank along.
            if !joined && !self.out.ends_with(' ') {
                self.out.push(' ');
            }
        }
        self.space = false;
        self.source_break = false;
    }

    /// A word as it is (a formula, a cell's border), blanks before it as they are due.
    pub(super) fn word(&mut self, word: &str) {
        if let Some(first) = word.chars().next() {
            self.before(first);
            self.out.push_str(word);
        }
    }

    /// Appends to what stands there, whatever is due.
    pub(super) fn append(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Takes back what was written behind `len`.
    pub(super) fn truncate(&mut self, len: usize) {
        self.out.truncate(len);
    }

    pub(super) fn due_space(&mut self) {
        self.space = true;
    }

    /// Lines as they are, in a block of their own.
    pub(super) fn block(&mut self, lines: &str) {
        let lines = lines.trim_end();
        if lines.is_empty() {
            return;
        }
        if self.flat > 0 {
            self.text(lines);
            return;
        }
        // A marker alone on its line would cut the first line's indentation from the others.
        let indent = std::mem::take(&mut self.indent);
        self.set_break(Break::Paragraph);
        self.before('x');
        self.out.push_str(lines);
        self.indent = indent;
        self.set_break(Break::Paragraph);
    }

    /// Text of the page: blanks collapse.
    pub(super) fn text(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            match look(bytes, at) {
                Find::Blank(len) => {
                    self.space = true;
                    self.source_break |= bytes[at] == b'\n';
                    at += len;
                    continue;
                }
                Find::Nothing(len) => {
                    at += len;
                    continue;
                }
                Find::Plain(_) => {}
            }
            let end = segment(bytes, at);
            // Only whole characters are passed over, so this never falls back to nothing.
            let segment = text.get(at..end).unwrap_or_default();
            let first = segment.chars().next().unwrap_or(' ');
            if self.breaks > 0
                || self.space
                || !self.marker.is_empty()
                || self.out.len() == self.base
            {
                self.before(first);
            }
            self.out.push_str(segment);
            at = end;
        }
    }
}

/// The end of a run of words with single blanks between them.
fn segment(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while at < bytes.len() {
        match BYTES[bytes[at] as usize] {
            Byte::Plain => at += 1,
            Byte::Space => match bytes.get(at + 1) {
                Some(&next) if BYTES[next as usize] == Byte::Plain => at += 2,
                _ => return at,
            },
            Byte::Blank => return at,
            Byte::NoBreak | Byte::Mark => match look(bytes, at) {
                Find::Plain(len) => at += len,
                _ => return at,
            },
        }
    }
    at.min(bytes.len())
}

/// Characters between which a line break of the source is no blank: Han, kana, their punctuation and
/// full-width forms, but not hangul, whose words have blanks.
fn is_wide(character: char) -> bool {
    matches!(u32::from(character),
        0x2E80..=0x30FF | 0x31A0..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0xFE30..=0xFE4F
        | 0xFF01..=0xFF9F | 0x20000..=0x3FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collapse(texts: &[&str]) -> String {
        let mut out = String::new();
        let mut writer = Writer::new(&mut out, true);
        for text in texts {
            writer.text(text);
        }
        out
    }

    #[test]
    fn blanks_collapse_across_texts() {
        assert_eq!(collapse(&[" a  b\t\nc ", " d", "e "]), "a b c de");
        assert_eq!(collapse(&["a\u{a0}\u{a0}b", "\u{a0}"]), "a b");
        assert_eq!(collapse(&["\u{ad}hy\u{ad}phen\u{feff} ©x"]), "hyphen ©x");
        assert_eq!(collapse(&["", "\r\n", "x"]), "x");
    }

    #[test]
    fn line_breaks_of_the_source_vanish_in_east_asian_text() {
        assert_eq!(collapse(&["今日は\n  天気。\n「x"]), "今日は天気。「x");
        assert_eq!(collapse(&["今日 天気"]), "今日 天気");
        assert_eq!(collapse(&["한국\n어 word\n字"]), "한국 어 word 字");
    }

    #[test]
    fn breaks_wait_for_words() {
        let mut out = String::from("before:");
        let mut writer = Writer::new(&mut out, true);
        writer.set_break(Break::Paragraph);
        writer.text("a");
        writer.line_break();
        writer.text("b");
        writer.line_break();
        writer.line_break();
        writer.line_break();
        writer.text(" c");
        writer.set_break(Break::Paragraph);
        assert_eq!(out, "before:a\nb\n\nc");
    }

    #[test]
    fn without_blank_lines() {
        let mut out = String::new();
        let mut writer = Writer::new(&mut out, false);
        writer.text("a");
        writer.set_break(Break::Paragraph);
        writer.block("  x\n\n  y\n");
        writer.text("b");
        assert_eq!(out, "a\n  x\n\n  y\nb");
    }
}
