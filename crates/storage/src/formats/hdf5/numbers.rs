//! Numbers as datatypes describe them: plain ones, and those that must be converted because they have other sizes than
//! processors know, do not fill their bytes, or have another layout.

use super::datatype::Class;
use super::metadata::Fields;
use crate::formats::StoredType;
use crate::{Error, Result};

/// A number that is converted cell by cell.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Odd {
    big_endian: bool,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    /// So many bits from an offset on.
    Integer {
        offset: u32,
        bits: u32,
        signed: bool,
    },
    Float(Float),
}

/// Where the parts of a float lie, in bits from the lowest.
#[derive(Clone, Debug, PartialEq)]
struct Float {
    sign: u32,
    exponent: u32,
    exponent_bits: u32,
    mantissa: u32,
    mantissa_bits: u32,
    bias: i64,
    /// Whether the highest bit of the mantissa is not stored.
    implied: bool,
}

/// The most bytes of a number that is converted.
const WIDEST: usize = 16;

impl Odd {
    /// Reads what follows the head of an integer's datatype.
    pub(super) fn integer(size: usize, bits: u32, fields: &mut Fields<'_>) -> Result<Class> {
        let (offset, precision) = (u32::from(fields.u16()?), u32::from(fields.u16()?));
        let (big_endian, signed) = (bits & 1 != 0, bits & 0x08 != 0);
        if offset == 0 && precision as usize == size * 8 && matches!(size, 1 | 2 | 4 | 8) {
            return Ok(Class::Number { ty: integer_of(precision, signed), big_endian });
        }
        let inside = precision > 0 && (offset + precision) as usize <= size * 8;
        if !inside || size > WIDEST || precision > 64 {
            return Ok(Class::Other(format!("integers of {precision} bits in {size} bytes")));
        }
        Ok(Class::Odd(Self { big_endian, kind: Kind::Integer { offset, bits: precision, signed } }))
    }

    /// Reads what follows the head of a float's datatype.
    pub(super) fn float(size: usize, bits: u32, fields: &mut Fields<'_>) -> Result<Class> {
        let layout = fields.bytes(12)?;
        let order = (bits & 1) | (bits >> 5 & 2);
        let sign = bits >> 8 & 0xFF;
        // Offset, precision (2 bytes each); place and size of exponent and mantissa (a byte each); bias (4 bytes).
        let plain = match (size, sign, layout) {
            (2, 15, [0, 0, 16, 0, 10, 5, 0, 10, 15, 0, 0, 0]) => Some(StoredType::F16),
            (4, 31, [0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0]) => Some(StoredType::F32),
            (8, 63, [0, 0, 64, 0, 52, 11, 0, 52, 255, 3, 0, 0]) => Some(StoredType::F64),
            _ => None,
        };
        Ok(match (order, plain) {
            (0 | 1, Some(ty)) => Class::Number { ty, big_endian: order == 1 },
            (0 | 1, None) => match Float::parse(size, sign, bits >> 4 & 3, layout) {
                Some(float) => Class::Odd(Self { big_endian: order == 1, kind: Kind::Float(float) }),
                None => Class::Other(format!("floats of {size} bytes in an unusual layout")),
            },
            _ => Class::Other("floats in VAX byte order".to_owned()),
        })
    }

    /// The type that numbers are converted to: the smallest that holds them all, or else DOUBLE.
    pub(super) fn stored_type(&self) -> StoredType {
        match &self.kind {
            Kind::Integer { bits, signed, .. } => integer_of(*bits, *signed),
            Kind::Float(float) if float.exponent_bits <= 8 && float.mantissa_bits <= 23 => StoredType::F32,
            Kind::Float(_) => StoredType::F64,
        }
    }

    /// Converts a cell to the bytes of [`Self::stored_type`].
    pub(super) fn convert(&self, cell: &[u8], into: &mut [u8]) -> Result<()> {
        let mut wide = [0; WIDEST];
        let bytes = wide.get_mut(..cell.len()).ok_or_else(|| Error::corrupt("a number is too wide"))?;
        bytes.copy_from_slice(cell);
        if self.big_endian {
            bytes.reverse();
        }
        let raw = u128::from_le_bytes(wide);
        match &self.kind {
            Kind::Integer { offset, bits, signed } => {
                let value = field(raw, *offset, *bits) as u64;
                let unused = 64 - bits;
                let value = if *signed { ((value << unused) as i64 >> unused) as u64 } else { value };
                copy_lowest(value, into);
            }
            Kind::Float(float) => match into.len() {
                4 => into.copy_from_slice(&(float.value(raw) as f32).to_ne_bytes()),
                _ => into.copy_from_slice(&float.value(raw).to_ne_bytes()),
            },
        }
        Ok(())
    }
}

/// The lowest bytes of an integer, in the byte order of this machine.
fn copy_lowest(value: u64, into: &mut [u8]) {
    let bytes = value.to_le_bytes();
    into.copy_from_slice(&bytes[..into.len()]);
    if cfg!(target_endian = "big") {
        into.reverse();
    }
}

/// The smallest integer type that holds so many bits.
fn integer_of(bits: u32, signed: bool) -> StoredType {
    match (bits, signed) {
        (..=8, true) => StoredType::I8,
        (..=8, false) => StoredType::U8,
        (..=16, true) => StoredType::I16,
        (..=16, false) => StoredType::U16,
        (..=32, true) => StoredType::I32,
        (..=32, false) => StoredType::U32,
        (_, true) => StoredType::I64,
        (_, false) => StoredType::U64,
    }
}

fn field(raw: u128, offset: u32, bits: u32) -> u128 {
    raw >> offset & (u128::MAX >> (128 - bits))
}

impl Float {
    fn parse(size: usize, sign: u32, normalization: u32, layout: &[u8]) -> Option<Self> {
        let part = |at: usize| layout.get(at).map(|byte| u32::from(*byte));
        let bias = i64::from(u32::from_le_bytes(*layout.get(8..)?.first_chunk::<4>()?));
        let float = Self {
            sign,
            exponent: part(4)?,
            exponent_bits: part(5)?,
            mantissa: part(6)?,
            mantissa_bits: part(7)?,
            bias,
            implied: normalization == 2,
        };
        let inside = |at: u32, bits: u32| bits > 0 && (at + bits) as usize <= size * 8;
        let possible = size <= WIDEST
            && inside(sign, 1)
            && inside(float.exponent, float.exponent_bits)
            && inside(float.mantissa, float.mantissa_bits)
            && float.exponent_bits <= 20;
        possible.then_some(float)
    }

    fn value(&self, raw: u128) -> f64 {
        let sign = if field(raw, self.sign, 1) == 0 { 1.0 } else { -1.0 };
        let exponent = field(raw, self.exponent, self.exponent_bits) as i64;
        let mantissa = field(raw, self.mantissa, self.mantissa_bits);
        let fraction_bits = i64::from(self.mantissa_bits) - i64::from(!self.implied);
        let fraction = mantissa & !(u128::from(!self.implied) << (self.mantissa_bits - 1));
        if exponent == (1 << self.exponent_bits) - 1 {
            return if fraction == 0 { sign * f64::INFINITY } else { f64::NAN };
        }
        // The hidden bit is there unless the number is too small to be normal.
        let hidden = if self.implied && exponent > 0 { 1u128 << self.mantissa_bits } else { 0 };
        sign * scaled((hidden | mantissa) as f64, exponent.max(1) - self.bias - fraction_bits)
    }
}

/// A number times a power of two, without leaving the range of powers on the way.
fn scaled(mut value: f64, mut power: i64) -> f64 {
    while power.abs() > 900 && value != 0.0 && value.is_finite() {
        let step = 900 * power.signum();
        value *= 2f64.powi(step as i32);
        power -= step;
    }
    value * 2f64.powi(power.clamp(-900, 900) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_of_any_layout_have_their_value() {
        let single = Float {
            sign: 31,
            exponent: 23,
            exponent_bits: 8,
            mantissa: 0,
            mantissa_bits: 23,
            bias: 127,
            implied: true,
        };
        for value in [0.0, -1.5, f32::MIN_POSITIVE / 4.0, f32::MAX, f32::INFINITY] {
            assert_eq!(single.value(value.to_bits().into()), f64::from(value));
        }
        assert!(single.value(f32::NAN.to_bits().into()).is_nan());
    }

    #[test]
    fn integers_take_their_sign_from_their_highest_bit() {
        let odd = Odd { big_endian: true, kind: Kind::Integer { offset: 3, bits: 9, signed: true } };
        let mut into = [0; 2];
        odd.convert(&[0x0F, 0xF8], &mut into).expect("two bytes");
        assert_eq!(i16::from_ne_bytes(into), -1);
    }
}
