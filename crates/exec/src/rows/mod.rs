//! Operators over batches of rows, one file each, and what they share. None of them knows grids or files.

pub mod aggregate;
pub mod evaluate;
pub mod filter;
pub mod join;
mod key_direct;
pub(crate) mod key_table;
mod key_words;
pub mod limit;
mod nearest;
pub mod project;
pub mod sort;
pub(crate) mod sort_key;
pub(crate) mod spill;
pub mod stored;
#[cfg(test)]
pub(crate) mod testing;
pub mod top_k;
pub mod union;
pub mod values;
pub mod window;

/// How many rows a batch has when an operator is free to choose.
pub const BATCH_ROWS: usize = 8192;
