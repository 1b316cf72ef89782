//! What can go wrong while a query runs.

use std::any::Any;
use std::fmt;

/// The outcome of anything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a running query.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// An expression failed on some row; it knows its place in the SQL.
    Expression(hyperslab_expr::Error),
    /// A file could not be read; it knows the file and the variable.
    Storage(hyperslab_storage::Error),
    /// Something did not fit the memory limit.
    OutOfMemory(OutOfMemory),
    /// The query was stopped on request.
    Cancelled,
    /// The operating system failed to read or write something that is no file of the query.
    Io(String),
    /// A mistake in this program, not in the query or the files.
    Internal(String),
}

/// A reservation that the memory limit did not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfMemory {
    /// What asked for memory.
    pub what: String,
    /// How many bytes more it needed.
    pub requested: usize,
    /// How many bytes were reserved already, by all parts of the query.
    pub reserved: usize,
    /// The limit.
    pub limit: usize,
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [requested, reserved, limit] = [self.requested, self.reserved, self.limit].map(Bytes);
        write!(
            f,
            "{}: {requested} more are needed, but {reserved} of the memory limit of {limit} are in use",
            self.what
        )?;
        write!(f, " (raise it with SET memory_limit, lower SET threads, or select fewer cells or columns)")
    }
}

/// A number of bytes as people write it.
struct Bytes(usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(usize, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        match UNITS.iter().find(|(size, _)| self.0 >= *size) {
            Some((size, unit)) => write!(f, "{:.1} {unit}", self.0 as f64 / *size as f64),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

impl Error {
    /// A mistake in this program.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::Internal(message.into())
    }

    /// The same; where memory did not suffice it says for what.
    #[must_use]
    pub(crate) fn of(self, what: &str) -> Self {
        match self {
            Self::OutOfMemory(error) => {
                Self::OutOfMemory(OutOfMemory { what: format!("{} of {what}", error.what), ..error })
            }
            other => other,
        }
    }

    /// What a caught panic says.
    pub(crate) fn from_panic(panic: Box<dyn Any + Send>) -> Self {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Self::Internal(text.unwrap_or_else(|| "a panic without a message".to_string()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expression(error) => error.fmt(f),
            Self::Storage(error) => error.fmt(f),
            Self::OutOfMemory(error) => error.fmt(f),
            Self::Cancelled => f.write_str("the query was cancelled"),
            Self::Io(message) => f.write_str(message),
            Self::Internal(message) => write!(f, "internal error: {message} (please report it with the query)"),
        }
    }
}

impl std::error::Error for Error {}

impl From<hyperslab_expr::Error> for Error {
    fn from(error: hyperslab_expr::Error) -> Self {
        Self::Expression(error)
    }
}

impl From<hyperslab_storage::Error> for Error {
    fn from(error: hyperslab_storage::Error) -> Self {
        match error.kind {
            hyperslab_storage::ErrorKind::Cancelled => Self::Cancelled,
            _ => Self::Storage(error),
        }
    }
}

impl From<arrow::error::ArrowError> for Error {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_memory_says_who_how_much_and_what_would_help() {
        let error = OutOfMemory { what: "sorting".to_string(), requested: 3 << 20, reserved: 700, limit: 2 << 10 };
        let text = Error::OutOfMemory(error).to_string();
        assert!(
            text.starts_with(
                "sorting: 3.0 MiB more are needed, but 700 bytes of the memory limit of 2.0 KiB are in use"
            )
        );
        assert!(text.contains("SET memory_limit"));
    }
}
