//! JSON: an object a row, in one array or one a line.
//!
//! NULL, NaN and infinities are `null`; columns of the same name get `_1`, `_2` at the end.

use super::cells::{Style, write_json_text};
use super::{columns_of, ordered};
use crate::{Error, Query, Result};
use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use std::collections::HashSet;
use std::io::Write;

/// How the objects stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonLayout {
    /// One array of all objects.
    Array,
    /// An object a line (JSON lines).
    Lines,
}

/// Writes the rows of a query as JSON; the number of rows is returned.
///
/// # Errors
/// Of the query, or if `out` takes no more ([`crate::ErrorKind::Io`]).
pub fn write_json(query: &mut Query, layout: JsonLayout, out: &mut dyn Write) -> Result<u64> {
    let names = names(&query.schema());
    let rows = move |batch: &RecordBatch| json_rows(batch, &names, layout);
    match layout {
        JsonLayout::Lines => ordered::write(query, out, b"", rows),
        JsonLayout::Array => {
            let count = ordered::write(query, &mut WithoutFirstComma { out, begun: false }, b"[", rows)?;
            out.write_all(if count == 0 { b"]\n" } else { b"\n]\n" }).map_err(|e| Error::writing(&e))?;
            Ok(count)
        }
    }
}

/// The names of the columns as keys with their colon.
fn names(schema: &Schema) -> Vec<Vec<u8>> {
    let mut taken = HashSet::new();
    let mut key = |name: &String| {
        let numbered = (1..).map(|n| format!("{name}_{n}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| taken.insert(name.clone()));
        let mut text = Vec::new();
        write_json_text(&free.unwrap_or_default(), &mut text);
        text.push(b':');
        text
    };
    schema.fields().iter().map(|field| key(field.name())).collect()
}

/// The rows of a batch; in an array each with a comma and a line feed before it.
fn json_rows(batch: &RecordBatch, names: &[Vec<u8>], layout: JsonLayout) -> Result<Vec<u8>> {
    let mut columns = columns_of(batch)?;
    let mut out = Vec::new();
    for row in 0..batch.num_rows() {
        out.extend_from_slice(if layout == JsonLayout::Array { b",\n{" } else { b"{" });
        for (i, (column, name)) in columns.iter_mut().zip(names).enumerate() {
            if i > 0 {
                out.push(b',');
            }
            out.extend_from_slice(name);
            if column.is_null(row) {
                out.extend_from_slice(b"null");
            } else {
                column.write(row, Style::Json, &mut out);
            }
        }
        out.extend_from_slice(if layout == JsonLayout::Array { b"}" } else { b"}\n" });
    }
    Ok(out)
}

/// Passes on all but the comma before the first object. That comma begins a write, after the one of `[`.
struct WithoutFirstComma<'a> {
    out: &'a mut dyn Write,
    begun: bool,
}

impl Write for WithoutFirstComma<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if !self.begun && bytes.first() == Some(&b',') {
            self.begun = true;
            return Ok(1);
        }
        self.out.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::samples;
    use serde_json::Value;

    fn lines(batch: &RecordBatch) -> Vec<Value> {
        let rows = json_rows(batch, &names(batch.schema_ref()), JsonLayout::Lines).expect("all are SQL types");
        let text = String::from_utf8(rows).expect("JSON is text");
        text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }

    #[test]
    fn every_type_is_valid_json() {
        let rows = lines(&samples::every_type());
        assert_eq!(rows[0]["float"], serde_json::json!(0.1));
        assert_eq!(rows[0]["text"], "a \"quoted\", text\n\u{1}é");
        assert_eq!(rows[0]["time_360"], "2001-02-30 06:00:00");
        assert_eq!(rows[0]["list"], serde_json::json!([1.5, null]));
        assert_eq!(rows[1]["double"], Value::Null);
        assert!(rows[2].as_object().is_some_and(|row| row.values().all(Value::is_null)));
    }

    #[test]
    fn an_array_has_commas_between_objects_only() {
        let mut written = Vec::new();
        let mut out = WithoutFirstComma { out: &mut written, begun: false };
        for text in ["[", ",\n{}", ",\n{}"] {
            out.write_all(text.as_bytes()).expect("a Vec takes all bytes");
        }
        assert_eq!(written, b"[\n{},\n{}");
    }

    #[test]
    fn names_are_unique() {
        let field = |name| arrow::datatypes::Field::new(name, arrow::datatypes::DataType::Null, true);
        let keys = names(&Schema::new(vec![field("a"), field("a"), field("a_1"), field("a")]));
        assert_eq!(keys, [&b"\"a\":"[..], b"\"a_1\":", b"\"a_1_1\":", b"\"a_2\":"]);
    }
}
