//! Bits of integers.

use super::arithmetic::typed;
use super::signature::{Bound, or_type, takes};
use super::{Call, Fails, Family, Kernel, ScalarFunction, Value};
use crate::cast::rules::common_type;
use crate::cast::with_integer;
use crate::{Error, Result, SqlType};
use arrow::array::ArrowPrimitiveType;
use arrow::datatypes::Decimal128Type;
use std::fmt::Display;

/// `a & b`
pub(super) const AND: ScalarFunction =
    of_two(&["&"], "integer & integer", "Bits set in both", |call| apply(call, |a, b| Ok(a & b)));

/// `a | b`
pub(super) const OR: ScalarFunction =
    of_two(&["|"], "integer | integer", "Bits set in one of them", |call| apply(call, |a, b| Ok(a | b)));

/// `xor(a, b)`
pub(super) const XOR: ScalarFunction =
    of_two(&["xor"], "xor(integer, integer)", "Bits set in exactly one of them", |call| apply(call, |a, b| Ok(a ^ b)));

/// `a << b`
pub(super) const SHIFT_LEFT: ScalarFunction = of_two(&["<<"], "integer << bits", "Bits moved up", |call| {
    apply(call, |a, b| {
        let problem = |what: &str| Err(Error::new(format!("{a} << {b}: {what}")));
        match u32::try_from(b) {
            _ if a < 0 => problem("a negative integer is not shifted left"),
            Err(_) => problem("the shift is negative or too large"),
            Ok(by) if by < 127 && a.leading_zeros() > by => Ok(a << by),
            Ok(_) => problem("overflow"),
        }
    })
});

/// `a >> b`
pub(super) const SHIFT_RIGHT: ScalarFunction = of_two(&[">>"], "integer >> bits", "Bits moved down", |call| {
    apply(call, |a, b| Ok(u32::try_from(b).ok().and_then(|by| a.checked_shr(by)).unwrap_or(0)))
});

/// `~a`
pub(super) const NOT: ScalarFunction = ScalarFunction {
    names: &["~"],
    family: Family::Bits,
    usage: "~integer",
    doc: "Every bit inverted",
    bind: |args| match args {
        [ty] if ty.is_integer() => takes([ty.clone()], ty.clone()),
        _ => Ok(None),
    },
    kernel: Kernel::Eager(|call| {
        with_integer!(call.ty, |T| call.unary::<T, T>(|a| !a), _ => {
            let value = call.unary::<Decimal128Type, Decimal128Type>(|a| !a)?;
            Ok(typed(call, &value))
        })
    }),
    fails: Fails::Never,
};

const fn of_two(
    names: &'static [&'static str],
    usage: &'static str,
    doc: &'static str,
    kernel: fn(&Call<'_>) -> Result<Value>,
) -> ScalarFunction {
    let (family, fails) = (Family::Bits, Fails::Sometimes);
    ScalarFunction { names, family, usage, doc, bind: bind_two, kernel: Kernel::Eager(kernel), fails }
}

fn bind_two(args: &[SqlType]) -> Bound {
    let [a, b] = args else { return Ok(None) };
    let a = or_type(a, &or_type(b, &SqlType::BigInt));
    let b = or_type(b, &a);
    match common_type(&a, &b) {
        Some(ty) if a.is_integer() && b.is_integer() => takes([ty.clone(), ty.clone()], ty),
        _ => Ok(None),
    }
}

fn apply(call: &Call<'_>, f: impl Fn(i128, i128) -> Result<i128>) -> Result<Value> {
    with_integer!(call.ty, |T| apply_to::<T>(call, f), _ => {
        let value = call.try_binary::<Decimal128Type, Decimal128Type, Decimal128Type>(f)?;
        Ok(typed(call, &value))
    })
}

fn apply_to<T: ArrowPrimitiveType>(call: &Call<'_>, f: impl Fn(i128, i128) -> Result<i128>) -> Result<Value>
where
    T::Native: Into<i128> + TryFrom<i128> + Display,
{
    call.try_binary::<T, T, T>(|a, b| {
        let value = f(a.into(), b.into())?;
        value.try_into().map_err(|_| super::arithmetic::overflow(&format!("{value}"), call.ty))
    })
}
