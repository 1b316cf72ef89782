//! Sums, means, counts and extremes over frames of rows along an axis, many lines of cells side by side.
//!
//! Frames of one length are put together from the end of one block and the start of the next, each block as long as a
//! frame (van Herk 1992; Gil and Werman 1993): three operations a cell, whatever the length, and nothing is ever taken away
//! again, which would lose digits.

use super::window::Direction;
use crate::error::Result;
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use hyperslab_expr::{ColumnId, Expr};
use hyperslab_grid::Region;
use hyperslab_plan::window::{FrameBound, FrameUnits, WindowCall, WindowFrame, WindowFunction};
use std::borrow::Cow;
use std::sync::Arc;

/// So many lines are worked on side by side.
const LANES: usize = 16;

/// The cells of a region as lines along one dimension: `outer` blocks of `len` steps of `inner` cells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines {
    outer: usize,
    len: usize,
    inner: usize,
    direction: Direction,
}

impl Lines {
    /// The lines of a region along a dimension.
    pub(super) fn new(region: &Region, dim: usize, direction: Direction) -> Self {
        let shape = region.shape();
        let (outer, inner) = (shape[..dim].iter().product(), shape[dim + 1..].iter().product());
        Self { outer, len: shape[dim], inner, direction }
    }
}

/// How the values of a frame are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fold {
    Sum,
    Mean,
    Count,
    Min,
    Max,
}

/// The result of a call for each cell of the lines; `None` if it is of another kind. `column` finds what was read of the
/// cells.
pub(super) fn sliding(
    call: &WindowCall,
    lines: &Lines,
    column: impl Fn(ColumnId) -> Option<ArrayRef>,
) -> Result<Option<ArrayRef>> {
    let Some((fold, id, ty)) = folded(call) else { return Ok(None) };
    let (Some([before, after]), Some(values)) = (steps(&call.frame, lines), column(id)) else { return Ok(None) };
    let values = cast(&values, &DataType::Float64)?;
    let values = values.as_primitive::<Float64Type>();
    let is_extreme = matches!(fold, Fold::Min | Fold::Max);
    if is_extreme && values.iter().flatten().any(f64::is_nan) {
        return Ok(None);
    }
    let identity = match fold {
        Fold::Min => f64::INFINITY,
        Fold::Max => f64::NEG_INFINITY,
        Fold::Sum | Fold::Mean | Fold::Count => 0.0,
    };
    let frames = Frames { lines: *lines, before, after };
    let nulls = values.nulls().filter(|nulls| nulls.null_count() > 0);
    let counts = match nulls {
        None => frames.sizes(),
        Some(nulls) => {
            let counted: Vec<f64> = nulls.iter().map(|valid| f64::from(u8::from(valid))).collect();
            frames.fold(&counted, 0.0, |a, b| a + b)
        }
    };
    if fold == Fold::Count {
        return Ok(Some(Arc::new(Int64Array::from_iter_values(counts.iter().map(|count| *count as i64)))));
    }
    let filled: Cow<'_, [f64]> = match nulls {
        None => Cow::Borrowed(values.values()),
        Some(nulls) => {
            let value = |(value, valid): (&f64, bool)| if valid { *value } else { identity };
            values.values().iter().zip(nulls.iter()).map(value).collect()
        }
    };
    let mut results = match fold {
        Fold::Min => frames.fold(&filled, identity, f64::min),
        Fold::Max => frames.fold(&filled, identity, f64::max),
        Fold::Sum | Fold::Mean | Fold::Count => frames.fold(&filled, identity, |a, b| a + b),
    };
    if fold == Fold::Mean {
        results.iter_mut().zip(&counts).for_each(|(sum, count)| *sum /= count);
    }
    // Without NULLs each frame has the row itself.
    let valid = nulls.map(|_| NullBuffer::new(BooleanBuffer::collect_bool(counts.len(), |at| counts[at] > 0.0)));
    let results: ArrayRef = Arc::new(Float64Array::new(results.into(), valid));
    Ok(Some(cast(&results, &ty)?))
}

/// What a call folds, of which column, and the type of the result.
fn folded(call: &WindowCall) -> Option<(Fold, ColumnId, DataType)> {
    let WindowFunction::Aggregate(aggregate) = &call.function else { return None };
    let [Expr::Column(id, ty)] = aggregate.args.as_slice() else { return None };
    if aggregate.filter.is_some() || aggregate.distinct {
        return None;
    }
    let is_float = matches!(ty.to_arrow(), DataType::Float32 | DataType::Float64);
    let fold = match aggregate.function.as_str() {
        "sum" => Fold::Sum,
        "avg" => Fold::Mean,
        "count" => Fold::Count,
        "min" => Fold::Min,
        "max" => Fold::Max,
        _ => return None,
    };
    is_float.then(|| (fold, *id, aggregate.ty.to_arrow()))
}

/// How many steps before and after its own a frame takes, in positions of the axis; none if it does not hold the row itself.
fn steps(frame: &WindowFrame, lines: &Lines) -> Option<[usize; 2]> {
    let whole = lines.len;
    let rows = frame.units != FrameUnits::Range;
    let steps = |n: u64| usize::try_from(n).unwrap_or(whole).min(whole);
    let before = match &frame.start {
        FrameBound::UnboundedPreceding => whole,
        FrameBound::Preceding(n) if rows => steps(*n),
        // No two rows are equal in order: a range that ends at the row ends with it.
        FrameBound::CurrentRow => 0,
        _ => return None,
    };
    let after = match &frame.end {
        FrameBound::UnboundedFollowing => whole,
        FrameBound::Following(n) if rows => steps(*n),
        FrameBound::CurrentRow => 0,
        _ => return None,
    };
    Some(match lines.direction {
        Direction::Ascending => [before, after],
        Direction::Descending => [after, before],
    })
}

/// Frames along lines: `before` steps, the own one, and `after` more, cut off at the ends.
struct Frames {
    lines: Lines,
    before: usize,
    after: usize,
}

impl Frames {
    /// What folding the values of each frame gives.
    fn fold(&self, values: &[f64], identity: f64, combine: impl Fn(f64, f64) -> f64 + Copy) -> Vec<f64> {
        let Lines { outer, len, inner, .. } = self.lines;
        let mut out = vec![identity; values.len()];
        let mut scratch = Scratch::default();
        for block in 0..outer {
            for lane in (0..inner).step_by(LANES) {
                let first = block * len * inner + lane;
                let lanes = LANES.min(inner - lane);
                scratch.load(&values[first..], self, lanes, identity);
                scratch.fold(self, combine);
                scratch.store(&mut out[first..], self, lanes);
            }
        }
        out
    }

    /// How many cells each frame has.
    fn sizes(&self) -> Vec<f64> {
        let Lines { outer, len, inner, .. } = self.lines;
        let size = |step: usize| (step.min(self.before) + 1 + (len - 1 - step).min(self.after)) as f64;
        let line = || (0..len).flat_map(move |step| std::iter::repeat_n(size(step), inner));
        (0..outer).flat_map(|_| line()).collect()
    }

    fn width(&self) -> usize {
        self.before + self.after + 1
    }
}

/// Some lines side by side, with room for frames that begin before them or end behind.
#[derive(Default)]
struct Scratch {
    /// From the start of its block to each step.
    starts: Vec<[f64; LANES]>,
    /// From each step to the end of its block.
    ends: Vec<[f64; LANES]>,
}

impl Scratch {
    fn load(&mut self, values: &[f64], frames: &Frames, lanes: usize, identity: f64) {
        let Lines { len, inner, .. } = frames.lines;
        self.starts.clear();
        self.starts.resize(len + frames.before + frames.after, [identity; LANES]);
        for (step, to) in self.starts[frames.before..frames.before + len].iter_mut().enumerate() {
            to[..lanes].copy_from_slice(&values[step * inner..step * inner + lanes]);
        }
        self.ends.clone_from(&self.starts);
    }

    fn fold(&mut self, frames: &Frames, combine: impl Fn(f64, f64) -> f64 + Copy) {
        let width = frames.width();
        for block in self.starts.chunks_mut(width) {
            for at in 1..block.len() {
                let before = block[at - 1];
                block[at].iter_mut().zip(before).for_each(|(own, before)| *own = combine(before, *own));
            }
        }
        for block in self.ends.chunks_mut(width) {
            for at in (1..block.len()).rev() {
                let after = block[at];
                block[at - 1].iter_mut().zip(after).for_each(|(own, after)| *own = combine(*own, after));
            }
        }
        // Frame `at` is the steps `at..at + width`; what is read of later steps is still theirs.
        for at in 0..frames.lines.len {
            let last = self.starts[at + width - 1];
            let whole = at % width == 0;
            let own = &mut self.ends[at];
            own.iter_mut().zip(last).for_each(|(own, last)| *own = if whole { last } else { combine(*own, last) });
        }
    }

    fn store(&self, out: &mut [f64], frames: &Frames, lanes: usize) {
        let Lines { len, inner, .. } = frames.lines;
        for (step, from) in self.ends[..len].iter().enumerate() {
            out[step * inner..step * inner + lanes].copy_from_slice(&from[..lanes]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each frame folded by itself.
    fn plainly(frames: &Frames, values: &[f64], identity: f64, combine: fn(f64, f64) -> f64) -> Vec<f64> {
        let Lines { outer, len, inner, .. } = frames.lines;
        let cell = |block: usize, step: usize, lane: usize| (block * len + step) * inner + lane;
        let mut out = vec![identity; values.len()];
        for (block, step, lane) in
            (0..outer).flat_map(|block| (0..len).flat_map(move |step| (0..inner).map(move |lane| (block, step, lane))))
        {
            let range = step.saturating_sub(frames.before)..(step + frames.after + 1).min(len);
            out[cell(block, step, lane)] = range.map(|step| values[cell(block, step, lane)]).fold(identity, combine);
        }
        out
    }

    #[test]
    fn frames_of_any_length_are_what_they_are_one_by_one() {
        for (outer, len, inner) in [(1, 1, 1), (2, 7, 3), (1, 40, 17), (3, 25, 1), (1, 5, 33)] {
            // Whole numbers, whose sums are exact in any order.
            let values: Vec<f64> = (0..outer * len * inner).map(|i| f64::from((i * 7919 % 101) as u32)).collect();
            for (before, after) in [(0, 0), (1, 0), (0, 2), (3, 3), (len, 0), (0, len), (len, len), (30, 2)] {
                let lines = Lines { outer, len, inner, direction: Direction::Ascending };
                let frames = Frames { lines, before, after };
                let sums = frames.fold(&values, 0.0, |a, b| a + b);
                assert_eq!(
                    sums,
                    plainly(&frames, &values, 0.0, |a, b| a + b),
                    "{outer} {len} {inner} {before} {after}"
                );
                let least = frames.fold(&values, f64::INFINITY, f64::min);
                assert_eq!(least, plainly(&frames, &values, f64::INFINITY, f64::min));
            }
        }
    }
}
