//! Joins cells beneath the bridge: by maps between axes, or by looking up rows.

use super::side::{Side, scan_of};
use super::{Pass, PassContext, map_cells, mask_blocks};
use crate::axis::along_axis;
use crate::grid_plan::Along;
use crate::row_plan::is_passed_on;
use crate::{BoundQuery, Column, GridPlan, JoinKind, Result, RowPlan};
use arrow::array::{Array, ArrayRef};
use arrow::row::{RowConverter, Rows, SortField};
use hyperslab_expr::key_form::key_form;
use hyperslab_expr::{ColumnId, Error, Expr, SqlType};
use hyperslab_grid::{AxisMap, IndexSet, Region};
use std::collections::HashMap;

pub(super) const PASS: Pass = Pass {
    name: "join_grids",
    about: "a join on coordinates finds at most one cell, or one row, for each cell of the left: along axes, without rows",
    rewrite: |plan, context: &mut PassContext<'_>| {
        // What stands above a join can go beneath the bridge once the join has.
        plan.transform(&mut |node| Ok(map_cells::map(mask_blocks::mask(join(node, context)?))))
    },
};

fn join(plan: RowPlan, context: &mut PassContext<'_>) -> Result<RowPlan> {
    let RowPlan::Join { left, right, kind, on, asof, filter } = plan else { return Ok(plan) };
    let is_plain = match kind {
        _ if asof.is_some() => false,
        JoinKind::Inner => true,
        // A condition of a left join decides which pairs match, not which rows stay.
        JoinKind::Left => filter.is_none(),
        JoinKind::Full | JoinKind::Semi | JoinKind::Anti => false,
    };
    let sides = match (grid_of(&left), is_plain) {
        (Some(grid), true) => joined(grid, &right, kind, &on, context)?,
        _ => None,
    };
    let Some(grid) = sides else { return Ok(RowPlan::Join { left, right, kind, on, asof, filter }) };
    let columns: Vec<Column> = left.columns().into_iter().chain(right.columns()).collect();
    let cells = with_names(
        RowPlan::Materialize { grid: Box::new(grid), columns: columns.iter().map(|c| c.id).collect() },
        columns,
    );
    Ok(match filter {
        Some(predicate) => mask_blocks::mask(RowPlan::Filter { input: Box::new(cells), predicate }),
        None => cells,
    })
}

/// The cells that a plan hands out, perhaps under new names; none if they are groups.
pub(super) fn grid_of(plan: &RowPlan) -> Option<&GridPlan> {
    match plan {
        RowPlan::Project { input, columns } if columns.iter().all(|(column, expr)| is_passed_on(column, expr)) => {
            grid_of(input)
        }
        RowPlan::Materialize { grid, .. } if !grid.is_aggregate() => Some(grid),
        _ => None,
    }
}

/// Gives the columns of a plan back the names that they had.
pub(super) fn with_names(plan: RowPlan, columns: Vec<Column>) -> RowPlan {
    if plan.columns() == columns {
        return plan;
    }
    let columns = columns.into_iter().map(|c| (c.clone(), Expr::Column(c.id, c.ty))).collect();
    RowPlan::Project { input: Box::new(plan), columns }
}

/// The grid joined to the right side, if each of its cells has one partner there at most.
fn joined(
    grid: &GridPlan,
    right: &RowPlan,
    kind: JoinKind,
    on: &[(Expr, Expr)],
    context: &mut PassContext<'_>,
) -> Result<Option<GridPlan>> {
    let query = context.query;
    let on_axes = on.iter().map(|(left, _)| along_axis(query, grid, left)).collect::<Option<Vec<_>>>();
    let Some(on_axes) = on_axes else { return Ok(None) };
    if let Some(other) = grid_of(right).filter(|other| scan_of(other).is_some()) {
        let rights = on.iter().map(|(_, right)| along_axis(query, other, right)).collect::<Option<Vec<_>>>();
        if let Some(rights) = rights
            && let Some(along) = maps(other.region(), &on_axes, &rights)?
        {
            return Ok(Some(match kind {
                JoinKind::Left => beside(grid, other, right.columns(), on, along, &mut context.next_column)?,
                _ => in_step(grid, other, on, along),
            }));
        }
    }
    let keys: Option<Vec<ColumnId>> = on.iter().map(|(_, right)| key_column(right)).collect();
    let unique = keys.is_some_and(|keys| is_unique(query, right, &keys));
    Ok(unique.then(|| GridPlan::Lookup {
        input: Box::new(grid.clone()),
        rows: Box::new(right.clone()),
        on: on.to_vec(),
        kind,
    }))
}

/// For each dimension of the right grid the map from the left; none if a position of the left has several partners, or a
/// dimension of the right no condition. Both sides of each condition come with their dimensions and values.
fn maps(right: &Region, lefts: &[(usize, ArrayRef)], rights: &[(usize, ArrayRef)]) -> Result<Option<Vec<Along>>> {
    let mut along = Vec::new();
    for (dim, selected) in right.sets().iter().enumerate() {
        let pairs: Vec<_> = lefts.iter().zip(rights).filter(|(_, (of, _))| *of == dim).collect();
        let Some(((from, _), _)) = pairs.first() else { return Ok(None) };
        if pairs.iter().any(|((other, _), _)| other != from) {
            return Ok(None);
        }
        let (wanted, there): (Vec<_>, Vec<_>) = pairs.iter().map(|((_, l), (_, r))| (l.clone(), r.clone())).unzip();
        let Some(map) = axis_map(&wanted, &there, selected)? else { return Ok(None) };
        along.push(Along { dim: *from, map });
    }
    Ok(Some(along))
}

/// For each position of one axis the selected position of another where all values are equal; none if there are several.
pub(super) fn axis_map(from: &[ArrayRef], to: &[ArrayRef], selected: &IndexSet) -> Result<Option<AxisMap>> {
    let (from_keys, to_keys) = keys(from, to)?;
    let is_null = |arrays: &[ArrayRef], at: usize| arrays.iter().any(|array| array.is_null(at));
    let mut place = HashMap::with_capacity(selected.len());
    for at in selected.iter().filter(|at| !is_null(to, *at)) {
        if place.insert(to_keys.row(at), at).is_some() {
            return Ok(None);
        }
    }
    let find = |at: usize| if is_null(from, at) { None } else { place.get(&from_keys.row(at)).copied() };
    Ok(Some(AxisMap::new((0..from_keys.num_rows()).map(find), to_keys.num_rows())))
}

/// Values of both sides in a form in which those that join are equal.
fn keys(from: &[ArrayRef], to: &[ArrayRef]) -> Result<(Rows, Rows)> {
    let form = |arrays: &[ArrayRef]| arrays.iter().map(key_form).collect::<Result<Vec<_>>>();
    let (from, to) = (form(from)?, form(to)?);
    let fields = from.iter().map(|array| SortField::new(array.data_type().clone())).collect();
    let converter = RowConverter::new(fields)?;
    Ok((converter.convert_columns(&from)?, converter.convert_columns(&to)?))
}

/// Two grids in step, where both have a cell: only where all maps lead somewhere.
fn in_step(left: &GridPlan, right: &GridPlan, on: &[(Expr, Expr)], along: Vec<Along>) -> GridPlan {
    let mut left = left.clone();
    for Along { dim, map } in &along {
        let has_partner = IndexSet::from_mask((0..map.len()).map(|at| map.get(at).is_some()));
        left.narrow(*dim, &has_partner);
    }
    let (left, right) = (Box::new(left), Box::new(right.clone()));
    GridPlan::Join { left, right, on: on.to_vec(), along, kind: JoinKind::Inner }
}

/// Two grids in step where the left has a cell; what is shown of the right is NULL where that has none.
fn beside(
    left: &GridPlan,
    right: &GridPlan,
    shown: Vec<Column>,
    on: &[(Expr, Expr)],
    along: Vec<Along>,
    next: &mut u32,
) -> Result<GridPlan> {
    let Some(scan) = scan_of(right) else { return Err(Error::new("what is read beside a grid is more than a scan")) };
    let selected = left.region().sets();
    let lacks = |Along { dim, map }: &Along| selected[*dim].iter().any(|at| map.get(at).is_none());
    let Side { scan, columns, .. } = Side::new(right, scan, along.iter().map(lacks).enumerate(), &shown, next)?;
    let (left, right) = (Box::new(left.clone()), Box::new(GridPlan::Scan(scan)));
    let joined = GridPlan::Join { left, right, on: on.to_vec(), along, kind: JoinKind::Left };
    Ok(match columns.is_empty() {
        true => joined,
        false => GridPlan::Map { input: Box::new(joined), columns },
    })
}

/// The column that an expression over rows is, if equal columns give equal values and different ones different.
fn key_column(expr: &Expr) -> Option<ColumnId> {
    match expr {
        Expr::Column(id, _) => Some(*id),
        Expr::Cast { arg, to: SqlType::Double, .. } if arg.sql_type() == SqlType::Float => key_column(arg),
        _ => None,
    }
}

/// Whether no two rows of a plan have the same values in `keys`.
fn is_unique(query: &BoundQuery, plan: &RowPlan, keys: &[ColumnId]) -> bool {
    let has = |columns: &[(Column, Expr)]| columns.iter().all(|(column, _)| keys.contains(&column.id));
    match plan {
        RowPlan::Aggregate { keys, .. } => has(keys),
        RowPlan::Project { input, columns } => {
            let beneath = |key: &ColumnId| columns.iter().find(|(c, _)| c.id == *key).and_then(|(_, e)| key_column(e));
            let beneath: Option<Vec<ColumnId>> = keys.iter().map(beneath).collect();
            beneath.is_some_and(|keys| is_unique(query, input, &keys))
        }
        RowPlan::Filter { input, .. }
        | RowPlan::Window { input, .. }
        | RowPlan::Sort { input, .. }
        | RowPlan::TopK { input, .. }
        | RowPlan::Limit { input, .. } => is_unique(query, input, keys),
        RowPlan::Materialize { grid, .. } => match grid.as_ref() {
            GridPlan::Aggregate { keys, .. } => has(keys),
            cells => are_unique_cells(query, cells, keys),
        },
        RowPlan::Values { rows, .. } => rows.len() < 2,
        RowPlan::Table(_) | RowPlan::Join { .. } | RowPlan::Union { .. } => false,
    }
}

/// Whether labels of an axis tell each selected position from the others; NULLs are not looked at.
pub(super) fn tell_apart(labels: &[ArrayRef], selected: &IndexSet) -> bool {
    selected.len() < 2 || (!labels.is_empty() && matches!(axis_map(labels, labels, selected), Ok(Some(_))))
}

/// Whether columns tell each selected position of each dimension of a grid from the others.
fn are_unique_cells(query: &BoundQuery, grid: &GridPlan, keys: &[ColumnId]) -> bool {
    let columns = grid.columns();
    let of_keys = columns.iter().filter(|c| keys.contains(&c.column.id));
    let on_axes: Vec<(usize, ArrayRef)> =
        of_keys.filter_map(|c| along_axis(query, grid, &Expr::Column(c.column.id, c.column.ty.clone()))).collect();
    let labels = |dim: usize| on_axes.iter().filter(|(of, _)| *of == dim).map(|(_, v)| v.clone()).collect::<Vec<_>>();
    grid.region().sets().iter().enumerate().all(|(dim, selected)| tell_apart(&labels(dim), selected))
}
