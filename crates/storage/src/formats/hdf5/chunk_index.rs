//! Where the chunks of a dataset lie: every kind of index, read into one sorted list.

use super::arrays;
use super::btree::{Tree2, visit_tree1};
use super::layout::{Chunked, IndexKind};
use super::metadata::{Fields, Metadata};
use crate::{Error, Result};

/// Where one chunk lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChunkPlace {
    /// Its number, row-major over the chunk grid.
    number: u64,
    /// Its position, counted as all addresses of the file.
    pub(super) address: u64,
    /// The bytes it takes.
    pub(super) stored: u32,
    /// A set bit says that the filter of that place was skipped.
    pub(super) mask: u32,
}

/// The chunks that were ever written, by number.
#[derive(Debug, PartialEq)]
pub(super) struct ChunkIndex {
    places: Vec<ChunkPlace>,
}

/// How many chunks there are along each dimension.
#[derive(Clone, Debug)]
pub(super) struct Counts(Vec<u64>);

impl Counts {
    pub(super) fn new(extent: &[usize], chunk: &[usize]) -> Self {
        Self(extent.iter().zip(chunk).map(|(len, size)| len.div_ceil(*size) as u64).collect())
    }

    /// The number of the chunk with these indices, if there is one.
    pub(super) fn number(&self, at: impl IntoIterator<Item = u64>) -> Option<u64> {
        self.0.iter().zip(at).try_fold(
            0u64,
            |number, (count, i)| {
                if i < *count { number.checked_mul(*count)?.checked_add(i) } else { None }
            },
        )
    }
}

/// How indexes that are arrays number chunks: over the grid that the dataset may grow to, an unlimited dimension first.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    /// The dimensions, slowest first, and how many chunks each may grow to.
    dims: Vec<(usize, u64)>,
}

impl Slots {
    pub(super) fn new(extent: &[usize], limits: &[Option<usize>], chunk: &[usize]) -> Self {
        let count = |d: usize| limits[d].unwrap_or(extent[d]).div_ceil(chunk[d]) as u64;
        let mut dims: Vec<_> = (0..extent.len()).map(|d| (d, count(d))).collect();
        // Only one dimension is unlimited here, or none; the others keep their order.
        dims.sort_by_key(|(d, _)| limits[*d].is_some());
        Self { dims }
    }

    /// The indices of the chunk in a slot.
    fn place(&self, slot: u64) -> Vec<u64> {
        let mut at = vec![0; self.dims.len()];
        let mut rest = slot;
        for (d, count) in self.dims.iter().skip(1).rev() {
            at[*d] = rest % (*count).max(1);
            rest /= (*count).max(1);
        }
        if let Some((d, _)) = self.dims.first() {
            at[*d] = rest;
        }
        at
    }

    /// How many slots there are, where an unlimited dimension has its present length.
    fn all(&self) -> Result<u64> {
        let all = self.dims.iter().try_fold(1u64, |all, (_, count)| all.checked_mul(*count));
        all.ok_or_else(|| Error::corrupt("has more chunks than any file can hold"))
    }
}

/// What an index is read for.
pub(super) struct Wanted<'a> {
    pub(super) chunked: &'a Chunked,
    pub(super) counts: Counts,
    pub(super) slots: Slots,
    /// The bytes of a chunk as decoded.
    pub(super) chunk_bytes: u32,
}

impl ChunkIndex {
    /// Reads a whole index.
    pub(super) fn read(metadata: &Metadata<'_>, wanted: &Wanted<'_>) -> Result<Self> {
        let mut places = Vec::new();
        if let Some(address) = wanted.chunked.index {
            wanted.read(metadata, address, &mut |place| {
                places.push(place);
                Ok(())
            })?;
        }
        places.sort_unstable_by_key(|place| place.number);
        for place in &places {
            let end = place.address.checked_add(metadata.base).and_then(|at| at.checked_add(place.stored.into()));
            if end.is_none_or(|end| end > metadata.file_len()) {
                return Err(Error::corrupt(format!("chunk {} lies beyond the end of the file", place.number)));
            }
        }
        places.shrink_to_fit();
        Ok(Self { places })
    }

    /// Where the chunk of a number lies, if it was ever written.
    pub(super) fn get(&self, number: u64) -> Option<ChunkPlace> {
        // Where all chunks before it were written, a chunk stands at its number.
        let direct = usize::try_from(number).ok().and_then(|i| self.places.get(i));
        if let Some(place) = direct.filter(|place| place.number == number) {
            return Some(*place);
        }
        self.places.binary_search_by_key(&number, |place| place.number).ok().map(|i| self.places[i])
    }
}

impl Wanted<'_> {
    fn read(
        &self,
        metadata: &Metadata<'_>,
        address: u64,
        keep: &mut dyn FnMut(ChunkPlace) -> Result<()>,
    ) -> Result<()> {
        match self.chunked.kind {
            IndexKind::Tree1 => self.tree1(metadata, address, keep),
            IndexKind::Single(filtered) => {
                let (stored, mask) = filtered.unwrap_or((self.chunk_bytes.into(), 0));
                keep(ChunkPlace { number: 0, address, stored: narrow(stored)?, mask })
            }
            IndexKind::Implicit => self.implicit(metadata, address, keep),
            IndexKind::FixedArray => arrays::visit_fixed(metadata, address, &mut |slot, element, filtered| {
                self.element(metadata, slot, element, filtered, keep)
            }),
            IndexKind::ExtensibleArray => {
                arrays::visit_extensible(metadata, address, self.slots.all()?, &mut |slot, element, filtered| {
                    self.element(metadata, slot, element, filtered, keep)
                })
            }
            IndexKind::Tree2 => self.tree2(metadata, address, keep),
        }
    }

    fn tree1(&self, metadata: &Metadata<'_>, root: u64, keep: &mut dyn FnMut(ChunkPlace) -> Result<()>) -> Result<()> {
        let key_len = 8 + 8 * (self.chunked.chunk.len() + 1);
        visit_tree1(metadata, root, 1, key_len, &mut |key, address| {
            let mut fields = Fields::new(key, metadata.widths);
            let (stored, mask) = (fields.u32()?, fields.u32()?);
            let mut at = Vec::with_capacity(self.chunked.chunk.len());
            for size in &self.chunked.chunk {
                at.push(fields.uint(8)? / *size as u64);
            }
            match self.counts.number(at) {
                Some(number) => keep(ChunkPlace { number, address, stored, mask }),
                // Left over from when the dataset was larger.
                None => Ok(()),
            }
        })
    }

    fn tree2(&self, metadata: &Metadata<'_>, root: u64, keep: &mut dyn FnMut(ChunkPlace) -> Result<()>) -> Result<()> {
        let tree = Tree2::read(metadata, root)?;
        let rank = self.chunked.chunk.len();
        let size_width = match tree.kind {
            10 => None,
            11 => Some(tree.record_len.checked_sub(metadata.widths.offset + 4 + 8 * rank)),
            other => return Err(Error::corrupt(format!("its chunks are in a B-tree of kind {other}"))),
        };
        let too_short = || Error::corrupt("its chunks are in a B-tree with short records");
        let size_width = size_width.map(|width| width.ok_or_else(too_short)).transpose()?;
        tree.visit(&mut |record| {
            let mut fields = Fields::new(record, metadata.widths);
            let address = fields.some_address()?;
            let (stored, mask) = match size_width {
                Some(width) => (narrow(fields.uint(width)?)?, fields.u32()?),
                None => (self.chunk_bytes, 0),
            };
            let mut at = Vec::with_capacity(rank);
            for _ in 0..rank {
                at.push(fields.uint(8)?);
            }
            match self.counts.number(at) {
                Some(number) => keep(ChunkPlace { number, address, stored, mask }),
                None => Ok(()),
            }
        })
    }

    fn implicit(
        &self,
        metadata: &Metadata<'_>,
        address: u64,
        keep: &mut dyn FnMut(ChunkPlace) -> Result<()>,
    ) -> Result<()> {
        let (all, size) = (self.slots.all()?, u64::from(self.chunk_bytes));
        if all.checked_mul(size).is_none_or(|bytes| bytes > metadata.file_len()) {
            return Err(Error::corrupt("its chunks lie beyond the end of the file"));
        }
        for slot in 0..all {
            if let Some(number) = self.counts.number(self.slots.place(slot)) {
                let address = address.saturating_add(slot * size);
                keep(ChunkPlace { number, address, stored: self.chunk_bytes, mask: 0 })?;
            }
        }
        Ok(())
    }

    /// An element of an array: an address, and for filtered chunks their size and filter mask.
    fn element(
        &self,
        metadata: &Metadata<'_>,
        slot: u64,
        element: &[u8],
        filtered: bool,
        keep: &mut dyn FnMut(ChunkPlace) -> Result<()>,
    ) -> Result<()> {
        let mut fields = Fields::new(element, metadata.widths);
        let Some(address) = fields.address()? else { return Ok(()) };
        let Some(number) = self.counts.number(self.slots.place(slot)) else { return Ok(()) };
        let (stored, mask) = match fields.left().checked_sub(4) {
            Some(width) if filtered => (narrow(fields.uint(width)?)?, fields.u32()?),
            Some(_) | None => (self.chunk_bytes, 0),
        };
        keep(ChunkPlace { number, address, stored, mask })
    }
}

fn narrow(stored: u64) -> Result<u32> {
    u32::try_from(stored).map_err(|_| Error::unsupported(format!("has a chunk of {stored} bytes")))
}
