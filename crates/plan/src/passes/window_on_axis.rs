//! Computes windows over partitions of cells beneath the bridge: without rows, and without sorting what an axis orders.
//!
//! `avg(x) OVER (PARTITION BY lat, lon ORDER BY time ROWS 4 PRECEDING)`: partitions lie along `time`, and each place has its
//! own, so that the grid can be cut between places. Where a frame is a few rows, a part of the axis is enough too.

use super::join_grids::tell_apart;
use super::{Pass, PassContext, map_cells, mask_blocks};
use crate::axis::along_axis;
use crate::window::{FrameBound, FrameUnits, Window, WindowCall, WindowFrame, WindowFunction};
use crate::{BoundQuery, Column, GridPlan, JoinKind, Reach, RowPlan, SortKey};
use arrow::array::{Array, ArrayRef};
use arrow::compute::SortOptions;
use arrow::row::{RowConverter, SortField};
use hyperslab_expr::key_form::key_form;
use hyperslab_expr::{Expr, Scalar};
use hyperslab_grid::{Footprint, IndexSet};

pub(super) const PASS: Pass = Pass {
    name: "window_on_axis",
    about: "windows whose partitions are told apart along axes are computed on blocks that hold whole partitions",
    rewrite: |plan, context: &mut PassContext<'_>| {
        plan.transform(&mut |node| Ok(map_cells::map(mask_blocks::mask(rewrite(node, context.query)))))
    },
};

fn rewrite(plan: RowPlan, query: &BoundQuery) -> RowPlan {
    let RowPlan::Window { input, window, calls } = plan else { return plan };
    let RowPlan::Materialize { grid, mut columns } = *input else {
        return RowPlan::Window { input, window, calls };
    };
    match reach_of(query, &grid, &window, &calls) {
        Some(reach) => {
            columns.extend(calls.iter().map(|(column, _)| column.id));
            let grid = GridPlan::Window { input: grid, window, calls, reach };
            RowPlan::Materialize { grid: Box::new(grid), columns }
        }
        None => RowPlan::Window { input: Box::new(RowPlan::Materialize { grid, columns }), window, calls },
    }
}

/// How far the calls see on the grid; none if partitions are not told apart along any of its axes.
fn reach_of(query: &BoundQuery, grid: &GridPlan, window: &Window, calls: &[(Column, WindowCall)]) -> Option<Reach> {
    let volatile = |expr: &Expr| expr.is_volatile();
    let is_volatile =
        window.exprs().any(volatile) || calls.iter().any(|(_, call)| call.exprs().into_iter().any(volatile));
    if grid.is_aggregate() || is_volatile {
        return None;
    }
    let has_values = |(_, values): &(usize, ArrayRef)| values.null_count() == 0;
    let key = |key: &Expr| along_axis(query, grid, key).filter(has_values);
    let keys = window.partition.iter().map(key).collect::<Option<Vec<_>>>()?;
    let on = |dim: usize| keys.iter().filter(|(of, _)| *of == dim).map(|(_, v)| v.clone()).collect::<Vec<_>>();
    let selected = grid.region().sets();
    let dims: Footprint = (0..selected.len()).filter(|dim| !tell_apart(&on(*dim), &selected[*dim])).collect();
    let cuts = (0..selected.len()).any(|dim| !dims.contains(dim) && selected[dim].len() > 1);
    let rows = dims.single().filter(|dim| on(*dim).is_empty() && has_all_cells(grid)).and_then(|dim| {
        // Without an order rows are as they come, and all of them equal: only counting them makes a difference.
        let is_ordered = !window.order.is_empty();
        let direction = if is_ordered { direction(query, grid, &window.order, dim)? } else { Direction::Up };
        let counts_rows = |(_, call): &(Column, WindowCall)| call.frame.units == FrameUnits::Rows;
        let shifts = |(_, call): &(Column, WindowCall)| matches!(call.function, WindowFunction::Shifted { .. });
        if !is_ordered && !calls.iter().all(|call| counts_rows(call) || shifts(call)) {
            return None;
        }
        let seen = calls.iter().map(|(_, call)| rows_seen(call)).collect::<Option<Vec<_>>>()?;
        let [before, after] = seen.into_iter().reduce(|a, b| [a[0].max(b[0]), a[1].max(b[1])])?;
        let [before, after] = if direction == Direction::Up { [before, after] } else { [after, before] };
        Some([before, after].map(|rows| rows.min(selected[dim].len())))
    });
    cuts.then_some(Reach { dims, rows })
}

/// Whether no cell of the region of a grid is absent.
pub(super) fn has_all_cells(grid: &GridPlan) -> bool {
    match grid {
        GridPlan::Scan(_) | GridPlan::Align(_) => true,
        GridPlan::Map { input, .. } | GridPlan::Window { input, .. } => has_all_cells(input),
        GridPlan::Lookup { input, kind, .. } => *kind == JoinKind::Left && has_all_cells(input),
        GridPlan::Join { left, right, .. } => has_all_cells(left) && has_all_cells(right),
        GridPlan::Mask { .. } | GridPlan::Matches { .. } | GridPlan::Aggregate { .. } => false,
    }
}

/// Where an order goes as positions along an axis ascend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// The direction of an order along a dimension, if it tells all selected positions apart and follows them.
fn direction(query: &BoundQuery, grid: &GridPlan, order: &[SortKey], dim: usize) -> Option<Direction> {
    let on_axis = |key: &SortKey| along_axis(query, grid, &key.expr).filter(|(of, _)| *of == dim);
    let labels = order.iter().map(|key| on_axis(key).map(|(_, values)| values)).collect::<Option<Vec<_>>>()?;
    let forms = labels.iter().map(key_form).collect::<Result<Vec<_>, _>>().ok()?;
    let field = |(key, form): (&SortKey, &ArrayRef)| {
        let options = SortOptions { descending: key.descending, nulls_first: key.nulls_first };
        SortField::new_with_options(form.data_type().clone(), options)
    };
    let converter = RowConverter::new(order.iter().zip(&forms).map(field).collect()).ok()?;
    let rows = converter.convert_columns(&forms).ok()?;
    let selected: Vec<usize> = grid.region().sets().get(dim).map(IndexSet::iter)?.collect();
    let all = |holds: fn(std::cmp::Ordering) -> bool| {
        selected.windows(2).all(|pair| holds(rows.row(pair[0]).cmp(&rows.row(pair[1]))))
    };
    match () {
        () if order.is_empty() => None,
        () if all(std::cmp::Ordering::is_lt) => Some(Direction::Up),
        () if all(std::cmp::Ordering::is_gt) => Some(Direction::Down),
        () => None,
    }
}

/// How many rows before and after its own a call sees, if that is the same for all and not without bound.
fn rows_seen(call: &WindowCall) -> Option<[usize; 2]> {
    match &call.function {
        WindowFunction::Shifted { offset, ahead, ignore_nulls: false, .. } => {
            let Expr::Literal(Scalar::Integer(offset, _)) = offset else { return None };
            let forwards = if *ahead { *offset } else { -*offset };
            let rows = usize::try_from(forwards.unsigned_abs()).ok()?;
            Some(if forwards < 0 { [rows, 0] } else { [0, rows] })
        }
        WindowFunction::Aggregate(_) | WindowFunction::Picked { ignore_nulls: false, .. } => frame_rows(&call.frame),
        _ => None,
    }
}

fn frame_rows(frame: &WindowFrame) -> Option<[usize; 2]> {
    if frame.units == FrameUnits::Range {
        return None;
    }
    let rows = |bound: &FrameBound| -> Option<i64> {
        match bound {
            FrameBound::Preceding(n) => i64::try_from(*n).ok().map(|n| -n),
            FrameBound::Following(n) => i64::try_from(*n).ok(),
            FrameBound::CurrentRow => Some(0),
            _ => None,
        }
    };
    let (start, end) = (rows(&frame.start)?, rows(&frame.end)?);
    Some([start.min(0).unsigned_abs() as usize, end.max(0) as usize])
}
