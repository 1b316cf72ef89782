//! SQL types, and the Arrow types that hold them.

use crate::{Error, Result};
use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use hyperslab_grid::{Calendar, schema::CALENDAR_EXTENSION};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// The type of a value, named as in DuckDB.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SqlType {
    /// The type of a bare NULL.
    Null,
    /// `Boolean`.
    Boolean,
    /// `Int8`.
    TinyInt,
    /// `Int16`.
    SmallInt,
    /// `Int32`.
    Integer,
    /// `Int64`.
    BigInt,
    /// `UInt8`.
    UTinyInt,
    /// `UInt16`.
    USmallInt,
    /// `UInt32`.
    UInteger,
    /// `UInt64`.
    UBigInt,
    /// Held as `Decimal128(38, 0)`; the type of a sum of integers.
    HugeInt,
    /// `Float32`.
    Float,
    /// `Float64`.
    Double,
    /// `Decimal128(precision, scale)`, precision 1 to 38, scale 0 to precision.
    Decimal(u8, u8),
    /// `Utf8`.
    Varchar,
    /// `Binary`.
    Blob,
    /// `Date32`: days since 1970-01-01, proleptic Gregorian.
    Date,
    /// `Time64(Microsecond)`.
    Time,
    /// In the proleptic Gregorian calendar `Timestamp(Microsecond, None)`; in another one `Int64`, microseconds since
    /// 1970-01-01 of that calendar, with an extension type on the field.
    Timestamp(Calendar),
    /// `Interval(MonthDayNano)`.
    Interval,
    /// `List` with nullable items.
    List(Box<SqlType>),
    /// `FixedSizeList` with nullable items: bounds.
    Array(Box<SqlType>, usize),
}

impl SqlType {
    /// A timestamp in the proleptic Gregorian calendar.
    pub const TIMESTAMP: Self = Self::Timestamp(Calendar::ProlepticGregorian);

    /// The Arrow type of its arrays.
    pub fn to_arrow(&self) -> DataType {
        let item = |ty: &Self| Arc::new(ty.to_field("item"));
        match self {
            Self::Null => DataType::Null,
            Self::Boolean => DataType::Boolean,
            Self::TinyInt => DataType::Int8,
            Self::SmallInt => DataType::Int16,
            Self::Integer => DataType::Int32,
            Self::BigInt => DataType::Int64,
            Self::UTinyInt => DataType::UInt8,
            Self::USmallInt => DataType::UInt16,
            Self::UInteger => DataType::UInt32,
            Self::UBigInt => DataType::UInt64,
            Self::HugeInt => DataType::Decimal128(38, 0),
            Self::Float => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale as i8),
            Self::Varchar => DataType::Utf8,
            Self::Blob => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp(Calendar::ProlepticGregorian) => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Timestamp(_) => DataType::Int64,
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            Self::List(ty) => DataType::List(item(ty)),
            Self::Array(ty, n) => DataType::FixedSizeList(item(ty), *n as i32),
        }
    }

    /// The type of a column with this Arrow field.
    ///
    /// # Errors
    /// If no SQL type is held in that Arrow type.
    pub fn from_field(field: &Field) -> Result<Self> {
        let calendar =
            || field.metadata().get("ARROW:extension:metadata").and_then(|name| Calendar::from_cf_name(name));
        if field.extension_type_name() == Some(CALENDAR_EXTENSION) {
            return calendar()
                .map(Self::Timestamp)
                .ok_or_else(|| Error::new(format!("column {}: unknown calendar", field.name())));
        }
        Self::from_arrow(field.data_type())
    }

    /// The type whose arrays have this Arrow type.
    ///
    /// # Errors
    /// If there is none.
    pub fn from_arrow(ty: &DataType) -> Result<Self> {
        Ok(match ty {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Boolean,
            DataType::Int8 => Self::TinyInt,
            DataType::Int16 => Self::SmallInt,
            DataType::Int32 => Self::Integer,
            DataType::Int64 => Self::BigInt,
            DataType::UInt8 => Self::UTinyInt,
            DataType::UInt16 => Self::USmallInt,
            DataType::UInt32 => Self::UInteger,
            DataType::UInt64 => Self::UBigInt,
            DataType::Float32 => Self::Float,
            DataType::Float64 => Self::Double,
            DataType::Decimal128(38, 0) => Self::HugeInt,
            DataType::Decimal128(precision, scale) if *scale >= 0 => Self::Decimal(*precision, *scale as u8),
            DataType::Utf8 => Self::Varchar,
            DataType::Binary => Self::Blob,
            DataType::Date32 => Self::Date,
            DataType::Time64(TimeUnit::Microsecond) => Self::Time,
            DataType::Timestamp(TimeUnit::Microsecond, None) => Self::TIMESTAMP,
            DataType::Interval(IntervalUnit::MonthDayNano) => Self::Interval,
            DataType::List(item) => Self::List(Box::new(Self::from_field(item)?)),
            DataType::FixedSizeList(item, n) => Self::Array(Box::new(Self::from_field(item)?), *n as usize),
            other => return Err(Error::new(format!("no SQL type is held as Arrow {other}"))),
        })
    }

    /// A nullable Arrow field of this type.
    pub fn to_field(&self, name: &str) -> Field {
        let field = Field::new(name, self.to_arrow(), true);
        match self {
            Self::Timestamp(calendar) if *calendar != Calendar::ProlepticGregorian => field.with_metadata(
                [("ARROW:extension:name", CALENDAR_EXTENSION), ("ARROW:extension:metadata", calendar.cf_name())]
                    .map(|(key, value)| (key.to_string(), value.to_string())),
            ),
            _ => field,
        }
    }

    /// Whether it is an integer type, HUGEINT included.
    pub fn is_integer(&self) -> bool {
        self.integer_rank().is_some()
    }

    /// Whether it is FLOAT or DOUBLE.
    pub fn is_float(&self) -> bool {
        matches!(self, Self::Float | Self::Double)
    }

    /// Whether it is a number.
    pub fn is_numeric(&self) -> bool {
        self.is_integer() || self.is_float() || matches!(self, Self::Decimal(..))
    }

    /// Whether it is a date or a timestamp of any calendar.
    pub fn is_temporal(&self) -> bool {
        matches!(self, Self::Date | Self::Timestamp(_))
    }

    /// For integers: whether signed, and the bits.
    pub fn integer_rank(&self) -> Option<(bool, u32)> {
        Some(match self {
            Self::TinyInt => (true, 8),
            Self::SmallInt => (true, 16),
            Self::Integer => (true, 32),
            Self::BigInt => (true, 64),
            Self::HugeInt => (true, 128),
            Self::UTinyInt => (false, 8),
            Self::USmallInt => (false, 16),
            Self::UInteger => (false, 32),
            Self::UBigInt => (false, 64),
            _ => return None,
        })
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "NULL",
            Self::Boolean => "BOOLEAN",
            Self::TinyInt => "TINYINT",
            Self::SmallInt => "SMALLINT",
            Self::Integer => "INTEGER",
            Self::BigInt => "BIGINT",
            Self::UTinyInt => "UTINYINT",
            Self::USmallInt => "USMALLINT",
            Self::UInteger => "UINTEGER",
            Self::UBigInt => "UBIGINT",
            Self::HugeInt => "HUGEINT",
            Self::Float => "FLOAT",
            Self::Double => "DOUBLE",
            Self::Decimal(precision, scale) => return write!(f, "DECIMAL({precision},{scale})"),
            Self::Varchar => "VARCHAR",
            Self::Blob => "BLOB",
            Self::Date => "DATE",
            Self::Time => "TIME",
            Self::Timestamp(Calendar::ProlepticGregorian) => "TIMESTAMP",
            Self::Timestamp(calendar) => return write!(f, "TIMESTAMP({calendar})"),
            Self::Interval => "INTERVAL",
            Self::List(item) => return write!(f, "{item}[]"),
            Self::Array(item, n) => return write!(f, "{item}[{n}]"),
        })
    }
}
