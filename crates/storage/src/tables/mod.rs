//! Files of rows: CSV, Parquet and GeoJSON, one or many as one table.
//!
//! A [`Table`] has columns, and parts: what one thread reads at a time, a row group of Parquet or a whole file of CSV or GeoJSON. The
//! parts laid end to end are the rows, files in the order of their paths. Rows leave as Arrow batches, in those of Arrow's
//! types that the engine knows. [`ParquetWriter`] is the way back.
//!
//! # Invariants
//! * Opening reads footers, or the first rows of CSV; what a read holds does not grow with the file. GeoJSON, which is for
//!   small tables of shapes, is read whole both times.
//! * The cuts between parts and batches are fixed by the files.
//!
//! # What it must never know
//! Dimensions, CF, and what a query does with the rows.

mod csv;
mod geojson;
mod infer;
mod parquet;
mod sequential;
mod write_parquet;

pub use csv::CsvOptions;
pub use write_parquet::{Compression, ParquetWriter, RowGroup, RowGroupEncoder};

use crate::metrics::ReadMetrics;
use crate::{Error, Result};
use arrow::datatypes::FieldRef;
use arrow::record_batch::RecordBatch;
use csv::CsvFiles;
use geojson::GeoJsonFiles;
use parquet::ParquetFiles;
use std::path::Path;
use std::sync::Arc;

/// How many rows a batch has at most.
const BATCH_ROWS: usize = 8192;

/// How files of rows are opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableOptions {
    /// As CSV.
    Csv(CsvOptions),
    /// As Parquet.
    Parquet,
    /// As GeoJSON.
    GeoJson,
}

/// One or many files of rows.
#[derive(Debug)]
pub struct Table {
    columns: Vec<FieldRef>,
    warnings: Vec<String>,
    files: Files,
}

#[derive(Debug)]
enum Files {
    Csv(CsvFiles),
    Parquet(ParquetFiles),
    GeoJson(GeoJsonFiles),
}

/// What reading some columns of a part takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartSize {
    /// Units of storage: columns of a row group, or a CSV file.
    pub chunks: usize,
    /// Bytes of values once decompressed.
    pub bytes: usize,
    /// Bytes held while it is read, batches that were handed out not counted.
    pub held: usize,
}

/// The rows of a part, some at a time.
pub type Batches = Box<dyn Iterator<Item = Result<RecordBatch>>>;

impl Table {
    /// Opens the files that paths and globs name.
    ///
    /// # Errors
    /// If a file is missing or damaged, or its columns are not those of the others.
    pub fn open(sources: &[String], options: &TableOptions) -> Result<Self> {
        let paths = crate::sources::expand(sources)?;
        match options {
            TableOptions::Csv(options) => {
                let (files, columns) = CsvFiles::open(&paths, options)?;
                Ok(Self { columns, warnings: Vec::new(), files: Files::Csv(files) })
            }
            TableOptions::Parquet => {
                let (files, columns, warnings) = ParquetFiles::open(&paths)?;
                Ok(Self { columns, warnings, files: Files::Parquet(files) })
            }
            TableOptions::GeoJson => {
                let (files, columns, warnings) = GeoJsonFiles::open(&paths)?;
                Ok(Self { columns, warnings, files: Files::GeoJson(files) })
            }
        }
    }

    /// Its columns, with attributes where the files keep any.
    pub fn columns(&self) -> &[FieldRef] {
        &self.columns
    }

    /// What was doubtful when it was opened.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// How many files it is.
    pub fn files(&self) -> usize {
        match &self.files {
            Files::Csv(files) => files.parts(),
            Files::Parquet(files) => files.len(),
            Files::GeoJson(files) => files.parts(),
        }
    }

    /// The number of rows, where the files say it.
    pub fn rows(&self) -> Option<u64> {
        match &self.files {
            Files::Csv(_) => None,
            Files::Parquet(files) => Some(files.rows()),
            Files::GeoJson(files) => Some(files.rows()),
        }
    }

    /// How many parts there are.
    pub fn parts(&self) -> usize {
        match &self.files {
            Files::Csv(files) => files.parts(),
            Files::Parquet(files) => files.parts(),
            Files::GeoJson(files) => files.parts(),
        }
    }

    /// What reading these columns of a part takes.
    pub fn size(&self, part: usize, columns: &[usize]) -> PartSize {
        match &self.files {
            Files::Csv(files) => files.size(part),
            Files::Parquet(files) => files.size(part, columns),
            Files::GeoJson(files) => files.size(part),
        }
    }

    /// Reads these columns of a part.
    ///
    /// # Errors
    /// If the file cannot be opened, now, or read, in the course of it.
    pub fn read(&self, part: usize, columns: &[usize], metrics: &Arc<ReadMetrics>) -> Result<Batches> {
        match &self.files {
            Files::Csv(files) => files.read(part, columns, metrics),
            Files::Parquet(files) => files.read(part, columns, metrics),
            Files::GeoJson(files) => files.read(part, columns, metrics),
        }
    }
}

/// # Errors
/// If the columns of a file are not those of the first.
fn check_columns(own: &[String], first: &[String], path: &Path) -> Result<()> {
    if own == first {
        return Ok(());
    }
    let message = format!("has the columns {}, but the first file has {}", own.join(", "), first.join(", "));
    let error = Error::new(crate::ErrorKind::Disagree, message).in_file(path);
    Err(error.with_hint("files of one table have the same columns; UNION ALL puts together what differs"))
}
