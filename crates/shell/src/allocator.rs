//! What the allocator does with memory that is free.

/// Has the allocator keep pages for the blocks of cells to come. Blocks of a megabyte come and go on all threads; by default glibc
/// gives them back to the system, which clears them again each time: windows took twice as long for it. Pages between blocks that
/// stay are held too: with little memory only small blocks are kept, and few pages.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn keep_pages(memory_limit: usize) {
    // 32 and 256 MiB from 2 GiB on.
    let largest_kept = (memory_limit / 64).clamp(1 << 20, 32 << 20) as i32;
    let most_kept = (memory_limit / 8).clamp(4 << 20, 256 << 20) as i32;
    #[expect(unsafe_code, reason = "sets two numbers of the C library, before any other thread runs")]
    // SAFETY: `mallopt` takes any numbers and says whether it knows what to do with them; where it does not, nothing changes.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, largest_kept);
        libc::mallopt(libc::M_TRIM_THRESHOLD, most_kept);
    }
}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn keep_pages(_: usize) {}
