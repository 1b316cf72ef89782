//! A file of which objects are read: the one that was opened, or one that its links, virtual datasets or external cells lead to.

use super::links::Listed;
use super::metadata::{Metadata, Widths};
use super::superblock::Superblock;
use crate::io::{FileSource, ReadAt};
use crate::metrics::ReadMetrics;
use crate::{Error, Result};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Files that lead to files are followed this far.
const DEEPEST: usize = 8;

/// The most files that one file leads to in all.
const MOST_FILES: usize = 1 << 14;

/// So much metadata is looked at to find out how long virtual datasets are, in all and of each file that they lead to.
const LOOKED_AT: u64 = 1 << 23;
const LOOKED_AT_OF_EACH: u64 = 1 << 16;

/// An open file.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) path: PathBuf,
    /// The same, whatever links lead to it.
    real: PathBuf,
    pub(super) source: FileSource,
    /// The position from which addresses are counted.
    pub(super) base: u64,
    pub(super) widths: Widths,
    /// The address of the root group.
    pub(super) root: u64,
    /// The address of the header that says more of the file, if there is one.
    extension: Option<u64>,
    /// The groups through which links were followed.
    pub(super) listed: Listed,
    /// How many files led to this one.
    depth: usize,
    /// What was done from the first file on.
    done: Arc<Done>,
}

/// What finding the sources of virtual datasets took, in one file and all that it leads to.
#[derive(Debug, Default)]
struct Done {
    /// How many files were opened.
    opened: AtomicUsize,
    /// Which these were.
    files: Mutex<HashSet<PathBuf>>,
    /// The bytes of metadata that were looked at.
    looked_at: AtomicU64,
}

impl Home {
    pub(super) fn new(source: FileSource) -> Result<Self> {
        Self::with(source, 0, Arc::default())
    }

    fn with(source: FileSource, depth: usize, done: Arc<Done>) -> Result<Self> {
        let Superblock { widths, base, root, extension } = Superblock::read(&source)?;
        let path = source.path().to_owned();
        Ok(Self {
            real: real(&path),
            path,
            source,
            base,
            widths,
            root,
            extension,
            listed: Listed::default(),
            depth,
            done,
        })
    }

    pub(super) fn metadata(&self) -> Metadata<'_> {
        Metadata::new(&self.source, self.base, self.widths, self.extension)
    }

    /// Where a file is that this one names: beside it, if the name is relative. An absolute one that is not there may have moved
    /// with this file.
    fn beside(&self, name: &str) -> PathBuf {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let (stated, moved) = (folder.join(name), Path::new(name).file_name().map(|name| folder.join(name)));
        match moved {
            Some(moved) if Path::new(name).is_absolute() && !stated.exists() => moved,
            Some(_) | None => stated,
        }
    }

    fn named(&self, name: &str) -> PathBuf {
        if name == "." { self.path.clone() } else { self.beside(name) }
    }

    /// Which of some files is the one of a name.
    pub(super) fn find(&self, name: &str, among: &[Arc<Self>]) -> Option<usize> {
        let named = real(&self.named(name));
        among.iter().position(|home| home.real == named)
    }

    /// Opens the HDF5 file of a name.
    pub(super) fn open(&self, name: &str) -> Result<Self> {
        if self.depth >= DEEPEST || self.done.opened.fetch_add(1, Ordering::Relaxed) >= MOST_FILES {
            return Err(Error::corrupt("its links or virtual datasets lead from file to file without an end"));
        }
        let path = self.named(name);
        let home = Self::with(open_plain(&path)?, self.depth + 1, Arc::clone(&self.done));
        let home = home.map_err(|error| error.in_file(&path))?;
        lock(&self.done.files).insert(home.real.clone());
        Ok(home)
    }

    /// Counts the metadata that was looked at for a virtual dataset.
    pub(super) fn count(&self, metadata: &Metadata<'_>) {
        self.done.looked_at.fetch_add(metadata.spent(), Ordering::Relaxed);
    }

    /// Whether more may be looked at, to find out how long virtual datasets are.
    pub(super) fn may_look(&self) -> Result<()> {
        let files = lock(&self.done.files).len() as u64;
        if self.done.looked_at.load(Ordering::Relaxed) <= LOOKED_AT + files * LOOKED_AT_OF_EACH {
            return Ok(());
        }
        Err(Error::corrupt("its virtual datasets lead to the same places over and over"))
    }

    /// Opens a file of plain cells.
    pub(super) fn open_cells(&self, name: &str) -> Result<FileSource> {
        open_plain(&self.beside(name))
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A path without links, if there is such a file.
fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Opens a file, but nothing that only looks like one: a pipe would be waited for.
fn open_plain(path: &Path) -> Result<FileSource> {
    if std::fs::metadata(path).is_ok_and(|about| !about.is_file()) {
        return Err(Error::corrupt("is no plain file").in_file(path));
    }
    FileSource::open(path, &ReadMetrics::default())
}

/// Pieces of files, one after the other, as if they were one.
#[derive(Debug)]
pub(super) struct Pieces {
    /// Where each begins, its file, the position there and its length.
    pieces: Vec<(u64, FileSource, u64, u64)>,
    len: u64,
}

impl Pieces {
    /// Pieces with their position and, unless they go on to the end of the file, their length.
    pub(super) fn new(files: Vec<(FileSource, u64, Option<u64>)>) -> Self {
        let (mut pieces, mut len) = (Vec::new(), 0u64);
        for (file, at, stated) in files {
            let size = stated.unwrap_or(file.len().saturating_sub(at));
            pieces.push((len, file, at, size));
            len = len.saturating_add(size);
        }
        Self { pieces, len }
    }
}

impl ReadAt for Pieces {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, at: u64, into: &mut [u8], metrics: &ReadMetrics) -> Result<()> {
        let end = at.saturating_add(into.len() as u64);
        let mut done = 0;
        for (start, file, position, size) in &self.pieces {
            let (from, upto) = (at.max(*start), end.min(start.saturating_add(*size)));
            if from < upto {
                let target = &mut into[done..][..(upto - from) as usize];
                file.read_exact_at(position.saturating_add(from - start), target, metrics)?;
                done += target.len();
            }
        }
        if done == into.len() { Ok(()) } else { Err(Error::corrupt("its cells lie beyond the end of its files")) }
    }
}
