//! Undoes szip: the adaptive entropy coding of CCSDS 121.0-B, in the framing of HDF5 (four bytes of size, then one bit stream).
//!
//! Samples come in blocks, each coded in the way that suits it best; some blocks make an interval, which starts with a sample
//! as it is if samples are predicted from those before.

use super::bits::{Bits, low_bytes};
use crate::{Error, Result};

/// Bits of the options mask (reference manual, `H5Pset_szip`).
const MSB: u32 = 16;
const NEAREST_NEIGHBOUR: u32 = 32;

/// The number of blocks after which a run of zero blocks ends at the latest.
const SEGMENT: usize = 64;

/// The parameters of the filter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::formats::hdf5) struct Szip {
    /// Whether a sample is kept as its difference from the one before.
    predicted: bool,
    big_endian: bool,
    /// Samples of a block.
    block: usize,
    /// Bits of a sample.
    bits: usize,
    /// Samples of a scan line, at whose end blocks are filled up.
    line: usize,
    /// Bytes of a cell whose bytes are coded plane by plane; 1 where cells are samples.
    planes: usize,
}

impl Szip {
    /// From the values in the header: options, samples of a block, bits of a sample, samples of a line.
    pub(super) fn new(values: &[u32]) -> Option<Self> {
        let [options, block, bits, line, ..] = *values else { return None };
        let (block, line) = (block as usize, line as usize);
        // Wide cells are coded byte by byte.
        let (bits, planes) = match bits {
            32 => (8, 4),
            64 => (8, 8),
            1..=31 => (bits as usize, 1),
            _ => return None,
        };
        let possible = (2..=64).contains(&block) && block.is_multiple_of(2) && (1..=1 << 20).contains(&line);
        possible.then_some(Self {
            predicted: options & NEAREST_NEIGHBOUR != 0,
            big_endian: options & MSB != 0,
            block,
            bits,
            line,
            planes,
        })
    }

    /// Decodes a chunk; gives its size.
    pub(super) fn decode(&self, from: &[u8], into: &mut [u8], spare: &mut Vec<u8>) -> Result<usize> {
        let ended = || Error::corrupt("ends within its compressed bytes");
        let (head, stream) = from.split_first_chunk::<4>().ok_or_else(ended)?;
        let len = u32::from_le_bytes(*head) as usize;
        let into = into.get_mut(..len).ok_or_else(|| Error::corrupt("is longer than its chunk"))?;
        let mut bits = Bits::new(stream);
        if self.planes == 1 {
            self.samples(&mut bits, into)?;
        } else {
            spare.resize(len, 0);
            self.samples(&mut bits, spare)?;
            super::shuffle::unshuffle(spare, into, self.planes);
        }
        Ok(len)
    }

    /// Decodes all samples, line by line.
    fn samples(&self, bits: &mut Bits<'_>, into: &mut [u8]) -> Result<()> {
        let size = self.bits.div_ceil(8).next_power_of_two();
        let blocks = self.line.div_ceil(self.block);
        let mut line = Vec::with_capacity(blocks * self.block);
        for target in into.chunks_mut(self.line * size) {
            line.clear();
            // The last line may be cut short, but is coded whole blocks long.
            let wanted = (target.len() / size).div_ceil(self.block);
            Interval { szip: *self, bits, samples: &mut line, blocks, wanted }.decode()?;
            match size {
                1 => self.write::<1>(&line, target),
                2 => self.write::<2>(&line, target),
                _ => self.write::<4>(&line, target),
            }
        }
        Ok(())
    }

    fn write<const N: usize>(&self, samples: &[u32], into: &mut [u8]) {
        for (cell, sample) in into.as_chunks_mut::<N>().0.iter_mut().zip(samples) {
            *cell = low_bytes(u64::from(*sample));
            if self.big_endian {
                cell.reverse();
            }
        }
    }
}

/// The blocks of one line, which are an interval.
struct Interval<'a, 'b> {
    szip: Szip,
    bits: &'a mut Bits<'b>,
    samples: &'a mut Vec<u32>,
    /// The blocks of a whole interval.
    blocks: usize,
    /// How many of them are wanted.
    wanted: usize,
}

impl Interval<'_, '_> {
    fn decode(&mut self) -> Result<()> {
        while self.samples.len() < self.wanted * self.szip.block {
            self.block()?;
        }
        if self.szip.predicted {
            unpredict(self.samples, self.szip.bits);
        }
        Ok(())
    }

    /// Decodes a block, or several of zeros. The first sample of an interval is its reference.
    fn block(&mut self) -> Result<()> {
        let Szip { bits: width, block, .. } = self.szip;
        let id_width = if width <= 8 {
            3
        } else if width <= 16 {
            4
        } else {
            5
        };
        let id = self.bits.take(id_width)? as usize;
        let end = self.samples.len() + block;
        let has_reference = self.szip.predicted && self.samples.is_empty();
        match id {
            0 => {
                let paired = self.bits.take(1)? == 1;
                if has_reference {
                    self.sample(width)?;
                }
                if paired { self.pairs(end) } else { self.zero_blocks(end) }
            }
            // The highest number says that samples stand as they are.
            _ if id + 1 == 1 << id_width => self.plain(end, width),
            _ => {
                if has_reference {
                    self.sample(width)?;
                }
                self.split(end, id - 1)
            }
        }
    }

    fn sample(&mut self, width: usize) -> Result<()> {
        let sample = self.bits.take(width)? as u32;
        self.samples.push(sample);
        Ok(())
    }

    fn plain(&mut self, end: usize, width: usize) -> Result<()> {
        let start = self.samples.len();
        self.samples.resize(end, 0);
        for sample in &mut self.samples[start..] {
            *sample = self.bits.take(width)? as u32;
        }
        Ok(())
    }

    /// The high parts of all samples in unary, then the low parts of `low` bits each.
    fn split(&mut self, end: usize, low: usize) -> Result<()> {
        let start = self.samples.len();
        self.samples.resize(end, 0);
        let samples = &mut self.samples[start..];
        for sample in samples.iter_mut() {
            *sample = (self.bits.zeros()? << low) as u32;
        }
        if low > 0 {
            for sample in samples {
                *sample |= self.bits.take(low)? as u32;
            }
        }
        Ok(())
    }

    /// A run of blocks of zeros, of which the first ends at `end`. A count of five stands for all of a segment.
    fn zero_blocks(&mut self, end: usize) -> Result<()> {
        let done = end / self.szip.block - 1;
        let count = match self.bits.zeros()? as usize + 1 {
            5 => (self.blocks - done.min(self.blocks)).min(SEGMENT - done % SEGMENT),
            count if count > 5 => count - 1,
            count => count,
        };
        if count > self.blocks - done.min(self.blocks) {
            return Err(Error::corrupt("has more zeros than samples"));
        }
        self.samples.resize(end + (count - 1) * self.szip.block, 0);
        Ok(())
    }

    /// Samples in pairs, both in one number: with the sum of a pair s and the second one b it is s (s + 1) / 2 + b. In a
    /// block with a reference, which stands in the place of the first sample, only the second one of the first pair counts.
    fn pairs(&mut self, end: usize) -> Result<()> {
        while self.samples.len() < end {
            let number = self.bits.zeros()?;
            let sum = ((8 * number + 1).isqrt() - 1) / 2;
            let second = number - sum * (sum + 1) / 2;
            if self.samples.len().is_multiple_of(2) {
                self.samples.push((sum - second) as u32);
            }
            self.samples.push(second as u32);
        }
        Ok(())
    }
}

/// Turns differences into samples: small ones lie on both sides of the sample before, even ones above; what is larger than
/// the nearer end of the range allows is counted from that end.
fn unpredict(samples: &mut [u32], bits: usize) {
    let highest = u32::MAX >> (32 - bits);
    let Some((first, rest)) = samples.split_first_mut() else { return };
    let mut before = *first & highest;
    for sample in rest {
        let mapped = *sample;
        let room = before.min(highest - before);
        let half = mapped.div_ceil(2);
        before = if half > room {
            if before <= highest / 2 { mapped } else { highest.wrapping_sub(mapped) }
        } else if mapped % 2 == 0 {
            before.wrapping_add(half)
        } else {
            before.wrapping_sub(half)
        } & highest;
        *sample = before;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_differences_are_coded_in_every_way() {
        // From a file that HDF5 wrote: low entropy, pairs, runs of zero blocks, and a wrap from 0 to 255.
        let hex = "20 d9 b9 c6 d6 c0 00 7f 1f 01 10 10 13 19 01 26 4c 8c 4c b5 ab 40 00 7f f8 08 08 80 6f df 01 c0";
        let bytes: Vec<u8> = hex.split(' ').map(|b| u8::from_str_radix(b, 16).expect("hex")).collect();
        let szip = Szip::new(&[32 | 8, 8, 8, 30]).expect("valid");
        let mut into = [0; 30];
        let mut bits = Bits::new(&bytes);
        szip.samples(&mut bits, &mut into).expect("it is whole");
        let expected =
            [6, 6, 6, 7, 7, 6, 6, 6, 6, 6, 4, 4, 3, 3, 2, 1, 0, -1, -1, -2, -3, -3, -4, -4, -4, -5, -5, -5, -4, -4i8];
        assert_eq!(into.map(|byte| byte as i8), expected);
        assert!(szip.samples(&mut Bits::new(&bytes[..9]), &mut into).is_err());
    }
}
