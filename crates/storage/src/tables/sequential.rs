//! A file read from front to back, through positioned reads.

use crate::Error;
use crate::io::{FileSource, ReadAt};
use crate::metrics::ReadMetrics;
use std::io::{self, Read};
use std::sync::Arc;

/// Reads a file from some position on, as far as it may.
pub(super) struct Sequential {
    file: Arc<FileSource>,
    metrics: Arc<ReadMetrics>,
    at: u64,
    /// Where reading is an error.
    barrier: u64,
}

impl Sequential {
    pub(super) fn new(file: &Arc<FileSource>, metrics: &Arc<ReadMetrics>, at: u64) -> Self {
        Self { file: file.clone(), metrics: metrics.clone(), at, barrier: u64::MAX }
    }

    /// Where the next byte comes from.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// From here on at most so many bytes may be read before this is called again.
    pub(super) fn allow(&mut self, bytes: u64) {
        self.barrier = self.at.saturating_add(bytes);
    }
}

impl Read for Sequential {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.barrier {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let left = self.file.len().saturating_sub(self.at);
        let bytes = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.file.read_exact_at(self.at, &mut into[..bytes], &self.metrics).map_err(io::Error::other)?;
        self.at += bytes as u64;
        self.metrics.chunk_continues(bytes);
        Ok(bytes)
    }
}

/// The error of a [`Sequential`], where it was not the operating system's.
pub(super) fn storage_error(error: &io::Error) -> Option<Error> {
    error.get_ref()?.downcast_ref::<Error>().cloned()
}
