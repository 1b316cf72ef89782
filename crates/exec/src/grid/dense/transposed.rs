//! Cells turned over on disk: read once in the order of chunks, written by job, and folded job by job. For aggregates that keep
//! all values of their groups: jobs as small as memory allows would read the same chunks again and again.

use super::{Dense, Given, Job, Layout, State};
use crate::error::{Error, Result};
use crate::grid::cells::CellReader;
use crate::grid::vectors::{VECTOR_CELLS, vectors};
use crate::metrics::Operator;
use crate::parallel::{Begun, each_partition};
use crate::rows::spill::bucket_writer::{BucketWriter, Waiting, Written, most_buckets};
use crate::rows::spill::file::SpillFile;
use crate::rows::stored::joined;
use crate::source::{Batch, SourceColumn};
use arrow::array::{ArrayRef, AsArray, BooleanArray, new_null_array};
use arrow::buffer::BooleanBuffer;
use hyperslab_expr::{ColumnId, Expr, SqlType};
use hyperslab_grid::Hyperslab;
use std::sync::Arc;

/// Boxes are read in so many stretches: each is worked on by one thread.
const STRETCHES: usize = 64;

/// The cells of a job in a box, which were written one after the other.
#[derive(Clone, Copy, Debug)]
struct Piece {
    slab: u32,
    job: u32,
}

/// The cells of all jobs on disk.
pub(super) struct Transposed {
    slabs: Vec<Hyperslab>,
    file: SpillFile,
    buckets: Vec<Vec<Written<Piece>>>,
    jobs: usize,
}

/// The column numbers are not used: values are told apart by their order.
const COLUMN: ColumnId = ColumnId(u32::MAX);

impl Dense<'_> {
    /// Turns the cells over, if that costs less than to read chunks again for each job that they have cells of.
    pub(super) fn transpose(&self, layout: &Layout, operator: &Arc<Operator>) -> Result<Option<Transposed>> {
        if self.folding().is_cut() || !self.program.windows.is_empty() || !self.transposing_pays(layout) {
            return Ok(None);
        }
        let jobs = layout.jobs.len();
        let buckets = jobs.min(most_buckets(self.context));
        let slabs = self.boxes.slabs_meeting(&self.program.region);
        let too_many = |_| Error::internal("more than 4 billion boxes to turn over");
        u32::try_from(slabs.len().max(jobs)).map_err(too_many)?;
        let writer = BucketWriter::new(self.context, operator, &self.given_columns(), buckets)?;
        let stretches = STRETCHES.min(slabs.len());
        let run = |stretch: usize, begun: &Begun| {
            let mut reader = CellReader::new(&self.program, self.context)?;
            let mut waiting = writer.begin();
            let (from, to) = (stretch * slabs.len() / stretches, (stretch + 1) * slabs.len() / stretches);
            let outcome = (from..to).zip(&slabs[from..to]).try_for_each(|(at, slab)| {
                reader.enter(&self.program.region.clip(slab))?;
                self.write_box(&mut reader, (at, slab), layout, (&writer, begun), &mut waiting)
            });
            // Cells of other stretches may wait there too.
            writer.give_back(waiting);
            outcome
        };
        each_partition(self.context, stretches, run)?;
        let (file, buckets) = writer.finish()?;
        Ok(Some(Transposed { slabs, file, buckets, jobs }))
    }

    /// Compares the bytes that would be decoded again with those that would be written and read back.
    fn transposing_pays(&self, layout: &Layout) -> bool {
        let decoded = |region| {
            let of = |v: &crate::grid::variable::DataVariable| {
                v.chunks.cells_meeting(&v.own_region(region)) * v.cell_bytes()
            };
            self.program.variables.iter().map(of).sum::<usize>()
        };
        let by_job = layout.jobs.iter().map(|job| decoded(&job.region)).sum::<usize>();
        // Without cells there is no job.
        let again = by_job.saturating_sub(decoded(&self.program.region));
        let cell: usize =
            self.given_columns().iter().map(|column| column.ty.to_arrow().primitive_width().unwrap_or(8)).sum();
        again > 2 * cell * self.program.region.cells()
    }

    /// Writes the cells of the box that was entered, job by job.
    fn write_box(
        &self,
        reader: &mut CellReader<'_>,
        (at, slab): (usize, &Hyperslab),
        layout: &Layout,
        (writer, begun): (&BucketWriter<Piece>, &Begun),
        waiting: &mut [Waiting<Piece>],
    ) -> Result<()> {
        for (job, region) in layout.jobs.iter().map(|job| job.region.clip(slab)).enumerate() {
            let mut parts = Vec::new();
            for vector in vectors(&region, VECTOR_CELLS) {
                let rows = vector.cells();
                parts.push(match reader.run(vector)? {
                    Some(mut cells) => self.as_batch(self.given(reader, &mut cells)?, rows),
                    None => self.absent(rows),
                });
            }
            if !parts.is_empty() {
                begun.begin();
                let piece = Piece { slab: at as u32, job: job as u32 };
                writer.push(waiting, bucket_of(job, layout.jobs.len(), writer.buckets()), joined(&parts)?, piece)?;
            }
        }
        Ok(())
    }

    /// The columns of what is given of cells: which are present, then for each call those that its filter keeps and its
    /// arguments.
    fn given_columns(&self) -> Vec<SourceColumn> {
        let mask = |is_there: bool| is_there.then_some(SqlType::Boolean);
        let of_call = |call: &super::Call| {
            let args: Vec<SqlType> = call.call.args.iter().map(Expr::sql_type).collect();
            mask(call.call.filter.is_some()).into_iter().chain(args)
        };
        let types = mask(self.program.has_mask()).into_iter().chain(self.calls.iter().flat_map(of_call));
        types.map(|ty| SourceColumn { id: COLUMN, ty }).collect()
    }

    fn as_batch(&self, given: Given, rows: usize) -> Batch {
        let mask = |bits: Option<BooleanBuffer>| -> ArrayRef {
            Arc::new(BooleanArray::new(bits.unwrap_or_else(|| BooleanBuffer::new_set(rows)), None))
        };
        let mut columns: Vec<ArrayRef> = self.program.has_mask().then(|| mask(given.present)).into_iter().collect();
        for (call, (args, counted)) in self.calls.iter().zip(given.of_calls) {
            columns.extend(call.call.filter.is_some().then(|| mask(counted)));
            columns.extend(args);
        }
        Batch { columns, rows }
    }

    /// What is given of cells none of which is present.
    fn absent(&self, rows: usize) -> Batch {
        let column = |column: SourceColumn| -> ArrayRef {
            match column.ty {
                SqlType::Boolean => Arc::new(BooleanArray::new(BooleanBuffer::new_unset(rows), None)),
                ty => new_null_array(&ty.to_arrow(), rows),
            }
        };
        Batch { columns: self.given_columns().into_iter().map(column).collect(), rows }
    }

    fn as_given(&self, batch: &Batch) -> Given {
        let mut columns = batch.columns.iter();
        let mut next = || columns.next().expect("as many columns as were written").clone();
        let present = self.program.has_mask().then(|| next().as_boolean().values().clone());
        let of_call = |call: &super::Call| {
            let counted = call.call.filter.is_some().then(|| next().as_boolean().values().clone());
            (call.call.args.iter().map(|_| next()).collect(), counted.or_else(|| present.clone()))
        };
        let of_calls = self.calls.iter().map(of_call).collect();
        Given { present, of_calls }
    }
}

impl Transposed {
    /// Folds the cells of a job, in the order in which they would have been read.
    pub(super) fn run<'a>(&self, dense: &'a Dense<'_>, job: &Job) -> Result<State<'a>> {
        let at = job.cells;
        let mut state = dense.state_of(job)?;
        let mut memory = dense.context.memory().reserve(0, "the cells of some groups")?;
        let mut pieces = Vec::new();
        for written in &self.buckets[bucket_of(at, self.jobs, self.buckets.len())] {
            if written.parts.iter().any(|(piece, _)| piece.job as usize == at) {
                memory.grow(written.segment.bytes)?;
                let others = self.pieces_of(written, at, &mut pieces)?;
                memory.shrink(others);
            }
        }
        pieces.sort_by_key(|(slab, _)| *slab);
        for (slab, cells) in pieces {
            dense.context.check()?;
            let region = job.region.clip(&self.slabs[slab as usize]);
            let mut start = 0;
            for vector in vectors(&region, VECTOR_CELLS) {
                let rows = vector.cells();
                let given = dense.as_given(&cells.slice(start, rows));
                dense.update(&vector, &given, &mut state)?;
                start += rows;
            }
            memory.shrink(cells.bytes());
            state.memory.resize(state.own + super::held(&state.accumulators))?;
        }
        Ok(state)
    }

    /// Adds the pieces of a job that were written together with others; gives the bytes of the others, which are let go.
    fn pieces_of(&self, written: &Written<Piece>, job: usize, out: &mut Vec<(u32, Batch)>) -> Result<usize> {
        let rows = self.file.read(&written.segment)?;
        let is_alone = written.parts.iter().all(|(piece, _)| piece.job as usize == job);
        let (mut start, mut kept) = (0, 0);
        for (piece, len) in &written.parts {
            if piece.job as usize == job {
                let part = rows.slice(start, *len);
                let part = if is_alone { part } else { joined(&[part])? };
                kept += part.bytes();
                out.push((piece.slab, part));
            }
            start += len;
        }
        Ok(written.segment.bytes.saturating_sub(kept))
    }
}

/// Neighbouring jobs share a bucket where there are more jobs than buckets.
fn bucket_of(job: usize, jobs: usize, buckets: usize) -> usize {
    job * buckets / jobs
}
