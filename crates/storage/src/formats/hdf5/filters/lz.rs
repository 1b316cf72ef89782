//! The small dictionary coders: LZF, BloscLZ, and LZ4 as HDF5's filter frames it. Each gives the number of bytes it decoded.

use crate::{Error, Result};

fn truncated() -> Error {
    Error::corrupt("ends within its compressed bytes")
}

/// What is being decoded: literal bytes, and copies of what came before.
pub(super) struct Output<'a> {
    into: &'a mut [u8],
    len: usize,
}

impl<'a> Output<'a> {
    fn new(into: &'a mut [u8]) -> Self {
        Self { into, len: 0 }
    }

    /// Takes the next `len` bytes of the input.
    #[inline]
    fn literal(&mut self, input: &mut Input<'_>, len: usize) -> Result<()> {
        let rest = &mut self.into[self.len..];
        // Copying a fixed number of bytes is much faster; those too many are overwritten by what comes next.
        if let (Some(from), Some(target)) = (input.0.first_chunk::<SHORT>(), rest.first_chunk_mut::<SHORT>())
            && len <= SHORT
        {
            *target = *from;
            input.0 = &input.0[len..];
        } else {
            rest.get_mut(..len).ok_or_else(too_long)?.copy_from_slice(input.take(len)?);
        }
        self.len += len;
        Ok(())
    }

    /// Repeats `len` bytes from `distance` before; they may overlap what they make.
    #[inline]
    fn copy(&mut self, distance: usize, len: usize) -> Result<()> {
        let start = self.len.checked_sub(distance).filter(|_| distance > 0);
        let start = start.ok_or_else(|| Error::corrupt("refers to bytes before its first"))?;
        let (before, rest) = self.into.split_at_mut(self.len);
        if len > rest.len() {
            return Err(too_long());
        }
        if let (Some(from), Some(target)) = (before[start..].first_chunk::<SHORT>(), rest.first_chunk_mut::<SHORT>())
            && len <= SHORT
        {
            *target = *from;
        } else {
            self.copy_long(start, distance, len);
        }
        self.len += len;
        Ok(())
    }

    /// What was repeated is repeated in turn, so that each step copies twice as much.
    fn copy_long(&mut self, start: usize, distance: usize, len: usize) {
        let mut done = 0;
        while done < len {
            let more = (distance + done).min(len - done);
            self.into.copy_within(start..start + more, self.len + done);
            done += more;
        }
    }
}

/// The bytes that are copied at once where there is room: no literal run of LZF and BloscLZ is longer.
const SHORT: usize = 32;

fn too_long() -> Error {
    Error::corrupt("decodes to more bytes than its chunk has")
}

/// Takes bytes one after the other.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Result<usize> {
        self.take(1).map(|bytes| bytes[0].into())
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or_else(truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Decodes LZF: a control byte below 32 starts a run of literals, any other a copy.
pub(super) fn decode_lzf(from: &[u8], into: &mut [u8]) -> Result<usize> {
    let (mut input, mut output) = (Input(from), Output::new(into));
    while !input.is_empty() {
        let control = input.byte()?;
        if control < 32 {
            output.literal(&mut input, control + 1)?;
            continue;
        }
        let mut len = control >> 5;
        if len == 7 {
            len += input.byte()?;
        }
        let distance = ((control & 31) << 8 | input.byte()?) + 1;
        output.copy(distance, len + 2)?;
    }
    Ok(output.len)
}

/// The longest distance of BloscLZ's short form.
const NEAR: usize = 8191;

/// Decodes BloscLZ, a relative of LZF with longer copies and distances. The first control byte is always of literals.
pub(super) fn decode_blosclz(from: &[u8], into: &mut [u8]) -> Result<usize> {
    let (mut input, mut output) = (Input(from), Output::new(into));
    let mut control = if input.is_empty() { return Ok(0) } else { input.byte()? & 31 };
    loop {
        if control < 32 {
            output.literal(&mut input, control + 1)?;
        } else {
            let (distance, len) = blosclz_copy(control, &mut input)?;
            output.copy(distance, len)?;
        }
        if input.is_empty() {
            return Ok(output.len);
        }
        control = input.byte()?;
    }
}

fn blosclz_copy(control: usize, input: &mut Input<'_>) -> Result<(usize, usize)> {
    let mut len = (control >> 5) - 1;
    if len == 6 {
        loop {
            let more = input.byte()?;
            len += more;
            if more != 255 {
                break;
            }
        }
    }
    let high = (control & 31) << 8;
    let low = input.byte()?;
    let distance = match (high, low) {
        (0x1F00, 255) => (input.byte()? << 8 | input.byte()?) + NEAR + 1,
        _ => high + low + 1,
    };
    Ok((distance, len + 3))
}

/// Decodes what the LZ4 filter wrote: the size of all (8 bytes) and of a block (4 bytes), then blocks, each after its stored
/// size; one that did not become smaller is stored as it was. All numbers are big-endian.
pub(super) fn decode_lz4_blocks(from: &[u8], into: &mut [u8]) -> Result<usize> {
    let mut input = Input(from);
    let (total, block) = (size(&mut input, 8)?, size(&mut input, 4)?);
    let whole = into.get_mut(..total).ok_or_else(too_long)?;
    if block == 0 && total > 0 {
        return Err(Error::corrupt("has blocks of no size"));
    }
    for target in whole.chunks_mut(block.max(1)) {
        let stored = size(&mut input, 4)?;
        let bytes = input.take(stored)?;
        if stored == target.len() {
            target.copy_from_slice(bytes);
        } else {
            exactly(decode_lz4(bytes, target)?, target.len())?;
        }
    }
    Ok(total)
}

/// A big-endian size.
fn size(input: &mut Input<'_>, width: usize) -> Result<usize> {
    usize::try_from(big_endian(input.take(width)?)).map_err(|_| too_long())
}

/// The number that at most eight bytes make, the highest first.
pub(super) fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// Decodes one LZ4 block.
pub(super) fn decode_lz4(from: &[u8], into: &mut [u8]) -> Result<usize> {
    lz4_flex::block::decompress_into(from, into).map_err(|error| Error::corrupt(format!("is no LZ4: {error}")))
}

/// An error unless all of a block was decoded.
pub(super) fn exactly(found: usize, wanted: usize) -> Result<()> {
    if found == wanted {
        return Ok(());
    }
    Err(Error::corrupt(format!("has a block of {found} bytes in place of {wanted}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_may_overlap_what_they_make() {
        let mut into = [0; 20];
        // Two literals, then nine bytes from a distance of two.
        assert_eq!(decode_lzf(&[1, b'a', b'b', 0xE0, 0, 1], &mut into), Ok(11));
        assert_eq!(&into[..11], b"abababababa");
        assert_eq!(decode_blosclz(&[1, b'a', b'b', 0xE0, 1, 1], &mut into), Ok(12));
        assert_eq!(&into[..12], b"abababababab");
    }

    #[test]
    fn damage_is_an_error() {
        let mut into = [0; 8];
        for bytes in [&[5u8, 1][..], &[0xE0], &[0, 1, 0x20, 9], &[1, 1, 1, 0xE0, 255, 1]] {
            assert!(decode_lzf(bytes, &mut into).is_err(), "{bytes:?}");
            assert!(decode_blosclz(bytes, &mut into).is_err(), "{bytes:?}");
            assert!(decode_lz4_blocks(bytes, &mut into).is_err(), "{bytes:?}");
        }
        assert!(
            decode_lz4_blocks(&[0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0], &mut into).is_err(),
            "more than there is room for"
        );
    }
}
