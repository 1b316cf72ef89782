//! What a file holds, for people: dimensions, variables and how they are stored, grids, attributes, problems.

use hyperslab::schema::{DatasetSchema, Role, Variable};
use hyperslab::{Dataset, Error, Result, Session, SqlType, VariableStorage, bytes};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// Longer attributes are cut.
const LONGEST: usize = 200;

/// Writes what the file `path` holds.
pub(crate) fn write(session: &Session, path: &Path, out: &mut dyn Write) -> Result<()> {
    let dataset = session.open(&[path.to_string_lossy().into_owned()])?;
    let size = std::fs::metadata(path).map(|meta| format!(", {}", bytes(meta.len()))).unwrap_or_default();
    let mut text = format!("{}: {}{size}\n", path.display(), dataset.format()?);
    text.push_str(&describe(&dataset));
    out.write_all(text.as_bytes()).map_err(|e| Error::writing(&e))
}

fn describe(dataset: &Dataset) -> String {
    let schema = dataset.schema();
    let variable = |at: usize| variable(schema, &schema.variables[at], &dataset.describe(at));
    let mut text = String::new();
    section(&mut text, "dimensions", dimensions(schema));
    section(&mut text, "variables", (0..schema.variables.len()).flat_map(variable));
    section(&mut text, "grids, each a table", grids(schema));
    section(&mut text, "attributes", schema.attributes.iter().map(|(name, value)| attribute(name, value)));
    section(&mut text, "problems", dataset.warnings().iter().cloned());
    text
}

/// A heading and indented lines, unless there are none.
fn section(text: &mut String, heading: &str, lines: impl IntoIterator<Item = String>) {
    let lines: Vec<String> = lines.into_iter().collect();
    if !lines.is_empty() {
        text.push_str(&format!("\n{heading}\n"));
        for line in lines {
            text.push_str(format!("  {line}").trim_end());
            text.push('\n');
        }
    }
}

fn dimensions(schema: &DatasetSchema) -> Vec<String> {
    let width = schema.dimensions.iter().map(|d| d.name.chars().count()).max().unwrap_or(0);
    let line = |d: &hyperslab::schema::Dimension| format!("{:width$}  {}", d.name, d.len);
    schema.dimensions.iter().map(line).collect()
}

fn variable(schema: &DatasetSchema, variable: &Variable, storage: &VariableStorage) -> Vec<String> {
    let dims: Vec<&str> = variable.dims.iter().map(|d| schema.dimensions[*d].name.as_str()).collect();
    let ty =
        SqlType::from_field(&variable.field).map_or_else(|_| variable.data_type().to_string(), |ty| ty.to_string());
    let mut lines = vec![format!("{}({}) {ty}{}", variable.name, dims.join(", "), role(variable.role))];
    let about = ["long_name", "standard_name"].iter().find_map(|name| variable.attribute(name));
    let units = variable.attribute("units").map(|units| format!("[{units}]"));
    let about: Vec<String> = about.map(printable).into_iter().chain(units.map(|u| printable(&u))).collect();
    if !about.is_empty() {
        lines.push(format!("    {}", about.join(" ")));
    }
    lines.push(format!("    stored as {}", stored(schema, variable, storage)));
    if !storage.masked.is_empty() {
        lines.push(format!("    NULL where {}", storage.masked.join(", ")));
    }
    lines
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Data => "",
        Role::DimensionCoordinate => ", coordinate",
        Role::AuxiliaryCoordinate => ", auxiliary coordinate",
        Role::Bounds => ", bounds",
        Role::Hidden => ", by name only",
    }
}

fn stored(schema: &DatasetSchema, variable: &Variable, storage: &VariableStorage) -> String {
    let mut parts = vec![storage.stored_type.clone()];
    if !variable.dims.is_empty() {
        let shape = product(&schema.shape(&variable.dims));
        let chunk = product(&storage.chunk);
        parts.push(if storage.chunked && !storage.chunk.is_empty() {
            format!("{shape} in chunks of {chunk}")
        } else {
            shape
        });
    }
    parts.push(storage.storage.clone());
    parts.extend(storage.packing.clone());
    parts.join(", ")
}

fn product(lengths: &[usize]) -> String {
    lengths.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}

/// The grids and the variables that lie on each.
fn grids(schema: &DatasetSchema) -> Vec<String> {
    let mut variables: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    let grids = schema.grids();
    for v in schema.variables.iter().filter(|v| v.role == Role::Data) {
        let same = |grid: &Vec<usize>| grid.len() == v.dims.len() && v.dims.iter().all(|d| grid.contains(d));
        if let Some(at) = grids.iter().position(same) {
            variables.entry(at).or_default().push(&v.name);
        }
    }
    let names =
        |grid: &[usize]| grid.iter().map(|d| schema.dimensions[*d].name.as_str()).collect::<Vec<_>>().join(", ");
    variables.iter().map(|(at, held)| format!("({}): {}", names(&grids[*at]), held.join(", "))).collect()
}

fn attribute(name: &str, value: &str) -> String {
    format!("{name} = {}", printable(value))
}

/// One line without control characters, cut if it is long.
fn printable(text: &str) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST + 1).collect();
    if line.chars().count() > LONGEST {
        line.pop();
        line.push('…');
    }
    line
}
