//! `weighted_quantile`: the quantile of the distribution that weighted values are a sample of, as `quantile_cont` is that of
//! values.
//!
//! The estimator is the weighted form of Hyndman and Fan's type 7 by A. Akinshin, "Weighted quantile estimators" (2023,
//! arXiv:2304.07265), which xarray's `weighted(..).quantile` takes too. Let the values be in order, `S` the sum of all weights
//! and `c(i)` that of the first `i`, as a share of `S`; let `n = S^2 / sum(w^2)`, the effective number of values after Kish.
//! The quantile at `q` is the mean of the values that `c` puts between `a = q * (n - 1) / n` and `a + 1 / n`, each weighted
//! by how much of that stretch is its own. With equal weights it is `quantile_cont`; values of weight 0 have no part in it.
//!
//! Weights are added up as whole numbers, so that their sums are the same in any order: [`super::weighted_rounds`] finds the same
//! quantiles of values that are never held together.

use super::collected::{Collect, Collected};
use super::native::{Native, any_nan, array, lists, values};
use super::quantile::Fractions;
use super::rounds::Rounds;
use super::rows::{Mask, fold};
use super::weighted_rounds::WeightedQuantiles;
use super::weighted_spread::check_weights;
use super::{AggregateFunction, types};
use crate::{Accumulator, Groups, Result, Scalar, SqlType};
use arrow::array::{ArrayRef, AsArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;

pub(super) const NAME: &str = "weighted_quantile";

/// `weighted_quantile(x, weight, fraction)`
pub(super) const WEIGHTED_QUANTILE: AggregateFunction = AggregateFunction {
    names: &[NAME],
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

/// Weights as whole numbers: multiples of a power of two, of which the greatest weight of a group has 2^61 to 2^62. What is lost
/// of lesser ones is less than the rounding of a sum with it.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    exponent: i32,
}

/// The bits of the greatest whole weight.
const WEIGHT_BITS: i32 = 62;

/// The bits that a weight loses before it is squared: the sum of 2^36 squares fits.
const SQUARE_SHIFT: u32 = 16;

impl Scale {
    /// The scale of weights up to this one; none if it is 0, or if they have no sum.
    pub(super) fn of_greatest(weight: f64) -> Option<Self> {
        let is_number = weight > 0.0 && weight.is_finite();
        is_number.then(|| Self { exponent: WEIGHT_BITS - 1 - libm::ilogb(weight) })
    }

    #[inline(always)]
    pub(super) fn whole(self, weight: f64) -> i128 {
        // Powers of two beyond those of numbers are for weights beyond all use.
        let scaled = match self.exponent {
            -1022..=1023 => weight * f64::from_bits(((self.exponent + 1023) as u64) << 52),
            exponent => libm::scalbn(weight, exponent),
        };
        i128::from(scaled.round_ties_even() as i64)
    }
}

/// The square of a whole weight, in units of its own.
pub(super) fn square(whole: i128) -> i128 {
    let short = whole >> SQUARE_SHIFT;
    short * short
}

/// The stretch of the weight whose values a quantile is the mean of.
#[derive(Clone, Copy)]
pub(super) struct Stretch {
    pub(super) start: i128,
    pub(super) end: i128,
}

impl Stretch {
    /// The stretches of some fractions of whole weights with this sum, and this sum of squares.
    pub(super) fn all(total: i128, squares: i128, fractions: &[f64]) -> Vec<Self> {
        let squares = squares as f64 * f64::from(1_u32 << SQUARE_SHIFT) * f64::from(1_u32 << SQUARE_SHIFT);
        // One by the effective number of values, which is at least 1 but for rounding.
        let share = (squares / (total as f64 * total as f64)).min(1.0);
        let stretch = |fraction: &f64| {
            // A negative fraction, also -0.0, counts from the greatest value down.
            let fraction = if fraction.is_sign_negative() { 1.0 + fraction } else { *fraction };
            let start = (fraction * (1.0 - share) * total as f64) as i128;
            let len = ((share * total as f64) as i128).max(1);
            let start = start.min(total - 1);
            Self { start, end: (start + len).min(total) }
        };
        fractions.iter().map(stretch).collect()
    }

    /// How much of it some weight is that has so much before it.
    pub(super) fn part(self, before: i128, weight: i128) -> i128 {
        ((before + weight).min(self.end) - before.max(self.start)).max(0)
    }

    /// The mean of values that have so much weight before them and of their own.
    pub(super) fn mean(self, values: impl Iterator<Item = (f64, i128, i128)>) -> f64 {
        let (mut sum, mut covered) = (0.0, 0.0);
        let least = (self.end - self.start) as f64 * 1e-12;
        for (value, before, weight) in values {
            let own = self.part(before, weight) as f64;
            // Rounding must not lend the neighbours of one value a part of it, least of all an infinite one.
            if own > least {
                sum += value * own;
                covered += own;
            }
        }
        sum / covered
    }
}

/// The quantiles of values in order, each of which has a weight above 0.
fn quantiles(ordered: &[Weighted], fractions: &[f64]) -> Vec<f64> {
    let greatest = ordered.iter().fold(0.0, |greatest, (_, weight)| greater(greatest, *weight));
    let Some(scale) = Scale::of_greatest(greatest) else { return vec![f64::NAN; fractions.len()] };
    let whole = |pair: &Weighted| scale.whole(pair.1);
    let (total, squares) =
        ordered.iter().map(whole).fold((0, 0), |(total, squares), whole| (total + whole, squares + square(whole)));
    let mean = |stretch: Stretch| {
        let mut before = 0;
        let alike = ordered.chunk_by(|a, b| a.0.rank() == b.0.rank()).map(|alike| {
            let weight: i128 = alike.iter().map(whole).sum();
            before += weight;
            (f64::of_rank(alike[0].0.rank()), before - weight, weight)
        });
        stretch.mean(alike.take_while(|(_, before, _)| *before < stretch.end))
    };
    Stretch::all(total, squares, fractions).into_iter().map(mean).collect()
}

/// What finds weighted quantiles in rounds, with accumulators that hold so many bytes for each group.
pub(super) fn in_rounds(parameters: &[Scalar], bytes_a_group: usize) -> Result<Option<Box<dyn Rounds>>> {
    Ok(Some(Box::new(WeightedQuantiles::new(Fractions::new(parameters)?, bytes_a_group))))
}

/// The greater of two weights; NaN if one is.
pub(super) fn greater(one: f64, other: f64) -> f64 {
    if other > one || other.is_nan() { other } else { one }
}

impl Accumulator for WeightedQuantile {
    fn resize(&mut self, groups: usize) {
        self.collected.resize(groups);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let (xs, ws, mask) = (values::<f64>(&args[0]), values::<f64>(&args[1]), Mask::of(args, present));
        check_weights(&ws, mask.as_ref(), NAME)?;
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
                slots[..fractions.len()].copy_from_slice(&quantiles(kept, fractions));
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
