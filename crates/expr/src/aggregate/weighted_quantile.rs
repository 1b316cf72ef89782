//! `weighted_quantile`: the quantile of the distribution that weighted values are a sample of, as `quantile_cont` is that of
//! values.
//!
//! The estimator is the weighted form of Hyndman and Fan's type 7 by A. Akinshin, "Weighted quantile estimators" (2023,
//! arXiv:2304.07265), which xarray's `weighted(..).quantile` takes too. Let the values be in order, `S` the sum of all weights
//! and `c(i)` that of the first `i`, as a share of `S`; let `n = S^2 / sum(w^2)`, the effective number of values after Kish.
//! The quantile at `q` is the mean of the values that `c` puts between `a = q * (n - 1) / n` and `a + 1 / n`, each weighted
//! by how much of that stretch is its own. With equal weights it is `quantile_cont`; values of weight 0 have no part in it.

use super::collected::{Collect, Collected};
use super::native::{Native, any_nan, array, lists, values};
use super::quantile::Fractions;
use super::rows::{Mask, fold};
use super::weighted_spread::check_weights;
use super::{AggregateFunction, types};
use crate::{Accumulator, Groups, Result, SqlType};
use arrow::array::{ArrayRef, AsArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;

/// `weighted_quantile(x, weight, fraction)`
pub(super) const WEIGHTED_QUANTILE: AggregateFunction = AggregateFunction {
    names: &["weighted_quantile"],
    signature: "weighted_quantile(x, weight, fraction), weighted_quantile(x, weight, [fraction, ..])",
    doc: "The value below which a fraction of the weight lies, between two values if need be (weighted type 7).",
    parameters: 2..3,
    keeps_units: true,
    bind: types::weighted_quantiles,
    create: |_, parameters| {
        let fractions = Fractions::new(parameters)?;
        Ok(Box::new(WeightedQuantile { fractions, collected: Collected::default(), nan: false }))
    },
};

/// A value and its weight.
type Weighted = (f64, f64);

/// All values of all groups with their weights, and what to find among them.
struct WeightedQuantile {
    fractions: Fractions,
    collected: Collected<Weighted>,
    nan: bool,
}

/// The quantiles of values in order, each of which has a weight above 0.
fn quantiles<'a>(ordered: &'a [Weighted], fractions: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    let total: f64 = ordered.iter().map(|(_, weight)| weight).sum();
    let squares: f64 = ordered.iter().map(|(_, weight)| (weight / total) * (weight / total)).sum();
    // 1 / squares is the effective number of values, at least 1 but for rounding.
    let stretch = squares.min(1.0);
    fractions.iter().map(move |fraction| {
        // A negative fraction, also -0.0, counts from the greatest value down.
        let share = if fraction.is_sign_negative() { 1.0 + fraction } else { *fraction };
        mean_between(ordered, total, share * (1.0 - stretch), stretch)
    })
}

/// The mean of the values whose share of the weight lies in the stretch that begins at `start`.
fn mean_between(ordered: &[Weighted], total: f64, start: f64, stretch: f64) -> f64 {
    let (mut so_far, mut below, mut sum, mut covered) = (0.0, 0.0f64, 0.0, 0.0);
    let end = (start + stretch).min(1.0);
    for (value, weight) in ordered {
        so_far += weight;
        let above: f64 = so_far / total;
        let own = above.min(end) - below.max(start);
        // Rounding must not lend the neighbours of one value a part of it, least of all an infinite one.
        if own > stretch * 1e-12 {
            sum += value * own;
            covered += own;
        }
        below = above;
        if below >= end {
            break;
        }
    }
    sum / covered
}

impl Accumulator for WeightedQuantile {
    fn resize(&mut self, groups: usize) {
        self.collected.resize(groups);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let (xs, ws, mask) = (values::<f64>(&args[0]), values::<f64>(&args[1]), Mask::of(args, present));
        check_weights(&ws, mask.as_ref(), WEIGHTED_QUANTILE.names[0])?;
        self.nan = self.nan || any_nan(&xs, mask.as_ref()) || any_nan(&ws, mask.as_ref());
        let pairs: Vec<Weighted> = xs.iter().copied().zip(ws.iter().copied()).collect();
        fold(groups, mask.as_ref(), &mut Collect { values: &pairs, into: &mut self.collected });
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let sizes: Vec<usize> = self.collected.sizes().iter().map(|size| *size as usize).collect();
        let (mut xs, mut ws): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
        self.collected.visit(|_, pairs| {
            xs.extend(pairs.iter().map(|pair| pair.0));
            ws.extend(pairs.iter().map(|pair| pair.1));
        });
        let list = |values: Vec<f64>| lists(array(&DataType::Float64, values, None)?, sizes.iter().copied());
        Ok(vec![list(xs)?, list(ws)?])
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let (x_lists, w_lists) = (state[0].as_list::<i64>(), state[1].as_list::<i64>());
        let (xs, ws) = (values::<f64>(x_lists.values()), values::<f64>(w_lists.values()));
        self.nan = self.nan || any_nan(&xs, None) || any_nan(&ws, None);
        let pairs: Vec<Weighted> = xs.iter().copied().zip(ws.iter().copied()).collect();
        let offsets = x_lists.offsets();
        groups.for_each(|at, group| {
            self.collected.add_same(group, &pairs[offsets[at] as usize..offsets[at + 1] as usize]);
        });
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let valid: Vec<bool> = self.collected.sizes().iter().map(|size| *size > 0).collect();
        let fractions = self.fractions.all();
        // Without any weight there is no quantile: NaN, as weighted_avg gives it.
        let mut out = vec![f64::NAN; valid.len() * fractions.len()];
        self.collected.visit(|group, pairs| {
            let kept = partition(pairs);
            kept.sort_unstable_by(|a, b| a.0.order(b.0));
            if !kept.is_empty() {
                let slots = &mut out[group * fractions.len()..];
                slots.iter_mut().zip(quantiles(kept, fractions)).for_each(|(slot, found)| *slot = found);
            }
        });
        self.fractions.result(&SqlType::Double, out, &valid)
    }

    fn memory(&self) -> usize {
        self.collected.memory()
    }

    fn met_nan(&self) -> bool {
        self.nan
    }
}

/// Brings the pairs with a weight to the front: these.
fn partition(pairs: &mut [Weighted]) -> &mut [Weighted] {
    let mut kept = 0;
    for at in 0..pairs.len() {
        if pairs[at].1 != 0.0 {
            pairs.swap(kept, at);
            kept += 1;
        }
    }
    &mut pairs[..kept]
}
