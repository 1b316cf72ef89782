//! Runs a program on one vector of cells at a time.

use super::program::{Label, Program, Step};
use super::repeat::{along, cells_within, repeated_positions};
use super::table::Found;
use super::vectors::{VECTOR_CELLS, vectors};
use super::window::{Gathered, GridWindow, Held, PART_CELLS, halved, side_by_side};
use crate::error::{Error, Result};
use crate::memory::{Given, Reservation};
use crate::source::{Batch, SourceColumn};
use crate::{Context, memory::MemoryPool};
use arrow::array::{Array, ArrayRef, BooleanArray, BooleanBufferBuilder, UInt32Array, new_empty_array, new_null_array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{concat, filter, take};
use hyperslab_expr::eval::{Columns, evaluate, evaluate_mask};
use hyperslab_expr::{ColumnId, Expr};
use hyperslab_grid::{IndexSet, Region};
use hyperslab_storage::Block;
use std::collections::HashMap;
use std::sync::Arc;

/// Reads and computes the cells of a program, vector by vector. One a thread: it holds the boxes read last.
pub(super) struct CellReader<'a> {
    program: &'a Program,
    context: &'a Context,
    /// What was read last of each variable; where windows see across files, all that they see.
    blocks: Vec<Vec<Block>>,
    memory: Reservation,
    /// What is taken for values of any length while they are read.
    values: Arc<Given>,
    /// The cells that vectors are taken from, and those that are seen from them.
    region: Region,
    /// For each variable what of it is read for these cells, once that is needed.
    covers: Vec<Option<Cover>>,
    /// For each table the rows that vectors found in it: those of the next box are often the same.
    found: Vec<HashMap<Region, Finds>>,
    /// For each window the cells that its columns are wanted for, and the columns once they are computed.
    windows: Vec<(Region, Option<Held>)>,
}

/// The rows that the cells of a vector found, and columns of them that were needed.
struct Finds {
    rows: Arc<Found>,
    values: Vec<(ColumnId, ArrayRef)>,
}

/// What memory is for in which blocks are.
const READING: &str = "reading chunks";

/// As many vectors' finds are kept for each table.
const FINDS: usize = 64;

/// The cells of a variable that a region of the grid needs.
enum Cover {
    /// In one file, read at once.
    One(Region),
    /// In several files.
    Several,
}

/// The cells of a vector: columns that were needed so far, and which cells are present.
pub(super) struct Cells {
    region: Region,
    rows: usize,
    ids: Vec<ColumnId>,
    arrays: Vec<ArrayRef>,
    present: Option<BooleanBuffer>,
}

impl<'a> CellReader<'a> {
    pub(super) fn new(program: &'a Program, context: &'a Context) -> Result<Self> {
        let blocks = program.variables.iter().map(|_| Vec::new()).collect();
        let pool: &MemoryPool = context.memory();
        let memory = pool.reserve(0, READING)?;
        let values = Given::new(pool, "reading values");
        let covers = program.variables.iter().map(|_| None).collect();
        let found = program.tables.iter().map(|_| HashMap::new()).collect();
        let windows = program.windows.iter().map(|_| (program.region.clone(), None)).collect();
        let region = program.region.clone();
        Ok(Self { program, context, blocks, memory, values, region, covers, found, windows })
    }

    /// Says from which cells the next vectors are taken. Nothing is read before it is needed.
    pub(super) fn enter(&mut self, region: &Region) -> Result<()> {
        self.context.check()?;
        self.region = self.program.seen_from(region);
        self.covers.fill_with(|| None);
        self.enter_part(region)
    }

    /// Says from which of the cells entered the next vectors are taken: windows are computed for them together.
    pub(super) fn enter_part(&mut self, region: &Region) -> Result<()> {
        let mut seen = region.clone();
        for (held, window) in self.windows.iter_mut().zip(&self.program.windows).rev() {
            let from =
                if window.calls.is_empty() { seen.clone() } else { window.seen_from(&seen, &self.program.region) };
            *held = (seen, None);
            seen = from;
        }
        self.count_memory()
    }

    /// Runs the program on a vector; `None` if no cell is present.
    pub(super) fn run(&mut self, region: Region) -> Result<Option<Cells>> {
        let program = self.program;
        self.run_steps(region, &program.steps)
    }

    /// Runs the first steps on a vector.
    fn run_steps(&mut self, region: Region, steps: &[Step]) -> Result<Option<Cells>> {
        let mut cells = Cells::new(region);
        for (done, step) in steps.iter().enumerate() {
            match step {
                Step::Mask(predicate) => {
                    self.need(&mut cells, &predicate.columns())?;
                    if !cells.mask(predicate)? {
                        return Ok(None);
                    }
                }
                Step::Compute(id, expr) => {
                    let values = self.evaluate(&mut cells, expr)?;
                    cells.push(*id, values);
                }
                Step::Match(table) => {
                    let found = self.find(*table, &cells.region).rows.clone();
                    if let Some(present) = found.present()
                        && !cells.keep(&present)
                    {
                        return Ok(None);
                    }
                }
                Step::Window(window) => self.compute_window(*window, &steps[..done])?,
            }
        }
        Ok(Some(cells))
    }

    /// The columns of all windows, for the cells of the part entered.
    pub(super) fn windows(&mut self) -> Result<Vec<(ColumnId, ArrayRef)>> {
        let steps = &self.program.steps;
        for (done, step) in steps.iter().enumerate() {
            if let Step::Window(window) = step {
                self.compute_window(*window, &steps[..done])?;
            }
        }
        let Some((part, _)) = self.windows.last() else { return Ok(Vec::new()) };
        let part = part.clone();
        let held = self.windows.iter_mut().filter_map(|(_, held)| held.take());
        let columns = held.map(|held| Ok(held.narrowed(&part)?.columns)).collect::<Result<Vec<_>>>()?;
        Ok(columns.into_iter().flatten().collect())
    }

    /// Computes the columns of a window for the cells that they are wanted for, if they are not there yet.
    fn compute_window(&mut self, at: usize, before: &[Step]) -> Result<()> {
        if self.windows[at].1.is_some() {
            return Ok(());
        }
        let (program, region) = (self.program, self.windows[at].0.clone());
        let window = &program.windows[at];
        let is_small = |part: &Region| window.seen_from(part, &program.region).cells() <= PART_CELLS;
        let mut parts = Vec::new();
        let mut memory = self.context.memory().reserve(0, "window functions")?;
        for part in halved(&region, window.own_dims(program.rank()), &is_small) {
            let seen = window.seen_from(&part, &program.region);
            let needed = seen.cells().saturating_mul(window.bytes_a_cell());
            let _computing = self.context.memory().reserve(needed, "window functions")?;
            let gathered = self.gather(seen, window, before)?;
            let columns = window.columns_of(window.compute(self.context, &gathered)?);
            let part = Held { region: gathered.region, columns }.narrowed(&part)?;
            // Once as they come, and once in their place.
            memory.grow(2 * part.memory())?;
            parts.push(part);
        }
        self.windows[at].1 = Some(Held::of_parts(region, parts)?);
        self.count_memory()
    }

    /// What a window reads of the cells that are present after the first steps.
    fn gather(&mut self, region: Region, window: &GridWindow, before: &[Step]) -> Result<Gathered> {
        let mut parts: Vec<Vec<ArrayRef>> = window.columns().iter().map(|_| Vec::new()).collect();
        let mut present = BooleanBufferBuilder::new(region.cells());
        for vector in vectors(&region, VECTOR_CELLS) {
            self.context.check()?;
            let rows = vector.cells();
            let Some(mut cells) = self.run_steps(vector, before)? else {
                present.append_n(rows, false);
                continue;
            };
            let here = cells.present().map(|present| BooleanArray::new(present.clone(), None));
            for (column, parts) in window.columns().iter().zip(&mut parts) {
                let values = match window.numbers(column.id, &region, cells.region()) {
                    Some(numbers) => numbers,
                    None => self.evaluate(&mut cells, &Expr::Column(column.id, column.ty.clone()))?,
                };
                parts.push(match &here {
                    Some(here) => filter(&values, here)?,
                    None => values,
                });
            }
            match &here {
                Some(here) => present.append_buffer(here.values()),
                None => present.append_n(rows, true),
            }
        }
        let present = present.finish();
        let rows = present.count_set_bits();
        let joined = |(column, parts): (&SourceColumn, Vec<ArrayRef>)| -> Result<ArrayRef> {
            let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
            if parts.is_empty() { Ok(new_empty_array(&column.ty.to_arrow())) } else { Ok(concat(&parts)?) }
        };
        let columns = window.columns().iter().zip(parts).map(joined).collect::<Result<Vec<_>>>()?;
        let present = (rows < region.cells()).then_some(present);
        Ok(Gathered { region, batch: Batch { columns, rows }, present })
    }

    /// The values of an expression for all cells of a vector; for absent cells they mean nothing.
    pub(super) fn evaluate(&mut self, cells: &mut Cells, expr: &Expr) -> Result<ArrayRef> {
        let present = cells.present.clone();
        self.evaluate_where(cells, expr, present.as_ref())
    }

    /// The same where only some of the present cells count: the others raise no errors.
    pub(super) fn evaluate_where(
        &mut self,
        cells: &mut Cells,
        expr: &Expr,
        counted: Option<&BooleanBuffer>,
    ) -> Result<ArrayRef> {
        self.need(cells, &expr.columns())?;
        cells.evaluate(expr, counted)
    }

    /// Reads, or repeats, the columns that are not there yet.
    fn need(&mut self, cells: &mut Cells, ids: &[ColumnId]) -> Result<()> {
        for id in ids {
            if cells.ids.contains(id) {
                continue;
            }
            let (labels, positions) = (&self.program.labels, &self.program.positions);
            let values = match (labels.get(id), positions.get(id)) {
                (Some(label), _) => cells.repeat(label)?,
                (None, Some(dim)) => cells.positions(*dim),
                (None, None) => self.read(cells, *id)?,
            };
            cells.push(*id, values);
        }
        Ok(())
    }

    /// The rows of a table that the cells of a vector find.
    fn find(&mut self, table: usize, region: &Region) -> &mut Finds {
        let (rows, found) = (&self.program.tables[table], &mut self.found[table]);
        if found.len() >= FINDS {
            found.clear();
        }
        let find = |region: &Region| Finds { rows: Arc::new(rows.find(region)), values: Vec::new() };
        found.entry(rows.footprint(region)).or_insert_with_key(find)
    }

    /// The values of a column of a table for the cells of a vector.
    fn look_up(&mut self, table: usize, id: ColumnId, region: &Region) -> Result<ArrayRef> {
        let rows = &self.program.tables[table];
        let finds = self.find(table, region);
        if let Some((_, values)) = finds.values.iter().find(|(own, _)| *own == id) {
            return Ok(values.clone());
        }
        let values = rows.values(id, &finds.rows).expect("it has the column")?;
        finds.values.push((id, values.clone()));
        Ok(values)
    }

    fn read(&mut self, cells: &Cells, id: ColumnId) -> Result<ArrayRef> {
        let program = self.program;
        if let Some(table) = program.tables.iter().position(|table| table.has(id)) {
            return self.look_up(table, id, &cells.region);
        }
        let computed = self.windows.iter().filter_map(|(_, held)| held.as_ref());
        if let Some(held) = computed.chain(&program.held).find(|held| held.has(id)) {
            return held.values(id, &cells.region);
        }
        let found = program.variables.iter().position(|v| v.id == id);
        let at = found.ok_or_else(|| Error::internal("an expression reads a column that its grid does not have"))?;
        let variable = &program.variables[at];
        let own = variable.own_region(&cells.region);
        if own.is_empty() {
            return Ok(new_null_array(&variable.ty, cells.rows));
        }
        let values = match self.cover(at) {
            Cover::One(_) => {
                let block = self.load(at)?;
                variable.decode(block, &own)?
            }
            Cover::Several => self.read_from_files(at, &own)?,
        };
        match variable.places(&cells.region, &own) {
            None => Ok(values),
            Some(places) => Ok(take(&values, &places, None)?),
        }
    }

    /// What is read of a variable for the cells entered.
    fn cover(&mut self, at: usize) -> &Cover {
        let (program, region) = (self.program, &self.region);
        self.covers[at].get_or_insert_with(|| {
            let variable = &program.variables[at];
            let cover = variable.dataset.covering(variable.variable, &variable.own_region(region));
            match cover.bounds() {
                Some(bounds) if !variable.dataset.is_in_one_file(variable.variable, &bounds) => Cover::Several,
                _ => Cover::One(cover),
            }
        })
    }

    /// The cells of a region that lies in several files, chunk by chunk.
    fn read_from_files(&mut self, at: usize, region: &Region) -> Result<ArrayRef> {
        let variable = &self.program.variables[at];
        let mut parts = Vec::new();
        for slab in variable.chunks.slabs_meeting(region) {
            let here = region.clip(&slab);
            let block = self.load_region(at, &Region::all_of(&slab))?;
            let values = variable.decode(block, &here)?;
            parts.push((here, values));
        }
        side_by_side(region, parts)
    }

    /// The block of a variable, holding what the cells entered need of it, all in one file.
    fn load(&mut self, at: usize) -> Result<&Block> {
        let Some(Cover::One(region)) = self.covers[at].take() else {
            return Err(Error::internal("what a box needs of a variable was not found out"));
        };
        let place = self.loaded(at, &region)?;
        self.covers[at] = Some(Cover::One(region));
        Ok(&self.blocks[at][place])
    }

    /// The block of a variable, holding a region.
    fn load_region(&mut self, at: usize, region: &Region) -> Result<&Block> {
        let place = self.loaded(at, region)?;
        Ok(&self.blocks[at][place])
    }

    /// The place of the block of a variable that holds a region; what was read last is kept.
    fn loaded(&mut self, at: usize, region: &Region) -> Result<usize> {
        if let Some(place) = self.blocks[at].iter().position(|block| block.cover().contains(region)) {
            return Ok(place);
        }
        let variable = &self.program.variables[at];
        let mut block = self.spare_block(at);
        let metrics = self.context.metrics();
        // A small file may state a huge chunk: there must be room for it before it is decoded.
        let chunk = variable.dataset.covering(variable.variable, region).cells();
        let about = &variable.dataset.schema().variables[variable.variable];
        let whole = variable.dataset.chunk_bytes(variable.variable);
        let more = chunk.saturating_mul(about.stored_size).max(whole).saturating_sub(block.memory());
        let room = self.context.memory().reserve(more, READING).map_err(|error| error.of(&about.name))?;
        let read = variable.dataset.read_region(variable.variable, region, &mut block, metrics.reads());
        let refused = self.values.take_back(&about.name);
        read.map_err(|error| refused.unwrap_or_else(|| error.into()))?;
        metrics.chunks_done(variable.chunks.count_meeting(region) as u64);
        drop(room);
        self.blocks[at].push(block);
        self.count_memory()?;
        Ok(self.blocks[at].len() - 1)
    }

    /// A block to read into: one that is not needed any more. Windows look at all that they see several times.
    fn spare_block(&mut self, at: usize) -> Block {
        let keeps = !self.windows.is_empty();
        let own = self.program.variables[at].own_region(&self.region);
        let needed = |block: &Block| {
            let meets = |(held, own): (&IndexSet, &IndexSet)| !held.intersect(own).is_empty();
            block.cover().sets().iter().zip(own.sets()).all(meets)
        };
        let spare = self.blocks[at].iter().position(|block| !keeps || !needed(block));
        let mut block =
            spare.map_or_else(|| Block::within(self.values.room()), |place| self.blocks[at].swap_remove(place));
        block.forget();
        block
    }

    fn count_memory(&mut self) -> Result<()> {
        let held = self.windows.iter().filter_map(|(_, held)| held.as_ref()).map(Held::memory);
        self.memory.resize(self.blocks.iter().flatten().map(Block::memory).chain(held).sum())
    }
}

impl Cells {
    pub(super) fn new(region: Region) -> Self {
        Self { rows: region.cells(), region, ids: Vec::new(), arrays: Vec::new(), present: None }
    }

    /// How many cells there are, absent ones included.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The positions along each dimension.
    pub(super) fn region(&self) -> &Region {
        &self.region
    }

    /// Which cells are present; all if `None`.
    pub(super) fn present(&self) -> Option<&BooleanBuffer> {
        self.present.as_ref()
    }

    fn push(&mut self, id: ColumnId, values: ArrayRef) {
        self.ids.push(id);
        self.arrays.push(values);
    }

    /// Keeps the cells where a predicate is true; says whether any is left.
    fn mask(&mut self, predicate: &Expr) -> Result<bool> {
        let holds = match (evaluate_mask(predicate, &Columns::new(&self.ids, &self.arrays), self.rows), &self.present) {
            (Ok(holds), _) => holds,
            (Err(error), None) => return Err(error.into()),
            (Err(_), Some(present)) => truth(&self.evaluate_some(predicate, present)?),
        };
        let present = match &self.present {
            Some(before) => before & &holds,
            None => holds,
        };
        let left = present.count_set_bits();
        self.present = (left < self.rows).then_some(present);
        Ok(left > 0)
    }

    /// Keeps the cells that found a row; says whether any is left.
    fn keep(&mut self, found: &BooleanBuffer) -> bool {
        let present = self.present.as_ref().map_or_else(|| found.clone(), |before| before & found);
        let left = present.count_set_bits();
        self.present = (left < self.rows).then_some(present);
        left > 0
    }

    /// An expression that fails is tried again on the cells that count alone: the others raise no errors.
    fn evaluate(&self, expr: &Expr, counted: Option<&BooleanBuffer>) -> Result<ArrayRef> {
        match (evaluate(expr, &Columns::new(&self.ids, &self.arrays), self.rows), counted) {
            (Err(_), Some(counted)) => self.evaluate_some(expr, counted),
            (outcome, _) => Ok(outcome?),
        }
    }

    fn evaluate_some(&self, expr: &Expr, present: &BooleanBuffer) -> Result<ArrayRef> {
        let rows = present.count_set_bits();
        let mask = BooleanArray::new(present.clone(), None);
        let kept = self.arrays.iter().map(|array| filter(array, &mask)).collect::<Result<Vec<_>, _>>()?;
        let values = evaluate(expr, &Columns::new(&self.ids, &kept), rows)?;
        let mut next = 0;
        let places = present.iter().map(|here| {
            next += u32::from(here);
            here.then(|| next - 1)
        });
        Ok(take(&values, &places.collect::<UInt32Array>(), None)?)
    }

    /// A label's value for each cell.
    fn repeat(&self, label: &Label) -> Result<ArrayRef> {
        along(&label.values, &self.region, label.dim)
    }

    /// The index along a dimension for each cell.
    fn positions(&self, dim: usize) -> ArrayRef {
        repeated_positions(&self.region.sets()[dim], cells_within(&self.region, dim), self.rows)
    }
}

/// Where a BOOLEAN array is true.
pub(super) fn truth(array: &ArrayRef) -> BooleanBuffer {
    let array = arrow::array::AsArray::as_boolean(array);
    match array.nulls() {
        Some(valid) => array.values() & valid.inner(),
        None => array.values().clone(),
    }
}
