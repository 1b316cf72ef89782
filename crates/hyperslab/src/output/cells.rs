//! The cells of one column as text, appended to a buffer.

use super::{moments, numbers};
use crate::{Error, ErrorKind, Result};
use arrow::array::{
    Array, ArrowPrimitiveType, AsArray, BinaryArray, BooleanArray, FixedSizeListArray, ListArray, PrimitiveArray,
    StringArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use hyperslab_expr::SqlType;
use hyperslab_expr::scalar::shape_text;
use hyperslab_grid::Calendar;
use std::io::Write as _;

/// For whom a cell is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Exact, without quotes.
    Csv,
    /// As a JSON value.
    Json,
    /// For people: floats are rounded.
    Short,
}

/// A column of a batch, ready to be written.
pub(super) struct Column<'a> {
    nulls: Option<&'a NullBuffer>,
    all_null: bool,
    needs_quotes: bool,
    cells: Box<dyn Cells + 'a>,
}

/// Writes cells that are not NULL.
trait Cells {
    fn write(&mut self, row: usize, style: Style, out: &mut Vec<u8>);
}

impl<'a> Column<'a> {
    /// The cells of `array`, of type `ty`.
    pub(super) fn new(array: &'a dyn Array, ty: &SqlType) -> Result<Self> {
        Ok(Self {
            nulls: array.nulls(),
            all_null: *ty == SqlType::Null,
            needs_quotes: matches!(ty, SqlType::Varchar | SqlType::Blob | SqlType::List(_) | SqlType::Array(..)),
            cells: cells(array, ty)?,
        })
    }

    /// Whether the text can hold anything else than letters, digits, blanks and `-+.:`, or be empty.
    pub(super) fn needs_quotes(&self) -> bool {
        self.needs_quotes
    }

    pub(super) fn is_null(&self, row: usize) -> bool {
        self.all_null || self.nulls.is_some_and(|nulls| nulls.is_null(row))
    }

    /// Writes a cell that is not NULL.
    pub(super) fn write(&mut self, row: usize, style: Style, out: &mut Vec<u8>) {
        self.cells.write(row, style, out);
    }

    fn write_or_null(&mut self, row: usize, style: Style, out: &mut Vec<u8>) {
        match style {
            _ if !self.is_null(row) => self.write(row, style, out),
            Style::Json => out.extend_from_slice(b"null"),
            Style::Csv | Style::Short => out.extend_from_slice(b"NULL"),
        }
    }
}

fn cells<'a>(array: &'a dyn Array, ty: &SqlType) -> Result<Box<dyn Cells + 'a>> {
    if *array.data_type() != ty.to_arrow() && !matches!(ty, SqlType::List(_) | SqlType::Array(..)) {
        return Err(Error::new(
            ErrorKind::Internal,
            format!("a column of type {ty} is held as Arrow {}", array.data_type()),
        ));
    }
    Ok(match ty {
        SqlType::Null => Box::new(Never),
        SqlType::Boolean => Box::new(Booleans(array.as_boolean())),
        SqlType::TinyInt => integers::<Int8Type>(array),
        SqlType::SmallInt => integers::<Int16Type>(array),
        SqlType::Integer => integers::<Int32Type>(array),
        SqlType::BigInt => integers::<Int64Type>(array),
        SqlType::UTinyInt => integers::<UInt8Type>(array),
        SqlType::USmallInt => integers::<UInt16Type>(array),
        SqlType::UInteger => integers::<UInt32Type>(array),
        SqlType::UBigInt => integers::<UInt64Type>(array),
        SqlType::HugeInt => Box::new(Decimals(values::<Decimal128Type>(array), 0)),
        SqlType::Decimal(_, scale) => Box::new(Decimals(values::<Decimal128Type>(array), *scale)),
        SqlType::Float => Box::new(Floats(values::<Float32Type>(array), Memo::default())),
        SqlType::Double => Box::new(Floats(values::<Float64Type>(array), Memo::default())),
        SqlType::Varchar => Box::new(Texts(array.as_string())),
        SqlType::Blob => Box::new(Blobs(array.as_binary())),
        SqlType::Date => Box::new(Dates(values::<Date32Type>(array))),
        SqlType::Time => Box::new(Times(values::<Time64MicrosecondType>(array))),
        SqlType::Timestamp(Calendar::ProlepticGregorian) => {
            timestamps(values::<TimestampMicrosecondType>(array), Calendar::ProlepticGregorian)
        }
        SqlType::Timestamp(calendar) => timestamps(values::<Int64Type>(array), *calendar),
        SqlType::Interval => Box::new(Intervals(values::<IntervalMonthDayNanoType>(array))),
        SqlType::List(item) => {
            let list: &ListArray = array.as_list();
            Box::new(Lists(Rows::Offsets(list.value_offsets()), Column::new(list.values().as_ref(), item)?))
        }
        SqlType::Array(item, len) => {
            let list: &FixedSizeListArray = array.as_fixed_size_list();
            Box::new(Lists(Rows::Fixed(*len), Column::new(list.values().as_ref(), item)?))
        }
    })
}

fn values<T: ArrowPrimitiveType>(array: &dyn Array) -> &[T::Native] {
    let array: &PrimitiveArray<T> = array.as_primitive();
    array.values()
}

fn integers<'a, T: ArrowPrimitiveType<Native: itoa::Integer>>(array: &'a dyn Array) -> Box<dyn Cells + 'a> {
    Box::new(Integers(values::<T>(array)))
}

fn timestamps(micros: &[i64], calendar: Calendar) -> Box<dyn Cells + '_> {
    Box::new(Timestamps(micros, calendar, Memo::default()))
}

/// The text written last: along the slow dimensions of a grid the same coordinate comes many times in a row.
#[derive(Default)]
struct Memo {
    key: Option<u64>,
    text: Vec<u8>,
}

impl Memo {
    fn write(&mut self, key: u64, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        if self.key != Some(key) {
            self.text.clear();
            write(&mut self.text);
            self.key = Some(key);
        }
        out.extend_from_slice(&self.text);
    }
}

struct Never;

impl Cells for Never {
    fn write(&mut self, _: usize, _: Style, _: &mut Vec<u8>) {}
}

struct Booleans<'a>(&'a BooleanArray);

impl Cells for Booleans<'_> {
    fn write(&mut self, row: usize, _: Style, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.0.value(row) { b"true" } else { b"false" });
    }
}

struct Integers<'a, T>(&'a [T]);

impl<T: itoa::Integer + Copy> Cells for Integers<'_, T> {
    fn write(&mut self, row: usize, _: Style, out: &mut Vec<u8>) {
        numbers::write_integer(self.0[row], out);
    }
}

struct Decimals<'a>(&'a [i128], u8);

impl Cells for Decimals<'_> {
    fn write(&mut self, row: usize, _: Style, out: &mut Vec<u8>) {
        numbers::write_decimal(self.0[row], self.1, out);
    }
}

struct Floats<'a, T>(&'a [T], Memo);

impl<T: numbers::Float> Cells for Floats<'_, T> {
    fn write(&mut self, row: usize, style: Style, out: &mut Vec<u8>) {
        let value = self.0[row];
        self.1.write(value.bits(), out, |out| numbers::write_float(value, style, out));
    }
}

struct Texts<'a>(&'a StringArray);

impl Cells for Texts<'_> {
    fn write(&mut self, row: usize, style: Style, out: &mut Vec<u8>) {
        let text = self.0.value(row);
        match style {
            Style::Json => write_json_text(text, out),
            Style::Csv | Style::Short => out.extend_from_slice(text.as_bytes()),
        }
    }
}

struct Blobs<'a>(&'a BinaryArray);

impl Cells for Blobs<'_> {
    fn write(&mut self, row: usize, style: Style, out: &mut Vec<u8>) {
        let bytes = self.0.value(row);
        // People read shapes; files get what a BLOB is in SQL.
        let shape = if style == Style::Short { shape_text(bytes) } else { None };
        let text = shape.unwrap_or_else(|| blob_text(bytes));
        match style {
            Style::Json => write_json_text(&text, out),
            Style::Csv | Style::Short => out.extend_from_slice(text.as_bytes()),
        }
    }
}

fn blob_text(bytes: &[u8]) -> String {
    let letter = |b: &u8| match b {
        b'\\' | b'"' | b'\'' => format!("\\x{b:02X}"),
        0x20..=0x7e => char::from(*b).to_string(),
        _ => format!("\\x{b:02X}"),
    };
    bytes.iter().map(letter).collect()
}

struct Dates<'a>(&'a [i32]);

impl Cells for Dates<'_> {
    fn write(&mut self, row: usize, style: Style, out: &mut Vec<u8>) {
        let days = i64::from(self.0[row]);
        in_quotes(style, out, |out| moments::write_date(days, Calendar::ProlepticGregorian, out));
    }
}

struct Times<'a>(&'a [i64]);

impl Cells for Times<'_> {
    fn write(&mut self, row: usize, style: Style, out: &mut Vec<u8>) {
        in_quotes(style, out, |out| moments::write_time(self.0[row], out));
    }
}

struct Timestamps<'a>(&'a [i64], Calendar, Memo);

impl Cells for Timestamps<'_> {
    fn write(&mut self, row: usize, style: Style, out: &mut Vec<u8>) {
        let (micros, calendar) = (self.0[row], self.1);
        let write = |out: &mut Vec<u8>| moments::write_timestamp(micros, calendar, out);
        self.2.write(micros as u64, out, |out| in_quotes(style, out, write));
    }
}

struct Intervals<'a>(&'a [IntervalMonthDayNano]);

impl Cells for Intervals<'_> {
    fn write(&mut self, row: usize, style: Style, out: &mut Vec<u8>) {
        let IntervalMonthDayNano { months, days, nanoseconds } = self.0[row];
        in_quotes(style, out, |out| moments::write_interval(months, days, nanoseconds / 1000, out));
    }
}

/// Lists, by where the items of a row stand among all items.
struct Lists<'a>(Rows<'a>, Column<'a>);

enum Rows<'a> {
    Offsets(&'a [i32]),
    Fixed(usize),
}

impl Cells for Lists<'_> {
    fn write(&mut self, row: usize, style: Style, out: &mut Vec<u8>) {
        let items = match self.0 {
            Rows::Offsets(offsets) => offsets[row] as usize..offsets[row + 1] as usize,
            Rows::Fixed(len) => row * len..(row + 1) * len,
        };
        out.push(b'[');
        for (i, item) in items.enumerate() {
            out.extend_from_slice(if i == 0 { b"" } else { b", " });
            self.1.write_or_null(item, style, out);
        }
        out.push(b']');
    }
}

fn in_quotes(style: Style, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    match style {
        Style::Json => {
            out.push(b'"');
            write(out);
            out.push(b'"');
        }
        Style::Csv | Style::Short => write(out),
    }
}

/// Writes a text in quotes, with JSON's escapes.
pub(super) fn write_json_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => write!(out, "\\u{byte:04x}").expect("a Vec takes all bytes"),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
