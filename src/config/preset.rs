//! `preset = "…"` of a stage: settings for one kind of text, from a file of their own.
//!
//! A preset is a TOML file with one table an op, `[gopher-quality]` and so on. A stage with `preset`
//! takes the keys of its op's table that it does not write itself. The file is read here, while the
//! pipeline is parsed: what runs, and the plan's digest, know settings only.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;
use super::diagnostic::nearest;
use crate::model::read_asset;
use crate::ops::{self, OPS};

/// The text of the preset at `path`.
pub(super) fn load(path: &Path, span: &Range<usize>) -> Result<String, ConfigError> {
    let wrong = |message: String| ConfigError::new(message, span.clone());
    let bytes = read_asset(path).map_err(|error| {
        wrong(format!("preset: {error}")).help("the path is relative to the pipeline file")
    })?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| wrong(format!("preset `{}` is not UTF-8: {error}", path.display())))?;
    Ok(text.to_owned())
}

/// Adds the settings of `op` in the preset `text` to `settings`, where a key is not there yet.
pub(super) fn apply<'a>(
    settings: &mut DeTable<'a>,
    op: &str,
    text: &'a str,
    path: &Path,
    span: &Range<usize>,
) -> Result<(), ConfigError> {
    let wrong = |message: String| ConfigError::new(message, span.clone());
    let preset = DeTable::parse(text)
        .map_err(|error| wrong(format!("preset `{}`: {error}", path.display())))?
        .into_inner();
    for (key, value) in &preset {
        let name = key.get_ref().as_ref();
        if value.get_ref().is_table() && ops::find(name).is_none() {
            let names: Vec<&str> = OPS.iter().map(|entry| entry.name).collect();
            let message = format!("preset `{}`: unknown op `{name}`", path.display());
            return Err(match nearest(name, &names) {
                Some(near) => wrong(message).help(format!("did you mean `[{near}]`?")),
                None => wrong(message),
            });
        }
    }
    let table = preset.into_iter().find(|(key, _)| key.get_ref() == op);
    let Some((_, value)) = table else {
        return Err(wrong(format!("preset `{}` has no table [{op}]", path.display()))
            .help("a preset has one table an op; leave `preset` out where it says nothing"));
    };
    let DeValue::Table(table) = value.into_inner() else {
        return Err(wrong(format!("preset `{}`: `{op}` is not a table", path.display())));
    };
    for (key, value) in table {
        if !settings.keys().any(|own| own.get_ref() == key.get_ref()) {
            // Messages about the value point at `preset` in the pipeline file.
            let key = Spanned::new(span.clone(), key.into_inner());
            settings.insert(key, relocate(value, span));
        }
    }
    Ok(())
}

/// Gives a value, and what is inside it, the place `span`.
fn relocate<'a>(value: Spanned<DeValue<'a>>, span: &Range<usize>) -> Spanned<DeValue<'a>> {
    let inner = match value.into_inner() {
        DeValue::Array(mut items) => {
            for item in items.iter_mut() {
                let taken = std::mem::replace(item, Spanned::new(0..0, DeValue::Boolean(false)));
                *item = relocate(taken, span);
            }
            DeValue::Array(items)
        }
        DeValue::Table(table) => DeValue::Table(
            table
                .into_iter()
                .map(|(key, value)| {
                    (Spanned::new(span.clone(), key.into_inner()), relocate(value, span))
                })
                .collect(),
        ),
        other => other,
    };
    Spanned::new(span.clone(), inner)
}
