//! Time units: `<unit> since <reference>`, and the instants that numbers of them mean.
//!
//! Numbers are multiplied in integer arithmetic without loss and rounded once, to the nearest microsecond (ties to
//! even): a float32 count of days means just what its exact value says. Months and years have no fixed length and are
//! taken only in the `360_day` calendar, where a month is 30 days.

use hyperslab_grid::Calendar;

/// 1582-10-15 in microseconds since 1970: what lies before is not a plain SQL timestamp in the `standard` calendar.
pub(crate) const REFORM: i64 = -141_427 * hyperslab_grid::calendar::MICROS_PER_DAY;

/// What a number of time units means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeUnits {
    /// Microseconds in `per` units.
    micros: i128,
    /// See `micros`; 1 but for units shorter than a microsecond.
    per: i128,
    /// The reference, in microseconds since 1970-01-01 of the calendar.
    pub(crate) reference: i64,
    /// The calendar of the reference and of the instants.
    pub(crate) calendar: Calendar,
}

impl TimeUnits {
    /// The meaning of `units` in the calendar of this CF name; `None` if they are no `... since ...`.
    ///
    /// # Errors
    /// Why the units cannot be understood, in words.
    pub(crate) fn parse(units: &str, calendar: Option<&str>) -> Option<Result<Self, String>> {
        let mut words = units.split_whitespace();
        let (unit, since) = (words.next()?, words.next()?);
        if !since.eq_ignore_ascii_case("since") {
            return None;
        }
        let reference = words.collect::<Vec<_>>().join(" ");
        Some(Self::from_parts(unit, &reference, calendar))
    }

    fn from_parts(unit: &str, reference: &str, calendar: Option<&str>) -> Result<Self, String> {
        let calendar = match calendar.filter(|name| !name.is_empty()) {
            Some(name) => Calendar::from_cf_name(name).ok_or_else(|| format!("the calendar '{name}' is not known"))?,
            None => Calendar::Standard,
        };
        let (micros, per) = unit_length(unit, calendar)?;
        let reference = calendar
            .parse(reference)
            .ok_or_else(|| format!("the reference '{reference}' is no time of the {calendar} calendar"))?;
        Ok(Self { micros, per, reference, calendar })
    }

    /// The instant that is `n` units after the reference; `None` if it is out of range.
    pub(crate) fn of_integer(&self, n: i128) -> Option<i64> {
        self.after_reference(divide_to_nearest(n.checked_mul(self.micros)?, self.per))
    }

    /// The instant that is `x` units after the reference; `None` if it is out of range.
    pub(crate) fn of_real(&self, x: f64) -> Option<i64> {
        let (mantissa, exponent) = split(x)?;
        let product = i128::from(mantissa) * self.micros;
        let micros = match exponent {
            0.. => product.checked_mul(1i128.checked_shl(exponent.unsigned_abs()).filter(|p| *p > 0)?)?,
            -100..0 => divide_to_nearest(product, self.per.checked_shl(exponent.unsigned_abs())?),
            _ => 0,
        };
        let micros = if exponent >= 0 { divide_to_nearest(micros, self.per) } else { micros };
        self.after_reference(micros)
    }

    fn after_reference(&self, micros: i128) -> Option<i64> {
        let at = i64::try_from(micros.checked_add(i128::from(self.reference))?).ok()?;
        // Within the years that calendars count.
        (at.unsigned_abs() < 9_000_000_000_000_000_000).then_some(at)
    }
}

/// A finite float as an integer times a power of two.
fn split(x: f64) -> Option<(i64, i32)> {
    if !x.is_finite() {
        return None;
    }
    let bits = x.to_bits();
    let (exponent, fraction) = ((bits >> 52 & 0x7ff) as i32, (bits & ((1 << 52) - 1)) as i64);
    let (mantissa, exponent) = if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
    let zeros = if mantissa == 0 { 0 } else { mantissa.trailing_zeros() };
    let signed = if x < 0.0 { -mantissa } else { mantissa };
    Some(if mantissa == 0 { (0, 0) } else { (signed >> zeros, exponent + zeros as i32) })
}

/// `n / d` to the nearest integer, ties to even; `d` is positive.
fn divide_to_nearest(n: i128, d: i128) -> i128 {
    let (quotient, rest) = (n.div_euclid(d), n.rem_euclid(d));
    let up = rest > d - rest || (rest == d - rest && quotient % 2 != 0);
    quotient + i128::from(up)
}

/// The length of a unit as microseconds in a number of units.
fn unit_length(unit: &str, calendar: Calendar) -> Result<(i128, i128), String> {
    const SECOND: i128 = 1_000_000;
    const DAY: i128 = 86_400 * SECOND;
    Ok(match unit.to_lowercase().as_str() {
        "nanosecond" | "nanoseconds" | "nanosec" | "nanosecs" | "nsec" | "nsecs" | "ns" => (1, 1000),
        "microsecond" | "microseconds" | "microsec" | "microsecs" | "usec" | "usecs" | "us" | "µs" | "μs" => (1, 1),
        "millisecond" | "milliseconds" | "millisec" | "millisecs" | "msec" | "msecs" | "ms" => (1000, 1),
        "second" | "seconds" | "sec" | "secs" | "s" => (SECOND, 1),
        "minute" | "minutes" | "min" | "mins" => (60 * SECOND, 1),
        "hour" | "hours" | "hr" | "hrs" | "h" => (3600 * SECOND, 1),
        "day" | "days" | "d" => (DAY, 1),
        "week" | "weeks" => (7 * DAY, 1),
        "month" | "months" | "mon" if calendar == Calendar::Day360 => (30 * DAY, 1),
        "year" | "years" | "yr" | "yrs" | "common_year" | "common_years" if calendar == Calendar::Day360 => {
            (360 * DAY, 1)
        }
        "month" | "months" | "mon" | "year" | "years" | "yr" | "yrs" => {
            return Err(format!("'{unit} since' has no fixed length in the {calendar} calendar"));
        }
        _ => return Err(format!("the time unit '{unit}' is not known")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn units(text: &str, calendar: &str) -> TimeUnits {
        TimeUnits::parse(text, Some(calendar)).expect("has a reference").expect("is understood")
    }

    fn shown(text: &str, calendar: &str, x: f64) -> String {
        let units = units(text, calendar);
        units.calendar.format(units.of_real(x).expect("in range"))
    }

    #[test]
    fn counts_become_dates_of_their_calendar() {
        assert_eq!(shown("hours since 1800-01-01", "standard", 1_297_320.0), "1948-01-01 00:00:00");
        assert_eq!(shown("days since 1850-01-01", "noleap", 59.5), "1850-03-01 12:00:00");
        assert_eq!(shown("days since 1900-01-01", "360_day", 41_415.0), "2015-01-16 00:00:00");
        assert_eq!(shown("months since 2000-01-01", "360_day", 1.5), "2000-02-16 00:00:00");
        assert_eq!(shown("seconds since 1970-01-01T00:00:00Z", "standard", 0.5), "1970-01-01 00:00:00.5");
        assert_eq!(shown("Days Since 1-1-1 00:00:0.0", "standard", 730_000.0), "1999-09-02 00:00:00");
        assert_eq!(shown("hours since 2000-01-01 00:00 +02:00", "standard", 0.0), "1999-12-31 22:00:00");
        assert_eq!(shown("msec since 2000-01-01", "standard", 1.0), "2000-01-01 00:00:00.001");
    }

    #[test]
    fn what_is_no_time_is_told_from_what_is_not_understood() {
        assert!(TimeUnits::parse("days", None).is_none());
        assert!(TimeUnits::parse("K", None).is_none());
        assert!(TimeUnits::parse("months since 2000-01-01", None).unwrap().unwrap_err().contains("fixed length"));
        assert!(TimeUnits::parse("days since yesterday", None).unwrap().is_err());
        assert!(TimeUnits::parse("days since 2000-01-01", Some("mayan")).unwrap().unwrap_err().contains("mayan"));
        assert!(TimeUnits::parse("days since 2001-02-30", Some("360_day")).unwrap().is_ok());
        assert!(TimeUnits::parse("days since 2001-02-30", None).unwrap().is_err());
    }

    #[test]
    fn what_is_out_of_range_is_no_instant() {
        let days = units("days since 1970-01-01", "standard");
        for x in [f64::NAN, f64::INFINITY, 1e300, -1e300, 9.96920996838687e36] {
            assert_eq!(days.of_real(x), None, "{x}");
        }
        assert_eq!(days.of_integer(i128::from(i64::MAX)), None);
        assert_eq!(days.of_real(1e-300), Some(0));
    }

    #[test]
    fn float_days_round_to_the_nearest_microsecond() {
        let days = units("days since 1970-01-01", "standard");
        // 0.1f32 is 0.100000001490116...: 8640.000128746 seconds.
        assert_eq!(days.of_real(f64::from(0.1f32)), Some(8_640_000_129));
        let nanos = units("nanoseconds since 1970-01-01", "standard");
        assert_eq!([500, 1500, 1501, -1500].map(|n| nanos.of_integer(n)), [Some(0), Some(2), Some(2), Some(-2)]);
    }

    proptest! {
        #[test]
        fn whole_numbers_mean_the_same_as_integers_and_floats(n in -100_000i64..100_000) {
            for unit in ["days", "h", "weeks", "ns", "min"] {
                let units = units(&format!("{unit} since 1950-01-01"), "standard");
                prop_assert_eq!(units.of_integer(i128::from(n)), units.of_real(n as f64));
            }
        }

        #[test]
        fn fractions_are_within_half_a_microsecond(x in -50_000.0f64..50_000.0) {
            let units = units("days since 1970-01-01", "standard");
            let at = units.of_real(x).expect("in range") as f64;
            prop_assert!((at - x * 86_400e6).abs() <= 1.0 + (x * 86_400e6).abs() * f64::EPSILON);
        }
    }
}
