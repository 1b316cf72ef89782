//! Lists and their items: `list_value`, `list_extract`, and how long a list is.

use super::signature::{meeting, takes};
use super::{Call, Fails, Family, Kernel, ScalarFunction, Value};
use crate::{Error, Result, SqlType};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, UInt64Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{interleave, take};
use arrow::datatypes::{DataType, Int64Type};
use std::ops::Range;
use std::sync::Arc;

/// `list_extract(list, index)`
pub(super) const LIST_EXTRACT: ScalarFunction = ScalarFunction {
    names: &["list_extract", "array_extract", "list_element"],
    family: Family::List,
    usage: "list_extract(list, index)",
    doc: "The item at an index from 1 on, or from -1 backwards; NULL where there is none. Also list[index]",
    bind: |args| match args {
        [list @ (SqlType::List(item) | SqlType::Array(item, _)), index]
            if index.is_integer() || *index == SqlType::Null =>
        {
            takes([list.clone(), SqlType::BigInt], item.as_ref().clone())
        }
        _ => Ok(None),
    },
    kernel: Kernel::Eager(extract),
    fails: Fails::Never,
};

/// `list_value(item, ..)`
pub(super) const LIST_VALUE: ScalarFunction = ScalarFunction {
    names: &["list_value", "list_pack"],
    family: Family::List,
    usage: "list_value(item, ..)",
    doc: "A list of the arguments. Also [item, ..]",
    bind: |args| match meeting(args)? {
        Some(ty) if !args.is_empty() => {
            let list = SqlType::List(Box::new(ty.clone()));
            takes(vec![ty; args.len()], list)
        }
        _ => Ok(None),
    },
    kernel: Kernel::Eager(together),
    fails: Fails::Never,
};

fn together(call: &Call<'_>) -> Result<Value> {
    let arrays: Vec<&dyn Array> = call.args.iter().map(|arg| arg.array().as_ref()).collect();
    let (rows, len) = (call.count(), arrays.len());
    let places = (0..rows).flat_map(|row| call.args.iter().enumerate().map(move |(at, arg)| (at, arg.place(row))));
    let items = interleave(&arrays, &places.collect::<Vec<_>>())?;
    let DataType::List(item) = call.ty.to_arrow() else { return Err(Error::new("a list was bound to no list")) };
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(len, rows));
    Ok(call.wrap(Arc::new(ListArray::try_new(item, offsets, items, None)?)))
}

/// How many items lists have.
pub(super) fn lengths(call: &Call<'_>) -> Result<Value> {
    let lists = call.args[0].array();
    let (_, span) = parts(lists)?;
    let length = |row: usize| {
        let list = call.args[0].place(row);
        lists.is_valid(list).then(|| span(list).len() as i64)
    };
    Ok(call.wrap(Arc::new((0..call.count()).map(length).collect::<Int64Array>())))
}

fn extract(call: &Call<'_>) -> Result<Value> {
    let (lists, index) = (call.args[0].array(), call.reader::<Int64Type>(1));
    let (items, span) = parts(lists)?;
    let place = |row: usize| {
        let list = call.args[0].place(row);
        let index = index.get(row).filter(|_| lists.is_valid(list))?;
        let span = span(list);
        let at = if index < 0 { span.len() as i64 + index } else { index - 1 };
        usize::try_from(at).ok().filter(|at| *at < span.len()).map(|at| (span.start + at) as u64)
    };
    let places: UInt64Array = (0..call.count()).map(place).collect();
    Ok(call.wrap(take(&items, &places, None)?))
}

/// The items of all lists of an array, and for each list which are its own.
#[expect(clippy::type_complexity, reason = "a function of the array, used once")]
fn parts(lists: &ArrayRef) -> Result<(ArrayRef, Box<dyn Fn(usize) -> Range<usize> + '_>)> {
    match lists.data_type() {
        DataType::List(_) => {
            let (list, offsets) = (lists.as_list::<i32>(), lists.as_list::<i32>().value_offsets());
            Ok((list.values().clone(), Box::new(|at| offsets[at] as usize..offsets[at + 1] as usize)))
        }
        DataType::LargeList(_) => {
            let (list, offsets) = (lists.as_list::<i64>(), lists.as_list::<i64>().value_offsets());
            Ok((list.values().clone(), Box::new(|at| offsets[at] as usize..offsets[at + 1] as usize)))
        }
        DataType::FixedSizeList(_, len) => {
            let (list, len) = (lists.as_fixed_size_list(), *len as usize);
            Ok((list.values().clone(), Box::new(move |at| at * len..(at + 1) * len)))
        }
        other => Err(Error::new(format!("{other} is no list"))),
    }
}
