//! What is to be seen of a line by itself.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::phrases::{At, BYLINES, MONTHS, PHRASES, Rule};
use crate::text::{Span, Word};

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Like a sentence.
    Stop,
    /// Within one: comma, colon, dash.
    Pause,
    /// `…` or `...`.
    Cut,
    /// With a bracket or quotation mark.
    Closed,
    /// With a word.
    Open,
}

/// A line that is not blank.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing seen or not")]
pub(super) struct Line {
    /// Without white space at its ends.
    pub(super) span: Span,
    /// Words; ideographs count as three fifths of one, as translations have it.
    pub(super) words: u32,
    pub(super) end: End,
    /// Commas and the like within.
    pub(super) pauses: u32,
    /// Words with case, those of them with a capital, those all in capitals.
    pub(super) cased: u32,
    pub(super) capital: u32,
    pub(super) shouted: u32,
    /// Small words of up to three letters, as function words are.
    pub(super) little: u32,
    pub(super) lower_start: bool,
    pub(super) letters: u32,
    pub(super) digits: u32,
    /// `|`, `»`, `>`, … between words.
    pub(super) separators: u32,
    pub(super) bullet: bool,
    pub(super) address: bool,
    /// Of source code.
    pub(super) code: bool,
    pub(super) rule: Option<Rule>,
    pub(super) hash: u64,
    /// Whether the document had the same line before.
    pub(super) again: bool,
}

/// Finds the phrases.
pub(super) struct Phrases {
    searcher: AhoCorasick,
    /// Rule, place and whether it is of letters of ASCII, which do not stand within words.
    kinds: Vec<(Rule, At, bool)>,
}

impl Phrases {
    pub(super) fn new() -> Result<Self, aho_corasick::BuildError> {
        let mut patterns = Vec::new();
        let mut kinds = Vec::new();
        for (rule, at, list) in PHRASES {
            for phrase in list.split('/') {
                patterns.push(phrase);
                kinds.push((*rule, *at, phrase.is_ascii()));
            }
        }
        let searcher = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(patterns)?;
        Ok(Self { searcher, kinds })
    }

    /// The rule of a line of `words` words.
    fn find(&self, line: &str, words: u32) -> Option<Rule> {
        if words > 60 || line.len() > 1_000 {
            return None;
        }
        let core = line.trim_matches(is_trimming);
        let base = core.as_ptr() as usize - line.as_ptr() as usize;
        let mut best: Option<(usize, Rule)> = None;
        for found in self.searcher.find_overlapping_iter(line) {
            let (rule, at, ascii) = self.kinds[found.pattern().as_usize()];
            let (start, end) = (found.start(), found.end());
            let bytes = line.as_bytes();
            let part = |at: Option<usize>| {
                at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric)
            };
            let first = bytes[start].is_ascii_alphanumeric() && part(start.checked_sub(1));
            let last = bytes[end - 1].is_ascii_alphanumeric() && part(Some(end));
            if ascii && (first || last) {
                continue;
            }
            let fits = match at {
                At::Whole => start <= base && end >= base + core.len(),
                At::Start => start <= base && words <= 8,
                At::Short => words <= 12,
                At::Long => true,
            };
            if fits && best.is_none_or(|(length, _)| end - start > length) {
                best = Some((end - start, rule));
            }
        }
        best.map(|(_, rule)| rule)
    }
}

/// What may stand around a phrase that is all of a line.
fn is_trimming(c: char) -> bool {
    !c.is_alphabetic() && !matches!(c, '+' | '*' | '(' | ')' | '[' | ']')
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..)
}

const SEPARATORS: &str = "|»›>•·/▸→⟩";

/// Looks at the line of `text` at `span`, which has the words `words`; `None` for a blank line.
pub(super) fn look(text: &str, span: Span, words: &[Word], phrases: &Phrases) -> Option<Line> {
    let whole = span.of(text);
    let line = whole.trim();
    if line.is_empty() {
        return None;
    }
    let start = span.start as usize + (whole.len() - whole.trim_start().len());
    let mut seen = Line {
        span: Span::new(start, start + line.len()),
        words: 0,
        end: end(line),
        pauses: 0,
        cased: 0,
        capital: 0,
        shouted: 0,
        little: 0,
        lower_start: false,
        letters: 0,
        digits: 0,
        separators: 0,
        bullet: false,
        address: false,
        code: false,
        rule: None,
        again: false,
        hash: xxhash_rust::xxh3::xxh3_64(line.as_bytes()),
    };
    count_characters(line, &mut seen);
    let mut fifths = 0;
    for word in words {
        let word_text = word.of(text);
        let mut chars = word_text.chars();
        let Some(first) = chars.next() else { continue };
        if is_ideograph(first) {
            fifths += 3;
            continue;
        }
        fifths += 5;
        let (upper, lower) = (first.is_uppercase(), first.is_lowercase());
        if upper || lower {
            seen.cased += 1;
            seen.capital += u32::from(upper);
            let second = chars.next();
            seen.shouted += u32::from(upper && second.is_some_and(char::is_uppercase));
            seen.little += u32::from(lower && word.end - word.start <= 3);
        }
    }
    seen.words = u32::div_ceil(fifths, 5);
    let mut first = line.chars();
    let (one, two) = (first.next(), first.next());
    seen.lower_start = one.is_some_and(char::is_lowercase);
    seen.bullet = one.is_some_and(|c| "•·-*–—‣▪◦●■○".contains(c)) && two == Some(' ');
    seen.address = has(line, "http://")
        || has(line, "https://")
        || has(line, "www.")
        || memchr::memchr(b'@', line.as_bytes()).is_some();
    seen.code = is_code(line, &seen);
    if !seen.code {
        seen.rule = phrases.find(line, seen.words).or_else(|| by_form(text, line, words, &seen));
    }
    Some(seen)
}

fn has(line: &str, needle: &str) -> bool {
    memchr::memmem::find(line.as_bytes(), needle.as_bytes()).is_some()
}

fn count_characters(line: &str, seen: &mut Line) {
    let mut before = ' ';
    for c in line.chars() {
        seen.pauses += u32::from(c == ' ' && matches!(before, '.' | '?' | '!' | ':'));
        match c {
            'a'..='z' | 'A'..='Z' => seen.letters += 1,
            '0'..='9' => seen.digits += 1,
            ',' | ';' | '，' | '、' | '；' | '،' | '。' | '？' | '！' | '：' | '।' => {
                seen.pauses += 1;
            }
            _ if c.is_alphabetic() => seen.letters += 1,
            _ if SEPARATORS.contains(c) => seen.separators += 1,
            _ => {}
        }
        before = c;
    }
    // The mark at the end is not within.
    seen.pauses = seen.pauses.saturating_sub(u32::from("。？！：，；、,;".contains(before)));
}

fn end(line: &str) -> End {
    let Some(last) = line.chars().next_back() else { return End::Open };
    if line.ends_with("...") {
        return End::Cut;
    }
    match last {
        '…' => End::Cut,
        '.' | '!' | '?' | '。' | '！' | '？' | '।' | '॥' | '۔' | '؟' | '．' | '።' | '‼' => {
            End::Stop
        }
        ',' | ':' | ';' | '，' | '：' | '；' | '、' | '-' | '–' | '—' | '،' => End::Pause,
        '"' | '”' | '’' | '\'' | '»' | '」' | '』' | ')' | ']' | '）' | '】' | '“' | '«' =>
        {
            let inner = line.trim_end_matches(|c| "\"”’'»」』)]）】“«".contains(c));
            let stop = inner.ends_with(['.', '!', '?', '。', '！', '？', '…']);
            if stop { End::Stop } else { End::Closed }
        }
        _ => End::Open,
    }
}

/// Whether a line is of a program rather than of a page.
fn is_code(line: &str, seen: &Line) -> bool {
    let bytes = line.as_bytes();
    let starts =
        ["//", "/*", "*/", "* ", "#", "--", ";;", "%", "{", "}", "<", "@", "'''", "$ ", "\\"];
    if starts.iter().any(|start| line.starts_with(start)) {
        return true;
    }
    let signs = bytes.iter().filter(|byte| b"{}[]()=<>;:_$\\\"'#&*+%".contains(byte)).count();
    line.ends_with([';', '{', '}', '\\']) && signs > 1
        || signs * 5 > bytes.len() && seen.words > 0 && signs > 2
}

/// Rules that go by the form of a line.
fn by_form(text: &str, line: &str, words: &[Word], seen: &Line) -> Option<Rule> {
    if words.is_empty() {
        return None;
    }
    let few = seen.words <= 12;
    let pieces = seen.separators + 1;
    // `Home > News > Local`, `首页|新闻|图片`: hardly more than words and what parts them.
    let spaced = seen.separators >= 2 && seen.words <= 6 * pieces && seen.end != End::Stop;
    if spaced && seen.words >= pieces && seen.pauses <= seen.separators / 2 && !seen.address {
        return Some(Rule::Links);
    }
    if seen.end == End::Cut
        && seen.words >= 3
        && seen.words <= 60
        && seen.pauses <= 3
        && seen.words > 5
    {
        return Some(Rule::Teaser);
    }
    if few && is_byline(text, line, words, seen) {
        return Some(Rule::Byline);
    }
    if seen.letters == 0 && seen.words >= 3 {
        let mut numbers = words.iter().map(|word| word.of(text).parse::<u16>().ok());
        let mut next = || numbers.next().flatten();
        if let (Some(one), Some(two), Some(three)) = (next(), next(), next())
            && one.checked_add(1) == Some(two)
            && two.checked_add(1) == Some(three)
        {
            return Some(Rule::Pagination);
        }
    }
    None
}

fn is_byline(text: &str, line: &str, words: &[Word], seen: &Line) -> bool {
    let starts = |prefix: &&str| {
        line.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let dated = seen.digits >= 4 && {
        let month = words.iter().any(|word| {
            let word = word.of(text);
            MONTHS.iter().any(|month| word.eq_ignore_ascii_case(month))
        });
        month || is_numeric_date(line)
    };
    if seen.end == End::Stop && !line.ends_with('.') || seen.words > 12 {
        return false;
    }
    dated && seen.words <= 8 || BYLINES.iter().any(starts) && (seen.words <= 6 || dated)
}

/// `2017-03-10`, `10.3.2017`, `2017年3月10日`.
fn is_numeric_date(line: &str) -> bool {
    let mut numbers = 0;
    let mut run = 0;
    let mut year = false;
    for c in line.chars().chain([' ']) {
        match c {
            '0'..='9' => run += 1,
            '-' | '/' | '.' | '年' | '月' | '日' | ' ' if (1..=4).contains(&run) => {
                numbers += 1;
                year |= run == 4;
                run = 0;
            }
            _ => run = 0,
        }
    }
    numbers >= 3 && year
}
