//! Whole HDF5 files: metadata, chunk indexes, filters. Checksums stand in the way of random bytes; the corpus must bring whole ones.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hyperslab_storage_fuzz::read_grid(bytes));
