//! A plan as text: how high `Materialize` stands, and which chunks will be read of how many.

use crate::numbers::{bytes, count};
use crate::window::{FrameBound, FramePlace, FrameUnits, Window, WindowCall, WindowFrame, WindowFunction};
use crate::{
    Align, Along, AsOf, BoundQuery, Column, ColumnSource, GridPlan, JoinKind, RowPlan, Scan, SortKey, TableScan,
};
use hyperslab_expr::{AggregateCall, ColumnId, Expr, RowOrder, SqlType, display};
use hyperslab_grid::{IndexSet, Region};
use std::collections::HashMap;
use std::fmt::Write;

/// The plan of a query as an indented tree; what a node reads stands beneath it. Counts of chunks and bytes are exact, from
/// shapes: nothing is read to say them.
pub fn explain(query: &BoundQuery) -> String {
    let mut explain = Explain { query, names: names(&query.plan), text: String::new() };
    explain.rows(&query.plan, 0);
    explain.text
}

/// What a scan will read of a dataset, or of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadEstimate {
    /// Chunks that hold selected cells; of a table, columns of row groups, or CSV files.
    pub chunks: usize,
    /// Chunks of the variables read.
    pub chunks_present: usize,
    /// Reads of chunks that were read before, for another part of what is computed from them.
    pub chunks_again: usize,
    /// Bytes of cells in the chunks that are read.
    pub bytes: usize,
    /// Bytes of cells of the variables read.
    pub bytes_present: usize,
}

/// What all scans of a plan will read.
pub fn estimate(query: &BoundQuery) -> ReadEstimate {
    let mut total = ReadEstimate::default();
    query.plan.walk(&mut |node| {
        if let RowPlan::Materialize { grid, .. } = node {
            for scan in grid.scans() {
                let reads = scan.columns.iter().filter_map(|column| estimate_column(query, scan, &column.source));
                reads.for_each(|read| total.add(&read));
            }
        }
        if let RowPlan::Table(scan) = node {
            total.add(&estimate_table(query, scan));
        }
    });
    total
}

impl ReadEstimate {
    fn add(&mut self, other: &Self) {
        self.chunks += other.chunks;
        self.chunks_present += other.chunks_present;
        self.chunks_again += other.chunks_again;
        self.bytes += other.bytes;
        self.bytes_present += other.bytes_present;
    }
}

fn estimate_table(query: &BoundQuery, scan: &TableScan) -> ReadEstimate {
    let columns: Vec<usize> = scan.columns.iter().map(|(_, at)| *at).collect();
    query.table(scan.table).opened.estimate(&columns)
}

/// What is read of one column; `None` for labels, which are read when the dataset is opened.
fn estimate_column(query: &BoundQuery, scan: &Scan, source: &ColumnSource) -> Option<ReadEstimate> {
    let v = source.variable()?;
    let dataset = query.dataset(scan.dataset);
    let variable = &dataset.schema().variables[v];
    if crate::axis::is_label(source, dataset) && variable.dims.len() <= 1 {
        return None;
    }
    let selected = scan.selected(dataset, v);
    let (region, chunks) = dataset.stored(v, &selected);
    Some(ReadEstimate {
        chunks: chunks.count_meeting(&region),
        chunks_present: chunks.len(),
        chunks_again: dataset.read_again(v, &selected),
        bytes: chunks.cells_meeting(&region) * variable.stored_size,
        bytes_present: chunks.shape().iter().product::<usize>() * variable.stored_size,
    })
}

/// The name of each column of a plan.
fn names(plan: &RowPlan) -> HashMap<ColumnId, String> {
    let mut names = HashMap::new();
    let mut add = |column: &Column| {
        names.insert(column.id, column.name.clone());
    };
    plan.walk(&mut |node| {
        node.columns().iter().for_each(&mut add);
        if let RowPlan::Materialize { grid, .. } = node {
            grid_columns(grid, &mut add);
        }
    });
    names
}

fn grid_columns(grid: &GridPlan, add: &mut impl FnMut(&Column)) {
    grid.columns().iter().for_each(|c| add(&c.column));
    if let GridPlan::Join { right, .. } = grid {
        grid_columns(right, add);
    }
    if let Some(input) = grid.input() {
        grid_columns(input, add);
    }
}

struct Explain<'a> {
    query: &'a BoundQuery,
    names: HashMap<ColumnId, String>,
    text: String,
}

impl Explain<'_> {
    fn line(&mut self, depth: usize, text: &str) {
        let _ = writeln!(self.text, "{:width$}{text}", "", width = 2 * depth);
    }

    fn rows(&mut self, plan: &RowPlan, depth: usize) {
        let line = self.row_node(plan);
        self.line(depth, &line);
        if let RowPlan::Materialize { grid, .. } = plan {
            // The rows that it looks up stand where they are looked up.
            return self.grid(grid, depth + 1);
        }
        if let RowPlan::Table(scan) = plan {
            self.line(depth + 1, &read_of(&estimate_table(self.query, scan)));
        }
        for input in plan.inputs() {
            self.rows(input, depth + 1);
        }
    }

    fn row_node(&self, plan: &RowPlan) -> String {
        match plan {
            RowPlan::Values { rows, .. } => format!("Values {}", counted(rows.len(), "row")),
            RowPlan::Table(scan) => self.table(scan),
            RowPlan::Materialize { columns, .. } => {
                format!("Materialize {}", listed(columns.iter().map(|id| self.name(*id))))
            }
            RowPlan::Filter { predicate, .. } => format!("Filter {}", self.expr(predicate)),
            RowPlan::Project { columns, .. } => format!("Project {}", self.computed(columns)),
            RowPlan::Aggregate { keys, aggregates, .. } => format!("Aggregate {}", self.grouping(keys, aggregates)),
            RowPlan::Join { kind, on, asof, filter, .. } => {
                let name = match (asof, filter) {
                    (Some(_), _) => "AsOfJoin",
                    (None, Some(_)) if on.is_empty() => "LoopJoin",
                    (None, _) => "HashJoin",
                };
                self.join(&format!("{name} {}", kind_name(*kind)), on, asof.as_deref(), filter.as_ref())
            }
            RowPlan::Window { window, calls, .. } => self.window(window, calls),
            RowPlan::Sort { keys, .. } => format!("Sort by {}", self.order(keys)),
            RowPlan::TopK { keys, limit, offset, .. } => {
                format!("TopK {} by {}", self.limit(Some(*limit), *offset), self.order(keys))
            }
            RowPlan::Limit { limit, offset, .. } => format!("Limit {}", self.limit(*limit, *offset)),
            RowPlan::Union { inputs, .. } => format!("Union of {}", inputs.len()),
        }
    }

    /// `Table stations.csv (CSV, 2 files) id, lat, lon`.
    fn table(&self, scan: &TableScan) -> String {
        let table = self.query.table(scan.table);
        let files = Some(table.opened.files()).filter(|files| *files != 1).map(|files| counted(files, "file"));
        let rows = table.opened.rows().map(|rows| counted(rows as usize, "row"));
        let about = [Some(table.format.name().to_string()), files, rows].into_iter().flatten().collect::<Vec<_>>();
        let columns = listed(scan.columns.iter().map(|(column, _)| self.name(column.id)));
        format!("Table {} ({}) {columns}", scan.name, about.join(", ")).trim_end().to_string()
    }

    fn grid(&mut self, grid: &GridPlan, depth: usize) {
        let line = match grid {
            GridPlan::Scan(scan) => return self.scan(scan, depth),
            GridPlan::Align(align) => return self.align(align, depth),
            GridPlan::Mask { predicate, .. } => format!("Mask {}", self.expr(predicate)),
            GridPlan::Map { columns, .. } => format!("Map {}", self.computed(columns)),
            GridPlan::Join { left, right, along, kind, .. } => self.grid_join(left, right, along, *kind),
            GridPlan::Lookup { on, kind, .. } => self.join(&format!("Lookup {}", kind_name(*kind)), on, None, None),
            GridPlan::Matches { on, .. } => self.join("Matches", on, None, None),
            GridPlan::Window { window, calls, reach, .. } => {
                let dims = reach.dims.dims().map(|dim| grid.dim_names()[dim].clone()).collect::<Vec<_>>();
                let along = if dims.is_empty() { String::new() } else { format!(" along {}", dims.join(", ")) };
                format!("{}{along}", self.window(window, calls))
            }
            GridPlan::Aggregate { keys, aggregates, .. } => format!("Aggregate {}", self.grouping(keys, aggregates)),
        };
        self.line(depth, &line);
        if let Some(input) = grid.input() {
            self.grid(input, depth + 1);
        }
        match grid {
            GridPlan::Join { right, .. } => self.grid(right, depth + 1),
            GridPlan::Lookup { rows, .. } | GridPlan::Matches { rows, .. } => self.rows(rows, depth + 1),
            _ => {}
        }
    }

    /// A join of grids, with the pairs of dimensions along which cells are found.
    fn grid_join(&self, left: &GridPlan, right: &GridPlan, along: &[Along], kind: JoinKind) -> String {
        let names = along.iter().zip(right.dim_names());
        let pairs = names.map(|(along, to)| match &left.dim_names()[along.dim] {
            same if same == to => same.clone(),
            from => format!("{from} to {to}"),
        });
        format!("Join {} along {}", kind_name(kind), listed(pairs.collect::<Vec<_>>().into_iter()))
    }

    /// Two grids side by side, with the axes that hold the labels of both.
    fn align(&mut self, align: &Align, depth: usize) {
        let axes = shown_axes(&align.dim_names, &align.shape, &align.region);
        self.line(depth, &format!("Align on labels of both ({axes})"));
        align.scans.iter().for_each(|scan| self.scan(scan, depth + 1));
    }

    fn scan(&mut self, scan: &Scan, depth: usize) {
        let axes = shown_axes(&scan.dim_names, &scan.shape, &scan.region);
        let files = self.query.dataset(scan.dataset).files();
        let of_files = if files == 1 { String::new() } else { format!(", {} files", count(files as u64)) };
        self.line(depth, &format!("Scan {} ({axes}){of_files}", scan.name));
        for column in &scan.columns {
            if let Some(read) = estimate_column(self.query, scan, &column.source) {
                let text = format!("{}: {}", column.column.name, read_of(&read));
                self.line(depth + 1, &text);
            }
        }
    }

    fn name(&self, id: ColumnId) -> String {
        self.names.get(&id).cloned().unwrap_or_else(|| format!("#{}", id.0))
    }

    fn expr(&self, expr: &Expr) -> String {
        display::display(expr, &|id| self.name(id)).to_string()
    }

    /// Columns passed on by name; computed ones as `name = expression` where the name is not the expression's own text.
    fn computed(&self, columns: &[(Column, Expr)]) -> String {
        listed(columns.iter().map(|(column, expr)| {
            let text = self.expr(expr);
            if text == column.name { text } else { format!("{} = {text}", column.name) }
        }))
    }

    fn grouping(&self, keys: &[(Column, Expr)], aggregates: &[(Column, AggregateCall)]) -> String {
        let calls = listed(aggregates.iter().map(|(_, call)| self.call(call)));
        match (keys.is_empty(), aggregates.is_empty()) {
            (true, _) => calls,
            (false, true) => format!("by {}", self.computed(keys)),
            (false, false) => format!("{calls} by {}", self.computed(keys)),
        }
    }

    fn call(&self, call: &AggregateCall) -> String {
        let (args, keys) = call.args.split_at(call.args.len() - call.order.len());
        let args = args.iter().map(|arg| self.expr(arg));
        let args = args.chain(call.parameters.iter().map(ToString::to_string)).collect::<Vec<_>>();
        let args = if args.is_empty() { "*".to_string() } else { args.join(", ") };
        let key = |(expr, order): (&Expr, &RowOrder)| {
            let (descending, nulls_first) = (order.descending, order.nulls_first);
            SortKey { expr: expr.clone(), descending, nulls_first }
        };
        let keys = self.order(&keys.iter().zip(&call.order).map(key).collect::<Vec<_>>());
        let order = if keys.is_empty() { keys } else { format!(" ORDER BY {keys}") };
        let distinct = if call.distinct { "DISTINCT " } else { "" };
        let filter = call.filter.as_ref().map(|f| format!(" FILTER (WHERE {})", self.expr(f))).unwrap_or_default();
        format!("{}({distinct}{args}{order}){filter}", call.function)
    }

    fn join(&self, kind: &str, on: &[(Expr, Expr)], asof: Option<&AsOf>, filter: Option<&Expr>) -> String {
        let pair = |(left, right): &(Expr, Expr)| {
            let place = |side: &Expr| if let Expr::Call { at, .. } = side { *at } else { None };
            let at = place(left).or(place(right));
            let args = vec![left.clone(), right.clone()];
            self.expr(&Expr::Call { function: "=".to_string(), args, ty: SqlType::Boolean, at })
        };
        let pairs = on.iter().map(pair);
        let asof = asof.map(|a| format!("{} {} {}", self.expr(&a.left), a.operator(), self.expr(&a.right)));
        let terms: Vec<String> = pairs.chain(asof).chain(filter.map(|f| self.expr(f))).collect();
        if terms.is_empty() { kind.to_string() } else { format!("{kind} on {}", terms.join(" AND ")) }
    }

    fn window(&self, window: &Window, calls: &[(Column, WindowCall)]) -> String {
        let partition = listed(window.partition.iter().map(|key| self.expr(key)));
        let mut text = format!("Window {}", listed(calls.iter().map(|(_, call)| self.window_call(call))));
        if !partition.is_empty() {
            let _ = write!(text, " partition by {partition}");
        }
        if !window.order.is_empty() {
            let _ = write!(text, " order by {}", self.order(&window.order));
        }
        text
    }

    fn window_call(&self, call: &WindowCall) -> String {
        let of = |name: &str| {
            format!(
                "{name}({})",
                listed(call.exprs().into_iter().map(|e| self.expr(e)).collect::<Vec<_>>().into_iter())
            )
        };
        match &call.function {
            WindowFunction::Aggregate(aggregate) if call.frame == WindowFrame::WHOLE => self.call(aggregate),
            WindowFunction::Aggregate(aggregate) => {
                let frame = &call.frame;
                let (start, end) = (self.bound(&frame.start), self.bound(&frame.end));
                let units = match frame.units {
                    FrameUnits::Rows => "rows",
                    FrameUnits::Range => "range",
                    FrameUnits::Groups => "groups",
                };
                format!("{} {units} {start} to {end}", self.call(aggregate))
            }
            WindowFunction::RowNumber => of("row_number"),
            WindowFunction::Rank => of("rank"),
            WindowFunction::DenseRank => of("dense_rank"),
            WindowFunction::PercentRank => of("percent_rank"),
            WindowFunction::CumeDist => of("cume_dist"),
            WindowFunction::Ntile(_) => of("ntile"),
            WindowFunction::Shifted { ahead: true, .. } => of("lead"),
            WindowFunction::Shifted { .. } => of("lag"),
            WindowFunction::Picked { place: FramePlace::First, .. } => of("first_value"),
            WindowFunction::Picked { place: FramePlace::Last, .. } => of("last_value"),
            WindowFunction::Picked { place: FramePlace::Nth(_), .. } => of("nth_value"),
        }
    }

    fn bound(&self, bound: &FrameBound) -> String {
        match bound {
            FrameBound::UnboundedPreceding => "start".to_string(),
            FrameBound::Preceding(n) => format!("-{n}"),
            FrameBound::CurrentRow => "current".to_string(),
            FrameBound::Following(n) => format!("+{n}"),
            FrameBound::UnboundedFollowing => "end".to_string(),
            FrameBound::Value { edge, .. } => self.expr(edge),
        }
    }

    fn order(&self, keys: &[SortKey]) -> String {
        listed(keys.iter().map(|key| {
            let direction = if key.descending { " DESC" } else { "" };
            let nulls = if key.nulls_first { " NULLS FIRST" } else { "" };
            format!("{}{direction}{nulls}", self.expr(&key.expr))
        }))
    }

    fn limit(&self, limit: Option<u64>, offset: u64) -> String {
        let rows = limit.map_or("all rows".to_string(), |n| counted(n as usize, "row"));
        if offset == 0 { rows } else { format!("{rows} after {}", count(offset)) }
    }
}

/// `time 365, lat 1 of 720`.
fn shown_axes(names: &[String], shape: &[usize], region: &Region) -> String {
    let axis = |((name, len), set): ((&String, &usize), &IndexSet)| match set.len() {
        selected if selected == *len => format!("{name} {}", count(*len as u64)),
        selected => format!("{name} {} of {}", count(selected as u64), count(*len as u64)),
    };
    names.iter().zip(shape).zip(region.sets()).map(axis).collect::<Vec<_>>().join(", ")
}

fn kind_name(kind: JoinKind) -> &'static str {
    match kind {
        JoinKind::Inner => "inner",
        JoinKind::Left => "left",
        JoinKind::Full => "full",
        JoinKind::Semi => "semi",
        JoinKind::Anti => "anti",
    }
}

/// `158,775 of 158,775 chunks, 1.51 GB of 1.51 GB`, and how many are read again, if any are.
fn read_of(read: &ReadEstimate) -> String {
    let (chunks, present) = (count(read.chunks as u64), count(read.chunks_present as u64));
    let (size, all) = (bytes(read.bytes as u64), bytes(read.bytes_present as u64));
    let again = match read.chunks_again {
        0 => String::new(),
        again => format!(", {} read again", counted(again, "chunk")),
    };
    format!("{chunks} of {present} chunks, {size} of {all}{again}")
}

/// Items separated by commas, the many of a long list left out.
fn listed(items: impl ExactSizeIterator<Item = String>) -> String {
    const MOST: usize = 20;
    let left_out = items.len().saturating_sub(MOST);
    let mut shown: Vec<String> = items.take(MOST).collect();
    if left_out > 0 {
        shown.push(format!("and {left_out} more"));
    }
    shown.join(", ")
}

fn counted(n: usize, what: &str) -> String {
    format!("{} {what}{}", count(n as u64), if n == 1 { "" } else { "s" })
}
