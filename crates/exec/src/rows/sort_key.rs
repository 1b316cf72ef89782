//! Sort keys as bytes that compare as the keys do, and rows in their order. Ties go to the earlier row.

use super::evaluate::evaluate;
use crate::error::Result;
use crate::source::{Batch, SourceColumn};
use arrow::array::{Array, ArrayRef, Scalar};
use arrow::buffer::BooleanBuffer;
use arrow::compute::SortOptions;
use arrow::compute::kernels::cmp;
use arrow::datatypes::DataType;
use arrow::row::{Row, RowConverter, Rows, SortField};
use hyperslab_expr::key_form::{key_form, key_type};
use hyperslab_plan::SortKey;
use std::cmp::Ordering;

/// How rows are compared.
pub(crate) struct SortOrder<'a> {
    keys: &'a [SortKey],
    columns: &'a [SourceColumn],
    converter: RowConverter,
}

impl<'a> SortOrder<'a> {
    /// The order by `keys` of rows with these columns.
    pub(crate) fn new(keys: &'a [SortKey], columns: &'a [SourceColumn]) -> Result<Self> {
        let field = |key: &SortKey| {
            let options = SortOptions { descending: key.descending, nulls_first: key.nulls_first };
            Ok(SortField::new_with_options(key_type(&key.expr.sql_type().to_arrow())?, options))
        };
        let fields = keys.iter().map(field).collect::<Result<_>>()?;
        Ok(Self { keys, columns, converter: RowConverter::new(fields)? })
    }

    /// The columns of the rows.
    pub(crate) fn columns(&self) -> &[SourceColumn] {
        self.columns
    }

    /// The first key of the rows of a batch.
    pub(crate) fn first_of(&self, batch: &Batch) -> Result<ArrayRef> {
        Ok(key_form(&evaluate(&self.keys[0].expr, self.columns, batch)?)?)
    }

    /// The rows whose first key does not come after a value of it, as far as that can be told fast: NULL and the value NULL come
    /// anywhere. None if it cannot be told of such keys.
    pub(crate) fn not_after(&self, batch: &Batch, value: &ArrayRef) -> Result<Option<BooleanBuffer>> {
        if !value.data_type().is_primitive() || value.is_null(0) || matches!(value.data_type(), DataType::Interval(_)) {
            return Ok(None);
        }
        let (first, value) = (self.first_of(batch)?, Scalar::new(value.clone()));
        let is_after = if self.keys[0].descending { cmp::lt(&first, &value)? } else { cmp::gt(&first, &value)? };
        let (values, nulls) = is_after.into_parts();
        Ok(Some(match nulls {
            None => !&values,
            Some(valid) => !&(&values & valid.inner()),
        }))
    }

    /// The keys of the rows of a batch.
    pub(crate) fn keys_of(&self, batch: &Batch) -> Result<Rows> {
        let key = |key: &SortKey| evaluate(&key.expr, self.columns, batch);
        self.keys_of_values(&self.keys.iter().map(key).collect::<Result<Vec<_>>>()?)
    }

    /// The keys that such values are.
    pub(crate) fn keys_of_values(&self, values: &[ArrayRef]) -> Result<Rows> {
        let keys = values.iter().map(key_form).collect::<Result<Vec<_>, _>>()?;
        Ok(self.converter.convert_columns(&keys)?)
    }

    /// No keys yet, with room for some.
    pub(crate) fn no_keys(&self, rows: usize) -> Rows {
        self.converter.empty_rows(rows, 0)
    }
}

/// A row to be sorted: the start of its key, and where it is. Places grow in the order of the input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    prefix: u64,
    /// The batch.
    pub(crate) batch: u32,
    /// The row in it.
    pub(crate) row: u32,
}

impl Entry {
    /// The entries of all rows of a batch.
    pub(crate) fn of(batch: u32, keys: &Rows) -> impl Iterator<Item = Self> {
        keys.iter().enumerate().map(move |(row, key)| Self { prefix: prefix(key), batch, row: row as u32 })
    }

    /// Where the row is.
    pub(crate) fn place(&self) -> (u32, u32) {
        (self.batch, self.row)
    }

    /// Where the row is, as rows are picked.
    pub(crate) fn batch_and_row(&self) -> (usize, usize) {
        (self.batch as usize, self.row as usize)
    }

    /// Its key.
    pub(crate) fn key<'a>(&self, keys: &'a [Rows]) -> Row<'a> {
        keys[self.batch as usize].row(self.row as usize)
    }

    /// Compares by key, then by place. No two entries are equal.
    pub(crate) fn compare(&self, other: &Self, keys: &[Rows]) -> Ordering {
        let by_key = || self.key(keys).cmp(&other.key(keys));
        self.prefix.cmp(&other.prefix).then_with(by_key).then_with(|| self.place().cmp(&other.place()))
    }
}

/// The first bytes of a key as a number: compares as the key does, as far as it goes.
fn prefix(key: Row<'_>) -> u64 {
    let mut first = [0; 8];
    let bytes = key.data();
    let len = bytes.len().min(8);
    first[..len].copy_from_slice(&bytes[..len]);
    u64::from_be_bytes(first)
}
