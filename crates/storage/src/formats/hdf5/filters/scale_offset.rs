//! Undoes the scale-offset filter: each cell is kept as its difference from the least one, floats after multiplication by a
//! power of ten, in as few bits as the largest difference needs (reference manual, `H5Pset_scaleoffset`).

use super::bits::Bits;
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
        let filler = self.fill.filter(|_| width > 0).map(|fill| ((1u64 << width) - 1, fill));
        for cell in into.chunks_exact_mut(self.size) {
            let difference = bits.take(width)?;
            let value = match filler {
                Some((mark, fill)) if difference == mark => fill,
                Some(_) | None => self.value(difference, least),
            };
            cell.copy_from_slice(&value.to_le_bytes()[..self.size]);
        }
        Ok(())
    }

    /// The bits of a cell.
    fn value(&self, difference: u64, least: u64) -> u64 {
        match (self.kind, self.size) {
            // Two's complement: the same sum, whether signed or not.
            (Kind::Integer, _) => difference.wrapping_add(least),
            (Kind::Float { digits }, 4) => {
                let value = difference as f32 / 10f64.powi(digits) as f32 + f32::from_bits(least as u32);
                u64::from(value.to_bits())
            }
            (Kind::Float { digits }, _) => (difference as f64 / 10f64.powi(digits) + f64::from_bits(least)).to_bits(),
        }
    }
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}
