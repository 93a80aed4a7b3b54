//! Which files of a source are read, each with its format.

use std::collections::BTreeSet;

use super::digest::InputDigest;
use super::inputs::Inputs;
use crate::config::ConfigError;
use crate::config::source::{FormatChoice, Source};
use crate::config::stage::Located;
use crate::read::mds::{self, IndexError};
use crate::read::{Format, ReadError};
use crate::store::Entry;

/// The files that were found for a source and those that these stand for, in document order. The
/// digest is told of files beside them that what is read depends on.
///
/// # Errors
/// When the storage fails; within, what is wrong with the source.
pub(super) fn of_source(
    source: &Located<Source>,
    found: &Inputs,
    digest: &mut InputDigest,
) -> Result<Result<Vec<(Entry, Format)>, ConfigError>, ReadError> {
    let wrong = |message: String| {
        ConfigError::new(format!("source `{}`: {message}", source.name), source.spans.of("path"))
    };
    let may_list = matches!(source.format, FormatChoice::Auto | FormatChoice::Mds);
    let mut files = Vec::new();
    let mut beside = BTreeSet::new();
    for file in &found.files {
        if may_list {
            match mds::shards(&found.store, file) {
                Ok(None) => {}
                Ok(Some(shards)) => {
                    files.extend(shards.into_iter().map(|shard| (shard, Format::Mds)));
                    continue;
                }
                Err(IndexError::Store(error)) => return Err(error.into()),
                Err(error @ IndexError::Missing { .. }) => {
                    return Ok(Err(wrong(format!("`{}`: {error}", file.path))));
                }
            }
        }
        let named = source.format_of(&file.path);
        let Some(format) = Format::or_of_content(named, &found.store, file)? else {
            let message = format!(
                "the format of `{}` can be told neither from its name nor from its content",
                file.path
            );
            return Ok(Err(wrong(message).help("set `format`, or narrow `path`")));
        };
        files.push((file.clone(), format));
    }
    // A shard may be found on its own and by its index.
    files.sort_by(|(left, _), (right, _)| left.path.cmp(&right.path));
    files.dedup_by(|(left, _), (right, _)| left.path == right.path);
    for (file, _) in files.iter().filter(|(_, format)| *format == Format::Mds) {
        if let Some(index) = mds::beside(&found.store, &file.path)?
            && beside.insert(index.path.clone())
        {
            digest.file(&source.name, &index.path, index.size, &index.tag);
        }
    }
    Ok(match useless_key(source, &files) {
        Some(error) => Err(error),
        None => Ok(files),
    })
}

/// A key for files of a format that the source has none of.
fn useless_key(source: &Located<Source>, files: &[(Entry, Format)]) -> Option<ConfigError> {
    let has = |formats: &[Format]| files.iter().any(|(_, format)| formats.contains(format));
    let csv = has(&[Format::Csv]);
    let text = has(&[Format::Text, Format::TextLines, Format::TextParts]);
    let archives = has(&[Format::Warc]);
    let keys = [
        ("delimiter", source.delimiter.is_some() && !csv, "CSV"),
        ("quote", source.quote.is_some() && !csv, "CSV"),
        ("columns", source.columns.is_some() && !csv, "CSV"),
        ("documents", source.documents.is_some() && !text, "text"),
        ("http_errors", source.http_errors.is_some() && !archives, "web archives"),
        ("check_digests", source.check_digests.is_some() && !archives, "web archives"),
    ];
    let (key, _, what) = keys.into_iter().find(|(_, useless, _)| *useless)?;
    let message =
        format!("source `{}`: `{key}` is for {what}, and none of the files is", source.name);
    let help = format!("take `{key}` out, or set `format`");
    Some(ConfigError::new(message, source.spans.of(key)).help(help))
}
