//! Names of types in SQL.

use super::refuse::unsupported;
use crate::{Error, Result, Span};
use hyperslab_expr::SqlType;
use sqlparser::ast::{ArrayElemTypeDef, DataType, ExactNumberInfo, TimezoneInfo};

/// The type that a name means.
///
/// # Errors
/// If we have no such type.
pub(super) fn sql_type(ty: &DataType, at: Span) -> Result<SqlType> {
    Ok(match ty {
        DataType::Boolean | DataType::Bool => SqlType::Boolean,
        DataType::TinyInt(None) => SqlType::TinyInt,
        DataType::SmallInt(None) | DataType::Int2(None) | DataType::Int16 => SqlType::SmallInt,
        DataType::Int(None) | DataType::Integer(None) | DataType::Int4(None) | DataType::Int32 | DataType::Signed => {
            SqlType::Integer
        }
        DataType::BigInt(None) | DataType::Int8(None) | DataType::Int64 => SqlType::BigInt,
        DataType::HugeInt | DataType::Int128 => SqlType::HugeInt,
        DataType::UTinyInt | DataType::UInt8 => SqlType::UTinyInt,
        DataType::USmallInt | DataType::UInt16 => SqlType::USmallInt,
        DataType::UInt32 => SqlType::UInteger,
        DataType::UBigInt | DataType::UInt64 => SqlType::UBigInt,
        DataType::Float(ExactNumberInfo::None) | DataType::Float4 | DataType::Float32 | DataType::Real => {
            SqlType::Float
        }
        DataType::Double(ExactNumberInfo::None) | DataType::DoublePrecision | DataType::Float8 | DataType::Float64 => {
            SqlType::Double
        }
        DataType::Decimal(size) | DataType::Numeric(size) | DataType::Dec(size) => decimal(size, at)?,
        DataType::Varchar(_)
        | DataType::Text
        | DataType::String(_)
        | DataType::Char(_)
        | DataType::CharacterVarying(_)
        | DataType::Character(_) => SqlType::Varchar,
        DataType::Blob(_) | DataType::Bytea | DataType::Binary(_) | DataType::Varbinary(_) => SqlType::Blob,
        DataType::Date | DataType::Date32 => SqlType::Date,
        DataType::Time(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => SqlType::Time,
        DataType::Timestamp(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) | DataType::Datetime(None) => {
            SqlType::TIMESTAMP
        }
        DataType::Timestamp(None, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => {
            return Err(unsupported("TIMESTAMP WITH TIME ZONE", at));
        }
        DataType::Interval { fields: None, precision: None } => SqlType::Interval,
        DataType::Array(element) => array(element, at)?,
        DataType::Custom(name, modifiers) if modifiers.is_empty() => custom(&name.to_string(), at)?,
        other => return Err(Error::new(format!("there is no type {other}")).or_at(Some(at))),
    })
}

/// DuckDB's names that the parser does not know.
fn custom(name: &str, at: Span) -> Result<SqlType> {
    let known = [
        ("UINTEGER", SqlType::UInteger),
        ("UTINYINT", SqlType::UTinyInt),
        ("USMALLINT", SqlType::USmallInt),
        ("UBIGINT", SqlType::UBigInt),
        ("INT1", SqlType::TinyInt),
        ("SHORT", SqlType::SmallInt),
        ("LONG", SqlType::BigInt),
        ("LOGICAL", SqlType::Boolean),
        ("BPCHAR", SqlType::Varchar),
    ];
    let found = known.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, ty)| ty);
    found.ok_or_else(|| Error::new(format!("there is no type {name}")).or_at(Some(at)))
}

fn decimal(size: &ExactNumberInfo, at: Span) -> Result<SqlType> {
    let (precision, scale) = match size {
        ExactNumberInfo::None => (18, 3),
        ExactNumberInfo::Precision(precision) => (*precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
    };
    match (u8::try_from(precision), u8::try_from(scale)) {
        (Ok(precision @ 1..=38), Ok(scale)) if scale <= precision => Ok(SqlType::Decimal(precision, scale)),
        _ => Err(Error::new("DECIMAL has 1 to 38 digits, and no more of them after the point").or_at(Some(at))),
    }
}

fn array(element: &ArrayElemTypeDef, at: Span) -> Result<SqlType> {
    let nested = |ty| sql_type(ty, at).map(Box::new);
    match element {
        ArrayElemTypeDef::AngleBracket(ty) | ArrayElemTypeDef::SquareBracket(ty, None) => {
            Ok(SqlType::List(nested(ty)?))
        }
        ArrayElemTypeDef::SquareBracket(ty, Some(n)) => match usize::try_from(*n) {
            Ok(n) if (1..=100_000).contains(&n) => Ok(SqlType::Array(nested(ty)?, n)),
            _ => Err(Error::new("an array has 1 to 100000 items").or_at(Some(at))),
        },
        ArrayElemTypeDef::None | ArrayElemTypeDef::Parenthesis(_) | ArrayElemTypeDef::Qualified(..) => {
            Err(Error::new("a list type is written as in FLOAT[]").or_at(Some(at)))
        }
    }
}
