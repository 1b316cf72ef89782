//! Coarser times: `date_trunc`, `time_bucket`, and `date_diff`, which counts the edges between two times.

use super::arithmetic::shifted;
use super::week::{first_day, iso_week, iso_weekday, iso_year_start};
use super::{Instant, Times, instants, out_of_range};
use crate::scalar::signature::{Bound, meeting, takes};
use crate::scalar::{Call, Fails, Family, Kernel, ScalarFunction};
use crate::{Error, Result, SqlType};
use arrow::datatypes::{Int64Type, IntervalMonthDayNanoType};
use hyperslab_grid::Calendar;
use hyperslab_grid::calendar::MICROS_PER_DAY;
use std::sync::Arc;

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// So many calendar years.
    Years(i64),
    /// So many calendar months.
    Months(i64),
    IsoYear,
    Week,
    Day,
    /// So many microseconds, less than a day.
    Micros(i64),
}

impl Unit {
    fn parse(text: &str) -> Result<Self> {
        let unit = super::date_part_function(text);
        Ok(match unit {
            Some("millennium") => Self::Years(1000),
            Some("century") => Self::Years(100),
            Some("decade") => Self::Years(10),
            Some("year") => Self::Years(1),
            Some("quarter") => Self::Months(3),
            Some("month") => Self::Months(1),
            Some("isoyear") => Self::IsoYear,
            Some("week" | "yearweek") => Self::Week,
            Some("day" | "dayofyear" | "dayofweek" | "isodow") => Self::Day,
            Some("hour") => Self::Micros(3_600_000_000),
            Some("minute") => Self::Micros(60_000_000),
            Some("second" | "epoch") => Self::Micros(1_000_000),
            Some("millisecond") => Self::Micros(1000),
            Some("microsecond") => Self::Micros(1),
            _ => {
                let error = Error::new(format!("'{text}' is no unit of time"));
                return Err(error.with_hint("one of year, quarter, month, week, day, hour, minute, second, ..."));
            }
        })
    }

    /// The beginning of the unit that holds an instant.
    fn start(self, at: &Instant) -> Option<Instant> {
        let midnight = |day| Some(Instant { day, micros: 0, ..*at });
        let fields = at.fields();
        match self {
            Self::Years(n) => midnight(at.calendar.days(fields.year.div_euclid(n) * n, 1, 1)?),
            Self::Months(n) => {
                let month = i64::from(fields.month - 1) / n * n + 1;
                midnight(at.calendar.days(fields.year, month as u32, 1)?)
            }
            Self::IsoYear => midnight(iso_year_start(at.calendar, iso_week(at).0)),
            Self::Week => midnight(at.day - iso_weekday(at.calendar, at.day) + 1),
            Self::Day => midnight(at.day),
            Self::Micros(n) => Some(Instant { micros: at.micros / n * n, ..*at }),
        }
    }

    /// How many edges of the unit lie between two instants; weeks are counted as whole weeks of seven days.
    fn between(self, a: &Instant, b: &Instant) -> Option<i64> {
        let (from, to) = (a.fields(), b.fields());
        let months =
            |n: i64| (to.year * 12 + i64::from(to.month - 1)) / n - (from.year * 12 + i64::from(from.month - 1)) / n;
        Some(match self {
            Self::Years(n) => to.year / n - from.year / n,
            Self::Months(n) => months(n),
            Self::IsoYear => iso_week(b).0 - iso_week(a).0,
            Self::Week => (b.day - a.day) / 7,
            Self::Day => b.day - a.day,
            Self::Micros(n) => {
                let days = (b.day - a.day).checked_mul(MICROS_PER_DAY / n)?;
                days.checked_add(b.micros / n - a.micros / n)?
            }
        })
    }
}

/// The unit that the first argument names in each row; parsed once if it is a constant.
fn units<'a>(call: &'a Call<'_>) -> Result<impl Fn(usize) -> Result<Option<Unit>> + 'a> {
    let texts = call.text(0);
    let constant = match (call.args[0].is_constant(), texts.get(0)) {
        (true, Some(text)) => Some(Unit::parse(text)?),
        _ => None,
    };
    Ok(move |row| match constant {
        Some(unit) => Ok(Some(unit)),
        None => texts.get(row).map(Unit::parse).transpose(),
    })
}

/// `date_trunc(part, t)`
pub(in crate::scalar) const DATE_TRUNC: ScalarFunction = ScalarFunction {
    names: &["date_trunc", "datetrunc"],
    family: Family::Date,
    usage: "date_trunc('unit', time)",
    doc: "The beginning of the year, month, week, day, hour ... that holds a time; of a DATE it is a TIMESTAMP",
    bind: |args| match args {
        [SqlType::Varchar, SqlType::Date | SqlType::Null] => {
            takes([SqlType::Varchar, SqlType::TIMESTAMP], SqlType::TIMESTAMP)
        }
        [SqlType::Varchar, ty @ SqlType::Timestamp(_)] => takes(args, ty.clone()),
        _ => Ok(None),
    },
    kernel: Kernel::Eager(|call| {
        let (units, times) = (units(call)?, Times::new(call, 1));
        instants(call, |row| {
            let (Some(unit), Some(at)) = (units(row)?, times.get(row)) else { return Ok(None) };
            unit.start(&at).map(Some).ok_or_else(out_of_range)
        })
    }),
    fails: Fails::Sometimes,
};

/// `date_diff(part, a, b)`
pub(in crate::scalar) const DATE_DIFF: ScalarFunction = ScalarFunction {
    names: &["date_diff", "datediff"],
    family: Family::Date,
    usage: "date_diff('unit', from, to)",
    doc: "How many edges of a unit lie between two times: from 23:59 to 00:01 is 1 day",
    bind: bind_diff,
    kernel: Kernel::Eager(|call| {
        let (units, from, to) = (units(call)?, Times::new(call, 1), Times::new(call, 2));
        let out = call.rows::<Int64Type>(|row| {
            let (Some(unit), Some(a), Some(b)) = (units(row)?, from.get(row), to.get(row)) else { return Ok(None) };
            unit.between(&a, &b).map(Some).ok_or_else(out_of_range)
        })?;
        Ok(call.wrap(Arc::new(out)))
    }),
    fails: Fails::Sometimes,
};

fn bind_diff(args: &[SqlType]) -> Bound {
    let [SqlType::Varchar, times @ ..] = args else { return Ok(None) };
    if times.len() != 2 || times.iter().all(|ty| *ty == SqlType::Varchar) {
        return Ok(None);
    }
    match meeting(times)? {
        Some(ty) if ty.is_temporal() => takes([SqlType::Varchar, ty.clone(), ty], SqlType::BigInt),
        _ => Ok(None),
    }
}

/// `time_bucket(width, t [, origin])`
pub(in crate::scalar) const TIME_BUCKET: ScalarFunction = ScalarFunction {
    names: &["time_bucket"],
    family: Family::Date,
    usage: "time_bucket(interval, time), or with a third argument: the time of an edge, or an interval to shift the edges",
    doc: "Beginning of the span of that width that holds a time; edges from Monday 2000-01-03, for months from 2000-01-01",
    bind: |args| match args {
        [SqlType::Interval, ty] if ty.is_temporal() => takes(args, ty.clone()),
        [SqlType::Interval, ty, SqlType::Interval] if ty.is_temporal() => takes(args, ty.clone()),
        [SqlType::Interval, times @ ..] if times.len() == 2 => match meeting(times)? {
            Some(ty) if ty.is_temporal() => takes([SqlType::Interval, ty.clone(), ty.clone()], ty),
            _ => Ok(None),
        },
        _ => Ok(None),
    },
    kernel: Kernel::Eager(|call| {
        let (widths, times) = (call.reader::<IntervalMonthDayNanoType>(0), Times::new(call, 1));
        let third = call.types.get(2);
        let origins = third.filter(|ty| ty.is_temporal()).map(|_| Times::new(call, 2));
        let offsets = third.filter(|ty| !ty.is_temporal()).map(|_| call.reader::<IntervalMonthDayNanoType>(2));
        instants(call, |row| {
            let (Some(width), Some(at)) = (widths.get(row), times.get(row)) else { return Ok(None) };
            let width = Width::new(width.months, width.days, width.nanoseconds / 1000)?;
            let start = match (&origins, &offsets) {
                (Some(origins), _) => match origins.get(row) {
                    Some(origin) => width.start(&at, Some(&origin)),
                    None => return Ok(None),
                },
                (None, Some(offsets)) => match offsets.get(row) {
                    Some(by) => width.start_shifted(&at, (by.months, by.days, by.nanoseconds / 1000)),
                    None => return Ok(None),
                },
                (None, None) => width.start(&at, None),
            };
            start.map(Some).ok_or_else(out_of_range)
        })
    }),
    fails: Fails::Sometimes,
};

/// The width of a time bucket.
#[derive(Clone, Copy)]
enum Width {
    Months(i64),
    Micros(i64),
}

impl Width {
    fn new(months: i32, days: i32, micros: i64) -> Result<Self> {
        let shorter = i64::from(days).checked_mul(MICROS_PER_DAY).and_then(|days| days.checked_add(micros));
        match (months, shorter) {
            (_, None) => Err(Error::new("the width of a time bucket is too large")),
            (1.., Some(0)) => Ok(Self::Months(months.into())),
            (0, Some(1..)) => Ok(Self::Micros(shorter.unwrap_or(1))),
            (0, _) | (..0, _) => Err(Error::new("the width of a time bucket must be above 0")),
            (1.., _) => Err(Error::new("the width of a time bucket is in months, or in days and less, not both")),
        }
    }

    fn start(self, at: &Instant, origin: Option<&Instant>) -> Option<Instant> {
        match self {
            Self::Months(width) => {
                let month = |at: &Instant| at.fields().year * 12 + i64::from(at.fields().month) - 1;
                let first = origin.map_or(2000 * 12, month);
                let index = (month(at) - first).div_euclid(width) * width + first;
                let day = at.calendar.days(index.div_euclid(12), index.rem_euclid(12) as u32 + 1, 1)?;
                Some(Instant { day, micros: 0, ..*at })
            }
            Self::Micros(width) => {
                let first = origin.map_or_else(|| first_monday(at.calendar), |origin| origin.since_1970())?;
                let since = at.since_1970()?.checked_sub(first)?;
                Some(Instant::of_micros((since.div_euclid(width) * width).checked_add(first)?, at.calendar))
            }
        }
    }

    fn start_shifted(self, at: &Instant, offset: (i32, i32, i64)) -> Option<Instant> {
        let start = self.start(&shifted(at, offset, -1)?, None)?;
        shifted(&start, offset, 1)
    }
}

/// 2000-01-03 of a calendar, a Monday in the Gregorian one.
fn first_monday(calendar: Calendar) -> Option<i64> {
    (first_day(calendar, 2000) + 2).checked_mul(MICROS_PER_DAY)
}
