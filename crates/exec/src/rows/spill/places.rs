//! The places of rows in the order of an input, as a column that rows carry through files.

use crate::error::{Error, Result};
use crate::source::{Batch, SourceColumn};
use arrow::array::{AsArray, UInt64Array};
use arrow::datatypes::UInt64Type;
use hyperslab_expr::{ColumnId, Expr, SqlType};
use hyperslab_plan::SortKey;
use std::sync::Arc;

/// The bits of a place that number the rows of a partition.
const ROW_BITS: u32 = 40;

/// The column that holds the places of the rows of an input, by number of the input. No query numbers its columns this high.
pub(crate) fn column(input: u32) -> SourceColumn {
    SourceColumn { id: ColumnId(u32::MAX - input), ty: SqlType::UBigInt }
}

/// The order of places; rows of no place come last.
pub(crate) fn order(input: u32) -> SortKey {
    let column = column(input);
    SortKey { expr: Expr::Column(column.id, column.ty), descending: false, nulls_first: false }
}

/// The place of a row of a partition.
///
/// # Errors
/// If there are too many of either to be numbered.
pub(crate) fn place(partition: usize, row: usize) -> Result<u64> {
    if partition as u64 >= 1 << (u64::BITS - ROW_BITS) || row as u64 >= 1 << ROW_BITS {
        return Err(Error::internal("more rows than temporary files can tell apart"));
    }
    Ok((partition as u64) << ROW_BITS | row as u64)
}

/// The partition of a place.
pub(crate) fn partition(place: u64) -> u64 {
    place >> ROW_BITS
}

/// A batch with the places of its rows as its last column.
pub(crate) fn with(mut batch: Batch, places: impl Iterator<Item = u64>) -> Batch {
    batch.columns.push(Arc::new(UInt64Array::from_iter_values(places)));
    batch
}

/// The places in the last column of a batch.
pub(crate) fn of(batch: &Batch) -> &UInt64Array {
    batch.columns.last().expect("a column of places").as_primitive::<UInt64Type>()
}
