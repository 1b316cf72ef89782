//! `mad`: the median of the distances from the median.

use super::collected::Collected;
use super::native::{array_where, values};
use super::quantile::{Fractions, Real, median_of};
use super::rounds::{Quantiles, Rounds};
use super::{AggregateFunction, types};
use crate::{Accumulator, Groups, Result, SqlType};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Float64Type};
use std::sync::Arc;

/// `mad(x)`
pub(super) const MAD: AggregateFunction = AggregateFunction {
    names: &["mad"],
    signature: "mad(number)",
    doc: "The median absolute deviation, median(abs(x - median(x))), as DOUBLE.",
    parameters: 0..0,
    keeps_units: false,
    bind: types::double,
    create: |_, _| Ok(Box::new(Deviation::default())),
};

/// All values of all groups.
#[derive(Default)]
struct Deviation {
    collected: Collected<f64>,
    nan: bool,
}

impl Accumulator for Deviation {
    fn resize(&mut self, groups: usize) {
        self.collected.resize(groups);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        self.nan |= self.collected.update(groups, args, present);
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        self.collected.state(&DataType::Float64)
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        self.nan |= self.collected.merge(groups, state);
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let valid: Vec<bool> = self.collected.sizes().iter().map(|size| *size > 0).collect();
        let mut out = vec![0.0; valid.len()];
        self.collected.visit(|group, values| {
            if !values.is_empty() {
                let middle = median_of(values);
                values.iter_mut().for_each(|value| *value = (*value - middle).abs());
                out[group] = median_of(values);
            }
        });
        array_where(&DataType::Float64, out, &valid)
    }

    fn memory(&self) -> usize {
        self.collected.memory()
    }

    fn met_nan(&self) -> bool {
        self.nan
    }
}

/// The same in rounds over the rows: first the medians, then those of the distances from them.
pub(super) fn in_rounds(bytes_a_group: usize) -> Box<dyn Rounds> {
    Box::new(DeviationRounds { bytes_a_group, search: medians(bytes_a_group), middles: None })
}

fn medians(bytes_a_group: usize) -> Quantiles<f64, Real> {
    Quantiles::new(&SqlType::Double, Fractions::One(0.5), bytes_a_group)
}

struct DeviationRounds {
    bytes_a_group: usize,
    /// For the medians, then for the distances from them.
    search: Quantiles<f64, Real>,
    middles: Option<Arc<Float64Array>>,
}

impl Rounds for DeviationRounds {
    fn accumulator(&self) -> Box<dyn Accumulator> {
        let within = self.search.accumulator();
        match &self.middles {
            None => within,
            Some(middles) => Box::new(Distances { middles: middles.clone(), within }),
        }
    }

    fn close(&mut self, counted: &ArrayRef) -> Result<()> {
        self.search.close(counted)?;
        if self.search.is_done() && self.middles.is_none() {
            let middles = self.search.finish()?;
            self.middles = Some(Arc::new(middles.as_primitive::<Float64Type>().clone()));
            self.search = medians(self.bytes_a_group);
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.middles.is_some() && self.search.is_done()
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        self.search.finish()
    }
}

/// Gives another accumulator the distances from the middles of the groups.
struct Distances {
    middles: Arc<Float64Array>,
    within: Box<dyn Accumulator>,
}

impl Accumulator for Distances {
    fn resize(&mut self, groups: usize) {
        self.within.resize(groups);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let mut distances = values::<f64>(&args[0]).to_vec();
        groups.for_each(|row, group| distances[row] = (distances[row] - self.middles.value(group)).abs());
        let distances = Float64Array::new(distances.into(), args[0].logical_nulls());
        self.within.update(groups, &[Arc::new(distances)], present)
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        self.within.state()
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        self.within.merge(groups, state)
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        self.within.finish()
    }

    fn memory(&self) -> usize {
        self.within.memory()
    }

    fn met_nan(&self) -> bool {
        self.within.met_nan()
    }
}
