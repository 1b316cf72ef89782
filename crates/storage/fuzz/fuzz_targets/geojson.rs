//! GeoJSON.
#![no_main]

use hyperslab_storage::tables::TableOptions;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    hyperslab_storage_fuzz::read_table(bytes, ".geojson", &TableOptions::GeoJson);
});
