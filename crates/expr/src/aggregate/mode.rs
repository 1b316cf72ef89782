//! How often each value occurs in each group: `mode`, the most frequent one, of equally frequent ones the one that came
//! first, and `entropy`, in bits.

use super::keys::{Distincts, Keys, NativeKeys, RowKeys, by_group};
use super::native::{by_native, counts, doubles, held, lists, values};
use super::rows::{Mask, pairs};
use crate::{Accumulator, Groups, Result, SqlType};
use arrow::array::{Array, ArrayRef, AsArray, UInt64Array, new_null_array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::take;
use arrow::datatypes::DataType;

/// How often each value occurs.
struct Times<K: Keys> {
    keys: K,
    outcome: Outcome,
    groups: usize,
    distincts: Distincts<K::Key>,
    times: Vec<i64>,
    nan: bool,
}

/// What becomes of the values and how often they occur.
enum Outcome {
    /// The most frequent value, of this type.
    Mode(DataType),
    /// How much a value tells, on average, in bits.
    Entropy,
}

/// The mode of values of a type.
pub(super) fn mode(ty: &SqlType) -> Result<Box<dyn Accumulator>> {
    times(ty, Outcome::Mode(ty.to_arrow()))
}

/// The entropy of values of a type.
pub(super) fn entropy(ty: &SqlType) -> Result<Box<dyn Accumulator>> {
    times(ty, Outcome::Entropy)
}

fn times(ty: &SqlType, outcome: Outcome) -> Result<Box<dyn Accumulator>> {
    Ok(by_native!(ty, N => boxed(NativeKeys::<N>::new(ty), outcome), else {
        boxed(RowKeys::new(std::slice::from_ref(ty))?, outcome)
    }))
}

fn boxed<K: Keys + 'static>(keys: K, outcome: Outcome) -> Box<dyn Accumulator> {
    Box::new(Times { keys, outcome, groups: 0, distincts: Distincts::default(), times: Vec::new(), nan: false })
}

impl<K: Keys> Times<K> {
    fn add(&mut self, group: usize, key: &K::Key, times: i64) -> Result<()> {
        let number = self.distincts.number(group as u32, key.clone(), K::beside)?;
        if number == self.times.len() {
            self.times.push(0);
        }
        self.times[number] += times;
        Ok(())
    }
}

impl<K: Keys> Accumulator for Times<K> {
    fn resize(&mut self, groups: usize) {
        self.groups = self.groups.max(groups);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        let mask = Mask::of(args, present);
        self.nan = self.nan || K::any_nan(args, mask.as_ref());
        let keys = self.keys.encode(args)?;
        pairs(groups, mask.as_ref()).into_iter().try_for_each(|(group, row)| self.add(group, &keys[row], 1))
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let (entries, times) = (self.distincts.take(), std::mem::take(&mut self.times));
        let (sizes, order) = by_group(&entries, std::mem::take(&mut self.groups));
        let keys: Vec<&K::Key> = order.iter().map(|entry| &entries[*entry].1).collect();
        let values = self.keys.decode(&keys)?.swap_remove(0);
        let times = counts(order.iter().map(|entry| times[*entry]).collect());
        Ok(vec![lists(values, sizes.iter().copied())?, lists(times, sizes)?])
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let (lists, times) = (state[0].as_list::<i64>(), state[1].as_list::<i64>());
        let keys = self.keys.encode(std::slice::from_ref(lists.values()))?;
        let (offsets, times) = (lists.offsets(), values::<i64>(times.values()));
        pairs(groups, None).into_iter().try_for_each(|(group, at)| {
            let mut entries = offsets[at] as usize..offsets[at + 1] as usize;
            entries.try_for_each(|entry| self.add(group, &keys[entry], times[entry]))
        })
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let (entries, times) = (self.distincts.take(), std::mem::take(&mut self.times));
        let groups = std::mem::take(&mut self.groups);
        match &self.outcome {
            Outcome::Mode(ty) => most_frequent(&self.keys, &entries, &times, groups, ty),
            Outcome::Entropy => Ok(entropies(&entries, &times, groups)),
        }
    }

    fn memory(&self) -> usize {
        self.distincts.memory() + held(&self.times)
    }

    fn met_nan(&self) -> bool {
        self.nan
    }
}

fn most_frequent<K: Keys>(
    keys: &K,
    entries: &[(u32, K::Key)],
    times: &[i64],
    groups: usize,
    ty: &DataType,
) -> Result<ArrayRef> {
    let mut best: Vec<Option<usize>> = vec![None; groups];
    for (number, (group, _)) in entries.iter().enumerate() {
        let best = &mut best[*group as usize];
        if best.is_none_or(|best| times[best] < times[number]) {
            *best = Some(number);
        }
    }
    let chosen: Vec<&K::Key> = best.iter().flatten().map(|number| &entries[*number].1).collect();
    let found = keys.decode(&chosen)?.swap_remove(0);
    spread(&found, best.iter().map(Option::is_some), ty)
}

/// The sums of `-p * log2(p)` over the shares of the values; 0 where there is none.
fn entropies<K>(entries: &[(u32, K)], times: &[i64], groups: usize) -> ArrayRef {
    let mut totals = vec![0i64; groups];
    entries.iter().zip(times).for_each(|((group, _), times)| totals[*group as usize] += times);
    let mut bits = vec![0.0; groups];
    for ((group, _), times) in entries.iter().zip(times) {
        let share = *times as f64 / totals[*group as usize] as f64;
        bits[*group as usize] += share * libm::log2(1.0 / share);
    }
    doubles(bits.into_iter().map(Some))
}

/// The values one after another where they are due, NULL elsewhere.
fn spread(values: &ArrayRef, due: impl Iterator<Item = bool>, ty: &DataType) -> Result<ArrayRef> {
    let mut next = 0;
    let at = due.map(|due| {
        next += u64::from(due);
        due.then(|| next - 1)
    });
    let at = UInt64Array::from_iter(at);
    if values.is_empty() {
        return Ok(new_null_array(ty, at.len()));
    }
    Ok(take(values, &at, None)?)
}
