//! Where a store lies: a folder, or a URL.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path as FsPath, PathBuf};

use object_store::path::Path;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{StoreError, secrets};

/// What kind of storage it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// A folder of this machine.
    Local,
    /// Memory of this process.
    Memory,
    /// `s3://bucket/…`
    S3,
    /// `gs://bucket/…`
    Gcs,
    /// `az://container/…` or `abfss://container@account.dfs.core.windows.net/…`
    Azure,
    /// `http://host/…` or `https://host/…`, to read from.
    Http,
}

/// A folder or a URL, without credentials: prints as what [`Store::open`](super::Store::open) takes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The folder, or the URL as text.
    text: PathBuf,
    scheme: Scheme,
}

/// The parts of a URL, where a text is one.
fn url(text: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let named = !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric());
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    named.then_some((scheme, authority, path))
}

/// Whether a text is a URL rather than a path.
#[must_use]
pub fn is_url(text: &str) -> bool {
    url(text).is_some()
}

/// `path` as seen from the folder `base`: unchanged where it is absolute or a URL.
#[must_use]
pub fn resolved(base: &FsPath, path: impl AsRef<FsPath>) -> PathBuf {
    let path = path.as_ref();
    match path.to_str() {
        Some(text) if is_url(text) => path.to_owned(),
        _ => base.join(path),
    }
}

/// The folder or URL that a file lies in, and the file's name.
///
/// # Errors
/// When the path ends with no name, or is a URL that [`Location::of`] refuses.
pub fn divided(file: &FsPath) -> Result<(&FsPath, &str), StoreError> {
    let location = Location::of(file)?;
    let no_file = || StoreError::Open {
        root: location.to_string(),
        reason: "it is no path of a file".to_owned(),
    };
    if let Some((text, (_, _, path))) = file.to_str().and_then(|text| Some((text, url(text)?))) {
        let name = path.rsplit_once('/').map(|(_, name)| name);
        let name = name.filter(|name| !name.is_empty()).ok_or_else(no_file)?;
        return Ok((FsPath::new(&text[..text.len() - name.len()]), name));
    }
    let name = file.file_name().and_then(|name| name.to_str()).ok_or_else(no_file)?;
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    Ok((parent.unwrap_or(FsPath::new(".")), name))
}

impl Location {
    /// The location that a path or URL names.
    ///
    /// # Errors
    /// When it is a URL of another kind, or holds credentials.
    pub fn of(path: impl AsRef<FsPath>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        match path.to_str().and_then(|text| Some((text, url(text)?))) {
            Some((text, parts)) => Self::of_url(text, parts),
            None => Ok(Self { text: path.to_owned(), scheme: Scheme::Local }),
        }
    }

    pub(super) fn memory() -> Self {
        Self { text: PathBuf::new(), scheme: Scheme::Memory }
    }

    fn of_url(
        text: &str,
        (scheme, authority, path): (&str, &str, &str),
    ) -> Result<Self, StoreError> {
        let wrong = |reason: &str| {
            // Whatever is wrong, what may be a secret is not repeated.
            let shown = secrets::masked(text);
            let shown = shown.split(['?', '#']).next().unwrap_or_default().to_owned();
            StoreError::Open { root: shown, reason: reason.to_owned() }
        };
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "s3" | "s3a" => Scheme::S3,
            "gs" => Scheme::Gcs,
            "az" | "abfs" | "abfss" => Scheme::Azure,
            "http" | "https" => Scheme::Http,
            "file" => Scheme::Local,
            "gcs" => return Err(wrong("write gs:// for Google Cloud Storage")),
            _ => {
                return Err(wrong(
                    "there are s3://, gs://, az://, abfss://, https://, http://, file:// and paths",
                ));
            }
        };
        let user = authority.rfind('@').map(|at| &authority[..at]);
        if user.is_some_and(|user| scheme != Scheme::Azure || user.contains(':')) {
            return Err(wrong(
                "it holds a user name or password; credentials come from the environment alone (AWS_ACCESS_KEY_ID, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_KEY, …)",
            ));
        }
        let query = path.find('?').map(|at| &path[at + 1..]);
        if query.is_some_and(|query| scheme == Scheme::Http || secrets::is_query(query)) {
            return Err(wrong(
                "it has a `?query`, which may hold a signature or token and would stand in the plan; give the plain URL, and credentials by the environment",
            ));
        }
        if scheme == Scheme::Local {
            if !matches!(authority, "" | "localhost") || path.is_empty() {
                return Err(wrong("a file URL is file:///folder/file, of this machine"));
            }
            let decoded = Path::from_url_path(path).map_err(|error| wrong(&error.to_string()))?;
            return Ok(Self { text: format!("/{decoded}").into(), scheme });
        }
        if authority.is_empty() {
            return Err(wrong("it names no bucket or host"));
        }
        let end = text.trim_end_matches('/').len().max(text.len() - path.len());
        Ok(Self { text: text[..end].into(), scheme })
    }

    /// What kind of storage it is.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The folder, where it is one of this machine.
    #[must_use]
    pub fn folder(&self) -> Option<&FsPath> {
        (self.scheme == Scheme::Local).then_some(self.text.as_path())
    }

    /// The path of something below it, as people and programs write it.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        match self.text.to_str() {
            Some(text) if is_url(text) && !path.is_empty() => format!("{text}/{path}"),
            _ => self.text.join(path).display().to_string(),
        }
    }

    /// Of a URL `scheme://bucket`, and the path below it.
    #[must_use]
    pub fn divided(&self) -> (&str, PathBuf) {
        let text = self.text.to_str().unwrap_or_default();
        let length = url(text).map_or(0, |(_, _, path)| text.len() - path.len());
        (&text[..length], text[length..].into())
    }

    /// Of a URL `scheme://bucket`, and the key below it that all keys of the store begin with.
    pub(super) fn bucket(&self) -> Result<(&str, Path), StoreError> {
        let text = self.text.to_str().unwrap_or_default();
        let (bucket, path) = match url(text) {
            Some((_, _, path)) => text.split_at(text.len() - path.len()),
            None => (text, ""),
        };
        let key = self.key(path).map_err(|error| StoreError::Open {
            root: self.to_string(),
            reason: error.to_string(),
        })?;
        Ok((bucket, key))
    }

    /// A part of the URL as a key: what stands in web addresses is percent-encoded.
    pub(super) fn key(&self, path: &str) -> Result<Path, object_store::path::Error> {
        match self.scheme {
            Scheme::Http => Path::from_url_path(path),
            _ => Path::parse(path),
        }
    }

    /// A copy below which paths are resolved without the folder this process stands in.
    pub(super) fn absolute(self, folder: PathBuf) -> Self {
        Self { text: folder, ..self }
    }
}

impl AsRef<FsPath> for Location {
    fn as_ref(&self) -> &FsPath {
        &self.text
    }
}

impl AsRef<OsStr> for Location {
    fn as_ref(&self) -> &OsStr {
        self.text.as_os_str()
    }
}

impl Default for Location {
    fn default() -> Self {
        Self { text: PathBuf::new(), scheme: Scheme::Local }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.display().fmt(formatter)
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, formatter)
    }
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = PathBuf::deserialize(deserializer)?;
        Self::of(text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_print_as_they_were_given() {
        for (given, shown, scheme) in [
            ("s3://bucket/run/", "s3://bucket/run", Scheme::S3),
            ("s3://bucket", "s3://bucket", Scheme::S3),
            ("s3://bucket/", "s3://bucket", Scheme::S3),
            ("gs://b/a", "gs://b/a", Scheme::Gcs),
            (
                "abfss://box@account.dfs.core.windows.net/x",
                "abfss://box@account.dfs.core.windows.net/x",
                Scheme::Azure,
            ),
            ("https://host:8/x%20y", "https://host:8/x%20y", Scheme::Http),
            ("file:///a/b%20c", "/a/b c", Scheme::Local),
            ("runs/x", "runs/x", Scheme::Local),
            ("a:b/c", "a:b/c", Scheme::Local),
        ] {
            let location = Location::of(given).unwrap();
            assert_eq!((location.to_string().as_str(), location.scheme()), (shown, scheme));
            let json = serde_json::to_string(&location).unwrap();
            assert_eq!(serde_json::from_str::<Location>(&json).unwrap(), location);
        }
        assert_eq!(Location::of("s3://b/p").unwrap().join("x/y"), "s3://b/p/x/y");
        assert_eq!(Location::of("s3://b").unwrap().join("x"), "s3://b/x");
        assert_eq!(resolved(FsPath::new("/here"), "s3://b/x"), FsPath::new("s3://b/x"));
        assert_eq!(resolved(FsPath::new("/here"), "x"), FsPath::new("/here/x"));
    }

    #[test]
    fn credentials_in_urls_are_refused_and_not_repeated() {
        for given in [
            "s3://user:hush@bucket/x",
            "https://hush@host/x",
            "https://host/x?X-Amz-Signature=hush",
            "s3://bucket/x?sig=hush&y=hush",
            "az://box:hush@account/x",
            "ftp://hush:hush@host/",
            "file://hush@host/x",
        ] {
            let error = Location::of(given).unwrap_err().to_string();
            assert!(!error.contains("hush"), "{error}");
            assert!(error.contains("environment") || error.contains("there are"), "{error}");
        }
        for given in ["s3:///x", "gcs://bucket/x", "file://host/x", "hdfs://host/x"] {
            assert!(Location::of(given).is_err(), "{given}");
        }
    }
}
