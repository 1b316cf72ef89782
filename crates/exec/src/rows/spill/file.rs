//! Batches on disk: written once, each read back as often as it is wanted, from any thread.

use crate::context::Context;
use crate::error::{Error, Result};
use crate::metrics::Operator;
use crate::source::{Batch, SourceColumn};
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A file without a name: the system deletes it when it is closed, however the program ends.
#[derive(Debug)]
pub(crate) struct SpillFile {
    file: File,
    end: AtomicU64,
    schema: SchemaRef,
    directory: PathBuf,
    operator: Arc<Operator>,
}

/// Where a batch is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    at: u64,
    stored: usize,
    /// Its rows.
    pub(crate) rows: usize,
    /// The bytes that it takes in memory.
    pub(crate) bytes: usize,
}

impl SpillFile {
    /// A new file for rows with these columns, in the context's folder for temporary files.
    ///
    /// # Errors
    /// If the folder takes no files.
    pub(crate) fn create(context: &Context, operator: &Arc<Operator>, columns: &[SourceColumn]) -> Result<Self> {
        let directory = context.temp_directory().to_path_buf();
        let file = tempfile::tempfile_in(&directory).map_err(|error| failed(&directory, "make a file in", &error))?;
        let field = |(at, column): (usize, &SourceColumn)| Field::new(format!("c{at}"), column.ty.to_arrow(), true);
        let schema = Arc::new(Schema::new(columns.iter().enumerate().map(field).collect::<Vec<_>>()));
        Ok(Self { file, end: AtomicU64::new(0), schema, directory, operator: operator.clone() })
    }

    /// The file of a place for one, which is made on first use.
    ///
    /// # Errors
    /// Those of making it.
    pub(crate) fn on_first_use(
        place: &mut Option<Arc<Self>>,
        make: impl FnOnce() -> Result<Self>,
    ) -> Result<Arc<Self>> {
        match place {
            Some(file) => Ok(file.clone()),
            none => Ok(none.insert(Arc::new(make()?)).clone()),
        }
    }

    /// Writes a batch behind those there are.
    ///
    /// # Errors
    /// If the disk is full, or writing fails otherwise.
    pub(crate) fn write(&self, batch: &Batch) -> Result<Segment> {
        let options = RecordBatchOptions::new().with_row_count(Some(batch.rows));
        let record = RecordBatch::try_new_with_options(self.schema.clone(), batch.columns.clone(), &options)?;
        let mut writer = StreamWriter::try_new(Vec::new(), &self.schema)?;
        writer.write(&record)?;
        let stored = writer.into_inner()?;
        let at = self.end.fetch_add(stored.len() as u64, Ordering::Relaxed);
        self.file.write_all_at(&stored, at).map_err(|error| failed(&self.directory, "write to", &error))?;
        self.operator.spilled(stored.len());
        Ok(Segment { at, stored: stored.len(), rows: batch.rows, bytes: batch.bytes() })
    }

    /// Reads a batch.
    ///
    /// # Errors
    /// If reading fails.
    pub(crate) fn read(&self, segment: &Segment) -> Result<Batch> {
        let mut stored = vec![0; segment.stored];
        self.file
            .read_exact_at(&mut stored, segment.at)
            .map_err(|error| failed(&self.directory, "read from", &error))?;
        let mut batches = StreamReader::try_new(stored.as_slice(), None)?;
        let record = batches.next().ok_or_else(|| Error::internal("a spilled batch is empty"))??;
        Ok(Batch { columns: record.columns().to_vec(), rows: segment.rows })
    }
}

fn failed(directory: &std::path::Path, what: &str, error: &std::io::Error) -> Error {
    let folder = directory.display();
    Error::Io(format!(
        "what does not fit the memory limit goes to temporary files, but the program cannot {what} the folder '{folder}': {error} \
         (SET temp_directory names another folder, SET memory_limit raises the limit)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::testing;
    use hyperslab_expr::SqlType;

    #[test]
    fn batches_come_back_as_they_were() {
        let rows = testing::Random(3).rows(1000);
        let source = testing::source(&mut testing::Random(5), 0, &rows);
        let (context, operator) = (testing::context(1), Arc::default());
        let file = SpillFile::create(&context, &operator, source.columns()).unwrap();
        for partition in 0..source.partitions() {
            source
                .run(partition, &mut |batch| {
                    let back = file.read(&file.write(&batch)?)?;
                    assert_eq!((&back.columns, back.rows), (&batch.columns, batch.rows));
                    Ok(std::ops::ControlFlow::Continue(()))
                })
                .unwrap();
        }
    }

    #[test]
    fn rows_without_columns_are_counted() {
        let file = SpillFile::create(&testing::context(1), &Arc::default(), &[]).unwrap();
        let segment = file.write(&Batch { columns: Vec::new(), rows: 7 }).unwrap();
        assert_eq!(file.read(&segment).unwrap().rows, 7);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let context = testing::context(1).with_temp_directory("/no/such/folder".into());
        let columns = [SourceColumn { id: hyperslab_expr::ColumnId(1), ty: SqlType::BigInt }];
        let error = SpillFile::create(&context, &Arc::default(), &columns).unwrap_err().to_string();
        assert!(error.contains("/no/such/folder") && error.contains("SET temp_directory"), "{error}");
    }
}
