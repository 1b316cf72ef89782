//! Rounding, roots, powers and logarithms of numbers.
//!
//! `exp`, `ln` and the like come from a Rust libm; `sqrt` and rounding are exact everywhere. Roots and logarithms are
//! DOUBLE; what rounds keeps FLOAT and DECIMAL.

use super::arithmetic::{overflow, typed};
use super::signature::{Bound, all_of, doubles, exactly, takes};
use super::{Call, Fails, Family, Kernel, ScalarFunction, Value};
use crate::cast::number::{rescale, within};
use crate::cast::rules::decimal;
use crate::cast::text::decimal_text;
use crate::cast::{POWERS, decimal_shape, with_integer};
use crate::eval::evaluate_constant;
use crate::{Expr, Result, Scalar, SqlType};
use arrow::array::{Array, ArrowPrimitiveType, AsArray, BooleanArray, Float64Array, PrimitiveArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{Decimal128Type, Float32Type, Float64Type, Int8Type, Int32Type};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// A function of one DOUBLE that has a value, perhaps NaN, everywhere.
pub(super) const fn double(
    names: &'static [&'static str],
    family: Family,
    usage: &'static str,
    doc: &'static str,
    kernel: fn(&Call<'_>) -> Result<Value>,
) -> ScalarFunction {
    let bind = |args: &[SqlType]| doubles(args, 1);
    ScalarFunction { names, family, usage, doc, bind, kernel: Kernel::Eager(kernel), fails: Fails::Never }
}

/// A DOUBLE function of this family.
macro_rules! of_double {
    ($(#[$doc:meta])* $constant:ident, $names:expr, $usage:literal, $text:literal, $f:expr) => {
        $(#[$doc])*
        pub(super) const $constant: ScalarFunction =
            double($names, Family::Math, $usage, $text, |call| call.unary::<Float64Type, Float64Type>($f));
    };
}

of_double!(/// `sqrt(x)`
    SQRT, &["sqrt"], "sqrt(number)", "Square root; NaN of negative numbers", f64::sqrt);
of_double!(/// `cbrt(x)`
    CBRT, &["cbrt"], "cbrt(number)", "Cube root", libm::cbrt);
of_double!(/// `exp(x)`
    EXP, &["exp"], "exp(number)", "e to the power of x", libm::exp);
of_double!(/// `ln(x)`
    LN, &["ln"], "ln(number)", "Natural logarithm; -inf of 0, NaN of negative numbers", libm::log);
of_double!(/// `log2(x)`
    LOG2, &["log2"], "log2(number)", "Logarithm to base 2", libm::log2);
of_double!(/// `log10(x)`
    LOG10, &["log10"], "log10(number)", "Logarithm to base 10", libm::log10);

/// `log(x)`, `log(b, x)`
pub(super) const LOG: ScalarFunction = ScalarFunction {
    names: &["log"],
    family: Family::Math,
    usage: "log(number) or log(base, number)",
    doc: "Logarithm, to base 10 if no base is given",
    bind: |args| all_of(args, 1, 2, &SqlType::Double, SqlType::Double),
    kernel: Kernel::Eager(|call| match call.args.len() {
        1 => call.unary::<Float64Type, Float64Type>(libm::log10),
        _ => call.binary::<Float64Type, Float64Type, Float64Type>(|base, x| libm::log10(x) / libm::log10(base)),
    }),
    fails: Fails::Never,
};

/// `a ^ b`
pub(super) const POWER: ScalarFunction = ScalarFunction {
    names: &["^", "**", "pow", "power"],
    family: Family::Math,
    usage: "number ^ number or pow(number, number)",
    doc: "Power, as DOUBLE",
    bind: |args| doubles(args, 2),
    kernel: Kernel::Eager(|call| call.binary::<Float64Type, Float64Type, Float64Type>(libm::pow)),
    fails: Fails::Never,
};

/// `hypot(x, y)`
pub(super) const HYPOT: ScalarFunction = ScalarFunction {
    names: &["hypot"],
    family: Family::Math,
    usage: "hypot(x, y)",
    doc: "sqrt(x*x + y*y) without overflow: wind speed is hypot(u, v)",
    bind: |args| doubles(args, 2),
    kernel: Kernel::Eager(|call| call.binary::<Float64Type, Float64Type, Float64Type>(libm::hypot)),
    fails: Fails::Never,
};

/// `pi()`
pub(super) const PI: ScalarFunction = ScalarFunction {
    names: &["pi"],
    family: Family::Math,
    usage: "pi()",
    doc: "The number pi",
    bind: |args| if args.is_empty() { takes([], SqlType::Double) } else { Ok(None) },
    kernel: Kernel::Eager(|_| Ok(Value::Constant(Arc::new(Float64Array::from_value(std::f64::consts::PI, 1))))),
    fails: Fails::Never,
};

/// `random()`
pub(super) const RANDOM: ScalarFunction = ScalarFunction {
    names: &["random"],
    family: Family::Math,
    usage: "random()",
    doc: "A number from 0 to below 1, another one for each row",
    bind: |args| if args.is_empty() { takes([], SqlType::Double) } else { Ok(None) },
    kernel: Kernel::Volatile(random),
    fails: Fails::Never,
};

/// `abs(x)`
pub(super) const ABS: ScalarFunction = ScalarFunction {
    names: &["abs", "@"],
    family: Family::Math,
    usage: "abs(number)",
    doc: "The number without its sign",
    bind: |args| match args {
        [SqlType::Null] => takes([SqlType::BigInt], SqlType::BigInt),
        [ty] if ty.is_numeric() => takes([ty.clone()], ty.clone()),
        _ => Ok(None),
    },
    kernel: Kernel::Eager(abs),
    fails: Fails::UnlessReal,
};

/// `sign(x)`
pub(super) const SIGN: ScalarFunction = ScalarFunction {
    names: &["sign"],
    family: Family::Math,
    usage: "sign(number)",
    doc: "-1, 0 or 1; 0 for NaN",
    bind: |args| match args {
        [ty] if ty.is_float() => takes([SqlType::Double], SqlType::TinyInt),
        [ty] if decimal_shape(ty).is_some() => takes([ty.clone()], SqlType::TinyInt),
        _ => exactly(args, &[SqlType::HugeInt], SqlType::TinyInt),
    },
    kernel: Kernel::Eager(|call| match call.types[0] {
        SqlType::Double => call.unary::<Float64Type, Int8Type>(|x| i8::from(x > 0.0) - i8::from(x < 0.0)),
        _ => call.unary::<Decimal128Type, Int8Type>(|x| x.signum() as i8),
    }),
    fails: Fails::Never,
};

/// `ceil(x)`
pub(super) const CEIL: ScalarFunction =
    rounding(&["ceil", "ceiling"], "ceil(number)", "The next integer upwards", |call| {
        round_up_or_down(call, f32::ceil, f64::ceil, |value, one| {
            value.div_euclid(one) + i128::from(value.rem_euclid(one) != 0)
        })
    });

/// `floor(x)`
pub(super) const FLOOR: ScalarFunction = rounding(&["floor"], "floor(number)", "The next integer downwards", |call| {
    round_up_or_down(call, f32::floor, f64::floor, |value, one| value.div_euclid(one))
});

const fn rounding(
    names: &'static [&'static str],
    usage: &'static str,
    doc: &'static str,
    kernel: fn(&Call<'_>) -> Result<Value>,
) -> ScalarFunction {
    let (family, fails) = (Family::Math, Fails::Never);
    ScalarFunction { names, family, usage, doc, bind: bind_whole, kernel: Kernel::Eager(kernel), fails }
}

/// Integers become DOUBLE, as in DuckDB; DECIMAL loses its fraction.
fn bind_whole(args: &[SqlType]) -> Bound {
    match args {
        [SqlType::Float] => takes([SqlType::Float], SqlType::Float),
        [SqlType::Decimal(p, _)] => takes(args, decimal(*p, 0)),
        _ => doubles(args, 1),
    }
}

fn round_up_or_down(
    call: &Call<'_>,
    single: fn(f32) -> f32,
    real: fn(f64) -> f64,
    exact: fn(i128, i128) -> i128,
) -> Result<Value> {
    match &call.types[0] {
        SqlType::Float => call.unary::<Float32Type, Float32Type>(single),
        SqlType::Decimal(_, scale) => {
            let one = POWERS[*scale as usize];
            let value = call.unary::<Decimal128Type, Decimal128Type>(|value| exact(value, one))?;
            Ok(typed(call, &value))
        }
        _ => call.unary::<Float64Type, Float64Type>(real),
    }
}

/// `round(x [, digits])`
pub(super) const ROUND: ScalarFunction = ScalarFunction {
    names: &["round"],
    family: Family::Math,
    usage: "round(number) or round(number, digits)",
    doc: "Rounded to so many digits after the point, halves away from zero; negative digits are before the point",
    bind: bind_digits,
    kernel: Kernel::Eager(|call| to_digits(call, f64::round, true)),
    fails: Fails::UnlessReal,
};

/// `trunc(x [, digits])`
pub(super) const TRUNC: ScalarFunction = ScalarFunction {
    names: &["trunc"],
    family: Family::Math,
    usage: "trunc(number) or trunc(number, digits)",
    doc: "Cut to so many digits after the point",
    bind: bind_digits,
    kernel: Kernel::Eager(|call| to_digits(call, f64::trunc, false)),
    fails: Fails::UnlessReal,
};

/// FLOAT, DOUBLE and integers stay; a DECIMAL keeps its scale if digits are given, since they may differ by row: where
/// they do not, [`rounded_type`] knows better.
fn bind_digits(args: &[SqlType]) -> Bound {
    let Some((number, digits)) = args.split_first() else { return Ok(None) };
    if digits.len() > 1 || digits.iter().any(|ty| !crate::cast::rules::implicit_cast(ty, &SqlType::Integer)) {
        return Ok(None);
    }
    let (arg, ty) = match number {
        SqlType::Null => (SqlType::Double, SqlType::Double),
        SqlType::Decimal(p, _) if digits.is_empty() => (number.clone(), decimal(*p, 0)),
        ty if ty.is_numeric() => (ty.clone(), ty.clone()),
        _ => return Ok(None),
    };
    takes([vec![arg], vec![SqlType::Integer; digits.len()]].concat(), ty)
}

/// The type of a DECIMAL that is rounded to a constant number of digits: it has no more.
pub(super) fn rounded_type(args: &[Expr]) -> Option<SqlType> {
    let [number, digits] = args else { return None };
    let SqlType::Decimal(precision, scale) = number.sql_type() else { return None };
    if !digits.columns().is_empty() || digits.is_volatile() {
        return None;
    }
    match evaluate_constant(digits) {
        Ok(Scalar::Integer(digits, _)) => Some(decimal(precision, digits.clamp(0, i128::from(scale)) as u8)),
        Ok(_) | Err(_) => None,
    }
}

fn to_digits(call: &Call<'_>, whole: fn(f64) -> f64, up: bool) -> Result<Value> {
    match call.ty {
        SqlType::Float => reals_to_digits::<Float32Type>(call, whole),
        SqlType::Double => reals_to_digits::<Float64Type>(call, whole),
        SqlType::HugeInt | SqlType::Decimal(..) => decimals_to_digits(call, up),
        ty => with_integer!(ty, |T| integers_to_digits::<T>(call, up), _ => not_rounded(ty)),
    }
}

fn not_rounded(ty: &SqlType) -> Result<Value> {
    Err(crate::Error::new(format!("{ty} is no number to round")))
}

/// The digits wanted in a row, 0 if none are given.
fn digits_of(call: &Call<'_>) -> impl Fn(usize) -> Option<i32> {
    let given = (call.args.len() > 1).then(|| call.reader::<Int32Type>(1));
    move |row| given.map_or(Some(0), |digits| digits.get(row))
}

fn reals_to_digits<T: ArrowPrimitiveType>(call: &Call<'_>, whole: fn(f64) -> f64) -> Result<Value>
where
    T::Native: Into<f64> + Narrow,
{
    if call.args.len() == 1 {
        return call.unary::<T, T>(|value| T::Native::narrow(whole(value.into())));
    }
    call.binary::<T, Int32Type, T>(|value, digits| {
        let power = libm::exp10(f64::from(digits.unsigned_abs()));
        let x: f64 = value.into();
        let rounded = if digits < 0 { whole(x / power) * power } else { whole(x * power) / power };
        // Beyond the range of powers there is nothing to round, or nothing left.
        match (rounded.is_finite(), digits < 0) {
            (true, _) => T::Native::narrow(rounded),
            (false, true) => T::Native::narrow(0.0),
            (false, false) => value,
        }
    })
}

/// From DOUBLE back to the type of the argument.
trait Narrow {
    fn narrow(value: f64) -> Self;
}

impl Narrow for f32 {
    fn narrow(value: f64) -> Self {
        value as Self
    }
}

impl Narrow for f64 {
    fn narrow(value: f64) -> Self {
        value
    }
}

fn decimals_to_digits(call: &Call<'_>, up: bool) -> Result<Value> {
    let shape = |ty: &SqlType| decimal_shape(ty).unwrap_or((38, 0));
    let ((_, from), (precision, to)) = (shape(&call.types[0]), shape(call.ty));
    let (values, digits) = (call.reader::<Decimal128Type>(0), digits_of(call));
    let round = |value: i128, digits: i32| {
        let rounded = rescale(cut(value, i64::from(from) - i64::from(digits), up), from, to);
        let fits = rounded.and_then(|rounded| within(rounded, precision));
        fits.ok_or_else(|| overflow(&format!("{} rounded", decimal_text(value, from)), call.ty))
    };
    let array = call.rows::<Decimal128Type>(|row| match (values.get(row), digits(row)) {
        (Some(value), Some(digits)) => round(value, digits).map(Some),
        _ => Ok(None),
    })?;
    Ok(typed(call, &call.wrap(Arc::new(array))))
}

fn integers_to_digits<T: ArrowPrimitiveType>(call: &Call<'_>, up: bool) -> Result<Value>
where
    T::Native: Into<i128> + TryFrom<i128>,
{
    if call.args.len() == 1 {
        return Ok(call.args[0].clone());
    }
    let (values, digits) = (call.reader::<T>(0), digits_of(call));
    let array: PrimitiveArray<T> = call.rows(|row| match (values.get(row), digits(row)) {
        (Some(value), Some(digits)) => {
            let rounded = cut(value.into(), -i64::from(digits), up);
            let fits = T::Native::try_from(rounded).map_err(|_| overflow(&rounded.to_string(), call.ty));
            fits.map(Some)
        }
        _ => Ok(None),
    })?;
    Ok(call.wrap(Arc::new(array)))
}

/// Replaces the last `places` digits by zeros, with `up` rounding half away from zero.
fn cut(value: i128, places: i64, up: bool) -> i128 {
    if places <= 0 {
        return value;
    }
    let Some(unit) = usize::try_from(places).ok().and_then(|places| POWERS.get(places)) else { return 0 };
    let rest = value % unit;
    // At most twice 10^38, which a u128 holds.
    let away = up && rest.unsigned_abs() * 2 >= unit.unsigned_abs();
    value - rest + if away { unit * value.signum() } else { 0 }
}

fn abs(call: &Call<'_>) -> Result<Value> {
    match call.ty {
        SqlType::Float => call.unary::<Float32Type, Float32Type>(f32::abs),
        SqlType::Double => call.unary::<Float64Type, Float64Type>(f64::abs),
        SqlType::HugeInt | SqlType::Decimal(..) => {
            let value = call.unary::<Decimal128Type, Decimal128Type>(i128::abs)?;
            Ok(typed(call, &value))
        }
        ty => with_integer!(ty, |T| abs_integers::<T>(call), _ => not_rounded(ty)),
    }
}

fn abs_integers<T: ArrowPrimitiveType>(call: &Call<'_>) -> Result<Value>
where
    T::Native: Into<i128> + TryFrom<i128>,
{
    let out = call.primitive::<T>(0).try_unary::<_, T, _>(|value| {
        let value: i128 = value.into();
        T::Native::try_from(value.abs()).map_err(|_| overflow(&format!("abs({value})"), call.ty))
    })?;
    Ok(call.wrap(Arc::new(out)))
}

/// `isnan(x)`
pub(super) const IS_NAN: ScalarFunction =
    real_test(&["isnan"], "isnan(number)", "Whether it is NaN", |call| test_reals(call, f64::is_nan));

/// `isfinite(x)`
pub(super) const IS_FINITE: ScalarFunction =
    real_test(&["isfinite"], "isfinite(number)", "Whether it is neither NaN nor infinite", |call| {
        test_reals(call, f64::is_finite)
    });

/// `isinf(x)`
pub(super) const IS_INFINITE: ScalarFunction =
    real_test(&["isinf"], "isinf(number)", "Whether it is infinite", |call| test_reals(call, f64::is_infinite));

const fn real_test(
    names: &'static [&'static str],
    usage: &'static str,
    doc: &'static str,
    kernel: fn(&Call<'_>) -> Result<Value>,
) -> ScalarFunction {
    let bind = |args: &[SqlType]| exactly(args, &[SqlType::Double], SqlType::Boolean);
    ScalarFunction { names, family: Family::Math, usage, doc, bind, kernel: Kernel::Eager(kernel), fails: Fails::Never }
}

fn test_reals(call: &Call<'_>, test: fn(f64) -> bool) -> Result<Value> {
    let array = call.args[0].array().as_primitive::<Float64Type>();
    let values = array.values();
    let bits = BooleanBuffer::collect_bool(values.len(), |row| test(values[row]));
    Ok(call.wrap(Arc::new(BooleanArray::new(bits, array.nulls().cloned()))))
}

/// A counter mixed with a random start (SplitMix64).
fn random(rows: usize) -> Value {
    let mut state = RandomState::new().hash_one(rows);
    let next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    };
    let values: Vec<f64> = std::iter::repeat_with(next).take(rows).collect();
    Value::Array(Arc::new(Float64Array::from(values)))
}
