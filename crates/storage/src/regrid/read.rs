//! Computing the cells of a region from those that they take, chunk by chunk of what is stored: a chunk is read once, and
//! what it adds to each cell is the same whatever region is asked for, so that results have the same bits.

use super::{Regridded, Rule};
use crate::block::Block;
use crate::metrics::ReadMetrics;
use crate::{Error, Result};
use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, Float32Array, Float64Array, UInt32Array, new_null_array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{DataType, Float64Type};
use hyperslab_grid::{AxisWeights, CellRuns, IndexSet, Region};
use std::sync::Arc;

/// A little less than the fraction that is asked for will do: sums of parts are rounded.
const ROUNDING: f64 = 1e-9;

/// What computing keeps from read to read.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Cells of the base.
    stored: Option<Box<Block>>,
    /// For each cell the weighted sum.
    sums: Vec<f64>,
    /// For each cell the weight of what is missing, or of what is not.
    parts: Vec<f64>,
}

impl Scratch {
    /// The memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        let stored = self.stored.as_ref().map_or(0, |stored| stored.memory());
        stored + (self.sums.capacity() + self.parts.capacity()) * size_of::<f64>()
    }
}

/// The values of a region of a column.
pub(super) fn values(
    column: &Regridded,
    region: &Region,
    ty: &DataType,
    scratch: &mut Scratch,
    metrics: &ReadMetrics,
) -> Result<ArrayRef> {
    let sources = column.sources(region);
    if sources.is_empty() {
        return Ok(new_null_array(ty, region.cells()));
    }
    match column.rule {
        Rule::Pick => pick(column, region, &sources, scratch, metrics),
        Rule::Corners => corners(column, region, &sources, ty, scratch, metrics),
        Rule::All | Rule::Area(_) => {
            sum(column, region, &sources, scratch, metrics)?;
            Ok(finished(column, region, ty, scratch))
        }
    }
}

/// Reads the cells of `sources` chunk by chunk.
fn each_chunk(
    column: &Regridded,
    sources: &Region,
    stored: &mut Option<Box<Block>>,
    metrics: &ReadMetrics,
    mut visit: impl FnMut(&Region, ArrayRef) -> Result<()>,
) -> Result<()> {
    let block = stored.get_or_insert_default();
    for slab in column.base.chunk_grid(column.variable).slabs_meeting(sources) {
        let part = sources.clip(&slab);
        // Within a chunk, gaps are read too: a box for each side of each gap would read the chunk again and again.
        let read = column.base.covering(column.variable, &part);
        column.base.read_region(column.variable, &read, block, metrics)?;
        visit(&part, block.decode(CellRuns::new(&part, block.cover()).runs())?)?;
    }
    Ok(())
}

/// Each cell takes the value of one other, whatever its type.
fn pick(
    column: &Regridded,
    region: &Region,
    sources: &Region,
    scratch: &mut Scratch,
    metrics: &ReadMetrics,
) -> Result<ArrayRef> {
    gathered(column, sources, picked(column, region, sources).into_iter(), scratch, metrics)
}

/// The values of cells, counted in `sources`; NULL for none.
fn gathered(
    column: &Regridded,
    sources: &Region,
    cells: impl Iterator<Item = Option<usize>>,
    scratch: &mut Scratch,
    metrics: &ReadMetrics,
) -> Result<ArrayRef> {
    // For each source cell, in row-major order, its place among those read.
    let (mut read, mut place_of, mut next) = (Vec::new(), vec![0_u32; sources.cells()], 0);
    let whole = Region::all(&sources.shape());
    each_chunk(column, sources, &mut scratch.stored, metrics, |part, values| {
        let ranks = part.sets().iter().zip(sources.sets()).map(|(part, all)| IndexSet::range(ranks(part, all)));
        let cells = CellRuns::new(&Region::new(ranks.collect()), &whole);
        for cell in cells.runs().iter().flat_map(Clone::clone) {
            place_of[cell] = next;
            next += 1;
        }
        read.push(values);
        Ok(())
    })?;
    let read: Vec<&dyn Array> = read.iter().map(AsRef::as_ref).collect();
    let cells = cells.map(|cell| cell.map(|cell| place_of[cell]));
    let failed = |error: arrow::error::ArrowError| Error::corrupt(error.to_string());
    take(&concat(&read).map_err(failed)?, &cells.collect::<UInt32Array>(), None).map_err(failed)
}

/// Each cell takes a list of others: those that it takes along each axis, the last axis fastest.
fn corners(
    column: &Regridded,
    region: &Region,
    sources: &Region,
    ty: &DataType,
    scratch: &mut Scratch,
    metrics: &ReadMetrics,
) -> Result<ArrayRef> {
    let DataType::FixedSizeList(item, len) = ty else { return Err(Error::corrupt("corners are no lists")) };
    let cells = corner_cells(column, region, sources).into_iter().map(Some);
    let items = gathered(column, sources, cells, scratch, metrics)?;
    let lists = FixedSizeListArray::try_new(Arc::clone(item), *len, items, None);
    Ok(Arc::new(lists.map_err(|error| Error::corrupt(error.to_string()))?))
}

/// For each cell of a region those that it takes, counted in `sources`: as many for each.
fn corner_cells(column: &Regridded, region: &Region, sources: &Region) -> Vec<usize> {
    let (mut cells, mut corners) = (vec![0], 1);
    for ((along, set), sources) in column.along.iter().zip(region.sets()).zip(sources.sets()) {
        let taken = |at: usize| match along {
            None => vec![sources.rank(at)],
            Some(weights) => weights.row(at).iter().map(|(source, _)| sources.rank(*source)).collect(),
        };
        let ranks: Vec<Vec<usize>> = set.iter().map(taken).collect();
        let inner = |outer: &[usize]| -> Vec<usize> {
            let of_position = |ranks: &Vec<usize>| -> Vec<usize> {
                outer.iter().flat_map(|outer| ranks.iter().map(move |rank| outer * sources.len() + rank)).collect()
            };
            ranks.iter().flat_map(of_position).collect()
        };
        cells = cells.chunks(corners).flat_map(inner).collect();
        corners *= ranks.first().map_or(1, Vec::len);
    }
    cells
}

/// For each cell of a region the one that it takes, counted in `sources`.
fn picked(column: &Regridded, region: &Region, sources: &Region) -> Vec<Option<usize>> {
    let mut cells = vec![Some(0)];
    for ((along, set), sources) in column.along.iter().zip(region.sets()).zip(sources.sets()) {
        let source = |at: usize| match along {
            None => Some(sources.rank(at)),
            Some(weights) => weights.row(at).first().map(|(source, _)| sources.rank(*source)),
        };
        let ranks: Vec<Option<usize>> = set.iter().map(source).collect();
        let inner = |outer: &Option<usize>| {
            let outer = *outer;
            ranks.iter().map(move |rank| Some(outer? * sources.len() + (*rank)?))
        };
        cells = cells.iter().flat_map(inner).collect();
    }
    cells
}

/// The ranks of a part's positions, which are neighbours there, among all.
fn ranks(part: &IndexSet, all: &IndexSet) -> std::ops::Range<usize> {
    let start = part.bounds().map_or(0, |bounds| all.rank(bounds.start));
    start..start + part.len()
}

/// Adds up what each cell takes.
fn sum(
    column: &Regridded,
    region: &Region,
    sources: &Region,
    scratch: &mut Scratch,
    metrics: &ReadMetrics,
) -> Result<()> {
    let Scratch { stored, sums, parts } = scratch;
    for sums in [&mut *sums, &mut *parts] {
        sums.clear();
        sums.resize(region.cells(), 0.0);
    }
    let shape = region.shape();
    each_chunk(column, sources, stored, metrics, |part, values| {
        let axes: Vec<Axis> =
            (0..shape.len()).map(|dim| Axis::new(column, dim, &part.sets()[dim], &region.sets()[dim])).collect();
        let (values, counted) = numbers(&values, column.rule)?;
        add(&axes, &part.shape(), values, &shape, sums);
        if let Some(counted) = counted {
            add(&axes, &part.shape(), counted, &shape, parts);
        }
        Ok(())
    })
}

/// Values as numbers, 0 where they are missing; and what is counted beside them: 1 for each that is not missing where a mean
/// is taken, and for each that is where all are needed. None if there is nothing to count.
fn numbers(values: &ArrayRef, rule: Rule) -> Result<(Vec<f64>, Option<Vec<f64>>)> {
    let reals = cast(values, &DataType::Float64).map_err(|error| Error::corrupt(error.to_string()))?;
    let reals = reals.as_primitive::<Float64Type>();
    let of_mean = matches!(rule, Rule::Area(_));
    let flag = |valid: bool| f64::from(u8::from(valid == of_mean));
    let counted = match reals.nulls().filter(|nulls| nulls.null_count() > 0) {
        Some(nulls) => Some(nulls.iter().map(flag).collect()),
        None => of_mean.then(|| vec![1.0; reals.len()]),
    };
    Ok((reals.iter().map(|value| value.unwrap_or(0.0)).collect(), counted))
}

/// What the positions of a part along one dimension add to: ranks in the region, ascending.
struct Axis {
    ranks: Vec<usize>,
    /// For each rank what it takes, by rank in the part; none if the dimension is not replaced.
    rows: Option<Vec<Vec<(usize, f64)>>>,
}

impl Axis {
    fn new(column: &Regridded, dim: usize, part: &IndexSet, region: &IndexSet) -> Self {
        match &column.along[dim] {
            None => Self { ranks: ranks(part, region).collect(), rows: None },
            Some(weights) => Self::of_weights(weights, part, region),
        }
    }

    fn of_weights(weights: &AxisWeights, part: &IndexSet, region: &IndexSet) -> Self {
        let (mut ranks, mut rows) = (Vec::new(), Vec::new());
        for (rank, at) in region.iter().enumerate() {
            let taken = weights.row(at).iter().filter(|(source, _)| part.contains(*source));
            let row: Vec<(usize, f64)> = taken.map(|(source, weight)| (part.rank(*source), *weight)).collect();
            if !row.is_empty() {
                ranks.push(rank);
                rows.push(row);
            }
        }
        Self { ranks, rows: Some(rows) }
    }
}

/// Applies the weights of each axis, the last first, to values of a part; then adds them to those of the region.
fn add(axes: &[Axis], part: &[usize], mut values: Vec<f64>, region: &[usize], sums: &mut [f64]) {
    let mut inner = 1;
    for (dim, axis) in axes.iter().enumerate().rev() {
        if let Some(rows) = &axis.rows {
            values = weighted(&values, part[dim], inner, rows);
        }
        inner *= axis.ranks.len();
    }
    scatter(axes, &values, region, sums);
}

/// Weighted sums along one dimension of `len`, with `inner` values at each position.
fn weighted(values: &[f64], len: usize, inner: usize, rows: &[Vec<(usize, f64)>]) -> Vec<f64> {
    let outer = values.len() / (len * inner).max(1);
    let mut out = vec![0.0; outer * rows.len() * inner];
    if out.is_empty() {
        return out;
    }
    for (values, out) in values.chunks_exact(len * inner).zip(out.chunks_exact_mut(rows.len() * inner)) {
        for (row, out) in rows.iter().zip(out.chunks_exact_mut(inner)) {
            for (at, weight) in row {
                let values = &values[at * inner..(at + 1) * inner];
                out.iter_mut().zip(values).for_each(|(out, value)| *out += weight * value);
            }
        }
    }
    out
}

/// Adds values to the places of a region that the ranks of the axes name.
fn scatter(axes: &[Axis], values: &[f64], region: &[usize], sums: &mut [f64]) {
    let ([axis, axes @ ..], [_, shape @ ..]) = (axes, region) else {
        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        return;
    };
    let (inner, stride) = (values.len() / axis.ranks.len().max(1), shape.iter().product::<usize>());
    for (at, rank) in axis.ranks.iter().enumerate() {
        scatter(axes, &values[at * inner..(at + 1) * inner], shape, &mut sums[rank * stride..(rank + 1) * stride]);
    }
}

/// Sums as values: means where that is the rule, and NULL where too little is there.
fn finished(column: &Regridded, region: &Region, ty: &DataType, scratch: &mut Scratch) -> ArrayRef {
    let Scratch { sums, parts, .. } = scratch;
    let is_there: Vec<bool> = match column.rule {
        Rule::Area(min) => parts.iter().map(|part| *part > 0.0 && *part >= min - ROUNDING).collect(),
        Rule::All | Rule::Pick | Rule::Corners => {
            let reached = reached(column, region);
            parts.iter().zip(reached).map(|(missing, reached)| reached && *missing == 0.0).collect()
        }
    };
    for ((sum, part), is_there) in sums.iter_mut().zip(parts).zip(&is_there) {
        let whole = if matches!(column.rule, Rule::Area(_)) { *part } else { 1.0 };
        *sum = if *is_there { *sum / whole } else { 0.0 };
    }
    let nulls = Some(NullBuffer::from(is_there)).filter(|nulls| nulls.null_count() > 0);
    match ty {
        DataType::Float32 => {
            Arc::new(Float32Array::new(sums.iter().map(|sum| *sum as f32).collect::<Vec<_>>().into(), nulls))
        }
        _ => Arc::new(Float64Array::new(sums.clone().into(), nulls)),
    }
}

/// For each cell of a region whether it takes any other, missing or not.
fn reached(column: &Regridded, region: &Region) -> Vec<bool> {
    let mut cells = vec![true];
    for (along, set) in column.along.iter().zip(region.sets()) {
        let takes = |at: usize| along.as_ref().is_none_or(|weights| !weights.row(at).is_empty());
        let takes: Vec<bool> = set.iter().map(takes).collect();
        cells = cells.iter().flat_map(|outer| takes.iter().map(move |inner| *outer && *inner)).collect();
    }
    cells
}
