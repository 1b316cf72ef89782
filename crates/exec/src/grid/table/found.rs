//! The rows that the cells of a vector find: mostly those that neighbouring cells find are neighbours too.

use super::places::Places;
use arrow::array::{Array, BooleanBufferBuilder, UInt32Array};
use arrow::buffer::BooleanBuffer;
use std::ops::Range;

/// The rows that the cells of a vector found.
#[derive(Debug, PartialEq)]
pub(in crate::grid) enum Found {
    /// Consecutive rows, one for each cell.
    Run(Range<usize>),
    /// Runs of cells with consecutive rows, and of cells with none.
    Runs(Vec<Stretch>),
    /// A row, or none, for each cell.
    Each(UInt32Array),
}

/// Neighbouring cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::grid) struct Stretch {
    /// The row of the first; the others have the rows that follow. If none, no cell has one.
    pub(super) row: Option<u32>,
    pub(super) cells: usize,
}

/// Runs at least as long on average are copied together.
const RUN_CELLS: usize = 8;

impl Found {
    /// What stretches of cells found.
    fn new(stretches: Vec<Stretch>) -> Self {
        let cells: usize = stretches.iter().map(|stretch| stretch.cells).sum();
        match stretches.as_slice() {
            [Stretch { row: Some(row), cells }] => Self::Run(*row as usize..*row as usize + cells),
            all if all.len() * RUN_CELLS <= cells => Self::Runs(stretches),
            all => Self::Each(all.iter().flat_map(Stretch::rows).collect()),
        }
    }

    /// What cells find whose numbers are sums, one of each dimension, in row-major order.
    pub(super) fn of_cells(places: &Places, adds: &[Vec<Option<u64>>]) -> Self {
        // Along the innermost dimensions numbers count up by one.
        let (mut dims, mut together) = (adds.len(), 1);
        while dims > 0 && counts_up(&adds[dims - 1], together as u64) {
            together *= adds[dims - 1].len();
            dims -= 1;
        }
        let first: Option<u64> = adds[dims..].iter().map(|adds| adds.first().copied().flatten()).sum();
        let mut finder = Finder { places, together, stretches: Vec::new() };
        if adds.iter().all(|adds| !adds.is_empty()) {
            finder.find(&adds[..dims], first);
        }
        Self::new(finder.stretches)
    }

    /// Which cells found one, if not all did.
    pub(in crate::grid) fn present(&self) -> Option<BooleanBuffer> {
        match self {
            Self::Run(_) => None,
            Self::Runs(all) if all.iter().all(|stretch| stretch.row.is_some()) => None,
            Self::Runs(all) => {
                let mut present = BooleanBufferBuilder::new(0);
                all.iter().for_each(|stretch| present.append_n(stretch.cells, stretch.row.is_some()));
                Some(present.finish())
            }
            Self::Each(rows) => rows.nulls().map(|nulls| nulls.inner().clone()),
        }
    }
}

impl Stretch {
    pub(super) fn rows(&self) -> impl Iterator<Item = Option<u32>> {
        let row = self.row;
        (0..self.cells as u32).map(move |at| row.map(|row| row + at))
    }
}

/// Whether numbers along a dimension are as far apart as the numbers along the dimensions within it are many.
fn counts_up(adds: &[Option<u64>], step: u64) -> bool {
    adds.iter().all(Option::is_some) && adds.windows(2).all(|pair| pair[1] == pair[0].map(|add| add + step))
}

/// Finds rows of cells, as many together as their numbers count up.
struct Finder<'a> {
    places: &'a Places,
    together: usize,
    stretches: Vec<Stretch>,
}

impl Finder<'_> {
    fn find(&mut self, adds: &[Vec<Option<u64>>], base: Option<u64>) {
        match adds {
            [] => self.push_from(base),
            [own, inner @ ..] => {
                own.iter().for_each(|add| self.find(inner, base.zip(*add).map(|(base, add)| base + add)));
            }
        }
    }

    /// The cells from this number on.
    fn push_from(&mut self, number: Option<u64>) {
        let Some(number) = number else { return self.push(None, self.together) };
        match self.places.run(number, self.together) {
            Some(row) => self.push(Some(row), self.together),
            None => (number..number + self.together as u64).for_each(|number| self.push(self.places.row(number), 1)),
        }
    }

    /// Cells with consecutive rows.
    fn push(&mut self, row: Option<u32>, cells: usize) {
        match self.stretches.last_mut() {
            Some(last) if last.row.map(|first| first + last.cells as u32) == row => last.cells += cells,
            _ => self.stretches.push(Stretch { row, cells }),
        }
    }
}
