//! Aggregates whose groups are addressed by position: no rows, no hash table.

mod given;
mod room;
mod rounds;
mod transposed;
mod units;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::grid::bins::KeyAxes;
use crate::grid::cells::{CellReader, Cells, truth};
use crate::grid::groups::{GroupSpace, Runs};
use crate::grid::layout::{Folding, Job, Layout};
use crate::grid::program::Program;
use crate::grid::spread::Spread;
use crate::grid::vectors::{VECTOR_CELLS, vectors};
use crate::memory::Reservation;
use crate::metrics::Operator;
use crate::parallel::fold_anew;
use crate::rows::spill::kept::Kept;
use crate::source::{Source, SourceColumn, array_bytes};
use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;
use hyperslab_expr::{Accumulator, AggregateCall, ColumnId, Expr, GroupRun, Groups, aggregate};
use hyperslab_grid::{AxisChunks, ChunkGrid, Footprint, Region};
use hyperslab_plan::numbers::count;
use hyperslab_plan::{BoundQuery, Column, GridPlan};
use room::HALVINGS;
use rounds::Search;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use transposed::Transposed;
use units::{Finished, Part, Units};

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
    (context, operator): (&Context, &Arc<Operator>),
) -> Result<Box<dyn Source>> {
    let dense = Dense::new(input, keys, aggregates, query, context)?;
    let mut layout = Layout::new(&dense.chunks, &dense.program.region, &dense.keys, dense.folding());
    let described = |id: &ColumnId| {
        let key = keys.iter().map(|(c, _)| c).chain(aggregates.iter().map(|(c, _)| c)).find(|c| c.id == *id);
        SourceColumn::from(key.expect("the bridge hands out columns of its grid"))
    };
    let mut kept = Kept::new(context, operator, columns.iter().map(described).collect(), GROUPS)?;
    context.metrics().expect_chunks(dense.program.chunks_to_read() as u64);
    if dense.needs_rounds(&layout) {
        dense.find_in_rounds(&mut kept, columns)?;
    } else {
        let transposed = operator.timed(|| dense.transpose(&layout, operator))?;
        dense.make_room(&mut layout);
        dense.find_at_once(&mut layout, transposed.as_ref(), &mut kept, columns)?;
    }
    kept.close()?;
    Ok(Box::new(kept))
}

/// What memory is reserved for.
const GROUPS: &str = "the groups of an aggregate";

/// The most bytes that one thread holds of the values of groups.
pub(crate) const KEPT_BYTES: usize = 256 << 20;

/// The most cells without columns that are counted at a time, where not all have groups that are looked for.
const CELLS_COUNTED: usize = 1 << 20;

/// One aggregate, made ready to run.
#[derive(Clone)]
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
    /// The groups that are given out, where they are not those that cells are folded by.
    spread: Option<Spread>,
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
    /// Whether what is computed of cells is the same each time.
    may_repeat: bool,
    /// What is looked for, where that takes several rounds over the cells.
    search: Option<Search>,
}

/// The state of the groups of a job, or of the unit that jobs are merged into.
struct State<'a> {
    space: GroupSpace<'a>,
    accumulators: Vec<Box<dyn Accumulator>>,
    runs: Runs,
    seen: Vec<bool>,
    /// The bytes that groups take besides their accumulators: their presence.
    own: usize,
    memory: Reservation,
}

/// What calls take of the cells of a vector.
struct Given {
    present: Option<BooleanBuffer>,
    /// For each call its arguments, and which of the cells count.
    of_calls: Vec<(Vec<ArrayRef>, Option<BooleanBuffer>)>,
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
        let folded = KeyAxes::new(&program, keys, context)?;
        let (spread, keys) = (Spread::new(&program, &folded, keys, context)?, folded);
        let ready = |(column, call): &(Column, AggregateCall)| ready(&mut program, column, call, context);
        let calls = aggregates.iter().map(ready).collect::<Result<Vec<Call>>>()?;
        let grouped = !(keys.axes.is_empty() && keys.constants.is_empty());
        let evaluates = |call: &Call| !call.call.args.is_empty() || call.call.filter.is_some();
        let reads_columns = program.has_mask() || calls.iter().any(evaluates);
        program.keep_only(read_by(&calls));
        let watch_presence = grouped && (program.has_mask() || keys.axes.is_empty() || program.region.is_empty());
        let ordered = calls.iter().any(|call| aggregate::depends_on_order(&call.call.function));
        let chunks = program.with_reach(program.driver());
        let chunks = if ordered { in_row_order(&chunks, &keys) } else { chunks };
        // Between the cells of a group boxes are cut only if their order does not matter.
        let apart = program.own_dims().dims().filter(|dim| !ordered || keys.is_own(*dim)).collect();
        let chunks = program.in_several_boxes(chunks, apart);
        let boxes = program.widened(&chunks);
        Ok(Self {
            context,
            program,
            keys,
            spread,
            calls,
            chunks,
            boxes,
            apart,
            watch_presence,
            reads_columns,
            may_repeat: !query.is_volatile,
            search: None,
        })
    }

    /// Finds all groups. Where memory does not suffice for those of a unit it is cut, as far as it helps.
    fn find_at_once(
        &self,
        layout: &mut Layout,
        transposed: Option<&Transposed>,
        kept: &mut Kept,
        columns: &[ColumnId],
    ) -> Result<()> {
        if layout.jobs.is_empty() {
            let none = self.finish(Units::new(self, layout).start(0)?)?;
            return self.give_out(none, true, columns, kept);
        }
        let mut found = 0;
        for _ in 0..HALVINGS {
            match self.find_units(&mut found, layout, transposed, kept, columns) {
                Err(Error::OutOfMemory(_)) if self.halve(layout, found) => {}
                outcome => return outcome,
            }
        }
        self.find_units(&mut found, layout, transposed, kept, columns)
    }

    /// Folds the jobs of units from one on, keeps the groups of each unit that is complete, and counts it.
    fn find_units(
        &self,
        found: &mut usize,
        layout: &Layout,
        transposed: Option<&Transposed>,
        kept: &mut Kept,
        columns: &[ColumnId],
    ) -> Result<()> {
        let mut units = Units::new(self, layout);
        let jobs = &layout.jobs[layout.jobs.partition_point(|job| job.unit < *found)..];
        let run = |at: usize| {
            let state = match transposed {
                Some(transposed) => transposed.run(self, &jobs[at])?,
                None => self.run(&jobs[at])?,
            };
            // What no other job adds to is finished by the thread that made it.
            Ok(if layout.is_disjoint { Part::Finished(self.finish(state)?) } else { Part::State(state) })
        };
        fold_anew(self.context, jobs.len(), run, |at, part| {
            if let Some(unit) = units.add(&jobs[at], part)? {
                self.give_out(unit, layout.units[*found].begins, columns, kept)?;
                *found += 1;
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    /// The state of some groups of a unit, without cells yet.
    fn state(&self, unit: usize, ranges: Vec<Range<usize>>) -> Result<State<'_>> {
        self.state_over(unit, GroupSpace::new(&self.keys, ranges))
    }

    /// The state of the groups of a job, without cells yet.
    fn state_of(&self, job: &Job) -> Result<State<'_>> {
        let space = GroupSpace::new(&self.keys, job.groups.clone()).of_cells_with(job.all_groups.clone());
        self.state_over(job.unit, space)
    }

    /// The state of the groups of a space, of a unit, without cells yet.
    fn state_over<'s>(&self, unit: usize, space: GroupSpace<'s>) -> Result<State<'s>> {
        if u32::try_from(space.len()).is_err() {
            let message = format!("grouping makes {} groups at a time, which are too many", count(space.len() as u64));
            return Err(hyperslab_expr::Error::new(message).with_hint("select fewer cells, or coarser keys").into());
        }
        let mut accumulators = match &self.search {
            Some(search) => search.accumulators(unit, &self.calls)?,
            None => self.calls.iter().map(|call| Ok(aggregate::create(&call.call)?)).collect::<Result<Vec<_>>>()?,
        };
        // Reserved before it is allocated; what an accumulator says it holds is right once it has its groups.
        let own = if self.watch_presence { space.len() } else { 0 };
        let least = own + space.len() * accumulators.iter().map(|a| a.bytes_a_group()).sum::<usize>();
        let mut memory = self.context.memory().reserve(least, GROUPS)?;
        accumulators.iter_mut().for_each(|accumulator| accumulator.resize(space.len()));
        memory.resize(own + held(&accumulators))?;
        let seen = vec![false; if self.watch_presence { space.len() } else { 0 }];
        Ok(State { space, accumulators, runs: Runs::default(), seen, own, memory })
    }

    fn run(&self, job: &Job) -> Result<State<'_>> {
        let mut state = self.state_of(job)?;
        let mut reader = CellReader::new(&self.program, self.context)?;
        if !self.reads_columns {
            self.count(&job.region, &mut state)?;
            return Ok(state);
        }
        for slab in self.boxes.slabs_meeting(&job.region) {
            for region in self.program.read_at_once(job.region.clip(&slab), self.apart, self.share() / 2) {
                reader.enter(&region)?;
                for part in self.program.computed_at_once(region, self.apart) {
                    reader.enter_part(&part)?;
                    for vector in vectors(&part, VECTOR_CELLS) {
                        // What only cells of other groups need is not read.
                        if state.space.is_partial() && state.space.runs(&vector, &mut state.runs).are_none() {
                            continue;
                        }
                        if let Some(cells) = reader.run(vector)? {
                            self.fold(&mut reader, cells, &mut state)?;
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
        // Which cells have groups of the state takes memory: of few cells at a time.
        let most = if state.space.is_partial() { CELLS_COUNTED } else { i32::MAX as usize };
        for vector in vectors(region, most) {
            self.context.check()?;
            let runs = state.space.runs(&vector, &mut state.runs);
            state.seen.fill(true);
            for accumulator in &mut state.accumulators {
                accumulator.update(&Groups::Runs(runs.groups()), &[], runs.within())?;
            }
        }
        Ok(())
    }

    fn fold(&self, reader: &mut CellReader<'_>, mut cells: Cells, state: &mut State<'_>) -> Result<()> {
        let given = self.given(reader, &mut cells)?;
        self.update(cells.region(), &given, state)
    }

    /// What the calls take of the cells of a vector.
    fn given(&self, reader: &mut CellReader<'_>, cells: &mut Cells) -> Result<Given> {
        let of_call = |call: &Call| {
            let counted = match &call.call.filter {
                Some(filter) => Some(kept(&reader.evaluate(cells, filter)?, cells.present())),
                None => cells.present().cloned(),
            };
            let args = call.call.args.iter().map(|arg| reader.evaluate_where(cells, arg, counted.as_ref()));
            Ok((args.collect::<Result<Vec<_>>>()?, counted))
        };
        let of_calls = self.calls.iter().map(of_call).collect::<Result<_>>()?;
        Ok(Given { present: cells.present().cloned(), of_calls })
    }

    /// Folds in what the calls take of the cells of a vector.
    fn update(&self, region: &Region, given: &Given, state: &mut State<'_>) -> Result<()> {
        let runs = state.space.runs(region, &mut state.runs);
        let both = |present: Option<&BooleanBuffer>| match (present, runs.within()) {
            (Some(present), Some(within)) => Some(present & within),
            (one, other) => one.or(other).cloned(),
        };
        if self.watch_presence {
            mark_seen(runs.groups(), both(given.present.as_ref()).as_ref(), &mut state.seen);
        }
        for ((call, accumulator), (args, counted)) in
            self.calls.iter().zip(&mut state.accumulators).zip(&given.of_calls)
        {
            let outcome = accumulator.update(&Groups::Runs(runs.groups()), args, both(counted.as_ref()).as_ref());
            outcome.map_err(|error| error.or_at(call.call.at))?;
        }
        Ok(())
    }

    /// How the aggregates allow the grid to be cut. What keeps all values is held by one thread at a time, in a share of
    /// the memory that it can have: a column is written once as it comes, once by groups, and may have come from the disk.
    fn folding(&self) -> Folding {
        let keeping: usize = self.calls.iter().map(|call| aggregate::kept_values(&call.call)).sum();
        if keeping == 0 {
            return Folding::Cut;
        }
        Folding::Whole((self.share() / (keeping * 3 * size_of::<u64>())).max(1))
    }

    /// The results of the groups of a state, or of those that they count in.
    fn finish(&'a self, state: State<'a>) -> Result<Finished<'a>> {
        let mut state = match &self.spread {
            Some(spread) => self.spread_out(state, spread)?,
            None => state,
        };
        let mut results = Vec::with_capacity(self.calls.len());
        for (call, accumulator) in self.calls.iter().zip(&mut state.accumulators) {
            self.warn_of_nan(call, accumulator.as_ref());
            results.push(accumulator.finish().map_err(|error| error.or_at(call.call.at))?);
        }
        let State { space, seen, mut memory, own, .. } = state;
        memory.resize(own + results.iter().map(array_bytes).sum::<usize>())?;
        Ok(Finished { space, results, seen, memory })
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

/// The columns that calls read.
fn read_by(calls: &[Call]) -> Vec<ColumnId> {
    let read = |call: &Call| call.call.args.iter().chain(&call.call.filter).flat_map(Expr::columns).collect::<Vec<_>>();
    calls.iter().flat_map(read).collect()
}

/// Chunks, or several together, such that the cells of each group are met in row-major order: after a folded dimension with
/// more than one position a chunk, the folded ones that follow are read whole.
fn in_row_order(chunks: &ChunkGrid, keys: &KeyAxes) -> ChunkGrid {
    let mut whole = false;
    let axis = |(dim, axis): (usize, &AxisChunks)| {
        if keys.is_own(dim) {
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
