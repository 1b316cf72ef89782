//! The tables that an expression can see, and how a name finds its column.

use super::beneath::{axis_beneath, pass_position};
use super::binder::Binder;
use super::dataset::{AxisColumn, DatasetTable, Position};
use crate::{Column, Error, Result, RowPlan, Span};
use hyperslab_expr::{ColumnId, SqlType, closest};
use sqlparser::ast::Ident;

/// The tables of a FROM clause, in order.
#[derive(Default)]
pub(super) struct Scope {
    pub(super) relations: Vec<Relation>,
    /// The first relation that can be seen: `ON` sees its own join only.
    pub(super) visible_from: usize,
}

/// One table.
pub(super) struct Relation {
    /// Its alias, or the name it has without one.
    pub(super) name: Option<String>,
    pub(super) table: Table,
    /// Columns that `USING` made one with those of other tables.
    pub(super) merged: Vec<Merged>,
    /// Whether it is the right side of a semi or an anti join, which only its `ON` sees.
    pub(super) is_hidden: bool,
}

/// A column that `USING` merged; the table's own is seen only with the table's name.
pub(super) struct Merged {
    pub(super) name: String,
    /// What the bare name means, if it stands here and not in a table further left.
    pub(super) column: Option<Column>,
}

/// Where the rows of a table come from.
pub(super) enum Table {
    /// A subquery, a CTE, VALUES.
    Rows {
        plan: RowPlan,
        columns: Vec<Column>,
        /// Columns of positions that functions of an axis read, each with the label of its axis; no name finds them.
        positions: Vec<(ColumnId, Column)>,
    },
    /// A dataset, whose columns come to be when they are read.
    Dataset(DatasetTable),
}

/// A column of a table that is perhaps not read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handle {
    /// By position in the columns of rows.
    Row(usize),
    /// A variable of a dataset.
    Variable(usize),
    /// The index along a dimension of a dataset.
    Dimension(usize),
    /// The corners around a place, of a variable: the variable `list` of the dataset.
    Corners { variable: usize, list: usize },
}

impl Relation {
    pub(super) fn rows(name: Option<String>, plan: RowPlan) -> Self {
        let columns = plan.columns();
        Self { name, table: Table::Rows { plan, columns, positions: Vec::new() }, merged: Vec::new(), is_hidden: false }
    }

    pub(super) fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| "subquery".to_string())
    }

    fn is_named(&self, name: &str) -> bool {
        self.name.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name))
    }

    /// What `USING` made of a column, if it did.
    pub(super) fn merged(&self, name: &str) -> Option<&Merged> {
        self.merged.iter().find(|merged| merged.name.eq_ignore_ascii_case(name))
    }

    /// Lets a bare name mean another column from now on, or none of this table.
    pub(super) fn merge(&mut self, name: &str, column: Option<Column>) {
        match self.merged.iter_mut().find(|merged| merged.name.eq_ignore_ascii_case(name)) {
            Some(merged) => merged.column = column,
            None => self.merged.push(Merged { name: name.to_string(), column }),
        }
    }

    /// Whether a bare name may mean a column of this table.
    pub(super) fn shows(&self, name: &str) -> bool {
        !self.is_hidden && self.merged(name).is_none_or(|merged| merged.column.is_some())
    }

    /// The column that a bare name means, which is read from now on.
    pub(super) fn take_bare(&mut self, handle: Handle, at: Span, binder: &mut Binder<'_>) -> Result<Column> {
        match self.merged(&self.column_name(handle)).and_then(|merged| merged.column.clone()) {
            Some(column) => Ok(column),
            None => self.take(handle, at, binder),
        }
    }

    /// All columns with a name.
    pub(super) fn find(&self, name: &str) -> Vec<Handle> {
        match &self.table {
            Table::Rows { columns, .. } => {
                let alike = |at: &usize| columns[*at].name.eq_ignore_ascii_case(name);
                let all: Vec<usize> = (0..columns.len()).filter(alike).collect();
                let exact: Vec<usize> = all.iter().copied().filter(|at| columns[*at].name == name).collect();
                let found = if all.len() > 1 && exact.len() == 1 { exact } else { all };
                found.into_iter().map(Handle::Row).collect()
            }
            Table::Dataset(dataset) => dataset.find(name),
        }
    }

    pub(super) fn column_name(&self, handle: Handle) -> String {
        match (&self.table, handle) {
            (Table::Rows { columns, .. }, Handle::Row(at)) => columns[at].name.clone(),
            (Table::Dataset(dataset), _) => dataset.column_name(handle),
            (Table::Rows { .. }, Handle::Variable(_) | Handle::Dimension(_) | Handle::Corners { .. }) => {
                unreachable!("rows have row handles")
            }
        }
    }

    /// The column, which is read from now on.
    pub(super) fn take(&mut self, handle: Handle, at: Span, binder: &mut Binder<'_>) -> Result<Column> {
        match (&mut self.table, handle) {
            (Table::Rows { columns, .. }, Handle::Row(at)) => Ok(columns[at].clone()),
            (Table::Dataset(dataset), _) => dataset.take(handle, at, binder),
            (Table::Rows { .. }, Handle::Variable(_) | Handle::Dimension(_) | Handle::Corners { .. }) => {
                unreachable!("rows have row handles")
            }
        }
    }

    /// The axis that a column labels, if it does.
    pub(super) fn axis_of(&self, id: ColumnId, binder: &Binder<'_>) -> Option<AxisColumn> {
        match &self.table {
            Table::Rows { plan, .. } => axis_beneath(plan, id, binder),
            Table::Dataset(dataset) => dataset.axis_of(id),
        }
    }

    /// The column of positions along an axis, which is read from now on.
    pub(super) fn take_position(&mut self, position: Position, at: Span, binder: &mut Binder<'_>) -> Result<Column> {
        match (&mut self.table, position) {
            (_, Position::Own(handle)) => self.take(handle, at, binder),
            (Table::Rows { plan, positions, .. }, Position::Beneath { label, dim }) => {
                if let Some((_, known)) = positions.iter().find(|(of, _)| *of == label) {
                    return Ok(known.clone());
                }
                let name = plan.columns().into_iter().find(|c| c.id == label).map(|c| c.name).unwrap_or_default();
                let column = binder.column(name, SqlType::BigInt);
                pass_position(plan, label, dim, &column);
                positions.push((label, column.clone()));
                Ok(column)
            }
            (Table::Dataset(_), Position::Beneath { .. }) => unreachable!("a dataset is not beneath itself"),
        }
    }

    /// The columns of `*`.
    pub(super) fn star(&mut self, at: Span, binder: &mut Binder<'_>) -> Result<Vec<Handle>> {
        match &mut self.table {
            Table::Rows { columns, .. } => Ok((0..columns.len()).map(Handle::Row).collect()),
            Table::Dataset(dataset) => dataset.star(at, binder),
        }
    }

    /// The names that `NATURAL` joins on, and that an error suggests.
    pub(super) fn names(&self) -> Vec<String> {
        match &self.table {
            Table::Rows { columns, .. } => columns.iter().map(|c| c.name.clone()).collect(),
            Table::Dataset(dataset) => dataset.names(),
        }
    }

    /// The column, if it is one of this table that is read.
    pub(super) fn column(&self, id: ColumnId) -> Option<&Column> {
        match &self.table {
            Table::Rows { columns, positions, .. } => {
                let positions = positions.iter().map(|(_, column)| column);
                columns.iter().chain(positions).find(|c| c.id == id)
            }
            Table::Dataset(dataset) => dataset.used_column(id),
        }
    }
}

impl Scope {
    pub(super) fn column(&self, id: ColumnId) -> Option<&Column> {
        let merged = || self.relations.iter().flat_map(|r| &r.merged).filter_map(|merged| merged.column.as_ref());
        self.relations.iter().find_map(|relation| relation.column(id)).or_else(|| merged().find(|c| c.id == id))
    }

    /// Which table a column comes from; of a merged column the first.
    pub(super) fn relation_of(&self, id: ColumnId) -> Option<usize> {
        let merges =
            |relation: &Relation| relation.merged.iter().any(|m| m.column.as_ref().is_some_and(|c| c.id == id));
        let own = self.relations.iter().position(|relation| relation.column(id).is_some());
        own.or_else(|| self.relations.iter().position(merges))
    }

    fn visible(&self) -> impl Iterator<Item = (usize, &Relation)> {
        self.relations.iter().enumerate().skip(self.visible_from).filter(|(_, relation)| !relation.is_hidden)
    }

    /// The column that a bare name means; `None` if there is none.
    ///
    /// # Errors
    /// If it may mean several.
    pub(super) fn resolve(&mut self, ident: &Ident, binder: &mut Binder<'_>) -> Result<Option<Column>> {
        let at = binder.span(ident);
        let seen = self.visible().filter(|(_, relation)| relation.shows(&ident.value));
        let found: Vec<(usize, Handle)> =
            seen.flat_map(|(i, r)| r.find(&ident.value).into_iter().map(move |h| (i, h))).collect();
        match found[..] {
            [] => Ok(None),
            [(relation, handle)] => self.relations[relation].take_bare(handle, at, binder).map(Some),
            _ => Err(self.ambiguous(&ident.value, &found).or_at(Some(at))),
        }
    }

    /// The column that a name means, without reading it.
    ///
    /// # Errors
    /// If there is none, or more than one.
    pub(super) fn locate(&self, table: Option<&Ident>, ident: &Ident, binder: &Binder<'_>) -> Result<(usize, Handle)> {
        let at = table.map_or(binder.span(ident), |table| binder.span(table).to(binder.span(ident)));
        let named = table.map(|table| self.relation(table, binder)).transpose()?;
        let is_meant = |(at, relation): &(usize, &Relation)| match named {
            Some(named) => *at == named,
            None => relation.shows(&ident.value),
        };
        let all = |(at, relation): (usize, &Relation)| -> Vec<(usize, Handle)> {
            relation.find(&ident.value).into_iter().map(|handle| (at, handle)).collect()
        };
        let found: Vec<(usize, Handle)> = self.visible().filter(is_meant).flat_map(all).collect();
        match found[..] {
            [one] => Ok(one),
            [] => Err(self.unknown(ident, &[], at)),
            _ => Err(self.ambiguous(&ident.value, &found).or_at(Some(at))),
        }
    }

    fn ambiguous(&self, name: &str, found: &[(usize, Handle)]) -> Error {
        let label = |(relation, handle): &(usize, Handle)| {
            let relation = &self.relations[*relation];
            format!("{}.{}", quoted(&relation.label()), quoted(&relation.column_name(*handle)))
        };
        let all: Vec<String> = found.iter().map(label).collect();
        let error = Error::new(format!("{} is ambiguous: it may be {}", quoted(name), all.join(" or ")));
        error.with_hint("write the name of its table before it")
    }

    /// The column of a table that the query names: `t.x`.
    ///
    /// # Errors
    /// If there is no such table, or it has not just one such column.
    pub(super) fn resolve_in(&mut self, table: &Ident, ident: &Ident, binder: &mut Binder<'_>) -> Result<Column> {
        let at = binder.span(table).to(binder.span(ident));
        let relation = self.relation(table, binder).map_err(|error| self.as_path(error, table, ident))?;
        let found = self.relations[relation].find(&ident.value);
        match found[..] {
            [] => {
                if let Some(error) = compound(&ident.value, &self.relations[relation].names()) {
                    return Err(error.or_at(Some(at)));
                }
                let error = Error::new(format!("{} has no column {}", table.value, quoted(&ident.value)));
                Err(with_names(error, &ident.value, &self.relations[relation].names()).or_at(Some(at)))
            }
            [handle] => self.relations[relation].take(handle, at, binder),
            _ => {
                let found: Vec<_> = found.into_iter().map(|handle| (relation, handle)).collect();
                Err(self.ambiguous(&ident.value, &found).or_at(Some(at)))
            }
        }
    }

    /// A variable in a group may have been meant.
    fn as_path(&self, error: Error, table: &Ident, ident: &Ident) -> Error {
        let path = format!("{}/{}", table.value, ident.value);
        let known = self.visible().any(|(_, relation)| !relation.find(&path).is_empty());
        if known {
            Error { hint: None, ..error }.with_hint(format!("a variable of a group is written {}", quoted(&path)))
        } else {
            error
        }
    }

    /// Whether a table with a name can be seen.
    pub(super) fn has_table(&self, name: &Ident) -> bool {
        self.visible().any(|(_, relation)| relation.is_named(&name.value))
    }

    /// The position of the table with a name.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn relation(&self, name: &Ident, binder: &Binder<'_>) -> Result<usize> {
        let found: Vec<usize> = self.visible().filter(|(_, r)| r.is_named(&name.value)).map(|(at, _)| at).collect();
        let columns = || self.visible().flat_map(|(_, relation)| relation.names()).collect::<Vec<_>>();
        let error = match found[..] {
            [one] => return Ok(one),
            [] if let Some(error) = compound(&name.value, &columns()) => error,
            [] => {
                let names: Vec<String> = self.visible().filter_map(|(_, r)| r.name.clone()).collect();
                with_names(
                    Error::new(format!("there is no table {} in FROM", quoted(&name.value))),
                    &name.value,
                    &names,
                )
            }
            _ => Error::new(format!("two tables are named {}", quoted(&name.value))).with_hint("give them aliases"),
        };
        Err(error.or_at(Some(binder.span(name))))
    }

    /// What to say of a name that nothing has.
    pub(super) fn unknown(&self, ident: &Ident, aliases: &[String], at: Span) -> Error {
        let mut names: Vec<String> = self.visible().flat_map(|(_, relation)| relation.names()).collect();
        names.extend(aliases.iter().cloned());
        if let Some(error) = compound(&ident.value, &names) {
            return error.or_at(Some(at));
        }
        let error = Error::new(format!("there is no column {}", quoted(&ident.value)));
        let why = self.visible().find_map(|(_, relation)| match &relation.table {
            Table::Dataset(dataset) => dataset.why_left_out(&ident.value),
            Table::Rows { .. } => None,
        });
        if let Some(why) = why {
            return error.with_hint(why).or_at(Some(at));
        }
        with_names(error, &ident.value, &names).or_at(Some(at))
    }
}

/// A name as it is written in SQL.
pub(super) fn quoted(name: &str) -> String {
    let plain =
        !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if plain && !name.is_empty() { name.to_string() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// The members of a compound variable, which are columns of their own.
pub(super) fn members<'a>(name: &str, names: &'a [String]) -> Vec<&'a String> {
    let is_of = |full: &&String| {
        full.split_once('.').is_some_and(|(whole, member)| whole.eq_ignore_ascii_case(name) && !member.is_empty())
    };
    names.iter().filter(is_of).collect()
}

/// What to say of the name of a compound variable.
fn compound(name: &str, names: &[String]) -> Option<Error> {
    let members = members(name, names);
    let shown: Vec<String> = members.iter().take(SHOWN).map(|member| quoted(member)).collect();
    let more = if members.len() > SHOWN { format!(" and {} more", members.len() - SHOWN) } else { String::new() };
    let error = || Error::new(format!("{} is a compound, each of whose members is a column", quoted(name)));
    (!members.is_empty()).then(|| error().with_hint(format!("there are {}{more}", shown.join(", "))))
}

/// So many names are suggested.
const SHOWN: usize = 8;

/// Adds the nearest of the names there are, or some of them.
pub(super) fn with_names(error: Error, name: &str, names: &[String]) -> Error {
    let last = |full: &&String| full.rsplit_once('/').is_some_and(|(_, last)| last.eq_ignore_ascii_case(name));
    let homes: Vec<String> = names.iter().filter(last).take(SHOWN).map(|full| quoted(full)).collect();
    if homes.len() > 1 {
        return error.with_hint(format!("several groups have it: {}", homes.join(", ")));
    }
    if let Some(nearest) = closest(name, names.iter().map(String::as_str)) {
        return error.with_hint(format!("did you mean {}?", quoted(nearest)));
    }
    let shown: Vec<String> = names.iter().take(SHOWN).map(|n| quoted(n)).collect();
    match (shown.len(), names.len()) {
        (0, _) => error,
        (few, all) if few == all => error.with_hint(format!("there are {}", shown.join(", "))),
        (_, all) => error.with_hint(format!("there are {} and {} more", shown.join(", "), all - SHOWN)),
    }
}
