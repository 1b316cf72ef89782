//! Casts between numbers; BOOLEAN counts as 0 and 1.
//!
//! A float becomes an integer by rounding half to even, a DECIMAL by rounding half away from zero, as in DuckDB.

use super::{Job, POWERS, decimal_shape, with_integer};
use crate::{Error, Result, SqlType};
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray, UInt8Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::arity::unary;
use arrow::datatypes::{Decimal128Type, Float32Type, Float64Type};
use std::fmt::Display;
use std::sync::Arc;

pub(super) fn cast(array: &ArrayRef, job: &Job<'_>) -> Result<ArrayRef> {
    let from = job.from;
    match from {
        SqlType::Boolean => {
            let bits = as_bits(array.as_boolean());
            super::cast(&bits, &SqlType::UTinyInt, job.to, job.or_null)
        }
        SqlType::Float => from_real::<Float32Type>(array.as_primitive(), job),
        SqlType::Double => from_real::<Float64Type>(array.as_primitive(), job),
        SqlType::HugeInt | SqlType::Decimal(..) => from_decimal(array.as_primitive(), job),
        _ => with_integer!(from, |From| from_integer::<From>(array.as_primitive(), job), _ => Err(job.impossible())),
    }
}

fn as_bits(array: &BooleanArray) -> ArrayRef {
    let values = array.values().iter().map(u8::from).collect::<Vec<_>>();
    Arc::new(UInt8Array::new(values.into(), array.nulls().cloned())) as ArrayRef
}

fn to_boolean<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>) -> ArrayRef {
    let values = array.values();
    let truth = BooleanBuffer::collect_bool(values.len(), |row| values[row] != T::Native::default());
    Arc::new(BooleanArray::new(truth, array.nulls().cloned()))
}

fn from_integer<T>(array: &PrimitiveArray<T>, job: &Job<'_>) -> Result<ArrayRef>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i128> + Display,
{
    let to = job.to;
    Ok(match to {
        SqlType::Boolean => to_boolean(array),
        SqlType::Float => Arc::new(unary::<T, _, Float32Type>(array, |value| integer_to_f32(value.into()))),
        SqlType::Double => Arc::new(unary::<T, _, Float64Type>(array, |value| integer_to_f64(value.into()))),
        SqlType::HugeInt | SqlType::Decimal(..) => {
            let (precision, scale) = decimal_shape(to).unwrap_or((38, 0));
            let out = job.map(array, |value| rescale(value.into(), 0, scale).and_then(|v| within(v, precision)))?;
            as_decimal_array(out, to)?
        }
        _ => with_integer!(to, |To| Arc::new(
            job.map::<T, To>(array, |value| value.into().try_into().ok())?
        ), _ => return Err(job.impossible())),
    })
}

/// All integers of at most 64 bits lie in an `i64` or a `u64`, whose conversion the processor knows.
fn integer_to_f64(value: i128) -> f64 {
    i64::try_from(value).map_or(value as f64, |value| value as f64)
}

fn integer_to_f32(value: i128) -> f32 {
    i64::try_from(value).map_or(value as f32, |value| value as f32)
}

fn from_real<T>(array: &PrimitiveArray<T>, job: &Job<'_>) -> Result<ArrayRef>
where
    T: ArrowPrimitiveType,
    T::Native: Into<f64> + Display,
{
    let to = job.to;
    Ok(match to {
        SqlType::Boolean => to_boolean(array),
        SqlType::Double => Arc::new(unary::<T, _, Float64Type>(array, Into::into)),
        SqlType::Float => Arc::new(job.map::<T, Float32Type>(array, |value| narrow(value.into()))?),
        SqlType::HugeInt | SqlType::Decimal(..) => {
            let (precision, scale) = decimal_shape(to).unwrap_or((38, 0));
            as_decimal_array(job.map(array, |value| real_to_decimal(value.into(), precision, scale))?, to)?
        }
        _ => with_integer!(to, |To| Arc::new(
            job.map::<T, To>(array, |value| real_to_integer(value.into())?.try_into().ok())?
        ), _ => return Err(job.impossible())),
    })
}

fn narrow(value: f64) -> Option<f32> {
    let narrow = value as f32;
    (narrow.is_finite() || !value.is_finite()).then_some(narrow)
}

fn real_to_integer(value: f64) -> Option<i128> {
    let rounded = value.round_ties_even();
    // The bounds are exact in f64; the narrow conversion is the one the processor knows.
    if rounded.abs() < 9.0e18 {
        return Some(i128::from(rounded as i64));
    }
    (rounded.abs() < 1.7e38).then_some(rounded as i128)
}

fn real_to_decimal(value: f64, precision: u8, scale: u8) -> Option<i128> {
    let scaled = if scale == 0 { value.round_ties_even() } else { (value * POWERS[scale as usize] as f64).round() };
    if scaled.abs() < 1.7e38 { within(scaled as i128, precision) } else { None }
}

fn from_decimal(array: &PrimitiveArray<Decimal128Type>, job: &Job<'_>) -> Result<ArrayRef> {
    let scale = decimal_shape(job.from).map_or(0, |(_, scale)| scale);
    // An error shows the value with its point, not the unscaled integer.
    let failed = |value: i128| job.failed(&super::text::decimal_text(value, scale));
    let to = job.to;
    Ok(match to {
        SqlType::Boolean => to_boolean(array),
        SqlType::Float => Arc::new(unary::<_, _, Float32Type>(array, |value| decimal_to_f32(value, scale))),
        SqlType::Double => Arc::new(unary::<_, _, Float64Type>(array, |value| decimal_to_f64(value, scale))),
        SqlType::HugeInt | SqlType::Decimal(..) => {
            let (precision, to_scale) = decimal_shape(to).unwrap_or((38, 0));
            let convert = |value| rescale(value, scale, to_scale).and_then(|v| within(v, precision));
            as_decimal_array(decimal_map(array, job, convert, failed)?, to)?
        }
        _ => with_integer!(to, |To| Arc::new(
            decimal_map::<To>(array, job, |value| rescale(value, scale, 0)?.try_into().ok(), failed)?
        ), _ => return Err(job.impossible())),
    })
}

fn decimal_map<B: ArrowPrimitiveType>(
    array: &PrimitiveArray<Decimal128Type>,
    job: &Job<'_>,
    convert: impl Fn(i128) -> Option<B::Native>,
    failed: impl Fn(i128) -> Error,
) -> Result<PrimitiveArray<B>> {
    if job.or_null {
        return Ok(array.unary_opt(convert));
    }
    array.try_unary(|value| convert(value).ok_or_else(|| failed(value)))
}

fn as_decimal_array(array: PrimitiveArray<Decimal128Type>, ty: &SqlType) -> Result<ArrayRef> {
    Ok(Arc::new(array.with_data_type(ty.to_arrow())))
}

/// Correctly rounded: two integers that the float holds exactly are divided, anything else is parsed from its digits.
fn decimal_to_f64(value: i128, scale: u8) -> f64 {
    if value.unsigned_abs() <= 1 << 53 && scale <= 22 {
        return value as i64 as f64 / POWERS[scale as usize] as f64;
    }
    super::text::decimal_text(value, scale).parse().unwrap_or(f64::NAN)
}

fn decimal_to_f32(value: i128, scale: u8) -> f32 {
    if value.unsigned_abs() <= 1 << 24 && scale <= 10 {
        return value as i32 as f32 / POWERS[scale as usize] as f32;
    }
    super::text::decimal_text(value, scale).parse().unwrap_or(f32::NAN)
}

/// The unscaled value at another scale, rounded half away from zero.
pub(crate) fn rescale(value: i128, from: u8, to: u8) -> Option<i128> {
    if to >= from {
        return value.checked_mul(POWERS[(to - from) as usize]);
    }
    let divisor = POWERS[(from - to) as usize];
    let (quotient, rest) = (value / divisor, value % divisor);
    let up = i128::from(rest.abs() >= divisor - rest.abs());
    Some(quotient + up * value.signum())
}

/// The value if it has no more digits than a precision allows.
pub(crate) fn within(value: i128, precision: u8) -> Option<i128> {
    (value.unsigned_abs() < POWERS[precision as usize] as u128).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_round_half_away_from_zero() {
        assert_eq!([rescale(225, 2, 1), rescale(-225, 2, 1), rescale(224, 2, 1)], [Some(23), Some(-23), Some(22)]);
        assert_eq!([rescale(5, 1, 0), rescale(4, 1, 0), rescale(i128::MAX, 0, 1)], [Some(1), Some(0), None]);
    }

    #[test]
    fn a_decimal_literal_is_the_nearest_float() {
        assert_eq!(decimal_to_f32(351, 1), 35.1);
        assert_eq!(decimal_to_f32(35_123_456_789, 9), 35.123_455);
        assert_eq!(decimal_to_f64(90_071_992_547_409_931, 1), 9_007_199_254_740_993.1);
    }
}
