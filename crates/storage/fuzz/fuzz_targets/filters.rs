//! One filter at a time: its number, how many parameters it has, the size of the chunk (two bytes), the parameters (four bytes
//! each), then what is stored.
#![no_main]

use hyperslab_storage::fuzzing::{FILTERS, decode};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(([filter, count, low, high], rest)) = bytes.split_first_chunk::<4>() else { return };
    let filter = FILTERS[usize::from(*filter) % FILTERS.len()];
    let (parameters, stored) = rest.split_at(rest.len().min(4 * usize::from(count % 32)));
    let parameters: Vec<u32> = parameters.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
    // An error is an answer too.
    let _ = decode(filter, &parameters, stored, usize::from(u16::from_le_bytes([*low, *high])));
});
