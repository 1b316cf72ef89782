//! Heaps: names of old groups (local), text and lists of variable length (global), links and attributes of objects that
//! have many (fractal).

use super::btree::{self, Tree2};
use super::metadata::{Fields, Metadata, Widths, until_zero};
use crate::{Error, Result, Room};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::{Deref, Range};
use std::rc::Rc;

/// The names of an old group's members.
pub(super) struct LocalHeap {
    names: Vec<u8>,
}

impl LocalHeap {
    pub(super) fn read(metadata: &Metadata<'_>, address: u64) -> Result<Self> {
        let widths = metadata.widths;
        let prefix = metadata.bytes(address, 8 + 2 * widths.length as u64 + widths.offset as u64)?;
        if !prefix.starts_with(b"HEAP") {
            return Err(Error::corrupt("a local heap has the wrong signature"));
        }
        let mut fields = Fields::new(&prefix[8..], widths);
        let size = fields.length()?;
        fields.length()?;
        Ok(Self { names: metadata.bytes(fields.some_address()?, size)? })
    }

    pub(super) fn name(&self, at: u64) -> Result<String> {
        let name = usize::try_from(at).ok().and_then(|at| self.names.get(at..));
        let name = name.ok_or_else(|| Error::corrupt("a name lies outside of its heap"))?;
        Ok(crate::formats::text_of(until_zero(name)))
    }
}

/// The objects of one global heap collection.
struct Collection {
    bytes: Vec<u8>,
    objects: HashMap<u16, Range<usize>>,
}

impl Collection {
    /// The bytes of the collection at an address.
    fn len(metadata: &Metadata<'_>, address: u64) -> Result<u64> {
        let head = metadata.bytes(address, 8 + metadata.widths.length as u64)?;
        if !head.starts_with(b"GCOL") {
            return Err(Error::corrupt("a global heap has the wrong signature"));
        }
        let len = Fields::new(&head[8..], metadata.widths).length()?;
        metadata.place(address, len).map(|_| len)
    }

    fn read(metadata: &Metadata<'_>, address: u64, len: u64) -> Result<Self> {
        let bytes = metadata.bytes(address, len)?;
        let prefix = 8 + metadata.widths.length;
        let mut objects = HashMap::new();
        let mut fields = Fields::new(&bytes, metadata.widths);
        fields.skip(prefix.min(bytes.len()))?;
        while fields.left() >= prefix {
            let index = fields.u16()?;
            fields.skip(6)?;
            let len = fields.length()?;
            if index == 0 {
                break;
            }
            let start = bytes.len() - fields.left();
            let len = usize::try_from(len).map_err(|_| Error::corrupt("a heap object is too large"))?;
            fields.padded(len, true)?;
            objects.insert(index, start..start + len);
        }
        Ok(Self { bytes, objects })
    }
}

/// An object of a global heap.
pub(super) struct HeapObject {
    collection: Rc<Collection>,
    place: Range<usize>,
}

impl Deref for HeapObject {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.collection.bytes[self.place.clone()]
    }
}

/// Bytes of variable length, which cells refer to. Collections are kept: neighbours lie in the same one.
pub(super) struct GlobalHeap<'a> {
    metadata: &'a Metadata<'a>,
    kept: RefCell<Kept>,
    room: Room,
}

/// The collections that were read last.
#[derive(Default)]
struct Kept {
    collections: HashMap<u64, Rc<Collection>>,
    /// The bytes of all of them.
    bytes: usize,
    /// The most bytes that there was room for.
    room: usize,
}

/// So many bytes of collections are kept.
const KEPT_BYTES: usize = 4 << 20;

impl<'a> GlobalHeap<'a> {
    pub(super) fn new(metadata: &'a Metadata<'a>) -> Self {
        Self::within(metadata, &Room::default())
    }

    /// A heap whose objects may be large, and for which room is asked.
    pub(super) fn within(metadata: &'a Metadata<'a>, room: &Room) -> Self {
        let kept = RefCell::new(Kept { room: KEPT_BYTES, ..Kept::default() });
        Self { metadata, kept, room: room.clone() }
    }

    /// Where room is asked for what its objects become.
    pub(super) fn room(&self) -> &Room {
        &self.room
    }

    /// The size of the file.
    pub(super) fn file_len(&self) -> u64 {
        self.metadata.file_len()
    }

    pub(super) fn widths(&self) -> Widths {
        self.metadata.widths
    }

    /// What a cell refers to: a count of elements and their bytes; `None` for a cell that refers to nothing.
    pub(super) fn get(&self, cell: &[u8]) -> Result<Option<(usize, HeapObject)>> {
        let mut fields = Fields::new(cell, self.metadata.widths);
        let count = fields.u32()? as usize;
        let address = fields.address()?.filter(|address| *address != 0);
        let index = fields.u32()?;
        let Some(address) = address else { return Ok(None) };
        let collection = self.collection(address)?;
        let place = u16::try_from(index).ok().and_then(|index| collection.objects.get(&index).cloned());
        let place = place.ok_or_else(|| Error::corrupt("a heap object is not in its heap"))?;
        Ok(Some((count, HeapObject { collection, place })))
    }

    /// The object that a reference of an address and an index leads to.
    pub(super) fn object(&self, reference: &[u8]) -> Result<Option<HeapObject>> {
        // Cells of lists have the same reference after the number of their elements.
        Ok(self.get(&[&[0; 4], reference].concat())?.map(|(_, bytes)| bytes))
    }

    fn collection(&self, address: u64) -> Result<Rc<Collection>> {
        if let Some(collection) = self.kept.borrow().collections.get(&address) {
            return Ok(Rc::clone(collection));
        }
        let len = Collection::len(self.metadata, address)?;
        self.make_room(len)?;
        let collection = Rc::new(Collection::read(self.metadata, address, len)?);
        self.kept.borrow_mut().collections.insert(address, Rc::clone(&collection));
        Ok(collection)
    }

    /// Lets go of what is kept if another collection is too much beside it.
    fn make_room(&self, len: u64) -> Result<()> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let mut kept = self.kept.borrow_mut();
        if kept.bytes.saturating_add(len) > KEPT_BYTES {
            kept.collections.clear();
            kept.bytes = 0;
        }
        kept.bytes = kept.bytes.saturating_add(len);
        if kept.bytes > kept.room {
            self.room.take(kept.bytes - kept.room)?;
            kept.room = kept.bytes;
        }
        Ok(())
    }
}

/// A fractal heap: blocks in rows of doubling size, addressed as if they lay one after the other.
pub(super) struct FractalHeap<'a> {
    metadata: &'a Metadata<'a>,
    id_len: usize,
    huge_tree: Option<u64>,
    filtered: bool,
    table_width: u64,
    first_size: u64,
    largest_direct: u64,
    offset_width: usize,
    length_width: usize,
    root: Option<u64>,
    root_rows: u64,
}

impl<'a> FractalHeap<'a> {
    pub(super) fn read(metadata: &'a Metadata<'a>, address: u64) -> Result<Self> {
        let widths = metadata.widths;
        let plain = 22 + 12 * widths.length + 3 * widths.offset;
        let filter_len = Fields::new(&metadata.bytes(address, 9)?[7..], widths).u16()?;
        let filters = if filter_len == 0 { 0 } else { widths.length + 4 + usize::from(filter_len) };
        let head = metadata.sealed(address, (plain + filters + 4) as u64, b"FRHP")?;
        let mut fields = Fields::new(&head, widths);
        fields.version("a fractal heap", 0..=0)?;
        let id_len = usize::from(fields.u16()?);
        fields.u16()?;
        fields.u8()?;
        let largest_managed = u64::from(fields.u32()?);
        fields.length()?;
        let huge_tree = fields.address()?;
        fields.length()?;
        fields.address()?;
        fields.skip(8 * widths.length)?;
        let table_width = u64::from(fields.u16()?);
        let first_size = fields.length()?;
        let largest_direct = fields.length()?;
        let heap_bits = usize::from(fields.u16()?);
        fields.u16()?;
        let root = fields.address()?;
        let root_rows = u64::from(fields.u16()?);
        if !first_size.is_power_of_two()
            || !largest_direct.is_power_of_two()
            || table_width == 0
            || heap_bits > 64
            || id_len == 0
        {
            return Err(Error::corrupt("a fractal heap has impossible sizes"));
        }
        let direct_width = (largest_direct.ilog2() as usize).div_ceil(8);
        Ok(Self {
            metadata,
            id_len,
            huge_tree,
            filtered: filter_len != 0,
            table_width,
            first_size,
            largest_direct,
            offset_width: heap_bits.div_ceil(8),
            length_width: direct_width.min(btree::width_of(largest_managed)),
            root,
            root_rows,
        })
    }

    /// The object of an id.
    pub(super) fn get(&self, id: &[u8]) -> Result<Vec<u8>> {
        let mut fields = Fields::new(id, self.metadata.widths);
        let first = fields.u8()?;
        match first >> 4 & 3 {
            0 => {
                let offset = fields.uint(self.offset_width)?;
                let len = fields.uint(self.length_width)?;
                self.managed(offset, len)
            }
            1 => self.huge(fields),
            _ => self.tiny(first, fields),
        }
    }

    fn tiny(&self, first: u8, mut fields: Fields<'_>) -> Result<Vec<u8>> {
        let short = usize::from(first & 0x0F);
        let len = if self.id_len - 1 <= 16 { short } else { short << 8 | usize::from(fields.u8()?) };
        fields.bytes(len + 1).map(<[u8]>::to_vec)
    }

    /// An object too large for blocks: the id is its place, or a key to a tree of places.
    fn huge(&self, mut fields: Fields<'_>) -> Result<Vec<u8>> {
        if self.filtered {
            return Err(Error::unsupported("large compressed attributes and links are not read yet"));
        }
        let widths = self.metadata.widths;
        if self.id_len > widths.offset + widths.length {
            let address = fields.some_address()?;
            return self.metadata.bytes(address, fields.length()?);
        }
        let key = fields.uint(widths.length.min(self.id_len - 1))?;
        let tree = self.huge_tree.ok_or_else(|| Error::corrupt("a fractal heap lacks its tree of large objects"))?;
        let mut found = None;
        Tree2::read(self.metadata, tree)?.visit(&mut |record| {
            let mut fields = Fields::new(record, widths);
            let place = (fields.some_address()?, fields.length()?);
            if fields.length()? == key {
                found = Some(place);
            }
            Ok(())
        })?;
        let (address, len) = found.ok_or_else(|| Error::corrupt("a large object is not in its heap"))?;
        self.metadata.bytes(address, len)
    }

    fn managed(&self, offset: u64, len: u64) -> Result<Vec<u8>> {
        if self.filtered {
            return Err(Error::unsupported("compressed attributes and links are not read yet"));
        }
        let root = self.root.ok_or_else(|| Error::corrupt("a fractal heap is empty"))?;
        let (mut block, mut start, mut rows) = (root, 0u64, self.root_rows);
        // Each step goes from an indirect block into a smaller one.
        while rows > 0 {
            let (child, child_start, size) = self.child(block, start, rows, offset)?;
            (block, start) = (child, child_start);
            rows = if size <= self.largest_direct { 0 } else { self.rows_of(size) };
        }
        let within = offset.checked_sub(start).and_then(|within| block.checked_add(within));
        self.metadata.bytes(within.ok_or_else(|| Error::corrupt("a heap object lies before its block"))?, len)
    }

    /// How many rows an indirect block has that stands for `size` bytes.
    fn rows_of(&self, size: u64) -> u64 {
        let first_row = u64::from(self.first_size.ilog2() + self.table_width.ilog2());
        u64::from(size.ilog2()).saturating_sub(first_row) + 1
    }

    fn size_in_row(&self, row: u64) -> Result<u64> {
        let shift = row.saturating_sub(1) as u32;
        let size = self.first_size.checked_shl(shift).filter(|size| size >> shift == self.first_size);
        size.ok_or_else(|| Error::corrupt("a fractal heap has impossible rows"))
    }

    /// The block within an indirect block that holds a position: its address, first position and size.
    fn child(&self, block: u64, start: u64, rows: u64, offset: u64) -> Result<(u64, u64, u64)> {
        let widths = self.metadata.widths;
        let head = 4 + 1 + widths.offset + self.offset_width;
        let (mut row_start, mut index) = (start, 0u64);
        for row in 0..rows {
            let size = self.size_in_row(row)?;
            let row_size = size.saturating_mul(self.table_width);
            if offset < row_start.saturating_add(row_size) {
                let column = offset.saturating_sub(row_start) / size;
                let at = head as u64 + (index + column) * widths.offset as u64;
                let at = block.checked_add(at).ok_or_else(|| Error::corrupt("a heap block is nowhere"))?;
                let entry = self.metadata.bytes(at, widths.offset as u64)?;
                let child = Fields::new(&entry, widths).some_address()?;
                return Ok((child, row_start.saturating_add(column * size), size));
            }
            row_start = row_start.saturating_add(row_size);
            index += self.table_width;
        }
        Err(Error::corrupt("a heap object lies outside of its heap"))
    }
}
