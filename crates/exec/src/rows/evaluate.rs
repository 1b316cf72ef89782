//! Evaluates expressions over batches, and keeps the rows that a condition selects.

use crate::error::Result;
use crate::source::{Batch, SourceColumn};
use arrow::array::{ArrayRef, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::FilterBuilder;
use hyperslab_expr::eval::{self, Columns};
use hyperslab_expr::{ColumnId, Expr};

/// The values of an expression for the rows of a batch with these columns.
///
/// # Errors
/// If a value cannot be computed.
pub fn evaluate(expr: &Expr, columns: &[SourceColumn], batch: &Batch) -> Result<ArrayRef> {
    let ids = ids(columns);
    Ok(eval::evaluate(expr, &Columns::new(&ids, &batch.columns), batch.rows)?)
}

/// The rows of a batch for which a condition is true.
///
/// # Errors
/// If a value cannot be computed.
pub fn evaluate_mask(expr: &Expr, columns: &[SourceColumn], batch: &Batch) -> Result<BooleanBuffer> {
    let ids = ids(columns);
    Ok(eval::evaluate_mask(expr, &Columns::new(&ids, &batch.columns), batch.rows)?)
}

fn ids(columns: &[SourceColumn]) -> Vec<ColumnId> {
    columns.iter().map(|column| column.id).collect()
}

/// The rows of a batch whose bit is set.
///
/// # Errors
/// If Arrow cannot filter one of the columns.
pub fn keep(batch: &Batch, mask: &BooleanBuffer) -> Result<Batch> {
    let rows = mask.count_set_bits();
    if rows == batch.rows {
        return Ok(batch.clone());
    }
    let builder = FilterBuilder::new(&BooleanArray::new(mask.clone(), None));
    let filter = if batch.columns.len() > 1 { builder.optimize().build() } else { builder.build() };
    let columns = batch.columns.iter().map(|column| filter.filter(column)).collect::<Result<_, _>>()?;
    Ok(Batch { columns, rows })
}

/// The numbers whose bit is set.
pub(crate) fn keep_numbers(numbers: &[u32], mask: &BooleanBuffer) -> Vec<u32> {
    mask.set_indices().map(|row| numbers[row]).collect()
}
