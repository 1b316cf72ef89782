//! What a dataset holds, as rows: `variables(path)`, `dimensions(path)`, `attributes(path)`, `grids(path)`, `chunks(path)` and
//! `files(path)`. All of it is known once a dataset is open: no data variable is read.

use super::binder::Binder;
use super::scope::Relation;
use super::table_function::Arguments;
use crate::numbers::count;
use crate::{DatasetSource, Error, Result, RowPlan};
use hyperslab_expr::{Expr, Scalar, SqlType};
use hyperslab_grid::Region;
use hyperslab_grid::schema::{DatasetSchema, Role, Variable};
use sqlparser::ast;

/// How many chunks are listed: rows of constants are held.
const MAX_CHUNKS: usize = 500_000;

/// Lists of what a dataset holds.
static LISTS: &[List] = &[
    List { name: "variables", columns: VARIABLES, rows: variables },
    List { name: "dimensions", columns: DIMENSIONS, rows: dimensions },
    List { name: "attributes", columns: ATTRIBUTES, rows: attributes },
    List { name: "grids", columns: GRIDS, rows: grids },
    List { name: "chunks", columns: CHUNKS, rows: chunks },
    List { name: "files", columns: &[("path", Kind::Text)], rows: files },
];

/// The names of the functions.
pub(super) const NAMES: [&str; 6] = ["variables", "dimensions", "attributes", "grids", "chunks", "files"];

struct List {
    name: &'static str,
    columns: &'static [(&'static str, Kind)],
    rows: fn(&dyn DatasetSource) -> Result<Vec<Vec<Scalar>>>,
}

/// The type of a column.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Texts,
    Number,
    Numbers,
}

const VARIABLES: &[(&str, Kind)] = &[
    ("name", Kind::Text),
    ("path", Kind::Text),
    ("type", Kind::Text),
    ("stored_type", Kind::Text),
    ("role", Kind::Text),
    ("dimensions", Kind::Texts),
    ("shape", Kind::Numbers),
    ("chunk_shape", Kind::Numbers),
    ("units", Kind::Text),
    ("long_name", Kind::Text),
    ("standard_name", Kind::Text),
];
const DIMENSIONS: &[(&str, Kind)] = &[("name", Kind::Text), ("length", Kind::Number), ("coordinate", Kind::Text)];
const ATTRIBUTES: &[(&str, Kind)] = &[("variable", Kind::Text), ("name", Kind::Text), ("value", Kind::Text)];
const GRIDS: &[(&str, Kind)] =
    &[("dimensions", Kind::Texts), ("shape", Kind::Numbers), ("cells", Kind::Number), ("variables", Kind::Texts)];
const CHUNKS: &[(&str, Kind)] = &[
    ("variable", Kind::Text),
    ("chunk", Kind::Number),
    ("start", Kind::Numbers),
    ("shape", Kind::Numbers),
    ("bytes", Kind::Number),
];

impl Kind {
    fn ty(self) -> SqlType {
        match self {
            Self::Text => SqlType::Varchar,
            Self::Number => SqlType::BigInt,
            Self::Texts => SqlType::List(Box::new(SqlType::Varchar)),
            Self::Numbers => SqlType::List(Box::new(SqlType::BigInt)),
        }
    }
}

impl Binder<'_> {
    /// The rows of a list of what a dataset holds.
    pub(super) fn contents(
        &mut self,
        function: &str,
        arguments: Arguments,
        alias: Option<&ast::TableAlias>,
    ) -> Result<Relation> {
        let list = LISTS.iter().find(|list| list.name == function).expect("the name is that of a list");
        let (source, at) = self.source(function, arguments)?;
        let id = self.open(source, at)?;
        let values = (list.rows)(self.datasets[id.0].opened.as_ref()).map_err(|error| error.or_at(Some(at)))?;
        let columns = list.columns.iter().map(|(name, kind)| self.column(*name, kind.ty())).collect();
        let rows = values.into_iter().map(|row| row.into_iter().map(Expr::Literal).collect()).collect();
        self.rows(RowPlan::Values { columns, rows }, alias, Some(function.to_string()))
    }
}

fn variables(dataset: &dyn DatasetSource) -> Result<Vec<Vec<Scalar>>> {
    let schema = dataset.schema();
    let row = |(at, variable): (usize, &Variable)| -> Result<Vec<Scalar>> {
        let attribute = |name: &str| variable.attribute(name).map_or(Scalar::Null(SqlType::Varchar), text);
        let chunks = dataset.chunk_grid(at);
        let longest = chunks.axes().iter().map(|axis| (0..axis.len()).map(|i| axis.range(i).len()).max().unwrap_or(0));
        Ok(vec![
            text(&variable.name),
            text(&variable.path),
            text(&SqlType::from_field(&variable.field)?.to_string()),
            text(&variable.stored_type),
            text(role(variable.role)),
            texts(names(schema, &variable.dims)),
            numbers(schema.shape(&variable.dims)),
            numbers(longest),
            attribute("units"),
            attribute("long_name"),
            attribute("standard_name"),
        ])
    };
    schema.variables.iter().enumerate().map(row).collect()
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Data => "data",
        Role::DimensionCoordinate => "coordinate",
        Role::AuxiliaryCoordinate => "auxiliary coordinate",
        Role::Bounds => "bounds",
        Role::Hidden => "by name only",
    }
}

fn dimensions(dataset: &dyn DatasetSource) -> Result<Vec<Vec<Scalar>>> {
    let schema = dataset.schema();
    let labels = |at: Option<usize>| at.map_or(Scalar::Null(SqlType::Varchar), |at| text(&schema.variables[at].name));
    let row = |dim: &hyperslab_grid::schema::Dimension| vec![text(&dim.name), number(dim.len), labels(dim.coordinate)];
    Ok(schema.dimensions.iter().map(row).collect())
}

fn attributes(dataset: &dyn DatasetSource) -> Result<Vec<Vec<Scalar>>> {
    let schema = dataset.schema();
    let global = schema.attributes.iter();
    let mut rows: Vec<_> =
        global.map(|(name, value)| vec![Scalar::Null(SqlType::Varchar), text(name), text(value)]).collect();
    for variable in &schema.variables {
        let metadata = variable.field.metadata().iter().filter(|(name, _)| !name.starts_with("ARROW:"));
        let mut own: Vec<_> = metadata.collect();
        own.sort();
        rows.extend(own.into_iter().map(|(name, value)| vec![text(&variable.name), text(name), text(value)]));
    }
    Ok(rows)
}

fn grids(dataset: &dyn DatasetSource) -> Result<Vec<Vec<Scalar>>> {
    let schema = dataset.schema();
    let row = |dims: Vec<usize>| {
        let shape = schema.shape(&dims);
        let lies_on = |variable: &&Variable| variable.role == Role::Data && is_same(&variable.dims, &dims);
        let on_it = schema.variables.iter().filter(lies_on).map(|variable| variable.name.clone());
        let cells = shape.iter().try_fold(1usize, |cells, len| cells.checked_mul(*len));
        let cells = cells.map_or(Scalar::Null(SqlType::BigInt), number);
        vec![texts(names(schema, &dims)), numbers(shape), cells, texts(on_it)]
    };
    Ok(schema.grids().into_iter().map(row).collect())
}

fn is_same(a: &[usize], b: &[usize]) -> bool {
    a.len() == b.len() && a.iter().all(|dim| b.contains(dim))
}

fn chunks(dataset: &dyn DatasetSource) -> Result<Vec<Vec<Scalar>>> {
    let schema = dataset.schema();
    let all = (0..schema.variables.len()).map(|at| dataset.chunk_grid(at).len()).fold(0, usize::saturating_add);
    if all > MAX_CHUNKS {
        let message =
            format!("there are {} chunks, of which {} are listed at most", count(all as u64), count(MAX_CHUNKS as u64));
        return Err(Error::new(message).with_hint("name one of the files"));
    }
    let mut rows = Vec::with_capacity(all);
    for (at, variable) in schema.variables.iter().enumerate() {
        let slabs = dataset.chunk_grid(at).slabs_meeting(&Region::all(&schema.shape(&variable.dims)));
        rows.extend(slabs.iter().enumerate().map(|(chunk, slab)| {
            let bytes = slab.cells() * variable.stored_size;
            vec![text(&variable.name), number(chunk), numbers(slab.start()), numbers(slab.shape()), number(bytes)]
        }));
    }
    Ok(rows)
}

fn files(dataset: &dyn DatasetSource) -> Result<Vec<Vec<Scalar>>> {
    Ok(dataset.paths().iter().map(|path| vec![text(path)]).collect())
}

fn names(schema: &DatasetSchema, dims: &[usize]) -> Vec<String> {
    dims.iter().map(|dim| schema.dimensions[*dim].name.clone()).collect()
}

fn text(text: &str) -> Scalar {
    Scalar::Varchar(text.to_string())
}

fn texts(texts: impl IntoIterator<Item = String>) -> Scalar {
    Scalar::List(texts.into_iter().map(Scalar::Varchar).collect(), SqlType::Varchar)
}

fn number(number: usize) -> Scalar {
    Scalar::Integer(number as i128, SqlType::BigInt)
}

fn numbers(numbers: impl IntoIterator<Item = usize>) -> Scalar {
    Scalar::List(numbers.into_iter().map(number).collect(), SqlType::BigInt)
}
