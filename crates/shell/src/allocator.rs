//! What the allocator does with memory that is free.

/// Has the allocator keep pages for the blocks of cells to come. Blocks of a megabyte come and go on all threads; by default glibc
/// gives them back to the system, which clears them again each time: windows took twice as long for it. What is held does not
/// grow, as it is what was held at the peak before.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn keep_pages() {
    const MMAP_THRESHOLD: i32 = 32 << 20;
    const TRIM_THRESHOLD: i32 = 256 << 20;
    #[expect(unsafe_code, reason = "sets two numbers of the C library, before any other thread runs")]
    // SAFETY: `mallopt` takes any numbers and says whether it knows what to do with them; where it does not, nothing changes.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MMAP_THRESHOLD);
        libc::mallopt(libc::M_TRIM_THRESHOLD, TRIM_THRESHOLD);
    }
}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn keep_pages() {}
