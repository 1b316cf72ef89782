//! What the texts of a CSV column are: the first type that all of them can be read as.

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, StringBuilder, Time64MicrosecondBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, TimeUnit};
use hyperslab_grid::Calendar;
use hyperslab_grid::calendar::MICROS_PER_DAY;
use std::sync::Arc;

/// The types of CSV columns, in the order in which they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnType {
    Boolean,
    BigInt,
    Double,
    Date,
    Time,
    Timestamp,
    Varchar,
}

impl ColumnType {
    /// All but text, which anything can be read as.
    const STRICT: [Self; 6] = [Self::Boolean, Self::BigInt, Self::Double, Self::Date, Self::Time, Self::Timestamp];

    /// Its name in SQL.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::BigInt => "BIGINT",
            Self::Double => "DOUBLE",
            Self::Date => "DATE",
            Self::Time => "TIME",
            Self::Timestamp => "TIMESTAMP",
            Self::Varchar => "VARCHAR",
        }
    }

    pub(super) fn to_arrow(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::BigInt => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Varchar => DataType::Utf8,
        }
    }

    /// Whether a text can be read as this type.
    pub(super) fn reads(self, text: &str) -> bool {
        match self {
            Self::Boolean => boolean(text).is_some(),
            Self::BigInt => integer(text).is_some(),
            Self::Double => real(text).is_some(),
            Self::Date => date(text).is_some(),
            Self::Time => time(text).is_some(),
            Self::Timestamp => timestamp(text).is_some(),
            Self::Varchar => true,
        }
    }
}

/// The types that all texts seen so far can be read as.
#[derive(Clone, Debug)]
pub(super) struct Candidates {
    left: Vec<ColumnType>,
    seen: bool,
}

impl Candidates {
    pub(super) fn new() -> Self {
        Self { left: ColumnType::STRICT.to_vec(), seen: false }
    }

    /// Takes note of a text.
    pub(super) fn see(&mut self, text: &str) {
        self.left.retain(|ty| ty.reads(text));
        self.seen = true;
    }

    /// Takes note of all that another saw.
    pub(super) fn see_all(&mut self, other: &Self) {
        self.left.retain(|ty| other.left.contains(ty));
        self.seen |= other.seen;
    }

    /// The type of the column; text if there was nothing to see.
    pub(super) fn decide(&self) -> ColumnType {
        self.left.first().copied().filter(|_| self.seen).unwrap_or(ColumnType::Varchar)
    }
}

fn boolean(text: &str) -> Option<bool> {
    let text = text.trim();
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    is("true").then_some(true).or_else(|| is("false").then_some(false))
}

/// As in DuckDB, a number with a plus sign is text: phone numbers are.
fn unsigned_or_negative(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.starts_with('+'))
}

fn integer(text: &str) -> Option<i64> {
    unsigned_or_negative(text)?.parse().ok()
}

fn real(text: &str) -> Option<f64> {
    unsigned_or_negative(text)?.parse().ok()
}

/// `YYYY-MM-DD`, as days since 1970-01-01.
fn date(text: &str) -> Option<i32> {
    let text = text.trim();
    let is_date = text.len() == 10 && text.bytes().enumerate().all(|(at, b)| digit_or(b'-', at == 4 || at == 7, b));
    let micros = Calendar::ProlepticGregorian.parse(text).filter(|_| is_date)?;
    i32::try_from(micros.div_euclid(MICROS_PER_DAY)).ok()
}

/// `hh:mm:ss[.ffffff]`, as microseconds.
fn time(text: &str) -> Option<i64> {
    let text = text.trim();
    let clock = text.get(..8)?;
    let is_time = clock.bytes().enumerate().all(|(at, b)| digit_or(b':', at == 2 || at == 5, b));
    let rest = &text[8..];
    let is_fraction = rest.is_empty() || rest.starts_with('.') && rest[1..].bytes().all(|b| b.is_ascii_digit());
    let micros =
        Calendar::ProlepticGregorian.parse(&format!("1970-01-01 {text}")).filter(|_| is_time && is_fraction)?;
    (0..MICROS_PER_DAY).contains(&micros).then_some(micros)
}

/// A date, perhaps with a time and an offset from UTC, as microseconds since 1970-01-01 in UTC.
fn timestamp(text: &str) -> Option<i64> {
    let text = text.trim();
    let is_date = text.get(..10).is_some_and(|day| date(day).is_some());
    Calendar::ProlepticGregorian.parse(text).filter(|_| is_date)
}

fn digit_or(mark: u8, is_mark: bool, byte: u8) -> bool {
    if is_mark { byte == mark } else { byte.is_ascii_digit() }
}

/// The values of a column, read from texts.
pub(super) enum Values {
    Boolean(BooleanBuilder),
    BigInt(Int64Builder),
    Double(Float64Builder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Varchar(StringBuilder),
}

impl Values {
    pub(super) fn new(ty: ColumnType) -> Self {
        match ty {
            ColumnType::Boolean => Self::Boolean(BooleanBuilder::new()),
            ColumnType::BigInt => Self::BigInt(Int64Builder::new()),
            ColumnType::Double => Self::Double(Float64Builder::new()),
            ColumnType::Date => Self::Date(Date32Builder::new()),
            ColumnType::Time => Self::Time(Time64MicrosecondBuilder::new()),
            ColumnType::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::new()),
            ColumnType::Varchar => Self::Varchar(StringBuilder::new()),
        }
    }

    /// Adds the value of a text, or NULL; whether it could be read.
    pub(super) fn push(&mut self, text: Option<&str>) -> bool {
        match self {
            Self::Boolean(values) => read(text, boolean, |value| values.append_option(value)),
            Self::BigInt(values) => read(text, integer, |value| values.append_option(value)),
            Self::Double(values) => read(text, real, |value| values.append_option(value)),
            Self::Date(values) => read(text, date, |value| values.append_option(value)),
            Self::Time(values) => read(text, time, |value| values.append_option(value)),
            Self::Timestamp(values) => read(text, timestamp, |value| values.append_option(value)),
            Self::Varchar(values) => {
                values.append_option(text);
                true
            }
        }
    }

    /// The values so far.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(values) => Arc::new(values.finish()),
            Self::BigInt(values) => Arc::new(values.finish()),
            Self::Double(values) => Arc::new(values.finish()),
            Self::Date(values) => Arc::new(values.finish()),
            Self::Time(values) => Arc::new(values.finish()),
            Self::Timestamp(values) => Arc::new(values.finish()),
            Self::Varchar(values) => Arc::new(values.finish()),
        }
    }
}

fn read<T>(text: Option<&str>, parse: impl Fn(&str) -> Option<T>, mut append: impl FnMut(Option<T>)) -> bool {
    let value = text.map(parse);
    let could = !matches!(value, Some(None));
    append(value.flatten());
    could
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(texts: &[&str]) -> ColumnType {
        let mut candidates = Candidates::new();
        texts.iter().for_each(|text| candidates.see(text));
        candidates.decide()
    }

    #[test]
    fn types_are_those_that_duckdb_finds() {
        assert_eq!(decided(&[]), ColumnType::Varchar);
        assert_eq!(decided(&["1", "-2", " 3 ", "007"]), ColumnType::BigInt);
        assert_eq!(decided(&["1", "2.5", "1e5", "NaN", "-inf"]), ColumnType::Double);
        assert_eq!(decided(&["99999999999999999999"]), ColumnType::Double);
        assert_eq!(decided(&["+5"]), ColumnType::Varchar);
        assert_eq!(decided(&["true", "FALSE"]), ColumnType::Boolean);
        assert_eq!(decided(&["1", "true"]), ColumnType::Varchar);
        assert_eq!(decided(&["2001-02-28"]), ColumnType::Date);
        assert_eq!(decided(&["2001-02-30"]), ColumnType::Varchar);
        assert_eq!(decided(&["2001-02-28", "2001-03-01 12:00:00"]), ColumnType::Timestamp);
        assert_eq!(decided(&["2001-03-01T12:00:00.5Z", "2001-03-01 12:00:00+02:00"]), ColumnType::Timestamp);
        assert_eq!(decided(&["12:30:00", "23:59:59.25"]), ColumnType::Time);
        assert_eq!(decided(&["2001", "2001-02-28"]), ColumnType::Varchar);
    }

    #[test]
    fn what_is_read_is_what_was_decided() {
        let texts =
            ["true", "1", "2.5", "2001-02-28", "12:30:00", "2001-02-28 06:00", "x", "", "é9999-99", "2001-1é-28"];
        for ty in ColumnType::STRICT.into_iter().chain([ColumnType::Varchar]) {
            let mut values = Values::new(ty);
            for text in texts {
                assert_eq!(values.push(Some(text)), ty.reads(text), "{text} as {}", ty.name());
            }
            assert!(values.push(None));
            let array = values.finish();
            assert_eq!((array.len(), array.data_type()), (texts.len() + 1, &ty.to_arrow()));
        }
    }
}
