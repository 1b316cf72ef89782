//! The value of an axis that is nearest to another.

use super::signature::takes;
use super::{Call, Fails, Family, Kernel, ScalarFunction, Value};
use crate::{Error, Result, SqlType};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use std::cmp::Ordering;
use std::sync::Arc;

/// `nearest_position(labels, value, circular, tolerance)`: what `nearest` becomes where the value is not a constant.
pub(super) const NEAREST_POSITION: ScalarFunction = ScalarFunction {
    names: &["nearest_position"],
    family: Family::Place,
    usage: "nearest_position(labels, value, circular, tolerance)",
    doc: "Position, from 0, of the label nearest to a value, of ties the lower one; circular labels are degrees. \
          NULL if none is as near as the tolerance, where there is one",
    bind: |args| match args {
        [SqlType::List(_) | SqlType::Array(..), value, circular, tolerance]
            if matches!(circular, SqlType::Boolean | SqlType::Null)
                && (tolerance.is_numeric() || *tolerance == SqlType::Null) =>
        {
            let value = match value {
                SqlType::Timestamp(_) => value.clone(),
                number if number.is_numeric() || *number == SqlType::Null => SqlType::Double,
                _ => return Ok(None),
            };
            let labels = SqlType::List(Box::new(SqlType::Double));
            takes([labels, value, SqlType::Boolean, SqlType::Double], SqlType::BigInt)
        }
        _ => Ok(None),
    },
    kernel: Kernel::Eager(positions),
    fails: Fails::Sometimes,
};

fn positions(call: &Call<'_>) -> Result<Value> {
    let [labels, _, circular, _] = &call.args else { return Err(Error::new("nearest_position takes 4 arguments")) };
    if !labels.is_constant() || !circular.is_constant() {
        return Err(Error::new("nearest_position takes labels that are the same for all rows"));
    }
    let items = labels.array().as_list::<i32>();
    let circular: &BooleanArray = circular.array().as_boolean();
    if items.is_null(0) || circular.is_null(0) {
        return Ok(call.wrap(Arc::new(Int64Array::new_null(call.count()))));
    }
    let labels: Vec<Option<f64>> = items.value(0).as_primitive::<Float64Type>().iter().collect();
    let axis = Axis::new(&labels, circular.value(0));
    let (values, tolerance) = (numbers(call.args[1].array())?, call.reader::<Float64Type>(3));
    let place = |row: usize| {
        let wanted = values[call.args[1].place(row)]?;
        axis.nearest(wanted, tolerance.get(row)).map(|at| at as i64)
    };
    let out: Int64Array = (0..call.count()).map(place).collect();
    Ok(call.wrap(Arc::new(out)))
}

/// Values as numbers: times as microseconds, in whatever calendar.
///
/// # Errors
/// If they are neither numbers nor times.
pub fn numbers(values: &ArrayRef) -> Result<Vec<Option<f64>>> {
    let whole = match values.data_type() {
        DataType::Timestamp(..) | DataType::Date32 => cast(values, &DataType::Int64)?,
        _ => values.clone(),
    };
    if let Some(whole) = whole.as_primitive_opt::<Int64Type>() {
        return Ok(whole.iter().map(|value| value.map(|value| value as f64)).collect());
    }
    Ok(cast(&whole, &DataType::Float64)?.as_primitive::<Float64Type>().iter().collect())
}

/// The labels of an axis, to be searched.
pub struct Axis {
    /// Labels (on a circle, from 0 to 360) and their positions, ascending.
    sorted: Vec<(f64, usize)>,
    /// The labels as they are, by position.
    labels: Vec<Option<f64>>,
    circular: bool,
}

impl Axis {
    /// The labels of an axis; NULL and NaN are near to nothing. Circular labels are degrees.
    pub fn new(labels: &[Option<f64>], circular: bool) -> Self {
        let place = |(at, label): (usize, &Option<f64>)| {
            let label = (*label)?;
            let label = if circular { label.rem_euclid(360.0) } else { label };
            (!label.is_nan()).then_some((label, at))
        };
        let mut sorted: Vec<(f64, usize)> = labels.iter().enumerate().filter_map(place).collect();
        let order = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if !sorted.is_sorted_by(|a, b| order(a, b) != Ordering::Greater) {
            sorted.sort_by(order);
        }
        Self { sorted, labels: labels.to_vec(), circular }
    }

    /// The position of the label nearest to a value, if one is as near as `within`; of two that are as near that with the
    /// lower label, of equal labels the first.
    pub fn nearest(&self, wanted: f64, within: Option<f64>) -> Option<usize> {
        if wanted.is_nan() || self.sorted.is_empty() {
            return None;
        }
        let on_axis = if self.circular { wanted.rem_euclid(360.0) } else { wanted };
        let next = self.sorted.partition_point(|(label, _)| *label < on_axis);
        let last = self.sorted.len() - 1;
        // Around a circle the neighbours of the first are the last, and the other way round.
        let candidates = [next.checked_sub(1).unwrap_or(last), if next > last { 0 } else { next }];
        let near = candidates.into_iter().map(|at| {
            // Equal labels stand next to each other, the first position first.
            let first = self.sorted.partition_point(|(label, _)| *label < self.sorted[at].0);
            let position = self.sorted[first].1;
            (self.distance(self.sorted[first].0, on_axis), self.labels[position].unwrap_or(f64::NAN), position)
        });
        let best = near.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)))?;
        within.is_none_or(|within| best.0 <= within).then_some(best.2)
    }

    fn distance(&self, a: f64, b: f64) -> f64 {
        let distance = (a - b).abs();
        if self.circular { distance.min(360.0 - distance) } else { distance }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(labels: &[Option<f64>], wanted: f64, within: Option<f64>, circular: bool) -> Option<usize> {
        Axis::new(labels, circular).nearest(wanted, within)
    }

    #[test]
    fn ties_go_to_the_lower_value_and_longitudes_are_a_circle() {
        let axis: Vec<Option<f64>> = [0.0, 90.0, 180.0, 270.0].map(Some).into();
        assert_eq!(nearest(&axis, 45.0, None, false), Some(0));
        assert_eq!(nearest(&axis, -20.0, None, true), Some(0));
        assert_eq!(nearest(&axis, 350.0, Some(5.0), true), None);
        assert_eq!(nearest(&axis, -80.0, Some(10.0), true), Some(3));
        assert_eq!(nearest(&axis, 315.0, None, true), Some(0));
        assert_eq!(nearest(&axis, 1000.0, None, false), Some(3));
        assert_eq!(nearest(&[None, Some(4.0), Some(f64::NAN)], 0.0, None, false), Some(1));
        assert_eq!(nearest(&[], 0.0, None, false), None);
    }

    #[test]
    fn searching_finds_what_looking_at_all_labels_finds() {
        let mut state = 7_u64;
        let mut random = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        for round in 0..2000 {
            let circular = round % 2 == 0;
            let labels: Vec<Option<f64>> =
                (0..1 + random(9)).map(|_| (random(8) > 0).then(|| random(40) as f64 * 22.5 - 360.0)).collect();
            let wanted = random(200) as f64 * 11.25 - 720.0;
            let distance = |label: f64| {
                let distance = (label - wanted).abs();
                if circular { (distance % 360.0).min(360.0 - distance % 360.0) } else { distance }
            };
            let known = labels.iter().enumerate().filter_map(|(at, label)| Some((distance((*label)?), (*label)?, at)));
            let best = known.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
            let found = nearest(&labels, wanted, None, circular);
            // Turned by whole circles labels are the same place: any of them is as good.
            let same = found.map(|at| distance(labels[at].unwrap())) == best.map(|best| best.0);
            assert!(same && (circular || found == best.map(|best| best.2)), "{labels:?} {wanted} {circular}");
        }
    }
}
