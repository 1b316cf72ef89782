//! Single fields of a time: `year(t)`, which is also `extract(year FROM t)`.

use super::week::{day_of_year, iso_week, iso_weekday};
use super::{Instant, Times, instants, out_of_range};
use crate::scalar::signature::{Bound, takes};
use crate::scalar::{Call, Fails, Family, Kernel, ScalarFunction, Value};
use crate::{Error, Result, SqlType};
use arrow::datatypes::{Float64Type, Int64Type, IntervalMonthDayNanoType};
use std::sync::Arc;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const SEASONS: [&str; 4] = ["DJF", "MAM", "JJA", "SON"];

/// The function that computes a part named in `extract` or `date_part`, in any case.
pub fn date_part_function(part: &str) -> Option<&'static str> {
    Some(match part.to_ascii_lowercase().as_str() {
        "year" | "years" | "yr" | "yrs" | "y" => "year",
        "quarter" | "quarters" => "quarter",
        "month" | "months" | "mon" | "mons" => "month",
        "day" | "days" | "d" | "dayofmonth" => "day",
        "hour" | "hours" | "hr" | "hrs" | "h" => "hour",
        "minute" | "minutes" | "min" | "mins" | "m" => "minute",
        "second" | "seconds" | "sec" | "secs" | "s" => "second",
        "millisecond" | "milliseconds" | "msec" | "msecs" | "ms" => "millisecond",
        "microsecond" | "microseconds" | "usec" | "usecs" | "us" => "microsecond",
        "decade" | "decades" => "decade",
        "century" | "centuries" => "century",
        "millennium" | "millennia" | "millenniums" => "millennium",
        "dow" | "dayofweek" | "weekday" => "dayofweek",
        "isodow" => "isodow",
        "doy" | "dayofyear" => "dayofyear",
        "week" | "weeks" | "w" | "weekofyear" => "week",
        "isoyear" => "isoyear",
        "yearweek" => "yearweek",
        "era" => "era",
        "epoch" => "epoch",
        "julian" => "julian",
        _ => return None,
    })
}

/// A part of a date: of DATE and timestamps.
macro_rules! of_date {
    ($(#[$doc:meta])* $constant:ident, $names:expr, $usage:literal, $text:literal, $f:expr) => {
        $(#[$doc])*
        pub(in crate::scalar) const $constant: ScalarFunction =
            part($names, $usage, $text, |args| bind_part(args, &[]), |call| numbers(call, $f));
    };
}

of_date!(/// `dayofweek(t)`
    DOW, &["dayofweek", "dow", "weekday"], "dayofweek(time)", "Day of the week, Sunday being 0",
    |at| iso_weekday(at.calendar, at.day) % 7);
of_date!(/// `isodow(t)`
    ISODOW, &["isodow"], "isodow(time)", "Day of the week, from Monday 1 to Sunday 7", |at| iso_weekday(at.calendar, at.day));
of_date!(/// `dayofyear(t)`
    DOY, &["dayofyear", "doy"], "dayofyear(time)", "Day of the year, from 1", day_of_year);
of_date!(/// `week(t)`
    WEEK, &["week", "weekofyear"], "week(time)", "ISO week, from 1 to 53", |at| iso_week(at).1);
of_date!(/// `isoyear(t)`
    ISOYEAR, &["isoyear"], "isoyear(time)", "The year that the ISO week belongs to", |at| iso_week(at).0);
of_date!(/// `yearweek(t)`
YEARWEEK, &["yearweek"], "yearweek(time)", "ISO year and week as yyyyww", |at| {
    let (year, week) = iso_week(at);
    year * 100 + if year < 0 { -week } else { week }
});
of_date!(/// `era(t)`
    ERA, &["era"], "era(time)", "1 from the year 1 on, before that 0", |at| i64::from(at.fields().year > 0));
of_date!(/// `season_year(t)`
SEASON_YEAR, &["season_year"], "season_year(time)", "The year that a season counts for: December belongs to the next winter",
|at| {
    let fields = at.fields();
    fields.year + i64::from(fields.month == 12)
});
of_date!(/// `days_in_month(t)`
DAYS_IN_MONTH, &["days_in_month"], "days_in_month(time)", "How many days the month has, in the calendar of the time",
|at| {
    let fields = at.fields();
    at.calendar.days_in_month(fields.year, fields.month).into()
});

/// A part that intervals have too; with `$clock` also TIME.
macro_rules! of_interval {
    ($(#[$doc:meta])* $constant:ident, $names:expr, $usage:literal, $text:literal, $also:expr, $date:expr, $interval:expr) => {
        $(#[$doc])*
        pub(in crate::scalar) const $constant: ScalarFunction =
            part($names, $usage, $text, |args| bind_part(args, $also), |call| match call.types[0] {
                SqlType::Interval => interval_numbers(call, $interval),
                _ => numbers(call, $date),
            });
    };
}

const INTERVAL: &[SqlType] = &[SqlType::Interval];
const CLOCK: &[SqlType] = &[SqlType::Interval, SqlType::Time];

of_interval!(/// `year(t)`
    YEAR, &["year"], "year(time)", "The year", INTERVAL, |at| at.fields().year, |months, _, _| months / 12);
of_interval!(/// `quarter(t)`
    QUARTER, &["quarter"], "quarter(time)", "The quarter, from 1 to 4", INTERVAL,
    |at| i64::from(at.fields().month - 1) / 3 + 1, |months, _, _| months % 12 / 3 + 1);
of_interval!(/// `month(t)`
    MONTH, &["month"], "month(time)", "The month, from 1 to 12", INTERVAL,
    |at| at.fields().month.into(), |months, _, _| months % 12);
of_interval!(/// `day(t)`
    DAY, &["day", "dayofmonth"], "day(time)", "Day of the month, from 1", INTERVAL,
    |at| at.fields().day.into(), |_, days, _| days);
of_interval!(/// `decade(t)`
    DECADE, &["decade"], "decade(time)", "The year divided by 10", INTERVAL,
    |at| at.fields().year / 10, |months, _, _| months / 120);
of_interval!(/// `century(t)`
    CENTURY, &["century"], "century(time)", "The century: 20 until 2000, then 21", INTERVAL,
    |at| centuries(at.fields().year, 100), |months, _, _| months / 1200);
of_interval!(/// `millennium(t)`
    MILLENNIUM, &["millennium"], "millennium(time)", "The millennium: 2 until 2000, then 3", INTERVAL,
    |at| centuries(at.fields().year, 1000), |months, _, _| months / 12_000);
of_interval!(/// `hour(t)`
    HOUR, &["hour"], "hour(time)", "The hour, from 0 to 23", CLOCK,
    |at| at.micros / 3_600_000_000, |_, _, micros| micros / 3_600_000_000);
of_interval!(/// `minute(t)`
    MINUTE, &["minute"], "minute(time)", "The minute, from 0 to 59", CLOCK,
    |at| at.micros / 60_000_000 % 60, |_, _, micros| micros / 60_000_000 % 60);
of_interval!(/// `second(t)`
    SECOND, &["second"], "second(time)", "The second, from 0 to 59, without fraction", CLOCK,
    |at| at.micros / 1_000_000 % 60, |_, _, micros| micros / 1_000_000 % 60);
of_interval!(/// `millisecond(t)`
    MILLISECOND, &["millisecond"], "millisecond(time)", "Milliseconds of the minute", CLOCK,
    |at| at.micros / 1000 % 60_000, |_, _, micros| micros / 1000 % 60_000);
of_interval!(/// `microsecond(t)`
    MICROSECOND, &["microsecond"], "microsecond(time)", "Microseconds of the minute", CLOCK,
    |at| at.micros % 60_000_000, |_, _, micros| micros % 60_000_000);

/// A count since 1970, which may not fit.
macro_rules! of_epoch {
    ($(#[$doc:meta])* $constant:ident, $names:expr, $usage:literal, $text:literal, $f:expr) => {
        $(#[$doc])*
        pub(in crate::scalar) const $constant: ScalarFunction = ScalarFunction {
            fails: Fails::Sometimes,
            ..part($names, $usage, $text, |args| bind_part(args, &[]), |call| epochs(call, $f))
        };
    };
}

of_epoch!(/// `epoch_ms(t)`
    EPOCH_MS, &["epoch_ms"], "epoch_ms(time)", "Milliseconds since 1970-01-01", |micros| Some(micros.div_euclid(1000)));
of_epoch!(/// `epoch_us(t)`
    EPOCH_US, &["epoch_us"], "epoch_us(time)", "Microseconds since 1970-01-01", Some);
of_epoch!(/// `epoch_ns(t)`
    EPOCH_NS, &["epoch_ns"], "epoch_ns(time)", "Nanoseconds since 1970-01-01", |micros| micros.checked_mul(1000));

/// `epoch(t)`
pub(in crate::scalar) const EPOCH: ScalarFunction = ScalarFunction {
    names: &["epoch"],
    family: Family::Date,
    usage: "epoch(time)",
    doc: "Seconds since 1970-01-01 of its calendar, or of an interval, with fraction",
    bind: |args| bind_to(args, CLOCK, &SqlType::Double),
    kernel: Kernel::Eager(|call| match call.types[0] {
        SqlType::Interval => call.unary::<IntervalMonthDayNanoType, Float64Type>(|value| {
            // A year has 365.25 days here, a month 30.
            let days =
                f64::from(value.months / 12) * 365.25 + f64::from(value.months % 12) * 30.0 + f64::from(value.days);
            days * 86_400.0 + value.nanoseconds as f64 / 1e9
        }),
        _ => reals(call, |at| at.day as f64 * 86_400.0 + at.micros as f64 / 1e6),
    }),
    fails: Fails::Never,
};

/// `julian(t)`
pub(in crate::scalar) const JULIAN: ScalarFunction = ScalarFunction {
    names: &["julian"],
    family: Family::Date,
    usage: "julian(time)",
    doc: "Days since 4714 BC, counted from midnight, with fraction",
    bind: |args| bind_to(args, &[], &SqlType::Double),
    kernel: Kernel::Eager(|call| reals(call, |at| (at.day + 2_440_588) as f64 + at.micros as f64 / 86_400e6)),
    fails: Fails::Never,
};

/// A name for a part of a date.
macro_rules! of_name {
    ($(#[$doc:meta])* $constant:ident, $names:expr, $usage:literal, $text:literal, $f:expr) => {
        $(#[$doc])*
        pub(in crate::scalar) const $constant: ScalarFunction =
            part($names, $usage, $text, |args| bind_to(args, &[], &SqlType::Varchar), |call| {
                let times = Times::new(call, 0);
                let name: fn(&Instant) -> &'static str = $f;
                call.text_rows(|row| Ok(times.get(row).as_ref().map(name)))
            });
    };
}

of_name!(/// `season(t)`
    SEASON, &["season"], "season(time)", "DJF, MAM, JJA or SON", |at| SEASONS[at.fields().month as usize % 12 / 3]);
of_name!(/// `monthname(t)`
    MONTHNAME, &["monthname"], "monthname(time)", "Name of the month", |at| MONTHS[at.fields().month as usize - 1]);
of_name!(/// `dayname(t)`
    DAYNAME, &["dayname"], "dayname(time)", "Name of the weekday",
    |at| WEEKDAYS[iso_weekday(at.calendar, at.day) as usize - 1]);

/// `last_day(t)`
pub(in crate::scalar) const LAST_DAY: ScalarFunction = ScalarFunction {
    names: &["last_day"],
    family: Family::Date,
    usage: "last_day(time)",
    doc: "The last day of the month: a DATE, or a midnight in the calendar of the time",
    bind: |args| match args {
        [SqlType::Date | SqlType::TIMESTAMP] => takes(args, SqlType::Date),
        [SqlType::Timestamp(_)] => takes(args, args[0].clone()),
        _ => Ok(None),
    },
    kernel: Kernel::Eager(|call| {
        let times = Times::new(call, 0);
        instants(call, |row| {
            let Some(at) = times.get(row) else { return Ok(None) };
            let fields = at.fields();
            let (year, month) = if fields.month == 12 { (fields.year + 1, 1) } else { (fields.year, fields.month + 1) };
            let next = at.calendar.days(year, month, 1).ok_or_else(out_of_range)?;
            Ok(Some(Instant { day: next - 1, micros: 0, ..at }))
        })
    }),
    fails: Fails::Sometimes,
};

const fn part(
    names: &'static [&'static str],
    usage: &'static str,
    doc: &'static str,
    bind: fn(&[SqlType]) -> Bound,
    kernel: fn(&Call<'_>) -> Result<Value>,
) -> ScalarFunction {
    ScalarFunction { names, family: Family::Date, usage, doc, bind, kernel: Kernel::Eager(kernel), fails: Fails::Never }
}

/// DATE, timestamps of any calendar, and what else a part is defined for, to a BIGINT.
fn bind_part(args: &[SqlType], also: &[SqlType]) -> Bound {
    bind_to(args, also, &SqlType::BigInt)
}

fn bind_to(args: &[SqlType], also: &[SqlType], ty: &SqlType) -> Bound {
    match args {
        [SqlType::Null] => takes([SqlType::TIMESTAMP], ty.clone()),
        [arg] if arg.is_temporal() || also.contains(arg) => takes([arg.clone()], ty.clone()),
        _ => Ok(None),
    }
}

fn numbers(call: &Call<'_>, f: impl Fn(&Instant) -> i64) -> Result<Value> {
    let times = Times::new(call, 0);
    let out = call.rows::<Int64Type>(|row| Ok(times.get(row).as_ref().map(&f)))?;
    Ok(call.wrap(Arc::new(out)))
}

fn reals(call: &Call<'_>, f: impl Fn(&Instant) -> f64) -> Result<Value> {
    let times = Times::new(call, 0);
    let out = call.rows::<Float64Type>(|row| Ok(times.get(row).as_ref().map(&f)))?;
    Ok(call.wrap(Arc::new(out)))
}

fn interval_numbers(call: &Call<'_>, f: impl Fn(i64, i64, i64) -> i64) -> Result<Value> {
    call.unary::<IntervalMonthDayNanoType, Int64Type>(|value| {
        f(value.months.into(), value.days.into(), value.nanoseconds / 1000)
    })
}

fn epochs(call: &Call<'_>, f: impl Fn(i64) -> Option<i64>) -> Result<Value> {
    let times = Times::new(call, 0);
    let count = |at: Instant| at.since_1970().and_then(&f).ok_or_else(|| Error::new("the time does not fit a BIGINT"));
    let out = call.rows::<Int64Type>(|row| times.get(row).map(count).transpose())?;
    Ok(call.wrap(Arc::new(out)))
}

/// Before the year 1 they are counted backwards, without a zeroth.
fn centuries(year: i64, length: i64) -> i64 {
    if year > 0 { (year - 1) / length + 1 } else { year / length - 1 }
}
