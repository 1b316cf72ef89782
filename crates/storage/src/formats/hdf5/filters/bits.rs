//! Bits one after the other, the highest of each byte first.

use crate::{Error, Result};

/// Reads bits from bytes.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The number of bits read.
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next `count` bits as a number; at most 64.
    pub(super) fn take(&mut self, count: usize) -> Result<u64> {
        let end = self.at + count;
        if count > 64 || end > self.bytes.len() * 8 {
            return Err(Error::corrupt("ends within a number"));
        }
        let mut value = 0u64;
        while self.at < end {
            let (left, offset) = (end - self.at, self.at % 8);
            let taken = left.min(8 - offset);
            let bits = self.bytes[self.at / 8] >> (8 - offset - taken) & (0xFF >> (8 - taken));
            value = value << taken | u64::from(bits);
            self.at += taken;
        }
        Ok(value)
    }

    /// The number of zeros before the next one, which is read too.
    pub(super) fn zeros(&mut self) -> Result<u64> {
        let start = self.at;
        loop {
            let byte = *self.bytes.get(self.at / 8).ok_or_else(|| Error::corrupt("ends within a run of zeros"))?;
            let offset = self.at % 8;
            let zeros = (byte << offset).leading_zeros() as usize;
            if zeros < 8 - offset {
                self.at += zeros;
                let count = (self.at - start) as u64;
                self.at += 1;
                return Ok(count);
            }
            self.at += 8 - offset;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_highest_first_across_bytes() {
        let mut bits = Bits::new(&[0b1010_0000, 0b0001_1111, 0xFF]);
        assert_eq!(bits.take(3), Ok(0b101));
        assert_eq!(bits.zeros(), Ok(8));
        assert_eq!(bits.take(9), Ok(0b1_1111_1111 & 0x1FF));
        assert!(bits.take(4).is_err());
        assert_eq!(Bits::new(&[1, 2, 3, 4, 5, 6, 7, 8]).take(64), Ok(0x0102_0304_0506_0708));
        assert!(Bits::new(&[0, 0]).zeros().is_err());
    }
}
