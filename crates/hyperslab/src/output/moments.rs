//! Dates, times and intervals as text, appended to a buffer.

use hyperslab_grid::Calendar;
use hyperslab_grid::calendar::MICROS_PER_DAY;
use std::io::Write as _;

/// Writes `YYYY-MM-DD`; years past 9999 take the digits they need, years before 0 a minus sign.
pub(super) fn write_date(days: i64, calendar: Calendar, out: &mut Vec<u8>) {
    let (year, month, day) = calendar.civil(days);
    if let Ok(year @ 0..=9999) = u32::try_from(year) {
        two_digits(year / 100, out);
        two_digits(year % 100, out);
    } else {
        let sign = if year < 0 { "-" } else { "" };
        write!(out, "{sign}{:04}", year.unsigned_abs()).expect("a Vec takes all bytes");
    }
    out.push(b'-');
    two_digits(month, out);
    out.push(b'-');
    two_digits(day, out);
}

/// Writes `YYYY-MM-DD hh:mm:ss[.ffffff]`.
pub(super) fn write_timestamp(micros: i64, calendar: Calendar, out: &mut Vec<u8>) {
    write_date(micros.div_euclid(MICROS_PER_DAY), calendar, out);
    out.push(b' ');
    write_time(micros.rem_euclid(MICROS_PER_DAY), out);
}

/// Writes `hh:mm:ss[.ffffff]`, a fraction only where there is one, without zeros at its end.
pub(super) fn write_time(micros: i64, out: &mut Vec<u8>) {
    let (seconds, fraction) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
    if micros < 0 {
        out.push(b'-');
    }
    match seconds / 3600 {
        hours @ 0..=99 => two_digits(hours as u32, out),
        hours => super::numbers::write_integer(hours, out),
    }
    out.push(b':');
    two_digits((seconds / 60 % 60) as u32, out);
    out.push(b':');
    two_digits((seconds % 60) as u32, out);
    if fraction != 0 {
        out.extend_from_slice(format!(".{fraction:06}").trim_end_matches('0').as_bytes());
    }
}

/// Writes `1 year 2 months 3 days 04:05:06`, leaving out what is zero.
pub(super) fn write_interval(months: i32, days: i32, micros: i64, out: &mut Vec<u8>) {
    let mut parts = Vec::new();
    let mut part = |count: i32, unit: &str| match count {
        0 => {}
        1 | -1 => parts.push(format!("{count} {unit}")),
        _ => parts.push(format!("{count} {unit}s")),
    };
    part(months / 12, "year");
    part(months % 12, "month");
    part(days, "day");
    if micros != 0 || parts.is_empty() {
        let mut clock = Vec::new();
        write_time(micros, &mut clock);
        parts.push(String::from_utf8_lossy(&clock).into_owned());
    }
    out.extend_from_slice(parts.join(" ").as_bytes());
}

fn two_digits(value: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'0' + (value / 10 % 10) as u8, b'0' + (value % 10) as u8]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("moments are ASCII")
    }

    #[test]
    fn instants_read_as_their_calendar_shows_them() {
        let wanted = ["2001-02-30 06:30:00", "1582-10-04 23:59:59.5", "-0044-03-15 12:00:00", "12345-01-01 00:00:00"];
        let calendars = [Calendar::Day360, Calendar::Standard, Calendar::Julian, Calendar::ProlepticGregorian];
        for (shown, calendar) in wanted.into_iter().zip(calendars) {
            let micros = calendar.parse(shown).expect("the date exists in its calendar");
            assert_eq!(text(|out| write_timestamp(micros, calendar, out)), shown);
            assert_eq!(calendar.format(micros), shown);
        }
    }

    #[test]
    fn extreme_instants_do_not_panic() {
        for micros in [i64::MIN, i64::MAX] {
            assert!(text(|out| write_timestamp(micros, Calendar::ProlepticGregorian, out)).contains(':'));
            assert!(text(|out| write_time(micros, out)).contains(':'));
        }
    }

    #[test]
    fn intervals_name_what_is_not_zero() {
        assert_eq!(text(|out| write_interval(14, 3, 14_706_500_000, out)), "1 year 2 months 3 days 04:05:06.5");
        assert_eq!(text(|out| write_interval(0, 0, 0, out)), "00:00:00");
        assert_eq!(text(|out| write_interval(-1, 0, -1_000_000, out)), "-1 month -00:00:01");
        assert_eq!(text(|out| write_interval(0, 0, 400_000_000_000, out)), "111:06:40");
    }
}
