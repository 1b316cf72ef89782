//! Attributes of an object, as stored, and their values.

use super::btree::Tree2;
use super::dataspace::Dataspace;
use super::datatype::{Class, Datatype, Padding};
use super::header::{Header, SHARED, kind};
use super::heap::{FractalHeap, GlobalHeap};
use super::metadata::{Fields, Metadata, until_zero};
use super::shared::{from_table, shared};
use super::values::native;
use crate::formats::{Attribute, StoredType, numbers, text_in, text_of};
use crate::{Error, Result};
use std::borrow::Cow;

/// An attribute as stored.
#[derive(Debug)]
pub(super) struct RawAttribute {
    pub(super) name: String,
    pub(super) datatype: Datatype,
    bytes: Vec<u8>,
    created: u64,
}

/// All attributes of an object, in order of creation where the file keeps that. Those that cannot be read go into
/// `problems`.
pub(super) fn attributes(metadata: &Metadata<'_>, header: &Header, problems: &mut Vec<String>) -> Vec<RawAttribute> {
    let mut attributes = Vec::new();
    for (i, message) in header.all(kind::ATTRIBUTE).enumerate() {
        let parsed = message.resolve(metadata).and_then(|body| parse(metadata, &body, i as u64));
        keep(parsed, &mut attributes, problems);
    }
    if let Err(error) = dense_attributes(metadata, header, &mut attributes, problems) {
        problems.push(format!("attributes cannot be read: {error}"));
    }
    attributes.sort_by_key(|attribute| attribute.created);
    attributes
}

fn keep(parsed: Result<RawAttribute>, attributes: &mut Vec<RawAttribute>, problems: &mut Vec<String>) {
    match parsed {
        Ok(attribute) => attributes.push(attribute),
        Err(error) => problems.push(format!("an attribute cannot be read: {error}")),
    }
}

fn dense_attributes(
    metadata: &Metadata<'_>,
    header: &Header,
    attributes: &mut Vec<RawAttribute>,
    problems: &mut Vec<String>,
) -> Result<()> {
    let Some(body) = header.find(metadata, kind::ATTRIBUTE_INFO)? else { return Ok(()) };
    let mut fields = Fields::new(&body, metadata.widths);
    fields.version("an attribute table", 0..=0)?;
    if fields.u8()? & 1 != 0 {
        fields.skip(2)?;
    }
    let (Some(heap), Some(tree)) = (fields.address()?, fields.address()?) else { return Ok(()) };
    let heap = FractalHeap::read(metadata, heap)?;
    Tree2::read(metadata, tree)?.visit(&mut |record| {
        let mut fields = Fields::new(record, metadata.widths);
        let id = fields.bytes(8)?;
        let flags = fields.u8()?;
        let created = fields.u32()?;
        let body = match flags & SHARED {
            0 => heap.get(id),
            _ => from_table(metadata, kind::ATTRIBUTE, id),
        };
        keep(body.and_then(|body| parse(metadata, &body, created.into())), attributes, problems);
        Ok(())
    })
}

fn parse(metadata: &Metadata<'_>, body: &[u8], created: u64) -> Result<RawAttribute> {
    let mut fields = Fields::new(body, metadata.widths);
    let version = fields.version("an attribute", 1..=3)?;
    let flags = fields.u8()?;
    let sizes = [fields.u16()?, fields.u16()?, fields.u16()?].map(usize::from);
    if version == 3 {
        fields.skip(1)?;
    }
    let padded = version == 1;
    let name = text_of(until_zero(fields.padded(sizes[0], padded)?));
    let part = |body: &[u8], kind: u16, bit: u8| match flags & bit {
        _ if version == 1 => Ok(body.to_vec()),
        0 => Ok(body.to_vec()),
        _ => shared(metadata, kind, body),
    };
    let datatype = part(fields.padded(sizes[1], padded)?, kind::DATATYPE, 1)?;
    let dataspace = part(fields.padded(sizes[2], padded)?, kind::DATASPACE, 2)?;
    let datatype = Datatype::parse(&datatype, metadata.widths)?;
    let dataspace = Dataspace::parse(&dataspace, metadata.widths)?;
    let len = dataspace.cells().and_then(|cells| cells.checked_mul(datatype.size));
    let len = len.ok_or_else(|| Error::corrupt(format!("attribute {name} is larger than any file")))?;
    let bytes = fields.bytes(len)?.to_vec();
    Ok(RawAttribute { name, datatype, bytes, created })
}

impl RawAttribute {
    /// An attribute that no file holds.
    pub(super) fn of_text(name: &str, text: &str) -> Self {
        let datatype = Datatype { size: text.len().max(1), class: Class::FixedText { padding: Padding::Zero } };
        Self { name: name.to_owned(), datatype, bytes: text.as_bytes().to_vec(), created: 0 }
    }

    /// The bytes that its value takes in the file.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The value, if it is of a type that attributes may have here.
    pub(super) fn value(&self, heap: &GlobalHeap<'_>) -> Result<Attribute> {
        if let Some((ty, bytes)) = self.numbers() {
            return Ok(numbers(ty, &bytes));
        }
        match &self.datatype.class {
            Class::FixedText { padding } => {
                let texts =
                    self.bytes.chunks_exact(self.datatype.size).map(|cell| fixed_text(cell, *padding).into_owned());
                Ok(self.one_or_more(texts.collect()))
            }
            Class::HeapText => {
                let text = |cell: &[u8]| with_heap_text(heap, cell, |text| text.unwrap_or_default().to_owned());
                let texts = self.bytes.chunks_exact(self.datatype.size).map(text).collect::<Result<_>>()?;
                Ok(self.one_or_more(texts))
            }
            _ => {
                let what = match self.datatype.stored_type() {
                    StoredType::Unsupported(what) => what,
                    _ => "lists, arrays, bytes or references".to_owned(),
                };
                Err(Error::unsupported(format!("attribute {} has {what}, which are not read", self.name)))
            }
        }
    }

    fn one_or_more(&self, mut texts: Vec<String>) -> Attribute {
        match texts.len() {
            0 => Attribute::Text(String::new()),
            1 => Attribute::Text(texts.remove(0)),
            _ => Attribute::Texts(texts),
        }
    }

    /// The numbers as this machine has them, if these are numbers; those of array types one after the other.
    fn numbers(&self) -> Option<(StoredType, Vec<u8>)> {
        let mut of = &self.datatype;
        while let Class::Array(_, inner) = &of.class {
            of = inner;
        }
        match &of.class {
            Class::Bool => Some((StoredType::I8, self.bytes.clone())),
            Class::Number { .. } | Class::Odd(_) => {
                let ty = of.stored_type();
                let mut bytes = vec![0; self.bytes.len() / of.size * ty.size()];
                native(of, self.bytes.chunks_exact(of.size), &mut bytes).ok()?;
                Some((ty, bytes))
            }
            _ => None,
        }
    }

    /// The text, if this is one text.
    pub(super) fn text(&self, heap: &GlobalHeap<'_>) -> Option<String> {
        match self.value(heap) {
            Ok(Attribute::Text(text)) => Some(text),
            Ok(Attribute::Texts(_) | Attribute::Integers(..) | Attribute::Floats(..)) | Err(_) => None,
        }
    }

    /// The integers, if these are integers.
    pub(super) fn integers(&self) -> Option<Vec<i128>> {
        let (ty, bytes) = self.numbers()?;
        match numbers(ty, &bytes) {
            Attribute::Integers(_, integers) => Some(integers),
            Attribute::Floats(..) | Attribute::Text(_) | Attribute::Texts(_) => None,
        }
    }

    /// For lists of references, such as the scales of each dimension: the first address of each list.
    pub(super) fn first_references(&self, heap: &GlobalHeap<'_>) -> Result<Vec<Option<u64>>> {
        let first = |cell: &[u8]| match heap.get(cell)? {
            Some((count, bytes)) if count > 0 => Ok(Some(Fields::new(&bytes, heap.widths()).some_address()?)),
            Some(_) | None => Ok(None),
        };
        match &self.datatype.class {
            Class::HeapList(of) if of.class == Class::Reference => {
                self.bytes.chunks_exact(self.datatype.size).map(first).collect()
            }
            _ => Err(Error::corrupt(format!("attribute {} is not a list of references", self.name))),
        }
    }
}

/// Text of fixed length without what fills it up.
pub(super) fn fixed_text(cell: &[u8], padding: Padding) -> Cow<'_, str> {
    match (text_in(until_zero(cell)), padding) {
        (text, Padding::Zero) => text,
        (Cow::Borrowed(text), Padding::Spaces) => Cow::Borrowed(text.trim_end_matches(' ')),
        (Cow::Owned(text), Padding::Spaces) => Cow::Owned(text.trim_end_matches(' ').to_owned()),
    }
}

/// Looks at the text that a cell refers to.
pub(super) fn with_heap_text<T>(heap: &GlobalHeap<'_>, cell: &[u8], look: impl FnOnce(Option<&str>) -> T) -> Result<T> {
    let object = heap.get(cell)?;
    let text = object.as_ref().map(|(len, bytes)| text_in(until_zero(&bytes[..(*len).min(bytes.len())])));
    Ok(look(text.as_deref()))
}
