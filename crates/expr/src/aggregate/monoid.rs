//! Aggregates whose state is a value of the argument's own type: `min`, `max`, `bit_and`, `bit_or`, `bit_xor`,
//! `product`. A state is merged as if it were a value.

use super::lanes::LANES;
use super::native::{Native, any_nan, array_where, held, values};
use super::rows::{Fold, Mask, fold};
use crate::{Accumulator, Groups, Result};
use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use std::marker::PhantomData;
use std::ops::Range;

/// An associative way to make one value of two.
pub(super) trait Combine<N>: 'static {
    /// Combined with a value it gives that value.
    const START: N;

    /// The same for values that are not NaN.
    const NUMBERS_START: N = Self::START;

    /// The two combined, the first being that of earlier rows.
    fn combine(earlier: N, later: N) -> N;

    /// The same of values that are not NaN.
    #[inline(always)]
    fn combine_numbers(earlier: N, later: N) -> N {
        Self::combine(earlier, later)
    }
}

/// The least value; of equal ones the earlier.
pub(super) struct Least;
/// The greatest value; of equal ones the earlier.
pub(super) struct Greatest;
/// The product.
pub(super) struct Product;
/// The bits that all have.
pub(super) struct And;
/// The bits that one has.
pub(super) struct Or;
/// The bits that an odd number has.
pub(super) struct Xor;

impl<N: Native> Combine<N> for Least {
    const START: N = N::GREATEST;
    const NUMBERS_START: N = N::GREATEST_NUMBER;

    #[inline(always)]
    fn combine(earlier: N, later: N) -> N {
        if later.less(earlier) { later } else { earlier }
    }

    #[inline(always)]
    fn combine_numbers(earlier: N, later: N) -> N {
        earlier.lesser(later)
    }
}

impl<N: Native> Combine<N> for Greatest {
    const START: N = N::LEAST;

    #[inline(always)]
    fn combine(earlier: N, later: N) -> N {
        if earlier.less(later) { later } else { earlier }
    }

    #[inline(always)]
    fn combine_numbers(earlier: N, later: N) -> N {
        earlier.greater(later)
    }
}

impl Combine<f64> for Product {
    const START: f64 = 1.0;

    #[inline(always)]
    fn combine(earlier: f64, later: f64) -> f64 {
        earlier * later
    }
}

macro_rules! bits {
    ($($native:ty),*) => {$(
        impl Combine<$native> for And {
            const START: $native = !0;

            #[inline(always)]
            fn combine(earlier: $native, later: $native) -> $native {
                earlier & later
            }
        }

        impl Combine<$native> for Or {
            const START: $native = 0;

            #[inline(always)]
            fn combine(earlier: $native, later: $native) -> $native {
                earlier | later
            }
        }

        impl Combine<$native> for Xor {
            const START: $native = 0;

            #[inline(always)]
            fn combine(earlier: $native, later: $native) -> $native {
                earlier ^ later
            }
        }
    )*};
}
bits!(i8, i16, i32, i64, u8, u16, u32, u64);

/// One combined value a group.
pub(super) struct Monoid<N, C> {
    ty: DataType,
    best: Vec<N>,
    seen: Vec<bool>,
    nan: bool,
    combine: PhantomData<fn(C)>,
}

impl<N: Native, C: Combine<N>> Monoid<N, C> {
    /// For arguments and results of this type.
    pub(super) fn new(ty: DataType) -> Self {
        Self { ty, best: Vec::new(), seen: Vec::new(), nan: false, combine: PhantomData }
    }
}

impl<N: Native, C: Combine<N>> Monoid<N, C> {
    /// From now on values may be NaN.
    fn expect_nan(&mut self) {
        self.nan = true;
        let empty = self.best.iter_mut().zip(&self.seen).filter(|(_, seen)| !**seen);
        empty.for_each(|(best, _)| *best = C::START);
    }
}

/// All values combined, in lanes.
#[inline(always)]
pub(super) fn combined<N: Native, C: Combine<N>>(values: &[N]) -> N {
    let (rows, rest) = values.as_chunks::<LANES>();
    let mut lanes = [C::START; LANES];
    for row in rows {
        lanes.iter_mut().zip(row).for_each(|(lane, value)| *lane = C::combine(*lane, *value));
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, value)| *lane = C::combine(*lane, *value));
    lanes.into_iter().fold(C::START, C::combine)
}

/// Folds values in, of which none is NaN if `NUMBERS`, nor was any before.
struct CombineInto<'a, N, C, const NUMBERS: bool> {
    values: &'a [N],
    best: &'a mut [N],
    seen: &'a mut [bool],
    combine: PhantomData<fn(C)>,
}

impl<N: Native, C: Combine<N>, const NUMBERS: bool> Fold for CombineInto<'_, N, C, NUMBERS> {
    #[inline(always)]
    fn one(&mut self, group: usize, row: usize) {
        self.best[group] = C::combine(self.best[group], self.values[row]);
        self.seen[group] = true;
    }

    #[inline(always)]
    fn same(&mut self, group: usize, rows: Range<usize>) {
        self.best[group] = C::combine(self.best[group], combined::<N, C>(&self.values[rows]));
        self.seen[group] = true;
    }

    #[inline(always)]
    fn next(&mut self, first: usize, rows: Range<usize>) {
        let groups = first..first + rows.len();
        self.seen[groups.clone()].fill(true);
        for (best, value) in self.best[groups].iter_mut().zip(&self.values[rows]) {
            *best = if NUMBERS { C::combine_numbers(*best, *value) } else { C::combine(*best, *value) };
        }
    }
}

impl<N: Native, C: Combine<N>> Accumulator for Monoid<N, C> {
    fn resize(&mut self, groups: usize) {
        let groups = groups.max(self.best.len());
        self.best.resize(groups, if self.nan { C::START } else { C::NUMBERS_START });
        self.seen.resize(groups, false);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let (values, mask) = (values::<N>(&args[0]), Mask::of(args, present));
        if !self.nan && any_nan(&values, mask.as_ref()) {
            self.expect_nan();
        }
        let (best, seen) = (&mut self.best[..], &mut self.seen[..]);
        let (values, mask, combine) = (&values[..], mask.as_ref(), PhantomData);
        if N::HAS_NAN && !self.nan {
            fold(groups, mask, &mut CombineInto::<N, C, true> { values, best, seen, combine });
        } else {
            fold(groups, mask, &mut CombineInto::<N, C, false> { values, best, seen, combine });
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish()?])
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        self.update(groups, state, None)
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let seen = std::mem::take(&mut self.seen);
        array_where(&self.ty, std::mem::take(&mut self.best), &seen)
    }

    fn memory(&self) -> usize {
        held(&self.best) + held(&self.seen)
    }

    fn met_nan(&self) -> bool {
        self.nan
    }
}
