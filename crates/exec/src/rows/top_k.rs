//! The first rows of an order, without sorting the others. A row that cannot be among them is dropped when it is met.

use super::evaluate::keep;
use super::sort_key::{Entry, SortOrder};
use super::stored::{Pile, Place, StoredRows};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::memory::Reservation;
use crate::metrics::Operator;
use crate::parallel::fold_anew;
use crate::source::{Batch, Source, SourceColumn};
use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;
use arrow::row::{OwnedRow, Rows};
use hyperslab_plan::SortKey;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, RwLock};

/// How many rows beyond twice those wanted are kept before they are weeded out.
const SPARE_ROWS: usize = 256;

/// The rows of `input` from `offset` on, at most `limit`, in order; ties go to the earlier row.
///
/// # Errors
/// What goes wrong in the input or in a key, or in writing what does not fit the memory limit.
pub fn top_k(
    context: &Context,
    operator: &Arc<Operator>,
    input: &dyn Source,
    keys: &[SortKey],
    limit: u64,
    offset: u64,
) -> Result<Box<dyn Source>> {
    match in_memory(context, operator, input, keys, limit, offset) {
        Err(Error::OutOfMemory(_)) => {
            let sorted = super::sort::sort(context, operator, input, keys)?;
            super::limit::limit(context, operator, sorted, Some(limit), offset)
        }
        outcome => outcome,
    }
}

fn in_memory(
    context: &Context,
    operator: &Arc<Operator>,
    input: &dyn Source,
    keys: &[SortKey],
    limit: u64,
    offset: u64,
) -> Result<Box<dyn Source>> {
    let columns = input.columns();
    if limit == 0 {
        return Ok(Box::new(StoredRows::new(columns.to_vec(), Vec::new(), Vec::new())));
    }
    let (order, bound) = (SortOrder::new(keys, columns)?, Bound::default());
    let wanted = usize::try_from(limit.saturating_add(offset)).unwrap_or(usize::MAX);
    let best = || Best::new(context, operator, columns, &order, wanted);
    let mut all = best()?;
    let run = |partition| operator.timed(|| best()?.collect(input, partition, &bound));
    fold_anew(context, input.partitions(), run, |_, part| {
        operator.timed(|| all.append(part))?;
        bound.tighten(&all.worst);
        Ok(ControlFlow::Continue(()))
    })?;
    let (rows, memory) = operator.timed(|| all.finish(usize::try_from(offset).unwrap_or(usize::MAX)))?;
    Ok(Box::new(StoredRows::cut(columns.to_vec(), &rows, vec![memory])))
}

/// The worst key among the best rows of the partitions merged so far. Rows of later partitions must be better: a tie
/// goes to the earlier row. How early a worker sees it changes what it drops, never what is left in the end.
#[derive(Default)]
struct Bound {
    worst: RwLock<Option<Worst>>,
}

/// A row that others must be better than.
#[derive(Clone)]
struct Worst {
    key: OwnedRow,
    /// The first of the values that the key is made of.
    first: ArrayRef,
}

impl Bound {
    fn tighten(&self, worst: &Option<Worst>) {
        self.worst.write().unwrap_or_else(PoisonError::into_inner).clone_from(worst);
    }

    fn get(&self) -> Option<Worst> {
        self.worst.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The best rows so far, in the order of the input, and some more that wait to be weeded out.
struct Best<'a> {
    columns: &'a [SourceColumn],
    order: &'a SortOrder<'a>,
    wanted: usize,
    batches: Vec<Batch>,
    keys: Vec<Rows>,
    rows: usize,
    /// The greatest key of the best rows, once there are enough of them.
    worst: Option<Worst>,
    memory: Reservation,
}

impl<'a> Best<'a> {
    fn new(
        context: &Context,
        operator: &Arc<Operator>,
        columns: &'a [SourceColumn],
        order: &'a SortOrder<'a>,
        wanted: usize,
    ) -> Result<Self> {
        let memory = context.memory().reserve(0, "keeping the first rows of an order")?.counted_by(operator);
        Ok(Self { columns, order, wanted, batches: Vec::new(), keys: Vec::new(), rows: 0, worst: None, memory })
    }

    /// The best rows of a partition.
    fn collect(mut self, input: &dyn Source, partition: usize, bound: &Bound) -> Result<Self> {
        input.run(partition, &mut |batch| {
            let worst = self.worst.clone().into_iter().chain(bound.get()).min_by(|a, b| a.key.cmp(&b.key));
            let batch = self.not_worse_at_first(batch, worst.as_ref())?;
            if batch.rows == 0 {
                return Ok(ControlFlow::Continue(()));
            }
            let keys = self.order.keys_of(&batch)?;
            let better = |row| worst.as_ref().is_none_or(|worst| keys.row(row) < worst.key.row());
            let mask = BooleanBuffer::collect_bool(batch.rows, better);
            let mut kept_keys = self.order.no_keys(mask.count_set_bits());
            mask.set_indices().for_each(|row| kept_keys.push(keys.row(row)));
            self.push(keep(&batch, &mask)?, kept_keys)?;
            Ok(ControlFlow::Continue(()))
        })?;
        self.weed()?;
        Ok(self)
    }

    /// The rows whose first key alone does not make them worse than a bound: whole keys take longer to compare.
    fn not_worse_at_first(&self, batch: Batch, worst: Option<&Worst>) -> Result<Batch> {
        let Some(worst) = worst else { return Ok(batch) };
        match self.order.not_after(&batch, &worst.first)? {
            Some(mask) => keep(&batch, &mask),
            None => Ok(batch),
        }
    }

    /// Takes in the best rows of a partition that follows.
    fn append(&mut self, later: Self) -> Result<()> {
        for (batch, keys) in later.batches.into_iter().zip(later.keys) {
            self.push(batch, keys)?;
        }
        Ok(())
    }

    fn push(&mut self, batch: Batch, keys: Rows) -> Result<()> {
        if batch.rows == 0 {
            return Ok(());
        }
        self.memory.grow(batch.bytes() + keys.size())?;
        self.rows += batch.rows;
        self.batches.push(batch);
        self.keys.push(keys);
        let enough = self.wanted.saturating_mul(2).saturating_add(SPARE_ROWS);
        if self.rows > enough { self.weed() } else { Ok(()) }
    }

    /// Drops all but the best rows.
    fn weed(&mut self) -> Result<()> {
        if self.rows <= self.wanted {
            return Ok(());
        }
        let mut best = self.entries();
        let (_, worst, _) = best.select_nth_unstable_by(self.wanted - 1, |a, b| a.compare(b, &self.keys));
        let (at, row) = worst.batch_and_row();
        let first = self.order.first_of(&self.batches[at].slice(row, 1))?;
        self.worst = Some(Worst { key: worst.key(&self.keys).owned(), first });
        best.truncate(self.wanted);
        best.sort_unstable_by_key(Entry::place);
        let mut keys = self.order.no_keys(best.len());
        best.iter().for_each(|entry| keys.push(entry.key(&self.keys)));
        let batch = self.pick(&best)?;
        self.memory.resize(batch.bytes() + keys.size())?;
        self.rows = batch.rows;
        (self.batches, self.keys) = (vec![batch], vec![keys]);
        Ok(())
    }

    /// The best rows in order, without the first `offset`, and the memory they take.
    fn finish(mut self, offset: usize) -> Result<(Batch, Reservation)> {
        let mut best = self.entries();
        best.sort_unstable_by(|a, b| a.compare(b, &self.keys));
        best.truncate(self.wanted);
        let rows = self.pick(&best[offset.min(best.len())..])?;
        self.memory.resize(rows.bytes())?;
        Ok((rows, self.memory))
    }

    fn entries(&self) -> Vec<Entry> {
        self.keys.iter().enumerate().flat_map(|(at, keys)| Entry::of(at as u32, keys)).collect()
    }

    fn pick(&self, entries: &[Entry]) -> Result<Batch> {
        let places: Vec<Place> = entries.iter().map(|entry| (entry.batch as usize, entry.row as usize)).collect();
        Pile::new(self.columns, &self.batches).pick(&places)
    }
}
