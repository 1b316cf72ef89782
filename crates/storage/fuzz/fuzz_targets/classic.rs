//! Whole netCDF classic files. The first byte chooses the version.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((version, rest)) = bytes.split_first() else { return };
    let start = [b'C', b'D', b'F', [1, 2, 5][usize::from(version % 3)]];
    hyperslab_storage_fuzz::read_grid(&[&start, rest].concat());
});
