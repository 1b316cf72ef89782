//! Cells that are more than a number, as Arrow arrays: texts, lists, arrays, truth values, bytes. Room is asked for what they
//! take, before it is taken.

use super::attributes::{fixed_text, with_heap_text};
use super::datatype::{Class, Datatype, Padding};
use super::heap::GlobalHeap;
use crate::formats::cells::swap_bytes;
use crate::formats::{StoredType, halves_widened};
use crate::room::Texts;
use crate::{Error, Result};
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeListArray, ListArray, PrimitiveArray, new_empty_array,
};
use arrow::buffer::{Buffer, MutableBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use std::sync::Arc;

/// Cells of one size, or a part of each of them, at equal distances.
#[derive(Clone, Copy)]
pub(super) struct Strided<'a> {
    bytes: &'a [u8],
    stride: usize,
    at: usize,
    size: usize,
}

impl<'a> Strided<'a> {
    /// Cells that follow each other.
    pub(super) fn new(bytes: &'a [u8], size: usize) -> Self {
        Self { bytes, stride: size, at: 0, size }
    }

    /// A part of each cell.
    fn part(self, at: usize, size: usize) -> Self {
        Self { at: self.at + at, size, ..self }
    }

    fn len(self) -> usize {
        self.bytes.len() / self.stride
    }

    fn iter(self) -> impl ExactSizeIterator<Item = &'a [u8]> {
        self.bytes.chunks_exact(self.stride).map(move |cell| &cell[self.at..self.at + self.size])
    }
}

/// The values of cells, all of the size of their type.
pub(super) fn values(datatype: &Datatype, cells: Strided<'_>, heap: &GlobalHeap<'_>) -> Result<ArrayRef> {
    let room = heap.room();
    Ok(match &datatype.class {
        Class::Number { .. } | Class::Odd(_) => {
            let ty = datatype.stored_type();
            room.take(cells.len() * ty.size())?;
            let mut bytes = MutableBuffer::from_len_zeroed(cells.len() * ty.size());
            native(datatype, cells.iter(), &mut bytes)?;
            primitive(&ty, bytes.into())
        }
        Class::Bool => Arc::new(cells.iter().map(|cell| Some(cell[0] != 0)).collect::<BooleanArray>()),
        Class::FixedText { padding } => fixed_texts(cells, *padding, heap)?,
        Class::HeapText => heap_texts(cells, heap)?,
        Class::Reference | Class::Opaque => {
            let len = cells.len() * cells.size;
            i32::try_from(len).map_err(|_| too_many())?;
            room.take(len + cells.len() * size_of::<i32>())?;
            Arc::new(BinaryArray::from_iter_values(cells.iter()))
        }
        Class::Member(at, of) => values(of, cells.part(*at, of.size), heap)?,
        Class::Array(count, of) => arrays(*count, of, cells, heap)?,
        Class::HeapList(of) => lists(of, cells, heap)?,
        Class::Compound(_) | Class::Other(_) => return Err(Error::unsupported("holds what cannot be a column")),
    })
}

fn fixed_texts(cells: Strided<'_>, padding: Padding, heap: &GlobalHeap<'_>) -> Result<ArrayRef> {
    let mut texts = Texts::new(cells.len(), heap.room())?;
    cells.iter().try_for_each(|cell| texts.push(Some(&fixed_text(cell, padding))))?;
    Ok(Arc::new(texts.finish()?))
}

fn heap_texts(cells: Strided<'_>, heap: &GlobalHeap<'_>) -> Result<ArrayRef> {
    // As with lists: texts that are longer than the file are one text many times.
    let mut left = heap.file_len();
    let mut texts = Texts::new(cells.len(), heap.room())?;
    for cell in cells.iter() {
        with_heap_text(heap, cell, |text| {
            let rest = left.checked_sub(text.map_or(0, str::len) as u64);
            left = rest.ok_or_else(|| Error::corrupt("has texts longer than its file"))?;
            texts.push(text)
        })??;
    }
    Ok(Arc::new(texts.finish()?))
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

fn primitive(ty: &StoredType, bytes: Buffer) -> ArrayRef {
    fn of<T: ArrowPrimitiveType>(bytes: Buffer) -> ArrayRef {
        let cells = bytes.len() / size_of::<T::Native>();
        Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::new(bytes, 0, cells), None))
    }
    match ty {
        StoredType::I8 => of::<Int8Type>(bytes),
        StoredType::I16 => of::<Int16Type>(bytes),
        StoredType::U16 => of::<UInt16Type>(bytes),
        StoredType::I32 => of::<Int32Type>(bytes),
        StoredType::U32 => of::<UInt32Type>(bytes),
        StoredType::I64 => of::<Int64Type>(bytes),
        StoredType::U64 => of::<UInt64Type>(bytes),
        StoredType::F16 => Arc::new(PrimitiveArray::<Float32Type>::from(halves_widened(&bytes))),
        StoredType::F32 => of::<Float32Type>(bytes),
        StoredType::F64 => of::<Float64Type>(bytes),
        StoredType::U8 | StoredType::Char => of::<UInt8Type>(bytes),
        StoredType::Text | StoredType::Values(_) | StoredType::Unsupported(_) => new_empty_array(&DataType::UInt8),
    }
}

fn item(of: &Datatype) -> Result<Arc<Field>> {
    let ty = of.arrow().map_err(|what| Error::unsupported(format!("holds {what}, which are not read")))?;
    Ok(Arc::new(Field::new("item", ty, true)))
}

fn arrays(count: usize, of: &Datatype, cells: Strided<'_>, heap: &GlobalHeap<'_>) -> Result<ArrayRef> {
    let len = i32::try_from(count).map_err(|_| too_many())?;
    let items = if cells.size == cells.stride {
        values(of, Strided::new(cells.bytes, of.size), heap)?
    } else {
        let mut packed = Vec::new();
        cells.iter().try_for_each(|cell| heap.room().extend(&mut packed, cell))?;
        values(of, Strided::new(&packed, of.size), heap)?
    };
    let lists = FixedSizeListArray::try_new(item(of)?, len, items, None);
    Ok(Arc::new(lists.map_err(|error| Error::corrupt(error.to_string()))?))
}

fn lists(of: &Datatype, cells: Strided<'_>, heap: &GlobalHeap<'_>) -> Result<ArrayRef> {
    let room = heap.room();
    room.take(cells.len() * size_of::<usize>())?;
    let (mut counts, mut items) = (Vec::with_capacity(cells.len()), Vec::new());
    // Each list has a place of its own, so that all are no longer than the file unless it is damaged.
    let mut left = heap.file_len();
    for cell in cells.iter() {
        let Some((count, object)) = heap.get(cell)? else {
            counts.push(0);
            continue;
        };
        let len = count.checked_mul(of.size).filter(|len| *len <= object.len());
        let len = len.ok_or_else(|| Error::corrupt("a list is longer than the heap object that holds it"))?;
        left = left.checked_sub(len as u64).ok_or_else(|| Error::corrupt("has lists longer than its file"))?;
        room.extend(&mut items, &object[..len])?;
        counts.push(count);
    }
    i32::try_from(items.len() / of.size).map_err(|_| too_many())?;
    let offsets = OffsetBuffer::from_lengths(counts.iter().copied());
    let lists = ListArray::try_new(item(of)?, offsets, values(of, Strided::new(&items, of.size), heap)?, None);
    Ok(Arc::new(lists.map_err(|error| Error::corrupt(error.to_string()))?))
}

fn too_many() -> Error {
    Error::unsupported("holds more values than one column can at a time").with_hint("select fewer cells")
}
