//! `sum` and `avg` of integers and decimals, exactly: in 64 bits as long as they surely hold a sum, otherwise in 128.

use super::native::{Native, array, array_where, counts, doubles, held, values};
use super::rows::{Fold, Mask, fold};
use super::sum::AddUp;
use crate::{Accumulator, Error, Groups, Result, SqlType};
use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use std::marker::PhantomData;
use std::ops::Range;

/// A value that is added up exactly.
pub(super) trait Whole: Native + Into<i128> {
    /// The sum; `None` if 128 bits do not hold it.
    fn total(values: &[Self]) -> Option<i128>;
}

macro_rules! wide {
    ($($native:ty),*) => {$(
        impl Whole for $native {
            #[inline(always)]
            fn total(values: &[Self]) -> Option<i128> {
                // The halves are added up apart: 2^31 of each fit in 64 bits, and the loop stays within vectors.
                let parts = values.chunks(1 << 31).map(|part| {
                    let low: u64 = part.iter().map(|value| *value as u64 & 0xffff_ffff).sum();
                    let high: $native = part.iter().map(|value| *value >> 32).sum();
                    (i128::from(high) << 32) + i128::from(low)
                });
                Some(parts.sum())
            }
        }
    )*};
}
wide!(i64, u64);

impl Whole for i128 {
    fn total(values: &[Self]) -> Option<i128> {
        values.iter().try_fold(0i128, |sum, value| sum.checked_add(*value))
    }
}

/// What becomes of an exact total.
pub(super) enum Outcome {
    /// The total itself, HUGEINT or DECIMAL.
    Sum(DataType),
    /// The mean, in units of which `scale` make 1.
    Mean {
        /// 10 to the power of the scale of a DECIMAL.
        scale: f64,
    },
    /// The mean as a point in time of this type, its microseconds being `unit` times the total.
    Instant {
        /// Microseconds in a unit of the argument.
        unit: i128,
        /// The type of the mean.
        ty: DataType,
    },
}

impl Outcome {
    /// The outcome of `avg` over a type.
    pub(super) fn mean_of(arg: &SqlType, result: &SqlType) -> Self {
        match arg {
            SqlType::Date => Self::Instant { unit: 86_400_000_000, ty: result.to_arrow() },
            SqlType::Timestamp(_) | SqlType::Time => Self::Instant { unit: 1, ty: result.to_arrow() },
            SqlType::Decimal(_, scale) => Self::Mean { scale: 10f64.powi(i32::from(*scale)) },
            _ => Self::Mean { scale: 1.0 },
        }
    }
}

impl Outcome {
    /// The outcomes of some totals, of so many values each.
    fn of(&self, sums: Vec<i128>, rows: &[i64]) -> Result<ArrayRef> {
        let met = || rows.iter().map(|rows| *rows > 0).collect::<Vec<bool>>();
        match self {
            Self::Sum(_) if sums.iter().any(|sum| !(-LARGEST..=LARGEST).contains(sum)) => Err(overflow()),
            Self::Sum(ty) => array_where(ty, sums, &met()),
            Self::Mean { scale } => {
                let mean = |(sum, rows): (&i128, &i64)| (*rows > 0).then(|| *sum as f64 / scale / *rows as f64);
                Ok(doubles(sums.iter().zip(rows).map(mean)))
            }
            Self::Instant { unit, ty } => {
                let mean = |(sum, rows): (&i128, &i64)| {
                    let total = sum.checked_mul(*unit).ok_or_else(overflow)?;
                    i64::try_from(total / i128::from(*rows).max(1)).map_err(|_| overflow())
                };
                array_where(ty, sums.iter().zip(rows).map(mean).collect::<Result<Vec<_>>>()?, &met())
            }
        }
    }
}

fn overflow() -> Error {
    Error::new("a sum is too large for its type").with_hint("cast the argument to DOUBLE")
}

/// The largest number of a DECIMAL(38, ..), of which HUGEINT is one.
const LARGEST: i128 = 10i128.pow(38) - 1;

/// The totals that make up a state, and those of how many values.
fn state_of(sums: Vec<i128>, rows: Vec<i64>) -> Result<Vec<ArrayRef>> {
    Ok(vec![array(&DataType::Decimal128(38, 0), sums, None)?, counts(rows)])
}

/// Totals of integers of up to 32 bits, and how many went into them.
pub(super) struct NarrowSum<N> {
    outcome: Outcome,
    /// What 64 bits surely hold.
    sums: Vec<i64>,
    rows: Vec<i64>,
    /// What does not belong to `sums`, for each group: nothing at all unless there are very many values.
    carried: Vec<i128>,
    /// No group has more values in its sum.
    most: i64,
    values: PhantomData<fn(N)>,
}

/// As many values of 32 bits make a sum that 64 bits hold.
const FIT: i64 = 1 << 31;

impl<N: Native + Into<i64>> NarrowSum<N> {
    /// Totals with this outcome.
    pub(super) fn new(outcome: Outcome) -> Self {
        let (sums, rows, carried) = (Vec::new(), Vec::new(), Vec::new());
        Self { outcome, sums, rows, carried, most: 0, values: PhantomData }
    }

    /// Empties the sums of 64 bits.
    fn carry(&mut self) {
        self.carried.resize(self.sums.len(), 0);
        self.carried
            .iter_mut()
            .zip(&mut self.sums)
            .for_each(|(carried, sum)| *carried += i128::from(std::mem::take(sum)));
        self.most = 0;
    }

    fn add_total(&mut self, group: usize, sum: i128, rows: i64) {
        self.rows[group] += rows;
        if self.carried.is_empty() && self.rows[group] <= FIT {
            self.sums[group] += sum as i64;
            self.most = self.most.max(self.rows[group]);
        } else {
            self.carried.resize(self.sums.len(), 0);
            self.carried[group] += sum;
        }
    }

    /// Leaves the accumulator empty.
    fn totals_taken(&mut self) {
        (self.sums, self.rows, self.most) = (Vec::new(), Vec::new(), 0);
    }

    fn totals(&mut self) -> (Vec<i128>, Vec<i64>) {
        let (sums, carried) = (std::mem::take(&mut self.sums), std::mem::take(&mut self.carried));
        let mut totals: Vec<i128> = sums.into_iter().map(i128::from).collect();
        totals.iter_mut().zip(carried).for_each(|(total, carried)| *total += carried);
        self.most = 0;
        (totals, std::mem::take(&mut self.rows))
    }
}

impl<N: Native + Into<i64>> Accumulator for NarrowSum<N> {
    fn resize(&mut self, groups: usize) {
        let groups = groups.max(self.sums.len());
        self.sums.resize(groups, 0);
        self.rows.resize(groups, 0);
        if !self.carried.is_empty() {
            self.carried.resize(groups, 0);
        }
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let (values, mask) = (values::<N>(&args[0]), Mask::of(args, present));
        let more = values.len() as i64;
        if self.most + more > FIT {
            self.carry();
        }
        self.most += more;
        let (sums, rows) = (&mut self.sums[..], &mut self.rows[..]);
        fold(groups, mask.as_ref(), &mut AddUp { values: &values[..], sums, rows });
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let (sums, rows) = self.totals();
        state_of(sums, rows)
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let (sums, rows) = (values::<i128>(&state[0]), values::<i64>(&state[1]));
        groups.for_each(|at, group| self.add_total(group, sums[at], rows[at]));
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        if let (Outcome::Mean { scale }, []) = (&self.outcome, &self.carried[..]) {
            // Without sums of 128 bits, which take as much again as all that is held.
            let mean = |(sum, rows): (&i64, &i64)| (*rows > 0).then(|| *sum as f64 / scale / *rows as f64);
            let means = doubles(self.sums.iter().zip(&self.rows).map(mean));
            self.totals_taken();
            return Ok(means);
        }
        let (sums, rows) = self.totals();
        self.outcome.of(sums, &rows)
    }

    fn memory(&self) -> usize {
        held(&self.sums) + held(&self.rows) + held(&self.carried)
    }
}

/// Exact totals and how many values went into them.
pub(super) struct WholeSum<N> {
    outcome: Outcome,
    sums: Vec<i128>,
    rows: Vec<i64>,
    values: PhantomData<fn(N)>,
}

impl<N: Whole> WholeSum<N> {
    /// Totals with this outcome.
    pub(super) fn new(outcome: Outcome) -> Self {
        Self { outcome, sums: Vec::new(), rows: Vec::new(), values: PhantomData }
    }
}

struct AddWholes<'a, N> {
    values: &'a [N],
    sums: &'a mut [i128],
    rows: &'a mut [i64],
    overflowed: bool,
}

impl<N: Whole> AddWholes<'_, N> {
    #[inline(always)]
    fn add(&mut self, group: usize, more: i128) {
        let (sum, overflowed) = self.sums[group].overflowing_add(more);
        self.sums[group] = sum;
        self.overflowed |= overflowed;
    }
}

impl<N: Whole> Fold for AddWholes<'_, N> {
    #[inline(always)]
    fn one(&mut self, group: usize, row: usize) {
        self.add(group, self.values[row].into());
        self.rows[group] += 1;
    }

    #[inline(always)]
    fn same(&mut self, group: usize, rows: Range<usize>) {
        self.rows[group] += rows.len() as i64;
        match N::total(&self.values[rows]) {
            Some(total) => self.add(group, total),
            None => self.overflowed = true,
        }
    }

    #[inline(always)]
    fn next(&mut self, first: usize, rows: Range<usize>) {
        let groups = first..first + rows.len();
        self.rows[groups.clone()].iter_mut().for_each(|count| *count += 1);
        let mut any = false;
        for (sum, value) in self.sums[groups].iter_mut().zip(&self.values[rows]) {
            let (more, overflowed) = sum.overflowing_add((*value).into());
            *sum = more;
            any |= overflowed;
        }
        self.overflowed |= any;
    }
}

impl<N: Whole> Accumulator for WholeSum<N> {
    fn resize(&mut self, groups: usize) {
        let groups = groups.max(self.sums.len());
        self.sums.resize(groups, 0);
        self.rows.resize(groups, 0);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let (values, mask) = (values::<N>(&args[0]), Mask::of(args, present));
        let (sums, rows) = (&mut self.sums[..], &mut self.rows[..]);
        let mut adding = AddWholes { values: &values, sums, rows, overflowed: false };
        fold(groups, mask.as_ref(), &mut adding);
        if adding.overflowed { Err(overflow()) } else { Ok(()) }
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        state_of(std::mem::take(&mut self.sums), std::mem::take(&mut self.rows))
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let (sums, rows) = (values::<i128>(&state[0]), values::<i64>(&state[1]));
        let mut fits = true;
        groups.for_each(|at, group| {
            let (sum, overflowed) = self.sums[group].overflowing_add(sums[at]);
            self.sums[group] = sum;
            self.rows[group] += rows[at];
            fits &= !overflowed;
        });
        if fits { Ok(()) } else { Err(overflow()) }
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let (sums, rows) = (std::mem::take(&mut self.sums), std::mem::take(&mut self.rows));
        self.outcome.of(sums, &rows)
    }

    fn memory(&self) -> usize {
        held(&self.sums) + held(&self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GroupRun;
    use arrow::array::{AsArray, Int32Array};
    use arrow::datatypes::Decimal128Type;
    use std::sync::Arc;

    fn sum() -> NarrowSum<i32> {
        let mut sum = NarrowSum::new(Outcome::Sum(DataType::Decimal128(38, 0)));
        sum.resize(2);
        sum
    }

    fn of_first(sum: &mut NarrowSum<i32>) -> i128 {
        sum.finish().expect("fits").as_primitive::<Decimal128Type>().value(0)
    }

    #[test]
    fn sums_beyond_64_bits_are_exact() {
        let largest: ArrayRef = Arc::new(Int32Array::from(vec![i32::MAX; 1000]));
        let mut sum = sum();
        let fold = |sum: &mut NarrowSum<i32>| {
            let run = GroupRun { first: 0, len: 1000, step: 0 };
            sum.update(&Groups::Runs(&[run]), std::slice::from_ref(&largest), None).expect("never fails");
        };
        // As if so many had come before.
        fold(&mut sum);
        sum.most = FIT - 500;
        fold(&mut sum);
        assert_eq!((sum.carried.len(), sum.most), (2, 1000), "the first thousand were carried");
        fold(&mut sum);
        sum.resize(3);
        assert_eq!(of_first(&mut sum), 3000 * i128::from(i32::MAX));
    }

    #[test]
    fn states_of_very_many_values_merge_exactly() {
        let whole = |sum: i128, rows: i64| state_of(vec![sum, 0], vec![rows, 0]).expect("fits");
        let each = Groups::Each(&[0, 1]);
        let (most, least) = (i128::from(i32::MAX) * i128::from(FIT), -7);
        let mut sum = sum();
        sum.merge(&each, &whole(least, 1)).expect("never fails");
        assert!(sum.carried.is_empty());
        for _ in 0..5 {
            sum.merge(&each, &whole(most, FIT)).expect("never fails");
        }
        sum.merge(&each, &whole(least, 1)).expect("never fails");
        assert_eq!(of_first(&mut sum), 5 * most + 2 * least);
    }
}
