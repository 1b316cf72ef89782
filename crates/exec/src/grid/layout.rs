//! How a dense aggregate is cut into jobs that run in parallel.
//!
//! First along keys, where each job has groups of its own; then along folded dimensions, where jobs have states for the
//! same groups and these are merged in order. Cuts are at chunk borders, so that no chunk is read twice. A **unit** is the
//! jobs whose groups are given out together: the groups of a range of the outermost key dimension, or some of these where the
//! states of all would take too much memory. Then the same cells are read again for the others, in the same jobs and vectors:
//! what a group is made of does not depend on the memory that there is.

use super::bins::{KeyAxes, KeyAxis};
use hyperslab_grid::{AxisChunks, ChunkGrid, Hyperslab, IndexSet, Region};
use std::cmp::Ordering;
use std::ops::Range;

/// As many jobs as this are sought: enough to keep any usual machine busy, few enough that merging is cheap.
const JOBS: usize = 32;

/// With so many jobs there is work for every thread without cutting what costs more to merge than to read.
const ENOUGH_JOBS: usize = 4;

/// The most groups of a unit, where it can be cut smaller: what one thread holds as state.
const UNIT_GROUPS: usize = 1 << 19;

/// Folded dimensions are cut only as far as each job keeps so many cells a group: merging states must stay cheap.
const CELLS_PER_GROUP: usize = 2;

/// A unit is not cut into more parts than this: its cells are read as often.
const MOST_PARTS: usize = 256;

/// How far a layout may cut.
#[derive(Clone, Copy, Debug)]
pub(super) enum Folding {
    /// Also along folded dimensions: states are small beside the cells that they are made of.
    Cut,
    /// Along keys only, if that makes enough jobs, until none has more cells than this: states hold what they are made of.
    /// Chunks that hold cells of several jobs are read once for each.
    Whole(usize),
}

impl Folding {
    /// Whether folded dimensions are cut too.
    pub(super) fn is_cut(self) -> bool {
        matches!(self, Self::Cut)
    }
}

/// Cells that are folded by one thread, in order.
#[derive(Debug)]
pub(super) struct Job {
    /// Which unit its groups belong to.
    pub(super) unit: usize,
    pub(super) region: Region,
    /// For each key axis the groups that its cells can have, of those of the unit.
    pub(super) groups: Vec<Range<usize>>,
    /// The same, of all.
    pub(super) all_groups: Vec<Range<usize>>,
    /// The number of the job that has its cells before units are cut.
    pub(super) cells: usize,
}

/// The groups that are given out together.
#[derive(Debug)]
pub(super) struct Unit {
    /// For each key axis a range of groups.
    pub(super) groups: Vec<Range<usize>>,
    pub(super) jobs: usize,
    /// Whether it begins a partition of the rows that are given out. Where these begin does not depend on memory.
    pub(super) begins: bool,
}

/// How many groups units may have.
pub(super) struct Room<'r> {
    /// The most groups of a unit.
    pub(super) of_unit: usize,
    /// The most groups of a job.
    pub(super) of_job: usize,
    /// Whether groups before a number along a key axis may be given out apart from those from there on.
    pub(super) may_cut: &'r dyn Fn(usize, usize) -> bool,
}

/// The jobs in order, and the units that they make up.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) jobs: Vec<Job>,
    pub(super) units: Vec<Unit>,
    /// Whether no two jobs have groups in common, so that each can finish its own.
    pub(super) is_disjoint: bool,
}

impl Layout {
    pub(super) fn new(chunks: &ChunkGrid, region: &Region, keys: &KeyAxes, folding: Folding) -> Self {
        let mut layout = Self { jobs: Vec::new(), units: Vec::new(), is_disjoint: true };
        if region.is_empty() {
            // No cell: the one group of an aggregate without keys, or none.
            let groups = keys.axes.iter().map(|axis| 0..axis.groups).collect();
            layout.units.push(Unit { groups, jobs: 0, begins: true });
            return layout;
        }
        let cuts = Cuts::new(chunks, region, keys, folding);
        layout.is_disjoint = cuts.is_disjoint(keys);
        let all = Hyperslab::product(cuts.ranges.iter().map(Vec::as_slice));
        for (unit, begins) in cuts.units() {
            let groups = group_ranges(&region.clip(&unit), region, keys);
            layout.units.push(Unit { groups, jobs: 0, begins });
            for job in all.iter().filter(|job| unit.contains(job)) {
                layout.push_job(region.clip(job), region, keys);
            }
        }
        layout
    }

    fn push_job(&mut self, job: Region, region: &Region, keys: &KeyAxes) {
        let unit = self.units.len() - 1;
        self.units[unit].jobs += 1;
        let groups = group_ranges(&job, region, keys);
        let cells = self.jobs.len();
        self.jobs.push(Job { unit, region: job, all_groups: groups.clone(), groups, cells });
    }

    /// Cuts units, from one on, that have more groups than there is room for: each into units of some of its groups, in their
    /// order, which have the jobs that have cells of these. Whether there is any.
    pub(super) fn cut_groups(&mut self, from: usize, room: &Room<'_>) -> bool {
        let (units, jobs) = (std::mem::take(&mut self.units), std::mem::take(&mut self.jobs));
        let before = units.len();
        for (at, unit) in units.into_iter().enumerate() {
            let jobs: Vec<&Job> = jobs.iter().filter(|job| job.unit == at).collect();
            let parts = if at < from { vec![unit.groups.clone()] } else { room.parts(&unit, &jobs) };
            for (part, groups) in parts.into_iter().enumerate() {
                let number = self.units.len();
                let own = jobs.iter().filter_map(|job| job.within(number, &groups));
                let already = self.jobs.len();
                self.jobs.extend(own);
                let (jobs, begins) = (self.jobs.len() - already, unit.begins && part == 0);
                self.units.push(Unit { groups, jobs, begins });
            }
        }
        self.units.len() > before
    }

    /// How many groups a unit has.
    pub(super) fn groups(&self, unit: usize) -> usize {
        count(&self.units[unit].groups)
    }
}

impl Job {
    /// The same cells, of which those count that have some groups of a unit; nothing if none has.
    fn within(&self, unit: usize, groups: &[Range<usize>]) -> Option<Self> {
        let common = |(own, other): (&Range<usize>, &Range<usize>)| own.start.max(other.start)..own.end.min(other.end);
        let groups: Vec<Range<usize>> = self.groups.iter().zip(groups).map(common).collect();
        let is_empty = groups.iter().any(Range::is_empty);
        let (region, all_groups) = (self.region.clone(), self.all_groups.clone());
        (!is_empty).then_some(Self { unit, region, groups, all_groups, cells: self.cells })
    }
}

impl Room<'_> {
    /// The groups of a unit in parts that there is room for, or as small as can be. Laid end to end they are its groups.
    fn parts(&self, unit: &Unit, jobs: &[&Job]) -> Vec<Vec<Range<usize>>> {
        let of_unit = count(&unit.groups);
        let of_job = jobs.iter().map(|job| count(&job.groups)).max().unwrap_or(0);
        let most = match of_job > self.of_job {
            // Jobs get smaller as their unit does.
            true => (of_unit as f64 * self.of_job as f64 / of_job as f64) as usize,
            false => of_unit,
        };
        let most = most.min(self.of_unit).max(of_unit.div_ceil(MOST_PARTS));
        if of_unit <= most {
            return vec![unit.groups.clone()];
        }
        let inner = |axis: usize| count(&unit.groups[axis + 1..]);
        // Axes before the one that is split are cut into single groups.
        let can_be_single = |axis: usize| unit.groups[axis].clone().skip(1).all(|group| (self.may_cut)(axis, group));
        let split = (0..unit.groups.len()).find(|axis| inner(*axis) <= most || !can_be_single(*axis)).unwrap_or(0);
        let mut parts = vec![Vec::new()];
        for (axis, groups) in unit.groups.iter().enumerate() {
            let pieces = match axis.cmp(&split) {
                Ordering::Less => self.pieces(axis, groups, 1),
                Ordering::Equal => self.pieces(axis, groups, (most / inner(axis)).max(1)),
                Ordering::Greater => vec![groups.clone()],
            };
            let along = |part: &Vec<Range<usize>>| {
                let part = part.clone();
                pieces.iter().map(move |piece| part.iter().chain([piece]).cloned().collect()).collect::<Vec<_>>()
            };
            parts = parts.iter().flat_map(along).collect();
        }
        parts
    }

    /// The groups along an axis in pieces of so many, or somewhat more.
    fn pieces(&self, axis: usize, groups: &Range<usize>, most: usize) -> Vec<Range<usize>> {
        let (mut pieces, mut start) = (Vec::new(), groups.start);
        while start < groups.end {
            let wanted = (start + most).min(groups.end);
            let end = (wanted..groups.end).find(|end| (self.may_cut)(axis, *end)).unwrap_or(groups.end);
            pieces.push(start..end);
            start = end;
        }
        pieces
    }
}

/// How many groups ranges along all axes make.
fn count(groups: &[Range<usize>]) -> usize {
    groups.iter().map(ExactSizeIterator::len).fold(1, usize::saturating_mul)
}

/// The groups of the cells of a part of a region. Where each position is a group of its own they are a range; otherwise all
/// groups of the axis are taken.
fn group_ranges(part: &Region, region: &Region, keys: &KeyAxes) -> Vec<Range<usize>> {
    let along = |axis: &KeyAxis| match part.sets()[axis.dims[0]].bounds() {
        Some(bounds) if axis.one_each => {
            let all = &region.sets()[axis.dims[0]];
            all.rank(bounds.start)..all.rank(bounds.end)
        }
        _ => 0..axis.groups,
    };
    keys.axes.iter().map(along).collect()
}

/// The ranges that each dimension is cut into.
struct Cuts {
    /// The outermost dimension with keys, if it can be cut between groups.
    unit_dim: Option<usize>,
    /// Where its ranges start before they are cut because of memory.
    unit_starts: Vec<usize>,
    ranges: Vec<Vec<Range<usize>>>,
}

impl Cuts {
    fn new(chunks: &ChunkGrid, region: &Region, keys: &KeyAxes, folding: Folding) -> Self {
        let rank = region.sets().len();
        let own_groups = |dim: &usize| keys.is_own(*dim);
        let unit_dim = keys.axes.first().filter(|axis| axis.one_each).map(|axis| axis.dims[0]);
        let groups = keys.axes.iter().map(|axis| axis.groups).fold(1_usize, usize::saturating_mul);
        let mut parts = vec![1; rank];
        let mut jobs = 1;
        let most = |dim: usize| chunks.axes()[dim].meeting(&region.sets()[dim]).len();
        let mut cut = |dim: usize, wanted: usize, jobs: &mut usize| {
            parts[dim] = most(dim).min(wanted.div_ceil(*jobs)).max(1);
            *jobs *= parts[dim];
        };
        for dim in (0..rank).filter(own_groups) {
            let wanted = if Some(dim) == unit_dim {
                JOBS.max(groups.saturating_mul(keys.times_given).div_ceil(UNIT_GROUPS))
            } else {
                JOBS
            };
            cut(dim, wanted, &mut jobs);
        }
        let affordable = match folding {
            Folding::Whole(_) if jobs >= ENOUGH_JOBS => 1,
            // Merged states would hold all cells: keys are cut instead.
            Folding::Whole(most) if region.cells() > most && (0..rank).any(|dim| own_groups(&dim)) => 1,
            Folding::Whole(_) | Folding::Cut => {
                (region.cells() / groups.saturating_mul(CELLS_PER_GROUP).max(1)).clamp(1, JOBS)
            }
        };
        let mut folds = 1;
        for dim in (0..rank).filter(|dim| !own_groups(dim)) {
            let wanted = affordable.min(JOBS.div_ceil(jobs));
            cut(dim, wanted, &mut folds);
        }
        let cut = |dim: usize| cut_axis(&chunks.axes()[dim], &region.sets()[dim], parts[dim]);
        let ranges: Vec<Vec<Range<usize>>> = (0..rank).map(cut).collect();
        let starts = |dim: usize| ranges[dim].iter().map(|range: &Range<usize>| range.start).collect();
        let unit_starts = unit_dim.map(starts).unwrap_or_default();
        let mut cuts = Self { unit_dim, unit_starts, ranges };
        if let Folding::Whole(most) = folding {
            cuts.halve_until(most, region, own_groups);
        }
        cuts
    }

    /// Cuts within chunks, along the dimension of `may_cut` whose parts have most positions, until no job has more cells.
    fn halve_until(&mut self, most: usize, region: &Region, may_cut: impl Fn(&usize) -> bool) {
        let largest = |ranges: &Vec<Range<usize>>, dim: usize| {
            ranges.iter().map(|range| region.sets()[dim].clip(range).len()).max().unwrap_or(0)
        };
        loop {
            let lens: Vec<usize> = self.ranges.iter().enumerate().map(|(dim, ranges)| largest(ranges, dim)).collect();
            let longest = (0..lens.len()).filter(|dim| may_cut(dim)).max_by_key(|dim| lens[*dim]);
            match longest {
                Some(dim) if lens.iter().product::<usize>() > most && lens[dim] > 1 => {
                    let halved = |range: &Range<usize>| halves(range, &region.sets()[dim]);
                    self.ranges[dim] = self.ranges[dim].iter().flat_map(halved).collect();
                }
                _ => return,
            }
        }
    }

    /// Whether all cells of a group are in one job.
    fn is_disjoint(&self, keys: &KeyAxes) -> bool {
        self.ranges.iter().enumerate().all(|(dim, ranges)| ranges.len() == 1 || keys.is_own(dim))
    }

    /// The box of each unit, in order, and whether it begins a partition. What is held whole is given out as soon as can be.
    fn units(&self) -> Vec<(Hyperslab, bool)> {
        let whole = |ranges: &Vec<Range<usize>>| ranges[0].start..ranges[ranges.len() - 1].end;
        let whole: Vec<Range<usize>> = self.ranges.iter().map(whole).collect();
        let Some(dim) = self.unit_dim else { return vec![(Hyperslab::new(whole), true)] };
        let unit = |range: &Range<usize>| {
            let mut unit = whole.clone();
            unit[dim] = range.clone();
            (Hyperslab::new(unit), self.unit_starts.contains(&range.start))
        };
        self.ranges[dim].iter().map(unit).collect()
    }
}

/// A range in two with about as many selected positions.
fn halves(range: &Range<usize>, selected: &IndexSet) -> Vec<Range<usize>> {
    let within = selected.clip(range);
    match within.ranked(within.len() / 2..within.len()).bounds() {
        Some(second) if within.len() > 1 => vec![range.start..second.start, second.start..range.end],
        _ => vec![range.clone()],
    }
}

/// The positions of an axis in `parts` ranges of about as many chunks that hold selected positions.
fn cut_axis(axis: &AxisChunks, selected: &IndexSet, parts: usize) -> Vec<Range<usize>> {
    let chunks: Vec<usize> = axis.meeting(selected).iter().collect();
    let at = |part: usize| part * chunks.len() / parts;
    let range = |part: usize| axis.range(chunks[at(part)]).start..axis.range(chunks[at(part + 1) - 1]).end;
    (0..parts).map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(axes: &[(usize, usize, bool)]) -> KeyAxes {
        let axis = |(dim, groups, one_each): &(usize, usize, bool)| {
            KeyAxis::on_dim(*dim, &(0..*groups as u32).collect::<Vec<_>>(), *one_each)
        };
        KeyAxes::of(axes.iter().map(axis).collect())
    }

    /// Jobs cover each cell once, and groups of different units differ.
    fn check(layout: &Layout, region: &Region) {
        assert_eq!(layout.jobs.iter().map(|job| job.region.cells()).sum::<usize>(), region.cells());
        assert_eq!(layout.units.iter().map(|unit| unit.jobs).sum::<usize>(), layout.jobs.len());
        assert!(layout.jobs.windows(2).all(|w| w[0].unit <= w[1].unit));
        for job in &layout.jobs {
            let unit = &layout.units[job.unit];
            assert!(job.groups.iter().zip(&unit.groups).all(|(j, u)| u.start <= j.start && j.end <= u.end));
        }
    }

    #[test]
    fn a_map_is_cut_along_its_keys_and_never_merged() {
        let chunks = ChunkGrid::regular(&[365, 720, 1440], &[1, 50, 50]);
        let region = Region::all(&chunks.shape());
        let layout = Layout::new(&chunks, &region, &keys(&[(1, 720, true), (2, 1440, true)]), Folding::Cut);
        check(&layout, &region);
        assert_eq!((layout.units.len(), layout.jobs.len()), (15, 45));
        assert_eq!(layout.jobs[0].groups, [0..50, 0..450]);
    }

    #[test]
    fn without_keys_the_outermost_dimension_is_cut() {
        let chunks = ChunkGrid::regular(&[365, 720, 1440], &[1, 50, 50]);
        let region = Region::all(&chunks.shape());
        let layout = Layout::new(&chunks, &region, &keys(&[]), Folding::Cut);
        check(&layout, &region);
        assert_eq!((layout.units.len(), layout.jobs.len()), (1, 32));
    }

    #[test]
    fn whole_map_chunks_are_cut_along_time_as_far_as_states_stay_small() {
        let chunks = ChunkGrid::regular(&[360, 192, 288], &[1, 192, 288]);
        let region = Region::all(&chunks.shape());
        let map = Layout::new(&chunks, &region, &keys(&[(1, 192, true), (2, 288, true)]), Folding::Cut);
        let months =
            Layout::new(&chunks, &region, &keys(&[(0, 12, false), (1, 192, true), (2, 288, true)]), Folding::Cut);
        check(&map, &region);
        check(&months, &region);
        assert_eq!((map.units.len(), map.jobs.len(), months.units.len(), months.jobs.len()), (1, 32, 1, 15));
    }

    #[test]
    fn whole_axes_are_cut_along_keys_only_and_within_chunks_if_need_be() {
        let chunks = ChunkGrid::regular(&[8760, 121, 161], &[120, 41, 41]);
        let region = Region::all(&chunks.shape());
        let map = keys(&[(1, 121, true), (2, 161, true)]);
        let jobs = |most: usize| {
            let layout = Layout::new(&chunks, &region, &map, Folding::Whole(most));
            check(&layout, &region);
            let partitions = layout.units.iter().filter(|unit| unit.begins).count();
            assert_eq!(partitions, 3, "partitions do not depend on memory");
            assert!(layout.is_disjoint && layout.jobs.iter().all(|job| job.region.cells() <= most));
            layout.jobs.len()
        };
        assert_eq!((jobs(usize::MAX), jobs(8_000_000), jobs(1_000_000)), (12, 24, 384));
        assert!(!Layout::new(&chunks, &region, &keys(&[]), Folding::Cut).is_disjoint);
    }

    #[test]
    fn what_is_held_whole_is_cut_along_keys_where_maps_are_chunks() {
        let chunks = ChunkGrid::regular(&[120, 30, 40], &[1, 30, 40]);
        let region = Region::all(&chunks.shape());
        let jobs = |most: usize| {
            let layout = Layout::new(&chunks, &region, &keys(&[(1, 30, true), (2, 40, true)]), Folding::Whole(most));
            check(&layout, &region);
            (layout.jobs.len(), layout.is_disjoint)
        };
        assert_eq!((jobs(usize::MAX), jobs(80_000), jobs(20_000)), ((32, false), (2, true), (8, true)));
    }

    #[test]
    fn groups_that_do_not_fit_are_found_in_several_units_of_the_same_jobs() {
        let chunks = ChunkGrid::regular(&[120, 30, 40], &[10, 30, 20]);
        let region = Region::all(&chunks.shape());
        let keys = keys(&[(0, 12, false), (1, 30, true), (2, 40, true)]);
        let whole = Layout::new(&chunks, &region, &keys, Folding::Cut);
        let numbers = |layout: &Layout| {
            let all = |groups: &[Range<usize>]| -> Vec<(usize, usize, usize)> {
                let [a, b, c] = [0, 1, 2].map(|axis: usize| groups[axis].clone());
                a.flat_map(|a| b.clone().flat_map(move |b| (0..40).map(move |c| (a, b, c))))
                    .filter(|at| c.contains(&at.2))
                    .collect()
            };
            layout.units.iter().flat_map(|unit| all(&unit.groups)).collect::<Vec<_>>()
        };
        for (of_unit, of_job) in [(5000, usize::MAX), (usize::MAX, 700), (100, 100), (1, 1)] {
            let mut layout = Layout::new(&chunks, &region, &keys, Folding::Cut);
            let may_cut = |axis: usize, group: usize| axis != 1 || group.is_multiple_of(5);
            assert!(layout.cut_groups(0, &Room { of_unit, of_job, may_cut: &may_cut }));
            assert_eq!(numbers(&layout), numbers(&whole));
            assert_eq!(layout.units.iter().filter(|unit| unit.begins).count(), whole.units.len());
            assert!(layout.jobs.iter().all(|job| whole.jobs[job.cells].region.shape() == job.region.shape()));
            assert!(layout.units.iter().all(|unit| unit.groups[1].start % 5 == 0));
        }
    }

    #[test]
    fn a_selection_is_cut_where_it_lies() {
        let chunks = ChunkGrid::regular(&[100, 60], &[10, 60]);
        let region = Region::new(vec![IndexSet::from_mask((0..100).map(|i| i % 20 == 3)), IndexSet::range(5..7)]);
        let layout = Layout::new(&chunks, &region, &keys(&[(0, 5, true)]), Folding::Cut);
        check(&layout, &region);
        assert_eq!(
            layout.units.iter().map(|unit| unit.groups[0].clone()).collect::<Vec<_>>(),
            [0..1, 1..2, 2..3, 3..4, 4..5]
        );
        let none = Region::new(vec![IndexSet::empty(), IndexSet::all(60)]);
        assert_eq!(Layout::new(&chunks, &none, &keys(&[]), Folding::Cut).jobs.len(), 0);
    }
}
