//! Dates and times, each in its own calendar.
//!
//! An [`Instant`] is a day count and the time of day in a calendar; DATE, TIMESTAMP and timestamps of other calendars
//! are all read as such, so that each function is written once.

mod arithmetic;
mod format;
mod make;
mod parts;
mod trunc;
mod week;

pub(super) use arithmetic::{add, bind_add, bind_scale, bind_subtract, divide, negate, scale, subtract};
pub(super) use format::{STRFTIME, STRPTIME, TRY_STRPTIME};
pub(super) use make::{
    MAKE_DATE, MAKE_TIMESTAMP, TO_DAYS, TO_HOURS, TO_MICROSECONDS, TO_MILLISECONDS, TO_MINUTES, TO_MONTHS, TO_SECONDS,
    TO_WEEKS, TO_YEARS,
};
pub use parts::date_part_function;
pub(super) use parts::{
    CENTURY, DAY, DAYNAME, DAYS_IN_MONTH, DECADE, DOW, DOY, EPOCH, EPOCH_MS, EPOCH_NS, EPOCH_US, ERA, HOUR, ISODOW,
    ISOYEAR, JULIAN, LAST_DAY, MICROSECOND, MILLENNIUM, MILLISECOND, MINUTE, MONTH, MONTHNAME, QUARTER, SEASON,
    SEASON_YEAR, SECOND, WEEK, YEAR, YEARWEEK,
};
pub(super) use trunc::{DATE_DIFF, DATE_TRUNC, TIME_BUCKET};

use super::{Call, Value};
use crate::cast::time::{micros_of, timestamps};
use crate::{Error, Result, SqlType};
use arrow::array::{Array, AsArray, Date32Array, Int64Array};
use arrow::datatypes::{Date32Type, Time64MicrosecondType};
use hyperslab_grid::Calendar;
use hyperslab_grid::calendar::{DateTime, MICROS_PER_DAY};
use std::sync::Arc;

/// A point in time of a calendar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instant {
    calendar: Calendar,
    /// Days since 1970-01-01 of the calendar.
    day: i64,
    /// Microseconds since midnight.
    micros: i64,
}

impl Instant {
    fn of_micros(micros: i64, calendar: Calendar) -> Self {
        Self { calendar, day: micros.div_euclid(MICROS_PER_DAY), micros: micros.rem_euclid(MICROS_PER_DAY) }
    }

    fn fields(&self) -> DateTime {
        let (year, month, day) = self.calendar.civil(self.day);
        DateTime { year, month, day, micros: self.micros }
    }

    /// Microseconds since 1970; `None` beyond the range of timestamps.
    fn since_1970(&self) -> Option<i64> {
        self.day.checked_mul(MICROS_PER_DAY)?.checked_add(self.micros)
    }
}

/// An argument of type DATE, TIME or a timestamp, row by row.
struct Times<'a> {
    array: Held<'a>,
    calendar: Calendar,
    constant: bool,
}

enum Held<'a> {
    Days(&'a Date32Array),
    Micros(Int64Array),
}

impl<'a> Times<'a> {
    fn new(call: &'a Call<'_>, at: usize) -> Self {
        let (array, constant) = (call.args[at].array(), call.args[at].is_constant());
        let proleptic = Calendar::ProlepticGregorian;
        let (array, calendar) = match &call.types[at] {
            SqlType::Date => (Held::Days(array.as_primitive::<Date32Type>()), proleptic),
            SqlType::Time => {
                (Held::Micros(array.as_primitive::<Time64MicrosecondType>().reinterpret_cast()), proleptic)
            }
            ty => (Held::Micros(micros_of(array, calendar_of(ty))), calendar_of(ty)),
        };
        Self { array, calendar, constant }
    }

    fn get(&self, row: usize) -> Option<Instant> {
        let at = if self.constant { 0 } else { row };
        let calendar = self.calendar;
        match &self.array {
            Held::Days(days) => days.is_valid(at).then(|| Instant { calendar, day: days.value(at).into(), micros: 0 }),
            Held::Micros(micros) => micros.is_valid(at).then(|| Instant::of_micros(micros.value(at), calendar)),
        }
    }
}

/// The calendar of a type; of all but timestamps the proleptic Gregorian one.
fn calendar_of(ty: &SqlType) -> Calendar {
    match ty {
        SqlType::Timestamp(calendar) => *calendar,
        _ => Calendar::ProlepticGregorian,
    }
}

/// Computes timestamps, or dates if those are what the call gives.
fn instants(call: &Call<'_>, mut f: impl FnMut(usize) -> Result<Option<Instant>>) -> Result<Value> {
    if *call.ty == SqlType::Date {
        let day = |at: Instant| i32::try_from(at.day).map_err(|_| out_of_range());
        let days = call.rows::<Date32Type>(|row| f(row)?.map(day).transpose())?;
        return Ok(call.wrap(Arc::new(days)));
    }
    let micros = |at: Instant| at.since_1970().ok_or_else(out_of_range);
    let micros = call.rows(|row| f(row)?.map(micros).transpose())?;
    Ok(call.wrap(timestamps(micros, calendar_of(call.ty))))
}

fn out_of_range() -> Error {
    Error::new("the time is beyond the range of timestamps")
}
