//! `+ - * / // %` of numbers; sums of times are passed on to [`date`](super::date).
//!
//! `/` is division of reals. Exact types are checked: a result that does not fit is an error, as is division by zero
//! with `//` and `%`; reals follow IEEE 754.

use super::signature::{Bound, or_type, takes};
use super::{Call, Fails, Family, Kernel, ScalarFunction, Value, date};
use crate::cast::decimal_shape;
use crate::cast::number::within;
use crate::cast::rules::{as_decimal, common_decimal, common_type, decimal, implicit_cast};
use crate::cast::text::decimal_text;
use crate::{Error, Result, SqlType};
use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, Datum};
use arrow::compute::kernels::numeric;
use arrow::datatypes::{Decimal128Type, Float32Type, Float64Type};
use arrow::error::ArrowError;
use std::ops::Div;
use std::sync::Arc;

/// `a + b`
pub(super) const ADD: ScalarFunction = ScalarFunction {
    names: &["+", "add"],
    family: Family::Arithmetic,
    usage: "number + number, date + days, time + interval",
    doc: "Sum",
    bind: |args| match args {
        [a, b] => date::bind_add(a, b).transpose().map_or_else(|| bind_sum(a, b), |bound| bound.map(Some)),
        _ => Ok(None),
    },
    kernel: Kernel::Eager(|call| match call.ty {
        ty if is_exact(ty) => decimals(call, "+", |a, b| a.checked_add(b)),
        ty if ty.is_numeric() => by_arrow(call, "+", numeric::add),
        _ => date::add(call),
    }),
    fails: Fails::UnlessReal,
};

/// `a - b`
pub(super) const SUBTRACT: ScalarFunction = ScalarFunction {
    names: &["-", "subtract"],
    family: Family::Arithmetic,
    usage: "number - number, date - days, time - interval, time - time",
    doc: "Difference",
    bind: |args| match args {
        [a] => bind_negate(a),
        [a, b] => date::bind_subtract(a, b).transpose().map_or_else(|| bind_sum(a, b), |bound| bound.map(Some)),
        _ => Ok(None),
    },
    kernel: Kernel::Eager(|call| match call.ty {
        _ if call.args.len() == 1 => negate(call),
        _ if !call.types[0].is_numeric() => date::subtract(call),
        ty if is_exact(ty) => decimals(call, "-", |a, b| a.checked_sub(b)),
        _ => by_arrow(call, "-", numeric::sub),
    }),
    fails: Fails::UnlessReal,
};

/// `a * b`
pub(super) const MULTIPLY: ScalarFunction = ScalarFunction {
    names: &["*", "multiply"],
    family: Family::Arithmetic,
    usage: "number * number, interval * number",
    doc: "Product",
    bind: |args| match args {
        [a, b] => date::bind_scale(a, b).map_or_else(|| bind_product(a, b), |signature| Ok(Some(signature))),
        _ => Ok(None),
    },
    kernel: Kernel::Eager(|call| match call.ty {
        SqlType::Interval => date::scale(call),
        ty if is_exact(ty) => decimals(call, "*", |a, b| a.checked_mul(b)),
        _ => by_arrow(call, "*", numeric::mul),
    }),
    fails: Fails::UnlessReal,
};

/// `a / b`
pub(super) const DIVIDE: ScalarFunction = ScalarFunction {
    names: &["/"],
    family: Family::Arithmetic,
    usage: "number / number, interval / number",
    doc: "Quotient of reals: FLOAT of FLOATs, else DOUBLE",
    bind: |args| match args {
        [SqlType::Interval, b] if b.is_numeric() => takes([SqlType::Interval, SqlType::Double], SqlType::Interval),
        [a, b] => bind_real(a, b),
        _ => Ok(None),
    },
    kernel: Kernel::Eager(|call| match call.ty {
        SqlType::Interval => date::divide(call),
        _ => by_arrow(call, "/", numeric::div),
    }),
    fails: Fails::UnlessReal,
};

/// `a // b`
pub(super) const INTEGER_DIVIDE: ScalarFunction = ScalarFunction {
    names: &["//", "divide"],
    family: Family::Arithmetic,
    usage: "number // number",
    doc: "Quotient of integers, towards zero; of others the same as /, but division by zero is an error",
    bind: |args| match args {
        [a, b] if is_integer_or_null(a) && is_integer_or_null(b) => bind_sum(a, b),
        [a, b] => bind_real(a, b),
        _ => Ok(None),
    },
    kernel: Kernel::Eager(|call| match call.ty {
        SqlType::Float => checked_quotient::<Float32Type>(call),
        SqlType::Double => checked_quotient::<Float64Type>(call),
        ty if is_exact(ty) => decimals(call, "//", |a, b| a.checked_div(b)),
        _ => by_arrow(call, "//", numeric::div),
    }),
    fails: Fails::Sometimes,
};

/// `a % b`
pub(super) const REMAINDER: ScalarFunction = ScalarFunction {
    names: &["%", "mod"],
    family: Family::Arithmetic,
    usage: "number % number",
    doc: "Remainder, with the sign of the first; NaN for a real divided by zero",
    bind: |args| match args {
        [a, b] => bind_remainder(a, b),
        _ => Ok(None),
    },
    kernel: Kernel::Eager(|call| match call.ty {
        ty if is_exact(ty) => decimals(call, "%", |a, b| a.checked_rem(b)),
        _ => by_arrow(call, "%", numeric::rem),
    }),
    fails: Fails::UnlessReal,
};

/// `-a`
pub(super) const NEGATE: ScalarFunction = ScalarFunction {
    names: &["negate"],
    family: Family::Arithmetic,
    usage: "-number, -interval",
    doc: "The same with the other sign; an unsigned integer becomes a signed one",
    bind: |args| match args {
        [a] => bind_negate(a),
        _ => Ok(None),
    },
    kernel: Kernel::Eager(negate),
    fails: Fails::UnlessReal,
};

/// Held as `Decimal128`, so that its digits must be counted.
fn is_exact(ty: &SqlType) -> bool {
    decimal_shape(ty).is_some()
}

fn is_integer_or_null(ty: &SqlType) -> bool {
    ty.is_integer() || *ty == SqlType::Null
}

/// Two numbers, NULL having the type of the other.
fn numbers(a: &SqlType, b: &SqlType) -> Option<(SqlType, SqlType)> {
    let a = or_type(a, &or_type(b, &SqlType::BigInt));
    let b = or_type(b, &a);
    (a.is_numeric() && b.is_numeric()).then_some((a, b))
}

/// The type of sums and remainders of exact types: an integer type that holds both, or DECIMAL with `extra` digits.
fn sum_type(a: &SqlType, b: &SqlType, extra: u8) -> SqlType {
    if a.is_float() || b.is_float() {
        return common_type(a, b).unwrap_or(SqlType::Double);
    }
    if !a.is_integer() || !b.is_integer() {
        return common_decimal(a, b, extra);
    }
    // Where neither turns into the other, as UTINYINT and TINYINT, BIGINT is taken if both turn into it.
    let candidates = [a, b, &SqlType::BigInt];
    let holds_both = |ty: &&&SqlType| implicit_cast(a, ty) && implicit_cast(b, ty);
    candidates.iter().find(holds_both).map_or(SqlType::HugeInt, |ty| (*ty).clone())
}

fn bind_sum(a: &SqlType, b: &SqlType) -> Bound {
    let Some((a, b)) = numbers(a, b) else { return Ok(None) };
    let ty = sum_type(&a, &b, 1);
    takes([ty.clone(), ty.clone()], ty)
}

fn bind_remainder(a: &SqlType, b: &SqlType) -> Bound {
    let Some((a, b)) = numbers(a, b) else { return Ok(None) };
    let ty = sum_type(&a, &b, 0);
    takes([ty.clone(), ty.clone()], ty)
}

fn bind_real(a: &SqlType, b: &SqlType) -> Bound {
    let Some((a, b)) = numbers(a, b) else { return Ok(None) };
    let ty = common_type(&a, &b).filter(SqlType::is_float).unwrap_or(SqlType::Double);
    takes([ty.clone(), ty.clone()], ty)
}

fn bind_product(a: &SqlType, b: &SqlType) -> Bound {
    let Some((a, b)) = numbers(a, b) else { return Ok(None) };
    if a.is_float() || b.is_float() || a.is_integer() && b.is_integer() {
        return bind_sum(&a, &b);
    }
    let ((p, s), (q, t)) = (as_decimal(&a), as_decimal(&b));
    if s + t > 38 {
        let message = format!("{a} * {b} needs {} digits after the point, DECIMAL has 38", s + t);
        return Err(Error::new(message).with_hint("CAST one side to DOUBLE"));
    }
    let mut precision = (p + q).min(38);
    // Products of what fits 18 digits stay there, as in DuckDB, and are checked.
    if p.max(q) <= 18 && s + t < 18 {
        precision = precision.min(18);
    }
    takes([decimal(p, s), decimal(q, t)], decimal(precision, s + t))
}

fn bind_negate(a: &SqlType) -> Bound {
    let ty = match a {
        SqlType::Null => SqlType::BigInt,
        SqlType::UTinyInt => SqlType::SmallInt,
        SqlType::USmallInt => SqlType::Integer,
        SqlType::UInteger => SqlType::BigInt,
        SqlType::UBigInt => SqlType::HugeInt,
        SqlType::Interval => SqlType::Interval,
        ty if ty.is_numeric() => ty.clone(),
        _ => return Ok(None),
    };
    takes([ty.clone()], ty)
}

fn negate(call: &Call<'_>) -> Result<Value> {
    if *call.ty == SqlType::Interval {
        return date::negate(call);
    }
    let out = numeric::neg(call.args[0].array()).map_err(|error| explain(&error, "-", call.ty))?;
    Ok(call.wrap(out))
}

/// Integers and reals go to Arrow's kernels: checked for integers, IEEE 754 for reals.
fn by_arrow(
    call: &Call<'_>,
    symbol: &str,
    kernel: fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError>,
) -> Result<Value> {
    let out = kernel(&call.args[0], &call.args[1]).map_err(|error| explain(&error, symbol, call.ty))?;
    Ok(call.wrap(out))
}

fn explain(error: &ArrowError, symbol: &str, ty: &SqlType) -> Error {
    match error {
        ArrowError::DivideByZero => division_by_zero(symbol),
        ArrowError::ArithmeticOverflow(message) => {
            let operation = message.rsplit_once(": ").map_or(message.as_str(), |(_, operation)| operation);
            overflow(operation, ty)
        }
        other => Error::new(other.to_string()),
    }
}

fn division_by_zero(symbol: &str) -> Error {
    Error::new(format!("division by zero in {symbol}")).with_hint("nullif(divisor, 0) gives NULL instead")
}

pub(super) fn overflow(operation: &str, ty: &SqlType) -> Error {
    let error = Error::new(format!("overflow: {operation} does not fit {ty}"));
    error.with_hint("CAST one side to a wider type or to DOUBLE")
}

/// On unscaled values of equal scale, or for products of any scale; the result must have no more digits than its type.
fn decimals(call: &Call<'_>, symbol: &str, f: impl Fn(i128, i128) -> Option<i128>) -> Result<Value> {
    let (precision, _) = decimal_shape(call.ty).unwrap_or((38, 0));
    let scale = |at: usize| decimal_shape(&call.types[at]).map_or(0, |(_, scale)| scale);
    let divides = matches!(symbol, "//" | "%");
    let value = call.try_binary::<Decimal128Type, Decimal128Type, Decimal128Type>(|a, b| {
        if divides && b == 0 {
            return Err(division_by_zero(symbol));
        }
        f(a, b).and_then(|value| within(value, precision)).ok_or_else(|| {
            let operation = format!("{} {symbol} {}", decimal_text(a, scale(0)), decimal_text(b, scale(1)));
            overflow(&operation, call.ty)
        })
    })?;
    Ok(typed(call, &value))
}

/// A decimal result with the precision and scale of its type.
pub(super) fn typed(call: &Call<'_>, value: &Value) -> Value {
    let array = value.array().as_primitive::<Decimal128Type>().clone();
    call.wrap(Arc::new(array.with_data_type(call.ty.to_arrow())))
}

fn checked_quotient<T: ArrowPrimitiveType>(call: &Call<'_>) -> Result<Value>
where
    T::Native: Div<Output = T::Native>,
{
    call.try_binary::<T, T, T>(|a, b| if b == T::Native::default() { Err(division_by_zero("//")) } else { Ok(a / b) })
}
