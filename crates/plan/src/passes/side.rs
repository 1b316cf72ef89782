//! A grid that is read in step with another which has cells where it has none: its columns are NULL there.

use super::parts::{fresh, read, renewed};
use crate::axis::{in_terms_of_scan, substitute};
use crate::{Column, ColumnSource, GridPlan, Result, Scan, ScanColumn};
use hyperslab_expr::{ColumnId, Expr, Scalar, SqlType, scalar};
use hyperslab_grid::Footprint;
use std::collections::HashMap;

/// One of two grids in step. Not all places of the join have a cell of it.
pub(super) struct Side {
    pub(super) scan: Scan,
    /// What is true where a position of a dimension leads to the grid, for those where some do not.
    pub(super) leads: Vec<Option<Expr>>,
    /// What cells of the grid must have.
    pub(super) predicates: Vec<Expr>,
    /// What is read of the scan in the place of a column that is NULL where the grid has no cell.
    pub(super) instead: HashMap<ColumnId, Expr>,
    /// The columns of the grid that are not the scan's.
    pub(super) columns: Vec<(Column, Expr)>,
}

impl Side {
    /// The columns that are `shown` of a grid over a scan; for each dimension whether some positions of the join do not lead there.
    pub(super) fn new(
        grid: &GridPlan,
        scan: &Scan,
        lacks: impl Iterator<Item = (usize, bool)>,
        shown: &[Column],
        next: &mut u32,
    ) -> Result<Self> {
        let mut own = scan.clone();
        let mut leads = vec![None; scan.dims.len()];
        for (dim, _) in lacks.filter(|(_, lacks)| *lacks) {
            leads[dim] = Some(is_there(position(&mut own, dim, next))?);
        }
        let mut predicates = Vec::new();
        collect_predicates(grid, &mut predicates);
        let mut side = Self { scan: own, leads, predicates, instead: HashMap::new(), columns: Vec::new() };
        side.read_anew(scan, next);
        side.predicates = side.predicates.iter().map(|term| substitute(term.clone(), &side.instead)).collect();
        for column in shown {
            if let Some(value) = side.value(grid, scan, column) {
                side.columns.push((column.clone(), value));
            }
        }
        Ok(side)
    }

    /// Gives columns of the scan new ids that are not NULL by themselves wherever the grid has no cell.
    fn read_anew(&mut self, scan: &Scan, next: &mut u32) {
        for at in 0..scan.columns.len() {
            if self.is_masked() || self.present_but(scan.columns[at].footprint).is_some() {
                let column = &mut self.scan.columns[at].column;
                let id = column.id;
                *column = renewed(column, next);
                self.instead.insert(id, read(column));
            }
        }
    }

    /// A column of the grid where it has a cell, and else NULL; none if the scan has it so.
    fn value(&self, grid: &GridPlan, scan: &Scan, column: &Column) -> Option<Expr> {
        let over_scan = in_terms_of_scan(grid, read(column));
        let of_scan = match over_scan {
            Expr::Column(id, _) if id == column.id => Some(scan.column(id)?),
            _ => None,
        };
        if of_scan.is_some() && !self.instead.contains_key(&column.id) {
            return None;
        }
        let value = substitute(over_scan, &self.instead);
        let present = self.present_but(of_scan.map_or(Footprint::EMPTY, |column| column.footprint));
        let null = Expr::Literal(Scalar::Null(column.ty.clone()));
        Some(present.map_or(value.clone(), |present| choice(present, value, null)))
    }

    /// What is true where the grid has a cell, for what is NULL where positions of some dimensions do not lead there.
    fn present_but(&self, dims: Footprint) -> Option<Expr> {
        let leads = self.leads.iter().enumerate().filter(|(dim, _)| !dims.contains(*dim));
        let leads = leads.filter_map(|(_, leads)| leads.clone());
        Expr::all_of(leads.chain(self.predicates.iter().cloned()).collect())
    }

    /// Whether cells are absent by their values.
    pub(super) fn is_masked(&self) -> bool {
        !self.predicates.is_empty()
    }

    /// What is true where the grid has a cell; nothing if it has all.
    pub(super) fn present(&self) -> Option<Expr> {
        self.present_but(Footprint::EMPTY)
    }
}

/// The conditions that cells of a grid must meet, over its scan.
fn collect_predicates(grid: &GridPlan, into: &mut Vec<Expr>) {
    if let Some(input) = grid.input() {
        collect_predicates(input, into);
        if let GridPlan::Mask { predicate, .. } = grid {
            into.push(in_terms_of_scan(input, predicate.clone()));
        }
    }
}

/// A new column of the positions along a dimension of a scan.
fn position(scan: &mut Scan, dim: usize, next: &mut u32) -> Column {
    let column = fresh(&format!("dim_index({})", scan.dim_names[dim]), SqlType::BigInt, next);
    let footprint = std::iter::once(dim).collect();
    scan.columns.push(ScanColumn { column: column.clone(), source: ColumnSource::Position(dim), footprint });
    column
}

fn is_there(column: Column) -> Result<Expr> {
    scalar::call("is not null", vec![read(&column)], None)
}

/// `CASE WHEN .. THEN .. ELSE .. END`
pub(super) fn choice(when: Expr, then: Expr, otherwise: Expr) -> Expr {
    let ty = then.sql_type();
    Expr::Case { branches: vec![(when, then)], otherwise: Some(Box::new(otherwise)), ty }
}

/// The scan of a grid that has no other columns than what is computed from it cell by cell.
pub(super) fn scan_of(grid: &GridPlan) -> Option<&Scan> {
    match grid {
        GridPlan::Scan(scan) => Some(scan),
        GridPlan::Mask { input, .. } | GridPlan::Map { input, .. } => scan_of(input),
        _ => None,
    }
}
