//! Quantiles of groups whose values are too many to be held: the rows are seen in several rounds.
//!
//! A round counts values by the next bits of their rank, a whole number in the order of the values. That tells which bits the
//! wanted values begin with, and the next round looks only at values that begin so. A group of few different values, as packed
//! variables have, is counted value by value and known after the first round. What is found are values, not estimates: the
//! results are those of [`super::quantile`], to the bit.

use super::counting::{Counted, Counts, Entry, Watched, bytes_a_beginning};
use super::native::Native;
use super::quantile::{Between, Fractions, Places};
use crate::{Accumulator, Error, Result, SqlType};
use arrow::array::{ArrayRef, AsArray};
use std::marker::PhantomData;
use std::sync::Arc;

/// Rounds tell at most so many bits of a rank apart: two rounds for a FLOAT, four for a DOUBLE.
pub(super) const MOST_BITS: u32 = 16;

/// And at least so many.
pub(super) const LEAST_BITS: u32 = 4;

/// An aggregate that is found in rounds. In each round all rows are folded into accumulators, any number of them for parts of
/// the rows, which are merged; what the last of them finishes with tells what to look for in the next.
pub trait Rounds: Send + Sync {
    /// An accumulator for rows in this round.
    fn accumulator(&self) -> Box<dyn Accumulator>;

    /// Ends the round with what an accumulator gave in the end that all rows were folded into.
    ///
    /// # Errors
    /// If it does not go with what the rounds before saw: the rows changed.
    fn close(&mut self, counted: &ArrayRef) -> Result<()>;

    /// Whether the results are known.
    fn is_done(&self) -> bool;

    /// The results of all groups, once they are known.
    ///
    /// # Errors
    /// A result that its type cannot hold.
    fn finish(&mut self) -> Result<ArrayRef>;
}

/// The search for the quantiles of all groups.
pub(super) struct Quantiles<N, B> {
    item: SqlType,
    fractions: Fractions,
    bits: u32,
    watched: Arc<Watched>,
    groups: Vec<Group>,
    between: PhantomData<fn(N, B)>,
}

/// What is known of a group.
#[derive(Default)]
struct Group {
    count: u64,
    /// For each fraction the values below and above it; none if there is no value at all.
    sought: Vec<Sought>,
}

/// A value that is sought by its place among those of the same beginning.
#[derive(Clone, Copy)]
struct Sought {
    beginning: u64,
    place: u64,
    /// Whether the beginning is the whole rank.
    is_found: bool,
}

impl<N: Native, B: Between<N>> Quantiles<N, B> {
    /// With accumulators that hold at most so many bytes for each group, if the fewest bits do.
    pub(super) fn new(item: &SqlType, fractions: Fractions, bytes_a_group: usize) -> Self {
        let beginnings = 2 * fractions.all().len();
        let fits = |bits: &u32| bytes_a_beginning(*bits).saturating_mul(beginnings) <= bytes_a_group;
        let bits = (LEAST_BITS..=MOST_BITS).rev().find(fits).unwrap_or(LEAST_BITS);
        let watched = Arc::new(Watched { known: 0, bits: bits.min(N::RANK_BITS), beginnings: None });
        Self { item: item.clone(), fractions, bits, watched, groups: Vec::new(), between: PhantomData }
    }

    /// A group of so many values of which nothing else is known.
    fn begun(&self, count: u64) -> Group {
        let places = |fraction: &f64| {
            let places = Places::new::<N, B>(count, *fraction);
            [places.low, places.high].map(|place| Sought { beginning: 0, place, is_found: false })
        };
        let sought = if count == 0 { Vec::new() } else { self.fractions.all().iter().flat_map(places).collect() };
        Group { count, sought }
    }

    /// Where a value lies, as far as the counts of its slot tell.
    fn narrowed(&self, sought: Sought, entries: &[Entry<i64>], slot: usize) -> Result<Sought> {
        let mut place = sought.place;
        for entry in entries.iter().filter(|entry| entry.slot == slot) {
            let times = entry.amount as u64;
            if place < times {
                let beginning = if entry.is_exact { entry.rank } else { self.watched.beginning(entry.rank) };
                let is_found = entry.is_exact || self.watched.known + self.watched.bits >= N::RANK_BITS;
                return Ok(Sought { beginning, place, is_found });
            }
            place -= times;
        }
        Err(Error::new("the values changed between two rounds of reading them"))
    }

    fn close_group(&self, number: usize, entries: &[Entry<i64>]) -> Result<Group> {
        let known = match &self.watched.beginnings {
            None => &self.begun(entries.iter().map(|entry| entry.amount as u64).sum()),
            Some(_) => &self.groups[number],
        };
        let watched = self.watched.beginnings.as_ref().map(|groups| &groups[number]);
        let narrowed = |sought: &Sought| {
            if sought.is_found {
                return Ok(*sought);
            }
            let slot = watched.map_or(Ok(0), |watched| watched.binary_search(&sought.beginning)).unwrap_or_default();
            self.narrowed(*sought, entries, slot)
        };
        Ok(Group { count: known.count, sought: known.sought.iter().map(narrowed).collect::<Result<_>>()? })
    }
}

impl Group {
    /// The beginnings of the values that are still sought.
    fn beginnings(&self) -> Vec<u64> {
        let mut all: Vec<u64> =
            self.sought.iter().filter(|sought| !sought.is_found).map(|sought| sought.beginning).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl<N: Native, B: Between<N>> Rounds for Quantiles<N, B> {
    fn accumulator(&self) -> Box<dyn Accumulator> {
        Box::new(Counts::<N>::new(self.watched.clone()))
    }

    fn close(&mut self, counted: &ArrayRef) -> Result<()> {
        let counted = Counted::<i64>::new(counted.as_struct().columns());
        let close = |number: usize| self.close_group(number, &counted.group(number).collect::<Vec<_>>());
        self.groups = (0..counted.groups()).map(close).collect::<Result<_>>()?;
        let known = (self.watched.known + self.watched.bits).min(N::RANK_BITS);
        let beginnings = Some(self.groups.iter().map(Group::beginnings).collect());
        self.watched = Arc::new(Watched { known, bits: self.bits.min(N::RANK_BITS - known), beginnings });
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.watched.beginnings.as_ref().is_some_and(|groups| groups.iter().all(Vec::is_empty))
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let mut out = Vec::with_capacity(self.groups.len() * self.fractions.all().len());
        for group in &self.groups {
            for (at, fraction) in self.fractions.all().iter().enumerate() {
                out.push(match group.sought.get(2 * at..2 * at + 2) {
                    Some([low, high]) => {
                        let share = Places::new::<N, B>(group.count, *fraction).share;
                        B::between(N::of_rank(low.beginning), N::of_rank(high.beginning), share)
                    }
                    _ => B::Out::default(),
                });
            }
        }
        let valid: Vec<bool> = self.groups.iter().map(|group| group.count > 0).collect();
        self.fractions.result(&self.item, out, &valid)
    }
}
