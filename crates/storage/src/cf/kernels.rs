//! The hot loops: contiguous stored cells to an Arrow array with nulls.
//!
//! Each loop does one thing to a short stretch of cells without branches, so that it becomes vector code: compare into bytes, pack bytes into bits, convert. A stretch without missing cells costs one compare and one conversion a cell.

use super::cells::Cell;
use arrow::array::PrimitiveArray;
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowPrimitiveType, Int64Type};
use hyperslab_grid::bits;

/// Cells handled at a time: their flags fit the first-level cache.
const STRETCH: usize = 1024;

/// Which cells of a stored type are missing. NaN always is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Mask<T> {
    /// Exact values; none of them is NaN.
    pub(crate) missing: Vec<T>,
    /// The lowest and the highest valid value, if that is a limit.
    pub(crate) valid: Option<(T, T)>,
}

impl<T: Cell> Mask<T> {
    /// Whether the mask can leave out a cell.
    pub(crate) fn may_miss(&self) -> bool {
        T::HAS_NAN || !self.missing.is_empty() || self.valid.is_some()
    }

    /// Decodes cells, each present one by `convert`; what is missing is NULL, with a zero in its slot.
    pub(crate) fn decode<O: ArrowPrimitiveType>(
        &self,
        cells: &[T],
        convert: impl Fn(T) -> O::Native,
    ) -> PrimitiveArray<O> {
        let mut values: Vec<O::Native> = Vec::with_capacity(cells.len());
        if !self.may_miss() {
            values.extend(cells.iter().map(|cell| convert(*cell)));
            return PrimitiveArray::new(ScalarBuffer::from(values), None);
        }
        let mut words: Vec<u64> = Vec::with_capacity(cells.len().div_ceil(64));
        let mut present = 0;
        let mut flags = [0u8; STRETCH];
        for stretch in cells.chunks(STRETCH) {
            let flags = &mut flags[..stretch.len()];
            self.flag(stretch, flags);
            let before = words.len();
            bits::pack(flags, &mut words);
            let kept: usize = words[before..].iter().map(|word| word.count_ones() as usize).sum();
            if kept == stretch.len() {
                values.extend(stretch.iter().map(|cell| convert(*cell)));
            } else {
                let or_zero = |(cell, flag): (&T, &u8)| if *flag != 0 { convert(*cell) } else { O::Native::default() };
                values.extend(stretch.iter().zip(&*flags).map(or_zero));
            }
            present += kept;
        }
        let nulls = (present < cells.len()).then(|| null_buffer(words, cells.len()));
        PrimitiveArray::new(ScalarBuffer::from(values), nulls)
    }

    /// Decodes cells into instants; NULL also where there is none.
    pub(crate) fn decode_instants(&self, cells: &[T], instant: impl Fn(T) -> Option<i64>) -> PrimitiveArray<Int64Type> {
        let mut flags = vec![0u8; cells.len()];
        self.flag(cells, &mut flags);
        let kept = |(cell, flag): (&T, &u8)| if *flag != 0 { instant(*cell) } else { None };
        cells.iter().zip(&flags).map(kept).collect()
    }

    /// Sets 1 for each cell that is present, 0 for each that is missing.
    #[inline(always)]
    fn flag(&self, cells: &[T], flags: &mut [u8]) {
        match self.missing[..] {
            [] => each(cells, flags, |cell, _| cell.number()),
            [a] => each(cells, flags, |cell, _| cell.number() & (cell != a)),
            [a, b, ref more @ ..] => {
                each(cells, flags, |cell, _| cell.number() & (cell != a) & (cell != b));
                for value in more {
                    each(cells, flags, |cell, so_far| so_far & (cell != *value));
                }
            }
        }
        if let Some((low, high)) = self.valid {
            each(cells, flags, |cell, so_far| so_far & (cell >= low) & (cell <= high));
        }
    }
}

trait IsNumber {
    /// False for NaN only.
    fn number(self) -> bool;
}

impl<T: Cell> IsNumber for T {
    #[inline(always)]
    #[expect(clippy::eq_op, reason = "NaN is what differs from itself, for integers and floats alike")]
    fn number(self) -> bool {
        self == self
    }
}

#[inline(always)]
fn each<T: Cell>(cells: &[T], flags: &mut [u8], keep: impl Fn(T, bool) -> bool) {
    for (cell, flag) in cells.iter().zip(flags) {
        *flag = u8::from(keep(*cell, *flag != 0));
    }
}

fn null_buffer(words: Vec<u64>, len: usize) -> NullBuffer {
    NullBuffer::new(BooleanBuffer::new(words.into(), 0, len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Array;
    use arrow::datatypes::{Float32Type, Float64Type, Int16Type};
    use proptest::prelude::*;

    /// What decoding means, one cell at a time.
    fn naive<T: Cell>(mask: &Mask<T>, cell: T) -> bool {
        let nan = cell.partial_cmp(&cell).is_none();
        let missing = mask.missing.contains(&cell);
        let out = mask.valid.is_some_and(|(low, high)| cell < low || cell > high);
        !(nan || missing || out)
    }

    fn check<T: Cell, O: ArrowPrimitiveType>(mask: &Mask<T>, cells: &[T], convert: impl Fn(T) -> O::Native) {
        let array = mask.decode::<O>(cells, &convert);
        assert_eq!(array.len(), cells.len());
        for (i, cell) in cells.iter().enumerate() {
            assert_eq!(array.is_valid(i), naive(mask, *cell), "cell {i}: {cell:?}");
            let expected = if naive(mask, *cell) { convert(*cell) } else { O::Native::default() };
            assert_eq!(array.value(i), expected, "cell {i}: {cell:?}");
        }
        assert_eq!(array.nulls().is_none(), cells.iter().all(|cell| naive(mask, *cell)));
    }

    fn float() -> impl Strategy<Value = f32> {
        prop_oneof![4 => -5f32..5.0, 1 => Just(f32::NAN), 1 => Just(-999.0), 1 => Just(0.0), 1 => Just(f32::INFINITY)]
    }

    proptest! {
        #[test]
        fn packed_integers_decode_as_one_cell_at_a_time(
            cells in prop::collection::vec(-6i16..6, 0..2500), missing in prop::collection::vec(-6i16..6, 0..4),
            valid in prop::option::of((-6i16..0, 0i16..6)), scale in -2.0..2.0f64, offset in -300.0..300.0f64,
        ) {
            let mask = Mask { missing, valid };
            check::<_, Float64Type>(&mask, &cells, |v| f64::from(v) * scale + offset);
            check::<_, Float32Type>(&mask, &cells, |v| f32::from(v) * scale as f32 + offset as f32);
            check::<_, Int16Type>(&mask, &cells, |v| v);
        }

        #[test]
        fn floats_decode_as_one_cell_at_a_time(
            cells in prop::collection::vec(float(), 0..2500), fill in prop::option::of(Just(-999f32)),
            valid in prop::option::of((-4f32..0.0, 0f32..4.0)),
        ) {
            let mask = Mask { missing: fill.into_iter().collect(), valid };
            check::<_, Float32Type>(&mask, &cells, |v| v);
            check::<_, Float64Type>(&mask, &cells, f64::from);
        }
    }

    #[test]
    fn only_integers_can_be_sure_to_miss_nothing() {
        assert!(!Mask::<i32>::default().may_miss());
        assert!(!Mask::<u64>::default().may_miss());
        assert!(Mask::<f32>::default().may_miss());
        assert!(Mask::<f64>::default().may_miss());
        assert!(Mask { missing: vec![1u8], valid: None }.may_miss());
    }
}
