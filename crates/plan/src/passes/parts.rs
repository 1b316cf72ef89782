//! Aggregates in two steps: of parts of the rows, and of what those give.

use crate::{Column, Result, RowPlan};
use hyperslab_expr::{AggregateCall, ColumnId, Expr, SqlType, aggregate, scalar};

/// One of the aggregates of some rows that one over all is put together from.
pub(super) struct Part {
    /// What is computed of some rows, over the same columns as the aggregate of all.
    pub(super) call: AggregateCall,
    /// The aggregate that folds what all parts give.
    fold: &'static str,
}

impl Part {
    /// The aggregate of what parts gave, in the place of another.
    pub(super) fn folded(&self, given: Expr, of: &AggregateCall) -> Result<AggregateCall> {
        called(self.fold, vec![given], None, of)
    }
}

/// Whether all of some aggregates can be computed in two steps.
pub(super) fn are_split(aggregates: &[(Column, AggregateCall)]) -> Result<bool> {
    let split = aggregates.iter().map(|(_, call)| Ok(parts(call)?.is_some())).collect::<Result<Vec<bool>>>()?;
    Ok(split.into_iter().all(|split| split))
}

/// What an aggregate is put together from; none if it needs all rows at once.
pub(super) fn parts(call: &AggregateCall) -> Result<Option<Vec<Part>>> {
    let is_plain = !call.distinct && call.order.is_empty() && call.parameters.is_empty();
    if !is_plain || call.args.iter().chain(&call.filter).any(Expr::is_volatile) {
        return Ok(None);
    }
    let is_real = |ty: SqlType| matches!(ty, SqlType::Float | SqlType::Double);
    let part = |function: &str, args: &[Expr], filter: Option<Expr>, fold| -> Result<Part> {
        Ok(Part { call: called(function, args.to_vec(), filter, call)?, fold })
    };
    let plain = |function, fold| part(function, &call.args, call.filter.clone(), fold);
    Ok(Some(match (call.function.as_str(), call.args.as_slice()) {
        ("sum", [_]) => vec![plain("sum", "sum")?],
        ("count", _) => vec![plain("count", "sum")?],
        ("min", [_]) => vec![plain("min", "min")?],
        ("max", [_]) => vec![plain("max", "max")?],
        ("weighted_sum", [_, _]) => vec![plain("weighted_sum", "sum")?],
        ("avg", [arg]) if is_real(arg.sql_type()) => vec![plain("sum", "sum")?, plain("count", "sum")?],
        ("weighted_avg", [value, weight]) => {
            // Weights count where there is a value.
            let is_there = scalar::call("is not null", vec![value.clone()], call.at)?;
            let filter = Expr::all_of(call.filter.iter().cloned().chain([is_there]).collect());
            vec![plain("weighted_sum", "sum")?, part("sum", std::slice::from_ref(weight), filter, "sum")?]
        }
        _ => return Ok(None),
    }))
}

/// A call of an aggregate in the place of another.
fn called(function: &str, args: Vec<Expr>, filter: Option<Expr>, of: &AggregateCall) -> Result<AggregateCall> {
    let types: Vec<SqlType> = args.iter().map(Expr::sql_type).collect();
    let types = aggregate::bind(function, &types, &[])?.arg_types;
    let args = args.into_iter().zip(&types).map(|(arg, ty)| cast(arg, ty)).collect();
    Ok(AggregateCall { filter, at: of.at, ..aggregate::call(function, args)? })
}

/// The result of a call from its folded parts.
pub(super) fn whole(mut values: Vec<Expr>, call: &AggregateCall) -> Result<Expr> {
    match (values.pop(), values.pop()) {
        (Some(below), Some(above)) => {
            let args = vec![cast(above, &SqlType::Double), cast(below, &SqlType::Double)];
            Ok(cast(scalar::call("/", args, call.at)?, &call.ty))
        }
        (Some(value), None) => Ok(cast(value, &call.ty)),
        (None, _) => Err(hyperslab_expr::Error::new("an aggregate has no parts")),
    }
}

/// An expression as a type, which may be its own.
pub(super) fn cast(expr: Expr, ty: &SqlType) -> Expr {
    if expr.sql_type() == *ty {
        return expr;
    }
    Expr::Cast { arg: Box::new(expr), to: ty.clone(), or_null: false, at: None }
}

/// A column as an expression.
pub(super) fn read(column: &Column) -> Expr {
    Expr::Column(column.id, column.ty.clone())
}

/// A new column.
pub(super) fn fresh(name: &str, ty: SqlType, next: &mut u32) -> Column {
    *next += 1;
    Column { id: ColumnId(*next - 1), name: name.to_string(), ty, metadata: Default::default() }
}

/// The same column once more.
pub(super) fn renewed(column: &Column, next: &mut u32) -> Column {
    *next += 1;
    Column { id: ColumnId(*next - 1), ..column.clone() }
}

/// Rows of some expressions, in columns like others that are new.
pub(super) fn named(input: RowPlan, exprs: Vec<Expr>, like: &[Column], next: &mut u32) -> RowPlan {
    let column = |(column, expr): (&Column, Expr)| (fresh(&column.name, column.ty.clone(), next), expr);
    let columns = like.iter().zip(exprs).map(column).collect();
    RowPlan::Project { input: Box::new(input), columns }
}
