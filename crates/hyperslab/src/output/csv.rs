//! CSV as RFC 4180 has it, with line feeds: a header, commas, quotes only where needed.
//!
//! NULL is an empty field, an empty text is `""`.

use super::cells::Style;
use super::{columns_of, ordered};
use crate::{Query, Result};
use arrow::record_batch::RecordBatch;
use std::io::Write;

/// Writes the rows of a query as CSV, with a header; the number of rows is returned.
///
/// # Errors
/// Of the query, or if `out` takes no more ([`crate::ErrorKind::Io`]).
pub fn write_csv(query: &mut Query, out: &mut dyn Write) -> Result<u64> {
    let mut header = Vec::new();
    for (i, field) in query.schema().fields().iter().enumerate() {
        header.extend_from_slice(if i == 0 { b"" } else { b"," });
        let start = header.len();
        header.extend_from_slice(field.name().as_bytes());
        quote_where_needed(start, &mut header);
    }
    header.push(b'\n');
    ordered::write(query, out, &header, csv_rows)
}

/// The rows of a batch, each with its line feed.
fn csv_rows(batch: &RecordBatch) -> Result<Vec<u8>> {
    let mut columns = columns_of(batch)?;
    let mut out = Vec::with_capacity(batch.num_rows() * columns.len() * 12);
    for row in 0..batch.num_rows() {
        for (i, column) in columns.iter_mut().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            if column.is_null(row) {
                continue;
            }
            let start = out.len();
            column.write(row, Style::Csv, &mut out);
            if column.needs_quotes() {
                quote_where_needed(start, &mut out);
            }
        }
        out.push(b'\n');
    }
    Ok(out)
}

/// Puts the field that begins at `start` in quotes if it is empty or holds what ends a field.
fn quote_where_needed(start: usize, out: &mut Vec<u8>) {
    let field = &out[start..];
    if !field.is_empty() && !field.iter().any(|b| matches!(b, b',' | b'"' | b'\n' | b'\r')) {
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
            String::from_utf8(csv_rows(&samples::every_type()).expect("all are SQL types")).expect("CSV is text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines, samples::CSV);
    }

    #[test]
    fn fields_are_quoted_only_where_needed() {
        let quoted = |text: &str| {
            let mut out = text.as_bytes().to_vec();
            quote_where_needed(0, &mut out);
            String::from_utf8(out).expect("UTF-8 stays UTF-8")
        };
        assert_eq!(quoted("plain text é"), "plain text é");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"hi\""), "\"say \"\"hi\"\"\"");
        assert_eq!(quoted("two\nlines"), "\"two\nlines\"");
        assert_eq!(quoted(""), "\"\"");
    }
}
