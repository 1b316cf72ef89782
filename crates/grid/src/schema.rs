//! The dimensions and variables of a dataset, as planning sees them: names, types and roles, never values.

use crate::regrid::Geometry;
use arrow::datatypes::{DataType, Field};

/// A named axis of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Dimension {
    /// Its name; within groups, its full path without a leading slash where the short name is not unique.
    pub name: String,
    /// The number of positions.
    pub len: usize,
    /// The variable (by position in [`DatasetSchema::variables`]) that labels it, if any. Without one, the
    /// dimension is a column of its 0-based index.
    pub coordinate: Option<usize>,
    /// Whether its positions are rows. False for dimensions that only bounds, character strings and the like use.
    pub multiplies_rows: bool,
}

/// What a variable is for (SEMANTICS section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Measured or computed values: decides the grid of a query, is part of `*`.
    Data,
    /// One-dimensional labels of the dimension it lies on.
    DimensionCoordinate,
    /// Labels over other dimensions, such as two-dimensional latitude; part of `*` where it lies on the grid.
    AuxiliaryCoordinate,
    /// Cell bounds; a fixed-size list over the dimensions of what it bounds. A column by name only.
    Bounds,
    /// Scalar coordinates, grid mappings, row sizes, `filename`, parts of `key=value` folders: columns by name only.
    Hidden,
}

/// A column of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// The name under which it is shown: its last path part if that is unique, otherwise its path.
    pub name: String,
    /// Its path in the file without a leading slash; the same as `name` outside of groups.
    pub path: String,
    /// The dimensions it lies on, by position in [`DatasetSchema::dimensions`], in stored order; string-length and
    /// bounds dimensions left out.
    pub dims: Vec<usize>,
    /// What it is for.
    pub role: Role,
    /// The type after decoding (nullable), and its CF attributes as metadata. Timestamps of a CF calendar are `Int64` with
    /// the extension name [`CALENDAR_EXTENSION`].
    pub field: Field,
    /// The bytes that reading takes for each cell, which `EXPLAIN` counts: for text of any length those of a reference to it,
    /// for a member of a compound those of the compound; 0 where nothing is read.
    pub stored_size: usize,
    /// The type as stored, in netCDF's words ("short", "float", ...), for people.
    pub stored_type: String,
}

impl Variable {
    /// An attribute of the variable as text, such as `units`.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.field.metadata().get(name).map(String::as_str)
    }

    /// What kind of line it labels: latitude or longitude by units or standard name.
    pub fn geometry(&self) -> Geometry {
        Geometry::of(self.attribute("units"), self.attribute("standard_name"))
    }

    /// The decoded type.
    pub fn data_type(&self) -> &DataType {
        self.field.data_type()
    }

    /// Whether it holds longitudes, by its units or its standard name.
    pub fn is_longitude(&self) -> bool {
        is_longitude(self.attribute("units"), self.attribute("standard_name"))
    }
}

/// The name of the hidden variable that holds, for each cell of a variable, the values at the corners around a place within it.
pub fn corners_name(variable: &str) -> String {
    format!("{variable} (corners)")
}

/// Whether attributes say that values are latitudes; CF section 4.1 names all spellings of the units.
pub fn is_latitude(units: Option<&str>, standard_name: Option<&str>) -> bool {
    const UNITS: [&str; 6] = ["degrees_north", "degree_north", "degrees_n", "degree_n", "degreesn", "degreen"];
    says(units, &UNITS) || standard_name == Some("latitude")
}

/// Whether attributes say that values are longitudes; CF section 4.2 names all spellings of the units.
pub fn is_longitude(units: Option<&str>, standard_name: Option<&str>) -> bool {
    const UNITS: [&str; 6] = ["degrees_east", "degree_east", "degrees_e", "degree_e", "degreese", "degreee"];
    says(units, &UNITS) || standard_name == Some("longitude")
}

/// Files spell units in any case.
fn says(units: Option<&str>, known: &[&str]) -> bool {
    units.is_some_and(|units| known.iter().any(|known| known.eq_ignore_ascii_case(units)))
}

/// The Arrow extension name of a timestamp in a CF calendar: `Int64` microseconds since 1970-01-01 00:00 of that
/// calendar; the extension metadata is the calendar's CF name.
pub const CALENDAR_EXTENSION: &str = "hyperslab.timestamp";

/// What a dataset holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DatasetSchema {
    /// Its dimensions.
    pub dimensions: Vec<Dimension>,
    /// Its columns.
    pub variables: Vec<Variable>,
    /// Global attributes, in the order of the (first) file.
    pub attributes: Vec<(String, String)>,
}

impl DatasetSchema {
    /// The lengths of the dimensions `dims`.
    pub fn shape(&self, dims: &[usize]) -> Vec<usize> {
        dims.iter().map(|d| self.dimensions[*d].len).collect()
    }

    /// The variable that `name` means: by exact name, by exact path, or else without regard to case if that leaves one.
    ///
    /// # Errors
    /// The positions of all that match (none, or several that differ in case only).
    pub fn find(&self, name: &str) -> Result<usize, Vec<usize>> {
        let exact = |v: &Variable| v.name == name || v.path == name;
        if let Some(at) = self.variables.iter().position(exact) {
            return Ok(at);
        }
        let alike = |v: &Variable| v.name.eq_ignore_ascii_case(name) || v.path.eq_ignore_ascii_case(name);
        let found: Vec<usize> = (0..self.variables.len()).filter(|i| alike(&self.variables[*i])).collect();
        if let [one] = found[..] { Ok(one) } else { Err(found) }
    }

    /// The **grids**: the distinct dimension sets of data variables, each in the dimension order of its first variable.
    pub fn grids(&self) -> Vec<Vec<usize>> {
        let mut grids: Vec<Vec<usize>> = Vec::new();
        for v in self.variables.iter().filter(|v| v.role == Role::Data) {
            let same = |g: &Vec<usize>| g.len() == v.dims.len() && v.dims.iter().all(|d| g.contains(d));
            if !grids.iter().any(same) {
                grids.push(v.dims.clone());
            }
        }
        grids
    }
}
