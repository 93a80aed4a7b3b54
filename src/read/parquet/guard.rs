//! Damaged files must not end a task: panics of the Parquet crate are caught here.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use parquet::errors::Result as ParquetResult;

/// Runs code of the Parquet crate over bytes that nobody has checked. It promises errors for damaged
/// files, but some damage trips an assertion or an index instead, and one bad file must not end the
/// task. Nothing that the code leaves half done is used afterwards.
pub(crate) fn guarded<T>(decode: impl FnOnce() -> ParquetResult<T>) -> Option<T> {
    caught(decode)?.ok()
}

/// Runs code that may panic where it should give an error; `None` where it does. Nothing that the
/// code leaves half done may be used afterwards.
pub(crate) fn caught<T>(code: impl FnOnce() -> T) -> Option<T> {
    let before = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(code));
    GUARDED.set(before);
    result.ok()
}

thread_local! {
    /// Whether this thread runs code whose panics are caught.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Keeps caught panics off stderr: a damaged file is a `failed` row, not a crash to report.
/// All other panics are reported as before.
pub fn silence_caught_panics() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !GUARDED.get() {
            report(panic);
        }
    }));
}
