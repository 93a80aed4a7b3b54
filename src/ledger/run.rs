//! A run directory, opened to ask about it.

use std::path::Path;

use super::table::Table;
use super::{LedgerError, attributes};
use crate::exec::summary::Summary;
use crate::plan::{Plan, PlanError};
use crate::store::{Location, Scheme, Store, StoreError};

/// A run directory with a ledger.
pub struct Run {
    /// The directory.
    pub store: Store,
    /// The plan of the run.
    pub plan: Plan,
    /// Its ledger.
    pub(super) ledger: Table,
}

impl Run {
    /// Opens the run directory `path`.
    ///
    /// # Errors
    /// When it is no run directory, or there is no ledger in it yet.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let shown = path.display();
        if path.is_file() {
            return Err(LedgerError::Question(format!(
                "`{shown}` is a file; give the directory of a run, such as `runs/quickstart`"
            )));
        }
        let location = Location::of(path)?;
        let store = Store::open_existing(&location).map_err(|error| match location.scheme() {
            Scheme::Local => LedgerError::Question(format!(
                "there is no directory `{shown}`; give the one that `tamis run` wrote, such as `runs/quickstart`"
            )),
            _ => error.into(),
        })?;
        let plan = Plan::load(&store).map_err(|error| match error {
            PlanError::Store(StoreError::NotFound { .. }) => LedgerError::Question(format!(
                "`{shown}` is not the directory of a run: it has no plan.json; give the `--out` of a `tamis run`"
            )),
            other => other.into(),
        })?;
        let mut ledger = Table::open(&store, "ledger")?.ok_or_else(|| {
            LedgerError::Question(format!(
                "the run in `{shown}` has no ledger yet; it is written by the last phase: start `tamis run` again to go on"
            ))
        })?;
        for name in attributes::names(&store)? {
            if let Some(table) = Table::open(&store, &format!("attributes/{name}"))? {
                ledger.put_beside(table)?;
            }
        }
        Ok(Self { store, plan, ledger })
    }

    /// How many files of the ledger there are, and how many there will be.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.ledger.parts(), self.plan.splits as usize)
    }

    /// Refuses a run that is not at its end, of which nothing can be counted.
    pub(super) fn complete(&self) -> Result<(), LedgerError> {
        match self.progress() {
            (done, all) if done < all => Err(LedgerError::Question(format!(
                "the run is not at its end: {done} of {all} parts of the ledger are written; start `tamis run` again to go on"
            ))),
            _ => Ok(()),
        }
    }

    /// The summary, where the run has one.
    ///
    /// # Errors
    /// When it does not read.
    pub fn summary(&self) -> Result<Option<Summary>, LedgerError> {
        match self.store.read("summary.json") {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
                LedgerError::Damaged(format!("summary.json does not read: {error}; run again"))
            }),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
