//! All values of all groups, for aggregates that need them together.
//!
//! Values are appended as they come, in blocks, with their groups as runs; they are put together group by group only at
//! the end, some groups at a time, so that no group has a vector of its own and little is held twice.

use super::native::{Native, any_nan, array, held, lists, values};
use super::rows::{Fold, Mask, fold};
use crate::{GroupRun, Groups, Result};
use arrow::array::{ArrayRef, AsArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use std::ops::Range;

/// The values of a block. Less for the first block, which grows.
const BLOCK: usize = 1 << 15;

/// Runs up to this length become singles among singles.
const SHORT: usize = 16;

/// The values put together at a time, at least.
const WINDOW: usize = 1 << 21;

/// Values and their groups in the order they came.
pub(super) struct Collected<N> {
    blocks: Vec<Block<N>>,
    sizes: Vec<u64>,
    largest: u64,
    len: u64,
    singles: u64,
    /// The bytes of all blocks but the last.
    closed: usize,
}

struct Block<N> {
    values: Vec<N>,
    runs: Vec<GroupRun>,
    each: Vec<u32>,
}

impl<N: Copy + Default> Block<N> {
    /// A block has its groups in one of two ways: as runs, or one by one.
    fn takes(&self, singly: bool) -> bool {
        self.values.len() < BLOCK && self.values.is_empty() | (singly != self.each.is_empty())
    }

    /// Whether runs take less room than the numbers of single groups would.
    fn has_long_runs(&self) -> bool {
        self.runs.len() * size_of::<GroupRun>() < self.values.len() * size_of::<u32>()
    }

    fn memory(&self) -> usize {
        held(&self.values) + held(&self.runs) + held(&self.each)
    }

    fn add_run(&mut self, run: GroupRun) {
        if let Some(last) = self.runs.last_mut() {
            let step = if last.len > 1 { last.step } else { run.first.wrapping_sub(last.first) };
            let follows = u64::from(last.first) + u64::from(last.len) * u64::from(step) == u64::from(run.first);
            if step <= 1 && follows && (run.step == step || run.len == 1) {
                (last.len, last.step) = (last.len + run.len, step);
                return;
            }
        }
        self.runs.push(run);
    }
}

impl<N: Copy + Default> Default for Collected<N> {
    fn default() -> Self {
        Self { blocks: Vec::new(), sizes: Vec::new(), largest: 0, len: 0, singles: 0, closed: 0 }
    }
}

impl<N: Copy + Default> Collected<N> {
    /// Makes room for groups.
    pub(super) fn resize(&mut self, groups: usize) {
        self.sizes.resize(groups.max(self.sizes.len()), 0);
    }

    /// How many values each group has.
    pub(super) fn sizes(&self) -> &[u64] {
        &self.sizes
    }

    /// Adds values of one group.
    pub(super) fn add_same(&mut self, group: usize, values: &[N]) {
        self.sizes[group] += values.len() as u64;
        self.largest = self.largest.max(self.sizes[group]);
        self.append(values, group as u32, 0);
    }

    fn add_next(&mut self, first: usize, values: &[N]) {
        let mut largest = self.largest;
        for size in &mut self.sizes[first..first + values.len()] {
            *size += 1;
            largest = largest.max(*size);
        }
        self.largest = largest;
        self.append(values, first as u32, 1);
    }

    fn add_one(&mut self, group: usize, value: N) {
        self.sizes[group] += 1;
        self.largest = self.largest.max(self.sizes[group]);
        self.len += 1;
        let run = GroupRun { len: 1, first: group as u32, step: 0 };
        if let Some(block) = self.blocks.last_mut().filter(|block| block.takes(false) && block.has_long_runs()) {
            block.values.push(value);
            block.add_run(run);
            return;
        }
        self.singles += 1;
        let block = self.open(true);
        block.values.push(value);
        block.each.push(group as u32);
    }

    fn append(&mut self, mut values: &[N], mut first: u32, step: u32) {
        if values.len() <= SHORT && self.blocks.last().is_some_and(|block| block.takes(true) && !block.each.is_empty())
        {
            for (at, value) in (0..).zip(values) {
                self.len += 1;
                self.singles += 1;
                let block = self.open(true);
                block.values.push(*value);
                block.each.push(first + at * step);
            }
            return;
        }
        self.len += values.len() as u64;
        while !values.is_empty() {
            let block = self.open(false);
            let (part, rest) = values.split_at(values.len().min(BLOCK - block.values.len()));
            block.values.extend_from_slice(part);
            let len = part.len() as u32;
            block.add_run(GroupRun { len, first, step });
            (values, first) = (rest, first + len * step);
        }
    }

    /// The block that the next values go to.
    fn open(&mut self, singly: bool) -> &mut Block<N> {
        if !self.blocks.last().is_some_and(|block| block.takes(singly)) {
            self.closed += self.blocks.last().map_or(0, Block::memory);
            // A block that is begun because values come in the other way may stay small.
            let room = if self.blocks.last().is_some_and(|block| block.values.len() == BLOCK) { BLOCK } else { 0 };
            let each = Vec::with_capacity(if singly { room } else { 0 });
            self.blocks.push(Block { values: Vec::with_capacity(room), runs: Vec::new(), each });
        }
        self.blocks.last_mut().expect("there is a block now")
    }

    /// The bytes held, with those that [`Self::visit`] takes.
    pub(super) fn memory(&self) -> usize {
        let blocks = held(&self.blocks) + self.closed + self.blocks.last().map_or(0, Block::memory);
        blocks + held(&self.sizes) + (self.window().min(self.len) as usize) * size_of::<N>()
    }

    /// How many values are put together at a time: numbers of single groups are looked through once for each window.
    fn window(&self) -> u64 {
        (WINDOW as u64).max(self.largest).max(self.singles / 8)
    }

    /// Calls `visit` with the values of each group in the order they came, group by group, and drops them.
    pub(super) fn visit(&mut self, mut visit: impl FnMut(usize, &mut [N])) {
        let window = self.window();
        let (sizes, blocks) = (std::mem::take(&mut self.sizes), std::mem::take(&mut self.blocks));
        let mut values: Vec<N> = Vec::new();
        let mut start = 0;
        while start < sizes.len() {
            let mut offsets = vec![0u64];
            while let Some(size) = sizes.get(start + offsets.len() - 1) {
                let total = offsets[offsets.len() - 1] + size;
                if total > window && offsets.len() > 1 {
                    break;
                }
                offsets.push(total);
            }
            let groups = start..start + offsets.len() - 1;
            values.resize(offsets[offsets.len() - 1] as usize, N::default());
            gather(&blocks, groups.clone(), &offsets, &mut values);
            for (group, span) in groups.clone().zip(offsets.windows(2)) {
                visit(group, &mut values[span[0] as usize..span[1] as usize]);
            }
            start = groups.end;
        }
        *self = Self::default();
    }
}

/// Puts the values of some groups where `offsets` says.
fn gather<N: Copy + Default>(blocks: &[Block<N>], groups: Range<usize>, offsets: &[u64], out: &mut [N]) {
    let mut next: Vec<u64> = offsets[..groups.len()].to_vec();
    for block in blocks {
        for (value, group) in block.values.iter().zip(&block.each) {
            if groups.contains(&(*group as usize)) {
                let at = &mut next[*group as usize - groups.start];
                out[*at as usize] = *value;
                *at += 1;
            }
        }
        let mut row = 0;
        for run in &block.runs {
            let values = &block.values[row..row + run.len as usize];
            row += values.len();
            let first = run.first as usize;
            if run.step == 0 && groups.contains(&first) {
                let at = &mut next[first - groups.start];
                out[*at as usize..*at as usize + values.len()].copy_from_slice(values);
                *at += values.len() as u64;
            } else if run.step == 1 {
                let (from, to) = (first.max(groups.start), (first + values.len()).min(groups.end));
                for group in from..to {
                    let at = &mut next[group - groups.start];
                    out[*at as usize] = values[group - first];
                    *at += 1;
                }
            }
        }
    }
}

/// What an accumulator does that keeps all values of its one argument.
impl<N: Native> Collected<N> {
    /// Takes the values of rows; says whether a NaN was among them.
    pub(super) fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> bool {
        let (values, mask) = (values::<N>(&args[0]), Mask::of(args, present));
        fold(groups, mask.as_ref(), &mut Collect { values: &values, into: self });
        any_nan(&values, mask.as_ref())
    }

    /// The values as state: a list for each group, of items of type `ty`.
    pub(super) fn state(&mut self, ty: &DataType) -> Result<Vec<ArrayRef>> {
        let sizes: Vec<usize> = self.sizes().iter().map(|size| *size as usize).collect();
        let mut all: Vec<N> = Vec::with_capacity(sizes.iter().sum());
        self.visit(|_, values| all.extend_from_slice(values));
        Ok(vec![lists(array(ty, all, None)?, sizes)?])
    }

    /// Takes the values of a state; says whether a NaN was among them.
    pub(super) fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> bool {
        let lists = state[0].as_list::<i64>();
        let (values, offsets) = (values::<N>(lists.values()), lists.offsets());
        groups.for_each(|at, group| self.add_same(group, &values[offsets[at] as usize..offsets[at + 1] as usize]));
        any_nan(&values, None)
    }
}

/// Collects the rows of an update.
pub(super) struct Collect<'a, N> {
    pub(super) values: &'a [N],
    pub(super) into: &'a mut Collected<N>,
}

impl<N: Copy + Default> Fold for Collect<'_, N> {
    #[inline(always)]
    fn one(&mut self, group: usize, row: usize) {
        self.into.add_one(group, self.values[row]);
    }

    #[inline(always)]
    fn same(&mut self, group: usize, rows: Range<usize>) {
        self.into.add_same(group, &self.values[rows]);
    }

    #[inline(always)]
    fn next(&mut self, first: usize, rows: Range<usize>) {
        self.into.add_next(first, &self.values[rows]);
    }
}
