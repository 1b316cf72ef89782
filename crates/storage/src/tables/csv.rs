//! CSV: what is not said about delimiter, header and types is found out from the first rows, as DuckDB does.

use super::infer::{Candidates, ColumnType, Values};
use super::sequential::{Sequential, storage_error};
use super::{BATCH_ROWS, Batches, PartSize, check_columns};
use crate::io::{FileSource, ReadAt};
use crate::metrics::ReadMetrics;
use crate::{Error, Result};
use ::csv::{ByteRecord, Reader, ReaderBuilder};
use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::collections::HashSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files are read in pieces of so many bytes.
const BUFFER: usize = 256 << 10;

/// The longest row: where a quote is missing, the rest of the file would be one.
const MAX_ROW_BYTES: u64 = 16 << 20;

/// A batch ends after so many bytes of text.
const BATCH_BYTES: usize = 8 << 20;

/// Delimiters that are found out by themselves.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// How many rows are looked at to find out the delimiter.
const DELIMITER_ROWS: usize = 100;

/// How CSV is written; what is absent is found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvOptions {
    /// Whether the first row is the names of the columns.
    pub header: Option<bool>,
    /// What stands between fields.
    pub delimiter: Option<u8>,
    /// What stands around fields that hold delimiters; doubled, it is a part of the field.
    pub quote: u8,
    /// What makes a quote within quotes a part of the field, beside doubling.
    pub escape: Option<u8>,
    /// What begins a line that is none of the rows.
    pub comment: Option<u8>,
    /// The text that is NULL.
    pub null: String,
    /// How many lines at the beginning are left out.
    pub skip: usize,
    /// Whether all columns are text.
    pub all_varchar: bool,
    /// How many rows are looked at to find out types; all if absent.
    pub sample_rows: Option<usize>,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            header: None,
            delimiter: None,
            quote: b'"',
            escape: None,
            comment: None,
            null: String::new(),
            skip: 0,
            all_varchar: false,
            sample_rows: Some(20_480),
        }
    }
}

/// CSV files with the same columns.
#[derive(Debug)]
pub(super) struct CsvFiles {
    files: Vec<Arc<CsvFile>>,
    types: Vec<ColumnType>,
    names: Vec<String>,
    layout: Arc<Layout>,
}

/// How all files of a table are written.
#[derive(Debug)]
struct Layout {
    options: CsvOptions,
    delimiter: u8,
    header: bool,
}

#[derive(Debug)]
struct CsvFile {
    source: Arc<FileSource>,
    /// Where the first line that is not left out begins.
    start: u64,
}

/// The first rows of a file.
struct Sample {
    first: Vec<String>,
    /// What the first row may be, and what the others may be.
    of_first: Vec<Candidates>,
    of_rest: Vec<Candidates>,
    has_rest: bool,
}

impl CsvFiles {
    /// Finds out how files are written. The first says for all what is delimiter and header; all say what types are.
    pub(super) fn open(paths: &[PathBuf], options: &CsvOptions) -> Result<(Self, Vec<FieldRef>)> {
        let files = paths.iter().map(|path| CsvFile::open(path, options)).collect::<Result<Vec<_>>>()?;
        let delimiter = match options.delimiter {
            Some(delimiter) => delimiter,
            None => files[0].find_delimiter(options)?,
        };
        let mut layout = Layout { options: options.clone(), delimiter, header: options.header.unwrap_or(false) };
        let first = files[0].sample(&layout)?;
        layout.header = options.header.unwrap_or_else(|| first.begins_with_names());
        let names = first.names(layout.header);
        let mut candidates = first.candidates(layout.header);
        for file in &files[1..] {
            let sample = file.sample(&layout)?;
            check_columns(&sample.names(layout.header), &names, file.source.path())?;
            candidates.iter_mut().zip(&sample.candidates(layout.header)).for_each(|(all, own)| all.see_all(own));
        }
        let ty = |column: &Candidates| if options.all_varchar { ColumnType::Varchar } else { column.decide() };
        let types: Vec<ColumnType> = candidates.iter().map(ty).collect();
        let field = |(name, ty): (&String, &ColumnType)| Arc::new(Field::new(name, ty.to_arrow(), true));
        let columns = names.iter().zip(&types).map(field).collect();
        let files = files.into_iter().map(Arc::new).collect();
        Ok((Self { files, types, names, layout: Arc::new(layout) }, columns))
    }

    pub(super) fn parts(&self) -> usize {
        self.files.len()
    }

    pub(super) fn size(&self, part: usize) -> PartSize {
        PartSize { chunks: 1, bytes: self.files[part].source.len() as usize, held: BUFFER + 2 * BATCH_BYTES }
    }

    pub(super) fn read(&self, part: usize, columns: &[usize], metrics: &Arc<ReadMetrics>) -> Result<Batches> {
        let file = self.files[part].clone();
        metrics.chunk_read(0, 0);
        let mut rows = Rows::new(&file, &self.layout, metrics);
        if self.layout.header {
            rows.next()?;
        }
        let field = |at: &usize| Field::new(&self.names[*at], self.types[*at].to_arrow(), true);
        Ok(Box::new(CsvBatches {
            columns: columns.iter().map(|at| (*at, self.types[*at], Values::new(self.types[*at]))).collect(),
            schema: Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>())),
            names: self.names.clone(),
            null: self.layout.options.null.clone(),
            rows,
            ended: false,
        }))
    }
}

impl CsvFile {
    fn open(path: &Path, options: &CsvOptions) -> Result<Self> {
        let metrics = Arc::new(ReadMetrics::default());
        let source = Arc::new(FileSource::open(path, &metrics)?);
        let start = start_of_line(&source, &metrics, options.skip)?;
        Ok(Self { source, start })
    }

    /// The delimiter that cuts the first rows into the same number of fields, the most if several do; else the one
    /// that finds most fields in the first row.
    fn find_delimiter(&self, options: &CsvOptions) -> Result<u8> {
        let mut best = (false, 1, DELIMITERS[0]);
        for delimiter in DELIMITERS {
            let layout = Layout { options: options.clone(), delimiter, header: false };
            let mut rows = Rows::new(self, &layout, &Arc::default());
            rows.expected = None;
            let mut counts = Vec::new();
            while counts.len() < DELIMITER_ROWS && rows.next()? {
                counts.push(rows.record.len());
            }
            let fields = counts.first().copied().unwrap_or(1);
            let fits = fields > 1 && counts.iter().all(|count| *count == fields);
            if (fits, fields) > (best.0, best.1) {
                best = (fits, fields, delimiter);
            }
        }
        Ok(best.2)
    }

    /// Looks at the first rows.
    fn sample(&self, layout: &Layout) -> Result<Sample> {
        let mut rows = Rows::new(self, layout, &Arc::default());
        if !rows.next()? {
            let error = Error::corrupt("has no rows, and so no columns").in_file(self.source.path());
            return Err(error.with_hint("leave the file out"));
        }
        let first = (0..rows.record.len()).map(|at| rows.text(at).map(str::to_string)).collect::<Result<Vec<_>>>()?;
        let unknown = vec![Candidates::new(); first.len()];
        let mut sample = Sample { first, of_first: unknown.clone(), of_rest: unknown, has_rest: false };
        look(&rows, &layout.options, &mut sample.of_first)?;
        let most = layout.options.sample_rows.unwrap_or(usize::MAX);
        let mut seen = 0;
        while seen < most && rows.next()? {
            look(&rows, &layout.options, &mut sample.of_rest)?;
            seen += 1;
        }
        sample.has_rest = seen > 0;
        Ok(sample)
    }
}

/// Takes note of the fields of a row.
fn look(rows: &Rows, options: &CsvOptions, candidates: &mut [Candidates]) -> Result<()> {
    for (at, candidates) in candidates.iter_mut().enumerate() {
        let text = rows.text(at)?;
        if text != options.null {
            candidates.see(text);
        }
    }
    Ok(())
}

impl Sample {
    /// As in DuckDB: the first row is names if all columns are text, or if it does not fit the types of the others.
    fn begins_with_names(&self) -> bool {
        let types: Vec<ColumnType> =
            if self.has_rest { &self.of_rest } else { &self.of_first }.iter().map(Candidates::decide).collect();
        let fits = self.first.iter().zip(&types).all(|(text, ty)| text.is_empty() || ty.reads(text));
        types.iter().all(|ty| *ty == ColumnType::Varchar) || self.first.iter().all(String::is_empty) || !fits
    }

    /// The names of the columns, each once: `column0` where there is none, `a_1` for the second `a`.
    fn names(&self, header: bool) -> Vec<String> {
        let mut taken = HashSet::new();
        let mut unique = |name: String| {
            let numbered = (1..).map(|n| format!("{name}_{n}"));
            let mut all = std::iter::once(name.clone()).chain(numbered);
            all.find(|name| taken.insert(name.to_lowercase())).unwrap_or(name)
        };
        let name = |(at, text): (usize, &String)| match text.trim() {
            name if header && !name.is_empty() => name.to_string(),
            _ => format!("column{at}"),
        };
        self.first.iter().enumerate().map(|column| unique(name(column))).collect()
    }

    fn candidates(&self, header: bool) -> Vec<Candidates> {
        let mut all = self.of_rest.clone();
        if !header {
            all.iter_mut().zip(&self.of_first).for_each(|(all, first)| all.see_all(first));
        }
        all
    }
}

/// The rows of a file, one after the other.
struct Rows {
    source: Arc<FileSource>,
    start: u64,
    reader: Reader<Sequential>,
    record: ByteRecord,
    /// How many fields a row has: as many as the first, if rows must be alike.
    expected: Option<usize>,
}

impl Rows {
    fn new(file: &CsvFile, layout: &Layout, metrics: &Arc<ReadMetrics>) -> Self {
        let mut builder = ReaderBuilder::new();
        let options = &layout.options;
        builder.has_headers(false).flexible(true).delimiter(layout.delimiter).quote(options.quote);
        builder.escape(options.escape).comment(options.comment).buffer_capacity(BUFFER);
        let reader = builder.from_reader(Sequential::new(&file.source, metrics, file.start));
        let record = ByteRecord::new();
        Self { source: file.source.clone(), start: file.start, reader, record, expected: Some(0) }
    }

    /// Goes to the next row; whether there is one.
    ///
    /// # Errors
    /// If it cannot be read, or has not as many fields as the first.
    fn next(&mut self) -> Result<bool> {
        self.reader.get_mut().allow(MAX_ROW_BYTES);
        let place = self.reader.position().byte();
        let more = self.reader.read_byte_record(&mut self.record).map_err(|error| self.failed(&error, place))?;
        match self.expected {
            Some(0) if more => self.expected = Some(self.record.len()),
            Some(expected) if more && self.record.len() != expected => {
                let found = self.record.len();
                let s = if found == 1 { "" } else { "s" };
                let error = self.at_row(format!("has {found} field{s}, but the first row has {expected}"));
                return Err(error.with_hint("a field that holds the delimiter stands in quotes"));
            }
            Some(_) | None => {}
        }
        Ok(more)
    }

    /// A field of the row.
    ///
    /// # Errors
    /// If it is no text.
    fn text(&self, at: usize) -> Result<&str> {
        std::str::from_utf8(&self.record[at]).map_err(|_| {
            let error = self.at_row(format!("field {} is not UTF-8", at + 1));
            error.with_hint("convert the file, such as with iconv")
        })
    }

    fn failed(&self, error: &::csv::Error, place: u64) -> Error {
        let ::csv::ErrorKind::Io(io) = error.kind() else {
            return Error::corrupt(error.to_string()).in_file(self.source.path());
        };
        match storage_error(io) {
            Some(error) => error,
            None if io.kind() == std::io::ErrorKind::FileTooLarge => self
                .at_place(place, format!("has a row of more than {} MiB", MAX_ROW_BYTES >> 20))
                .with_hint("a quote may be missing"),
            None => Error::io(format!("cannot be read: {io}")).in_file(self.source.path()),
        }
    }

    /// An error of the row.
    fn at_row(&self, message: String) -> Error {
        self.at_place(self.record.position().map_or(0, ::csv::Position::byte), message)
    }

    /// An error of the row that begins at a byte, counted from where rows begin. The line is only looked for here.
    fn at_place(&self, place: u64, message: String) -> Error {
        let message = match line_of(&self.source, self.start + place) {
            Ok(line) => format!("line {line} {message}"),
            Err(_) => message,
        };
        Error::corrupt(message).in_file(self.source.path())
    }
}

/// Where the line begins that has so many before it.
fn start_of_line(source: &Arc<FileSource>, metrics: &Arc<ReadMetrics>, lines: usize) -> Result<u64> {
    let (mut left, mut start) = (lines, 0);
    let mut file = Sequential::new(source, metrics, 0);
    let mut bytes = vec![0; BUFFER];
    while left > 0 {
        let before = file.at();
        let read = file.read(&mut bytes).map_err(|error| cannot_read(source, &error))?;
        if read == 0 {
            return Ok(before);
        }
        let ends = bytes[..read].iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        for (at, _) in ends.take(left) {
            left -= 1;
            start = before + at as u64 + 1;
        }
    }
    Ok(start)
}

/// The 1-based number of the line on which the row stands that is looked for from `place` on.
fn line_of(source: &Arc<FileSource>, place: u64) -> Result<u64> {
    let mut file = Sequential::new(source, &Arc::default(), 0);
    let (mut line, mut at) = (1, 0);
    let mut bytes = vec![0; BUFFER];
    loop {
        let read = file.read(&mut bytes).map_err(|error| cannot_read(source, &error))?;
        for byte in &bytes[..read] {
            // Empty lines before a row are not part of it.
            if at >= place && !matches!(byte, b'\n' | b'\r') {
                return Ok(line);
            }
            line += u64::from(*byte == b'\n');
            at += 1;
        }
        if read == 0 {
            return Ok(line);
        }
    }
}

fn cannot_read(source: &FileSource, error: &std::io::Error) -> Error {
    storage_error(error).unwrap_or_else(|| Error::io(format!("cannot be read: {error}")).in_file(source.path()))
}

/// Reads the batches of a file.
struct CsvBatches {
    rows: Rows,
    /// The columns wanted: which they are, and their values.
    columns: Vec<(usize, ColumnType, Values)>,
    schema: SchemaRef,
    names: Vec<String>,
    null: String,
    ended: bool,
}

impl CsvBatches {
    fn batch(&mut self) -> Result<Option<RecordBatch>> {
        let (mut rows, mut bytes) = (0, 0);
        while rows < BATCH_ROWS && bytes < BATCH_BYTES && self.rows.next()? {
            self.push_row()?;
            rows += 1;
            bytes += self.rows.record.as_slice().len();
        }
        if rows == 0 {
            return Ok(None);
        }
        let arrays = self.columns.iter_mut().map(|(_, _, values)| values.finish()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options);
        batch.map(Some).map_err(|error| Error::corrupt(error.to_string()).in_file(self.rows.source.path()))
    }

    fn push_row(&mut self) -> Result<()> {
        for (at, ty, values) in &mut self.columns {
            let text = self.rows.text(*at)?;
            if !values.push(Some(text).filter(|text| *text != self.null)) {
                let error = self.rows.at_row(format!("has '{text}' where column {} is {}", self.names[*at], ty.name()));
                return Err(error.with_hint("read_csv('..', all_varchar => true) reads all as text, sample_size => -1 looks at all rows for types, nullstr => '..' names the text that is NULL"));
            }
        }
        Ok(())
    }
}

impl Iterator for CsvBatches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.batch().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{Table, TableOptions};
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;

    fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a small file");
        path.to_str().expect("plain").to_string()
    }

    fn open(path: &str, options: CsvOptions) -> Result<Table> {
        Table::open(&[path.to_string()], &TableOptions::Csv(options))
    }

    fn columns(table: &Table) -> Vec<String> {
        table.columns().iter().map(|field| format!("{} {}", field.name(), field.data_type())).collect()
    }

    fn all(table: &Table, columns: &[usize]) -> Result<Vec<RecordBatch>> {
        (0..table.parts()).flat_map(|part| table.read(part, columns, &Arc::default()).expect("it opens")).collect()
    }

    #[test]
    fn delimiter_header_and_names_are_found_out() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cases: [(&str, &[&str], usize); 9] = [
            ("a;b\n1;2,5\n", &["a Int64", "b Utf8"], 1),
            ("a\tb\r\n1\t2.5\r\n", &["a Int64", "b Float64"], 1),
            ("1,2\n3,4\n", &["column0 Int64", "column1 Int64"], 2),
            ("x,y\nz,w\n", &["x Utf8", "y Utf8"], 1),
            ("1\n", &["column0 Int64"], 1),
            ("a,\n1,2\n", &["a Int64", "column1 Int64"], 1),
            ("a,A,a\n1,2,3", &["a Int64", "A_1 Int64", "a_2 Int64"], 1),
            ("\u{feff} a ,b\n\n1,\n", &["a Int64", "b Utf8"], 1),
            ("a,b\n", &["a Utf8", "b Utf8"], 0),
        ];
        for (text, wanted, rows) in cases {
            let table = open(&write(folder.path(), "x.csv", text), CsvOptions::default()).expect(text);
            assert_eq!(columns(&table), wanted, "{text:?}");
            let batches = all(&table, &[]).expect(text);
            assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), rows, "{text:?}");
        }
    }

    #[test]
    fn what_is_said_is_not_found_out() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = write(folder.path(), "x.csv", "made by hand\n# note\na,b\n'1,5',-99\n");
        let options = CsvOptions {
            skip: 1,
            comment: Some(b'#'),
            quote: b'\'',
            null: "-99".to_string(),
            delimiter: Some(b','),
            ..CsvOptions::default()
        };
        let table = open(&path, options).expect("it fits");
        let batch = &all(&table, &[1, 0]).expect("it fits")[0];
        assert_eq!(batch.column(1).as_string::<i32>().value(0), "1,5");
        assert_eq!(batch.column(0).null_count(), 1);
    }

    #[test]
    fn errors_name_the_line() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = |text: &[u8], options: CsvOptions| {
            let path = write(folder.path(), "x.csv", text);
            let table = open(&path, options);
            table
                .and_then(|table| all(&table, &(0..table.columns().len()).collect::<Vec<_>>()))
                .expect_err("it is wrong")
        };
        let short = CsvOptions { sample_rows: Some(1), ..CsvOptions::default() };
        let ragged = error(b"a,b\n1,2\n\n\"3\n\",4\n5\n", CsvOptions::default());
        assert_eq!(ragged.message, "line 6 has 1 field, but the first row has 2");
        let ragged = error(b"a,b\r\n1,2\r\n3,4,5\r\n", short.clone());
        assert_eq!(ragged.message, "line 3 has 3 fields, but the first row has 2");
        let value = error(b"a,b\n1,2\n3,x\n", short.clone());
        assert_eq!(value.message, "line 3 has 'x' where column b is BIGINT");
        assert_eq!(error(b"a,b\n1,2\n3,\xff\n", short).message, "line 3 field 2 is not UTF-8");
        assert_eq!(error(b"", CsvOptions::default()).message, "has no rows, and so no columns");
    }

    #[test]
    fn an_open_quote_is_found_before_the_file_is_one_row() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut text = b"a,b\n1,2\n\"3,4\n".to_vec();
        text.resize(MAX_ROW_BYTES as usize + 2 * BUFFER, b'x');
        let error = open(&write(folder.path(), "x.csv", text), CsvOptions::default()).expect_err("a quote is open");
        assert_eq!(error.message, "line 3 has a row of more than 16 MiB");
    }

    #[test]
    fn long_files_come_in_batches_and_several_are_one_table() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text: String = (0..20_000).map(|n| format!("{n},{}\n", n * 2)).collect();
        write(folder.path(), "a.csv", format!("n,m\n{text}"));
        write(folder.path(), "b.csv", "n,m\n-1,0.5\n");
        let table = open(&format!("{}/?.csv", folder.path().display()), CsvOptions::default()).expect("they fit");
        assert_eq!(columns(&table), ["n Int64", "m Float64"]);
        let batches = all(&table, &[0]).expect("they fit");
        assert!(batches.iter().all(|batch| batch.num_rows() <= BATCH_ROWS) && batches.len() == 4);
        let numbers = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec());
        assert!(numbers.eq((0..20_000).chain([-1])));
        write(folder.path(), "c.csv", "n,other\n1,2\n");
        let error =
            open(&format!("{}/?.csv", folder.path().display()), CsvOptions::default()).expect_err("names differ");
        assert!(error.file.is_some_and(|file| file.ends_with("c.csv")), "{}", error.message);
    }
}
