//! Sorts all rows, stably: in memory, or by runs on disk where they do not fit.

use super::spill::places::place;
use super::spill::sorter::Sorter;
use super::stored::Collected;
use crate::context::Context;
use crate::error::Result;
use crate::metrics::Operator;
use crate::parallel::{Begun, each_partition};
use crate::source::{Batch, Source};
use hyperslab_plan::SortKey;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The rows of `input` in order.
///
/// # Errors
/// What goes wrong in the input, in a key, or in writing what does not fit the memory limit.
pub fn sort(
    context: &Context,
    operator: &Arc<Operator>,
    input: &dyn Source,
    keys: &[SortKey],
) -> Result<Box<dyn Source>> {
    let sorter = Sorter::new(context, operator, input.columns(), keys)?;
    let run = |partition, begun: &Begun| operator.timed(|| push_partition(&sorter, input, partition, begun));
    each_partition(context, input.partitions(), run)?;
    operator.timed(|| sorter.finish())
}

fn push_partition(sorter: &Sorter<'_>, input: &dyn Source, partition: usize, begun: &Begun) -> Result<()> {
    let (mut collected, mut row) = (Collected::default(), 0);
    let mut push = |batches: Vec<Batch>| -> Result<()> {
        for batch in batches {
            let start = place(partition, row)?;
            row += batch.rows;
            begun.begin();
            sorter.push(start, batch)?;
        }
        Ok(())
    };
    input.run(partition, &mut |batch| {
        collected.push(batch)?;
        push(collected.take_full())?;
        Ok(ControlFlow::Continue(()))
    })?;
    push(collected.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;
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
    fn a_sort_by_way_of_the_disk_gives_the_same_rows() {
        let mut random = Random(21);
        let rows = random.rows(30_000);
        let input = testing::source(&mut random, 0, &rows);
        for choice in [0, 5, 8, 63] {
            let keys = keys(&testing::columns(0), choice);
            let run = |context: &Context, operator: &Arc<Operator>| sort(context, operator, input.as_ref(), &keys);
            let in_memory = testing::on_any_threads(|context| run(context, &Arc::default()));
            // Some runs that are merged at once, and many that are merged in several rounds.
            for limit in [1_500_000, 300_000] {
                let operator = Arc::default();
                let on_disk = testing::on_any_threads(|context| run(&testing::with_memory(context, limit), &operator));
                assert!(on_disk == in_memory, "{choice} {limit}");
                assert!(operator.spilled_bytes() > 0);
            }
        }
    }

    #[test]
    fn a_disk_that_takes_nothing_is_said() {
        let input = testing::source(&mut Random(1), 0, &Random(2).rows(2000));
        let context = testing::with_memory(&testing::context(2), 20_000).with_temp_directory("/no/such/folder".into());
        let Err(error) = sort(&context, &Arc::default(), input.as_ref(), &keys(&testing::columns(0), 0)) else {
            panic!("it cannot fit")
        };
        assert!(error.to_string().contains("/no/such/folder"), "{error}");
        assert_eq!(context.memory().reserved(), 0);
    }
}
