//! How often values occur, or how much they weigh, by their rank: each value of few, and beginnings of ranks of many. What
//! [`super::rounds`] and [`super::weighted_rounds`] need to know of all rows.

use super::keys::Mixer;
use super::native::{Native, any_nan, array, lists, values};
use super::rows::{Fold, Mask, fold};
use crate::{Accumulator, Error, Groups, Result};
use arrow::array::{Array, ArrayRef, AsArray, LargeListArray, StructArray};
use arrow::buffer::{BooleanBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::marker::PhantomData;
use std::ops::{AddAssign, Range};
use std::sync::Arc;

/// What is added up for each rank: a number of rows, or their weight.
pub(super) trait Amount: Native + Default + AddAssign {
    /// What arrays of amounts are.
    const TYPE: DataType;
}

impl Amount for i64 {
    const TYPE: DataType = DataType::Int64;
}

impl Amount for i128 {
    const TYPE: DataType = DataType::Decimal128(38, 0);
}

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

/// Amounts of the values that have one beginning.
enum Slot<A> {
    /// By their rank.
    Few(HashMap<u64, A, BuildHasherDefault<Mixer>>),
    /// By the next bits of their rank.
    Many(Box<[A]>),
}

impl<A: Amount> Slot<A> {
    fn new() -> Self {
        Self::Few(HashMap::default())
    }

    fn add(&mut self, watched: &Watched, mut ranks: impl Iterator<Item = (u64, A)>) {
        if let Self::Few(few) = self {
            let most = 1 << (watched.bits - 1);
            for (rank, amount) in ranks.by_ref() {
                *few.entry(rank).or_default() += amount;
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
        ranks.for_each(|(rank, amount)| bins[(rank << known >> rest) as usize] += amount);
    }

    /// Its bins, which it has from now on.
    fn bins(&mut self, watched: &Watched) -> &mut [A] {
        if let Self::Few(few) = self {
            let mut bins = vec![A::default(); 1 << watched.bits].into_boxed_slice();
            for (rank, amount) in few.iter() {
                bins[(rank << watched.known >> (u64::BITS - watched.bits)) as usize] += *amount;
            }
            *self = Self::Many(bins);
        }
        match self {
            Self::Many(bins) => bins,
            Self::Few(_) => &mut [],
        }
    }

    /// What there is of each rank, in their order.
    fn amounts(&self, watched: &Watched, beginning: u64) -> Vec<(u64, A)> {
        match self {
            Self::Few(few) => {
                let mut amounts: Vec<(u64, A)> = few.iter().map(|(rank, amount)| (*rank, *amount)).collect();
                amounts.sort_unstable_by_key(|(rank, _)| *rank);
                amounts
            }
            Self::Many(bins) => {
                let rank = |bin: usize| beginning | (bin as u64) << (u64::BITS - watched.bits) >> watched.known;
                let met = bins.iter().enumerate().filter(|(_, amount)| **amount != A::default());
                met.map(|(bin, amount)| (rank(bin), *amount)).collect()
            }
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Few(few) => few.capacity() * (size_of::<(u64, A)>() + 1) * 8 / 7,
            Self::Many(bins) => size_of_val(&bins[..]),
        }
    }
}

/// Adds up the values of each group that are watched.
pub(super) struct Counting<N, A> {
    watched: Arc<Watched>,
    slots: Vec<Slot<A>>,
    /// For each group its first slot, and the end of the last; empty where each group has one.
    starts: Vec<usize>,
    bytes: usize,
    values: PhantomData<fn(N)>,
}

impl<N: Native, A: Amount> Counting<N, A> {
    pub(super) fn new(watched: Arc<Watched>) -> Self {
        let mut starts = Vec::new();
        if let Some(groups) = &watched.beginnings {
            starts.push(0);
            starts.extend(groups.iter().scan(0, |end, group| {
                *end += group.len();
                Some(*end)
            }));
        }
        let slots: Vec<Slot<A>> = (0..starts.last().copied().unwrap_or(0)).map(|_| Slot::new()).collect();
        let bytes = slots.len() * size_of::<Slot<A>>();
        Self { watched, slots, starts, bytes, values: PhantomData }
    }

    fn slots_of(&self, group: usize) -> Range<usize> {
        if self.starts.is_empty() { group..group + 1 } else { self.starts[group]..self.starts[group + 1] }
    }

    fn beginning(&self, group: usize, at: usize) -> u64 {
        self.watched.beginnings.as_ref().map_or(0, |groups| groups[group][at])
    }

    /// Adds values of a group.
    #[inline(always)]
    pub(super) fn add(&mut self, group: usize, values: impl Iterator<Item = (N, A)> + Clone) {
        for (at, slot) in self.slots_of(group).enumerate() {
            let beginning = self.beginning(group, at);
            let (watched, slot) = (self.watched.as_ref(), &mut self.slots[slot]);
            let ranks = values.clone().map(|(value, amount)| (value.rank(), amount));
            let before = slot.bytes();
            if watched.known == 0 {
                slot.add(watched, ranks);
            } else {
                slot.add(watched, ranks.filter(|(rank, _)| watched.begins_so(*rank, beginning)));
            }
            self.bytes = self.bytes + slot.bytes() - before;
        }
    }

    fn groups(&self) -> usize {
        if self.starts.is_empty() { self.slots.len() } else { self.starts.len() - 1 }
    }

    pub(super) fn resize(&mut self, groups: usize) {
        if self.watched.beginnings.is_none() && groups > self.slots.len() {
            self.bytes += (groups - self.slots.len()) * size_of::<Slot<A>>();
            self.slots.resize_with(groups, Slot::new);
        }
    }

    pub(super) fn bytes_a_group() -> usize {
        size_of::<Slot<A>>()
    }

    /// For each group lists of ranks, of their amounts, and of the slot that they belong to, twice, and one more if only the
    /// beginning of the rank is given.
    pub(super) fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let (mut ranks, mut amounts, mut slots, mut sizes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for group in 0..self.groups() {
            let before = ranks.len();
            for (at, slot) in self.slots_of(group).enumerate() {
                let (slot, kind) = (&self.slots[slot], 2 * at as u32);
                let kind = kind + u32::from(matches!(slot, Slot::Many(_)));
                for (rank, amount) in slot.amounts(&self.watched, self.beginning(group, at)) {
                    ranks.push(rank);
                    amounts.push(amount);
                    slots.push(kind);
                }
            }
            sizes.push(ranks.len() - before);
        }
        *self = Self::new(self.watched.clone());
        Ok(vec![
            lists(array(&DataType::UInt64, ranks, None)?, sizes.iter().copied())?,
            lists(array(&A::TYPE, amounts, None)?, sizes.iter().copied())?,
            lists(array(&DataType::UInt32, slots, None)?, sizes)?,
        ])
    }

    /// Adds what [`Self::state`] gave.
    pub(super) fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let counted = Counted::<A>::new(state);
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
                slot.add(&self.watched, std::iter::once((entry.rank, entry.amount)));
                self.bytes = self.bytes + slot.bytes() - before;
            }
        });
        outcome
    }

    pub(super) fn memory(&self) -> usize {
        self.bytes
    }
}

/// Counts rows.
pub(super) struct Counts<N> {
    counting: Counting<N, i64>,
    nan: bool,
}

impl<N: Native> Counts<N> {
    pub(super) fn new(watched: Arc<Watched>) -> Self {
        Self { counting: Counting::new(watched), nan: false }
    }
}

struct Count<'a, N> {
    values: &'a [N],
    into: &'a mut Counting<N, i64>,
}

impl<N: Native> Fold for Count<'_, N> {
    fn one(&mut self, group: usize, row: usize) {
        self.same(group, row..row + 1);
    }

    fn same(&mut self, group: usize, rows: Range<usize>) {
        self.into.add(group, self.values[rows].iter().map(|value| (*value, 1)));
    }
}

impl<N: Native> Accumulator for Counts<N> {
    fn resize(&mut self, groups: usize) {
        self.counting.resize(groups);
    }

    fn bytes_a_group(&self) -> usize {
        Counting::<N, i64>::bytes_a_group()
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let (values, mask) = (values::<N>(&args[0]), Mask::of(args, present));
        self.nan = self.nan || any_nan(&values, mask.as_ref());
        fold(groups, mask.as_ref(), &mut Count { values: &values, into: &mut self.counting });
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        self.counting.state()
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        self.counting.merge(groups, state)
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        as_one(self.state()?)
    }

    fn memory(&self) -> usize {
        self.counting.memory()
    }

    fn met_nan(&self) -> bool {
        self.nan
    }
}

/// A state as one array.
pub(super) fn as_one(parts: Vec<ArrayRef>) -> Result<ArrayRef> {
    let field = |(at, part): (usize, &ArrayRef)| Field::new(at.to_string(), part.data_type().clone(), true);
    let fields = parts.iter().enumerate().map(field).collect();
    Ok(Arc::new(StructArray::try_new(fields, parts, None)?))
}

/// The state of all groups, read.
pub(super) struct Counted<A: Amount> {
    lists: LargeListArray,
    ranks: ScalarBuffer<u64>,
    amounts: ScalarBuffer<A>,
    slots: ScalarBuffer<u32>,
}

/// Values of one slot with the same rank, or the same beginning of a rank.
pub(super) struct Entry<A> {
    pub(super) slot: usize,
    pub(super) is_exact: bool,
    pub(super) rank: u64,
    pub(super) amount: A,
}

impl<A: Amount> Counted<A> {
    pub(super) fn new(state: &[ArrayRef]) -> Self {
        let lists = state[0].as_list::<i64>().clone();
        let items = |at: usize| state[at].as_list::<i64>().values();
        Self { ranks: values(items(0)), amounts: values(items(1)), slots: values(items(2)), lists }
    }

    pub(super) fn groups(&self) -> usize {
        self.lists.offsets().len() - 1
    }

    /// What there is in a group, by slot and rank.
    pub(super) fn group(&self, group: usize) -> impl Iterator<Item = Entry<A>> + '_ {
        let offsets = self.lists.offsets();
        (offsets[group] as usize..offsets[group + 1] as usize).map(|at| Entry {
            slot: self.slots[at] as usize / 2,
            is_exact: self.slots[at].is_multiple_of(2),
            rank: self.ranks[at],
            amount: self.amounts[at],
        })
    }
}
