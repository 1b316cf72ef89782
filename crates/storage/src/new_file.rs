//! A file that appears under its name when it is whole: the old file or the new one, never half.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A file being written under a temporary name in the folder of its own. Dropped before it is finished, it vanishes.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    path: PathBuf,
    /// The name until it is finished; none for what is no plain file, such as a pipe, and cannot be replaced.
    temporary: Option<PathBuf>,
}

/// The temporary names in use, for programs that end in a hurry.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Makes temporary names differ within a process.
static NUMBER: AtomicU64 = AtomicU64::new(0);

fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl NewFile {
    /// Begins the file `path`, in place of one that may be there; where `path` is a link, in place of what it leads to.
    ///
    /// # Errors
    /// If it is a folder, or there is no such folder, or no file may be made in it.
    pub fn create(path: &Path) -> io::Result<Self> {
        if is_device(path) {
            return Ok(Self {
                file: File::options().append(true).open(path)?,
                path: path.to_path_buf(),
                temporary: None,
            });
        }
        let target = fs::canonicalize(path);
        let path = target.as_deref().unwrap_or(path);
        let name = path.file_name().filter(|_| !path.is_dir()).ok_or(io::ErrorKind::IsADirectory)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let temporary =
            path.with_file_name(format!(".{}.{}-{number}.part", name.to_string_lossy(), std::process::id()));
        // Under the lock, so that one who removes all unfinished files cannot miss it.
        let mut unfinished = unfinished();
        let file = File::create(&temporary)?;
        unfinished.push(temporary.clone());
        Ok(Self { file, path: path.to_path_buf(), temporary: Some(temporary) })
    }

    /// The name that it has until it is finished, for what writes to it by other means; none for what is no plain file.
    pub fn temporary(&self) -> Option<&Path> {
        self.temporary.as_deref()
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// If what was written cannot be brought to disk, or the file not be renamed; then it vanishes.
    pub fn finish(mut self) -> io::Result<()> {
        if let Some(temporary) = &self.temporary {
            self.file.sync_all()?;
            fs::rename(temporary, &self.path)?;
            forget(temporary);
            self.temporary = None;
        }
        Ok(())
    }

    /// Removes all files that are not finished, for a program that ends now: their owners will not get to it.
    pub fn remove_unfinished() {
        // Nobody is left to be told that a file could not be removed.
        unfinished().drain(..).for_each(|path| drop(fs::remove_file(path)));
    }
}

/// Whether a path is written to as it is: a pipe, a terminal, and `/dev/stdout` also where that leads to a file, which must
/// not be replaced.
fn is_device(path: &Path) -> bool {
    let is_other = fs::metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir());
    is_other || ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc"].iter().any(|folder| path.starts_with(folder))
}

fn forget(temporary: &Path) {
    unfinished().retain(|path| path != temporary);
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // Nobody waits for the outcome.
            drop(fs::remove_file(temporary));
            forget(temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries =
            fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("it can be listed").file_name());
        entries.map(|name| name.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn the_old_file_stays_until_the_new_one_is_whole() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("x.csv");
        fs::write(&path, "old").expect("a small file");
        let mut dropped = NewFile::create(&path).expect("a new file");
        dropped.write_all(b"half").expect("it takes bytes");
        assert_eq!(names(folder.path()).len(), 2);
        drop(dropped);
        assert_eq!(
            (names(folder.path()), fs::read(&path).expect("it is there")),
            (vec!["x.csv".into()], b"old".to_vec())
        );
        let mut whole = NewFile::create(&path).expect("a new file");
        whole.write_all(b"new").expect("it takes bytes");
        whole.finish().expect("it can be renamed");
        assert_eq!(
            (names(folder.path()), fs::read(&path).expect("it is there")),
            (vec!["x.csv".into()], b"new".to_vec())
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_devices_are_written_to() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (link, target) = (folder.path().join("link"), folder.path().join("target"));
        fs::write(&target, "old").expect("a small file");
        std::os::unix::fs::symlink(&target, &link).expect("a link");
        let mut file = NewFile::create(&link).expect("a new file");
        file.write_all(b"new").expect("it takes bytes");
        file.finish().expect("it can be renamed");
        assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
        assert_eq!(fs::read(&target).expect("it is there"), b"new");
        for device in ["/dev/null", "/dev/stdout", "/proc/self/fd/1"] {
            assert!(NewFile::create(Path::new(device)).is_ok_and(|file| file.temporary.is_none()), "{device}");
        }
    }

    #[test]
    fn a_folder_is_not_replaced() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(NewFile::create(folder.path()).expect_err("a folder").kind(), io::ErrorKind::IsADirectory);
        let missing = NewFile::create(&folder.path().join("none/x.csv")).expect_err("no such folder");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        assert!(names(folder.path()).is_empty());
    }
}
