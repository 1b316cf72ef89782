//! Values as they lie in arrays: reading an array as a slice of numbers and making arrays of such slices, whatever SQL
//! type they stand for. Knows orders and NaN, no aggregate.

use super::lanes::LANES;
use super::rows::Mask;
use crate::{Result, SqlType};
use arrow::array::{Array, ArrayData, ArrayRef, BooleanArray, Float64Array, Int64Array, LargeListArray, make_array};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowNativeType, DataType, Field, IntervalMonthDayNano};
use std::sync::Arc;

/// A value of fixed width in the order of SQL, in which NaN is the greatest number.
pub(crate) trait Native: ArrowNativeType {
    /// Nothing is less.
    const LEAST: Self;
    /// Nothing is greater.
    const GREATEST: Self;
    /// Nothing is greater but NaN.
    const GREATEST_NUMBER: Self = Self::GREATEST;
    /// Whether NaN exists.
    const HAS_NAN: bool = false;

    fn is_nan(self) -> bool {
        false
    }

    /// Whether one of the values is NaN.
    fn any_nan(_: &[Self]) -> bool {
        false
    }

    fn less(self, other: Self) -> bool;

    /// The same of values that are not NaN, which processors do at once.
    #[inline(always)]
    fn below(self, other: Self) -> bool {
        self.less(other)
    }

    /// The lesser of two values that are not NaN.
    #[inline(always)]
    fn lesser(self, other: Self) -> Self {
        if other.below(self) { other } else { self }
    }

    /// The greater of two values that are not NaN.
    #[inline(always)]
    fn greater(self, other: Self) -> Self {
        if self.below(other) { other } else { self }
    }

    /// A value as key of a hash table: equal values have equal keys.
    type Key: std::hash::Hash + Eq + Copy + Send;

    fn key(self) -> Self::Key;

    fn of_key(key: Self::Key) -> Self;

    fn order(self, other: Self) -> std::cmp::Ordering {
        other.less(self).cmp(&self.less(other))
    }

    /// How many bits tell a value apart from all others: the first of [`Self::rank`]; 0 if 64 do not.
    const RANK_BITS: u32 = 0;

    /// A whole number in the order of the values, equal for equal values.
    fn rank(self) -> u64 {
        0
    }

    /// The value of a rank.
    fn of_rank(_: u64) -> Self {
        Self::LEAST
    }
}

macro_rules! integers {
    ($($native:ty as $bits:ty),*) => {$(
        impl Native for $native {
            const LEAST: Self = Self::MIN;
            const GREATEST: Self = Self::MAX;

            #[inline(always)]
            fn less(self, other: Self) -> bool {
                self < other
            }

            type Key = Self;

            fn key(self) -> Self {
                self
            }

            fn of_key(key: Self) -> Self {
                key
            }

            const RANK_BITS: u32 = if Self::BITS > u64::BITS { 0 } else { Self::BITS };

            #[inline(always)]
            fn rank(self) -> u64 {
                let steps = (self as $bits).wrapping_sub(Self::MIN as $bits);
                (steps as u64).unbounded_shl(u64::BITS - Self::RANK_BITS)
            }

            fn of_rank(rank: u64) -> Self {
                let steps = rank.unbounded_shr(u64::BITS - Self::RANK_BITS) as $bits;
                steps.wrapping_add(Self::MIN as $bits) as Self
            }
        }
    )*};
}
integers!(i8 as u8, i16 as u16, i32 as u32, i64 as u64, i128 as u128, u8 as u8, u16 as u16, u32 as u32, u64 as u64);

macro_rules! floats {
    ($($native:ty as $bits:ty),*) => {$(
        impl Native for $native {
            const LEAST: Self = Self::NEG_INFINITY;
            const GREATEST: Self = Self::NAN;
            const GREATEST_NUMBER: Self = Self::INFINITY;
            const HAS_NAN: bool = true;

            #[inline(always)]
            fn is_nan(self) -> bool {
                self != self
            }

            /// A sum is NaN if a value is, and perhaps of infinities: then it is looked for.
            #[inline(always)]
            fn any_nan(values: &[Self]) -> bool {
                let (rows, rest) = values.as_chunks::<{ 2 * LANES }>();
                let mut lanes: [Self; 2 * LANES] = [0.0; 2 * LANES];
                for row in rows {
                    lanes.iter_mut().zip(row).for_each(|(lane, value)| *lane += value);
                }
                let sum = lanes.iter().chain(rest).fold(0.0, |sum, lane| sum + lane);
                sum != sum && values.iter().any(|value| value != value)
            }

            #[inline(always)]
            fn less(self, other: Self) -> bool {
                // Without short cuts, so that a loop over this becomes vector code.
                (self < other) | ((other != other) & (self == self))
            }

            #[inline(always)]
            fn below(self, other: Self) -> bool {
                self < other
            }

            // Not as a choice, of which the compiler makes stores under a mask: these are slow.
            #[inline(always)]
            fn lesser(self, other: Self) -> Self {
                self.min(other)
            }

            #[inline(always)]
            fn greater(self, other: Self) -> Self {
                self.max(other)
            }

            type Key = $bits;

            fn key(self) -> $bits {
                match self {
                    zero if zero == 0.0 => 0,
                    nan if nan.is_nan() => Self::NAN.to_bits(),
                    other => other.to_bits(),
                }
            }

            fn of_key(key: $bits) -> Self {
                Self::from_bits(key)
            }

            #[inline(always)]
            fn order(self, other: Self) -> std::cmp::Ordering {
                self.rank().cmp(&other.rank())
            }

            const RANK_BITS: u32 = <$bits>::BITS;

            #[inline(always)]
            fn rank(self) -> u64 {
                let bits = if self != self { Self::NAN } else { self + 0.0 }.to_bits();
                // Negative numbers are turned round, and come before the others.
                let turned = (bits.cast_signed() >> (<$bits>::BITS - 1)).cast_unsigned();
                u64::from(bits ^ (turned | 1 << (<$bits>::BITS - 1))) << (u64::BITS - <$bits>::BITS)
            }

            fn of_rank(rank: u64) -> Self {
                let bits = (rank >> (u64::BITS - <$bits>::BITS)) as $bits;
                let turned = (!bits.cast_signed() >> (<$bits>::BITS - 1)).cast_unsigned();
                Self::from_bits(bits ^ (turned | 1 << (<$bits>::BITS - 1)))
            }
        }
    )*};
}
floats!(f32 as u32, f64 as u64);

impl Native for IntervalMonthDayNano {
    const LEAST: Self = Self { months: i32::MIN, days: i32::MIN, nanoseconds: i64::MIN };
    const GREATEST: Self = Self { months: i32::MAX, days: i32::MAX, nanoseconds: i64::MAX };

    fn less(self, other: Self) -> bool {
        length(self) < length(other)
    }

    type Key = Self;

    fn key(self) -> Self {
        self
    }

    fn of_key(key: Self) -> Self {
        key
    }
}

/// The length of an interval in nanoseconds, by which intervals are ordered: a month has 30 days.
fn length(interval: IntervalMonthDayNano) -> i128 {
    let days = i128::from(interval.months) * 30 + i128::from(interval.days);
    days * 86_400_000_000_000 + i128::from(interval.nanoseconds)
}

/// Runs `$body` with `$native` as the Rust type of the values of an SQL type, or `$other` if they have no fixed width.
macro_rules! by_native {
    ($ty:expr, $native:ident => $body:expr, else $other:expr) => {{
        use $crate::SqlType as S;
        macro_rules! with {
            ($known:ty) => {{
                type $native = $known;
                $body
            }};
        }
        match $ty {
            S::TinyInt => with!(i8),
            S::SmallInt => with!(i16),
            S::Integer | S::Date => with!(i32),
            S::BigInt | S::Time | S::Timestamp(_) => with!(i64),
            S::UTinyInt => with!(u8),
            S::USmallInt => with!(u16),
            S::UInteger => with!(u32),
            S::UBigInt => with!(u64),
            S::HugeInt | S::Decimal(..) => with!(i128),
            S::Float => with!(f32),
            S::Double => with!(f64),
            S::Interval => with!(arrow::datatypes::IntervalMonthDayNano),
            S::Null | S::Boolean | S::Varchar | S::Blob | S::List(_) | S::Array(..) => $other,
        }
    }};
}
pub(super) use by_native;

/// Whether values of the type have a fixed width, so that [`by_native`] takes them.
pub(super) fn is_native(ty: &SqlType) -> bool {
    by_native!(ty, N => size_of::<N>() > 0, else false)
}

/// The values of an array whose type is held as `N`, null slots with whatever lies there.
pub(super) fn values<N: Native>(array: &ArrayRef) -> ScalarBuffer<N> {
    let parts = array.to_data();
    ScalarBuffer::new(parts.buffers()[0].clone(), parts.offset(), parts.len())
}

/// An array of a type that is held as `N`, with nulls where `valid` says no.
pub(super) fn array<N: Native>(ty: &DataType, values: Vec<N>, valid: Option<BooleanBuffer>) -> Result<ArrayRef> {
    let nulls = valid.map(NullBuffer::new).filter(|nulls| nulls.null_count() > 0);
    let builder = ArrayData::builder(ty.clone()).len(values.len()).nulls(nulls);
    Ok(make_array(builder.add_buffer(Buffer::from_vec(values)).build()?))
}

/// An array of a type that is held as `N`, with nulls where `valid` says no.
pub(super) fn array_where<N: Native>(ty: &DataType, values: Vec<N>, valid: &[bool]) -> Result<ArrayRef> {
    array(ty, values, Some(BooleanBuffer::from(valid)))
}

/// A BIGINT array.
pub(super) fn counts(values: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(values))
}

/// A DOUBLE array of the values that are there.
pub(super) fn doubles(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(Float64Array::from_iter(values))
}

/// Whether one of the values in some rows is NaN.
pub(super) fn any_nan<N: Native>(values: &[N], mask: Option<&Mask>) -> bool {
    let found = N::HAS_NAN && values.chunks(1024).any(N::any_nan);
    found && mask.is_none_or(|mask| mask.any(0..values.len(), |row| values[row].is_nan()))
}

/// The bytes that a vector holds.
pub(super) fn held<T>(values: &Vec<T>) -> usize {
    values.capacity() * size_of::<T>()
}

/// A Boolean array, null where `valid` says no.
pub(super) fn booleans(values: &[bool], valid: &[bool]) -> ArrayRef {
    let nulls = NullBuffer::new(BooleanBuffer::from(valid));
    Arc::new(BooleanArray::new(BooleanBuffer::from(values), Some(nulls)))
}

/// A list array of values that lie in group order, `sizes` of them in each group. Its offsets have 64 bits.
pub(super) fn lists(values: ArrayRef, sizes: impl IntoIterator<Item = usize>) -> Result<ArrayRef> {
    let item = Arc::new(Field::new("item", values.data_type().clone(), true));
    let offsets = OffsetBuffer::<i64>::from_lengths(sizes);
    Ok(Arc::new(LargeListArray::try_new(item, offsets, values, None)?))
}
