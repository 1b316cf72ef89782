//! Undoes the scale-offset filter: each cell is kept as its difference from the least one, floats after multiplication by a
//! power of ten, in as few bits as the largest difference needs (reference manual, `H5Pset_scaleoffset`).

use super::bits::{Bits, low_bytes};
use crate::{Error, Result};

/// Bytes before the packed differences.
const HEAD: usize = 21;

/// The parameters of the filter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::formats::hdf5) struct ScaleOffset {
    kind: Kind,
    cells: usize,
    /// Whether all bits were asked for, so that nothing was done.
    whole: bool,
    /// Bytes a cell.
    size: usize,
    big_endian: bool,
    /// The bits of the fill value, which the largest difference stands for.
    fill: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Integer,
    /// Multiplied by ten to this power.
    Float {
        digits: i32,
    },
}

impl ScaleOffset {
    /// From the values in the header: scale type and factor, cells, class, size, sign, byte order, and the fill value.
    pub(super) fn new(values: &[u32]) -> Option<Self> {
        let [scale, factor, cells, class, size, _, order, filled, fill @ ..] = values else { return None };
        let kind = match (scale, class, size) {
            (2, 0, 1 | 2 | 4 | 8) => Kind::Integer,
            (0, 1, 4 | 8) => Kind::Float { digits: *factor as i32 },
            _ => return None,
        };
        let part = |i: usize| u64::from(fill.get(i).copied().unwrap_or(0));
        let fill = (*filled == 1).then(|| part(0) | if *size == 8 { part(1) << 32 } else { 0 });
        let size = *size as usize;
        let whole = kind == Kind::Integer && *factor as usize == size * 8;
        Some(Self { kind, cells: *cells as usize, whole, size, big_endian: *order == 1, fill })
    }

    /// Decodes a chunk; gives its size.
    pub(super) fn decode(&self, from: &[u8], into: &mut [u8]) -> Result<usize> {
        if self.whole {
            let into = into.get_mut(..from.len()).ok_or_else(|| Error::corrupt("is longer than its chunk"))?;
            into.copy_from_slice(from);
            return Ok(from.len());
        }
        let (head, packed) = from.split_at_checked(HEAD).ok_or_else(|| Error::corrupt("is too short"))?;
        let into = self.cells.checked_mul(self.size).and_then(|len| into.get_mut(..len));
        let into = into.ok_or_else(|| Error::corrupt("is longer than its chunk"))?;
        let width = little_endian(&head[..4]) as usize;
        let least = little_endian(&head[5..13]);
        if width > self.size * 8 {
            return Err(Error::corrupt(format!("has numbers of {width} bits")));
        }
        if width == self.size * 8 {
            // What needs all bits is kept as it was.
            let cells = packed.get(..into.len()).ok_or_else(|| Error::corrupt("is too short"))?;
            into.copy_from_slice(cells);
        } else {
            self.unpack(packed, width, least, into)?;
        }
        if self.big_endian {
            into.chunks_exact_mut(self.size).for_each(<[u8]>::reverse);
        }
        Ok(into.len())
    }

    fn unpack(&self, packed: &[u8], width: usize, least: u64, into: &mut [u8]) -> Result<()> {
        let mut bits = Bits::new(packed);
        let cells = Packed { bits: &mut bits, width, fill: self.fill };
        // Two's complement: the same sum, whether signed or not.
        let sum = |difference: u64| difference.wrapping_add(least);
        match (self.kind, self.size) {
            (Kind::Integer, 1) => cells.unpack::<1>(into, sum),
            (Kind::Integer, 2) => cells.unpack::<2>(into, sum),
            (Kind::Integer, 4) => cells.unpack::<4>(into, sum),
            (Kind::Integer, _) => cells.unpack::<8>(into, sum),
            (Kind::Float { digits }, 4) => {
                let (scale, least) = (10f64.powi(digits) as f32, f32::from_bits(least as u32));
                cells.unpack::<4>(into, |difference| u64::from((difference as f32 / scale + least).to_bits()))
            }
            (Kind::Float { digits }, _) => {
                let (scale, least) = (10f64.powi(digits), f64::from_bits(least));
                cells.unpack::<8>(into, |difference| (difference as f64 / scale + least).to_bits())
            }
        }
    }
}

/// Differences, one after the other.
struct Packed<'a, 'b> {
    bits: &'a mut Bits<'b>,
    /// Bits of each.
    width: usize,
    /// The bits of the fill value, which the largest difference stands for.
    fill: Option<u64>,
}

impl Packed<'_, '_> {
    /// Makes each difference the bits of a cell of `N` bytes.
    fn unpack<const N: usize>(self, into: &mut [u8], value: impl Fn(u64) -> u64) -> Result<()> {
        let filler = self.fill.filter(|_| self.width > 0).map(|fill| ((1u64 << self.width) - 1, fill));
        for cell in into.as_chunks_mut::<N>().0 {
            let difference = self.bits.take(self.width)?;
            *cell = low_bytes(match filler {
                Some((mark, fill)) if difference == mark => fill,
                Some(_) | None => value(difference),
            });
        }
        Ok(())
    }
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}
