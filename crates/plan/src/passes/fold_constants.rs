//! Evaluates what depends on no column, once.

use super::{Pass, PassContext};
use crate::{Result, RowPlan};
use hyperslab_expr::eval::fold_constants;
use hyperslab_expr::{AggregateCall, Expr, Scalar};

pub(super) const PASS: Pass = Pass {
    name: "fold_constants",
    about: "constant parts of expressions are computed once; a filter that is true for every row goes",
    rewrite: |plan, _: &mut PassContext<'_>| plan.transform(&mut fold),
};

fn fold(plan: RowPlan) -> Result<RowPlan> {
    let named = |columns: Vec<(crate::Column, Expr)>| {
        columns.into_iter().map(|(column, expr)| (column, fold_constants(expr))).collect()
    };
    Ok(match plan {
        RowPlan::Filter { input, predicate } => match fold_constants(predicate) {
            Expr::Literal(Scalar::Boolean(true)) => *input,
            predicate => RowPlan::Filter { input, predicate },
        },
        RowPlan::Project { input, columns } => RowPlan::Project { input, columns: named(columns) },
        RowPlan::Aggregate { input, keys, aggregates } => {
            let aggregates = aggregates.into_iter().map(|(column, call)| (column, fold_call(call))).collect();
            RowPlan::Aggregate { input, keys: named(keys), aggregates }
        }
        RowPlan::Join { left, right, kind, on, asof, filter } => {
            let on = on.into_iter().map(|(l, r)| (fold_constants(l), fold_constants(r))).collect();
            RowPlan::Join { left, right, kind, on, asof, filter: filter.map(fold_constants) }
        }
        RowPlan::Window { input, mut window, mut calls } => {
            window.exprs_mut().for_each(fold_in_place);
            calls.iter_mut().flat_map(|(_, call)| call.exprs_mut()).for_each(fold_in_place);
            RowPlan::Window { input, window, calls }
        }
        other @ (RowPlan::Values { .. }
        | RowPlan::Table(_)
        | RowPlan::Materialize { .. }
        | RowPlan::Sort { .. }
        | RowPlan::TopK { .. }
        | RowPlan::Limit { .. }
        | RowPlan::Union { .. }) => other,
    })
}

fn fold_call(mut call: AggregateCall) -> AggregateCall {
    call.args = call.args.into_iter().map(fold_constants).collect();
    call.filter = call.filter.map(fold_constants);
    call
}

fn fold_in_place(expr: &mut Expr) {
    let own = std::mem::replace(expr, Expr::Literal(Scalar::Boolean(false)));
    *expr = fold_constants(own);
}
