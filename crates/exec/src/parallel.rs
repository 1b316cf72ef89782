//! The one place where work is spread over threads: partitions are worked on in parallel, and their results are taken
//! strictly in order on the calling thread. What comes out never depends on the number of threads.
//!
//! Partitions are started in order, and only a window of them beyond the one whose turn it is: results that are ready
//! too early cannot pile up. Called from a thread of the pool itself, everything runs on that thread, one partition
//! after the other: a pool never waits for itself.
//!
//! Where memory does not suffice for several partitions at a time, fewer are worked on, in the end one: a partition that ran
//! out of memory before it gave anything is run anew when its turn comes, if that does no harm.

mod lanes;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::source::{Batch, Sink, Source};
use lanes::{Anew, Give, Queue, run_ordered};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;
use std::cell::Cell;
use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// The most bytes of items that may wait for partitions before theirs.
const QUEUE_BYTES: usize = 64 << 20;

/// Whether a partition has begun to leave something that it would leave once more if it were run anew.
#[derive(Default)]
pub(crate) struct Begun(Cell<bool>);

impl Begun {
    /// It has.
    pub(crate) fn begin(&self) {
        self.0.set(true);
    }
}

/// Runs `run` for each partition, in parallel. One that ran out of memory before it has begun is run anew with fewer others
/// beside it.
///
/// # Errors
/// As for [`fold_partitions`].
pub(crate) fn each_partition(
    context: &Context,
    partitions: usize,
    run: impl Fn(usize, &Begun) -> Result<()> + Sync,
) -> Result<()> {
    let produce = |partition: usize, give: &mut Give<'_, Result<()>>| {
        let begun = Begun::default();
        match run(partition, &begun) {
            Err(error) if begun.0.get() => give(Err(error)).map(drop),
            outcome => give(Ok(outcome?)).map(drop),
        }
    };
    let queue = Queue::new(context, 0, Anew::Failed)?;
    let mut consume = |_, outcome: Result<()>| outcome.map(ControlFlow::Continue);
    run_ordered(context, partitions, queue, &produce, &|_| 0, &mut consume)
}

/// Runs `run` for each partition, in parallel, and hands the results to `merge` on this thread, in order. Stops early
/// when `merge` breaks; partitions that were started by then are finished and dropped.
///
/// # Errors
/// Of all that goes wrong, what goes wrong first in the order of partitions; a panic is an error too.
pub fn fold_partitions<S: Send>(
    context: &Context,
    partitions: usize,
    run: impl Fn(usize) -> Result<S> + Sync,
    merge: impl FnMut(usize, S) -> Result<ControlFlow<()>>,
) -> Result<()> {
    fold(context, partitions, Anew::Never, run, merge)
}

/// Like [`fold_partitions`], where nothing is left of a partition that failed, so that it can be run anew with fewer others
/// beside it.
///
/// # Errors
/// As for [`fold_partitions`]; memory that even one partition alone cannot have.
pub(crate) fn fold_anew<S: Send>(
    context: &Context,
    partitions: usize,
    run: impl Fn(usize) -> Result<S> + Sync,
    merge: impl FnMut(usize, S) -> Result<ControlFlow<()>>,
) -> Result<()> {
    fold(context, partitions, Anew::All, run, merge)
}

fn fold<S: Send>(
    context: &Context,
    partitions: usize,
    anew: Anew,
    run: impl Fn(usize) -> Result<S> + Sync,
    mut merge: impl FnMut(usize, S) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let produce = |partition: usize, give: &mut Give<'_, S>| give(run(partition)?).map(drop);
    let queue = Queue::new(context, 0, anew)?;
    run_ordered(context, partitions, queue, &produce, &|_| 0, &mut |partition, state| merge(partition, state))
}

/// Hands the batches of all partitions to `sink` on this thread, in order, while partitions run in parallel. The sink
/// must not wait for the threads of the pool: work that it would like to share belongs into [`stream_mapped`].
///
/// # Errors
/// As for [`fold_partitions`].
pub fn stream_ordered(context: &Context, source: &dyn Source, sink: &mut Sink<'_>) -> Result<()> {
    stream_mapped(context, source, &Ok, &Batch::bytes, sink)
}

/// Like [`stream_ordered`], with something made of each batch on the thread that produced it, such as formatted text;
/// `bytes` says how large such a thing is.
///
/// # Errors
/// As for [`fold_partitions`].
pub fn stream_mapped<T: Send>(
    context: &Context,
    source: &dyn Source,
    map: &(dyn Fn(Batch) -> Result<T> + Sync),
    bytes: &(dyn Fn(&T) -> usize + Sync),
    sink: &mut dyn FnMut(T) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let produce = |partition: usize, give: &mut Give<'_, T>| source.run(partition, &mut |batch| give(map(batch)?));
    let budget = QUEUE_BYTES.min(context.memory().limit() / 8);
    let queue = Queue::new(context, budget, Anew::All)?;
    run_ordered(context, source.partitions(), queue, &produce, bytes, &mut |_, item| sink(item))
}

/// Sorts on all threads of the context; on a thread of its pool on that one alone. There, waiting for others means to take up
/// whatever work there is: another partition perhaps, which waits for the one that is being sorted. Many values take long: when
/// the query is cancelled, the comparison unwinds out of the sort.
///
/// # Errors
/// If the query was cancelled, or the comparison panics.
pub(crate) fn sort_by<T: Send>(
    context: &Context,
    values: &mut [T],
    compare: impl Fn(&T, &T) -> Ordering + Send + Sync,
) -> Result<()> {
    let compare = |a: &T, b: &T| {
        if context.cancel_token().is_cancelled() {
            resume_unwind(Box::new("cancelled"));
        }
        compare(a, b)
    };
    let sort = || match context.threads().current_thread_index() {
        None => context.threads().install(|| values.par_sort_unstable_by(compare)),
        Some(_) => values.sort_unstable_by(compare),
    };
    let outcome = catch_unwind(AssertUnwindSafe(sort));
    context.check()?;
    outcome.map_err(Error::from_panic)
}

/// What becomes of each value, on as many threads as [`sort_by`] sorts on.
///
/// # Errors
/// One of those of `map`.
pub(crate) fn map_all<T: Sync, U: Send>(
    context: &Context,
    values: &[T],
    map: impl Fn(&T) -> Result<U> + Sync + Send,
) -> Result<Vec<U>> {
    match context.threads().current_thread_index() {
        None => context.threads().install(|| values.par_iter().map(map).collect()),
        Some(_) => values.iter().map(map).collect(),
    }
}

/// The most bytes that the state of one partition of a fold should take, if it is to be one of `of` states for the same: as many
/// wait to be merged as two threads' windows allow, and no more than a quarter of the limit is for them.
pub(crate) fn share_of_state(context: &Context, of: usize) -> usize {
    let states = 2 * context.threads().current_num_threads() + 2;
    context.memory().limit() / (4 * states * of.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::thread_pool;
    use crate::memory::MemoryPool;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    fn context(threads: usize) -> Context {
        Context::new(thread_pool(threads).unwrap(), MemoryPool::new(1 << 20))
    }

    #[test]
    fn results_are_merged_in_order_whatever_takes_long() {
        for threads in [1, 2, 5] {
            let mut seen = Vec::new();
            let run = |at: usize| {
                std::thread::sleep(Duration::from_micros(((at * 7919) % 13) as u64 * 100));
                Ok(at * at)
            };
            let merge = |at, square| {
                seen.push((at, square));
                Ok(ControlFlow::Continue(()))
            };
            fold_partitions(&context(threads), 40, run, merge).unwrap();
            assert_eq!(seen, (0..40).map(|at| (at, at * at)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_first_error_in_order_wins_and_a_panic_is_an_error() {
        let run = |at: usize| match at {
            3 => {
                std::thread::sleep(Duration::from_millis(5));
                panic!("three")
            }
            4 => Err(Error::Io("four".to_string())),
            other => Ok(other),
        };
        let mut merged = 0;
        let merge = |_, _| {
            merged += 1;
            Ok(ControlFlow::Continue(()))
        };
        assert_eq!(fold_partitions(&context(3), 9, run, merge), Err(Error::internal("three")));
        assert_eq!(merged, 3);
    }

    #[test]
    fn results_that_come_too_early_do_not_pile_up() {
        let (threads, ahead, most) = (2, AtomicUsize::new(0), AtomicUsize::new(0));
        let run = |at: usize| {
            most.fetch_max(ahead.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            if at == 0 {
                std::thread::sleep(Duration::from_millis(30));
            }
            Ok(())
        };
        let merge = |_, ()| {
            ahead.fetch_sub(1, Ordering::SeqCst);
            Ok(ControlFlow::Continue(()))
        };
        fold_partitions(&context(threads), 100, run, merge).unwrap();
        assert!(most.load(Ordering::SeqCst) <= 2 * threads + 1, "{most:?}");
    }

    #[test]
    fn a_merge_that_breaks_stops_the_rest() {
        let started = AtomicUsize::new(0);
        let run = |_| Ok(started.fetch_add(1, Ordering::SeqCst));
        fold_partitions(&context(2), 1000, run, |at, _| {
            Ok(if at == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })
        .unwrap();
        assert!(started.load(Ordering::SeqCst) < 20);
    }

    #[test]
    fn partitions_that_need_all_memory_run_one_after_the_other() {
        for threads in [1, 2, 5] {
            let context = context(threads);
            let runs = AtomicUsize::new(0);
            // 1 MiB is there: for a few partitions that are large, one at a time.
            let run = |at: usize| {
                runs.fetch_add(1, Ordering::SeqCst);
                let memory = context.memory().reserve(if at % 7 == 3 { 900_000 } else { 100_000 }, "a test")?;
                std::thread::sleep(Duration::from_millis(1));
                Ok((at, memory))
            };
            let mut seen = Vec::new();
            fold_anew(&context, 40, run, |at, (own, _memory)| {
                assert_eq!(at, own);
                seen.push(at);
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
            assert_eq!(seen, (0..40).collect::<Vec<_>>());
            assert!(runs.load(Ordering::SeqCst) < 80, "{runs:?}");
            let too_much = |_| context.memory().reserve(2 << 20, "a test");
            let outcome = fold_anew(&context, 40, too_much, |_, _| Ok(ControlFlow::Continue(())));
            assert!(matches!(outcome, Err(Error::OutOfMemory(error)) if error.reserved == 0));
        }
    }

    #[test]
    fn what_has_begun_is_not_run_anew() {
        for threads in [1, 2, 5] {
            let context = context(threads);
            let begun = AtomicUsize::new(0);
            let run = |_: usize, has_begun: &Begun| {
                let _memory = context.memory().reserve(400_000, "a test")?;
                std::thread::sleep(Duration::from_millis(1));
                begun.fetch_add(1, Ordering::SeqCst);
                has_begun.begin();
                Ok(())
            };
            each_partition(&context, 40, run).unwrap();
            assert_eq!(begun.load(Ordering::SeqCst), 40);
            let too_much = |at: usize, has_begun: &Begun| {
                has_begun.begin();
                begun.fetch_add(1, Ordering::SeqCst);
                context.memory().reserve(if at == 3 { 2 << 20 } else { 0 }, "a test").map(drop)
            };
            assert!(matches!(each_partition(&context, 4, too_much), Err(Error::OutOfMemory(_))));
            assert_eq!(begun.load(Ordering::SeqCst), 44);
        }
    }

    #[test]
    fn cancelling_stops_a_fold() {
        let context = context(2);
        let run = |at| {
            if at == 2 {
                context.cancel_token().cancel();
            }
            Ok(at)
        };
        let outcome = fold_partitions(&context, 1_000_000, run, |_, _| Ok(ControlFlow::Continue(())));
        assert_eq!(outcome, Err(Error::Cancelled));
    }

    #[test]
    fn a_fold_within_a_fold_does_not_wait_for_itself() {
        let context = context(1);
        let mut total = 0;
        let run = |outer: usize| {
            let mut sum = 0;
            fold_partitions(&context, 3, Ok, |_, inner| {
                sum += outer * inner;
                Ok(ControlFlow::Continue(()))
            })?;
            Ok(sum)
        };
        let merge = |_, sum| {
            total += sum;
            Ok(ControlFlow::Continue(()))
        };
        fold_partitions(&context, 4, run, merge).unwrap();
        assert_eq!(total, 18);
    }

    #[test]
    fn sorting_within_a_partition_does_not_take_up_others() {
        let context = context(4);
        let (token, (done, is_done)) = (context.cancel_token().clone(), std::sync::mpsc::channel::<()>());
        let watch = std::thread::spawn(move || {
            if is_done.recv_timeout(Duration::from_secs(60)).is_err() {
                token.cancel();
            }
        });
        for _ in 0..20 {
            let produce = |partition: usize, give: &mut Give<'_, usize>| {
                let mut values: Vec<u64> =
                    (0..50_000_u64).map(|at| (at ^ 0x2545).wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
                sort_by(&context, &mut values, u64::cmp)?;
                give(partition).map(drop)
            };
            // Nothing may wait but for the partition whose turn it is: whoever takes up another one meanwhile waits forever.
            let queue = Queue::new(&context, 0, Anew::Never).unwrap();
            let outcome = run_ordered(&context, 12, queue, &produce, &|_| 1, &mut |_, _| Ok(ControlFlow::Continue(())));
            assert_eq!(outcome, Ok(()));
        }
        done.send(()).unwrap();
        watch.join().unwrap();
    }
}
