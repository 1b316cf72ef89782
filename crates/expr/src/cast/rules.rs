//! Which casts happen by themselves, and which type two types meet in.
//!
//! DuckDB's rules. A text literal takes the type of what it meets; only types are seen here, so a text column does too,
//! and an integer literal that fits the narrower type beside it is retyped with [`adapt_literal`].

use crate::cast::decimal_shape;
use crate::{Scalar, SqlType};
use hyperslab_grid::Calendar;

/// Whether a value of type `from` turns into `to` without being asked.
pub fn implicit_cast(from: &SqlType, to: &SqlType) -> bool {
    match (from, to) {
        _ if from == to => true,
        (SqlType::Null, _) | (SqlType::Date, &SqlType::TIMESTAMP) => true,
        (SqlType::List(a) | SqlType::Array(a, _), SqlType::List(b)) => implicit_cast(a, b),
        (SqlType::Array(a, n), SqlType::Array(b, m)) => n == m && implicit_cast(a, b),
        _ if from.is_numeric() && to.is_numeric() => widens(from, to),
        _ => false,
    }
}

fn widens(from: &SqlType, to: &SqlType) -> bool {
    match (from.integer_rank(), to.integer_rank()) {
        (Some((signed, bits)), Some((to_signed, to_bits))) => {
            if signed == to_signed {
                bits <= to_bits
            } else {
                to_signed && bits < to_bits
            }
        }
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (None, None) => match (from, to) {
            (SqlType::Decimal(p, s), SqlType::Decimal(q, t)) => t >= s && q - t >= p - s,
            (SqlType::Decimal(..), _) => true,
            (SqlType::Float, SqlType::Double) => true,
            _ => false,
        },
    }
}

/// The type that values of both types are cast to where they meet: comparisons, CASE, IN, UNION. `None` if they do not
/// meet, as timestamps of two calendars.
pub fn common_type(a: &SqlType, b: &SqlType) -> Option<SqlType> {
    match (a, b) {
        _ if a == b => Some(a.clone()),
        (SqlType::Null, other) | (other, SqlType::Null) => Some(other.clone()),
        (SqlType::Varchar, other) | (other, SqlType::Varchar) => meets_text(other),
        (SqlType::Boolean, number) | (number, SqlType::Boolean) if number.is_numeric() => Some(number.clone()),
        (SqlType::Date, SqlType::Timestamp(calendar)) | (SqlType::Timestamp(calendar), SqlType::Date) => {
            (*calendar == Calendar::ProlepticGregorian).then_some(SqlType::TIMESTAMP)
        }
        (SqlType::List(x) | SqlType::Array(x, _), SqlType::List(y) | SqlType::Array(y, _)) => {
            Some(SqlType::List(Box::new(common_type(x, y)?)))
        }
        _ if a.is_numeric() && b.is_numeric() => Some(common_number(a, b)),
        _ => None,
    }
}

fn meets_text(other: &SqlType) -> Option<SqlType> {
    (!matches!(other, SqlType::List(_) | SqlType::Array(..))).then(|| other.clone())
}

/// The type of two numbers together: DOUBLE wins, then FLOAT, then DECIMAL, else the narrowest integer for both.
fn common_number(a: &SqlType, b: &SqlType) -> SqlType {
    match (a.integer_rank(), b.integer_rank()) {
        _ if *a == SqlType::Double || *b == SqlType::Double => SqlType::Double,
        _ if *a == SqlType::Float || *b == SqlType::Float => SqlType::Float,
        (Some(x), Some(y)) => common_integer(x, y),
        _ => common_decimal(a, b, 0),
    }
}

fn common_integer((signed, bits): (bool, u32), (other_signed, other_bits): (bool, u32)) -> SqlType {
    let needed = |is_signed: bool, bits: u32| if is_signed { bits } else { bits * 2 };
    match (signed, other_signed) {
        (false, false) => unsigned(bits.max(other_bits)),
        _ => signed_integer(needed(signed, bits).max(needed(other_signed, other_bits))),
    }
}

fn unsigned(bits: u32) -> SqlType {
    match bits {
        8 => SqlType::UTinyInt,
        16 => SqlType::USmallInt,
        32 => SqlType::UInteger,
        _ => SqlType::UBigInt,
    }
}

fn signed_integer(bits: u32) -> SqlType {
    match bits {
        8 => SqlType::TinyInt,
        16 => SqlType::SmallInt,
        32 => SqlType::Integer,
        64 => SqlType::BigInt,
        _ => SqlType::HugeInt,
    }
}

/// A DECIMAL that holds all digits of both, before and after the point, and `extra` more before.
pub(crate) fn common_decimal(a: &SqlType, b: &SqlType, extra: u8) -> SqlType {
    let ((p, s), (q, t)) = (as_decimal(a), as_decimal(b));
    let (whole, scale) = ((p - s).max(q - t), s.max(t));
    decimal((whole + scale + extra).min(38), scale)
}

/// DECIMAL of a shape; the one without fraction and with all digits is HUGEINT, which is held alike.
pub(crate) fn decimal(precision: u8, scale: u8) -> SqlType {
    if (precision, scale) == (38, 0) { SqlType::HugeInt } else { SqlType::Decimal(precision, scale) }
}

/// Precision and scale that hold every value of an exact type.
pub(crate) fn as_decimal(ty: &SqlType) -> (u8, u8) {
    let digits = |ty: &SqlType| match ty {
        SqlType::TinyInt | SqlType::UTinyInt => 3,
        SqlType::SmallInt | SqlType::USmallInt => 5,
        SqlType::Integer | SqlType::UInteger => 10,
        SqlType::BigInt => 19,
        SqlType::UBigInt => 20,
        _ => 38,
    };
    decimal_shape(ty).unwrap_or_else(|| (digits(ty), 0))
}

/// An integer literal beside a value of another number type takes that type if it fits: `x + 1` stays SMALLINT where `x`
/// is SMALLINT. `None` if the literal stays what it is.
pub fn adapt_literal(literal: &Scalar, beside: &SqlType) -> Option<Scalar> {
    let Scalar::Integer(value, _) = literal else { return None };
    let (signed, bits) = beside.integer_rank().filter(|(_, bits)| *bits <= 64)?;
    let (least, most) =
        if signed { (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1) } else { (0, (1i128 << bits) - 1) };
    (least..=most).contains(value).then(|| Scalar::Integer(*value, beside.clone()))
}
