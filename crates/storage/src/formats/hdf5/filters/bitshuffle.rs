//! Undoes bitshuffle: of the cells of a block first bits come first, then all second bits, and so on; blocks may then be
//! compressed with LZ4 or Zstandard.

use super::lz::{decode_lz4, exactly};
use super::shuffle::Joined;
use super::{decode_zstd, lz};
use crate::{Error, Result};

/// The bytes that a block has if nothing else is said, and the least number of its cells.
const BLOCK_BYTES: usize = 8192;
const FEWEST_CELLS: usize = 128;

/// The parameters of the filter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::formats::hdf5) struct Bitshuffle {
    /// Bytes of a cell.
    cell: usize,
    /// Cells of a block, where it is not compressed.
    block: usize,
    codec: Codec,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Codec {
    Plain,
    Lz4,
    Zstd,
}

impl Bitshuffle {
    /// From the values in the header: two of versions, then cell size, cells of a block, codec.
    pub(super) fn new(values: &[u32]) -> Option<Self> {
        let cell = *values.get(2)? as usize;
        let codec = match values.get(4) {
            None | Some(0) => Codec::Plain,
            Some(2) => Codec::Lz4,
            Some(3) => Codec::Zstd,
            Some(_) => return None,
        };
        let stated = values.get(3).map_or(0, |block| *block as usize);
        let usual = BLOCK_BYTES.checked_div(cell)? / 8 * 8;
        let block = if stated == 0 { usual.max(FEWEST_CELLS) } else { stated };
        (block.is_multiple_of(8)).then_some(Self { cell, block, codec })
    }

    /// Decodes a chunk; gives its size. `spare` is scratch.
    pub(super) fn decode(&self, from: &[u8], into: &mut [u8], spare: &mut Vec<u8>) -> Result<usize> {
        match self.codec {
            Codec::Plain => {
                let target = into.get_mut(..from.len()).ok_or_else(|| Error::corrupt("is longer than its chunk"))?;
                self.plain(from, target);
                Ok(from.len())
            }
            Codec::Lz4 => self.compressed(from, into, spare, decode_lz4),
            Codec::Zstd => self.compressed(from, into, spare, decode_zstd),
        }
    }

    fn plain(&self, from: &[u8], into: &mut [u8]) {
        let shuffled = from.len() / self.cell / 8 * 8 * self.cell;
        let size = self.block * self.cell;
        let mut joined = JoinedBits::new();
        for (from, into) in from[..shuffled].chunks(size).zip(into[..shuffled].chunks_mut(size)) {
            joined.unshuffle(from, into, self.cell);
        }
        into[shuffled..].copy_from_slice(&from[shuffled..]);
    }

    /// The size of all (8 bytes) and of a block (4 bytes), then blocks, each after its size (4 bytes), then the cells that make
    /// no multiple of eight, as they are.
    fn compressed(
        &self,
        from: &[u8],
        into: &mut [u8],
        spare: &mut Vec<u8>,
        decode: fn(&[u8], &mut [u8]) -> Result<usize>,
    ) -> Result<usize> {
        let ended = || Error::corrupt("ends within its compressed bytes");
        let (head, mut rest) = from.split_at_checked(12).ok_or_else(ended)?;
        let total = usize::try_from(lz::big_endian(&head[..8])).unwrap_or(usize::MAX);
        let size = lz::big_endian(&head[8..]) as usize / self.cell / 8 * 8 * self.cell;
        let whole = into.get_mut(..total).ok_or_else(|| Error::corrupt("is longer than its chunk"))?;
        if size == 0 {
            return Err(Error::corrupt("has blocks of no size"));
        }
        let shuffled = total / self.cell / 8 * 8 * self.cell;
        let (blocks, last) = whole.split_at_mut(shuffled);
        let mut joined = JoinedBits::new();
        for target in blocks.chunks_mut(size) {
            let (stored, after) = rest.split_at_checked(4).ok_or_else(ended)?;
            let (stored, after) = after.split_at_checked(lz::big_endian(stored) as usize).ok_or_else(ended)?;
            spare.resize(target.len(), 0);
            exactly(decode(stored, spare)?, target.len())?;
            joined.unshuffle(spare, target, self.cell);
            rest = after;
        }
        last.copy_from_slice(rest.get(..last.len()).ok_or_else(ended)?);
        Ok(total)
    }
}

/// Eight cells are a group, of which a byte of the stored rows holds one bit each; so many groups are put together at a time, of
/// cells of at most so many bytes.
const GROUPS: usize = 64;
const WIDEST: usize = 16;
const STRETCH: usize = 8 * GROUPS;

/// Puts the bits of cells together; what is put together so far has its place here, so that it is not cleared for each block.
pub(super) struct JoinedBits {
    planes: [u8; WIDEST * STRETCH],
    bytes: Joined,
}

impl JoinedBits {
    pub(super) fn new() -> Self {
        Self { planes: [0; WIDEST * STRETCH], bytes: Joined::new() }
    }

    /// Puts the bits of cells of `cell` bytes together again; `from` holds a multiple of eight of them. This is hot.
    pub(super) fn unshuffle(&mut self, from: &[u8], into: &mut [u8], cell: usize) {
        let row = from.len() / cell / 8;
        let whole = if cell <= WIDEST { row / GROUPS * GROUPS } else { 0 };
        for start in (0..whole).step_by(GROUPS) {
            // First the bits of each byte, then the bytes of each cell.
            for (byte, plane) in self.planes.chunks_exact_mut(STRETCH).take(cell).enumerate() {
                join_bits(&from[byte * 8 * row..], row, start, plane);
            }
            let into = &mut into[start * 8 * cell..][..cell * STRETCH];
            self.bytes.unshuffle(&self.planes[..cell * STRETCH], into, cell);
        }
        for group in whole..row {
            for byte in 0..cell {
                let bits = std::array::from_fn(|bit| from[(byte * 8 + bit) * row + group]);
                for (i, value) in transpose(u64::from_le_bytes(bits)).to_le_bytes().iter().enumerate() {
                    into[(group * 8 + i) * cell + byte] = *value;
                }
            }
        }
    }
}

/// Words that go through the same steps side by side.
const LANES: usize = 2;

/// Eight rows of bits, each of some words.
type Rows = [[u64; LANES]; 8];

/// Makes eight rows of bits, `row` bytes long, from byte `start` on into the bytes of a stretch of cells.
fn join_bits(rows: &[u8], row: usize, start: usize, plane: &mut [u8]) {
    for (i, plane) in plane.chunks_exact_mut(64 * LANES).enumerate() {
        let at = start + i * 8 * LANES;
        let mut rows: Rows = std::array::from_fn(|bit| {
            let words = rows[bit * row + at..][..8 * LANES].as_chunks::<8>().0;
            std::array::from_fn(|lane| u64::from_le_bytes(words[lane]))
        });
        exchange_all(&mut rows, [1, 2, 4], [u64::MAX / 3, u64::MAX / 5, u64::MAX / 17]);
        exchange_all(&mut rows, [8, 16, 32], [u64::MAX / 257, u64::MAX / 65537, u64::MAX >> 32]);
        let words = plane.as_chunks_mut::<8>().0;
        for (i, row) in rows.iter().enumerate() {
            (0..LANES).for_each(|lane| words[lane * 8 + i] = row[lane].to_le_bytes());
        }
    }
}

/// Transposes eight by eight squares, each of the first shift's width, by exchanging ever larger ones between rows.
#[inline(always)]
fn exchange_all(rows: &mut Rows, shifts: [u32; 3], masks: [u64; 3]) {
    for ((step, shift), mask) in [1, 2, 4].into_iter().zip(shifts).zip(masks) {
        for i in (0..8).filter(|row| row & step == 0) {
            let (before, after) = rows.split_at_mut(i + step);
            for (low, high) in before[i].iter_mut().zip(&mut after[0]) {
                let differing = (*low >> shift ^ *high) & mask;
                *high ^= differing;
                *low ^= differing << shift;
            }
        }
    }
}

/// Transposes eight by eight bits: bit `i` of byte `j` becomes bit `j` of byte `i`, by exchanging ever larger squares.
fn transpose(mut bits: u64) -> u64 {
    for (mask, shift) in [(0x00AA_00AA_00AA_00AA, 7), (0x0000_CCCC_0000_CCCC, 14), (0x0000_0000_F0F0_F0F0, 28)] {
        let differing = (bits ^ (bits >> shift)) & mask;
        bits ^= differing ^ (differing << shift);
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_back() {
        for (cell, count) in [(1, 16), (2, 1024), (3, 1032), (4, 520), (8, 16), (8, 512), (17, 1024)] {
            let cells: Vec<u8> = (0..count * cell).map(|i| (i * 37 % 256) as u8).collect();
            let mut shuffled = vec![0u8; cells.len()];
            for bit in 0..cells.len() * 8 {
                let (i, within) = (bit / (cell * 8), bit % (cell * 8));
                let value = cells[i * cell + within / 8] >> (within % 8) & 1;
                shuffled[within * (count / 8) + i / 8] |= value << (i % 8);
            }
            let mut back = vec![0; cells.len()];
            JoinedBits::new().unshuffle(&shuffled, &mut back, cell);
            assert!(back == cells, "{count} cells of {cell} bytes");
        }
    }
}
