//! `range` and `generate_series`: rows of numbers, or of times, at equal steps.

use super::binder::Binder;
use super::scope::Relation;
use super::table_function::Arguments;
use crate::{Error, Result, RowPlan, Span};
use hyperslab_expr::{Expr, Scalar, SqlType, eval, scalar};
use sqlparser::ast;

/// How many rows a series may have.
const MAX_ROWS: i128 = 1_000_000;

/// The microseconds of a day.
const DAY: i128 = 86_400_000_000;

impl Binder<'_> {
    /// `range([from,] to [, step])` without its end, `generate_series` with it.
    pub(super) fn series(
        &mut self,
        function: &str,
        arguments: Arguments,
        alias: Option<&ast::TableAlias>,
    ) -> Result<Relation> {
        if let Some((name, _, at)) = arguments.named.first() {
            return Err(Error::new(format!("{function} has no option {name}")).or_at(Some(*at)));
        }
        let with_end = function == "generate_series";
        let is_time = |(value, _): &(Scalar, Span)| matches!(value, Scalar::Timestamp(..) | Scalar::Date(_));
        let values = match &arguments.positional[..] {
            [from, to, step] if is_time(from) || is_time(to) => times(function, [from, to, step], with_end),
            values => numbers(function, values, with_end),
        };
        let values = values.map_err(|error| error.or_at(Some(arguments.at)))?;
        // Of no rows too: times are those of the calendar of the start.
        let ty = match arguments.positional.first() {
            Some((Scalar::Timestamp(_, calendar), _)) => SqlType::Timestamp(*calendar),
            Some((Scalar::Date(_), _)) => SqlType::TIMESTAMP,
            _ => SqlType::BigInt,
        };
        let columns = vec![self.column(function, ty)];
        let rows = values.into_iter().map(|value| vec![Expr::Literal(value)]).collect();
        self.rows(RowPlan::Values { columns, rows }, alias, Some(function.to_string()))
    }
}

fn numbers(function: &str, values: &[(Scalar, Span)], with_end: bool) -> Result<Vec<Scalar>> {
    let bound = |(value, at): &(Scalar, Span)| match value {
        Scalar::Integer(value, _) => Ok(*value),
        other => {
            let error = Error::new(format!("{function} takes integers, not {}", other.sql_type())).or_at(Some(*at));
            Err(error.with_hint(format!(
                "times have a step: {function}(TIMESTAMP '2000-01-01', TIMESTAMP '2001-01-01', INTERVAL 1 MONTH)"
            )))
        }
    };
    let bounds = values.iter().map(bound).collect::<Result<Vec<_>>>()?;
    let (from, to, step) = match bounds[..] {
        [to] => (0, to, 1),
        [from, to] => (from, to, 1),
        [from, to, step] if step != 0 => (from, to, step),
        _ => return Err(Error::new(format!("{function} takes a start, an end, and a step that is not 0"))),
    };
    let to = if with_end { to + step.signum() } else { to };
    let distance = if step > 0 { to - from } else { from - to };
    let count = if distance <= 0 { 0 } else { (distance - 1) / step.abs() + 1 };
    if count > MAX_ROWS {
        return Err(Error::new(format!("{function} gives {count} rows; at most {MAX_ROWS} are supported")));
    }
    Ok((0..count).map(|i| Scalar::Integer(from + i * step, SqlType::BigInt)).collect())
}

/// Times from one to another, each a step after the one before: a month after 31 January is the last of February, and so on
/// from there.
fn times(function: &str, [from, to, step]: [&(Scalar, Span); 3], with_end: bool) -> Result<Vec<Scalar>> {
    let Scalar::Interval(months, days, micros) = step.0 else {
        let error = Error::new(format!("the step between times is an INTERVAL, not {}", step.0.sql_type()));
        return Err(error.or_at(Some(step.1)).with_hint("write INTERVAL 1 DAY"));
    };
    let parts = [i64::from(months), i64::from(days), micros];
    let (up, down) = (parts.iter().any(|part| *part > 0), parts.iter().any(|part| *part < 0));
    if up == down {
        return Err(Error::new("the step between times goes one way, and is not 0").or_at(Some(step.1)));
    }
    let (mut at, to) = (timestamp(from)?, timestamp(to)?);
    if at.sql_type() != to.sql_type() {
        return Err(Error::new(format!("{function} takes times of one calendar")).or_at(Some(from.1)));
    }
    let micros = |time: &Scalar| if let Scalar::Timestamp(micros, _) = time { *micros } else { 0 };
    let is_within = |time: &Scalar| match micros(time).cmp(&micros(&to)) {
        std::cmp::Ordering::Equal => with_end,
        order => order.is_lt() == up,
    };
    let too_many = || Error::new(format!("{function} gives more than {MAX_ROWS} rows"));
    // No step is longer: a month has 31 days at most.
    let longest = i128::from(months).abs() * 31 * DAY + i128::from(days).abs() * DAY + i128::from(parts[2]).abs();
    if is_within(&at) && (i128::from(micros(&to)) - i128::from(micros(&at))).abs() / longest > MAX_ROWS {
        return Err(too_many());
    }
    let plus = scalar::bind("+", &[at.sql_type(), SqlType::Interval])?;
    let mut out = Vec::new();
    while is_within(&at) {
        if out.len() as i128 == MAX_ROWS {
            return Err(too_many());
        }
        let args = vec![Expr::Literal(at.clone()), Expr::Literal(step.0.clone())];
        let next = Expr::Call { function: plus.name.to_string(), args, ty: plus.ty.clone(), at: Some(step.1) };
        out.push(std::mem::replace(&mut at, eval::evaluate_constant(&next)?));
    }
    Ok(out)
}

/// A date as the start of its day.
fn timestamp((value, at): &(Scalar, Span)) -> Result<Scalar> {
    match value {
        Scalar::Timestamp(..) => Ok(value.clone()),
        Scalar::Date(_) => {
            let arg = Box::new(Expr::Literal(value.clone()));
            eval::evaluate_constant(&Expr::Cast { arg, to: SqlType::TIMESTAMP, or_null: false, at: Some(*at) })
        }
        other => Err(Error::new(format!("a series of times has no {} in it", other.sql_type())).or_at(Some(*at))),
    }
}
