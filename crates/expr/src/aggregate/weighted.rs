//! `weighted_avg` and `weighted_sum`: over rows in which neither the value nor the weight is NULL.

use super::lanes::{sum_of, sum_of_pairs};
use super::native::{any_nan, array, counts, doubles, held, values};
use super::rows::{Fold, Mask, fold};
use crate::{Accumulator, Groups, Result};
use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use std::ops::Range;

/// The sums of weights and of weighted values.
pub(super) struct Weighted {
    mean: bool,
    weights: Vec<f64>,
    sums: Vec<f64>,
    rows: Vec<i64>,
    nan: bool,
}

impl Weighted {
    /// Gives the weighted sum or, with `mean`, that divided by the weights.
    pub(super) fn new(mean: bool) -> Self {
        Self { mean, weights: Vec::new(), sums: Vec::new(), rows: Vec::new(), nan: false }
    }
}

struct AddWeighted<'a> {
    xs: &'a [f64],
    ws: &'a [f64],
    weights: &'a mut [f64],
    sums: &'a mut [f64],
    rows: &'a mut [i64],
}

impl Fold for AddWeighted<'_> {
    #[inline(always)]
    fn one(&mut self, group: usize, row: usize) {
        self.next(group, row..row + 1);
    }

    #[inline(always)]
    fn same(&mut self, group: usize, rows: Range<usize>) {
        let (xs, ws) = (&self.xs[rows.clone()], &self.ws[rows]);
        self.rows[group] += xs.len() as i64;
        self.weights[group] += sum_of(ws, |w| w);
        self.sums[group] += sum_of_pairs(xs, ws, |x, w| x * w);
    }

    #[inline(always)]
    fn next(&mut self, first: usize, rows: Range<usize>) {
        let groups = first..first + rows.len();
        self.rows[groups.clone()].iter_mut().for_each(|count| *count += 1);
        let pairs = self.xs[rows.clone()].iter().zip(&self.ws[rows]);
        let states = self.sums[groups.clone()].iter_mut().zip(&mut self.weights[groups]);
        for ((sum, weight), (x, w)) in states.zip(pairs) {
            *sum += x * w;
            *weight += w;
        }
    }
}

impl Accumulator for Weighted {
    fn resize(&mut self, groups: usize) {
        let groups = groups.max(self.rows.len());
        self.weights.resize(groups, 0.0);
        self.sums.resize(groups, 0.0);
        self.rows.resize(groups, 0);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let (xs, ws, mask) = (values::<f64>(&args[0]), values::<f64>(&args[1]), Mask::of(args, present));
        self.nan = self.nan || any_nan(&xs, mask.as_ref()) || any_nan(&ws, mask.as_ref());
        let (weights, sums, rows) = (&mut self.weights[..], &mut self.sums[..], &mut self.rows[..]);
        fold(groups, mask.as_ref(), &mut AddWeighted { xs: &xs, ws: &ws, weights, sums, rows });
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let weights = array(&DataType::Float64, std::mem::take(&mut self.weights), None)?;
        let sums = array(&DataType::Float64, std::mem::take(&mut self.sums), None)?;
        Ok(vec![weights, sums, counts(std::mem::take(&mut self.rows))])
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let (weights, sums) = (values::<f64>(&state[0]), values::<f64>(&state[1]));
        let rows = values::<i64>(&state[2]);
        self.nan = self.nan || any_nan(&sums, None) || any_nan(&weights, None);
        groups.for_each(|at, group| {
            self.weights[group] += weights[at];
            self.sums[group] += sums[at];
            self.rows[group] += rows[at];
        });
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let (weights, sums) = (std::mem::take(&mut self.weights), std::mem::take(&mut self.sums));
        let rows = std::mem::take(&mut self.rows);
        let of =
            |((sum, weight), rows): ((f64, f64), i64)| (rows > 0).then_some(if self.mean { sum / weight } else { sum });
        Ok(doubles(sums.into_iter().zip(weights).zip(rows).map(of)))
    }

    fn memory(&self) -> usize {
        held(&self.weights) + held(&self.sums) + held(&self.rows)
    }

    fn met_nan(&self) -> bool {
        self.nan
    }
}
