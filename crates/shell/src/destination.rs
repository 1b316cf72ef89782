//! Where results go: standard output, or a file that appears only when it is whole.

use hyperslab::NewFile;
use std::io::{self, BufWriter, IntoInnerError, IsTerminal, Stdout, Write};
use std::path::Path;

const BUFFER: usize = 1 << 18;

/// Takes the bytes of results.
pub(crate) enum Destination {
    /// Standard output.
    Stdout(BufWriter<Stdout>),
    /// A file, which vanishes unless it is finished.
    NewFile(BufWriter<NewFile>),
}

impl Destination {
    /// Standard output.
    pub(crate) fn stdout() -> Self {
        Self::Stdout(BufWriter::with_capacity(BUFFER, io::stdout()))
    }

    /// The file `path`, in place of one that may be there.
    pub(crate) fn new_file(path: &Path) -> io::Result<Self> {
        Ok(Self::NewFile(BufWriter::with_capacity(BUFFER, NewFile::create(path)?)))
    }

    /// Whether people look at it.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self, Self::Stdout(_)) && io::stdout().is_terminal()
    }

    /// Writes what is left; a file gets its name.
    pub(crate) fn finish(self) -> io::Result<()> {
        match self {
            Self::Stdout(mut writer) => writer.flush(),
            Self::NewFile(writer) => writer.into_inner().map_err(IntoInnerError::into_error)?.finish(),
        }
    }
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(writer) => writer.write(bytes),
            Self::NewFile(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(writer) => writer.flush(),
            Self::NewFile(writer) => writer.flush(),
        }
    }
}
