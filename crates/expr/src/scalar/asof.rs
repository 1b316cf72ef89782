//! The label of an axis that an ASOF join finds.

use super::signature::takes;
use super::{Call, Fails, Family, Kernel, ScalarFunction, Value};
use crate::aggregate::Native;
use crate::{Error, Result, SqlType};
use arrow::array::{Array, ArrayRef, AsArray, UInt32Array, new_null_array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Float64Type, Int64Type};

/// `asof_label(labels, value, operator)`: what the inequality of an ASOF join becomes along an axis.
pub(super) const ASOF_LABEL: ScalarFunction = ScalarFunction {
    names: &["asof_label"],
    family: Family::Place,
    usage: "asof_label(labels, value, operator)",
    doc: "Of the labels for which the value is '>=', '>', '<=' or '<' than the label, the nearest. NULL if there is none",
    bind: |args| match args {
        [SqlType::List(label) | SqlType::Array(label, _), value, SqlType::Varchar]
            if can_be_found(label) && **label == *value =>
        {
            takes([SqlType::List(label.clone()), value.clone(), SqlType::Varchar], value.clone())
        }
        _ => Ok(None),
    },
    kernel: Kernel::Eager(found),
    fails: Fails::Sometimes,
};

/// Whether labels of a type can be found by [`ASOF_LABEL`].
pub fn can_be_found(ty: &SqlType) -> bool {
    matches!(ty, SqlType::Double | SqlType::Timestamp(_) | SqlType::Date)
}

fn found(call: &Call<'_>) -> Result<Value> {
    let [labels, value, operator] = &call.args else { return Err(Error::new("asof_label takes 3 arguments")) };
    if !labels.is_constant() || !operator.is_constant() {
        return Err(Error::new("asof_label takes labels and an operator that are the same for all rows"));
    }
    let (items, operator) = (labels.array().as_list::<i32>(), operator.array().as_string::<i32>());
    if items.is_null(0) || operator.is_null(0) {
        return Ok(call.wrap(new_null_array(value.array().data_type(), call.count())));
    }
    let labels = items.value(0);
    let (ranked, values) = (Ranked::new(&labels)?, ranks(value.array())?);
    let find: fn(&Ranked, u64) -> Option<u32> = match operator.value(0) {
        ">=" => |labels, value| labels.before(|label| label <= value),
        ">" => |labels, value| labels.before(|label| label < value),
        "<=" => |labels, value| labels.after(|label| label < value),
        "<" => |labels, value| labels.after(|label| label <= value),
        other => return Err(Error::new(format!("asof_label takes '>=', '>', '<=' or '<', not '{other}'"))),
    };
    let places: UInt32Array = (0..call.count()).map(|row| find(&ranked, values[value.place(row)]?)).collect();
    Ok(call.wrap(take(&labels, &places, None)?))
}

/// Labels that are not NULL, in order, each with its position; of equal ones the first position comes first.
struct Ranked(Vec<(u64, u32)>);

impl Ranked {
    fn new(labels: &ArrayRef) -> Result<Self> {
        let ranks = ranks(labels)?;
        let mut all: Vec<(u64, u32)> = (0..).zip(ranks).filter_map(|(at, rank)| Some((rank?, at))).collect();
        if !all.is_sorted() {
            all.sort_unstable();
        }
        Ok(Self(all))
    }

    /// The greatest label of those from the least on that are `within`.
    fn before(&self, within: impl Fn(u64) -> bool) -> Option<u32> {
        let last = self.0.partition_point(|(label, _)| within(*label)).checked_sub(1)?;
        let greatest = self.0[last].0;
        self.0.get(self.0.partition_point(|(label, _)| *label < greatest)).map(|(_, at)| *at)
    }

    /// The least label of those that are not `less`.
    fn after(&self, less: impl Fn(u64) -> bool) -> Option<u32> {
        self.0.get(self.0.partition_point(|(label, _)| less(*label))).map(|(_, at)| *at)
    }
}

/// Values as whole numbers in their order; NaN is the greatest.
fn ranks(values: &ArrayRef) -> Result<Vec<Option<u64>>> {
    if values.data_type() == &DataType::Float64 {
        return Ok(values.as_primitive::<Float64Type>().iter().map(|value| value.map(Native::rank)).collect());
    }
    let whole = match values.data_type() {
        DataType::Date32 => cast(&cast(values, &DataType::Int32)?, &DataType::Int64)?,
        _ => cast(values, &DataType::Int64)?,
    };
    Ok(whole.as_primitive::<Int64Type>().iter().map(|value| value.map(Native::rank)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Float64Array;
    use std::sync::Arc;

    #[test]
    fn labels_are_found_as_a_look_at_all_of_them_finds_them() {
        let labels = [Some(3.0), None, Some(1.0), Some(f64::NAN), Some(3.0), Some(-0.0), Some(2.5)];
        let array: ArrayRef = Arc::new(Float64Array::from(labels.to_vec()));
        let ranked = Ranked::new(&array).unwrap();
        let less = |a: f64, b: f64| a < b || (b.is_nan() && !a.is_nan());
        for wanted in [-1.0, 0.0, 0.5, 1.0, 2.5, 2.75, 3.0, 9.0, f64::NAN] {
            let rank = ranks(&(Arc::new(Float64Array::from(vec![wanted])) as ArrayRef)).unwrap()[0].unwrap();
            let best = |holds: &dyn Fn(f64) -> bool, better: &dyn Fn(f64, f64) -> bool| {
                let mut best: Option<(usize, f64)> = None;
                for (at, label) in labels.iter().enumerate().filter_map(|(at, label)| Some((at, (*label)?))) {
                    if holds(label) && best.is_none_or(|(_, known)| better(label, known)) {
                        best = Some((at, label));
                    }
                }
                best.map(|(at, _)| at as u32)
            };
            let greater = |a: f64, b: f64| less(b, a);
            assert_eq!(ranked.before(|label| label <= rank), best(&|label| !less(wanted, label), &greater), "{wanted}");
            assert_eq!(ranked.before(|label| label < rank), best(&|label| less(label, wanted), &greater), "{wanted}");
            assert_eq!(ranked.after(|label| label < rank), best(&|label| !less(label, wanted), &less), "{wanted}");
            assert_eq!(ranked.after(|label| label <= rank), best(&|label| less(wanted, label), &less), "{wanted}");
        }
    }
}
