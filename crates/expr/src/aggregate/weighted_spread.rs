//! `weighted_stddev`: the spread of values around their weighted mean, over rows in which neither the value nor the weight is
//! NULL.
//!
//! For each group the weights, the weighted mean and the weighted squares of the deviations from it are kept, and merged as
//! in [`super::variance`] with weights in place of counts.

use super::lanes::{sum_of, sum_of_pairs};
use super::native::{any_nan, array, doubles, held, values};
use super::rows::{Fold, Mask, fold};
use super::{AggregateFunction, types};
use crate::{Accumulator, Error, Groups, Result};
use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use std::ops::Range;

/// `weighted_stddev(x, weight)`
pub(super) const WEIGHTED_STDDEV: AggregateFunction = AggregateFunction {
    names: &["weighted_stddev"],
    signature: "weighted_stddev(x, weight)",
    doc: "sqrt(sum(weight * (x - mean)^2) / sum(weight)), the mean being the weighted one, where neither is NULL.",
    parameters: 0..0,
    keeps_units: false,
    bind: types::doubles,
    create: |_, _| Ok(Box::new(Spread::default())),
};

/// An error if one of the weights in some rows is negative.
pub(super) fn check_weights(weights: &[f64], mask: Option<&Mask>, function: &str) -> Result<()> {
    // Null slots hold anything: the rows that count are looked at only if some slot looks bad.
    let is_bad = |weight: f64| weight < 0.0;
    let any = weights.iter().fold(false, |any, weight| any | is_bad(*weight));
    if any && mask.is_none_or(|mask| mask.any(0..weights.len(), |row| is_bad(weights[row]))) {
        return Err(Error::new(format!("{function} met a negative weight"))
            .with_hint("leave such rows out: FILTER (WHERE weight >= 0)"));
    }
    Ok(())
}

/// What is known of some rows: their weight, their weighted mean, and the weighted squares of deviations from it.
#[derive(Clone, Copy, Default)]
struct Part {
    weight: f64,
    mean: f64,
    squares: f64,
}

impl Part {
    fn of(xs: &[f64], ws: &[f64]) -> Self {
        let weight = sum_of(ws, |w| w);
        if weight == 0.0 {
            return Self::default();
        }
        let mean = sum_of_pairs(xs, ws, |x, w| x * w) / weight;
        Self { weight, mean, squares: sum_of_pairs(xs, ws, |x, w| w * (x - mean) * (x - mean)) }
    }

    fn merge(&mut self, more: Self) {
        if self.weight == 0.0 || more.weight == 0.0 {
            if self.weight == 0.0 {
                *self = more;
            }
            return;
        }
        let (all, way) = (self.weight + more.weight, more.mean - self.mean);
        let share = more.weight / all;
        self.squares += more.squares + way * way * self.weight * share;
        self.mean += way * share;
        self.weight = all;
    }
}

/// The parts of all groups, and how many rows each has.
#[derive(Default)]
struct Spread {
    parts: Vec<Part>,
    rows: Vec<i64>,
    nan: bool,
}

struct AddWeighted<'a> {
    xs: &'a [f64],
    ws: &'a [f64],
    parts: &'a mut [Part],
    rows: &'a mut [i64],
}

impl Fold for AddWeighted<'_> {
    #[inline(always)]
    fn one(&mut self, group: usize, row: usize) {
        self.rows[group] += 1;
        self.parts[group].merge(Part { weight: self.ws[row], mean: self.xs[row], squares: 0.0 });
    }

    #[inline(always)]
    fn same(&mut self, group: usize, rows: Range<usize>) {
        self.rows[group] += rows.len() as i64;
        self.parts[group].merge(Part::of(&self.xs[rows.clone()], &self.ws[rows]));
    }
}

impl Accumulator for Spread {
    fn resize(&mut self, groups: usize) {
        let groups = groups.max(self.rows.len());
        self.parts.resize(groups, Part::default());
        self.rows.resize(groups, 0);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let (xs, ws, mask) = (values::<f64>(&args[0]), values::<f64>(&args[1]), Mask::of(args, present));
        check_weights(&ws, mask.as_ref(), WEIGHTED_STDDEV.names[0])?;
        self.nan = self.nan || any_nan(&xs, mask.as_ref()) || any_nan(&ws, mask.as_ref());
        let (parts, rows) = (&mut self.parts[..], &mut self.rows[..]);
        fold(groups, mask.as_ref(), &mut AddWeighted { xs: &xs, ws: &ws, parts, rows });
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let (parts, rows) = (std::mem::take(&mut self.parts), std::mem::take(&mut self.rows));
        let column = |of: fn(&Part) -> f64| array(&DataType::Float64, parts.iter().map(of).collect(), None);
        let of_parts = [column(|part| part.weight)?, column(|part| part.mean)?, column(|part| part.squares)?];
        Ok(of_parts.into_iter().chain([super::native::counts(rows)]).collect())
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let [weights, means, squares] = [0, 1, 2].map(|part| values::<f64>(&state[part]));
        let rows = values::<i64>(&state[3]);
        self.nan = self.nan || any_nan(&means, None) || any_nan(&weights, None);
        groups.for_each(|at, group| {
            self.parts[group].merge(Part { weight: weights[at], mean: means[at], squares: squares[at] });
            self.rows[group] += rows[at];
        });
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let (parts, rows) = (std::mem::take(&mut self.parts), std::mem::take(&mut self.rows));
        // Without any weight there is no mean: NaN, as weighted_avg gives it.
        let of = |(part, rows): (Part, i64)| (rows > 0).then(|| (part.squares / part.weight).sqrt());
        Ok(doubles(parts.into_iter().zip(rows).map(of)))
    }

    fn memory(&self) -> usize {
        held(&self.parts) + held(&self.rows)
    }

    fn met_nan(&self) -> bool {
        self.nan
    }
}
