//! Choices between values. Those that skip rows evaluate their arguments themselves.

use super::compare::{Comparison, compare};
use super::signature::{Bound, exactly, meeting, takes};
use super::{Call, Fails, Family, Kernel, ScalarFunction, Value};
use crate::eval::{case, first_valid};
use crate::{Error, Result, SqlType};
use arrow::array::{Array, BooleanArray, new_null_array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::zip::zip;
use arrow::compute::nullif;

/// `coalesce(a, b, ..)`
pub(super) const COALESCE: ScalarFunction = ScalarFunction {
    names: &["coalesce", "ifnull"],
    family: Family::Conditional,
    usage: "coalesce(value, ..)",
    doc: "The first value that is not NULL; later ones are computed only where needed",
    bind: |args| bind_alike(args, 1),
    kernel: Kernel::Lazy(first_valid),
    fails: Fails::Never,
};

/// `if(condition, a, b)`
pub(super) const IF: ScalarFunction = ScalarFunction {
    names: &["if"],
    family: Family::Conditional,
    usage: "if(condition, value, otherwise)",
    doc: "One value where the condition is true, else the other",
    bind: |args| match args {
        [condition, values @ ..] if values.len() == 2 && is_condition(condition) => {
            let Some(ty) = meeting(values)? else { return Ok(None) };
            takes([SqlType::Boolean, ty.clone(), ty.clone()], ty)
        }
        _ => Ok(None),
    },
    kernel: Kernel::Lazy(|args, rows| case(&[(&args[0], &args[1])], Some(&args[2]), &args[1].sql_type(), rows)),
    fails: Fails::Never,
};

/// `error(message)`
pub(super) const ERROR: ScalarFunction = ScalarFunction {
    names: &["error"],
    family: Family::Conditional,
    usage: "error(message)",
    doc: "Ends the query with this message, where it is computed at all: in a CASE, for instance",
    bind: |args| exactly(args, &[SqlType::Varchar], SqlType::Null),
    kernel: Kernel::Eager(|call| {
        let messages = call.text(0);
        match (0..call.count()).find_map(|row| messages.get(row)) {
            Some(message) => Err(Error::new(message)),
            None => Ok(call.wrap(new_null_array(&call.ty.to_arrow(), call.count()))),
        }
    }),
    fails: Fails::Sometimes,
};

/// `nullif(a, b)`
pub(super) const NULLIF: ScalarFunction = ScalarFunction {
    names: &["nullif"],
    family: Family::Conditional,
    usage: "nullif(a, b)",
    doc: "a, but NULL where it equals b",
    bind: |args| if args.len() == 2 { bind_alike(args, 2) } else { Ok(None) },
    kernel: Kernel::Eager(|call| {
        let equal = compare(Comparison::Equal, &call.args[0], &call.args[1], &call.types[0])?;
        let a = call.args[0].clone().into_array(call.count())?;
        Ok(call.wrap(nullif(&a, &equal)?))
    }),
    fails: Fails::Never,
};

/// `greatest(a, b, ..)`
pub(super) const GREATEST: ScalarFunction = ScalarFunction {
    names: &["greatest"],
    family: Family::Conditional,
    usage: "greatest(value, ..)",
    doc: "The greatest of the values that are not NULL",
    bind: |args| bind_ordered(args),
    kernel: Kernel::Eager(|call| extreme(call, Comparison::More)),
    fails: Fails::Never,
};

/// `least(a, b, ..)`
pub(super) const LEAST: ScalarFunction = ScalarFunction {
    names: &["least"],
    family: Family::Conditional,
    usage: "least(value, ..)",
    doc: "The least of the values that are not NULL",
    bind: |args| bind_ordered(args),
    kernel: Kernel::Eager(|call| extreme(call, Comparison::Less)),
    fails: Fails::Never,
};

fn is_condition(ty: &SqlType) -> bool {
    *ty == SqlType::Boolean || *ty == SqlType::Null || ty.is_numeric()
}

fn bind_alike(args: &[SqlType], least: usize) -> Bound {
    if args.len() < least {
        return Ok(None);
    }
    let Some(ty) = meeting(args)? else { return Ok(None) };
    takes(vec![ty.clone(); args.len()], ty)
}

fn bind_ordered(args: &[SqlType]) -> Bound {
    let bound = bind_alike(args, 1)?;
    Ok(bound.filter(|signature| !matches!(signature.ty, SqlType::List(_) | SqlType::Array(..))))
}

fn extreme(call: &Call<'_>, better: Comparison) -> Result<Value> {
    let mut best = call.args[0].clone();
    if *call.ty == SqlType::Null {
        return Ok(best);
    }
    for next in &call.args[1..] {
        let beats = compare(better, next, &best, call.ty)?;
        let is_null = |value: &Value, row: usize| value.array().is_null(value.place(row));
        let take = BooleanBuffer::collect_bool(beats.len(), |row| {
            if beats.is_valid(row) { beats.value(row) } else { is_null(&best, row) }
        });
        let constant = best.is_constant() && next.is_constant();
        let chosen = zip(&BooleanArray::new(take, None), next, &best)?;
        best = if constant { Value::Constant(chosen) } else { Value::Array(chosen) };
    }
    Ok(best)
}
