//! Numbers for keys: the distinct values that axes have, combined row-major. Rows with other values have no number; no cell asks
//! for them.

use crate::error::{Error, Result};
use crate::grid::program::Label;
use crate::rows::key_table::{ABSENT, KeyTable};
use arrow::array::{Array, ArrayRef, UInt32Array, new_null_array};
use arrow::compute::{concat, take};
use arrow::datatypes::DataType;
use hyperslab_grid::Region;
use std::collections::BTreeMap;

/// The numbers of the combinations of values along some dimensions.
pub(in crate::grid) struct Numbering {
    /// What numbers lie on each dimension, in the order of the grid.
    pub(in crate::grid) axes: Vec<NumberedAxis>,
    /// How many numbers there are.
    pub(in crate::grid) count: u64,
}

/// The part of a key that lies on one dimension of the grid.
pub(in crate::grid) struct NumberedAxis {
    pub(in crate::grid) dim: usize,
    /// The pairs of the key, of which these are values on this dimension.
    pairs: Vec<usize>,
    types: Vec<DataType>,
    values: KeyTable,
    /// For each position the number of its values; [`ABSENT`] if one is NULL, or the position is not selected.
    codes: Vec<u32>,
    /// How far the numbers of neighbours lie apart.
    stride: u64,
}

/// The numbers of rows.
pub(in crate::grid) struct Numbered {
    /// For each axis what the values of each row are numbered there; [`ABSENT`] where no position has them.
    codes: Vec<Vec<u32>>,
    /// For each row its number, if all axes have its values.
    pub(in crate::grid) numbers: Vec<Option<u64>>,
}

#[cfg(test)]
impl Numbered {
    /// Rows with these numbers.
    pub(super) fn of(numbers: Vec<Option<u64>>) -> Self {
        Self { codes: Vec::new(), numbers }
    }
}

impl Numbering {
    /// Numbers the values of labels at the selected positions of a grid of this shape.
    ///
    /// # Errors
    /// If there are too many combinations.
    pub(in crate::grid) fn new(region: &Region, shape: &[usize], labels: &[Label]) -> Result<Self> {
        let (mut axes, mut count) = (Vec::new(), 1_u64);
        for (dim, pairs) in by_dimension(labels)?.into_iter().rev() {
            let selected: UInt32Array = region.sets()[dim].iter().map(|at| at as u32).collect::<Vec<_>>().into();
            let of_pair = |pair: &usize| Ok(take(&labels[*pair].values, &selected, None)?);
            let on_axis = pairs.iter().map(of_pair).collect::<Result<Vec<ArrayRef>>>()?;
            let types: Vec<_> = on_axis.iter().map(|values| values.data_type().clone()).collect();
            let mut values = KeyTable::new(&types)?;
            let (numbers, _) = values.number(&on_axis, selected.len())?;
            let mut codes = vec![ABSENT; shape[dim]];
            for (rank, (at, code)) in selected.values().iter().zip(numbers).enumerate() {
                if has_value(&on_axis, rank) {
                    codes[*at as usize] = code;
                }
            }
            let next = count.checked_mul(values.len().max(1) as u64).filter(|count| *count < u64::MAX);
            axes.push(NumberedAxis { dim, pairs, types, values, codes, stride: count });
            count = next.ok_or_else(too_many)?;
        }
        axes.reverse();
        Ok(Self { axes, count })
    }

    /// The numbers of rows, of whose key `key` gives each pair.
    ///
    /// # Errors
    /// Those of `key`.
    pub(in crate::grid) fn number(&self, rows: usize, key: impl Fn(usize) -> Result<ArrayRef>) -> Result<Numbered> {
        let mut numbered = Numbered { codes: Vec::new(), numbers: vec![Some(0); rows] };
        for axis in &self.axes {
            let values = axis.pairs.iter().map(|pair| key(*pair)).collect::<Result<Vec<_>>>()?;
            let mut codes = axis.values.find(&values, rows)?;
            if values.iter().any(|values| values.null_count() > 0) {
                (0..rows).filter(|row| !has_value(&values, *row)).for_each(|row| codes[row] = ABSENT);
            }
            for (number, code) in numbered.numbers.iter_mut().zip(&codes) {
                let code = Some(*code).filter(|code| *code != ABSENT);
                *number = number.zip(code).map(|(number, code)| number + u64::from(code) * axis.stride);
            }
            numbered.codes.push(codes);
        }
        Ok(numbered)
    }

    /// What each position of each dimension adds to a number.
    pub(in crate::grid) fn adds(&self) -> Vec<(usize, Vec<Option<u64>>)> {
        let adds = |axis: &NumberedAxis| {
            let add = |code: &u32| (*code != ABSENT).then(|| u64::from(*code) * axis.stride);
            (axis.dim, axis.codes.iter().map(add).collect())
        };
        self.axes.iter().map(adds).collect()
    }
}

/// Which values of axes rows were met with, and in what spelling: 0.0 and -0.0 are one value.
pub(super) struct MetValues {
    /// For each axis.
    axes: Vec<MetOnAxis>,
}

struct MetOnAxis {
    pairs: Vec<usize>,
    /// For each number on the axis where in `first` the values of the first row with it are.
    of_code: Vec<Option<u32>>,
    unmet: usize,
    /// For each pair the values of first rows.
    first: Vec<Vec<ArrayRef>>,
    met: u32,
}

impl MetValues {
    pub(super) fn new(numbering: &Numbering) -> Self {
        let none = |axis: &NumberedAxis| {
            let count = axis.values.len();
            let first = vec![Vec::new(); axis.pairs.len()];
            MetOnAxis { pairs: axis.pairs.clone(), of_code: vec![None; count], unmet: count, first, met: 0 }
        };
        Self { axes: numbering.axes.iter().map(none).collect() }
    }

    /// Adds rows with their numbers.
    pub(super) fn add(&mut self, rows: &Numbered, keys: &[ArrayRef]) -> Result<()> {
        for (axis, codes) in self.axes.iter_mut().zip(&rows.codes).filter(|(axis, _)| axis.unmet > 0) {
            axis.add(codes, &rows.numbers, keys)?;
        }
        Ok(())
    }

    /// Forgets in a numbering what no row was met with. For each pair of the key the values of rows along its dimension.
    pub(super) fn keep_met(self, numbering: &mut Numbering) -> Result<Vec<(usize, ArrayRef)>> {
        let mut keys = Vec::new();
        for (met, axis) in self.axes.into_iter().zip(&mut numbering.axes) {
            let of_code = |code: u32| met.of_code.get(code as usize).copied().flatten();
            let first: UInt32Array = axis.codes.iter().map(|code| of_code(*code)).collect();
            axis.codes.iter_mut().filter(|code| of_code(**code).is_none()).for_each(|code| *code = ABSENT);
            for ((pair, values), ty) in met.pairs.into_iter().zip(met.first).zip(&axis.types) {
                let values: Vec<&dyn Array> = values.iter().map(AsRef::as_ref).collect();
                keys.push(match values.as_slice() {
                    [] => (pair, new_null_array(ty, first.len())),
                    values => (pair, take(&concat(values)?, &first, None)?),
                });
            }
        }
        Ok(keys)
    }
}

impl MetOnAxis {
    fn add(&mut self, codes: &[u32], numbers: &[Option<u64>], keys: &[ArrayRef]) -> Result<()> {
        let mut new = Vec::new();
        for (row, code) in codes.iter().enumerate().filter(|(row, _)| numbers[*row].is_some()) {
            let of_code = &mut self.of_code[*code as usize];
            if of_code.is_none() {
                *of_code = Some(self.met);
                self.met += 1;
                self.unmet -= 1;
                new.push(row as u32);
            }
        }
        if !new.is_empty() {
            let new = UInt32Array::from(new);
            for (pair, first) in self.pairs.iter().zip(&mut self.first) {
                first.push(take(&keys[*pair], &new, None)?);
            }
        }
        Ok(())
    }
}

fn has_value(arrays: &[ArrayRef], at: usize) -> bool {
    arrays.iter().all(|array| array.is_valid(at))
}

/// The pairs of a key by the dimension that they lie on.
fn by_dimension(labels: &[Label]) -> Result<BTreeMap<usize, Vec<usize>>> {
    let mut pairs: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (pair, label) in labels.iter().enumerate() {
        let dim = label.dim.ok_or_else(|| Error::internal("a key that cells look up lies on no axis"))?;
        pairs.entry(dim).or_default().push(pair);
    }
    Ok(pairs)
}

pub(in crate::grid) fn too_many() -> Error {
    Error::internal("there are more combinations of keys than can be numbered")
}
