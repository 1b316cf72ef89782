//! Subqueries in expressions that read nothing of the query around them: `(SELECT max(x) ..)`, `EXISTS (..)`, `x IN (SELECT ..)`.
//!
//! Each becomes a column of a plan that is joined to the rows whose expressions read it. A single value is a plan of one row; on
//! a grid it is looked up by every cell, and never repeated. The set of an IN is looked up by its values.

use super::binder::Binder;
use super::expr::{Bound, Clause, ExprBinder, Frame};
use super::grouping::distinct;
use super::refuse::{at_node, unsupported};
use super::unify::unify;
use crate::{Column, Error, JoinKind, Result, RowPlan, Span};
use hyperslab_expr::{AggregateCall, ColumnId, Expr, Scalar, SqlType, aggregate};
use sqlparser::ast;

/// A plan that is joined to the rows of a SELECT, for the sake of a column.
#[derive(Clone)]
pub(in crate::bind) struct Attached {
    plan: RowPlan,
    /// What is equal in rows that belong together; nothing for a plan of one row.
    on: Vec<(Expr, Expr)>,
    /// What expressions read of it.
    pub(in crate::bind) column: ColumnId,
    /// For a set: the condition that is true just for rows that have a partner there.
    pub(in crate::bind) condition: Option<Expr>,
}

impl<'a> ExprBinder<'_, 'a> {
    /// `(SELECT ..)` as a value: that of its only row, NULL if there is none.
    pub(super) fn scalar_subquery(&mut self, query: &'a ast::Query) -> Result<Bound> {
        let span = self.attachable(query)?;
        if let Some(known) = self.known(query) {
            return Ok(Bound::new(known, span));
        }
        let plan = self.subquery(query)?;
        let value = only_column(&plan, span)?;
        let plan = self.binder.only_row(plan, &value, span)?;
        let column = only_column(&plan, span)?;
        let value = self.attach(plan, Vec::new(), &column);
        self.frame.subqueries.push((query, value.clone()));
        Ok(Bound::new(value, span))
    }

    /// `EXISTS (SELECT ..)`.
    pub(super) fn exists(&mut self, query: &'a ast::Query, negated: bool) -> Result<Bound> {
        let span = self.attachable(query)?;
        if let Some(known) = self.known(query) {
            return self.not(Bound::new(known, span), negated);
        }
        let plan = self.subquery(query)?;
        let first = RowPlan::Limit { input: Box::new(plan), limit: Some(1), offset: 0 };
        let (count, plan) = self.binder.counted(first, None, span)?;
        let count = Bound::new(self.attach(plan, Vec::new(), &count), span);
        let none = Bound::new(Expr::Literal(Scalar::Integer(0, SqlType::BigInt)), span);
        let exists = self.call(">", vec![count, none], span)?;
        self.frame.subqueries.push((query, exists.expr.clone()));
        self.not(exists, negated)
    }

    /// `x IN (SELECT ..)`: unknown where `x` is NULL, or not found in a set that has a NULL.
    pub(super) fn in_subquery(&mut self, arg: &'a ast::Expr, query: &'a ast::Query, negated: bool) -> Result<Bound> {
        let span = self.attachable(query)?;
        if self.clause != Clause::Where {
            return Err(unsupported("IN (SELECT ..) outside of WHERE", span).with_hint("join the subquery instead"));
        }
        if let Some(known) = self.known(query) {
            return self.not(Bound::new(known, span), negated);
        }
        let (arg, plan) = (self.bind(arg)?, self.subquery(query)?);
        let item = only_column(&plan, span)?;
        let (all, counts) = self.binder.counted(plan.clone(), None, span)?;
        let (valid, valid_counts) = self.binder.counted(plan.clone(), Some(&item), span)?;
        let mut count = |column: &Column, plan: RowPlan| Bound::new(self.attach(plan, Vec::new(), column), span);
        let (all, valid) = (count(&all, counts), count(&valid, valid_counts));

        let (sides, _) = unify(vec![arg, Bound::new(read(&item), span)], "the operands of IN")?;
        let [arg, of_item] =
            <[Expr; 2]>::try_from(sides).map_err(|_| Error::new("IN takes one value").or_at(Some(span)))?;
        let found = self.binder.column("found", SqlType::Boolean);
        let set = distinct(RowPlan::Project {
            input: Box::new(plan),
            columns: vec![(self.binder.column("item", of_item.sql_type()), of_item)],
        });
        let key = only_column(&set, span)?;
        let yes = Expr::Literal(Scalar::Boolean(true));
        let columns = vec![(key.clone(), read(&key)), (found.clone(), yes.clone())];
        let set = RowPlan::Project { input: Box::new(set), columns };
        let found = self.attach(set, vec![(arg.clone(), read(&key))], &found);

        let bound = |expr: Expr| Bound::new(expr, span);
        let zero = || bound(Expr::Literal(Scalar::Integer(0, SqlType::BigInt)));
        let is_found = self.call("is not null", vec![bound(found)], span)?.expr;
        let is_empty = self.call("=", vec![all.clone(), zero()], span)?.expr;
        let is_null = self.call("is null", vec![bound(arg)], span)?.expr;
        let has_null = self.call("<", vec![valid, all], span)?.expr;
        let unknown = Expr::Literal(Scalar::Null(SqlType::Boolean));
        let no = Expr::Literal(Scalar::Boolean(false));
        let branches = vec![(is_found, yes), (is_empty, no.clone()), (Expr::Or(vec![is_null, has_null]), unknown)];
        let is_in = Expr::Case { branches, otherwise: Some(Box::new(no)), ty: SqlType::Boolean };
        if let Some(set) = self.frame.attached.last_mut() {
            set.condition = Some(is_in.clone());
        }
        self.frame.subqueries.push((query, is_in.clone()));
        self.not(Bound::new(is_in, span), negated)
    }

    /// What a subquery is that was met before.
    fn known(&self, query: &'a ast::Query) -> Option<Expr> {
        let mut known = self.frame.subqueries.iter();
        known.find(|(other, _)| std::ptr::eq(*other, query)).map(|(_, expr)| expr.clone())
    }

    /// The plan of a subquery, which sees nothing of the query around it.
    fn subquery(&mut self, query: &'a ast::Query) -> Result<RowPlan> {
        self.binder.query(query).map_err(|error| {
            let name = error.at.map(|at| self.binder.text.slice(at).trim_matches('"')).unwrap_or_default();
            let scope = &self.frame.scope;
            let is_outer =
                scope.relations.iter().any(|r| r.label().eq_ignore_ascii_case(name) || !r.find(name).is_empty());
            match error.message.starts_with("there is no") && is_outer {
                true => {
                    error.with_hint("a subquery in an expression cannot read the query around it yet: join it instead")
                }
                false => error,
            }
        })
    }

    /// Where a subquery stands, if one can stand there.
    fn attachable(&self, query: &'a ast::Query) -> Result<Span> {
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

    /// Notes a plan to be joined, and reads a column of it.
    fn attach(&mut self, plan: RowPlan, on: Vec<(Expr, Expr)>, column: &Column) -> Expr {
        self.frame.attached.push(Attached { plan, on, column: column.id, condition: None });
        read(column)
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
        let (value, rows) = (first.0.clone(), read(&count.0));
        let plan = RowPlan::Aggregate { input: Box::new(plan), keys: Vec::new(), aggregates: vec![first, count] };
        let mut frame = Frame::default();
        let mut exprs = self.expr(&mut frame, Clause::Select);
        let one = Bound::new(Expr::Literal(Scalar::Integer(1, SqlType::BigInt)), span);
        let several = exprs.call(">", vec![Bound::new(rows, span), one], span)?.expr;
        let message = Expr::Literal(Scalar::Varchar("a subquery used as a value gives more than one row".to_string()));
        let error = exprs.call("error", vec![Bound::new(message, span)], span)?;
        let error = Expr::Cast { arg: Box::new(error.expr), to: value.ty.clone(), or_null: false, at: Some(span) };
        let checked = Expr::Case {
            branches: vec![(several, error)],
            otherwise: Some(Box::new(read(&value))),
            ty: value.ty.clone(),
        };
        let shown = self.column(&value.name, value.ty);
        Ok(RowPlan::Project { input: Box::new(plan), columns: vec![(shown, checked)] })
    }

    /// A plan of one row: how many rows another has, or how many values a column of it.
    fn counted(&mut self, plan: RowPlan, of: Option<&Column>, span: Span) -> Result<(Column, RowPlan)> {
        let call = self.aggregate_of("count", of.map(read).into_iter().collect(), span)?;
        let column = self.column("count", call.ty.clone());
        let aggregates = vec![(column.clone(), call)];
        Ok((column, RowPlan::Aggregate { input: Box::new(plan), keys: Vec::new(), aggregates }))
    }

    fn aggregate_of(&self, function: &str, args: Vec<Expr>, span: Span) -> Result<AggregateCall> {
        let types: Vec<SqlType> = args.iter().map(Expr::sql_type).collect();
        let bound = aggregate::bind(function, &types, &[]).map_err(|error| error.or_at(Some(span)))?;
        Ok(AggregateCall {
            function: bound.name.to_string(),
            args,
            parameters: Vec::new(),
            distinct: false,
            order: Vec::new(),
            filter: None,
            ty: bound.ty,
            at: Some(span),
        })
    }
}

/// Joins to a plan what expressions over its rows read of subqueries, and keeps the rows whose values are in the sets that
/// the conditions `members` are about.
pub(super) fn attach(plan: RowPlan, frame: &Frame<'_>, exprs: &[&Expr], members: &[Expr]) -> RowPlan {
    let mut read: Vec<ColumnId> = exprs.iter().flat_map(|expr| expr.columns()).collect();
    let is_member =
        |attached: &Attached| attached.condition.as_ref().is_some_and(|condition| members.contains(condition));
    // The value that is looked for in a set may be another subquery's: those come first.
    for attached in frame.attached.iter().rev() {
        if read.contains(&attached.column) || is_member(attached) {
            read.extend(attached.on.iter().flat_map(|(left, _)| left.columns()));
        }
    }
    let needed = frame.attached.iter().filter(|attached| read.contains(&attached.column) || is_member(attached));
    needed.fold(plan, |left, attached| RowPlan::Join {
        left: Box::new(left),
        right: Box::new(attached.plan.clone()),
        kind: if is_member(attached) { JoinKind::Inner } else { JoinKind::Left },
        on: attached.on.clone(),
        asof: None,
        filter: None,
    })
}

fn read(column: &Column) -> Expr {
    Expr::Column(column.id, column.ty.clone())
}

/// The one column that a subquery in an expression must have.
fn only_column(plan: &RowPlan, span: Span) -> Result<Column> {
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
