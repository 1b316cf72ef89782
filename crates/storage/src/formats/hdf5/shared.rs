//! Messages that are kept once for many headers: in another object, such as a named type, or in a heap of the file's table of
//! shared messages (specification III.I and IV.A.2.p).

use super::header::{Header, SHARED, kind};
use super::heap::FractalHeap;
use super::metadata::{Fields, Metadata};
use crate::{Error, Result};

/// The most indexes that a table has.
const MOST_INDEXES: u8 = 8;

/// The body of a message of which a header has only a reference.
pub(super) fn shared(metadata: &Metadata<'_>, kind: u16, reference: &[u8]) -> Result<Vec<u8>> {
    let mut fields = Fields::new(reference, metadata.widths);
    let version = fields.version("a shared message", 1..=3)?;
    let place = fields.u8()?;
    if version == 3 && place == 1 {
        return from_table(metadata, kind, fields.bytes(8)?);
    }
    if version == 1 {
        fields.skip(6)?;
    }
    let header = Header::read(metadata, fields.some_address()?)?;
    let unshared = header.all(kind).find(|message| message.flags & SHARED == 0);
    unshared.map(|message| message.body.clone()).ok_or_else(|| Error::corrupt("a shared message refers to nothing"))
}

/// The body of a message that has this id in the heap for messages of its kind.
pub(super) fn from_table(metadata: &Metadata<'_>, kind: u16, id: &[u8]) -> Result<Vec<u8>> {
    let heap = heap_for(metadata, kind)?.ok_or_else(|| Error::corrupt("a shared message has no table to be in"))?;
    FractalHeap::read(metadata, heap)?.get(id)
}

/// The heap in which messages of a kind are.
fn heap_for(metadata: &Metadata<'_>, kind: u16) -> Result<Option<u64>> {
    let Some(extension) = metadata.extension else { return Ok(None) };
    let extension = Header::read(metadata, extension)?;
    let Some(message) = extension.all(kind::SHARED_TABLE).next() else { return Ok(None) };
    let mut fields = Fields::new(&message.body, metadata.widths);
    fields.version("a table of shared messages", 0..=0)?;
    let (table, count) = (fields.some_address()?, fields.u8()?.min(MOST_INDEXES));
    let index_len = 14 + 2 * metadata.widths.offset as u64;
    let table = metadata.sealed(table, u64::from(count) * index_len + 8, b"SMTB")?;
    let mut fields = Fields::new(&table, metadata.widths);
    for _ in 0..count {
        fields.version("an index of shared messages", 0..=0)?;
        fields.skip(1)?;
        let kinds = fields.u16()?;
        fields.skip(10)?;
        fields.address()?;
        let heap = fields.address()?;
        if kinds.checked_shr(kind.into()).unwrap_or(0) & 1 == 1 {
            return Ok(heap);
        }
    }
    Ok(None)
}
