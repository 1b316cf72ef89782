//! What operators do with rows that do not fit the memory limit: they go to temporary files, sorted ([`sorter`]) or by key
//! ([`buckets`]), and come back piece by piece.
//!
//! # Invariants
//! * Each row keeps its place, its number in the order of the input. Places tell ties apart and bring results back into order,
//!   so that a result has the same rows, the same bits and the same order, however much of it was on disk.

pub(crate) mod bucket_writer;
pub(crate) mod buckets;
pub(crate) mod file;
pub(crate) mod kept;
mod merge;
pub(crate) mod places;
pub(crate) mod sorter;
