//! Parquet: times as timestamps of microseconds, attributes of columns as metadata of their fields.
//!
//! Row groups are cut by the number of rows alone where rows are of common size, so that the file does not depend on how
//! the rows came.

use super::ordered::in_parallel;
use crate::session::from_exec;
use crate::{Error, ErrorKind, Query, Result};
use arrow::record_batch::RecordBatch;
use hyperslab_exec::array_bytes;
use hyperslab_storage::tables::{Compression, ParquetWriter};
use std::io::Write;

/// Wide rows make a row group before there are as many as the layout says.
const MAX_GROUP_BYTES: usize = 64 << 20;

/// How rows are laid out as Parquet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParquetLayout {
    /// How pages are compressed.
    pub compression: Compression,
    /// How many rows a row group has at most.
    pub row_group_rows: usize,
}

/// Writes the rows of a query as Parquet; the number of rows is returned.
///
/// # Errors
/// Of the query, of a column of type INTERVAL, or if `out` takes no more ([`ErrorKind::Io`]).
pub fn write_parquet(query: &mut Query, layout: ParquetLayout, out: &mut (dyn Write + Send)) -> Result<u64> {
    let mut writer = ParquetWriter::new(out, &query.schema(), layout.compression).map_err(writing)?;
    let (mut threads, mut rows) = (None, 0);
    let mut waiting = Waiting::default();
    let mut memory = query.reserve("writing Parquet")?;
    loop {
        let next = query.next().transpose()?;
        let is_last = next.is_none();
        waiting.push(next);
        // The rows, and once more for what is made of them.
        memory.resize(2 * waiting.bytes).map_err(|error| from_exec(error, None))?;
        while let Some(group) = waiting.group(layout.row_group_rows, is_last) {
            let encoder = writer.encoder().map_err(writing)?;
            let encoded = in_parallel(&mut threads, query.threads())?.install(|| encoder.encode(&group));
            writer.append(encoded.map_err(writing)?).map_err(writing)?;
            rows += group.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
        }
        if is_last {
            writer.finish().map_err(writing)?;
            return Ok(rows);
        }
    }
}

/// Rows that are not yet a row group.
#[derive(Default)]
struct Waiting {
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

impl Waiting {
    fn push(&mut self, batch: Option<RecordBatch>) {
        if let Some(batch) = batch.filter(|batch| batch.num_rows() > 0) {
            self.rows += batch.num_rows();
            self.bytes += batch.columns().iter().map(array_bytes).sum::<usize>();
            self.batches.push(batch);
        }
    }

    /// A row group, if there are enough rows for one, or if there will be no more.
    fn group(&mut self, most: usize, is_last: bool) -> Option<Vec<RecordBatch>> {
        let is_full = self.rows >= most || self.bytes >= MAX_GROUP_BYTES;
        if self.rows == 0 || !(is_full || is_last) {
            return None;
        }
        let mut group = std::mem::take(&mut self.batches);
        let surplus = self.rows.saturating_sub(most);
        (self.rows, self.bytes) = (0, 0);
        if let Some(rest) = cut(&mut group, surplus) {
            rest.into_iter().for_each(|batch| self.push(Some(batch)));
        }
        Some(group)
    }
}

/// Takes so many rows off the end.
fn cut(batches: &mut Vec<RecordBatch>, mut surplus: usize) -> Option<Vec<RecordBatch>> {
    let mut rest = Vec::new();
    while surplus > 0 {
        let last = batches.pop()?;
        let kept = last.num_rows().saturating_sub(surplus);
        surplus -= last.num_rows() - kept;
        rest.push(last.slice(kept, last.num_rows() - kept));
        if kept > 0 {
            batches.push(last.slice(0, kept));
        }
    }
    rest.reverse();
    Some(rest)
}

fn writing(error: hyperslab_storage::Error) -> Error {
    match error.kind {
        hyperslab_storage::ErrorKind::Io => {
            Error::new(ErrorKind::Io, format!("cannot write the result: {}", error.message))
        }
        _ => {
            let column = error.variable.map_or_else(String::new, |name| format!("column {name}: "));
            let told = Error::new(ErrorKind::Type, format!("{column}{}", error.message));
            error.hint.into_iter().fold(told, Error::with_hint)
        }
    }
}
