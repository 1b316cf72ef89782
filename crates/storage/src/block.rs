//! Cells in flight: as stored, with what decodes them.

use crate::aligned::AlignedBytes;
use crate::cf::decoder::{Decoder, Width};
use crate::formats::Stored;
use crate::formats::cells::{Cells, copy_part};
use crate::regrid::Scratch;
use crate::{Error, Result, Room};
use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, MutableArrayData, StringArray, UInt64Array, make_array,
    new_null_array,
};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType};
use hyperslab_grid::{AxisMap, CellRuns, Hyperslab, IndexSet, Region};
use std::ops::Range;
use std::sync::Arc;

/// A part of one variable: a box, or the product of a few ranges a dimension. Reading into a block again reuses its
/// memory: keep one for each thread.
#[derive(Debug)]
pub struct Block {
    cover: Region,
    cells: usize,
    ty: DataType,
    content: Content,
    pub(crate) stored: Stored,
    spare: AlignedBytes,
    /// What is put together from several boxes.
    pub(crate) joined: AlignedBytes,
    /// What values are computed with.
    pub(crate) scratch: Scratch,
}

/// What a block holds.
#[derive(Debug)]
pub(crate) enum Content {
    /// Nothing but NULLs.
    Nulls,
    /// Cells in `stored`, of `size` bytes each.
    Cells { decoder: Arc<Decoder>, width: Width, size: usize },
    /// Strings, one a cell.
    Strings { decoder: Arc<Decoder>, strings: StringArray },
    /// One value, for all cells.
    Constant(ArrayRef),
    /// A value for each cell.
    Values(ArrayRef),
    /// For each cell the value of its feature; the first cell is observation `first`.
    Instances { values: ArrayRef, map: Arc<AxisMap>, first: usize },
}

impl Default for Block {
    fn default() -> Self {
        Self {
            // A region without dimensions has one cell: this one has none.
            cover: Region::new(vec![IndexSet::empty()]),
            cells: 0,
            ty: DataType::Null,
            content: Content::Nulls,
            stored: Stored::default(),
            spare: AlignedBytes::default(),
            joined: AlignedBytes::default(),
            scratch: Scratch::default(),
        }
    }
}

impl Block {
    /// A block for values of any length too, which ask for room before they are kept.
    pub fn within(room: Room) -> Self {
        Self { stored: Stored { room, ..Stored::default() }, ..Self::default() }
    }

    /// The cells that it holds, in positions of the dataset. They contain those asked for, never cross the border of a
    /// file, and may overhang the end of a dimension: the cells there mean nothing.
    pub fn cover(&self) -> &Region {
        &self.cover
    }

    /// The cells at `cells`, runs of offsets into the cells of [`cover`](Self::cover) in row-major order, decoded.
    ///
    /// # Errors
    /// If a run lies outside of the box.
    pub fn decode(&self, cells: &[Range<usize>]) -> Result<ArrayRef> {
        self.check_within(cells)?;
        let count = || cells.iter().map(ExactSizeIterator::len).sum();
        match &self.content {
            Content::Nulls => Ok(new_null_array(&self.ty, count())),
            Content::Cells { decoder, width, .. } => {
                conform(decoder.decode(&self.stored.bytes, cells, *width), &self.ty)
            }
            Content::Strings { decoder, strings } => conform(decoder.decode_strings(strings, cells), &self.ty),
            Content::Constant(value) => {
                let same = UInt64Array::from(vec![0; count()]);
                take(value, &same, None).map_err(|error| Error::corrupt(error.to_string()))
            }
            Content::Values(values) => {
                // A copy: a slice would hold on to all of the block. Run by run: items of lists are many more than lists.
                let values = values.to_data();
                let mut copied = MutableArrayData::new(vec![&values], false, count());
                let copy = |run: &Range<usize>| copied.try_extend(0, run.start, run.end);
                cells.iter().try_for_each(copy).map_err(|error| Error::corrupt(error.to_string()))?;
                Ok(make_array(copied.freeze()))
            }
            Content::Instances { values, map, first } => {
                let feature = |cell: usize| map.get(first + cell).map(|at| at as u64);
                let features: UInt64Array = cells.iter().flat_map(Clone::clone).map(feature).collect();
                take(values, &features, None).map_err(|error| Error::corrupt(error.to_string()))
            }
        }
    }

    /// The same of a variable that is [packed](crate::Dataset::packing): the integers that stand for the values, NULL where these are.
    ///
    /// # Errors
    /// If a run lies outside of the box, or the cells are not packed.
    pub fn decode_packed(&self, cells: &[Range<usize>], ty: &DataType) -> Result<ArrayRef> {
        self.check_within(cells)?;
        let integers = match &self.content {
            Content::Nulls => Some(new_null_array(ty, cells.iter().map(ExactSizeIterator::len).sum())),
            Content::Cells { decoder, width, .. } => decoder.decode_packed(&self.stored.bytes, cells, *width),
            _ => None,
        };
        let integers = integers.filter(|integers| integers.data_type() == ty);
        integers.ok_or_else(|| Error::corrupt(format!("the cells of a block are not packed as {ty}")))
    }

    fn check_within(&self, cells: &[Range<usize>]) -> Result<()> {
        let held = self.cells;
        if cells.iter().any(|run| run.end > held || run.start > run.end) {
            return Err(Error::corrupt(format!("cells were asked for that lie outside of a block of {held}")));
        }
        Ok(())
    }

    /// The runs of the cells of a box within the one held.
    pub(crate) fn cells_of(&self, slab: &Hyperslab) -> Vec<Range<usize>> {
        CellRuns::new(&Region::all_of(slab), &self.cover).runs().to_vec()
    }

    /// The memory that the block keeps from read to read.
    pub fn memory(&self) -> usize {
        let content = match &self.content {
            Content::Strings { strings, .. } => strings.get_buffer_memory_size(),
            Content::Values(values) => values.get_buffer_memory_size(),
            Content::Nulls | Content::Cells { .. } | Content::Constant(_) | Content::Instances { .. } => 0,
        };
        let scratch = &self.stored.scratch;
        let buffers = [
            &self.stored.bytes,
            &self.spare,
            &self.joined,
            &scratch.stored,
            &scratch.window,
            &scratch.between,
            &scratch.chunk,
        ];
        buffers.into_iter().map(AlignedBytes::len).sum::<usize>()
            + scratch.spare.capacity()
            + content
            + self.scratch.memory()
    }

    /// Makes the block hold cells of a column of type `ty`.
    pub(crate) fn hold(&mut self, cover: Region, ty: &DataType, content: Content) {
        self.cells = cover.cells();
        self.cover = cover;
        self.content = content;
        if self.ty != *ty {
            self.ty = ty.clone();
        }
    }

    /// Lets go of the values that it holds; what it reads into stays.
    pub fn forget(&mut self) {
        self.take_content();
    }

    /// What the block holds, which it then holds no longer.
    pub(crate) fn take_content(&mut self) -> Content {
        self.cells = 0;
        self.cover = Region::new(vec![IndexSet::empty()]);
        std::mem::replace(&mut self.content, Content::Nulls)
    }

    /// Cuts the stored cells of `read` down to those of `wanted`, which lies in it.
    pub(crate) fn cut(&mut self, read: &Hyperslab, wanted: &Hyperslab, cell: usize) {
        let into = self.spare.resize(wanted.cells() * cell);
        if !wanted.is_empty() {
            let from = Cells { bytes: &self.stored.bytes[..], slab: read };
            copy_part(&from, &mut Cells { bytes: into, slab: wanted }, wanted, cell);
        }
        std::mem::swap(&mut self.spare, &mut self.stored.bytes);
    }
}

/// Decoded values as the type of their column: instants as timestamps, narrow numbers widened, bounds as lists.
pub(crate) fn conform(array: ArrayRef, ty: &DataType) -> Result<ArrayRef> {
    if array.data_type() == ty {
        return Ok(array);
    }
    let failed = |error: arrow::error::ArrowError| Error::corrupt(error.to_string());
    match ty {
        DataType::FixedSizeList(item, len) => {
            let items = conform(array, item.data_type())?;
            let list = FixedSizeListArray::try_new(Arc::clone(item), *len, items, None).map_err(failed)?;
            Ok(Arc::new(list))
        }
        DataType::Timestamp(TimeUnit::Microsecond, None) if *array.data_type() == DataType::Int64 => {
            Ok(Arc::new(array.as_primitive::<Int64Type>().reinterpret_cast::<TimestampMicrosecondType>()))
        }
        _ => cast(&array, ty).map_err(failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Float64Array;

    #[test]
    fn a_box_is_cut_out_of_another() {
        let mut block = Block::default();
        let (read, wanted) = (Hyperslab::new(vec![2..5, 4..8]), Hyperslab::new(vec![3..5, 5..7]));
        let cells: Vec<u16> = (0..12).collect();
        block.stored.bytes.resize(24).copy_from_slice(bytemuck::cast_slice(&cells));
        block.cut(&read, &wanted, 2);
        assert_eq!(block.stored.bytes.as_slice::<u16>(), [5, 6, 9, 10]);
        block.stored.bytes.resize(2);
        block.cut(&Hyperslab::new(vec![]), &Hyperslab::new(vec![]), 2);
        assert_eq!(block.stored.bytes.len(), 2, "a scalar is cut to itself");
    }

    #[test]
    fn values_conform_to_their_column() {
        let array: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0]));
        let item = Arc::new(arrow::datatypes::Field::new("item", DataType::Float64, true));
        let list = conform(array, &DataType::FixedSizeList(item, 2)).expect("fits");
        assert_eq!(list.len(), 1);
        let ints: ArrayRef = Arc::new(arrow::array::Int16Array::from(vec![Some(1), None]));
        assert_eq!(conform(ints, &DataType::Float32).expect("widens").null_count(), 1);
    }

    #[test]
    fn an_empty_block_holds_nothing() {
        let block = Block::default();
        assert_eq!(block.cover().cells(), 0);
        assert!(block.decode(std::slice::from_ref(&(0..1))).is_err());
    }
}
