//! Cuts a text into the pieces that are scored: sentences, short ones together, long ones apart.

use std::ops::Range;

/// Weights are half words: a word of letters and digits weighs 2, a character of Chinese or Japanese
/// 1. A window has at least so much, where the text goes on.
const LEAST: u32 = 10;
/// A window has at most so much: 60 words, 120 characters of Chinese.
const MOST: u32 = 120;
/// A window has at most so many characters, whatever they are.
const MOST_CHARS: u32 = 1_000;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Class {
    /// A letter or digit of a script with spaces.
    Word,
    /// A Chinese or Japanese character, a word in itself.
    Ideograph,
    Space,
    Newline,
    /// Ends a sentence where white space follows.
    Stop,
    /// Ends a sentence.
    WideStop,
    /// May stand between the stop and the end of the sentence.
    Closer,
    /// A good place to cut behind.
    Comma,
    Other,
}

fn class(c: char) -> Class {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => Class::Word,
        '\n' => Class::Newline,
        ' ' | '\t' | '\r' | '\u{b}' | '\u{c}' => Class::Space,
        '.' | '!' | '?' | '…' => Class::Stop,
        '。' | '！' | '？' | '；' => Class::WideStop,
        '"' | '\'' | ')' | ']' | '”' | '’' | '」' | '』' | '）' => Class::Closer,
        ',' | ':' | ';' | '，' | '、' | '：' => Class::Comma,
        _ if c.is_ascii() => Class::Other,
        '\u{2e80}'..='\u{2fff}'
        | '\u{3005}'..='\u{3007}'
        | '\u{3021}'..='\u{30ff}'
        | '\u{31a0}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{a4cf}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' => Class::Ideograph,
        _ if c.is_whitespace() => Class::Space,
        _ if c.is_alphanumeric() => Class::Word,
        _ => Class::Other,
    }
}

/// What the characters before say about the next one.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    /// A stop, and closers perhaps.
    Stop,
    /// A wide stop, and closers perhaps.
    WideStop,
    Newline,
}

/// Fills `windows` with the windows of `text`, in order. They do not overlap; between and behind
/// them nothing is left but text without a word. One pass.
pub(super) fn windows(text: &str, windows: &mut Vec<Range<usize>>) {
    windows.clear();
    let mut cutter = Cutter::default();
    let mut before = Before::Nothing;
    let mut in_word = false;
    for (at, c) in text.char_indices() {
        let class = class(c);
        let ends = match before {
            Before::Nothing => false,
            Before::Stop => matches!(class, Class::Space | Class::Newline),
            Before::WideStop => !matches!(class, Class::WideStop | Class::Closer),
            Before::Newline => class != Class::Newline,
        };
        if ends {
            cutter.end_sentence(at, windows);
        }
        let weight = match class {
            Class::Word if !in_word => 2,
            Class::Ideograph => 1,
            _ => 0,
        };
        in_word = class == Class::Word;
        cutter.take(at, weight, class == Class::Word, windows);
        if matches!(class, Class::Space | Class::Comma) {
            cutter.soft_break(at + c.len_utf8());
        }
        before = match (class, before) {
            (Class::Newline, _) => Before::Newline,
            (Class::Stop, _) => Before::Stop,
            (Class::WideStop, _) => Before::WideStop,
            (Class::Closer, Before::Stop | Before::WideStop) => before,
            _ => Before::Nothing,
        };
    }
    cutter.finish(text.len(), windows);
}

/// Where the window begins that is being filled, and how full it is.
#[derive(Debug, Default)]
struct Cutter {
    start: usize,
    weight: u32,
    chars: u32,
    /// Where its last sentence begins, and what stands before that.
    sentence: usize,
    before: (u32, u32),
    /// Behind its last comma or space, and what stands before that.
    soft: usize,
    before_soft: (u32, u32),
}

impl Cutter {
    /// A character at `at` comes to the window, or begins the next one.
    fn take(&mut self, at: usize, weight: u32, word: bool, windows: &mut Vec<Range<usize>>) {
        let mut weight = weight;
        if self.weight + weight > MOST || self.chars >= MOST_CHARS {
            let (cut, before) = if self.sentence > self.start && self.before.0 > 0 {
                (self.sentence, self.before)
            } else if self.soft > self.start {
                (self.soft, self.before_soft)
            } else {
                (at, (self.weight, self.chars))
            };
            if before.0 > 0 {
                windows.push(self.start..cut);
            }
            let (rest, chars) = (self.weight - before.0, self.chars - before.1);
            *self = Self {
                start: cut,
                weight: rest,
                chars,
                sentence: cut,
                soft: cut,
                ..Self::default()
            };
            if cut == at && word {
                // The rest of a word that is cut through is a word.
                weight = 2;
            }
        }
        self.weight += weight;
        self.chars += 1;
    }

    fn soft_break(&mut self, at: usize) {
        self.soft = at;
        self.before_soft = (self.weight, self.chars);
    }

    fn end_sentence(&mut self, at: usize, windows: &mut Vec<Range<usize>>) {
        if self.weight >= LEAST {
            windows.push(self.start..at);
            *self = Self { start: at, sentence: at, soft: at, ..Self::default() };
        } else {
            self.sentence = at;
            self.before = (self.weight, self.chars);
        }
    }

    /// The rest is a window of its own, or part of the last one where it is short.
    fn finish(self, end: usize, windows: &mut Vec<Range<usize>>) {
        if self.weight == 0 {
            return;
        }
        match windows.last_mut() {
            // A window holds up to MOST, so that a short rest makes it hardly longer.
            Some(last) if self.weight < LEAST && last.end == self.start => last.end = end,
            _ => windows.push(self.start..end),
        }
    }
}
