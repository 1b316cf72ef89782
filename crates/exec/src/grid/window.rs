//! Window functions on blocks that hold whole partitions, or as much of them as is seen. The rows of a partition are found
//! by counting where the order follows an axis, and nothing is sorted.

use super::program::Program;
use super::sliding::{Lines, sliding};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::rows::sort_key::SortOrder;
use crate::rows::window::Sorted;
use crate::source::{Batch, SourceColumn, array_bytes};
use arrow::array::{
    Array, ArrayData, ArrayRef, Int64Array, MutableArrayData, UInt32Array, make_array, new_empty_array,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{concat, take};
use hyperslab_expr::{ColumnId, Expr, SqlType};
use hyperslab_grid::{CellRuns, Footprint, IndexSet, Region};
use hyperslab_plan::window::{FrameBound, Window, WindowCall};
use hyperslab_plan::{Column, Reach};
use std::ops::Range;
use std::sync::Arc;

/// The cells that windows are computed on at a time, where partitions are shorter.
pub(super) const PART_CELLS: usize = 1 << 18;

/// Calls of window functions over the same partitions and order.
#[derive(Clone, Debug)]
pub(super) struct GridWindow {
    pub(super) calls: Vec<(Column, WindowCall)>,
    reach: Reach,
    /// The window, with what lies on one axis computed: partitions by the keys on dimensions that it extends along.
    window: Window,
    /// Where the order follows one axis.
    sequence: Option<Sequence>,
    /// What is read of each cell.
    columns: Vec<SourceColumn>,
    /// The column, of those, that tells apart what no key does: a number for each position along the other dimensions.
    number: ColumnId,
}

/// The order of the positions of an axis within partitions.
#[derive(Clone, Debug)]
struct Sequence {
    dim: usize,
    /// For each selected position the number of its partition, and its place in all partitions laid end to end.
    places: Vec<(u32, u32)>,
    /// Whether there is one partition, and places ascend, or descend, with positions.
    direction: Option<Direction>,
}

/// How places follow positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Ascending,
    Descending,
}

/// The present cells of a region with the columns that a window reads.
pub(super) struct Gathered {
    pub(super) region: Region,
    pub(super) batch: Batch,
    /// Which cells are present; all if `None`.
    pub(super) present: Option<BooleanBuffer>,
}

impl GridWindow {
    /// Makes calls ready on the cells of a program.
    pub(super) fn new(
        program: &mut Program,
        window: &Window,
        calls: &[(Column, WindowCall)],
        reach: Reach,
    ) -> Result<Self> {
        let number = program.new_column();
        let mut partition = Vec::new();
        for key in &window.partition {
            if program.label_of(key)?.dim.is_some_and(|dim| reach.dims.contains(dim)) {
                partition.push(program.hoist(key.clone()));
            }
        }
        let mut window = Window { partition, order: window.order.clone() };
        let sequence = Sequence::new(program, &window, reach)?;
        window.order.iter_mut().for_each(|key| key.expr = program.hoist(key.expr.clone()));
        let mut calls = calls.to_vec();
        for (_, call) in &mut calls {
            call.exprs_mut().into_iter().for_each(|expr| *expr = program.hoist(expr.clone()));
        }
        if sequence.is_none() {
            window.partition.push(Expr::Column(number, SqlType::BigInt));
        } else if !calls.iter().any(|(_, call)| has_values(call)) {
            // Nothing compares the keys of rows whose places are known.
            window.order.clear();
        }
        let mut out = Self { calls, reach, window, sequence, columns: Vec::new(), number };
        out.columns = out.columns_read();
        Ok(out)
    }

    fn columns_read(&self) -> Vec<SourceColumn> {
        let keys: Vec<&Expr> =
            if self.sequence.is_some() { Vec::new() } else { self.window.partition.iter().collect() };
        let order = self.window.order.iter().map(|key| &key.expr);
        let of_calls = self.calls.iter().flat_map(|(_, call)| call.exprs());
        let mut columns: Vec<SourceColumn> = Vec::new();
        for expr in keys.into_iter().chain(order).chain(of_calls) {
            expr.walk(&mut |part| {
                if let Expr::Column(id, ty) = part
                    && columns.iter().all(|c| c.id != *id)
                {
                    columns.push(SourceColumn { id: *id, ty: ty.clone() });
                }
            });
        }
        columns
    }

    /// How much memory computing takes for a cell: what is read and computed, each as it comes and in its place, and
    /// where rows stand.
    pub(super) fn bytes_a_cell(&self) -> usize {
        2 * size_of::<u64>() * (self.columns.len() + self.calls.len()) + 6 * size_of::<u32>()
    }

    /// Forgets calls that nothing reads; says whether any is left.
    pub(super) fn keep_only(&mut self, needed: impl Fn(ColumnId) -> bool) -> bool {
        self.calls.retain(|(column, _)| needed(column.id));
        self.columns = self.columns_read();
        !self.calls.is_empty()
    }

    /// What is read of each cell.
    pub(super) fn columns(&self) -> &[SourceColumn] {
        &self.columns
    }

    /// For each cell of a vector of a region the number of its place along the dimensions that partitions do not extend
    /// along, if that is what a column is.
    pub(super) fn numbers(&self, id: ColumnId, region: &Region, vector: &Region) -> Option<ArrayRef> {
        if id != self.number {
            return None;
        }
        let mut numbers = vec![0_i64];
        for (dim, (all, set)) in region.sets().iter().zip(vector.sets()).enumerate() {
            let own = !self.reach.dims.contains(dim);
            let ranks: Vec<i64> = set.iter().map(|at| if own { all.rank(at) as i64 } else { 0 }).collect();
            let len = if own { all.len() as i64 } else { 1 };
            numbers = numbers.iter().flat_map(|number| ranks.iter().map(move |rank| number * len + rank)).collect();
        }
        Some(Arc::new(Int64Array::from(numbers)))
    }

    /// Results with the columns that they are.
    pub(super) fn columns_of(&self, results: Vec<ArrayRef>) -> Vec<(ColumnId, ArrayRef)> {
        self.calls.iter().map(|(column, _)| column.id).zip(results).collect()
    }

    /// The dimensions that partitions extend along.
    pub(super) fn reach(&self) -> Reach {
        self.reach
    }

    /// The dimensions along which cells can be taken apart.
    pub(super) fn own_dims(&self, rank: usize) -> Footprint {
        (0..rank).filter(|dim| !self.reach.dims.contains(*dim)).collect()
    }

    /// The cells, of `all`, that are seen from those of a region.
    pub(super) fn seen_from(&self, region: &Region, all: &Region) -> Region {
        let along = |(dim, set): (usize, &IndexSet)| {
            let all = &all.sets()[dim];
            match (self.reach.dims.contains(dim), self.reach.rows, set.bounds()) {
                (false, ..) | (_, _, None) => set.clone(),
                (true, None, _) => all.clone(),
                (true, Some([before, after]), Some(bounds)) => {
                    let ranks = all.rank(bounds.start)..all.rank(bounds.end);
                    let end = ranks.end.saturating_add(after).min(all.len());
                    all.ranked(ranks.start.saturating_sub(before)..end)
                }
            }
        };
        Region::new(region.sets().iter().enumerate().map(along).collect())
    }

    /// The results of all calls, for each cell gathered, absent ones included.
    pub(super) fn compute(&self, context: &Context, gathered: &Gathered) -> Result<Vec<ArrayRef>> {
        let mut sorted = None;
        let mut results = Vec::with_capacity(self.calls.len());
        for (_, call) in &self.calls {
            context.check()?;
            if let Some(values) = self.slide(call, gathered)? {
                results.push(values);
                continue;
            }
            if sorted.is_none() {
                sorted = Some(self.sorted(context, gathered)?);
            }
            let values = sorted.as_ref().expect("it was just made").results(context, call)?;
            results.push(gathered.spread(values)?);
        }
        Ok(results)
    }

    /// The result of a call by sliding a frame along an axis, if it is of a kind that allows it.
    fn slide(&self, call: &WindowCall, gathered: &Gathered) -> Result<Option<ArrayRef>> {
        let Some(Sequence { dim, direction: Some(direction), .. }) = &self.sequence else { return Ok(None) };
        if gathered.present.is_some() {
            return Ok(None);
        }
        let lines = Lines::new(&gathered.region, *dim, *direction);
        sliding(call, &lines, |id| {
            let at = self.columns.iter().position(|c| c.id == id)?;
            Some(gathered.batch.columns[at].clone())
        })
    }

    fn sorted(&self, context: &Context, gathered: &Gathered) -> Result<Sorted<'_>> {
        match &self.sequence {
            Some(sequence) => {
                let (places, partitions) = sequence.places(gathered);
                Sorted::in_places(&self.columns, &gathered.batch, &self.window, places, partitions)
            }
            None => Sorted::new(context, &self.columns, &gathered.batch, &self.window),
        }
    }
}

/// Whether a call compares keys of the order with values.
fn has_values(call: &WindowCall) -> bool {
    [&call.frame.start, &call.frame.end].into_iter().any(|bound| matches!(bound, FrameBound::Value { .. }))
}

impl Sequence {
    /// The sequence of the selected positions of the one dimension that partitions extend along; none if they do along
    /// several, or the order has ties or reads data.
    fn new(program: &Program, window: &Window, reach: Reach) -> Result<Option<Self>> {
        let Some(dim) = reach.dims.single().filter(|_| !window.order.is_empty()) else { return Ok(None) };
        let on_axis = |expr: &Expr| program.label_of(expr).ok().filter(|label| label.dim == Some(dim));
        let keys = window.order.iter().map(|key| on_axis(&key.expr)).collect::<Option<Vec<_>>>();
        let bins = window.partition.iter().map(on_axis).collect::<Option<Vec<_>>>();
        let (Some(keys), Some(bins)) = (keys, bins) else { return Ok(None) };
        let selected: UInt32Array = program.region.sets()[dim].iter().map(|at| at as u32).collect();
        let at_selected = |label: &super::program::Label| take(&label.values, &selected, None);
        let keys = keys.iter().map(at_selected).collect::<std::result::Result<Vec<_>, _>>()?;
        let bins = bins.iter().map(at_selected).collect::<std::result::Result<Vec<_>, _>>()?;
        let keys = SortOrder::new(&window.order, &[])?.keys_of_values(&keys)?;
        let bins = if bins.is_empty() { vec![0; selected.len()] } else { super::bins::numbers(&bins, selected.len())? };
        let mut order: Vec<usize> = (0..selected.len()).collect();
        order.sort_by(|a, b| bins[*a].cmp(&bins[*b]).then_with(|| keys.row(*a).cmp(&keys.row(*b))));
        let ties = |pair: &[usize]| bins[pair[0]] == bins[pair[1]] && keys.row(pair[0]) == keys.row(pair[1]);
        if order.windows(2).any(ties) {
            return Ok(None);
        }
        let is_one = bins.iter().all(|bin| *bin == 0);
        let direction = match () {
            () if is_one && order.is_sorted() => Some(Direction::Ascending),
            () if is_one && order.iter().rev().is_sorted() => Some(Direction::Descending),
            () => None,
        };
        let mut places = vec![(0, 0); program.shape[dim]];
        for (place, at) in order.iter().enumerate() {
            places[selected.value(*at) as usize] = (bins[*at], place as u32);
        }
        Ok(Some(Self { dim, places, direction }))
    }

    /// The rows of gathered cells by partition and place, and the ranges of the partitions.
    fn places(&self, gathered: &Gathered) -> (Vec<u32>, Vec<Range<usize>>) {
        let shape = gathered.region.shape();
        let mut steps: Vec<((u32, u32), usize)> =
            gathered.region.sets()[self.dim].iter().enumerate().map(|(rank, at)| (self.places[at], rank)).collect();
        steps.sort_unstable();
        let rows = gathered.row_of_cell();
        let inner: usize = shape[self.dim + 1..].iter().product();
        let line = shape[self.dim] * inner;
        let outer = gathered.region.cells() / line.max(1);
        let (mut places, mut partitions) = (Vec::with_capacity(gathered.batch.rows), Vec::new());
        for first in (0..outer).flat_map(|block| (0..inner).map(move |lane| block * line + lane)) {
            let mut last = None;
            for ((bin, _), rank) in &steps {
                let cell = first + rank * inner;
                let Some(row) = rows.as_ref().map_or(Some(cell as u32), |rows| rows[cell]) else { continue };
                if last.replace(bin) != Some(bin) {
                    partitions.push(places.len()..places.len());
                }
                places.push(row);
                partitions.last_mut().expect("one was just begun").end = places.len();
            }
        }
        (places, partitions)
    }
}

impl Gathered {
    /// For each cell its row among those present, if it is; none if all are.
    fn row_of_cell(&self) -> Option<Vec<Option<u32>>> {
        let mut next = 0;
        self.present.as_ref().map(|present| {
            let row = |here: bool| {
                next += u32::from(here);
                here.then(|| next - 1)
            };
            present.iter().map(row).collect()
        })
    }

    /// Values of the present cells, for all cells.
    fn spread(&self, values: ArrayRef) -> Result<ArrayRef> {
        match self.row_of_cell() {
            None => Ok(values),
            Some(rows) => Ok(take(&values, &UInt32Array::from(rows), None)?),
        }
    }
}

/// Columns for all cells of a region.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) region: Region,
    pub(super) columns: Vec<(ColumnId, ArrayRef)>,
}

impl Held {
    /// Columns put together from parts of a region, which have all of its cells.
    pub(super) fn of_parts(region: Region, mut parts: Vec<Self>) -> Result<Self> {
        if parts.len() == 1 {
            let columns = parts.pop().map(|part| part.columns).unwrap_or_default();
            return Ok(Self { region, columns });
        }
        let ids: Vec<ColumnId> = parts.iter().take(1).flat_map(|part| &part.columns).map(|(id, _)| *id).collect();
        let column = |(at, id): (usize, ColumnId)| {
            let parts = parts.iter().map(|part| (part.region.clone(), part.columns[at].1.clone()));
            Ok((id, side_by_side(&region, parts.collect())?))
        };
        let columns = ids.into_iter().enumerate().map(column).collect::<Result<_>>()?;
        Ok(Self { region, columns })
    }

    /// The columns for some of the cells only.
    pub(super) fn narrowed(self, region: &Region) -> Result<Self> {
        if self.region == *region {
            return Ok(self);
        }
        let column = |(id, _): &(ColumnId, ArrayRef)| Ok((*id, self.values(*id, region)?));
        let columns = self.columns.iter().map(column).collect::<Result<_>>()?;
        Ok(Self { region: region.clone(), columns })
    }

    /// Whether it has a column.
    pub(super) fn has(&self, id: ColumnId) -> bool {
        self.columns.iter().any(|(own, _)| *own == id)
    }

    /// A column for some of the cells.
    pub(super) fn values(&self, id: ColumnId, region: &Region) -> Result<ArrayRef> {
        let found = self.columns.iter().find(|(own, _)| *own == id);
        let (_, values) = found.ok_or_else(|| Error::internal("a window does not have a column that is read of it"))?;
        let runs = CellRuns::new(region, &self.region);
        let slices: Vec<ArrayRef> = runs.runs().iter().map(|run| values.slice(run.start, run.len())).collect();
        match slices.as_slice() {
            [] => Ok(new_empty_array(values.data_type())),
            [one] => Ok(one.clone()),
            many => Ok(concat(&many.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?),
        }
    }

    /// The bytes of the columns.
    pub(super) fn memory(&self) -> usize {
        self.columns.iter().map(|(_, values)| array_bytes(values)).sum()
    }
}

/// The values of the cells of a region from those of its parts. Within the selected positions each part is a box.
pub(super) fn side_by_side(region: &Region, parts: Vec<(Region, ArrayRef)>) -> Result<ArrayRef> {
    let whole = Region::all(&region.shape());
    // Where cells of a part lie together, how many, and in which part. Within a part they are in order.
    let mut runs: Vec<(usize, u32, u32)> = Vec::new();
    for (number, (part, _)) in parts.iter().enumerate() {
        let ranks = region.sets().iter().zip(part.sets()).map(|(all, set)| {
            let bounds = set.bounds().unwrap_or_default();
            IndexSet::range(all.rank(bounds.start)..all.rank(bounds.end))
        });
        let ranks = Region::new(ranks.collect());
        let cells = CellRuns::new(&ranks, &whole);
        runs.extend(cells.runs().iter().map(|run| (run.start, run.len() as u32, number as u32)));
    }
    runs.sort_unstable();
    let values: Vec<ArrayData> = parts.iter().map(|(_, values)| values.to_data()).collect();
    let mut out = MutableArrayData::new(values.iter().collect(), false, region.cells());
    let mut taken = vec![0; values.len()];
    for (_, cells, part) in runs {
        let (cells, part) = (cells as usize, part as usize);
        out.try_extend(part, taken[part], taken[part] + cells)?;
        taken[part] += cells;
    }
    Ok(make_array(out.freeze()))
}

/// A region cut in halves, along the longest of some dimensions, as often as it takes for each part to be `small`. In
/// which order parts come does not depend on where cutting stops.
pub(super) fn halved(region: &Region, along: Footprint, small: &dyn Fn(&Region) -> bool) -> Vec<Region> {
    let longest = along.dims().max_by_key(|dim| (region.sets()[*dim].len(), std::cmp::Reverse(*dim)));
    let Some(dim) = longest.filter(|dim| region.sets()[*dim].len() > 1 && !small(region)) else {
        return vec![region.clone()];
    };
    let set = &region.sets()[dim];
    let half = |ranks: Range<usize>| {
        let mut sets = region.sets().to_vec();
        sets[dim] = set.ranked(ranks);
        Region::new(sets)
    };
    let middle = set.len() / 2;
    let parts = [half(0..middle), half(middle..set.len())];
    parts.iter().flat_map(|part| halved(part, along, small)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;

    fn cells(region: &Region, shape: &[usize]) -> Vec<usize> {
        CellRuns::new(region, &Region::all(shape)).runs().iter().flat_map(Clone::clone).collect()
    }

    #[test]
    fn parts_come_in_one_order_wherever_cutting_stops() {
        let shape = [6, 9, 5];
        let region = Region::new(vec![
            IndexSet::all(6),
            IndexSet::from_mask((0..9).map(|at| at % 3 != 1)),
            IndexSet::range(1..5),
        ]);
        let along: Footprint = [1, 2].into_iter().collect();
        let smallest: Vec<Region> = halved(&region, along, &|part| part.cells() <= 12);
        assert!(smallest.iter().all(|part| part.sets()[0].len() == 6 && part.cells() <= 12));
        for most in [1, 24, 50, 1000] {
            let parts = halved(&region, along, &|part: &Region| part.cells() <= most);
            let again = parts.iter().flat_map(|part| halved(part, along, &|part| part.cells() <= 12));
            if most >= 12 {
                assert_eq!(again.collect::<Vec<_>>(), smallest, "{most}");
            }
            let mut all: Vec<usize> = parts.iter().flat_map(|part| cells(part, &shape)).collect();
            all.sort_unstable();
            assert_eq!(all, cells(&region, &shape), "{most}");
        }
    }

    #[test]
    fn parts_side_by_side_are_the_region() {
        let shape = [4, 7, 3];
        let region = Region::new(vec![IndexSet::range(1..4), IndexSet::from_ascending([0, 2, 3, 6]), IndexSet::all(3)]);
        let values = |region: &Region| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(cells(region, &shape).into_iter().map(|cell| cell as i64)))
        };
        let parts = halved(&region, Footprint::all(3), &|part: &Region| part.cells() <= 5);
        let held = |part: Region| Held { columns: vec![(ColumnId(7), values(&part))], region: part };
        let whole = Held::of_parts(region.clone(), parts.into_iter().map(held).collect()).unwrap();
        assert_eq!(&whole.values(ColumnId(7), &region).unwrap(), &values(&region));
        let some = Region::new(vec![IndexSet::range(2..3), IndexSet::from_ascending([2, 6]), IndexSet::range(1..3)]);
        let narrowed = whole.narrowed(&some).unwrap();
        let found = narrowed.values(ColumnId(7), &some).unwrap();
        assert_eq!(found.as_primitive::<Int64Type>().values(), &[49, 50, 61, 62]);
        assert!(narrowed.values(ColumnId(8), &some).is_err());
    }
}
