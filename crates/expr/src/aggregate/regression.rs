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

/// The cells of a map mostly meet the same x, the time: so many neighbours know of it together until they differ.
const NEIGHBOURS: usize = 256;

/// What a group knows of x.
#[derive(Clone, Copy, Default)]
struct OfX {
    rows: f64,
    x: f64,
    xx: f64,
}

#[derive(Default)]
struct Parts {
    /// For each [`NEIGHBOURS`] groups what all of them know of x. None once they differ: then `rows`, `x` and `xx` say it.
    of_x: Vec<Option<OfX>>,
    rows: Vec<f64>,
    x: Vec<f64>,
    y: Vec<f64>,
    xx: Vec<f64>,
    /// Empty where no outcome asks for it: the sums of a large map are more than a cache holds.
    yy: Vec<f64>,
    xy: Vec<f64>,
    squares_of_y: bool,
}

impl Parts {
    fn len(&self) -> usize {
        self.y.len()
    }

    fn each(&mut self) -> [&mut Vec<f64>; 6] {
        [&mut self.rows, &mut self.x, &mut self.y, &mut self.xx, &mut self.yy, &mut self.xy]
    }

    fn resize(&mut self, groups: usize) {
        // New groups know nothing yet.
        if !self.len().is_multiple_of(NEIGHBOURS) && groups > self.len() {
            self.tell_apart(self.len() / NEIGHBOURS);
        }
        self.of_x.resize(groups.div_ceil(NEIGHBOURS), Some(OfX::default()));
        let Self { rows, x, y, xx, yy, xy, .. } = self;
        [rows, x, y, xx, xy].into_iter().for_each(|part| part.resize(groups, 0.0));
        yy.resize(if self.squares_of_y { groups } else { 0 }, 0.0);
    }

    /// Lets each group of some neighbours know of x by itself.
    #[inline(always)]
    fn tell_apart(&mut self, neighbours: usize) {
        if let Some(of_x) = self.of_x[neighbours].take() {
            let groups = neighbours * NEIGHBOURS..((neighbours + 1) * NEIGHBOURS).min(self.len());
            self.rows[groups.clone()].fill(of_x.rows);
            self.x[groups.clone()].fill(of_x.x);
            self.xx[groups].fill(of_x.xx);
        }
    }

    fn at(&self, group: usize) -> Sums {
        let own = || OfX { rows: self.rows[group], x: self.x[group], xx: self.xx[group] };
        let OfX { rows, x, xx } = self.of_x[group / NEIGHBOURS].unwrap_or_else(own);
        let yy = self.yy.get(group).copied().unwrap_or_default();
        Sums { rows, x, y: self.y[group], xx, yy, xy: self.xy[group] }
    }

    /// Folds in a row for each of the groups from `first` on.
    #[inline(always)]
    fn add(&mut self, first: usize, xs: &[f64], ys: &[f64]) {
        let len = xs.len();
        let ys = &ys[..len];
        let Self { rows, x, y, xx, yy, xy, .. } = self;
        let [rows, x, y, xx, xy] = [rows, x, y, xx, xy].map(|part| &mut part[first..first + len][..len]);
        // Mostly all groups have had as many rows, and a division takes as long as all the rest.
        let before = rows.first().copied().unwrap_or_default();
        let of_all = rows.iter().fold(true, |alike, own| alike & (*own == before)).then(|| 1.0 / (before + 1.0));
        if !yy.is_empty() {
            add_squares(&mut yy[first..first + len], y, ys, |i| of_all.unwrap_or_else(|| 1.0 / (rows[i] + 1.0)));
        }
        for i in 0..len {
            rows[i] += 1.0;
            let share = of_all.unwrap_or_else(|| 1.0 / rows[i]);
            let (dx, dy) = (xs[i] - x[i], ys[i] - y[i]);
            x[i] += dx * share;
            y[i] += dy * share;
            let after = ys[i] - y[i];
            xx[i] += dx * (xs[i] - x[i]);
            xy[i] += dx * after;
        }
    }

    /// The same for groups that know of x together and meet the same x again.
    #[inline(always)]
    fn add_together(&mut self, first: usize, mut of_x: OfX, own_x: f64, ys: &[f64]) {
        let len = ys.len();
        of_x.rows += 1.0;
        let (share, dx) = (1.0 / of_x.rows, own_x - of_x.x);
        of_x.x += dx * share;
        of_x.xx += dx * (own_x - of_x.x);
        self.of_x[first / NEIGHBOURS] = Some(of_x);
        let [y, xy] = [&mut self.y, &mut self.xy].map(|part| &mut part[first..first + len][..len]);
        if !self.yy.is_empty() {
            add_squares(&mut self.yy[first..first + len], y, ys, |_| share);
        }
        for i in 0..len {
            let dy = ys[i] - y[i];
            y[i] += dy * share;
            xy[i] += dx * (ys[i] - y[i]);
        }
    }

    #[inline(always)]
    fn merge(&mut self, group: usize, more: Sums) {
        if more.rows == 0.0 {
            return;
        }
        self.tell_apart(group / NEIGHBOURS);
        let before = self.rows[group];
        let all = before + more.rows;
        let first = before == 0.0;
        let (dx, dy) = if first { (0.0, 0.0) } else { (more.x - self.x[group], more.y - self.y[group]) };
        let (share, weight) = (more.rows / all, before * more.rows / all);
        self.rows[group] = all;
        self.x[group] = if first { more.x } else { self.x[group] + dx * share };
        self.y[group] = if first { more.y } else { self.y[group] + dy * share };
        self.xx[group] += more.xx + dx * dx * weight;
        if let Some(yy) = self.yy.get_mut(group) {
            *yy += more.yy + dy * dy * weight;
        }
        self.xy[group] += more.xy + dx * dy * weight;
    }
}

/// Folds values into squared deviations from means, of which they will make up the share.
#[inline(always)]
fn add_squares(squares: &mut [f64], means: &[f64], values: &[f64], share: impl Fn(usize) -> f64) {
    let len = values.len();
    let (squares, means) = (&mut squares[..len], &means[..len]);
    for i in 0..len {
        let deviation = values[i] - means[i];
        squares[i] += deviation * (values[i] - (means[i] + deviation * share(i)));
    }
}

impl Regression {
    /// With this outcome, which does not need the squared deviations of y.
    pub(super) fn new(outcome: fn(Sums) -> Option<f64>) -> Self {
        Self { outcome, parts: Parts::default(), nan: false }
    }

    /// With this outcome, which does.
    pub(super) fn with_squares_of_y(outcome: fn(Sums) -> Option<f64>) -> Self {
        let parts = Parts { squares_of_y: true, ..Parts::default() };
        Self { outcome, parts, nan: false }
    }

    fn take_parts(&mut self) -> Parts {
        let emptied = Parts { squares_of_y: self.parts.squares_of_y, ..Parts::default() };
        std::mem::replace(&mut self.parts, emptied)
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
        let (mut group, mut row) = (first, rows.start);
        while row < rows.end {
            let neighbours = group / NEIGHBOURS;
            let last = ((neighbours + 1) * NEIGHBOURS).min(self.parts.len());
            let len = (last - group).min(rows.end - row);
            let (xs, ys) = (&self.xs[row..row + len], &self.ys[row..row + len]);
            let are_all = group.is_multiple_of(NEIGHBOURS) && group + len == last;
            match self.parts.of_x[neighbours] {
                Some(of_x) if are_all && xs.iter().fold(true, |alike, x| alike & (*x == xs[0])) => {
                    self.parts.add_together(group, of_x, xs[0], ys);
                }
                of_x => {
                    if of_x.is_some() {
                        self.parts.tell_apart(neighbours);
                    }
                    self.parts.add(group, xs, ys);
                }
            }
            (group, row) = (group + len, row + len);
        }
    }
}

impl Accumulator for Regression {
    fn resize(&mut self, groups: usize) {
        self.parts.resize(groups.max(self.parts.len()));
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let (ys, xs, mask) = (values::<f64>(&args[0]), values::<f64>(&args[1]), Mask::of(args, present));
        self.nan = self.nan || any_nan(&ys, mask.as_ref()) || any_nan(&xs, mask.as_ref());
        fold(groups, mask.as_ref(), &mut AddPairs { ys: &ys, xs: &xs, parts: &mut self.parts });
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let mut parts = self.take_parts();
        (0..parts.of_x.len()).for_each(|neighbours| parts.tell_apart(neighbours));
        parts.yy.resize(parts.len(), 0.0);
        let parts = parts.each().into_iter();
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
        let parts = self.take_parts();
        Ok(doubles((0..parts.len()).map(|group| (self.outcome)(parts.at(group)))))
    }

    fn memory(&self) -> usize {
        let Parts { of_x, rows, x, y, xx, yy, xy, .. } = &self.parts;
        held(of_x) + [rows, x, y, xx, yy, xy].into_iter().map(held).sum::<usize>()
    }

    fn met_nan(&self) -> bool {
        self.nan
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GroupRun;
    use arrow::array::Float64Array;
    use std::sync::Arc;

    /// Some rows of neighbouring groups: the first group, how many, x by place, and which rows count.
    struct Given {
        first: u32,
        len: u32,
        x: fn(u32) -> f64,
        counts: fn(u32) -> bool,
    }

    impl Given {
        fn all(first: u32, len: u32, x: fn(u32) -> f64) -> Self {
            Self { first, len, x, counts: |_| true }
        }
    }

    /// The sums of groups that get these rows as runs, or one by one.
    fn folded(given: &[Given], groups: usize, one_by_one: bool) -> Vec<Vec<u64>> {
        let mut regression = Regression::with_squares_of_y(Sums::corr);
        regression.resize(300);
        for (time, part) in given.iter().enumerate() {
            regression.resize(groups.min(300 + 200 * time));
            let xs: Vec<f64> = (0..part.len).map(part.x).collect();
            let ys = (0..part.len).map(|i| f64::from((i * 7919 + time as u32 * 104_729) % 1000) / 7.0);
            let args: [ArrayRef; 2] = [Arc::new(ys.collect::<Float64Array>()), Arc::new(Float64Array::from(xs))];
            let present: BooleanBuffer = (0..part.len).map(part.counts).collect();
            let (runs, each) =
                ([GroupRun { len: part.len, first: part.first, step: 1 }], (part.first..part.first + part.len));
            let each: Vec<u32> = each.collect();
            let groups = if one_by_one { Groups::Each(&each) } else { Groups::Runs(&runs) };
            regression.update(&groups, &args, Some(&present)).expect("never fails");
        }
        let state = regression.state().expect("fits");
        state.iter().map(|part| values::<f64>(part).iter().map(|value| value.to_bits()).collect()).collect()
    }

    #[test]
    fn groups_that_know_of_x_together_have_the_sums_that_each_has_by_itself() {
        let given = [
            Given::all(0, 300, |_| 1.5),
            Given::all(0, 500, |_| 1.75),
            Given::all(0, 700, |_| 2.5),
            Given::all(0, 256, f64::from),
            Given { first: 0, len: 700, x: |_| 3.25, counts: |i| i % 5 != 0 || i >= 512 },
            Given::all(300, 100, |_| 4.0),
            Given::all(0, 700, |_| 5.0),
        ];
        for until in 1..=given.len() {
            assert_eq!(folded(&given[..until], 700, false), folded(&given[..until], 700, true), "after {until}");
        }
        let mut regression = Regression::new(Sums::slope);
        regression.resize(600);
        let args: [ArrayRef; 2] =
            [Arc::new(Float64Array::from(vec![1.0; 600])), Arc::new(Float64Array::from(vec![2.0; 600]))];
        let run = [GroupRun { len: 600, first: 0, step: 1 }];
        regression.update(&Groups::Runs(&run), &args, None).expect("never fails");
        assert!(
            regression.parts.of_x.iter().all(Option::is_some) && regression.parts.rows.iter().all(|rows| *rows == 0.0)
        );
    }
}
