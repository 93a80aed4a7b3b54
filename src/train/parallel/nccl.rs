//! NCCL, for sums over CUDA devices.
//!
//! libtorch for CUDA is linked against `libnccl.so.2`, so its C functions are in the process already:
//! they are looked up by name, and nothing is needed at build time. The numbers below are those of
//! `nccl.h` and `cuda_runtime_api.h`, which keep their meaning between versions. libtorch computes on
//! the default stream (null), and so does NCCL here: one follows the other without any waiting.
#![expect(unsafe_code, reason = "calls C by address; each call says why it may")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::time::{Duration, Instant};

use tch::{Kind, Tensor};

use super::ParallelError;

/// Bytes of `ncclUniqueId`.
pub(super) const ID_BYTES: usize = 128;

/// `ncclFloat32`, `ncclSum`, `ncclInProgress`, `cudaErrorNotReady`.
const FLOAT: c_int = 7;
const SUM: c_int = 0;
const IN_PROGRESS: c_int = 7;
const NOT_READY: c_int = 600;

/// `ncclUniqueId`, which is passed by value.
#[repr(C)]
#[derive(Clone, Copy)]
struct UniqueId([u8; ID_BYTES]);

/// Between two looks whether the others are there.
const LOOK: Duration = Duration::from_millis(100);

type Comm = *mut c_void;
type Stream = *mut c_void;

/// The functions that are used.
#[derive(Clone, Copy)]
struct Library {
    get_unique_id: unsafe extern "C" fn(*mut UniqueId) -> c_int,
    comm_init_rank: unsafe extern "C" fn(*mut Comm, c_int, UniqueId, c_int) -> c_int,
    comm_destroy: unsafe extern "C" fn(Comm) -> c_int,
    comm_abort: unsafe extern "C" fn(Comm) -> c_int,
    comm_get_async_error: unsafe extern "C" fn(Comm, *mut c_int) -> c_int,
    all_reduce: unsafe extern "C" fn(
        *const c_void,
        *mut c_void,
        usize,
        c_int,
        c_int,
        Comm,
        Stream,
    ) -> c_int,
    get_error_string: unsafe extern "C" fn(c_int) -> *const c_char,
    set_device: unsafe extern "C" fn(c_int) -> c_int,
    stream_query: unsafe extern "C" fn(Stream) -> c_int,
}

/// The address of a function of this process.
fn find(name: &'static CStr) -> Result<*mut c_void, ParallelError> {
    // SAFETY: the name ends with a zero, and the handle is the one for all that is loaded.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    if address.is_null() {
        let symbol = name.to_string_lossy().into_owned();
        return Err(ParallelError::NoNccl { symbol });
    }
    Ok(address)
}

impl Library {
    /// # Errors
    /// When the process has no NCCL; names the first function that is missing.
    fn load() -> Result<Self, ParallelError> {
        // SAFETY: each address is that of the C function of this name, whose declaration in `nccl.h`
        // (in `cuda_runtime_api.h` for the last two) is the type that it is given.
        unsafe {
            Ok(Self {
                get_unique_id: std::mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(*mut UniqueId) -> c_int,
                >(find(c"ncclGetUniqueId")?),
                comm_init_rank: std::mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(*mut Comm, c_int, UniqueId, c_int) -> c_int,
                >(find(c"ncclCommInitRank")?),
                comm_destroy: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(Comm) -> c_int>(
                    find(c"ncclCommDestroy")?,
                ),
                comm_abort: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(Comm) -> c_int>(
                    find(c"ncclCommAbort")?,
                ),
                comm_get_async_error: std::mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(Comm, *mut c_int) -> c_int,
                >(find(c"ncclCommGetAsyncError")?),
                all_reduce: std::mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(
                        *const c_void,
                        *mut c_void,
                        usize,
                        c_int,
                        c_int,
                        Comm,
                        Stream,
                    ) -> c_int,
                >(find(c"ncclAllReduce")?),
                get_error_string: std::mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(c_int) -> *const c_char,
                >(find(c"ncclGetErrorString")?),
                set_device: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(c_int) -> c_int>(
                    find(c"cudaSetDevice")?,
                ),
                stream_query: std::mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(Stream) -> c_int,
                >(find(c"cudaStreamQuery")?),
            })
        }
    }

    fn check(&self, code: c_int) -> Result<(), String> {
        if code == 0 {
            return Ok(());
        }
        // SAFETY: the function takes any number, and its texts live as long as the process.
        let text = unsafe { CStr::from_ptr((self.get_error_string)(code)) };
        Err(text.to_string_lossy().into_owned())
    }
}

/// A number for processes to meet by: made by process 0, told to the others.
///
/// # Errors
/// When the process has no NCCL, or it fails.
pub(super) fn unique_id() -> Result<Vec<u8>, ParallelError> {
    let library = Library::load()?;
    let mut id = UniqueId([0; ID_BYTES]);
    // SAFETY: the pointer is to a living value of the size that is written.
    let code = unsafe { (library.get_unique_id)(&raw mut id) };
    library.check(code).map_err(ParallelError::Collective)?;
    Ok(id.0.to_vec())
}

/// The devices that sum together.
pub(super) struct Nccl {
    library: Library,
    comm: Comm,
    limit: Duration,
}

impl Nccl {
    /// Meets the others; this process computes on CUDA device `device`.
    ///
    /// # Errors
    /// When the process has no NCCL, or it fails.
    pub(super) fn join(
        id: &[u8],
        device: usize,
        rank: u32,
        size: u32,
        limit: Duration,
    ) -> Result<Self, ParallelError> {
        let library = Library::load()?;
        let mut unique = UniqueId([0; ID_BYTES]);
        unique.0.copy_from_slice(&id[..ID_BYTES]);
        let [device, rank, size] = [device, rank as usize, size as usize]
            .map(|number| c_int::try_from(number).unwrap_or(c_int::MAX));
        let mut comm = std::ptr::null_mut();
        // SAFETY: numbers, and a pointer to a living value; `tch` has no function for the first.
        let code = unsafe {
            (library.set_device)(device);
            (library.comm_init_rank)(&raw mut comm, size, unique, rank)
        };
        library.check(code).map_err(ParallelError::Collective)?;
        Ok(Self { library, comm, limit })
    }

    /// Replaces the values of a row of 32-bit numbers on this device by their sums over all devices.
    /// `watch` is asked now and then whether there is still somebody to wait for.
    ///
    /// # Errors
    /// What NCCL says; when it does not end in time.
    pub(super) fn all_reduce(
        &mut self,
        row: &mut Tensor,
        watch: &mut dyn FnMut() -> Result<(), ParallelError>,
    ) -> Result<(), ParallelError> {
        assert!(row.kind() == Kind::Float && row.is_contiguous() && row.device().is_cuda());
        let (values, null) = (row.data_ptr(), std::ptr::null_mut());
        // SAFETY: the row is `numel` floats on this process's device, one after the other, and is
        // held until the stream has come past the sum (below).
        let code = unsafe {
            (self.library.all_reduce)(values, values, row.numel(), FLOAT, SUM, self.comm, null)
        };
        self.library.check(code).map_err(ParallelError::Collective)?;
        let deadline = Instant::now() + self.limit;
        let mut next_look = Instant::now() + LOOK;
        loop {
            let mut state = 0;
            // SAFETY: the stream is the default one, and the communicator lives until `drop`.
            let (ready, code) = unsafe {
                let ready = (self.library.stream_query)(null);
                (ready, (self.library.comm_get_async_error)(self.comm, &raw mut state))
            };
            self.library.check(code).map_err(ParallelError::Collective)?;
            if state != IN_PROGRESS {
                self.library.check(state).map_err(ParallelError::Collective)?;
            }
            match ready {
                0 => return Ok(()),
                NOT_READY if Instant::now() > deadline => {
                    let text = format!("NCCL does not end within {} s", self.limit.as_secs());
                    return Err(ParallelError::Collective(text));
                }
                NOT_READY if Instant::now() > next_look => {
                    watch()?;
                    next_look = Instant::now() + LOOK;
                }
                NOT_READY => {}
                error => {
                    return Err(ParallelError::Collective(format!("CUDA error {error}")));
                }
            }
            std::thread::yield_now();
        }
    }

    /// Gives up what is under way.
    pub(super) fn abort(mut self) {
        let comm = std::mem::replace(&mut self.comm, std::ptr::null_mut());
        // SAFETY: the communicator was made by `comm_init_rank` and is not used again.
        unsafe { (self.library.comm_abort)(comm) };
    }
}

impl Drop for Nccl {
    fn drop(&mut self) {
        if !self.comm.is_null() {
            // SAFETY: as in `abort`.
            unsafe { (self.library.comm_destroy)(self.comm) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_is_no_nccl_the_error_says_what_to_do() {
        if tch::Cuda::is_available() {
            assert_eq!(unique_id().unwrap().len(), ID_BYTES);
            return;
        }
        let error = unique_id().unwrap_err().to_string();
        assert!(error.contains("ncclGetUniqueId") && error.contains("libtorch-cuda"), "{error}");
        assert!(find(c"malloc").is_ok(), "what is in the process is found");
    }
}
