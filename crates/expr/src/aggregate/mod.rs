//! Aggregate functions: one list of what there is, binding to types, and the accumulator of a call.
//!
//! A function is a line in [`AGGREGATE_FUNCTIONS`]: its names, how it binds to types ([`types`]) and what makes its
//! [`Accumulator`], which lives in the file of its family. This module knows neither groups nor values.

mod chosen;
mod collected;
mod count;
mod counting;
mod deviation;
mod distinct;
mod edges;
mod first_ordered;
mod functions;
mod gathered;
mod geometric;
mod histogram;
mod kept;
mod keys;
mod lanes;
mod list;
mod mode;
mod monoid;
mod native;
mod ordered;
mod quantile;
mod regression;
mod rounds;
mod rows;
mod runs;
mod shape;
mod sum;
mod texts;
mod top;
mod types;
mod variance;
mod weighted;
mod weighted_quantile;
mod weighted_rounds;
mod weighted_spread;
mod whole_sum;

#[cfg(test)]
mod tests;

use crate::{Accumulator, AggregateCall, Error, Expr, Result, Scalar, SqlType};
pub use functions::AGGREGATE_FUNCTIONS;
pub(crate) use native::Native;
pub use rounds::Rounds;
use std::ops::Range;
use types::{Bound, Types};

/// An aggregate resolved to types.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundAggregate {
    /// The function's name in the list, whichever of its names was used.
    pub name: &'static str,
    /// The types that the arguments must be cast to.
    pub arg_types: Vec<SqlType>,
    /// The type of the result.
    pub ty: SqlType,
    /// Whether the result keeps the units and the name of the first argument.
    pub keeps_units: bool,
}

/// An aggregate function: a line of [`AGGREGATE_FUNCTIONS`].
pub struct AggregateFunction {
    /// Its name, then its other names.
    pub names: &'static [&'static str],
    /// What it takes and gives, for people.
    pub signature: &'static str,
    /// What it computes, in a line.
    pub doc: &'static str,
    /// Which of its arguments in SQL, counted from 0, are constant parameters, as far as they are given.
    pub parameters: Range<usize>,
    /// Whether its result keeps the units and the name of the first argument.
    pub keeps_units: bool,
    bind: fn(&[SqlType], &[Scalar]) -> Bound,
    create: fn(&Types, &[Scalar]) -> Result<Accumulating>,
}

type Accumulating = Box<dyn Accumulator>;

/// Whether there is an aggregate function of that name; case does not matter.
pub fn is_aggregate(name: &str) -> bool {
    find(name).is_some()
}

/// Whether the result of a function depends on the order of the rows: ties go to the earlier one, or it is asked for.
pub fn depends_on_order(name: &str) -> bool {
    find(name).is_some_and(|function| {
        let name = function.names[0];
        let ties = matches!(name, "arg_min" | "arg_max" | "mode");
        ties || matches!(name, "first" | "last" | "any_value" | "list" | "string_agg" | "longest_run" | "run_count")
    })
}

/// Whether a call in an order keeps one row a group, and if so, whether rows where its value is NULL are none.
fn keeps_one(call: &AggregateCall) -> Option<bool> {
    match find(&call.function).map(|function| function.names[0]) {
        _ if call.order.is_empty() || call.distinct => None,
        Some("first") => Some(false),
        Some("any_value") => Some(true),
        _ => None,
    }
}

/// How many values of each row a call keeps until the end: if any, its states are as large as what they were made of.
/// Distinct values count three times: they are found again by their hash.
pub fn kept_values(call: &AggregateCall) -> usize {
    let all = call.args.len();
    match find(&call.function).map(|function| function.names[0]) {
        Some("mode" | "entropy" | "approx_count_distinct") => 3 * all,
        _ if call.distinct => 3 * all,
        _ if !call.order.is_empty() && keeps_one(call).is_none() => all,
        Some("median" | "quantile_cont" | "quantile_disc" | "approx_quantile" | "weighted_quantile" | "mad") => all,
        Some("list" | "string_agg") => all,
        _ => 0,
    }
}

/// The aggregate function of that name; case does not matter.
pub fn find(name: &str) -> Option<&'static AggregateFunction> {
    AGGREGATE_FUNCTIONS.iter().find(|function| function.names.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

/// Resolves a call by name to types. `args` are the arguments that vary, `parameters` the constant ones.
///
/// # Errors
/// An unknown name, arguments or parameters that the function does not take.
pub fn bind(name: &str, args: &[SqlType], parameters: &[Scalar]) -> Result<BoundAggregate> {
    let function = find(name).ok_or_else(|| unknown(name))?;
    let Types { args: arg_types, result: ty } = function.types(args, parameters)?;
    Ok(BoundAggregate { name: function.names[0], arg_types, ty, keeps_units: function.keeps_units })
}

/// A plain call of a function with arguments of the types that it takes.
///
/// # Errors
/// As for [`bind`].
pub fn call(function: &str, args: Vec<Expr>) -> Result<AggregateCall> {
    let bound = bind(function, &args.iter().map(Expr::sql_type).collect::<Vec<_>>(), &[])?;
    Ok(AggregateCall {
        function: bound.name.to_string(),
        args,
        order: Vec::new(),
        parameters: Vec::new(),
        distinct: false,
        filter: None,
        ty: bound.ty,
        at: None,
    })
}

/// The accumulator of a bound call, still without groups. It takes the values of the call's arguments; the filter is
/// the caller's, who takes rows away by presence.
///
/// # Errors
/// If the call is not one that [`bind`] gave.
pub fn create(call: &AggregateCall) -> Result<Box<dyn Accumulator>> {
    let all: Vec<SqlType> = call.args.iter().map(Expr::sql_type).collect();
    let args = &all[..all.len().saturating_sub(call.order.len())];
    let (function, types) = resolved(call, args).map_err(|error| error.or_at(call.at))?;
    let plain = (function.create)(&types, &call.parameters)?;
    let folded = match (call.distinct, args.is_empty()) {
        (false, _) => plain,
        (true, false) => distinct::distinct(args, function.takes_nulls(), plain)?,
        (true, true) => return Err(Error::new("DISTINCT needs an argument").or_at(call.at)),
    };
    if let Some(only_values) = keeps_one(call) {
        return first_ordered::first_ordered(&all, &call.order, only_values);
    }
    Ok(if call.order.is_empty() { folded } else { ordered::ordered(&all, &call.order, folded) })
}

/// How a call whose groups have more values than can be held is found in rounds over the rows, with accumulators that hold about
/// so many bytes for each group; `None` for a call that can only be found with all values at once.
///
/// # Errors
/// As for [`create`].
pub fn in_rounds(call: &AggregateCall, bytes_a_group: usize) -> Result<Option<Box<dyn Rounds>>> {
    if call.distinct || !call.order.is_empty() {
        return Ok(None);
    }
    let args: Vec<SqlType> = call.args.iter().map(Expr::sql_type).collect();
    let (function, types) = resolved(call, &args).map_err(|error| error.or_at(call.at))?;
    let quantile = |discrete| quantile::quantile_in_rounds(&types, &call.parameters, discrete, bytes_a_group);
    let rounds = match function.names[0] {
        "median" | "quantile_cont" => quantile(false),
        "quantile_disc" => quantile(true),
        "approx_quantile" => quantile(types.args[0] != SqlType::Double),
        "mad" => Ok(Some(deviation::in_rounds(bytes_a_group))),
        weighted_quantile::NAME => weighted_quantile::in_rounds(&call.parameters, bytes_a_group),
        _ => Ok(None),
    };
    rounds.map_err(|error| error.or_at(call.at))
}

/// Whether some calls keep values ([`kept_values`]), and all those that do can be found in rounds.
pub fn are_found_in_rounds<'a>(calls: impl IntoIterator<Item = &'a AggregateCall>) -> bool {
    let mut keeping = calls.into_iter().filter(|call| kept_values(call) > 0).peekable();
    keeping.peek().is_some() && keeping.all(|call| matches!(in_rounds(call, 0), Ok(Some(_))))
}

/// The function of a call, and its types.
fn resolved(call: &AggregateCall, args: &[SqlType]) -> Result<(&'static AggregateFunction, Types)> {
    let function = find(&call.function).ok_or_else(|| unknown(&call.function))?;
    let types = function.types(args, &call.parameters)?;
    if types.args == args { Ok((function, types)) } else { Err(function.misfit(args)) }
}

impl AggregateFunction {
    fn types(&self, args: &[SqlType], parameters: &[Scalar]) -> Result<Types> {
        if parameters.len() > self.parameters.len() {
            return Err(self.misfit(args));
        }
        (self.bind)(args, parameters)?.ok_or_else(|| self.misfit(args))
    }

    /// Whether NULL is a value to it.
    fn takes_nulls(&self) -> bool {
        matches!(self.names[0], "first" | "last" | "list")
    }

    fn misfit(&self, args: &[SqlType]) -> Error {
        let given: Vec<String> = args.iter().map(SqlType::to_string).collect();
        Error::new(format!("no aggregate {}({})", self.names[0], given.join(", ")))
            .with_hint(format!("there is {}", self.signature))
    }
}

fn unknown(name: &str) -> Error {
    let names = AGGREGATE_FUNCTIONS.iter().flat_map(|function| function.names.iter().copied());
    let error = Error::new(format!("unknown aggregate function {name}"));
    match crate::closest(name, names) {
        Some(near) => error.with_hint(format!("did you mean {near}?")),
        None => error,
    }
}

fn no_values(ty: &SqlType) -> Error {
    Error::new(format!("values of type {ty} cannot be aggregated so"))
}
