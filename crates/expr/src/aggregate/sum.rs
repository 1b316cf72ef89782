//! `sum` and `avg` of floats, in float64; [`AddUp`] adds up whatever fits what it is added up in.

use super::lanes::{Real, Sum, sum_of, sum_where};
use super::native::{array, counts, doubles, held, values};
use super::rows::{Fold, Mask, Part, fold};
use crate::{Accumulator, Groups, Result};
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

/// Folds values into sums, and counts them.
pub(super) struct AddUp<'a, N, S> {
    pub(super) values: &'a [N],
    pub(super) sums: &'a mut [S],
    pub(super) rows: &'a mut [i64],
}

impl<N: Copy + Into<S>, S: Sum> Fold for AddUp<'_, N, S> {
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

impl<N: Copy + Into<S>, S: Sum> AddUp<'_, N, S> {
    /// Adds the rows whose bit is set, of consecutive groups. A sum is never -0.0, so that adding nothing changes nothing.
    #[inline(always)]
    fn next_some(&mut self, first: usize, rows: Range<usize>, bits: u64) {
        let groups = first..first + rows.len();
        let states = self.sums[groups.clone()].iter_mut().zip(&mut self.rows[groups]);
        for (i, ((sum, count), value)) in states.zip(&self.values[rows]).enumerate() {
            let counts = bits >> i & 1;
            *sum += if counts == 1 { (*value).into() } else { S::default() };
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
        fold(groups, mask.as_ref(), &mut AddUp { values: &values[..], sums, rows });
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
