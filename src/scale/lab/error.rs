//! Why a ladder cannot be trained.

use crate::config::ConfigErrors;
use crate::exec::ExecError;
use crate::ledger::LedgerError;
use crate::model::AssetError;
use crate::plan::lower::LowerError;
use crate::scale::ScaleError;
use crate::store::StoreError;
use crate::tokens::TokensError;
use crate::tokens::sample::SampleError;
use crate::tokens::tokenizer::TokenizerError;
use crate::train::TrainError;

/// Why a ladder cannot be trained.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A recipe cannot be run.
    #[error("recipe `{recipe}`")]
    Recipe {
        /// Its name.
        recipe: String,
        /// Why.
        #[source]
        source: Box<LabError>,
    },
    /// The file says something that cannot be.
    #[error("{0}")]
    Setting(String),
    /// A worker ended.
    #[error(
        "a worker ended with {status}: {said}; what was trained stays, the same command goes on"
    )]
    Worker {
        /// How.
        status: String,
        /// Its last words.
        said: String,
    },
    /// A process could not be started.
    #[error("a worker cannot be started: {0}")]
    Start(#[source] std::io::Error),
    /// See the source.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// See the source.
    #[error(transparent)]
    Lower(Box<LowerError>),
    /// See the source.
    #[error(transparent)]
    Exec(Box<ExecError>),
    /// See the source.
    #[error(transparent)]
    Store(Box<StoreError>),
    /// See the source.
    #[error(transparent)]
    Asset(#[from] AssetError),
    /// See the source.
    #[error(transparent)]
    Sample(Box<SampleError>),
    /// See the source.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// See the source.
    #[error(transparent)]
    Tokens(Box<TokensError>),
    /// See the source.
    #[error(transparent)]
    Ledger(Box<LedgerError>),
    /// See the source.
    #[error(transparent)]
    Train(Box<TrainError>),
    /// See the source.
    #[error(transparent)]
    Scale(#[from] ScaleError),
    /// A file of the ladder's folder is not what was written.
    #[error("{path} is damaged: {source}; remove it, the same command makes it again")]
    Damaged {
        /// The file.
        path: String,
        /// Where.
        #[source]
        source: serde_json::Error,
    },
    /// What has no JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

impl LabError {
    /// This error of the recipe `recipe`.
    pub(super) fn of(recipe: &str) -> impl FnOnce(Self) -> Self + '_ {
        move |source| Self::Recipe { recipe: recipe.to_owned(), source: Box::new(source) }
    }
}

/// Large errors are boxed: what succeeds should not carry their size.
macro_rules! boxed {
    ($($variant:ident($error:ty)),*) => {
        $(impl From<$error> for LabError {
            fn from(error: $error) -> Self {
                Self::$variant(Box::new(error))
            }
        })*
    };
}

boxed!(
    Lower(LowerError),
    Exec(ExecError),
    Ledger(LedgerError),
    Train(TrainError),
    Sample(SampleError),
    Tokens(TokensError),
    Store(StoreError)
);
