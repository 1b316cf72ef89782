//! Undoes what chunks went through when they were written. Each step goes from one reused buffer to another.

use super::layout::Filter;
use super::shuffle::unshuffle;
use crate::aligned::{AlignedBytes, Scratch};
use crate::{Error, Result};
use libdeflater::Decompressor;

/// Refuses filters that cannot be undone, by name.
pub(super) fn check(filters: &[Filter]) -> Result<()> {
    for filter in filters {
        match filter {
            Filter::Unknown(name) => {
                let error =
                    Error::unsupported(format!("its chunks went through the filter {name}, which is not read yet"));
                return Err(error.with_hint("rewrite the file with deflate, such as with nccopy -d 4 or h5repack"));
            }
            Filter::Deflate(_) | Filter::Shuffle(_) | Filter::Fletcher32 => {}
        }
    }
    Ok(())
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
        let Scratch { stored, between, inflater, .. } = scratch;
        let target = if arrived { &mut *into } else { &mut *between };
        undo(&filters[i], size_before(filters, mask, len, i), stored, target, inflater)?;
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

/// The size of a chunk of `len` bytes before it went through filter `before`; `None` if that cannot be known.
fn size_before(filters: &[Filter], mask: u32, len: usize, before: usize) -> Option<usize> {
    let step = |size: usize, filter: &Filter| match filter {
        Filter::Shuffle(_) => Some(size),
        Filter::Fletcher32 => size.checked_add(4),
        Filter::Deflate(_) | Filter::Unknown(_) => None,
    };
    (0..before).filter(|i| is_applied(mask, *i)).try_fold(len, |size, i| step(size, &filters[i]))
}

/// Undoes one filter; `size` is that of the outcome.
fn undo(
    filter: &Filter,
    size: Option<usize>,
    from: &[u8],
    into: &mut AlignedBytes,
    inflater: &mut Decompressor,
) -> Result<()> {
    match filter {
        Filter::Deflate(_) => {
            let size = size.ok_or_else(|| Error::unsupported("chunks that were compressed twice are not read yet"))?;
            inflate(from, into.resize(size), inflater)
        }
        Filter::Shuffle(cell) => {
            unshuffle(from, into.resize(from.len()), *cell);
            Ok(())
        }
        Filter::Fletcher32 | Filter::Unknown(_) => check(std::slice::from_ref(filter)),
    }
}

fn inflate(from: &[u8], into: &mut [u8], inflater: &mut Decompressor) -> Result<()> {
    match inflater.zlib_decompress(from, into) {
        Ok(len) if len == into.len() => Ok(()),
        Ok(len) => Err(Error::corrupt(format!("inflates to {len} bytes in place of {}", into.len()))),
        Err(_) => Err(Error::corrupt("does not inflate")),
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
            Filter::Unknown(_) => bytes,
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
