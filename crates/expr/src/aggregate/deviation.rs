//! `mad`: the median of the distances from the median.

use super::collected::{Collect, Collected};
use super::native::{any_nan, array, array_where, lists, values};
use super::quantile::median_of;
use super::rows::{Mask, fold};
use super::{AggregateFunction, types};
use crate::{Accumulator, Groups, Result};
use arrow::array::{ArrayRef, AsArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;

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
        let (values, mask) = (values::<f64>(&args[0]), Mask::of(args, present));
        self.nan = self.nan || any_nan(&values, mask.as_ref());
        fold(groups, mask.as_ref(), &mut Collect { values: &values, into: &mut self.collected });
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let sizes: Vec<usize> = self.collected.sizes().iter().map(|size| *size as usize).collect();
        let mut all: Vec<f64> = Vec::with_capacity(sizes.iter().sum());
        self.collected.visit(|_, values| all.extend_from_slice(values));
        Ok(vec![lists(array(&DataType::Float64, all, None)?, sizes)?])
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let lists = state[0].as_list::<i64>();
        let (values, offsets) = (values::<f64>(lists.values()), lists.offsets());
        self.nan = self.nan || any_nan(&values, None);
        groups.for_each(|at, group| {
            self.collected.add_same(group, &values[offsets[at] as usize..offsets[at + 1] as usize]);
        });
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
