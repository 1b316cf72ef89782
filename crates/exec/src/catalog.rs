//! Datasets of files, as planning sees them and as the operators find them again; tables are beside ([`crate::tables`]).
//!
//! Translates the options of `read_netcdf(.., name => value)`; knows no SQL and no columns of a plan.

use crate::memory::{Given, MemoryPool};
use crate::options::{ReadOption, read_options, truth, word};
use crate::tables::{self, OpenTable};
use hyperslab_grid::{ChunkGrid, Packing, Region, schema::DatasetSchema};
use hyperslab_plan::{Catalog, DatasetSource, Error, Regrid, RegridTarget, Result, Source, TableFormat, TableSource};
use hyperslab_storage::tables::Table;
use hyperslab_storage::{self as storage, Dataset, Engine, OpenOptions, Overlap, Target};
use rayon::ThreadPool;
use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Opens files. The same source is opened once: make a catalog a query.
#[derive(Debug)]
pub struct FileCatalog {
    threads: Arc<ThreadPool>,
    /// Where the labels of datasets are held.
    memory: MemoryPool,
    opened: Mutex<Opened>,
    tables: Mutex<Vec<(TableFormat, Source, Arc<OpenTable>)>>,
    failure: Failure,
}

/// The datasets opened so far.
type Opened = Vec<(Source, Arc<OpenDataset>)>;

/// What failed first while files were opened or their coordinates were read. Planning only passes words on.
#[derive(Clone, Debug, Default)]
struct Failure(Arc<Mutex<Option<hyperslab_storage::Error>>>);

impl Failure {
    /// Keeps the error and puts it into words.
    fn note(&self, error: hyperslab_storage::Error) -> Error {
        let hint = error.hint.clone();
        let told = Error::new(hyperslab_storage::Error { hint: None, ..error.clone() }.to_string());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        match hint {
            Some(hint) => told.with_hint(hint),
            None => told,
        }
    }
}

impl FileCatalog {
    /// A catalog that opens files on these threads, and holds labels in at most half of this memory.
    pub fn new(threads: Arc<ThreadPool>, memory: MemoryPool) -> Self {
        Self { threads, memory, opened: Mutex::default(), tables: Mutex::default(), failure: Failure::default() }
    }

    fn open_once(&self, opened: &mut Opened, source: &Source) -> Result<Arc<OpenDataset>> {
        if let Some((_, dataset)) = opened.iter().find(|(known, _)| known == source) {
            return Ok(dataset.clone());
        }
        let dataset = match &source.regrid {
            _ if !source.corners.is_empty() => self.with_corners(opened, source)?,
            Some(regrid) => self.regridded(opened, source, regrid)?,
            None => {
                let given = read_options(OPEN_OPTIONS, &source.options)?;
                self.open_files(&source.paths, given).map_err(|error| self.failure.note(error))?
            }
        };
        let dataset = Arc::new(OpenDataset(Arc::new(dataset), self.failure.clone(), self.label_bytes()));
        opened.push((source.clone(), dataset.clone()));
        Ok(dataset)
    }

    /// Opens files; their labels take from the memory limit as long as the dataset is there.
    fn open_files(&self, paths: &[String], given: OpenOptions) -> storage::Result<Dataset> {
        let options = OpenOptions { label_bytes: self.label_bytes(), ..given };
        let room = Given::new(&self.memory, "labels of axes").room();
        self.threads.install(|| Dataset::open_within(paths, &options, &room))
    }

    /// What the labels of a dataset may take.
    fn label_bytes(&self) -> usize {
        OpenOptions::within(self.memory.limit()).label_bytes
    }

    fn regridded(&self, opened: &mut Opened, source: &Source, regrid: &Regrid) -> Result<Dataset> {
        let base = self.open_once(opened, &Source::new(source.paths.clone(), source.options.clone()))?;
        let target = match &regrid.target {
            None => Target::Own,
            Some(RegridTarget::Global { longitudes, latitudes }) => {
                Target::Global { longitudes: *longitudes, latitudes: *latitudes }
            }
            Some(RegridTarget::Like(other)) => Target::Like(self.open_once(opened, other)?.0.clone()),
        };
        let Regrid { axes, method, min_fraction, .. } = regrid.clone();
        let regrid = storage::Regrid { target, axes, method, min_fraction };
        self.threads.install(|| base.0.regrid(&regrid)).map_err(|error| self.failure.note(error))
    }

    fn with_corners(&self, opened: &mut Opened, source: &Source) -> Result<Dataset> {
        let base = self.open_once(opened, &Source { corners: Vec::new(), ..source.clone() })?;
        base.0.with_corners(&source.corners).map_err(|error| self.failure.note(error))
    }

    /// What failed first when files were opened or their coordinates were read.
    pub fn failure(&self) -> Option<hyperslab_storage::Error> {
        self.failure.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Catalog for FileCatalog {
    fn open(&self, source: &Source) -> Result<Arc<dyn DatasetSource>> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(self.open_once(&mut opened, source)?)
    }

    fn open_table(&self, format: TableFormat, source: &Source) -> Result<Arc<dyn TableSource>> {
        let mut opened = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((.., table)) = opened.iter().find(|(known, of, _)| *known == format && of == source) {
            return Ok(table.clone());
        }
        let options = tables::options(format, &source.options)?;
        let table = self.threads.install(|| Table::open(&source.paths, &options));
        let table = Arc::new(OpenTable(Arc::new(table.map_err(|error| self.failure.note(error))?)));
        opened.push((format, source.clone(), table.clone()));
        Ok(table)
    }
}

/// A dataset of files, what failed first, and how many bytes its labels may take.
pub struct OpenDataset(pub Arc<Dataset>, Failure, usize);

impl OpenDataset {
    /// A dataset that no catalog opened.
    pub fn new(dataset: Arc<Dataset>) -> Self {
        Self(dataset, Failure::default(), OpenOptions::default().label_bytes)
    }
}

impl fmt::Debug for OpenDataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenDataset({} files)", self.0.files().len())
    }
}

impl DatasetSource for OpenDataset {
    fn schema(&self) -> &DatasetSchema {
        self.0.schema()
    }

    fn coordinate(&self, variable: usize) -> Result<arrow::array::ArrayRef> {
        self.0.coordinate(variable).map_err(|error| self.1.note(error))
    }

    fn plane(&self, variable: usize, bytes: usize) -> Result<arrow::array::ArrayRef> {
        let size = self.0.schema().variables[variable].stored_size + bytes;
        self.0.plane(variable, self.2 / size).map_err(|error| self.1.note(error))
    }

    fn chunk_grid(&self, variable: usize) -> ChunkGrid {
        self.0.chunk_grid(variable)
    }

    fn stored(&self, variable: usize, region: &Region) -> (Region, ChunkGrid) {
        self.0.stored(variable, region)
    }

    fn read_again(&self, variable: usize, region: &Region) -> usize {
        self.0.read_again(variable, region)
    }

    fn paths(&self) -> Vec<String> {
        self.0.files().into_iter().map(|path| path.display().to_string()).collect()
    }

    fn packing(&self, variable: usize) -> Option<Packing> {
        self.0.packing(variable)
    }

    fn files(&self) -> usize {
        self.0.files().len()
    }

    fn warnings(&self) -> &[String] {
        self.0.warnings()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

static OPEN_OPTIONS: &[ReadOption<OpenOptions>] = &[
    ReadOption {
        name: "engine",
        values: "'direct' or 'c'",
        read: |options, value| {
            options.engine = match word(value)?.to_ascii_lowercase().as_str() {
                "direct" => Engine::Direct,
                "c" => Engine::C,
                _ => return None,
            };
            Some(())
        },
    },
    ReadOption {
        name: "overlap",
        values: "'error', 'first', 'last' or 'keep'",
        read: |options, value| {
            options.overlap = Overlap::from_name(word(value)?)?;
            Some(())
        },
    },
    ReadOption {
        name: "valid_range",
        values: "true or false",
        read: |options, value| {
            options.valid_range = truth(value)?;
            Some(())
        },
    },
    ReadOption {
        name: "decode_times",
        values: "true or false",
        read: |options, value| {
            options.decode_times = truth(value)?;
            Some(())
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab_expr::Scalar;

    #[test]
    fn options_are_read() {
        let given = [("overlap", Scalar::Varchar("LAST".into())), ("decode_times", Scalar::Boolean(false))];
        let given = given.map(|(name, value)| (name.to_string(), value));
        let wanted = OpenOptions { overlap: Overlap::Last, decode_times: false, ..OpenOptions::default() };
        assert_eq!(read_options(OPEN_OPTIONS, &given), Ok(wanted));
    }

    #[test]
    fn a_failure_is_kept_with_file_and_kind() {
        let catalog = FileCatalog::new(crate::thread_pool(1).expect("a thread"), MemoryPool::new(1 << 30));
        let source = Source::new(vec!["no/such/file.nc".to_string()], Vec::new());
        let told = catalog.open(&source).expect_err("there is no such file");
        let kept = catalog.failure().expect("the first failure is kept");
        assert!(told.message.contains("no/such/file.nc") && kept.file.is_some(), "{told}");
    }
}
