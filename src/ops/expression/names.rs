//! Names in SQL expressions: found before polars sees them, since `gopher-quality.word_count` would
//! read as a subtraction there.

use super::Source;
use crate::config::diagnostic::nearest;
use crate::ops::Columns;

/// Functions that look at one row only. Everything else is refused: a function over many rows
/// would give other results for other batch sizes. `EXP`, `LN` and the like are left out since
/// their last digit depends on the machine.
const FUNCTIONS: &[&str] = &[
    "ABS",
    "BIT_LENGTH",
    "CAST",
    "CEIL",
    "CEILING",
    "CHAR_LENGTH",
    "CHARACTER_LENGTH",
    "COALESCE",
    "CONCAT",
    "CONCAT_WS",
    "DATE",
    "DATE_PART",
    "DIV",
    "ENDS_WITH",
    "EXTRACT",
    "FLOOR",
    "GREATEST",
    "IF",
    "IFNULL",
    "INITCAP",
    "LEAST",
    "LEFT",
    "LENGTH",
    "LOWER",
    "LTRIM",
    "MOD",
    "NULLIF",
    "OCTET_LENGTH",
    "REGEXP_LIKE",
    "REPLACE",
    "REVERSE",
    "RIGHT",
    "ROUND",
    "RTRIM",
    "SIGN",
    "STARTS_WITH",
    "STRPOS",
    "SUBSTR",
    "SUBSTRING",
    "TRIM",
    "TRY_CAST",
    "UPPER",
];

/// Keywords behind which a parenthesis is no call.
const KEYWORDS: &[&str] = &[
    "AND", "BETWEEN", "CASE", "ELSE", "END", "ESCAPE", "ILIKE", "IN", "IS", "LIKE", "NOT", "OR",
    "RLIKE", "REGEXP", "SIMILAR", "THEN", "TO", "WHEN", "XOR", "INT", "INTEGER", "BIGINT", "FLOAT",
    "DOUBLE", "VARCHAR", "TEXT", "BOOLEAN", "AS", "FROM", "FOR", "DECIMAL", "NUMERIC",
];

/// Quotes the names of columns that are no plain SQL identifiers and refuses functions over rows.
pub(super) fn quote(sql: &str, columns: &Columns) -> Result<String, String> {
    let known = columns.metadata.iter().chain(columns.signals.iter().map(|(name, _)| name));
    let known: Vec<&str> = known.map(String::as_str).collect();
    rewrite(sql, &known, |word, behind| {
        check_call(word, behind)?;
        Ok(None)
    })
}

/// Walks over SQL outside its literals: puts quotes around the names of `known` with a dot or dash
/// in them, and hands every other word to `change` with the text behind it; what that gives takes
/// the word's place.
pub(crate) fn rewrite(
    sql: &str,
    known: &[&str],
    mut change: impl FnMut(&str, &str) -> Result<Option<String>, String>,
) -> Result<String, String> {
    let mut quoted = String::with_capacity(sql.len() + 16);
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = if first == '\'' || first == '"' {
            literal(rest, first)
        } else if first.is_ascii_alphabetic() || first == '_' {
            let name = longest_name(rest, known);
            if let Some(name) = name {
                quoted.push('"');
                quoted.push_str(name);
                quoted.push('"');
                rest = &rest[name.len()..];
                continue;
            }
            let end =
                rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
            if let Some(other) = change(&rest[..end], &rest[end..])? {
                quoted.push_str(&other);
                rest = &rest[end..];
                continue;
            }
            end
        } else if first.is_ascii_digit() {
            // The `e` of `1e5` begins no word.
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        quoted.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    Ok(quoted)
}

/// Length of the literal or quoted name that `sql` starts with; a doubled quote stays inside.
fn literal(sql: &str, quote: char) -> usize {
    let mut end = 1;
    while let Some(found) = sql[end..].find(quote) {
        end += found + 1;
        if !sql[end..].starts_with(quote) {
            return end;
        }
        end += 1;
    }
    sql.len()
}

/// The longest column name with a dot or dash in it that `sql` starts with.
fn longest_name<'a>(sql: &'a str, known: &[&str]) -> Option<&'a str> {
    known
        .iter()
        .filter(|name| name.contains(['.', '-']) && sql.starts_with(**name))
        .filter(|name| {
            let next = sql[name.len()..].chars().next();
            !next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
        })
        .map(|name| &sql[..name.len()])
        .max_by_key(|name| name.len())
}

fn check_call(word: &str, behind: &str) -> Result<(), String> {
    let upper = word.to_ascii_uppercase();
    if upper == "SELECT" || upper == "OVER" {
        return Err(format!(
            "`{word}` looks at other rows; an expression may look at one document only"
        ));
    }
    let is_call = behind.trim_start().starts_with('(');
    if is_call && !FUNCTIONS.contains(&upper.as_str()) && !KEYWORDS.contains(&upper.as_str()) {
        return Err(format!(
            "the function `{word}` cannot be used here; these can: {}",
            FUNCTIONS.join(", ")
        ));
    }
    Ok(())
}

/// Finds the column that a name means: metadata, then a signal's full name, then a bare signal
/// name that only one stage has.
pub(crate) fn resolve(name: &str, columns: &Columns) -> Result<Source, String> {
    if let Some(index) = columns.metadata.iter().position(|field| field == name) {
        return Ok(Source::Metadata(index));
    }
    let signal = |index: usize| Source::Signal(index, columns.signals[index].1);
    if let Some(index) = columns.signals.iter().position(|(full, _)| full == name) {
        return Ok(signal(index));
    }
    let bare =
        |full: &str| full.rsplit_once('.').map_or(full.to_owned(), |(_, bare)| bare.to_owned());
    let matching: Vec<usize> = (0..columns.signals.len())
        .filter(|&index| bare(&columns.signals[index].0) == name)
        .collect();
    match matching.as_slice() {
        [index] => Ok(signal(*index)),
        [] => Err(unknown(name, columns)),
        several => {
            let full: Vec<_> =
                several.iter().map(|&i| format!("`{}`", columns.signals[i].0)).collect();
            Err(format!("`{name}` could be {}; name the stage", full.join(" or ")))
        }
    }
}

fn unknown(name: &str, columns: &Columns) -> String {
    let mut known: Vec<&str> = columns.metadata.iter().map(String::as_str).collect();
    for (full, _) in &columns.signals {
        known.push(full);
        known.extend(full.rsplit_once('.').map(|(_, bare)| bare));
    }
    let missing = format!("there is no column `{name}` before this stage");
    match nearest(name, &known) {
        Some(near) => format!("{missing}; did you mean `{near}`?"),
        None if known.is_empty() => {
            format!("{missing}: no field is kept and no stage before this one computes a signal")
        }
        None => format!("{missing}; there are: {}", known.join(", ")),
    }
}
