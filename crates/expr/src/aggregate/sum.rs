//! `sum` and `avg`: floats in float64, integers and decimals exactly in 128 bits.

use super::lanes::{Real, sum_of, sum_where};
use super::native::{Native, array, array_where, counts, doubles, held, values};
use super::rows::{Fold, Mask, Part, fold};
use crate::{Accumulator, Error, Groups, Result, SqlType};
use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use std::marker::PhantomData;
use std::ops::Range;

/// Totals of FLOAT or DOUBLE and how many values went into them.
pub(super) struct RealSum<N> {
    mean: bool,
    sums: Vec<f64>,
    rows: Vec<i64>,
    /// Whether a sum that was given out was NaN.
    nan: bool,
    values: PhantomData<fn(N)>,
}

impl<N: Real> RealSum<N> {
    /// Gives the sum or, with `mean`, the average.
    pub(super) fn new(mean: bool) -> Self {
        Self { mean, sums: Vec::new(), rows: Vec::new(), nan: false, values: PhantomData }
    }
}

struct AddReals<'a, N> {
    values: &'a [N],
    sums: &'a mut [f64],
    rows: &'a mut [i64],
}

impl<N: Real> Fold for AddReals<'_, N> {
    #[inline(always)]
    fn one(&mut self, group: usize, row: usize) {
        self.sums[group] += self.values[row].into();
        self.rows[group] += 1;
    }

    #[inline(always)]
    fn same(&mut self, group: usize, rows: Range<usize>) {
        self.rows[group] += rows.len() as i64;
        self.sums[group] += sum_of(&self.values[rows], N::into);
    }

    #[inline(always)]
    fn next(&mut self, first: usize, rows: Range<usize>) {
        let groups = first..first + rows.len();
        self.rows[groups.clone()].iter_mut().for_each(|count| *count += 1);
        self.sums[groups].iter_mut().zip(&self.values[rows]).for_each(|(sum, value)| *sum += (*value).into());
    }

    #[inline(always)]
    fn same_where(&mut self, group: usize, rows: Range<usize>, mask: &Mask) {
        mask.words(rows, |part| match part {
            Part::All(rows) => self.same(group, rows),
            Part::Some { rows, bits } => {
                self.rows[group] += i64::from(bits.count_ones());
                self.sums[group] += sum_where(&self.values[rows], bits, N::into);
            }
        });
    }

    #[inline(always)]
    fn next_where(&mut self, first: usize, rows: Range<usize>, mask: &Mask) {
        let start = rows.start;
        mask.words(rows, |part| match part {
            Part::All(rows) => self.next(first + (rows.start - start), rows),
            Part::Some { rows, bits } => self.next_some(first + (rows.start - start), rows, bits),
        });
    }
}

impl<N: Real> AddReals<'_, N> {
    /// Adds the rows whose bit is set, of consecutive groups. A sum is never -0.0, so that adding 0.0 changes nothing.
    #[inline(always)]
    fn next_some(&mut self, first: usize, rows: Range<usize>, bits: u64) {
        let groups = first..first + rows.len();
        let states = self.sums[groups.clone()].iter_mut().zip(&mut self.rows[groups]);
        for (i, ((sum, count), value)) in states.zip(&self.values[rows]).enumerate() {
            let counts = bits >> i & 1;
            *sum += if counts == 1 { (*value).into() } else { 0.0 };
            *count += counts as i64;
        }
    }
}

impl<N: Real> Accumulator for RealSum<N> {
    fn resize(&mut self, groups: usize) {
        let groups = groups.max(self.sums.len());
        self.sums.resize(groups, 0.0);
        self.rows.resize(groups, 0);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let (values, mask) = (values::<N>(&args[0]), Mask::of(args, present));
        let (sums, rows) = (&mut self.sums[..], &mut self.rows[..]);
        fold(groups, mask.as_ref(), &mut AddReals { values: &values, sums, rows });
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        self.nan = self.met_nan();
        let sums = array(&DataType::Float64, std::mem::take(&mut self.sums), None)?;
        Ok(vec![sums, counts(std::mem::take(&mut self.rows))])
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let (sums, rows) = (values::<f64>(&state[0]), values::<i64>(&state[1]));
        groups.for_each(|at, group| {
            self.sums[group] += sums[at];
            self.rows[group] += rows[at];
        });
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        self.nan = self.met_nan();
        let (sums, rows) = (std::mem::take(&mut self.sums), std::mem::take(&mut self.rows));
        let of = |(sum, rows): (f64, i64)| if self.mean { sum / rows as f64 } else { sum };
        Ok(doubles(sums.into_iter().zip(rows).map(|pair| (pair.1 > 0).then(|| of(pair)))))
    }

    fn memory(&self) -> usize {
        held(&self.sums) + held(&self.rows)
    }

    /// A NaN stays in its sum: there is no need to look at every value.
    fn met_nan(&self) -> bool {
        self.nan || self.sums.iter().any(|sum| sum.is_nan())
    }
}

/// A value that is added up exactly.
pub(super) trait Whole: Native + Into<i128> {
    /// The sum; `None` if 128 bits do not hold it.
    fn total(values: &[Self]) -> Option<i128>;
}

macro_rules! narrow {
    ($($native:ty),*) => {$(
        impl Whole for $native {
            #[inline(always)]
            fn total(values: &[Self]) -> Option<i128> {
                // 2^31 values of 32 bits fit in 64.
                let parts = values.chunks(1 << 31);
                Some(parts.map(|part| i128::from(part.iter().map(|value| i64::from(*value)).sum::<i64>())).sum())
            }
        }
    )*};
}
narrow!(i8, i16, i32, u8, u16, u32);

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
#[derive(Clone)]
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

    fn instants(&self, unit: i128, ty: &DataType) -> Result<ArrayRef> {
        let mean = |(sum, rows): (&i128, &i64)| {
            let total = sum.checked_mul(unit).ok_or_else(overflow)?;
            i64::try_from(total / i128::from(*rows).max(1)).map_err(|_| overflow())
        };
        let means = self.sums.iter().zip(&self.rows).map(mean).collect::<Result<Vec<_>>>()?;
        array_where(ty, means, &self.met())
    }

    fn met(&self) -> Vec<bool> {
        self.rows.iter().map(|rows| *rows > 0).collect()
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

fn overflow() -> Error {
    Error::new("a sum is too large for its type").with_hint("cast the argument to DOUBLE")
}

/// The largest number of a DECIMAL(38, ..), of which HUGEINT is one.
const LARGEST: i128 = 10i128.pow(38) - 1;

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
        let sums = array(&DataType::Decimal128(38, 0), std::mem::take(&mut self.sums), None)?;
        Ok(vec![sums, counts(std::mem::take(&mut self.rows))])
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
        let out = match self.outcome.clone() {
            Outcome::Sum(_) if self.sums.iter().any(|sum| !(-LARGEST..=LARGEST).contains(sum)) => Err(overflow()),
            Outcome::Sum(ty) => array_where(&ty, std::mem::take(&mut self.sums), &self.met()),
            Outcome::Instant { unit, ty } => self.instants(unit, &ty),
            Outcome::Mean { scale } => {
                let mean = |(sum, rows): (&i128, &i64)| (*rows > 0).then(|| *sum as f64 / scale / *rows as f64);
                Ok(doubles(self.sums.iter().zip(&self.rows).map(mean)))
            }
        };
        self.sums.clear();
        self.rows.clear();
        out
    }

    fn memory(&self) -> usize {
        held(&self.sums) + held(&self.rows)
    }
}
