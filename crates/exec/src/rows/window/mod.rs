//! Window functions: for each row something computed from the rows of its partition. All rows are held in memory, sorted
//! by partition and order; the results go back to the rows in their first order. Where not all rows fit the memory limit, those
//! of some partitions at a time are held, and the others are on disk.

mod frames;
mod over;
mod places;

use super::evaluate::evaluate;
use super::key_table::KeyTable;
use super::sort_key::SortOrder;
use super::spill::buckets::{Side, by_key};
use super::spill::places::column as place_column;
use super::stored::{StoredRows, hold, joined_or_empty};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::metrics::Operator;
use crate::parallel::sort_by;
use crate::source::{Batch, Source, SourceColumn, array_bytes};
use arrow::array::{ArrayRef, Float64Array, Int64Array, UInt32Array};
use arrow::compute::take;
use arrow::row::{Row, Rows};
use frames::Frames;
use hyperslab_expr::Expr;
use hyperslab_plan::Column;
use hyperslab_plan::window::{Window, WindowCall, WindowFunction};
use std::ops::Range;
use std::sync::Arc;

/// About what a key takes for each row: as it is computed, as it is compared, and its number.
const KEY_BYTES: usize = 40;

/// The rows of `input` with a column for each call.
///
/// # Errors
/// What goes wrong in the input or in a call; a partition that does not fit the memory limit.
pub fn window(
    context: &Context,
    operator: &Arc<Operator>,
    input: &dyn Source,
    window: &Window,
    calls: &[(Column, WindowCall)],
) -> Result<Box<dyn Source>> {
    match in_memory(context, operator, input, window, calls) {
        Err(Error::OutOfMemory(_)) if !window.partition.is_empty() => {
            let side = Side { input, keys: window.partition.clone(), is_held: true };
            let added = calls.iter().map(|(column, _)| SourceColumn::from(column));
            let columns = input.columns().iter().cloned().chain([place_column(0)]).chain(added);
            let run = |sides: Vec<Box<dyn Source>>| in_memory(context, operator, sides[0].as_ref(), window, calls);
            by_key(context, operator, &[side], &columns.collect::<Vec<_>>(), &run)
        }
        outcome => outcome,
    }
}

fn in_memory(
    context: &Context,
    operator: &Arc<Operator>,
    input: &dyn Source,
    window: &Window,
    calls: &[(Column, WindowCall)],
) -> Result<Box<dyn Source>> {
    let (batches, mut memory) = hold(context, operator, input, "the rows of window functions")?;
    operator.timed(|| {
        // The rows once more, sorted, and what stands beside each: numbers, keys and the like.
        let held: usize = batches.iter().map(Batch::bytes).sum();
        let count: usize = batches.iter().map(|batch| batch.rows).sum();
        let keys = window.order.len() + window.partition.len();
        memory.grow(held + count * (6 * size_of::<u32>() + keys * KEY_BYTES))?;
        let mut rows = joined_or_empty(input.columns(), batches)?;
        let sorted = Sorted::new(context, input.columns(), &rows, window)?;
        let mut columns = input.columns().to_vec();
        for (column, call) in calls {
            context.check()?;
            let values = sorted.results(context, call)?;
            memory.grow(array_bytes(&values))?;
            rows.columns.push(values);
            columns.push(SourceColumn::from(column));
        }
        memory.resize(rows.bytes())?;
        Ok(Box::new(StoredRows::cut(columns, &rows, vec![memory])) as Box<dyn Source>)
    })
}

/// Rows by partition and order.
pub(crate) struct Sorted<'a> {
    columns: &'a [SourceColumn],
    rows: Batch,
    /// For each row of the input its place here.
    back: UInt32Array,
    /// For each row here the rows of its partition, by number of the partition.
    partition_of: Vec<u32>,
    partitions: Vec<Range<usize>>,
    /// For each row here the number of the rows that are equal to it in order, counted through all partitions.
    peers_of: Vec<u32>,
    peers: Vec<Range<usize>>,
    order: SortOrder<'a>,
    /// The keys of the order, as the rows of the input stand; [`Self::key`] finds that of a row here.
    keys: Rows,
    /// For each row here its place in the input.
    places: UInt32Array,
}

impl<'a> Sorted<'a> {
    /// Sorts rows as a window says.
    pub(crate) fn new(
        context: &Context,
        columns: &'a [SourceColumn],
        rows: &Batch,
        window: &'a Window,
    ) -> Result<Self> {
        if u32::try_from(rows.rows).is_err() {
            return Err(Error::internal("more than 4 billion rows for a window function"));
        }
        let order = SortOrder::new(&window.order, columns)?;
        let (numbers, keys) = (partition_numbers(&window.partition, columns, rows)?, order.keys_of(rows)?);
        let has_order = !window.order.is_empty();
        let mut places: Vec<u32> = (0..rows.rows as u32).collect();
        let compare = |a: &u32, b: &u32| {
            let (x, y) = (*a as usize, *b as usize);
            let by_key = || if has_order { keys.row(x).cmp(&keys.row(y)) } else { std::cmp::Ordering::Equal };
            numbers[x].cmp(&numbers[y]).then_with(by_key).then(a.cmp(b))
        };
        sort_by(context, &mut places, compare)?;
        let same_partition = |a: u32, b: u32| numbers[a as usize] == numbers[b as usize];
        let same_key = |a: u32, b: u32| !has_order || keys.row(a as usize) == keys.row(b as usize);
        let partitions = runs(&places, same_partition);
        let peers = runs(&places, |a, b| same_partition(a, b) && same_key(a, b));
        Self::placed(columns, rows, (order, keys), places, partitions, peers)
    }

    /// Rows whose places are known: `places` has the rows of each of `partitions` in an order in which no two are equal.
    pub(crate) fn in_places(
        columns: &'a [SourceColumn],
        rows: &Batch,
        window: &'a Window,
        places: Vec<u32>,
        partitions: Vec<Range<usize>>,
    ) -> Result<Self> {
        let order = SortOrder::new(&window.order, columns)?;
        let keys = order.keys_of(rows)?;
        let partition_of =
            partitions.iter().enumerate().flat_map(|(number, rows)| std::iter::repeat_n(number as u32, rows.len()));
        let partitions = (partition_of.collect(), partitions);
        let peers = ((0..rows.rows as u32).collect(), (0..rows.rows).map(|row| row..row + 1).collect());
        Self::placed(columns, rows, (order, keys), places, partitions, peers)
    }

    fn placed(
        columns: &'a [SourceColumn],
        rows: &Batch,
        (order, keys): (SortOrder<'a>, Rows),
        places: Vec<u32>,
        (partition_of, partitions): (Vec<u32>, Vec<Range<usize>>),
        (peers_of, peers): (Vec<u32>, Vec<Range<usize>>),
    ) -> Result<Self> {
        let mut back = vec![0; places.len()];
        places.iter().enumerate().for_each(|(at, row)| back[*row as usize] = at as u32);
        let places = UInt32Array::from(places);
        let rows = rows.take(&places)?;
        Ok(Self { columns, rows, back: back.into(), partition_of, partitions, peers_of, peers, order, keys, places })
    }

    /// The results of a call, for the rows as they came.
    pub(crate) fn results(&self, context: &Context, call: &WindowCall) -> Result<ArrayRef> {
        Ok(take(&self.call(context, call)?, &self.back, None)?)
    }

    fn evaluate(&self, expr: &Expr) -> Result<ArrayRef> {
        evaluate(expr, self.columns, &self.rows)
    }

    /// The key of a row in the order.
    fn key(&self, row: usize) -> Row<'_> {
        self.keys.row(self.places.value(row) as usize)
    }

    fn partition(&self, row: usize) -> &Range<usize> {
        &self.partitions[self.partition_of[row] as usize]
    }

    fn peers(&self, row: usize) -> &Range<usize> {
        &self.peers[self.peers_of[row] as usize]
    }

    /// The results of a call, in sorted order.
    fn call(&self, context: &Context, call: &WindowCall) -> Result<ArrayRef> {
        let counts = |of: &dyn Fn(usize) -> usize| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values((0..self.rows.rows).map(|row| of(row) as i64)))
        };
        let shares = |of: &dyn Fn(usize) -> f64| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values((0..self.rows.rows).map(of)))
        };
        let rank = |row: usize| self.peers(row).start - self.partition(row).start;
        Ok(match &call.function {
            WindowFunction::RowNumber => counts(&|row| row - self.partition(row).start + 1),
            WindowFunction::Rank => counts(&|row| rank(row) + 1),
            WindowFunction::DenseRank => {
                counts(&|row| (self.peers_of[row] - self.peers_of[self.partition(row).start]) as usize + 1)
            }
            WindowFunction::PercentRank => shares(&|row| match self.partition(row).len() {
                1 => 0.0,
                len => rank(row) as f64 / (len - 1) as f64,
            }),
            WindowFunction::CumeDist => shares(&|row| {
                let partition = self.partition(row);
                (self.peers(row).end - partition.start) as f64 / partition.len() as f64
            }),
            WindowFunction::Ntile(parts) => places::ntile(self, parts)?,
            WindowFunction::Shifted { arg, offset, ahead, default, ignore_nulls } => {
                places::shifted(self, [arg, offset], default.as_ref(), *ahead, *ignore_nulls)?
            }
            WindowFunction::Picked { arg, place, ignore_nulls } => {
                places::picked(self, arg, place, &Frames::new(self, &call.frame)?, *ignore_nulls)?
            }
            WindowFunction::Aggregate(aggregate) if call.frame.is_whole() => over::partitions(self, aggregate)?,
            WindowFunction::Aggregate(aggregate) => {
                over::frames(self, context, aggregate, &Frames::new(self, &call.frame)?)?
            }
        })
    }
}

/// A number for each row, the same for equal values.
fn partition_numbers(partition: &[Expr], columns: &[SourceColumn], rows: &Batch) -> Result<Vec<u32>> {
    if partition.is_empty() || rows.rows == 0 {
        return Ok(vec![0; rows.rows]);
    }
    let keys = partition.iter().map(|key| evaluate(key, columns, rows)).collect::<Result<Vec<_>>>()?;
    let types: Vec<_> = keys.iter().map(|key| key.data_type().clone()).collect();
    Ok(KeyTable::new(&types)?.number(&keys, rows.rows)?.0)
}

/// The runs of neighbours that are the same: for each place the number of its run, and the runs.
fn runs(places: &[u32], same: impl Fn(u32, u32) -> bool) -> (Vec<u32>, Vec<Range<usize>>) {
    let (mut of, mut runs) = (Vec::with_capacity(places.len()), Vec::<Range<usize>>::new());
    for (at, row) in places.iter().enumerate() {
        match runs.last_mut() {
            Some(run) if same(places[at - 1], *row) => run.end = at + 1,
            _ => runs.push(at..at + 1),
        }
        of.push(runs.len() as u32 - 1);
    }
    (of, runs)
}
