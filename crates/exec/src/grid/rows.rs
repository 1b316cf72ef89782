//! The bridge for cells: blocks become batches, in row-major order of cells.

use super::cells::CellReader;
use super::program::Program;
use super::variable::DataVariable;
use super::vectors::{VECTOR_CELLS, vectors};
use super::window::{GridWindow, Held};
use crate::context::Context;
use crate::error::Result;
use crate::memory::Reservation;
use crate::parallel::fold_anew;
use crate::source::{Batch, Sink, Source, SourceColumn};
use arrow::array::{ArrayRef, BooleanArray};
use arrow::compute::filter;
use hyperslab_expr::{ColumnId, Expr, SqlType};
use hyperslab_grid::{AxisChunks, ChunkGrid, Hyperslab, Region};
use hyperslab_plan::{BoundQuery, GridPlan, Reach};
use std::ops::{ControlFlow, Range};

/// The most stored bytes of a box that is read at a time for the sake of row order: chunks that are long along the
/// outermost dimension are read again rather than held.
const BOX_BYTES: usize = 64 << 20;

/// The most bytes that a thread reads at a time for windows.
const READ_BYTES: usize = 128 << 20;

/// A partition takes boxes until the chunks that they meet have so many bytes.
const PARTITION_BYTES: usize = 4 << 20;

/// The present cells of a grid as rows.
///
/// # Errors
/// What goes wrong in reading labels.
pub(super) fn cells_as_rows(
    grid: &GridPlan,
    columns: &[ColumnId],
    query: &BoundQuery,
    context: &Context,
) -> Result<Box<dyn Source>> {
    let mut program = Program::new(grid, query, context)?;
    program.keep_only(columns.iter().copied());
    let known = grid.columns();
    let described = |id: &ColumnId| {
        let column = known.iter().find(|c| c.column.id == *id).expect("the bridge hands out columns of its grid");
        SourceColumn::from(&column.column)
    };
    let columns: Vec<SourceColumn> = columns.iter().map(described).collect();
    let memory = hold_windows(&mut program, context)?;
    program.keep_only(columns.iter().map(|column| column.id));
    let partitions = partitions(&program);
    context.metrics().expect_chunks(program.chunks_to_read() as u64);
    Ok(Box::new(CellRows { context: context.clone(), program, columns, partitions, _memory: memory }))
}

struct CellRows {
    context: Context,
    program: Program,
    columns: Vec<SourceColumn>,
    /// The boxes of each partition; all laid end to end are the grid in row-major order.
    partitions: Vec<Vec<Hyperslab>>,
    /// For columns that are held from the start.
    _memory: Reservation,
}

impl Source for CellRows {
    fn columns(&self) -> &[SourceColumn] {
        &self.columns
    }

    fn partitions(&self) -> usize {
        self.partitions.len()
    }

    fn run(&self, partition: usize, sink: &mut Sink<'_>) -> Result<()> {
        let mut reader = CellReader::new(&self.program, &self.context)?;
        for slab in &self.partitions[partition] {
            let region = self.program.region.clip(slab);
            reader.enter(&region)?;
            for part in self.computed_at_once(&region) {
                reader.enter_part(&part)?;
                for vector in vectors(&part, VECTOR_CELLS) {
                    if let Some(batch) = self.batch(&mut reader, vector)?
                        && sink(batch)?.is_break()
                    {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }
}

impl CellRows {
    /// A box cut such that the columns of windows, twice while they are put together, fit a thread's share of memory. Cells next to
    /// a cut are looked at for both parts.
    fn computed_at_once(&self, region: &Region) -> Vec<Region> {
        let cell: usize = self.program.windows_needed().map(|window| 2 * size_of::<u64>() * window.calls.len()).sum();
        let share = self.context.memory().limit() / (8 * self.context.threads().current_num_threads());
        match share.checked_div(cell) {
            Some(cells) => cut_in_order(region, cells),
            None => vec![region.clone()],
        }
    }

    fn batch(&self, reader: &mut CellReader<'_>, vector: Region) -> Result<Option<Batch>> {
        let Some(mut cells) = reader.run(vector)? else { return Ok(None) };
        let column = |c: &SourceColumn| -> Result<ArrayRef> { reader.evaluate(&mut cells, &column_expr(c.id, &c.ty)) };
        let columns = self.columns.iter().map(column).collect::<Result<Vec<_>>>()?;
        let Some(present) = cells.present() else { return Ok(Some(Batch { columns, rows: cells.rows() })) };
        let present = BooleanArray::new(present.clone(), None);
        let columns = columns.iter().map(|array| Ok(filter(array, &present)?)).collect::<Result<Vec<_>>>()?;
        Ok(Some(Batch { columns, rows: present.true_count() }))
    }
}

/// A region cut along its first dimension into parts of about `cells` cells, or as few as there can be. Laid end to end, their
/// vectors are those of the region.
fn cut_in_order(region: &Region, cells: usize) -> Vec<Region> {
    let long = region.sets().iter().position(|set| set.len() > 1);
    let Some(dim) = long.filter(|_| region.cells() > cells.max(VECTOR_CELLS)) else { return vec![region.clone()] };
    let set = &region.sets()[dim];
    let inner = region.cells() / set.len();
    let step = (VECTOR_CELLS / inner).max(1);
    let positions = (cells / inner / step).max(1) * step;
    let part = |start: usize| {
        let mut sets = region.sets().to_vec();
        sets[dim] = set.ranked(start..(start + positions).min(set.len()));
        Region::new(sets)
    };
    (0..set.len()).step_by(positions).map(part).collect()
}

/// Computes the columns of windows beforehand where boxes in row-major order do not hold what they see: where partitions
/// extend along dimensions that boxes are cut along, beyond a few rows.
fn hold_windows(program: &mut Program, context: &Context) -> Result<Reservation> {
    let mut memory = context.memory().reserve(0, "the columns of window functions")?;
    let reaches: Vec<Reach> =
        program.windows_needed().filter(|w| w.reach().rows.is_none()).map(GridWindow::reach).collect();
    let is_whole = |slab: &Hyperslab| {
        let clipped = program.region.clip(slab);
        let dims = reaches.iter().flat_map(|reach| reach.dims.dims());
        dims.into_iter().all(|dim| clipped.sets()[dim].len() == program.region.sets()[dim].len())
    };
    if partitions(program).iter().flatten().all(is_whole) {
        return Ok(memory);
    }
    context.metrics().expect_chunks(program.chunks_to_read() as u64);
    let boxes = program.in_several_boxes(program.with_reach(program.driver()), program.own_dims());
    let boxes = boxes.slabs_meeting(&program.region);
    let mut parts = Vec::new();
    let run = |at: usize| held_part(program, context, program.region.clip(&boxes[at]));
    fold_anew(context, boxes.len(), run, |_, held| {
        for part in held {
            // Once as they come, and once in their place.
            memory.grow(2 * part.memory())?;
            parts.push(part);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let held = Held::of_parts(program.region.clone(), parts)?;
    memory.resize(held.memory())?;
    program.hold(held);
    Ok(memory)
}

/// The columns of windows for the cells of a box, part by part.
fn held_part(program: &Program, context: &Context, region: Region) -> Result<Vec<Held>> {
    let threads = context.threads().current_num_threads();
    let share = (context.memory().limit() / (4 * threads)).min(READ_BYTES);
    let apart = program.own_dims();
    let mut reader = CellReader::new(program, context)?;
    let mut parts = Vec::new();
    for region in program.read_at_once(region, apart, share) {
        reader.enter(&region)?;
        for part in program.computed_at_once(region, apart) {
            reader.enter_part(&part)?;
            let columns = reader.windows()?;
            parts.push(Held { region: part, columns });
        }
    }
    Ok(parts)
}

fn column_expr(id: ColumnId, ty: &SqlType) -> Expr {
    Expr::Column(id, ty.clone())
}

/// Cuts the grid into partitions of boxes that follow one another in row-major order.
fn partitions(program: &Program) -> Vec<Vec<Hyperslab>> {
    let Some(bounds) = program.region.bounds() else { return Vec::new() };
    let cell: usize = program.variables.iter().map(DataVariable::cell_bytes).sum();
    let mut boxes = Vec::new();
    let chunks = program.with_reach(program.driver());
    let seen = |dim: usize| {
        let rows = program.windows_needed().map(GridWindow::reach).filter(|reach| reach.dims.contains(dim));
        rows.flat_map(|reach| reach.rows).map(|rows| rows.iter().sum()).max().unwrap_or(0)
    };
    let seen = (0..program.rank()).map(seen).collect();
    RowBoxes { chunks: &chunks, region: &program.region, bounds: bounds.ranges(), cell, seen }
        .cut(Vec::new(), &mut boxes);
    let mut partitions: Vec<Vec<Hyperslab>> = Vec::new();
    let mut filled = PARTITION_BYTES;
    for slab in boxes {
        if filled >= PARTITION_BYTES {
            partitions.push(Vec::new());
            filled = 0;
        }
        filled += bytes_to_read(program, &slab);
        partitions.last_mut().expect("one was just begun").push(slab);
    }
    partitions
}

/// The bytes of the chunks that hold the selected cells of a box.
fn bytes_to_read(program: &Program, slab: &Hyperslab) -> usize {
    let selected = program.region.clip(slab);
    let of = |v: &DataVariable| v.chunks.cells_meeting(&v.own_region(&selected)) * v.cell_bytes();
    program.variables.iter().map(of).sum::<usize>().max(selected.cells())
}

/// Boxes of whole inner dimensions, in row-major order, at chunk borders where these are not too far apart.
struct RowBoxes<'a> {
    chunks: &'a ChunkGrid,
    region: &'a Region,
    bounds: &'a [Range<usize>],
    /// The stored bytes of a cell, all variables together.
    cell: usize,
    /// How many positions along each dimension windows see from a cell: boxes are longer than that.
    seen: Vec<usize>,
}

impl RowBoxes<'_> {
    /// Adds the boxes that begin with these ranges of the outer dimensions.
    fn cut(&self, outer: Vec<Range<usize>>, out: &mut Vec<Hyperslab>) {
        let dim = outer.len();
        let Some(bounds) = self.bounds.get(dim) else { return out.push(Hyperslab::new(outer)) };
        let inner_bytes =
            self.bounds[dim + 1..].iter().map(ExactSizeIterator::len).product::<usize>() * self.cell.max(1);
        let fits = (BOX_BYTES / inner_bytes.max(1)).max(2 * self.seen[dim]);
        if fits == 0 {
            for at in self.region.sets()[dim].iter() {
                self.cut(longer(&outer, at..at + 1), out);
            }
            return;
        }
        for range in self.ranges(&self.chunks.axes()[dim], dim, bounds, fits) {
            let inner = self.bounds[dim + 1..].iter().cloned();
            out.push(Hyperslab::new(outer.iter().cloned().chain([range]).chain(inner).collect()));
        }
    }

    /// The chunks along a dimension that hold selected positions, cut to at most `fits` positions.
    fn ranges(&self, axis: &AxisChunks, dim: usize, bounds: &Range<usize>, fits: usize) -> Vec<Range<usize>> {
        let mut out = Vec::new();
        for chunk in axis.meeting(&self.region.sets()[dim]).iter() {
            let chunk = axis.range(chunk);
            let (from, to) = (chunk.start.max(bounds.start), chunk.end.min(bounds.end));
            out.extend((from..to).step_by(fits).map(|at| at..(at + fits).min(to)));
        }
        out
    }
}

fn longer(outer: &[Range<usize>], range: Range<usize>) -> Vec<Range<usize>> {
    outer.iter().cloned().chain([range]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab_grid::IndexSet;

    #[test]
    fn vectors_of_the_parts_of_a_box_are_those_of_the_box() {
        for shape in [vec![90, 192, 288], vec![1, 100, 100], vec![1, 81, 100], vec![50, 7, 9], vec![30_000], vec![]] {
            let mut sets: Vec<IndexSet> = shape.iter().map(|len| IndexSet::all(*len)).collect();
            if let Some(set) = sets.first_mut().filter(|set| set.len() > 1) {
                *set = IndexSet::from_mask((0..set.len()).map(|at| at % 5 != 3));
            }
            let region = Region::new(sets);
            let whole: Vec<Region> = vectors(&region, VECTOR_CELLS).collect();
            for cells in [0, 1, 9000, 60_000, 300_000, usize::MAX] {
                let parts = cut_in_order(&region, cells);
                let of_parts = parts.iter().flat_map(|part| vectors(part, VECTOR_CELLS).collect::<Vec<_>>());
                assert_eq!(of_parts.collect::<Vec<_>>(), whole, "{shape:?} {cells}");
                let is_cut = region.cells() > VECTOR_CELLS && cells < region.cells();
                assert_eq!(parts.len() > 1, is_cut && shape != [1, 81, 100], "{shape:?} {cells}");
            }
        }
    }
}
