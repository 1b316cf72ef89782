//! Packed data: integers that stand for values by a scale and an offset (CF section 8.1).

use arrow::datatypes::DataType;
use std::ops::{Bound, RangeInclusive};

/// How stored integers stand for values: `stored * scale + offset`. Another integer is another value, and the order of the
/// integers is that of the values, or the reverse.
#[derive(Clone, Debug, PartialEq)]
pub struct Packing {
    stored: DataType,
    least: i64,
    greatest: i64,
    scale: f64,
    offset: f64,
    is_single: bool,
}

impl Packing {
    /// That of integers of a type, unpacked in float32 if `is_single` and otherwise in float64. `None` if two of them may
    /// stand for one value: neighbours lie less apart than rounding may move them.
    pub fn new(stored: DataType, scale: f64, offset: f64, is_single: bool) -> Option<Self> {
        let (least, greatest) = match stored {
            DataType::Int8 => (i64::from(i8::MIN), i64::from(i8::MAX)),
            DataType::UInt8 => (0, i64::from(u8::MAX)),
            DataType::Int16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
            DataType::UInt16 => (0, i64::from(u16::MAX)),
            DataType::Int32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
            DataType::UInt32 => (0, i64::from(u32::MAX)),
            _ => return None,
        };
        let epsilon = if is_single { f64::from(f32::EPSILON) } else { f64::EPSILON };
        let size = (greatest as f64).max(-(least as f64)) * scale.abs() + offset.abs();
        let largest = if is_single { f64::from(f32::MAX) } else { f64::MAX };
        let tells_apart = scale.abs() > 4.0 * epsilon * size && size < largest / 4.0;
        let smallest = if is_single { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE };
        let is_normal = scale.abs() >= smallest;
        (tells_apart && is_normal).then_some(Self { stored, least, greatest, scale, offset, is_single })
    }

    /// The type of the integers.
    pub fn stored(&self) -> &DataType {
        &self.stored
    }

    /// The scale factor.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// What is added to the scaled integers.
    pub fn offset(&self) -> f64 {
        self.offset
    }

    /// Whether integers are unpacked in float32, and not in float64.
    pub fn is_single(&self) -> bool {
        self.is_single
    }

    /// Whether greater integers stand for greater values.
    pub fn ascends(&self) -> bool {
        self.scale > 0.0
    }

    /// The least and the greatest integer of the type.
    pub fn integers(&self) -> RangeInclusive<i64> {
        self.least..=self.greatest
    }

    /// The value that an integer of the type stands for, as decoding computes it.
    pub fn value(&self, stored: i64) -> f64 {
        // Without an offset zero keeps the sign of the scale.
        let has_offset = self.offset != 0.0;
        if self.is_single {
            let scaled = stored as f32 * self.scale as f32;
            return f64::from(if has_offset { scaled + self.offset as f32 } else { scaled });
        }
        let scaled = stored as f64 * self.scale;
        if has_offset { scaled + self.offset } else { scaled }
    }

    /// The integers whose values lie between two bounds, neither of them NaN; an empty range if there are none. Found by
    /// unpacking integers, never by computing backwards: what is compared is what a reader of the values compares.
    pub fn between(&self, low: Bound<f64>, high: Bound<f64>) -> RangeInclusive<i64> {
        let steps = self.greatest - self.least + 1;
        let from = first(steps, |step| match low {
            Bound::Included(low) => self.nth(step) >= low,
            Bound::Excluded(low) => self.nth(step) > low,
            Bound::Unbounded => true,
        });
        let to = first(steps, |step| match high {
            Bound::Included(high) => self.nth(step) > high,
            Bound::Excluded(high) => self.nth(step) >= high,
            Bound::Unbounded => false,
        });
        if self.ascends() {
            self.least + from..=self.least + to - 1
        } else {
            self.greatest - to + 1..=self.greatest - from
        }
    }

    /// The values of all integers in ascending order.
    fn nth(&self, step: i64) -> f64 {
        self.value(if self.ascends() { self.least + step } else { self.greatest - step })
    }
}

/// The first of `0..len` that holds, all after it holding too; `len` if none does.
fn first(len: i64, holds: impl Fn(i64) -> bool) -> i64 {
    let (mut from, mut to) = (0, len);
    while from < to {
        let middle = from + (to - from) / 2;
        if holds(middle) { to = middle } else { from = middle + 1 }
    }
    from
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shorts(scale: f64, offset: f64, is_single: bool) -> Option<Packing> {
        Packing::new(DataType::Int16, scale, offset, is_single)
    }

    proptest! {
        #[test]
        fn other_shorts_are_other_values(scale in -2.0..2.0f64, digits in 0i32..8, offset in -1e4..1e4f64, single: bool) {
            let scale = scale * 10f64.powi(-digits);
            let Some(packing) = shorts(scale, offset, single) else { return Ok(()) };
            let values: Vec<f64> = packing.integers().map(|stored| packing.value(stored)).collect();
            prop_assert!(values.windows(2).all(|pair| (pair[0] < pair[1]) == packing.ascends() && pair[0] != pair[1]));
        }

        #[test]
        fn bounds_are_those_of_the_values(
            scale in prop_oneof![-2.0..2.0f64, Just(0.01), Just(-0.002)], offset in prop_oneof![-300.0..300.0f64, Just(0.0)],
            single: bool, at in -500i64..500, width in 0i64..300, moved in prop_oneof![Just(0.0), -1.0..1.0f64],
            closed: (bool, bool),
        ) {
            let Some(packing) = shorts(scale, offset, single) else { return Ok(()) };
            let ends = [packing.value(at) + moved * scale, packing.value(at + width) + moved * scale];
            let (low, high) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
            let bound = |closed: bool, value| if closed { Bound::Included(value) } else { Bound::Excluded(value) };
            let (low, high) = (bound(closed.0, low), bound(closed.1, high));
            let inside = |value: f64| std::ops::RangeBounds::contains(&(low, high), &value);
            let found = packing.between(low, high);
            for stored in packing.integers() {
                prop_assert_eq!(found.contains(&stored), inside(packing.value(stored)), "{}", stored);
            }
        }
    }

    #[test]
    fn bounds_beyond_all_values_give_all_or_nothing() {
        let packing = shorts(-0.5, 10.0, false).expect("tells shorts apart");
        assert_eq!(packing.between(Bound::Unbounded, Bound::Unbounded), -32768..=32767);
        assert!(packing.between(Bound::Excluded(f64::INFINITY), Bound::Unbounded).is_empty());
        assert!(packing.between(Bound::Unbounded, Bound::Included(-1e9)).is_empty());
        assert_eq!(packing.between(Bound::Included(-1e9), Bound::Included(f64::INFINITY)), -32768..=32767);
    }

    #[test]
    fn integers_that_may_stand_for_one_value_are_not_packed() {
        assert!(shorts(0.0, 1.0, false).is_none() && shorts(f64::NAN, 0.0, false).is_none());
        assert!(shorts(1e-9, 1.0, true).is_none() && shorts(1e-9, 1.0, false).is_some());
        assert!(shorts(1e300, 0.0, false).is_some() && shorts(1e304, 1e308, false).is_none());
        assert!(shorts(1e-310, 0.0, false).is_none(), "products of subnormal numbers lose digits");
        let ints = |scale, offset| Packing::new(DataType::Int32, scale, offset, false);
        assert!(ints(1e-4, 0.0).is_some() && ints(1e-12, 1e6).is_none());
        assert!(Packing::new(DataType::Int64, 0.1, 0.0, false).is_none());
    }
}
