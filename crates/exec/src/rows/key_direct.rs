//! Keys that are whole numbers over a small range, looked up by their value without hashing.

use super::key_table::ABSENT;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{ArrowPrimitiveType, DataType};

/// The most slots of a table that is addressed by value.
const MOST_SLOTS: usize = 1 << 22;
/// So many slots are always allowed.
const FEW_SLOTS: usize = 1 << 12;
/// How many slots a key may cost.
const SLOTS_PER_KEY: usize = 16;

/// Whole numbers up to here have one form as floats.
const MOST_WHOLE: i64 = 1 << 53;

/// A key that is NULL or a whole number.
pub(super) type Whole = Option<i64>;

/// The whole number that a single key holds, where it is one of at most 53 bits; `None` without if it is none.
pub(super) fn whole_or_none(ty: &DataType, key: &[u64]) -> Option<Whole> {
    let [word, null] = [key[0], key[1]];
    if null != 0 {
        return Some(None);
    }
    let value = match ty {
        DataType::Float32 => float_as_whole(f64::from(f32::from_bits(word as u32)))?,
        DataType::Float64 => float_as_whole(f64::from_bits(word))?,
        DataType::UInt64 => i64::try_from(word).ok()?,
        _ => word as i64,
    };
    (-MOST_WHOLE..=MOST_WHOLE).contains(&value).then_some(Some(value))
}

fn float_as_whole(value: f64) -> Option<i64> {
    // Beyond 2^53 the cast saturates or the caller refuses; a fraction or NaN does not survive it.
    let whole = value as i64;
    (whole as f64 == value).then_some(whole)
}

/// The words of a single key that is a whole number, or NULL.
pub(super) fn whole_words(ty: &DataType, key: Whole) -> [u64; 2] {
    let Some(value) = key else { return [0, 1] };
    let word = match ty {
        DataType::Float32 => u64::from((value as f32).to_bits()),
        DataType::Float64 => (value as f64).to_bits(),
        _ => value as u64,
    };
    [word, 0]
}

/// Single keys all of which are whole numbers of at most 53 bits, or NULL.
pub(super) struct WholeKeys {
    /// 0 where a key is NULL.
    pub(super) values: Vec<i64>,
    nulls: Option<NullBuffer>,
}

impl WholeKeys {
    pub(super) fn of(key: &ArrayRef) -> Option<Self> {
        use arrow::datatypes as t;
        match key.data_type() {
            DataType::Int8 => Self::converted::<t::Int8Type>(key, |v| (i64::from(v), true)),
            DataType::Int16 => Self::converted::<t::Int16Type>(key, |v| (i64::from(v), true)),
            DataType::Int32 => Self::converted::<t::Int32Type>(key, |v| (i64::from(v), true)),
            DataType::Int64 => Self::converted::<t::Int64Type>(key, |v| (v, true)),
            DataType::UInt8 => Self::converted::<t::UInt8Type>(key, |v| (i64::from(v), true)),
            DataType::UInt16 => Self::converted::<t::UInt16Type>(key, |v| (i64::from(v), true)),
            DataType::UInt32 => Self::converted::<t::UInt32Type>(key, |v| (i64::from(v), true)),
            DataType::UInt64 => Self::converted::<t::UInt64Type>(key, |v| (v as i64, v <= i64::MAX as u64)),
            DataType::Date32 => Self::converted::<t::Date32Type>(key, |v| (i64::from(v), true)),
            // Beyond 2^53 the cast saturates or the range is refused; a fraction or NaN does not survive it.
            DataType::Float32 => Self::converted::<t::Float32Type>(key, |v| (v as i64, v as i64 as f32 == v)),
            DataType::Float64 => Self::converted::<t::Float64Type>(key, |v| (v as i64, v as i64 as f64 == v)),
            _ => None,
        }
    }

    /// Converts values; each comes with whether it is a whole number.
    fn converted<T: ArrowPrimitiveType>(key: &ArrayRef, convert: impl Fn(T::Native) -> (i64, bool)) -> Option<Self> {
        let key = key.as_primitive::<T>();
        let nulls = key.nulls().filter(|nulls| nulls.null_count() > 0).cloned();
        let mut all = true;
        let mut whole = |value: T::Native, valid: bool| {
            let (value, is_whole) = convert(value);
            all &= is_whole | !valid;
            if valid { value } else { 0 }
        };
        let values = match &nulls {
            None => key.values().iter().map(|value| whole(*value, true)).collect(),
            Some(nulls) => key.values().iter().zip(nulls).map(|(value, valid)| whole(*value, valid)).collect(),
        };
        let keys = Self { values, nulls };
        let (least, greatest) = keys.range();
        (all && least >= -MOST_WHOLE && greatest <= MOST_WHOLE).then_some(keys)
    }

    /// The least and the greatest key, 0 among them where there is a NULL; `(0, -1)` if there is no key.
    pub(super) fn range(&self) -> (i64, i64) {
        let range = self
            .values
            .iter()
            .fold((i64::MAX, i64::MIN), |(least, greatest), value| (least.min(*value), greatest.max(*value)));
        if self.values.is_empty() { (0, -1) } else { range }
    }

    pub(super) fn at(&self, row: usize) -> Whole {
        let is_valid = self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        is_valid.then_some(self.values[row])
    }
}

/// Numbers of keys by their value: `slots[key - base]`.
#[derive(Debug)]
pub(super) struct DirectIndex {
    base: i64,
    slots: Vec<u32>,
    null: u32,
}

impl Default for DirectIndex {
    fn default() -> Self {
        Self { base: 0, slots: Vec::new(), null: ABSENT }
    }
}

impl DirectIndex {
    /// The bytes it holds.
    pub(super) fn memory(&self) -> usize {
        self.slots.capacity() * size_of::<u32>()
    }

    /// Makes slots for a range of keys; false if that would be too many for so many keys.
    pub(super) fn cover(&mut self, (least, greatest): (i64, i64), keys: usize) -> bool {
        if greatest < least {
            return true;
        }
        let end = self.base + self.slots.len() as i64;
        let (from, to) = match self.slots.is_empty() {
            true => (least, greatest + 1),
            false => (least.min(self.base), (greatest + 1).max(end)),
        };
        let allowed = keys.saturating_mul(SLOTS_PER_KEY).clamp(FEW_SLOTS, MOST_SLOTS);
        let needed = (to - from) as usize;
        if needed > allowed {
            return false;
        }
        if needed > self.slots.len() {
            self.grow(from, to, allowed);
        }
        true
    }

    /// Grows at least to `from..to`, and further on the side that grew so that it happens seldom.
    fn grow(&mut self, from: i64, to: i64, allowed: usize) {
        let spare = (allowed - (to - from) as usize).min((to - from) as usize) as i64;
        let (grew_up, first) = (to > self.base + self.slots.len() as i64, self.slots.is_empty());
        let (from, to) = match (first, grew_up) {
            (true, _) => (from, to),
            (false, true) => (from, to + spare),
            (false, false) => (from - spare, to),
        };
        let mut slots = vec![ABSENT; (to - from) as usize];
        if !first {
            slots[(self.base - from) as usize..][..self.slots.len()].copy_from_slice(&self.slots);
        }
        (self.base, self.slots) = (from, slots);
    }

    pub(super) fn find(&self, key: Whole) -> u32 {
        let Some(value) = key else { return self.null };
        let slot = value.checked_sub(self.base).and_then(|slot| usize::try_from(slot).ok());
        slot.and_then(|slot| self.slots.get(slot)).copied().unwrap_or(ABSENT)
    }

    /// The number of a key within the covered range; `next` if it is new.
    pub(super) fn number(&mut self, key: Whole, next: u32) -> u32 {
        let slot = key.map_or(&mut self.null, |value| &mut self.slots[(value - self.base) as usize]);
        if *slot == ABSENT {
            *slot = next;
        }
        *slot
    }
}
