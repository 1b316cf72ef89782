//! `var_samp`, `var_pop`, `stddev_samp`, `stddev_pop`: count, mean and sum of squared deviations of each group.
//!
//! Rows of one group are taken two times, for the mean and for the deviations from it; what comes singly is folded in
//! by Welford's recurrence, partial results by that of Chan, Golub and LeVeque. Equal values give exactly 0.

use super::lanes::sum_of;
use super::native::{any_nan, array, doubles, held, values};
use super::rows::{Fold, Mask, fold};
use crate::{Accumulator, Groups, Result};
use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use std::ops::Range;

/// What is made of the sum of squared deviations.
#[derive(Clone, Copy)]
pub(super) struct Spread {
    /// Whether the values are a sample, so that one degree of freedom is spent on the mean.
    pub(super) sample: bool,
    /// Whether the root is taken.
    pub(super) root: bool,
}

/// Moments up to the second.
pub(super) struct Variance {
    spread: Spread,
    rows: Vec<f64>,
    means: Vec<f64>,
    squares: Vec<f64>,
    nan: bool,
}

impl Variance {
    /// With this outcome.
    pub(super) fn new(spread: Spread) -> Self {
        Self { spread, rows: Vec::new(), means: Vec::new(), squares: Vec::new(), nan: false }
    }
}

/// The mean of values: exactly the value where all are equal.
pub(super) fn mean_of(values: &[f64]) -> f64 {
    let start = values[0];
    start + sum_of(values, |value| value - start) / values.len() as f64
}

struct AddValues<'a> {
    values: &'a [f64],
    rows: &'a mut [f64],
    means: &'a mut [f64],
    squares: &'a mut [f64],
}

impl AddValues<'_> {
    #[inline(always)]
    fn merge(&mut self, group: usize, rows: f64, mean: f64, squares: f64) {
        let before = self.rows[group];
        if before == 0.0 {
            (self.rows[group], self.means[group], self.squares[group]) = (rows, mean, squares);
            return;
        }
        let (all, apart) = (before + rows, mean - self.means[group]);
        self.rows[group] = all;
        self.means[group] += apart * (rows / all);
        self.squares[group] += squares + apart * apart * (before * rows / all);
    }
}

#[inline(always)]
fn welford(value: f64, rows: &mut f64, mean: &mut f64, squares: &mut f64) {
    *rows += 1.0;
    let apart = value - *mean;
    *mean += apart / *rows;
    *squares += apart * (value - *mean);
}

impl Fold for AddValues<'_> {
    #[inline(always)]
    fn one(&mut self, group: usize, row: usize) {
        welford(self.values[row], &mut self.rows[group], &mut self.means[group], &mut self.squares[group]);
    }

    #[inline(always)]
    fn same(&mut self, group: usize, rows: Range<usize>) {
        let values = &self.values[rows];
        let mean = mean_of(values);
        let squares = sum_of(values, |value| (value - mean) * (value - mean));
        self.merge(group, values.len() as f64, mean, squares);
    }

    #[inline(always)]
    fn next(&mut self, first: usize, rows: Range<usize>) {
        let (groups, len) = (first..first + rows.len(), rows.len());
        let (counts, means) = (&mut self.rows[groups.clone()][..len], &mut self.means[groups.clone()][..len]);
        let (squares, values) = (&mut self.squares[groups][..len], &self.values[rows][..len]);
        for i in 0..len {
            welford(values[i], &mut counts[i], &mut means[i], &mut squares[i]);
        }
    }
}

impl Accumulator for Variance {
    fn resize(&mut self, groups: usize) {
        let groups = groups.max(self.rows.len());
        let parts = [&mut self.rows, &mut self.means, &mut self.squares];
        parts.into_iter().for_each(|part| part.resize(groups, 0.0));
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let (values, mask) = (values::<f64>(&args[0]), Mask::of(args, present));
        self.nan = self.nan || any_nan(&values, mask.as_ref());
        let (rows, means, squares) = (&mut self.rows[..], &mut self.means[..], &mut self.squares[..]);
        fold(groups, mask.as_ref(), &mut AddValues { values: &values, rows, means, squares });
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let parts = [&mut self.rows, &mut self.means, &mut self.squares];
        parts.into_iter().map(|part| array(&DataType::Float64, std::mem::take(part), None)).collect()
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let [rows, means, squares] = [0, 1, 2].map(|part| values::<f64>(&state[part]));
        self.nan = self.nan || any_nan(&means, None);
        let mut into =
            AddValues { values: &[], rows: &mut self.rows, means: &mut self.means, squares: &mut self.squares };
        groups.for_each(|at, group| {
            if rows[at] > 0.0 {
                into.merge(group, rows[at], means[at], squares[at]);
            }
        });
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let spent = f64::from(u8::from(self.spread.sample));
        let of = |(rows, squares): (f64, f64)| {
            let variance = squares / (rows - spent);
            (rows > spent).then(|| if self.spread.root { variance.sqrt() } else { variance })
        };
        let (rows, squares) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.squares));
        self.means.clear();
        Ok(doubles(rows.into_iter().zip(squares).map(of)))
    }

    fn memory(&self) -> usize {
        held(&self.rows) + held(&self.means) + held(&self.squares)
    }

    fn met_nan(&self) -> bool {
        self.nan
    }
}
