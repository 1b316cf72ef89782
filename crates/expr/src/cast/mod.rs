//! Casts between all types, written or implied: one array in, one array out.
//!
//! A value that the target type cannot hold is an error that names it, or NULL for `TRY_CAST`. Which casts happen by
//! themselves is in [`rules`].

mod list;
pub(crate) mod number;
pub mod rules;
pub mod text;
pub(crate) mod time;

use crate::{Error, Result, SqlType};
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray, new_null_array};
use hyperslab_grid::Calendar;
use std::fmt::Display;

/// Runs a piece of code with a type alias for the Arrow type of an integer of at most 64 bits.
macro_rules! with_integer {
    ($ty:expr, |$T:ident| $body:expr, _ => $otherwise:expr) => {
        match $ty {
            $crate::SqlType::TinyInt => {
                type $T = arrow::datatypes::Int8Type;
                $body
            }
            $crate::SqlType::SmallInt => {
                type $T = arrow::datatypes::Int16Type;
                $body
            }
            $crate::SqlType::Integer => {
                type $T = arrow::datatypes::Int32Type;
                $body
            }
            $crate::SqlType::BigInt => {
                type $T = arrow::datatypes::Int64Type;
                $body
            }
            $crate::SqlType::UTinyInt => {
                type $T = arrow::datatypes::UInt8Type;
                $body
            }
            $crate::SqlType::USmallInt => {
                type $T = arrow::datatypes::UInt16Type;
                $body
            }
            $crate::SqlType::UInteger => {
                type $T = arrow::datatypes::UInt32Type;
                $body
            }
            $crate::SqlType::UBigInt => {
                type $T = arrow::datatypes::UInt64Type;
                $body
            }
            _ => $otherwise,
        }
    };
}
pub(crate) use with_integer;

/// Casts an array of type `from` to type `to`. With `or_null` a value that cannot be cast becomes NULL.
///
/// # Errors
/// If there is no such cast; without `or_null`, if a value cannot be cast.
pub fn cast(array: &ArrayRef, from: &SqlType, to: &SqlType, or_null: bool) -> Result<ArrayRef> {
    let job = Job { from, to, or_null };
    match (from, to) {
        _ if from == to || decimal_shape(from).is_some() && decimal_shape(from) == decimal_shape(to) => {
            Ok(array.clone())
        }
        (SqlType::Null, _) => Ok(new_null_array(&to.to_arrow(), array.len())),
        (_, SqlType::Varchar) => text::to_text(array, &job),
        (SqlType::Varchar, _) => text::from_text(array, &job),
        _ if is_number(from) && is_number(to) => number::cast(array, &job),
        _ if is_time(from) && is_time(to) => time::cast(array, &job),
        (SqlType::List(_) | SqlType::Array(..), SqlType::List(_) | SqlType::Array(..)) => list::cast(array, &job),
        _ => Err(job.impossible()),
    }
}

/// Whether a written cast between the types exists at all, whatever the values.
pub fn can_cast(from: &SqlType, to: &SqlType) -> bool {
    match (from, to) {
        _ if from == to => true,
        (SqlType::Null, _) | (_, SqlType::Varchar) => true,
        (SqlType::Varchar, SqlType::List(_) | SqlType::Array(..) | SqlType::Null) => false,
        (SqlType::Varchar, _) => true,
        (SqlType::List(a) | SqlType::Array(a, _), SqlType::List(b) | SqlType::Array(b, _)) => can_cast(a, b),
        _ => is_number(from) && is_number(to) || is_time(from) && time::can_cast(from, to),
    }
}

/// One cast: between which types, and what happens to a value that has none.
struct Job<'a> {
    from: &'a SqlType,
    to: &'a SqlType,
    or_null: bool,
}

impl Job<'_> {
    /// Casts each value that is not NULL; `convert` gives `None` for what cannot be cast.
    fn map<A, B>(
        &self,
        array: &PrimitiveArray<A>,
        convert: impl Fn(A::Native) -> Option<B::Native>,
    ) -> Result<PrimitiveArray<B>>
    where
        A: ArrowPrimitiveType,
        B: ArrowPrimitiveType,
        A::Native: Display,
    {
        if self.or_null {
            return Ok(array.unary_opt(convert));
        }
        array.try_unary(|value| convert(value).ok_or_else(|| self.failed(&value)))
    }

    fn failed(&self, value: &dyn Display) -> Error {
        let quote = if *self.from == SqlType::Varchar { "'" } else { "" };
        let why = self.fault(value).map(|fault| format!(": {fault}")).unwrap_or_default();
        let error = Error::new(format!("cannot cast {quote}{value}{quote} to {}{why}", self.to));
        error.with_hint("TRY_CAST gives NULL instead")
    }

    /// What of a text that shall be a date or time does not exist.
    fn fault(&self, value: &dyn Display) -> Option<String> {
        match (self.from, self.to) {
            (SqlType::Varchar, SqlType::Timestamp(calendar)) => calendar.fault(&value.to_string()),
            (SqlType::Varchar, SqlType::Date) => Calendar::ProlepticGregorian.fault(&value.to_string()),
            _ => None,
        }
    }

    fn impossible(&self) -> Error {
        Error::new(format!("there is no cast from {} to {}", self.from, self.to))
    }
}

fn is_number(ty: &SqlType) -> bool {
    ty.is_numeric() || *ty == SqlType::Boolean
}

fn is_time(ty: &SqlType) -> bool {
    ty.is_temporal() || *ty == SqlType::Time
}

/// Precision and scale of what is held as `Decimal128`.
pub(crate) fn decimal_shape(ty: &SqlType) -> Option<(u8, u8)> {
    match ty {
        SqlType::HugeInt => Some((38, 0)),
        SqlType::Decimal(precision, scale) => Some((*precision, *scale)),
        _ => None,
    }
}

/// The powers of ten that an `i128` holds.
pub(crate) const POWERS: [i128; 39] = {
    let mut powers = [1; 39];
    let mut i = 1;
    while i < 39 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

#[cfg(test)]
mod tests;
