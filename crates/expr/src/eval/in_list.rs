//! `x IN (list)`: NULL where x is not found and the list has a NULL.

use super::{Rows, as_boolean};
use crate::scalar::Value;
use crate::scalar::compare::{Comparison, compare};
use crate::{Expr, Result, SqlType};
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::{concat, not, or_kleene};
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

/// From so many constants on, a hash table is cheaper than comparing with each.
const MANY: usize = 16;

pub(super) fn contains(arg: &Expr, list: &[Expr], negated: bool, rows: &Rows<'_>) -> Result<Value> {
    let ty = arg.sql_type();
    let arg = rows.value(arg)?;
    let items = list.iter().map(|item| rows.value(item)).collect::<Result<Vec<_>>>()?;
    let by_hash = if items.len() >= MANY { find_by_hash(&arg, &items)? } else { None };
    let found = match by_hash {
        Some(found) => found,
        None => compare_with_each(&arg, &items, &ty, rows.rows)?,
    };
    let found = if negated { not(&found)? } else { found };
    Ok(Value::Array(Arc::new(found)))
}

fn compare_with_each(arg: &Value, items: &[Value], ty: &SqlType, rows: usize) -> Result<BooleanArray> {
    let mut found = BooleanArray::new(BooleanBuffer::new_unset(rows), None);
    for item in items {
        let equal = compare(Comparison::Equal, arg, item, ty)?;
        let constant = arg.is_constant() && item.is_constant();
        let equal = if constant { Value::Constant(Arc::new(equal)) } else { Value::Array(Arc::new(equal)) };
        found = or_kleene(&found, &as_boolean(equal, rows)?)?;
    }
    Ok(found)
}

/// For the types whose equality is that of their bits, if all items are constants.
fn find_by_hash(arg: &Value, items: &[Value]) -> Result<Option<BooleanArray>> {
    if arg.is_constant() || !items.iter().all(Value::is_constant) {
        return Ok(None);
    }
    let arrays: Vec<&dyn Array> = items.iter().map(|item| item.array().as_ref()).collect();
    let items = concat(&arrays)?;
    let arg = arg.array();
    Ok(match arg.data_type() {
        DataType::Int32 => Some(find_native::<Int32Type>(arg, &items)),
        DataType::Int64 => Some(find_native::<Int64Type>(arg, &items)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => Some(find_native::<TimestampMicrosecondType>(arg, &items)),
        DataType::Utf8 => {
            let known: HashSet<&str> = items.as_string::<i32>().iter().flatten().collect();
            let texts = arg.as_string::<i32>();
            Some(finish(arg, &items, |row| known.contains(texts.value(row))))
        }
        _ => None,
    })
}

fn find_native<T: ArrowPrimitiveType>(arg: &ArrayRef, items: &ArrayRef) -> BooleanArray
where
    T::Native: Eq + Hash,
{
    let known: HashSet<T::Native> = items.as_primitive::<T>().iter().flatten().collect();
    let values = arg.as_primitive::<T>().values();
    finish(arg, items, |row| known.contains(&values[row]))
}

fn finish(arg: &ArrayRef, items: &ArrayRef, is_known: impl Fn(usize) -> bool) -> BooleanArray {
    let found = BooleanBuffer::collect_bool(arg.len(), is_known);
    let unknown_unless_found = (items.null_count() > 0).then(|| NullBuffer::new(found.clone()));
    let nulls = NullBuffer::union(arg.nulls(), unknown_unless_found.as_ref());
    BooleanArray::new(found, nulls)
}
