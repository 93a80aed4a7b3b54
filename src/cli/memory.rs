//! What the C library does with freed memory.

/// Freed memory stays with the process, up to 64 MiB an arena, for the next of the same kind.
///
/// A pipeline takes and frees buffers of some megabytes all the time. By default glibc gives each back
/// to the system and takes fresh pages for the next, which the system clears and maps one by one. Both
/// numbers are the largest that glibc's own adjusting reaches
/// ([`mallopt(3)`](https://man7.org/linux/man-pages/man3/mallopt.3.html)).
pub(super) fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "a setting of the C library")]
    // SAFETY: both are settings, and no other thread is there yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 64 << 20);
    }
}
