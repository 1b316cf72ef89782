//! `min(x, n)`, `max(x, n)`, `arg_min(x, by, n)` and `arg_max(x, by, n)`: the n first values of each group in an order, of
//! equal ones the earlier. Rows with a NULL are left out.

use super::kept::Encoding;
use super::keys::normal;
use super::list::list_array;
use super::native::{held, lists};
use super::rows::{Fold, Mask, fold};
use crate::{Accumulator, Error, Groups, Result, Scalar, SqlType};
use arrow::array::{ArrayRef, AsArray};
use arrow::buffer::BooleanBuffer;

/// As in DuckDB.
const MOST: usize = 999_999;

/// How many values are asked for.
///
/// # Errors
/// If it is no number from 1 to [`MOST`].
pub(super) fn count(parameter: &Scalar) -> Result<usize> {
    let count = match parameter {
        Scalar::Integer(n, _) => usize::try_from(*n).ok().filter(|n| (1..=MOST).contains(n)),
        _ => None,
    };
    count.ok_or_else(|| Error::new(format!("how many values are asked for is a whole number from 1 to {MOST}")))
}

/// The accumulator over values and what they are chosen by, which are the same argument for `min` and `max`.
pub(super) fn top(value: &SqlType, by: &SqlType, parameter: &Scalar, greatest: bool) -> Result<Box<dyn Accumulator>> {
    let (values, bys) = (Encoding::new(std::slice::from_ref(value))?, Encoding::new(std::slice::from_ref(by))?);
    let (count, value, by) = (count(parameter)?, value.clone(), by.clone());
    Ok(Box::new(Top { count, greatest, values, bys, value, by, groups: Vec::new(), bytes: 0 }))
}

/// A value and what it is chosen by, as bytes that compare as it does.
struct Entry {
    by: Box<[u8]>,
    value: Box<[u8]>,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.by.len() + self.value.len()
    }
}

/// The best entries of all groups, the best of a group first.
struct Top {
    count: usize,
    greatest: bool,
    values: Encoding,
    bys: Encoding,
    value: SqlType,
    by: SqlType,
    groups: Vec<Vec<Entry>>,
    bytes: usize,
}

struct Insert<'a> {
    bys: &'a mut [Box<[u8]>],
    values: &'a mut [Box<[u8]>],
    into: &'a mut Top,
}

impl Fold for Insert<'_> {
    fn one(&mut self, group: usize, row: usize) {
        let (by, greatest) = (&self.bys[row], self.into.greatest);
        let entries = &mut self.into.groups[group];
        let stays_ahead = |entry: &Entry| if greatest { entry.by >= *by } else { entry.by <= *by };
        let is_full = entries.len() == self.into.count;
        if is_full && entries.last().is_some_and(stays_ahead) {
            return;
        }
        let place = entries.partition_point(stays_ahead);
        let out = if is_full { entries.pop() } else { None };
        let (by, value) = (std::mem::take(&mut self.bys[row]), std::mem::take(&mut self.values[row]));
        let entry = Entry { by, value };
        self.into.bytes = self.into.bytes + entry.bytes() - out.map_or(0, |out| out.bytes());
        let before = held(entries);
        entries.insert(place, entry);
        self.into.bytes += held(entries) - before;
    }
}

impl Top {
    fn insert(&mut self, groups: &Groups<'_>, value: &ArrayRef, by: &ArrayRef, mask: Option<&Mask>) -> Result<()> {
        let mut values = self.values.encode(std::slice::from_ref(value))?;
        let mut bys = self.bys.encode(&[normal(by, &self.by)?])?;
        fold(groups, mask, &mut Insert { bys: &mut bys, values: &mut values, into: self });
        Ok(())
    }

    /// The values and what they were chosen by, in the order of the groups, and how many each group has.
    fn take(&mut self) -> Result<([ArrayRef; 2], Vec<usize>)> {
        let groups = std::mem::take(&mut self.groups);
        self.bytes = 0;
        let entries: Vec<&Entry> = groups.iter().flatten().collect();
        let values: Vec<&[u8]> = entries.iter().map(|entry| &*entry.value).collect();
        let bys: Vec<&[u8]> = entries.iter().map(|entry| &*entry.by).collect();
        let arrays = [self.values.decode(&values)?.swap_remove(0), self.bys.decode(&bys)?.swap_remove(0)];
        Ok((arrays, groups.iter().map(Vec::len).collect()))
    }
}

impl Accumulator for Top {
    fn resize(&mut self, groups: usize) {
        self.groups.resize_with(groups.max(self.groups.len()), Vec::new);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        self.insert(groups, &args[0], &args[args.len() - 1], Mask::of(args, present).as_ref())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let (arrays, sizes) = self.take()?;
        arrays.into_iter().map(|values| lists(values, sizes.iter().copied())).collect()
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        let [values, bys] = [0, 1].map(|part: usize| state[part].as_list::<i64>().values());
        let offsets = state[0].as_list::<i64>().offsets();
        let mut each = Vec::new();
        groups.for_each(|at, group| each.resize(each.len() + (offsets[at + 1] - offsets[at]) as usize, group as u32));
        let (first, len) = (offsets[0] as usize, each.len());
        self.insert(&Groups::Each(&each), &values.slice(first, len), &bys.slice(first, len), None)
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let ([values, _], sizes) = self.take()?;
        list_array(&self.value, values, &sizes)
    }

    fn memory(&self) -> usize {
        held(&self.groups) + self.bytes
    }
}
