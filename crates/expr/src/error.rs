//! What can go wrong with an expression, and where in the SQL text.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A range of bytes of the SQL text, for the caret under an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// The smallest span that holds both.
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// An error in an expression: what went wrong, where, and what would help.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    /// What went wrong, a sentence without a full stop.
    pub message: String,
    /// Where in the SQL text.
    pub at: Option<Span>,
    /// What would help.
    pub hint: Option<String>,
}

/// A result with an expression's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error without a place.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), at: None, hint: None }
    }

    /// Adds the place, unless one is known already: the innermost place is the best.
    pub fn or_at(mut self, at: Option<Span>) -> Self {
        self.at = self.at.or(at);
        self
    }

    /// Adds what would help.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

impl std::error::Error for Error {}

impl From<arrow::error::ArrowError> for Error {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::new(error.to_string())
    }
}
