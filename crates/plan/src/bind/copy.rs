//! `COPY (query) TO 'path' (FORMAT .., option ..)`: the format and its options, named as in DuckDB.

use super::binder::Binder;
use super::refuse::{at_node, unsupported};
use super::scope::{quoted, with_names};
use crate::{BoundQuery, Column, Error, Result, RowPlan, Span};
use hyperslab_expr::{ColumnId, Expr, Scalar, SqlType};
use serde::{Deserialize, Serialize};
use sqlparser::ast::{self, UtilityOption};
use std::collections::HashSet;

/// A statement `COPY`, as parsed.
pub(super) struct Copy {
    pub(super) query: Box<ast::Query>,
    pub(super) path: ast::Expr,
    pub(super) options: Vec<UtilityOption>,
}

/// Where the rows of a query go, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyTarget {
    /// The file.
    pub path: String,
    /// How it is written.
    pub format: CopyFormat,
}

/// How a file of rows is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CopyFormat {
    /// CSV.
    Csv {
        /// Whether the first row is the names of the columns.
        header: bool,
        /// What stands between fields.
        delimiter: u8,
    },
    /// JSON.
    Json {
        /// Whether the objects stand in one array; else each on a line of its own.
        array: bool,
    },
    /// Parquet.
    Parquet {
        /// How pages are compressed.
        compression: ParquetCompression,
        /// How many rows a row group has at most.
        row_group_rows: usize,
    },
    /// NetCDF-4.
    NetCdf {
        /// The columns that are dimensions, the outermost first.
        dimensions: Vec<String>,
    },
}

/// How the pages of a Parquet file are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "they are their names")]
pub enum ParquetCompression {
    Uncompressed,
    Snappy,
    Zstd,
    Gzip,
    Lz4,
}

/// As DuckDB writes them.
const ROW_GROUP_ROWS: usize = 122_880;

/// What `FORMAT`, or the ending of a file's name, can be, and what is written then if nothing else is said.
static COPY_FORMATS: &[(&str, CopyFormat)] = &[
    ("csv", CopyFormat::Csv { header: true, delimiter: b',' }),
    ("tsv", CopyFormat::Csv { header: true, delimiter: b'\t' }),
    ("json", CopyFormat::Json { array: true }),
    ("jsonl", CopyFormat::Json { array: false }),
    ("ndjson", CopyFormat::Json { array: false }),
    ("parquet", PARQUET),
    ("pq", PARQUET),
    ("netcdf", NETCDF),
    ("nc", NETCDF),
    ("nc4", NETCDF),
];

const NETCDF: CopyFormat = CopyFormat::NetCdf { dimensions: Vec::new() };

const PARQUET: CopyFormat =
    CopyFormat::Parquet { compression: ParquetCompression::Snappy, row_group_rows: ROW_GROUP_ROWS };

/// For each dimension of a grid to be written a query for its labels, in the order in which they first come; none for other
/// formats. The dimensions are named at `at`.
///
/// # Errors
/// If a dimension is no column, or is named twice.
pub(super) fn labels(query: &BoundQuery, target: &CopyTarget, at: Option<Span>) -> Result<Vec<BoundQuery>> {
    let CopyFormat::NetCdf { dimensions } = &target.format else { return Ok(Vec::new()) };
    let columns = query.columns();
    let of_dimension = |(nth, name): (usize, &String)| {
        let wrong = |message: String| {
            let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
            Err(with_names(Error::new(message), name, &names).or_at(at))
        };
        let Some(column) = columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)).cloned() else {
            return wrong(format!("the dimension {} is no column of the query", quoted(name)));
        };
        if dimensions[..nth].iter().any(|other| other.eq_ignore_ascii_case(name)) {
            return wrong(format!("the dimension {} is named twice", quoted(name)));
        }
        let mut own = query.clone();
        let label = Column { id: ColumnId(own.next_column), ..column.clone() };
        own.next_column += 1;
        let keys = vec![(label, Expr::Column(column.id, column.ty))];
        own.plan = RowPlan::Aggregate { input: Box::new(own.plan), keys, aggregates: Vec::new() };
        Ok(own)
    };
    dimensions.iter().enumerate().map(of_dimension).collect()
}

/// The query with columns that the file can have: in Parquet and NetCDF names differ, and Parquet knows times of one calendar.
pub(super) fn fitting(mut query: BoundQuery, target: &CopyTarget) -> BoundQuery {
    let is_parquet = matches!(target.format, CopyFormat::Parquet { .. });
    if !is_parquet && !matches!(target.format, CopyFormat::NetCdf { .. }) {
        return query;
    }
    let (own, mut columns) = (query.columns(), query.columns());
    let mut names: HashSet<String> = HashSet::new();
    for column in &mut columns {
        let numbered = |n: usize| if n == 0 { column.name.clone() } else { format!("{}_{n}", column.name) };
        let free = (0..).map(numbered).find(|name| !names.contains(&name.to_lowercase()));
        column.name = free.expect("there are more numbers than columns");
        names.insert(column.name.to_lowercase());
        if let SqlType::Timestamp(calendar) = column.ty
            && is_parquet
            && column.ty != SqlType::TIMESTAMP
        {
            let name = quoted(&column.name);
            query.warnings.push(format!(
                "{name} is a time in the calendar {calendar}, which Parquet does not know: it is written as BIGINT, in \
                 microseconds, with the calendar in its metadata; CAST({name} AS TIMESTAMP) makes it a date like others"
            ));
        }
    }
    if columns != own {
        let shown = columns.into_iter().map(|column| (column.clone(), Expr::Column(column.id, column.ty))).collect();
        let plan = std::mem::replace(&mut query.plan, RowPlan::Values { columns: Vec::new(), rows: Vec::new() });
        query.plan = RowPlan::Project { input: Box::new(plan), columns: shown };
    }
    query
}

impl<'a> Binder<'a> {
    /// The path, the format and its options.
    ///
    /// # Errors
    /// If one of them is not supported.
    pub(super) fn copy_target(&mut self, copy: &'a Copy) -> Result<CopyTarget> {
        let (path, at) = self.constant(&copy.path, "the target of COPY")?;
        let Scalar::Varchar(path) = path else {
            return Err(
                Error::new(format!("the target of COPY is a path in quotes, not {}", path.sql_type())).or_at(Some(at))
            );
        };
        let mut format = self.copy_format(copy, &path, at)?;
        for option in copy.options.iter().filter(|option| !is_format(option)) {
            let name = option.name.value.to_lowercase();
            let at = self.span(&option.name);
            self.refuse(name == "partition_by", "PARTITION_BY: writing into several files", at)?;
            if let (CopyFormat::NetCdf { dimensions }, "dimensions") = (&mut format, name.as_str()) {
                *dimensions = self.names_of(option)?;
                continue;
            }
            let value = self.option_value(option)?;
            let name_at = self.span(&option.name);
            match set_option(&mut format, &name, &value) {
                Set::Done => {}
                Set::NoSuchOption => {
                    let error = Error::new(format!("{} has no option {name} in COPY", format.name()));
                    let known: Vec<String> = format.options().iter().map(|known| (*known).to_string()).collect();
                    return Err(with_names(error, &name, &known).or_at(Some(name_at)));
                }
                Set::NoSuchValue(values) => {
                    let error = Error::new(format!("the option {name} does not take this value")).or_at(Some(name_at));
                    return Err(error.with_hint(format!("it is {values}")));
                }
            }
        }
        if matches!(&format, CopyFormat::NetCdf { dimensions } if dimensions.is_empty()) {
            let error = Error::new("which columns are dimensions is not said").or_at(Some(at));
            return Err(error.with_hint("write (DIMENSIONS (time, lat, lon)), the outermost first"));
        }
        Ok(CopyTarget { path, format })
    }

    /// Where the dimensions of a grid to be written are named.
    pub(super) fn dimensions_at(&self, copy: &Copy) -> Option<Span> {
        let option = copy.options.iter().find(|option| option.name.value.eq_ignore_ascii_case("dimensions"))?;
        let name = self.span(&option.name);
        Some(option.arg.as_ref().map_or(name, |names| name.to(at_node(self.text, names))))
    }

    /// The names that an option lists.
    fn names_of(&self, option: &'a UtilityOption) -> Result<Vec<String>> {
        let name = |expr: &'a ast::Expr| match expr {
            ast::Expr::Identifier(word) => Ok(word.value.clone()),
            other => Err(Error::new("a dimension is the name of a column").or_at(Some(at_node(self.text, other)))),
        };
        match &option.arg {
            Some(ast::Expr::Tuple(names)) => names.iter().map(name).collect(),
            Some(ast::Expr::Nested(one)) => Ok(vec![name(one)?]),
            Some(one) => Ok(vec![name(one)?]),
            None => {
                let error = Error::new("the names of the dimensions are missing").or_at(Some(self.span(&option.name)));
                Err(error.with_hint("write (DIMENSIONS (lat, lon))"))
            }
        }
    }

    fn copy_format(&mut self, copy: &'a Copy, path: &str, path_at: Span) -> Result<CopyFormat> {
        let names = || COPY_FORMATS.iter().map(|(name, _)| (*name).to_string()).collect::<Vec<_>>();
        let known = |wanted: &str| {
            COPY_FORMATS.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, format)| format.clone())
        };
        if let Some(option) = copy.options.iter().find(|option| is_format(option)) {
            let at = self.span(&option.name);
            let Scalar::Varchar(name) = self.option_value(option)? else {
                return Err(Error::new("FORMAT takes a name").or_at(Some(at)).with_hint("write (FORMAT csv)"));
            };
            let unknown = || with_names(Error::new(format!("COPY cannot write the format {name}")), &name, &names());
            return known(&name).ok_or_else(|| unknown().or_at(Some(at)));
        }
        let file = path.rsplit('/').next().unwrap_or(path);
        let is_grid =
            |ending: &str| ["cdf", "h5", "hdf5", "zarr"].iter().any(|known| known.eq_ignore_ascii_case(ending));
        if file.rsplit_once('.').is_some_and(|(_, ending)| is_grid(ending)) {
            let error = unsupported("writing this format", path_at);
            return Err(error.with_hint("write NetCDF-4, which is HDF5 too: x.nc"));
        }
        file.rsplit_once('.').and_then(|(_, ending)| known(ending)).ok_or_else(|| {
            let error = Error::new(format!("the name of '{file}' does not say in which format it shall be written"));
            error.or_at(Some(path_at)).with_hint(format!("write (FORMAT name); there are {}", names().join(", ")))
        })
    }

    /// What an option is set to: a constant, a bare word as text; true where nothing is said.
    fn option_value(&mut self, option: &'a UtilityOption) -> Result<Scalar> {
        match &option.arg {
            None => Ok(Scalar::Boolean(true)),
            Some(ast::Expr::Identifier(word)) => Ok(Scalar::Varchar(word.value.clone())),
            Some(arg @ ast::Expr::Tuple(_)) => {
                Err(Error::new("a list is no value of an option here").or_at(Some(at_node(self.text, arg))))
            }
            Some(arg) => Ok(self.constant(arg, "an option of COPY")?.0),
        }
    }
}

fn is_format(option: &UtilityOption) -> bool {
    option.name.value.eq_ignore_ascii_case("format")
}

impl CopyFormat {
    fn name(&self) -> &'static str {
        match self {
            Self::Csv { .. } => "CSV",
            Self::Json { .. } => "JSON",
            Self::Parquet { .. } => "Parquet",
            Self::NetCdf { .. } => "NetCDF",
        }
    }

    fn options(&self) -> &'static [&'static str] {
        match self {
            Self::Csv { .. } => &["header", "delimiter"],
            Self::Json { .. } => &["array"],
            Self::Parquet { .. } => &["compression", "row_group_size"],
            Self::NetCdf { .. } => &["dimensions"],
        }
    }
}

/// What became of an option.
enum Set {
    Done,
    NoSuchOption,
    /// It takes these.
    NoSuchValue(&'static str),
}

fn set_option(format: &mut CopyFormat, name: &str, value: &Scalar) -> Set {
    let done = |outcome: Option<()>, values| if outcome.is_some() { Set::Done } else { Set::NoSuchValue(values) };
    match (format, name) {
        (CopyFormat::Csv { header, .. }, "header") => done(truth(value).map(|on| *header = on), "true or false"),
        (CopyFormat::Csv { delimiter, .. }, "delimiter" | "delim" | "sep") => {
            done(letter(value).map(|byte| *delimiter = byte), "one character")
        }
        (CopyFormat::Json { array }, "array") => done(truth(value).map(|on| *array = on), "true or false"),
        (CopyFormat::Parquet { compression, .. }, "compression" | "codec") => {
            let named = match value {
                Scalar::Varchar(name) => ParquetCompression::named(name),
                _ => None,
            };
            done(named.map(|named| *compression = named), "uncompressed, snappy, zstd, gzip or lz4")
        }
        (CopyFormat::Parquet { row_group_rows, .. }, "row_group_size") => {
            let rows = match value {
                Scalar::Integer(rows, _) => usize::try_from(*rows).ok().filter(|rows| (1..=10_000_000).contains(rows)),
                _ => None,
            };
            done(rows.map(|rows| *row_group_rows = rows), "a number of rows from 1 to 10,000,000")
        }
        (_, _) => Set::NoSuchOption,
    }
}

impl ParquetCompression {
    fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "uncompressed" | "none" => Self::Uncompressed,
            "snappy" => Self::Snappy,
            "zstd" => Self::Zstd,
            "gzip" => Self::Gzip,
            "lz4" | "lz4_raw" => Self::Lz4,
            _ => return None,
        })
    }
}

fn truth(value: &Scalar) -> Option<bool> {
    match value {
        Scalar::Boolean(truth) => Some(*truth),
        Scalar::Integer(number @ 0..=1, _) => Some(*number == 1),
        _ => None,
    }
}

fn letter(value: &Scalar) -> Option<u8> {
    match value {
        Scalar::Varchar(text) => match text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Some(*byte),
            _ => None,
        },
        _ => None,
    }
}
