//! `histogram_1d` and `histogram_2d`: how many values, or how much weight, lies in each bin between given edges.
//!
//! Values outside of all edges, and NaN, are in no bin. Counts are exact; weights are added up in the order of the rows.

use super::edges::Edges;
use super::native::{Native, any_nan, array, held, lists, values};
use super::rows::{Fold, Mask, fold};
use super::types::{self, Bound, Types};
use super::{Accumulating, AggregateFunction};
use crate::{Accumulator, Error, Groups, Result, Scalar, SqlType};
use arrow::array::{Array, ArrayRef, AsArray, ListArray};
use arrow::buffer::{BooleanBuffer, OffsetBuffer};
use arrow::datatypes::Field;
use std::ops::AddAssign;
use std::sync::Arc;

/// `histogram_1d(x, edges [, weight])`
pub(super) const HISTOGRAM_1D: AggregateFunction = AggregateFunction {
    names: &["histogram_1d"],
    signature: "histogram_1d(x, [edge, ..]), histogram_1d(x, [edge, ..], weight)",
    doc: "A list: the number of values, or the sum of weights, from each edge to below the next; the last edge is in.",
    parameters: 1..2,
    keeps_units: false,
    bind: |args, parameters| bind(args, parameters, 1),
    create,
};

/// `histogram_2d(x, y, xedges, yedges [, weight])`
pub(super) const HISTOGRAM_2D: AggregateFunction = AggregateFunction {
    names: &["histogram_2d"],
    signature: "histogram_2d(x, y, [edge, ..], [edge, ..]), histogram_2d(x, y, [edge, ..], [edge, ..], weight)",
    doc: "A list for each bin of x of the counts, or the sums of weights, in the bins of y; bins as in histogram_1d.",
    parameters: 2..4,
    keeps_units: false,
    bind: |args, parameters| bind(args, parameters, 2),
    create,
};

/// The most bins that a histogram may have.
const MAX_BINS: usize = 1 << 24;

fn bind(args: &[SqlType], parameters: &[Scalar], axes: usize) -> Bound {
    if parameters.len() != axes {
        return Ok(None);
    }
    Bins::new(parameters)?;
    types::histogram(args, axes)
}

fn create(types: &Types, parameters: &[Scalar]) -> Result<Accumulating> {
    let bins = Bins::new(parameters)?;
    let weighted = types.args.len() > parameters.len();
    let item = if weighted { SqlType::Double } else { SqlType::BigInt };
    Ok(if weighted {
        Box::new(Histogram::<f64> { bins, item, weighted, groups: 0, tallies: Vec::new(), nan: false })
    } else {
        Box::new(Histogram::<i64> { bins, item, weighted, groups: 0, tallies: Vec::new(), nan: false })
    })
}

/// The edges along each axis.
struct Bins(Vec<Edges>);

impl Bins {
    fn new(parameters: &[Scalar]) -> Result<Self> {
        let bins = Self(parameters.iter().map(Edges::new).collect::<Result<_>>()?);
        let count = bins.0.iter().try_fold(1usize, |count, edges| count.checked_mul(edges.bins()));
        match count {
            Some(count) if count <= MAX_BINS => Ok(bins),
            _ => Err(Error::new(format!("a histogram has at most {MAX_BINS} bins")).with_hint("give fewer edges")),
        }
    }

    /// How many bins there are on all axes together.
    fn count(&self) -> usize {
        self.0.iter().map(Edges::bins).product()
    }

    /// The bin that holds a point, counted along the last axis first.
    #[inline(always)]
    fn find(&self, point: impl Fn(usize) -> f64) -> Option<usize> {
        let mut bin = 0;
        for (axis, edges) in self.0.iter().enumerate() {
            bin = bin * edges.bins() + edges.bin_of(point(axis))?;
        }
        Some(bin)
    }
}

/// A count or a sum of weights.
trait Tally: Native + AddAssign {
    const ONE: Self;

    fn of(weight: f64) -> Self;
}

impl Tally for i64 {
    const ONE: Self = 1;

    fn of(_: f64) -> Self {
        1
    }
}

impl Tally for f64 {
    const ONE: Self = 1.0;

    fn of(weight: f64) -> Self {
        weight
    }
}

/// The tallies of all groups, those of a group next to each other.
struct Histogram<T> {
    bins: Bins,
    item: SqlType,
    weighted: bool,
    groups: usize,
    tallies: Vec<T>,
    nan: bool,
}

struct AddPoints<'a, T> {
    bins: &'a Bins,
    points: &'a [&'a [f64]],
    weights: Option<&'a [f64]>,
    tallies: &'a mut [T],
}

impl<T: Tally> Fold for AddPoints<'_, T> {
    #[inline(always)]
    fn one(&mut self, group: usize, row: usize) {
        if let Some(bin) = self.bins.find(|axis| self.points[axis][row]) {
            self.tallies[group * self.bins.count() + bin] += self.weights.map_or(T::ONE, |weights| T::of(weights[row]));
        }
    }
}

impl<T: Tally> Accumulator for Histogram<T> {
    fn resize(&mut self, groups: usize) {
        self.groups = self.groups.max(groups);
        self.tallies.resize(self.groups * self.bins.count(), T::default());
    }

    fn bytes_a_group(&self) -> usize {
        self.bins.count() * size_of::<T>()
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let mask = Mask::of(args, present);
        let columns: Vec<_> = args.iter().map(values::<f64>).collect();
        self.nan = self.nan || columns.iter().any(|column| any_nan(column, mask.as_ref()));
        let slices: Vec<&[f64]> = columns.iter().map(|column| &column[..]).collect();
        let (points, weights) = slices.split_at(self.bins.0.len());
        let weights = weights.first().copied().filter(|_| self.weighted);
        fold(groups, mask.as_ref(), &mut AddPoints { bins: &self.bins, points, weights, tallies: &mut self.tallies });
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let tallies = array(&self.item.to_arrow(), std::mem::take(&mut self.tallies), None)?;
        Ok(vec![lists(tallies, std::iter::repeat_n(self.bins.count(), std::mem::take(&mut self.groups)))?])
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let lists = state[0].as_list::<i64>();
        let (more, offsets, bins) = (values::<T>(lists.values()), lists.offsets(), self.bins.count());
        groups.for_each(|at, group| {
            let own = &mut self.tallies[group * bins..][..bins];
            own.iter_mut().zip(&more[offsets[at] as usize..]).for_each(|(own, more)| *own += *more);
        });
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let mut out = array(&self.item.to_arrow(), std::mem::take(&mut self.tallies), None)?;
        self.groups = 0;
        for edges in self.bins.0.iter().rev() {
            out = cut(out, edges.bins())?;
        }
        Ok(out)
    }

    fn memory(&self) -> usize {
        held(&self.tallies)
    }

    fn met_nan(&self) -> bool {
        self.nan
    }
}

/// The values as lists of `len` each.
fn cut(values: ArrayRef, len: usize) -> Result<ArrayRef> {
    if i32::try_from(values.len()).is_err() {
        let error =
            Error::new(format!("the histograms of all groups have {} bins, more than a result holds", values.len()));
        return Err(error.with_hint("make fewer groups, or give fewer edges"));
    }
    let item = Arc::new(Field::new("item", values.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(len, values.len() / len));
    Ok(Arc::new(ListArray::try_new(item, offsets, values, None)?))
}
