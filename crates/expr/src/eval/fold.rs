//! Constants are computed once: before any block is read, and also where a conjunction or CASE needs only some parts.

use super::evaluate_constant;
use crate::scalar::is_volatile;
use crate::{Expr, Scalar, SqlType};
use std::convert::Infallible;

/// Replaces parts that read no column by their values. What cannot be computed stays, so that its error shows only if a
/// row needs it.
pub fn fold_constants(expr: Expr) -> Expr {
    let folded = expr.transform(&mut |part| Ok::<_, Infallible>(fold(part)));
    match folded {
        Ok(expr) => expr,
        Err(never) => match never {},
    }
}

/// Folds an expression whose parts are folded.
fn fold(expr: Expr) -> Expr {
    let expr = match expr {
        Expr::And(terms) => drop_terms(terms, true),
        Expr::Or(terms) => drop_terms(terms, false),
        Expr::Case { branches, otherwise, ty } => drop_branches(branches, otherwise, ty),
        other => other,
    };
    let volatile = matches!(&expr, Expr::Call { function, .. } if is_volatile(function));
    let is_literal = |part: &&Expr| matches!(part, Expr::Literal(_));
    let foldable = !matches!(expr, Expr::Column(..) | Expr::Literal(_)) && expr.children().iter().all(is_literal);
    if volatile || !foldable {
        return expr;
    }
    match evaluate_constant(&expr) {
        Ok(value) if value.sql_type() == expr.sql_type() => Expr::Literal(value),
        _ => expr,
    }
}

/// Drops TRUE from AND and FALSE from OR; what comes after a deciding constant is never evaluated.
fn drop_terms(terms: Vec<Expr>, neutral: bool) -> Expr {
    let constant = |value| Expr::Literal(Scalar::Boolean(value));
    let mut kept: Vec<Expr> = terms.into_iter().filter(|term| *term != constant(neutral)).collect();
    if let Some(at) = kept.iter().position(|term| *term == constant(!neutral)) {
        kept.truncate(at + 1);
    }
    match kept.len() {
        0 => constant(neutral),
        1 if kept[0].sql_type() == SqlType::Boolean => kept.remove(0),
        _ if neutral => Expr::And(kept),
        _ => Expr::Or(kept),
    }
}

/// Drops branches that are never taken, and those after one that always is.
fn drop_branches(branches: Vec<(Expr, Expr)>, otherwise: Option<Box<Expr>>, ty: SqlType) -> Expr {
    let mut kept = Vec::with_capacity(branches.len());
    let mut otherwise = otherwise;
    for (when, then) in branches {
        match when {
            Expr::Literal(Scalar::Boolean(true)) => {
                otherwise = Some(Box::new(then));
                break;
            }
            Expr::Literal(Scalar::Boolean(false) | Scalar::Null(_)) => {}
            other => kept.push((other, then)),
        }
    }
    match otherwise {
        Some(only) if kept.is_empty() && only.sql_type() == ty => *only,
        None if kept.is_empty() => Expr::Literal(Scalar::Null(ty)),
        otherwise => Expr::Case { branches: kept, otherwise, ty },
    }
}
