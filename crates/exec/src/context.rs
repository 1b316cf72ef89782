//! What every operator of a running query shares: threads, memory, cancellation, counts, warnings.

use crate::error::{Error, Result};
use crate::memory::MemoryPool;
use crate::metrics::Metrics;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What the operators of one query share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Context {
    threads: Arc<ThreadPool>,
    memory: MemoryPool,
    cancel: CancelToken,
    metrics: Arc<Metrics>,
    warnings: Warnings,
    temp_directory: Arc<Path>,
}

impl Context {
    /// A context for one query on threads and memory that other queries may share.
    pub fn new(threads: Arc<ThreadPool>, memory: MemoryPool) -> Self {
        let (cancel, metrics, warnings) = Default::default();
        let temp_directory = std::env::temp_dir().into();
        Self { threads, memory, cancel, metrics, warnings, temp_directory }
    }

    /// The same with another folder for temporary files than that of the system.
    #[must_use]
    pub fn with_temp_directory(mut self, directory: PathBuf) -> Self {
        self.temp_directory = directory.into();
        self
    }

    /// Where temporary files go.
    pub fn temp_directory(&self) -> &Path {
        &self.temp_directory
    }

    /// The threads.
    pub fn threads(&self) -> &Arc<ThreadPool> {
        &self.threads
    }

    /// The memory.
    pub fn memory(&self) -> &MemoryPool {
        &self.memory
    }

    /// What stops the query.
    pub fn cancel_token(&self) -> &CancelToken {
        &self.cancel
    }

    /// What the query counts.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// What is doubtful about the result.
    pub fn warnings(&self) -> &Warnings {
        &self.warnings
    }

    /// # Errors
    /// If the query was cancelled.
    pub fn check(&self) -> Result<()> {
        if self.cancel.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }
}

/// Threads for queries to run on.
///
/// # Errors
/// If the operating system gives none.
pub fn thread_pool(threads: usize) -> Result<Arc<ThreadPool>> {
    let pool = ThreadPoolBuilder::new().num_threads(threads.max(1)).thread_name(|at| format!("hyperslab-{at}"));
    pool.build().map(Arc::new).map_err(|error| Error::Io(format!("cannot start {threads} threads: {error}")))
}

/// Stops a query from any thread. Clones are the same token.
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    cancelled: Arc<AtomicBool>,
}

impl CancelToken {
    /// Asks the query to stop.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// The flag itself, for those that know no queries.
    pub fn flag(&self) -> &Arc<AtomicBool> {
        &self.cancelled
    }
}

/// What is doubtful about a result, each thing said once, in the order in which it was met.
#[derive(Clone, Debug, Default)]
pub struct Warnings {
    said: Arc<Mutex<Vec<String>>>,
}

impl Warnings {
    /// Says something, unless it was said.
    pub fn say(&self, warning: impl Into<String>) {
        let warning = warning.into();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if !said.contains(&warning) {
            said.push(warning);
        }
    }

    /// What was said so far.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_context_says_so_to_all_its_clones() {
        let context = Context::new(thread_pool(1).unwrap(), MemoryPool::new(0));
        let token = context.clone().cancel_token().clone();
        assert_eq!(context.check(), Ok(()));
        token.cancel();
        assert_eq!(context.check(), Err(Error::Cancelled));
    }

    #[test]
    fn a_warning_is_said_once() {
        let warnings = Warnings::default();
        ["a", "b", "a"].into_iter().for_each(|warning| warnings.clone().say(warning));
        assert_eq!(warnings.said(), ["a", "b"]);
    }
}
