//! GROUPING SETS, ROLLUP and CUBE: several groupings of the same rows, one after the other.
//!
//! Each set is an aggregate of its own over the rows, so that on a grid each is computed densely; keys that a set does not have
//! are NULL. `GROUPING(a, b)` tells such a NULL from one of the data.

use super::binder::Binder;
use super::expr::{Bound, Clause, ExprBinder, Frame};
use super::grouping::{Grouping, same_expr};
use super::projection::Output;
use super::refuse::at_node;
use super::subquery::read;
use crate::{Column, Error, Result, RowPlan, Span};
use hyperslab_expr::{AggregateCall, Expr, Scalar, SqlType};
use sqlparser::ast::{self, FunctionArguments};

/// The most sets: each reads the rows anew.
const MAX_SETS: usize = 256;

/// A call of GROUPING, and the column that holds its results.
pub(in crate::bind) struct GroupingCall {
    pub(in crate::bind) column: Column,
    args: Vec<(Expr, Span)>,
}

impl<'a> Binder<'a> {
    /// What an element of GROUP BY groups by: the sets of the keys that it has, by position.
    pub(super) fn sets_of(
        &mut self,
        grouping: &mut Grouping,
        frame: &mut Frame<'a>,
        expr: &'a ast::Expr,
        outputs: &[Output],
    ) -> Result<Vec<Vec<usize>>> {
        let mut keys = |parts: &'a [ast::Expr]| -> Result<Vec<usize>> {
            let mut out = Vec::new();
            parts.iter().try_for_each(|part| self.group_by(grouping, frame, part, outputs, &mut out))?;
            Ok(out)
        };
        let sets = match expr {
            ast::Expr::GroupingSets(sets) => sets.iter().map(|set| keys(set)).collect::<Result<_>>()?,
            ast::Expr::Rollup(parts) => {
                let parts = parts.iter().map(|part| keys(part)).collect::<Result<Vec<_>>>()?;
                (0..=parts.len()).rev().map(|n| parts[..n].concat()).collect()
            }
            ast::Expr::Cube(parts) => {
                let parts = parts.iter().map(|part| keys(part)).collect::<Result<Vec<_>>>()?;
                if parts.len() > MAX_SETS.ilog2() as usize {
                    return Err(self.too_many_sets(expr));
                }
                let chosen = |bits: usize| parts.iter().enumerate().filter(move |(at, _)| bits >> at & 1 == 0);
                (0..1 << parts.len()).map(|bits| chosen(bits).flat_map(|(_, part)| part.clone()).collect()).collect()
            }
            one => vec![keys(std::slice::from_ref(one))?],
        };
        Ok(sets)
    }

    /// The sets of several elements of GROUP BY: each of one with each of the others.
    pub(super) fn all_sets(
        &self,
        sets: &[Vec<usize>],
        more: &[Vec<usize>],
        expr: &ast::Expr,
    ) -> Result<Vec<Vec<usize>>> {
        if sets.len() * more.len() > MAX_SETS {
            return Err(self.too_many_sets(expr));
        }
        Ok(sets.iter().flat_map(|set| more.iter().map(move |other| [&set[..], other].concat())).collect())
    }

    fn too_many_sets(&self, expr: &ast::Expr) -> Error {
        let error = Error::new(format!("this makes more than {MAX_SETS} grouping sets"));
        error
            .or_at(Some(at_node(self.text, expr)))
            .with_hint("name those that are needed: GROUPING SETS ((a, b), (a), ())")
    }

    /// The groups of rows, of each set those of all keys that it has.
    pub(super) fn groups(&mut self, plan: RowPlan, frame: &Frame<'a>, grouping: Grouping) -> Result<RowPlan> {
        let calls =
            frame.grouping_calls.iter().map(|call| Ok((call, grouping.places(call)?))).collect::<Result<Vec<_>>>()?;
        let Some(sets) = grouping.sets else {
            let plan =
                RowPlan::Aggregate { input: Box::new(plan), keys: grouping.keys, aggregates: frame.aggregates.clone() };
            if calls.is_empty() {
                return Ok(plan);
            }
            let own = plan.columns().into_iter().map(|column| (column.clone(), read(&column)));
            let zero = calls.iter().map(|(call, _)| (call.column.clone(), whole(0)));
            return Ok(RowPlan::Project { columns: own.chain(zero).collect(), input: Box::new(plan) });
        };
        let mut inputs = Vec::with_capacity(sets.len());
        for set in &sets {
            inputs.push(self.groups_of_set(plan.clone(), &grouping.keys, set, &frame.aggregates, &calls));
        }
        let keys = grouping.keys.into_iter().map(|(column, _)| column);
        let results = frame.aggregates.iter().map(|(column, _)| column.clone());
        let calls = calls.iter().map(|(call, _)| call.column.clone());
        Ok(RowPlan::Union { inputs, columns: keys.chain(results).chain(calls).collect() })
    }

    fn groups_of_set(
        &mut self,
        input: RowPlan,
        keys: &[(Column, Expr)],
        set: &[usize],
        aggregates: &[(Column, AggregateCall)],
        calls: &[(&GroupingCall, Vec<usize>)],
    ) -> RowPlan {
        let mut own = |column: &Column| Column { id: self.fresh(), ..column.clone() };
        let keys: Vec<_> = keys.iter().map(|(column, key)| (own(column), key.clone())).collect();
        let aggregates: Vec<_> = aggregates.iter().map(|(column, call)| (own(column), call.clone())).collect();
        let mut shown: Vec<(Column, Expr)> = Vec::new();
        for (at, (column, _)) in keys.iter().enumerate() {
            shown.push(match set.contains(&at) {
                true => (column.clone(), read(column)),
                false => (own(column), Expr::Literal(Scalar::Null(column.ty.clone()))),
            });
        }
        shown.extend(aggregates.iter().map(|(column, _)| (column.clone(), read(column))));
        for (call, places) in calls {
            let bits = places.iter().fold(0, |bits, place| bits << 1 | i128::from(!set.contains(place)));
            shown.push((own(&call.column), whole(bits)));
        }
        let of_set = keys.into_iter().enumerate().filter(|(at, _)| set.contains(at)).map(|(_, key)| key).collect();
        let groups = RowPlan::Aggregate { input: Box::new(input), keys: of_set, aggregates };
        RowPlan::Project { input: Box::new(groups), columns: shown }
    }
}

fn whole(value: i128) -> Expr {
    Expr::Literal(Scalar::Integer(value, SqlType::BigInt))
}

impl Grouping {
    /// Which keys the arguments of GROUPING are.
    fn places(&self, call: &GroupingCall) -> Result<Vec<usize>> {
        let place = |(arg, at): &(Expr, Span)| {
            let found = self.keys.iter().position(|(_, key)| same_expr(key, arg));
            found.ok_or_else(|| Error::new("GROUPING takes expressions of GROUP BY").or_at(Some(*at)))
        };
        call.args.iter().map(place).collect()
    }
}

impl<'a> ExprBinder<'_, 'a> {
    /// `GROUPING(a, b)`: a bit for each expression of GROUP BY, the last being the least; set where rows are not grouped by it.
    pub(super) fn grouping_call(&mut self, function: &'a ast::Function, span: Span) -> Result<Bound> {
        if !matches!(self.clause, Clause::Select | Clause::Having | Clause::Qualify | Clause::OrderBy)
            || self.in_aggregate
        {
            return Err(Error::new(format!("{} cannot contain GROUPING", self.clause.name())).or_at(Some(span)));
        }
        let args = match &function.args {
            FunctionArguments::List(list) if (1..=62).contains(&list.args.len()) => &list.args[..],
            _ => return Err(Error::new("GROUPING takes 1 to 62 expressions of GROUP BY").or_at(Some(span))),
        };
        let mut bound = Vec::with_capacity(args.len());
        for arg in args {
            let arg = self.bind(self.arg(arg, span)?)?;
            bound.push((arg.expr, arg.span));
        }
        let same = |call: &&GroupingCall| {
            call.args.len() == bound.len() && call.args.iter().zip(&bound).all(|(a, b)| same_expr(&a.0, &b.0))
        };
        let column = match self.frame.grouping_calls.iter().find(same) {
            Some(call) => call.column.clone(),
            None => {
                let column = self.binder.column(super::name::function_name(function), SqlType::BigInt);
                self.frame.grouping_calls.push(GroupingCall { column: column.clone(), args: bound });
                column
            }
        };
        Ok(Bound::new(read(&column), span))
    }
}
