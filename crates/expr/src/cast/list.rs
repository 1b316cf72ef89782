//! Casts between lists: item by item.

use super::Job;
use crate::{Error, Result, SqlType};
use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, ListArray, UInt64Array, new_null_array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field};
use std::sync::Arc;

pub(super) fn cast(array: &ArrayRef, job: &Job<'_>) -> Result<ArrayRef> {
    let list = as_list(array)?;
    let (from, to) = (item_type(job.from)?, item_type(job.to)?);
    let items = super::cast(list.values(), from, to, job.or_null)?;
    let list = ListArray::new(item_field(to), list.offsets().clone(), items, list.nulls().cloned());
    match job.to {
        SqlType::Array(_, length) => to_fixed(&list, to, *length, job),
        _ => Ok(Arc::new(list)),
    }
}

fn item_type(ty: &SqlType) -> Result<&SqlType> {
    match ty {
        SqlType::List(item) | SqlType::Array(item, _) => Ok(item),
        _ => Err(Error::new(format!("{ty} is no list"))),
    }
}

fn item_field(item: &SqlType) -> Arc<Field> {
    Arc::new(Field::new("item", item.to_arrow(), true))
}

/// A list of fixed or free length as one of free length.
pub(super) fn as_list(array: &ArrayRef) -> Result<ListArray> {
    match array.data_type() {
        DataType::List(_) => Ok(array.as_list::<i32>().clone()),
        DataType::FixedSizeList(field, length) => {
            let fixed = array.as_fixed_size_list();
            let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(*length as usize, fixed.len()));
            Ok(ListArray::new(field.clone(), offsets, fixed.values().clone(), fixed.nulls().cloned()))
        }
        other => Err(Error::new(format!("Arrow {other} is no list"))),
    }
}

fn to_fixed(list: &ListArray, item: &SqlType, length: usize, job: &Job<'_>) -> Result<ArrayRef> {
    let fits = |row: usize| list.is_valid(row) && list.value_length(row) as usize == length;
    let wrong = (0..list.len()).find(|row| list.is_valid(*row) && !fits(*row));
    if let (Some(row), false) = (wrong, job.or_null) {
        let found = list.value_length(row);
        return Err(Error::new(format!("cannot cast a list of {found} items to {}", job.to)));
    }
    let valid = NullBuffer::from((0..list.len()).map(fits).collect::<Vec<_>>());
    let places = (0..list.len()).flat_map(|row| {
        let first = list.value_offsets()[row] as u64;
        (0..length as u64).map(move |at| fits(row).then_some(first + at))
    });
    let items = match list.values().is_empty() {
        true => new_null_array(&item.to_arrow(), list.len() * length),
        false => take(list.values(), &UInt64Array::from_iter(places), None)?,
    };
    Ok(Arc::new(FixedSizeListArray::try_new(item_field(item), length as i32, items, Some(valid))?))
}
