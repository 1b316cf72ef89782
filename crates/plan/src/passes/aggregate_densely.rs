//! Groups cells by their place on axes, without a hash table.

use super::{Pass, PassContext};
use crate::axis::{along_axes, along_axis, in_terms_of_scan};
use crate::grid_plan::footprint_of_all;
use crate::row_plan::is_passed_on;
use crate::{BoundQuery, Column, GridPlan, Result, RowPlan};
use hyperslab_expr::{AggregateCall, Expr};
use hyperslab_grid::Footprint;

pub(super) const PASS: Pass = Pass {
    name: "aggregate_densely",
    about: "groups whose keys depend on one axis each, or on few together, are addressed by position",
    rewrite: |plan, context: &mut PassContext<'_>| plan.transform(&mut |node| aggregate(node, context.query)),
};

/// The most places of keys that depend on several dimensions together: a place takes 8 bytes, and while they are numbered some
/// 40 where each has a key of its own.
const MOST_PLACES: usize = 1 << 23;

/// How many cells such a place has, at least: to number it takes as long as to find the group of a cell by its values.
const CELLS_A_PLACE: usize = 2;

/// The groups of cells, addressed by position if they can be.
pub(super) fn aggregate(plan: RowPlan, query: &BoundQuery) -> Result<RowPlan> {
    let RowPlan::Aggregate { input, keys, aggregates } = plan else { return Ok(plan) };
    match without_new_names(*input) {
        RowPlan::Materialize { grid, .. } if fits(query, &grid, &keys, &aggregates) => {
            let ids = keys.iter().map(|(c, _)| c.id).chain(aggregates.iter().map(|(c, _)| c.id)).collect();
            let over_scan = |(column, key): (Column, Expr)| match along_axis(query, &grid, &key) {
                Some(_) => (column, key),
                None => (column, in_terms_of_scan(&grid, key)),
            };
            let keys = keys.into_iter().map(over_scan).collect();
            let grid = GridPlan::Aggregate { input: grid, keys, aggregates };
            Ok(RowPlan::Materialize { grid: Box::new(grid), columns: ids })
        }
        other => Ok(RowPlan::Aggregate { input: Box::new(other), keys, aggregates }),
    }
}

/// Whether an aggregate of cells is one that groups them by their place on axes.
pub(super) fn can_be_dense(plan: &RowPlan, query: &BoundQuery) -> bool {
    match plan {
        RowPlan::Aggregate { input, keys, aggregates } => match input.as_ref() {
            RowPlan::Materialize { grid, .. } => fits(query, grid, keys, aggregates),
            _ => false,
        },
        _ => false,
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

fn fits(query: &BoundQuery, grid: &GridPlan, keys: &[(Column, Expr)], aggregates: &[(Column, AggregateCall)]) -> bool {
    let volatile = |call: &AggregateCall| call.args.iter().chain(&call.filter).any(Expr::is_volatile);
    // Cells that are matched with rows are grouped by the rows of their place, whether or not these are keys.
    let of_rows = match grid {
        GridPlan::Matches { input, on, .. } => {
            let dims = footprint_of_all(on.iter().map(|(left, _)| left), &input.columns(), input.rank());
            Some(Some(Places { dims, is_label: false }))
        }
        _ => None,
    };
    let of_keys = keys.iter().map(|(_, key)| places_of(query, grid, key));
    let places = of_keys.chain(of_rows).collect::<Option<Vec<_>>>();
    !grid.is_aggregate()
        && places.is_some_and(|places| have_bins(grid, &places))
        && !aggregates.iter().any(|(_, call)| volatile(call))
}

/// What is known of a key before cells are computed.
struct Places {
    /// The dimensions whose positions decide it: none for a constant.
    dims: Footprint,
    /// Whether it is known from labels of one dimension alone.
    is_label: bool,
}

/// The places of a key, if they decide it. One that fails for some of them is left to the rows above, which raise the error
/// only if a selected cell is there.
fn places_of(query: &BoundQuery, grid: &GridPlan, key: &Expr) -> Option<Places> {
    let known = |dims: Footprint, is_label: bool| Places { dims, is_label };
    match in_terms_of_scan(grid, key.clone()) {
        constant if constant.columns().is_empty() => (!constant.is_volatile()).then(|| known(Footprint::EMPTY, true)),
        _ => match along_axis(query, grid, key) {
            Some((dim, _)) => Some(known(Footprint::one(dim), true)),
            None => along_axes(query, grid, key).map(|dims| known(dims, false)),
        },
    }
}

/// Whether keys have few places to be numbered: each depends on one dimension, or on several together whose places are far
/// fewer than cells. Between the dimensions of some keys are none of others, so that groups are in order.
fn have_bins(grid: &GridPlan, of_keys: &[Places]) -> bool {
    let sets = grid.region().sets();
    let cells = grid.region().cells();
    let of_together: Vec<Footprint> =
        Footprint::together(of_keys.iter().map(|key| (key.dims, ()))).into_iter().map(|(dims, _)| dims).collect();
    let is_apart = |dims: &Footprint| {
        let within = dims.dims().min().unwrap_or(0)..dims.dims().max().unwrap_or(0);
        of_together.iter().all(|other| other == dims || !other.dims().any(|dim| within.contains(&dim)))
    };
    let are_few = |dims: &Footprint| {
        let places = dims.dims().map(|dim| sets[dim].len()).fold(1_usize, usize::saturating_mul);
        places <= MOST_PLACES && places.saturating_mul(CELLS_A_PLACE) <= cells
    };
    // Labels of one dimension are held anyway.
    let is_held = |dims: &Footprint| {
        dims.len() < 2 && of_keys.iter().all(|key| key.is_label || key.dims.dims().all(|dim| !dims.contains(dim)))
    };
    of_together.iter().all(|dims| is_held(dims) || (is_apart(dims) && are_few(dims)))
}
