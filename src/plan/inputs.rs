//! Input files: globs to lists, in document order.

use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};

use crate::store::{Entry, Location, Scheme, Store, StoreError, resolved};

/// The files of one source below their common folder.
pub struct Inputs {
    /// The folder.
    pub store: Store,
    /// The files, sorted by their path below the folder.
    pub files: Vec<Entry>,
}

/// Why the files of a source cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The glob is malformed.
    #[error("`{path}` is not a valid glob: {reason}")]
    Glob {
        /// As written.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// Nothing is there.
    #[error("`{path}` matches no file (looked below `{below}`)")]
    NoMatch {
        /// As written.
        path: String,
        /// The folder it starts from.
        below: String,
    },
    /// Files of one source have paths below one root.
    #[error(
        "`{path}` and `{other}` lie in different places; give each bucket, host and machine a source of its own"
    )]
    Mixed {
        /// As written.
        path: String,
        /// As written.
        other: String,
    },
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    // `*` stays within a folder; `**` crosses folders.
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// A path or URL, divided at its first wildcard.
struct Glob {
    /// As written.
    path: String,
    /// `s3://bucket`; empty for this machine.
    bucket: String,
    /// The folder before the first wildcard.
    fixed: PathBuf,
    /// The rest, as a pattern.
    pattern: String,
    /// The rest of a URL without wildcards: it need not be searched for.
    name: Option<String>,
}

impl Glob {
    fn new(base: &Path, path: &str) -> Result<Self, InputError> {
        let location = Location::of(path)?;
        let (bucket, below) = match location.folder() {
            Some(folder) => ("", resolved(base, folder)),
            None => location.divided(),
        };
        let (fixed, pattern, name) = split_fixed(&normalise(&below));
        if location.scheme() == Scheme::Http && name.is_none() {
            return Err(StoreError::NoListing { path: path.to_owned() }.into());
        }
        let name = name.filter(|_| !bucket.is_empty());
        Ok(Self { path: path.to_owned(), bucket: bucket.to_owned(), fixed, pattern, name })
    }

    /// The files that match.
    fn files(&self, store: &Store, root: &Path) -> Result<Vec<Entry>, InputError> {
        let below = self.fixed.strip_prefix(root).unwrap_or(Path::new(""));
        let below = below.to_string_lossy().replace('\\', "/");
        let no_match =
            || InputError::NoMatch { path: self.path.clone(), below: store.root().join(&below) };
        let inside = |rest: &str| {
            if below.is_empty() { rest.to_owned() } else { format!("{below}/{rest}") }
        };
        let found = if let Some(name) = &self.name {
            store.entry(&inside(name)).map(|entry| vec![entry])
        } else {
            let full = if below.is_empty() {
                self.pattern.clone()
            } else {
                format!("{}/{}", Pattern::escape(&below), self.pattern)
            };
            let matcher = Pattern::new(&full).map_err(|error| InputError::Glob {
                path: self.path.clone(),
                reason: error.to_string(),
            })?;
            store.list(&below).map(|listed| {
                let matching = |entry: &Entry| matcher.matches_with(&entry.path, OPTIONS);
                listed.into_iter().filter(matching).collect()
            })
        };
        match found {
            Ok(found) if found.is_empty() => Err(no_match()),
            Err(StoreError::NotFound { .. }) => Err(no_match()),
            found => Ok(found?),
        }
    }
}

/// Finds the files of `paths`, which are relative to `base` or URLs. The result does not depend on
/// where the tree lies: the root is the deepest folder that all the paths share before their first
/// wildcard.
///
/// # Errors
/// When a glob is malformed or matches nothing, or files lie in different places.
pub fn find(base: &Path, paths: &[String]) -> Result<Inputs, InputError> {
    let globs = paths.iter().map(|path| Glob::new(base, path)).collect::<Result<Vec<_>, _>>()?;
    let mut root = globs.first().map(|glob| glob.fixed.clone()).unwrap_or_default();
    let bucket = globs.first().map_or("", |glob| &glob.bucket);
    for glob in &globs {
        if glob.bucket != bucket {
            let other = globs[0].path.clone();
            return Err(InputError::Mixed { path: glob.path.clone(), other });
        }
        while !glob.fixed.starts_with(&root) && root.pop() {}
    }
    let store = if bucket.is_empty() {
        let folder = if root.as_os_str().is_empty() { Path::new(".") } else { &root };
        Store::open_existing(folder).map_err(|_| InputError::NoMatch {
            path: paths.first().cloned().unwrap_or_default(),
            below: root.display().to_string(),
        })?
    } else {
        Store::open_existing(format!("{bucket}{}", root.display()))?
    };
    let mut files: Vec<Entry> = Vec::new();
    for glob in &globs {
        files.extend(glob.files(&store, &root)?);
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    // Globs may overlap; a file is read once.
    files.dedup_by(|left, right| left.path == right.path);
    Ok(Inputs { store, files })
}

/// The path without `.` and with `..` taken back, as far as its text tells.
fn normalise(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(clean.components().next_back(), Some(Component::Normal(_))) =>
            {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

/// The folders before the first wildcard, the rest as a pattern, and as it is where it has no
/// wildcard.
fn split_fixed(path: &Path) -> (PathBuf, String, Option<String>) {
    let is_wild = |component: &Component<'_>| {
        component.as_os_str().to_string_lossy().contains(['*', '?', '['])
    };
    let components: Vec<Component<'_>> = path.components().collect();
    let last = components.len().saturating_sub(1);
    let cut = components.iter().position(is_wild).unwrap_or(last).min(last);
    let fixed = components[..cut].iter().collect();
    let rest: Vec<_> = components[cut..]
        .iter()
        .map(|component| component.as_os_str().to_string_lossy().into_owned())
        .collect();
    let literal = !components.iter().any(is_wild);
    let rest = rest.join("/");
    if literal { (fixed, Pattern::escape(&rest), Some(rest)) } else { (fixed, rest, None) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "fixtures are local files")]

    use super::*;

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in ["a/x.jsonl", "a/deep/y.jsonl", "b/x.jsonl", "b/z [1].txt", "b/note.md"] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "{}").unwrap();
        }
        folder
    }

    fn found(base: &Path, paths: &[&str]) -> Vec<String> {
        let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
        let inputs = find(base, &paths).unwrap();
        inputs.files.into_iter().map(|entry| entry.path).collect()
    }

    #[test]
    fn paths_are_relative_to_the_shared_fixed_folder() {
        let tree = tree();
        let base = tree.path();
        assert_eq!(found(base, &["a/*.jsonl"]), ["x.jsonl"]);
        assert_eq!(found(base, &["a/**/*.jsonl"]), ["deep/y.jsonl", "x.jsonl"]);
        assert_eq!(found(base, &["a/*.jsonl", "b/*.jsonl"]), ["a/x.jsonl", "b/x.jsonl"]);
        assert_eq!(found(base, &["b/note.md"]), ["note.md"]);
        assert_eq!(found(&base.join("a"), &["../b/*.md", "../b/no*"]), ["note.md"]);
    }

    #[test]
    fn urls_and_paths_do_not_mix() {
        let find = |paths: [&str; 2]| {
            find(Path::new("."), &paths.map(str::to_owned)).err().unwrap().to_string()
        };
        for paths in [["s3://b/x", "y"], ["s3://b/x", "s3://c/x"], ["https://a/x", "s3://a/x"]] {
            let message = find(paths);
            assert!(message.contains("different places"), "{message}");
        }
        let message = find(["https://host/a", "https://host/*.jsonl"]);
        assert!(message.contains("name each file by its own URL"), "{message}");
        let message = find(["https://me:hush@host/a", "b"]);
        assert!(message.contains("password") && !message.contains("hush"), "{message}");
    }

    #[test]
    fn a_name_with_brackets_can_be_escaped() {
        let tree = tree();
        assert_eq!(found(tree.path(), &["b/z [[]1].txt"]), ["z [1].txt"]);
    }

    #[test]
    fn a_glob_without_a_match_is_an_error() {
        let tree = tree();
        for path in ["a/*.parquet", "nowhere/*.jsonl", "missing.jsonl"] {
            let error = find(tree.path(), &[path.to_owned()]).err().unwrap();
            assert!(matches!(error, InputError::NoMatch { .. }), "{error}");
            assert!(error.to_string().contains(path));
        }
    }
}
