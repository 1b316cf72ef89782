//! One dataset: what its header says, and reading its chunks.

use super::chunk_index::{ChunkIndex, Counts, Slots, Wanted};
use super::chunk_reader::ChunkReader;
use super::dataspace::Dataspace;
use super::datatype::{Class, Datatype};
use super::filters::{self, Filter};
use super::header::{Header, kind};
use super::heap::GlobalHeap;
use super::home::{Home, Pieces};
use super::layout::{Chunked, ExternalFile, Layout, parse_external, parse_fill, parse_old_fill};
use super::metadata::Metadata;
use super::values::{Strided, values};
use super::virtual_dataset::{Copied, Part, parts};
use super::virtual_extent::shape_now;
use crate::aligned::{AlignedBytes, Scratch};
use crate::formats::cells::{Cells, box_of_rows, copy_common, copy_part, count, fill_cells};
use crate::formats::contiguous::Contiguous;
use crate::formats::{Stored, StoredType};
use crate::io::ReadAt;
use crate::metrics::ReadMetrics;
use crate::{Error, Result, Room};
use arrow::array::{Array, ArrayRef};
use arrow::compute::interleave;
use hyperslab_grid::Hyperslab;
use std::sync::{Arc, OnceLock};

/// Chunks larger than this are refused: no library writes them by itself, and each thread needs room for two.
const LARGEST_CHUNK: usize = 1 << 31;

/// Cells larger than this are refused: one is the least that is read.
const LARGEST_CELL: usize = 1 << 24;

/// So many chunks a dimension may have, however small the file is.
const MOST_CUTS: u64 = 1 << 20;

/// A dataset that can be read, or that says why not when it is.
#[derive(Debug)]
pub(super) struct Dataset {
    pub(super) datatype: Datatype,
    pub(super) dataspace: Dataspace,
    pub(super) layout: Layout,
    pub(super) filters: Vec<Filter>,
    /// The fill value as stored; empty: zeros.
    fill: Vec<u8>,
    /// The files that hold the cells, if others do.
    external: Vec<ExternalFile>,
    pieces: OnceLock<Result<Pieces>>,
    parts: OnceLock<Result<Vec<Part>>>,
    pub(super) home: Arc<Home>,
    index: OnceLock<Result<ChunkIndex>>,
}

impl Dataset {
    /// A dataset that no file holds: numbers along one dimension.
    pub(super) fn of_numbers(numbers: &[f64], home: &Arc<Home>) -> Self {
        let class = Class::Number { ty: StoredType::F64, big_endian: false };
        Self {
            datatype: Datatype { size: size_of::<f64>(), class },
            dataspace: Dataspace { shape: vec![numbers.len()], limits: vec![Some(numbers.len())], null: false },
            layout: Layout::Compact(numbers.iter().flat_map(|number| number.to_le_bytes()).collect()),
            filters: Vec::new(),
            fill: Vec::new(),
            external: Vec::new(),
            pieces: OnceLock::new(),
            parts: OnceLock::new(),
            home: Arc::clone(home),
            index: OnceLock::new(),
        }
    }

    /// Reads what a header says; `None` if it is not the header of a dataset.
    pub(super) fn parse(metadata: &Metadata<'_>, header: &Header, home: &Arc<Home>) -> Result<Option<Self>> {
        let find = |kind| header.find(metadata, kind);
        let (Some(layout), Some(datatype), Some(dataspace)) =
            (find(kind::LAYOUT)?, find(kind::DATATYPE)?, find(kind::DATASPACE)?)
        else {
            return Ok(None);
        };
        let fill = match (find(kind::FILL)?, find(kind::OLD_FILL)?) {
            (Some(body), _) => parse_fill(metadata, &body)?,
            (None, Some(body)) => parse_old_fill(metadata, &body)?,
            (None, None) => Vec::new(),
        };
        let mut dataset = Self {
            datatype: Datatype::parse(&datatype, metadata.widths)?,
            dataspace: Dataspace::parse(&dataspace, metadata.widths)?,
            layout: Layout::parse(metadata, &layout)?,
            filters: find(kind::FILTERS)?.map_or(Ok(Vec::new()), |body| Filter::parse_all(metadata, &body))?,
            fill,
            external: find(kind::EXTERNAL_FILES)?.map_or(Ok(Vec::new()), |body| parse_external(metadata, &body))?,
            pieces: OnceLock::new(),
            parts: OnceLock::new(),
            home: Arc::clone(home),
            index: OnceLock::new(),
        };
        dataset.grow();
        dataset.check(metadata.file_len()).map(|()| Some(dataset))
    }

    /// Makes a virtual dataset that may grow as long as its sources are. Where that cannot be found out reading says why.
    fn grow(&mut self) {
        if let Layout::Virtual(reference) = &self.layout
            && self.dataspace.limits.iter().any(Option::is_none)
            && let Ok(shape) = shape_now(&self.home, reference, &self.dataspace)
        {
            self.dataspace.shape = shape;
        }
    }

    fn check(&self, file_len: u64) -> Result<()> {
        let cell = self.datatype.size;
        if self.dataspace.cells().and_then(|cells| cells.checked_mul(cell)).is_none() {
            return Err(Error::corrupt("has more cells than any file can hold"));
        }
        if !self.fill.is_empty() && self.fill.len() != cell {
            return Err(Error::corrupt(format!("has a fill value of {} bytes for cells of {cell}", self.fill.len())));
        }
        if cell > LARGEST_CELL {
            return Err(Error::unsupported(format!(
                "has cells of {cell} bytes, and more than {LARGEST_CELL} are not read"
            )));
        }
        let chunk = self.chunk();
        if chunk.len() != self.dataspace.shape.len() {
            return Err(Error::corrupt("has chunks of another rank than its own"));
        }
        // The cuts of each dimension are held in memory.
        let most = file_len.max(MOST_CUTS) as usize;
        if self.dataspace.shape.iter().zip(&chunk).any(|(len, size)| len.div_ceil(*size) > most) {
            return Err(Error::unsupported("has a dimension of more chunks than its file has bytes"));
        }
        Ok(())
    }

    /// The shape of what is read at a time.
    pub(super) fn chunk(&self) -> Vec<usize> {
        match &self.layout {
            Layout::Chunked(chunked) => chunked.chunk.clone(),
            Layout::Compact(_) | Layout::Contiguous { .. } | Layout::Virtual(_) => {
                box_of_rows(&self.dataspace.shape, self.datatype.size)
            }
        }
    }

    /// Whether the cells are kept in chunks.
    pub(super) fn is_chunked(&self) -> bool {
        matches!(self.layout, Layout::Chunked(_))
    }

    /// The fill value as stored; empty: zeros.
    pub(super) fn fill(&self) -> &[u8] {
        &self.fill
    }

    /// Reads the cells of `slab`, as stored; gives the box that `into` then holds. The box may
    /// reach beyond the extent: a dimension can be longer than each of its variables, which end in fill values.
    pub(super) fn read(
        &self,
        slab: &Hyperslab,
        into: &mut AlignedBytes,
        scratch: &mut Scratch,
        (room, metrics): (&Room, &ReadMetrics),
    ) -> Result<Hyperslab> {
        filters::check(&self.filters)?;
        if slab.is_empty() {
            into.resize(0);
            return Ok(slab.clone());
        }
        let held = match &self.layout {
            Layout::Chunked(chunked) => self.read_chunked(chunked, slab, into, scratch, metrics)?,
            Layout::Compact(cells) => {
                self.read_compact(cells, slab, into)?;
                slab.clone()
            }
            Layout::Contiguous { address } => {
                self.read_contiguous(*address, slab, into, scratch, metrics)?;
                slab.clone()
            }
            Layout::Virtual(reference) => {
                self.read_virtual(reference, slab, into, (room, metrics))?;
                slab.clone()
            }
        };
        Ok(held)
    }

    /// Makes room for a box that is put together, with fill values where the dataset has no cells.
    fn lay_out<'b>(&self, slab: &Hyperslab, into: &'b mut AlignedBytes) -> Result<&'b mut [u8]> {
        let len = count(&slab.shape()).and_then(|cells| cells.checked_mul(self.datatype.size));
        let bytes = into.resize(len.ok_or_else(|| Error::corrupt("has more cells than memory can hold"))?);
        if !self.extent().contains(slab) {
            fill_cells(bytes, &self.fill);
        }
        Ok(bytes)
    }

    pub(super) fn extent(&self) -> Hyperslab {
        Hyperslab::all(&self.dataspace.shape)
    }

    fn read_compact(&self, cells: &[u8], slab: &Hyperslab, into: &mut AlignedBytes) -> Result<()> {
        let extent = self.extent();
        if cells.len() < extent.cells() * self.datatype.size {
            return Err(Error::corrupt("has fewer cells than its shape says"));
        }
        let bytes = self.lay_out(slab, into)?;
        copy_common(&Cells { bytes: cells, slab: &extent }, &mut Cells { bytes, slab }, self.datatype.size);
        Ok(())
    }

    fn read_contiguous(
        &self,
        address: Option<u64>,
        slab: &Hyperslab,
        into: &mut AlignedBytes,
        scratch: &mut Scratch,
        metrics: &ReadMetrics,
    ) -> Result<()> {
        let (source, address): (&dyn ReadAt, _) = match self.pieces()? {
            Some(pieces) => (pieces, Some(0)),
            None => (&self.home.source, address.and_then(|address| address.checked_add(self.home.base))),
        };
        let bytes = self.lay_out(slab, into)?;
        let (Some(offset), Some(stored)) = (address, slab.intersect(&self.extent())) else {
            fill_cells(bytes, &self.fill);
            metrics.chunk_absent();
            return Ok(());
        };
        let (cell, len) = (self.datatype.size, bytes.len());
        let array = Contiguous { offset, shape: self.dataspace.shape.clone(), cell, record: None };
        let Scratch { stored: window, chunk, .. } = scratch;
        if stored == *slab {
            array.read(source, slab, bytes, window, metrics)?;
        } else {
            let part = chunk.resize(stored.cells() * cell);
            array.read(source, &stored, part, window, metrics)?;
            copy_common(&Cells { bytes: part, slab: &stored }, &mut Cells { bytes, slab }, cell);
        }
        metrics.chunk_read(len, len);
        Ok(())
    }

    /// The cells that lie in other files, if they do.
    fn pieces(&self) -> Result<Option<&Pieces>> {
        if self.external.is_empty() {
            return Ok(None);
        }
        let pieces = self.pieces.get_or_init(|| {
            let open = |(name, at, len): &ExternalFile| Ok((self.home.open_cells(name)?, *at, *len));
            self.external.iter().map(open).collect::<Result<_>>().map(Pieces::new)
        });
        pieces.as_ref().map(Some).map_err(Clone::clone)
    }

    fn read_virtual(
        &self,
        reference: &[u8],
        slab: &Hyperslab,
        into: &mut AlignedBytes,
        (room, metrics): (&Room, &ReadMetrics),
    ) -> Result<()> {
        let shape = &self.dataspace.shape;
        let len = count(&slab.shape()).and_then(|cells| cells.checked_mul(self.datatype.size));
        let bytes = into.resize(len.ok_or_else(|| Error::corrupt("has more cells than memory can hold"))?);
        fill_cells(bytes, &self.fill);
        for part in self.parts(reference)? {
            part.read(&self.home, (&self.datatype, shape), slab, bytes, (room, metrics))?;
        }
        metrics.chunk_read(bytes.len(), bytes.len());
        Ok(())
    }

    fn parts(&self, reference: &[u8]) -> Result<&[Part]> {
        let parts = self.parts.get_or_init(|| parts(&self.home, reference, &self.dataspace.shape));
        parts.as_deref().map_err(Clone::clone)
    }

    /// Reads cells of a virtual dataset that refer to heaps, each to that of its source.
    pub(super) fn read_virtual_values(
        &self,
        reference: &[u8],
        of: &Datatype,
        slab: &Hyperslab,
        space: &mut Stored,
        metrics: &ReadMetrics,
    ) -> Result<ArrayRef> {
        let (shape, cell) = (&self.dataspace.shape, self.datatype.size);
        let bytes = space.bytes.resize(slab.cells() * cell);
        let nothing = vec![0; cell];
        let of_source = |cells: &[u8], home: &Home| {
            let metadata = home.metadata();
            values(of, Strided::new(cells, cell), &GlobalHeap::within(&metadata, &space.room))
        };
        let mut pieces = vec![of_source(&nothing, &self.home)?];
        space.room.take(slab.cells() * size_of::<(usize, usize)>())?;
        let mut places = vec![(0, 0); slab.cells()];
        for part in self.parts(reference)? {
            let read = part.read(&self.home, (&self.datatype, shape), slab, bytes, (&space.room, metrics))?;
            let Some(Copied { source, cells: runs }) = read else { continue };
            if matches!(source.layout, Layout::Virtual(_)) {
                return Err(Error::unsupported("has virtual parts of text or lists that are virtual themselves"));
            }
            let mut cells = Vec::new();
            for run in runs {
                let first = cells.len() / cell;
                places[run.clone()].iter_mut().zip(first..).for_each(|(place, at)| *place = (pieces.len(), at));
                space.room.extend(&mut cells, &bytes[run.start * cell..run.end * cell])?;
            }
            pieces.push(of_source(&cells, &source.home)?);
        }
        metrics.chunk_read(bytes.len(), bytes.len());
        let pieces: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
        interleave(&pieces, &places).map_err(|error| Error::corrupt(error.to_string()))
    }

    fn read_chunked(
        &self,
        chunked: &Chunked,
        slab: &Hyperslab,
        into: &mut AlignedBytes,
        scratch: &mut Scratch,
        metrics: &ReadMetrics,
    ) -> Result<Hyperslab> {
        let index = self.index(chunked)?;
        let reader = ChunkReader { dataset: self, chunked, index, metrics, counts: self.counts(chunked) };
        let (first, last) = reader.meeting(slab);
        if first == last {
            reader.read(&first, into, scratch)?;
            let held = reader.slab(&first);
            self.fill_beyond(&held, slab, into, scratch);
            return Ok(held);
        }
        self.lay_out(slab, into)?;
        let mut chunk = std::mem::take(&mut scratch.chunk);
        let outcome = reader.assemble(&first, &last, slab, into, &mut chunk, scratch);
        scratch.chunk = chunk;
        outcome.map(|()| slab.clone())
    }

    /// Puts fill values where a chunk overhangs the extent, if cells are asked for there.
    fn fill_beyond(&self, held: &Hyperslab, slab: &Hyperslab, into: &mut AlignedBytes, scratch: &mut Scratch) {
        let extent = self.extent();
        if extent.contains(slab) {
            return;
        }
        let kept = scratch.chunk.resize(into.len());
        kept.copy_from_slice(into);
        fill_cells(into, &self.fill);
        if let Some(within) = held.intersect(&extent) {
            let into = &mut Cells { bytes: &mut into[..], slab: held };
            copy_part(&Cells { bytes: &*kept, slab: held }, into, &within, self.datatype.size);
        }
    }

    fn counts(&self, chunked: &Chunked) -> Counts {
        Counts::new(&self.dataspace.shape, &chunked.chunk)
    }

    /// The index of chunks, read when first asked for.
    fn index(&self, chunked: &Chunked) -> Result<&ChunkIndex> {
        let read = || {
            let Dataspace { shape, limits, .. } = &self.dataspace;
            let wanted = Wanted {
                chunked,
                counts: self.counts(chunked),
                slots: Slots::new(shape, limits, &chunked.chunk),
                chunk_bytes: self.chunk_bytes(chunked)? as u32,
            };
            ChunkIndex::read(&self.home.metadata(), &wanted)
        };
        self.index.get_or_init(read).as_ref().map_err(Clone::clone)
    }

    pub(super) fn chunk_bytes(&self, chunked: &Chunked) -> Result<usize> {
        let bytes = count(&chunked.chunk).and_then(|cells| cells.checked_mul(self.datatype.size));
        bytes.filter(|bytes| *bytes <= LARGEST_CHUNK).ok_or_else(|| {
            Error::unsupported(format!("has chunks of shape {:?}, which are larger than 2 GiB", chunked.chunk))
        })
    }
}
