//! CSV: finding out the separator, the header and the types, then reading.
#![no_main]

use hyperslab_storage::tables::{CsvOptions, TableOptions};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    hyperslab_storage_fuzz::read_table(bytes, ".csv", &TableOptions::Csv(CsvOptions::default()));
});
