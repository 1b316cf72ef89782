//! A result as lines of text: what `.slt` files hold. Independent of the engine's own output formats.
//!
//! FLOAT is shown with as many digits as it needs, DOUBLE with 12 significant ones, NULL as `NULL`, empty text as `(empty)`.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Float32Type, Float64Type, Int64Type, TimeUnit,
    TimestampMicrosecondType,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use hyperslab_grid::{Calendar, calendar::MICROS_PER_DAY, schema::CALENDAR_EXTENSION};

/// The letter of a column's type in a `query` line.
pub fn letter(field: &Field) -> char {
    match field.data_type() {
        _ if calendar(field).is_some() => 'D',
        DataType::Boolean => 'B',
        ty if ty.is_integer() => 'I',
        DataType::Decimal128(38, 0) => 'I',
        DataType::Float32 | DataType::Float64 | DataType::Decimal128(..) => 'R',
        DataType::Utf8 => 'T',
        DataType::Date32 | DataType::Timestamp(..) | DataType::Time64(_) => 'D',
        _ => '?',
    }
}

/// The rows of a batch, a tab between columns; a text of several lines is several lines.
pub fn rows(batch: &RecordBatch) -> Vec<String> {
    let schema = batch.schema();
    let columns: Vec<(&Field, &ArrayRef)> = schema.fields().iter().map(AsRef::as_ref).zip(batch.columns()).collect();
    let row = |at| columns.iter().map(|(field, array)| value(field, array, at)).collect::<Vec<_>>().join("\t");
    let lines = (0..batch.num_rows()).map(row).collect::<Vec<_>>();
    lines.iter().flat_map(|line| line.split('\n')).map(|line| line.trim_end().to_string()).collect()
}

fn value(field: &Field, array: &ArrayRef, at: usize) -> String {
    if array.data_type() == &DataType::Null || array.is_null(at) {
        return "NULL".to_string();
    }
    let gregorian = |micros| Calendar::ProlepticGregorian.format(micros);
    match array.data_type() {
        DataType::Int64 if calendar(field).is_some() => {
            calendar(field).unwrap_or_default().format(array.as_primitive::<Int64Type>().value(at))
        }
        DataType::Float32 => single(array.as_primitive::<Float32Type>().value(at)),
        DataType::Float64 => double(array.as_primitive::<Float64Type>().value(at)),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(at),
        DataType::Date32 => {
            gregorian(i64::from(array.as_primitive::<Date32Type>().value(at)) * MICROS_PER_DAY).replace(" 00:00:00", "")
        }
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            gregorian(array.as_primitive::<TimestampMicrosecondType>().value(at))
        }
        DataType::Utf8 if array.as_string::<i32>().value(at).is_empty() => "(empty)".to_string(),
        DataType::List(item) => list(item, &array.as_list::<i32>().value(at)),
        DataType::FixedSizeList(item, _) => list(item, &array.as_fixed_size_list().value(at)),
        _ => ArrayFormatter::try_new(array, &FormatOptions::default())
            .map_or_else(|error| error.to_string(), |formatter| formatter.value(at).to_string()),
    }
}

fn list(item: &Field, values: &ArrayRef) -> String {
    format!("[{}]", (0..values.len()).map(|at| value(item, values, at)).collect::<Vec<_>>().join(", "))
}

fn calendar(field: &Field) -> Option<Calendar> {
    let named = field.extension_type_name() == Some(CALENDAR_EXTENSION);
    named.then(|| Calendar::from_cf_name(field.extension_type_metadata().unwrap_or_default())).flatten()
}

fn single(value: f32) -> String {
    if value.is_finite() { plain_or_exponent(&format!("{value:e}")) } else { not_finite(value.into()) }
}

/// A double with 12 significant digits.
pub fn double(value: f64) -> String {
    if value.is_finite() { plain_or_exponent(&format!("{value:.11e}")) } else { not_finite(value) }
}

fn not_finite(value: f64) -> String {
    if value.is_nan() {
        "nan"
    } else if value > 0.0 {
        "inf"
    } else {
        "-inf"
    }
    .to_string()
}

/// `-1.2500e2` as `-125`: with an exponent only below 1e-5 and from 1e15 on, without zeros at the end.
fn plain_or_exponent(scientific: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let (sign, digits) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    let (digits, exponent) = (digits.trim_end_matches('0'), exponent.parse::<i32>().unwrap_or(0));
    if digits.is_empty() {
        return format!("{sign}0");
    }
    let point = |at: usize| match digits.split_at_checked(at) {
        Some((whole, "")) => whole.to_string(),
        Some((whole, fraction)) => format!("{whole}.{fraction}"),
        None => format!("{digits:0<at$}"),
    };
    match exponent {
        0..15 => format!("{sign}{}", point(exponent as usize + 1)),
        -5..0 => format!("{sign}0.{}{digits}", "0".repeat(-exponent as usize - 1)),
        _ => format!("{sign}{}e{exponent}", point(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown =
            [0.0, -0.0, 125.0, -2.5, 1.0 / 3.0, 1e15, 1.5e-7, 0.00025, 999_999_999_999.96, f64::NAN, f64::NEG_INFINITY];
        let texts =
            ["0", "-0", "125", "-2.5", "0.333333333333", "1e15", "1.5e-7", "0.00025", "1000000000000", "nan", "-inf"];
        assert_eq!(shown.map(double), texts);
        assert_eq!([35.1, 1e20, 16_777_216.0].map(single), ["35.1", "1e20", "16777216"]);
    }
}
