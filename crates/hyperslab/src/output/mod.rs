//! Results as text, CSV and JSON, exact and in parallel, or as Parquet; and single cells for tables that people read.
//!
//! Rows are formatted in pieces on several threads and written in order, never all of them held. Knows nothing of files:
//! the caller says where the bytes go, and makes sure that they arrive whole.
//!
//! How a value is written: numbers so that reading them back gives the same bits, in the fewest digits; instants as
//! `YYYY-MM-DD hh:mm:ss[.ffffff]` in their own calendar; DECIMAL and HUGEINT with all digits; bytes as text with
//! `\xHH` for what is no printable ASCII.

mod cells;
mod csv;
mod json;
mod moments;
mod numbers;
mod ordered;
mod parquet;
#[cfg(test)]
mod samples;

pub use csv::{CsvLayout, write_csv, write_csv_as};
pub use json::{JsonLayout, write_json};
pub use parquet::{ParquetLayout, write_parquet};

use crate::{Error, Result};
use arrow::record_batch::RecordBatch;
use cells::{Column, Style};
use hyperslab_expr::SqlType;

/// The SQL types of a result's columns.
///
/// # Errors
/// If an Arrow type holds no SQL type, which no result does.
pub fn column_types(schema: &arrow::datatypes::Schema) -> Result<Vec<SqlType>> {
    let ty = |field: &std::sync::Arc<arrow::datatypes::Field>| SqlType::from_field(field);
    schema
        .fields()
        .iter()
        .map(ty)
        .collect::<Result<_, _>>()
        .map_err(|e| Error::new(crate::ErrorKind::Internal, e.message))
}

/// The cells of a batch as short texts for people: FLOAT with up to 7, DOUBLE with up to 10 significant digits.
pub struct CellTexts<'a> {
    columns: Vec<Column<'a>>,
}

impl<'a> CellTexts<'a> {
    /// The cells of `batch`.
    ///
    /// # Errors
    /// If an Arrow type holds no SQL type, which no result does.
    pub fn new(batch: &'a RecordBatch) -> Result<Self> {
        Ok(Self { columns: columns_of(batch)? })
    }

    /// The text of a cell; `None` for NULL.
    pub fn text(&mut self, row: usize, column: usize) -> Option<String> {
        let column = &mut self.columns[column];
        if column.is_null(row) {
            return None;
        }
        let mut text = Vec::new();
        column.write(row, Style::Short, &mut text);
        Some(String::from_utf8_lossy(&text).into_owned())
    }
}

fn columns_of(batch: &RecordBatch) -> Result<Vec<Column<'_>>> {
    let types = column_types(batch.schema_ref())?;
    batch.columns().iter().zip(&types).map(|(array, ty)| Column::new(array.as_ref(), ty)).collect()
}
