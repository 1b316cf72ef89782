//! Axes that are seen through subqueries and CTEs: a coordinate that they pass on is still the coordinate of its dataset.

use super::binder::Binder;
use super::dataset::{AxisColumn, Position};
use super::subquery::read;
use crate::{Column, ColumnSource, GridPlan, RowPlan, Scan, ScanColumn};
use hyperslab_expr::{ColumnId, Expr};
use hyperslab_grid::schema::Role;

/// The axis that a column of rows labels, if they pass it on from a dataset as it is.
pub(super) fn axis_beneath(plan: &RowPlan, label: ColumnId, binder: &Binder<'_>) -> Option<AxisColumn> {
    let (scan, column) = scan_beneath(plan, label)?;
    let dim = column.footprint.single()?;
    let dataset = binder.datasets[scan.dataset.0].opened.clone();
    let (len, position) = (scan.shape[dim], Position::Beneath { label, dim });
    let ColumnSource::Variable(variable) = column.source else {
        return Some(AxisColumn { dataset, variable: None, position, dim, len, bounds: None, is_longitude: false });
    };
    let schema = dataset.schema();
    let (is_label, is_longitude, bounds) = {
        let own = &schema.variables[variable];
        let is_label = matches!(own.role, Role::DimensionCoordinate | Role::AuxiliaryCoordinate | Role::Hidden);
        (is_label, own.is_longitude(), own.attribute("bounds").and_then(|name| schema.find(name).ok()))
    };
    is_label.then_some(AxisColumn { dataset, variable: Some(variable), position, dim, len, bounds, is_longitude })
}

fn scan_beneath(plan: &RowPlan, label: ColumnId) -> Option<(&Scan, &ScanColumn)> {
    match plan {
        RowPlan::Project { input, columns } => scan_beneath(input, passed(columns, label)?),
        RowPlan::Filter { input, .. } | RowPlan::Sort { input, .. } | RowPlan::Limit { input, .. } => {
            scan_beneath(input, label)
        }
        RowPlan::Window { input, .. } => scan_beneath(input, label),
        RowPlan::Materialize { grid, .. } => match grid.as_ref() {
            GridPlan::Scan(scan) => Some((scan, scan.column(label)?)),
            _ => None,
        },
        RowPlan::Values { .. }
        | RowPlan::Table(_)
        | RowPlan::Aggregate { .. }
        | RowPlan::Join { .. }
        | RowPlan::TopK { .. }
        | RowPlan::Union { .. } => None,
    }
}

/// The column of the input that a projection passes on as another.
fn passed(columns: &[(Column, Expr)], label: ColumnId) -> Option<ColumnId> {
    columns.iter().find(|(column, _)| column.id == label).and_then(|(_, expr)| match expr {
        Expr::Column(id, _) => Some(*id),
        _ => None,
    })
}

/// Lets rows pass on the positions along a dimension of the scan that [`axis_beneath`] found.
pub(super) fn pass_position(plan: &mut RowPlan, label: ColumnId, dim: usize, position: &Column) {
    match plan {
        RowPlan::Project { input, columns } => {
            if let Some(label) = passed(columns, label) {
                pass_position(input, label, dim, position);
                columns.push((position.clone(), read(position)));
            }
        }
        RowPlan::Filter { input, .. }
        | RowPlan::Sort { input, .. }
        | RowPlan::Limit { input, .. }
        | RowPlan::Window { input, .. } => pass_position(input, label, dim, position),
        RowPlan::Materialize { grid, columns } => {
            if let GridPlan::Scan(scan) = grid.as_mut() {
                let (column, source) = (position.clone(), ColumnSource::Position(dim));
                scan.columns.push(ScanColumn { column, source, footprint: std::iter::once(dim).collect() });
                columns.push(position.id);
            }
        }
        RowPlan::Values { .. }
        | RowPlan::Table(_)
        | RowPlan::Aggregate { .. }
        | RowPlan::Join { .. }
        | RowPlan::TopK { .. }
        | RowPlan::Union { .. } => {}
    }
}
