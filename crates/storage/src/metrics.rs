//! Counts what reading did, across threads.

use std::sync::atomic::{AtomicU64, Ordering};

/// Running counts of what was read. Shared by all threads of a query; never used to synchronise.
#[derive(Debug, Default)]
pub struct ReadMetrics {
    chunks_read: AtomicU64,
    chunks_absent: AtomicU64,
    stored_bytes: AtomicU64,
    decoded_bytes: AtomicU64,
    files_opened: AtomicU64,
}

/// The counts of [`ReadMetrics`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadCounts {
    /// Chunks, or boxes of contiguous storage, read from disk.
    pub chunks_read: u64,
    /// Chunks that were never written and read as fill values.
    pub chunks_absent: u64,
    /// Bytes read from disk for cells.
    pub stored_bytes: u64,
    /// Bytes of cells handed out.
    pub decoded_bytes: u64,
    /// Files opened or opened again.
    pub files_opened: u64,
}

impl ReadMetrics {
    /// Counts one chunk (or box of contiguous storage) read and decoded.
    pub fn chunk_read(&self, stored: usize, decoded: usize) {
        self.chunks_read.fetch_add(1, Ordering::Relaxed);
        self.stored_bytes.fetch_add(stored as u64, Ordering::Relaxed);
        self.decoded_bytes.fetch_add(decoded as u64, Ordering::Relaxed);
    }

    /// Counts bytes read from disk for a chunk that was counted when its reading began.
    pub fn chunk_continues(&self, stored: usize) {
        self.stored_bytes.fetch_add(stored as u64, Ordering::Relaxed);
    }

    /// Counts one chunk that was never written.
    pub fn chunk_absent(&self) {
        self.chunks_absent.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one file opened.
    pub fn file_opened(&self) {
        self.files_opened.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts so far.
    pub fn snapshot(&self) -> ReadCounts {
        ReadCounts {
            chunks_read: self.chunks_read.load(Ordering::Relaxed),
            chunks_absent: self.chunks_absent.load(Ordering::Relaxed),
            stored_bytes: self.stored_bytes.load(Ordering::Relaxed),
            decoded_bytes: self.decoded_bytes.load(Ordering::Relaxed),
            files_opened: self.files_opened.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up() {
        let metrics = ReadMetrics::default();
        metrics.chunk_read(10, 40);
        metrics.chunk_read(0, 40);
        metrics.chunk_continues(5);
        metrics.chunk_absent();
        metrics.file_opened();
        let expected =
            ReadCounts { chunks_read: 2, chunks_absent: 1, stored_bytes: 15, decoded_bytes: 80, files_opened: 1 };
        assert_eq!(metrics.snapshot(), expected);
    }
}
