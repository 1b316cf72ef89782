//! The open files of a dataset: a bounded number, so that their headers and chunk indexes take bounded memory; a file is
//! opened again when it is needed again.

use crate::Result;
use crate::formats::Format;
use crate::metrics::ReadMetrics;
use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Files held open at a time. Their headers and chunk indexes are some 10 to 100 KB each.
const OPEN_AT_A_TIME: usize = 512;

/// Opens a file.
pub(crate) type Opener = Box<dyn Fn(&Path) -> Result<Arc<dyn Format>> + Send + Sync>;

/// Paths, with a format for each that is open. A format in use stays open until its last user drops it.
pub(crate) struct Handles {
    paths: Vec<PathBuf>,
    slots: Vec<Mutex<Option<Arc<dyn Format>>>>,
    /// Open slots, the one opened first in front.
    order: Mutex<VecDeque<usize>>,
    limit: usize,
    opener: Opener,
}

impl Handles {
    /// The files at `paths`, none open yet.
    pub(crate) fn new(paths: Vec<PathBuf>, opener: Opener) -> Self {
        let slots = paths.iter().map(|_| Mutex::new(None)).collect();
        Self { paths, slots, order: Mutex::default(), limit: OPEN_AT_A_TIME, opener }
    }

    /// The path of file `i`.
    pub(crate) fn path(&self, i: usize) -> &Path {
        &self.paths[i]
    }

    /// All paths.
    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// File `i`, opened if it is not open.
    ///
    /// # Errors
    /// As opening; they name the file.
    pub(crate) fn get(&self, i: usize, metrics: &ReadMetrics) -> Result<Arc<dyn Format>> {
        let opened = {
            let mut slot = lock(&self.slots[i]);
            if let Some(format) = &*slot {
                return Ok(Arc::clone(format));
            }
            let format = (self.opener)(&self.paths[i]).map_err(|error| error.in_file(&self.paths[i]))?;
            *slot = Some(Arc::clone(&format));
            format
        };
        metrics.file_opened();
        self.close_one_too_many(i);
        Ok(opened)
    }

    fn close_one_too_many(&self, opened: usize) {
        let oldest = {
            let mut order = lock(&self.order);
            order.push_back(opened);
            if order.len() > self.limit { order.pop_front() } else { None }
        };
        if let Some(oldest) = oldest {
            *lock(&self.slots[oldest]) = None;
        }
    }
}

/// A lock that outlives the panic of another holder: what it guards is whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Handles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handles").field("paths", &self.paths).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeFile;

    #[test]
    fn no_more_files_are_open_than_allowed() {
        let opener: Opener = Box::new(|_| Ok(FakeFile::new().open()));
        let mut handles = Handles::new((0..5).map(|i| PathBuf::from(format!("{i}.nc"))).collect(), opener);
        handles.limit = 2;
        let metrics = ReadMetrics::default();
        for i in [0, 1, 0, 2, 3, 4, 0, 0] {
            handles.get(i, &metrics).expect("opens");
            let open = handles.slots.iter().filter(|slot| lock(slot).is_some()).count();
            assert!(open <= 2, "{open} are open");
        }
        assert_eq!(metrics.snapshot().files_opened, 6);
    }

    #[test]
    fn errors_name_the_file() {
        let opener: Opener = Box::new(|_| Err(crate::Error::corrupt("truncated")));
        let handles = Handles::new(vec!["x.nc".into()], opener);
        let error = handles.get(0, &ReadMetrics::default()).err().expect("fails");
        assert_eq!(error.to_string(), "x.nc: truncated");
    }
}
