//! Walks the rows of an update: which of them count, and the group of each, in stretches as long as can be. Knows no
//! values: a [`Fold`] reads those.

use crate::Groups;
use arrow::array::{Array, ArrayRef};
use arrow::buffer::BooleanBuffer;
use std::ops::Range;

/// The rows of an update that count, where not all do. Kept in whole words from bit 0 on, with one word to spare, so
/// that 64 bits can be read from any row.
pub(super) struct Mask {
    words: Vec<u64>,
    len: usize,
}

impl Mask {
    /// The rows that are present and have no NULL among the arguments; `None` if these are all `len` rows.
    pub(super) fn of(args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Option<Self> {
        let mut mask: Option<Self> = None;
        let mut narrow = |bits: &BooleanBuffer| match &mut mask {
            Some(mask) => mask.narrow(bits),
            None => mask = Some(Self::new(bits)),
        };
        present.into_iter().for_each(&mut narrow);
        for nulls in args.iter().filter_map(|array| array.logical_nulls()).filter(|nulls| nulls.null_count() > 0) {
            narrow(nulls.inner());
        }
        mask.filter(|mask| mask.count() < mask.len)
    }

    /// The rows whose bit is set.
    pub(super) fn new(bits: &BooleanBuffer) -> Self {
        let mut words = Vec::with_capacity(bits.len() / 64 + 2);
        words.extend(bits.bit_chunks().iter_padded());
        words.push(0);
        Self { words, len: bits.len() }
    }

    /// Takes away the rows whose bit is not set.
    pub(super) fn narrow(&mut self, bits: &BooleanBuffer) {
        self.words.iter_mut().zip(bits.bit_chunks().iter_padded()).for_each(|(word, other)| *word &= other);
    }

    /// How many rows count.
    pub(super) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The bits of up to 64 rows from `row` on.
    #[inline(always)]
    pub(super) fn word(&self, row: usize, len: usize) -> u64 {
        let (at, shift) = (row / 64, row % 64);
        let high = if shift == 0 { 0 } else { self.words[at + 1] << (64 - shift) };
        let bits = self.words[at] >> shift | high;
        if len >= 64 { bits } else { bits & ((1 << len) - 1) }
    }

    /// Calls `visit` with each longest stretch of rows that count.
    #[inline(always)]
    pub(super) fn stretches(&self, rows: Range<usize>, mut visit: impl FnMut(Range<usize>)) {
        let mut open: Option<usize> = None;
        let mut at = rows.start;
        while at < rows.end {
            let len = (rows.end - at).min(64);
            let bits = self.word(at, len);
            let full = if len == 64 { u64::MAX } else { (1 << len) - 1 };
            if bits == full {
                open.get_or_insert(at);
            } else {
                open = stretches_of_word(bits, at, len, open, &mut visit);
            }
            at += len;
        }
        if let Some(start) = open {
            visit(start..rows.end);
        }
    }

    /// Calls `visit` with the rows that count: stretches of which all do, and words of which some do, for loops that rather
    /// look at all rows of a word than find out which count.
    #[inline(always)]
    pub(super) fn words(&self, rows: Range<usize>, mut visit: impl FnMut(Part)) {
        let mut full = rows.start..rows.start;
        while full.end < rows.end {
            let (at, len) = (full.end, (rows.end - full.end).min(64));
            let bits = self.word(at, len);
            full.end += len;
            if bits == u64::MAX >> (64 - len) {
                continue;
            }
            if full.start < at {
                visit(Part::All(full.start..at));
            }
            if bits != 0 {
                visit(Part::Some { rows: at..at + len, bits });
            }
            full.start = full.end;
        }
        if full.start < full.end {
            visit(Part::All(full));
        }
    }

    /// Whether `test` is true for a row that counts.
    pub(super) fn any(&self, rows: Range<usize>, mut test: impl FnMut(usize) -> bool) -> bool {
        let mut found = false;
        self.stretches(rows, |rows| found = found || rows.into_iter().any(&mut test));
        found
    }
}

/// Some of the rows of an update.
pub(super) enum Part {
    /// Rows that all count.
    All(Range<usize>),
    /// Up to 64 rows of which those count whose bit is set; some bits are.
    Some { rows: Range<usize>, bits: u64 },
}

/// The stretches of one word that is not full; `open` is where the one that reaches into it began. Returns where the
/// one that reaches its end began.
#[inline(always)]
fn stretches_of_word(
    mut bits: u64,
    at: usize,
    len: usize,
    open: Option<usize>,
    visit: &mut impl FnMut(Range<usize>),
) -> Option<usize> {
    let mut done = 0;
    if let Some(start) = open {
        done = bits.trailing_ones() as usize;
        visit(start..at + done);
        bits = bits.checked_shr(done as u32).unwrap_or(0);
    }
    while bits != 0 {
        let skip = bits.trailing_zeros() as usize;
        let ones = (bits >> skip).trailing_ones() as usize;
        if done + skip + ones == len {
            return Some(at + done + skip);
        }
        visit(at + done + skip..at + done + skip + ones);
        done += skip + ones;
        bits = bits.checked_shr((skip + ones) as u32).unwrap_or(0);
    }
    None
}

/// Folds values into groups, one row or one stretch of rows at a time. Every row given counts.
pub(super) trait Fold {
    /// One row.
    fn one(&mut self, group: usize, row: usize);

    /// Rows of one group.
    #[inline(always)]
    fn same(&mut self, group: usize, rows: Range<usize>) {
        rows.for_each(|row| self.one(group, row));
    }

    /// Rows of consecutive groups.
    #[inline(always)]
    fn next(&mut self, first: usize, rows: Range<usize>) {
        let start = rows.start;
        rows.for_each(|row| self.one(first + (row - start), row));
    }

    /// Those rows of one group that count.
    #[inline(always)]
    fn same_where(&mut self, group: usize, rows: Range<usize>, mask: &Mask) {
        mask.stretches(rows, |rows| self.same(group, rows));
    }

    /// Those rows of consecutive groups that count.
    #[inline(always)]
    fn next_where(&mut self, first: usize, rows: Range<usize>, mask: &Mask) {
        let start = rows.start;
        mask.stretches(rows, |rows| self.next(first + (rows.start - start), rows));
    }
}

/// Gives the rows of an update that count to `fold`, in order.
#[inline(always)]
pub(super) fn fold(groups: &Groups<'_>, mask: Option<&Mask>, fold: &mut impl Fold) {
    match groups {
        Groups::Each(each) => match mask {
            None => each.iter().enumerate().for_each(|(row, group)| fold.one(*group as usize, row)),
            Some(mask) => {
                mask.stretches(0..each.len(), |rows| rows.for_each(|row| fold.one(each[row] as usize, row)));
            }
        },
        Groups::Runs(runs) => {
            let mut at = 0;
            for run in *runs {
                let (first, rows) = (run.first as usize, at..at + run.len as usize);
                at = rows.end;
                match (run.step, mask) {
                    _ if rows.is_empty() => {}
                    (0, None) => fold.same(first, rows),
                    (0, Some(mask)) => fold.same_where(first, rows, mask),
                    (_, None) => fold.next(first, rows),
                    (_, Some(mask)) => fold.next_where(first, rows, mask),
                }
            }
        }
    }
}

struct Pairs(Vec<(usize, usize)>);

impl Fold for Pairs {
    fn one(&mut self, group: usize, row: usize) {
        self.0.push((group, row));
    }
}

/// The groups and rows of an update that count, for aggregates to which a row costs more than finding it.
pub(super) fn pairs(groups: &Groups<'_>, mask: Option<&Mask>) -> Vec<(usize, usize)> {
    let mut pairs = Pairs(Vec::with_capacity(mask.map_or_else(|| groups.len(), Mask::count)));
    fold(groups, mask, &mut pairs);
    pairs.0
}
