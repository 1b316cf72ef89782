//! Undoes HDF5's shuffle: the first bytes of all cells come first, then all second bytes, and so on. This is hot.

/// Cells handled at a time: what is put together so far stays in the first-level cache.
const STRETCH: usize = 512;

/// Puts the bytes of each cell of `cell` bytes together again. Bytes after the last whole cell stand as they are.
pub(super) fn unshuffle(from: &[u8], into: &mut [u8], cell: usize) {
    Joined::new().unshuffle(from, into, cell);
}

/// Puts the bytes of cells together; what is put together so far of a stretch has its place here, so that it is not cleared for
/// each.
pub(super) struct Joined {
    words: [[u16; STRETCH]; 4],
    quads: [[u32; STRETCH]; 2],
}

impl Joined {
    pub(super) fn new() -> Self {
        Self { words: [[0; STRETCH]; 4], quads: [[0; STRETCH]; 2] }
    }

    /// As the function.
    pub(super) fn unshuffle(&mut self, from: &[u8], into: &mut [u8], cell: usize) {
        match cell {
            0 | 1 => into.copy_from_slice(from),
            2 => in_stretches::<2>(from, into, two_bytes),
            4 => in_stretches::<4>(from, into, |planes, cells| self.four_bytes(planes, cells)),
            8 => in_stretches::<8>(from, into, |planes, cells| self.eight_bytes(planes, cells)),
            _ => unshuffle_any(from, into, cell),
        }
    }

    // Joining neighbours twice as wide each time is what compilers turn into interleaving instructions: some five times faster
    // than gathering all bytes of a cell at once.
    fn four_bytes(&mut self, planes: [&[u8]; 4], cells: &mut [[u8; 4]]) {
        let [low, high, ..] = &mut self.words;
        pairs(planes[0], planes[1], low);
        pairs(planes[2], planes[3], high);
        for ((cell, low), high) in cells.iter_mut().zip(low).zip(high) {
            *cell = (u32::from(*low) | u32::from(*high) << 16).to_le_bytes();
        }
    }

    fn eight_bytes(&mut self, planes: [&[u8]; 8], cells: &mut [[u8; 8]]) {
        for (words, bytes) in self.words.iter_mut().zip(planes.as_chunks::<2>().0) {
            pairs(bytes[0], bytes[1], words);
        }
        let ([a, b, c, d], [low, high]) = (&self.words, &mut self.quads);
        quads(a, b, low);
        quads(c, d, high);
        for ((cell, low), high) in cells.iter_mut().zip(low).zip(high) {
            *cell = (u64::from(*low) | u64::from(*high) << 32).to_le_bytes();
        }
    }
}

/// Hands out the bytes of a stretch of cells, plane by plane, and where the cells go.
fn in_stretches<const N: usize>(from: &[u8], into: &mut [u8], mut join: impl FnMut([&[u8]; N], &mut [[u8; N]])) {
    let count = from.len() / N;
    let (cells, rest) = into.as_chunks_mut::<N>();
    for (i, stretch) in cells.chunks_mut(STRETCH).enumerate() {
        join(std::array::from_fn(|byte| &from[byte * count + i * STRETCH..][..stretch.len()]), stretch);
    }
    rest.copy_from_slice(&from[count * N..]);
}

fn two_bytes([low, high]: [&[u8]; 2], cells: &mut [[u8; 2]]) {
    for ((cell, low), high) in cells.iter_mut().zip(low).zip(high) {
        *cell = [*low, *high];
    }
}

fn pairs(low: &[u8], high: &[u8], words: &mut [u16; STRETCH]) {
    for ((word, low), high) in words.iter_mut().zip(low).zip(high) {
        *word = u16::from(*low) | u16::from(*high) << 8;
    }
}

fn quads(low: &[u16; STRETCH], high: &[u16; STRETCH], words: &mut [u32; STRETCH]) {
    for ((word, low), high) in words.iter_mut().zip(low).zip(high) {
        *word = u32::from(*low) | u32::from(*high) << 16;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffled_cells_come_back_whatever_their_size_and_number() {
        for cell in [1, 2, 3, 4, 8, 12] {
            for len in [0, 1, cell, 7 * cell + 1, 511 * cell, 512 * cell, 1500 * cell + cell - 1] {
                let cells: Vec<u8> = (0..len).map(|i| (i * 31 % 251) as u8).collect();
                let count = len / cell;
                let mut shuffled = cells.clone();
                for (i, byte) in cells[..count * cell].iter().enumerate() {
                    shuffled[i % cell * count + i / cell] = *byte;
                }
                let mut back = vec![0; len];
                unshuffle(&shuffled, &mut back, cell);
                assert_eq!(back, cells, "{len} bytes in cells of {cell}");
            }
        }
    }
}
