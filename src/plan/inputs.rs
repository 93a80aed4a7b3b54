//! Input files: globs to lists, in document order.

use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};

use crate::store::{Entry, Store, StoreError};

/// The files of one source below their common folder.
pub struct Inputs {
    /// Where they lie.
    pub store: Store,
    /// The folder.
    pub root: PathBuf,
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
        below: PathBuf,
    },
    /// Object stores are not built yet.
    #[error("`{path}`: only local files can be read so far")]
    Remote {
        /// As written.
        path: String,
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

/// Finds the files of `paths`, which are relative to `base`. The result does not depend on where
/// the tree lies: the root is the deepest folder that all the paths share before their first
/// wildcard.
///
/// # Errors
/// When a glob is malformed or matches nothing.
pub fn find(base: &Path, paths: &[String]) -> Result<Inputs, InputError> {
    let mut globs = Vec::new();
    for path in paths {
        if path.contains("://") {
            return Err(InputError::Remote { path: path.clone() });
        }
        globs.push(split_fixed(&normalise(&base.join(path))));
    }
    let mut root = globs.first().map(|(fixed, _)| fixed.clone()).unwrap_or_default();
    for (fixed, _) in &globs {
        while !fixed.starts_with(&root) && root.pop() {}
    }
    let folder = if root.as_os_str().is_empty() { Path::new(".") } else { &root };
    let store = Store::open_existing(folder).map_err(|_| {
        let path = paths.first().cloned().unwrap_or_default();
        InputError::NoMatch { path, below: root.clone() }
    })?;
    let root = store.root().to_owned();
    let mut files: Vec<Entry> = Vec::new();
    for (path, (fixed, pattern)) in paths.iter().zip(&globs) {
        let below = fixed.strip_prefix(folder).or_else(|_| fixed.strip_prefix(&root));
        let below = below.unwrap_or(Path::new("")).to_string_lossy().replace('\\', "/");
        let full = if below.is_empty() {
            pattern.clone()
        } else {
            format!("{}/{pattern}", Pattern::escape(&below))
        };
        let matcher = Pattern::new(&full)
            .map_err(|error| InputError::Glob { path: path.clone(), reason: error.to_string() })?;
        let listed = store.list(&below)?;
        let before = files.len();
        files.extend(listed.into_iter().filter(|entry| matcher.matches_with(&entry.path, OPTIONS)));
        if files.len() == before {
            return Err(InputError::NoMatch { path: path.clone(), below: root.join(below) });
        }
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    // Globs may overlap; a file is read once.
    files.dedup_by(|left, right| left.path == right.path);
    Ok(Inputs { store, root, files })
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

/// The folders before the first wildcard, and the rest as a pattern.
fn split_fixed(path: &Path) -> (PathBuf, String) {
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
    (fixed, if literal { Pattern::escape(&rest) } else { rest })
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
