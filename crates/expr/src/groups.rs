//! Which group each value of an update belongs to.

/// Consecutive values of an update with related group numbers: all the same (`step` 0) or counting up (`step` 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupRun {
    /// How many values.
    pub len: u32,
    /// The group of the first.
    pub first: u32,
    /// What to add for each next value: 0 or 1.
    pub step: u32,
}

/// The group number of each value of an update, in the form that is cheapest to compute: grids give runs, hash tables
/// a number for each value.
#[derive(Clone, Copy, Debug)]
pub enum Groups<'a> {
    /// Runs, in the order of the values; their lengths add up to the number of values.
    Runs(&'a [GroupRun]),
    /// One number for each value.
    Each(&'a [u32]),
}

impl Groups<'_> {
    /// The number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::Runs(runs) => runs.iter().map(|run| run.len as usize).sum(),
            Self::Each(each) => each.len(),
        }
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `visit` with the position and the group of each value, in order.
    #[inline(always)]
    pub fn for_each(&self, mut visit: impl FnMut(usize, usize)) {
        match self {
            Self::Each(each) => each.iter().enumerate().for_each(|(at, group)| visit(at, *group as usize)),
            Self::Runs(runs) => {
                let mut at = 0;
                for run in *runs {
                    let (first, step) = (run.first as usize, run.step as usize);
                    (0..run.len as usize).for_each(|i| visit(at + i, first + i * step));
                    at += run.len as usize;
                }
            }
        }
    }
}
