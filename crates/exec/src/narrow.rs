//! What an inner or a semi join can select of a grid is known once its other side is held: no more than that is read.

use crate::error::Result;
use crate::rows::evaluate::evaluate;
use crate::rows::key_table::{ABSENT, KeyTable};
use crate::source::{Batch, SourceColumn};
use arrow::array::{Array, ArrayRef};
use hyperslab_expr::Expr;
use hyperslab_grid::IndexSet;
use hyperslab_plan::axis::along_axis;
use hyperslab_plan::{BoundQuery, GridPlan, RowPlan};
use std::collections::BTreeMap;

/// The left side of an inner or a semi join with the grid that its rows stand for narrowed to the positions whose labels some row of
/// the right has; as it is where that is not known before reading.
///
/// # Errors
/// If a key of the right cannot be computed.
pub(crate) fn narrowed(
    mut left: RowPlan,
    on: &[(Expr, Expr)],
    columns: &[SourceColumn],
    rows: &[Batch],
    query: &BoundQuery,
) -> Result<RowPlan> {
    let Some(grid) = grid_of(&mut left) else { return Ok(left) };
    let mut pairs: BTreeMap<usize, Vec<(ArrayRef, &Expr)>> = BTreeMap::new();
    for (of_left, of_right) in on {
        if let Some((dim, labels)) = along_axis(query, grid, of_left) {
            pairs.entry(dim).or_default().push((labels, of_right));
        }
    }
    for (dim, pairs) in pairs {
        let (labels, keys): (Vec<ArrayRef>, Vec<&Expr>) = pairs.into_iter().unzip();
        let met = positions_met(&labels, &keys, columns, rows)?;
        grid.narrow(dim, &met);
    }
    Ok(left)
}

/// The cells that the rows of a plan stand for, all of them or some.
fn grid_of(plan: &mut RowPlan) -> Option<&mut GridPlan> {
    match plan {
        RowPlan::Filter { input, .. } | RowPlan::Project { input, .. } => grid_of(input),
        RowPlan::Materialize { grid, .. } => (!grid.is_aggregate() && !grid.has_window()).then_some(grid),
        _ => None,
    }
}

/// The positions of an axis whose labels some row has. NULL equals nothing.
fn positions_met(labels: &[ArrayRef], keys: &[&Expr], columns: &[SourceColumn], rows: &[Batch]) -> Result<IndexSet> {
    let types: Vec<_> = labels.iter().map(|label| label.data_type().clone()).collect();
    let mut table = KeyTable::new(&types)?;
    for batch in rows {
        let keys = keys.iter().map(|key| evaluate(key, columns, batch)).collect::<Result<Vec<_>>>()?;
        table.number(&keys, batch.rows)?;
    }
    let len = labels.first().map_or(0, |label| label.len());
    let found = table.find(labels, len)?;
    let is_met = |at: usize| found[at] != ABSENT && labels.iter().all(|label| label.is_valid(at));
    Ok(IndexSet::from_mask((0..len).map(is_met)))
}
