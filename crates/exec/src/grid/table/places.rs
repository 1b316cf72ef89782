//! From the number of a key to the row that has it.

use crate::error::{Error, Result};
use crate::rows::key_table::ABSENT;
use std::collections::HashMap;

/// A table is direct while it has no more entries than this, or than this many for each row.
const DIRECT: u64 = 1 << 22;
const DIRECT_A_ROW: u64 = 8;

/// The bits of a number beneath those that choose a word.
const WORD_BITS: u64 = u64::BITS as u64;

/// From the number of a key to a row.
pub(super) enum Places {
    /// The number is the row.
    Same,
    /// Rows lie in the order of numbers.
    Ranked(Ranks),
    Direct(Vec<u32>),
    Sparse(HashMap<u64, u32>),
}

/// Which numbers have a row: the row is how many numbers before it have one.
pub(super) struct Ranks {
    words: Vec<u64>,
    /// For each word how many bits are set in those before it.
    before: Vec<u32>,
}

/// How places are best found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Layout {
    Same,
    Ranked,
    Direct,
    Sparse,
}

impl Layout {
    /// For so many rows with numbers less than `count`; whether they lie in the order of numbers.
    pub(super) fn new(rows: usize, count: u64, ascending: bool) -> Self {
        let is_dense = count <= DIRECT.max(rows as u64 * DIRECT_A_ROW);
        match (is_dense, ascending) {
            (true, true) if rows as u64 == count => Self::Same,
            (true, true) => Self::Ranked,
            (true, false) => Self::Direct,
            (false, _) => Self::Sparse,
        }
    }

    /// The bytes of places.
    pub(super) fn bytes(self, rows: usize, count: u64) -> usize {
        match self {
            Self::Same => 0,
            Self::Ranked => count.div_ceil(WORD_BITS) as usize * (size_of::<u64>() + size_of::<u32>()),
            Self::Direct => count as usize * size_of::<u32>(),
            // A table is at least 7/16 full; an entry has a byte more.
            Self::Sparse => rows.saturating_mul((size_of::<(u64, u32)>() + 1) * 16 / 7),
        }
    }
}

impl Places {
    /// Places for numbers less than `count`, of which none has a row yet.
    pub(super) fn new(layout: Layout, count: u64) -> Self {
        match layout {
            Layout::Same => Self::Same,
            Layout::Ranked => {
                let words = count.div_ceil(WORD_BITS) as usize;
                Self::Ranked(Ranks { words: vec![0; words], before: vec![0; words] })
            }
            Layout::Direct => Self::Direct(vec![ABSENT; count as usize]),
            Layout::Sparse => Self::Sparse(HashMap::new()),
        }
    }

    /// Says that the rows from `row` on have these numbers.
    ///
    /// # Errors
    /// If a number has a row.
    pub(super) fn add(&mut self, numbers: &[u64], row: usize) -> Result<()> {
        let mut place = |(at, number): (usize, &u64)| {
            let row = (row + at) as u32;
            match self {
                Self::Same => false,
                Self::Ranked(ranks) => ranks.set(*number),
                Self::Direct(table) => std::mem::replace(&mut table[*number as usize], row) != ABSENT,
                Self::Sparse(map) => map.insert(*number, row).is_some(),
            }
        };
        match numbers.iter().enumerate().any(&mut place) {
            true => Err(Error::internal("two rows that cells look up have the same key")),
            false => Ok(()),
        }
    }

    /// All rows have their numbers.
    pub(super) fn close(&mut self) {
        if let Self::Ranked(ranks) = self {
            ranks.count();
        }
    }

    /// The row of a number.
    #[inline]
    pub(super) fn row(&self, number: u64) -> Option<u32> {
        match self {
            Self::Same => Some(number as u32),
            Self::Ranked(ranks) => ranks.row(number),
            Self::Direct(table) => Some(table[number as usize]).filter(|row| *row != ABSENT),
            Self::Sparse(map) => map.get(&number).copied(),
        }
    }

    /// The first of as many consecutive rows as there are consecutive numbers from this one on, if that is how they lie.
    pub(super) fn run(&self, number: u64, len: usize) -> Option<u32> {
        let first = self.row(number)?;
        let last = self.row(number + len as u64 - 1)?;
        match self {
            // In the order of numbers rows lie no further apart than their numbers.
            Self::Same | Self::Ranked(_) => ((last - first) as usize == len - 1).then_some(first),
            Self::Direct(table) => {
                let rows = &table[number as usize..number as usize + len];
                rows.iter().zip(first..).all(|(row, expected)| *row == expected).then_some(first)
            }
            Self::Sparse(map) => {
                let mut numbers = (number..number + len as u64).zip(first..);
                numbers.all(|(number, expected)| map.get(&number) == Some(&expected)).then_some(first)
            }
        }
    }
}

impl Ranks {
    /// Sets a bit, and says whether it was set.
    fn set(&mut self, number: u64) -> bool {
        let (word, bit) = ((number / WORD_BITS) as usize, 1 << (number % WORD_BITS));
        let was_set = self.words[word] & bit != 0;
        self.words[word] |= bit;
        was_set
    }

    fn count(&mut self) {
        let mut so_far = 0;
        for (word, before) in self.words.iter().zip(&mut self.before) {
            *before = so_far;
            so_far += word.count_ones();
        }
    }

    #[inline]
    fn row(&self, number: u64) -> Option<u32> {
        let (word, bit) = ((number / WORD_BITS) as usize, 1_u64 << (number % WORD_BITS));
        let here = self.words[word];
        (here & bit != 0).then(|| self.before[word] + (here & (bit - 1)).count_ones())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places of rows with these numbers, as lists and tables say.
    fn places(layout: Layout, numbers: &[u64], count: u64) -> Places {
        let mut places = Places::new(layout, count);
        let (first, rest) = numbers.split_at(numbers.len() / 2);
        places.add(first, 0).unwrap();
        places.add(rest, first.len()).unwrap();
        places.close();
        places
    }

    #[test]
    fn all_layouts_find_the_same_rows() {
        let ascending: Vec<u64> = (0..2000).filter(|number| number % 7 < 5 && number / 100 != 3).collect();
        let mixed: Vec<u64> = ascending.iter().rev().copied().collect();
        for (numbers, layouts) in [
            (&ascending, &[Layout::Ranked, Layout::Direct, Layout::Sparse][..]),
            (&mixed, &[Layout::Direct, Layout::Sparse]),
        ] {
            for layout in layouts {
                let places = places(*layout, numbers, 2000);
                for number in 0..2000 {
                    let expected = numbers.iter().position(|own| *own == number).map(|row| row as u32);
                    assert_eq!(places.row(number), expected, "{layout:?} {number}");
                    for len in [1, 3, 5] {
                        let rows = (number..(number + len).min(2000)).map(|number| places.row(number));
                        let is_run = rows
                            .enumerate()
                            .all(|(at, row)| row.is_some() && row == places.row(number).map(|first| first + at as u32));
                        let found = if number + len <= 2000 { places.run(number, len as usize) } else { continue };
                        let expected = is_run.then(|| places.row(number)).flatten();
                        assert_eq!(found, expected, "{layout:?} {number} {len}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_number_has_one_row() {
        for layout in [Layout::Ranked, Layout::Direct, Layout::Sparse] {
            let mut places = Places::new(layout, 10);
            places.add(&[3, 5], 0).unwrap();
            assert!(places.add(&[5], 2).is_err(), "{layout:?}");
        }
    }

    #[test]
    fn few_rows_among_many_numbers_are_hashed() {
        assert_eq!(Layout::new(100, 100, true), Layout::Same);
        assert_eq!(Layout::new(99, 100, true), Layout::Ranked);
        assert_eq!(Layout::new(99, 100, false), Layout::Direct);
        assert_eq!(Layout::new(1000, 1 << 40, true), Layout::Sparse);
    }
}
