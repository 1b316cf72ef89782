//! Exit codes: what the program tells scripts.

use hyperslab::{Error, ErrorKind};
use std::process::ExitCode;

/// How the program ends. The numbers are promised in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All went well.
    Done = 0,
    /// The query means nothing, or fails on some row.
    Query = 1,
    /// The command line means nothing.
    Usage = 2,
    /// A file cannot be read or written.
    File = 3,
    /// The memory limit is too low.
    Memory = 4,
    /// Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// How the program ends after an error.
    pub(crate) fn after(error: &Error) -> Self {
        match error.kind() {
            // Whoever read our output has seen enough, as `head` does.
            ErrorKind::Io if error.io_kind() == Some(std::io::ErrorKind::BrokenPipe) => Self::Done,
            ErrorKind::File | ErrorKind::Io => Self::File,
            ErrorKind::OutOfMemory => Self::Memory,
            ErrorKind::Cancelled => Self::Interrupted,
            // Parse, Bind, Type, Setting, Warning, Internal, and what the library may add.
            _ => Self::Query,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
