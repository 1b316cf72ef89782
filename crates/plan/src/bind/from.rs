//! FROM: tables of rows, subqueries, CTEs and datasets, and the tree of their joins.

use super::attach::{attach, needed};
use super::binder::Binder;
use super::dataset::DatasetTable;
use super::expr::Frame;
use super::interpolate::{is_own, place_joins};
use super::join::{Join, move_keys};
use super::refuse::unsupported;
use super::scope::{Relation, Table, with_names};
use crate::{Column, Error, Result, RowPlan, Source, Span, Table as OpenTable, TableFormat, TableId, TableScan};
use hyperslab_expr::{Expr, SqlType};
use sqlparser::ast::{self, TableFactor};

/// How many tables a FROM may have: each join nests the plan.
const MAX_TABLES: usize = 200;

/// How the tables of a FROM are joined; tables by position in the scope.
pub(super) enum FromTree {
    /// No FROM: one row without columns.
    Nothing,
    /// A table.
    Table(usize),
    /// Two trees.
    Join(Box<Join>),
}

impl<'a> Binder<'a> {
    /// Adds the tables of a FROM to the scope.
    pub(super) fn from(&mut self, frame: &mut Frame<'a>, from: &'a [ast::TableWithJoins]) -> Result<FromTree> {
        let mut tree = FromTree::Nothing;
        for item in from {
            let right = self.joined(frame, item)?;
            tree = match tree {
                FromTree::Nothing => right,
                left => FromTree::Join(Box::new(Join::implicit(left, right))),
            };
        }
        frame.scope.visible_from = 0;
        Ok(tree)
    }

    /// A table and those joined to it.
    fn joined(&mut self, frame: &mut Frame<'a>, item: &'a ast::TableWithJoins) -> Result<FromTree> {
        let outside = frame.scope.visible_from;
        let first = frame.scope.relations.len();
        let mut tree = self.factor(frame, &item.relation)?;
        for join in &item.joins {
            frame.scope.visible_from = first;
            let start = frame.scope.relations.len();
            let right = self.factor(frame, &join.relation)?;
            frame.scope.visible_from = first;
            tree = self.join(frame, tree, right, start, join)?;
        }
        frame.scope.visible_from = outside;
        Ok(tree)
    }

    fn factor(&mut self, frame: &mut Frame<'a>, factor: &'a TableFactor) -> Result<FromTree> {
        let at = self.factor_span(factor);
        let relation = match factor {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints,
            } => {
                self.refuse(!with_hints.is_empty() || !index_hints.is_empty(), "a table hint", at)?;
                self.refuse(version.is_some(), "a table version", at)?;
                self.refuse(*with_ordinality, "WITH ORDINALITY", at)?;
                self.refuse(!partitions.is_empty(), "PARTITION", at)?;
                self.refuse(json_path.is_some(), "a path after a table", at)?;
                self.refuse(sample.is_some(), "TABLESAMPLE", at)?;
                match args {
                    Some(args) => self.table_function(name, args, alias.as_ref())?,
                    None => self.named_table(name, alias.as_ref())?,
                }
            }
            TableFactor::Derived { lateral, subquery, alias, sample } => {
                self.refuse(*lateral, "LATERAL", at)?;
                self.refuse(sample.is_some(), "TABLESAMPLE", at)?;
                let plan = self.query(subquery)?;
                self.rows(plan, alias.as_ref(), None)?
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                self.refuse(alias.is_some(), "an alias of a join", at)?;
                return self.deeper(|_| at, |binder| binder.joined(frame, table_with_joins));
            }
            TableFactor::Function { .. } => return Err(unsupported("LATERAL", at)),
            TableFactor::TableFunction { .. } => return Err(unsupported("TABLE (..)", at)),
            TableFactor::UNNEST { .. } => return Err(unsupported("UNNEST", at)),
            TableFactor::Pivot { .. } | TableFactor::Unpivot { .. } => {
                return Err(unsupported("PIVOT and UNPIVOT", at));
            }
            _ => return Err(unsupported("this kind of table", at)),
        };
        if frame.scope.relations.len() >= MAX_TABLES {
            return Err(Error::new(format!("FROM has more than {MAX_TABLES} tables")).or_at(Some(at)));
        }
        frame.scope.relations.push(relation);
        Ok(FromTree::Table(frame.scope.relations.len() - 1))
    }

    /// A path in quotes, or the name of a CTE.
    pub(super) fn named_table(
        &mut self,
        name: &'a ast::ObjectName,
        alias: Option<&'a ast::TableAlias>,
    ) -> Result<Relation> {
        let at = self.name_span(name);
        let ident = self.simple_name(name).map_err(|_| self.no_table(name, at))?;
        if ident.quote_style == Some('\'') {
            return self.path_table(&ident.value, at, alias);
        }
        if let Some((cte, plan)) = self.cte(ident)? {
            return self.rows(plan, alias, Some(cte.alias.name.value.clone()));
        }
        if ident.quote_style.is_some() && ident.value.contains(['.', '/', '*']) {
            return self.path_table(&ident.value, at, alias);
        }
        Err(self.no_table(name, at))
    }

    fn path_table(&mut self, path: &str, at: Span, alias: Option<&ast::TableAlias>) -> Result<Relation> {
        let source = Source::new(vec![path.to_string()], Vec::new());
        match TableFormat::of_path(path) {
            Some(format) => self.table(format, source, at, alias, stem(path)),
            None => self.dataset(source, at, alias, stem(path)),
        }
    }

    fn no_table(&self, name: &ast::ObjectName, at: Span) -> Error {
        let written = self.text.slice(at).to_string();
        let mut names = Vec::new();
        let mut next = self.ctes.clone();
        while let Some(ctes) = next {
            names.push(ctes.name().to_string());
            next = ctes.outer();
        }
        let error = Error::new(format!("there is no table {written}")).or_at(Some(at));
        let named = with_names(error.clone(), &name.to_string(), &names);
        match named.hint.as_deref() {
            Some(hint) if hint.starts_with("did you mean") => named,
            _ => error.with_hint(format!("a file is named in quotes: FROM '{}'", written.replace(['\'', '"'], ""))),
        }
    }

    /// A table of rows, named by its alias or else by `name`.
    pub(super) fn rows(
        &mut self,
        plan: RowPlan,
        alias: Option<&ast::TableAlias>,
        name: Option<String>,
    ) -> Result<Relation> {
        let Some(alias) = alias else { return Ok(Relation::rows(name, plan)) };
        self.refuse(alias.at.is_some(), "AT after an alias", self.span(&alias.name))?;
        Ok(Relation::rows(Some(alias.name.value.clone()), self.renamed(plan, alias)?))
    }

    /// Files of rows, named by their alias or else by `name`.
    pub(super) fn table(
        &mut self,
        format: TableFormat,
        source: Source,
        at: Span,
        alias: Option<&ast::TableAlias>,
        name: String,
    ) -> Result<Relation> {
        let opened = self.catalog.open_table(format, &source).map_err(|error| error.or_at(Some(at)))?;
        opened.warnings().iter().for_each(|warning| self.warn(warning.clone()));
        let path = source.paths.first().cloned().unwrap_or_default();
        let mut scan = TableScan {
            table: TableId(self.tables.len()),
            name: alias.map_or(path, |alias| alias.name.value.clone()),
            columns: Vec::with_capacity(opened.columns().len()),
        };
        for (position, field) in opened.columns().iter().enumerate() {
            let attributes = field.metadata().iter().filter(|(key, _)| !key.starts_with("ARROW:"));
            let metadata = attributes.map(|(key, value)| (key.clone(), value.clone())).collect();
            let ty = SqlType::from_field(field).map_err(|error| error.or_at(Some(at)))?;
            scan.columns.push((Column { metadata, ..self.column(field.name(), ty) }, position));
        }
        self.tables.push(OpenTable { format, source, opened });
        self.rows(RowPlan::Table(scan), alias, Some(name))
    }

    /// A dataset, named by its alias or else by `name`.
    pub(super) fn dataset(
        &mut self,
        source: Source,
        at: Span,
        alias: Option<&ast::TableAlias>,
        name: String,
    ) -> Result<Relation> {
        let path = source.paths.first().cloned().unwrap_or_default();
        if let Some(column) = alias.and_then(|alias| alias.columns.first()) {
            let error = unsupported("a list of column names after a dataset", self.span(&column.name));
            return Err(error.with_hint("name columns in SELECT"));
        }
        let label = if source.regrid.is_some() { format!("regrid({path})") } else { path };
        let id = self.open(source, at)?;
        let alias = alias.map(|alias| alias.name.value.clone());
        let label = alias.clone().unwrap_or(label);
        let table = Table::Dataset(DatasetTable::new(id, self, label, at));
        Ok(Relation { name: Some(alias.unwrap_or(name)), table, merged: Vec::new(), is_hidden: false })
    }

    /// The rows of a FROM, with what `exprs` read of subqueries, and without those that WHERE leaves out.
    pub(super) fn plan_of_from(
        &mut self,
        mut tree: FromTree,
        frame: &mut Frame<'a>,
        predicate: Option<Expr>,
        exprs: &[Expr],
    ) -> Result<RowPlan> {
        let mut terms = predicate.map(Expr::conjuncts).unwrap_or_default();
        move_keys(&mut tree, &mut terms, &frame.scope);
        place_joins(&mut tree, frame)?;
        let (joined, terms): (Vec<Expr>, Vec<Expr>) =
            terms.into_iter().partition(|term| frame.attached.iter().any(|attached| attached.stands_for(term)));
        let exprs: Vec<&Expr> = exprs.iter().chain(&terms).collect();
        let needed = needed(frame, &exprs, &joined)?;
        let plan = attach(self.tree_plan(tree, frame)?, needed);
        Ok(match Expr::all_of(terms) {
            Some(predicate) => RowPlan::Filter { input: Box::new(plan), predicate },
            None => plan,
        })
    }

    fn tree_plan(&mut self, tree: FromTree, frame: &Frame<'a>) -> Result<RowPlan> {
        match tree {
            FromTree::Nothing => Ok(RowPlan::Values { columns: Vec::new(), rows: vec![Vec::new()] }),
            FromTree::Table(at) => match &frame.scope.relations[at].table {
                Table::Rows { plan, .. } => Ok(plan.clone()),
                Table::Dataset(dataset) => {
                    let own = dataset.place().map_or(&[][..], |place| &place.conditions).iter();
                    let own = own.filter(|condition| is_own(condition, at, &frame.scope)).cloned().collect();
                    let plan = dataset.plan()?;
                    Ok(match Expr::all_of(own) {
                        Some(predicate) => RowPlan::Filter { input: Box::new(plan), predicate },
                        None => plan,
                    })
                }
            },
            FromTree::Join(join) => {
                let Join { left, right, kind, on, asof, filter, merged, is_implicit: _ } = *join;
                let (left, right) = (Box::new(self.tree_plan(left, frame)?), Box::new(self.tree_plan(right, frame)?));
                let plan = RowPlan::Join { left, right, kind, on, asof, filter: Expr::all_of(filter) };
                Ok(if merged.is_empty() { plan } else { with_columns(plan, merged) })
            }
        }
    }
}

/// The plan with further columns.
fn with_columns(plan: RowPlan, computed: Vec<(Column, Expr)>) -> RowPlan {
    let passed_on = plan.columns().into_iter().map(|c| (c.clone(), Expr::Column(c.id, c.ty)));
    RowPlan::Project { columns: passed_on.chain(computed).collect(), input: Box::new(plan) }
}

/// The name of a table that is a file: the last part of its path without the extension.
fn stem(path: &str) -> String {
    let last = path.rsplit(['/', '\\']).next().unwrap_or(path);
    last.rsplit_once('.').map_or(last, |(stem, _)| stem).to_string()
}
