//! Buffers that are reused from chunk to chunk. A fresh buffer for each chunk would double the CPU time of a read: the
//! operating system hands out, and clears, each of its pages anew.

use bytemuck::AnyBitPattern;
use std::fmt;

/// A byte buffer aligned for 8-byte cells. It grows and never shrinks; what lies beyond [`len`](Self::len) is kept.
#[derive(Clone, Default)]
pub struct AlignedBytes {
    words: Vec<u64>,
    len: usize,
}

impl AlignedBytes {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the buffer `len` bytes long and gives them; their values are whatever they were.
    pub fn resize(&mut self, len: usize) -> &mut [u8] {
        let words = len.div_ceil(size_of::<u64>());
        if self.words.len() < words {
            // Not `resize`: growing would copy bytes that nobody wants.
            self.words = vec![0; words];
        }
        self.len = len;
        self
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes as cells of a numeric type of at most 8 bytes; bytes after the last whole cell are left out.
    pub fn as_slice<T: AnyBitPattern>(&self) -> &[T] {
        let whole = self.len / size_of::<T>() * size_of::<T>();
        bytemuck::cast_slice(&self[..whole])
    }
}

impl std::ops::Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }
}

impl std::ops::DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.len]
    }
}

impl fmt::Debug for AlignedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AlignedBytes({} bytes)", self.len)
    }
}

/// What decoding a chunk needs besides the place for its cells.
pub struct Scratch {
    /// Bytes as read from disk.
    pub stored: AlignedBytes,
    /// The stored bytes of several chunks that lie close together.
    pub window: AlignedBytes,
    /// Bytes between two filters.
    pub between: AlignedBytes,
    /// One decoded chunk, where a box is put together from several.
    pub chunk: AlignedBytes,
    /// What a filter needs within itself.
    pub spare: Vec<u8>,
    /// The inflater, with its tables.
    pub inflater: libdeflater::Decompressor,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            stored: AlignedBytes::new(),
            window: AlignedBytes::new(),
            between: AlignedBytes::new(),
            chunk: AlignedBytes::new(),
            spare: Vec::new(),
            inflater: libdeflater::Decompressor::new(),
        }
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stored, window, between, chunk, spare, inflater: _ } = self;
        let mut fields = f.debug_struct("Scratch");
        fields
            .field("stored", stored)
            .field("window", window)
            .field("between", between)
            .field("chunk", chunk)
            .field("spare", &spare.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_seen_in_place_and_space_is_kept() {
        let mut bytes = AlignedBytes::new();
        bytes.resize(24).copy_from_slice(&[1.5f64, -2.0, 0.25].map(f64::to_ne_bytes).concat());
        assert_eq!(bytes.as_slice::<f64>(), [1.5, -2.0, 0.25]);
        let place = bytes.as_ptr();
        bytes.resize(9);
        assert_eq!(bytes.as_slice::<f64>(), [1.5], "a part of a cell is no cell");
        bytes.resize(24);
        assert_eq!(bytes.as_ptr(), place);
        assert_eq!(bytes.as_slice::<f64>()[2], 0.25);
    }
}
