//! The memory limit: who holds how much, and the error when it is too much. Knows bytes only, not what they hold.

use crate::error::{Error, OutOfMemory, Result};
use crate::metrics::Operator;
use hyperslab_storage::{Giver, Room};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The memory of a query, or of several that share a limit. Cheap to clone; clones share the count.
#[derive(Clone, Debug)]
pub struct MemoryPool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limit: usize,
    reserved: AtomicUsize,
    peak: AtomicUsize,
}

impl MemoryPool {
    /// A pool that gives out at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { shared: Arc::new(Shared { limit, reserved: AtomicUsize::new(0), peak: AtomicUsize::new(0) }) }
    }

    /// The most bytes that can be reserved at a time.
    pub fn limit(&self) -> usize {
        self.shared.limit
    }

    /// The bytes reserved now.
    pub fn reserved(&self) -> usize {
        self.shared.reserved.load(Ordering::Relaxed)
    }

    /// The most bytes that were reserved at a time since [`Self::forget_peak`].
    pub fn peak(&self) -> usize {
        self.shared.peak.load(Ordering::Relaxed)
    }

    /// Begins to look for the peak anew: a query starts.
    pub fn forget_peak(&self) {
        self.shared.peak.store(self.reserved(), Ordering::Relaxed);
    }

    /// Reserves bytes until the reservation is dropped. `what` is the subject of the error: `"sorting"`.
    ///
    /// # Errors
    /// If they do not fit the limit.
    pub fn reserve(&self, bytes: usize, what: &'static str) -> Result<Reservation> {
        let mut reservation = Reservation { pool: self.clone(), what, bytes: 0, operator: None };
        reservation.grow(bytes)?;
        Ok(reservation)
    }

    fn take(&self, bytes: usize, what: &str) -> Result<()> {
        let limit = self.shared.limit;
        let fits = |reserved: usize| reserved.checked_add(bytes).filter(|total| *total <= limit);
        match self.shared.reserved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
            Ok(before) => {
                self.shared.peak.fetch_max(before + bytes, Ordering::Relaxed);
                Ok(())
            }
            Err(reserved) => Err(self.refusal(what, bytes, reserved)),
        }
    }

    fn refusal(&self, what: &str, requested: usize, reserved: usize) -> Error {
        Error::OutOfMemory(OutOfMemory { what: what.to_string(), requested, reserved, limit: self.limit() })
    }

    fn give_back(&self, bytes: usize) {
        self.shared.reserved.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Bytes reserved from a [`MemoryPool`]; given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    pool: MemoryPool,
    what: &'static str,
    bytes: usize,
    operator: Option<Arc<Operator>>,
}

impl Reservation {
    /// Counts these bytes, and those to come, as memory of an operator too.
    #[must_use]
    pub fn counted_by(mut self, operator: &Arc<Operator>) -> Self {
        operator.memory_grew(self.bytes);
        self.operator = Some(operator.clone());
        self
    }

    /// The bytes reserved.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The error where as much again would be needed beside it.
    pub fn is_too_much(&self) -> Error {
        self.pool.refusal(self.what, self.bytes, self.pool.reserved())
    }

    /// Reserves more bytes.
    ///
    /// # Errors
    /// If they do not fit the limit; what was reserved before stays.
    pub fn grow(&mut self, bytes: usize) -> Result<()> {
        self.pool.take(bytes, self.what)?;
        self.bytes += bytes;
        self.operator.iter().for_each(|operator| operator.memory_grew(bytes));
        Ok(())
    }

    /// Reserves bytes for the same as a reservation of their own.
    ///
    /// # Errors
    /// If they do not fit the limit.
    pub fn beside(&self, bytes: usize) -> Result<Self> {
        self.pool.reserve(bytes, self.what)
    }

    /// Gives bytes back, at most all.
    pub fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.pool.give_back(bytes);
        self.operator.iter().for_each(|operator| operator.memory_shrank(bytes));
    }

    /// Grows or shrinks to so many bytes.
    ///
    /// # Errors
    /// If it would grow beyond the limit.
    pub fn resize(&mut self, bytes: usize) -> Result<()> {
        if bytes > self.bytes {
            return self.grow(bytes - self.bytes);
        }
        self.shrink(self.bytes - bytes);
        Ok(())
    }

    /// Takes over the bytes of another reservation of the same pool.
    pub fn absorb(&mut self, mut other: Self) {
        let bytes = std::mem::take(&mut other.bytes);
        other.operator.iter().for_each(|operator| operator.memory_shrank(bytes));
        self.bytes += bytes;
        self.operator.iter().for_each(|operator| operator.memory_grew(bytes));
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}

/// A reservation that reading takes from as it finds out what it needs; it is given back with the last that knows it.
#[derive(Debug)]
pub struct Given {
    reservation: Mutex<Reservation>,
    refused: Mutex<Option<Error>>,
}

impl Given {
    /// Nothing yet. `what` is the subject of the error, as for [`MemoryPool::reserve`].
    pub fn new(pool: &MemoryPool, what: &'static str) -> Arc<Self> {
        let reservation = Reservation { pool: pool.clone(), what, bytes: 0, operator: None };
        Arc::new(Self { reservation: Mutex::new(reservation), refused: Mutex::default() })
    }

    /// Where reading asks for it.
    pub fn room(self: &Arc<Self>) -> Room {
        Room::new(Arc::clone(self) as Arc<dyn Giver>)
    }

    /// Takes all back, and gives the error if something was refused, with the name of what was read.
    pub fn take_back(&self, what: &str) -> Option<Error> {
        lock(&self.reservation).shrink(usize::MAX);
        let refused = lock(&self.refused).take();
        refused.map(|error| error.of(what))
    }
}

impl Giver for Given {
    fn take(&self, bytes: usize) -> bool {
        let grown = lock(&self.reservation).grow(bytes);
        let given = grown.is_ok();
        grown.err().into_iter().for_each(|error| *lock(&self.refused) = Some(error));
        given
    }

    fn give_back(&self, bytes: usize) {
        lock(&self.reservation).shrink(bytes);
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservations_come_back_when_dropped_and_never_pass_the_limit() {
        let pool = MemoryPool::new(100);
        let mut first = pool.reserve(60, "a").unwrap();
        assert!(matches!(pool.reserve(41, "b"), Err(Error::OutOfMemory(OutOfMemory { reserved: 60, .. }))));
        assert!(matches!(first.grow(usize::MAX), Err(Error::OutOfMemory(_))));
        first.resize(10).unwrap();
        let second = pool.reserve(90, "b").unwrap();
        assert_eq!((pool.reserved(), pool.peak()), (100, 100));
        first.absorb(second);
        assert_eq!((first.bytes(), pool.reserved()), (100, 100));
        drop(first);
        assert_eq!((pool.reserved(), pool.peak()), (0, 100));
        pool.forget_peak();
        assert_eq!(pool.peak(), 0);
    }
}
