//! Datatypes: what a cell is (specification IV.A.2.d). What is made of members is taken apart into columns.

use super::metadata::{Fields, Widths, until_zero};
use super::numbers::Odd;
use crate::formats::{StoredType, text_of};
use crate::{Error, Result};
use arrow::datatypes::{DataType, Field};
use std::sync::Arc;

/// Types may hold types; deeper than this only a damaged file goes.
const DEEPEST: usize = 32;

/// Compound types of more members than this are not taken apart.
const MOST_COLUMNS: usize = 4096;

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
    /// A number that does not fill its bytes, or in a layout that no processor has.
    Odd(Odd),
    /// An enumeration of FALSE and TRUE in one byte, as h5py writes truth values.
    Bool,
    /// Text of fixed length.
    FixedText { padding: Padding },
    /// Text of any length, kept in a heap.
    HeapText,
    /// A list of any length, kept in a heap.
    HeapList(Box<Datatype>),
    /// The address of an object.
    Reference,
    /// Bytes without a meaning.
    Opaque,
    /// Members, by name and offset.
    Compound(Vec<(String, usize, Datatype)>),
    /// So many cells of another type.
    Array(usize, Box<Datatype>),
    /// One member of a compound cell, at an offset.
    Member(usize, Box<Datatype>),
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
            Class::Odd(odd) => odd.stored_type(),
            Class::FixedText { .. } if self.size == 1 => StoredType::Char,
            Class::FixedText { .. } | Class::HeapText => StoredType::Text,
            Class::Member(_, of) => of.stored_type(),
            Class::HeapList(_) | Class::Array(..) | Class::Opaque | Class::Reference | Class::Bool => {
                self.arrow().map_or_else(|what| StoredType::Unsupported(what.to_owned()), StoredType::Values)
            }
            Class::Compound(_) => StoredType::Unsupported(format!("compound values of {} bytes", self.size)),
            Class::Other(what) => StoredType::Unsupported(what.clone()),
        }
    }

    /// The type of an array of such values, or what cannot be one, in words.
    pub(super) fn arrow(&self) -> Result<DataType, &str> {
        let item = |of: &Self| {
            let ty = of.arrow().map_err(|_| "lists of values that cannot be read")?;
            Ok::<_, &str>(Arc::new(Field::new("item", ty, true)))
        };
        Ok(match &self.class {
            Class::Number { ty, .. } => primitive(ty),
            Class::Odd(odd) => primitive(&odd.stored_type()),
            Class::Bool => DataType::Boolean,
            Class::FixedText { .. } | Class::HeapText => DataType::Utf8,
            Class::Reference | Class::Opaque => DataType::Binary,
            Class::Member(_, of) => of.arrow()?,
            Class::HeapList(of) => DataType::List(item(of)?),
            Class::Array(count, of) => {
                DataType::FixedSizeList(item(of)?, i32::try_from(*count).map_err(|_| "arrays too long for a column")?)
            }
            Class::Compound(_) => return Err("compound values"),
            Class::Other(what) => return Err(what),
        })
    }

    /// The columns that cells of this type make, each with what is put after the name: one for each member of a compound.
    pub(super) fn columns(&self) -> Vec<(String, Self)> {
        let mut columns = Vec::new();
        self.take_apart(&mut columns);
        if columns.len() > MOST_COLUMNS { vec![(String::new(), self.clone())] } else { columns }
    }

    fn take_apart(&self, columns: &mut Vec<(String, Self)>) {
        let size = self.size;
        let mut within = |of: &Self, name: &str, wrap: &dyn Fn(Box<Self>) -> Class| {
            let mut inner = Vec::new();
            of.take_apart(&mut inner);
            columns.extend(inner.into_iter().map(|(suffix, of)| {
                let path = if name.is_empty() { suffix } else { format!(".{name}{suffix}") };
                (path, Self { size, class: wrap(Box::new(of)) })
            }));
        };
        match &self.class {
            Class::Compound(members) => {
                members.iter().for_each(|(name, at, of)| within(of, name, &|of| Class::Member(*at, of)));
            }
            Class::Array(count, of) => within(of, "", &|of| Class::Array(*count, of)),
            Class::HeapList(of) => within(of, "", &Class::HeapList),
            Class::Number { .. }
            | Class::Odd(_)
            | Class::Bool
            | Class::FixedText { .. }
            | Class::HeapText
            | Class::Reference
            | Class::Opaque
            | Class::Member(..)
            | Class::Other(_) => columns.push((String::new(), self.clone())),
        }
    }

    /// The value itself within a cell: where it lies, and its type.
    pub(super) fn innermost(&self) -> (usize, &Self) {
        match &self.class {
            Class::Member(at, of) => {
                let (within, innermost) = of.innermost();
                (at + within, innermost)
            }
            _ => (0, self),
        }
    }

    /// Whether cells refer to what a heap of their file holds.
    pub(super) fn refers_to_heap(&self) -> bool {
        match &self.class {
            Class::HeapText | Class::HeapList(_) | Class::Reference => true,
            Class::Array(_, of) | Class::Member(_, of) => of.refers_to_heap(),
            Class::Compound(members) => members.iter().any(|(_, _, of)| of.refers_to_heap()),
            Class::Number { .. }
            | Class::Odd(_)
            | Class::Bool
            | Class::FixedText { .. }
            | Class::Opaque
            | Class::Other(_) => false,
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
        let first = fields.u8()?;
        let (class, version) = (first & 0x0F, first >> 4);
        let bits = fields.uint(3)? as u32;
        let size = fields.u32()? as usize;
        if size == 0 {
            return Err(Error::corrupt("a datatype has no size"));
        }
        let class = match class {
            0 => Odd::integer(size, bits, fields)?,
            1 => Odd::float(size, bits, fields)?,
            2 => fields.skip(2).map(|()| Class::Other("times of the operating system".to_owned()))?,
            3 => Class::FixedText { padding: if bits & 0x0F == 2 { Padding::Spaces } else { Padding::Zero } },
            // A bit field has the fields of an integer, and no sign.
            4 => Odd::integer(size, bits & 1, fields)?,
            5 => fields.skip((bits & 0xFF) as usize).map(|()| Class::Opaque)?,
            6 => compound(version, size, bits & 0xFFFF, fields, depth)?,
            7 => Class::Reference,
            8 => enumeration(version, size, bits & 0xFFFF, fields, depth)?,
            9 => {
                let of = Self::parse_nested(fields, depth + 1)?;
                if bits & 0x0F == 1 { Class::HeapText } else { Class::HeapList(Box::new(of)) }
            }
            10 => array(version, size, fields, depth)?,
            11 => complex(size, Self::parse_nested(fields, depth + 1)?)?,
            other => Class::Other(format!("datatypes of the unknown class {other}")),
        };
        Ok(Self { size, class })
    }
}

/// The Arrow type of numbers; half precision is widened.
fn primitive(ty: &StoredType) -> DataType {
    match ty {
        StoredType::I8 => DataType::Int8,
        StoredType::U8 | StoredType::Char => DataType::UInt8,
        StoredType::I16 => DataType::Int16,
        StoredType::U16 => DataType::UInt16,
        StoredType::I32 => DataType::Int32,
        StoredType::U32 => DataType::UInt32,
        StoredType::I64 => DataType::Int64,
        StoredType::U64 => DataType::UInt64,
        StoredType::F16 | StoredType::F32 => DataType::Float32,
        StoredType::F64 => DataType::Float64,
        StoredType::Text | StoredType::Unsupported(_) => DataType::Utf8,
        StoredType::Values(ty) => ty.clone(),
    }
}

/// A name that ends in a zero byte, filled up to a multiple of eight bytes before version 3.
fn name<'a>(version: u8, fields: &mut Fields<'a>) -> Result<&'a [u8]> {
    let rest = fields.clone().bytes(fields.left())?;
    let text = until_zero(rest);
    let len = text.len() + 1;
    fields.skip(if version < 3 { len.next_multiple_of(8) } else { len })?;
    Ok(text)
}

fn compound(version: u8, size: usize, count: u32, fields: &mut Fields<'_>, depth: usize) -> Result<Class> {
    let mut members = Vec::new();
    for _ in 0..count {
        let name = text_of(name(version, fields)?);
        let width = if version < 3 { 4 } else { (size.ilog2() as usize / 8 + 1).min(4) };
        let offset = fields.uint(width)? as usize;
        let counts = if version == 1 { old_dimensions(fields)? } else { 1 };
        let mut of = Datatype::parse_nested(fields, depth + 1)?;
        if counts > 1 {
            of = Datatype { size: of.size.saturating_mul(counts), class: Class::Array(counts, Box::new(of)) };
        }
        if offset.checked_add(of.size).is_none_or(|end| end > size) {
            return Err(Error::corrupt(format!("the member {name} of a compound lies outside of it")));
        }
        members.push((name, offset, of));
    }
    Ok(Class::Compound(members))
}

/// The number of cells of a member of the oldest compound types, which had dimensions of their own.
fn old_dimensions(fields: &mut Fields<'_>) -> Result<usize> {
    let rank = fields.u8()?;
    fields.skip(3 + 4 + 4)?;
    let sizes = (0..4).map(|_| fields.u32()).collect::<Result<Vec<_>>>()?;
    let sizes = sizes.iter().take(rank.into());
    Ok(sizes.fold(1usize, |count, size| count.saturating_mul(*size as usize)).max(1))
}

fn array(version: u8, size: usize, fields: &mut Fields<'_>, depth: usize) -> Result<Class> {
    let rank = usize::from(fields.u8()?);
    fields.skip(if version < 3 { 3 } else { 0 })?;
    let sizes = (0..rank).map(|_| fields.u32()).collect::<Result<Vec<_>>>()?;
    fields.skip(if version < 3 { 4 * rank } else { 0 })?;
    let of = Datatype::parse_nested(fields, depth + 1)?;
    let count = sizes.iter().try_fold(1usize, |count, size| count.checked_mul(*size as usize));
    match count {
        // Characters side by side are a text.
        Some(count) if rank == 1 && count == size && matches!(of.class, Class::FixedText { .. }) => Ok(of.class),
        Some(count) if count.checked_mul(of.size) == Some(size) => Ok(Class::Array(count, Box::new(of))),
        Some(_) | None => Err(Error::corrupt("an array within a cell has another size than its cells")),
    }
}

/// The names of an enumeration are only labels: cells are integers of the base type, unless they say FALSE and TRUE.
fn enumeration(version: u8, size: usize, count: u32, fields: &mut Fields<'_>, depth: usize) -> Result<Class> {
    let base = Datatype::parse_nested(fields, depth + 1)?;
    if base.size != size {
        return Err(Error::corrupt("an enumeration has another size than its integers"));
    }
    let names = (0..count).map(|_| name(version, fields)).collect::<Result<Vec<_>>>()?;
    let values = fields.bytes(base.size.saturating_mul(names.len()))?;
    let truth = base.size == 1 && names == [b"FALSE".as_slice(), b"TRUE"] && values == [0, 1];
    Ok(if truth { Class::Bool } else { base.class })
}

/// A complex number is a pair, as h5py has always written it.
fn complex(size: usize, of: Datatype) -> Result<Class> {
    if of.size.checked_mul(2) != Some(size) {
        return Err(Error::corrupt("a complex number is not made of two"));
    }
    let second = of.size;
    Ok(Class::Compound(vec![("r".to_owned(), 0, of.clone()), ("i".to_owned(), second, of)]))
}
