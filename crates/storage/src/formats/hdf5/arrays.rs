//! Fixed and extensible arrays, which index the chunks of files in HDF5's newer formats. They know nothing of what
//! their elements mean but whether those are of filtered chunks.

use super::metadata::{Fields, Metadata};
use crate::{Error, Result};

/// Takes the number of an element, its bytes, and whether it is of a filtered chunk.
type Visit<'v> = dyn FnMut(u64, &[u8], bool) -> Result<()> + 'v;

/// Elements of one size, and how many of them make a page.
#[derive(Clone, Copy)]
struct Elements {
    len: usize,
    filtered: bool,
    page: u64,
}

impl Elements {
    fn new(client: u8, len: u8, page_bits: u8) -> Result<Self> {
        // Pages of more elements than this no library writes.
        let page = (page_bits <= 32).then(|| 1u64 << page_bits);
        match (client, page) {
            (0 | 1, Some(page)) if len > 0 => Ok(Self { len: len.into(), filtered: client == 1, page }),
            _ => Err(Error::corrupt("an array of chunks has impossible sizes")),
        }
    }

    /// Gives the elements that stand in `bytes`, numbered from `first`.
    fn visit(&self, first: u64, bytes: &[u8], visit: &mut Visit<'_>) -> Result<()> {
        let mut numbered = (first..).zip(bytes.chunks_exact(self.len));
        numbered.try_for_each(|(number, element)| visit(number, element, self.filtered))
    }

    /// Gives the elements of pages, `count` in all, that lie from `address` on. Pages whose bit is not set were never
    /// written.
    fn visit_pages(
        &self,
        metadata: &Metadata<'_>,
        address: u64,
        count: u64,
        written: &[u8],
        first: u64,
        visit: &mut Visit<'_>,
    ) -> Result<()> {
        let page_len = self.page * self.len as u64 + 4;
        for page in 0..count.div_ceil(self.page) {
            let bit = written.get((page / 8) as usize).is_some_and(|byte| byte & (0x80 >> (page % 8)) != 0);
            if !bit {
                continue;
            }
            let before = page * self.page;
            let len = (count - before).min(self.page) * self.len as u64;
            let at = page.checked_mul(page_len).and_then(|offset| address.checked_add(offset));
            let at = at.ok_or_else(|| Error::corrupt("an array of chunks is too large"))?;
            let mut bytes = metadata.bytes(at, len + 4)?;
            super::metadata::unseal_page(&mut bytes)
                .map_err(|what| Error::corrupt(format!("a page of chunks {what}")))?;
            self.visit(first + before, &bytes, visit)?;
        }
        Ok(())
    }
}

/// Gives all elements of a fixed array.
pub(super) fn visit_fixed(metadata: &Metadata<'_>, address: u64, visit: &mut Visit<'_>) -> Result<()> {
    let widths = metadata.widths;
    let head = metadata.sealed(address, (8 + widths.length + widths.offset + 4) as u64, b"FAHD")?;
    let mut fields = Fields::new(&head, widths);
    fields.version("a fixed array", 0..=0)?;
    let elements = Elements::new(fields.u8()?, fields.u8()?, fields.u8()?)?;
    let count = fields.length()?;
    let Some(block) = fields.address()? else { return Ok(()) };
    let too_large = || Error::corrupt("an array of chunks is too large");
    let bytes = count.checked_mul(elements.len as u64).filter(|bytes| *bytes <= metadata.file_len());
    let bytes = bytes.ok_or_else(too_large)?;
    let prefix = 6 + widths.offset as u64;
    if count <= elements.page {
        let body = metadata.sealed(block, prefix + bytes + 4, b"FADB")?;
        return elements.visit(0, &body[prefix as usize - 4..], visit);
    }
    let bitmap = count.div_ceil(elements.page).div_ceil(8);
    let body = metadata.sealed(block, prefix + bitmap + 4, b"FADB")?;
    let written = &body[prefix as usize - 4..];
    let pages = block.checked_add(prefix + bitmap + 4).ok_or_else(too_large)?;
    elements.visit_pages(metadata, pages, count, written, 0, visit)
}

/// An extensible array: some elements in its index block, others in data blocks of growing size, of which the first are
/// listed in the index block and others in super blocks.
struct Extensible<'a> {
    metadata: &'a Metadata<'a>,
    elements: Elements,
    /// Elements in the index block.
    in_index: u64,
    /// Elements of the smallest data block.
    smallest: u64,
    /// The smallest number of data blocks in a super block.
    fewest_blocks: u64,
    /// Bytes in which blocks state where they begin.
    offset_width: u64,
    super_blocks: u64,
    /// How many elements are wanted.
    wanted: u64,
}

/// Gives the first `wanted` elements of an extensible array, where they were written.
pub(super) fn visit_extensible(
    metadata: &Metadata<'_>,
    address: u64,
    wanted: u64,
    visit: &mut Visit<'_>,
) -> Result<()> {
    let widths = metadata.widths;
    let head = metadata.sealed(address, (12 + 6 * widths.length + widths.offset + 4) as u64, b"EAHD")?;
    let mut fields = Fields::new(&head, widths);
    fields.version("an extensible array", 0..=0)?;
    let (client, len, most_bits) = (fields.u8()?, fields.u8()?, u64::from(fields.u8()?));
    let (in_index, smallest) = (u64::from(fields.u8()?), u64::from(fields.u8()?));
    let fewest_blocks = u64::from(fields.u8()?);
    let elements = Elements::new(client, len, fields.u8()?)?;
    fields.skip(6 * widths.length)?;
    let Some(index) = fields.address()? else { return Ok(()) };
    let possible = smallest.is_power_of_two() && fewest_blocks.is_power_of_two() && most_bits <= 64;
    let super_blocks = most_bits.checked_sub(smallest.max(1).ilog2().into()).filter(|_| possible);
    let super_blocks = super_blocks.ok_or_else(|| Error::corrupt("an extensible array has impossible sizes"))? + 1;
    let offset_width = most_bits.div_ceil(8);
    let array =
        Extensible { metadata, elements, in_index, smallest, fewest_blocks, offset_width, super_blocks, wanted };
    array.visit(index, visit)
}

impl Extensible<'_> {
    fn visit(&self, index: u64, visit: &mut Visit<'_>) -> Result<()> {
        let widths = self.metadata.widths;
        let direct = 2 * (self.fewest_blocks - 1);
        let direct_supers = 2 * u64::from(self.fewest_blocks.ilog2());
        let supers = self.super_blocks.saturating_sub(direct_supers);
        let prefix = 6 + widths.offset as u64;
        let own = self.in_index * self.elements.len as u64;
        let len = prefix + own + (direct + supers) * widths.offset as u64 + 4;
        let body = self.metadata.sealed(index, len, b"EAIB")?;
        let mut fields = Fields::new(&body[prefix as usize - 4..], widths);
        self.elements.visit(0, fields.bytes(own as usize)?, visit)?;
        let mut first = self.in_index;
        for level in 0..direct_supers.min(self.super_blocks) {
            for _ in 0..blocks_of(level) {
                let block = fields.address()?;
                let count = self.block_len(level)?;
                self.visit_block(block, count, &[], first, visit)?;
                first = first.saturating_add(count);
            }
        }
        for level in direct_supers..self.super_blocks {
            let address = fields.address()?;
            if first >= self.wanted {
                break;
            }
            let count = self.block_len(level)?;
            if let Some(address) = address {
                self.visit_super(address, level, count, first, visit)?;
            }
            first = first.saturating_add(count.saturating_mul(blocks_of(level)));
        }
        Ok(())
    }

    /// The elements of each data block of a super block.
    fn block_len(&self, level: u64) -> Result<u64> {
        let len = 1u64.checked_shl(level.div_ceil(2) as u32).and_then(|growth| growth.checked_mul(self.smallest));
        len.ok_or_else(|| Error::corrupt("an extensible array has impossible sizes"))
    }

    fn pages_of(&self, count: u64) -> u64 {
        if count > self.elements.page { count / self.elements.page } else { 0 }
    }

    fn visit_super(&self, address: u64, level: u64, count: u64, first: u64, visit: &mut Visit<'_>) -> Result<()> {
        let widths = self.metadata.widths;
        let blocks = blocks_of(level);
        let bitmap = self.pages_of(count).div_ceil(8);
        let prefix = 6 + widths.offset as u64 + self.offset_width;
        let list = blocks.checked_mul(bitmap + widths.offset as u64).filter(|len| *len <= self.metadata.file_len());
        let list = list.ok_or_else(|| Error::corrupt("an extensible array has impossible sizes"))?;
        let body = self.metadata.sealed(address, prefix + list + 4, b"EASB")?;
        let mut fields = Fields::new(&body[prefix as usize - 4..], widths);
        let bitmaps = fields.bytes((blocks * bitmap) as usize)?;
        for i in 0..blocks {
            let block = fields.address()?;
            let written = &bitmaps[(i * bitmap) as usize..][..bitmap as usize];
            let first = first.saturating_add(i.saturating_mul(count));
            self.visit_block(block, count, written, first, visit)?;
        }
        Ok(())
    }

    fn visit_block(
        &self,
        block: Option<u64>,
        count: u64,
        written: &[u8],
        first: u64,
        visit: &mut Visit<'_>,
    ) -> Result<()> {
        let Some(block) = block.filter(|_| first < self.wanted) else { return Ok(()) };
        let prefix = 6 + self.metadata.widths.offset as u64 + self.offset_width;
        if self.pages_of(count) == 0 {
            let bytes = count.saturating_mul(self.elements.len as u64);
            let body = self.metadata.sealed(block, bytes.saturating_add(prefix + 4), b"EADB")?;
            return self.elements.visit(first, &body[prefix as usize - 4..], visit);
        }
        self.metadata.sealed(block, prefix + 4, b"EADB")?;
        let pages = block.checked_add(prefix + 4).ok_or_else(|| Error::corrupt("a block of chunks is nowhere"))?;
        self.elements.visit_pages(self.metadata, pages, count, written, first, visit)
    }
}

/// The data blocks of a super block.
fn blocks_of(level: u64) -> u64 {
    1 << (level / 2)
}
