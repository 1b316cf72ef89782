//! The groups of a dense aggregate: for each dimension with keys, the distinct tuples of those keys along the axis.

use super::program::Program;
use crate::error::Result;
use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::take;
use arrow::row::{RowConverter, SortField};
use hyperslab_expr::key_form::key_form;
use hyperslab_expr::{ColumnId, Expr};
use hyperslab_grid::{Bins, IndexSet};
use hyperslab_plan::Column;

/// The group number of an unselected position.
const NOWHERE: u32 = u32::MAX;

/// How one dimension with keys is grouped.
pub(super) struct KeyAxis {
    /// The dimension of the grid.
    pub(super) dim: usize,
    /// For each position of the dimension the number of its group; unselected positions have none.
    pub(super) group_of: Vec<u32>,
    /// How many groups there are.
    pub(super) groups: usize,
    /// Whether each selected position is a group of its own, in order.
    pub(super) one_each: bool,
    /// The keys on this dimension: one value a group.
    pub(super) keys: Vec<(ColumnId, ArrayRef)>,
}

/// The keys of a dense aggregate.
pub(super) struct KeyAxes {
    /// The dimensions that have keys, in the order of the grid.
    pub(super) axes: Vec<KeyAxis>,
    /// Keys that are the same for all cells: one value each.
    pub(super) constants: Vec<(ColumnId, ArrayRef)>,
}

impl KeyAxes {
    /// Numbers the groups of the selected cells of a program.
    pub(super) fn new(program: &Program, keys: &[(Column, Expr)]) -> Result<Self> {
        let labels = keys.iter().map(|(column, key)| Ok((column.id, program.label_of(key)?)));
        let labels = labels.collect::<Result<Vec<_>>>()?;
        let constants = labels.iter().filter(|(_, label)| label.dim.is_none());
        let constants = constants.map(|(id, label)| (*id, label.values.clone())).collect();
        let mut axes = Vec::new();
        for dim in 0..program.rank() {
            let on_dim = labels.iter().filter(|(_, label)| label.dim == Some(dim));
            let on_dim: Vec<_> = on_dim.map(|(id, label)| (*id, label.values.clone())).collect();
            if !on_dim.is_empty() {
                axes.push(KeyAxis::new(dim, &program.region.sets()[dim], program.shape[dim], on_dim)?);
            }
        }
        Ok(Self { axes, constants })
    }
}

impl KeyAxis {
    fn new(dim: usize, selected: &IndexSet, len: usize, keys: Vec<(ColumnId, ArrayRef)>) -> Result<Self> {
        let positions: Vec<u32> = selected.iter().map(|at| at as u32).collect();
        let positions = UInt32Array::from(positions);
        let arrays = keys.iter().map(|(_, all)| Ok(take(all, &positions, None)?)).collect::<Result<Vec<_>>>()?;
        let bins = bins_of(&arrays, positions.len())?;
        let mut group_of = vec![NOWHERE; len];
        for (at, bin) in positions.values().iter().zip(bins.of()) {
            group_of[*at as usize] = *bin;
        }
        let first: UInt32Array = bins.first_positions().iter().map(|rank| *rank as u32).collect::<Vec<_>>().into();
        let values = arrays.iter().map(|array| Ok(take(array, &first, None)?)).collect::<Result<Vec<_>>>()?;
        let keys = keys.iter().map(|(id, _)| *id).zip(values).collect();
        Ok(Self { dim, group_of, groups: bins.count(), one_each: bins.is_identity(), keys })
    }
}

/// For each place the number of its tuple of values: the same for equal ones, by first appearance.
pub(super) fn numbers(arrays: &[ArrayRef], len: usize) -> Result<Vec<u32>> {
    Ok(bins_of(arrays, len)?.of().to_vec())
}

/// Tuples that are equal as keys share a bin; NULL equals NULL.
fn bins_of(arrays: &[ArrayRef], len: usize) -> Result<Bins> {
    let arrays: Vec<ArrayRef> = arrays.iter().map(key_form).collect::<Result<_, _>>()?;
    let fields = arrays.iter().map(|array| SortField::new(array.data_type().clone())).collect();
    let rows = RowConverter::new(fields)?.convert_columns(&arrays)?;
    debug_assert_eq!(rows.num_rows(), len);
    Ok(Bins::by_key(rows.iter().map(|row| row.data().to_vec())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Float64Array, Int64Array};
    use std::sync::Arc;

    fn axis(keys: Vec<ArrayRef>, selected: IndexSet) -> KeyAxis {
        let len = keys[0].len();
        let keys = keys.into_iter().enumerate().map(|(i, key)| (ColumnId(i as u32), key)).collect();
        KeyAxis::new(0, &selected, len, keys).unwrap()
    }

    #[test]
    fn groups_are_numbered_by_first_appearance_among_selected_positions() {
        let months: ArrayRef = Arc::new(Int64Array::from(vec![5, 6, 7, 6, 5]));
        let axis = axis(vec![months], IndexSet::range(1..5));
        assert_eq!((axis.group_of, axis.groups, axis.one_each), (vec![NOWHERE, 0, 1, 0, 2], 3, false));
        assert_eq!(axis.keys[0].1.as_primitive::<arrow::datatypes::Int64Type>().values(), &[6, 7, 5]);
    }

    #[test]
    fn zeros_of_both_signs_nans_and_nulls_are_one_group_each() {
        let labels: ArrayRef =
            Arc::new(Float64Array::from(vec![Some(0.0), Some(-0.0), None, Some(f64::NAN), Some(-f64::NAN), None]));
        assert_eq!(axis(vec![labels], IndexSet::all(6)).group_of, [0, 0, 1, 2, 2, 1]);
    }

    #[test]
    fn keys_of_one_dimension_are_numbered_together() {
        let year: ArrayRef = Arc::new(Int64Array::from(vec![2000, 2000, 2001, 2001]));
        let month: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 1, 1]));
        let axis = axis(vec![year, month], IndexSet::all(4));
        assert_eq!((axis.group_of, axis.groups), (vec![0, 1, 2, 2], 3));
    }
}
