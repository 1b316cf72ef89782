//! Comparisons, and tests for NULL.
//!
//! NaN equals itself and is above all numbers; -0.0 equals 0.0. Intervals compare with months of 30 days.

use super::signature::{Bound, meeting, takes};
use super::{Call, Fails, Family, Kernel, ScalarFunction, Value};
use crate::{Error, Result, SqlType};
use arrow::array::{Array, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::kernels::cmp;
use arrow::compute::{is_not_null, is_null};
use arrow::datatypes::{Float32Type, Float64Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType};
use hyperslab_grid::bits;
use std::sync::Arc;

/// The six comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

/// `a = b`
pub(super) const EQUAL: ScalarFunction =
    comparison(&["=", "=="], "a = b", "Whether both are equal", |call| compare_call(call, Comparison::Equal));

/// `a <> b`
pub(super) const UNEQUAL: ScalarFunction =
    comparison(&["<>", "!="], "a <> b", "Whether they differ", |call| compare_call(call, Comparison::Unequal));

/// `a < b`
pub(super) const LESS: ScalarFunction =
    comparison(&["<"], "a < b", "Whether the first is less", |call| compare_call(call, Comparison::Less));

/// `a <= b`
pub(super) const AT_MOST: ScalarFunction =
    comparison(&["<="], "a <= b", "Whether the first is less or equal", |call| compare_call(call, Comparison::AtMost));

/// `a > b`
pub(super) const MORE: ScalarFunction =
    comparison(&[">"], "a > b", "Whether the first is greater", |call| compare_call(call, Comparison::More));

/// `a >= b`
pub(super) const AT_LEAST: ScalarFunction =
    comparison(&[">="], "a >= b", "Whether the first is greater or equal", |call| {
        compare_call(call, Comparison::AtLeast)
    });

/// `a IS DISTINCT FROM b`
pub(super) const DISTINCT: ScalarFunction = comparison(
    &["is distinct from"],
    "a IS DISTINCT FROM b",
    "Whether they differ, NULL being a value like others",
    |call| same_or_not(call, false),
);

/// `a IS NOT DISTINCT FROM b`
pub(super) const NOT_DISTINCT: ScalarFunction = comparison(
    &["is not distinct from"],
    "a IS NOT DISTINCT FROM b",
    "Whether they are equal, NULL being a value like others",
    |call| same_or_not(call, true),
);

/// `a IS NULL`
pub(super) const IS_NULL: ScalarFunction =
    test(&["is null", "isnull"], "a IS NULL", "Whether there is no value", |call| {
        Ok(call.wrap(Arc::new(is_null(call.args[0].array())?)))
    });

/// `a IS NOT NULL`
pub(super) const IS_NOT_NULL: ScalarFunction =
    test(&["is not null", "notnull"], "a IS NOT NULL", "Whether there is a value", |call| {
        Ok(call.wrap(Arc::new(is_not_null(call.args[0].array())?)))
    });

/// `NOT a`
pub(super) const NOT: ScalarFunction = ScalarFunction {
    names: &["not"],
    family: Family::Comparison,
    usage: "NOT condition",
    doc: "Whether the condition is false",
    bind: |args| match args {
        [ty] if *ty == SqlType::Boolean || ty.is_numeric() || *ty == SqlType::Null => {
            takes([SqlType::Boolean], SqlType::Boolean)
        }
        _ => Ok(None),
    },
    kernel: Kernel::Eager(|call| Ok(call.wrap(Arc::new(arrow::compute::not(call.args[0].array().as_boolean())?)))),
    fails: Fails::Never,
};

const fn comparison(
    names: &'static [&'static str],
    usage: &'static str,
    doc: &'static str,
    kernel: fn(&Call<'_>) -> Result<Value>,
) -> ScalarFunction {
    ScalarFunction {
        names,
        family: Family::Comparison,
        usage,
        doc,
        bind: bind_comparison,
        kernel: Kernel::Eager(kernel),
        fails: Fails::Never,
    }
}

const fn test(
    names: &'static [&'static str],
    usage: &'static str,
    doc: &'static str,
    kernel: fn(&Call<'_>) -> Result<Value>,
) -> ScalarFunction {
    ScalarFunction {
        names,
        family: Family::Comparison,
        usage,
        doc,
        bind: |args| match args {
            [ty] => takes([ty.clone()], SqlType::Boolean),
            _ => Ok(None),
        },
        kernel: Kernel::Eager(kernel),
        fails: Fails::Never,
    }
}

fn bind_comparison(args: &[SqlType]) -> Bound {
    if args.len() != 2 {
        return Ok(None);
    }
    match meeting(args)? {
        Some(SqlType::Null) => takes([SqlType::Integer, SqlType::Integer], SqlType::Boolean),
        Some(SqlType::List(_) | SqlType::Array(..)) | None => Ok(None),
        Some(ty) => takes([ty.clone(), ty], SqlType::Boolean),
    }
}

fn compare_call(call: &Call<'_>, op: Comparison) -> Result<Value> {
    let out = compare(op, &call.args[0], &call.args[1], &call.types[0])?;
    Ok(call.wrap(Arc::new(out)))
}

/// Compares values of one type; NULL where one is NULL. Two constants give an array of length 1.
pub(crate) fn compare(op: Comparison, a: &Value, b: &Value, ty: &SqlType) -> Result<BooleanArray> {
    match ty {
        SqlType::Float => reals::<Float32Type>(op, a, b),
        SqlType::Double => reals::<Float64Type>(op, a, b),
        SqlType::Interval => by_arrow(op, &durations(a)?, &durations(b)?),
        SqlType::List(_) | SqlType::Array(..) => Err(Error::new("lists are not compared")),
        _ => by_arrow(op, a, b),
    }
}

fn by_arrow(op: Comparison, a: &Value, b: &Value) -> Result<BooleanArray> {
    let kernel = match op {
        Comparison::Equal => cmp::eq,
        Comparison::Unequal => cmp::neq,
        Comparison::Less => cmp::lt,
        Comparison::AtMost => cmp::lt_eq,
        Comparison::More => cmp::gt,
        Comparison::AtLeast => cmp::gt_eq,
    };
    Ok(kernel(a, b)?)
}

/// Arrow orders floats by their bits; here NaN is one value and so is zero.
trait Real: Copy + PartialOrd {
    fn is_nan(self) -> bool;
}

impl Real for f32 {
    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

impl Real for f64 {
    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

fn reals<T: ArrowPrimitiveType>(op: Comparison, a: &Value, b: &Value) -> Result<BooleanArray>
where
    T::Native: Real,
{
    // Without short cuts, so that a loop over these becomes vector code.
    let equal = |x: T::Native, y: T::Native| (x == y) | (x.is_nan() & y.is_nan());
    let less = |x: T::Native, y: T::Native| (x < y) | (y.is_nan() & !x.is_nan());
    match op {
        Comparison::Equal => real_pairs::<T>(a, b, equal),
        Comparison::Unequal => real_pairs::<T>(a, b, |x, y| !equal(x, y)),
        Comparison::Less => real_pairs::<T>(a, b, less),
        Comparison::AtMost => real_pairs::<T>(a, b, |x, y| (x <= y) | y.is_nan()),
        Comparison::More => real_pairs::<T>(a, b, |x, y| less(y, x)),
        Comparison::AtLeast => real_pairs::<T>(a, b, |x, y| (x >= y) | x.is_nan()),
    }
}

fn real_pairs<T: ArrowPrimitiveType>(
    a: &Value,
    b: &Value,
    test: impl Fn(T::Native, T::Native) -> bool,
) -> Result<BooleanArray> {
    let (x, y) = (a.array().as_primitive::<T>(), b.array().as_primitive::<T>());
    match (a.is_constant(), b.is_constant()) {
        (true, false) if x.is_null(0) => Ok(BooleanArray::new_null(y.len())),
        (false, true) if y.is_null(0) => Ok(BooleanArray::new_null(x.len())),
        (true, false) => {
            let constant = x.value(0);
            Ok(each(y, |value| test(constant, value)))
        }
        (false, true) => {
            let constant = y.value(0);
            Ok(each(x, |value| test(value, constant)))
        }
        (true, true) | (false, false) => {
            let (left, right) = (x.values(), y.values());
            let rows = left.len().min(right.len());
            let (left, right) = (&left[..rows], &right[..rows]);
            let bits = bits_where(rows, |row| test(left[row], right[row]));
            Ok(BooleanArray::new(bits, NullBuffer::union(x.nulls(), y.nulls())))
        }
    }
}

fn each<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, test: impl Fn(T::Native) -> bool) -> BooleanArray {
    let values = array.values();
    let bits = bits_where(values.len(), |row| test(values[row]));
    BooleanArray::new(bits, array.nulls().cloned())
}

/// The rows where a test holds that needs no branch.
fn bits_where(rows: usize, test: impl Fn(usize) -> bool) -> BooleanBuffer {
    const STRETCH: usize = 1024;
    let mut words = Vec::with_capacity(rows.div_ceil(64));
    let mut flags = [0u8; STRETCH];
    for start in (0..rows).step_by(STRETCH) {
        let flags = &mut flags[..(rows - start).min(STRETCH)];
        flags.iter_mut().enumerate().for_each(|(i, flag)| *flag = u8::from(test(start + i)));
        bits::pack(flags, &mut words);
    }
    BooleanBuffer::new(words.into(), 0, rows)
}

/// Intervals as microseconds, a month having 30 days.
fn durations(value: &Value) -> Result<Value> {
    let micros = |value: IntervalMonthDayNano| {
        let days = i64::from(value.months) * 30 + i64::from(value.days);
        days.saturating_mul(86_400_000_000).saturating_add(value.nanoseconds / 1000)
    };
    let array = value.array().as_primitive::<IntervalMonthDayNanoType>().unary::<_, Int64Type>(micros);
    Ok(if value.is_constant() { Value::Constant(Arc::new(array)) } else { Value::Array(Arc::new(array)) })
}

fn same_or_not(call: &Call<'_>, same: bool) -> Result<Value> {
    let (a, b) = (&call.args[0], &call.args[1]);
    let equal = compare(Comparison::Equal, a, b, &call.types[0])?;
    let is_null = |value: &Value, row: usize| value.array().is_null(value.place(row));
    let bits = BooleanBuffer::collect_bool(equal.len(), |row| {
        let both = if equal.is_null(row) { is_null(a, row) && is_null(b, row) } else { equal.value(row) };
        both == same
    });
    Ok(call.wrap(Arc::new(BooleanArray::new(bits, None))))
}
