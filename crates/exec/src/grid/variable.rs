//! The columns of a scan, made ready to be read: labels, which are known whole, and variables, whose cells are read when
//! they are needed. A scan that is joined to another has its dimensions found on those of the other.

use super::program::Label;
use crate::error::{Error, Result};
use arrow::array::{ArrayRef, Int64Array, UInt32Array};
use arrow::datatypes::DataType;
use hyperslab_grid::schema::Role;
use hyperslab_grid::{AxisChunks, AxisMap, CellRuns, ChunkGrid, IndexSet, Region};
use hyperslab_plan::axis::MAX_AXIS_VALUES;
use hyperslab_plan::{Along, ColumnSource, Scan, ScanColumn};
use hyperslab_storage::{Block, Dataset};
use std::sync::Arc;

/// A variable whose cells are read from files.
#[derive(Clone, Debug)]
pub(super) struct DataVariable {
    pub(super) id: hyperslab_expr::ColumnId,
    pub(super) dataset: Arc<Dataset>,
    /// By position in the dataset's schema.
    pub(super) variable: usize,
    pub(super) ty: DataType,
    /// Whether the integers that stand for its values are read.
    packed: bool,
    /// Its dimensions in stored order, as dimensions of the grid.
    pub(super) dims: Vec<usize>,
    /// For each of its dimensions where positions of the grid lead, if these are not its own.
    maps: Option<Vec<AxisMap>>,
    /// How it is cut on disk, over its own dimensions.
    pub(super) chunks: ChunkGrid,
}

/// A column of a scan.
pub(super) enum Scanned {
    Label(Label),
    /// The index along a dimension that is too long for a label.
    Positions(usize),
    Cells(DataVariable),
}

/// Makes a column of a scan ready.
pub(super) fn scanned(
    dataset: &Arc<Dataset>,
    scan: &Scan,
    column: &ScanColumn,
    along: Option<&[Along]>,
) -> Result<Scanned> {
    let label = |values: ArrayRef, dim: Option<usize>| -> Result<Scanned> {
        let Some(along) = dim.and_then(|dim| Some(&along?[dim])) else {
            return Ok(Scanned::Label(Label { dim, values }));
        };
        Ok(Scanned::Label(Label { dim: Some(along.dim), values: along.read(&values)? }))
    };
    match column.source {
        ColumnSource::Position(dim) if along.is_none() && scan.shape[dim] > MAX_AXIS_VALUES => {
            Ok(Scanned::Positions(dim))
        }
        ColumnSource::Position(dim) => {
            label(Arc::new(Int64Array::from_iter_values(0..scan.shape[dim] as i64)), Some(dim))
        }
        ColumnSource::Variable(v) if is_label(dataset, scan, v, column) => {
            label(dataset.coordinate(v)?, column.footprint.single())
        }
        ColumnSource::Variable(variable) | ColumnSource::Packed(variable) => {
            let stored = &dataset.schema().variables[variable].dims;
            let on_scan = |d: &usize| scan.dims.iter().position(|own| own == d);
            let dims = stored.iter().map(on_scan).collect::<Option<Vec<_>>>();
            let dims = dims.ok_or_else(|| Error::internal("a variable does not lie on the grid of its scan"))?;
            let maps = along.map(|along| dims.iter().map(|dim| along[*dim].map.clone()).collect());
            let dims = dims.into_iter().map(|dim| along.map_or(dim, |along| along[dim].dim)).collect();
            let (id, ty, chunks) = (column.column.id, column.column.ty.to_arrow(), dataset.chunk_grid(variable));
            let packed = matches!(column.source, ColumnSource::Packed(_));
            Ok(Scanned::Cells(DataVariable { id, dataset: dataset.clone(), variable, ty, packed, dims, maps, chunks }))
        }
    }
}

/// Whether a variable is read whole and beforehand: labels of an axis of usual length.
fn is_label(dataset: &Dataset, scan: &Scan, variable: usize, column: &ScanColumn) -> bool {
    let short = match column.footprint.single() {
        Some(dim) => scan.shape[dim] <= MAX_AXIS_VALUES,
        None => column.footprint.is_empty(),
    };
    short
        && match dataset.schema().variables[variable].role {
            Role::DimensionCoordinate | Role::AuxiliaryCoordinate | Role::Hidden => true,
            Role::Data | Role::Bounds => false,
        }
}

impl DataVariable {
    /// The cells of the variable, in its own positions, that cells of the grid need.
    pub(super) fn own_region(&self, region: &Region) -> Region {
        match &self.maps {
            None => region.project(&self.dims),
            Some(maps) => {
                let along = |(dim, map): (&usize, &AxisMap)| mapped(&region.sets()[*dim], map);
                Region::new(self.dims.iter().zip(maps).map(along).collect())
            }
        }
    }

    /// The cells of a region of a block, in its own positions.
    pub(super) fn decode(&self, block: &Block, region: &Region) -> Result<ArrayRef> {
        let cells = CellRuns::new(region, block.cover());
        Ok(match self.packed {
            true => block.decode_packed(cells.runs(), &self.ty)?,
            false => block.decode(cells.runs())?,
        })
    }

    /// For each cell of a region of the grid the place of its value among the cells of [`own_region`](Self::own_region);
    /// none if these are the same cells in the same order.
    pub(super) fn places(&self, region: &Region, own: &Region) -> Option<UInt32Array> {
        let rank = region.sets().len();
        let in_order = self.dims.iter().copied().eq(0..rank);
        if in_order && self.maps.as_ref().is_none_or(|maps| keeps_order(region, maps)) {
            return None;
        }
        // What each position along each dimension of the grid adds to the place; none if nothing is there.
        let mut adds: Vec<Vec<Option<usize>>> = region.sets().iter().map(|set| vec![Some(0); set.len()]).collect();
        let mut stride = 1;
        for (k, dim) in self.dims.iter().enumerate().rev() {
            for (add, at) in adds[*dim].iter_mut().zip(region.sets()[*dim].iter()) {
                let own_at = self.maps.as_ref().map_or(Some(at), |maps| maps[k].get(at));
                *add = add.zip(own_at).map(|(add, at)| add + own.sets()[k].rank(at) * stride);
            }
            stride *= own.sets()[k].len();
        }
        let mut places = Vec::with_capacity(region.cells());
        push_places(&adds, Some(0), &mut places);
        Some(UInt32Array::from(places))
    }

    /// Whether it lies on all dimensions of a grid, on each once.
    pub(super) fn is_on_all(&self, rank: usize) -> bool {
        self.dims.len() == rank && (0..rank).all(|dim| self.dims.contains(&dim))
    }

    /// The chunks along a dimension of the grid, and where positions are on it if these are not its own.
    fn axis(&self, dim: usize) -> Option<(&AxisChunks, Option<&AxisMap>)> {
        let own = self.dims.iter().position(|own| *own == dim)?;
        Some((&self.chunks.axes()[own], self.maps.as_ref().map(|maps| &maps[own])))
    }

    /// About the bytes that reading a cell takes.
    pub(super) fn cell_bytes(&self) -> usize {
        self.dataset.cell_bytes(self.variable).max(1)
    }
}

/// The positions that a set leads to.
fn mapped(set: &IndexSet, map: &AxisMap) -> IndexSet {
    let mut to: Vec<usize> = set.iter().filter_map(|at| map.get(at)).collect();
    if !to.is_sorted() {
        to.sort_unstable();
    }
    to.dedup();
    IndexSet::from_ascending(to)
}

/// Whether each position of a region leads somewhere, to positions that ascend as they do.
fn keeps_order(region: &Region, maps: &[AxisMap]) -> bool {
    region.sets().iter().zip(maps).all(|(set, map)| {
        let to: Vec<Option<usize>> = set.iter().map(|at| map.get(at)).collect();
        to.iter().all(Option::is_some) && to.windows(2).all(|pair| pair[0] < pair[1])
    })
}

/// A dimension of the grid cut wherever neighbouring positions lead into different chunks of a variable: of the first of some
/// that has cells there.
pub(super) fn cuts(variables: &[&DataVariable], dim: usize, len: usize) -> AxisChunks {
    let axes: Vec<_> = variables.iter().filter_map(|variable| variable.axis(dim)).collect();
    if let Some((axis, None)) = axes.first() {
        return (*axis).clone();
    }
    let chunk = |at: usize, (axis, map): &(&AxisChunks, Option<&AxisMap>)| {
        map.map_or(Some(at), |map| map.get(at)).map(|at| axis.chunk_of(at))
    };
    let chunk_of = |at: usize| axes.iter().enumerate().find_map(|(which, axis)| Some((which, chunk(at, axis)?)));
    let (mut edges, mut last) = (vec![0], None);
    for at in 0..len {
        let chunk = chunk_of(at).or(last);
        if last.is_some() && chunk != last {
            edges.push(at);
        }
        last = chunk;
    }
    edges.push(len);
    AxisChunks::from_edges(edges)
}

fn push_places(adds: &[Vec<Option<usize>>], base: Option<usize>, out: &mut Vec<Option<u32>>) {
    match adds {
        [] => out.push(base.map(|base| base as u32)),
        [own, inner @ ..] => own.iter().for_each(|add| {
            push_places(inner, base.zip(*add).map(|(base, add)| base + add), out);
        }),
    }
}
