//! How many groups are found at a time: as many as the memory limit has room for.

use super::{Dense, Layout};
use crate::grid::layout::Room;
use hyperslab_expr::{SqlType, aggregate};

/// Of so many groups the bytes are found out that one takes.
const SAMPLE: usize = 1024;

/// So often units are halved whose groups turn out to take more memory than there is.
pub(super) const HALVINGS: usize = 6;

impl Dense<'_> {
    /// Cuts units such that their states fit. Cells are read again for the groups of each part.
    pub(super) fn make_room(&self, layout: &mut Layout) {
        let memory = self.context.memory();
        // A quarter is for results that are kept, and as much for chunks and what waits.
        let free = memory.limit().saturating_sub(memory.reserved()) / 2;
        // As many jobs work or wait as two threads' windows allow, and a unit is put together of them.
        let states = 2 * self.context.threads().current_num_threads() + 1;
        let times = 1 + self.spread.as_ref().map_or(0, |_| self.keys.times_given);
        let of_job = match self.folding().is_cut() {
            true => free / (states * times * self.state_bytes().max(1)),
            // Jobs are cut by the cells that they hold.
            false => usize::MAX,
        };
        let of_unit = if layout.is_disjoint { free / self.given_bytes().max(1) } else { of_job };
        self.cut(layout, 0, [of_unit, of_job]);
    }

    /// Cuts units, from one on, in two; whether that could be done.
    pub(super) fn halve(&self, layout: &mut Layout, from: usize) -> bool {
        let groups = layout.groups(from);
        groups > 1 && self.cut(layout, from, [groups.div_ceil(2), usize::MAX])
    }

    fn cut(&self, layout: &mut Layout, from: usize, [of_unit, of_job]: [usize; 2]) -> bool {
        let may_cut = |axis: usize, group: usize| self.spread.as_ref().is_none_or(|spread| spread.may_cut(axis, group));
        layout.cut_groups(from, &Room { of_unit: of_unit.max(1), of_job: of_job.max(1), may_cut: &may_cut })
    }

    /// The bytes that the state of a group takes, without values that it may collect.
    fn state_bytes(&self) -> usize {
        let of_call = |call: &super::Call| {
            aggregate::create(&call.call).map_or(0, |mut accumulator| {
                accumulator.resize(SAMPLE);
                accumulator.bytes_a_group().max(accumulator.memory().div_ceil(SAMPLE))
            })
        };
        self.calls.iter().map(of_call).sum::<usize>() + usize::from(self.watch_presence)
    }

    /// The bytes that a group takes that waits to be given out with others: its results, and once more while they are put in
    /// order.
    fn given_bytes(&self) -> usize {
        let result = |ty: &SqlType| ty.to_arrow().primitive_width().unwrap_or(2 * size_of::<u64>());
        let results: usize = self.calls.iter().map(|call| result(&call.call.ty)).sum();
        2 * results + 2 * size_of::<u32>()
    }
}
