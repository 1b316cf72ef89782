//! How a dataset is opened.

use crate::formats::Engine;

/// How files are opened, decoded and joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenOptions {
    /// What reads the files.
    pub engine: Engine,
    /// Whether cells outside of `valid_range`, `valid_min` and `valid_max` are NULL.
    pub valid_range: bool,
    /// Whether numbers of units `... since ...` are instants.
    pub decode_times: bool,
    /// What becomes of coordinate values that several files hold.
    pub overlap: Overlap,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { engine: Engine::default(), valid_range: true, decode_times: true, overlap: Overlap::default() }
    }
}

/// What becomes of positions that several files hold where they are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    /// They are an error that names the files.
    #[default]
    Error,
    /// All are kept: the coordinate then has duplicates.
    Keep,
    /// The earlier file, in coordinate order, wins.
    First,
    /// The later file, in coordinate order, wins.
    Last,
}

impl Overlap {
    /// The option that a word names, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        Some(match name.as_str() {
            "error" => Self::Error,
            "keep" => Self::Keep,
            "first" => Self::First,
            "last" => Self::Last,
            _ => return None,
        })
    }
}
