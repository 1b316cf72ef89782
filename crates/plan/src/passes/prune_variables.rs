//! Drops columns that nothing above reads: a variable that is not read costs nothing.

use super::Pass;
use crate::window::{Window, WindowCall};
use crate::{Column, GridPlan, RowPlan};
use hyperslab_expr::{AggregateCall, ColumnId, Expr};
use std::collections::HashSet;

pub(super) const PASS: Pass = Pass {
    name: "prune_variables",
    about: "columns and variables that nothing reads are not read",
    rewrite: |plan, _| {
        let wanted = plan.columns().into_iter().map(|c| c.id).collect();
        Ok(prune(plan, &wanted))
    },
};

type Wanted = HashSet<ColumnId>;

fn prune(plan: RowPlan, wanted: &Wanted) -> RowPlan {
    let below = |input: Box<RowPlan>, wanted: Wanted| Box::new(prune(*input, &wanted));
    match plan {
        RowPlan::Values { .. } => plan,
        RowPlan::Table(mut scan) => {
            scan.columns.retain(|(column, _)| wanted.contains(&column.id));
            RowPlan::Table(scan)
        }
        RowPlan::Materialize { grid, columns } => {
            let columns: Vec<_> = columns.into_iter().filter(|id| wanted.contains(id)).collect();
            let grid = prune_grid(*grid, columns.iter().copied().collect());
            RowPlan::Materialize { grid: Box::new(grid), columns }
        }
        RowPlan::Filter { input, predicate } => {
            let read = with_columns(wanted.clone(), [&predicate]);
            RowPlan::Filter { input: below(input, read), predicate }
        }
        RowPlan::Project { input, columns } => {
            let columns = keep(columns, wanted);
            let read = with_columns(Wanted::new(), columns.iter().map(|(_, expr)| expr));
            RowPlan::Project { input: below(input, read), columns }
        }
        RowPlan::Aggregate { input, keys, aggregates } => {
            let aggregates = keep(aggregates, wanted);
            let read = read_by_grouping(&keys, &aggregates);
            RowPlan::Aggregate { input: below(input, read), keys, aggregates }
        }
        RowPlan::Join { left, right, kind, on, asof, filter } => {
            let pairs = on.iter().flat_map(|(l, r)| [l, r]);
            let sides = asof.iter().flat_map(|asof| [&asof.left, &asof.right]);
            let read = with_columns(wanted.clone(), pairs.chain(sides).chain(&filter));
            RowPlan::Join { left: below(left, read.clone()), right: below(right, read), kind, on, asof, filter }
        }
        RowPlan::Window { input, window, calls } => {
            let calls = keep(calls, wanted);
            if calls.is_empty() {
                return prune(*input, wanted);
            }
            let read = with_window(wanted.clone(), &window, &calls);
            RowPlan::Window { input: below(input, read), window, calls }
        }
        RowPlan::Sort { input, keys } => {
            let read = with_columns(wanted.clone(), keys.iter().map(|key| &key.expr));
            RowPlan::Sort { input: below(input, read), keys }
        }
        RowPlan::TopK { input, keys, limit, offset } => {
            let read = with_columns(wanted.clone(), keys.iter().map(|key| &key.expr));
            RowPlan::TopK { input: below(input, read), keys, limit, offset }
        }
        RowPlan::Limit { input, limit, offset } => {
            RowPlan::Limit { input: below(input, wanted.clone()), limit, offset }
        }
        // The columns of a union are matched by position.
        RowPlan::Union { inputs, columns } => {
            let kept: Vec<usize> = (0..columns.len()).filter(|at| wanted.contains(&columns[*at].id)).collect();
            let inputs = inputs.into_iter().map(|input| prune_to(input, &kept)).collect();
            RowPlan::Union { inputs, columns: kept.into_iter().map(|at| columns[at].clone()).collect() }
        }
    }
}

/// A plan with just the columns at some places, in this order.
fn prune_to(plan: RowPlan, places: &[usize]) -> RowPlan {
    let all = plan.columns();
    let shown: Vec<Column> = places.iter().map(|at| all[*at].clone()).collect();
    let pruned = prune(plan, &shown.iter().map(|column| column.id).collect());
    if pruned.columns() == shown {
        return pruned;
    }
    let columns = shown.into_iter().map(|c| (c.clone(), Expr::Column(c.id, c.ty))).collect();
    RowPlan::Project { input: Box::new(pruned), columns }
}

fn prune_grid(grid: GridPlan, wanted: Wanted) -> GridPlan {
    match grid {
        GridPlan::Scan(mut scan) => {
            scan.columns.retain(|c| wanted.contains(&c.column.id));
            GridPlan::Scan(scan)
        }
        GridPlan::Align(mut align) => {
            align.scans.iter_mut().for_each(|scan| scan.columns.retain(|c| wanted.contains(&c.column.id)));
            GridPlan::Align(align)
        }
        GridPlan::Mask { input, predicate } => {
            let read = with_columns(wanted, [&predicate]);
            GridPlan::Mask { input: Box::new(prune_grid(*input, read)), predicate }
        }
        GridPlan::Map { input, columns } => {
            let columns = keep(columns, &wanted);
            let read = with_columns(wanted, columns.iter().map(|(_, expr)| expr));
            let input = prune_grid(*input, read);
            if columns.is_empty() { input } else { GridPlan::Map { input: Box::new(input), columns } }
        }
        GridPlan::Join { left, right, on, along, kind } => {
            let (left, right) = (prune_grid(*left, wanted.clone()), prune_grid(*right, wanted));
            GridPlan::Join { left: Box::new(left), right: Box::new(right), on, along, kind }
        }
        GridPlan::Lookup { input, rows, on, kind } => {
            let read = with_columns(wanted, on.iter().flat_map(|(left, right)| [left, right]));
            let rows = Box::new(prune(*rows, &read));
            GridPlan::Lookup { input: Box::new(prune_grid(*input, read)), rows, on, kind }
        }
        GridPlan::Matches { input, rows, on, columns } => {
            let columns = keep(columns, &wanted);
            let of_rows = columns.iter().map(|(_, expr)| expr).chain(on.iter().map(|(_, right)| right));
            let rows = Box::new(prune(*rows, &with_columns(Wanted::new(), of_rows)));
            let read = with_columns(wanted, on.iter().map(|(left, _)| left));
            GridPlan::Matches { input: Box::new(prune_grid(*input, read)), rows, on, columns }
        }
        GridPlan::Window { input, window, calls, reach } => {
            let calls = keep(calls, &wanted);
            if calls.is_empty() {
                return prune_grid(*input, wanted);
            }
            let input = Box::new(prune_grid(*input, with_window(wanted, &window, &calls)));
            GridPlan::Window { input, window, calls, reach }
        }
        GridPlan::Aggregate { input, keys, aggregates } => {
            let aggregates = keep(aggregates, &wanted);
            let read = read_by_grouping(&keys, &aggregates);
            GridPlan::Aggregate { input: Box::new(prune_grid(*input, read)), keys, aggregates }
        }
    }
}

fn keep<T>(columns: Vec<(Column, T)>, wanted: &Wanted) -> Vec<(Column, T)> {
    columns.into_iter().filter(|(column, _)| wanted.contains(&column.id)).collect()
}

fn with_columns<'a>(mut wanted: Wanted, exprs: impl IntoIterator<Item = &'a Expr>) -> Wanted {
    wanted.extend(exprs.into_iter().flat_map(Expr::columns));
    wanted
}

fn with_window(wanted: Wanted, window: &Window, calls: &[(Column, WindowCall)]) -> Wanted {
    with_columns(wanted, window.exprs().chain(calls.iter().flat_map(|(_, call)| call.exprs())))
}

fn read_by_grouping(keys: &[(Column, Expr)], aggregates: &[(Column, AggregateCall)]) -> Wanted {
    let calls = aggregates.iter().flat_map(|(_, call)| call.args.iter().chain(&call.filter));
    with_columns(Wanted::new(), keys.iter().map(|(_, key)| key).chain(calls))
}
