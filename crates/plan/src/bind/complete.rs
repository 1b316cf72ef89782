//! `is_complete(time, 'season')`: whether an axis has all of a season, year or month. An axis that starts in January has no whole
//! winter at its start, whose mean would be that of two months.

use super::expr::{Bound, ExprBinder};
use crate::{Error, Result, Span};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Int64Type;
use hyperslab_expr::eval::{Columns, evaluate};
use hyperslab_expr::{Expr, Scalar, SqlType, eval};
use std::collections::{HashMap, HashSet};

/// What must be complete: periods, and which parts each of them has.
#[derive(Clone, Copy)]
enum Period {
    /// Three months, December being that of the next year's winter.
    Season,
    /// Twelve months.
    Year,
    /// As many days as it has.
    Month,
}

impl ExprBinder<'_, '_> {
    /// True for the times whose period the whole axis has all parts of.
    pub(super) fn is_complete(&mut self, time: &Bound, period: &Bound, span: Span) -> Result<Bound> {
        let (_, axis) = self.axis(time, "is_complete")?;
        if !matches!(time.expr.sql_type(), SqlType::Timestamp(_) | SqlType::Date) {
            let error = Error::new(format!("is_complete takes a coordinate of time, not {}", time.expr.sql_type()));
            return Err(error.or_at(Some(time.span)));
        }
        let period = period_of(period)?;
        let labels = self.labels(&axis)?;
        let mut part = |name: &str| -> Result<Vec<Option<i64>>> {
            let part = self.call(name, vec![time.clone()], span)?.expr;
            let part = Expr::Cast { arg: Box::new(part), to: SqlType::BigInt, or_null: false, at: Some(span) };
            let ids = part.columns();
            Ok(as_numbers(&evaluate(&part, &Columns::new(&ids, std::slice::from_ref(&labels)), labels.len())?))
        };
        let months: Vec<Option<i64>> =
            part("year")?.into_iter().zip(part("month")?).map(|(year, month)| Some(year? * 12 + month? - 1)).collect();
        let complete = match period {
            Period::Season => complete(&months, |month| (month + 1).div_euclid(3), |month| month, |_| 3),
            Period::Year => complete(&months, |month| month.div_euclid(12), |month| month, |_| 12),
            Period::Month => {
                let (days, lengths) = (part("day")?, part("days_in_month")?);
                let of = |((month, day), length)| Some([month?, day?, length?]);
                let all: Vec<Option<[i64; 3]>> = months.into_iter().zip(days).zip(lengths).map(of).collect();
                complete(&all, |[month, ..]| month, |[_, day, _]| day, |[.., length]| length as usize)
            }
        };
        let values = complete.into_iter().map(Scalar::Boolean).collect();
        self.listed(time, Scalar::List(values, SqlType::Boolean), span)
    }
}

/// For each item whether its period has as many different parts as it should.
fn complete<T: Copy>(
    items: &[Option<T>],
    period: impl Fn(T) -> i64,
    part: impl Fn(T) -> i64,
    parts: impl Fn(T) -> usize,
) -> Vec<bool> {
    let mut found: HashMap<i64, HashSet<i64>> = HashMap::new();
    items.iter().flatten().for_each(|item| {
        found.entry(period(*item)).or_default().insert(part(*item));
    });
    let has_all = |item: &Option<T>| item.is_some_and(|item| found[&period(item)].len() >= parts(item));
    items.iter().map(has_all).collect()
}

fn period_of(period: &Bound) -> Result<Period> {
    let wrong = || {
        let error = Error::new("the second argument of is_complete is a period").or_at(Some(period.span));
        error.with_hint("there are 'season', 'year' and 'month'")
    };
    if !period.expr.columns().is_empty() {
        return Err(wrong());
    }
    match eval::evaluate_constant(&period.expr).map_err(|error| error.or_at(Some(period.span)))? {
        Scalar::Varchar(name) => match name.to_lowercase().as_str() {
            "season" => Ok(Period::Season),
            "year" => Ok(Period::Year),
            "month" => Ok(Period::Month),
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    }
}

fn as_numbers(array: &ArrayRef) -> Vec<Option<i64>> {
    array.as_primitive::<Int64Type>().iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_winter_has_the_december_before() {
        let months: Vec<Option<i64>> = (0..15).map(|month| Some(24_000 + month)).collect();
        let seasons = complete(&months, |month| (month + 1).div_euclid(3), |month| month, |_| 3);
        assert_eq!(
            seasons,
            [false, false, true, true, true, true, true, true, true, true, true, true, true, true, false]
        );
        let years = complete(&months, |month| month.div_euclid(12), |month| month, |_| 12);
        assert_eq!(years, (0..15).map(|at| at < 12).collect::<Vec<_>>());
    }
}
