//! Datatypes and dataspaces: what a cell is, and how many there are.

use super::metadata::{Fields, Widths};
use crate::formats::StoredType;
use crate::{Error, Result};

/// Types may hold types; deeper than this only a damaged file goes.
const DEEPEST: usize = 16;

/// The type of a stored cell.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Datatype {
    /// Bytes a cell takes.
    pub(super) size: usize,
    pub(super) class: Class,
}

/// What the bytes of a cell mean.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Class {
    /// A number in either byte order.
    Number { ty: StoredType, big_endian: bool },
    /// Text of fixed length.
    FixedText { padding: Padding },
    /// Text of any length, kept in a heap.
    HeapText,
    /// A list of any length, kept in a heap.
    HeapList(Box<Datatype>),
    /// The address of an object.
    Reference,
    /// Anything else, in words.
    Other(String),
}

/// What fills up text of fixed length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Padding {
    /// A zero byte ends the text.
    Zero,
    /// Spaces follow the text.
    Spaces,
}

impl Datatype {
    /// The type as seen from outside.
    pub(super) fn stored_type(&self) -> StoredType {
        match &self.class {
            Class::Number { ty, .. } => ty.clone(),
            Class::FixedText { .. } if self.size == 1 => StoredType::Char,
            Class::FixedText { .. } | Class::HeapText => StoredType::Text,
            Class::HeapList(_) => StoredType::Unsupported("lists of variable length".to_owned()),
            Class::Reference => StoredType::Unsupported("references".to_owned()),
            Class::Other(what) => StoredType::Unsupported(what.clone()),
        }
    }

    /// Whether cells are numbers in the byte order that this machine does not use.
    pub(super) fn is_foreign(&self) -> bool {
        matches!(self.class, Class::Number { big_endian, .. } if big_endian != cfg!(target_endian = "big"))
    }

    /// Reads the body of a datatype message.
    pub(super) fn parse(body: &[u8], widths: Widths) -> Result<Self> {
        Self::parse_nested(&mut Fields::new(body, widths), 0)
    }

    fn parse_nested(fields: &mut Fields<'_>, depth: usize) -> Result<Self> {
        if depth > DEEPEST {
            return Err(Error::corrupt("a datatype is nested too deeply"));
        }
        let class = fields.u8()? & 0x0F;
        let bits = fields.uint(3)? as u32;
        let size = fields.u32()? as usize;
        let class = match class {
            0 => integer(size, bits, fields)?,
            1 => float(size, bits, fields)?,
            2 => Class::Other("times of the operating system".to_owned()),
            3 => Class::FixedText { padding: if bits & 0x0F == 2 { Padding::Spaces } else { Padding::Zero } },
            4 => unsigned(size, bits & 1 != 0).unwrap_or_else(|| Class::Other(format!("bit fields of {size} bytes"))),
            5 => Class::Other(format!("opaque values of {size} bytes")),
            6 => Class::Other(format!("compound values of {size} bytes")),
            7 => Class::Reference,
            // The names are only labels: cells are integers of the base type.
            8 => Self::parse_nested(fields, depth + 1)?.class,
            9 if bits & 0x0F == 1 => Class::HeapText,
            9 => Class::HeapList(Box::new(Self::parse_nested(fields, depth + 1)?)),
            10 => Class::Other("arrays within a cell".to_owned()),
            11 => Class::Other("complex numbers".to_owned()),
            other => Class::Other(format!("datatypes of the unknown class {other}")),
        };
        if size == 0 {
            return Err(Error::corrupt("a datatype has no size"));
        }
        Ok(Self { size, class })
    }
}

fn integer(size: usize, bits: u32, fields: &mut Fields<'_>) -> Result<Class> {
    let (offset, precision) = (fields.u16()?, fields.u16()?);
    let whole = offset == 0 && usize::from(precision) == size * 8;
    let ty = match (size, bits & 0x08 != 0) {
        (1, true) => StoredType::I8,
        (2, true) => StoredType::I16,
        (4, true) => StoredType::I32,
        (8, true) => StoredType::I64,
        (1, false) => StoredType::U8,
        (2, false) => StoredType::U16,
        (4, false) => StoredType::U32,
        (8, false) => StoredType::U64,
        (_, true | false) => return Ok(Class::Other(format!("integers of {size} bytes"))),
    };
    Ok(match whole {
        true => Class::Number { ty, big_endian: bits & 1 != 0 },
        false => Class::Other(format!("integers of {precision} bits in {size} bytes")),
    })
}

fn unsigned(size: usize, big_endian: bool) -> Option<Class> {
    let ty = match size {
        1 => StoredType::U8,
        2 => StoredType::U16,
        4 => StoredType::U32,
        8 => StoredType::U64,
        _ => return None,
    };
    Some(Class::Number { ty, big_endian })
}

/// Floats of IEEE's layout; the fields tell where sign, exponent and mantissa lie.
fn float(size: usize, bits: u32, fields: &mut Fields<'_>) -> Result<Class> {
    let layout = fields.bytes(12)?;
    let order = (bits & 1) | (bits >> 5 & 2);
    let sign = bits >> 8 & 0xFF;
    // Offset, precision (2 bytes each); place and size of exponent and mantissa (a byte each); bias (4 bytes).
    let ty = match (size, sign, layout) {
        (2, 15, [0, 0, 16, 0, 10, 5, 0, 10, 15, 0, 0, 0]) => StoredType::F16,
        (4, 31, [0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0]) => StoredType::F32,
        (8, 63, [0, 0, 64, 0, 52, 11, 0, 52, 255, 3, 0, 0]) => StoredType::F64,
        _ => return Ok(Class::Other(format!("floats of {size} bytes in an unusual layout"))),
    };
    Ok(match order {
        0 | 1 => Class::Number { ty, big_endian: order == 1 },
        _ => Class::Other("floats in VAX byte order".to_owned()),
    })
}

/// How many cells there are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dataspace {
    pub(super) shape: Vec<usize>,
    /// How far each dimension may grow; `None`: without limit.
    pub(super) limits: Vec<Option<usize>>,
    /// Whether there is not even one cell.
    pub(super) null: bool,
}

impl Dataspace {
    /// Reads the body of a dataspace message.
    pub(super) fn parse(body: &[u8], widths: Widths) -> Result<Self> {
        let mut fields = Fields::new(body, widths);
        let version = fields.version("a dataspace", 1..=2)?;
        let rank = usize::from(fields.u8()?);
        let flags = fields.u8()?;
        let null = match version {
            1 => {
                fields.skip(5)?;
                false
            }
            _ => fields.u8()? == 2,
        };
        let shape: Vec<usize> = (0..rank).map(|_| fields.length().map(|len| len as usize)).collect::<Result<_>>()?;
        let limits = match flags & 1 {
            0 => shape.iter().copied().map(Some).collect(),
            _ => {
                let most = u64::MAX >> (64 - 8 * widths.length);
                let limit = |len: u64| (len != most).then_some(len as usize);
                (0..rank).map(|_| fields.length().map(limit)).collect::<Result<_>>()?
            }
        };
        Ok(Self { shape, limits, null })
    }

    /// The number of cells; `None` beyond all measure.
    pub(super) fn cells(&self) -> Option<usize> {
        if self.null { Some(0) } else { crate::formats::cells::count(&self.shape) }
    }
}
