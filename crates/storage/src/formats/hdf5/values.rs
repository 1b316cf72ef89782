//! Cells that are more than a number or a text, as Arrow arrays: lists, arrays, truth values, bytes.

use super::attributes::{fixed_text, heap_text};
use super::datatype::{Class, Datatype};
use super::heap::GlobalHeap;
use crate::formats::cells::swap_bytes;
use crate::formats::{StoredType, halves_widened};
use crate::{Error, Result};
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeListArray, ListArray, PrimitiveArray, StringArray, new_empty_array,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use std::sync::Arc;

/// The values of cells, all of the size of their type.
pub(super) fn values(datatype: &Datatype, cells: &[&[u8]], heap: &GlobalHeap<'_>) -> Result<ArrayRef> {
    Ok(match &datatype.class {
        Class::Number { .. } | Class::Odd(_) => {
            let mut bytes = vec![0; cells.len() * datatype.stored_type().size()];
            native(datatype, cells.iter().copied(), &mut bytes)?;
            primitive(&datatype.stored_type(), bytes)
        }
        Class::Bool => Arc::new(cells.iter().map(|cell| Some(cell[0] != 0)).collect::<BooleanArray>()),
        Class::FixedText { padding } => {
            Arc::new(StringArray::from_iter_values(cells.iter().map(|cell| fixed_text(cell, *padding))))
        }
        Class::HeapText => Arc::new(StringArray::from(texts(cells, heap)?)),
        Class::Reference | Class::Opaque => Arc::new(BinaryArray::from_iter_values(cells.iter())),
        Class::Member(at, of) => {
            let members: Vec<&[u8]> = cells.iter().map(|cell| &cell[*at..at + of.size]).collect();
            values(of, &members, heap)?
        }
        Class::Array(count, of) => arrays(*count, of, cells, heap)?,
        Class::HeapList(of) => lists(of, cells, heap)?,
        Class::Compound(_) | Class::Other(_) => return Err(Error::unsupported("holds what cannot be a column")),
    })
}

fn texts(cells: &[&[u8]], heap: &GlobalHeap<'_>) -> Result<Vec<Option<String>>> {
    // As with lists: texts that are longer than the file are one text many times.
    let mut room = heap.file_len().min(i32::MAX as u64);
    let text = |cell: &&[u8]| {
        let text = heap_text(heap, cell)?;
        let len = text.as_ref().map_or(0, String::len) as u64;
        room = room.checked_sub(len).ok_or_else(|| Error::corrupt("has texts longer than its file"))?;
        Ok(text)
    };
    cells.iter().map(text).collect()
}

/// Converts numbers to those of this machine, one after the other.
pub(super) fn native<'a>(datatype: &Datatype, cells: impl Iterator<Item = &'a [u8]>, into: &mut [u8]) -> Result<()> {
    let size = datatype.stored_type().size();
    if let Class::Odd(odd) = &datatype.class {
        return cells.zip(into.chunks_exact_mut(size)).try_for_each(|(cell, target)| odd.convert(cell, target));
    }
    cells.zip(into.chunks_exact_mut(size)).for_each(|(cell, target)| target.copy_from_slice(cell));
    if datatype.is_foreign() {
        swap_bytes(into, size);
    }
    Ok(())
}

fn primitive(ty: &StoredType, bytes: Vec<u8>) -> ArrayRef {
    fn of<T: ArrowPrimitiveType>(bytes: &[u8]) -> ArrayRef {
        let cells = bytes.len() / size_of::<T::Native>();
        // From a slice: a buffer of its own is aligned for its cells.
        let buffer = Buffer::from_slice_ref(bytes);
        Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::new(buffer, 0, cells), None))
    }
    match ty {
        StoredType::I8 => of::<Int8Type>(&bytes),
        StoredType::I16 => of::<Int16Type>(&bytes),
        StoredType::U16 => of::<UInt16Type>(&bytes),
        StoredType::I32 => of::<Int32Type>(&bytes),
        StoredType::U32 => of::<UInt32Type>(&bytes),
        StoredType::I64 => of::<Int64Type>(&bytes),
        StoredType::U64 => of::<UInt64Type>(&bytes),
        StoredType::F16 => Arc::new(PrimitiveArray::<Float32Type>::from(halves_widened(&bytes))),
        StoredType::F32 => of::<Float32Type>(&bytes),
        StoredType::F64 => of::<Float64Type>(&bytes),
        StoredType::U8 | StoredType::Char => of::<UInt8Type>(&bytes),
        StoredType::Text | StoredType::Values(_) | StoredType::Unsupported(_) => new_empty_array(&DataType::UInt8),
    }
}

fn item(of: &Datatype) -> Result<Arc<Field>> {
    let ty = of.arrow().map_err(|what| Error::unsupported(format!("holds {what}, which are not read")))?;
    Ok(Arc::new(Field::new("item", ty, true)))
}

fn arrays(count: usize, of: &Datatype, cells: &[&[u8]], heap: &GlobalHeap<'_>) -> Result<ArrayRef> {
    let items: Vec<&[u8]> = cells.iter().flat_map(|cell| cell.chunks_exact(of.size).take(count)).collect();
    let items = values(of, &items, heap)?;
    let len = i32::try_from(count).map_err(|_| too_many())?;
    let lists = FixedSizeListArray::try_new(item(of)?, len, items, None);
    Ok(Arc::new(lists.map_err(|error| Error::corrupt(error.to_string()))?))
}

fn lists(of: &Datatype, cells: &[&[u8]], heap: &GlobalHeap<'_>) -> Result<ArrayRef> {
    let mut held = Vec::with_capacity(cells.len());
    // Each list has a place of its own, so that all are no longer than the file unless it is damaged.
    let mut room = heap.file_len();
    for cell in cells {
        let (count, bytes) = heap.get(cell)?.unwrap_or_default();
        if count.checked_mul(of.size).is_none_or(|len| len > bytes.len()) {
            return Err(Error::corrupt("a list is longer than the heap object that holds it"));
        }
        room = room.checked_sub(bytes.len() as u64).ok_or_else(|| Error::corrupt("has lists longer than its file"))?;
        held.push((count, bytes));
    }
    let items: Vec<&[u8]> = held.iter().flat_map(|(count, bytes)| bytes.chunks_exact(of.size).take(*count)).collect();
    i32::try_from(items.len()).map_err(|_| too_many())?;
    let offsets = OffsetBuffer::from_lengths(held.iter().map(|(count, _)| *count));
    let lists = ListArray::try_new(item(of)?, offsets, values(of, &items, heap)?, None);
    Ok(Arc::new(lists.map_err(|error| Error::corrupt(error.to_string()))?))
}

fn too_many() -> Error {
    Error::unsupported("holds more values than one column can at a time")
}
