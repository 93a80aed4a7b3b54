//! What the shims throw, as errors (`caught.hpp` is the other side).
#![expect(unsafe_code, reason = "frees what C++ allocated; the calls say why they may")]

use std::ffi::{CStr, c_char};
use std::ptr::NonNull;

/// What a function of a shim gives back: nothing, or a line of text that ends with a zero and was
/// made by `strdup`. Only shims make it.
#[repr(transparent)]
#[must_use = "the function may have failed"]
pub(super) struct Caught(Option<NonNull<c_char>>);

impl Caught {
    /// The text as an error, where there is one.
    pub(super) fn result(self) -> Result<(), String> {
        self.0.map_or(Ok(()), |text| {
            // SAFETY: shims give texts that end with a zero; this one lives until `self` is dropped.
            Err(unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy().into_owned())
        })
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        if let Some(text) = self.0 {
            // SAFETY: it is of `strdup`, and freed here alone.
            unsafe { libc::free(text.as_ptr().cast()) }
        }
    }
}
