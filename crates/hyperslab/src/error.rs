//! The one public error: what went wrong, where, and what would help.

use crate::caret;
use hyperslab_expr::Span;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The outcome of anything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of an [`Error`], for those that act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is not SQL, or not the SQL of this dialect.
    Parse,
    /// A name, a function or a combination of clauses means nothing here.
    Bind,
    /// A value does not fit what is done with it: a cast, an overflow, a division.
    Type,
    /// A file is missing, of another format, damaged, or does not fit the others.
    File,
    /// The query needs more than the memory limit.
    OutOfMemory,
    /// The query was cancelled.
    Cancelled,
    /// A result could not be written.
    Io,
    /// A setting or a parameter is unknown or has a wrong value.
    Setting,
    /// A warning, where `warnings` is set to `error`.
    Warning,
    /// A mistake of this program.
    Internal,
}

/// What went wrong. Displayed as a message, the line of SQL with the place marked, and a hint, as far as each is known.
#[derive(Clone, Debug)]
pub struct Error(Box<Details>);

#[derive(Clone, Debug)]
struct Details {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    file: Option<PathBuf>,
    variable: Option<String>,
    sql: Option<Arc<str>>,
    at: Option<Span>,
    io: Option<std::io::ErrorKind>,
}

impl Error {
    /// An error without a place.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Details { kind, message, hint: None, file: None, variable: None, sql: None, at: None, io: None }))
    }

    /// Says what would help.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// An error of writing a result, such as a full disk.
    pub fn writing(error: &std::io::Error) -> Self {
        let mut written = Self::new(ErrorKind::Io, format!("cannot write the result: {error}"));
        written.0.io = Some(error.kind());
        written
    }

    /// Names the file in which it happened.
    #[must_use]
    pub(crate) fn in_file(mut self, file: &Path) -> Self {
        self.0.file = Some(file.to_path_buf());
        self
    }

    /// Names the file that was being written, where it was the writing that failed.
    pub(crate) fn of_output(self, file: &Path) -> Self {
        if self.0.kind == ErrorKind::Io { self.in_file(file) } else { self }
    }

    /// An error of an expression or a plan, in the statement `sql`.
    pub(crate) fn in_sql(kind: ErrorKind, error: hyperslab_expr::Error, sql: &Arc<str>) -> Self {
        let mut place = Self::new(kind, error.message);
        place.0.hint = error.hint;
        place.0.at = error.at;
        place.0.sql = error.at.map(|_| Arc::clone(sql));
        place
    }

    /// Adds the kind, the file and the variable of what went wrong when a file was opened or read.
    pub(crate) fn caused_by(mut self, error: &hyperslab_storage::Error) -> Self {
        self.0.kind = kind_of_storage(error.kind);
        self.0.message.clone_from(&error.message);
        self.0.file.clone_from(&error.file);
        self.0.variable.clone_from(&error.variable);
        self.0.hint = error.hint.clone().or(self.0.hint);
        self
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What went wrong, in words, without its place.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What would help.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The file in which it happened.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// The variable of that file.
    pub fn variable(&self) -> Option<&str> {
        self.0.variable.as_deref()
    }

    /// The SQL text in which it happened, if the place in it is known.
    pub fn sql(&self) -> Option<&str> {
        self.0.sql.as_deref()
    }

    /// The place in [`Error::sql`]: a range of bytes.
    pub fn span(&self) -> Option<std::ops::Range<usize>> {
        self.0.at.map(|at| at.start as usize..at.end as usize)
    }

    /// What the operating system said when a result could not be written.
    pub fn io_kind(&self) -> Option<std::io::ErrorKind> {
        self.0.io
    }
}

fn kind_of_storage(kind: hyperslab_storage::ErrorKind) -> ErrorKind {
    use hyperslab_storage::ErrorKind as Storage;
    match kind {
        Storage::NotFound
        | Storage::NotAFormat
        | Storage::Corrupt
        | Storage::Unsupported
        | Storage::Io
        | Storage::Disagree => ErrorKind::File,
        Storage::Options => ErrorKind::Bind,
        Storage::Cancelled => ErrorKind::Cancelled,
        Storage::Memory => ErrorKind::OutOfMemory,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { message, hint, file, variable, sql, at, .. } = &*self.0;
        if let Some(file) = file {
            write!(f, "{}: ", file.display())?;
        }
        if let Some(variable) = variable {
            write!(f, "variable {variable}: ")?;
        }
        f.write_str(message)?;
        if let (Some(sql), Some(at)) = (sql, at) {
            write!(f, "\n{}", caret::underline(sql, *at))?;
        }
        hint.as_ref().map_or(Ok(()), |hint| write!(f, "\nhint: {hint}"))
    }
}

impl std::error::Error for Error {}

impl From<hyperslab_storage::Error> for Error {
    fn from(error: hyperslab_storage::Error) -> Self {
        Self::new(kind_of_storage(error.kind), "").caused_by(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_where_and_what_would_help() {
        let sql: Arc<str> = Arc::from("SELECT tmp FROM 'air.nc'");
        let error = hyperslab_expr::Error::new("no column named tmp").or_at(Some(Span { start: 7, end: 10 }));
        let error = Error::in_sql(ErrorKind::Bind, error.with_hint("did you mean \"temp\"?"), &sql);
        let shown = "no column named tmp\n  SELECT tmp FROM 'air.nc'\n         ^^^\nhint: did you mean \"temp\"?";
        assert_eq!(error.to_string(), shown);
        assert_eq!((error.kind(), error.span()), (ErrorKind::Bind, Some(7..10)));
    }

    #[test]
    fn an_error_of_a_file_names_file_and_variable() {
        let cause = hyperslab_storage::Error::corrupt("a chunk does not inflate").in_variable("sla").in_file("a.nc");
        let error = Error::from(cause.with_hint("download it again"));
        assert_eq!(error.to_string(), "a.nc: variable sla: a chunk does not inflate\nhint: download it again");
        assert_eq!((error.kind(), error.variable()), (ErrorKind::File, Some("sla")));
    }
}
