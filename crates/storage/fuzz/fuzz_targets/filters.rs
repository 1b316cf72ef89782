//! One filter at a time: its number, its parameters and the size of the chunk, then what is stored.
#![no_main]

use hyperslab_storage::fuzzing::{FILTERS, decode};

libfuzzer_sys::fuzz_target!(|input: (u8, Vec<u32>, u16, Vec<u8>)| {
    let (filter, parameters, len, stored) = input;
    let filter = FILTERS[usize::from(filter) % FILTERS.len()];
    // An error is an answer too.
    let _ = decode(filter, &parameters, &stored, usize::from(len));
});
