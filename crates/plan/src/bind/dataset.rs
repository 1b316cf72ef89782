//! A dataset in FROM: which of its variables a query reads, and the grid that follows from them.

use super::binder::Binder;
use super::describe::DescribedColumn;
use super::scope::{Handle, quoted};
use crate::{
    Column, ColumnSource, DatasetId, DatasetSource, Error, GridPlan, Result, RowPlan, Scan, ScanColumn, Source, Span,
};
use hyperslab_expr::{ColumnId, Expr, SqlType};
use hyperslab_grid::Footprint;
use hyperslab_grid::schema::{DatasetSchema, Dimension, Role, Variable, corners_name};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One mention of a dataset.
pub(super) struct DatasetTable {
    id: DatasetId,
    opened: Arc<dyn DatasetSource>,
    /// The alias or the path, for people.
    label: String,
    /// How SQL names it in `grid(..)`.
    path: String,
    /// Whether it is on other axes than its files are.
    is_regridded: bool,
    /// The place of the mention.
    span: Span,
    /// The grid, where `grid(..)` says it.
    fixed: Option<Vec<usize>>,
    /// Whether `*` is read.
    star: bool,
    used: Vec<Used>,
    /// The place between its cells that `interpolate` reads, if it does.
    place: Option<Interpolated>,
}

/// Where values between cells are read.
pub(super) struct Interpolated {
    /// Along each dimension what the place is; dimensions ascend.
    pub(super) along: Vec<(usize, Expr)>,
    /// The columns of positions along them.
    pub(super) positions: Vec<ColumnId>,
    /// Which cell is read for a row: that at the position before the place, along each dimension.
    pub(super) conditions: Vec<Expr>,
    pub(super) span: Span,
}

/// What a function of an axis knows of the column that it is given.
pub(super) struct AxisColumn {
    pub(super) dataset: Arc<dyn DatasetSource>,
    /// The variable that holds the labels; none if positions are the labels.
    pub(super) variable: Option<usize>,
    /// The column of positions along the axis.
    pub(super) position: Position,
    /// The dimension, of the dataset.
    pub(super) dim: usize,
    pub(super) len: usize,
    /// The variable with the edges of its cells.
    pub(super) bounds: Option<usize>,
    pub(super) is_longitude: bool,
}

/// Where positions along an axis come from.
#[derive(Clone, Copy)]
pub(super) enum Position {
    /// A column of the dataset in FROM.
    Own(Handle),
    /// A dimension of the scan beneath a subquery that passes the label on.
    Beneath { label: ColumnId, dim: usize },
}

/// A column that the query reads.
struct Used {
    column: Column,
    handle: Handle,
    span: Span,
}

impl DatasetTable {
    pub(super) fn new(id: DatasetId, binder: &Binder<'_>, label: String, span: Span) -> Self {
        let dataset = &binder.datasets[id.0];
        let path = dataset.source.paths.first().cloned().unwrap_or_default();
        let (opened, is_regridded) = (dataset.opened.clone(), dataset.source.regrid.is_some());
        Self { id, opened, label, path, is_regridded, span, fixed: None, star: false, used: Vec::new(), place: None }
    }

    pub(super) fn source(&self) -> Arc<dyn DatasetSource> {
        self.opened.clone()
    }

    /// The axis that a column which is read labels; none if it is not one of labels along one dimension.
    pub(super) fn axis_of(&self, id: ColumnId) -> Option<AxisColumn> {
        self.axis(self.used.iter().find(|used| used.column.id == id)?.handle)
    }

    /// The axis that a column labels; none if it is not one of labels along one dimension.
    pub(super) fn axis(&self, handle: Handle) -> Option<AxisColumn> {
        let [dim] = self.dims_of(handle)[..] else { return None };
        let len = self.schema().dimensions[dim].len;
        let (position, dataset) = (Position::Own(Handle::Dimension(dim)), self.opened.clone());
        let Handle::Variable(at) = handle else {
            return Some(AxisColumn { dataset, variable: None, position, dim, len, bounds: None, is_longitude: false });
        };
        let variable = self.variable(at);
        let is_label = matches!(variable.role, Role::DimensionCoordinate | Role::AuxiliaryCoordinate | Role::Hidden);
        let bounds = variable.attribute("bounds").and_then(|name| self.schema().find(name).ok());
        let is_longitude = variable.is_longitude();
        is_label.then_some(AxisColumn { dataset, variable: Some(at), position, dim, len, bounds, is_longitude })
    }

    /// The variable that a column which is read is, and its last two dimensions; none if it is not one of labels along two, or
    /// along three as WRF has them, for each time the same.
    pub(super) fn plane_of(&self, id: ColumnId) -> Option<(usize, [usize; 2])> {
        self.plane(self.used.iter().find(|used| used.column.id == id)?.handle)
    }

    /// The same of a column that is not read.
    pub(super) fn plane(&self, handle: Handle) -> Option<(usize, [usize; 2])> {
        let Handle::Variable(at) = handle else { return None };
        let is_label = matches!(self.variable(at).role, Role::AuxiliaryCoordinate | Role::Hidden);
        match self.dims_of(handle)[..] {
            [y, x] | [_, y, x] if is_label => Some((at, [y, x])),
            _ => None,
        }
    }

    fn schema(&self) -> &DatasetSchema {
        self.opened.schema()
    }

    fn variable(&self, at: usize) -> &Variable {
        &self.schema().variables[at]
    }

    /// The column of the corners around a place: of a variable, along dimensions. All that is interpolated of one mention lies
    /// at one place.
    ///
    /// # Errors
    /// If the variable does not lie along all of the dimensions, or SQL has no type for it.
    pub(super) fn take_corners(
        &mut self,
        variable: usize,
        along: &[usize],
        at: Span,
        binder: &mut Binder<'_>,
    ) -> Result<Column> {
        if let Some(missing) = along.iter().find(|dim| !self.variable(variable).dims.contains(dim)) {
            let name = &self.schema().dimensions[*missing].name;
            let message = format!("{} does not lie along {}", self.describe(self.variable(variable)), quoted(name));
            return Err(Error::new(message).or_at(Some(at)));
        }
        let name = corners_name(&self.variable(variable).path);
        if self.place.is_none() {
            let corners = along.iter().map(|dim| self.schema().dimensions[*dim].name.clone()).collect();
            let source = Source { corners, ..binder.datasets[self.id.0].source.clone() };
            self.opened = binder.reopen(self.id, source).map_err(|error| error.or_at(Some(at)))?;
        }
        let found = self.schema().variables.iter().position(|variable| variable.path == name);
        let missing = || Error::new(format!("{} is no data variable", self.column_name(Handle::Variable(variable))));
        self.take(Handle::Corners { variable, list: found.ok_or_else(|| missing().or_at(Some(at)))? }, at, binder)
    }

    /// The place that `interpolate` reads.
    pub(super) fn place(&self) -> Option<&Interpolated> {
        self.place.as_ref()
    }

    /// Reads a place between cells from now on.
    pub(super) fn set_place(&mut self, place: Interpolated) {
        self.place = Some(place);
    }

    /// Says that a name is no axis, and which there are.
    pub(super) fn no_axis(&self, name: &str) -> Error {
        let label = |dim: usize| match self.schema().dimensions[dim].coordinate {
            Some(variable) => self.variable(variable).name.clone(),
            None => self.schema().dimensions[dim].name.clone(),
        };
        let names: Vec<String> = self.row_dimensions().into_iter().map(label).collect();
        super::scope::with_names(Error::new(format!("there is no axis {}", quoted(name))), name, &names)
    }

    /// A column of positions along a dimension that no name finds.
    pub(super) fn take_index(&mut self, dim: usize, at: Span, binder: &mut Binder<'_>) -> Column {
        let handle = Handle::Dimension(dim);
        let column = binder.column(self.column_name(handle), SqlType::BigInt);
        self.used.push(Used { column: column.clone(), handle, span: at });
        column
    }

    /// Refuses columns that differ within the cells around a place.
    fn check_place(&self) -> Result<()> {
        let Some(place) = &self.place else { return Ok(()) };
        let is_along = |dim: &usize| place.along.iter().any(|(along, _)| along == dim);
        let differs = |used: &&Used| match used.handle {
            Handle::Variable(_) => self.dims_of(used.handle).iter().any(is_along),
            Handle::Dimension(dim) => is_along(&dim) && !place.positions.contains(&used.column.id),
            Handle::Corners { .. } | Handle::Row(_) => false,
        };
        let Some(used) = self.used.iter().find(differs) else { return Ok(()) };
        let dims: Vec<usize> = place.along.iter().map(|(dim, _)| *dim).collect();
        let error = Error::new(format!(
            "{} lies along ({}), where interpolate reads one place between cells",
            quoted(&used.column.name),
            self.dim_list(&dims)
        ));
        Err(error.or_at(Some(used.span)).with_hint("interpolate it too, or read the dataset a second time in FROM"))
    }

    /// Takes the grid on which a variable lies.
    ///
    /// # Errors
    /// If there is no such variable.
    pub(super) fn fix_grid(&mut self, variable: &str, at: Span) -> Result<()> {
        let names = self.names();
        // All members of a compound lie on one grid.
        let variable = super::scope::members(variable, &names).first().map_or(variable, |member| member.as_str());
        let found = self.schema().find(variable).map_err(|_| {
            let error = Error::new(format!("{} has no variable {}", self.path, quoted(variable)));
            if let Some(why) = self.why_left_out(variable) {
                return error.with_hint(why).or_at(Some(at));
            }
            super::scope::with_names(error, variable, &names).or_at(Some(at))
        })?;
        self.fixed = Some(self.variable(found).dims.clone());
        Ok(())
    }

    /// Why a variable with a name was left out when the dataset was opened, if it was.
    pub(super) fn why_left_out(&self, name: &str) -> Option<String> {
        let says = |warning: &&String| {
            let (before, _) = warning.split_once(" cannot be read: ").unwrap_or_default();
            let path = before.rsplit(": ").next().unwrap_or_default();
            let last = path.rsplit('/').next().unwrap_or_default();
            path.eq_ignore_ascii_case(name) || !last.is_empty() && last.eq_ignore_ascii_case(name)
        };
        self.opened.warnings().iter().find(says).cloned()
    }

    /// The columns with a name: variables first, then dimensions without one.
    pub(super) fn find(&self, name: &str) -> Vec<Handle> {
        match self.schema().find(name) {
            Ok(variable) => vec![Handle::Variable(variable)],
            Err(several) if !several.is_empty() => several.into_iter().map(Handle::Variable).collect(),
            Err(_) => {
                let is = |alike: fn(&str, &str) -> bool| {
                    let named = self.index_dimensions().filter(|d| alike(&self.schema().dimensions[*d].name, name));
                    named.map(Handle::Dimension).collect::<Vec<_>>()
                };
                let exact = is(|a, b| a == b);
                if exact.is_empty() { is(|a, b| a.eq_ignore_ascii_case(b)) } else { exact }
            }
        }
    }

    /// The dimensions of rows without coordinates.
    fn index_dimensions(&self) -> impl Iterator<Item = usize> + '_ {
        let dims = self.schema().dimensions.iter().enumerate();
        dims.filter(|(_, d)| d.coordinate.is_none() && d.multiplies_rows).map(|(at, _)| at)
    }

    pub(super) fn names(&self) -> Vec<String> {
        let shown = |v: &&Variable| !matches!(v.role, Role::Bounds | Role::Hidden);
        let variables = self.schema().variables.iter().filter(shown).map(|v| v.name.clone());
        variables.chain(self.index_dimensions().map(|d| self.schema().dimensions[d].name.clone())).collect()
    }

    pub(super) fn column_name(&self, handle: Handle) -> String {
        match handle {
            Handle::Variable(at) => self.variable(at).name.clone(),
            Handle::Dimension(at) => self.schema().dimensions[at].name.clone(),
            Handle::Corners { variable, .. } => self.variable(variable).name.clone(),
            Handle::Row(_) => unreachable!("datasets have no row handles"),
        }
    }

    pub(super) fn used_column(&self, id: ColumnId) -> Option<&Column> {
        self.used.iter().find(|used| used.column.id == id).map(|used| &used.column)
    }

    /// The column, which is read from now on.
    ///
    /// # Errors
    /// If SQL has no type for it.
    pub(super) fn take(&mut self, handle: Handle, at: Span, binder: &mut Binder<'_>) -> Result<Column> {
        let is_position = |id: ColumnId| self.place.as_ref().is_some_and(|place| place.positions.contains(&id));
        if let Some(used) = self.used.iter().find(|used| used.handle == handle && !is_position(used.column.id)) {
            return Ok(used.column.clone());
        }
        let column = match handle {
            Handle::Variable(variable) => {
                self.variable_column(variable, binder).map_err(|error| error.or_at(Some(at)))?
            }
            Handle::Dimension(_) => binder.column(self.column_name(handle), SqlType::BigInt),
            Handle::Corners { list, .. } => {
                let column = self.variable_column(list, binder).map_err(|error| error.or_at(Some(at)))?;
                Column { name: self.column_name(handle), ..column }
            }
            Handle::Row(_) => unreachable!("datasets have no row handles"),
        };
        self.used.push(Used { column: column.clone(), handle, span: at });
        Ok(column)
    }

    fn variable_column(&self, at: usize, binder: &mut Binder<'_>) -> Result<Column> {
        let variable = self.variable(at);
        let attributes = variable.field.metadata().iter().filter(|(key, _)| !key.starts_with("ARROW:"));
        let metadata: BTreeMap<String, String> = attributes.map(|(k, v)| (k.clone(), v.clone())).collect();
        Ok(Column { metadata, ..binder.column(&variable.name, SqlType::from_field(&variable.field)?) })
    }

    /// The columns of `*`: dimension coordinates, auxiliary coordinates, data variables of the grid.
    ///
    /// # Errors
    /// If no grid contains all others.
    pub(super) fn star(&mut self, at: Span, binder: &mut Binder<'_>) -> Result<Vec<Handle>> {
        self.star = true;
        let grid = match &self.fixed {
            Some(fixed) => fixed.clone(),
            None => self
                .widest()
                .ok_or_else(|| self.no_grid("no grid of it contains all others, as * needs").or_at(Some(at)))?,
        };
        self.note_left_out(&grid, binder);
        Ok(self.columns_on(&grid))
    }

    /// The labels of some dimensions, then the auxiliary coordinates and data variables that lie on no others.
    fn columns_on(&self, dims: &[usize]) -> Vec<Handle> {
        let label =
            |dim: &usize| self.schema().dimensions[*dim].coordinate.map_or(Handle::Dimension(*dim), Handle::Variable);
        let mut handles: Vec<Handle> = dims.iter().map(label).collect();
        for role in [Role::DimensionCoordinate, Role::AuxiliaryCoordinate, Role::Data] {
            let on_dims = |v: &Variable| v.role == role && covers(dims, &v.dims);
            let all = self.schema().variables.iter().enumerate().filter(|(_, v)| on_dims(v));
            let new: Vec<Handle> = all.map(|(i, _)| Handle::Variable(i)).filter(|h| !handles.contains(h)).collect();
            handles.extend(new);
        }
        handles
    }

    /// The columns of `*`; where no grid contains all others, and `*` means nothing, the columns of all grids.
    ///
    /// # Errors
    /// If SQL has no type for one.
    pub(super) fn describe_columns(&mut self, at: Span, binder: &mut Binder<'_>) -> Result<Vec<DescribedColumn>> {
        let handles = match self.widest() {
            Some(_) => self.star(at, binder)?,
            None => self.columns_on(&self.all_dimensions()),
        };
        let describe = |handle| {
            let dimensions =
                self.dims_of(handle).iter().map(|dim| self.schema().dimensions[*dim].name.clone()).collect();
            Ok(DescribedColumn { column: self.take(handle, at, binder)?, dimensions: Some(dimensions) })
        };
        handles.into_iter().map(describe).collect()
    }

    /// The dimensions of all grids, in order of first appearance.
    fn all_dimensions(&self) -> Vec<usize> {
        let mut dims = Vec::new();
        for dim in self.grids().into_iter().flatten() {
            if !dims.contains(&dim) {
                dims.push(dim);
            }
        }
        dims
    }

    fn note_left_out(&self, grid: &[usize], binder: &mut Binder<'_>) {
        let left_out = |v: &&Variable| v.role == Role::Data && !covers(grid, &v.dims);
        let names: Vec<String> = self.schema().variables.iter().filter(left_out).map(|v| self.describe(v)).collect();
        if !names.is_empty() {
            binder.warn(format!("* of {} leaves out variables of other grids: {}", self.label, names.join(", ")));
        }
    }

    /// The rows of this mention: what is read, on its grid.
    ///
    /// # Errors
    /// If no grid fits, or a column does not lie on it.
    pub(super) fn plan(&self) -> Result<RowPlan> {
        self.check_place()?;
        let grid = self.grid()?;
        if grid.len() > Footprint::MAX_DIMENSIONS {
            return Err(Error::new(format!("a grid has at most {} dimensions", Footprint::MAX_DIMENSIONS))
                .or_at(Some(self.span)));
        }
        let mut scan = Scan::new(self.id, self.label.clone(), grid, &self.schema().dimensions);
        scan.columns = self.used.iter().map(|used| self.scan_column(used, &scan.dims)).collect::<Result<_>>()?;
        let columns = self.used.iter().map(|used| used.column.id).collect();
        Ok(RowPlan::Materialize { grid: Box::new(GridPlan::Scan(scan)), columns })
    }

    fn scan_column(&self, used: &Used, dims: &[usize]) -> Result<ScanColumn> {
        let own = self.dims_of(used.handle);
        let on_grid = |dim: &usize| dims.iter().position(|d| d == dim);
        let positions: Option<Vec<usize>> = own.iter().map(on_grid).collect();
        let positions = positions.ok_or_else(|| self.off_grid(used, dims))?;
        let source = match used.handle {
            Handle::Variable(at) | Handle::Corners { list: at, .. } => ColumnSource::Variable(at),
            Handle::Dimension(_) => ColumnSource::Position(positions[0]),
            Handle::Row(_) => unreachable!("datasets have no row handles"),
        };
        Ok(ScanColumn { column: used.column.clone(), source, footprint: positions.into_iter().collect() })
    }

    /// The dimensions that a column lies on, in its own order.
    pub(super) fn dims_of(&self, handle: Handle) -> Vec<usize> {
        match handle {
            Handle::Variable(at) | Handle::Corners { variable: at, .. } => self.variable(at).dims.clone(),
            Handle::Dimension(at) => vec![at],
            Handle::Row(_) => unreachable!("datasets have no row handles"),
        }
    }

    fn off_grid(&self, used: &Used, grid: &[usize]) -> Error {
        let name = quoted(&used.column.name);
        let own = self.dim_list(&self.dims_of(used.handle));
        let error = Error::new(format!(
            "{name} lies on ({own}), which is not part of the grid ({}) that the query reads",
            self.dim_list(grid)
        ));
        let hint = match used.handle {
            Handle::Variable(_) | Handle::Corners { .. } => self.hint_for(&used.column.name),
            Handle::Dimension(_) | Handle::Row(_) => "read a variable that lies along it too".to_string(),
        };
        error.or_at(Some(used.span)).with_hint(hint)
    }

    /// The grid that follows from the data variables that are read.
    fn grid(&self) -> Result<Vec<usize>> {
        if let Some(fixed) = &self.fixed {
            return Ok(fixed.clone());
        }
        let data = |used: &&Used| match used.handle {
            Handle::Variable(at) | Handle::Corners { variable: at, .. } => self.decides(self.variable(at)),
            Handle::Dimension(_) | Handle::Row(_) => false,
        };
        let read: Vec<&Used> = self.used.iter().filter(data).collect();
        if read.is_empty() || self.star {
            let reason = "no data variable is read, and no grid of it contains all others";
            return self.widest().ok_or_else(|| self.no_grid(reason).or_at(Some(self.span)));
        }
        let needed: Vec<usize> = read.iter().flat_map(|used| self.dims_of(used.handle)).collect();
        let fitting: Vec<Vec<usize>> = self.grids().into_iter().filter(|grid| covers(grid, &needed)).collect();
        let least = fitting.iter().find(|grid| fitting.iter().all(|other| covers(other, grid)));
        least.cloned().ok_or_else(|| {
            let names: Vec<String> = read.iter().map(|used| quoted(&used.column.name)).collect();
            let count = if fitting.is_empty() { "no grid of it has" } else { "more than one grid of it has" };
            let at = read.last().map_or(self.span, |used| used.span);
            self.no_grid(&format!("{count} all of {}", names.join(", "))).or_at(Some(at))
        })
    }

    /// Whether a variable decides the grid: data do, or coordinates where there are no data.
    fn decides(&self, variable: &Variable) -> bool {
        let has_data = self.schema().variables.iter().any(|v| v.role == Role::Data);
        match variable.role {
            Role::Data => true,
            Role::DimensionCoordinate | Role::AuxiliaryCoordinate => !has_data,
            Role::Bounds | Role::Hidden => false,
        }
    }

    fn grids(&self) -> Vec<Vec<usize>> {
        let mut grids: Vec<Vec<usize>> = Vec::new();
        for variable in self.schema().variables.iter().filter(|v| self.decides(v)) {
            if !grids.iter().any(|grid| grid.len() == variable.dims.len() && covers(grid, &variable.dims)) {
                grids.push(variable.dims.clone());
            }
        }
        grids
    }

    /// The grid that contains all others.
    fn widest(&self) -> Option<Vec<usize>> {
        let grids = self.grids();
        if grids.is_empty() {
            return Some(self.row_dimensions());
        }
        grids.iter().find(|grid| grids.iter().all(|other| covers(grid, other))).cloned()
    }

    fn row_dimensions(&self) -> Vec<usize> {
        let is_row = |(_, d): &(usize, &Dimension)| d.multiplies_rows;
        self.schema().dimensions.iter().enumerate().filter(is_row).map(|(at, _)| at).collect()
    }

    /// Says that the grid is not clear, which grids there are, and how to name one.
    fn no_grid(&self, reason: &str) -> Error {
        let error = Error::new(format!("the grid of {} is not clear: {reason}", self.label));
        let grids = self.grids();
        // Best a grid that has all columns of the query.
        let read: Vec<usize> = self.used.iter().flat_map(|used| self.dims_of(used.handle)).collect();
        let named = grids.iter().find(|grid| covers(grid, &read)).or(grids.first());
        match named.and_then(|grid| self.variables_of(grid).next()) {
            Some(variable) => error.with_hint(format!("{}\n{}", self.hint_for(&variable.name), self.list(&grids))),
            None => error,
        }
    }

    /// A line a grid: its dimensions and its variables.
    fn list(&self, grids: &[Vec<usize>]) -> String {
        const SHOWN: usize = 12;
        let line = |grid: &Vec<usize>| format!("  {}", self.describe_grid(grid));
        let mut lines: Vec<String> = grids.iter().take(SHOWN).map(line).collect();
        if grids.len() > SHOWN {
            lines.push(format!("  and {} more, which DESCRIBE shows", grids.len() - SHOWN));
        }
        lines.join("\n")
    }

    fn describe_grid(&self, grid: &[usize]) -> String {
        const SHOWN: usize = 5;
        let names: Vec<String> = self.variables_of(grid).map(|v| quoted(&v.name)).collect();
        let more = if names.len() > SHOWN { format!(" and {} more", names.len() - SHOWN) } else { String::new() };
        format!("({}): {}{more}", self.dim_list(grid), names[..names.len().min(SHOWN)].join(", "))
    }

    /// The data variables whose dimensions are those of a grid.
    fn variables_of<'s>(&'s self, grid: &'s [usize]) -> impl Iterator<Item = &'s Variable> {
        let same = |v: &&Variable| self.decides(v) && v.dims.len() == grid.len() && covers(grid, &v.dims);
        self.schema().variables.iter().filter(same)
    }

    fn describe(&self, variable: &Variable) -> String {
        format!("{}({})", quoted(&variable.name), self.dim_list(&variable.dims))
    }

    fn dim_list(&self, dims: &[usize]) -> String {
        let names: Vec<&str> = dims.iter().map(|d| self.schema().dimensions[*d].name.as_str()).collect();
        names.join(", ")
    }

    fn hint_for(&self, variable: &str) -> String {
        if self.is_regridded {
            return format!("a query that reads no other variable than {} has its grid", quoted(variable));
        }
        let text = |s: &str| s.replace('\'', "''");
        format!("name the grid by a variable on it: FROM grid('{}', '{}')", text(&self.path), text(variable))
    }
}

/// Whether a grid has all of these dimensions.
fn covers(grid: &[usize], dims: &[usize]) -> bool {
    dims.iter().all(|dim| grid.contains(dim))
}
