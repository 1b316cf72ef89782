//! Datasets of files, as planning sees them and as the operators find them again.
//!
//! Translates the options of `read_netcdf(.., name => value)`; knows no SQL and no columns of a plan.

use hyperslab_expr::{Scalar, closest};
use hyperslab_grid::{ChunkGrid, schema::DatasetSchema};
use hyperslab_plan::{Catalog, DatasetSource, Error, Result, Source};
use hyperslab_storage::{Dataset, Engine, OpenOptions, Overlap};
use rayon::ThreadPool;
use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Opens files. The same source is opened once: make a catalog a query.
#[derive(Debug)]
pub struct FileCatalog {
    threads: Arc<ThreadPool>,
    opened: Mutex<Vec<(Source, Arc<OpenDataset>)>>,
    failure: Failure,
}

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
    /// A catalog that opens files on these threads.
    pub fn new(threads: Arc<ThreadPool>) -> Self {
        Self { threads, opened: Mutex::default(), failure: Failure::default() }
    }

    /// What failed first when files were opened or their coordinates were read.
    pub fn failure(&self) -> Option<hyperslab_storage::Error> {
        self.failure.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Catalog for FileCatalog {
    fn open(&self, source: &Source) -> Result<Arc<dyn DatasetSource>> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, dataset)) = opened.iter().find(|(known, _)| known == source) {
            return Ok(dataset.clone());
        }
        let options = open_options(&source.options)?;
        let dataset = self.threads.install(|| Dataset::open(&source.paths, &options));
        let dataset = dataset.map_err(|error| self.failure.note(error))?;
        let dataset = Arc::new(OpenDataset(Arc::new(dataset), self.failure.clone()));
        opened.push((source.clone(), dataset.clone()));
        Ok(dataset)
    }
}

/// A dataset of files.
pub struct OpenDataset(pub Arc<Dataset>, Failure);

impl OpenDataset {
    /// A dataset that no catalog opened.
    pub fn new(dataset: Arc<Dataset>) -> Self {
        Self(dataset, Failure::default())
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

    fn chunk_grid(&self, variable: usize) -> ChunkGrid {
        self.0.chunk_grid(variable)
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

/// An option of `read_netcdf`.
struct OpenOption {
    name: &'static str,
    values: &'static str,
    read: fn(&mut OpenOptions, &Scalar) -> Option<()>,
}

static OPEN_OPTIONS: &[OpenOption] = &[
    OpenOption {
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
    OpenOption {
        name: "overlap",
        values: "'error', 'first', 'last' or 'keep'",
        read: |options, value| {
            options.overlap = Overlap::from_name(word(value)?)?;
            Some(())
        },
    },
    OpenOption {
        name: "valid_range",
        values: "true or false",
        read: |options, value| {
            options.valid_range = truth(value)?;
            Some(())
        },
    },
    OpenOption {
        name: "decode_times",
        values: "true or false",
        read: |options, value| {
            options.decode_times = truth(value)?;
            Some(())
        },
    },
];

/// The options as storage takes them.
fn open_options(given: &[(String, Scalar)]) -> Result<OpenOptions> {
    let mut options = OpenOptions::default();
    for (name, value) in given {
        let option = OPEN_OPTIONS.iter().find(|option| option.name == name).ok_or_else(|| unknown_option(name))?;
        (option.read)(&mut options, value).ok_or_else(|| {
            Error::new(format!("the option {name} does not take this value"))
                .with_hint(format!("it is {}", option.values))
        })?;
    }
    Ok(options)
}

fn unknown_option(name: &str) -> Error {
    let names: Vec<&str> = OPEN_OPTIONS.iter().map(|option| option.name).collect();
    Error::new(format!("there is no option {name}")).with_hint(match closest(name, names.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("the options are {}", names.join(", ")),
    })
}

fn word(value: &Scalar) -> Option<&str> {
    if let Scalar::Varchar(text) = value { Some(text) } else { None }
}

fn truth(value: &Scalar) -> Option<bool> {
    if let Scalar::Boolean(truth) = value { Some(*truth) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(given: &[(&str, Scalar)]) -> Result<OpenOptions> {
        open_options(&given.iter().map(|(name, value)| (name.to_string(), value.clone())).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read() {
        let given = [("overlap", Scalar::Varchar("LAST".into())), ("decode_times", Scalar::Boolean(false))];
        let wanted = OpenOptions { overlap: Overlap::Last, decode_times: false, ..OpenOptions::default() };
        assert_eq!(options(&given), Ok(wanted));
    }

    #[test]
    fn wrong_options_are_explained() {
        let unknown = options(&[("overlaps", Scalar::Boolean(true))]).expect_err("no such option");
        assert_eq!(unknown.to_string(), "there is no option overlaps (did you mean overlap?)");
        let value = options(&[("valid_range", Scalar::Varchar("yes".into()))]).expect_err("no such value");
        assert_eq!(value.to_string(), "the option valid_range does not take this value (it is true or false)");
        assert!(options(&[("speed", Scalar::Boolean(true))]).expect_err("no such option").hint.is_some());
    }

    #[test]
    fn a_failure_is_kept_with_file_and_kind() {
        let catalog = FileCatalog::new(crate::thread_pool(1).expect("a thread"));
        let source = Source { paths: vec!["no/such/file.nc".to_string()], options: Vec::new() };
        let told = catalog.open(&source).expect_err("there is no such file");
        let kept = catalog.failure().expect("the first failure is kept");
        assert!(told.message.contains("no/such/file.nc") && kept.file.is_some(), "{told}");
    }
}
