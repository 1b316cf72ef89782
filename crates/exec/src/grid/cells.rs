//! Runs a program on one vector of cells at a time.

use super::program::{Label, Program, Step};
use super::repeat::{repeated, repeated_positions};
use super::table::Found;
use crate::error::{Error, Result};
use crate::memory::Reservation;
use crate::{Context, memory::MemoryPool};
use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array, new_null_array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{concat, filter, take};
use hyperslab_expr::eval::{Columns, evaluate, evaluate_mask};
use hyperslab_expr::{ColumnId, Expr};
use hyperslab_grid::{CellRuns, IndexSet, Region};
use hyperslab_storage::Block;
use std::collections::HashMap;
use std::sync::Arc;

/// Reads and computes the cells of a program, vector by vector. One a thread: it holds the boxes read last.
pub(super) struct CellReader<'a> {
    program: &'a Program,
    context: &'a Context,
    /// What was read last of each variable, if anything.
    blocks: Vec<Option<Block>>,
    memory: Reservation,
    /// The cells that vectors are taken from.
    region: Region,
    /// For each variable what of it is read for these cells, once that is needed.
    covers: Vec<Option<Cover>>,
    /// For each table the rows that vectors found in it: those of the next box are often the same.
    found: Vec<HashMap<Region, Arc<Found>>>,
}

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
        let blocks = program.variables.iter().map(|_| None).collect();
        let pool: &MemoryPool = context.memory();
        let memory = pool.reserve(0, "reading chunks")?;
        let covers = program.variables.iter().map(|_| None).collect();
        let found = program.tables.iter().map(|_| HashMap::new()).collect();
        Ok(Self { program, context, blocks, memory, region: program.region.clone(), covers, found })
    }

    /// Says from which cells the next vectors are taken. Nothing is read before it is needed.
    pub(super) fn enter(&mut self, region: &Region) -> Result<()> {
        self.context.check()?;
        self.region.clone_from(region);
        self.covers.fill_with(|| None);
        Ok(())
    }

    /// Runs the program on a vector; `None` if no cell is present.
    pub(super) fn run(&mut self, region: Region) -> Result<Option<Cells>> {
        let program = self.program;
        let mut cells = Cells::new(region);
        for step in &program.steps {
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
                    if let Found::Each(rows) = &*self.find(*table, &cells.region)
                        && !cells.keep(rows)
                    {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(Some(cells))
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
    fn find(&mut self, table: usize, region: &Region) -> Arc<Found> {
        let (rows, found) = (&self.program.tables[table], &mut self.found[table]);
        if found.len() >= FINDS {
            found.clear();
        }
        found.entry(rows.footprint(region)).or_insert_with_key(|region| Arc::new(rows.find(region))).clone()
    }

    fn read(&mut self, cells: &Cells, id: ColumnId) -> Result<ArrayRef> {
        let program = self.program;
        if let Some(table) = program.tables.iter().position(|table| table.has(id)) {
            let found = self.find(table, &cells.region);
            return program.tables[table].values(id, &found).expect("it has the column");
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
                block.decode(CellRuns::new(&own, block.cover()).runs())?
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
            let cover = variable.chunks.covering(&variable.own_region(region));
            match cover.bounds() {
                Some(bounds) if !variable.dataset.is_in_one_file(variable.variable, &bounds) => Cover::Several,
                _ => Cover::One(cover),
            }
        })
    }

    /// The cells of a region that lies in several files, chunk by chunk.
    fn read_from_files(&mut self, at: usize, region: &Region) -> Result<ArrayRef> {
        let variable = &self.program.variables[at];
        let whole = Region::all(&region.shape());
        let (mut parts, mut place_of) = (Vec::new(), vec![0u32; region.cells()]);
        let mut next = 0;
        for slab in variable.chunks.slabs_meeting(region) {
            let here = region.clip(&slab);
            let block = self.load_region(at, &Region::all_of(&slab))?;
            parts.push(block.decode(CellRuns::new(&here, block.cover()).runs())?);
            // Within the selected positions, those of a chunk are a box.
            let ranks =
                region.sets().iter().zip(slab.ranges()).map(|(set, range)| set.rank(range.start)..set.rank(range.end));
            let ranks = Region::new(ranks.map(IndexSet::range).collect());
            for cell in CellRuns::new(&ranks, &whole).runs().iter().flat_map(Clone::clone) {
                place_of[cell] = next;
                next += 1;
            }
        }
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        Ok(take(&concat(&parts)?, &UInt32Array::from(place_of), None)?)
    }

    /// The block of a variable, holding what the cells entered need of it, all in one file.
    fn load(&mut self, at: usize) -> Result<&Block> {
        let Some(Cover::One(region)) = self.covers[at].take() else {
            return Err(Error::internal("what a box needs of a variable was not found out"));
        };
        self.load_region(at, &region)?;
        self.covers[at] = Some(Cover::One(region));
        Ok(self.blocks[at].as_ref().expect("it was just read"))
    }

    /// The block of a variable, holding a region; one that was read last is kept.
    fn load_region(&mut self, at: usize, region: &Region) -> Result<&Block> {
        let variable = &self.program.variables[at];
        let held = self.blocks[at].as_ref().is_some_and(|block| block.cover().contains(region));
        if !held {
            let mut block = self.blocks[at].take().unwrap_or_default();
            let metrics = self.context.metrics();
            variable.dataset.read_region(variable.variable, region, &mut block, metrics.reads())?;
            metrics.chunks_done(variable.chunks.count_meeting(region) as u64);
            self.blocks[at] = Some(block);
            self.memory.resize(self.blocks.iter().flatten().map(Block::memory).sum())?;
        }
        Ok(self.blocks[at].as_ref().expect("it was just read"))
    }
}

impl Cells {
    fn new(region: Region) -> Self {
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
    fn keep(&mut self, rows: &UInt32Array) -> bool {
        let Some(found) = rows.nulls().map(|nulls| nulls.inner()) else { return true };
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
        let whole = IndexSet::all(1);
        let (set, inner) = match label.dim {
            Some(dim) => (&self.region.sets()[dim], self.cells_within(dim)),
            None => (&whole, self.rows),
        };
        repeated(&label.values, set, inner, self.rows)
    }

    /// The index along a dimension for each cell.
    fn positions(&self, dim: usize) -> ArrayRef {
        repeated_positions(&self.region.sets()[dim], self.cells_within(dim), self.rows)
    }

    /// How many cells a position of a dimension has along those inside of it.
    fn cells_within(&self, dim: usize) -> usize {
        self.region.sets()[dim + 1..].iter().map(IndexSet::len).product()
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
