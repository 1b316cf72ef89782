//! Turns windows over whole partitions into what they are on a grid: groups, looked up.
//!
//! `x - avg(x) OVER (PARTITION BY lat, lon, month(time))` and the join with a climatology come to the same plan, which keeps
//! a small table between two scans and never the cells.

use super::parts::{fresh, read};
use super::{Pass, PassContext, map_cells, mask_blocks};
use crate::axis::along_axis;
use crate::window::{Window, WindowCall, WindowFunction};
use crate::{BoundQuery, Column, GridPlan, JoinKind, RowPlan};
use arrow::array::Array;
use hyperslab_expr::{AggregateCall, ColumnId, Expr};

pub(super) const PASS: Pass = Pass {
    name: "window_by_axes",
    about: "aggregates over whole partitions by axes are computed as groups, which each cell looks up",
    rewrite: |plan, context: &mut PassContext<'_>| {
        let PassContext { query, next_column } = context;
        plan.transform(&mut |node| Ok(map_cells::map(mask_blocks::mask(rewrite(node, query, next_column)))))
    },
};

fn rewrite(plan: RowPlan, query: &BoundQuery, next: &mut u32) -> RowPlan {
    let RowPlan::Window { input, window, calls } = plan else { return plan };
    match (*input, aggregates(&calls)) {
        (RowPlan::Materialize { grid, columns }, Some(aggregates)) if fits(query, &grid, &window) => {
            let calls: Vec<Column> = calls.into_iter().map(|(column, _)| column).collect();
            looked_up(*grid, columns, window, calls, aggregates, next)
        }
        (input, _) => RowPlan::Window { input: Box::new(input), window, calls },
    }
}

/// The aggregates of calls that all see whole partitions, whatever the order.
fn aggregates(calls: &[(Column, WindowCall)]) -> Option<Vec<AggregateCall>> {
    let aggregate = |(_, call): &(Column, WindowCall)| match &call.function {
        WindowFunction::Aggregate(aggregate) if call.frame.is_whole() => Some(aggregate.clone()),
        _ => None,
    };
    let aggregates = calls.iter().map(aggregate).collect::<Option<Vec<_>>>()?;
    let is_plain = |call: &AggregateCall| {
        !hyperslab_expr::aggregate::depends_on_order(&call.function)
            && !call.args.iter().chain(&call.filter).any(Expr::is_volatile)
    };
    aggregates.iter().all(is_plain).then_some(aggregates)
}

/// Whether each key of the partitions lies on an axis and is never NULL: what is looked up is found by equality.
fn fits(query: &BoundQuery, grid: &GridPlan, window: &Window) -> bool {
    let has_values = |key: &Expr| along_axis(query, grid, key).is_some_and(|(_, values)| values.null_count() == 0);
    !grid.is_aggregate() && window.partition.iter().all(has_values)
}

fn looked_up(
    grid: GridPlan,
    mut columns: Vec<ColumnId>,
    window: Window,
    calls: Vec<Column>,
    aggregates: Vec<AggregateCall>,
    next: &mut u32,
) -> RowPlan {
    let key = |expr: Expr| (fresh("key", expr.sql_type(), next), expr);
    let keys: Vec<(Column, Expr)> = window.partition.into_iter().map(key).collect();
    let on = keys.iter().map(|(column, key)| (key.clone(), read(column))).collect();
    let ids = grid.columns().into_iter().map(|c| c.column.id).collect();
    columns.extend(calls.iter().map(|column| column.id));
    let cells = RowPlan::Materialize { grid: Box::new(grid.clone()), columns: ids };
    let rows =
        RowPlan::Aggregate { input: Box::new(cells), keys, aggregates: calls.into_iter().zip(aggregates).collect() };
    let grid = GridPlan::Lookup { input: Box::new(grid), rows: Box::new(rows), on, kind: JoinKind::Inner };
    RowPlan::Materialize { grid: Box::new(grid), columns }
}
