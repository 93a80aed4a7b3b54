//! Writing a checkpoint beside the steps that follow it.

use std::thread::JoinHandle;

use crate::store::Store;

use super::TrainError;
use super::checkpoint::Packed;

/// Steps done, and the folder.
type Saved = (u64, String);

/// At most one checkpoint is being written at a time.
#[derive(Default)]
pub(super) struct Saver {
    under_way: Option<JoinHandle<Result<Saved, TrainError>>>,
}

impl Saver {
    /// Begins to write `checkpoint`; the one before must have been waited for ([`Saver::finish`]).
    pub(super) fn start(&mut self, run: &Store, checkpoint: Packed) {
        let run = run.clone();
        self.under_way =
            Some(std::thread::spawn(move || Ok((checkpoint.step(), checkpoint.save(&run)?))));
    }

    /// Waits for the checkpoint that is being written, if there is one.
    ///
    /// # Errors
    /// When it could not be written.
    pub(super) fn finish(&mut self) -> Result<Option<Saved>, TrainError> {
        let Some(thread) = self.under_way.take() else { return Ok(None) };
        match thread.join() {
            Ok(saved) => saved.map(Some),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// A training that ends early leaves nobody writing behind it.
impl Drop for Saver {
    fn drop(&mut self) {
        if let Some(Ok(Err(error))) = self.under_way.take().map(JoinHandle::join) {
            tracing::warn!("the last checkpoint could not be written: {error}");
        }
    }
}
