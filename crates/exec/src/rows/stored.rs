//! Rows held in memory: collected from a source, picked from, and given again as a source.

use super::BATCH_ROWS;
use crate::context::Context;
use crate::error::Result;
use crate::memory::Reservation;
use crate::metrics::Operator;
use crate::parallel::fold_anew;
use crate::source::{Batch, Sink, Source, SourceColumn, array_bytes};
use arrow::array::{Array, ArrayRef, new_empty_array, new_null_array};
use arrow::compute::{concat, interleave};
use arrow::datatypes::DataType;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

/// How many batches of an operator's own making are a partition.
const PARTITION_BATCHES: usize = 8;

/// Rows in memory as a source. Clones share them.
#[derive(Clone)]
pub struct StoredRows {
    columns: Vec<SourceColumn>,
    partitions: Arc<Vec<Vec<Batch>>>,
    _memory: Arc<Vec<Reservation>>,
}

impl StoredRows {
    /// Batches in order, each inner list a partition; `memory` is held as long as the rows.
    pub fn new(columns: Vec<SourceColumn>, partitions: Vec<Vec<Batch>>, memory: Vec<Reservation>) -> Self {
        Self { columns, partitions: Arc::new(partitions), _memory: Arc::new(memory) }
    }

    /// One large batch, cut.
    pub fn cut(columns: Vec<SourceColumn>, rows: &Batch, memory: Vec<Reservation>) -> Self {
        let batches: Vec<Batch> = cuts(rows.rows).map(|cut| rows.slice(cut.start, cut.len())).collect();
        let partitions = batches.chunks(PARTITION_BATCHES).map(<[_]>::to_vec).collect();
        Self::new(columns, partitions, memory)
    }
}

/// `0..rows` in pieces as long as a batch.
pub(crate) fn cuts(rows: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows).step_by(BATCH_ROWS).map(move |start| start..rows.min(start + BATCH_ROWS))
}

impl Source for StoredRows {
    fn columns(&self) -> &[SourceColumn] {
        &self.columns
    }

    fn partitions(&self) -> usize {
        self.partitions.len()
    }

    fn run(&self, partition: usize, sink: &mut Sink<'_>) -> Result<()> {
        for batch in &self.partitions[partition] {
            if sink(batch.clone())?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Collects batches, small ones put together.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    full: Vec<Batch>,
    small: Vec<Batch>,
    small_rows: usize,
}

impl Collected {
    /// Adds rows after those there are.
    pub(crate) fn push(&mut self, batch: Batch) -> Result<()> {
        if batch.rows == 0 {
            return Ok(());
        }
        if self.small.is_empty() && batch.rows >= BATCH_ROWS / 2 {
            self.full.push(batch);
            return Ok(());
        }
        self.small_rows += batch.rows;
        self.small.push(batch);
        if self.small_rows >= BATCH_ROWS { self.close() } else { Ok(()) }
    }

    fn close(&mut self) -> Result<()> {
        if self.small_rows > 0 {
            self.full.push(joined(&self.small)?);
            self.small.clear();
            self.small_rows = 0;
        }
        Ok(())
    }

    /// The batches that need not wait for more rows.
    pub(crate) fn take_full(&mut self) -> Vec<Batch> {
        std::mem::take(&mut self.full)
    }

    /// The batches, in order.
    pub(crate) fn finish(mut self) -> Result<Vec<Batch>> {
        self.close()?;
        Ok(self.full)
    }
}

/// Runs a source and holds its rows in memory, which is reserved for what they are.
pub(crate) fn hold(
    context: &Context,
    operator: &Arc<Operator>,
    source: &dyn Source,
    what: &'static str,
) -> Result<(Vec<Batch>, Reservation)> {
    let none = || context.memory().reserve(0, what);
    let reserve = || none().map(|memory| memory.counted_by(operator));
    let (mut batches, mut all) = (Vec::new(), reserve()?);
    let run = |partition| {
        operator.timed(|| {
            let (mut collected, mut memory) = (Collected::default(), reserve()?);
            source.run(partition, &mut |batch| {
                memory.grow(batch.bytes())?;
                collected.push(batch)?;
                Ok(ControlFlow::Continue(()))
            })?;
            Ok((collected.finish()?, memory))
        })
    };
    fold_anew(context, source.partitions(), run, |_, (part, memory)| {
        batches.extend(part);
        all.absorb(memory);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((batches, all))
}

/// Batches of these columns as one, also if there are none. A column of theirs is let go as soon as it is joined.
pub(crate) fn joined_or_empty(columns: &[SourceColumn], mut batches: Vec<Batch>) -> Result<Batch> {
    let rows = batches.iter().map(|batch| batch.rows).sum();
    let column = |(at, column): (usize, &SourceColumn)| -> Result<ArrayRef> {
        let none = new_empty_array(&column.ty.to_arrow());
        let take = |batch: &mut Batch| std::mem::replace(&mut batch.columns[at], none.clone());
        let parts: Vec<ArrayRef> = batches.iter_mut().map(take).collect();
        match parts.as_slice() {
            [] => Ok(none),
            parts => Ok(concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?),
        }
    };
    let columns = columns.iter().enumerate().map(column).collect::<Result<_>>()?;
    Ok(Batch { columns, rows })
}

/// Batches, at least one, as one.
pub(crate) fn joined(batches: &[Batch]) -> Result<Batch> {
    let rows = batches.iter().map(|batch| batch.rows).sum();
    let column = |at: usize| {
        let parts: Vec<&dyn Array> = batches.iter().map(|batch| batch.columns[at].as_ref()).collect();
        concat(&parts)
    };
    let columns = (0..batches[0].columns.len()).map(column).collect::<Result<Vec<_>, _>>()?;
    Ok(Batch { columns, rows })
}

/// Where a row is: the batch, and the row in it.
pub(crate) type Place = (usize, usize);

/// Batches from which rows are picked in any order; after the last there may be a row of NULLs.
#[derive(Debug)]
pub(crate) struct Pile {
    /// For each column the arrays of all batches.
    columns: Vec<Vec<ArrayRef>>,
    types: Vec<DataType>,
    batches: usize,
}

impl Pile {
    /// The batches of a source with these columns.
    pub(crate) fn new(columns: &[SourceColumn], batches: &[Batch]) -> Self {
        let column = |at: usize| batches.iter().map(|batch| batch.columns[at].clone()).collect();
        let types = columns.iter().map(|column| column.ty.to_arrow()).collect();
        Self { columns: (0..columns.len()).map(column).collect(), types, batches: batches.len() }
    }

    /// Adds a row of NULLs and says where it is.
    pub(crate) fn push_null_row(&mut self, columns: &[SourceColumn]) -> Place {
        for (arrays, column) in self.columns.iter_mut().zip(columns) {
            arrays.push(new_null_array(&column.ty.to_arrow(), 1));
        }
        self.batches += 1;
        (self.batches - 1, 0)
    }

    /// The bytes of all rows.
    pub(crate) fn bytes(&self) -> usize {
        self.columns.iter().flatten().map(array_bytes).sum()
    }

    /// Picks rows of one column.
    pub(crate) fn pick_column(&self, column: usize, places: &[Place]) -> Result<ArrayRef> {
        let arrays: Vec<&dyn Array> = self.columns[column].iter().map(AsRef::as_ref).collect();
        if arrays.is_empty() {
            return Ok(new_empty_array(&self.types[column]));
        }
        Ok(interleave(&arrays, places)?)
    }

    /// Picks rows of all columns.
    pub(crate) fn pick(&self, places: &[Place]) -> Result<Batch> {
        let columns = (0..self.columns.len()).map(|column| self.pick_column(column, places)).collect::<Result<_>>()?;
        Ok(Batch { columns, rows: places.len() })
    }
}

/// Rows of a pile in an order, picked when they are asked for.
pub(crate) struct Picked {
    columns: Vec<SourceColumn>,
    pile: Pile,
    order: Vec<(u32, u32)>,
    _memory: Vec<Reservation>,
}

impl Picked {
    /// The rows of `pile` that `order` names.
    pub(crate) fn new(
        columns: Vec<SourceColumn>,
        pile: Pile,
        order: Vec<(u32, u32)>,
        memory: Vec<Reservation>,
    ) -> Self {
        Self { columns, pile, order, _memory: memory }
    }
}

impl Source for Picked {
    fn columns(&self) -> &[SourceColumn] {
        &self.columns
    }

    fn partitions(&self) -> usize {
        self.order.len().div_ceil(PARTITION_BATCHES * BATCH_ROWS)
    }

    fn run(&self, partition: usize, sink: &mut Sink<'_>) -> Result<()> {
        let start = partition * PARTITION_BATCHES * BATCH_ROWS;
        let end = self.order.len().min(start + PARTITION_BATCHES * BATCH_ROWS);
        for part in self.order[start..end].chunks(BATCH_ROWS) {
            let places: Vec<Place> = part.iter().map(|(batch, row)| (*batch as usize, *row as usize)).collect();
            if sink(self.pile.pick(&places)?)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}
