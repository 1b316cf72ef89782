//! Dates, timestamps and intervals from numbers.

use super::{Instant, instants};
use crate::scalar::signature::exactly;
use crate::scalar::{Call, Fails, Family, Kernel, ScalarFunction, Value};
use crate::{Error, Result, SqlType};
use arrow::array::{ArrowPrimitiveType, Int64Array};
use arrow::datatypes::{Float64Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType};
use hyperslab_grid::Calendar;
use std::sync::Arc;

/// `make_date(y, m, d)`
pub(in crate::scalar) const MAKE_DATE: ScalarFunction = ScalarFunction {
    names: &["make_date"],
    family: Family::Date,
    usage: "make_date(year, month, day)",
    doc: "A DATE",
    bind: |args| exactly(args, &[const { SqlType::BigInt }; 3], SqlType::Date),
    kernel: Kernel::Eager(|call| instants(call, |row| midnight(call, row))),
    fails: Fails::Sometimes,
};

/// `make_timestamp(y, m, d, h, m, s)`
pub(in crate::scalar) const MAKE_TIMESTAMP: ScalarFunction = ScalarFunction {
    names: &["make_timestamp"],
    family: Family::Date,
    usage: "make_timestamp(year, month, day, hour, minute, seconds) or make_timestamp(microseconds)",
    doc: "A TIMESTAMP from its fields, or from microseconds since 1970-01-01",
    bind: |args| match args {
        [_] => exactly(args, &[SqlType::BigInt], SqlType::TIMESTAMP),
        _ => {
            let fields = [vec![SqlType::BigInt; 5], vec![SqlType::Double]].concat();
            exactly(args, &fields, SqlType::TIMESTAMP)
        }
    },
    kernel: Kernel::Eager(|call| match call.args.len() {
        1 => {
            let micros: &Int64Array = call.primitive::<Int64Type>(0);
            Ok(call.wrap(crate::cast::time::timestamps(micros.clone(), Calendar::ProlepticGregorian)))
        }
        _ => instants(call, |row| {
            let clock = clock(call, row)?;
            Ok(midnight(call, row)?.zip(clock).map(|(day, clock)| Instant { day: day.day + clock.day, ..clock }))
        }),
    }),
    fails: Fails::Sometimes,
};

fn midnight(call: &Call<'_>, row: usize) -> Result<Option<Instant>> {
    let [year, month, day] = [0, 1, 2].map(|at| call.reader::<Int64Type>(at).get(row));
    let (Some(year), Some(month), Some(date)) = (year, month, day) else { return Ok(None) };
    let calendar = Calendar::ProlepticGregorian;
    let small = |field: i64| u32::try_from(field).ok();
    let exists =
        |(month, date)| if (-400_000..400_000).contains(&year) { calendar.days(year, month, date) } else { None };
    let day = small(month).zip(small(date)).and_then(exists);
    let day = day.ok_or_else(|| Error::new(format!("there is no date {year}-{month}-{date}")))?;
    Ok(Some(Instant { calendar, day, micros: 0 }))
}

/// The time of day, with a day of 1 for 24:00.
fn clock(call: &Call<'_>, row: usize) -> Result<Option<Instant>> {
    let [hour, minute] = [3, 4].map(|at| call.reader::<Int64Type>(at).get(row));
    let (Some(hour), Some(minute), Some(second)) = (hour, minute, call.reader::<Float64Type>(5).get(row)) else {
        return Ok(None);
    };
    if !(0..=24).contains(&hour) || !(0..60).contains(&minute) || !(0.0..=60.0).contains(&second) {
        return Err(Error::new(format!("there is no time {hour}:{minute}:{second}")));
    }
    let micros = (hour * 60 + minute) * 60_000_000 + (second * 1e6).round() as i64;
    Ok(Some(Instant::of_micros(micros, Calendar::ProlepticGregorian)))
}

/// An interval of so many units: months, days, microseconds of one.
macro_rules! of_units {
    ($(#[$doc:meta])* $constant:ident, $name:literal, $usage:literal, $text:literal, $unit:expr) => {
        $(#[$doc])*
        pub(in crate::scalar) const $constant: ScalarFunction = ScalarFunction {
            names: &[$name],
            family: Family::Date,
            usage: $usage,
            doc: $text,
            bind: |args| exactly(args, &[SqlType::BigInt], SqlType::Interval),
            kernel: Kernel::Eager(|call| many::<Int64Type>(call, |count| {
                let (months, days, micros): (i64, i64, i64) = $unit;
                let small = |each: i64| i32::try_from(count.checked_mul(each)?).ok();
                Some((small(months)?, small(days)?, count.checked_mul(micros)?))
            })),
            fails: Fails::Sometimes,
        };
    };
}

of_units!(/// `to_years(n)`
    TO_YEARS, "to_years", "to_years(integer)", "An interval of so many years", (12, 0, 0));
of_units!(/// `to_months(n)`
    TO_MONTHS, "to_months", "to_months(integer)", "An interval of so many months", (1, 0, 0));
of_units!(/// `to_weeks(n)`
    TO_WEEKS, "to_weeks", "to_weeks(integer)", "An interval of so many weeks", (0, 7, 0));
of_units!(/// `to_days(n)`
    TO_DAYS, "to_days", "to_days(integer)", "An interval of so many days", (0, 1, 0));
of_units!(/// `to_hours(n)`
    TO_HOURS, "to_hours", "to_hours(integer)", "An interval of so many hours", (0, 0, 3_600_000_000));
of_units!(/// `to_minutes(n)`
    TO_MINUTES, "to_minutes", "to_minutes(integer)", "An interval of so many minutes", (0, 0, 60_000_000));
of_units!(/// `to_microseconds(n)`
    TO_MICROSECONDS, "to_microseconds", "to_microseconds(integer)", "An interval of so many microseconds", (0, 0, 1));

/// `to_seconds(x)`
pub(in crate::scalar) const TO_SECONDS: ScalarFunction = ScalarFunction {
    names: &["to_seconds"],
    family: Family::Date,
    usage: "to_seconds(number)",
    doc: "An interval of so many seconds",
    bind: |args| exactly(args, &[SqlType::Double], SqlType::Interval),
    kernel: Kernel::Eager(|call| many::<Float64Type>(call, |count| rounded(count * 1e6))),
    fails: Fails::Sometimes,
};

/// `to_milliseconds(x)`
pub(in crate::scalar) const TO_MILLISECONDS: ScalarFunction = ScalarFunction {
    names: &["to_milliseconds"],
    family: Family::Date,
    usage: "to_milliseconds(number)",
    doc: "An interval of so many milliseconds",
    bind: |args| exactly(args, &[SqlType::Double], SqlType::Interval),
    kernel: Kernel::Eager(|call| many::<Float64Type>(call, |count| rounded(count * 1e3))),
    fails: Fails::Sometimes,
};

fn rounded(micros: f64) -> Option<(i32, i32, i64)> {
    (micros.abs() < 9e18).then_some((0, 0, micros.round() as i64))
}

fn many<T: ArrowPrimitiveType>(call: &Call<'_>, unit: impl Fn(T::Native) -> Option<(i32, i32, i64)>) -> Result<Value> {
    let counts = call.reader::<T>(0);
    let interval = |count: T::Native| {
        let (months, days, micros) = unit(count)?;
        Some(IntervalMonthDayNano::new(months, days, micros.checked_mul(1000)?))
    };
    let out = call.rows::<IntervalMonthDayNanoType>(|row| {
        let too_long = || Error::new("the interval is too long");
        counts.get(row).map(|count| interval(count).ok_or_else(too_long)).transpose()
    })?;
    Ok(call.wrap(Arc::new(out)))
}
