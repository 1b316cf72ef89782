//! Casts between dates, times and timestamps of all calendars: field by field, so that a date must exist on both sides.

use super::Job;
use crate::{Result, SqlType};
use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::datatypes::{Date32Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType};
use hyperslab_grid::Calendar;
use hyperslab_grid::calendar::MICROS_PER_DAY;
use std::sync::Arc;

/// Whether a cast between two such types exists.
pub(super) fn can_cast(from: &SqlType, to: &SqlType) -> bool {
    match from {
        SqlType::Date => to.is_temporal(),
        SqlType::Timestamp(_) => to.is_temporal() || *to == SqlType::Time,
        _ => false,
    }
}

pub(super) fn cast(array: &ArrayRef, job: &Job<'_>) -> Result<ArrayRef> {
    match (job.from, job.to) {
        (SqlType::Date, SqlType::Timestamp(calendar)) => {
            let days = array.as_primitive::<Date32Type>();
            let micros = days.unary_opt::<_, Int64Type>(|day| day_to_micros(day, *calendar));
            finish(array, micros, job, |micros| Ok(timestamps(micros, *calendar)))
        }
        (SqlType::Timestamp(from), SqlType::Timestamp(to)) => {
            let micros = micros_of(array, *from).unary_opt::<_, Int64Type>(|micros| from_calendar(micros, *from, *to));
            finish(array, micros, job, |micros| Ok(timestamps(micros, *to)))
        }
        (SqlType::Timestamp(from), SqlType::Date) => {
            let micros = micros_of(array, *from);
            let midnights =
                micros.unary_opt::<_, Int64Type>(|at| from_calendar(at, *from, Calendar::ProlepticGregorian));
            let days = midnights.unary_opt::<_, Date32Type>(|at| i32::try_from(at.div_euclid(MICROS_PER_DAY)).ok());
            check(array, &days, job)?;
            Ok(Arc::new(days))
        }
        (SqlType::Timestamp(from), SqlType::Time) => {
            let micros = micros_of(array, *from);
            Ok(Arc::new(micros.unary::<_, Time64MicrosecondType>(|at| at.rem_euclid(MICROS_PER_DAY))))
        }
        _ => Err(job.impossible()),
    }
}

fn finish(
    array: &ArrayRef,
    micros: Int64Array,
    job: &Job<'_>,
    wrap: impl Fn(Int64Array) -> Result<ArrayRef>,
) -> Result<ArrayRef> {
    check(array, &micros, job)?;
    wrap(micros)
}

/// Without TRY_CAST a NULL that was none before is an error, which names the date.
fn check(before: &ArrayRef, after: &dyn arrow::array::Array, job: &Job<'_>) -> Result<()> {
    if job.or_null || after.null_count() == before.null_count() {
        return Ok(());
    }
    let lost = (0..after.len()).find(|row| after.is_null(*row) && before.is_valid(*row));
    let mut value = String::new();
    super::text::writer(before, job.from)?(lost.unwrap_or(0), &mut value);
    Err(job.failed(&value))
}

fn day_to_micros(day: i32, calendar: Calendar) -> Option<i64> {
    match calendar {
        Calendar::ProlepticGregorian => i64::from(day).checked_mul(MICROS_PER_DAY),
        _ => {
            let (year, month, day) = Calendar::ProlepticGregorian.civil(i64::from(day));
            calendar.days(year, month, day)?.checked_mul(MICROS_PER_DAY)
        }
    }
}

fn from_calendar(micros: i64, from: Calendar, to: Calendar) -> Option<i64> {
    if from == to { Some(micros) } else { to.micros(&from.fields(micros)) }
}

/// The microseconds of a timestamp array of any calendar.
pub(crate) fn micros_of(array: &ArrayRef, calendar: Calendar) -> Int64Array {
    match calendar {
        Calendar::ProlepticGregorian => array.as_primitive::<TimestampMicrosecondType>().reinterpret_cast(),
        _ => array.as_primitive::<Int64Type>().clone(),
    }
}

/// Microseconds as a timestamp array of a calendar.
pub(crate) fn timestamps(micros: Int64Array, calendar: Calendar) -> ArrayRef {
    match calendar {
        Calendar::ProlepticGregorian => Arc::new(micros.reinterpret_cast::<TimestampMicrosecondType>()),
        _ => Arc::new(micros),
    }
}
