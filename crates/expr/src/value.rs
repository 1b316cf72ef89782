//! One value of any type.

use crate::cast::{text, time::timestamps, with_integer};
use crate::{Error, Result, SqlType};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    Int64Array, IntervalMonthDayNanoArray, ListArray, PrimitiveArray, StringArray, Time64MicrosecondArray, UInt32Array,
    new_empty_array, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{concat, take};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Field, Float32Type, Float64Type, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType,
};
use hyperslab_grid::Calendar;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// One value. `Null` has a type of its own in the expression that holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Scalar {
    /// NULL of a type.
    Null(SqlType),
    /// BOOLEAN.
    Boolean(bool),
    /// An integer of an integer type other than HUGEINT; the value lies in the type's range.
    Integer(i128, SqlType),
    /// FLOAT.
    Float(f32),
    /// DOUBLE.
    Double(f64),
    /// DECIMAL: unscaled value, precision, scale. HUGEINT is precision 38, scale 0.
    Decimal(i128, u8, u8),
    /// VARCHAR.
    Varchar(String),
    /// BLOB.
    Blob(Arc<[u8]>),
    /// DATE: days since 1970-01-01.
    Date(i32),
    /// TIME: microseconds since midnight.
    Time(i64),
    /// TIMESTAMP: microseconds since 1970-01-01 of the calendar.
    Timestamp(i64, Calendar),
    /// INTERVAL: months, days, microseconds.
    Interval(i32, i32, i64),
    /// A list of values of one type.
    List(Vec<Scalar>, SqlType),
}

impl Scalar {
    /// Its type.
    pub fn sql_type(&self) -> SqlType {
        match self {
            Self::Null(ty) | Self::Integer(_, ty) => ty.clone(),
            Self::Boolean(_) => SqlType::Boolean,
            Self::Float(_) => SqlType::Float,
            Self::Double(_) => SqlType::Double,
            Self::Decimal(_, 38, 0) => SqlType::HugeInt,
            Self::Decimal(_, precision, scale) => SqlType::Decimal(*precision, *scale),
            Self::Varchar(_) => SqlType::Varchar,
            Self::Blob(_) => SqlType::Blob,
            Self::Date(_) => SqlType::Date,
            Self::Time(_) => SqlType::Time,
            Self::Timestamp(_, calendar) => SqlType::Timestamp(*calendar),
            Self::Interval(..) => SqlType::Interval,
            Self::List(_, item) => SqlType::List(Box::new(item.clone())),
        }
    }

    /// Whether it is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null(_))
    }

    /// A number as the nearest DOUBLE; `None` for what is none.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(value, _) => Some(*value as f64),
            Self::Float(value) => Some(f64::from(*value)),
            Self::Double(value) => Some(*value),
            Self::Decimal(value, _, scale) => Some(*value as f64 / 10f64.powi(i32::from(*scale))),
            Self::Null(_)
            | Self::Boolean(_)
            | Self::Varchar(_)
            | Self::Blob(_)
            | Self::Date(_)
            | Self::Time(_)
            | Self::Timestamp(..)
            | Self::Interval(..)
            | Self::List(..) => None,
        }
    }
}

impl Scalar {
    /// An array of so many rows with this value.
    ///
    /// # Errors
    /// If the items of a list are of different types.
    pub fn to_array(&self, rows: usize) -> Result<ArrayRef> {
        Ok(match self {
            Self::Null(ty) => new_null_array(&ty.to_arrow(), rows),
            Self::Boolean(value) => Arc::new(BooleanArray::from(vec![*value; rows])),
            Self::Integer(value, ty) => with_integer!(ty, |T| {
                let value = (*value).try_into().map_err(|_| Error::new(format!("{value} is no {ty}")))?;
                Arc::new(PrimitiveArray::<T>::from_value(value, rows))
            }, _ => return Err(Error::new(format!("{ty} is no integer type")))),
            Self::Float(value) => Arc::new(Float32Array::from_value(*value, rows)),
            Self::Double(value) => Arc::new(Float64Array::from_value(*value, rows)),
            Self::Decimal(value, ..) => {
                Arc::new(Decimal128Array::from_value(*value, rows).with_data_type(self.sql_type().to_arrow()))
            }
            Self::Varchar(value) => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, rows))),
            Self::Blob(value) => Arc::new(BinaryArray::from_iter_values(std::iter::repeat_n(value, rows))),
            Self::Date(days) => Arc::new(Date32Array::from_value(*days, rows)),
            Self::Time(micros) => Arc::new(Time64MicrosecondArray::from_value(*micros, rows)),
            Self::Timestamp(micros, calendar) => timestamps(Int64Array::from_value(*micros, rows), *calendar),
            Self::Interval(months, days, micros) => {
                let nanos = micros.checked_mul(1000).ok_or_else(|| Error::new("the interval is too long"))?;
                Arc::new(IntervalMonthDayNanoArray::from_value(IntervalMonthDayNano::new(*months, *days, nanos), rows))
            }
            Self::List(items, item) => list_array(items, item, rows)?,
        })
    }

    /// The value in one row of an array of a type.
    ///
    /// # Errors
    /// If the array is not of that type.
    pub fn from_array(array: &dyn Array, row: usize, ty: &SqlType) -> Result<Self> {
        if *array.data_type() != ty.to_arrow() && !matches!(ty, SqlType::List(_) | SqlType::Array(..)) {
            return Err(Error::new(format!("{ty} is not held as Arrow {}", array.data_type())));
        }
        if array.is_null(row) || *ty == SqlType::Null {
            return Ok(Self::Null(ty.clone()));
        }
        Ok(match ty {
            SqlType::Null => Self::Null(SqlType::Null),
            SqlType::Boolean => Self::Boolean(array.as_boolean().value(row)),
            SqlType::Float => Self::Float(array.as_primitive::<Float32Type>().value(row)),
            SqlType::Double => Self::Double(array.as_primitive::<Float64Type>().value(row)),
            SqlType::HugeInt => Self::Decimal(array.as_primitive::<Decimal128Type>().value(row), 38, 0),
            SqlType::Decimal(p, s) => Self::Decimal(array.as_primitive::<Decimal128Type>().value(row), *p, *s),
            SqlType::Varchar => Self::Varchar(array.as_string::<i32>().value(row).to_string()),
            SqlType::Blob => Self::Blob(array.as_binary::<i32>().value(row).into()),
            SqlType::Date => Self::Date(array.as_primitive::<Date32Type>().value(row)),
            SqlType::Time => Self::Time(array.as_primitive::<Time64MicrosecondType>().value(row)),
            SqlType::Timestamp(calendar) => Self::Timestamp(micros_at(array, row, *calendar), *calendar),
            SqlType::Interval => {
                let value = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
                Self::Interval(value.months, value.days, value.nanoseconds / 1000)
            }
            SqlType::List(item) => list_scalar(&array.as_list::<i32>().value(row), item)?,
            SqlType::Array(item, _) => list_scalar(&array.as_fixed_size_list().value(row), item)?,
            _ => with_integer!(ty, |T| Self::Integer(array.as_primitive::<T>().value(row).into(), ty.clone()), _ => {
                return Err(Error::new(format!("{ty} has no scalar form")));
            }),
        })
    }
}

fn micros_at(array: &dyn Array, row: usize, calendar: Calendar) -> i64 {
    match calendar {
        Calendar::ProlepticGregorian => array.as_primitive::<TimestampMicrosecondType>().value(row),
        _ => array.as_primitive::<Int64Type>().value(row),
    }
}

fn list_array(items: &[Scalar], item: &SqlType, rows: usize) -> Result<ArrayRef> {
    let arrays = items.iter().map(|item| item.to_array(1)).collect::<Result<Vec<_>>>()?;
    let parts: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    let values = if parts.is_empty() { new_empty_array(&item.to_arrow()) } else { concat(&parts)? };
    let field = Arc::new(Field::new("item", item.to_arrow(), true));
    let one = ListArray::try_new(field, OffsetBuffer::from_lengths([items.len()]), values, None)?;
    Ok(take(&one, &UInt32Array::from_value(0, rows), None)?)
}

fn list_scalar(values: &ArrayRef, item: &SqlType) -> Result<Scalar> {
    let items = (0..values.len()).map(|row| Scalar::from_array(values, row, item)).collect::<Result<_>>()?;
    Ok(Scalar::List(items, item.clone()))
}

impl fmt::Display for Scalar {
    /// As an SQL literal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        match self {
            Self::Null(_) => f.write_str("NULL"),
            Self::Boolean(value) => f.write_str(if *value { "TRUE" } else { "FALSE" }),
            Self::Integer(value, _) => write!(f, "{value}"),
            Self::Float(value) if value.is_finite() => f.write_str(&text::float_text(*value)),
            Self::Float(value) => write!(f, "CAST('{}' AS FLOAT)", text::float_text(*value)),
            Self::Double(value) if value.is_finite() => f.write_str(&text::double_text(*value)),
            Self::Double(value) => write!(f, "CAST('{}' AS DOUBLE)", text::double_text(*value)),
            Self::Decimal(value, _, scale) => f.write_str(&text::decimal_text(*value, *scale)),
            Self::Varchar(value) => f.write_str(&quoted(value)),
            Self::Blob(bytes) => {
                f.write_str("CAST('")?;
                bytes.iter().try_for_each(|byte| write!(f, "\\x{byte:02X}"))?;
                f.write_str("' AS BLOB)")
            }
            Self::Date(days) => write!(f, "DATE '{}'", text::date_text(*days)),
            Self::Time(micros) => write!(f, "TIME '{}'", text::time_text(*micros)),
            Self::Timestamp(micros, calendar) => write!(f, "TIMESTAMP '{}'", calendar.format(*micros)),
            Self::Interval(months, days, micros) => {
                write!(f, "INTERVAL '{}'", text::interval_text(*months, *days, *micros))
            }
            Self::List(items, _) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Scalar> {
        vec![
            Scalar::Null(SqlType::Date),
            Scalar::Boolean(true),
            Scalar::Integer(-7, SqlType::SmallInt),
            Scalar::Integer(u64::MAX.into(), SqlType::UBigInt),
            Scalar::Float(35.1),
            Scalar::Double(1e20),
            Scalar::Decimal(-351, 4, 2),
            Scalar::Decimal(7, 38, 0),
            Scalar::Varchar("it's".into()),
            Scalar::Blob([1, 255].into()),
            Scalar::Date(10957),
            Scalar::Time(1_500_000),
            Scalar::Timestamp(0, Calendar::ProlepticGregorian),
            Scalar::Timestamp(-1, Calendar::Day360),
            Scalar::Interval(14, -3, 1_000_000),
            Scalar::List(vec![Scalar::Integer(1, SqlType::Integer), Scalar::Null(SqlType::Integer)], SqlType::Integer),
            Scalar::List(Vec::new(), SqlType::Varchar),
        ]
    }

    #[test]
    fn arrays_and_back() {
        for value in samples() {
            let array = value.to_array(3).unwrap();
            assert_eq!(array.len(), 3, "{value}");
            assert_eq!(Scalar::from_array(&array, 2, &value.sql_type()).unwrap(), value);
        }
    }

    #[test]
    fn an_array_of_another_type_is_refused() {
        let array = Scalar::Double(1.0).to_array(1).unwrap();
        assert!(Scalar::from_array(&array, 0, &SqlType::Float).is_err());
        assert!(Scalar::Integer(300, SqlType::TinyInt).to_array(1).is_err());
    }

    #[test]
    fn literals_read_as_sql() {
        let text: Vec<String> = samples().iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "NULL",
                "TRUE",
                "-7",
                "18446744073709551615",
                "35.1",
                "1e+20",
                "-3.51",
                "7",
                "'it''s'",
                "CAST('\\x01\\xFF' AS BLOB)",
                "DATE '2000-01-01'",
                "TIME '00:00:01.5'",
                "TIMESTAMP '1970-01-01 00:00:00'",
                "TIMESTAMP '1969-12-30 23:59:59.999999'",
                "INTERVAL '1 year 2 months -3 days 00:00:01'",
                "[1, NULL]",
                "[]",
            ]
        );
    }
}
