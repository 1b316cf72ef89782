//! Aggregates that need all values of a group where the values of one group do not fit: found in rounds over the cells. What
//! the cells of a round tell is small, so they are cut and merged as for any other aggregate.

use super::units::{Finished, Part, Units};
use super::{Call, Dense, Layout};
use crate::error::Result;
use crate::grid::groups::GroupSpace;
use crate::grid::layout::Folding;
use crate::memory::Reservation;
use crate::parallel::{fold_anew, share_of_state};
use crate::rows::spill::kept::Kept;
use crate::source::array_bytes;
use arrow::array::ArrayRef;
use hyperslab_expr::aggregate::{self, Rounds};
use hyperslab_expr::{Accumulator, ColumnId};
use std::ops::ControlFlow;

/// The calls of each unit that are found in rounds, as many as a dense aggregate has calls; `None` for those that are known
/// after the first.
pub(super) struct Search {
    units: Vec<Vec<Option<Box<dyn Rounds>>>>,
}

/// The results of a unit.
struct Known {
    results: Vec<ArrayRef>,
    seen: Vec<bool>,
    memory: Reservation,
}

impl Search {
    /// The accumulators of some calls in this round, for cells of a unit.
    pub(super) fn accumulators(&self, unit: usize, calls: &[Call]) -> Result<Vec<Box<dyn Accumulator>>> {
        let of_call = |(call, rounds): (&Call, &Option<Box<dyn Rounds>>)| match rounds {
            Some(rounds) => Ok(rounds.accumulator()),
            None => Ok(aggregate::create(&call.call)?),
        };
        calls.iter().zip(&self.units[unit]).map(of_call).collect()
    }
}

impl Dense<'_> {
    /// Whether cells are folded in rounds: a job holds all values of its groups, or all those of a unit are merged, and that is
    /// too much.
    pub(super) fn needs_rounds(&self, layout: &Layout) -> bool {
        let Folding::Whole(most) = self.folding() else { return false };
        if !self.may_repeat {
            return false;
        }
        let most_in_all = most * self.context.threads().current_num_threads();
        let is_too_large = match layout.is_disjoint {
            true => layout.jobs.iter().any(|job| job.region.cells() > most_in_all),
            false => self.program.region.cells() > most_in_all,
        };
        is_too_large && aggregate::are_found_in_rounds(self.calls.iter().map(|call| &call.call))
    }

    /// Finds the groups in rounds, and keeps them.
    pub(super) fn find_in_rounds(mut self, kept: &mut Kept, columns: &[ColumnId]) -> Result<()> {
        let mut layout = self.layout_of_rounds();
        self.begin_search(&layout)?;
        let mut known = self.round(&layout)?;
        let searched: Vec<bool> = self.calls.iter().map(|call| aggregate::kept_values(&call.call) > 0).collect();
        // Which groups there are is known.
        let watch_presence = std::mem::replace(&mut self.watch_presence, false);
        let calls = self.keep_searched(&searched)?;
        for (unit, known) in known.iter_mut().enumerate() {
            self.close(unit, known.take_searched(&searched)?)?;
        }
        while self.leave_undone(&mut layout) {
            self.context.metrics().expect_chunks(self.program.chunks_to_read() as u64);
            let mut units: Vec<usize> = layout.jobs.iter().map(|job| job.unit).collect();
            units.dedup();
            for (unit, counted) in units.into_iter().zip(self.round(&layout)?) {
                self.close(unit, counted.results)?;
            }
        }
        let search = std::mem::take(&mut self.search);
        (self.calls, self.watch_presence) = (calls, watch_presence);
        let found = search.into_iter().flat_map(|search| search.units);
        for ((unit, known), found) in layout.units.iter().zip(known).zip(found) {
            let space = GroupSpace::new(&self.keys, unit.groups.clone());
            let finished = known.with(found.into_iter().flatten(), &searched)?.finished(space);
            self.give_out(finished, true, columns, kept)?;
        }
        Ok(())
    }

    /// Jobs that each have all groups of their unit: those of two may be the same.
    fn layout_of_rounds(&self) -> Layout {
        let mut layout = Layout::new(&self.chunks, &self.program.region, &self.keys, Folding::Cut);
        let units = &layout.units;
        layout.jobs.iter_mut().for_each(|job| job.groups.clone_from(&units[job.unit].groups));
        layout
    }

    fn begin_search(&mut self, layout: &Layout) -> Result<()> {
        let of_unit = |groups: usize| {
            let bytes = self.round_bytes() / groups.max(1);
            let rounds = |call: &Call| Ok(aggregate::in_rounds(&call.call, bytes)?);
            self.calls.iter().map(rounds).collect::<Result<Vec<_>>>()
        };
        let groups = |groups: &[std::ops::Range<usize>]| groups.iter().map(ExactSizeIterator::len).product();
        let units = layout.units.iter().map(|unit| of_unit(groups(&unit.groups))).collect::<Result<_>>()?;
        self.search = Some(Search { units });
        Ok(())
    }

    /// The memory that each accumulator can have.
    fn round_bytes(&self) -> usize {
        share_of_state(self.context, self.calls.iter().filter(|call| aggregate::kept_values(&call.call) > 0).count())
    }

    /// Folds the cells of all jobs: what their units give in the end, in order.
    fn round(&self, layout: &Layout) -> Result<Vec<Known>> {
        let mut units = Units::new(self, layout);
        let mut known = Vec::new();
        let run = |at| Ok(Part::State(self.run(&layout.jobs[at])?));
        fold_anew(self.context, layout.jobs.len(), run, |at, part| {
            known.extend(units.add(&layout.jobs[at], part)?.map(Known::from));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(known)
    }

    /// Leaves only the calls that are searched, and what they read; gives all that there were.
    fn keep_searched(&mut self, searched: &[bool]) -> Result<Vec<Call>> {
        let all = std::mem::take(&mut self.calls);
        self.calls =
            all.iter().zip(searched).filter(|(_, searched)| **searched).map(|(call, _)| call.clone()).collect();
        self.program.keep_only(super::read_by(&self.calls));
        let search = self.search.iter_mut().flat_map(|search| &mut search.units);
        search.for_each(|rounds| rounds.retain(Option::is_some));
        Ok(all)
    }

    fn close(&mut self, unit: usize, counted: Vec<ArrayRef>) -> Result<()> {
        let rounds = self.search.iter_mut().flat_map(|search| search.units[unit].iter_mut().flatten());
        for ((rounds, counted), call) in rounds.zip(counted).zip(&self.calls) {
            if !rounds.is_done() {
                rounds.close(&counted).map_err(|error| error.or_at(call.call.at))?;
            }
        }
        Ok(())
    }

    /// Takes away the jobs of units whose groups are known; whether any is left.
    fn leave_undone(&self, layout: &mut Layout) -> bool {
        let is_done = |unit: usize| {
            let rounds = self.search.iter().flat_map(|search| search.units[unit].iter().flatten());
            rounds.into_iter().all(|rounds| rounds.is_done())
        };
        layout.jobs.retain(|job| !is_done(job.unit));
        !layout.jobs.is_empty()
    }
}

impl From<Finished<'_>> for Known {
    fn from(Finished { results, seen, memory, .. }: Finished<'_>) -> Self {
        Self { results, seen, memory }
    }
}

impl Known {
    /// Takes out what the calls that are searched gave.
    fn take_searched(&mut self, searched: &[bool]) -> Result<Vec<ArrayRef>> {
        let all = std::mem::take(&mut self.results).into_iter().zip(searched);
        let (out, kept): (Vec<_>, Vec<_>) = all.partition(|(_, searched)| **searched);
        self.results = kept.into_iter().map(|(result, _)| result).collect();
        self.memory.resize(self.results.iter().map(array_bytes).sum::<usize>() + self.seen.len())?;
        Ok(out.into_iter().map(|(result, _)| result).collect())
    }

    /// Puts in what was found, in the places of the calls that were searched.
    fn with(mut self, found: impl Iterator<Item = Box<dyn Rounds>>, searched: &[bool]) -> Result<Self> {
        let mut known = std::mem::take(&mut self.results).into_iter();
        let mut found = found;
        for searched in searched {
            let next = if *searched { found.next().map(|mut rounds| rounds.finish()) } else { known.next().map(Ok) };
            self.results.extend(next.transpose()?);
        }
        self.memory.resize(self.results.iter().map(array_bytes).sum::<usize>() + self.seen.len())?;
        Ok(self)
    }

    fn finished(self, space: GroupSpace<'_>) -> Finished<'_> {
        Finished { space, results: self.results, seen: self.seen, memory: self.memory }
    }
}
