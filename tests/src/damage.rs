//! Damaged copies of files: a seed says what is done to the bytes, and the checksums of HDF5's metadata may be mended afterwards, so
//! that a reader gets as far as what the checksums guard.

/// Numbers that look random: SplitMix64.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// A number below `end`; 0 if that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % end.max(1) as u64) as usize
    }
}

/// Blocks of HDF5 that end in a checksum begin with one of these.
const SIGNATURES: [&[u8; 4]; 12] =
    [b"OHDR", b"OCHK", b"FRHP", b"BTHD", b"BTLF", b"BTIN", b"FAHD", b"FADB", b"EAHD", b"EAIB", b"EASB", b"EADB"];

/// No block of the files at hand is longer.
const LONGEST: usize = 700;

/// Damages a file in one to three ways. What was done is told in words.
pub fn damage(bytes: &mut Vec<u8>, random: &mut Random, mend: bool) -> String {
    let sealed = if mend { sealed_blocks(bytes) } else { Vec::new() };
    let mut done = Vec::new();
    for _ in 0..=random.below(3) {
        done.push(one_way(bytes, random, &sealed));
    }
    for block in &sealed {
        reseal(bytes, block.clone());
    }
    if mend { format!("{}, {} checksums mended", done.join(", "), sealed.len()) } else { done.join(", ") }
}

/// Where damage is done: anywhere, often near the start of the file, or in a block of metadata.
fn place(bytes: &[u8], random: &mut Random, sealed: &[std::ops::Range<usize>]) -> usize {
    match random.below(4) {
        0 => random.below(bytes.len()),
        1 => random.below(bytes.len().min(2048)),
        _ if sealed.is_empty() => random.below(bytes.len().min(16 << 10)),
        _ => {
            let block = &sealed[random.below(sealed.len())];
            block.start + random.below(block.len())
        }
    }
}

fn one_way(bytes: &mut Vec<u8>, random: &mut Random, sealed: &[std::ops::Range<usize>]) -> String {
    let at = place(bytes, random, sealed);
    match random.below(8) {
        0 | 1 => {
            flip(bytes, at, random);
            format!("bits flipped at {at}")
        }
        2 => {
            let len = 1 + random.below(16);
            for i in at..(at + len).min(bytes.len()) {
                bytes[i] = random.number() as u8;
            }
            format!("{len} bytes at {at} made up")
        }
        3 if random.below(3) == 0 => {
            bytes.truncate(at);
            format!("cut at {at}")
        }
        4 => {
            let (from, len) = (random.below(bytes.len()), 1 + random.below(512));
            swap(bytes, from, at, len);
            format!("{len} bytes at {from} and {at} swapped")
        }
        5 => {
            let (from, len) = (random.below(bytes.len()), 1 + random.below(256));
            copy(bytes, from, at, len);
            format!("{len} bytes at {from} copied to {at}")
        }
        _ => extreme(bytes, at, random),
    }
}

fn flip(bytes: &mut [u8], at: usize, random: &mut Random) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << random.below(8);
    }
}

fn swap(bytes: &mut [u8], a: usize, b: usize, len: usize) {
    for i in 0..len {
        if a.max(b) + i < bytes.len() {
            bytes.swap(a + i, b + i);
        }
    }
}

fn copy(bytes: &mut [u8], from: usize, to: usize, len: usize) {
    for i in 0..len {
        if from.max(to) + i < bytes.len() {
            bytes[to + i] = bytes[from + i];
        }
    }
}

/// Makes a number of 1, 2, 4 or 8 bytes, in either byte order, as large, small or odd as it can be.
fn extreme(bytes: &mut [u8], at: usize, random: &mut Random) -> String {
    let width = 1 << random.below(4);
    let value = match random.below(8) {
        0 => 0,
        1 => u64::MAX,
        2 => i64::MAX as u64,
        3 => 1 << random.below(64),
        4 => (1u64 << random.below(64)).wrapping_sub(1),
        5 => bytes.len() as u64,
        6 => random.below(16) as u64,
        _ => random.below(bytes.len()) as u64,
    };
    let at = if random.below(2) == 0 { at - at % width } else { at };
    let little = value.to_le_bytes();
    let backwards = random.below(2) == 0;
    for i in 0..width.min(bytes.len().saturating_sub(at)) {
        bytes[at + i] = little[if backwards { width - 1 - i } else { i }];
    }
    format!("{value:#x} in {width} bytes at {at}")
}

/// The blocks of a whole file that end in a checksum of theirs.
fn sealed_blocks(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut blocks = Vec::new();
    let newest = [b"\x89HDF\r\n\x1a\n\x02", b"\x89HDF\r\n\x1a\n\x03"];
    if newest.iter().any(|start| bytes.starts_with(*start)) && is_sealed(bytes, 0..48) {
        blocks.push(0..48);
    }
    for start in 0..bytes.len().saturating_sub(8) {
        if SIGNATURES.iter().any(|signature| bytes[start..].starts_with(*signature)) {
            let end = (start + 8..bytes.len().min(start + LONGEST)).find(|end| is_sealed(bytes, start..*end));
            blocks.extend(end.map(|end| start..end));
        }
    }
    blocks
}

fn is_sealed(bytes: &[u8], block: std::ops::Range<usize>) -> bool {
    let Some((body, stated)) = bytes.get(block).and_then(<[u8]>::split_last_chunk::<4>) else { return false };
    // Of zeros there are many, and few blocks end in them.
    *stated != [0; 4] && lookup3(body) == u32::from_le_bytes(*stated)
}

fn reseal(bytes: &mut [u8], block: std::ops::Range<usize>) {
    if let Some((body, checksum)) = bytes.get_mut(block).and_then(<[u8]>::split_last_chunk_mut::<4>) {
        *checksum = lookup3(body).to_le_bytes();
    }
}

/// Bob Jenkins' lookup3 as HDF5 uses it (specification, "Checksum"): over little-endian words, from a start of 0.
fn lookup3(bytes: &[u8]) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(bytes.len() as u32);
    let [mut a, mut b, mut c] = [start; 3];
    let blocks = bytes.len().div_ceil(12);
    for (i, block) in bytes.chunks(12).enumerate() {
        let mut words = [0u8; 12];
        words[..block.len()].copy_from_slice(block);
        let word = |at: usize| u32::from_le_bytes([words[at], words[at + 1], words[at + 2], words[at + 3]]);
        (a, b, c) = (a.wrapping_add(word(0)), b.wrapping_add(word(4)), c.wrapping_add(word(8)));
        (a, b, c) = if i + 1 < blocks { mixed(a, b, c) } else { finished(a, b, c) };
    }
    c
}

fn mixed(a: u32, b: u32, c: u32) -> (u32, u32, u32) {
    let mut words = [a, b, c];
    for (i, turn) in [4, 6, 8, 16, 19, 4].into_iter().enumerate() {
        // Each word in turn loses the one before it, which then gains the one after.
        let (x, before, after) = (i % 3, (i + 2) % 3, (i + 1) % 3);
        words[x] = words[x].wrapping_sub(words[before]) ^ words[before].rotate_left(turn);
        words[before] = words[before].wrapping_add(words[after]);
    }
    (words[0], words[1], words[2])
}

fn finished(a: u32, b: u32, c: u32) -> (u32, u32, u32) {
    let mut words = [a, b, c];
    for (i, turn) in [14, 11, 25, 16, 4, 14, 24].into_iter().enumerate() {
        let (x, y) = ((i + 2) % 3, (i + 1) % 3);
        words[x] = (words[x] ^ words[y]).wrapping_sub(words[y].rotate_left(turn));
    }
    (words[0], words[1], words[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_library() {
        // From the comments of lookup3.c.
        assert_eq!(lookup3(b"Four score and seven years ago"), 0x1777_0551);
        let folder = crate::setup::workspace().join("fixtures/hdf5/plain.h5");
        let bytes = std::fs::read(folder).expect("a fixture");
        let blocks = sealed_blocks(&bytes);
        assert!(bytes[8] < 2 || !blocks.is_empty(), "no block of {} bytes is sealed", bytes.len());
    }

    #[test]
    fn a_seed_gives_the_same_damage_again() {
        let whole: Vec<u8> = (0..=255).cycle().take(5000).collect();
        let damaged = |seed| {
            let mut bytes = whole.clone();
            damage(&mut bytes, &mut Random::new(seed), false);
            bytes
        };
        assert!((0..50).all(|seed| damaged(seed) == damaged(seed)));
        assert!((0..50).filter(|seed| damaged(*seed) != whole).count() > 40);
    }
}
