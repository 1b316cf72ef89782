//! Undoes Blosc: chunks of versions 1 and 2, whose blocks are each compressed by one of several coders after some filters of
//! their own. The frames of version 2 around them are `blosc2`'s.

use super::bitshuffle::JoinedBits;
use super::lz::{decode_blosclz, decode_lz4, exactly};
use super::shuffle::unshuffle;
use super::{decode_zlib, decode_zstd};
use crate::{Error, Result};

/// Streams of at least so many bytes, of cells of at most so many bytes, are stored apart for each byte of a cell, in version 1.
const SHORTEST_STREAM: usize = 128;
const MOST_STREAMS: usize = 16;

/// The largest block that is believed.
const LARGEST_BLOCK: usize = 1 << 31;

/// Decodes one stream into the room there is for it; gives how much came.
type Coder = fn(&[u8], &mut [u8]) -> Result<usize>;

/// What the head of a chunk says.
struct Head {
    /// Whether it is the long one of version 2.
    extended: bool,
    flags: u8,
    cell: usize,
    len: usize,
    block: usize,
    /// Filters in the order of writing, each with its parameter.
    filters: Vec<(u8, u8)>,
    /// What a chunk without blocks stands for.
    special: u8,
    size: usize,
}

fn ended() -> Error {
    Error::corrupt("ends within its compressed bytes")
}

/// Four bytes as a number.
pub(super) fn word(bytes: &[u8], at: usize) -> Result<u32> {
    let word = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    word.map(|word| u32::from_le_bytes(*word)).ok_or_else(ended)
}

impl Head {
    fn parse(from: &[u8]) -> Result<Self> {
        let [_, _, flags, cell] = word(from, 0)?.to_le_bytes();
        let (len, block) = (word(from, 4)? as usize, word(from, 8)? as usize);
        let extended = flags & 5 == 5;
        let byte = |at: usize| from.get(at).copied().ok_or_else(ended);
        let (mut filters, mut special) = (Vec::new(), 0);
        if extended {
            for i in 0..6 {
                filters.push((byte(16 + i)?, byte(24 + i)?));
            }
            let more = byte(31)?;
            special = more >> 4 & 7;
            if more & 1 != 0 {
                return Err(Error::unsupported("was compressed by blosc2 with a dictionary, which is not read yet"));
            }
        } else if flags & 1 != 0 {
            filters.push((1, 0));
        } else if flags & 4 != 0 {
            filters.push((2, 0));
        }
        if len > 0 && (block == 0 || block > LARGEST_BLOCK || cell == 0) {
            return Err(Error::corrupt("has a blosc head of impossible sizes"));
        }
        let size = if extended { 32 } else { 16 };
        Ok(Self { extended, flags, cell: cell.into(), len, block, filters, special, size })
    }

    /// How many streams a block of `len` bytes is stored in.
    fn streams(&self, len: usize) -> usize {
        let whole = self.flags & 0x10 != 0 || len != self.block;
        let short = !self.extended && (self.cell > MOST_STREAMS || len / self.cell < SHORTEST_STREAM);
        if whole || short { 1 } else { self.cell }
    }

    /// The coder that the flags name.
    fn coder(&self) -> Result<Coder> {
        Ok(match self.flags >> 5 {
            0 => decode_blosclz,
            1 => decode_lz4,
            2 => decode_snappy,
            3 => decode_zlib,
            4 => decode_zstd,
            other => {
                return Err(Error::unsupported(format!("was compressed by coder {other} of blosc, which is not read")));
            }
        })
    }
}

fn decode_snappy(from: &[u8], into: &mut [u8]) -> Result<usize> {
    snap::raw::Decoder::new().decompress(from, into).map_err(|error| Error::corrupt(format!("is no snappy: {error}")))
}

/// Decodes a chunk; gives its size. `spare` is scratch.
pub(super) fn decode(from: &[u8], into: &mut [u8], spare: &mut Vec<u8>) -> Result<usize> {
    let head = Head::parse(from)?;
    let into = into.get_mut(..head.len).ok_or_else(|| Error::corrupt("is longer than its chunk"))?;
    if head.len == 0 {
        return Ok(0);
    }
    if head.special != 0 {
        special(&head, from, into)?;
    } else if head.flags & 2 != 0 {
        into.copy_from_slice(from.get(head.size..).and_then(|rest| rest.get(..head.len)).ok_or_else(ended)?);
    } else {
        blocks(&head, from, into, spare)?;
    }
    Ok(head.len)
}

/// A chunk that has no blocks but stands for one value.
fn special(head: &Head, from: &[u8], into: &mut [u8]) -> Result<()> {
    let value: Vec<u8> = match (head.special, head.cell) {
        (1 | 4, _) => vec![0; head.cell],
        (2, 4) => f32::NAN.to_le_bytes().to_vec(),
        (2, 8) => f64::NAN.to_le_bytes().to_vec(),
        (3, _) => from.get(head.size..).and_then(|rest| rest.get(..head.cell)).ok_or_else(ended)?.to_vec(),
        (other, _) => return Err(Error::unsupported(format!("is a blosc2 chunk of the unknown kind {other}"))),
    };
    into.chunks_mut(head.cell).for_each(|cell| cell.copy_from_slice(&value[..cell.len()]));
    Ok(())
}

fn blocks(head: &Head, from: &[u8], into: &mut [u8], spare: &mut Vec<u8>) -> Result<()> {
    let coder = head.coder()?;
    // Bits that were cut off (4) stay away.
    let filters: Vec<(u8, u8)> =
        head.filters.iter().rev().copied().filter(|(filter, _)| !matches!(filter, 0 | 4)).collect();
    let mut mover = Mover { cell: head.cell, bits: JoinedBits::new() };
    for i in 0..head.len.div_ceil(head.block) {
        let at = word(from, head.size + 4 * i)? as usize;
        let stored = from.get(at..).ok_or_else(ended)?;
        let start = i * head.block;
        let (before, rest) = into.split_at_mut(start);
        let len = head.block.min(rest.len());
        let target = &mut rest[..len];
        // A filter that moves bytes takes them from where they were decoded: they are copied once less.
        let left = match filters.split_first() {
            Some(((filter @ (1 | 2), parameter), left)) => {
                spare.resize(len, 0);
                streams(head, stored, spare, coder)?;
                mover.move_back(*filter, *parameter, spare, target);
                left
            }
            Some(_) | None => {
                streams(head, stored, target, coder)?;
                &filters
            }
        };
        for (filter, parameter) in left {
            unfilter(*filter, *parameter, before, target, &mut mover, spare)?;
        }
    }
    Ok(())
}

/// Decodes the streams of a block. One of no bytes is of zeros; one of a negative number of bytes repeats a byte.
fn streams(head: &Head, mut stored: &[u8], block: &mut [u8], coder: Coder) -> Result<()> {
    let len = block.len() / head.streams(block.len());
    for target in block.chunks_mut(len.max(1)) {
        let size = word(stored, 0)? as i32;
        stored = &stored[4..];
        if size <= 0 && head.extended {
            let repeated = if size == 0 { 0 } else { u8::try_from(-i64::from(size)).map_err(|_| ended())? };
            target.fill(repeated);
            // A byte says that the number was the value.
            stored = if size == 0 { stored } else { stored.get(1..).ok_or_else(ended)? };
            continue;
        }
        let size = usize::try_from(size).map_err(|_| ended())?;
        let (bytes, rest) = stored.split_at_checked(size).ok_or_else(ended)?;
        stored = rest;
        if size == target.len() {
            target.copy_from_slice(bytes);
        } else {
            exactly(coder(bytes, target)?, target.len())?;
        }
    }
    Ok(())
}

/// Puts bytes (1) or bits (2) of cells back to where they were.
struct Mover {
    cell: usize,
    bits: JoinedBits,
}

impl Mover {
    fn move_back(&mut self, filter: u8, parameter: u8, from: &[u8], into: &mut [u8]) {
        if filter == 1 {
            return unshuffle(from, into, if parameter == 0 { self.cell } else { parameter.into() });
        }
        let whole = from.len() / self.cell / 8 * 8 * self.cell;
        self.bits.unshuffle(&from[..whole], &mut into[..whole], self.cell);
        into[whole..].copy_from_slice(&from[whole..]);
    }
}

/// Undoes one of Blosc's own filters on a block; `before` is what the chunk has before it.
fn unfilter(
    filter: u8,
    parameter: u8,
    before: &[u8],
    block: &mut [u8],
    mover: &mut Mover,
    spare: &mut Vec<u8>,
) -> Result<()> {
    match filter {
        1 | 2 => {
            spare.clear();
            spare.extend_from_slice(block);
            mover.move_back(filter, parameter, spare, block);
            Ok(())
        }
        3 => {
            undelta(before, block, mover.cell);
            Ok(())
        }
        other => Err(Error::unsupported(format!("went through filter {other} of blosc2, which is not read"))),
    }
}

/// Undoes differences by exclusive or: in the first block from the word before, in others from the first block.
fn undelta(before: &[u8], block: &mut [u8], cell: usize) {
    if before.is_empty() {
        let step = if matches!(cell, 1 | 2 | 4 | 8) {
            cell
        } else if cell.is_multiple_of(8) {
            8
        } else {
            1
        };
        (step..block.len()).for_each(|i| block[i] ^= block[i - step]);
    } else {
        block.iter_mut().zip(before).for_each(|(byte, first)| *byte ^= first);
    }
}
