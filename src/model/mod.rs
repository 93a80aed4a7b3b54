//! Models that ops score with, and the loader that reads each file once a process.

pub mod classifier;
mod copy;
pub mod fasttext;
pub mod fit;
pub(crate) mod list;
pub mod ngram_lm;

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

use self::classifier::{Classifier, Sidecar, sidecar_path};
use self::fasttext::{FastText, FastTextError};
use self::ngram_lm::{LmBytes, NgramLm, NgramLmError};
use crate::store::{Scheme, Store, StoreError, StoreReader, divided, masked};
use crate::tokens::tokenizer::files::{IN_A_FOLDER, companions};
use crate::tokens::tokenizer::{Tokenizer, TokenizerError};

/// A file an op needs could not be used.
#[derive(Debug, thiserror::Error)]
pub enum AssetError {
    /// It cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the storage said.
        #[source]
        source: StoreError,
    },
    /// It is not a fastText model.
    #[error("`{path}` cannot be loaded as a fastText model: {source}")]
    FastText {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: FastTextError,
    },
    /// It is not an n-gram language model.
    #[error("`{path}` cannot be loaded as a KenLM model: {source}")]
    NgramLm {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: NgramLmError,
    },
    /// The file beside a classifier does not fit it.
    #[error("`{path}` cannot be used with the model beside it: {reason}")]
    Sidecar {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It is not a tokenizer.
    #[error("`{path}` cannot be loaded as a tokenizer: {source}")]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: TokenizerError,
    },
    /// It is not a list of what the op wants.
    #[error("`{path}` cannot be used as a list: {reason}")]
    List {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that ships with tamis is not where it should be.
    #[error("the file `{name}` is at none of {tried}; name one in the settings")]
    NotShipped {
        /// File name.
        name: &'static str,
        /// The places looked at.
        tried: String,
    },
}

/// The folder of an asset file and its name there; of one at a URL, its copy on this machine.
fn locate(path: &Path) -> Result<(Store, String), AssetError> {
    let failed = |source| AssetError::Read { path: shown(path), source };
    let (folder, name) = divided(path).map_err(failed)?;
    let store = Store::open_existing(folder).map_err(failed)?;
    if store.root().scheme() == Scheme::Local {
        return Ok((store, name.to_owned()));
    }
    copy::local(&store, name).map_err(failed)
}

/// A path for messages, without what may be secret in it.
fn shown(path: &Path) -> PathBuf {
    path.to_str().map_or_else(|| path.to_owned(), |text| masked(text).into())
}

/// The bytes of an asset file.
///
/// # Errors
/// When the file cannot be read.
pub fn read_asset(path: &Path) -> Result<Bytes, AssetError> {
    let (store, name) = locate(path)?;
    store.read(&name).map_err(|source| AssetError::Read { path: path.to_owned(), source })
}

/// The bytes of an asset file as a stream.
fn open_asset(path: &Path) -> Result<StoreReader, AssetError> {
    let (store, name) = locate(path)?;
    let open = || store.reader(&name, 0..store.entry(&name)?.size);
    open().map_err(|source| AssetError::Read { path: path.to_owned(), source })
}

/// A hash of an asset's content, for the plan's digest; of a fastText model together with the file
/// beside it that says how its scores are read, where there is one.
///
/// # Errors
/// When a file cannot be read.
pub fn asset_hash(path: &Path) -> Result<String, AssetError> {
    let mut hash = Xxh3::new();
    hash_content(path, &mut hash)?;
    let model = path.extension().is_some_and(|kind| kind == "ftz" || kind == "bin");
    let sidecar = sidecar_path(path);
    if model && is_asset(&sidecar)? {
        hash_content(&sidecar, &mut hash)?;
    }
    Ok(format!("{:032x}", hash.digest128()))
}

fn hash_content(path: &Path, hash: &mut Xxh3) -> Result<(), AssetError> {
    let mut reader = open_asset(path)?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        let failed = |source: std::io::Error| AssetError::Read {
            path: path.to_owned(),
            source: StoreError::Backend {
                action: "read",
                path: path.display().to_string(),
                source: Box::new(source),
            },
        };
        match reader.read(&mut buffer).map_err(failed)? {
            0 => return Ok(()),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// The files of a tokenizer with their names, the one to begin with first: `path`, or where that is
/// a folder the first of [`IN_A_FOLDER`] in it, and those that belong to it.
pub(crate) fn tokenizer_files(path: &Path) -> Result<Vec<(String, Bytes)>, AssetError> {
    let first = if is_asset(path)? {
        path.to_owned()
    } else {
        let inside = IN_A_FOLDER.iter().map(|name| path.join(name));
        let mut found = None;
        for file in inside {
            // A folder that is not there is told of by its own name, below.
            if is_asset(&file).unwrap_or(false) {
                found = Some(file);
                break;
            }
        }
        found.unwrap_or_else(|| path.to_owned())
    };
    let failed = |source| AssetError::Read { path: shown(path), source };
    let (_, name) = divided(&first).map_err(failed)?;
    let mut files = vec![(name.to_owned(), read_asset(&first)?)];
    for companion in companions(name) {
        let file = first.with_file_name(&companion);
        if is_asset(&file)? {
            files.push((companion, read_asset(&file)?));
        }
    }
    Ok(files)
}

/// Whether there is a file at `path`.
fn is_asset(path: &Path) -> Result<bool, AssetError> {
    let failed = |source| AssetError::Read { path: shown(path), source };
    let (folder, name) = divided(path).map_err(failed)?;
    let store = Store::open_existing(folder).map_err(failed)?;
    store.exists(name).map_err(failed)
}

/// A hash of the content of all files of a tokenizer; of a single one it is its [`asset_hash`].
///
/// # Errors
/// When a file cannot be read.
pub fn tokenizer_hash(path: &Path) -> Result<String, AssetError> {
    let mut hash = Xxh3::new();
    for (number, (name, bytes)) in tokenizer_files(path)?.iter().enumerate() {
        if number > 0 {
            hash.update(&(name.len() as u64).to_le_bytes());
            hash.update(name.as_bytes());
            hash.update(&(bytes.len() as u64).to_le_bytes());
        }
        hash.update(bytes);
    }
    Ok(format!("{:032x}", hash.digest128()))
}

/// Finds a model that ships with tamis: beside the installed program
/// (`<bin>/../share/tamis/models`), else in the checkout it was built from.
///
/// # Errors
/// When it is at neither place.
pub fn shipped(name: &'static str) -> Result<PathBuf, AssetError> {
    shipped_in("models", name)
}

/// [`shipped`] for another folder of `data-samples`.
///
/// # Errors
/// As there.
pub fn shipped_in(folder: &str, name: &'static str) -> Result<PathBuf, AssetError> {
    let mut places = Vec::new();
    if let Some(bin) = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned))
    {
        places.push(bin.join("../share/tamis").join(folder).join(name));
    }
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
    places.push(checkout.join("data-samples").join(folder).join(name));
    if let Some(found) = places.iter().find(|place| place.is_file()) {
        return Ok(found.clone());
    }
    let tried: Vec<_> = places.iter().map(|place| format!("`{}`", place.display())).collect();
    Err(AssetError::NotShipped { name, tried: tried.join(", ") })
}

/// Loads each model once, whoever asks.
#[derive(Default)]
pub struct Assets {
    fasttext: Mutex<BTreeMap<PathBuf, Arc<FastText>>>,
    classifiers: Mutex<BTreeMap<PathBuf, Arc<Classifier>>>,
    tokenizers: Mutex<BTreeMap<PathBuf, Arc<Tokenizer>>>,
    others: Mutex<BTreeMap<(TypeId, PathBuf), Arc<dyn Any + Send + Sync>>>,
}

impl Assets {
    /// A fastText model.
    ///
    /// # Errors
    /// When the file cannot be read or is not a model.
    pub fn fasttext(&self, path: &Path) -> Result<Arc<FastText>, AssetError> {
        load(&self.fasttext, path, || {
            FastText::from_bytes(&read_asset(path)?)
                .map_err(|source| AssetError::FastText { path: path.to_owned(), source })
        })
    }

    /// A fastText model with the file beside it, where there is one.
    ///
    /// # Errors
    /// When a file cannot be read, is not a model, or does not fit the model.
    pub fn classifier(&self, path: &Path) -> Result<Arc<Classifier>, AssetError> {
        load(&self.classifiers, path, || {
            let model = self.fasttext(path)?;
            let beside = sidecar_path(path);
            let failed = |reason: String| AssetError::Sidecar { path: shown(&beside), reason };
            let mut sidecar: Option<Sidecar> = None;
            if is_asset(&beside)? {
                let parsed = serde_json::from_slice(&read_asset(&beside)?);
                sidecar = Some(parsed.map_err(|error| failed(error.to_string()))?);
            }
            Classifier::new(model, sidecar).map_err(failed)
        })
    }

    /// A tokenizer.
    ///
    /// # Errors
    /// When a file cannot be read or is not a tokenizer.
    pub fn tokenizer(&self, path: &Path) -> Result<Arc<Tokenizer>, AssetError> {
        load(&self.tokenizers, path, || {
            Tokenizer::from_files(&tokenizer_files(path)?)
                .map_err(|source| AssetError::Tokenizer { path: path.to_owned(), source })
        })
    }

    /// An n-gram language model.
    ///
    /// # Errors
    /// When the file cannot be read or is not a model.
    pub fn ngram_lm(&self, path: &Path) -> Result<Arc<NgramLm<LmBytes>>, AssetError> {
        self.cached(path, ngram_lm::load::load)
    }

    /// What `load` makes of the file at `path`, for things that only one op knows.
    ///
    /// # Errors
    /// Those of `load`.
    pub fn cached<T: Send + Sync + 'static>(
        &self,
        path: &Path,
        load: impl FnOnce(&Path) -> Result<T, AssetError>,
    ) -> Result<Arc<T>, AssetError> {
        // Held while loading, as below.
        let mut cache = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (TypeId::of::<T>(), path.to_owned());
        let found = cache.get(&key).and_then(|found| Arc::clone(found).downcast::<T>().ok());
        if let Some(found) = found {
            return Ok(found);
        }
        let loaded = Arc::new(load(path)?);
        cache.insert(key, Arc::clone(&loaded) as Arc<dyn Any + Send + Sync>);
        Ok(loaded)
    }
}

fn load<T>(
    cache: &Mutex<BTreeMap<PathBuf, Arc<T>>>,
    path: &Path,
    parse: impl FnOnce() -> Result<T, AssetError>,
) -> Result<Arc<T>, AssetError> {
    // Held while loading, so that two tasks that start together do not load twice.
    let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = cache.get(path) {
        return Ok(Arc::clone(found));
    }
    let loaded = Arc::new(parse()?);
    cache.insert(path.to_owned(), Arc::clone(&loaded));
    Ok(loaded)
}
