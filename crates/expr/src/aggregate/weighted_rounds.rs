//! Weighted quantiles of groups whose values are too many to be held: the rows are seen in several rounds.
//!
//! The first round finds the greatest weight, by which all are scaled. Those that follow add up weights by the next bits of the
//! ranks of values, as [`super::rounds`] counts rows, and go on with what lies in the stretches that quantiles are the means of.
//! The results are those of [`super::weighted_quantile`], to the bit.

use super::counting::{Counted, Counting, Entry, Watched, as_one, bytes_a_beginning};
use super::native::{Native, any_nan, array, array_where, values};
use super::quantile::Fractions;
use super::rounds::{LEAST_BITS, MOST_BITS, Rounds};
use super::rows::{Fold, Mask, fold};
use super::weighted_quantile::{NAME, Scale, Stretch, greater, square};
use super::weighted_spread::check_weights;
use crate::{Accumulator, Error, Groups, Result, SqlType};
use arrow::array::{ArrayRef, AsArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use std::ops::Range;
use std::sync::Arc;

/// A quantile is the mean of at most so many different values of a group: weights that are more uneven than that are no sample.
const MOST_VALUES: usize = 1 << 16;

/// The search for the weighted quantiles of all groups.
pub(super) struct WeightedQuantiles {
    fractions: Fractions,
    bits: u32,
    stage: Stage,
}

enum Stage {
    Greatest,
    Weighing { scales: Arc<Vec<Option<Scale>>>, has_rows: Vec<bool>, watched: Arc<Watched>, groups: Vec<Group> },
}

/// What is known of a group.
#[derive(Default)]
struct Group {
    /// One for each fraction; none where there is no weight.
    stretches: Vec<Stretch>,
    /// What lies in one of them, in order.
    parts: Vec<Part>,
}

/// Values with the same rank, or the same beginning of a rank.
#[derive(Clone, Copy)]
struct Part {
    rank: u64,
    /// The weight of all lesser values.
    before: i128,
    weight: i128,
    /// Whether the rank is a whole one.
    is_found: bool,
}

impl WeightedQuantiles {
    /// With accumulators that hold at most so many bytes for each group, if the fewest bits do.
    pub(super) fn new(fractions: Fractions, bytes_a_group: usize) -> Self {
        // Amounts are twice as wide as counts.
        let beginnings = 2 * 2 * fractions.all().len();
        let fits = |bits: &u32| bytes_a_beginning(*bits).saturating_mul(beginnings) <= bytes_a_group;
        let bits = (LEAST_BITS..=MOST_BITS).rev().find(fits).unwrap_or(LEAST_BITS);
        Self { fractions, bits, stage: Stage::Greatest }
    }

    /// The first round of weights: all that is known of groups is how to scale them.
    fn begin(&self, greatest: &[f64]) -> Stage {
        Stage::Weighing {
            scales: Arc::new(greatest.iter().map(|weight| Scale::of_greatest(*weight)).collect()),
            has_rows: greatest.iter().map(|weight| *weight != NO_ROW).collect(),
            watched: Arc::new(Watched { known: 0, bits: self.bits, beginnings: None }),
            groups: Vec::new(),
        }
    }
}

impl Group {
    /// A group of which all values were seen.
    fn begun(entries: &[Entry<i128>], squares: i128, fractions: &Fractions, watched: &Watched) -> Result<Self> {
        let weight = entries.iter().map(|entry| entry.amount).sum();
        if weight == 0 {
            return Ok(Self::default());
        }
        let all = Part { rank: 0, before: 0, weight, is_found: false };
        let group = Self { stretches: Stretch::all(weight, squares, fractions.all()), parts: vec![all] };
        group.narrowed(entries, watched)
    }

    /// The same with parts divided as a round tells; `entries` are in the order of slots, one for each part that is not found.
    fn narrowed(&self, entries: &[Entry<i128>], watched: &Watched) -> Result<Self> {
        let (mut parts, mut slot) = (Vec::new(), 0);
        for part in &self.parts {
            if part.is_found {
                parts.push(*part);
                continue;
            }
            let mut before = part.before;
            for entry in entries.iter().filter(|entry| entry.slot == slot) {
                let is_found = entry.is_exact || watched.known + watched.bits >= f64::RANK_BITS;
                let rank = if is_found { entry.rank } else { watched.beginning(entry.rank) };
                let part = Part { rank, before, weight: entry.amount, is_found };
                before += part.weight;
                if self.stretches.iter().any(|stretch| stretch.part(part.before, part.weight) > 0) {
                    parts.push(part);
                }
            }
            if before != part.before + part.weight {
                return Err(Error::new("the values changed between two rounds of reading them"));
            }
            slot += 1;
        }
        if parts.len() > MOST_VALUES {
            let error =
                Error::new(format!("the weights of {NAME} are so uneven that it is the mean of very many values"));
            return Err(error
                .with_hint("SET memory_limit higher, so that all values are held, or leave the greatest weights out"));
        }
        Ok(Self { stretches: self.stretches.clone(), parts })
    }

    /// The beginnings of the parts that are to be divided.
    fn beginnings(&self) -> Vec<u64> {
        self.parts.iter().filter(|part| !part.is_found).map(|part| part.rank).collect()
    }

    fn quantiles(&self) -> impl Iterator<Item = f64> + '_ {
        let values = || self.parts.iter().map(|part| (f64::of_rank(part.rank), part.before, part.weight));
        self.stretches.iter().map(move |stretch| stretch.mean(values()))
    }
}

impl Rounds for WeightedQuantiles {
    fn accumulator(&self) -> Box<dyn Accumulator> {
        match &self.stage {
            Stage::Greatest => Box::new(Greatest::default()),
            Stage::Weighing { scales, watched, .. } => Box::new(Weighing::new(scales, watched)),
        }
    }

    fn close(&mut self, counted: &ArrayRef) -> Result<()> {
        let Stage::Weighing { groups, watched, .. } = &mut self.stage else {
            self.stage = self.begin(&values::<f64>(counted));
            return Ok(());
        };
        let columns = counted.as_struct().columns();
        let (amounts, squares) = (Counted::<i128>::new(columns), values::<i128>(&columns[SQUARES]));
        let close = |number: usize| {
            let entries: Vec<_> = amounts.group(number).collect();
            match groups.get(number) {
                Some(group) => group.narrowed(&entries, watched),
                None => Group::begun(&entries, squares[number], &self.fractions, watched),
            }
        };
        *groups = (0..amounts.groups()).map(close).collect::<Result<_>>()?;
        let known = (watched.known + watched.bits).min(f64::RANK_BITS);
        let beginnings = Some(groups.iter().map(Group::beginnings).collect());
        *watched = Arc::new(Watched { known, bits: self.bits.min(f64::RANK_BITS - known), beginnings });
        Ok(())
    }

    fn is_done(&self) -> bool {
        match &self.stage {
            Stage::Greatest => false,
            Stage::Weighing { watched, .. } => {
                watched.beginnings.as_ref().is_some_and(|groups| groups.iter().all(Vec::is_empty))
            }
        }
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let Stage::Weighing { has_rows, groups, .. } = &self.stage else {
            return Err(Error::new("a quantile is not known before all rounds are over"));
        };
        let each = self.fractions.all().len();
        let mut out = vec![f64::NAN; groups.len() * each];
        for (slots, group) in out.chunks_exact_mut(each.max(1)).zip(groups) {
            slots.iter_mut().zip(group.quantiles()).for_each(|(slot, found)| *slot = found);
        }
        self.fractions.result(&SqlType::Double, out, has_rows)
    }
}

/// The greatest weight of a group without rows.
const NO_ROW: f64 = -1.0;

/// Finds the greatest weight of each group.
#[derive(Default)]
struct Greatest {
    weights: Vec<f64>,
    nan: bool,
}

struct FindGreatest<'a> {
    weights: &'a [f64],
    into: &'a mut [f64],
}

impl Fold for FindGreatest<'_> {
    fn one(&mut self, group: usize, row: usize) {
        self.same(group, row..row + 1);
    }

    fn same(&mut self, group: usize, rows: Range<usize>) {
        let greatest = &mut self.into[group];
        *greatest = self.weights[rows].iter().fold(*greatest, |greatest, weight| greater(greatest, *weight));
    }
}

impl Accumulator for Greatest {
    fn resize(&mut self, groups: usize) {
        self.weights.resize(groups.max(self.weights.len()), NO_ROW);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let (xs, ws, mask) = (values::<f64>(&args[0]), values::<f64>(&args[1]), Mask::of(args, present));
        check_weights(&ws, mask.as_ref(), NAME)?;
        self.nan = self.nan || any_nan(&xs, mask.as_ref()) || any_nan(&ws, mask.as_ref());
        fold(groups, mask.as_ref(), &mut FindGreatest { weights: &ws, into: &mut self.weights });
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish()?])
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let weights = values::<f64>(&state[0]);
        groups.for_each(|at, group| self.weights[group] = greater(self.weights[group], weights[at]));
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        array(&DataType::Float64, std::mem::take(&mut self.weights), None)
    }

    fn memory(&self) -> usize {
        super::native::held(&self.weights)
    }

    fn met_nan(&self) -> bool {
        self.nan
    }
}

/// Adds up the weights of the values that are watched, and the squares of all.
struct Weighing {
    scales: Arc<Vec<Option<Scale>>>,
    counting: Counting<f64, i128>,
    squares: Vec<i128>,
}

/// The place of squares in the state, behind that of [`Counting`].
const SQUARES: usize = 3;

impl Weighing {
    fn new(scales: &Arc<Vec<Option<Scale>>>, watched: &Arc<Watched>) -> Self {
        Self { scales: scales.clone(), counting: Counting::new(watched.clone()), squares: vec![0; scales.len()] }
    }
}

struct Weigh<'a> {
    xs: &'a [f64],
    ws: &'a [f64],
    into: &'a mut Weighing,
}

impl Fold for Weigh<'_> {
    fn one(&mut self, group: usize, row: usize) {
        self.same(group, row..row + 1);
    }

    fn same(&mut self, group: usize, rows: Range<usize>) {
        let Some(scale) = self.into.scales.get(group).copied().flatten() else { return };
        let whole = self.ws[rows.clone()].iter().map(move |weight| scale.whole(*weight));
        self.into.squares[group] += whole.clone().map(square).sum::<i128>();
        let weighted = self.xs[rows].iter().copied().zip(whole).filter(|(_, weight)| *weight > 0);
        self.into.counting.add(group, weighted);
    }
}

impl Accumulator for Weighing {
    fn resize(&mut self, groups: usize) {
        self.counting.resize(groups);
        self.squares.resize(groups.max(self.squares.len()), 0);
    }

    fn bytes_a_group(&self) -> usize {
        Counting::<f64, i128>::bytes_a_group() + size_of::<i128>()
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let (xs, ws, mask) = (values::<f64>(&args[0]), values::<f64>(&args[1]), Mask::of(args, present));
        fold(groups, mask.as_ref(), &mut Weigh { xs: &xs, ws: &ws, into: self });
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let mut state = self.counting.state()?;
        let squares = std::mem::replace(&mut self.squares, vec![0; self.scales.len()]);
        state.push(array_where(&DataType::Decimal128(38, 0), squares.clone(), &vec![true; squares.len()])?);
        Ok(state)
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let squares = values::<i128>(&state[SQUARES]);
        groups.for_each(|at, group| self.squares[group] += squares[at]);
        self.counting.merge(groups, state)
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        as_one(self.state()?)
    }

    fn memory(&self) -> usize {
        self.counting.memory() + super::native::held(&self.squares)
    }
}
