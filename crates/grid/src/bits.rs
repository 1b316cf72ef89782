//! Flags of cells as bits, the form in which Arrow keeps validity: packed 64 at a time, without branches.

/// Appends flags of 0 and 1 as bits, lowest first, in whole words; the last word ends in zeros.
#[inline(always)]
pub fn pack(flags: &[u8], words: &mut Vec<u64>) {
    let (whole, rest) = flags.as_chunks::<64>();
    words.extend(whole.iter().map(pack_word));
    if !rest.is_empty() {
        let mut last = [0u8; 64];
        last[..rest.len()].copy_from_slice(rest);
        words.push(pack_word(&last));
    }
}

/// 64 flags of 0 and 1 as bits. The multiplication moves the lowest bits of 8 bytes, in order, into the highest byte.
#[inline(always)]
fn pack_word(flags: &[u8; 64]) -> u64 {
    let (bytes, _) = flags.as_chunks::<8>();
    let eight = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    bytes.iter().enumerate().fold(0, |word, (i, bytes)| word | eight(bytes) << (8 * i))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_flag_is_a_bit(flags in prop::collection::vec(0u8..2, 0..300)) {
            let mut words = vec![7];
            pack(&flags, &mut words);
            prop_assert_eq!(words.len(), 1 + flags.len().div_ceil(64));
            for i in 0..64 * (words.len() - 1) {
                prop_assert_eq!(words[1 + i / 64] >> (i % 64) & 1, u64::from(flags.get(i) == Some(&1)));
            }
        }
    }
}
