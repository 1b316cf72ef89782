//! Where values of several types meet: comparisons, branches of CASE, rows of VALUES.

use super::expr::Bound;
use crate::{Error, Result, Span};
use hyperslab_expr::{Expr, Scalar, SqlType, eval, scalar};
use hyperslab_grid::Calendar;

/// The type in which two types meet.
///
/// # Errors
/// If they do not; `what` names where.
pub(super) fn meet(a: &SqlType, b: &SqlType, what: &str) -> Result<SqlType> {
    scalar::common_type(a, b).ok_or_else(|| {
        let error = Error::new(format!("{what} cannot be both {a} and {b}"));
        match (a, b) {
            (SqlType::Timestamp(_), SqlType::Timestamp(_) | SqlType::Date) | (SqlType::Date, SqlType::Timestamp(_)) => {
                error.with_hint("times of two calendars meet after CAST(time AS TIMESTAMP)")
            }
            _ => error.with_hint("CAST one of them"),
        }
    })
}

/// Casts operands to one type. Literals follow the others.
///
/// # Errors
/// If there is no such type.
pub(super) fn unify(mut operands: Vec<Bound>, what: &str) -> Result<(Vec<Expr>, SqlType)> {
    adapt(&mut operands);
    let mut ty = SqlType::Null;
    // Text literals come last: they take the type of the others.
    let texts = |text: bool| operands.iter().filter(move |o| o.is_text_literal() == text);
    for operand in texts(false).chain(texts(true)) {
        ty = meet(&ty, &operand.expr.sql_type(), what).map_err(|error| error.or_at(Some(operand.span)))?;
    }
    let exprs = operands.into_iter().map(|o| cast(o, &ty)).collect::<Result<_>>()?;
    Ok((exprs, ty))
}

/// Lets integer literals take the type of the first operand that is none, where they fit.
pub(super) fn adapt(operands: &mut [Bound]) {
    let Some(beside) = operands.iter().find(|o| !o.literal).map(|o| o.expr.sql_type()) else { return };
    for operand in operands.iter_mut().filter(|o| o.literal) {
        if let Expr::Literal(value) = &operand.expr
            && let Some(adapted) = scalar::adapt_literal(value, &beside)
        {
            operand.expr = Expr::Literal(adapted);
        }
    }
}

/// Casts to a type, at once if it is a literal.
///
/// # Errors
/// If a literal has no such value.
pub(super) fn cast(bound: Bound, to: &SqlType) -> Result<Expr> {
    cast_at(bound.expr, to, bound.span)
}

/// As [`cast`].
///
/// # Errors
/// If a literal has no such value.
pub(super) fn cast_at(expr: Expr, to: &SqlType, at: Span) -> Result<Expr> {
    if expr.sql_type() == *to {
        return Ok(expr);
    }
    match expr {
        Expr::Literal(Scalar::Null(_)) => Ok(Expr::Literal(Scalar::Null(to.clone()))),
        Expr::Literal(Scalar::Varchar(text)) if matches!(to, SqlType::Timestamp(_)) => time_literal(&text, to, at),
        literal @ Expr::Literal(_) => {
            let cast = Expr::Cast { arg: Box::new(literal), to: to.clone(), or_null: false, at: Some(at) };
            // It is the query that is wrong, not a value that NULL could stand for.
            eval::evaluate_constant(&cast).map(Expr::Literal).map_err(|error| Error {
                at: Some(at),
                hint: None,
                ..error
            })
        }
        expr => Ok(Expr::Cast { arg: Box::new(expr), to: to.clone(), or_null: false, at: Some(at) }),
    }
}

/// Text as a timestamp of a calendar.
///
/// # Errors
/// If it is no such time.
pub(super) fn time_literal(text: &str, to: &SqlType, at: Span) -> Result<Expr> {
    let arg = Box::new(Expr::Literal(Scalar::Varchar(text.to_string())));
    let cast = Expr::Cast { arg, to: to.clone(), or_null: false, at: Some(at) };
    eval::evaluate_constant(&cast).map(Expr::Literal).map_err(|_| {
        let (fault, calendar) = match to {
            SqlType::Timestamp(calendar) if *to != SqlType::TIMESTAMP => {
                (calendar.fault(text), format!(" in the calendar {calendar}"))
            }
            _ => (Calendar::ProlepticGregorian.fault(text), String::new()),
        };
        match fault {
            Some(fault) => Error::new(format!("'{text}' is no time{calendar}: {fault}")).or_at(Some(at)),
            None => Error::new(format!("'{text}' is no time{calendar}"))
                .or_at(Some(at))
                .with_hint("times are written 'YYYY-MM-DD hh:mm:ss'"),
        }
    })
}

/// Something that shall be true or not: BOOLEAN, or a number that becomes one.
///
/// # Errors
/// If it is neither.
pub(super) fn condition(bound: Bound, what: &str) -> Result<Expr> {
    let ty = bound.expr.sql_type();
    match ty {
        SqlType::Boolean => Ok(bound.expr),
        SqlType::Null => Ok(Expr::Literal(Scalar::Null(SqlType::Boolean))),
        _ if ty.is_numeric() || bound.is_text_literal() => cast(bound, &SqlType::Boolean),
        _ => Err(Error::new(format!("{what} needs BOOLEAN, not {ty}")).or_at(Some(bound.span))),
    }
}
