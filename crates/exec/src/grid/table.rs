//! Rows held in memory that cells look up: each cell finds one at most, by values along axes. What is looked up for each
//! position of an axis is found once; for each cell there is nothing left but to add numbers.

use super::program::Label;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::lower::lower;
use crate::memory::Reservation;
use crate::rows::evaluate::evaluate;
use crate::rows::key_table::{ABSENT, KeyTable};
use crate::rows::stored::{hold, joined_or_empty};
use crate::source::array_bytes;
use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::take;
use hyperslab_expr::{ColumnId, Expr};
use hyperslab_grid::{Footprint, IndexSet, Region};
use hyperslab_plan::{BoundQuery, RowPlan};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// A table of places is direct while it has no more entries than this, or than this many for each row.
const DIRECT: u64 = 1 << 22;
const DIRECT_A_ROW: u64 = 8;

/// What a table takes for each position of an axis.
const ADD_BYTES: usize = size_of::<Option<u64>>() + size_of::<u32>();

/// The number of a key that equals nothing.
const NO_KEY: u64 = u64::MAX;

/// Rows that cells look up.
pub(super) struct Table {
    axes: Vec<TableAxis>,
    places: Places,
    columns: Vec<(ColumnId, ArrayRef)>,
    /// For each pair of the key the values of the rows, along the dimension that they are found on.
    pub(super) keys: Vec<Label>,
    _memory: Reservation,
}

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

/// From the number of a key to a row.
enum Places {
    /// The number is the row.
    Same,
    Direct(Vec<u32>),
    Sparse(HashMap<u64, u32>),
}

/// The rows that the cells of a vector found.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// Consecutive rows, one for each cell.
    Run(Range<usize>),
    /// A row, or none, for each cell.
    Each(UInt32Array),
}

impl Table {
    /// Runs a plan and holds its rows, to be found where `labels` are equal to `keys` over the rows.
    pub(super) fn new(
        plan: &RowPlan,
        labels: &[Label],
        keys: &[Expr],
        query: &BoundQuery,
        context: &Context,
    ) -> Result<Self> {
        let operator = context.metrics().enter("Lookup");
        let source = lower(plan, query, context)?;
        let (batches, mut memory) = hold(context, &operator, source.as_ref(), "the rows that cells look up")?;
        let columns = source.columns().to_vec();
        drop(source);
        let rows = joined_or_empty(&columns, batches)?;
        operator.gave(rows.rows);
        let keys = keys.iter().map(|key| evaluate(key, &columns, &rows)).collect::<Result<Vec<_>>>()?;
        let mut numbers = vec![0u64; rows.rows];
        let (mut axes, mut stride) = (Vec::new(), 1u64);
        let mut key_labels = labels.to_vec();
        for (dim, pairs) in by_dimension(labels)? {
            let (on_dim, of_rows): (Vec<ArrayRef>, Vec<ArrayRef>) =
                pairs.iter().map(|pair| (labels[*pair].values.clone(), keys[*pair].clone())).unzip();
            let coded = Coded::new(&of_rows, rows.rows, &on_dim)?;
            for (number, code) in numbers.iter_mut().zip(&coded.of_rows) {
                *number = match code {
                    Some(code) if *number != NO_KEY => *number + u64::from(*code) * stride,
                    _ => NO_KEY,
                };
            }
            let adds = coded.on_axis.iter().map(|code| code.map(|code| u64::from(code) * stride)).collect();
            axes.push(TableAxis::new(dim, adds));
            for pair in pairs {
                key_labels[pair].values = take(&keys[pair], &coded.first_rows(), None)?;
            }
            stride = stride.checked_mul(coded.count.max(1)).filter(|stride| *stride < NO_KEY).ok_or_else(too_many)?;
        }
        let places = Places::new(&numbers, stride)?;
        memory.grow(places.memory() + axes.iter().map(|axis| axis.adds.len() * ADD_BYTES).sum::<usize>())?;
        let columns = columns.iter().map(|column| column.id).zip(rows.columns).collect();
        Ok(Self { axes, places, columns, keys: key_labels, _memory: memory })
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
        let adds: usize = axes.iter().map(|axis| axis.adds.len() * ADD_BYTES).sum();
        let memory = context.memory().reserve(adds + array_bytes(&column.1), "what is computed for each place")?;
        Ok(Self { axes, places: Places::Same, columns: vec![column], keys: Vec::new(), _memory: memory })
    }

    /// The classes of places: what positions add to the number of a place, the class of each number, and how many classes there
    /// are.
    pub(super) fn of_classes(
        adds: Vec<(usize, Vec<Option<u64>>)>,
        (of, classes): (Vec<u32>, usize),
        id: ColumnId,
        context: &Context,
    ) -> Result<Self> {
        let axes: Vec<TableAxis> = adds.into_iter().map(|(dim, adds)| TableAxis::new(dim, adds)).collect();
        let adds: usize = axes.iter().map(|axis| axis.adds.len() * ADD_BYTES).sum();
        let held = adds + of.len() * size_of::<u32>() + classes * size_of::<u32>();
        let memory = context.memory().reserve(held, "the rows that places have")?;
        let numbers: ArrayRef = Arc::new(UInt32Array::from_iter_values(0..classes as u32));
        Ok(Self { axes, places: Places::Direct(of), columns: vec![(id, numbers)], keys: Vec::new(), _memory: memory })
    }

    /// For each dimension of the key the positions whose values some row has.
    pub(super) fn positions_met(&self) -> impl Iterator<Item = (usize, IndexSet)> {
        self.axes.iter().map(|axis| (axis.dim, IndexSet::from_mask(axis.adds.iter().map(Option::is_some))))
    }

    /// The values of a column that it has, for the rows found.
    pub(super) fn values(&self, id: ColumnId, found: &Found) -> Option<Result<ArrayRef>> {
        let (_, column) = self.columns.iter().find(|(own, _)| *own == id)?;
        Some(match found {
            Found::Run(rows) => Ok(column.slice(rows.start, rows.len())),
            Found::Each(rows) => take(column, rows, None).map_err(Into::into),
        })
    }

    /// Lets go of a column that is known otherwise.
    pub(super) fn forget(&mut self, id: ColumnId) {
        self.columns.retain(|(own, _)| *own != id);
    }

    /// The dimensions along which it is looked up.
    pub(super) fn dims(&self) -> Footprint {
        self.axes.iter().map(|axis| axis.dim).collect()
    }

    /// Whether it has a column.
    pub(super) fn has(&self, id: ColumnId) -> bool {
        self.columns.iter().any(|(own, _)| *own == id)
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
        let mut rows = Vec::with_capacity(region.cells());
        self.push_rows(&adds, Some(0), &mut rows);
        let counts_up = rows.first().is_some_and(Option::is_some)
            && rows.windows(2).all(|pair| pair[1].is_some() && pair[1] == pair[0].map(|row| row + 1));
        match rows.first() {
            Some(Some(first)) if counts_up => Found::Run(*first as usize..*first as usize + rows.len()),
            _ => Found::Each(UInt32Array::from(rows)),
        }
    }

    fn push_rows(&self, adds: &[Vec<Option<u64>>], base: Option<u64>, out: &mut Vec<Option<u32>>) {
        match adds {
            [] => out.push(base.and_then(|number| self.places.row(number))),
            [own, inner @ ..] => {
                own.iter().for_each(|add| self.push_rows(inner, base.zip(*add).map(|(base, add)| base + add), out));
            }
        }
    }
}

impl Places {
    /// Rows by the numbers of their keys, which are less than `keys`; those without a number are found by nothing.
    fn new(numbers: &[u64], keys: u64) -> Result<Self> {
        let numbered = numbers.iter().enumerate().filter(|(_, number)| **number != NO_KEY);
        let numbered = numbered.map(|(row, number)| (row as u32, *number));
        if u32::try_from(numbers.len()).is_err() {
            return Err(too_many());
        }
        let direct = keys <= DIRECT.max(numbers.len() as u64 * DIRECT_A_ROW);
        let (mut table, mut map) = (vec![ABSENT; if direct { keys as usize } else { 0 }], HashMap::new());
        for (row, number) in numbered {
            let taken = match direct {
                true => std::mem::replace(&mut table[number as usize], row) != ABSENT,
                false => map.insert(number, row).is_some(),
            };
            if taken {
                return Err(Error::internal("two rows that cells look up have the same key"));
            }
        }
        Ok(if direct { Self::Direct(table) } else { Self::Sparse(map) })
    }

    #[inline]
    fn row(&self, number: u64) -> Option<u32> {
        match self {
            Self::Same => Some(number as u32),
            Self::Direct(table) => Some(table[number as usize]).filter(|row| *row != ABSENT),
            Self::Sparse(map) => map.get(&number).copied(),
        }
    }

    fn memory(&self) -> usize {
        match self {
            Self::Same => 0,
            Self::Direct(table) => table.len() * size_of::<u32>(),
            Self::Sparse(map) => map.capacity() * (size_of::<(u64, u32)>() + 1),
        }
    }
}

/// The pairs of a key by the dimension that they lie on.
pub(super) fn by_dimension(labels: &[Label]) -> Result<BTreeMap<usize, Vec<usize>>> {
    let mut pairs: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (pair, label) in labels.iter().enumerate() {
        let dim = label.dim.ok_or_else(|| Error::internal("a key that cells look up lies on no axis"))?;
        pairs.entry(dim).or_default().push(pair);
    }
    Ok(pairs)
}

/// The distinct tuples among the keys of rows by number. NULL equals nothing.
struct Coded {
    of_rows: Vec<Option<u32>>,
    on_axis: Vec<Option<u32>>,
    /// The first row of each number.
    first: Vec<u32>,
    count: u64,
}

impl Coded {
    fn new(keys: &[ArrayRef], rows: usize, labels: &[ArrayRef]) -> Result<Self> {
        let types: Vec<_> = keys.iter().map(|key| key.data_type().clone()).collect();
        let mut table = KeyTable::new(&types)?;
        let has_value = |arrays: &[ArrayRef], at: usize| arrays.iter().all(|array| array.is_valid(at));
        let (numbers, first) = table.number(keys, rows)?;
        let of_rows = numbers.iter().enumerate().map(|(row, code)| has_value(keys, row).then_some(*code)).collect();
        let found = table.find(labels, labels.first().map_or(0, |label| label.len()))?;
        let code = |(at, code): (usize, &u32)| (*code != ABSENT && has_value(labels, at)).then_some(*code);
        let on_axis = found.iter().enumerate().map(code).collect();
        Ok(Self { of_rows, on_axis, first, count: table.len() as u64 })
    }

    /// For each position of the axis a row that has its values.
    fn first_rows(&self) -> UInt32Array {
        self.on_axis.iter().map(|code| code.map(|code| self.first[code as usize])).collect()
    }
}

pub(super) fn too_many() -> Error {
    Error::internal("there are more combinations of keys than can be numbered")
}
