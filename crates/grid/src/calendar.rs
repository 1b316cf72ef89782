//! CF calendars, and instants as microseconds since 1970-01-01 00:00 of a calendar.
//!
//! CF conventions, section 4.4.1. In `standard` the Julian calendar ends with 1582-10-04 and the Gregorian one begins
//! the next day, with 1582-10-15. Years are astronomical: year 0 is 1 BC. The Gregorian and Julian day counts follow
//! the era arithmetic of Hinnant, "chrono-compatible low-level date algorithms" (years begin in March there, so
//! that the leap day comes last).

use serde::{Deserialize, Serialize};
use std::fmt;

/// Microseconds in a day: no calendar has leap seconds.
pub const MICROS_PER_DAY: i64 = 86_400_000_000;

/// How dates are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Calendar {
    /// The Gregorian calendar, extended to dates before it was adopted. A plain SQL TIMESTAMP.
    #[default]
    ProlepticGregorian,
    /// Julian until 1582-10-04, Gregorian from 1582-10-15 (CF `standard` or `gregorian`).
    Standard,
    /// Every fourth year is a leap year.
    Julian,
    /// No leap years (`365_day`).
    NoLeap,
    /// Only leap years (`366_day`).
    AllLeap,
    /// Twelve months of 30 days.
    Day360,
}

/// The fields of an instant, in the calendar it was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateTime {
    /// Astronomical year.
    pub year: i64,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    /// Microseconds since midnight.
    pub micros: i64,
}

const CUMULATIVE: [i64; 13] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];
const CUMULATIVE_LEAP: [i64; 13] = [0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366];

/// 1582-10-15 in days since 1970-01-01 (Gregorian): the first day of the Gregorian calendar.
const REFORM_DAY: i64 = -141_427;

impl Calendar {
    /// The calendar that a CF `calendar` attribute names, in any case.
    pub fn from_cf_name(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_lowercase().as_str() {
            "standard" | "gregorian" => Self::Standard,
            "proleptic_gregorian" => Self::ProlepticGregorian,
            "julian" => Self::Julian,
            "noleap" | "365_day" => Self::NoLeap,
            "all_leap" | "366_day" => Self::AllLeap,
            "360_day" => Self::Day360,
            _ => return None,
        })
    }

    /// Its name in CF.
    pub fn cf_name(self) -> &'static str {
        match self {
            Self::ProlepticGregorian => "proleptic_gregorian",
            Self::Standard => "standard",
            Self::Julian => "julian",
            Self::NoLeap => "noleap",
            Self::AllLeap => "all_leap",
            Self::Day360 => "360_day",
        }
    }

    /// Whether a year has a leap day (in `360_day`: never).
    pub fn is_leap(self, year: i64) -> bool {
        let gregorian = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
        match self {
            Self::ProlepticGregorian => gregorian,
            Self::Standard if year > 1582 => gregorian,
            Self::Standard | Self::Julian => year.rem_euclid(4) == 0,
            Self::NoLeap | Self::Day360 => false,
            Self::AllLeap => true,
        }
    }

    /// The days of a month (1 to 12). October 1582 of `standard` has 21.
    pub fn days_in_month(self, year: i64, month: u32) -> u32 {
        match (self, month) {
            (Self::Day360, _) => 30,
            (Self::Standard, 10) if year == 1582 => 21,
            _ => (self.cumulative(year)[month as usize] - self.cumulative(year)[month as usize - 1]) as u32,
        }
    }

    /// The days of a year.
    pub fn days_in_year(self, year: i64) -> u32 {
        (1..=12).map(|month| self.days_in_month(year, month)).sum()
    }

    /// Days since 1970-01-01 of this calendar; `None` if the date does not exist in it.
    pub fn days(self, year: i64, month: u32, day: u32) -> Option<i64> {
        if year.abs() > 400_000 || !(1..=12).contains(&month) || !self.has_day(year, month, day) {
            return None;
        }
        Some(self.count_days(year, month, day))
    }

    fn has_day(self, year: i64, month: u32, day: u32) -> bool {
        match (self, year, month) {
            (Self::Standard, 1582, 10) => (1..=4).contains(&day) || (15..=31).contains(&day),
            _ => (1..=self.days_in_month(year, month)).contains(&day),
        }
    }

    fn count_days(self, year: i64, month: u32, day: u32) -> i64 {
        let in_year = |cumulative: &[i64; 13]| cumulative[month as usize - 1] + i64::from(day) - 1;
        match self {
            Self::ProlepticGregorian => gregorian_days(year, month, day),
            Self::Standard if (year, month, day) >= (1582, 10, 15) => gregorian_days(year, month, day),
            // 1582-10-04 (Julian) is the day before 1582-10-15 (Gregorian).
            Self::Standard => julian_days(year, month, day),
            // Counted from the Julian 1970-01-01.
            Self::Julian => julian_days(year, month, day) - julian_days(1970, 1, 1),
            Self::NoLeap => (year - 1970) * 365 + in_year(&CUMULATIVE),
            Self::AllLeap => (year - 1970) * 366 + in_year(&CUMULATIVE_LEAP),
            Self::Day360 => (year - 1970) * 360 + i64::from(month - 1) * 30 + i64::from(day) - 1,
        }
    }

    /// Year, month and day of a day since 1970-01-01 of this calendar.
    pub fn civil(self, days: i64) -> (i64, u32, u32) {
        match self {
            Self::ProlepticGregorian => gregorian_civil(days),
            Self::Standard if days >= REFORM_DAY => gregorian_civil(days),
            Self::Standard => julian_civil(days),
            Self::Julian => julian_civil(days + julian_days(1970, 1, 1)),
            Self::NoLeap => from_fixed_year(days, &CUMULATIVE),
            Self::AllLeap => from_fixed_year(days, &CUMULATIVE_LEAP),
            Self::Day360 => {
                let (month, day) = (days.div_euclid(30), days.rem_euclid(30));
                (1970 + month.div_euclid(12), month.rem_euclid(12) as u32 + 1, day as u32 + 1)
            }
        }
    }

    fn cumulative(self, year: i64) -> &'static [i64; 13] {
        if self.is_leap(year) { &CUMULATIVE_LEAP } else { &CUMULATIVE }
    }

    /// The fields of an instant in microseconds since 1970-01-01 00:00 of this calendar.
    pub fn fields(self, micros: i64) -> DateTime {
        let (year, month, day) = self.civil(micros.div_euclid(MICROS_PER_DAY));
        DateTime { year, month, day, micros: micros.rem_euclid(MICROS_PER_DAY) }
    }

    /// Microseconds since 1970-01-01 00:00 of this calendar; `None` if the date does not exist or is out of range.
    pub fn micros(self, at: &DateTime) -> Option<i64> {
        self.days(at.year, at.month, at.day)?.checked_mul(MICROS_PER_DAY)?.checked_add(at.micros)
    }

    /// The 1-based day of the year.
    pub fn day_of_year(self, micros: i64) -> u32 {
        let at = self.fields(micros);
        let first = self.count_days(at.year, 1, 1);
        (micros.div_euclid(MICROS_PER_DAY) - first) as u32 + 1
    }

    /// Parses `YYYY-MM-DD[ T]hh:mm[:ss[.ffffff]]`, with 1 or 2 digits for month, day and hour as UDUNITS allows, and an
    /// optional `Z`, `UTC` or `+hh[:mm]`. The date must exist in this calendar.
    pub fn parse(self, text: &str) -> Option<i64> {
        let (date, clock) = parse_timestamp(text)?;
        self.micros(&DateTime { year: date.0, month: date.1, day: date.2, micros: 0 })?.checked_add(clock)
    }

    /// Why a text that is written as [`Calendar::parse`] takes it is no time all the same: the part of it that does not
    /// exist in this calendar, in words. `None` if nothing is wrong with it but how it is written.
    pub fn fault(self, text: &str) -> Option<String> {
        let (date, clock, _) = split_timestamp(text);
        let (year, month, day) = parse_date(date)?;
        if !(1..=12).contains(&month) {
            return Some(format!("there is no month {month}"));
        }
        if self.has_day(year, month, day) {
            return clock_fault(clock);
        }
        let (days, left_out) = match (self, year, month) {
            (Self::Standard, 1582, 10) => (31, ", of which 5 to 14 were left out".to_string()),
            _ => (self.days_in_month(year, month), String::new()),
        };
        Some(format!("the day does not exist, {year:04}-{month:02} has {days} days{left_out}"))
    }

    /// Writes an instant as `YYYY-MM-DD hh:mm:ss`, with a fraction only where there is one.
    pub fn format(self, micros: i64) -> String {
        self.fields(micros).to_string()
    }
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.cf_name())
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.micros / 1_000_000;
        let sign = if self.year < 0 { "-" } else { "" };
        write!(f, "{sign}{:04}-{:02}-{:02}", self.year.abs(), self.month, self.day)?;
        write!(f, " {:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        match self.micros % 1_000_000 {
            0 => Ok(()),
            fraction => f.write_str(format!(".{fraction:06}").trim_end_matches('0')),
        }
    }
}

fn days_from_march(month: u32, day: u32) -> i64 {
    let shifted = (i64::from(month) + 9) % 12;
    (153 * shifted + 2) / 5 + i64::from(day) - 1
}

fn month_from_march(day_of_year: i64) -> (u32, u32) {
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    ((if shifted < 10 { shifted + 3 } else { shifted - 9 }) as u32, day as u32)
}

fn gregorian_days(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + days_from_march(month, day) - 719_468
}

fn gregorian_civil(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let (month, day) = month_from_march(of_era - (365 * year + year / 4 - year / 100));
    (era * 400 + year + i64::from(month <= 2), month, day)
}

/// Days of a Julian date on the scale of the Gregorian count.
fn julian_days(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(4), year.rem_euclid(4));
    era * 1461 + of_era * 365 + days_from_march(month, day) - 719_470
}

fn julian_civil(days: i64) -> (i64, u32, u32) {
    let days = days + 719_470;
    let (era, of_era) = (days.div_euclid(1461), days.rem_euclid(1461));
    let year = (of_era - of_era / 1460) / 365;
    let (month, day) = month_from_march(of_era - 365 * year);
    (era * 4 + year + i64::from(month <= 2), month, day)
}

fn from_fixed_year(days: i64, cumulative: &[i64; 13]) -> (i64, u32, u32) {
    let (year, rest) = (days.div_euclid(cumulative[12]), days.rem_euclid(cumulative[12]));
    let month = cumulative.partition_point(|first| *first <= rest);
    (1970 + year, month as u32, (rest - cumulative[month - 1]) as u32 + 1)
}

/// Year, month, day and the microseconds since midnight UTC (which a zone can push out of the day).
type Timestamp = ((i64, u32, u32), i64);

fn parse_timestamp(text: &str) -> Option<Timestamp> {
    let (date, clock, zone) = split_timestamp(text);
    Some((parse_date(date)?, parse_clock(clock)? - parse_zone(zone)?))
}

/// The date, the time of day and the zone as written.
fn split_timestamp(text: &str) -> (&str, &str, &str) {
    let text = text.trim();
    let split = text.find([' ', 'T', 't']).unwrap_or(text.len());
    let (date, rest) = text.split_at(split);
    let rest = rest.trim_start_matches([' ', 'T', 't']).trim();
    let zone = rest.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.')).unwrap_or(rest.len());
    (date, rest[..zone].trim(), rest[zone..].trim())
}

fn parse_date(text: &str) -> Option<(i64, u32, u32)> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let mut parts = digits.split('-');
    let year = digits_of(parts.next()?)?;
    let month = parts.next().map_or(Some(1), digits_of)?;
    let day = parts.next().map_or(Some(1), digits_of)?;
    if parts.next().is_some() {
        return None;
    }
    Some((sign * year, u32::try_from(month).ok()?, u32::try_from(day).ok()?))
}

fn parse_clock(text: &str) -> Option<i64> {
    let (hour, minute, second) = clock_fields(text)?;
    let in_range = hour <= 24 && minute < 60 && second < 61_000_000;
    let micros = (hour * 3600 + minute * 60) * 1_000_000 + second;
    (in_range && micros <= MICROS_PER_DAY).then_some(micros)
}

/// Hours, minutes and, in microseconds, seconds, in range or not.
fn clock_fields(text: &str) -> Option<(i64, i64, i64)> {
    if text.is_empty() {
        return Some((0, 0, 0));
    }
    let mut parts = text.split(':');
    let hour = digits_of(parts.next()?)?;
    let minute = parts.next().map_or(Some(0), digits_of)?;
    let second = parts.next().map_or(Some(0), seconds_of)?;
    parts.next().is_none().then_some((hour, minute, second))
}

/// Which part of a time of day does not exist.
fn clock_fault(text: &str) -> Option<String> {
    let (hour, minute, second) = clock_fields(text)?;
    match parse_clock(text) {
        Some(_) => None,
        None if minute >= 60 => Some(format!("there is no minute {minute}")),
        None if second >= 61_000_000 => Some(format!("there is no second {}", second / 1_000_000)),
        None if hour > 24 => Some(format!("there is no hour {hour}")),
        None => Some("a day ends at 24:00".to_string()),
    }
}

/// Seconds with a fraction, as microseconds; digits past the sixth are dropped.
fn seconds_of(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let fraction: String = fraction.chars().chain("000000".chars()).take(6).collect();
    Some(digits_of(whole)? * 1_000_000 + fraction.parse::<i64>().ok()?)
}

fn parse_zone(text: &str) -> Option<i64> {
    if matches!(text, "" | "Z" | "z" | "UTC" | "utc" | "GMT") {
        return Some(0);
    }
    let (sign, rest) = match text.as_bytes()[0] {
        b'+' if text.is_ascii() => (1, &text[1..]),
        b'-' if text.is_ascii() => (-1, &text[1..]),
        _ => return None,
    };
    let (hour, minute) = match rest.split_once(':') {
        Some((hour, minute)) => (digits_of(hour)?, digits_of(minute)?),
        None if rest.len() == 4 => (digits_of(&rest[..2])?, digits_of(&rest[2..])?),
        None => (digits_of(rest)?, 0),
    };
    (hour <= 24 && minute < 60).then_some(sign * (hour * 60 + minute) * 60_000_000)
}

fn digits_of(text: &str) -> Option<i64> {
    let fits = (1..=9).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Calendar; 6] = [
        Calendar::ProlepticGregorian,
        Calendar::Standard,
        Calendar::Julian,
        Calendar::NoLeap,
        Calendar::AllLeap,
        Calendar::Day360,
    ];

    proptest! {
        #[test]
        fn days_follow_one_another(day in -2_000_000i64..2_000_000) {
            for calendar in ALL {
                let (year, month, date) = calendar.civil(day);
                prop_assert_eq!(calendar.days(year, month, date), Some(day), "{} {:?}", calendar, (year, month, date));
                prop_assert!(calendar.civil(day + 1) > (year, month, date));
            }
        }

        #[test]
        fn text_and_instant_are_one(micros in -60_000_000_000_000_000i64..60_000_000_000_000_000) {
            for calendar in ALL {
                prop_assert_eq!(calendar.parse(&calendar.format(micros)), Some(micros), "{}", calendar);
            }
        }
    }

    #[test]
    fn epochs_are_1970() {
        for calendar in ALL {
            assert_eq!(calendar.format(0), "1970-01-01 00:00:00", "{calendar}");
        }
    }

    #[test]
    fn the_reform_skips_ten_days() {
        let before = Calendar::Standard.days(1582, 10, 4).unwrap();
        assert_eq!(Calendar::Standard.days(1582, 10, 15), Some(before + 1));
        assert_eq!(Calendar::Standard.days(1582, 10, 10), None);
        assert_eq!(Calendar::ProlepticGregorian.days(1582, 10, 15), Some(REFORM_DAY));
        assert_eq!(Calendar::Standard.days_in_year(1582), 355);
    }

    #[test]
    fn dates_exist_only_in_their_calendar() {
        assert!(Calendar::Day360.days(2001, 2, 30).is_some() && Calendar::NoLeap.days(2000, 2, 29).is_none());
        assert!(Calendar::AllLeap.days(2001, 2, 29).is_some() && Calendar::Julian.days(1900, 2, 29).is_some());
        assert_eq!(Calendar::Day360.day_of_year(Calendar::Day360.parse("2001-12-30").unwrap()), 360);
    }

    #[test]
    fn what_does_not_exist_is_named() {
        let fault = |calendar: Calendar, text| calendar.fault(text).unwrap_or_default();
        let gregorian = Calendar::ProlepticGregorian;
        assert_eq!(fault(gregorian, "1999-02-31"), "the day does not exist, 1999-02 has 28 days");
        assert_eq!(fault(gregorian, "1999-13-01"), "there is no month 13");
        assert_eq!(fault(gregorian, "1999-12-01 25:00"), "there is no hour 25");
        assert_eq!(fault(gregorian, "1999-12-01T10:75:00Z"), "there is no minute 75");
        assert_eq!(fault(gregorian, "1999-12-01 10:00:99"), "there is no second 99");
        assert_eq!(fault(gregorian, "1999-12-01 24:01"), "a day ends at 24:00");
        let reform = "the day does not exist, 1582-10 has 31 days, of which 5 to 14 were left out";
        assert_eq!(fault(Calendar::Standard, "1582-10-10"), reform);
        for text in ["1999-02-28 24:00", "yesterday", "1999-02-28 noon", "1999-02-28-01", ""] {
            assert_eq!(gregorian.fault(text), None, "{text}");
        }
        assert_eq!(Calendar::Day360.fault("1999-02-30"), None);
    }

    #[test]
    fn reference_times_are_parsed_as_files_write_them() {
        let day = |text| Calendar::ProlepticGregorian.parse(text);
        assert_eq!(day("1900-1-1"), day("1900-01-01 00:00:00.0"));
        assert_eq!(day("1970-01-01T06:00:00Z"), Some(6 * 3_600_000_000));
        assert_eq!(day("1970-01-01 00:00 +02:00"), Some(-2 * 3_600_000_000));
        assert_eq!(day("1970-01-01 00:00:00 UTC"), Some(0));
        assert_eq!(day("0001-01-01 00:00:0.25").map(|us| us.rem_euclid(1_000_000)), Some(250_000));
        for wrong in [
            "",
            "yesterday",
            "2001-13-01",
            "2001-02-29",
            "2001-01-01 25:00",
            "2001-01-01-01",
            "2001-01-01 10h",
            "2001-01-01 +1\u{e9}1",
        ] {
            assert_eq!(day(wrong), None, "{wrong}");
        }
    }
}
