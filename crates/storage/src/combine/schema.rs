//! The joined files as the dimensions and variables that planning sees.

use super::Files;
use super::columns::{Column, Held, Source, ValueType, tiles};
use super::joins::{Join, Plan};
use crate::Result;
use crate::block::conform;
use crate::cf::scope::shown_names;
use crate::dataset::VariableStorage;
use crate::sources::folder_parts;
use arrow::array::{Array, ArrayRef, Int64Array, StringArray, UInt64Array};
use arrow::compute::{concat, take};
use arrow::datatypes::{DataType, Field, TimeUnit};
use hyperslab_grid::schema::{CALENDAR_EXTENSION, DatasetSchema, Dimension, Role, Variable};
use hyperslab_grid::{AxisChunks, Calendar, ChunkGrid};
use std::collections::HashMap;
use std::sync::Arc;

/// The name of the column that tells each file's path.
const FILENAME: &str = "filename";

/// The metadata of a field.
type Metadata = HashMap<String, String>;

/// The schema, the columns behind it, and the values known already.
type Built = (DatasetSchema, Vec<Column>, Vec<Option<ArrayRef>>);

/// Builds the schema of joined files and the column behind each variable.
///
/// # Errors
/// If files disagree about a column.
pub(crate) fn build(files: &Files, plan: &Plan, warnings: &mut Vec<String>) -> Result<Built> {
    let held = Held::all(files, plan);
    let names = shown_names(held.iter().map(|held| held.first().1.path.as_str()));
    let mut built = Builder { variables: Vec::new(), columns: Vec::new(), known: Vec::new() };
    for (held, name) in held.iter().zip(names) {
        built.add_held(files, plan, held, name)?;
    }
    built.add_file_names(files, plan);
    built.add_folders(files, plan, warnings);
    let dimensions = dimensions(plan, &built.variables);
    let attributes = files.opened[plan.order[0]].table.attributes.clone();
    Ok((DatasetSchema { dimensions, variables: built.variables, attributes }, built.columns, built.known))
}

fn dimensions(plan: &Plan, variables: &[Variable]) -> Vec<Dimension> {
    let own = |axis: Option<usize>| axis.map(|axis| plan.axes[axis].path.as_str());
    let mut names = shown_names(plan.dims.iter().filter_map(|dim| own(dim.axis))).into_iter();
    let dimension = |(at, dim): (usize, &super::joins::PlannedDim)| {
        let labels = |v: &Variable| v.role == Role::DimensionCoordinate && v.dims == [at];
        Dimension {
            name: dim.axis.and_then(|_| names.next()).unwrap_or_else(|| FILENAME.to_string()),
            len: dim.len,
            coordinate: variables.iter().position(labels),
            multiplies_rows: dim.axis.is_none_or(|axis| plan.axes[axis].multiplies_rows),
        }
    };
    plan.dims.iter().enumerate().map(dimension).collect()
}

struct Builder {
    variables: Vec<Variable>,
    columns: Vec<Column>,
    known: Vec<Option<ArrayRef>>,
}

impl Builder {
    fn add_held(&mut self, files: &Files, plan: &Plan, held: &Held, name: String) -> Result<()> {
        let (_, first) = held.first();
        let ty = held.value_type(files)?;
        let dims = held.dims(files, plan);
        let field = field(&name, &ty, &first.attributes);
        let known = match (first.role, &dims[..]) {
            (Role::DimensionCoordinate, [dim]) => labels(plan, *dim, field.data_type())?,
            _ => None,
        };
        self.known.push(known);
        self.columns.push(held.column(files, plan, &dims));
        self.variables.push(Variable {
            name,
            path: first.path.clone(),
            dims,
            role: first.role,
            field,
            stored_size: first.cell_bytes * first.folded.unwrap_or(1),
            stored_type: first.stored_type.clone(),
        });
        Ok(())
    }

    /// The path of each file, over the dimensions that files are joined along; or labels of the new one.
    fn add_file_names(&mut self, files: &Files, plan: &Plan) {
        let name = |file: usize| Some(files.name(file));
        let role = if plan.joins.iter().any(|join| join.fresh) { Role::DimensionCoordinate } else { Role::Hidden };
        self.add_constants(files, plan, FILENAME, role, name);
    }

    /// The values of `key=value` folders; integers if all are.
    fn add_folders(&mut self, files: &Files, plan: &Plan, warnings: &mut Vec<String>) {
        let parts: Vec<Vec<(String, String)>> = files.handles.paths().iter().map(|path| folder_parts(path)).collect();
        let mut keys: Vec<&String> = Vec::new();
        for (key, _) in parts.iter().flatten() {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        for key in keys {
            if self.variables.iter().any(|v| v.name.eq_ignore_ascii_case(key)) {
                warnings.push(format!("the folders {key}=... are no column: a variable has that name"));
                continue;
            }
            let value = |file: usize| parts[file].iter().find(|(k, _)| k == key).map(|(_, value)| value.clone());
            self.add_constants(files, plan, key, Role::Hidden, value);
        }
    }

    fn add_constants(
        &mut self,
        files: &Files,
        plan: &Plan,
        name: &str,
        role: Role,
        value: impl Fn(usize) -> Option<String>,
    ) {
        let joins: Vec<&Join> = plan.joins.iter().collect();
        let values: Vec<Option<String>> =
            tiles(&joins).iter().map(|tile| value(first_file(files, plan, &joins, tile)?)).collect();
        let values = if role == Role::Hidden && name != FILENAME { as_integers(&values) } else { None }
            .unwrap_or_else(|| Arc::new(StringArray::from(values)));
        let dims: Vec<usize> = joins.iter().map(|join| join.dim).collect();
        self.known.push(constants_known(&joins, &values));
        self.variables.push(Variable {
            name: name.to_string(),
            path: name.to_string(),
            dims,
            role,
            field: Field::new(name, values.data_type().clone(), true),
            stored_size: 0,
            stored_type: "string".into(),
        });
        self.columns.push(Column {
            joins: (0..joins.len()).map(Some).collect(),
            source: Source::Constants(values),
            chunks: ChunkGrid::new(joins.iter().map(|join| segments_as_chunks(join)).collect()),
            storage: VariableStorage::of_paths(),
        });
    }
}

/// The first file of a tile.
fn first_file(files: &Files, plan: &Plan, joins: &[&Join], tile: &[usize]) -> Option<usize> {
    let fits = |file: &usize| joins.iter().zip(tile).all(|(join, group)| join.member[*file] == Some(*group));
    match joins {
        // Along one join each group knows its first file.
        [join] if !join.fresh => plan.axes[join.dim].groups.get(tile[0]).map(|group| group.file),
        [_] => tile.first().copied(),
        _ => plan.order.iter().copied().find(fits).or((files.opened.len() == 1).then_some(0)),
    }
}

fn as_integers(values: &[Option<String>]) -> Option<ArrayRef> {
    let parsed = |value: &Option<String>| value.as_ref().map(|text| text.parse::<i64>()).transpose();
    let integers: Vec<Option<i64>> = values.iter().map(parsed).collect::<Result<_, _>>().ok()?;
    integers.iter().any(Option::is_some).then(|| Arc::new(Int64Array::from(integers)) as ArrayRef)
}

/// One value a position, where that is one dimension at most.
fn constants_known(joins: &[&Join], values: &ArrayRef) -> Option<ArrayRef> {
    match joins {
        [] => Some(Arc::clone(values)),
        [join] => {
            let repeat = |(i, segment): (usize, &super::joins::Segment)| std::iter::repeat_n(i as u64, segment.len);
            let indices: UInt64Array = join.segments.iter().enumerate().flat_map(repeat).map(Some).collect();
            take(values, &indices, None).ok()
        }
        _ => None,
    }
}

fn segments_as_chunks(join: &Join) -> AxisChunks {
    let parts: Vec<AxisChunks> = join.segments.iter().map(|segment| AxisChunks::whole(segment.len)).collect();
    AxisChunks::concat(&parts)
}

/// The labels of a dimension, put together from its segments.
fn labels(plan: &Plan, dim: usize, ty: &DataType) -> Result<Option<ArrayRef>> {
    let dim = &plan.dims[dim];
    let Some(axis) = dim.axis else { return Ok(None) };
    let groups = &plan.axes[axis].groups;
    let of = |group: usize| groups[group].labels.as_ref().map(|labels| conform(Arc::clone(&labels.array), ty));
    let Some(join) = dim.join else { return of(0).transpose() };
    let mut pieces = Vec::new();
    for segment in &plan.joins[join].segments {
        let Some(labels) = of(segment.group) else { return Ok(None) };
        pieces.push(labels?.slice(segment.from, segment.len));
    }
    let pieces: Vec<&dyn Array> = pieces.iter().map(|piece| &**piece).collect();
    if pieces.is_empty() {
        return Ok(None);
    }
    concat(&pieces).map(Some).map_err(|error| crate::Error::corrupt(error.to_string()))
}

/// The field of a column.
fn field(name: &str, ty: &ValueType, attributes: &[(String, String)]) -> Field {
    let metadata = attributes.iter().cloned();
    match ty.list {
        Some(len) => {
            let item = item_field("item", ty).with_metadata(extension(ty));
            // Lengths are those of dimensions of bounds: far from the limit.
            let len = i32::try_from(len).unwrap_or(i32::MAX);
            Field::new(name, DataType::FixedSizeList(Arc::new(item), len), true)
                .with_metadata(metadata.collect::<Metadata>())
        }
        None => item_field(name, ty).with_metadata(metadata.chain(extension(ty)).collect::<Metadata>()),
    }
}

fn item_field(name: &str, ty: &ValueType) -> Field {
    let data_type = match ty.calendar {
        Some(Calendar::ProlepticGregorian) => DataType::Timestamp(TimeUnit::Microsecond, None),
        _ => ty.item.clone(),
    };
    Field::new(name, data_type, true)
}

fn extension(ty: &ValueType) -> Metadata {
    let calendar = ty.calendar.filter(|calendar| *calendar != Calendar::ProlepticGregorian);
    let pairs = calendar.map(|calendar| {
        [("ARROW:extension:name", CALENDAR_EXTENSION), ("ARROW:extension:metadata", calendar.cf_name())]
    });
    pairs.into_iter().flatten().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}
