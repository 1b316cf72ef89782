//! One kept value a group, of any type, replaced from time to time. Knows no reason for keeping one.

use super::native::{Native, array_where, by_native, held, values};
use crate::{Result, SqlType};
use arrow::array::{Array, ArrayRef, new_null_array};
use arrow::compute::SortOptions;
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};

/// A group, and the row of an update whose value it is to keep.
pub(super) type Winner = (u32, u32);

/// The kept values of all groups; NULL at first.
pub(super) trait Kept: Send {
    /// Makes room for groups.
    fn resize(&mut self, groups: usize);

    /// Keeps the values of these rows; of several for one group the last.
    fn keep(&mut self, from: &ArrayRef, winners: &[Winner]) -> Result<()>;

    /// The values of all groups, which are then gone.
    fn take(&mut self) -> Result<ArrayRef>;

    /// The bytes held.
    fn memory(&self) -> usize;
}

/// Keeps values of a type.
pub(super) fn kept(ty: &SqlType) -> Result<Box<dyn Kept>> {
    let arrow = ty.to_arrow();
    Ok(by_native!(ty, N => Box::new(KeptNatives::<N> { ty: arrow, values: Vec::new(), valid: Vec::new() }), else {
        Box::new(KeptRows { encoding: Encoding::new(std::slice::from_ref(ty))?, ty: arrow, rows: Vec::new(), bytes: 0 })
    }))
}

struct KeptNatives<N> {
    ty: DataType,
    values: Vec<N>,
    valid: Vec<bool>,
}

impl<N: Native> Kept for KeptNatives<N> {
    fn resize(&mut self, groups: usize) {
        self.values.resize(groups, N::default());
        self.valid.resize(groups, false);
    }

    fn keep(&mut self, from: &ArrayRef, winners: &[Winner]) -> Result<()> {
        let values = values::<N>(from);
        for (group, row) in winners {
            self.values[*group as usize] = values[*row as usize];
            self.valid[*group as usize] = from.is_valid(*row as usize);
        }
        Ok(())
    }

    fn take(&mut self) -> Result<ArrayRef> {
        let valid = std::mem::take(&mut self.valid);
        array_where(&self.ty, std::mem::take(&mut self.values), &valid)
    }

    fn memory(&self) -> usize {
        held(&self.values) + held(&self.valid)
    }
}

struct KeptRows {
    encoding: Encoding,
    ty: DataType,
    rows: Vec<Option<Box<[u8]>>>,
    bytes: usize,
}

impl Kept for KeptRows {
    fn resize(&mut self, groups: usize) {
        self.rows.resize(groups, None);
    }

    fn keep(&mut self, from: &ArrayRef, winners: &[Winner]) -> Result<()> {
        if winners.is_empty() {
            return Ok(());
        }
        let encoded = self.encoding.encode(std::slice::from_ref(from))?;
        for (group, row) in winners {
            let bytes = &encoded[*row as usize];
            let before = self.rows[*group as usize].replace(bytes.clone());
            self.bytes += bytes.len();
            self.bytes -= before.map_or(0, |before| before.len());
        }
        Ok(())
    }

    fn take(&mut self) -> Result<ArrayRef> {
        let null = self.encoding.encode(&[new_null_array(&self.ty, 1)])?;
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let all: Vec<&[u8]> = rows.iter().map(|row| row.as_deref().unwrap_or(&null[0])).collect();
        Ok(self.encoding.decode(&all)?.swap_remove(0))
    }

    fn memory(&self) -> usize {
        held(&self.rows) + self.bytes
    }
}

/// Turns rows of arrays into bytes that compare as the values do, NULL being the greatest, and back.
pub(super) struct Encoding(RowConverter);

impl Encoding {
    /// For arrays of these types.
    ///
    /// # Errors
    /// If a type has no order.
    pub(super) fn new(types: &[SqlType]) -> Result<Self> {
        let order = SortOptions { descending: false, nulls_first: false };
        let fields = types.iter().map(|ty| SortField::new_with_options(ty.to_arrow(), order)).collect();
        Ok(Self(RowConverter::new(fields)?))
    }

    /// The rows of arrays.
    pub(super) fn encode(&self, arrays: &[ArrayRef]) -> Result<Vec<Box<[u8]>>> {
        Ok(self.0.convert_columns(arrays)?.iter().map(|row| row.as_ref().into()).collect())
    }

    /// The arrays of rows.
    pub(super) fn decode(&self, rows: &[&[u8]]) -> Result<Vec<ArrayRef>> {
        let parser = self.0.parser();
        Ok(self.0.convert_rows(rows.iter().map(|row| parser.parse(row)))?)
    }
}
