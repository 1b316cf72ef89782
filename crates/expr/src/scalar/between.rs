//! Values between the cells of a grid: where along an axis a place lies, and what the values around it make of it. The binder
//! writes `interpolate` as calls of these.

use super::nearest::numbers;
use super::signature::takes;
use super::{Call, Fails, Family, Kernel, ScalarFunction, Value};
use crate::{Error, Result, SqlType};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use std::sync::Arc;

/// `axis_before(labels, value, circular)`
pub(super) const AXIS_BEFORE: ScalarFunction = ScalarFunction {
    names: &["axis_before"],
    family: Family::Place,
    usage: "axis_before(labels, value, circular)",
    doc: "Position, from 0, of the first of the two labels that a value lies between; 0 if it lies between none. Labels are in \
          order, up or down; circular ones are degrees",
    bind: |args| axis_call(args, SqlType::BigInt),
    kernel: Kernel::Eager(before),
    fails: Fails::Sometimes,
};

/// `axis_part(labels, value, circular)`
pub(super) const AXIS_PART: ScalarFunction = ScalarFunction {
    names: &["axis_part"],
    family: Family::Place,
    usage: "axis_part(labels, value, circular)",
    doc: "How far a value lies from the label before it to the next one, from 0 to 1; NULL if it lies between none",
    bind: |args| axis_call(args, SqlType::Double),
    kernel: Kernel::Eager(part),
    fails: Fails::Sometimes,
};

/// `axis_side(labels, value, circular)`
pub(super) const AXIS_SIDE: ScalarFunction = ScalarFunction {
    names: &["axis_side"],
    family: Family::Place,
    usage: "axis_side(labels, value, circular)",
    doc: "0 if the label before a value is nearer to it than the next one, otherwise 1; of two as near the lower label. NULL if \
          it lies between none",
    bind: |args| axis_call(args, SqlType::BigInt),
    kernel: Kernel::Eager(side),
    fails: Fails::Sometimes,
};

/// `between_corners(values, part, ..)`
pub(super) const BETWEEN_CORNERS: ScalarFunction = ScalarFunction {
    names: &["between_corners"],
    family: Family::Place,
    usage: "between_corners(values, part, ..)",
    doc: "The value at a place of which the values at the corners around it are known: at both ends of each axis, the last \
          fastest, and what part of the way from one to the other it lies. NULL if a corner that counts is",
    bind: |args| match args {
        [list @ SqlType::Array(item, len), parts @ ..] if item.is_numeric() && 1 << parts.len().min(16) == *len => {
            let ty = if **item == SqlType::Float { SqlType::Float } else { SqlType::Double };
            let is_number = |part: &SqlType| part.is_numeric() || *part == SqlType::Null;
            if !parts.iter().all(is_number) {
                return Ok(None);
            }
            takes([vec![list.clone()], vec![SqlType::Double; parts.len()]].concat(), ty)
        }
        _ => Ok(None),
    },
    kernel: Kernel::Eager(between),
    fails: Fails::Never,
};

fn axis_call(args: &[SqlType], ty: SqlType) -> super::signature::Bound {
    match args {
        [SqlType::List(_) | SqlType::Array(..), value, SqlType::Boolean | SqlType::Null] => {
            let value = match value {
                SqlType::Timestamp(_) => value.clone(),
                number if number.is_numeric() || *number == SqlType::Null => SqlType::Double,
                _ => return Ok(None),
            };
            takes([SqlType::List(Box::new(SqlType::Double)), value, SqlType::Boolean], ty)
        }
        _ => Ok(None),
    }
}

fn before(call: &Call<'_>) -> Result<Value> {
    let at = places(call)?.into_iter().map(|place| Some(place.map_or(0, |place| place.before as i64)));
    Ok(call.wrap(Arc::new(at.collect::<Int64Array>())))
}

fn part(call: &Call<'_>) -> Result<Value> {
    let parts = places(call)?.into_iter().map(|place| place.map(|place| place.part));
    Ok(call.wrap(Arc::new(parts.collect::<Float64Array>())))
}

fn side(call: &Call<'_>) -> Result<Value> {
    let sides = places(call)?.into_iter().map(|place| place.map(|place| i64::from(place.is_nearer_to_next)));
    Ok(call.wrap(Arc::new(sides.collect::<Int64Array>())))
}

/// Where a value lies on an axis.
struct Place {
    /// The position of the label before it.
    before: usize,
    /// From 0, at that label, to 1, at the next.
    part: f64,
    is_nearer_to_next: bool,
}

/// Where each value of a call lies.
fn places(call: &Call<'_>) -> Result<Vec<Option<Place>>> {
    let [labels, values, circular] = &call.args else { return Err(Error::new("an axis has labels, value, circular")) };
    if !labels.is_constant() || !circular.is_constant() {
        return Err(Error::new("the labels of an axis are the same for all rows"));
    }
    let (items, circular): (_, &BooleanArray) = (labels.array().as_list::<i32>(), circular.array().as_boolean());
    if items.is_null(0) || circular.is_null(0) {
        return Ok((0..call.count()).map(|_| None).collect());
    }
    let items = items.value(0);
    let labels = items.as_primitive::<Float64Type>();
    if labels.null_count() > 0 {
        return Err(Error::new("the labels of an axis are not NULL"));
    }
    let wanted = numbers(values.array())?;
    let place = |row: usize| place(labels.values(), wanted[values.place(row)]?, circular.value(0));
    Ok((0..call.count()).map(place).collect())
}

fn place(labels: &[f64], wanted: f64, circular: bool) -> Option<Place> {
    let (first, last) = (*labels.first()?, *labels.last()?);
    let wanted = if circular { first.min(last) + (wanted - first.min(last)).rem_euclid(360.0) } else { wanted };
    let [low, high] = if first <= last { [first, last] } else { [last, first] };
    if !(low..=high).contains(&wanted) {
        return None;
    }
    let not_after = if first <= last {
        labels.partition_point(|label| *label <= wanted)
    } else {
        labels.partition_point(|label| *label >= wanted)
    };
    // The last label is the end of the last step, but where it is alone.
    let before = not_after.saturating_sub(1).min(labels.len().saturating_sub(2));
    let next = labels.get(before + 1).copied().unwrap_or(labels[before]);
    let (to_first, to_next) = ((wanted - labels[before]).abs(), (next - wanted).abs());
    let part = if to_first == 0.0 { 0.0 } else { to_first / (next - labels[before]).abs() };
    // Where a circle closes, the label after the last is the first.
    let closes = circular && before + 2 == labels.len() && (last - first).abs() == 360.0;
    let next_label = if closes { first } else { next };
    let is_nearer_to_next = to_next < to_first || to_next == to_first && next_label < labels[before];
    Some(Place { before, part, is_nearer_to_next })
}

fn between(call: &Call<'_>) -> Result<Value> {
    let lists = call.args[0].array().as_fixed_size_list();
    let items = cast(lists.values(), &DataType::Float64)?;
    let (items, corners) = (items.as_primitive::<Float64Type>(), lists.value_length() as usize);
    let parts: Vec<_> = (1..call.args.len()).map(|at| call.reader::<Float64Type>(at)).collect();
    let value = |row: usize| -> Option<f64> {
        let list = Some(call.args[0].place(row)).filter(|list| lists.is_valid(*list))?;
        let parts = parts.iter().map(|part| part.get(row)).collect::<Option<Vec<f64>>>()?;
        let mut sum = 0.0;
        for corner in 0..corners {
            let weight = weight(corner, &parts);
            if weight != 0.0 {
                let at = list * corners + corner;
                sum += weight * Some(at).filter(|at| items.is_valid(*at)).map(|at| items.value(at))?;
            }
        }
        Some(sum)
    };
    let values = (0..call.count()).map(value);
    let out: ArrayRef = match call.ty {
        SqlType::Float => Arc::new(values.map(|value| value.map(|value| value as f32)).collect::<Float32Array>()),
        _ => Arc::new(values.collect::<Float64Array>()),
    };
    Ok(call.wrap(out))
}

/// What a corner counts: the product of what its end of each axis does; the last axis is the lowest bit.
fn weight(corner: usize, parts: &[f64]) -> f64 {
    let ends = parts.iter().rev().enumerate();
    ends.map(|(bit, part)| if corner >> bit & 1 == 1 { *part } else { 1.0 - part }).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(labels: &[f64], wanted: f64, circular: bool) -> Option<(usize, f64, bool)> {
        place(labels, wanted, circular).map(|place| (place.before, place.part, place.is_nearer_to_next))
    }

    #[test]
    fn places_are_found_upwards_downwards_and_around() {
        assert_eq!(found(&[0.0, 1.0, 3.0], 2.5, false), Some((1, 0.75, true)));
        assert_eq!(found(&[0.0, 1.0, 3.0], 3.0, false), Some((1, 1.0, true)));
        assert_eq!(found(&[3.0, 1.0, 0.0], 2.5, false), Some((0, 0.25, false)));
        assert_eq!(found(&[3.0, 1.0], 2.0, false), Some((0, 0.5, true)), "the lower label is the next");
        assert_eq!(found(&[1.0, 3.0], 2.0, false), Some((0, 0.5, false)));
        assert_eq!(found(&[0.0, 90.0, 180.0, 270.0, 360.0], -45.0, true), Some((3, 0.5, true)), "0 is lower than 270");
        assert_eq!(found(&[360.0, 180.0, 0.0], 540.0, true), Some((1, 0.0, false)));
        assert_eq!(found(&[10.0, 20.0, 30.0], 5.0, true), None, "what does not go around has a gap");
        assert_eq!(found(&[5.0], 5.0, false), Some((0, 0.0, false)));
        for outside in [4.0, 6.0, f64::NAN, f64::INFINITY] {
            assert_eq!(found(&[5.0], outside, false), None);
        }
        assert_eq!(found(&[], 5.0, false), None);
    }

    #[test]
    fn corners_count_by_their_ends() {
        assert_eq!([0, 1, 2, 3].map(|corner| weight(corner, &[0.25, 0.5])), [0.375, 0.375, 0.125, 0.125]);
        assert_eq!(weight(0, &[]), 1.0);
    }
}
