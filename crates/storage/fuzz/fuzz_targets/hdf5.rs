//! Whole HDF5 files: metadata, chunk indexes, filters, and what CF makes of them. Checksums of metadata are not checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hyperslab_storage_fuzz::read_grid(bytes));
