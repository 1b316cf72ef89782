//! Rows that cells look up: each cell finds one at most, by values along axes. What is looked up for each position of an axis is
//! found once; for each cell there is nothing left but to add numbers.
//!
//! Rows are kept in memory as long as there is room, else on disk in the order of their numbers: cells that lie together find
//! rows that lie together.

mod numbering;
mod places;
mod values;

pub(super) use numbering::{Numbering, too_many};

use super::program::Program;
use crate::context::Context;
use crate::error::Result;
use crate::lower::lower;
use crate::memory::Reservation;
use crate::metrics::Operator;
use crate::parallel::stream_mapped;
use crate::rows::evaluate::{evaluate, keep};
use crate::rows::sort::sort;
use crate::rows::spill::kept::Kept;
use crate::rows::spill::places as numbers;
use crate::source::{Batch, Source, SourceColumn, array_bytes};
use arrow::array::{Array, ArrayRef, BooleanBufferBuilder, UInt32Array};
use arrow::buffer::BooleanBuffer;
use hyperslab_expr::{ColumnId, Expr};
use hyperslab_grid::{Footprint, IndexSet, Region};
use hyperslab_plan::{BoundQuery, JoinKind, RowPlan};
use numbering::{MetValues, Numbered};
use places::{Layout, Places};
use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
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

/// The rows that the cells of a vector found.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// Consecutive rows, one for each cell.
    Run(Range<usize>),
    /// Runs of cells with consecutive rows, and of cells with none.
    Runs(Vec<Stretch>),
    /// A row, or none, for each cell.
    Each(UInt32Array),
}

/// Neighbouring cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stretch {
    /// The row of the first; the others have the rows that follow. If none, no cell has one.
    row: Option<u32>,
    cells: usize,
}

/// Runs at least as long on average are copied together.
const RUN_CELLS: usize = 8;

impl Found {
    /// What stretches of cells found.
    fn new(stretches: Vec<Stretch>) -> Self {
        let cells: usize = stretches.iter().map(|stretch| stretch.cells).sum();
        match stretches.as_slice() {
            [Stretch { row: Some(row), cells }] => Self::Run(*row as usize..*row as usize + cells),
            all if all.len() * RUN_CELLS <= cells => Self::Runs(stretches),
            all => Self::Each(all.iter().flat_map(Stretch::rows).collect()),
        }
    }

    /// Which cells found one, if not all did.
    pub(super) fn present(&self) -> Option<BooleanBuffer> {
        match self {
            Self::Run(_) => None,
            Self::Runs(all) if all.iter().all(|stretch| stretch.row.is_some()) => None,
            Self::Runs(all) => {
                let mut present = BooleanBufferBuilder::new(0);
                all.iter().for_each(|stretch| present.append_n(stretch.cells, stretch.row.is_some()));
                Some(present.finish())
            }
            Self::Each(rows) => rows.nulls().map(|nulls| nulls.inner().clone()),
        }
    }
}

impl Stretch {
    fn rows(&self) -> impl Iterator<Item = Option<u32>> {
        let row = self.row;
        (0..self.cells as u32).map(move |at| row.map(|row| row + at))
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
        // Along the innermost dimensions numbers count up by one.
        let (mut dims, mut together) = (adds.len(), 1);
        while dims > 0 && counts_up(&adds[dims - 1], together as u64) {
            together *= adds[dims - 1].len();
            dims -= 1;
        }
        let first: Option<u64> = adds[dims..].iter().map(|adds| adds.first().copied().flatten()).sum();
        let mut finder = Finder { places: &self.places, together, stretches: Vec::new() };
        if !region.is_empty() {
            finder.find(&adds[..dims], first);
        }
        Found::new(finder.stretches)
    }
}

/// Whether numbers along a dimension are as far apart as the numbers along the dimensions within it are many.
fn counts_up(adds: &[Option<u64>], step: u64) -> bool {
    adds.iter().all(Option::is_some) && adds.windows(2).all(|pair| pair[1] == pair[0].map(|add| add + step))
}

/// Finds rows of cells, as many together as their numbers count up.
struct Finder<'a> {
    places: &'a Places,
    together: usize,
    stretches: Vec<Stretch>,
}

impl Finder<'_> {
    fn find(&mut self, adds: &[Vec<Option<u64>>], base: Option<u64>) {
        match adds {
            [] => self.push_from(base),
            [own, inner @ ..] => {
                own.iter().for_each(|add| self.find(inner, base.zip(*add).map(|(base, add)| base + add)));
            }
        }
    }

    /// The cells from this number on.
    fn push_from(&mut self, number: Option<u64>) {
        let Some(number) = number else { return self.push(None, self.together) };
        match self.places.run(number, self.together) {
            Some(row) => self.push(Some(row), self.together),
            None => (number..number + self.together as u64).for_each(|number| self.push(self.places.row(number), 1)),
        }
    }

    /// Cells with consecutive rows.
    fn push(&mut self, row: Option<u32>, cells: usize) {
        match self.stretches.last_mut() {
            Some(last) if last.row.map(|first| first + last.cells as u32) == row => last.cells += cells,
            _ => self.stretches.push(Stretch { row, cells }),
        }
    }
}

/// Rows of a batch that some cell may find.
struct NumberedRows {
    rows: Batch,
    numbered: Numbered,
    /// The keys of all rows of the batch.
    keys: Vec<ArrayRef>,
}

impl NumberedRows {
    fn new(
        numbering: &Numbering,
        source: &dyn Source,
        batch: Batch,
        (on, kept): (&[(Expr, Expr)], &[usize]),
    ) -> Result<Self> {
        let key = |(_, right): &(Expr, Expr)| evaluate(right, source.columns(), &batch);
        let keys = on.iter().map(key).collect::<Result<Vec<_>>>()?;
        let numbered = numbering.number(batch.rows, |pair| Ok(keys[pair].clone()))?;
        let columns = kept.iter().map(|at| batch.columns[*at].clone()).collect();
        Ok(Self { rows: Batch { columns, rows: batch.rows }, numbered, keys })
    }

    fn bytes(&self) -> usize {
        let numbers = size_of_val(&self.numbered.numbers[..]) * 2;
        self.rows.bytes() + numbers + self.keys.iter().map(array_bytes).sum::<usize>()
    }
}

/// Rows with numbers, the number as a last column.
struct Rows<'a> {
    context: &'a Context,
    operator: &'a Arc<Operator>,
    kept: Kept,
    count: usize,
    last: Option<u64>,
    ascending: bool,
}

impl<'a> Rows<'a> {
    fn new(context: &'a Context, operator: &'a Arc<Operator>, columns: &[SourceColumn]) -> Result<Self> {
        let columns = columns.iter().cloned().chain([numbers::column(0)]).collect();
        let kept = Kept::new(context, operator, columns, WHAT)?;
        Ok(Self { context, operator, kept, count: 0, last: None, ascending: true })
    }

    /// Adds the rows that have a number.
    fn push(&mut self, rows: Batch, numbered: &Numbered) -> Result<()> {
        let has_number = |row: usize| numbered.numbers[row].is_some();
        let rows = keep(&rows, &BooleanBuffer::collect_bool(rows.rows, has_number))?;
        for number in numbered.numbers.iter().flatten() {
            self.ascending &= self.last.is_none_or(|last| last < *number);
            self.last = Some(*number);
        }
        self.count += rows.rows;
        self.kept.push(numbers::with(rows, numbered.numbers.iter().copied().flatten()))
    }

    /// How rows are found by numbers less than `count`, and these columns of them.
    fn finish(
        mut self,
        columns: Vec<SourceColumn>,
        count: u64,
    ) -> Result<(Places, Values, impl IntoIterator<Item = Reservation>)> {
        self.kept.close()?;
        if u32::try_from(self.count).is_err() {
            return Err(too_many());
        }
        let mut layout = Layout::new(self.count, count, self.ascending);
        let mut memory = self.context.memory().reserve(layout.bytes(self.count, count), WHAT);
        // On disk rows have to lie in the order in which cells ask for them.
        if !self.ascending && (self.kept.held_bytes(0).is_none() || memory.is_err()) {
            drop(memory);
            self.sort()?;
            layout = Layout::new(self.count, count, true);
            memory = self.context.memory().reserve(layout.bytes(self.count, count), WHAT);
        }
        let memory = memory?.counted_by(self.operator);
        let mut places = Places::new(layout, count);
        let (mut starts, mut row) = (Vec::with_capacity(self.kept.batches()), 0);
        for at in 0..self.kept.batches() {
            let batch = self.kept.batch(at)?;
            places.add(numbers::of(&batch).values(), row)?;
            starts.push(row);
            row += batch.rows;
        }
        places.close();
        let (values, held) = Values::new(columns, (self.kept, starts), self.context)?;
        Ok((places, values, [Some(memory), held].into_iter().flatten()))
    }

    /// Brings rows into the order of their numbers.
    fn sort(&mut self) -> Result<()> {
        let sorted = sort(self.context, self.operator, &self.kept, &[numbers::order(0)])?;
        let mut kept = Kept::new(self.context, self.operator, self.kept.columns().to_vec(), WHAT)?;
        for partition in 0..sorted.partitions() {
            sorted.run(partition, &mut |batch| {
                kept.push(batch)?;
                Ok(ControlFlow::Continue(()))
            })?;
        }
        kept.close()?;
        drop(sorted);
        self.kept = kept;
        Ok(())
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
    use super::*;
    use crate::rows::testing::{self, Random};
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

    #[test]
    fn rows_on_disk_are_the_same_rows() {
        let context = testing::with_memory(&testing::context(2), 1 << 20);
        let columns = [SourceColumn { id: ColumnId(1), ty: hyperslab_expr::SqlType::BigInt }];
        let count = 100_000_u64;
        let value = |number: u64| number as i64 * 3 - 7;
        for ascending in [true, false] {
            let operator = Arc::default();
            let mut rows = Rows::new(&context, &operator, &columns).unwrap();
            let mut order: Vec<u64> = (0..count).filter(|number| number % 5 != 2).collect();
            if !ascending {
                order.reverse();
            }
            for part in order.chunks(5000) {
                let values: ArrayRef =
                    Arc::new(arrow::array::Int64Array::from_iter_values(part.iter().map(|n| value(*n))));
                let numbered = Numbered::of(part.iter().map(|number| Some(*number)).collect());
                rows.push(Batch { columns: vec![values], rows: part.len() }, &numbered).unwrap();
            }
            let (places, values, _memory) = rows.finish(columns.to_vec(), count).unwrap();
            assert!(operator.spilled_bytes() > 0 && matches!(values, Values::Pieces(_)));
            let numbers = (0..count).step_by(997).chain(count - 3..count);
            let found = UInt32Array::from_iter(numbers.clone().map(|number| places.row(number)));
            let got = values.of(ColumnId(1), &Found::Each(found)).unwrap().unwrap();
            let expected: Vec<Option<i64>> = numbers.map(|number| (number % 5 != 2).then(|| value(number))).collect();
            assert_eq!(got.as_primitive::<arrow::datatypes::Int64Type>().iter().collect::<Vec<_>>(), expected);
            let run = values.of(ColumnId(1), &Found::Run(8000..25_000)).unwrap().unwrap();
            assert_eq!(run.len(), 17_000);
            let by_row = |row: u64| value(row / 4 * 5 + [0, 1, 3, 4][(row % 4) as usize]);
            let got = run.as_primitive::<arrow::datatypes::Int64Type>();
            assert!((8000..25_000).zip(got.values()).all(|(row, got)| by_row(row) == *got));
        }
    }
}
