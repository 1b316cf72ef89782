//! A dataset on other axes: its schema has new labels, and variables along the axes replaced are computed when a box of them
//! is read.
//!
//! Every method is a product of one sparse matrix along each axis ([`hyperslab_grid::regrid`]): it is worked out once, and
//! applied to the chunks that a box needs ([`read`]). What lies on other dimensions only is read as before. So a dataset
//! that is regridded is a dataset like any other, and whoever reads it need not know.

mod axes;
mod chunks;
mod corners;
mod read;
#[cfg(test)]
mod tests;

use crate::block::{Block, Content};
use crate::combine::Layout;
use crate::combine::columns::{Column, Source};
use crate::dataset::VariableStorage;
use crate::metrics::ReadMetrics;
use crate::{Dataset, Result};
use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Field};
use axes::NewAxis;
use hyperslab_grid::regrid::Method;
use hyperslab_grid::schema::{CALENDAR_EXTENSION, DatasetSchema, Role, Variable};
use hyperslab_grid::{AxisChunks, AxisWeights, ChunkGrid, Region};
pub(crate) use read::Scratch;
use std::sync::{Arc, OnceLock};

/// A new cell is missing if less of its area than this is covered by cells that are not: labels and bounds in single
/// precision overlap by that much where they should not.
const MIN_FRACTION: f64 = 1e-3;

/// Onto which axes, and how, a dataset is regridded.
#[derive(Clone, Debug)]
pub struct Regrid {
    /// The new latitudes and longitudes.
    pub target: Target,
    /// Further axes by name, each with its new labels: values between the old ones are linear, or nearest.
    pub axes: Vec<(String, Vec<f64>)>,
    /// How values follow from those of the dataset.
    pub method: Method,
    /// For the conservative method: the part of a new cell's area that must not be missing.
    pub min_fraction: Option<f64>,
}

/// New latitudes and longitudes.
#[derive(Clone, Debug)]
pub enum Target {
    /// Those of the dataset.
    Own,
    /// As many longitudes from 0 eastwards and latitudes from south to north as cover the globe in regular cells: the grids
    /// that CDO calls `r<longitudes>x<latitudes>`. If the latitudes are odd in number, the outer ones are the poles.
    Global {
        /// How many around the globe.
        longitudes: usize,
        /// How many from pole to pole.
        latitudes: usize,
    },
    /// Those of another dataset, with their bounds.
    Like(Arc<Dataset>),
}

/// A column whose values are computed from those of another dataset.
#[derive(Clone, Debug)]
pub(crate) struct Regridded {
    base: Arc<Dataset>,
    /// By position in the base.
    variable: usize,
    /// For each dimension its weights, if it is replaced.
    along: Vec<Option<Arc<AxisWeights>>>,
    rule: Rule,
}

/// What becomes of the values that a new cell takes.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// It takes one.
    Pick,
    /// Their weighted sum; missing if one of them is.
    All,
    /// A list of all of them.
    Corners,
    /// Their weighted mean over what is not missing; missing if that is less than this part of the cell.
    Area(f64),
}

impl Rule {
    fn new(regrid: &Regrid) -> Self {
        match regrid.method {
            Method::Nearest => Self::Pick,
            Method::Linear => Self::All,
            Method::Conservative => Self::Area(regrid.min_fraction.unwrap_or(MIN_FRACTION)),
        }
    }
}

impl Dataset {
    /// This dataset on other axes. Dimensions keep their names and their order, labels their attributes, variables their
    /// types; but integers become doubles, unless the method is [`Method::Nearest`]. Variables that cannot be computed
    /// (texts, times, coordinates in several dimensions) are left out, with a warning. Reads labels only.
    ///
    /// # Errors
    /// If there is no such axis, its labels are not numbers, or latitude and longitude are not one-dimensional.
    pub fn regrid(self: &Arc<Self>, regrid: &Regrid) -> Result<Self> {
        if regrid.method == Method::Conservative && !regrid.axes.is_empty() {
            // A mean over an area leaves out what is missing; a value between two labels needs both.
            let points = Regrid { target: Target::Own, method: Method::Linear, ..regrid.clone() };
            let areas = Regrid { axes: Vec::new(), ..regrid.clone() };
            return Arc::new(self.regrid(&points)?).regrid(&areas);
        }
        let axes = axes::new_axes(self, regrid)?;
        let mut builder = Builder { base: self, axes: &axes, rule: Rule::new(regrid), built: Built::default() };
        for variable in 0..self.schema().variables.len() {
            builder.add(variable);
        }
        axes.iter().for_each(|axis| builder.add_bounds(axis));
        Ok(builder.finish())
    }
}

/// The variables of a dataset on other axes.
#[derive(Default)]
struct Built {
    variables: Vec<Variable>,
    columns: Vec<Column>,
    values: Vec<OnceLock<ArrayRef>>,
    /// For each variable of the base its new position.
    places: Vec<Option<usize>>,
    left_out: Vec<String>,
}

struct Builder<'a> {
    base: &'a Arc<Dataset>,
    axes: &'a [NewAxis],
    rule: Rule,
    built: Built,
}

impl Builder<'_> {
    fn add(&mut self, at: usize) {
        let about = &self.base.schema().variables[at];
        self.built.places.push(Some(self.built.variables.len()));
        if let Some(axis) = self.axes.iter().find(|axis| axis.coordinate == at) {
            let mut label = Variable { field: self.label_field(axis, about), ..about.clone() };
            if label.data_type() != about.data_type() {
                (label.stored_type, label.stored_size) = ("double".into(), size_of::<f64>());
            }
            self.push_values(label, &axis.labels);
        } else if !about.dims.iter().any(|dim| self.axis_of(*dim).is_some()) {
            let column = self.base.layout.columns[at].clone();
            self.push(about.clone(), column, self.base.values[at].clone());
        } else if let Some(ty) = self.computed_type(about) {
            let field = about.field.clone().with_data_type(ty);
            self.push(Variable { field, ..about.clone() }, self.computed(at), OnceLock::new());
        } else {
            self.built.places[at] = None;
            if matches!(about.role, Role::Data | Role::AuxiliaryCoordinate) {
                self.built.left_out.push(about.name.clone());
            }
        }
    }

    fn push(&mut self, variable: Variable, column: Column, values: OnceLock<ArrayRef>) {
        self.built.variables.push(variable);
        self.built.columns.push(column);
        self.built.values.push(values);
    }

    /// A variable over one dimension, or none, whose values are known.
    fn push_values(&mut self, variable: Variable, values: &ArrayRef) {
        let column = Column {
            joins: vec![None; variable.dims.len()],
            source: Source::Values(Arc::clone(values)),
            chunks: ChunkGrid::new(variable.dims.iter().map(|_| AxisChunks::whole(values.len())).collect()),
            storage: VariableStorage {
                stored_type: variable.stored_type.clone(),
                storage: "computed".into(),
                uniform: true,
                ..VariableStorage::default()
            },
        };
        self.push(variable, column, OnceLock::from(Arc::clone(values)));
    }

    fn axis_of(&self, dim: usize) -> Option<&NewAxis> {
        self.axes.iter().find(|axis| axis.dim == dim)
    }

    /// The labels of a new axis have the attributes of the old ones, but for those that tell of its values.
    fn label_field(&self, axis: &NewAxis, about: &Variable) -> Field {
        const OF_VALUES: [&str; 7] =
            ["bounds", "valid_min", "valid_max", "valid_range", "actual_range", "_FillValue", "missing_value"];
        let mut metadata = about.field.metadata().clone();
        metadata.retain(|name, _| !OF_VALUES.contains(&name.as_str()));
        if axis.bounds.is_some() {
            metadata.insert("bounds".to_string(), self.bounds_name(about));
        }
        Field::new(&about.name, axis.labels.data_type().clone(), true).with_metadata(metadata)
    }

    /// The name of the bounds of an axis: as before, if there were any.
    fn bounds_name(&self, about: &Variable) -> String {
        let known = about.attribute("bounds").and_then(|name| self.base.schema().find(name).ok());
        known.map_or_else(|| format!("{}_bnds", about.name), |at| self.base.schema().variables[at].name.clone())
    }

    fn add_bounds(&mut self, axis: &NewAxis) {
        let Some(bounds) = &axis.bounds else { return };
        let about = &self.base.schema().variables[axis.coordinate];
        let name = self.bounds_name(about);
        if self.built.variables.iter().any(|known| known.name.eq_ignore_ascii_case(&name)) {
            return;
        }
        let variable = Variable {
            path: name.clone(),
            dims: vec![axis.dim],
            role: Role::Bounds,
            field: Field::new(&name, bounds.data_type().clone(), true),
            stored_size: 2 * size_of::<f64>(),
            stored_type: "double".into(),
            name,
        };
        self.push_values(variable, bounds);
    }

    /// The type of what is computed for a variable; none if nothing can be.
    fn computed_type(&self, about: &Variable) -> Option<DataType> {
        let is_time = about.field.metadata().get("ARROW:extension:name").is_some_and(|name| name == CALENDAR_EXTENSION);
        match (about.role, self.rule, about.data_type()) {
            (Role::Data, Rule::Pick, ty) => Some(ty.clone()),
            (_, Rule::Corners, _) => None,
            (Role::Data, Rule::All | Rule::Area(_), DataType::Float32) => Some(DataType::Float32),
            (Role::Data, Rule::All | Rule::Area(_), ty) if ty.is_numeric() && !is_time => Some(DataType::Float64),
            _ => None,
        }
    }

    fn computed(&self, variable: usize) -> Column {
        let (dims, base) = (&self.base.schema().variables[variable].dims, &self.base.layout.columns[variable]);
        let weights = |dim: &usize| self.axis_of(*dim).map(|axis| Arc::clone(&axis.weights));
        let along: Vec<Option<Arc<AxisWeights>>> = dims.iter().map(weights).collect();
        // What is computed may come from all files along an axis that is replaced.
        let joins = base.joins.iter().zip(&along).map(|(join, along)| join.filter(|_| along.is_none())).collect();
        let chunks = chunks::cut(&base.chunks, &along, 1);
        let computed = Regridded { base: Arc::clone(self.base), variable, along, rule: self.rule };
        Column { joins, chunks, source: Source::Regridded(computed), storage: base.storage.clone() }
    }

    fn finish(self) -> Dataset {
        let (base, Built { variables, columns, values, places, left_out }) = (self.base, self.built);
        let mut dimensions = base.schema().dimensions.clone();
        for dim in &mut dimensions {
            dim.coordinate = dim.coordinate.and_then(|at| places[at]);
        }
        self.axes.iter().for_each(|axis| dimensions[axis.dim].len = axis.labels.len());
        let mut warnings = base.warnings().to_vec();
        if !left_out.is_empty() {
            warnings.push(format!("left out, as they cannot be regridded: {}", left_out.join(", ")));
        }
        let schema = DatasetSchema { dimensions, variables, attributes: base.schema().attributes.clone() };
        let joins = base.layout.joins.clone();
        let layout = Layout { schema, columns, joins, known: Vec::new(), warnings };
        Dataset { handles: Arc::clone(&base.handles), layout, values, room: base.room.clone() }
    }
}

impl Regridded {
    /// Computes the cells of a region.
    ///
    /// # Errors
    /// As reading those that they take.
    pub(crate) fn read(&self, region: &Region, ty: &DataType, block: &mut Block, metrics: &ReadMetrics) -> Result<()> {
        let mut scratch = std::mem::take(&mut block.scratch);
        let values = read::values(self, region, ty, &mut scratch, metrics);
        block.scratch = scratch;
        block.hold(region.clone(), ty, Content::Values(values?));
        Ok(())
    }

    /// The cells of the base that those of a region take.
    fn sources(&self, region: &Region) -> Region {
        let along = self.along.iter().zip(region.sets());
        Region::new(along.map(|(along, set)| along.as_ref().map_or_else(|| set.clone(), |w| w.sources(set))).collect())
    }

    /// What is read of files for the cells of a region, and how that is cut.
    pub(crate) fn stored(&self, region: &Region) -> (Region, ChunkGrid) {
        self.base.stored(self.variable, &self.sources(region))
    }

    /// How many chunks of files are read for more than one piece of the column, each time after the first.
    pub(crate) fn read_again(&self, region: &Region, pieces: &ChunkGrid) -> usize {
        let (sources, chunks) = (self.sources(region), self.base.chunk_grid(self.variable));
        let along = self.along.iter().zip(region.sets()).zip(pieces.axes()).zip(chunks.axes());
        let reads = along.map(|(((along, set), pieces), chunks)| {
            let part = |piece: usize| {
                let set = set.clip(&pieces.range(piece));
                chunks.meeting(&along.as_ref().map_or(set.clone(), |weights| weights.sources(&set))).len()
            };
            pieces.meeting(set).iter().map(part).sum::<usize>()
        });
        let again = reads.product::<usize>().saturating_sub(chunks.count_meeting(&sources));
        again + self.base.read_again(self.variable, &sources)
    }

    /// Fills the gaps of a region where that meets no other chunk: of the column, and of the base.
    pub(crate) fn covering(&self, region: &Region, chunks: &ChunkGrid) -> Region {
        let stored = self.base.chunk_grid(self.variable);
        let axes = self.along.iter().zip(region.sets()).zip(chunks.axes()).zip(stored.axes());
        let filled = axes.map(|(((along, set), own), stored)| {
            let filled = own.covering(set);
            let adds = |weights: &Arc<AxisWeights>| {
                stored.meeting(&weights.sources(&filled)) != stored.meeting(&weights.sources(set))
            };
            // Each corner that nobody asked for would be held as often as it is one.
            let is_kept = matches!(self.rule, Rule::Corners) && along.is_some() || along.as_ref().is_some_and(adds);
            if is_kept { set.clone() } else { filled }
        });
        Region::new(filled.collect())
    }
}
