//! Joins the cells of a small grid, such as observations along a track, to those of a much larger one by streaming the larger
//! and holding the smaller. Runs after what is joined along axes has been found.

use super::swap_joins::{cells, in_order_of_left};
use super::{Pass, PassContext};
use crate::{JoinKind, RowPlan};

pub(super) const PASS: Pass = Pass {
    name: "stream_cells",
    about: "an inner join of a grid with a much larger one holds the smaller, and sorts what matches by its rows",
    rewrite: |plan, context: &mut PassContext<'_>| {
        plan.transform(&mut |node| {
            Ok(match &node {
                RowPlan::Join { left, right, kind: JoinKind::Inner, asof: None, on, .. }
                    if !on.is_empty() && is_much_larger(cells(right), cells(left)) =>
                {
                    in_order_of_left(node, &mut context.next_column)
                }
                _ => node,
            })
        })
    },
};

/// How many times as large a grid is for which it is worth to sort what matches.
const MUCH_LARGER: usize = 8;

fn is_much_larger(right: Option<usize>, left: Option<usize>) -> bool {
    right.zip(left).is_some_and(|(right, left)| right / MUCH_LARGER > left)
}
