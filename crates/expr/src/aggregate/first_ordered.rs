//! `first(x ORDER BY y ..)`: the value of the row that comes first in an order, of equal ones the earlier. Keeps one row a
//! group, where [`super::ordered`] would keep all.

use super::chosen::{Choose, PickBest};
use super::kept::{Kept, Winner, kept};
use super::keys::normal;
use super::monoid::{Greatest, Least};
use super::native::{Native, array_where, booleans, by_native, held, values};
use super::rows::{Fold, Mask, fold};
use crate::expr::RowOrder;
use crate::{Accumulator, Groups, Result, SqlType};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::SortOptions;
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};
use std::marker::PhantomData;
use std::ops::Range;

/// The value of the first row in an order; the types are those of the value and of what the rows are ordered by.
pub(super) fn first_ordered(types: &[SqlType], order: &[RowOrder], only_values: bool) -> Result<Box<dyn Accumulator>> {
    let kept_value = kept(&types[0])?;
    if let ([_, by], [one]) = (types, order) {
        let (ty, nulls_first) = (by.to_arrow(), one.nulls_first);
        let found = by_native!(by, N => Some(if one.descending {
            Box::new(ByNative::<N, Greatest>::new(ty, kept_value, nulls_first, only_values)) as Box<dyn Accumulator>
        } else {
            Box::new(ByNative::<N, Least>::new(ty, kept_value, nulls_first, only_values))
        }), else None);
        if let Some(native) = found {
            return Ok(native);
        }
    }
    Ok(Box::new(ByRow::new(types, order, only_values)?))
}

/// By one value of fixed width.
struct ByNative<N, C> {
    ty: DataType,
    best: Vec<N>,
    /// What the kept row of each group is ordered by: see [`Ranks`].
    ranks: Vec<u8>,
    rank: Ranks,
    kept: Box<dyn Kept>,
    only_values: bool,
    order: PhantomData<fn(C)>,
}

/// A row of a greater rank comes before all of a lesser; 0 is that of no row.
#[derive(Clone, Copy)]
struct Ranks {
    of_value: u8,
    of_null: u8,
}

struct PickNulls<'a> {
    ranks: &'a mut [u8],
    rank: u8,
    winners: Vec<Winner>,
}

impl Fold for PickNulls<'_> {
    #[inline(always)]
    fn one(&mut self, group: usize, row: usize) {
        if self.ranks[group] < self.rank {
            self.ranks[group] = self.rank;
            self.winners.push((group as u32, row as u32));
        }
    }

    #[inline(always)]
    fn same(&mut self, group: usize, rows: Range<usize>) {
        self.one(group, rows.start);
    }
}

impl<N: Native, C: Choose<N>> ByNative<N, C> {
    fn new(ty: DataType, kept: Box<dyn Kept>, nulls_first: bool, only_values: bool) -> Self {
        let rank = if nulls_first { Ranks { of_value: 1, of_null: 2 } } else { Ranks { of_value: 2, of_null: 1 } };
        Self { ty, best: Vec::new(), ranks: Vec::new(), rank, kept, only_values, order: PhantomData }
    }

    fn pick_values(&mut self, groups: &Groups<'_>, by: &ArrayRef, present: Option<&Mask>) -> Vec<Winner> {
        let values = values::<N>(by);
        let mut pick = PickBest::<N, C>::new(&values, &mut self.best, &mut self.ranks, self.rank.of_value);
        fold(groups, present, &mut pick);
        pick.winners
    }

    fn pick_nulls(&mut self, groups: &Groups<'_>, null: &Mask) -> Vec<Winner> {
        let mut pick = PickNulls { ranks: &mut self.ranks, rank: self.rank.of_null, winners: Vec::new() };
        fold(groups, Some(null), &mut pick);
        pick.winners
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
        let by = &args[1];
        let counted = if self.only_values { &args[..1] } else { &[] };
        // Of a group that has both, the kind that comes last cannot win after the other: its order does not matter.
        let nulls = by.logical_nulls().filter(|nulls| nulls.null_count() > 0);
        let with_value: Vec<ArrayRef> = counted.iter().cloned().chain([by.clone()]).collect();
        let mut winners = self.pick_values(groups, by, Mask::of(&with_value, present).as_ref());
        if let Some(nulls) = nulls {
            let mut mask = Mask::new(&!nulls.inner());
            present.into_iter().for_each(|present| mask.narrow(present));
            let of_value = counted.iter().filter_map(|arg| arg.logical_nulls());
            of_value.for_each(|valid| mask.narrow(valid.inner()));
            winners.extend(self.pick_nulls(groups, &mask));
        }
        self.kept.keep(&args[0], &winners)
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let ranks = std::mem::take(&mut self.ranks);
        let is_value: Vec<bool> = ranks.iter().map(|rank| *rank == self.rank.of_value).collect();
        let is_there: Vec<bool> = ranks.iter().map(|rank| *rank > 0).collect();
        let best = array_where(&self.ty, std::mem::take(&mut self.best), &is_value)?;
        Ok(vec![self.kept.take()?, best, booleans(&is_there, &vec![true; is_there.len()])])
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        self.update(groups, &state[..2], Some(state[2].as_boolean().values()))
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        self.best.clear();
        self.ranks.clear();
        self.kept.take()
    }

    fn memory(&self) -> usize {
        held(&self.best) + held(&self.ranks) + self.kept.memory()
    }
}

/// By several values, or by one without a fixed width: as bytes that compare as the order says.
struct ByRow {
    types: Vec<SqlType>,
    converter: RowConverter,
    best: Vec<Option<Box<[u8]>>>,
    /// What the kept row of each group is ordered by.
    by: Vec<Box<dyn Kept>>,
    kept: Box<dyn Kept>,
    bytes: usize,
    only_values: bool,
}

struct PickRows<'a> {
    rows: &'a arrow::row::Rows,
    best: &'a mut [Option<Box<[u8]>>],
    bytes: &'a mut usize,
    winners: Vec<Winner>,
}

impl Fold for PickRows<'_> {
    fn one(&mut self, group: usize, row: usize) {
        let value = self.rows.row(row);
        let value = value.as_ref();
        if self.best[group].as_deref().is_none_or(|best| value < best) {
            *self.bytes += value.len();
            *self.bytes -= self.best[group].replace(value.into()).map_or(0, |before| before.len());
            self.winners.push((group as u32, row as u32));
        }
    }
}

impl ByRow {
    fn new(types: &[SqlType], order: &[RowOrder], only_values: bool) -> Result<Self> {
        let field = |(ty, order): (&SqlType, &RowOrder)| {
            let options = SortOptions { descending: order.descending, nulls_first: order.nulls_first };
            SortField::new_with_options(ty.to_arrow(), options)
        };
        let converter = RowConverter::new(types[1..].iter().zip(order).map(field).collect())?;
        let by = types[1..].iter().map(kept).collect::<Result<_>>()?;
        let kept = kept(&types[0])?;
        Ok(Self { types: types.to_vec(), converter, best: Vec::new(), by, kept, bytes: 0, only_values })
    }
}

impl Accumulator for ByRow {
    fn resize(&mut self, groups: usize) {
        let groups = groups.max(self.best.len());
        self.best.resize(groups, None);
        self.by.iter_mut().for_each(|by| by.resize(groups));
        self.kept.resize(groups);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let keys =
            args[1..].iter().zip(&self.types[1..]).map(|(key, ty)| normal(key, ty)).collect::<Result<Vec<_>>>()?;
        let rows = self.converter.convert_columns(&keys)?;
        let counted = if self.only_values { &args[..1] } else { &[] };
        let mut pick = PickRows { rows: &rows, best: &mut self.best, bytes: &mut self.bytes, winners: Vec::new() };
        fold(groups, Mask::of(counted, present).as_ref(), &mut pick);
        let winners = pick.winners;
        self.by.iter_mut().zip(&args[1..]).try_for_each(|(by, key)| by.keep(key, &winners))?;
        self.kept.keep(&args[0], &winners)
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let is_there: Vec<bool> = self.best.iter().map(Option::is_some).collect();
        let by = self.by.iter_mut().map(|by| by.take()).collect::<Result<Vec<_>>>()?;
        let value = self.finish()?;
        let is_there = booleans(&is_there, &vec![true; is_there.len()]);
        Ok(std::iter::once(value).chain(by).chain([is_there]).collect())
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let (is_there, args) = state.split_last().expect("a state ends with what groups have rows");
        self.update(groups, args, Some(is_there.as_boolean().values()))
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        self.best.clear();
        self.bytes = 0;
        self.kept.take()
    }

    fn memory(&self) -> usize {
        held(&self.best) + self.bytes + self.by.iter().map(|by| by.memory()).sum::<usize>() + self.kept.memory()
    }
}
