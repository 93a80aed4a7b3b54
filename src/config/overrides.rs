//! `--set key=value`: overrides from the command line, applied to the parsed table.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;
use super::diagnostic::nearest;

/// The text of a file with a line behind it for each override, so that messages can point at one.
pub(super) fn append(text: &str, overrides: &[String]) -> String {
    let mut shown = text.to_owned();
    for assignment in overrides {
        if !shown.is_empty() && !shown.ends_with('\n') {
            shown.push('\n');
        }
        shown.push_str(PREFIX);
        shown.push_str(assignment);
        shown.push('\n');
    }
    shown
}

const PREFIX: &str = "--set ";

/// Applies `overrides` to `root`; `shown` is what [`append`] made of both.
///
/// A key is a path with dots. `stage.<name>.<key>` and `source.<name>.<key>` pick the element by its
/// name (a stage's name is its op's where it has none). Values are TOML; what is no TOML value is
/// taken as a string.
pub(super) fn apply<'a>(
    root: &mut DeTable<'a>,
    shown: &'a str,
    file_length: usize,
    overrides: &[String],
    errors: &mut Vec<ConfigError>,
) {
    let mut position = file_length;
    for assignment in overrides {
        let start = position + shown[position..].find(PREFIX).unwrap_or(0) + PREFIX.len();
        let span = start..start + assignment.len();
        position = span.end;
        let line = &shown[span.clone()];
        let Some((path, value)) = line.split_once('=') else {
            errors.push(
                ConfigError::new(format!("`--set {line}` has no `=`"), span)
                    .help("write --set key=value, such as --set seed=18"),
            );
            continue;
        };
        let value = parse_value(value, start + path.len() + 1..span.end);
        let path: Vec<&'a str> = path.trim().split('.').collect();
        if let Err(error) = assign(root, &path, value, &span) {
            errors.push(error);
        }
    }
}

fn parse_value(text: &str, span: Range<usize>) -> Spanned<DeValue<'_>> {
    match DeValue::parse(text) {
        Ok(mut value) => {
            shift(&mut value, span.start);
            Spanned::new(span, value.into_inner())
        }
        Err(_) => Spanned::new(span, DeValue::String(Cow::Borrowed(text))),
    }
}

/// Moves the spans inside a value to where it stands in the shown text.
fn shift(value: &mut Spanned<DeValue<'_>>, by: usize) {
    if let DeValue::Array(items) = value.get_mut() {
        for item in items.iter_mut() {
            shift(item, by);
            let span = item.span();
            let inner = std::mem::replace(item.get_mut(), DeValue::Boolean(false));
            *item = Spanned::new(span.start + by..span.end + by, inner);
        }
    }
}

fn assign<'a>(
    root: &mut DeTable<'a>,
    path: &[&'a str],
    value: Spanned<DeValue<'a>>,
    span: &Range<usize>,
) -> Result<(), ConfigError> {
    match path {
        [list @ ("stage" | "source"), name, rest @ ..] if !rest.is_empty() => {
            insert(element(root, list, name, span)?, rest, value, span)
        }
        path => insert(root, path, value, span),
    }
}

fn insert<'a>(
    table: &mut DeTable<'a>,
    path: &[&'a str],
    value: Spanned<DeValue<'a>>,
    span: &Range<usize>,
) -> Result<(), ConfigError> {
    let key = |text: &'a str| Spanned::new(span.clone(), Cow::Borrowed(text));
    match path {
        [] => Ok(()),
        [last] => {
            // Removed first: a map keeps the old key, and with it the old span.
            retain(table, |known, _| known.get_ref() != last);
            table.insert(key(last), value);
            Ok(())
        }
        [first, rest @ ..] => {
            let entry = table
                .entry(key(first))
                .or_insert_with(|| Spanned::new(span.clone(), DeValue::Table(DeTable::new())));
            match entry.get_mut() {
                DeValue::Table(inner) => insert(inner, rest, value, span),
                _ => Err(ConfigError::new(
                    format!("`{first}` is a value, not a table with keys"),
                    span.clone(),
                )),
            }
        }
    }
}

/// The element of `[[stage]]` or `[[source]]` with a name.
fn element<'t, 'a>(
    root: &'t mut DeTable<'a>,
    list: &str,
    name: &str,
    span: &Range<usize>,
) -> Result<&'t mut DeTable<'a>, ConfigError> {
    let items =
        root.iter_mut().find(|(key, _)| key.get_ref() == list).map(|(_, value)| value.get_mut());
    let mut names: Vec<String> = Vec::new();
    if let Some(DeValue::Array(items)) = items {
        names.extend(items.iter().map(|item| own_name(item.get_ref())));
        let index = names.iter().position(|own| own == name);
        let found = index.and_then(|index| items.get_mut(index));
        if let Some(DeValue::Table(table)) = found.map(Spanned::get_mut) {
            return Ok(table);
        }
    }
    let candidates: Vec<&str> = names.iter().map(String::as_str).collect();
    let error = ConfigError::new(format!("there is no {list} named `{name}`"), span.clone());
    Err(match nearest(name, &candidates) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help(format!("there are: {}", candidates.join(", "))),
    })
}

/// What a stage or source is called: its `name`, else its `op`.
fn own_name(item: &DeValue<'_>) -> String {
    let text = |wanted: &str| {
        let table = item.as_table()?;
        let (_, value) = table.iter().find(|(key, _)| key.get_ref() == wanted)?;
        value.get_ref().as_str()
    };
    text("name").or_else(|| text("op")).unwrap_or_default().to_owned()
}

/// Keeps the entries for which `keep` is true (`toml`'s own `retain` wants plain keys).
pub(super) fn retain<'a>(
    table: &mut DeTable<'a>,
    mut keep: impl FnMut(&Spanned<Cow<'a, str>>, &Spanned<DeValue<'a>>) -> bool,
) {
    for (key, value) in std::mem::take(table) {
        if keep(&key, &value) {
            table.insert(key, value);
        }
    }
}
