//! Reads the chunks of one dataset: those that a box meets, decoded, one at a time or put together.

use super::chunk_index::{ChunkIndex, ChunkPlace, Counts};
use super::dataset::Dataset;
use super::filters;
use super::layout::Chunked;
use crate::aligned::{AlignedBytes, Scratch};
use crate::formats::cells::{Cells, copy_part, fill_cells};
use crate::formats::contiguous::WORTH_SKIPPING;
use crate::io::ReadAt;
use crate::metrics::ReadMetrics;
use crate::{Error, Result};
use hyperslab_grid::Hyperslab;
use std::ops::Range;

/// The most bytes that are read at a time for several chunks that lie close together.
const WINDOW: u64 = 256 << 10;

/// Reads chunks of one dataset.
pub(super) struct ChunkReader<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) chunked: &'a Chunked,
    pub(super) index: &'a ChunkIndex,
    pub(super) metrics: &'a ReadMetrics,
    pub(super) counts: Counts,
}

impl ChunkReader<'_> {
    /// The indices of the first and of the last chunk that a box meets.
    pub(super) fn meeting(&self, slab: &Hyperslab) -> (Vec<usize>, Vec<usize>) {
        let sizes = || slab.ranges().iter().zip(&self.chunked.chunk);
        (
            sizes().map(|(range, size)| range.start / size).collect(),
            sizes().map(|(range, size)| (range.end - 1) / size).collect(),
        )
    }

    /// The whole box of a chunk; it may overhang the end of a dimension.
    pub(super) fn slab(&self, at: &[usize]) -> Hyperslab {
        Hyperslab::new(at.iter().zip(&self.chunked.chunk).map(|(i, size)| i * size..(i + 1) * size).collect())
    }

    /// Where a chunk lies, if it was ever written.
    fn place_of(&self, at: &[usize]) -> Option<ChunkPlace> {
        self.index.get(self.counts.number(at.iter().map(|i| *i as u64))?)
    }

    /// Reads and decodes one chunk.
    pub(super) fn read(&self, at: &[usize], into: &mut AlignedBytes, scratch: &mut Scratch) -> Result<()> {
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
            fill_cells(into.resize(len), self.dataset.fill());
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
    pub(super) fn assemble(
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
