//! Ragged arrays: observations laid end to end, whose features (profiles, stations) have columns of their own. A column
//! of the features becomes one of the observations: each has the value of its feature, through an axis map.

use crate::combine::columns::Source;
use crate::dataset::Dataset;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use hyperslab_grid::schema::Role;
use hyperslab_grid::{AxisMap, ChunkGrid};
use std::sync::Arc;

/// From the observations of a dimension to their features.
struct Ragged {
    /// The dimension of observations.
    observations: usize,
    /// The dimension of features.
    features: usize,
    map: Arc<AxisMap>,
}

/// Puts the columns of features onto the observations that they belong to. What cannot be understood stays as it is,
/// with a warning.
pub(crate) fn attach(dataset: &mut Dataset) {
    for counter in 0..dataset.schema().variables.len() {
        match ragged(dataset, counter) {
            Some(Ok(ragged)) => move_columns(dataset, &ragged),
            Some(Err(why)) => {
                let name = &dataset.schema().variables[counter].name;
                let warning = format!("variable {name}: {why}: its features stay apart from their observations");
                dataset.layout.warnings.push(warning);
            }
            None => {}
        }
    }
}

/// The ragged array that a variable of row sizes, or of indices, describes.
fn ragged(dataset: &Dataset, counter: usize) -> Option<Result<Ragged, String>> {
    let schema = dataset.schema();
    let variable = &schema.variables[counter];
    let [own] = variable.dims[..] else { return None };
    let (attribute, counts) = match (variable.attribute("sample_dimension"), variable.attribute("instance_dimension")) {
        (Some(name), _) => (name, true),
        (None, Some(name)) => (name, false),
        (None, None) => return None,
    };
    let Some(other) = schema.dimensions.iter().position(|dim| dim.name == attribute) else {
        return Some(Err(format!("there is no dimension {attribute}")));
    };
    let values = match dataset.coordinate(counter) {
        Ok(values) => values,
        Err(error) => return Some(Err(error.to_string())),
    };
    let (observations, features) = if counts { (other, own) } else { (own, other) };
    let (total, known) = (schema.dimensions[observations].len, schema.dimensions[features].len);
    let map = if counts { map_of_sizes(&values, total) } else { map_of_indices(&values, known) };
    Some(map.map(|map| Ragged { observations, features, map: Arc::new(map) }))
}

fn map_of_sizes(sizes: &ArrayRef, total: usize) -> Result<AxisMap, String> {
    let sizes: Vec<usize> = integers(sizes)?.into_iter().map(|size| size.unwrap_or(0)).collect();
    let sum = sizes.iter().try_fold(0usize, |sum, size| sum.checked_add(*size));
    if sum != Some(total) {
        return Err(format!("the row sizes do not sum up to the {total} observations"));
    }
    Ok(AxisMap::from_row_sizes(&sizes))
}

fn map_of_indices(indices: &ArrayRef, features: usize) -> Result<AxisMap, String> {
    let indices = integers(indices)?;
    if indices.iter().flatten().any(|at| *at >= features) {
        return Err(format!("an index lies outside of the {features} features"));
    }
    Ok(AxisMap::new(indices, features))
}

/// Counts or positions, none of them negative.
fn integers(values: &ArrayRef) -> Result<Vec<Option<usize>>, String> {
    let values = cast(values, &DataType::Int64).map_err(|error| error.to_string())?;
    let values = values.as_primitive_opt::<Int64Type>().ok_or("it holds no integers")?;
    let checked = |value: Option<i64>| value.map(usize::try_from).transpose().map_err(|_| "it holds negative values");
    Ok(values.iter().map(checked).collect::<Result<_, _>>()?)
}

fn move_columns(dataset: &mut Dataset, ragged: &Ragged) {
    let chunks = chunks_of(dataset, ragged.observations);
    for variable in 0..dataset.schema().variables.len() {
        let about = &dataset.schema().variables[variable];
        if about.dims != [ragged.features] || about.role != Role::AuxiliaryCoordinate {
            continue;
        }
        match dataset.coordinate(variable) {
            Ok(values) if values.len() == ragged.map.target_len() => {
                let map = Arc::clone(&ragged.map);
                dataset.replace_column(
                    variable,
                    ragged.observations,
                    Source::Instances { values, map },
                    chunks.clone(),
                );
            }
            Ok(_) => {}
            Err(error) => dataset.layout.warnings.push(error.to_string()),
        }
    }
}

/// The cuts of what lies along the observations.
fn chunks_of(dataset: &Dataset, observations: usize) -> ChunkGrid {
    let schema = dataset.schema();
    let along = schema.variables.iter().position(|v| v.dims == [observations] && v.role == Role::Data);
    match along {
        Some(variable) => dataset.chunk_grid(variable),
        None => {
            ChunkGrid::regular(&[schema.dimensions[observations].len], &[schema.dimensions[observations].len.max(1)])
        }
    }
}
