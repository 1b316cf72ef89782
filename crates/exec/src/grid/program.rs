//! A chain of scan, masks and maps, made ready to run on vectors of cells.

use super::matches::Matches;
use super::table::Table;
use super::variable::{DataVariable, Scanned, cuts, scanned};
use super::window::{GridWindow, Held, PART_CELLS, halved};
use crate::catalog::OpenDataset;
use crate::context::Context;
use crate::error::{Error, Result};
use arrow::array::ArrayRef;
use hyperslab_expr::eval::{Columns, evaluate};
use hyperslab_expr::{ColumnId, Expr, SqlType};
use hyperslab_grid::{AxisChunks, ChunkGrid, Footprint, Hyperslab, Region};
use hyperslab_plan::{Align, Along, BoundQuery, Column, GridPlan, JoinKind, RowPlan, Scan};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;

/// Windows over whole axes are computed in at least so many boxes.
const BOXES: usize = 4;

/// A box is so many times as long as what windows see beyond it.
const BEYOND: usize = 8;

/// The cells that a box is to have, where chunks are smaller.
const BOX_CELLS: usize = 1 << 16;

/// The bytes that cells of one variable may take in such a box.
const BOX_BYTES: usize = 4 << 20;

/// Values that are known for a whole axis before any cell is read: coordinates, and what is computed from them.
#[derive(Clone, Debug)]
pub(super) struct Label {
    /// The dimension of the grid that they lie on; none for a constant, which has one value.
    pub(super) dim: Option<usize>,
    /// One value a position.
    pub(super) values: ArrayRef,
}

/// What is done with each vector of cells, in order.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Cells where this is not true are absent from here on.
    Mask(Expr),
    /// A column computed from others.
    Compute(ColumnId, Expr),
    /// Cells that find no row of this table are absent from here on.
    Match(usize),
    /// Columns of this window, which sees the cells that are present here.
    Window(usize),
}

/// A grid plan without its aggregate, made ready to run.
pub(super) struct Program {
    pub(super) shape: Vec<usize>,
    pub(super) region: Region,
    pub(super) labels: BTreeMap<ColumnId, Label>,
    /// Columns of the index along a dimension that is too long for labels.
    pub(super) positions: BTreeMap<ColumnId, usize>,
    pub(super) variables: Vec<DataVariable>,
    /// Rows that cells look up.
    pub(super) tables: Vec<Table>,
    pub(super) windows: Vec<GridWindow>,
    /// The rows that cells are matched with, if they are.
    pub(super) matches: Option<Matches>,
    /// Columns of windows that are computed already, for all cells of the region.
    pub(super) held: Vec<Held>,
    pub(super) steps: Vec<Step>,
    /// The next number for a column of our own.
    next_column: u32,
}

impl Program {
    /// Makes a chain ready: reads the labels that it needs, computes along axes what depends on one axis only, and runs
    /// the plans whose rows are looked up.
    pub(super) fn new(grid: &GridPlan, query: &BoundQuery, context: &Context) -> Result<Self> {
        let mut program = Self {
            shape: grid.shape().to_vec(),
            region: grid.region().clone(),
            labels: BTreeMap::new(),
            positions: BTreeMap::new(),
            variables: Vec::new(),
            tables: Vec::new(),
            matches: None,
            windows: Vec::new(),
            held: Vec::new(),
            steps: Vec::new(),
            next_column: query.next_column,
        };
        program.add(grid, None, query, context)?;
        Ok(program)
    }

    /// Adds the columns and steps of a chain; with `along`, of one whose dimensions are found on those of the program.
    fn add(&mut self, grid: &GridPlan, along: Option<&[Along]>, query: &BoundQuery, context: &Context) -> Result<()> {
        if let Some(input) = grid.input() {
            self.add(input, along, query, context)?;
        }
        match grid {
            GridPlan::Scan(scan) => self.add_scan(scan, along, query)?,
            GridPlan::Align(align) => {
                let Align { scans, along, .. } = align.as_ref();
                for (scan, along) in scans.iter().zip(along) {
                    self.add_scan(scan, Some(along), query)?;
                }
            }
            GridPlan::Mask { predicate, .. } => {
                let predicate = self.prepared(predicate.clone(), context)?;
                self.steps.push(Step::Mask(predicate));
            }
            GridPlan::Map { columns, .. } => {
                for (column, expr) in columns {
                    self.add_computed(column, expr.clone(), context)?;
                }
            }
            GridPlan::Join { right, along, .. } => self.add(right, Some(along), query, context)?,
            GridPlan::Lookup { rows, on, kind, .. } => self.add_table(rows, on, *kind, query, context)?,
            GridPlan::Matches { rows, on, columns, .. } => self.add_matches(rows, on, columns, query, context)?,
            GridPlan::Window { window, calls, reach, .. } => {
                let window = GridWindow::new(self, window, calls, *reach)?;
                self.steps.push(Step::Window(self.windows.len()));
                self.windows.push(window);
            }
            GridPlan::Aggregate { .. } => {}
        }
        Ok(())
    }

    fn add_scan(&mut self, scan: &Scan, along: Option<&[Along]>, query: &BoundQuery) -> Result<()> {
        let opened = query.dataset(scan.dataset).as_any().downcast_ref::<OpenDataset>();
        let dataset = opened.ok_or_else(|| Error::internal("a dataset of the query is not one of files"))?.0.clone();
        for column in &scan.columns {
            match scanned(&dataset, scan, column, along)? {
                Scanned::Label(label) => {
                    self.labels.insert(column.column.id, label);
                }
                Scanned::Positions(dim) => {
                    self.positions.insert(column.column.id, dim);
                }
                Scanned::Cells(variable) => self.variables.push(variable),
            }
        }
        Ok(())
    }

    /// Runs a plan whose rows are looked up. What an inner join equates with a label is a label.
    fn add_table(
        &mut self,
        rows: &RowPlan,
        on: &[(Expr, Expr)],
        kind: JoinKind,
        query: &BoundQuery,
        context: &Context,
    ) -> Result<()> {
        let (table, keys) = Table::new(self, rows, (on, kind), query, context)?;
        if kind == JoinKind::Inner {
            for (pair, values) in keys {
                let (left, right) = &on[pair];
                if let Expr::Column(id, _) = right {
                    let label = Label { values, ..self.label_of(left)? };
                    self.labels.insert(*id, label);
                }
            }
            self.keep_matched(&table);
        }
        self.tables.push(table);
        Ok(())
    }

    /// Runs a plan whose rows cells are matched with.
    fn add_matches(
        &mut self,
        rows: &RowPlan,
        on: &[(Expr, Expr)],
        keys: &[(Column, Expr)],
        query: &BoundQuery,
        context: &Context,
    ) -> Result<()> {
        let (matches, table) = Matches::new(self, rows, on, keys, query, context)?;
        self.keep_matched(&table);
        self.tables.push(table);
        self.matches = Some(matches);
        Ok(())
    }

    /// Makes cells absent that find no row in the table that comes next. They need not be read; windows beneath have to see them
    /// nevertheless.
    fn keep_matched(&mut self, table: &Table) {
        self.steps.push(Step::Match(self.tables.len()));
        if self.windows.is_empty() {
            table.positions_met().for_each(|(dim, met)| self.region.narrow(dim, &met));
        }
    }

    /// The number of dimensions.
    pub(super) fn rank(&self) -> usize {
        self.shape.len()
    }

    fn add_computed(&mut self, column: &Column, expr: Expr, context: &Context) -> Result<()> {
        let expr = self.hoist(expr);
        match self.label_of(&expr) {
            Ok(label) => {
                self.labels.insert(column.id, label);
            }
            Err(_) => {
                let expr = self.lift_planes(expr, context)?;
                self.steps.push(Step::Compute(column.id, expr));
            }
        }
        Ok(())
    }

    /// An expression to be evaluated for cells: what does not depend on all dimensions is computed beforehand.
    pub(super) fn prepared(&mut self, expr: Expr, context: &Context) -> Result<Expr> {
        let expr = self.hoist(expr);
        self.lift_planes(expr, context)
    }

    /// Computes along their axis the parts of an expression that depend on one axis only; what is left reads them as
    /// columns. A part that fails for some value of its axis stays as it is: only a cell that is selected may raise it.
    pub(super) fn hoist(&mut self, expr: Expr) -> Expr {
        let hoisted: Result<Expr, Infallible> = expr.transform(&mut |part| {
            let dim = match &part {
                Expr::Column(..) | Expr::Literal(_) => None,
                _ => self.axis_of(&part),
            };
            Ok(match dim.and_then(|dim| self.evaluate_label(&part, dim).ok()) {
                Some(label) => self.new_label(label, part.sql_type()),
                None => part,
            })
        });
        match hoisted {
            Ok(expr) => expr,
        }
    }

    /// The id of a column of our own.
    pub(super) fn new_column(&mut self) -> ColumnId {
        self.next_column += 1;
        ColumnId(self.next_column - 1)
    }

    fn new_label(&mut self, label: Label, ty: SqlType) -> Expr {
        let id = self.new_column();
        self.labels.insert(id, label);
        Expr::Column(id, ty)
    }

    /// The axis (or none, for a constant label) that all columns of an expression are labels of.
    fn axis_of(&self, expr: &Expr) -> Option<Option<usize>> {
        let columns = expr.columns();
        if columns.is_empty() || expr.is_volatile() {
            return None;
        }
        let mut axis = None;
        for id in columns {
            let dim = self.labels.get(&id)?.dim;
            if dim.is_some() && axis.is_some() && dim != axis {
                return None;
            }
            axis = axis.or(dim);
        }
        Some(axis)
    }

    /// The values of an expression along its axis.
    fn evaluate_label(&self, expr: &Expr, dim: Option<usize>) -> Result<Label> {
        let len = dim.map_or(1, |dim| self.shape[dim]);
        let ids = expr.columns();
        let values = ids.iter().map(|id| self.labels[id].stretched(dim, len)).collect::<Result<Vec<_>>>()?;
        Ok(Label { dim, values: evaluate(expr, &Columns::new(&ids, &values), len)? })
    }

    /// The label that a key is, computed along its axis; a constant key has no dimension.
    pub(super) fn label_of(&self, expr: &Expr) -> Result<Label> {
        if let Expr::Column(id, _) = expr
            && let Some(label) = self.labels.get(id)
        {
            return Ok(label.clone());
        }
        if expr.columns().is_empty() && !expr.is_volatile() {
            let values = evaluate(expr, &Columns::none(), 1)?;
            return Ok(Label { dim: None, values });
        }
        let dim = self.axis_of(expr).ok_or_else(|| Error::internal("a key of a dense aggregate lies on no axis"))?;
        self.evaluate_label(expr, dim)
    }

    /// The dimensions that decide what a key is.
    pub(super) fn dims_of_key(&self, key: &Expr) -> Result<Footprint> {
        let dims = |id: &ColumnId| -> Result<Footprint> {
            if let Some(label) = self.labels.get(id) {
                return Ok(label.dim.map_or(Footprint::EMPTY, Footprint::one));
            }
            let of_table = self.tables.iter().find(|table| table.has(*id)).map(Table::dims);
            let of_variable = || self.variables.iter().find(|v| v.id == *id).map(|v| v.dims.iter().copied().collect());
            let of_positions = || self.positions.get(id).map(|dim| Footprint::one(*dim));
            let known = of_table.or_else(of_variable).or_else(of_positions);
            known.ok_or_else(|| Error::internal("a key of a dense aggregate is not known along axes"))
        };
        key.columns().iter().map(dims).try_fold(Footprint::EMPTY, |all, dims| Ok(all.union(dims?)))
    }

    /// Forgets steps, variables and labels that neither `wanted` nor a mask needs.
    pub(super) fn keep_only(&mut self, wanted: impl IntoIterator<Item = ColumnId>) {
        let mut needed: HashSet<ColumnId> = wanted.into_iter().collect();
        let mut kept = Vec::new();
        for step in std::mem::take(&mut self.steps).into_iter().rev() {
            match &step {
                Step::Compute(id, _) if !needed.contains(id) => continue,
                Step::Mask(expr) | Step::Compute(_, expr) => needed.extend(expr.columns()),
                Step::Match(_) => {}
                Step::Window(at) => {
                    if !self.windows[*at].keep_only(|id| needed.contains(&id)) {
                        continue;
                    }
                    needed.extend(self.windows[*at].columns().iter().map(|column| column.id));
                }
            }
            kept.push(step);
        }
        kept.reverse();
        self.steps = kept;
        self.variables.retain(|v| needed.contains(&v.id));
        self.labels.retain(|id, _| needed.contains(id));
        self.positions.retain(|id, _| needed.contains(id));
    }

    /// Whether cells can become absent.
    pub(super) fn has_mask(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Mask(_) | Step::Match(_)))
    }

    /// How the grid is cut into the boxes that are read at a time: as the variable with the most stored bytes over all
    /// dimensions is, and where that has no cells, as another; where none is read, in one piece.
    pub(super) fn driver(&self) -> ChunkGrid {
        let mut full: Vec<&DataVariable> = self.variables.iter().filter(|v| v.is_on_all(self.rank())).collect();
        // Of equal ones the first: that of the left of a join.
        full.sort_by_key(|v| Reverse(v.cell_bytes()));
        let cut = |dim: usize| match full.as_slice() {
            [] => AxisChunks::whole(self.shape[dim]),
            full => cuts(full, dim, self.shape[dim]),
        };
        ChunkGrid::new((0..self.rank()).map(cut).collect())
    }

    /// Chunks taken together along the inner dimensions until they hold enough cells that the work for each box is little
    /// beside that for its cells. An outer dimension is joined only where the inner ones are whole, so that the order of
    /// cells within a group stays row-major where it was; boxes do not cross the borders of files.
    pub(super) fn widened(&self, chunks: &ChunkGrid) -> ChunkGrid {
        let mut axes = chunks.axes().to_vec();
        let typical = |axis: &AxisChunks| axis.positions().div_ceil(axis.len().max(1)).max(1);
        let mut cells: usize = axes.iter().map(typical).product();
        let widest = self.variables.iter().map(DataVariable::cell_bytes).max().unwrap_or(1);
        let most = BOX_CELLS.min(BOX_BYTES / widest);
        for dim in (0..axes.len()).rev().filter(|dim| chunks.axes()[*dim].len() > 1) {
            let n = (most / cells).min(axes[dim].len());
            if n < 2 || !self.lies_in_one_file_along(dim) {
                break;
            }
            axes[dim] = axes[dim].coarsen(n);
            cells *= n;
            if axes[dim].len() > 1 {
                break;
            }
        }
        ChunkGrid::new(axes)
    }

    /// Whether a dimension is nowhere cut by the border of a file.
    fn lies_in_one_file_along(&self, dim: usize) -> bool {
        self.variables.iter().all(|v| {
            let along = |d: usize| 0..if d == dim { self.shape[d] } else { self.shape[d].min(1) };
            let line = Region::all_of(&Hyperslab::new((0..self.rank()).map(along).collect()));
            v.own_region(&line).bounds().is_none_or(|line| v.dataset.is_in_one_file(v.variable, &line))
        })
    }

    /// Chunks taken together such that a box holds all that windows see from its cells, or several times as much as they see
    /// beyond it.
    pub(super) fn with_reach(&self, chunks: ChunkGrid) -> ChunkGrid {
        let mut axes = chunks.axes().to_vec();
        for reach in self.windows_needed().map(GridWindow::reach) {
            for dim in reach.dims.dims() {
                let axis = &axes[dim];
                let wanted = reach.rows.map_or(usize::MAX, |rows| rows.iter().sum::<usize>().saturating_mul(BEYOND));
                let typical = axis.positions().div_ceil(axis.len().max(1)).max(1);
                axes[dim] = axis.coarsen(wanted.div_ceil(typical).clamp(1, axis.len().max(1)));
            }
        }
        ChunkGrid::new(axes)
    }

    /// Chunks that would leave few boxes to threads that compute windows, cut along one of some dimensions: windows take
    /// longer than reading, so that chunks are read again for several boxes.
    pub(super) fn in_several_boxes(&self, chunks: ChunkGrid, along: Footprint) -> ChunkGrid {
        let longest = along.dims().max_by_key(|dim| chunks.axes()[*dim].positions());
        let Some(dim) = longest.filter(|_| chunks.len() < BOXES && !self.windows.is_empty()) else { return chunks };
        let mut axes = chunks.axes().to_vec();
        let len = axes[dim].positions();
        axes[dim] = AxisChunks::regular(len, len.div_ceil(BOXES).max(1));
        ChunkGrid::new(axes)
    }

    /// The windows whose columns are read.
    pub(super) fn windows_needed(&self) -> impl Iterator<Item = &GridWindow> {
        self.windows.iter().filter(|window| !window.calls.is_empty())
    }

    /// The dimensions along which no window sees further than a cell.
    pub(super) fn own_dims(&self) -> Footprint {
        let own = |dim: &usize| self.windows_needed().all(|window| !window.reach().dims.contains(*dim));
        (0..self.rank()).filter(own).collect()
    }

    /// Takes columns of windows that are computed, for all cells: nothing is computed any more for them.
    pub(super) fn hold(&mut self, columns: Held) {
        self.steps.retain(|step| !matches!(step, Step::Window(_)));
        self.windows.clear();
        self.held.push(columns);
    }

    /// A box cut along some dimensions such that a thread holds no more than `share` bytes of what is read for windows.
    pub(super) fn read_at_once(&self, region: Region, along: Footprint, share: usize) -> Vec<Region> {
        if self.windows.is_empty() {
            return vec![region];
        }
        halved(&region, along, &|part| self.bytes_read(part) <= share)
    }

    /// What is read at once, cut such that windows are computed on few cells at a time.
    pub(super) fn computed_at_once(&self, region: Region, along: Footprint) -> Vec<Region> {
        if self.windows.is_empty() {
            return vec![region];
        }
        halved(&region, along, &|part| self.seen_from(part).cells() <= PART_CELLS)
    }

    /// The bytes that are held of what is read, for a region and all that windows see from it.
    fn bytes_read(&self, region: &Region) -> usize {
        let seen = self.seen_from(region);
        let of = |v: &DataVariable| v.own_region(&seen).cells() * v.cell_bytes();
        self.variables.iter().map(of).sum()
    }

    /// A region with all that windows see from it.
    pub(super) fn seen_from(&self, region: &Region) -> Region {
        let windows: Vec<&GridWindow> = self.windows_needed().collect();
        windows.iter().rev().fold(region.clone(), |seen, window| window.seen_from(&seen, &self.region))
    }

    /// How many chunks of all variables the region meets: what progress counts.
    pub(super) fn chunks_to_read(&self) -> usize {
        self.variables.iter().map(|v| v.chunks.count_meeting(&v.own_region(&self.region))).sum()
    }
}

impl Label {
    /// One value for each position of `dim`, of `len`: a constant is repeated.
    fn stretched(&self, dim: Option<usize>, len: usize) -> Result<ArrayRef> {
        if self.dim == dim {
            return Ok(self.values.clone());
        }
        let first = arrow::array::UInt32Array::from_value(0, len);
        Ok(arrow::compute::take(&self.values, &first, None)?)
    }
}
