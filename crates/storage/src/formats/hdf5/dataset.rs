//! One dataset: what its header says, and reading its chunks.

use super::chunk_index::{ChunkIndex, ChunkPlace, Counts, Slots, Wanted};
use super::dataspace::Dataspace;
use super::datatype::{Class, Datatype};
use super::filters::{self, Filter};
use super::header::{Header, kind};
use super::home::{Home, Pieces};
use super::layout::{Chunked, ExternalFile, Layout, parse_external, parse_fill, parse_old_fill};
use super::metadata::Metadata;
use super::virtual_dataset::{Part, parts};
use crate::aligned::{AlignedBytes, Scratch};
use crate::formats::StoredType;
use crate::formats::cells::{Cells, box_of_rows, copy_common, copy_part, count, fill_cells};
use crate::formats::contiguous::{Contiguous, WORTH_SKIPPING};
use crate::io::ReadAt;
use crate::metrics::ReadMetrics;
use crate::{Error, Result};
use hyperslab_grid::Hyperslab;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Chunks larger than this are refused: no library writes them by itself, and each thread needs room for two.
const LARGEST_CHUNK: usize = 1 << 31;

/// So many chunks a dimension may have, however small the file is.
const MOST_CUTS: u64 = 1 << 20;

/// The most bytes that are read at a time for several chunks that lie close together.
const WINDOW: u64 = 256 << 10;

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
        let dataset = Self {
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
        dataset.check(metadata.file_len()).map(|()| Some(dataset))
    }

    fn check(&self, file_len: u64) -> Result<()> {
        let cell = self.datatype.size;
        if self.dataspace.cells().and_then(|cells| cells.checked_mul(cell)).is_none() {
            return Err(Error::corrupt("has more cells than any file can hold"));
        }
        if !self.fill.is_empty() && self.fill.len() != cell {
            return Err(Error::corrupt(format!("has a fill value of {} bytes for cells of {cell}", self.fill.len())));
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
        metrics: &ReadMetrics,
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
                self.read_virtual(reference, slab, into, metrics)?;
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

    fn extent(&self) -> Hyperslab {
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
        metrics: &ReadMetrics,
    ) -> Result<()> {
        let shape = &self.dataspace.shape;
        let parts = self.parts.get_or_init(|| parts(&self.home, reference, shape));
        let len = count(&slab.shape()).and_then(|cells| cells.checked_mul(self.datatype.size));
        let bytes = into.resize(len.ok_or_else(|| Error::corrupt("has more cells than memory can hold"))?);
        fill_cells(bytes, &self.fill);
        for part in parts.as_ref().map_err(Clone::clone)? {
            part.read(&self.home, (&self.datatype, shape), slab, bytes, metrics)?;
        }
        metrics.chunk_read(bytes.len(), bytes.len());
        Ok(())
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

    fn chunk_bytes(&self, chunked: &Chunked) -> Result<usize> {
        let bytes = count(&chunked.chunk).and_then(|cells| cells.checked_mul(self.datatype.size));
        bytes.filter(|bytes| *bytes <= LARGEST_CHUNK).ok_or_else(|| {
            Error::unsupported(format!("has chunks of shape {:?}, which are larger than 2 GiB", chunked.chunk))
        })
    }
}

/// Reads chunks of one dataset.
struct ChunkReader<'a> {
    dataset: &'a Dataset,
    chunked: &'a Chunked,
    index: &'a ChunkIndex,
    metrics: &'a ReadMetrics,
    counts: Counts,
}

impl ChunkReader<'_> {
    /// The indices of the first and of the last chunk that a box meets.
    fn meeting(&self, slab: &Hyperslab) -> (Vec<usize>, Vec<usize>) {
        let sizes = || slab.ranges().iter().zip(&self.chunked.chunk);
        (
            sizes().map(|(range, size)| range.start / size).collect(),
            sizes().map(|(range, size)| (range.end - 1) / size).collect(),
        )
    }

    /// The whole box of a chunk; it may overhang the end of a dimension.
    fn slab(&self, at: &[usize]) -> Hyperslab {
        Hyperslab::new(at.iter().zip(&self.chunked.chunk).map(|(i, size)| i * size..(i + 1) * size).collect())
    }

    /// Where a chunk lies, if it was ever written.
    fn place_of(&self, at: &[usize]) -> Option<ChunkPlace> {
        self.index.get(self.counts.number(at.iter().map(|i| *i as u64))?)
    }

    /// Reads and decodes one chunk.
    fn read(&self, at: &[usize], into: &mut AlignedBytes, scratch: &mut Scratch) -> Result<()> {
        let place = self.place_of(at);
        if let Some(place) = &place {
            let stored = if self.is_plain(at) { &mut *into } else { &mut scratch.stored };
            self.fetch(place, stored).map_err(|error| self.in_chunk(at, error))?;
        }
        self.decode(at, place, into, scratch)
    }

    /// Reads the stored bytes of a chunk.
    fn fetch(&self, place: &ChunkPlace, stored: &mut AlignedBytes) -> Result<()> {
        // The index was checked against the file's size, so that this asks for no more memory than the file has bytes.
        let stored = stored.resize(place.stored as usize);
        self.dataset.home.source.read_exact_at(self.dataset.home.base + place.address, stored, self.metrics)
    }

    fn in_chunk(&self, at: &[usize], mut error: Error) -> Error {
        error.message = format!("chunk at {:?} {}", self.slab(at).start(), error.message);
        error
    }

    /// Whether a chunk went through no filter.
    fn is_plain(&self, at: &[usize]) -> bool {
        self.dataset.filters.is_empty() || (self.chunked.raw_edges && self.overhangs(at))
    }

    /// Decodes one chunk: its stored bytes are in `scratch.stored`, or in `into` if it went through no filter.
    fn decode(
        &self,
        at: &[usize],
        place: Option<ChunkPlace>,
        into: &mut AlignedBytes,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let len = self.dataset.chunk_bytes(self.chunked)?;
        let Some(place) = place else {
            fill_cells(into.resize(len), &self.dataset.fill);
            self.metrics.chunk_absent();
            return Ok(());
        };
        let outcome = if !self.is_plain(at) {
            filters::decode(&self.dataset.filters, place.mask, len, scratch, into)
        } else if into.len() == len {
            Ok(())
        } else {
            Err(Error::corrupt(format!("has {} bytes in place of {len}", into.len())))
        };
        outcome.map_err(|error| self.in_chunk(at, error))?;
        self.metrics.chunk_read(place.stored as usize, len);
        Ok(())
    }

    fn overhangs(&self, at: &[usize]) -> bool {
        !self.dataset.extent().contains(&self.slab(at))
    }

    /// Puts a box together from all chunks that it meets.
    fn assemble(
        &self,
        first: &[usize],
        last: &[usize],
        slab: &Hyperslab,
        into: &mut AlignedBytes,
        chunk: &mut AlignedBytes,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let mut chunks = Vec::new();
        let mut at = first.to_vec();
        loop {
            chunks.push((at.clone(), self.place_of(&at)));
            if !advance(&mut at, first, last) {
                break;
            }
        }
        let (cell, extent) = (self.dataset.datatype.size, self.dataset.extent());
        let mut window = 0..0;
        for (i, (at, place)) in chunks.iter().enumerate() {
            if let Some(place) = place {
                let followers = chunks[i + 1..].iter().map(|(_, place)| place);
                self.fetch_ahead(place, followers, &mut window, &mut scratch.window)
                    .map_err(|error| self.in_chunk(at, error))?;
                let from = (place.address - window.start) as usize;
                let stored = &scratch.window[from..from + place.stored as usize];
                let target = if self.is_plain(at) { &mut *chunk } else { &mut scratch.stored };
                target.resize(stored.len()).copy_from_slice(stored);
            }
            self.decode(at, *place, chunk, scratch)?;
            let held = self.slab(at);
            if let Some(within) = held.intersect(&extent).and_then(|within| within.intersect(slab)) {
                let from = Cells { bytes: &chunk[..], slab: &held };
                copy_part(&from, &mut Cells { bytes: into, slab }, &within, cell);
            }
        }
        Ok(())
    }

    /// Makes `window`, addresses whose bytes are in `bytes`, hold a chunk; those that follow it and lie close are read in
    /// one go with it.
    fn fetch_ahead<'p>(
        &self,
        chunk: &ChunkPlace,
        followers: impl Iterator<Item = &'p Option<ChunkPlace>>,
        window: &mut Range<u64>,
        bytes: &mut AlignedBytes,
    ) -> Result<()> {
        let end = |place: &ChunkPlace| place.address + u64::from(place.stored);
        if window.start <= chunk.address && end(chunk) <= window.end {
            return Ok(());
        }
        *window = chunk.address..end(chunk);
        for next in followers.map_while(Option::as_ref) {
            let close = window.end <= next.address && next.address - window.end <= WORTH_SKIPPING;
            if !close || end(next) - window.start > WINDOW {
                break;
            }
            window.end = end(next);
        }
        let into = bytes.resize((window.end - window.start) as usize);
        self.dataset.home.source.read_exact_at(self.dataset.home.base + window.start, into, self.metrics)
    }
}

/// Goes to the next indices between `first` and `last`, row-major; `false` after the last.
fn advance(at: &mut [usize], first: &[usize], last: &[usize]) -> bool {
    for d in (0..at.len()).rev() {
        if at[d] < last[d] {
            at[d] += 1;
            return true;
        }
        at[d] = first[d];
    }
    false
}
