//! Merges sorted runs on disk, as many side by side as memory allows.

use super::file::{Segment, SpillFile};
use super::places;
use crate::context::Context;
use crate::error::Result;
use crate::rows::BATCH_ROWS;
use crate::rows::sort_key::SortOrder;
use crate::rows::stored::{Pile, Place};
use crate::source::{Batch, Sink, Source, SourceColumn};
use arrow::row::Rows;
use hyperslab_plan::SortKey;
use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Sorted rows on disk, with their places as the last column.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) segments: Vec<Segment>,
}

impl Run {
    /// The bytes of the largest of its segments.
    fn largest(&self) -> usize {
        self.segments.iter().map(|segment| segment.bytes).max().unwrap_or(0)
    }
}

/// What a segment takes in memory: as it is stored, its rows, their keys.
const COPIES: usize = 3;

/// Merges the first runs with each other until those that are left can be read side by side.
///
/// # Errors
/// If a run cannot be read or written.
pub(super) fn merge(
    context: &Context,
    file: &SpillFile,
    order: &SortOrder<'_>,
    mut runs: Vec<Run>,
) -> Result<Vec<Run>> {
    let largest = runs.iter().map(Run::largest).max().unwrap_or(0).max(1);
    let width = (context.memory().limit() / 8 / (COPIES * largest)).max(2);
    while runs.len() > width {
        let rest = runs.split_off(width);
        let rows = runs.iter().flat_map(|run| &run.segments).map(|segment| segment.rows).max().unwrap_or(1);
        let mut merged = Run::default();
        merge_into(context, file, order, &runs, rows, &mut |batch| {
            merged.segments.push(file.write(&batch)?);
            Ok(ControlFlow::Continue(()))
        })?;
        runs = rest;
        runs.push(merged);
    }
    Ok(runs)
}

/// The rows of runs as a source: one partition, without places.
pub(super) struct Merged {
    context: Context,
    columns: Vec<SourceColumn>,
    keys: Vec<SortKey>,
    file: Arc<SpillFile>,
    runs: Vec<Run>,
}

impl Merged {
    pub(super) fn new(
        context: &Context,
        columns: &[SourceColumn],
        keys: &[SortKey],
        file: Arc<SpillFile>,
        runs: Vec<Run>,
    ) -> Self {
        Self { context: context.clone(), columns: columns.to_vec(), keys: keys.to_vec(), file, runs }
    }
}

impl Source for Merged {
    fn columns(&self) -> &[SourceColumn] {
        &self.columns
    }

    fn partitions(&self) -> usize {
        1
    }

    fn run(&self, _partition: usize, sink: &mut Sink<'_>) -> Result<()> {
        let order = SortOrder::new(&self.keys, &self.columns)?;
        merge_into(&self.context, &self.file, &order, &self.runs, BATCH_ROWS, &mut |mut batch| {
            batch.columns.pop();
            sink(batch)
        })
    }
}

/// Gives the rows of runs in order, with their places, at most `rows_at_once` together.
fn merge_into(
    context: &Context,
    file: &SpillFile,
    order: &SortOrder<'_>,
    runs: &[Run],
    rows_at_once: usize,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let _memory =
        context.memory().reserve(runs.iter().map(|run| COPIES * run.largest()).sum(), "merging sorted rows")?;
    let cursors = runs.iter().filter(|run| !run.segments.is_empty()).map(|run| Cursor::open(file, order, run));
    let mut heads = Heads { cursors: cursors.collect::<Result<_>>()?, heap: Vec::new() };
    heads.build();
    let mut picked: Vec<Place> = Vec::with_capacity(rows_at_once);
    while let Some(first) = heads.heap.first().copied() {
        let cursor = &mut heads.cursors[first];
        picked.push((first, cursor.row));
        cursor.row += 1;
        let is_read = cursor.row == cursor.batch.rows;
        if is_read || picked.len() == rows_at_once {
            context.check()?;
            let batch = heads.pick(order, &picked)?;
            picked.clear();
            if sink(batch)?.is_break() {
                return Ok(());
            }
        }
        if is_read && !heads.cursors[first].go_on(file, order)? {
            heads.heap.swap_remove(0);
        }
        heads.sift_down(0);
    }
    Ok(())
}

/// Where the reading of a run stands.
struct Cursor<'a> {
    rest: &'a [Segment],
    batch: Batch,
    keys: Rows,
    row: usize,
}

impl<'a> Cursor<'a> {
    fn open(file: &SpillFile, order: &SortOrder<'_>, run: &'a Run) -> Result<Self> {
        let (batch, keys) = read(file, order, &run.segments[0])?;
        Ok(Self { rest: &run.segments[1..], batch, keys, row: 0 })
    }

    /// Goes to the next segment; false if that was the last.
    fn go_on(&mut self, file: &SpillFile, order: &SortOrder<'_>) -> Result<bool> {
        let Some((next, rest)) = self.rest.split_first() else { return Ok(false) };
        let (batch, keys) = read(file, order, next)?;
        *self = Self { rest, batch, keys, row: 0 };
        Ok(true)
    }
}

fn read(file: &SpillFile, order: &SortOrder<'_>, segment: &Segment) -> Result<(Batch, Rows)> {
    let batch = file.read(segment)?;
    let (_, columns) = batch.columns.split_last().expect("a column of places");
    let keys = order.keys_of(&Batch { columns: columns.to_vec(), rows: batch.rows })?;
    Ok((batch, keys))
}

/// The runs, and a heap of those that have rows left: that with the least next row is first.
struct Heads<'a> {
    cursors: Vec<Cursor<'a>>,
    heap: Vec<usize>,
}

impl Heads<'_> {
    fn build(&mut self) {
        self.heap = (0..self.cursors.len()).collect();
        (0..self.heap.len() / 2).rev().for_each(|at| self.sift_down(at));
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        let (a, b) = (&self.cursors[a], &self.cursors[b]);
        let by_place = || places::of(&a.batch).value(a.row).cmp(&places::of(&b.batch).value(b.row));
        a.keys.row(a.row).cmp(&b.keys.row(b.row)).then_with(by_place)
    }

    fn sift_down(&mut self, mut at: usize) {
        loop {
            let children = (2 * at + 1..self.heap.len()).take(2);
            let least = children.min_by(|a, b| self.compare(self.heap[*a], self.heap[*b]));
            match least {
                Some(child) if self.compare(self.heap[child], self.heap[at]).is_lt() => {
                    self.heap.swap(child, at);
                    at = child;
                }
                _ => return,
            }
        }
    }

    fn pick(&self, order: &SortOrder<'_>, picked: &[Place]) -> Result<Batch> {
        let columns: Vec<SourceColumn> = order.columns().iter().cloned().chain([places::column(0)]).collect();
        let batches: Vec<Batch> = self.cursors.iter().map(|cursor| cursor.batch.clone()).collect();
        Pile::new(&columns, &batches).pick(picked)
    }
}
