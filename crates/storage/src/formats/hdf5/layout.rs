//! How the cells of a dataset are kept: layout and fill value, as its header states them.

use super::filters::Filter;
use super::heap::LocalHeap;
use super::metadata::{Fields, Metadata, Widths};
use crate::{Error, Result};

/// Where cells lie.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Layout {
    /// In the header itself.
    Compact(Vec<u8>),
    /// In one piece; without an address if none was ever written.
    Contiguous { address: Option<u64> },
    /// In chunks, found through an index.
    Chunked(Chunked),
    /// In other datasets: a reference to the heap object that lists them.
    Virtual(Vec<u8>),
}

/// How cells are cut into chunks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chunked {
    /// The shape of a chunk.
    pub(super) chunk: Vec<usize>,
    /// Where the index is; nowhere if no chunk was ever written.
    pub(super) index: Option<u64>,
    pub(super) kind: IndexKind,
    /// Whether filters are left out for chunks that overhang the end of a dimension.
    pub(super) raw_edges: bool,
}

/// The kinds of chunk indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IndexKind {
    /// A B-tree of version 1.
    Tree1,
    /// The address is that of the only chunk; with its size and filter mask if it is filtered.
    Single(Option<(u64, u32)>),
    /// All chunks lie one after the other.
    Implicit,
    /// A fixed array.
    FixedArray,
    /// An extensible array.
    ExtensibleArray,
    /// A B-tree of version 2.
    Tree2,
}

impl Layout {
    /// Reads the body of a layout message.
    pub(super) fn parse(metadata: &Metadata<'_>, body: &[u8]) -> Result<Self> {
        let mut fields = Fields::new(body, metadata.widths);
        match fields.version("a data layout", 1..=5)? {
            1..=2 => Self::old(&mut fields),
            3 => Self::third(&mut fields, metadata.widths),
            _ => Self::recent(&mut fields, metadata.widths),
        }
    }

    fn old(fields: &mut Fields<'_>) -> Result<Self> {
        let rank = usize::from(fields.u8()?);
        let class = fields.u8()?;
        fields.skip(5)?;
        let address = if class == 0 { None } else { fields.address()? };
        let dims = (0..rank).map(|_| fields.u32().map(u64::from)).collect::<Result<Vec<_>>>()?;
        match class {
            0 => {
                let len = fields.u32()? as usize;
                Ok(Self::Compact(fields.bytes(len)?.to_vec()))
            }
            1 => Ok(Self::Contiguous { address }),
            2 => chunked(&dims, address, IndexKind::Tree1, false),
            _ => Err(unknown_class(class)),
        }
    }

    fn third(fields: &mut Fields<'_>, widths: Widths) -> Result<Self> {
        match fields.u8()? {
            2 => {
                let rank = usize::from(fields.u8()?);
                let address = fields.address()?;
                let dims = (0..rank).map(|_| fields.u32().map(u64::from)).collect::<Result<Vec<_>>>()?;
                chunked(&dims, address, IndexKind::Tree1, false)
            }
            other => Self::unchunked(other, fields, widths),
        }
    }

    fn recent(fields: &mut Fields<'_>, widths: Widths) -> Result<Self> {
        match fields.u8()? {
            2 => {
                let flags = fields.u8()?;
                let rank = usize::from(fields.u8()?);
                let width = usize::from(fields.u8()?);
                let dims = (0..rank).map(|_| fields.uint(width)).collect::<Result<Vec<_>>>()?;
                let kind = index_kind(flags, fields)?;
                chunked(&dims, fields.address()?, kind, flags & 1 != 0)
            }
            other => Self::unchunked(other, fields, widths),
        }
    }

    fn unchunked(class: u8, fields: &mut Fields<'_>, widths: Widths) -> Result<Self> {
        match class {
            0 => {
                let len = usize::from(fields.u16()?);
                Ok(Self::Compact(fields.bytes(len)?.to_vec()))
            }
            1 => Ok(Self::Contiguous { address: fields.address()? }),
            3 => {
                let len = fields.left().min(widths.offset + 4);
                Ok(Self::Virtual(fields.bytes(len)?.to_vec()))
            }
            _ => Err(unknown_class(class)),
        }
    }
}

fn unknown_class(class: u8) -> Error {
    Error::unsupported(format!("a data layout of the unknown class {class}"))
}

/// The kind of an index; what else stands here is repeated at the head of the index.
fn index_kind(flags: u8, fields: &mut Fields<'_>) -> Result<IndexKind> {
    match fields.u8()? {
        1 if flags & 2 != 0 => Ok(IndexKind::Single(Some((fields.length()?, fields.u32()?)))),
        1 => Ok(IndexKind::Single(None)),
        2 => Ok(IndexKind::Implicit),
        3 => fields.skip(1).map(|()| IndexKind::FixedArray),
        4 => fields.skip(5).map(|()| IndexKind::ExtensibleArray),
        5 => fields.skip(6).map(|()| IndexKind::Tree2),
        other => Err(Error::unsupported(format!("a chunk index of the unknown kind {other}"))),
    }
}

/// `dims` is the shape of a chunk, followed by the size of a cell.
fn chunked(dims: &[u64], index: Option<u64>, kind: IndexKind, raw_edges: bool) -> Result<Layout> {
    let wrong = || Error::corrupt("has chunks of an impossible shape");
    let (_, chunk) = dims.split_last().ok_or_else(wrong)?;
    let chunk = chunk.iter().map(|len| usize::try_from(*len).ok().filter(|len| *len > 0)).collect::<Option<_>>();
    Ok(Layout::Chunked(Chunked { chunk: chunk.ok_or_else(wrong)?, index, kind, raw_edges }))
}

/// Layout and filters in words.
pub(super) fn in_words(layout: &Layout, filters: &[Filter]) -> String {
    let layout = match layout {
        Layout::Compact(_) => "compact",
        Layout::Contiguous { .. } => "contiguous",
        Layout::Chunked(_) => "chunked",
        Layout::Virtual(_) => "virtual",
    };
    std::iter::once(layout.to_owned()).chain(filters.iter().map(Filter::in_words)).collect::<Vec<_>>().join(", ")
}

/// Reads the body of a fill message. What was never given is empty and stands for zeros.
pub(super) fn parse_fill(metadata: &Metadata<'_>, body: &[u8]) -> Result<Vec<u8>> {
    let mut fields = Fields::new(body, metadata.widths);
    let given = match fields.version("a fill value", 1..=3)? {
        1 => {
            fields.skip(3)?;
            true
        }
        2 => {
            fields.skip(2)?;
            fields.u8()? != 0
        }
        _ => fields.u8()? & 0x20 != 0,
    };
    if given { sized(&mut fields) } else { Ok(Vec::new()) }
}

/// Reads the body of a fill message as old files have it.
pub(super) fn parse_old_fill(metadata: &Metadata<'_>, body: &[u8]) -> Result<Vec<u8>> {
    sized(&mut Fields::new(body, metadata.widths))
}

fn sized(fields: &mut Fields<'_>) -> Result<Vec<u8>> {
    let len = fields.u32()?;
    // A negative length says that there is no value.
    if len > i32::MAX as u32 { Ok(Vec::new()) } else { fields.bytes(len as usize).map(<[u8]>::to_vec) }
}

/// A file that holds cells: its name, the position there, and the number of bytes unless it is all the rest.
pub(super) type ExternalFile = (String, u64, Option<u64>);

/// Reads the body of a message that lists the files that hold the cells (specification IV.A.2.h).
pub(super) fn parse_external(metadata: &Metadata<'_>, body: &[u8]) -> Result<Vec<ExternalFile>> {
    let mut fields = Fields::new(body, metadata.widths);
    fields.version("a list of external files", 1..=1)?;
    fields.skip(5)?;
    let count = fields.u16()?;
    let names = LocalHeap::read(metadata, fields.some_address()?)?;
    let endless = u64::MAX >> (64 - 8 * metadata.widths.length);
    let mut file = || {
        let (name, at, len) = (names.name(fields.length()?)?, fields.length()?, fields.length()?);
        Ok((name, at, (len != endless).then_some(len)))
    };
    (0..count).map(|_| file()).collect()
}
