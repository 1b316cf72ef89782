//! Joins rows by hashing: the right side is held in memory, the left streams past it in order.

use super::BATCH_ROWS;
use super::evaluate::{evaluate, evaluate_mask};
use super::key_table::{ABSENT, KeyTable};
use super::stored::{Pile, Place, hold};
use crate::context::Context;
use crate::error::Result;
use crate::memory::Reservation;
use crate::metrics::Operator;
use crate::source::{Batch, Sink, Source, SourceColumn};
use arrow::array::{ArrayRef, UInt32Array};
use arrow::buffer::NullBuffer;
use arrow::compute::take;
use hyperslab_expr::Expr;
use hyperslab_plan::JoinKind;
use std::ops::ControlFlow;
use std::sync::Arc;

/// What makes rows match.
pub struct Condition<'a> {
    /// Which rows without a match stay.
    pub kind: JoinKind,
    /// Expressions over the left and the right that must be equal.
    pub on: &'a [(Expr, Expr)],
    /// What else must be true of a pair.
    pub filter: Option<&'a Expr>,
}

/// Pairs of rows that match: those of the left in order, for each its matches on the right in order. `left` is made once the
/// right is held, and may depend on it.
///
/// # Errors
/// What goes wrong on the right, or a right side that does not fit the memory limit.
pub fn join(
    context: &Context,
    operator: &Arc<Operator>,
    left: impl FnOnce(&[SourceColumn], &[Batch]) -> Result<Box<dyn Source>>,
    right: &dyn Source,
    condition: &Condition<'_>,
) -> Result<Box<dyn Source>> {
    let (left_keys, right_keys): (Vec<Expr>, Vec<Expr>) = condition.on.iter().cloned().unzip();
    let (batches, memory) = hold(context, operator, right, "the right side of a join")?;
    let left = left(right.columns(), &batches)?;
    let built = operator.timed(|| Built::new(context, right.columns(), &batches, memory, &right_keys))?;
    let columns = left.columns().iter().chain(right.columns()).cloned().collect();
    Ok(Box::new(Joined {
        context: context.clone(),
        left,
        keys: left_keys,
        kind: condition.kind,
        filter: condition.filter.cloned(),
        built,
        columns,
    }))
}

/// The right side by key.
struct Built {
    rows: Pile,
    null_row: Place,
    keys: KeyTable,
    /// `places[starts[key]..starts[key + 1]]` are the rows with that key.
    starts: Vec<usize>,
    places: Vec<(u32, u32)>,
    _memory: Reservation,
}

impl Built {
    fn new(
        context: &Context,
        columns: &[SourceColumn],
        batches: &[Batch],
        mut memory: Reservation,
        keys: &[Expr],
    ) -> Result<Self> {
        let types: Vec<_> = keys.iter().map(|key| key.sql_type().to_arrow()).collect();
        let mut table = KeyTable::new(&types)?;
        let mut numbered = Vec::new();
        for batch in batches {
            let before = table.memory();
            numbered.push(number(&mut table, keys, columns, batch)?);
            memory
                .grow(table.memory().saturating_sub(before) + batch.rows * (size_of::<u32>() + size_of::<Place>()))?;
            context.check()?;
        }
        let (starts, places) = places_by_key(table.len(), &numbered);
        let mut rows = Pile::new(columns, batches);
        let null_row = rows.push_null_row(columns);
        Ok(Self { rows, null_row, keys: table, starts, places, _memory: memory })
    }

    /// The rows with a key.
    fn matches(&self, key: u32) -> &[(u32, u32)] {
        if key == ABSENT { &[] } else { &self.places[self.starts[key as usize]..self.starts[key as usize + 1]] }
    }
}

/// The key numbers of rows, [`ABSENT`] where a key is NULL: NULL equals nothing.
fn number(table: &mut KeyTable, keys: &[Expr], columns: &[SourceColumn], batch: &Batch) -> Result<Vec<u32>> {
    let keys = keys.iter().map(|key| evaluate(key, columns, batch)).collect::<Result<Vec<ArrayRef>>>()?;
    let (mut numbers, _) = table.number(&keys, batch.rows)?;
    forget_nulls(&keys, &mut numbers);
    Ok(numbers)
}

fn forget_nulls(keys: &[ArrayRef], numbers: &mut [u32]) {
    let nulls = keys.iter().fold(None, |all, key| NullBuffer::union(all.as_ref(), key.logical_nulls().as_ref()));
    if let Some(nulls) = nulls.filter(|nulls| nulls.null_count() > 0) {
        numbers.iter_mut().zip(&nulls).filter(|(_, valid)| !valid).for_each(|(number, _)| *number = ABSENT);
    }
}

/// The rows of each key, one key after the other, each in order.
fn places_by_key(keys: usize, numbered: &[Vec<u32>]) -> (Vec<usize>, Vec<(u32, u32)>) {
    let known = || numbered.iter().flatten().filter(|number| **number != ABSENT);
    let mut ends = vec![0; keys + 1];
    known().for_each(|number| ends[*number as usize + 1] += 1);
    (0..keys).for_each(|key| ends[key + 1] += ends[key]);
    let (starts, mut next) = (ends.clone(), ends);
    let mut places = vec![(0, 0); starts[keys]];
    for (batch, numbers) in numbered.iter().enumerate() {
        for (row, number) in numbers.iter().enumerate().filter(|(_, number)| **number != ABSENT) {
            places[next[*number as usize]] = (batch as u32, row as u32);
            next[*number as usize] += 1;
        }
    }
    (starts, places)
}

/// The left side streaming past the right.
struct Joined {
    context: Context,
    left: Box<dyn Source>,
    keys: Vec<Expr>,
    kind: JoinKind,
    filter: Option<Expr>,
    built: Built,
    columns: Vec<SourceColumn>,
}

impl Source for Joined {
    fn columns(&self) -> &[SourceColumn] {
        &self.columns
    }

    fn partitions(&self) -> usize {
        // Without a right side nothing of the left needs to be read.
        if self.kind == JoinKind::Inner && self.built.places.is_empty() { 0 } else { self.left.partitions() }
    }

    fn run(&self, partition: usize, sink: &mut Sink<'_>) -> Result<()> {
        self.left.run(partition, &mut |batch| self.probe(&batch, sink))
    }
}

/// A left row, a row on the right, and whether the left row has no further one.
#[derive(Clone, Copy)]
struct Pair {
    left: u32,
    right: Place,
    last: bool,
}

impl Joined {
    /// Pushes the pairs of the rows of a batch, so many at a time that they make a batch.
    fn probe(&self, batch: &Batch, sink: &mut Sink<'_>) -> Result<ControlFlow<()>> {
        let keys = self.keys.iter().map(|key| evaluate(key, self.left.columns(), batch)).collect::<Result<Vec<_>>>()?;
        let mut numbers = self.built.keys.find(&keys, batch.rows)?;
        forget_nulls(&keys, &mut numbers);
        let (mut pairs, mut matched) = (Vec::new(), false);
        for (left, number) in numbers.iter().enumerate() {
            let matches = self.built.matches(*number);
            if matches.is_empty() && self.kind == JoinKind::Left {
                pairs.push(Pair { left: left as u32, right: self.built.null_row, last: true });
            }
            for (at, (part, row)) in matches.iter().enumerate() {
                let right = (*part as usize, *row as usize);
                pairs.push(Pair { left: left as u32, right, last: at + 1 == matches.len() });
                if pairs.len() >= BATCH_ROWS && self.flush(batch, &mut pairs, &mut matched, sink)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        self.flush(batch, &mut pairs, &mut matched, sink)
    }

    /// Pushes those of the pairs that match. `matched`: whether the left row whose pairs are not all seen has a match.
    fn flush(
        &self,
        batch: &Batch,
        pairs: &mut Vec<Pair>,
        matched: &mut bool,
        sink: &mut Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        // A filter may refuse all pairs of many: nobody else would look.
        self.context.check()?;
        let pairs = std::mem::take(pairs);
        let kept = match &self.filter {
            None => pairs,
            Some(filter) => self.filtered(filter, batch, pairs, matched)?,
        };
        if kept.is_empty() { Ok(ControlFlow::Continue(())) } else { sink(self.pick(batch, &kept)?) }
    }

    /// The pairs that the filter lets pass, and left rows with NULLs after the last of their pairs did not.
    fn filtered(&self, filter: &Expr, batch: &Batch, pairs: Vec<Pair>, matched: &mut bool) -> Result<Vec<Pair>> {
        let null_row = self.built.null_row;
        let real: Vec<Pair> = pairs.iter().filter(|pair| pair.right != null_row).copied().collect();
        let mask = evaluate_mask(filter, &self.columns, &self.pick(batch, &real)?)?;
        let (mut passes, mut kept) = (mask.iter(), Vec::new());
        for pair in pairs {
            let is_match = pair.right != null_row && passes.next().unwrap_or(false);
            *matched |= is_match;
            if is_match {
                kept.push(pair);
            } else if pair.last && !*matched && self.kind == JoinKind::Left {
                kept.push(Pair { right: null_row, ..pair });
            }
            *matched &= !pair.last;
        }
        Ok(kept)
    }

    fn pick(&self, batch: &Batch, pairs: &[Pair]) -> Result<Batch> {
        let left = UInt32Array::from_iter_values(pairs.iter().map(|pair| pair.left));
        let right: Vec<Place> = pairs.iter().map(|pair| pair.right).collect();
        let mut columns =
            batch.columns.iter().map(|column| take(column, &left, None)).collect::<Result<Vec<_>, _>>()?;
        columns.extend(self.built.rows.pick(&right)?.columns);
        Ok(Batch { columns, rows: pairs.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::testing::{self, Cell, Random, Row};

    fn equal(a: &Row, b: &Row, at: usize) -> bool {
        match at {
            0 => a.0.is_some() && a.0 == b.0,
            1 => a.1.zip(b.1).is_some_and(|(a, b)| a == b || a.is_nan() && b.is_nan()),
            _ => a.2.is_some() && a.2 == b.2,
        }
    }

    /// What loops over all pairs give.
    fn naive(left: &[Row], right: &[Row], kind: JoinKind, on: &[usize], less: bool) -> Vec<Vec<Cell>> {
        let mut out = Vec::new();
        for a in left {
            let filter = |b: &Row| !less || a.0.zip(b.0).is_some_and(|(a, b)| a < b);
            let is_match = |b: &&Row| on.iter().all(|at| equal(a, b, *at)) && filter(b);
            let matches: Vec<Vec<Cell>> = right.iter().filter(is_match).map(Cell::of).collect();
            let none = vec![vec![Cell::Null; 3]];
            let matches = if matches.is_empty() && kind == JoinKind::Left { none } else { matches };
            out.extend(matches.into_iter().map(|b| [Cell::of(a), b].concat()));
        }
        out
    }

    fn check(random: &mut Random, sizes: [usize; 2], kind: JoinKind, on: &[usize], less: bool) {
        let (left, right) = (random.rows(sizes[0]), random.rows(sizes[1]));
        let columns = [testing::columns(0), testing::columns(10)];
        let key = |at: &usize| (testing::column(&columns[0], *at), testing::column(&columns[1], *at));
        let keys: Vec<(Expr, Expr)> = on.iter().map(key).collect();
        let filter = less.then(|| testing::test("<", columns.iter().map(|side| testing::column(side, 0)).collect()));
        let seed = random.below(1 << 40) + 1;
        let found = testing::on_any_threads(|context| {
            let mut random = Random(seed);
            let (left, right) = (testing::source(&mut random, 0, &left), testing::source(&mut random, 10, &right));
            let condition = Condition { kind, on: &keys, filter: filter.as_ref() };
            join(context, &Arc::default(), |_, _| Ok(left), right.as_ref(), &condition)
        });
        assert_eq!(found, naive(&left, &right, kind, on, less), "{kind:?} {on:?} {less}");
    }

    #[test]
    fn joins_agree_with_loops_over_all_pairs() {
        let mut random = Random(99);
        for kind in [JoinKind::Inner, JoinKind::Left] {
            for on in [&[0][..], &[1], &[2], &[0, 1], &[2, 1, 0], &[]] {
                for less in [false, true] {
                    check(&mut random, [70, 90], kind, on, less);
                    check(&mut random, [20, 0], kind, on, less);
                    check(&mut random, [0, 20], kind, on, less);
                }
            }
        }
    }

    #[test]
    fn a_row_with_more_matches_than_a_batch_has_rows() {
        for kind in [JoinKind::Inner, JoinKind::Left] {
            check(&mut Random(5), [3, BATCH_ROWS + 100], kind, &[], true);
        }
    }
}
