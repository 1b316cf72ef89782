//! Where results go: standard output, or a file that appears only when it is whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A path that must not be left behind, shared with whoever may have to end the program.
pub(crate) type Unfinished = Arc<Mutex<Option<PathBuf>>>;

const BUFFER: usize = 1 << 18;

/// Takes the bytes of results.
pub(crate) enum Destination {
    /// Standard output.
    Stdout(BufWriter<Stdout>),
    /// A file under a temporary name in the folder of its own.
    NewFile { writer: BufWriter<File>, path: PathBuf, unfinished: Unfinished },
}

impl Destination {
    /// Standard output.
    pub(crate) fn stdout() -> Self {
        Self::Stdout(BufWriter::with_capacity(BUFFER, io::stdout()))
    }

    /// The file `path`, in place of one that may be there.
    pub(crate) fn new_file(path: &Path, unfinished: &Unfinished) -> io::Result<Self> {
        // What is no plain file, such as /dev/null or a pipe, cannot be replaced.
        if fs::metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
            let writer = BufWriter::with_capacity(BUFFER, File::options().write(true).open(path)?);
            return Ok(Self::NewFile { writer, path: path.to_path_buf(), unfinished: Unfinished::default() });
        }
        let name = path.file_name().filter(|_| !path.is_dir()).ok_or(io::ErrorKind::IsADirectory)?;
        let temporary = path.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
        let file = File::create(&temporary)?;
        *unfinished.lock().unwrap_or_else(PoisonError::into_inner) = Some(temporary);
        let writer = BufWriter::with_capacity(BUFFER, file);
        Ok(Self::NewFile { writer, path: path.to_path_buf(), unfinished: unfinished.clone() })
    }

    /// Whether people look at it.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self, Self::Stdout(_)) && io::stdout().is_terminal()
    }

    /// Writes what is left; a file gets its name. Without this, a file vanishes.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        if let Self::NewFile { writer, path, unfinished } = &mut self {
            let mut unfinished = unfinished.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(temporary) = unfinished.as_ref() {
                writer.get_ref().sync_all()?;
                fs::rename(temporary, path)?;
            }
            *unfinished = None;
        }
        Ok(())
    }
}

/// Removes a file that will not be finished.
pub(crate) fn remove(unfinished: &Unfinished) {
    if let Some(path) = unfinished.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // There is nobody left to be told that it could not be removed.
        let _ = fs::remove_file(path);
    }
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(writer) => writer.write(bytes),
            Self::NewFile { writer, .. } => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(writer) => writer.flush(),
            Self::NewFile { writer, .. } => writer.flush(),
        }
    }
}

impl Drop for Destination {
    fn drop(&mut self) {
        if let Self::NewFile { unfinished, .. } = self {
            remove(unfinished);
        }
    }
}
