//! Queries: WITH, the body, ORDER BY and LIMIT of a body that is no plain SELECT, and VALUES.

use super::attach::{attach, needed};
use super::binder::Binder;
use super::expr::{Clause, Frame};
use super::order::Order;
use super::refuse::{at_node, unsupported};
use super::scope::{Relation, quoted};
use super::unify::unify;
use crate::{Error, Result, RowPlan, Span};
use hyperslab_expr::{Expr, Scalar, SqlType, eval};
use sqlparser::ast::{self, SetExpr};
use std::rc::Rc;

/// The CTEs that a query can see, the innermost first.
pub(super) struct Ctes<'a> {
    cte: &'a ast::Cte,
    outer: Option<Rc<Ctes<'a>>>,
}

impl<'a> Ctes<'a> {
    pub(super) fn name(&self) -> &'a str {
        &self.cte.alias.name.value
    }

    pub(super) fn outer(&self) -> Option<Rc<Self>> {
        self.outer.clone()
    }
}

/// How many rows a result has at most, and how many it leaves out first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    limit: Option<u64>,
    offset: u64,
}

impl Limits {
    pub(super) fn apply(self, plan: RowPlan) -> RowPlan {
        match self {
            Self { limit: None, offset: 0 } => plan,
            Self { limit, offset } => RowPlan::Limit { input: Box::new(plan), limit, offset },
        }
    }
}

impl<'a> Binder<'a> {
    /// The plan of a query or subquery.
    pub(super) fn query(&mut self, query: &'a ast::Query) -> Result<RowPlan> {
        self.deeper(
            |b| at_node(b.text, query),
            |binder| {
                let outside = binder.ctes.clone();
                let plan = binder.query_with_ctes(query);
                binder.ctes = outside;
                plan
            },
        )
    }

    fn query_with_ctes(&mut self, query: &'a ast::Query) -> Result<RowPlan> {
        self.check_query(query)?;
        if let Some(with) = &query.with {
            self.refuse(with.recursive, "WITH RECURSIVE", self.text.span(with.with_token.0.span))?;
            with.cte_tables.iter().try_for_each(|cte| self.define(cte))?;
        }
        let order = self.order_clause(query.order_by.as_ref())?;
        let limits = self.limits(query.limit_clause.as_ref())?;
        match query.body.as_ref() {
            SetExpr::Select(select) => self.select(select, &order, limits),
            body => {
                let plan = self.body(body)?;
                self.order_result(plan, &order, limits)
            }
        }
    }

    fn define(&mut self, cte: &'a ast::Cte) -> Result<()> {
        let at = self.span(&cte.alias.name);
        self.refuse(cte.from.is_some(), "FROM in a CTE", at)?;
        self.refuse(cte.alias.at.is_some(), "AT in a CTE", at)?;
        self.ctes = Some(Rc::new(Ctes { cte, outer: self.ctes.take() }));
        Ok(())
    }

    /// A CTE, bound anew for this mention of it; `None` if none has the name.
    pub(super) fn cte(&mut self, name: &ast::Ident) -> Result<Option<(&'a ast::Cte, RowPlan)>> {
        let mut at = self.ctes.clone();
        while let Some(found) = at {
            if !found.cte.alias.name.value.eq_ignore_ascii_case(&name.value) {
                at = found.outer.clone();
                continue;
            }
            self.mention(self.span(name))?;
            let inside = std::mem::replace(&mut self.ctes, found.outer.clone());
            // It means the same wherever it is mentioned.
            let outer = std::mem::take(&mut self.outer);
            let plan = self.query(&found.cte.query);
            (self.ctes, self.outer) = (inside, outer);
            return Ok(Some((found.cte, self.renamed(plan?, &found.cte.alias)?)));
        }
        Ok(None)
    }

    /// A body other than a plain SELECT with its own ORDER BY.
    pub(super) fn body(&mut self, body: &'a SetExpr) -> Result<RowPlan> {
        match body {
            SetExpr::Select(select) => self.select(select, &Order::NONE, Limits::default()),
            SetExpr::Query(query) => self.query(query),
            SetExpr::SetOperation { .. } => self.set_operation(body),
            SetExpr::Values(values) => self.values(values),
            SetExpr::Table(_) => Err(unsupported("TABLE", at_node(self.text, body))),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                Err(unsupported("changing data", at_node(self.text, body)))
            }
        }
    }

    fn values(&mut self, values: &'a ast::Values) -> Result<RowPlan> {
        let mut frame = Frame::default();
        let mut rows: Vec<Vec<super::expr::Bound>> = Vec::new();
        for row in &values.rows {
            let at = self.text.span(row.opening_token.0.span);
            let bound = row
                .content
                .iter()
                .map(|e| self.expr(&mut frame, Clause::Values).bind(e))
                .collect::<Result<Vec<_>>>()?;
            let width = rows.first().map_or(bound.len(), Vec::len);
            if bound.len() != width {
                return Err(Error::new(format!(
                    "this row of VALUES has {} columns, the first has {width}",
                    bound.len()
                ))
                .or_at(Some(at)));
            }
            rows.push(bound);
        }
        let width = rows.first().map_or(0, Vec::len);
        let mut out: Vec<Vec<Expr>> = vec![Vec::with_capacity(width); rows.len()];
        let mut columns = Vec::with_capacity(width);
        let mut rows: Vec<_> = rows.into_iter().map(Vec::into_iter).collect();
        for at in 0..width {
            let column = rows.iter_mut().map(|row| row.next().expect("rows have equal widths")).collect();
            let (exprs, ty) = unify(column, "a column of VALUES")?;
            columns.push(self.column(format!("col{at}"), ty));
            out.iter_mut().zip(exprs).for_each(|(row, expr)| row.push(expr));
        }
        Ok(RowPlan::Values { columns, rows: out })
    }

    /// Gives the columns of a table the names after its alias.
    pub(super) fn renamed(&self, plan: RowPlan, alias: &ast::TableAlias) -> Result<RowPlan> {
        if alias.columns.is_empty() {
            return Ok(plan);
        }
        let mut columns = plan.columns();
        if alias.columns.len() > columns.len() {
            let at = self.span(&alias.columns[columns.len()].name);
            let error = Error::new(format!(
                "{} has {} columns, not {}",
                quoted(&alias.name.value),
                columns.len(),
                alias.columns.len()
            ));
            return Err(error.or_at(Some(at)));
        }
        for (column, new) in columns.iter_mut().zip(&alias.columns) {
            self.refuse(new.data_type.is_some(), "a type in a list of column names", self.span(&new.name))?;
            column.name = new.name.value.clone();
        }
        let columns = columns.into_iter().map(|c| (c.clone(), Expr::Column(c.id, c.ty))).collect();
        Ok(RowPlan::Project { input: Box::new(plan), columns })
    }

    fn limits(&mut self, clause: Option<&'a ast::LimitClause>) -> Result<Limits> {
        match clause {
            None => Ok(Limits::default()),
            Some(ast::LimitClause::LimitOffset { limit, offset, limit_by }) => {
                self.refuse(
                    !limit_by.is_empty(),
                    "LIMIT BY",
                    limit_by.first().map_or(Span::default(), |e| at_node(self.text, e)),
                )?;
                let limit = limit.as_ref().map(|e| self.count(e, "LIMIT")).transpose()?.flatten();
                let offset = offset.as_ref().map(|o| self.count(&o.value, "OFFSET")).transpose()?.flatten();
                Ok(Limits { limit, offset: offset.unwrap_or(0) })
            }
            Some(ast::LimitClause::OffsetCommaLimit { offset, limit }) => {
                let at = at_node(self.text, offset).to(at_node(self.text, limit));
                Err(unsupported("LIMIT with a comma", at).with_hint("write LIMIT n OFFSET m"))
            }
        }
    }

    /// A number of rows; NULL is no limit.
    fn count(&mut self, expr: &'a ast::Expr, what: &'static str) -> Result<Option<u64>> {
        let (value, at) = self.constant(expr, what)?;
        if value.is_null() {
            return Ok(None);
        }
        let cast =
            Expr::Cast { arg: Box::new(Expr::Literal(value)), to: SqlType::BigInt, or_null: false, at: Some(at) };
        match eval::evaluate_constant(&cast).map_err(|error| error.or_at(Some(at)))? {
            Scalar::Integer(count, _) => match u64::try_from(count) {
                Ok(count) => Ok(Some(count)),
                Err(_) => Err(Error::new(format!("{what} cannot be negative")).or_at(Some(at))),
            },
            _ => Err(Error::new(format!("{what} takes a number of rows")).or_at(Some(at))),
        }
    }

    /// Sorts and cuts a result of which only the output can be seen.
    fn order_result(&mut self, plan: RowPlan, order: &Order<'a>, limits: Limits) -> Result<RowPlan> {
        let mut frame = Frame::default();
        let columns = plan.columns();
        frame.scope.relations.push(Relation::rows(None, plan.clone()));
        let keys = self.result_keys(&mut frame, &columns, order)?;
        let read: Vec<&Expr> = keys.iter().map(|key| &key.expr).collect();
        let plan = attach(plan, needed(&frame, &read, &[])?);
        let plan = if keys.is_empty() { plan } else { RowPlan::Sort { input: Box::new(plan), keys } };
        if plan.columns().len() == columns.len() {
            return Ok(limits.apply(plan));
        }
        let columns = columns.into_iter().map(|c| (c.clone(), Expr::Column(c.id, c.ty))).collect();
        Ok(limits.apply(RowPlan::Project { input: Box::new(plan), columns }))
    }
}
