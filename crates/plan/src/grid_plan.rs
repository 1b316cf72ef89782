//! The algebra over grids: takes grids and gives grids, block by block, without rows or hash tables.

use crate::align::{Align, Base};
use crate::window::{Window, WindowCall};
use crate::{Column, DatasetId, DatasetSource, JoinKind, Result, RowPlan};
use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::take;
use hyperslab_expr::{AggregateCall, ColumnId, Expr};
use hyperslab_grid::{AxisMap, Footprint, IndexSet, Region, schema::Dimension};
use serde::{Deserialize, Serialize};

/// A plan whose result is a grid. Beneath [`RowPlan::Materialize`] it is a chain: `Scan` or `Align`, then any of `Mask`, `Map`, `Join`,
/// `Lookup` and `Window`, then at most one `Aggregate`, perhaps of `Matches`. The right side of a `Join` is a chain of `Scan`, `Mask` and `Map`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum GridPlan {
    /// Reads variables of a dataset over a region of its grid.
    Scan(Scan),
    /// Reads two grids on axes that hold the labels of both.
    Align(Box<Align>),
    /// Keeps the cells where a predicate is true: the others are absent from then on.
    Mask {
        /// The grid whose cells are tested.
        input: Box<GridPlan>,
        /// BOOLEAN over columns of the input, cell-wise.
        predicate: Expr,
    },
    /// Adds columns computed cell by cell, each on its own footprint.
    Map {
        /// The grid whose columns are read; they all stay.
        input: Box<GridPlan>,
        /// The new columns.
        columns: Vec<(Column, Expr)>,
    },
    /// Gives each cell the columns of the one cell of another grid that belongs to it, found along axes: without keys,
    /// rows or hash tables. The dimensions are those of the left.
    Join {
        /// The grid whose cells stay.
        left: Box<GridPlan>,
        /// The grid that is read in step.
        right: Box<GridPlan>,
        /// Pairs of expressions that are equal for partners, each along one dimension of its side.
        on: Vec<(Expr, Expr)>,
        /// For each dimension of the right where its positions are on the left: what `on` comes to.
        along: Vec<Along>,
        /// Whether cells without a partner are absent, or have NULLs.
        kind: JoinKind,
    },
    /// Gives each cell the columns of the one row that belongs to it, of rows that are few enough to be held: a map, a
    /// climatology, a table. No two rows have the same values to be found by.
    Lookup {
        /// The grid whose cells stay.
        input: Box<GridPlan>,
        /// The rows.
        rows: Box<RowPlan>,
        /// Pairs that must be equal: an expression on one dimension of the grid at most, and one over the rows.
        on: Vec<(Expr, Expr)>,
        /// Whether cells without a row are absent, or have NULLs.
        kind: JoinKind,
    },
    /// Counts each cell once for each of the rows that belong to it: the regions that a place lies in, the periods of a time.
    /// Only an `Aggregate` stands above it, which folds cells by the rows that they have in common: none is repeated.
    Matches {
        /// The grid whose cells are counted.
        input: Box<GridPlan>,
        /// The rows.
        rows: Box<RowPlan>,
        /// Pairs that must be equal: an expression on one dimension of the grid, and one over the rows.
        on: Vec<(Expr, Expr)>,
        /// What keys read of the rows.
        columns: Vec<(Column, Expr)>,
    },
    /// Adds columns computed for each cell from the present cells of its partition, which differ from it along some
    /// dimensions only.
    Window {
        /// The grid whose cells are seen; they all stay.
        input: Box<GridPlan>,
        /// Partitions, and the order within them. Each key of the partitions lies on one dimension.
        window: Window,
        /// What is computed.
        calls: Vec<(Column, WindowCall)>,
        /// How far each cell sees.
        reach: Reach,
    },
    /// Groups cells by keys that are known from the places of few dimensions: labels of one, or what depends on several
    /// together. The groups are the combinations of the distinct tuples of keys on each dimension, or on those that keys
    /// have together, in the order of the input. A group is present if one of its cells is; without keys there is always
    /// one.
    Aggregate {
        /// The grid whose cells are folded.
        input: Box<GridPlan>,
        /// The keys. Those that depend on a dimension together are numbered together.
        keys: Vec<(Column, Expr)>,
        /// What is computed for each group.
        aggregates: Vec<(Column, AggregateCall)>,
    },
}

/// How positions along one dimension of the left of a join lead to those of one on the right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Along {
    /// The dimension of the left.
    pub dim: usize,
    /// For each position there the one on the right.
    pub map: AxisMap,
}

impl Along {
    /// The values of a label for each position of the left; NULL for those that lead nowhere.
    ///
    /// # Errors
    /// None but those of copying.
    pub fn read(&self, label: &ArrayRef) -> Result<ArrayRef> {
        let positions = (0..self.map.len()).map(|at| self.map.get(at).map(|at| at as u32));
        Ok(take(label, &positions.collect::<UInt32Array>(), None)?)
    }
}

/// How far from a cell the cells lie that a window function sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// The dimensions that partitions extend along. Along the others each selected position has partitions of its own.
    pub dims: Footprint,
    /// If only so many selected positions before and after a cell can be seen, along the one dimension of `dims`.
    pub rows: Option<[usize; 2]>,
}

/// A column of a grid: what it is, and the dimensions it varies along.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GridColumn {
    /// Name, type and metadata.
    pub column: Column,
    /// The dimensions of the grid that its values depend on.
    pub footprint: Footprint,
}

/// Reads variables of one dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scan {
    /// The dataset.
    pub dataset: DatasetId,
    /// The alias or the path, for people.
    pub name: String,
    /// The dimensions of the grid, by position in the dataset's schema, in row-major order.
    pub dims: Vec<usize>,
    /// Their names.
    pub dim_names: Vec<String>,
    /// Their lengths.
    pub shape: Vec<usize>,
    /// What is read.
    pub columns: Vec<ScanColumn>,
    /// The cells that are read; all of them as bound.
    pub region: Region,
}

/// A column of a scan and where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScanColumn {
    /// Name, type and metadata.
    pub column: Column,
    /// Where its values come from.
    pub source: ColumnSource,
    /// The dimensions of the scan (by position in [`Scan::dims`]) that it varies along.
    pub footprint: Footprint,
}

/// Where the values of a scan's column come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColumnSource {
    /// A variable, by position in the dataset's schema.
    Variable(usize),
    /// The integers that stand for the values of a variable, before scale and offset.
    Packed(usize),
    /// The 0-based position (BIGINT) along a dimension of the scan: what labels a dimension without coordinates.
    Position(usize),
}

impl ColumnSource {
    /// The variable that is read, if one is.
    pub fn variable(&self) -> Option<usize> {
        match self {
            Self::Variable(variable) | Self::Packed(variable) => Some(*variable),
            Self::Position(_) => None,
        }
    }
}

impl Scan {
    /// A scan of all cells of a grid of a dataset, without columns yet.
    pub fn new(dataset: DatasetId, name: String, dims: Vec<usize>, dimensions: &[Dimension]) -> Self {
        let shape: Vec<usize> = dims.iter().map(|d| dimensions[*d].len).collect();
        let dim_names = dims.iter().map(|d| dimensions[*d].name.clone()).collect();
        let region = Region::all(&shape);
        Self { dataset, name, dims, dim_names, shape, columns: Vec::new(), region }
    }

    /// The dimensions of the scan that a variable of its dataset lies on, in stored order.
    pub fn dims_of(&self, dataset: &dyn DatasetSource, variable: usize) -> Vec<usize> {
        let on_scan = |dim: &usize| self.dims.iter().position(|own| own == dim);
        dataset.schema().variables[variable].dims.iter().filter_map(on_scan).collect()
    }

    /// The cells of a variable that are read, over its own dimensions.
    pub fn selected(&self, dataset: &dyn DatasetSource, variable: usize) -> Region {
        self.region.project(&self.dims_of(dataset, variable))
    }

    /// The column with this id.
    pub fn column(&self, id: ColumnId) -> Option<&ScanColumn> {
        self.columns.iter().find(|c| c.column.id == id)
    }
}

impl GridPlan {
    /// The columns that the grid has, with their footprints on its own dimensions.
    pub fn columns(&self) -> Vec<GridColumn> {
        match self {
            Self::Scan(scan) => {
                let grid_column = |c: &ScanColumn| GridColumn { column: c.column.clone(), footprint: c.footprint };
                scan.columns.iter().map(grid_column).collect()
            }
            Self::Align(align) => align.columns(),
            Self::Mask { input, .. } => input.columns(),
            Self::Map { input, columns } => {
                let mut out = input.columns();
                for (column, expr) in columns {
                    let footprint = footprint_of(expr, &out, input.rank());
                    out.push(GridColumn { column: column.clone(), footprint });
                }
                out
            }
            Self::Join { left, right, along, .. } => {
                let on_left = |column: GridColumn| {
                    let footprint = column.footprint.dims().map(|dim| along[dim].dim).collect();
                    GridColumn { column: column.column, footprint }
                };
                left.columns().into_iter().chain(right.columns().into_iter().map(on_left)).collect()
            }
            Self::Lookup { input, rows, on, .. } => {
                let mut out = input.columns();
                let footprint = footprint_of_all(on.iter().map(|(left, _)| left), &out, input.rank());
                out.extend(rows.columns().into_iter().map(|column| GridColumn { column, footprint }));
                out
            }
            Self::Matches { input, on, columns, .. } => {
                let mut out = input.columns();
                let footprint = footprint_of_all(on.iter().map(|(left, _)| left), &out, input.rank());
                out.extend(columns.iter().map(|(column, _)| GridColumn { column: column.clone(), footprint }));
                out
            }
            Self::Window { input, calls, .. } => {
                let (mut out, footprint) = (input.columns(), Footprint::all(input.rank()));
                out.extend(calls.iter().map(|(column, _)| GridColumn { column: column.clone(), footprint }));
                out
            }
            Self::Aggregate { input, keys, aggregates } => {
                let kept = key_dims(input, keys);
                let full = Footprint::all(kept.len());
                let below = input.columns();
                let on_result = |expr: &Expr| {
                    let dims = footprint_of(expr, &below, input.rank()).dims();
                    dims.filter_map(|dim| kept.iter().position(|k| *k == dim)).collect::<Footprint>()
                };
                let keys = keys.iter().map(|(c, expr)| GridColumn { column: c.clone(), footprint: on_result(expr) });
                let results = aggregates.iter().map(|(c, _)| GridColumn { column: c.clone(), footprint: full });
                keys.chain(results).collect()
            }
        }
    }

    /// How many dimensions the grid has.
    pub fn rank(&self) -> usize {
        match self {
            Self::Aggregate { input, keys, .. } => key_dims(input, keys).len(),
            _ => self.shape().len(),
        }
    }

    /// The grid next beneath in the chain.
    pub fn input(&self) -> Option<&Self> {
        match self {
            Self::Scan(_) | Self::Align(_) => None,
            Self::Mask { input, .. }
            | Self::Map { input, .. }
            | Self::Lookup { input, .. }
            | Self::Matches { input, .. }
            | Self::Window { input, .. }
            | Self::Aggregate { input, .. }
            | Self::Join { left: input, .. } => Some(input),
        }
    }

    /// What the chain stands on: it has the dimensions of all that is joined to it.
    pub fn base(&self) -> Base<'_> {
        match self {
            Self::Scan(scan) => Base::Scan(scan),
            Self::Align(align) => Base::Align(align),
            other => other.input().expect("all but a scan and an alignment have an input").base(),
        }
    }

    /// The scan that the chain stands on, if it is one, to be changed.
    pub fn scan_mut(&mut self) -> Option<&mut Scan> {
        match self {
            Self::Scan(scan) => Some(scan),
            Self::Align(_) => None,
            other => other.input_mut()?.scan_mut(),
        }
    }

    /// The cells that are read; beneath an aggregate, those that it folds.
    pub fn region(&self) -> &Region {
        match self.base() {
            Base::Scan(scan) => &scan.region,
            Base::Align(align) => &align.region,
        }
    }

    /// The lengths of the dimensions of what the chain stands on.
    pub fn shape(&self) -> &[usize] {
        self.base().shape()
    }

    /// The names of the dimensions of what the chain stands on.
    pub fn dim_names(&self) -> &[String] {
        match self.base() {
            Base::Scan(scan) => &scan.dim_names,
            Base::Align(align) => &align.dim_names,
        }
    }

    /// Reads no more than some positions along a dimension of what the chain stands on.
    pub fn narrow(&mut self, dim: usize, to: &IndexSet) {
        match self {
            Self::Scan(scan) => scan.region.narrow(dim, to),
            Self::Align(align) => align.narrow(dim, to),
            other => {
                if let Some(input) = other.input_mut() {
                    input.narrow(dim, to);
                }
            }
        }
    }

    fn input_mut(&mut self) -> Option<&mut Self> {
        match self {
            Self::Scan(_) | Self::Align(_) => None,
            Self::Mask { input, .. }
            | Self::Map { input, .. }
            | Self::Lookup { input, .. }
            | Self::Matches { input, .. }
            | Self::Window { input, .. }
            | Self::Aggregate { input, .. }
            | Self::Join { left: input, .. } => Some(input),
        }
    }

    /// All scans: that of the chain, and those of the grids joined to it.
    pub fn scans(&self) -> Vec<&Scan> {
        let mut scans = self.input().map(Self::scans).unwrap_or_default();
        match self {
            Self::Scan(scan) => scans.push(scan),
            Self::Align(align) => scans.extend(&align.scans),
            Self::Join { right, .. } => scans.extend(right.scans()),
            _ => {}
        }
        scans
    }

    /// The same, to be changed.
    pub fn scans_mut(&mut self) -> Vec<&mut Scan> {
        match self {
            Self::Scan(scan) => vec![scan],
            Self::Align(align) => align.scans.iter_mut().collect(),
            Self::Join { left, right, .. } => {
                let mut scans = left.scans_mut();
                scans.extend(right.scans_mut());
                scans
            }
            other => other.input_mut().map(Self::scans_mut).unwrap_or_default(),
        }
    }

    /// All expressions over columns of cells, those of the grids joined to it too, to be changed.
    pub fn exprs_mut(&mut self) -> Vec<&mut Expr> {
        match self {
            Self::Scan(_) | Self::Align(_) => Vec::new(),
            Self::Mask { input, predicate } => with(input.exprs_mut(), [predicate]),
            Self::Map { input, columns } => with(input.exprs_mut(), columns.iter_mut().map(|(_, expr)| expr)),
            Self::Join { left, right, on, .. } => {
                let of_both = with(left.exprs_mut(), right.exprs_mut());
                with(of_both, on.iter_mut().flat_map(|(left, right)| [left, right]))
            }
            Self::Lookup { input, on, .. } => with(input.exprs_mut(), on.iter_mut().map(|(left, _)| left)),
            Self::Matches { input, on, .. } => with(input.exprs_mut(), on.iter_mut().map(|(left, _)| left)),
            Self::Window { input, window, calls, .. } => {
                let of_calls = calls.iter_mut().flat_map(|(_, call)| call.exprs_mut());
                with(with(input.exprs_mut(), window.exprs_mut()), of_calls)
            }
            Self::Aggregate { input, keys, aggregates } => {
                let of_calls = aggregates.iter_mut().flat_map(|(_, call)| call.args.iter_mut().chain(&mut call.filter));
                with(with(input.exprs_mut(), keys.iter_mut().map(|(_, key)| key)), of_calls)
            }
        }
    }

    /// The rows that cells look up or are matched with, those joined first first.
    pub fn tables(&self) -> Vec<&RowPlan> {
        let mut tables = self.input().map(Self::tables).unwrap_or_default();
        if let Self::Lookup { rows, .. } | Self::Matches { rows, .. } = self {
            tables.push(rows);
        }
        tables
    }

    /// The same, to be changed.
    pub fn tables_mut(&mut self) -> Vec<&mut RowPlan> {
        match self {
            Self::Scan(_) | Self::Align(_) => Vec::new(),
            Self::Lookup { input, rows, .. } | Self::Matches { input, rows, .. } => {
                let mut tables = input.tables_mut();
                tables.push(rows);
                tables
            }
            Self::Mask { input, .. }
            | Self::Map { input, .. }
            | Self::Window { input, .. }
            | Self::Aggregate { input, .. }
            | Self::Join { left: input, .. } => input.tables_mut(),
        }
    }

    /// Whether windows see cells of the grid: which cells there are must not change beneath them.
    pub fn has_window(&self) -> bool {
        matches!(self, Self::Window { .. }) || self.input().is_some_and(Self::has_window)
    }

    /// Whether the chain ends with an aggregate.
    pub fn is_aggregate(&self) -> bool {
        matches!(self, Self::Aggregate { .. })
    }
}

/// Some expressions, and more.
fn with<'e>(mut exprs: Vec<&'e mut Expr>, more: impl IntoIterator<Item = &'e mut Expr>) -> Vec<&'e mut Expr> {
    exprs.extend(more);
    exprs
}

/// The dimensions that an expression over columns of a grid of `rank` dimensions depends on. A volatile one depends
/// on all.
pub fn footprint_of(expr: &Expr, columns: &[GridColumn], rank: usize) -> Footprint {
    if expr.is_volatile() {
        return Footprint::all(rank);
    }
    let of = |id: ColumnId| columns.iter().find(|c| c.column.id == id).map_or(Footprint::all(rank), |c| c.footprint);
    expr.columns().into_iter().fold(Footprint::EMPTY, |all, id| all.union(of(id)))
}

/// The dimensions that some expressions depend on together.
pub(crate) fn footprint_of_all<'e>(
    exprs: impl IntoIterator<Item = &'e Expr>,
    columns: &[GridColumn],
    rank: usize,
) -> Footprint {
    exprs.into_iter().fold(Footprint::EMPTY, |all, expr| all.union(footprint_of(expr, columns, rank)))
}

/// The dimensions of `input` that have keys, ascending.
pub fn key_dims(input: &GridPlan, keys: &[(Column, Expr)]) -> Vec<usize> {
    let (columns, rank) = (input.columns(), input.rank());
    footprint_of_all(keys.iter().map(|(_, key)| key), &columns, rank).dims().collect()
}
