//! Rows on their way into a table: numbered, kept, and brought into the order of their numbers where that is needed.

use super::WHAT;
use super::numbering::{Numbered, Numbering, too_many};
use super::places::{Layout, Places};
use super::values::Values;
use crate::context::Context;
use crate::error::Result;
use crate::memory::Reservation;
use crate::metrics::Operator;
use crate::rows::evaluate::{evaluate, keep};
use crate::rows::sort::sort;
use crate::rows::spill::kept::Kept;
use crate::rows::spill::places as numbers;
use crate::source::{Batch, Source, SourceColumn, array_bytes};
use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;
use hyperslab_expr::Expr;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Rows of a batch that some cell may find.
pub(super) struct NumberedRows {
    pub(super) rows: Batch,
    pub(super) numbered: Numbered,
    /// The keys of all rows of the batch.
    pub(super) keys: Vec<ArrayRef>,
}

impl NumberedRows {
    pub(super) fn new(
        numbering: &Numbering,
        source: &dyn Source,
        batch: Batch,
        (on, kept): (&[(Expr, Expr)], &[usize]),
    ) -> Result<Self> {
        let key = |(_, right): &(Expr, Expr)| evaluate(right, source.columns(), &batch);
        let keys = on.iter().map(key).collect::<Result<Vec<_>>>()?;
        let numbered = numbering.number(batch.rows, |pair| Ok(keys[pair].clone()))?;
        let columns = kept.iter().map(|at| batch.columns[*at].clone()).collect();
        Ok(Self { rows: Batch { columns, rows: batch.rows }, numbered, keys })
    }

    pub(super) fn bytes(&self) -> usize {
        let numbers = size_of_val(&self.numbered.numbers[..]) * 2;
        self.rows.bytes() + numbers + self.keys.iter().map(array_bytes).sum::<usize>()
    }
}

/// Rows with numbers, the number as a last column.
pub(super) struct Rows<'a> {
    context: &'a Context,
    operator: &'a Arc<Operator>,
    kept: Kept,
    pub(super) count: usize,
    last: Option<u64>,
    ascending: bool,
}

impl<'a> Rows<'a> {
    pub(super) fn new(context: &'a Context, operator: &'a Arc<Operator>, columns: &[SourceColumn]) -> Result<Self> {
        let columns = columns.iter().cloned().chain([numbers::column(0)]).collect();
        let kept = Kept::new(context, operator, columns, WHAT)?;
        Ok(Self { context, operator, kept, count: 0, last: None, ascending: true })
    }

    /// Adds the rows that have a number.
    pub(super) fn push(&mut self, rows: Batch, numbered: &Numbered) -> Result<()> {
        let has_number = |row: usize| numbered.numbers[row].is_some();
        let rows = keep(&rows, &BooleanBuffer::collect_bool(rows.rows, has_number))?;
        for number in numbered.numbers.iter().flatten() {
            self.ascending &= self.last.is_none_or(|last| last < *number);
            self.last = Some(*number);
        }
        self.count += rows.rows;
        self.kept.push(numbers::with(rows, numbered.numbers.iter().copied().flatten()))
    }

    /// How rows are found by numbers less than `count`, and these columns of them.
    pub(super) fn finish(
        mut self,
        columns: Vec<SourceColumn>,
        count: u64,
    ) -> Result<(Places, Values, impl IntoIterator<Item = Reservation>)> {
        self.kept.close()?;
        if u32::try_from(self.count).is_err() {
            return Err(too_many());
        }
        let mut layout = Layout::new(self.count, count, self.ascending);
        let mut memory = self.context.memory().reserve(layout.bytes(self.count, count), WHAT);
        // On disk rows have to lie in the order in which cells ask for them.
        if !self.ascending && (self.kept.held_bytes(0).is_none() || memory.is_err()) {
            drop(memory);
            self.sort()?;
            layout = Layout::new(self.count, count, true);
            memory = self.context.memory().reserve(layout.bytes(self.count, count), WHAT);
        }
        let memory = memory?.counted_by(self.operator);
        let mut places = Places::new(layout, count);
        let (mut starts, mut row) = (Vec::with_capacity(self.kept.batches()), 0);
        for at in 0..self.kept.batches() {
            let batch = self.kept.batch(at)?;
            places.add(numbers::of(&batch).values(), row)?;
            starts.push(row);
            row += batch.rows;
        }
        places.close();
        let (values, held) = Values::new(columns, (self.kept, starts), self.context)?;
        Ok((places, values, [Some(memory), held].into_iter().flatten()))
    }

    /// Brings rows into the order of their numbers.
    fn sort(&mut self) -> Result<()> {
        let sorted = sort(self.context, self.operator, &self.kept, &[numbers::order(0)])?;
        let mut kept = Kept::new(self.context, self.operator, self.kept.columns().to_vec(), WHAT)?;
        for partition in 0..sorted.partitions() {
            sorted.run(partition, &mut |batch| {
                kept.push(batch)?;
                Ok(ControlFlow::Continue(()))
            })?;
        }
        kept.close()?;
        drop(sorted);
        self.kept = kept;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Found;
    use super::*;
    use crate::rows::testing;
    use arrow::array::{Array, AsArray, UInt32Array};
    use hyperslab_expr::ColumnId;

    #[test]
    fn rows_on_disk_are_the_same_rows() {
        let context = testing::with_memory(&testing::context(2), 1 << 20);
        let columns = [SourceColumn { id: ColumnId(1), ty: hyperslab_expr::SqlType::BigInt }];
        let count = 100_000_u64;
        let value = |number: u64| number as i64 * 3 - 7;
        for ascending in [true, false] {
            let operator = Arc::default();
            let mut rows = Rows::new(&context, &operator, &columns).unwrap();
            let mut order: Vec<u64> = (0..count).filter(|number| number % 5 != 2).collect();
            if !ascending {
                order.reverse();
            }
            for part in order.chunks(5000) {
                let values: ArrayRef =
                    Arc::new(arrow::array::Int64Array::from_iter_values(part.iter().map(|n| value(*n))));
                let numbered = Numbered::of(part.iter().map(|number| Some(*number)).collect());
                rows.push(Batch { columns: vec![values], rows: part.len() }, &numbered).unwrap();
            }
            let (places, values, _memory) = rows.finish(columns.to_vec(), count).unwrap();
            assert!(operator.spilled_bytes() > 0 && matches!(values, Values::Pieces(_)));
            let numbers = (0..count).step_by(997).chain(count - 3..count);
            let found = UInt32Array::from_iter(numbers.clone().map(|number| places.row(number)));
            let got = values.of(ColumnId(1), &Found::Each(found)).unwrap().unwrap();
            let expected: Vec<Option<i64>> = numbers.map(|number| (number % 5 != 2).then(|| value(number))).collect();
            assert_eq!(got.as_primitive::<arrow::datatypes::Int64Type>().iter().collect::<Vec<_>>(), expected);
            let run = values.of(ColumnId(1), &Found::Run(8000..25_000)).unwrap().unwrap();
            assert_eq!(run.len(), 17_000);
            let by_row = |row: u64| value(row / 4 * 5 + [0, 1, 3, 4][(row % 4) as usize]);
            let got = run.as_primitive::<arrow::datatypes::Int64Type>();
            assert!((8000..25_000).zip(got.values()).all(|(row, got)| by_row(row) == *got));
        }
    }
}
