//! The numeric types of stored cells, as far as decoding treats them alike.

use super::attributes::Number;
use super::time::TimeUnits;
use arrow::datatypes::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use bytemuck::AnyBitPattern;

/// A number as stored. Ranks order all values that are no NaN: `a < b` just if `a.rank() < b.rank()` (-0.0 lies below 0.0).
pub(crate) trait Cell: AnyBitPattern + PartialOrd + std::fmt::Debug + Send + Sync {
    /// The Arrow type whose arrays hold such cells as they are.
    type Plain: ArrowPrimitiveType<Native = Self>;
    /// Whether cells can be NaN.
    const HAS_NAN: bool;
    /// The rank of the lowest value.
    const LOWEST: i128;
    /// The rank of the highest value.
    const HIGHEST: i128;

    /// The place of a value in the order of all values.
    fn rank(self) -> i128;
    /// The value at a place in the order of all values, from [`Self::LOWEST`] to [`Self::HIGHEST`].
    fn from_rank(rank: i128) -> Self;
    /// The value as `f64`: exact, but for 64-bit integers of more than 53 bits.
    fn to_f64(self) -> f64;
    /// The value as `f32`, rounded to the nearest.
    fn to_f32(self) -> f32;
    /// The value that an attribute means in this type; `None` if it cannot be stored in it. NaN for NaN.
    fn from_number(number: Number) -> Option<Self>;
    /// The instant this many units after the reference.
    fn instant(self, units: &TimeUnits) -> Option<i64>;
}

macro_rules! integer_cells {
    ($($native:ty => $plain:ty),*) => { $(
        impl Cell for $native {
            type Plain = $plain;
            const HAS_NAN: bool = false;
            const LOWEST: i128 = <$native>::MIN as i128;
            const HIGHEST: i128 = <$native>::MAX as i128;

            fn rank(self) -> i128 {
                self as i128
            }

            fn from_rank(rank: i128) -> Self {
                rank as $native
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }

            #[inline(always)]
            fn to_f32(self) -> f32 {
                self as f32
            }

            fn from_number(number: Number) -> Option<Self> {
                let n = match number {
                    Number::Integer(n) => n,
                    Number::Real(x) if x.fract() == 0.0 && x.abs() < 1e30 => x as i128,
                    Number::Real(_) => return None,
                };
                Self::try_from(n).ok()
            }

            fn instant(self, units: &TimeUnits) -> Option<i64> {
                units.of_integer(self as i128)
            }
        }
    )* };
}

integer_cells!(
    i8 => Int8Type, u8 => UInt8Type, i16 => Int16Type, u16 => UInt16Type,
    i32 => Int32Type, u32 => UInt32Type, i64 => Int64Type, u64 => UInt64Type
);

macro_rules! float_cells {
    ($native:ty, $plain:ty) => {
        impl Cell for $native {
            type Plain = $plain;
            const HAS_NAN: bool = true;
            const LOWEST: i128 = -(<$native>::INFINITY.to_bits() as i128) - 1;
            const HIGHEST: i128 = <$native>::INFINITY.to_bits() as i128;

            fn rank(self) -> i128 {
                let magnitude = i128::from(self.abs().to_bits());
                if self.is_sign_negative() { -magnitude - 1 } else { magnitude }
            }

            fn from_rank(rank: i128) -> Self {
                if rank < 0 { -<$native>::from_bits((-rank - 1) as _) } else { <$native>::from_bits(rank as _) }
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn to_f32(self) -> f32 {
                self as f32
            }

            fn from_number(number: Number) -> Option<Self> {
                let exact = number.as_f64();
                let near = exact as $native;
                (near.is_finite() || !exact.is_finite()).then_some(near)
            }

            fn instant(self, units: &TimeUnits) -> Option<i64> {
                units.of_real(f64::from(self))
            }
        }
    };
}

float_cells!(f32, Float32Type);
float_cells!(f64, Float64Type);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check<T: Cell>(a: T, b: T) -> Result<(), TestCaseError> {
        prop_assert_eq!(T::from_rank(a.rank()).rank(), a.rank());
        prop_assert!(a.partial_cmp(&b).is_none_or(|order| order == a.rank().cmp(&b.rank()) || order.is_eq()));
        prop_assert!((T::LOWEST..=T::HIGHEST).contains(&a.rank()));
        Ok(())
    }

    proptest! {
        #[test]
        fn ranks_order_values(a in any::<f32>(), b in any::<f32>(), c in any::<f64>(), d in any::<f64>(), e in any::<i16>(), f in any::<i16>()) {
            check(a, b)?;
            check(c, d)?;
            check(e, f)?;
        }
    }

    #[test]
    fn the_ends_are_infinite() {
        assert_eq!(f32::from_rank(f32::LOWEST), f32::NEG_INFINITY);
        assert_eq!(f64::from_rank(f64::HIGHEST), f64::INFINITY);
        assert_eq!(i8::from_rank(i8::LOWEST), -128);
    }
}
