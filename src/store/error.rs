//! What goes wrong at stores.

use super::secrets;

/// Characters of what a storage service said that a message repeats.
const MAX_SAID: usize = 600;

/// What went wrong at the store, with the path it went wrong at.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The root is not something a store can be opened at.
    #[error("cannot open `{root}` as a store: {reason}")]
    Open {
        /// The root as given.
        root: String,
        /// Why not, and what to give instead.
        reason: String,
    },
    /// There is nothing at the path.
    #[error("`{path}` does not exist")]
    NotFound {
        /// The full path.
        path: String,
    },
    /// The storage does not let us.
    #[error(
        "no access to `{path}` with the credentials of the environment (AWS_ACCESS_KEY_ID, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_KEY, …): {said}"
    )]
    Denied {
        /// The full path.
        path: String,
        /// What the storage said.
        said: String,
    },
    /// The file is another one than at the first look.
    #[error("`{path}` changed while it was read; run again to plan anew")]
    Changed {
        /// The full path.
        path: String,
    },
    /// A web server that sends whole files only.
    #[error(
        "the server of `{path}` does not answer requests for a part of a file; download it first"
    )]
    NoRanges {
        /// The full path.
        path: String,
    },
    /// A web server has no lists of files.
    #[error(
        "`{path}`: a web server cannot be listed; name each file by its own URL, without `*`, `?` and `[`"
    )]
    NoListing {
        /// The full path.
        path: String,
    },
    /// Places on the web are read only.
    #[error(
        "`{path}` cannot be written: http(s):// is read only; write to a folder, s3://, gs:// or az://"
    )]
    ReadOnly {
        /// The full path.
        path: String,
    },
    /// The storage cannot let one of several writers win.
    #[error(
        "the object store of `{path}` does not support conditional writes (If-None-Match), by which tasks commit; choose another one, or a folder, for `--out`"
    )]
    NoConditionalPut {
        /// The full path.
        path: String,
    },
    /// A copy of a remote file, or bytes that wait to be written, cannot be kept.
    #[error(
        "cannot put bytes aside in `{path}`: {source}; set TAMIS_SCRATCH to a folder with more room"
    )]
    Scratch {
        /// Where it was tried.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Any other failure of the storage below.
    #[error("cannot {action} `{path}`: {source}")]
    Backend {
        /// What was tried: read, write, list, …
        action: &'static str,
        /// The full path.
        path: String,
        /// What the storage said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// Whether the same call may succeed later (a busy or broken network, say).
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Backend { .. })
    }
}

/// An error of `object_store` as ours; what the storage said may hold secrets, so they are taken out.
pub(super) fn wrapped(action: &'static str, path: &str, error: object_store::Error) -> StoreError {
    use object_store::Error;
    let path = path.to_owned();
    match error {
        Error::NotFound { .. } => StoreError::NotFound { path },
        Error::PermissionDenied { source, .. } | Error::Unauthenticated { source, .. } => {
            StoreError::Denied { path, said: said(source.as_ref()) }
        }
        error => {
            let text = said(&error);
            // Where machines with a role find their credentials.
            if ["169.254.169.254", "metadata.google.internal"].iter().any(|at| text.contains(at)) {
                let said = format!("there are none, and this machine has no role ({text})");
                return StoreError::Denied { path, said };
            }
            StoreError::Backend { action, path, source: text.into() }
        }
    }
}

fn said(error: &dyn std::error::Error) -> String {
    let text = secrets::scrubbed(&error.to_string());
    match text.char_indices().nth(MAX_SAID) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
