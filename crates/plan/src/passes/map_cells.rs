//! Computes expressions beneath the bridge, each on the dimensions it depends on.

use super::{Pass, any_volatile};
use crate::{Column, GridPlan, RowPlan};
use hyperslab_expr::Expr;

pub(super) const PASS: Pass = Pass {
    name: "map_cells",
    about: "projections of one grid are computed on its blocks, along one axis where they depend on no more",
    rewrite: |plan, _| plan.transform(&mut |node| Ok::<_, crate::Error>(map(node))),
};

/// See [`PASS`].
pub(super) fn map(plan: RowPlan) -> RowPlan {
    let RowPlan::Project { input, columns } = plan else { return plan };
    match *input {
        RowPlan::Materialize { grid, .. } if !grid.is_aggregate() && !any_volatile(&columns) => {
            on_cells(*grid, columns)
        }
        other => RowPlan::Project { input: Box::new(other), columns },
    }
}

/// Computes beneath the bridge what is not there already. A column that only changes its name keeps its id, and a grid
/// has each id once: new names stay above the bridge, where they cost nothing.
fn on_cells(grid: GridPlan, columns: Vec<(Column, Expr)>) -> RowPlan {
    let known: Vec<Column> = grid.columns().into_iter().map(|c| c.column).collect();
    let renamed = columns.iter().any(|(column, _)| known.iter().any(|k| k.id == column.id && k != column));
    let ids = columns.iter().map(|(column, _)| column.id).collect();
    let shown: Vec<_> = columns.iter().map(|(c, _)| (c.clone(), Expr::Column(c.id, c.ty.clone()))).collect();
    let computed: Vec<_> = columns.into_iter().filter(|(c, _)| known.iter().all(|k| k.id != c.id)).collect();
    let grid = match computed.is_empty() {
        true => grid,
        false => GridPlan::Map { input: Box::new(grid), columns: computed },
    };
    let cells = RowPlan::Materialize { grid: Box::new(grid), columns: ids };
    if renamed { RowPlan::Project { input: Box::new(cells), columns: shown } } else { cells }
}
