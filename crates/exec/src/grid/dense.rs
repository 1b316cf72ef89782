//! Aggregates whose groups are addressed by position: no rows, no hash table.

use super::bins::KeyAxes;
use super::cells::{CellReader, Cells, truth};
use super::groups::GroupSpace;
use super::layout::{Folding, Job, Layout};
use super::program::Program;
use super::vectors::{VECTOR_CELLS, vectors};
use crate::context::Context;
use crate::error::Result;
use crate::memory::Reservation;
use crate::parallel::fold_partitions;
use crate::rows::stored::{StoredRows, cuts};
use crate::source::{Batch, Source, SourceColumn, array_bytes};
use arrow::array::{ArrayRef, BooleanArray, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{concat, filter, take};
use hyperslab_expr::{Accumulator, AggregateCall, ColumnId, Expr, GroupRun, Groups, aggregate};
use hyperslab_grid::{AxisChunks, ChunkGrid, Footprint, Region};
use hyperslab_plan::numbers::count;
use hyperslab_plan::{BoundQuery, Column, GridPlan};
use std::ops::ControlFlow;

/// The groups of a grid as rows with these columns.
///
/// # Errors
/// What goes wrong in reading or computing; memory for the groups that the limit does not allow.
pub(super) fn aggregate(
    input: &GridPlan,
    keys: &[(Column, Expr)],
    aggregates: &[(Column, AggregateCall)],
    columns: &[ColumnId],
    query: &BoundQuery,
    context: &Context,
) -> Result<Box<dyn Source>> {
    let dense = Dense::new(input, keys, aggregates, query, context)?;
    let layout = Layout::new(&dense.chunks, &dense.program.region, &dense.keys, dense.folding());
    let mut memory = context.memory().reserve(0, GROUPS)?;
    let mut batches = Vec::new();
    let mut units = Units { dense: &dense, layout: &layout, open: Open::Nothing, next: 0 };
    let mut finished = |batch: Batch| -> Result<()> {
        memory.grow(batch.columns.iter().map(array_bytes).sum())?;
        batches.push(batch);
        Ok(())
    };
    if layout.jobs.is_empty() {
        let none = dense.finish(units.start(0)?)?;
        finished(dense.give_out(none, columns)?)?;
    }
    context.metrics().expect_chunks(dense.program.chunks_to_read() as u64);
    fold_partitions(
        context,
        layout.jobs.len(),
        |at| {
            let state = dense.run(&layout.jobs[at])?;
            // What no other job adds to is finished by the thread that made it.
            Ok(if layout.is_disjoint { Part::Finished(dense.finish(state)?) } else { Part::State(state) })
        },
        |at, part| {
            if let Some(unit) = units.add(&layout.jobs[at], part)? {
                finished(dense.give_out(unit, columns)?)?;
            }
            Ok(ControlFlow::Continue(()))
        },
    )?;
    let described = |id: &ColumnId| {
        let key = keys.iter().map(|(c, _)| c).chain(aggregates.iter().map(|(c, _)| c)).find(|c| c.id == *id);
        SourceColumn::from(key.expect("the bridge hands out columns of its grid"))
    };
    let partitions = batches.iter().map(|unit| cuts(unit.rows).map(|cut| unit.slice(cut.start, cut.len())).collect());
    let columns = columns.iter().map(described).collect();
    Ok(Box::new(StoredRows::new(columns, partitions.collect(), vec![memory])))
}

/// What memory is reserved for.
const GROUPS: &str = "the groups of an aggregate";

/// The most bytes that one thread holds of the values of groups.
const KEPT_BYTES: usize = 256 << 20;

/// One aggregate, made ready to run.
struct Call {
    id: ColumnId,
    name: String,
    call: AggregateCall,
}

/// A dense aggregate, made ready to run.
struct Dense<'a> {
    context: &'a Context,
    program: Program,
    keys: KeyAxes,
    calls: Vec<Call>,
    /// How the grid may be cut into jobs.
    chunks: ChunkGrid,
    /// What is read at a time.
    boxes: ChunkGrid,
    /// The dimensions along which boxes are cut where windows need much memory.
    apart: Footprint,
    /// Whether groups must be told from those that only absent cells have.
    watch_presence: bool,
    /// Whether cells have columns at all; otherwise they are only counted, whatever their number.
    reads_columns: bool,
}

/// The state of the groups of a job, or of the unit that jobs are merged into.
struct State<'a> {
    space: GroupSpace<'a>,
    accumulators: Vec<Box<dyn Accumulator>>,
    seen: Vec<bool>,
    /// The bytes that groups take besides their accumulators: their presence.
    own: usize,
    memory: Reservation,
}

impl<'a> Dense<'a> {
    fn new(
        input: &GridPlan,
        keys: &[(Column, Expr)],
        aggregates: &[(Column, AggregateCall)],
        query: &BoundQuery,
        context: &'a Context,
    ) -> Result<Self> {
        let mut program = Program::new(input, query, context)?;
        let keys = KeyAxes::new(&program, keys)?;
        let ready = |(column, call): &(Column, AggregateCall)| ready(&mut program, column, call, context);
        let calls = aggregates.iter().map(ready).collect::<Result<Vec<Call>>>()?;
        let read =
            |call: &Call| call.call.args.iter().chain(&call.call.filter).flat_map(Expr::columns).collect::<Vec<_>>();
        let wanted: Vec<ColumnId> = calls.iter().flat_map(read).collect();
        let grouped = !(keys.axes.is_empty() && keys.constants.is_empty());
        let evaluates = |call: &Call| !call.call.args.is_empty() || call.call.filter.is_some();
        let reads_columns = program.has_mask() || calls.iter().any(evaluates);
        program.keep_only(wanted);
        let watch_presence = grouped && (program.has_mask() || keys.axes.is_empty() || program.region.is_empty());
        let ordered = calls.iter().any(|call| aggregate::depends_on_order(&call.call.function));
        let chunks = program.with_reach(program.driver());
        let chunks = if ordered { in_row_order(&chunks, &keys) } else { chunks };
        let is_key = |dim: usize| keys.axes.iter().any(|key| key.dim == dim && key.one_each);
        // Between the cells of a group boxes are cut only if their order does not matter.
        let apart = program.own_dims().dims().filter(|dim| !ordered || is_key(*dim)).collect();
        let chunks = program.in_several_boxes(chunks, apart);
        let boxes = program.widened(&chunks);
        Ok(Self { context, program, keys, calls, chunks, boxes, apart, watch_presence, reads_columns })
    }

    fn state(&self, ranges: Vec<std::ops::Range<usize>>) -> Result<State<'_>> {
        let space = GroupSpace::new(&self.keys, ranges);
        if u32::try_from(space.len()).is_err() {
            let message = format!("grouping makes {} groups at a time, which are too many", count(space.len() as u64));
            return Err(hyperslab_expr::Error::new(message).with_hint("select fewer cells, or coarser keys").into());
        }
        let mut accumulators =
            self.calls.iter().map(|call| Ok(aggregate::create(&call.call)?)).collect::<Result<Vec<_>>>()?;
        // Reserved before it is allocated; what an accumulator says it holds is right once it has its groups.
        let own = if self.watch_presence { space.len() } else { 0 };
        let least = own + space.len() * accumulators.iter().map(|a| a.bytes_a_group()).sum::<usize>();
        let mut memory = self.context.memory().reserve(least, GROUPS)?;
        accumulators.iter_mut().for_each(|accumulator| accumulator.resize(space.len()));
        memory.resize(own + held(&accumulators))?;
        let seen = vec![false; if self.watch_presence { space.len() } else { 0 }];
        Ok(State { space, accumulators, seen, own, memory })
    }

    fn run(&self, job: &Job) -> Result<State<'_>> {
        let mut state = self.state(job.groups.clone())?;
        let mut reader = CellReader::new(&self.program, self.context)?;
        if !self.reads_columns {
            self.count(&job.region, &mut state)?;
            return Ok(state);
        }
        let mut runs = Vec::new();
        for slab in self.boxes.slabs_meeting(&job.region) {
            for region in self.program.read_at_once(job.region.clip(&slab), self.apart, self.share() / 2) {
                reader.enter(&region)?;
                for part in self.program.computed_at_once(region, self.apart) {
                    reader.enter_part(&part)?;
                    for vector in vectors(&part, VECTOR_CELLS) {
                        if let Some(cells) = reader.run(vector)? {
                            self.fold(&mut reader, cells, &mut state, &mut runs)?;
                        }
                    }
                    state.memory.resize(state.own + held(&state.accumulators))?;
                }
            }
        }
        Ok(state)
    }

    /// The memory that a thread can have for values that are held for long.
    fn share(&self) -> usize {
        let threads = self.context.threads().current_num_threads();
        (self.context.memory().limit() / (2 * threads)).min(KEPT_BYTES)
    }

    /// Folds cells that have no columns: they are only counted.
    fn count(&self, region: &Region, state: &mut State<'_>) -> Result<()> {
        let mut runs = Vec::new();
        for vector in vectors(region, i32::MAX as usize) {
            self.context.check()?;
            state.space.runs(&vector, &mut runs);
            state.seen.fill(true);
            for accumulator in &mut state.accumulators {
                accumulator.update(&Groups::Runs(&runs), &[], None)?;
            }
        }
        Ok(())
    }

    fn fold(
        &self,
        reader: &mut CellReader<'_>,
        mut cells: Cells,
        state: &mut State<'_>,
        runs: &mut Vec<GroupRun>,
    ) -> Result<()> {
        state.space.runs(cells.region(), runs);
        let groups = Groups::Runs(runs);
        if self.watch_presence {
            mark_seen(runs, cells.present(), &mut state.seen);
        }
        for (call, accumulator) in self.calls.iter().zip(&mut state.accumulators) {
            let present = match &call.call.filter {
                Some(filter) => Some(kept(&reader.evaluate(&mut cells, filter)?, cells.present())),
                None => cells.present().cloned(),
            };
            let args = call.call.args.iter().map(|arg| reader.evaluate_where(&mut cells, arg, present.as_ref()));
            let args = args.collect::<Result<Vec<_>>>()?;
            let outcome = accumulator.update(&groups, &args, present.as_ref());
            outcome.map_err(|error| error.or_at(call.call.at))?;
        }
        Ok(())
    }

    /// How the aggregates allow the grid to be cut. What keeps all values is held by one thread at a time, in a share of
    /// the memory that it can have: a column is written once as it comes and once by groups.
    fn folding(&self) -> Folding {
        let keeping: usize = self.calls.iter().map(|call| aggregate::kept_values(&call.call)).sum();
        if keeping == 0 {
            return Folding::Cut;
        }
        Folding::Whole((self.share() / (keeping * 2 * size_of::<u64>())).max(1))
    }

    /// The results of the groups of a state.
    fn finish(&self, mut state: State<'a>) -> Result<Finished<'a>> {
        let mut results = Vec::with_capacity(self.calls.len());
        for (call, accumulator) in self.calls.iter().zip(&mut state.accumulators) {
            self.warn_of_nan(call, accumulator.as_ref());
            results.push(accumulator.finish().map_err(|error| error.or_at(call.call.at))?);
        }
        let State { space, seen, mut memory, own, .. } = state;
        memory.resize(own + results.iter().map(array_bytes).sum::<usize>())?;
        Ok(Finished { space, results, seen, _memory: memory })
    }

    /// The rows of a finished unit: its groups that are present, in order.
    fn give_out(&self, mut unit: Finished<'_>, columns: &[ColumnId]) -> Result<Batch> {
        // The numbers of groups along an axis, and their keys.
        let keys =
            size_of::<u32>() + self.keys.axes.iter().map(|axis| axis.keys.len() * size_of::<u64>()).sum::<usize>();
        let _making = self.context.memory().reserve(unit.space.len() * keys, GROUPS)?;
        let present = self.watch_presence.then(|| BooleanArray::from(std::mem::take(&mut unit.seen)));
        let keep = |array: ArrayRef| -> Result<ArrayRef> {
            Ok(match &present {
                Some(present) => filter(&array, present)?,
                None => array,
            })
        };
        let mut out: Vec<(ColumnId, ArrayRef)> = Vec::new();
        for (call, values) in self.calls.iter().zip(std::mem::take(&mut unit.results)) {
            out.push((call.id, keep(values)?));
        }
        let groups = present.as_ref().map_or(unit.space.len(), BooleanArray::true_count);
        for (at, axis) in self.keys.axes.iter().enumerate() {
            let numbers: UInt32Array = unit.space.along(at).collect::<Vec<_>>().into();
            for (id, values) in &axis.keys {
                out.push((*id, keep(take(values, &numbers, None)?)?));
            }
        }
        for (id, value) in &self.keys.constants {
            out.push((*id, take(value, &UInt32Array::from_value(0, groups), None)?));
        }
        let find = |id: &ColumnId| out.iter().find(|(own, _)| own == id).map(|(_, values)| values.clone());
        let columns = columns.iter().map(|id| find(id).expect("the bridge hands out columns of its grid")).collect();
        Ok(Batch { columns, rows: groups })
    }

    fn warn_of_nan(&self, call: &Call, accumulator: &dyn Accumulator) {
        if accumulator.met_nan() {
            let name = &call.name;
            self.context
                .warnings()
                .say(format!("{name} met NaN, which is a value here; missing values of a file are NULL"));
        }
    }
}

/// Makes a call ready: what does not depend on all dimensions is computed beforehand.
fn ready(program: &mut Program, column: &Column, call: &AggregateCall, context: &Context) -> Result<Call> {
    let mut own = call.clone();
    let mut prepared = |expr: Expr| program.prepared(expr, context);
    own.args = own.args.into_iter().map(&mut prepared).collect::<Result<_>>()?;
    own.filter = own.filter.map(&mut prepared).transpose()?;
    Ok(Call { id: column.id, name: column.name.clone(), call: own })
}

/// Chunks, or several together, such that the cells of each group are met in row-major order: after a folded dimension with
/// more than one position a chunk, the folded ones that follow are read whole.
fn in_row_order(chunks: &ChunkGrid, keys: &KeyAxes) -> ChunkGrid {
    let mut whole = false;
    let axis = |(dim, axis): (usize, &AxisChunks)| {
        if keys.axes.iter().any(|key| key.dim == dim && key.one_each) {
            return axis.clone();
        }
        let out = if whole { AxisChunks::whole(axis.positions()) } else { axis.clone() };
        whole = whole || axis.len() < axis.positions();
        out
    };
    ChunkGrid::new(chunks.axes().iter().enumerate().map(axis).collect())
}

fn held(accumulators: &[Box<dyn Accumulator>]) -> usize {
    accumulators.iter().map(|accumulator| accumulator.memory()).sum()
}

/// The present cells where a filter is true.
fn kept(filter: &ArrayRef, present: Option<&BooleanBuffer>) -> BooleanBuffer {
    let holds = truth(filter);
    present.map_or(holds.clone(), |present| present & &holds)
}

/// Notes the groups that have a present cell.
fn mark_seen(runs: &[GroupRun], present: Option<&BooleanBuffer>, seen: &mut [bool]) {
    let mut at = 0;
    for run in runs {
        let (first, len) = (run.first as usize, run.len as usize);
        let here = |i: usize| present.is_none_or(|present| present.value(at + i));
        if run.step == 0 {
            seen[first] = seen[first] || (0..len).any(here);
        } else {
            seen[first..first + len].iter_mut().enumerate().for_each(|(i, seen)| *seen |= here(i));
        }
        at += len;
    }
}

/// The results of some groups.
struct Finished<'a> {
    space: GroupSpace<'a>,
    /// One array a call, with one entry a group.
    results: Vec<ArrayRef>,
    seen: Vec<bool>,
    _memory: Reservation,
}

/// What a job gives: states to be merged, or the results of groups that are its alone.
enum Part<'a> {
    State(State<'a>),
    Finished(Finished<'a>),
}

/// Puts jobs together into units, in order, and closes each unit with its last job.
struct Units<'a> {
    dense: &'a Dense<'a>,
    layout: &'a Layout,
    open: Open<'a>,
    /// How many jobs of the open unit were added.
    next: usize,
}

/// What is there of the unit that is being put together.
enum Open<'a> {
    Nothing,
    State(State<'a>),
    Finished(Vec<Finished<'a>>),
}

impl<'a> Units<'a> {
    fn start(&self, unit: usize) -> Result<State<'a>> {
        self.dense.state(self.layout.units[unit].groups.clone())
    }

    /// Adds what a job gave; the unit, if that was its last.
    fn add(&mut self, job: &Job, part: Part<'a>) -> Result<Option<Finished<'a>>> {
        let unit = &self.layout.units[job.unit];
        self.open = match (std::mem::replace(&mut self.open, Open::Nothing), part) {
            (Open::Finished(mut parts), Part::Finished(part)) => {
                parts.push(part);
                Open::Finished(parts)
            }
            (_, Part::Finished(part)) => Open::Finished(vec![part]),
            (Open::State(mut into), Part::State(state)) => {
                self.fold_in(&mut into, state)?;
                Open::State(into)
            }
            (_, Part::State(state)) if unit.groups == job.groups => Open::State(state),
            (_, Part::State(state)) => {
                let mut into = self.start(job.unit)?;
                self.fold_in(&mut into, state)?;
                Open::State(into)
            }
        };
        self.next += 1;
        if self.next < unit.jobs {
            return Ok(None);
        }
        self.next = 0;
        Ok(match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => None,
            Open::State(state) => Some(self.dense.finish(state)?),
            Open::Finished(parts) => Some(self.side_by_side(job.unit, parts)?),
        })
    }

    /// The results of jobs that have no group in common, as those of their unit.
    fn side_by_side(&self, unit: usize, mut parts: Vec<Finished<'a>>) -> Result<Finished<'a>> {
        if parts.len() == 1 {
            return Ok(parts.remove(0));
        }
        let space = GroupSpace::new(&self.dense.keys, self.layout.units[unit].groups.clone());
        let mut place_of = vec![0u32; space.len()];
        let numbers = parts.iter().flat_map(|part| part.space.numbers_in(&space));
        numbers.enumerate().for_each(|(at, number)| place_of[number as usize] = at as u32);
        let place_of = UInt32Array::from(place_of);
        let mut memory = self.dense.context.memory().reserve(place_of.len() * size_of::<u32>(), GROUPS)?;
        let mut results = Vec::new();
        for call in 0..self.dense.calls.len() {
            let arrays: Vec<&dyn arrow::array::Array> = parts.iter().map(|part| part.results[call].as_ref()).collect();
            let values = take(&concat(&arrays)?, &place_of, None)?;
            memory.grow(array_bytes(&values))?;
            results.push(values);
        }
        let seen: Vec<bool> = parts.iter().flat_map(|part| &part.seen).copied().collect();
        let seen = if seen.is_empty() { seen } else { place_of.values().iter().map(|at| seen[*at as usize]).collect() };
        Ok(Finished { space, results, seen, _memory: memory })
    }

    fn fold_in(&self, into: &mut State<'a>, mut from: State<'a>) -> Result<()> {
        let numbers = from.space.numbers_in(&into.space);
        for ((call, into), from) in self.dense.calls.iter().zip(&mut into.accumulators).zip(&mut from.accumulators) {
            self.dense.warn_of_nan(call, from.as_ref());
            let state = from.state()?;
            into.merge(&Groups::Each(&numbers), &state).map_err(|error| error.or_at(call.call.at))?;
        }
        for (number, seen) in numbers.iter().zip(&from.seen) {
            into.seen[*number as usize] |= *seen;
        }
        into.memory.resize(into.own + held(&into.accumulators))
    }
}
