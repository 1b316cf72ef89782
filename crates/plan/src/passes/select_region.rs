//! Turns conjuncts over one coordinate into the region of the scan: only what they select is read.

use super::{Pass, PassContext};
use crate::axis::along_axis;
use crate::{BoundQuery, GridPlan, Result, RowPlan};
use arrow::array::{Array, AsArray};
use hyperslab_expr::Expr;
use hyperslab_grid::IndexSet;

pub(super) const PASS: Pass = Pass {
    name: "select_region",
    about: "a conjunct over one coordinate is evaluated on its axis and narrows the region that is read",
    rewrite: |plan, context: &mut PassContext<'_>| plan.transform(&mut |node| select(node, context.query)),
};

/// See [`PASS`].
pub(super) fn select(plan: RowPlan, query: &BoundQuery) -> Result<RowPlan> {
    let RowPlan::Filter { input, predicate } = plan else { return Ok(plan) };
    let RowPlan::Materialize { mut grid, columns } = *input else {
        return Ok(RowPlan::Filter { input, predicate });
    };
    let mut rest = Vec::new();
    for term in predicate.conjuncts() {
        match selected(query, &grid, &term) {
            Some((dim, set)) if !grid.is_aggregate() => grid.narrow(dim, &set),
            _ => rest.push(term),
        }
    }
    let input = RowPlan::Materialize { grid, columns };
    Ok(match Expr::all_of(rest) {
        Some(predicate) => RowPlan::Filter { input: Box::new(input), predicate },
        None => input,
    })
}

/// The dimension that a term is about and the positions where it is true. A term that fails for some value of the axis
/// stays a predicate, so that its error is raised only if a selected cell has that value.
fn selected(query: &BoundQuery, grid: &GridPlan, term: &Expr) -> Option<(usize, IndexSet)> {
    let (dim, truth) = along_axis(query, grid, term)?;
    let truth = truth.as_boolean();
    Some((dim, IndexSet::from_mask((0..truth.len()).map(|at| truth.is_valid(at) && truth.value(at)))))
}
