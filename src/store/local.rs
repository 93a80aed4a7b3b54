//! What folders of this machine need beside `object_store`'s calls.

use std::io;
use std::path::Path as FsPath;

/// Removes all below `folder`, what no listing shows included.
pub(super) fn delete_below(folder: &FsPath) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes files that were staged below `folder` and never moved into place.
pub(super) fn sweep(folder: &FsPath) -> io::Result<()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if is_staged(&entry.file_name().to_string_lossy()) {
                std::fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

/// The names `object_store` gives to files it has not yet moved into place: `name#7`.
fn is_staged(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, attempt)| {
        !attempt.is_empty() && attempt.bytes().all(|b| b.is_ascii_digit())
    })
}
