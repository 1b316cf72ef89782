//! Expressions along one dimension, evaluated at plan time over the values of its coordinates.
//!
//! A conjunct over one coordinate becomes a region, a group key becomes bins, an order can be known to hold already:
//! all three need the values of an expression for each position of an axis, and those are known without reading data.

use crate::grid_plan::footprint_of;
use crate::{Base, BoundQuery, ColumnSource, DatasetSource, GridPlan, JoinKind, Result};
use arrow::array::{ArrayRef, Int64Array, UInt32Array};
use arrow::compute::take;
use hyperslab_expr::eval::{self, Columns, evaluate};
use hyperslab_expr::{ColumnId, Expr};
use hyperslab_grid::Footprint;
use hyperslab_grid::schema::Role;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

/// Above this many values a coordinate is treated as data: observation and row dimensions are that long.
pub const MAX_AXIS_VALUES: usize = 1_000_000;

/// An expression over columns of a grid, rewritten over the columns of its scan: what `Map`s beneath define is put in
/// place of their columns. Columns that an aggregate makes, or that a join brings and does not equate,
/// stay as they are.
pub fn in_terms_of_scan(grid: &GridPlan, expr: Expr) -> Expr {
    let mut definitions = HashMap::new();
    collect_definitions(grid, &mut definitions);
    substitute(expr, &definitions)
}

fn collect_definitions(grid: &GridPlan, into: &mut HashMap<ColumnId, Expr>) {
    match grid {
        GridPlan::Scan(_) | GridPlan::Align(_) => {}
        GridPlan::Mask { input, .. } | GridPlan::Matches { input, .. } | GridPlan::Window { input, .. } => {
            collect_definitions(input, into)
        }
        GridPlan::Lookup { input, on, kind, .. } | GridPlan::Join { left: input, on, kind, .. } => {
            collect_definitions(input, into);
            // What is equal to a column in an inner join has its values.
            for (left, right) in on.iter().filter(|(left, right)| left.sql_type() == right.sql_type()) {
                if let (Expr::Column(id, _), JoinKind::Inner) = (right, kind) {
                    let over_scan = substitute(left.clone(), into);
                    into.entry(*id).or_insert(over_scan);
                }
            }
        }
        GridPlan::Map { input, columns } => {
            collect_definitions(input, into);
            for (column, expr) in columns {
                let over_scan = substitute(expr.clone(), into);
                into.insert(column.id, over_scan);
            }
        }
        GridPlan::Aggregate { input, keys, .. } => {
            collect_definitions(input, into);
            for (column, key) in keys {
                let over_scan = substitute(key.clone(), into);
                into.insert(column.id, over_scan);
            }
        }
    }
}

/// Puts the definitions of columns in their place.
pub fn substitute(expr: Expr, definitions: &HashMap<ColumnId, Expr>) -> Expr {
    let rewritten: Result<Expr, Infallible> = expr.transform(&mut |part| {
        Ok(match &part {
            Expr::Column(id, _) => definitions.get(id).cloned().unwrap_or(part),
            _ => part,
        })
    });
    match rewritten {
        Ok(expr) => expr,
    }
}

/// The dimension along which an expression over columns of a base can be evaluated at plan time: it depends on just
/// that one, through coordinates only, and the axis is no longer than [`MAX_AXIS_VALUES`].
fn axis_of(query: &BoundQuery, base: Base<'_>, expr: &Expr) -> Option<usize> {
    let mut dim = None;
    if expr.is_volatile() {
        return None;
    }
    for id in expr.columns() {
        let (scan, column, along) = base.column(id)?;
        if !is_label(&column.source, query.dataset(scan.dataset)) {
            return None;
        }
        if column.footprint.is_empty() {
            continue;
        }
        let own = column.footprint.single()?;
        let own = along.map_or(own, |along| along[own].dim);
        if *dim.get_or_insert(own) != own {
            return None;
        }
    }
    dim.filter(|d| base.shape()[*d] <= MAX_AXIS_VALUES)
}

/// Whether a column holds labels (and not measured values, which planning never reads).
pub(crate) fn is_label(source: &ColumnSource, dataset: &dyn DatasetSource) -> bool {
    match source {
        ColumnSource::Position(_) => true,
        ColumnSource::Packed(_) => false,
        ColumnSource::Variable(v) => match dataset.schema().variables[*v].role {
            Role::DimensionCoordinate | Role::AuxiliaryCoordinate | Role::Hidden => true,
            Role::Data | Role::Bounds => false,
        },
    }
}

/// The dimension that an expression over columns of a grid lies on, and its values along it: those that it has can be
/// known at plan time. `None` if they cannot, or if it fails for some value of the axis.
pub fn along_axis(query: &BoundQuery, grid: &GridPlan, expr: &Expr) -> Option<(usize, ArrayRef)> {
    let (base, over_base) = (grid.base(), in_terms_of_scan(grid, expr.clone()));
    let dim = axis_of(query, base, &over_base)?;
    Some((dim, evaluate_on_axis(query, base, &over_base, dim).ok()?))
}

/// The dimensions that decide an expression over columns of a grid, if it has a value for all combinations of their positions:
/// those of coordinates, of variables, and of rows that are looked up. `None` if it may fail, or is known only as cells are
/// computed.
pub fn along_axes(query: &BoundQuery, grid: &GridPlan, expr: &Expr) -> Option<Footprint> {
    let over_scan = in_terms_of_scan(grid, expr.clone());
    let columns = grid.columns();
    let has_values = |part: &Expr| !part.columns().is_empty() && along_axis(query, grid, part).is_some();
    let is_known = over_scan.columns().iter().all(|id| is_read(grid, *id));
    (is_known && !over_scan.is_volatile() && eval::never_fails_but(&over_scan, &has_values))
        .then(|| footprint_of(&over_scan, &columns, grid.rank()))
}

/// Whether a column is read or looked up, not computed.
fn is_read(grid: &GridPlan, id: ColumnId) -> bool {
    match grid {
        GridPlan::Scan(_) | GridPlan::Align(_) => grid.base().column(id).is_some(),
        GridPlan::Lookup { input, rows, .. } => {
            rows.columns().iter().any(|column| column.id == id) || is_read(input, id)
        }
        GridPlan::Matches { input, columns, .. } => {
            columns.iter().any(|(column, _)| column.id == id) || is_read(input, id)
        }
        GridPlan::Join { left, right, .. } => is_read(left, id) || is_read(right, id),
        GridPlan::Mask { input, .. } | GridPlan::Map { input, .. } | GridPlan::Window { input, .. } => {
            is_read(input, id)
        }
        GridPlan::Aggregate { .. } => false,
    }
}

/// The values of an expression for each position of dimension `dim` of a base; [`axis_of`] must have said that it
/// can be evaluated there.
///
/// # Errors
/// If a coordinate cannot be read, or the expression fails for some value of the axis.
fn evaluate_on_axis(query: &BoundQuery, base: Base<'_>, expr: &Expr, dim: usize) -> Result<ArrayRef> {
    let len = base.shape()[dim];
    let ids = expr.columns();
    let values = ids.iter().map(|id| label_values(query, base, *id, len)).collect::<Result<Vec<_>>>()?;
    evaluate(expr, &Columns::new(&ids, &values), len)
}

/// The values of a column that lies on one dimension of `len` positions, or on none (then repeated).
fn label_values(query: &BoundQuery, base: Base<'_>, id: ColumnId, len: usize) -> Result<ArrayRef> {
    let (scan, column, along) = base.column(id).expect("axis_of found the column in the base");
    let values: ArrayRef = match column.source {
        ColumnSource::Position(own) => Arc::new(Int64Array::from_iter_values(0..scan.shape[own] as i64)),
        ColumnSource::Variable(v) => query.dataset(scan.dataset).coordinate(v)?,
        ColumnSource::Packed(_) => return Err(hyperslab_expr::Error::new("packed integers label no axis")),
    };
    match (column.footprint.single(), along) {
        (Some(_), None) => Ok(values),
        (Some(own), Some(along)) => along[own].read(&values),
        (None, _) => Ok(take(&values, &UInt32Array::from_value(0, len), None)?),
    }
}
