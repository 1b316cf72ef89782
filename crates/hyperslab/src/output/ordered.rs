//! Formats rows on several threads and writes them in order.
//!
//! The threads are not those of the execution: a thread of the execution that waits for its rows to be taken must
//! not be needed to format them.

use crate::{Error, ErrorKind, Query, Result};
use arrow::record_batch::RecordBatch;
use rayon::prelude::*;
use std::io::Write;

/// The rows that one thread formats at a time.
const PIECE_ROWS: usize = 8192;

/// Writes `header`, then what `format` makes of the rows, in order; the number of rows is returned.
pub(super) fn write(
    query: &mut Query,
    out: &mut dyn Write,
    header: &[u8],
    format: impl Fn(&RecordBatch) -> Result<Vec<u8>> + Sync,
) -> Result<u64> {
    let mut threads = None;
    let mut rows = 0;
    let mut header = Some(header);
    loop {
        let pieces = next_pieces(query)?;
        if let Some(header) = header.take() {
            out.write_all(header).map_err(|e| Error::writing(&e))?;
        }
        let texts: Vec<Result<Vec<u8>>> = match &pieces[..] {
            [] => return Ok(rows),
            [one] => vec![format(one)],
            many => in_parallel(&mut threads, query.threads())?.install(|| many.par_iter().map(&format).collect()),
        };
        for text in texts {
            out.write_all(&text?).map_err(|e| Error::writing(&e))?;
        }
        rows += pieces.iter().map(|piece| piece.num_rows() as u64).sum::<u64>();
    }
}

/// At least one piece if there are rows left, and more as far as they are ready, for all threads.
fn next_pieces(query: &mut Query) -> Result<Vec<RecordBatch>> {
    let mut pieces = Vec::new();
    let mut next = query.next().transpose()?;
    while let Some(batch) = next {
        for start in (0..batch.num_rows()).step_by(PIECE_ROWS) {
            pieces.push(batch.slice(start, PIECE_ROWS.min(batch.num_rows() - start)));
        }
        let enough = pieces.len() >= 2 * query.threads();
        next = match pieces.is_empty() {
            true => query.next().transpose()?,
            false if enough => None,
            false => query.next_ready().transpose()?,
        };
    }
    Ok(pieces)
}

/// The threads that format, started when there is work for several.
pub(super) fn in_parallel(pool: &mut Option<rayon::ThreadPool>, threads: usize) -> Result<&rayon::ThreadPool> {
    let failed = |e| Error::new(ErrorKind::Internal, format!("threads cannot be started: {e}"));
    if pool.is_none() {
        let named = rayon::ThreadPoolBuilder::new().thread_name(|n| format!("format {n}"));
        *pool = Some(named.num_threads(threads).build().map_err(failed)?);
    }
    pool.as_ref().ok_or_else(|| Error::new(ErrorKind::Internal, "threads were not started"))
}
