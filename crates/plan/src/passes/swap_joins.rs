//! Puts the larger grid of an inner join on the left, where it is streamed, and what is small on the right, where it is held
//! or looked up. Aggregates do not care for the order of rows; elsewhere rows are put back into it.

use super::parts::{fresh, read};
use super::{Pass, PassContext, any_volatile};
use crate::window::{Window, WindowCall, WindowFrame, WindowFunction};
use crate::{BoundQuery, Column, JoinKind, RowPlan, SortKey};
use hyperslab_expr::{AggregateCall, Expr, SqlType, aggregate};

pub(super) const PASS: Pass = Pass {
    name: "swap_joins",
    about: "an inner join streams the grid with more dimensions and holds the other side",
    rewrite: |plan, context: &mut PassContext<'_>| {
        let plan = plan.transform(&mut |node| Ok::<_, crate::Error>(rewrite(node)))?;
        plan.transform(&mut |node| Ok(in_order_of_rows(node, context)))
    },
};

/// A join of rows with cells streams the cells, if there are more of them.
fn in_order_of_rows(plan: RowPlan, context: &mut PassContext<'_>) -> RowPlan {
    match &plan {
        RowPlan::Join { left, right, on, .. }
            if !left.has_cells()
                && dimensions(right) > 0
                && !on.is_empty()
                && cells(right).is_none_or(|cells| cells as u64 > rows(left, context.query)) =>
        {
            in_order_of_left(plan, &mut context.next_column)
        }
        _ => plan,
    }
}

/// About how many rows a plan has that reads a table, at most; 0 for one that was made smaller.
pub(super) fn rows(plan: &RowPlan, query: &BoundQuery) -> u64 {
    match plan {
        RowPlan::Values { rows, .. } => rows.len() as u64,
        RowPlan::Table(scan) => {
            let table = &query.table(scan.table).opened;
            let read: Vec<usize> = scan.columns.iter().map(|(_, position)| *position).collect();
            table.rows().unwrap_or_else(|| table.estimate(&read).bytes as u64 / TEXT_ROW_BYTES)
        }
        RowPlan::Filter { input, .. } | RowPlan::Project { input, .. } => rows(input, query),
        _ => 0,
    }
}

/// A row of a text file is rarely shorter.
const TEXT_ROW_BYTES: u64 = 16;

/// An inner join with its right side streamed past the left, whose rows have numbers; what matches is sorted by them.
pub(super) fn in_order_of_left(plan: RowPlan, next: &mut u32) -> RowPlan {
    match plan {
        RowPlan::Join { left, right, kind: JoinKind::Inner, on, asof: None, filter } => {
            let shown: Vec<Column> = left.columns().into_iter().chain(right.columns()).collect();
            let (numbered, place) = numbered(*left, next);
            let on = on.into_iter().map(|(l, r)| (r, l)).collect();
            let (left, right, kind) = (right, Box::new(numbered), JoinKind::Inner);
            let joined = RowPlan::Join { left, right, kind, on, asof: None, filter };
            sorted_by(joined, place, shown)
        }
        other => other,
    }
}

/// Rows in the order of a number, with some of their columns.
pub(super) fn sorted_by(rows: RowPlan, number: Expr, shown: Vec<Column>) -> RowPlan {
    let keys = vec![SortKey { expr: number, descending: false, nulls_first: false }];
    let sorted = RowPlan::Sort { input: Box::new(rows), keys };
    let columns = shown.into_iter().map(|column| (column.clone(), read(&column))).collect();
    RowPlan::Project { input: Box::new(sorted), columns }
}

/// Rows with their numbers, and the column that these are.
pub(super) fn numbered(rows: RowPlan, next: &mut u32) -> (RowPlan, Expr) {
    let number = fresh("row", SqlType::BigInt, next);
    let call = WindowCall { function: WindowFunction::RowNumber, frame: WindowFrame::WHOLE };
    let (input, window, of_row) = (Box::new(rows), Window::default(), read(&number));
    (RowPlan::Window { input, window, calls: vec![(number, call)] }, of_row)
}

fn rewrite(plan: RowPlan) -> RowPlan {
    match plan {
        RowPlan::Aggregate { input, keys, aggregates } if is_free(&keys, &aggregates) => {
            RowPlan::Aggregate { input: Box::new(swapped(*input)), keys, aggregates }
        }
        other => other,
    }
}

/// Whether no aggregate asks in which order rows come.
pub(super) fn is_free(keys: &[(Column, Expr)], aggregates: &[(Column, AggregateCall)]) -> bool {
    let ordered = |(_, call): &(Column, AggregateCall)| aggregate::depends_on_order(&call.function);
    !any_volatile(keys) && !aggregates.iter().any(ordered)
}

fn swapped(plan: RowPlan) -> RowPlan {
    match plan {
        RowPlan::Filter { input, predicate } => RowPlan::Filter { input: Box::new(swapped(*input)), predicate },
        RowPlan::Project { input, columns } if !any_volatile(&columns) => {
            RowPlan::Project { input: Box::new(swapped(*input)), columns }
        }
        RowPlan::Join { left, right, kind: kind @ JoinKind::Inner, on, asof: None, filter } => {
            let (left, right) = (Box::new(swapped(*left)), Box::new(swapped(*right)));
            if dimensions(&right) > dimensions(&left) {
                let on = on.into_iter().map(|(l, r)| (r, l)).collect();
                return RowPlan::Join { left: right, right: left, kind, on, asof: None, filter };
            }
            RowPlan::Join { left, right, kind, on, asof: None, filter }
        }
        other => other,
    }
}

/// How many cells rows stand for at most.
pub(super) fn cells(plan: &RowPlan) -> Option<usize> {
    match plan {
        RowPlan::Materialize { grid, .. } if !grid.is_aggregate() => Some(grid.region().cells()),
        RowPlan::Filter { input, .. } | RowPlan::Project { input, .. } => cells(input),
        _ => None,
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
