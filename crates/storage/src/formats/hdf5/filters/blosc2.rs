//! Undoes the frames that Blosc 2 puts around its chunks: a head, chunks, and a chunk of their offsets; for arrays of several
//! dimensions also how cells lie in blocks. Facts are those of the documents "Blosc2 Contiguous Frame Format" and "B2ND".

use super::blosc;
use crate::{Error, Result};
use hyperslab_grid::Hyperslab;

/// Places in the head of a frame; numbers there are big-endian.
const MAGIC: (usize, &[u8]) = (2, b"b2frame\0");
const HEAD_LEN: usize = 11;
const LEN: usize = 30;
const STORED: usize = 39;
const CELL: usize = 48;
const CHUNK: usize = 58;

fn ended() -> Error {
    Error::corrupt("ends within its blosc2 frame")
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Result<u64> {
    let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk::<N>()).ok_or_else(ended)?;
    Ok(super::lz::big_endian(bytes))
}

/// Decodes what the filter stored: a frame, or a bare chunk. Gives its size. `spare` is scratch.
pub(super) fn decode(from: &[u8], into: &mut [u8], spare: &mut Vec<u8>) -> Result<usize> {
    let is_frame = from.get(MAGIC.0..).is_some_and(|rest| rest.starts_with(MAGIC.1));
    if !is_frame {
        return blosc::decode(from, into, spare);
    }
    let head_len = number::<4>(from, HEAD_LEN)? as usize;
    let (len, stored, chunk) =
        (number::<8>(from, LEN)?, number::<8>(from, STORED)?, number::<4>(from, CHUNK)? as usize);
    let shape = Tiles::find(from.get(..head_len).ok_or_else(ended)?)?;
    let whole = match &shape {
        Some(tiles) => tiles.padded_bytes()?,
        None => into.len(),
    };
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let padded = shape.is_some();
    let mut cells = Vec::new();
    let target = if padded {
        // What is stored is filled up to whole blocks, at most twice as long in each dimension.
        if whole / 64 > into.len().saturating_add(1 << 16) {
            return Err(Error::corrupt("has blocks far larger than its chunk"));
        }
        cells.resize(whole, 0);
        cells.as_mut_slice()
    } else {
        into.get_mut(..len).ok_or_else(|| Error::corrupt("is longer than its chunk"))?
    };
    if chunk == 0 {
        return Ok(0);
    }
    let offsets = offsets(from, head_len as u64, stored, target.len().div_ceil(chunk), spare)?;
    for (offset, target) in offsets.iter().zip(target.chunks_mut(chunk)) {
        one_chunk(from, head_len as u64, *offset, target, spare)?;
    }
    match shape {
        Some(tiles) => tiles.untile(&cells, into),
        None => Ok(len),
    }
}

/// Where the chunks are, counted from the end of the head.
fn offsets(from: &[u8], head: u64, stored: u64, chunks: usize, spare: &mut Vec<u8>) -> Result<Vec<i64>> {
    let at = head.checked_add(stored).and_then(|at| usize::try_from(at).ok()).ok_or_else(ended)?;
    let mut bytes = vec![0; chunks.checked_mul(8).filter(|_| chunks <= from.len()).ok_or_else(ended)?];
    blosc::decode(from.get(at..).ok_or_else(ended)?, &mut bytes, spare)?;
    Ok(bytes.as_chunks::<8>().0.iter().map(|offset| i64::from_le_bytes(*offset)).collect())
}

fn one_chunk(from: &[u8], head: u64, offset: i64, into: &mut [u8], spare: &mut Vec<u8>) -> Result<()> {
    if offset < 0 {
        // The highest bits say which value all cells have.
        return match offset as u64 >> 56 & 0x7F {
            1 | 4 => {
                into.fill(0);
                Ok(())
            }
            other => Err(Error::unsupported(format!("is a blosc2 chunk of the unknown kind {other}"))),
        };
    }
    let at = head.checked_add(offset as u64).and_then(|at| usize::try_from(at).ok());
    let stored = at.and_then(|at| from.get(at..)).ok_or_else(ended)?;
    let len = blosc::decode(stored, into, spare)?;
    super::lz::exactly(len, into.len())
}

/// How an array of several dimensions lies in its one chunk: in blocks, filled up at the ends.
struct Tiles {
    shape: Vec<usize>,
    block: Vec<usize>,
    cell: usize,
}

impl Tiles {
    /// From the metadata named "b2nd" in the head of a frame, if it is there.
    fn find(head: &[u8]) -> Result<Option<Self>> {
        // A name of four letters, then the place of its content.
        let Some(at) = head.windows(5).position(|five| five == b"\xa4b2nd") else { return Ok(None) };
        if head.get(at + 5) != Some(&0xD2) {
            return Err(Error::corrupt("has a blosc2 frame without the shape it names"));
        }
        let content = number::<4>(head, at + 6)? as usize;
        // The content: five bytes of its length, then an array: version, rank, and lists of sizes.
        let body = head.get(content + 5..).ok_or_else(ended)?;
        let rank = usize::from(*body.get(2).ok_or_else(ended)?);
        let mut at = 3;
        let shape = sizes::<8>(body, rank, &mut at)?;
        let chunk = sizes::<4>(body, rank, &mut at)?;
        let block = sizes::<4>(body, rank, &mut at)?;
        if block.contains(&0) || shape.iter().zip(&chunk).any(|(len, chunk)| len > chunk) {
            return Err(Error::unsupported("is a blosc2 array of several chunks, which is not read"));
        }
        let cell = number::<4>(head, CELL)? as usize;
        Ok(Some(Self { shape: chunk, block, cell }))
    }

    /// How many blocks there are along each dimension.
    fn counts(&self) -> impl Iterator<Item = usize> {
        self.shape.iter().zip(&self.block).map(|(len, block)| len.div_ceil(*block))
    }

    fn padded_bytes(&self) -> Result<usize> {
        let lens = self.counts().zip(&self.block).map(|(count, block)| count.saturating_mul(*block));
        bytes_of(&lens.collect::<Vec<_>>(), self.cell)
    }

    /// Brings the cells of all blocks into the order of the array; gives its size.
    fn untile(&self, cells: &[u8], into: &mut [u8]) -> Result<usize> {
        let whole = Hyperslab::all(&self.shape);
        let len = bytes_of(&self.shape, self.cell)?;
        let into = into.get_mut(..len).ok_or_else(|| Error::corrupt("is longer than its chunk"))?;
        if len == 0 {
            return Ok(0);
        }
        let counts: Vec<usize> = self.counts().collect();
        let block_len = bytes_of(&self.block, self.cell)?;
        for (i, bytes) in cells.chunks_exact(block_len).enumerate() {
            let slab = self.block_at(i, &counts);
            let from = crate::formats::cells::Cells { bytes, slab: &slab };
            let target = &mut crate::formats::cells::Cells { bytes: &mut *into, slab: &whole };
            crate::formats::cells::copy_common(&from, target, self.cell);
        }
        Ok(len)
    }

    fn block_at(&self, number: usize, counts: &[usize]) -> Hyperslab {
        let mut rest = number;
        let mut ranges: Vec<_> = counts
            .iter()
            .zip(&self.block)
            .rev()
            .map(|(count, block)| {
                let at = rest % count * block;
                rest /= count;
                at..at + block
            })
            .collect();
        ranges.reverse();
        Hyperslab::new(ranges)
    }
}

/// The bytes of a box of cells.
fn bytes_of(shape: &[usize], cell: usize) -> Result<usize> {
    let bytes = shape.iter().try_fold(cell, |bytes, len| bytes.checked_mul(*len));
    bytes.ok_or_else(|| Error::corrupt("has a blosc2 frame of an impossible shape"))
}

/// A list of so many numbers of `N` bytes, each after a byte that tells its kind.
fn sizes<const N: usize>(bytes: &[u8], count: usize, at: &mut usize) -> Result<Vec<usize>> {
    *at += 1;
    (0..count)
        .map(|_| {
            let size = number::<N>(bytes, *at + 1)?;
            *at += 1 + N;
            usize::try_from(size).map_err(|_| ended())
        })
        .collect()
}
