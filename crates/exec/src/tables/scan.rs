//! The rows of a table.

use super::OpenTable;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::metrics::Operator;
use crate::source::{Batch, Sink, Source, SourceColumn};
use hyperslab_plan::{BoundQuery, TableScan};
use hyperslab_storage::tables::Table;
use std::sync::Arc;

/// The rows of a table, with the columns of the scan.
///
/// # Errors
/// If the table was not opened by this crate.
pub fn scan(
    scan: &TableScan,
    query: &BoundQuery,
    context: &Context,
    operator: &Arc<Operator>,
) -> Result<Box<dyn Source>> {
    let opened = query.table(scan.table).opened.as_any().downcast_ref::<OpenTable>();
    let table = opened.ok_or_else(|| Error::internal("a table of another catalog"))?.0.clone();
    let positions: Vec<usize> = scan.columns.iter().map(|(_, position)| *position).collect();
    let chunks: usize = (0..table.parts()).map(|part| table.size(part, &positions).chunks).sum();
    context.metrics().expect_chunks(chunks as u64);
    let columns = scan.columns.iter().map(|(column, _)| column.into()).collect();
    Ok(Box::new(TableRows { context: context.clone(), operator: operator.clone(), table, columns, positions }))
}

struct TableRows {
    context: Context,
    operator: Arc<Operator>,
    table: Arc<Table>,
    columns: Vec<SourceColumn>,
    /// Where the columns stand in the table.
    positions: Vec<usize>,
}

impl Source for TableRows {
    fn columns(&self) -> &[SourceColumn] {
        &self.columns
    }

    fn partitions(&self) -> usize {
        self.table.parts()
    }

    fn run(&self, partition: usize, sink: &mut Sink<'_>) -> Result<()> {
        let size = self.table.size(partition, &self.positions);
        // What a part of a file takes is known after it was read; where little may be taken, pages are expected to be small.
        let share = self.context.memory().limit() / (8 * self.context.threads().current_num_threads());
        let memory = self.context.memory().reserve(size.held.min(share), "reading a table")?;
        let _memory = memory.counted_by(&self.operator);
        for batch in self.table.read(partition, &self.positions, self.context.metrics().reads())? {
            self.context.check()?;
            let batch = batch?;
            if sink(Batch { rows: batch.num_rows(), columns: batch.columns().to_vec() })?.is_break() {
                break;
            }
        }
        self.context.metrics().chunks_done(size.chunks as u64);
        Ok(())
    }
}
