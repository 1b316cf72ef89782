//! Sums and differences of times: `+ - * /` where one side is no number.
//!
//! Months are added in the calendar: the day stays, or is the last of a shorter month.

use super::{Instant, Times, calendar_of, instants, out_of_range};
use crate::cast::rules::implicit_cast;
use crate::scalar::signature::{Bound, Signature, refuse_two_calendars, takes};
use crate::scalar::{Call, Value};
use crate::{Error, Result, SqlType};
use arrow::datatypes::{
    Date32Type, Float64Type, Int32Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    Time64MicrosecondType,
};
use hyperslab_grid::calendar::MICROS_PER_DAY;
use std::sync::Arc;

const TIMESTAMP: SqlType = SqlType::TIMESTAMP;

/// `a + b` where one is a time or an interval.
pub(in crate::scalar) fn bind_add(a: &SqlType, b: &SqlType) -> Bound {
    use SqlType::{Date, Interval, Time, Timestamp};
    match (a, b) {
        (Date, days) if implicit_cast(days, &SqlType::Integer) => takes([Date, SqlType::Integer], Date),
        (days, Date) if implicit_cast(days, &SqlType::Integer) => takes([SqlType::Integer, Date], Date),
        (Date, Interval) => takes([TIMESTAMP, Interval], TIMESTAMP),
        (Interval, Date) => takes([Interval, TIMESTAMP], TIMESTAMP),
        (Date, Time) | (Time, Date) => takes([a.clone(), b.clone()], TIMESTAMP),
        (Timestamp(_) | Time, Interval) => takes([a.clone(), Interval], a.clone()),
        (Interval, Timestamp(_) | Time) => takes([Interval, b.clone()], b.clone()),
        (Interval, Interval | SqlType::Null) | (SqlType::Null, Interval) => takes([Interval, Interval], Interval),
        (Timestamp(_), SqlType::Null) => takes([a.clone(), Interval], a.clone()),
        (SqlType::Null, Timestamp(_)) => takes([Interval, b.clone()], b.clone()),
        _ => Ok(None),
    }
}

/// `a - b` where the first is a time or an interval.
pub(in crate::scalar) fn bind_subtract(a: &SqlType, b: &SqlType) -> Bound {
    use SqlType::{Date, Interval, Time, Timestamp};
    refuse_two_calendars(a, b)?;
    match (a, b) {
        (Date, Date) => takes([Date, Date], SqlType::BigInt),
        (Date, days) if implicit_cast(days, &SqlType::Integer) => takes([Date, SqlType::Integer], Date),
        (Date, Interval) => takes([TIMESTAMP, Interval], TIMESTAMP),
        (Timestamp(_), Timestamp(_)) => takes([a.clone(), b.clone()], Interval),
        (Timestamp(_), Date) | (Date, Timestamp(_)) => takes([TIMESTAMP, TIMESTAMP], Interval),
        (Timestamp(_) | Time, Interval | SqlType::Null) => takes([a.clone(), Interval], a.clone()),
        (Interval, Interval | SqlType::Null) => takes([Interval, Interval], Interval),
        _ => Ok(None),
    }
}

/// `interval * number`, in either order.
pub(in crate::scalar) fn bind_scale(a: &SqlType, b: &SqlType) -> Option<Signature> {
    let args = match (a, b) {
        (SqlType::Interval, number) if number.is_numeric() => [SqlType::Interval, SqlType::Double],
        (number, SqlType::Interval) if number.is_numeric() => [SqlType::Double, SqlType::Interval],
        _ => return None,
    };
    Some(Signature { args: args.into(), ty: SqlType::Interval })
}

pub(in crate::scalar) fn add(call: &Call<'_>) -> Result<Value> {
    match (&call.types[0], &call.types[1]) {
        (SqlType::Interval, SqlType::Interval) => {
            intervals(call, |a, b| Some((a.0.checked_add(b.0)?, a.1.checked_add(b.1)?, a.2.checked_add(b.2)?)))
        }
        (_, SqlType::Interval) => shift(call, 0, 1, 1),
        (SqlType::Interval, _) => shift(call, 1, 0, 1),
        (SqlType::Date, SqlType::Time) => date_and_time(call, 0, 1),
        (SqlType::Time, SqlType::Date) => date_and_time(call, 1, 0),
        (SqlType::Date, _) => days(call, 0, 1, 1),
        _ => days(call, 1, 0, 1),
    }
}

pub(in crate::scalar) fn subtract(call: &Call<'_>) -> Result<Value> {
    match (&call.types[0], &call.types[1]) {
        (SqlType::Interval, _) => {
            intervals(call, |a, b| Some((a.0.checked_sub(b.0)?, a.1.checked_sub(b.1)?, a.2.checked_sub(b.2)?)))
        }
        (_, SqlType::Interval) => shift(call, 0, 1, -1),
        (SqlType::Date, SqlType::Date) => {
            call.binary::<Date32Type, Date32Type, Int64Type>(|a, b| i64::from(a) - i64::from(b))
        }
        (SqlType::Timestamp(_), SqlType::Timestamp(_)) => between(call),
        _ => days(call, 0, 1, -1),
    }
}

/// Months, days, microseconds.
type Parts = (i32, i32, i64);

fn parts(value: IntervalMonthDayNano) -> Parts {
    (value.months, value.days, value.nanoseconds / 1000)
}

fn interval((months, days, micros): Parts) -> Option<IntervalMonthDayNano> {
    Some(IntervalMonthDayNano::new(months, days, micros.checked_mul(1000)?))
}

fn too_long() -> Error {
    Error::new("the interval is too long")
}

fn intervals(call: &Call<'_>, f: impl Fn(Parts, Parts) -> Option<Parts>) -> Result<Value> {
    type T = IntervalMonthDayNanoType;
    call.try_binary::<T, T, T>(|a, b| f(parts(a), parts(b)).and_then(interval).ok_or_else(too_long))
}

/// A time and an interval, `sign` times.
fn shift(call: &Call<'_>, time: usize, by: usize, sign: i32) -> Result<Value> {
    let (times, intervals) = (Times::new(call, time), call.reader::<IntervalMonthDayNanoType>(by));
    if *call.ty == SqlType::Time {
        // The clock goes round.
        let out = call.rows::<Time64MicrosecondType>(|row| {
            let by = intervals.get(row).map(|value| value.nanoseconds / 1000 * i64::from(sign));
            Ok(times.get(row).zip(by).map(|(at, by)| (at.micros + by % MICROS_PER_DAY).rem_euclid(MICROS_PER_DAY)))
        })?;
        return Ok(call.wrap(Arc::new(out)));
    }
    instants(call, |row| {
        let (Some(at), Some(by)) = (times.get(row), intervals.get(row)) else { return Ok(None) };
        shifted(&at, parts(by), sign).map(Some).ok_or_else(out_of_range)
    })
}

/// An instant, `sign` intervals later.
pub(super) fn shifted(at: &Instant, (months, days, micros): Parts, sign: i32) -> Option<Instant> {
    let sign = i64::from(sign);
    let day = add_months(at, i64::from(months) * sign)?.checked_add(i64::from(days) * sign)?;
    let micros = at.micros.checked_add(micros.checked_mul(sign)?)?;
    let later = Instant::of_micros(micros, at.calendar);
    Some(Instant { day: day.checked_add(later.day)?, ..later })
}

fn add_months(at: &Instant, months: i64) -> Option<i64> {
    if months == 0 {
        return Some(at.day);
    }
    let fields = at.fields();
    let index = fields.year * 12 + i64::from(fields.month) - 1 + months;
    let (year, month) = (index.div_euclid(12), index.rem_euclid(12) as u32 + 1);
    (1..=fields.day).rev().find_map(|day| at.calendar.days(year, month, day))
}

fn days(call: &Call<'_>, date: usize, by: usize, sign: i64) -> Result<Value> {
    let (dates, days) = (call.reader::<Date32Type>(date), call.reader::<Int32Type>(by));
    let out = call.rows::<Date32Type>(|row| {
        let sum = |(date, days): (i32, i32)| i64::from(date) + sign * i64::from(days);
        let day = dates.get(row).zip(days.get(row)).map(sum);
        day.map(|day| i32::try_from(day).map_err(|_| out_of_range())).transpose()
    })?;
    Ok(call.wrap(Arc::new(out)))
}

fn date_and_time(call: &Call<'_>, date: usize, time: usize) -> Result<Value> {
    let (dates, clocks) = (Times::new(call, date), Times::new(call, time));
    instants(call, |row| {
        Ok(dates.get(row).zip(clocks.get(row)).map(|(date, clock)| Instant { micros: clock.micros, ..date }))
    })
}

/// The time from the second to the first, in days and less.
fn between(call: &Call<'_>) -> Result<Value> {
    let (later, earlier) = (Times::new(call, 0), Times::new(call, 1));
    debug_assert_eq!(calendar_of(&call.types[0]), calendar_of(&call.types[1]), "one calendar, as bound");
    let out = call.rows::<IntervalMonthDayNanoType>(|row| {
        let (Some(a), Some(b)) = (later.get(row), earlier.get(row)) else { return Ok(None) };
        let micros = a.since_1970().zip(b.since_1970()).and_then(|(a, b)| a.checked_sub(b)).ok_or_else(too_long)?;
        let days = i32::try_from(micros / MICROS_PER_DAY).map_err(|_| too_long())?;
        interval((0, days, micros % MICROS_PER_DAY)).map(Some).ok_or_else(too_long)
    })?;
    Ok(call.wrap(Arc::new(out)))
}

pub(in crate::scalar) fn negate(call: &Call<'_>) -> Result<Value> {
    let intervals = call.reader::<IntervalMonthDayNanoType>(0);
    let negative = |value: IntervalMonthDayNano| {
        let (months, days, micros) = parts(value);
        interval((months.checked_neg()?, days.checked_neg()?, micros.checked_neg()?))
    };
    let out = call.rows::<IntervalMonthDayNanoType>(|row| {
        intervals.get(row).map(|value| negative(value).ok_or_else(too_long)).transpose()
    })?;
    Ok(call.wrap(Arc::new(out)))
}

pub(in crate::scalar) fn scale(call: &Call<'_>) -> Result<Value> {
    type T = IntervalMonthDayNanoType;
    match call.types[0] {
        SqlType::Interval => call.try_binary::<T, Float64Type, T>(times),
        _ => call.try_binary::<Float64Type, T, T>(|by, value| times(value, by)),
    }
}

pub(in crate::scalar) fn divide(call: &Call<'_>) -> Result<Value> {
    type T = IntervalMonthDayNanoType;
    call.try_binary::<T, Float64Type, T>(|value, by| match by {
        0.0 => Err(Error::new("division by zero in /").with_hint("nullif(divisor, 0) gives NULL instead")),
        _ => times(value, 1.0 / by),
    })
}

/// The fraction of a month goes into days of a thirtieth, that of a day into microseconds.
fn times(value: IntervalMonthDayNano, by: f64) -> Result<IntervalMonthDayNano> {
    let (months, days, micros) = parts(value);
    let whole = |value: f64| (value.abs() < 2e9).then_some(value.trunc()).ok_or_else(too_long);
    let months = f64::from(months) * by;
    let days = f64::from(days) * by + (months - whole(months)?) * 30.0;
    let micros = (micros as f64 * by + (days - whole(days)?) * MICROS_PER_DAY as f64).round();
    if micros.is_nan() || micros.abs() > 9e15 {
        return Err(too_long());
    }
    interval((months as i32, days as i32, micros as i64)).ok_or_else(too_long)
}
