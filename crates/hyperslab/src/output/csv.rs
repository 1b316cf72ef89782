//! CSV as RFC 4180 has it, with line feeds: a header and commas unless said, quotes only where needed.
//!
//! NULL is an empty field, an empty text is `""`.

use super::cells::Style;
use super::{columns_of, ordered};
use crate::{Query, Result};
use arrow::record_batch::RecordBatch;
use std::io::Write;

/// How rows are laid out as CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvLayout {
    /// Whether the first row is the names of the columns.
    pub header: bool,
    /// What stands between fields: an ASCII character that is no quote and no line end.
    pub delimiter: u8,
}

impl Default for CsvLayout {
    fn default() -> Self {
        Self { header: true, delimiter: b',' }
    }
}

/// Writes the rows of a query as CSV, with a header; the number of rows is returned.
///
/// # Errors
/// Of the query, or if `out` takes no more ([`crate::ErrorKind::Io`]).
pub fn write_csv(query: &mut Query, out: &mut dyn Write) -> Result<u64> {
    write_csv_as(query, CsvLayout::default(), out)
}

/// Likewise, with a layout of its own.
///
/// # Errors
/// As [`write_csv`].
pub fn write_csv_as(query: &mut Query, layout: CsvLayout, out: &mut dyn Write) -> Result<u64> {
    let header = if layout.header { header(query, layout.delimiter) } else { Vec::new() };
    ordered::write(query, out, &header, |batch| csv_rows(batch, layout.delimiter))
}

fn header(query: &Query, delimiter: u8) -> Vec<u8> {
    let mut header = Vec::new();
    for (i, field) in query.schema().fields().iter().enumerate() {
        if i > 0 {
            header.push(delimiter);
        }
        let start = header.len();
        header.extend_from_slice(field.name().as_bytes());
        quote_where_needed(start, delimiter, &mut header);
    }
    header.push(b'\n');
    header
}

/// The rows of a batch, each with its line feed.
fn csv_rows(batch: &RecordBatch, delimiter: u8) -> Result<Vec<u8>> {
    let mut columns = columns_of(batch)?;
    let mut out = Vec::with_capacity(batch.num_rows() * columns.len() * 12);
    for row in 0..batch.num_rows() {
        for (i, column) in columns.iter_mut().enumerate() {
            if i > 0 {
                out.push(delimiter);
            }
            if column.is_null(row) {
                continue;
            }
            let start = out.len();
            column.write(row, Style::Csv, &mut out);
            // Numbers and times hold no comma, but perhaps another delimiter.
            if column.needs_quotes() || delimiter != b',' {
                quote_where_needed(start, delimiter, &mut out);
            }
        }
        out.push(b'\n');
    }
    Ok(out)
}

/// Puts the field that begins at `start` in quotes if it is empty or holds what ends a field.
fn quote_where_needed(start: usize, delimiter: u8, out: &mut Vec<u8>) {
    let field = &out[start..];
    if !field.is_empty() && !field.iter().any(|b| *b == delimiter || matches!(b, b'"' | b'\n' | b'\r')) {
        return;
    }
    let field = out.split_off(start);
    out.push(b'"');
    for byte in field {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::samples;

    #[test]
    fn every_type_is_written_exactly() {
        let text =
            String::from_utf8(csv_rows(&samples::every_type(), b',').expect("all are SQL types")).expect("CSV is text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines, samples::CSV);
    }

    #[test]
    fn fields_are_quoted_only_where_needed() {
        let quoted = |text: &str| {
            let mut out = text.as_bytes().to_vec();
            quote_where_needed(0, b',', &mut out);
            String::from_utf8(out).expect("UTF-8 stays UTF-8")
        };
        assert_eq!(quoted("plain text é"), "plain text é");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"hi\""), "\"say \"\"hi\"\"\"");
        assert_eq!(quoted("two\nlines"), "\"two\nlines\"");
        assert_eq!(quoted(""), "\"\"");
    }
}
