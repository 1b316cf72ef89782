//! Which cells of a dataset are meant: selections as files state them (specification VII, "Dataspace selection").

use super::metadata::Fields;
use crate::{Error, Result};
use std::ops::Range;

/// The most cells of a selection that is not a product of ranges: each takes some 60 bytes of memory.
const MOST_CELLS: usize = 1 << 20;

/// Some cells of a dataset, in an order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Selection {
    /// None.
    None,
    /// All.
    All,
    /// The product of steps along each dimension.
    Regular(Vec<Steps>),
    /// Single cells, in order.
    Cells(Vec<Vec<usize>>),
}

/// Blocks at equal distances along a dimension.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Steps {
    pub(super) start: usize,
    pub(super) stride: usize,
    /// `usize::MAX`: without an end.
    pub(super) count: usize,
    pub(super) block: usize,
}

impl Steps {
    /// All of a dimension.
    fn all(len: usize) -> Self {
        Self { start: 0, stride: len.max(1), count: 1, block: len }
    }

    /// Whether there is no end to them.
    pub(super) fn endless(&self) -> bool {
        self.count == usize::MAX || self.block == usize::MAX
    }

    /// The position behind the last of them.
    pub(super) fn end(&self) -> usize {
        self.position(self.count.saturating_mul(self.block).saturating_sub(1)).saturating_add(1)
    }

    /// The position of number `i`.
    pub(super) fn position(&self, i: usize) -> usize {
        self.start
            .saturating_add((i / self.block.max(1)).saturating_mul(self.stride))
            .saturating_add(i % self.block.max(1))
    }

    /// How many of them lie within a dimension of length `len`.
    pub(super) fn within(&self, len: usize) -> usize {
        let room = len.saturating_sub(self.start);
        let blocks = room.div_ceil(self.stride.max(1)).min(self.count);
        let last = room.saturating_sub(blocks.saturating_sub(1).saturating_mul(self.stride)).min(self.block);
        if blocks == 0 { 0 } else { (blocks - 1).saturating_mul(self.block).saturating_add(last) }
    }

    /// The numbers of those that lie in a range.
    pub(super) fn numbers(&self, range: &Range<usize>) -> Range<usize> {
        self.within(range.start)..self.within(range.end)
    }
}

impl Selection {
    /// Reads a selection.
    pub(super) fn parse(fields: &mut Fields<'_>) -> Result<Self> {
        let (kind, version) = (fields.u32()?, fields.u32()?);
        match (kind, version) {
            (0, 1) => fields.skip(8).map(|()| Self::None),
            (3, 1) => fields.skip(8).map(|()| Self::All),
            (1, 1) => {
                fields.skip(8)?;
                points(fields, 4)
            }
            (1, 2) => {
                let width = usize::from(fields.u8()?);
                points(fields, width)
            }
            (2, 1) => {
                fields.skip(8)?;
                let rank = rank(fields)?;
                blocks(fields, rank, 4)
            }
            (2, 2) => {
                fields.skip(5)?;
                regular(fields, 8)
            }
            (2, 3) => {
                let (flags, width) = (fields.u8()?, usize::from(fields.u8()?));
                if flags & 1 != 0 {
                    return regular(fields, width);
                }
                let rank = rank(fields)?;
                blocks(fields, rank, width)
            }
            _ => Err(Error::unsupported(format!("a selection of kind {kind} and version {version} is not known"))),
        }
    }

    /// The dimension along which it has no end, and the steps there.
    pub(super) fn endless(&self) -> Option<(usize, Steps)> {
        match self {
            Self::Regular(steps) => steps.iter().copied().enumerate().find(|(_, steps)| steps.endless()),
            Self::None | Self::All | Self::Cells(_) => None,
        }
    }

    /// The steps along each dimension of a dataset of this shape, if the selection is a product of such.
    pub(super) fn steps(&self, shape: &[usize]) -> Option<Vec<Steps>> {
        match self {
            Self::All => Some(shape.iter().map(|len| Steps::all(*len)).collect()),
            Self::Regular(steps) if steps.len() == shape.len() => Some(steps.clone()),
            Self::None | Self::Regular(_) | Self::Cells(_) => None,
        }
    }

    /// Every cell, in order.
    pub(super) fn cells(&self, shape: &[usize]) -> Result<Vec<Vec<usize>>> {
        if let Self::Cells(cells) = self {
            return Ok(cells.clone());
        }
        let Some(steps) = self.steps(shape) else { return Ok(Vec::new()) };
        let counts: Vec<usize> = steps.iter().zip(shape).map(|(steps, len)| steps.within(*len)).collect();
        let total = crate::formats::cells::count(&counts).filter(|total| *total <= MOST_CELLS).ok_or_else(too_many)?;
        Ok((0..total)
            .map(|number| {
                let mut rest = number;
                let mut cell = vec![0; counts.len()];
                for (d, count) in counts.iter().enumerate().rev() {
                    cell[d] = steps[d].position(rest % count);
                    rest /= count;
                }
                cell
            })
            .collect())
    }
}

fn too_many() -> Error {
    Error::unsupported("a selection of so many single cells is not read")
}

fn rank(fields: &mut Fields<'_>) -> Result<usize> {
    let rank = fields.u32()? as usize;
    if rank <= 32 { Ok(rank) } else { Err(Error::corrupt("a selection has an impossible rank")) }
}

/// A position of a number of bytes; the highest stands for no end.
fn position(fields: &mut Fields<'_>, width: usize) -> Result<usize> {
    let value = fields.uint(width)?;
    let endless = width > 0 && value == u64::MAX >> (64 - 8 * width.min(8));
    Ok(if endless { usize::MAX } else { value as usize })
}

fn regular(fields: &mut Fields<'_>, width: usize) -> Result<Selection> {
    let rank = rank(fields)?;
    let mut steps = Vec::with_capacity(rank);
    for _ in 0..rank {
        let mut next = || position(fields, width);
        steps.push(Steps { start: next()?, stride: next()?, count: next()?, block: next()? });
    }
    Ok(Selection::Regular(steps))
}

fn points(fields: &mut Fields<'_>, width: usize) -> Result<Selection> {
    let rank = rank(fields)?;
    let count = position(fields, width)?;
    if count.checked_mul(rank.max(1)).and_then(|all| all.checked_mul(width)).is_none_or(|len| len > fields.left()) {
        return Err(Error::corrupt("a selection has more points than bytes"));
    }
    let point = |fields: &mut Fields<'_>| (0..rank).map(|_| position(fields, width)).collect::<Result<Vec<_>>>();
    Ok(Selection::Cells((0..count).map(|_| point(fields)).collect::<Result<_>>()?))
}

/// Boxes, whose cells are taken row by row over all of them.
fn blocks(fields: &mut Fields<'_>, rank: usize, width: usize) -> Result<Selection> {
    let count = position(fields, width)?;
    let mut cells: Vec<Vec<usize>> = Vec::new();
    for _ in 0..count {
        let mut corner = || (0..rank).map(|_| position(fields, width)).collect::<Result<Vec<_>>>();
        let (first, last) = (corner()?, corner()?);
        let lens: Option<Vec<usize>> =
            first.iter().zip(&last).map(|(a, b)| b.checked_sub(*a)?.checked_add(1)).collect();
        let lens = lens.ok_or_else(|| Error::corrupt("a selection has a box without cells"))?;
        let total = crate::formats::cells::count(&lens).filter(|total| cells.len() + total <= MOST_CELLS);
        for number in 0..total.ok_or_else(too_many)? {
            let (mut rest, mut cell) = (number, first.clone());
            for (d, len) in lens.iter().enumerate().rev() {
                cell[d] += rest % len;
                rest /= len;
            }
            cells.push(cell);
        }
    }
    cells.sort_unstable();
    Ok(Selection::Cells(cells))
}
