//! Aggregates that give the value of one row: `first`, `last`, `any_value` by the order of rows, `arg_min` and `arg_max`
//! by another value; `min` and `max` of types without a fixed width choose by the value itself.

use super::kept::{Encoding, Kept, Winner, kept};
use super::monoid::Combine;
use super::native::{Native, any_nan, array_where, booleans, by_native, held, is_native, values};
use super::rows::{Fold, Mask, fold};
use crate::{Accumulator, Groups, Result, SqlType};
use arrow::array::{ArrayRef, AsArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use std::marker::PhantomData;
use std::ops::Range;

/// Which row by order.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    /// The first, also if it is NULL.
    First,
    /// The first that is not NULL.
    FirstValue,
    /// The last, also if it is NULL.
    Last,
}

/// The value of a row by order.
pub(super) struct ByPlace {
    place: Place,
    seen: Vec<bool>,
    kept: Box<dyn Kept>,
}

impl ByPlace {
    /// Of values of a type.
    pub(super) fn new(place: Place, ty: &SqlType) -> Result<Self> {
        Ok(Self { place, seen: Vec::new(), kept: kept(ty)? })
    }
}

struct PickPlace<'a> {
    last: bool,
    seen: &'a mut [bool],
    winners: Vec<Winner>,
}

impl Fold for PickPlace<'_> {
    #[inline(always)]
    fn one(&mut self, group: usize, row: usize) {
        if self.last || !self.seen[group] {
            self.seen[group] = true;
            self.winners.push((group as u32, row as u32));
        }
    }

    #[inline(always)]
    fn same(&mut self, group: usize, rows: Range<usize>) {
        self.one(group, if self.last { rows.end - 1 } else { rows.start });
    }
}

impl Accumulator for ByPlace {
    fn resize(&mut self, groups: usize) {
        let groups = groups.max(self.seen.len());
        self.seen.resize(groups, false);
        self.kept.resize(groups);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let mask = Mask::of(if self.place == Place::FirstValue { args } else { &[] }, present);
        let last = self.place == Place::Last;
        let mut pick = PickPlace { last, seen: &mut self.seen, winners: Vec::new() };
        fold(groups, mask.as_ref(), &mut pick);
        let winners = pick.winners;
        self.kept.keep(&args[0], &winners)
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let seen = std::mem::take(&mut self.seen);
        Ok(vec![self.kept.take()?, booleans(&seen, &vec![true; seen.len()])])
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        self.update(groups, &state[..1], Some(state[1].as_boolean().values()))
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        self.seen.clear();
        self.kept.take()
    }

    fn memory(&self) -> usize {
        held(&self.seen) + self.kept.memory()
    }
}

/// The value of the row that is first by another value, in the order of `C`; of equal ones the earlier.
struct ByNative<N, C> {
    ty: DataType,
    best: Vec<N>,
    /// 1 for groups that have a row: see [`PickBest`].
    ranks: Vec<u8>,
    kept: Box<dyn Kept>,
    nan: bool,
    order: PhantomData<fn(C)>,
}

/// An order by which a row is chosen.
pub(super) trait Choose<N>: Combine<N> {
    /// Whether a later value beats an earlier one.
    fn beats(later: N, earlier: N) -> bool;

    /// The same of values that are not NaN.
    fn beats_number(later: N, earlier: N) -> bool;
}

impl<N: Native> Choose<N> for super::monoid::Least {
    #[inline(always)]
    fn beats(later: N, earlier: N) -> bool {
        later.less(earlier)
    }

    #[inline(always)]
    fn beats_number(later: N, earlier: N) -> bool {
        later.below(earlier)
    }
}

impl<N: Native> Choose<N> for super::monoid::Greatest {
    #[inline(always)]
    fn beats(later: N, earlier: N) -> bool {
        earlier.less(later)
    }

    #[inline(always)]
    fn beats_number(later: N, earlier: N) -> bool {
        earlier.below(later)
    }
}

/// Picks the rows with the best values. Rows of a greater rank win against all of a lesser; 0 is that of no row.
pub(super) struct PickBest<'a, N, C> {
    values: &'a [N],
    best: &'a mut [N],
    ranks: &'a mut [u8],
    rank: u8,
    /// Whether no value is NaN, nor was any before.
    are_numbers: bool,
    pub(super) winners: Vec<Winner>,
    order: PhantomData<fn(C)>,
}

impl<'a, N: Native, C: Choose<N>> PickBest<'a, N, C> {
    /// Rows of one rank with these values, where groups have kept rows with `best` and `ranks`.
    pub(super) fn new(values: &'a [N], best: &'a mut [N], ranks: &'a mut [u8], rank: u8) -> Self {
        Self { values, best, ranks, rank, are_numbers: false, winners: Vec::new(), order: PhantomData }
    }

    #[inline(always)]
    fn wins(&self, group: usize, value: N) -> bool {
        let rank = self.ranks[group];
        (rank < self.rank) | ((rank == self.rank) & C::beats(value, self.best[group]))
    }
}

impl<N: Native, C: Choose<N>> Fold for PickBest<'_, N, C> {
    #[inline(always)]
    fn one(&mut self, group: usize, row: usize) {
        let value = self.values[row];
        if self.wins(group, value) {
            self.best[group] = value;
            self.ranks[group] = self.rank;
            self.winners.push((group as u32, row as u32));
        }
    }

    /// Finds the best value in lanes, and only if it wins the first row that has it.
    #[inline(always)]
    fn same(&mut self, group: usize, rows: Range<usize>) {
        let values = &self.values[rows.clone()];
        let best = super::monoid::combined::<N, C>(values);
        if self.wins(group, best) {
            let at = values.iter().position(|value| !C::beats(best, *value));
            self.one(group, rows.start + at.expect("the best of some values is one of them"));
        }
    }

    #[inline(always)]
    fn next(&mut self, first: usize, rows: Range<usize>) {
        // Most rows win nothing: whether one of a few does is found without branches.
        const FEW: usize = 32;
        for start in (0..rows.len()).step_by(FEW) {
            let len = (rows.len() - start).min(FEW);
            let (group, row) = (first + start, rows.start + start);
            let values = &self.values[row..row + len];
            let (best, ranks) = (&self.best[group..group + len], &self.ranks[group..group + len]);
            let pairs = best.iter().zip(values);
            let beats = match self.are_numbers {
                true => pairs.fold(false, |any, (best, value)| any | C::beats_number(*value, *best)),
                false => pairs.fold(false, |any, (best, value)| any | C::beats(*value, *best)),
            };
            if beats | ranks.iter().fold(false, |any, rank| any | (*rank != self.rank)) {
                (0..len).for_each(|i| self.one(group + i, row + i));
            }
        }
    }
}

impl<N: Native, C: Choose<N>> Accumulator for ByNative<N, C> {
    fn resize(&mut self, groups: usize) {
        let groups = groups.max(self.ranks.len());
        self.best.resize(groups, C::START);
        self.ranks.resize(groups, 0);
        self.kept.resize(groups);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let (values, mask) = (values::<N>(&args[1]), Mask::of(args, present));
        self.nan = self.nan || any_nan(&values, mask.as_ref());
        let mut pick = PickBest::<N, C>::new(&values, &mut self.best, &mut self.ranks, 1);
        pick.are_numbers = !self.nan;
        fold(groups, mask.as_ref(), &mut pick);
        let winners = pick.winners;
        self.kept.keep(&args[0], &winners)
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let seen: Vec<bool> = std::mem::take(&mut self.ranks).iter().map(|rank| *rank > 0).collect();
        Ok(vec![self.kept.take()?, array_where(&self.ty, std::mem::take(&mut self.best), &seen)?])
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        self.update(groups, state, None)
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        self.best.clear();
        self.ranks.clear();
        self.kept.take()
    }

    fn memory(&self) -> usize {
        held(&self.best) + held(&self.ranks) + self.kept.memory()
    }

    fn met_nan(&self) -> bool {
        self.nan
    }
}

/// The same by values without a fixed width.
struct ByBytes {
    greatest: bool,
    encoding: Encoding,
    best: Vec<Option<Box<[u8]>>>,
    by: Box<dyn Kept>,
    kept: Box<dyn Kept>,
    bytes: usize,
}

struct PickBytes<'a> {
    greatest: bool,
    rows: Vec<Box<[u8]>>,
    best: &'a mut [Option<Box<[u8]>>],
    bytes: &'a mut usize,
    winners: Vec<Winner>,
}

impl Fold for PickBytes<'_> {
    fn one(&mut self, group: usize, row: usize) {
        let wins = match &self.best[group] {
            None => true,
            Some(best) if self.greatest => *best < self.rows[row],
            Some(best) => self.rows[row] < *best,
        };
        if wins {
            let value = std::mem::take(&mut self.rows[row]);
            *self.bytes += value.len();
            *self.bytes -= self.best[group].replace(value).map_or(0, |before| before.len());
            self.winners.push((group as u32, row as u32));
        }
    }
}

impl Accumulator for ByBytes {
    fn resize(&mut self, groups: usize) {
        let groups = groups.max(self.best.len());
        self.best.resize(groups, None);
        self.by.resize(groups);
        self.kept.resize(groups);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let by = &args[args.len() - 1];
        let rows = self.encoding.encode(std::slice::from_ref(by))?;
        let (best, bytes) = (&mut self.best[..], &mut self.bytes);
        let mut pick = PickBytes { greatest: self.greatest, rows, best, bytes, winners: Vec::new() };
        fold(groups, Mask::of(args, present).as_ref(), &mut pick);
        let winners = pick.winners;
        self.by.keep(by, &winners)?;
        self.kept.keep(&args[0], &winners)
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let value = self.finish()?;
        Ok(vec![value, self.by.take()?])
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        self.update(groups, state, None)
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        self.best.clear();
        self.bytes = 0;
        self.kept.take()
    }

    fn memory(&self) -> usize {
        held(&self.best) + self.bytes + self.by.memory() + self.kept.memory()
    }
}

/// The value whose `by` is least or greatest.
pub(super) fn chosen_by(value: &SqlType, by: &SqlType, greatest: bool) -> Result<Box<dyn Accumulator>> {
    let (kept_value, ty) = (kept(value)?, by.to_arrow());
    if !is_native(by) {
        let encoding = Encoding::new(std::slice::from_ref(by))?;
        let kept_by = kept(by)?;
        return Ok(Box::new(ByBytes { greatest, encoding, best: Vec::new(), by: kept_by, kept: kept_value, bytes: 0 }));
    }
    by_native!(by, N => Ok(if greatest {
        Box::new(ByNative::<N, super::monoid::Greatest>::new(ty, kept_value)) as Box<dyn Accumulator>
    } else {
        Box::new(ByNative::<N, super::monoid::Least>::new(ty, kept_value))
    }), else Err(super::no_values(by)))
}

impl<N: Native, C: Choose<N>> ByNative<N, C> {
    fn new(ty: DataType, kept: Box<dyn Kept>) -> Self {
        Self { ty, best: Vec::new(), ranks: Vec::new(), kept, nan: false, order: PhantomData }
    }
}
