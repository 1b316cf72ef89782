//! Which types aggregates take and what type they give, as DuckDB has it: one small function for each way.

use super::native::is_native;
use crate::{Result, Scalar, SqlType};

/// The types an aggregate was bound to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Types {
    /// Of the arguments, after the casts that binding asks for.
    pub(super) args: Vec<SqlType>,
    /// Of the result.
    pub(super) result: SqlType,
}

/// `None` stands for arguments that the aggregate does not take.
pub(super) type Bound = Result<Option<Types>>;

fn types(args: impl Into<Vec<SqlType>>, result: SqlType) -> Bound {
    Ok(Some(Types { args: args.into(), result }))
}

/// The type itself, a bare NULL being an INTEGER.
fn known(ty: &SqlType) -> SqlType {
    if *ty == SqlType::Null { SqlType::Integer } else { ty.clone() }
}

fn is_number(ty: &SqlType) -> bool {
    ty.is_numeric() || *ty == SqlType::Null
}

/// `count`: anything, or nothing.
pub(super) fn count(args: &[SqlType], _: &[Scalar]) -> Bound {
    if args.len() > 1 { Ok(None) } else { types(args, SqlType::BigInt) }
}

/// A condition, counted.
pub(super) fn condition_to_count(args: &[SqlType], _: &[Scalar]) -> Bound {
    match args {
        [SqlType::Boolean | SqlType::Null] => types([SqlType::Boolean], SqlType::BigInt),
        _ => Ok(None),
    }
}

/// A condition to a condition.
pub(super) fn condition(args: &[SqlType], _: &[Scalar]) -> Bound {
    match args {
        [SqlType::Boolean | SqlType::Null] => types([SqlType::Boolean], SqlType::Boolean),
        _ => Ok(None),
    }
}

/// `sum`: integers and decimals exactly, floats as DOUBLE.
pub(super) fn sum(args: &[SqlType], _: &[Scalar]) -> Bound {
    match args {
        [SqlType::Boolean | SqlType::Null] => types([SqlType::TinyInt], SqlType::HugeInt),
        [ty] if ty.is_integer() => types(args, SqlType::HugeInt),
        [ty] if ty.is_float() => types(args, SqlType::Double),
        [SqlType::Decimal(_, scale)] => types(args, SqlType::Decimal(38, *scale)),
        _ => Ok(None),
    }
}

/// `avg`: numbers to DOUBLE, points in time to points in time.
pub(super) fn avg(args: &[SqlType], _: &[Scalar]) -> Bound {
    match args {
        [ty] if is_number(ty) => types([known(ty)], SqlType::Double),
        [ty @ (SqlType::Timestamp(_) | SqlType::Time)] => types(args, ty.clone()),
        [SqlType::Date] => types(args, SqlType::TIMESTAMP),
        _ => Ok(None),
    }
}

/// One argument of any type, which is the result's too.
pub(super) fn same(args: &[SqlType], _: &[Scalar]) -> Bound {
    match args {
        [ty] => types([known(ty)], known(ty)),
        _ => Ok(None),
    }
}

/// One argument of any type, to that or, if it is said how many, to a list of it.
pub(super) fn same_or_list(args: &[SqlType], parameters: &[Scalar]) -> Bound {
    one_or_some(same(args, parameters), parameters)
}

/// A value, or a list of as many as a parameter says.
fn one_or_some(one: Bound, parameters: &[Scalar]) -> Bound {
    parameters.iter().try_for_each(|n| super::top::count(n).map(|_| ()))?;
    if parameters.is_empty() { one } else { super::list::listed(one) }
}

/// An integer of up to 64 bits to the same.
pub(super) fn bits(args: &[SqlType], _: &[Scalar]) -> Bound {
    match args {
        [SqlType::HugeInt] => Ok(None),
        [ty] if ty.is_integer() || *ty == SqlType::Null => types([known(ty)], known(ty)),
        _ => Ok(None),
    }
}

/// A number to DOUBLE, computed in DOUBLE.
pub(super) fn double(args: &[SqlType], _: &[Scalar]) -> Bound {
    match args {
        [ty] if is_number(ty) => types([SqlType::Double], SqlType::Double),
        _ => Ok(None),
    }
}

/// Two numbers to DOUBLE, computed in DOUBLE.
pub(super) fn doubles(args: &[SqlType], _: &[Scalar]) -> Bound {
    match args {
        [y, x] if is_number(y) && is_number(x) => types([SqlType::Double, SqlType::Double], SqlType::Double),
        _ => Ok(None),
    }
}

/// Two numbers, counted.
pub(super) fn doubles_to_count(args: &[SqlType], parameters: &[Scalar]) -> Bound {
    Ok(doubles(args, parameters)?.map(|types| Types { result: SqlType::BigInt, ..types }))
}

/// Any value and what it is chosen by, to the value's type or, if it is said how many, to a list of it.
pub(super) fn chosen(args: &[SqlType], parameters: &[Scalar]) -> Bound {
    match args {
        [value, by] => one_or_some(types([known(value), known(by)], known(value)), parameters),
        _ => Ok(None),
    }
}

/// A value, to a number.
pub(super) fn any_to_double(args: &[SqlType], _: &[Scalar]) -> Bound {
    match args {
        [ty] => types([known(ty)], SqlType::Double),
        _ => Ok(None),
    }
}

/// A value, counted.
pub(super) fn any_to_count(args: &[SqlType], _: &[Scalar]) -> Bound {
    match args {
        [ty] => types([known(ty)], SqlType::BigInt),
        _ => Ok(None),
    }
}

/// `approx_quantile`: between two values met where numbers are real, else a value met.
pub(super) fn approximate(args: &[SqlType], parameters: &[Scalar]) -> Bound {
    match args {
        [SqlType::Float | SqlType::Double | SqlType::Null] => continuous(&[SqlType::Double], parameters),
        _ => discrete(args, parameters),
    }
}

/// A value met, one for each fraction: `quantile_disc`.
pub(super) fn discrete(args: &[SqlType], parameters: &[Scalar]) -> Bound {
    quantiles(args, parameters, |ty| is_native(ty).then(|| ty.clone()))
}

/// A value between two met, one for each fraction: `quantile_cont`.
pub(super) fn continuous(args: &[SqlType], parameters: &[Scalar]) -> Bound {
    quantiles(args, parameters, between)
}

/// The same without a fraction: `median`.
pub(super) fn middle(args: &[SqlType], _: &[Scalar]) -> Bound {
    quantiles(args, &[Scalar::Double(0.5)], between)
}

/// A number and its weight to what lies between numbers, one for each fraction: `weighted_quantile`.
pub(super) fn weighted_quantiles(args: &[SqlType], parameters: &[Scalar]) -> Bound {
    let [x, weight] = args else { return Ok(None) };
    if !is_number(x) || !is_number(weight) {
        return Ok(None);
    }
    let bound = quantiles(&[SqlType::Double], parameters, between)?;
    Ok(bound.map(|found| Types { args: vec![SqlType::Double, SqlType::Double], ..found }))
}

/// Numbers along `axes` axes and, where it is given, their weight: to a list of counts or of weights for each axis in the
/// other.
pub(super) fn histogram(args: &[SqlType], axes: usize) -> Bound {
    let weighted = args.len() == axes + 1;
    if !(weighted || args.len() == axes) || !args.iter().all(is_number) {
        return Ok(None);
    }
    let item = if weighted { SqlType::Double } else { SqlType::BigInt };
    let result = (0..axes).fold(item, |item, _| SqlType::List(Box::new(item)));
    types(vec![SqlType::Double; args.len()], result)
}

/// The type of values between two of a type.
fn between(ty: &SqlType) -> Option<SqlType> {
    match ty {
        SqlType::Float | SqlType::Decimal(..) | SqlType::Timestamp(_) | SqlType::Time => Some(ty.clone()),
        SqlType::Date => Some(SqlType::TIMESTAMP),
        ty => ty.is_numeric().then_some(SqlType::Double),
    }
}

fn quantiles(args: &[SqlType], parameters: &[Scalar], of: impl Fn(&SqlType) -> Option<SqlType>) -> Bound {
    let ([arg], [_]) = (args, parameters) else { return Ok(None) };
    let Some(result) = of(&known(arg)) else { return Ok(None) };
    let fractions = super::quantile::Fractions::new(parameters)?;
    types([known(arg)], if fractions.is_list() { SqlType::List(Box::new(result)) } else { result })
}
