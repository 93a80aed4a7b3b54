//! Gloo, the collectives that PyTorch uses on CPUs, as it stands in libtorch.
//!
//! `tch` does not bind it; `gloo.cpp` does, in a few functions. It is compiled where the headers
//! of libtorch 2.13 are found (see `build.rs`, which then sets `cfg(gloo)`): its classes have no
//! stable binary interface. Without it [`super::star::Star`] sums.
#![expect(unsafe_code, reason = "calls C++; each call says why it may")]

use std::ffi::{CString, c_char, c_int};
use std::ptr::NonNull;
use std::time::Duration;

use super::super::caught::Caught;

/// `c10d::TCPStore`.
#[repr(C)]
struct RawStore([u8; 0]);

/// `c10d::ProcessGroupGloo`.
#[repr(C)]
struct RawGroup([u8; 0]);

unsafe extern "C" {
    fn tamis_gloo_store(
        host: *const c_char,
        port: *mut u16,
        size: c_int,
        milliseconds: u64,
        out: *mut *mut RawStore,
    ) -> Caught;
    fn tamis_gloo_store_free(store: *mut RawStore);
    fn tamis_gloo_join(
        store: *const RawStore,
        address: *const c_char,
        rank: c_int,
        size: c_int,
        milliseconds: u64,
        out: *mut *mut RawGroup,
    ) -> Caught;
    fn tamis_gloo_free(group: *mut RawGroup);
    fn tamis_gloo_all_reduce(group: *mut RawGroup, values: *mut f32, count: i64) -> Caught;
}

/// Where the processes of a group learn each other's addresses.
pub(super) struct Meeting {
    store: NonNull<RawStore>,
    /// The port that it is served at.
    pub(super) port: u16,
}

impl Meeting {
    /// Serves a meeting of `size` processes on a free port, where `port` is 0; else goes to the one
    /// that `host` serves at `port`.
    ///
    /// # Errors
    /// What Gloo says, in a line.
    pub(super) fn open(host: &str, port: u16, size: u32, limit: Duration) -> Result<Self, String> {
        let host = c_string(host)?;
        let mut port = port;
        let mut store = std::ptr::null_mut();
        // SAFETY: all pointers are to living values; the function keeps none of them.
        let caught = unsafe {
            let size = narrow(size);
            tamis_gloo_store(
                host.as_ptr(),
                &raw mut port,
                size,
                milliseconds(limit),
                &raw mut store,
            )
        };
        caught.result()?;
        Ok(Self { store: made(store)?, port })
    }
}

impl Drop for Meeting {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `tamis_gloo_store`, and is freed here alone. Groups hold
        // the store by a reference count of their own.
        unsafe { tamis_gloo_store_free(self.store.as_ptr()) }
    }
}

/// The processes that sum together.
pub(super) struct Gloo {
    group: NonNull<RawGroup>,
}

impl Gloo {
    /// Meets the others; `address` is one of this machine that they reach.
    ///
    /// # Errors
    /// What Gloo says, in a line.
    pub(super) fn join(
        meeting: &Meeting,
        address: &str,
        rank: u32,
        size: u32,
        limit: Duration,
    ) -> Result<Self, String> {
        let address = c_string(address)?;
        let mut group = std::ptr::null_mut();
        let (rank, size) = (narrow(rank), narrow(size));
        // SAFETY: the store lives as long as `meeting`, the other pointers are to living values,
        // and the function keeps none but the store, whose references it counts.
        let caught = unsafe {
            let store = meeting.store.as_ptr();
            let limit = milliseconds(limit);
            tamis_gloo_join(store, address.as_ptr(), rank, size, limit, &raw mut group)
        };
        caught.result()?;
        Ok(Self { group: made(group)? })
    }

    /// Replaces `values` by their sums over all processes, the same bytes in each.
    ///
    /// # Errors
    /// What Gloo says, in a line: another process is gone, or does not answer.
    pub(super) fn all_reduce(&mut self, values: &mut [f32]) -> Result<(), String> {
        let count = values.len().cast_signed() as i64;
        // SAFETY: the group lives as long as `self`; the function waits until Gloo is through with
        // the values (or has given them up), so that the borrow covers every access.
        let caught =
            unsafe { tamis_gloo_all_reduce(self.group.as_ptr(), values.as_mut_ptr(), count) };
        caught.result()
    }
}

impl Drop for Gloo {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `tamis_gloo_join`, and is freed here alone.
        unsafe { tamis_gloo_free(self.group.as_ptr()) }
    }
}

fn made<T>(pointer: *mut T) -> Result<NonNull<T>, String> {
    NonNull::new(pointer).ok_or_else(|| "Gloo made nothing".to_owned())
}

fn c_string(text: &str) -> Result<CString, String> {
    CString::new(text).map_err(|_| format!("`{text}` is no address"))
}

fn narrow(number: u32) -> c_int {
    c_int::try_from(number).unwrap_or(c_int::MAX)
}

fn milliseconds(limit: Duration) -> u64 {
    u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)
}
