//! How much memory a plan will take, said before it runs: from shapes, chunks, settings, and how operators work. Nothing is read
//! for it. What depends on data is taken at its most: every cell a row, every row a group.

use crate::error::Result;
use crate::grid::{CELLS_AT_ONCE, KEPT_BYTES};
use crate::rows::key_table::KeyTable;
use arrow::array::ArrayRef;
use hyperslab_expr::{AggregateCall, ColumnId, Expr, SqlType, aggregate};
use hyperslab_grid::{AxisChunks, ChunkGrid, Footprint};
use hyperslab_plan::axis::{along_axes, along_axis};
use hyperslab_plan::{Align, Base, BoundQuery, Column, ColumnSource, GridPlan, JoinKind, RowPlan, Scan};
use std::collections::BTreeMap;

/// What a plan will take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// The most bytes of memory, at most the limit.
    pub memory: u64,
    /// The most bytes of temporary files.
    pub disk: u64,
    /// Whether values of groups are too many to be held, so that cells or rows are read in several rounds.
    pub in_rounds: bool,
}

/// What the operators of a plan will take of memory and of temporary files, at most.
pub fn forecast(query: &BoundQuery, threads: usize, limit: usize) -> Forecast {
    let (threads, limit) = (threads as u64, limit as u64);
    let model = Model { query, threads, limit };
    let mut all = model.rows(&query.plan);
    // Results wait for their turn, a few batches a thread.
    let waiting = all.rows.saturating_mul(width(&query.plan.columns()));
    all.held = all.held.saturating_add(waiting.min(2 * threads * BATCHES_BYTES).min(limit / 8));
    let memory = all.held.saturating_add(all.reading).saturating_add(threads * SCRATCH_BYTES);
    Forecast { memory: memory.min(limit), disk: all.disk, in_rounds: all.in_rounds }
}

/// What a thread takes whatever it does.
const SCRATCH_BYTES: u64 = 256 << 10;

/// What waits of the rows of a thread, about.
const BATCHES_BYTES: u64 = 1 << 20;

/// What a value of a type without a fixed width takes, about.
const TEXT_BYTES: u64 = 24;

/// The most bytes of a block of cells in the order of rows.
const ROW_BLOCK_BYTES: u64 = 64 << 20;

/// What a row takes besides its columns where it is found by its key.
const ENTRY_BYTES: u64 = 32;

/// What is held of a row that cells are matched with, twice while places are numbered.
const PAIR_BYTES: u64 = 16;

/// As many jobs are sought where an aggregate is cut between its groups, or more if these would have more groups each.
const JOBS: u64 = 32;
const GROUPS_OF_JOB: u64 = 1 << 19;

/// What is known of the output of a node, and of it and all beneath it.
#[derive(Clone, Copy, Debug, Default)]
struct Needs {
    /// The most rows that it gives.
    rows: u64,
    /// Bytes held while the whole plan runs.
    held: u64,
    /// Bytes of the largest reading beneath: readings come one after the other.
    reading: u64,
    /// Bytes on disk.
    disk: u64,
    /// Whether something beneath is read in several rounds.
    in_rounds: bool,
}

impl Needs {
    /// The same with rows that are held, by way of the disk beyond half of the limit.
    fn holding(mut self, bytes: u64, limit: u64, goes_to_disk: bool) -> Self {
        if goes_to_disk && bytes > limit / 2 {
            self.disk = self.disk.saturating_add(bytes);
            self.held = self.held.saturating_add(limit / 2);
        } else {
            self.held = self.held.saturating_add(bytes);
        }
        self
    }

    fn beside(self, other: Self) -> Self {
        Self {
            rows: self.rows,
            held: self.held.saturating_add(other.held),
            reading: self.reading.max(other.reading),
            disk: self.disk.saturating_add(other.disk),
            in_rounds: self.in_rounds || other.in_rounds,
        }
    }

    fn giving(self, rows: u64) -> Self {
        Self { rows, ..self }
    }
}

struct Model<'a> {
    query: &'a BoundQuery,
    threads: u64,
    limit: u64,
}

impl Model<'_> {
    fn rows(&self, plan: &RowPlan) -> Needs {
        let inputs: Vec<Needs> = plan.inputs().into_iter().map(|input| self.rows(input)).collect();
        let first = inputs.first().copied().unwrap_or_default();
        match plan {
            RowPlan::Values { rows, .. } => Needs::default().giving(rows.len() as u64),
            RowPlan::Table(scan) => {
                let table = &self.query.table(scan.table).opened;
                let rows = table.rows().unwrap_or(u64::MAX);
                Needs { rows, reading: self.threads * 2 * BATCHES_BYTES, ..Needs::default() }
            }
            RowPlan::Materialize { grid, columns } => self.materialized(grid, columns.len() as u64),
            RowPlan::Filter { .. } | RowPlan::Project { .. } => first,
            RowPlan::Aggregate { input, keys, aggregates } => self.grouped(first, plan, input, keys, aggregates),
            RowPlan::Join { left, right, kind, on, .. } => self.joined([first, inputs[1]], [left, right], *kind, on),
            RowPlan::Window { input, window, .. } => {
                let keys = (window.order.len() + window.partition.len()) as u64;
                let row = 2 * width(&input.columns()) + width(&plan.columns()) + ENTRY_BYTES + keys * 40;
                first.holding(first.rows.saturating_mul(row), self.limit, !window.partition.is_empty())
            }
            RowPlan::Sort { input, keys } => {
                let row = width(&input.columns()) + keys.len() as u64 * 16 + ENTRY_BYTES;
                first.holding(first.rows.saturating_mul(row), self.limit, true)
            }
            RowPlan::TopK { input, keys, limit, offset } => {
                let kept = first.rows.min(limit.saturating_add(*offset).saturating_mul(2).saturating_add(256));
                let row = width(&input.columns()) + keys.len() as u64 * 16 + ENTRY_BYTES;
                // Each partition has its own until they are merged; keys of a batch are there before they are weeded out.
                let all = kept.saturating_mul(2 * row).saturating_mul(2 + 2 * self.threads);
                first.giving(first.rows.min(*limit)).holding(all, self.limit, true)
            }
            RowPlan::Limit { limit, .. } => first.giving(first.rows.min(limit.unwrap_or(u64::MAX))),
            RowPlan::Union { .. } => {
                let rows = inputs.iter().fold(0, |all: u64, input| all.saturating_add(input.rows));
                inputs.into_iter().fold(Needs::default(), Needs::beside).giving(rows)
            }
        }
    }

    fn grouped(
        &self,
        first: Needs,
        plan: &RowPlan,
        input: &RowPlan,
        keys: &[(Column, Expr)],
        aggregates: &[(Column, AggregateCall)],
    ) -> Needs {
        let groups = if keys.is_empty() { 1 } else { first.rows };
        let kept: u64 = aggregates.iter().map(|(_, call)| aggregate::kept_values(call) as u64 * 8).sum();
        let state = state_bytes(aggregates.iter().map(|(_, call)| call));
        let group = state + width(&plan.columns()) + 2 * ENTRY_BYTES;
        let states = groups.saturating_mul(group).saturating_add(first.rows.saturating_mul(2 * kept));
        let calls = aggregates.iter().map(|(_, call)| call);
        if keys.is_empty() && states > self.limit / 2 && self.may_go_in_rounds(calls) {
            return Needs { in_rounds: true, ..first.giving(1).holding(self.limit / 4, self.limit, false) };
        }
        let needs = first.giving(groups).holding(states, self.limit, !keys.is_empty());
        if needs.disk == first.disk {
            return needs;
        }
        // Rows go to the disk, not states.
        let rows = first.rows.saturating_mul(width(&input.columns()) + 8);
        Needs { disk: first.disk.saturating_add(rows), ..needs }
    }

    fn joined(
        &self,
        [first, other]: [Needs; 2],
        [left, right]: [&RowPlan; 2],
        kind: JoinKind,
        on: &[(Expr, Expr)],
    ) -> Needs {
        let held = other.rows.saturating_mul(width(&right.columns()) + ENTRY_BYTES);
        let rows = match kind {
            JoinKind::Semi | JoinKind::Anti => first.rows,
            _ if on.is_empty() => first.rows.saturating_mul(other.rows),
            // A cell is found by as many keys as it has dimensions.
            _ if rank(left).is_some_and(|rank| rank <= on.len()) => other.rows,
            _ if rank(right).is_some_and(|rank| rank <= on.len()) => first.rows,
            // Keys of one side are unique, as a rule.
            _ => first.rows.max(other.rows),
        };
        first.beside(other).giving(rows).holding(held, self.limit, !on.is_empty())
    }

    fn materialized(&self, grid: &GridPlan, columns: u64) -> Needs {
        let in_row_order = !grid.is_aggregate();
        let beneath = self.grid(grid, in_row_order);
        match grid {
            GridPlan::Aggregate { input, keys, aggregates } => self.aggregated(beneath, input, keys, aggregates),
            _ => beneath.beside(Needs { reading: self.threads * columns * 8 * CELLS_AT_ONCE, ..Needs::default() }),
        }
    }

    /// A chain of a grid, without its aggregate: what is read of it at a time, and what is held beside it.
    fn grid(&self, grid: &GridPlan, in_row_order: bool) -> Needs {
        let below = grid.input().map(|input| self.grid(input, in_row_order)).unwrap_or_default();
        match grid {
            GridPlan::Scan(scan) => self.scan(scan, in_row_order),
            GridPlan::Align(align) => self.align(align, in_row_order),
            GridPlan::Join { right, .. } => {
                let other = self.grid(right, in_row_order);
                Needs { reading: below.reading.saturating_add(other.reading), ..below.beside(other) }
            }
            GridPlan::Lookup { rows, .. } => {
                let other = self.rows(rows);
                // Columns, the number of each row, and where a number is.
                let held = other.rows.saturating_mul(width(&rows.columns()) + 12);
                below.beside(other).holding(held, self.limit, true)
            }
            GridPlan::Matches { rows, .. } => {
                let other = self.rows(rows);
                let held = other.rows.saturating_mul(PAIR_BYTES);
                below.beside(other).holding(held, self.limit, false)
            }
            GridPlan::Window { calls, .. } => {
                let part = CELLS_AT_ONCE * 32;
                let computing = self.threads * part * (3 + calls.len() as u64) * 8;
                Needs { reading: below.reading.saturating_mul(2).saturating_add(computing), ..below }
            }
            GridPlan::Mask { .. } | GridPlan::Map { .. } | GridPlan::Aggregate { .. } => below,
        }
    }

    /// The blocks of both scans; cells are those of the axes.
    fn align(&self, align: &Align, in_row_order: bool) -> Needs {
        let read = align.scans.iter().map(|scan| self.scan(scan, in_row_order).reading);
        Needs { rows: align.region.cells() as u64, reading: read.fold(0, u64::saturating_add), ..Needs::default() }
    }

    /// The blocks of a scan, one of each variable a thread: a chunk as it is stored, and as it is decoded. For cells in the order of
    /// rows as many chunks as hold whole inner dimensions.
    fn scan(&self, scan: &Scan, in_row_order: bool) -> Needs {
        let dataset = self.query.dataset(scan.dataset);
        let block = |source: &ColumnSource| -> u64 {
            let Some(v) = source.variable() else { return 0 };
            let variable = &dataset.schema().variables[v];
            if variable.dims.len() < 2 {
                return 0;
            }
            let (region, chunks) = dataset.stored(v, &scan.selected(dataset, v));
            let size = variable.stored_size as u64;
            let whole = if in_row_order { inner_cells(&chunks).min(ROW_BLOCK_BYTES / size.max(1)) } else { 0 };
            let cells = largest_chunk(&chunks).max(4 * CELLS_AT_ONCE).max(whole).min(region.cells() as u64);
            cells * 2 * size
        };
        let blocks: u64 = scan.columns.iter().map(|column| block(&column.source)).sum();
        Needs { rows: scan.region.cells() as u64, reading: self.threads * blocks, ..Needs::default() }
    }

    /// A dense aggregate: states of the groups that threads work on and of those that they are merged into, and all results.
    fn aggregated(
        &self,
        beneath: Needs,
        input: &GridPlan,
        keys: &[(Column, Expr)],
        aggregates: &[(Column, AggregateCall)],
    ) -> Needs {
        let groups = self.groups(input, keys);
        let kept: u64 = aggregates.iter().map(|(_, call)| aggregate::kept_values(call) as u64).sum();
        let state = state_bytes(aggregates.iter().map(|(_, call)| call));
        let results = keys.iter().map(|(column, _)| column).chain(aggregates.iter().map(|(column, _)| column));
        let result = results.map(|column| column_width(&column.ty)).sum::<u64>();
        let at_once = self.groups_at_once(input, keys);
        let working = (2 * self.threads + 1).saturating_mul(at_once).saturating_mul(state);
        let given = self.groups_given(input, keys).min(groups);
        let mut needs = beneath.giving(given);
        // Where states take more than half of the limit cells are read again, for some groups at a time.
        needs.in_rounds |= kept == 0 && working > self.limit / 2 && groups > 1;
        needs.held = needs.held.saturating_add(working.min(self.limit / 2));
        if kept > 0 {
            // Each value as it comes and once more in order; where that is too much cells are turned over on disk, and where one
            // group alone is too much, they are folded in rounds.
            let values = beneath.rows.saturating_mul(kept * 24);
            let share = (self.limit / 2).min(self.threads * KEPT_BYTES as u64);
            let is_large = self.cells_at_once(input, keys).saturating_mul(kept * 24) > share;
            needs.in_rounds |= is_large && self.may_go_in_rounds(aggregates.iter().map(|(_, call)| call));
            needs.held = needs.held.saturating_add(values.min(share));
            let on_disk = if values > share && !needs.in_rounds { beneath.rows.saturating_mul(kept * 8) } else { 0 };
            needs.disk = needs.disk.saturating_add(on_disk);
        }
        let kept = given.saturating_mul(result);
        needs
            .holding(kept.min(self.limit / 4), self.limit, false)
            .beside(Needs { disk: kept.saturating_sub(self.limit / 4), ..Needs::default() })
    }

    /// The groups that one thread holds where a dense aggregate is cut between chunks: along dimensions where each position is a
    /// group of its own.
    fn groups_at_once(&self, input: &GridPlan, keys: &[(Column, Expr)]) -> u64 {
        let groups = self.groups(input, keys);
        let wanted = JOBS.max(groups.div_ceil(GROUPS_OF_JOB));
        let mut jobs = 1;
        for bins in self.bins(input, keys) {
            if let Some(dim) = bins.dim.filter(|_| bins.groups == bins.places) {
                jobs *= self.chunks_along(input, dim).min(wanted.div_ceil(jobs)).max(1);
            }
        }
        groups.div_ceil(jobs)
    }

    /// How many chunks of the largest variable there are along a dimension.
    fn chunks_along(&self, grid: &GridPlan, dim: usize) -> u64 {
        let Base::Scan(scan) = grid.base() else { return 1 };
        let dataset = self.query.dataset(scan.dataset);
        let full = Footprint::all(scan.dims.len());
        let on_all = scan.columns.iter().filter(|column| column.footprint == full);
        let Some(v) = on_all.filter_map(|column| column.source.variable()).next() else { return 1 };
        let (region, chunks) = dataset.stored(v, &scan.selected(dataset, v));
        let axis = scan.dims_of(dataset, v).iter().position(|own| *own == dim);
        axis.map_or(1, |axis| chunks.axes()[axis].meeting(&region.sets()[axis]).len() as u64)
    }

    fn may_go_in_rounds<'c>(&self, calls: impl Iterator<Item = &'c AggregateCall>) -> bool {
        !self.query.is_volatile && aggregate::are_found_in_rounds(calls)
    }

    /// How many groups the keys of a dense aggregate make, at most.
    fn groups(&self, input: &GridPlan, keys: &[(Column, Expr)]) -> u64 {
        self.bins(input, keys).into_iter().map(|bins| bins.groups).fold(1, u64::saturating_mul)
    }

    /// How many groups are given out: those of cells that are matched with rows are as many as different rows.
    fn groups_given(&self, input: &GridPlan, keys: &[(Column, Expr)]) -> u64 {
        let GridPlan::Matches { rows, columns, .. } = input else { return u64::MAX };
        let (of_rows, of_cells): (Vec<_>, Vec<_>) =
            keys.iter().cloned().partition(|(_, key)| columns.iter().any(|(own, _)| key.columns().contains(&own.id)));
        let read: Vec<ColumnId> = columns.iter().flat_map(|(_, expr)| expr.columns()).collect();
        let different = if of_rows.is_empty() { 1 } else { self.rows(narrowest(rows, &read)).rows };
        different.saturating_mul(self.groups(input, &of_cells))
    }

    /// The cells that are left where a dense aggregate is cut between groups as far as can be: along dimensions where each
    /// position is a group of its own.
    fn cells_at_once(&self, input: &GridPlan, keys: &[(Column, Expr)]) -> u64 {
        let own = self.bins(input, keys).into_iter().filter(|bins| bins.dim.is_some() && bins.groups == bins.places);
        own.fold(input.region().cells() as u64, |cells, bins| cells / bins.places.max(1))
    }

    /// For each dimension that keys lie along the distinct keys; for keys that depend on several together as many as there are
    /// places.
    fn bins(&self, input: &GridPlan, keys: &[(Column, Expr)]) -> Vec<Bins> {
        let mut by_dim: BTreeMap<usize, Vec<ArrayRef>> = BTreeMap::new();
        let mut of_places = Footprint::EMPTY;
        for (_, key) in keys {
            if let Some((dim, labels)) = along_axis(self.query, input, key) {
                by_dim.entry(dim).or_default().push(labels);
            } else if let Some(dims) = along_axes(self.query, input, key) {
                of_places = of_places.union(dims);
            }
        }
        let positions = |dim: usize| input.region().sets()[dim].len() as u64;
        let along = |(dim, labels): (usize, Vec<ArrayRef>)| {
            let places = positions(dim);
            let groups = distinct(&labels).map_or(places, |distinct| (distinct as u64).min(places));
            Bins { groups, places, dim: Some(dim) }
        };
        let places = of_places.dims().map(positions).fold(1, u64::saturating_mul);
        let together = (!of_places.is_empty()).then_some(Bins { groups: places, places, dim: None });
        by_dim.into_iter().filter(|(dim, _)| !of_places.contains(*dim)).map(along).chain(together).collect()
    }
}

/// The plan furthest beneath that some columns come from.
fn narrowest<'p>(plan: &'p RowPlan, ids: &[ColumnId]) -> &'p RowPlan {
    let has = |plan: &&RowPlan| ids.iter().all(|id| plan.columns().iter().any(|column| column.id == *id));
    plan.inputs().into_iter().find(has).map_or(plan, |input| narrowest(input, ids))
}

/// What is known of the groups of some keys.
struct Bins {
    groups: u64,
    /// How many combinations of selected positions decide them.
    places: u64,
    /// The dimension that they lie on, if it is one and they are known beforehand.
    dim: Option<usize>,
}

/// How many different tuples labels of one dimension make.
fn distinct(labels: &[ArrayRef]) -> Result<usize> {
    let types: Vec<_> = labels.iter().map(|label| label.data_type().clone()).collect();
    let mut table = KeyTable::new(&types)?;
    table.number(labels, labels.first().map_or(0, |label| label.len()))?;
    Ok(table.len())
}

/// The dimensions of the cells that rows stand for.
fn rank(plan: &RowPlan) -> Option<usize> {
    match plan {
        RowPlan::Materialize { grid, .. } if !grid.is_aggregate() => Some(grid.rank()),
        RowPlan::Filter { input, .. } | RowPlan::Project { input, .. } => rank(input),
        _ => None,
    }
}

fn largest_chunk(chunks: &ChunkGrid) -> u64 {
    chunks.axes().iter().map(longest).product()
}

/// The cells of the chunks that lie beside each other along all dimensions but the first.
fn inner_cells(chunks: &ChunkGrid) -> u64 {
    let (first, inner) = chunks.axes().split_first().map_or((1, &[][..]), |(first, inner)| (longest(first), inner));
    inner.iter().map(|axis| axis.positions() as u64).fold(first, u64::saturating_mul)
}

fn longest(axis: &AxisChunks) -> u64 {
    (0..axis.len()).map(|at| axis.range(at).len() as u64).max().unwrap_or(0)
}

/// The bytes of the states of a group, as accumulators of some groups count them.
fn state_bytes<'a>(calls: impl Iterator<Item = &'a AggregateCall>) -> u64 {
    const GROUPS: usize = 1024;
    let of_call = |call: &AggregateCall| match aggregate::create(call) {
        Ok(mut accumulator) => {
            accumulator.resize(GROUPS);
            accumulator.bytes_a_group().max(accumulator.memory().div_ceil(GROUPS)) as u64 + 8
        }
        Err(_) => TEXT_BYTES,
    };
    calls.map(of_call).sum()
}

fn width(columns: &[Column]) -> u64 {
    columns.iter().map(|column| column_width(&column.ty)).sum()
}

fn column_width(ty: &SqlType) -> u64 {
    ty.to_arrow().primitive_width().map_or(TEXT_BYTES, |width| width as u64)
}
