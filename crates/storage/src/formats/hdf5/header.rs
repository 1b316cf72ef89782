//! Object headers: the messages that describe a group or a dataset.

use super::metadata::{Fields, Metadata};
use super::shared::shared;
use crate::{Error, Result};

/// The kinds of messages that are read here.
pub(super) mod kind {
    pub(in super::super) const DATASPACE: u16 = 0x01;
    pub(in super::super) const LINK_INFO: u16 = 0x02;
    pub(in super::super) const DATATYPE: u16 = 0x03;
    pub(in super::super) const OLD_FILL: u16 = 0x04;
    pub(in super::super) const FILL: u16 = 0x05;
    pub(in super::super) const LINK: u16 = 0x06;
    pub(in super::super) const EXTERNAL_FILES: u16 = 0x07;
    pub(in super::super) const LAYOUT: u16 = 0x08;
    pub(in super::super) const FILTERS: u16 = 0x0B;
    pub(in super::super) const ATTRIBUTE: u16 = 0x0C;
    pub(in super::super) const SHARED_TABLE: u16 = 0x0F;
    pub(in super::super) const CONTINUATION: u16 = 0x10;
    pub(in super::super) const SYMBOL_TABLE: u16 = 0x11;
    pub(in super::super) const ATTRIBUTE_INFO: u16 = 0x15;
}

/// More messages than any library writes into one header: beyond that, a damaged file goes in circles.
const MOST_MESSAGES: usize = 1 << 17;

/// The flag of a message of which there is only a reference.
pub(super) const SHARED: u8 = 0x02;

/// A message of an object header.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: u16,
    pub(super) flags: u8,
    pub(super) body: Vec<u8>,
}

/// All messages of an object.
#[derive(Debug)]
pub(super) struct Header {
    messages: Vec<Message>,
}

impl Header {
    /// Reads the header at an address, whichever version it has.
    pub(super) fn read(metadata: &Metadata<'_>, address: u64) -> Result<Self> {
        let mut header = Self { messages: Vec::new() };
        if metadata.bytes(address, 4)? == b"OHDR" {
            header.read_new(metadata, address)?;
        } else {
            header.read_old(metadata, address)?;
        }
        Ok(header)
    }

    /// The messages of one kind, as they stand in this header.
    pub(super) fn all(&self, kind: u16) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(move |message| message.kind == kind)
    }

    /// The body of the first message of a kind, fetched from where it is shared if it is.
    pub(super) fn find(&self, metadata: &Metadata<'_>, kind: u16) -> Result<Option<Vec<u8>>> {
        let Some(message) = self.all(kind).next() else { return Ok(None) };
        message.resolve(metadata).map(Some)
    }

    fn read_old(&mut self, metadata: &Metadata<'_>, address: u64) -> Result<()> {
        let prefix = metadata.bytes(address, 16)?;
        let mut fields = Fields::new(&prefix, metadata.widths);
        fields.version("an object header", 1..=1)?;
        fields.skip(7)?;
        let size = fields.u32()?;
        let mut blocks = vec![(address.saturating_add(16), u64::from(size))];
        while let Some((address, len)) = blocks.pop() {
            let block = metadata.bytes(address, len)?;
            let mut fields = Fields::new(&block, metadata.widths);
            while fields.left() >= 8 {
                let (kind, size) = (fields.u16()?, fields.u16()?);
                let flags = fields.u8()?;
                fields.skip(3)?;
                let body = fields.bytes(usize::from(size))?;
                self.take(metadata, Message { kind, flags, body: body.to_vec() }, &mut blocks)?;
            }
        }
        Ok(())
    }

    fn read_new(&mut self, metadata: &Metadata<'_>, address: u64) -> Result<()> {
        let prefix = metadata.bytes(address, 6)?;
        let mut fields = Fields::new(&prefix[4..], metadata.widths);
        fields.version("an object header", 2..=2)?;
        let flags = fields.u8()?;
        let skipped = if flags & 0x20 == 0 { 0 } else { 16 } + if flags & 0x10 == 0 { 0 } else { 4 };
        let width = 1 << (flags & 3);
        let size = Fields::new(&metadata.bytes(address + 6 + skipped, width)?, metadata.widths).uint(width as usize)?;
        let start = 6 + skipped + width;
        let whole = size.checked_add(start + 4).ok_or_else(|| Error::corrupt("an object header is too large"))?;
        let block = metadata.sealed(address, whole, b"OHDR")?;
        let mut blocks = Vec::new();
        self.take_new(metadata, &block[start as usize - 4..], flags, &mut blocks)?;
        while let Some((address, len)) = blocks.pop() {
            let block = metadata.sealed(address, len, b"OCHK")?;
            self.take_new(metadata, &block, flags, &mut blocks)?;
        }
        Ok(())
    }

    fn take_new(
        &mut self,
        metadata: &Metadata<'_>,
        block: &[u8],
        flags: u8,
        blocks: &mut Vec<(u64, u64)>,
    ) -> Result<()> {
        let ordered = flags & 0x04 != 0;
        let prefix = if ordered { 6 } else { 4 };
        let mut fields = Fields::new(block, metadata.widths);
        // What is left may be a gap shorter than any message.
        while fields.left() >= prefix {
            let kind = u16::from(fields.u8()?);
            let size = fields.u16()?;
            let flags = fields.u8()?;
            fields.skip(prefix - 4)?;
            let body = fields.bytes(usize::from(size))?.to_vec();
            self.take(metadata, Message { kind, flags, body }, blocks)?;
        }
        Ok(())
    }

    /// Keeps a message, or notes the block in which the header goes on.
    fn take(&mut self, metadata: &Metadata<'_>, message: Message, blocks: &mut Vec<(u64, u64)>) -> Result<()> {
        if message.kind == kind::CONTINUATION {
            let mut fields = Fields::new(&message.body, metadata.widths);
            blocks.push((fields.some_address()?, fields.length()?));
        }
        // A continuation counts too, so that headers that go in circles come to an end.
        self.messages.push(message);
        if self.messages.len() > MOST_MESSAGES {
            return Err(Error::corrupt("an object header goes in circles"));
        }
        Ok(())
    }
}

impl Message {
    /// The body, fetched from the object that shares it if it is shared.
    pub(super) fn resolve(&self, metadata: &Metadata<'_>) -> Result<Vec<u8>> {
        if self.flags & SHARED == 0 {
            return Ok(self.body.clone());
        }
        shared(metadata, self.kind, &self.body)
    }
}
