//! What all of a statement shares while it is bound: fresh column numbers, opened datasets, notes, limits.

use super::Parameters;
use super::correlation::OuterReads;
use super::query::Ctes;
use super::refuse::at_node;
use super::scope::Scope;
use super::text::Text;
use crate::{BoundQuery, Catalog, Column, Dataset, DatasetId, DatasetSource, Error, Result, Source, Span, Table};
use hyperslab_expr::{ColumnId, Scalar, SqlType, eval};
use sqlparser::ast;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// How deeply expressions and plans may nest: those who evaluate, print or drop them recurse, on stacks of common size.
const MAX_DEPTH: usize = 500;

/// How many expression nodes a statement may have once aliases and CTEs are written out.
const MAX_NODES: usize = 1_000_000;

/// How many times CTEs may be mentioned once those within CTEs are written out: each mention is a plan of its own.
const MAX_MENTIONS: usize = 1000;

/// The state of binding one statement; `'a` is the syntax tree.
pub(super) struct Binder<'a> {
    pub(super) text: &'a Text,
    pub(super) catalog: &'a dyn Catalog,
    pub(super) parameters: &'a Parameters,
    pub(super) datasets: Vec<Dataset>,
    pub(super) tables: Vec<Table>,
    pub(super) warnings: Vec<String>,
    pub(super) is_volatile: bool,
    pub(super) ctes: Option<Rc<Ctes<'a>>>,
    /// The tables of the queries around the subquery that is being bound, the outermost first.
    pub(super) outer: Vec<Scope>,
    /// What the subquery reads of them.
    pub(super) outer_reads: OuterReads,
    next_column: u32,
    depth: usize,
    nodes: usize,
    mentions: usize,
}

impl<'a> Binder<'a> {
    pub(super) fn new(text: &'a Text, catalog: &'a dyn Catalog, parameters: &'a Parameters) -> Self {
        let (datasets, tables, warnings) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            text,
            catalog,
            parameters,
            datasets,
            tables,
            warnings,
            is_volatile: false,
            ctes: None,
            outer: Vec::new(),
            outer_reads: Vec::new(),
            next_column: 0,
            depth: 0,
            nodes: 0,
            mentions: 0,
        }
    }

    pub(super) fn whole_query(mut self, query: &'a ast::Query) -> Result<BoundQuery> {
        let plan = self.query(query)?;
        let Self { datasets, tables, next_column, warnings, is_volatile, .. } = self;
        Ok(BoundQuery { plan, datasets, tables, next_column, warnings, is_volatile })
    }

    /// A number that no column has yet.
    pub(super) fn fresh(&mut self) -> ColumnId {
        self.next_column += 1;
        ColumnId(self.next_column - 1)
    }

    /// A column without attributes.
    pub(super) fn column(&mut self, name: impl Into<String>, ty: SqlType) -> Column {
        Column { id: self.fresh(), name: name.into(), ty, metadata: BTreeMap::new() }
    }

    pub(super) fn span(&self, ident: &ast::Ident) -> Span {
        let quoted = || self.text.quoted(&ident.value).filter(|_| ident.quote_style == Some('\''));
        let is_known = ident.span.start.line > 0;
        if is_known { self.text.span(ident.span) } else { quoted().unwrap_or_else(|| self.text.span(ident.span)) }
    }

    pub(super) fn name_span(&self, name: &ast::ObjectName) -> Span {
        let parts = name.0.iter().filter_map(ast::ObjectNamePart::as_ident).map(|ident| self.span(ident));
        parts.reduce(Span::to).unwrap_or_else(|| at_node(self.text, name))
    }

    pub(super) fn factor_span(&self, factor: &ast::TableFactor) -> Span {
        match factor {
            ast::TableFactor::Table { name, .. } => self.name_span(name),
            other => at_node(self.text, other),
        }
    }

    /// A name of one part.
    ///
    /// # Errors
    /// If it has several.
    pub(super) fn simple_name<'n>(&self, name: &'n ast::ObjectName) -> Result<&'n ast::Ident> {
        match &name.0[..] {
            [ast::ObjectNamePart::Identifier(ident)] => Ok(ident),
            _ => Err(Error::new(format!("{name} is not a plain name")).or_at(Some(self.name_span(name)))),
        }
    }

    /// Runs `work` one level deeper.
    ///
    /// # Errors
    /// Those of `work`; too many levels or nodes.
    pub(super) fn deeper<R>(
        &mut self,
        at: impl FnOnce(&Self) -> Span,
        work: impl FnOnce(&mut Self) -> Result<R>,
    ) -> Result<R> {
        self.enter().map_err(|error| error.or_at(Some(at(self))))?;
        let result = work(self);
        self.leave();
        result
    }

    /// Goes one level down; [`Self::leave`] goes up again.
    ///
    /// # Errors
    /// Too many levels or nodes.
    pub(super) fn enter(&mut self) -> Result<()> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Error::new(format!(
                "with its aliases written out, the statement has more than {MAX_NODES} parts"
            )));
        }
        if self.depth >= MAX_DEPTH {
            let error = Error::new(format!("the expression nests more than {MAX_DEPTH} levels deep"));
            return Err(error.with_hint("each operator of a chain such as a + b + c is a level; AND and OR are not"));
        }
        self.depth += 1;
        Ok(())
    }

    /// Counts a mention of a CTE.
    ///
    /// # Errors
    /// Too many: a CTE that is mentioned twice, in one that is mentioned twice, is there four times, and so on.
    pub(super) fn mention(&mut self, at: Span) -> Result<()> {
        self.mentions += 1;
        if self.mentions > MAX_MENTIONS {
            let error =
                Error::new(format!("with CTEs written out, there are more than {MAX_MENTIONS} mentions of them"));
            return Err(error.or_at(Some(at)).with_hint(
                "each mention of a CTE is computed by itself: mention CTEs that are built on others fewer times",
            ));
        }
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Opens a dataset.
    ///
    /// # Errors
    /// Those of the catalog, at the place where the query names it.
    pub(super) fn open(&mut self, source: Source, at: Span) -> Result<DatasetId> {
        let opened = self.catalog.open(&source).map_err(|error| error.or_at(Some(at)))?;
        self.datasets.push(Dataset { source, opened });
        Ok(DatasetId(self.datasets.len() - 1))
    }

    /// Opens a dataset that is open already in another way.
    ///
    /// # Errors
    /// Those of the catalog.
    pub(super) fn reopen(&mut self, id: DatasetId, source: Source) -> Result<Arc<dyn DatasetSource>> {
        let opened = self.catalog.open(&source)?;
        self.datasets[id.0] = Dataset { source, opened: opened.clone() };
        Ok(opened)
    }

    pub(super) fn warn(&mut self, note: String) {
        if !self.warnings.contains(&note) {
            self.warnings.push(note);
        }
    }

    /// The value of an expression that reads no column.
    ///
    /// # Errors
    /// If it reads one, or cannot be computed.
    pub(super) fn constant(&mut self, expr: &'a ast::Expr, what: &'static str) -> Result<(Scalar, Span)> {
        let bound = self.bind_constant(expr, what)?;
        let value = eval::evaluate_constant(&bound.expr).map_err(|error| error.or_at(Some(bound.span)))?;
        Ok((value, bound.span))
    }

    /// The name of a setting.
    ///
    /// # Errors
    /// If it is no plain name.
    pub(super) fn setting(&self, name: &ast::ObjectName) -> Result<String> {
        Ok(self.simple_name(name)?.value.to_lowercase())
    }

    /// The value of a setting: a constant, or a bare word as text.
    ///
    /// # Errors
    /// If it is no constant.
    pub(super) fn setting_value(mut self, value: &'a ast::Expr) -> Result<Scalar> {
        match value {
            ast::Expr::Identifier(word) => Ok(Scalar::Varchar(word.value.clone())),
            _ => self.constant(value, "a setting").map(|(value, _)| value),
        }
    }
}
