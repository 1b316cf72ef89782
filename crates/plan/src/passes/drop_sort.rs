//! Leaves out sorts that the order of a grid makes needless.

use super::{Pass, PassContext};
use crate::axis::along_axis;
use crate::grid_plan::footprint_of;
use crate::row_plan::is_passed_on;
use crate::{BoundQuery, GridPlan, Result, RowPlan, SortKey};
use arrow::array::{Array, ArrayRef, make_comparator};
use arrow::compute::SortOptions;
use hyperslab_expr::{ColumnId, Expr};
use std::cmp::Ordering;

pub(super) const PASS: Pass = Pass {
    name: "drop_sort",
    about: "rows of a grid that come in the order asked for, by ascending coordinates in row-major order, are not sorted",
    rewrite: |plan, context: &mut PassContext<'_>| plan.transform(&mut |node| drop_sort(node, context.query)),
};

fn drop_sort(plan: RowPlan, query: &BoundQuery) -> Result<RowPlan> {
    let RowPlan::Sort { input, keys } = plan else { return Ok(plan) };
    if is_sorted(query, &input, &keys)? { Ok(*input) } else { Ok(RowPlan::Sort { input, keys }) }
}

fn is_sorted(query: &BoundQuery, plan: &RowPlan, keys: &[SortKey]) -> Result<bool> {
    let Some(ids) = keys.iter().map(ascending_column).collect::<Option<Vec<_>>>() else { return Ok(false) };
    match plan {
        RowPlan::Materialize { grid, .. } => grid_is_sorted(query, grid, &ids),
        RowPlan::Filter { input, .. } | RowPlan::Limit { input, .. } | RowPlan::Window { input, .. } => {
            is_sorted(query, input, keys)
        }
        RowPlan::Project { input, columns } => {
            let passed = |id: &ColumnId| columns.iter().any(|(c, expr)| c.id == *id && is_passed_on(c, expr));
            Ok(ids.iter().all(passed) && is_sorted(query, input, keys)?)
        }
        RowPlan::Values { .. }
        | RowPlan::Table(_)
        | RowPlan::Aggregate { .. }
        | RowPlan::Join { .. }
        | RowPlan::Sort { .. }
        | RowPlan::TopK { .. }
        | RowPlan::Union { .. } => Ok(false),
    }
}

fn ascending_column(key: &SortKey) -> Option<ColumnId> {
    match key.expr {
        Expr::Column(id, _) if !key.descending => Some(id),
        _ => None,
    }
}

/// Whether the keys are labels of the leading dimensions, in order, each ascending strictly and without NULL.
fn grid_is_sorted(query: &BoundQuery, grid: &GridPlan, ids: &[ColumnId]) -> Result<bool> {
    let columns = grid.columns();
    for (dim, id) in ids.iter().enumerate() {
        let Some(column) = columns.iter().find(|c| c.column.id == *id) else { return Ok(false) };
        let labels_dim = column.footprint.single() == Some(dim);
        let expr = Expr::Column(*id, column.column.ty.clone());
        if !labels_dim || !ascends(query, grid, expr)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether an expression over labels ascends strictly along its axis. For the keys of an aggregate equal neighbours are
/// one bin, and a bin is placed where it appears first: not descending is enough.
fn ascends(query: &BoundQuery, grid: &GridPlan, expr: Expr) -> Result<bool> {
    if let GridPlan::Aggregate { input, keys, .. } = grid
        && shares_dimension(input, keys, &expr)
    {
        return Ok(false);
    }
    let Some((dim, values)) = along_axis(query, grid, &expr) else { return Ok(false) };
    let positions: Vec<usize> = grid.region().sets()[dim].iter().collect();
    Ok(steps_up(&values, &positions, grid.is_aggregate())?)
}

/// Whether another key depends on the same dimension, so that equal values of this one may be several bins. What cells are
/// matched by is a key of all groups.
fn shares_dimension(input: &GridPlan, keys: &[(crate::Column, Expr)], key: &Expr) -> bool {
    let columns = input.columns();
    let of = |expr: &Expr| footprint_of(expr, &columns, input.rank());
    let matched = match input {
        GridPlan::Matches { on, .. } => on.iter().map(|(left, _)| of(left)).collect(),
        _ => Vec::new(),
    };
    let own = keys.iter().find(|(c, _)| matches!(key, Expr::Column(id, _) if *id == c.id)).map(|(_, e)| of(e));
    let all = || keys.iter().map(|(_, key)| of(key)).chain(matched.iter().copied());
    own.is_some_and(|own| all().filter(|other| own.dims().any(|dim| other.contains(dim))).count() > 1)
}

fn steps_up(values: &ArrayRef, positions: &[usize], equal_too: bool) -> Result<bool, arrow::error::ArrowError> {
    if values.null_count() > 0 {
        return Ok(false);
    }
    let compare = make_comparator(values, values, SortOptions::default())?;
    Ok(positions.windows(2).all(|w| match compare(w[0], w[1]) {
        Ordering::Less => true,
        Ordering::Equal => equal_too,
        Ordering::Greater => false,
    }))
}
