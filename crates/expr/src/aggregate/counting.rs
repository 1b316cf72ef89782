//! How often values occur, by their rank: each value of few, and beginnings of ranks of many. What [`super::rounds`] needs to
//! know of all rows.

use super::keys::Mixer;
use super::native::{Native, any_nan, array, counts, lists, values};
use super::rows::{Fold, Mask, fold};
use crate::{Accumulator, Error, Groups, Result};
use arrow::array::{Array, ArrayRef, AsArray, LargeListArray, StructArray};
use arrow::buffer::{BooleanBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

/// The ranks that count in a round.
pub(super) struct Watched {
    /// How many bits of them are known.
    pub(super) known: u32,
    /// How many bits more the round tells apart, at most.
    pub(super) bits: u32,
    /// For each group the different beginnings, in order, the rest being zeros; `None` where nothing is known yet.
    pub(super) beginnings: Option<Vec<Vec<u64>>>,
}

impl Watched {
    fn begins_so(&self, rank: u64, beginning: u64) -> bool {
        self.known == 0 || (rank ^ beginning) >> (u64::BITS - self.known) == 0
    }

    /// The beginning of a rank that is known after the round.
    pub(super) fn beginning(&self, rank: u64) -> u64 {
        let rest = u64::BITS - (self.known + self.bits).min(u64::BITS);
        if rest == 0 { rank } else { rank >> rest << rest }
    }
}

/// The most bytes that are held for each beginning that is watched where a round tells so many bits apart.
pub(super) fn bytes_a_beginning(bits: u32) -> usize {
    // A table of half as many values, and bins while it is turned into them.
    (25 << bits) + (1 << 10)
}

/// Counts of the values that have one beginning.
enum Slot {
    /// By their rank.
    Few(HashMap<u64, u64, BuildHasherDefault<Mixer>>),
    /// By the next bits of their rank.
    Many(Box<[u64]>),
}

impl Slot {
    fn new() -> Self {
        Self::Few(HashMap::default())
    }

    fn add(&mut self, watched: &Watched, mut ranks: impl Iterator<Item = u64>, times: u64) {
        if let Self::Few(few) = self {
            let most = 1 << (watched.bits - 1);
            for rank in ranks.by_ref() {
                *few.entry(rank).or_insert(0) += times;
                if few.len() > most {
                    break;
                }
            }
            if few.len() <= most {
                return;
            }
        }
        let bins = self.bins(watched);
        let (known, rest) = (watched.known, u64::BITS - watched.bits);
        ranks.for_each(|rank| bins[(rank << known >> rest) as usize] += times);
    }

    /// Its bins, which it has from now on.
    fn bins(&mut self, watched: &Watched) -> &mut [u64] {
        if let Self::Few(few) = self {
            let mut bins = vec![0; 1 << watched.bits].into_boxed_slice();
            for (rank, times) in few.iter() {
                bins[(rank << watched.known >> (u64::BITS - watched.bits)) as usize] += times;
            }
            *self = Self::Many(bins);
        }
        match self {
            Self::Many(bins) => bins,
            Self::Few(_) => &mut [],
        }
    }

    /// What was counted, in the order of ranks.
    fn counts(&self, watched: &Watched, beginning: u64) -> Vec<(u64, u64)> {
        match self {
            Self::Few(few) => {
                let mut counts: Vec<(u64, u64)> = few.iter().map(|(rank, times)| (*rank, *times)).collect();
                counts.sort_unstable();
                counts
            }
            Self::Many(bins) => {
                let rank = |bin: usize| beginning | (bin as u64) << (u64::BITS - watched.bits) >> watched.known;
                let met = bins.iter().enumerate().filter(|(_, times)| **times > 0);
                met.map(|(bin, times)| (rank(bin), *times)).collect()
            }
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Few(few) => few.capacity() * (2 * size_of::<u64>() + 1) * 8 / 7,
            Self::Many(bins) => size_of_val(&bins[..]),
        }
    }
}

/// Counts the values of each group that are watched.
pub(super) struct Counting<N> {
    watched: Arc<Watched>,
    slots: Vec<Slot>,
    /// For each group its first slot, and the end of the last; empty where each group has one.
    starts: Vec<usize>,
    bytes: usize,
    nan: bool,
    values: PhantomData<fn(N)>,
}

impl<N: Native> Counting<N> {
    pub(super) fn new(watched: Arc<Watched>) -> Self {
        let mut starts = Vec::new();
        if let Some(groups) = &watched.beginnings {
            starts.push(0);
            starts.extend(groups.iter().scan(0, |end, group| {
                *end += group.len();
                Some(*end)
            }));
        }
        let slots: Vec<Slot> = (0..starts.last().copied().unwrap_or(0)).map(|_| Slot::new()).collect();
        let bytes = slots.len() * size_of::<Slot>();
        Self { watched, slots, starts, bytes, nan: false, values: PhantomData }
    }

    fn slots_of(&self, group: usize) -> Range<usize> {
        if self.starts.is_empty() { group..group + 1 } else { self.starts[group]..self.starts[group + 1] }
    }

    fn beginning(&self, group: usize, at: usize) -> u64 {
        self.watched.beginnings.as_ref().map_or(0, |groups| groups[group][at])
    }

    fn add(&mut self, group: usize, values: &[N]) {
        for (at, slot) in self.slots_of(group).enumerate() {
            let beginning = self.beginning(group, at);
            let (watched, slot) = (self.watched.as_ref(), &mut self.slots[slot]);
            let ranks = values.iter().map(|value| value.rank());
            let before = slot.bytes();
            if watched.known == 0 {
                slot.add(watched, ranks, 1);
            } else {
                slot.add(watched, ranks.filter(|rank| watched.begins_so(*rank, beginning)), 1);
            }
            self.bytes = self.bytes + slot.bytes() - before;
        }
    }

    fn groups(&self) -> usize {
        if self.starts.is_empty() { self.slots.len() } else { self.starts.len() - 1 }
    }
}

struct Count<'a, N> {
    values: &'a [N],
    into: &'a mut Counting<N>,
}

impl<N: Native> Fold for Count<'_, N> {
    fn one(&mut self, group: usize, row: usize) {
        self.into.add(group, &self.values[row..=row]);
    }

    fn same(&mut self, group: usize, rows: Range<usize>) {
        self.into.add(group, &self.values[rows]);
    }
}

impl<N: Native> Accumulator for Counting<N> {
    fn resize(&mut self, groups: usize) {
        if self.watched.beginnings.is_none() && groups > self.slots.len() {
            self.bytes += (groups - self.slots.len()) * size_of::<Slot>();
            self.slots.resize_with(groups, Slot::new);
        }
    }

    fn bytes_a_group(&self) -> usize {
        size_of::<Slot>()
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let (values, mask) = (values::<N>(&args[0]), Mask::of(args, present));
        self.nan = self.nan || any_nan(&values, mask.as_ref());
        fold(groups, mask.as_ref(), &mut Count { values: &values, into: self });
        Ok(())
    }

    /// For each group lists of ranks, of how often they were met, and of the slot that they belong to, twice, and one more if
    /// only the beginning of the rank is given.
    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let (mut ranks, mut times, mut slots, mut sizes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for group in 0..self.groups() {
            let before = ranks.len();
            for (at, slot) in self.slots_of(group).enumerate() {
                let (slot, kind) = (&self.slots[slot], 2 * at as u32);
                let kind = kind + u32::from(matches!(slot, Slot::Many(_)));
                for (rank, met) in slot.counts(&self.watched, self.beginning(group, at)) {
                    ranks.push(rank);
                    times.push(met as i64);
                    slots.push(kind);
                }
            }
            sizes.push(ranks.len() - before);
        }
        *self = Self { nan: self.nan, ..Self::new(self.watched.clone()) };
        Ok(vec![
            lists(array(&DataType::UInt64, ranks, None)?, sizes.iter().copied())?,
            lists(counts(times), sizes.iter().copied())?,
            lists(array(&DataType::UInt32, slots, None)?, sizes)?,
        ])
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let counted = Counted::new(state);
        let mut outcome = Ok(());
        groups.for_each(|at, group| {
            for entry in counted.group(at) {
                let slots = self.slots_of(group);
                let Some(slot) = self.slots.get_mut(slots.start + entry.slot).filter(|_| entry.slot < slots.len())
                else {
                    outcome = Err(Error::new("the state of a quantile is none of this round"));
                    return;
                };
                let before = slot.bytes();
                if !entry.is_exact {
                    slot.bins(&self.watched);
                }
                slot.add(&self.watched, std::iter::once(entry.rank), entry.times);
                self.bytes = self.bytes + slot.bytes() - before;
            }
        });
        outcome
    }

    /// The state, as one array.
    fn finish(&mut self) -> Result<ArrayRef> {
        let parts = self.state()?;
        let fields = ["ranks", "times", "slots"].iter().zip(&parts);
        let fields = fields.map(|(name, part)| Field::new(*name, part.data_type().clone(), true)).collect();
        Ok(Arc::new(StructArray::try_new(fields, parts, None)?))
    }

    fn memory(&self) -> usize {
        self.bytes
    }

    fn met_nan(&self) -> bool {
        self.nan
    }
}

/// The state of all groups, read.
pub(super) struct Counted {
    lists: LargeListArray,
    ranks: ScalarBuffer<u64>,
    times: ScalarBuffer<i64>,
    slots: ScalarBuffer<u32>,
}

/// Values of one slot with the same rank, or the same beginning of a rank.
pub(super) struct Entry {
    pub(super) slot: usize,
    pub(super) is_exact: bool,
    pub(super) rank: u64,
    pub(super) times: u64,
}

impl Counted {
    pub(super) fn new(state: &[ArrayRef]) -> Self {
        let lists = state[0].as_list::<i64>().clone();
        let items = |at: usize| state[at].as_list::<i64>().values();
        Self { ranks: values(items(0)), times: values(items(1)), slots: values(items(2)), lists }
    }

    pub(super) fn groups(&self) -> usize {
        self.lists.offsets().len() - 1
    }

    /// What was counted in a group, by slot and rank.
    pub(super) fn group(&self, group: usize) -> impl Iterator<Item = Entry> + '_ {
        let offsets = self.lists.offsets();
        (offsets[group] as usize..offsets[group + 1] as usize).map(|at| Entry {
            slot: self.slots[at] as usize / 2,
            is_exact: self.slots[at].is_multiple_of(2),
            rank: self.ranks[at],
            times: self.times[at] as u64,
        })
    }
}
