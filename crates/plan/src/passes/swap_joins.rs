//! Puts the larger grid of a join on the left, where it is streamed, and what is small on the right, where it is held or
//! looked up. Only beneath aggregates, which do not care for the order of rows.

use super::{Pass, any_volatile};
use crate::{Column, JoinKind, RowPlan};
use hyperslab_expr::{AggregateCall, Expr, aggregate};

pub(super) const PASS: Pass = Pass {
    name: "swap_joins",
    about: "beneath an aggregate, an inner join streams the grid with more dimensions and holds the other side",
    rewrite: |plan, _| plan.transform(&mut |node| Ok::<_, crate::Error>(rewrite(node))),
};

fn rewrite(plan: RowPlan) -> RowPlan {
    match plan {
        RowPlan::Aggregate { input, keys, aggregates } if is_free(&keys, &aggregates) => {
            RowPlan::Aggregate { input: Box::new(swapped(*input)), keys, aggregates }
        }
        other => other,
    }
}

/// Whether no aggregate asks in which order rows come.
fn is_free(keys: &[(Column, Expr)], aggregates: &[(Column, AggregateCall)]) -> bool {
    let ordered = |(_, call): &(Column, AggregateCall)| aggregate::depends_on_order(&call.function);
    !any_volatile(keys) && !aggregates.iter().any(ordered)
}

fn swapped(plan: RowPlan) -> RowPlan {
    match plan {
        RowPlan::Filter { input, predicate } => RowPlan::Filter { input: Box::new(swapped(*input)), predicate },
        RowPlan::Project { input, columns } if !any_volatile(&columns) => {
            RowPlan::Project { input: Box::new(swapped(*input)), columns }
        }
        RowPlan::Join { left, right, kind: JoinKind::Inner, on, filter } => {
            let (left, right) = (Box::new(swapped(*left)), Box::new(swapped(*right)));
            if dimensions(&right) > dimensions(&left) {
                let on = on.into_iter().map(|(l, r)| (r, l)).collect();
                return RowPlan::Join { left: right, right: left, kind: JoinKind::Inner, on, filter };
            }
            RowPlan::Join { left, right, kind: JoinKind::Inner, on, filter }
        }
        other => other,
    }
}

/// How many dimensions the cells have that rows stand for; 0 for rows that are no cells. A join has those of its left.
fn dimensions(plan: &RowPlan) -> usize {
    match plan {
        RowPlan::Materialize { grid, .. } if !grid.is_aggregate() => grid.rank(),
        RowPlan::Filter { input, .. } | RowPlan::Project { input, .. } => dimensions(input),
        RowPlan::Join { left, .. } => dimensions(left),
        _ => 0,
    }
}
