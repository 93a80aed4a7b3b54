//! What folders of this machine need beside `object_store`'s calls.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path as FsPath, PathBuf};

/// A file that is written beside its place and moved there when it is whole.
///
/// `object_store` does the same, but on a thread of its own for each part: the bytes then travel from
/// one core's cache to another's.
pub(super) struct Staged {
    file: File,
    path: PathBuf,
    place: PathBuf,
    committed: bool,
}

impl Staged {
    /// Begins a file that is to appear at `place`; folders that are missing are made.
    pub(super) fn create(place: &FsPath) -> io::Result<Self> {
        let mut attempt = 1_u64;
        loop {
            let mut name = place.file_name().unwrap_or_default().to_owned();
            name.push(format!("#{attempt}"));
            let path = place.with_file_name(name);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let place = place.to_owned();
                    return Ok(Self { file, path, place, committed: false });
                }
                // Of a writer that was killed, or is at it.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => attempt += 1,
                Err(error) if error.kind() == io::ErrorKind::NotFound => make_parents(&path)?,
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Moves the file to its place; it is there after a loss of power, too.
    pub(super) fn commit(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        std::fs::rename(&self.path, &self.place)?;
        self.committed = true;
        self.place.parent().map_or(Ok(()), sync_folder)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.committed {
            // The task failed; a sweep finds what is left here.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Makes the folders above `path`, which are there after a loss of power, too.
fn make_parents(path: &FsPath) -> io::Result<()> {
    let missing: Vec<_> = path.ancestors().skip(1).take_while(|folder| !folder.exists()).collect();
    let Some(parent) = path.parent() else { return Ok(()) };
    std::fs::create_dir_all(parent)?;
    missing.iter().filter_map(|folder| folder.parent()).try_for_each(sync_folder)
}

/// Makes what stands in a folder outlast a loss of power, where folders can be synced.
fn sync_folder(folder: &FsPath) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

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
