//! Results kept until they are asked for: in memory as long as they take no more than a quarter of it, then on disk.

use super::file::{Segment, SpillFile};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::memory::Reservation;
use crate::metrics::Operator;
use crate::rows::BATCH_ROWS;
use crate::rows::stored::joined;
use crate::source::{Batch, Sink, Source, SourceColumn, array_bytes, rows_of_batch};
use std::sync::Arc;

/// Rows in order. How a partition is cut into batches does not depend on the pieces that it came in.
pub(crate) struct Kept {
    context: Context,
    operator: Arc<Operator>,
    columns: Vec<SourceColumn>,
    partitions: Vec<Vec<Item>>,
    memory: Reservation,
    file: Option<Arc<SpillFile>>,
    /// The last rows of the open partition, fewer than a batch.
    rest: Option<Batch>,
}

enum Item {
    Held(Batch),
    Written(Segment),
}

impl Kept {
    /// No rows yet; `what` is what memory is reserved for.
    pub(crate) fn new(
        context: &Context,
        operator: &Arc<Operator>,
        columns: Vec<SourceColumn>,
        what: &'static str,
    ) -> Result<Self> {
        let memory = context.memory().reserve(0, what)?.counted_by(operator);
        let (context, operator) = (context.clone(), operator.clone());
        Ok(Self { context, operator, columns, partitions: Vec::new(), memory, file: None, rest: None })
    }

    /// Begins a partition, behind those there are.
    ///
    /// # Errors
    /// As for [`Self::push`].
    pub(crate) fn begin(&mut self) -> Result<()> {
        self.close()?;
        self.partitions.push(Vec::new());
        Ok(())
    }

    /// Adds rows to the partition that was begun last.
    ///
    /// # Errors
    /// If they do not fit, and cannot be written either.
    pub(crate) fn push(&mut self, rows: Batch) -> Result<()> {
        let rows = match self.rest.take() {
            Some(rest) => joined(&[rest, rows])?,
            None => rows,
        };
        let (mut start, mut whole) = (0, Vec::new());
        let rest = loop {
            let left = rows.rows - start;
            let cut = rows_of_batch(&rows.columns, start, left.min(BATCH_ROWS));
            if cut == left && cut < BATCH_ROWS {
                break rows.slice(start, left);
            }
            let batch = rows.slice(start, cut);
            // Few long rows are on their own: they must not hold the others.
            whole.push(if cut < BATCH_ROWS { batch.copied()? } else { batch });
            start += cut;
        };
        self.keep(whole)?;
        self.rest = if rest.rows == 0 { None } else { Some(rest.copied()?) };
        Ok(())
    }

    /// Ends the last partition: all rows are there.
    ///
    /// # Errors
    /// As for [`Self::push`].
    pub(crate) fn close(&mut self) -> Result<()> {
        self.rest.take().map_or(Ok(()), |rest| self.keep(vec![rest]))
    }

    /// How many batches the rows of the first partition are.
    pub(crate) fn batches(&self) -> usize {
        self.partitions.first().map_or(0, Vec::len)
    }

    /// A batch of the first partition.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn batch(&self, at: usize) -> Result<Batch> {
        self.read(&self.partitions[0][at])
    }

    /// The bytes of each of the first columns in memory; nothing if some rows are on disk.
    pub(crate) fn held_bytes(&self, columns: usize) -> Option<Vec<usize>> {
        let mut bytes = vec![0; columns];
        for item in self.partitions.iter().flatten() {
            let Item::Held(batch) = item else { return None };
            bytes.iter_mut().zip(&batch.columns).for_each(|(bytes, column)| *bytes += array_bytes(column));
        }
        Some(bytes)
    }

    /// The rows in memory, and what is reserved for them.
    pub(crate) fn into_held(self) -> (Vec<Batch>, Reservation) {
        let held = |item| match item {
            Item::Held(batch) => Some(batch),
            Item::Written(_) => None,
        };
        (self.partitions.into_iter().flatten().filter_map(held).collect(), self.memory)
    }

    fn read(&self, item: &Item) -> Result<Batch> {
        match (item, &self.file) {
            (Item::Written(segment), Some(file)) => file.read(segment),
            (Item::Held(batch), _) => Ok(batch.clone()),
            (Item::Written(_), None) => Err(Error::internal("rows on disk without a file")),
        }
    }

    fn keep(&mut self, batches: Vec<Batch>) -> Result<()> {
        let bytes = batches.iter().map(Batch::bytes).sum::<usize>();
        let has_room = self.memory.bytes() + bytes <= self.context.memory().limit() / 4;
        let is_held = has_room && self.memory.grow(bytes).is_ok();
        let mut items = Vec::with_capacity(batches.len());
        for batch in batches {
            items.push(if is_held { Item::Held(batch) } else { Item::Written(self.file()?.write(&batch)?) });
        }
        match self.partitions.last_mut() {
            Some(open) => open.extend(items),
            None => self.partitions.push(items),
        }
        Ok(())
    }

    fn file(&mut self) -> Result<Arc<SpillFile>> {
        SpillFile::on_first_use(&mut self.file, || SpillFile::create(&self.context, &self.operator, &self.columns))
    }
}

impl Source for Kept {
    fn columns(&self) -> &[SourceColumn] {
        &self.columns
    }

    fn partitions(&self) -> usize {
        self.partitions.len()
    }

    fn run(&self, partition: usize, sink: &mut Sink<'_>) -> Result<()> {
        for item in &self.partitions[partition] {
            if sink(self.read(item)?)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::testing::{self, Random};

    #[test]
    fn rows_come_back_in_order_from_memory_and_from_disk() {
        let mut random = Random(9);
        let rows = random.rows(30_000);
        let input = testing::source(&mut random, 0, &rows);
        let expected = testing::cells(&testing::context(1), input.as_ref()).unwrap();
        let operator = Arc::default();
        for limit in [1 << 30, 400_000] {
            let context = testing::with_memory(&testing::context(2), limit);
            let mut kept = Kept::new(&context, &operator, input.columns().to_vec(), "rows").unwrap();
            for partition in 0..input.partitions() {
                kept.begin().unwrap();
                input
                    .run(partition, &mut |batch| {
                        kept.push(batch)?;
                        Ok(std::ops::ControlFlow::Continue(()))
                    })
                    .unwrap();
            }
            kept.close().unwrap();
            assert!(kept.partitions.iter().flatten().any(|item| matches!(item, Item::Held(_))));
            assert!(testing::cells(&context, &kept).unwrap() == expected);
            assert_eq!(operator.spilled_bytes() > 0, limit < 1 << 20);
        }
    }
}
