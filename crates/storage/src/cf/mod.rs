//! The CF conventions, in one place: what a file's variables are for, and what their stored cells mean.
//!
//! Everything here looks at one file by itself and knows only what a [`crate::formats::Format`] tells about it; how
//! files become one dataset is the business of [`crate::combine`].

pub(crate) mod attributes;
pub(crate) mod cells;
pub(crate) mod decoder;
pub(crate) mod kernels;
pub(crate) mod masking;
pub(crate) mod roles;
pub(crate) mod scope;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod time;
