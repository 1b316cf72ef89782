//! Days of the week and ISO weeks, in any calendar.
//!
//! In calendars that no one lived by (`noleap`, `360_day` ..) 1970-01-01 is taken as the Thursday that it was.

use super::Instant;
use hyperslab_grid::Calendar;

/// Monday is 1, Sunday 7.
pub(super) fn iso_weekday(calendar: Calendar, day: i64) -> i64 {
    // The Julian 1970-01-01 was 13 days after the Gregorian one, a Wednesday.
    let first = if calendar == Calendar::Julian { 2 } else { 3 };
    (day + first).rem_euclid(7) + 1
}

/// The ISO year and week: the week belongs to the year that holds its Thursday.
pub(super) fn iso_week(at: &Instant) -> (i64, i64) {
    let thursday = at.day - iso_weekday(at.calendar, at.day) + 4;
    let (year, _, _) = at.calendar.civil(thursday);
    (year, (thursday - first_day(at.calendar, year)) / 7 + 1)
}

/// The Monday of the first ISO week of a year.
pub(super) fn iso_year_start(calendar: Calendar, year: i64) -> i64 {
    let fourth = first_day(calendar, year) + 3;
    fourth - iso_weekday(calendar, fourth) + 1
}

/// The first of January, which every calendar has in every year that timestamps reach.
pub(super) fn first_day(calendar: Calendar, year: i64) -> i64 {
    calendar.days(year, 1, 1).unwrap_or((year - 1970) * 365)
}

/// The 1-based day of the year.
pub(super) fn day_of_year(at: &Instant) -> i64 {
    let (year, _, _) = at.calendar.civil(at.day);
    at.day - first_day(at.calendar, year) + 1
}
