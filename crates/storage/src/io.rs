//! Positioned reads, and the few files that are open at a time. Nothing here knows a file format.
//!
//! Files are read, never mapped into memory: a file that another program cuts short must be an error, not a signal.

use crate::metrics::ReadMetrics;
use crate::{Error, ErrorKind, Result};
use std::fs::{File, Metadata};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

/// How many files the process keeps open at a time; others are reopened when they are read again.
pub(crate) const OPEN_FILES: usize = 128;

/// A file that is read is looked at this often, to see whether it is still the same. More often would cost more than small reads.
const LOOKED_AT: Duration = Duration::from_millis(1);

/// Something of known length that is read at positions, from any thread.
pub(crate) trait ReadAt: Send + Sync {
    /// The number of bytes.
    fn len(&self) -> u64;

    /// Fills `into` with the bytes from position `at` on.
    ///
    /// # Errors
    /// If there are fewer bytes, or reading fails.
    fn read_exact_at(&self, at: u64, into: &mut [u8], metrics: &ReadMetrics) -> Result<()>;
}

/// A file that is opened when it is read and may be closed in between.
#[derive(Debug)]
pub(crate) struct FileSource {
    path: PathBuf,
    len: u64,
    modified: Option<SystemTime>,
    handle: Arc<Handle>,
    /// What failed first when the file was read.
    failure: Arc<OnceLock<Error>>,
}

impl FileSource {
    /// Opens a file and notes its size and time of change.
    ///
    /// # Errors
    /// If there is no such file, or it is a directory, or it may not be read.
    pub(crate) fn open(path: &Path, metrics: &ReadMetrics) -> Result<Self> {
        let (file, stat) = open_file(path)?;
        metrics.file_opened();
        let handle = Arc::new(Handle::default());
        let (len, modified) = (stat.len(), stat.modified().ok());
        let source = Self { path: path.to_owned(), len, modified, handle, failure: Arc::default() };
        source.keep(file);
        Ok(source)
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The open file, opened again if it was closed.
    fn file(&self, metrics: &ReadMetrics) -> Result<Arc<File>> {
        self.handle.used.store(CLOCK.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        if let Some(file) = lock(&self.handle.file).as_ref() {
            return Ok(Arc::clone(file));
        }
        let (file, stat) = open_file(&self.path)?;
        metrics.file_opened();
        self.check_same(&stat)?;
        Ok(self.keep(file))
    }

    /// Checks, if that was not done just now, that the file is what it was when it was opened.
    fn look_at(&self, file: &File) -> Result<()> {
        let mut looked = lock(&self.handle.looked);
        if looked.is_some_and(|looked| looked.elapsed() < LOOKED_AT) {
            return Ok(());
        }
        *looked = Some(Instant::now());
        drop(looked);
        let stat = file.metadata().map_err(|error| Error::io(format!("cannot be looked at: {error}")))?;
        self.check_same(&stat)
    }

    fn check_same(&self, stat: &Metadata) -> Result<()> {
        if stat.len() == self.len && stat.modified().ok() == self.modified {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Disagree, "the file changed while it was being read")
            .with_hint("run the query again"))
    }

    /// What failed first when the file was read, if anything did: not what the bytes say, but to get them.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.failure.get().cloned()
    }

    fn read(&self, at: u64, into: &mut [u8], metrics: &ReadMetrics) -> Result<()> {
        let end = at.saturating_add(into.len() as u64);
        if end > self.len {
            return Err(Error::corrupt(format!("ends before byte {end} that should be read")));
        }
        let file = self.file(metrics)?;
        // Afterwards, so that what was written in between is seen.
        read_bytes(&file, at, into).and_then(|()| self.look_at(&file))
    }

    /// Keeps the file open, and closes the one that was not used for longest if there are too many.
    fn keep(&self, file: File) -> Arc<File> {
        let file = Arc::new(file);
        *lock(&self.handle.file) = Some(Arc::clone(&file));
        let mut open = lock(&OPEN);
        open.retain(|handle| handle.upgrade().is_some_and(|handle| !Arc::ptr_eq(&handle, &self.handle)));
        if open.len() >= OPEN_FILES {
            close_oldest(&mut open);
        }
        open.push(Arc::downgrade(&self.handle));
        file
    }
}

impl ReadAt for FileSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, at: u64, into: &mut [u8], metrics: &ReadMetrics) -> Result<()> {
        self.read(at, into, metrics).map_err(|error| {
            let error = error.in_file(&self.path);
            if error.is_of_reading() {
                self.failure.get_or_init(|| error.clone());
            }
            error
        })
    }
}

/// Reads bytes that were there when the file was opened.
fn read_bytes(file: &File, at: u64, into: &mut [u8]) -> Result<()> {
    #[cfg(test)]
    faults::meet(into.len())?;
    file.read_exact_at(into, at).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => shrunk(at.saturating_add(into.len() as u64)),
        _ => Error::io(format!("cannot be read: {error}")),
    })
}

fn shrunk(end: u64) -> Error {
    let message = format!("became shorter while it was being read: byte {end} is gone");
    Error::new(ErrorKind::Disagree, message).with_hint("run the query again")
}

/// Where a [`FileSource`] keeps its file while it is open.
#[derive(Debug, Default)]
struct Handle {
    file: Mutex<Option<Arc<File>>>,
    used: AtomicU64,
    /// When the file was last seen to be the same.
    looked: Mutex<Option<Instant>>,
}

/// Counts uses of files, to tell which was not used for longest.
static CLOCK: AtomicU64 = AtomicU64::new(0);

/// The files that are open.
static OPEN: Mutex<Vec<Weak<Handle>>> = Mutex::new(Vec::new());

fn close_oldest(open: &mut Vec<Weak<Handle>>) {
    let used = |handle: &Weak<Handle>| handle.upgrade().map_or(0, |handle| handle.used.load(Ordering::Relaxed));
    let oldest = (0..open.len()).min_by_key(|i| used(&open[*i]));
    if let Some(handle) = oldest.and_then(|i| open.swap_remove(i).upgrade()) {
        *lock(&handle.file) = None;
    }
}

fn open_file(path: &Path) -> Result<(File, Metadata)> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::not_found("there is no such file").in_file(path),
        _ => Error::io(format!("cannot be opened: {error}")).in_file(path),
    };
    let file = File::open(path).map_err(failed)?;
    let stat = file.metadata().map_err(failed)?;
    if stat.is_dir() {
        let error = Error::new(ErrorKind::NotAFormat, "is a folder, not a file");
        return Err(error.with_hint("name the files in it, such as 'folder/*.nc'").in_file(path));
    }
    Ok((file, stat))
}

/// A lock whose holder cannot leave anything half done, so that a panic elsewhere does not matter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
impl ReadAt for Vec<u8> {
    fn len(&self) -> u64 {
        self.as_slice().len() as u64
    }

    fn read_exact_at(&self, at: u64, into: &mut [u8], _: &ReadMetrics) -> Result<()> {
        let start = usize::try_from(at).expect("memory has fewer bytes");
        let bytes = self.get(start..).and_then(|rest| rest.get(..into.len()));
        into.copy_from_slice(bytes.ok_or_else(|| Error::corrupt("ends too early"))?);
        Ok(())
    }
}

/// Reads that fail, for tests: the one of a number, counted on each thread.
#[cfg(test)]
pub(crate) mod faults {
    use super::shrunk;
    use crate::{Error, Result};
    use std::cell::Cell;

    /// How a read fails.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(crate) enum Fault {
        /// The disk does not give the bytes.
        Device,
        /// There are fewer bytes than there were.
        Short,
    }

    thread_local! {
        static READS: Cell<usize> = const { Cell::new(0) };
        static FAULT: Cell<Option<(usize, Fault)>> = const { Cell::new(None) };
    }

    /// Lets read number `at` fail of all that `work` does on this thread; gives how many there were.
    pub(crate) fn with<T>(fault: Option<(usize, Fault)>, work: impl FnOnce() -> T) -> (T, usize) {
        READS.set(0);
        FAULT.set(fault);
        let done = work();
        FAULT.set(None);
        (done, READS.get())
    }

    pub(super) fn meet(len: usize) -> Result<()> {
        let number = READS.get();
        READS.set(number + 1);
        match FAULT.get() {
            Some((at, Fault::Device)) if at == number => Err(Error::io("cannot be read: Input/output error")),
            Some((at, Fault::Short)) if at == number => Err(shrunk(len as u64)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn more_files_than_may_be_open_are_reopened() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let metrics = ReadMetrics::default();
        let sources: Vec<FileSource> = (0..OPEN_FILES + 10)
            .map(|i| {
                let path = folder.path().join(i.to_string());
                fs::write(&path, format!("file {i:04}")).expect("a small file");
                FileSource::open(&path, &metrics).expect("it was just written")
            })
            .collect();
        for (i, source) in sources.iter().enumerate() {
            let mut bytes = [0; 4];
            source.read_exact_at(5, &mut bytes, &metrics).expect("it has nine bytes");
            assert_eq!(String::from_utf8_lossy(&bytes), format!("{i:04}"));
        }
        let opened = metrics.snapshot().files_opened;
        assert!(opened > sources.len() as u64, "some were closed in between: {opened}");
    }

    #[test]
    fn a_changed_file_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("changing");
        fs::write(&path, "before").expect("a small file");
        let metrics = ReadMetrics::default();
        let source = FileSource::open(&path, &metrics).expect("it was just written");
        *lock(&source.handle.file) = None;
        fs::write(&path, "afterwards").expect("a small file");
        let error = source.read_exact_at(0, &mut [0], &metrics).expect_err("the size differs");
        assert_eq!(error.kind, ErrorKind::Disagree);
        assert_eq!(error.file.as_deref(), Some(path.as_path()));
    }

    #[test]
    fn a_file_that_changes_or_shrinks_while_it_is_open_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("changing");
        let metrics = ReadMetrics::default();
        for (after, words) in [("12345678", "changed"), ("123456789abc", "changed"), ("1", "shorter")] {
            fs::write(&path, "abcdefgh").expect("a small file");
            let source = FileSource::open(&path, &metrics).expect("it was just written");
            source.read_exact_at(0, &mut [0; 8], &metrics).expect("it is what it was");
            // Times of change are kept in steps of some milliseconds.
            std::thread::sleep(Duration::from_millis(20));
            let file = fs::OpenOptions::new().write(true).open(&path).expect("it is there");
            file.write_all_at(after.as_bytes(), 0).expect("it can be written");
            file.set_len(after.len() as u64).expect("it can be cut");
            let error = source.read_exact_at(0, &mut [0; 8], &metrics).expect_err("it is not what it was");
            assert!(error.kind == ErrorKind::Disagree && error.message.contains(words), "{error}");
            assert_eq!(error.file.as_deref(), Some(path.as_path()));
            assert_eq!(source.failure(), Some(error));
        }
    }

    #[test]
    fn reading_past_the_end_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("short");
        fs::write(&path, "short").expect("a small file");
        let metrics = ReadMetrics::default();
        let source = FileSource::open(&path, &metrics).expect("it was just written");
        let error = source.read_exact_at(3, &mut [0; 4], &metrics).expect_err("there are two bytes");
        assert_eq!(error.kind, ErrorKind::Corrupt);
    }
}
