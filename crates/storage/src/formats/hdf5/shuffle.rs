//! Undoes HDF5's shuffle: the first bytes of all cells come first, then all second bytes, and so on. This is hot.

/// Cells handled at a time, so that the compiler knows all lengths and uses wide registers.
const BLOCK: usize = 16;

/// Puts the bytes of each cell of `cell` bytes together again. Bytes after the last whole cell stand as they are.
pub(super) fn unshuffle(from: &[u8], into: &mut [u8], cell: usize) {
    match cell {
        0 | 1 => into.copy_from_slice(from),
        2 => unshuffle_cells::<2>(from, into),
        4 => unshuffle_cells::<4>(from, into),
        8 => unshuffle_cells::<8>(from, into),
        _ => unshuffle_any(from, into, cell),
    }
}

fn unshuffle_cells<const N: usize>(from: &[u8], into: &mut [u8]) {
    let count = from.len() / N;
    let planes: [&[u8]; N] = std::array::from_fn(|byte| &from[byte * count..][..count]);
    let blocks: [&[[u8; BLOCK]]; N] = planes.map(|plane| plane.as_chunks().0);
    let whole = count / BLOCK;
    let (cells, rest) = into.as_chunks_mut::<N>();
    for (i, block) in cells.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        let bytes: [[u8; BLOCK]; N] = std::array::from_fn(|byte| blocks[byte][i]);
        *block = std::array::from_fn(|cell| std::array::from_fn(|byte| bytes[byte][cell]));
    }
    for (i, cell) in cells.iter_mut().enumerate().skip(whole * BLOCK) {
        *cell = std::array::from_fn(|byte| planes[byte][i]);
    }
    rest.copy_from_slice(&from[count * N..]);
}

fn unshuffle_any(from: &[u8], into: &mut [u8], cell: usize) {
    let count = from.len() / cell;
    let (cells, rest) = into.split_at_mut(count * cell);
    for (i, cell) in cells.chunks_exact_mut(cell).enumerate() {
        for (byte, target) in cell.iter_mut().enumerate() {
            *target = from[byte * count + i];
        }
    }
    rest.copy_from_slice(&from[count * cell..]);
}
