//! Subqueries in expressions: `(SELECT max(x) ..)`, `EXISTS (..)`; those of [`super::membership`] are `x IN (SELECT ..)` and the like.
//!
//! Each becomes columns of a plan that is joined to the rows whose expressions read it. A single value is a plan of one row; on
//! a grid it is looked up by every cell, and never repeated. The set of an IN is looked up by its values. What reads the query
//! around it is looked up by what the two compare: see [`super::correlation`].

use super::attach::Attached;
use super::binder::Binder;
use super::correlation::{Correlated, OuterReads, first_read};
use super::expr::{Bound, Clause, ExprBinder, Frame};
use super::grouping::distinct;
use super::refuse::{at_node, unsupported};
use crate::axis::substitute;
use crate::{Column, Error, JoinKind, Result, RowPlan, Span};
use hyperslab_expr::{AggregateCall, Expr, Scalar, SqlType, aggregate};
use sqlparser::ast;
use std::collections::HashMap;

/// A subquery, and what it reads of the query around it.
pub(super) struct Subquery {
    pub(super) plan: RowPlan,
    pub(super) outer: OuterReads,
    pub(super) span: Span,
}

impl<'a> ExprBinder<'_, 'a> {
    /// `(SELECT ..)` as a value: that of its only row, NULL if there is none.
    pub(super) fn scalar_subquery(&mut self, query: &'a ast::Query) -> Result<Bound> {
        let span = self.attachable(query)?;
        if let Some(known) = self.known(query) {
            return Ok(Bound::new(known, span));
        }
        let subquery = self.subquery(query, span)?;
        let value = only_column(&subquery.plan, span)?;
        let value = if subquery.outer.is_empty() {
            let plan = self.binder.only_row(subquery.plan, &value, span)?;
            let column = only_column(&plan, span)?;
            self.frame.attached.push(Attached::looked_up(plan, Vec::new(), span));
            read(&column)
        } else {
            self.correlated_value(subquery, read(&value))?
        };
        self.frame.subqueries.push((query, value.clone()));
        Ok(Bound::new(value, span))
    }

    /// The value of an expression over the only row that a row of the query around sees.
    fn correlated_value(&mut self, subquery: Subquery, value: Expr) -> Result<Expr> {
        let Subquery { mut plan, outer, span } = subquery;
        let is_one_group = is_one_group(&plan);
        let mut terms = vec![value];
        // What is computed of the row is computed outside, where columns of both queries can be read.
        loop {
            plan = match plan {
                RowPlan::Project { input, columns } => {
                    let definitions = columns.into_iter().map(|(column, expr)| (column.id, expr)).collect();
                    terms = terms.into_iter().map(|term| substitute(term, &definitions)).collect();
                    *input
                }
                RowPlan::Filter { input, predicate } if is_one_group => {
                    terms.push(predicate);
                    *input
                }
                RowPlan::Sort { input, .. } if is_one_group => *input,
                other => break self.value_of(Subquery { plan: other, outer, span }, terms),
            }
        }
    }

    /// `terms` are the value, and conditions without which there is no row.
    fn value_of(&mut self, subquery: Subquery, mut terms: Vec<Expr>) -> Result<Expr> {
        let Subquery { plan, outer, span } = subquery;
        let mut definitions = HashMap::new();
        match plan {
            RowPlan::Aggregate { input, keys, aggregates } if keys.is_empty() => {
                let correlated = self.binder.decorrelate(*input, &outer)?;
                let (correlated, keys) = grouped(correlated, &outer)?;
                for (column, call) in &aggregates {
                    if let Some(of_nothing) = of_no_rows(call)? {
                        let args = vec![bound(read(column), span), bound(Expr::Literal(of_nothing), span)];
                        definitions.insert(column.id, self.call("coalesce", args, span)?.expr);
                    }
                }
                let plan = RowPlan::Aggregate { input: Box::new(correlated.plan), keys, aggregates };
                self.look_up_own(plan, correlated.on, &outer, span)?;
            }
            plan => {
                let correlated = self.binder.decorrelate(plan, &outer)?;
                let (correlated, keys) = grouped(correlated, &outer)?;
                let wanted: Vec<_> = terms.iter().flat_map(Expr::columns).collect();
                let mut aggregates = Vec::new();
                for column in correlated.plan.columns().into_iter().filter(|column| wanted.contains(&column.id)) {
                    let call = self.binder.aggregate_of("first", vec![read(&column)], span)?;
                    let first = self.binder.column(&column.name, call.ty.clone());
                    definitions.insert(column.id, read(&first));
                    aggregates.push((first, call));
                }
                let call = self.binder.aggregate_of("count", Vec::new(), span)?;
                let rows = self.binder.column("rows", call.ty.clone());
                aggregates.push((rows.clone(), call));
                let plan = RowPlan::Aggregate { input: Box::new(correlated.plan), keys, aggregates };
                self.look_up_own(plan, correlated.on, &outer, span)?;
                terms[0] = self.binder.checked(terms[0].clone(), &rows, span)?;
                terms.push(self.call("is not null", vec![bound(read(&rows), span)], span)?.expr);
            }
        }
        let mut terms = terms.into_iter().map(|term| substitute(term, &definitions));
        let value = terms.next().expect("the value comes first");
        Ok(match Expr::all_of(terms.collect()) {
            Some(condition) => {
                let ty = value.sql_type();
                Expr::Case { branches: vec![(condition, value)], otherwise: None, ty }
            }
            None => value,
        })
    }

    /// `EXISTS (SELECT ..)`.
    pub(super) fn exists(&mut self, query: &'a ast::Query, negated: bool) -> Result<Bound> {
        let span = self.attachable(query)?;
        if let Some(known) = self.known(query) {
            return self.not(bound(known, span), negated);
        }
        let mut subquery = self.subquery(query, span)?;
        if !subquery.outer.is_empty() {
            subquery.plan = without_list(subquery.plan);
        }
        let exists = if first_read(&subquery.plan, &subquery.outer).is_none() {
            self.has_rows(subquery.plan, span)?
        } else if is_one_group(&subquery.plan) {
            let value = self.correlated_value(subquery, Expr::Literal(Scalar::Boolean(true)))?;
            let no = bound(Expr::Literal(Scalar::Boolean(false)), span);
            self.call("coalesce", vec![bound(value, span), no], span)?.expr
        } else {
            self.has_partner(subquery)?
        };
        self.frame.subqueries.push((query, exists.clone()));
        self.not(bound(exists, span), negated)
    }

    fn has_rows(&mut self, plan: RowPlan, span: Span) -> Result<Expr> {
        let first = RowPlan::Limit { input: Box::new(plan), limit: Some(1), offset: 0 };
        let (count, plan) = self.binder.counted(first, None, span)?;
        self.look_up(plan, Vec::new(), span);
        let none = bound(Expr::Literal(Scalar::Integer(0, SqlType::BigInt)), span);
        Ok(self.call(">", vec![bound(read(&count), span), none], span)?.expr)
    }

    fn has_partner(&mut self, subquery: Subquery) -> Result<Expr> {
        let span = subquery.span;
        let Correlated { plan, on, rest } = self.binder.decorrelate(subquery.plan, &subquery.outer)?;
        if rest.is_empty() {
            return self.is_member(plan, on.into_iter().map(|(outer, column)| (outer, read(&column))).collect(), span);
        }
        let found = read(&self.binder.column("found", SqlType::Boolean));
        let none = self.not(bound(found.clone(), span), true)?.expr;
        let on = on.into_iter().map(|(outer, column)| (outer, read(&column))).collect();
        self.frame.attached.push(Attached {
            filter: Expr::all_of(rest),
            columns: found.columns(),
            terms: vec![(found.clone(), JoinKind::Semi), (none, JoinKind::Anti)],
            only_terms: true,
            ..Attached::looked_up(plan, on, span)
        });
        Ok(found)
    }

    /// Whether the values of `on` on the left are those on the right in a row of a plan: they are looked up in the set of them.
    pub(super) fn is_member(&mut self, plan: RowPlan, on: Vec<(Expr, Expr)>, span: Span) -> Result<Expr> {
        let (outer, inner): (Vec<Expr>, Vec<Expr>) = on.into_iter().unzip();
        let items = inner.into_iter().map(|expr| (self.binder.column("item", expr.sql_type()), expr)).collect();
        let set = distinct(RowPlan::Project { input: Box::new(plan), columns: items });
        let on = outer.into_iter().zip(set.columns().iter().map(read)).collect();
        let found = self.binder.column("found", SqlType::Boolean);
        let columns = set.columns().into_iter().map(|column| (column.clone(), read(&column)));
        let columns = columns.chain([(found.clone(), Expr::Literal(Scalar::Boolean(true)))]).collect();
        let set = RowPlan::Project { input: Box::new(set), columns };
        let is_found = self.call("is not null", vec![bound(read(&found), span)], span)?.expr;
        let terms = vec![(is_found.clone(), JoinKind::Inner)];
        self.frame.attached.push(Attached { terms, ..Attached::looked_up(set, on, span) });
        Ok(is_found)
    }

    /// What a subquery is that was met before.
    pub(super) fn known(&self, query: &'a ast::Query) -> Option<Expr> {
        let mut known = self.frame.subqueries.iter();
        known.find(|(other, _)| std::ptr::eq(*other, query)).map(|(_, expr)| expr.clone())
    }

    /// The plan of a subquery, which sees the tables of the query around it.
    pub(super) fn subquery(&mut self, query: &'a ast::Query, span: Span) -> Result<Subquery> {
        self.binder.outer.push(std::mem::take(&mut self.frame.scope));
        let reads = std::mem::take(&mut self.binder.outer_reads);
        let plan = self.binder.query(query);
        let outer = std::mem::replace(&mut self.binder.outer_reads, reads);
        self.frame.scope = self.binder.outer.pop().expect("it was pushed");
        let (own, farther): (OuterReads, OuterReads) =
            outer.into_iter().partition(|(id, _)| self.frame.scope.column(*id).is_some());
        match farther.first() {
            Some((_, at)) if plan.is_ok() => {
                let error = unsupported("a subquery that reads more than the query just around it", *at);
                Err(error.with_hint("join the subquery instead"))
            }
            _ => Ok(Subquery { plan: plan?, outer: own, span }),
        }
    }

    /// Where a subquery stands, if one can stand there.
    pub(super) fn attachable(&self, query: &'a ast::Query) -> Result<Span> {
        let span = at_node(self.binder.text, query);
        match self.clause {
            Clause::Constant | Clause::Values | Clause::On => {
                let place = if self.clause == Clause::On { "ON" } else { "a constant" };
                Err(unsupported(&format!("a subquery in {place}"), span))
            }
            _ if self.in_window => Err(unsupported("a subquery within a window function", span)),
            _ => Ok(span),
        }
    }

    /// The same of a plan that must read nothing of the query around it any more.
    fn look_up_own(&mut self, plan: RowPlan, on: Vec<(Expr, Expr)>, outer: &OuterReads, span: Span) -> Result<()> {
        match first_read(&plan, outer) {
            Some(at) => Err(super::correlation::cannot(at)),
            None => {
                self.look_up(plan, on, span);
                Ok(())
            }
        }
    }

    /// Notes a plan whose rows are looked up.
    pub(super) fn look_up(&mut self, plan: RowPlan, on: Vec<(Expr, Expr)>, span: Span) {
        self.frame.attached.push(Attached::looked_up(plan, on, span));
    }
}

impl<'a> Binder<'a> {
    /// A plan of one row, with the value of the only row of another.
    fn only_row(&mut self, plan: RowPlan, value: &Column, span: Span) -> Result<RowPlan> {
        if has_one_row(&plan) {
            return Ok(plan);
        }
        let first = self.aggregate_of("first", vec![read(value)], span)?;
        let count = self.aggregate_of("count", Vec::new(), span)?;
        let (first, count) =
            ((self.column(&value.name, first.ty.clone()), first), (self.column("rows", count.ty.clone()), count));
        let (value, rows) = (first.0.clone(), count.0.clone());
        let plan = RowPlan::Aggregate { input: Box::new(plan), keys: Vec::new(), aggregates: vec![first, count] };
        let shown = self.column(&value.name, value.ty.clone());
        let checked = self.checked(read(&value), &rows, span)?;
        Ok(RowPlan::Project { input: Box::new(plan), columns: vec![(shown, checked)] })
    }

    /// A value of one of some rows, or an error if there are several.
    fn checked(&mut self, value: Expr, rows: &Column, span: Span) -> Result<Expr> {
        let ty = value.sql_type();
        let mut frame = Frame::default();
        let mut exprs = self.expr(&mut frame, Clause::Select);
        let one = bound(Expr::Literal(Scalar::Integer(1, SqlType::BigInt)), span);
        let several = exprs.call(">", vec![bound(read(rows), span), one], span)?.expr;
        let message = Expr::Literal(Scalar::Varchar("a subquery used as a value gives more than one row".to_string()));
        let error = exprs.call("error", vec![bound(message, span)], span)?;
        let error = Expr::Cast { arg: Box::new(error.expr), to: ty.clone(), or_null: false, at: Some(span) };
        Ok(Expr::Case { branches: vec![(several, error)], otherwise: Some(Box::new(value)), ty })
    }

    /// A plan of one row: how many rows another has, or how many values a column of it.
    fn counted(&mut self, plan: RowPlan, of: Option<&Column>, span: Span) -> Result<(Column, RowPlan)> {
        let call = self.aggregate_of("count", of.map(read).into_iter().collect(), span)?;
        let column = self.column("count", call.ty.clone());
        let aggregates = vec![(column.clone(), call)];
        Ok((column, RowPlan::Aggregate { input: Box::new(plan), keys: Vec::new(), aggregates }))
    }

    pub(super) fn aggregate_of(&self, function: &str, args: Vec<Expr>, span: Span) -> Result<AggregateCall> {
        let call = aggregate::call(function, args).map_err(|error| error.or_at(Some(span)))?;
        Ok(AggregateCall { at: Some(span), ..call })
    }
}

/// A plan to be grouped by what its rows belong to, with its keys.
struct Grouped {
    plan: RowPlan,
    on: Vec<(Expr, Expr)>,
}

fn grouped(correlated: Correlated, outer: &OuterReads) -> Result<(Grouped, Vec<(Column, Expr)>)> {
    let Correlated { plan, on, rest } = correlated;
    if let Some(term) = rest.first() {
        return Err(super::correlation::cannot_read(term, outer));
    }
    let mut keys: Vec<(Column, Expr)> = Vec::new();
    for (_, column) in &on {
        if keys.iter().all(|(known, _)| known.id != column.id) {
            keys.push((column.clone(), read(column)));
        }
    }
    let on = on.into_iter().map(|(outer, column)| (outer, read(&column))).collect();
    Ok((Grouped { plan, on }, keys))
}

/// What an aggregate gives for a group of no rows, if not NULL.
fn of_no_rows(call: &AggregateCall) -> Result<Option<Scalar>> {
    let mut accumulator = aggregate::create(call)?;
    accumulator.resize(1);
    let value = Scalar::from_array(&accumulator.finish()?, 0, &call.ty)?;
    Ok((!matches!(value, Scalar::Null(_))).then_some(value))
}

pub(super) fn bound(expr: Expr, span: Span) -> Bound {
    Bound::new(expr, span)
}

pub(super) fn read(column: &Column) -> Expr {
    Expr::Column(column.id, column.ty.clone())
}

/// The one column that a subquery in an expression must have.
pub(super) fn only_column(plan: &RowPlan, span: Span) -> Result<Column> {
    let mut columns = plan.columns();
    match (columns.len(), columns.pop()) {
        (1, Some(column)) => Ok(column),
        (n, _) => Err(Error::new(format!("a subquery in an expression has one column, not {n}")).or_at(Some(span))),
    }
}

/// Whether a plan has exactly one row, whatever the data.
fn has_one_row(plan: &RowPlan) -> bool {
    match plan {
        RowPlan::Aggregate { keys, .. } => keys.is_empty(),
        RowPlan::Project { input, .. } => has_one_row(input),
        RowPlan::Values { rows, .. } => rows.len() == 1,
        _ => false,
    }
}

/// Whether a plan is one group of all rows, if conditions on it hold.
fn is_one_group(plan: &RowPlan) -> bool {
    match plan {
        RowPlan::Aggregate { keys, .. } => keys.is_empty(),
        RowPlan::Project { input, .. } | RowPlan::Filter { input, .. } | RowPlan::Sort { input, .. } => {
            is_one_group(input)
        }
        _ => false,
    }
}

/// A plan with rows just where another has: without what its rows show and their order.
fn without_list(plan: RowPlan) -> RowPlan {
    match plan {
        RowPlan::Project { input, .. } | RowPlan::Sort { input, .. } => without_list(*input),
        RowPlan::Limit { input, limit, offset: 0 } if limit != Some(0) => without_list(*input),
        RowPlan::Aggregate { input, keys, aggregates } if !keys.is_empty() && aggregates.is_empty() => {
            without_list(*input)
        }
        other => other,
    }
}
