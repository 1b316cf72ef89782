//! Computes expressions beneath the bridge, each on the dimensions it depends on.

use super::Pass;
use crate::{Column, GridPlan, RowPlan};
use hyperslab_expr::Expr;

pub(super) const PASS: Pass = Pass {
    name: "map_cells",
    about: "projections of one grid are computed on its blocks, along one axis where they depend on no more",
    rewrite: |plan, _| plan.transform(&mut |node| Ok::<_, crate::Error>(map(node))),
};

fn map(plan: RowPlan) -> RowPlan {
    let RowPlan::Project { input, columns } = plan else { return plan };
    let volatile = columns.iter().any(|(_, expr)| expr.is_volatile());
    match *input {
        RowPlan::Materialize { grid, .. } if !grid.is_aggregate() && !volatile => {
            let out = columns.iter().map(|(column, _)| column.id).collect();
            RowPlan::Materialize { grid: Box::new(with_computed(*grid, columns)), columns: out }
        }
        other => RowPlan::Project { input: Box::new(other), columns },
    }
}

/// The grid with the columns that are not there already.
fn with_computed(grid: GridPlan, columns: Vec<(Column, Expr)>) -> GridPlan {
    let passed_on = |column: &Column, expr: &Expr| matches!(expr, Expr::Column(id, _) if *id == column.id);
    let columns: Vec<_> = columns.into_iter().filter(|(column, expr)| !passed_on(column, expr)).collect();
    if columns.is_empty() { grid } else { GridPlan::Map { input: Box::new(grid), columns } }
}
