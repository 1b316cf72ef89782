//! Full joins of grids whose cells find each other by the labels of all axes: two models, two periods, stations of two networks.
//! Both are read on axes that hold the labels of both, where a cell is present if one of them has it.

mod aligned;

use super::join_grids::grid_of;
use super::parts::{named, read};
use super::swap_joins::is_free;
use super::{Pass, PassContext, aggregate_densely, any_volatile, map_cells, mask_blocks, push_filters, select_region};
use crate::row_plan::is_passed_on;
use crate::{Base, BoundQuery, Column, GridPlan, JoinKind, Result, RowPlan};
use aligned::Aligned;
use hyperslab_expr::{ColumnId, Expr, Scalar};
use std::convert::Infallible;

pub(super) const PASS: Pass = Pass {
    name: "align_grids",
    about: "a full join of grids by the labels of all their axes reads them on axes that hold the labels of both, without rows",
    rewrite: |plan, context: &mut PassContext<'_>| {
        let plan = plan.transform(&mut |node| densely(node, context))?;
        plan.transform(&mut |node| on_cells(in_order_of_rows(node, context)?, context.query))
    },
};

/// Aggregates that do not care for the order of rows fold cells as they lie on the axes, if their keys do.
fn densely(plan: RowPlan, context: &mut PassContext<'_>) -> Result<RowPlan> {
    let RowPlan::Aggregate { input, keys, aggregates } = &plan else { return Ok(plan) };
    if !is_free(keys, aggregates) {
        return Ok(plan);
    }
    let Some(input) = aligned_beneath(input, context)? else { return Ok(plan) };
    let grouped = RowPlan::Aggregate { input: Box::new(input), keys: keys.clone(), aggregates: aggregates.clone() };
    let grouped = grouped.transform(&mut |node| on_cells(node, context.query))?;
    Ok(if aggregate_densely::can_be_dense(&grouped, context.query) { grouped } else { plan })
}

/// The same rows in any order, if there is nothing but projections and filters above a full join.
fn aligned_beneath(plan: &RowPlan, context: &mut PassContext<'_>) -> Result<Option<RowPlan>> {
    Ok(match plan {
        RowPlan::Project { input, columns } => aligned_beneath(input, context)?
            .map(|input| RowPlan::Project { input: Box::new(input), columns: columns.clone() }),
        RowPlan::Filter { input, predicate } => aligned_beneath(input, context)?
            .map(|input| RowPlan::Filter { input: Box::new(input), predicate: predicate.clone() }),
        join => aligned(join, context)?.map(|aligned| aligned.cells(join.columns())),
    })
}

fn aligned(plan: &RowPlan, context: &mut PassContext<'_>) -> Result<Option<Aligned>> {
    let RowPlan::Join { left, right, kind: JoinKind::Full, on, asof: None, filter: None } = plan else {
        return Ok(None);
    };
    match (grid_of(left), grid_of(right)) {
        (Some(one), Some(other)) => Aligned::new([one, other], [left.columns(), right.columns()], on, context),
        _ => Ok(None),
    }
}

/// Rows come in the order of the left, and what is added of the right comes last: as cells do where the left has the first
/// positions of the outermost axis and all of the others. Elsewhere they are read one after the other.
fn in_order_of_rows(plan: RowPlan, context: &mut PassContext<'_>) -> Result<RowPlan> {
    let Some(both) = aligned(&plan, context)? else { return Ok(plan) };
    let shown = plan.columns();
    if both.is_in_order {
        return Ok(both.cells(shown));
    }
    let RowPlan::Join { left, right, on, .. } = &plan else { return Ok(plan) };
    let turned = on.iter().map(|(l, r)| (r.clone(), l.clone())).collect();
    let turned = RowPlan::Join {
        left: right.clone(),
        right: left.clone(),
        kind: JoinKind::Full,
        on: turned,
        asof: None,
        filter: None,
    };
    let Some(added) = aligned(&turned, context)? else { return Ok(plan) };
    let (of_left, of_right) = (both.of_first(shown.clone()), added.of_first_alone(right.columns()));
    let next = &mut context.next_column;
    let nulls = left.columns().into_iter().map(|column| Expr::Literal(Scalar::Null(column.ty)));
    let alone = nulls.chain(right.columns().iter().map(read)).collect();
    let of_left = named(of_left, shown.iter().map(read).collect(), &shown, next);
    let inputs = vec![of_left, named(of_right, alone, &shown, next)];
    Ok(RowPlan::Union { inputs, columns: shown })
}

/// What is over cells that are aligned, with the labels of axes in the place of what is equal to them, and beneath the bridge.
fn on_cells(plan: RowPlan, query: &BoundQuery) -> Result<RowPlan> {
    match plan {
        RowPlan::Project { input, columns } if !any_volatile(&columns) => {
            let input = without_new_names(*input);
            let Some(grid) = aligned_grid(&input) else {
                return Ok(RowPlan::Project { input: Box::new(input), columns });
            };
            let columns = columns.into_iter().map(|(column, expr)| (column, on_axes(grid, expr))).collect();
            Ok(map_cells::map(RowPlan::Project { input: Box::new(input), columns }))
        }
        RowPlan::Filter { input, predicate } if !predicate.is_volatile() => {
            if matches!(input.as_ref(), RowPlan::Union { .. }) {
                let pushed = push_filters::push_node(RowPlan::Filter { input, predicate });
                return pushed.transform(&mut |node| on_cells(node, query));
            }
            let Some(grid) = aligned_grid(&input) else { return Ok(RowPlan::Filter { input, predicate }) };
            let predicate = on_axes(grid, predicate);
            Ok(mask_blocks::mask(select_region::select(RowPlan::Filter { input, predicate }, query)?))
        }
        RowPlan::Aggregate { input, keys, aggregates } => Ok(grouped(*input, keys, aggregates)),
        other => Ok(other),
    }
}

fn grouped(
    input: RowPlan,
    mut keys: Vec<(Column, Expr)>,
    mut aggregates: Vec<(Column, hyperslab_expr::AggregateCall)>,
) -> RowPlan {
    let input = match without_new_names(input) {
        RowPlan::Materialize { grid, columns } => {
            let of_calls = aggregates.iter_mut().flat_map(|(_, call)| call.args.iter_mut().chain(&mut call.filter));
            for expr in keys.iter_mut().map(|(_, key)| key).chain(of_calls) {
                *expr = on_axes(&grid, expr.clone());
            }
            let labels = either(&grid).iter().map(|(_, id)| *id).filter(|id| !columns.contains(id));
            let columns = columns.iter().copied().chain(labels).collect();
            RowPlan::Materialize { grid, columns }
        }
        other => other,
    };
    RowPlan::Aggregate { input: Box::new(input), keys, aggregates }
}

/// The plan beneath a projection that only renames, if that is cells that are aligned: what is above reads columns by id.
fn without_new_names(plan: RowPlan) -> RowPlan {
    match plan {
        RowPlan::Project { input, columns }
            if aligned_grid(&input).is_some() && columns.iter().all(|(column, expr)| is_passed_on(column, expr)) =>
        {
            *input
        }
        other => other,
    }
}

fn aligned_grid(plan: &RowPlan) -> Option<&GridPlan> {
    match plan {
        RowPlan::Materialize { grid, .. } if !grid.is_aggregate() && !either(grid).is_empty() => Some(grid),
        _ => None,
    }
}

fn either(grid: &GridPlan) -> &[([Expr; 2], ColumnId)] {
    match grid.base() {
        Base::Align(align) if !grid.is_aggregate() => &align.either,
        _ => &[],
    }
}

/// `coalesce(a.time, b.time)` of partners is a label of the axis that both lie on.
fn on_axes(grid: &GridPlan, expr: Expr) -> Expr {
    let rewritten: Result<Expr, Infallible> = expr.transform(&mut |part| {
        let label = match &part {
            Expr::Call { function, args, .. } if function == "coalesce" && args.len() == 2 => label(grid, args),
            _ => None,
        };
        Ok(label.unwrap_or(part))
    });
    match rewritten {
        Ok(expr) => expr,
    }
}

fn label(grid: &GridPlan, of: &[Expr]) -> Option<Expr> {
    let of: Vec<Expr> = of.iter().cloned().map(aligned::nowhere).collect();
    let (pair, id) = either(grid).iter().find(|(pair, _)| pair[..] == of[..])?;
    Some(Expr::Column(*id, pair[0].sql_type()))
}
