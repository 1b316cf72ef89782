//! Boxes of cells as bytes: copying between boxes, filling, byte order. Knows no file and no type but its size.

use crate::aligned::AlignedBytes;
use hyperslab_grid::Hyperslab;
use std::ops::Range;

/// How many bytes are read at a time from storage that is not cut into chunks.
pub(crate) const BOX_BYTES: usize = 1 << 20;

/// The shape of a box of whole rows of about [`BOX_BYTES`], for storage that is not cut into chunks.
pub(crate) fn box_of_rows(shape: &[usize], cell: usize) -> Vec<usize> {
    let mut room = (BOX_BYTES / cell.max(1)).max(1);
    let mut lens: Vec<usize> = shape
        .iter()
        .rev()
        .map(|len| {
            let len = (*len).clamp(1, room);
            room /= len;
            len
        })
        .collect();
    lens.reverse();
    lens
}

/// The number of cells in a shape, or `None` if it is beyond all measure.
pub(crate) fn count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |cells, len| cells.checked_mul(*len))
}

/// Writes `fill` (zeros, if it is empty) into every cell.
pub(crate) fn fill_cells(bytes: &mut [u8], fill: &[u8]) {
    if fill.iter().all(|byte| *byte == 0) {
        bytes.fill(0);
    } else {
        bytes.chunks_exact_mut(fill.len()).for_each(|cell| cell.copy_from_slice(fill));
    }
}

/// Turns the byte order of every cell around.
pub(crate) fn swap_bytes(bytes: &mut [u8], cell: usize) {
    match cell {
        2 => swap::<2>(bytes),
        4 => swap::<4>(bytes),
        8 => swap::<8>(bytes),
        _ => {}
    }
}

fn swap<const N: usize>(bytes: &mut [u8]) {
    bytes.as_chunks_mut::<N>().0.iter_mut().for_each(|cell| cell.reverse());
}

/// Cells that lie one after the other, row-major, in a box.
pub(crate) struct Cells<'a, B> {
    /// Their bytes.
    pub(crate) bytes: B,
    /// The box they fill.
    pub(crate) slab: &'a Hyperslab,
}

/// Copies the cells that both boxes hold.
pub(crate) fn copy_common(from: &Cells<&[u8]>, into: &mut Cells<&mut [u8]>, cell: usize) {
    if let Some(common) = from.slab.intersect(into.slab) {
        copy_part(from, into, &common, cell);
    }
}

/// Copies the cells of `part`, which both boxes hold.
pub(crate) fn copy_part(from: &Cells<&[u8]>, into: &mut Cells<&mut [u8]>, part: &Hyperslab, cell: usize) {
    let (mut steps, mut run) = (Vec::with_capacity(part.rank()), cell);
    let (mut from_at, mut into_at) = (0, 0);
    let (mut from_stride, mut into_stride) = (cell, cell);
    for ((part, from), into) in part.ranges().iter().zip(from.slab.ranges()).zip(into.slab.ranges()).rev() {
        from_at += (part.start - from.start) * from_stride;
        into_at += (part.start - into.start) * into_stride;
        if run == from_stride && run == into_stride {
            // Rows that are whole in both follow one another in both.
            run *= part.len();
        } else {
            steps.push(Step { count: part.len(), from: from_stride, into: into_stride });
        }
        from_stride *= from.len();
        into_stride *= into.len();
    }
    copy_rows(&from.bytes[from_at..], &mut into.bytes[into_at..], &steps, run);
}

/// Cuts the cells of `whole` down to those of `part`, which lies in it, where they are.
pub(crate) fn keep_part(bytes: &mut AlignedBytes, whole: &Hyperslab, part: &Hyperslab, cell: usize) {
    if whole != part && !part.is_empty() {
        let runs = Runs::new(part, whole);
        let len = runs.len * cell;
        // No run comes to lie behind where it was, so that none is written over before it is moved.
        runs.starts().enumerate().for_each(|(i, start)| bytes.copy_within(start * cell..start * cell + len, i * len));
    }
    bytes.resize(part.cells() * cell);
}

/// A dimension to walk along: how often, and how many bytes on each time.
struct Step {
    count: usize,
    from: usize,
    into: usize,
}

/// Copies runs of bytes, the last step being the outermost.
fn copy_rows(from: &[u8], into: &mut [u8], steps: &[Step], run: usize) {
    match steps {
        [] => into[..run].copy_from_slice(&from[..run]),
        [inner @ .., step] => {
            (0..step.count).for_each(|i| copy_rows(&from[i * step.from..], &mut into[i * step.into..], inner, run));
        }
    }
}

/// The contiguous runs of a box that lies in a larger box, row-major.
pub(crate) struct Runs {
    /// The length of every run, in cells.
    pub(crate) len: usize,
    counts: Vec<usize>,
    strides: Vec<usize>,
    first: usize,
}

impl Runs {
    /// The runs of `part` in `whole`; `part` holds at least one cell and lies in `whole`.
    pub(crate) fn new(part: &Hyperslab, whole: &Hyperslab) -> Self {
        let (shape, outer) = (part.shape(), whole.shape());
        let mut strides = vec![1; shape.len()];
        for d in (1..shape.len()).rev() {
            strides[d - 1] = strides[d] * outer[d];
        }
        let offset = |(p, w): (&Range<usize>, &Range<usize>)| p.start - w.start;
        let first = part.ranges().iter().zip(whole.ranges()).map(offset).zip(&strides).map(|(o, s)| o * s).sum();
        // Trailing dimensions that are taken whole belong to the run, and so does the first that is not.
        let whole_dims = (0..shape.len()).rev().take_while(|d| shape[*d] == outer[*d]).count();
        let in_run = (whole_dims + 1).min(shape.len());
        let cut = shape.len() - in_run;
        let len = shape[cut..].iter().product();
        let mut counts = shape;
        counts.truncate(cut);
        strides.truncate(cut);
        Self { len, counts, strides, first }
    }

    /// How many runs there are.
    pub(crate) fn count(&self) -> usize {
        self.counts.iter().product()
    }

    /// The position in the larger box where each run starts, in order.
    pub(crate) fn starts(&self) -> impl Iterator<Item = usize> {
        let mut index = vec![0; self.counts.len()];
        let mut at = self.first;
        let mut left = self.count();
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let here = at;
            for d in (0..index.len()).rev() {
                index[d] += 1;
                at += self.strides[d];
                if index[d] < self.counts[d] {
                    break;
                }
                at -= self.strides[d] * self.counts[d];
                index[d] = 0;
            }
            Some(here)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slab(rank: usize) -> impl Strategy<Value = Hyperslab> {
        prop::collection::vec((0usize..4, 1usize..5).prop_map(|(start, len)| start..start + len), rank)
            .prop_map(Hyperslab::new)
    }

    /// The place of each cell of a box, in order.
    fn cells(slab: &Hyperslab) -> Vec<Vec<usize>> {
        slab.ranges().iter().fold(vec![vec![]], |places, range| {
            places.iter().flat_map(|p| range.clone().map(move |i| [p.as_slice(), &[i]].concat())).collect()
        })
    }

    proptest! {
        #[test]
        fn common_cells_are_copied_and_others_left((from, into) in (0usize..5).prop_flat_map(|r| (slab(r), slab(r)))) {
            let stored: Vec<u8> = (0..from.cells() * 2).map(|i| i as u8).collect();
            let mut copied = vec![255u8; into.cells() * 2];
            let target = &mut Cells { bytes: copied.as_mut_slice(), slab: &into };
            copy_common(&Cells { bytes: stored.as_slice(), slab: &from }, target, 2);
            let places = cells(&from);
            for (i, place) in cells(&into).iter().enumerate() {
                let expected = places.iter().position(|p| p == place).map_or([255, 255], |at| [stored[2 * at], stored[2 * at + 1]]);
                prop_assert_eq!([copied[2 * i], copied[2 * i + 1]], expected);
            }
        }

        #[test]
        fn a_part_is_kept_in_place((whole, other) in (0usize..5).prop_flat_map(|r| (slab(r), slab(r)))) {
            let Some(part) = whole.intersect(&other) else { return Ok(()) };
            let stored: Vec<u8> = (0..whole.cells() * 2).map(|i| i as u8).collect();
            let (mut copied, mut kept) = (vec![0; part.cells() * 2], AlignedBytes::new());
            let target = &mut Cells { bytes: copied.as_mut_slice(), slab: &part };
            copy_common(&Cells { bytes: stored.as_slice(), slab: &whole }, target, 2);
            kept.resize(stored.len()).copy_from_slice(&stored);
            keep_part(&mut kept, &whole, &part, 2);
            prop_assert_eq!(&kept[..], copied);
        }

        #[test]
        fn a_box_of_rows_is_about_a_mebibyte(shape in prop::collection::vec(0usize..3000, 0..4), cell in 1usize..9) {
            let rows = box_of_rows(&shape, cell);
            prop_assert!(rows.iter().product::<usize>() * cell <= BOX_BYTES);
            prop_assert!(rows.iter().zip(&shape).all(|(r, s)| *r >= 1 && r <= s.max(&1)));
        }
    }

    #[test]
    fn bytes_are_turned_around() {
        let mut bytes = *b"abcdefgh";
        swap_bytes(&mut bytes, 4);
        assert_eq!(&bytes, b"dcbahgfe");
        swap_bytes(&mut bytes, 1);
        assert_eq!(&bytes, b"dcbahgfe");
    }
}
