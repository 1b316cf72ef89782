//! Aggregates over frames. Frames overlap, so that states are kept for blocks of 16, 256, 4096, .. sorted rows, and each
//! frame is put together from few of them, in order: nothing is ever taken away again, which would lose digits.

use super::Sorted;
use super::frames::Frames;
use crate::context::Context;
use crate::error::Result;
use crate::parallel::map_all;
use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array, new_empty_array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{concat, take};
use hyperslab_expr::aggregate::create;
use hyperslab_expr::{Accumulator, AggregateCall, Groups};
use std::ops::Range;

/// How many blocks of a level make one of the next.
const FAN: usize = 16;

/// Rows whose frames are put together at a time.
const STRETCH: usize = 4096;

/// The results for whole partitions.
pub(super) fn partitions(sorted: &Sorted<'_>, call: &AggregateCall) -> Result<ArrayRef> {
    let input = Input::new(sorted, call)?;
    let mut accumulator = create(call)?;
    accumulator.resize(sorted.partitions.len());
    input.update(accumulator.as_mut(), &sorted.partition_of)?;
    let results = accumulator.finish().map_err(|error| error.or_at(call.at))?;
    Ok(take(&results, &UInt32Array::from(sorted.partition_of.clone()), None)?)
}

/// The results for frames.
pub(super) fn frames(
    sorted: &Sorted<'_>,
    context: &Context,
    call: &AggregateCall,
    frames: &Frames,
) -> Result<ArrayRef> {
    let input = Input::new(sorted, call)?;
    let frames = frames.all();
    let longest = frames.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
    let levels = input.levels(longest)?;
    let stretches: Vec<&[Range<u32>]> = frames.chunks(STRETCH).collect();
    let run = |stretch: &&[Range<u32>]| {
        context.check()?;
        input.put_together(&levels, stretch)
    };
    let parts = map_all(context, &stretches, run)?;
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    if parts.is_empty() { Ok(new_empty_array(&call.ty.to_arrow())) } else { Ok(concat(&parts)?) }
}

/// The arguments of a call for all sorted rows, and which rows count.
struct Input<'a> {
    call: &'a AggregateCall,
    args: Vec<ArrayRef>,
    counted: Option<BooleanBuffer>,
    rows: usize,
}

/// Blocks of one level, from `from` to `to`; rows are level 0.
struct Piece {
    level: usize,
    blocks: Range<usize>,
}

impl<'a> Input<'a> {
    fn new(sorted: &Sorted<'_>, call: &'a AggregateCall) -> Result<Self> {
        let args = call.args.iter().map(|arg| sorted.evaluate(arg)).collect::<Result<Vec<_>>>()?;
        let filter = call.filter.as_ref().map(|filter| sorted.evaluate(filter)).transpose()?;
        let counted = filter.map(|filter| {
            let filter: BooleanArray = arrow::array::AsArray::as_boolean(&filter).clone();
            filter.nulls().map_or_else(|| filter.values().clone(), |valid| filter.values() & valid.inner())
        });
        Ok(Self { call, args, counted, rows: sorted.rows.rows })
    }

    fn update(&self, accumulator: &mut dyn Accumulator, groups: &[u32]) -> Result<()> {
        let outcome = accumulator.update(&Groups::Each(groups), &self.args, self.counted.as_ref());
        Ok(outcome.map_err(|error| error.or_at(self.call.at))?)
    }

    /// The states of blocks, for frames of at most `longest` rows.
    fn levels(&self, longest: usize) -> Result<Vec<Vec<ArrayRef>>> {
        let (mut levels, mut size): (Vec<Vec<ArrayRef>>, usize) = (Vec::new(), FAN);
        while size <= longest {
            let blocks = self.rows.div_ceil(size);
            let mut accumulator = create(self.call)?;
            accumulator.resize(blocks);
            match levels.last() {
                None => {
                    let groups: Vec<u32> = (0..self.rows).map(|row| (row / FAN) as u32).collect();
                    self.update(accumulator.as_mut(), &groups)?;
                }
                Some(below) => {
                    let len = below.first().map_or(0, |state| state.len());
                    let groups: Vec<u32> = (0..len).map(|block| (block / FAN) as u32).collect();
                    let outcome = accumulator.merge(&Groups::Each(&groups), below);
                    outcome.map_err(|error| error.or_at(self.call.at))?;
                }
            }
            levels.push(accumulator.state()?);
            size *= FAN;
        }
        Ok(levels)
    }

    /// The results for some frames.
    fn put_together(&self, levels: &[Vec<ArrayRef>], frames: &[Range<u32>]) -> Result<ArrayRef> {
        let mut accumulator = create(self.call)?;
        accumulator.resize(frames.len());
        let pieces: Vec<Vec<Piece>> = frames.iter().map(|frame| pieces(frame, levels.len())).collect();
        let rounds = pieces.iter().map(Vec::len).max().unwrap_or(0);
        // The pieces of a frame are folded one after the other; those of different frames together.
        for round in 0..rounds {
            for level in 0..=levels.len() {
                let (mut groups, mut blocks) = (Vec::new(), Vec::new());
                let of_level = |piece: &&Piece| piece.level == level;
                for (frame, pieces) in pieces.iter().enumerate() {
                    for block in pieces.get(round).filter(of_level).into_iter().flat_map(|piece| piece.blocks.clone()) {
                        groups.push(frame as u32);
                        blocks.push(block as u32);
                    }
                }
                if !groups.is_empty() {
                    self.fold(accumulator.as_mut(), levels, level, &groups, blocks.into())?;
                }
            }
        }
        Ok(accumulator.finish().map_err(|error| error.or_at(self.call.at))?)
    }

    fn fold(
        &self,
        accumulator: &mut dyn Accumulator,
        levels: &[Vec<ArrayRef>],
        level: usize,
        groups: &[u32],
        blocks: UInt32Array,
    ) -> Result<()> {
        let picked = |arrays: &[ArrayRef]| -> Result<Vec<ArrayRef>> {
            Ok(arrays.iter().map(|array| take(array, &blocks, None)).collect::<Result<_, _>>()?)
        };
        let outcome = if level == 0 {
            let counted = self.counted.as_ref().map(|counted| {
                BooleanBuffer::collect_bool(blocks.len(), |at| counted.value(blocks.value(at) as usize))
            });
            accumulator.update(&Groups::Each(groups), &picked(&self.args)?, counted.as_ref())
        } else {
            accumulator.merge(&Groups::Each(groups), &picked(&levels[level - 1])?)
        };
        Ok(outcome.map_err(|error| error.or_at(self.call.at))?)
    }
}

/// The pieces that a frame is put together from, in order: rows, ever larger blocks, and smaller ones again.
fn pieces(frame: &Range<u32>, levels: usize) -> Vec<Piece> {
    let (mut up, mut down) = (Vec::new(), Vec::new());
    let mut rest = frame.start as usize..frame.end as usize;
    for level in 0..=levels {
        if rest.is_empty() {
            break;
        }
        let inner = rest.start.next_multiple_of(FAN)..rest.end / FAN * FAN;
        if level == levels || inner.start >= inner.end {
            up.push(Piece { level, blocks: rest });
            break;
        }
        up.push(Piece { level, blocks: rest.start..inner.start });
        down.push(Piece { level, blocks: inner.end..rest.end });
        rest = inner.start / FAN..inner.end / FAN;
    }
    up.extend(down.into_iter().rev());
    up.retain(|piece| !piece.blocks.is_empty());
    up
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_laid_end_to_end_are_the_frame() {
        for frame in [0..0, 3..4, 0..16, 5..40, 1..700, 0..4096, 17..9000, 255..257] {
            for levels in 0..4 {
                let mut at = frame.start as usize;
                for piece in pieces(&frame, levels) {
                    let size = FAN.pow(piece.level as u32);
                    assert_eq!(piece.blocks.start * size, at, "{frame:?} {levels}");
                    at = piece.blocks.end * size;
                }
                assert_eq!(at, frame.end as usize, "{frame:?} {levels}");
            }
        }
    }
}
