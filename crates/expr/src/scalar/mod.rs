//! Scalar functions and operators: one list, one file for each family.
//!
//! A function is an entry of [`SCALAR_FUNCTIONS`]: its names, what it does to types, and what it does to arrays. Types
//! are settled by [`bind`] once; the arguments that a kernel gets have exactly the types that `bind` asked for.
//!
//! NULL in gives NULL out unless a function's line says otherwise.

mod arithmetic;
pub mod asof;
mod between;
mod bits;
mod call;
pub(crate) mod compare;
mod conditional;
mod date;
mod element;
mod geometry;
mod list;
mod math;
pub mod nearest;
mod nearest_cell;
mod place;
mod signature;
#[cfg(test)]
mod tests;
mod text;
mod trig;

pub use crate::cast::rules::{adapt_literal, common_type, implicit_cast};
pub use call::{Call, Reader, TextReader, Value};
pub use date::date_part_function;
pub use geometry::shape_text;
pub use list::SCALAR_FUNCTIONS;
pub use signature::Signature;

use crate::eval::Rows;
use crate::{Error, Expr, Result, Span, SqlType};
use std::collections::HashMap;
use std::sync::LazyLock;

/// A scalar function or operator.
pub struct ScalarFunction {
    /// Its name, then its aliases; lower case.
    pub names: &'static [&'static str],
    /// What kind of function it is.
    pub family: Family,
    /// How it is called.
    pub usage: &'static str,
    /// What it does, in one line.
    pub doc: &'static str,
    /// From the types of arguments to those it takes and gives; `None` if it takes no such arguments.
    pub bind: fn(&[SqlType]) -> Result<Option<Signature>>,
    /// How it is computed.
    pub kernel: Kernel,
    /// Whether it can fail on values.
    pub fails: Fails,
}

/// What kind of function it is, for lists of functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// `+`, `-`, `*` and so on, of numbers and of times.
    Arithmetic,
    /// Comparison and logic.
    Comparison,
    /// Bits of integers.
    Bits,
    /// Rounding, roots, logarithms.
    Math,
    /// Angles.
    Trigonometry,
    /// Places on the sphere, and bins of axes.
    Place,
    /// Dates and times.
    Date,
    /// Text.
    Text,
    /// Lists.
    List,
    /// Choices between values.
    Conditional,
}

/// How a function is computed.
pub enum Kernel {
    /// From all of its arguments.
    Eager(fn(&Call<'_>) -> Result<Value>),
    /// It evaluates its arguments itself, each only for the rows that need it.
    Lazy(fn(&[Expr], &Rows<'_>) -> Result<Value>),
    /// From nothing, another value for each row.
    Volatile(fn(usize) -> Value),
}

/// Whether a function can fail on values of its types, so that it must not see rows that do not need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fails {
    /// On no value.
    Never,
    /// Not when its result is FLOAT or DOUBLE; on others, for instance by overflow.
    UnlessReal,
    /// On shapes that it cannot test, whatever the point.
    ByShape,
    /// On some values.
    Sometimes,
}

/// A function with its types settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundFunction {
    /// The name in the list.
    pub name: &'static str,
    /// The types that its arguments must be cast to.
    pub arg_types: Vec<SqlType>,
    /// The type of the result.
    pub ty: SqlType,
}

static BY_NAME: LazyLock<HashMap<&'static str, &'static ScalarFunction>> = LazyLock::new(|| {
    let pairs = SCALAR_FUNCTIONS.iter().flat_map(|function| function.names.iter().map(move |name| (*name, function)));
    pairs.collect()
});

/// The function of a name, in any case.
pub fn function(name: &str) -> Option<&'static ScalarFunction> {
    // Bound expressions hold the name as the list spells it.
    BY_NAME.get(name).or_else(|| BY_NAME.get(name.to_ascii_lowercase().as_str())).copied()
}

/// Settles the types of a call.
///
/// # Errors
/// If there is no such function, or it takes no arguments of such types.
pub fn bind(name: &str, args: &[SqlType]) -> Result<BoundFunction> {
    let function = function(name).ok_or_else(|| unknown(name))?;
    let signature = (function.bind)(args)?.ok_or_else(|| mismatch(function, name, args))?;
    Ok(BoundFunction { name: function.names[0], arg_types: signature.args, ty: signature.ty })
}

/// A call of a function with these arguments, which are cast to the types that it takes.
///
/// # Errors
/// As for [`bind`].
pub fn call(name: &str, args: Vec<Expr>, at: Option<Span>) -> Result<Expr> {
    let function = bind(name, &args.iter().map(Expr::sql_type).collect::<Vec<_>>())?;
    let cast = |(arg, to): (Expr, SqlType)| match arg.sql_type() == to {
        true => arg,
        false => Expr::Cast { arg: Box::new(arg), to, or_null: false, at: None },
    };
    let args = args.into_iter().zip(function.arg_types).map(cast).collect();
    Ok(Expr::Call { function: function.name.to_string(), args, ty: function.ty, at })
}

/// The type of a call with these arguments, which have the types that [`bind`] asked for: constants among them can make
/// it narrower.
pub fn type_of_call(function: &BoundFunction, args: &[Expr]) -> SqlType {
    let narrower = match function.name {
        "round" | "trunc" => math::rounded_type(args),
        _ => None,
    };
    narrower.unwrap_or_else(|| function.ty.clone())
}

/// Whether a function gives another value each time.
pub fn is_volatile(name: &str) -> bool {
    function(name).is_some_and(|function| matches!(function.kernel, Kernel::Volatile(_)))
}

fn unknown(name: &str) -> Error {
    let names = SCALAR_FUNCTIONS.iter().flat_map(|function| function.names).copied();
    let error = Error::new(format!("there is no function {name}"));
    match crate::closest(name, names.filter(|known| known.starts_with(char::is_alphabetic))) {
        Some(near) => error.with_hint(format!("did you mean {near}?")),
        None => error,
    }
}

fn mismatch(function: &ScalarFunction, name: &str, args: &[SqlType]) -> Error {
    let types: Vec<String> = args.iter().map(ToString::to_string).collect();
    let message = match types.as_slice() {
        [left, right] if !name.starts_with(char::is_alphabetic) => format!("there is no {left} {name} {right}"),
        _ => format!("there is no {name}({})", types.join(", ")),
    };
    Error::new(message).with_hint(format!("it is {}", function.usage))
}
