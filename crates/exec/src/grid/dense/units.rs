//! What jobs give, put together into units: the groups that are given out together.

use super::{Dense, GROUPS, Job, Layout, State, held};
use crate::error::Result;
use crate::grid::groups::GroupSpace;
use crate::memory::Reservation;
use crate::source::array_bytes;
use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::{concat, take};
use hyperslab_expr::Groups;

/// The results of some groups.
pub(super) struct Finished<'a> {
    pub(super) space: GroupSpace<'a>,
    /// One array a call, with one entry a group.
    pub(super) results: Vec<ArrayRef>,
    pub(super) seen: Vec<bool>,
    pub(super) memory: Reservation,
}

/// What a job gives: states to be merged, or the results of groups that are its alone.
pub(super) enum Part<'a> {
    State(State<'a>),
    Finished(Finished<'a>),
}

/// Puts jobs together into units, in order, and closes each unit with its last job.
pub(super) struct Units<'a> {
    dense: &'a Dense<'a>,
    layout: &'a Layout,
    open: Open<'a>,
    /// How many jobs of the open unit were added.
    next: usize,
}

/// What is there of the unit that is being put together.
enum Open<'a> {
    Nothing,
    State(Box<State<'a>>),
    Finished(Vec<Finished<'a>>),
}

impl<'a> Units<'a> {
    pub(super) fn new(dense: &'a Dense<'a>, layout: &'a Layout) -> Self {
        Self { dense, layout, open: Open::Nothing, next: 0 }
    }

    /// A unit without cells.
    pub(super) fn start(&self, unit: usize) -> Result<State<'a>> {
        self.dense.state(unit, self.layout.units[unit].groups.clone())
    }

    /// Adds what a job gave; the unit, if that was its last.
    pub(super) fn add(&mut self, job: &Job, part: Part<'a>) -> Result<Option<Finished<'a>>> {
        let unit = &self.layout.units[job.unit];
        self.open = match (std::mem::replace(&mut self.open, Open::Nothing), part) {
            (Open::Finished(mut parts), Part::Finished(part)) => {
                parts.push(part);
                Open::Finished(parts)
            }
            (_, Part::Finished(part)) => Open::Finished(vec![part]),
            (Open::State(mut into), Part::State(state)) => {
                self.fold_in(&mut into, state)?;
                Open::State(into)
            }
            (_, Part::State(state)) if unit.groups == job.groups => Open::State(Box::new(state)),
            (_, Part::State(state)) => {
                let mut into = self.start(job.unit)?;
                self.fold_in(&mut into, state)?;
                Open::State(Box::new(into))
            }
        };
        self.next += 1;
        if self.next < unit.jobs {
            return Ok(None);
        }
        self.next = 0;
        Ok(match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => None,
            Open::State(state) => Some(self.dense.finish(*state)?),
            Open::Finished(parts) => Some(self.side_by_side(job.unit, parts)?),
        })
    }

    /// The results of jobs that have no group in common, as those of their unit.
    fn side_by_side(&self, unit: usize, mut parts: Vec<Finished<'a>>) -> Result<Finished<'a>> {
        if parts.len() == 1 {
            return Ok(parts.remove(0));
        }
        let space = self.dense.given_space(self.layout.units[unit].groups.clone());
        let mut place_of = vec![0u32; space.len()];
        let numbers = parts.iter().flat_map(|part| part.space.numbers_in(&space));
        numbers.enumerate().for_each(|(at, number)| place_of[number as usize] = at as u32);
        let place_of = UInt32Array::from(place_of);
        let mut memory = self.dense.context.memory().reserve(place_of.len() * size_of::<u32>(), GROUPS)?;
        let mut results = Vec::new();
        for call in 0..self.dense.calls.len() {
            let bytes: usize = parts.iter().map(|part| array_bytes(&part.results[call])).sum();
            // Once end to end, and once in their places.
            memory.grow(2 * bytes)?;
            let arrays: Vec<&dyn arrow::array::Array> = parts.iter().map(|part| part.results[call].as_ref()).collect();
            results.push(take(&concat(&arrays)?, &place_of, None)?);
            memory.shrink(bytes);
        }
        let seen: Vec<bool> = parts.iter().flat_map(|part| &part.seen).copied().collect();
        let seen = if seen.is_empty() { seen } else { place_of.values().iter().map(|at| seen[*at as usize]).collect() };
        Ok(Finished { space, results, seen, memory })
    }

    fn fold_in(&self, into: &mut State<'a>, mut from: State<'a>) -> Result<()> {
        let numbers = from.space.numbers_in(&into.space);
        for ((call, into), from) in self.dense.calls.iter().zip(&mut into.accumulators).zip(&mut from.accumulators) {
            self.dense.warn_of_nan(call, from.as_ref());
            let state = from.state()?;
            into.merge(&Groups::Each(&numbers), &state).map_err(|error| error.or_at(call.call.at))?;
        }
        for (number, seen) in numbers.iter().zip(&from.seen) {
            into.seen[*number as usize] |= *seen;
        }
        into.memory.resize(into.own + held(&into.accumulators))
    }
}
