//! Two variables: `corr`, `covar_*` and `regr_*`, from means and sums of products of deviations.
//!
//! Folded as in [`super::variance`], with products of two deviations in place of squares.

use super::lanes::{sum_of, sum_of_pairs};
use super::native::{any_nan, array, doubles, held, values};
use super::rows::{Fold, Mask, fold};
use super::variance::mean_of;
use crate::{Accumulator, Groups, Result};
use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use std::ops::Range;

/// The sums of one group.
#[derive(Clone, Copy)]
pub(super) struct Sums {
    rows: f64,
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Sums {
    /// The correlation; NaN where a variable does not vary.
    pub(super) fn corr(self) -> Option<f64> {
        self.some(self.xy / (self.xx.sqrt() * self.yy.sqrt()))
    }

    /// The covariance of this population.
    pub(super) fn covar_pop(self) -> Option<f64> {
        self.some(self.xy / self.rows)
    }

    /// The covariance of the population that this is a sample of.
    pub(super) fn covar_samp(self) -> Option<f64> {
        (self.rows > 1.0).then(|| self.xy / (self.rows - 1.0))
    }

    /// The slope of the line; NaN where x does not vary.
    pub(super) fn slope(self) -> Option<f64> {
        self.some(self.xy / self.xx)
    }

    /// The line's y at x = 0.
    pub(super) fn intercept(self) -> Option<f64> {
        (self.xx != 0.0).then(|| self.y - self.xy / self.xx * self.x).filter(|_| self.rows > 0.0)
    }

    /// How much of the variance the line explains.
    pub(super) fn r2(self) -> Option<f64> {
        let explained = if self.yy == 0.0 { 1.0 } else { self.xy * self.xy / (self.xx * self.yy) };
        (self.rows > 0.0 && self.xx != 0.0).then_some(explained)
    }

    /// The mean of x.
    pub(super) fn mean_x(self) -> Option<f64> {
        self.some(self.x)
    }

    /// The mean of y.
    pub(super) fn mean_y(self) -> Option<f64> {
        self.some(self.y)
    }

    /// The squared deviations of x.
    pub(super) fn xx(self) -> Option<f64> {
        self.some(self.xx)
    }

    /// The squared deviations of y.
    pub(super) fn yy(self) -> Option<f64> {
        self.some(self.yy)
    }

    /// The products of both deviations.
    pub(super) fn xy(self) -> Option<f64> {
        self.some(self.xy)
    }

    fn some(self, value: f64) -> Option<f64> {
        (self.rows > 0.0).then_some(value)
    }
}

/// The sums of all groups.
pub(super) struct Regression {
    outcome: fn(Sums) -> Option<f64>,
    parts: Parts,
    nan: bool,
}

#[derive(Default)]
struct Parts {
    rows: Vec<f64>,
    x: Vec<f64>,
    y: Vec<f64>,
    xx: Vec<f64>,
    yy: Vec<f64>,
    xy: Vec<f64>,
}

impl Parts {
    fn each(&mut self) -> [&mut Vec<f64>; 6] {
        [&mut self.rows, &mut self.x, &mut self.y, &mut self.xx, &mut self.yy, &mut self.xy]
    }

    fn at(&self, group: usize) -> Sums {
        let [rows, x, y] = [&self.rows, &self.x, &self.y].map(|part| part[group]);
        let [xx, yy, xy] = [&self.xx, &self.yy, &self.xy].map(|part| part[group]);
        Sums { rows, x, y, xx, yy, xy }
    }

    #[inline(always)]
    fn merge(&mut self, group: usize, more: Sums) {
        if more.rows == 0.0 {
            return;
        }
        let before = self.rows[group];
        let all = before + more.rows;
        let first = before == 0.0;
        let (dx, dy) = if first { (0.0, 0.0) } else { (more.x - self.x[group], more.y - self.y[group]) };
        let (share, weight) = (more.rows / all, before * more.rows / all);
        self.rows[group] = all;
        self.x[group] = if first { more.x } else { self.x[group] + dx * share };
        self.y[group] = if first { more.y } else { self.y[group] + dy * share };
        self.xx[group] += more.xx + dx * dx * weight;
        self.yy[group] += more.yy + dy * dy * weight;
        self.xy[group] += more.xy + dx * dy * weight;
    }
}

impl Regression {
    /// With this outcome.
    pub(super) fn new(outcome: fn(Sums) -> Option<f64>) -> Self {
        Self { outcome, parts: Parts::default(), nan: false }
    }
}

struct AddPairs<'a> {
    ys: &'a [f64],
    xs: &'a [f64],
    parts: &'a mut Parts,
}

impl Fold for AddPairs<'_> {
    #[inline(always)]
    fn one(&mut self, group: usize, row: usize) {
        self.next(group, row..row + 1);
    }

    #[inline(always)]
    fn same(&mut self, group: usize, rows: Range<usize>) {
        let (xs, ys) = (&self.xs[rows.clone()], &self.ys[rows]);
        let (x, y) = (mean_of(xs), mean_of(ys));
        let xx = sum_of(xs, |value| (value - x) * (value - x));
        let yy = sum_of(ys, |value| (value - y) * (value - y));
        let xy = sum_of_pairs(xs, ys, |a, b| (a - x) * (b - y));
        self.parts.merge(group, Sums { rows: xs.len() as f64, x, y, xx, yy, xy });
    }

    #[inline(always)]
    fn next(&mut self, first: usize, rows: Range<usize>) {
        let len = rows.len();
        let (xs, ys) = (&self.xs[rows.clone()][..len], &self.ys[rows][..len]);
        let [rows, x, y, xx, yy, xy] = self.parts.each().map(|part| &mut part[first..first + len][..len]);
        // Mostly all groups have had as many rows, and a division takes as long as all the rest.
        let before = rows.first().copied().unwrap_or_default();
        let of_all = rows.iter().fold(true, |alike, own| alike & (*own == before)).then(|| 1.0 / (before + 1.0));
        for i in 0..len {
            rows[i] += 1.0;
            let share = of_all.unwrap_or_else(|| 1.0 / rows[i]);
            let (dx, dy) = (xs[i] - x[i], ys[i] - y[i]);
            x[i] += dx * share;
            y[i] += dy * share;
            let after = ys[i] - y[i];
            xx[i] += dx * (xs[i] - x[i]);
            yy[i] += dy * after;
            xy[i] += dx * after;
        }
    }
}

impl Accumulator for Regression {
    fn resize(&mut self, groups: usize) {
        let groups = groups.max(self.parts.rows.len());
        self.parts.each().into_iter().for_each(|part| part.resize(groups, 0.0));
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let (ys, xs, mask) = (values::<f64>(&args[0]), values::<f64>(&args[1]), Mask::of(args, present));
        self.nan = self.nan || any_nan(&ys, mask.as_ref()) || any_nan(&xs, mask.as_ref());
        fold(groups, mask.as_ref(), &mut AddPairs { ys: &ys, xs: &xs, parts: &mut self.parts });
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let parts = self.parts.each().into_iter();
        parts.map(|part| array(&DataType::Float64, std::mem::take(part), None)).collect()
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let parts = [0, 1, 2, 3, 4, 5].map(|part| values::<f64>(&state[part]));
        self.nan = self.nan || any_nan(&parts[1], None) || any_nan(&parts[2], None);
        groups.for_each(|at, group| {
            let [rows, x, y, xx, yy, xy] = [0, 1, 2, 3, 4, 5].map(|part: usize| parts[part][at]);
            self.parts.merge(group, Sums { rows, x, y, xx, yy, xy });
        });
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let parts = std::mem::take(&mut self.parts);
        Ok(doubles((0..parts.rows.len()).map(|group| (self.outcome)(parts.at(group)))))
    }

    fn memory(&self) -> usize {
        let Parts { rows, x, y, xx, yy, xy } = &self.parts;
        [rows, x, y, xx, yy, xy].into_iter().map(held).sum()
    }

    fn met_nan(&self) -> bool {
        self.nan
    }
}
