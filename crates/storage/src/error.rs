//! What can go wrong when files are opened and read: what happened, where, and what would help.

use std::fmt;
use std::path::PathBuf;

/// The outcome of anything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of an [`Error`], for those that act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is no such file, variable or dimension.
    NotFound,
    /// The file is in none of the formats that can be read.
    NotAFormat,
    /// The file contradicts its format or itself.
    Corrupt,
    /// The file is valid but uses something that cannot be read yet.
    Unsupported,
    /// The operating system failed to read or write.
    Io,
    /// Files, or parts of one file, that should fit together do not.
    Disagree,
    /// An option is unknown or has a wrong value.
    Options,
    /// The work was stopped on request.
    Cancelled,
    /// There is no memory left for what is read.
    Memory,
}

/// An error with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind of error it is.
    pub kind: ErrorKind,
    /// What went wrong, in words.
    pub message: String,
    /// The file in which it happened.
    pub file: Option<PathBuf>,
    /// The variable in which it happened.
    pub variable: Option<String>,
    /// What would help.
    pub hint: Option<String>,
}

impl Error {
    /// An error without a place yet.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), file: None, variable: None, hint: None }
    }

    /// Something that does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// A file that contradicts its format.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// Something that cannot be read yet.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// A failure of the operating system.
    pub fn io(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Io, message)
    }

    /// Whether the file could not be read at all, or changed meanwhile: what it holds is not known.
    pub(crate) fn is_of_reading(&self) -> bool {
        matches!(self.kind, ErrorKind::Io | ErrorKind::Disagree)
    }

    /// Names the file, unless one is named already.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.file.get_or_insert_with(|| file.into());
        self
    }

    /// Names the variable, unless one is named already.
    #[must_use]
    pub fn in_variable(mut self, variable: impl Into<String>) -> Self {
        self.variable.get_or_insert_with(|| variable.into());
        self
    }

    /// Says what would help, unless something is said already.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}: ", file.display())?;
        }
        if let Some(variable) = &self.variable {
            write!(f, "variable {variable}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_where_and_what_would_help() {
        let error = Error::corrupt("chunk at (0, 50, 0) does not inflate")
            .in_variable("sla")
            .in_file("file.nc")
            .in_file("outer.nc")
            .with_hint("download it again");
        assert_eq!(
            error.to_string(),
            "file.nc: variable sla: chunk at (0, 50, 0) does not inflate (download it again)"
        );
    }
}
