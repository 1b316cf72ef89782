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
    /// The most bytes of memory that the labels of all dimensions may take, which are held.
    pub label_bytes: usize,
}

/// What labels may take where nothing else is said.
const LABEL_BYTES: usize = 1 << 29;

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            engine: Engine::default(),
            valid_range: true,
            decode_times: true,
            overlap: Overlap::default(),
            label_bytes: LABEL_BYTES,
        }
    }
}

impl OpenOptions {
    /// The usual options under a limit of memory, of which labels may take half.
    pub fn within(memory_limit: usize) -> Self {
        let usual = Self::default();
        Self { label_bytes: usual.label_bytes.min(memory_limit / 2), ..usual }
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
