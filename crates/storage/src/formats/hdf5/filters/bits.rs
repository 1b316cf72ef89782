//! Bits one after the other, the highest of each byte first. This is hot.

use crate::{Error, Result};

/// Reads bits from bytes.
pub(super) struct Bits<'a> {
    /// What was not looked at yet.
    rest: &'a [u8],
    /// The next bits, the first one highest; all below them are zeros.
    word: u64,
    /// How many they are.
    held: usize,
}

/// So many bits are held after looking ahead, if there are as many.
const AHEAD: usize = 56;

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, word: 0, held: 0 }
    }

    /// The next `count` bits as a number; at most 64.
    #[inline]
    pub(super) fn take(&mut self, count: usize) -> Result<u64> {
        if count > AHEAD {
            return self.take_many(count);
        }
        if self.held < count {
            self.look_ahead();
            if self.held < count {
                return Err(Error::corrupt("ends within a number"));
            }
        }
        // In two steps: no bits at all would be shifted by 64.
        let value = self.word >> 1 >> (63 - count);
        self.drop(count);
        Ok(value)
    }

    fn take_many(&mut self, count: usize) -> Result<u64> {
        if count > 64 {
            return Err(Error::corrupt(format!("has a number of {count} bits")));
        }
        Ok(self.take(count - 32)? << 32 | self.take(32)?)
    }

    /// The number of zeros before the next one, which is read too.
    #[inline]
    pub(super) fn zeros(&mut self) -> Result<u64> {
        let mut count = 0;
        loop {
            let zeros = self.word.leading_zeros() as usize;
            if zeros < self.held {
                self.drop(zeros + 1);
                return Ok(count + zeros as u64);
            }
            count += self.held as u64;
            self.drop(self.held);
            self.look_ahead();
            if self.held == 0 {
                return Err(Error::corrupt("ends within a run of zeros"));
            }
        }
    }

    fn drop(&mut self, count: usize) {
        self.word <<= count;
        self.held -= count;
    }

    /// Holds as many more bits as whole bytes have room for.
    fn look_ahead(&mut self) {
        if let Some(next) = self.rest.first_chunk::<8>() {
            let bytes = (63 - self.held) / 8;
            let kept = u64::MAX << (64 - 8 * bytes);
            self.word |= (u64::from_be_bytes(*next) & kept) >> self.held;
            self.rest = &self.rest[bytes..];
            self.held += 8 * bytes;
            return;
        }
        while let ([first, rest @ ..], true) = (self.rest, self.held <= AHEAD) {
            self.word |= u64::from(*first) << (AHEAD - self.held);
            self.rest = rest;
            self.held += 8;
        }
    }
}

/// The low bytes of a number, the lowest first.
#[inline]
pub(super) fn low_bytes<const N: usize>(value: u64) -> [u8; N] {
    std::array::from_fn(|i| (value >> (8 * i)) as u8)
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

    #[test]
    fn numbers_of_any_width_come_one_after_the_other() {
        let bytes: Vec<u8> = (0..200u32).map(|i| (i * 167 % 251) as u8).collect();
        let bit = |at: usize| u64::from(bytes[at / 8] >> (7 - at % 8) & 1);
        for width in 0..=64 {
            let (mut bits, mut at) = (Bits::new(&bytes), 0);
            while at + width <= bytes.len() * 8 && at < 1500 {
                let expected = (at..at + width).fold(0, |value, at| value << 1 | bit(at));
                assert_eq!(bits.take(width), Ok(expected), "{width} bits at {at}");
                at += width;
                let zeros = (at..bytes.len() * 8).position(|at| bit(at) == 1);
                assert_eq!(bits.zeros().ok(), zeros.map(|zeros| zeros as u64), "zeros at {at}");
                at += zeros.map_or(bytes.len() * 8, |zeros| zeros + 1);
            }
        }
        assert!(Bits::new(&bytes).take(65).is_err());
    }
}
