//! Times to and from text by a pattern: `strftime` and `strptime`.

use super::parts::{MONTHS, WEEKDAYS};
use super::week::{day_of_year, iso_week, iso_weekday};
use super::{Instant, Times, instants};
use crate::scalar::signature::{Bound, exactly, takes};
use crate::scalar::{Call, Fails, Family, Kernel, ScalarFunction, Value};
use crate::{Error, Result, SqlType};
use hyperslab_grid::Calendar;
use std::fmt::Write;

/// `strftime(t, pattern)`
pub(in crate::scalar) const STRFTIME: ScalarFunction = ScalarFunction {
    names: &["strftime"],
    family: Family::Date,
    usage: "strftime(time, '%Y-%m-%d')",
    doc: "Text of a time by a pattern: %Y %y %m %d %H %I %p %M %S %f %g %j %a %A %b %B %w %u %U %W %V %G %c %x %X %%; %-d without zeros",
    bind: |args| match args {
        [ty, SqlType::Varchar] if ty.is_temporal() => takes(args, SqlType::Varchar),
        [SqlType::Varchar, ty] if ty.is_temporal() => takes(args, SqlType::Varchar),
        _ => Ok(None),
    },
    kernel: Kernel::Eager(|call| {
        let time = usize::from(call.types[0] == SqlType::Varchar);
        let (times, patterns) = (Times::new(call, time), call.text(1 - time));
        call.text_rows(|row| {
            let (Some(at), Some(pattern)) = (times.get(row), patterns.get(row)) else { return Ok(None) };
            format(&at, pattern).map(Some)
        })
    }),
    fails: Fails::Sometimes,
};

/// `strptime(text, pattern)`
pub(in crate::scalar) const STRPTIME: ScalarFunction = ScalarFunction {
    names: &["strptime"],
    family: Family::Date,
    usage: "strptime(text, '%Y-%m-%d')",
    doc: "TIMESTAMP from text by a pattern, as in strftime; text that does not fit is an error",
    bind: bind_strptime,
    kernel: Kernel::Eager(|call| read(call, false)),
    fails: Fails::Sometimes,
};

/// `try_strptime(text, pattern)`
pub(in crate::scalar) const TRY_STRPTIME: ScalarFunction = ScalarFunction {
    names: &["try_strptime"],
    family: Family::Date,
    usage: "try_strptime(text, '%Y-%m-%d')",
    doc: "As strptime, but NULL for text that does not fit",
    bind: bind_strptime,
    kernel: Kernel::Eager(|call| read(call, true)),
    fails: Fails::Sometimes,
};

fn bind_strptime(args: &[SqlType]) -> Bound {
    exactly(args, &[SqlType::Varchar, SqlType::Varchar], SqlType::TIMESTAMP)
}

/// One piece of a pattern.
enum Piece<'a> {
    Plain(&'a str),
    /// A specifier, and whether it is written without leading zeros.
    Field(char, bool),
}

fn pieces(pattern: &str) -> Result<Vec<Piece<'_>>> {
    let mut out = Vec::new();
    let mut rest = pattern;
    while let Some(at) = rest.find('%') {
        out.push(Piece::Plain(&rest[..at]));
        let after = &rest[at + 1..];
        let bare = after.starts_with('-');
        let after = if bare { &after[1..] } else { after };
        let field = after.chars().next().filter(|field| "YymdHIpMSfgnjaAbBwuUWVGcxX%Zz".contains(*field));
        let field = field.ok_or_else(|| {
            Error::new(format!("'{pattern}' is no pattern of a time: % must be followed by one of its letters"))
        })?;
        out.push(Piece::Field(field, bare));
        rest = &after[1..];
    }
    out.push(Piece::Plain(rest));
    Ok(out)
}

fn format(at: &Instant, pattern: &str) -> Result<String> {
    let mut out = String::new();
    for piece in pieces(pattern)? {
        match piece {
            Piece::Plain(text) => out.push_str(text),
            Piece::Field(field, bare) => push_field(&mut out, at, field, bare),
        }
    }
    Ok(out)
}

fn push_field(out: &mut String, at: &Instant, field: char, bare: bool) {
    let date = at.fields();
    let seconds = at.micros / 1_000_000;
    let weekday = iso_weekday(at.calendar, at.day);
    let hour = seconds / 3600;
    let mut number = |value: i64, width: usize| {
        let width = if bare { 0 } else { width };
        write!(out, "{value:0width$}").expect("writing to a string does not fail");
    };
    match field {
        'Y' => number(date.year, 4),
        'y' => number(date.year.rem_euclid(100), 2),
        'm' => number(date.month.into(), 2),
        'd' => number(date.day.into(), 2),
        'H' => number(hour, 2),
        'I' => number((hour + 11) % 12 + 1, 2),
        'M' => number(seconds / 60 % 60, 2),
        'S' => number(seconds % 60, 2),
        'f' => number(at.micros % 1_000_000, 6),
        'g' => number(at.micros / 1000 % 1000, 3),
        'n' => number(at.micros % 1_000_000 * 1000, 9),
        'j' => number(day_of_year(at), 3),
        'w' => number(weekday % 7, 1),
        'u' => number(weekday, 1),
        'U' => number((day_of_year(at) + 6 - weekday % 7) / 7, 2),
        'W' => number((day_of_year(at) + 7 - weekday) / 7, 2),
        'V' => number(iso_week(at).1, 2),
        'G' => number(iso_week(at).0, 4),
        'p' => out.push_str(if hour < 12 { "AM" } else { "PM" }),
        'a' => out.push_str(&WEEKDAYS[weekday as usize - 1][..3]),
        'A' => out.push_str(WEEKDAYS[weekday as usize - 1]),
        'b' => out.push_str(&MONTHS[date.month as usize - 1][..3]),
        'B' => out.push_str(MONTHS[date.month as usize - 1]),
        'c' => push_fields(out, at, &[('Y', "-"), ('m', "-"), ('d', " "), ('H', ":"), ('M', ":"), ('S', "")]),
        'x' => push_fields(out, at, &[('Y', "-"), ('m', "-"), ('d', "")]),
        'X' => push_fields(out, at, &[('H', ":"), ('M', ":"), ('S', "")]),
        'z' => out.push_str("+00"),
        '%' => out.push('%'),
        // The zone's name, of which a TIMESTAMP has none.
        _ => {}
    }
}

fn push_fields(out: &mut String, at: &Instant, fields: &[(char, &str)]) {
    for (field, after) in fields {
        push_field(out, at, *field, false);
        out.push_str(after);
    }
}

fn read(call: &Call<'_>, or_null: bool) -> Result<Value> {
    let (texts, patterns) = (call.text(0), call.text(1));
    instants(call, |row| {
        let (Some(text), Some(pattern)) = (texts.get(row), patterns.get(row)) else { return Ok(None) };
        let pieces = pieces(pattern)?;
        match parse(text, &pieces) {
            None if !or_null => Err(Error::new(format!("'{text}' is no time like '{pattern}'"))
                .with_hint("try_strptime gives NULL instead")),
            at => Ok(at),
        }
    })
}

/// The fields met so far; those that are not met are those of 1900-01-01 00:00.
struct Fields {
    year: i64,
    month: i64,
    day: i64,
    day_of_year: Option<i64>,
    hour: i64,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    micros: i64,
}

fn parse(text: &str, pieces: &[Piece<'_>]) -> Option<Instant> {
    let mut fields = Fields {
        year: 1900,
        month: 1,
        day: 1,
        day_of_year: None,
        hour: 0,
        afternoon: None,
        minute: 0,
        second: 0,
        micros: 0,
    };
    let mut rest = text.trim();
    for piece in pieces {
        rest = match piece {
            Piece::Plain(plain) => rest.strip_prefix(*plain)?,
            Piece::Field(field, _) => fields.read(*field, rest)?,
        };
    }
    if rest.is_empty() { fields.instant() } else { None }
}

impl Fields {
    /// Reads one field, and gives what is left of the text.
    fn read<'a>(&mut self, field: char, text: &'a str) -> Option<&'a str> {
        let rest;
        match field {
            'Y' => (self.year, rest) = number(text, 4)?,
            'y' => {
                (self.year, rest) = number(text, 2)?;
                self.year += if self.year < 69 { 2000 } else { 1900 };
            }
            'm' => (self.month, rest) = number(text, 2)?,
            'd' => (self.day, rest) = number(text, 2)?,
            'j' => {
                let (day, after) = number(text, 3)?;
                (self.day_of_year, rest) = (Some(day), after);
            }
            'H' | 'I' => (self.hour, rest) = number(text, 2)?,
            'M' => (self.minute, rest) = number(text, 2)?,
            'S' => (self.second, rest) = number(text, 2)?,
            'f' | 'g' | 'n' => (self.micros, rest) = fraction(text)?,
            'p' => {
                let (at, after) = one_of(text, ["AM", "PM"].into_iter())?;
                (self.afternoon, rest) = (Some(at == 1), after);
            }
            'b' | 'B' => {
                let (at, after) = name(text, &MONTHS)?;
                (self.month, rest) = (at as i64 + 1, after);
            }
            'a' | 'A' => rest = name(text, &WEEKDAYS)?.1,
            '%' => rest = text.strip_prefix('%')?,
            'c' => rest = self.read_all(text, &[('x', " "), ('X', "")])?,
            'x' => rest = self.read_all(text, &[('Y', "-"), ('m', "-"), ('d', "")])?,
            'X' => rest = self.read_all(text, &[('H', ":"), ('M', ":"), ('S', "")])?,
            _ => return None,
        }
        Some(rest)
    }

    /// Fields, each with what follows it.
    fn read_all<'a>(&mut self, text: &'a str, fields: &[(char, &str)]) -> Option<&'a str> {
        fields.iter().try_fold(text, |rest, (field, after)| self.read(*field, rest)?.strip_prefix(*after))
    }

    fn instant(&self) -> Option<Instant> {
        let calendar = Calendar::ProlepticGregorian;
        let hour = match self.afternoon {
            Some(_) if !(1..=12).contains(&self.hour) => return None,
            Some(afternoon) => self.hour % 12 + if afternoon { 12 } else { 0 },
            None => self.hour,
        };
        if hour >= 24 || self.minute >= 60 || self.second >= 60 {
            return None;
        }
        let small = |field: i64| u32::try_from(field).ok();
        let day = match self.day_of_year {
            Some(day) if (1..=i64::from(calendar.days_in_year(self.year))).contains(&day) => {
                calendar.days(self.year, 1, 1)? + day - 1
            }
            Some(_) => return None,
            None => calendar.days(self.year, small(self.month)?, small(self.day)?)?,
        };
        let micros = ((hour * 60 + self.minute) * 60 + self.second) * 1_000_000 + self.micros;
        Some(Instant { calendar, day, micros })
    }
}

/// A number of at most so many digits.
fn number(text: &str, most: usize) -> Option<(i64, &str)> {
    let digits = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

/// Digits after the point, as microseconds.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let padded: String = text[..digits].chars().chain("000000".chars()).take(6).collect();
    (digits > 0).then_some((padded.parse().ok()?, &text[digits..]))
}

/// A name in full, or its first three letters.
fn name<'a>(text: &'a str, names: &[&str]) -> Option<(usize, &'a str)> {
    one_of(text, names.iter().copied()).or_else(|| one_of(text, names.iter().map(|name| &name[..3])))
}

fn one_of<'a, 'n>(text: &'a str, mut names: impl Iterator<Item = &'n str>) -> Option<(usize, &'a str)> {
    let mut length = 0;
    let at = names.position(|name| {
        length = name.len();
        text.get(..length).is_some_and(|start| start.eq_ignore_ascii_case(name))
    })?;
    Some((at, &text[length..]))
}
