//! The axes that replace others: their labels, bounds, and the weights that lead to them.

use super::{Regrid, Target};
use crate::{Dataset, Error, ErrorKind, Result};
use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type};
use hyperslab_grid::AxisWeights;
use hyperslab_grid::regrid::{AxisCells, Geometry, Method};
use hyperslab_grid::schema::{CALENDAR_EXTENSION, Variable};
use std::sync::Arc;

/// An axis that replaces another.
pub(super) struct NewAxis {
    /// The dimension.
    pub(super) dim: usize,
    /// The variable that labels it, in the base.
    pub(super) coordinate: usize,
    /// Its labels.
    pub(super) labels: ArrayRef,
    /// The edges of its cells, pairs; none where it is a list of points.
    pub(super) bounds: Option<ArrayRef>,
    /// What each of its positions takes of those replaced.
    pub(super) weights: Arc<AxisWeights>,
}

/// New labels, and their cells.
struct Labels {
    values: ArrayRef,
    cells: AxisCells,
    has_bounds: bool,
}

/// A dimension and the variable that labels it.
#[derive(Clone, Copy)]
struct Axis {
    dim: usize,
    coordinate: usize,
}

/// The axes that replace those of a dataset.
///
/// # Errors
/// If there is no such axis, or its labels are not numbers.
pub(super) fn new_axes(base: &Dataset, regrid: &Regrid) -> Result<Vec<NewAxis>> {
    let mut axes = Vec::new();
    for geometry in [Geometry::Latitude, Geometry::Longitude] {
        if let Some(labels) = target_labels(&regrid.target, geometry)? {
            axes.push(new_axis(base, horizontal(base, geometry)?, labels, regrid.method)?);
        }
    }
    for (name, values) in &regrid.axes {
        let axis = named(base, name)?;
        if axes.iter().any(|known: &NewAxis| known.dim == axis.dim) {
            return Err(Error::new(ErrorKind::Options, format!("the new labels of {name} are given twice")));
        }
        let about = &base.schema().variables[axis.coordinate];
        axes.push(new_axis(base, axis, listed(about, values)?, regrid.method)?);
    }
    Ok(axes)
}

fn new_axis(base: &Dataset, axis: Axis, labels: Labels, method: Method) -> Result<NewAxis> {
    let weights = Arc::new(cells_of(base, axis)?.0.weights(&labels.cells, method));
    let bounds = labels.has_bounds.then(|| pairs(labels.cells.edges())).transpose()?;
    Ok(NewAxis { dim: axis.dim, coordinate: axis.coordinate, labels: labels.values, bounds, weights })
}

/// The latitudes, or longitudes, that a target asks for.
fn target_labels(target: &Target, geometry: Geometry) -> Result<Option<Labels>> {
    match target {
        Target::Own => Ok(None),
        Target::Global { longitudes, latitudes } => {
            let labels: Vec<f64> = match geometry {
                Geometry::Latitude => (0..*latitudes).map(|at| latitude(at, *latitudes)).collect(),
                _ => (0..*longitudes).map(|at| at as f64 * 360.0 / *longitudes as f64).collect(),
            };
            // One cell has no neighbours to lie half way to: it is all there is.
            let edges = (labels.len() == 1).then(|| vec![(-180.0, 180.0)]);
            let cells = AxisCells::new(geometry, labels.clone(), edges);
            Ok(Some(Labels { values: Arc::new(Float64Array::from(labels)), cells, has_bounds: true }))
        }
        Target::Like(other) => {
            let axis = horizontal(other, geometry)?;
            let (cells, values) = cells_of(other, axis)?;
            Ok(Some(Labels { values, has_bounds: cells.labels().len() > 1, cells }))
        }
    }
}

/// One of `n` latitudes: the centres of cells if they are even in number; otherwise the first and the last are the poles.
fn latitude(at: usize, n: usize) -> f64 {
    let at = at as f64;
    match n {
        1 => 0.0,
        _ if n.is_multiple_of(2) => (2.0 * at + 1.0) * 90.0 / n as f64 - 90.0,
        _ => at * 180.0 / (n - 1) as f64 - 90.0,
    }
}

/// New labels from a list, in the type of the old ones where that holds them.
fn listed(about: &Variable, values: &[f64]) -> Result<Labels> {
    let reals: ArrayRef = Arc::new(Float64Array::from(values.to_vec()));
    let own = cast(&reals, about.data_type()).and_then(|own| Ok((cast(&own, &DataType::Float64)?, own)));
    let values_in_type = match own {
        Ok((again, own)) if about.data_type().is_floating() || *again == *reals => own,
        Ok(_) | Err(_) => Arc::clone(&reals),
    };
    let cells = AxisCells::new(about.geometry(), values.to_vec(), None);
    Ok(Labels { values: values_in_type, cells, has_bounds: false })
}

/// The axis of a name: that of a dimension, or of the variable that labels it.
fn named(base: &Dataset, name: &str) -> Result<Axis> {
    let schema = base.schema();
    let axes = schema.dimensions.iter().enumerate().filter_map(|(dim, about)| Some((dim, about, about.coordinate?)));
    let found = axes.clone().find(|(_, about, coordinate)| {
        about.name.eq_ignore_ascii_case(name) || schema.variables[*coordinate].name.eq_ignore_ascii_case(name)
    });
    if let Some((dim, _, coordinate)) = found {
        return Ok(Axis { dim, coordinate });
    }
    let names: Vec<&str> = axes.map(|(_, about, _)| about.name.as_str()).collect();
    let error = Error::new(ErrorKind::NotFound, format!("there is no axis {name}"));
    Err(error.with_hint(format!("the axes are {}", names.join(", "))))
}

/// The axis of latitude, or of longitude.
fn horizontal(base: &Dataset, geometry: Geometry) -> Result<Axis> {
    let schema = base.schema();
    let labelled = schema.dimensions.iter().enumerate().filter_map(|(dim, about)| Some((dim, about.coordinate?)));
    let axes: Vec<Axis> = labelled
        .filter(|(_, coordinate)| schema.variables[*coordinate].geometry() == geometry)
        .map(|(dim, coordinate)| Axis { dim, coordinate })
        .collect();
    let word = if geometry == Geometry::Latitude { "latitude" } else { "longitude" };
    match axes[..] {
        [axis] => Ok(axis),
        [] => Err(no_axis(base, geometry, word)),
        _ => {
            let names: Vec<&str> = axes.iter().map(|axis| schema.variables[axis.coordinate].name.as_str()).collect();
            let message = format!("there are several axes of {word}: {}", names.join(", "));
            let hint = format!("name one, with its new labels: {} => [..]", names[0]);
            Err(in_file(base, Error::new(ErrorKind::Options, message)).with_hint(hint))
        }
    }
}

fn no_axis(base: &Dataset, geometry: Geometry, word: &str) -> Error {
    let curvilinear = base.schema().variables.iter().find(|v| v.geometry() == geometry && v.dims.len() > 1);
    let error = match curvilinear {
        Some(variable) => {
            let dims: Vec<&str> = variable.dims.iter().map(|d| base.schema().dimensions[*d].name.as_str()).collect();
            let message = format!(
                "{word} lies on ({}): a curvilinear grid cannot be regridded yet, only one whose {word} is one-dimensional",
                dims.join(", ")
            );
            Error::unsupported(message).in_variable(&variable.name)
        }
        None => Error::not_found(format!("there is no axis of {word}"))
            .with_hint("it is known by its units, degrees_north or degrees_east, or by its standard_name"),
    };
    in_file(base, error)
}

fn in_file(base: &Dataset, error: Error) -> Error {
    match base.files().first() {
        Some(file) => error.in_file(*file),
        None => error,
    }
}

/// The cells along an axis, and its labels as they are.
fn cells_of(base: &Dataset, axis: Axis) -> Result<(AxisCells, ArrayRef)> {
    let about = &base.schema().variables[axis.coordinate];
    let values = base.coordinate(axis.coordinate)?;
    let labels = numbers(about, &values).map_err(|error| in_file(base, error.in_variable(&about.name)))?;
    let bounded = edges(base, about)?.map(|edges| AxisCells::new(about.geometry(), labels.clone(), Some(edges)));
    // Bounds that do not hold their labels, such as all zeros, tell nothing.
    let cells = bounded.filter(AxisCells::hold_their_labels);
    Ok((cells.unwrap_or_else(|| AxisCells::new(about.geometry(), labels, None)), values))
}

/// The labels of an axis as numbers.
fn numbers(about: &Variable, values: &ArrayRef) -> Result<Vec<f64>> {
    let is_time = about.field.metadata().get("ARROW:extension:name").is_some_and(|name| name == CALENDAR_EXTENSION);
    if !values.data_type().is_numeric() || is_time {
        return Err(Error::unsupported("labels that are not numbers cannot be replaced by others yet"));
    }
    let reals = cast(values, &DataType::Float64).map_err(|error| Error::corrupt(error.to_string()))?;
    let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
    let known: Option<Vec<f64>> = reals.as_primitive::<Float64Type>().iter().map(finite).collect();
    known.ok_or_else(|| Error::new(ErrorKind::Unsupported, "some labels are missing"))
}

/// The edges of an axis, where the file has bounds for it.
fn edges(base: &Dataset, about: &Variable) -> Result<Option<Vec<(f64, f64)>>> {
    let bounds = about.attribute("bounds").and_then(|name| base.schema().find(name).ok());
    let Some(bounds) = bounds.filter(|at| base.schema().variables[*at].dims == about.dims) else { return Ok(None) };
    let values = base.coordinate(bounds)?;
    let Some(list) = values.as_fixed_size_list_opt().filter(|list| list.value_length() == 2) else { return Ok(None) };
    let Ok(ends) = cast(list.values(), &DataType::Float64) else { return Ok(None) };
    let ends: Option<Vec<f64>> = ends.as_primitive::<Float64Type>().iter().collect();
    let ends = ends.filter(|ends| ends.iter().all(|end| end.is_finite()));
    Ok(ends.map(|ends| ends.as_chunks::<2>().0.iter().map(|[a, b]| (*a, *b)).collect()))
}

/// Edges as a column of bounds.
fn pairs(edges: &[(f64, f64)]) -> Result<ArrayRef> {
    let ends: Float64Array = edges.iter().flat_map(|(low, high)| [Some(*low), Some(*high)]).collect();
    let item = Arc::new(Field::new("item", DataType::Float64, true));
    let list = FixedSizeListArray::try_new(item, 2, Arc::new(ends), None);
    Ok(Arc::new(list.map_err(|error| Error::corrupt(error.to_string()))?))
}
