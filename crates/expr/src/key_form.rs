//! The form in which values are compared as keys: arrays in which equal values have equal bits and the bits order as
//! the values do. -0.0 is 0.0, all NaN are one above all numbers, and a month is 30 days, a day 24 hours.

use crate::Result;
use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, FixedSizeListArray, ListArray, new_empty_array};
use arrow::datatypes::{
    DataType, Field, FieldRef, Float32Type, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
};
use std::sync::Arc;

/// How many values are looked at before it is asked what was found.
const STRETCH: usize = 1024;

/// The same values in the form in which they are compared.
///
/// # Errors
/// If the values do not fit it.
pub fn key_form(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Float32 => plain_f32(array),
        DataType::Float64 => plain_f64(array),
        DataType::Interval(IntervalUnit::MonthDayNano) => spans(array)?,
        DataType::List(item) => {
            let list = array.as_list::<i32>();
            let values = key_form(list.values())?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Arc::new(ListArray::try_new(item_field(item, &values), offsets, values, nulls)?)
        }
        DataType::FixedSizeList(item, n) => {
            let list = array.as_fixed_size_list();
            let values = key_form(list.values())?;
            Arc::new(FixedSizeListArray::try_new(item_field(item, &values), *n, values, list.nulls().cloned())?)
        }
        _ => array.clone(),
    })
}

/// The Arrow type of the key form of a type.
///
/// # Errors
/// As [`key_form`].
pub fn key_type(ty: &DataType) -> Result<DataType> {
    Ok(key_form(&new_empty_array(ty))?.data_type().clone())
}

fn item_field(item: &Field, values: &ArrayRef) -> FieldRef {
    Arc::new(item.clone().with_data_type(values.data_type().clone()))
}

fn plain_f32(array: &ArrayRef) -> ArrayRef {
    let floats = array.as_primitive::<Float32Type>();
    // Counted, in the width of the values: that becomes vector code.
    let odd = |value: &f32| u32::from(value.is_nan() | (value.to_bits() == (-0.0f32).to_bits()));
    if !floats.values().chunks(STRETCH).any(|part| part.iter().map(odd).sum::<u32>() > 0) {
        return array.clone();
    }
    Arc::new(floats.unary::<_, Float32Type>(|value| if value.is_nan() { f32::NAN } else { value + 0.0 }))
}

fn plain_f64(array: &ArrayRef) -> ArrayRef {
    let floats = array.as_primitive::<Float64Type>();
    let odd = |value: &f64| u64::from(value.is_nan() | (value.to_bits() == (-0.0f64).to_bits()));
    if !floats.values().chunks(STRETCH).any(|part| part.iter().map(odd).sum::<u64>() > 0) {
        return array.clone();
    }
    Arc::new(floats.unary::<_, Float64Type>(|value| if value.is_nan() { f64::NAN } else { value + 0.0 }))
}

/// Intervals as nanoseconds.
fn spans(array: &ArrayRef) -> Result<ArrayRef> {
    const DAY: i128 = 86_400_000_000_000;
    let nanoseconds = |span: IntervalMonthDayNano| {
        (i128::from(span.months) * 30 + i128::from(span.days)) * DAY + i128::from(span.nanoseconds)
    };
    let spans: Decimal128Array = array.as_primitive::<IntervalMonthDayNanoType>().unary(nanoseconds);
    Ok(Arc::new(spans.with_precision_and_scale(38, 0)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, IntervalMonthDayNanoArray};

    #[test]
    fn zeros_are_one_and_nans_are_one() {
        let odd = f64::from_bits(0xfff8_0000_0000_0001);
        let floats: ArrayRef =
            Arc::new(Float64Array::from(vec![Some(-0.0), None, Some(odd), Some(f64::NAN), Some(0.0)]));
        let keys = key_form(&floats).unwrap();
        let bits = |row: usize| keys.as_primitive::<Float64Type>().value(row).to_bits();
        assert_eq!((bits(0), bits(2)), (bits(4), bits(3)));
        assert!(keys.is_null(1));
    }

    #[test]
    fn a_month_is_thirty_days() {
        let [month, days] = [(1, 0), (0, 30)].map(|(months, days)| IntervalMonthDayNano::new(months, days, 0));
        let spans: ArrayRef = Arc::new(IntervalMonthDayNanoArray::from(vec![month, days]));
        let keys = key_form(&spans).unwrap();
        assert_eq!(keys.slice(0, 1).as_ref(), keys.slice(1, 1).as_ref());
        assert_eq!(&key_type(spans.data_type()).unwrap(), keys.data_type());
    }
}
