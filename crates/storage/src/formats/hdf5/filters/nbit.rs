//! Undoes the n-bit filter, which keeps only the bits of each cell that its type says count (reference manual, `H5Pset_nbit`).

use super::bits::{Bits, low_bytes};
use crate::{Error, Result};

/// Types may hold types; deeper than this only a damaged file goes.
const DEEPEST: usize = 16;

/// The parameters of the filter.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::formats::hdf5) struct Nbit {
    /// Whether every bit counts, so that nothing was done.
    whole: bool,
    cells: usize,
    layout: Layout,
}

/// Where in a cell the bits that count are.
#[derive(Clone, Debug, PartialEq)]
enum Layout {
    /// A number: so many bits from an offset on.
    Number { size: usize, big_endian: bool, bits: usize, offset: usize },
    /// Several alike, one after the other.
    Array { size: usize, of: Box<Layout> },
    /// Members, each at its place.
    Compound { size: usize, members: Vec<(usize, Layout)> },
    /// All bits of so many bytes.
    Bytes(usize),
}

impl Nbit {
    /// From the values in the header: their number, whether nothing was done, the number of cells, and the type.
    pub(super) fn new(values: &[u32]) -> Option<Self> {
        let [_, whole, cells, layout @ ..] = values else { return None };
        let layout = Layout::parse(&mut layout.iter().map(|value| *value as usize), DEEPEST)?;
        (layout.size() > 0).then_some(Self { whole: *whole != 0, cells: *cells as usize, layout })
    }

    /// Decodes a chunk; gives its size.
    pub(super) fn decode(&self, from: &[u8], into: &mut [u8]) -> Result<usize> {
        let len = if self.whole { Some(from.len()) } else { self.cells.checked_mul(self.layout.size()) };
        let into = len.and_then(|len| into.get_mut(..len)).ok_or_else(|| Error::corrupt("is longer than its chunk"))?;
        if self.whole {
            into.copy_from_slice(from);
            return Ok(into.len());
        }
        let mut bits = Bits::new(from);
        match self.layout {
            Layout::Number { size: 2, .. } => self.layout.numbers::<2>(&mut bits, into)?,
            Layout::Number { size: 4, .. } => self.layout.numbers::<4>(&mut bits, into)?,
            Layout::Number { size: 8, .. } => self.layout.numbers::<8>(&mut bits, into)?,
            _ => {
                into.fill(0);
                into.chunks_exact_mut(self.layout.size()).try_for_each(|cell| self.layout.decode(&mut bits, cell))?;
            }
        }
        Ok(into.len())
    }
}

impl Layout {
    fn parse(values: &mut impl Iterator<Item = usize>, depth: usize) -> Option<Self> {
        let depth = depth.checked_sub(1)?;
        let (class, size) = (values.next()?, values.next()?);
        match class {
            1 => {
                let (order, bits, offset) = (values.next()?, values.next()?, values.next()?);
                // What takes no bits could be as often in a cell as one likes.
                let fits = bits > 0 && bits.checked_add(offset)? <= size.checked_mul(8)?;
                fits.then_some(Self::Number { size, big_endian: order == 1, bits, offset })
            }
            2 => {
                let of = Box::new(Self::parse(values, depth)?);
                (of.size() > 0 && size.is_multiple_of(of.size())).then_some(Self::Array { size, of })
            }
            3 => Self::compound(size, values, depth),
            4 => (size > 0).then_some(Self::Bytes(size)),
            _ => None,
        }
    }

    fn compound(size: usize, values: &mut impl Iterator<Item = usize>, depth: usize) -> Option<Self> {
        let mut members = Vec::new();
        for _ in 0..values.next()? {
            let (at, member) = (values.next()?, Self::parse(values, depth)?);
            if at.checked_add(member.size())? > size {
                return None;
            }
            members.push((at, member));
        }
        (!members.is_empty()).then_some(Self::Compound { size, members })
    }

    fn size(&self) -> usize {
        match self {
            Self::Number { size, .. } | Self::Array { size, .. } | Self::Compound { size, .. } | Self::Bytes(size) => {
                *size
            }
        }
    }

    /// Decodes numbers of at most eight bytes, which most cells are.
    fn numbers<const N: usize>(&self, bits: &mut Bits<'_>, into: &mut [u8]) -> Result<()> {
        let Self::Number { big_endian, bits: count, offset, .. } = *self else { return Ok(()) };
        for cell in into.as_chunks_mut::<N>().0 {
            *cell = low_bytes(bits.take(count)? << offset);
            if big_endian {
                cell.reverse();
            }
        }
        Ok(())
    }

    /// Fills a cell of zeros.
    fn decode(&self, bits: &mut Bits<'_>, cell: &mut [u8]) -> Result<()> {
        match self {
            Self::Number { big_endian, bits: count, offset, .. } => number(bits, cell, *big_endian, *count, *offset),
            Self::Array { of, .. } => cell.chunks_exact_mut(of.size()).try_for_each(|item| of.decode(bits, item)),
            Self::Compound { members, .. } => {
                let mut each = members.iter();
                each.try_for_each(|(at, member)| member.decode(bits, &mut cell[*at..at + member.size()]))
            }
            Self::Bytes(_) => cell.iter_mut().try_for_each(|byte| bits.take(8).map(|bits| *byte = bits as u8)),
        }
    }
}

/// Puts the next `count` bits, the highest first, into a cell from bit `offset` on.
fn number(bits: &mut Bits<'_>, cell: &mut [u8], big_endian: bool, count: usize, offset: usize) -> Result<()> {
    let mut end = offset + count;
    while end > offset {
        let start = offset.max((end - 1) / 8 * 8);
        let part = bits.take(end - start)? as u8;
        let byte = (end - 1) / 8;
        let at = if big_endian { cell.len() - 1 - byte } else { byte };
        cell[at] |= part << (start % 8);
        end = start;
    }
    Ok(())
}
