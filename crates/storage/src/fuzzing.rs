//! Parsers that no file leads to directly, for the fuzz targets in `crates/storage/fuzz`; not for others.

use crate::Result;
use crate::formats::hdf5;

/// The numbers of the filters that are read.
pub const FILTERS: [u16; 13] = [1, 2, 3, 4, 5, 6, 307, 32000, 32001, 32004, 32008, 32015, 32026];

/// Undoes the filter of a number with parameters on what is stored of a chunk of `len` bytes.
///
/// # Errors
/// If the bytes are not what the filter writes.
pub fn decode(filter: u16, parameters: &[u32], stored: &[u8], len: usize) -> Result<()> {
    hdf5::decode_with(filter, parameters, stored, len)
}

/// How many structures a text of HDF-EOS5 describes.
pub fn struct_metadata(text: &str) -> usize {
    hdf5::structures_in(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn no_bytes_can_harm_a_filter(
            filter in prop::sample::select(FILTERS.to_vec()),
            parameters in prop::collection::vec(prop_oneof![0u32..70, any::<u32>()], 0..24),
            stored in prop::collection::vec(prop_oneof![Just(0u8), 0u8..9, any::<u8>()], 0..120),
            len in 0usize..5000,
        ) {
            // An error is an answer too.
            let _ = decode(filter, &parameters, &stored, len);
        }

        #[test]
        fn no_text_can_harm_the_reader_of_structures(
            lines in prop::collection::vec(
                "(GROUP=GridStructure|GridName=\"?a|XDim=[0-9]{1,22}|Size=-?[0-9]|DimList=\\(\"?,|UpperLeftPointMtrs=\\([0-9e.,-]{0,9}|\\PC{0,9}=)",
                0..12,
            ),
        ) {
            struct_metadata(&lines.join("\n"));
        }
    }
}
