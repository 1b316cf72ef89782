//! Sorts rows that come in any order from many threads: in memory as long as they fit, else as sorted runs on disk that are
//! merged. Ties go to the lower place, so that neither threads nor memory show in the result.

use super::file::SpillFile;
use super::merge::{Merged, Run, merge};
use super::places;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::memory::Reservation;
use crate::metrics::Operator;
use crate::parallel::sort_by;
use crate::rows::sort_key::{Entry, SortOrder};
use crate::rows::stored::{Picked, Pile, Place};
use crate::source::{Batch, Source, SourceColumn};
use arrow::row::Rows;
use hyperslab_plan::SortKey;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The bytes that each row takes while it is sorted, besides its columns and its key.
const ENTRY_BYTES: usize = size_of::<Entry>() + size_of::<(u32, u32)>();

/// How long a thread waits before it looks whether the query was cancelled.
const PATIENCE: Duration = Duration::from_millis(20);

/// What is sorted, and how far it is.
pub(crate) struct Sorter<'a> {
    context: &'a Context,
    operator: &'a Arc<Operator>,
    columns: &'a [SourceColumn],
    keys: &'a [SortKey],
    order: SortOrder<'a>,
    state: Mutex<State>,
    /// A run was written.
    written: Condvar,
}

/// Rows in memory, and what is on disk.
struct State {
    parts: Vec<Part>,
    memory: Reservation,
    /// The bytes of rows that are being written.
    leaving: usize,
    runs: Vec<Run>,
    file: Option<Arc<SpillFile>>,
}

/// Rows with neighbouring places, and their keys.
struct Part {
    start: u64,
    batch: Batch,
    keys: Rows,
}

impl<'a> Sorter<'a> {
    /// A sorter of rows with these columns.
    ///
    /// # Errors
    /// If rows cannot be ordered by a key.
    pub(crate) fn new(
        context: &'a Context,
        operator: &'a Arc<Operator>,
        columns: &'a [SourceColumn],
        keys: &'a [SortKey],
    ) -> Result<Self> {
        let state = State {
            parts: Vec::new(),
            memory: context.memory().reserve(0, "sorting")?.counted_by(operator),
            leaving: 0,
            runs: Vec::new(),
            file: None,
        };
        let order = SortOrder::new(keys, columns)?;
        Ok(Self { context, operator, columns, keys, order, state: Mutex::new(state), written: Condvar::new() })
    }

    /// Adds rows, whose places are those from `start` on.
    ///
    /// # Errors
    /// If a key cannot be computed, or rows that should make room cannot be written.
    pub(crate) fn push(&self, start: u64, batch: Batch) -> Result<()> {
        let keys = self.order.keys_of(&batch)?;
        let bytes = batch.bytes() + keys.size() + batch.rows * ENTRY_BYTES;
        let mut state = self.lock();
        loop {
            if state.has_room(bytes, self.context.memory().limit()) && state.memory.grow(bytes).is_ok() {
                break;
            }
            let is_little = state.memory.bytes() < self.context.memory().limit() / 16;
            if state.leaving > 0 && is_little {
                self.context.check()?;
                state = self.written.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner).0;
            } else if state.parts.is_empty() {
                state.memory.grow(bytes)?;
                break;
            } else {
                state = self.make_room(state)?;
            }
        }
        state.parts.push(Part { start, batch, keys });
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is in memory as a run. Others add rows meanwhile.
    fn make_room<'s>(&'s self, mut state: MutexGuard<'s, State>) -> Result<MutexGuard<'s, State>> {
        let file = SpillFile::on_first_use(&mut state.file, || {
            let columns: Vec<SourceColumn> = self.columns.iter().cloned().chain([places::column(0)]).collect();
            SpillFile::create(self.context, self.operator, &columns)
        })?;
        let none = self.context.memory().reserve(0, "sorting")?.counted_by(self.operator);
        let memory = std::mem::replace(&mut state.memory, none);
        let parts = std::mem::take(&mut state.parts);
        state.leaving += memory.bytes();
        drop(state);
        let run = self.write(parts, &file);
        let mut state = self.lock();
        state.leaving -= memory.bytes();
        drop(memory);
        self.written.notify_all();
        state.runs.push(run?);
        Ok(state)
    }

    /// Sorts rows, on this thread alone: others may be waiting for it.
    fn write(&self, mut parts: Vec<Part>, file: &SpillFile) -> Result<Run> {
        parts.sort_unstable_by_key(|part| part.start);
        let starts: Vec<u64> = parts.iter().map(|part| part.start).collect();
        let (pile, keys) = self.piled(parts);
        let mut entries = entries(&keys)?;
        sort_by(self.context, &mut entries, |a, b| a.compare(b, &keys))?;
        let rows_at_once = rows_of_segment(self.context, pile.bytes(), entries.len());
        let mut run = Run::default();
        for cut in entries.chunks(rows_at_once) {
            self.context.check()?;
            let batch = pile.pick(&cut.iter().map(Entry::batch_and_row).collect::<Vec<Place>>())?;
            let places = cut.iter().map(|entry| starts[entry.batch as usize] + u64::from(entry.row));
            run.segments.push(file.write(&places::with(batch, places))?);
        }
        Ok(run)
    }

    fn piled(&self, parts: Vec<Part>) -> (Pile, Vec<Rows>) {
        let (batches, keys): (Vec<Batch>, Vec<Rows>) = parts.into_iter().map(|part| (part.batch, part.keys)).unzip();
        (Pile::new(self.columns, &batches), keys)
    }

    /// The rows in order.
    ///
    /// # Errors
    /// If runs cannot be written or read.
    pub(crate) fn finish(self) -> Result<Box<dyn Source>> {
        let mut state = self.lock();
        if state.runs.is_empty() {
            let parts = std::mem::take(&mut state.parts);
            let none = self.context.memory().reserve(0, "sorting")?;
            let memory = std::mem::replace(&mut state.memory, none);
            drop(state);
            return self.in_memory(parts, memory);
        }
        if !state.parts.is_empty() {
            state = self.make_room(state)?;
        }
        let (runs, file) = (std::mem::take(&mut state.runs), state.file.take());
        drop(state);
        let file = file.ok_or_else(|| Error::internal("runs without a file"))?;
        let runs = merge(self.context, &file, &self.order, runs)?;
        Ok(Box::new(Merged::new(self.context, self.columns, self.keys, file, runs)))
    }

    fn in_memory(&self, mut parts: Vec<Part>, mut memory: Reservation) -> Result<Box<dyn Source>> {
        parts.sort_unstable_by_key(|part| part.start);
        let (pile, keys) = self.piled(parts);
        let mut entries = entries(&keys)?;
        sort_by(self.context, &mut entries, |a, b| a.compare(b, &keys))?;
        let order: Vec<(u32, u32)> = entries.iter().map(Entry::place).collect();
        drop((entries, keys));
        memory.resize(pile.bytes() + order.len() * size_of::<(u32, u32)>())?;
        Ok(Box::new(Picked::new(self.columns.to_vec(), pile, order, vec![memory])))
    }
}

impl State {
    /// Whether so many bytes more may be held. The first rows may take half of the limit, perhaps they are all; later runs are
    /// smaller, so that one can be written while the next is gathered. The rest is for whoever gives the rows.
    fn has_room(&self, bytes: usize, limit: usize) -> bool {
        let share = if self.runs.is_empty() && self.leaving == 0 { limit / 2 } else { limit / 4 };
        let held = self.memory.bytes() + bytes;
        held <= share && held + self.leaving <= limit / 2
    }
}

fn entries(keys: &[Rows]) -> Result<Vec<Entry>> {
    let mut entries = Vec::with_capacity(keys.iter().map(Rows::num_rows).sum());
    for (at, keys) in keys.iter().enumerate() {
        let at = u32::try_from(at).map_err(|_| Error::internal("more than 4 billion batches to sort"))?;
        entries.extend(Entry::of(at, keys));
    }
    Ok(entries)
}

/// How many rows are written together: as many as make some 1/512 of the memory limit.
fn rows_of_segment(context: &Context, bytes: usize, rows: usize) -> usize {
    let wanted = (context.memory().limit() / 512).clamp(16 << 10, 512 << 10);
    (wanted * rows / bytes.max(1)).clamp(16, crate::rows::BATCH_ROWS)
}
