//! Rows of constant expressions.

use super::evaluate::evaluate;
use super::stored::StoredRows;
use crate::error::Result;
use crate::source::{Batch, Source};
use arrow::array::{Array, ArrayRef, new_empty_array};
use arrow::compute::concat;
use hyperslab_expr::Expr;
use hyperslab_plan::Column;

/// The rows, evaluated.
///
/// # Errors
/// If an expression fails.
pub fn values(columns: &[Column], rows: &[Vec<Expr>]) -> Result<Box<dyn Source>> {
    let nothing = Batch { columns: Vec::new(), rows: 1 };
    let column = |at: usize| -> Result<ArrayRef> {
        let cells = rows.iter().map(|row| evaluate(&row[at], &[], &nothing)).collect::<Result<Vec<_>>>()?;
        let cells: Vec<&dyn Array> = cells.iter().map(AsRef::as_ref).collect();
        if cells.is_empty() { Ok(new_empty_array(&columns[at].ty.to_arrow())) } else { Ok(concat(&cells)?) }
    };
    let arrays = (0..columns.len()).map(column).collect::<Result<_>>()?;
    let all = Batch { columns: arrays, rows: rows.len() };
    Ok(Box::new(StoredRows::cut(columns.iter().map(Into::into).collect(), &all, Vec::new())))
}
