//! What several commands need to show things: tables, and texts that a terminal can be trusted with.

use std::fmt::Write;

use serde_json::Value;

/// Widest cell of a table, in characters.
const WIDEST: usize = 60;

/// Whether a terminal would obey the character instead of showing it: controls, and what turns the
/// direction of the text or hides in it.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A text in one line, at most `width` characters of it, with nothing in it that a terminal obeys.
pub(super) fn safe(text: &str, width: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(width * 4));
    for (index, c) in text.chars().enumerate() {
        if index == width {
            shown.push('…');
            break;
        }
        match c {
            '\n' => shown.push('⏎'),
            '\t' => shown.push(' '),
            c if acts(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// JSON with every character escaped that a terminal would obey; line ends stand outside strings.
pub(super) fn safe_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && acts(c) {
            // All of them lie in the basic plane.
            let _ = write!(shown, "\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A value as pretty JSON, for [`super::print`].
pub(super) fn json(value: &impl serde::Serialize) -> anyhow::Result<String> {
    Ok(safe_json(&format!("{}\n", serde_json::to_string_pretty(value)?)))
}

/// Rows under a header, in columns: numbers to the right, all else to the left.
pub(super) fn table(header: &[String], rows: &[Vec<Value>]) -> String {
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => safe(text, WIDEST),
        other => other.to_string(),
    };
    let cells: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    let columns = 0..header.len();
    let width = |column: usize| {
        let lengths = cells.iter().map(|row| row[column].chars().count());
        lengths.chain([header[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = columns.clone().map(width).collect();
    let numbers: Vec<bool> = columns
        .map(|column| rows.iter().all(|row| row[column].is_number() || row[column].is_null()))
        .collect();
    let mut text = String::new();
    let mut line = |cells: &[String]| {
        let mut line = String::new();
        for ((cell, width), number) in cells.iter().zip(&widths).zip(&numbers) {
            let gap = " ".repeat(width.saturating_sub(cell.chars().count()));
            let parts = if *number { [gap.as_str(), cell] } else { [cell, gap.as_str()] };
            line.extend(parts);
            line.push_str("  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    };
    line(header);
    for row in &cells {
        line(row);
    }
    text
}

/// Rows under a header as CSV (RFC 4180).
pub(super) fn csv(header: &[String], rows: &[Vec<Value>]) -> String {
    let field = |text: &str| {
        if text.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.to_owned()
        }
    };
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => field(text),
        other => field(&other.to_string()),
    };
    let mut text = header.iter().map(|name| field(name)).collect::<Vec<_>>().join(",");
    text.push('\n');
    for row in rows {
        text.push_str(&row.iter().map(cell).collect::<Vec<_>>().join(","));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_a_terminal_obeys_is_shown() {
        assert_eq!(safe("a\u{1b}[2Jb\nc\u{9b}d\u{202e}", 80), "a\\u{1b}[2Jb⏎c\\u{9b}d\\u{202e}");
        assert_eq!(safe("abcdef", 3), "abc…");
        assert_eq!(safe("abc", 3), "abc");
        let value = json!({ "text": "x\u{9b}\u{7f}\u{1b}" }).to_string();
        let shown = safe_json(&value);
        assert!(!shown.chars().any(char::is_control), "{shown}");
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap()["text"], "x\u{9b}\u{7f}\u{1b}");
    }

    #[test]
    fn tables_are_aligned_and_csv_is_quoted() {
        let header = ["name".to_owned(), "n".to_owned()];
        let rows = [vec![json!("ä,b"), json!(7)], vec![json!(null), json!(1234)]];
        assert_eq!(table(&header, &rows), "name     n\nä,b      7\n      1234\n");
        assert_eq!(csv(&header, &rows), "name,n\n\"ä,b\",7\n,1234\n");
    }
}
