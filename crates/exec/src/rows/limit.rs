//! Leaves out the first rows and keeps some after them, reading no more than that takes.

use super::stored::StoredRows;
use crate::context::Context;
use crate::error::Result;
use crate::memory::Reservation;
use crate::metrics::Operator;
use crate::parallel::fold_anew;
use crate::source::{Batch, Sink, Source, SourceColumn};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Up to so many rows are collected while the plan is lowered, by all threads; more are passed on as they come.
const COLLECTED_ROWS: u64 = 1 << 20;

/// The most partitions that are read at a time without knowing whether they are needed.
const WIDEST_WAVE: usize = 16;

/// The rows of `input` after `offset`, at most `limit`.
///
/// # Errors
/// What goes wrong in the input, or rows that do not fit the memory limit.
pub fn limit(
    context: &Context,
    operator: &Arc<Operator>,
    input: Box<dyn Source>,
    limit: Option<u64>,
    offset: u64,
) -> Result<Box<dyn Source>> {
    let end = limit.map(|limit| limit.saturating_add(offset));
    match end {
        Some(end) if end <= COLLECTED_ROWS => collect(context, operator, input.as_ref(), offset as usize..end as usize),
        _ => Ok(Box::new(Passed { input, window: offset..end.unwrap_or(u64::MAX) })),
    }
}

/// Collects the rows of a range. Partitions are run in waves whose widths depend on the rows met only: first one
/// partition, then as many as seem to be needed, so that few rows are read in vain and the same ones every time.
fn collect(
    context: &Context,
    operator: &Arc<Operator>,
    input: &dyn Source,
    range: std::ops::Range<usize>,
) -> Result<Box<dyn Source>> {
    let (mut taken, mut memory, mut rows) = (Vec::new(), Vec::new(), 0);
    let (mut next, mut wave, mut most) = (0, 1, 0);
    while rows < range.end && !range.is_empty() && next < input.partitions() {
        let missing = range.end - rows;
        let wave_end = input.partitions().min(next + wave);
        let run = |at| operator.timed(|| first_rows(context, operator, input, next + at, missing));
        fold_anew(context, wave_end - next, run, |_, first| {
            most = most.max(first.rows);
            if rows < range.end {
                rows += first.rows;
                taken.extend(first.batches);
                memory.push(first.memory);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        next = wave_end;
        let needed = range.end.saturating_sub(rows).checked_div(most).unwrap_or(WIDEST_WAVE).max(1);
        wave = needed.min(2 * wave).min(WIDEST_WAVE);
    }
    let partitions = vec![window(taken, range)];
    Ok(Box::new(StoredRows::new(input.columns().to_vec(), partitions, memory)))
}

struct FirstRows {
    batches: Vec<Batch>,
    rows: usize,
    memory: Reservation,
}

/// The first rows of a partition.
fn first_rows(
    context: &Context,
    operator: &Arc<Operator>,
    input: &dyn Source,
    partition: usize,
    wanted: usize,
) -> Result<FirstRows> {
    let memory = context.memory().reserve(0, "collecting rows for LIMIT")?.counted_by(operator);
    let mut first = FirstRows { batches: Vec::new(), rows: 0, memory };
    input.run(partition, &mut |batch| {
        let batch = batch.slice(0, batch.rows.min(wanted - first.rows));
        first.rows += batch.rows;
        first.memory.grow(batch.bytes())?;
        first.batches.push(batch);
        Ok(if first.rows < wanted { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(first)
}

/// Those of the rows that lie in a range.
fn window(batches: Vec<Batch>, range: std::ops::Range<usize>) -> Vec<Batch> {
    let mut counter = Counter::new(range.start as u64..range.end as u64);
    batches.into_iter().filter_map(|batch| counter.pass(batch)).collect()
}

/// Passes on the rows of a range of positions.
struct Counter {
    met: u64,
    window: std::ops::Range<u64>,
}

impl Counter {
    fn new(window: std::ops::Range<u64>) -> Self {
        Self { met: 0, window }
    }

    fn pass(&mut self, batch: Batch) -> Option<Batch> {
        let rows = batch.rows as u64;
        let skipped = self.window.start.saturating_sub(self.met).min(rows);
        let kept = self.window.end.saturating_sub(self.met).min(rows).saturating_sub(skipped);
        self.met += rows;
        match (skipped, kept) {
            (_, 0) => None,
            (0, kept) if kept == rows => Some(batch),
            (skipped, kept) => Some(batch.slice(skipped as usize, kept as usize)),
        }
    }

    fn flow(&self) -> ControlFlow<()> {
        if self.met < self.window.end { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

/// Passes on many rows as they come: one partition, which runs those of the input one after the other.
struct Passed {
    input: Box<dyn Source>,
    window: std::ops::Range<u64>,
}

impl Source for Passed {
    fn columns(&self) -> &[SourceColumn] {
        self.input.columns()
    }

    fn partitions(&self) -> usize {
        1
    }

    fn run(&self, _partition: usize, sink: &mut Sink<'_>) -> Result<()> {
        let mut counter = Counter::new(self.window.clone());
        let mut flow = counter.flow();
        for partition in 0..self.input.partitions() {
            if flow.is_break() {
                break;
            }
            self.input.run(partition, &mut |batch| {
                let wanted = counter.pass(batch).map_or(Ok(ControlFlow::Continue(())), &mut *sink)?;
                flow = if wanted.is_break() { wanted } else { counter.flow() };
                Ok(flow)
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::testing::{self, Cell, Counted, Random};
    use std::sync::atomic::Ordering;

    #[test]
    fn rows_are_those_of_the_range() {
        let mut random = Random(5);
        let rows = random.rows(500);
        for (end, offset) in
            [(Some(0), 0), (Some(1), 0), (Some(7), 490), (Some(100), 30), (None, 20), (Some(u64::MAX), 3)]
        {
            let operator = Arc::default();
            let seed = random.below(1 << 40) + 1;
            let found = testing::on_any_threads(|context| {
                limit(context, &operator, testing::source(&mut Random(seed), 0, &rows), end, offset)
            });
            let taken = rows.iter().skip(offset as usize).take(end.unwrap_or(u64::MAX).min(1000) as usize);
            assert_eq!(found, taken.map(Cell::of).collect::<Vec<_>>());
        }
    }

    #[test]
    fn nothing_is_read_that_is_not_needed() {
        let rows = Random(5).rows(5000);
        for (end, most) in [(Some(0), 0), (Some(1), 2), (None, usize::MAX)] {
            for threads in [1, 2] {
                let (input, batches) = Counted::around(testing::source(&mut Random(11), 0, &rows));
                let context = testing::context(threads);
                limit(&context, &Arc::default(), input, end, 0).unwrap();
                assert!(batches.load(Ordering::SeqCst) <= most, "{end:?}: {batches:?}");
            }
        }
    }

    #[test]
    fn as_much_is_read_with_any_number_of_threads() {
        let rows = Random(5).rows(20_000);
        let [one, two] = [1, 2].map(|threads| {
            let (input, batches) = Counted::around(testing::source(&mut Random(11), 0, &rows));
            limit(&testing::context(threads), &Arc::default(), input, Some(900), 100).unwrap();
            batches.load(Ordering::SeqCst)
        });
        assert_eq!(one, two);
        assert!(one < 200, "{one}");
    }

    #[test]
    fn passing_rows_on_stops_when_there_are_enough() {
        let rows = Random(5).rows(5000);
        let (input, batches) = Counted::around(testing::source(&mut Random(11), 0, &rows));
        let passed = Passed { input, window: 10..20 };
        assert_eq!(testing::cells(&testing::context(2), &passed).unwrap().len(), 10);
        assert!(batches.load(Ordering::SeqCst) < 6, "{batches:?}");
    }
}
