//! `x IN (SELECT ..)`, `(x, y) IN (SELECT ..)`, `x > ANY (SELECT ..)` and `x > ALL (SELECT ..)`.
//!
//! They know three answers: a NULL that is compared may be anything.

use super::attach::Attached;
use super::correlation::{Correlated, cannot_read};
use super::expr::{Bound, ExprBinder};
use super::refuse::unsupported;
use super::subquery::{Subquery, bound, only_column, read};
use super::unify::unify;
use crate::{Column, Error, JoinKind, Result, RowPlan, Span};
use hyperslab_expr::{Expr, Scalar, SqlType};
use sqlparser::ast;

/// Which of the rows of a subquery a comparison must hold for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    /// One of them.
    Any,
    /// Each.
    All,
}

impl<'a> ExprBinder<'_, 'a> {
    /// `x IN (SELECT ..)`: unknown where `x` is NULL, or not found in a set that has a NULL.
    pub(super) fn in_subquery(&mut self, arg: &'a ast::Expr, query: &'a ast::Query, negated: bool) -> Result<Bound> {
        let span = self.attachable(query)?;
        if let Some(known) = self.known(query) {
            return self.not(bound(known, span), negated);
        }
        let parts: Vec<&ast::Expr> = match arg {
            ast::Expr::Tuple(parts) => parts.iter().collect(),
            one => vec![one],
        };
        let args = parts.into_iter().map(|part| self.bind(part)).collect::<Result<Vec<_>>>()?;
        let subquery = self.subquery(query, span)?;
        let is_in = self.found_in(args, subquery)?;
        self.frame.subqueries.push((query, is_in.clone()));
        self.not(bound(is_in, span), negated)
    }

    fn found_in(&mut self, args: Vec<Bound>, subquery: Subquery) -> Result<Expr> {
        let Subquery { plan, outer, span } = subquery;
        let items = plan.columns();
        if items.len() != args.len() {
            let error = match args.len() {
                1 => format!("a subquery in an expression has one column, not {}", items.len()),
                n => format!("the tuple has {n} values, but the columns of the subquery are {}", items.len()),
            };
            return Err(Error::new(error).or_at(Some(span)));
        }
        if args.iter().any(|arg| arg.expr.columns().iter().any(|id| self.frame.is_window(*id))) {
            return Err(
                unsupported("a window function before IN (SELECT ..)", span).with_hint("use a subquery in FROM")
            );
        }
        let Correlated { plan, on, rest } = self.binder.decorrelate(plan, &outer)?;
        let keys = on.into_iter().map(|(outer, column)| (outer, read(&column))).collect::<Vec<_>>();
        let mut pairs = Vec::new();
        for (arg, item) in args.into_iter().zip(&items) {
            let (sides, _) = unify(vec![arg, bound(read(item), span)], "the operands of IN")?;
            pairs.extend(<[Expr; 2]>::try_from(sides).map(|[arg, item]| (arg, item)));
        }
        if pairs.len() > 1 || !rest.is_empty() {
            return self.is_in_or_not(plan, keys, pairs, rest, span);
        }
        let counts = self.counts(plan.clone(), keys.clone(), &items[0], span)?;
        let (arg, item) = pairs.pop().expect("an IN looks for something");
        let on = keys.into_iter().chain([(arg.clone(), item)]).collect();
        let is_found = self.is_member(plan, on, span)?;
        let is_null = self.call("is null", vec![bound(arg, span)], span)?.expr;
        let (yes, no) = (Expr::Literal(Scalar::Boolean(true)), Expr::Literal(Scalar::Boolean(false)));
        let is_in = self.with_unknown((is_found, yes), no, is_null, &counts, span)?;
        if let Some(set) = self.frame.attached.last_mut() {
            set.terms = vec![(is_in.clone(), JoinKind::Inner)];
        }
        Ok(is_in)
    }

    /// What is true of IN, and what is true of NOT IN; what is neither cannot be told from the latter, so that it can only be
    /// a term of WHERE.
    fn is_in_or_not(
        &mut self,
        plan: RowPlan,
        keys: Vec<(Expr, Expr)>,
        pairs: Vec<(Expr, Expr)>,
        rest: Vec<Expr>,
        span: Span,
    ) -> Result<Expr> {
        let mut may_be = rest.clone();
        for (arg, item) in &pairs {
            let equal = self.call("=", vec![bound(arg.clone(), span), bound(item.clone(), span)], span)?;
            let yes = bound(Expr::Literal(Scalar::Boolean(true)), span);
            may_be.push(self.call("coalesce", vec![equal, yes], span)?.expr);
        }
        let on = keys.iter().cloned().chain(pairs).collect::<Vec<_>>();
        let is_in = if rest.is_empty() {
            self.is_member(plan.clone(), on, span)?
        } else {
            let found = read(&self.binder.column("found", SqlType::Boolean));
            let terms = vec![(found.clone(), JoinKind::Semi)];
            let (filter, columns) = (Expr::all_of(rest), found.columns());
            let partners = Attached::looked_up(plan.clone(), on, span);
            self.frame.attached.push(Attached { filter, columns, terms, ..partners });
            found
        };
        if let Some(set) = self.frame.attached.last_mut() {
            set.only_terms = true;
        }
        let not_in = self.not(bound(is_in.clone(), span), true)?.expr;
        let terms = vec![(not_in, JoinKind::Anti)];
        let others = Attached::looked_up(plan, keys, span);
        self.frame.attached.push(Attached { filter: Expr::all_of(may_be), columns: Vec::new(), terms, ..others });
        Ok(is_in)
    }

    /// How many rows a subquery has, and how many of them have a value.
    fn counts(&mut self, plan: RowPlan, keys: Vec<(Expr, Expr)>, item: &Column, span: Span) -> Result<[Bound; 2]> {
        let calls = [("count", None), ("count", Some(item))];
        let [all, valid] = self.summed_up(plan, keys, calls, span)?;
        Ok([self.or_zero(all, span)?, self.or_zero(valid, span)?])
    }

    fn or_zero(&mut self, count: Expr, span: Span) -> Result<Bound> {
        let zero = bound(Expr::Literal(Scalar::Integer(0, SqlType::BigInt)), span);
        self.call("coalesce", vec![bound(count, span), zero], span)
    }

    /// Aggregates over the rows of a subquery that belong together.
    fn summed_up<const N: usize>(
        &mut self,
        plan: RowPlan,
        on: Vec<(Expr, Expr)>,
        calls: [(&str, Option<&Column>); N],
        span: Span,
    ) -> Result<[Expr; N]> {
        let (outer, inner): (Vec<Expr>, Vec<Expr>) = on.into_iter().unzip();
        let keys: Vec<_> = inner.into_iter().map(|key| (self.binder.column("key", key.sql_type()), key)).collect();
        let on = outer.into_iter().zip(keys.iter().map(|(column, _)| read(column))).collect();
        let mut aggregates = Vec::new();
        for (function, of) in calls {
            let call = self.binder.aggregate_of(function, of.map(read).into_iter().collect(), span)?;
            aggregates.push((self.binder.column(function, call.ty.clone()), call));
        }
        let results: Vec<Expr> = aggregates.iter().map(|(column, _)| read(column)).collect();
        self.look_up(RowPlan::Aggregate { input: Box::new(plan), keys, aggregates }, on, span);
        Ok(results.try_into().unwrap_or_else(|_| unreachable!("each call has a result")))
    }

    /// `certain` where it holds, else `otherwise`: NULL where a NULL was compared.
    fn with_unknown(
        &mut self,
        certain: (Expr, Expr),
        otherwise: Expr,
        is_null: Expr,
        [all, valid]: &[Bound; 2],
        span: Span,
    ) -> Result<Expr> {
        let zero = bound(Expr::Literal(Scalar::Integer(0, SqlType::BigInt)), span);
        let is_empty = self.call("=", vec![all.clone(), zero], span)?.expr;
        let has_null = self.call("<", vec![valid.clone(), all.clone()], span)?.expr;
        let unknown = Expr::Literal(Scalar::Null(SqlType::Boolean));
        let branches = vec![certain, (is_empty, otherwise.clone()), (Expr::Or(vec![is_null, has_null]), unknown)];
        Ok(Expr::Case { branches, otherwise: Some(Box::new(otherwise)), ty: SqlType::Boolean })
    }

    /// `x > ANY (SELECT ..)` and `x > ALL (SELECT ..)`: what holds for one, or for all, holds for the least or the greatest.
    pub(super) fn quantified(
        &mut self,
        arg: &'a ast::Expr,
        operator: &str,
        quantifier: Quantifier,
        query: &'a ast::Query,
    ) -> Result<Bound> {
        match (operator, quantifier) {
            ("=", Quantifier::Any) => return self.in_subquery(arg, query, false),
            ("<>", Quantifier::All) => return self.in_subquery(arg, query, true),
            _ => {}
        }
        let span = self.attachable(query)?;
        if let Some(known) = self.known(query) {
            return Ok(bound(known, span));
        }
        let arg = self.bind(arg)?;
        let Subquery { plan, outer, .. } = self.subquery(query, span)?;
        let item = only_column(&plan, span)?;
        let Correlated { plan, on, rest } = self.binder.decorrelate(plan, &outer)?;
        if let Some(term) = rest.first() {
            return Err(cannot_read(term, &outer));
        }
        let on = on.into_iter().map(|(outer, column)| (outer, read(&column))).collect();
        let calls = [("min", Some(&item)), ("max", Some(&item)), ("count", None), ("count", Some(&item))];
        let [least, greatest, all, valid] = self.summed_up(plan, on, calls, span)?;
        let counts = [self.or_zero(all, span)?, self.or_zero(valid, span)?];
        let holds = self.holds(&arg, operator, quantifier, [least, greatest], span)?;
        let is_null = self.call("is null", vec![arg], span)?.expr;
        let (yes, no) = (Expr::Literal(Scalar::Boolean(true)), Expr::Literal(Scalar::Boolean(false)));
        let result = match quantifier {
            Quantifier::Any => self.with_unknown((holds, yes), no, is_null, &counts, span)?,
            Quantifier::All => {
                let fails = self.not(bound(holds, span), true)?.expr;
                self.with_unknown((fails, no), yes, is_null, &counts, span)?
            }
        };
        self.frame.subqueries.push((query, result.clone()));
        Ok(bound(result, span))
    }

    /// The comparison with those of the extremes that decide it.
    fn holds(
        &mut self,
        arg: &Bound,
        operator: &str,
        quantifier: Quantifier,
        [least, greatest]: [Expr; 2],
        span: Span,
    ) -> Result<Expr> {
        let mut with = |extreme: &Expr| -> Result<Expr> {
            Ok(self.call(operator, vec![arg.clone(), bound(extreme.clone(), span)], span)?.expr)
        };
        let is_any = quantifier == Quantifier::Any;
        Ok(match operator {
            "<" | "<=" => with(if is_any { &greatest } else { &least })?,
            ">" | ">=" => with(if is_any { &least } else { &greatest })?,
            _ if is_any => Expr::Or(vec![with(&least)?, with(&greatest)?]),
            _ => Expr::And(vec![with(&least)?, with(&greatest)?]),
        })
    }
}
