//! `DISTINCT`: gives each combination of arguments to another accumulator once, at its first appearance.
//!
//! What is held, and what partial states are made of, are the combinations; the accumulator within sees them at the end.

use super::keys::{Distincts, Keys, NativeKeys, RowKeys, by_group};
use super::native::{by_native, is_native, lists};
use super::rows::{Mask, pairs};
use crate::{Accumulator, Groups, Result, SqlType};
use arrow::array::{ArrayRef, AsArray};
use arrow::buffer::BooleanBuffer;

/// The combinations of each group, and who folds them.
struct Distinct<K: Keys> {
    keys: K,
    keeps_nulls: bool,
    groups: usize,
    distincts: Distincts<K::Key>,
    inner: Box<dyn Accumulator>,
    nan: bool,
}

/// An accumulator over distinct combinations of arguments of these types; with `keeps_nulls` also of those with NULLs.
pub(super) fn distinct(
    types: &[SqlType],
    keeps_nulls: bool,
    inner: Box<dyn Accumulator>,
) -> Result<Box<dyn Accumulator>> {
    match types {
        [ty] if !keeps_nulls && is_native(ty) => {
            by_native!(ty, N => Ok(boxed(NativeKeys::<N>::new(ty), false, inner)), else Err(super::no_values(ty)))
        }
        _ => Ok(boxed(RowKeys::new(types)?, keeps_nulls, inner)),
    }
}

fn boxed<K: Keys + 'static>(keys: K, keeps_nulls: bool, inner: Box<dyn Accumulator>) -> Box<dyn Accumulator> {
    Box::new(Distinct { keys, keeps_nulls, groups: 0, distincts: Distincts::default(), inner, nan: false })
}

impl<K: Keys> Accumulator for Distinct<K> {
    fn resize(&mut self, groups: usize) {
        self.groups = self.groups.max(groups);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let mask = Mask::of(if self.keeps_nulls { &[] } else { args }, present);
        self.nan = self.nan || K::any_nan(args, mask.as_ref());
        let keys = self.keys.encode(args)?;
        pairs(groups, mask.as_ref())
            .into_iter()
            .try_for_each(|(group, row)| self.distincts.number(group as u32, keys[row].clone(), K::beside).map(|_| ()))
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let entries = self.distincts.take();
        let (sizes, order) = by_group(&entries, std::mem::take(&mut self.groups));
        let keys: Vec<&K::Key> = order.iter().map(|entry| &entries[*entry].1).collect();
        self.keys.decode(&keys)?.into_iter().map(|values| lists(values, sizes.iter().copied())).collect()
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let parts: Vec<ArrayRef> = state.iter().map(|lists| lists.as_list::<i64>().values().clone()).collect();
        let keys = self.keys.encode(&parts)?;
        let offsets = state[0].as_list::<i64>().offsets();
        pairs(groups, None).into_iter().try_for_each(|(group, at)| {
            let mut entries = offsets[at] as usize..offsets[at + 1] as usize;
            entries
                .try_for_each(|entry| self.distincts.number(group as u32, keys[entry].clone(), K::beside).map(|_| ()))
        })
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let entries = self.distincts.take();
        let each: Vec<u32> = entries.iter().map(|(group, _)| *group).collect();
        let args = self.keys.decode(&entries.iter().map(|(_, key)| key).collect::<Vec<_>>())?;
        drop(entries);
        self.inner.resize(std::mem::take(&mut self.groups));
        self.inner.update(&Groups::Each(&each), &args, None)?;
        self.nan |= self.inner.met_nan();
        self.inner.finish()
    }

    fn memory(&self) -> usize {
        // The combinations as arrays, when they are given on.
        let arrays = self.distincts.entries().len() * (size_of::<u32>() + size_of::<K::Key>());
        self.distincts.memory() + arrays + self.inner.memory()
    }

    fn met_nan(&self) -> bool {
        self.nan
    }
}
