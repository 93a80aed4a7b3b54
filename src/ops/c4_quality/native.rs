//! The rules for any language.

use std::sync::LazyLock;

use icu_properties::CodePointSetData;
use icu_properties::props::SentenceTerminal;

use super::datatrove::over;
use super::{
    CURLY_BRACKET, Counts, Decision, Document, DocumentOp, Found, LOREM_IPSUM, Row, Rules, Scratch,
    TOO_LONG, Walk, WordKind, has_long_word, without_citations,
};
use crate::text::{Analysis, Span};

pub(super) struct Native(Rules);

impl Native {
    pub(super) fn new(rules: Rules) -> Self {
        Self(rules)
    }
}

impl DocumentOp for Native {
    type Scratch = Scratch;

    fn document<'a>(
        &'a self,
        document: Document<'a>,
        scratch: &mut Scratch,
        row: &mut Row<'a>,
    ) -> Decision {
        let text = document.text;
        let mut counts = Counts::default();
        let drop = self.lines(document, scratch, &mut counts);
        counts.set(row);
        let decision = match (drop, counts.sentences) {
            (Some(reason), _) => Decision::Drop(reason),
            (None, sentences) => {
                let sentences = i64::try_from(sentences.unwrap_or(0)).unwrap_or(i64::MAX);
                self.0.settings.enough(sentences)
            }
        };
        if decision == Decision::Keep {
            scratch.lines.finish(text, row);
        }
        decision
    }
}

impl Native {
    fn lines(
        &self,
        document: Document<'_>,
        scratch: &mut Scratch,
        counts: &mut Counts,
    ) -> Option<crate::document::Reason> {
        let text = document.text;
        let Rules { settings, phrases } = &self.0;
        if settings.max_chars.is_some_and(|most| over(text, most)) {
            return Some(TOO_LONG);
        }
        let words = document.analysis.words(text, WordKind::Unicode);
        let mut walk = Walk { words };
        let mut found = phrases.find(text).peekable();
        let has_brackets = memchr::memchr(b'[', text.as_bytes()).is_some();
        let has_curly = memchr::memchr(b'{', text.as_bytes()).is_some();
        let (mut sentences, mut words_after) = (0, 0);
        scratch.lines.clear();
        for span in document.analysis.lines(text) {
            let whole = span.of(text).trim();
            if whole.is_empty() {
                continue;
            }
            counts.lines += 1;
            let start = whole.as_ptr() as usize - text.as_ptr() as usize;
            let span = Span::new(start, start + whole.len());
            if has_long_word(whole, settings.max_word_length, char::is_whitespace) {
                counts.long_word += 1;
                continue;
            }
            scratch.line.clear();
            let edited = has_brackets
                && settings.citations
                && without_citations(whole, char::is_numeric, &mut scratch.line);
            let line = if edited { scratch.line.trim() } else { whole };
            if settings.terminal_punctuation && !ends_well(line) {
                counts.end += 1;
                continue;
            }
            let line_words = walk.within(span).len();
            if (line_words as u64) < settings.min_words_per_line {
                counts.few_words += 1;
                continue;
            }
            // Phrases of lines that are out by now are passed over here as well; and words that a
            // citation stood between may make a phrase.
            let mut searched = edited;
            while found.next_if(|(_, at)| *at < span.end as usize).is_some() {
                searched = true;
            }
            let has = if searched { phrases.kinds(line) } else { Found::default() };
            if settings.lorem_ipsum && has.lorem_ipsum {
                return Some(LOREM_IPSUM);
            }
            if settings.javascript && has.javascript {
                counts.javascript += 1;
                continue;
            }
            if settings.curly_bracket && has_curly && line.contains('{') {
                return Some(CURLY_BRACKET);
            }
            if settings.policy && has.policy {
                counts.policy += 1;
                continue;
            }
            counts.kept += 1;
            sentences += count_sentences(line);
            if edited {
                words_after += Analysis::default().words(line, WordKind::Unicode).len();
                scratch.lines.push(line);
            } else {
                words_after += line_words;
                scratch.lines.keep(span);
            }
        }
        counts.sentences = Some(sentences);
        counts.words = Some((words.len(), words_after));
        None
    }
}

/// Whether a character ends sentences: the Unicode property Sentence_Terminal.
fn is_terminal(c: char) -> bool {
    let point = c as usize;
    match TERMINALS.get(point >> 6) {
        Some(bits) => bits >> (point & 63) & 1 != 0,
        None => CodePointSetData::new::<SentenceTerminal>().contains(c),
    }
}

/// Those of the first plane, a bit each: the set itself takes a search.
static TERMINALS: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let mut bits = vec![0; 1 << 10];
    for range in CodePointSetData::new::<SentenceTerminal>().iter_ranges() {
        for point in range.filter(|point| *point < 1 << 16) {
            bits[point as usize >> 6] |= 1 << (point & 63);
        }
    }
    bits
});

/// The bytes that characters of [`is_terminal`] may start with.
static MAY_END: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0xd6;
    while byte < 0x100 {
        // U+3000 to U+3FFF have full stops; the ideographs and Hangul behind them have none.
        table[byte] = !matches!(byte, 0xe4..=0xe9 | 0xeb..=0xec);
        byte += 1;
    }
    table[b'.' as usize] = true;
    table[b'!' as usize] = true;
    table[b'?' as usize] = true;
    table
};

/// Marks that end a sentence without white space behind.
fn is_east_asian(c: char) -> bool {
    matches!(c, '。' | '！' | '？' | '｡' | '．')
}

fn is_closing_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '”' | '’' | '»' | '›' | '」' | '』' | '“')
}

fn is_closing_bracket(c: char) -> bool {
    matches!(c, ')' | ']' | '）' | '］' | '】' | '》' | '〉' | '〗')
}

/// Whether a line ends like a sentence, by the rule in the op's documentation.
pub(in crate::ops) fn ends_well(line: &str) -> bool {
    let core = line.trim_end_matches(is_closing_bracket);
    let last = core.chars().next_back();
    last.is_some_and(|c| is_closing_quote(c) && core.len() == line.len() || is_terminal(c))
        && !core.ends_with("...")
}

/// The number of sentences of a line, by the rule in the op's documentation.
pub(super) fn count_sentences(line: &str) -> usize {
    let mut sentences = 1;
    let bytes = line.as_bytes();
    let mut at = 0;
    let ascii = bytes.is_ascii();
    loop {
        let next = if ascii {
            memchr::memchr3(b'.', b'!', b'?', &bytes[at..])
        } else {
            bytes[at..].iter().position(|byte| MAY_END[usize::from(*byte)])
        };
        let Some(next) = next else { break };
        at += next;
        let Some(c) = line[at..].chars().next() else { break };
        if !is_terminal(c) {
            at += c.len_utf8();
            continue;
        }
        let start = at;
        let mut east_asian = false;
        let mut run = 0;
        let mut rest = &line[at..];
        while let Some(c) = rest.chars().next() {
            if is_terminal(c) {
                run += 1;
                east_asian |= is_east_asian(c);
            } else if !(is_closing_quote(c) || is_closing_bracket(c)) {
                break;
            }
            rest = &rest[c.len_utf8()..];
        }
        at = line.len() - rest.len();
        let next = rest.trim_start();
        if next.is_empty() || (next.len() == rest.len() && !east_asian) {
            continue;
        }
        let initial = c == '.' && run == 1 && {
            let mut before = line[..start].chars().rev();
            before.next().is_some_and(char::is_uppercase)
                && !before.next().is_some_and(char::is_alphanumeric)
        };
        let goes_on = next.chars().next().is_some_and(char::is_lowercase);
        sentences += usize::from(!initial && !goes_on);
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_at_marks_with_more_text_behind() {
        for (line, expected) in [
            ("", 1),
            ("No mark", 1),
            ("One. Two? \"Three!\" Four.", 4),
            ("It cost 3.5 kg. of it", 1),
            ("J. R. Smith met U.S. troops.", 1),
            ("He asked (why?) and left... then came.", 1),
            ("Wait!!! What?", 2),
            ("今天天气很好。我们去公园吧！好", 3),
            ("「はい。」と言った。終わり", 3),
            ("यह एक वाक्य है। यह दूसरा है।", 2),
            ("Это раз. Это два.", 2),
        ] {
            assert_eq!(count_sentences(line), expected, "{line}");
        }
    }

    #[test]
    fn the_table_of_first_bytes_leaves_out_no_terminal() {
        for c in ('\0'..=char::MAX).filter(|c| is_terminal(*c)) {
            assert!(MAY_END[usize::from(c.to_string().as_bytes()[0])], "{c}");
        }
    }

    #[test]
    fn lines_end_well_in_any_script() {
        for line in ["a.", "a?", "a!)", "“a.”", "a\"", "“a”", "好。", "好！」", "है।", "(a.)"]
        {
            assert!(ends_well(line), "{line}");
        }
        for line in ["", "a", "a...", "a…", "a,", "a:", "(a)", "a...)", "好，"] {
            assert!(!ends_well(line), "{line}");
        }
    }
}
