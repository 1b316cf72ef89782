//! Rows that cells look up: each cell finds one at most, by values along axes. What is looked up for each position of an axis is
//! found once; for each cell there is nothing left but to add numbers.
//!
//! Rows are kept in memory as long as there is room, else on disk in the order of their numbers: cells that lie together find
//! rows that lie together.

mod found;
mod numbering;
mod places;
mod rows;
mod values;

pub(super) use found::Found;
pub(super) use numbering::{Numbering, too_many};

use super::program::Program;
use crate::context::Context;
use crate::error::Result;
use crate::lower::lower;
use crate::memory::Reservation;
use crate::parallel::stream_mapped;
use crate::source::{Batch, SourceColumn, array_bytes};
use arrow::array::{ArrayRef, UInt32Array};
use hyperslab_expr::{ColumnId, Expr};
use hyperslab_grid::{Footprint, IndexSet, Region};
use hyperslab_plan::{BoundQuery, JoinKind, RowPlan};
use numbering::MetValues;
use places::Places;
use rows::{NumberedRows, Rows};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use values::Values;

/// What memory is reserved for.
const WHAT: &str = "the rows that cells look up";

/// What a table takes for each position of an axis.
const ADD_BYTES: usize = size_of::<Option<u64>>() + size_of::<u32>();

/// Rows that cells look up.
pub(super) struct Table {
    axes: Vec<TableAxis>,
    places: Places,
    values: Values,
    _memory: Vec<Reservation>,
}

/// A table, and for pairs of its key the values of the rows, along the dimension that they are found on.
pub(super) type TableAndKeys = (Table, Vec<(usize, ArrayRef)>);

/// The part of a key that lies on one dimension of the grid.
struct TableAxis {
    dim: usize,
    /// For each position what it adds to the number of a key; none if no row has its values.
    adds: Vec<Option<u64>>,
    /// For each position the first that adds the same: all times of a month find the same rows.
    alike: Vec<u32>,
}

impl TableAxis {
    fn new(dim: usize, adds: Vec<Option<u64>>) -> Self {
        let mut first = HashMap::new();
        let alike = adds.iter().enumerate().map(|(at, add)| *first.entry(*add).or_insert(at as u32)).collect();
        Self { dim, adds, alike }
    }

    /// Positions that find the same rows, the same ones for each single position of several that are alike.
    fn footprint(&self, set: &IndexSet) -> IndexSet {
        match (set.len(), set.iter().next()) {
            (1, Some(at)) => {
                let alike = self.alike[at] as usize;
                IndexSet::range(alike..alike + 1)
            }
            _ => set.clone(),
        }
    }
}

impl Table {
    /// Runs a plan and keeps its rows, to be found where labels of a program are equal to the keys over the rows. What an inner
    /// join equates with a label is no column of it.
    pub(super) fn new(
        program: &Program,
        plan: &RowPlan,
        (on, kind): (&[(Expr, Expr)], JoinKind),
        query: &BoundQuery,
        context: &Context,
    ) -> Result<TableAndKeys> {
        let operator = context.metrics().enter("Lookup");
        let source = lower(plan, query, context)?;
        let labels = on.iter().map(|(left, _)| program.label_of(left)).collect::<Result<Vec<_>>>()?;
        let mut numbering = Numbering::new(&program.region, &program.shape, &labels)?;
        let is_label = |id: ColumnId| kind == JoinKind::Inner && on.iter().any(|(_, right)| is_column(right, id));
        let kept: Vec<usize> = (0..source.columns().len()).filter(|at| !is_label(source.columns()[*at].id)).collect();
        let columns: Vec<SourceColumn> = kept.iter().map(|at| source.columns()[*at].clone()).collect();
        let mut rows = Rows::new(context, &operator, &columns)?;
        let mut met = MetValues::new(&numbering);
        let number = |batch: Batch| NumberedRows::new(&numbering, source.as_ref(), batch, (on, &kept));
        stream_mapped(context, source.as_ref(), &number, &NumberedRows::bytes, &mut |batch| {
            operator.timed(|| {
                met.add(&batch.numbered, &batch.keys)?;
                rows.push(batch.rows, &batch.numbered)?;
                Ok(ControlFlow::Continue(()))
            })
        })?;
        drop(source);
        operator.gave(rows.count);
        let keys = met.keep_met(&mut numbering)?;
        let axes: Vec<TableAxis> = numbering.adds().into_iter().map(|(dim, adds)| TableAxis::new(dim, adds)).collect();
        let memory = context.memory().reserve(bytes_of_axes(&axes), WHAT)?.counted_by(&operator);
        let (places, values, held) = operator.timed(|| rows.finish(columns, numbering.count))?;
        Ok((Self { axes, places, values, _memory: held.into_iter().chain([memory]).collect() }, keys))
    }

    /// A column with a value for each combination of selected positions along some dimensions, row-major.
    pub(super) fn of_plane(
        sets: &[(usize, IndexSet)],
        shape: &[usize],
        column: (ColumnId, ArrayRef),
        context: &Context,
    ) -> Result<Self> {
        let (mut axes, mut stride) = (Vec::new(), 1);
        for (dim, set) in sets.iter().rev() {
            let mut adds = vec![None; shape[*dim]];
            set.iter().enumerate().for_each(|(rank, at)| adds[at] = Some(rank as u64 * stride));
            axes.push(TableAxis::new(*dim, adds));
            stride *= set.len() as u64;
        }
        let bytes = bytes_of_axes(&axes) + array_bytes(&column.1);
        let memory = context.memory().reserve(bytes, "what is computed for each place")?;
        Ok(Self { axes, places: Places::Same, values: Values::Joined(vec![column]), _memory: vec![memory] })
    }

    /// The classes of places: the class of each number, and how many classes there are.
    pub(super) fn of_classes(
        numbering: &Numbering,
        (of, classes): (Vec<u32>, usize),
        id: ColumnId,
        context: &Context,
    ) -> Result<Self> {
        let axes: Vec<TableAxis> = numbering.adds().into_iter().map(|(dim, adds)| TableAxis::new(dim, adds)).collect();
        let held = bytes_of_axes(&axes) + of.len() * size_of::<u32>() + classes * size_of::<u32>();
        let memory = context.memory().reserve(held, "the rows that places have")?;
        let numbers: ArrayRef = Arc::new(UInt32Array::from_iter_values(0..classes as u32));
        let values = Values::Joined(vec![(id, numbers)]);
        Ok(Self { axes, places: Places::Direct(of), values, _memory: vec![memory] })
    }

    /// For each dimension of the key the positions whose values some row has.
    pub(super) fn positions_met(&self) -> impl Iterator<Item = (usize, IndexSet)> {
        self.axes.iter().map(|axis| (axis.dim, IndexSet::from_mask(axis.adds.iter().map(Option::is_some))))
    }

    /// The values of a column that it has, for the rows found.
    pub(super) fn values(&self, id: ColumnId, found: &Found) -> Option<Result<ArrayRef>> {
        self.values.of(id, found)
    }

    /// The dimensions along which it is looked up.
    pub(super) fn dims(&self) -> Footprint {
        self.axes.iter().map(|axis| axis.dim).collect()
    }

    /// Whether it has a column.
    pub(super) fn has(&self, id: ColumnId) -> bool {
        self.values.has(id)
    }

    /// What decides which rows the cells of a region find: its positions along the dimensions of the key, how many there
    /// are along the others.
    pub(super) fn footprint(&self, region: &Region) -> Region {
        let along = |(dim, set): (usize, &IndexSet)| match self.axes.iter().find(|axis| axis.dim == dim) {
            Some(axis) => axis.footprint(set),
            None => IndexSet::all(set.len()),
        };
        Region::new(region.sets().iter().enumerate().map(along).collect())
    }

    /// The rows that the cells of a region find.
    pub(super) fn find(&self, region: &Region) -> Found {
        let mut adds: Vec<Vec<Option<u64>>> = region.sets().iter().map(|set| vec![Some(0); set.len()]).collect();
        for axis in &self.axes {
            let at = region.sets()[axis.dim].iter();
            adds[axis.dim] = at.map(|at| axis.adds[at]).collect();
        }
        Found::of_cells(&self.places, &adds)
    }
}

fn is_column(expr: &Expr, id: ColumnId) -> bool {
    matches!(expr, Expr::Column(own, _) if *own == id)
}

fn bytes_of_axes(axes: &[TableAxis]) -> usize {
    axes.iter().map(|axis| axis.adds.len() * ADD_BYTES).sum()
}

#[cfg(test)]
mod tests {
    use super::places::Layout;
    use super::*;
    use crate::rows::testing::Random;
    use arrow::array::AsArray;
    use arrow::datatypes::UInt32Type;

    /// A table of rows that are their own numbers, found by adding numbers of three dimensions.
    fn table(adds: [Vec<Option<u64>>; 3], places: Places, rows: u32) -> Table {
        let axes = adds.into_iter().enumerate().map(|(dim, adds)| TableAxis::new(dim, adds)).collect();
        let column: ArrayRef = Arc::new(UInt32Array::from_iter_values(0..rows));
        Table { axes, places, values: Values::Joined(vec![(ColumnId(1), column)]), _memory: Vec::new() }
    }

    #[test]
    fn rows_of_regions_are_those_of_their_cells() {
        let mut random = Random(11);
        for round in 0..60 {
            let along = |len: u64, stride: u64, random: &mut Random| -> Vec<Option<u64>> {
                let gaps = random.below(3) == 0;
                (0..len).map(|at| (!gaps || random.below(5) > 0).then_some(at * stride)).collect()
            };
            let adds = [along(4, 30, &mut random), along(5, 6, &mut random), along(6, 1, &mut random)];
            let has_row: Vec<u64> = (0..120).filter(|_| round % 3 == 0 || random.below(9) > 0).collect();
            let layouts = [Layout::Ranked, Layout::Direct, Layout::Sparse];
            let mut places = Places::new(layouts[round % 3], 120);
            places.add(&has_row, 0).unwrap();
            places.close();
            let table = table(adds.clone(), places, has_row.len() as u32);
            let part = |len: usize, random: &mut Random| {
                let start = random.below(len as u64) as usize;
                IndexSet::range(start..start + 1 + random.below((len - start) as u64) as usize)
            };
            let region = Region::new(vec![
                part(4, &mut random),
                part(5, &mut random),
                IndexSet::from_mask((0..6).map(|at| round % 4 > 0 || at % 2 == 0)),
            ]);
            let mut expected = Vec::new();
            for a in region.sets()[0].iter() {
                for b in region.sets()[1].iter() {
                    for c in region.sets()[2].iter() {
                        let number = adds[0][a].zip(adds[1][b]).zip(adds[2][c]).map(|((a, b), c)| a + b + c);
                        let row = number.and_then(|number| has_row.iter().position(|own| *own == number));
                        expected.push(row.map(|row| row as u32));
                    }
                }
            }
            let found = table.find(&region);
            let values = table.values(ColumnId(1), &found).unwrap().unwrap();
            let values: Vec<Option<u32>> = values.as_primitive::<UInt32Type>().iter().collect();
            assert_eq!(values, expected, "round {round}");
            let runs_on = expected.windows(2).all(|pair| pair[1].is_some() && pair[1] == pair[0].map(|row| row + 1));
            let is_run = matches!(found, Found::Run(_));
            assert_eq!(is_run, runs_on && expected[0].is_some(), "round {round}: {found:?}");
        }
    }
}
