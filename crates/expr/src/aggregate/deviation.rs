//! `mad`: the median of the distances from the median.

use super::collected::Collected;
use super::native::array_where;
use super::quantile::median_of;
use super::{AggregateFunction, types};
use crate::{Accumulator, Groups, Result};
use arrow::array::ArrayRef;
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
