//! Matches rows with cells by conditions on few axes once for each of their places: the times within a period, the latitudes and
//! longitudes within an outline. Cells then find the rows that match by equality, as many cells as there are at each place.

use super::join_grids::grid_of;
use super::parts::{read, renewed};
use super::swap_joins::in_order_of_left;
use super::window_on_axis::has_all_cells;
use super::{Pass, PassContext, gives_cells};
use crate::axis::{along_axis, in_terms_of_scan, substitute};
use crate::{BoundQuery, Column, GridPlan, JoinKind, Result, RowPlan};
use arrow::array::Array;
use hyperslab_expr::{ColumnId, Expr, eval};
use std::collections::{BTreeSet, HashMap};

pub(super) const PASS: Pass = Pass {
    name: "match_on_axes",
    about: "an inner join by a condition on some axes, such as a range or an outline, is made once for all cells along the others",
    rewrite: |plan, context: &mut PassContext<'_>| plan.transform(&mut |node| matched(node, context)),
};

/// How many cells there must be at each place, at least: matching once has a price too.
const CELLS_A_PLACE: usize = 4;

fn matched(plan: RowPlan, context: &mut PassContext<'_>) -> Result<RowPlan> {
    match &plan {
        RowPlan::Join { left, right, kind: JoinKind::Inner, on, asof: None, filter: Some(condition) }
            if on.is_empty() =>
        {
            if let Some(places) = places(context.query, left, right, condition) {
                return Ok(by_place(plan, places, &mut context.next_column));
            }
            if places(context.query, right, left, condition).is_some() {
                let turned = in_order_of_left(plan, &mut context.next_column);
                return turned.transform(&mut |node| matched(node, context));
            }
            Ok(plan)
        }
        _ => Ok(plan),
    }
}

/// The places that a condition is about.
struct Places {
    /// The cells that have them, without anything else.
    scan: GridPlan,
    /// The columns of the cells that tell the places apart for the condition, and what they are over `scan`.
    keys: Vec<(Column, Expr)>,
    /// What is asked of a place and a row, and what of a cell and a row besides.
    of_places: Expr,
    of_cells: Option<Expr>,
}

/// The places, if there are many cells at each.
fn places(query: &BoundQuery, cells: &RowPlan, rows: &RowPlan, condition: &Expr) -> Option<Places> {
    let grid = grid_of(cells).filter(|_| !gives_cells(rows))?;
    let cells = Cells { query, grid, columns: cells.columns() };
    let terms = condition.clone().conjuncts().into_iter();
    let (of_places, of_cells): (Vec<Expr>, Vec<Expr>) = terms.partition(|term| cells.are_found_on_axes(term));
    // Terms that may fail see no place that they would not see, and no term goes before those that guard it.
    let sees_the_same = of_cells.is_empty() && has_all_cells(grid);
    if !sees_the_same && !of_places.iter().all(|term| cells.have_values(term)) {
        return None;
    }
    let of_places = Expr::all_of(of_places)?;
    let axes: Vec<(Column, usize)> = cells.read_by(&of_places).filter_map(|column| cells.on_axis(column)).collect();
    let dims: BTreeSet<usize> = axes.iter().map(|(_, dim)| *dim).collect();
    let region = grid.region();
    let count = dims.iter().map(|dim| region.sets()[*dim].len()).fold(1_usize, usize::saturating_mul);
    if dims.is_empty() || count.saturating_mul(CELLS_A_PLACE) > region.cells() {
        return None;
    }
    let keys = axes.into_iter().map(|(column, _)| (column.clone(), in_terms_of_scan(grid, read(&column)))).collect();
    let scan = grid.base().to_grid();
    Some(Places { scan, keys, of_places, of_cells: Expr::all_of(of_cells) })
}

/// Cells and their columns.
struct Cells<'a> {
    query: &'a BoundQuery,
    grid: &'a GridPlan,
    columns: Vec<Column>,
}

impl Cells<'_> {
    /// The columns that a term reads of the cells.
    fn read_by<'t>(&'t self, term: &Expr) -> impl Iterator<Item = &'t Column> {
        let ids: BTreeSet<ColumnId> = term.columns().into_iter().collect();
        self.columns.iter().filter(move |column| ids.contains(&column.id))
    }

    /// A column with the dimension that it labels, if none of its labels is NULL: those are equal to nothing.
    fn on_axis(&self, column: &Column) -> Option<(Column, usize)> {
        let (dim, labels) = along_axis(self.query, self.grid, &read(column))?;
        (labels.null_count() == 0).then_some((column.clone(), dim))
    }

    /// Whether a term has a value at all places, or fails by a row that it is tested with, whatever the place.
    fn have_values(&self, term: &Expr) -> bool {
        let is_of_rows = |part: &Expr| self.read_by(part).next().is_none();
        let on_axis = |part: &Expr| along_axis(self.query, self.grid, part).is_some();
        eval::never_fails_but(term, &|part| is_of_rows(part) || on_axis(part))
    }

    fn are_found_on_axes(&self, term: &Expr) -> bool {
        !term.is_volatile() && self.read_by(term).all(|column| self.on_axis(column).is_some())
    }
}

/// A join of cells with the pairs of places and rows that match.
fn by_place(plan: RowPlan, places: Places, next: &mut u32) -> RowPlan {
    let RowPlan::Join { left, right, kind, .. } = plan else { return plan };
    let shown: Vec<Column> = left.columns().into_iter().chain(right.columns()).collect();
    let keys: Vec<(Column, Column, Expr)> =
        places.keys.into_iter().map(|(column, over_scan)| (renewed(&column, next), column, over_scan)).collect();
    let on = keys.iter().map(|(own, column, _)| (read(column), read(own))).collect();
    let instead: HashMap<ColumnId, Expr> = keys.iter().map(|(own, column, _)| (column.id, read(own))).collect();
    let ids = places.scan.columns().into_iter().map(|column| column.column.id).collect();
    let cells = RowPlan::Materialize { grid: Box::new(places.scan), columns: ids };
    let keys = keys.into_iter().map(|(own, _, over_scan)| (own, over_scan)).collect();
    let distinct = RowPlan::Aggregate { input: Box::new(cells), keys, aggregates: Vec::new() };
    let pairs = RowPlan::Join {
        left: Box::new(distinct),
        right,
        kind,
        on: Vec::new(),
        asof: None,
        filter: Some(substitute(places.of_places, &instead)),
    };
    let joined = RowPlan::Join { left, right: Box::new(pairs), kind, on, asof: None, filter: places.of_cells };
    let columns = shown.into_iter().map(|column| (column.clone(), read(&column))).collect();
    RowPlan::Project { input: Box::new(joined), columns }
}
