//! Files that one command alone reads, such as that of `tamis fit-classifier`: how their text becomes
//! tables. They have neither `--set` nor tables that any pipeline may have.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::nearest;
use super::{ConfigError, ConfigErrors, SourceText};
use crate::model::read_asset;

/// The text of the file at `path`; `help` says what file to give.
///
/// # Errors
/// When it cannot be read, or is not UTF-8.
pub(super) fn text(path: &Path, help: &'static str) -> Result<String, ConfigErrors> {
    let unreadable = |message: String| {
        ConfigErrors::new(path, "", vec![ConfigError::new(message, 0..0).help(help)])
    };
    let bytes = read_asset(path).map_err(|error| unreadable(error.to_string()))?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| unreadable(format!("the file is not UTF-8: {error}")))?;
    Ok(text.to_owned())
}

/// A file taken apart.
pub(super) struct Sole<'a> {
    /// What messages show.
    pub(super) text: SourceText,
    /// The keys at the top.
    pub(super) head: Spanned<DeTable<'a>>,
    /// The known tables that are there.
    pub(super) tables: BTreeMap<&'static str, Spanned<DeValue<'a>>>,
}

/// Takes the text `file` apart into the tables `known` and the keys at the top; tables that are not
/// known become `errors`.
///
/// # Errors
/// When it is no TOML.
pub(super) fn parse<'a>(
    path: &Path,
    file: &'a str,
    known: &'static [&'static str],
    errors: &mut Vec<ConfigError>,
) -> Result<Sole<'a>, ConfigErrors> {
    let text = SourceText { path: path.to_owned(), text: file.to_owned(), file_length: file.len() };
    let (root, syntax) = DeTable::parse_recoverable(file);
    if !syntax.is_empty() {
        let errors = syntax.iter().map(|error| ConfigError::from_toml(error, "", 0..0));
        return Err(text.errors(errors.collect()));
    }
    let mut tables = BTreeMap::new();
    let mut head = DeTable::new();
    for (key, value) in root.into_inner() {
        match known.iter().find(|table| **table == key.get_ref().as_ref()) {
            Some(table) => {
                tables.insert(*table, value);
            }
            None if matches!(value.get_ref(), DeValue::Table(_)) => {
                let message = format!("unknown table `{}`", key.get_ref());
                let help = match nearest(key.get_ref(), known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known: {}", known.join(", ")),
                };
                errors.push(ConfigError::new(message, key.span()).help(help));
            }
            None => {
                head.insert(key, value);
            }
        }
    }
    Ok(Sole { text, head: Spanned::new(0..0, head), tables })
}
