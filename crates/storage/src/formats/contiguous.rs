//! Reads boxes of arrays that lie in a file row after row. Knows where the cells lie, not what they are.

use super::cells::{BOX_BYTES, Runs};
use crate::Result;
use crate::aligned::AlignedBytes;
use crate::error::Error;
use crate::io::ReadAt;
use crate::metrics::ReadMetrics;
use hyperslab_grid::Hyperslab;

/// Bytes that are rather read over than skipped: about what a second call to the operating system costs.
pub(crate) const WORTH_SKIPPING: u64 = 16 << 10;

/// Where the cells of an array lie in a file.
#[derive(Clone, Debug)]
pub(crate) struct Contiguous {
    /// The position of the first cell.
    pub(crate) offset: u64,
    /// The shape of the array.
    pub(crate) shape: Vec<usize>,
    /// Bytes a cell.
    pub(crate) cell: usize,
    /// The distance between positions of the first dimension, where that is not the size of what lies in between.
    pub(crate) record: Option<u64>,
}

/// A run of bytes in the file.
#[derive(Clone, Copy)]
struct Run {
    at: u64,
    len: usize,
}

impl Contiguous {
    /// Whether all cells lie within the first `len` bytes of the file.
    pub(crate) fn fits(&self, len: u64) -> bool {
        self.end().is_some_and(|end| end <= len)
    }

    /// The position after the last cell, 0 without any; `None` if that is beyond all measure.
    fn end(&self) -> Option<u64> {
        // What was never written need not have a place: its offset may lie beyond the end.
        if self.shape.contains(&0) {
            return Some(0);
        }
        let size =
            |shape: &[usize]| shape.iter().try_fold(self.cell as u64, |bytes, len| bytes.checked_mul(*len as u64));
        match (self.record, self.shape.split_first()) {
            (Some(record), Some((records, rest))) => {
                record.checked_mul(*records as u64 - 1)?.checked_add(size(rest)?)?.checked_add(self.offset)
            }
            (Some(_) | None, _) => size(&self.shape)?.checked_add(self.offset),
        }
    }

    /// Reads the cells of `slab`, which lies within the shape, as stored.
    pub(crate) fn read(
        &self,
        source: &dyn ReadAt,
        slab: &Hyperslab,
        into: &mut [u8],
        window: &mut AlignedBytes,
        metrics: &ReadMetrics,
    ) -> Result<()> {
        if !self.fits(source.len()) {
            return Err(Error::corrupt("its cells lie beyond the end of the file"));
        }
        let mut runs = self.runs(slab).peekable();
        let mut rest = into;
        let mut group = Vec::new();
        while let Some(first) = runs.next() {
            group.clear();
            group.push(first);
            let mut end = first.at + first.len as u64;
            while let Some(next) = runs.next_if(|next| joins(&first, end, next)) {
                end = next.at + next.len as u64;
                group.push(next);
            }
            let (here, after) = rest.split_at_mut(group.iter().map(|run| run.len).sum());
            rest = after;
            read_group(source, &group, here, window, metrics)?;
        }
        Ok(())
    }

    /// The runs of bytes that hold the cells of a box, in row-major order, which is also the order in the file.
    fn runs(&self, slab: &Hyperslab) -> impl Iterator<Item = Run> {
        let cell = self.cell;
        let records = match self.record {
            Some(_) => slab.ranges()[0].clone(),
            None => 0..1,
        };
        let inner = match self.record {
            Some(_) => Runs::new(&Hyperslab::new(slab.ranges()[1..].to_vec()), &Hyperslab::all(&self.shape[1..])),
            None => Runs::new(slab, &Hyperslab::all(&self.shape)),
        };
        let stride = self.record.unwrap_or(0);
        let len = inner.len * cell;
        records.flat_map(move |record| {
            let offset = self.offset + record as u64 * stride;
            inner.starts().map(move |at| Run { at: offset + (at * cell) as u64, len }).collect::<Vec<_>>()
        })
    }
}

/// Whether `next` is read together with what begins with `first` and so far ends at `end`.
fn joins(first: &Run, end: u64, next: &Run) -> bool {
    next.at >= end && next.at - end <= WORTH_SKIPPING && next.at + next.len as u64 - first.at <= BOX_BYTES as u64
}

/// Reads several runs that lie close to each other in one go.
fn read_group(
    source: &dyn ReadAt,
    group: &[Run],
    into: &mut [u8],
    window: &mut AlignedBytes,
    metrics: &ReadMetrics,
) -> Result<()> {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return Ok(()) };
    let span = (last.at + last.len as u64 - first.at) as usize;
    if span == into.len() {
        return source.read_exact_at(first.at, into, metrics);
    }
    let window = window.resize(span);
    source.read_exact_at(first.at, window, metrics)?;
    let mut rest = into;
    for run in group {
        let (here, after) = rest.split_at_mut(run.len);
        here.copy_from_slice(&window[(run.at - first.at) as usize..][..run.len]);
        rest = after;
    }
    Ok(())
}
