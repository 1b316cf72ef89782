//! Aggregates in expressions: each becomes a column that the grouping computes.

use super::expr::{Bound, ExprBinder};
use super::grouping::same_call;
use super::name::function_name;
use super::refuse::at_node;
use super::unify::{cast, condition};
use crate::{Column, Error, Result, Span};
use hyperslab_expr::{AggregateCall, Expr, RowOrder, Scalar, SqlType, aggregate, eval};
use sqlparser::ast::{
    self, DuplicateTreatment, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, OrderBySort,
};
use std::collections::BTreeMap;

/// What is written between the brackets of an aggregate, and after them.
struct Written {
    name: String,
    args: Vec<Bound>,
    /// What the rows are ordered by, and how.
    order: Vec<(Expr, RowOrder)>,
    parameters: Vec<Scalar>,
    distinct: bool,
    filter: Option<Expr>,
    at: Span,
    span: Span,
}

impl<'a> ExprBinder<'_, 'a> {
    /// An aggregate: the column that will hold its results.
    pub(super) fn aggregate(&mut self, name: &str, function: &'a ast::Function, at: Span, span: Span) -> Result<Bound> {
        self.check_aggregate(span)?;
        let written = self.within_aggregate(|binder| binder.written(name, function, at, span))?;
        let (call, metadata) = self.settled(written)?;
        let known = self.frame.aggregates.iter().find(|(_, known)| same_call(known, &call));
        let column = match known {
            Some((column, _)) => column.clone(),
            None => {
                let column = Column { metadata, ..self.binder.column(function_name(function), call.ty.clone()) };
                self.frame.aggregates.push((column.clone(), call));
                column
            }
        };
        Ok(Bound::new(Expr::Column(column.id, column.ty), span))
    }

    /// An aggregate that no group is made for, and the metadata of its results.
    pub(super) fn aggregate_call(
        &mut self,
        name: &str,
        function: &'a ast::Function,
        at: Span,
        span: Span,
    ) -> Result<(AggregateCall, BTreeMap<String, String>)> {
        let written = self.written(name, function, at, span)?;
        self.settled(written)
    }

    fn written(&mut self, name: &str, function: &'a ast::Function, at: Span, span: Span) -> Result<Written> {
        let (distinct, exprs) = self.aggregate_args(name, function, span)?;
        let mut args = self.bind_args(&exprs)?;
        let order = self.row_order(name, function)?;
        let filter = function.filter.as_deref().map(|filter| condition(self.bind(filter)?, "FILTER")).transpose()?;
        let (name, parameters) = match &function.within_group[..] {
            [] => {
                let places = aggregate::find(name).map_or(0..0, |found| found.parameters.clone());
                let constants = args.drain(places.start.min(args.len())..places.end.min(args.len()));
                (name.to_string(), constants.map(|arg| constant(arg, name)).collect::<Result<_>>()?)
            }
            [order] => self.ordered_set(name, &mut args, order, span)?,
            _ => return Err(Error::new("WITHIN GROUP takes one ORDER BY expression").or_at(Some(span))),
        };
        Ok(Written { name, args, order, parameters, distinct, filter, at, span })
    }

    /// ORDER BY within the brackets; nothing for a function that gives the same in any order.
    fn row_order(&mut self, name: &str, function: &'a ast::Function) -> Result<Vec<(Expr, RowOrder)>> {
        let FunctionArguments::List(list) = &function.args else { return Ok(Vec::new()) };
        let keys = list.clauses.iter().filter_map(|clause| match clause {
            FunctionArgumentClause::OrderBy(keys) => Some(keys),
            _ => None,
        });
        let bound = keys.flatten().map(|key| {
            let at = at_node(self.binder.text, &key.expr);
            self.binder.refuse(key.with_fill.is_some(), "WITH FILL", at)?;
            let direction = self.binder.direction(&key.options, at)?;
            let key = direction.of(self.bind(&key.expr)?.expr);
            Ok((key.expr, RowOrder { descending: key.descending, nulls_first: key.nulls_first }))
        });
        let bound = bound.collect::<Result<Vec<_>>>()?;
        Ok(if aggregate::depends_on_order(name) { bound } else { Vec::new() })
    }

    fn aggregate_args(
        &mut self,
        name: &str,
        function: &'a ast::Function,
        span: Span,
    ) -> Result<(bool, Vec<&'a ast::Expr>)> {
        let FunctionArguments::List(list) = &function.args else { return Ok((false, Vec::new())) };
        let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
        if let [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] = &list.args[..] {
            return match (name, distinct) {
                ("count", false) => Ok((false, Vec::new())),
                ("count", true) => Err(Error::new("count(DISTINCT *) is not supported").or_at(Some(span))),
                _ => Err(Error::new(format!("* is an argument of count only, not of {name}")).or_at(Some(span))),
            };
        }
        let args = list.args.iter().map(|arg| self.arg(arg, span)).collect::<Result<_>>()?;
        Ok((distinct, args))
    }

    /// `percentile_cont(f) WITHIN GROUP (ORDER BY x)` is `quantile_cont(x, f)`, from the other end if descending.
    fn ordered_set(
        &mut self,
        name: &str,
        args: &mut Vec<Bound>,
        order: &'a ast::OrderByExpr,
        span: Span,
    ) -> Result<(String, Vec<Scalar>)> {
        let name = match name {
            "percentile_cont" | "quantile_cont" => "quantile_cont",
            "percentile_disc" | "quantile_disc" => "quantile_disc",
            "mode" => "mode",
            _ => return Err(Error::new(format!("{name} takes no WITHIN GROUP")).or_at(Some(span))),
        };
        self.binder.refuse(order.options.nulls_first.is_some(), "NULLS FIRST in WITHIN GROUP", span)?;
        self.binder.refuse(order.with_fill.is_some(), "WITH FILL", span)?;
        let values = self.bind(&order.expr)?;
        let fractions = std::mem::replace(args, vec![values]);
        let mut parameters = fractions.into_iter().map(|arg| constant(arg, name)).collect::<Result<Vec<_>>>()?;
        match &order.options.sort {
            None | Some(OrderBySort::Asc) => {}
            Some(OrderBySort::Desc) => {
                parameters = parameters.iter().map(|p| from_above(p, span)).collect::<Result<_>>()?
            }
            Some(OrderBySort::Using(_)) => {
                return Err(Error::new("ORDER BY .. USING is not supported").or_at(Some(span)));
            }
        }
        Ok((name.to_string(), parameters))
    }

    /// The function that arguments of these types mean, and the metadata of its results.
    fn settled(&self, written: Written) -> Result<(AggregateCall, BTreeMap<String, String>)> {
        let Written { name, args, order, parameters, distinct, filter, at, span } = written;
        let types: Vec<SqlType> = args.iter().map(|arg| arg.expr.sql_type()).collect();
        let place = if aggregate::is_aggregate(&name) { span } else { at };
        let bound = aggregate::bind(&name, &types, &parameters).map_err(|error| error.or_at(Some(place)))?;
        let metadata = if bound.keeps_units { self.metadata_of(args.first()) } else { BTreeMap::new() };
        let mut args =
            args.into_iter().zip(&bound.arg_types).map(|(arg, ty)| cast(arg, ty)).collect::<Result<Vec<_>>>()?;
        let (keys, order): (Vec<Expr>, Vec<RowOrder>) = order.into_iter().unzip();
        args.extend(keys);
        let function = bound.name.to_string();
        let call = AggregateCall { function, args, order, parameters, distinct, filter, ty: bound.ty, at: Some(span) };
        Ok((call, metadata))
    }

    /// The attributes of a column.
    pub(super) fn metadata_of(&self, arg: Option<&Bound>) -> BTreeMap<String, String> {
        match arg.map(|arg| &arg.expr) {
            Some(Expr::Column(id, _)) => self.frame.scope.column(*id).map(|c| c.metadata.clone()).unwrap_or_default(),
            _ => BTreeMap::new(),
        }
    }
}

fn constant(arg: Bound, name: &str) -> Result<Scalar> {
    if !arg.expr.columns().is_empty() {
        let error = Error::new(format!("this argument of {name} must be a constant")).or_at(Some(arg.span));
        return Err(match name {
            "min" => error.with_hint("the least of several values of a row is least(a, b)"),
            "max" => error.with_hint("the greatest of several values of a row is greatest(a, b)"),
            _ => error,
        });
    }
    eval::evaluate_constant(&arg.expr).map_err(|error| error.or_at(Some(arg.span)))
}

/// The fraction counted from the greatest value.
fn from_above(fraction: &Scalar, at: Span) -> Result<Scalar> {
    if let Scalar::List(items, _) = fraction {
        return Ok(Scalar::List(
            items.iter().map(|item| from_above(item, at)).collect::<Result<_>>()?,
            SqlType::Double,
        ));
    }
    if let Scalar::Decimal(value, precision, scale) = fraction
        && let Some(one) = 10i128.checked_pow(u32::from(*scale))
    {
        return Ok(Scalar::Decimal(one - value, (*precision).max(scale + 1).min(38), *scale));
    }
    let cast = Expr::Cast {
        arg: Box::new(Expr::Literal(fraction.clone())),
        to: SqlType::Double,
        or_null: false,
        at: Some(at),
    };
    match eval::evaluate_constant(&cast)? {
        Scalar::Double(fraction) => Ok(Scalar::Double(1.0 - fraction)),
        other => Ok(other),
    }
}
