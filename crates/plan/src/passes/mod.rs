//! The optimizer: a list of passes in the order in which they run.
//!
//! A pass is a local rewrite and the reason for it; recursion lives in [`RowPlan::transform`]. None changes the columns
//! or the rows of a plan (float aggregates aside, to 1e-12 relative). Without passes the plan as bound runs as it is.

mod aggregate_densely;
mod aggregate_inputs;
mod aggregate_matches;
mod align_grids;
mod asof_on_axis;
mod drop_sort;
mod first_rows;
mod fold_constants;
mod fold_packed;
mod join_grids;
mod left_rows;
mod map_cells;
mod mask_blocks;
mod match_on_axes;
mod packed;
mod parts;
mod prune_variables;
mod push_filters;
mod select_region;
mod side;
mod stream_cells;
mod swap_joins;
mod top_k;
mod window_by_axes;
mod window_on_axis;

use crate::axis::substitute;
use crate::{BoundQuery, Column, Result, RowPlan};
use hyperslab_expr::{ColumnId, Expr};
use std::collections::HashMap;

/// A rewrite of plans.
pub struct Pass {
    /// Its name in `EXPLAIN (PASSES)`.
    pub name: &'static str,
    /// What it does and when, in a sentence.
    pub about: &'static str,
    rewrite: fn(RowPlan, &mut PassContext<'_>) -> Result<RowPlan>,
}

/// What a pass may look at, and where it gets new columns from.
pub struct PassContext<'a> {
    query: &'a BoundQuery,
    /// The first number that no column has.
    next_column: u32,
}

/// All passes in the order in which they run.
pub static PASSES: &[Pass] = &[
    fold_constants::PASS,
    asof_on_axis::PASS,
    push_filters::PASS,
    aggregate_inputs::PASS,
    swap_joins::PASS,
    select_region::PASS,
    mask_blocks::PASS,
    map_cells::PASS,
    left_rows::PASS,
    match_on_axes::PASS,
    align_grids::PASS,
    join_grids::PASS,
    stream_cells::PASS,
    aggregate_matches::PASS,
    first_rows::PASS,
    window_by_axes::PASS,
    window_on_axis::PASS,
    aggregate_densely::PASS,
    drop_sort::PASS,
    top_k::PASS,
    prune_variables::PASS,
    fold_packed::PASS,
];

/// The plan after all passes; the query as it is if they are not enabled.
///
/// # Errors
/// If a coordinate that a pass needs cannot be read.
pub fn optimize(mut query: BoundQuery, enabled: bool) -> Result<BoundQuery> {
    if enabled {
        for pass in PASSES {
            query = apply(pass, query)?;
        }
    }
    Ok(query)
}

/// The plan after each pass that changed it, the one as bound first.
///
/// # Errors
/// As [`optimize`].
pub fn trace(query: BoundQuery) -> Result<Vec<(&'static str, BoundQuery)>> {
    let mut steps = vec![("bound", query)];
    for pass in PASSES {
        let (_, before) = steps.last().expect("starts with the plan as bound");
        let after = apply(pass, before.clone())?;
        if after.plan != before.plan {
            steps.push((pass.name, after));
        }
    }
    Ok(steps)
}

/// Whether an expression gives another value each time. It must be computed where the plan says, just once: nothing that
/// reads it moves past it, nor does it move.
fn any_volatile(columns: &[(Column, Expr)]) -> bool {
    columns.iter().any(|(_, expr)| expr.is_volatile())
}

/// The plan beneath projections, and what they compute from its columns. Nothing that gives another value each time is passed.
fn beneath_projections(plan: &RowPlan) -> (&RowPlan, HashMap<ColumnId, Expr>) {
    match plan {
        RowPlan::Project { input, columns } if !any_volatile(columns) => {
            let (beneath, computed) = beneath_projections(input);
            let here = columns.iter().map(|(c, expr)| (c.id, substitute(expr.clone(), &computed))).collect();
            (beneath, here)
        }
        _ => (plan, HashMap::new()),
    }
}

/// Whether a plan hands out cells, and not what grouping made of them.
fn gives_cells(plan: &RowPlan) -> bool {
    match plan {
        RowPlan::Materialize { grid, .. } => !grid.is_aggregate() && grid.rank() > 0,
        RowPlan::Aggregate { .. } => false,
        other => other.inputs().into_iter().any(gives_cells),
    }
}

fn apply(pass: &Pass, mut query: BoundQuery) -> Result<BoundQuery> {
    let plan = std::mem::replace(&mut query.plan, RowPlan::Values { columns: Vec::new(), rows: Vec::new() });
    let mut context = PassContext { query: &query, next_column: query.next_column };
    let plan = (pass.rewrite)(plan, &mut context)?;
    query.next_column = context.next_column;
    query.plan = plan;
    Ok(query)
}
