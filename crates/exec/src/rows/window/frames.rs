//! Which rows each row sees: frames as ranges of sorted rows.

use super::Sorted;
use crate::error::Result;
use hyperslab_expr::Expr;
use hyperslab_plan::window::{FrameBound, FrameUnits, WindowFrame};
use std::ops::Range;

/// For each row the range of rows that it sees; it may be empty.
pub(super) struct Frames(Vec<Range<u32>>);

impl Frames {
    pub(super) fn new(sorted: &Sorted<'_>, frame: &WindowFrame) -> Result<Self> {
        let starts = bounds(sorted, &frame.start, frame.units, true)?;
        let ends = bounds(sorted, &frame.end, frame.units, false)?;
        Ok(Self(starts.into_iter().zip(ends).map(|(start, end)| start..end.max(start)).collect()))
    }

    /// The frame of a row.
    pub(super) fn of(&self, row: usize) -> Range<usize> {
        self.0[row].start as usize..self.0[row].end as usize
    }

    /// The frames of all rows.
    pub(super) fn all(&self) -> &[Range<u32>] {
        &self.0
    }
}

/// Where the frame of each row starts, or ends.
fn bounds(sorted: &Sorted<'_>, bound: &FrameBound, units: FrameUnits, is_start: bool) -> Result<Vec<u32>> {
    if let FrameBound::Value { edge, following } = bound {
        return values(sorted, edge, *following, is_start);
    }
    let at = |row: usize| {
        let partition = sorted.partition(row);
        match bound {
            FrameBound::UnboundedPreceding => partition.start,
            FrameBound::UnboundedFollowing => partition.end,
            FrameBound::CurrentRow | FrameBound::Value { .. } => moved(sorted, row, 0, units, is_start),
            FrameBound::Preceding(n) => moved(sorted, row, -steps(*n), units, is_start),
            FrameBound::Following(n) => moved(sorted, row, steps(*n), units, is_start),
        }
    };
    Ok((0..sorted.rows.rows).map(|row| at(row) as u32).collect())
}

fn steps(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// The edge of what lies so many rows, or groups of equal rows, from a row; it does not leave the partition.
fn moved(sorted: &Sorted<'_>, row: usize, by: i64, units: FrameUnits, is_start: bool) -> usize {
    let partition = sorted.partition(row);
    if units == FrameUnits::Rows {
        let at = (row as i64).saturating_add(by).saturating_add(i64::from(!is_start));
        return at.clamp(partition.start as i64, partition.end as i64) as usize;
    }
    let at = i64::from(sorted.peers_of[row]).saturating_add(by);
    let (first, last) = (sorted.peers_of[partition.start], sorted.peers_of[partition.end - 1]);
    match (at < i64::from(first), at > i64::from(last)) {
        (true, _) => partition.start,
        (_, true) => partition.end,
        _ if is_start => sorted.peers[at as usize].start,
        _ => sorted.peers[at as usize].end,
    }
}

/// Where the key of the order reaches a value. Rows whose key is NULL see those that are equal to them.
fn values(sorted: &Sorted<'_>, edge: &Expr, following: bool, is_start: bool) -> Result<Vec<u32>> {
    let values = sorted.evaluate(edge)?;
    let edges = sorted.order.keys_of_values(std::slice::from_ref(&values))?;
    let at = |row: usize| {
        let (partition, peers) = (sorted.partition(row), sorted.peers(row));
        if values.is_null(row) {
            return if is_start { peers.start } else { peers.end };
        }
        // Nothing before the row can be reached forwards, nothing after it backwards.
        let within = if following { peers.start..partition.end } else { partition.start..peers.end };
        let edge = edges.row(row);
        let before = |at: usize| if is_start { sorted.key(at) < edge } else { sorted.key(at) <= edge };
        partition_point(within, before)
    };
    Ok((0..sorted.rows.rows).map(|row| at(row) as u32).collect())
}

/// The first place in a range for which `before` is false; it is true for none after.
fn partition_point(mut range: Range<usize>, before: impl Fn(usize) -> bool) -> usize {
    while !range.is_empty() {
        let middle = range.start + range.len() / 2;
        if before(middle) { range.start = middle + 1 } else { range.end = middle }
    }
    range.start
}
