//! Values as text and text as values, spelt as DuckDB spells them.

use super::{Job, decimal_shape, with_integer};
use crate::cast::number::within;
use crate::{Error, Result, SqlType};
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BooleanArray, PrimitiveArray, StringArray, StringBuilder,
};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use hyperslab_grid::Calendar;
use hyperslab_grid::calendar::{DateTime, MICROS_PER_DAY};
use std::fmt::Write;
use std::sync::Arc;

/// Writes the text of one row's value, which must not be NULL.
pub(crate) type Writer<'a> = Box<dyn Fn(usize, &mut String) + 'a>;

pub(super) fn to_text(array: &ArrayRef, job: &Job<'_>) -> Result<ArrayRef> {
    let write = writer(array, job.from)?;
    let mut out = StringBuilder::with_capacity(array.len(), array.len() * 8);
    let mut text = String::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            out.append_null();
            continue;
        }
        text.clear();
        write(row, &mut text);
        out.append_value(&text);
    }
    Ok(Arc::new(out.finish()))
}

/// How the values of an array are written; the type is looked at once, not for each row.
///
/// # Errors
/// If the array is not of that type.
pub(crate) fn writer<'a>(array: &'a ArrayRef, ty: &'a SqlType) -> Result<Writer<'a>> {
    Ok(match ty {
        SqlType::Null => Box::new(|_, out| out.push_str("NULL")),
        SqlType::Boolean => {
            let array = array.as_boolean();
            Box::new(|row, out| out.push_str(if array.value(row) { "true" } else { "false" }))
        }
        SqlType::Float => primitive::<Float32Type>(array, float_text),
        SqlType::Double => primitive::<Float64Type>(array, double_text),
        SqlType::HugeInt | SqlType::Decimal(..) => {
            let scale = decimal_shape(ty).map_or(0, |(_, scale)| scale);
            primitive::<Decimal128Type>(array, move |value| decimal_text(value, scale))
        }
        SqlType::Varchar => {
            let array = array.as_string::<i32>();
            Box::new(|row, out| out.push_str(array.value(row)))
        }
        SqlType::Blob => {
            let array = array.as_binary::<i32>();
            Box::new(|row, out| out.push_str(&blob_text(array.value(row))))
        }
        SqlType::Date => primitive::<Date32Type>(array, date_text),
        SqlType::Time => primitive::<Time64MicrosecondType>(array, time_text),
        SqlType::Timestamp(Calendar::ProlepticGregorian) => {
            primitive::<TimestampMicrosecondType>(array, |micros| Calendar::ProlepticGregorian.format(micros))
        }
        SqlType::Timestamp(calendar) => primitive::<Int64Type>(array, |micros| calendar.format(micros)),
        SqlType::Interval => primitive::<IntervalMonthDayNanoType>(array, |value| {
            interval_text(value.months, value.days, value.nanoseconds / 1000)
        }),
        SqlType::List(item) | SqlType::Array(item, _) => list_writer(array, item)?,
        _ => with_integer!(ty, |T| primitive::<T>(array, |value| value.to_string()), _ => {
            return Err(Error::new(format!("{ty} has no text form")));
        }),
    })
}

fn primitive<'a, T: ArrowPrimitiveType>(array: &'a ArrayRef, text: impl Fn(T::Native) -> String + 'a) -> Writer<'a> {
    let values = array.as_primitive::<T>().values();
    Box::new(move |row, out| out.push_str(&text(values[row])))
}

fn list_writer<'a>(array: &'a ArrayRef, item: &'a SqlType) -> Result<Writer<'a>> {
    let list = super::list::as_list(array)?;
    let item = item.clone();
    // The list may be a view made here, so that its items are written through a writer made for each row.
    Ok(Box::new(move |row, out| {
        let items = list.value(row);
        let Ok(write) = writer(&items, &item) else { return };
        out.push('[');
        for at in 0..items.len() {
            out.push_str(if at == 0 { "" } else { ", " });
            if items.is_null(at) { out.push_str("NULL") } else { write(at, out) }
        }
        out.push(']');
    }))
}

/// A DOUBLE: its shortest digits, with an exponent outside of 0.0001 to 1e16.
pub fn double_text(value: f64) -> String {
    real_text(value.is_finite(), &format!("{value}"), &format!("{value:e}"))
}

/// A FLOAT, likewise.
pub fn float_text(value: f32) -> String {
    real_text(value.is_finite(), &format!("{value}"), &format!("{value:e}"))
}

fn real_text(finite: bool, plain: &str, scientific: &str) -> String {
    if !finite {
        return plain.to_ascii_lowercase();
    }
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    match exponent {
        -4..16 if plain.contains('.') => plain.to_string(),
        -4..16 => format!("{plain}.0"),
        _ => format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()),
    }
}

/// A DECIMAL from its unscaled value.
pub fn decimal_text(value: i128, scale: u8) -> String {
    if scale == 0 {
        return value.to_string();
    }
    let scale = usize::from(scale);
    let digits = format!("{:0width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{}{whole}.{fraction}", if value < 0 { "-" } else { "" })
}

/// A DATE from its days since 1970-01-01.
pub fn date_text(days: i32) -> String {
    let (year, month, day) = Calendar::ProlepticGregorian.civil(i64::from(days));
    let sign = if year < 0 { "-" } else { "" };
    format!("{sign}{:04}-{month:02}-{day:02}", year.abs())
}

/// A TIME from its microseconds since midnight.
pub fn time_text(micros: i64) -> String {
    let mut out = String::new();
    push_clock(&mut out, micros);
    out
}

fn push_clock(out: &mut String, micros: i64) {
    let (sign, micros) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
    let seconds = micros / 1_000_000;
    let fraction = match micros % 1_000_000 {
        0 => String::new(),
        rest => format!(".{rest:06}"),
    };
    let fraction = fraction.trim_end_matches('0');
    let clock = format!("{sign}{:02}:{:02}:{:02}{fraction}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    out.push_str(&clock);
}

/// An INTERVAL as `1 year 2 months 3 days 04:00:00`.
pub fn interval_text(months: i32, days: i32, micros: i64) -> String {
    let mut parts = Vec::new();
    let mut part = |n: i32, unit: &str| {
        if n != 0 {
            parts.push(format!("{n} {unit}{}", if n.abs() == 1 { "" } else { "s" }));
        }
    };
    part(months / 12, "year");
    part(months % 12, "month");
    part(days, "day");
    if micros != 0 || parts.is_empty() {
        parts.push(time_text(micros));
    }
    parts.join(" ")
}

fn blob_text(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes {
        match byte {
            b' '..=b'~' if !matches!(byte, b'\\' | b'\'' | b'"') => out.push(char::from(*byte)),
            _ => write!(out, "\\x{byte:02X}").expect("writing to a string does not fail"),
        }
    }
    out
}

pub(super) fn from_text(array: &ArrayRef, job: &Job<'_>) -> Result<ArrayRef> {
    let texts = array.as_string::<i32>();
    let to = job.to;
    Ok(match to {
        SqlType::Boolean => {
            let values = parsed(texts, job, parse_boolean)?;
            Arc::new(BooleanArray::from(values))
        }
        SqlType::Float => parse::<Float32Type>(texts, job, |text| text.trim().parse().ok())?,
        SqlType::Double => parse::<Float64Type>(texts, job, |text| text.trim().parse().ok())?,
        SqlType::HugeInt | SqlType::Decimal(..) => {
            let (precision, scale) = decimal_shape(to).unwrap_or((38, 0));
            let values = parsed(texts, job, |text| within(parse_decimal(text, scale)?, precision))?;
            Arc::new(PrimitiveArray::<Decimal128Type>::from_iter(values).with_data_type(to.to_arrow()))
        }
        SqlType::Blob => Arc::new(BinaryArray::from_iter(parsed(texts, job, parse_blob)?)),
        SqlType::Date => parse::<Date32Type>(texts, job, parse_date)?,
        SqlType::Time => parse::<Time64MicrosecondType>(texts, job, parse_time)?,
        SqlType::Timestamp(Calendar::ProlepticGregorian) => {
            parse::<TimestampMicrosecondType>(texts, job, |text| parse_timestamp(text, Calendar::ProlepticGregorian))?
        }
        SqlType::Timestamp(calendar) => parse::<Int64Type>(texts, job, |text| parse_timestamp(text, *calendar))?,
        SqlType::Interval => parse::<IntervalMonthDayNanoType>(texts, job, |text| {
            let (months, days, micros) = parse_interval(text)?;
            Some(IntervalMonthDayNano::new(months, days, micros.checked_mul(1000)?))
        })?,
        _ => with_integer!(to, |T| parse::<T>(texts, job, |text| parse_decimal(text, 0)?.try_into().ok())?, _ => {
            return Err(job.impossible());
        }),
    })
}

fn parsed<T>(texts: &StringArray, job: &Job<'_>, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<Option<T>>> {
    let one = |text: Option<&str>| match (text, text.and_then(&parse)) {
        (Some(text), None) if !job.or_null => Err(job.failed(&text)),
        (_, value) => Ok(value),
    };
    texts.iter().map(one).collect()
}

fn parse<T: ArrowPrimitiveType>(
    texts: &StringArray,
    job: &Job<'_>,
    parse: impl Fn(&str) -> Option<T::Native>,
) -> Result<ArrayRef> {
    Ok(Arc::new(PrimitiveArray::<T>::from_iter(parsed(texts, job, parse)?)))
}

fn parse_boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" => Some(true),
        "false" | "f" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}

/// A number such as `-12.5e3` as the unscaled value of a DECIMAL, rounded half away from zero.
pub fn parse_decimal(text: &str, scale: u8) -> Option<i128> {
    let text = text.trim();
    let (negative, text) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let shift = i64::from(exponent) + i64::from(scale) - fraction.len() as i64;
    let value = shift_digits(digits.trim_start_matches('0'), shift)?;
    Some(if negative { -value } else { value })
}

/// The digits times ten to the `shift`, rounded half up.
fn shift_digits(digits: &str, shift: i64) -> Option<i128> {
    if digits.is_empty() {
        return Some(0);
    }
    if shift >= 0 {
        let power = super::POWERS.get(usize::try_from(shift).ok()?)?;
        return digits.parse::<i128>().ok()?.checked_mul(*power);
    }
    let dropped = usize::try_from(-shift).ok()?;
    let Some(kept) = digits.len().checked_sub(dropped) else { return Some(0) };
    let value: i128 = if kept == 0 { 0 } else { digits[..kept].parse().ok()? };
    value.checked_add(i128::from(digits.as_bytes()[kept] >= b'5'))
}

fn parse_blob(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'\\' {
            let hex = std::str::from_utf8(after.strip_prefix(b"x")?.get(..2)?).ok()?;
            out.push(u8::from_str_radix(hex, 16).ok()?);
            rest = &after[3..];
        } else {
            out.push(*first);
            rest = after;
        }
    }
    Some(out)
}

/// `YYYY-MM-DD[ hh:mm[:ss[.ffffff]]]` in a calendar; unlike a file's reference time, the date must be complete.
pub fn parse_timestamp(text: &str, calendar: Calendar) -> Option<i64> {
    let text = text.trim();
    let date = text.split([' ', 'T', 't']).next()?;
    let complete = date.trim_start_matches('-').matches('-').count() == 2;
    if complete { calendar.parse(text) } else { None }
}

fn parse_date(text: &str) -> Option<i32> {
    let micros = parse_timestamp(text, Calendar::ProlepticGregorian)?;
    i32::try_from(micros.div_euclid(MICROS_PER_DAY)).ok()
}

fn parse_time(text: &str) -> Option<i64> {
    let text = text.trim();
    if !text.contains(':') {
        return None;
    }
    let midnight = DateTime { year: 1970, month: 1, day: 1, micros: 0 };
    let date = if text.contains('-') { String::new() } else { "1970-01-01 ".to_string() };
    let micros = Calendar::ProlepticGregorian.parse(&format!("{date}{text}"))?;
    let day = Calendar::ProlepticGregorian.micros(&midnight)?;
    let in_day = micros - day;
    if date.is_empty() {
        Some(micros.rem_euclid(MICROS_PER_DAY))
    } else {
        (0..MICROS_PER_DAY).contains(&in_day).then_some(in_day)
    }
}

/// An interval such as `1 year 2 days 03:04:05` or `90 minutes`: months, days, microseconds.
pub fn parse_interval(text: &str) -> Option<(i32, i32, i64)> {
    let mut words = text.split_whitespace().peekable();
    let mut sum = (0i32, 0i32, 0i64);
    let mut sign = 1;
    let mut found = false;
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case("ago") && words.peek().is_none() && found {
            sign = -1;
            break;
        }
        let part = match word.contains(':') {
            true => (0, 0, parse_signed_clock(word)?),
            false => {
                let split = word.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(word.len());
                let (number, unit) = word.split_at(split);
                let unit = if unit.is_empty() { words.next()? } else { unit };
                interval_of(number, unit)?
            }
        };
        sum = (sum.0.checked_add(part.0)?, sum.1.checked_add(part.1)?, sum.2.checked_add(part.2)?);
        found = true;
    }
    found.then_some((sum.0.checked_mul(sign)?, sum.1.checked_mul(sign)?, sum.2.checked_mul(i64::from(sign))?))
}

fn parse_signed_clock(text: &str) -> Option<i64> {
    let (sign, clock) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut parts = clock.split(':');
    let hours = parse_decimal(parts.next()?, 0)?;
    let minutes = parse_decimal(parts.next()?, 0)?;
    let micros = parts.next().map_or(Some(0), |seconds| parse_decimal(seconds, 6))?;
    let seconds = hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?;
    let total = seconds.checked_mul(1_000_000)?.checked_add(micros)?;
    if parts.next().is_some() || !(0..60).contains(&minutes) { None } else { i64::try_from(sign * total).ok() }
}

/// A number of units, as in `1.5 hours`; the fraction of a day or month goes into the smaller fields.
pub fn interval_of(number: &str, unit: &str) -> Option<(i32, i32, i64)> {
    let millionths = parse_decimal(number, 6)?;
    let whole_months = |months: i128| -> Option<(i32, i32, i64)> {
        let total = millionths.checked_mul(months)?;
        let rest = (total % 1_000_000) * 30;
        let micros = (rest % 1_000_000) * 86_400;
        Some((
            i32::try_from(total / 1_000_000).ok()?,
            i32::try_from(rest / 1_000_000).ok()?,
            i64::try_from(micros).ok()?,
        ))
    };
    let whole_days = |days: i128| -> Option<(i32, i32, i64)> {
        let total = millionths.checked_mul(days)?;
        let micros = (total % 1_000_000) * 86_400;
        Some((0, i32::try_from(total / 1_000_000).ok()?, i64::try_from(micros).ok()?))
    };
    let micros = |each: i128| Some((0, 0, i64::try_from(millionths.checked_mul(each)? / 1_000_000).ok()?));
    let unit = unit.to_ascii_lowercase();
    match unit.strip_suffix('s').filter(|unit| unit.len() > 1).unwrap_or(&unit) {
        "millennium" | "millennia" => whole_months(12_000),
        "century" | "centurie" => whole_months(1200),
        "decade" => whole_months(120),
        "year" | "yr" | "y" => whole_months(12),
        "quarter" => whole_months(3),
        "month" | "mon" => whole_months(1),
        "week" | "w" => whole_days(7),
        "day" | "d" => whole_days(1),
        "hour" | "hr" | "h" => micros(3_600_000_000),
        "minute" | "min" | "m" => micros(60_000_000),
        "second" | "sec" | "s" => micros(1_000_000),
        "millisecond" | "msec" | "ms" => micros(1000),
        "microsecond" | "usec" | "us" => micros(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_spelt_as_in_duckdb() {
        for (value, text) in [
            (1.5, "1.5"),
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.23e17, "1.23e+17"),
            (0.0001, "0.0001"),
            (1e-5, "1e-05"),
            (1e100, "1e+100"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(double_text(value), text);
        }
        assert_eq!([float_text(0.1), float_text(123_456_789.0)], ["0.1", "123456790.0"]);
    }

    #[test]
    fn numbers_are_read_and_rounded() {
        for (text, scale, value) in [
            ("12", 0, Some(12)),
            (" -12.5 ", 0, Some(-13)),
            ("1.4999999", 0, Some(1)),
            ("1e3", 0, Some(1000)),
            ("+5", 1, Some(50)),
            (".5", 0, Some(1)),
            ("0.04", 1, Some(0)),
            ("1e-400", 0, Some(0)),
            ("1e400", 0, None),
            ("", 0, None),
            (".", 0, None),
            ("1 2", 0, None),
            ("12abc", 0, None),
            ("--1", 0, None),
            ("-\u{e9}", 0, None),
        ] {
            assert_eq!(parse_decimal(text, scale), value, "{text}");
        }
    }

    #[test]
    fn intervals_are_read_and_spelt() {
        for (text, spelt) in [
            ("14 months 3 days 4 hours", "1 year 2 months 3 days 04:00:00"),
            ("-1.5 seconds", "-00:00:01.5"),
            ("1 year", "1 year"),
            ("2 years ago", "-2 years"),
            ("1 month 2 days 03:04:05", "1 month 2 days 03:04:05"),
            ("1.5 months", "1 month 15 days"),
            ("0 days", "00:00:00"),
            ("6h", "06:00:00"),
            ("40 hours", "40:00:00"),
        ] {
            let (months, days, micros) = parse_interval(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(interval_text(months, days, micros), spelt);
        }
        for wrong in [
            "",
            "1",
            "day",
            "1 fortnight",
            "ago",
            "1:2:3:4",
            "99999999999 years",
            "99999999999999999999999999999999999999:00",
        ] {
            assert_eq!(parse_interval(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn dates_are_complete_and_exist() {
        assert_eq!(parse_date("1970-01-02"), Some(1));
        assert_eq!([parse_date("2000-02-30"), parse_date("2000-01"), parse_date("x")], [None; 3]);
        assert!(parse_timestamp("2001-02-30", Calendar::Day360).is_some());
        assert_eq!([parse_time("10:00"), parse_time("25:00"), parse_time("10")], [Some(36_000_000_000), None, None]);
    }
}
