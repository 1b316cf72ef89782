//! Results as tables for people: names, types and units above, numbers to the right, long and wide results shortened.
//!
//! Holds the first and the last rows only, however many there are. Knows no files and no queries.

use crate::layout::{Alignment, Cell, Layout, Line};
use hyperslab::arrow::datatypes::Schema;
use hyperslab::arrow::record_batch::RecordBatch;
use hyperslab::output::{CellTexts, column_types};
use hyperslab::{Result, SqlType, count};
use std::collections::VecDeque;

/// Results with at most so many rows are shown whole.
const WHOLE: usize = 40;
/// Of longer ones, so many rows at the beginning and at the end.
const FIRST: usize = 20;
const LAST: usize = 10;

/// For whom a table is drawn.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look {
    /// The columns of characters that a line may take; any number if absent.
    pub(crate) width: Option<usize>,
    /// Whether colours may be used.
    pub(crate) colour: bool,
}

/// The rows of a result that will be shown.
pub(crate) struct Table {
    names: Vec<String>,
    types: Vec<SqlType>,
    units: Vec<Option<String>>,
    first: Vec<Vec<Option<String>>>,
    last: VecDeque<Vec<Option<String>>>,
    rows: u64,
}

impl Table {
    /// A table without rows yet.
    pub(crate) fn new(schema: &Schema) -> Result<Self> {
        let fields = schema.fields();
        Ok(Self {
            names: fields.iter().map(|field| field.name().clone()).collect(),
            types: column_types(schema)?,
            units: fields.iter().map(|field| field.metadata().get("units").cloned()).collect(),
            first: Vec::new(),
            last: VecDeque::new(),
            rows: 0,
        })
    }

    /// Takes the next rows.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = batch.num_rows();
        let room = (WHOLE - self.first.len()).min(rows);
        let mut texts = CellTexts::new(batch)?;
        let columns = self.names.len();
        let mut row = |row| (0..columns).map(|column| texts.text(row, column)).collect::<Vec<_>>();
        self.first.extend((0..room).map(&mut row));
        for at in room.max(rows.saturating_sub(LAST))..rows {
            self.last.push_back(row(at));
        }
        self.last.drain(..self.last.len().saturating_sub(LAST));
        self.rows += rows as u64;
        Ok(())
    }

    /// Draws the table and says how many rows there are.
    pub(crate) fn draw(mut self, look: Look) -> String {
        let shown = self.rows.min(WHOLE as u64);
        let (lines, shown) = if self.rows > WHOLE as u64 {
            let mut last: Vec<_> = self.first.split_off(FIRST);
            last.extend(self.last.drain(..));
            last.drain(..last.len().saturating_sub(LAST));
            (self.lines(&self.first, Some(&last)), (FIRST + LAST) as u64)
        } else {
            (self.lines(&self.first, None), shown)
        };
        let alignments = self.types.iter().map(alignment).collect();
        let layout = Layout::new(alignments, lines, look.width);
        let mut text = layout.draw(look.colour);
        text.push_str(&self.footer(shown, layout.columns_shown()));
        text
    }

    fn lines(&self, first: &[Vec<Option<String>>], last: Option<&[Vec<Option<String>>]>) -> Vec<Line> {
        let cell = |text: &Option<String>| text.as_ref().map_or(Cell::null(), |text| Cell::plain(text));
        let row = |row: &Vec<Option<String>>| Line::Row(row.iter().map(cell).collect());
        let mut lines = vec![Line::Row(self.names.iter().map(|name| Cell::heading(name)).collect())];
        lines.push(Line::Row(self.types.iter().map(|ty| Cell::faint(&ty.to_string())).collect()));
        if self.units.iter().any(Option::is_some) {
            lines.push(Line::Row(self.units.iter().map(|unit| Cell::faint(unit.as_deref().unwrap_or(""))).collect()));
        }
        lines.push(Line::Rule);
        lines.extend(first.iter().map(row));
        if let Some(last) = last {
            lines.push(Line::Row(self.names.iter().map(|_| Cell::faint("⋮")).collect()));
            lines.extend(last.iter().map(row));
        }
        lines
    }

    fn footer(&self, rows_shown: u64, columns_shown: usize) -> String {
        let mut parts = vec![format!("{} row{}", count(self.rows), if self.rows == 1 { "" } else { "s" })];
        if rows_shown < self.rows {
            parts.push(format!("{rows_shown} shown"));
        }
        if columns_shown < self.names.len() {
            parts.push(format!("{columns_shown} of {} columns shown", self.names.len()));
        }
        format!("({})\n", parts.join(", "))
    }
}

fn alignment(ty: &SqlType) -> Alignment {
    if ty.is_numeric() { Alignment::Right } else { Alignment::Left }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab::arrow::array::{ArrayRef, Float32Array, Int64Array, StringArray};
    use hyperslab::arrow::datatypes::{DataType, Field};
    use std::sync::Arc;

    fn batch(range: std::ops::Range<i64>) -> RecordBatch {
        let units = std::collections::HashMap::from([("units".to_string(), "degrees_north".to_string())]);
        let fields = vec![
            Field::new("n", DataType::Int64, true),
            Field::new("lat", DataType::Float32, true).with_metadata(units),
            Field::new("name", DataType::Utf8, true),
        ];
        let lat = range.clone().map(|n| (n != 1).then_some(n as f32 / 3.0)).collect::<Float32Array>();
        let name = range.clone().map(|n| Some(format!("row {n}"))).collect::<StringArray>();
        let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from_iter_values(range)), Arc::new(lat), Arc::new(name)];
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("the columns have their types")
    }

    fn drawn(batches: &[RecordBatch]) -> String {
        let mut table = Table::new(&batch(0..0).schema()).expect("the types are SQL's");
        batches.iter().for_each(|batch| table.add(batch).expect("the types are SQL's"));
        table.draw(Look::default())
    }

    #[test]
    fn names_types_and_units_stand_above_the_rows() {
        let wanted = "
     n │           lat │ name
BIGINT │         FLOAT │ VARCHAR
       │ degrees_north │
───────┼───────────────┼────────
     0 │           0.0 │ row 0
     1 │          NULL │ row 1
     2 │     0.6666667 │ row 2
(3 rows)
";
        assert_eq!(drawn(&[batch(0..3)]), &wanted[1..]);
    }

    #[test]
    fn no_rows_and_one_row_are_counted_in_words() {
        assert!(drawn(&[]).ends_with("(0 rows)\n"));
        assert!(drawn(&[batch(0..1)]).ends_with("(1 row)\n"));
    }

    #[test]
    fn long_results_keep_their_first_and_last_rows() {
        for cuts in
            [vec![0..40, 40..5000], vec![0..39, 39..41, 41..5000], (0..5000).map(|n| n..n + 1).collect::<Vec<_>>()]
        {
            let batches: Vec<_> = cuts.into_iter().map(batch).collect();
            let text = drawn(&batches);
            let rows: Vec<&str> =
                text.lines().skip(4).filter_map(|line| line.split(' ').find(|w| !w.is_empty())).collect();
            let mut wanted: Vec<String> = (0..20).map(|n: u32| n.to_string()).collect();
            wanted.push("⋮".to_string());
            wanted.extend((4990..5000).map(|n: u32| n.to_string()));
            wanted.push("(5,000".to_string());
            assert_eq!(rows, wanted);
            assert!(text.ends_with("(5,000 rows, 30 shown)\n"), "{text}");
        }
    }

    #[test]
    fn results_a_little_longer_than_whole_ones_repeat_no_row() {
        let text = drawn(&[batch(0..41)]);
        assert!(text.contains("row 19\n") && !text.contains("row 20\n") && !text.contains("row 30\n"));
        assert!(text.contains("row 31\n") && text.contains("row 40\n"));
        assert!(drawn(&[batch(0..40)]).contains("row 25\n"));
    }
}
