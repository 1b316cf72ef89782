//! Reads metadata blocks: from cached pages of the file, checked against its size, their signatures and checksums.

use crate::io::ReadAt;
use crate::metrics::ReadMetrics;
use crate::{Error, Result};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Range;

/// Bytes fetched at a time.
const PAGE: u64 = 8 << 10;

/// Pages kept; when there are more, all are dropped. Metadata lies together, so that this is rare.
const PAGES: usize = 4096;

/// So often a file's metadata may be read over while its objects are listed, and so many bytes in any case: links may share what
/// they lead to, but a small file must not keep a reader busy.
const READ_OVER: u64 = 32;
const ALWAYS_READ: u64 = 16 << 20;

/// Blocks larger than this are not metadata that any library writes.
const LARGEST_BLOCK: u64 = 1 << 30;

/// How wide a file's addresses and lengths are, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Widths {
    pub(super) offset: usize,
    pub(super) length: usize,
}

/// The metadata of a file, while it is being read.
pub(super) struct Metadata<'a> {
    source: &'a dyn ReadAt,
    pages: RefCell<HashMap<u64, Box<[u8]>>>,
    /// The bytes that may still be read.
    left: Cell<u64>,
    /// The position from which addresses are counted.
    pub(super) base: u64,
    pub(super) widths: Widths,
    /// The object header that says more of the file than its superblock.
    pub(super) extension: Option<u64>,
}

impl<'a> Metadata<'a> {
    pub(super) fn new(source: &'a dyn ReadAt, base: u64, widths: Widths, extension: Option<u64>) -> Self {
        let left = Cell::new(allowance(source.len()));
        Self { source, pages: RefCell::default(), left, base, widths, extension }
    }

    /// The size of the file.
    pub(super) fn file_len(&self) -> u64 {
        self.source.len()
    }

    /// How many bytes were read so far.
    pub(super) fn spent(&self) -> u64 {
        allowance(self.source.len()) - self.left.get()
    }

    /// The `len` bytes at an address.
    pub(super) fn bytes(&self, address: u64, len: u64) -> Result<Vec<u8>> {
        let Range { start, end } = self.place(address, len)?;
        let left = self.left.get().checked_sub(len.max(16));
        self.left.set(left.ok_or_else(|| Error::corrupt("its metadata leads to the same places over and over"))?);
        if len > 4 * PAGE {
            let mut bytes = vec![0; len as usize];
            self.source.read_exact_at(start, &mut bytes, &ReadMetrics::default())?;
            return Ok(bytes);
        }
        let mut bytes = Vec::with_capacity(len as usize);
        let mut at = start;
        while at < end {
            let page = at / PAGE;
            let upto = end.min((page + 1) * PAGE);
            self.with_page(page, |held| {
                bytes.extend_from_slice(&held[(at - page * PAGE) as usize..(upto - page * PAGE) as usize]);
            })?;
            at = upto;
        }
        Ok(bytes)
    }

    /// Where in the file bytes at an address lie.
    pub(super) fn place(&self, address: u64, len: u64) -> Result<Range<u64>> {
        let start = address.checked_add(self.base);
        let end = start.and_then(|start| start.checked_add(len));
        match start.zip(end) {
            Some((start, end)) if end <= self.source.len() && len <= LARGEST_BLOCK => Ok(start..end),
            _ => Err(Error::corrupt(format!("{len} bytes of metadata at {address} lie beyond the end of the file"))),
        }
    }

    fn with_page(&self, page: u64, look: impl FnOnce(&[u8])) -> Result<()> {
        let mut pages = self.pages.borrow_mut();
        if let Some(held) = pages.get(&page) {
            look(held);
            return Ok(());
        }
        let start = page * PAGE;
        let mut held = vec![0; PAGE.min(self.source.len() - start) as usize].into_boxed_slice();
        self.source.read_exact_at(start, &mut held, &ReadMetrics::default())?;
        look(&held);
        if pages.len() >= PAGES {
            pages.clear();
        }
        pages.insert(page, held);
        Ok(())
    }

    /// The `len` bytes at an address, which start with `signature` and end in a checksum; both are checked. Gives what
    /// lies between them.
    pub(super) fn sealed(&self, address: u64, len: u64, signature: &[u8; 4]) -> Result<Vec<u8>> {
        let mut bytes = self.bytes(address, len)?;
        unseal(&mut bytes, signature).map_err(|what| Error::corrupt(format!("metadata at {address} {what}")))?;
        Ok(bytes)
    }
}

/// How much metadata may be read of files of so many bytes in all.
pub(super) fn allowance(len: u64) -> u64 {
    len.saturating_mul(READ_OVER).saturating_add(ALWAYS_READ)
}

/// Checks and takes off signature and checksum.
fn unseal(bytes: &mut Vec<u8>, signature: &[u8; 4]) -> Result<(), &'static str> {
    if !bytes.starts_with(signature) {
        return Err("has the wrong signature");
    }
    unseal_page(bytes)?;
    bytes.drain(..4);
    Ok(())
}

/// Checks and takes off the checksum of a block that has no signature.
pub(super) fn unseal_page(bytes: &mut Vec<u8>) -> Result<(), &'static str> {
    let Some((body, checksum)) = bytes.split_last_chunk::<4>() else { return Err("is too short") };
    if !is_checksum_of(body, u32::from_le_bytes(*checksum)) {
        return Err("has the wrong checksum");
    }
    let len = body.len();
    bytes.truncate(len);
    Ok(())
}

/// Whether a block has the checksum that is stated. Fuzz targets are to get as far as what checksums guard.
pub(super) fn is_checksum_of(bytes: &[u8], stated: u32) -> bool {
    cfg!(feature = "fuzzing") || lookup3(bytes) == stated
}

/// Bob Jenkins' lookup3 hash, the checksum of HDF5's metadata.
fn lookup3(bytes: &[u8]) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(bytes.len() as u32);
    let mut state = [start; 3];
    let mut rest = bytes;
    while rest.len() > 12 {
        let (block, after) = rest.split_at(12);
        add_block(&mut state, block);
        mix(&mut state);
        rest = after;
    }
    if !rest.is_empty() {
        let mut block = [0; 12];
        block[..rest.len()].copy_from_slice(rest);
        add_block(&mut state, &block);
        finish(&mut state);
    }
    state[2]
}

fn add_block(state: &mut [u32; 3], block: &[u8]) {
    for (word, bytes) in state.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = word.wrapping_add(u32::from_le_bytes(*bytes));
    }
}

fn mix([a, b, c]: &mut [u32; 3]) {
    let step = |x: &mut u32, y: &mut u32, z: &mut u32, turn: u32| {
        *x = x.wrapping_sub(*z) ^ z.rotate_left(turn);
        *z = z.wrapping_add(*y);
    };
    step(a, b, c, 4);
    step(b, c, a, 6);
    step(c, a, b, 8);
    step(a, b, c, 16);
    step(b, c, a, 19);
    step(c, a, b, 4);
}

fn finish([a, b, c]: &mut [u32; 3]) {
    let step = |x: &mut u32, y: u32, turn: u32| *x = (*x ^ y).wrapping_sub(y.rotate_left(turn));
    step(c, *b, 14);
    step(a, *c, 11);
    step(b, *a, 25);
    step(c, *b, 16);
    step(a, *c, 4);
    step(b, *a, 14);
    step(c, *b, 24);
}

/// Reads fields one after the other.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    widths: Widths,
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8], widths: Widths) -> Self {
        Self { rest: bytes, widths }
    }

    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn bytes(&mut self, len: usize) -> Result<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or_else(|| Error::corrupt("metadata ends too early"))?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn skip(&mut self, len: usize) -> Result<()> {
        self.bytes(len).map(drop)
    }

    /// An unsigned number of `width` bytes.
    pub(super) fn uint(&mut self, width: usize) -> Result<u64> {
        let mut wide = [0; 8];
        let bytes = self.bytes(width)?;
        let into =
            wide.get_mut(..width).ok_or_else(|| Error::corrupt(format!("metadata has numbers of {width} bytes")))?;
        into.copy_from_slice(bytes);
        Ok(u64::from_le_bytes(wide))
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        self.uint(2).map(|value| value as u16)
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        self.uint(4).map(|value| value as u32)
    }

    pub(super) fn length(&mut self) -> Result<u64> {
        self.uint(self.widths.length)
    }

    /// An address, or `None` for the one that says that there is nothing.
    pub(super) fn address(&mut self) -> Result<Option<u64>> {
        let width = self.widths.offset;
        let address = self.uint(width)?;
        Ok((address != u64::MAX >> (64 - 8 * width)).then_some(address))
    }

    /// An address of something that must be there.
    pub(super) fn some_address(&mut self) -> Result<u64> {
        self.address()?.ok_or_else(|| Error::corrupt("metadata refers to nothing"))
    }

    /// Bytes up to a multiple of 8 counted from the start of `len` bytes.
    pub(super) fn padded(&mut self, len: usize, padded: bool) -> Result<&'a [u8]> {
        let bytes = self.bytes(len)?;
        if padded {
            // The last one may lack its padding.
            let padding = (len.next_multiple_of(8) - len).min(self.left());
            self.skip(padding)?;
        }
        Ok(bytes)
    }

    /// The one version, or one of the versions, that a structure may have.
    pub(super) fn version(&mut self, of: &str, known: std::ops::RangeInclusive<u8>) -> Result<u8> {
        let version = self.u8()?;
        if known.contains(&version) {
            return Ok(version);
        }
        Err(Error::unsupported(format!("{of} of version {version} is not known")))
    }
}

/// Text up to the first zero byte.
pub(super) fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookup3_gives_the_published_values() {
        // From the comments of Bob Jenkins' lookup3.c, with initial values of 0.
        assert_eq!(lookup3(b""), 0xdead_beef);
        assert_eq!(lookup3(b"Four score and seven years ago"), 0x1777_0551);
    }
}
