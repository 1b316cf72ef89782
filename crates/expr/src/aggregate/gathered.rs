//! Whole rows of any types kept for all groups, for aggregates that need them together: `list`, and `ORDER BY` in a call.
//!
//! Rows are kept in the arrays that they came in, with the group of each; they are put together group by group at the end.

use super::native::{held, lists};
use super::rows::{Mask, pairs};
use crate::{Error, Groups, Result, SqlType};
use arrow::array::{Array, ArrayRef, AsArray, UInt32Array, new_empty_array};
use arrow::compute::{concat, take};
use arrow::datatypes::DataType;

/// Rows and their groups in the order they came.
pub(super) struct Gathered {
    types: Vec<DataType>,
    /// For each column its values, in pieces.
    columns: Vec<Vec<ArrayRef>>,
    each: Vec<u32>,
    groups: usize,
    bytes: usize,
}

/// Rows in the order of their groups.
pub(super) struct ByGroup {
    /// The columns.
    pub(super) columns: Vec<ArrayRef>,
    /// How many rows each group has.
    pub(super) sizes: Vec<usize>,
}

impl Gathered {
    /// Rows of these types.
    pub(super) fn new(types: &[SqlType]) -> Self {
        let columns = types.iter().map(|_| Vec::new()).collect();
        let types = types.iter().map(SqlType::to_arrow).collect();
        Self { types, columns, each: Vec::new(), groups: 0, bytes: 0 }
    }

    /// Makes room for groups.
    pub(super) fn resize(&mut self, groups: usize) {
        self.groups = self.groups.max(groups);
    }

    /// Adds those rows of an update that count.
    pub(super) fn add(&mut self, groups: &Groups<'_>, args: &[ArrayRef], mask: Option<&Mask>) -> Result<()> {
        let rows = pairs(groups, mask);
        if rows.is_empty() {
            return Ok(());
        }
        // Copied also where all rows count: the arrays of a block are parts of larger ones, which are not to be kept.
        let places = UInt32Array::from_iter_values(rows.iter().map(|(_, row)| *row as u32));
        for (pieces, arg) in self.columns.iter_mut().zip(args) {
            let piece = take(arg, &places, None)?;
            self.bytes += piece.get_array_memory_size();
            pieces.push(piece);
        }
        self.each.extend(rows.iter().map(|(group, _)| *group as u32));
        Ok(())
    }

    /// The rows, which are then gone, in the order of their groups; those of a group in the order they came.
    pub(super) fn take(&mut self) -> Result<ByGroup> {
        let each = std::mem::take(&mut self.each);
        let mut sizes = vec![0; std::mem::take(&mut self.groups)];
        each.iter().for_each(|group| sizes[*group as usize] += 1);
        let order = UInt32Array::from(in_group_order(each, &sizes)?);
        let whole = |(pieces, ty): (&mut Vec<ArrayRef>, &DataType)| -> Result<ArrayRef> {
            let pieces = std::mem::take(pieces);
            let parts: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
            let joined = if parts.is_empty() { return Ok(new_empty_array(ty)) } else { concat(&parts)? };
            drop(pieces);
            Ok(take(&joined, &order, None)?)
        };
        let columns = self.columns.iter_mut().zip(&self.types).map(whole).collect::<Result<_>>()?;
        self.bytes = 0;
        Ok(ByGroup { columns, sizes })
    }

    /// The rows, which are then gone, as lists with one entry a group, one array a column.
    pub(super) fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let ByGroup { columns, sizes } = self.take()?;
        columns.into_iter().map(|column| lists(column, sizes.iter().copied())).collect()
    }

    /// Adds rows that [`Self::state`] gave, entry `i` to the group that `groups` says.
    pub(super) fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let offsets = state[0].as_list::<i64>().offsets();
        let mut each = Vec::new();
        groups.for_each(|at, group| each.resize(each.len() + (offsets[at + 1] - offsets[at]) as usize, group as u32));
        let rows = |column: &ArrayRef| column.as_list::<i64>().values().slice(offsets[0] as usize, each.len());
        let columns: Vec<ArrayRef> = state.iter().map(rows).collect();
        self.add(&Groups::Each(&each), &columns, None)
    }

    /// The bytes held, with those that putting the rows together takes.
    pub(super) fn memory(&self) -> usize {
        2 * (self.bytes + held(&self.each)) + self.columns.iter().map(held).sum::<usize>()
    }
}

/// The rows of groups of these sizes, those of the first group first; `each` says the group of each row.
fn in_group_order(each: Vec<u32>, sizes: &[usize]) -> Result<Vec<u32>> {
    let too_many = |_| Error::new("more than 4,294,967,295 rows are gathered at a time");
    let count = u32::try_from(each.len()).map_err(too_many)?;
    let first = |next: &mut u32, size: &usize| {
        let first = *next;
        *next += *size as u32;
        Some(first)
    };
    let mut places: Vec<u32> = sizes.iter().scan(0, first).collect();
    let mut order = vec![0; each.len()];
    for (row, group) in (0..count).zip(each) {
        let place = &mut places[group as usize];
        order[*place as usize] = row;
        *place += 1;
    }
    Ok(order)
}
