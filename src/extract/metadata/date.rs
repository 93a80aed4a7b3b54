//! Dates as pages write them, in ISO 8601.

use std::fmt::Write;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Numbers at the start of a text; no more digits than given are taken.
fn number(text: &str, digits: usize) -> Option<(u32, &str)> {
    let len = text.bytes().take(digits).take_while(u8::is_ascii_digit).count();
    Some((text[..len].parse().ok()?, &text[len..]))
}

fn valid(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1900..2100).contains(&year) && (1..=days).contains(&day)
}

/// A date, with its time and offset where the text has them: `2024-03-09`,
/// `2024-03-09T08:15:00+01:00`. None where the text is no date that can be read in one way only.
pub(super) fn iso(text: &str) -> Option<String> {
    let text = text.trim();
    let (year, month, day, rest) = year_first(text).or_else(|| month_in_letters(text))?;
    if !valid(year, month, day) {
        return None;
    }
    let mut out = format!("{year:04}-{month:02}-{day:02}");
    if let Some(time) = time(rest) {
        out.push('T');
        out.push_str(&time);
    }
    Some(out)
}

/// `2024-03-09…`, `2024/3/9`, `2024.03.09`, `20240309`, `2024年3月9日`.
fn year_first(text: &str) -> Option<(u32, u32, u32, &str)> {
    let (year, rest) = number(text, 4)?;
    if year < 1000 {
        return None;
    }
    if rest.len() >= 4 && rest.as_bytes()[..4].iter().all(u8::is_ascii_digit) {
        let (month, rest) = number(rest, 2)?;
        let (day, rest) = number(rest, 2)?;
        // A longer number is a time stamp of another kind.
        return (!rest.starts_with(|next: char| next.is_ascii_digit()))
            .then_some((year, month, day, rest));
    }
    let sign = rest.chars().next().filter(|sign| matches!(sign, '-' | '/' | '.' | '年'))?;
    let (month, rest) = number(&rest[sign.len_utf8()..], 2)?;
    let sign = rest.chars().next().filter(|sign| matches!(sign, '-' | '/' | '.' | '月'))?;
    let (day, rest) = number(&rest[sign.len_utf8()..], 2)?;
    Some((year, month, day, rest.trim_start_matches('日')))
}

/// `Sat, 09 Mar 2024 08:15:00 GMT`, `March 9, 2024`, `9 March 2024`, `9th Mar. 2024`.
fn month_in_letters(text: &str) -> Option<(u32, u32, u32, &str)> {
    const WORDS: usize = 6;
    let mut day = None;
    let mut month = None;
    let mut rest = text;
    for _ in 0..WORDS {
        rest = rest.trim_start_matches([' ', ',', '.', '\u{a0}', '-']);
        if rest.starts_with(|next: char| next.is_ascii_digit()) {
            let (value, after) = number(rest, 4)?;
            rest = after;
            for ordinal in ["st", "nd", "rd", "th"] {
                rest = rest.strip_prefix(ordinal).unwrap_or(rest);
            }
            match (day, month) {
                (_, Some(month)) if value >= 1000 => return Some((value, month, day?, rest)),
                _ => day = Some(value),
            }
            continue;
        }
        let len = rest.find(|next: char| !next.is_alphabetic()).unwrap_or(rest.len());
        if len == 0 {
            return None;
        }
        let word = rest[..len].to_ascii_lowercase();
        let found = MONTHS
            .iter()
            .position(|known| word.starts_with(known) && (word.len() == 3 || word.len() > 3));
        if let (Some(found), None) = (found, month) {
            month = Some(u32::try_from(found).ok()? + 1);
        }
        rest = &rest[len..];
    }
    None
}

/// What follows a date: a time and its offset.
fn time(rest: &str) -> Option<String> {
    let rest = rest.trim_start_matches(['T', 't', ' ', ',']);
    let (hour, rest) = number(rest, 2)?;
    let (minute, mut rest) = number(rest.strip_prefix(':')?, 2)?;
    let mut second = 0;
    if let Some((value, after)) = rest.strip_prefix(':').and_then(|rest| number(rest, 2)) {
        (second, rest) = (value, after);
        if let Some(fraction) = rest.strip_prefix(['.', ',']) {
            rest = fraction.trim_start_matches(|next: char| next.is_ascii_digit());
        }
    }
    let rest = rest.trim_start();
    // Half a day is lost with these, so the time is left out.
    let lower = rest.get(..2).unwrap_or_default().to_ascii_lowercase();
    if hour > 23 || minute > 59 || second > 59 || matches!(lower.as_str(), "am" | "pm") {
        return None;
    }
    let mut out = format!("{hour:02}:{minute:02}:{second:02}");
    if rest.starts_with(['Z', 'z']) || rest.starts_with("GMT") || rest.starts_with("UTC") {
        out.push('Z');
    } else if let Some(sign) = rest.chars().next().filter(|sign| matches!(sign, '+' | '-'))
        && let Some((hours, rest)) = number(&rest[1..], 2)
    {
        let rest = rest.strip_prefix(':').unwrap_or(rest);
        let minutes = number(rest, 2).map_or(0, |(minutes, _)| minutes);
        if hours <= 14 && minutes <= 59 {
            let _ = write!(out, "{sign}{hours:02}:{minutes:02}");
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::iso;

    #[test]
    fn dates_of_all_kinds() {
        let cases = [
            ("2024-03-09", "2024-03-09"),
            ("2024-03-09T08:15:30.123+0100", "2024-03-09T08:15:30+01:00"),
            ("2024-03-09 08:15", "2024-03-09T08:15:00"),
            ("2024-3-9T8:15:00Z", "2024-03-09T08:15:00Z"),
            ("20240309", "2024-03-09"),
            ("2024/03/09", "2024-03-09"),
            ("2024年3月9日", "2024-03-09"),
            ("Sat, 09 Mar 2024 08:15:00 GMT", "2024-03-09T08:15:00Z"),
            ("March 9th, 2024", "2024-03-09"),
            ("9 March 2024", "2024-03-09"),
            ("March 9, 2024 at 3:20 pm", "2024-03-09"),
        ];
        for (text, expected) in cases {
            assert_eq!(iso(text).as_deref(), Some(expected), "{text}");
        }
        for text in
            ["", "yesterday", "2024-02-30", "03/04/2024", "1700000000", "2024", "March 2024", "٣"]
        {
            assert_eq!(iso(text), None, "{text}");
        }
    }
}
