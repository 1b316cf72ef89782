//! Sorts all rows in memory, stably.

use super::sort_key::{Entry, SortOrder};
use super::stored::{Collected, Picked, Pile};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::memory::Reservation;
use crate::metrics::Operator;
use crate::parallel::fold_partitions;
use crate::source::{Batch, Source};
use arrow::row::Rows;
use hyperslab_plan::SortKey;
use rayon::slice::ParallelSliceMut;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The rows of `input` in order.
///
/// # Errors
/// What goes wrong in the input or in a key, or rows that do not fit the memory limit.
pub fn sort(
    context: &Context,
    operator: &Arc<Operator>,
    input: &dyn Source,
    keys: &[SortKey],
) -> Result<Box<dyn Source>> {
    let order = SortOrder::new(keys, input.columns())?;
    let mut all = Unsorted::new(context, operator)?;
    let run = |partition| operator.timed(|| Unsorted::collect(context, operator, input, partition, &order));
    fold_partitions(context, input.partitions(), run, |_, part| {
        all.append(part);
        Ok(ControlFlow::Continue(()))
    })?;
    operator.timed(|| all.sorted(context, input))
}

/// Rows and their keys, batch by batch.
struct Unsorted {
    batches: Vec<Batch>,
    keys: Vec<Rows>,
    memory: Reservation,
}

impl Unsorted {
    fn new(context: &Context, operator: &Arc<Operator>) -> Result<Self> {
        let memory = context.memory().reserve(0, "sorting")?.counted_by(operator);
        Ok(Self { batches: Vec::new(), keys: Vec::new(), memory })
    }

    /// The rows of a partition.
    fn collect(
        context: &Context,
        operator: &Arc<Operator>,
        input: &dyn Source,
        partition: usize,
        order: &SortOrder<'_>,
    ) -> Result<Self> {
        let mut out = Self::new(context, operator)?;
        let mut collected = Collected::default();
        input.run(partition, &mut |batch| {
            out.memory.grow(batch.bytes())?;
            collected.push(batch)?;
            Ok(ControlFlow::Continue(()))
        })?;
        out.batches = collected.finish()?;
        for batch in &out.batches {
            let keys = order.keys_of(batch)?;
            out.memory.grow(keys.size())?;
            out.keys.push(keys);
        }
        Ok(out)
    }

    fn append(&mut self, later: Self) {
        self.batches.extend(later.batches);
        self.keys.extend(later.keys);
        self.memory.absorb(later.memory);
    }

    fn sorted(mut self, context: &Context, input: &dyn Source) -> Result<Box<dyn Source>> {
        let rows: usize = self.batches.iter().map(|batch| batch.rows).sum();
        self.memory.grow(rows * 2 * size_of::<Entry>())?;
        let mut entries = Vec::with_capacity(rows);
        for (at, keys) in self.keys.iter().enumerate() {
            let at = u32::try_from(at).map_err(|_| Error::internal("more than 4 billion batches to sort"))?;
            entries.extend(Entry::of(at, keys));
        }
        context.check()?;
        let keys = &self.keys;
        context.threads().install(|| entries.par_sort_unstable_by(|a, b| a.compare(b, keys)));
        let order: Vec<(u32, u32)> = entries.iter().map(Entry::place).collect();
        drop(entries);
        drop(std::mem::take(&mut self.keys));
        let held = self.batches.iter().map(Batch::bytes).sum::<usize>() + order.len() * size_of::<(u32, u32)>();
        self.memory.resize(held)?;
        let pile = Pile::new(input.columns(), &self.batches);
        Ok(Box::new(Picked::new(input.columns().to_vec(), pile, order, vec![self.memory])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryPool;
    use crate::rows::testing::{self, Cell, Random, Row};
    use crate::rows::top_k::top_k;
    use hyperslab_expr::Expr;
    use std::cmp::Ordering;

    fn keys(columns: &[crate::source::SourceColumn], choice: u64) -> Vec<SortKey> {
        let key = |at: usize| SortKey {
            expr: testing::column(columns, at),
            descending: choice >> at & 1 == 1,
            nulls_first: choice >> (at + 3) & 1 == 1,
        };
        let order = [[0, 1, 2], [1, 2, 0], [2, 0, 1]][(choice % 3) as usize];
        order[..1 + (choice % 2) as usize * 2].iter().map(|at| key(*at)).collect()
    }

    fn compare(a: &Row, b: &Row, key: &SortKey) -> Ordering {
        let Expr::Column(id, _) = &key.expr else { panic!("tests sort by columns") };
        match id.0 {
            0 => order(a.0, b.0, key, Ord::cmp),
            1 => order(a.1, b.1, key, |a, b| match (a.is_nan(), b.is_nan()) {
                (false, false) => a.partial_cmp(b).unwrap(),
                (a, b) => a.cmp(&b),
            }),
            _ => order(a.2.clone(), b.2.clone(), key, Ord::cmp),
        }
    }

    fn order<T>(a: Option<T>, b: Option<T>, key: &SortKey, compare: impl Fn(&T, &T) -> Ordering) -> Ordering {
        match (a, b) {
            (Some(a), Some(b)) if key.descending => compare(&b, &a),
            (Some(a), Some(b)) => compare(&a, &b),
            (a, b) if key.nulls_first => a.is_some().cmp(&b.is_some()),
            (a, b) => a.is_none().cmp(&b.is_none()),
        }
    }

    #[test]
    fn sorts_and_first_rows_agree_with_a_stable_sort() {
        let mut random = Random(7);
        for choice in (0..64).step_by(3) {
            let rows = random.rows(400);
            let keys = keys(&testing::columns(0), choice);
            let mut sorted = rows.clone();
            sorted.sort_by(|a, b| {
                keys.iter().fold(Ordering::Equal, |so_far, key| so_far.then_with(|| compare(a, b, key)))
            });
            let expected: Vec<Vec<Cell>> = sorted.iter().map(Cell::of).collect();
            let input = testing::source(&mut random, 0, &rows);
            let operator = Arc::default();
            let all = testing::on_any_threads(|context| sort(context, &operator, input.as_ref(), &keys));
            assert_eq!(all, expected);
            for (limit, offset) in [(0, 0), (1, 0), (10, 3), (395, 10), (u64::MAX, 5), (3, u64::MAX)] {
                let first =
                    testing::on_any_threads(|context| top_k(context, &operator, input.as_ref(), &keys, limit, offset));
                let expected = expected.iter().skip(offset as usize).take(limit as usize);
                assert!(first.iter().eq(expected), "{limit} after {offset}");
            }
        }
    }

    #[test]
    fn a_large_top_k_weeds_its_rows_often() {
        let mut random = Random(3);
        let rows = random.rows(60_000);
        let keys = keys(&testing::columns(0), 1);
        let input = testing::source(&mut random, 0, &rows);
        let operator = Arc::default();
        let all = testing::on_any_threads(|context| sort(context, &operator, input.as_ref(), &keys));
        let first = testing::on_any_threads(|context| top_k(context, &operator, input.as_ref(), &keys, 9000, 0));
        assert_eq!(first, all[..9000]);
    }

    #[test]
    fn a_sort_that_does_not_fit_says_so() {
        let input = testing::source(&mut Random(1), 0, &Random(2).rows(2000));
        let context = Context::new(testing::context(2).threads().clone(), MemoryPool::new(20_000));
        let Err(error) = sort(&context, &Arc::default(), input.as_ref(), &keys(&testing::columns(0), 0)) else {
            panic!("it cannot fit")
        };
        assert!(error.to_string().starts_with("sorting needs"), "{error}");
        assert_eq!(context.memory().reserved(), 0);
    }
}
