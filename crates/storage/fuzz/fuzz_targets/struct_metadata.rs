//! The text in which HDF-EOS5 files state their dimensions.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    hyperslab_storage::fuzzing::struct_metadata(text);
});
