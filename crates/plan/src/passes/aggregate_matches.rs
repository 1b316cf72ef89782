//! Groups cells that are joined to rows by a few of their axes without joining them: a region's time series, the means of some
//! periods. Cells are folded by the rows that their places have, and counted in the groups of all of these.

use super::aggregate_densely;
use super::join_grids::grid_of;
use super::parts::{fresh, read};
use super::{Pass, PassContext, any_volatile, beneath_projections, gives_cells};
use crate::axis::{along_axis, substitute};
use crate::{BoundQuery, Column, GridPlan, JoinKind, Result, RowPlan};
use hyperslab_expr::{AggregateCall, ColumnId, Expr, aggregate, eval};
use std::collections::BTreeSet;

pub(super) const PASS: Pass = Pass {
    name: "aggregate_matches",
    about: "cells that find rows by few of their axes are grouped by the rows of their place, and are not joined",
    rewrite: |plan, context: &mut PassContext<'_>| plan.transform(&mut |node| rewrite(node, context)),
};

fn rewrite(plan: RowPlan, context: &mut PassContext<'_>) -> Result<RowPlan> {
    let RowPlan::Aggregate { input, keys, aggregates } = &plan else { return Ok(plan) };
    let (join, computed) = beneath_projections(input);
    let RowPlan::Join { left, right, kind: JoinKind::Inner, on, asof: None, filter: None } = join else {
        return Ok(plan);
    };
    let Some(grid) = grid_of(left).filter(|grid| !gives_cells(right) && are_on_axes(context.query, grid, on)) else {
        return Ok(plan);
    };
    let over = |expr: &Expr| substitute(expr.clone(), &computed);
    let call = |(column, call): &(Column, AggregateCall)| {
        let args = call.args.iter().map(over).collect();
        (column.clone(), AggregateCall { args, filter: call.filter.as_ref().map(over), ..call.clone() })
    };
    let keys = keys.iter().map(|(column, key)| (column.clone(), over(key))).collect();
    let cells = grid.columns().iter().map(|column| column.column.id).collect();
    let joined = Joined { grid, cells, rows: right, on, keys, aggregates: aggregates.iter().map(call).collect() };
    match joined.can_be_grouped() {
        true => Ok(joined.grouped(context)?.unwrap_or(plan)),
        false => Ok(plan),
    }
}

/// Whether cells find rows by labels.
fn are_on_axes(query: &BoundQuery, grid: &GridPlan, on: &[(Expr, Expr)]) -> bool {
    !on.is_empty() && on.iter().all(|(left, _)| along_axis(query, grid, left).is_some())
}

/// Whether an expression reads no other columns than these.
fn is_over(own: &BTreeSet<ColumnId>, expr: &Expr) -> bool {
    expr.columns().iter().all(|id| own.contains(id))
}

/// Cells joined to rows, and their groups.
struct Joined<'a> {
    grid: &'a GridPlan,
    /// The columns of the cells.
    cells: BTreeSet<ColumnId>,
    rows: &'a RowPlan,
    on: &'a [(Expr, Expr)],
    keys: Vec<(Column, Expr)>,
    aggregates: Vec<(Column, AggregateCall)>,
}

impl Joined<'_> {
    /// Whether keys are each of cells or of rows, and aggregates of cells alone and put together from what classes of cells
    /// give, in whatever order.
    fn can_be_grouped(&self) -> bool {
        let rows: BTreeSet<ColumnId> = self.rows.columns().iter().map(|column| column.id).collect();
        let is_folded = |call: &AggregateCall| {
            !aggregate::depends_on_order(&call.function)
                && aggregate::kept_values(call) == 0
                && call.args.iter().chain(&call.filter).all(|expr| is_over(&self.cells, expr))
        };
        // Keys of rows are computed also where a filter leaves no cell.
        let is_of_rows = |key: &Expr| is_over(&rows, key) && eval::never_fails_but(key, &|_| false);
        !any_volatile(&self.keys)
            && self.keys.iter().all(|(_, key)| is_over(&self.cells, key) || is_of_rows(key))
            && self.aggregates.iter().all(|(_, call)| is_folded(call))
    }

    /// The groups, if they are addressed by position.
    fn grouped(self, context: &mut PassContext<'_>) -> Result<Option<RowPlan>> {
        let mut columns = Vec::new();
        let mut key_over_grid = |(column, key): (Column, Expr)| {
            if is_over(&self.cells, &key) {
                return (column, key);
            }
            let own = fresh(&column.name, key.sql_type(), &mut context.next_column);
            let read = read(&own);
            columns.push((own, key));
            (column, read)
        };
        let keys = self.keys.into_iter().map(&mut key_over_grid).collect();
        let (input, rows) = (Box::new(self.grid.clone()), Box::new(self.rows.clone()));
        let grid = Box::new(GridPlan::Matches { input, rows, on: self.on.to_vec(), columns });
        let ids = grid.columns().into_iter().map(|column| column.column.id).collect();
        let cells = Box::new(RowPlan::Materialize { grid, columns: ids });
        let groups = RowPlan::Aggregate { input: cells, keys, aggregates: self.aggregates };
        let groups = aggregate_densely::aggregate(groups, context.query)?;
        Ok(matches!(groups, RowPlan::Materialize { .. }).then_some(groups))
    }
}
