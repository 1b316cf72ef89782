//! What depends on several axes but not on all: computed once for each combination of their positions, and looked up by cells.
//! Whether a place lies in a shape does not depend on the time.

use super::cells::{CellReader, Cells};
use super::program::Program;
use super::table::Table;
use super::vectors::{VECTOR_CELLS, vectors};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::memory::Reservation;
use crate::source::array_bytes;
use arrow::array::{Array, ArrayRef};
use arrow::compute::concat;
use hyperslab_expr::scalar::{Family, function};
use hyperslab_expr::{ColumnId, Expr};
use hyperslab_grid::{Footprint, IndexSet, Region};
use std::convert::Infallible;

/// Above so many combinations nothing is computed beforehand.
const MOST: usize = 1 << 22;

impl Program {
    /// Puts columns that are looked up in the place of the largest parts of an expression that depend on labels of several
    /// dimensions, not of all, and take long. A part that fails somewhere stays as it is: only a cell that is selected may
    /// raise it.
    pub(super) fn lift_planes(&mut self, expr: Expr, context: &Context) -> Result<Expr> {
        let mut parts = Vec::new();
        self.collect_planes(&expr, &mut parts);
        let mut found = Vec::new();
        for (part, dims) in parts {
            if let Ok(values) = self.evaluate_plane(&part, dims, context) {
                let id = self.new_column();
                let sets: Vec<(usize, IndexSet)> =
                    dims.dims().map(|dim| (dim, self.region.sets()[dim].clone())).collect();
                self.tables.push(Table::of_plane(&sets, &self.shape, (id, values), context)?);
                found.push((part, id));
            }
        }
        let replaced: Result<Expr, Infallible> = expr.transform(&mut |part| {
            let plane = found.iter().find(|(known, _)| *known == part);
            Ok(plane.map_or_else(|| part.clone(), |(known, id)| Expr::Column(*id, known.sql_type())))
        });
        match replaced {
            Ok(expr) => Ok(expr),
        }
    }

    fn collect_planes(&self, expr: &Expr, into: &mut Vec<(Expr, Footprint)>) {
        match self.plane_of(expr) {
            Some(dims) if into.iter().all(|(known, _)| known != expr) => into.push((expr.clone(), dims)),
            Some(_) => {}
            None => expr.children().into_iter().for_each(|child| self.collect_planes(child, into)),
        }
    }

    /// The dimensions of an expression that is worth computing beforehand.
    fn plane_of(&self, expr: &Expr) -> Option<Footprint> {
        if matches!(expr, Expr::Column(..) | Expr::Literal(_)) || expr.is_volatile() || !takes_long(expr) {
            return None;
        }
        let dim = |id: &ColumnId| self.labels.get(id).map(|label| label.dim);
        let dims: Footprint =
            expr.columns().iter().map(dim).collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
        let cells: usize = dims.dims().map(|dim| self.region.sets()[dim].len()).product();
        ((2..self.rank()).contains(&dims.len()) && cells <= MOST).then_some(dims)
    }

    /// The values of an expression for each combination of selected positions along the dimensions that decide it, row-major.
    fn evaluate_plane(&self, expr: &Expr, dims: Footprint, context: &Context) -> Result<ArrayRef> {
        let mut memory = context.memory().reserve(0, "what is computed for each place")?;
        let mut values = self.values_of_places(&[expr], dims, &mut memory, context)?;
        values.pop().ok_or_else(|| Error::internal("an expression has values"))
    }

    /// The same of several expressions, for which memory is taken.
    pub(super) fn values_of_places(
        &self,
        exprs: &[&Expr],
        dims: Footprint,
        memory: &mut Reservation,
        context: &Context,
    ) -> Result<Vec<ArrayRef>> {
        let mut parts: Vec<Vec<ArrayRef>> = vec![Vec::new(); exprs.len()];
        if exprs.is_empty() {
            return Ok(Vec::new());
        }
        self.visit_plane(exprs, dims, context, &mut |values, _| {
            memory.grow(values.iter().map(array_bytes).sum())?;
            parts.iter_mut().zip(values).for_each(|(parts, values)| parts.push(values));
            Ok(())
        })?;
        // As long as they are put together both are there.
        let largest = parts.iter().map(|parts| parts.iter().map(array_bytes).sum::<usize>()).max().unwrap_or(0);
        let _joining = context.memory().reserve(largest, "what is computed for each place")?;
        let joined = |parts: Vec<ArrayRef>| Ok(concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?);
        parts.into_iter().map(joined).collect()
    }

    /// Calls `visit` with the values of expressions for some of the combinations of selected positions along the dimensions that
    /// decide them, and how many these are, in row-major order.
    pub(super) fn visit_plane(
        &self,
        exprs: &[&Expr],
        dims: Footprint,
        context: &Context,
        visit: &mut impl FnMut(Vec<ArrayRef>, usize) -> Result<()>,
    ) -> Result<()> {
        // Along the others any position will do.
        let along = |(dim, set): (usize, &IndexSet)| if dims.contains(dim) { set.clone() } else { set.ranked(0..1) };
        let plane = Region::new(self.region.sets().iter().enumerate().map(along).collect());
        let mut reader = CellReader::new(self, context)?;
        reader.enter(&plane)?;
        let mut visit = |part: Region| {
            let mut cells = Cells::new(part);
            let values = exprs.iter().map(|expr| reader.evaluate(&mut cells, expr)).collect::<Result<Vec<_>>>()?;
            visit(values, cells.rows())
        };
        if plane.is_empty() {
            return visit(plane);
        }
        vectors(&plane, VECTOR_CELLS).try_for_each(visit)
    }
}

/// Whether an expression has functions that take longer than looking their values up.
fn takes_long(expr: &Expr) -> bool {
    let mut found = false;
    expr.walk(&mut |part| {
        if let Expr::Call { function: name, .. } = part {
            found |= function(name).is_some_and(|f| matches!(f.family, Family::Place | Family::Trigonometry));
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_functions_that_take_long_are_worth_it() {
        let column = Expr::Column(ColumnId(1), hyperslab_expr::SqlType::Double);
        let call = |name: &str| Expr::Call {
            function: name.to_string(),
            args: vec![column.clone(), column.clone()],
            ty: hyperslab_expr::SqlType::Double,
            at: None,
        };
        assert!(takes_long(&call("haversine")) && takes_long(&call("atan2")));
        assert!(!takes_long(&call("+")) && !takes_long(&column));
    }
}
