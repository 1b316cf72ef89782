//! Undoes what chunks went through when they were written. Each step goes from one reused buffer to another.
//!
//! [`pipeline`] reads which filters there are; one file each undoes them. What a step may give is bounded by the size of the
//! chunk, which the header states: nothing can inflate beyond it.

mod bits;
mod bitshuffle;
mod blosc;
mod blosc2;
mod lz;
mod nbit;
mod pipeline;
mod scale_offset;
mod shuffle;
mod szip;

use crate::aligned::{AlignedBytes, Scratch};
use crate::{Error, Result};
use libdeflater::Decompressor;
pub(super) use pipeline::Filter;
use shuffle::unshuffle;
use std::cell::RefCell;
use std::io::Read;

/// Refuses filters that cannot be undone, by name.
pub(super) fn check(filters: &[Filter]) -> Result<()> {
    let unknown = filters.iter().find_map(|filter| if let Filter::Unknown(name) = filter { Some(name) } else { None });
    let Some(name) = unknown else { return Ok(()) };
    let error = Error::unsupported(format!("its chunks went through the filter {name}, which is not read yet"));
    Err(error.with_hint("rewrite the file with deflate, such as with nccopy -d 4 or h5repack"))
}

/// Makes the chunk whose stored bytes are in `scratch.stored` into `into`, where it must come out `len` bytes long. A
/// bit set in `mask` says that the filter of that place was skipped.
pub(super) fn decode(
    filters: &[Filter],
    mask: u32,
    len: usize,
    scratch: &mut Scratch,
    into: &mut AlignedBytes,
) -> Result<()> {
    let applied = || (0..filters.len()).rev().filter(|i| is_applied(mask, *i));
    let mut moves = applied().filter(|i| filters[*i] != Filter::Fletcher32).count();
    let mut arrived = false;
    for i in applied() {
        if filters[i] == Filter::Fletcher32 {
            take_off_checksum(if arrived { into } else { &mut scratch.stored })?;
            continue;
        }
        moves -= 1;
        arrived = moves == 0;
        let Scratch { stored, between, inflater, spare, .. } = scratch;
        let target = if arrived { &mut *into } else { &mut *between };
        undo(&filters[i], size_before(filters, mask, len, i), stored, target, inflater, spare)?;
        if !arrived {
            std::mem::swap(stored, between);
        }
    }
    if !arrived {
        into.resize(scratch.stored.len()).copy_from_slice(&scratch.stored);
    }
    if into.len() == len { Ok(()) } else { Err(Error::corrupt(format!("has {} bytes in place of {len}", into.len()))) }
}

fn is_applied(mask: u32, filter: usize) -> bool {
    mask.checked_shr(filter as u32).unwrap_or(0) & 1 == 0
}

/// What is known of the size that a step gives.
#[derive(Clone, Copy)]
enum Size {
    Exactly(usize),
    /// Other filters made it smaller before, or a little larger.
    AtMost(usize),
}

impl Size {
    fn most(self) -> usize {
        match self {
            Self::Exactly(size) | Self::AtMost(size) => size,
        }
    }
}

/// The size of a chunk of `len` bytes before it went through filter `before`.
fn size_before(filters: &[Filter], mask: u32, len: usize, before: usize) -> Size {
    let step = |size: Size, filter: &Filter| match (filter, size) {
        (Filter::Shuffle(_), size) => size,
        (Filter::Fletcher32, Size::Exactly(size)) => Size::Exactly(size.saturating_add(4)),
        // No coder makes what it cannot compress much larger.
        (_, size) => Size::AtMost(size.most().saturating_add(size.most() / 4).saturating_add(4096)),
    };
    (0..before).filter(|i| is_applied(mask, *i)).fold(Size::Exactly(len), |size, i| step(size, &filters[i]))
}

/// Undoes one filter; `size` is that of the outcome.
fn undo(
    filter: &Filter,
    size: Size,
    from: &[u8],
    into: &mut AlignedBytes,
    inflater: &mut Decompressor,
    spare: &mut Vec<u8>,
) -> Result<()> {
    let room = into.resize(if let Filter::Shuffle(_) = filter { from.len() } else { size.most() });
    let len = match filter {
        Filter::Deflate(_) => inflate(from, room, inflater)?,
        Filter::Shuffle(cell) => {
            unshuffle(from, room, *cell);
            from.len()
        }
        Filter::Szip(szip) => szip.decode(from, room, spare)?,
        Filter::Nbit(nbit) => nbit.decode(from, room)?,
        Filter::ScaleOffset(scale_offset) => scale_offset.decode(from, room)?,
        Filter::Lzf => lz::decode_lzf(from, room)?,
        Filter::Lz4 => lz::decode_lz4_blocks(from, room)?,
        Filter::Zstd => decode_zstd(from, room)?,
        Filter::Bzip2 => decode_bzip2(from, room)?,
        Filter::Blosc => blosc::decode(from, room, spare)?,
        Filter::Blosc2 => blosc2::decode(from, room, spare)?,
        Filter::Bitshuffle(bitshuffle) => bitshuffle.decode(from, room, spare)?,
        Filter::Fletcher32 | Filter::Unknown(_) => return check(std::slice::from_ref(filter)),
    };
    into.resize(len);
    match size {
        Size::Exactly(size) if size != len && !matches!(filter, Filter::Shuffle(_)) => {
            Err(Error::corrupt(format!("decodes to {len} bytes in place of {size}")))
        }
        Size::Exactly(_) | Size::AtMost(_) => Ok(()),
    }
}

/// Inflates into `into`, which has room for all that may come; gives how much came.
fn inflate(from: &[u8], into: &mut [u8], inflater: &mut Decompressor) -> Result<usize> {
    inflater.zlib_decompress(from, into).map_err(|_| Error::corrupt("does not inflate"))
}

fn decode_zlib(from: &[u8], into: &mut [u8]) -> Result<usize> {
    inflate(from, into, &mut Decompressor::new())
}

thread_local! {
    /// Blocks of some kilobytes are decoded faster than a new decoder is made.
    static ZSTD: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

fn decode_zstd(from: &[u8], into: &mut [u8]) -> Result<usize> {
    let decoded = ZSTD.with_borrow_mut(|decoder| match decoder {
        Some(decoder) => decoder.decompress_to_buffer(from, into),
        none => none.insert(zstd::bulk::Decompressor::new()?).decompress_to_buffer(from, into),
    });
    decoded.map_err(|error| Error::corrupt(format!("is no zstd: {error}")))
}

fn decode_bzip2(from: &[u8], into: &mut [u8]) -> Result<usize> {
    let mut decoder = bzip2::read::BzDecoder::new(from);
    let mut len = 0;
    while len < into.len() {
        match decoder.read(&mut into[len..]) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) => return Err(Error::corrupt(format!("is no bzip2: {error}"))),
        }
    }
    // What is longer than its chunk is noticed by asking for one byte more.
    match decoder.read(&mut [0]) {
        Ok(0) => Ok(len),
        _ => Err(Error::corrupt("decodes to more bytes than its chunk has")),
    }
}

fn take_off_checksum(bytes: &mut AlignedBytes) -> Result<()> {
    let (body, stated) = bytes.split_last_chunk::<4>().ok_or_else(|| Error::corrupt("is shorter than its checksum"))?;
    let (stated, found, len) = (u32::from_le_bytes(*stated), fletcher32(body), body.len());
    // HDF5 before 1.6.3 swapped the bytes of each half on little-endian machines, and its files are still around.
    let swapped = (found & 0x00FF_00FF) << 8 | found >> 8 & 0x00FF_00FF;
    if stated != found && stated != swapped {
        return Err(Error::corrupt("has the wrong checksum"));
    }
    bytes.resize(len);
    Ok(())
}

/// Fletcher's checksum over 16-bit big-endian words; a last odd byte counts as the high half of a word.
fn fletcher32(bytes: &[u8]) -> u32 {
    let fold = |sum: u32| (sum & 0xFFFF) + (sum >> 16);
    let (mut first, mut second) = (0u32, 0u32);
    let (words, odd) = bytes.as_chunks::<2>();
    // 360 words are the most that cannot overflow the second sum.
    for block in words.chunks(360) {
        for word in block {
            first += u32::from(u16::from_be_bytes(*word));
            second += first;
        }
        (first, second) = (fold(first), fold(second));
    }
    if let [last] = odd {
        first += u32::from(*last) << 8;
        second += first;
        (first, second) = (fold(first), fold(second));
    }
    fold(second) << 16 | fold(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use libdeflater::{CompressionLvl, Compressor};
    use proptest::prelude::*;

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut compressor = Compressor::new(CompressionLvl::default());
        let mut out = vec![0; compressor.zlib_compress_bound(bytes.len())];
        let len = compressor.zlib_compress(bytes, &mut out).expect("there is room");
        out.truncate(len);
        out
    }

    fn apply(filter: &Filter, bytes: Vec<u8>) -> Vec<u8> {
        match filter {
            Filter::Deflate(_) => deflate(&bytes),
            Filter::Shuffle(cell) => {
                let count = bytes.len() / cell;
                let planes = (0..count * cell).map(|i| bytes[i % count * cell + i / count]);
                planes.chain(bytes[count * cell..].iter().copied()).collect()
            }
            Filter::Fletcher32 => [bytes.as_slice(), &fletcher32(&bytes).to_le_bytes()].concat(),
            _ => bytes,
        }
    }

    fn pipeline() -> impl Strategy<Value = Vec<Filter>> {
        let shuffle = prop::sample::select(vec![1, 2, 3, 4, 8, 16]).prop_map(Filter::Shuffle);
        let some = |filter: Filter| prop::option::of(Just(filter));
        (prop::option::of(shuffle), some(Filter::Fletcher32), some(Filter::Deflate(4)), some(Filter::Fletcher32))
            .prop_map(|(a, b, c, d)| [a, b, c, d].into_iter().flatten().collect())
    }

    proptest! {
        #[test]
        fn what_was_filtered_comes_back(
            bytes in prop::collection::vec(0u8..20, 0..700),
            filters in pipeline(),
            mask in 0u32..8,
        ) {
            let kept = (0..filters.len()).filter(|i| is_applied(mask, *i));
            let stored = kept.fold(bytes.clone(), |bytes, i| apply(&filters[i], bytes));
            let mut scratch = Scratch::default();
            scratch.stored.resize(stored.len()).copy_from_slice(&stored);
            let mut into = AlignedBytes::new();
            decode(&filters, mask, bytes.len(), &mut scratch, &mut into).expect("it was just encoded");
            prop_assert_eq!(&into[..], &bytes[..]);
        }
    }

    #[test]
    fn damage_is_an_error() {
        let mut scratch = Scratch::default();
        let mut try_decode = |filters: &[Filter], stored: &[u8], len| {
            scratch.stored.resize(stored.len()).copy_from_slice(stored);
            decode(filters, 0, len, &mut scratch, &mut AlignedBytes::new()).map_err(|error| error.message)
        };
        let deflated = deflate(&[7; 100]);
        assert_eq!(try_decode(&[Filter::Deflate(1)], &deflated, 100), Ok(()));
        assert!(try_decode(&[Filter::Deflate(1)], &deflated, 99).is_err());
        assert!(try_decode(&[Filter::Deflate(1)], &deflated, 101).is_err());
        assert!(try_decode(&[Filter::Deflate(1)], b"not zlib", 4).is_err());
        assert!(try_decode(&[Filter::Fletcher32], b"abcd\0\0\0\0", 4).is_err());
        assert!(try_decode(&[Filter::Fletcher32], b"abc", 4).is_err());
        assert!(try_decode(&[Filter::Unknown("zstd".to_owned())], b"abcd", 4).expect_err("unknown").contains("zstd"));
    }
}
