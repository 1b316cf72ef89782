//! Groups cells by their place on axes, without a hash table.

use super::{Pass, PassContext};
use crate::axis::{along_axis, in_terms_of_scan};
use crate::row_plan::is_passed_on;
use crate::{BoundQuery, GridPlan, Result, RowPlan};
use hyperslab_expr::{AggregateCall, Expr};

pub(super) const PASS: Pass = Pass {
    name: "aggregate_densely",
    about: "groups whose keys each depend on one axis are addressed by position; each key has finitely many bins",
    rewrite: |plan, context: &mut PassContext<'_>| plan.transform(&mut |node| aggregate(node, context.query)),
};

fn aggregate(plan: RowPlan, query: &BoundQuery) -> Result<RowPlan> {
    let RowPlan::Aggregate { input, keys, aggregates } = plan else { return Ok(plan) };
    match without_new_names(*input) {
        RowPlan::Materialize { grid, .. } if fits(query, &grid, &keys, &aggregates) => {
            let ids = keys.iter().map(|(c, _)| c.id).chain(aggregates.iter().map(|(c, _)| c.id)).collect();
            let grid = GridPlan::Aggregate { input: grid, keys, aggregates };
            Ok(RowPlan::Materialize { grid: Box::new(grid), columns: ids })
        }
        other => Ok(RowPlan::Aggregate { input: Box::new(other), keys, aggregates }),
    }
}

/// The plan beneath projections that only rename: grouping reads columns by id.
fn without_new_names(plan: RowPlan) -> RowPlan {
    match plan {
        RowPlan::Project { input, columns } if columns.iter().all(|(column, expr)| is_passed_on(column, expr)) => {
            without_new_names(*input)
        }
        other => other,
    }
}

fn fits(
    query: &BoundQuery,
    grid: &GridPlan,
    keys: &[(crate::Column, Expr)],
    aggregates: &[(crate::Column, AggregateCall)],
) -> bool {
    let volatile = |call: &AggregateCall| call.args.iter().chain(&call.filter).any(Expr::is_volatile);
    !grid.is_aggregate()
        && keys.iter().all(|(_, key)| has_bins(query, grid, key))
        && !aggregates.iter().any(|(_, call)| volatile(call))
}

/// Whether a key is constant or can be evaluated on one axis. One that fails for some value of its axis is left to the
/// rows above, which raise the error only if a selected cell has that value.
fn has_bins(query: &BoundQuery, grid: &GridPlan, key: &Expr) -> bool {
    match in_terms_of_scan(grid, key.clone()) {
        constant if constant.columns().is_empty() => !constant.is_volatile(),
        _ => along_axis(query, grid, key).is_some(),
    }
}
