//! `geomean`: the geometric mean, from the mean of logarithms. 0 if a value is, NaN if one is negative.

use super::sum::RealSum;
use super::{AggregateFunction, types};
use crate::{Accumulator, Groups, Result};
use arrow::array::{ArrayRef, AsArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::arity::unary;
use arrow::datatypes::Float64Type;
use std::sync::Arc;

/// `geomean(x)`
pub(super) const GEOMEAN: AggregateFunction = AggregateFunction {
    names: &["geomean", "geometric_mean"],
    signature: "geomean(number)",
    doc: "The geometric mean, exp(avg(ln(x))).",
    parameters: 0..0,
    keeps_units: false,
    bind: types::double,
    create: |_, _| Ok(Box::new(Geometric(RealSum::new(true)))),
};

/// The mean of logarithms.
struct Geometric(RealSum<f64>);

fn each(values: &ArrayRef, of: fn(f64) -> f64) -> ArrayRef {
    Arc::new(unary::<Float64Type, _, Float64Type>(values.as_primitive(), of))
}

impl Accumulator for Geometric {
    fn resize(&mut self, groups: usize) {
        self.0.resize(groups);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        self.0.update(groups, &[each(&args[0], libm::log)], present)
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        self.0.state()
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        self.0.merge(groups, state)
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        Ok(each(&self.0.finish()?, libm::exp))
    }

    fn memory(&self) -> usize {
        self.0.memory()
    }

    fn met_nan(&self) -> bool {
        self.0.met_nan()
    }
}
