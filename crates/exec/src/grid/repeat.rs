//! A label's values for each cell of a vector. Each is repeated over the inner dimensions: filling is cheaper than
//! gathering by position.

use crate::error::Result;
use arrow::array::{Array, ArrayData, ArrayRef, Int64Array, UInt32Array, make_array};
use arrow::buffer::{Buffer, ScalarBuffer};
use arrow::compute::take;
use arrow::datatypes::ArrowNativeType;
use hyperslab_grid::{IndexSet, Region};
use std::sync::Arc;

/// The values of a label for each cell of a region: along one of its dimensions, or one value for all.
pub(super) fn along(values: &ArrayRef, region: &Region, dim: Option<usize>) -> Result<ArrayRef> {
    let whole = IndexSet::all(1);
    let (set, inner) = match dim {
        Some(dim) => (&region.sets()[dim], cells_within(region, dim)),
        None => (&whole, region.cells()),
    };
    repeated(values, set, inner, region.cells())
}

/// How many cells a position of a dimension has along those inside of it.
pub(super) fn cells_within(region: &Region, dim: usize) -> usize {
    region.sets()[dim + 1..].iter().map(IndexSet::len).product()
}

/// The values at the positions of a set, each repeated `inner` times, and all of that again until there are `rows`.
pub(super) fn repeated(values: &ArrayRef, set: &IndexSet, inner: usize, rows: usize) -> Result<ArrayRef> {
    match values.data_type().primitive_width() {
        Some(4) if values.null_count() == 0 => filled::<u32>(values, set, inner, rows),
        Some(8) if values.null_count() == 0 => filled::<u64>(values, set, inner, rows),
        _ => {
            let positions = UInt32Array::from(each(set, inner, rows, |at| at as u32));
            Ok(take(values, &positions, None)?)
        }
    }
}

/// The positions of a set themselves, each repeated `inner` times, and all of that again until there are `rows`.
pub(super) fn repeated_positions(set: &IndexSet, inner: usize, rows: usize) -> ArrayRef {
    Arc::new(Int64Array::from(each(set, inner, rows, |at| at as i64)))
}

/// Values of the width of `N`, none of them NULL, repeated likewise.
fn filled<N: ArrowNativeType>(values: &ArrayRef, set: &IndexSet, inner: usize, rows: usize) -> Result<ArrayRef> {
    let parts = values.to_data();
    let native: ScalarBuffer<N> = ScalarBuffer::new(parts.buffers()[0].clone(), parts.offset(), parts.len());
    let buffer = Buffer::from_vec(each(set, inner, rows, |at| native[at]));
    let data = ArrayData::builder(values.data_type().clone()).len(rows).add_buffer(buffer).build()?;
    Ok(make_array(data))
}

fn each<T: Copy>(set: &IndexSet, inner: usize, rows: usize, value: impl Fn(usize) -> T) -> Vec<T> {
    let mut out = Vec::with_capacity(rows);
    match inner {
        1 => set.runs().iter().for_each(|run| out.extend(run.clone().map(&value))),
        _ => set.iter().for_each(|at| out.extend(std::iter::repeat_n(value(at), inner))),
    }
    let once = out.len();
    while once > 0 && out.len() < rows {
        out.extend_from_within(..once);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Float32Array, StringArray, TimestampMicrosecondArray};
    use arrow::datatypes::{Float32Type, TimestampMicrosecondType};

    fn set() -> IndexSet {
        IndexSet::from_ascending([0, 2, 3])
    }

    #[test]
    fn values_are_repeated_over_inner_and_outer_dimensions() {
        let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![10, 11, 12, 13]));
        let out = repeated(&times, &set(), 2, 12).unwrap();
        let expected = [10, 10, 12, 12, 13, 13, 10, 10, 12, 12, 13, 13];
        assert_eq!(out.as_primitive::<TimestampMicrosecondType>().values(), &expected);
        let numbers: ArrayRef = Arc::new(Float32Array::from(vec![9.0, 0.5, 1.0, 2.0, 3.0]).slice(1, 4));
        let out = repeated(&numbers, &set(), 1, 6).unwrap();
        assert_eq!(out.as_primitive::<Float32Type>().values(), &[0.5, 2.0, 3.0, 0.5, 2.0, 3.0]);
    }

    #[test]
    fn positions_are_repeated_like_values() {
        let values: ArrayRef = Arc::new(Int64Array::from_iter_values(0..4));
        for (inner, rows) in [(1, 3), (1, 6), (2, 12)] {
            assert_eq!(&repeated_positions(&set(), inner, rows), &repeated(&values, &set(), inner, rows).unwrap());
        }
    }

    #[test]
    fn nulls_and_texts_are_repeated_too() {
        let numbers: ArrayRef = Arc::new(Float32Array::from(vec![Some(0.5), None, None, Some(3.0)]));
        let out = repeated(&numbers, &set(), 2, 6).unwrap();
        let expected = [Some(0.5), Some(0.5), None, None, Some(3.0), Some(3.0)];
        assert_eq!(out.as_primitive::<Float32Type>().iter().collect::<Vec<_>>(), expected);
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c", "d"]));
        let out = repeated(&texts, &set(), 1, 3).unwrap();
        assert_eq!(out.as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["a", "c", "d"]);
    }
}
