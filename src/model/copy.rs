//! Copies of models, lists and tokenizers that stand at URLs: made once a machine and content.

use std::io;
use std::path::PathBuf;

use xxhash_rust::xxh3::xxh3_128;

use crate::store::{Store, StoreError};

/// The copy of a file: the folder it lies in and its name there. A file that changes at its URL is
/// copied anew, since its tag is part of the name.
pub(super) fn local(remote: &Store, name: &str) -> Result<(Store, String), StoreError> {
    let entry = remote.entry(name)?;
    let content = format!("{} {} {}", remote.root().join(name), entry.size, entry.tag);
    let copy = format!("{:032x}", xxh3_128(content.as_bytes()));
    let folder = Store::open(folder())?;
    if !folder.exists(&copy)? {
        let remote = remote.clone().for_input();
        let mut reader = remote.reader(name, 0..entry.size)?;
        let mut writer = folder.writer(&copy)?;
        io::copy(&mut reader, &mut writer).map_err(|source| {
            match source.downcast::<StoreError>() {
                Ok(error) => error,
                Err(source) => {
                    let path = folder.root().to_string();
                    StoreError::Backend { action: "write", path, source: Box::new(source) }
                }
            }
        })?;
        writer.finish()?;
    }
    Ok((folder, copy))
}

/// `TAMIS_CACHE`, else the user's cache folder.
fn folder() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = variable("TAMIS_CACHE").map(PathBuf::from).or_else(|| {
        let home = || variable("HOME").map(|home| PathBuf::from(home).join(".cache"));
        Some(variable("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)?.join("tamis"))
    });
    cache.unwrap_or_else(|| std::env::temp_dir().join("tamis")).join("assets")
}
