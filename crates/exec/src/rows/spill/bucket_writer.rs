//! Shares rows out over buckets on disk. Rows of a bucket wait until enough of them are there to be written together.

use super::file::{Segment, SpillFile};
use crate::context::Context;
use crate::error::Result;
use crate::memory::Reservation;
use crate::metrics::Operator;
use crate::rows::stored::joined;
use crate::source::{Batch, SourceColumn};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The least and the most bytes that are written together.
const LEAST_PIECE: usize = 4 << 10;
const MOST_PIECE: usize = 256 << 10;

/// Rows that are shared out by many threads. `T` tells the rows of a bucket apart: each part of them has one.
pub(crate) struct BucketWriter<T> {
    file: SpillFile,
    /// The bytes of rows that are written together.
    piece: usize,
    buckets: usize,
    /// What waits to be written, for as many threads as were at work together.
    waiting: Mutex<Vec<Vec<Waiting<T>>>>,
    written: Mutex<Vec<Vec<Written<T>>>>,
    _memory: Reservation,
}

/// The rows of one thread that wait to be written, by bucket.
pub(crate) struct Waiting<T> {
    batches: Vec<Batch>,
    tags: Vec<(T, usize)>,
    bytes: usize,
}

/// Rows that were written together, and what tells their parts apart, with the rows of each.
#[derive(Clone, Debug)]
pub(crate) struct Written<T> {
    pub(crate) segment: Segment,
    pub(crate) parts: Vec<(T, usize)>,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { batches: Vec::new(), tags: Vec::new(), bytes: 0 }
    }
}

/// How many buckets can be written to at a time with an eighth of the memory.
pub(crate) fn most_buckets(context: &Context) -> usize {
    (share(context) / (4 * LEAST_PIECE)).max(2)
}

/// The memory of each thread.
fn share(context: &Context) -> usize {
    context.memory().limit() / (8 * context.threads().current_num_threads())
}

impl<T> BucketWriter<T> {
    /// A new file with no rows.
    ///
    /// # Errors
    /// If the file cannot be made, or the limit does not allow the memory of what waits.
    pub(crate) fn new(
        context: &Context,
        operator: &Arc<Operator>,
        columns: &[SourceColumn],
        buckets: usize,
    ) -> Result<Self> {
        let threads = match context.threads().current_thread_index() {
            None => context.threads().current_num_threads(),
            Some(_) => 1,
        };
        let piece = (share(context) / buckets).clamp(LEAST_PIECE, MOST_PIECE);
        let memory = context.memory().reserve(threads * buckets * piece, "rows on their way to the disk")?;
        Ok(Self {
            file: SpillFile::create(context, operator, columns)?,
            piece,
            buckets,
            waiting: Mutex::default(),
            written: Mutex::new((0..buckets).map(|_| Vec::new()).collect()),
            _memory: memory.counted_by(operator),
        })
    }

    /// How many buckets there are.
    pub(crate) fn buckets(&self) -> usize {
        self.buckets
    }

    /// What a thread shares rows out with; it gives it back when it is done.
    pub(crate) fn begin(&self) -> Vec<Waiting<T>> {
        let unused = lock(&self.waiting).pop();
        unused.unwrap_or_else(|| (0..self.buckets).map(|_| Waiting::default()).collect())
    }

    pub(crate) fn give_back(&self, waiting: Vec<Waiting<T>>) {
        lock(&self.waiting).push(waiting);
    }

    /// Adds rows to a bucket.
    ///
    /// # Errors
    /// If they cannot be written.
    pub(crate) fn push(&self, waiting: &mut [Waiting<T>], bucket: usize, rows: Batch, tag: T) -> Result<()> {
        let waiting = &mut waiting[bucket];
        waiting.bytes += rows.bytes();
        waiting.tags.push((tag, rows.rows));
        waiting.batches.push(rows);
        if waiting.bytes >= self.piece { self.write(bucket, waiting) } else { Ok(()) }
    }

    fn write(&self, bucket: usize, waiting: &mut Waiting<T>) -> Result<()> {
        if waiting.batches.is_empty() {
            return Ok(());
        }
        let Waiting { batches, tags, .. } = std::mem::take(waiting);
        let segment = self.file.write(&joined(&batches)?)?;
        lock(&self.written)[bucket].push(Written { segment, parts: tags });
        Ok(())
    }

    /// The file, and what each bucket has in it.
    ///
    /// # Errors
    /// If what still waits cannot be written.
    pub(crate) fn finish(self) -> Result<(SpillFile, Vec<Vec<Written<T>>>)> {
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        for mut of_thread in waiting {
            of_thread.iter_mut().enumerate().try_for_each(|(bucket, waiting)| self.write(bucket, waiting))?;
        }
        Ok((self.file, self.written.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
